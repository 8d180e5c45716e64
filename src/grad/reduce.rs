//! Reductions that need mathematics: products without division, extremes with one winner.

use super::sweep::Sweep;
use super::views::inverse;
use crate::ir::{ArgReduce, Binary, Builder, Compare, NodeId, Reduce, Scalar};

/// All of the adjoint to the first of the largest (smallest) elements.
pub(super) fn extreme(s: &mut Sweep, op: Reduce, a: NodeId, axes: &[usize], g: NodeId) {
    let line = Line::new(s.b, a, axes);
    let which = if op == Reduce::Max { ArgReduce::Max } else { ArgReduce::Min };
    let (shape, axis) = (s.b.shape(line.node), line.axis);
    let winner = s.b.arg_reduce(which, line.node, axis);
    let winner = s.b.unreduce(winner, &[axis], &shape);
    let place = s.b.iota(&shape, axis);
    let wins = s.b.compare(Compare::Eq, place, winner);
    let g = s.b.unreduce(g, &[axis], &shape);
    let zero = s.b.fill_like(g, 0.0);
    let d = s.b.select(wins, g, zero);
    let da = line.back(s.b, d);
    s.give(a, da);
}

/// The product of all elements before times that of all elements after.
///
/// Both are made by doubling: after the step of distance 1 an element holds the product of two
/// neighbours, after that of distance 2 of four, and so on. No element is divided by, so zeros are
/// nothing special, in second derivatives neither.
pub(super) fn product(s: &mut Sweep, a: NodeId, axes: &[usize], g: NodeId) {
    let line = Line::new(s.b, a, axes);
    let (shape, axis) = (s.b.shape(line.node), line.axis);
    let before = products_before(s.b, line.node, axis);
    let turned = s.b.reverse(line.node, &[axis]);
    let after = products_before(s.b, turned, axis);
    let after = s.b.reverse(after, &[axis]);
    let others = s.b.mul(before, after);
    let g = s.b.unreduce(g, &[axis], &shape);
    let d = s.b.binary(Binary::Mul, g, others);
    let da = line.back(s.b, d);
    s.give(a, da);
}

/// For each element the product of those before it along an axis.
fn products_before(b: &mut Builder, a: NodeId, axis: usize) -> NodeId {
    let extent = b.shape(a)[axis];
    let mut product = shifted(b, a, axis, 1);
    let mut distance = 1;
    while distance < extent {
        let further = shifted(b, product, axis, distance);
        product = b.mul(product, further);
        distance *= 2;
    }
    product
}

/// The elements moved along an axis, with ones moving in.
fn shifted(b: &mut Builder, a: NodeId, axis: usize, distance: usize) -> NodeId {
    let shape = b.shape(a);
    let distance = distance.min(shape[axis]);
    let kept = b.slice_axis(a, axis, 0, shape[axis] - distance);
    let mut low = vec![0; shape.len()];
    low[axis] = distance;
    let none = vec![0; shape.len()];
    b.pad(kept, &low, &none, &none, Scalar::Real(1.0))
}

/// An operand with the axes it is reduced over, in order, as one.
struct Line {
    node: NodeId,
    axis: usize,
    /// Of the operand with the reduced axes last, before they became one: permutation and shape.
    apart: Option<(Vec<usize>, Vec<usize>)>,
}

impl Line {
    fn new(b: &mut Builder, a: NodeId, axes: &[usize]) -> Line {
        if let [axis] = axes {
            return Line { node: a, axis: *axis, apart: None };
        }
        let shape = b.shape(a);
        let mut perm: Vec<usize> = (0..shape.len()).filter(|d| !axes.contains(d)).collect();
        let axis = perm.len();
        perm.extend_from_slice(axes);
        let last = b.transpose(a, &perm);
        let apart = b.shape(last);
        let mut joined = apart[..axis].to_vec();
        joined.push(apart[axis..].iter().product());
        let node = b.reshape(last, &joined);
        Line { node, axis, apart: Some((perm, apart)) }
    }

    fn back(&self, b: &mut Builder, d: NodeId) -> NodeId {
        let Some((perm, apart)) = &self.apart else { return d };
        let last = b.reshape(d, apart);
        b.transpose(last, &inverse(perm))
    }
}
