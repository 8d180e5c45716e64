//! Which values may have many zeros: data, draws, and what is made of them without adding anything.

use super::stored::below_views;
use crate::ir::op::{Binary, Unary};
use crate::ir::types::Scalar;
use crate::ir::{Graph, LeafKind, NodeId, Op};
use std::collections::BTreeSet;

/// Whether a value's elements may be exactly zero for more than a stray reason: counts of what is there decide
/// at run time. `around` is the graph and the scan whose body this graph is.
pub fn may_be_zero(graph: &Graph, id: NodeId, around: Option<(&Graph, NodeId)>) -> bool {
    found(graph, id, around, true, &mut BTreeSet::new())
}

/// `carried`: whether a carried value is looked at where it comes from.
/// `seen`: nodes of this graph that have been looked at, in vain as long as the search goes on.
fn found(
    graph: &Graph,
    id: NodeId,
    around: Option<(&Graph, NodeId)>,
    carried: bool,
    seen: &mut BTreeSet<NodeId>,
) -> bool {
    let id = below_views(graph, id);
    if !seen.insert(id) {
        return false;
    }
    let inputs = graph.inputs(id);
    let mut of = |id: NodeId| found(graph, id, around, carried, seen);
    match graph.op(id) {
        Op::Leaf(leaf) => {
            let leaf = &graph.leaves[*leaf];
            match leaf.kind {
                LeafKind::Arg | LeafKind::Resident | LeafKind::Raw | LeafKind::Drawn => true,
                LeafKind::Place | LeafKind::Run | LeafKind::Turn => false,
                LeafKind::Carried => {
                    carried
                        && found(graph, graph.reports[leaf.index].value, around, false, &mut BTreeSet::new())
                }
                LeafKind::Scanned | LeafKind::Captured => around.is_some_and(|(outer, scan)| {
                    let Op::Scan(of) = outer.op(scan) else { unreachable!("a loop is a scan") };
                    let first =
                        if leaf.kind == LeafKind::Scanned { of.carried } else { of.carried + of.scanned };
                    found(outer, outer.inputs(scan)[first + leaf.index], None, carried, &mut BTreeSet::new())
                }),
            }
        }
        Op::Result(at) => match graph.op(inputs[0]) {
            Op::Scan(scan) => found(
                &scan.body,
                scan.body.reports[*at].value,
                Some((graph, inputs[0])),
                false,
                &mut BTreeSet::new(),
            ),
            _ => false,
        },
        Op::Unary(Unary::Relu | Unary::Floor | Unary::Round | Unary::Sign) | Op::Cast(_) => true,
        Op::Unary(Unary::Neg | Unary::Abs | Unary::Sqrt) => of(inputs[0]),
        Op::Binary(Binary::Mul) => inputs.iter().any(|input| of(*input)),
        Op::Binary(Binary::Div) => of(inputs[0]),
        Op::Select => inputs[1..].iter().any(|input| is_zero(graph, *input) || of(*input)),
        Op::Binary(Binary::Max | Binary::Min) => inputs.iter().any(|input| is_zero(graph, *input)),
        Op::Gather { .. } | Op::Pad { .. } => of(inputs[0]),
        Op::Concat { .. } => inputs.iter().any(|input| of(*input)),
        Op::WindowSpread { .. } | Op::WindowPick { .. } => true,
        Op::Unary(_)
        | Op::Binary(_)
        | Op::Compare(_)
        | Op::Const(_)
        | Op::Iota { .. }
        | Op::Reduce { .. }
        | Op::ArgReduce { .. }
        | Op::Contract(_)
        | Op::WindowReduce { .. }
        | Op::ScatterAdd { .. }
        | Op::RandomBits { .. }
        | Op::Scan(_)
        | Op::Transpose { .. }
        | Op::Broadcast { .. }
        | Op::Reshape
        | Op::Slice { .. }
        | Op::Reverse { .. }
        | Op::StopGradient
        | Op::Grad => false,
    }
}

/// Whether all its elements are the number 0.
fn is_zero(graph: &Graph, id: NodeId) -> bool {
    let Op::Const(number) = graph.op(below_views(graph, id)) else { return false };
    match number {
        Scalar::Real(x) => *x == 0.0,
        Scalar::Int(x) => *x == 0,
        Scalar::Bool(x) => !x,
    }
}
