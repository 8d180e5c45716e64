//! safetensors: named arrays after a JSON header.

use std::borrow::Cow;
use std::collections::BTreeMap;
use std::path::Path;

use ::safetensors::tensor::{Dtype as FileType, SafeTensors, View};

use crate::data::numbers::Form;
use crate::data::{Array, DataError, Dtype, open};

/// Reads all arrays of a file, in the order of their bytes.
pub fn read(path: &Path) -> Result<Vec<(String, Array)>, DataError> {
    parse(&open::whole(path)?, &open::display(path))
}

/// The same of bytes already read.
pub fn parse(bytes: &[u8], name: &str) -> Result<Vec<(String, Array)>, DataError> {
    let file = SafeTensors::deserialize(bytes)
        .map_err(|error| DataError::format(name, format!("not a readable safetensors file: {error}")))?;
    let mut views = file.tensors();
    let start = bytes.as_ptr() as usize;
    views.sort_by_key(|(key, view)| (view.data().as_ptr() as usize - start, key.clone()));
    let mut found = Vec::new();
    for (key, view) in views {
        let Some((_, dtype)) = TYPES.iter().find(|(file_type, _)| *file_type == view.dtype()) else {
            let what =
                format!("the array `{}` has the unsupported type {}", key.escape_debug(), view.dtype());
            return Err(DataError::format(name, what));
        };
        let array =
            Array::from_bytes(view.shape().to_vec(), Form::plain(*dtype, false), false, view.data().to_vec())
                .map_err(|what| DataError::format(name, format!("`{}`: {what}", key.escape_debug())))?;
        found.push((key, array));
    }
    Ok(found)
}

/// Names and shapes by the header alone, in the order of the names.
pub fn shape(path: &Path) -> Result<Vec<(String, Vec<usize>)>, DataError> {
    let name = open::display(path);
    let mut reader = open::reader(path)?;
    let unreadable = |reason: &std::io::Error| DataError::cannot_read(path, reason);
    let (mut bytes, result) = open::read_up_to(&mut reader, 8);
    result.map_err(|reason| unreadable(&reason))?;
    let size = bytes.drain(..).rev().fold(0u64, |n, byte| (n << 8) | u64::from(byte));
    let (header, result) = open::read_up_to(&mut reader, size.min(MAX_HEADER) as usize);
    result.map_err(|reason| unreadable(&reason))?;
    // The library looks at headers only together with all the data.
    let entries: BTreeMap<String, serde_json::Value> = serde_json::from_slice(&header)
        .map_err(|error| DataError::format(&name, format!("not a readable safetensors file: {error}")))?;
    let mut found = Vec::new();
    for (key, entry) in entries {
        if key != "__metadata__" {
            let shape = serde_json::from_value(entry["shape"].clone())
                .map_err(|error| DataError::format(&name, format!("the shape of an array: {error}")))?;
            found.push((key, shape));
        }
    }
    Ok(found)
}

/// The bytes of a file of these arrays.
pub fn encode(arrays: &[(String, Array)]) -> Result<Vec<u8>, String> {
    let named = arrays.iter().map(|(name, array)| (name.as_str(), Stored(array)));
    ::safetensors::serialize(named, None).map_err(|error| error.to_string())
}

/// The format's own limit.
const MAX_HEADER: u64 = 100_000_000;

const TYPES: [(FileType, Dtype); 11] = [
    (FileType::BOOL, Dtype::Bool),
    (FileType::U8, Dtype::U8),
    (FileType::I8, Dtype::I8),
    (FileType::U16, Dtype::U16),
    (FileType::I16, Dtype::I16),
    (FileType::U32, Dtype::U32),
    (FileType::I32, Dtype::I32),
    (FileType::U64, Dtype::U64),
    (FileType::I64, Dtype::I64),
    (FileType::F32, Dtype::F32),
    (FileType::F64, Dtype::F64),
];

struct Stored<'a>(&'a Array);

impl View for Stored<'_> {
    fn dtype(&self) -> FileType {
        let own = self.0.dtype();
        TYPES.iter().find(|(_, dtype)| *dtype == own).map_or(FileType::F64, |(file_type, _)| *file_type)
    }

    fn shape(&self) -> &[usize] {
        &self.0.shape
    }

    fn data(&self) -> Cow<'_, [u8]> {
        Cow::Owned(self.0.data.to_le_bytes())
    }

    fn data_len(&self) -> usize {
        self.0.byte_len()
    }
}
