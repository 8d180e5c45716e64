//! Which values are kept in memory. The others are computed where they are used, from what is kept.

use super::access::same_but_for_ones;
use super::full::{full, needless};
use super::sinks::Sink;
use crate::ir::op::{Binary, Ties, Unary};
use crate::ir::types::Scalar;
use crate::ir::{Graph, LeafKind, NodeId, Op};

/// Operations from which a value with several users is computed once.
const COSTLY: usize = 8;

/// For each node whether its value is kept: what is summed, searched, drawn or laid out anew; functions
/// done by strips; what a product, a window or a reshape reads; what many would compute anew; and
/// `forced` values. What no sink needs is not kept.
pub fn stored(graph: &Graph, sinks: &[Sink], forced: &[NodeId]) -> Vec<bool> {
    let needed = needed(graph, sinks);
    let mut users = vec![0usize; graph.nodes.len()];
    for sink in sinks {
        users[sink.value.index()] += 1;
    }
    for id in graph.ids().filter(|id| needed[id.index()]) {
        for input in graph.inputs(id) {
            users[input.index()] += 1;
        }
    }
    let mut stored: Vec<bool> =
        graph.ids().map(|id| needed[id.index()] && (always(graph, id) || forced.contains(&id))).collect();
    let carried: Vec<NodeId> = sinks.iter().map(|sink| sink.value).collect();
    for (stored, needless) in stored.iter_mut().zip(needless(graph, &needed, &carried)) {
        *stored &= !needless;
    }
    for id in graph.ids().filter(|id| needed[id.index()]) {
        for input in laid_out(graph, id) {
            let base = below_views(graph, input);
            if is_map(graph.op(base)) || is_turn(graph, base) {
                stored[base.index()] = true;
            }
        }
        if let Op::Scan(scan) = graph.op(id) {
            // What a loop takes turned round is turned once.
            let captured = graph.inputs(id)[scan.carried + scan.scanned..].iter();
            captured
                .filter(|input| matches!(graph.op(**input), Op::Transpose { .. }))
                .for_each(|input| stored[input.index()] = true);
        }
        if let Some(base) = reshaped(graph, id) {
            stored[base.index()] = true;
        }
        // The first largest cell is read by its position in the plane.
        if let Op::WindowPick { ties: Ties::First, .. } = graph.op(id) {
            let values = graph.inputs(id)[1];
            stored[values.index()] |= !is_unbroken(graph, values);
        }
    }
    let mut cost = vec![0usize; graph.nodes.len()];
    for id in graph.ids().filter(|id| needed[id.index()]) {
        let below: usize = graph.inputs(id).iter().map(|i| cost[i.index()]).sum();
        cost[id.index()] = below + usize::from(is_map(graph.op(id)) && graph.inputs(id).len() > 1);
        if users[id.index()] > 1 && cost[id.index()] > COSTLY && is_map(graph.op(id)) {
            stored[id.index()] = true;
        }
        if stored[id.index()] {
            cost[id.index()] = 1;
        }
    }
    stored
}

/// Which nodes a sink needs.
pub fn needed(graph: &Graph, sinks: &[Sink]) -> Vec<bool> {
    let mut needed = vec![false; graph.nodes.len()];
    for sink in sinks {
        needed[sink.value.index()] = true;
    }
    for id in graph.ids().rev() {
        if needed[id.index()] {
            for input in graph.inputs(id) {
                needed[input.index()] = true;
            }
        }
    }
    needed
}

/// Whether a function of reals is computed strip by strip, not within a loop.
pub fn by_strips(f: Unary) -> bool {
    match f {
        Unary::Exp
        | Unary::Log
        | Unary::Log1p
        | Unary::Expm1
        | Unary::Tanh
        | Unary::Sigmoid
        | Unary::Softplus
        | Unary::Erf
        | Unary::Sin
        | Unary::Cos => true,
        Unary::Neg
        | Unary::Abs
        | Unary::Sign
        | Unary::Sqrt
        | Unary::Relu
        | Unary::Floor
        | Unary::Round
        | Unary::Not => false,
    }
}

/// Whether a value is kept whoever uses it.
fn always(graph: &Graph, id: NodeId) -> bool {
    match graph.op(id) {
        Op::Unary(f) => by_strips(*f),
        Op::Binary(f) => match f {
            Binary::Pow => true,
            // Whole numbers: where the divisor may be 0 this is found once.
            Binary::FloorDiv | Binary::Mod => !graph.ty(id).dtype.is_real(),
            _ => false,
        },
        Op::Pad { .. }
        | Op::Concat { .. }
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
        | Op::Result(_) => true,
        Op::Leaf(_)
        | Op::Const(_)
        | Op::Iota { .. }
        | Op::Compare(_)
        | Op::Select
        | Op::Cast(_)
        | Op::Transpose { .. }
        | Op::Broadcast { .. }
        | Op::Reshape
        | Op::Slice { .. }
        | Op::Reverse { .. }
        | Op::StopGradient
        | Op::Grad => false,
    }
}

/// Operands that must lie in memory because the operation goes through them with strides, or many times.
fn laid_out(graph: &Graph, id: NodeId) -> Vec<NodeId> {
    let inputs = graph.inputs(id);
    match graph.op(id) {
        Op::Contract(_) => match full(graph, id) {
            Some(form) => vec![form.base, inputs[1 - form.operand]],
            None => inputs[..2].to_vec(),
        },
        Op::WindowReduce { .. } | Op::WindowPick { .. } | Op::WindowSpread { .. } => inputs.to_vec(),
        Op::ArgReduce { .. } => inputs.to_vec(),
        Op::Scan(scan) => inputs[scan.carried..].to_vec(),
        _ => Vec::new(),
    }
}

/// What a reshape that moves axes goes through in memory, if that is not in memory anyway.
fn reshaped(graph: &Graph, id: NodeId) -> Option<NodeId> {
    let Op::Reshape = graph.op(id) else { return None };
    let mut base = graph.inputs(id)[0];
    if same_but_for_ones(&graph.ty(base).shape, &graph.ty(id).shape).is_some() {
        return None;
    }
    while let Op::Reshape | Op::StopGradient = graph.op(base) {
        base = graph.inputs(base)[0];
    }
    (!is_unbroken(graph, base)).then_some(base)
}

/// Whether it is a leaf whose elements lie in memory one after another: what a loop's body takes from
/// outside may be a view there.
fn is_unbroken(graph: &Graph, id: NodeId) -> bool {
    match graph.op(id) {
        Op::Leaf(leaf) => match graph.leaves[*leaf].kind {
            LeafKind::Scanned | LeafKind::Captured | LeafKind::Turn => false,
            LeafKind::Arg
            | LeafKind::Place
            | LeafKind::Resident
            | LeafKind::Raw
            | LeafKind::Drawn
            | LeafKind::Run
            | LeafKind::Carried => true,
        },
        _ => false,
    }
}

/// What a chain of views looks at.
pub fn below_views(graph: &Graph, mut id: NodeId) -> NodeId {
    while let Op::Transpose { .. }
    | Op::Broadcast { .. }
    | Op::Slice { .. }
    | Op::Reverse { .. }
    | Op::Reshape
    | Op::StopGradient = graph.op(id)
    {
        id = graph.inputs(id)[0];
    }
    id
}

/// Whether it is the number of a loop's turn, which is in no memory.
fn is_turn(graph: &Graph, id: NodeId) -> bool {
    matches!(graph.op(id), Op::Leaf(leaf) if graph.leaves[*leaf].kind == LeafKind::Turn)
}

/// Whether it is computed element by element (or counted, or constant) and so has no memory of its own
/// unless it is kept.
fn is_map(op: &Op) -> bool {
    matches!(
        op,
        Op::Const(_)
            | Op::Iota { .. }
            | Op::Unary(_)
            | Op::Binary(_)
            | Op::Compare(_)
            | Op::Select
            | Op::Cast(_)
    )
}

/// Whether an operation on whole numbers has no result for some operands.
pub fn may_fail(graph: &Graph, id: NodeId) -> bool {
    let (Op::Binary(f), [_, right]) = (graph.op(id), graph.inputs(id)) else { return false };
    if graph.ty(id).dtype.is_real() {
        return false;
    }
    match (f, constant(graph, *right)) {
        (Binary::FloorDiv | Binary::Mod, by) => by.is_none_or(|by| by == 0),
        (Binary::Pow, power) => power.is_none_or(|power| power < 0),
        _ => false,
    }
}

/// The whole number that a node is everywhere, if it is written down.
fn constant(graph: &Graph, id: NodeId) -> Option<i32> {
    match graph.op(id) {
        Op::Const(Scalar::Int(value)) => Some(*value),
        Op::Broadcast { .. } => constant(graph, graph.inputs(id)[0]),
        _ => None,
    }
}
