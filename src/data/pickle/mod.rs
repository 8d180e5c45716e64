//! Pickles of Python 2 and 3, protocols 0 to 5, that hold arrays and plain containers.
//!
//! A pickle is a program that may call anything. This reader knows how six NumPy constructors build
//! their results and refuses every other name; it calls nothing.

mod machine;
mod nodes;
mod numpy;
mod scan;

use std::path::Path;
use std::sync::Arc;

use crate::data::numbers::Form;
use crate::data::open::{self, Stream};
use crate::data::{Array, DataError, Value};

/// Reads a pickle file, gzip or plain. Where `narrow` says so, arrays of float64 become float32.
pub fn read(path: &Path, narrow: bool) -> Result<Value, DataError> {
    machine::run(|| Stream::open(path), &open::display(path), narrow)
}

/// The same of bytes already read.
pub fn parse(bytes: &[u8], name: &str) -> Result<Value, DataError> {
    machine::run(|| Ok(Stream::of(bytes, name)), name, false)
}

/// The shape of every array in the file, with its place as [`arrays`] names it. A pickle has no
/// header, so the file is read all the same.
pub fn shape(path: &Path) -> Result<Vec<(String, Vec<usize>)>, DataError> {
    let found = arrays(read(path, false)?);
    Ok(found.into_iter().map(|(place, array)| (place, array.shape)).collect())
}

/// The arrays of nested containers with their places: `W` of a dict, `0.1` of a tuple in a tuple,
/// and the empty name where the value is itself an array. Lists of numbers count as arrays.
pub fn arrays(value: Value) -> Vec<(String, Array)> {
    let mut found = Vec::new();
    gather(value, String::new(), &mut found);
    found
}

// The depth of a `Value` is bounded where it is made, so recursion is safe here.
fn gather(value: Value, place: String, found: &mut Vec<(String, Array)>) {
    let inner = |key: &str| if place.is_empty() { key.to_string() } else { format!("{place}.{key}") };
    match value {
        Value::Array(array) => found.push((place, Arc::unwrap_or_clone(array))),
        Value::Dict(_) if stored(&value).is_some() => {
            found.extend(stored(&value).map(|array| (place, array)))
        }
        Value::Dict(entries) => {
            for (key, item) in entries {
                match key {
                    Value::Text(key) => gather(item, inner(&key), found),
                    Value::Int(key) => gather(item, inner(&key.to_string()), found),
                    _ => {}
                }
            }
        }
        Value::List(ref items) | Value::Tuple(ref items) => {
            let plain = |item: &Value| matches!(item, Value::Int(_) | Value::Float(_) | Value::Bool(_));
            let flat = items.iter().all(plain) && matches!(value, Value::List(_));
            if flat && !items.is_empty() {
                found.extend(value.into_array().ok().map(|array| (place, array)));
            } else if let Value::List(items) | Value::Tuple(items) = value {
                for (i, item) in items.into_iter().enumerate() {
                    gather(item, inner(&i.to_string()), found);
                }
            }
        }
        _ => {}
    }
}

/// The array of a dict of `dtype`, `shape` and `data`, the form that results are written in.
fn stored(value: &Value) -> Option<Array> {
    let Value::Text(descr) = value.entry("dtype")? else { return None };
    let Value::Bytes(data) = value.entry("data")? else { return None };
    let mut shape = Vec::new();
    for extent in value.entry("shape")?.items()? {
        let Value::Int(extent) = extent else { return None };
        shape.push(usize::try_from(*extent).ok()?);
    }
    let (dtype, big_endian) = crate::data::Dtype::from_descr(descr)?;
    Array::from_bytes(shape, Form::plain(dtype, big_endian), false, data.clone()).ok()
}
