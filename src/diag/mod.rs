//! What the user is told: one [`Diagnostic`] for every error and warning of every stage.
//!
//! A diagnostic is data: a code, a title that says what disagrees, the places with what the
//! compiler knows of each (they may lie in several files), and the edit to try. `render` turns it
//! into text, in one place, for people (miette) or for programs (JSON). A fault of the compiler
//! itself is not a diagnostic but a panic with its own message: user errors and compiler bugs are
//! different types.

pub mod codes;
pub mod json;
pub mod render;

pub use codes::Code;

use crate::source::Span;

/// Errors stop the compilation or the run, warnings do not.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Severity {
    /// The program or its input is wrong.
    Error,
    /// It runs, but probably not as meant.
    Warning,
}

/// A place and what is to be said of it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Label {
    /// Where.
    pub span: Span,
    /// What the compiler knows of it; may be empty.
    pub text: String,
}

/// One message to the user.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Diagnostic {
    /// Which kind; each has a page in `docs/errors.md`.
    pub code: Code,
    /// Error or warning.
    pub severity: Severity,
    /// What disagrees, in one line, without a full stop.
    pub title: String,
    /// The places, the main one first.
    pub labels: Vec<Label>,
    /// Facts that have no place in the text (`--set hidden=[500,500]   len(hidden) is 2`).
    pub notes: Vec<String>,
    /// The edit to try, as text the user could type, with a remark after it.
    pub help: Option<String>,
}

impl Diagnostic {
    /// An error without places yet.
    pub fn error(code: Code, title: impl Into<String>) -> Diagnostic {
        Diagnostic {
            code,
            severity: Severity::Error,
            title: title.into(),
            labels: Vec::new(),
            notes: Vec::new(),
            help: None,
        }
    }

    /// A warning without places yet.
    pub fn warning(code: Code, title: impl Into<String>) -> Diagnostic {
        Diagnostic { severity: Severity::Warning, ..Diagnostic::error(code, title) }
    }

    /// Adds a place.
    pub fn label(mut self, span: Span, text: impl Into<String>) -> Diagnostic {
        self.labels.push(Label { span, text: text.into() });
        self
    }

    /// Adds a fact without a place.
    pub fn note(mut self, text: impl Into<String>) -> Diagnostic {
        self.notes.push(text.into());
        self
    }

    /// Says what to try.
    pub fn help(mut self, text: impl Into<String>) -> Diagnostic {
        self.help = Some(text.into());
        self
    }
}

/// The messages of a stage, in the order they were found.
pub type Problems = Vec<Diagnostic>;
