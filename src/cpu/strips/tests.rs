//! Every strip and call on every available instruction set against `math`, bit for bit.

use crate::cpu::{Isa, Routines};
use crate::ir::op::{Binary, Unary};
use crate::math;

const FUNCTIONS: [Unary; 10] = [
    Unary::Exp,
    Unary::Log,
    Unary::Log1p,
    Unary::Expm1,
    Unary::Tanh,
    Unary::Sigmoid,
    Unary::Softplus,
    Unary::Erf,
    Unary::Sin,
    Unary::Cos,
];

/// Numbers of all exponents and signs, with usual ones among them.
fn numbers(count: usize, seed: u64) -> Vec<f32> {
    let mut state = seed;
    let mut word = || {
        state = state.wrapping_mul(0x5851_f42d_4c95_7f2d).wrapping_add(0x1405_7b7e_f767_814f);
        (state >> 32) as u32
    };
    let special = [0.0, -0.0, 1.0, -1.0, f32::INFINITY, f32::NEG_INFINITY, f32::NAN, 1e-45, f32::MAX, 0.5];
    let one = |i: usize| match (i % 7, word()) {
        (0, w) => special[w as usize % special.len()],
        (1 | 2, w) => (f64::from(w) / 2f64.powi(31) - 1.0) as f32,
        (3 | 4, w) => ((f64::from(w) / 2f64.powi(31) - 1.0) * 100.0) as f32,
        (5, w) => ((w % 41) as f32 - 20.0) / 2.0,
        (_, w) => f32::from_bits(w),
    };
    (0..count).map(one).collect()
}

fn bits32(x: f32) -> u32 {
    if x.is_nan() { u32::MAX } else { x.to_bits() }
}

fn bits64(x: f64) -> u64 {
    if x.is_nan() { u64::MAX } else { x.to_bits() }
}

fn available() -> impl Iterator<Item = Routines> {
    Isa::ALL.into_iter().filter(|isa| isa.available()).map(Routines::of)
}

/// Every length of a tail, with whole vectors before it.
fn lengths() -> impl Iterator<Item = usize> {
    (0..40).chain([256, 5003])
}

#[test]
fn strips_are_the_formula_element_by_element() {
    for routines in available() {
        for f in FUNCTIONS {
            let function = routines.functions_f32.unary(f).unwrap();
            let function64 = routines.functions_f64.unary(f).unwrap();
            for n in lengths() {
                let src = numbers(n, n as u64);
                let mut dst = vec![7.0f32; n + 1];
                let wide: Vec<f64> = src.iter().map(|x| f64::from(*x)).collect();
                let mut in_place = wide.clone();
                // SAFETY: n elements on both sides.
                unsafe { (function.strip)(dst.as_mut_ptr(), src.as_ptr(), n) };
                unsafe { (function64.strip)(in_place.as_mut_ptr(), in_place.as_ptr(), n) };
                assert_eq!(dst[n], 7.0, "{f:?} wrote beyond {n}");
                let mut over = src.clone();
                // SAFETY: as above.
                unsafe { (function.strip)(over.as_mut_ptr(), over.as_ptr(), n) };
                let same = over.iter().zip(&dst).all(|(a, b)| bits32(*a) == bits32(*b));
                assert!(same, "{:?} {f:?} in place of {n} numbers", routines.isa);
                for (x, got) in src.iter().zip(&dst) {
                    let want = math::unary_f32(f, *x);
                    assert_eq!(
                        bits32(*got),
                        bits32(want),
                        "{:?} {f:?}({x:e}): {got:e}, {want:e}",
                        routines.isa
                    );
                    // SAFETY: a function of a number.
                    let called = unsafe { (function.call)(*x) };
                    assert_eq!(bits32(called), bits32(want), "{:?} {f:?}({x:e}) called", routines.isa);
                }
                for (x, got) in wide.iter().zip(&in_place) {
                    let want = math::unary_f64(f, *x);
                    // SAFETY: a function of a number.
                    let called = unsafe { (function64.call)(*x) };
                    assert_eq!([bits64(*got), bits64(called)], [bits64(want); 2], "{f:?}({x:e})");
                }
            }
        }
    }
}

#[test]
fn powers_are_the_formula_element_by_element() {
    for routines in available() {
        let (strip, call) = routines.functions_f32.binary(Binary::Pow).unwrap();
        let (strip64, call64) = routines.functions_f64.binary(Binary::Pow).unwrap();
        for n in lengths() {
            let (a, b) = (numbers(n, 1), numbers(n, 2 + n as u64));
            let mut dst = a.clone();
            let wide: [Vec<f64>; 2] = [&a, &b].map(|v| v.iter().map(|x| f64::from(*x)).collect());
            let mut dst64 = vec![0.0; n];
            // SAFETY: n elements in each.
            unsafe { strip(dst.as_mut_ptr(), dst.as_ptr(), b.as_ptr(), n) };
            unsafe { strip64(dst64.as_mut_ptr(), wide[0].as_ptr(), wide[1].as_ptr(), n) };
            for i in 0..n {
                let want = math::binary_f32(Binary::Pow, a[i], b[i]);
                // SAFETY: a function of two numbers.
                let called = unsafe { call(a[i], b[i]) };
                let got = [dst[i], called].map(bits32);
                assert_eq!(got, [bits32(want); 2], "{:?} {:e}^{:e}", routines.isa, a[i], b[i]);
                let want = math::binary_f64(Binary::Pow, wide[0][i], wide[1][i]);
                // SAFETY: a function of two numbers.
                let called = unsafe { call64(wide[0][i], wide[1][i]) };
                assert_eq!([dst64[i], called].map(bits64), [bits64(want); 2]);
            }
        }
    }
}
