//! IDX files: the real ones, and damaged ones.

use dlc::data::{Elements, idx, mnist as canonical};

use crate::{golden, gunzip, gzip, mnist};

fn message(bytes: &[u8]) -> String {
    idx::parse(bytes, "x").unwrap_err().to_string()
}

#[test]
fn the_real_files_have_the_recorded_checksums() {
    let text = std::fs::read_to_string(golden("data.json")).unwrap();
    let want: serde_json::Value = serde_json::from_str(&text).unwrap();
    let train = idx::read(&mnist("train-images-idx3-ubyte.gz"), false).unwrap();
    let labels = idx::read(&mnist("train-labels-idx1-ubyte.gz"), false).unwrap();
    let test = idx::read(&mnist("t10k-images-idx3-ubyte.gz"), false).unwrap();
    let test_labels = idx::read(&mnist("t10k-labels-idx1-ubyte.gz"), false).unwrap();
    assert_eq!(train.shape, [60_000, 28, 28]);
    let parts = [
        (train.slice_first(0..50_000).unwrap(), labels.slice_first(0..50_000).unwrap()),
        (train.slice_first(50_000..60_000).unwrap(), labels.slice_first(50_000..60_000).unwrap()),
        (test, test_labels),
    ];
    for (i, (x, y)) in parts.into_iter().enumerate() {
        let want = &want["sets"][i];
        let (Elements::U8(pixels), Elements::U8(classes)) = (x.data, y.data) else { panic!("not bytes") };
        assert_eq!(Some(pixels.iter().map(|&p| u64::from(p)).sum()), want["pixel_sum"].as_u64());
        let halves = pixels.iter().filter(|&&p| p == 128).count() as u64;
        assert_eq!(Some(halves), want["pixels_equal_to_one_half"].as_u64());
        assert_eq!(pixels.iter().max().map(|&p| f64::from(p) / 256.0), want["x_max"].as_f64());
        let mut counts = [0u32; 10];
        classes.iter().for_each(|&class| counts[usize::from(class)] += 1);
        assert_eq!(serde_json::to_value(counts).unwrap(), want["label_counts"]);
        assert_eq!(serde_json::to_value(&classes[..10]).unwrap(), want["first_10_labels"]);
        if i == 0 {
            assert_eq!(classes[..10], [5, 0, 4, 1, 9, 2, 1, 3, 1, 4]);
            assert_eq!(pixels[..784].iter().map(|&p| f64::from(p) / 256.0).sum::<f64>(), 107.51953125);
        }
    }
}

#[test]
fn shapes_by_the_header_alone() {
    assert_eq!(idx::shape(&mnist("t10k-images-idx3-ubyte.gz")).unwrap(), [10_000, 28, 28]);
    assert_eq!(idx::shape(&mnist("t10k-labels-idx1-ubyte.gz")).unwrap(), [10_000]);
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("raw");
    std::fs::write(&path, [0, 0, 0x0d, 2, 0, 0, 0, 2, 0, 0, 0, 3]).unwrap();
    assert_eq!(idx::shape(&path).unwrap(), [2, 3]);
    std::fs::write(&path, []).unwrap();
    assert!(idx::shape(&path).unwrap_err().to_string().contains("an empty file"));
    assert!(idx::shape(&folder.path().join("none")).unwrap_err().to_string().contains("cannot read"));
}

/// The content decides whether the file is packed, whatever its name says.
#[test]
fn c070_packed_under_a_plain_name_and_the_reverse() {
    let folder = tempfile::tempdir().unwrap();
    let packed = std::fs::read(mnist("t10k-labels-idx1-ubyte.gz")).unwrap();
    let plain = gunzip(&mnist("t10k-labels-idx1-ubyte.gz"));
    // Also under the canonical names, where the checksum is of what is in the file.
    for name in ["labels", "x.gz", "t10k-labels-idx1-ubyte", "t10k-labels-idx1-ubyte.gz"] {
        for bytes in [&packed, &plain, &gzip(&plain)] {
            let path = folder.path().join(name);
            std::fs::write(&path, bytes).unwrap();
            let array = idx::read(&path, false).unwrap();
            assert_eq!(array.to_i32().unwrap()[..5], [7, 2, 1, 0, 4], "{name}");
        }
    }
    let images = idx::shape(&mnist("t10k-images-idx3-ubyte.gz")).unwrap();
    let swapped = idx::expect_axes(&images, 1, "labels", "t10k-images").unwrap_err().to_string();
    assert!(
        swapped.contains("t10k-images is an image file (3 axes: 10000, 28, 28), labels expected (1 axis)"),
        "{swapped}"
    );
    let swapped = idx::expect_axes(&[10_000], 3, "images", "x").unwrap_err().to_string();
    assert!(swapped.contains("x is a label file (1 axis: 10000), images expected (3 axes)"), "{swapped}");
}

#[test]
fn a_canonical_name_with_other_content_is_refused() {
    let folder = tempfile::tempdir().unwrap();
    let mut bytes = gunzip(&mnist("t10k-labels-idx1-ubyte.gz"));
    bytes[100] ^= 1;
    for (name, bytes) in
        [("t10k-labels-idx1-ubyte.gz", gzip(&bytes)), ("t10k-labels-idx1-ubyte", bytes.clone())]
    {
        let path = folder.path().join(name);
        std::fs::write(&path, bytes).unwrap();
        let error = idx::read(&path, false).unwrap_err().to_string();
        let file = canonical::FILES.iter().find(|file| file.name == "t10k-labels-idx1-ubyte").unwrap();
        let expected = if name.ends_with("gz") { file.packed } else { file.unpacked };
        assert!(error.contains(&format!("SHA-256 expected {expected}")), "{error}");
    }
    // The table agrees with the files that the repository has.
    for file in canonical::FILES {
        let path = mnist(&format!("{}.gz", file.name));
        canonical::check(file.name, &path).unwrap();
        let plain = folder.path().join("plain");
        std::fs::write(&plain, gunzip(&path)).unwrap();
        canonical::check(file.name, &plain).unwrap();
    }
}

#[test]
fn every_element_type() {
    let one = |code: u8, data: &[u8]| {
        let bytes = [&[0, 0, code, 1, 0, 0, 0, 1], data].concat();
        idx::parse(&bytes, "x").unwrap().data
    };
    assert_eq!(one(0x08, &[200]), Elements::U8(vec![200]));
    assert_eq!(one(0x09, &[0xff]), Elements::I8(vec![-1]));
    assert_eq!(one(0x0b, &[1, 2]), Elements::I16(vec![0x102]));
    assert_eq!(one(0x0c, &[0xff, 0xff, 0xff, 0xfe]), Elements::I32(vec![-2]));
    assert_eq!(one(0x0d, &1.5f32.to_be_bytes()), Elements::F32(vec![1.5]));
    assert_eq!(one(0x0e, &2.5f64.to_be_bytes()), Elements::F64(vec![2.5]));
}

#[test]
fn damaged_files_say_what_is_missing() {
    let short = [0, 0, 8, 2, 0, 0, 0, 2, 0, 0, 0, 3, 1, 2, 3, 4, 5];
    assert!(message(&short).contains("the header promises 6 bytes of data, the file has 5"));
    assert!(message(&short).contains("at byte 17"));
    assert!(message(&gzip(&short)).contains("the header promises 6 bytes of data, the file has 5"));
    let long = [0, 0, 8, 1, 0, 0, 0, 1, 1, 2];
    assert!(message(&long).contains("the header promises 1 bytes of data, the file has more"));
    assert!(message(&[0, 0, 8, 3, 0, 0]).contains("ends within its header, which names 3 axes"));
    assert!(message(&[0, 0, 7, 1, 0, 0, 0, 0]).contains("0x07"));
    assert!(message(b"\x89PNG").contains("not an IDX file but a PNG picture"));
    // Four thousand million pictures are promised; memory is set aside for what is there.
    assert!(message(&[0, 0, 8, 2, 255, 255, 255, 255, 0, 0, 255, 255, 1]).contains("the file has 1"));
    assert!(message(&[[0, 0, 8, 8].as_slice(), &[255; 32]].concat()).contains("impossible shape"));
    let content = [&[0, 0, 8, 1, 0, 0, 0, 200], (0..200).collect::<Vec<u8>>().as_slice()].concat();
    let mut cut = gzip(&content);
    cut.truncate(cut.len() - 60);
    assert!(message(&cut).contains("gzip"), "{}", message(&cut));
}
