//! Which comment belongs to which declaration.

use std::collections::HashMap;

use crate::source::Source;
use crate::syntax::lexer::{Kind, Token};

/// The comments of a text by line.
pub(super) struct Docs {
    /// Comments alone on their line.
    alone: HashMap<usize, String>,
    /// Comments after something on their line.
    trailing: HashMap<usize, String>,
    /// The first byte of every line.
    lines: Vec<usize>,
    /// The lines of the comment at the head of the file.
    head: std::ops::Range<usize>,
}

impl Docs {
    pub fn new(source: &Source, tokens: &[Token]) -> Docs {
        let text = source.text.as_str();
        let lines = std::iter::once(0).chain(text.match_indices('\n').map(|(i, _)| i + 1)).collect();
        let mut docs = Docs { alone: HashMap::new(), trailing: HashMap::new(), lines, head: 0..0 };
        let mut before = Kind::Newline;
        for token in tokens {
            if token.kind == Kind::Comment {
                let line = docs.line(token.start);
                let words = token.text(text);
                let words = words.strip_prefix("# ").or(words.strip_prefix('#')).unwrap_or(words);
                let kind = if before == Kind::Newline { &mut docs.alone } else { &mut docs.trailing };
                kind.insert(line, words.trim_end().to_owned());
            }
            before = token.kind;
        }
        let first = tokens.iter().find(|t| t.kind != Kind::Newline);
        if let Some(first) = first.filter(|t| t.kind == Kind::Comment) {
            let start = docs.line(first.start);
            let end = (start..).find(|l| !docs.alone.contains_key(l)).unwrap_or(start);
            docs.head = start..end;
        }
        docs
    }

    fn line(&self, at: usize) -> usize {
        self.lines.partition_point(|s| *s <= at) - 1
    }

    /// The comment at the head of the file.
    pub fn head(&self) -> Option<String> {
        self.join(self.head.clone())
    }

    fn join(&self, lines: std::ops::Range<usize>) -> Option<String> {
        let words: Vec<&str> = lines.filter_map(|l| self.alone.get(&l)).map(String::as_str).collect();
        (!words.is_empty()).then(|| words.join("\n"))
    }

    /// The comment of a declaration that begins at `start`: with `block`, the lines above before the
    /// one on its line, else the other way round.
    pub fn of(&self, start: usize, block: bool) -> Option<String> {
        let line = self.line(start);
        let mut first = line;
        while first > 0 && !self.head.contains(&(first - 1)) && self.alone.contains_key(&(first - 1)) {
            first -= 1;
        }
        let above = self.join(first..line);
        let beside = self.trailing.get(&line).cloned();
        if block { above.or(beside) } else { beside.or(above) }
    }
}
