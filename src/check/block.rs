//! Statements of functions and steps.

use super::state::{Checker, Fail, FrameKind, Outcome, World, fail};
use super::value::*;
use crate::diag::{Diagnostic, codes};
use crate::program::{Elem, ValueId, ValueOp};
use crate::source::Span;
use crate::syntax::ast;
use std::sync::Arc;

impl Checker<'_> {
    /// The body of a function; its value is that of `return`.
    pub fn function_block(&mut self, block: &ast::Block, frame: FrameId) -> Outcome<Value> {
        Ok(self.statements(&block.stmts, frame)?.unwrap_or(Value::Unit))
    }

    /// Statements of a function or step, in order; ends at `return` with its value.
    pub fn statements(&mut self, stmts: &[ast::Stmt], frame: FrameId) -> Outcome<Option<Value>> {
        for (i, stmt) in stmts.iter().enumerate() {
            if let Some(value) = self.statement(stmt, frame)? {
                if let Some(next) = stmts.get(i + 1) {
                    return fail(codes::WORLD, "`return` is the last statement", next.span, "never reached");
                }
                return Ok(Some(value));
            }
        }
        Ok(None)
    }

    fn statement(&mut self, stmt: &ast::Stmt, frame: FrameId) -> Outcome<Option<Value>> {
        match &stmt.kind {
            ast::StmtKind::Fn(f) => {
                let closure = Value::Function(Closure { code: Arc::clone(f), frame });
                self.define(frame, &f.name, closure, f.header)?;
            }
            ast::StmtKind::Return(values) => {
                let mut results = values.iter().map(|v| self.expr(v, frame)).collect::<Outcome<Vec<_>>>()?;
                return Ok(Some(match results.len() {
                    0 => Value::Unit,
                    1 => results.remove(0),
                    _ => Value::Tuple(Arc::new(results)),
                }));
            }
            ast::StmtKind::Report(report) => self.step_report(report, frame, stmt.span)?,
            ast::StmtKind::Assert(assert) => self.static_assert(assert, frame)?,
            ast::StmtKind::For(f) => {
                let over = self.expr(&f.iter, frame)?;
                let Some(items) = self.unrolled(&over, true) else {
                    let title = format!("`for` here goes through a list, and this is {}", over.kind());
                    let d = Diagnostic::error(codes::WORLD, title).label(f.iter.span, over.kind());
                    return Err(d
                        .help("scan(f, start, over: xs)   which goes along an axis of a tensor")
                        .into());
                };
                let turns = self.identity.begin_loop();
                for (at, item) in items.into_iter().enumerate() {
                    let inner = self.push_frame(Some(frame), FrameKind::Block);
                    self.bind_pattern(inner, &f.pattern, item, None)?;
                    self.identity.enter_turn(&turns, at);
                    let result = self.no_return(&f.body, inner);
                    self.identity.leave();
                    result?;
                }
            }
            ast::StmtKind::If(chosen) => {
                if let Some(block) = self.chosen(chosen, frame)? {
                    let inner = self.push_frame(Some(frame), FrameKind::Block);
                    return self.statements(&block.stmts, inner);
                }
            }
            ast::StmtKind::Draw(draw) => self.draw_statement(draw, frame)?,
            ast::StmtKind::Update(update) => self.update(update, frame, stmt.span)?,
            ast::StmtKind::Define(define) => self.definition(define, frame)?,
            ast::StmtKind::Call(call) => {
                let changes = self.builds.last().map_or(0, |b| b.body.updates.len());
                let value = self.expr(call, frame)?;
                let changed = self.builds.last().map_or(0, |b| b.body.updates.len()) != changes;
                if !changed && !matches!(value, Value::Unit) {
                    let d = Diagnostic::error(
                        codes::UNUSED_RESULT,
                        "this call changes nothing, and its result is not used",
                    )
                    .label(call.span, format!("gives {}", value.kind()));
                    return Err(d.help(format!("name = {}", self.sources.text(call.span))).into());
                }
            }
            ast::StmtKind::Phase(_) | ast::StmtKind::Stop | ast::StmtKind::Var(_) => {
                let what = match stmt.kind {
                    ast::StmtKind::Phase(_) => "`phase`",
                    ast::StmtKind::Stop => "`stop`",
                    _ => "`var`",
                };
                return fail(
                    codes::WORLD,
                    format!("{what} stands in a schedule, not in a function or step"),
                    stmt.span,
                    "here",
                );
            }
        }
        Ok(None)
    }

    fn no_return(&mut self, block: &ast::Block, frame: FrameId) -> Outcome<()> {
        match self.statements(&block.stmts, frame)? {
            None => Ok(()),
            Some(_) => fail(
                codes::WORLD,
                "`return` is the last statement of a function, not inside a loop",
                block.span,
                "in this loop",
            ),
        }
    }

    /// The block that a compile-time `if` chooses.
    pub fn chosen<'b>(&mut self, chosen: &'b ast::If, frame: FrameId) -> Outcome<Option<&'b ast::Block>> {
        for arm in &chosen.arms {
            match self.expr(&arm.cond, frame)? {
                Value::Bool(true) => return Ok(Some(&arm.body)),
                Value::Bool(false) => {}
                Value::Poison => return Err(Fail::Reported),
                other => return Err(self.runtime_condition(other, &arm.cond).into()),
            }
        }
        Ok(chosen.otherwise.as_ref())
    }

    /// `a, b = e` in a function, step or declaration.
    pub fn definition(&mut self, define: &ast::Define, frame: FrameId) -> Outcome<()> {
        if let (ast::PatternKind::Name(ident, _), [value]) = (&define.pattern.kind, define.values.as_slice())
            && self.hint.is_none()
        {
            let base = if self.prefix.is_empty() {
                ident.name.to_string()
            } else {
                format!("{}.{}", self.prefix, ident.name)
            };
            self.hint = Some((base, 0));
            let value = self.expr(value, frame);
            self.hint = None;
            let value = self.ready(value?, define.values[0].span)?;
            if let Value::Tensor(t) = &value {
                let name = Arc::clone(&ident.name);
                self.name_tensor(&t.clone(), &name);
            }
            let value = self.keep_host(value, &ident.name);
            return self.bind_pattern(frame, &define.pattern, value, Some(define.span));
        }
        let mut values = Vec::new();
        for e in &define.values {
            let value = self.expr(e, frame)?;
            values.push(self.ready(value, e.span)?);
        }
        let value = if values.len() == 1 { values.remove(0) } else { Value::Tuple(Arc::new(values)) };
        self.bind_pattern(frame, &define.pattern, value.clone(), Some(define.span))?;
        if let (ast::PatternKind::Tuple(parts), Value::Tuple(items)) = (&define.pattern.kind, &value) {
            for (part, item) in parts.iter().zip(items.iter()) {
                if let (ast::PatternKind::Name(ident, _), Value::Tensor(t)) = (&part.kind, item) {
                    self.name_tensor(t, &ident.name);
                }
            }
        }
        Ok(())
    }

    /// A defined value must be a value.
    fn ready(&mut self, value: Value, span: Span) -> Outcome<Value> {
        match value {
            Value::Dist(_) if self.world != World::Compile => {
                Err(super::draws::distribution_as_value(self, span).into())
            }
            Value::Unit => fail(codes::KIND, "this gives nothing to define", span, "a call for its effect"),
            Value::Poison => Err(Fail::Reported),
            other => Ok(other),
        }
    }

    /// `assert e, "why"`, settled at compile time.
    pub fn static_assert(&mut self, assert: &ast::Assert, frame: FrameId) -> Outcome<()> {
        match self.expr(&assert.condition, frame)? {
            Value::Bool(true) => Ok(()),
            Value::Bool(false) => {
                let why = match &assert.message {
                    Some(m) => match self.expr(m, frame)? {
                        Value::Text(t) => t.to_string(),
                        _ => self.sources.text(m.span).to_string(),
                    },
                    None => format!("{} does not hold", self.sources.text(assert.condition.span)),
                };
                let mut d = Diagnostic::error(codes::ASSERT, why)
                    .label(assert.condition.span, self.sides(&assert.condition, frame));
                for (name, span, set) in self.hypers_in(&assert.condition) {
                    d = if set {
                        d.note(format!("--set gave {name}"))
                    } else {
                        d.label(span, format!("{name} has its default"))
                    };
                }
                Err(d.into())
            }
            other => Err(self.runtime_condition(other, &assert.condition).into()),
        }
    }

    /// What the sides of a comparison are: `2 is not 3`.
    fn sides(&mut self, e: &ast::Expr, frame: FrameId) -> String {
        let ast::ExprKind::Binary { lhs, rhs, op, .. } = &e.kind else { return "this does not hold".into() };
        let (Ok(a), Ok(b)) = (self.expr(lhs, frame), self.expr(rhs, frame)) else {
            return "this does not hold".into();
        };
        match (self.number(&a), self.number(&b), op) {
            (Some((a, _)), Some((b, _)), ast::BinaryOp::Eq) => format!("{a} is not {b}"),
            (Some((a, _)), Some((b, _)), op) if op.compares() => {
                format!("{a} {} {b} does not hold", op.text())
            }
            _ => "this does not hold".into(),
        }
    }

    /// `report NAME [= e]` in a step.
    fn step_report(&mut self, report: &ast::Report, frame: FrameId, span: Span) -> Outcome<()> {
        if self.world != World::Step || self.path.len() > 1 {
            return fail(codes::WORLD, "`report` stands in a step or a schedule", span, "not in a function");
        }
        let at = report.value.as_ref().map_or(report.name.span, |v| v.span);
        let value = match &report.value {
            Some(e) => self.expr(e, frame)?,
            None => self.lookup(&report.name, frame)?,
        };
        let Some(tensor) = self.as_tensor(&value, None, at) else {
            return fail(
                codes::KIND,
                format!("a step reports tensors, and this is {}", value.kind()),
                at,
                value.kind(),
            );
        };
        let id = self.import(&tensor, at);
        let build = self.build();
        if let Some((_, _, before)) = build.body.reports.iter().find(|(n, _, _)| *n == report.name.name) {
            let before = *before;
            let d =
                Diagnostic::error(codes::ALREADY_DEFINED, format!("{} is reported twice", report.name.name))
                    .label(span, "a second time")
                    .label(before, "first here");
            return Err(d.into());
        }
        build.body.reports.push((Arc::clone(&report.name.name), id, span));
        let mut axes = tensor.axes.clone();
        axes.iter_mut().for_each(|a| *a = self.outward(*a));
        self.reported.push((Arc::clone(&report.name.name), tensor.elem, axes));
        Ok(())
    }

    /// An axis as code outside every call sees it.
    fn outward(&self, mut axis: Axis) -> Axis {
        while let Some(d) = axis.dim {
            if matches!(self.frames[self.dims[d].owner].kind, FrameKind::Module(_)) {
                break;
            }
            axis.dim = self.dims[d].outer;
        }
        axis
    }

    /// `place <- e` in a step or a function called from one.
    fn update(&mut self, update: &ast::Update, frame: FrameId, span: Span) -> Outcome<()> {
        if self.world != World::Step {
            let d = Diagnostic::error(
                codes::UPDATE_OUTSIDE,
                "a function that changes a place is called outside a step",
            )
            .label(span, "changes it here");
            let d = match self.calls.first() {
                Some((_, call)) => d.label(*call, "called from here"),
                None => d,
            };
            return Err(d.help("call it from a step, which the schedule calls").into());
        }
        if self.builds.last().is_some_and(|b| b.captured.is_some()) {
            let text = self.sources.text(update.place.span).to_string();
            let d =
                Diagnostic::error(codes::UPDATE_OUTSIDE, "a scan's turns carry, and do not change places")
                    .label(span, "changed in a turn of a scan")
                    .help(format!("carry the new value and change {text} once, after the scan"));
            return Err(d.into());
        }
        self.arrow(update, frame, span)
    }

    /// `place <- e` and `place[i] <- e`, as a change of the current body.
    pub fn arrow(&mut self, update: &ast::Update, frame: FrameId, span: Span) -> Outcome<()> {
        let (target, positions) = match &update.place.kind {
            ast::ExprKind::Index { base, places } => match self.expr(base, frame)? {
                Value::Tensor(t @ Tensor { source: Source::Place(_), .. }) => {
                    (Value::Tensor(t), Some(places))
                }
                _ => (self.expr(&update.place, frame)?, None),
            },
            _ => (self.expr(&update.place, frame)?, None),
        };
        let place = match target {
            Value::Tensor(t) => t,
            Value::Poison => return Err(Fail::Reported),
            other => return self.not_a_place(&update.place, other.kind()),
        };
        let Source::Place(p) = place.source else { return self.not_a_place(&update.place, "a value") };
        let part = match positions {
            None => None,
            Some(positions) => {
                let positions = positions.iter().map(|at| self.at(at, frame)).collect::<Outcome<_>>()?;
                Some(self.part_at(&place, positions, update.place.span)?)
            }
        };
        let value = self.expr(&update.value, frame)?;
        if let Value::Dist(_) = value {
            return Err(super::draws::distribution_as_value(self, update.value.span).into());
        }
        let at = update.value.span;
        let name = Arc::clone(&self.program.places[p].name);
        let Some(tensor) = self.as_tensor(&value, Some(place.elem), at) else {
            return fail(
                codes::KIND,
                format!("{name} is a tensor, and the new value is {}", value.kind()),
                at,
                value.kind(),
            );
        };
        let id = match part {
            Some(part) if !part.whole => {
                let text = self.sources.text(update.place.span).to_string();
                let like = Tensor { axes: part.axes.clone(), ..place.clone() };
                let id = self.fitted(&tensor, &like, &text, at)?;
                let next = self.replaced(&place, part, id, update.place.span);
                self.import(&next, at)
            }
            _ => self.fitted(&tensor, &place, &name, at)?,
        };
        self.change(p, id, span)
    }

    /// A new value for a place or a part of one: of its element type and shape, a scalar filling it.
    fn fitted(&mut self, tensor: &Tensor, place: &Tensor, name: &str, at: Span) -> Outcome<ValueId> {
        if tensor.elem != place.elem && !(place.elem == Elem::Real && tensor.elem == Elem::Int) {
            let d = Diagnostic::error(
                codes::DTYPE,
                format!("{name} holds {}, and the new value is {}", place.elem.name(), tensor.elem.name()),
            )
            .label(at, tensor.elem.name())
            .label(place.span, "declared here");
            return Err(d.into());
        }
        let fills = tensor.axes.is_empty() && !place.axes.is_empty();
        if !fills {
            self.same_shape(tensor, place, name, at)?;
        }
        let mut id = self.import(tensor, at);
        if tensor.elem != place.elem {
            let t = self.emit(ValueOp::Convert, vec![id], place.elem, tensor.axes.clone(), at);
            id = self.import(&t, at);
        }
        if fills {
            let t = self.emit(ValueOp::Broadcast, vec![id], place.elem, place.axes.clone(), at);
            id = self.import(&t, at);
        }
        Ok(id)
    }

    /// Adds a place's new value to the current body.
    fn change(&mut self, p: usize, id: ValueId, span: Span) -> Outcome<()> {
        let name = Arc::clone(&self.program.places[p].name);
        let build = self.build();
        if let Some(before) = build.changed.get(&p).copied() {
            let d = Diagnostic::error(codes::CHANGED_TWICE, format!("{name} is changed twice in one step"))
                .label(span, "a second time")
                .label(before, "first here")
                .help("a step's changes take effect together at its end: name the new value first, and change the place once");
            return Err(d.into());
        }
        build.changed.insert(p, span);
        build.body.updates.push((p, id, span));
        Ok(())
    }

    /// A new value must have the place's shape.
    fn same_shape(&self, value: &Tensor, place: &Tensor, name: &str, at: Span) -> Outcome<()> {
        let fits = value.axes.len() == place.axes.len()
            && value.axes.iter().zip(&place.axes).all(|(a, b)| a.extent == b.extent);
        if fits && value.axes.iter().zip(&place.axes).all(|(a, b)| self.agree_outside(*a, *b)) {
            return Ok(());
        }
        let (code, title) = if fits {
            (codes::DIMENSION_NAME, format!("the new value of {name} has other dimensions"))
        } else {
            (codes::SHAPE, format!("the new value of {name} has another shape"))
        };
        let d = Diagnostic::error(code, title)
            .label(at, format!("this is {}", self.shape_full(&value.axes)))
            .label(place.span, format!("{name} is {}", self.shape_full(&place.axes)));
        Err(d.into())
    }

    fn not_a_place<T>(&self, place: &ast::Expr, kind: &str) -> Outcome<T> {
        let text = self.sources.text(place.span);
        let d = Diagnostic::error(
            codes::UPDATE_OUTSIDE,
            format!("`<-` changes a param or a state, and {text} is {kind}"),
        )
        .label(place.span, kind)
        .help(format!(
            "state {text} = …   declares a place; {text} = …   defines a value; minus one is written `x < -1`"
        ));
        Err(d.into())
    }
}

/// The error for what the language has and the compiler does not carry out yet.
pub(super) fn not_built<T>(what: &str, span: Span) -> Outcome<T> {
    fail(
        codes::NOT_BUILT,
        format!("{what} is not built yet"),
        span,
        "part of the language, not of this compiler so far",
    )
}
