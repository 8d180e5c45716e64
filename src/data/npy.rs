//! `.npy`, NumPy's file of one array: versions 1 to 3, C and Fortran order.

use std::io::Read;
use std::path::Path;

use crate::data::array::byte_count;
use crate::data::numbers::Form;
use crate::data::{Array, DataError, Dtype, open};

/// A header longer than this describes no plain array.
const MAX_HEADER: usize = 1 << 20;

/// Reads a file. Where `narrow` says so, float64 becomes float32.
pub fn read(path: &Path, narrow: bool) -> Result<Array, DataError> {
    decode(&mut open::reader(path)?, &open::display(path), narrow)
}

/// The same of bytes already read.
pub fn parse(mut bytes: &[u8], name: &str) -> Result<Array, DataError> {
    decode(&mut bytes, name, false)
}

/// The shape that the file's header names.
pub fn shape(path: &Path) -> Result<Vec<usize>, DataError> {
    Ok(header(&mut open::reader(path)?, &open::display(path))?.shape)
}

/// The shape that the header names; the array itself is not read.
pub(crate) fn decode_shape(reader: &mut impl Read, name: &str) -> Result<Vec<usize>, DataError> {
    Ok(header(reader, name)?.shape)
}

/// Reads the array and makes sure that nothing follows it.
pub(crate) fn decode(reader: &mut impl Read, name: &str, narrow: bool) -> Result<Array, DataError> {
    let header = header(reader, name)?;
    let Some((dtype, big_endian)) = Dtype::from_descr(&header.descr) else {
        return Err(DataError::format(
            name,
            format!("an array of dtype `{}`, which is not supported", header.descr),
        )
        .help(
            "supported are bool, 8 to 64 bit whole numbers, float32 and float64: convert it with .astype",
        ));
    };
    let Some(wanted) = byte_count(&header.shape, dtype) else {
        return Err(DataError::format(
            name,
            format!("the header names an impossible shape {:?}", header.shape),
        ));
    };
    let numbers = Form { dtype, big_endian, narrow }.read(reader, wanted);
    let found = numbers.bytes;
    if let Err(reason) = numbers.result {
        return Err(DataError::format(name, format!("breaks off: {reason}")).at_byte(header.length + found));
    }
    if found != wanted {
        let shown = if found > wanted { "more".to_string() } else { found.to_string() };
        return Err(DataError::format(
            name,
            format!("the header promises {wanted} bytes of data, the file has {shown}"),
        )
        .note(format!("the header says {}, shape {:?}", dtype.name(), header.shape))
        .at_byte(header.length + found.min(wanted)));
    }
    Ok(Array::laid_out(header.shape, numbers.data, header.fortran))
}

struct Header {
    descr: String,
    fortran: bool,
    shape: Vec<usize>,
    length: usize,
}

fn header(reader: &mut impl Read, name: &str) -> Result<Header, DataError> {
    let mut length = 0;
    let mut next = |wanted: usize| {
        let (bytes, result) = open::read_up_to(reader, wanted);
        length += bytes.len();
        match result {
            Err(reason) => Err(DataError::format(name, format!("breaks off: {reason}")).at_byte(length)),
            Ok(()) => Ok((bytes, length)),
        }
    };
    let (start, _) = next(8)?;
    let (Some(b"\x93NUMPY"), Some(&version)) = (start.get(..6), start.get(6)) else {
        return Err(DataError::format(name, format!("not an .npy file but {}", open::looks_like(&start))));
    };
    let width = match version {
        1 => 2,
        2 | 3 => 4,
        _ => {
            return Err(
                DataError::format(name, format!("version {version} of .npy; 1 to 3 are known")).at_byte(6)
            );
        }
    };
    let (counted, _) = next(width)?;
    let size = counted.iter().rev().fold(0usize, |n, &byte| (n << 8) | usize::from(byte));
    if size > MAX_HEADER {
        return Err(DataError::format(name, format!("a header of {size} bytes")).at_byte(8));
    }
    let (text, length) = next(size)?;
    if counted.len() < width || text.len() < size {
        return Err(DataError::format(name, "ends within its header").at_byte(length));
    }
    // Version 1 is latin-1, but what we understand of a header is ASCII.
    let text = String::from_utf8_lossy(&text);
    match dictionary(&text) {
        Some((descr, fortran, shape)) => Ok(Header { descr, fortran, shape, length }),
        None => Err(DataError::format(name, "the header cannot be understood")
            .note(format!("it says {:.200}", text.trim().escape_debug().to_string()))),
    }
}

/// `{'descr': '<f4', 'fortran_order': False, 'shape': (2, 3), }`, the keys in any order.
fn dictionary(text: &str) -> Option<(String, bool, Vec<usize>)> {
    let (mut descr, mut fortran, mut shape) = (None, None, None);
    let mut rest = text.trim().strip_prefix('{')?.trim_start();
    while !rest.starts_with('}') {
        let (key, after) = quoted(rest)?;
        let value = after.trim_start().strip_prefix(':')?.trim_start();
        rest = match key {
            "descr" if value.starts_with(['\'', '"']) => {
                let (text, after) = quoted(value)?;
                descr = Some(text.to_string());
                after
            }
            "descr" => {
                // A list of fields: kept as text, to be refused by name.
                let (text, after) = bracketed(value)?;
                descr = Some(text.to_string());
                after
            }
            "fortran_order" => {
                let yes = value.strip_prefix("True");
                fortran = Some(yes.is_some());
                yes.or_else(|| value.strip_prefix("False"))?
            }
            "shape" => {
                let (text, after) = bracketed(value)?;
                shape = Some(extents(text.strip_prefix('(')?.strip_suffix(')')?)?);
                after
            }
            _ => return None,
        }
        .trim_start();
        rest = rest.strip_prefix(',').unwrap_or(rest).trim_start();
    }
    Some((descr?, fortran?, shape?))
}

fn quoted(text: &str) -> Option<(&str, &str)> {
    let quote = text.chars().next().filter(|c| matches!(c, '\'' | '"'))?;
    text[1..].split_once(quote)
}

fn bracketed(text: &str) -> Option<(&str, &str)> {
    let mut depth = 0usize;
    for (i, c) in text.char_indices() {
        match c {
            '(' | '[' => depth += 1,
            ')' | ']' => depth = depth.checked_sub(1)?,
            _ if depth == 0 => return None,
            _ => {}
        }
        if depth == 0 {
            return Some(text.split_at(i + 1));
        }
    }
    None
}

fn extents(text: &str) -> Option<Vec<usize>> {
    // Python 2 writes `3L` for its long numbers.
    let one = |part: &str| part.strip_suffix('L').unwrap_or(part).parse().ok();
    text.split(',').map(str::trim).filter(|part| !part.is_empty()).map(one).collect()
}

#[cfg(test)]
mod tests {
    use super::dictionary;

    #[test]
    fn headers() {
        let plain = "{'descr': '<f4', 'fortran_order': False, 'shape': (2, 3), }   \n";
        assert_eq!(dictionary(plain), Some(("<f4".into(), false, vec![2, 3])));
        let turned = "{\"shape\":(3L,), \"fortran_order\":True, \"descr\":\"|u1\"}";
        assert_eq!(dictionary(turned), Some(("|u1".into(), true, vec![3])));
        let record = "{'descr': [('a', '<f4'), ('b', '<i4', (2,))], 'fortran_order': False, 'shape': ()}";
        assert_eq!(dictionary(record), Some(("[('a', '<f4'), ('b', '<i4', (2,))]".into(), false, vec![])));
        for bad in ["", "{", "{}", "{'descr': '<f4'", "{'shape': (1, -2)}", "{'shape': )", "{'x': 1}"] {
            assert_eq!(dictionary(bad), None, "{bad}");
        }
    }
}
