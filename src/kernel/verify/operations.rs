//! Which types an operation takes and gives.

use crate::ir::op::{Binary, Compare, Reduce, Unary};
use crate::ir::types::{DType, Scalar};

type Check = Result<(), String>;

/// A constant of a type.
pub fn constant(value: Scalar, dtype: DType) -> Check {
    let fits = match value {
        Scalar::Real(_) => dtype.is_real(),
        Scalar::Int(_) => dtype == DType::I32,
        Scalar::Bool(_) => dtype == DType::Bool,
    };
    if fits { Ok(()) } else { Err(format!("{value:?} is no constant of {}", dtype.name())) }
}

/// A function of one value.
pub fn unary(f: Unary, of: DType) -> Check {
    match f {
        Unary::Neg | Unary::Abs | Unary::Sign | Unary::Relu => number(of),
        Unary::Exp
        | Unary::Log
        | Unary::Log1p
        | Unary::Expm1
        | Unary::Sqrt
        | Unary::Tanh
        | Unary::Sigmoid
        | Unary::Softplus
        | Unary::Erf
        | Unary::Sin
        | Unary::Cos
        | Unary::Floor
        | Unary::Round => real(of),
        Unary::Not => equal(of, DType::Bool),
    }
}

/// A function of two values of a type.
pub fn binary(f: Binary, of: DType) -> Check {
    match f {
        Binary::Add
        | Binary::Sub
        | Binary::Mul
        | Binary::FloorDiv
        | Binary::Mod
        | Binary::Pow
        | Binary::Max
        | Binary::Min => number(of),
        Binary::Div => real(of),
        Binary::And | Binary::Or => equal(of, DType::Bool),
        Binary::ShiftRight | Binary::MulHigh => equal(of, DType::I32),
    }
}

/// A comparison of two values of a type.
pub fn compare(f: Compare, of: DType) -> Check {
    match f {
        Compare::Eq | Compare::Ne => Ok(()),
        Compare::Lt | Compare::Le | Compare::Gt | Compare::Ge => number(of),
    }
}

/// A reduction of values of a type.
pub fn reduce(op: Reduce, of: DType) -> Check {
    match op {
        Reduce::Sum | Reduce::Prod | Reduce::Max | Reduce::Min => number(of),
        Reduce::Any | Reduce::All => equal(of, DType::Bool),
    }
}

/// One type where another is due.
pub fn equal(found: DType, due: DType) -> Check {
    if found == due { Ok(()) } else { Err(format!("{} where {} is due", found.name(), due.name())) }
}

/// A real type.
pub fn real(of: DType) -> Check {
    if of.is_real() { Ok(()) } else { Err(format!("{} where a real is due", of.name())) }
}

fn number(of: DType) -> Check {
    if of == DType::Bool { Err("bool where a number is due".to_owned()) } else { Ok(()) }
}
