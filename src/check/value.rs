//! What names stand for while checking: compile-time values, tensors of the three worlds, and
//! values the host will have.

use crate::program::host;
use crate::program::{Elem, PlaceId, RawSource, StepId, ValueId};
use crate::source::Span;
use crate::syntax::ast;
use std::sync::Arc;

/// Index of a dimension.
pub(super) type DimId = usize;
/// Index of a frame of names.
pub(super) type FrameId = usize;
/// Index of a layer instance.
pub(super) type InstanceId = usize;
/// Index of a stream.
pub(super) type StreamId = usize;
/// Index of a data block.
pub(super) type DataId = usize;

/// A named dimension.
pub(super) struct Dim {
    pub name: Arc<str>,
    pub extent: usize,
    /// What the dimension is outside the layer or function whose header names it.
    pub outer: Option<DimId>,
    /// The frame whose code may use the name; elsewhere an axis bears the outer name.
    pub owner: FrameId,
    pub span: Span,
    /// Where its extent comes from, as messages say it: `below, net.dl:19`.
    pub origin: String,
}

/// One axis of a tensor.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Axis {
    pub extent: usize,
    pub dim: Option<DimId>,
}

impl Axis {
    pub fn plain(extent: usize) -> Axis {
        Axis { extent, dim: None }
    }
}

/// A tensor: where it is computed and what it is.
#[derive(Clone, Debug)]
pub(super) struct Tensor {
    pub source: Source,
    pub elem: Elem,
    pub axes: Vec<Axis>,
    /// Where it was made; messages point there.
    pub span: Span,
}

/// Where a tensor's value is.
#[derive(Clone, Debug)]
pub(super) enum Source {
    /// A value of the body with that serial number.
    Local(usize, ValueId),
    /// A param or state.
    Place(PlaceId),
    /// A value of the setup; a step reads it as a resident array.
    Setup(ValueId),
    /// A handle the host has: part of a minibatch, a report.
    Host(Box<host::Expr>),
}

/// What a name stands for.
#[derive(Clone)]
pub(super) enum Value {
    Number {
        value: f64,
        whole: bool,
    },
    Text(Arc<str>),
    Bool(bool),
    Dim(DimId),
    List(Arc<Vec<Value>>),
    Tuple(Arc<Vec<Value>>),
    /// `a..b`, known at compile time.
    Range(i64, i64),
    Function(Closure<ast::Function>),
    /// A built-in function, by name.
    Builtin(&'static str),
    Dist(Arc<Distribution>),
    Stream(StreamId),
    Layer(Closure<ast::Layer>),
    Instance(InstanceId),
    Step(Closure<ast::Step>),
    Schedule(Closure<ast::Schedule>),
    Data(DataId),
    Tensor(Tensor),
    /// What a reader gives: no shape until one is declared.
    Raw(RawSource),
    Host(HostValue),
    Batches(Arc<Batches>),
    /// `enumerate` or `zip` of something that runs.
    Enumerate(Box<Value>),
    /// An axis pattern: `[r, c] -> [r * c]`.
    Pattern(Arc<ast::Expr>),
    /// Nothing: the value of a call for its effect.
    Unit,
    /// The value of a definition in which an error was reported already.
    Poison,
}

/// Code with the frame it was written in.
pub(super) struct Closure<T> {
    pub code: Arc<T>,
    pub frame: FrameId,
}

impl<T> Clone for Closure<T> {
    fn clone(&self) -> Self {
        Closure { code: Arc::clone(&self.code), frame: self.frame }
    }
}

/// A distribution: `~` draws from it.
pub(super) struct Distribution {
    pub name: &'static str,
    pub args: Vec<Value>,
    pub span: Span,
}

/// A value that the host will have.
#[derive(Clone)]
pub(super) struct HostValue {
    pub expr: host::Expr,
    pub kind: HostKind,
}

/// Its kind.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum HostKind {
    Number,
    Bool,
    Text,
    List(Box<HostKind>),
    Tuple(Vec<HostKind>),
    Record(StepId),
    Snapshot(Vec<PlaceId>),
    Tensor(Elem, Vec<Axis>),
    /// Elements of an empty list.
    Unknown,
}

/// Minibatches of a split.
pub(super) struct Batches {
    pub batches: host::Batches,
    /// Names and types of the fields, first axis of the size of the minibatch.
    pub fields: Vec<(Arc<str>, Elem, Vec<Axis>)>,
    /// How many minibatches stand before these.
    pub before: usize,
    /// The smaller last one, if it is kept.
    pub rest: Option<Arc<Batches>>,
}

/// What one instance of a layer is.
pub(super) struct Instance {
    pub class: Closure<ast::Layer>,
    /// Its path: `stack[0]`.
    pub path: String,
    /// The frame of its body.
    pub frame: FrameId,
    /// The frame of the code that made it.
    pub maker: FrameId,
    /// Params and states of its own and borrowed, and values that hold more (arguments, instances),
    /// in order.
    pub holds: Vec<Value>,
}

/// A named field of a data block.
pub(super) struct DataBlock {
    pub path: String,
    pub frame: FrameId,
    /// The fields with a shape (`x[50_000, 784] = …`), in order.
    pub fields: Vec<Arc<str>>,
    pub span: Span,
}

impl Value {
    /// A whole number.
    pub fn whole(value: usize) -> Value {
        Value::Number { value: value as f64, whole: true }
    }

    /// A list.
    pub fn list(values: Vec<Value>) -> Value {
        Value::List(Arc::new(values))
    }

    /// What it is, in the reader's words, with an article.
    pub fn kind(&self) -> &'static str {
        match self {
            Value::Number { .. } => "a number",
            Value::Text(_) => "a text",
            Value::Bool(_) => "a truth value",
            Value::Dim(_) => "a dimension",
            Value::List(_) => "a list",
            Value::Tuple(_) => "a tuple",
            Value::Range(..) => "a range",
            Value::Function(_) | Value::Builtin(_) => "a function",
            Value::Dist(_) => "a distribution",
            Value::Stream(_) => "a stream",
            Value::Layer(_) => "a layer",
            Value::Instance(_) => "an instance of a layer",
            Value::Step(_) => "a step",
            Value::Schedule(_) => "a schedule",
            Value::Data(_) => "a data block",
            Value::Tensor(_) => "a tensor",
            Value::Raw(_) => "an array from a file, without a shape yet",
            Value::Host(h) => h.kind.describe(),
            Value::Batches(_) => "minibatches",
            Value::Enumerate(_) => "a numbered sequence",
            Value::Pattern(_) => "an axis pattern",
            Value::Unit => "nothing",
            Value::Poison => "a value with an error",
        }
    }
}

impl HostKind {
    /// What it is, in the reader's words, with an article.
    pub fn describe(&self) -> &'static str {
        match self {
            HostKind::Number => "a number of the schedule",
            HostKind::Bool => "a truth value of the schedule",
            HostKind::Text => "a text of the schedule",
            HostKind::List(_) => "a list of the schedule",
            HostKind::Tuple(_) => "a tuple of the schedule",
            HostKind::Record(_) => "what a step reports",
            HostKind::Snapshot(_) => "a snapshot",
            HostKind::Tensor(..) => "a tensor",
            HostKind::Unknown => "a value",
        }
    }
}
