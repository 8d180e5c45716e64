//! What to say where the grammar does not fit: what was found, what could stand there, and for the
//! usual slips what to write.

use super::hints;
use super::lexer::{self, Kind, Token};
use super::parser::{Rule, is_trivia};
use crate::diag::{Diagnostic, codes};
use crate::source::{Source, Span};

/// A place where the grammar does not fit.
pub(crate) struct Place<'a> {
    pub source: &'a Source,
    pub text: &'a str,
    pub tokens: &'a [Token],
    /// The index of the token that does not fit; the number of tokens at the end.
    pub index: usize,
    /// That token.
    pub found: Option<Token>,
    /// What could stand there, as the grammar calls it.
    pub wanted: &'a [Rule],
}

impl Place<'_> {
    /// The text of the token that does not fit; empty at the end.
    pub fn found(&self) -> &str {
        self.found.map_or("", |f| f.text(self.text))
    }

    /// The token before it, newlines included and comments not.
    pub fn before(&self) -> Option<&Token> {
        self.tokens[..self.index].iter().rev().find(|t| t.kind != Kind::Comment)
    }

    /// The tokens of its statement before it, on its line.
    pub fn line_before(&self) -> &[Token] {
        let begins =
            |t: &Token| matches!(t.kind, Kind::Newline | Kind::Semicolon) || t.text(self.text) == "{";
        let start = self.tokens[..self.index].iter().rposition(begins);
        &self.tokens[start.map_or(0, |s| s + 1)..self.index]
    }

    /// The token after it.
    pub fn after(&self) -> Option<&Token> {
        self.tokens.get(self.index + 1)
    }

    pub fn span(&self, token: &Token) -> Span {
        Span::new(self.source.id, token.start, token.end)
    }

    pub fn wants(&self, rule: Rule) -> bool {
        self.wanted.contains(&rule)
    }
}

/// The message for byte `at`.
pub(crate) fn unexpected(
    source: &Source,
    text: &str,
    tokens: &[Token],
    at: usize,
    wanted: &[Rule],
) -> Diagnostic {
    let index = tokens.partition_point(|t| t.end <= at);
    let mut found = tokens.get(index).copied();
    // Inside a string: the token within its hole.
    if let Some(string) = found.filter(|t| t.start < at && matches!(t.kind, Kind::Str { .. })) {
        let skipped = text[at..].len() - text[at..].trim_start_matches([' ', '\t']).len();
        let inner = lexer::next(text, (at + skipped).min(text.len() - 1));
        found = Some(Token { end: inner.end.min(string.end), ..inner });
    }
    let mut index = index;
    // A comment is no part of the grammar: the place is what follows it.
    while found.is_some_and(|f| f.kind == Kind::Comment) {
        index += 1;
        found = tokens.get(index).copied();
    }
    let place = Place { source, text, tokens, index, found, wanted };
    if let Some(problem) = hints::of(&place) {
        return problem;
    }
    let could = expected(wanted);
    match place.found.filter(|f| !is_trivia(f)) {
        Some(found) => {
            let what = describe(&place, &found);
            Diagnostic::error(codes::SYNTAX, format!("{what} cannot stand here"))
                .label(place.span(&found), format!("here could stand {could}"))
        }
        None => too_early(&place, &could),
    }
}

/// The line or the text ends where something is missing: said of the last token that is there.
fn too_early(place: &Place<'_>, could: &str) -> Diagnostic {
    let last = place.tokens[..place.index].iter().rev().find(|t| !is_trivia(t));
    let rest = last.and_then(|l| place.source.text.get(l.end..)).unwrap_or("");
    let what = match place.found {
        Some(f) if f.kind == Kind::Semicolon => "this statement ends too early",
        None if rest.trim().is_empty() => "the text ends too early",
        _ => "this line ends too early",
    };
    let span = last.map_or(Span::new(place.source.id, 0, 0), |l| place.span(l));
    Diagnostic::error(codes::SYNTAX, what).label(span, format!("after this could stand {could}"))
}

fn describe(place: &Place<'_>, token: &Token) -> String {
    let text = token.text(place.text);
    match token.kind {
        Kind::Word if lexer::KEYWORDS.contains(&text) => format!("the keyword `{text}`"),
        Kind::Word => format!("the name `{text}`"),
        Kind::Number => format!("the number `{text}`"),
        Kind::Str { .. } => "a string".to_owned(),
        Kind::Unknown => format!("the character `{}`", text.escape_debug()),
        _ => format!("`{text}`"),
    }
}

/// What could stand in a place, in the reader's words.
pub(crate) fn expected(wanted: &[Rule]) -> String {
    let mut words: Vec<String> = Vec::new();
    for rule in wanted {
        let word = word(*rule);
        if !word.is_empty() && !words.contains(&word) {
            words.push(word);
        }
    }
    // Of the two ends one is enough, and a value includes a name.
    if words.iter().any(|w| w == "the end of the line") {
        words.retain(|w| w != "the end of the text");
    }
    if words.iter().any(|w| w == "a value") {
        words.retain(|w| w != "a name" && w != "a string");
    }
    words.sort_by_key(|w| rank(w));
    match words.pop() {
        None => "nothing more".to_owned(),
        Some(last) if words.is_empty() => last,
        Some(last) => format!("{} or {last}", words.join(", ")),
    }
}

/// Values first, then names, operators, punctuation, and the end last.
fn rank(word: &str) -> usize {
    match word {
        "a value" => 0,
        "an operator" => 2,
        w if w.starts_with("the end") => 4,
        w if w.starts_with('`') => 3,
        _ => 1,
    }
}

fn word(rule: Rule) -> String {
    let word = match rule {
        Rule::item | Rule::file => "a declaration",
        Rule::part => "a declaration of the layer",
        Rule::member => "a field of the data",
        Rule::stmt | Rule::simple | Rule::lefts => "a statement",
        Rule::lone_expr
        | Rule::expr
        | Rule::choice
        | Rule::prefix
        | Rule::minus
        | Rule::postfix
        | Rule::atom => "a value",
        Rule::number | Rule::truth | Rule::list | Rule::tuple | Rule::values | Rule::k_not => "a value",
        Rule::ident | Rule::names | Rule::name | Rule::slot => "a name",
        Rule::string => "a string",
        Rule::source => "a distribution",
        Rule::path => "a module",
        Rule::arg => "an argument",
        Rule::extent => "an extent",
        Rule::place => "a position",
        Rule::formal => "a parameter",
        Rule::format => "digits, `%` or `e`",
        Rule::infix | Rule::op_or | Rule::op_and | Rule::op_compare | Rule::op_sum => "an operator",
        Rule::op_product | Rule::op_power | Rule::op_range | Rule::k_or | Rule::k_and => "an operator",
        Rule::sep => "the end of the line",
        Rule::EOI => "the end of the text",
        Rule::comma => "`,`",
        Rule::colon | Rule::type_ => "`:`",
        Rule::equals => "`=`",
        Rule::tilde => "`~`",
        Rule::arrow => "`<-`",
        Rule::to | Rule::result => "`->`",
        Rule::dots2 => "`..`",
        Rule::dots3 | Rule::rest => "`...`",
        Rule::open_paren | Rule::params => "`(`",
        Rule::close_paren => "`)`",
        Rule::open_bracket | Rule::shape => "`[`",
        Rule::close_bracket => "`]`",
        Rule::open_brace | Rule::block | Rule::parts | Rule::stray => "`{`",
        Rule::close_brace => "`}`",
        Rule::arm => "`if`",
        Rule::each => "`for`",
        rule => {
            let name = format!("{rule:?}");
            return name.strip_prefix("k_").map(|k| format!("`{k}`")).unwrap_or_default();
        }
    };
    word.to_owned()
}
