//! The formulas against f64: all exponents, both signs, what is special, and what the operations of
//! the IR promise.

use super::*;
use crate::math::double;

type Function = (&'static str, fn(f32) -> f32, fn(f64) -> f64, f64);

/// Name, formula, the same in f64, and how many units in the last place it may be off.
const FUNCTIONS: [Function; 10] = [
    ("exp", exp, double::exp, 1.0),
    ("log", log, double::log, 1.0),
    ("log1p", log1p, double::log1p, 2.0),
    ("expm1", expm1, double::expm1, 1.5),
    ("tanh", tanh, double::tanh, 1.5),
    ("sigmoid", sigmoid, double::sigmoid, 2.0),
    ("softplus", softplus, double::softplus, 2.0),
    ("erf", erf, double::erf, 1.5),
    ("sin", sin, double::sin, 2.0),
    ("cos", cos, double::cos, 2.0),
];

/// Words without end, the same in every run.
fn words() -> impl FnMut() -> u32 {
    let mut state = 1u64;
    move || {
        state = state.wrapping_mul(0x5851_f42d_4c95_7f2d).wrapping_add(0x1405_7b7e_f767_814f);
        (state >> 32) as u32
    }
}

/// Numbers of every exponent and sign, and more of the usual magnitudes.
fn arguments() -> Vec<f32> {
    let mut word = words();
    let mut all = Vec::new();
    for top in 0..512u32 {
        all.extend([0, 1, 0x7f_ffff].map(|low| f32::from_bits(top << 23 | low)));
        all.extend((0..40).map(|_| f32::from_bits(top << 23 | word() >> 9)));
    }
    for scale in [1.0, 4.0, 20.0, 110.0, 1e4, 1.3e5] {
        all.extend((0..2000).map(|_| ((f64::from(word()) / 2f64.powi(31) - 1.0) * scale) as f32));
    }
    all
}

/// How far a result is from the exact one, in units of the last place of an f32 of its size.
fn error(got: f32, exact: f64) -> f64 {
    let rounded = exact as f32;
    if rounded.is_nan() || rounded.is_infinite() || got.is_nan() || got.is_infinite() {
        let alike = got == rounded || got.is_nan() && rounded.is_nan();
        // Right next to overflow either side will do.
        let close = f64::from(got.abs()) > 3.4028e38 && exact.abs() > 3.4028e38;
        return if alike || close && got.signum() == rounded.signum() { 0.0 } else { f64::INFINITY };
    }
    let exponent = exact.abs().log2().floor().max(-126.0);
    (f64::from(got) - exact).abs() / 2f64.powf(exponent - 23.0)
}

#[test]
fn no_function_is_further_off_than_it_says() {
    for (name, function, exact, bound) in FUNCTIONS {
        let of = |x: &f32| (error(function(*x), exact(f64::from(*x))), *x);
        let (worst, at) = arguments().iter().map(of).max_by(|a, b| a.0.total_cmp(&b.0)).unwrap();
        println!("{name}: {worst:.3} at {at:e}");
        assert!(worst <= bound, "{name}({at:e}) = {:e} is off by {worst}", function(at));
    }
}

#[test]
fn powers_are_not_further_off_than_they_say() {
    let mut word = words();
    let mut worst = (0.0, 0.0, 0.0);
    let mut check = |a: f32, b: f32| {
        let off = error(pow(a, b), double::pow(f64::from(a), f64::from(b)));
        if off > worst.0 {
            worst = (off, a, b);
        }
    };
    for _ in 0..100_000 {
        let a = f32::from_bits(word());
        let ordinary = (f64::from(word()) / 2f64.powi(31) - 1.0) as f32;
        // Anything at all; results over the whole range; bases next to 1; small powers.
        check(a, f32::from_bits(word()));
        check(a.abs(), 88.0 * ordinary / a.abs().log2().max(0.7));
        check(1.0 + ordinary / 4.0, 88.0 * ordinary * (word() % 64) as f32);
        check(a, (word() % 9) as f32 - 4.0);
        check(a.abs(), 0.5);
    }
    println!("pow: {worst:?}");
    assert!(worst.0 <= 2.0, "{worst:?}");
}

#[test]
fn powers_of_what_is_special() {
    let special = [
        0.0,
        -0.0,
        1.0,
        -1.0,
        2.0,
        -2.0,
        0.5,
        -0.5,
        3.0,
        -3.0,
        2.5,
        -2.5,
        f32::INFINITY,
        f32::NEG_INFINITY,
        f32::NAN,
        1e-45,
        -1e-45,
        f32::MAX,
        f32::MIN,
        16_777_215.0,
        16_777_216.0,
        8_388_607.5,
        -1e30,
        0.999_999_9,
    ];
    for a in special {
        for b in special {
            let (got, exact) = (pow(a, b), double::pow(f64::from(a), f64::from(b)) as f32);
            let near = (got.to_bits() as i64 - exact.to_bits() as i64).abs() <= 1;
            assert!(near || got.is_nan() && exact.is_nan(), "{a:e}^{b:e} = {got:e}, not {exact:e}");
        }
    }
}

#[test]
fn ends_and_signs() {
    let bits = |x: f32| x.to_bits();
    for f in [tanh, expm1, log1p, erf, sin] {
        assert_eq!(bits(f(-0.0)), bits(-0.0));
        assert_eq!(bits(f(0.0)), 0);
        assert_eq!(bits(f(1e-45)), 1);
    }
    assert_eq!([exp(0.0), cos(-0.0), sigmoid(0.0)], [1.0, 1.0, 0.5]);
    assert_eq!([exp(f32::NEG_INFINITY), exp(f32::INFINITY)], [0.0, f32::INFINITY]);
    assert_eq!([log(0.0), log(-0.0), log1p(-1.0)], [f32::NEG_INFINITY; 3]);
    assert!(
        [log(-1e-45), log1p(-1.1), sin(f32::INFINITY), cos(f32::NEG_INFINITY)].iter().all(|x| x.is_nan())
    );
    assert_eq!([expm1(-30.0), tanh(-20.0), erf(-5.0), sigmoid(-200.0)], [-1.0, -1.0, -1.0, 0.0]);
    assert_eq!([tanh(f32::INFINITY), erf(f32::INFINITY), sigmoid(f32::INFINITY)], [1.0; 3]);
    assert_eq!([softplus(f32::NEG_INFINITY), softplus(200.0)], [0.0, 200.0]);
    for (name, f, _, _) in FUNCTIONS {
        assert!(f(f32::NAN).is_nan() && f(-f32::NAN).is_nan(), "{name} of NaN");
    }
}

#[test]
fn what_the_operations_promise() {
    for x in arguments().into_iter().filter(|x| !x.is_nan()) {
        for odd in [tanh, erf, sin] {
            assert!(odd(-x).to_bits() == (-odd(x)).to_bits() || odd(x).is_nan(), "{x:e}");
        }
        assert!(cos(-x).to_bits() == cos(x).to_bits() || cos(x).is_nan(), "{x:e}");
        assert!(softplus(x) >= x.max(0.0) && (softplus(x) < f32::INFINITY || x > 3.4e38), "{x:e}");
        assert!((0.0..=1.0).contains(&sigmoid(x)) && tanh(x).abs() <= 1.0 && erf(x).abs() <= 1.0, "{x:e}");
    }
}
