//! The host: carries out the instructions of a schedule one after another.
//!
//! Between two instructions the state of the run is what [`Host`] holds and what the queue holds of
//! places and counts; there it may be kept, and taken up again.

use super::checkpoint::Keeper;
use super::code::{self, Code, Op};
use super::place::{Elements, Position};
use super::queue::Queue;
use super::recorder::Recorder;
use super::sink::Logged;
use super::value::Value;
use super::{End, Failure, Options};
use crate::diag::{Code as Kind, Diagnostic, codes};
use crate::ir::{Module, Tensor};
use crate::program::host::{Expr, ExprKind, Format, Loop, Over, VarId};
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
    /// Whether the instruction under way has written a file that the program may read again.
    pub(super) saved: bool,
    code: Arc<Code>,
    pub(super) keeper: Keeper,
    cut_after: Option<u64>,
}

/// A mistake of the schedule that shows only now.
pub fn mistake(code: Kind, title: impl Into<String>, span: Span, label: impl Into<String>) -> Failure {
    Diagnostic::error(code, title).label(span, label).into()
}

impl<'a> Host<'a> {
    /// A host at the start of the run, or where the options say that it goes on.
    pub fn new(
        program: &'a Program,
        module: &'a Module,
        queue: Queue<'a>,
        options: &'a Options,
    ) -> Result<Host<'a>, Failure> {
        let code = Arc::new(code::code(&program.host));
        let mut host = Host {
            program,
            module,
            queue,
            position: Position::new(program),
            vars: vec![None; code.vars],
            drawn: vec![0; program.host.draws.len()],
            folder: options.folder.clone(),
            out: options.out.clone().unwrap_or_default(),
            saved: false,
            keeper: Keeper::new(options, code.loads()),
            code,
            cut_after: options.cut_after,
        };
        host.recorder().curves.kept = host.code.draws_curves();
        if let Some(path) = &options.resume {
            host.take_up(path, options)?;
        }
        Ok(host)
    }

    /// Goes through the schedule; what is queued at its end is carried out.
    pub fn run(&mut self) -> Result<End, Failure> {
        let code = Arc::clone(&self.code);
        let mut done = 0;
        while let Some(instruction) = code.all.get(self.position.at) {
            let cut = self.cut_after == Some(done);
            if cut || self.queue.interrupted() {
                self.queue.flush()?;
                self.keep()?;
                return Ok(End::Interrupted);
            }
            if matches!(instruction.op, Op::Turn { .. }) && self.keeper.due() {
                self.keep_if_possible()?;
            }
            self.position.at += 1;
            done += 1;
            self.carry_out(&instruction.op)?;
            for var in instruction.ends.clone() {
                self.vars[var] = None;
            }
            if std::mem::take(&mut self.saved) && self.keeper.reads_again {
                self.keep_if_possible()?;
            }
        }
        self.queue.finish()?;
        self.keeper.done();
        Ok(End::Completed)
    }

    /// How many seconds the run took before it was taken up.
    pub fn seconds_before(&self) -> f64 {
        self.keeper.before
    }

    /// Whom events go to.
    pub fn recorder(&mut self) -> &mut Recorder<'a> {
        &mut self.queue.recorder
    }

    fn carry_out(&mut self, op: &Op) -> Result<(), Failure> {
        match op {
            Op::Let(vars, value) => {
                let span = value.span;
                if let ([var], ExprKind::Snapshot(_)) = (vars.as_slice(), &value.kind) {
                    // The one before it goes first: the new one does not depend on it.
                    self.vars[*var] = None;
                }
                let value = self.eval(value)?;
                self.bind(vars, value, Some(span))
            }
            Op::Append(var, value) => {
                let value = self.eval(value)?;
                match &mut self.vars[*var] {
                    Some(Value::List(list)) => Arc::make_mut(list).push(value),
                    other => panic!("a comprehension appends to {other:?}"),
                }
                Ok(())
            }
            Op::Do(value) => self.eval(value).map(drop),
            Op::Begin(over) => self.begin(over),
            Op::Turn { over, end } => self.turn(over, *end),
            Op::Jump(to) => {
                self.position.at = *to;
                Ok(())
            }
            Op::Unless(condition, to) => {
                if !self.truth(condition)? {
                    self.position.at = *to;
                }
                Ok(())
            }
            Op::Enter(name) => {
                let name = self.text(name)?;
                self.position.enter(name);
                Ok(())
            }
            Op::Leave => {
                self.position.leave();
                Ok(())
            }
            Op::Report(name, value) => {
                let value = self.eval(value)?;
                let value = self.awaited(&value)?;
                self.queue.flush()?;
                let (moment, iteration) = (self.position.here(), self.position.latest());
                self.recorder().report(&moment, iteration, name, logged(&value));
                Ok(())
            }
            Op::Assert(condition, message) => self.assert(condition, message.as_ref()),
            Op::Restore(places, value) => {
                let span = value.span;
                let value = self.eval(value)?;
                self.restore(places, &value, span)
            }
        }
    }

    fn begin(&mut self, over: &Over) -> Result<(), Failure> {
        let (elements, count) = match over {
            Over::Range(from, to) => {
                let (from, to) = (self.whole(from)?, self.whole(to)?);
                (Elements::Range(from), usize::try_from(to - from).unwrap_or(0))
            }
            Over::Batches(batches) => (Elements::Batches(self.order(batches)?.map(Arc::new)), batches.count),
            Over::List(list) => {
                let values = self.list(list)?;
                let count = values.len();
                (Elements::List(values), count)
            }
        };
        self.position.begin_loop(count, elements);
        Ok(())
    }

    /// The next turn of a loop: binds its element, or goes on behind the loop.
    fn turn(&mut self, over: &Loop, end: code::At) -> Result<(), Failure> {
        let Some((at, elements)) = self.position.turn() else {
            self.position.at = end;
            return Ok(());
        };
        let position = &self.position;
        self.queue.recorder.progress(|| (position.here(), position.fraction()));
        let element = match (&elements, &over.over) {
            (Elements::Range(from), _) => Value::Number((from + at as i64) as f64),
            (Elements::List(values), _) => values[at].clone(),
            (Elements::Batches(order), Over::Batches(batches)) => {
                self.minibatch(batches, order.as_ref().map(|o| o.as_slice()), at)
            }
            (Elements::Batches(_), Over::Range(..) | Over::List(_)) => {
                unreachable!("minibatches of something else")
            }
        };
        if let Some(index) = over.index {
            self.vars[index] = Some(Value::Number(at as f64));
        }
        let span = match &over.over {
            Over::Range(from, _) => Some(from.span),
            Over::List(list) => Some(list.span),
            Over::Batches(_) => None,
        };
        self.bind(&over.vars, element, span)
    }

    fn bind(&mut self, vars: &[VarId], value: Value, span: Option<Span>) -> Result<(), Failure> {
        match vars {
            [] => Ok(()),
            [one] => {
                self.vars[*one] = Some(value);
                Ok(())
            }
            several => self.take_apart(several, &value, span),
        }
    }

    /// Writes a checkpoint: an error if that fails.
    fn keep(&mut self) -> Result<(), Failure> {
        let mut keeper = std::mem::take(&mut self.keeper);
        let result = keeper.keep(self);
        self.keeper = keeper;
        result
    }

    /// Writes a checkpoint. If it cannot be written that is told, and the run goes on.
    fn keep_if_possible(&mut self) -> Result<(), Failure> {
        self.queue.flush()?;
        if let Err(mut problem) = self.keep() {
            problem.severity = crate::diag::Severity::Warning;
            self.recorder().warn(&problem);
        }
        Ok(())
    }

    fn take_apart(&mut self, vars: &[VarId], value: &Value, span: Option<Span>) -> Result<(), Failure> {
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

    fn assert(&mut self, condition: &Expr, message: Option<&Expr>) -> Result<(), Failure> {
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

    fn restore(&mut self, places: &[PlaceId], value: &Value, span: Span) -> Result<(), Failure> {
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

fn logged(value: &Value) -> Logged {
    match value {
        Value::Number(v) => Logged::Number(*v),
        Value::Bool(v) => Logged::Bool(*v),
        Value::Tensor(tensor) => Logged::Shape(tensor.ty.shape.clone()),
        Value::List(values) | Value::Tuple(values) => Logged::List(values.iter().map(logged).collect()),
        other => Logged::Text(format::value(other, Format::default())),
    }
}
