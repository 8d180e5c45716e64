//! `.npy` and `.npz`, written by hand.

use std::io::{Cursor, Write};

use dlc::data::{Array, Elements, npy, npz};
use zip::write::SimpleFileOptions;

/// A file of that version.
pub fn file(version: u8, descr: &str, fortran: &str, shape: &str, data: &[u8]) -> Vec<u8> {
    let header = format!("{{'descr': {descr}, 'fortran_order': {fortran}, 'shape': {shape}, }}\n");
    let mut out = b"\x93NUMPY".to_vec();
    out.extend([version, 0]);
    match version {
        1 => out.extend((header.len() as u16).to_le_bytes()),
        _ => out.extend((header.len() as u32).to_le_bytes()),
    }
    out.extend(header.as_bytes());
    out.extend(data);
    out
}

fn cases() -> Vec<(&'static str, Vec<u8>, Vec<u8>, &'static str)> {
    macro_rules! both {
        ($name:literal, $descr:literal, $numbers:expr, $to:ident) => {{
            let bytes =
                |order: [usize; 6]| order.iter().flat_map(|&i| $numbers[i].$to()).collect::<Vec<u8>>();
            ($descr, bytes([0, 1, 2, 3, 4, 5]), bytes([0, 3, 1, 4, 2, 5]), $name)
        }};
    }
    vec![
        both!("float64", "'<f8'", [1f64, 2., 3., 4., 5., 6.], to_le_bytes),
        both!("float64", "'>f8'", [1f64, 2., 3., 4., 5., 6.], to_be_bytes),
        both!("float32", "'<f4'", [1f32, 2., 3., 4., 5., 6.], to_le_bytes),
        both!("uint8", "'|u1'", [1u8, 2, 3, 4, 5, 6], to_le_bytes),
        both!("int8", "'|i1'", [1i8, 2, 3, 4, 5, 6], to_le_bytes),
        both!("int16", "'<i2'", [1i16, 2, 3, 4, 5, 6], to_le_bytes),
        both!("uint16", "'>u2'", [1u16, 2, 3, 4, 5, 6], to_be_bytes),
        both!("int32", "'<i4'", [1i32, 2, 3, 4, 5, 6], to_le_bytes),
        both!("uint32", "'<u4'", [1u32, 2, 3, 4, 5, 6], to_le_bytes),
        both!("int64", "'<i8'", [1i64, 2, 3, 4, 5, 6], to_le_bytes),
        both!("uint64", "'<u8'", [1u64, 2, 3, 4, 5, 6], to_le_bytes),
    ]
}

pub fn zip_of(members: &[(&str, Vec<u8>)], method: zip::CompressionMethod) -> Vec<u8> {
    let mut zip = zip::ZipWriter::new(Cursor::new(Vec::new()));
    for (name, bytes) in members {
        zip.start_file(*name, SimpleFileOptions::default().compression_method(method)).unwrap();
        zip.write_all(bytes).unwrap();
    }
    zip.finish().unwrap().into_inner()
}

/// Both orders, all types, all versions, alone and in stored and deflated archives.
#[test]
fn c076_order_and_type_do_not_change_the_numbers() {
    for (descr, c, fortran, name) in cases() {
        for version in 1..=3 {
            for (order, data) in [("False", &c), ("True", &fortran)] {
                let bytes = file(version, descr, order, "(2, 3)", data);
                let check = |array: &Array| {
                    assert_eq!(array.shape, [2, 3]);
                    assert_eq!(array.to_f64(), [1., 2., 3., 4., 5., 6.], "{descr} {version} {order}");
                    assert_eq!(array.dtype_name(), name);
                };
                check(&npy::parse(&bytes, "x.npy").unwrap());
                for method in [zip::CompressionMethod::Stored, zip::CompressionMethod::Deflated] {
                    let zip = zip_of(&[("a.npy", bytes.clone()), ("b/c.npy", bytes.clone())], method);
                    let arrays = npz::parse(&zip, "x.npz").unwrap();
                    assert_eq!((arrays[0].0.as_str(), arrays[1].0.as_str()), ("a", "b/c"));
                    check(&arrays[0].1);
                    check(&arrays[1].1);
                }
            }
        }
    }
    let truth = npy::parse(&file(1, "'|b1'", "True", "(2, 2)", &[1, 0, 1, 1]), "x").unwrap();
    assert_eq!(truth.data, Elements::Bool(vec![true, true, false, true]));
    let single = npy::parse(&file(1, "'<f8'", "False", "()", &7f64.to_le_bytes()), "x").unwrap();
    assert_eq!((single.shape.len(), single.to_f64()), (0, vec![7.0]));
    let empty = npy::parse(&file(1, "'<f4'", "True", "(0, 3)", &[]), "x").unwrap();
    assert_eq!((empty.shape.as_slice(), empty.len()), (&[0, 3][..], 0));
}

#[test]
fn unsupported_types_are_refused_with_their_string() {
    for (descr, shown) in [
        ("'<f2'", "`<f2`"),
        ("'<c8'", "`<c8`"),
        ("'|O'", "`|O`"),
        ("'<U5'", "`<U5`"),
        ("[('a', '<f4')]", "('a', '<f4')"),
    ] {
        let error = npy::parse(&file(1, descr, "False", "(1,)", &[0; 8]), "x.npy").unwrap_err().to_string();
        assert!(error.contains(shown) && error.contains("not supported"), "{error}");
    }
}

#[test]
fn headers_that_promise_too_much() {
    let message = |shape: &str, data: &[u8]| {
        npy::parse(&file(1, "'<f4'", "False", shape, data), "x.npy").unwrap_err().to_string()
    };
    assert!(message("(3,)", &[0; 8]).contains("the header promises 12 bytes of data, the file has 8"));
    assert!(message("(1,)", &[0; 8]).contains("the file has more"));
    assert!(message("(99999999999,)", &[0; 8]).contains("the file has 8"));
    assert!(message("(99999999999, 99999999999)", &[]).contains("impossible shape"));
    assert!(message("(-1,)", &[]).contains("cannot be understood"));
    let error = npy::parse(b"\x93NUMPY\x02\x00\xff\xff\xff\xff", "x").unwrap_err().to_string();
    assert!(error.contains("header of 4294967295 bytes"), "{error}");
    let error = npz::parse(b"PK\x03\x04 nothing", "x.npz").unwrap_err().to_string();
    assert!(error.contains("not a readable .npz (zip) file"), "{error}");
    let zip = zip_of(&[("readme.txt", vec![])], zip::CompressionMethod::Stored);
    assert!(npz::parse(&zip, "x.npz").unwrap_err().to_string().contains("`readme.txt` is not an .npy file"));
}

#[test]
fn shapes_by_the_headers_alone() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("x.npy");
    let bytes = file(1, "'<f4'", "False", "(7, 5)", &[]);
    std::fs::write(&path, &bytes).unwrap();
    assert_eq!(npy::shape(&path).unwrap(), [7, 5]);
    let path = folder.path().join("x.npz");
    std::fs::write(&path, zip_of(&[("w.npy", bytes)], zip::CompressionMethod::Deflated)).unwrap();
    assert_eq!(npz::shape(&path).unwrap(), [("w".to_string(), vec![7, 5])]);
}

#[test]
fn whole_numbers_of_labels() {
    assert_eq!(Elements::F32(vec![1.0, -3.0]).to_i32().unwrap(), [1, -3]);
    let message = |elements: Elements| elements.to_i32().unwrap_err().to_string();
    assert_eq!(message(Elements::F64(vec![1.0, 1.5])), "1.5 at element 1 is not a whole number of 32 bits");
    assert!(message(Elements::F64(vec![f64::NAN])).contains("NaN at element 0"));
    assert!(message(Elements::I64(vec![0, 1 << 31])).contains("2147483648 at element 1"));
    assert!(message(Elements::F32(vec![2147483648.0])).contains("element 0"));
    assert_eq!(Elements::I64(vec![i64::from(i32::MIN)]).to_i32().unwrap(), [i32::MIN]);
}
