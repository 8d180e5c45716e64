//! The tokens of a text with their places, for everything that looks at a text without its grammar:
//! the scan of brackets before parsing, the messages, the comments and the layout.
//!
//! Lexing never fails: what is no token is `Unknown`, one character at a time.

/// What a token is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Kind {
    Newline,
    Semicolon,
    Comment,
    Word,
    Number,
    /// A whole string with its quotes and holes, and whether its closing quote is there.
    Str {
        closed: bool,
    },
    Open,
    Close,
    /// The transpose.
    Quote,
    /// Every other operator, comma, colon, point.
    Op,
    Unknown,
}

/// A token and its bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Token {
    pub kind: Kind,
    pub start: usize,
    pub end: usize,
    /// How deep brackets nest inside (in the holes of a string; 1 for an opening bracket).
    pub depth: usize,
}

impl Token {
    pub fn text<'a>(&self, source: &'a str) -> &'a str {
        source.get(self.start..self.end).unwrap_or("")
    }
}

/// The keywords, which cannot be names.
pub(crate) const KEYWORDS: &[&str] = &[
    "use", "hyper", "dim", "data", "stream", "layer", "param", "state", "fn", "step", "schedule", "run",
    "phase", "report", "return", "assert", "for", "in", "if", "then", "else", "stop", "var", "from", "and",
    "or", "not", "true", "false",
];

/// The words that begin a declaration of a file.
pub(crate) const DECLARATIONS: &[&str] = &[
    "use", "hyper", "dim", "data", "stream", "layer", "param", "state", "fn", "step", "schedule", "run",
    "assert",
];

/// Longest first.
const OPERATORS: &[&str] = &[
    "...", "..", "->", "<-", "<=", ">=", "==", "!=", "//", "**", "+=", "-=", "*=", "/=", "&&", "||", ",",
    ":", "=", "~", "+", "-", "*", "/", "%", "@", "^", "<", ">", ".", "!", "&", "|", "?", "$", "\\", "`",
];

/// Splits a text into tokens; spaces, tabs and carriage returns are between them.
pub(crate) fn lex(text: &str) -> Vec<Token> {
    let bytes = text.as_bytes();
    let mut tokens = Vec::new();
    let mut at = 0;
    while at < bytes.len() {
        if matches!(bytes[at], b' ' | b'\t' | b'\r') {
            at += 1;
            continue;
        }
        let token = next(text, at);
        at = token.end;
        tokens.push(token);
    }
    tokens
}

/// The token that begins at `at`, which is no blank and inside the text.
pub(crate) fn next(text: &str, at: usize) -> Token {
    let bytes = text.as_bytes();
    let token = |kind, end| Token { kind, start: at, end, depth: 0 };
    match bytes[at] {
        b'\n' => token(Kind::Newline, at + 1),
        b';' => token(Kind::Semicolon, at + 1),
        b'#' => {
            let end = text[at..].find('\n').map_or(text.len(), |n| at + n);
            token(Kind::Comment, at + text[at..end].trim_end().len())
        }
        b'"' => string(text, at),
        b'(' | b'[' | b'{' => Token { depth: 1, ..token(Kind::Open, at + 1) },
        b')' | b']' | b'}' => token(Kind::Close, at + 1),
        b'\'' => token(Kind::Quote, at + 1),
        b'0'..=b'9' => token(Kind::Number, number(bytes, at)),
        c if is_word(c) => token(Kind::Word, skip(bytes, at, is_word)),
        _ => match OPERATORS.iter().find(|o| text[at..].starts_with(**o)) {
            Some(op) => token(Kind::Op, at + op.len()),
            None => token(Kind::Unknown, at + text[at..].chars().next().map_or(1, char::len_utf8)),
        },
    }
}

/// Whether a byte may stand in a name.
pub(crate) fn is_word(c: u8) -> bool {
    c.is_ascii_alphanumeric() || c == b'_'
}

fn skip(bytes: &[u8], mut at: usize, wanted: fn(u8) -> bool) -> usize {
    while at < bytes.len() && wanted(bytes[at]) {
        at += 1;
    }
    at
}

fn digits(bytes: &[u8], at: usize) -> usize {
    let mut end = skip(bytes, at, |c| c.is_ascii_digit());
    while end > at && bytes.get(end) == Some(&b'_') && bytes.get(end + 1).is_some_and(u8::is_ascii_digit) {
        end = skip(bytes, end + 1, |c| c.is_ascii_digit());
    }
    end
}

fn number(bytes: &[u8], at: usize) -> usize {
    let mut end = digits(bytes, at);
    if bytes.get(end) == Some(&b'.') && bytes.get(end + 1).is_some_and(u8::is_ascii_digit) {
        end = digits(bytes, end + 1);
    }
    if matches!(bytes.get(end), Some(b'e' | b'E')) {
        let sign = usize::from(matches!(bytes.get(end + 1), Some(b'+' | b'-')));
        let exponent = digits(bytes, end + 1 + sign);
        if exponent > end + 1 + sign {
            end = exponent;
        }
    }
    end
}

/// A string to its closing quote, through holes and the strings in them, without recursion. It ends
/// unclosed where its line ends.
fn string(text: &str, start: usize) -> Token {
    #[derive(PartialEq)]
    enum In {
        Text,
        Hole,
    }
    let bytes = text.as_bytes();
    let mut nest = vec![In::Text];
    let mut depth = 0;
    let mut brackets = 0usize;
    let mut at = start + 1;
    while at < bytes.len() && !matches!(bytes[at], b'\n' | b'\r') {
        let two = bytes.get(at + 1) == Some(&bytes[at]);
        match (nest.last(), bytes[at]) {
            (None, _) => break,
            (Some(In::Text), b'\\') if !matches!(bytes.get(at + 1), None | Some(b'\n' | b'\r')) => at += 1,
            (Some(In::Text), b'{' | b'}') if two => at += 1,
            (Some(In::Text), b'{') => nest.push(In::Hole),
            (Some(In::Hole), b'{') => nest.push(In::Hole),
            (Some(In::Hole), b'}') => drop(nest.pop()),
            (Some(In::Hole), b'"') => nest.push(In::Text),
            (Some(In::Hole), b'#') => break,
            (Some(In::Hole), b'(' | b'[') => brackets += 1,
            (Some(In::Hole), b')' | b']') => brackets = brackets.saturating_sub(1),
            (Some(In::Text), b'"') => drop(nest.pop()),
            _ => {}
        }
        depth = depth.max(brackets + nest.iter().skip(1).len());
        at += 1;
        if nest.is_empty() {
            return Token { kind: Kind::Str { closed: true }, start, end: at, depth };
        }
    }
    let mut end = text[start..].find(['\n', '\r']).map_or(text.len(), |n| start + n);
    while !text.is_char_boundary(end) {
        end -= 1;
    }
    Token { kind: Kind::Str { closed: false }, start, end, depth }
}
