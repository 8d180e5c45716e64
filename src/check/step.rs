//! Steps: one form for each combination of shapes and compile-time arguments, and the expressions
//! of the schedule, which become steps that change nothing.

use super::ops::Given;
use super::state::{Build, Checker, FrameKind, Outcome, World, fail};
use super::value::*;
use crate::diag::{Diagnostic, codes};
use crate::program::{Elem, Step, StepArg, StepId, TensorType, ValueOp, host};
use crate::source::Span;
use crate::syntax::ast;
use std::sync::Arc;

/// Families of steps: the forms of one declared step, or one statement of the schedule, share a
/// count of runs.
#[derive(Default)]
pub(super) struct Families {
    /// The family and the identity of each declared step, by code and frame.
    declared: std::collections::BTreeMap<String, (usize, String)>,
    count: usize,
}

impl Families {
    /// The family of a step that has no other form.
    fn alone(&mut self) -> usize {
        self.count += 1;
        self.count - 1
    }

    /// The family of a declared step, and the name that the paths of its draws begin with: its own,
    /// numbered if an earlier step has it.
    fn declared(&mut self, key: String, name: &str) -> (usize, String) {
        if let Some(found) = self.declared.get(&key) {
            return found.clone();
        }
        let taken = |candidate: &str| self.declared.values().any(|(_, n)| n == candidate);
        let numbered = (2..).map(|i| format!("{name}#{i}"));
        let own = std::iter::once(name.to_string()).chain(numbered).find(|n| !taken(n));
        let made = (self.alone(), own.unwrap_or_default());
        self.declared.insert(key, made.clone());
        made
    }
}

impl Checker<'_> {
    /// A call of a step in the schedule.
    pub fn call_step(
        &mut self,
        step: Closure<ast::Step>,
        given: Vec<Given>,
        span: Span,
        _caller: FrameId,
    ) -> Outcome<Value> {
        let code = Arc::clone(&step.code);
        if self.world != World::Schedule {
            let d = Diagnostic::error(
                codes::WORLD,
                format!("{} is a step, and steps are called by the schedule", code.name.name),
            )
            .label(span, "called here")
            .label(code.header, "declared here")
            .help(format!("fn {}(…)   for what a step is to share", code.name.name));
            return Err(d.into());
        }
        let name = match self.frames[step.frame].kind {
            FrameKind::Instance(id) => format!("{}.{}", self.instances[id].path, code.name.name),
            _ => code.name.name.to_string(),
        };
        let mut key = format!("{:p} {}", Arc::as_ptr(&code), step.frame);
        let mut passed = Vec::new();
        let mut form = Vec::new();
        for (i, g) in given.iter().enumerate() {
            let formal = match &g.name {
                Some(n) => n.name.to_string(),
                None => code.params.get(i).map_or_else(|| i.to_string(), |f| f.name.name.to_string()),
            };
            let part = match &g.value {
                Value::Host(h) if matches!(h.kind, HostKind::Number | HostKind::Bool) => {
                    passed.push(host::Argument::Scalar(h.expr.clone()));
                    format!("{:?}", h.kind)
                }
                Value::Tensor(Tensor { source: Source::Host(expr), elem, axes, .. }) => {
                    passed.push(host::Argument::Tensor((**expr).clone()));
                    form.push(format!("{formal}{}", self.shape_text(axes)));
                    format!("{elem:?} {axes:?}")
                }
                Value::Tensor(Tensor { source: Source::Local(serial, _), span: made, .. })
                    if *serial != self.setup.serial =>
                {
                    let title = "a value that one expression of the schedule computes is used inside another";
                    return Err(Diagnostic::error(codes::WORLD, title)
                        .label(g.span, "given to a step here")
                        .label(*made, "computed here")
                        .help("define it in the schedule first, and give it as an argument")
                        .into());
                }
                other => {
                    let text = self.value_key(other);
                    if let Some((v, _)) = self.number(other) {
                        form.push(format!("{formal} = {v}"));
                    } else if let Value::Instance(id) = other {
                        form.push(format!("{formal} = {}", self.instances[*id].path));
                    }
                    text
                }
            };
            key.push_str(&format!("; {formal}: {part}"));
        }
        let id = match self.made.get(&key) {
            Some(id) => *id,
            None => {
                let id = self.make_step(&step, &name, form.join(", "), given, span)?;
                self.made.insert(key, id);
                id
            }
        };
        let expr = host::Expr { kind: host::ExprKind::Call(id, passed), span };
        Ok(Value::Host(HostValue { expr, kind: HostKind::Record(id) }))
    }

    /// Evaluates a step's body for one form.
    fn make_step(
        &mut self,
        step: &Closure<ast::Step>,
        name: &str,
        form: String,
        given: Vec<Given>,
        span: Span,
    ) -> Outcome<StepId> {
        self.serial += 1;
        let key = format!("{:p} {}", Arc::as_ptr(&step.code), step.frame);
        let (family, own) = self.families.declared(key, name);
        let identity = std::mem::replace(&mut self.identity, super::draws::Identity::of(&own));
        let builds = std::mem::replace(&mut self.builds, vec![Build::new(self.serial)]);
        let world = std::mem::replace(&mut self.world, World::Step);
        let path = std::mem::replace(&mut self.path, vec![name.to_string()]);
        let block = std::mem::take(&mut self.block);
        let reported = std::mem::take(&mut self.reported);
        let result = self.step_body(step, name, given, span);
        let build = self.builds.pop();
        let reports = std::mem::replace(&mut self.reported, reported);
        self.builds = builds;
        self.identity = identity;
        self.world = world;
        self.path = path;
        self.block = block;
        result?;
        let Some(build) = build else { return fail(codes::WORLD, "a step without a body", span, "here") };
        for (place, read) in &build.late {
            let Some(changed) = build.changed.get(place) else { continue };
            let name = &self.program.places[*place].name;
            let short = name.rsplit('.').next().unwrap_or(name);
            let d = Diagnostic::warning(
                codes::LATE_READ,
                format!("{name} is read below its own change, and gives the old value"),
            )
            .label(*read, "reads the value from before the step")
            .label(*changed, "changed here")
            .help(format!("next = …; {short} <- next   and read next: changes stand last in a body"));
            self.warn(d);
        }
        self.add_step(name.to_string(), form, build, Some(family), step.code.header, reports)
    }

    fn step_body(
        &mut self,
        step: &Closure<ast::Step>,
        name: &str,
        given: Vec<Given>,
        span: Span,
    ) -> Outcome<()> {
        let frame = self.push_frame(Some(step.frame), FrameKind::Call);
        let mut inside = Vec::new();
        for (i, g) in given.into_iter().enumerate() {
            let formal = match &g.name {
                Some(n) => Arc::clone(&n.name),
                None => {
                    step.code.params.get(i).map_or_else(|| "argument".into(), |f| Arc::clone(&f.name.name))
                }
            };
            let value = match &g.value {
                Value::Host(h) if matches!(h.kind, HostKind::Number | HostKind::Bool) => {
                    let elem = if h.kind == HostKind::Bool { Elem::Bool } else { Elem::Real };
                    Value::Tensor(self.argument(formal, elem, Vec::new(), g.span))
                }
                Value::Host(h) => {
                    let title =
                        format!("a step takes tensors and numbers, and is given {}", h.kind.describe());
                    return fail(codes::KIND, title, g.span, h.kind.describe());
                }
                Value::Tensor(Tensor { source: Source::Host(_), elem, axes, .. }) => {
                    Value::Tensor(self.argument(formal, *elem, axes.clone(), g.span))
                }
                other => other.clone(),
            };
            inside.push(Given { value, ..g });
        }
        self.bind_formals(&step.code.params, inside, frame, name, step.code.header, span)?;
        // Names of the header are the ones to show for the arguments' axes.
        for formal in &step.code.params {
            if let Some(Value::Tensor(t)) =
                self.frames[frame].names.get(&formal.name.name).map(|b| b.value.clone())
                && let Source::Local(_, id) = t.source
            {
                let ty = self.tensor_type(t.elem, &t.axes);
                let build = self.build();
                if let ValueOp::Arg(at) = build.body.values[id].op {
                    build.body.values[id].ty = ty.clone();
                    build.args[at].ty = ty;
                }
            }
        }
        match self.statements(&step.code.body.stmts, frame)? {
            None => Ok(()),
            Some(_) => fail(
                codes::WORLD,
                "a step reports, and does not return",
                step.code.body.span,
                "`return` in here",
            ),
        }
    }

    fn argument(&mut self, name: Arc<str>, elem: Elem, axes: Vec<Axis>, span: Span) -> Tensor {
        let ty: TensorType = self.tensor_type(elem, &axes);
        let build = self.build();
        let at = build.args.len();
        build.args.push(StepArg { name: Arc::clone(&name), ty });
        let t = self.emit(ValueOp::Arg(at), vec![], elem, axes, span);
        if let Source::Local(_, id) = t.source {
            self.build().body.values[id].name = Some(name);
        }
        t
    }

    fn add_step(
        &mut self,
        name: String,
        form: String,
        build: Build,
        family: Option<usize>,
        span: Span,
        reports: Vec<(Arc<str>, Elem, Vec<Axis>)>,
    ) -> Outcome<StepId> {
        let declared = family.is_some();
        let family = family.unwrap_or_else(|| self.families.alone());
        self.program.steps.push(Step {
            name,
            form,
            args: build.args,
            body: build.body,
            declared,
            family,
            span,
        });
        self.reports.push(reports);
        Ok(self.program.steps.len() - 1)
    }

    /// What tells a compile-time argument from another.
    fn value_key(&self, value: &Value) -> String {
        if let Value::Dim(d) = value {
            return format!("dim {d}");
        }
        if let Some((v, whole)) = self.number(value) {
            return format!("{:x} {whole}", v.to_bits());
        }
        match value {
            Value::Text(t) => format!("{t:?}"),
            Value::Bool(b) => b.to_string(),
            Value::List(items) | Value::Tuple(items) => {
                format!("[{}]", items.iter().map(|v| self.value_key(v)).collect::<Vec<_>>().join(", "))
            }
            Value::Range(a, b) => format!("{a}..{b}"),
            Value::Function(c) => format!("fn {:p} {}", Arc::as_ptr(&c.code), c.frame),
            Value::Builtin(b) => (*b).into(),
            Value::Layer(c) => format!("layer {:p} {}", Arc::as_ptr(&c.code), c.frame),
            Value::Instance(i) => format!("instance {i}"),
            Value::Stream(s) => format!("stream {s}"),
            Value::Data(d) => format!("data {d}"),
            Value::Tensor(t) => format!("tensor {:?} {:?}", t.source, t.axes),
            other => other.kind().into(),
        }
    }

    /// The value of an expression of the schedule: what it computes on tensors is a step of its own.
    pub fn host_value_of(&mut self, e: &ast::Expr, frame: FrameId) -> Outcome<Value> {
        if self.world != World::Schedule {
            return self.expr(e, frame);
        }
        self.in_expression(e.span, |checker| checker.expr(e, frame))
    }

    /// A value of the schedule: what is computed on tensors for it is a step of its own.
    pub fn in_expression(
        &mut self,
        span: Span,
        value: impl FnOnce(&mut Self) -> Outcome<Value>,
    ) -> Outcome<Value> {
        let outer = std::mem::take(&mut self.builds);
        let value = value(self);
        let mut inner = std::mem::replace(&mut self.builds, outer);
        match inner.pop() {
            Some(build) => self.export(value?, build, span),
            None => value,
        }
    }

    /// Gives to the host what a value holds of the body of an expression.
    fn export(&mut self, value: Value, mut build: Build, span: Span) -> Outcome<Value> {
        let mut locals: Vec<Tensor> = Vec::new();
        collect_locals(&value, build.serial, &mut locals);
        if locals.is_empty() {
            return Ok(value);
        }
        let mut reports = Vec::new();
        for (i, t) in locals.iter().enumerate() {
            let Source::Local(_, id) = t.source else { continue };
            let name: Arc<str> = if locals.len() == 1 { "value".into() } else { format!("value{i}").into() };
            build.body.reports.push((Arc::clone(&name), id, span));
            reports.push((name, t.elem, t.axes.clone()));
        }
        let passed = std::mem::take(&mut build.passed);
        let serial = build.serial;
        let text: String = self
            .sources
            .text(span)
            .split_whitespace()
            .collect::<Vec<_>>()
            .join(" ")
            .chars()
            .take(60)
            .collect();
        let id = self.add_step(text, String::new(), build, None, span, reports)?;
        let mut record = host::Expr { kind: host::ExprKind::Call(id, passed), span };
        if locals.len() > 1 {
            let var = self.new_var("value");
            self.block.push(host::Stmt { kind: host::StmtKind::Let(vec![var], record), span });
            record = host::Expr { kind: host::ExprKind::Var(var), span };
        }
        let order: Vec<_> = locals.iter().map(|t| local_id(t, serial)).collect();
        Ok(replace_locals(value, serial, &order, &record, span))
    }

    /// A value as the host can hold it.
    pub fn hosted(&mut self, value: Value, span: Span) -> Outcome<HostValue> {
        match value {
            Value::Tensor(t) => match t.source.clone() {
                Source::Host(expr) => Ok(HostValue { expr: *expr, kind: HostKind::Tensor(t.elem, t.axes) }),
                _ => {
                    let outer = std::mem::take(&mut self.builds);
                    let id = self.import(&t, span);
                    let mut inner = std::mem::replace(&mut self.builds, outer);
                    let Some(build) = inner.pop() else {
                        return fail(
                            codes::WORLD,
                            "a tensor stands where only numbers can",
                            span,
                            "a tensor",
                        );
                    };
                    let local = Tensor { source: Source::Local(build.serial, id), ..t };
                    let exported = self.export(Value::Tensor(local), build, span)?;
                    self.hosted(exported, span)
                }
            },
            Value::Tuple(items) => {
                let parts =
                    items.iter().map(|v| self.hosted(v.clone(), span)).collect::<Outcome<Vec<_>>>()?;
                let kinds = parts.iter().map(|p| p.kind.clone()).collect();
                let expr = host::Expr {
                    kind: host::ExprKind::Tuple(parts.into_iter().map(|p| p.expr).collect()),
                    span,
                };
                Ok(HostValue { expr, kind: HostKind::Tuple(kinds) })
            }
            Value::List(items) => {
                let parts =
                    items.iter().map(|v| self.hosted(v.clone(), span)).collect::<Outcome<Vec<_>>>()?;
                let kind = parts.first().map_or(HostKind::Unknown, |p| p.kind.clone());
                let expr = host::Expr {
                    kind: host::ExprKind::List(parts.into_iter().map(|p| p.expr).collect()),
                    span,
                };
                Ok(HostValue { expr, kind: HostKind::List(Box::new(kind)) })
            }
            other => match self.host_expr(&other, span) {
                Some(h) => Ok(h),
                None => fail(
                    codes::KIND,
                    format!("the schedule cannot hold {}", other.kind()),
                    span,
                    other.kind(),
                ),
            },
        }
    }

    /// `place <- tensor` or `place[i] <- tensor` in the schedule: a step that changes it.
    pub fn schedule_update(
        &mut self,
        name: &str,
        update: &ast::Update,
        frame: FrameId,
        span: Span,
    ) -> Outcome<()> {
        let outer = std::mem::take(&mut self.builds);
        let made = self.arrow(update, frame, span);
        let mut inner = std::mem::replace(&mut self.builds, outer);
        made?;
        let Some(mut build) = inner.pop() else { return Ok(()) };
        let passed = std::mem::take(&mut build.passed);
        let id = self.add_step(format!("{name} <-"), String::new(), build, None, span, Vec::new())?;
        let call = host::Expr { kind: host::ExprKind::Call(id, passed), span };
        self.block.push(host::Stmt { kind: host::StmtKind::Do(call), span });
        Ok(())
    }
}

fn local_id(t: &Tensor, serial: usize) -> Option<usize> {
    match t.source {
        Source::Local(s, id) if s == serial => Some(id),
        _ => None,
    }
}

fn collect_locals(value: &Value, serial: usize, found: &mut Vec<Tensor>) {
    match value {
        Value::Tensor(t) => {
            if let Some(id) = local_id(t, serial)
                && !found.iter().any(|f| local_id(f, serial) == Some(id))
            {
                found.push(t.clone());
            }
        }
        Value::Tuple(items) | Value::List(items) => {
            items.iter().for_each(|v| collect_locals(v, serial, found))
        }
        _ => {}
    }
}

fn replace_locals(
    value: Value,
    serial: usize,
    order: &[Option<usize>],
    record: &host::Expr,
    span: Span,
) -> Value {
    match value {
        Value::Tensor(t) => {
            match local_id(&t, serial).and_then(|id| order.iter().position(|o| *o == Some(id))) {
                Some(at) => super::eval::report_value(record.clone(), at, t.elem, &t.axes, span),
                None => Value::Tensor(t),
            }
        }
        Value::Tuple(items) => Value::Tuple(Arc::new(
            items.iter().map(|v| replace_locals(v.clone(), serial, order, record, span)).collect(),
        )),
        Value::List(items) => Value::list(
            items.iter().map(|v| replace_locals(v.clone(), serial, order, record, span)).collect(),
        ),
        other => other,
    }
}
