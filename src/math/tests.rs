//! The tables against the interpreter, for every operation that is exact in both.

use super::*;
use crate::ir::{Builder, DType, LeafKind, NodeId, Tensor, Type, interp};

const REALS: [f64; 19] = [
    0.0,
    -0.0,
    1.0,
    -1.0,
    0.5,
    -0.5,
    1.5,
    2.5,
    -2.5,
    3.7,
    -3.7,
    1e10,
    -1e10,
    1e-40,
    -1e-40,
    f64::INFINITY,
    f64::NEG_INFINITY,
    f64::NAN,
    0.1,
];
const INTEGERS: [i32; 12] = [0, 1, -1, 2, -2, 7, -7, 31, 33, 65_537, i32::MAX, i32::MIN];

/// What the interpreter makes of two tensors.
fn interpreted(a: &Tensor, b: &Tensor, make: impl Fn(&mut Builder, NodeId, NodeId) -> NodeId) -> Tensor {
    let mut builder = Builder::new("test");
    let x = builder.leaf(LeafKind::Arg, 0, "a", a.ty.clone());
    let y = builder.leaf(LeafKind::Arg, 1, "b", b.ty.clone());
    let made = make(&mut builder, x, y);
    let values = interp::run_all(&builder.graph, &|leaf| [a, b][leaf.index].clone());
    values.unwrap_or_else(|fault| panic!("{}", fault.message)).swap_remove(made.index())
}

/// All pairs of some values, as two tensors.
fn pairs(dtype: DType, values: &[f64]) -> [Tensor; 2] {
    let n = values.len();
    let left: Vec<f64> = (0..n * n).map(|i| values[i / n]).collect();
    let right: Vec<f64> = (0..n * n).map(|i| values[i % n]).collect();
    [left, right].map(|v| Tensor::from_f64s(dtype, [n * n], &v))
}

/// Equal bits, or NaN both.
fn same(got: f64, want: f64, what: &str) {
    assert!(got.to_bits() == want.to_bits() || got.is_nan() && want.is_nan(), "{what}: {got:e}, {want:e}");
}

#[test]
fn reals_are_as_interpreted() {
    use {Binary::*, Unary::*};
    for dtype in [DType::F32, DType::F64] {
        let [a, b] = pairs(dtype, &REALS);
        let (x, y) = (a.as_f64s(), b.as_f64s());
        for f in [Neg, Abs, Sign, Sqrt, Relu, Floor, Round] {
            let want = interpreted(&a, &b, |g, a, _| g.unary(f, a)).as_f64s();
            for i in 0..x.len() {
                let got = match dtype {
                    DType::F32 => f64::from(unary_f32(f, x[i] as f32)),
                    DType::F64 | DType::I32 | DType::Bool => unary_f64(f, x[i]),
                };
                same(got, want[i], &format!("{dtype:?} {f:?}({:e})", x[i]));
            }
        }
        for f in [Add, Sub, Mul, Div, FloorDiv, Mod, Max, Min] {
            let want = interpreted(&a, &b, |g, a, b| g.binary(f, a, b)).as_f64s();
            for i in 0..x.len() {
                let got = match dtype {
                    DType::F32 => f64::from(binary_f32(f, x[i] as f32, y[i] as f32)),
                    DType::F64 | DType::I32 | DType::Bool => binary_f64(f, x[i], y[i]),
                };
                same(got, want[i], &format!("{dtype:?} {f:?}({:e}, {:e})", x[i], y[i]));
            }
        }
        for f in [Compare::Eq, Compare::Ne, Compare::Lt, Compare::Le, Compare::Gt, Compare::Ge] {
            let want = interpreted(&a, &b, |g, a, b| g.compare(f, a, b)).as_f64s();
            for i in 0..x.len() {
                assert_eq!(compare(f, x[i], y[i]), want[i] != 0.0, "{f:?}({:e}, {:e})", x[i], y[i]);
            }
        }
    }
}

#[test]
fn integers_are_as_interpreted() {
    use {Binary::*, Unary::*};
    let values = INTEGERS.map(f64::from);
    for f in [Neg, Abs, Sign, Relu] {
        let a = Tensor::from_i32([INTEGERS.len()], INTEGERS.to_vec());
        let want = interpreted(&a, &a, |g, a, _| g.unary(f, a));
        let got: Vec<i32> = INTEGERS.iter().map(|x| unary_i32(f, *x)).collect();
        assert_eq!(got, want.elements::<i32>(), "{f:?}");
    }
    for f in [Add, Sub, Mul, FloorDiv, Mod, Pow, Max, Min, ShiftRight, MulHigh] {
        for (a, b) in INTEGERS.iter().flat_map(|a| INTEGERS.iter().map(move |b| (*a, *b))) {
            if integer_fault(f, b) {
                assert_eq!(binary_i32(f, a, b), 0);
                continue;
            }
            let [x, y] = [a, b].map(|v| Tensor::from_i32([], vec![v]));
            let want = interpreted(&x, &y, |g, a, b| g.binary(f, a, b));
            assert_eq!([binary_i32(f, a, b)], want.elements::<i32>(), "{f:?}({a}, {b})");
        }
    }
    let [a, b] = pairs(DType::I32, &values);
    for f in [Compare::Eq, Compare::Ne, Compare::Lt, Compare::Le, Compare::Gt, Compare::Ge] {
        let want = interpreted(&a, &b, |g, a, b| g.compare(f, a, b));
        let both = a.elements::<i32>().iter().zip(b.elements::<i32>());
        let got: Vec<bool> = both.map(|(a, b)| compare(f, *a, *b)).collect();
        assert_eq!(got, want.elements::<bool>(), "{f:?}");
    }
}

#[test]
fn truth_values_are_as_interpreted() {
    let [a, b] = pairs(DType::Bool, &[0.0, 1.0]);
    assert_eq!(a.ty, Type::new(DType::Bool, [4]));
    let want = interpreted(&a, &b, |g, a, _| g.unary(Unary::Not, a));
    let not: Vec<bool> = a.elements::<bool>().iter().map(|x| unary_bool(Unary::Not, *x)).collect();
    assert_eq!(not, want.elements::<bool>());
    for f in [Binary::And, Binary::Or] {
        let want = interpreted(&a, &b, |g, a, b| g.binary(f, a, b));
        let both = a.elements::<bool>().iter().zip(b.elements::<bool>());
        let got: Vec<bool> = both.map(|(a, b)| binary_bool(f, *a, *b)).collect();
        assert_eq!(got, want.elements::<bool>(), "{f:?}");
    }
}
