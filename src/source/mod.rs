//! Source texts, spans in them, and the map from byte offsets to lines and columns.
//!
//! Every later form (syntax tree, program, tensor IR) refers to text by [`Span`]: a file's dense
//! index and a byte range. Columns are counted in characters from 1, a tab being one character.

use std::path::{Component, Path, PathBuf};
use std::sync::Arc;

/// Dense index of a source text in its [`SourceMap`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct FileId(pub u32);

/// A byte range `start..end` of one source text.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Span {
    /// The text.
    pub file: FileId,
    /// First byte.
    pub start: u32,
    /// One past the last byte.
    pub end: u32,
}

impl Span {
    /// The span `start..end` of `file`.
    pub fn new(file: FileId, start: usize, end: usize) -> Span {
        Span { file, start: start as u32, end: end as u32 }
    }

    /// The smallest span that covers both; `self` if they lie in different texts.
    pub fn to(self, other: Span) -> Span {
        if self.file != other.file {
            return self;
        }
        Span { file: self.file, start: self.start.min(other.start), end: self.end.max(other.end) }
    }
}

/// One source text with its name as messages show it.
#[derive(Debug)]
pub struct Source {
    /// Its index.
    pub id: FileId,
    /// The name in messages: a path as the user gave it, or `std.layers`.
    pub name: String,
    /// Where it was read from; none for an embedded module or a `--set` value.
    pub path: Option<PathBuf>,
    /// The text. A byte order mark has been removed, and CR LF kept as it is.
    pub text: String,
    line_starts: Vec<u32>,
}

/// A place in a text as people count: both from 1, the column in characters.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct LineColumn {
    /// Line, from 1.
    pub line: usize,
    /// Column in characters, from 1.
    pub column: usize,
}

impl Source {
    fn new(id: FileId, name: String, path: Option<PathBuf>, text: String) -> Source {
        let text = match text.strip_prefix('\u{feff}') {
            Some(rest) => rest.to_owned(),
            None => text,
        };
        let line_starts = std::iter::once(0)
            .chain(text.bytes().enumerate().filter(|(_, b)| *b == b'\n').map(|(i, _)| i as u32 + 1))
            .collect();
        Source { id, name, path, text, line_starts }
    }

    /// Line and column of a byte offset; an offset past the end counts as the end.
    pub fn line_column(&self, offset: u32) -> LineColumn {
        let offset = (offset as usize).min(self.text.len());
        let line = self.line_starts.partition_point(|s| *s as usize <= offset);
        let start = self.line_starts[line - 1] as usize;
        let column =
            self.text.char_indices().skip_while(|(i, _)| *i < start).take_while(|(i, _)| *i < offset).count();
        LineColumn { line, column: column + 1 }
    }

    /// The text of a line (from 1) without its end.
    pub fn line(&self, line: usize) -> &str {
        let start = self.line_starts[line - 1] as usize;
        let end = self.line_starts.get(line).map_or(self.text.len(), |e| *e as usize);
        self.text[start..end].trim_end_matches(['\n', '\r'])
    }

    /// The text of a span of this source.
    pub fn slice(&self, span: Span) -> &str {
        self.text.get(span.start as usize..span.end as usize).unwrap_or("")
    }
}

/// Where what a file names is looked for: in its folder, then in the folder above, so that programs in
/// a folder of their own share modules and data with those beside it.
pub fn near(folder: &Path) -> [PathBuf; 2] {
    let above = match folder.components().next_back() {
        Some(Component::Normal(_)) => folder.parent().map(Path::to_owned).unwrap_or_default(),
        _ => folder.join(".."),
    };
    [folder.to_owned(), above]
}

/// All the texts of one compilation, by dense index.
#[derive(Clone, Debug, Default)]
pub struct SourceMap {
    files: Vec<Arc<Source>>,
}

impl SourceMap {
    /// Adds a text and gives it its index.
    pub fn add(
        &mut self,
        name: impl Into<String>,
        path: Option<PathBuf>,
        text: impl Into<String>,
    ) -> Arc<Source> {
        let id = FileId(self.files.len() as u32);
        let source = Arc::new(Source::new(id, name.into(), path, text.into()));
        self.files.push(Arc::clone(&source));
        source
    }

    /// The text of an index this map gave out.
    pub fn get(&self, id: FileId) -> &Arc<Source> {
        &self.files[id.0 as usize]
    }

    /// All texts, in the order of their indices.
    pub fn all(&self) -> impl Iterator<Item = &Arc<Source>> {
        self.files.iter()
    }

    /// `file:line:column` of a span's start, as messages and logs write it.
    pub fn place(&self, span: Span) -> String {
        let source = self.get(span.file);
        let at = source.line_column(span.start);
        format!("{}:{}:{}", source.name, at.line, at.column)
    }

    /// The text a span covers.
    pub fn text(&self, span: Span) -> &str {
        self.get(span.file).slice(span)
    }
}
