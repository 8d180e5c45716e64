//! The schedule: evaluated symbolically, it leaves the statements that the host interprets.

use super::ops::Given;
use super::state::{Binding, Checker, Fail, FrameKind, Outcome, World, fail};
use super::value::*;
use crate::diag::{Diagnostic, codes};
use crate::program::host::{self, Expr, ExprKind, Loop, Over, Stmt, StmtKind, VarId};
use crate::source::Span;
use crate::syntax::ast;
use std::sync::Arc;

impl Checker<'_> {
    /// A new variable of the host.
    pub fn new_var(&mut self, name: &str) -> VarId {
        self.program.host.vars.push(name.into());
        self.program.host.vars.len() - 1
    }

    fn push(&mut self, kind: StmtKind, span: Span) {
        self.block.push(Stmt { kind, span });
    }

    /// A call of a schedule: its statements are put in place.
    pub fn call_schedule(
        &mut self,
        schedule: Closure<ast::Schedule>,
        given: Vec<Given>,
        span: Span,
        caller: FrameId,
    ) -> Outcome<Value> {
        let code = Arc::clone(&schedule.code);
        if self.world != World::Schedule {
            let d = Diagnostic::error(
                codes::WORLD,
                format!("{} is a schedule, and is called by `run` or another schedule", code.name.name),
            )
            .label(span, "called here")
            .label(code.header, "declared here");
            return Err(d.into());
        }
        if self.calls.len() >= 100 {
            return fail(
                codes::RECURSION,
                format!("{} is called within itself", code.name.name),
                span,
                "this call",
            );
        }
        let frame = self.push_frame(Some(schedule.frame), FrameKind::Call);
        self.bind_formals(&code.params, given, frame, &code.name.name, code.header, span)?;
        self.calls.push((code.span, span));
        self.identity.enter(&code.name.name);
        let builds = std::mem::take(&mut self.builds);
        let result = self.schedule_statements(&code.body.stmts, frame);
        self.builds = builds;
        self.identity.leave();
        self.calls.pop();
        let value = result?.unwrap_or(Value::Unit);
        Ok(self.leave_value(value, frame, caller))
    }

    /// Statements of a schedule, in order; ends at `return` with its value.
    pub fn schedule_statements(&mut self, stmts: &[ast::Stmt], frame: FrameId) -> Outcome<Option<Value>> {
        for (i, stmt) in stmts.iter().enumerate() {
            if let Some(value) = self.schedule_statement(stmt, frame)? {
                if let Some(next) = stmts.get(i + 1) {
                    return fail(codes::WORLD, "`return` is the last statement", next.span, "never reached");
                }
                return Ok(Some(value));
            }
        }
        Ok(None)
    }

    /// Statements of a nested block, apart.
    fn nested(&mut self, block: &ast::Block, frame: FrameId) -> Outcome<Vec<Stmt>> {
        let before = std::mem::take(&mut self.block);
        let result = self.schedule_statements(&block.stmts, frame);
        let inner = std::mem::replace(&mut self.block, before);
        match result? {
            None => Ok(inner),
            Some(_) => fail(
                codes::WORLD,
                "`return` is the last statement of a schedule, not inside a block",
                block.span,
                "in this block",
            ),
        }
    }

    fn schedule_statement(&mut self, stmt: &ast::Stmt, frame: FrameId) -> Outcome<Option<Value>> {
        let span = stmt.span;
        match &stmt.kind {
            ast::StmtKind::Fn(f) => {
                let closure = Value::Function(Closure { code: Arc::clone(f), frame });
                self.define(frame, &f.name, closure, f.header)?;
            }
            ast::StmtKind::Return(values) => {
                let mut results =
                    values.iter().map(|v| self.host_value_of(v, frame)).collect::<Outcome<Vec<_>>>()?;
                return Ok(Some(match results.len() {
                    0 => Value::Unit,
                    1 => results.remove(0),
                    _ => Value::Tuple(Arc::new(results)),
                }));
            }
            ast::StmtKind::Define(define) => {
                let mut values = define
                    .values
                    .iter()
                    .map(|v| self.host_value_of(v, frame))
                    .collect::<Outcome<Vec<_>>>()?;
                for (value, e) in values.iter().zip(&define.values) {
                    match value {
                        Value::Unit => {
                            return fail(
                                codes::KIND,
                                "this gives nothing to define",
                                e.span,
                                "a call for its effect",
                            );
                        }
                        Value::Dist(_) => {
                            return Err(super::draws::distribution_as_value(self, e.span).into());
                        }
                        _ => {}
                    }
                }
                let value = if values.len() == 1 { values.remove(0) } else { Value::Tuple(Arc::new(values)) };
                self.bind_running(frame, &define.pattern, value, Some(define.span), span)?;
            }
            ast::StmtKind::Var(var) => {
                let value = self.host_value_of(&var.value, frame)?;
                let h = self.hosted(value, var.value.span)?;
                let id = self.new_var(&var.name.name);
                self.push(StmtKind::Let(vec![id], h.expr), span);
                let value = running(id, h.kind, var.name.span);
                self.define(frame, &var.name, value, span)?;
                if let Some(b) = self.frames[frame].names.get_mut(&var.name.name) {
                    b.var = Some(id);
                }
            }
            ast::StmtKind::Update(update) => self.schedule_arrow(update, frame, span)?,
            ast::StmtKind::For(f) => {
                let over = self.iterable(&f.iter, frame)?;
                if let Some(items) = self.unrolled(&over, false) {
                    let turns = self.identity.begin_loop();
                    for (at, item) in items.into_iter().enumerate() {
                        let inner = self.push_frame(Some(frame), FrameKind::Block);
                        self.bind_pattern(inner, &f.pattern, item, None)?;
                        self.identity.enter_turn(&turns, at);
                        let result = self.schedule_statements(&f.body.stmts, inner);
                        self.identity.leave();
                        if result?.is_some() {
                            return fail(
                                codes::WORLD,
                                "`return` is the last statement of a schedule, not inside a loop",
                                f.body.span,
                                "in this loop",
                            );
                        }
                    }
                } else {
                    let identity = self.identity.clone();
                    for form in forms(over) {
                        self.identity.clone_from(&identity);
                        let inner = self.push_frame(Some(frame), FrameKind::Block);
                        let header = self.loop_header(&f.pattern, form, inner, f.iter.span)?;
                        let body = self.nested(&f.body, inner)?;
                        self.push(StmtKind::For(header, body), span);
                    }
                }
            }
            ast::StmtKind::If(chosen) => {
                return self.schedule_if(&chosen.arms, chosen.otherwise.as_ref(), frame, span);
            }
            ast::StmtKind::Phase(phase) => {
                let name = self.host_value_of(&phase.name, frame)?;
                let name = self.hosted(name, phase.name.span)?;
                let inner = self.push_frame(Some(frame), FrameKind::Block);
                let body = self.nested(&phase.body, inner)?;
                self.push(StmtKind::Phase(name.expr, body), span);
            }
            ast::StmtKind::Stop => self.push(StmtKind::Stop, span),
            ast::StmtKind::Report(report) => {
                let value = match &report.value {
                    Some(e) => self.host_value_of(e, frame)?,
                    None => self.lookup(&report.name, frame)?,
                };
                let h = self.hosted(value, span)?;
                self.push(StmtKind::Report(Arc::clone(&report.name.name), h.expr), span);
            }
            ast::StmtKind::Assert(assert) => match self.host_value_of(&assert.condition, frame)? {
                Value::Host(h) if h.kind == HostKind::Bool => {
                    let why = match &assert.message {
                        Some(m) => {
                            let value = self.host_value_of(m, frame)?;
                            Some(self.hosted(value, m.span)?.expr)
                        }
                        None => None,
                    };
                    self.push(StmtKind::Assert(h.expr, why), span);
                }
                _ => self.static_assert(assert, frame)?,
            },
            ast::StmtKind::Draw(draw) => self.schedule_draw(draw, frame, span)?,
            ast::StmtKind::Call(call) => match self.host_value_of(call, frame)? {
                Value::Unit => {}
                Value::Host(h) if matches!(h.kind, HostKind::Record(_) | HostKind::Unknown) => {
                    self.push(StmtKind::Do(h.expr), span)
                }
                Value::Poison => return Err(Fail::Reported),
                other => {
                    if !matches!(&call.kind, ast::ExprKind::Call { callee, .. } if matches!(self.expr(callee, frame), Ok(Value::Schedule(_))))
                    {
                        let d = Diagnostic::error(
                            codes::UNUSED_RESULT,
                            "this call changes nothing, and its result is not used",
                        )
                        .label(call.span, format!("gives {}", other.kind()));
                        return Err(d.help(format!("name = {}", self.sources.text(call.span))).into());
                    }
                }
            },
        }
        Ok(None)
    }

    fn schedule_if(
        &mut self,
        arms: &[ast::Arm],
        otherwise: Option<&ast::Block>,
        frame: FrameId,
        span: Span,
    ) -> Outcome<Option<Value>> {
        let Some((arm, rest)) = arms.split_first() else {
            return match otherwise {
                Some(block) => {
                    let inner = self.push_frame(Some(frame), FrameKind::Block);
                    self.schedule_statements(&block.stmts, inner)
                }
                None => Ok(None),
            };
        };
        match self.host_value_of(&arm.cond, frame)? {
            Value::Bool(true) => {
                let inner = self.push_frame(Some(frame), FrameKind::Block);
                self.schedule_statements(&arm.body.stmts, inner)
            }
            Value::Bool(false) => self.schedule_if(rest, otherwise, frame, span),
            Value::Host(h) if h.kind == HostKind::Bool => {
                let inner = self.push_frame(Some(frame), FrameKind::Block);
                let then = self.nested(&arm.body, inner)?;
                let before = std::mem::take(&mut self.block);
                let result = self.schedule_if(rest, otherwise, frame, span);
                let other = std::mem::replace(&mut self.block, before);
                if result?.is_some() {
                    return fail(
                        codes::WORLD,
                        "`return` is the last statement of a schedule, not inside a block",
                        span,
                        "in this `if`",
                    );
                }
                self.push(StmtKind::If(h.expr, then, other), span);
                Ok(None)
            }
            other => Err(self.runtime_condition(other, &arm.cond).into()),
        }
    }

    /// `x <- e` in a schedule: a `var`, a snapshot put back, or a place.
    fn schedule_arrow(&mut self, update: &ast::Update, frame: FrameId, span: Span) -> Outcome<()> {
        if let ast::ExprKind::Name(ident) = &update.place.kind
            && let Some(Binding { var: Some(id), value, span: declared, .. }) = self.find(ident, frame)?
        {
            let new = self.host_value_of(&update.value, frame)?;
            let h = self.hosted(new, update.value.span)?;
            let kind = match &value {
                Value::Host(old) => old.kind.clone(),
                Value::Tensor(t) => HostKind::Tensor(t.elem, t.axes.clone()),
                _ => HostKind::Unknown,
            };
            if std::mem::discriminant(&kind) != std::mem::discriminant(&h.kind) {
                let d = Diagnostic::error(
                    codes::KIND,
                    format!(
                        "{} is {}, and the new value is {}",
                        ident.name,
                        kind.describe(),
                        h.kind.describe()
                    ),
                )
                .label(update.value.span, h.kind.describe())
                .label(declared, "declared here");
                return Err(d.into());
            }
            self.push(StmtKind::Set(id, h.expr), span);
            return Ok(());
        }
        if let ast::ExprKind::Index { base, .. } = &update.place.kind
            && matches!(
                self.host_value_of(base, frame)?,
                Value::Tensor(Tensor { source: Source::Place(_), .. })
            )
        {
            let name = self.sources.text(update.place.span).to_string();
            return self.schedule_update(&name, update, frame, span);
        }
        let place = self.expr(&update.place, frame)?;
        let held = self.held(&place, frame);
        if held.is_empty() {
            let text = self.sources.text(update.place.span);
            let d = Diagnostic::error(
                codes::UPDATE_OUTSIDE,
                format!("`<-` changes a var, a param or a state, and {text} is {}", place.kind()),
            )
            .label(update.place.span, place.kind())
            .help(format!("var {text} = …   declares what a schedule may change"));
            return Err(d.into());
        }
        if let Value::Tensor(Tensor { source: Source::Place(p), .. }) = &place {
            let name = self.program.places[*p].name.to_string();
            if let Value::Host(HostValue { kind: HostKind::Snapshot(_), .. }) =
                self.host_value_of(&update.value, frame)?
            {
                // Falls through to the snapshot below.
            } else {
                return self.schedule_update(&name, update, frame, span);
            }
        }
        match self.host_value_of(&update.value, frame)? {
            Value::Host(HostValue { expr, kind: HostKind::Snapshot(kept) }) => {
                let places: Vec<usize> = held.iter().filter_map(super::own::place_id).collect();
                if kept != places {
                    let d = Diagnostic::error(codes::KIND, "this snapshot is of other places")
                        .label(span, "put back here");
                    return Err(d.into());
                }
                self.push(StmtKind::Restore(places, expr), span);
                Ok(())
            }
            other => fail(
                codes::KIND,
                format!("an instance is changed by a snapshot of it, and this is {}", other.kind()),
                update.value.span,
                other.kind(),
            ),
        }
    }

    /// The header of a loop that runs; its names are bound in `frame`.
    pub fn loop_header(
        &mut self,
        pattern: &ast::Pattern,
        over: Value,
        frame: FrameId,
        span: Span,
    ) -> Outcome<Loop> {
        match over {
            Value::Enumerate(inner) => {
                let ast::PatternKind::Tuple(parts) = &pattern.kind else {
                    return fail(
                        codes::KIND,
                        "`enumerate` gives a number and an element: two names",
                        pattern.span,
                        "one name",
                    );
                };
                let [number, element] = parts.as_slice() else {
                    return fail(
                        codes::KIND,
                        "`enumerate` gives a number and an element: two names",
                        pattern.span,
                        format!("{} names", parts.len()),
                    );
                };
                if let Value::Batches(b) = &*inner
                    && b.before > 0
                {
                    // The smaller last minibatch: a loop of one turn, whose number is known.
                    self.bind_pattern(frame, number, Value::whole(b.before), None)?;
                    return self.loop_header(element, *inner, frame, span);
                }
                let mut header = self.loop_header(element, *inner, frame, span)?;
                let index = self.new_var("index");
                header.index = Some(index);
                self.bind_pattern(frame, number, running(index, HostKind::Number, number.span), None)?;
                Ok(header)
            }
            Value::Range(a, b) => {
                let number = |v: i64| Expr { kind: ExprKind::Number(v as f64), span };
                self.range_header(pattern, number(a), number(b), frame)
            }
            Value::Host(HostValue {
                expr: Expr { kind: ExprKind::Tuple(mut ends), .. },
                kind: HostKind::Tuple(kinds),
            }) if kinds == [HostKind::Number, HostKind::Number] => {
                let (Some(b), Some(a)) = (ends.pop(), ends.pop()) else { return Err(Fail::Reported) };
                self.range_header(pattern, a, b, frame)
            }
            Value::Batches(b) => {
                let mut vars = Vec::new();
                let mut values = Vec::new();
                for (name, elem, axes) in &b.fields {
                    let short = name.rsplit('.').next().unwrap_or(name);
                    let var = self.new_var(short);
                    vars.push(var);
                    values.push(running(var, HostKind::Tensor(*elem, axes.clone()), pattern.span));
                }
                let value = if values.len() == 1 { values.remove(0) } else { Value::Tuple(Arc::new(values)) };
                self.bind_pattern(frame, pattern, value, None)?;
                Ok(Loop { index: None, vars, over: Over::Batches(b.batches.clone()) })
            }
            Value::Host(HostValue { expr, kind: HostKind::List(element) }) => {
                let var = self.new_var("element");
                let value = running(var, *element, pattern.span);
                self.bind_running_parts(frame, pattern, value)?;
                Ok(Loop { index: None, vars: vec![var], over: Over::List(expr) })
            }
            other => fail(
                codes::KIND,
                format!("a loop goes over a range, a list or minibatches, and this is {}", other.kind()),
                span,
                other.kind(),
            ),
        }
    }

    fn range_header(
        &mut self,
        pattern: &ast::Pattern,
        from: Expr,
        to: Expr,
        frame: FrameId,
    ) -> Outcome<Loop> {
        let name = match &pattern.kind {
            ast::PatternKind::Name(ident, _) => ident.name.to_string(),
            ast::PatternKind::Tuple(_) => {
                return fail(codes::KIND, "a range gives numbers: one name", pattern.span, "several names");
            }
        };
        let var = self.new_var(&name);
        self.bind_pattern(frame, pattern, running(var, HostKind::Number, pattern.span), None)?;
        Ok(Loop { index: None, vars: vec![var], over: Over::Range(from, to) })
    }

    /// Binds a pattern to the element of a host list, taken apart by position.
    fn bind_running_parts(&mut self, frame: FrameId, pattern: &ast::Pattern, value: Value) -> Outcome<()> {
        match (&pattern.kind, &value) {
            (
                ast::PatternKind::Tuple(parts),
                Value::Host(HostValue { expr, kind: HostKind::Tuple(kinds) }),
            ) if parts.len() == kinds.len() => {
                for (i, (part, kind)) in parts.iter().zip(kinds).enumerate() {
                    let at = Box::new(Expr { kind: ExprKind::Number(i as f64), span: part.span });
                    let element = Expr { kind: ExprKind::Index(Box::new(expr.clone()), at), span: part.span };
                    self.bind_running_parts(frame, part, host_value(element, kind.clone(), part.span))?;
                }
                Ok(())
            }
            _ => self.bind_pattern(frame, pattern, value, None),
        }
    }

    /// Binds a definition of the schedule: what runs is kept in variables.
    fn bind_running(
        &mut self,
        frame: FrameId,
        pattern: &ast::Pattern,
        value: Value,
        definition: Option<Span>,
        span: Span,
    ) -> Outcome<()> {
        match (&pattern.kind, &value) {
            (ast::PatternKind::Name(ident, _), _) => {
                let value = self.keep_host(value, &ident.name);
                self.bind_pattern(frame, pattern, value, definition)
            }
            (
                ast::PatternKind::Tuple(parts),
                Value::Host(HostValue { expr, kind: HostKind::Tuple(kinds) }),
            ) => {
                if parts.len() != kinds.len() {
                    return fail(
                        codes::KIND,
                        format!("{} names for {} values", parts.len(), kinds.len()),
                        pattern.span,
                        "these names",
                    );
                }
                let vars: Vec<VarId> = parts
                    .iter()
                    .map(|p| match &p.kind {
                        ast::PatternKind::Name(ident, _) => self.new_var(&ident.name),
                        ast::PatternKind::Tuple(_) => self.new_var("part"),
                    })
                    .collect();
                self.push(StmtKind::Let(vars.clone(), expr.clone()), span);
                for ((part, kind), var) in parts.iter().zip(kinds).zip(vars) {
                    let value = running(var, kind.clone(), part.span);
                    match &part.kind {
                        ast::PatternKind::Name(..) => self.bind_pattern(frame, part, value, definition)?,
                        ast::PatternKind::Tuple(_) => {
                            self.bind_running(frame, part, value, definition, span)?
                        }
                    }
                }
                Ok(())
            }
            (ast::PatternKind::Tuple(parts), Value::Tuple(items) | Value::List(items))
                if parts.len() == items.len() =>
            {
                for (part, item) in parts.iter().zip(items.iter()) {
                    self.bind_running(frame, part, item.clone(), definition, span)?;
                }
                Ok(())
            }
            _ => self.bind_pattern(frame, pattern, value, definition),
        }
    }

    /// A value that runs, kept in a variable of the host; others as they are.
    pub fn keep_host(&mut self, value: Value, name: &str) -> Value {
        if self.world != World::Schedule {
            return value;
        }
        match value {
            Value::Host(h) if !matches!(h.expr.kind, ExprKind::Var(_)) => {
                let var = self.new_var(name);
                let span = h.expr.span;
                self.push(StmtKind::Let(vec![var], h.expr), span);
                running(var, h.kind, span)
            }
            Value::Tensor(Tensor { source: Source::Host(expr), elem, axes, span })
                if !matches!(expr.kind, ExprKind::Var(_)) =>
            {
                let var = self.new_var(name);
                self.push(StmtKind::Let(vec![var], *expr), span);
                running(var, HostKind::Tensor(elem, axes), span)
            }
            Value::Tuple(items) => {
                Value::Tuple(Arc::new(items.iter().map(|v| self.keep_host(v.clone(), name)).collect()))
            }
            other => other,
        }
    }
}

/// What a loop runs over in each of its forms: minibatches of one size, then the smaller last one.
pub(super) fn forms(over: Value) -> Vec<Value> {
    match over {
        Value::Batches(b) => match &b.rest {
            Some(rest) if b.batches.count == 0 => vec![Value::Batches(Arc::clone(rest))],
            Some(rest) => vec![Value::Batches(Arc::clone(&b)), Value::Batches(Arc::clone(rest))],
            None => vec![Value::Batches(b)],
        },
        Value::Enumerate(inner) => forms(*inner).into_iter().map(|v| Value::Enumerate(Box::new(v))).collect(),
        other => vec![other],
    }
}

/// The value of a variable.
fn running(var: VarId, kind: HostKind, span: Span) -> Value {
    host_value(Expr { kind: ExprKind::Var(var), span }, kind, span)
}

/// A host expression as a value: a handle of a tensor is a tensor.
pub(super) fn host_value(expr: host::Expr, kind: HostKind, span: Span) -> Value {
    match kind {
        HostKind::Tensor(elem, axes) => {
            Value::Tensor(Tensor { source: Source::Host(Box::new(expr)), elem, axes, span })
        }
        kind => Value::Host(HostValue { expr, kind }),
    }
}
