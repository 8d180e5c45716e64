//! Sums and the like over axes and lists; softmax.

use super::args::Bound;
use crate::check::state::{Checker, Outcome, World, fail};
use crate::check::value::{Axis, HostKind, HostValue, Tensor, Value};
use crate::diag::{Diagnostic, codes};
use crate::program::host::{Expr, ExprKind, Fold};
use crate::program::{ArgExtreme, Elem, MapOp, ReduceOp, ValueOp};
use crate::source::Span;

fn name(op: ReduceOp) -> &'static str {
    match op {
        ReduceOp::Sum => "`sum`",
        ReduceOp::Mean => "`mean`",
        ReduceOp::Prod => "`prod`",
        ReduceOp::Max | ReduceOp::MaxAll => "`max`",
        ReduceOp::Min | ReduceOp::MinAll => "`min`",
        ReduceOp::Any => "`any`",
        ReduceOp::All => "`all`",
        ReduceOp::LogSumExp => "`logsumexp`",
    }
}

impl Checker<'_> {
    /// `min` and `max`: of several values, or of one tensor or list.
    pub(super) fn extreme(
        &mut self,
        op: MapOp,
        over: ReduceOp,
        mut given: Bound,
        name_span: Span,
        span: Span,
    ) -> Outcome<Value> {
        if given.count() == 1 {
            return self.reduce(over, given, name_span, span);
        }
        for option in ["axis", "keep", "ties"] {
            if let Some((_, at)) = given.option(option) {
                let title = format!("`{option}:` belongs to one tensor, and several values are given");
                return fail(codes::UNKNOWN_ARGUMENT, title, at, "of which axis?");
            }
        }
        let mut values = given.all().into_iter();
        let Some((mut so_far, mut at)) = values.next() else {
            return fail(codes::UNKNOWN_ARGUMENT, "nothing is given", name_span, "called here");
        };
        for (value, next) in values {
            so_far = self.map(op, vec![so_far, value], &[at, next], name_span, span)?;
            at = at.to(next);
        }
        Ok(so_far)
    }

    /// A reduction of a tensor over axes, or of a list.
    pub(super) fn reduce(
        &mut self,
        op: ReduceOp,
        mut given: Bound,
        name_span: Span,
        span: Span,
    ) -> Outcome<Value> {
        let (value, at) = given.first();
        self.refuse(&value, name(op), at, span)?;
        let op = match given.option("ties") {
            None => op,
            Some((ties, at)) => match (self.word("`ties:`", &["first", "all"], &ties, at)?, op) {
                (1, ReduceOp::Max) => ReduceOp::MaxAll,
                (1, ReduceOp::Min) => ReduceOp::MinAll,
                _ => op,
            },
        };
        if !given.has_options()
            && let Some(result) = self.reduce_list(op, &value, at, name_span, span)?
        {
            return Ok(result);
        }
        if given.option_is_missing("axis")
            && let Some((number, whole)) = self.number(&value)
        {
            let whole = whole && !matches!(op, ReduceOp::Mean | ReduceOp::LogSumExp);
            return Ok(Value::Number { value: number, whole });
        }
        if !given.has_options()
            && let Value::Host(HostValue { kind: HostKind::Number, .. }) = &value
        {
            return Ok(value);
        }
        let t = self.tensor_arg(name(op), &value, None, at)?;
        let axes = match given.option("axis") {
            Some((axis, axis_at)) => self.axes_arg(&t, at, &axis, axis_at)?,
            None => (0..t.axes.len()).collect(),
        };
        let keep = self.keep_arg(&mut given)?;
        let elem = match (op, t.elem) {
            (ReduceOp::Any | ReduceOp::All, Elem::Bool) => Elem::Bool,
            (ReduceOp::Any | ReduceOp::All, elem) => {
                return Err(Diagnostic::error(codes::DTYPE, format!("{} takes truth values", name(op)))
                    .label(at, format!("its elements are {}", elem.name()))
                    .help(format!("{} != 0", self.operand_text(at)))
                    .into());
            }
            (ReduceOp::Sum, Elem::Bool) => Elem::Int,
            (ReduceOp::Mean, _) => Elem::Real,
            (_, Elem::Bool) => return Err(self.no_truths(name(op), at).into()),
            (ReduceOp::LogSumExp, _) => Elem::Real,
            (_, elem) => elem,
        };
        let t = self.converted(t, elem, at);
        if t.axes.is_empty() && op != ReduceOp::LogSumExp {
            return Ok(Value::Tensor(t));
        }
        let result = reduced(&t.axes, &axes, keep);
        let id = self.import(&t, at);
        Ok(Value::Tensor(self.emit(ValueOp::Reduce { op, axes, keep }, vec![id], elem, result, span)))
    }

    /// A reduction of a list: of the compiler's or the schedule's. None if it is a tensor after all.
    fn reduce_list(
        &mut self,
        op: ReduceOp,
        value: &Value,
        at: Span,
        name_span: Span,
        span: Span,
    ) -> Outcome<Option<Value>> {
        if let Value::Host(HostValue { expr, kind: HostKind::List(kind) }) = value {
            let fold = match op {
                ReduceOp::Sum => Fold::Sum,
                ReduceOp::Mean => Fold::Mean,
                ReduceOp::Min => Fold::Min,
                ReduceOp::Max => Fold::Max,
                _ => return self.wrong_kind(name(op), "a tensor", value, at),
            };
            let scalar = match &**kind {
                HostKind::Number | HostKind::Unknown => true,
                HostKind::Tensor(_, axes) => axes.is_empty(),
                _ => false,
            };
            if !scalar {
                let title = format!("{} takes a list of numbers", name(op));
                return fail(codes::KIND, title, at, format!("each element is {}", kind.describe()));
            }
            let kind = ExprKind::Fold(fold, Box::new(expr.clone()));
            return Ok(Some(Value::Host(HostValue { expr: Expr { kind, span }, kind: HostKind::Number })));
        }
        let Some(items) = self.items(value) else { return Ok(None) };
        if items.iter().any(|v| matches!(v, Value::List(_))) {
            return Ok(None);
        }
        let step = match op {
            ReduceOp::Sum | ReduceOp::Mean => MapOp::Add,
            ReduceOp::Prod => MapOp::Mul,
            ReduceOp::Max => MapOp::Max,
            ReduceOp::Min => MapOp::Min,
            // A list of tensors becomes one tensor first.
            ReduceOp::MaxAll | ReduceOp::MinAll => return Ok(None),
            ReduceOp::Any => MapOp::Or,
            ReduceOp::All => MapOp::And,
            ReduceOp::LogSumExp => return Ok(None),
        };
        let count = items.len();
        let mut items = items.into_iter();
        let Some(mut total) = items.next() else {
            return match op {
                ReduceOp::Sum => Ok(Some(Value::whole(0))),
                ReduceOp::Prod => Ok(Some(Value::whole(1))),
                ReduceOp::Any => Ok(Some(Value::Bool(false))),
                ReduceOp::All => Ok(Some(Value::Bool(true))),
                _ => fail(codes::NUMBER, format!("{} of nothing has no value", name(op)), at, "is empty"),
            };
        };
        if let Some(number) = self.number(&total) {
            total = Value::Number { value: number.0, whole: number.1 };
        } else if !matches!(total, Value::Bool(_) | Value::Tensor(_) | Value::Host(_)) {
            let title = format!("{} takes a list of numbers or tensors", name(op));
            return fail(codes::KIND, title, at, format!("its first element is {}", total.kind()));
        }
        for item in items {
            total = self.map(step, vec![total, item], &[at, at], name_span, span)?;
        }
        if op == ReduceOp::Mean {
            total = self.map(MapOp::Div, vec![total, Value::whole(count)], &[at, at], name_span, span)?;
        }
        Ok(Some(total))
    }

    fn no_truths(&self, what: &str, at: Span) -> Diagnostic {
        Diagnostic::error(codes::DTYPE, format!("{what} does not take truth values for numbers"))
            .label(at, "its elements are bool")
            .help(format!("real({})", self.operand_text(at)))
    }

    /// `argmax` and `argmin`.
    pub(super) fn arg_extreme(&mut self, op: ArgExtreme, mut given: Bound, span: Span) -> Outcome<Value> {
        let what = if op == ArgExtreme::Max { "`argmax`" } else { "`argmin`" };
        let (value, at) = given.first();
        let t = self.tensor_arg(what, &value, None, at)?;
        if t.elem == Elem::Bool {
            return Err(self.no_truths(what, at).into());
        }
        let axis = match given.option("axis") {
            Some((axis, axis_at)) => self.axis_arg(&t, at, &axis, axis_at)?,
            None if t.axes.len() == 1 => 0,
            None => {
                let title = format!("{what} needs to know along which axis");
                let shape = self.shape_full(&t.axes);
                return Err(Diagnostic::error(codes::AXIS, title)
                    .label(at, format!("is {shape}"))
                    .help(format!("{}({}, axis: -1)", what.trim_matches('`'), self.operand_text(at)))
                    .into());
            }
        };
        let keep = self.keep_arg(&mut given)?;
        let axes = reduced(&t.axes, &[axis], keep);
        let id = self.import(&t, at);
        let op = ValueOp::ArgExtreme { op, axis, keep };
        Ok(Value::Tensor(self.emit(op, vec![id], Elem::Int, axes, span)))
    }

    /// `softmax` and `log_softmax`.
    pub(super) fn softmax(&mut self, log: bool, mut given: Bound, span: Span) -> Outcome<Value> {
        let what = if log { "`log_softmax`" } else { "`softmax`" };
        let (value, at) = given.first();
        let t = self.tensor_arg(what, &value, None, at)?;
        if t.elem == Elem::Bool {
            return Err(self.no_truths(what, at).into());
        }
        let axis = match given.option("axis") {
            Some((axis, axis_at)) => self.axis_arg(&t, at, &axis, axis_at)?,
            None if t.axes.is_empty() => {
                let title = format!("{what} goes along an axis");
                return fail(codes::SHAPE, title, at, "has none: it is a single number");
            }
            None => t.axes.len() - 1,
        };
        let t = self.converted(t, Elem::Real, at);
        let id = self.import(&t, at);
        let op = if log { ValueOp::LogSoftmax { axis } } else { ValueOp::Softmax { axis } };
        Ok(Value::Tensor(self.emit(op, vec![id], Elem::Real, t.axes, span)))
    }

    fn keep_arg(&mut self, given: &mut Bound) -> Outcome<bool> {
        match given.option("keep") {
            None => Ok(false),
            Some((Value::Bool(keep), _)) => Ok(keep),
            Some((other, at)) => self.wrong_kind("`keep:`", "`true` or `false`", &other, at),
        }
    }

    /// One axis: a position or a dimension.
    pub(super) fn axis_arg(&self, t: &Tensor, at: Span, axis: &Value, axis_at: Span) -> Outcome<usize> {
        let text = self.operand_text(at);
        let shape = self.shape_full(&t.axes);
        match axis {
            Value::Dim(d) => {
                let found: Vec<usize> = (0..t.axes.len()).filter(|i| t.axes[*i].dim == Some(*d)).collect();
                let name = &self.dims[*d].name;
                match found[..] {
                    [one] => Ok(one),
                    [] => {
                        let mut e = Diagnostic::error(
                            codes::AXIS,
                            format!("{text} has no axis {name}: it is {shape}"),
                        )
                        .label(axis_at, format!("{name} is {}", self.dims[*d].extent));
                        e = self.where_made(e, &[(t, at)]);
                        let extent = self.dims[*d].extent;
                        match t.axes.iter().rposition(|a| a.extent == extent) {
                            Some(i) => Err(e.help(format!("axis: {i}   has that extent")).into()),
                            None => Err(e.into()),
                        }
                    }
                    [first, ..] => {
                        let title = format!("{name} is more than one axis of {text}");
                        Err(Diagnostic::error(codes::AXIS, title)
                            .label(axis_at, format!("{text} is {shape}"))
                            .help(format!("axis: {first}   by its position"))
                            .into())
                    }
                }
            }
            Value::Number { value, whole: true } => {
                let rank = t.axes.len() as i64;
                let position = *value as i64;
                let from_start = if position < 0 { position + rank } else { position };
                if (0..rank).contains(&from_start) {
                    return Ok(from_start as usize);
                }
                let title = format!("{text} has no axis {position}: it is {shape}");
                let e = Diagnostic::error(codes::AXIS, title).label(
                    axis_at,
                    match rank {
                        0 => "there are no axes".to_string(),
                        _ => format!("positions go from 0 to {}, or from the end, -1 to -{rank}", rank - 1),
                    },
                );
                Err(self.where_made(e, &[(t, at)]).into())
            }
            other => {
                let world = self.world == World::Schedule;
                let wanted = if world { "a position known before the run" } else { "a position" };
                self.wrong_kind("`axis:`", &format!("{wanted} or a dimension"), other, axis_at)
            }
        }
    }

    /// One axis or a list of them, ascending.
    fn axes_arg(&self, t: &Tensor, at: Span, axis: &Value, axis_at: Span) -> Outcome<Vec<usize>> {
        let (Value::List(items) | Value::Tuple(items)) = axis else {
            return Ok(vec![self.axis_arg(t, at, axis, axis_at)?]);
        };
        let mut axes = Vec::new();
        for item in items.iter() {
            let position = self.axis_arg(t, at, item, axis_at)?;
            if axes.contains(&position) {
                let title = format!("the axis {} is given twice", self.axis_name(t.axes[position]));
                return fail(codes::AXIS, title, axis_at, format!("axis {position} of the tensor"));
            }
            axes.push(position);
        }
        axes.sort_unstable();
        Ok(axes)
    }
}

/// What is left of the axes.
fn reduced(axes: &[Axis], over: &[usize], keep: bool) -> Vec<Axis> {
    let mut left = Vec::new();
    for (i, axis) in axes.iter().enumerate() {
        if !over.contains(&i) {
            left.push(*axis);
        } else if keep {
            left.push(Axis::plain(1));
        }
    }
    left
}
