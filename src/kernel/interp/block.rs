//! One block of a kernel, statement by statement.

use super::memory::{Memory, Real, View};
use super::value::{Value, joined, start, tree};
use crate::ir::types::DType;
use crate::kernel::{BufferId, Extent, Fold, Index, IndexVar, Kernel, Op, Order, Step, Stmt, Val, Var};
use crate::random::philox4x32_10;

/// Runs one block; gives whether a check failed.
pub fn run(
    step: &Step,
    kernel: &Kernel,
    memory: &mut Memory,
    counters: &[usize],
    backwards: bool,
    block: usize,
) -> bool {
    memory.clear_scratch();
    let (vars, values) = (vec![0; kernel.vars], vec![Value::Bool(false); kernel.values.len()]);
    let mut of = Block { step, kernel, memory, counters, backwards, vars, values, fault: false };
    if let Some(owner) = kernel.owner() {
        of.vars[owner.var.0 as usize] = (block * owner.unit) as i64;
    }
    of.body(&kernel.body);
    of.fault
}

/// A block under way.
pub(super) struct Block<'a> {
    step: &'a Step,
    kernel: &'a Kernel,
    memory: &'a mut Memory,
    counters: &'a [usize],
    backwards: bool,
    vars: Vec<i64>,
    values: Vec<Value>,
    fault: bool,
}

impl Block<'_> {
    /// The position that an index means here.
    pub fn position(&self, index: &Index) -> i64 {
        let variable = |var: &IndexVar| match var {
            IndexVar::Loop(var) => self.vars[var.0 as usize],
            IndexVar::Counter(counter) => self.counters[*counter] as i64,
        };
        let terms: i64 = index.terms.iter().map(|(var, c)| c * variable(var)).sum();
        let dynamic: i64 = index.dynamic.iter().map(|(v, c)| c * i64::from(self.value(*v).integer())).sum();
        index.offset + terms + dynamic
    }

    /// The number of turns that an extent means here.
    pub fn turns(&self, extent: &Extent) -> i64 {
        let size = extent.size as i64;
        extent.rest.map_or(size, |(var, limit)| size.min(limit as i64 - self.vars[var.0 as usize]))
    }

    /// An element.
    pub fn load(&self, buffer: BufferId, position: i64) -> Value {
        self.memory.get(&self.step.buffers[buffer.0 as usize], position)
    }

    /// Writes an element.
    pub fn store(&mut self, buffer: BufferId, position: i64, value: Value) {
        self.memory.set(&self.step.buffers[buffer.0 as usize], position, value);
    }

    /// All elements of a buffer.
    pub fn view<T: Real>(&self, buffer: BufferId) -> View<'_, T> {
        self.memory.view(&self.step.buffers[buffer.0 as usize])
    }

    /// The type of a buffer's elements.
    pub fn dtype(&self, buffer: BufferId) -> DType {
        self.step.buffers[buffer.0 as usize].dtype
    }

    pub(super) fn value(&self, value: Val) -> Value {
        self.values[value.0 as usize]
    }

    fn body(&mut self, body: &[Stmt]) {
        for stmt in body {
            self.statement(stmt);
        }
    }

    fn statement(&mut self, stmt: &Stmt) {
        match stmt {
            Stmt::Let { value, op, span: _ } => {
                self.values[value.0 as usize] = self.operation(op, self.kernel.values[value.0 as usize]);
            }
            Stmt::Store { buffer, index, value, span: _ } => {
                self.store(*buffer, self.position(index), self.value(*value));
            }
            Stmt::For { var, extent, step, body } => {
                for at in (0..self.turns(extent)).step_by(*step) {
                    self.turn(*var, at, body);
                }
            }
            Stmt::Lanes { var, extent, body } => {
                let turns = self.turns(extent);
                for at in 0..turns {
                    self.turn(*var, if self.backwards { turns - 1 - at } else { at }, body);
                }
            }
            Stmt::Check { value, extent, span: _ } => {
                let index = self.value(*value).integer();
                self.fault |= usize::try_from(index).map_or(true, |index| index >= *extent);
            }
            Stmt::Strip { f, dst, src, count, span: _ } => {
                let (to, from) = (self.position(&dst.1), self.position(&src.1));
                for i in 0..self.turns(count) {
                    let value = self.load(src.0, from + i).unary(*f);
                    self.store(dst.0, to + i, value);
                }
            }
            Stmt::Random { dst, first, count, key, run, turn, span: _ } => {
                let (to, first) = (self.position(&dst.1), self.position(first));
                let [turn, run] = [turn, run].map(|word| self.value(*word).integer() as u32);
                for i in 0..self.turns(count) {
                    let at = (first + i) as u64;
                    let counter = [(at / 4) as u32, ((at / 4) >> 32) as u32, turn, run];
                    let word = philox4x32_10(counter, *key)[(at % 4) as usize];
                    self.store(dst.0, to + i, Value::I32(word as i32));
                }
            }
            Stmt::Product(product) => self.product(product),
        }
    }

    fn turn(&mut self, var: Var, at: i64, body: &[Stmt]) {
        self.vars[var.0 as usize] = at;
        self.body(body);
    }

    fn operation(&mut self, op: &Op, dtype: DType) -> Value {
        match op {
            Op::Const(value) => Value::constant(dtype, *value),
            Op::Index(index) => Value::I32(self.position(index) as i32),
            Op::Load(buffer, index) => self.load(*buffer, self.position(index)),
            Op::Unary(f, a) => self.value(*a).unary(*f),
            Op::Binary(f, a, b) => self.value(*a).binary(*f, self.value(*b)),
            Op::Compare(f, a, b) => self.value(*a).compare(*f, self.value(*b)),
            Op::Select(condition, a, b) => self.value(if self.value(*condition).truth() { *a } else { *b }),
            Op::Cast(a) => self.value(*a).cast(dtype),
            Op::Fold(fold) => {
                let mut parts = [start(fold.op, dtype); 16];
                self.nest(fold, 0, &mut parts);
                match fold.order {
                    Order::Ascending => parts[0],
                    Order::Strided => tree(fold.op, parts),
                }
            }
        }
    }

    /// The loops of a fold from the given depth on.
    fn nest(&mut self, fold: &Fold, depth: usize, parts: &mut [Value; 16]) {
        let Some((var, extent)) = fold.loops.get(depth) else {
            self.body(&fold.body);
            let innermost = fold.loops.last().map_or(0, |(var, _)| self.vars[var.0 as usize]);
            let part = match fold.order {
                Order::Ascending => 0,
                Order::Strided => innermost as usize % 16,
            };
            parts[part] = joined(fold.op, parts[part], self.value(fold.item));
            return;
        };
        for at in 0..self.turns(extent) {
            self.vars[var.0 as usize] = at;
            self.nest(fold, depth + 1, parts);
        }
    }
}
