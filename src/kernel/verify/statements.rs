//! Scopes, types and shapes of statements.

use super::operations::{binary, compare, constant, equal, real, reduce, unary};
use crate::ir::types::DType;
use crate::kernel::access::product_reach;
use crate::kernel::print::print_statement;
use crate::kernel::ranges::{Ranges, Reach};
use crate::kernel::{
    Bands, BufferId, Extent, Fold, Form, Index, IndexVar, Kernel, Op, Product, Start, Step, Stmt, Terms, Val,
    Var, order,
};
use std::collections::BTreeSet;

/// What is wrong with the statements of the step's kernels.
pub fn check(step: &Step) -> Vec<String> {
    let mut found = Vec::new();
    for (at, kernel) in step.kernels.iter().enumerate() {
        let turns = order::turns(step, at);
        let mut checker = Checker {
            step,
            kernel,
            bound: BTreeSet::new(),
            scope: BTreeSet::new(),
            assigned: BTreeSet::new(),
            visible: BTreeSet::new(),
            ranges: Ranges::new(&turns),
            found: Vec::new(),
        };
        checker.whole();
        found.extend(checker.found);
    }
    found
}

/// What may stand in a block.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Block {
    Any,
    Lanes,
    Fold,
}

struct Checker<'a> {
    step: &'a Step,
    kernel: &'a Kernel,
    bound: BTreeSet<Var>,
    scope: BTreeSet<Var>,
    assigned: BTreeSet<Val>,
    visible: BTreeSet<Val>,
    ranges: Ranges,
    found: Vec<String>,
}

type Check<T = ()> = Result<T, String>;

impl Checker<'_> {
    fn whole(&mut self) {
        let mut loops = Vec::new();
        if let Some(owner) = self.kernel.owner() {
            if owner.unit == 0 {
                self.found.push(format!("{}: a block has at least one index", self.kernel.name));
                return;
            }
            loops.push((owner.var, Extent::fixed(owner.extent), owner.unit));
        }
        let kernel = self.kernel;
        let result = self.inside(&loops, &kernel.body, Block::Any);
        self.found.extend(result.err().map(|e| format!("{}: {e}", kernel.name)));
    }

    /// A body in loops of its own; its variables and values are not seen outside.
    fn inside(&mut self, loops: &[(Var, Extent, usize)], body: &[Stmt], block: Block) -> Check {
        self.enter(loops)?;
        let visible = self.visible.clone();
        self.body(body, block);
        self.visible = visible;
        self.leave(loops);
        Ok(())
    }

    fn enter(&mut self, loops: &[(Var, Extent, usize)]) -> Check {
        for (var, extent, step) in loops {
            self.extent(extent)?;
            if var.0 as usize >= self.kernel.vars {
                return Err(format!("variable {} of {}", var.0, self.kernel.vars));
            }
            if !self.bound.insert(*var) {
                return Err(format!("variable {} is bound twice", var.0));
            }
            if *step == 0 {
                return Err("a loop goes up by at least 1".to_owned());
            }
            self.scope.insert(*var);
            self.ranges.enter(*var, extent, *step);
        }
        Ok(())
    }

    fn leave(&mut self, loops: &[(Var, Extent, usize)]) {
        for (var, ..) in loops {
            self.scope.remove(var);
            self.ranges.leave();
        }
    }

    fn body(&mut self, body: &[Stmt], block: Block) {
        for stmt in body {
            if let Err(message) = self.statement(stmt, block) {
                let text = print_statement(self.step, self.kernel, stmt);
                self.found.push(format!("{}: `{text}`: {message}", self.kernel.name));
            }
        }
    }

    fn statement(&mut self, stmt: &Stmt, block: Block) -> Check {
        let allowed = match stmt {
            Stmt::Let { .. } | Stmt::Check { .. } => true,
            Stmt::Store { .. } => block != Block::Fold,
            Stmt::For { .. }
            | Stmt::Lanes { .. }
            | Stmt::Strip { .. }
            | Stmt::Random { .. }
            | Stmt::Product(_) => block == Block::Any,
        };
        if !allowed {
            let place = if block == Block::Lanes { "lanes" } else { "a fold" };
            return Err(format!("it does not stand in the body of {place}"));
        }
        match stmt {
            Stmt::Let { value, op, span: _ } => {
                let dtype = self.kernel.values.get(value.0 as usize).copied();
                let dtype = dtype.ok_or_else(|| format!("%{} has no type", value.0))?;
                self.operation(op, dtype)?;
                if !self.assigned.insert(*value) {
                    return Err(format!("%{} is assigned twice", value.0));
                }
                self.visible.insert(*value);
                Ok(())
            }
            Stmt::Store { buffer, index, value, span: _ } => {
                let due = self.at(*buffer, index)?;
                equal(self.value(*value)?, due)
            }
            Stmt::For { var, extent, step, body } => self.inside(&[(*var, *extent, *step)], body, Block::Any),
            Stmt::Lanes { var, extent, body } => {
                self.enter(&[(*var, *extent, 1)])?;
                let visible = self.visible.clone();
                self.body(body, Block::Lanes);
                let independent = self.independent(*var, body, &visible);
                self.visible = visible;
                self.leave(&[(*var, *extent, 1)]);
                independent
            }
            Stmt::Check { value, extent: _, span: _ } => equal(self.value(*value)?, DType::I32),
            Stmt::Strip { f, dst, src, count, span: _ } => {
                let (to, from) = (self.at(dst.0, &dst.1)?, self.at(src.0, &src.1)?);
                self.extent(count)?;
                real(to)?;
                equal(from, to)?;
                unary(*f, to)?;
                let reach = [Reach::Run(1, *count)];
                let same = dst == src || dst.0 != src.0;
                if same || self.ranges.apart((&dst.1, &reach), (&src.1, &reach), self.ranges.depth()) {
                    Ok(())
                } else {
                    Err("what is read and what is written overlap".to_owned())
                }
            }
            Stmt::Random { dst, first, count, key: _, run, turn, span: _ } => {
                equal(self.at(dst.0, &dst.1)?, DType::I32)?;
                self.index(first)?;
                self.extent(count)?;
                equal(self.value(*run)?, DType::I32)?;
                equal(self.value(*turn)?, DType::I32)
            }
            Stmt::Product(product) => self.product(product),
        }
    }

    fn operation(&mut self, op: &Op, dtype: DType) -> Check {
        match op {
            Op::Const(value) => constant(*value, dtype),
            Op::Index(index) => {
                self.index(index)?;
                equal(dtype, DType::I32)
            }
            Op::Load(buffer, index) => {
                let found = self.at(*buffer, index)?;
                equal(found, dtype)
            }
            Op::Unary(f, a) => {
                unary(*f, dtype)?;
                equal(self.value(*a)?, dtype)
            }
            Op::Binary(f, a, b) => {
                binary(*f, dtype)?;
                equal(self.value(*a)?, dtype)?;
                equal(self.value(*b)?, dtype)
            }
            Op::Compare(f, a, b) => {
                let of = self.value(*a)?;
                compare(*f, of)?;
                equal(self.value(*b)?, of)?;
                equal(dtype, DType::Bool)
            }
            Op::Select(condition, a, b) => {
                equal(self.value(*condition)?, DType::Bool)?;
                equal(self.value(*a)?, dtype)?;
                equal(self.value(*b)?, dtype)
            }
            Op::Cast(a) => self.value(*a).map(|_| ()),
            Op::Fold(fold) => self.fold(fold, dtype),
        }
    }

    fn fold(&mut self, fold: &Fold, dtype: DType) -> Check {
        reduce(fold.op, dtype)?;
        if fold.loops.is_empty() {
            return Err("a fold has a loop".to_owned());
        }
        let loops: Vec<_> = fold.loops.iter().map(|(var, extent)| (*var, *extent, 1)).collect();
        self.enter(&loops)?;
        let visible = self.visible.clone();
        self.body(&fold.body, Block::Fold);
        let item = self.value(fold.item);
        self.visible = visible;
        self.leave(&loops);
        equal(item?, dtype)
    }

    fn product(&self, product: &Product) -> Check {
        let Product { form, c, a, b, m, n, c_col, start, .. } = product;
        let dtype = self.at(c.0, &c.1)?;
        real(dtype)?;
        if let Start::Scaled(by) | Start::Decayed(by) = start {
            equal(self.value(*by)?, dtype)?;
        }
        equal(self.at(a.0, &a.1)?, dtype)?;
        equal(self.at(b.0, &b.1)?, dtype)?;
        self.extent(m)?;
        self.extent(n)?;
        match form {
            Form::Lanes { .. } if *c_col != 1 => {
                return Err("columns of the lanes form are adjacent".to_owned());
            }
            Form::Lanes { terms: Terms::Table(_), sparse: true } => {
                return Err("a product that leaves out zeros takes its terms from a table".to_string());
            }
            Form::Lanes { terms: Terms::Table(_), .. } => {}
            Form::Lanes { terms: Terms::Strided { count, .. }, .. } => self.extent(count)?,
            Form::Dot { outer: Terms::Strided { count: Extent { rest: Some(_), .. }, .. }, .. } => {
                return Err("a dot has a fixed number of runs".to_owned());
            }
            Form::Dot { bands: Bands { count: 0, .. }, .. } => {
                return Err("a dot has no band of columns".to_owned());
            }
            Form::Dot { k, .. } => self.extent(k)?,
        }
        let [of_c, of_a, of_b] = product_reach(product);
        for ((buffer, index), reach) in [(a, &of_a), (b, &of_b)] {
            let depth = self.ranges.depth();
            if *buffer == c.0 && !self.ranges.apart((&c.1, &of_c), (index, reach), depth) {
                return Err("it writes what it reads".to_owned());
            }
        }
        Ok(())
    }

    /// No turn of the innermost loop, a `lanes` loop, touches what another one writes.
    fn independent(&self, var: Var, body: &[Stmt], before: &BTreeSet<Val>) -> Check {
        let mut loads = Vec::new();
        loads_of(body, &mut loads);
        for stmt in body {
            let Stmt::Store { buffer, index, .. } = stmt else { continue };
            let moves = index.terms.iter().any(|(v, c)| *v == IndexVar::Loop(var) && *c != 0);
            if !moves || index.dynamic.iter().any(|(v, _)| !before.contains(v)) {
                return Err("a store does not move with the variable alone".to_owned());
            }
            let disturbed = |(from, at): &(&BufferId, &Index)| {
                *from == buffer && *at != index && !self.ranges.independent(index, at)
            };
            if loads.iter().any(disturbed) {
                return Err("a turn may read what another one writes".to_owned());
            }
        }
        Ok(())
    }

    fn at(&self, buffer: BufferId, index: &Index) -> Check<DType> {
        self.index(index)?;
        let buffer = self.step.buffers.get(buffer.0 as usize);
        buffer.map(|b| b.dtype).ok_or_else(|| "it names a buffer that does not exist".to_owned())
    }

    fn index(&self, index: &Index) -> Check {
        for (i, (var, coefficient)) in index.terms.iter().enumerate() {
            if let IndexVar::Loop(var) = var
                && !self.scope.contains(var)
            {
                return Err(format!("variable {} is used outside of its loop", var.0));
            }
            if *coefficient == 0 || index.terms[..i].iter().any(|(other, _)| other == var) {
                return Err("an index has each variable once, times a number other than 0".to_owned());
            }
        }
        for (value, _) in &index.dynamic {
            equal(self.value(*value)?, DType::I32)?;
        }
        Ok(())
    }

    fn extent(&self, extent: &Extent) -> Check {
        let Some((var, limit)) = extent.rest else { return Ok(()) };
        let greatest = self.ranges.greatest(var).filter(|_| self.scope.contains(&var));
        match greatest {
            None => Err(format!("variable {} is used outside of its loop", var.0)),
            Some(value) if value > limit as i64 => Err(format!("{limit} - {value} turns are less than none")),
            Some(_) => Ok(()),
        }
    }

    fn value(&self, value: Val) -> Check<DType> {
        let dtype = self.kernel.values.get(value.0 as usize).copied();
        match dtype.filter(|_| self.visible.contains(&value)) {
            Some(dtype) => Ok(dtype),
            None if self.assigned.contains(&value) => {
                Err(format!("%{} is used outside of the block that assigns it", value.0))
            }
            None => Err(format!("%{} is used before it is assigned", value.0)),
        }
    }
}

/// All loads of statements, those of folds among them.
fn loads_of<'a>(body: &'a [Stmt], found: &mut Vec<(&'a BufferId, &'a Index)>) {
    for stmt in body {
        match stmt {
            Stmt::Let { op: Op::Load(buffer, index), .. } => found.push((buffer, index)),
            Stmt::Let { op: Op::Fold(fold), .. } => loads_of(&fold.body, found),
            Stmt::Let { .. }
            | Stmt::Store { .. }
            | Stmt::For { .. }
            | Stmt::Lanes { .. }
            | Stmt::Check { .. }
            | Stmt::Strip { .. }
            | Stmt::Random { .. }
            | Stmt::Product(_) => {}
        }
    }
}
