//! Elements and parts of what is no tensor: lists, tuples, minibatches, arrays of files.

use super::At;
use super::elementwise::is_tensor;
use super::indexing::Bound;
use crate::check::state::{Checker, Outcome, fail};
use crate::check::value::{Batches, HostKind, HostValue, Value};
use crate::diag::{Diagnostic, codes};
use crate::program::RawSource;
use crate::program::host::{Expr, ExprKind};
use crate::source::Span;
use std::sync::Arc;

impl Checker<'_> {
    /// `x[…]` of a tensor, list, text-free tuple or host list.
    pub fn index(&mut self, base: Value, places: Vec<At>, span: Span) -> Outcome<Value> {
        for place in &places {
            if let At::Value(Value::Poison, _) = place {
                return Err(crate::check::state::Fail::Reported);
            }
        }
        if is_tensor(&base) {
            return match self.as_tensor(&base, None, span) {
                Some(t) => self.index_tensor(t, places, span),
                None => self.wrong_kind("`[…]`", "a tensor or a list", &base, span),
            };
        }
        let count = places.len();
        let mut places = places.into_iter();
        let (Some(place), None) = (places.next(), places.next()) else {
            let title = format!("{} is indexed by one position, not by {count}", base.kind());
            if let Value::Raw(_) | Value::Poison = &base {
                self.refuse(&base, "an index of several positions", span, span)?;
            }
            return fail(codes::KIND, title, span, format!("what is indexed is {}", base.kind()));
        };
        match base {
            Value::Poison => Err(crate::check::state::Fail::Reported),
            Value::List(items) => self.index_list(items, place, false, span),
            Value::Tuple(items) => self.index_list(items, place, true, span),
            Value::Range(..) => match self.items(&base) {
                Some(items) => self.index_list(Arc::new(items), place, false, span),
                None => self.wrong_kind("`[…]`", "a tensor or a list", &base, span),
            },
            Value::Raw(source) => self.index_raw(source, place, span),
            Value::Batches(batches) => self.index_batches(&batches, place, span),
            Value::Host(host) => self.index_host(host, place, span),
            other => self.wrong_kind("`[…]`", "a tensor or a list", &other, span),
        }
    }

    fn index_list(&mut self, items: Arc<Vec<Value>>, place: At, tuple: bool, span: Span) -> Outcome<Value> {
        let again = |items: Vec<Value>| {
            if tuple { Value::Tuple(Arc::new(items)) } else { Value::list(items) }
        };
        match place {
            At::Rest(_) => Ok(again(items.to_vec())),
            At::Slice(low, high, at) => {
                if [&low, &high].into_iter().flatten().any(|(v, _)| matches!(v, Value::Host(_)))
                    && let Some(host) = self.host_expr(&again(items.to_vec()), span)
                {
                    return self.index_host(host, At::Slice(low, high, at), span);
                }
                let (start, end) = self.slice_bounds(&low, &high, items.len(), None, at)?;
                Ok(again(items[start..end].to_vec()))
            }
            At::Value(Value::Range(low, high), at) => {
                let bound = |n: i64| Some((Value::Number { value: n as f64, whole: true }, at));
                let (start, end) = self.slice_bounds(&bound(low), &bound(high), items.len(), None, at)?;
                Ok(again(items[start..end].to_vec()))
            }
            At::Value(Value::Host(by), at) if by.kind == HostKind::Number && !tuple => {
                let Some(host) = self.host_expr(&Value::List(items), span) else {
                    let title = "this list is the compiler's, and the position is known only to the schedule";
                    return fail(codes::WORLD, title, at, "not known before the run");
                };
                self.index_host(host, At::Value(Value::Host(by), at), span)
            }
            At::Value(value, at) => {
                if is_tensor(&value) {
                    let text = self.operand_text(span);
                    let list = text.split('[').next().unwrap_or("list").to_string();
                    return Err(Diagnostic::error(codes::KIND, "only a tensor is indexed by a tensor")
                        .label(at, "this is a tensor, and what is indexed is a list")
                        .help(format!("stack({list})   makes a tensor of a list"))
                        .into());
                }
                let n = self.known_whole("a position in a list", &value, at)?;
                Ok(items[self.position(n, items.len(), None, at)?].clone())
            }
        }
    }

    fn index_raw(&mut self, source: RawSource, place: At, span: Span) -> Outcome<Value> {
        let count = |checker: &Self, value: &Value, at: Span| -> Outcome<usize> {
            let n = checker.known_whole("a position in a file's array", value, at)?;
            usize::try_from(n).map_err(|_| {
                Diagnostic::error(codes::SHAPE, "this array from a file has no shape yet")
                    .label(at, "so its end is not known to count from")
                    .help("reshape(…, [rows, columns])   first")
                    .into()
            })
        };
        let source = Box::new(source);
        Ok(Value::Raw(match place {
            At::Value(Value::Range(low, high), at) => {
                let start = count(self, &Value::Number { value: low as f64, whole: true }, at)?;
                let end = count(self, &Value::Number { value: high as f64, whole: true }, at)?;
                self.raw_slice(source, start, Some(end), at)?
            }
            At::Value(value, at) => RawSource::Item(source, count(self, &value, at)?),
            At::Slice(low, high, at) => {
                let bound = |b: &Bound| b.as_ref().map(|(v, s)| count(self, v, *s)).transpose();
                let (start, end) = (bound(&low)?.unwrap_or(0), bound(&high)?);
                self.raw_slice(source, start, end, at)?
            }
            At::Rest(_) => {
                let title = "this array from a file has no shape yet";
                return fail(codes::SHAPE, title, span, "so `...` says nothing");
            }
        }))
    }

    fn raw_slice(
        &self,
        source: Box<RawSource>,
        start: usize,
        end: Option<usize>,
        at: Span,
    ) -> Outcome<RawSource> {
        if let Some(end) = end
            && end < start
        {
            let title = "this slice ends before it begins";
            return fail(codes::INDEX, title, at, format!("from {start} to {end}"));
        }
        Ok(RawSource::SliceFirst(source, start, end))
    }

    fn index_batches(&mut self, batches: &Batches, place: At, span: Span) -> Outcome<Value> {
        let (At::Value(value, at) | At::Slice(Some((value, at)), ..)) = &place else {
            return fail(codes::NOT_BUILT, "part of the minibatches is not built yet", span, "taken here");
        };
        if !matches!(place, At::Value(..)) || matches!(value, Value::Range(..)) {
            return fail(codes::NOT_BUILT, "part of the minibatches is not built yet", span, "taken here");
        }
        let index = match value {
            Value::Host(h) if h.kind == HostKind::Number && batches.rest.is_some() => {
                let title = "the last minibatch is smaller, so shapes depend on which one this is";
                let e = Diagnostic::error(codes::WORLD, title).label(*at, "not known before the run");
                return Err(e.help("rest: \"drop\"   which leaves the smaller one out").into());
            }
            Value::Host(h) if h.kind == HostKind::Number => h.expr.clone(),
            other => {
                let n = self.known_whole("a position among minibatches", other, *at)?;
                let count = batches.batches.count;
                let n = self.position(n, count + usize::from(batches.rest.is_some()), None, *at)?;
                if let Some(rest) = &batches.rest
                    && n == count
                {
                    let first = Value::whole(0);
                    return self.index_batches(rest, At::Value(first, *at), span);
                }
                Expr { kind: ExprKind::Number(n as f64), span: *at }
            }
        };
        let mut kinds: Vec<HostKind> =
            batches.fields.iter().map(|(_, elem, axes)| HostKind::Tensor(*elem, axes.clone())).collect();
        let kind = if kinds.len() == 1 { kinds.remove(0) } else { HostKind::Tuple(kinds) };
        let expr = Expr { kind: ExprKind::Batch(batches.batches.clone(), Box::new(index)), span };
        Ok(Value::Host(HostValue { expr, kind }))
    }

    fn index_host(&mut self, base: HostValue, place: At, span: Span) -> Outcome<Value> {
        match (&base.kind, place) {
            (HostKind::Tuple(kinds), At::Value(value, at)) => {
                let n = self.known_whole("a position in a tuple", &value, at)?;
                let n = self.position(n, kinds.len(), None, at)?;
                let kind = kinds[n].clone();
                let index = Expr { kind: ExprKind::Number(n as f64), span: at };
                let expr = Expr { kind: ExprKind::Index(Box::new(base.expr), Box::new(index)), span };
                Ok(Value::Host(HostValue { expr, kind }))
            }
            (HostKind::List(_), At::Value(Value::Range(low, high), at)) => {
                let bound = |n: i64| Some((Value::Number { value: n as f64, whole: true }, at));
                self.index_host(base, At::Slice(bound(low), bound(high), at), span)
            }
            (HostKind::List(kind), At::Value(value, at)) => {
                let kind = (**kind).clone();
                let index = self.host_position(&value, at)?;
                let expr = Expr { kind: ExprKind::Index(Box::new(base.expr), Box::new(index)), span };
                Ok(Value::Host(HostValue { expr, kind }))
            }
            (HostKind::List(_), At::Slice(low, high, _)) => {
                let low = low.map(|(v, at)| self.host_position(&v, at)).transpose()?.map(Box::new);
                let high = high.map(|(v, at)| self.host_position(&v, at)).transpose()?.map(Box::new);
                let expr = Expr { kind: ExprKind::Slice(Box::new(base.expr), low, high), span };
                Ok(Value::Host(HostValue { expr, kind: base.kind }))
            }
            (HostKind::List(_), At::Rest(_)) => Ok(Value::Host(base)),
            _ => self.wrong_kind("`[…]`", "a tensor or a list", &Value::Host(base), span),
        }
    }

    fn host_position(&mut self, value: &Value, at: Span) -> Outcome<Expr> {
        if let Value::Host(h) = value
            && matches!(h.kind, HostKind::Number | HostKind::Unknown)
        {
            return Ok(h.expr.clone());
        }
        if is_tensor(value) {
            return self.wrong_kind("a position in a list", "a whole number", value, at);
        }
        let n = self.known_whole("a position in a list", value, at)?;
        Ok(Expr { kind: ExprKind::Number(n as f64), span: at })
    }
}
