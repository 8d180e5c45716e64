//! Going on after a mistake: which part of the text to leave out.

use super::brackets::{at_margin, ends_statement, indent};
use super::lexer::{Kind, Token};

/// Where a statement stands: its first token, and what kind of block it is in.
#[derive(Clone, Copy)]
struct Level {
    /// The first token of the statement under way in this block.
    start: usize,
    /// Whether it is a brace, where newlines end statements.
    brace: bool,
    /// Whether a block without a header may stand in it: the grammar has a place for one.
    orphan: bool,
}

/// Blanks the statement around byte `at`, so that the rest can be parsed; a block whose header was at
/// fault stays, and its brace is noted among the orphans. Says whether anything was there to blank.
pub(crate) fn blank_statement(
    text: &mut String,
    tokens: &[Token],
    at: usize,
    orphans: &mut Vec<usize>,
) -> bool {
    let found = tokens.partition_point(|t| t.end <= at);
    let first = margin_before(text, tokens, found);
    let (level, parens) = level_at(text, tokens, first, found);
    let (end, orphan) = statement_end(text, tokens, found.max(level.start), parens, level.orphan);
    let (start, end) = match (tokens.get(level.start), end) {
        (Some(s), e) if s.start < e => (s.start, e),
        _ => match tokens.get(found).or(tokens.last()) {
            Some(token) => (token.start, token.end),
            None => return false,
        },
    };
    orphans.extend(orphan);
    blank(text, start, end)
}

/// Blanks what a bracket or string at byte `at` leaves unreadable: the declaration around it, or, for
/// a string, its line.
pub(crate) fn blank_around(text: &mut String, tokens: &[Token], at: usize, orphans: &mut Vec<usize>) {
    let found = tokens.partition_point(|t| t.end <= at);
    if let Some(token) = tokens.get(found).filter(|t| t.kind == (Kind::Str { closed: false })) {
        let line = text[..at].rfind('\n').map_or(0, |n| n + 1);
        let brace = token.text(text).trim_end().ends_with('{') && text[line..at].trim() == "phase";
        let end = if brace { line + text[line..token.end].trim_end().len() - 1 } else { token.end };
        if brace {
            orphans.push(end);
        }
        blank(text, line, end);
        return;
    }
    match tokens.get(found).map(|t| (t.kind, t.text(text))) {
        Some((Kind::Close, _)) => {
            blank_statement(text, tokens, at, orphans);
            return;
        }
        Some((Kind::Open, "(" | "[")) => {
            let (start, end) = indented(text, tokens, found);
            blank(text, start, end);
            return;
        }
        _ => {}
    }
    let start = margin_before(text, tokens, found);
    let end = tokens.iter().skip(found + 1).find(|t| begins(text, t)).map_or(text.len(), |t| t.start);
    if let Some(start) = tokens.get(start) {
        blank(text, start.start, end.max(start.start));
    }
}

/// The line of token `found` with all that is indented below it, and the brace that closes it.
fn indented(text: &str, tokens: &[Token], found: usize) -> (usize, usize) {
    let at = tokens[found].start;
    let (start, own) = (text[..at].rfind('\n').map_or(0, |n| n + 1), indent(text, at));
    let mut braces = 0usize;
    for (i, token) in tokens.iter().enumerate().skip(tokens.partition_point(|t| t.start < start)) {
        let first = i > found && tokens[i - 1].kind == Kind::Newline;
        if first && token.kind != Kind::Newline && indent(text, token.start) <= own {
            return match token.text(text) {
                "}" if braces > 0 => (start, token.end),
                _ => (start, token.start),
            };
        }
        match token.text(text) {
            "{" => braces += 1,
            "}" => braces = braces.saturating_sub(1),
            _ => {}
        }
    }
    (start, text.len())
}

/// Whether a declaration begins with this token: a word at the left margin.
fn begins(text: &str, token: &Token) -> bool {
    at_margin(text, token)
        || (token.kind == Kind::Word && (token.start == 0 || text.as_bytes()[token.start - 1] == b'\n'))
}

/// The token that begins the declaration around token `found`.
fn margin_before(text: &str, tokens: &[Token], found: usize) -> usize {
    let last = found.min(tokens.len().saturating_sub(1));
    (0..=last).rev().find(|i| tokens.get(*i).is_some_and(|t| begins(text, t))).unwrap_or(0)
}

/// The innermost block around token `found`, and how many parentheses are open in its statement.
fn level_at(text: &str, tokens: &[Token], first: usize, found: usize) -> (Level, usize) {
    let mut levels = vec![Level { start: first, brace: true, orphan: false }];
    let mut before: Option<&Token> = None;
    for (i, token) in tokens.iter().enumerate().take(found).skip(first) {
        let top = levels.len() - 1;
        match token.kind {
            Kind::Open => {
                let brace = token.text(text) == "{";
                let head = tokens.get(levels[top].start).map_or("", |t| t.text(text));
                let orphan = brace && !matches!(head, "layer" | "data");
                levels.push(Level { start: i + 1, brace, orphan });
            }
            Kind::Close if top > 0 && levels[top].brace == (token.text(text) == "}") => drop(levels.pop()),
            Kind::Semicolon if levels[top].brace => levels[top].start = i + 1,
            Kind::Newline if levels[top].brace && before.is_none_or(|b| ends_statement(text, b)) => {
                levels[top].start = i + 1;
            }
            _ => {}
        }
        if token.kind != Kind::Comment {
            before = Some(token);
        }
    }
    let parens = levels.iter().rev().take_while(|l| !l.brace).count();
    let block = levels[levels.len() - 1 - parens];
    (block, parens)
}

/// The byte where the statement around token `from` ends, and the brace of a block that stays.
fn statement_end(
    text: &str,
    tokens: &[Token],
    from: usize,
    mut parens: usize,
    orphan: bool,
) -> (usize, Option<usize>) {
    let mut braces = 0usize;
    let mut before: Option<&Token> = from.checked_sub(1).and_then(|b| tokens.get(b));
    for (i, token) in tokens.iter().enumerate().skip(from) {
        if i > from && begins(text, token) {
            return (token.start, None);
        }
        match (token.kind, token.text(text)) {
            (Kind::Open, "{") if orphan && parens == 0 && braces == 0 => {
                return (token.start, Some(token.start));
            }
            (Kind::Open, "{") => braces += 1,
            (Kind::Open, _) => parens += 1,
            (Kind::Close, "}") if braces == 0 => return (token.start, None),
            (Kind::Close, "}") => braces -= 1,
            (Kind::Close, _) => parens = parens.saturating_sub(1),
            (Kind::Semicolon, _) if parens + braces == 0 => return (token.start, None),
            (Kind::Newline, _)
                if parens + braces == 0 && before.is_none_or(|b| i == from || ends_statement(text, b)) =>
            {
                return (token.start, None);
            }
            _ => {}
        }
        if token.kind != Kind::Comment {
            before = Some(token);
        }
    }
    (text.len(), None)
}

/// Replaces all but newlines by blanks. Says whether there was anything.
fn blank(text: &mut String, start: usize, end: usize) -> bool {
    let Some(old) = text.get(start..end) else { return false };
    let new: String = old.bytes().map(|b| if b == b'\n' { '\n' } else { ' ' }).collect();
    let changed = new != old && !old.trim().is_empty();
    text.replace_range(start..end, &new);
    changed
}
