//! Arrays from files: where a path is looked up, what a [`RawSource`] takes out of a file, and the
//! comparison of what is there with what the program declares.

use super::view::{Loaded, View};
use crate::data::{Array, DataError, Value, csv, idx, npy, npz, pickle, picture};
use crate::diag::{Diagnostic, codes};
use crate::ir::{DType, Type};
use crate::program::{Raw, RawSource, Reader};
use crate::source::{Span, near};
use std::path::{Path, PathBuf};
use std::sync::Arc;

/// Files read so far, each once. A path is looked up beside the program, in the folder above,
/// then in the current folder.
#[derive(Debug)]
pub struct Files {
    folder: PathBuf,
    narrow: bool,
    read: Vec<(Reader, String, Content)>,
}

/// What a reader gives.
#[derive(Clone, Debug)]
enum Content {
    Value(Value),
    Array(Arc<Array>),
    Named(Vec<(String, Arc<Array>)>),
}

/// Something inside a file, and how messages name the way to it: `[0][1]`, `.x`.
struct Held<'a> {
    thing: Thing<'a>,
    way: String,
    file: &'a str,
}

enum Thing<'a> {
    Value(&'a Value),
    Array(View),
    Named(&'a [(String, Arc<Array>)]),
}

impl Files {
    /// No file yet; `folder` is the program file's.
    pub fn new(folder: &Path) -> Files {
        Files { folder: folder.to_owned(), narrow: false, read: Vec::new() }
    }

    /// From here on float64 in files is float32 as soon as it is read, or not: each number is rounded once either way.
    pub fn narrow(&mut self, narrow: bool) {
        self.narrow = narrow;
    }

    /// The shape of an array in a file, for extents that the program leaves to it.
    pub fn shape(&mut self, source: &RawSource) -> Result<Vec<usize>, Diagnostic> {
        Ok(self.array(source)?.0.shape().to_vec())
    }

    /// An array, to be taken with the type that its declaration gives it.
    pub fn loaded(&mut self, raw: &Raw, ty: &Type) -> Result<Loaded, Diagnostic> {
        let (view, place) = self.array(&raw.source)?;
        if view.shape() != ty.shape {
            return Err(other_shape(raw, ty, view.shape(), &place));
        }
        view.load(ty).map_err(|error| {
            let span = raw.span;
            Diagnostic::from(error).label(span, format!("{} is {}", raw.name, raw.ty.elem.name())).note(place)
        })
    }

    /// Forgets the contents of files, but for those that `keep` says.
    pub fn forget(&mut self, keep: impl Fn(Reader, &str) -> bool) {
        self.read.retain(|(reader, path, _)| keep(*reader, path));
    }

    /// The array of a source, and its place for messages.
    fn array(&mut self, source: &RawSource) -> Result<(View, String), Diagnostic> {
        let (reader, path, span) = call(source);
        self.load(reader, path, span)?;
        let found = self.read.iter().find(|(r, p, _)| *r == reader && p == path);
        let (_, name, content) = found.expect("the file has just been read");
        let mistake = |error: DataError| Diagnostic::from(error).label(span, "");
        let held = follow(source, content, name).map_err(mistake)?;
        let place = held.place();
        let array = match held.thing {
            Thing::Array(array) => array,
            Thing::Value(value) => match value {
                Value::Array(array) => View::of(array),
                other => View::of(&Arc::new(
                    other.clone().into_array().map_err(|e| mistake(e.note(place.clone())))?,
                )),
            },
            Thing::Named(members) => {
                let names: Vec<&str> = members.iter().map(|(name, _)| name.as_str()).collect();
                let title = format!("{place} is an archive, not an array");
                return Err(Diagnostic::error(codes::DATA_VALUE, title)
                    .label(span, "")
                    .note(format!("it has {}", names.join(", ")))
                    .help(
                        names.first().map_or_else(String::new, |n| format!("take a member, such as .{n}")),
                    ));
            }
        };
        Ok((array, place))
    }

    fn load(&mut self, reader: Reader, path: &str, span: Span) -> Result<(), Diagnostic> {
        if self.read.iter().any(|(r, p, _)| *r == reader && p == path) {
            return Ok(());
        }
        let at = {
            let [beside, above] = near(&self.folder);
            find(&[&beside, &above, Path::new("")], path)
        }
        .map_err(|error| Diagnostic::from(error).label(span, "is read here"))?;
        let narrow = self.narrow;
        let one = |array| Content::Array(Arc::new(array));
        let content = match reader {
            Reader::Pickle => pickle::read(&at, narrow).map(Content::Value),
            Reader::Idx => idx::read(&at, narrow).map(one),
            Reader::Npy => npy::read(&at, narrow).map(one),
            Reader::Npz => npz::read(&at, narrow).map(|members| {
                Content::Named(members.into_iter().map(|(name, array)| (name, Arc::new(array))).collect())
            }),
            Reader::Csv => csv::read(&at).map(|table| one(table.rows)),
            Reader::Png => picture::read(&at).map(one),
        };
        let content = content.map_err(|error| Diagnostic::from(error).label(span, "is read here"))?;
        self.read.push((reader, path.to_owned(), content));
        Ok(())
    }
}

/// The shape of an array in a file.
pub fn raw_shape(source: &RawSource, folder: &Path) -> Result<Vec<usize>, Diagnostic> {
    Files::new(folder).shape(source)
}

/// The first of the folders that has the file; otherwise an error that lists where it was looked for.
pub fn find(folders: &[&Path], path: &str) -> Result<PathBuf, DataError> {
    let mut tried: Vec<PathBuf> = Vec::new();
    for folder in folders {
        let at = folder.join(path);
        if at.exists() {
            return Ok(at);
        }
        if !tried.contains(&at) {
            tried.push(at);
        }
    }
    let mut error = DataError::new(codes::DATA_FILE, format!("there is no file {path}"));
    for at in tried {
        let absolute = std::path::absolute(&at).unwrap_or(at);
        error = error.note(format!("looked for {}", absolute.display()));
    }
    Err(error.help("put the file in one of these places, or give another path"))
}

/// The reader's call at the bottom of a source.
pub fn call(source: &RawSource) -> (Reader, &str, Span) {
    match source {
        RawSource::Read { reader, path, span } => (*reader, path, *span),
        RawSource::Item(of, _)
        | RawSource::Field(of, _)
        | RawSource::SliceFirst(of, ..)
        | RawSource::Reshape(of, _) => call(of),
    }
}

impl Held<'_> {
    /// `data/digits.pkl.gz, element [0][0]`.
    fn place(&self) -> String {
        if self.way.is_empty() {
            return self.file.to_owned();
        }
        format!("{}, element {}", self.file, self.way)
    }

    fn refuse(&self, what: String) -> DataError {
        DataError::value(format!("{}: {what}", self.place()))
    }
}

fn follow<'a>(source: &RawSource, content: &'a Content, file: &'a str) -> Result<Held<'a>, DataError> {
    match source {
        RawSource::Read { .. } => {
            let thing = match content {
                Content::Value(Value::Array(array)) | Content::Array(array) => Thing::Array(View::of(array)),
                Content::Value(value) => Thing::Value(value),
                Content::Named(members) => Thing::Named(members),
            };
            Ok(Held { thing, way: String::new(), file })
        }
        RawSource::Item(of, at) => {
            let held = follow(of, content, file)?;
            let thing = item(&held, *at)?;
            Ok(Held { thing, way: format!("{}[{at}]", held.way), file })
        }
        RawSource::Field(of, name) => {
            let held = follow(of, content, file)?;
            let thing = field(&held, name)?;
            Ok(Held { thing, way: format!("{}.{name}", held.way), file })
        }
        RawSource::SliceFirst(of, start, end) => {
            let mut held = array_of(follow(of, content, file)?)?;
            let Thing::Array(array) = &held.thing else { unreachable!("made an array") };
            let end = end.unwrap_or_else(|| array.shape().first().copied().unwrap_or(0));
            let part = array.slice_first(*start..end).map_err(|e| held.refuse(e.title))?;
            held.way += &format!("[{start}..{end}]");
            Ok(Held { thing: Thing::Array(part), ..held })
        }
        RawSource::Reshape(of, shape) => {
            let held = array_of(follow(of, content, file)?)?;
            let place = held.place();
            let Thing::Array(array) = held.thing else { unreachable!("made an array") };
            let array = array.reshape(shape.clone());
            let array = array.map_err(|e| DataError::value(format!("{place}: {}", e.title)))?;
            Ok(Held { thing: Thing::Array(array), way: held.way, file })
        }
    }
}

/// The same thing as an array: nested lists of numbers are one.
fn array_of(held: Held<'_>) -> Result<Held<'_>, DataError> {
    let Thing::Value(value) = held.thing else {
        return match held.thing {
            Thing::Named(_) => Err(held.refuse("is an archive, not an array".to_owned())),
            Thing::Array(_) | Thing::Value(_) => Ok(held),
        };
    };
    let array = value.clone().into_array().map_err(|e| held.refuse(e.title))?;
    Ok(Held { thing: Thing::Array(View::of(&Arc::new(array))), ..held })
}

fn from_value(value: &Value) -> Thing<'_> {
    match value {
        Value::Array(array) => Thing::Array(View::of(array)),
        Value::List(_)
        | Value::Tuple(_)
        | Value::Dict(_)
        | Value::Int(_)
        | Value::Float(_)
        | Value::Text(_)
        | Value::Bytes(_)
        | Value::Bool(_)
        | Value::None => Thing::Value(value),
    }
}

fn item<'a>(held: &Held<'a>, at: usize) -> Result<Thing<'a>, DataError> {
    match &held.thing {
        Thing::Value(value) => {
            let Some(items) = value.items() else {
                return Err(held.refuse(format!("is {}, it has no element [{at}]", value.kind())));
            };
            let missing = || held.refuse(format!("has {} elements, there is no [{at}]", items.len()));
            items.get(at).map(from_value).ok_or_else(missing)
        }
        Thing::Array(array) => {
            let part = array.slice_first(at..at + 1).map_err(|e| held.refuse(e.title))?;
            let rest = part.shape()[1..].to_vec();
            Ok(Thing::Array(part.reshape(rest)?))
        }
        Thing::Named(members) => {
            let missing = || held.refuse(format!("has {} members, there is no [{at}]", members.len()));
            members.get(at).map(|(_, array)| Thing::Array(View::of(array))).ok_or_else(missing)
        }
    }
}

fn field<'a>(held: &Held<'a>, name: &str) -> Result<Thing<'a>, DataError> {
    let (found, has): (Option<Thing<'a>>, Vec<String>) = match &held.thing {
        Thing::Value(value) => {
            let keys = match value {
                Value::Dict(entries) => entries.iter().filter_map(|(key, _)| match key {
                    Value::Text(text) => Some(text.clone()),
                    _ => None,
                }),
                other => return Err(held.refuse(format!("is {}, it has no `{name}`", other.kind()))),
            };
            (value.entry(name).map(from_value), keys.collect())
        }
        Thing::Named(members) => {
            let found = members.iter().find(|(n, _)| n == name);
            (
                found.map(|(_, array)| Thing::Array(View::of(array))),
                members.iter().map(|(n, _)| n.clone()).collect(),
            )
        }
        Thing::Array(_) => return Err(held.refuse(format!("is an array, it has no `{name}`"))),
    };
    found.ok_or_else(|| {
        held.refuse(format!("there is no `{name}`")).note(format!("there are {}", has.join(", ")))
    })
}

/// The message for data of another shape: what is declared, what is there, and both ways out.
fn other_shape(raw: &Raw, ty: &Type, found: &[usize], place: &str) -> Diagnostic {
    let field = raw.name.rsplit('.').next().unwrap_or(&raw.name);
    let declared = &ty.shape;
    let error = Diagnostic::error(codes::DATA_SHAPE, "the data is not what the program declares")
        .label(raw.span, format!("declared {declared:?}"))
        .note(format!("{place}, holds {found:?}"));
    if found.len() == declared.len() {
        let exact: Vec<String> = found.iter().map(|n| spelled(*n)).collect();
        let open: Vec<String> =
            declared.iter().zip(found).map(|(d, f)| if d == f { spelled(*f) } else { "_".into() }).collect();
        return error.help(format!(
            "{field}[{}], or {field}[{}] to take what is there",
            exact.join(", "),
            open.join(", ")
        ));
    }
    let written: Vec<String> = declared.iter().map(|n| spelled(*n)).collect();
    match found {
        [n, 1] if declared == &[*n] => {
            error.help(format!("reshape(…, [{}]) drops the axis of 1", spelled(*n)))
        }
        [n, k] if declared == &[*n] && ty.dtype == DType::I32 => {
            error.help(format!("argmax(…, axis: -1), if these are {k} columns with a 1 for the class"))
        }
        _ if found.iter().product::<usize>() == ty.elements() => {
            error.help(format!("reshape(…, [{}]), which has as many elements", written.join(", ")))
        }
        _ => {
            let exact: Vec<String> = found.iter().map(|n| spelled(*n)).collect();
            error.help(format!("{field}[{}], if this is the array that is meant", exact.join(", ")))
        }
    }
}

/// A whole number as the language spells it: `60_000`.
fn spelled(n: usize) -> String {
    let digits = n.to_string();
    if digits.len() < 5 {
        return digits;
    }
    let mut out = String::new();
    for (i, digit) in digits.chars().enumerate() {
        if i > 0 && (digits.len() - i).is_multiple_of(3) {
            out.push('_');
        }
        out.push(digit);
    }
    out
}
