//! log x and log(1 + x).
//!
//! The number is 2^e (1 + f) with f from -1/3 to 1/3; log(1 + f) = f - f^2/2 + f^3 p(f).

use super::exponential::{LN_2, ROUNDER};
use crate::math::vector::Vector;

/// The bits of 2/3: significands from here to 4/3.
const LOWEST: u32 = 0x3f2a_aaab;

const P: [f32; 8] = [
    0.333_332_15,
    -0.249_998_05,
    0.200_104_34,
    -0.166_802_32,
    0.140_055_67,
    -0.121_872_36,
    0.139_855_07,
    -0.128_804_07,
];

/// log x; at most 1 unit in the last place off.
#[inline(always)]
pub fn log<V: Vector>(x: V) -> V {
    let tiny = x.lt(V::splat(f32::MIN_POSITIVE));
    let scaled = V::select(tiny, x * V::splat(8_388_608.0), x);
    let (exponent, significand) = split(scaled, LOWEST);
    let exponent = real(exponent) - V::select(tiny, V::splat(23.0), V::splat(0.0));
    let value = together(exponent, significand - V::splat(1.0));
    let inside = V::splat(0.0).lt(x) & x.lt(V::splat(f32::INFINITY));
    V::select(inside, value, at_the_ends(x, V::splat(0.0)))
}

/// log(1 + x); at most 2 units in the last place off, and accurate near 0.
#[inline(always)]
pub fn log1p<V: Vector>(x: V) -> V {
    let (exponent, significand) = split(V::splat(1.0) + x, LOWEST);
    // f = (1 + x) / 2^e - 1, rounded once though 1 + x may have been rounded too. Where 2^-e is no
    // number, 1 is nothing beside x.
    let scale = V::splat(1.0).bits_sub(exponent.shift_left::<23>());
    let f = x.fma(scale, scale - V::splat(1.0));
    let large = V::splat(1e9).lt(x);
    let value = together(real(exponent), V::select(large, significand - V::splat(1.0), f));
    let inside = V::splat(-1.0).lt(x) & x.lt(V::splat(f32::INFINITY));
    let value = V::select(inside, value, at_the_ends(x, V::splat(-1.0)));
    V::select(x.abs().lt(V::splat(2e-8)), x, value)
}

/// Exponent (as an integer) and significand, which starts from the number with the bits `lowest`.
#[inline(always)]
pub(super) fn split<V: Vector>(x: V, lowest: u32) -> (V, V) {
    let exponent = x.bits_sub(V::of_bits(lowest)).shift_right::<23>();
    (exponent, x.bits_sub(exponent.shift_left::<23>()))
}

/// A small integer as a real.
#[inline(always)]
pub(super) fn real<V: Vector>(integer: V) -> V {
    integer.bits_add(V::splat(ROUNDER)) - V::splat(ROUNDER)
}

/// e ln 2 + log(1 + f).
#[inline(always)]
fn together<V: Vector>(exponent: V, f: V) -> V {
    let square = f * f;
    let rest = exponent.fma(V::splat(LN_2[1]), f * square * f.polynomial(P));
    let rest = square.fma(V::splat(-0.5), rest);
    exponent.fma(V::splat(LN_2[0]), f + rest)
}

/// Infinite at infinity and at the `pole`, NaN elsewhere.
#[inline(always)]
fn at_the_ends<V: Vector>(x: V, pole: V) -> V {
    let otherwise = V::select(x.eq(V::splat(f32::INFINITY)), x, V::splat(f32::NAN));
    V::select(x.eq(pole), V::splat(f32::NEG_INFINITY), otherwise)
}
