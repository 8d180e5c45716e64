//! Bytes made to hurt: each reader must answer with an error, soon and without much memory.

use dlc::data::{csv, idx, npy, npz, pickle, safetensors};

use crate::npy::{file, zip_of};
use crate::{golden, gunzip, gzip};

fn refusal(bytes: &[u8]) -> String {
    pickle::parse(bytes, "x.pkl").unwrap_err().to_string()
}

#[test]
fn deep_nesting() {
    // 100 000 lists, each in the next, and tuples likewise.
    let lists = [vec![b']'; 100_000], vec![b'a'; 99_999], vec![b'.']].concat();
    assert!(refusal(&lists).contains("nested more than"));
    let tuples = [vec![b')'], vec![0x85; 100_000], vec![b'.']].concat();
    assert!(refusal(&tuples).contains("nested more than"));
    let marks = [vec![b'('; 100_000], vec![b't'; 100_000], vec![b'.']].concat();
    assert!(refusal(&marks).contains("nested more than"));
    // Dropped without ever being the result.
    let unused = [vec![b']'; 100_000], vec![b'a'; 99_999], b"0N.".to_vec()].concat();
    assert_eq!(pickle::parse(&unused, "x").unwrap(), dlc::data::Value::None);
    // At the limit it works.
    let fine = [vec![b']'; 60], vec![b'a'; 59], vec![b'.']].concat();
    assert!(pickle::parse(&fine, "x").is_ok());
}

#[test]
fn containers_that_contain_themselves() {
    assert!(refusal(b"]q\x00h\x00a.").contains("contain"));
    assert!(refusal(b"]q\x00(h\x00h\x00h\x00e.").contains("contain"));
    assert!(refusal(b"}q\x00K\x01h\x00s.").contains("contain"));
}

#[test]
fn small_pickles_of_large_things() {
    // Each list holds the one before ten times: 10^30 values.
    let mut laughs = b"]q\x00".to_vec();
    for i in 0..30u8 {
        laughs.extend([b']', b'q', i + 1, b'(']);
        laughs.extend([b'h', i].repeat(10));
        laughs.push(b'e');
    }
    laughs.push(b'.');
    assert!(refusal(&laughs).contains("fill the memory"));
    // The same megabyte made into an array again and again.
    let mut again = b"\x80\x05(cnumpy.core.numeric\n_frombuffer\nq\x00(\x96".to_vec();
    again.extend((1u64 << 20).to_le_bytes());
    again.extend(vec![0; 1 << 20]);
    again.extend(b"cnumpy\ndtype\n(\x8c\x02u1tRJ\x00\x00\x10\x00\x85\x8c\x01Ctq\x01R");
    again.extend(b"h\x00h\x01R".repeat(1000));
    again.extend(b"t.");
    assert!(refusal(&again).contains("would fill the memory"));
}

#[test]
fn length_prefixes_beyond_the_file() {
    for prefix in [
        b"T\xff\xff\xff\xff".as_slice(),
        b"B\xff\xff\xff\xff",
        b"X\xff\xff\xff\xff",
        b"\x8e\xff\xff\xff\xff\xff\xff\xff\xff",
        b"\x8d\xff\xff\xff\xff\xff\xff\xff\x7f",
        b"\x96\xff\xff\xff\xff\xff\xff\xff\xff",
        b"\x8b\xff\xff\xff\xff",
        b"U\xff",
    ] {
        let error = refusal(&[b"\x80\x04", prefix, b"abc"].concat());
        assert!(error.contains("the pickle ends early") && error.contains("at byte 2"), "{error}");
    }
    let error = safetensors::parse(&[0xff; 20], "x").unwrap_err().to_string();
    assert!(error.contains("not a readable safetensors file"), "{error}");
}

#[test]
fn misuse_of_the_stack() {
    for bytes in [
        b".".as_slice(),
        b"0.",
        b"1.",
        b"t.",
        b"a.",
        b"K\x01a.",
        b"s.",
        b"u.",
        b"(u.",
        b"}(K\x01u.",
        b"R.",
        b"NNR.",
        b"b.",
        b"NNb.",
        b"h\x00.",
        b"j\x00\x00\x00\x00.",
        b"g5\n.",
        b"gx\n.",
        b"p0\n",
        b"\x94.",
        b"\x93.",
        b"NN\x93.",
        b"\x85.",
        b"N\x86.",
        b"e.",
        b"(e.",
        b"](K\x01a.",
        b"(.",
        b"\x80\x09.",
        b"\xff",
        b"S'a\n.",
        b"S\n.",
        b"S'\\x4'\n.",
        b"I99999999999999999999\n.",
        b"Fx\n.",
        b"V\\uZZZZ\n.",
        b"cnumpy\nndarray\n.",
        b"cnumpy\ndtype\n)R.",
        b"cnumpy\ndtype\n(U\x02f4tR.",
        b"cnumpy.core.multiarray\n_reconstruct\n(cnumpy\nndarray\nNNtR.",
        b"cnumpy.core.multiarray\nscalar\n(cnumpy\ndtype\n(U\x02f4tRU\x03abctR.",
        b"c_codecs\nencode\n(X\x01\x00\x00\x00a\x8c\x04utf8tR.",
        b"c_codecs\nencode\n(X\x03\x00\x00\x00\xe2\x82\xac\x8c\x06latin1tR.",
        b"X\x01\x00\x00\x00\xff.",
        b"P5\n.",
        b"\x82\x01.",
    ] {
        assert!(pickle::parse(bytes, "x").is_err(), "{}", bytes.escape_ascii());
    }
}

/// Every prefix of a file, and the file with every byte damaged, gives an answer.
fn damage(bytes: &[u8], parse: impl Fn(&[u8]) -> bool) {
    let step = (bytes.len() / 150).max(1);
    for end in (0..bytes.len()).step_by(step) {
        parse(&bytes[..end]);
    }
    for i in (0..bytes.len()).step_by(step) {
        for flip in [0x01, 0x80, 0xff] {
            let mut copy = bytes.to_vec();
            copy[i] ^= flip;
            parse(&copy);
        }
    }
    assert!(parse(bytes));
}

#[test]
fn truncated_and_damaged_at_every_byte() {
    for name in ["py2_proto0", "py2_proto2_fortran", "proto4", "proto5", "py3_proto2"] {
        let packed = golden(&format!("pickle/{name}.pkl.gz"));
        let plain = gunzip(&packed);
        // The structure is at both ends; the middle is pixels.
        damage(&std::fs::read(&packed).unwrap(), |b| pickle::parse(b, "x").is_ok());
        damage(&plain, |b| pickle::parse(b, "x").is_ok());
        for end in (0..700).chain(plain.len() - 300..plain.len()) {
            assert!(pickle::parse(&plain[..end], "x").is_err(), "{name} cut at {end}");
        }
    }
    let idx_file = [&[0, 0, 8, 2, 0, 0, 0, 2, 0, 0, 0, 3], [1u8; 6].as_slice()].concat();
    damage(&idx_file, |b| idx::parse(b, "x").is_ok());
    damage(&gzip(&idx_file), |b| idx::parse(b, "x").is_ok());
    for end in 0..idx_file.len() {
        assert!(idx::parse(&idx_file[..end], "x").is_err());
    }
    let npy_file = file(1, "'<f4'", "True", "(2, 3)", &[0; 24]);
    damage(&npy_file, |b| npy::parse(b, "x").is_ok());
    for end in 0..npy_file.len() {
        assert!(npy::parse(&npy_file[..end], "x").is_err());
    }
    for method in [zip::CompressionMethod::Stored, zip::CompressionMethod::Deflated] {
        damage(&zip_of(&[("a.npy", npy_file.clone())], method), |b| npz::parse(b, "x").is_ok());
    }
    damage(b"a,b\n1,2\n\"3\",4\n", |b| csv::parse(b, "x").is_ok());
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("x.safetensors");
    let array = npy::parse(&npy_file, "x").unwrap();
    dlc::data::write_arrays(&path, &[("w".into(), array)]).unwrap();
    damage(&std::fs::read(&path).unwrap(), |b| safetensors::parse(b, "x").is_ok());
}
