//! Headers: the parameters of functions, layers and steps against what a call gives, and written
//! shapes against the tensors they speak of.

use super::ops::Given;
use super::state::{Checker, FrameKind, Outcome, fail};
use super::value::*;
use crate::diag::{Diagnostic, codes};
use crate::program::Elem;
use crate::source::Span;
use crate::syntax::ast;
use std::sync::Arc;

impl Checker<'_> {
    /// Checks `-> shape` against what the function gives.
    pub(super) fn declared_result(
        &mut self,
        f: &ast::Function,
        result: Value,
        frame: FrameId,
    ) -> Outcome<Value> {
        let results: Vec<Value> = match (&result, f.result.len()) {
            (Value::Tuple(items), n) if n > 1 => items.to_vec(),
            _ => vec![result],
        };
        if results.len() != f.result.len() {
            return fail(
                codes::SHAPE,
                format!("{} declares {} results and gives {}", f.name.name, f.result.len(), results.len()),
                f.header,
                "declared here",
            );
        }
        let mut checked = Vec::new();
        for (declared, value) in f.result.iter().zip(results) {
            checked.push(self.declare_shape(&declared.shape, value, frame, declared.shape.span)?);
        }
        Ok(if checked.len() == 1 { checked.remove(0) } else { Value::Tuple(Arc::new(checked)) })
    }

    /// Binds the parameters of a header to what a call gives.
    pub fn bind_formals(
        &mut self,
        formals: &[ast::Formal],
        given: Vec<Given>,
        frame: FrameId,
        what: &str,
        header: Span,
        span: Span,
    ) -> Outcome<()> {
        let mut slots: Vec<Option<Given>> = vec![None; formals.len()];
        let mut next = 0;
        for g in given {
            let at = match &g.name {
                None => {
                    next += 1;
                    if next > formals.len() {
                        let d = Diagnostic::error(
                            codes::UNKNOWN_ARGUMENT,
                            format!("{what} takes {}, and is given more", arguments_text(formals.len())),
                        )
                        .label(g.span, "one too many")
                        .label(header, "declared here");
                        return Err(d.into());
                    }
                    next - 1
                }
                Some(name) => match formals.iter().position(|f| f.name.name == name.name) {
                    Some(at) => at,
                    None => {
                        let mut d = Diagnostic::error(
                            codes::UNKNOWN_ARGUMENT,
                            format!("{what} takes no {}", name.name),
                        )
                        .label(name.span, "given here")
                        .label(header, "declared here");
                        if let Some(near) =
                            super::nearest::nearest(&name.name, formals.iter().map(|f| &*f.name.name))
                        {
                            d = d.help(format!("{near}: …"));
                        }
                        return Err(d.into());
                    }
                },
            };
            if slots[at].is_some() {
                let d = Diagnostic::error(
                    codes::UNKNOWN_ARGUMENT,
                    format!("{} is given twice", formals[at].name.name),
                )
                .label(g.span, "a second time")
                .label(header, "declared here");
                return Err(d.into());
            }
            slots[at] = Some(g);
        }
        for (formal, slot) in formals.iter().zip(slots) {
            let g = match (slot, &formal.default) {
                (Some(g), _) => g,
                (None, Some(default)) => {
                    Given { name: None, value: self.expr(default, frame)?, span: default.span }
                }
                (None, None) => {
                    let d = Diagnostic::error(
                        codes::UNKNOWN_ARGUMENT,
                        format!("{what} is not given {}", formal.name.name),
                    )
                    .label(span, format!("without {}", formal.name.name))
                    .label(formal.span, "has no default");
                    return Err(d.into());
                }
            };
            self.bind_formal(formal, g, frame, what)?;
        }
        Ok(())
    }

    /// Binds one parameter, its shape checked against the header.
    pub fn bind_formal(
        &mut self,
        formal: &ast::Formal,
        given: Given,
        frame: FrameId,
        what: &str,
    ) -> Outcome<()> {
        if let Value::Dist(_) = given.value {
            return Err(super::draws::distribution_as_value(self, given.span).into());
        }
        let mut value = given.value;
        if let Some(shape) = &formal.shape {
            let elem = self.elem_of(formal.ty.as_ref())?;
            let Some(mut tensor) = self.as_tensor(&value, elem, given.span) else {
                let title =
                    format!("{what} takes a tensor for {}, and is given {}", formal.name.name, value.kind());
                let d = Diagnostic::error(codes::KIND, title)
                    .label(given.span, value.kind())
                    .label(formal.span, "declared here");
                return Err(d.into());
            };
            if let Some(elem) = elem
                && tensor.elem != elem
            {
                let title = format!(
                    "{what} takes {} for {}, and is given {}",
                    elem.name(),
                    formal.name.name,
                    tensor.elem.name()
                );
                let d = Diagnostic::error(codes::DTYPE, title)
                    .label(given.span, tensor.elem.name())
                    .label(formal.span, "declared here");
                return Err(d.into());
            }
            tensor.axes = self.match_shape(shape, &tensor, frame, what, given.span, &formal.name.name)?;
            value = Value::Tensor(tensor);
        } else if let Some(ty) = &formal.ty {
            self.elem_of(Some(ty))?;
        }
        self.bind(frame, &formal.name, value);
        Ok(())
    }

    /// The element type of a written type.
    pub fn elem_of(&self, ty: Option<&ast::Ident>) -> Outcome<Option<Elem>> {
        match ty {
            None => Ok(None),
            Some(ident) => match &*ident.name {
                "real" => Ok(Some(Elem::Real)),
                "int" => Ok(Some(Elem::Int)),
                "bool" => Ok(Some(Elem::Bool)),
                other => {
                    let mut d = Diagnostic::error(codes::DTYPE, format!("there is no type {other}"))
                        .label(ident.span, "not a type");
                    d = d.note("types are real, int and bool; real is f32, or f64 under `--precision f64`");
                    Err(d.into())
                }
            },
        }
    }

    /// The axes of a tensor under a shape of a header: known names must agree, new ones are bound.
    pub(super) fn match_shape(
        &mut self,
        shape: &ast::Shape,
        tensor: &Tensor,
        frame: FrameId,
        what: &str,
        given: Span,
        name: &str,
    ) -> Outcome<Vec<Axis>> {
        let rests = shape.extents.iter().filter(|e| matches!(e, ast::Extent::Rest { .. })).count();
        let fixed = shape.extents.len() - rests;
        let rank = tensor.axes.len();
        if rests > 1 {
            return fail(codes::SHAPE, "a shape has at most one `...`", shape.span, "two of them");
        }
        if (rests == 0 && rank != fixed) || rank < fixed {
            let title = format!(
                "{what} takes {} axes for {name}, and is given {rank}",
                if rests > 0 { format!("at least {fixed}") } else { fixed.to_string() }
            );
            let d = Diagnostic::error(codes::LAYER_INPUT, title)
                .label(given, format!("this is {}", self.shape_full(&tensor.axes)))
                .label(shape.span, "declared here");
            return Err(d.into());
        }
        let mut axes = Vec::new();
        let mut at = 0;
        for extent in &shape.extents {
            match extent {
                ast::Extent::Rest { name, .. } => {
                    let count = rank - fixed;
                    let taken = tensor.axes[at..at + count].to_vec();
                    if let Some(ident) = name {
                        let list =
                            taken.iter().map(|a| a.dim.map_or(Value::whole(a.extent), Value::Dim)).collect();
                        match self.frames[frame].names.get(&ident.name).map(|b| b.value.clone()) {
                            Some(Value::List(before)) => {
                                let same = before.len() == taken.len()
                                    && before.iter().zip(&taken).all(|(b, a)| {
                                        self.number(b).is_some_and(|(v, _)| v as usize == a.extent)
                                    });
                                if !same {
                                    let d = Diagnostic::error(
                                        codes::LAYER_INPUT,
                                        format!(
                                            "the axes ...{} differ between arguments of {what}",
                                            ident.name
                                        ),
                                    )
                                    .label(given, format!("this is {}", self.shape_full(&tensor.axes)))
                                    .label(ident.span, "declared here");
                                    return Err(d.into());
                                }
                            }
                            _ => self.bind(frame, ident, Value::list(list)),
                        }
                    }
                    axes.extend(taken);
                    at += count;
                }
                ast::Extent::Expr(e) => {
                    axes.push(self.match_extent(e, tensor.axes[at], frame, what, given, name, tensor)?);
                    at += 1;
                }
            }
        }
        Ok(axes)
    }

    #[allow(clippy::too_many_arguments)]
    pub(super) fn match_extent(
        &mut self,
        e: &ast::Expr,
        axis: Axis,
        frame: FrameId,
        what: &str,
        given: Span,
        name: &str,
        tensor: &Tensor,
    ) -> Outcome<Axis> {
        let expected = match &e.kind {
            ast::ExprKind::Name(ident) if &*ident.name == "_" => return Ok(axis),
            ast::ExprKind::Name(ident) => {
                let known = match self.find(ident, frame)? {
                    Some(b) => match b.value {
                        Value::Dim(d) => Some(Axis { extent: self.dims[d].extent, dim: Some(d) }),
                        ref v => self.number(v).map(|(v, _)| Axis::plain(v as usize)),
                    },
                    None => None,
                };
                match known {
                    Some(known) => known,
                    None => {
                        let origin = format!("{what} is given {} here", self.sources.text(given));
                        let d = self.new_dim(ident, axis.extent, axis.dim, frame, origin);
                        self.bind(frame, ident, Value::Dim(d));
                        return Ok(Axis { extent: axis.extent, dim: Some(d) });
                    }
                }
            }
            _ => match self.expr(e, frame)? {
                Value::Dim(d) => Axis { extent: self.dims[d].extent, dim: Some(d) },
                other => match self.number(&other) {
                    Some((v, true)) if v >= 0.0 => Axis::plain(v as usize),
                    _ => {
                        return fail(
                            codes::KIND,
                            format!("an extent is a whole number, and this is {}", other.kind()),
                            e.span,
                            "not an extent",
                        );
                    }
                },
            },
        };
        if expected.extent != axis.extent {
            let text = self.sources.text(e.span).to_string();
            let layer = match expected.dim.map(|d| self.frames[self.dims[d].owner].kind.clone()) {
                Some(FrameKind::Instance(_)) => Some(()),
                _ => None,
            };
            let title = match layer {
                Some(()) => {
                    format!("this layer expects {} inputs and is given {}", expected.extent, axis.extent)
                }
                None => format!("{what} expects {} for {text} and is given {}", expected.extent, axis.extent),
            };
            let mut d = Diagnostic::error(codes::LAYER_INPUT, title)
                .label(given, format!("{name} is {} here", self.shape_full(&tensor.axes)))
                .label(e.span, format!("{text} is {}", expected.extent));
            if let Some(origin) = self.dim_origin(expected) {
                d = d.note(origin);
            }
            if layer.is_some() {
                d = d.help(format!("give {text} the size {}", axis.extent));
            }
            return Err(d.into());
        }
        if !self.agree_outside(axis, expected) {
            let (Some(a), Some(b)) = (axis.dim, expected.dim) else { return Ok(expected) };
            let title = format!(
                "{} is not {}, though both are {} here",
                self.dims[a].name, self.dims[b].name, axis.extent
            );
            let mut d = Diagnostic::error(codes::DIMENSION_NAME, title)
                .label(given, format!("{name} is {} here", self.shape_full(&tensor.axes)))
                .label(e.span, format!("declared as {}", self.dims[b].name));
            for dim in [a, b] {
                d = d.note(format!(
                    "{} is declared at {}",
                    self.dims[dim].name,
                    self.sources.place(self.dims[dim].span)
                ));
            }
            return Err(d.into());
        }
        Ok(Axis { extent: expected.extent, dim: expected.dim.or(axis.dim) })
    }

    /// A new dimension.
    pub fn new_dim(
        &mut self,
        ident: &ast::Ident,
        extent: usize,
        outer: Option<DimId>,
        owner: FrameId,
        origin: String,
    ) -> DimId {
        self.dims.push(Dim { name: Arc::clone(&ident.name), extent, outer, owner, span: ident.span, origin });
        self.dims.len() - 1
    }

    /// A value under a written shape (`x[n, 784] = e`): extents and names must agree.
    pub fn declare_shape(
        &mut self,
        shape: &ast::Shape,
        value: Value,
        frame: FrameId,
        span: Span,
    ) -> Outcome<Value> {
        let Some(mut tensor) = self.as_tensor(&value, None, span) else {
            return fail(
                codes::KIND,
                format!("a shape is written, and the value is {}", value.kind()),
                span,
                value.kind(),
            );
        };
        let name = self.sources.text(span).to_string();
        tensor.axes = self.match_shape(shape, &tensor, frame, "this definition", span, &name)?;
        Ok(Value::Tensor(tensor))
    }

    /// The axes of a written shape whose extents are all known.
    pub fn shape_axes(&mut self, shape: &ast::Shape, frame: FrameId) -> Outcome<Vec<Option<Axis>>> {
        let mut axes = Vec::new();
        for extent in &shape.extents {
            match extent {
                ast::Extent::Expr(e) if matches!(&e.kind, ast::ExprKind::Name(i) if &*i.name == "_") => {
                    axes.push(None)
                }
                ast::Extent::Expr(e) => {
                    let value = self.expr(e, frame)?;
                    axes.push(Some(self.axis_of(&value, e.span)?));
                }
                ast::Extent::Rest { name: Some(ident), span } => match self.lookup(ident, frame)? {
                    Value::List(items) => {
                        for item in items.iter() {
                            axes.push(Some(self.axis_of(item, *span)?));
                        }
                    }
                    other => {
                        return fail(
                            codes::KIND,
                            format!("`...` stands for a list of extents, and this is {}", other.kind()),
                            *span,
                            "here",
                        );
                    }
                },
                ast::Extent::Rest { name: None, span } => {
                    return fail(codes::SHAPE, "every extent must be known here", *span, "not known");
                }
            }
        }
        Ok(axes)
    }

    /// An extent from a value.
    pub fn axis_of(&self, value: &Value, span: Span) -> Outcome<Axis> {
        match value {
            Value::Dim(d) => Ok(Axis { extent: self.dims[*d].extent, dim: Some(*d) }),
            Value::Number { value, whole: true } if *value >= 0.0 && *value < 1e12 => {
                Ok(Axis::plain(*value as usize))
            }
            Value::Number { .. } => {
                fail(codes::NUMBER, "an extent is a whole number, not negative", span, "not an extent")
            }
            other => fail(
                codes::KIND,
                format!("an extent is a whole number, and this is {}", other.kind()),
                span,
                "not an extent",
            ),
        }
    }
}

fn arguments_text(n: usize) -> String {
    match n {
        0 => "no arguments".into(),
        1 => "one argument".into(),
        n => format!("{n} arguments"),
    }
}
