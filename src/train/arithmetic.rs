//! Functions of host numbers: those of tensors, in f64.
//!
//! Transcendental functions are the reference interpreter's, so that a function means the same in a
//! schedule as in a step. `//` and `%` of whole numbers are exact.

use crate::ir::{DType, Op, Tensor, Type, Unary, interp};
use crate::program::MapOp;

/// A function of numbers. `And`, `Or`, `Not`, `Where` and comparisons are not here.
pub fn numbers(op: MapOp, args: &[f64]) -> f64 {
    let (a, b) = (args[0], args.get(1).copied().unwrap_or(0.0));
    match op {
        MapOp::Neg => -a,
        MapOp::Abs => a.abs(),
        MapOp::Floor => a.floor(),
        MapOp::Round => a.round_ties_even(),
        MapOp::Sqrt => a.sqrt(),
        MapOp::Relu => larger(a, 0.0),
        MapOp::Add => a + b,
        MapOp::Sub => a - b,
        MapOp::Mul => a * b,
        MapOp::Div => a / b,
        MapOp::FloorDiv => floor_div(a, b),
        MapOp::Mod => modulo(a, b),
        MapOp::Pow => a.powf(b),
        MapOp::Max => larger(a, b),
        MapOp::Min => -larger(-a, -b),
        MapOp::Clamp => -larger(-larger(a, b), -args[2]),
        MapOp::Sign => unary(Unary::Sign, a),
        MapOp::Exp => unary(Unary::Exp, a),
        MapOp::Log => unary(Unary::Log, a),
        MapOp::Log1p => unary(Unary::Log1p, a),
        MapOp::Expm1 => unary(Unary::Expm1, a),
        MapOp::Tanh => unary(Unary::Tanh, a),
        MapOp::Sigmoid => unary(Unary::Sigmoid, a),
        MapOp::Softplus => unary(Unary::Softplus, a),
        MapOp::Erf => unary(Unary::Erf, a),
        MapOp::Sin => unary(Unary::Sin, a),
        MapOp::Cos => unary(Unary::Cos, a),
        MapOp::Not
        | MapOp::And
        | MapOp::Or
        | MapOp::Eq
        | MapOp::Ne
        | MapOp::Lt
        | MapOp::Le
        | MapOp::Gt
        | MapOp::Ge
        | MapOp::Where => unreachable!("{op:?} does not give a number"),
    }
}

/// A comparison of numbers; false with NaN, but `!=` true.
pub fn compare(op: MapOp, a: f64, b: f64) -> Option<bool> {
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

/// The larger; a where equal, NaN if either is.
pub fn larger(a: f64, b: f64) -> f64 {
    if a.is_nan() || a >= b { a } else { b }
}

fn whole(a: f64, b: f64) -> bool {
    a.fract() == 0.0 && b.fract() == 0.0 && b != 0.0
}

fn floor_div(a: f64, b: f64) -> f64 {
    if whole(a, b) { (a - modulo(a, b)) / b } else { (a / b).floor() }
}

fn modulo(a: f64, b: f64) -> f64 {
    if !whole(a, b) {
        return a - b * (a / b).floor();
    }
    // The remainder of whole numbers is exact.
    let rest = a % b;
    if rest != 0.0 && (rest < 0.0) != (b < 0.0) { rest + b } else { rest + 0.0 }
}

fn unary(f: Unary, a: f64) -> f64 {
    let result = interp::apply(&Op::Unary(f), &Type::scalar(DType::F64), &[Tensor::scalar(DType::F64, a)]);
    result.expect("a function of a real has no fault").item_f64()
}
