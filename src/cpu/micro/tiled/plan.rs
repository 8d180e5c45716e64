//! How a product is cut into register tiles.
//!
//! A tile's time for one step of its inner loop is estimated as the largest of three: its fused
//! multiply-adds, of which two start a cycle; the vectors and broadcasts it loads, likewise two a
//! cycle; and 8, because a multiply-add takes four cycles and so eight sums have to be under way; but no
//! less than columns take that come from the second cache.
//! What there is to do beside that comes on top: for each step, for each row, and with the sums when the loop is done.
//! Of an instruction set's tiles that with the least time for the whole product is taken. What it
//! leaves at the edges goes to smaller ones of about equal size. A dot's accumulator may take several
//! registers: so many times it goes through its terms.

use std::cell::Cell;

/// Accumulators that have to be under way to hide the latency of a multiply-add.
const UNDER_WAY: usize = 8;

/// What a step takes beside them, and a row of a tile beside its steps.
const STEP: usize = 1;
const ROW: usize = 8;

/// Rows and columns of a tile are fewer.
const LARGEST: usize = 32;

/// How many choices of a thread are remembered.
const REMEMBERED: usize = 32;

thread_local! {
    /// Choices, with the sizes, the product and the way to go through it that they are of.
    static CHOSEN: [Cell<([usize; 5], usize)>; REMEMBERED] = const { [const { Cell::new(([0; 5], 0)) }; REMEMBERED] };
}

/// A table of register tiles.
pub(super) struct Table<K: 'static> {
    /// Rows and columns of each.
    pub sizes: Sizes,
    /// Their code.
    pub kernels: &'static [K],
}

/// The sizes of a table of tiles: rows and columns, or vectors of them. Each size occurs with 1 on the other side.
pub(super) struct Sizes {
    each: &'static [(usize, usize)],
    /// For each number of rows and columns the tile's position in the table.
    at: [[u8; LARGEST]; LARGEST],
    /// For each number of columns those of rows that there are with it, a bit each.
    heights: [u32; LARGEST],
    /// The same for rows.
    widths: [u32; LARGEST],
    /// Registers that an accumulator takes.
    parts: usize,
    /// How long it takes to add up the lanes of a row's accumulators: four at once, and one.
    trees: [usize; 2],
}

impl Sizes {
    /// Of the tiles of a table in its order.
    pub const fn new(each: &'static [(usize, usize)], parts: usize, trees: [usize; 2]) -> Sizes {
        let mut at = [[u8::MAX; LARGEST]; LARGEST];
        let (mut heights, mut widths) = ([0; LARGEST], [0; LARGEST]);
        let mut i = 0;
        while i < each.len() {
            let (rows, columns) = each[i];
            at[rows][columns] = i as u8;
            heights[columns] |= 1 << rows;
            widths[rows] |= 1 << columns;
            i += 1;
        }
        i = 0;
        while i < each.len() {
            assert!(at[each[i].0][1] != u8::MAX && at[1][each[i].1] != u8::MAX);
            i += 1;
        }
        Sizes { each, at, heights, widths, parts, trees }
    }

    /// Rows and columns of a tile.
    pub fn of(&self, tile: usize) -> (usize, usize) {
        self.each[tile]
    }

    /// As [`Sizes::choose`], for calls of which the same ones come again and again. What `loads` says must follow from
    /// the rows, the columns, the steps and `way`.
    pub fn chosen(&self, of: [usize; 2], steps: usize, way: usize, loads: impl Fn(usize) -> usize) -> usize {
        let key = [std::ptr::from_ref(self) as usize, of[0], of[1], steps, way];
        let place = (of[0].wrapping_mul(31) ^ of[1].wrapping_mul(7) ^ steps ^ way) % REMEMBERED;
        CHOSEN.with(|chosen| {
            let (known, tile) = chosen[place].get();
            if known == key {
                return tile;
            }
            let tile = self.choose(of, steps, loads);
            chosen[place].set((key, tile));
            tile
        })
    }

    /// The position of the tile with the least time for `m` rows and `n` columns, whose inner loop has so many steps.
    /// So many columns take at least `loads` a step.
    pub fn choose(&self, [m, n]: [usize; 2], steps: usize, loads: impl Fn(usize) -> usize) -> usize {
        let mut best = (usize::MAX, 0);
        for (tile, (rows, columns)) in self.each.iter().copied().enumerate() {
            if rows > m || columns > n {
                continue;
            }
            let units = (rows * columns).max(rows + columns).max(UNDER_WAY);
            let step = self.parts * (units.max(loads(columns)) + STEP);
            let end = rows * (ROW + columns / 4 * self.trees[0] + columns % 4 * self.trees[1]);
            let time = (step * steps + end) * groups_of(m, rows) * groups_of(n, columns);
            if time < best.0 {
                best = (time, tile);
            }
        }
        best.1
    }

    /// Cuts `m` rows and `n` columns into stretches of a tile of the table, and of what it leaves at the edges. The
    /// outer loop goes over rows of tiles, or over columns of them.
    pub fn cut(&self, best: usize, [m, n]: [usize; 2], rows_first: bool, mut each: impl FnMut(Stretch)) {
        if m == 0 || n == 0 {
            return;
        }
        let (rows, columns) = self.each[best];
        let find = |rows: usize, columns: usize| usize::from(self.at[rows][columns]);
        // Where one row or one column of tiles is all, the run goes along it.
        if m <= rows || (rows_first && n > columns) {
            let heights = self.heights[1];
            for (height, start, count) in groups(heights, m, rows) {
                let widths = self.widths[height];
                let most = if height == rows { columns } else { largest(widths) };
                let mut along = groups(widths, n, most);
                if let (Some((width, column, across)), None) = (along.next(), along.next()) {
                    let tile = find(height, width);
                    each(Stretch { tile, row: start, column, count: across, down: false, times: count });
                    continue;
                }
                for row in (0..count).map(|i| start + i * height) {
                    for (width, column, count) in groups(widths, n, most) {
                        each(Stretch {
                            tile: find(height, width),
                            row,
                            column,
                            count,
                            down: false,
                            times: 1,
                        });
                    }
                }
            }
        } else {
            let widths = self.widths[1];
            for (width, start, count) in groups(widths, n, columns) {
                let heights = self.heights[width];
                let most = if width == columns { rows } else { largest(heights) };
                for column in (0..count).map(|i| start + i * width) {
                    for (height, row, count) in groups(heights, m, most) {
                        each(Stretch { tile: find(height, width), row, column, count, down: true, times: 1 });
                    }
                }
            }
        }
    }
}

/// `all` by so many, rounded up.
fn groups_of(all: usize, by: usize) -> usize {
    /// 2^32 by each number, rounded up: exact for what is smaller by more bits than the number has.
    const PARTS: [u64; LARGEST] = {
        let mut parts = [0; LARGEST];
        let mut by = 1;
        while by < LARGEST {
            parts[by] = (1u64 << 32).div_ceil(by as u64);
            by += 1;
        }
        parts
    };
    match all {
        0..0x0400_0000 => (((all + by - 1) as u64 * PARTS[by]) >> 32) as usize,
        _ => all.div_ceil(by),
    }
}

/// Equal tiles one after another.
pub(super) struct Stretch {
    /// Position of the tile in the table.
    pub tile: usize,
    /// First row.
    pub row: usize,
    /// First column.
    pub column: usize,
    /// How many tiles.
    pub count: usize,
    /// Whether they follow each other down the rows, or else along the columns.
    pub down: bool,
    /// How often, each time a tile further down.
    pub times: usize,
}

fn largest(set: u32) -> usize {
    set.checked_ilog2().unwrap_or(0) as usize
}

/// Runs of equal sizes (size, start, count) that make up `total`: none above `most`, about equal
/// ones as far as the set has them. The set has 1.
fn groups(set: u32, total: usize, most: usize) -> impl Iterator<Item = (usize, usize, usize)> {
    let mut start = 0;
    std::iter::from_fn(move || {
        let left = total - start;
        if left == 0 {
            return None;
        }
        let pieces = left.div_ceil(most);
        let wanted = left.div_ceil(pieces);
        let fits = set & ((1 << (most.min(left) + 1)) - 1);
        let above = fits >> wanted << wanted;
        let size = if above == 0 { largest(fits) } else { above.trailing_zeros() as usize };
        // `pieces` of them, some of which are one smaller.
        let count = if size == wanted { left - pieces * (wanted - 1) } else { left / size };
        let group = (size, start, count);
        start += size * count;
        Some(group)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sizes(of: impl Iterator<Item = usize>) -> u32 {
        of.fold(0, |set, size| set | 1 << size)
    }

    #[test]
    fn groups_are_about_equal() {
        let all = sizes(1..=6);
        let cut = |set, total, most| groups(set, total, most).map(|g| (g.0, g.2)).collect::<Vec<_>>();
        assert_eq!(cut(all, 20, 6), [(5, 4)]);
        assert_eq!(cut(all, 13, 6), [(5, 1), (4, 2)]);
        assert_eq!(cut(all, 784, 6), [(6, 129), (5, 2)]);
        assert_eq!(cut(all, 3, 6), [(3, 1)]);
        let some = sizes([1, 2, 4, 8].into_iter());
        assert_eq!(cut(some, 7, 8), [(4, 1), (2, 1), (1, 1)]);
        assert_eq!(cut(some, 20, 8), [(8, 2), (4, 1)]);
    }

    #[test]
    fn a_division_by_multiplication_is_exact() {
        for by in 1..LARGEST {
            for all in (0..3000).chain((1 << 26) - 100..(1 << 26) + 100) {
                assert_eq!(groups_of(all, by), all.div_ceil(by), "{all} by {by}");
            }
        }
    }

    #[test]
    fn a_tile_fits_and_keeps_the_units_busy() {
        static TABLE: Sizes = Sizes::new(
            &[(1, 8), (2, 4), (4, 3), (6, 2), (6, 1), (1, 1), (1, 4), (1, 3), (1, 2), (2, 1), (4, 1)],
            1,
            [0; 2],
        );
        assert_eq!(TABLE.of(TABLE.choose([1, 500], 9, |_| 0)), (1, 8));
        assert_eq!(TABLE.of(TABLE.choose([600, 2], 9, |_| 0)), (6, 2));
        assert_eq!(TABLE.of(TABLE.choose([1, 1], 9, |_| 0)), (1, 1));
        // Many rows for each column that comes from far; few where rows are soon done.
        assert_eq!(TABLE.of(TABLE.choose([600, 40], 900, |columns| 5 * columns / 2)), (6, 2));
        assert_eq!(TABLE.of(TABLE.choose([600, 40], 9, |_| 0)), (2, 4));
    }

    #[test]
    fn every_cell_is_in_one_tile() {
        static TABLE: Sizes =
            Sizes::new(&[(1, 1), (1, 2), (1, 4), (2, 1), (2, 2), (4, 1), (5, 1), (4, 2)], 1, [0; 2]);
        for (m, n) in [(1, 1), (7, 3), (3, 7), (20, 9), (9, 20), (0, 4), (4, 0)] {
            let mut seen = vec![0; m * n];
            TABLE.cut(TABLE.choose([m, n], 9, |_| 0), [m, n], m > 4, |s| {
                let (rows, columns) = TABLE.of(s.tile);
                for (time, t) in (0..s.times).flat_map(|time| (0..s.count).map(move |t| (time, t))) {
                    let (down, along) = if s.down { (t, 0) } else { (time, t) };
                    for i in 0..rows {
                        for j in 0..columns {
                            seen[(s.row + down * rows + i) * n + s.column + along * columns + j] += 1;
                        }
                    }
                }
            });
            assert!(seen.iter().all(|count| *count == 1), "{m} by {n}: {seen:?}");
        }
    }
}
