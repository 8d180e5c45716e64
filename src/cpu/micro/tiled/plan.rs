//! How a product is cut into register tiles.
//!
//! A tile's time for one step of its inner loop is estimated as the largest of three: its fused
//! multiply-adds, of which two start a cycle; the vectors and broadcasts it loads, likewise two a
//! cycle; and 8, because a multiply-add takes four cycles and so eight sums have to be under way.
//! What is left to do with the sums when the loop is done comes on top.
//! Of an instruction set's tiles that with the least time for the whole product is taken. What it
//! leaves at the edges goes to smaller ones of about equal size.

/// A register tile: code that computes so many rows and columns at once.
///
/// In a table of them, each size of a row or column occurs with 1 on the other side.
pub(super) trait Tile {
    /// Rows of the result.
    fn rows(&self) -> usize;
    /// Columns of the result, or vectors of them.
    fn columns(&self) -> usize;
    /// What is left to do when all steps of the inner loop are done, in the same units as a step.
    fn end(&self) -> usize {
        0
    }
}

/// Whether a table of tiles has each size with 1 on the other side.
pub(super) const fn is_complete(table: &[(usize, usize)]) -> bool {
    let mut i = 0;
    while i < table.len() {
        let (rows, columns) = table[i];
        if !has(table, rows, 1) || !has(table, 1, columns) {
            return false;
        }
        i += 1;
    }
    true
}

const fn has(table: &[(usize, usize)], rows: usize, columns: usize) -> bool {
    let mut i = 0;
    while i < table.len() {
        if table[i].0 == rows && table[i].1 == columns {
            return true;
        }
        i += 1;
    }
    false
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

/// Accumulators that have to be under way to hide the latency of a multiply-add.
const UNDER_WAY: usize = 8;

/// Cuts `m` rows and `n` columns into stretches. An accumulator is `parts` registers, the inner loop has
/// `steps` steps; the outer loop goes over rows of tiles, or over columns of them.
pub(super) fn cut<T: Tile>(
    table: &[T],
    [m, n]: [usize; 2],
    (parts, steps): (usize, usize),
    rows_first: bool,
    mut each: impl FnMut(Stretch),
) {
    if m == 0 || n == 0 {
        return;
    }
    let best = &table[choose(table, m, n, (parts, steps))];
    let (rows, columns) = (best.rows(), best.columns());
    let find = |r, c| table.iter().position(|t| t.rows() == r && t.columns() == c).unwrap_or(0);
    // Where one row or one column of tiles is all, the run goes along it.
    if m <= rows || (rows_first && n > columns) {
        let heights = sizes(table.iter().filter(|t| t.columns() == 1).map(T::rows));
        for (height, start, count) in groups(heights, m, rows) {
            let widths = sizes(table.iter().filter(|t| t.rows() == height).map(T::columns));
            let most = if height == rows { columns } else { largest(widths) };
            let mut along = groups(widths, n, most);
            if let (Some((width, column, across)), None) = (along.next(), along.next()) {
                let tile = find(height, width);
                each(Stretch { tile, row: start, column, count: across, down: false, times: count });
                continue;
            }
            for row in (0..count).map(|i| start + i * height) {
                for (width, column, count) in groups(widths, n, most) {
                    each(Stretch { tile: find(height, width), row, column, count, down: false, times: 1 });
                }
            }
        }
    } else {
        let widths = sizes(table.iter().filter(|t| t.rows() == 1).map(T::columns));
        for (width, start, count) in groups(widths, n, columns) {
            let heights = sizes(table.iter().filter(|t| t.columns() == width).map(T::rows));
            let most = if width == columns { rows } else { largest(heights) };
            for column in (0..count).map(|i| start + i * width) {
                for (height, row, count) in groups(heights, m, most) {
                    each(Stretch { tile: find(height, width), row, column, count, down: true, times: 1 });
                }
            }
        }
    }
}

/// The position of the tile with the least time.
fn choose<T: Tile>(table: &[T], m: usize, n: usize, (parts, steps): (usize, usize)) -> usize {
    let time = |tile: &T| {
        let (rows, columns) = (tile.rows(), tile.columns());
        let step = (parts * rows * columns).max(parts * (rows + columns)).max(UNDER_WAY);
        // Divisions of 32 bits take half as long.
        let tiles = (m as u32).div_ceil(rows as u32) as usize * (n as u32).div_ceil(columns as u32) as usize;
        (step * steps + tile.end()) * tiles
    };
    let fits = |tile: &T| tile.rows() <= m && tile.columns() <= n;
    let candidates = (0..table.len()).filter(|i| fits(&table[*i]));
    candidates.min_by_key(|i| time(&table[*i])).unwrap_or(0)
}

/// A set of sizes below 64, a bit each.
fn sizes(of: impl Iterator<Item = usize>) -> u64 {
    of.fold(0, |set, size| set | 1 << size)
}

fn largest(set: u64) -> usize {
    set.checked_ilog2().unwrap_or(0) as usize
}

/// Runs of equal sizes (size, start, count) that make up `total`: none above `most`, about equal
/// ones as far as the set has them. The set has 1.
fn groups(set: u64, total: usize, most: usize) -> impl Iterator<Item = (usize, usize, usize)> {
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

    impl Tile for (usize, usize) {
        fn rows(&self) -> usize {
            self.0
        }
        fn columns(&self) -> usize {
            self.1
        }
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
    fn a_tile_fits_and_keeps_the_units_busy() {
        let table = [(1, 8), (2, 4), (4, 3), (6, 2), (6, 1), (1, 1)];
        assert_eq!(table[choose(&table, 1, 500, (1, 9))], (1, 8));
        assert_eq!(table[choose(&table, 600, 2, (1, 9))], (6, 2));
        assert_eq!(table[choose(&table, 1, 1, (1, 9))], (1, 1));
    }

    #[test]
    fn every_cell_is_in_one_tile() {
        let table = [(1, 1), (1, 2), (1, 4), (2, 1), (2, 2), (4, 1), (5, 1), (4, 2)];
        for (m, n) in [(1, 1), (7, 3), (3, 7), (20, 9), (9, 20), (0, 4), (4, 0)] {
            let mut seen = vec![0; m * n];
            cut(&table, [m, n], (1, 9), m > 4, |s| {
                let (rows, columns) = table[s.tile];
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
