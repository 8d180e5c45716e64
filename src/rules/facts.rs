//! What can be read off a graph: constants through views, rows stretched back, signs and bounds.
//!
//! An opaque node (one that a remaining `grad` is taken with respect to) tells nothing.

use crate::ir::{Binary, Compare, Graph, NodeId, Op, Reduce, Scalar, Unary};

/// Reads a graph; some nodes may be opaque.
#[derive(Clone, Copy)]
pub struct Facts<'a> {
    graph: &'a Graph,
    opaque: &'a [bool],
}

/// A tensor less its maximum along axes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Shift {
    /// What was shifted.
    pub z: NodeId,
    /// Whether a maximum of -infinity is taken as 0.
    pub guarded: bool,
}

/// How deep the questions about a value's sign and size look.
const DEPTH: usize = 12;

impl<'a> Facts<'a> {
    /// Facts of a graph. `opaque` is by node, and false beyond its end.
    pub fn new(graph: &'a Graph, opaque: &'a [bool]) -> Facts<'a> {
        Facts { graph, opaque }
    }

    /// Whether patterns must not look into a node.
    pub fn is_opaque(&self, id: NodeId) -> bool {
        self.opaque.get(id.index()).copied().unwrap_or(false)
    }

    /// The operation of a node, unless it is opaque.
    pub fn op(&self, id: NodeId) -> Option<&'a Op> {
        (!self.is_opaque(id)).then(|| self.graph.op(id))
    }

    /// The operands, whatever the node.
    pub fn inputs(&self, id: NodeId) -> &'a [NodeId] {
        self.graph.inputs(id)
    }

    /// The shape of a node.
    pub fn shape(&self, id: NodeId) -> &'a [usize] {
        &self.graph.ty(id).shape
    }

    /// The operand of this elementwise function, if the node is one.
    pub fn unary(&self, id: NodeId, f: Unary) -> Option<NodeId> {
        (self.op(id)? == &Op::Unary(f)).then(|| self.inputs(id)[0])
    }

    /// The operands of this elementwise function, if the node is one.
    pub fn binary(&self, id: NodeId, f: Binary) -> Option<(NodeId, NodeId)> {
        (self.op(id)? == &Op::Binary(f)).then(|| (self.inputs(id)[0], self.inputs(id)[1]))
    }

    /// Looks from a node through views (transpose, broadcast, reshape, slice, reverse, gather) for a
    /// node with a property: the views on the way, outermost first, and what the property gives.
    pub fn through<T>(
        self,
        id: NodeId,
        is: impl Fn(Facts<'a>, NodeId) -> Option<T>,
    ) -> Option<(Vec<NodeId>, T)> {
        let mut views = Vec::new();
        let mut at = id;
        loop {
            if let Some(found) = is(self, at) {
                return Some((views, found));
            }
            let view = matches!(
                self.op(at)?,
                Op::Transpose { .. }
                    | Op::Broadcast { .. }
                    | Op::Reshape
                    | Op::Slice { .. }
                    | Op::Reverse { .. }
                    | Op::Gather { .. }
            );
            if !view {
                return None;
            }
            views.push(at);
            at = self.inputs(at)[0];
        }
    }

    /// The number that every element of a node is, if it is a number seen through views.
    pub fn scalar(&self, id: NodeId) -> Option<Scalar> {
        let op = self.op(id)?;
        if let Op::Const(value) = op {
            return Some(*value);
        }
        let view = matches!(op, Op::Broadcast { .. } | Op::Reshape | Op::Transpose { .. });
        if view { self.scalar(self.inputs(id)[0]) } else { None }
    }

    /// The same as a number.
    pub fn constant(&self, id: NodeId) -> Option<f64> {
        match self.scalar(id)? {
            Scalar::Real(v) => Some(v),
            Scalar::Int(v) => Some(v as f64),
            Scalar::Bool(_) => None,
        }
    }

    /// Whether every element is this number.
    pub fn is(&self, id: NodeId, value: f64) -> bool {
        self.constant(id) == Some(value)
    }

    /// Whether one is the other's negative.
    pub fn opposite(&self, a: NodeId, b: NodeId) -> bool {
        self.unary(a, Unary::Neg) == Some(b) || self.unary(b, Unary::Neg) == Some(a)
    }

    /// Looks through broadcasts and reshapes that add or drop axes of length 1: the source, and for
    /// each of its axes that matters the axis of `id` along which it runs.
    pub fn stretched(&self, id: NodeId) -> (NodeId, Vec<Option<usize>>) {
        let all = (0..self.shape(id).len()).map(Some).collect();
        self.stretched_from(id, all)
    }

    fn stretched_from(&self, id: NodeId, along: Vec<Option<usize>>) -> (NodeId, Vec<Option<usize>>) {
        let Some(&operand) = self.inputs(id).first() else { return (id, along) };
        let (from, to) = (self.shape(operand), self.shape(id));
        if let Some(Op::Broadcast { axes }) = self.op(id) {
            let map = axes.iter().zip(from).map(|(x, e)| if *e == 1 { None } else { along[*x] });
            return self.stretched_from(operand, map.collect());
        }
        let long = |s: &[usize]| s.iter().copied().filter(|e| *e != 1).collect::<Vec<_>>();
        if self.op(id) == Some(&Op::Reshape) && long(from) == long(to) {
            let mut kept = to.iter().zip(&along).filter(|(e, _)| **e != 1).map(|(_, a)| *a);
            let map = from.iter().map(|e| if *e == 1 { None } else { kept.next().flatten() });
            return self.stretched_from(operand, map.collect());
        }
        (id, along)
    }

    /// Whether `id` is a reduction of a tensor of its own shape, stretched back over the axes it was
    /// reduced along: the reduction's node.
    pub fn stretched_reduction(&self, id: NodeId, which: Reduce) -> Option<NodeId> {
        let (source, map) = self.stretched(id);
        self.reduction_along(source, &map, self.shape(id), which).then_some(source)
    }

    fn reduction_along(&self, source: NodeId, map: &[Option<usize>], shape: &[usize], which: Reduce) -> bool {
        let Some(Op::Reduce { op, axes }) = self.op(source) else { return false };
        let from = self.shape(self.inputs(source)[0]);
        let mut kept = (0..from.len()).filter(|d| !axes.contains(d)).zip(map);
        *op == which && from == shape && kept.all(|(d, m)| from[d] == 1 || *m == Some(d))
    }

    /// A node that is the sum over axes of exponentials: their node, exponent and the axes.
    pub fn sum_of_exp(&self, id: NodeId) -> Option<(NodeId, NodeId, Vec<usize>)> {
        let Op::Reduce { op: Reduce::Sum, axes } = self.op(id)? else { return None };
        let e = self.inputs(id)[0];
        Some((e, self.unary(e, Unary::Exp)?, axes.clone()))
    }

    /// Whether `u` is some z less its maximum along axes (or less its log-sum-exp), so that no element
    /// is above 0; and whether the maximum of a row of nothing but -infinity is taken as 0.
    pub fn shifted(&self, u: NodeId) -> Option<Shift> {
        let (z, row) = self.binary(u, Binary::Sub)?;
        let all = (0..self.shape(row).len()).map(Some).collect();
        self.bounds(row, all, z, DEPTH).map(|guarded| Shift { z, guarded })
    }

    /// Whether `row`, seen from a tensor of z's shape along `map`, is nowhere below z, or is finite
    /// in place of -infinity (then `Some(true)`).
    fn bounds(&self, row: NodeId, map: Vec<Option<usize>>, z: NodeId, depth: usize) -> Option<bool> {
        let depth = depth.checked_sub(1)?;
        let (source, map) = self.stretched_from(row, map);
        let inputs = self.inputs(source);
        match self.op(source)? {
            Op::StopGradient => self.bounds(inputs[0], map, z, depth),
            // The guard of a maximum of nothing but -infinity, then the maximum or 0.
            Op::Select => {
                let zero = |i: usize| self.is(inputs[i], 0.0);
                let of = |i: usize| self.bounds(inputs[i], map.clone(), z, depth).map(|_| true);
                if zero(2) { of(1) } else { of(2).filter(|_| zero(1)) }
            }
            Op::Binary(Binary::Add) => {
                let lse = |max: NodeId, log: NodeId| {
                    let (_, u, _) = self.sum_of_exp(self.unary(log, Unary::Log)?)?;
                    let shift = self.shifted(u).filter(|s| s.z == z)?;
                    self.bounds(max, map.clone(), z, depth).map(|_| shift.guarded)
                };
                lse(inputs[0], inputs[1]).or_else(|| lse(inputs[1], inputs[0]))
            }
            Op::Reduce { op: Reduce::Max, .. } => {
                let of_z = self.inputs(source)[0] == z;
                (of_z && self.reduction_along(source, &map, self.shape(z), Reduce::Max)).then_some(false)
            }
            Op::Leaf(_)
            | Op::Const(_)
            | Op::Iota { .. }
            | Op::Unary(_)
            | Op::Binary(_)
            | Op::Compare(_)
            | Op::Cast(_)
            | Op::Transpose { .. }
            | Op::Broadcast { .. }
            | Op::Reshape
            | Op::Slice { .. }
            | Op::Pad { .. }
            | Op::Concat { .. }
            | Op::Reverse { .. }
            | Op::Reduce { .. }
            | Op::ArgReduce { .. }
            | Op::Contract(_)
            | Op::WindowReduce { .. }
            | Op::WindowSpread { .. }
            | Op::WindowPick { .. }
            | Op::Gather { .. }
            | Op::ScatterAdd { .. }
            | Op::RandomBits { .. }
            | Op::Scan(_)
            | Op::Result(_)
            | Op::Grad => None,
        }
    }

    /// The logarithm l of a sum of exponentials in `l == -infinity ? 0 : l`.
    pub fn finite_total(&self, id: NodeId) -> Option<NodeId> {
        let [nothing, zero, l] = self.inputs(id)[..] else { return None };
        let guard = self.op(id)? == &Op::Select && self.op(nothing)? == &Op::Compare(Compare::Eq);
        let [tested, lowest] = self.inputs(nothing)[..] else { return None };
        let fits = guard && tested == l && self.is(zero, 0.0) && self.is(lowest, f64::NEG_INFINITY);
        self.sum_of_exp(self.unary(l, Unary::Log)?).filter(|_| fits).map(|_| l)
    }

    /// Whether no element is above 0, so that its exponential is at most 1.
    pub fn at_most_zero(&self, id: NodeId) -> bool {
        let negated = self.unary(id, Unary::Neg).is_some_and(|a| self.never_negative(a, DEPTH));
        negated || self.shifted(id).is_some()
    }

    /// Whether a value is smooth and at least 0 by its form, so that where it is 0 its derivatives are
    /// 0: squares, even powers, their sums and products.
    pub fn smooth_and_never_negative(&self, id: NodeId) -> bool {
        self.smooth(id, DEPTH)
    }

    fn smooth(&self, id: NodeId, depth: usize) -> bool {
        let Some(depth) = depth.checked_sub(1) else { return false };
        let inputs = self.inputs(id);
        let same = inputs.len() == 2 && inputs[0] == inputs[1];
        let of = |i: usize| self.smooth(inputs[i], depth);
        let constant = |i: usize, is: fn(f64) -> bool| self.constant(inputs[i]).is_some_and(is);
        self.op(id).is_some_and(|op| match op {
            Op::Const(value) => matches!(value, Scalar::Real(v) if *v >= 0.0),
            Op::Unary(f) => *f == Unary::Exp,
            Op::Binary(f) => match f {
                Binary::Mul => same || (of(0) && of(1)),
                Binary::Add => of(0) && of(1),
                Binary::Div => constant(1, |c| c > 0.0) && of(0),
                Binary::Pow => constant(1, |c| c > 0.0 && c % 2.0 == 0.0),
                Binary::Sub
                | Binary::FloorDiv
                | Binary::Mod
                | Binary::Max
                | Binary::Min
                | Binary::And
                | Binary::Or
                | Binary::ShiftRight
                | Binary::MulHigh => false,
            },
            Op::Contract(spec) => same && inputs.len() == 2 && spec.operands[0] == spec.operands[1],
            Op::Reduce { op, .. } => *op == Reduce::Sum && of(0),
            Op::Transpose { .. }
            | Op::Broadcast { .. }
            | Op::Reshape
            | Op::Slice { .. }
            | Op::Reverse { .. } => of(0),
            Op::Cast(_) => self.graph.ty(inputs[0]).dtype.is_real() && of(0),
            Op::Leaf(_)
            | Op::Iota { .. }
            | Op::Compare(_)
            | Op::Select
            | Op::Pad { .. }
            | Op::Concat { .. }
            | Op::ArgReduce { .. }
            | Op::WindowReduce { .. }
            | Op::WindowSpread { .. }
            | Op::WindowPick { .. }
            | Op::Gather { .. }
            | Op::ScatterAdd { .. }
            | Op::RandomBits { .. }
            | Op::Scan(_)
            | Op::Result(_)
            | Op::StopGradient
            | Op::Grad => false,
        })
    }

    /// Whether a value is above 0 by its form, so that roots of it have no singular point: something
    /// never negative and a positive number.
    pub fn positive(&self, id: NodeId) -> bool {
        let above = |c: NodeId| self.constant(c).is_some_and(|c| c > 0.0);
        let sum = |(a, b): (NodeId, NodeId)| {
            (above(a) && self.never_negative(b, DEPTH)) || (above(b) && self.never_negative(a, DEPTH))
        };
        above(id) || self.binary(id, Binary::Add).is_some_and(sum)
    }

    fn never_negative(&self, id: NodeId, depth: usize) -> bool {
        self.smooth(id, depth)
            || matches!(
                self.op(id),
                Some(Op::Unary(
                    Unary::Abs | Unary::Exp | Unary::Sqrt | Unary::Sigmoid | Unary::Softplus | Unary::Relu
                ))
            )
    }

    /// Whether a value may become infinite out of finite leaves within the elementwise operations
    /// that make it.
    pub fn may_be_infinite(&self, id: NodeId) -> bool {
        self.infinite(id, DEPTH)
    }

    fn infinite(&self, id: NodeId, depth: usize) -> bool {
        if depth == 0 {
            return true;
        }
        let inputs = self.inputs(id);
        let any = || inputs.iter().any(|i| self.infinite(*i, depth - 1));
        match self.graph.op(id) {
            Op::Const(value) => matches!(value, Scalar::Real(v) if !v.is_finite()),
            Op::Leaf(_)
            | Op::Iota { .. }
            | Op::Compare(_)
            | Op::ArgReduce { .. }
            | Op::RandomBits { .. }
            | Op::Scan(_)
            | Op::Result(_) => false,
            Op::Unary(f) => match f {
                Unary::Exp => !self.at_most_zero(inputs[0]),
                Unary::Log | Unary::Log1p | Unary::Expm1 => true,
                Unary::Sign | Unary::Tanh | Unary::Sigmoid | Unary::Erf | Unary::Sin | Unary::Cos => false,
                Unary::Not => false,
                Unary::Neg
                | Unary::Abs
                | Unary::Sqrt
                | Unary::Softplus
                | Unary::Relu
                | Unary::Floor
                | Unary::Round => any(),
            },
            Op::Binary(f) => match f {
                Binary::Div => {
                    !self.constant(inputs[1]).is_some_and(|c| c != 0.0) || self.infinite(inputs[0], depth - 1)
                }
                Binary::FloorDiv | Binary::Mod => true,
                Binary::Pow => {
                    !self.constant(inputs[1]).is_some_and(|c| c >= 0.0) || self.infinite(inputs[0], depth - 1)
                }
                Binary::Add | Binary::Sub | Binary::Mul | Binary::Max | Binary::Min => any(),
                Binary::And | Binary::Or | Binary::ShiftRight | Binary::MulHigh => false,
            },
            Op::Select
            | Op::Transpose { .. }
            | Op::Broadcast { .. }
            | Op::Reshape
            | Op::Slice { .. }
            | Op::Pad { .. }
            | Op::Concat { .. }
            | Op::Reverse { .. }
            | Op::Reduce { .. }
            | Op::WindowReduce { .. }
            | Op::WindowSpread { .. }
            | Op::WindowPick { .. }
            | Op::Gather { .. }
            | Op::ScatterAdd { .. }
            | Op::StopGradient => any(),
            Op::Cast(_) => self.graph.ty(inputs[0]).dtype.is_real() && any(),
            Op::Contract(_) | Op::Grad => false,
        }
    }
}
