//! Pieces gathered in clusters, first come, first served.

use super::access::Source;
use super::chains::move_to_sinks;
use super::owner::unit;
use super::pieces::pieces;
use super::sinks::Sink;
use super::{Apart, Cluster, Owner, Piece, What};
use crate::ir::{Graph, LeafKind, NodeId, Op};
use std::collections::BTreeMap;

/// Turns that one thread may do alone, elementwise and in products.
const SMALL: usize = 8192;
const SMALL_PRODUCT: usize = 65_536;

/// The pieces in order, gathered; or a value that must be kept in memory first.
pub fn cluster(graph: &Graph, sinks: &[Sink], stored: &[bool]) -> Result<(Vec<Piece>, Vec<Cluster>), NodeId> {
    let mut pieces = pieces(graph, sinks, stored);
    order_sinks(&mut pieces, sinks)?;
    move_to_sinks(graph, sinks, stored, &mut pieces);
    let mut at = Gathering { graph, homes: BTreeMap::new(), of: Vec::new(), clusters: Vec::new() };
    for nth in 0..pieces.len() {
        at.place(&mut pieces, nth);
    }
    Ok((pieces, at.clusters))
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

/// Clusters so far.
struct Gathering<'a> {
    graph: &'a Graph,
    /// The piece that writes each source.
    homes: BTreeMap<Source, usize>,
    /// The cluster of each piece.
    of: Vec<usize>,
    clusters: Vec<Cluster>,
}

impl Gathering<'_> {
    /// Finds the first cluster that a piece may join, or opens one.
    fn place(&mut self, pieces: &mut [Piece], nth: usize) {
        let first = self.earliest(pieces, nth);
        let mut apart = Vec::new();
        for cluster in first..self.clusters.len() {
            match self.fits(pieces, nth, cluster) {
                Ok(owner) => return self.join(pieces, nth, cluster, owner),
                Err(reason) => apart.push((cluster, reason)),
            }
        }
        let piece = &pieces[nth];
        let alone = self.is_small(piece) || matches!(piece.what, What::Loop(..));
        let owner = piece.ownable.first().copied().filter(|_| !alone);
        let extent = owner.map(|axis| piece.extents[axis]);
        self.clusters.push(Cluster {
            pieces: Vec::new(),
            owner: extent.map(|extent| Owner { extent, unit: unit(extent) }),
            apart,
        });
        self.join(pieces, nth, self.clusters.len() - 1, owner);
    }

    fn join(&mut self, pieces: &mut [Piece], nth: usize, cluster: usize, owner: Option<usize>) {
        pieces[nth].owner = owner;
        self.clusters[cluster].pieces.push(nth);
        self.of.push(cluster);
        match &pieces[nth].what {
            What::Value(id) | What::Joined(id) => {
                self.homes.insert(Source::Node(*id), nth);
            }
            What::Partial(id) => {
                self.homes.insert(Source::Partial(*id), nth);
            }
            What::Loop(id, _) => {
                let graph = self.graph;
                let results = graph
                    .ids()
                    .filter(|r| matches!(graph.op(*r), Op::Result(_)) && graph.inputs(*r) == [*id]);
                self.homes.extend(results.map(|r| (Source::Node(r), nth)));
                self.homes.insert(Source::Node(*id), nth);
            }
            What::Sink(_) | What::Enter(..) => {}
        }
    }

    fn is_small(&self, piece: &Piece) -> bool {
        let product = match piece.what {
            What::Value(id) => matches!(self.graph.op(id), Op::Contract(_)),
            What::Partial(_) => return false,
            What::Joined(_) | What::Sink(_) | What::Enter(..) | What::Loop(..) => false,
        };
        piece.turns() <= if product { SMALL_PRODUCT } else { SMALL }
    }

    fn is_loop(&self, pieces: &[Piece], cluster: usize) -> bool {
        matches!(pieces[self.clusters[cluster].pieces[0]].what, What::Loop(..))
    }

    /// The first cluster in which all that a piece needs has been computed before or is computed there.
    fn earliest(&self, pieces: &[Piece], nth: usize) -> usize {
        let piece = &pieces[nth];
        let mut first = 0;
        // The sums that are added to one place are best computed together.
        let parts = pieces[nth + 1..].iter().take_while(|p| piece.over.is_some() && p.over == piece.over);
        for read in piece.reads.iter().chain(parts.flat_map(|p| &p.reads)) {
            if let Some(home) = self.homes.get(&read.source) {
                let cluster = self.of[*home];
                first = first.max(cluster + usize::from(self.is_loop(pieces, cluster)));
            }
        }
        let after = |first: &mut usize, other: usize, apart: bool| {
            let apart = apart || self.is_loop(pieces, self.of[other]);
            *first = (*first).max(self.of[other] + usize::from(apart));
        };
        let leaf = piece.over;
        let is_place = leaf.is_some_and(|leaf| self.graph.leaves[leaf].kind == LeafKind::Place);
        for (other, earlier) in pieces[..nth].iter().enumerate() {
            // A loop comes after all that its carried values start from.
            if let (What::Enter(scan, _), What::Loop(of, _)) = (&earlier.what, &piece.what)
                && scan == of
            {
                after(&mut first, other, true);
            }
            if is_place && earlier.checks {
                after(&mut first, other, true);
            }
            if leaf.is_some_and(|leaf| earlier.reads.iter().any(|r| r.source == Source::Leaf(leaf))) {
                after(&mut first, other, false);
            }
        }
        first
    }

    /// With which owner axis a piece may join a cluster, or why it may not.
    fn fits(&self, pieces: &[Piece], nth: usize, cluster: usize) -> Result<Option<usize>, Apart> {
        let piece = &pieces[nth];
        if self.is_loop(pieces, cluster) || matches!(piece.what, What::Loop(..)) {
            return Err(Apart::Scan);
        }
        let Some(owner) = self.clusters[cluster].owner else {
            return if self.is_small(piece) { Ok(None) } else { Err(Apart::Large) };
        };
        let mut reason = Apart::OtherAxis;
        for axis in piece.ownable.iter().copied().filter(|a| piece.extents[*a] == owner.extent) {
            match self.crosses(pieces, nth, cluster, axis) {
                None => return Ok(Some(axis)),
                Some(apart) => reason = apart,
            }
        }
        Err(reason)
    }

    /// What keeps a piece with this owner axis from being computed block by block with a cluster.
    fn crosses(&self, pieces: &[Piece], nth: usize, cluster: usize, axis: usize) -> Option<Apart> {
        let piece = &pieces[nth];
        for read in &piece.reads {
            let Some(home) = self.homes.get(&read.source).filter(|home| self.of[**home] == cluster) else {
                continue;
            };
            let held = &pieces[*home];
            let aligned = match (read.source, held.owner) {
                (Source::Node(_), Some(owner)) if owner < held.outer => read.along[owner] == Some(axis),
                (Source::Node(_) | Source::Partial(_) | Source::Leaf(_), _) => false,
            };
            if !aligned {
                return Some(Apart::Across(read.source));
            }
        }
        let leaf = piece.over?;
        for other in self.clusters[cluster].pieces.iter().map(|p| &pieces[*p]) {
            let reads = other.reads.iter().filter(|r| r.source == Source::Leaf(leaf));
            for read in reads {
                if read.along[axis].is_none() || read.along[axis] != other.owner {
                    return Some(Apart::StillRead(leaf));
                }
            }
        }
        None
    }
}
