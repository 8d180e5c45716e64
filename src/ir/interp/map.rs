//! Elementwise operations.

use super::FaultKind;
use super::element::{self, IntegerFault, Number};
use crate::ir::op::{Binary, Compare, Unary};
use crate::ir::tensor::{Buffer, Tensor};
use crate::ir::types::DType;

/// A function of each element.
pub fn unary(f: Unary, a: &Buffer) -> Buffer {
    match a {
        Buffer::F32(v) => Buffer::F32(unary_f32(f, v)),
        Buffer::F64(v) => Buffer::F64(v.iter().map(|x| element::unary_real(f, *x)).collect()),
        Buffer::I32(v) => Buffer::I32(v.iter().map(|x| element::unary_integer(f, *x)).collect()),
        Buffer::Bool(v) => {
            assert_eq!(f, Unary::Not, "of truth values");
            Buffer::Bool(v.iter().map(|x| !x).collect())
        }
    }
}

/// Exact functions directly, the others in f64, rounded once.
fn unary_f32(f: Unary, a: &[f32]) -> Vec<f32> {
    match f {
        Unary::Neg => a.iter().map(|x| -x).collect(),
        Unary::Abs => a.iter().map(|x| x.abs()).collect(),
        Unary::Relu => a.iter().map(|x| x.larger(0.0)).collect(),
        Unary::Sqrt => a.iter().map(|x| x.sqrt()).collect(),
        Unary::Sign
        | Unary::Exp
        | Unary::Log
        | Unary::Log1p
        | Unary::Expm1
        | Unary::Tanh
        | Unary::Sigmoid
        | Unary::Softplus
        | Unary::Erf
        | Unary::Sin
        | Unary::Cos
        | Unary::Floor
        | Unary::Round
        | Unary::Not => a.iter().map(|x| element::unary_real(f, f64::from(*x)) as f32).collect(),
    }
}

/// A function of each pair of elements.
pub fn binary(f: Binary, a: &Tensor, b: &Tensor) -> Result<Buffer, FaultKind> {
    Ok(match (&*a.data, &*b.data) {
        (Buffer::F32(x), Buffer::F32(y)) => {
            Buffer::F32(real(f, x, y, f32::floor, |x, y| f64::from(x).powf(f64::from(y)) as f32))
        }
        (Buffer::F64(x), Buffer::F64(y)) => Buffer::F64(real(f, x, y, f64::floor, f64::powf)),
        (Buffer::I32(x), Buffer::I32(y)) => Buffer::I32(integer(f, x, y, a)?),
        (Buffer::Bool(x), Buffer::Bool(y)) => Buffer::Bool(match f {
            Binary::And => zip(x, y, |x, y| x & y),
            Binary::Or => zip(x, y, |x, y| x | y),
            Binary::Add
            | Binary::Sub
            | Binary::Mul
            | Binary::Div
            | Binary::FloorDiv
            | Binary::Mod
            | Binary::Pow
            | Binary::Max
            | Binary::Min
            | Binary::ShiftRight
            | Binary::MulHigh => unreachable!("{f:?} of truth values"),
        }),
        (x, y) => unreachable!("{f:?} of {} and {}", x.dtype().name(), y.dtype().name()),
    })
}

fn zip<T: Copy, R>(a: &[T], b: &[T], f: impl Fn(T, T) -> R) -> Vec<R> {
    a.iter().zip(b).map(|(x, y)| f(*x, *y)).collect()
}

fn real<T>(f: Binary, a: &[T], b: &[T], floor: impl Fn(T) -> T, pow: impl Fn(T, T) -> T) -> Vec<T>
where
    T: Number + std::ops::Sub<Output = T> + std::ops::Div<Output = T>,
{
    match f {
        Binary::Add => zip(a, b, T::plus),
        Binary::Sub => zip(a, b, |x, y| x - y),
        Binary::Mul => zip(a, b, T::times),
        Binary::Div => zip(a, b, |x, y| x / y),
        Binary::FloorDiv => zip(a, b, |x, y| floor(x / y)),
        Binary::Mod => zip(a, b, |x, y| x - y.times(floor(x / y))),
        Binary::Pow => zip(a, b, pow),
        Binary::Max => zip(a, b, T::larger),
        Binary::Min => zip(a, b, T::smaller),
        Binary::And | Binary::Or | Binary::ShiftRight | Binary::MulHigh => {
            unreachable!("{f:?} of reals")
        }
    }
}

fn integer(f: Binary, a: &[i32], b: &[i32], at: &Tensor) -> Result<Vec<i32>, FaultKind> {
    let pairs = a.iter().zip(b).enumerate();
    pairs
        .map(|(i, (x, y))| {
            element::binary_integer(f, *x, *y).map_err(|fault| match fault {
                IntegerFault::DivisionByZero => FaultKind::DivisionByZero { position: at.index_of(i) },
                IntegerFault::NegativePower(value) => {
                    FaultKind::NegativePower { position: at.index_of(i), value }
                }
            })
        })
        .collect()
}

/// A comparison of each pair of elements.
pub fn compare(f: Compare, a: &Buffer, b: &Buffer) -> Buffer {
    Buffer::Bool(match (a, b) {
        (Buffer::F32(a), Buffer::F32(b)) => zip(a, b, |x, y| element::compare(f, &x, &y)),
        (Buffer::F64(a), Buffer::F64(b)) => zip(a, b, |x, y| element::compare(f, &x, &y)),
        (Buffer::I32(a), Buffer::I32(b)) => zip(a, b, |x, y| element::compare(f, &x, &y)),
        (Buffer::Bool(a), Buffer::Bool(b)) => zip(a, b, |x, y| element::compare(f, &x, &y)),
        (x, y) => unreachable!("{f:?} of {} and {}", x.dtype().name(), y.dtype().name()),
    })
}

/// Either element by a condition; the one not taken is only copied over.
pub fn select(condition: &Buffer, a: &Buffer, b: &Buffer) -> Buffer {
    let Buffer::Bool(c) = condition else { unreachable!("a condition is of truth values") };
    match (a, b) {
        (Buffer::F32(a), Buffer::F32(b)) => Buffer::F32(choose(c, a, b)),
        (Buffer::F64(a), Buffer::F64(b)) => Buffer::F64(choose(c, a, b)),
        (Buffer::I32(a), Buffer::I32(b)) => Buffer::I32(choose(c, a, b)),
        (Buffer::Bool(a), Buffer::Bool(b)) => Buffer::Bool(choose(c, a, b)),
        (x, y) => unreachable!("select of {} and {}", x.dtype().name(), y.dtype().name()),
    }
}

fn choose<T: Copy>(condition: &[bool], a: &[T], b: &[T]) -> Vec<T> {
    condition.iter().zip(a.iter().zip(b)).map(|(c, (a, b))| if *c { *a } else { *b }).collect()
}

/// Conversion: to reals by rounding, to I32 by truncation (what lies outside goes to the nearest,
/// NaN to 0), to Bool by comparison with 0.
pub fn cast(to: DType, a: &Buffer) -> Buffer {
    match a {
        Buffer::F32(v) => convert(to, v, |x| x, f64::from, |x| x as i32, |x| x != 0.0),
        Buffer::F64(v) => convert(to, v, |x| x as f32, |x| x, |x| x as i32, |x| x != 0.0),
        Buffer::I32(v) => convert(to, v, |x| x as f32, f64::from, |x| x, |x| x != 0),
        Buffer::Bool(v) => {
            convert(to, v, |x| f32::from(u8::from(x)), |x| f64::from(u8::from(x)), i32::from, |x| x)
        }
    }
}

fn convert<T: Copy>(
    to: DType,
    a: &[T],
    f32: impl Fn(T) -> f32,
    f64: impl Fn(T) -> f64,
    i32: impl Fn(T) -> i32,
    bool: impl Fn(T) -> bool,
) -> Buffer {
    match to {
        DType::F32 => Buffer::F32(a.iter().map(|x| f32(*x)).collect()),
        DType::F64 => Buffer::F64(a.iter().map(|x| f64(*x)).collect()),
        DType::I32 => Buffer::I32(a.iter().map(|x| i32(*x)).collect()),
        DType::Bool => Buffer::Bool(a.iter().map(|x| bool(*x)).collect()),
    }
}
