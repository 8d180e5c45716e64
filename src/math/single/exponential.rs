//! e^x and e^x - 1.
//!
//! x = n ln 2 + r with |r| below 0.3475; e^r - 1 = r + r^2 q(r); e^x = 2^n e^r.

use crate::math::vector::Vector;

/// Beyond it e^x is above the largest number.
const OVERFLOWS: f32 = 89.0;
/// Below it e^x is less than half the smallest number.
const VANISHES: f32 = -104.0;

/// 1.5 * 2^23: a number of magnitude below 2^22 added to it is rounded to a whole one, which its low
/// bits hold.
pub(super) const ROUNDER: f32 = 12_582_912.0;

/// ln 2 to 15 bits, so that its products with exponents are exact, and the rest.
pub(super) const LN_2: [f32; 2] = [0.693_145_75, 1.428_606_8e-6];

const Q: [f32; 5] = [0.499_999_97, 0.166_665_45, 0.041_667_446, 8.366_447e-3, 1.386_984_1e-3];

/// e^x; at most 1 unit in the last place off.
#[inline(always)]
pub fn exp<V: Vector>(x: V) -> V {
    exp_of_sum(x, V::splat(0.0))
}

/// e^(x + rest), where `rest` is small beside x.
#[inline(always)]
pub(super) fn exp_of_sum<V: Vector>(x: V, rest: V) -> V {
    let x = V::select(V::splat(OVERFLOWS).lt(x), V::splat(OVERFLOWS), x);
    let x = V::select(x.lt(V::splat(VANISHES)), V::splat(VANISHES), x);
    let (n, p) = reduced(x, rest);
    // Two steps, because neither 2^128 nor 2^-150 is a number.
    let half = n.shift_right::<1>();
    (V::splat(1.0) + p) * power_of_two(half) * power_of_two(n.bits_sub(half))
}

/// e^x of a number from -87 to 88, or NaN; the bits of [`exp`].
#[inline(always)]
pub(super) fn exp_between<V: Vector>(x: V) -> V {
    let (n, p) = reduced(x, V::splat(0.0));
    (V::splat(1.0) + p) * power_of_two(n)
}

/// e^x - 1; at most 1.5 units in the last place off, and accurate near 0.
#[inline(always)]
pub fn expm1<V: Vector>(x: V) -> V {
    let limited = V::select(V::splat(OVERFLOWS).lt(x), V::splat(OVERFLOWS), x);
    let limited = V::select(limited.lt(V::splat(-20.0)), V::splat(-20.0), limited);
    let (n, p) = reduced(limited, V::splat(0.0));
    let half_scale = power_of_two(n.bits_sub(V::of_bits(1)));
    let half = p.fma(half_scale, half_scale - V::splat(0.5));
    // Next to 0 it is x itself, with its sign and down to the smallest.
    V::select(x.abs().lt(V::splat(2e-8)), x, half + half)
}

/// The n of x (as an integer) and e^r - 1.
#[inline(always)]
fn reduced<V: Vector>(x: V, rest: V) -> (V, V) {
    let rounded = x.fma(V::splat(std::f32::consts::LOG2_E), V::splat(ROUNDER));
    let n = rounded - V::splat(ROUNDER);
    let r = n.fma(V::splat(-LN_2[0]), x) + n.fma(V::splat(-LN_2[1]), rest);
    let p = (r * r).fma(r.polynomial(Q), r);
    (rounded.bits_sub(V::splat(ROUNDER)), p)
}

/// 2^n of an integer n from -126 to 127.
#[inline(always)]
fn power_of_two<V: Vector>(n: V) -> V {
    n.shift_left::<23>().bits_add(V::splat(1.0))
}
