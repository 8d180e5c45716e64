//! Products taken the fast way equal the nested loops, and long sums keep their accuracy.

use crate::common::random_graph::Random;
use dlc::ir::interp::{apply, contract_by_loops};
use dlc::ir::{Affine, Contract, DType, Op, Reduce, Tensor, Type};

fn random(random: &mut Random, dtype: DType, shape: &[usize]) -> Tensor {
    let count = shape.iter().product();
    let elements: Vec<f64> = (0..count).map(|_| random.real(-1.0, 1.0)).collect();
    Tensor::from_f64s(dtype, shape, &elements)
}

fn assert_close(found: &[f64], expected: &[f64], slack: f64, what: &str) {
    assert_eq!(found.len(), expected.len(), "{what}");
    for (f, e) in found.iter().zip(expected) {
        assert!((f - e).abs() <= slack, "{what}: {f} is not {e}");
    }
}

/// Variables go at random to the operands and the result, in random orders; sometimes an operand is
/// longer than the variable's extent. Few of these are not products of matrices (a variable of one
/// operand alone that is summed over, or of none), and go the slow way both times.
#[test]
fn fast_products_equal_loops() {
    let mut r = Random(7);
    for round in 0..400 {
        let dtype = if round % 2 == 0 { DType::F32 } else { DType::F64 };
        let variables = 1 + r.below(5);
        let extents: Vec<usize> = (0..variables).map(|_| r.below(5) + usize::from(round % 50 != 0)).collect();
        let (mut first, mut second, mut output) = (Vec::new(), Vec::new(), Vec::new());
        for v in 0..variables {
            let role = if r.below(30) == 0 { r.below(8) } else { r.of(&[0b011, 0b101, 0b110, 0b111]) };
            for (bit, list) in [&mut first, &mut second, &mut output].into_iter().enumerate() {
                if role >> bit & 1 == 1 {
                    list.insert(r.below(list.len() + 1), v);
                }
            }
        }
        let mut operand = |list: &[usize]| {
            let shape: Vec<usize> = list.iter().map(|v| extents[*v] + r.below(8) / 7).collect();
            (list.iter().map(|v| Affine::var(*v)).collect::<Vec<_>>(), random(&mut r, dtype, &shape))
        };
        let ((left, a), (right, b)) = (operand(&first), operand(&second));
        let shape: Vec<usize> = output.iter().map(|v| extents[*v]).collect();
        let spec = Contract { extents, output, operands: [left, right] };
        let ty = Type::new(dtype, shape.clone());
        let what = format!("{spec:?}");
        let fast = apply(&Op::Contract(spec.clone()), &ty, &[a.clone(), b.clone()]).expect("no fault");
        let slow = Tensor::new(shape, contract_by_loops(&spec, &a, &b));
        let slack = if dtype == DType::F32 { 2e-5 } else { 1e-13 };
        assert_close(&fast.as_f64s(), &slow.as_f64s(), slack, &what);
    }
}

/// Two-dimensional correlation with channels, strides and a batch against the sum written out.
#[test]
fn correlation_of_images() {
    let mut r = Random(9);
    let [n, c, k, h, w] = [2, 3, 4, 2, 3];
    let x = random(&mut r, DType::F64, &[n, c, 5, 6]);
    let filter = random(&mut r, DType::F64, &[k, c, 3, 2]);
    // n k i j, summed over c a b.
    let extents = vec![n, k, h, w, c, 3, 2];
    let sum = |s, v, t| Affine { terms: vec![(v, s), (t, 1)], offset: 0 };
    let left = vec![Affine::var(0), Affine::var(4), sum(2, 2, 5), sum(2, 3, 6)];
    let right = [1, 4, 5, 6].map(Affine::var).to_vec();
    let spec = Contract { extents, output: vec![0, 1, 2, 3], operands: [left, right] };
    let found =
        apply(&Op::Contract(spec), &Type::new(DType::F64, [n, k, h, w]), &[x.clone(), filter.clone()]);
    let (x, f) = (x.as_f64s(), filter.as_f64s());
    let mut expected = Vec::new();
    for at in 0..n * k * h * w {
        let (n, k, i, j) = (at / (k * h * w), at / (h * w) % k, at / w % h, at % w);
        let mut sum = 0.0;
        for cc in 0..c {
            for a in 0..3 {
                for b in 0..2 {
                    let picture = ((n * c + cc) * 5 + 2 * i + a) * 6 + 2 * j + b;
                    sum += x[picture] * f[((k * c + cc) * 3 + a) * 2 + b];
                }
            }
        }
        expected.push(sum);
    }
    assert_close(&found.expect("no fault").as_f64s(), &expected, 1e-13, "correlation");
}

/// 10^6 numbers whose running sum in f32 would be wrong in the third digit.
#[test]
fn long_sums_in_f32_are_accurate() {
    let count = 1_000_000;
    let x = Tensor::from_f32([count], vec![0.1; count]);
    let exact = f64::from(0.1f32) * count as f64;
    let sum = apply(
        &Op::Reduce { op: Reduce::Sum, axes: vec![0] },
        &Type::scalar(DType::F32),
        std::slice::from_ref(&x),
    );
    assert!((sum.expect("no fault").item_f64() / exact - 1.0).abs() < 1e-6);
    let ones = Tensor::from_f32([count], vec![1.0; count]);
    let operands = [vec![Affine::var(0)], vec![Affine::var(0)]];
    let spec = Contract { extents: vec![count], output: vec![], operands };
    let dot = Tensor::new([], contract_by_loops(&spec, &x, &ones));
    assert!((dot.item_f64() / exact - 1.0).abs() < 1e-6);
    let fast = apply(&Op::Contract(spec), &Type::scalar(DType::F32), &[x, ones]).expect("no fault");
    assert!((fast.item_f64() / exact - 1.0).abs() < 1e-4);
}
