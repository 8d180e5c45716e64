//! One f32 or several side by side: what the formulas are written over.

use std::ops::{Add, BitAnd, BitOr, Div, Mul, Not, Sub};

/// Lanes of f32. Every operation is one IEEE operation, or one of the bits, in each lane by itself,
/// so that a formula gives the same bits whatever the number of lanes.
pub trait Vector:
    Copy + Add<Output = Self> + Sub<Output = Self> + Mul<Output = Self> + Div<Output = Self>
{
    /// A truth value for each lane.
    type Mask: Copy + BitAnd<Output = Self::Mask> + BitOr<Output = Self::Mask> + Not<Output = Self::Mask>;

    /// One value in all lanes.
    fn splat(value: f32) -> Self;

    /// One word in all lanes.
    fn of_bits(bits: u32) -> Self;

    /// `self * b + c`, rounded once.
    fn fma(self, b: Self, c: Self) -> Self;

    /// Without the sign.
    fn abs(self) -> Self;

    /// The greatest whole number not above.
    fn floor(self) -> Self;

    /// The sum of the bits, taken as integers that wrap.
    fn bits_add(self, other: Self) -> Self;

    /// The difference of the bits, taken as integers that wrap.
    fn bits_sub(self, other: Self) -> Self;

    /// The bits that both have.
    fn bits_and(self, other: Self) -> Self;

    /// The bits that one of them has.
    fn bits_xor(self, other: Self) -> Self;

    /// The bits `N` places up.
    fn shift_left<const N: u32>(self) -> Self;

    /// The bits `N` places down; copies of the sign come in.
    fn shift_right<const N: u32>(self) -> Self;

    /// Where it is less; false with NaN.
    fn lt(self, other: Self) -> Self::Mask;

    /// Where it is equal; false with NaN.
    fn eq(self, other: Self) -> Self::Mask;

    /// Where the sign bit is set.
    fn sign(self) -> Self::Mask;

    /// `a` where the mask holds, `b` elsewhere.
    fn select(mask: Self::Mask, a: Self, b: Self) -> Self;

    /// `f` of the lanes of `x` where the mask holds, `self` elsewhere. Meant for rare lanes.
    fn patch(self, mask: Self::Mask, x: Self, f: fn(f32) -> f32) -> Self;

    /// A polynomial by Horner's rule, from the constant term up.
    #[inline(always)]
    fn polynomial<const N: usize>(self, coefficients: [f32; N]) -> Self {
        let mut sum = Self::splat(coefficients[N - 1]);
        for c in coefficients.into_iter().rev().skip(1) {
            sum = sum.fma(self, Self::splat(c));
        }
        sum
    }
}

impl Vector for f32 {
    type Mask = bool;

    #[inline(always)]
    fn splat(value: f32) -> f32 {
        value
    }

    #[inline(always)]
    fn of_bits(bits: u32) -> f32 {
        f32::from_bits(bits)
    }

    #[inline(always)]
    fn fma(self, b: f32, c: f32) -> f32 {
        self.mul_add(b, c)
    }

    #[inline(always)]
    fn abs(self) -> f32 {
        f32::abs(self)
    }

    #[inline(always)]
    fn floor(self) -> f32 {
        f32::floor(self)
    }

    #[inline(always)]
    fn bits_add(self, other: f32) -> f32 {
        f32::from_bits(self.to_bits().wrapping_add(other.to_bits()))
    }

    #[inline(always)]
    fn bits_sub(self, other: f32) -> f32 {
        f32::from_bits(self.to_bits().wrapping_sub(other.to_bits()))
    }

    #[inline(always)]
    fn bits_and(self, other: f32) -> f32 {
        f32::from_bits(self.to_bits() & other.to_bits())
    }

    #[inline(always)]
    fn bits_xor(self, other: f32) -> f32 {
        f32::from_bits(self.to_bits() ^ other.to_bits())
    }

    #[inline(always)]
    fn shift_left<const N: u32>(self) -> f32 {
        f32::from_bits(self.to_bits() << N)
    }

    #[inline(always)]
    fn shift_right<const N: u32>(self) -> f32 {
        f32::from_bits((self.to_bits() as i32 >> N) as u32)
    }

    #[inline(always)]
    fn lt(self, other: f32) -> bool {
        self < other
    }

    #[inline(always)]
    fn eq(self, other: f32) -> bool {
        self == other
    }

    #[inline(always)]
    fn sign(self) -> bool {
        self.is_sign_negative()
    }

    #[inline(always)]
    fn select(mask: bool, a: f32, b: f32) -> f32 {
        if mask { a } else { b }
    }

    #[inline(always)]
    fn patch(self, mask: bool, x: f32, f: fn(f32) -> f32) -> f32 {
        if mask { f(x) } else { self }
    }
}
