//! Sums of products that end in a place: computed where the place is written, they can be added to it where it lies.

use super::pieces::{over, summed};
use super::sinks::Sink;
use super::{Piece, Source, What};
use crate::ir::op::Binary;
use crate::ir::{Graph, LeafKind, NodeId, Op};

/// Terms of a sum that a routine adds up in one go.
pub const AT_ONCE: usize = 16_384;

/// Moves the contractions that a place's new value is made of to just before the piece that carries it there.
pub fn move_to_sinks(graph: &Graph, sinks: &[Sink], stored: &[bool], pieces: &mut Vec<Piece>) {
    let written: Vec<usize> = sinks.iter().filter_map(over).collect();
    for sink in sinks {
        let Some(leaf) = over(sink).filter(|leaf| graph.leaves[*leaf].kind == LeafKind::Place) else {
            continue;
        };
        let Some(chain) = chain(graph, stored, pieces, sink.value, leaf, &written) else { continue };
        let of = |p: &Piece| matches!(p.what, What::Value(id) if chain.contains(&id));
        let (mut moved, rest): (Vec<Piece>, Vec<Piece>) = pieces.drain(..).partition(of);
        moved.sort_by_key(|p| std::cmp::Reverse(chain.iter().position(|id| p.what.value() == Some(*id))));
        moved.iter_mut().for_each(|p| p.over = Some(leaf));
        *pieces = rest;
        let carries = |p: &Piece| p.over == Some(leaf) && matches!(p.what, What::Sink(_));
        let at = pieces.iter().position(carries).expect("the sink has its piece");
        pieces.splice(at..at, moved);
    }
}

/// The contractions from a value down to the leaf that they are added to, if nobody else reads them, and what
/// they multiply is not written over in the same step.
fn chain(
    graph: &Graph,
    stored: &[bool],
    pieces: &[Piece],
    value: NodeId,
    leaf: usize,
    written: &[usize],
) -> Option<Vec<NodeId>> {
    let mut at = value;
    let mut chain = Vec::new();
    while let (Op::Contract(spec), [a, b, start]) = (graph.op(at), graph.inputs(at)) {
        let whole = pieces.iter().any(|p| matches!(p.what, What::Value(id) if id == at));
        let readers = pieces.iter().filter(|p| p.reads.iter().any(|r| r.source == Source::Node(at))).count();
        let overwritten = |id: &NodeId| leaf_below(graph, stored, *id).is_some_and(|l| written.contains(&l));
        let terms: usize = summed(spec).iter().map(|v| spec.extents[*v]).product();
        if terms > AT_ONCE || !whole || readers != 1 || overwritten(a) || overwritten(b) {
            return None;
        }
        chain.push(at);
        at = *start;
    }
    (!chain.is_empty() && started_from(graph, at, leaf).is_some()).then_some(chain)
}

/// The leaf that a factor is a view of.
fn leaf_below(graph: &Graph, stored: &[bool], id: NodeId) -> Option<usize> {
    match graph.op(id) {
        _ if stored[id.index()] => None,
        Op::Leaf(leaf) => Some(*leaf),
        _ => leaf_below(graph, stored, *graph.inputs(id).first()?),
    }
}

/// What of a leaf a chain is added to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum From {
    /// Its value.
    Itself,
    /// Its value times a constant.
    Scaled(NodeId),
    /// Its value plus its value times a constant.
    Decayed(NodeId),
}

/// What a value is of a leaf, if it is the leaf or a multiple of it.
pub fn started_from(graph: &Graph, start: NodeId, leaf: usize) -> Option<From> {
    let is_leaf = |id: NodeId| *graph.op(id) == Op::Leaf(leaf);
    match (graph.op(start), graph.inputs(start)) {
        _ if is_leaf(start) => Some(From::Itself),
        (Op::Binary(Binary::Add), [a, b]) if is_leaf(*a) => match started_from(graph, *b, leaf) {
            Some(From::Scaled(by)) => Some(From::Decayed(by)),
            _ => None,
        },
        (Op::Binary(Binary::Mul), [a, b]) if is_leaf(*a) && is_constant(graph, *b) => Some(From::Scaled(*b)),
        (Op::Binary(Binary::Mul), [a, b]) if is_leaf(*b) && is_constant(graph, *a) => Some(From::Scaled(*a)),
        _ => None,
    }
}

fn is_constant(graph: &Graph, id: NodeId) -> bool {
    match graph.op(id) {
        Op::Const(_) => true,
        Op::Broadcast { .. } => is_constant(graph, graph.inputs(id)[0]),
        _ => false,
    }
}
