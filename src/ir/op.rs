//! The operations. Matches over [`Op`] list every arm, so that a new operation does not compile
//! until it has a type rule, a printed form, an interpretation and a derivative.

use super::graph::Graph;
use super::types::{DType, Scalar, Type};

/// Elementwise functions of one operand.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Unary {
    /// -x, reals and integers.
    Neg,
    /// |x|; derivative 0 at 0.
    Abs,
    /// -1, 0 or 1; derivative 0 everywhere.
    Sign,
    /// e^x.
    Exp,
    /// Natural logarithm.
    Log,
    /// log(1 + x), accurate near 0.
    Log1p,
    /// e^x - 1, accurate near 0.
    Expm1,
    /// Square root; its derivative at 0 is infinite, but 0 times it where the incoming gradient is 0.
    Sqrt,
    /// Hyperbolic tangent.
    Tanh,
    /// 1 / (1 + e^-x), without overflow on either side.
    Sigmoid,
    /// log(1 + e^x) as max(x, 0) + log1p(e^-|x|).
    Softplus,
    /// max(x, 0) that lets NaN through; derivative 0 at 0.
    Relu,
    /// Error function.
    Erf,
    /// Sine.
    Sin,
    /// Cosine.
    Cos,
    /// Greatest whole number not above x.
    Floor,
    /// Nearest whole number, half to even.
    Round,
    /// Logical negation, booleans.
    Not,
}

/// Elementwise functions of two operands of equal type.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Binary {
    /// a + b.
    Add,
    /// a - b.
    Sub,
    /// a * b.
    Mul,
    /// a / b, reals.
    Div,
    /// floor(a / b).
    FloorDiv,
    /// a - b * floor(a / b): the sign of b.
    Mod,
    /// a^b; x^0 = 1. The derivative by a at a = 0 is b * a^(b-1) with its limit, never NaN for b >= 1.
    Pow,
    /// The larger; a where equal (also for the gradient), NaN if either is.
    Max,
    /// The smaller; a where equal (also for the gradient), NaN if either is.
    Min,
    /// Both, booleans.
    And,
    /// Either, booleans.
    Or,
    /// a shifted right by b bits, as an unsigned word: zeros come in; none are left from 32 on (I32).
    ShiftRight,
    /// The upper 32 bits of the 64-bit product, both as unsigned words (I32).
    MulHigh,
}

/// Comparisons of two operands of equal type, giving booleans; false with NaN, but `Ne` true.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Compare {
    /// a == b.
    Eq,
    /// a != b.
    Ne,
    /// a < b.
    Lt,
    /// a <= b.
    Le,
    /// a > b.
    Gt,
    /// a >= b.
    Ge,
}

/// Reductions over axes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Reduce {
    /// Sum, reals and integers.
    Sum,
    /// Product, reals and integers.
    Prod,
    /// Largest; NaN if any is. The gradient goes to the first of equal ones.
    Max,
    /// Smallest; NaN if any is. The gradient goes to the first of equal ones.
    Min,
    /// Whether any is true.
    Any,
    /// Whether all are true.
    All,
}

/// Index of an extreme element: the first of equal ones; of a NaN if there is one (as NumPy).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum ArgReduce {
    /// Of the largest.
    Max,
    /// Of the smallest.
    Min,
}

/// Who is meant where several cells of a window are the largest.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Ties {
    /// The first in row-major order.
    First,
    /// All of them, each in full.
    All,
}

/// What is computed of a window's cells.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Window {
    /// The largest; NaN if any is. The gradient goes to the one or the ones that [`Ties`] names.
    Max(Ties),
    /// The sum.
    Sum,
}

/// Which cells of a window are chosen.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Cells {
    /// The largest (a NaN, if there is one): the first of them, or all.
    Largest(Ties),
    /// Every cell.
    Every,
}

/// Windows over the last axes of a tensor. Window `o` covers the cells `stride * o + t` with `t`
/// below `size` along each axis; cells beyond the tensor's end are not there.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Windows {
    /// Extent along each of the last axes.
    pub size: Vec<usize>,
    /// Distance from window to window along each of them, at least 1.
    pub stride: Vec<usize>,
}

impl Windows {
    /// Whether each cell of a plane of these extents is in one of so many windows, and in no other.
    pub fn tile(&self, plane: &[usize], counts: &[usize]) -> bool {
        let reach = counts.iter().zip(&self.size).map(|(count, size)| count * size);
        self.size == self.stride && reach.zip(plane).all(|(reach, extent)| reach >= *extent)
    }
}

/// An affine index: `offset + sum(coefficient * variable)`.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Affine {
    /// Pairs of an index variable (position in [`Contract::extents`]) and its coefficient.
    pub terms: Vec<(usize, i64)>,
    /// The constant part.
    pub offset: i64,
}

impl Affine {
    /// The index that is one variable.
    pub fn var(v: usize) -> Affine {
        Affine { terms: vec![(v, 1)], offset: 0 }
    }
}

/// A sum of products in index notation:
/// `out[o...] = sum over the other variables of a[f(..)...] * b[g(..)...]`.
///
/// Matrix products (batched, outer), correlation, convolution and all their gradients are this one
/// operation. Every access lies inside its operand for all values of the variables. A third operand, of
/// the result's type, is what the sums are added to.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Contract {
    /// Extent of each index variable.
    pub extents: Vec<usize>,
    /// The variables of the result's axes in order; each at most once. All others are summed over.
    pub output: Vec<usize>,
    /// For each operand, the index of each of its axes.
    pub operands: [Vec<Affine>; 2],
}

/// A loop with a known number of turns (see [`Op::Scan`]).
///
/// The body is a graph without updates. Its leaves are of the kinds `Carried`, `Scanned`, `Captured`
/// and `Turn`; its first `carried` reports are the carried values for the next turn, the others are
/// stacked along a new first axis. What belongs to turn t (its part of a scanned array, its place in
/// a stack) does not depend on the order in which turns are taken.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Scan {
    /// One turn.
    pub body: Graph,
    /// How many turns.
    pub turns: usize,
    /// Values carried from turn to turn: the first operands.
    pub carried: usize,
    /// Arrays gone through along the first axis: the next operands. All others are captured.
    pub scanned: usize,
    /// Whether turns are taken from the last to the first.
    pub reverse: bool,
}

impl Scan {
    /// The type of each result: the last carried values, then the stacks.
    pub fn results(&self) -> Vec<Type> {
        let of = |(i, report): (usize, &super::graph::Report)| {
            let ty = self.body.ty(report.value);
            if i < self.carried {
                return ty.clone();
            }
            Type::new(ty.dtype, [&[self.turns], &ty.shape[..]].concat())
        };
        self.body.reports.iter().enumerate().map(of).collect()
    }
}

/// The operations. Operands are the node's `inputs`, in the order named here.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum Op {
    /// A value from outside: an argument, a place's value before the step, a resident array.
    Leaf(usize),
    /// A constant scalar.
    Const(Scalar),
    /// 0, 1, 2, … along an axis of the node's own shape (I32).
    Iota {
        /// The axis that counts.
        axis: usize,
    },
    /// A function of each element of one operand.
    Unary(Unary),
    /// A function of each pair of elements; both operands have the node's shape.
    Binary(Binary),
    /// A comparison of each pair of elements.
    Compare(Compare),
    /// `inputs[0] ? inputs[1] : inputs[2]`, element by element; the branch not taken may be anything.
    Select,
    /// Conversion: to reals by rounding to nearest, to I32 by truncation, from Bool as 0 and 1.
    Cast(DType),

    /// Axis i of the result is axis `perm[i]` of the operand.
    Transpose {
        /// The permutation.
        perm: Vec<usize>,
    },
    /// Axis i of the operand becomes axis `axes[i]` of the result (ascending); an operand axis of
    /// extent 1 stretches, and the result's other axes are new.
    Broadcast {
        /// Where each operand axis goes.
        axes: Vec<usize>,
    },
    /// The same elements in row-major order under another shape.
    Reshape,
    /// Elements `start[d] + stride[d] * i`, strides positive.
    Slice {
        /// First element along each axis.
        start: Vec<usize>,
        /// Distance along each axis, at least 1.
        stride: Vec<usize>,
    },
    /// Places the operand among copies of `value`: `low` before, `interior` between, `high` after.
    Pad {
        /// Elements before, along each axis.
        low: Vec<usize>,
        /// Elements after, along each axis.
        high: Vec<usize>,
        /// Elements between two neighbours, along each axis.
        interior: Vec<usize>,
        /// What is filled in.
        value: Scalar,
    },
    /// Operands one after another along an axis; at least one.
    Concat {
        /// The axis that grows.
        axis: usize,
    },
    /// The same elements backwards along some axes.
    Reverse {
        /// The axes.
        axes: Vec<usize>,
    },

    /// Reduction over axes (ascending), which the result lacks.
    Reduce {
        /// What is computed.
        op: Reduce,
        /// The axes reduced.
        axes: Vec<usize>,
    },
    /// Index of the extreme element along an axis, which the result lacks (I32).
    ArgReduce {
        /// Which extreme.
        op: ArgReduce,
        /// The axis reduced.
        axis: usize,
    },
    /// A sum of products in index notation, reals.
    Contract(Contract),

    /// One number of each window over the last axes of the operand. How many windows there are is
    /// said by the node's shape; each has at least one cell.
    WindowReduce {
        /// What is computed.
        op: Window,
        /// The windows.
        windows: Windows,
    },
    /// The adjoint of `WindowReduce`: zeros of the node's shape, to which the number of each window,
    /// an element of the last input, is added at the window's chosen cells. For `Largest`, `inputs[0]`
    /// is the tensor of that shape among whose cells is chosen; for `Every` there is no such input.
    WindowSpread {
        /// Which cells.
        cells: Cells,
        /// The windows.
        windows: Windows,
    },
    /// The adjoint of `WindowSpread`: for each window, the sum of `inputs[1]` over those cells that
    /// are the largest of `inputs[0]`.
    WindowPick {
        /// Which of several largest.
        ties: Ties,
        /// The windows.
        windows: Windows,
    },

    /// `out[s..., r...] = inputs[0][axes <- inputs[1..][s...], other axes <- r...]`: inputs are the
    /// operand and one I32 tensor for each of `axes` (ascending), all of one shape s. An index
    /// outside its axis stops the run with value and place.
    Gather {
        /// The operand's axes that are indexed.
        axes: Vec<usize>,
    },
    /// The adjoint of `Gather`: zeros of the node's shape, to which `inputs[0][s..., r...]` is added
    /// where `inputs[1..]` point; equal indices add up in row-major order of s.
    ScatterAdd {
        /// The result's axes that are indexed.
        axes: Vec<usize>,
    },

    /// Random words (I32) of the node's shape by Philox 4x32-10. The element at row-major position i
    /// is word `i % 4` of the block with counter `[b, b >> 32, turn, run]`, b = i / 4; `inputs[0]` is
    /// run, `inputs[1]` turn (scalars, I32, taken as unsigned).
    RandomBits {
        /// The key: a hash of the draw's identity.
        key: [u32; 2],
    },

    /// A loop. Its results are taken by `Result`; the node itself is of type `bool[]` and serves no
    /// other operation.
    Scan(Box<Scan>),
    /// The result of that position of the `Scan` that is the operand.
    Result(usize),

    /// The operand, through which no gradient passes.
    StopGradient,
    /// The gradient of the scalar `inputs[0]` by `inputs[1]`, of which it has the type. Gone after
    /// differentiation; until then the rules leave `inputs[1]` alone.
    Grad,
}
