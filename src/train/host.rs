//! The statements of a schedule.

use super::place::Position;
use super::queue::Queue;
use super::recorder::Recorder;
use super::sink::Logged;
use super::value::Value;
use super::{Flow, Options};
use crate::diag::{Code, Diagnostic, codes};
use crate::ir::{Module, Tensor};
use crate::program::host::{Batches, Expr, ExprKind, Format, Loop, Over, Stmt, StmtKind, VarId};
use crate::program::{PlaceId, Program};
use crate::source::Span;
use crate::train::format;
use std::path::PathBuf;
use std::sync::Arc;

/// The host: variables, a position, and the queue.
pub struct Host<'a> {
    pub(super) program: &'a Program,
    pub(super) module: &'a Module,
    pub(super) queue: Queue<'a>,
    pub(super) position: Position,
    pub(super) vars: Vec<Option<Value>>,
    /// How often each draw of the schedule was made.
    pub(super) drawn: Vec<u32>,
    pub(super) folder: PathBuf,
    pub(super) out: PathBuf,
}

/// A mistake of the schedule that shows only now.
pub fn mistake(code: Code, title: impl Into<String>, span: Span, label: impl Into<String>) -> Flow {
    Diagnostic::error(code, title).label(span, label).into()
}

impl<'a> Host<'a> {
    /// A host at the start of the run.
    pub fn new(program: &'a Program, module: &'a Module, queue: Queue<'a>, options: &Options) -> Host<'a> {
        Host {
            program,
            module,
            queue,
            position: Position::new(program),
            vars: vec![None; program.host.vars.len()],
            drawn: vec![0; program.host.draws.len()],
            folder: options.folder.clone(),
            out: options.out.clone().unwrap_or_default(),
        }
    }

    /// Goes through the schedule; what is queued at its end is carried out.
    pub fn run(&mut self) -> Result<(), Flow> {
        let program = self.program;
        match self.block(&program.host.body) {
            Ok(()) | Err(Flow::Stop) => self.queue.finish(),
            Err(other) => Err(other),
        }
    }

    /// Whom events go to.
    pub fn recorder(&mut self) -> &mut Recorder<'a> {
        &mut self.queue.recorder
    }

    pub(super) fn block(&mut self, stmts: &[Stmt]) -> Result<(), Flow> {
        stmts.iter().try_for_each(|stmt| self.stmt(stmt))
    }

    fn stmt(&mut self, stmt: &Stmt) -> Result<(), Flow> {
        match &stmt.kind {
            StmtKind::Let(vars, value) => {
                let span = value.span;
                let value = self.eval(value)?;
                self.bind(vars, value, span)
            }
            StmtKind::Set(var, value) => {
                self.vars[*var] = Some(self.eval(value)?);
                Ok(())
            }
            StmtKind::Do(value) => self.eval(value).map(drop),
            StmtKind::For(over, body) => self.turns(over, &mut |host| host.block(body)),
            StmtKind::If(condition, yes, no) => {
                let branch = if self.truth(condition)? { yes } else { no };
                self.block(branch)
            }
            StmtKind::Phase(name, body) => {
                let name = self.text(name)?;
                self.position.enter(name);
                let result = self.block(body);
                self.position.leave();
                match result {
                    Err(Flow::Stop) => Ok(()),
                    other => other,
                }
            }
            StmtKind::Stop => Err(Flow::Stop),
            StmtKind::Report(name, value) => {
                let value = self.eval(value)?;
                let value = self.awaited(&value)?;
                self.queue.flush()?;
                let (moment, iteration) = (self.position.here(), self.position.latest());
                self.recorder().report(&moment, iteration, name, logged(&value));
                Ok(())
            }
            StmtKind::Assert(condition, message) => self.assert(condition, message.as_ref()),
            StmtKind::Restore(places, value) => {
                let span = value.span;
                let value = self.eval(value)?;
                self.restore(places, &value, span)
            }
        }
    }

    /// The turns of a loop. The body is run once for each element, after it is bound.
    pub(super) fn turns(
        &mut self,
        over: &Loop,
        body: &mut dyn FnMut(&mut Self) -> Result<(), Flow>,
    ) -> Result<(), Flow> {
        let mut span = None;
        let (elements, count) = match &over.over {
            Over::Range(from, to) => {
                span = Some(from.span);
                let (from, to) = (self.whole(from)?, self.whole(to)?);
                (Elements::Range(from), usize::try_from(to - from).unwrap_or(0))
            }
            Over::Batches(batches) => (Elements::Batches(batches, self.order(batches)?), batches.count),
            Over::List(list) => {
                span = Some(list.span);
                let values = self.list(list)?;
                let count = values.len();
                (Elements::List(values), count)
            }
        };
        self.position.begin_loop(count, matches!(elements, Elements::Range(_)));
        let mut result = Ok(());
        for at in 0..count {
            self.position.turn(at);
            let element = match &elements {
                Elements::Range(from) => Value::Number((from + at as i64) as f64),
                Elements::Batches(batches, order) => self.minibatch(batches, order.as_deref(), at),
                Elements::List(values) => values[at].clone(),
            };
            result = self.turn(over, element, at, span).and_then(|()| body(self));
            if result.is_err() {
                break;
            }
        }
        self.position.end_loop();
        result
    }

    fn turn(&mut self, over: &Loop, element: Value, at: usize, span: Option<Span>) -> Result<(), Flow> {
        self.queue.interrupted()?;
        let position = &self.position;
        self.queue.recorder.progress(|| (position.here(), position.fraction()));
        if let Some(index) = over.index {
            self.vars[index] = Some(Value::Number(at as f64));
        }
        match over.vars.as_slice() {
            [] => Ok(()),
            [one] => {
                self.vars[*one] = Some(element);
                Ok(())
            }
            several => self.take_apart(several, &element, span),
        }
    }

    pub(super) fn bind(&mut self, vars: &[VarId], value: Value, span: Span) -> Result<(), Flow> {
        match vars {
            [one] => {
                self.vars[*one] = Some(value);
                Ok(())
            }
            several => self.take_apart(several, &value, Some(span)),
        }
    }

    fn take_apart(&mut self, vars: &[VarId], value: &Value, span: Option<Span>) -> Result<(), Flow> {
        let parts: Vec<Value> = match value {
            Value::Tuple(values) | Value::List(values) => values.to_vec(),
            Value::Record(call) => {
                let count = self.module.steps[call.step].reports.len();
                (0..count).map(|report| Value::Pending { call: Arc::clone(call), report }).collect()
            }
            _ => Vec::new(),
        };
        if parts.len() != vars.len() {
            let title = format!("{} names for {} of {} parts", vars.len(), value.kind(), parts.len());
            let error = Diagnostic::error(codes::KIND, title);
            return Err(match span {
                Some(span) => error.label(span, ""),
                None => error,
            }
            .into());
        }
        for (var, part) in vars.iter().zip(parts) {
            self.vars[*var] = Some(part);
        }
        Ok(())
    }

    fn assert(&mut self, condition: &Expr, message: Option<&Expr>) -> Result<(), Flow> {
        if self.truth(condition)? {
            return Ok(());
        }
        let title = match message {
            Some(message) => self.text(message)?.to_string(),
            None => "the assertion does not hold".to_owned(),
        };
        let mut error = Diagnostic::error(codes::ASSERT_AT_RUN, title).label(condition.span, "is false");
        if let ExprKind::Map(_, args) = &condition.kind {
            for arg in args.iter().filter(|arg| !matches!(arg.kind, ExprKind::Number(_))) {
                let value = self.eval(arg)?;
                let value = self.awaited(&value)?;
                error = error.label(arg.span, format!("is {}", format::value(&value, Format::default())));
            }
            // Labels on one line must not overlap: the parts say more than the whole.
            if error.labels.len() > 1 {
                error.labels.remove(0);
            }
        }
        Err(error.into())
    }

    fn restore(&mut self, places: &[PlaceId], value: &Value, span: Span) -> Result<(), Flow> {
        let Value::Snapshot(kept) = value else {
            let title = format!("{} cannot be put back into places", value.kind());
            return Err(mistake(codes::KIND, title, span, "is not a snapshot"));
        };
        let mut values: Vec<(PlaceId, Tensor)> = Vec::with_capacity(places.len());
        for (at, place) in places.iter().enumerate() {
            // The same places by identity; those of a like instance by position.
            let found = kept.iter().find(|(id, _)| id == place).or_else(|| kept.get(at));
            match found.filter(|(_, tensor)| tensor.ty == self.module.places[*place].ty) {
                Some((_, tensor)) => values.push((*place, tensor.clone())),
                None => {
                    let title = format!("the snapshot has nothing for {}", self.module.places[*place].name);
                    return Err(mistake(codes::KIND, title, span, "was taken of other places"));
                }
            }
        }
        self.queue.write(&values)
    }
}

/// What a loop goes through.
enum Elements<'l> {
    Range(i64),
    Batches(&'l Batches, Option<Vec<usize>>),
    List(Arc<[Value]>),
}

fn logged(value: &Value) -> Logged {
    match value {
        Value::Number(v) => Logged::Number(*v),
        Value::Bool(v) => Logged::Bool(*v),
        Value::Tensor(tensor) => Logged::Shape(tensor.ty.shape.clone()),
        Value::List(values) | Value::Tuple(values) => Logged::List(values.iter().map(logged).collect()),
        other => Logged::Text(format::value(other, Format::default())),
    }
}
