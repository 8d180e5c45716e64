//! From a value inside a step back to where it came from: an element of the data, of a place, of an
//! argument; and the words for where in the run a call stood.

use super::device::{Arg, Entry};
use crate::ir::tensor::index_of;
use crate::ir::{Graph, LeafKind, Module, NodeId, Op};
use crate::program::ResidentId;
use std::sync::Arc;

/// Where in the run a call stands.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Moment {
    /// The innermost phase.
    pub phase: Option<Arc<str>>,
    /// Turn of the outermost loop over a range in it.
    pub epoch: Option<usize>,
    /// Calls of the step in that phase before this one.
    pub iteration: usize,
}

/// An element from outside.
#[derive(Clone, Debug, PartialEq)]
pub struct Origin {
    /// The leaf.
    pub leaf: usize,
    /// Index of the element.
    pub position: Vec<usize>,
}

/// The element of a leaf that an element of a node is a copy of, if only views and conversions lie
/// between them.
pub fn origin(graph: &Graph, node: NodeId, position: &[usize]) -> Option<Origin> {
    let shape = |id: NodeId| graph.ty(id).shape.as_slice();
    let input = graph.inputs(node).first().copied();
    let before: Vec<usize> = match graph.op(node) {
        Op::Leaf(leaf) => return Some(Origin { leaf: *leaf, position: position.to_vec() }),
        Op::Cast(_) | Op::StopGradient => position.to_vec(),
        Op::Transpose { perm } => {
            let mut before = vec![0; perm.len()];
            perm.iter().zip(position).for_each(|(p, at)| before[*p] = *at);
            before
        }
        Op::Broadcast { axes } => {
            let extents = shape(input?);
            axes.iter().zip(extents).map(|(axis, n)| if *n == 1 { 0 } else { position[*axis] }).collect()
        }
        Op::Reshape => {
            let linear = shape(node).iter().zip(position).fold(0, |at, (n, i)| at * n + i);
            index_of(shape(input?), linear)
        }
        Op::Slice { start, stride } => {
            start.iter().zip(stride).zip(position).map(|((start, stride), at)| start + stride * at).collect()
        }
        Op::Reverse { axes } => {
            let flip = |(d, at): (usize, &usize)| {
                if axes.contains(&d) { shape(node)[d] - 1 - at } else { *at }
            };
            position.iter().enumerate().map(flip).collect()
        }
        // `y[i]` of `i = indices(n)` is y.
        Op::Gather { axes } if axes == &[0] && counts(graph, graph.inputs(node)[1]) => position.to_vec(),
        Op::Const(_)
        | Op::Iota { .. }
        | Op::Unary(_)
        | Op::Binary(_)
        | Op::Compare(_)
        | Op::Select
        | Op::Pad { .. }
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
        | Op::Result(_)
        | Op::Grad => return None,
    };
    origin(graph, input?, &before)
}

/// Whether a node is 0, 1, 2, … along its only axis.
fn counts(graph: &Graph, node: NodeId) -> bool {
    matches!(graph.op(node), Op::Iota { .. }) && graph.ty(node).rank() == 1
}

/// The resident array that an element belongs to.
pub fn resident(graph: &Graph, entry: &Entry, origin: &Origin) -> Option<ResidentId> {
    let leaf = &graph.leaves[origin.leaf];
    match (leaf.kind, entry.args.get(leaf.index)) {
        (LeafKind::Resident, _) => Some(leaf.index),
        (LeafKind::Arg, Some(Arg::Batch { resident, .. })) => Some(*resident),
        _ => None,
    }
}

/// What an element from outside is called: the array it belongs to, whether that is data, and its
/// index there.
pub fn named(graph: &Graph, module: &Module, entry: &Entry, origin: &Origin) -> (String, bool, Vec<usize>) {
    let leaf = &graph.leaves[origin.leaf];
    let mut position = origin.position.clone();
    match leaf.kind {
        LeafKind::Arg => match entry.args.get(leaf.index) {
            Some(Arg::Batch { resident, start, .. }) => {
                if let Some(row) = position.first_mut() {
                    *row += start;
                }
                (module.residents[*resident].name.to_string(), true, position)
            }
            Some(Arg::Scalar(_) | Arg::Tensor(_) | Arg::Report { .. }) | None => {
                (leaf.name.to_string(), false, position)
            }
        },
        LeafKind::Resident => (leaf.name.to_string(), true, position),
        LeafKind::Place
        | LeafKind::Raw
        | LeafKind::Drawn
        | LeafKind::Run
        | LeafKind::Carried
        | LeafKind::Scanned
        | LeafKind::Captured
        | LeafKind::Turn => (leaf.name.to_string(), false, position),
    }
}

/// Where in the run a call stood and what it was given, a line each.
pub fn circumstances(step: &str, module: &Module, entry: &Entry, moment: &Moment, seed: u64) -> Vec<String> {
    let mut place = format!("step {step}");
    if let Some(phase) = &moment.phase {
        place += &format!(", phase \"{phase}\"");
    }
    if let Some(epoch) = moment.epoch {
        place += &format!(", epoch {epoch}");
    }
    place += &format!(", iteration {}", moment.iteration);
    let mut notes = vec![place];
    let mut batches: Vec<(usize, usize, Vec<&str>)> = Vec::new();
    for arg in &entry.args {
        let Arg::Batch { resident, start, size } = arg else { continue };
        let name = &*module.residents[*resident].name;
        match batches.iter_mut().find(|(f, s, _)| f == start && s == size) {
            Some((_, _, names)) => names.push(name),
            None => batches.push((*start, *size, vec![name])),
        }
    }
    for (from, size, names) in batches {
        // A smaller last one does not begin at a multiple of its size.
        let number = if from % size == 0 { format!(" {}", from / size) } else { String::new() };
        notes.push(format!("minibatch{number}: examples {from}..{} of {}", from + size, names.join(", ")));
    }
    let numbers: Vec<String> = entry
        .args
        .iter()
        .filter_map(|arg| match arg {
            Arg::Scalar(value) => Some(value.to_string()),
            Arg::Batch { .. } | Arg::Tensor(_) | Arg::Report { .. } => None,
        })
        .collect();
    if !numbers.is_empty() {
        notes.push(format!("numbers passed: {}", numbers.join(", ")));
    }
    notes.push(format!("seed {seed}"));
    notes
}
