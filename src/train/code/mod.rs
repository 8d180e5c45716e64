//! The schedule as a list of instructions, so that where a run stands is one number.
//!
//! Blocks become jumps, and a comprehension becomes a loop that appends to a variable of its own,
//! wherever in an expression it stands; what that expression evaluates before it is kept in
//! variables too. So no instruction has a loop inside it: between any two of them the whole state of
//! the host is a position, the loops under way and the variables, and a run can be put down and
//! taken up again there.

mod expr;

use crate::program::PlaceId;
use crate::program::host::{Batches, Expr, ExprKind, Host, Loop, Over, Stmt, StmtKind, VarId};
use std::ops::Range;
use std::sync::Arc;

/// Index of an instruction.
pub type At = usize;

/// A schedule's instructions.
#[derive(Debug, Default)]
pub struct Code {
    /// In order; the run ends behind the last.
    pub all: Vec<Instruction>,
    /// How many variables: the schedule's, then those made here.
    pub vars: usize,
}

/// An instruction.
#[derive(Debug)]
pub struct Instruction {
    /// What it does.
    pub op: Op,
    /// Variables made here that nobody reads after it.
    pub ends: Range<VarId>,
}

impl Code {
    /// Whether the program reads places from files.
    pub fn loads(&self) -> bool {
        self.does(|kind| matches!(kind, ExprKind::Load(..)))
    }

    /// Whether the program draws curves.
    pub fn draws_curves(&self) -> bool {
        self.does(|kind| matches!(kind, ExprKind::WriteCurves(..)))
    }

    /// Whether there is such a statement.
    fn does(&self, what: impl Fn(&ExprKind) -> bool) -> bool {
        self.all.iter().any(|instruction| match &instruction.op {
            Op::Do(Expr { kind, .. }) => what(kind),
            Op::Let(..)
            | Op::Append(..)
            | Op::Begin(_)
            | Op::Turn { .. }
            | Op::Jump(_)
            | Op::Unless(..)
            | Op::Enter(_)
            | Op::Leave
            | Op::Report(..)
            | Op::Assert(..)
            | Op::Restore(..) => false,
        })
    }
}

/// What an instruction does.
#[derive(Debug)]
pub enum Op {
    /// Gives variables a value; several take it apart.
    Let(Vec<VarId>, Expr),
    /// Appends to a variable's list.
    Append(VarId, Expr),
    /// Evaluates for the effect.
    Do(Expr),
    /// Begins a loop over something.
    Begin(Over),
    /// Binds the loop's next element, or ends the loop and goes on at `end`.
    Turn {
        /// The loop.
        over: Loop,
        /// Where it goes on afterwards.
        end: At,
    },
    /// Goes on elsewhere.
    Jump(At),
    /// Goes on elsewhere if the condition is false.
    Unless(Expr, At),
    /// Begins a phase.
    Enter(Expr),
    /// Ends the innermost phase, and the loops under way in it.
    Leave,
    /// Logs a value.
    Report(Arc<str>, Expr),
    /// Ends the run with a message if the condition is false.
    Assert(Expr, Option<Expr>),
    /// Puts a snapshot back.
    Restore(Vec<PlaceId>, Expr),
}

/// The instructions of a schedule.
pub fn code(host: &Host) -> Code {
    let mut writer = Writer { all: Vec::new(), vars: host.vars.len(), stops: vec![Vec::new()] };
    writer.block(&host.body);
    let end = writer.all.len();
    let stops = std::mem::take(&mut writer.stops[0]);
    stops.into_iter().for_each(|at| writer.go(at, end));
    Code { all: writer.all, vars: writer.vars }
}

struct Writer {
    all: Vec<Instruction>,
    vars: usize,
    /// Jumps of `stop` whose target is not known yet, for the run and each phase around.
    stops: Vec<Vec<At>>,
}

/// Where a jump goes before that is known.
const OPEN: At = At::MAX;

impl Writer {
    fn push(&mut self, op: Op) -> At {
        self.all.push(Instruction { op, ends: 0..0 });
        self.all.len() - 1
    }

    /// An instruction after which the variables made since `first` are not needed.
    fn last(&mut self, op: Op, first: VarId) -> At {
        self.all.push(Instruction { op, ends: first..self.vars });
        self.all.len() - 1
    }

    /// Settles where a jump goes.
    fn go(&mut self, jump: At, target: At) {
        match &mut self.all[jump].op {
            Op::Jump(to) | Op::Unless(_, to) | Op::Turn { end: to, .. } => *to = target,
            Op::Let(..)
            | Op::Append(..)
            | Op::Do(_)
            | Op::Begin(_)
            | Op::Enter(_)
            | Op::Leave
            | Op::Report(..)
            | Op::Assert(..)
            | Op::Restore(..) => unreachable!("not a jump"),
        }
    }

    fn here(&self) -> At {
        self.all.len()
    }

    fn block(&mut self, stmts: &[Stmt]) {
        stmts.iter().for_each(|stmt| self.stmt(stmt));
    }

    fn stmt(&mut self, stmt: &Stmt) {
        let first = self.vars;
        match &stmt.kind {
            StmtKind::Let(vars, value) => {
                let value = self.plain(value);
                self.last(Op::Let(vars.clone(), value), first);
            }
            StmtKind::Set(var, value) => {
                let value = self.plain(value);
                self.last(Op::Let(vec![*var], value), first);
            }
            StmtKind::Do(value) => {
                let value = self.plain(value);
                self.last(Op::Do(value), first);
            }
            StmtKind::For(over, body) => {
                let body = |w: &mut Writer| w.block(body);
                self.turns(over, body);
            }
            StmtKind::If(condition, yes, no) => {
                let condition = self.plain(condition);
                let unless = self.last(Op::Unless(condition, OPEN), first);
                self.block(yes);
                if no.is_empty() {
                    self.go(unless, self.here());
                    return;
                }
                let over = self.push(Op::Jump(OPEN));
                self.go(unless, self.here());
                self.block(no);
                self.go(over, self.here());
            }
            StmtKind::Phase(name, body) => {
                let name = self.plain(name);
                self.last(Op::Enter(name), first);
                self.stops.push(Vec::new());
                self.block(body);
                let leave = self.push(Op::Leave);
                let stops = self.stops.pop().unwrap_or_default();
                stops.into_iter().for_each(|at| self.go(at, leave));
            }
            StmtKind::Stop => {
                let jump = self.push(Op::Jump(OPEN));
                self.stops.last_mut().expect("the run is around all").push(jump);
            }
            StmtKind::Report(name, value) => {
                let value = self.plain(value);
                self.last(Op::Report(Arc::clone(name), value), first);
            }
            StmtKind::Assert(condition, message) => {
                let condition = self.plain(condition);
                let message = message.as_ref().map(|m| self.plain(m));
                self.last(Op::Assert(condition, message), first);
            }
            StmtKind::Restore(places, value) => {
                let value = self.plain(value);
                self.last(Op::Restore(places.clone(), value), first);
            }
        }
    }

    fn turns(&mut self, over: &Loop, body: impl FnOnce(&mut Writer)) {
        let first = self.vars;
        let what = match &over.over {
            Over::Range(from, to) => {
                let mut ends = self.parts(&[from, to]).into_iter();
                match (ends.next(), ends.next()) {
                    (Some(from), Some(to)) => Over::Range(from, to),
                    _ => unreachable!("two ends stay two"),
                }
            }
            Over::Batches(batches) => Over::Batches(self.batches(batches)),
            Over::List(list) => Over::List(self.plain(list)),
        };
        self.last(Op::Begin(what), first);
        let turn = self.push(Op::Turn { over: over.clone(), end: OPEN });
        body(self);
        self.push(Op::Jump(turn));
        self.go(turn, self.here());
    }

    fn batches(&mut self, batches: &Batches) -> Batches {
        let order = batches.order.as_ref().map(|order| Box::new(self.plain(order)));
        Batches { order, ..batches.clone() }
    }
}
