//! Which loops may take their turns side by side in a vector, and which of their values are vectors.
//!
//! A loop qualifies where every element it touches moves by one or not at all from turn to turn, and
//! every operation has a vector form with the bits of the scalar one. Vectors have 128 bits: four
//! lanes of F32 and I32, or two of F64. A value that is the same in all turns stays a scalar.

use super::target::Target;
use crate::ir::DType;
use crate::ir::op::{Binary, Unary};
use crate::kernel::{BufferId, Extent, Fold, Index, IndexVar, Kernel, Op, Order, Step, Stmt, Val, Var};

/// Turns of a loop taken side by side.
#[derive(Clone, Debug)]
pub(super) struct Lane {
    /// The loop's variable; its value is the first turn's.
    pub var: Var,
    /// How many turns: 4 or 2.
    pub width: usize,
    varying: Vec<bool>,
}

impl Lane {
    /// The lanes of a loop over `var` with a body, where it qualifies.
    pub fn of(step: &Step, kernel: &Kernel, target: &Target, var: Var, body: &[Stmt]) -> Option<Lane> {
        let mut looking = Looking {
            step,
            kernel,
            target,
            var,
            varying: vec![false; kernel.values.len()],
            constant: vec![false; kernel.values.len()],
            pairs: false,
            fours: false,
            narrow: false,
        };
        looking.body(body)?;
        // Two lanes of 64 bits and four of 32 do not mix, nor are bytes loaded two at a time.
        let width = match (looking.pairs, looking.fours || looking.narrow) {
            (true, true) => return None,
            (true, false) => 2,
            (false, _) => 4,
        };
        Some(Lane { var, width, varying: looking.varying })
    }

    /// Whether a value may differ from turn to turn.
    pub fn varies(&self, val: Val) -> bool {
        self.varying[val.0 as usize]
    }

    /// The coefficient of the loop's variable in an index.
    pub fn coefficient(&self, index: &Index) -> i64 {
        coefficient(index, self.var)
    }
}

/// The coefficient of a loop variable in an index.
fn coefficient(index: &Index, var: Var) -> i64 {
    index.terms.iter().find(|(v, _)| *v == IndexVar::Loop(var)).map_or(0, |(_, c)| *c)
}

struct Looking<'a> {
    step: &'a Step,
    kernel: &'a Kernel,
    target: &'a Target,
    var: Var,
    varying: Vec<bool>,
    constant: Vec<bool>,
    /// There is a vector of F64.
    pairs: bool,
    /// There is a vector of F32 or I32.
    fours: bool,
    /// Truth values are loaded or stored as bytes.
    narrow: bool,
}

impl Looking<'_> {
    fn varies(&self, val: Val) -> bool {
        self.varying[val.0 as usize]
    }

    fn dtype(&self, val: Val) -> DType {
        self.kernel.values[val.0 as usize]
    }

    fn body(&mut self, body: &[Stmt]) -> Option<()> {
        for stmt in body {
            match stmt {
                Stmt::Let { value, op, .. } => {
                    let varies = self.op(*value, op)?;
                    self.varying[value.0 as usize] = varies;
                    match self.dtype(*value) {
                        DType::F64 => self.pairs |= varies,
                        DType::F32 | DType::I32 => self.fours |= varies,
                        DType::Bool => {}
                    }
                }
                Stmt::Store { buffer, index, value, .. } => {
                    if !self.place(*buffer, index)? {
                        return None;
                    }
                    match self.dtype(*value) {
                        DType::F64 => self.pairs = true,
                        DType::F32 | DType::I32 => self.fours = true,
                        DType::Bool => self.narrow = true,
                    }
                }
                Stmt::Check { .. } => {}
                Stmt::For { .. }
                | Stmt::Lanes { .. }
                | Stmt::Strip { .. }
                | Stmt::Random { .. }
                | Stmt::Product(_) => return None,
            }
        }
        Some(())
    }

    /// Whether an element moves from turn to turn; none where it does so by more than one.
    fn place(&self, buffer: BufferId, index: &Index) -> Option<bool> {
        if index.dynamic.iter().any(|(val, _)| self.varies(*val)) {
            return None;
        }
        // A vector at a computed place is held inside the buffer, so it must fit.
        if !index.dynamic.is_empty() && self.step.buffers[buffer.0 as usize].elements() < 4 {
            return None;
        }
        match coefficient(index, self.var) {
            0 => Some(false),
            1 => Some(true),
            _ => None,
        }
    }

    /// Whether an operation's result varies; none where it has no vector form.
    fn op(&mut self, value: Val, op: &Op) -> Option<bool> {
        match op {
            Op::Const(_) => {
                self.constant[value.0 as usize] = true;
                Some(false)
            }
            Op::Index(index) => {
                let varies = coefficient(index, self.var) != 0;
                if index.dynamic.iter().any(|(val, _)| self.varies(*val)) { None } else { Some(varies) }
            }
            Op::Load(buffer, index) => {
                let varies = self.place(*buffer, index)?;
                self.narrow |= varies && self.dtype(value) == DType::Bool;
                Some(varies)
            }
            Op::Unary(f, a) => {
                let varies = self.varies(*a);
                (!varies || self.has_unary(*f)).then_some(varies)
            }
            Op::Binary(f, a, b) => {
                let varies = self.varies(*a) || self.varies(*b);
                (!varies || self.has_binary(*f, *a, *b)).then_some(varies)
            }
            Op::Compare(_, a, b) => Some(self.varies(*a) || self.varies(*b)),
            Op::Select(c, a, b) => Some([c, a, b].iter().any(|val| self.varies(**val))),
            Op::Cast(a) => Some(self.varies(*a)),
            Op::Fold(fold) => self.fold(fold),
        }
    }

    fn fold(&mut self, fold: &Fold) -> Option<bool> {
        let bounded = |extent: &Extent| extent.rest.is_some_and(|(var, _)| var == self.var);
        if fold.loops.iter().any(|(_, extent)| bounded(extent)) {
            return None;
        }
        self.body(&fold.body)?;
        let varies = self.varies(fold.item);
        let inside = fold.body.iter().any(|stmt| self.check_varies(stmt));
        (!(varies || inside) || fold.order == Order::Ascending).then_some(varies)
    }

    fn check_varies(&self, stmt: &Stmt) -> bool {
        match stmt {
            Stmt::Check { value, .. } => self.varies(*value),
            Stmt::Let { value, .. } => self.varies(*value),
            Stmt::Store { .. }
            | Stmt::For { .. }
            | Stmt::Lanes { .. }
            | Stmt::Strip { .. }
            | Stmt::Random { .. }
            | Stmt::Product(_) => false,
        }
    }

    fn has_unary(&self, f: Unary) -> bool {
        match f {
            Unary::Neg | Unary::Abs | Unary::Sign | Unary::Sqrt | Unary::Relu | Unary::Not => true,
            Unary::Floor | Unary::Round => self.target.rounds,
            Unary::Exp
            | Unary::Log
            | Unary::Log1p
            | Unary::Expm1
            | Unary::Tanh
            | Unary::Sigmoid
            | Unary::Softplus
            | Unary::Erf
            | Unary::Sin
            | Unary::Cos => false,
        }
    }

    fn has_binary(&self, f: Binary, a: Val, b: Val) -> bool {
        let real = self.dtype(a).is_real();
        match f {
            Binary::Add
            | Binary::Sub
            | Binary::Mul
            | Binary::Div
            | Binary::Max
            | Binary::Min
            | Binary::And
            | Binary::Or => true,
            Binary::FloorDiv | Binary::Mod => real && self.target.rounds,
            Binary::ShiftRight => self.constant[b.0 as usize],
            Binary::Pow | Binary::MulHigh => false,
        }
    }
}
