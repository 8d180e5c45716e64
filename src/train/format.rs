//! Numbers and tensors as text: what a hole of a string prints.
//!
//! With digits after the point a number is rounded from its exact decimal value, half to even, as
//! C's `printf` does; without, it is the shortest decimal that reads back. Hundredths are the
//! number times 100, as a 64-bit product.

pub use crate::runtime::numbers::{number, number32};

use super::value::Value;
use crate::ir::{Buffer, Tensor};
use crate::program::host::{Format, Style};
use crate::runtime::numbers::not_finite;

/// A number under a format.
pub fn formatted(value: f64, format: Format) -> String {
    formatted_with(value, format, number)
}

fn formatted_with(value: f64, format: Format, plain: impl Fn(f64) -> String) -> String {
    if !value.is_finite() {
        let percent = if format.style == Style::Percent { "%" } else { "" };
        return format!("{}{percent}", not_finite(value));
    }
    match (format.style, format.digits) {
        (Style::Plain, None) => plain(value),
        (Style::Plain, Some(digits)) => format!("{value:.digits$}"),
        (Style::Percent, None) => format!("{}%", plain(value * 100.0)),
        (Style::Percent, Some(digits)) => format!("{:.digits$}%", value * 100.0),
        (Style::Exponent, None) => format!("{value:e}"),
        (Style::Exponent, Some(digits)) => format!("{value:.digits$e}"),
    }
}

/// A tensor whole, row by row.
pub fn tensor(tensor: &Tensor, format: Format) -> String {
    let elements: Vec<String> = match &*tensor.data {
        Buffer::F32(v) => {
            let plain = |value: f64| number32(value as f32);
            v.iter().map(|v| formatted_with(f64::from(*v), format, plain)).collect()
        }
        Buffer::F64(v) => v.iter().map(|v| formatted(*v, format)).collect(),
        Buffer::I32(v) => v.iter().map(|v| formatted(f64::from(*v), format)).collect(),
        Buffer::Bool(v) => v.iter().map(bool::to_string).collect(),
    };
    let mut out = String::new();
    rows(&mut out, &tensor.ty.shape, &elements, 1);
    out
}

fn rows(out: &mut String, shape: &[usize], elements: &[String], depth: usize) {
    let Some((extent, rest)) = shape.split_first() else {
        out.push_str(&elements[0]);
        return;
    };
    out.push('[');
    let size: usize = rest.iter().product();
    for i in 0..*extent {
        if i > 0 {
            out.push(',');
            match rest.len() {
                0 => out.push(' '),
                axes => {
                    out.push_str(&"\n".repeat(axes));
                    out.push_str(&" ".repeat(depth));
                }
            }
        }
        rows(out, rest, &elements[i * size..(i + 1) * size], depth + 1);
    }
    out.push(']');
}

/// A host value under a format. Values still awaited must have been awaited before.
pub fn value(value: &Value, format: Format) -> String {
    let all = |values: &[Value]| values.iter().map(|v| self::value(v, format)).collect::<Vec<_>>();
    match value {
        Value::Number(v) => formatted(*v, format),
        Value::Bool(v) => v.to_string(),
        Value::Text(text) => text.to_string(),
        Value::Tensor(value) => tensor(value, format),
        Value::List(values) => {
            let nested = values.iter().any(|v| matches!(v, Value::List(_)));
            format!("[{}]", all(values).join(if nested { ",\n " } else { ", " }))
        }
        Value::Tuple(values) => format!("({})", all(values).join(", ")),
        Value::Snapshot(kept) => format!("a snapshot of {} places", kept.len()),
        Value::Nothing => "nothing".to_owned(),
        Value::Record(_) | Value::Pending { .. } | Value::Slice { .. } => {
            unreachable!("awaited before it is printed")
        }
    }
}
