//! One scalar, and the functions of scalars: `math` by element type.

use crate::ir::op::{Binary, Compare, Reduce, Unary};
use crate::ir::types::{DType, Scalar};
use crate::math;

/// A scalar of a type.
#[derive(Clone, Copy, Debug)]
pub enum Value {
    /// IEEE binary32.
    F32(f32),
    /// IEEE binary64.
    F64(f64),
    /// 32-bit two's complement.
    I32(i32),
    /// True or false.
    Bool(bool),
}

impl Value {
    /// A constant, rounded to the type.
    pub fn constant(dtype: DType, value: Scalar) -> Value {
        let real = match value {
            Scalar::Real(v) => v,
            Scalar::Int(v) => f64::from(v),
            Scalar::Bool(v) => f64::from(u8::from(v)),
        };
        Value::F64(real).cast(dtype)
    }

    /// Its type.
    pub fn dtype(self) -> DType {
        match self {
            Value::F32(_) => DType::F32,
            Value::F64(_) => DType::F64,
            Value::I32(_) => DType::I32,
            Value::Bool(_) => DType::Bool,
        }
    }

    /// As a truth value.
    pub fn truth(self) -> bool {
        match self {
            Value::Bool(v) => v,
            Value::F32(_) | Value::F64(_) | Value::I32(_) => panic!("{self:?} where a bool was expected"),
        }
    }

    /// As an integer.
    pub fn integer(self) -> i32 {
        match self {
            Value::I32(v) => v,
            Value::F32(_) | Value::F64(_) | Value::Bool(_) => panic!("{self:?} where an i32 was expected"),
        }
    }

    /// Conversion as the tensor IR has it.
    pub fn cast(self, to: DType) -> Value {
        match self {
            Value::F32(v) => converted(to, v, f64::from(v), v as i32, v != 0.0),
            Value::F64(v) => converted(to, v as f32, v, v as i32, v != 0.0),
            Value::I32(v) => converted(to, v as f32, f64::from(v), v, v != 0),
            Value::Bool(v) => converted(to, f32::from(u8::from(v)), f64::from(u8::from(v)), v.into(), v),
        }
    }

    /// A function of one value.
    pub fn unary(self, f: Unary) -> Value {
        match self {
            Value::F32(v) => Value::F32(math::unary_f32(f, v)),
            Value::F64(v) => Value::F64(math::unary_f64(f, v)),
            Value::I32(v) => Value::I32(math::unary_i32(f, v)),
            Value::Bool(v) => Value::Bool(math::unary_bool(f, v)),
        }
    }

    /// A function of two values.
    pub fn binary(self, f: Binary, other: Value) -> Value {
        match (self, other) {
            (Value::F32(a), Value::F32(b)) => Value::F32(math::binary_f32(f, a, b)),
            (Value::F64(a), Value::F64(b)) => Value::F64(math::binary_f64(f, a, b)),
            (Value::I32(a), Value::I32(b)) => Value::I32(math::binary_i32(f, a, b)),
            (Value::Bool(a), Value::Bool(b)) => Value::Bool(math::binary_bool(f, a, b)),
            (a, b) => panic!("{f:?} of {a:?} and {b:?}"),
        }
    }

    /// A comparison.
    pub fn compare(self, f: Compare, other: Value) -> Value {
        Value::Bool(match (self, other) {
            (Value::F32(a), Value::F32(b)) => math::compare(f, &a, &b),
            (Value::F64(a), Value::F64(b)) => math::compare(f, &a, &b),
            (Value::I32(a), Value::I32(b)) => math::compare(f, &a, &b),
            (Value::Bool(a), Value::Bool(b)) => math::compare(f, &a, &b),
            (a, b) => panic!("{f:?} of {a:?} and {b:?}"),
        })
    }
}

/// What a reduction starts from.
pub fn start(op: Reduce, dtype: DType) -> Value {
    let (real, integer) = match op {
        Reduce::Sum | Reduce::Any => (0.0, 0),
        Reduce::Prod | Reduce::All => (1.0, 1),
        Reduce::Max => (f64::NEG_INFINITY, i32::MIN),
        Reduce::Min => (f64::INFINITY, i32::MAX),
    };
    match dtype {
        DType::F32 => Value::F32(real as f32),
        DType::F64 => Value::F64(real),
        DType::I32 => Value::I32(integer),
        DType::Bool => Value::Bool(integer != 0),
    }
}

/// One turn of a reduction: `accumulator op item`.
pub fn joined(op: Reduce, accumulator: Value, item: Value) -> Value {
    let f = match op {
        Reduce::Sum => Binary::Add,
        Reduce::Prod => Binary::Mul,
        Reduce::Max => Binary::Max,
        Reduce::Min => Binary::Min,
        Reduce::Any => Binary::Or,
        Reduce::All => Binary::And,
    };
    accumulator.binary(f, item)
}

/// 16 accumulators as one: l takes l + 8, then l + 4, l + 2, l + 1.
pub fn tree(op: Reduce, mut parts: [Value; 16]) -> Value {
    for half in [8, 4, 2, 1] {
        for l in 0..half {
            parts[l] = joined(op, parts[l], parts[l + half]);
        }
    }
    parts[0]
}

fn converted(to: DType, f32: f32, f64: f64, i32: i32, bool: bool) -> Value {
    match to {
        DType::F32 => Value::F32(f32),
        DType::F64 => Value::F64(f64),
        DType::I32 => Value::I32(i32),
        DType::Bool => Value::Bool(bool),
    }
}
