//! Indices, joining and moving of elements.

use crate::bodies::{Bodies, at, close, indices, some};
use dlc::ir::{DType, Op, interp};
use dlc::program::IndexItem::{self, At, Slice, Tensor};
use dlc::program::{Elem, Precision, ValueOp};
use proptest::prelude::*;

/// The language's rule, element by element: slices keep their axis, positions drop it, and the
/// tensors' common axes stand where the first tensor stood.
fn by_rule(
    shape: &[usize],
    x: &[f64],
    items: &[IndexItem],
    tensors: &[(Vec<usize>, Vec<f64>)],
    common: &[usize],
) -> (Vec<usize>, Vec<f64>) {
    let mut result = Vec::new();
    let mut common_at = None;
    for item in items {
        match item {
            Slice(from, to) => result.push(to - from),
            At(_) => {}
            Tensor if common_at.is_some() => {}
            Tensor => {
                common_at = Some(result.len());
                result.extend_from_slice(common);
            }
        }
    }
    let element = |index: &Vec<usize>| {
        let mut own = index.clone();
        let place: Vec<usize> = match common_at {
            Some(start) => own.drain(start..start + common.len()).collect(),
            None => vec![],
        };
        let (mut own, mut tensors) = (own.into_iter(), tensors.iter());
        let source: Vec<usize> = items
            .iter()
            .map(|item| match item {
                Slice(from, _) => from + own.next().unwrap(),
                At(position) => *position,
                Tensor => {
                    let (shape, values) = tensors.next().unwrap();
                    values[at(shape, &place)] as usize
                }
            })
            .collect();
        x[at(shape, &source)]
    };
    let values = indices(&result).iter().map(element).collect();
    (result, values)
}

fn check(shape: &[usize], items: &[IndexItem], tensors: &[(Vec<usize>, Vec<f64>)], common: &[usize]) {
    let x: Vec<f64> = (0..shape.iter().product::<usize>()).map(|i| i as f64).collect();
    let (result, wanted) = by_rule(shape, &x, items, tensors, common);
    let mut b = Bodies::default();
    let mut args = vec![b.arg(Elem::Real, shape, &x)];
    args.extend(tensors.iter().map(|(shape, values)| b.arg(Elem::Int, shape, values)));
    let z = b.op(ValueOp::Index(items.to_vec()), &args, Elem::Real, &result);
    assert_eq!(b.numbers(z), wanted, "{items:?}");
}

#[test]
fn slices_and_positions() {
    check(&[4, 5], &[Slice(1, 3), Slice(0, 5)], &[], &[]);
    check(&[4, 5], &[At(2), Slice(2, 4)], &[], &[]);
    check(&[4, 5], &[At(3), At(4)], &[], &[]);
    check(&[4, 5, 2], &[Slice(0, 4), At(4), Slice(1, 2)], &[], &[]);
    check(&[4], &[Slice(2, 2)], &[], &[]);
    check(&[4], &[Slice(4, 4)], &[], &[]);
}

#[test]
fn tensors() {
    let t = |shape: &[usize], values: &[f64]| (shape.to_vec(), values.to_vec());
    // The likelihood of the labels: log(p)[i, y[i]].
    check(&[3, 4], &[Tensor, Tensor], &[t(&[3], &[0., 1., 2.]), t(&[3], &[3., 0., 3.])], &[3]);
    // One tensor replaces its axis, wherever it stands.
    check(&[3, 4, 2], &[Tensor, Slice(0, 4), Slice(0, 2)], &[t(&[2], &[2., 0.])], &[2]);
    check(&[3, 4, 2], &[Slice(0, 3), Tensor, Slice(0, 2)], &[t(&[2, 2], &[3., 0., 1., 1.])], &[2, 2]);
    check(&[3, 4, 2], &[Slice(0, 3), Slice(1, 3), Tensor], &[t(&[], &[1.])], &[]);
    // Two with a slice between them: their common axes stand where the first stood.
    let pair = [t(&[2, 1], &[2., 0.]), t(&[3], &[1., 0., 1.])];
    check(&[3, 4, 2], &[Tensor, Slice(0, 4), Tensor], &pair, &[2, 3]);
    check(&[5, 3, 4, 2], &[Slice(1, 4), Tensor, Slice(0, 4), Tensor], &pair, &[2, 3]);
    check(&[5, 3, 4, 2], &[At(4), Tensor, Slice(1, 4), Tensor], &pair, &[2, 3]);
    check(&[3, 5, 2, 4], &[Tensor, At(2), Tensor, Slice(0, 4)], &pair, &[2, 3]);
}

/// An axis's extent with an item for it, and whether a tensor's axis stretches.
fn axis() -> impl Strategy<Value = (usize, IndexItem, [bool; 2])> {
    (1usize..5, 0usize..4, 0usize..5, 0usize..5, any::<[bool; 2]>()).prop_map(|(extent, kind, a, b, ones)| {
        let item = match kind {
            0 => Slice((a % (extent + 1)).min(b % (extent + 1)), (a % (extent + 1)).max(b % (extent + 1))),
            1 => At(a % extent),
            _ => Tensor,
        };
        (extent, item, ones)
    })
}

proptest! {
    #[test]
    fn any_index(axes in prop::collection::vec(axis(), 1..5), common in [1usize..4, 1usize..4], seed in 0usize..100) {
        let shape: Vec<usize> = axes.iter().map(|a| a.0).collect();
        let items: Vec<IndexItem> = axes.iter().map(|a| a.1.clone()).collect();
        let mut tensors = Vec::new();
        for (extent, item, ones) in &axes {
            if *item == Tensor {
                // The first has the full shape, so that it is the common one.
                let full = tensors.is_empty();
                let own: Vec<usize> = (0..2).map(|d| if ones[d] && !full { 1 } else { common[d] }).collect();
                let count = own.iter().product::<usize>();
                let values = (0..count).map(|i| ((i * 5 + seed * 3 + extent) % extent) as f64).collect();
                tensors.push((own, values));
            }
        }
        check(&shape, &items, &tensors, &common);
    }
}

#[test]
fn an_index_outside_its_axis_stops_the_run() {
    let mut b = Bodies::default();
    let x = b.arg(Elem::Real, &[3], &[1.0, 2.0, 3.0]);
    let i = b.arg(Elem::Int, &[2], &[0.0, 3.0]);
    let z = b.op(ValueOp::Index(vec![Tensor]), &[x, i], Elem::Real, &[2]);
    b.report("z", z);
    let module = b.module(Precision::F64);
    let fault = interp::run(&module.steps[0], &|leaf| b.leaf(leaf)).unwrap_err();
    assert_eq!(fault.span, Some(crate::bodies::span(z)));
    assert_eq!(fault.message.to_string(), "index 3 at [1] is outside 0..2 of axis 0");
}

#[test]
fn concatenation_and_stacks() {
    let mut b = Bodies::default();
    let x = b.arg(Elem::Real, &[2, 2], &[1.0, 2.0, 3.0, 4.0]);
    let y = b.arg(Elem::Int, &[2, 1], &[5.0, 6.0]);
    let z = b.op(ValueOp::Concat { axis: 1 }, &[x, y], Elem::Real, &[2, 3]);
    assert_eq!(b.numbers(z), [1.0, 2.0, 5.0, 3.0, 4.0, 6.0]);

    let stack = |axis, shape: &[usize]| {
        let mut b = Bodies::default();
        let x = b.arg(Elem::Real, &[2], &[1.0, 2.0]);
        let y = b.arg(Elem::Int, &[2], &[3.0, 4.0]);
        let z = b.op(ValueOp::Stack { axis }, &[x, y, x], Elem::Real, shape);
        b.numbers(z)
    };
    assert_eq!(stack(0, &[3, 2]), [1.0, 2.0, 3.0, 4.0, 1.0, 2.0]);
    assert_eq!(stack(1, &[2, 3]), [1.0, 3.0, 1.0, 2.0, 4.0, 2.0]);

    // Scalars make a vector; one operand only gets the axis.
    let mut b = Bodies::default();
    let (x, y) = (b.real(1.5), b.int(2));
    let z = b.op(ValueOp::Stack { axis: 0 }, &[x, y], Elem::Real, &[2]);
    assert_eq!(b.numbers(z), [1.5, 2.0]);
    let mut b = Bodies::default();
    let x = b.arg(Elem::Real, &[2], &[1.0, 2.0]);
    let z = b.op(ValueOp::Stack { axis: 1 }, &[x], Elem::Real, &[2, 1]);
    assert_eq!(b.numbers(z), [1.0, 2.0]);
}

#[test]
fn padding() {
    let mut b = Bodies::default();
    let x = b.arg(Elem::Real, &[2, 2], &[1.0, 2.0, 3.0, 4.0]);
    let op = ValueOp::Pad { before: vec![1, 0], after: vec![0, 2], value: 0.5 };
    let z = b.op(op, &[x], Elem::Real, &[3, 4]);
    assert_eq!(b.numbers(z), [0.5, 0.5, 0.5, 0.5, 1.0, 2.0, 0.5, 0.5, 3.0, 4.0, 0.5, 0.5]);
    let mut b = Bodies::default();
    let x = b.arg(Elem::Int, &[1], &[1.0]);
    let z = b.op(ValueOp::Pad { before: vec![1], after: vec![1], value: -2.0 }, &[x], Elem::Int, &[3]);
    assert_eq!(b.numbers(z), [-2.0, 1.0, -2.0]);
}

#[test]
fn rearranging_permutes_then_merges() {
    // [r, c, h, w] -> [r * h, c * w], as a floor of tiles does.
    let shape = [2, 3, 2, 2];
    let x = some(24);
    let mut b = Bodies::default();
    let a = b.arg(Elem::Real, &shape, &x);
    let z = b.op(ValueOp::Rearrange { perm: vec![0, 2, 1, 3] }, &[a], Elem::Real, &[4, 6]);
    let wanted: Vec<f64> =
        indices(&[4, 6]).iter().map(|i| x[at(&shape, &[i[0] / 2, i[1] / 2, i[0] % 2, i[1] % 2])]).collect();
    assert_eq!(b.numbers(z), wanted);
}

#[test]
fn shapes_and_constants() {
    let mut b = Bodies::default();
    let a = b.arg(Elem::Real, &[2, 3], &some(6));
    let z = b.op(ValueOp::Reshape, &[a], Elem::Real, &[3, 2]);
    assert_eq!(b.numbers(z), some(6));
    let mut b = Bodies::default();
    let a = b.arg(Elem::Real, &[2, 1], &[1.0, 2.0]);
    let z = b.op(ValueOp::Broadcast, &[a], Elem::Real, &[2, 2, 3]);
    close(&b.numbers(z), &[1.0, 1.0, 1.0, 2.0, 2.0, 2.0, 1.0, 1.0, 1.0, 2.0, 2.0, 2.0]);
    let mut b = Bodies::default();
    let z = b.op(ValueOp::Indices, &[], Elem::Int, &[4]);
    assert_eq!(b.numbers(z), [0.0, 1.0, 2.0, 3.0]);
    let mut b = Bodies::default();
    let z = b.op(ValueOp::Bool(true), &[], Elem::Bool, &[]);
    assert_eq!(b.numbers(z), [1.0]);
}

#[test]
fn one_hot_rows_are_comparisons() {
    let mut b = Bodies::default();
    let y = b.arg(Elem::Int, &[2, 2], &[2.0, 0.0, 1.0, 3.0]);
    let z = b.op(ValueOp::OneHot, &[y], Elem::Real, &[2, 2, 3]);
    b.report("z", z);
    let graph = b.module(Precision::F64).steps.remove(0);
    assert!(graph.ids().any(|id| matches!(graph.op(id), Op::Compare(_))));
    assert!(!graph.ids().any(|id| matches!(graph.op(id), Op::Gather { .. })));
    let value = interp::run(&graph, &|leaf| b.leaf(leaf)).unwrap().reports.remove(0);
    assert_eq!(value.ty.dtype, DType::F64);
    assert_eq!(value.as_f64s(), [0., 0., 1., 1., 0., 0., 0., 1., 0., 0., 0., 0.]);
}
