//! The products without vectors: the contract written down as loops.

use super::{Dot, Lanes, OLD, PARTIALS, PLUS, Products, SCALED, ZERO};

/// In f32.
pub(super) const F32: Products<f32> = Products { lanes: lanes_f32, dot: dot_f32 };
/// In f64.
pub(super) const F64: Products<f64> = Products { lanes: lanes_f64, dot: dot_f64 };

/// What a table says of an entry, or else the stride.
pub(super) unsafe fn offset(table: *const i32, step: i64, t: i64) -> isize {
    if table.is_null() {
        return (t * step) as isize;
    }
    // SAFETY: a table has an entry for every term.
    unsafe { *table.offset(t as isize) as isize }
}

macro_rules! products {
    ($t:ty, $lanes:ident, $dot:ident) => {
        unsafe extern "C" fn $lanes(args: *const Lanes<$t>) {
            // SAFETY: all that the indices reach lies in the operands.
            unsafe {
                let s = &*args;
                for i in 0..s.m {
                    for j in 0..s.n {
                        let c = s.c.offset((i * s.c_row + j) as isize);
                        let mut sum = if s.start == OLD { *c } else { 0.0 };
                        for t in 0..s.k {
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
                    for j in 0..s.n {
                        let mut partials = [0.0; PARTIALS];
                        for o in 0..s.outer {
                            let a = s.a.offset((i * s.a_row) as isize + offset(s.a_off, 0, o));
                            let b = s.b.offset((j * s.b_row) as isize + offset(s.b_off, 0, o));
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
                        let c = s.c.offset((i * s.c_row + j * s.c_col) as isize);
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

products!(f32, lanes_f32, dot_f32);
products!(f64, lanes_f64, dot_f64);
