//! Functions of one element: arithmetic and mathematics in each numeric type.

use crate::ir::op::{Binary, Compare, Unary};
use crate::ir::tensor::Element;

/// A number: a real or a 32-bit integer, which wraps.
pub trait Number: Element + Default + std::ops::AddAssign {
    /// The sum.
    fn plus(self, other: Self) -> Self;
    /// The product.
    fn times(self, other: Self) -> Self;
    /// One.
    const ONE: Self;
    /// Not above any number: the largest of none.
    const LOWEST: Self;
    /// Not below any number: the smallest of none.
    const HIGHEST: Self;

    /// Whether it is NaN.
    fn is_nan(self) -> bool {
        self.partial_cmp(&self).is_none()
    }

    /// The larger; `self` where equal, NaN if either is.
    fn larger(self, other: Self) -> Self {
        if self >= other || self.is_nan() { self } else { other }
    }

    /// The smaller; `self` where equal, NaN if either is.
    fn smaller(self, other: Self) -> Self {
        if self <= other || self.is_nan() { self } else { other }
    }
}

macro_rules! real_number {
    ($t:ty) => {
        impl Number for $t {
            const ONE: $t = 1.0;
            const LOWEST: $t = <$t>::NEG_INFINITY;
            const HIGHEST: $t = <$t>::INFINITY;

            fn plus(self, other: $t) -> $t {
                self + other
            }

            fn times(self, other: $t) -> $t {
                self * other
            }
        }
    };
}

real_number!(f32);
real_number!(f64);

impl Number for i32 {
    const ONE: i32 = 1;
    const LOWEST: i32 = i32::MIN;
    const HIGHEST: i32 = i32::MAX;

    fn plus(self, other: i32) -> i32 {
        self.wrapping_add(other)
    }

    fn times(self, other: i32) -> i32 {
        self.wrapping_mul(other)
    }
}

/// An elementwise function of a real, to full accuracy in f64.
pub fn unary_real(f: Unary, x: f64) -> f64 {
    match f {
        Unary::Neg => -x,
        Unary::Abs => x.abs(),
        Unary::Sign => sign(x),
        Unary::Exp => x.exp(),
        Unary::Log => x.ln(),
        Unary::Log1p => x.ln_1p(),
        Unary::Expm1 => x.exp_m1(),
        Unary::Sqrt => x.sqrt(),
        Unary::Tanh => x.tanh(),
        Unary::Sigmoid => sigmoid(x),
        Unary::Softplus => x.larger(0.0) + (-x.abs()).exp().ln_1p(),
        Unary::Relu => x.larger(0.0),
        Unary::Erf => libm::erf(x),
        Unary::Sin => x.sin(),
        Unary::Cos => x.cos(),
        Unary::Floor => x.floor(),
        Unary::Round => x.round_ties_even(),
        Unary::Not => unreachable!("`not` of a real"),
    }
}

/// An elementwise function of an integer.
pub fn unary_integer(f: Unary, x: i32) -> i32 {
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

fn sign(x: f64) -> f64 {
    if x > 0.0 {
        1.0
    } else if x < 0.0 {
        -1.0
    } else if x == 0.0 {
        0.0
    } else {
        x
    }
}

/// On each side the form whose exponential cannot overflow.
fn sigmoid(x: f64) -> f64 {
    if x < 0.0 {
        let e = x.exp();
        e / (1.0 + e)
    } else {
        1.0 / (1.0 + (-x).exp())
    }
}

/// Why two integers have no result.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum IntegerFault {
    /// The divisor is zero.
    DivisionByZero,
    /// The exponent is negative.
    NegativePower(i32),
}

/// An elementwise function of two integers.
pub fn binary_integer(f: Binary, a: i32, b: i32) -> Result<i32, IntegerFault> {
    Ok(match f {
        Binary::Add => a.wrapping_add(b),
        Binary::Sub => a.wrapping_sub(b),
        Binary::Mul => a.wrapping_mul(b),
        Binary::FloorDiv | Binary::Mod if b == 0 => return Err(IntegerFault::DivisionByZero),
        Binary::FloorDiv => {
            let quotient = a.wrapping_div(b);
            let remainder = a.wrapping_rem(b);
            if remainder != 0 && (remainder < 0) != (b < 0) { quotient - 1 } else { quotient }
        }
        Binary::Mod => {
            let remainder = a.wrapping_rem(b);
            if remainder != 0 && (remainder < 0) != (b < 0) { remainder + b } else { remainder }
        }
        Binary::Pow if b < 0 => return Err(IntegerFault::NegativePower(b)),
        Binary::Pow => a.wrapping_pow(b as u32),
        Binary::Max => a.max(b),
        Binary::Min => a.min(b),
        // A word has 32 bits: shifts by more leave none of them.
        Binary::ShiftRight => (a as u32).checked_shr(b as u32).unwrap_or(0) as i32,
        Binary::MulHigh => ((u64::from(a as u32) * u64::from(b as u32)) >> 32) as u32 as i32,
        Binary::Div | Binary::And | Binary::Or => unreachable!("{f:?} of integers"),
    })
}

/// A comparison.
pub fn compare<T: PartialOrd>(f: Compare, a: &T, b: &T) -> bool {
    match f {
        Compare::Eq => a == b,
        Compare::Ne => a != b,
        Compare::Lt => a < b,
        Compare::Le => a <= b,
        Compare::Gt => a > b,
        Compare::Ge => a >= b,
    }
}
