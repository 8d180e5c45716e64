//! Numbers as text that reads back.

/// The shortest decimal that reads back: `0.1`, `5`, `1e-7`, `inf`.
pub fn number(value: f64) -> String {
    shortest(value, || format!("{value}"), || format!("{value:e}"))
}

/// The same of a 32-bit number.
pub fn number32(value: f32) -> String {
    shortest(f64::from(value), || format!("{value}"), || format!("{value:e}"))
}

fn shortest(value: f64, plain: impl Fn() -> String, exponent: impl Fn() -> String) -> String {
    if !value.is_finite() {
        return not_finite(value).to_owned();
    }
    let size = value.abs();
    if size != 0.0 && !(1e-5..1e16).contains(&size) { exponent() } else { plain() }
}

/// `nan`, `inf` or `-inf`.
pub fn not_finite(value: f64) -> &'static str {
    if value.is_nan() {
        "nan"
    } else if value > 0.0 {
        "inf"
    } else {
        "-inf"
    }
}
