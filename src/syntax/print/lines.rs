//! From tokens to lines with their indentation.

use super::{before_sign, blank_between, continues};
use crate::syntax::brackets::indent;
use crate::syntax::lexer::{Kind, Token};

/// A line of the result.
#[derive(Debug, Default)]
pub(super) struct Line {
    /// Blank lines before it.
    pub blanks: usize,
    /// Spaces before it.
    pub indent: usize,
    /// Its code, without indentation and comment.
    pub code: String,
    /// Its comment.
    pub comment: Option<String>,
    /// The columns that the author left before the comment, and where the comment stood.
    pub author_gap: usize,
    /// The author's column of the comment.
    pub author_column: usize,
    /// The kind of declaration, and the byte in `code` of its `=`, `~` or `<-`, if it is one on a
    /// line of its own.
    pub align: Option<(String, usize)>,
    /// The author's blanks before that operator.
    pub operator_gap: usize,
    /// The author's column of that operator.
    pub operator_column: usize,
}

/// A bracket that is open.
struct Level {
    brace: bool,
    /// The indentation of a line that begins inside.
    inside: usize,
    /// The indentation of a line that begins with the closing bracket.
    close: usize,
    /// Of the statement under way inside, its first line.
    statement: usize,
}

pub(super) struct Layout<'a> {
    text: &'a str,
    tokens: &'a [Token],
    levels: Vec<Level>,
    lines: Vec<Line>,
    line: Option<Line>,
    /// Newlines since the last line.
    newlines: usize,
    /// The last token that is neither newline nor comment.
    before: Option<Token>,
    /// The last token on this line, and whether it is a sign.
    left: Option<(Token, bool)>,
    /// Whether the operator to align has been looked for on this line and is no longer wanted.
    settled: bool,
    /// How deep the brackets were where the line began.
    depth: usize,
}

impl<'a> Layout<'a> {
    pub fn new(text: &'a str, tokens: &'a [Token]) -> Layout<'a> {
        let file = Level { brace: true, inside: 0, close: 0, statement: 0 };
        Layout {
            text,
            tokens,
            levels: vec![file],
            lines: vec![],
            line: None,
            newlines: 0,
            before: None,
            left: None,
            settled: false,
            depth: 0,
        }
    }

    /// Takes the next token.
    pub fn push(&mut self, index: usize) {
        let token = self.tokens[index];
        if token.kind == Kind::Newline {
            self.newlines += 1;
            self.end_line();
            return;
        }
        if self.line.is_none() {
            self.begin_line(&token);
        }
        if token.kind == Kind::Comment {
            self.comment(&token);
            return;
        }
        self.code(index, &token);
    }

    fn begin_line(&mut self, first: &Token) {
        let mut line = Line::default();
        let top = self.levels.len() - 1;
        let deep = top > 0 || !self.levels[top].brace;
        let most = if deep { 1 } else { 2 };
        let after_brace = self.before.is_some_and(|b| b.kind == Kind::Open) && self.comment_free();
        let before_close = first.kind == Kind::Close;
        let free = self.lines.is_empty() || after_brace || before_close;
        line.blanks = if free { 0 } else { self.newlines.saturating_sub(1).min(most) };
        let continued = continues(self.text, self.before.as_ref(), first);
        let level = &mut self.levels[top];
        line.indent = match first.kind {
            Kind::Close => level.close,
            _ if !level.brace => level.inside,
            _ if continued => level.statement + 2,
            _ => level.inside,
        };
        self.settled = !level.brace || continued || first.kind == Kind::Close;
        if level.brace && !continued && !matches!(first.kind, Kind::Close | Kind::Comment) {
            level.statement = line.indent;
        }
        self.depth = self.levels.len();
        self.newlines = 0;
        self.left = None;
        self.line = Some(line);
    }

    /// Whether the last line is the one of `before`: no comment lines since.
    fn comment_free(&self) -> bool {
        self.lines.last().is_none_or(|l| !l.code.is_empty())
    }

    fn comment(&mut self, token: &Token) {
        let start = self.text[..token.start].rfind('\n').map_or(0, |n| n + 1);
        let before = &self.text[start..token.start];
        let Some(line) = &mut self.line else { return };
        line.author_column = before.chars().count();
        line.author_gap = line.author_column - before.trim_end().chars().count();
        line.comment = Some(token.text(self.text).to_owned());
    }

    fn code(&mut self, index: usize, token: &Token) {
        let text = token.text(self.text);
        let Some(mut line) = self.line.take() else { return };
        let left = self.left.map(|(t, sign)| ((t.kind, t.text(self.text)), sign));
        if left.is_some_and(|(l, sign)| blank_between(l, (token.kind, text), sign)) {
            line.code.push(' ');
        }
        if token.kind == Kind::Close && self.levels.len() > 1 {
            self.levels.pop();
        }
        self.operator(&mut line, token, text);
        line.code.push_str(text);
        if token.kind == Kind::Open {
            self.open(&line, index, text);
        }
        let sign = text == "-" && before_sign(left.map(|l| l.0));
        self.left = Some((*token, sign));
        self.before = Some(*token);
        self.line = Some(line);
    }

    fn open(&mut self, line: &Line, index: usize, text: &str) {
        let next = self.tokens.get(index + 1).map_or(Kind::Newline, |t| t.kind);
        let last = matches!(next, Kind::Newline | Kind::Comment);
        let level = if text == "{" {
            let statement = self.levels.iter().rev().find(|l| l.brace).map_or(0, |l| l.statement);
            Level { brace: true, inside: statement + 2, close: statement, statement: statement + 2 }
        } else if last {
            Level { brace: false, inside: line.indent + 2, close: line.indent, statement: 0 }
        } else {
            let column = line.indent + line.code.chars().count();
            Level { brace: false, inside: column, close: column - 1, statement: 0 }
        };
        self.levels.push(level);
    }

    /// Notes the operator by which this line may be aligned with its neighbours.
    fn operator(&mut self, line: &mut Line, token: &Token, text: &str) {
        if self.settled {
            return;
        }
        let first = line.code.split([' ', '[', '(', ',']).next().unwrap_or("");
        let block = first == "data" && text == "{";
        if self.levels.len() != self.depth
            || !(matches!(text, "=" | "~" | "<-" | "{") || token.kind == Kind::Semicolon)
        {
            return;
        }
        self.settled = true;
        let word = match first {
            "hyper" | "dim" | "stream" | "param" | "state" | "fn" | "var" | "report" | "data" => first,
            "use" | "layer" | "step" | "schedule" | "run" | "assert" | "if" | "for" | "phase" | "return"
            | "stop" => return,
            _ => "",
        };
        if text == "{" && !block || token.kind == Kind::Semicolon || (text != "{" && first == "data") {
            return;
        }
        let start = self.text[..token.start].rfind('\n').map_or(0, |n| n + 1);
        line.operator_column = self.text[start..token.start].chars().count();
        line.operator_gap = self.text[..token.start].chars().rev().take_while(|c| *c == ' ').count();
        line.align = Some((format!("{word} {text}"), line.code.trim_end().len()));
    }

    fn end_line(&mut self) {
        let Some(mut line) = self.line.take() else { return };
        // What goes on in the next line is not aligned, nor are several statements on a line.
        let open = self.levels.len() != self.depth;
        let goes_on = self.left.is_some_and(|(t, _)| !crate::syntax::brackets::ends_statement(self.text, &t));
        if open || goes_on {
            line.align = None;
        }
        if line.code.is_empty() && line.comment.is_none() {
            return;
        }
        self.newlines = 1;
        self.lines.push(line);
    }

    /// The lines.
    pub fn finish(mut self) -> Vec<Line> {
        self.end_line();
        debug_assert!(self.lines.iter().all(|l| indent(&l.code, 0) == 0));
        self.lines
    }
}
