//! Statements.

use super::{Builder, Node, child};
use crate::diag::{Diagnostic, codes};
use crate::syntax::ast::*;
use crate::syntax::parser::Rule;

impl Builder<'_> {
    pub(super) fn block(&mut self, pair: Node<'_>) -> Block {
        let span = self.span(&pair);
        let mut stmts = Vec::new();
        for stmt in pair.into_inner().filter(|p| p.as_rule() == Rule::stmt) {
            let at = self.span(&stmt);
            for part in stmt.into_inner() {
                if part.as_rule() == Rule::stray {
                    self.stray(part, &mut stmts);
                } else if let Some(kind) = self.stmt(part) {
                    stmts.push(Stmt { kind, span: at });
                }
            }
        }
        Block { stmts, span }
    }

    /// A block without a header: a mistake, unless recovery took the header away.
    fn stray(&mut self, pair: Node<'_>, stmts: &mut Vec<Stmt>) {
        let span = self.span(&pair);
        let inner = self.block_in(&pair);
        stmts.extend(inner.stmts);
        if !self.orphans.contains(&(span.start as usize)) {
            let open = crate::source::Span { end: span.start + 1, ..span };
            self.problem(
                Diagnostic::error(codes::SYNTAX, "a block needs a line that says what it is for")
                    .label(open, "nothing stands before this brace")
                    .help("write `for … {`, `if … {` or `phase \"…\" {`, or remove the braces"),
            );
        }
    }

    fn stmt(&mut self, pair: Node<'_>) -> Option<StmtKind> {
        Some(match pair.as_rule() {
            Rule::function => StmtKind::Fn(self.function(pair)),
            Rule::give => StmtKind::Return(self.exprs(pair)),
            Rule::report => {
                let (name, value) = (self.name_in(&pair), child(&pair, Rule::expr));
                StmtKind::Report(Report { name, value: value.map(|e| self.expr(e)) })
            }
            Rule::assertion => StmtKind::Assert(self.assertion(pair)),
            Rule::for_ => {
                let pattern = self.names_in(&pair);
                StmtKind::For(For { pattern, iter: self.expr_in(&pair), body: self.block_in(&pair) })
            }
            Rule::if_ => {
                let arms: Vec<Node<'_>> =
                    pair.clone().into_inner().filter(|p| p.as_rule() == Rule::arm).collect();
                let arms =
                    arms.iter().map(|a| Arm { cond: self.expr_in(a), body: self.block_in(a) }).collect();
                StmtKind::If(If { arms, otherwise: child(&pair, Rule::block).map(|b| self.block(b)) })
            }
            Rule::phase => {
                let name = match child(&pair, Rule::string) {
                    Some(s) => self.string(s),
                    None => self.no_expr(self.span(&pair)),
                };
                StmtKind::Phase(Phase { name, body: self.block_in(&pair) })
            }
            Rule::stop => StmtKind::Stop,
            Rule::var => StmtKind::Var(Var { name: self.name_in(&pair), value: self.expr_in(&pair) }),
            Rule::simple => self.simple(pair),
            _ => return None,
        })
    }

    pub(super) fn assertion(&mut self, pair: Node<'_>) -> Assert {
        let message = child(&pair, Rule::string).map(|s| self.string(s));
        Assert { condition: self.expr_in(&pair), message, span: self.span(&pair) }
    }

    pub(super) fn source(&mut self, pair: Node<'_>) -> DrawSource {
        let span = self.span(&pair);
        let mut exprs = self.exprs(pair).into_iter();
        let dist = exprs.next().unwrap_or_else(|| self.no_expr(span));
        DrawSource { dist, from: exprs.next(), span }
    }

    /// All expressions directly below a pair.
    pub(super) fn exprs(&mut self, pair: Node<'_>) -> Vec<Expr> {
        let parts: Vec<Node<'_>> = pair.into_inner().filter(|p| p.as_rule() == Rule::expr).collect();
        parts.into_iter().map(|e| self.expr(e)).collect()
    }

    pub(super) fn names_in(&mut self, pair: &Node<'_>) -> Pattern {
        match child(pair, Rule::names) {
            Some(names) => self.names(names),
            None => {
                let span = self.span(pair);
                Pattern { kind: PatternKind::Name(self.no_name(span), None), span }
            }
        }
    }

    fn names(&mut self, pair: Node<'_>) -> Pattern {
        let span = self.span(&pair);
        let parts: Vec<Node<'_>> = pair.into_inner().filter(|p| p.as_rule() == Rule::name).collect();
        let mut all: Vec<Pattern> = parts.into_iter().map(|n| self.name(n)).collect();
        match (all.len(), all.pop()) {
            (1, Some(only)) => only,
            (_, last) => {
                all.extend(last);
                Pattern { kind: PatternKind::Tuple(all), span }
            }
        }
    }

    fn name(&mut self, pair: Node<'_>) -> Pattern {
        let span = self.span(&pair);
        if let Some(names) = child(&pair, Rule::names) {
            let inner = self.names(names);
            return Pattern { span, ..inner };
        }
        let shape = child(&pair, Rule::shape).map(|s| self.shape(s));
        Pattern { kind: PatternKind::Name(self.name_in(&pair), shape), span }
    }
}
