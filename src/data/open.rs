//! Opening files whose content, not name, decides how they are read.

use std::cell::RefCell;
use std::fs::File;
use std::io::{self, BufRead, BufReader, Read};
use std::path::Path;
use std::rc::Rc;

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
    let mut stream = Stream::of(&bytes, name);
    match stream.read_to_end(&mut out) {
        Ok(_) => Ok(out),
        Err(reason) => Err(stream.broken(&reason)),
    }
}

/// A file's content, unpacked as it is read if it is gzip.
pub struct Stream<'a> {
    from: Box<dyn BufRead + 'a>,
    name: String,
    gzip: bool,
    given: u64,
    /// What the file itself could not give, as opposed to what cannot be unpacked.
    unreadable: Rc<RefCell<Option<DataError>>>,
}

/// A file that remembers why it could not be read.
struct Watched<'a> {
    file: File,
    path: &'a Path,
    unreadable: Rc<RefCell<Option<DataError>>>,
}

impl Read for Watched<'_> {
    fn read(&mut self, to: &mut [u8]) -> io::Result<usize> {
        let result = self.file.read(to);
        if let Err(reason) = &result {
            // Whoever reads tries these again.
            if reason.kind() != io::ErrorKind::Interrupted {
                self.unreadable.replace(Some(DataError::cannot_read(self.path, reason)));
            }
        }
        result
    }
}

impl<'a> Stream<'a> {
    /// Of a file.
    pub fn open(path: &'a Path) -> Result<Stream<'a>, DataError> {
        let unreadable = Rc::default();
        let file = reader(path)?.into_inner();
        let mut file = BufReader::new(Watched { file, path, unreadable: Rc::clone(&unreadable) });
        let result = file.fill_buf().map(is_gzip);
        let gzip = result.map_err(|reason| DataError::cannot_read(path, &reason))?;
        Ok(Stream { unreadable, ..Stream::new(file, gzip, display(path)) })
    }

    /// Of a file's bytes.
    pub fn of(bytes: &'a [u8], name: &str) -> Stream<'a> {
        Stream::new(bytes, is_gzip(bytes), name.to_owned())
    }

    fn new(from: impl BufRead + 'a, gzip: bool, name: String) -> Stream<'a> {
        let from: Box<dyn BufRead + 'a> =
            if gzip { Box::new(BufReader::new(MultiGzDecoder::new(from))) } else { Box::new(from) };
        Stream { from, name, gzip, given: 0, unreadable: Rc::default() }
    }

    /// The error for a failure to read on.
    pub fn broken(&self, reason: &io::Error) -> DataError {
        if let Some(error) = &*self.unreadable.borrow() {
            return error.clone();
        }
        if self.given > MAX_UNPACKED {
            return DataError::format(&self.name, format!("unpacks to more than {MAX_UNPACKED} bytes"));
        }
        broken_gzip(&self.name, self.given as usize, reason)
    }

    /// Reads what is left: an error if that cannot be unpacked.
    pub fn finish(mut self) -> Result<(), DataError> {
        if self.gzip {
            io::copy(&mut self, &mut io::sink()).map_err(|reason| self.broken(&reason))?;
        }
        Ok(())
    }
}

impl Read for Stream<'_> {
    fn read(&mut self, to: &mut [u8]) -> io::Result<usize> {
        if self.gzip && self.given > MAX_UNPACKED {
            return Err(io::ErrorKind::FileTooLarge.into());
        }
        let count = self.from.read(to)?;
        self.given += count as u64;
        Ok(count)
    }
}

impl BufRead for Stream<'_> {
    fn fill_buf(&mut self) -> io::Result<&[u8]> {
        if self.gzip && self.given > MAX_UNPACKED {
            return Err(io::ErrorKind::FileTooLarge.into());
        }
        self.from.fill_buf()
    }

    fn consume(&mut self, count: usize) {
        self.given += count as u64;
        self.from.consume(count);
    }
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
