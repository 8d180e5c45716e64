//! The meaning of every elementwise function, exactly: one table for each element type.
//!
//! What is one IEEE operation is that operation. The other functions of f32 are polynomials with the
//! same fused multiply-adds wherever they are computed, never the C library's, so that their bits do
//! not depend on the machine; those of f64, which serves checks, are the `libm` crate's.

pub mod double;
pub mod single;
#[cfg(test)]
mod tests;
pub mod vector;

use crate::ir::op::{Binary, Compare, Unary};

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

/// A function of an integer, which wraps. Panics on what is not one of integers.
pub fn unary_i32(f: Unary, x: i32) -> i32 {
    match f {
        Unary::Neg => x.wrapping_neg(),
        Unary::Abs => x.wrapping_abs(),
        Unary::Sign => x.signum(),
        Unary::Relu => x.max(0),
        Unary::Exp
        | Unary::Log
        | Unary::Log1p
        | Unary::Expm1
        | Unary::Sqrt
        | Unary::Tanh
        | Unary::Sigmoid
        | Unary::Softplus
        | Unary::Erf
        | Unary::Sin
        | Unary::Cos
        | Unary::Floor
        | Unary::Round
        | Unary::Not => unreachable!("{f:?} of an integer"),
    }
}

/// Whether two integers have no result: a division by 0, a negative power.
pub fn integer_fault(f: Binary, b: i32) -> bool {
    match f {
        Binary::FloorDiv | Binary::Mod => b == 0,
        Binary::Pow => b < 0,
        Binary::Add
        | Binary::Sub
        | Binary::Mul
        | Binary::Div
        | Binary::Max
        | Binary::Min
        | Binary::And
        | Binary::Or
        | Binary::ShiftRight
        | Binary::MulHigh => false,
    }
}

/// A function of two integers, which wraps; 0 where [`integer_fault`] says that there is no result.
/// Panics on what is not one of integers.
pub fn binary_i32(f: Binary, a: i32, b: i32) -> i32 {
    if integer_fault(f, b) {
        return 0;
    }
    match f {
        Binary::Add => a.wrapping_add(b),
        Binary::Sub => a.wrapping_sub(b),
        Binary::Mul => a.wrapping_mul(b),
        Binary::FloorDiv => a.wrapping_div(b) - i32::from(rounds_up(a, b)),
        Binary::Mod => a.wrapping_rem(b) + if rounds_up(a, b) { b } else { 0 },
        Binary::Pow => a.wrapping_pow(b as u32),
        Binary::Max => a.max(b),
        Binary::Min => a.min(b),
        // A word has 32 bits: shifts by more leave none of them.
        Binary::ShiftRight => (a as u32).checked_shr(b as u32).unwrap_or(0) as i32,
        Binary::MulHigh => ((u64::from(a as u32) * u64::from(b as u32)) >> 32) as i32,
        Binary::Div | Binary::And | Binary::Or => unreachable!("{f:?} of integers"),
    }
}

/// Whether division toward zero lies above the floor.
fn rounds_up(a: i32, b: i32) -> bool {
    let remainder = a.wrapping_rem(b);
    remainder != 0 && (remainder < 0) != (b < 0)
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

/// A comparison of two elements of any type.
pub fn compare<T: PartialOrd>(f: Compare, a: T, b: T) -> bool {
    match f {
        Compare::Eq => a == b,
        Compare::Ne => a != b,
        Compare::Lt => a < b,
        Compare::Le => a <= b,
        Compare::Gt => a > b,
        Compare::Ge => a >= b,
    }
}
