//! Opening files whose content, not name, decides how they are read.

use std::fs::File;
use std::io::{self, BufReader, Read};
use std::path::Path;

use flate2::read::MultiGzDecoder;

use crate::data::DataError;

/// No gzip file of ours unpacks to more; without a bound a small file could fill the memory.
const MAX_UNPACKED: u64 = 8 << 30;

/// Memory that a header may claim before the bytes have been seen.
const TRUSTED: usize = 1 << 20;

/// The whole file.
pub fn whole(path: &Path) -> Result<Vec<u8>, DataError> {
    std::fs::read(path).map_err(|reason| DataError::cannot_read(path, &reason))
}

/// A buffered reader of the file.
pub fn reader(path: &Path) -> Result<BufReader<File>, DataError> {
    let file = File::open(path).map_err(|reason| DataError::cannot_read(path, &reason))?;
    // A folder opens like a file and fails only when read, which would look like a damaged file.
    if file.metadata().is_ok_and(|metadata| metadata.is_dir()) {
        return Err(DataError::cannot_read(path, &io::ErrorKind::IsADirectory.into()));
    }
    Ok(BufReader::new(file))
}

/// The file's name as messages show it.
pub fn display(path: &Path) -> String {
    path.display().to_string()
}

/// Whether the bytes begin as a gzip file does.
pub fn is_gzip(bytes: &[u8]) -> bool {
    bytes.starts_with(&[0x1f, 0x8b])
}

/// Unpacks gzip; bytes of anything else come back as they are.
pub fn unpacked(bytes: Vec<u8>, name: &str) -> Result<Vec<u8>, DataError> {
    if !is_gzip(&bytes) {
        return Ok(bytes);
    }
    let mut out = Vec::new();
    let mut limited = MultiGzDecoder::new(bytes.as_slice()).take(MAX_UNPACKED + 1);
    if let Err(reason) = limited.read_to_end(&mut out) {
        return Err(broken_gzip(name, out.len(), &reason));
    }
    if out.len() as u64 > MAX_UNPACKED {
        return Err(DataError::format(name, format!("unpacks to more than {MAX_UNPACKED} bytes")));
    }
    Ok(out)
}

/// The error for a gzip stream that breaks after `offset` unpacked bytes.
pub fn broken_gzip(name: &str, offset: usize, reason: &io::Error) -> DataError {
    DataError::format(name, format!("the gzip file is broken or cut short: {reason}"))
        .note(format!("after {offset} unpacked bytes"))
        .help("fetch the file again")
}

/// Reads at most `wanted` bytes, setting aside memory only as they come.
pub fn read_up_to(reader: &mut impl Read, wanted: usize) -> (Vec<u8>, io::Result<()>) {
    let mut out = Vec::with_capacity(wanted.min(TRUSTED));
    let result = reader.take(wanted as u64).read_to_end(&mut out).map(|_| ());
    (out, result)
}

/// What the first bytes of a file look like, for messages about wrong files.
pub fn looks_like(bytes: &[u8]) -> &'static str {
    let kinds: [(&[u8], &str); 11] = [
        (b"\x1f\x8b", "a gzip file"),
        (b"PK\x03\x04", "a zip or .npz file"),
        (b"\x93NUMPY", "an .npy file"),
        (b"\x89PNG", "a PNG picture"),
        (b"\xff\xd8\xff", "a JPEG picture"),
        (b"\xfd7zXZ", "an xz file"),
        (b"BZh", "a bzip2 file"),
        (b"\x89HDF", "an HDF5 file"),
        (b"<", "HTML or XML"),
        (b"version https://git-lfs", "a pointer of Git LFS, not the file itself"),
        (b"\x80", "a pickle"),
    ];
    if bytes.is_empty() {
        return "an empty file";
    }
    kinds
        .iter()
        .find(|(magic, _)| bytes.starts_with(magic))
        .map_or("none of the known kinds", |(_, kind)| kind)
}
