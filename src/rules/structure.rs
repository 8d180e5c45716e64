//! Views of views, casts of casts, and choices already made.

use super::{Rewriter, Rule, Subject};
use crate::ir::{DType, NodeId, Op, Scalar};

/// Two views become one.
pub const STRUCTURE: &[Rule] = &[
    Rule {
        name: "transpose-transpose",
        algebra: "transpose(transpose(x, p), q) = transpose(x, p[q])",
        subject: Subject::Structure,
        apply: transpose_transpose,
    },
    Rule {
        name: "reshape-reshape",
        algebra: "reshape(reshape(x, s), t) = reshape(x, t)",
        subject: Subject::Structure,
        apply: reshape_reshape,
    },
    Rule {
        name: "broadcast-broadcast",
        algebra: "broadcast(broadcast(x)) = broadcast(x)",
        subject: Subject::Structure,
        apply: broadcast_broadcast,
    },
    Rule {
        name: "cast-cast",
        algebra: "cast(cast(x, wider), t) = cast(x, t)",
        subject: Subject::Structure,
        apply: cast_cast,
    },
    Rule {
        name: "slice-slice",
        algebra: "slice(slice(x)) = slice(x)",
        subject: Subject::Structure,
        apply: slice_slice,
    },
    Rule {
        name: "reverse-reverse",
        algebra: "reverse(reverse(x, a), b) = reverse(x, a xor b)",
        subject: Subject::Structure,
        apply: reverse_reverse,
    },
];

/// Choices already made. After differentiation only: before it the branch not taken may be the
/// only path of a gradient, which is then 0 and not an error.
pub const CHOICES: &[Rule] = &[
    Rule {
        name: "select-constant",
        algebra: "true ? x : y = x, false ? x : y = y",
        subject: Subject::Structure,
        apply: select_constant,
    },
    Rule { name: "select-same", algebra: "c ? x : x = x", subject: Subject::Structure, apply: select_same },
    Rule {
        name: "stop-gradient",
        algebra: "stop_gradient(x) = x, once no gradient is left",
        subject: Subject::Structure,
        apply: stop_gradient,
    },
];

fn transpose_transpose(rw: &mut Rewriter, id: NodeId) -> Option<NodeId> {
    let Op::Transpose { perm: outer } = rw.facts().op(id)? else { return None };
    let a = rw.facts().inputs(id)[0];
    let Op::Transpose { perm: inner } = rw.facts().op(a)? else { return None };
    let perm: Vec<usize> = outer.iter().map(|q| inner[*q]).collect();
    let x = rw.facts().inputs(a)[0];
    Some(rw.b.transpose(x, &perm))
}

fn reshape_reshape(rw: &mut Rewriter, id: NodeId) -> Option<NodeId> {
    let facts = rw.facts();
    let a = *facts.inputs(id).first()?;
    if facts.op(id)? != &Op::Reshape || facts.op(a)? != &Op::Reshape {
        return None;
    }
    let (x, shape) = (facts.inputs(a)[0], facts.shape(id).to_vec());
    Some(rw.b.reshape(x, &shape))
}

fn broadcast_broadcast(rw: &mut Rewriter, id: NodeId) -> Option<NodeId> {
    let facts = rw.facts();
    let Op::Broadcast { axes: outer } = facts.op(id)? else { return None };
    let a = facts.inputs(id)[0];
    let Op::Broadcast { axes: inner } = facts.op(a)? else { return None };
    let axes: Vec<usize> = inner.iter().map(|i| outer[*i]).collect();
    let (x, shape) = (facts.inputs(a)[0], facts.shape(id).to_vec());
    Some(rw.b.broadcast(x, &axes, &shape))
}

/// Only where the first cast lost nothing.
fn cast_cast(rw: &mut Rewriter, id: NodeId) -> Option<NodeId> {
    let facts = rw.facts();
    let Op::Cast(to) = facts.op(id)? else { return None };
    let a = facts.inputs(id)[0];
    let Op::Cast(middle) = facts.op(a)? else { return None };
    let (x, to) = (facts.inputs(a)[0], *to);
    let exact = match (rw.b.dtype(x), middle) {
        (DType::F32 | DType::I32, DType::F64) => true,
        (DType::Bool, DType::I32 | DType::F32 | DType::F64) => true,
        (DType::F32 | DType::I32 | DType::F64 | DType::Bool, _) => false,
    };
    // What is not 0 is true in every type.
    exact.then(|| rw.b.cast(x, to))
}

fn slice_slice(rw: &mut Rewriter, id: NodeId) -> Option<NodeId> {
    let facts = rw.facts();
    let Op::Slice { start, stride } = facts.op(id)? else { return None };
    let a = facts.inputs(id)[0];
    let Op::Slice { start: first, stride: step } = facts.op(a)? else { return None };
    let start: Vec<usize> = (0..start.len()).map(|d| first[d] + step[d] * start[d]).collect();
    let stride: Vec<usize> = (0..start.len()).map(|d| step[d] * stride[d]).collect();
    let (x, extent) = (facts.inputs(a)[0], facts.shape(id).to_vec());
    Some(rw.b.slice(x, &start, &stride, &extent))
}

fn reverse_reverse(rw: &mut Rewriter, id: NodeId) -> Option<NodeId> {
    let facts = rw.facts();
    let Op::Reverse { axes: outer } = facts.op(id)? else { return None };
    let a = facts.inputs(id)[0];
    let Op::Reverse { axes: inner } = facts.op(a)? else { return None };
    let axes: Vec<usize> =
        (0..facts.shape(id).len()).filter(|d| outer.contains(d) != inner.contains(d)).collect();
    let x = facts.inputs(a)[0];
    Some(rw.b.reverse(x, &axes))
}

fn select_constant(rw: &mut Rewriter, id: NodeId) -> Option<NodeId> {
    let facts = rw.facts();
    if facts.op(id)? != &Op::Select {
        return None;
    }
    let inputs = facts.inputs(id);
    match facts.scalar(inputs[0])? {
        Scalar::Bool(taken) => Some(if taken { inputs[1] } else { inputs[2] }),
        Scalar::Real(_) | Scalar::Int(_) => None,
    }
}

fn select_same(rw: &mut Rewriter, id: NodeId) -> Option<NodeId> {
    let facts = rw.facts();
    let inputs = facts.inputs(id);
    (facts.op(id)? == &Op::Select && inputs[1] == inputs[2]).then(|| inputs[1])
}

fn stop_gradient(rw: &mut Rewriter, id: NodeId) -> Option<NodeId> {
    let facts = rw.facts();
    (facts.op(id)? == &Op::StopGradient).then(|| facts.inputs(id)[0])
}
