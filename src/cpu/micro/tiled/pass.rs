//! A sum over a matrix's rows or along them, and the update of the matrix by an outer product, in one pass: what steps of
//! one example do to a weight.

use super::dot::{self, Line, SHORT, Short, and_of_line, ends, of_length, of_line};
use super::lanes::{self, Few, load, store, widest};
use super::plan::Table;
use super::register::{Register, claim};
use crate::cpu::micro::{Dot, Lanes, OLD, PARTIALS, PLUS, ZERO};

/// A row times the matrix, which is then updated; so many vectors of columns.
pub(super) struct Down<T> {
    /// Vectors side by side.
    pub vectors: usize,
    /// Their code for whole vectors and for a masked last one.
    pub run: [unsafe fn(&Pass<T>); 2],
}

/// Sums along the rows of a matrix, and its update, as [`Short`] has them.
pub(super) type Along<T> = [[unsafe fn(&Dot<T>, &Lanes<T>); 2]; SHORT];

/// Rows ahead that are brought near to be written.
const CLAIMED: isize = 8;

/// Both products of a pass, with their operands at its first column.
pub(super) struct Pass<T> {
    sum: Lanes<T>,
    update: Lanes<T>,
    tail: usize,
}

/// See [`Down`].
#[inline(always)]
pub(super) unsafe fn down<V: Register, const VECTORS: usize, const MASKED: bool>(pass: &Pass<V::Element>) {
    // SAFETY: the caller's operands hold all that the rows reach; a masked last vector touches only the lanes that
    // are meant.
    unsafe {
        let (s, u) = (&pass.sum, &pass.update);
        let mask = V::first(pass.tail);
        let (mut sums, mut columns) = ([V::zero(); VECTORS], [V::zero(); VECTORS]);
        for v in 0..VECTORS {
            columns[v] = load::<V, VECTORS, MASKED>(u.b, v, mask);
            if s.start == OLD {
                sums[v] = load::<V, VECTORS, MASKED>(s.c, v, mask);
            }
        }
        let (mut a, mut by, mut row) = (s.a, u.a, u.c);
        for _ in 0..s.k {
            let (value, factor) = (V::splat(*a), V::splat(*by));
            let coming = row.wrapping_offset(CLAIMED * u.c_row as isize);
            for v in 0..VECTORS {
                claim(coming.wrapping_add(v * V::LANES));
                let old = load::<V, VECTORS, MASKED>(row, v, mask);
                sums[v] = value.fma(old, sums[v]);
                let new = old.add(factor.fma(columns[v], V::zero()));
                store::<V, VECTORS, MASKED>(new, row, v, mask);
            }
            a = a.wrapping_offset(s.a_step as isize);
            by = by.wrapping_offset(u.a_row as isize);
            row = row.wrapping_offset(u.c_row as isize);
        }
        for (v, sum) in sums.into_iter().enumerate() {
            store::<V, VECTORS, MASKED>(sum, s.c, v, mask);
        }
    }
}

/// See [`Along`]: rows of `STEPS` times 16 terms.
#[inline(always)]
pub(super) unsafe fn along<V, const PARTS: usize, const STEPS: usize, const MASKED: bool>(
    s: &Dot<V::Element>,
    u: &Lanes<V::Element>,
) where
    V: Register,
{
    // SAFETY: the caller's operands hold all that the rows reach; what is masked is not touched.
    unsafe {
        let masks = ends::<V, PARTS, STEPS>(s.k);
        let mut values: Line<V, PARTS, STEPS> = [[V::zero(); PARTS]; STEPS];
        for (t, values) in values.iter_mut().enumerate() {
            for (part, value) in values.iter_mut().enumerate() {
                *value = of_line::<V, PARTS, STEPS, MASKED>(s.a, (t, part), masks);
            }
        }
        let (mut by, mut row, mut c) = (u.a, u.c, s.c);
        let (a_row, c_row, c_col) = (u.a_row as isize, u.c_row as isize, s.c_col as isize);
        for _ in 0..s.n / 4 {
            let mut four = [[V::zero(); PARTS]; 4];
            for of_row in &mut four {
                *of_row = sums_of_row::<V, PARTS, STEPS, MASKED>(&values, row, *by, u.b, masks);
                (by, row) = (by.wrapping_offset(a_row), row.wrapping_offset(c_row));
            }
            for sum in V::trees(four) {
                *c = sum;
                c = c.wrapping_offset(c_col);
            }
        }
        for _ in 0..s.n % 4 {
            *c = V::tree(sums_of_row::<V, PARTS, STEPS, MASKED>(&values, row, *by, u.b, masks));
            (by, row) = (by.wrapping_offset(a_row), row.wrapping_offset(c_row));
            c = c.wrapping_offset(c_col);
        }
    }
}

/// The partial sums of a row, to which so many times `b` is then added.
#[inline(always)]
unsafe fn sums_of_row<V: Register, const PARTS: usize, const STEPS: usize, const MASKED: bool>(
    values: &Line<V, PARTS, STEPS>,
    row: *mut V::Element,
    factor: V::Element,
    b: *const V::Element,
    masks: [V::Mask; PARTS],
) -> [V; PARTS] {
    // SAFETY: as of `along`.
    unsafe {
        let factor = V::splat(factor);
        let mut sums = [V::zero(); PARTS];
        for (t, values) in values.iter().enumerate() {
            for (part, sum) in sums.iter_mut().enumerate() {
                let at = (t, part);
                let old = of_line::<V, PARTS, STEPS, MASKED>(row, at, masks);
                *sum = and_of_line::<V, PARTS, STEPS, MASKED>(*sum, [values[part], old], at, masks);
                let b = of_line::<V, PARTS, STEPS, MASKED>(b, at, masks);
                let new = old.add(factor.fma(b, V::zero()));
                let to = row.add(t * PARTIALS + part * V::LANES);
                if MASKED && t == STEPS - 1 { new.store_masked(to, masks[part]) } else { new.store(to) }
            }
        }
        sums
    }
}

/// Whether an update is by an outer product, without tables.
fn outer<T>(update: &Lanes<T>) -> bool {
    update.k == 1 && update.start == PLUS && update.a_off.is_null() && update.b_off.is_null()
}

/// A row times a matrix, and the matrix plus an outer product; one after the other where they are not of that kind.
///
/// # Safety
/// The table's instruction set is available, and the operands of both hold all that the indices reach. The matrix is `b` of
/// the first and `c` of the second, of the same rows and columns; neither touches anything else that the other writes.
pub(super) unsafe fn lanes<T: Copy>(
    sum: &Lanes<T>,
    update: &Lanes<T>,
    width: usize,
    table: &[Down<T>],
    (tiles, few): (&Table<lanes::Kernel<T>>, &Few<T>),
) {
    let even = sum.a_off.is_null() && sum.b_off.is_null();
    if sum.m != 1 || !even || !matches!(sum.start, ZERO | OLD) || !outer(update) {
        // SAFETY: the caller's promise.
        return unsafe {
            lanes::product(sum, width, tiles, few);
            lanes::product(update, width, tiles, few);
        };
    }
    let mut column = 0;
    while column < sum.n as usize {
        let (down, tail) = widest(table, |down| down.vectors, sum.n as usize - column, width);
        let at = |s: &Lanes<T>| Lanes { b: s.b.wrapping_add(column), c: s.c.wrapping_add(column), ..*s };
        let pass = Pass { sum: at(sum), update: at(update), tail };
        // SAFETY: the caller's promise; what lies beyond the last column is masked out.
        unsafe { down.run[usize::from(tail < width)](&pass) };
        column += (down.vectors - 1) * width + tail;
    }
}

/// Sums along the rows of a matrix, and the matrix plus an outer product; one after the other where they are not of that
/// kind.
///
/// # Safety
/// As of [`lanes`].
pub(super) unsafe fn dot<T: Copy>(
    sums: &Dot<T>,
    update: &Lanes<T>,
    width: usize,
    table: &Along<T>,
    (tiles, short, near): (&Table<dot::Kernel<T>>, &Short<T>, usize),
    (lanes_tiles, few): (&Table<lanes::Kernel<T>>, &Few<T>),
) {
    let single =
        sums.m == 1 && sums.outer == 1 && sums.bands == 1 && sums.a_off.is_null() && sums.b_off.is_null();
    let along = of_length(table, sums.k).filter(|_| single && sums.start == ZERO && outer(update));
    // SAFETY: the caller's promise.
    unsafe {
        match along {
            Some(along) => along(sums, update),
            None => {
                dot::product(sums, (tiles, short), near);
                lanes::product(update, width, lanes_tiles, few);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use crate::cpu::Isa;
    use crate::cpu::micro::{Dot, Lanes, OLD, PLUS, SCALED, ZERO, products_f32, products_f64};
    use std::ptr::{null, null_mut};

    macro_rules! passes {
        ($t:ty, $products:ident) => {
            // One after the other in the portable form, and whatever an instruction set does; the same bits of all.
            for isa in Isa::ALL.into_iter().filter(|isa| isa.available()) {
                let (plain, own) = ($products(Isa::Portable), $products(isa));
                let mut seed = 1u32;
                let mut number = || {
                    seed = seed.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
                    let special = [0.0, -0.0, <$t>::MIN_POSITIVE, -<$t>::MIN_POSITIVE];
                    let ordinary = (f64::from(seed >> 8) / f64::from(1 << 23) - 1.0) as $t;
                    special.get(seed as usize >> 8 & 63).copied().unwrap_or(ordinary)
                };
                let widths = (1..=8).flat_map(|v| [8 * v - 1, 8 * v, 16 * v, 16 * v + 3]);
                for (columns, rows) in widths.flat_map(|n| [0, 1, 4, 13].map(|rows| (n, rows))) {
                    for (start, ends) in [(ZERO, PLUS), (OLD, PLUS), (ZERO, OLD), (SCALED, PLUS)] {
                        let stride = columns + 2;
                        let mut many = |count: usize| (0..count).map(|_| number()).collect::<Vec<$t>>();
                        let (a, b, by) = (many(rows.max(columns)), many(columns), many(2 * rows));
                        let (matrix, sums) = (many(rows * stride), many(rows.max(columns)));
                        let lanes = |a: &[$t], b: *const $t, c: *mut $t| Lanes::<$t> {
                            a: a.as_ptr(),
                            b,
                            c,
                            a_off: null(),
                            b_off: null(),
                            a_row: 2,
                            a_step: 1,
                            b_step: stride as i64,
                            c_row: stride as i64,
                            m: 1,
                            n: columns as i64,
                            k: rows as i64,
                            start,
                            known: null_mut(),
                            ahead: 0,
                            scale: 0.5,
                        };
                        let update = |w: &mut Vec<$t>| Lanes {
                            m: rows as i64,
                            k: 1,
                            start: ends,
                            ..lanes(&by, b.as_ptr(), w.as_mut_ptr())
                        };
                        let along = |w: &Vec<$t>, c: &mut Vec<$t>| Dot::<$t> {
                            a: a.as_ptr(),
                            b: w.as_ptr(),
                            c: c.as_mut_ptr(),
                            a_off: null(),
                            b_off: null(),
                            outer: 1,
                            a_row: 0,
                            b_row: stride as i64,
                            c_row: 0,
                            c_col: 1,
                            m: 1,
                            n: rows as i64,
                            bands: 1,
                            b_band: 0,
                            c_band: 0,
                            ahead: 0,
                            k: columns as i64,
                            start,
                            scale: 0.5,
                        };
                        let bits = |of: &[$t]| of.iter().map(|x| x.to_bits()).collect::<Vec<_>>();
                        for dots in [false, true] {
                            let [mut one, mut other] = [(); 2].map(|()| (matrix.clone(), sums.clone()));
                            // SAFETY: the operands are as large as their extents say.
                            unsafe {
                                let down = lanes(&a, one.0.as_ptr(), one.1.as_mut_ptr());
                                match dots {
                                    false => (plain.lanes)(&down),
                                    true => (plain.dot)(&along(&one.0, &mut one.1)),
                                }
                                (plain.lanes)(&update(&mut one.0));
                                let down = lanes(&a, other.0.as_ptr(), other.1.as_mut_ptr());
                                let then = update(&mut other.0);
                                match dots {
                                    false => (own.lanes_update)(&down, &then),
                                    true => (own.dot_update)(&along(&other.0, &mut other.1), &then),
                                }
                            }
                            let case = format!("{isa:?} {rows} by {columns}, {start} {ends} {dots}");
                            assert_eq!(bits(&one.0), bits(&other.0), "the matrix, {case}");
                            assert_eq!(bits(&one.1), bits(&other.1), "the sums, {case}");
                        }
                    }
                }
            }
        };
    }

    #[test]
    fn a_pass_is_a_product_and_an_update() {
        passes!(f32, products_f32);
        passes!(f64, products_f64);
    }
}
