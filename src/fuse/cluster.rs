//! Pieces gathered in clusters, first come, first served, and clusters in phases.

use super::access::Source;
use super::chains::move_to_sinks;
use super::meeting::Meeting;
use super::owner::Lengths;
use super::pieces::pieces;
use super::sinks::Sink;
use super::small::{Small, is_small, small};
use super::{Apart, Cluster, Owner, Piece, Share, What};
use crate::ir::{Graph, LeafKind, NodeId, Op};
use std::collections::BTreeMap;

/// The pieces in order, gathered; or a value that must be kept in memory first.
pub fn cluster(
    graph: &Graph,
    sinks: &[Sink],
    stored: &[bool],
    lengths: &Lengths,
) -> Result<(Vec<Piece>, Vec<Cluster>), NodeId> {
    let mut pieces = pieces(graph, sinks, stored, lengths);
    order_sinks(&mut pieces, sinks)?;
    move_to_sinks(graph, sinks, stored, &mut pieces);
    let small = small(graph, &pieces);
    let mut at = Gathering { graph, small, homes: BTreeMap::new(), of: Vec::new(), clusters: Vec::new() };
    for nth in 0..pieces.len() {
        at.place(&mut pieces, nth);
    }
    at.gather_late(&pieces);
    let clusters = at.in_order();
    Ok((pieces, clusters))
}

/// Brings sinks into an order in which each place is read by the others before it is written.
fn order_sinks(pieces: &mut Vec<Piece>, sinks: &[Sink]) -> Result<(), NodeId> {
    let sink_of = |p: &Piece| match p.what {
        What::Sink(nth) => Some(nth),
        _ => None,
    };
    let first = pieces.iter().position(|p| sink_of(p).is_some()).unwrap_or(pieces.len());
    let mut left: Vec<Piece> = pieces.split_off(first);
    // A sink that reads its own place anywhere but where it writes cannot write while it reads.
    for piece in &left {
        let sink = &sinks[sink_of(piece).expect("only sinks are left")];
        let itself = piece.over.map(Source::Leaf);
        let moved =
            |along: &[Option<usize>]| along.iter().enumerate().any(|(axis, from)| *from != Some(axis));
        if piece.reads.iter().any(|r| Some(r.source) == itself && moved(&r.along)) {
            return Err(sink.value);
        }
    }
    while !left.is_empty() {
        let written = |p: &Piece| p.over;
        let free = left.iter().enumerate().position(|(nth, p)| {
            let Some(leaf) = written(p) else { return true };
            let reads = |q: &Piece| q.reads.iter().any(|r| r.source == Source::Leaf(leaf));
            !left.iter().enumerate().any(|(other, q)| other != nth && reads(q))
        });
        if let Some(nth) = free {
            pieces.push(left.remove(nth));
            continue;
        }
        // In a circle of places that read each other one must be written from memory: the first that reads
        // what another writes.
        let reads_other = |(nth, p): (usize, &Piece)| {
            let others = left.iter().enumerate().filter(|(other, _)| *other != nth);
            let leaves: Vec<Source> = others.filter_map(|(_, q)| written(q)).map(Source::Leaf).collect();
            p.reads.iter().any(|r| leaves.contains(&r.source))
        };
        let nth = left.iter().enumerate().position(reads_other).expect("a circle of readers");
        return Err(sinks[sink_of(&left[nth]).expect("only sinks are left")].value);
    }
    Ok(())
}

/// Clusters so far, in the order in which they were opened.
struct Gathering<'a> {
    graph: &'a Graph,
    small: Small,
    /// The piece that writes each source.
    homes: BTreeMap<Source, usize>,
    /// The cluster of each piece.
    of: Vec<usize>,
    clusters: Vec<Cluster>,
}

/// The earlier pieces that a piece meets.
struct Met {
    /// Which, and how.
    all: Vec<(usize, Meeting)>,
    /// The first phase that may be thought of.
    floor: usize,
}

impl Gathering<'_> {
    /// Finds the first cluster that a piece may join, or opens one.
    fn place(&mut self, pieces: &mut [Piece], nth: usize) {
        let met = self.met(pieces, nth);
        let (share, owner) = self.of_its_own(&pieces[nth], nth);
        let phase = self.phase(pieces, &met, (share, owner));
        let mut order: Vec<usize> = (0..self.clusters.len()).collect();
        order.retain(|c| self.clusters[*c].phase >= met.floor);
        order.sort_by_key(|c| self.rank(*c));
        let mut apart = Vec::new();
        for cluster in order {
            if !worthwhile((share, phase), &self.clusters[cluster], self.small.in_blocks[nth]) {
                let large = self.clusters[cluster].share == Share::One && share.owner().is_some();
                apart.extend(large.then_some((cluster, Apart::Large)));
                continue;
            }
            match self.fits(pieces, nth, cluster, &met) {
                Ok(owner) => return self.join(pieces, nth, cluster, owner),
                Err(reason) => apart.push((cluster, reason)),
            }
        }
        self.clusters.push(Cluster { pieces: Vec::new(), share, phase, apart });
        self.join(pieces, nth, self.clusters.len() - 1, owner);
    }

    /// Who would compute a piece that joins no cluster, and the axis that is then the owner's.
    fn of_its_own(&self, piece: &Piece, nth: usize) -> (Share, Option<usize>) {
        if matches!(piece.what, What::Loop(..)) {
            return (Share::Turns, None);
        }
        if self.small.for_each[nth] {
            return (Share::Each, None);
        }
        let divided = self.small.in_blocks[nth] || !is_small(self.graph, piece);
        match piece.ownable.first().filter(|_| divided) {
            None => (Share::One, None),
            Some(axis) => {
                let extent = piece.extents[*axis];
                (Share::Blocks(Owner { extent, unit: piece.unit }), Some(*axis))
            }
        }
    }

    fn join(&mut self, pieces: &mut [Piece], nth: usize, cluster: usize, owner: Option<usize>) {
        pieces[nth].owner = owner;
        self.clusters[cluster].pieces.push(nth);
        self.of.push(cluster);
        self.homes.extend(pieces[nth].what.source().map(|source| (source, nth)));
        if let What::Loop(id, _) = &pieces[nth].what {
            let graph = self.graph;
            let results =
                graph.ids().filter(|r| matches!(graph.op(*r), Op::Result(_)) && graph.inputs(*r) == [*id]);
            self.homes.extend(results.map(|r| (Source::Node(r), nth)));
            self.homes.insert(Source::Node(*id), nth);
        }
    }

    fn met(&self, pieces: &[Piece], nth: usize) -> Met {
        let piece = &pieces[nth];
        let mut all = Vec::new();
        let mut floor = 0;
        for read in &piece.reads {
            if let Some(home) = self.homes.get(&read.source) {
                all.push((*home, Meeting::read(&pieces[*home], read.source, &read.along)));
            }
        }
        // The sums that are added to one place are best computed together.
        let parts = pieces[nth + 1..].iter().take_while(|p| piece.over.is_some() && p.over == piece.over);
        for read in parts.flat_map(|p| &p.reads) {
            if let Some(home) = self.homes.get(&read.source) {
                floor = floor.max(self.clusters[self.of[*home]].phase);
            }
        }
        let leaf = piece.over;
        let is_place = leaf.is_some_and(|leaf| self.graph.leaves[leaf].kind == LeafKind::Place);
        for (other, earlier) in pieces[..nth].iter().enumerate() {
            match (&earlier.what, &piece.what) {
                // A loop comes after all that its carried values start from, and after other loops.
                (What::Enter(scan, _), What::Loop(of, _)) if scan == of => {
                    all.push((other, Meeting::of_all(Apart::Scan)));
                }
                (What::Loop(..), What::Loop(..)) => all.push((other, Meeting::of_all(Apart::Scan))),
                _ => {}
            }
            if is_place && earlier.checks {
                all.push((other, Meeting::of_all(Apart::Checked)));
            }
            if let Some(leaf) = leaf {
                let reads = earlier.reads.iter().filter(|r| r.source == Source::Leaf(leaf));
                all.extend(reads.map(|r| (other, Meeting::over(leaf, &r.along))));
            }
        }
        let phases = all.iter().map(|(other, _)| self.clusters[self.of[*other]].phase);
        let floor = phases.fold(floor, usize::max);
        Met { all, floor }
    }

    /// The first phase in which a cluster of its own could compute a piece.
    fn phase(&self, pieces: &[Piece], met: &Met, own: (Share, Option<usize>)) -> usize {
        let after = |(other, meeting): &(usize, Meeting)| {
            let cluster = &self.clusters[self.of[*other]];
            let one = meeting.in_one_thread((cluster.share, pieces[*other].owner), own);
            cluster.phase + usize::from(!one)
        };
        met.all.iter().map(after).fold(met.floor, usize::max)
    }

    /// With which owner axis a piece may join a cluster, or why it may not.
    fn fits(&self, pieces: &[Piece], nth: usize, cluster: usize, met: &Met) -> Result<Option<usize>, Apart> {
        let piece = &pieces[nth];
        match self.clusters[cluster].share {
            _ if matches!(piece.what, What::Loop(..)) => Err(Apart::Scan),
            Share::Turns => Err(Apart::Scan),
            Share::One | Share::Each => self.stops(pieces, met, cluster, None).map_or(Ok(None), Err),
            Share::Blocks(owner) => {
                let mut reason = Apart::OtherAxis;
                // The blocks of a sum are those of which it is made.
                let other = matches!(piece.what, What::Partial(_)) && piece.unit != owner.unit;
                let alike = |axis: &usize| piece.extents[*axis] == owner.extent && !other;
                for axis in piece.ownable.iter().copied().filter(alike) {
                    match self.stops(pieces, met, cluster, Some(axis)) {
                        None => return Ok(Some(axis)),
                        Some(apart) => reason = apart,
                    }
                }
                Err(reason)
            }
        }
    }

    /// What keeps a piece with this owner axis from being computed with a cluster.
    fn stops(&self, pieces: &[Piece], met: &Met, cluster: usize, axis: Option<usize>) -> Option<Apart> {
        let Cluster { share, phase, .. } = self.clusters[cluster];
        let stops = |(other, meeting): &&(usize, Meeting)| {
            let theirs = &self.clusters[self.of[*other]];
            let one = || meeting.in_one_thread((theirs.share, pieces[*other].owner), (share, axis));
            theirs.phase == phase && !(self.rank(self.of[*other]) <= self.rank(cluster) && one())
        };
        met.all.iter().find(stops).map(|(_, meeting)| meeting.reason)
    }

    /// Where a cluster stands in the order: within a phase, what each thread needs comes first, and loops last, as
    /// there are barriers inside.
    fn rank(&self, cluster: usize) -> (usize, usize, usize) {
        let Cluster { share, phase, .. } = self.clusters[cluster];
        let within = match share {
            Share::Each => 0,
            Share::One | Share::Blocks(_) => 1,
            Share::Turns => 2,
        };
        (phase, within, cluster)
    }

    /// What each thread does early of arguments alone, and what nobody needs before others of its kind are due, is done with
    /// these.
    fn gather_late(&mut self, pieces: &[Piece]) {
        for early in 0..self.clusters.len() {
            let Cluster { share: Share::Each, phase, pieces: own, .. } = self.clusters[early].clone() else {
                continue;
            };
            let of_arguments = |source: Source| match source {
                Source::Leaf(leaf) => self.graph.leaves[leaf].kind == LeafKind::Arg,
                Source::Node(_) | Source::Partial(_) => {
                    self.homes.get(&source).is_some_and(|home| own.contains(home))
                }
            };
            let reads =
                |p: &usize, of: &dyn Fn(Source) -> bool| pieces[*p].reads.iter().all(|r| of(r.source));
            if !own.iter().all(|p| reads(p, &of_arguments) && !pieces[*p].checks) {
                continue;
            }
            let of_others = |source: Source| !self.homes.get(&source).is_some_and(|home| own.contains(home));
            let readers = (0..pieces.len()).filter(|p| !own.contains(p) && !reads(p, &of_others));
            let Some(first) = readers.map(|p| self.clusters[self.of[p]].phase).min() else { continue };
            let same = |c: &Cluster| c.share == Share::Each && c.phase == first && first > phase;
            if let Some(late) = self.clusters.iter().position(same) {
                self.clusters[late].pieces.splice(0..0, own.iter().copied());
                own.iter().for_each(|p| self.of[*p] = late);
                self.clusters[early].pieces.clear();
            }
        }
    }

    /// The clusters in the order they run in.
    fn in_order(self) -> Vec<Cluster> {
        let mut order: Vec<usize> = (0..self.clusters.len()).collect();
        order.retain(|cluster| !self.clusters[*cluster].pieces.is_empty());
        order.sort_by_key(|cluster| self.rank(*cluster));
        let place = |cluster: usize| order.iter().position(|c| *c == cluster);
        let moved = |cluster: &usize| {
            let apart =
                self.clusters[*cluster].apart.iter().filter_map(|(c, reason)| Some((place(*c)?, *reason)));
            Cluster { apart: apart.collect(), ..self.clusters[*cluster].clone() }
        };
        order.iter().map(moved).collect()
    }
}

/// Whether a piece should join a cluster rather than open one of its own, where it could: work that is divided always, for
/// what a block leaves in the cache; small work if that makes nothing wait longer for it, as where it is read by blocks only.
fn worthwhile((own, phase): (Share, usize), cluster: &Cluster, in_blocks: bool) -> bool {
    match (own, cluster.share) {
        (Share::Each, Share::Each) => cluster.phase <= phase,
        (Share::Each, Share::Blocks(_)) => cluster.phase < phase,
        (Share::One, Share::One) => cluster.phase <= phase,
        (Share::One, Share::Blocks(_)) => in_blocks || cluster.phase <= phase,
        (Share::Blocks(_), Share::Blocks(_)) => true,
        (_, Share::Turns) | (Share::Turns, _) => true,
        (Share::Each, Share::One) | (Share::One | Share::Blocks(_), Share::Each) => false,
        (Share::Blocks(_), Share::One) => false,
    }
}
