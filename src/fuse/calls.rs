//! How one call of a step follows another: whether all threads wait in between, and what of a call may come before
//! the end of the one before it.
//!
//! A place that the end of a call changes block by block, and the beginning of the next call reads block by block, need
//! come from memory once for both, where a thread does the two for a block before it goes on to the next one. All
//! that the next call needs for that, its phases up to that one, then comes beside the end of the call too.
//!
//! Where these phases take much of what does not change, as the layers below the one that is trained, they are done for
//! several calls at once, a block after the other: what they read comes from memory once for all those calls.

use super::access::Source;
use super::meeting::{Meeting, Together, straight, turned};
use super::{Fused, Owner, Piece, Share, What};
use crate::ir::{Graph, LeafKind, Op};
use std::collections::{BTreeMap, BTreeSet};

/// How calls follow each other.
#[derive(Clone, Debug, Default)]
pub struct Calls {
    /// Whether all wait for all before the next call begins, or the next turn of the scan whose body it is.
    pub closed: bool,
    /// What of the next call comes ahead.
    pub ahead: Option<Ahead>,
    /// Values that lie in several copies, as later calls write them while they are still read; and in how many.
    pub copies: BTreeMap<Source, usize>,
}

/// What of a call comes before the end of the one before it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Ahead {
    /// Its phases up to this one.
    pub phase: usize,
    /// For how many calls at once the phases before it are done.
    pub calls: usize,
    /// The blocks of that phase which are done together with those of the last one.
    pub owner: Owner,
}

/// Elements of a value that may lie in copies.
const COPIED: usize = 1 << 14;
/// Elements that do not change, of which several calls had better take each block together: they do not stay in a core's
/// own cache beside what changes.
const UNCHANGED: usize = 1 << 19;
/// How many calls.
const TOGETHER: usize = 8;
/// Elements of a place from which on going through it once less is worth it: they take half of a first cache.
const LARGE: usize = 1 << 12;

/// When a thread does a piece of the next call.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Between {
    /// After that of the call before, block by block where both have the same blocks.
    After,
    /// Before it.
    Before,
}

impl Calls {
    /// Calls that wait for each other.
    pub fn apart() -> Calls {
        Calls { closed: true, ..Calls::default() }
    }

    /// How the calls of a step may follow each other.
    pub fn of(graph: &Graph, fused: &Fused) -> Calls {
        let phases = phases(fused);
        let last = phases.len() - 1;
        let (ends, begins) = (&phases[last], &phases[0]);
        // A fault must be known in the call that it belongs to; in what each does, each knows it.
        let unsettled = ends.iter().any(|(piece, share)| piece.checks && *share != Share::Each);
        let turns = ends.iter().chain(begins).any(|(_, share)| *share == Share::Turns);
        let met = || {
            let pairs = ends.iter().flat_map(|end| begins.iter().map(|begin| (*end, *begin, Between::After)));
            // Where there is one phase only, the call after the next would meet it too.
            copied(graph, pairs).filter(|values| last > 0 || values.is_empty())
        };
        let Some(mut copies) = (!unsettled && !turns).then(met).flatten() else { return Calls::apart() };
        // A fault of the next call would be known before this one is done; and one of this call must find places as they
        // were.
        let harmless = |(piece, share): &(&Piece, Share)| {
            !piece.checks && place(graph, piece).is_none() && *share != Share::Turns
        };
        let leads = (0..last).take_while(|phase| phases[*phase].iter().all(harmless));
        let (ahead, more) = leads.into_iter().find_map(|lead| ahead(graph, &phases, lead)).unzip();
        for (source, count) in more.into_iter().flatten() {
            let of = copies.entry(source).or_default();
            *of = count.max(*of);
        }
        Calls { closed: false, ahead, copies }
    }
}

/// The moments at which phases run when those of the next call up to one come ahead: that one is beside the last of
/// the call, the first is beside the last but one, or beside the last if it is that one itself. Those that are done for
/// several calls take no moments of their own.
#[derive(Clone, Copy, Debug)]
pub struct Moments {
    last: usize,
    lead: usize,
    /// Moments between the last phase but one and the last.
    between: usize,
}

impl Moments {
    /// The moments of phases 0 to `last`.
    pub fn new(last: usize, ahead: Ahead) -> Moments {
        let between = if ahead.calls == 1 { ahead.phase.saturating_sub(1) } else { 0 };
        Moments { last, lead: ahead.phase, between }
    }

    /// When a phase runs.
    pub fn of(self, phase: usize) -> usize {
        if phase == self.last { phase + self.between } else { phase }
    }

    /// How much later each phase of the next call runs.
    pub fn period(self) -> usize {
        self.of(self.last) - self.lead
    }
}

/// The pieces of each phase, and who computes them.
type Phases<'a> = Vec<Vec<(&'a Piece, Share)>>;

fn phases(fused: &Fused) -> Phases<'_> {
    let last = fused.clusters.last().map_or(0, |cluster| cluster.phase);
    let mut phases = vec![Vec::new(); last + 1];
    for cluster in &fused.clusters {
        let pieces = cluster.pieces.iter().map(|p| (&fused.pieces[*p], cluster.share));
        phases[cluster.phase].extend(pieces);
    }
    phases
}

/// What must lie in copies for pieces of a call and of the next one to come as they do; none if that is not enough.
fn copied<'a>(
    graph: &Graph,
    pairs: impl Iterator<Item = ((&'a Piece, Share), (&'a Piece, Share), Between)>,
) -> Option<BTreeMap<Source, usize>> {
    let mut copies = BTreeMap::new();
    for (end, begin, between) in pairs {
        for met in calls_meet(graph, end, begin, between) {
            copies.insert(met.filter(|_| written(begin.0) <= COPIED)?, 2);
        }
    }
    Some(copies)
}

/// How the phases up to `lead`, which do no harm, come ahead, and what must lie in copies for that; none if they may not, or
/// if it is not worth it.
fn ahead(graph: &Graph, phases: &Phases<'_>, lead: usize) -> Option<(Ahead, BTreeMap<Source, usize>)> {
    let last = phases.len() - 1;
    let owner = goes_on(graph, &phases[last], &phases[lead])?;
    let calls = together(graph, phases, lead);
    let of = Ahead { phase: lead, calls, owner };
    let moments = Moments::new(last, of);
    // Those before the one at the end go beside phases of their own, not beside a loop.
    let turns = |phase: usize| phases[phase].iter().any(|(_, share)| *share == Share::Turns);
    if lead > 0 && (lead + 2 > last || turns(last - 1)) {
        return None;
    }
    let mut pairs = Vec::new();
    let apart = if calls == 1 { 0 } else { lead };
    for (phase, begins) in phases[..=lead].iter().enumerate().skip(apart) {
        let at = moments.period() + phase;
        for (of_end, ends) in phases.iter().enumerate().filter(|(of_end, _)| moments.of(*of_end) >= at) {
            for begin in begins {
                // What each thread does for itself comes before the blocks of both.
                let first = phase == lead && begin.1 == Share::Each;
                let before = first || moments.of(of_end) > at;
                let between = if before { Between::Before } else { Between::After };
                pairs.extend(ends.iter().map(|end| (*end, *begin, between)));
            }
        }
    }
    let mut copies = copied(graph, pairs.into_iter())?;
    // One more than there are calls to come: this call's are still read.
    let results = phases[..apart].iter().flatten().filter_map(|(piece, _)| piece.what.source());
    copies.extend(results.map(|source| (source, calls + 1)));
    Some((of, copies))
}

/// For how many calls at once the phases before `lead` are done: for several where much of what they read does not change,
/// and what they write is little.
fn together(graph: &Graph, phases: &Phases<'_>, lead: usize) -> usize {
    let changed: BTreeSet<usize> = phases.iter().flatten().filter_map(|(piece, _)| piece.over).collect();
    let mut read = BTreeSet::new();
    for (piece, _) in phases[..lead].iter().flatten() {
        // What a loop starts from lies where the loop goes on with it, which no other call may have.
        if written(piece) > COPIED || matches!(piece.what, What::Enter(..)) {
            return 1;
        }
        read.extend(piece.reads.iter().filter_map(|read| match read.source {
            Source::Leaf(leaf) if graph.leaves[leaf].kind == LeafKind::Place => Some(leaf),
            Source::Leaf(_) | Source::Node(_) | Source::Partial(_) => None,
        }));
    }
    let elements: usize = read.iter().map(|leaf| graph.leaves[*leaf].ty.elements()).sum();
    if read.is_disjoint(&changed) && elements >= UNCHANGED { TOGETHER } else { 1 }
}

/// The blocks in which the one changes a large place and the other reads it, if they do so in the same.
fn goes_on(graph: &Graph, ends: &[(&Piece, Share)], begins: &[(&Piece, Share)]) -> Option<Owner> {
    ends.iter().find_map(|(end, before)| {
        let owner = before.owner()?;
        let leaf = place(graph, end).filter(|leaf| graph.leaves[*leaf].ty.elements() >= LARGE)?;
        let reads = begins.iter().flat_map(|begin| begin.0.reads.iter().map(move |read| (begin, read)));
        let mut of_place = reads.filter(|(_, read)| read.source == Source::Leaf(leaf));
        let same = of_place.any(|((begin, after), read)| {
            let meeting = Meeting::by_axes(straight(&read.along));
            meeting.in_one_thread((*before, end.owner), (*after, begin.owner))
        });
        same.then_some(owner)
    })
}

/// The place that a piece changes.
fn place(graph: &Graph, piece: &Piece) -> Option<usize> {
    piece.over.filter(|leaf| graph.leaves[*leaf].kind == LeafKind::Place)
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
    between: Between,
) -> Vec<Option<Source>> {
    let mut meetings: Vec<(Together, Option<Source>)> = Vec::new();
    let source = later.what.source();
    for read in &earlier.reads {
        // A carried value begins in the memory in which the last call's results lie.
        if let (What::Enter(scan, carried), Source::Node(id)) = (&later.what, read.source)
            && *graph.op(id) == Op::Result(*carried)
            && graph.inputs(id) == [*scan]
        {
            meetings.push((turned(&read.along), None));
        }
        // What each thread has for itself, it writes again itself, when it comes to that.
        if Some(read.source) == source && (after != Share::Each || between == Between::Before) {
            let whole = matches!(read.source, Source::Node(_));
            meetings.push((if whole { turned(&read.along) } else { Vec::new() }, source));
        }
        if place(graph, later).is_some_and(|leaf| read.source == Source::Leaf(leaf)) {
            meetings.push((turned(&read.along), None));
        }
    }
    if let Some(leaf) = place(graph, earlier) {
        for read in later.reads.iter().filter(|read| read.source == Source::Leaf(leaf)) {
            meetings.push((straight(&read.along), None));
        }
        if place(graph, later) == Some(leaf) {
            let axes = 0..graph.leaves[leaf].ty.rank();
            meetings.push((axes.map(|axis| (axis, axis)).collect(), None));
        }
    }
    let unsettled = |(together, value): (Together, Option<Source>)| {
        let one = between == Between::After
            && Meeting::by_axes(together).in_one_thread((before, earlier.owner), (after, later.owner));
        (!one).then_some(value)
    };
    meetings.into_iter().filter_map(unsettled).collect()
}
