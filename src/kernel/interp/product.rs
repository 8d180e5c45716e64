//! Sums of products.

use super::block::Block;
use super::value::{Value, start, tree};
use crate::ir::op::Reduce;
use crate::kernel::{Form, Product, Terms};

impl Block<'_> {
    /// All elements of a product.
    pub(super) fn product(&mut self, product: &Product) {
        let [c, a, b] = [&product.c, &product.a, &product.b].map(|(_, index)| self.position(index));
        for i in 0..self.turns(&product.m) {
            for j in 0..self.turns(&product.n) {
                let at = c + i * product.c_row + j * product.c_col;
                let value = self.element(product, at, a + i * product.a_row, b, j);
                self.store(product.c.0, at, value);
            }
        }
    }

    /// The element of c at a position, from a's row and b's first element, in column j.
    fn element(&self, product: &Product, c: i64, a: i64, b: i64, j: i64) -> Value {
        let zero = start(Reduce::Sum, self.dtype(product.c.0));
        let old = product.accumulate.then(|| self.load(product.c.0, c));
        let add = |sum: Value, x: i64, y: i64| {
            self.load(product.a.0, a + x).multiply_add(self.load(product.b.0, b + y), sum)
        };
        match &product.form {
            Form::Lanes { terms } => {
                let first = old.unwrap_or(zero);
                (0..terms.count()).map(|t| pair(terms, t)).fold(first, |sum, (x, y)| add(sum, x, y + j))
            }
            Form::Dot { b_row, k, outer } => {
                let mut parts = [zero; 16];
                for (x, y) in (0..outer.count()).map(|o| pair(outer, o)) {
                    for t in 0..*k {
                        let at = t as i64;
                        parts[t % 16] = add(parts[t % 16], x + at, y + j * b_row + at);
                    }
                }
                let sum = tree(Reduce::Sum, parts);
                old.map_or(sum, |old| old.binary(crate::ir::op::Binary::Add, sum))
            }
        }
    }
}

/// The offsets of a term.
fn pair(terms: &Terms, t: usize) -> (i64, i64) {
    match terms {
        Terms::Strided { a, b, .. } => (t as i64 * a, t as i64 * b),
        Terms::Table(pairs) => (pairs[t].0.into(), pairs[t].1.into()),
    }
}
