//! Step bodies: typed values of the language's own operations, in order.

use super::{PlaceId, ResidentId};
use crate::source::Span;
use std::sync::Arc;

/// Element types of the language.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Elem {
    /// `f32` or `f64`, by the program's precision.
    Real,
    /// `i32`.
    Int,
    /// True or false.
    Bool,
}

impl Elem {
    /// `real`, `int` or `bool`.
    pub fn name(self) -> &'static str {
        match self {
            Elem::Real => "real",
            Elem::Int => "int",
            Elem::Bool => "bool",
        }
    }
}

/// Element type and extents; the axes' names are kept for messages and prints.
#[derive(Clone, Debug, PartialEq)]
pub struct TensorType {
    /// What each element is.
    pub elem: Elem,
    /// Extents, outermost first.
    pub shape: Vec<usize>,
    /// The name of each axis, if it has one.
    pub names: Vec<Option<Arc<str>>>,
}

impl TensorType {
    /// A type without axis names.
    pub fn new(elem: Elem, shape: Vec<usize>) -> TensorType {
        let names = vec![None; shape.len()];
        TensorType { elem, shape, names }
    }

    /// A scalar type.
    pub fn scalar(elem: Elem) -> TensorType {
        TensorType::new(elem, Vec::new())
    }
}

/// Index of a value in its body.
pub type ValueId = usize;

/// Values in order, each from values before it; changes and reports at the end.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Body {
    /// The values.
    pub values: Vec<Value>,
    /// `place <- value`, at most one a place. Every value reads places as they were before.
    pub updates: Vec<(PlaceId, ValueId, Span)>,
    /// What is reported, by name.
    pub reports: Vec<(Arc<str>, ValueId, Span)>,
}

/// One value.
#[derive(Clone, Debug, PartialEq)]
pub struct Value {
    /// The operation.
    pub op: ValueOp,
    /// Its operands.
    pub args: Vec<ValueId>,
    /// The type of the result.
    pub ty: TensorType,
    /// The user's name: `cost`, or with the calls on the way, `below.forward/h`.
    pub name: Option<Arc<str>>,
    /// Where it stands.
    pub span: Span,
}

/// The language's operations on tensors.
#[derive(Clone, Debug, PartialEq)]
pub enum ValueOp {
    /// The step's argument of that position.
    Arg(usize),
    /// The place's value before the step.
    Place(PlaceId),
    /// A resident array.
    Resident(ResidentId),
    /// In the setup: what a file held (index of `Setup::raws`).
    Raw(usize),
    /// In the setup: what was drawn (index of `Setup::draws`).
    Drawn(usize),
    /// A number, without axes; real or int by the value's type.
    Number(f64),
    /// A truth value, without axes.
    Bool(bool),
    /// 0 … n-1 along the only axis (int).
    Indices,
    /// An elementwise function; operands broadcast as NumPy's do and convert to a common type.
    Map(MapOp),
    /// Conversion to the type's elements: `real(b)`.
    Convert,
    /// Contracts the last axis of the left with the last but one (or only) of the right; leading
    /// axes broadcast. Operands are real after conversion.
    MatMul,
    /// The convolution [n, c, h, w] with filters [k, c, a, b], summed over c: [n, k, h', w'].
    Conv {
        /// Whether the filters are turned round: true convolution, else cross-correlation.
        flipped: bool,
        /// Which positions of the filters count.
        mode: ConvMode,
        /// Down and across; of the positions that count, every so-manieth stays.
        stride: [usize; 2],
    },
    /// A number of each window over the last two axes, windows side by side.
    Pool {
        /// Which number.
        op: PoolOp,
        /// Rows and columns of a window.
        window: [usize; 2],
        /// Whether rows and columns at the end that fill no window are left out; else windows there
        /// are smaller.
        ignore_border: bool,
    },
    /// Swaps the last two axes.
    Transpose,
    /// Axes permuted (axis i of the middle form is axis `perm[i]` of the operand), then the shape
    /// changed to the type's.
    Rearrange {
        /// The permutation.
        perm: Vec<usize>,
    },
    /// The same elements under the type's shape.
    Reshape,
    /// NumPy's broadcasting to the type's shape.
    Broadcast,
    /// An index for each axis of the first operand. Integer tensors are the operands after it, in
    /// order. They broadcast together; their common axes stand where the first of them stood, in
    /// place of all of them.
    Index(Vec<IndexItem>),
    /// The first operand with the part that the items choose, as in `Index`, replaced by the second,
    /// which has that part's shape. Integer tensors are the operands after those; where several of
    /// their elements choose one place, the last in row-major order counts.
    Replace(Vec<IndexItem>),
    /// Operands one after another along an axis.
    Concat {
        /// The axis that grows.
        axis: usize,
    },
    /// Operands of one shape along a new axis.
    Stack {
        /// The position of the new axis in the result.
        axis: usize,
    },
    /// The operand with `value` around it.
    Pad {
        /// Elements before, along each axis.
        before: Vec<usize>,
        /// Elements after, along each axis.
        after: Vec<usize>,
        /// What is filled in.
        value: f64,
    },
    /// A reduction over axes, ascending.
    Reduce {
        /// Which.
        op: ReduceOp,
        /// Over which axes; all of them for a scalar result.
        axes: Vec<usize>,
        /// Whether they stay, with extent 1.
        keep: bool,
    },
    /// The index of an extreme element along an axis (int), the first of equal ones.
    ArgExtreme {
        /// Which.
        op: ArgExtreme,
        /// The axis.
        axis: usize,
        /// Whether it stays, with extent 1.
        keep: bool,
    },
    /// e^x over the sum of e^x along an axis.
    Softmax {
        /// The axis.
        axis: usize,
    },
    /// Logarithm of `Softmax`.
    LogSoftmax {
        /// The axis.
        axis: usize,
    },
    /// Rows of the identity: `[..., k]`, real.
    OneHot,
    /// Random numbers; the operands are the distribution's parameters and broadcast to the shape.
    Draw(Box<StepDraw>),
    /// A loop; its results are taken by `Part`, and its own type is a truth value that nothing reads.
    Scan(Box<ScanLoop>),
    /// The result of that position of the loop that is the operand.
    Part(usize),
    /// In a loop's body: the carried value of that position.
    Carried(usize),
    /// In a loop's body: this turn's part of the array of that position.
    Scanned(usize),
    /// In a loop's body: the value from outside of that position.
    Captured(usize),
    /// The operand, as a constant to `grad`.
    StopGradient,
    /// The gradient of the first operand, a real scalar, by the second.
    Grad,
}

/// A loop of a known number of turns. The operands are the first carried values, then the arrays
/// gone through along the first axis, then the values from outside that the body reads.
#[derive(Clone, Debug, PartialEq)]
pub struct ScanLoop {
    /// One turn; changes and reports nothing.
    pub body: Body,
    /// What a turn gives: the carried values for the next, then what is stacked along a new first
    /// axis.
    pub results: Vec<ValueId>,
    /// How many turns.
    pub turns: usize,
    /// How many carried values.
    pub carried: usize,
    /// How many arrays.
    pub scanned: usize,
}

/// A draw inside a step.
#[derive(Clone, Debug, PartialEq)]
pub struct StepDraw {
    /// From which distribution.
    pub dist: StepDist,
    /// The stream's seed.
    pub seed: u64,
    /// The draw's identity within the stream: `learn/below.corrupt/kept`.
    pub path: String,
}

/// Distributions of draws inside steps, with the operands they take.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum StepDist {
    /// Low and high, real.
    Uniform,
    /// Mean and standard deviation, real.
    Normal,
    /// The probability of a 1; the result is real.
    Bernoulli,
    /// The probability of one success; the result is real.
    Binomial {
        /// Trials.
        trials: u32,
    },
    /// Low and high, int; high is not among the numbers.
    Integers,
    /// None: the numbers 0 … n-1 of the result, which has one axis of extent n.
    Permutation,
    /// Probabilities along the last axis, which the result lacks.
    Categorical,
}

impl StepDist {
    /// Its name in the language.
    pub fn name(self) -> &'static str {
        match self {
            StepDist::Uniform => "uniform",
            StepDist::Normal => "normal",
            StepDist::Bernoulli => "bernoulli",
            StepDist::Binomial { .. } => "binomial",
            StepDist::Integers => "integers",
            StepDist::Permutation => "permutation",
            StepDist::Categorical => "categorical",
        }
    }

    /// How many operands it takes.
    pub fn operands(self) -> usize {
        match self {
            StepDist::Uniform | StepDist::Normal | StepDist::Integers => 2,
            StepDist::Bernoulli | StepDist::Binomial { .. } | StepDist::Categorical => 1,
            StepDist::Permutation => 0,
        }
    }

    /// Whether what is drawn moves with the parameters by small amounts, so that `grad` passes.
    pub fn is_smooth(self) -> bool {
        matches!(self, StepDist::Uniform | StepDist::Normal)
    }
}

/// Elementwise functions; the number of operands is the function's.
#[allow(missing_docs)]
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum MapOp {
    Neg,
    Abs,
    Sign,
    Exp,
    Log,
    Log1p,
    Expm1,
    Sqrt,
    Tanh,
    Sigmoid,
    Softplus,
    Relu,
    Erf,
    Sin,
    Cos,
    Floor,
    Round,
    Not,
    Add,
    Sub,
    Mul,
    /// Always real.
    Div,
    FloorDiv,
    Mod,
    Pow,
    Max,
    Min,
    And,
    Or,
    Eq,
    Ne,
    Lt,
    Le,
    Gt,
    Ge,
    /// `where(condition, a, b)`.
    Where,
    /// `clamp(x, low, high)`.
    Clamp,
}

/// One position of an index.
#[derive(Clone, Debug, PartialEq)]
pub enum IndexItem {
    /// `start..end`: the axis stays.
    Slice(usize, usize),
    /// A position known at compile time: the axis goes.
    At(usize),
    /// The next integer tensor among the operands.
    Tensor,
}

/// Reductions.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum ReduceOp {
    /// Sum; counts booleans.
    Sum,
    /// Mean, real.
    Mean,
    /// Product.
    Prod,
    /// Largest.
    Max,
    /// Smallest.
    Min,
    /// Largest, each of equal ones given the whole gradient: `ties: "all"`.
    MaxAll,
    /// Smallest, likewise.
    MinAll,
    /// Whether any is true.
    Any,
    /// Whether all are true.
    All,
    /// log of the sum of e^x.
    LogSumExp,
}

/// Where filters may lie on a picture, which positions count.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum ConvMode {
    /// Wholly inside: h - a + 1 rows.
    Valid,
    /// Element (a - 1) // 2 of the filter, before turning, on the picture: h rows.
    Same,
    /// At least one element on the picture: h + a - 1 rows.
    Full,
}

impl ConvMode {
    /// `valid`, `same` or `full`.
    pub fn name(self) -> &'static str {
        match self {
            ConvMode::Valid => "valid",
            ConvMode::Same => "same",
            ConvMode::Full => "full",
        }
    }
}

/// What pooling computes of a window.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum PoolOp {
    /// The largest.
    Max(Ties),
    /// The mean of the cells inside the picture, real.
    Mean,
}

/// Who gets the gradient where several are the largest.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Ties {
    /// The first.
    First,
    /// Each of them all of it.
    All,
}

/// Which extreme.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum ArgExtreme {
    /// Of the largest.
    Max,
    /// Of the smallest.
    Min,
}
