//! A product that reads a matrix and one that then adds an outer product to it, as steps of one example have them: both in
//! one pass over the matrix.

use super::function::Emitter;
use crate::ir::DType;
use crate::kernel::{BufferId, Extent, Form, Op, Product, Start, Stmt, Terms};
use cranelift_codegen::ir::InstBuilder;
use cranelift_codegen::ir::types::I64;

/// Positions of the two products, and the one at which both are done.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Pass {
    pub read: usize,
    pub update: usize,
    pub at: usize,
}

impl<'a> Emitter<'a, '_> {
    /// The passes among statements.
    pub fn passes(&self, stmts: &[Stmt]) -> Vec<Pass> {
        let product = |at: usize| match &stmts[at] {
            Stmt::Product(product) => Some(product),
            _ => None,
        };
        let mut found: Vec<Pass> = Vec::new();
        for (read, first) in (0..stmts.len()).filter_map(|at| Some((at, product(at)?))) {
            let later = (read + 1..stmts.len()).filter_map(|at| Some((at, product(at)?)));
            let mut updates = later.filter(|(_, second)| self.one_pass(first, second));
            let Some((update, second)) = updates.next() else { continue };
            let between = &stmts[read + 1..update];
            let at = if self.may_pass(second, between) {
                read
            } else if self.may_pass(first, between) {
                update
            } else {
                continue;
            };
            // What moves past something must not meet what moves past it the other way.
            if found.iter().all(|pass| pass.update < read) {
                found.push(Pass { read, update, at });
            }
        }
        found
    }

    /// Whether the first reads row by row what the second updates, and neither has to do with the other otherwise.
    fn one_pass(&self, first: &Product, second: &Product) -> bool {
        let rows = match &first.form {
            Form::Lanes { terms: Terms::Strided { count, b, .. }, sparse: false } => {
                Some((*count, first.n, *b)).filter(|_| matches!(first.start, Start::Zero | Start::Old))
            }
            Form::Dot { b_row, k, outer, bands } if outer.count() == 1 && bands.count == 1 => {
                Some((first.n, *k, *b_row)).filter(|_| first.start == Start::Zero)
            }
            Form::Lanes { .. } | Form::Dot { .. } => None,
        };
        let outer = match &second.form {
            Form::Lanes { terms: Terms::Strided { count, .. }, sparse: false } => *count == Extent::fixed(1),
            Form::Lanes { .. } | Form::Dot { .. } => false,
        };
        let apart = |written: BufferId, others: [BufferId; 2]| {
            others.into_iter().all(|other| !self.overlap(written, other))
        };
        outer
            && second.start == Start::Plus
            && first.m == Extent::fixed(1)
            && first.b == second.c
            && rows == Some((second.m, second.n, second.c_row))
            && apart(second.c.0, [first.a.0, first.c.0])
            && apart(second.c.0, [second.a.0, second.b.0])
            && apart(first.c.0, [second.a.0, second.b.0])
    }

    /// Whether a product may be done before statements instead of after them, or after instead of before.
    fn may_pass(&self, product: &Product, stmts: &[Stmt]) -> bool {
        let [a, b] = [product.a.0, product.b.0];
        !self.touches(stmts, product.c.0) && !self.writes(stmts, a) && !self.writes(stmts, b)
    }

    /// Whether statements read or write memory in which a buffer lies.
    fn touches(&self, stmts: &[Stmt], buffer: BufferId) -> bool {
        let meets = |other: BufferId| self.overlap(buffer, other);
        self.writes(stmts, buffer)
            || stmts.iter().any(|stmt| match stmt {
                Stmt::Let { op: Op::Load(from, _), .. } => meets(*from),
                Stmt::Let { op: Op::Fold(fold), .. } => self.touches(&fold.body, buffer),
                Stmt::Let { .. } | Stmt::Store { .. } | Stmt::Check { .. } | Stmt::Random { .. } => false,
                Stmt::For { body, .. } | Stmt::Lanes { body, .. } => self.touches(body, buffer),
                Stmt::Strip { src, .. } => meets(src.0),
                Stmt::Product(product) => meets(product.a.0) || meets(product.b.0),
            })
    }

    /// Both products of a pass.
    pub fn pass(&mut self, first: &'a Product, second: &'a Product) -> Result<(), String> {
        let single = self.buffer(second.c.0).dtype == DType::F32;
        let routines = &self.target.routines;
        let routine = match (&first.form, single) {
            (Form::Lanes { .. }, true) => routines.products_f32.lanes_update as usize,
            (Form::Lanes { .. }, false) => routines.products_f64.lanes_update as usize,
            (Form::Dot { .. }, true) => routines.products_f32.dot_update as usize,
            (Form::Dot { .. }, false) => routines.products_f64.dot_update as usize,
        };
        let arguments = [first, second].map(|product| self.arguments_of(product));
        let arguments = arguments.map(|slot| self.b.ins().stack_addr(I64, slot, 0));
        self.call(routine, &[I64, I64], None, &arguments);
        Ok(())
    }
}
