//! Gradients of convolution and pooling against central differences, first and second.

use crate::numeric::{Input, Numbers, check_first, check_second};
use dlc::ir::{Affine, Builder, Contract, NodeId, Scalar, Ties, Unary, Window, Windows};

/// A convolution as `lower` makes it, with margins of zeros.
fn convolution(
    b: &mut Builder,
    [x, w]: [NodeId; 2],
    flipped: bool,
    margin: (usize, usize),
    stride: [usize; 2],
) -> NodeId {
    let (low, high) = ([0, 0, margin.0, margin.0], [0, 0, margin.1, margin.1]);
    let x = b.pad(x, &low, &high, &[0; 4], Scalar::Real(0.0));
    let (picture, filter) = (b.shape(x), b.shape(w));
    let out = |d: usize| (picture[2 + d] - filter[2 + d]) / stride[d] + 1;
    let extents = vec![picture[0], filter[0], out(0), out(1), filter[1], filter[2], filter[3]];
    let cell = |d: usize| {
        let (sign, offset) = if flipped { (-1, filter[2 + d] as i64 - 1) } else { (1, 0) };
        Affine { terms: vec![(2 + d, stride[d] as i64), (5 + d, sign)], offset }
    };
    let operands =
        [vec![Affine::var(0), Affine::var(4), cell(0), cell(1)], [1, 4, 5, 6].map(Affine::var).to_vec()];
    b.contract(Contract { extents, output: vec![0, 1, 2, 3], operands }, x, w)
}

fn pair(picture: [usize; 4], filter: [usize; 4]) -> [Input; 2] {
    let mut r = Numbers(3);
    [r.input(&picture, -1.5, 1.5), r.input(&filter, -1.0, 1.0)]
}

#[test]
fn convolution_in_all_modes_and_strides() {
    for flipped in [true, false] {
        for margin in [(0, 0), (1, 0), (1, 1), (2, 2)] {
            for stride in [[1, 1], [2, 1], [3, 2]] {
                let name = format!("flipped {flipped}, margins {margin:?}, stride {stride:?}");
                check_first(&name, &pair([2, 2, 5, 4], [2, 2, 3, 2]), &|b, x| {
                    convolution(b, [x[0], x[1]], flipped, margin, stride)
                });
            }
        }
    }
}

/// A filter as large as the picture, and longer than the result.
#[test]
fn large_filters() {
    for (filter, stride) in [([1, 1, 4, 4], [1, 1]), ([2, 1, 3, 4], [1, 2]), ([1, 1, 1, 1], [2, 3])] {
        check_first(&format!("{filter:?}"), &pair([2, 1, 4, 4], filter), &|b, x| {
            convolution(b, [x[0], x[1]], true, (0, 0), stride)
        });
    }
}

#[test]
fn second_derivatives_of_convolution() {
    for (margin, stride) in [((0, 0), [1, 1]), ((1, 1), [2, 1]), ((2, 2), [1, 1])] {
        check_second(&format!("{margin:?}"), &pair([1, 2, 3, 3], [1, 2, 3, 2]), &|b, x| {
            let y = convolution(b, [x[0], x[1]], true, margin, stride);
            b.unary(Unary::Tanh, y)
        });
    }
}

/// How many windows side by side, the last perhaps not full.
fn pooled(b: &mut Builder, op: Window, x: NodeId, size: [usize; 2], stride: [usize; 2]) -> NodeId {
    let shape = b.shape(x);
    let count = [(shape[1] - 1) / stride[0] + 1, (shape[2] - 1) / stride[1] + 1];
    b.window_reduce(op, Windows { size: size.to_vec(), stride: stride.to_vec() }, x, &count)
}

#[test]
fn pooling() {
    let x = [Numbers(9).input(&[2, 5, 4], -2.0, 2.0)];
    for op in [Window::Max(Ties::First), Window::Max(Ties::All), Window::Sum] {
        // Side by side, overlapping, apart.
        for (size, stride) in [([2, 2], [2, 2]), ([3, 2], [2, 1]), ([1, 2], [2, 3])] {
            let name = format!("{op:?} of {size:?} every {stride:?}");
            let f = |b: &mut Builder, x: &[NodeId]| {
                let y = pooled(b, op, x[0], size, stride);
                b.mul(y, y)
            };
            check_first(&name, &x, &f);
            check_second(&name, &x, &f);
        }
    }
}
