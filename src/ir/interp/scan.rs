//! Loops, turn by turn.

use super::Fault;
use crate::ir::graph::LeafKind;
use crate::ir::op::Scan;
use crate::ir::tensor::{Buffer, Element, Tensor};
use crate::ir::types::{DType, Type};

/// The results of a loop.
pub fn scan(scan: &Scan, inputs: &[Tensor]) -> Result<Vec<Tensor>, Fault> {
    let (first, captured) = inputs.split_at(scan.carried + scan.scanned);
    let (carried, scanned) = first.split_at(scan.carried);
    let mut carried = carried.to_vec();
    let stacks = scan.body.reports.len() - scan.carried;
    let mut stacked: Vec<Vec<Tensor>> = vec![Vec::with_capacity(scan.turns); stacks];
    for step in 0..scan.turns {
        let turn = if scan.reverse { scan.turns - 1 - step } else { step };
        let outcome = super::run(&scan.body, &|leaf| match leaf.kind {
            LeafKind::Carried => carried[leaf.index].clone(),
            LeafKind::Scanned => part(&scanned[leaf.index], turn),
            LeafKind::Captured => captured[leaf.index].clone(),
            LeafKind::Turn => Tensor::from_i32([], vec![turn as u32 as i32]),
            other => unreachable!("a leaf of kind {other:?} in the body of a scan"),
        })?;
        let mut reports = outcome.reports.into_iter();
        carried.iter_mut().zip(&mut reports).for_each(|(c, next)| *c = next);
        stacked.iter_mut().zip(reports).for_each(|(stack, value)| stack.push(value));
    }
    let types = scan.results();
    let stacks = stacked.into_iter().zip(&types[scan.carried..]);
    let stacks = stacks.map(|(mut parts, ty)| {
        if scan.reverse {
            parts.reverse();
        }
        joined(&parts, ty)
    });
    let stacks: Vec<Tensor> = stacks.collect();
    Ok(carried.into_iter().chain(stacks).collect())
}

/// Part `turn` along the first axis.
fn part(array: &Tensor, turn: usize) -> Tensor {
    fn of<T: Element>(array: &Tensor, from: usize, to: usize) -> Buffer {
        T::buffer(array.elements::<T>()[from..to].to_vec())
    }
    let shape = &array.ty.shape[1..];
    let size: usize = shape.iter().product();
    let (from, to) = (turn * size, (turn + 1) * size);
    let data = match array.ty.dtype {
        DType::F32 => of::<f32>(array, from, to),
        DType::F64 => of::<f64>(array, from, to),
        DType::I32 => of::<i32>(array, from, to),
        DType::Bool => of::<bool>(array, from, to),
    };
    Tensor::new(shape, data)
}

/// Parts one after another.
fn joined(parts: &[Tensor], ty: &Type) -> Tensor {
    fn of<T: Element>(parts: &[Tensor]) -> Buffer {
        T::buffer(parts.iter().flat_map(|p| p.elements::<T>().iter().copied()).collect())
    }
    let data = match ty.dtype {
        DType::F32 => of::<f32>(parts),
        DType::F64 => of::<f64>(parts),
        DType::I32 => of::<i32>(parts),
        DType::Bool => of::<bool>(parts),
    };
    Tensor::new(ty.shape.clone(), data)
}
