//! a^b as e^(b log |a|), the logarithm and the product to about 31 bits in pairs of f32.

use super::exponential::{LN_2, exp_of_sum};
use super::logarithm::{real, split};
use crate::math::vector::Vector;

/// The bits of the square root of 1/2: significands from here to that of 2.
const LOWEST: u32 = 0x3f35_04f3;

/// log m = 2 s + s^3 p(s^2) with s = (m - 1) / (m + 1).
const P: [f32; 4] = [0.666_666_6, 0.400_009_72, 0.284_987_9, 0.242_789_94];

/// From here on whole numbers are even.
const ALL_EVEN: f32 = 16_777_216.0;

/// a^b, also where a or b is 0, infinite, or a is negative, as IEEE 754 has it; at most 2 units in the
/// last place off.
#[inline(always)]
pub fn pow<V: Vector>(a: V, b: V) -> V {
    let [zero, one, infinity] = [0.0, 1.0, f32::INFINITY].map(V::splat);
    let x = a.abs();
    let (high, low) = log_pair(x);
    let product = b * high;
    // Beyond these bounds the result is 0 or infinite, and the rest is no number.
    let rest = b.fma(low, b.fma(high, zero - product));
    let rest = V::select(product.abs().lt(V::splat(200.0)), rest, zero);
    let value = exp_of_sum(product, rest);

    let grows = V::select(b.sign(), V::splat(-1.0), one);
    let at_zero = V::select(grows.sign(), infinity, zero);
    let at_infinity = V::select(grows.sign(), zero, infinity);
    let value = V::select(x.eq(zero), at_zero, value);
    let value = V::select(x.eq(infinity), at_infinity, value);
    let value = V::select(x.eq(one), one, value);

    let whole = b.floor().eq(b);
    let half = b * V::splat(0.5);
    let odd = whole & !half.floor().eq(half) & b.abs().lt(V::splat(ALL_EVEN));
    let value = V::select(odd, value.bits_xor(a.bits_xor(x)), value);
    let no_root = a.lt(zero) & x.lt(infinity) & !whole;
    let value = V::select(no_root | !a.eq(a) | !b.eq(b), V::splat(f32::NAN), value);
    V::select(a.eq(one) | b.eq(zero), one, value)
}

/// log x of a positive number as the sum of two.
#[inline(always)]
fn log_pair<V: Vector>(x: V) -> (V, V) {
    let [one, two] = [1.0, 2.0].map(V::splat);
    let tiny = x.lt(V::splat(f32::MIN_POSITIVE));
    let scaled = V::select(tiny, x * V::splat(8_388_608.0), x);
    let (exponent, m) = split(scaled, LOWEST);
    let exponent = real(exponent) - V::select(tiny, V::splat(23.0), V::splat(0.0));

    // s = (m - 1) / (m + 1), and what its rounding and that of m + 1 left.
    let f = m - one;
    let divisor = m + one;
    let divisor_rest = f - (divisor - two);
    let s = f / divisor;
    let negative = V::splat(0.0) - s;
    let s_rest = negative.fma(divisor_rest, negative.fma(divisor, f)) / divisor;

    let square = s * s;
    // What was lost of s counts in its cube too.
    let s_rest = s_rest.fma(square, s_rest);
    let cube = s * square * square.polynomial(P);
    let log_m = s + s;
    let whole = exponent * V::splat(LN_2[0]);
    let sum = whole + log_m;
    let lost = log_m - (sum - whole);
    let rest = exponent.fma(V::splat(LN_2[1]), lost + two.fma(s_rest, cube));
    let high = sum + rest;
    (high, rest - (high - sum))
}
