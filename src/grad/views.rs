//! Views and their adjoints: each takes back what the other does.
//!
//! transpose and its inverse; broadcast and sum; slice and pad; concat and slices; gather and
//! scatter-add.

use super::sweep::Sweep;
use crate::ir::{NodeId, Scalar};

/// The inverse permutation.
pub(super) fn transpose(s: &mut Sweep, a: NodeId, perm: &[usize], g: NodeId) {
    let da = s.b.transpose(g, &inverse(perm));
    s.give(a, da);
}

/// The permutation that takes a permutation back.
pub(super) fn inverse(perm: &[usize]) -> Vec<usize> {
    let mut inverse = vec![0; perm.len()];
    for (i, p) in perm.iter().enumerate() {
        inverse[*p] = i;
    }
    inverse
}

/// Sum over the axes that were new or stretched.
pub(super) fn broadcast(s: &mut Sweep, a: NodeId, axes: &[usize], g: NodeId) {
    let from = s.b.shape(a);
    let to = s.b.shape(g);
    let kept = |d: &usize| axes.iter().position(|x| x == d).is_some_and(|i| from[i] == to[*d]);
    let summed: Vec<usize> = (0..to.len()).filter(|d| !kept(d)).collect();
    let sum = s.b.sum(g, &summed);
    let da = s.b.reshape(sum, &from);
    s.give(a, da);
}

/// The operand's shape.
pub(super) fn reshape(s: &mut Sweep, a: NodeId, g: NodeId) {
    let shape = s.b.shape(a);
    let da = s.b.reshape(g, &shape);
    s.give(a, da);
}

/// Zeros around and between.
pub(super) fn slice(s: &mut Sweep, a: NodeId, start: &[usize], stride: &[usize], g: NodeId) {
    let (whole, part) = (s.b.shape(a), s.b.shape(g));
    if part.contains(&0) {
        let da = s.b.fill_like(a, 0.0);
        return s.give(a, da);
    }
    let high: Vec<usize> =
        (0..whole.len()).map(|d| whole[d] - 1 - start[d] - stride[d] * (part[d] - 1)).collect();
    let interior: Vec<usize> = stride.iter().map(|t| t - 1).collect();
    let da = s.b.pad(g, start, &high, &interior, Scalar::Real(0.0));
    s.give(a, da);
}

/// The part that the operand is.
pub(super) fn pad(s: &mut Sweep, a: NodeId, low: &[usize], interior: &[usize], g: NodeId) {
    let shape = s.b.shape(a);
    if shape.contains(&0) {
        let da = s.b.fill_like(a, 0.0);
        return s.give(a, da);
    }
    let stride: Vec<usize> = interior.iter().map(|i| i + 1).collect();
    let da = s.b.slice(g, low, &stride, &shape);
    s.give(a, da);
}

/// To each operand its part.
pub(super) fn concat(s: &mut Sweep, y: NodeId, parts: &[NodeId], axis: usize, g: NodeId) {
    let mut start = 0;
    for (k, part) in parts.iter().enumerate() {
        let end = start + s.b.shape(*part)[axis];
        if s.wants(y, k) {
            let da = s.b.slice_axis(g, axis, start, end);
            s.give(*part, da);
        }
        start = end;
    }
}

/// Backwards again.
pub(super) fn reverse(s: &mut Sweep, a: NodeId, axes: &[usize], g: NodeId) {
    let da = s.b.reverse(g, axes);
    s.give(a, da);
}

/// Adds up where the elements came from.
pub(super) fn gather(s: &mut Sweep, inputs: &[NodeId], axes: &[usize], g: NodeId) {
    let shape = s.b.shape(inputs[0]);
    let da = s.b.scatter_add(g, axes, &inputs[1..], &shape);
    s.give(inputs[0], da);
}

/// Looks up where the elements went.
pub(super) fn scatter_add(s: &mut Sweep, inputs: &[NodeId], axes: &[usize], g: NodeId) {
    let da = s.b.gather(g, axes, &inputs[1..]);
    s.give(inputs[0], da);
}
