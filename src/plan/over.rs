//! Values that are written over one that they are made of.
//!
//! Half as much memory is gone through then, which is what a block of pictures lacks most in a core's own cache. Small
//! values stay where they are: a loop that writes what it reads is tied to one order.

use super::Storage;
use crate::fuse::{Piece, Source, What};
use crate::ir::{Graph, Op};

/// Bytes from which a value is worth it: most of a first-level cache.
pub const LARGE: usize = 1 << 15;

/// What a piece reads that its value may be written over if they lie alike and nobody reads it afterwards: each element,
/// and what else is read with it, is read only for what is written there, and before.
pub fn sources(graph: &Graph, piece: &Piece) -> Vec<Source> {
    let What::Value(id) = piece.what else { return Vec::new() };
    let ty = graph.ty(id);
    let free = match graph.op(id) {
        Op::Unary(_) | Op::Binary(_) | Op::Compare(_) | Op::Select | Op::Cast(_) => 0,
        // A window is looked at before any of its cells is written.
        Op::WindowSpread { windows, .. } => {
            let leading = ty.rank() - windows.size.len();
            let numbers = *graph.inputs(id).last().expect("the numbers come last");
            let counts = &graph.ty(numbers).shape[leading..];
            if !windows.tile(&ty.shape[leading..], counts) {
                return Vec::new();
            }
            windows.size.len()
        }
        _ => return Vec::new(),
    };
    let own = |along: &[Option<usize>]| {
        let mut leading = along.iter().enumerate().take(ty.rank() - free);
        along.len() == ty.rank() && leading.all(|(at, axis)| *axis == Some(at))
    };
    let only_own = |of: &Source| piece.reads.iter().filter(|r| r.source == *of).all(|r| own(&r.along));
    piece.reads.iter().map(|read| read.source).filter(only_own).collect()
}

/// Whether two values lie alike in their memories.
pub fn alike(a: &Storage, b: &Storage) -> bool {
    *a == Storage { memory: a.memory, ..b.clone() }
}
