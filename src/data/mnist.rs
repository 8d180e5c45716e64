//! The four canonical MNIST files and their checksums.

use std::io::{self, BufRead};
use std::path::Path;

use sha2::{Digest, Sha256};

use crate::data::DataError;
use crate::data::open::{self, Stream};

/// A file's name without `.gz`, and the SHA-256 sums of its packed and unpacked forms.
#[derive(Debug)]
pub struct Canonical {
    /// `train-images-idx3-ubyte` and so on.
    pub name: &'static str,
    /// Of the `.gz` file as it has been distributed since 1998.
    pub packed: &'static str,
    /// Of what is in it.
    pub unpacked: &'static str,
}

/// The four files.
pub const FILES: [Canonical; 4] = [
    Canonical {
        name: "train-images-idx3-ubyte",
        packed: "0b367032e93c5d0cea0925647cfdb18614af8ee15f83e6f2fc2ad904a6835971",
        unpacked: "ba891046e6505d7aadcbbe25680a0738ad16aec93bde7f9b65e87a2fc25776db",
    },
    Canonical {
        name: "train-labels-idx1-ubyte",
        packed: "1787548bbe0bff1ec2ecdc0ef292b02df999e2d1a6002d27500982c652b17203",
        unpacked: "65a50cbbf4e906d70832878ad85ccda5333a97f0f4c3dd2ef09a8a9eef7101c5",
    },
    Canonical {
        name: "t10k-images-idx3-ubyte",
        packed: "1a1a05eab793c14bb050b398624a11b0ffd1a2953baed553b1b9bd079e2a20be",
        unpacked: "0fa7898d509279e482958e8ce81c8e77db3f2f8254e26661ceb7762c4d494ce7",
    },
    Canonical {
        name: "t10k-labels-idx1-ubyte",
        packed: "b91679a0acfe4ba0e50a2437a903084cba1f5f92592b016a25a7dfd00455798b",
        unpacked: "ff7bcfd416de33731a308c3f266cc351222c34898ecbeaf847f06e48f7ec33f2",
    },
];

/// Refuses a file that has a canonical name and other content.
///
/// A damaged copy would train almost as well, and nobody would know why the figures differ.
pub fn check(file_name: &str, path: &Path) -> Result<(), DataError> {
    let stem = file_name.strip_suffix(".gz").unwrap_or(file_name);
    let Some(canonical) = FILES.iter().find(|file| file.name == stem) else { return Ok(()) };
    let mut file = open::reader(path)?;
    let unreadable = |reason: io::Error| DataError::cannot_read(path, &reason);
    let gzip = open::is_gzip(file.fill_buf().map_err(unreadable)?);
    let found = sum(&mut file).map_err(unreadable)?;
    if found == canonical.packed || found == canonical.unpacked {
        return Ok(());
    }
    // Packed again by another program it is still the same data.
    let expected = if gzip { canonical.packed } else { canonical.unpacked };
    if gzip {
        let mut stream = Stream::open(path)?;
        if sum(&mut stream).map_err(|reason| stream.broken(&reason))? == canonical.unpacked {
            return Ok(());
        }
    }
    Err(DataError::format(&open::display(path), "has the name of an MNIST file but other content")
        .note(format!("SHA-256 expected {expected}"))
        .note(format!("SHA-256 found    {found}"))
        .help("fetch the file again, or rename it if it is another data set (Fashion-MNIST uses the same names)"))
}

fn sum(reader: &mut impl BufRead) -> io::Result<String> {
    let mut sum = Sha256::new();
    loop {
        let bytes = reader.fill_buf()?;
        if bytes.is_empty() {
            return Ok(sum.finalize().iter().map(|byte| format!("{byte:02x}")).collect());
        }
        sum.update(bytes);
        let count = bytes.len();
        reader.consume(count);
    }
}
