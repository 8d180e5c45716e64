//! From pest's pairs to the syntax tree. What the grammar leaves open is judged here: what may stand
//! left of `=`, the precedence of operators, the letters of strings.
//!
//! Nothing here fails: a mistake becomes a message, and a stand-in takes its place in the tree, which
//! is then used for nothing but finding further mistakes.

mod docs;
mod exprs;
mod items;
mod lefts;
mod operators;
mod stmts;
mod strings;

use std::sync::Arc;

use pest::iterators::Pair;

use super::ast::{Expr, ExprKind, File, Ident};
use super::lexer::{Kind, Token};
use super::parser::Rule;
use crate::diag::{Diagnostic, Problems, codes};
use crate::source::{Source, Span};
use docs::Docs;

pub(crate) type Node<'a> = Pair<'a, Rule>;

/// How many nodes of an expression may lie below one another.
const DEEPEST: usize = 500;

/// Builds the tree of a text.
pub(crate) struct Builder<'a> {
    source: &'a Source,
    tokens: &'a [Token],
    docs: Docs,
    depth: usize,
    /// Starts of blocks that recovery left without their header.
    orphans: &'a [usize],
    /// What is wrong beyond the grammar.
    pub problems: Problems,
}

impl<'a> Builder<'a> {
    /// For the pairs of `source`: all its tokens, and those that were left to parse.
    pub fn new(source: &'a Source, all: &[Token], tokens: &'a [Token], orphans: &'a [usize]) -> Builder<'a> {
        let docs = Docs::new(source, all);
        Builder { source, tokens, docs, depth: 0, orphans, problems: Problems::new() }
    }

    /// The tree of a whole file.
    pub fn file(&mut self, pair: Node<'_>) -> File {
        let mut file = File { id: self.source.id, uses: vec![], items: vec![], doc: self.docs.head() };
        for item in pair.into_inner().filter(|p| p.as_rule() == Rule::item) {
            for part in item.into_inner() {
                if part.as_rule() == Rule::use_ {
                    let line = self.use_(part);
                    if let Some(first) = file.items.first() {
                        self.late_use(line.span, first.span());
                    }
                    file.uses.push(line);
                } else if let Some(item) = self.item(part) {
                    file.items.push(item);
                }
            }
        }
        file
    }

    fn late_use(&mut self, line: Span, first: Span) {
        let start = Span { end: first.start + 1, ..first };
        let problem = Diagnostic::error(codes::SYNTAX, "`use` lines stand before all declarations")
            .label(line, "this one comes too late")
            .label(start, "the first declaration")
            .help("move the line to the top of the file");
        self.problems.push(problem);
    }

    /// The span of a pair without the blanks and comments that the grammar skipped at its end.
    fn span(&self, pair: &Node<'_>) -> Span {
        let at = pair.as_span();
        let mut last = self.tokens.partition_point(|t| t.start < at.end());
        let trivia = |t: &Token| matches!(t.kind, Kind::Comment | Kind::Newline | Kind::Semicolon);
        while last > 0 && trivia(&self.tokens[last - 1]) && self.tokens[last - 1].start >= at.start() {
            last -= 1;
        }
        let end = last.checked_sub(1).map_or(at.end(), |l| self.tokens[l].end.min(at.end()));
        let end = if end > at.start() { end } else { at.end() };
        let text = self.source.text.get(at.start()..end).unwrap_or("");
        Span::new(self.source.id, at.start(), at.start() + text.trim_end().len().max(1).min(end - at.start()))
    }

    fn ident(&self, pair: &Node<'_>) -> Ident {
        Ident { name: Arc::from(pair.as_str()), span: self.span(pair) }
    }

    /// A name for a place where there is none, so that the tree has no hole.
    fn no_name(&self, span: Span) -> Ident {
        Ident { name: Arc::from("_"), span: Span { end: span.start, ..span } }
    }

    /// An expression for a place where there is none.
    fn no_expr(&self, span: Span) -> Expr {
        Expr { kind: ExprKind::Name(self.no_name(span)), span }
    }

    fn problem(&mut self, problem: Diagnostic) {
        self.problems.push(problem);
    }

    /// Runs `inner` with `more` levels of the tree above it, or refuses.
    fn deeper<T>(&mut self, more: usize, span: Span, inner: impl FnOnce(&mut Self) -> T) -> Option<T> {
        if self.depth + more > DEEPEST {
            let title = format!("this expression is nested more than {DEEPEST} operators deep");
            self.problems.push(
                Diagnostic::error(codes::NESTING, title)
                    .label(span, "here")
                    .help("give its parts names of their own, on lines above"),
            );
            return None;
        }
        self.depth += more;
        let result = inner(self);
        self.depth -= more;
        Some(result)
    }
}

/// The first child by a rule, and its removal from consideration.
fn child<'a>(pair: &Node<'a>, rule: Rule) -> Option<Node<'a>> {
    pair.clone().into_inner().find(|p| p.as_rule() == rule)
}
