//! The kernel IR: what a step is when it is about to become machine code.
//!
//! A [`Step`] is a list of buffers, a list of [`Kernel`]s, and the order they run in, with the
//! barriers between them. A kernel is a tree of loops over scalar operations; the team of threads
//! divides the blocks of its owner axis. What the language fixes, and every target must honour, is
//! the meaning of each statement element by element, above all the order of every sum; what it
//! leaves open is how many elements are done at once. A [`Stmt::Lanes`] loop is independent from
//! turn to turn, so any vector width gives the same bits.
//!
//! [`mod@print`] and [`read`] are each other's inverse (source places are comments), [`verify`] says what
//! must hold, [`interp`] is the meaning, [`cost`] counts.

pub mod access;
pub mod cost;
pub mod interp;
mod mentioned;
mod names;
pub mod order;
pub mod print;
mod ranges;
pub mod read;
pub mod schedule;
pub mod verify;
pub mod zeros;

use crate::ir::DType;
use crate::ir::op::{Binary, Compare, Reduce, Unary};
use crate::ir::types::Scalar;
use crate::source::Span;

pub use crate::plan::{Copies, Layout};

/// Dense index of a buffer in its step.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct BufferId(pub u32);

/// Dense index of a loop variable in its kernel.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Var(pub u32);

/// Dense index of a scalar value in its kernel; assigned once.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Val(pub u32);

/// A step: one call of it runs `order` once.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Step {
    /// Its name.
    pub name: String,
    /// All memory that kernels touch.
    pub buffers: Vec<Buffer>,
    /// The kernels.
    pub kernels: Vec<Kernel>,
    /// What of the first call of a run comes before `order`; of the others, [`Item::Next`] says where it comes.
    pub opening: Vec<Item>,
    /// What runs when. Calls follow each other without a barrier, but for one that stands at the end; all threads
    /// wait for all after the last call of a run.
    pub order: Vec<Item>,
    /// Number of counters of [`Item::Loop`]s.
    pub counters: usize,
    /// Bytes of the arena, which the team shares.
    pub arena: usize,
    /// Bytes of the memory that each thread has to itself.
    pub scratch: usize,
}

/// A piece of memory: `elements` of `dtype`, starting on a multiple of 64 bytes (an argument
/// that is a minibatch: on a multiple of its element).
#[derive(Clone, Debug, PartialEq)]
pub struct Buffer {
    /// A name for people: `below.W`, `%7`.
    pub name: String,
    /// Where it lies.
    pub home: Home,
    /// Element type; a `Bool` is one byte, 0 or 1.
    pub dtype: DType,
    /// Extents in logical order.
    pub shape: Vec<usize>,
    /// How the elements lie.
    pub layout: Layout,
}

impl Buffer {
    /// Number of elements, those included that only fill it up.
    pub fn elements(&self) -> usize {
        self.layout.elements(&self.shape).unwrap_or(usize::MAX)
    }
}

/// Where a buffer lies.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Home {
    /// The call's argument of that position; read only.
    Arg(usize),
    /// The module's place of that index.
    Place(usize),
    /// The module's resident array of that index; read only.
    Resident(usize),
    /// The call's slot for the report of that position; written only.
    Report(usize),
    /// One I32: how often the step's family has run before (modulo 2^32); read only.
    Run,
    /// At that byte of the arena.
    Arena(usize),
    /// In copies in the arena, which the calls of a run take by turns: what a call writes stays for those who still read it
    /// while the next one, or several, have begun.
    Alternate(Copies),
    /// At that byte of the thread's own memory: what [`Share::Each`] kernels write, for other kernels of the same call.
    Own(usize),
    /// In copies in the thread's own memory, by turns as with [`Home::Alternate`].
    OwnAlternate(Copies),
    /// At that byte of the thread's own memory too; nothing survives from block to block.
    Scratch(usize),
}

/// What runs when.
#[derive(Clone, Debug, PartialEq)]
pub enum Item {
    /// A kernel, by index.
    Kernel(usize),
    /// All threads wait for all.
    Barrier,
    /// Turns of a loop; kernels inside read the counter. A barrier stands between turns.
    Loop {
        /// Which counter.
        counter: usize,
        /// How many turns: the counter goes from 0 to turns - 1.
        turns: usize,
        /// Or from turns - 1 to 0.
        reverse: bool,
        /// One turn.
        body: Vec<Item>,
    },
    /// Of the next call of the run, if there is one.
    Next(Vec<Item>),
    /// The same of several calls to come, as far as there are, in the first call of a run and in every so manieth from it on:
    /// each kernel for all those calls before the next item; a block for all of them before the next block, if that is faster.
    Coming {
        /// Of how many calls.
        calls: usize,
        /// Kernels and barriers.
        body: Vec<Item>,
    },
    /// Kernels whose owners have the same blocks, some of them of the next call: a thread does all for a block, then
    /// all for the next one.
    Blocks(Vec<Item>),
}

/// One kernel.
#[derive(Clone, Debug, PartialEq)]
pub struct Kernel {
    /// Its name: `learn.2`.
    pub name: String,
    /// Who does it.
    pub share: Share,
    /// The type of each value, by [`Val`].
    pub values: Vec<DType>,
    /// Number of loop variables, the owner's among them.
    pub vars: usize,
    /// What is done for each block, or once.
    pub body: Vec<Stmt>,
}

impl Kernel {
    /// The axis whose blocks the team divides.
    pub fn owner(&self) -> Option<&Owner> {
        match &self.share {
            Share::Blocks(owner) => Some(owner),
            Share::One | Share::Each => None,
        }
    }
}

/// Who does a kernel.
#[derive(Clone, Debug, PartialEq)]
pub enum Share {
    /// The team divides the blocks of an axis.
    Blocks(Owner),
    /// One thread: the last, whose blocks may be fewer.
    One,
    /// Each thread all of it, into memory of its own.
    Each,
}

/// Blocks of an axis: block b covers `unit * b` up to `unit * (b + 1)` or the extent. Each thread takes
/// an unbroken run of blocks in ascending order; blocks of one kernel are independent.
#[derive(Clone, Debug, PartialEq)]
pub struct Owner {
    /// The axis, for people: `n`, `500`.
    pub axis: String,
    /// The variable that holds the first index of the block.
    pub var: Var,
    /// Extent of the axis.
    pub extent: usize,
    /// Indices to a block.
    pub unit: usize,
}

/// A number of turns: `size`, or what is left of `limit` beyond a variable where that is less; never negative.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Extent {
    /// At most so many.
    pub size: usize,
    /// `min(size, limit - var)`.
    pub rest: Option<(Var, usize)>,
}

impl Extent {
    /// A number known at compile time.
    pub fn fixed(size: usize) -> Extent {
        Extent { size, rest: None }
    }
}

/// An element's position in a buffer: `offset + sum(coefficient * variable) + sum(coefficient * value)`.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
pub struct Index {
    /// The constant part.
    pub offset: i64,
    /// Loop variables and step counters; no variable twice, no coefficient 0.
    pub terms: Vec<(IndexVar, i64)>,
    /// I32 values computed at run time. They keep the position inside the buffer also where a
    /// [`Stmt::Check`] fails: whoever takes them from outside clamps them.
    pub dynamic: Vec<(Val, i64)>,
}

/// What an index may vary with.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum IndexVar {
    /// A loop variable of the kernel.
    Loop(Var),
    /// A counter of a [`Item::Loop`] around it.
    Counter(usize),
}

/// A scalar operation. Types as in the tensor IR; real functions are those of `math`. A whole number
/// divided by 0, or raised to a negative power, gives 0 (a [`Stmt::Check`] beside it raises the fault).
#[derive(Clone, Debug, PartialEq)]
pub enum Op {
    /// A constant of the value's type.
    Const(Scalar),
    /// An index expression as an I32.
    Index(Index),
    /// An element.
    Load(BufferId, Index),
    /// A function of one value.
    Unary(Unary, Val),
    /// A function of two values of one type.
    Binary(Binary, Val, Val),
    /// A comparison of two values of one type; gives a Bool.
    Compare(Compare, Val, Val),
    /// The second value if the first, a Bool, is true, else the third.
    Select(Val, Val, Val),
    /// Conversion to the value's type, as in the tensor IR.
    Cast(Val),
    /// A reduction over a loop nest: `item` of each turn, as `order` says.
    Fold(Box<Fold>),
}

/// A reduction.
#[derive(Clone, Debug, PartialEq)]
pub struct Fold {
    /// What is computed. Sums start from +0 (integers 0), products from 1, `Max` from -inf (the least
    /// integer), `Min` from +inf, `Any` from false, `All` from true.
    pub op: Reduce,
    /// In which order.
    pub order: Order,
    /// The nest, outermost first, each variable ascending.
    pub loops: Vec<(Var, Extent)>,
    /// Statements of a turn: [`Stmt::Let`] and [`Stmt::Check`] only.
    pub body: Vec<Stmt>,
    /// What the turn adds: a value of the fold's type.
    pub item: Val,
}

/// In which order a reduction takes its items.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Order {
    /// One accumulator: `acc = acc op item`, turn after turn.
    Ascending,
    /// 16 accumulators: the item with innermost variable v goes to accumulator v mod 16, turn after turn;
    /// at the end accumulator l takes l + 8, then l + 4, l + 2, l + 1 (`acc[l] = acc[l] op acc[l + 8]`, …).
    Strided,
}

/// A statement.
#[derive(Clone, Debug, PartialEq)]
pub enum Stmt {
    /// A value.
    Let {
        /// Its name.
        value: Val,
        /// What it is.
        op: Op,
        /// Where it comes from.
        span: Option<Span>,
    },
    /// An element is written.
    Store {
        /// Where.
        buffer: BufferId,
        /// Which element.
        index: Index,
        /// What: of the buffer's type.
        value: Val,
        /// Where it comes from.
        span: Option<Span>,
    },
    /// A loop in order: the variable goes from 0 by `step` as long as it is below the extent.
    For {
        /// The variable.
        var: Var,
        /// Its bound.
        extent: Extent,
        /// By how much it goes up.
        step: usize,
        /// A turn.
        body: Vec<Stmt>,
    },
    /// A loop of step 1 whose turns are independent of each other and may be taken side by side.
    Lanes {
        /// The variable.
        var: Var,
        /// Its bound.
        extent: Extent,
        /// A turn: `Let`, `Store` and `Check` only.
        body: Vec<Stmt>,
    },
    /// Raises the fault word unless `0 <= value < extent`. Nothing else depends on it.
    Check {
        /// An I32.
        value: Val,
        /// The bound.
        extent: usize,
        /// Where it comes from.
        span: Option<Span>,
    },
    /// A function applied to a run of elements: `dst[i] = f(src[i])`, `i < count`, both of unit stride;
    /// they may be the same elements.
    Strip {
        /// The function; of reals.
        f: Unary,
        /// First element written.
        dst: (BufferId, Index),
        /// First element read.
        src: (BufferId, Index),
        /// How many.
        count: Extent,
        /// Where it comes from.
        span: Option<Span>,
    },
    /// Philox words: `dst[i]` is the word of row-major element `first + i` of a draw, as
    /// [`crate::ir::Op::RandomBits`] has it.
    Random {
        /// First element written, I32.
        dst: (BufferId, Index),
        /// The first element's position in the draw.
        first: Index,
        /// How many.
        count: Extent,
        /// The key.
        key: [u32; 2],
        /// The run, an I32 value.
        run: Val,
        /// The turn, an I32 value.
        turn: Val,
        /// Where it comes from.
        span: Option<Span>,
    },
    /// A sum of products done by a micro-kernel.
    Product(Box<Product>),
}

/// `c[i, j] (+)= sum a * b` for `i < m`, `j < n`. Strides count elements.
#[derive(Clone, Debug, PartialEq)]
pub struct Product {
    /// Which micro-kernel, and so the order of the sum.
    pub form: Form,
    /// First element written.
    pub c: (BufferId, Index),
    /// First element of the left operand.
    pub a: (BufferId, Index),
    /// First element of the right operand.
    pub b: (BufferId, Index),
    /// Rows.
    pub m: Extent,
    /// Columns.
    pub n: Extent,
    /// `c[i, j]` lies at `i * c_row + j * c_col`.
    pub c_row: i64,
    /// See `c_row`; 1 for [`Form::Lanes`].
    pub c_col: i64,
    /// Row i of a starts at `i * a_row`.
    pub a_row: i64,
    /// What becomes of c's old value.
    pub start: Start,
    /// Where it comes from.
    pub span: Option<Span>,
}

/// What becomes of a product's old value. Terms are small beside a weight: added to it one by one they would
/// each be rounded to its last bit, so the sum is added to it as a whole.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Start {
    /// Nothing: the sum starts from +0.
    Zero,
    /// It is the sum so far: for `Lanes` the sum goes on from it, for `Dot` it is added at the end.
    Old,
    /// The sum starts from +0 and is added to it at the end.
    Plus,
    /// The same after the old value has been multiplied by a value, and rounded.
    Scaled(Val),
    /// The same after the old value, multiplied by a value and rounded, has been added to itself: a decay that
    /// is small beside 1 keeps its own digits.
    Decayed(Val),
}

/// The forms of a product.
#[derive(Clone, Debug, PartialEq)]
pub enum Form {
    /// `a[i * a_row + x(t)] * b[y(t) + j]`: t ascending, one fused multiply-add a term, from +0 (or c).
    Lanes {
        /// x(t) and y(t), one pair a term, in order.
        terms: Terms,
        /// Whether zeros of a are left out where they are many, as [`zeros`] has it; the terms are strided then.
        sparse: bool,
    },
    /// `a[i * a_row + x(o) + t] * b[j * b_row + y(o) + t]` for the pairs (x, y) in order and t from 0 to
    /// `k - 1`, one fused multiply-add a term into accumulator t mod 16, from +0, joined as in [`Order::Strided`];
    /// and that in all bands of columns.
    Dot {
        /// Distance between columns in b.
        b_row: i64,
        /// Length of the inner run.
        k: Extent,
        /// x and y of each run.
        outer: Terms,
        /// How often, and how far apart.
        bands: Bands,
    },
}

/// The columns of a dot over again, each time further on in the right operand and the result.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Bands {
    /// How many.
    pub count: usize,
    /// From one to the next in the right operand.
    pub b: i64,
    /// The same in the result.
    pub c: i64,
}

impl Bands {
    /// All columns are in one.
    pub const ONE: Bands = Bands { count: 1, b: 0, c: 0 };
}

/// Pairs of offsets into two operands.
#[derive(Clone, Debug, PartialEq)]
pub enum Terms {
    /// `(t * a, t * b)` for t < count.
    Strided {
        /// How many; a fixed number of runs in [`Form::Dot`].
        count: Extent,
        /// Step in the left operand.
        a: i64,
        /// Step in the right operand.
        b: i64,
    },
    /// As listed.
    Table(Vec<(i32, i32)>),
}

impl Terms {
    /// How many pairs there are at most.
    pub fn count(&self) -> usize {
        match self {
            Terms::Strided { count, .. } => count.size,
            Terms::Table(pairs) => pairs.len(),
        }
    }
}

/// Loops around each other, the outermost first: how many turns, and how far a turn goes in two operands.
pub type Loops = Vec<(usize, i64, i64)>;

/// The offsets that loops go through.
pub fn pairs_of(loops: &[(usize, i64, i64)]) -> Vec<(i64, i64)> {
    let far = |from: i64, turn: i64, by: i64| from.saturating_add(turn.saturating_mul(by));
    let mut pairs = vec![(0, 0)];
    for (turns, a, b) in loops {
        let turn = |(x, y): &(i64, i64)| {
            let (x, y) = (*x, *y);
            (0..*turns as i64).map(move |t| (far(x, t, *a), far(y, t, *b)))
        };
        pairs = pairs.iter().flat_map(turn).collect();
    }
    pairs
}

/// Loops that go through offsets, if there are.
pub fn loops_of(pairs: &[(i32, i32)]) -> Option<Loops> {
    let wide = |pair: &(i32, i32)| (i64::from(pair.0), i64::from(pair.1));
    let mut left: Vec<(i64, i64)> = pairs.iter().map(wide).collect();
    let mut loops = Vec::new();
    while let [first, second, ..] = left[..] {
        let (a, b) = (second.0 - first.0, second.1 - first.1);
        let from = |start: (i64, i64), t: usize| (start.0 + t as i64 * a, start.1 + t as i64 * b);
        let turns = left.iter().enumerate().take_while(|(t, pair)| **pair == from(first, *t)).count();
        let even = |some: &[(i64, i64)]| some.iter().enumerate().all(|(t, pair)| *pair == from(some[0], t));
        if !left.len().is_multiple_of(turns) || !left.chunks(turns).all(even) {
            return None;
        }
        left = left.into_iter().step_by(turns).collect();
        loops.insert(0, (turns, a, b));
    }
    (left == [(0, 0)]).then_some(loops)
}

/// Whether a check stands among statements.
pub fn has_check(body: &[Stmt]) -> bool {
    body.iter().any(|stmt| match stmt {
        Stmt::Check { .. } => true,
        Stmt::Let { op: Op::Fold(fold), .. } => has_check(&fold.body),
        Stmt::For { body, .. } | Stmt::Lanes { body, .. } => has_check(body),
        Stmt::Let { .. }
        | Stmt::Store { .. }
        | Stmt::Strip { .. }
        | Stmt::Random { .. }
        | Stmt::Product(_) => false,
    })
}
