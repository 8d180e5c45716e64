//! Loops over elements as machine code with the widest vectors of x86-64, which Cranelift does not have: its vectors
//! are of 128 bits.
//!
//! A [`Nest`] is a chain of loops around one whose turns are independent, or are summed up strided; its body is
//! straight. [`assemble`] makes one function of it, `(arguments)`, in the System V convention. Operations are those of the
//! compiled loops, lane by lane, so the bits are the same. Where a nest does not fit into registers it is left to Cranelift.
//!
//! The arguments are words of 8 bytes, in memory that the caller gives and the function also counts in:
//!
//! ```text
//! pointers…   turns that are left, a word each loop   scalars…   results of folds…
//! ```

#![cfg_attr(not(target_arch = "x86_64"), expect(dead_code, reason = "nothing else has use for nests"))]

#[cfg(target_arch = "x86_64")]
mod assemble;
#[cfg(all(test, target_arch = "x86_64"))]
mod tests;
#[cfg(target_arch = "x86_64")]
mod write;

use super::Isa;
use crate::ir::op::{Compare, Reduce};

/// Loops around a straight body.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Nest {
    /// Turns of the loops around, outermost first; none is 0.
    pub loops: Vec<usize>,
    /// Turns of the innermost loop, which are taken side by side.
    pub count: usize,
    /// What moves through memory.
    pub pointers: Vec<Pointer>,
    /// How many scalars there are among the arguments.
    pub scalars: usize,
    /// What a turn does, in order; a statement is known by its position.
    pub body: Vec<Inst>,
    /// Whether a turn may need what a turn of a loop around has written, or may write over it.
    pub carries: bool,
    /// What is reduced over all turns, in 16 strided sums and a tree; then nothing is stored.
    pub folds: Vec<(Reduce, usize)>,
}

/// How an address moves from turn to turn.
#[derive(Clone, Debug, PartialEq)]
pub struct Pointer {
    /// By how many bytes in each of the loops around.
    pub steps: Vec<i64>,
    /// Whether by one element in the innermost one; otherwise not.
    pub along: bool,
}

/// What a turn does. Numbers are of 32 bits, truth values masks.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Inst {
    /// These bits.
    Const(u32),
    /// A truth value.
    Truth(bool),
    /// The scalar of that position among the arguments.
    Scalar(usize),
    /// The number of the innermost turn, plus this, as a whole number.
    Turn(i32),
    /// The element so many bytes beyond a pointer.
    Load(usize, i64),
    /// The element there, and so many bytes further with each of the innermost turns, whose pointer does not go along.
    Strided(usize, i64, i64),
    /// Writes there; the pointer goes along.
    Store(usize, i64, usize),
    /// An operation on two numbers.
    Two(Two, usize, usize),
    /// A comparison of two reals.
    Compare(Compare, usize, usize),
    /// A comparison of two whole numbers.
    CompareWhole(Compare, usize, usize),
    /// Of truth values: both, or either.
    Both(usize, usize),
    /// See `Both`.
    Either(usize, usize),
    /// The second truth value where the first does not hold.
    ButNot(usize, usize),
    /// The opposite of a truth value.
    Not(usize),
    /// The second number if the first, a truth value, holds, else the third.
    Pick(usize, usize, usize),
    /// The same of truth values.
    PickTruth(usize, usize, usize),
    /// The square root.
    Sqrt(usize),
    /// To the nearest whole number, ties to even.
    Round(usize),
    /// To the next whole number below.
    Floor(usize),
    /// A whole number as a real.
    Real(usize),
    /// Bits shifted to the right, zeros following.
    Shift(usize, u32),
}

/// Operations on two numbers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Two {
    /// Reals.
    Add,
    /// Reals.
    Sub,
    /// Reals.
    Mul,
    /// Reals.
    Div,
    /// The first if it is greater, else the second.
    Greater,
    /// The first if it is less, else the second.
    Less,
    /// Bits.
    And,
    /// Bits of the second that the first does not have.
    AndNot,
    /// Bits.
    Xor,
    /// Whole numbers.
    AddWhole,
    /// Whole numbers.
    SubWhole,
    /// Whole numbers.
    MulWhole,
    /// Whole numbers.
    MaxWhole,
    /// Whole numbers.
    MinWhole,
}

impl Two {
    /// Whether the operands may change places.
    fn commutes(self) -> bool {
        match self {
            Two::Add
            | Two::Mul
            | Two::And
            | Two::Xor
            | Two::AddWhole
            | Two::MulWhole
            | Two::MaxWhole
            | Two::MinWhole => true,
            Two::Sub | Two::Div | Two::Greater | Two::Less | Two::AndNot | Two::SubWhole => false,
        }
    }
}

impl Inst {
    /// The statements it needs.
    pub fn operands(self) -> impl Iterator<Item = usize> {
        let (count, all) = match self {
            Inst::Const(_)
            | Inst::Truth(_)
            | Inst::Scalar(_)
            | Inst::Turn(_)
            | Inst::Load(..)
            | Inst::Strided(..) => (0, [0, 0, 0]),
            Inst::Not(a)
            | Inst::Sqrt(a)
            | Inst::Round(a)
            | Inst::Floor(a)
            | Inst::Real(a)
            | Inst::Shift(a, _)
            | Inst::Store(_, _, a) => (1, [a, 0, 0]),
            Inst::Two(_, a, b)
            | Inst::Compare(_, a, b)
            | Inst::CompareWhole(_, a, b)
            | Inst::Both(a, b)
            | Inst::Either(a, b)
            | Inst::ButNot(a, b) => (2, [a, b, 0]),
            Inst::Pick(c, a, b) | Inst::PickTruth(c, a, b) => (3, [c, a, b]),
        };
        all.into_iter().take(count)
    }

    /// Whether it gives a truth value.
    fn is_truth(self) -> bool {
        match self {
            Inst::Truth(_)
            | Inst::Compare(..)
            | Inst::CompareWhole(..)
            | Inst::Both(..)
            | Inst::Either(..)
            | Inst::ButNot(..)
            | Inst::Not(_)
            | Inst::PickTruth(..) => true,
            Inst::Const(_)
            | Inst::Scalar(_)
            | Inst::Turn(_)
            | Inst::Load(..)
            | Inst::Strided(..)
            | Inst::Store(..)
            | Inst::Two(..)
            | Inst::Pick(..)
            | Inst::Sqrt(_)
            | Inst::Round(_)
            | Inst::Floor(_)
            | Inst::Real(_)
            | Inst::Shift(..) => false,
        }
    }
}

impl Nest {
    /// The word of a loop's turns among the arguments.
    pub fn turns_at(&self, of: usize) -> usize {
        self.pointers.len() + of
    }

    /// The word of a scalar.
    pub fn scalar_at(&self, scalar: usize) -> usize {
        self.turns_at(self.loops.len()) + scalar
    }

    /// The word of a fold's result.
    pub fn result_at(&self, fold: usize) -> usize {
        self.scalar_at(self.scalars) + fold
    }

    /// Words of the arguments.
    pub fn words(&self) -> usize {
        self.result_at(self.folds.len())
    }

    /// Whether turns of the last loop around are taken some at a time: what is strided lies side by side along that loop,
    /// so tiles of it can be read and turned.
    fn in_tiles(&self) -> bool {
        let Some(last) = self.loops.len().checked_sub(1) else { return false };
        let mut strided = self.body.iter().filter_map(|inst| match inst {
            Inst::Strided(pointer, ..) => Some(*pointer),
            _ => None,
        });
        let tiles = !self.carries && self.folds.is_empty();
        let first = strided.next();
        tiles
            && first.is_some()
            && first.into_iter().chain(strided).all(|p| self.pointers[p].steps[last] == 4)
    }

    /// Makes one loop of two where one goes on where the turn before has ended.
    fn merge(&mut self) {
        let counted = self.body.iter().any(|inst| matches!(inst, Inst::Turn(_)));
        let strided = self.body.iter().any(|inst| matches!(inst, Inst::Strided(..)));
        let along = !counted
            && !strided
            && !self.carries
            && (self.folds.is_empty() || self.count.is_multiple_of(SUMS));
        while let Some((turns, before)) = self.loops.split_last() {
            let last = before.len();
            let through = |p: &Pointer| p.steps[last] == if p.along { 4 * self.count as i64 } else { 0 };
            if !along || !self.pointers.iter().all(through) {
                break;
            }
            self.count *= turns;
            self.loops.pop();
            self.pointers.iter_mut().for_each(|p| p.steps.truncate(last));
        }
        for at in (1..self.loops.len()).rev() {
            let turns = self.loops[at] as i64;
            if self.pointers.iter().all(|p| p.steps[at - 1] == turns * p.steps[at]) {
                self.loops[at - 1] *= self.loops[at];
                self.loops.remove(at);
                for pointer in &mut self.pointers {
                    pointer.steps.remove(at - 1);
                }
            }
        }
    }
}

/// Sums of a fold.
const SUMS: usize = 16;

/// A function: constants and code.
#[derive(Clone, Debug, Default)]
pub struct Code {
    /// Constants, from a multiple of 64 bytes, and the instructions.
    pub bytes: Vec<u8>,
    /// Where the instructions begin.
    pub entry: usize,
}

/// The function of a nest, on an instruction set that has wide vectors, where it fits into the registers.
#[cfg(target_arch = "x86_64")]
pub fn assemble(nest: &Nest, isa: Isa) -> Option<Code> {
    let mut nest = nest.clone();
    let words = nest.clone();
    nest.merge();
    let width = match isa {
        // Tiles are turned with AVX2.
        Isa::Avx512 if !nest.in_tiles() => write::Width::Z,
        Isa::Avx512 | Isa::Avx2 => write::Width::Y,
        Isa::Neon | Isa::Portable => return None,
    };
    assemble::function(&nest, &words, width)
}

/// No instruction set of this machine has wider vectors than Cranelift.
#[cfg(not(target_arch = "x86_64"))]
pub fn assemble(_: &Nest, _: Isa) -> Option<Code> {
    None
}
