//! Matrix products of every pair of ranks.

use crate::bodies::{Bodies, at, close, indices, some};
use dlc::ir::{Affine, Op};
use dlc::program::{Elem, Precision, ValueOp};

/// NumPy's `matmul` by its definition. A vector is a matrix of one row or column, which goes again.
fn product(left: &[usize], right: &[usize], result: &[usize], x: &[f64], y: &[f64]) -> Vec<f64> {
    let inner = left[left.len() - 1];
    let entry = |index: &Vec<usize>| {
        let (mut row, mut column) = (index.clone(), index.clone());
        if right.len() > 1 {
            row.pop();
        }
        let lead = result.len() - usize::from(left.len() > 1) - usize::from(right.len() > 1);
        column.truncate(lead);
        let term = |k: usize| {
            // A vector on the left has no leading axes.
            let l = if left.len() > 1 { [row.as_slice(), &[k]].concat() } else { vec![k] };
            let r = if right.len() > 1 {
                [column.as_slice(), &[k, index[index.len() - 1]]].concat()
            } else {
                vec![k]
            };
            x[at(left, &l)] * y[at(right, &r)]
        };
        (0..inner).map(term).sum()
    };
    indices(result).iter().map(entry).collect()
}

fn shapes() -> Vec<[Vec<usize>; 3]> {
    vec![
        [vec![4], vec![4], vec![]],
        [vec![4], vec![4, 3], vec![3]],
        [vec![2, 4], vec![4], vec![2]],
        [vec![2, 4], vec![4, 3], vec![2, 3]],
        [vec![5, 2, 4], vec![4, 3], vec![5, 2, 3]],
        [vec![5, 2, 4], vec![4], vec![5, 2]],
        [vec![4], vec![5, 4, 3], vec![5, 3]],
        [vec![2, 4], vec![5, 4, 3], vec![5, 2, 3]],
        [vec![5, 2, 4], vec![5, 4, 3], vec![5, 2, 3]],
        [vec![1, 2, 4], vec![5, 4, 3], vec![5, 2, 3]],
        [vec![5, 2, 4], vec![1, 4, 3], vec![5, 2, 3]],
        [vec![6, 1, 2, 4], vec![5, 4, 3], vec![6, 5, 2, 3]],
        [vec![1, 5, 2, 4], vec![6, 1, 4, 3], vec![6, 5, 2, 3]],
        [vec![1, 2, 4], vec![1, 4, 3], vec![1, 2, 3]],
        [vec![1, 1], vec![1, 1], vec![1, 1]],
        [vec![6, 5, 2, 4], vec![4], vec![6, 5, 2]],
    ]
}

#[test]
fn every_pair_of_ranks() {
    for [left, right, result] in shapes() {
        let (x, y) = (some(left.iter().product()), some(right.iter().product::<usize>()));
        let mut b = Bodies::default();
        let (l, r) = (b.arg(Elem::Real, &left, &x), b.arg(Elem::Real, &right, &y));
        let z = b.op(ValueOp::MatMul, &[l, r], Elem::Real, &result);
        close(&b.numbers(z), &product(&left, &right, &result, &x, &y));
    }
}

#[test]
fn integers_are_multiplied_as_reals() {
    let mut b = Bodies::default();
    let l = b.arg(Elem::Int, &[2], &[1.0, 2.0]);
    let r = b.arg(Elem::Real, &[2], &[0.5, 0.25]);
    let z = b.op(ValueOp::MatMul, &[l, r], Elem::Real, &[]);
    assert_eq!(b.numbers(z), [1.0]);
}

#[test]
fn a_plain_product_is_the_builders() {
    let mut b = Bodies::default();
    let (l, r) = (b.arg(Elem::Real, &[2, 4], &[]), b.arg(Elem::Real, &[4, 3], &[]));
    let z = b.op(ValueOp::MatMul, &[l, r], Elem::Real, &[2, 3]);
    b.report("z", z);
    let graph = &b.module(Precision::F32).steps[0];
    let Op::Contract(spec) = graph.op(graph.reports[0].value) else { panic!("not a contraction") };
    assert_eq!((spec.extents.as_slice(), spec.output.as_slice()), (&[2, 4, 3][..], &[0, 2][..]));
    assert_eq!(spec.operands, [vec![Affine::var(0), Affine::var(1)], vec![Affine::var(1), Affine::var(2)]]);
}

#[test]
fn a_transpose_swaps_the_last_axes() {
    let x = some(24);
    let mut b = Bodies::default();
    let a = b.arg(Elem::Real, &[2, 3, 4], &x);
    let z = b.op(ValueOp::Transpose, &[a], Elem::Real, &[2, 4, 3]);
    let wanted: Vec<f64> =
        indices(&[2, 4, 3]).iter().map(|i| x[at(&[2, 3, 4], &[i[0], i[2], i[1]])]).collect();
    assert_eq!(b.numbers(z), wanted);
}
