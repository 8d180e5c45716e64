//! The functions of f32.

use super::double;

/// `exp`.
pub fn exp(x: f32) -> f32 {
    double::exp(f64::from(x)) as f32
}

/// `log`.
pub fn log(x: f32) -> f32 {
    double::log(f64::from(x)) as f32
}

/// `log1p`.
pub fn log1p(x: f32) -> f32 {
    double::log1p(f64::from(x)) as f32
}

/// `expm1`.
pub fn expm1(x: f32) -> f32 {
    double::expm1(f64::from(x)) as f32
}

/// `tanh`.
pub fn tanh(x: f32) -> f32 {
    double::tanh(f64::from(x)) as f32
}

/// `sigmoid`.
pub fn sigmoid(x: f32) -> f32 {
    double::sigmoid(f64::from(x)) as f32
}

/// `softplus`.
pub fn softplus(x: f32) -> f32 {
    double::softplus(f64::from(x)) as f32
}

/// `erf`.
pub fn erf(x: f32) -> f32 {
    double::erf(f64::from(x)) as f32
}

/// `sin`.
pub fn sin(x: f32) -> f32 {
    double::sin(f64::from(x)) as f32
}

/// `cos`.
pub fn cos(x: f32) -> f32 {
    double::cos(f64::from(x)) as f32
}

/// a^b.
pub fn pow(a: f32, b: f32) -> f32 {
    double::pow(f64::from(a), f64::from(b)) as f32
}
