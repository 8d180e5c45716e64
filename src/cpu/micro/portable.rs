//! The products without vectors: the contract written down as loops.

use super::{Dot, Lanes, OLD, PARTIALS, PLUS, Products, SCALED, ZERO};
use crate::kernel::zeros::{BLOCK, left_out};

/// In f32.
pub(super) const F32: Products<f32> = Products {
    lanes: lanes_f32,
    sparse: sparse_f32,
    marks: None,
    dot: dot_f32,
    lanes_update: lanes_update_f32,
    dot_update: dot_update_f32,
};
/// In f64.
pub(super) const F64: Products<f64> = Products {
    lanes: lanes_f64,
    sparse: sparse_f64,
    marks: None,
    dot: dot_f64,
    lanes_update: lanes_update_f64,
    dot_update: dot_update_f64,
};

/// What a table says of an entry, or else the stride.
pub(super) unsafe fn offset(table: *const i32, step: i64, t: i64) -> isize {
    if table.is_null() {
        return (t * step) as isize;
    }
    // SAFETY: a table has an entry for every term.
    unsafe { *table.offset(t as isize) as isize }
}

macro_rules! products {
    ($t:ty, $product:ident, $lanes:ident, $sparse:ident, $dot:ident, $lanes_update:ident, $dot_update:ident) => {
        unsafe extern "C" fn $lanes_update(sum: *const Lanes<$t>, update: *const Lanes<$t>) {
            // SAFETY: as of each.
            unsafe {
                $lanes(sum);
                $lanes(update);
            }
        }

        unsafe extern "C" fn $dot_update(sums: *const Dot<$t>, update: *const Lanes<$t>) {
            // SAFETY: as of each.
            unsafe {
                $dot(sums);
                $lanes(update);
            }
        }

        unsafe extern "C" fn $lanes(args: *const Lanes<$t>) {
            // SAFETY: all that the indices reach lies in the operands.
            unsafe { $product(&*args, |_, _| false) }
        }

        unsafe extern "C" fn $sparse(args: *const Lanes<$t>) {
            // SAFETY: as above.
            unsafe {
                let s = &*args;
                let is_zero = |i: i64, t: i64| *s.a.offset((i * s.a_row + t * s.a_step) as isize) == 0.0;
                let side = BLOCK as i64;
                let blocks = |all: i64| (0..all).step_by(BLOCK).map(move |from| from..all.min(from + side));
                let mut few = Vec::new();
                for (rows, terms) in blocks(s.m).flat_map(|rows| blocks(s.k).map(move |k| (rows.clone(), k)))
                {
                    let (m, k) = (rows.end - rows.start, terms.end - terms.start);
                    let cells = rows.flat_map(|i| terms.clone().map(move |t| (i, t)));
                    let count = cells.filter(|(i, t)| !is_zero(*i, *t)).count();
                    few.push(left_out(count, m as usize, k as usize));
                }
                let across = (s.k + side - 1) / side;
                $product(s, |i, t| few[(i / side * across + t / side) as usize] && is_zero(i, t));
            }
        }

        /// A product without some terms of some rows.
        unsafe fn $product(s: &Lanes<$t>, without: impl Fn(i64, i64) -> bool) {
            // SAFETY: as above.
            unsafe {
                for i in 0..s.m {
                    for j in 0..s.n {
                        if s.start == PLUS
                            && (1..=BLOCK as i64).contains(&s.k)
                            && (0..s.k).all(|t| without(i, t))
                        {
                            continue;
                        }
                        let c = s.c.offset((i * s.c_row + j) as isize);
                        let mut sum = if s.start == OLD { *c } else { 0.0 };
                        for t in (0..s.k).filter(|t| !without(i, *t)) {
                            let a = *s.a.offset((i * s.a_row) as isize + offset(s.a_off, s.a_step, t));
                            let b = *s.b.offset(j as isize + offset(s.b_off, s.b_step, t));
                            sum = a.mul_add(b, sum);
                        }
                        *c = match s.start {
                            ZERO | OLD => sum,
                            PLUS => *c + sum,
                            SCALED => s.scale * *c + sum,
                            _ => (*c + s.scale * *c) + sum,
                        };
                    }
                }
            }
        }

        unsafe extern "C" fn $dot(args: *const Dot<$t>) {
            // SAFETY: all that the indices reach lies in the operands.
            unsafe {
                let s = &*args;
                for i in 0..s.m {
                    for (h, j) in (0..s.bands).flat_map(|h| (0..s.n).map(move |j| (h, j))) {
                        let mut partials = [0.0; PARTIALS];
                        for o in 0..s.outer {
                            let a = s.a.offset((i * s.a_row) as isize + offset(s.a_off, 0, o));
                            let b = s.b.offset((j * s.b_row + h * s.b_band) as isize + offset(s.b_off, 0, o));
                            for t in 0..s.k as usize {
                                let p = &mut partials[t % PARTIALS];
                                *p = (*a.add(t)).mul_add(*b.add(t), *p);
                            }
                        }
                        for half in [8, 4, 2, 1] {
                            for l in 0..half {
                                partials[l] += partials[l + half];
                            }
                        }
                        let c = s.c.offset((i * s.c_row + j * s.c_col + h * s.c_band) as isize);
                        *c = match s.start {
                            ZERO => partials[0],
                            OLD | PLUS => *c + partials[0],
                            SCALED => s.scale * *c + partials[0],
                            _ => (*c + s.scale * *c) + partials[0],
                        };
                    }
                }
            }
        }
    };
}

products!(f32, product_f32, lanes_f32, sparse_f32, dot_f32, lanes_update_f32, dot_update_f32);
products!(f64, product_f64, lanes_f64, sparse_f64, dot_f64, lanes_update_f64, dot_update_f64);
