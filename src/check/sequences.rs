//! Texts with holes, comprehensions, and what loops go through.

use super::eval::MOST_TEXT;
use super::state::{Checker, FrameKind, Outcome, World, fail};
use super::value::*;
use crate::diag::{Diagnostic, codes};
use crate::program::{MapOp, host};
use crate::source::Span;
use crate::syntax::ast;
use std::sync::Arc;

/// What a step reports: name, element type, axes.
type Reported = (Arc<str>, crate::program::Elem, Vec<Axis>);

impl Checker<'_> {
    /// A text with holes.
    pub(super) fn text(&mut self, parts: &[ast::StrPart], frame: FrameId, span: Span) -> Outcome<Value> {
        let mut pieces = Vec::new();
        let mut known = Some(String::new());
        for part in parts {
            match part {
                ast::StrPart::Text(t) => {
                    if let Some(k) = &mut known {
                        k.push_str(t);
                    }
                    pieces.push(host::Part::Text(t.clone()));
                }
                ast::StrPart::Hole { expr, format, span } => {
                    let value = if self.world == World::Schedule {
                        self.host_value_of(expr, frame)?
                    } else {
                        self.expr(expr, frame)?
                    };
                    let format = host::Format {
                        digits: format.digits,
                        style: match format.style {
                            ast::Style::Plain => host::Style::Plain,
                            ast::Style::Percent => host::Style::Percent,
                            ast::Style::Exponent => host::Style::Exponent,
                        },
                    };
                    known = match (known, self.known_text(&value, format)) {
                        (Some(k), Some(t)) => Some(k + &t),
                        _ => None,
                    };
                    match self.hosted(value.clone(), *span) {
                        Ok(h) => pieces.push(host::Part::Hole(h.expr, format)),
                        Err(_) if known.is_some() => {}
                        Err(e) => return Err(e),
                    }
                }
            }
        }
        if let Some(known) = known {
            if known.len() > MOST_TEXT {
                return fail(
                    codes::TOO_LARGE,
                    format!("a text has at most {MOST_TEXT} bytes"),
                    span,
                    "this text",
                );
            }
            return Ok(Value::Text(known.into()));
        }
        if self.world != World::Schedule {
            return fail(
                codes::WORLD,
                "a text outside the schedule holds only what is known before the run",
                span,
                "this text",
            );
        }
        let expr = host::Expr { kind: host::ExprKind::Format(pieces), span };
        Ok(Value::Host(HostValue { expr, kind: HostKind::Text }))
    }

    /// What a hole shows of a compile-time value.
    pub(super) fn known_text(&self, value: &Value, format: host::Format) -> Option<String> {
        if let Value::Text(t) = value {
            return Some(t.to_string());
        }
        let (v, _) = self.number(value)?;
        Some(match (format.style, format.digits) {
            (host::Style::Plain, None) => format!("{v}"),
            (host::Style::Plain, Some(d)) => format!("{v:.d$}"),
            (host::Style::Percent, None) => format!("{}%", v * 100.0),
            (host::Style::Percent, Some(d)) => format!("{:.d$}%", v * 100.0),
            (host::Style::Exponent, _) => return None,
        })
    }

    /// `[body for pattern in iter if cond]`.
    pub(super) fn comprehension(
        &mut self,
        body: &ast::Expr,
        pattern: &ast::Pattern,
        iter: &ast::Expr,
        cond: Option<&ast::Expr>,
        frame: FrameId,
        span: Span,
    ) -> Outcome<Value> {
        let outer = self.hint.take();
        let over = self.iterable(iter, frame)?;
        if let Some(items) = self.unrolled(&over, self.world != World::Schedule) {
            let mut values = Vec::new();
            let turns = self.identity.begin_loop();
            for (at, item) in items.into_iter().enumerate() {
                let inner = self.push_frame(Some(frame), FrameKind::Block);
                self.bind_pattern(inner, pattern, item, None)?;
                if let Some(cond) = cond {
                    match self.expr(cond, inner)? {
                        Value::Bool(true) => {}
                        Value::Bool(false) => continue,
                        other => return Err(self.runtime_condition(other, cond).into()),
                    }
                }
                self.hint = outer.as_ref().map(|(base, at)| (format!("{base}[{}]", at + values.len()), 0));
                self.identity.enter_turn(&turns, at);
                let value = self.expr(body, inner);
                self.identity.leave();
                self.hint = None;
                values.push(value?);
            }
            self.hint = outer;
            return Ok(Value::list(values));
        }
        self.hint = outer;
        if self.world != World::Schedule {
            return fail(
                codes::WORLD,
                format!("a comprehension here goes through a list, and this is {}", over.kind()),
                iter.span,
                "this",
            );
        }
        let identity = self.identity.clone();
        let mut joined: Option<HostValue> = None;
        for form in super::schedule::forms(over) {
            self.identity.clone_from(&identity);
            let part = self.collect(body, pattern, (form, iter.span), cond, frame, span)?;
            joined = Some(match joined {
                None => part,
                Some(before) => self.join(before, part, body.span, span)?,
            });
        }
        Ok(joined.map_or(Value::Unit, Value::Host))
    }

    /// A comprehension of the schedule over what has one form.
    fn collect(
        &mut self,
        body: &ast::Expr,
        pattern: &ast::Pattern,
        (over, at): (Value, Span),
        cond: Option<&ast::Expr>,
        frame: FrameId,
        span: Span,
    ) -> Outcome<HostValue> {
        let inner = self.push_frame(Some(frame), FrameKind::Block);
        let header = self.loop_header(pattern, over, inner, at)?;
        let before = std::mem::take(&mut self.block);
        let condition = match cond {
            Some(c) => {
                let value = self.host_value_of(c, inner)?;
                Some(self.hosted(value, c.span)?.expr)
            }
            None => None,
        };
        let value = self.host_value_of(body, inner)?;
        let value = self.hosted(value, body.span)?;
        let statements = std::mem::replace(&mut self.block, before);
        let expr = host::Expr {
            kind: host::ExprKind::Collect {
                over: Box::new(header),
                body: statements,
                condition: condition.map(Box::new),
                value: Box::new(value.expr),
            },
            span,
        };
        Ok(HostValue { expr, kind: HostKind::List(Box::new(value.kind)) })
    }

    /// The list of the full minibatches and that of the smaller last one, as one.
    fn join(&self, a: HostValue, b: HostValue, body: Span, span: Span) -> Outcome<HostValue> {
        if !self.alike(&a.kind, &b.kind) {
            let d = Diagnostic::error(codes::SHAPE, "the elements of this list differ in shape")
                .label(body, "has another shape for the last minibatch, which is smaller")
                .help("a number for each minibatch, or rest: \"drop\"");
            return Err(d.into());
        }
        let kind = a.kind.clone();
        let expr = host::Expr { kind: host::ExprKind::Map(MapOp::Add, vec![a.expr, b.expr]), span };
        Ok(HostValue { expr, kind })
    }

    /// Whether values of two kinds may be elements of one list; records if what they report is alike.
    fn alike(&self, a: &HostKind, b: &HostKind) -> bool {
        let same =
            |a: &[Axis], b: &[Axis]| a.len() == b.len() && a.iter().zip(b).all(|(x, y)| x.extent == y.extent);
        match (a, b) {
            (HostKind::List(a), HostKind::List(b)) => self.alike(a, b),
            (HostKind::Tuple(a), HostKind::Tuple(b)) => {
                a.len() == b.len() && a.iter().zip(b).all(|(x, y)| self.alike(x, y))
            }
            (HostKind::Tensor(e, a), HostKind::Tensor(f, b)) => e == f && same(a, b),
            (HostKind::Record(a), HostKind::Record(b)) => {
                let (a, b) = (&self.reports[*a], &self.reports[*b]);
                let alike = |((n, e, x), (m, f, y)): (&Reported, &Reported)| n == m && e == f && same(x, y);
                a.len() == b.len() && a.iter().zip(b).all(alike)
            }
            (a, b) => a == b,
        }
    }

    /// What a loop or comprehension goes through. A range may have ends that only the host knows.
    pub fn iterable(&mut self, iter: &ast::Expr, frame: FrameId) -> Outcome<Value> {
        if self.world == World::Schedule
            && let ast::ExprKind::Range { lo, hi } = &iter.kind
        {
            let (a, b) = (self.host_value_of(lo, frame)?, self.host_value_of(hi, frame)?);
            if self.number(&a).is_none() || self.number(&b).is_none() {
                let (a, b) = (self.hosted(a, lo.span)?, self.hosted(b, hi.span)?);
                let expr = host::Expr { kind: host::ExprKind::Tuple(vec![a.expr, b.expr]), span: iter.span };
                return Ok(Value::Host(HostValue { expr, kind: HostKind::Tuple(vec![a.kind, b.kind]) }));
            }
        }
        if self.world == World::Schedule { self.host_value_of(iter, frame) } else { self.expr(iter, frame) }
    }

    /// The elements of a compile-time sequence; a range only where ranges are lists.
    pub fn unrolled(&self, value: &Value, ranges: bool) -> Option<Vec<Value>> {
        match value {
            Value::List(items) | Value::Tuple(items) => Some(items.to_vec()),
            Value::Range(a, b) if ranges => {
                Some((*a..*b).map(|v| Value::Number { value: v as f64, whole: true }).collect())
            }
            Value::Enumerate(inner) => {
                let items = self.unrolled(inner, ranges)?;
                Some(
                    items
                        .into_iter()
                        .enumerate()
                        .map(|(i, v)| Value::Tuple(Arc::new(vec![Value::whole(i), v])))
                        .collect(),
                )
            }
            _ => None,
        }
    }
}
