//! The type rule of each operation: what its operands must be, and what type it then has.

use crate::ir::op::{Affine, Binary, Cells, Compare, Contract, Op, Reduce, Unary, Windows};
use crate::ir::types::{DType, Scalar, Type};

type Check<T = ()> = Result<T, String>;

/// Checks the node's type against the operation and its operands' types.
pub fn check(op: &Op, operands: &[&Type], ty: &Type) -> Check {
    match op {
        Op::Leaf(_) => Ok(()),
        Op::Const(value) => {
            count(operands, 0)?;
            constant(*value, ty.dtype)?;
            equal(ty, &Type::scalar(ty.dtype))
        }
        Op::Iota { axis } => {
            count(operands, 0)?;
            axes_inside(&[*axis], ty.rank())?;
            if ty.shape[*axis] > i32::MAX as usize + 1 {
                return Err("the count goes past the greatest i32".to_owned());
            }
            dtype(ty, DType::I32)
        }
        Op::Unary(f) => {
            count(operands, 1)?;
            unary(*f, operands[0])?;
            equal(ty, operands[0])
        }
        Op::Binary(f) => {
            count(operands, 2)?;
            equal(operands[1], operands[0])?;
            binary(*f, operands[0])?;
            equal(ty, operands[0])
        }
        Op::Compare(f) => {
            count(operands, 2)?;
            equal(operands[1], operands[0])?;
            match f {
                Compare::Eq | Compare::Ne => {}
                Compare::Lt | Compare::Le | Compare::Gt | Compare::Ge => number(operands[0])?,
            }
            equal(ty, &Type::new(DType::Bool, operands[0].shape.clone()))
        }
        Op::Select => {
            count(operands, 3)?;
            equal(operands[0], &Type::new(DType::Bool, operands[1].shape.clone()))?;
            equal(operands[2], operands[1])?;
            equal(ty, operands[1])
        }
        Op::Cast(to) => {
            count(operands, 1)?;
            equal(ty, &Type::new(*to, operands[0].shape.clone()))
        }
        Op::Transpose { perm } => {
            count(operands, 1)?;
            let mut sorted = perm.clone();
            sorted.sort_unstable();
            if sorted != (0..operands[0].rank()).collect::<Vec<_>>() {
                return Err(format!("{perm:?} is no permutation of the axes of {}", operands[0]));
            }
            let shape: Vec<usize> = perm.iter().map(|p| operands[0].shape[*p]).collect();
            equal(ty, &Type::new(operands[0].dtype, shape))
        }
        Op::Broadcast { axes } => {
            count(operands, 1)?;
            lengths(operands[0].rank(), &[axes])?;
            axes_inside(axes, ty.rank())?;
            for (axis, extent) in axes.iter().zip(&operands[0].shape) {
                if *extent != 1 && *extent != ty.shape[*axis] {
                    return Err(format!("{extent} does not stretch to {}", ty.shape[*axis]));
                }
            }
            dtype(ty, operands[0].dtype)
        }
        Op::Reshape => {
            count(operands, 1)?;
            if size(ty)? != size(operands[0])? {
                return Err(format!("{} has not as many elements", operands[0]));
            }
            dtype(ty, operands[0].dtype)
        }
        Op::Slice { start, stride } => slice(operands, start, stride, ty),
        Op::Pad { low, high, interior, value } => pad(operands, [low, high, interior], *value, ty),
        Op::Concat { axis } => concat(operands, *axis, ty),
        Op::Reverse { axes } => {
            count(operands, 1)?;
            axes_inside(axes, operands[0].rank())?;
            equal(ty, operands[0])
        }
        Op::Reduce { op, axes } => {
            count(operands, 1)?;
            axes_inside(axes, operands[0].rank())?;
            match op {
                Reduce::Sum | Reduce::Prod | Reduce::Max | Reduce::Min => number(operands[0])?,
                Reduce::Any | Reduce::All => dtype(operands[0], DType::Bool)?,
            }
            equal(ty, &Type::new(operands[0].dtype, without(&operands[0].shape, axes)))
        }
        Op::ArgReduce { op: _, axis } => {
            count(operands, 1)?;
            axes_inside(&[*axis], operands[0].rank())?;
            number(operands[0])?;
            if operands[0].shape[*axis] == 0 {
                return Err("no elements have no extreme one".to_owned());
            }
            equal(ty, &Type::new(DType::I32, without(&operands[0].shape, &[*axis])))
        }
        Op::Contract(spec) => contract(operands, spec, ty),
        Op::WindowReduce { op: _, windows: w } => {
            count(operands, 1)?;
            windows(w, operands[0], ty)
        }
        Op::WindowSpread { cells: Cells::Largest(_), windows: w } => {
            count(operands, 2)?;
            equal(ty, operands[0])?;
            windows(w, ty, operands[1])
        }
        Op::WindowSpread { cells: Cells::Every, windows: w } => {
            count(operands, 1)?;
            windows(w, ty, operands[0])
        }
        Op::WindowPick { ties: _, windows: w } => {
            count(operands, 2)?;
            equal(operands[1], operands[0])?;
            windows(w, operands[0], ty)
        }
        Op::Gather { axes } => {
            let shape = indexed(operands, axes, operands.first().map_or(&[], |o| &o.shape))?;
            equal(ty, &Type::new(operands[0].dtype, shape))
        }
        Op::ScatterAdd { axes } => {
            let shape = indexed(operands, axes, &ty.shape)?;
            number(ty)?;
            equal(operands[0], &Type::new(ty.dtype, shape))
        }
        Op::Scan(_) | Op::Result(_) => Err("needs its graph to be checked".to_owned()),
        Op::RandomBits { key: _ } => {
            count(operands, 2)?;
            for word in operands {
                equal(word, &Type::scalar(DType::I32))?;
            }
            dtype(ty, DType::I32)
        }
        Op::StopGradient => {
            count(operands, 1)?;
            equal(ty, operands[0])
        }
        Op::Grad => {
            count(operands, 2)?;
            if operands[0].rank() != 0 || !operands[0].dtype.is_real() {
                return Err(format!("{} is no real scalar", operands[0]));
            }
            real(operands[1])?;
            equal(ty, operands[1])
        }
    }
}

fn unary(f: Unary, a: &Type) -> Check {
    match f {
        Unary::Neg | Unary::Abs | Unary::Sign | Unary::Relu => number(a),
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
        | Unary::Round => real(a),
        Unary::Not => dtype(a, DType::Bool),
    }
}

fn binary(f: Binary, a: &Type) -> Check {
    match f {
        Binary::Add
        | Binary::Sub
        | Binary::Mul
        | Binary::FloorDiv
        | Binary::Mod
        | Binary::Pow
        | Binary::Max
        | Binary::Min => number(a),
        Binary::Div => real(a),
        Binary::And | Binary::Or => dtype(a, DType::Bool),
        Binary::ShiftRight | Binary::MulHigh => dtype(a, DType::I32),
    }
}

fn slice(operands: &[&Type], start: &[usize], stride: &[usize], ty: &Type) -> Check {
    count(operands, 1)?;
    let from = operands[0];
    lengths(from.rank(), &[start, stride, &ty.shape])?;
    for d in 0..from.rank() {
        if stride[d] == 0 {
            return Err(format!("axis {d} has stride 0"));
        }
        let last = ty.shape[d].checked_sub(1).map(|n| start[d] as u128 + stride[d] as u128 * n as u128);
        if last.is_some_and(|last| last >= from.shape[d] as u128) {
            return Err(format!("axis {d} is sliced past its end"));
        }
    }
    dtype(ty, from.dtype)
}

fn pad(operands: &[&Type], [low, high, interior]: [&[usize]; 3], value: Scalar, ty: &Type) -> Check {
    count(operands, 1)?;
    let from = operands[0];
    lengths(from.rank(), &[low, high, interior])?;
    constant(value, from.dtype)?;
    lengths(from.rank(), &[&ty.shape])?;
    for d in 0..from.rank() {
        let gaps = from.shape[d].saturating_sub(1) as u128 * interior[d] as u128;
        let extent = low[d] as u128 + high[d] as u128 + from.shape[d] as u128 + gaps;
        if ty.shape[d] as u128 != extent {
            return Err(format!("axis {d} should have extent {extent}"));
        }
    }
    dtype(ty, from.dtype)
}

fn concat(operands: &[&Type], axis: usize, ty: &Type) -> Check {
    let Some(first) = operands.first() else { return Err("there are no operands".to_owned()) };
    axes_inside(&[axis], first.rank())?;
    let mut sum: u128 = 0;
    for part in operands {
        lengths(first.rank(), &[&part.shape])?;
        sum += part.shape[axis] as u128;
        let mut like = (*first).clone();
        like.shape[axis] = part.shape[axis];
        equal(part, &like)?;
    }
    let mut whole = (*first).clone();
    whole.shape[axis] = usize::try_from(sum).map_err(|_| "too many elements".to_owned())?;
    equal(ty, &whole)
}

fn contract(operands: &[&Type], spec: &Contract, ty: &Type) -> Check {
    let (operands, start) = match operands {
        [factors @ .., start] if factors.len() == 2 => (factors, Some(*start)),
        _ => (operands, None),
    };
    count(operands, 2)?;
    real(operands[0])?;
    dtype(operands[1], operands[0].dtype)?;
    if let Some(start) = start {
        equal(ty, start)?;
    }
    let variables = spec.extents.len();
    for (i, v) in spec.output.iter().enumerate() {
        if *v >= variables || spec.output[..i].contains(v) {
            return Err(format!("variable {v} of the result is not there or comes twice"));
        }
    }
    for (operand, axes) in operands.iter().zip(&spec.operands) {
        lengths(operand.rank(), &[axes])?;
        for (axis, extent) in axes.iter().zip(&operand.shape) {
            if axis.terms.iter().any(|(v, _)| *v >= variables) {
                return Err("an access uses a variable that is not there".to_owned());
            }
            let none = spec.extents.contains(&0);
            let (low, high) = range(axis, &spec.extents);
            if !none && (low < 0 || high >= *extent as i128) {
                return Err(format!("an access goes from {low} to {high} in an axis of extent {extent}"));
            }
        }
    }
    let shape: Vec<usize> = spec.output.iter().map(|v| spec.extents[*v]).collect();
    size(&Type::new(operands[0].dtype, spec.extents.clone()))?;
    equal(ty, &Type::new(operands[0].dtype, shape))
}

/// Windows over a tensor of type `over`, one for each element of `each`.
fn windows(windows: &Windows, over: &Type, each: &Type) -> Check {
    number(over)?;
    dtype(each, over.dtype)?;
    lengths(windows.size.len(), &[&windows.stride])?;
    lengths(over.rank(), &[&each.shape])?;
    let Some(lead) = over.rank().checked_sub(windows.size.len()) else {
        return Err(format!("windows of {} axes over {over}", windows.size.len()));
    };
    if over.shape[..lead] != each.shape[..lead] {
        return Err(format!("{each} where one number of each window over {over} is needed"));
    }
    for d in 0..windows.size.len() {
        if windows.size[d] == 0 || windows.stride[d] == 0 {
            return Err("a window has extent 0 or stride 0".to_owned());
        }
        let last = each.shape[lead + d].checked_sub(1).map(|n| n as u128 * windows.stride[d] as u128);
        if last.is_some_and(|last| last >= over.shape[lead + d] as u128) {
            return Err(format!("the last window along axis {} has no cells", lead + d));
        }
    }
    Ok(())
}

/// The least and greatest value of an index. Saturating, so that absurd numbers stay outside.
fn range(index: &Affine, extents: &[usize]) -> (i128, i128) {
    let (mut low, mut high) = (index.offset as i128, index.offset as i128);
    for (v, coefficient) in &index.terms {
        let last = extents[*v].saturating_sub(1) as i128;
        let end = last.saturating_mul(*coefficient as i128);
        low = low.saturating_add(end.min(0));
        high = high.saturating_add(end.max(0));
    }
    (low, high)
}

/// The shape of what a gather takes from a tensor of shape `whole`.
fn indexed(operands: &[&Type], axes: &[usize], whole: &[usize]) -> Check<Vec<usize>> {
    axes_inside(axes, whole.len())?;
    if axes.is_empty() {
        return Err("no axis is indexed".to_owned());
    }
    count(operands, axes.len() + 1)?;
    let index = Type::new(DType::I32, operands[1].shape.clone());
    for other in &operands[1..] {
        equal(other, &index)?;
    }
    Ok([index.shape, without(whole, axes)].concat())
}

fn without(shape: &[usize], axes: &[usize]) -> Vec<usize> {
    (0..shape.len()).filter(|d| !axes.contains(d)).map(|d| shape[d]).collect()
}

fn constant(value: Scalar, of: DType) -> Check {
    let fits = match value {
        Scalar::Real(_) => of.is_real(),
        Scalar::Int(_) => of == DType::I32,
        Scalar::Bool(_) => of == DType::Bool,
    };
    if fits { Ok(()) } else { Err(format!("{value:?} is no constant of type {}", of.name())) }
}

/// Number of elements, if no product of extents overflows.
pub fn size(ty: &Type) -> Check<usize> {
    let product = ty.shape.iter().filter(|e| **e != 0).try_fold(1usize, |n, e| n.checked_mul(*e));
    let bytes = product.and_then(|n| n.checked_mul(ty.dtype.size())).filter(|n| *n <= isize::MAX as usize);
    match bytes {
        Some(_) if ty.shape.contains(&0) => Ok(0),
        Some(n) => Ok(n / ty.dtype.size()),
        None => Err(format!("{ty} has too many elements")),
    }
}

/// Checks the number of operands.
pub fn count(operands: &[&Type], expected: usize) -> Check {
    if operands.len() == expected {
        Ok(())
    } else {
        Err(format!("{expected} operands are needed, not {}", operands.len()))
    }
}

/// Checks a type against the one that follows.
pub fn equal(found: &Type, expected: &Type) -> Check {
    if found == expected { Ok(()) } else { Err(format!("type {found} where {expected} follows")) }
}

fn dtype(found: &Type, expected: DType) -> Check {
    if found.dtype == expected {
        Ok(())
    } else {
        Err(format!("{found} where elements of type {} are needed", expected.name()))
    }
}

fn real(found: &Type) -> Check {
    if found.dtype.is_real() { Ok(()) } else { Err(format!("{found} where reals are needed")) }
}

fn number(found: &Type) -> Check {
    match found.dtype {
        DType::F32 | DType::F64 | DType::I32 => Ok(()),
        DType::Bool => Err(format!("{found} where numbers are needed")),
    }
}

fn axes_inside(axes: &[usize], rank: usize) -> Check {
    if axes.iter().any(|a| *a >= rank) || axes.windows(2).any(|w| w[0] >= w[1]) {
        return Err(format!("{axes:?} are no ascending axes of rank {rank}"));
    }
    Ok(())
}

/// Checks that lists have one item an axis.
fn lengths<T>(rank: usize, lists: &[&[T]]) -> Check {
    if lists.iter().any(|l| l.len() != rank) {
        return Err(format!("{rank} items are needed, one an axis"));
    }
    Ok(())
}
