//! Sums that are added to a place where it lies.

use crate::fuse::{Fused, What};
use std::collections::BTreeMap;

/// The contractions that write over a place in the stead of the piece that would carry their value there:
/// those of a chain which is computed, like that piece, in one cluster and by the same blocks.
pub fn in_place(fused: &Fused) -> BTreeMap<usize, usize> {
    let mut found = BTreeMap::new();
    for cluster in &fused.clusters {
        for sink in &cluster.pieces {
            let piece = &fused.pieces[*sink];
            if !matches!(piece.what, What::Sink(_)) || piece.over.is_none() {
                continue;
            }
            let of_chain = |p: &usize| fused.pieces[*p].over == piece.over && *p != *sink;
            let chain: Vec<usize> = (0..fused.pieces.len()).filter(of_chain).collect();
            let alike = |p: &usize| cluster.pieces.contains(p) && fused.pieces[*p].owner == piece.owner;
            if chain.iter().all(alike) {
                found.extend(chain.into_iter().map(|p| (p, *sink)));
            }
        }
    }
    found
}
