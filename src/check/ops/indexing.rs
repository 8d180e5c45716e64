//! Positions, slices and integer tensors as indices of a tensor.

use super::At;
use super::fit::Operand;
use crate::check::state::{Checker, Outcome, fail};
use crate::check::value::{Axis, HostKind, Tensor, Value};
use crate::diag::{Diagnostic, codes};
use crate::program::{Elem, IndexItem, ValueId, ValueOp};
use crate::source::Span;

/// A bound or end of a slice.
pub(super) type Bound = Option<(Value, Span)>;

/// The part of a tensor that an index chooses.
pub(in crate::check) struct Part {
    items: Vec<IndexItem>,
    /// Its axes.
    pub axes: Vec<Axis>,
    tensors: Vec<(Tensor, Span)>,
    /// Whether it is all of the tensor.
    pub whole: bool,
}

impl Checker<'_> {
    /// `x[…]` of a tensor.
    pub(super) fn index_tensor(&mut self, base: Tensor, places: Vec<At>, span: Span) -> Outcome<Value> {
        let part = self.part_at(&base, places, span)?;
        if part.whole {
            return Ok(Value::Tensor(base));
        }
        let mut ids = vec![self.import(&base, span)];
        for (t, at) in &part.tensors {
            ids.push(self.import(t, *at));
        }
        Ok(Value::Tensor(self.emit(ValueOp::Index(part.items), ids, base.elem, part.axes, span)))
    }

    /// A tensor with a part replaced by a value of that part's shape.
    pub fn replaced(&mut self, base: &Tensor, part: Part, value: ValueId, span: Span) -> Tensor {
        let mut ids = vec![self.import(base, span), value];
        for (t, at) in &part.tensors {
            ids.push(self.import(t, *at));
        }
        self.emit(ValueOp::Replace(part.items), ids, base.elem, base.axes.clone(), span)
    }

    /// The part of a tensor that positions choose.
    pub fn part_at(&mut self, base: &Tensor, places: Vec<At>, span: Span) -> Outcome<Part> {
        let rank = base.axes.len();
        let places = self.spread(base, places, span)?;
        let mut items = Vec::with_capacity(rank);
        // What stands for each axis in the result; the tensors' common axes come later.
        let mut axes: Vec<Axis> = Vec::new();
        let mut first_tensor = None;
        let mut tensors: Vec<(Tensor, Span)> = Vec::new();
        for (position, place) in places.into_iter().enumerate() {
            let axis = base.axes[position];
            match place {
                At::Slice(low, high, at) => {
                    let (start, end) = self.slice_bounds(&low, &high, axis.extent, Some(axis), at)?;
                    items.push(IndexItem::Slice(start, end));
                    axes.push(if end - start == axis.extent { axis } else { Axis::plain(end - start) });
                }
                At::Value(Value::Range(low, high), at) => {
                    let bound = |n: i64| Some((Value::Number { value: n as f64, whole: true }, at));
                    let (start, end) =
                        self.slice_bounds(&bound(low), &bound(high), axis.extent, Some(axis), at)?;
                    items.push(IndexItem::Slice(start, end));
                    axes.push(if end - start == axis.extent { axis } else { Axis::plain(end - start) });
                }
                At::Value(value, at) => match self.number(&value) {
                    Some((number, true)) => {
                        let at = self.position(number as i64, axis.extent, Some(axis), at)?;
                        items.push(IndexItem::At(at));
                    }
                    _ => {
                        let index = self.index_by(&value, axis, at, span)?;
                        first_tensor.get_or_insert(axes.len());
                        items.push(IndexItem::Tensor);
                        tensors.push((index, at));
                    }
                },
                At::Rest(_) => {
                    items.push(IndexItem::Slice(0, axis.extent));
                    axes.push(axis);
                }
            }
        }
        let whole = items.iter().zip(&base.axes).all(|(i, a)| *i == IndexItem::Slice(0, a.extent));
        if let Some(at) = first_tensor {
            let operands: Vec<Operand> = tensors.iter().map(|(t, s)| (t, *s)).collect();
            let common = self.broadcast_axes(&operands, span)?;
            axes.splice(at..at, common);
        }
        Ok(Part { items, axes, tensors, whole })
    }

    /// One place for each axis: `...` and what is not spoken of keep all.
    fn spread(&self, base: &Tensor, places: Vec<At>, span: Span) -> Outcome<Vec<At>> {
        let rank = base.axes.len();
        let rests = places.iter().filter(|p| matches!(p, At::Rest(_))).count();
        let spoken = places.len() - rests;
        if spoken > rank || rests > 1 {
            let title = match (rests, rank) {
                (2.., _) => "`...` stands twice in one index".to_string(),
                (_, 0) => "this has no axes to be indexed".to_string(),
                _ => format!("{spoken} positions are given for {rank} axes"),
            };
            let e = Diagnostic::error(codes::INDEX, title).label(span, "here");
            return Err(e.note(format!("what is indexed is {}", self.shape_full(&base.axes))).into());
        }
        let mut spread = Vec::with_capacity(rank);
        for place in places {
            match place {
                At::Rest(at) => spread.extend((spoken..rank).map(|_| At::Rest(at))),
                other => spread.push(other),
            }
        }
        while spread.len() < rank {
            spread.push(At::Rest(span));
        }
        Ok(spread)
    }

    /// An index that is no compile-time number, as an integer tensor.
    fn index_by(&mut self, value: &Value, axis: Axis, at: Span, span: Span) -> Outcome<Tensor> {
        self.refuse(value, "an index", at, span)?;
        if let Value::Host(h) = value
            && h.kind == HostKind::Number
        {
            let t = self.import_host(h, at);
            return Ok(self.converted(t, Elem::Int, at));
        }
        let elem = self.literal_elem(value);
        if let Value::List(_) = value {
            if elem.is_none() {
                let value = self.checked_positions(value, axis, at)?;
                if let Some(t) = self.as_tensor(&value, Some(Elem::Int), at) {
                    return Ok(t);
                }
            }
            return self.wrong_kind("an index", "whole numbers", value, at);
        }
        let t = match value {
            Value::Tensor(_) | Value::Host(_) => self.as_tensor(value, elem, at),
            _ => None,
        };
        let Some(t) = t else {
            if let Value::Number { value, .. } = value {
                let title = "an index is a whole number";
                return fail(codes::KIND, title, at, format!("this is {value}, which is not whole"));
            }
            return self.wrong_kind("an index", "a whole number, a slice or an integer tensor", value, at);
        };
        if t.elem == Elem::Int {
            return Ok(t);
        }
        let text = self.operand_text(at);
        let e = Diagnostic::error(codes::DTYPE, "an index is an int")
            .label(at, format!("its elements are {}", t.elem.name()));
        Err(if t.elem == Elem::Real { e.help(format!("int({text})")) } else { e }.into())
    }

    /// A list of positions, counted from the start.
    fn checked_positions(&self, value: &Value, axis: Axis, at: Span) -> Outcome<Value> {
        if let Value::List(items) = value {
            let items: Outcome<Vec<Value>> =
                items.iter().map(|v| self.checked_positions(v, axis, at)).collect();
            return Ok(Value::list(items?));
        }
        match self.number(value) {
            Some((n, _)) => Ok(Value::whole(self.position(n as i64, axis.extent, Some(axis), at)?)),
            None => Ok(value.clone()),
        }
    }

    /// A position counted from the start, if it is there.
    pub(super) fn position(&self, n: i64, extent: usize, axis: Option<Axis>, at: Span) -> Outcome<usize> {
        let from_start = if n < 0 { n + extent as i64 } else { n };
        if (0..extent as i64).contains(&from_start) {
            return Ok(from_start as usize);
        }
        let what = match axis {
            Some(axis) if axis.dim.is_some() => format!("the axis {}", self.axis_name(axis)),
            Some(_) => "its axis".to_string(),
            None => "the list".to_string(),
        };
        let text = match extent {
            0 => "there is nothing in it".to_string(),
            _ => format!("positions go from 0 to {}, or from the end, -1 to -{extent}", extent - 1),
        };
        let mut e = Diagnostic::error(codes::INDEX, format!("{n} is outside {what}")).label(at, text);
        if let Some(axis) = axis {
            e = self.origins(e, &[axis]);
        }
        Err(e.into())
    }

    /// The bounds of a slice, counted from the start.
    pub(super) fn slice_bounds(
        &self,
        low: &Bound,
        high: &Bound,
        extent: usize,
        axis: Option<Axis>,
        at: Span,
    ) -> Outcome<(usize, usize)> {
        let bound = |bound: &Bound, default: usize| -> Outcome<(i64, Span)> {
            let Some((value, span)) = bound else { return Ok((default as i64, at)) };
            let n = self.known_whole("the bound of a slice", value, *span)?;
            let from_start = if n < 0 { n + extent as i64 } else { n };
            if (0..=extent as i64).contains(&from_start) {
                return Ok((from_start, *span));
            }
            let what = if axis.is_some() { "its axis" } else { "the list" };
            let e = Diagnostic::error(codes::INDEX, format!("the bound {n} is outside {what}"))
                .label(*span, format!("bounds go from 0 to {extent}"));
            Err(match axis {
                Some(axis) => self.origins(e, &[axis]),
                None => e,
            }
            .into())
        };
        let (start, _) = bound(low, 0)?;
        let (end, _) = bound(high, extent)?;
        if start > end {
            let title = "this slice ends before it begins";
            return fail(codes::INDEX, title, at, format!("from {start} to {end}, of {extent}"));
        }
        Ok((start as usize, end as usize))
    }

    /// A whole number that must be known before the run.
    pub(super) fn known_whole(&self, what: &str, value: &Value, at: Span) -> Outcome<i64> {
        match value {
            Value::Poison => Err(crate::check::state::Fail::Reported),
            Value::Tensor(_) | Value::Host(_) => Err(Diagnostic::error(
                codes::WORLD,
                format!("{what} must be known before the run, since shapes depend on it"),
            )
            .label(at, format!("this is {}", value.kind()))
            .into()),
            _ => match self.number(value) {
                Some((n, true)) => Ok(n as i64),
                Some((n, false)) => {
                    let title = format!("{what} is a whole number");
                    let e = Diagnostic::error(codes::KIND, title).label(at, format!("this is {n}"));
                    let text = self.operand_text(at);
                    Err(match text.rsplit_once(" / ") {
                        Some((a, b)) if n.fract() == 0.0 => e.help(format!("{a} // {b}")),
                        _ => e,
                    }
                    .into())
                }
                None => self.wrong_kind(what, "a whole number", value, at),
            },
        }
    }
}
