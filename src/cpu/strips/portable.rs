//! Element by element.

use super::{Function, Functions};
use crate::math::{double, single};

macro_rules! functions {
    ($t:ident, $module:ident, $($f:ident),*) => {
        Functions {
            $($f: {
                unsafe extern "C" fn strip(dst: *mut $t, src: *const $t, n: usize) {
                    for i in 0..n {
                        // SAFETY: the caller has n elements on both sides.
                        unsafe { *dst.add(i) = $module::$f(*src.add(i)) };
                    }
                }
                extern "C" fn call(x: $t) -> $t {
                    $module::$f(x)
                }
                Function { strip, call }
            },)*
            pow_strip: {
                unsafe extern "C" fn strip(dst: *mut $t, a: *const $t, b: *const $t, n: usize) {
                    for i in 0..n {
                        // SAFETY: the caller has n elements in each.
                        unsafe { *dst.add(i) = $module::pow(*a.add(i), *b.add(i)) };
                    }
                }
                strip
            },
            pow_call: {
                extern "C" fn call(a: $t, b: $t) -> $t {
                    $module::pow(a, b)
                }
                call
            },
        }
    };
}

/// In f32.
pub(super) const F32: Functions<f32> =
    functions!(f32, single, exp, log, log1p, expm1, tanh, sigmoid, softplus, erf, sin, cos);
/// In f64.
pub(super) const F64: Functions<f64> =
    functions!(f64, double, exp, log, log1p, expm1, tanh, sigmoid, softplus, erf, sin, cos);
