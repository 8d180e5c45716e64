//! Where pieces meet: one touches what another one writes. Both may then stand between the same barriers only if
//! one thread does both parts, one after the other.

use super::access::Source;
use super::{Apart, Cluster, Fused, Piece, Share, What};
use crate::ir::{Graph, LeafKind, Op};

/// Axes of an earlier and of a later piece along which both are at the same index of what they share.
type Together = Vec<(usize, usize)>;

/// A meeting of a piece with an earlier one.
#[derive(Clone, Debug)]
pub struct Meeting {
    /// Why they stand apart, if they do.
    pub reason: Apart,
    together: Together,
    /// Whether the later one reads a value that the earlier one computes; each thread may have its own.
    value: bool,
}

impl Meeting {
    /// A piece reads, so along its axes, what an earlier one computes.
    pub fn read(earlier: &Piece, source: Source, along: &[Option<usize>]) -> Meeting {
        let whole = matches!(source, Source::Node(_)) && !matches!(earlier.what, What::Loop(..));
        let together = if whole { straight(&along[..earlier.outer.min(along.len())]) } else { Vec::new() };
        Meeting { reason: Apart::Across(source), together, value: true }
    }

    /// A piece writes over a leaf that an earlier one reads, so along its axes.
    pub fn over(leaf: usize, along: &[Option<usize>]) -> Meeting {
        Meeting { reason: Apart::StillRead(leaf), together: turned(along), value: false }
    }

    /// Something that no thread can settle for itself.
    pub fn of_all(reason: Apart) -> Meeting {
        Meeting { reason, together: Vec::new(), value: false }
    }

    /// Whether one thread does what both pieces share, with these owner axes.
    pub fn in_one_thread(
        &self,
        (earlier, earlier_axis): (Share, Option<usize>),
        (later, axis): (Share, Option<usize>),
    ) -> bool {
        match (earlier, later) {
            // Each thread that finds a fault by itself does nothing more.
            _ if self.reason == Apart::Checked => earlier == Share::Each && later != Share::Each,
            (Share::First, Share::First) | (Share::Each, Share::Each) => true,
            (Share::Each, Share::First | Share::Blocks(_)) => self.value,
            (Share::Blocks(a), Share::Blocks(b)) => {
                let both = earlier_axis.zip(axis);
                a == b && both.is_some_and(|both| self.together.contains(&both))
            }
            (Share::Turns, _)
            | (_, Share::Turns)
            | (Share::First, Share::Blocks(_) | Share::Each)
            | (Share::Blocks(_), Share::First | Share::Each) => false,
        }
    }
}

/// Axes of an earlier piece that writes, and of a later one that reads.
fn straight(along: &[Option<usize>]) -> Together {
    along.iter().enumerate().filter_map(|(axis, at)| at.map(|at| (axis, at))).collect()
}

/// Axes of an earlier piece that reads, and of a later one that writes.
fn turned(along: &[Option<usize>]) -> Together {
    along.iter().enumerate().filter_map(|(axis, at)| at.map(|at| (at, axis))).collect()
}

/// Elements of a value that may lie in two places by turns.
const TWICE: usize = 1 << 14;

/// Whether all threads must wait for all before the next call of a step, because its first phase meets the last one of
/// the call before; and what values must lie in two places by turns so that they need not.
pub fn next_call(graph: &Graph, fused: &Fused) -> (bool, Vec<Source>) {
    let last = fused.clusters.last().map_or(0, |cluster| cluster.phase);
    let pieces = |phase: usize| {
        let clusters = fused.clusters.iter().filter(|cluster| cluster.phase == phase);
        let of = |c: &Cluster| c.pieces.iter().map(|p| (&fused.pieces[*p], c.share)).collect::<Vec<_>>();
        clusters.flat_map(of).collect::<Vec<_>>()
    };
    let (ends, begins) = (pieces(last), pieces(0));
    // A fault must be known in the call that it belongs to; in what each does, each knows it.
    let unsettled = ends.iter().any(|(piece, share)| piece.checks && *share != Share::Each);
    let turns = ends.iter().chain(&begins).any(|(_, share)| *share == Share::Turns);
    if unsettled || turns {
        return (true, Vec::new());
    }
    let mut alternate = Vec::new();
    for end in &ends {
        for begin in &begins {
            for met in calls_meet(graph, *end, *begin) {
                match met.filter(|_| last > 0 && written(begin.0) <= TWICE) {
                    Some(source) => alternate.push(source),
                    None => return (true, Vec::new()),
                }
            }
        }
    }
    alternate.sort_unstable();
    alternate.dedup();
    (false, alternate)
}

/// How many elements a piece writes.
fn written(piece: &Piece) -> usize {
    let blocks = match piece.what {
        What::Partial(_) => piece.blocks(),
        _ => 1,
    };
    blocks * piece.extents[..piece.outer].iter().product::<usize>()
}

/// Where a piece of one call must be done before another one of the next call begins; the value, if it is one that the
/// first reads and the second writes.
fn calls_meet(
    graph: &Graph,
    (earlier, before): (&Piece, Share),
    (later, after): (&Piece, Share),
) -> Vec<Option<Source>> {
    let place = |piece: &Piece| piece.over.filter(|leaf| graph.leaves[*leaf].kind == LeafKind::Place);
    let mut meetings: Vec<(Together, Option<Source>)> = Vec::new();
    let source = match later.what {
        What::Value(id) | What::Joined(id) => Some(Source::Node(id)),
        What::Partial(id) => Some(Source::Partial(id)),
        What::Sink(_) | What::Enter(..) | What::Loop(..) => None,
    };
    for read in &earlier.reads {
        // A carried value begins in the memory in which the last call's results lie.
        if let (What::Enter(scan, carried), Source::Node(id)) = (&later.what, read.source)
            && *graph.op(id) == Op::Result(*carried)
            && graph.inputs(id) == [*scan]
        {
            meetings.push((turned(&read.along), None));
        }
        // What each thread has for itself, it writes again itself.
        if Some(read.source) == source && after != Share::Each {
            let whole = matches!(read.source, Source::Node(_));
            meetings.push((if whole { turned(&read.along) } else { Vec::new() }, source));
        }
        if place(later).is_some_and(|leaf| read.source == Source::Leaf(leaf)) {
            meetings.push((turned(&read.along), None));
        }
    }
    if let Some(leaf) = place(earlier) {
        for read in later.reads.iter().filter(|read| read.source == Source::Leaf(leaf)) {
            meetings.push((straight(&read.along), None));
        }
        if place(later) == Some(leaf) {
            let axes = 0..graph.leaves[leaf].ty.rank();
            meetings.push((axes.map(|axis| (axis, axis)).collect(), None));
        }
    }
    let unsettled = |(together, value): (Together, Option<Source>)| {
        let meeting = Meeting { reason: Apart::OtherAxis, together, value: false };
        let one = meeting.in_one_thread((before, earlier.owner), (after, later.owner));
        (!one).then_some(value)
    };
    meetings.into_iter().filter_map(unsettled).collect()
}
