//! Views: the same elements in other places. All but pad and concat are one strided copy.

use crate::ir::tensor::{Buffer, Element, Tensor, row_major};
use crate::ir::types::Scalar;

/// Evaluates an expression over the elements of a buffer and gives a buffer of the same type.
macro_rules! same_type {
    ($buffer:expr, $elements:ident => $result:expr) => {
        match $buffer {
            Buffer::F32($elements) => Buffer::F32($result),
            Buffer::F64($elements) => Buffer::F64($result),
            Buffer::I32($elements) => Buffer::I32($result),
            Buffer::Bool($elements) => Buffer::Bool($result),
        }
    };
}
pub(super) use same_type;

/// Calls `row` with the first position of each row (last axis) of a strided view, in row-major order.
fn rows(start: isize, shape: &[usize], strides: &[isize], mut row: impl FnMut(isize)) {
    if shape.contains(&0) {
        return;
    }
    let outer = shape.len().saturating_sub(1);
    let mut index = vec![0; outer];
    let mut position = start;
    loop {
        row(position);
        let mut d = outer;
        loop {
            if d == 0 {
                return;
            }
            d -= 1;
            index[d] += 1;
            position += strides[d];
            if index[d] < shape[d] {
                break;
            }
            position -= strides[d] * shape[d] as isize;
            index[d] = 0;
        }
    }
}

/// The elements of a strided view, in row-major order.
pub fn strided<T: Copy>(from: &[T], start: isize, shape: &[usize], strides: &[isize]) -> Vec<T> {
    let extent = shape.last().copied().unwrap_or(1);
    let stride = strides.last().copied().unwrap_or(1);
    let mut out = Vec::with_capacity(shape.iter().product());
    rows(start, shape, strides, |first| match stride {
        0 => out.resize(out.len() + extent, from[first as usize]),
        1 => out.extend_from_slice(&from[first as usize..first as usize + extent]),
        _ => out.extend((0..extent as isize).map(|i| from[(first + i * stride) as usize])),
    });
    out
}

/// The positions of a strided view, in row-major order.
pub fn positions(start: isize, shape: &[usize], strides: &[isize]) -> Vec<isize> {
    let extent = shape.last().copied().unwrap_or(1) as isize;
    let stride = strides.last().copied().unwrap_or(1);
    let mut out = Vec::with_capacity(shape.iter().product());
    rows(start, shape, strides, |first| out.extend((0..extent).map(|i| first + i * stride)));
    out
}

fn strided_buffer(a: &Buffer, start: isize, shape: &[usize], strides: &[isize]) -> Buffer {
    same_type!(a, v => strided(v, start, shape, strides))
}

/// Puts the elements of a into the positions of a strided view of a row-major target.
fn place<T: Copy>(target: &mut [T], a: &[T], start: isize, shape: &[usize], strides: &[isize]) {
    let extent = shape.last().copied().unwrap_or(1);
    let stride = strides.last().copied().unwrap_or(1);
    let mut taken = 0;
    rows(start, shape, strides, |first| {
        for (i, v) in a[taken..taken + extent].iter().enumerate() {
            target[(first + i as isize * stride) as usize] = *v;
        }
        taken += extent;
    });
}

/// 0, 1, 2, … along an axis.
pub fn iota(shape: &[usize], axis: usize) -> Buffer {
    let counted: Vec<i32> = (0..shape[axis] as i32).collect();
    let mut strides = vec![0; shape.len()];
    strides[axis] = 1;
    Buffer::I32(strided(&counted, 0, shape, &strides))
}

/// Axis i of the result is axis `perm[i]` of a.
pub fn transpose(a: &Tensor, perm: &[usize]) -> Buffer {
    let strides = row_major(&a.ty.shape);
    let shape: Vec<usize> = perm.iter().map(|p| a.ty.shape[*p]).collect();
    let strides: Vec<isize> = perm.iter().map(|p| strides[*p]).collect();
    strided_buffer(&a.data, 0, &shape, &strides)
}

/// Axis i of a becomes axis `axes[i]` of `shape`.
pub fn broadcast(a: &Tensor, axes: &[usize], shape: &[usize]) -> Buffer {
    if a.data.len() == 1 {
        let count = shape.iter().product();
        return same_type!(&*a.data, v => vec![v[0]; count]);
    }
    let own = row_major(&a.ty.shape);
    let mut strides = vec![0; shape.len()];
    for (d, axis) in axes.iter().enumerate() {
        strides[*axis] = if a.ty.shape[d] == 1 { 0 } else { own[d] };
    }
    strided_buffer(&a.data, 0, shape, &strides)
}

/// Elements `start + stride * i` along each axis.
pub fn slice(a: &Tensor, start: &[usize], stride: &[usize], shape: &[usize]) -> Buffer {
    let own = row_major(&a.ty.shape);
    let first = start.iter().zip(&own).map(|(s, o)| *s as isize * o).sum();
    let strides: Vec<isize> = stride.iter().zip(&own).map(|(s, o)| *s as isize * o).collect();
    strided_buffer(&a.data, first, shape, &strides)
}

/// The operand among copies of a value.
pub fn pad(a: &Tensor, low: &[usize], interior: &[usize], value: Scalar, shape: &[usize]) -> Buffer {
    let own = row_major(shape);
    let first = low.iter().zip(&own).map(|(l, o)| *l as isize * o).sum();
    let strides: Vec<isize> = interior.iter().zip(&own).map(|(i, o)| (*i as isize + 1) * o).collect();
    fn padded<T: Element>(
        a: &[T],
        from: &[usize],
        first: isize,
        strides: &[isize],
        fill: T,
        count: usize,
    ) -> Vec<T> {
        let mut out = vec![fill; count];
        place(&mut out, a, first, from, strides);
        out
    }
    let count = shape.iter().product();
    same_type!(&*a.data, v => padded(v, &a.ty.shape, first, &strides, Element::from_scalar(value), count))
}

/// Operands one after another along an axis.
pub fn concat(parts: &[Tensor], axis: usize, shape: &[usize]) -> Buffer {
    fn joined<T: Element>(parts: &[Tensor], axis: usize, shape: &[usize]) -> Vec<T> {
        let outer: usize = shape[..axis].iter().product();
        let mut out = Vec::with_capacity(shape.iter().product());
        for i in 0..outer {
            for part in parts {
                let run: usize = part.ty.shape[axis..].iter().product();
                out.extend_from_slice(&part.elements::<T>()[i * run..(i + 1) * run]);
            }
        }
        out
    }
    same_type!(&*parts[0].data, _v => joined(parts, axis, shape))
}

/// The same elements backwards along some axes.
pub fn reverse(a: &Tensor, axes: &[usize]) -> Buffer {
    let mut strides = row_major(&a.ty.shape);
    let mut first = 0;
    for axis in axes {
        first += strides[*axis] * (a.ty.shape[*axis] as isize - 1);
        strides[*axis] = -strides[*axis];
    }
    strided_buffer(&a.data, first, &a.ty.shape, &strides)
}
