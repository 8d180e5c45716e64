//! Sums of products with affine accesses, convolutions above all, as many matrix products.
//!
//! Whatever the accesses are, an operand is a strided view by the variables it mentions: rows (its
//! own and the result's), columns (the other's and the result's), those summed over, and batch
//! variables (of both and the result). A product of matrices needs a copy in which each part lies
//! in a row, and of a convolution that copy (one for each position of the filter) is many times the
//! picture. So some variables, the batch's and then the outermost, are walked by a loop: until the
//! parts of the result that one turn computes have one stride, and the copies are small.
//!
//! All elements of the result are summed in the same order, so that windows with equal elements give
//! equal bits.

use super::contract::{access, merged, pick, summed};
use super::element::Number;
use super::view::{positions, strided};
use crate::ir::op::Contract;
use crate::ir::tensor::row_major;
use ndarray::{ArrayView2, ArrayViewMut2, LinalgScalar, ShapeBuilder, linalg::general_mat_mul};

/// At most so many elements are copied for one product, if loops can help it.
const COPY: usize = 1 << 18;

/// The plan of a sum of products.
pub struct Windowed {
    /// Variables that are walked by a loop.
    looped: Vec<usize>,
    rows: Vec<usize>,
    columns: Vec<usize>,
    inner: Vec<usize>,
    /// First position and stride a variable of each operand.
    operands: [(isize, Vec<isize>); 2],
    /// Stride a variable of the result.
    result: Vec<isize>,
}

impl Windowed {
    /// A plan, where there is one: each variable of the result occurs in an operand.
    pub fn plan(spec: &Contract, a: &[usize], b: &[usize]) -> Option<Windowed> {
        if spec.extents.contains(&0) {
            return None;
        }
        let mentioned = |which: usize, v: usize| {
            spec.operands[which].iter().any(|axis| axis.terms.iter().any(|t| t.0 == v && t.1 != 0))
        };
        let mut result = vec![0; spec.extents.len()];
        for (v, stride) in spec.output.iter().zip(row_major(&pick(&spec.extents, &spec.output))) {
            result[*v] = stride;
        }
        let operands = [access(spec, &spec.operands[0], a), access(spec, &spec.operands[1], b)];
        let (looped, rows, columns) = (Vec::new(), Vec::new(), Vec::new());
        let mut plan = Windowed { looped, rows, columns, inner: summed(spec), operands, result };
        for v in spec.output.iter().copied() {
            match (mentioned(0, v), mentioned(1, v)) {
                (true, true) => plan.looped.push(v),
                (true, false) => plan.rows.push(v),
                (false, true) => plan.columns.push(v),
                (false, false) => return None,
            }
        }
        for part in [true, false] {
            loop {
                let list = if part { &mut plan.rows } else { &mut plan.columns };
                if merged(&pick(&spec.extents, list), &pick(&plan.result, list)).is_some() {
                    break;
                }
                plan.looped.push(list.remove(0));
            }
        }
        plan.shrink(&spec.extents);
        Some(plan)
    }

    /// Walks more variables by the loop until both copies are small: of the one that is too large,
    /// the variable of the longest stride, summed over or not.
    fn shrink(&mut self, extents: &[usize]) {
        let size = |parts: [&[usize]; 2]| {
            parts.iter().flat_map(|p| p.iter()).fold(1usize, |n, v| n.saturating_mul(extents[*v]))
        };
        loop {
            let (a, b) = (size([&self.rows, &self.inner]), size([&self.inner, &self.columns]));
            let which = usize::from(b > a);
            if a.max(b) <= COPY {
                return;
            }
            let own = if which == 0 { &self.rows } else { &self.columns };
            let strides = &self.operands[which].1;
            // The result's outermost variable, not one between others.
            let candidates = own.first().into_iter().chain(&self.inner).copied();
            let Some(v) = candidates.max_by_key(|v| (strides[*v].unsigned_abs(), extents[*v])) else {
                return;
            };
            self.looped.push(v);
            for part in [&mut self.rows, &mut self.columns, &mut self.inner] {
                part.retain(|w| *w != v);
            }
        }
    }

    /// The sum of products.
    pub fn multiply<T: Number + LinalgScalar>(&self, spec: &Contract, a: &[T], b: &[T]) -> Vec<T> {
        let extent = |part: &[usize]| part.iter().map(|v| spec.extents[*v]).product::<usize>();
        let (m, n, k) = (extent(&self.rows), extent(&self.columns), extent(&self.inner));
        let mut out = vec![T::default(); extent(&spec.output)];
        // Never none: `plan` saw to the parts' strides, and a part of a merged part is one.
        let stride = |part: &[usize]| {
            merged(&pick(&spec.extents, part), &pick(&self.result, part)).unwrap_or(1) as usize
        };
        let strides = (stride(&self.rows), stride(&self.columns));
        let turns = pick(&spec.extents, &self.looped);
        let walk = |first: isize, by: &[isize]| positions(first, &turns, &pick(by, &self.looped));
        let starts = self.operands.each_ref().map(|(first, by)| walk(*first, by));
        let places = walk(0, &self.result);
        let mut left = Copies::new(spec, &self.operands[0].1, &self.rows, &self.inner, a);
        let mut right = Copies::new(spec, &self.operands[1].1, &self.inner, &self.columns, b);
        for turn in 0..places.len() {
            left.at(starts[0][turn]);
            right.at(starts[1][turn]);
            let own = &mut out[places[turn] as usize..];
            let length = (m - 1) * strides.0 + (n - 1) * strides.1 + 1;
            let shape = (m, n).strides(strides);
            let mut own = ArrayViewMut2::from_shape(shape, &mut own[..length]).expect("inside the result");
            general_mat_mul(T::ONE, &left.matrix(m, k), &right.matrix(k, n), T::ONE, &mut own);
        }
        out
    }
}

/// A strided view as a matrix in memory, one start after another.
struct Copies<'a, T> {
    from: &'a [T],
    /// The order in which variables lie in the copy: their extents and strides.
    extents: Vec<usize>,
    strides: Vec<isize>,
    /// Whether the copy is the matrix's transpose.
    turned: bool,
    start: Option<isize>,
    copy: Vec<T>,
}

impl<'a, T: Number> Copies<'a, T> {
    fn new(spec: &Contract, strides: &[isize], down: &[usize], right: &[usize], from: &'a [T]) -> Self {
        // Rows of the copy are best long and in one piece.
        let run = |part: &[usize]| {
            part.last().map_or(0, |v| if strides[*v] == 1 { 1 + spec.extents[*v] } else { 1 })
        };
        let turned = run(down) > run(right);
        let order = if turned { [right, down].concat() } else { [down, right].concat() };
        let (extents, strides) = (pick(&spec.extents, &order), pick(strides, &order));
        Copies { from, extents, strides, turned, start: None, copy: Vec::new() }
    }

    /// Makes the copy that begins at a position.
    fn at(&mut self, start: isize) {
        if self.start != Some(start) {
            self.copy = strided(self.from, start, &self.extents, &self.strides);
            self.start = Some(start);
        }
    }

    fn matrix(&self, rows: usize, columns: usize) -> ArrayView2<'_, T> {
        let strides = if self.turned { (1, rows) } else { (columns, 1) };
        ArrayView2::from_shape((rows, columns).strides(strides), &self.copy).expect("all of the copy")
    }
}
