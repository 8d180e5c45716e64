//! Calls: functions, lists of functions, instances; the header of a function against its arguments.

use super::ops::Given;
use super::state::{Checker, Fail, FrameKind, Outcome, World, fail};
use super::value::*;
use crate::diag::{Diagnostic, codes};
use crate::source::Span;
use crate::syntax::ast;
use std::sync::Arc;

/// Calls within calls that are certainly a mistake.
const DEPTH: usize = 150;

impl Checker<'_> {
    /// Calls a value. `callee` is where it is named, `span` the whole call, `frame` the caller's.
    pub fn call(
        &mut self,
        function: Value,
        given: Vec<Given>,
        callee: Span,
        span: Span,
        frame: FrameId,
    ) -> Outcome<Value> {
        match function {
            Value::Function(f) => self.call_function(f, given, span, frame),
            Value::Builtin(name) if super::ops::BUILTINS.contains(&name) => {
                self.builtin(name, given, callee, span)
            }
            Value::Builtin(name) => self.own_builtin(name, given, callee, span, frame),
            Value::Layer(class) => self.instantiate(class, None, given, span, frame),
            Value::Instance(id) => {
                let inner = self.instances[id].frame;
                match self.frames[inner].names.get("forward").map(|b| b.value.clone()) {
                    Some(Value::Function(f)) => self.call_function(f, given, span, frame),
                    _ => {
                        let class = self.instances[id].class.code.name.clone();
                        let d = Diagnostic::error(
                            codes::KIND,
                            format!("{} has no forward, so it cannot be called", class.name),
                        )
                        .label(callee, "called here")
                        .label(class.span, "this layer");
                        Err(d.help("fn forward(x) = …").into())
                    }
                }
            }
            Value::List(members) | Value::Tuple(members) => {
                self.call_list(&members, given, callee, span, frame)
            }
            Value::Step(step) => self.call_step(step, given, span, frame),
            Value::Schedule(schedule) => self.call_schedule(schedule, given, span, frame),
            Value::Poison => Err(super::state::Fail::Reported),
            other => fail(
                codes::KIND,
                format!("{} cannot be called", other.kind()),
                callee,
                format!("this is {}", other.kind()),
            ),
        }
    }

    /// A list of functions, applied in order; a named argument goes to each member that takes it.
    fn call_list(
        &mut self,
        members: &[Value],
        given: Vec<Given>,
        callee: Span,
        span: Span,
        frame: FrameId,
    ) -> Outcome<Value> {
        let (named, positional): (Vec<Given>, Vec<Given>) = given.into_iter().partition(|g| g.name.is_some());
        let [first] = positional.as_slice() else {
            return fail(
                codes::UNKNOWN_ARGUMENT,
                format!("a list of functions takes one argument, and is given {}", positional.len()),
                span,
                "this call",
            );
        };
        for n in &named {
            let name = n.name.as_ref().map(|i| Arc::clone(&i.name)).unwrap_or_else(|| "".into());
            if !members.iter().any(|m| self.takes(m, &name)) {
                let at = n.name.as_ref().map_or(n.span, |i| i.span);
                return fail(
                    codes::UNKNOWN_ARGUMENT,
                    format!("no member of this list takes {name}"),
                    at,
                    "given here",
                );
            }
        }
        let mut value = first.clone();
        let mut way = vec![self.shape_on_the_way(&value.value)];
        for member in members {
            let mut arguments = vec![value.clone()];
            for n in &named {
                if n.name.as_ref().is_some_and(|i| self.takes(member, &i.name)) {
                    arguments.push(n.clone());
                }
            }
            let given = self.call(member.clone(), arguments, callee, span, frame);
            let given = given.map_err(|e| on_the_way(e, &way, &self.member_name(member)))?;
            way.push(format!("{} {}", self.member_name(member), self.shape_on_the_way(&given)));
            value = Given { name: None, value: given, span };
        }
        Ok(value.value)
    }

    /// What flows between the members of a list, for messages.
    fn shape_on_the_way(&self, value: &Value) -> String {
        match value {
            Value::Tensor(t) => self.shape_text(&t.axes),
            other => other.kind().into(),
        }
    }

    fn member_name(&self, member: &Value) -> String {
        match member {
            Value::Function(f) => f.code.name.name.to_string(),
            Value::Builtin(name) => (*name).into(),
            Value::Instance(id) => self.instances[*id].class.code.name.name.to_string(),
            other => other.kind().into(),
        }
    }

    /// Whether a function has a parameter of a name.
    fn takes(&self, function: &Value, name: &str) -> bool {
        match function {
            Value::Function(f) => f.code.params.iter().any(|p| &*p.name.name == name),
            Value::Instance(id) => match self.frames[self.instances[*id].frame].names.get("forward") {
                Some(b) => self.takes(&b.value, name),
                None => false,
            },
            Value::List(members) => members.iter().any(|m| self.takes(m, name)),
            _ => false,
        }
    }

    /// A call of a function of the program: its body is evaluated in place.
    pub fn call_function(
        &mut self,
        f: Closure<ast::Function>,
        given: Vec<Given>,
        span: Span,
        caller: FrameId,
    ) -> Outcome<Value> {
        if self.calls.len() >= DEPTH {
            return fail(
                codes::RECURSION,
                format!("{} is called {DEPTH} calls deep", f.code.name.name),
                span,
                "this call",
            );
        }
        let frame = self.push_frame(Some(f.frame), FrameKind::Call);
        let what = format!("{}(…)", f.code.name.name);
        self.bind_formals(&f.code.params, given, frame, &what, f.code.header, span)?;
        let path = match self.frames[f.frame].kind {
            FrameKind::Instance(id) if self.instances[id].path.is_empty() => f.code.name.name.to_string(),
            FrameKind::Instance(id) => format!("{}.{}", self.instances[id].path, f.code.name.name),
            _ => f.code.name.name.to_string(),
        };
        self.calls.push((f.code.span, span));
        let pushed = self.world != World::Compile;
        if pushed {
            self.identity.enter(&path);
            self.path.push(path);
        }
        let result = match &f.code.body {
            ast::Body::Expr(e) => self.expr(e, frame),
            ast::Body::Block(block) => self.function_block(block, frame),
        };
        if pushed {
            self.path.pop();
            self.identity.leave();
        }
        self.calls.pop();
        let mut result = result?;
        if !f.code.result.is_empty() {
            result = self.declared_result(&f.code, result, frame)?;
        }
        Ok(self.leave_value(result, frame, caller))
    }
}

/// Adds the shapes from the start of a list of functions to the member that refused its input.
fn on_the_way(e: Fail, way: &[String], member: &str) -> Fail {
    match e {
        Fail::Message(d)
            if d.code == codes::LAYER_INPUT && !d.notes.iter().any(|n| n.starts_with("on the way")) =>
        {
            d.note(format!("on the way: {}, then {member}", way.join(" "))).into()
        }
        other => other,
    }
}
