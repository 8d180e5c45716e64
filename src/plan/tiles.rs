//! Products that are done a tile at a time, each tile being used while it is in the first-level cache.

use crate::fuse::full::full;
use crate::fuse::{Fused, Source, What};
use crate::ir::{Graph, Op};
use std::collections::BTreeMap;

/// Elements of a tile: 12 KiB of f32.
const TILE: usize = 3072;

/// A tile of fewer rows would leave most of a product's registers idle.
const ROWS: usize = 8;

/// How a product is divided.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Tile {
    /// The axis that is divided.
    pub axis: usize,
    /// Indices to a tile.
    pub size: usize,
    /// The one piece that uses the product.
    pub user: usize,
}

/// The products whose value one piece of the same cluster reads, each element where it writes one.
pub fn tiles(graph: &Graph, fused: &Fused) -> BTreeMap<usize, Tile> {
    let mut found = BTreeMap::new();
    for cluster in &fused.clusters {
        let Some(owner) = cluster.share.owner() else { continue };
        for nth in &cluster.pieces {
            let piece = &fused.pieces[*nth];
            let (What::Value(id), Some(owned)) = (&piece.what, piece.owner) else { continue };
            let Op::Contract(_) = graph.op(*id) else { continue };
            if graph.inputs(*id).len() > 2 || full(graph, *id).is_some() {
                continue;
            }
            let source = Source::Node(*id);
            let readers: Vec<usize> = (0..fused.pieces.len())
                .filter(|p| fused.pieces[*p].reads.iter().any(|r| r.source == source))
                .collect();
            let [user] = readers[..] else { continue };
            let reader = &fused.pieces[user];
            let alike = reader.extents == piece.extents[..piece.outer]
                && reader.outer == piece.outer
                && !matches!(reader.what, What::Joined(_) | What::Enter(..))
                && elementwise(graph, &reader.what)
                && reader.owner == piece.owner;
            let straight = reader
                .reads
                .iter()
                .filter(|r| r.source == source)
                .all(|r| r.along.iter().enumerate().all(|(axis, along)| *along == Some(axis)));
            // The product is moved to its user: what it reads must not be written over before.
            let written = cluster.pieces.iter().filter_map(|p| fused.pieces[*p].over);
            let moved_past =
                written.into_iter().any(|l| piece.reads.iter().any(|r| r.source == Source::Leaf(l)));
            if !cluster.pieces.contains(&user) || !alike || !straight || moved_past {
                continue;
            }
            let mut held = piece.extents[..piece.outer].to_vec();
            held[owned] = owner.unit;
            let Some(axis) = (0..held.len()).filter(|a| *a != owned).max_by_key(|a| held[*a]) else {
                continue;
            };
            let others: usize = held.iter().product::<usize>() / held[axis];
            let size = (TILE / others.max(1)).clamp(1, held[axis]);
            if size < held[axis] && size >= ROWS && axis != held.len() - 1 {
                found.insert(*nth, Tile { axis, size, user });
            }
        }
    }
    found
}

/// Whether a piece computes each element of its value, or of what it writes, from the same element of
/// what it reads.
fn elementwise(graph: &Graph, what: &What) -> bool {
    match what {
        What::Sink(_) => true,
        What::Value(id) => {
            matches!(graph.op(*id), Op::Unary(_) | Op::Binary(_) | Op::Compare(_) | Op::Select | Op::Cast(_))
        }
        What::Partial(_) | What::Joined(_) | What::Enter(..) | What::Loop(..) => false,
    }
}
