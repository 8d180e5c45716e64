//! Every access that a kernel makes to memory, and between which positions.

use super::ranges::{Ranges, Reach, counter_terms};
use super::{BufferId, Extent, Form, Index, IndexVar, Kernel, Op, Owner, Product, Start, Stmt, Terms, Val};
use crate::ir::op::Binary;
use crate::ir::types::Scalar;
use std::collections::BTreeMap;

/// An access.
#[derive(Clone, Debug)]
pub struct Access<'a> {
    /// The statement that makes it.
    pub stmt: &'a Stmt,
    /// What is accessed.
    pub buffer: BufferId,
    /// Whether it is written, or read.
    pub written: bool,
    /// Whether run-time values decide where.
    pub dynamic: bool,
    /// Least and greatest position, counters and run-time values taken as 0.
    pub range: (i64, i64),
    /// Coefficients of counters.
    pub counters: Vec<(usize, i64)>,
    /// Coefficient of the owner's variable.
    pub owner: i64,
    /// Whether a run-time value of the index is the block's number, or another one that no two blocks have.
    pub numbered: bool,
    /// Coefficient, step and greatest value of the other variables of an access that is written, each as far
    /// as it goes in the first block.
    pub spread: Vec<(i64, i64, i64)>,
    /// Coefficient and greatest value of those variables, each as far as it ever goes.
    pub farthest: Vec<(i64, i64)>,
}

/// The accesses of a kernel in the order of its text, those that no turn makes left out. `turns` are those of
/// each counter.
pub fn accesses<'a>(kernel: &'a Kernel, turns: &[usize]) -> Vec<Access<'a>> {
    let (ranges, known) = (Ranges::new(turns), BTreeMap::new());
    let mut walk = Walk { kernel, ranges, loops: Vec::new(), known, found: Vec::new() };
    if let Some(owner) = kernel.owner() {
        walk.ranges.enter(owner.var, &Extent::fixed(owner.extent), owner.unit);
    }
    walk.body(&kernel.body);
    walk.found
}

/// How far a product reaches in c, a and b.
pub fn product_reach(product: &Product) -> [Vec<Reach>; 3] {
    let Product { form, m, n, c_row, c_col, a_row, .. } = product;
    let c = vec![Reach::Run(*c_row, *m), Reach::Run(*c_col, *n)];
    match form {
        Form::Lanes { terms, .. } => {
            let [x, y] = terms_reach(terms);
            [c, vec![Reach::Run(*a_row, *m), x], vec![Reach::Run(1, *n), y]]
        }
        Form::Dot { b_row, k, outer, bands } => {
            let [x, y] = terms_reach(outer);
            let inner = Reach::Run(1, *k);
            let band = |step: i64| Reach::Run(step, Extent::fixed(bands.count));
            let c = [c, vec![band(bands.c)]].concat();
            let b = vec![Reach::Run(*b_row, *n), band(bands.b), y, inner.clone()];
            [c, vec![Reach::Run(*a_row, *m), x, inner], b]
        }
    }
}

/// Whether a product has terms.
fn has_terms(form: &Form) -> bool {
    match form {
        Form::Lanes { terms, .. } => terms.count() > 0,
        Form::Dot { k, outer, .. } => k.size > 0 && outer.count() > 0,
    }
}

fn terms_reach(terms: &Terms) -> [Reach; 2] {
    match terms {
        Terms::Strided { count, a, b } => [*a, *b].map(|step| Reach::Run(step, *count)),
        Terms::Table(pairs) => {
            let between = |of: &dyn Fn(&(i32, i32)) -> i32| {
                let all = || pairs.iter().map(|pair| i64::from(of(pair)));
                Reach::Between(all().min().unwrap_or(0), all().max().unwrap_or(0))
            };
            [between(&|pair| pair.0), between(&|pair| pair.1)]
        }
    }
}

/// What is known of an integer.
#[derive(Clone, Copy)]
enum Known {
    /// A constant.
    Const(i32),
    /// So many times the owner's variable.
    Owner(i64),
    /// A number that no two blocks have.
    Number,
}

struct Walk<'a> {
    kernel: &'a Kernel,
    ranges: Ranges,
    known: BTreeMap<Val, Known>,
    /// Variables, steps and extents of the loops inside the owner's.
    loops: Vec<(IndexVar, i64, Extent)>,
    found: Vec<Access<'a>>,
}

impl<'a> Walk<'a> {
    fn body(&mut self, body: &'a [Stmt]) {
        for stmt in body {
            match stmt {
                Stmt::Let { value, op, .. } => {
                    self.operation(stmt, op);
                    self.known.extend(self.known(op).map(|known| (*value, known)));
                }
                Stmt::Store { buffer, index, .. } => self.access(stmt, (*buffer, index), true, &[]),
                Stmt::For { var, extent, step, body } => self.inside(&[(*var, *extent)], *step, body),
                Stmt::Lanes { var, extent, body } => self.inside(&[(*var, *extent)], 1, body),
                Stmt::Check { .. } => {}
                Stmt::Strip { dst, src, count, .. } => {
                    let reach = [Reach::Run(1, *count)];
                    self.access(stmt, (src.0, &src.1), false, &reach);
                    self.access(stmt, (dst.0, &dst.1), true, &reach);
                }
                Stmt::Random { dst, count, .. } => {
                    self.access(stmt, (dst.0, &dst.1), true, &[Reach::Run(1, *count)]);
                }
                Stmt::Product(product) => self.product(stmt, product),
            }
        }
    }

    fn operation(&mut self, stmt: &'a Stmt, op: &'a Op) {
        match op {
            Op::Load(buffer, index) => self.access(stmt, (*buffer, index), false, &[]),
            Op::Fold(fold) => self.inside(&fold.loops, 1, &fold.body),
            Op::Const(_)
            | Op::Index(_)
            | Op::Unary(..)
            | Op::Binary(..)
            | Op::Compare(..)
            | Op::Select(..)
            | Op::Cast(_) => {}
        }
    }

    fn known(&self, op: &Op) -> Option<Known> {
        let owner = self.kernel.owner()?;
        let divided = |a: &Val, by: i64| match self.known.get(a) {
            // Two blocks' first indices are so far apart that their quotients differ.
            Some(Known::Owner(times)) if by > 0 && times.saturating_mul(owner.unit as i64) >= by => {
                Some(Known::Number)
            }
            Some(Known::Owner(_) | Known::Const(_) | Known::Number) | None => None,
        };
        let constant = |value: &Val| match self.known.get(value) {
            Some(Known::Const(value)) => Some(*value),
            Some(Known::Owner(_) | Known::Number) | None => None,
        };
        match op {
            Op::Const(Scalar::Int(value)) => Some(Known::Const(*value)),
            Op::Index(Index { offset: 0, terms, dynamic }) if dynamic.is_empty() => match terms[..] {
                [(IndexVar::Loop(var), times)] if var == owner.var => Some(Known::Owner(times)),
                _ => None,
            },
            Op::Binary(Binary::FloorDiv, a, b) => divided(a, constant(b)?.into()),
            Op::Binary(Binary::ShiftRight, a, b) => {
                divided(a, 1 << u32::try_from(constant(b)?).ok()?.min(32))
            }
            Op::Const(_)
            | Op::Index(_)
            | Op::Load(..)
            | Op::Unary(..)
            | Op::Binary(..)
            | Op::Compare(..)
            | Op::Select(..)
            | Op::Cast(_)
            | Op::Fold(_) => None,
        }
    }

    fn product(&mut self, stmt: &'a Stmt, product: &'a Product) {
        let Product { c, a, b, .. } = product;
        let [of_c, of_a, of_b] = product_reach(product);
        if product.m.size == 0 || product.n.size == 0 {
            return;
        }
        if has_terms(&product.form) {
            self.access(stmt, (a.0, &a.1), false, &of_a);
            self.access(stmt, (b.0, &b.1), false, &of_b);
        }
        if product.start != Start::Zero {
            self.access(stmt, (c.0, &c.1), false, &of_c);
        }
        self.access(stmt, (c.0, &c.1), true, &of_c);
    }

    fn inside(&mut self, loops: &[(super::Var, Extent)], step: usize, body: &'a [Stmt]) {
        for (var, extent) in loops {
            self.ranges.enter(*var, extent, step);
            self.loops.push((IndexVar::Loop(*var), step.max(1) as i64, *extent));
        }
        self.body(body);
        for _ in loops {
            self.ranges.leave();
            self.loops.pop();
        }
    }

    fn access(&mut self, stmt: &'a Stmt, at: (BufferId, &'a Index), written: bool, reach: &[Reach]) {
        let (buffer, index) = at;
        let none = |r: &Reach| matches!(r, Reach::Run(_, extent) if extent.size == 0);
        if self.ranges.never() || reach.iter().any(none) {
            return;
        }
        let owner = self.kernel.owner();
        self.found.push(Access {
            stmt,
            buffer,
            written,
            dynamic: !index.dynamic.is_empty(),
            range: self.ranges.without_counters(index, reach),
            counters: counter_terms(index),
            owner: owner.map_or(0, |owner| coefficient(index, IndexVar::Loop(owner.var))),
            numbered: index.dynamic.iter().any(|(v, _)| matches!(self.known.get(v), Some(Known::Number))),
            spread: if written { self.spread(index, reach, owner) } else { Vec::new() },
            farthest: if written { self.farthest(index, reach) } else { Vec::new() },
        });
    }

    fn farthest(&self, index: &Index, reach: &[Reach]) -> Vec<(i64, i64)> {
        let loops =
            self.loops.iter().map(|(var, _, extent)| (coefficient(index, *var), extent.size as i64 - 1));
        let runs = reach.iter().map(|r| match r {
            Reach::Run(step, extent) => (*step, extent.size as i64 - 1),
            Reach::Between(least, greatest) => (1, greatest - least),
        });
        loops.chain(runs).collect()
    }

    fn spread(&self, index: &Index, reach: &[Reach], owner: Option<&Owner>) -> Vec<(i64, i64, i64)> {
        let loops = self.loops.iter().map(|(var, step, extent)| (coefficient(index, *var), *step, *extent));
        let runs = reach.iter().filter_map(|r| match r {
            Reach::Run(step, extent) => Some((*step, 1, *extent)),
            Reach::Between(..) => None,
        });
        let in_first = |(coefficient, step, extent): (i64, i64, Extent)| match extent.rest {
            None => Some((coefficient, step, extent.size as i64 - 1)),
            Some((var, limit)) if owner.is_some_and(|owner| owner.var == var) => {
                Some((coefficient, step, extent.size.min(limit) as i64 - 1))
            }
            Some(_) => None,
        };
        loops.chain(runs).filter_map(in_first).collect()
    }
}

fn coefficient(index: &Index, of: IndexVar) -> i64 {
    index.terms.iter().filter(|(var, _)| *var == of).map(|(_, c)| *c).sum()
}
