//! Functions that make tensors or change their shape.

use super::args::Bound;
use super::fit::stretches;
use crate::check::state::{Checker, Outcome, World, fail};
use crate::check::value::{Axis, HostKind, Value};
use crate::diag::{Diagnostic, codes};
use crate::program::{Elem, Raw, RawSource, ValueOp};
use crate::source::Span;

impl Checker<'_> {
    /// An extent: a dimension or a natural number; none for `_`.
    fn extent_arg(&self, value: &Value, at: Span) -> Outcome<Option<Axis>> {
        if let Value::Unit = value {
            return Ok(None);
        }
        if let Value::Dim(d) = value {
            return Ok(Some(Axis { extent: self.dims[*d].extent, dim: Some(*d) }));
        }
        let n = self.known_whole("an extent", value, at)?;
        match usize::try_from(n) {
            Ok(extent) if n <= i64::from(i32::MAX) => Ok(Some(Axis::plain(extent))),
            Ok(_) => fail(codes::SHAPE, "an extent has 31 bits", at, format!("one of them is {n}")),
            Err(_) => fail(codes::SHAPE, "an extent is not negative", at, format!("one of them is {n}")),
        }
    }

    /// A shape: a list of extents.
    fn shape_arg(&self, what: &str, value: &Value, at: Span) -> Outcome<Vec<Option<Axis>>> {
        match value {
            Value::List(items) | Value::Tuple(items) => {
                items.iter().map(|v| self.extent_arg(v, at)).collect()
            }
            Value::Number { .. } | Value::Dim(_) => {
                let title = format!("{what} takes a list of extents, not a number");
                let text = self.operand_text(at);
                Err(Diagnostic::error(codes::KIND, title)
                    .label(at, "this is a number")
                    .help(format!("[{text}]"))
                    .into())
            }
            _ => self.wrong_kind(what, "a list of extents", value, at),
        }
    }

    /// A shape without `_`.
    fn full_shape(&self, what: &str, value: &Value, at: Span) -> Outcome<Vec<Axis>> {
        let shape: Option<Vec<Axis>> = self.shape_arg(what, value, at)?.into_iter().collect();
        match shape {
            Some(axes) => Ok(axes),
            None => fail(codes::SHAPE, format!("{what} cannot infer `_`"), at, "give every extent"),
        }
    }

    /// `zeros` and `ones`.
    pub(super) fn filled(&mut self, number: f64, (shape, at): (Value, Span), span: Span) -> Outcome<Value> {
        let what = if number == 0.0 { "`zeros`" } else { "`ones`" };
        let axes = self.full_shape(what, &shape, at)?;
        let scalar = self.emit(ValueOp::Number(number), vec![], Elem::Real, vec![], span);
        if axes.is_empty() {
            return Ok(Value::Tensor(scalar));
        }
        let id = self.import(&scalar, span);
        Ok(Value::Tensor(self.emit(ValueOp::Broadcast, vec![id], Elem::Real, axes, span)))
    }

    /// `broadcast(x, shape)`.
    pub(super) fn broadcast_to(&mut self, mut given: Bound, span: Span) -> Outcome<Value> {
        let ((value, at), (shape, shape_at)) = (given.first(), given.first());
        let t = self.tensor_arg("`broadcast`", &value, None, at)?;
        let mut axes = self.full_shape("`broadcast`", &shape, shape_at)?;
        let wanted = axes.clone();
        let offset = axes.len().checked_sub(t.axes.len());
        let mut clash = None;
        for (i, axis) in t.axes.iter().enumerate() {
            let Some(offset) = offset else { break };
            match self.agree(wanted[i + offset], *axis) {
                Some(both) => axes[i + offset] = both,
                None if stretches(*axis) => {}
                None => clash = Some((*axis, wanted[i + offset])),
            }
        }
        if offset.is_none() || clash.is_some() {
            let (have, want) = (self.shape_text(&t.axes), self.shape_text(&wanted));
            let title = format!("{have} does not broadcast to {want}");
            let mut d = match clash {
                Some((a, b)) => self.disagreement(a, b, codes::BROADCAST, title),
                None => Diagnostic::error(codes::BROADCAST, title),
            };
            let text = match clash {
                Some((a, b)) => format!("{} meets {}", self.axis_name(a), self.axis_name(b)),
                None => format!("{} axes are more than {}", t.axes.len(), wanted.len()),
            };
            d = d.label(shape_at, text);
            d = self.where_made(d, &[(&t, at)]);
            if let Some((a, b)) = clash {
                d = self.origins(d, &[a, b]);
            }
            return Err(d.into());
        }
        let id = self.import(&t, at);
        Ok(Value::Tensor(self.emit(ValueOp::Broadcast, vec![id], t.elem, axes, span)))
    }

    /// `indices(n)`.
    pub(super) fn indices(&mut self, (value, at): (Value, Span), span: Span) -> Outcome<Value> {
        match self.extent_arg(&value, at)? {
            Some(axis) => Ok(Value::Tensor(self.emit(ValueOp::Indices, vec![], Elem::Int, vec![axis], span))),
            None => self.wrong_kind("`indices`", "an extent", &value, at),
        }
    }

    /// `one_hot(i, k)`.
    pub(super) fn one_hot(&mut self, mut given: Bound, span: Span) -> Outcome<Value> {
        let ((value, at), (count, count_at)) = (given.first(), given.first());
        let Some(axis) = self.extent_arg(&count, count_at)? else {
            return self.wrong_kind("`one_hot`", "an extent", &count, count_at);
        };
        let t = match &value {
            Value::Host(h) if h.kind == HostKind::Number => {
                let t = self.import_host(h, at);
                self.converted(t, Elem::Int, at)
            }
            _ => {
                let elem = self.literal_elem(&value).or(Some(Elem::Int));
                self.tensor_arg("`one_hot`", &value, elem, at)?
            }
        };
        if t.elem != Elem::Int {
            let text = self.operand_text(at);
            let e = Diagnostic::error(codes::DTYPE, "`one_hot` takes ints")
                .label(at, format!("its elements are {}", t.elem.name()));
            return Err(e.help(format!("int({text})")).into());
        }
        if let Some((n, _)) = self.number(&value) {
            self.position(n as i64, axis.extent, Some(axis), at)?;
        }
        let mut axes = t.axes.clone();
        axes.push(axis);
        let id = self.import(&t, at);
        Ok(Value::Tensor(self.emit(ValueOp::OneHot, vec![id], Elem::Real, axes, span)))
    }

    /// `reshape(x, [n, _])`.
    pub(super) fn reshape(&mut self, mut given: Bound, span: Span) -> Outcome<Value> {
        let ((value, at), (shape, shape_at)) = (given.first(), given.first());
        let shape = self.shape_arg("`reshape`", &shape, shape_at)?;
        if let Value::Raw(source) = value {
            return self.reshape_raw(source, shape, shape_at, span);
        }
        let t = self.tensor_arg("`reshape`", &value, None, at)?;
        let have: usize = elements(&t.axes);
        let axes = match self.inferred(have, &shape, shape_at) {
            Ok(axes) => axes,
            Err(d) => return Err(self.where_made(d, &[(&t, at)]).into()),
        };
        let id = self.import(&t, at);
        Ok(Value::Tensor(self.emit(ValueOp::Reshape, vec![id], t.elem, axes, span)))
    }

    /// The axes of a shape for so many elements, `_` inferred.
    fn inferred(&self, have: usize, shape: &[Option<Axis>], at: Span) -> Result<Vec<Axis>, Diagnostic> {
        let known: usize = elements(shape.iter().flatten());
        let open = shape.iter().filter(|a| a.is_none()).count();
        let shown: Vec<String> = shape.iter().map(|a| a.map_or("_".into(), |a| self.axis_name(a))).collect();
        let shown = format!("[{}]", shown.join(", "));
        let fits = match open {
            0 => known == have,
            1 => known != 0 && have.is_multiple_of(known),
            _ => {
                return Err(Diagnostic::error(codes::SHAPE, "`reshape` infers one extent, not several")
                    .label(at, format!("`_` stands {open} times")));
            }
        };
        if !fits {
            let title = format!("{have} elements do not make {shown}");
            let text = match open {
                0 => format!("this has {known} elements"),
                _ => format!("{have} is not a multiple of {known}"),
            };
            return Err(Diagnostic::error(codes::SHAPE, title).label(at, text));
        }
        Ok(shape.iter().map(|a| a.unwrap_or(Axis::plain(have / known.max(1)))).collect())
    }

    /// `reshape` of what a reader gives declares its shape.
    fn reshape_raw(
        &mut self,
        source: RawSource,
        shape: Vec<Option<Axis>>,
        shape_at: Span,
        span: Span,
    ) -> Outcome<Value> {
        if self.world != World::Compile {
            let title = "files are read before the run";
            return fail(codes::WORLD, title, span, "declare this in a data block or beside it");
        }
        let axes = if shape.iter().all(Option::is_some) {
            shape.into_iter().flatten().collect()
        } else {
            let have: usize = self.files.shape(&source)?.into_iter().fold(1, usize::saturating_mul);
            self.inferred(have, &shape, shape_at)?
        };
        let extents = axes.iter().map(|a: &Axis| a.extent).collect();
        let ty = self.tensor_type(Elem::Real, &axes);
        let source = RawSource::Reshape(Box::new(source), extents);
        self.program.setup.raws.push(Raw { source, ty, name: "reshape".into(), span });
        let raw = self.program.setup.raws.len() - 1;
        Ok(Value::Tensor(self.emit(ValueOp::Raw(raw), vec![], Elem::Real, axes, span)))
    }

    /// `pad(x, before: [...], after: [...], value: 0)`.
    pub(super) fn pad(&mut self, mut given: Bound, span: Span) -> Outcome<Value> {
        let (value, at) = given.first();
        let t = self.tensor_arg("`pad`", &value, None, at)?;
        let mut sides = Vec::new();
        for side in ["before", "after"] {
            let Some((list, list_at)) = given.option(side) else {
                sides.push(vec![0; t.axes.len()]);
                continue;
            };
            let counts = self.full_shape(&format!("`{side}:`"), &list, list_at)?;
            if counts.len() != t.axes.len() {
                let title = format!("`{side}:` has a number for each axis");
                let d = Diagnostic::error(codes::SHAPE, title)
                    .label(list_at, format!("{} numbers, for {} axes", counts.len(), t.axes.len()));
                return Err(self.where_made(d, &[(&t, at)]).into());
            }
            sides.push(counts.into_iter().map(|a| a.extent).collect());
        }
        let (fill, whole) = match given.option("value") {
            None => (0.0, true),
            Some((v, value_at)) => match self.number(&v) {
                Some(number) => number,
                None => {
                    return self.wrong_kind("`value:`", "a number known before the run", &v, value_at);
                }
            },
        };
        if t.elem == Elem::Bool {
            return Err(Diagnostic::error(codes::DTYPE, "`pad` takes numbers")
                .label(at, "its elements are bool")
                .help(format!("real({})", self.operand_text(at)))
                .into());
        }
        let elem = if whole { t.elem } else { Elem::Real };
        let t = self.converted(t, elem, at);
        let (after, before) = (sides.pop().unwrap_or_default(), sides.pop().unwrap_or_default());
        let axes = t
            .axes
            .iter()
            .zip(before.iter().zip(&after))
            .map(|(axis, (b, a))| if b + a == 0 { *axis } else { Axis::plain(axis.extent + b + a) })
            .collect();
        let id = self.import(&t, at);
        Ok(Value::Tensor(self.emit(ValueOp::Pad { before, after, value: fill }, vec![id], elem, axes, span)))
    }
}

/// How many elements such axes have.
fn elements<'a>(axes: impl IntoIterator<Item = &'a Axis>) -> usize {
    axes.into_iter().fold(1, |n, a| n.saturating_mul(a.extent))
}

/// An extent as a value: its dimension if it has one.
pub(super) fn axis_value(axis: Axis) -> Value {
    axis.dim.map_or(Value::whole(axis.extent), Value::Dim)
}
