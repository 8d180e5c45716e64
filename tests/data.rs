//! Data files in and out: recorded files, hand-made ones, damaged and hostile ones.

#[path = "data/csv.rs"]
mod csv;
#[path = "data/hostile.rs"]
mod hostile;
#[path = "data/idx.rs"]
mod idx;
#[path = "data/npy.rs"]
mod npy;
#[path = "data/pickles.rs"]
mod pickles;
#[path = "data/write.rs"]
mod write;

use std::path::{Path, PathBuf};

fn root() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR"))
}

fn golden(name: &str) -> PathBuf {
    root().join("tests/golden").join(name)
}

fn mnist(name: &str) -> PathBuf {
    root().join("models/data/mnist").join(name)
}

fn gunzip(path: &Path) -> Vec<u8> {
    use std::io::Read;
    let mut out = Vec::new();
    flate2::read::GzDecoder::new(std::fs::File::open(path).unwrap()).read_to_end(&mut out).unwrap();
    out
}

fn gzip(bytes: &[u8]) -> Vec<u8> {
    use std::io::Write;
    let mut out = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
    out.write_all(bytes).unwrap();
    out.finish().unwrap()
}
