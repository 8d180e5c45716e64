//! Sums of products in index notation.
//!
//! Affine accesses to row-major operands make the position in each operand an affine function of
//! the variables: one stride a variable. [`contract_by_loops`] walks the variables so, whatever the
//! accesses are. Where every access is one variable, the sum is a batched matrix product of some
//! transposition of the operands, and `ndarray` multiplies; `windowed.rs` has the others.

use super::element::Number;
use super::reduce::pairwise;
use super::view::{positions, strided};
use super::windowed::Windowed;
use crate::ir::op::{Affine, Contract};
use crate::ir::tensor::{Buffer, Tensor, row_major};
use ndarray::{ArrayView2, ArrayViewMut2, LinalgScalar, ShapeBuilder, linalg::general_mat_mul};

/// A sum of products, the fast way where there is one.
pub fn contract(spec: &Contract, a: &Tensor, b: &Tensor) -> Buffer {
    let Some(product) = Product::recognise(spec) else {
        let plan = Windowed::plan(spec, &a.ty.shape, &b.ty.shape);
        return match (plan, &*a.data, &*b.data) {
            (Some(plan), Buffer::F32(x), Buffer::F32(y)) => Buffer::F32(plan.multiply(spec, x, y)),
            (Some(plan), Buffer::F64(x), Buffer::F64(y)) => Buffer::F64(plan.multiply(spec, x, y)),
            _ => contract_by_loops(spec, a, b),
        };
    };
    match (&*a.data, &*b.data) {
        (Buffer::F32(x), Buffer::F32(y)) => Buffer::F32(product.multiply(spec, (a, x), (b, y))),
        (Buffer::F64(x), Buffer::F64(y)) => Buffer::F64(product.multiply(spec, (a, x), (b, y))),
        (x, y) => unreachable!("contract of {} and {}", x.dtype().name(), y.dtype().name()),
    }
}

/// Sums added to what they are added to.
pub fn onto(start: &Buffer, sums: &Buffer) -> Buffer {
    match (start, sums) {
        (Buffer::F32(x), Buffer::F32(y)) => Buffer::F32(x.iter().zip(y).map(|(x, y)| x + y).collect()),
        (Buffer::F64(x), Buffer::F64(y)) => Buffer::F64(x.iter().zip(y).map(|(x, y)| x + y).collect()),
        (x, y) => unreachable!("{} and {} in one contract", x.dtype().name(), y.dtype().name()),
    }
}

/// A sum of products by nested loops: what `contract` means.
pub fn contract_by_loops(spec: &Contract, a: &Tensor, b: &Tensor) -> Buffer {
    match (&*a.data, &*b.data) {
        (Buffer::F32(x), Buffer::F32(y)) => Buffer::F32(loops(spec, (a, x), (b, y))),
        (Buffer::F64(x), Buffer::F64(y)) => Buffer::F64(loops(spec, (a, x), (b, y))),
        (x, y) => unreachable!("contract of {} and {}", x.dtype().name(), y.dtype().name()),
    }
}

/// First position and stride a variable of an operand's access.
pub(super) fn access(spec: &Contract, axes: &[Affine], shape: &[usize]) -> (isize, Vec<isize>) {
    let mut first = 0;
    let mut strides = vec![0; spec.extents.len()];
    for (axis, own) in axes.iter().zip(row_major(shape)) {
        first += axis.offset as isize * own;
        for (variable, coefficient) in &axis.terms {
            strides[*variable] += *coefficient as isize * own;
        }
    }
    (first, strides)
}

/// The variables that are summed over, ascending.
pub(super) fn summed(spec: &Contract) -> Vec<usize> {
    (0..spec.extents.len()).filter(|v| !spec.output.contains(v)).collect()
}

pub(super) fn pick<T: Copy>(from: &[T], variables: &[usize]) -> Vec<T> {
    variables.iter().map(|v| from[*v]).collect()
}

fn loops<T: Number>(spec: &Contract, a: (&Tensor, &[T]), b: (&Tensor, &[T])) -> Vec<T> {
    let inner = summed(spec);
    let walk = |(tensor, _): (&Tensor, &[T]), axes: &[Affine]| {
        let (first, strides) = access(spec, axes, &tensor.ty.shape);
        let outer = positions(first, &pick(&spec.extents, &spec.output), &pick(&strides, &spec.output));
        (outer, positions(0, &pick(&spec.extents, &inner), &pick(&strides, &inner)))
    };
    let (outer_a, inner_a) = walk(a, &spec.operands[0]);
    let (outer_b, inner_b) = walk(b, &spec.operands[1]);
    let element = |(at_a, at_b): (&isize, &isize)| {
        let block = |start: usize, end: usize| {
            let pairs = inner_a[start..end].iter().zip(&inner_b[start..end]);
            pairs.fold(T::default(), |sum, (i, j)| {
                sum.plus(a.1[(at_a + i) as usize].times(b.1[(at_b + j) as usize]))
            })
        };
        pairwise(0, inner_a.len(), &block)
    };
    outer_a.iter().zip(&outer_b).map(element).collect()
}

/// A sum of products as a batched matrix product; each part may be several variables.
struct Product {
    /// Variables of both operands and the result.
    batch: Vec<usize>,
    /// Of the first operand and the result, in the result's order.
    rows: Vec<usize>,
    /// Of the second operand and the result, in the result's order.
    columns: Vec<usize>,
    /// Of both operands, summed over.
    inner: Vec<usize>,
}

/// The variable of each axis, where every access is one variable and no variable comes twice.
fn plain(axes: &[Affine]) -> Option<Vec<usize>> {
    let mut variables = Vec::new();
    for axis in axes {
        match axis.terms[..] {
            [(v, 1)] if axis.offset == 0 && !variables.contains(&v) => variables.push(v),
            _ => return None,
        }
    }
    Some(variables)
}

impl Product {
    fn recognise(spec: &Contract) -> Option<Product> {
        let a = plain(&spec.operands[0])?;
        let b = plain(&spec.operands[1])?;
        let inner = summed(spec);
        let known = |v: &usize| a.contains(v) || b.contains(v);
        if !spec.output.iter().all(known) || !inner.iter().all(|v| a.contains(v) && b.contains(v)) {
            return None;
        }
        let of = |in_a: bool, in_b: bool| {
            let here = |v: &&usize| a.contains(v) == in_a && b.contains(v) == in_b;
            spec.output.iter().filter(here).copied().collect()
        };
        Some(Product { batch: of(true, true), rows: of(true, false), columns: of(false, true), inner })
    }

    fn multiply<T: Number + LinalgScalar>(
        &self,
        spec: &Contract,
        a: (&Tensor, &[T]),
        b: (&Tensor, &[T]),
    ) -> Vec<T> {
        let extent = |part: &[usize]| part.iter().map(|v| spec.extents[*v]).product::<usize>();
        let (m, n, k) = (extent(&self.rows), extent(&self.columns), extent(&self.inner));
        let count = extent(&self.batch);
        let mut product = vec![T::default(); count * m * n];
        if m * n * k > 0 {
            let left = Matrices::new(spec, &spec.operands[0], a, [&self.batch, &self.rows, &self.inner]);
            let right = Matrices::new(spec, &spec.operands[1], b, [&self.batch, &self.inner, &self.columns]);
            for (i, out) in product.chunks_mut(m * n).enumerate() {
                let mut out = ArrayViewMut2::from_shape((m, n), out).expect("m * n elements");
                general_mat_mul(T::ONE, &left.matrix(i), &right.matrix(i), T::default(), &mut out);
            }
        }
        let order = [&self.batch[..], &self.rows, &self.columns].concat();
        if order == spec.output {
            return product;
        }
        let own = row_major(&pick(&spec.extents, &order));
        let stride = |v: &usize| own[order.iter().position(|o| o == v).expect("each is in the result")];
        let strides: Vec<isize> = spec.output.iter().map(stride).collect();
        strided(&product, 0, &pick(&spec.extents, &spec.output), &strides)
    }
}

/// Matrices in memory, one for each value of the batch variables.
struct Matrices<'a, T: Number> {
    data: std::borrow::Cow<'a, [T]>,
    starts: Vec<isize>,
    shape: [usize; 2],
    strides: [isize; 2],
}

impl<'a, T: Number> Matrices<'a, T> {
    /// Parts: batch, rows, columns. Copies only where several variables do not make one stride.
    fn new(
        spec: &Contract,
        axes: &[Affine],
        (tensor, data): (&Tensor, &'a [T]),
        parts: [&[usize]; 3],
    ) -> Matrices<'a, T> {
        let (_, strides) = access(spec, axes, &tensor.ty.shape);
        let extents = parts.map(|p| pick(&spec.extents, p));
        let strides = parts.map(|p| pick(&strides, p));
        let shape = [extents[1].iter().product(), extents[2].iter().product()];
        let one = |i: usize| merged(&extents[i], &strides[i]);
        if let (Some(down), Some(right)) = (one(1), one(2)) {
            let starts = positions(0, &extents[0], &strides[0]);
            return Matrices { data: data.into(), starts, shape, strides: [down, right] };
        }
        let copy = strided(data, 0, &extents.concat(), &strides.concat());
        let count: usize = extents[0].iter().product();
        let starts = (0..count).map(|i| (i * shape[0] * shape[1]) as isize).collect();
        Matrices { data: copy.into(), starts, shape, strides: [shape[1] as isize, 1] }
    }

    fn matrix(&self, i: usize) -> ArrayView2<'_, T> {
        let [down, right] = self.strides.map(|s| s as usize);
        let shape = (self.shape[0], self.shape[1]).strides((down, right));
        ArrayView2::from_shape(shape, &self.data[self.starts[i] as usize..]).expect("inside the operand")
    }
}

/// The one stride of several axes taken together, if there is one.
pub(super) fn merged(extents: &[usize], strides: &[isize]) -> Option<isize> {
    let mut axes = extents.iter().zip(strides).rev().filter(|(e, _)| **e != 1);
    let Some((first, stride)) = axes.next() else { return Some(1) };
    let mut next = stride * *first as isize;
    for (extent, own) in axes {
        if *own != next {
            return None;
        }
        next *= *extent as isize;
    }
    Some(*stride)
}
