//! IDX, the format of the MNIST files: big-endian, plain or gzip, the content deciding which.

use std::path::Path;

use crate::data::array::byte_count;
use crate::data::numbers::Form;
use crate::data::open::Stream;
use crate::data::{Array, DataError, Dtype, mnist, open};

/// Reads a file. A canonical MNIST name obliges it to hold the canonical content.
/// Where `narrow` says so, float64 becomes float32.
pub fn read(path: &Path, narrow: bool) -> Result<Array, DataError> {
    if let Some(file_name) = path.file_name() {
        mnist::check(&file_name.to_string_lossy(), path)?;
    }
    decode(Stream::open(path)?, &open::display(path), narrow)
}

/// The same of bytes already read.
pub fn parse(bytes: &[u8], name: &str) -> Result<Array, DataError> {
    decode(Stream::of(bytes, name), name, false)
}

fn decode(mut reader: Stream<'_>, name: &str, narrow: bool) -> Result<Array, DataError> {
    let header = header(&mut reader, name)?;
    let Some(wanted) = byte_count(&header.shape, header.dtype) else {
        return Err(DataError::format(
            name,
            format!("the header names an impossible shape {:?}", header.shape),
        ));
    };
    // A byte more than promised tells a file that is too long.
    let numbers = Form { dtype: header.dtype, big_endian: true, narrow }.read(&mut reader, wanted);
    if let Err(reason) = numbers.result {
        return Err(reader.broken(&reason));
    }
    let found = numbers.bytes;
    if found != wanted {
        let shown = if found > wanted { "more".to_string() } else { found.to_string() };
        return Err(DataError::format(
            name,
            format!("the header promises {wanted} bytes of data, the file has {shown}"),
        )
        .note(format!("the header says {}, shape {:?}", header.dtype.name(), header.shape))
        .at_byte(header.length + found.min(wanted))
        .help("fetch the file again"));
    }
    Ok(Array::laid_out(header.shape, numbers.data, false))
}

/// The shape that the file's header names.
pub fn shape(path: &Path) -> Result<Vec<usize>, DataError> {
    Ok(header(&mut Stream::open(path)?, &open::display(path))?.shape)
}

/// Refuses an array that has not the axes of what it is used as, such as labels (1 axis).
pub fn expect_axes(shape: &[usize], axes: usize, used_as: &str, name: &str) -> Result<(), DataError> {
    if shape.len() == axes {
        return Ok(());
    }
    let kind = match shape.len() {
        1 => "a label file",
        3 => "an image file",
        _ => "another file",
    };
    let plural = |n: usize| if n == 1 { "1 axis".to_string() } else { format!("{n} axes") };
    let extents: Vec<String> = shape.iter().map(usize::to_string).collect();
    Err(DataError::new(
        crate::diag::codes::DATA_SHAPE,
        format!(
            "{name} is {kind} ({}: {}), {used_as} expected ({})",
            plural(shape.len()),
            extents.join(", "),
            plural(axes)
        ),
    )
    .help("are the two files swapped?"))
}

struct Header {
    dtype: Dtype,
    shape: Vec<usize>,
    length: usize,
}

fn header(reader: &mut Stream<'_>, name: &str) -> Result<Header, DataError> {
    let (magic, result) = open::read_up_to(reader, 4);
    result.map_err(|reason| reader.broken(&reason))?;
    let &[0, 0, code, axes] = magic.as_slice() else {
        let shown: Vec<String> = magic.iter().map(|byte| format!("{byte:02x}")).collect();
        return Err(DataError::format(name, format!("not an IDX file but {}", open::looks_like(&magic)))
            .note(format!(
                "it begins with {}, an IDX file with 00 00, a type and the number of axes",
                shown.join(" ")
            )));
    };
    let dtype = match code {
        0x08 => Dtype::U8,
        0x09 => Dtype::I8,
        0x0b => Dtype::I16,
        0x0c => Dtype::I32,
        0x0d => Dtype::F32,
        0x0e => Dtype::F64,
        _ => {
            return Err(DataError::format(
                name,
                format!("not an IDX file: no element type has the code {code:#04x}"),
            )
            .at_byte(2));
        }
    };
    let (bytes, result) = open::read_up_to(reader, 4 * usize::from(axes));
    result.map_err(|reason| reader.broken(&reason))?;
    let (extents, _) = bytes.as_chunks::<4>();
    if extents.len() != usize::from(axes) {
        return Err(DataError::format(name, format!("ends within its header, which names {axes} axes"))
            .at_byte(4 + bytes.len()));
    }
    let shape = extents.iter().map(|n| u32::from_be_bytes(*n) as usize).collect();
    Ok(Header { dtype, shape, length: 4 + bytes.len() })
}
