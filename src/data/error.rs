//! What went wrong with a file: which file, where in it, and what to do.

use std::fmt;
use std::io;
use std::path::Path;

use crate::diag::{Code, Diagnostic, codes};

/// A file that cannot be read, used or written. The caller adds the place in the program's text.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DataError {
    /// Which kind.
    pub code: Code,
    /// What disagrees, in one line.
    pub title: String,
    /// More facts.
    pub notes: Vec<String>,
    /// What to do.
    pub help: Option<String>,
}

impl DataError {
    /// An error of any kind.
    pub fn new(code: Code, title: impl Into<String>) -> DataError {
        DataError { code, title: title.into(), notes: Vec::new(), help: None }
    }

    /// The file `name` is not what it should be.
    pub fn format(name: &str, what: impl fmt::Display) -> DataError {
        DataError::new(codes::DATA_FORMAT, format!("{name}: {what}"))
    }

    /// The pickle `name` asks for more than arrays and plain containers.
    pub fn refused(name: &str, what: impl fmt::Display) -> DataError {
        DataError::new(codes::DATA_REFUSED, format!("{name}: {what}"))
    }

    /// A value that its use does not allow.
    pub fn value(what: impl Into<String>) -> DataError {
        DataError::new(codes::DATA_VALUE, what)
    }

    /// The system does not let the file be read.
    pub fn cannot_read(path: &Path, reason: &io::Error) -> DataError {
        let error = DataError::new(codes::DATA_FILE, format!("cannot read {}: {reason}", path.display()));
        match reason.kind() {
            io::ErrorKind::NotFound => error.help("check the path; it is taken as the program wrote it"),
            _ => error,
        }
    }

    /// The system does not let `bytes` bytes be written to the file.
    pub fn cannot_write(path: &Path, bytes: u64, reason: impl fmt::Display) -> DataError {
        DataError::new(codes::OUTPUT, format!("cannot write {}: {reason}", path.display()))
            .note(format!("{bytes} bytes were to be written"))
    }

    /// Adds a fact.
    pub fn note(mut self, text: impl Into<String>) -> DataError {
        self.notes.push(text.into());
        self
    }

    /// Says what to do.
    pub fn help(mut self, text: impl Into<String>) -> DataError {
        self.help = Some(text.into());
        self
    }

    /// Says where in the file.
    pub fn at_byte(self, offset: usize) -> DataError {
        self.note(format!("at byte {offset}"))
    }
}

impl fmt::Display for DataError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.title)?;
        for note in &self.notes {
            write!(f, "\n  {note}")?;
        }
        match &self.help {
            Some(help) => write!(f, "\n  help: {help}"),
            None => Ok(()),
        }
    }
}

impl std::error::Error for DataError {}

impl From<DataError> for Diagnostic {
    fn from(error: DataError) -> Diagnostic {
        let mut diagnostic = Diagnostic::error(error.code, error.title);
        diagnostic.notes = error.notes;
        diagnostic.help = error.help;
        diagnostic
    }
}
