//! Built-in functions that reach beyond tensors: gradients, places, streams, files, minibatches.

use super::block::not_built;
use super::ops::Given;
use super::state::{Checker, Outcome, World, fail};
use super::value::*;
use crate::diag::{Diagnostic, codes};
use crate::program::{Elem, RawSource, Reader, ValueId, ValueOp, host};
use crate::source::Span;
use std::collections::BTreeSet;
use std::sync::Arc;

impl Checker<'_> {
    /// A call of a built-in of [`OWN`](super::names::OWN).
    pub fn own_builtin(
        &mut self,
        name: &'static str,
        given: Vec<Given>,
        callee: Span,
        span: Span,
        frame: FrameId,
    ) -> Outcome<Value> {
        match name {
            "grad" => self.grad(given, span),
            "params" => {
                let [g] = given.as_slice() else { return arity(name, "one argument", span) };
                let held = self.held(&g.value, frame);
                let params = held.into_iter().filter(|v| match v {
                    Value::Tensor(Tensor { source: Source::Place(p), .. }) => {
                        self.program.places[*p].kind == crate::program::PlaceKind::Param
                    }
                    _ => false,
                });
                Ok(Value::list(params.collect()))
            }
            "uniform" | "normal" | "bernoulli" | "binomial" | "integers" | "permutation" | "categorical" => {
                if let Some(g) = given.iter().find(|g| g.name.is_some()) {
                    return fail(
                        codes::UNKNOWN_ARGUMENT,
                        format!("{name} takes its arguments by position"),
                        g.span,
                        "named",
                    );
                }
                let args = given.into_iter().map(|g| g.value).collect();
                Ok(Value::Dist(Arc::new(Distribution { name, args, span })))
            }
            "scan" => self.scan(given, callee, span, frame),
            "numpy" => self.numpy_stream(&given, span),
            "idx" | "pickle" | "npy" | "npz" | "csv" | "png" => {
                let reader = match name {
                    "idx" => Reader::Idx,
                    "pickle" => Reader::Pickle,
                    "npy" => Reader::Npy,
                    "npz" => Reader::Npz,
                    "png" => Reader::Png,
                    _ => Reader::Csv,
                };
                match given.as_slice() {
                    [Given { value: Value::Text(path), .. }] => {
                        Ok(Value::Raw(RawSource::Read { reader, path: path.to_string(), span }))
                    }
                    _ => arity(name, "one argument, the path of a file", span),
                }
            }
            "batches" => self.batches(given, span),
            "print" | "save" | "load" | "snapshot" | "write_png" | "write_curves" => {
                self.host_effect(name, given, callee, span, frame)
            }
            other => not_built(&format!("`{other}`"), callee),
        }
    }

    /// `grad(e, x)`.
    fn grad(&mut self, given: Vec<Given>, span: Span) -> Outcome<Value> {
        let [cost, wrt] = given.as_slice() else {
            return arity("grad", "two arguments, a scalar and what to differentiate it by", span);
        };
        let Some(e) = self.as_tensor(&cost.value, Some(Elem::Real), cost.span) else {
            return fail(
                codes::GRAD_SCALAR,
                format!("grad differentiates a tensor, and this is {}", cost.value.kind()),
                cost.span,
                cost.value.kind(),
            );
        };
        if !e.axes.is_empty() || e.elem != Elem::Real {
            let d = Diagnostic::error(codes::GRAD_SCALAR, "grad differentiates a real scalar")
                .label(cost.span, format!("this is {} {}", e.elem.name(), self.shape_full(&e.axes)));
            return Err(d.help(format!("grad(sum({}), …)", self.sources.text(cost.span))).into());
        }
        self.grad_by(&e, &wrt.value, cost.span, wrt.span, span)
    }

    fn grad_by(
        &mut self,
        cost: &Tensor,
        wrt: &Value,
        cost_span: Span,
        wrt_span: Span,
        span: Span,
    ) -> Outcome<Value> {
        match wrt {
            Value::List(items) | Value::Tuple(items) => {
                let grads = items
                    .iter()
                    .map(|x| self.grad_by(cost, x, cost_span, wrt_span, span))
                    .collect::<Outcome<Vec<_>>>()?;
                Ok(Value::list(grads))
            }
            Value::Tensor(x) if x.elem == Elem::Real => {
                let quiet = std::mem::replace(&mut self.reading_for_grad, true);
                let (e, x_id) = (self.import(cost, cost_span), self.import(x, wrt_span));
                self.reading_for_grad = quiet;
                if let Err(read) = self.depends(e, x_id) {
                    return Err(self.no_path(x, read, cost_span, wrt_span, span).into());
                }
                Ok(Value::Tensor(self.emit(ValueOp::Grad, vec![e, x_id], Elem::Real, x.axes.clone(), span)))
            }
            other => {
                let what = match other {
                    Value::Tensor(t) => format!("a tensor of {}", t.elem.name()),
                    other => other.kind().to_string(),
                };
                let d = Diagnostic::error(
                    codes::GRAD_SCALAR,
                    format!(
                        "grad differentiates by a param, a state or a named real value, and this is {what}"
                    ),
                )
                .label(wrt_span, what);
                Err(d.into())
            }
        }
    }

    /// Whether a gradient of `cost` by `x` has a path; otherwise the places that cost does depend on.
    fn depends(&mut self, cost: ValueId, x: ValueId) -> Result<(), Vec<usize>> {
        let values = &self.build().body.values;
        let mut seen = BTreeSet::new();
        let mut stack = vec![cost];
        while let Some(v) = stack.pop() {
            if v == x {
                return Ok(());
            }
            let is_loop = matches!(values[v].op, ValueOp::Scan(_));
            if !seen.insert(v) || (values[v].ty.elem != Elem::Real && !is_loop) {
                continue;
            }
            let passes = match &values[v].op {
                ValueOp::StopGradient | ValueOp::OneHot => false,
                ValueOp::Draw(draw) => draw.dist.is_smooth(),
                _ => true,
            };
            if passes {
                stack.extend(values[v].args.iter().copied());
            }
        }
        let read = seen.iter().filter_map(|v| match values[*v].op {
            ValueOp::Place(p) => Some(p),
            _ => None,
        });
        Err(read.collect())
    }

    /// Message 8: a cost that does not depend on what it is differentiated by.
    fn no_path(&mut self, x: &Tensor, read: Vec<usize>, cost: Span, wrt: Span, span: Span) -> Diagnostic {
        let cost_text = self.sources.text(cost).to_string();
        let name = match x.source {
            Source::Place(p) => self.program.places[p].name.to_string(),
            _ => self.sources.text(wrt).to_string(),
        };
        let mut d = Diagnostic::error(codes::NO_PATH, format!("the {cost_text} does not depend on {name}"));
        if cost_text != "cost" {
            d.title = format!("{cost_text} does not depend on {name}");
        }
        d = d.label(span, format!("here {} is {name}", self.sources.text(wrt)));
        let names: Vec<&str> = read.iter().map(|p| &*self.program.places[*p].name).collect();
        d = d.note(match names.as_slice() {
            [] => format!("{cost_text} depends on no param or state"),
            names => format!("{cost_text} depends on {}", names.join(", ")),
        });
        if let Source::Place(p) = x.source {
            let place = &self.program.places[p];
            d = d.label(place.span, "no path leads from here to the cost");
            if let Some(used) = self.users_of(p) {
                d = d.note(used);
            }
            d = d.help(
                "take the gradient only by the params that the cost reads, `params(…)` of the part it uses",
            );
        }
        d
    }

    /// Which functions of its layer name a param: they are not on the way to the cost.
    fn users_of(&self, place: usize) -> Option<String> {
        let (path, name) = self.program.places[place].name.rsplit_once('.')?;
        let instance = self.instances.iter().find(|i| i.path == path)?;
        let names = |f: &crate::syntax::ast::Function| {
            let text = self.sources.text(f.span);
            text.split(|c: char| !(c.is_alphanumeric() || c == '_')).any(|word| word == name)
        };
        let users: Vec<&str> = instance
            .class
            .code
            .body
            .iter()
            .filter_map(|item| match item {
                crate::syntax::ast::Item::Fn(f) if names(f) => Some(&*f.name.name),
                _ => None,
            })
            .collect();
        Some(match users.as_slice() {
            [] => format!("nothing in {} uses {name}", instance.class.code.name.name),
            [one] => format!("{name} is used only by {one}, which nothing on the way to the cost calls"),
            several => format!(
                "{name} is used by {}, which nothing on the way to the cost calls",
                several.join(" and ")
            ),
        })
    }

    /// `batches(split, size)`.
    fn batches(&mut self, given: Vec<Given>, span: Span) -> Outcome<Value> {
        let mut positional = Vec::new();
        let (mut keep, mut order) = (false, None);
        for g in given {
            match g.name.as_ref().map(|n| Arc::clone(&n.name)) {
                None => positional.push(g),
                Some(n) if &*n == "rest" => match &g.value {
                    Value::Text(t) if &**t == "drop" => keep = false,
                    Value::Text(t) if &**t == "keep" => keep = true,
                    other => {
                        let title = "`rest:` is \"drop\" or \"keep\"";
                        return fail(codes::KIND, title, g.span, other.kind());
                    }
                },
                Some(n) if &*n == "order" => order = Some(g),
                Some(n) if &*n == "size" || &*n == "split" => positional.push(g),
                Some(n) => {
                    return fail(
                        codes::UNKNOWN_ARGUMENT,
                        format!("batches takes no {n}"),
                        g.span,
                        "given here",
                    );
                }
            }
        }
        let [split, size] = positional.as_slice() else {
            return arity("batches", "a split and a size", span);
        };
        let axis = self.axis_of(&size.value, size.span)?;
        if axis.extent == 0 {
            return fail(codes::NUMBER, "a minibatch has at least one example", size.span, "this is 0");
        }
        let mut fields: Vec<(Arc<str>, Tensor)> = Vec::new();
        match &split.value {
            Value::Data(id) => {
                let block = &self.data[*id];
                for name in &block.fields {
                    if let Some(Value::Tensor(t)) =
                        self.frames[block.frame].names.get(name).map(|b| b.value.clone())
                    {
                        fields.push((Arc::clone(name), t));
                    }
                }
                if fields.is_empty() {
                    let d = Diagnostic::error(
                        codes::KIND,
                        format!("{} has no fields with a shape, so it is no split", block.path),
                    )
                    .label(split.span, "used as a split");
                    return Err(d.label(block.span, "declared here").into());
                }
            }
            Value::Tensor(t) => fields.push((self.sources.text(split.span).into(), t.clone())),
            other => {
                return fail(
                    codes::KIND,
                    format!("batches takes a split or a tensor, and this is {}", other.kind()),
                    split.span,
                    other.kind(),
                );
            }
        }
        let mut count = None;
        let mut residents = Vec::new();
        let mut types = Vec::new();
        for (name, t) in &fields {
            let (Source::Setup(v) | Source::Local(0, v)) = t.source else {
                return fail(
                    codes::KIND,
                    "minibatches are cut from data, and this is computed while running",
                    split.span,
                    "not data",
                );
            };
            let Some(first) = t.axes.first() else {
                return fail(
                    codes::SHAPE,
                    format!("{name} has no axis to cut minibatches from"),
                    split.span,
                    "a scalar",
                );
            };
            if let Some((before, other)) = &count
                && *before != first.extent
            {
                let d = Diagnostic::error(codes::SHAPE, "the fields of a split share their first extent")
                    .label(split.span, format!("{other} has {before} and {name} has {}", first.extent));
                return Err(d.into());
            }
            count = Some((first.extent, name.to_string()));
            let mut axes = vec![axis];
            axes.extend(t.axes[1..].iter().copied());
            types.push((Arc::clone(name), t.elem, axes));
            residents.push(self.resident(v));
        }
        let extent = count.map_or(0, |(n, _)| n);
        let order = match order {
            Some(g) => Some(Box::new(self.order_of(g, extent)?)),
            None => None,
        };
        let count = extent / axis.extent;
        let over = host::Batches { fields: residents, start: 0, size: axis.extent, count, order };
        let left = extent % axis.extent;
        let rest = (keep && left > 0).then(|| {
            let mut fields = types.clone();
            fields.iter_mut().for_each(|(_, _, axes)| axes[0] = Axis::plain(left));
            let batches = host::Batches { start: extent - left, size: left, count: 1, ..over.clone() };
            Arc::new(Batches { batches, fields, before: count, rest: None })
        });
        Ok(Value::Batches(Arc::new(Batches { batches: over, fields: types, before: 0, rest })))
    }

    /// `order:` of batches: a position for each example, an int tensor that the host holds.
    fn order_of(&mut self, g: Given, extent: usize) -> Outcome<host::Expr> {
        if self.world != World::Schedule {
            return fail(codes::WORLD, "`order:` stands in a schedule", g.span, "given here");
        }
        let wrong = |what: String| {
            let title = format!("an order is an int tensor of shape [{extent}], a position for each example");
            Diagnostic::error(codes::SHAPE, title).label(g.span, what)
        };
        let value = self.in_expression(g.span, |checker| {
            let t = checker.as_tensor(&g.value, Some(Elem::Int), g.span);
            t.map(Value::Tensor).ok_or_else(|| wrong(g.value.kind().to_string()).into())
        })?;
        let h = self.hosted(value, g.span)?;
        match &h.kind {
            HostKind::Tensor(Elem::Int, axes) if axes.len() == 1 && axes[0].extent == extent => {}
            HostKind::Tensor(elem, axes) => {
                return Err(wrong(format!("this is {} {}", elem.name(), self.shape_full(axes))).into());
            }
            other => return Err(wrong(other.describe().to_string()).into()),
        }
        // Once, also where a loop over it has two forms.
        let kept = self.keep_host(super::schedule::host_value(h.expr, h.kind, g.span), "order");
        Ok(self.hosted(kept, g.span)?.expr)
    }
}

/// The place of a value that is one.
pub(super) fn place_id(value: &Value) -> Option<usize> {
    match value {
        Value::Tensor(Tensor { source: Source::Place(p), .. }) => Some(*p),
        _ => None,
    }
}

pub(super) fn arity<T>(name: &str, wants: &str, span: Span) -> Outcome<T> {
    fail(codes::UNKNOWN_ARGUMENT, format!("{name} takes {wants}"), span, "this call")
}
