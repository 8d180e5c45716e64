//! Definitions, draws, changes and calls: what stands left of `=`, `~` and `<-`.

use super::{Builder, Node, child};
use crate::diag::{Diagnostic, codes};
use crate::source::Span;
use crate::syntax::ast::*;
use crate::syntax::parser::Rule;

impl Builder<'_> {
    pub(super) fn simple(&mut self, pair: Node<'_>) -> StmtKind {
        let span = self.span(&pair);
        let (mut lefts, mut kind) = (Vec::new(), None);
        for part in pair.into_inner() {
            match part.as_rule() {
                Rule::lefts => lefts = part.into_inner().filter(|p| p.as_rule() == Rule::postfix).collect(),
                Rule::values | Rule::source | Rule::expr => kind = Some(part),
                _ => {}
            }
        }
        match kind {
            None => StmtKind::Call(self.lone_call(lefts, span)),
            Some(values) if values.as_rule() == Rule::values => {
                let pattern = self.pattern(lefts, span);
                StmtKind::Define(Define { pattern, values: self.exprs(values), doc: None, span })
            }
            Some(source) if source.as_rule() == Rule::source => {
                let (name, shape) = self.draw_target(lefts, span);
                StmtKind::Draw(Draw { name, shape, source: self.source(source), span })
            }
            Some(value) => {
                let place = self.place_left(lefts, span);
                StmtKind::Update(Update { place, value: self.expr(value) })
            }
        }
    }

    fn lone_call(&mut self, lefts: Vec<Node<'_>>, span: Span) -> Expr {
        let several = lefts.len() > 1;
        let value = match lefts.into_iter().next() {
            Some(left) => self.postfix(left),
            None => self.no_expr(span),
        };
        if several || !matches!(value.kind, ExprKind::Call { .. }) {
            let text = self.source.slice(span).to_owned();
            let mut problem = Diagnostic::error(codes::SYNTAX, "this line does nothing")
                .label(span, "a value, which is neither named nor used");
            problem = match &value.kind {
                ExprKind::Name(name) if matches!(&*name.name, "break" | "continue" | "pass") => {
                    problem.help("there is no such statement; `stop` ends the phase, `if … { … }` skips")
                }
                ExprKind::Name(_) | ExprKind::Field { .. } if !several => problem.help(format!(
                    "name it, `y = {text}`, give it back, `return {text}`, or call it, `{text}()`"
                )),
                _ => problem.help("name it, `y = …`, or give it back, `return …`"),
            };
            self.problem(problem);
        }
        value
    }

    /// What `=` defines.
    fn pattern(&mut self, lefts: Vec<Node<'_>>, span: Span) -> Pattern {
        let mut all: Vec<Pattern> = lefts.into_iter().map(|l| self.left(l)).collect();
        match (all.len(), all.first().map(|f| f.span), all.last().map(|l| l.span)) {
            (1, ..) => all.remove(0),
            (_, Some(first), Some(last)) => Pattern { kind: PatternKind::Tuple(all), span: first.to(last) },
            _ => Pattern { kind: PatternKind::Name(self.no_name(span), None), span },
        }
    }

    /// A name with its shape, or a tuple of such, read from what was parsed as an expression.
    fn left(&mut self, pair: Node<'_>) -> Pattern {
        let span = self.span(&pair);
        let parts: Vec<Node<'_>> = pair.clone().into_inner().collect();
        let atom = parts.first().and_then(|a| a.clone().into_inner().next());
        match (atom.as_ref().map(|a| a.as_rule()), &parts[parts.len().min(1)..]) {
            (Some(Rule::ident), []) => {
                let name = self.name_in(&parts[0]);
                return Pattern { kind: PatternKind::Name(name, None), span };
            }
            (Some(Rule::ident), [index]) if index.as_rule() == Rule::index => {
                let name = self.name_in(&parts[0]);
                let shape = self.index_as_shape(index.clone());
                return Pattern { kind: PatternKind::Name(name, Some(shape)), span };
            }
            (Some(Rule::tuple), []) => {
                if let Some(inner) = atom.and_then(|a| self.tuple_lefts(a)) {
                    let mut all: Vec<Pattern> = inner.into_iter().map(|l| self.left(l)).collect();
                    return match all.len() {
                        1 => Pattern { span, ..all.remove(0) },
                        _ => Pattern { kind: PatternKind::Tuple(all), span },
                    };
                }
            }
            _ => {}
        }
        self.wrong_left(&pair, atom_rule(&pair), span);
        Pattern { kind: PatternKind::Name(self.no_name(span), None), span }
    }

    /// The elements of a parenthesis if each is a lone operand.
    fn tuple_lefts<'p>(&self, tuple: Node<'p>) -> Option<Vec<Node<'p>>> {
        let exprs: Vec<Node<'p>> = tuple.into_inner().filter(|p| p.as_rule() == Rule::expr).collect();
        if exprs.is_empty() {
            return None;
        }
        exprs
            .into_iter()
            .map(|e| {
                let mut parts = e.into_inner();
                match (parts.next(), parts.next()) {
                    (Some(only), None) if only.as_rule() == Rule::postfix => Some(only),
                    _ => None,
                }
            })
            .collect()
    }

    fn wrong_left(&mut self, pair: &Node<'_>, atom: Option<Rule>, span: Span) {
        let text = pair.as_str().trim_end();
        let last = pair.clone().into_inner().last().map(|p| p.as_rule());
        let base = Diagnostic::error(codes::SYNTAX, "a name stands left of `=`");
        let problem = match (atom, last) {
            (Some(Rule::ident), Some(Rule::call)) => {
                base.label(span, "this is a call").help(format!("a function is declared by `fn {text} = …`"))
            }
            (Some(Rule::ident), Some(Rule::field | Rule::index)) => base
                .label(span, "this is a part of something defined elsewhere")
                .help(format!("a part is changed by `{text} <- …`, in a step or in the run")),
            (Some(Rule::list), _) => {
                base.label(span, "this is a list").help("several names need no brackets: `a, b = …`")
            }
            _ => base.label(span, "this is a value").help("write `name = …`, or compare with `==`"),
        };
        self.problem(problem);
    }

    fn draw_target(&mut self, mut lefts: Vec<Node<'_>>, span: Span) -> (Ident, Option<Shape>) {
        if lefts.len() == 1 && atom_rule(&lefts[0]) == Some(Rule::ident) {
            let pattern = self.left(lefts.remove(0));
            if let PatternKind::Name(name, shape) = pattern.kind {
                return (name, shape);
            }
        } else {
            let at = lefts.first().map_or(span, |f| self.span(f));
            let end = lefts.last().map_or(span, |l| self.span(l));
            self.problem(
                Diagnostic::error(codes::SYNTAX, "one name stands left of `~`")
                    .label(at.to(end), "what is drawn gets one name")
                    .help("draw one after the other, each on its line: `h ~ bernoulli(p)`"),
            );
        }
        (self.no_name(span), None)
    }

    /// What `<-` changes.
    fn place_left(&mut self, mut lefts: Vec<Node<'_>>, span: Span) -> Expr {
        let at = lefts.first().map_or(span, |f| self.span(f));
        if lefts.len() == 1 {
            let place = self.postfix(lefts.remove(0));
            if matches!(place.kind, ExprKind::Name(_) | ExprKind::Field { .. } | ExprKind::Index { .. }) {
                return place;
            }
            self.problem(
                Diagnostic::error(codes::SYNTAX, "a place stands left of `<-`")
                    .label(place.span, "this is a value, and cannot change")
                    .help("a param, a state or a `var`, or a part of one, changes: `chain <- h`, `sheet[i] <- x`"),
            );
            return place;
        }
        self.problem(
            Diagnostic::error(codes::SYNTAX, "`<-` changes one place")
                .label(at, "the first of several")
                .help("write one change to a line; in a step all take effect together"),
        );
        self.no_expr(at)
    }

    /// The brackets after a name that is being defined, read as its shape.
    fn index_as_shape(&mut self, pair: Node<'_>) -> Shape {
        let span = self.span(&pair);
        let mut extents = Vec::new();
        for place in pair.into_inner().filter(|p| p.as_rule() == Rule::place) {
            let at = self.span(&place);
            if let Some(rest) = child(&place, Rule::rest) {
                extents
                    .push(Extent::Rest { name: child(&rest, Rule::ident).map(|i| self.ident(&i)), span: at });
                continue;
            }
            let slice = child(&place, Rule::dots2).is_some();
            let value = self.expr_in(&place);
            if slice || matches!(value.kind, ExprKind::Range { .. }) {
                self.problem(
                    Diagnostic::error(codes::SYNTAX, "a shape holds extents, not slices")
                        .label(at, "a slice, in the brackets of a name that is being defined")
                        .help("to change a part, write `<-` in place of `=`"),
                );
            }
            extents.push(Extent::Expr(value));
        }
        Shape { extents, span }
    }
}

fn atom_rule(postfix: &Node<'_>) -> Option<Rule> {
    let atom = postfix.clone().into_inner().next()?;
    Some(atom.into_inner().next()?.as_rule())
}
