//! The tables against the interpreter, for every operation that is exact in both.

use super::*;
use crate::ir::op::Compare;
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
        for i in 0..x.len() {
            // By the order of the numbers, which NaN has no place in.
            let order = x[i].partial_cmp(&y[i]);
            let all = [
                (Compare::Eq, order.is_some_and(|o| o.is_eq())),
                (Compare::Ne, order.is_none_or(|o| o.is_ne())),
                (Compare::Lt, order.is_some_and(|o| o.is_lt())),
                (Compare::Le, order.is_some_and(|o| o.is_le())),
                (Compare::Gt, order.is_some_and(|o| o.is_gt())),
                (Compare::Ge, order.is_some_and(|o| o.is_ge())),
            ];
            for (f, want) in all {
                assert_eq!(compare(f, &x[i], &y[i]), want, "{f:?}({:e}, {:e})", x[i], y[i]);
            }
        }
    }
}

/// The same in arithmetic wide enough for every result, cut to 32 bits at the end; none where there is none.
fn wide(f: Binary, a: i32, b: i32) -> Option<i32> {
    let (x, y) = (i64::from(a), i64::from(b));
    let floor = |y: i64| {
        let toward_zero = x / y;
        if toward_zero * y != x && (x < 0) != (y < 0) { toward_zero - 1 } else { toward_zero }
    };
    Some(match f {
        Binary::Add => (x + y) as i32,
        Binary::Sub => (x - y) as i32,
        Binary::Mul => (x * y) as i32,
        Binary::FloorDiv if y != 0 => floor(y) as i32,
        Binary::Mod if y != 0 => (x - y * floor(y)) as i32,
        Binary::Pow if y >= 0 => {
            // Square and multiply, modulo 2^32.
            let (mut result, mut base, mut left) = (1u32, a as u32, y);
            while left > 0 {
                if left % 2 == 1 {
                    result = result.wrapping_mul(base);
                }
                base = base.wrapping_mul(base);
                left /= 2;
            }
            result as i32
        }
        Binary::FloorDiv | Binary::Mod | Binary::Pow => return None,
        Binary::Max => x.max(y) as i32,
        Binary::Min => x.min(y) as i32,
        Binary::ShiftRight if (0..32).contains(&y) => (i64::from(a as u32) >> y) as i32,
        Binary::ShiftRight => 0,
        Binary::MulHigh => ((u128::from(a as u32) * u128::from(b as u32)) >> 32) as u32 as i32,
        Binary::Div | Binary::And | Binary::Or => unreachable!("{f:?} of integers"),
    })
}

#[test]
fn integers_are_those_of_wider_arithmetic_cut_off() {
    use {Binary::*, Unary::*};
    for a in INTEGERS {
        let x = i64::from(a);
        let all = [(Neg, -x), (Abs, x.abs()), (Sign, x.signum()), (Relu, x.max(0))];
        for (f, want) in all {
            assert_eq!(unary_i32(f, a), want as i32, "{f:?}({a})");
        }
        for (f, b) in [Add, Sub, Mul, FloorDiv, Mod, Pow, Max, Min, ShiftRight, MulHigh]
            .into_iter()
            .flat_map(|f| INTEGERS.map(|b| (f, b)))
        {
            assert_eq!(binary_i32(f, a, b), wide(f, a, b).unwrap_or(0), "{f:?}({a}, {b})");
        }
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
