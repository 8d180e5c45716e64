//! The scan before parsing: strings without an end, brackets without a partner, and nesting too deep
//! for any stack. It is linear and does not recurse.

use super::lexer::{DECLARATIONS, Kind, Token};
use crate::diag::{Diagnostic, codes};
use crate::source::{FileId, Span};

/// How deep brackets, and `if`s without brackets, may nest.
pub(crate) const DEEPEST: usize = 256;

/// How many mistakes are looked for in one text.
pub(crate) const MOST: usize = 20;

/// What the scan found.
pub(crate) struct Scan {
    /// The messages, each with the byte of the text that it is about.
    pub problems: Vec<(usize, Diagnostic)>,
    /// The deepest nesting there is, at most `DEEPEST`.
    pub depth: usize,
    /// Whether the nesting forbids to parse at all.
    pub too_deep: bool,
}

/// Scans the tokens of a text.
pub(crate) fn scan(file: FileId, text: &str, tokens: &[Token]) -> Scan {
    let mut scan = Scan { problems: Vec::new(), depth: 0, too_deep: false };
    if let Some(at) = deepest(text, tokens, &mut scan.depth) {
        scan.too_deep = true;
        let title = format!("this is nested more than {DEEPEST} levels deep");
        let problem = Diagnostic::error(codes::NESTING, title)
            .label(Span::new(file, at.start, at.end), format!("level {} begins here", DEEPEST + 1))
            .help("give the inner parts names of their own, on lines above");
        scan.problems.push((at.start, problem));
        return scan;
    }
    for token in tokens {
        if token.kind == (Kind::Str { closed: false }) {
            scan.problems.push((token.start, unclosed_string(file, text, token)));
        }
    }
    let readable = without_broken_lines(text, tokens);
    let (mut found, suspects) = pair(file, text, &readable, false);
    if !found.is_empty() {
        found = match blame_indentation(file, text, &readable, &suspects) {
            Some(problem) => vec![problem],
            None => pair(file, text, &readable, true).0,
        };
    }
    scan.problems.append(&mut found);
    scan.problems.truncate(MOST);
    scan
}

/// The tokens without the lines on which a string has no end: it may have swallowed brackets.
fn without_broken_lines(text: &str, tokens: &[Token]) -> Vec<Token> {
    let mut kept: Vec<Token> = Vec::with_capacity(tokens.len());
    for token in tokens {
        if token.kind != (Kind::Str { closed: false }) {
            kept.push(*token);
            continue;
        }
        while kept.last().is_some_and(|t| t.kind != Kind::Newline) {
            kept.pop();
        }
        let swallowed = token.text(text).trim_end();
        if swallowed.ends_with('{') {
            let at = token.start + swallowed.len() - 1;
            kept.push(Token { kind: Kind::Open, start: at, end: at + 1, depth: 1 });
        }
    }
    kept
}

/// The first place nested too deeply.
fn deepest(text: &str, tokens: &[Token], depth: &mut usize) -> Option<Token> {
    // For each bracket that is open: whether it is a brace, and how many `if`s in it await their `else`.
    let mut open = vec![(true, 0usize)];
    let mut ifs = 0usize;
    let mut before: Option<&Token> = None;
    for token in tokens {
        let top = open.len() - 1;
        match token.kind {
            Kind::Open => {
                let brace = token.text(text) == "{";
                if brace {
                    ifs -= std::mem::take(&mut open[top].1);
                }
                open.push((brace, 0));
            }
            Kind::Close if top > 0 => ifs -= open.pop().map_or(0, |o| o.1),
            Kind::Word if token.text(text) == "if" => {
                ifs += 1;
                open[top].1 += 1;
            }
            Kind::Word if token.text(text) == "else" && open[top].1 > 0 => {
                ifs -= 1;
                open[top].1 -= 1;
            }
            // A line that ends a statement ends its `if`s; one after `then` and the like does not.
            Kind::Newline if open[top].0 && before.is_none_or(|b| ends_statement(text, b)) => {
                ifs -= std::mem::take(&mut open[top].1);
            }
            _ => {}
        }
        let now = open.len() - 1 + ifs + if token.kind == Kind::Open { 0 } else { token.depth };
        *depth = (*depth).max(now.min(DEEPEST));
        if now > DEEPEST {
            return Some(*token);
        }
        if token.kind != Kind::Comment {
            before = Some(token);
        }
    }
    None
}

/// Whether a newline after this token ends the statement.
pub(crate) fn ends_statement(text: &str, token: &Token) -> bool {
    match token.kind {
        Kind::Op | Kind::Open => false,
        Kind::Word => !matches!(token.text(text), "then" | "else" | "and" | "or" | "not" | "if"),
        _ => true,
    }
}

type Found = Vec<(usize, Diagnostic)>;

/// Pairs the brackets. With `margin`, a declaration at the left margin closes all that is open. Gives
/// also the pairs of braces whose closing one stands left of the line of its opening one.
fn pair(file: FileId, text: &str, tokens: &[Token], margin: bool) -> (Found, Vec<usize>) {
    let mut found = Found::new();
    let mut suspects = Vec::new();
    let mut open: Vec<usize> = Vec::new();
    let mut line = 0; // index of the first token of this line
    for (i, token) in tokens.iter().enumerate() {
        if i > 0 && tokens[i - 1].kind == Kind::Newline {
            line = i;
        }
        if margin && i == line && at_margin(text, token) && !open.is_empty() {
            if let Some(o) = open.last() {
                found.push((tokens[*o].start, unclosed(file, text, &tokens[*o], Some(token))));
            }
            open.clear();
        }
        match token.kind {
            Kind::Open => open.push(i),
            Kind::Close => {
                // A round or square one is never looked for beyond a brace.
                let closes = token.text(text);
                let fits = |o: &usize| partner(tokens[*o].text(text)) == closes;
                let near = |o: &usize| fits(o) || (closes != "}" && tokens[*o].text(text) == "{");
                match open.iter().rposition(near).filter(|p| fits(&open[*p])) {
                    Some(p) => {
                        if let Some(o) = open.get(p + 1) {
                            found.push((tokens[*o].start, unclosed(file, text, &tokens[*o], Some(token))));
                        }
                        if i == line && indent(text, token.start) < indent(text, tokens[open[p]].start) {
                            suspects.push(open[p]);
                        }
                        open.truncate(p);
                    }
                    None => found.push((token.start, unopened(file, text, token))),
                }
            }
            _ => {}
        }
    }
    if let Some(o) = open.last() {
        found.push((tokens[*o].start, unclosed(file, text, &tokens[*o], None)));
    }
    (found, suspects)
}

/// Where a brace is missing, the first brace that is closed too far to the left lacks its own.
fn blame_indentation(
    file: FileId,
    text: &str,
    tokens: &[Token],
    suspects: &[usize],
) -> Option<(usize, Diagnostic)> {
    let lacks = tokens.iter().fold(0i64, |n, t| match t.text(text) {
        "{" => n + 1,
        "}" => n - 1,
        _ => n,
    });
    let suspect = &tokens[*suspects.first()?];
    (lacks == 1).then(|| (suspect.start, unclosed(file, text, suspect, None)))
}

/// The spaces before the first letter of the line of `at`.
pub(crate) fn indent(text: &str, at: usize) -> usize {
    let start = text[..at].rfind('\n').map_or(0, |n| n + 1);
    text[start..].bytes().take_while(|b| matches!(b, b' ' | b'\t')).count()
}

/// Whether the token stands at the left margin and begins a declaration that has a word of its own.
pub(crate) fn at_margin(text: &str, token: &Token) -> bool {
    token.kind == Kind::Word
        && (token.start == 0 || text.as_bytes()[token.start - 1] == b'\n')
        && DECLARATIONS.contains(&token.text(text))
}

fn partner(open: &str) -> &'static str {
    match open {
        "(" => ")",
        "[" => "]",
        _ => "}",
    }
}

fn unclosed(file: FileId, text: &str, open: &Token, met: Option<&Token>) -> Diagnostic {
    let (open_text, close) = (open.text(text), partner(open.text(text)));
    let mut problem = Diagnostic::error(codes::SYNTAX, format!("this `{open_text}` is never closed"))
        .label(Span::new(file, open.start, open.end), format!("`{close}` is missing for this one"));
    if let Some(met) = met {
        problem = problem.label(Span::new(file, met.start, met.end), "here it is still open");
    }
    problem.help(format!("write the `{close}` where the bracket ends"))
}

fn unopened(file: FileId, text: &str, close: &Token) -> Diagnostic {
    let what = close.text(text);
    Diagnostic::error(codes::SYNTAX, format!("this `{what}` closes nothing"))
        .label(Span::new(file, close.start, close.end), "no bracket of its kind is open here")
        .help(format!("remove the `{what}`, or write the bracket that it should close"))
}

fn unclosed_string(file: FileId, text: &str, token: &Token) -> Diagnostic {
    let problem = Diagnostic::error(codes::SYNTAX, "this string has no end on its line")
        .label(Span::new(file, token.start, token.start + 1), "it begins here");
    // A brace that opens a hole and is not closed hides the quote.
    let inside = token.text(text).get(1..).unwrap_or("");
    if inside.contains('"') && inside.contains('{') {
        return problem
            .help("close the hole with `}`; a brace that is meant as a brace is written twice, `{{`");
    }
    problem.help("close it with `\"`; a line break inside is written `\\n`")
}
