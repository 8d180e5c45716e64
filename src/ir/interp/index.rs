//! Gather and scatter-add: elements found by integer tensors.

use super::FaultKind;
use super::element::Number;
use super::view::{positions, same_type};
use crate::ir::tensor::{Buffer, Tensor, row_major};

/// Where the pieces of an indexed tensor lie.
struct Pieces {
    /// First position of the piece that each index tuple chooses, in row-major order of the tuples.
    starts: Vec<isize>,
    /// Positions within a piece relative to its first, in row-major order of the axes not indexed.
    within: Vec<isize>,
}

/// Finds the pieces of a tensor of `shape` indexed along `axes`, or an index that points outside.
fn pieces(shape: &[usize], axes: &[usize], indices: &[Tensor]) -> Result<Pieces, FaultKind> {
    let strides = row_major(shape);
    let mut starts = vec![0; indices[0].data.len()];
    for (axis, index) in axes.iter().zip(indices) {
        for (i, (start, value)) in starts.iter_mut().zip(index.elements::<i32>()).enumerate() {
            if *value < 0 || *value as usize >= shape[*axis] {
                let position = index.index_of(i);
                let extent = shape[*axis];
                return Err(FaultKind::IndexOutOfRange { axis: *axis, extent, value: *value, position });
            }
            *start += *value as isize * strides[*axis];
        }
    }
    let rest: Vec<usize> = (0..shape.len()).filter(|d| !axes.contains(d)).collect();
    let extents: Vec<usize> = rest.iter().map(|d| shape[*d]).collect();
    let strides: Vec<isize> = rest.iter().map(|d| strides[*d]).collect();
    Ok(Pieces { starts, within: positions(0, &extents, &strides) })
}

/// Pieces of a tensor one after another.
pub fn gather(a: &Tensor, axes: &[usize], indices: &[Tensor]) -> Result<Buffer, FaultKind> {
    let found = pieces(&a.ty.shape, axes, indices)?;
    let at = found.starts.iter().flat_map(|s| found.within.iter().map(move |w| (s + w) as usize));
    Ok(same_type!(&*a.data, v => at.map(|i| v[i]).collect()))
}

/// Zeros with values added piece after piece.
pub fn scatter_add(
    values: &Tensor,
    axes: &[usize],
    indices: &[Tensor],
    shape: &[usize],
) -> Result<Buffer, FaultKind> {
    let found = pieces(shape, axes, indices)?;
    let count = shape.iter().product();
    Ok(match &*values.data {
        Buffer::F32(v) => Buffer::F32(added(v, &found, count)),
        Buffer::F64(v) => Buffer::F64(added(v, &found, count)),
        Buffer::I32(v) => Buffer::I32(added(v, &found, count)),
        Buffer::Bool(_) => unreachable!("a scatter-add of truth values"),
    })
}

fn added<T: Number>(values: &[T], found: &Pieces, count: usize) -> Vec<T> {
    let mut out = vec![T::default(); count];
    let at = found.starts.iter().flat_map(|s| found.within.iter().map(move |w| (s + w) as usize));
    for (i, v) in at.zip(values) {
        out[i] = out[i].plus(*v);
    }
    out
}
