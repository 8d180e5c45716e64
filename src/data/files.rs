//! Named arrays in a file whose extension decides its format.

use std::collections::HashSet;
use std::path::Path;

use serde::ser::{Serialize, SerializeMap, SerializeTuple, Serializer};

use crate::data::{Array, DataError, atomic, npz, open, pickle, safetensors};
use crate::diag::codes;

/// Writes the arrays as `.npz`, `.safetensors` or `.pkl`, atomically.
///
/// The pickle is a dict from names to dicts of `dtype`, `shape` and `data`: plain containers that
/// Python reads without NumPy, and `numpy.frombuffer` turns into arrays.
pub fn write_arrays(path: &Path, arrays: &[(String, Array)]) -> Result<(), DataError> {
    let format = Format::of(path, codes::OUTPUT)?;
    let mut names = HashSet::new();
    if let Some((twice, _)) = arrays.iter().find(|(name, _)| !names.insert(name)) {
        return Err(DataError::new(
            codes::OUTPUT,
            format!("cannot write {}: two arrays have the name `{twice}`", path.display()),
        ));
    }
    let encoded = match format {
        Format::Npz => npz::encode(arrays),
        Format::Safetensors => safetensors::encode(arrays),
        Format::Pickle => encode_pickle(arrays),
    };
    let total = arrays.iter().map(|(_, array)| array.byte_len() as u64).sum();
    let bytes = encoded.map_err(|what| DataError::cannot_write(path, total, what))?;
    atomic::write_atomically(path, &bytes)
}

/// Reads the arrays of an `.npz`, `.safetensors` or `.pkl` file. Those of a pickle that was not
/// written here are named by their place, such as `0.1`.
pub fn read_arrays(path: &Path) -> Result<Vec<(String, Array)>, DataError> {
    match Format::of(path, codes::DATA_FORMAT)? {
        Format::Npz => npz::read(path, false),
        Format::Safetensors => safetensors::read(path),
        Format::Pickle => Ok(pickle::arrays(pickle::read(path, false)?)),
    }
}

enum Format {
    Npz,
    Safetensors,
    Pickle,
}

impl Format {
    fn of(path: &Path, code: crate::diag::Code) -> Result<Format, DataError> {
        match path.extension().and_then(|extension| extension.to_str()) {
            Some("npz") => Ok(Format::Npz),
            Some("safetensors") => Ok(Format::Safetensors),
            Some("pkl") => Ok(Format::Pickle),
            _ => Err(DataError::new(code, format!("{}: no format has this extension", open::display(path)))
                .help("use .npz, .safetensors or .pkl")),
        }
    }
}

fn encode_pickle(arrays: &[(String, Array)]) -> Result<Vec<u8>, String> {
    if let Some((name, _)) = arrays.iter().find(|(_, array)| array.byte_len() > u32::MAX as usize) {
        return Err(format!("`{name}` is larger than 4 GiB, the limit of this pickle protocol; use .npz"));
    }
    serde_pickle::to_vec(&Named(arrays), Default::default()).map_err(|error| error.to_string())
}

/// Serialized in the order given, which a map of the library's own values would lose.
struct Named<'a>(&'a [(String, Array)]);
struct Stored<'a>(&'a Array);
struct Shape<'a>(&'a [usize]);
struct Bytes(Vec<u8>);

impl Serialize for Named<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_map(self.0.iter().map(|(name, array)| (name, Stored(array))))
    }
}

impl Serialize for Stored<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut map = serializer.serialize_map(Some(3))?;
        map.serialize_entry("dtype", &self.0.dtype().descr())?;
        map.serialize_entry("shape", &Shape(&self.0.shape))?;
        map.serialize_entry("data", &Bytes(self.0.data.to_le_bytes()))?;
        map.end()
    }
}

impl Serialize for Shape<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut tuple = serializer.serialize_tuple(self.0.len())?;
        for extent in self.0 {
            tuple.serialize_element(extent)?;
        }
        tuple.end()
    }
}

impl Serialize for Bytes {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_bytes(&self.0)
    }
}
