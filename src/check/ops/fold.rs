//! Arithmetic of the compiler: numbers in f64, whole as long as they can be.

use crate::program::MapOp;

/// The largest whole number up to which f64 has all of them.
const EXACT: f64 = 9_007_199_254_740_992.0;

/// A compile-time number and whether it is a whole one.
pub(super) type Number = (f64, bool);

/// Why there is no result.
pub(super) const BY_ZERO: &str = "the divisor is 0";

/// A function of numbers that gives a number. None if it gives or takes truth values.
pub(super) fn numbers(op: MapOp, args: &[Number]) -> Option<Result<Number, &'static str>> {
    let result = match (op, args) {
        (_, [x]) => unary(op, *x)?,
        (MapOp::Clamp, [x, low, high]) => {
            let value = if x.0 < low.0 { *low } else { *x };
            if value.0 > high.0 { *high } else { value }
        }
        (_, [a, b]) => match binary(op, *a, *b)? {
            Ok(value) => value,
            Err(why) => return Some(Err(why)),
        },
        _ => return None,
    };
    if result.0.is_nan() && args.iter().all(|a| !a.0.is_nan()) {
        return Some(Err("it is not a number"));
    }
    Some(Ok((result.0, result.1 && result.0.abs() <= EXACT)))
}

fn unary(op: MapOp, (x, whole): Number) -> Option<Number> {
    let real = match op {
        MapOp::Neg => return Some((if x == 0.0 && whole { 0.0 } else { -x }, whole)),
        MapOp::Abs => return Some((x.abs(), whole)),
        MapOp::Sign => return Some((if x == 0.0 { 0.0 } else { x.signum() }, whole)),
        MapOp::Floor => return Some((x.floor(), whole)),
        MapOp::Round => return Some((x.round_ties_even(), whole)),
        MapOp::Exp => x.exp(),
        MapOp::Log => x.ln(),
        MapOp::Log1p => x.ln_1p(),
        MapOp::Expm1 => x.exp_m1(),
        MapOp::Sqrt => x.sqrt(),
        MapOp::Tanh => x.tanh(),
        MapOp::Sigmoid => 1.0 / (1.0 + (-x).exp()),
        MapOp::Softplus => x.max(0.0) + (-x.abs()).exp().ln_1p(),
        MapOp::Relu => x.max(0.0),
        MapOp::Erf => erf(x),
        MapOp::Sin => x.sin(),
        MapOp::Cos => x.cos(),
        _ => return None,
    };
    Some((real, false))
}

fn binary(op: MapOp, (a, wa): Number, (b, wb): Number) -> Option<Result<Number, &'static str>> {
    let whole = wa && wb;
    Some(Ok(match op {
        MapOp::Add => (a + b, whole),
        MapOp::Sub => (a - b, whole),
        MapOp::Mul => (a * b, whole),
        MapOp::Div => (a / b, false),
        MapOp::FloorDiv | MapOp::Mod if b == 0.0 => return Some(Err(BY_ZERO)),
        MapOp::FloorDiv if whole => (floor_div(a as i64, b as i64) as f64, true),
        MapOp::FloorDiv => ((a / b).floor(), false),
        MapOp::Mod => (modulo(a, b), whole),
        MapOp::Pow => power((a, wa), (b, wb)),
        MapOp::Max => {
            if b > a {
                (b, wb)
            } else {
                (a, wa)
            }
        }
        MapOp::Min => {
            if b < a {
                (b, wb)
            } else {
                (a, wa)
            }
        }
        _ => return None,
    }))
}

/// Floor division of whole numbers.
fn floor_div(a: i64, b: i64) -> i64 {
    let quotient = a.wrapping_div(b);
    if a.wrapping_rem(b) != 0 && (a < 0) != (b < 0) { quotient - 1 } else { quotient }
}

/// The remainder with the divisor's sign.
fn modulo(a: f64, b: f64) -> f64 {
    let rest = a % b;
    if rest != 0.0 && (rest < 0.0) != (b < 0.0) { rest + b } else { rest }
}

fn power((a, wa): Number, (b, wb): Number) -> Number {
    if wa && wb && b >= 0.0 {
        let exact = u32::try_from(b as i64).ok().and_then(|e| (a as i64).checked_pow(e));
        return match exact {
            Some(value) if (value as f64).abs() <= EXACT => (value as f64, true),
            _ => (a.powf(b), false),
        };
    }
    (a.powf(b), false)
}

/// A comparison of numbers.
pub(super) fn compare(op: MapOp, a: f64, b: f64) -> Option<bool> {
    Some(match op {
        MapOp::Eq => a == b,
        MapOp::Ne => a != b,
        MapOp::Lt => a < b,
        MapOp::Le => a <= b,
        MapOp::Gt => a > b,
        MapOp::Ge => a >= b,
        _ => return None,
    })
}

/// The error function, by a series whose terms are all of one sign.
fn erf(x: f64) -> f64 {
    if x.is_nan() {
        return x;
    }
    if x.abs() > 6.0 {
        return x.signum();
    }
    let mut term = x;
    let mut sum = x;
    let mut n = 0.0;
    while term.abs() > sum.abs() * 1e-17 {
        n += 1.0;
        term *= 2.0 * x * x / (2.0 * n + 1.0);
        sum += term;
    }
    std::f64::consts::FRAC_2_SQRT_PI * (-x * x).exp() * sum
}

#[cfg(test)]
mod tests {
    use super::*;

    fn two(op: MapOp, a: f64, b: f64) -> Number {
        numbers(op, &[(a, true), (b, true)]).unwrap().unwrap()
    }

    #[test]
    fn whole_numbers_stay_whole() {
        assert_eq!(two(MapOp::FloorDiv, -7.0, 2.0), (-4.0, true));
        assert_eq!(two(MapOp::Mod, -7.0, 3.0), (2.0, true));
        assert_eq!(two(MapOp::Mod, 7.0, -3.0), (-2.0, true));
        assert_eq!(two(MapOp::Pow, 2.0, 30.0), (1_073_741_824.0, true));
        assert_eq!(two(MapOp::Pow, 2.0, -1.0), (0.5, false));
        assert_eq!(two(MapOp::Div, 4.0, 2.0), (2.0, false));
        assert!(numbers(MapOp::Mod, &[(1.0, true), (0.0, true)]).unwrap().is_err());
        assert!(numbers(MapOp::Log, &[(-1.0, true)]).unwrap().is_err());
    }

    #[test]
    fn error_function() {
        assert!((erf(1.0) - 0.842_700_792_949_714_9).abs() < 1e-15);
        assert!((erf(-3.0) + 0.999_977_909_503_001_4).abs() < 1e-15);
        assert_eq!(erf(0.0), 0.0);
    }
}
