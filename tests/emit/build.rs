//! Steps put together by hand.

use dlc::ir::DType;
use dlc::ir::types::Scalar;
use dlc::kernel::{
    Buffer, BufferId, Extent, Home, Index, IndexVar, Item, Kernel, Layout, Op, Owner, Share, Step, Stmt, Val,
    Var,
};

/// A buffer.
pub fn buffer(name: &str, home: Home, dtype: DType, shape: &[usize]) -> Buffer {
    Buffer { name: name.to_owned(), home, dtype, shape: shape.to_vec(), layout: Layout::Rows }
}

/// A sum of variables times coefficients, and a constant.
pub fn index(terms: &[(Var, i64)], offset: i64) -> Index {
    let terms = terms.iter().filter(|(_, c)| *c != 0).map(|(v, c)| (IndexVar::Loop(*v), *c)).collect();
    Index { offset, terms, dynamic: Vec::new() }
}

/// A kernel under construction.
#[derive(Default)]
pub struct Making {
    /// Types of the values so far.
    pub values: Vec<DType>,
    /// Variables so far.
    pub vars: usize,
}

impl Making {
    /// A new variable.
    pub fn var(&mut self) -> Var {
        self.vars += 1;
        Var(self.vars as u32 - 1)
    }

    /// A new value, computed at the end of `body`.
    pub fn set(&mut self, body: &mut Vec<Stmt>, dtype: DType, op: Op) -> Val {
        self.values.push(dtype);
        let value = Val(self.values.len() as u32 - 1);
        body.push(Stmt::Let { value, op, span: None });
        value
    }

    /// A real constant.
    pub fn real(&mut self, body: &mut Vec<Stmt>, dtype: DType, value: f64) -> Val {
        self.set(body, dtype, Op::Const(Scalar::Real(value)))
    }

    /// The kernel.
    pub fn kernel(self, name: &str, owner: Option<(Var, usize, usize)>, body: Vec<Stmt>) -> Kernel {
        let owner = owner.map(|(var, extent, unit)| Owner { axis: "n".to_owned(), var, extent, unit });
        let share = owner.map_or(Share::One, Share::Blocks);
        Kernel { name: name.to_owned(), share, values: self.values, vars: self.vars, body }
    }
}

/// A statement that writes an element.
pub fn store(buffer: u32, index: Index, value: Val) -> Stmt {
    Stmt::Store { buffer: BufferId(buffer), index, value, span: None }
}

/// A loop of independent turns.
pub fn lanes(var: Var, extent: Extent, body: Vec<Stmt>) -> Stmt {
    Stmt::Lanes { var, extent, body }
}

/// A loop in order.
pub fn ascending(var: Var, extent: Extent, body: Vec<Stmt>) -> Stmt {
    Stmt::For { var, extent, step: 1, body }
}

/// A step of kernels with a barrier after each.
pub fn step(name: &str, buffers: Vec<Buffer>, kernels: Vec<Kernel>, arena: usize, scratch: usize) -> Step {
    let order = (0..kernels.len()).flat_map(|at| [Item::Kernel(at), Item::Barrier]).collect();
    Step { name: name.to_owned(), buffers, kernels, opening: Vec::new(), order, counters: 0, arena, scratch }
}

/// Numbers that look random, the same each time.
pub fn noise(count: usize, seed: u32) -> Vec<f64> {
    let mut state = seed.wrapping_mul(2_654_435_761).wrapping_add(1);
    let mut next = || {
        state ^= state << 13;
        state ^= state >> 17;
        state ^= state << 5;
        f64::from(state >> 8) / f64::from(1 << 24) * 2.0 - 1.0
    };
    (0..count).map(|_| next()).collect()
}
