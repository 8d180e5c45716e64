//! What becomes one kernel, and why not more.
//!
//! [`fuse`] divides a graph's work into [`Piece`]s and gathers them in [`Cluster`]s. A piece computes
//! one value that is kept in memory (`stored` says which are; the others are computed where they are
//! used), or carries one out of the graph: a place's new value, a report. A cluster has an owner axis,
//! whose blocks the team of threads divides. A piece may join a cluster if everything it reads from
//! there it reads at its own position along the owner axis: then a block of the whole cluster is
//! computed by one thread without waiting, its values still in the cache.
//!
//! A step goes through phases, with a barrier from one to the next: a cluster stands in the first phase in which
//! all that it needs is there or comes from the same thread (`meeting`). Small pieces without an owner axis are
//! done by one thread; where all threads need what they give, each thread does them for itself, which
//! takes no longer and saves a barrier (`small`). How one call follows another is found out at the end (`calls`).
//!
//! Which axis owns a value, how long its blocks are, and which sums are divided into blocks is said by
//! shapes ([`owner`]) and by which operand is a place or an argument, so that the order of a sum does not depend on what it is
//! fused with. Some blocks are as long as a product in any of a program's steps asks for.

pub mod access;
mod calls;
pub mod chains;
mod cluster;
pub mod full;
mod meeting;
pub mod owner;
pub mod pieces;
pub mod print;
pub mod sinks;
mod small;
pub mod stored;
pub mod zeros;

pub use access::{Access, Source};
pub use calls::{Ahead, Calls, Moments};
pub use owner::Lengths;
pub use pieces::lengths;
pub use sinks::{Sink, Target};
pub use stored::{by_strips, may_fail};

use crate::ir::{Graph, NodeId, Op};

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
    /// How its calls follow each other, or the turns of the scan whose body it is.
    pub calls: Calls,
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

    /// What it keeps in memory, as others read it.
    pub fn source(&self) -> Option<Source> {
        match self {
            What::Value(id) | What::Joined(id) => Some(Source::Node(*id)),
            What::Partial(id) => Some(Source::Partial(*id)),
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
    /// Indices to a block of the first of `ownable`.
    pub unit: usize,
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

    /// How many blocks that makes.
    pub fn blocks(&self) -> usize {
        self.extents[self.split()].div_ceil(self.unit).max(1)
    }
}

/// Pieces that become one kernel.
#[derive(Clone, Debug)]
pub struct Cluster {
    /// Indices of pieces, in the order they are computed in.
    pub pieces: Vec<usize>,
    /// Who computes it.
    pub share: Share,
    /// Between which barriers it stands.
    pub phase: usize,
    /// For clusters that its first piece was tried with, why it did not join them.
    pub apart: Vec<(usize, Apart)>,
}

/// Who computes a cluster.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Share {
    /// The team divides the blocks of an axis.
    Blocks(Owner),
    /// One thread: the last, whose blocks may be fewer.
    One,
    /// Each thread all of it, for itself.
    Each,
    /// All threads go through the turns of a scan.
    Turns,
}

impl Share {
    /// The axis whose blocks are divided.
    pub fn owner(self) -> Option<Owner> {
        match self {
            Share::Blocks(owner) => Some(owner),
            Share::One | Share::Each | Share::Turns => None,
        }
    }
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
    /// It changes a place, which must wait until all lookups of the cluster have gone well.
    Checked,
}

/// Divides a graph's work.
pub fn fuse(graph: &Graph) -> Fused {
    fuse_among(graph, &lengths([graph]))
}

/// Divides the work of a graph that works on the same places as others, for all of which blocks are so long.
pub fn fuse_among(graph: &Graph, lengths: &Lengths) -> Fused {
    let divided = |copied: Vec<NodeId>| {
        let mut fused = fuse_sinks(graph, sinks::of_step(graph), copied, lengths);
        fused.calls = Calls::of(graph, &fused);
        fused
    };
    let plain = divided(Vec::new());
    let places = read_and_changed(graph, &plain);
    if places.is_empty() {
        return plain;
    }
    let copied = divided(places);
    let barriers = |fused: &Fused| {
        fused.clusters.last().map_or(0, |cluster| cluster.phase) + usize::from(fused.calls.closed)
    };
    if barriers(&copied) < barriers(&plain) { copied } else { plain }
}

/// The places that each thread reads for itself, behind a barrier, and that one of them changes. It must wait until
/// all have read, unless it has made a copy for them.
fn read_and_changed(graph: &Graph, fused: &Fused) -> Vec<NodeId> {
    let pieces = |share: Share| {
        let of = fused.clusters.iter().filter(move |cluster| cluster.share == share);
        of.flat_map(|cluster| cluster.pieces.iter().map(|p| (cluster.phase, &fused.pieces[*p])))
    };
    let is_read = |leaf: usize| {
        let reads = |piece: &Piece| piece.reads.iter().any(|read| read.source == Source::Leaf(leaf));
        pieces(Share::Each).any(|(phase, piece)| phase > 0 && reads(piece))
    };
    let changed = |(_, piece): (usize, &Piece)| piece.over.filter(|leaf| is_read(*leaf));
    let places: Vec<usize> = pieces(Share::One).filter_map(changed).collect();
    graph.ids().filter(|id| matches!(graph.op(*id), Op::Leaf(leaf) if places.contains(leaf))).collect()
}

/// Divides the work of a graph with these sinks, some values being kept in any case. A place whose new value cannot
/// be written while old values are still read gets it from memory at the end; that is found out on the way.
fn fuse_sinks(graph: &Graph, sinks: Vec<Sink>, mut forced: Vec<NodeId>, lengths: &Lengths) -> Fused {
    loop {
        let stored = stored::stored(graph, &sinks, &forced);
        match cluster::cluster(graph, &sinks, &stored, lengths) {
            Ok((pieces, clusters)) => {
                return Fused { pieces, clusters, sinks, stored, calls: Calls::apart() };
            }
            Err(node) => {
                assert!(!forced.contains(&node), "a kept value can always be written at the end");
                forced.push(node);
            }
        }
    }
}
