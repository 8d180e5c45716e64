//! Which axis owns a value, how long its blocks are, and which sums are divided into blocks: rules of
//! shapes alone. A change here changes the bits of results.

use crate::ir::Graph;
use std::collections::{BTreeMap, BTreeSet};

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
    /// Longer blocks of some extents.
    lengths: Lengths,
}

/// Extents with longer blocks than others, and how long those are: the same for all steps that work on the same places.
#[derive(Clone, Debug, Default)]
pub struct Lengths(BTreeMap<usize, usize>);

impl Lengths {
    /// Takes longer blocks of a matrix's columns where the sums over them are too many for short ones, but for two blocks at
    /// least small beside the matrix: what each thread then has of it is its own, in every product with it.
    pub fn lengthen(&mut self, units: &Units, Across { results, rows, columns }: Across) {
        let blocks = rows * columns / (SMALL_BESIDE * results.max(1)) / 2 * 2;
        if worth_dividing(rows, columns) && blocks >= 2 && blocks < units.blocks(columns) {
            self.at_least(columns, columns.div_ceil(blocks).next_multiple_of(SHORT_SUM));
        }
    }

    /// Takes longer blocks of columns of which only those rows are summed up that count, if two threads then have about as
    /// much.
    pub fn widen(&mut self, units: &Units, columns: usize) {
        if columns >= LONG_AXIS && !units.of_pictures.contains(&columns) && is_fair(columns, WIDE_BLOCK) {
            self.at_least(columns, WIDE_BLOCK);
        }
    }

    fn at_least(&mut self, extent: usize, unit: usize) {
        let of = self.0.entry(extent).or_default();
        *of = unit.max(*of);
    }
}

/// Columns that a sum of a few rows takes at once: to find out which rows count takes as long for few as for many.
const WIDE_BLOCK: usize = 128;
/// What lengths of blocks are multiples of whose sums would else be too many.
const SHORT_SUM: usize = 64;

/// Extent from which blocks may be long: of longer ones there are still enough.
const LONG_AXIS: usize = 448;
/// Indices to a long block; the first is taken by which two threads have about as much to do. And how many of the longest
/// there have to be.
const LONG_BLOCKS: [usize; 4] = [WIDE_BLOCK, 64, 60, 56];
const ENOUGH: usize = 8;
/// The part of an axis that the second may have more or less than the first.
const UNEVEN: usize = 32;

/// Whether two threads have about as much of an axis in blocks of so many.
fn is_fair(extent: usize, unit: usize) -> bool {
    let first = extent.div_ceil(unit) / 2 * unit;
    UNEVEN * first.abs_diff(extent - first) <= extent
}

impl Units {
    /// Those of a graph.
    pub fn of(graph: &Graph, lengths: &Lengths) -> Units {
        let shapes = graph.ids().map(|id| &graph.ty(id).shape);
        let leaves = graph.leaves.iter().map(|leaf| &leaf.ty.shape);
        let pictures = shapes.chain(leaves).filter(|shape| shape.len() > 2).map(|shape| shape[0]);
        Units { of_pictures: pictures.collect(), lengths: lengths.clone() }
    }

    /// Indices to a block of an axis: at least 7 blocks of a long axis, but where products ask for longer ones, and at most
    /// 1024.
    ///
    /// Longer blocks take fewer routines' calls and joins of sums. Shorter ones stay in a core's own cache where an index has
    /// much to it, and are divided more evenly where two threads would not get about as much of long ones.
    pub fn unit(&self, extent: usize) -> usize {
        self.unit_among(extent, self.of_pictures.contains(&extent))
    }

    /// The same of an axis that is known not to be that of the pictures, however many these are.
    pub fn unit_of_columns(&self, extent: usize) -> usize {
        self.unit_among(extent, false)
    }

    fn unit_among(&self, extent: usize, pictures: bool) -> usize {
        let most = extent.div_ceil(1024).next_power_of_two();
        let enough = |unit: &usize| *unit < WIDE_BLOCK || extent.div_ceil(*unit) >= ENOUGH;
        let fair = LONG_BLOCKS.into_iter().filter(enough).find(|unit| is_fair(extent, *unit));
        let long = fair.filter(|_| extent >= LONG_AXIS && !pictures);
        let fit = match extent {
            0..16 => 1,
            16..64 => 4,
            64..256 => 16,
            _ => long.unwrap_or(32),
        };
        fit.max(most).max(self.lengths.0.get(&extent).copied().unwrap_or(0))
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

/// The results of a product with a matrix of so many rows and columns, summed over its columns.
#[derive(Clone, Copy, Debug)]
pub struct Across {
    /// How many results there are.
    pub results: usize,
    /// Rows of the matrix.
    pub rows: usize,
    /// Its columns.
    pub columns: usize,
}

/// By how much a matrix is larger than what is small beside it.
const SMALL_BESIDE: usize = 8;

fn worth_dividing(rows: usize, columns: usize) -> bool {
    columns >= WIDE && rows >= WIDE && rows * columns > SMALL_MATRIX
}

/// Whether the results are so few that the sums of the blocks of columns are small beside the matrix.
pub fn few_rows(units: &Units, Across { results, rows, columns }: Across) -> bool {
    worth_dividing(rows, columns) && SMALL_BESIDE * results * units.blocks(columns) <= rows * columns
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
const SMALL_BLOCKS: usize = 6144;

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

#[cfg(test)]
mod tests {
    use super::*;

    fn lengthened(of: Across) -> usize {
        let mut lengths = Lengths::default();
        lengths.lengthen(&Units::default(), of);
        Units { lengths, ..Units::default() }.unit(of.columns)
    }

    #[test]
    fn two_threads_have_about_as_much_of_long_axes() {
        let units = Units::default();
        let of = |extent: usize| (units.unit(extent), units.blocks(extent));
        // Of an odd number of blocks the second thread has one more, but a short one.
        assert_eq!(
            [500_usize, 600, 784, 800, 1000].map(of),
            [(64, 8), (60, 10), (64, 13), (56, 15), (128, 8)]
        );
        // None of the long ones divides it so.
        assert_eq!(of(620), (32, 20));
    }

    #[test]
    fn sums_of_rows_that_count_have_wider_blocks() {
        // If two threads then have about as much, and not of a few columns.
        let widened = |columns: usize| {
            let mut lengths = Lengths::default();
            lengths.widen(&Units::default(), columns);
            Units { lengths, ..Units::default() }.unit(columns)
        };
        assert_eq!([400, 500, 784, 800].map(widened), [32, 128, 128, 56]);
    }

    #[test]
    fn blocks_are_longer_where_their_sums_are_many() {
        // Of one row short blocks are small beside the matrix; of twenty two long ones are; of a hundred none.
        let of = |rows: usize| Across { results: 784 * rows, rows: 784, columns: 500 };
        assert_eq!([1, 20, 100].map(|rows| lengthened(of(rows))), [64, 256, 64]);
        let few = |rows, unit| {
            let lengths = Lengths([(500, unit)].into());
            few_rows(&Units { lengths, ..Units::default() }, of(rows))
        };
        assert!(few(1, 64) && few(20, 256) && !few(20, 64) && !few(100, 256));
        // What is small is not worth it.
        assert_eq!(lengthened(Across { results: 20 * 40, rows: 40, columns: 500 }), 64);
    }
}
