//! The meaning of every elementwise function, exactly: one table for each element type.
//!
//! What is one IEEE operation is that operation. The other functions of f32 are polynomials with the
//! same fused multiply-adds wherever they are computed, never the C library's, so that their bits do
//! not depend on the machine; those of f64, which serves checks, are the `libm` crate's. Whole numbers and
//! comparisons are those of the tensor IR's interpreter, which are exact.

pub mod double;
pub mod single;
#[cfg(test)]
mod tests;
pub mod vector;

pub use crate::ir::interp::{compare, unary_integer as unary_i32};

use crate::ir::interp::binary_integer;
use crate::ir::op::{Binary, Unary};

macro_rules! real {
    ($t:ident, $module:ident, $unary:ident, $binary:ident) => {
        /// A function of one real. Panics on what is not one of reals: the verifier rules it out.
        pub fn $unary(f: Unary, x: $t) -> $t {
            match f {
                Unary::Neg => -x,
                Unary::Abs => x.abs(),
                Unary::Sign if x > 0.0 => 1.0,
                Unary::Sign if x < 0.0 => -1.0,
                Unary::Sign if x == 0.0 => 0.0,
                Unary::Sign => x,
                Unary::Exp => $module::exp(x),
                Unary::Log => $module::log(x),
                Unary::Log1p => $module::log1p(x),
                Unary::Expm1 => $module::expm1(x),
                Unary::Sqrt => x.sqrt(),
                Unary::Tanh => $module::tanh(x),
                Unary::Sigmoid => $module::sigmoid(x),
                Unary::Softplus => $module::softplus(x),
                Unary::Relu => $binary(Binary::Max, x, 0.0),
                Unary::Erf => $module::erf(x),
                Unary::Sin => $module::sin(x),
                Unary::Cos => $module::cos(x),
                Unary::Floor => x.floor(),
                Unary::Round => x.round_ties_even(),
                Unary::Not => unreachable!("{f:?} of a real"),
            }
        }

        /// A function of two reals. Panics on what is not one of reals: the verifier rules it out.
        pub fn $binary(f: Binary, a: $t, b: $t) -> $t {
            match f {
                Binary::Add => a + b,
                Binary::Sub => a - b,
                Binary::Mul => a * b,
                Binary::Div => a / b,
                Binary::FloorDiv => (a / b).floor(),
                Binary::Mod => a - b * (a / b).floor(),
                Binary::Pow => $module::pow(a, b),
                // The first where equal, though one may be -0; either NaN goes through.
                Binary::Max if a >= b || a.is_nan() => a,
                Binary::Min if a <= b || a.is_nan() => a,
                Binary::Max | Binary::Min => b,
                Binary::And | Binary::Or | Binary::ShiftRight | Binary::MulHigh => {
                    unreachable!("{f:?} of reals")
                }
            }
        }
    };
}

real!(f32, single, unary_f32, binary_f32);
real!(f64, double, unary_f64, binary_f64);

/// A function of two integers, which wraps; 0 where there is no result (a division by 0, a negative power).
/// Panics on what is not one of integers.
pub fn binary_i32(f: Binary, a: i32, b: i32) -> i32 {
    binary_integer(f, a, b).unwrap_or(0)
}

/// A function of a truth value. Panics on what is not one.
pub fn unary_bool(f: Unary, x: bool) -> bool {
    assert_eq!(f, Unary::Not, "of a truth value");
    !x
}

/// A function of two truth values. Panics on what is not one.
pub fn binary_bool(f: Binary, a: bool, b: bool) -> bool {
    match f {
        Binary::And => a & b,
        Binary::Or => a | b,
        Binary::Add
        | Binary::Sub
        | Binary::Mul
        | Binary::Div
        | Binary::FloorDiv
        | Binary::Mod
        | Binary::Pow
        | Binary::Max
        | Binary::Min
        | Binary::ShiftRight
        | Binary::MulHigh => unreachable!("{f:?} of truth values"),
    }
}
