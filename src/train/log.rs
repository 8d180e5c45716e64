//! The run's log: one JSON object a line.
//!
//! A report is `{"event":"report","phase":…,"epoch":…,"iteration":…,"name":…,"value":…}`, where a
//! tensor has `"shape"` in place of `"value"` and numbers that JSON lacks are `"nan"`, `"inf"` and
//! `"-inf"`; a printed line is `{"event":"print","text":…}`; a run that ended by itself closes with
//! `{"event":"end","seconds":…,"compile_seconds":…}`.
//!
//! A disk that is full does not end a run: lines that cannot be written are held in memory and tried
//! again after each queue; only if they still cannot be written at the end is that an error.

use super::sink::{Event, Logged, Reported, Sink};
use crate::diag::{Diagnostic, codes};
use crate::train::format;
use serde_json::{Value, json};
use std::fs::File;
use std::io::{ErrorKind, Seek, SeekFrom, Write};
use std::path::{Path, PathBuf};

/// A log file.
#[derive(Debug)]
pub struct Log {
    path: PathBuf,
    file: File,
    /// Bytes in the file.
    written: u64,
    /// Lines not written yet.
    held: Vec<u8>,
    trouble: Option<String>,
}

/// Lines are gathered up to this size before they are written.
const GATHERED: usize = 64 * 1024;

impl Log {
    /// Starts a log; an old one of that name is replaced.
    pub fn create(path: &Path) -> Result<Log, Diagnostic> {
        let file = File::create(path).map_err(|reason| cannot_write(path, &reason.to_string()))?;
        Ok(Log { path: path.to_owned(), file, written: 0, held: Vec::new(), trouble: None })
    }

    /// Goes on with a log of which `written` bytes are kept, after lines that are still to be
    /// written. What was logged after that is cut off: it will be logged again.
    pub fn take_up(path: &Path, written: u64, held: Vec<u8>) -> Result<Log, Diagnostic> {
        let opened = || {
            let mut file = File::options().create(true).truncate(false).write(true).open(path)?;
            let written = written.min(file.metadata()?.len());
            file.set_len(written)?;
            file.seek(SeekFrom::End(0))?;
            Ok((file, written))
        };
        let (file, written) = opened().map_err(|e: std::io::Error| cannot_write(path, &e.to_string()))?;
        Ok(Log { path: path.to_owned(), file, written, held, trouble: None })
    }

    /// The file, how many bytes are in it, and lines that are still to be written.
    pub fn written(&self) -> (&Path, u64, &[u8]) {
        (&self.path, self.written, &self.held)
    }

    /// Writes what is held. The first time that this fails, gives the warning to tell.
    pub fn flush(&mut self) -> Option<Diagnostic> {
        while !self.held.is_empty() {
            match self.file.write(&self.held) {
                Ok(0) => return self.failed("no more can be written".to_owned()),
                Ok(count) => {
                    self.held.drain(..count);
                    self.written += count as u64;
                }
                Err(error) if error.kind() == ErrorKind::Interrupted => {}
                Err(error) => return self.failed(error.to_string()),
            }
        }
        self.trouble = None;
        None
    }

    fn failed(&mut self, reason: String) -> Option<Diagnostic> {
        let again = self.trouble.replace(reason.clone()).is_some();
        let mut warning = cannot_write(&self.path, &reason)
            .note("the run goes on; what is to be logged is held in memory and tried again");
        warning.severity = crate::diag::Severity::Warning;
        (!again).then_some(warning)
    }

    /// Writes the rest; an error if lines are missing.
    pub fn close(mut self) -> Result<(), Diagnostic> {
        let _ = self.flush();
        let Some(reason) = &self.trouble else { return Ok(()) };
        let lines = self.held.iter().filter(|b| **b == b'\n').count();
        Err(cannot_write(&self.path, reason)
            .note(format!("the last {lines} lines of the log are missing; the run itself was carried out"))
            .help("make room on the disk, or give --log another place"))
    }
}

fn cannot_write(path: &Path, reason: &str) -> Diagnostic {
    Diagnostic::error(codes::OUTPUT, format!("cannot write the log {}: {reason}", path.display()))
}

impl Sink for Log {
    fn event(&mut self, event: &Event<'_>) {
        let Some(line) = line(event) else { return };
        self.held.extend_from_slice(line.as_bytes());
        self.held.push(b'\n');
        if self.held.len() >= GATHERED && self.trouble.is_none() {
            // The warning comes with the next flush.
            let _ = self.flush();
            self.trouble = None;
        }
    }
}

/// The line of an event, without its end; none for what is not logged.
pub fn line(event: &Event<'_>) -> Option<String> {
    Some(match event {
        Event::Report(reported) => report(reported),
        Event::Print(text) => format!("{{\"event\":\"print\",\"text\":{}}}", json!(text)),
        Event::End { seconds, compile_seconds } => {
            let (seconds, compile) = (json!(seconds), json!(compile_seconds));
            format!("{{\"event\":\"end\",\"seconds\":{seconds},\"compile_seconds\":{compile}}}")
        }
        Event::Progress { .. } | Event::Warning(_) => return None,
    })
}

/// Written by hand to keep the order of the keys.
fn report(reported: &Reported<'_>) -> String {
    let Reported { phase, epoch, iteration, name, value } = reported;
    let value = match value {
        Logged::Shape(shape) => format!("\"shape\":{}", json!(shape)),
        other => format!("\"value\":{}", logged(other)),
    };
    format!(
        "{{\"event\":\"report\",\"phase\":{},\"epoch\":{},\"iteration\":{},\"name\":{},{value}}}",
        json!(phase),
        json!(epoch),
        json!(iteration),
        json!(name)
    )
}

fn logged(value: &Logged) -> Value {
    match value {
        Logged::Number(v) if !v.is_finite() => json!(format::number(*v)),
        // Whole numbers without a point, as they are printed.
        Logged::Number(v) if v.fract() == 0.0 && v.abs() < 9e15 && !(*v == 0.0 && v.is_sign_negative()) => {
            json!(*v as i64)
        }
        Logged::Number(v) => json!(v),
        Logged::Bool(v) => json!(v),
        Logged::Text(v) => json!(v),
        Logged::List(values) => Value::Array(values.iter().map(logged).collect()),
        Logged::Shape(shape) => json!(shape),
    }
}
