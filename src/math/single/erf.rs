//! The error function.

use super::exponential::exp;
use crate::math::vector::Vector;

const NEAR: [f32; 7] =
    [0.128_379_17, -0.376_126_3, 0.112_836_23, -0.026_855_364, 5.190_941e-3, -8.026_403_4e-4, 7.867_5e-5];
const FAR: [f32; 7] =
    [0.128_620_09, 0.635_268_7, 0.106_039_554, -0.023_589_47, 3.559_682_3e-3, -3.021_752e-4, 9.145_167e-6];

/// The error function; at most 1.5 units in the last place off, and odd bit for bit.
///
/// Below 0.875 a + a p(a^2), from there 1 - e^-(a + a q(a)), which is 1 from 4.
#[inline(always)]
pub fn erf<V: Vector>(x: V) -> V {
    let a = x.abs();
    let near = a.fma((a * a).polynomial(NEAR), a);
    let limited = V::select(V::splat(4.0).lt(a), V::splat(4.0), a);
    let exponent = limited.fma(limited.polynomial(FAR), limited);
    let far = V::splat(1.0) - exp(V::splat(0.0) - exponent);
    V::select(a.lt(V::splat(0.875)), near, far).bits_xor(x.bits_xor(a))
}
