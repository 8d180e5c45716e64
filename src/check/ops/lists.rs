//! Lists: their length, what joins them, and tensors made of them.

use super::args::Bound;
use super::shapes::axis_value;
use crate::check::state::{Checker, Outcome, World, fail};
use crate::check::value::{Axis, HostKind, HostValue, Tensor, Value};
use crate::diag::{Diagnostic, codes};
use crate::program::host::{Expr, ExprKind, Fold};
use crate::program::{Elem, ValueOp};
use crate::source::Span;
use std::sync::Arc;

impl Checker<'_> {
    /// The elements of a list, tuple or range known while compiling.
    pub(super) fn items(&self, value: &Value) -> Option<Vec<Value>> {
        match value {
            Value::List(items) | Value::Tuple(items) => Some(items.to_vec()),
            Value::Range(low, high) if high.saturating_sub(*low) <= 10_000_000 => {
                Some((*low..*high).map(|n| Value::Number { value: n as f64, whole: true }).collect())
            }
            _ => None,
        }
    }

    /// `len(x)`.
    pub(super) fn len(&mut self, (value, at): (Value, Span), span: Span) -> Outcome<Value> {
        let count = match &value {
            Value::List(items) | Value::Tuple(items) => items.len(),
            Value::Range(low, high) => usize::try_from(high.saturating_sub(*low)).unwrap_or(0),
            Value::Batches(batches) => batches.batches.count + usize::from(batches.rest.is_some()),
            Value::Enumerate(inner) => return self.len(((**inner).clone(), at), span),
            Value::Tensor(Tensor { axes, .. })
            | Value::Host(HostValue { kind: HostKind::Tensor(_, axes), .. }) => {
                return match axes.first() {
                    Some(axis) => Ok(axis_value(*axis)),
                    None => fail(codes::SHAPE, "a single number has no length", at, "it has no axes"),
                };
            }
            Value::Data(data) => {
                let block = &self.data[*data];
                let field = block.fields.first().and_then(|f| self.frames[block.frame].names.get(f));
                return match field.map(|b| &b.value) {
                    Some(Value::Tensor(t)) if !t.axes.is_empty() => Ok(axis_value(t.axes[0])),
                    _ => {
                        let title = format!("{} has no length", block.path);
                        fail(codes::KIND, title, at, "it has no field with a shape")
                    }
                };
            }
            Value::Host(HostValue { kind: HostKind::Tuple(kinds), .. }) => kinds.len(),
            Value::Host(HostValue { kind: HostKind::List(_), expr }) => {
                let kind = ExprKind::Fold(Fold::Len, Box::new(expr.clone()));
                let expr = Expr { kind, span };
                return Ok(Value::Host(HostValue { expr, kind: HostKind::Number }));
            }
            other => return self.wrong_kind("`len`", "a list, a tensor or a split", other, at),
        };
        Ok(Value::whole(count))
    }

    /// `pairs([a, b, c])` is `[(a, b), (b, c)]`.
    pub(super) fn pairs(&mut self, (value, at): (Value, Span)) -> Outcome<Value> {
        match self.items(&value) {
            Some(items) => {
                Ok(Value::list(items.windows(2).map(|w| Value::Tuple(Arc::new(w.to_vec()))).collect()))
            }
            None => self.wrong_kind("`pairs`", "a list known before the run", &value, at),
        }
    }

    /// `enumerate(xs)`: unrolled where the list is known, else counted by the loop.
    pub(super) fn enumerate(&mut self, (value, at): (Value, Span)) -> Outcome<Value> {
        let runs = match &value {
            Value::Range(..) => self.world == World::Schedule,
            Value::Batches(_) | Value::Host(HostValue { kind: HostKind::List(_), .. }) => true,
            _ => false,
        };
        if runs {
            return Ok(Value::Enumerate(Box::new(value)));
        }
        match self.items(&value) {
            Some(items) => Ok(Value::list(
                items
                    .into_iter()
                    .enumerate()
                    .map(|(i, v)| Value::Tuple(Arc::new(vec![Value::whole(i), v])))
                    .collect(),
            )),
            None => self.wrong_kind("`enumerate`", "a list, a range or minibatches", &value, at),
        }
    }

    /// `zip(a, b)` of lists of one length.
    pub(super) fn zip(&mut self, lists: Vec<(Value, Span)>) -> Outcome<Value> {
        let mut columns: Vec<(Vec<Value>, Span)> = Vec::new();
        for (value, at) in &lists {
            let runs = matches!(value, Value::Batches(_) | Value::Enumerate(_))
                || matches!(value, Value::Host(HostValue { kind: HostKind::List(_), .. }));
            if runs {
                let title = "`zip` of what the schedule runs through is not built yet";
                return fail(codes::NOT_BUILT, title, *at, format!("this is {}", value.kind()));
            }
            if let Value::Range(low, high) = value
                && let Some((first, _)) = columns.first()
                && high.saturating_sub(*low) != first.len() as i64
            {
                let length = usize::try_from(high.saturating_sub(*low)).unwrap_or(0);
                return Err(self.unequal((first.len(), lists[0].1), (length, *at)).into());
            }
            let Some(items) = self.items(value) else {
                return self.wrong_kind("`zip`", "lists and ranges", value, *at);
            };
            if let Some((first, first_at)) = columns.first()
                && first.len() != items.len()
            {
                return Err(self.unequal((first.len(), *first_at), (items.len(), *at)).into());
            }
            columns.push((items, *at));
        }
        let count = columns.first().map_or(0, |c| c.0.len());
        let rows = (0..count)
            .map(|i| Value::Tuple(Arc::new(columns.iter().map(|c| c.0[i].clone()).collect())))
            .collect();
        Ok(Value::list(rows))
    }

    fn unequal(&self, a: (usize, Span), b: (usize, Span)) -> Diagnostic {
        Diagnostic::error(codes::SHAPE, "`zip` goes through lists of one length")
            .label(b.1, format!("has {}", b.0))
            .label(a.1, format!("has {}", a.0))
    }

    /// The elements of a list argument as tensors of one element type.
    fn tensors(&mut self, what: &str, value: &Value, at: Span) -> Outcome<Vec<Tensor>> {
        let items = match value {
            Value::List(items) | Value::Tuple(items) => items.clone(),
            Value::Tensor(_) => {
                let text = self.operand_text(at);
                let e =
                    Diagnostic::error(codes::KIND, format!("{what} takes a list of tensors, not a tensor"));
                return Err(e.label(at, "this is a tensor").help(format!("[{text}, …]")).into());
            }
            other => return self.wrong_kind(what, "a list of tensors", other, at),
        };
        if items.is_empty() {
            return fail(codes::SHAPE, format!("{what} of nothing has no shape"), at, "is empty");
        }
        for item in items.iter() {
            self.refuse(item, what, at, at)?;
        }
        let elems: Vec<Option<Elem>> = items.iter().map(|v| self.literal_elem(v)).collect();
        let common = elems.iter().flatten().copied().reduce(|a, b| if a == b { a } else { Elem::Real });
        let common = common.unwrap_or(Elem::Real);
        let bools = elems.iter().filter(|e| **e == Some(Elem::Bool)).count();
        if bools != 0 && bools != elems.len() {
            return Err(Diagnostic::error(codes::DTYPE, format!("{what} takes tensors of one kind"))
                .label(at, "some are truth values and some are numbers")
                .help("real(…)   makes numbers of truth values")
                .into());
        }
        let mut tensors = Vec::new();
        for item in items.iter() {
            let Some(t) = self.as_tensor(item, Some(common), at) else {
                return self.wrong_kind(what, "a list of tensors", item, at);
            };
            tensors.push(self.converted(t, common, at));
        }
        Ok(tensors)
    }

    /// `concat(xs, axis: 0)`.
    pub(super) fn concat(&mut self, mut given: Bound, span: Span) -> Outcome<Value> {
        let (list, at) = given.first();
        let tensors = self.tensors("`concat`", &list, at)?;
        let first = tensors[0].clone();
        if first.axes.is_empty() {
            return Err(Diagnostic::error(codes::SHAPE, "`concat` joins along an axis that is there")
                .label(at, "these have no axes")
                .help("stack(…)   joins along a new axis")
                .into());
        }
        let axis = match given.option("axis") {
            Some((axis, axis_at)) => self.axis_arg(&first, at, &axis, axis_at)?,
            None => 0,
        };
        let mut axes = self.joined(&tensors, Some(axis), "`concat`", at)?;
        if tensors.len() > 1 {
            axes[axis] = Axis::plain(tensors.iter().map(|t| t.axes[axis].extent).sum());
        }
        let ids = tensors.iter().map(|t| self.import(t, at)).collect();
        Ok(Value::Tensor(self.emit(ValueOp::Concat { axis }, ids, first.elem, axes, span)))
    }

    /// `stack(xs, axis: 0)`.
    pub(super) fn stack(&mut self, mut given: Bound, span: Span) -> Outcome<Value> {
        let (list, at) = given.first();
        let tensors = self.tensors("`stack`", &list, at)?;
        let mut axes = self.joined(&tensors, None, "`stack`", at)?;
        let axis = match given.option("axis") {
            None => 0,
            Some((value, axis_at)) => {
                let n = self.known_whole("the position of the new axis", &value, axis_at)?;
                let room = axes.len() as i64 + 1;
                let position = if n < 0 { n + room } else { n };
                if !(0..room).contains(&position) {
                    let title = format!("the new axis cannot stand at {n}");
                    let text = format!("positions go from 0 to {}, or from -1 to -{room}", room - 1);
                    return fail(codes::AXIS, title, axis_at, text);
                }
                position as usize
            }
        };
        axes.insert(axis, Axis::plain(tensors.len()));
        let elem = tensors[0].elem;
        let ids = tensors.iter().map(|t| self.import(t, at)).collect();
        Ok(Value::Tensor(self.emit(ValueOp::Stack { axis }, ids, elem, axes, span)))
    }

    /// The axes of tensors that must agree in all but one.
    fn joined(&self, tensors: &[Tensor], but: Option<usize>, what: &str, at: Span) -> Outcome<Vec<Axis>> {
        let mut axes = tensors[0].axes.clone();
        for (i, t) in tensors.iter().enumerate().skip(1) {
            let title = format!(
                "{what} takes tensors of one shape: {} and {}",
                self.shape_text(&tensors[0].axes),
                self.shape_text(&t.axes)
            );
            let mut clash = None;
            if t.axes.len() == axes.len() {
                for (p, axis) in t.axes.iter().enumerate() {
                    match self.agree(axes[p], *axis) {
                        _ if Some(p) == but => {}
                        Some(both) => axes[p] = both,
                        None => clash = clash.or(Some((p, axes[p], *axis))),
                    }
                }
                if clash.is_none() {
                    continue;
                }
            }
            let mut d = match clash {
                Some((_, a, b)) => self.disagreement(a, b, codes::SHAPE, title),
                None => Diagnostic::error(codes::SHAPE, title),
            };
            let text = match clash {
                Some((p, a, b)) => {
                    let (a, b) = (self.axis_name(a), self.axis_name(b));
                    format!("axis {p} of element {i} is {b}, and before it was {a}")
                }
                None => format!("element {i} has {} axes, the first has {}", t.axes.len(), axes.len()),
            };
            d = d.label(at, text);
            if let Some((_, a, b)) = clash {
                d = self.origins(d, &[a, b]);
            }
            return Err(d.into());
        }
        Ok(axes)
    }
}
