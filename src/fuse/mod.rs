//! What becomes one kernel, and why not more.
//!
//! [`fuse`] divides a graph's work into [`Piece`]s and gathers them in [`Cluster`]s. A piece computes
//! one value that is kept in memory (`stored` says which are; the others are computed where they are
//! used), or carries one out of the graph: a place's new value, a report. A cluster has an owner axis,
//! whose blocks the team of threads divides. A piece may join a cluster if everything it reads from
//! there it reads at its own position along the owner axis: then a block of the whole cluster is
//! computed by one thread without waiting, its values still in the cache. Clusters run one after
//! another with a barrier between; small pieces without such an axis are gathered in clusters of one
//! thread.
//!
//! Which axis owns a value, how long its blocks are, and which sums are divided into blocks is said by
//! shapes ([`owner`]) and by which operand is a place or an argument, so that the order of a sum does not depend on what it is
//! fused with.

pub mod access;
pub mod chains;
mod cluster;
pub mod full;
pub mod owner;
pub mod pieces;
pub mod print;
pub mod sinks;
pub mod stored;
pub mod zeros;

pub use access::{Access, Source};
pub use sinks::{Sink, Target};
pub use stored::{by_strips, may_fail};

use crate::ir::{Graph, NodeId};

/// A graph's work, divided.
#[derive(Clone, Debug, Default)]
pub struct Fused {
    /// The pieces, operands before users.
    pub pieces: Vec<Piece>,
    /// The clusters in the order they run in.
    pub clusters: Vec<Cluster>,
    /// What leaves the graph.
    pub sinks: Vec<Sink>,
    /// For each node whether its value is kept in memory.
    pub stored: Vec<bool>,
}

/// What a piece computes.
#[derive(Clone, Debug)]
pub enum What {
    /// The value of a node.
    Value(NodeId),
    /// For a sum divided into blocks, the sum of each block: the node's shape with the number of blocks before it.
    Partial(NodeId),
    /// The sum over the blocks.
    Joined(NodeId),
    /// A value leaves the graph: position in [`Fused::sinks`].
    Sink(usize),
    /// Before a scan (a node): the carried value of that position gets its start.
    Enter(NodeId, usize),
    /// A scan (a node), with its body divided.
    Loop(NodeId, Box<Fused>),
}

impl What {
    /// The node whose value it computes, wholly or in part.
    pub fn value(&self) -> Option<NodeId> {
        match self {
            What::Value(id) | What::Partial(id) | What::Joined(id) => Some(*id),
            What::Sink(_) | What::Enter(..) | What::Loop(..) => None,
        }
    }
}

/// One piece of work.
#[derive(Clone, Debug)]
pub struct Piece {
    /// What it computes.
    pub what: What,
    /// Extents it goes through: the axes of what it writes, then what is summed or searched over.
    pub extents: Vec<usize>,
    /// How many of these are axes of what it writes.
    pub outer: usize,
    /// Which of them may be the owner's, the preferred first.
    pub ownable: Vec<usize>,
    /// What it reads.
    pub reads: Vec<Access>,
    /// The leaf that it writes over, or that the sum of which it is a part is going to.
    pub over: Option<usize>,
    /// Whether it may raise a fault.
    pub checks: bool,
    /// Which of `extents` is the owner's; set when its cluster is known.
    pub owner: Option<usize>,
}

impl Piece {
    /// How often its innermost part is run.
    pub fn turns(&self) -> usize {
        self.extents.iter().product()
    }

    /// Of the blocks of a divided sum: the axis that is divided.
    pub fn split(&self) -> usize {
        self.ownable[0]
    }
}

/// Pieces that become one kernel.
#[derive(Clone, Debug)]
pub struct Cluster {
    /// Indices of pieces, in the order they are computed in.
    pub pieces: Vec<usize>,
    /// The owner axis; none: one thread does it, or it is a loop.
    pub owner: Option<Owner>,
    /// For each cluster before this one, from the last that its first piece could have joined, why it did not.
    pub apart: Vec<(usize, Apart)>,
}

/// The axis whose blocks the team divides.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Owner {
    /// Its extent.
    pub extent: usize,
    /// Indices to a block.
    pub unit: usize,
}

/// Why a piece did not join a cluster.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Apart {
    /// It reads what the cluster computes across the blocks of the owner axis.
    Across(Source),
    /// It has no axis of the owner's extent that may be owned.
    OtherAxis,
    /// It is too much for one thread.
    Large,
    /// The cluster is the loop of a scan.
    Scan,
    /// It changes a place that a piece of the cluster reads at other positions.
    StillRead(usize),
}

/// Divides a graph's work.
pub fn fuse(graph: &Graph) -> Fused {
    fuse_sinks(graph, sinks::of_step(graph))
}

/// Divides the work of a graph with these sinks. A place whose new value cannot be written while old
/// values are still read gets it from memory at the end; that is found out on the way.
fn fuse_sinks(graph: &Graph, sinks: Vec<Sink>) -> Fused {
    let mut forced = Vec::new();
    loop {
        let stored = stored::stored(graph, &sinks, &forced);
        match cluster::cluster(graph, &sinks, &stored) {
            Ok((pieces, clusters)) => return Fused { pieces, clusters, sinks, stored },
            Err(node) => {
                assert!(!forced.contains(&node), "a kept value can always be written at the end");
                forced.push(node);
            }
        }
    }
}
