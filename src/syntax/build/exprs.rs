//! Operands: calls, indices, lists, tuples, numbers.

use std::sync::Arc;

use super::{Builder, Node, child};
use crate::diag::{Diagnostic, codes};
use crate::source::Span;
use crate::syntax::ast::*;
use crate::syntax::parser::Rule;

impl Builder<'_> {
    /// An operand with what touches it.
    pub(super) fn postfix(&mut self, pair: Node<'_>) -> Expr {
        let span = self.span(&pair);
        let suffixes = pair.clone().into_inner().count().saturating_sub(1);
        self.deeper(suffixes + 1, span, |b| b.suffixes(pair)).unwrap_or_else(|| self.no_expr(span))
    }

    fn suffixes(&mut self, pair: Node<'_>) -> Expr {
        let whole = self.span(&pair);
        let mut parts = pair.into_inner();
        let mut value = match parts.next() {
            Some(atom) => self.atom(atom),
            None => self.no_expr(whole),
        };
        for part in parts {
            let span = value.span.to(self.span(&part));
            let base = Box::new(value);
            let kind = match part.as_rule() {
                Rule::call => ExprKind::Call { callee: base, args: self.args(part) },
                Rule::index => ExprKind::Index { base, places: self.places(part) },
                Rule::field => ExprKind::Field { base, name: self.name_in(&part) },
                _ => ExprKind::Transpose(base),
            };
            value = Expr { kind, span };
        }
        value
    }

    fn args(&mut self, pair: Node<'_>) -> Vec<Arg> {
        let mut args = Vec::new();
        for arg in pair.into_inner().filter(|p| p.as_rule() == Rule::arg) {
            let span = self.span(&arg);
            let name = child(&arg, Rule::ident).map(|i| self.ident(&i));
            args.push(Arg { name, value: self.expr_in(&arg), span });
        }
        args
    }

    fn places(&mut self, pair: Node<'_>) -> Vec<Place> {
        let mut places = Vec::new();
        for place in pair.into_inner().filter(|p| p.as_rule() == Rule::place) {
            let span = self.span(&place);
            if let Some(rest) = child(&place, Rule::rest) {
                if let Some(name) = child(&rest, Rule::ident) {
                    self.named_rest(&name, span);
                }
                places.push(Place::Rest(span));
                continue;
            }
            let dots_first = place.clone().into_inner().next().is_some_and(|p| p.as_rule() == Rule::dots2);
            let dots = child(&place, Rule::dots2).is_some();
            let value = child(&place, Rule::expr).map(|e| self.expr(e));
            places.push(self.place(value, dots, dots_first, span));
        }
        places
    }

    fn place(&mut self, value: Option<Expr>, dots: bool, dots_first: bool, span: Span) -> Place {
        match value {
            Some(Expr { kind: ExprKind::Range { lo, hi }, .. }) => {
                if dots {
                    self.range_chain(span);
                }
                Place::Slice { lo: Some(*lo), hi: Some(*hi), span }
            }
            Some(value) if !dots => Place::Expr(value),
            Some(value) if dots_first => Place::Slice { lo: None, hi: Some(value), span },
            lo => Place::Slice { lo, hi: None, span },
        }
    }

    fn named_rest(&mut self, name: &Node<'_>, span: Span) {
        let name = name.as_str();
        self.problem(
            Diagnostic::error(codes::SYNTAX, "axes are given a name where they are declared")
                .label(span, "an index only passes over them")
                .help(format!("write `...` here, and `...{name}` in the header of the function")),
        );
    }

    pub(super) fn range_chain(&mut self, span: Span) {
        self.problem(
            Diagnostic::error(codes::SYNTAX, "a range has two ends")
                .label(span, "`..` stands here more than once")
                .help("write `low..high`; there are no steps"),
        );
    }

    fn atom(&mut self, pair: Node<'_>) -> Expr {
        let span = self.span(&pair);
        let Some(inner) = pair.into_inner().next() else { return self.no_expr(span) };
        let kind = match inner.as_rule() {
            Rule::number => self.number(inner, span),
            Rule::string => return self.string(inner),
            Rule::truth => ExprKind::Bool(inner.as_str() == "true"),
            Rule::list => self.list(inner),
            Rule::tuple => return self.tuple(inner),
            _ => ExprKind::Name(self.ident(&inner)),
        };
        Expr { kind, span }
    }

    fn number(&mut self, pair: Node<'_>, span: Span) -> ExprKind {
        let text = pair.as_str();
        let value: f64 = text.replace('_', "").parse().unwrap_or(f64::INFINITY);
        if !value.is_finite() {
            self.problem(
                Diagnostic::error(codes::SYNTAX, "this number is too large")
                    .label(span, "more than a 64-bit float can hold")
                    .help("infinity is written `inf`"),
            );
        }
        let whole = !text.contains(['.', 'e', 'E']);
        ExprKind::Number { value, text: Arc::from(text), whole }
    }

    fn list(&mut self, pair: Node<'_>) -> ExprKind {
        let span = self.span(&pair);
        let to = child(&pair, Rule::shape);
        let each = child(&pair, Rule::each);
        let brackets = child(&pair, Rule::close_bracket).map_or(span, |c| span_to(span, &c));
        let parts: Vec<Node<'_>> = pair.into_inner().filter(|p| p.as_rule() == Rule::extent).collect();
        let mut elements: Vec<Extent> = parts.into_iter().map(|e| self.extent(e)).collect();
        if let Some(each) = each {
            if to.is_some() {
                self.no_pattern(brackets);
            }
            return self.comprehension(each, elements.pop(), span);
        }
        match to {
            Some(to) => ExprKind::AxisPattern {
                from: Shape { extents: elements, span: brackets },
                to: self.shape(to),
            },
            None => ExprKind::List(elements),
        }
    }

    fn no_pattern(&mut self, span: Span) {
        self.problem(
            Diagnostic::error(codes::SYNTAX, "a pattern of axes is a list of names")
                .label(span, "this is a list that is computed")
                .help("[r, c] -> [c, r]"),
        );
    }

    fn comprehension(&mut self, each: Node<'_>, body: Option<Extent>, span: Span) -> ExprKind {
        let body = match body {
            Some(Extent::Expr(body)) => body,
            other => {
                self.problem(
                    Diagnostic::error(codes::SYNTAX, "`for` needs a value to repeat")
                        .label(other.map_or(span, |o| o.span()), "this is none")
                        .help("[f(x) for x in xs]"),
                );
                self.no_expr(span)
            }
        };
        let pattern = self.names_in(&each);
        let mut exprs = self.exprs(each).into_iter();
        let iter = exprs.next().unwrap_or_else(|| self.no_expr(span));
        let cond = exprs.next().map(Box::new);
        ExprKind::Comprehension { body: Box::new(body), pattern, iter: Box::new(iter), cond }
    }

    /// A parenthesis: of one value without a comma, that value.
    fn tuple(&mut self, pair: Node<'_>) -> Expr {
        let span = self.span(&pair);
        let comma = child(&pair, Rule::comma).is_some();
        let mut values = self.exprs(pair);
        if values.len() == 1 && !comma {
            return Expr { span, ..values.remove(0) };
        }
        Expr { kind: ExprKind::Tuple(values), span }
    }
}

fn span_to(from: Span, end: &Node<'_>) -> Span {
    Span { end: end.as_span().end() as u32, ..from }
}
