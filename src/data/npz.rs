//! `.npz`: named arrays, a zip file of `.npy` files, stored or deflated.

use std::io::{Cursor, Read, Seek};
use std::path::Path;

use ndarray::{ArrayView, IxDyn};
use ndarray_npy::NpzWriter;
use zip::ZipArchive;

use crate::data::Elements;
use crate::data::elements::each;
use crate::data::{Array, DataError, npy, open};

/// Reads all arrays of a file, in its order. Where `narrow` says so, float64 becomes float32.
pub fn read(path: &Path, narrow: bool) -> Result<Vec<(String, Array)>, DataError> {
    members(open::reader(path)?, &open::display(path), |member, name| npy::decode(member, name, narrow))
}

/// The same of bytes already read.
pub fn parse(bytes: &[u8], name: &str) -> Result<Vec<(String, Array)>, DataError> {
    members(Cursor::new(bytes), name, |member, name| npy::decode(member, name, false))
}

/// Names and shapes by the headers alone.
pub fn shape(path: &Path) -> Result<Vec<(String, Vec<usize>)>, DataError> {
    members(open::reader(path)?, &open::display(path), |member, name| npy::decode_shape(member, name))
}

/// The bytes of a file of these arrays.
pub fn encode(arrays: &[(String, Array)]) -> Result<Vec<u8>, String> {
    let mut out = Cursor::new(Vec::new());
    let mut writer = NpzWriter::new(&mut out);
    for (name, array) in arrays {
        let shape = IxDyn(&array.shape);
        let written = each!(&array.data, v => {
            let view = ArrayView::from_shape(shape, v.as_slice()).map_err(|error| format!("`{name}`: {error}"))?;
            writer.add_array(name.as_str(), &view)
        });
        written.map_err(|error| format!("`{name}`: {error}"))?;
    }
    writer.finish().map_err(|error| error.to_string())?;
    Ok(out.into_inner())
}

fn members<R: Read + Seek, T>(
    file: R,
    name: &str,
    decode: impl Fn(&mut zip::read::ZipFile<R>, &str) -> Result<T, DataError>,
) -> Result<Vec<(String, T)>, DataError> {
    let mut archive = ZipArchive::new(file)
        .map_err(|error| DataError::format(name, format!("not a readable .npz (zip) file: {error}")))?;
    let mut found = Vec::new();
    for i in 0..archive.len() {
        let mut member = archive
            .by_index(i)
            .map_err(|error| DataError::format(name, format!("member {i} of the zip file: {error}")))?;
        let full = member.name().to_string();
        let Some(short) = full.strip_suffix(".npy") else {
            return Err(DataError::format(
                name,
                format!("the member `{}` is not an .npy file", full.escape_debug()),
            ));
        };
        let place = format!("{name}, array `{}`", short.escape_debug());
        found.push((short.to_string(), decode(&mut member, &place)?));
    }
    Ok(found)
}
