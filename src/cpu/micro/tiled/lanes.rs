//! The product with the outputs as lanes, for any register.

use super::plan::Table;
use super::register::{Register, fetch};
use crate::cpu::micro::portable::offset;
use crate::cpu::micro::{Lanes, OLD, PLUS, SCALED, ZERO};

/// The code of a register tile of one instruction set, rows by vectors: by strides and by tables of offsets; for whole
/// vectors and for a masked last one.
pub(super) type Kernel<T> = [[Code<T>; 2]; 2];

/// Computes a run of tiles.
type Code<T> = unsafe fn(&Run<T>);

/// Equal tiles one after another, down the rows or along the columns.
pub(super) struct Run<T> {
    /// The product, with its operands at the first tile.
    args: Lanes<T>,
    /// How many tiles.
    tiles: usize,
    /// From tile to tile in `a`, `b` and `c`.
    next: [isize; 3],
    /// Lanes of the last vector that are meant.
    tail: usize,
}

/// Rows whose values are addressed from one pointer: it, its sums with the stride and twice the stride
/// as an instruction has them, and with thrice the stride.
const GROUP: usize = 4;

/// Rows of the tallest tile.
const MOST_ROWS: usize = 24;

/// The same pointer, of which the compiler does not know where it came from. Otherwise it computes
/// every row's address from the one before, a chain longer than the multiplications take, or keeps one
/// for each row where there are not enough registers.
#[inline(always)]
#[allow(clippy::pointers_in_nomem_asm_block)]
fn opaque<T>(mut pointer: *const T) -> *const T {
    // SAFETY: no instruction at all.
    unsafe {
        std::arch::asm!("/* {0} */", inlateout(reg) pointer, options(pure, nomem, nostack, preserves_flags))
    };
    pointer
}

/// A vector of a row of `VECTORS`, of which the last may be masked.
#[inline(always)]
pub(super) unsafe fn load<V: Register, const VECTORS: usize, const MASKED: bool>(
    row: *const V::Element,
    v: usize,
    mask: V::Mask,
) -> V {
    // SAFETY: as of the caller.
    unsafe {
        let from = row.add(v * V::LANES);
        if MASKED && v == VECTORS - 1 { V::load_masked(from, mask) } else { V::load(from) }
    }
}

/// The same to memory.
#[inline(always)]
pub(super) unsafe fn store<V: Register, const VECTORS: usize, const MASKED: bool>(
    value: V,
    row: *mut V::Element,
    v: usize,
    mask: V::Mask,
) {
    // SAFETY: as of the caller.
    unsafe {
        let to = row.add(v * V::LANES);
        if MASKED && v == VECTORS - 1 { value.store_masked(to, mask) } else { value.store(to) }
    }
}

/// Computes tiles of `ROWS` by `VECTORS` registers.
#[inline(always)]
pub(super) unsafe fn tiles<
    V,
    const ROWS: usize,
    const VECTORS: usize,
    const TABLES: bool,
    const MASKED: bool,
>(
    run: &Run<V::Element>,
) where
    V: Register,
{
    // SAFETY: the caller's operands hold all that the tiles reach; a masked last vector touches only
    // the lanes that are meant. The pointers that only wander beyond are not read.
    unsafe {
        let s = &run.args;
        let mask = V::first(run.tail);
        let load = |p: *const V::Element, v: usize| load::<V, VECTORS, MASKED>(p, v, mask);
        let (mut a, mut b, mut c) = (s.a, s.b, s.c);
        let (a_row, c_row) = (s.a_row as isize, s.c_row as isize);
        for _ in 0..run.tiles {
            let mut sums = [[V::zero(); VECTORS]; ROWS];
            if s.start == OLD {
                for (i, row) in sums.iter_mut().enumerate() {
                    for (v, sum) in row.iter_mut().enumerate() {
                        *sum = load(c.offset(i as isize * c_row), v);
                    }
                }
            }
            let mut at = [a; MOST_ROWS / GROUP];
            for (g, at) in at.iter_mut().enumerate().take(ROWS.div_ceil(GROUP)) {
                *at = a.wrapping_offset((g * GROUP) as isize * a_row);
            }
            let mut bt = b;
            for t in 0..s.k {
                let mut shift = 0;
                if TABLES {
                    shift = offset(s.a_off, s.a_step, t);
                    bt = b.offset(offset(s.b_off, s.b_step, t));
                }
                let mut columns = [V::zero(); VECTORS];
                for (v, column) in columns.iter_mut().enumerate() {
                    *column = load(bt, v);
                    if s.ahead != 0 && v % 2 == 1 {
                        fetch(bt.wrapping_add(v * V::LANES), s.ahead as isize);
                    }
                }
                for (g, rows) in sums.chunks_mut(GROUP).enumerate() {
                    let from = opaque(if TABLES { at[g].wrapping_offset(shift) } else { at[g] });
                    for (i, row) in rows.iter_mut().enumerate() {
                        let value = V::splat(*from.offset(i as isize * a_row));
                        for (sum, column) in row.iter_mut().zip(columns) {
                            *sum = value.fma(column, *sum);
                        }
                    }
                }
                if !TABLES {
                    for at in at.iter_mut().take(ROWS.div_ceil(GROUP)) {
                        *at = at.wrapping_offset(s.a_step as isize);
                    }
                    bt = bt.wrapping_offset(s.b_step as isize);
                }
            }
            if s.start != ZERO && s.start != OLD {
                for (i, row) in sums.iter_mut().enumerate() {
                    for (v, sum) in row.iter_mut().enumerate() {
                        *sum = ended(s, load(c.offset(i as isize * c_row), v), *sum);
                    }
                }
            }
            for (i, row) in sums.iter().enumerate() {
                for (v, sum) in row.iter().enumerate() {
                    store::<V, VECTORS, MASKED>(*sum, c.offset(i as isize * c_row), v, mask);
                }
            }
            a = a.wrapping_offset(run.next[0]);
            b = b.wrapping_offset(run.next[1]);
            c = c.wrapping_offset(run.next[2]);
        }
    }
}

/// A sum and what is left of the old value.
#[inline(always)]
pub(super) unsafe fn ended<V: Register>(s: &Lanes<V::Element>, old: V, sum: V) -> V {
    // SAFETY: as of the caller.
    unsafe {
        let scale = V::splat(s.scale);
        let old = match s.start {
            PLUS => old,
            SCALED => scale.times(old),
            _ => old.add(scale.times(old)),
        };
        old.add(sum)
    }
}

/// Sums of so few terms that the second operand stays in registers while the rows are gone through.
pub(super) struct Thin<T> {
    /// Vectors side by side in a row.
    pub vectors: usize,
    /// Their code for whole vectors and for a masked last one.
    pub run: [Code<T>; 2],
}

/// Those of one and of two terms, narrow ones first: as wide as leaves the second operand in registers.
pub(super) type Few<T> = [&'static [Thin<T>]; 2];

/// Computes as many rows as the run has tiles, of `VECTORS` registers each, from `TERMS` terms.
#[inline(always)]
pub(super) unsafe fn thin<V, const TERMS: usize, const VECTORS: usize, const MASKED: bool>(
    run: &Run<V::Element>,
) where
    V: Register,
{
    // SAFETY: as of `tiles`.
    unsafe {
        let s = &run.args;
        let mask = V::first(run.tail);
        let load = |p: *const V::Element, v: usize| load::<V, VECTORS, MASKED>(p, v, mask);
        let mut columns = [[V::zero(); VECTORS]; TERMS];
        for (t, columns) in columns.iter_mut().enumerate() {
            for (v, column) in columns.iter_mut().enumerate() {
                *column = load(s.b.offset(t as isize * s.b_step as isize), v);
            }
        }
        let (mut a, mut c) = (s.a, s.c);
        if s.start == PLUS {
            // The pass over a weight for each example: nothing but this.
            let (a_row, a_step, c_row) = (s.a_row as isize, s.a_step as isize, s.c_row as isize);
            for _ in 0..run.tiles {
                for v in 0..VECTORS {
                    let mut sum = V::zero();
                    for (t, columns) in columns.iter().enumerate() {
                        sum = V::splat(*a.offset(t as isize * a_step)).fma(columns[v], sum);
                    }
                    store::<V, VECTORS, MASKED>(load(c, v).add(sum), c, v, mask);
                }
                a = a.wrapping_offset(a_row);
                c = c.wrapping_offset(c_row);
            }
            return;
        }
        for _ in 0..run.tiles {
            let mut sums = [V::zero(); VECTORS];
            if s.start == OLD {
                for (v, sum) in sums.iter_mut().enumerate() {
                    *sum = load(c, v);
                }
            }
            for (t, columns) in columns.iter().enumerate() {
                let value = V::splat(*a.offset(t as isize * s.a_step as isize));
                for (sum, column) in sums.iter_mut().zip(columns) {
                    *sum = value.fma(*column, *sum);
                }
            }
            for (v, sum) in sums.iter_mut().enumerate() {
                if s.start != ZERO && s.start != OLD {
                    *sum = ended(s, load(c, v), *sum);
                }
                store::<V, VECTORS, MASKED>(*sum, c, v, mask);
            }
            a = a.wrapping_offset(s.a_row as isize);
            c = c.wrapping_offset(s.c_row as isize);
        }
    }
}

/// The widest code of a table, by its number of vectors, that so many columns fill but for a part of the last vector,
/// and how many lanes of that are meant. A table has narrow ones first; the first is of one vector.
pub(super) fn widest<K>(table: &[K], vectors: fn(&K) -> usize, columns: usize, lanes: usize) -> (&K, usize) {
    let widest = table.iter().rev().find(|k| vectors(k) <= columns.div_ceil(lanes)).unwrap_or(&table[0]);
    let before = (vectors(widest) - 1) * lanes;
    (widest, lanes.min(columns - before))
}

/// Goes through the rows for as many columns at a time as the widest of a table has, or those that are left.
unsafe fn product_of_few_terms<T: Copy>(s: &Lanes<T>, lanes: usize, few: &Few<T>) {
    let table = few[s.k as usize - 1];
    let mut column = 0;
    while column < s.n as usize {
        let (thin, tail) = widest(table, |thin| thin.vectors, s.n as usize - column, lanes);
        let (b, c) = (s.b.wrapping_add(column), s.c.wrapping_add(column));
        let run = Run { args: Lanes { b, c, ..*s }, tiles: s.m as usize, next: [0; 3], tail };
        // SAFETY: the caller's promise; what lies beyond the last column is masked out.
        unsafe { thin.run[usize::from(tail < lanes)](&run) };
        column += (thin.vectors - 1) * lanes + tail;
    }
}

/// Cuts a product into tiles of a table and computes them.
///
/// # Safety
/// The table's instruction set is available, and the operands hold all that the indices reach.
pub(super) unsafe fn product<T: Copy>(s: &Lanes<T>, lanes: usize, table: &Table<Kernel<T>>, few: &Few<T>) {
    if s.m <= 0 || s.n <= 0 {
        return;
    }
    let even = s.a_off.is_null() && s.b_off.is_null();
    if even && (1..=2).contains(&s.k) && s.m > FEW_ROWS {
        // SAFETY: the caller's promise.
        return unsafe { product_of_few_terms(s, lanes, few) };
    }
    // What is added at the end is added to the whole sum.
    let whole = s.start != ZERO && s.start != OLD;
    let at_once = if s.m > FEW_ROWS && s.n > FEW_COLUMNS && !whole { TERMS_AT_ONCE } else { s.k };
    let mut part = *s;
    let mut done = 0;
    loop {
        part.k = (s.k - done).min(at_once);
        // SAFETY: a part of the caller's product.
        unsafe { product_of_few(&part, lanes, table) };
        done += part.k;
        if done >= s.k {
            return;
        }
        // A sum that goes on from its rounded value is the same sum.
        part.start = OLD;
        if s.a_off.is_null() {
            part.a = part.a.wrapping_offset((part.k * s.a_step) as isize);
        } else {
            part.a_off = part.a_off.wrapping_offset(part.k as isize);
        }
        if s.b_off.is_null() {
            part.b = part.b.wrapping_offset((part.k * s.b_step) as isize);
        } else {
            part.b_off = part.b_off.wrapping_offset(part.k as isize);
        }
    }
}

/// Terms after which the next row or column of tiles is taken up, so that what of the operands is
/// used again stays in the first cache.
const TERMS_AT_ONCE: i64 = 128;

/// Up to so many rows too little of the second operand is used again.
const FEW_ROWS: i64 = 8;

/// Up to so many columns the second operand stays in the second cache anyway.
const FEW_COLUMNS: i64 = 64;

/// Bytes of the second operand that may be gone through for each row of tiles.
const NEAR: usize = 64 << 10;

/// Bytes of the second operand that stay in the first cache, and bytes a cycle that come from the second.
const FIRST_CACHE: usize = 12 << 10;
const SECOND_CACHE: usize = 25;

/// A product whose second operand need not be gone through in parts.
pub(super) unsafe fn product_of_few<T: Copy>(s: &Lanes<T>, lanes: usize, table: &Table<Kernel<T>>) {
    let n = s.n as usize;
    let tables = usize::from(!s.a_off.is_null() || !s.b_off.is_null());
    let (m, vectors) = (s.m as usize, n.div_ceil(lanes));
    let rows_first = m >= vectors * lanes && s.k as usize * n * size_of::<T>() <= NEAR;
    let (k, bytes) = (s.k as usize, lanes * size_of::<T>());
    let loads = |columns: usize| {
        let columns_met = if rows_first { vectors } else { columns };
        if k * columns_met * bytes <= FIRST_CACHE { 0 } else { columns * bytes * 2 / SECOND_CACHE }
    };
    let best = table.sizes.chosen([m, vectors], k, usize::from(rows_first), loads);
    table.sizes.cut(best, [m, vectors], rows_first, |stretch| {
        let kernel = &table.kernels[stretch.tile];
        let (rows, vectors) = table.sizes.of(stretch.tile);
        let (row, column) = (stretch.row as isize, (stretch.column * lanes) as isize);
        let width = vectors * lanes;
        let mut run = Run {
            args: Lanes {
                a: s.a.wrapping_offset(row * s.a_row as isize),
                b: s.b.wrapping_offset(column),
                c: s.c.wrapping_offset(row * s.c_row as isize + column),
                ..*s
            },
            tiles: stretch.count,
            next: [0, width as isize, width as isize],
            tail: lanes,
        };
        if stretch.down {
            run.next = [rows as isize * s.a_row as isize, 0, rows as isize * s.c_row as isize];
        }
        let across = if stretch.down { 1 } else { stretch.count };
        let end = stretch.column * lanes + across * width;
        let (a, b, c, below) = (run.args.a, run.args.b, run.args.c, rows as isize);
        for time in 0..stretch.times as isize {
            run.args.a = a.wrapping_offset(time * below * s.a_row as isize);
            run.args.c = c.wrapping_offset(time * below * s.c_row as isize);
            // SAFETY: the caller's promise; tiles lie in the result, but for lanes that are masked out.
            unsafe {
                if end <= n {
                    kernel[tables][0](&run);
                } else if stretch.down {
                    run.tail = lanes - (end - n);
                    kernel[tables][1](&run);
                } else {
                    run.args.b = b;
                    (run.tiles, run.tail) = (stretch.count - 1, lanes);
                    kernel[tables][0](&run);
                    run.skip(run.tiles);
                    (run.tiles, run.tail) = (1, lanes - (end - n));
                    kernel[tables][1](&run);
                }
            }
        }
    });
}

impl<T> Run<T> {
    fn skip(&mut self, tiles: usize) {
        let tiles = tiles as isize;
        self.args.a = self.args.a.wrapping_offset(tiles * self.next[0]);
        self.args.b = self.args.b.wrapping_offset(tiles * self.next[1]);
        self.args.c = self.args.c.wrapping_offset(tiles * self.next[2]);
    }
}
