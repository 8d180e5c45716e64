//! Which axis owns a value, how long its blocks are, and which sums are divided into blocks: rules of
//! shapes alone. A change here changes the bits of results.

use crate::ir::Graph;
use std::collections::BTreeSet;

/// An extent from which an axis is worth dividing among threads.
pub const WIDE: usize = 64;
/// Terms from which a sum is divided into blocks: f32 cannot count past 2^24, and errors of a long
/// chain of additions grow with its length.
const LONG: usize = 4096;
/// A sum is divided only if what it gives is no larger than this.
const SMALL_RESULT: usize = 1 << 16;

/// The axis of a shape that owns it: the last if it is wide (there lie the columns of a weight), else the
/// longest, the first of equals. None for a scalar.
pub fn owner_axis(shape: &[usize]) -> Option<usize> {
    match shape.last() {
        None => None,
        Some(last) if *last >= WIDE => Some(shape.len() - 1),
        Some(_) => {
            let longest = shape.iter().max().copied();
            shape.iter().position(|e| Some(*e) == longest)
        }
    }
}

/// How long the blocks of a graph's axes are.
#[derive(Clone, Debug, Default)]
pub struct Units {
    /// Extents of the first axes of values with three axes and more: each index has a whole picture or sequence.
    of_pictures: BTreeSet<usize>,
}

/// Extent from which blocks may be long: of longer ones there are still enough.
const LONG_AXIS: usize = 448;
/// Indices to a long block; the first that makes an even number of blocks is taken.
const LONG_BLOCKS: [usize; 2] = [64, 56];

impl Units {
    /// Those of a graph.
    pub fn of(graph: &Graph) -> Units {
        let shapes = graph.ids().map(|id| &graph.ty(id).shape);
        let leaves = graph.leaves.iter().map(|leaf| &leaf.ty.shape);
        let pictures = shapes.chain(leaves).filter(|shape| shape.len() > 2).map(|shape| shape[0]);
        Units { of_pictures: pictures.collect() }
    }

    /// Indices to a block of an axis: at least 8 blocks of a long axis and at most 1024.
    ///
    /// Longer blocks take fewer routines' calls and joins of sums. Shorter ones stay in a core's own cache where an index has
    /// much to it, and are divided more evenly where long ones are odd.
    pub fn unit(&self, extent: usize) -> usize {
        let most = extent.div_ceil(1024).next_power_of_two();
        let even = LONG_BLOCKS.into_iter().find(|unit| extent.div_ceil(*unit).is_multiple_of(2));
        let long = even.filter(|_| extent >= LONG_AXIS && !self.of_pictures.contains(&extent));
        let fit = match extent {
            0..16 => 1,
            16..64 => 4,
            64..256 => 16,
            _ => long.unwrap_or(32),
        };
        fit.max(most)
    }

    /// Number of blocks of an axis.
    pub fn blocks(&self, extent: usize) -> usize {
        extent.div_ceil(self.unit(extent)).max(1)
    }
}

/// The axis, among those that are summed over, along which a sum is divided into blocks; none if it is
/// one piece. `kept` and `summed` are the extents of the result's axes and of the others.
pub fn split(kept: &[usize], summed: &[usize]) -> Option<usize> {
    let terms: usize = summed.iter().product();
    let results: usize = kept.iter().product();
    let axis = owner_axis(summed)?;
    (terms >= LONG && results <= SMALL_RESULT && results <= terms && summed[axis] > 1).then_some(axis)
}

/// Terms of products below which dividing them costs more than it gains.
const SMALL_MATRIX: usize = 1 << 16;

/// Whether the results of a product with a matrix of `rows` by `columns`, summed over its columns, are so few
/// that the sums of the blocks of columns are small beside the matrix.
pub fn few_rows(units: &Units, results: usize, rows: usize, columns: usize) -> bool {
    columns >= WIDE
        && rows >= WIDE
        && rows * columns > SMALL_MATRIX
        && 8 * results * units.blocks(columns) <= rows * columns
}

/// Elements of data from which they are no longer in a core's own cache when they are wanted again.
const LARGE_DATA: usize = 1 << 17;

/// Whether sums over so many examples, taken block by block, are small beside the examples' data.
pub fn read_once(units: &Units, results: usize, data: usize, examples: usize) -> bool {
    let blocks = units.blocks(examples);
    data >= LARGE_DATA && blocks > 1 && 2 * results * blocks <= data
}

/// Terms from which a sum of products is divided although it is short.
const BEHIND: usize = 256;
/// Sums of blocks that each thread can add up for itself.
const SMALL_BLOCKS: usize = 8192;

/// Whether the sums of the blocks of so many terms are few enough for each thread to add them up for itself.
pub fn small_behind(units: &Units, results: usize, terms: usize) -> bool {
    let blocks = units.blocks(terms);
    terms >= BEHIND && blocks <= JOINED_AT_ONCE && results * blocks <= SMALL_BLOCKS
}

/// Blocks of a divided sum that are added up as one expression; of more, groups are added up where they lie. A power of
/// two, so that the groups are whole parts of the tree.
pub const JOINED_AT_ONCE: usize = 64;

/// Extent from which the innermost of the axes that are summed over is taken by 16 strided sums.
pub const STRIDED: usize = 64;
