//! Reductions, with and without the axes kept, and what is made of them.

use crate::bodies::{Bodies, close, is_bool, some};
use dlc::ir::{DType, Op};
use dlc::program::{ArgExtreme, Elem, Precision, ReduceOp, ValueOp};

const INF: f64 = f64::INFINITY;

type OfGroup = (ReduceOp, fn(&[f64]) -> f64);

fn reduce(
    op: ReduceOp,
    from: Elem,
    x: &[f64],
    to: Elem,
    axes: &[usize],
    keep: bool,
) -> (Vec<usize>, Vec<f64>) {
    let shape = [2, 3, 2];
    let mut b = Bodies::default();
    let a = b.arg(from, &shape, x);
    let left: Vec<usize> = (0..3)
        .filter(|d| keep || !axes.contains(d))
        .map(|d| if axes.contains(&d) { 1 } else { shape[d] })
        .collect();
    let z = b.op(ValueOp::Reduce { op, axes: axes.to_vec(), keep }, &[a], to, &left);
    let value = b.value(z);
    (value.ty.shape.clone(), value.as_f64s())
}

/// The elements that each result is made of: [2, 3, 2] over axes.
fn groups(x: &[f64], axes: &[usize]) -> Vec<Vec<f64>> {
    let mut groups: Vec<(Vec<usize>, Vec<f64>)> = Vec::new();
    for (i, v) in x.iter().enumerate() {
        let index = [i / 6, i / 2 % 3, i % 2];
        let key: Vec<usize> = (0..3).filter(|d| !axes.contains(d)).map(|d| index[d]).collect();
        match groups.iter_mut().find(|(k, _)| *k == key) {
            Some((_, group)) => group.push(*v),
            None => groups.push((key, vec![*v])),
        }
    }
    groups.sort_by(|a, b| a.0.cmp(&b.0));
    groups.into_iter().map(|(_, group)| group).collect()
}

#[test]
fn reductions_of_reals() {
    let table: [OfGroup; 6] = [
        (ReduceOp::Sum, |g| g.iter().sum()),
        (ReduceOp::Mean, |g| g.iter().sum::<f64>() / g.len() as f64),
        (ReduceOp::Prod, |g| g.iter().product()),
        (ReduceOp::Max, |g| g.iter().copied().fold(-INF, f64::max)),
        (ReduceOp::Min, |g| g.iter().copied().fold(INF, f64::min)),
        (ReduceOp::LogSumExp, |g| g.iter().map(|v| v.exp()).sum::<f64>().ln()),
    ];
    let x = some(12);
    let subsets: [&[usize]; 8] = [&[], &[0], &[1], &[2], &[0, 1], &[0, 2], &[1, 2], &[0, 1, 2]];
    for (op, formula) in table {
        for axes in subsets {
            let wanted: Vec<f64> = groups(&x, axes).iter().map(|g| formula(g)).collect();
            for keep in [false, true] {
                close(&reduce(op, Elem::Real, &x, Elem::Real, axes, keep).1, &wanted);
            }
        }
    }
}

#[test]
fn kept_axes_have_extent_one() {
    let x = some(12);
    assert_eq!(reduce(ReduceOp::Sum, Elem::Real, &x, Elem::Real, &[0, 2], true).0, [1, 3, 1]);
    assert_eq!(reduce(ReduceOp::LogSumExp, Elem::Real, &x, Elem::Real, &[0, 1, 2], true).0, [1, 1, 1]);
}

#[test]
fn truth_values_are_counted_and_averaged() {
    let x = [1.0, 1.0, 1.0, 0.0, 1.0, 1.0, 0.0, 0.0, 0.0, 0.0, 1.0, 0.0];
    let mut b = Bodies::default();
    let a = b.arg(Elem::Bool, &[12], &x);
    let z = b.op(ValueOp::Reduce { op: ReduceOp::Sum, axes: vec![0], keep: false }, &[a], Elem::Int, &[]);
    let sum = b.value(z);
    assert_eq!((sum.ty.dtype, sum.item_f64()), (DType::I32, 6.0));
    assert_eq!(reduce(ReduceOp::Mean, Elem::Bool, &x, Elem::Real, &[0, 1, 2], false).1, [0.5]);
    let (_, rows) = reduce(ReduceOp::Any, Elem::Bool, &x, Elem::Bool, &[1, 2], false);
    assert_eq!(rows, [1.0, 1.0]);
    let (_, columns) = reduce(ReduceOp::All, Elem::Bool, &x, Elem::Bool, &[2], false);
    assert_eq!(columns, [1.0, 0.0, 1.0, 0.0, 0.0, 0.0]);
    let mut b = Bodies::default();
    let a = b.arg(Elem::Bool, &[2], &[0.0, 1.0]);
    let z = b.op(ValueOp::Reduce { op: ReduceOp::Any, axes: vec![0], keep: false }, &[a], Elem::Bool, &[]);
    assert!(is_bool(&b.value(z)));
}

#[test]
fn integers_reduce_to_integers_and_average_to_reals() {
    let x: Vec<f64> = (1..=12).map(f64::from).collect();
    assert_eq!(reduce(ReduceOp::Sum, Elem::Int, &x, Elem::Int, &[0, 1, 2], false).1, [78.0]);
    assert_eq!(reduce(ReduceOp::Max, Elem::Int, &x, Elem::Int, &[0, 1, 2], false).1, [12.0]);
    assert_eq!(reduce(ReduceOp::Mean, Elem::Int, &x, Elem::Real, &[0, 1, 2], false).1, [6.5]);
}

fn rows(op: ValueOp, x: &[f64], columns: usize, shape: &[usize]) -> Vec<f64> {
    let mut b = Bodies::default();
    let a = b.arg(Elem::Real, &[x.len() / columns, columns], x);
    let z = b.op(op, &[a], Elem::Real, shape);
    b.numbers(z)
}

#[test]
fn a_log_of_a_sum_neither_overflows_nor_loses_empty_rows() {
    let x = [1000.0, 1000.0, -1000.0, -1000.0, -INF, -INF, -INF, 3.0, INF, 1.0, f64::NAN, 1.0];
    let found = rows(ValueOp::Reduce { op: ReduceOp::LogSumExp, axes: vec![1], keep: false }, &x, 2, &[6]);
    let log2 = 2f64.ln();
    close(&found, &[1000.0 + log2, -1000.0 + log2, -INF, 3.0, INF, f64::NAN]);
}

#[test]
fn softmax_and_its_logarithm() {
    let x = [0.5, -1.0, 2.0, 1000.0, 1001.0, -INF];
    let softmax = rows(ValueOp::Softmax { axis: 1 }, &x, 3, &[2, 3]);
    let first: f64 = x[..3].iter().map(|v| v.exp()).sum();
    let second = 1.0 + 1f64.exp();
    let wanted = [
        0.5f64.exp() / first,
        (-1f64).exp() / first,
        2f64.exp() / first,
        1.0 / second,
        1f64.exp() / second,
        0.0,
    ];
    close(&softmax, &wanted);
    close(&rows(ValueOp::LogSoftmax { axis: 1 }, &x, 3, &[2, 3]), &wanted.map(f64::ln));

    // Along another axis.
    let mut b = Bodies::default();
    let a = b.arg(Elem::Real, &[3, 2], &[0.5, 0.0, -1.0, 0.0, 2.0, 0.0]);
    let z = b.op(ValueOp::Softmax { axis: 0 }, &[a], Elem::Real, &[3, 2]);
    let third = 1.0 / 3.0;
    close(&b.numbers(z), &[wanted[0], third, wanted[1], third, wanted[2], third]);
}

#[test]
fn a_softmax_is_the_exponential_of_its_logarithm() {
    let mut b = Bodies::default();
    let a = b.arg(Elem::Real, &[2, 3], &[]);
    let z = b.op(ValueOp::Softmax { axis: 1 }, &[a], Elem::Real, &[2, 3]);
    b.name(z, "p");
    b.report("p", z);
    let graph = &b.module(Precision::F32).steps[0];
    let p = graph.reports[0].value;
    assert_eq!(*graph.op(p), Op::Unary(dlc::ir::Unary::Exp));
    assert_eq!(graph.node(p).name.as_deref(), Some("p"));
    let stops = graph.ids().filter(|id| *graph.op(*id) == Op::StopGradient).count();
    assert_eq!(stops, 1, "no gradient passes by the largest element");
}

#[test]
fn the_first_of_equal_extremes() {
    let run = |op, axis, keep, shape: &[usize]| {
        let mut b = Bodies::default();
        let a = b.arg(Elem::Real, &[2, 3], &[2.0, 5.0, 5.0, 1.0, 1.0, 7.0]);
        let z = b.op(ValueOp::ArgExtreme { op, axis, keep }, &[a], Elem::Int, shape);
        b.numbers(z)
    };
    assert_eq!(run(ArgExtreme::Max, 1, false, &[2]), [1.0, 2.0]);
    assert_eq!(run(ArgExtreme::Min, 1, true, &[2, 1]), [0.0, 0.0]);
    assert_eq!(run(ArgExtreme::Max, 0, false, &[3]), [0.0, 0.0, 1.0]);
    assert_eq!(run(ArgExtreme::Min, 0, true, &[1, 3]), [1.0, 1.0, 0.0]);
}
