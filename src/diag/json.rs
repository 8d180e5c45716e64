//! Diagnostics as JSON, one object a line, for editors and scripts.

use super::{Diagnostic, Label, Severity};
use crate::source::SourceMap;
use serde::Serialize;

/// `{"severity":…,"code":…,"title":…,"labels":[…],"notes":[…],"help":…}` and a line end. Lines and
/// columns count from 1, columns in characters; the end is one past the last character.
pub fn line(diagnostic: &Diagnostic, sources: &SourceMap) -> String {
    let object = Object {
        severity: match diagnostic.severity {
            Severity::Error => "error",
            Severity::Warning => "warning",
        },
        code: diagnostic.code.id,
        title: &diagnostic.title,
        labels: diagnostic.labels.iter().map(|label| place(label, sources)).collect(),
        notes: &diagnostic.notes,
        help: diagnostic.help.as_deref(),
    };
    let mut text = serde_json::to_string(&object).expect("texts and numbers can be written as JSON");
    text.push('\n');
    text
}

#[derive(Serialize)]
struct Object<'a> {
    severity: &'a str,
    code: &'a str,
    title: &'a str,
    labels: Vec<Place<'a>>,
    notes: &'a [String],
    help: Option<&'a str>,
}

#[derive(Serialize)]
struct Place<'a> {
    file: &'a str,
    line: usize,
    column: usize,
    end_line: usize,
    end_column: usize,
    text: &'a str,
}

fn place<'a>(label: &'a Label, sources: &'a SourceMap) -> Place<'a> {
    let source = sources.get(label.span.file);
    let (start, end) = (source.line_column(label.span.start), source.line_column(label.span.end));
    Place {
        file: &source.name,
        line: start.line,
        column: start.column,
        end_line: end.line,
        end_column: end.column,
        text: &label.text,
    }
}
