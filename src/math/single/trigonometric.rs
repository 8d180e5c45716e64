//! Sine and cosine.
//!
//! |x| = n pi/2 + r with |r| below 0.795, pi/2 in three parts; then sin r = r + r^3 s(r^2) or
//! cos r = 1 - r^2/2 + r^4 c(r^2), with the sign of the quadrant n. Far out, where three parts are
//! too few, the value is the one of f64, rounded.

use super::exponential::ROUNDER;
use crate::math::double;
use crate::math::vector::Vector;

const HALF_PI: [f32; 3] = [std::f32::consts::FRAC_PI_2, -4.371_139e-8, -1.715_124_5e-15];

/// From here on f64 takes over.
const FAR: f32 = 131_072.0;

const SIN: [f32; 3] = [-0.166_666_54, 8.332_104e-3, -1.950_746_5e-4];
const COS: [f32; 3] = [0.041_666_646, -1.388_729_4e-3, 2.442_942e-5];

/// sin x; at most 2 units in the last place off, and odd bit for bit.
#[inline(always)]
pub fn sin<V: Vector>(x: V) -> V {
    let a = x.abs();
    let value = at_quadrant(a, V::of_bits(0)).bits_xor(x.bits_xor(a));
    value.patch(V::splat(FAR).lt(a), x, |x| double::sin(f64::from(x)) as f32)
}

/// cos x; at most 2 units in the last place off, and even bit for bit.
#[inline(always)]
pub fn cos<V: Vector>(x: V) -> V {
    let a = x.abs();
    at_quadrant(a, V::of_bits(1)).patch(V::splat(FAR).lt(a), x, |x| double::cos(f64::from(x)) as f32)
}

/// sin(a + quadrants pi/2).
#[inline(always)]
fn at_quadrant<V: Vector>(a: V, quadrants: V) -> V {
    let rounded = a.fma(V::splat(std::f32::consts::FRAC_2_PI), V::splat(ROUNDER));
    let n = rounded - V::splat(ROUNDER);
    let mut r = a;
    for part in HALF_PI {
        r = n.fma(V::splat(-part), r);
    }
    let z = r * r;
    let sine = (r * z).fma(z.polynomial(SIN), r);
    let cosine = (z * z).fma(z.polynomial(COS), z.fma(V::splat(-0.5), V::splat(1.0)));
    let quadrant = rounded.bits_add(quadrants);
    let value = V::select(quadrant.shift_left::<31>().sign(), cosine, sine);
    value.bits_xor(quadrant.bits_and(V::of_bits(2)).shift_left::<30>())
}
