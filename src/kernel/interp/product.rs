//! Sums of products.

use super::block::Block;
use super::memory::{Real, View};
use super::value::{Value, tree};
use crate::ir::op::{Binary, Reduce};
use crate::ir::types::DType;
use crate::kernel::zeros::{self, BLOCK, adds_nothing};
use crate::kernel::{Bands, Form, Product, Start, Terms};

impl Block<'_> {
    /// All elements of a product; it writes nothing that it reads of a and b.
    pub(super) fn product(&mut self, product: &Product) {
        match self.dtype(product.c.0) {
            DType::F32 => self.product_of::<f32>(product),
            DType::F64 => self.product_of::<f64>(product),
            DType::I32 | DType::Bool => panic!("a product is of reals"),
        }
    }

    fn product_of<T: Real>(&mut self, product: &Product) {
        let [c, a, b] = [&product.c, &product.a, &product.b].map(|(_, index)| self.position(index));
        let (m, n) = (self.turns(&product.m), self.turns(&product.n));
        let run = match &product.form {
            Form::Lanes { terms: Terms::Strided { count, .. }, .. } => self.turns(count),
            Form::Lanes { terms: Terms::Table(pairs), .. } => pairs.len() as i64,
            Form::Dot { k, .. } => self.turns(k),
        };
        let left_out = match &product.form {
            Form::Lanes { terms, sparse: true } => {
                let left = self.view::<T>(product.a.0);
                let at = |i: usize, t: usize| a + i as i64 * product.a_row + pair(terms, t).0;
                left_out(m as usize, run as usize, |i, t| left.at(at(i, t)) == T::default())
            }
            Form::Lanes { sparse: false, .. } | Form::Dot { .. } => Vec::new(),
        };
        let mut elements = Vec::new();
        {
            let [of_c, left, right] = [&product.c, &product.a, &product.b].map(|at| self.view::<T>(at.0));
            let bands = match product.form {
                Form::Dot { bands, .. } => bands,
                Form::Lanes { .. } => Bands::ONE,
            };
            let columns = (0..bands.count as i64).flat_map(|h| (0..n).map(move |j| (h, j)));
            for (i, (h, j)) in (0..m).flat_map(|i| columns.clone().map(move |column| (i, column))) {
                let at = c + i * product.c_row + j * product.c_col + h * bands.c;
                let b = b + h * bands.b;
                let (so_far, old) = match product.start {
                    Start::Zero => (None, None),
                    Start::Old => (Some(of_c.at(at)), None),
                    Start::Plus => (None, Some(of_c.at(at))),
                    Start::Scaled(by) => (None, Some(T::of_value(self.value(by)).times(of_c.at(at)))),
                    Start::Decayed(by) => {
                        let old = of_c.at(at);
                        (None, Some(old.plus(T::of_value(self.value(by)).times(old))))
                    }
                };
                let out = left_out.get(i as usize).map_or(&[][..], |row| row);
                if product.start == Start::Plus && adds_nothing(out) {
                    continue;
                }
                let operands = Operands { left: &left, right: &right, a: a + i * product.a_row, b, out };
                let sum = operands.sum((&product.form, run), j, so_far);
                let sum = old.map_or(sum, |old| old.value().binary(Binary::Add, sum));
                elements.push((at, sum));
            }
        }
        for (at, value) in elements {
            self.store(product.c.0, at, value);
        }
    }
}

/// What an element's sum is of: a's row and all of b.
struct Operands<'a, T> {
    left: &'a View<'a, T>,
    right: &'a View<'a, T>,
    a: i64,
    b: i64,
    /// Terms that are left out, if any are.
    out: &'a [bool],
}

impl<T: Real> Operands<'_, T> {
    fn add(&self, sum: T, x: i64, y: i64) -> T {
        self.left.at(self.a + x).multiply_add(self.right.at(self.b + y), sum)
    }

    fn sum(&self, (form, run): (&Form, i64), j: i64, old: Option<T>) -> Value {
        let zero = T::default();
        match form {
            Form::Lanes { terms, .. } => {
                let mut sum = old.unwrap_or(zero);
                for t in (0..run as usize).filter(|t| !self.out.get(*t).is_some_and(|out| *out)) {
                    let (x, y) = pair(terms, t);
                    sum = self.add(sum, x, y + j);
                }
                sum.value()
            }
            Form::Dot { b_row, k: _, outer, bands: _ } => {
                let mut parts = [zero; 16];
                for (x, y) in (0..outer.count()).map(|o| pair(outer, o)) {
                    for at in 0..run {
                        let part = (at % 16) as usize;
                        parts[part] = self.add(parts[part], x + at, y + j * b_row + at);
                    }
                }
                let sum = tree(Reduce::Sum, parts.map(T::value));
                old.map_or(sum, |old| old.value().binary(Binary::Add, sum))
            }
        }
    }
}

/// For each row which terms are left out.
fn left_out(rows: usize, terms: usize, zero: impl Fn(usize, usize) -> bool) -> Vec<Vec<bool>> {
    let mut out = vec![vec![false; terms]; rows];
    let blocks = |all: usize| (0..all).step_by(BLOCK).map(move |from| from..all.min(from + BLOCK));
    for (some_rows, some_terms) in blocks(rows).flat_map(|r| blocks(terms).map(move |t| (r.clone(), t))) {
        let zeros: Vec<(usize, usize)> = some_rows
            .clone()
            .flat_map(|i| some_terms.clone().map(move |t| (i, t)))
            .filter(|(i, t)| zero(*i, *t))
            .collect();
        let cells = some_rows.len() * some_terms.len();
        if zeros::left_out(cells - zeros.len(), some_rows.len(), some_terms.len()) {
            zeros.into_iter().for_each(|(i, t)| out[i][t] = true);
        }
    }
    out
}

/// The offsets of a term.
fn pair(terms: &Terms, t: usize) -> (i64, i64) {
    match terms {
        Terms::Strided { a, b, .. } => (t as i64 * a, t as i64 * b),
        Terms::Table(pairs) => (pairs[t].0.into(), pairs[t].1.into()),
    }
}
