//! Arithmetic on constants, in the node's precision.
//!
//! Only what IEEE rounds correctly is folded, so that the bits are those the machine would give;
//! exponentials and the like are left to run time, and to the stability rows, which must see
//! `log(sigmoid(-1000))` before a 0 takes its place.

use super::{Rewriter, Rule, Subject};
use crate::ir::{Binary, Compare, DType, NodeId, Op, Scalar, Unary};

/// The rows.
pub const FOLD: &[Rule] = &[Rule {
    name: "fold",
    algebra: "an operation on constants is a constant",
    subject: Subject::Algebra,
    apply: fold,
}];

fn fold(rw: &mut Rewriter, id: NodeId) -> Option<NodeId> {
    let facts = rw.facts();
    let inputs = facts.inputs(id);
    let value = |k: usize| facts.scalar(inputs[k]);
    let dtype = rw.b.dtype(id);
    let folded = match facts.op(id)? {
        Op::Unary(f) => unary(*f, value(0)?, dtype)?,
        Op::Binary(f) => binary(*f, value(0)?, value(1)?, dtype)?,
        Op::Compare(f) => Scalar::Bool(compare(*f, value(0)?, value(1)?)?),
        Op::Cast(to) => cast(value(0)?, *to)?,
        Op::Leaf(_)
        | Op::Const(_)
        | Op::Iota { .. }
        | Op::Select
        | Op::Transpose { .. }
        | Op::Broadcast { .. }
        | Op::Reshape
        | Op::Slice { .. }
        | Op::Pad { .. }
        | Op::Concat { .. }
        | Op::Reverse { .. }
        | Op::Reduce { .. }
        | Op::ArgReduce { .. }
        | Op::Contract(_)
        | Op::WindowReduce { .. }
        | Op::WindowSpread { .. }
        | Op::WindowPick { .. }
        | Op::Gather { .. }
        | Op::ScatterAdd { .. }
        | Op::RandomBits { .. }
        | Op::Scan(_)
        | Op::Result(_)
        | Op::StopGradient
        | Op::Grad => return None,
    };
    let shape = rw.b.shape(id);
    let constant = rw.b.push(Op::Const(folded), Vec::new(), crate::ir::Type::scalar(dtype));
    Some(rw.b.broadcast(constant, &[], &shape))
}

/// A real rounded to a type.
fn rounded(value: f64, dtype: DType) -> Scalar {
    Scalar::Real(if dtype == DType::F32 { value as f32 as f64 } else { value })
}

fn unary(f: Unary, a: Scalar, dtype: DType) -> Option<Scalar> {
    match (f, a) {
        (Unary::Neg, Scalar::Real(v)) => Some(Scalar::Real(-v)),
        (Unary::Abs, Scalar::Real(v)) => Some(Scalar::Real(v.abs())),
        (Unary::Sqrt, Scalar::Real(v)) => Some(rounded(v.sqrt(), dtype)),
        (Unary::Floor, Scalar::Real(v)) => Some(Scalar::Real(v.floor())),
        (Unary::Neg, Scalar::Int(v)) => Some(Scalar::Int(v.wrapping_neg())),
        (Unary::Not, Scalar::Bool(v)) => Some(Scalar::Bool(!v)),
        (_, Scalar::Real(_) | Scalar::Int(_) | Scalar::Bool(_)) => None,
    }
}

/// Rounding twice, to f64 and then to f32, gives for these functions what rounding once does.
fn binary(f: Binary, a: Scalar, b: Scalar, dtype: DType) -> Option<Scalar> {
    match (a, b) {
        (Scalar::Real(a), Scalar::Real(b)) => match f {
            Binary::Add => Some(rounded(a + b, dtype)),
            Binary::Sub => Some(rounded(a - b, dtype)),
            Binary::Mul => Some(rounded(a * b, dtype)),
            Binary::Div => Some(rounded(a / b, dtype)),
            Binary::FloorDiv
            | Binary::Mod
            | Binary::Pow
            | Binary::Max
            | Binary::Min
            | Binary::And
            | Binary::Or
            | Binary::ShiftRight
            | Binary::MulHigh => None,
        },
        (Scalar::Int(a), Scalar::Int(b)) => match f {
            Binary::Add => Some(Scalar::Int(a.wrapping_add(b))),
            Binary::Sub => Some(Scalar::Int(a.wrapping_sub(b))),
            Binary::Mul => Some(Scalar::Int(a.wrapping_mul(b))),
            Binary::Max => Some(Scalar::Int(a.max(b))),
            Binary::Min => Some(Scalar::Int(a.min(b))),
            Binary::Div
            | Binary::FloorDiv
            | Binary::Mod
            | Binary::Pow
            | Binary::And
            | Binary::Or
            | Binary::ShiftRight
            | Binary::MulHigh => None,
        },
        (Scalar::Bool(a), Scalar::Bool(b)) => match f {
            Binary::And => Some(Scalar::Bool(a && b)),
            Binary::Or => Some(Scalar::Bool(a || b)),
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
            | Binary::MulHigh => None,
        },
        (Scalar::Real(_) | Scalar::Int(_) | Scalar::Bool(_), _) => None,
    }
}

fn compare(f: Compare, a: Scalar, b: Scalar) -> Option<bool> {
    let order = match (a, b) {
        (Scalar::Real(a), Scalar::Real(b)) => a.partial_cmp(&b),
        (Scalar::Int(a), Scalar::Int(b)) => Some(a.cmp(&b)),
        (Scalar::Bool(a), Scalar::Bool(b)) => Some(a.cmp(&b)),
        (Scalar::Real(_) | Scalar::Int(_) | Scalar::Bool(_), _) => return None,
    };
    Some(match f {
        Compare::Eq => order.is_some_and(|o| o.is_eq()),
        Compare::Ne => !order.is_some_and(|o| o.is_eq()),
        Compare::Lt => order.is_some_and(|o| o.is_lt()),
        Compare::Le => order.is_some_and(|o| o.is_le()),
        Compare::Gt => order.is_some_and(|o| o.is_gt()),
        Compare::Ge => order.is_some_and(|o| o.is_ge()),
    })
}

fn cast(a: Scalar, to: DType) -> Option<Scalar> {
    let number = match a {
        Scalar::Real(v) => v,
        Scalar::Int(v) => f64::from(v),
        Scalar::Bool(v) => f64::from(u8::from(v)),
    };
    match to {
        DType::F32 | DType::F64 => Some(rounded(number, to)),
        DType::I32 => {
            let whole = number.trunc();
            let fits = (f64::from(i32::MIN)..=f64::from(i32::MAX)).contains(&whole);
            fits.then_some(Scalar::Int(whole as i32))
        }
        DType::Bool => None,
    }
}
