//! Small pieces: what one thread does alone, and what each thread does for itself because all need it.

use super::access::{Access, Source};
use super::{Piece, What};
use crate::ir::{Graph, Op};
use std::collections::BTreeMap;

/// Turns that one thread may do alone: elementwise, in sums, and in products.
const SMALL: usize = 8192;
const SMALL_SUM: usize = 2 * SMALL;
const SMALL_PRODUCT: usize = 65_536;

/// Sums of blocks that one thread may add up.
const FEW_SUMS: usize = 512;

/// More than that each thread does for itself only where it is a small part of the work that needs it: a wait for the others
/// takes about as long.
const SMALL_FOR_EACH: usize = 2 * SMALL;
const PART: usize = 32;

/// Whether one thread may do a piece alone.
pub fn is_small(graph: &Graph, piece: &Piece) -> bool {
    let results = piece.extents[..piece.outer].iter().product::<usize>();
    let most = match piece.what {
        What::Value(id) => match graph.op(id) {
            Op::Contract(_) => SMALL_PRODUCT,
            Op::Reduce { .. } => SMALL_SUM,
            _ => SMALL,
        },
        What::Partial(_) => return false,
        // Sums of blocks come from all threads, to whom what is made of many goes.
        What::Joined(_) if results > FEW_SUMS => return false,
        What::Joined(_) | What::Sink(_) | What::Enter(..) | What::Loop(..) => SMALL,
    };
    piece.turns() <= most
}

/// What becomes of each piece, as far as shapes tell.
pub struct Small {
    /// Whether each thread computes it for itself, if that saves a barrier: it is small, and pieces that are divided among
    /// the threads read it whole, or it may fail.
    pub for_each: Vec<bool>,
    /// Whether it is a small value that is only needed block by block: by divided pieces, or by others of its kind that are
    /// in the end read by such.
    pub in_blocks: Vec<bool>,
}

/// Looks at all pieces before they are gathered.
pub fn small(graph: &Graph, pieces: &[Piece]) -> Small {
    let divided = divided(graph, pieces);
    let mut readers: BTreeMap<Source, Vec<(usize, &Access)>> = BTreeMap::new();
    for (nth, piece) in pieces.iter().enumerate() {
        piece.reads.iter().for_each(|read| readers.entry(read.source).or_default().push((nth, read)));
    }
    let [mut for_each, mut in_blocks] = [vec![false; pieces.len()], vec![false; pieces.len()]];
    // Turns of the greatest piece that needs all of it.
    let mut asked = vec![0; pieces.len()];
    for (nth, piece) in pieces.iter().enumerate().rev() {
        let (What::Value(id) | What::Joined(id)) = piece.what else { continue };
        let readers = readers.get(&Source::Node(id)).map_or(&[][..], |all| all);
        let by_blocks = |(reader, read): &(usize, &Access)| {
            let owned = pieces[*reader].ownable.first();
            divided[*reader] && owned.is_some_and(|axis| read.along.contains(&Some(*axis)))
        };
        let asks = |of: &(usize, &Access)| match pieces[of.0].what {
            _ if for_each[of.0] => asked[of.0],
            What::Loop(..) => 1,
            _ if divided[of.0] && !by_blocks(of) => pieces[of.0].turns(),
            _ => 0,
        };
        asked[nth] = readers.iter().map(asks).max().unwrap_or(0);
        let cheap =
            is_small(graph, piece) || (piece.turns() <= SMALL_FOR_EACH && piece.turns() <= asked[nth] / PART);
        // The copy of a place is for all.
        let copy = matches!(graph.op(id), Op::Leaf(_));
        // Where each thread knows of a fault by itself, places need not wait for all to know.
        let wanted = asked[nth] > 0 || piece.checks;
        // Many blocks are added up where they lie, which is all threads' memory.
        let blocks = piece.extents[piece.outer..].iter().product::<usize>();
        let joined = matches!(piece.what, What::Joined(_)) && blocks > super::owner::JOINED_AT_ONCE;
        for_each[nth] = wanted && cheap && !divided[nth] && !copy && !joined;
        let own = piece.ownable.first();
        let along_own = |of: &(usize, &Access)| {
            let there = pieces[of.0].ownable.first();
            own.and_then(|axis| of.1.along.get(*axis)).is_some_and(|axis| axis.as_ref() == there)
        };
        let with_blocks = |of: &(usize, &Access)| (divided[of.0] || in_blocks[of.0]) && along_own(of);
        let leaves = |of: &(usize, &Access)| matches!(pieces[of.0].what, What::Sink(_)) && along_own(of);
        let only_so = || readers.iter().all(|of| with_blocks(of) || leaves(of));
        in_blocks[nth] = !for_each[nth] && readers.iter().any(with_blocks) && only_so();
    }
    Small { for_each, in_blocks }
}

/// Whether a piece is divided among the threads: it is large, or reads along an axis what is divided there.
fn divided(graph: &Graph, pieces: &[Piece]) -> Vec<bool> {
    let mut homes: BTreeMap<Source, usize> = BTreeMap::new();
    let mut divided = vec![false; pieces.len()];
    for (nth, piece) in pieces.iter().enumerate() {
        let with = |read: &Access| {
            let home = homes.get(&read.source).filter(|home| divided[**home]);
            let axis = home.and_then(|home| pieces[*home].ownable.first().copied());
            let here = axis.and_then(|axis| read.along.get(axis).copied().flatten());
            here.is_some_and(|axis| piece.ownable.contains(&axis))
        };
        let most = match piece.what {
            What::Value(_) | What::Joined(_) => SMALL_FOR_EACH,
            What::Partial(_) | What::Sink(_) | What::Enter(..) | What::Loop(..) => 0,
        };
        let large = !is_small(graph, piece) && piece.turns() > most && !piece.ownable.is_empty();
        divided[nth] = large || piece.reads.iter().any(with);
        if let What::Value(id) | What::Joined(id) = piece.what {
            homes.insert(Source::Node(id), nth);
        }
    }
    divided
}
