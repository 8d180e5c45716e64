//! The lines that a diagnostic shows, laid out for miette.

use crate::diag::{Diagnostic, Label};
use crate::source::{FileId, Source, SourceMap};
use miette::{LabeledSpan, MietteError, MietteSpanContents, SourceCode, SourceSpan, SpanContents};

/// Lines further apart than this are shown in frames of their own.
const APART: usize = 2;

/// A text of shown lines with what miette must know about each.
#[derive(Debug, Default)]
pub(super) struct Page {
    /// What stands where a line is cut.
    mark: char,
    text: String,
    lines: Vec<Shown>,
}

/// A line as it is shown.
#[derive(Debug)]
struct Shown {
    /// Where it begins in the page's text.
    start: usize,
    /// Which frame it stands in.
    frame: usize,
    /// Its file's name.
    file: String,
    /// Its number, from 1.
    number: usize,
    /// The column, from 1, of the first character that is shown, not counting a mark of a cut.
    first_column: usize,
    /// Whether a mark of a cut stands before it.
    cut: bool,
}

/// A label within one line: characters `from..to` of it, from 0.
#[derive(Clone, Debug)]
struct Spot {
    file: FileId,
    line: usize,
    from: usize,
    to: usize,
    text: String,
    main: bool,
}

impl Page {
    /// Lays out the places of a diagnostic in lines of at most `room` characters, with `mark` where
    /// one is cut. Gives the page, the labels on it, and notes for the labels for which there was no
    /// room.
    pub(super) fn lay_out(
        diagnostic: &Diagnostic,
        sources: &SourceMap,
        room: usize,
        mark: char,
    ) -> (Page, Vec<LabeledSpan>, Vec<String>) {
        let spots = diagnostic.labels.iter().enumerate();
        let spots: Vec<Spot> = spots.map(|(i, label)| spot(label, sources, i == 0)).collect();
        let (spots, displaced) = separate(spots, sources);
        let mut page = Page { mark, ..Page::default() };
        let mut labels = Vec::new();
        for (frame, lines) in frames(&spots).into_iter().enumerate() {
            let (file, first, last) = lines;
            let source = sources.get(file);
            for number in first..=last {
                let here: Vec<&Spot> = spots.iter().filter(|s| s.file == file && s.line == number).collect();
                page.add_line(frame, source, number, &here, room, &mut labels);
            }
        }
        (page, labels, displaced)
    }

    fn add_line(
        &mut self,
        frame: usize,
        source: &Source,
        number: usize,
        spots: &[&Spot],
        room: usize,
        labels: &mut Vec<LabeledSpan>,
    ) {
        let line: Vec<char> = source.line(number).chars().map(harmless).collect();
        let (from, to) = window(&line, spots, room);
        let start = self.text.len();
        let cut = from > 0;
        self.text.extend(cut.then_some(self.mark));
        // Byte offset on the page of a character of the line; what is cut off lies on the marks.
        let mut offsets = Vec::new();
        for c in &line[from..to] {
            offsets.push(self.text.len());
            self.text.push(*c);
        }
        offsets.push(self.text.len());
        if to < line.len() {
            self.text.push(self.mark);
            offsets.push(self.text.len());
        }
        let offset = |column: usize| match column.checked_sub(from) {
            Some(at) => offsets[at.min(offsets.len() - 1)],
            None => start,
        };
        for spot in spots {
            let (at, end) = (offset(spot.from), offset(spot.to));
            let text = (!spot.text.is_empty()).then(|| spot.text.clone());
            labels.push(if spot.main {
                LabeledSpan::new_primary_with_span(text, (at, end - at))
            } else {
                LabeledSpan::new(text, at, end - at)
            });
        }
        self.text.push('\n');
        let file = source.name.clone();
        self.lines.push(Shown { start, frame, file, number, first_column: from + 1, cut });
    }

    /// The shown line in which an offset lies.
    fn line_of(&self, offset: usize) -> usize {
        self.lines.partition_point(|line| line.start <= offset).saturating_sub(1)
    }
}

impl SourceCode for Page {
    fn read_span<'a>(
        &'a self,
        span: &SourceSpan,
        _before: usize,
        _after: usize,
    ) -> Result<Box<dyn SpanContents<'a> + 'a>, MietteError> {
        let (first, last) = (self.line_of(span.offset()), self.line_of(span.offset() + span.len()));
        let (Some(one), Some(other)) = (self.lines.get(first), self.lines.get(last)) else {
            return Err(MietteError::OutOfBounds);
        };
        if one.frame != other.frame {
            return Err(MietteError::OutOfBounds);
        }
        let end = self.lines.get(last + 1).map_or(self.text.len(), |line| line.start);
        let shown = self.text[one.start..span.offset().max(one.start)].chars().count();
        let column = one.first_column + shown.saturating_sub(usize::from(one.cut)) - 1;
        Ok(Box::new(MietteSpanContents::new_named(
            one.file.clone(),
            &self.text.as_bytes()[one.start..end],
            (one.start, end - one.start).into(),
            one.number - 1,
            column,
            last - first + APART,
        )))
    }
}

/// Brings a label into one line: one that goes on over several keeps to its first, an empty one on
/// a blank line (the end of the file, as a rule) moves back onto the last character before it.
fn spot(label: &Label, sources: &SourceMap, main: bool) -> Spot {
    let source = sources.get(label.span.file);
    let text = source.text.as_str();
    let mut start = floor_boundary(text, label.span.start as usize);
    let mut end = floor_boundary(text, (label.span.end as usize).max(start));
    if text[start..end].trim().is_empty() && line_around(text, start).trim().is_empty() {
        let before = text[..start].trim_end();
        let last = before.chars().next_back().map_or(0, char::len_utf8);
        (start, end) = (before.len() - last, before.len());
    }
    let line = text[start..end].split(['\n', '\r']).next().unwrap_or("");
    end = start + line.trim_end().len().max(usize::from(!line.is_empty()));
    end = floor_boundary(text, end);
    let at = source.line_column(start as u32);
    let from = at.column - 1;
    let to = from + text[start..end].chars().count();
    Spot { file: label.span.file, line: at.line, from, to, text: label.text.clone(), main }
}

fn floor_boundary(text: &str, at: usize) -> usize {
    let mut at = at.min(text.len());
    while !text.is_char_boundary(at) {
        at -= 1;
    }
    at
}

fn line_around(text: &str, at: usize) -> &str {
    let start = text[..at].rfind('\n').map_or(0, |i| i + 1);
    let end = text[at..].find('\n').map_or(text.len(), |i| at + i);
    &text[start..end]
}

/// Makes overlapping labels disjoint. The shorter one keeps its place; of the longer one the largest
/// part beside it remains. Equal ones become one with both texts. Where nothing remains, the label
/// becomes a note.
fn separate(spots: Vec<Spot>, sources: &SourceMap) -> (Vec<Spot>, Vec<String>) {
    let mut order: Vec<usize> = (0..spots.len()).collect();
    order.sort_by_key(|i| spots[*i].to - spots[*i].from);
    let mut placed: Vec<(usize, Spot)> = Vec::new();
    let mut originals: Vec<Spot> = Vec::new();
    let mut displaced: Vec<(usize, String)> = Vec::new();
    for i in order {
        let spot = &spots[i];
        let same = |o: &Spot| (o.file, o.line, o.from, o.to) == (spot.file, spot.line, spot.from, spot.to);
        if let Some(at) = originals.iter().position(same) {
            let (first, kept) = &mut placed[at];
            if !spot.text.is_empty() && !kept.text.is_empty() {
                kept.text.push('\n');
            }
            kept.text.push_str(&spot.text);
            kept.main |= spot.main;
            *first = (*first).min(i);
            continue;
        }
        let taken: Vec<(usize, usize)> = placed
            .iter()
            .filter(|(_, p)| p.file == spot.file && p.line == spot.line)
            .map(|(_, p)| (p.from, p.to.max(p.from + 1)))
            .collect();
        let line: Vec<char> = sources.get(spot.file).line(spot.line).chars().collect();
        match remaining(spot, &taken, &line) {
            Some((from, to)) => {
                originals.push(spot.clone());
                placed.push((i, Spot { from, to, ..spot.clone() }));
            }
            None if spot.text.is_empty() => {}
            None => {
                let what: String = line[spot.from..spot.to].iter().collect();
                displaced.push((i, format!("`{what}` {}", spot.text)));
            }
        }
    }
    placed.sort_by_key(|(i, _)| *i);
    displaced.sort_by_key(|(i, _)| *i);
    (placed.into_iter().map(|(_, s)| s).collect(), displaced.into_iter().map(|(_, t)| t).collect())
}

/// The largest part of a spot that is not taken, without blanks at its ends.
fn remaining(spot: &Spot, taken: &[(usize, usize)], line: &[char]) -> Option<(usize, usize)> {
    if spot.from == spot.to {
        return (!taken.iter().any(|(a, b)| (*a..*b).contains(&spot.from))).then_some((spot.from, spot.to));
    }
    let free = |at: &usize| !taken.iter().any(|(a, b)| (*a..*b).contains(at));
    let blank = |at: usize| line.get(at).is_none_or(|c| c.is_whitespace());
    let mut best: Option<(usize, usize)> = None;
    let mut at = spot.from;
    while at < spot.to {
        if !free(&at) || blank(at) {
            at += 1;
            continue;
        }
        let mut end = at;
        while end < spot.to && free(&end) {
            end += 1;
        }
        let next = end;
        while blank(end - 1) {
            end -= 1;
        }
        if best.is_none_or(|(a, b)| end - at > b - a) {
            best = Some((at, end));
        }
        at = next;
    }
    // A label on blanks alone keeps its place if it can.
    best.or_else(|| (spot.from..spot.to).all(|at| free(&at)).then_some((spot.from, spot.to)))
}

/// The frames: file, first line and last, in the order in which the diagnostic names them.
fn frames(spots: &[Spot]) -> Vec<(FileId, usize, usize)> {
    let mut lines: Vec<(FileId, usize)> = spots.iter().map(|s| (s.file, s.line)).collect();
    lines.sort_unstable();
    lines.dedup();
    let mut frames: Vec<(FileId, usize, usize)> = Vec::new();
    for (file, line) in lines {
        match frames.last_mut() {
            Some((f, _, last)) if *f == file && line - *last <= APART => *last = line,
            _ => frames.push((file, line, line)),
        }
    }
    let first_named = |frame: &(FileId, usize, usize)| {
        spots.iter().position(|s| s.file == frame.0 && (frame.1..=frame.2).contains(&s.line))
    };
    frames.sort_by_key(first_named);
    frames
}

/// The part of a line that is shown: all of it if there is room, else what is around its labels.
fn window(line: &[char], spots: &[&Spot], room: usize) -> (usize, usize) {
    if line.len() <= room {
        return (0, line.len());
    }
    let first = spots.iter().map(|s| s.from).min().unwrap_or(0);
    let last = spots.iter().map(|s| s.to).max().unwrap_or(0);
    let room = room.saturating_sub(2).max(10);
    if last <= room {
        return (0, room);
    }
    let spare = room.saturating_sub(last - first) / 2;
    let from = first.saturating_sub(spare.min(room / 2));
    (from.min(line.len()), (from + room).min(line.len()))
}

/// A character that cannot command a terminal or turn the direction of the text.
fn harmless(c: char) -> char {
    let turns = matches!(c, '\u{200e}' | '\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}');
    if turns || (c.is_control() && c != '\t') { '\u{fffd}' } else { c }
}
