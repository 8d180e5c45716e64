//! The product with the outputs as lanes and few numbers of the left operand that count, for any register.

use super::lanes::{self, Few, Kernel, ended, load, store, widest};
use super::plan::Table;
use super::register::{Register, in_register};
use crate::cpu::micro::{DECAYED, Known, Lanes, OLD, PLUS, SCALED, ZERO};
use crate::kernel::zeros::{BLOCK, left_out};

/// What an instruction set has for it.
pub(super) struct Sparse<T: 'static> {
    /// Rows of each width, narrow ones first; the first is of one vector.
    pub rows: &'static [Rows<T>],
    /// Marks the numbers of a block of the left operand that are not zero.
    pub marks: Marker<T>,
    /// Adds sums, which stand where the left operand is, to the old values.
    pub ends: unsafe fn(&Lanes<T>),
}

/// See [`Sparse::marks`].
pub(super) type Marker<T> = unsafe fn(&Lanes<T>, &mut Known);

/// Rows so many vectors wide.
pub(super) struct Rows<T> {
    /// Vectors side by side in a row.
    pub vectors: usize,
    /// Their code for whole vectors and for a masked last one.
    pub run: [Code<T>; 2],
}

/// What it has for all other products.
pub(super) type Dense<'a, T> = (&'a Table<Kernel<T>>, &'a Few<T>);

/// Computes the rows of a block.
type Code<T> = unsafe fn(&Run<'_, T>);

/// A block of rows and terms.
pub(super) struct Run<'a, T> {
    /// The product of the block.
    args: Lanes<T>,
    /// The terms that count.
    known: &'a Known,
    /// Lanes of the last vector that are meant.
    tail: usize,
}

/// See [`Code`].
#[inline(always)]
pub(super) unsafe fn rows<V, const VECTORS: usize, const MASKED: bool>(run: &Run<'_, V::Element>)
where
    V: Register,
{
    let of = |start| Run { args: Lanes { start, ..run.args }, ..*run };
    // SAFETY: the caller's operands hold all that a block reaches; a masked last vector touches only the lanes
    // that are meant.
    unsafe {
        // What becomes of the old values is known in each of these, and not asked again for every row.
        match run.args.start {
            ZERO if run.known.ones == 1 => each_row::<V, VECTORS, MASKED, true>(&of(ZERO)),
            OLD if run.known.ones == 1 => each_row::<V, VECTORS, MASKED, true>(&of(OLD)),
            ZERO => each_row::<V, VECTORS, MASKED, false>(&of(ZERO)),
            OLD => each_row::<V, VECTORS, MASKED, false>(&of(OLD)),
            PLUS => each_row::<V, VECTORS, MASKED, false>(&of(PLUS)),
            SCALED => each_row::<V, VECTORS, MASKED, false>(&of(SCALED)),
            _ => each_row::<V, VECTORS, MASKED, false>(&of(DECAYED)),
        }
    }
}

#[inline(always)]
unsafe fn each_row<V, const VECTORS: usize, const MASKED: bool, const ONES: bool>(run: &Run<'_, V::Element>)
where
    V: Register,
{
    // SAFETY: as of `rows`.
    unsafe {
        let s = &run.args;
        if s.k == 1 {
            return of_one_term::<V, VECTORS, MASKED>(run);
        }
        let (mut a, mut c) = (s.a, s.c);
        let marks = &run.known.marks[..s.m as usize];
        // Rows that fill half of the registers, of which 16 are sure, go one by one.
        let (pairs, last) = if VECTORS < 8 { marks.as_chunks::<2>() } else { (&[][..], marks) };
        for marks in pairs {
            some_rows::<V, 2, VECTORS, MASKED, ONES>(run, a, c, *marks);
            a = a.wrapping_offset(2 * s.a_row as isize);
            c = c.wrapping_offset(2 * s.c_row as isize);
        }
        for marks in last {
            some_rows::<V, 1, VECTORS, MASKED, ONES>(run, a, c, [*marks]);
            a = a.wrapping_offset(s.a_row as isize);
            c = c.wrapping_offset(s.c_row as isize);
        }
    }
}

/// The rows of a product of one term: those of which it counts, and the others if something becomes of them.
#[inline(always)]
unsafe fn of_one_term<V: Register, const VECTORS: usize, const MASKED: bool>(run: &Run<'_, V::Element>) {
    // SAFETY: as of `rows`.
    unsafe {
        let s = &run.args;
        let mask = V::first(run.tail);
        let mut columns = [V::zero(); VECTORS];
        for (v, column) in columns.iter_mut().enumerate() {
            *column = load::<V, VECTORS, MASKED>(s.b, v, mask);
        }
        let counts = run.known.marks[0];
        let mut left = if matches!(s.start, OLD | PLUS) { counts } else { u64::MAX >> (BLOCK as i64 - s.m) };
        while left != 0 {
            let i = left.trailing_zeros() as isize;
            left &= left - 1;
            let row = s.c.offset(i * s.c_row as isize);
            let value = V::splat(*s.a.offset(i * s.a_row as isize));
            for (v, column) in columns.iter().enumerate() {
                let old = || load::<V, VECTORS, MASKED>(row, v, mask);
                let mut sum = if s.start == OLD { old() } else { V::zero() };
                if counts >> i & 1 != 0 {
                    sum = value.fma(*column, sum);
                }
                if s.start != ZERO && s.start != OLD {
                    sum = ended(s, old(), sum);
                }
                store::<V, VECTORS, MASKED>(sum, row, v, mask);
            }
        }
    }
}

/// As many rows at once, so that a multiply-add need not wait for the one before. Of numbers that are all 1 the products
/// are the right operand's.
#[inline(always)]
unsafe fn some_rows<
    V: Register,
    const ROWS: usize,
    const VECTORS: usize,
    const MASKED: bool,
    const ONES: bool,
>(
    run: &Run<'_, V::Element>,
    a: *const V::Element,
    c: *mut V::Element,
    mut marks: [u64; ROWS],
) {
    // SAFETY: as of `rows`.
    unsafe {
        let s = &run.args;
        let mask = V::first(run.tail);
        if matches!(s.start, OLD | PLUS) && marks == [0; ROWS] {
            return;
        }
        let mut nothing = [false; ROWS];
        for (nothing, marks) in nothing.iter_mut().zip(marks) {
            *nothing = marks == 0;
        }
        let mut sums = [[V::zero(); VECTORS]; ROWS];
        if s.start == OLD {
            for (i, sums) in sums.iter_mut().enumerate() {
                let row = c.offset(i as isize * s.c_row as isize);
                for (v, sum) in sums.iter_mut().enumerate() {
                    *sum = load::<V, VECTORS, MASKED>(row, v, mask);
                }
            }
        }
        let term = |i: usize, marks: &mut u64, sums: &mut [V; VECTORS]| {
            let t = marks.trailing_zeros() as isize;
            *marks &= *marks - 1;
            let row = in_register(s.b.offset(t * s.b_step as isize));
            if ONES {
                for (v, sum) in sums.iter_mut().enumerate() {
                    *sum = sum.add(load::<V, VECTORS, MASKED>(row, v, mask));
                }
                return;
            }
            let value = V::splat(*a.offset(i as isize * s.a_row as isize + t * s.a_step as isize));
            for (v, sum) in sums.iter_mut().enumerate() {
                *sum = value.fma(load::<V, VECTORS, MASKED>(row, v, mask), *sum);
            }
        };
        while marks.iter().all(|marks| *marks != 0) {
            for i in 0..ROWS {
                term(i, &mut marks[i], &mut sums[i]);
            }
        }
        for i in 0..ROWS {
            while marks[i] != 0 {
                term(i, &mut marks[i], &mut sums[i]);
            }
        }
        for (i, sums) in sums.iter_mut().enumerate() {
            if s.start == PLUS && nothing[i] {
                continue;
            }
            let row = c.offset(i as isize * s.c_row as isize);
            for (v, sum) in sums.iter_mut().enumerate() {
                if s.start != ZERO && s.start != OLD {
                    *sum = ended(s, load::<V, VECTORS, MASKED>(row, v, mask), *sum);
                }
                store::<V, VECTORS, MASKED>(*sum, row, v, mask);
            }
        }
    }
}

/// See [`Sparse`].
#[inline(always)]
pub(super) unsafe fn marks<V: Register>(s: &Lanes<V::Element>, known: &mut Known) {
    // SAFETY: the left operand has all of the block.
    unsafe {
        let (rows, terms) = (s.m as usize, s.k as usize);
        let counts = |value: V::Element| value != V::Element::default();
        let Known { count, ones, marks } = known;
        *ones = 0;
        if terms == 1 {
            // A bit a row, all in one mark.
            let mut bits = 0_u64;
            let mut i = 0;
            while s.a_row == 1 && i + V::LANES <= rows {
                bits |= V::load(s.a.add(i)).nonzeros() << i;
                i += V::LANES;
            }
            for i in i..rows {
                bits |= u64::from(counts(*s.a.offset(i as isize * s.a_row as isize))) << i;
            }
            marks[0] = bits;
            *count = bits.count_ones();
            return;
        }
        if s.a_step == 1 {
            // `x * x - x` is 0 of 0 and of 1 alone.
            let negative = V::splat(V::minus_one());
            let mut others = 0;
            let mut bits = |x: V| {
                others |= x.fma(x, x.times(negative)).nonzeros();
                x.nonzeros()
            };
            for (i, mark) in marks.iter_mut().enumerate().take(rows) {
                let row = s.a.offset(i as isize * s.a_row as isize);
                *mark = 0;
                let mut t = 0;
                if terms == BLOCK {
                    while t < BLOCK {
                        *mark |= bits(V::load(row.add(t))) << t;
                        t += V::LANES;
                    }
                    continue;
                }
                while t + V::LANES <= terms {
                    *mark |= bits(V::load(row.add(t))) << t;
                    t += V::LANES;
                }
                if t < terms {
                    *mark |= bits(V::load_masked(row.add(t), V::first(terms - t))) << t;
                }
            }
            *ones = u32::from(others == 0);
        } else {
            // Rows are neighbours, as a rule; halves of a mark, so that as many fit in a vector as numbers.
            let mut halves = [[0_u32; BLOCK]; 2];
            for t in 0..terms {
                let column = s.a.offset(t as isize * s.a_step as isize);
                let half = &mut halves[t / 32];
                let bit = 1_u32 << (t % 32);
                if s.a_row == 1 {
                    let column = std::slice::from_raw_parts(column, rows);
                    for (half, value) in half.iter_mut().zip(column) {
                        *half |= if counts(*value) { bit } else { 0 };
                    }
                } else {
                    for (i, half) in half.iter_mut().enumerate().take(rows) {
                        *half |= if counts(*column.offset(i as isize * s.a_row as isize)) { bit } else { 0 };
                    }
                }
            }
            for (i, mark) in marks.iter_mut().enumerate().take(rows) {
                *mark = u64::from(halves[0][i]) | u64::from(halves[1][i]) << 32;
            }
        }
        *count = marks[..rows].iter().map(|mark| mark.count_ones()).sum();
    }
}

/// Marks all blocks of a matrix; see [`MarksKernel`](crate::cpu::micro::MarksKernel).
///
/// # Safety
/// As of the marker, and there is room for the blocks.
pub(super) unsafe fn mark<T: Default>(
    marker: Marker<T>,
    (a, a_row): (*const T, i64),
    [rows, terms]: [i64; 2],
    (known, across): (*mut Known, i64),
) {
    let side = BLOCK as i64;
    for row in (0..rows).step_by(BLOCK) {
        for term in (0..terms).step_by(BLOCK) {
            let block = Lanes {
                a: a.wrapping_offset((row * a_row + term) as isize),
                b: std::ptr::null(),
                c: std::ptr::null_mut(),
                a_off: std::ptr::null(),
                b_off: std::ptr::null(),
                a_row,
                a_step: 1,
                b_step: 0,
                c_row: 0,
                m: (rows - row).min(side),
                n: 0,
                k: (terms - term).min(side),
                start: ZERO,
                known: std::ptr::null_mut(),
                ahead: 0,
                scale: T::default(),
            };
            // SAFETY: the caller's promise.
            unsafe { marker(&block, &mut *known.offset((row / side * across + term / side) as isize)) };
        }
    }
}

/// See [`Sparse`].
#[inline(always)]
pub(super) unsafe fn ends<V: Register>(s: &Lanes<V::Element>) {
    // SAFETY: the caller's operands have the rows and columns.
    unsafe {
        let sums = std::slice::from_raw_parts(s.a, s.m as usize * BLOCK);
        for (i, sums) in sums.chunks_exact(BLOCK).enumerate() {
            let row = std::slice::from_raw_parts_mut(s.c.offset(i as isize * s.c_row as isize), s.n as usize);
            for (old, sum) in row.iter_mut().zip(sums) {
                let kept = match s.start {
                    PLUS => *old,
                    SCALED => V::product(s.scale, *old),
                    _ => V::plus(*old, V::product(s.scale, *old)),
                };
                *old = V::plus(kept, *sum);
            }
        }
    }
}

/// Cuts a product into blocks, and leaves out the zeros of those that have many.
///
/// # Safety
/// The tables' instruction set is available, and the operands hold all that the strides reach.
pub(super) unsafe fn product<T: Copy + Default>(
    s: &Lanes<T>,
    width: usize,
    dense: Dense<'_, T>,
    sparse: &Sparse<T>,
) {
    if s.m <= 0 || s.n <= 0 {
        return;
    }
    if s.k <= 0 {
        // SAFETY: the caller's promise.
        return unsafe { lanes::product(s, width, dense.0, dense.1) };
    }
    let side = BLOCK as i64;
    let whole = s.start != ZERO && s.start != OLD;
    let mut found = Found::of(s);
    if !whole || s.k <= side {
        // SAFETY: the caller's promise.
        unsafe { blocks(s, &mut found, width, dense, sparse) };
        return found.keep();
    }
    // What is added at the end is added to the whole sum, which is found aside.
    let mut aside = [[T::default(); BLOCK]; BLOCK];
    for row in (0..s.m).step_by(BLOCK) {
        for column in (0..s.n).step_by(BLOCK) {
            let part = Lanes {
                a: s.a.wrapping_offset((row * s.a_row) as isize),
                b: s.b.wrapping_offset(column as isize),
                c: s.c.wrapping_offset((row * s.c_row + column) as isize),
                m: (s.m - row).min(side),
                n: (s.n - column).min(side),
                ..*s
            };
            found.row = row;
            let sums = aside.as_mut_ptr().cast();
            // SAFETY: a part of the caller's product, for which there is room aside.
            unsafe {
                blocks(
                    &Lanes { c: sums, c_row: side, start: ZERO, ..part },
                    &mut found,
                    width,
                    dense,
                    sparse,
                );
                (sparse.ends)(&Lanes { a: sums, ..part });
            }
        }
    }
    found.keep();
}

/// What is known of a left operand, or found out.
struct Found {
    /// The word that says whether it is known, and the blocks behind it.
    kept: *mut u64,
    known: bool,
    /// Blocks of a row of them.
    across: usize,
    /// The row of the operand from which a part begins.
    row: i64,
    /// The block that was looked at last, where none are kept.
    one: Known,
}

impl Found {
    fn of<T>(s: &Lanes<T>) -> Found {
        // SAFETY: the caller's memory begins with a word.
        let known = !s.known.is_null() && unsafe { *s.known != 0 };
        let one = Known { count: 0, ones: 0, marks: [0; BLOCK] };
        Found { kept: s.known, known, across: (s.k as usize).div_ceil(BLOCK), row: 0, one }
    }

    /// A block, which may have to be looked at by `look`.
    ///
    /// # Safety
    /// What is kept has room for all blocks of the operand.
    unsafe fn block(&mut self, row: i64, term: i64, look: impl FnOnce(&mut Known)) -> &Known {
        let nth = (self.row + row) as usize / BLOCK * self.across + term as usize / BLOCK;
        let block = if self.kept.is_null() {
            &mut self.one
        } else {
            // SAFETY: the caller's promise.
            unsafe { &mut *self.kept.add(1).cast::<Known>().add(nth) }
        };
        if !self.known {
            look(block);
        }
        block
    }

    /// All has been looked at.
    fn keep(self) {
        if !self.kept.is_null() && !self.known {
            // SAFETY: as of `of`.
            unsafe { *self.kept = 1 };
        }
    }
}

/// A product whose sums need not be whole before they are added to the old values, or are so after one block.
unsafe fn blocks<T: Copy>(
    s: &Lanes<T>,
    found: &mut Found,
    width: usize,
    dense: Dense<'_, T>,
    sparse: &Sparse<T>,
) {
    let side = BLOCK as i64;
    for row in (0..s.m).step_by(BLOCK) {
        let part = |term: i64, end: i64| Lanes {
            a: s.a.wrapping_offset((row * s.a_row + term * s.a_step) as isize),
            b: s.b.wrapping_offset((term * s.b_step) as isize),
            c: s.c.wrapping_offset((row * s.c_row) as isize),
            m: (s.m - row).min(side),
            k: end.min(s.k) - term,
            start: if term == 0 { s.start } else { OLD },
            ..*s
        };
        // Blocks of which all counts are taken together.
        let mut whole_from = 0;
        for term in (0..s.k).step_by(BLOCK) {
            let block = part(term, term + side);
            // SAFETY: parts of the caller's product.
            unsafe {
                let known = found.block(row, term, |known| (sparse.marks)(&block, known));
                if left_out(known.count as usize, block.m as usize, block.k as usize) {
                    if whole_from < term {
                        lanes::product(&part(whole_from, term), width, dense.0, dense.1);
                    }
                    few(&block, known, width, sparse.rows);
                    whole_from = term + side;
                }
            }
        }
        if whole_from < s.k {
            // SAFETY: as above.
            unsafe { lanes::product(&part(whole_from, s.k), width, dense.0, dense.1) };
        }
    }
}

/// A block of which few numbers count.
unsafe fn few<T: Copy>(s: &Lanes<T>, known: &Known, lanes: usize, table: &[Rows<T>]) {
    let mut column = 0;
    while column < s.n as usize {
        let (rows, tail) = widest(table, |rows| rows.vectors, s.n as usize - column, lanes);
        let (b, c) = (s.b.wrapping_add(column), s.c.wrapping_add(column));
        let run = Run { args: Lanes { b, c, ..*s }, known, tail };
        // SAFETY: the caller's promise; what lies beyond the last column is masked out.
        unsafe { rows.run[usize::from(tail < lanes)](&run) };
        column += (rows.vectors - 1) * lanes + tail;
    }
}
