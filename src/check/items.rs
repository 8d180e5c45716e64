//! Declarations: evaluated when something needs them, the program's own in order of the text.

use super::state::{Checker, Fail, FrameKind, Outcome, World, fail};
use super::value::*;
use crate::diag::{Diagnostic, Severity, codes};
use crate::program::{Elem, Hyper, MapOp, PlaceKind, Raw, RawSource, ValueOp};
use crate::source::Span;
use crate::syntax::{self, ast};
use std::sync::Arc;

/// An extent of a file that is not there, for checking everything else.
const UNKNOWN_EXTENT: usize = 1000;

/// What the evaluation of a declaration sets aside: it may be asked for in the middle of anything.
struct Aside {
    world: World,
    prefix: String,
    hint: Option<(String, usize)>,
    path: Vec<String>,
    identity: super::draws::Identity,
    calls: Vec<(Span, Span)>,
}

impl Checker<'_> {
    /// Runs code as a declaration's, wherever the evaluation stands.
    pub fn as_declaration<T>(&mut self, run: impl FnOnce(&mut Self) -> Outcome<T>) -> Outcome<T> {
        let aside = Aside {
            world: std::mem::replace(&mut self.world, World::Compile),
            prefix: std::mem::take(&mut self.prefix),
            hint: self.hint.take(),
            path: std::mem::take(&mut self.path),
            identity: std::mem::take(&mut self.identity),
            calls: std::mem::take(&mut self.calls),
        };
        let result = run(self);
        self.world = aside.world;
        self.prefix = aside.prefix;
        self.hint = aside.hint;
        self.path = aside.path;
        self.identity = aside.identity;
        self.calls = aside.calls;
        result
    }

    /// Evaluates a declaration of a module, once. What may draw or make instances is evaluated in
    /// order of the text, since NumPy's streams are sequential.
    pub fn force(&mut self, module: usize, index: usize) -> Outcome<()> {
        if self.modules[module].done[index] {
            return Ok(());
        }
        let file = Arc::clone(&self.modules[module].file);
        let ordered = |item: &ast::Item| {
            matches!(
                item,
                ast::Item::Define(_) | ast::Item::Draw(_) | ast::Item::Param(_) | ast::Item::State(_)
            )
        };
        if ordered(&file.items[index]) {
            for (i, item) in file.items[..index].iter().enumerate() {
                if ordered(item) && !self.modules[module].done[i] {
                    self.force(module, i)?;
                }
            }
        }
        self.modules[module].done[index] = true;
        let frame = self.modules[module].frame;
        let item = &file.items[index];
        let result = self.as_declaration(|c| c.item(item, module, frame));
        if let Err(e) = result {
            if let Fail::Message(d) = e {
                self.problems.push(*d);
            }
            for ident in super::modules::item_names(item) {
                self.bind(frame, &ident, Value::Poison);
            }
            return Err(Fail::Reported);
        }
        Ok(())
    }

    fn item(&mut self, item: &ast::Item, module: usize, frame: FrameId) -> Outcome<()> {
        match item {
            ast::Item::Hyper(hyper) => self.hyper(hyper, module, frame),
            ast::Item::Dim(dim) => {
                let value = self.expr(&dim.value, frame)?;
                let axis = self.axis_of(&value, dim.value.span)?;
                let origin =
                    format!("{}, {}", self.sources.text(dim.value.span), self.sources.place(dim.span));
                let d = self.new_dim(&dim.name, axis.extent, None, frame, origin);
                self.define(frame, &dim.name, Value::Dim(d), dim.span)
            }
            ast::Item::Data(data) => {
                let path = data.name.name.to_string();
                let value = self.data_block(data, path, frame)?;
                self.define(frame, &data.name, value, data.span)
            }
            ast::Item::Layer(layer) => {
                let value = Value::Layer(Closure { code: Arc::clone(layer), frame });
                self.define(frame, &layer.name, value, layer.header)
            }
            ast::Item::Schedule(schedule) => {
                let value = Value::Schedule(Closure { code: Arc::clone(schedule), frame });
                self.define(frame, &schedule.name, value, schedule.header)
            }
            ast::Item::Run(_) => Ok(()),
            ast::Item::Param(slot) | ast::Item::State(slot) => {
                let kind =
                    if matches!(item, ast::Item::Param(_)) { PlaceKind::Param } else { PlaceKind::State };
                let value = self.slot(slot, kind, frame)?;
                self.define(frame, &slot.name, value, slot.span)
            }
            other => self.plain_item(other, frame),
        }
    }

    /// Declarations that stand in files and layers alike.
    pub fn plain_item(&mut self, item: &ast::Item, frame: FrameId) -> Outcome<()> {
        match item {
            ast::Item::Stream(stream) => {
                let value = self.stream(stream, frame)?;
                self.define(frame, &stream.name, value, stream.span)
            }
            ast::Item::Fn(function) => {
                let value = Value::Function(Closure { code: Arc::clone(function), frame });
                self.define(frame, &function.name, value, function.header)
            }
            ast::Item::Step(step) => {
                let value = Value::Step(Closure { code: Arc::clone(step), frame });
                self.define(frame, &step.name, value, step.header)
            }
            ast::Item::Assert(assert) => self.static_assert(assert, frame),
            ast::Item::Draw(draw) => self.draw_statement(draw, frame),
            ast::Item::Define(define) => self.definition(define, frame),
            other => fail(codes::WORLD, "this declaration does not stand in a layer", other.span(), "here"),
        }
    }

    /// `hyper NAME = e`, or what `--set` gives for it.
    fn hyper(&mut self, hyper: &ast::Hyper, module: usize, frame: FrameId) -> Outcome<()> {
        let last = self.modules[module].name.rsplit('.').next().unwrap_or_default().to_string();
        let key = if module == self.entry {
            hyper.name.name.to_string()
        } else {
            format!("{last}.{}", hyper.name.name)
        };
        let default = self.expr(&hyper.value, frame)?;
        let set = self.settings.set.iter().rev().find(|(n, _)| *n == key).map(|(_, v)| v.clone());
        let mut value = default.clone();
        if let Some(text) = &set {
            self.taken.push(key.clone());
            value = self.set_value(&key, text, &default, hyper, frame)?;
        }
        let shown = self.value_text(&value);
        self.program.hypers.push(Hyper {
            name: key.clone(),
            value: shown.clone(),
            default: self.sources.text(hyper.value.span).to_string(),
            doc: hyper.doc.clone(),
            span: hyper.span,
            set: set.is_some(),
        });
        if hyper.is_dim {
            let axis = self.axis_of(&value, hyper.value.span)?;
            let origin = match &set {
                Some(text) => format!("--set {key}={text}, declared at {}", self.sources.place(hyper.span)),
                None => format!("the default of {}", self.sources.place(hyper.span)),
            };
            let d = self.new_dim(&hyper.name, axis.extent, None, frame, origin);
            value = Value::Dim(d);
        }
        self.define(frame, &hyper.name, value, hyper.span)
    }

    /// A `--set` value, read as an expression of the hyper-parameter's type.
    fn set_value(
        &mut self,
        key: &str,
        text: &str,
        default: &Value,
        hyper: &ast::Hyper,
        frame: FrameId,
    ) -> Outcome<Value> {
        let source = self.sources.add(format!("--set {key}"), None, text);
        let parsed = match syntax::parse_expr(&source) {
            Ok(e) => e,
            Err(problems) => {
                // A bare word is a text where a text is wanted, as shells eat the quotes.
                if let (Value::Text(_), false) = (default, text.starts_with('"')) {
                    return Ok(Value::Text(text.into()));
                }
                self.problems.extend(problems);
                return Err(Fail::Reported);
            }
        };
        if matches!(default, Value::Text(_)) && !text.starts_with('"') {
            return Ok(Value::Text(text.into()));
        }
        let value = self.expr(&parsed, frame)?;
        let real = hyper.ty.as_ref().is_some_and(|t| &*t.name == "real");
        if let Some(wanted) = self.mismatch(&value, default, real) {
            let d = Diagnostic::error(
                codes::HYPER_VALUE,
                format!("{key} takes {wanted}, and --set gives {}", self.value_text(&value)),
            )
            .label(hyper.span, format!("its default is {}", self.value_text(default)))
            .note(format!("--set {key}={text}"))
            .help(format!("--set {key}={}", self.value_text(default)));
            return Err(d.into());
        }
        Ok(value)
    }

    /// What a hyper-parameter of that default takes, if the value is not of the kind.
    fn mismatch(&self, value: &Value, default: &Value, real: bool) -> Option<String> {
        let (v, d) = (self.number(value), self.number(default));
        match (default, value) {
            _ if d.is_some() => match (d, v) {
                (Some((_, true)), Some((_, false))) if !real => Some("a whole number".into()),
                (Some(_), Some(_)) => None,
                (Some((_, whole)), None) => {
                    Some(if whole { "a whole number".into() } else { "a number".into() })
                }
                (None, _) => None,
            },
            (Value::List(d), Value::List(v)) => {
                let whole = !d.is_empty() && d.iter().all(|e| self.number(e).is_some_and(|(_, w)| w));
                match d.first() {
                    Some(first) => v
                        .iter()
                        .find_map(|e| self.mismatch(e, first, !whole))
                        .map(|w| format!("a list, each element {w}")),
                    None => None,
                }
            }
            _ if std::mem::discriminant(default) == std::mem::discriminant(value) => None,
            _ => Some(default.kind().into()),
        }
    }

    /// A compile-time value in the language's own spelling.
    pub fn value_text(&self, value: &Value) -> String {
        if let Some((v, whole)) = self.number(value) {
            return if whole || v.fract() != 0.0 || !v.is_finite() {
                format!("{v}")
            } else {
                format!("{v:.1}")
            };
        }
        match value {
            Value::Text(t) => format!("{t:?}"),
            Value::Bool(b) => b.to_string(),
            Value::List(items) => {
                format!("[{}]", items.iter().map(|v| self.value_text(v)).collect::<Vec<_>>().join(", "))
            }
            Value::Tuple(items) => {
                format!("({})", items.iter().map(|v| self.value_text(v)).collect::<Vec<_>>().join(", "))
            }
            Value::Range(a, b) => format!("{a}..{b}"),
            other => other.kind().into(),
        }
    }

    /// Hyper-parameters that an expression names: name and value, place, whether `--set` gave it.
    pub fn hypers_in(&self, e: &ast::Expr) -> Vec<(String, Span, bool)> {
        let text = self.sources.text(e.span);
        let words: Vec<&str> = text.split(|c: char| !(c.is_alphanumeric() || c == '_')).collect();
        let mut found: Vec<(String, Span, bool)> = Vec::new();
        for h in &self.program.hypers {
            if words.contains(&h.name.as_str()) {
                found.push((format!("{}={}", h.name, h.value.replace(' ', "")), h.span, h.set));
            }
        }
        found
    }

    /// A data block: fields evaluated once, before the run.
    fn data_block(&mut self, data: &ast::Data, path: String, outer: FrameId) -> Outcome<Value> {
        let id = self.data.len();
        let frame = self.push_frame(Some(outer), FrameKind::Data(id));
        self.data.push(DataBlock { path: path.clone(), frame, fields: Vec::new(), span: data.name.span });
        for member in &data.members {
            match member {
                ast::Member::Data(inner) => {
                    let value = self.data_block(inner, format!("{path}.{}", inner.name.name), frame)?;
                    self.define(frame, &inner.name, value, inner.span)?;
                }
                ast::Member::Assert(assert) => self.static_assert(assert, frame)?,
                ast::Member::Slot(slot) => {
                    let value = self.data_slot(slot, &path, frame)?;
                    if slot.shape.is_some() {
                        self.data[id].fields.push(Arc::clone(&slot.name.name));
                    }
                    self.bind(frame, &slot.name, value);
                }
            }
        }
        Ok(Value::Data(id))
    }

    /// The shape of an array in a file. Where a program is only looked at, a file that is not there
    /// yet is no obstacle: its unknown extents are taken to be some number.
    fn shape_in_file(
        &mut self,
        source: &RawSource,
        slot: &ast::Slot,
        declared: &[Option<Axis>],
    ) -> Outcome<Vec<usize>> {
        match self.files.shape(source) {
            Ok(shape) => Ok(shape),
            Err(d) if d.code == codes::DATA_FILE && self.settings.without_files => {
                let mut d =
                    d.label(slot.span, format!("`_` is taken to be {UNKNOWN_EXTENT} to check the rest"));
                d.severity = Severity::Warning;
                self.warn(d);
                Ok(declared.iter().map(|a| a.map_or(UNKNOWN_EXTENT, |a| a.extent)).collect())
            }
            Err(d) => Err(d.label(slot.span, "needed for `_`").into()),
        }
    }

    /// An array of a file under the shape and element type that its field declares.
    fn declared_raw(
        &mut self,
        source: RawSource,
        slot: &ast::Slot,
        declared: &[Option<Axis>],
        elem: Option<Elem>,
        path: &str,
    ) -> Outcome<Tensor> {
        let mut axes = Vec::new();
        let found = if declared.iter().any(Option::is_none) {
            Some(self.shape_in_file(&source, slot, declared)?)
        } else {
            None
        };
        for (i, axis) in declared.iter().enumerate() {
            axes.push(match (axis, &found) {
                (Some(axis), _) => *axis,
                (None, Some(shape)) if shape.len() == declared.len() => Axis::plain(shape[i]),
                (None, _) => {
                    let shape = found.unwrap_or_default();
                    let d = Diagnostic::error(codes::DATA_SHAPE, "the data is not what the program declares")
                        .label(slot.span, format!("{} axes are declared", declared.len()))
                        .note(format!("the file holds {shape:?}"));
                    return Err(d.into());
                }
            });
        }
        let elem = elem.unwrap_or(Elem::Real);
        let ty = self.tensor_type(elem, &axes);
        let span = slot.shape.as_ref().map_or(slot.span, |s| slot.name.span.to(s.span));
        self.program.setup.raws.push(Raw { source, ty, name: path.into(), span });
        let t = self.emit(ValueOp::Raw(self.program.setup.raws.len() - 1), vec![], elem, axes, slot.span);
        Ok(t)
    }

    /// `png(photo) / 256` under a declared shape: the array has it first, and is real.
    fn computed_from_raw(
        &mut self,
        e: &ast::Expr,
        slot: &ast::Slot,
        declared: &[Option<Axis>],
        path: &str,
        frame: FrameId,
    ) -> Outcome<Option<Value>> {
        let ast::ExprKind::Binary { op, op_span, lhs, rhs } = &e.kind else { return Ok(None) };
        let op = match op {
            ast::BinaryOp::Add => MapOp::Add,
            ast::BinaryOp::Sub => MapOp::Sub,
            ast::BinaryOp::Mul => MapOp::Mul,
            ast::BinaryOp::Div => MapOp::Div,
            _ => return Ok(None),
        };
        let left = match &lhs.kind {
            ast::ExprKind::Binary { .. } => self.computed_from_raw(lhs, slot, declared, path, frame)?,
            _ => match self.expr(lhs, frame)? {
                Value::Raw(source) => {
                    Some(Value::Tensor(self.declared_raw(source, slot, declared, None, path)?))
                }
                _ => None,
            },
        };
        let Some(left) = left else { return Ok(None) };
        let right = self.expr(rhs, frame)?;
        Ok(Some(self.map(op, vec![left, right], &[lhs.span, rhs.span], *op_span, e.span)?))
    }

    fn data_slot(&mut self, slot: &ast::Slot, block: &str, frame: FrameId) -> Outcome<Value> {
        let path = format!("{block}.{}", slot.name.name);
        let elem = self.elem_of(slot.ty.as_ref())?;
        let declared = match &slot.shape {
            Some(shape) => Some(self.shape_axes(shape, frame)?),
            None => None,
        };
        let e = match &slot.init {
            ast::SlotInit::Draw(source) => {
                let axes = match &slot.shape {
                    Some(shape) => Some(self.known_axes(shape, frame)?),
                    None => None,
                };
                return self.draw(source, axes, elem, path, &slot.name.name, frame);
            }
            ast::SlotInit::Value(e) => e,
        };
        let computed = match &declared {
            Some(declared) => self.computed_from_raw(e, slot, declared, &path, frame)?,
            None => None,
        };
        let value = match computed {
            Some(value) => value,
            None => self.expr(e, frame)?,
        };
        let Some(declared) = declared else { return Ok(value) };
        if let Value::Raw(source) = value {
            let t = self.declared_raw(source, slot, &declared, elem, &path)?;
            self.name_setup(&t, path);
            return Ok(Value::Tensor(t));
        }
        let Some(mut t) = self.as_tensor(&value, elem, e.span) else {
            return fail(
                codes::KIND,
                format!("{} is a tensor, and this is {}", slot.name.name, value.kind()),
                e.span,
                value.kind(),
            );
        };
        let fits = declared.len() == t.axes.len()
            && declared.iter().zip(&t.axes).all(|(d, a)| d.is_none_or(|d| self.agree_outside(d, *a)));
        if !fits {
            let shape = slot.shape.as_ref().map_or(slot.name.span, |s| s.span);
            let d = Diagnostic::error(
                codes::SHAPE,
                format!("{} has another shape than declared", slot.name.name),
            )
            .label(e.span, format!("this is {}", self.shape_full(&t.axes)))
            .label(shape, "declared here");
            return Err(d.into());
        }
        let wanted = elem.unwrap_or(Elem::Real);
        if t.elem != wanted && wanted == Elem::Real {
            let id = self.import(&t, e.span);
            t = self.emit(ValueOp::Convert, vec![id], wanted, t.axes.clone(), e.span);
        } else if t.elem != wanted {
            return fail(
                codes::DTYPE,
                format!("{} is declared {} and this is {}", slot.name.name, wanted.name(), t.elem.name()),
                e.span,
                t.elem.name(),
            );
        }
        for (axis, d) in t.axes.iter_mut().zip(&declared) {
            if let Some(d) = d {
                axis.dim = d.dim;
            }
        }
        // A field that is another value under a new name keeps its own name in messages.
        let id = self.import(&t, e.span);
        let own = self.emit(ValueOp::Reshape, vec![id], wanted, t.axes.clone(), slot.span);
        self.name_setup(&own, path);
        Ok(Value::Tensor(own))
    }
}
