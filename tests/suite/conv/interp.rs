//! The reference interpreter's fast sums of products against loops; equal windows in equal bits.

use crate::numeric::Numbers;
use dlc::ir::interp::{apply, contract_by_loops};
use dlc::ir::{Affine, Contract, DType, Op, Tensor, Type};

/// Random accesses: an axis is one variable or two, with coefficients of either sign.
#[test]
fn any_affine_accesses() {
    let mut r = Numbers(5);
    for round in 0..600 {
        let variables = 1 + r.below(5);
        let extents: Vec<usize> = (0..variables).map(|_| 1 + r.below(4)).collect();
        let mut operand = || {
            let (mut accesses, mut shape) = (Vec::new(), Vec::new());
            for _ in 0..1 + r.below(3) {
                let mut terms: Vec<(usize, i64)> = Vec::new();
                for _ in 0..1 + r.below(2) {
                    let v = r.below(variables);
                    if terms.iter().all(|t| t.0 != v) {
                        terms.push((v, [1, 1, 2, -1, -2][r.below(5)]));
                    }
                }
                let far = |t: &(usize, i64)| t.1 * (extents[t.0] as i64 - 1);
                let low: i64 = terms.iter().map(|t| far(t).min(0)).sum();
                let high: i64 = terms.iter().map(|t| far(t).max(0)).sum();
                let offset = r.below(2) as i64 - low;
                shape.push((high + offset + 1) as usize + r.below(2));
                accesses.push(Affine { terms, offset });
            }
            let values = r.input(&shape, -1.0, 1.0).values;
            (accesses, Tensor::from_f64s(DType::F64, shape, &values))
        };
        let ((left, a), (right, b)) = (operand(), operand());
        let mut output: Vec<usize> = (0..variables).filter(|_| r.below(3) > 0).collect();
        let turn = round % output.len().max(1);
        output.rotate_left(turn);
        let shape: Vec<usize> = output.iter().map(|v| extents[*v]).collect();
        let spec = Contract { extents, output, operands: [left, right] };
        let slow = Tensor::new(shape.clone(), contract_by_loops(&spec, &a, &b));
        let what = format!("{spec:?}");
        let fast = apply(&Op::Contract(spec), &Type::new(DType::F64, shape), &[a, b]).expect("no fault");
        for (f, s) in fast.as_f64s().iter().zip(slow.as_f64s()) {
            assert!((f - s).abs() <= 1e-12, "{f} is not {s}: {what}");
        }
    }
}

/// Every window of a picture made of equal tiles, where it begins alike, gives the same bits: at the
/// end of a row as in its middle, in the last picture as in the first.
#[test]
fn equal_windows_have_equal_bits() {
    let (n, c, k, h, a) = (3, 7, 5, 29, 5);
    let mut r = Numbers(11);
    let tile = r.input(&[c, 2, 2], -1.0, 1.0).values;
    let cell = |i: usize| {
        let (channel, row, column) = (i / (h * h) % c, i / h % h, i % h);
        tile[(channel * 2 + row % 2) * 2 + column % 2]
    };
    let x: Vec<f64> = (0..n * c * h * h).map(cell).collect();
    let w = r.input(&[k, c, a, a], -1.0, 1.0).values;
    let o = h - a + 1;
    for dtype in [DType::F32, DType::F64] {
        let extents = vec![n, k, o, o, c, a, a];
        let over = |v, t| Affine { terms: vec![(v, 1), (t, -1)], offset: a as i64 - 1 };
        let picture = vec![Affine::var(0), Affine::var(4), over(2, 5), over(3, 6)];
        let filter = [1, 4, 5, 6].map(Affine::var).to_vec();
        let spec = Contract { extents, output: vec![0, 1, 2, 3], operands: [picture, filter] };
        let inputs = [Tensor::from_f64s(dtype, [n, c, h, h], &x), Tensor::from_f64s(dtype, [k, c, a, a], &w)];
        let ty = Type::new(dtype, [n, k, o, o]);
        let found = apply(&Op::Contract(spec), &ty, &inputs).expect("no fault").as_f64s();
        for (i, v) in found.iter().enumerate() {
            let first = (i / (o * o) % k * o + i / o % o % 2) * o + i % o % 2;
            assert_eq!(v.to_bits(), found[first].to_bits(), "element {i}, {}", dtype.name());
        }
    }
}
