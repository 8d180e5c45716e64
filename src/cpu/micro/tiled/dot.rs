//! The product with the terms as lanes, for any register.

use super::plan::{Stretch, Table};
use super::register::{MANY, Register, fetch};
use crate::cpu::micro::{Dot, OLD, PARTIALS, PLUS, SCALED, ZERO};

/// The time of four trees at once, and of one, in the units of a tile's steps.
pub(super) const TREES: [usize; 2] = [18, 12];

/// The code of a register tile of one instruction set.
pub(super) type Kernel<T> = unsafe fn(&Run<T>);

/// The code of short sums, for each number of times 16 terms; for whole ones, and for a last one of fewer.
pub(super) type Short<T> = [[unsafe fn(&Dot<T>); 2]; SHORT];

/// Equal tiles: lines of them, one after another.
pub(super) struct Run<T> {
    /// The product, with its operands at the first tile, and both tables.
    args: Dot<T>,
    /// The tiles of a line.
    tiles: Steps,
    /// The lines.
    lines: Steps,
}

/// How many there are of something, and how far it is from one to the next in `a`, `b` and `c`.
struct Steps {
    count: usize,
    by: [isize; 3],
}

/// Where a tile's operands lie.
#[derive(Clone, Copy)]
struct At<T> {
    a: *const T,
    b: *const T,
    c: *mut T,
}

impl<T> At<T> {
    fn step(&mut self, by: [isize; 3]) {
        self.a = self.a.wrapping_offset(by[0]);
        self.b = self.b.wrapping_offset(by[1]);
        self.c = self.c.wrapping_offset(by[2]);
    }
}

/// What begins on a cache line, so that a vector of it can be read at once from where it has just been written.
#[repr(align(64))]
struct OnLine<T>(T);

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
        let s = run.args;
        let scale = s.scale;
        let mut line = At { a: s.a, b: s.b, c: s.c };
        for _ in 0..run.lines.count {
            let mut at = line;
            for _ in 0..run.tiles.count {
                let mut sums = [[[V::zero(); PARTS]; COLUMNS]; ROWS];
                for part in 0..PARTS {
                    let of_part = sums_of_part::<V, ROWS, COLUMNS>(&s, part, (at.a, at.b));
                    for (row, new) in sums.iter_mut().zip(of_part) {
                        for (sum, new) in row.iter_mut().zip(new) {
                            sum[part] = new;
                        }
                    }
                }
                let mut joined = OnLine([[V::Element::default(); COLUMNS]; ROWS]);
                join(sums.as_flattened(), joined.0.as_flattened_mut());
                let joined = &joined.0;
                let to = (at.c, s.c_row as isize, s.c_col as isize);
                match s.start {
                    ZERO if s.c_col == 1 => {
                        for (i, row) in joined.iter().enumerate() {
                            let to = at.c.offset(i as isize * s.c_row as isize);
                            to.cast::<[V::Element; COLUMNS]>().write_unaligned(*row);
                        }
                    }
                    ZERO => put(to, joined, |_, sum| sum),
                    OLD | PLUS => put(to, joined, |old, sum| V::plus(*old, sum)),
                    SCALED => put(to, joined, |old, sum| V::plus(V::product(scale, *old), sum)),
                    _ => put(to, joined, |old, sum| V::plus(V::plus(*old, V::product(scale, *old)), sum)),
                }
                at.step(run.tiles.by);
            }
            line.step(run.lines.by);
        }
    }
}

/// Sums from their partial sums.
#[inline(always)]
unsafe fn join<V: Register, const PARTS: usize>(partials: &[[V; PARTS]], sums: &mut [V::Element]) {
    let (many, rest) = partials.as_chunks::<MANY>();
    let (to_many, to_rest) = sums.as_chunks_mut::<MANY>();
    let (fours, rest) = rest.as_chunks::<4>();
    let (to_fours, to_rest) = to_rest.as_chunks_mut::<4>();
    // SAFETY: as of `tiles`.
    unsafe {
        for (to, many) in to_many.iter_mut().zip(many) {
            *to = V::many_trees(*many);
        }
        for (to, four) in to_fours.iter_mut().zip(fours) {
            *to = V::trees(*four);
        }
        for (to, parts) in to_rest.iter_mut().zip(rest) {
            *to = V::tree(*parts);
        }
    }
}

/// How many times 16 terms a row of the left operand may have at most to stay in registers: a block of an axis. And the
/// rows up to which it should.
pub(super) const SHORT: usize = 8;
const FEW_ROWS: i64 = 4;

/// The code of sums of so many terms, if they are short.
pub(super) fn of_length<F: Copy>(code: &[[F; 2]; SHORT], terms: i64) -> Option<F> {
    let terms = usize::try_from(terms).ok()?;
    let of_steps = code.get(terms.div_ceil(PARTIALS).checked_sub(1)?)?;
    Some(of_steps[usize::from(!terms.is_multiple_of(PARTIALS))])
}

/// `STEPS` times 16 neighbours in registers, of which the last 16 may be fewer.
pub(super) type Line<V, const PARTS: usize, const STEPS: usize> = [[V; PARTS]; STEPS];

/// Which lanes the last 16 of `STEPS` times 16 terms have.
#[inline(always)]
pub(super) unsafe fn ends<V: Register, const PARTS: usize, const STEPS: usize>(
    terms: i64,
) -> [V::Mask; PARTS] {
    let left = terms as usize - (STEPS - 1) * PARTIALS;
    // SAFETY: as of the caller.
    unsafe {
        let mut masks = [V::first(0); PARTS];
        for (part, mask) in masks.iter_mut().enumerate() {
            *mask = V::first(left.saturating_sub(part * V::LANES).min(V::LANES));
        }
        masks
    }
}

/// A line's vector, of which the last ones may be masked.
#[inline(always)]
pub(super) unsafe fn of_line<V: Register, const PARTS: usize, const STEPS: usize, const MASKED: bool>(
    line: *const V::Element,
    (t, part): (usize, usize),
    masks: [V::Mask; PARTS],
) -> V {
    // SAFETY: as of the caller.
    unsafe {
        let from = line.add(t * PARTIALS + part * V::LANES);
        if MASKED && t == STEPS - 1 { V::load_masked(from, masks[part]) } else { V::load(from) }
    }
}

/// A sum and its next terms, those of a line's vector.
#[inline(always)]
pub(super) unsafe fn and_of_line<V: Register, const PARTS: usize, const STEPS: usize, const MASKED: bool>(
    sum: V,
    [value, factor]: [V; 2],
    (t, part): (usize, usize),
    masks: [V::Mask; PARTS],
) -> V {
    // SAFETY: as of the caller.
    unsafe {
        // A lane without a term keeps its sum: adding 0 would turn -0 to +0.
        match MASKED && t == STEPS - 1 {
            true => value.fma_masked(factor, sum, masks[part]),
            false => value.fma(factor, sum),
        }
    }
}

/// The partial sums of a line's products with another.
#[inline(always)]
unsafe fn sums_of_line<V: Register, const PARTS: usize, const STEPS: usize, const MASKED: bool>(
    line: &Line<V, PARTS, STEPS>,
    other: *const V::Element,
    masks: [V::Mask; PARTS],
) -> [V; PARTS] {
    // SAFETY: as of `short`.
    unsafe {
        let mut sums = [V::zero(); PARTS];
        for (t, values) in line.iter().enumerate() {
            for (part, sum) in sums.iter_mut().enumerate() {
                let at = (t, part);
                let factor = of_line::<V, PARTS, STEPS, MASKED>(other, at, masks);
                *sum = and_of_line::<V, PARTS, STEPS, MASKED>(*sum, [values[part], factor], at, masks);
            }
        }
        sums
    }
}

/// Short sums for all columns: `STEPS` times 16 terms, a row of the left operand at a time.
#[inline(always)]
pub(super) unsafe fn short<V, const PARTS: usize, const STEPS: usize, const MASKED: bool>(s: &Dot<V::Element>)
where
    V: Register,
{
    // SAFETY: the caller's operands hold all that the indices reach; what is masked is not touched.
    unsafe {
        let masks = ends::<V, PARTS, STEPS>(s.k);
        let (b_row, c_row, c_col) = (s.b_row as isize, s.c_row as isize, s.c_col as isize);
        let (start, scale, columns) = (s.start, s.scale, s.n as usize);
        for i in 0..s.m as isize {
            let mut row: Line<V, PARTS, STEPS> = [[V::zero(); PARTS]; STEPS];
            for (t, values) in row.iter_mut().enumerate() {
                for (part, value) in values.iter_mut().enumerate() {
                    let from = s.a.offset(i * s.a_row as isize);
                    *value = of_line::<V, PARTS, STEPS, MASKED>(from, (t, part), masks);
                }
            }
            let put = |c: *mut V::Element, sum: V::Element| {
                *c = match start {
                    ZERO => sum,
                    OLD | PLUS => V::plus(*c, sum),
                    SCALED => V::plus(V::product(scale, *c), sum),
                    _ => V::plus(V::plus(*c, V::product(scale, *c)), sum),
                };
            };
            let (mut b, mut c) = (s.b, s.c.offset(i * c_row));
            for _ in 0..columns / 4 {
                let mut four = [[V::zero(); PARTS]; 4];
                for (j, of_column) in four.iter_mut().enumerate() {
                    let column = b.wrapping_offset(j as isize * b_row);
                    *of_column = sums_of_line::<V, PARTS, STEPS, MASKED>(&row, column, masks);
                }
                let four = V::trees(four);
                if start == ZERO && c_col == 1 {
                    c.cast::<[V::Element; 4]>().write_unaligned(four);
                } else {
                    for (j, sum) in four.into_iter().enumerate() {
                        put(c.offset(j as isize * c_col), sum);
                    }
                }
                b = b.wrapping_offset(4 * b_row);
                c = c.wrapping_offset(4 * c_col);
            }
            for _ in 0..columns % 4 {
                put(c, V::tree(sums_of_line::<V, PARTS, STEPS, MASKED>(&row, b, masks)));
                b = b.wrapping_offset(b_row);
                c = c.wrapping_offset(c_col);
            }
        }
    }
}

/// Puts a tile's sums where they belong, as what a function makes of them and the old values.
#[inline(always)]
unsafe fn put<T: Copy, const ROWS: usize, const COLUMNS: usize>(
    (c, c_row, c_col): (*mut T, isize, isize),
    sums: &[[T; COLUMNS]; ROWS],
    with: impl Fn(&T, T) -> T,
) {
    for (i, row) in sums.iter().enumerate() {
        for (j, sum) in row.iter().enumerate() {
            // SAFETY: the caller's results reach as far as the tile.
            unsafe {
                let to = c.offset(i as isize * c_row + j as isize * c_col);
                *to = with(&*to, *sum);
            }
        }
    }
}

/// The partial sums of a tile that are in one register each: those of every 16th term and its neighbours. By itself a
/// part leaves room for more rows and columns than all together would, of which fewer numbers are loaded.
#[inline(always)]
unsafe fn sums_of_part<V: Register, const ROWS: usize, const COLUMNS: usize>(
    s: &Dot<V::Element>,
    part: usize,
    (a, b): (*const V::Element, *const V::Element),
) -> [[V; COLUMNS]; ROWS] {
    // SAFETY: as of `tiles`.
    unsafe {
        let start = part * V::LANES;
        let whole = s.k as usize / PARTIALS;
        let left = (s.k as usize % PARTIALS).saturating_sub(start).min(V::LANES);
        let (a_row, b_row) = (s.a_row as isize, s.b_row as isize);
        let (a, b) = (a.wrapping_add(start), b.wrapping_add(start));
        let mut sums = [[V::zero(); COLUMNS]; ROWS];
        let (outer, a_off, b_off) = (s.outer as usize, s.a_off, s.b_off);
        let ahead = if part == 0 { s.ahead as isize } else { 0 };
        let run =
            |o: usize| (a.wrapping_offset(*a_off.add(o) as isize), b.wrapping_offset(*b_off.add(o) as isize));
        // Runs of the length of a block are many and short.
        if whole == 2 && left == 0 {
            for o in 0..outer {
                let (at, bt) = run(o);
                step(&mut sums, (at, a_row), (bt, b_row));
                step(&mut sums, (at.wrapping_add(PARTIALS), a_row), (bt.wrapping_add(PARTIALS), b_row));
            }
            return sums;
        }
        for o in 0..outer {
            let (mut at, mut bt) = run(o);
            for t in 0..whole {
                if ahead != 0 && t % 2 == 0 {
                    for i in 0..ROWS as isize {
                        fetch(at.wrapping_offset(i * a_row), ahead);
                    }
                }
                step(&mut sums, (at, a_row), (bt, b_row));
                (at, bt) = (at.wrapping_add(PARTIALS), bt.wrapping_add(PARTIALS));
            }
            if left == 0 {
                continue;
            }
            let mask = V::first(left);
            let mut columns = [V::zero(); COLUMNS];
            for (j, column) in columns.iter_mut().enumerate() {
                *column = V::load_masked(bt.offset(j as isize * b_row), mask);
            }
            for (i, row) in sums.iter_mut().enumerate() {
                let value = V::load_masked(at.offset(i as isize * a_row), mask);
                for (sum, column) in row.iter_mut().zip(columns) {
                    // A lane without a term keeps its sum: adding 0 would turn -0 to +0.
                    *sum = value.fma_masked(column, *sum, mask);
                }
            }
        }
        sums
    }
}

/// Adds the next term of each lane to the sums of a tile. The shorter side is kept in registers.
#[inline(always)]
unsafe fn step<V: Register, const ROWS: usize, const COLUMNS: usize>(
    sums: &mut [[V; COLUMNS]; ROWS],
    (a, a_row): (*const V::Element, isize),
    (b, b_row): (*const V::Element, isize),
) {
    // SAFETY: as of `tiles`.
    unsafe {
        if ROWS < COLUMNS {
            let mut values = [V::zero(); ROWS];
            for (i, value) in values.iter_mut().enumerate() {
                *value = V::load(a.offset(i as isize * a_row));
            }
            for j in 0..COLUMNS {
                let column = V::load(b.offset(j as isize * b_row));
                for (row, value) in sums.iter_mut().zip(values) {
                    row[j] = value.fma(column, row[j]);
                }
            }
        } else {
            let mut columns = [V::zero(); COLUMNS];
            for (j, column) in columns.iter_mut().enumerate() {
                *column = V::load(b.offset(j as isize * b_row));
            }
            for (i, row) in sums.iter_mut().enumerate() {
                let value = V::load(a.offset(i as isize * a_row));
                for (sum, column) in row.iter_mut().zip(columns) {
                    *sum = value.fma(column, *sum);
                }
            }
        }
    }
}

/// The table of a single run.
static ONE_RUN: [i32; 1] = [0];

/// Cuts a product into tiles of a table and computes them.
///
/// The operand with more rows is gone through once, some rows at a time, which meet all of the other one. Bands of
/// columns follow each other at every row of tiles, since they have terms in common. So many bytes of the other's rows are
/// near.
///
/// # Safety
/// The table's instruction set is available, and the operands hold all that the indices reach.
pub(super) unsafe fn product<T: Copy>(
    s: &Dot<T>,
    (table, short): (&Table<Kernel<T>>, &Short<T>),
    near: usize,
) {
    if s.m <= 0 || s.n <= 0 {
        return;
    }
    let single = s.outer == 1 && s.a_off.is_null() && s.b_off.is_null() && s.bands == 1;
    if let Some(short) = of_length(short, s.k).filter(|_| single && s.m <= FEW_ROWS) {
        // SAFETY: the caller's promise.
        return unsafe { short(s) };
    }
    let table_of = |off: *const i32| if off.is_null() { ONE_RUN.as_ptr() } else { off };
    let s = &Dot { a_off: table_of(s.a_off), b_off: table_of(s.b_off), ..*s };
    let [m, n] = [s.m as usize, s.n as usize];
    let steps = (s.k as usize).div_ceil(PARTIALS) * s.outer as usize;
    let best = table.sizes.chosen([m, n], steps, 0, |_| 0);
    let in_bands = s.bands != 1;
    let rows_first = m >= n;
    let (rows, columns) = table.sizes.of(best);
    let at_once = |tile: usize| (near / (steps * PARTIALS * size_of::<T>()).max(1) / tile).max(1) * tile;
    let (some_rows, some_columns) = match rows_first {
        _ if in_bands => (m, n),
        true => (at_once(rows), n),
        false => (m, at_once(columns)),
    };
    for row in (0..m).step_by(some_rows) {
        for column in (0..n).step_by(some_columns) {
            let extents = [some_rows.min(m - row), some_columns.min(n - column)];
            // Those that are kept are gone through again and again.
            table.sizes.cut(best, extents, !rows_first, |mut stretch| {
                stretch.row += row;
                stretch.column += column;
                // SAFETY: the caller's promise; every tile lies in the result.
                unsafe { tiles_of(s, table, &stretch) }
            });
        }
    }
}

/// Computes a stretch of tiles, in all bands.
///
/// # Safety
/// As of [`product`].
unsafe fn tiles_of<T: Copy>(s: &Dot<T>, table: &Table<Kernel<T>>, stretch: &Stretch) {
    let kernel = table.kernels[stretch.tile];
    let (rows, columns) = table.sizes.of(stretch.tile);
    let (rows, columns) = (rows as isize, columns as isize);
    let [down, along] = [
        [rows * s.a_row as isize, 0, rows * s.c_row as isize],
        [0, columns * s.b_row as isize, columns * s.c_col as isize],
    ];
    let (down, along) = match stretch.down {
        true => (Steps { count: stretch.count, by: down }, Steps { count: 1, by: along }),
        false => (Steps { count: stretch.times, by: down }, Steps { count: stretch.count, by: along }),
    };
    let mut first = At { a: s.a, b: s.b, c: s.c };
    first.step([
        stretch.row as isize * s.a_row as isize,
        stretch.column as isize * s.b_row as isize,
        stretch.row as isize * s.c_row as isize + stretch.column as isize * s.c_col as isize,
    ]);
    let args = |at: At<T>| Dot { a: at.a, b: at.b, c: at.c, ..*s };
    // SAFETY: the caller's promise; every tile lies in the result.
    unsafe {
        if s.bands == 1 {
            return kernel(&Run { args: args(first), tiles: along, lines: down });
        }
        let bands = Steps { count: s.bands as usize, by: [0, s.b_band as isize, s.c_band as isize] };
        let mut run = Run { args: args(first), tiles: bands, lines: down };
        for _ in 0..along.count {
            run.args = args(first);
            kernel(&run);
            first.step(along.by);
        }
    }
}
