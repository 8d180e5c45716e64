//! Which variables, counters and values the statements of a kernel mention.

use super::{Extent, Form, Index, IndexVar, Kernel, Op, Stmt, Terms, Var};
use std::collections::BTreeSet;

/// What is mentioned.
#[derive(Default)]
pub struct Mentioned {
    /// One more than the greatest variable.
    pub vars: usize,
    /// The counters.
    pub counters: BTreeSet<usize>,
    /// The values that some statement assigns.
    assigned: BTreeSet<usize>,
}

/// What a kernel mentions.
pub fn of(kernel: &Kernel) -> Mentioned {
    let mut found = Mentioned::default();
    if let Some(owner) = kernel.owner() {
        found.var(owner.var);
    }
    found.body(&kernel.body);
    found
}

impl Mentioned {
    /// Of so many values those that no statement assigns.
    pub fn without_statement(&self, values: usize) -> impl Iterator<Item = usize> {
        (0..values).filter(|v| !self.assigned.contains(v))
    }

    fn var(&mut self, var: Var) {
        self.vars = self.vars.max(var.0 as usize + 1);
    }

    fn extent(&mut self, extent: &Extent) {
        if let Some((var, _)) = extent.rest {
            self.var(var);
        }
    }

    fn index(&mut self, index: &Index) {
        for (var, _) in &index.terms {
            match var {
                IndexVar::Loop(var) => self.var(*var),
                IndexVar::Counter(counter) => {
                    self.counters.insert(*counter);
                }
            }
        }
    }

    fn body(&mut self, body: &[Stmt]) {
        for stmt in body {
            match stmt {
                Stmt::Let { value, op, span: _ } => {
                    self.assigned.insert(value.0 as usize);
                    self.operation(op);
                }
                Stmt::Store { index, .. } => self.index(index),
                Stmt::For { var, extent, body, step: _ } | Stmt::Lanes { var, extent, body } => {
                    self.var(*var);
                    self.extent(extent);
                    self.body(body);
                }
                Stmt::Check { .. } => {}
                Stmt::Strip { dst, src, count, .. } => {
                    self.index(&dst.1);
                    self.index(&src.1);
                    self.extent(count);
                }
                Stmt::Random { dst, first, count, .. } => {
                    self.index(&dst.1);
                    self.index(first);
                    self.extent(count);
                }
                Stmt::Product(product) => {
                    [&product.c, &product.a, &product.b].iter().for_each(|(_, index)| self.index(index));
                    self.extent(&product.m);
                    self.extent(&product.n);
                    match &product.form {
                        Form::Lanes { terms: Terms::Strided { count: k, .. }, .. } | Form::Dot { k, .. } => {
                            self.extent(k);
                        }
                        Form::Lanes { terms: Terms::Table(_), .. } => {}
                    }
                }
            }
        }
    }

    fn operation(&mut self, op: &Op) {
        match op {
            Op::Index(index) | Op::Load(_, index) => self.index(index),
            Op::Fold(fold) => {
                for (var, extent) in &fold.loops {
                    self.var(*var);
                    self.extent(extent);
                }
                self.body(&fold.body);
            }
            Op::Const(_)
            | Op::Unary(..)
            | Op::Binary(..)
            | Op::Compare(..)
            | Op::Select(..)
            | Op::Cast(_) => {}
        }
    }
}
