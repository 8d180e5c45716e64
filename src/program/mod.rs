//! The checked program: what `check` gives and every later stage takes.
//!
//! Nothing is generic any more. Functions and layers are inlined, compile-time arguments are
//! settled, every value has its element type and extents, every step is specialised to the shapes
//! and compile-time arguments it is called with. It has three parts, one for each world:
//!
//! - [`Setup`]: what happens once before the run, files and initial draws turned into resident
//!   arrays and the initial values of places;
//! - [`Step`]s: what the device computes;
//! - [`host`]: the schedule, as the host interprets it.
//!
//! Operations are still those of the language (softmax, mean, `x[i, y[i]]`); `lower` turns them
//! into the few of the tensor IR.

pub mod host;
pub mod print;
pub mod value;

pub use value::{
    ArgExtreme, Body, ConvMode, Elem, IndexItem, MapOp, PoolOp, ReduceOp, ScanLoop, StepDist, StepDraw,
    TensorType, Ties, Value, ValueId, ValueOp,
};

use crate::source::Span;
use std::sync::Arc;

/// Index of a place in [`Program::places`].
pub type PlaceId = usize;
/// Index of a resident array in [`Setup::residents`].
pub type ResidentId = usize;
/// Index of a step in [`Program::steps`].
pub type StepId = usize;

/// The precision of `real`: one switch for the whole program.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Precision {
    /// IEEE binary32.
    #[default]
    F32,
    /// IEEE binary64, for checks.
    F64,
}

/// A program ready to be lowered and run.
#[derive(Clone, Debug, Default)]
pub struct Program {
    /// Its name: the file's without the ending.
    pub name: String,
    /// The file's own description: its first comment.
    pub doc: Option<String>,
    /// What the command line may set, of the modules that are reached, in order of the text.
    pub hypers: Vec<Hyper>,
    /// Every param and state, in the order they were made.
    pub places: Vec<Place>,
    /// What happens before the run.
    pub setup: Setup,
    /// The steps, specialised, in the order of their first use.
    pub steps: Vec<Step>,
    /// The schedule.
    pub host: host::Host,
}

/// A hyper-parameter.
#[derive(Clone, Debug)]
pub struct Hyper {
    /// `lr`, or `data.folder` if it is another module's.
    pub name: String,
    /// Its value, in the language's own spelling.
    pub value: String,
    /// Its default as written.
    pub default: String,
    /// Its comment.
    pub doc: Option<String>,
    /// Where it is declared.
    pub span: Span,
    /// Whether `--set` gave the value.
    pub set: bool,
}

/// Params are trained, states just persist.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum PlaceKind {
    /// Listed by `params(x)`.
    Param,
    /// Anything else that persists.
    State,
}

/// A param or state.
#[derive(Clone, Debug)]
pub struct Place {
    /// Its path: `below.W`, `stack[0].b`, `optimiser.firsts[2]`.
    pub name: Arc<str>,
    /// Param or state.
    pub kind: PlaceKind,
    /// Element type and axes.
    pub ty: TensorType,
    /// Its initial value, of the same type, in the setup's body.
    pub init: ValueId,
    /// Where it is declared.
    pub span: Span,
}

/// What happens once, before the run.
#[derive(Clone, Debug, Default)]
pub struct Setup {
    /// Arrays that come from files.
    pub raws: Vec<Raw>,
    /// Initial draws. Those of one NumPy stream are made in this order, all of them, whether their
    /// values are used or not.
    pub draws: Vec<Draw>,
    /// The expressions; their leaves are `Raw` and `Drawn`.
    pub body: Body,
    /// What stays resident: data fields and tensor constants, in order of their ids.
    pub residents: Vec<Resident>,
}

/// An array that is there before the run and never changes.
#[derive(Clone, Debug)]
pub struct Resident {
    /// Its path: `digits.train.x`.
    pub name: Arc<str>,
    /// Its value in the setup's body.
    pub value: ValueId,
}

/// An array from a file, with the shape and element type that the program declares.
#[derive(Clone, Debug)]
pub struct Raw {
    /// What to read.
    pub source: RawSource,
    /// What it must be: extents must be equal; numbers convert to `real`, whole ones to `int`.
    pub ty: TensorType,
    /// The path of the field it belongs to.
    pub name: Arc<str>,
    /// Where the shape is declared.
    pub span: Span,
}

/// An array inside a file, of whatever shape and element type it has there.
#[derive(Clone, Debug, PartialEq)]
pub enum RawSource {
    /// What a reader gives for a path.
    Read {
        /// Which reader.
        reader: Reader,
        /// The path as the program has it; looked up beside the program, in the folder above,
        /// then in the current folder.
        path: String,
        /// The call.
        span: Span,
    },
    /// Element of a list or tuple (a pickle's).
    Item(Box<RawSource>, usize),
    /// Member of an archive or dictionary.
    Field(Box<RawSource>, String),
    /// `start..end` along the first axis; none is the end.
    SliceFirst(Box<RawSource>, usize, Option<usize>),
    /// The same elements under another shape, given in full.
    Reshape(Box<RawSource>, Vec<usize>),
}

/// The data readers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Reader {
    /// A Python pickle of NumPy arrays and plain containers, gzipped or not.
    Pickle,
    /// An IDX file, gzipped or not.
    Idx,
    /// A NumPy array.
    Npy,
    /// An archive of NumPy arrays.
    Npz,
    /// Comma-separated numbers: [rows, columns].
    Csv,
    /// A picture: [height, width, 3] of 0 to 255.
    Png,
}

/// An initial draw.
#[derive(Clone, Debug)]
pub struct Draw {
    /// From which stream.
    pub stream: StreamSource,
    /// Of which distribution.
    pub dist: Dist,
    /// Element type and axes of what is drawn.
    pub ty: TensorType,
    /// Its identity within the stream, such as `below.W`.
    pub path: String,
    /// Where it stands.
    pub span: Span,
}

/// Where random numbers come from.
#[derive(Clone, Debug, PartialEq)]
pub enum StreamSource {
    /// NumPy's `RandomState(seed)`; draws with equal `index` share one generator, in order.
    Numpy {
        /// The seed.
        seed: u32,
        /// Which stream of the program.
        index: usize,
    },
    /// Philox with a key hashed from the seed and the draw's identity.
    Philox {
        /// The stream's seed, or for one without, a hash of its name and `--seed`.
        seed: u64,
    },
}

/// A distribution with its parameters, which are compile-time numbers.
#[derive(Clone, Debug, PartialEq)]
pub enum Dist {
    /// Uniform in [low, high).
    Uniform(f64, f64),
    /// Normal with mean and standard deviation.
    Normal(f64, f64),
    /// 1 with a probability, else 0.
    Bernoulli(f64),
    /// Successes of n trials.
    Binomial(u64, f64),
    /// Whole numbers in [low, high).
    Integers(i64, i64),
    /// A permutation of 0 … n-1.
    Permutation(usize),
}

/// A step, specialised.
#[derive(Clone, Debug)]
pub struct Step {
    /// Its name in messages and logs: `learn`, `trials[0].learn`.
    pub name: String,
    /// What tells it from other forms of the same step: `x[20, 784]`; empty if it is the only one.
    pub form: String,
    /// Its arguments: tensors, or scalars that the host passes.
    pub args: Vec<StepArg>,
    /// What it computes, changes and reports.
    pub body: Body,
    /// Whether the program calls it a step; otherwise it is an expression of the schedule.
    pub declared: bool,
    /// Which declared step (or statement of the schedule) it is a form of, numbered from 0 without
    /// gaps: forms of one step share one count of runs, from which random numbers come.
    pub family: usize,
    /// Where it is declared.
    pub span: Span,
}

/// An argument of a step.
#[derive(Clone, Debug)]
pub struct StepArg {
    /// Its name.
    pub name: Arc<str>,
    /// Its type. A host scalar is a `Real` (or `Int`) without axes.
    pub ty: TensorType,
}
