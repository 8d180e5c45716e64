//! The parser: pest's grammar over the whole text, and what to do when it does not fit.
//!
//! After a mistake the statement or declaration around it is blanked out, byte for byte, and the
//! text is parsed again, so that every later mistake is found too, each at its own place. Bytes keep
//! their places, so spans stay right.

use std::num::NonZeroUsize;
use std::sync::atomic::{AtomicUsize, Ordering};

use pest::Parser as _;
use pest::error::{Error, ErrorVariant, InputLocation};
use pest::iterators::Pairs;

use super::ast::{Expr, File};
use super::brackets::{self, MOST, Scan};
use super::build::Builder;
use super::lexer::{self, Kind, Token};
use super::{messages, recovery};
use crate::diag::{Diagnostic, Problems, codes};
use crate::source::{Source, Span};

#[derive(pest_derive::Parser)]
#[grammar = "../grammar/dl.pest"]
struct Grammar;

/// Nesting up to which the caller's stack is surely enough.
const SHALLOW: usize = 12;

/// The stack for deeper texts.
const STACK: usize = 256 << 20;

/// Reads a text. What could be understood is in the tree even where there are problems; only a tree
/// without problems says what the text says.
pub fn parse(source: &Source) -> (File, Problems) {
    let tokens = lexer::lex(&source.text);
    let scan = brackets::scan(source.id, &source.text, &tokens);
    let nothing = || File { id: source.id, uses: vec![], items: vec![], doc: None };
    if scan.too_deep {
        return (nothing(), scan.problems.into_iter().map(|p| p.1).collect());
    }
    with_stack(scan.depth, || parse_file(source, &tokens, scan))
        .unwrap_or_else(|| (nothing(), vec![no_stack(source)]))
}

/// Reads a text that is one expression: the value of `--set NAME=EXPR`.
pub fn parse_expr(source: &Source) -> Result<Expr, Problems> {
    let tokens = lexer::lex(&source.text);
    let scan = brackets::scan(source.id, &source.text, &tokens);
    if !scan.problems.is_empty() {
        return Err(scan.problems.into_iter().map(|p| p.1).collect());
    }
    let read = || {
        limit(source.text.len());
        match Grammar::parse(Rule::lone_expr, &source.text) {
            Err(error) => Err(vec![message(source, &source.text, &tokens, &error)]),
            Ok(pairs) => {
                let mut builder = Builder::new(source, &tokens, &tokens, &[]);
                let expr = pairs.flatten().find(|p| p.as_rule() == Rule::expr).map(|e| builder.expr(e));
                match expr {
                    Some(expr) if builder.problems.is_empty() => Ok(expr),
                    _ => Err(builder.problems),
                }
            }
        }
    };
    with_stack(scan.depth, read).unwrap_or_else(|| Err(vec![no_stack(source)]))
}

fn parse_file(source: &Source, tokens: &[Token], scan: Scan) -> (File, Problems) {
    let mut text = source.text.clone();
    let mut orphans = Vec::new();
    let mut found: Vec<Diagnostic> = Vec::new();
    for (at, problem) in scan.problems {
        recovery::blank_around(&mut text, tokens, at, &mut orphans);
        found.push(problem);
    }
    limit(text.len());
    let mut file = None;
    while found.len() < MOST {
        let now = if found.is_empty() { tokens.to_vec() } else { lexer::lex(&text) };
        match Grammar::parse(Rule::file, &text) {
            Ok(pairs) => {
                file = Some(build(source, tokens, &now, &orphans, pairs, &mut found));
                break;
            }
            Err(error) => {
                found.push(message(source, &text, &now, &error));
                let at = position(&text, &now, &error);
                if !recovery::blank_statement(&mut text, &now, at, &mut orphans) {
                    break;
                }
            }
        }
    }
    let file = file.unwrap_or(File { id: source.id, uses: vec![], items: vec![], doc: None });
    found.sort_by_key(|p| p.labels.first().map_or(0, |l| l.span.start));
    (file, found)
}

fn build(
    source: &Source,
    tokens: &[Token],
    now: &[Token],
    orphans: &[usize],
    mut pairs: Pairs<'_, Rule>,
    found: &mut Problems,
) -> File {
    let mut builder = Builder::new(source, tokens, now, orphans);
    let file = match pairs.next() {
        Some(pair) => builder.file(pair),
        None => File { id: source.id, uses: vec![], items: vec![], doc: None },
    };
    found.append(&mut builder.problems);
    file
}

/// Where pest gave up; where it looked for more beyond the end of a line in vain, that end.
fn position(text: &str, tokens: &[Token], error: &Error<Rule>) -> usize {
    let (InputLocation::Pos(at) | InputLocation::Span((at, _))) = error.location;
    let ErrorVariant::ParsingError { positives, .. } = &error.variant else { return at };
    let found = tokens.partition_point(|t| t.end <= at);
    let Some(token) = tokens.get(found) else { return at };
    let next = brackets::at_margin(text, token) || positives.contains(&Rule::k_else);
    let before = tokens[..found].iter().rposition(|t| !is_trivia(t)).map_or(0, |b| b + 1);
    match tokens[before..found].iter().find(|t| t.kind == Kind::Newline) {
        Some(newline)
            if next && before > 0 && !positives.contains(&Rule::sep) && token.text(text) != "else" =>
        {
            newline.start
        }
        _ => at,
    }
}

fn message(source: &Source, text: &str, tokens: &[Token], error: &Error<Rule>) -> Diagnostic {
    match &error.variant {
        ErrorVariant::ParsingError { positives, .. } => {
            messages::unexpected(source, text, tokens, position(text, tokens, error), positives)
        }
        // The limit of calls or of the stack: neither is reached by what passed the scan of brackets.
        ErrorVariant::CustomError { message } => {
            Diagnostic::error(codes::NESTING, "this text is too involved to be read")
                .label(Span::new(source.id, 0, source.text.len().min(1)), "it begins here")
                .note(message.clone())
                .help("give long expressions names, on lines of their own")
        }
    }
}

fn no_stack(source: &Source) -> Diagnostic {
    Diagnostic::error(codes::NESTING, "there is no memory to read a text nested this deeply")
        .label(Span::new(source.id, 0, source.text.len().min(1)), "it begins here")
}

/// Runs `read` on a stack that suffices for nesting `depth`.
fn with_stack<T: Send>(depth: usize, read: impl FnOnce() -> T + Send) -> Option<T> {
    if depth <= SHALLOW {
        return Some(read());
    }
    std::thread::scope(|scope| {
        let thread = std::thread::Builder::new().name("parser".into()).stack_size(STACK);
        match thread.spawn_scoped(scope, read) {
            Ok(handle) => match handle.join() {
                Ok(result) => Some(result),
                Err(panic) => std::panic::resume_unwind(panic),
            },
            Err(_) => None,
        }
    })
}

/// Bounds pest's work, as a backstop against a grammar that backtracks: in proportion to the text.
/// The limit is the process's, so it only ever grows.
fn limit(bytes: usize) {
    static LIMIT: AtomicUsize = AtomicUsize::new(0);
    let wanted = bytes.saturating_mul(2_000).saturating_add(1_000_000);
    let limit = LIMIT.fetch_max(wanted, Ordering::Relaxed).max(wanted);
    pest::set_call_limit(NonZeroUsize::new(limit));
}

/// Whether a token carries no meaning of its own.
pub(crate) fn is_trivia(token: &Token) -> bool {
    matches!(token.kind, Kind::Comment | Kind::Newline | Kind::Semicolon)
}
