//! What goes to the terminal. A reader that has gone away is no error.

use crate::diag::render::Style;
use crate::diag::{Diagnostic, Severity, json, render};
use crate::source::SourceMap;
use clap::ValueEnum;
use std::io::Write;

/// In which form messages are given.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, ValueEnum)]
pub enum MessageFormat {
    /// Drawn, on the standard error stream.
    #[default]
    Human,
    /// One JSON object a line, on the standard output.
    Json,
}

/// Writes what was asked for.
pub fn out(text: &str) {
    let mut stream = std::io::stdout().lock();
    let _ = stream.write_all(text.as_bytes()).and_then(|()| stream.flush());
}

/// Writes what is to be said about it.
pub fn err(text: &str) {
    let _ = std::io::stderr().write_all(text.as_bytes());
}

/// Gives the messages, errors last, where they are seen.
pub fn messages(diagnostics: &[Diagnostic], sources: &SourceMap, format: MessageFormat) {
    let mut ordered: Vec<Diagnostic> = diagnostics.to_vec();
    ordered.sort_by_key(|d| d.severity == Severity::Error);
    match format {
        MessageFormat::Human => err(&render::render(&ordered, sources, Style::of_stderr())),
        MessageFormat::Json => {
            out(&ordered.iter().map(|d| json::line(d, sources)).collect::<String>());
        }
    }
}

/// Gives the messages of a failure and the status that says so.
pub fn failure(diagnostics: &[Diagnostic], sources: &SourceMap, format: MessageFormat) -> u8 {
    messages(diagnostics, sources, format);
    1
}

/// A count as the language writes it: `397_510`.
pub fn count(n: usize) -> String {
    let digits = n.to_string();
    let mut text = String::new();
    for (i, digit) in digits.chars().enumerate() {
        if i > 0 && (digits.len() - i).is_multiple_of(3) {
            text.push('_');
        }
        text.push(digit);
    }
    text
}

/// Rows with aligned columns, two blanks apart, indented; columns listed in `right` are aligned at
/// their right.
pub fn table(rows: &[Vec<String>], right: &[usize]) -> String {
    let columns = rows.iter().map(Vec::len).max().unwrap_or(0);
    let length = |cell: &String| cell.chars().count();
    let width = |c: usize| rows.iter().filter_map(|r| r.get(c)).map(length).max().unwrap_or(0);
    let widths: Vec<usize> = (0..columns).map(width).collect();
    let mut text = String::new();
    for row in rows {
        let mut line = String::new();
        for (c, cell) in row.iter().enumerate() {
            let gap = " ".repeat(widths[c] - length(cell));
            line.push_str("  ");
            line.push_str(&if right.contains(&c) { gap + cell } else { cell.clone() + &gap });
        }
        text.push_str(line.trim_end());
        text.push('\n');
    }
    text
}

#[cfg(test)]
mod tests {
    #[test]
    fn counts_are_grouped_as_in_the_language() {
        let texts = [0, 7, 999, 1_000, 50_000, 1_234_567].map(super::count);
        assert_eq!(texts, ["0", "7", "999", "1_000", "50_000", "1_234_567"]);
    }

    #[test]
    fn columns_are_aligned() {
        let rows = [vec!["a".into(), "10".into()], vec!["bcd".into(), "5".into(), "é".into()]];
        assert_eq!(super::table(&rows, &[1]), "  a    10\n  bcd   5  é\n");
    }
}
