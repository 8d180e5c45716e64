//! The schedule as the host interprets it: schedules called are inlined, loops over lists are
//! unrolled, what is known at compile time is a constant.
//!
//! A variable is a slot, written once where it is defined (`Let`), or again by `<-` (`Set`). Calls
//! of steps only join the queue; a statement that needs a result waits for it.

use super::{Draw, PlaceId, ResidentId, StepId};
use crate::source::Span;
use std::sync::Arc;

/// Index of a variable in [`Host::vars`].
pub type VarId = usize;

/// The schedule.
#[derive(Clone, Debug, Default)]
pub struct Host {
    /// Names of the variables, for messages and checkpoints.
    pub vars: Vec<Arc<str>>,
    /// The `run` block.
    pub body: Vec<Stmt>,
    /// Draws made while running, each once for each time that it is come to.
    pub draws: Vec<Draw>,
}

/// A statement.
#[derive(Clone, Debug)]
pub struct Stmt {
    /// What it does.
    pub kind: StmtKind,
    /// Where it stands.
    pub span: Span,
}

/// The statements.
#[derive(Clone, Debug)]
pub enum StmtKind {
    /// Defines variables from a value; several take a tuple (or a batch) apart.
    Let(Vec<VarId>, Expr),
    /// `var <- value`.
    Set(VarId, Expr),
    /// An expression for its effect: a call of a step, `print`, `save`, …
    Do(Expr),
    /// A loop that runs.
    For(Loop, Vec<Stmt>),
    /// A choice made while running.
    If(Expr, Vec<Stmt>, Vec<Stmt>),
    /// A named part of the run.
    Phase(Expr, Vec<Stmt>),
    /// Ends the innermost phase around it (or the run).
    Stop,
    /// Logs a host value.
    Report(Arc<str>, Expr),
    /// Ends the run with a message if the condition is false.
    Assert(Expr, Option<Expr>),
    /// Puts a snapshot back.
    Restore(Vec<PlaceId>, Expr),
}

/// What a loop runs over.
#[derive(Clone, Debug)]
pub struct Loop {
    /// Counts the turns from 0 (`enumerate`).
    pub index: Option<VarId>,
    /// What the element is bound to; several take it apart.
    pub vars: Vec<VarId>,
    /// Over what.
    pub over: Over,
}

/// What a loop runs over.
#[derive(Clone, Debug)]
pub enum Over {
    /// Whole numbers from, to (excluded).
    Range(Expr, Expr),
    /// Minibatches.
    Batches(Batches),
    /// The elements of a host list.
    List(Expr),
}

/// Minibatches of some resident arrays: `batches(split, size)`. A smaller last one that is kept is
/// minibatches of its own, one of them, that start after the others.
#[derive(Clone, Debug)]
pub struct Batches {
    /// The arrays, sliced together along their first axis.
    pub fields: Vec<ResidentId>,
    /// The first example.
    pub start: usize,
    /// Examples to a minibatch.
    pub size: usize,
    /// How many there are.
    pub count: usize,
    /// Which example stands at each position, an int tensor; none is the order of the arrays.
    pub order: Option<Box<Expr>>,
}

/// An expression of the host.
#[derive(Clone, Debug)]
pub struct Expr {
    /// What it is.
    pub kind: ExprKind,
    /// Where it stands.
    pub span: Span,
}

/// The host's expressions. Numbers are of one kind, f64, exact for whole numbers.
#[derive(Clone, Debug)]
pub enum ExprKind {
    /// A number.
    Number(f64),
    /// A truth value.
    Bool(bool),
    /// A text.
    Text(Arc<str>),
    /// A variable.
    Var(VarId),
    /// A function of numbers or truth values: the same as for tensors, by
    /// [`MapOp`](super::MapOp). `And`, `Or` and `Where` evaluate only what they need.
    Map(super::MapOp, Vec<Expr>),
    /// A tuple (`return best, test`).
    Tuple(Vec<Expr>),
    /// A list written out.
    List(Vec<Expr>),
    /// Element of a list; negative counts from the end.
    Index(Box<Expr>, Box<Expr>),
    /// Part of a list.
    Slice(Box<Expr>, Option<Box<Expr>>, Option<Box<Expr>>),
    /// `[value for … if condition]`: the body runs once a turn, in order.
    Collect {
        /// The loop.
        over: Box<Loop>,
        /// Statements before the value (definitions of inlined functions).
        body: Vec<Stmt>,
        /// Whether the turn counts.
        condition: Option<Box<Expr>>,
        /// The element.
        value: Box<Expr>,
    },
    /// `len`, `sum`, `mean`, `min`, `max` of a host list; added up in f64 in order.
    Fold(Fold, Box<Expr>),
    /// A text with holes.
    Format(Vec<Part>),
    /// Calls a step; gives its record.
    Call(StepId, Vec<Argument>),
    /// A report of a record, by position: a number if it has no axes, else a handle of a tensor.
    Field(Box<Expr>, usize),
    /// The whole minibatch of a position: a tuple of slices (one slice if there is one field).
    Batch(Batches, Box<Expr>),
    /// Draws: index of [`Host::draws`]. A number without axes, else a tensor.
    Draw(usize),
    /// Copies places.
    Snapshot(Vec<PlaceId>),
    /// Prints a line.
    Print(Box<Expr>),
    /// Writes a tensor as a picture under the run's folder: the name, the tensor.
    WritePng(Box<Expr>, Box<Expr>),
    /// Draws reported numbers as curves to a file under the run's folder: its name, those of the
    /// reports with where they stand.
    WriteCurves(Box<Expr>, Vec<(Arc<str>, Span)>),
    /// Writes places to a file under the run's folder.
    Save(Vec<PlaceId>, Box<Expr>),
    /// Reads places from a file.
    Load(Vec<PlaceId>, Box<Expr>),
}

/// An argument of a step.
#[derive(Clone, Debug)]
pub enum Argument {
    /// A host number (or truth value).
    Scalar(Expr),
    /// A tensor: a slice of a minibatch, or a handle.
    Tensor(Expr),
}

/// Functions of a host list.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fold {
    /// Number of elements.
    Len,
    /// Sum in order.
    Sum,
    /// Sum in order over the number of elements.
    Mean,
    /// Smallest.
    Min,
    /// Largest.
    Max,
}

/// A piece of a text with holes.
#[derive(Clone, Debug)]
pub enum Part {
    /// Text as it is.
    Text(String),
    /// A value under a format.
    Hole(Expr, Format),
}

/// How a hole prints a number.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Format {
    /// Digits after the point; none is the shortest decimal that reads back.
    pub digits: Option<usize>,
    /// Plain, hundredths with `%`, or with an exponent.
    pub style: Style,
}

/// The styles of a [`Format`].
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Style {
    /// `0.0750`.
    #[default]
    Plain,
    /// `7.50%`.
    Percent,
    /// `7.50e-2`.
    Exponent,
}
