//! Diagnostics as text for people, drawn by miette.
//!
//! miette draws labels of one source only, loses those at the end of a file, lets overlapping ones
//! push each other aside and never cuts a line. So it is not given the files but a page: the
//! lines that labels stand in, laid out again, in the order in which the diagnostic names its
//! places. What a page promises:
//!
//! - every place is shown, whichever file it lies in, the main one first;
//! - a label lies within one line, is at least a caret wide, and overlaps no other;
//! - long lines are cut around their labels, control characters cannot reach the terminal;
//! - columns count characters.

mod page;

use super::{Diagnostic, Severity};
use crate::source::SourceMap;
use miette::{GraphicalReportHandler, GraphicalTheme, LabeledSpan, ThemeCharacters, ThemeStyles};
use page::Page;
use std::fmt;
use std::io::IsTerminal;

/// How messages are drawn.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Style {
    /// Columns that may be used.
    pub width: usize,
    /// Whether terminal colours are used.
    pub colour: bool,
    /// Whether lines are drawn with more than ASCII.
    pub unicode: bool,
}

impl Style {
    /// The same everywhere: for tests, files and documents.
    pub const PLAIN: Style = Style { width: 100, colour: false, unicode: true };

    /// What suits the standard error stream: colours on a terminal unless `NO_COLOR` is set, ASCII
    /// unless the locale is a UTF-8 one, the terminal's width between 60 and 120.
    pub fn of_stderr() -> Style {
        let terminal = std::io::stderr().is_terminal();
        let set = |name: &str| std::env::var_os(name).is_some_and(|v| !v.is_empty());
        let dumb = std::env::var("TERM").is_ok_and(|t| t == "dumb");
        let width = terminal_size::terminal_size_of(std::io::stderr()).map(|(w, _)| usize::from(w.0));
        Style {
            width: width.unwrap_or(Style::PLAIN.width).clamp(60, 120),
            colour: terminal && !dumb && !set("NO_COLOR"),
            unicode: utf8_locale(&|name| std::env::var(name).ok()),
        }
    }
}

/// Whether the locale says UTF-8: the first of the three variables that is set decides.
fn utf8_locale(variable: &dyn Fn(&str) -> Option<String>) -> bool {
    let value =
        ["LC_ALL", "LC_CTYPE", "LANG"].iter().find_map(|name| variable(name).filter(|v| !v.is_empty()));
    value.is_some_and(|v| {
        let v = v.to_ascii_lowercase();
        v.contains("utf-8") || v.contains("utf8")
    })
}

/// Draws diagnostics the same way everywhere, with how many there are if there are several.
pub fn render_plain(diagnostics: &[Diagnostic], sources: &SourceMap) -> String {
    render(diagnostics, sources, Style::PLAIN)
}

/// Draws diagnostics, with how many there are if there are several.
pub fn render(diagnostics: &[Diagnostic], sources: &SourceMap, style: Style) -> String {
    let mut out = String::new();
    for (i, diagnostic) in diagnostics.iter().enumerate() {
        if i > 0 {
            out.push('\n');
        }
        draw(&mut out, diagnostic, sources, style);
    }
    if diagnostics.len() > 1 {
        out.push('\n');
        out.push_str(&tally(diagnostics));
        out.push('\n');
    }
    // The only sign of our own messages that ASCII lacks; nothing to the right of one is marked.
    if style.unicode { out } else { out.replace('…', "...") }
}

/// `3 errors, 1 warning`.
fn tally(diagnostics: &[Diagnostic]) -> String {
    let count = |severity, one: &str| {
        let n = diagnostics.iter().filter(|d| d.severity == severity).count();
        let plural = if n == 1 { "" } else { "s" };
        (n > 0).then(|| format!("{n} {one}{plural}"))
    };
    let parts = [count(Severity::Error, "error"), count(Severity::Warning, "warning")];
    parts.into_iter().flatten().collect::<Vec<_>>().join(", ")
}

fn draw(out: &mut String, diagnostic: &Diagnostic, sources: &SourceMap, style: Style) {
    // Left of a line of source stand its number and the frame.
    let (room, mark) = (style.width.saturating_sub(10), if style.unicode { '…' } else { '~' });
    let (page, labels, displaced) = Page::lay_out(diagnostic, sources, room, mark);
    let report = Report { diagnostic, page, labels };
    let handler = GraphicalReportHandler::new_themed(theme(style))
        .with_width(style.width)
        .with_links(false)
        .with_context_lines(0)
        .with_break_words(false)
        .without_syntax_highlighting()
        .tab_width(4);
    let mut drawn = String::new();
    handler.render_report(&mut drawn, &report).expect("writing to a string cannot fail");
    for line in drawn.lines() {
        out.push_str(line.trim_end());
        out.push('\n');
    }
    for note in displaced.iter().chain(&diagnostic.notes) {
        footer(out, "note", note, style);
    }
    if let Some(help) = &diagnostic.help {
        footer(out, "help", help, style);
    }
}

/// `  note: …`, each line of the text on lines of its own, long ones broken between words.
fn footer(out: &mut String, word: &str, text: &str, style: Style) {
    let head = if style.colour { format!("  \u{1b}[36m{word}:\u{1b}[0m ") } else { format!("  {word}: ") };
    let indent = " ".repeat(word.len() + 4);
    let room = style.width.saturating_sub(indent.len()).max(20);
    let mut first = true;
    for line in text.lines().flat_map(|line| broken(line, room)) {
        out.push_str(if first { &head } else { &indent });
        out.push_str(&line.replace(|c: char| c.is_control(), "\u{fffd}"));
        out.push('\n');
        first = false;
    }
}

/// A line in pieces of at most `room` characters where words allow it; blanks inside stay as they
/// are, for the line may be code.
fn broken(line: &str, room: usize) -> Vec<String> {
    let mut pieces = Vec::new();
    let mut rest = line.trim_end();
    while rest.chars().count() > room {
        let end = rest.char_indices().nth(room).map_or(rest.len(), |(i, _)| i);
        let blank = rest[..end].rfind(' ').filter(|at| !rest[..*at].trim().is_empty());
        let Some(at) = blank.or_else(|| rest[end..].find(' ').map(|at| end + at)) else { break };
        pieces.push(rest[..at].trim_end().to_owned());
        rest = rest[at..].trim_start();
    }
    pieces.push(rest.to_owned());
    pieces
}

fn theme(style: Style) -> GraphicalTheme {
    GraphicalTheme {
        characters: if style.unicode { ThemeCharacters::unicode() } else { ThemeCharacters::ascii() },
        styles: if style.colour { ThemeStyles::ansi() } else { ThemeStyles::none() },
    }
}

/// What miette is given.
#[derive(Debug)]
struct Report<'a> {
    diagnostic: &'a Diagnostic,
    page: Page,
    labels: Vec<LabeledSpan>,
}

impl fmt::Display for Report<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.diagnostic.title)
    }
}

impl std::error::Error for Report<'_> {}

impl miette::Diagnostic for Report<'_> {
    fn code<'a>(&'a self) -> Option<Box<dyn fmt::Display + 'a>> {
        let word = match self.diagnostic.severity {
            Severity::Error => "error",
            Severity::Warning => "warning",
        };
        Some(Box::new(format!("{word} {}", self.diagnostic.code.id)))
    }

    fn severity(&self) -> Option<miette::Severity> {
        Some(match self.diagnostic.severity {
            Severity::Error => miette::Severity::Error,
            Severity::Warning => miette::Severity::Warning,
        })
    }

    fn source_code(&self) -> Option<&dyn miette::SourceCode> {
        Some(&self.page)
    }

    fn labels(&self) -> Option<Box<dyn Iterator<Item = LabeledSpan> + '_>> {
        (!self.labels.is_empty()).then(|| Box::new(self.labels.iter().cloned()) as Box<_>)
    }
}

#[cfg(test)]
mod tests;
