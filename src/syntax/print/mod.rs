//! The one layout of `dlc fmt`.
//!
//! It works on tokens, so every comment stays. The author's line breaks stay too; blanks within a
//! line, indentation and blank lines are decided here, and `align` brings the `=` and the comments of
//! neighbouring lines under one another.

mod align;
mod lines;

use super::ast::File;
use super::brackets::ends_statement;
use super::lexer::{self, KEYWORDS, Kind, Token};
use crate::source::Source;
use lines::Layout;

/// The text of a file in the one layout. `file` is what parsing `source` gave, without problems.
pub fn print(file: &File, source: &Source) -> String {
    debug_assert_eq!(file.id, source.id);
    let tokens = broken_blocks(&source.text, lexer::lex(&source.text));
    let mut layout = Layout::new(&source.text, &tokens);
    for index in 0..tokens.len() {
        layout.push(index);
    }
    align::print(layout.finish())
}

/// Gives a line of its own to both braces of a block that is longer than a line, and takes away the
/// semicolons that end no statement.
fn broken_blocks(text: &str, tokens: Vec<Token>) -> Vec<Token> {
    let partner = partners(text, &tokens);
    let mut newlines = vec![0usize; tokens.len() + 1];
    for (i, token) in tokens.iter().enumerate() {
        newlines[i + 1] = newlines[i] + usize::from(token.kind == Kind::Newline);
    }
    let mut out: Vec<Token> = Vec::with_capacity(tokens.len() + 16);
    for (i, token) in tokens.iter().enumerate() {
        let broken = partner[i].is_some_and(|p| newlines[p] != newlines[i]);
        let kind = |t: Option<&Token>| t.map_or(Kind::Newline, |t| t.kind);
        let brace = matches!(token.text(text), "{" | "}");
        let newline = Token { kind: Kind::Newline, start: token.end, end: token.end, depth: 0 };
        if token.kind == Kind::Semicolon {
            let next = tokens.get(i + 1);
            let last = out.last().map(|t| (t.kind, t.text(text)));
            let idle = matches!(last, None | Some((Kind::Newline | Kind::Semicolon, _) | (Kind::Open, "{")));
            if idle || matches!(kind(next), Kind::Newline | Kind::Comment | Kind::Semicolon | Kind::Close) {
                continue;
            }
        }
        if broken && brace && token.kind == Kind::Close && kind(out.last()) != Kind::Newline {
            out.push(Token { start: token.start, end: token.start, ..newline });
        }
        out.push(*token);
        let next = kind(tokens.get(i + 1));
        if broken && brace && token.kind == Kind::Open && !matches!(next, Kind::Newline | Kind::Comment) {
            out.push(newline);
        }
    }
    out
}

/// For each bracket the index of the one that belongs to it.
fn partners(text: &str, tokens: &[Token]) -> Vec<Option<usize>> {
    let mut partner = vec![None; tokens.len()];
    let mut open = Vec::new();
    for (i, token) in tokens.iter().enumerate() {
        match token.kind {
            Kind::Open => open.push(i),
            Kind::Close => {
                if let Some(o) = open.pop() {
                    partner[o] = Some(i);
                    partner[i] = Some(o);
                }
            }
            _ => {}
        }
        debug_assert!(token.end <= text.len());
    }
    partner
}

/// Whether a blank stands between two neighbours; `unary` says that the left one is a sign.
fn blank_between(left: (Kind, &str), right: (Kind, &str), unary: bool) -> bool {
    let keyword = |(kind, text): (Kind, &str)| kind == Kind::Word && KEYWORDS.contains(&text);
    let value = |t| t != "true" && t != "false";
    match (left, right) {
        (_, (_, "," | ":" | ")" | "]" | "'" | ".") | (Kind::Semicolon, _)) => false,
        ((Kind::Open, "(" | "[") | (_, "."), _) => false,
        ((Kind::Open, "{"), (Kind::Close, "}")) => false,
        ((Kind::Open, "{"), _) | (_, (Kind::Close | Kind::Open, "}" | "{")) => true,
        ((_, ",") | (Kind::Semicolon, _), _) => true,
        ((Kind::Op, "..."), _) => false,
        _ if unary => false,
        (l, (Kind::Op, "..")) => keyword(l) && value(l.1) || (l.0 == Kind::Op && l.1 != ".."),
        ((Kind::Op, ".."), _) => false,
        (l, (Kind::Open, _)) => l.0 == Kind::Op || keyword(l),
        _ => true,
    }
}

/// Whether a `-` after this token is a sign.
fn before_sign(before: Option<(Kind, &str)>) -> bool {
    match before {
        None => true,
        Some((kind, text)) => match kind {
            Kind::Word => KEYWORDS.contains(&text) && text != "true" && text != "false",
            Kind::Number | Kind::Str { .. } | Kind::Close | Kind::Quote => false,
            _ => true,
        },
    }
}

/// Whether the line that begins with `first` goes on with the statement that `before` is part of.
fn continues(text: &str, before: Option<&Token>, first: &Token) -> bool {
    match before {
        None => false,
        Some(b) if b.kind == Kind::Open => false,
        Some(b) if !ends_statement(text, b) => true,
        Some(b) => first.text(text) == "else" && b.text(text) != "}",
    }
}
