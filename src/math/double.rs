//! The functions of f64: the `libm` crate's, the same on every machine.

pub use libm::{cos, erf, exp, expm1, log, log1p, pow, sin, tanh};

/// 1 / (1 + e^-x), on each side in the form whose exponential cannot overflow.
pub fn sigmoid(x: f64) -> f64 {
    let e = exp(-x.abs());
    if x < 0.0 { e / (1.0 + e) } else { 1.0 / (1.0 + e) }
}

/// log(1 + e^x).
pub fn softplus(x: f64) -> f64 {
    (if x > 0.0 { x } else { 0.0 }) + log1p(exp(-x.abs()))
}
