//! Reductions over axes.

use super::element::Number;
use super::view::positions;
use crate::ir::op::{ArgReduce, Reduce};
use crate::ir::tensor::{Buffer, Tensor, row_major};

/// Sums of at most this many terms are added up one after another.
const BLOCK: usize = 128;

/// A sum of `range` as a balanced tree of sums over blocks, so that its error grows with the
/// logarithm of its length. `block` adds up a short range in order.
pub fn pairwise<T: Number>(start: usize, end: usize, block: &impl Fn(usize, usize) -> T) -> T {
    if end - start <= BLOCK {
        return block(start, end);
    }
    let half = (end - start).div_ceil(2).next_multiple_of(BLOCK);
    pairwise(start, start + half, block).plus(pairwise(start + half, end, block))
}

/// Positions of the result's elements, and of the reduced ones relative to each.
fn split(a: &Tensor, axes: &[usize]) -> (Vec<isize>, Vec<isize>) {
    let strides = row_major(&a.ty.shape);
    let part = |reduced: bool| {
        let kept: Vec<usize> = (0..a.ty.rank()).filter(|d| axes.contains(d) == reduced).collect();
        let shape: Vec<usize> = kept.iter().map(|d| a.ty.shape[*d]).collect();
        let strides: Vec<isize> = kept.iter().map(|d| strides[*d]).collect();
        positions(0, &shape, &strides)
    };
    (part(false), part(true))
}

/// Reduction over axes.
pub fn reduce(op: Reduce, a: &Tensor, axes: &[usize]) -> Buffer {
    let (kept, reduced) = split(a, axes);
    match &*a.data {
        Buffer::F32(v) => Buffer::F32(numbers(op, v, &kept, &reduced)),
        Buffer::F64(v) => Buffer::F64(numbers(op, v, &kept, &reduced)),
        Buffer::I32(v) => Buffer::I32(numbers(op, v, &kept, &reduced)),
        Buffer::Bool(v) => {
            let group =
                |first: &isize| reduced.iter().map(move |p| v[(first + p) as usize]).collect::<Vec<_>>();
            Buffer::Bool(match op {
                Reduce::Any => kept.iter().map(|k| group(k).contains(&true)).collect(),
                Reduce::All => kept.iter().map(|k| !group(k).contains(&false)).collect(),
                Reduce::Sum | Reduce::Prod | Reduce::Max | Reduce::Min => {
                    unreachable!("{op:?} of truth values")
                }
            })
        }
    }
}

fn numbers<T: Number>(op: Reduce, a: &[T], kept: &[isize], reduced: &[isize]) -> Vec<T> {
    let fold = |empty: T, f: fn(T, T) -> T| {
        let group = |first: &isize| {
            let mut rest = reduced.iter().map(|p| a[(first + p) as usize]);
            let first = rest.next().unwrap_or(empty);
            rest.fold(first, f)
        };
        kept.iter().map(group).collect()
    };
    match op {
        Reduce::Sum => {
            let group = |first: &isize| {
                let block = |start: usize, end: usize| {
                    let terms = reduced[start..end].iter().map(|p| a[(first + p) as usize]);
                    terms.fold(T::default(), T::plus)
                };
                pairwise(0, reduced.len(), &block)
            };
            kept.iter().map(group).collect()
        }
        Reduce::Prod => fold(T::ONE, T::times),
        Reduce::Max => fold(T::LOWEST, T::larger),
        Reduce::Min => fold(T::HIGHEST, T::smaller),
        Reduce::Any | Reduce::All => unreachable!("{op:?} of numbers"),
    }
}

/// Index of the extreme element along an axis: the first of equal ones, of the first NaN.
pub fn arg_reduce(op: ArgReduce, a: &Tensor, axis: usize) -> Buffer {
    let (kept, reduced) = split(a, &[axis]);
    Buffer::I32(match &*a.data {
        Buffer::F32(v) => extreme(op, v, &kept, &reduced),
        Buffer::F64(v) => extreme(op, v, &kept, &reduced),
        Buffer::I32(v) => extreme(op, v, &kept, &reduced),
        Buffer::Bool(_) => unreachable!("{op:?} of truth values"),
    })
}

fn extreme<T: Number>(op: ArgReduce, a: &[T], kept: &[isize], reduced: &[isize]) -> Vec<i32> {
    let beats = |new: T, best: T| match op {
        ArgReduce::Max => new > best,
        ArgReduce::Min => new < best,
    };
    let group = |first: &isize| {
        let at = |i: usize| a[(first + reduced[i]) as usize];
        let mut best = 0;
        for i in 1..reduced.len() {
            if at(best).is_nan() {
                break;
            }
            if at(i).is_nan() || beats(at(i), at(best)) {
                best = i;
            }
        }
        best as i32
    };
    kept.iter().map(group).collect()
}
