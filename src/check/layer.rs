//! Layers and their instances; params and states.

use super::ops::Given;
use super::state::{Checker, FrameKind, Outcome, World, fail};
use super::value::*;
use crate::diag::{Diagnostic, codes};
use crate::program::{Elem, Place, PlaceId, PlaceKind, ValueOp};
use crate::source::Span;
use crate::syntax::ast;
use std::sync::Arc;

impl Checker<'_> {
    /// Makes an instance of a layer: binds sizes and values, then evaluates its body.
    pub fn instantiate(
        &mut self,
        class: Closure<ast::Layer>,
        sizes: Option<Vec<(Value, Span)>>,
        given: Vec<Given>,
        span: Span,
        caller: FrameId,
    ) -> Outcome<Value> {
        let layer = Arc::clone(&class.code);
        if self.world != World::Compile {
            let d = Diagnostic::error(
                codes::WORLD,
                format!("an instance of {} is made where code runs", layer.name.name),
            )
            .label(span, "made here")
            .help("make it above, beside the other declarations, and use it here");
            return Err(d.into());
        }
        if self.calls.len() >= 150 {
            return fail(
                codes::RECURSION,
                format!("{} is made within itself", layer.name.name),
                span,
                "here",
            );
        }
        let path = match self.hint.take() {
            Some((path, _)) => path,
            None => {
                self.anonymous += 1;
                format!("{}{}", layer.name.name.to_lowercase(), self.anonymous)
            }
        };
        let id = self.instances.len();
        let frame = self.push_frame(Some(class.frame), FrameKind::Instance(id));
        self.instances.push(Instance {
            class: class.clone(),
            path: path.clone(),
            frame,
            maker: caller,
            holds: Vec::new(),
        });
        let is_slot = |name: &str| {
            layer
                .body
                .iter()
                .any(|i| matches!(i, ast::Item::Param(s) | ast::Item::State(s) if &*s.name.name == name))
        };
        let (borrowed, values): (Vec<Given>, Vec<Given>) = given.into_iter().partition(|g| {
            g.name
                .as_ref()
                .is_some_and(|n| is_slot(&n.name) && !layer.params.iter().any(|f| f.name.name == n.name))
        });
        self.bind_sizes(&layer, sizes, &borrowed, id, span)?;
        let what = layer.name.name.to_string();
        for v in &values {
            if matches!(v.value, Value::Instance(_) | Value::List(_)) {
                self.instances[id].holds.push(v.value.clone());
            }
        }
        self.bind_formals(&layer.params, values, frame, &what, layer.header, span)?;
        let prefix = std::mem::replace(&mut self.prefix, path);
        self.calls.push((layer.span, span));
        let result = layer.body.iter().try_for_each(|item| self.part(item, &borrowed, id, frame));
        self.calls.pop();
        self.prefix = prefix;
        result?;
        Ok(Value::Instance(id))
    }

    /// Binds the names in a layer's brackets.
    fn bind_sizes(
        &mut self,
        layer: &ast::Layer,
        sizes: Option<Vec<(Value, Span)>>,
        borrowed: &[Given],
        id: InstanceId,
        span: Span,
    ) -> Outcome<()> {
        let frame = self.instances[id].frame;
        let mut names = Vec::new();
        for extent in layer.sizes.iter().flat_map(|s| &s.extents) {
            match extent {
                ast::Extent::Expr(ast::Expr { kind: ast::ExprKind::Name(ident), .. }) => {
                    names.push(ident.clone())
                }
                other => {
                    return fail(
                        codes::KIND,
                        "a layer's brackets hold names of sizes",
                        other.span(),
                        "not a name",
                    );
                }
            }
        }
        let at = self.sources.place(span);
        let origin = format!("{}, made at {at}", self.instances[id].path);
        match sizes {
            Some(sizes) => {
                if sizes.len() != names.len() {
                    let title = format!(
                        "{} has {} sizes, and {} are given",
                        layer.name.name,
                        names.len(),
                        sizes.len()
                    );
                    let d = Diagnostic::error(codes::UNKNOWN_ARGUMENT, title)
                        .label(span, "made here")
                        .label(layer.header, "declared here");
                    return Err(d.into());
                }
                for (ident, (value, at)) in names.iter().zip(sizes) {
                    let axis = self.axis_of(&value, at)?;
                    let text = self.sources.text(at).to_string();
                    let d = self.new_dim(ident, axis.extent, axis.dim, frame, format!("{text} for {origin}"));
                    self.bind(frame, ident, Value::Dim(d));
                }
            }
            None => {
                for ident in &names {
                    let Some(axis) = self.size_from_borrowed(layer, ident, borrowed) else {
                        let title = format!("{} needs its size {}", layer.name.name, ident.name);
                        let sizes: Vec<&str> = names.iter().map(|n| &*n.name).collect();
                        let d = Diagnostic::error(codes::UNKNOWN_ARGUMENT, title)
                            .label(span, "made here without sizes, and no given parameter tells it")
                            .label(layer.header, "declared here")
                            .help(format!("{}[{}](…)", layer.name.name, sizes.join(", ")));
                        return Err(d.into());
                    };
                    let d = self.new_dim(
                        ident,
                        axis.extent,
                        axis.dim,
                        frame,
                        format!("from what {origin} borrows"),
                    );
                    self.bind(frame, ident, Value::Dim(d));
                }
            }
        }
        Ok(())
    }

    /// A size from a borrowed parameter whose shape names it.
    fn size_from_borrowed(&self, layer: &ast::Layer, size: &ast::Ident, borrowed: &[Given]) -> Option<Axis> {
        for g in borrowed {
            let name = g.name.as_ref()?;
            let slot = layer.body.iter().find_map(|i| match i {
                ast::Item::Param(s) | ast::Item::State(s) if s.name.name == name.name => Some(s),
                _ => None,
            })?;
            let Value::Tensor(t) = &g.value else { continue };
            for (i, extent) in slot.shape.iter().flat_map(|s| &s.extents).enumerate() {
                if let ast::Extent::Expr(ast::Expr { kind: ast::ExprKind::Name(ident), .. }) = extent
                    && ident.name == size.name
                {
                    return t.axes.get(i).copied();
                }
            }
        }
        None
    }

    /// One declaration of a layer's body.
    fn part(&mut self, item: &ast::Item, borrowed: &[Given], id: InstanceId, frame: FrameId) -> Outcome<()> {
        match item {
            ast::Item::Param(slot) | ast::Item::State(slot) => {
                let kind =
                    if matches!(item, ast::Item::Param(_)) { PlaceKind::Param } else { PlaceKind::State };
                let value =
                    match borrowed.iter().find(|g| g.name.as_ref().is_some_and(|n| n.name == slot.name.name))
                    {
                        Some(g) => self.borrow(slot, g, frame)?,
                        None => self.slot(slot, kind, frame)?,
                    };
                self.instances[id].holds.push(value.clone());
                self.define(frame, &slot.name, value, slot.span)
            }
            ast::Item::Define(define) => {
                self.definition(define, frame)?;
                for ident in super::modules::item_names(item) {
                    if let Some(b) = self.frames[frame].names.get(&ident.name)
                        && matches!(b.value, Value::Instance(_) | Value::List(_))
                    {
                        let held = b.value.clone();
                        self.instances[id].holds.push(held);
                    }
                }
                Ok(())
            }
            other => self.plain_item(other, frame),
        }
    }

    /// A param or state given from outside: the same place under this layer's dimensions.
    fn borrow(&mut self, slot: &ast::Slot, given: &Given, frame: FrameId) -> Outcome<Value> {
        let Value::Tensor(t) = &given.value else {
            return fail(
                codes::KIND,
                format!("{} is a tensor, and is given {}", slot.name.name, given.value.kind()),
                given.span,
                given.value.kind(),
            );
        };
        if !matches!(t.source, Source::Place(_)) {
            return fail(
                codes::KIND,
                format!("{} is lent a param or state, and this is a value", slot.name.name),
                given.span,
                "not a place",
            );
        }
        let mut t = t.clone();
        if let Some(shape) = &slot.shape {
            let declared = self.known_axes(shape, frame)?;
            let fits = declared.len() == t.axes.len()
                && declared.iter().zip(&t.axes).all(|(a, b)| self.agree_outside(*a, *b));
            if !fits {
                let d = Diagnostic::error(
                    codes::LAYER_INPUT,
                    format!("{} is lent a place of another shape", slot.name.name),
                )
                .label(given.span, format!("this is {}", self.shape_full(&t.axes)))
                .label(shape.span, format!("declared as {}", self.shape_full(&declared)));
                return Err(d.into());
            }
            t.axes = declared;
        }
        Ok(Value::Tensor(t))
    }

    /// Makes the place, or the list of places, of a declaration.
    pub fn slot(&mut self, slot: &ast::Slot, kind: PlaceKind, frame: FrameId) -> Outcome<Value> {
        let path = if self.prefix.is_empty() {
            slot.name.name.to_string()
        } else {
            format!("{}.{}", self.prefix, slot.name.name)
        };
        let elem = self.elem_of(slot.ty.as_ref())?;
        let axes = match &slot.shape {
            Some(shape) => Some(self.known_axes(shape, frame)?),
            None => None,
        };
        match &slot.init {
            ast::SlotInit::Draw(source) => {
                let Some(axes) = axes else {
                    return fail(
                        codes::SHAPE,
                        format!("{} is drawn, so it needs a shape", slot.name.name),
                        slot.span,
                        "no shape",
                    );
                };
                let value = self.draw(source, Some(axes.clone()), elem, path.clone(), "_", frame)?;
                let Value::Tensor(t) = value else { return Ok(value) };
                Ok(self.place(path, kind, t.elem, axes, &t, slot.span))
            }
            ast::SlotInit::Value(e) => {
                let value = self.expr(e, frame)?;
                if let (Value::List(items), None) = (&value, &axes) {
                    let mut places = Vec::new();
                    for (i, item) in items.iter().enumerate() {
                        places.push(self.slot_value(
                            format!("{path}[{i}]"),
                            kind,
                            elem,
                            None,
                            item,
                            slot,
                            e.span,
                        )?);
                    }
                    return Ok(Value::list(places));
                }
                self.slot_value(path, kind, elem, axes, &value, slot, e.span)
            }
        }
    }

    #[allow(clippy::too_many_arguments)]
    fn slot_value(
        &mut self,
        path: String,
        kind: PlaceKind,
        elem: Option<Elem>,
        axes: Option<Vec<Axis>>,
        value: &Value,
        slot: &ast::Slot,
        span: Span,
    ) -> Outcome<Value> {
        if let Value::Dist(_) = value {
            let mut d = super::draws::distribution_as_value(self, span);
            let text = self.sources.text(span).to_string();
            d.help = Some(format!(
                "{} ~ {text}",
                self.sources.text(slot.name.span.to(slot.shape.as_ref().map_or(slot.name.span, |s| s.span)))
            ));
            return Err(d.into());
        }
        let Some(mut t) = self.as_tensor(value, elem, span) else {
            return fail(
                codes::KIND,
                format!("{} starts with a tensor, and this is {}", slot.name.name, value.kind()),
                span,
                value.kind(),
            );
        };
        let wanted = elem.unwrap_or(t.elem);
        if t.elem != wanted {
            if wanted == Elem::Real && t.elem == Elem::Int {
                let id = self.import(&t, span);
                t = self.emit(ValueOp::Convert, vec![id], wanted, t.axes.clone(), span);
            } else {
                return fail(
                    codes::DTYPE,
                    format!(
                        "{} is declared {} and starts with {}",
                        slot.name.name,
                        wanted.name(),
                        t.elem.name()
                    ),
                    span,
                    t.elem.name(),
                );
            }
        }
        let axes = match axes {
            None => t.axes.clone(),
            Some(axes) if t.axes.is_empty() && !axes.is_empty() => {
                let id = self.import(&t, span);
                t = self.emit(ValueOp::Broadcast, vec![id], wanted, axes.clone(), span);
                axes
            }
            Some(axes) => {
                let fits = axes.len() == t.axes.len()
                    && axes.iter().zip(&t.axes).all(|(a, b)| self.agree_outside(*a, *b));
                if !fits {
                    let d = Diagnostic::error(
                        codes::SHAPE,
                        format!("{} starts with a value of another shape", slot.name.name),
                    )
                    .label(span, format!("this is {}", self.shape_full(&t.axes)))
                    .label(
                        slot.shape.as_ref().map_or(slot.name.span, |s| s.span),
                        format!("declared as {}", self.shape_full(&axes)),
                    );
                    return Err(d.into());
                }
                axes
            }
        };
        Ok(self.place(path, kind, wanted, axes, &t, slot.span))
    }

    /// A new place.
    fn place(
        &mut self,
        path: String,
        kind: PlaceKind,
        elem: Elem,
        axes: Vec<Axis>,
        init: &Tensor,
        span: Span,
    ) -> Value {
        let init = self.import(init, span);
        let ty = self.tensor_type(elem, &axes);
        self.program.places.push(Place { name: path.into(), kind, ty, init, span });
        Value::Tensor(Tensor { source: Source::Place(self.program.places.len() - 1), elem, axes, span })
    }

    /// A value of an instance as code in `frame` sees it: by way of the instances it was made in.
    pub fn leave_instance(&self, value: Value, id: InstanceId, frame: FrameId) -> Value {
        let Instance { frame: inner, maker, .. } = self.instances[id];
        match self.frames[maker].kind {
            FrameKind::Instance(outer) if !self.sees(frame, maker) => {
                self.leave_instance(self.leave_value(value, inner, maker), outer, frame)
            }
            _ => self.leave_value(value, inner, frame),
        }
    }

    /// The places that a value holds, once each and in order, as code in `frame` sees them.
    pub fn held(&self, value: &Value, frame: FrameId) -> Vec<Value> {
        let mut found: Vec<(PlaceId, Value)> = Vec::new();
        self.collect_held(value, frame, &mut found);
        found.into_iter().map(|(_, v)| v).collect()
    }

    fn collect_held(&self, value: &Value, frame: FrameId, found: &mut Vec<(PlaceId, Value)>) {
        match value {
            Value::Tensor(Tensor { source: Source::Place(p), .. }) if !found.iter().any(|(q, _)| q == p) => {
                found.push((*p, value.clone()));
            }
            Value::Instance(id) => {
                let instance = &self.instances[*id];
                for held in &instance.holds {
                    let outside = self.leave_instance(held.clone(), *id, frame);
                    self.collect_held(&outside, frame, found);
                }
            }
            Value::List(items) | Value::Tuple(items) => {
                items.iter().for_each(|v| self.collect_held(v, frame, found))
            }
            _ => {}
        }
    }
}
