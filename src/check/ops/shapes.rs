//! Functions that make tensors or change their shape.

use super::args::Bound;
use super::fit::stretches;
use crate::check::state::{Checker, Outcome, World, fail};
use crate::check::value::{Axis, HostKind, HostValue, Tensor, Value};
use crate::diag::{Diagnostic, codes};
use crate::program::host::{Expr, ExprKind};
use crate::program::{Elem, MapOp, Raw, RawSource, ValueOp};
use crate::source::Span;
use crate::syntax::ast;

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
            Ok(extent) => Ok(Some(Axis::plain(extent))),
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
        let have: usize = t.axes.iter().map(|a| a.extent).product();
        let axes = match self.inferred(have, &shape, shape_at) {
            Ok(axes) => axes,
            Err(d) => return Err(self.where_made(d, &[(&t, at)]).into()),
        };
        let id = self.import(&t, at);
        Ok(Value::Tensor(self.emit(ValueOp::Reshape, vec![id], t.elem, axes, span)))
    }

    /// The axes of a shape for so many elements, `_` inferred.
    fn inferred(&self, have: usize, shape: &[Option<Axis>], at: Span) -> Result<Vec<Axis>, Diagnostic> {
        let known: usize = shape.iter().flatten().map(|a| a.extent).product();
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
            let have: usize = self.files.shape(&source)?.into_iter().product();
            self.inferred(have, &shape, shape_at)?
        };
        let extents = axes.iter().map(|a: &Axis| a.extent).collect();
        let ty = self.tensor_type(Elem::Real, &axes);
        let source = RawSource::Reshape(Box::new(source), extents);
        self.program.setup.raws.push(Raw { source, ty, name: "reshape".into(), span });
        let raw = self.program.setup.raws.len() - 1;
        Ok(Value::Tensor(self.emit(ValueOp::Raw(raw), vec![], Elem::Real, axes, span)))
    }

    /// `rearrange(x, [r, c] -> [r * c])`.
    pub(super) fn rearrange(&mut self, mut given: Bound, span: Span) -> Outcome<Value> {
        let ((value, at), (pattern, pattern_at)) = (given.first(), given.first());
        let t = self.tensor_arg("`rearrange`", &value, None, at)?;
        let code = match &pattern {
            Value::Pattern(code) => code.clone(),
            other => {
                return self.wrong_kind("`rearrange`", "a pattern, `[n, k] -> [k, n]`", other, pattern_at);
            }
        };
        let ast::ExprKind::AxisPattern { from, to } = &code.kind else {
            return self.wrong_kind("`rearrange`", "a pattern, `[n, k] -> [k, n]`", &pattern, pattern_at);
        };
        let names = self.pattern_axes(&t, at, from)?;
        let (perm, axes) = pattern_result(&t, &names, to)?;
        if let Some((name, _, place)) = names
            .iter()
            .find(|(_, positions, _)| positions.iter().any(|p| t.axes[*p].extent != 1 && !perm.contains(p)))
        {
            let title = format!("the axis {name} is lost");
            return Err(Diagnostic::error(codes::SHAPE, title)
                .label(*place, "named here")
                .label(to.span, "and not used here")
                .into());
        }
        // Axes of extent 1 that the pattern drops come last in the middle form, where they are merged.
        let mut perm = perm;
        perm.extend((0..t.axes.len()).filter(|p| !perm.contains(p)).collect::<Vec<_>>());
        let id = self.import(&t, at);
        Ok(Value::Tensor(self.emit(ValueOp::Rearrange { perm }, vec![id], t.elem, axes, span)))
    }

    /// What the names left of the arrow stand for. `1` has no name; `...` is a name.
    fn pattern_axes(&self, t: &Tensor, at: Span, from: &ast::Shape) -> Outcome<Vec<PatternAxis>> {
        let rank = t.axes.len();
        let rests = from.extents.iter().filter(|e| matches!(e, ast::Extent::Rest { .. })).count();
        let spoken = from.extents.len() - rests;
        if rests > 1 || spoken > rank || (rests == 0 && spoken != rank) {
            let title = format!("the pattern is for {spoken} axes, and there are {rank}");
            let title = if rests > 1 { "`...` stands twice in a pattern".to_string() } else { title };
            let d = Diagnostic::error(codes::SHAPE, title).label(from.span, "given here");
            return Err(self.where_made(d, &[(t, at)]).into());
        }
        let mut names: Vec<PatternAxis> = Vec::new();
        let mut position = 0;
        for extent in &from.extents {
            let (name, positions) = match extent {
                ast::Extent::Rest { name, .. } => {
                    let count = rank - spoken;
                    let name = name.as_ref().map_or("...".to_string(), |n| format!("...{}", n.name));
                    (name, (position..position + count).collect::<Vec<_>>())
                }
                ast::Extent::Expr(e) => match &e.kind {
                    ast::ExprKind::Name(name) => (name.name.to_string(), vec![position]),
                    ast::ExprKind::Number { value, .. } => {
                        let axis = t.axes[position];
                        if axis.extent as f64 != *value || *value != 1.0 {
                            let title = "a pattern names its axes; only 1 stands for itself";
                            let text = format!("this axis is {}", self.axis_name(axis));
                            return fail(codes::SHAPE, title, e.span, text);
                        }
                        position += 1;
                        continue;
                    }
                    _ => {
                        let title = "left of the arrow, a pattern has one name for each axis";
                        return fail(codes::SHAPE, title, e.span, "this is not a name");
                    }
                },
            };
            if let Some((_, _, before)) = names.iter().find(|(n, ..)| *n == name && n != "_") {
                let d = Diagnostic::error(codes::SHAPE, format!("{name} names two axes of the pattern"))
                    .label(extent.span(), "here again")
                    .label(*before, "here first");
                return Err(d.into());
            }
            position += positions.len();
            names.push((name, positions, extent.span()));
        }
        Ok(names)
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

    /// `real(x)` and `int(x)`; a fraction is cut off.
    pub(super) fn convert_to(
        &mut self,
        elem: Elem,
        (value, at): (Value, Span),
        span: Span,
    ) -> Outcome<Value> {
        let what = if elem == Elem::Int { "`int`" } else { "`real`" };
        self.refuse(&value, what, at, span)?;
        let number = match &value {
            Value::Bool(b) => Some(f64::from(u8::from(*b))),
            other => self.number(other).map(|n| n.0),
        };
        if let Some(number) = number {
            if elem == Elem::Int && !number.is_finite() {
                return fail(codes::NUMBER, format!("{number} is no int"), at, "given here");
            }
            return Ok(match elem {
                Elem::Int => Value::Number { value: number.trunc() + 0.0, whole: true },
                _ => Value::Number { value: number, whole: false },
            });
        }
        if let Value::Host(HostValue { expr, kind: HostKind::Number | HostKind::Bool }) = &value {
            return Ok(self.convert_host(elem, value_kind(&value), expr.clone(), span));
        }
        let t = self.tensor_arg(what, &value, None, at)?;
        if t.elem == elem {
            return Ok(Value::Tensor(t));
        }
        let id = self.import(&t, at);
        Ok(Value::Tensor(self.emit(ValueOp::Convert, vec![id], elem, t.axes, span)))
    }

    fn convert_host(&mut self, elem: Elem, is_bool: bool, expr: Expr, span: Span) -> Value {
        let e = |kind: ExprKind| Expr { kind, span };
        let expr = if is_bool {
            let (one, zero) = (e(ExprKind::Number(1.0)), e(ExprKind::Number(0.0)));
            e(ExprKind::Map(MapOp::Where, vec![expr, one, zero]))
        } else if elem == Elem::Int {
            let x = self.host_bound(expr, "int");
            let size = e(ExprKind::Map(MapOp::Floor, vec![e(ExprKind::Map(MapOp::Abs, vec![x.clone()]))]));
            e(ExprKind::Map(MapOp::Mul, vec![e(ExprKind::Map(MapOp::Sign, vec![x])), size]))
        } else {
            expr
        };
        Value::Host(HostValue { expr, kind: HostKind::Number })
    }

    /// `shape(x)`.
    pub(super) fn shape_of(&mut self, (value, at): (Value, Span), span: Span) -> Outcome<Value> {
        self.refuse(&value, "`shape`", at, span)?;
        let axes = match &value {
            Value::Host(HostValue { kind: HostKind::Tensor(_, axes), .. }) => axes.clone(),
            Value::Tensor(t) => t.axes.clone(),
            Value::Number { .. } | Value::Dim(_) | Value::Bool(_) => vec![],
            Value::Host(HostValue { kind: HostKind::Number | HostKind::Bool, .. }) => vec![],
            Value::List(_) => self.tensor_arg("`shape`", &value, None, at)?.axes,
            _ => return self.wrong_kind("`shape`", "a tensor", &value, at),
        };
        Ok(Value::list(axes.into_iter().map(axis_value).collect()))
    }

    /// `stop_gradient(x)`.
    pub(super) fn stop_gradient(&mut self, value: Value, at: Span, span: Span) -> Outcome<Value> {
        self.refuse(&value, "`stop_gradient`", at, span)?;
        match value {
            Value::Tuple(items) => {
                let items: Outcome<Vec<Value>> =
                    items.iter().map(|v| self.stop_gradient(v.clone(), at, span)).collect();
                Ok(Value::Tuple(items?.into()))
            }
            Value::Number { .. } | Value::Dim(_) | Value::Bool(_) => Ok(value),
            other => {
                let t = self.tensor_arg("`stop_gradient`", &other, None, at)?;
                if t.elem != Elem::Real {
                    return Ok(Value::Tensor(t));
                }
                let id = self.import(&t, at);
                Ok(Value::Tensor(self.emit(ValueOp::StopGradient, vec![id], t.elem, t.axes, span)))
            }
        }
    }
}

fn value_kind(value: &Value) -> bool {
    matches!(value, Value::Host(HostValue { kind: HostKind::Bool, .. }))
}

/// An extent as a value: its dimension if it has one.
pub(super) fn axis_value(axis: Axis) -> Value {
    axis.dim.map_or(Value::whole(axis.extent), Value::Dim)
}

/// A name of a pattern, the axes it stands for, and where it stands.
type PatternAxis = (String, Vec<usize>, Span);

/// The permutation and the axes that the right of the arrow asks for.
fn pattern_result(t: &Tensor, names: &[PatternAxis], to: &ast::Shape) -> Outcome<(Vec<usize>, Vec<Axis>)> {
    let mut perm: Vec<usize> = Vec::new();
    let mut axes = Vec::new();
    for extent in &to.extents {
        let mut parts = Vec::new();
        match extent {
            ast::Extent::Rest { name, span } => {
                let name = name.as_ref().map_or("...".to_string(), |n| format!("...{}", n.name));
                let positions = named(names, &name, *span)?;
                axes.extend(positions.iter().map(|p| t.axes[*p]));
                parts.push((positions, *span));
            }
            ast::Extent::Expr(e) => {
                factors(e, names, &mut parts)?;
                let positions: Vec<usize> = parts.iter().flat_map(|(p, _)| p.clone()).collect();
                axes.push(match positions[..] {
                    [one] => t.axes[one],
                    _ => Axis::plain(positions.iter().map(|p| t.axes[*p].extent).product()),
                });
            }
        }
        for (positions, span) in parts {
            if positions.iter().any(|p| perm.contains(p)) {
                let title = "an axis stands twice right of the arrow";
                return fail(codes::SHAPE, title, span, "used a second time");
            }
            perm.extend(positions);
        }
    }
    Ok((perm, axes))
}

/// The axes that a product of names merges; `1` is none.
fn factors(e: &ast::Expr, names: &[PatternAxis], parts: &mut Vec<(Vec<usize>, Span)>) -> Outcome<()> {
    match &e.kind {
        ast::ExprKind::Name(name) => {
            parts.push((named(names, &name.name, e.span)?, e.span));
            Ok(())
        }
        ast::ExprKind::Number { value: 1.0, .. } => Ok(()),
        ast::ExprKind::Binary { op: ast::BinaryOp::Mul, lhs, rhs, .. } => {
            factors(lhs, names, parts)?;
            factors(rhs, names, parts)
        }
        _ => {
            let title = "right of the arrow stand names, products of names, and 1";
            fail(codes::SHAPE, title, e.span, "this is none of them")
        }
    }
}

fn named(names: &[PatternAxis], name: &str, span: Span) -> Outcome<Vec<usize>> {
    match names.iter().find(|(n, ..)| n == name) {
        Some((_, positions, _)) => Ok(positions.clone()),
        None => {
            let known: Vec<&str> = names.iter().map(|(n, ..)| n.as_str()).collect();
            let title = format!("{name} is no axis of the pattern");
            fail(codes::SHAPE, title, span, format!("left of the arrow are {}", known.join(", ")))
        }
    }
}
