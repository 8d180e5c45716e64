//! The product with the terms as lanes, for any register.

use super::plan::{self, Tile};
use super::register::Register;
use crate::cpu::micro::portable::offset;
use crate::cpu::micro::{Dot, OLD, PARTIALS, PLUS, SCALED, ZERO};

/// The time of a tree, and of four at once, in the units of a tile's steps.
const TREE: usize = 12;
const FOUR_TREES: usize = 18;

/// A register tile of one instruction set.
pub(super) struct Kernel<T> {
    /// Rows of the tile.
    pub rows: usize,
    /// Columns of the tile.
    pub columns: usize,
    /// Its code.
    pub run: unsafe fn(&Run<T>),
}

impl<T> Tile for Kernel<T> {
    fn rows(&self) -> usize {
        self.rows
    }

    fn columns(&self) -> usize {
        self.columns
    }

    fn end(&self) -> usize {
        self.rows * (self.columns / 4 * FOUR_TREES + self.columns % 4 * TREE)
    }
}

/// Equal tiles one after another.
pub(super) struct Run<T> {
    /// The product, with its operands at the first tile.
    args: Dot<T>,
    /// How many tiles.
    tiles: usize,
    /// From tile to tile in `a`, `b` and `c`.
    next: [isize; 3],
}

/// Computes tiles of `ROWS` by `COLUMNS` results, whose partial sums take `PARTS` registers each.
#[inline(always)]
pub(super) unsafe fn tiles<V, const PARTS: usize, const ROWS: usize, const COLUMNS: usize>(
    run: &Run<V::Element>,
) where
    V: Register,
{
    // SAFETY: the caller's operands hold all that the tiles reach. The pointers that only wander
    // beyond are not read.
    unsafe {
        let s = &run.args;
        let whole = s.k as usize / PARTIALS;
        let left = s.k as usize % PARTIALS;
        let (a_row, b_row) = (s.a_row as isize, s.b_row as isize);
        let (mut a, mut b, mut c) = (s.a, s.b, s.c);
        for _ in 0..run.tiles {
            let mut sums = [[[V::zero(); PARTS]; COLUMNS]; ROWS];
            for o in 0..s.outer {
                let mut at = a.offset(offset(s.a_off, 0, o));
                let mut bt = b.offset(offset(s.b_off, 0, o));
                // Runs of the length of a block are many and short.
                if whole == 2 {
                    step::<V, PARTS, ROWS, COLUMNS>(&mut sums, (at, a_row), (bt, b_row));
                    (at, bt) = (at.wrapping_add(PARTIALS), bt.wrapping_add(PARTIALS));
                    step::<V, PARTS, ROWS, COLUMNS>(&mut sums, (at, a_row), (bt, b_row));
                    (at, bt) = (at.wrapping_add(PARTIALS), bt.wrapping_add(PARTIALS));
                } else {
                    for _ in 0..whole {
                        step::<V, PARTS, ROWS, COLUMNS>(&mut sums, (at, a_row), (bt, b_row));
                        (at, bt) = (at.wrapping_add(PARTIALS), bt.wrapping_add(PARTIALS));
                    }
                }
                if left == 0 {
                    continue;
                }
                for part in 0..PARTS {
                    let start = part * V::LANES;
                    let mask = V::first(left.saturating_sub(start).min(V::LANES));
                    let load = |p: *const V::Element| V::load_masked(p.wrapping_add(start), mask);
                    for (i, row) in sums.iter_mut().enumerate() {
                        let value = load(at.offset(i as isize * a_row));
                        for (j, sum) in row.iter_mut().enumerate() {
                            let column = load(bt.offset(j as isize * b_row));
                            // A lane without a term keeps its sum: adding 0 would turn -0 to +0.
                            sum[part] = value.fma_masked(column, sum[part], mask);
                        }
                    }
                }
            }
            for (i, row) in sums.into_iter().enumerate() {
                let mut each = [V::Element::default(); COLUMNS];
                let (fours, rest) = row.as_chunks::<4>();
                let (to_fours, to_rest) = each.as_chunks_mut::<4>();
                for (to, four) in to_fours.iter_mut().zip(fours) {
                    *to = V::trees(*four);
                }
                for (to, parts) in to_rest.iter_mut().zip(rest) {
                    *to = V::tree(*parts);
                }
                for (j, sum) in each.iter().copied().enumerate() {
                    let to = c.offset(i as isize * s.c_row as isize + j as isize * s.c_col as isize);
                    *to = match s.start {
                        ZERO => sum,
                        OLD | PLUS => V::plus(*to, sum),
                        SCALED => V::plus(V::product(s.scale, *to), sum),
                        _ => V::plus(V::plus(*to, V::product(s.scale, *to)), sum),
                    };
                }
            }
            a = a.wrapping_offset(run.next[0]);
            b = b.wrapping_offset(run.next[1]);
            c = c.wrapping_offset(run.next[2]);
        }
    }
}

/// Adds the next 16 terms to the sums of a tile.
#[inline(always)]
unsafe fn step<V: Register, const PARTS: usize, const ROWS: usize, const COLUMNS: usize>(
    sums: &mut [[[V; PARTS]; COLUMNS]; ROWS],
    (a, a_row): (*const V::Element, isize),
    (b, b_row): (*const V::Element, isize),
) {
    // SAFETY: as of `tiles`.
    unsafe {
        for part in 0..PARTS {
            let load = |p: *const V::Element| V::load(p.add(part * V::LANES));
            let mut columns = [V::zero(); COLUMNS];
            for (j, column) in columns.iter_mut().enumerate() {
                *column = load(b.offset(j as isize * b_row));
            }
            for (i, row) in sums.iter_mut().enumerate() {
                let value = load(a.offset(i as isize * a_row));
                for (sum, column) in row.iter_mut().zip(columns) {
                    sum[part] = value.fma(column, sum[part]);
                }
            }
        }
    }
}

/// Cuts a product into tiles of a table and computes them; an accumulator takes `parts` registers.
///
/// The operand with more rows is gone through once.
///
/// # Safety
/// The table's instruction set is available, and the operands hold all that the indices reach.
pub(super) unsafe fn product<T: Copy>(s: &Dot<T>, parts: usize, table: &[Kernel<T>]) {
    if s.m <= 0 || s.n <= 0 {
        return;
    }
    let rows_first = s.m >= s.n;
    let steps = (s.k as usize).div_ceil(PARTIALS) * s.outer as usize;
    plan::cut(table, [s.m as usize, s.n as usize], (parts, steps), rows_first, |stretch| {
        let kernel = &table[stretch.tile];
        let (row, column) = (stretch.row as isize, stretch.column as isize);
        let (a_row, b_row) = (s.a_row as isize, s.b_row as isize);
        let (c_row, c_col) = (s.c_row as isize, s.c_col as isize);
        let next = if stretch.down {
            let rows = kernel.rows as isize;
            [rows * a_row, 0, rows * c_row]
        } else {
            let columns = kernel.columns as isize;
            [0, columns * b_row, columns * c_col]
        };
        let b = s.b.wrapping_offset(column * b_row);
        let mut run = Run { args: Dot { b, ..*s }, tiles: stretch.count, next };
        for time in 0..stretch.times as isize {
            let row = row + time * kernel.rows as isize;
            run.args.a = s.a.wrapping_offset(row * a_row);
            run.args.c = s.c.wrapping_offset(row * c_row + column * c_col);
            // SAFETY: the caller's promise; every tile lies in the result.
            unsafe { (kernel.run)(&run) }
        }
    });
}
