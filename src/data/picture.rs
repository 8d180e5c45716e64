//! Pictures: PNG and JPEG in, PNG out.

use std::io::Cursor;
use std::path::Path;

use zune_jpeg::JpegDecoder;
use zune_jpeg::zune_core::bytestream::ZCursor;
use zune_jpeg::zune_core::colorspace::ColorSpace;
use zune_jpeg::zune_core::options::DecoderOptions;

use crate::data::{Array, DataError, Elements, open, write_atomically};

/// More pixels than this are refused: a small file could ask for any amount of memory.
const MAX_PIXELS: usize = 1 << 28;

/// Reads a PNG or JPEG file, the content deciding which: [height, width, 3] of 0 to 255. Grey becomes
/// three equal colours; transparency is left out.
pub fn read(path: &Path) -> Result<Array, DataError> {
    parse(&open::whole(path)?, &open::display(path))
}

/// The same of bytes already read.
pub fn parse(bytes: &[u8], name: &str) -> Result<Array, DataError> {
    if bytes.starts_with(b"\x89PNG\r\n\x1a\n") {
        png(bytes, name)
    } else if bytes.starts_with(&[0xff, 0xd8, 0xff]) {
        jpeg(bytes, name)
    } else {
        Err(DataError::format(name, "it is neither a PNG nor a JPEG picture"))
    }
}

fn sized(width: usize, height: usize, name: &str) -> Result<(), DataError> {
    match width.checked_mul(height) {
        Some(pixels) if pixels <= MAX_PIXELS => Ok(()),
        _ => Err(DataError::format(name, format!("a picture of {width} x {height} is more than is read"))),
    }
}

fn png(bytes: &[u8], name: &str) -> Result<Array, DataError> {
    let wrong = |reason: png::DecodingError| DataError::format(name, reason);
    let limits = png::Limits { bytes: MAX_PIXELS * 8 };
    let mut decoder = png::Decoder::new_with_limits(Cursor::new(bytes), limits);
    decoder.set_transformations(png::Transformations::normalize_to_color8());
    let mut reader = decoder.read_info().map_err(wrong)?;
    let (width, height) = (reader.info().width as usize, reader.info().height as usize);
    sized(width, height, name)?;
    let size = reader.output_buffer_size().ok_or_else(|| DataError::format(name, "it is too large"))?;
    let mut pixels = vec![0; size];
    let frame = reader.next_frame(&mut pixels).map_err(wrong)?;
    pixels.truncate(frame.buffer_size());
    colours(&pixels, frame.color_type.samples(), height, width, name)
}

fn jpeg(bytes: &[u8], name: &str) -> Result<Array, DataError> {
    let options = DecoderOptions::default()
        .jpeg_set_out_colorspace(ColorSpace::RGB)
        .set_max_width(usize::from(u16::MAX))
        .set_max_height(usize::from(u16::MAX));
    let mut decoder = JpegDecoder::new_with_options(ZCursor::new(bytes), options);
    let wrong = |reason: zune_jpeg::errors::DecodeErrors| DataError::format(name, reason);
    decoder.decode_headers().map_err(wrong)?;
    let (width, height) = decoder.dimensions().ok_or_else(|| DataError::format(name, "it says no size"))?;
    sized(width, height, name)?;
    let pixels = decoder.decode().map_err(wrong)?;
    colours(&pixels, 3, height, width, name)
}

/// Pixels of so many samples each as three colours.
fn colours(
    pixels: &[u8],
    samples: usize,
    height: usize,
    width: usize,
    name: &str,
) -> Result<Array, DataError> {
    let colour = |p: &[u8]| if samples < 3 { [p[0]; 3] } else { [p[0], p[1], p[2]] };
    let all = pixels.chunks_exact(samples).flat_map(colour).collect();
    Array::new(vec![height, width, 3], Elements::U8(all))
        .map_err(|_| DataError::format(name, "its pixels are not all there"))
}

/// Writes [height, width] or [height, width, 3] of 0 to 1 as PNG, atomically: 255 levels, rounding
/// down; what lies outside is brought to the nearer end.
pub fn write(path: &Path, shape: &[usize], values: &[f64]) -> Result<(), DataError> {
    let refuse = |what: String| DataError::cannot_write(path, 0, what);
    let (height, width, colour) = match shape {
        [h, w] => (*h, *w, png::ColorType::Grayscale),
        [h, w, 3] => (*h, *w, png::ColorType::Rgb),
        _ => return Err(refuse(format!("{shape:?} is no picture, [height, width] or [height, width, 3]"))),
    };
    if let Some(at) = values.iter().position(|v| v.is_nan()) {
        return Err(refuse(format!("element {at} of the picture is not a number")));
    }
    let size = |n: usize| u32::try_from(n).ok().filter(|n| *n > 0);
    let (Some(w), Some(h)) = (size(width), size(height)) else {
        return Err(refuse(format!("a picture cannot have the shape {shape:?}")));
    };
    let pixels: Vec<u8> = values.iter().map(|v| (v.clamp(0.0, 1.0) * 255.0).floor() as u8).collect();
    let mut bytes = Vec::new();
    let mut encoder = png::Encoder::new(&mut bytes, w, h);
    encoder.set_color(colour);
    encoder.set_depth(png::BitDepth::Eight);
    let written = encoder.write_header().and_then(|mut writer| writer.write_image_data(&pixels));
    written.map_err(|reason| refuse(reason.to_string()))?;
    write_atomically(path, &bytes)
}
