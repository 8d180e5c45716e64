//! Blocks with the owner's axis innermost.
//!
//! Where a cluster takes pictures through convolutions and windows, block by block, the pictures of a block are
//! the lanes: each number of a picture is a run of as many as the block has pictures, and what is done with one is
//! done with all, whatever the windows are.

use crate::fuse::access::{Position, plain};
use crate::fuse::pieces::operand_at;
use crate::fuse::{Cluster, Fused, Piece, What, owner};
use crate::ir::{Graph, NodeId, Op};

/// Indices of a block from which it is worth being lanes.
pub const MANY: usize = 16;

/// The owner's axis of a convolution, or of a sum of its kind, whose indices are lanes: one that stands by itself
/// and is not the last in every operand that has it. It is one of the result and in one operand, the pictures; or
/// it is summed over block by block and in both.
pub fn lanes_of(graph: &Graph, piece: &Piece) -> Option<usize> {
    let (What::Value(id) | What::Partial(id)) = piece.what else { return None };
    let (Op::Contract(spec), Some(axis)) = (graph.op(id), piece.owner) else { return None };
    let at = [operand_at(spec, 0), operand_at(spec, 1)];
    let windowed = at.iter().flatten().any(|p| p.as_ref().is_some_and(|p| p.terms.len() > 1));
    let has = |of: &[Position]| of.iter().flatten().any(|p| p.terms.iter().any(|(v, _)| *v == axis));
    let apart = |of: &[Position]| {
        let alone = |p: &Position| p.as_ref().and_then(plain) == Some(axis);
        !has(of) || of.iter().position(alone).is_some_and(|nth| nth + 1 < of.len())
    };
    let operands = at.iter().filter(|of| has(of)).count();
    let wanted = if axis < piece.outer { 1 } else { 2 };
    let long = piece.extents[axis] >= owner::WIDE;
    (long && windowed && operands == wanted && at.iter().all(|of| apart(of))).then_some(axis)
}

/// Whether a cluster works on pictures as lanes.
pub fn has_lanes(graph: &Graph, fused: &Fused, cluster: &Cluster) -> bool {
    cluster.pieces.iter().any(|p| lanes_of(graph, &fused.pieces[*p]).is_some())
}

/// Whether a value of such a cluster, of which a block of an axis is held, may have that axis innermost.
pub fn may_be_lanes(graph: &Graph, id: NodeId, axis: usize) -> bool {
    let rank = graph.ty(id).rank();
    // Random words come row by row.
    let in_rows = matches!(graph.op(id), Op::RandomBits { .. });
    rank >= 3 && axis + 1 < rank && !in_rows && keeps(graph, id, axis)
}

/// Whether there may be gaps between the planes of pictures: nothing looks at several as one.
pub fn may_have_gaps(graph: &Graph, id: NodeId) -> bool {
    let rank = graph.ty(id).rank();
    let mut users = graph.ids().filter(|user| graph.inputs(*user).contains(&id));
    let apart = |user| match graph.op(user) {
        Op::Reshape | Op::StopGradient => false,
        // A cell is read by its position in the plane.
        Op::WindowPick { windows, .. } => windows.size.len() + 2 <= rank,
        _ => true,
    };
    rank >= 4 && users.all(apart)
}

/// Whether there may be gaps between the rows of a matrix: nothing looks at several as one, or from within a loop, and
/// they are not written as one.
pub fn may_have_rows_apart(graph: &Graph, id: NodeId) -> bool {
    let mut users = graph.ids().filter(|user| graph.inputs(*user).contains(&id));
    let apart = |user| {
        !matches!(graph.op(user), Op::Reshape | Op::StopGradient | Op::WindowPick { .. } | Op::Scan(_))
    };
    graph.ty(id).rank() == 2 && !matches!(graph.op(id), Op::RandomBits { .. }) && users.all(apart)
}

/// Whether all that reads a value through reshapes leaves an axis where it is.
fn keeps(graph: &Graph, id: NodeId, axis: usize) -> bool {
    graph.ids().filter(|user| graph.inputs(*user).contains(&id)).all(|user| match graph.op(user) {
        Op::Reshape => {
            let (from, to) = (&graph.ty(id).shape, &graph.ty(user).shape);
            let alike = from.iter().zip(to).take_while(|(a, b)| a == b).count();
            alike > axis && keeps(graph, user, axis)
        }
        Op::StopGradient => keeps(graph, user, axis),
        _ => true,
    })
}
