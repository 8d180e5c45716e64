//! Functions of elements: broadcasting, meeting types, and each function's own formula.

use crate::bodies::{Bodies, at, close, indices, some};
use dlc::ir::{DType, Op};
use dlc::program::{Elem, MapOp, Precision, ValueOp};

const NAN: f64 = f64::NAN;
const INF: f64 = f64::INFINITY;

type Of1 = (MapOp, fn(f64) -> f64);
type Of2 = (MapOp, fn(f64, f64) -> f64);

#[test]
fn functions_of_one_operand() {
    let x = [-2.5, -1.0, -0.3, 0.0, 0.5, 1.0, 2.5, 40.0];
    let table: [Of1; 14] = [
        (MapOp::Neg, |x| -x),
        (MapOp::Abs, f64::abs),
        (MapOp::Exp, f64::exp),
        (MapOp::Log, f64::ln),
        (MapOp::Log1p, f64::ln_1p),
        (MapOp::Expm1, f64::exp_m1),
        (MapOp::Sqrt, f64::sqrt),
        (MapOp::Tanh, f64::tanh),
        (MapOp::Sigmoid, |x| 1.0 / (1.0 + (-x).exp())),
        (MapOp::Softplus, |x| (1.0 + x.exp()).ln()),
        (MapOp::Sin, f64::sin),
        (MapOp::Cos, f64::cos),
        (MapOp::Floor, f64::floor),
        (MapOp::Relu, |x| if x > 0.0 { x } else { 0.0 }),
    ];
    for (op, formula) in table {
        let mut b = Bodies::default();
        let a = b.arg(Elem::Real, &[8], &x);
        let y = b.map(op, &[a], Elem::Real, &[8]);
        close(&b.numbers(y), &x.map(formula));
    }
    let one = |op, x: f64| {
        let mut b = Bodies::default();
        let a = b.arg(Elem::Real, &[], &[x]);
        let y = b.map(op, &[a], Elem::Real, &[]);
        b.numbers(y)[0]
    };
    assert_eq!([-3.0, 0.0, 0.2].map(|x| one(MapOp::Sign, x)), [-1.0, 0.0, 1.0]);
    assert_eq!([0.5, 1.5, -2.5, 2.6].map(|x| one(MapOp::Round, x)), [0.0, 2.0, -2.0, 3.0]);
    close(&[one(MapOp::Erf, 1.0)], &[0.842_700_792_949_714_9]);
}

#[test]
fn functions_of_integers() {
    let run = |op, x: &[f64]| {
        let mut b = Bodies::default();
        let a = b.arg(Elem::Int, &[x.len()], x);
        let y = b.map(op, &[a], Elem::Int, &[x.len()]);
        b.numbers(y)
    };
    assert_eq!(run(MapOp::Neg, &[3.0, -2.0]), [-3.0, 2.0]);
    assert_eq!(run(MapOp::Abs, &[3.0, -2.0]), [3.0, 2.0]);
    assert_eq!(run(MapOp::Sign, &[3.0, -2.0, 0.0]), [1.0, -1.0, 0.0]);
    assert_eq!(run(MapOp::Relu, &[3.0, -2.0]), [3.0, 0.0]);
    assert_eq!(run(MapOp::Floor, &[3.0, -2.0]), [3.0, -2.0]);
    assert_eq!(run(MapOp::Round, &[3.0, -2.0]), [3.0, -2.0]);
    // A function that gives reals takes integers.
    let mut b = Bodies::default();
    let a = b.arg(Elem::Int, &[2], &[0.0, 2.0]);
    let y = b.map(MapOp::Exp, &[a], Elem::Real, &[2]);
    close(&b.numbers(y), &[1.0, 2f64.exp()]);
}

#[test]
fn operands_broadcast_from_the_right() {
    let shapes: [(&[usize], &[usize], &[usize]); 7] = [
        (&[2, 3], &[3], &[2, 3]),
        (&[3], &[2, 3], &[2, 3]),
        (&[2, 1], &[1, 3], &[2, 3]),
        (&[], &[2, 3], &[2, 3]),
        (&[4, 1, 3], &[2, 1], &[4, 2, 3]),
        (&[1], &[2, 2], &[2, 2]),
        (&[], &[], &[]),
    ];
    for (left, right, result) in shapes {
        let (x, y) = (some(left.iter().product()), some(right.iter().product::<usize>() + 1));
        let mut b = Bodies::default();
        let (l, r) = (b.arg(Elem::Real, left, &x), b.arg(Elem::Real, right, &y[1..]));
        let d = b.map(MapOp::Sub, &[l, r], Elem::Real, result);
        let wanted: Vec<f64> =
            indices(result).iter().map(|i| x[at(left, i)] - y[1..][at(right, i)]).collect();
        close(&b.numbers(d), &wanted);
    }
}

#[test]
fn functions_of_two_operands() {
    let (x, y) = ([-7.5, 7.0, 2.0, 0.0], [2.0, -2.0, 2.0, 3.0]);
    let table: [Of2; 9] = [
        (MapOp::Add, |a, b| a + b),
        (MapOp::Sub, |a, b| a - b),
        (MapOp::Mul, |a, b| a * b),
        (MapOp::Div, |a, b| a / b),
        (MapOp::FloorDiv, |a, b| (a / b).floor()),
        (MapOp::Mod, |a, b| a - b * (a / b).floor()),
        (MapOp::Pow, f64::powf),
        (MapOp::Max, |a, b| if b > a { b } else { a }),
        (MapOp::Min, |a, b| if b < a { b } else { a }),
    ];
    for (op, formula) in table {
        let mut b = Bodies::default();
        let (l, r) = (b.arg(Elem::Real, &[4], &x), b.arg(Elem::Real, &[4], &y));
        let z = b.map(op, &[l, r], Elem::Real, &[4]);
        let wanted: Vec<f64> = x.iter().zip(&y).map(|(x, y)| formula(*x, *y)).collect();
        close(&b.numbers(z), &wanted);
    }
}

#[test]
fn integers_divide_downwards_and_their_quotient_is_real() {
    let run = |op, elem| {
        let mut b = Bodies::default();
        let l = b.arg(Elem::Int, &[4], &[7.0, -7.0, 7.0, -7.0]);
        let r = b.arg(Elem::Int, &[4], &[2.0, 2.0, -2.0, -2.0]);
        let z = b.map(op, &[l, r], elem, &[4]);
        b.value(z)
    };
    assert_eq!(run(MapOp::FloorDiv, Elem::Int).as_f64s(), [3.0, -4.0, -4.0, 3.0]);
    assert_eq!(run(MapOp::Mod, Elem::Int).as_f64s(), [1.0, 1.0, -1.0, -1.0]);
    let quotient = run(MapOp::Div, Elem::Real);
    assert_eq!(quotient.ty.dtype, DType::F64);
    assert_eq!(quotient.as_f64s(), [3.5, -3.5, -3.5, 3.5]);
}

#[test]
fn integers_meet_reals_as_reals() {
    let mut b = Bodies::default();
    let i = b.arg(Elem::Int, &[3], &[1.0, 2.0, 3.0]);
    let half = b.real(0.5);
    let z = b.map(MapOp::Mul, &[i, half], Elem::Real, &[3]);
    assert_eq!(b.numbers(z), [0.5, 1.0, 1.5]);

    // So they do in a comparison, whose result is neither.
    let mut b = Bodies::default();
    let i = b.arg(Elem::Int, &[3], &[1.0, 2.0, 3.0]);
    let x = b.real(2.5);
    let z = b.map(MapOp::Gt, &[i, x], Elem::Bool, &[3]);
    assert_eq!(b.numbers(z), [0.0, 0.0, 1.0]);
}

#[test]
fn an_integer_constant_among_reals_is_a_real_constant() {
    let mut b = Bodies::default();
    let x = b.arg(Elem::Real, &[2], &[1.0, 2.0]);
    let two = b.int(2);
    let z = b.map(MapOp::Mul, &[x, two], Elem::Real, &[2]);
    b.report("z", z);
    let module = b.module(Precision::F32);
    let ids = module.steps[0].ids();
    let mut ops = ids.map(|id| module.steps[0].op(id));
    assert!(ops.all(|op| !matches!(op, Op::Cast(_))));
}

#[test]
fn comparisons_and_logic() {
    let compare = |op| {
        let mut b = Bodies::default();
        let l = b.arg(Elem::Real, &[4], &[1.0, 2.0, 3.0, NAN]);
        let r = b.real(2.0);
        let z = b.map(op, &[l, r], Elem::Bool, &[4]);
        b.numbers(z)
    };
    assert_eq!(compare(MapOp::Eq), [0.0, 1.0, 0.0, 0.0]);
    assert_eq!(compare(MapOp::Ne), [1.0, 0.0, 1.0, 1.0]);
    assert_eq!(compare(MapOp::Lt), [1.0, 0.0, 0.0, 0.0]);
    assert_eq!(compare(MapOp::Le), [1.0, 1.0, 0.0, 0.0]);
    assert_eq!(compare(MapOp::Gt), [0.0, 0.0, 1.0, 0.0]);
    assert_eq!(compare(MapOp::Ge), [0.0, 1.0, 1.0, 0.0]);

    let logic = |op| {
        let mut b = Bodies::default();
        let l = b.arg(Elem::Bool, &[4], &[0.0, 0.0, 1.0, 1.0]);
        let r = b.arg(Elem::Bool, &[4], &[0.0, 1.0, 0.0, 1.0]);
        let operands = if op == MapOp::Not { vec![l] } else { vec![l, r] };
        let z = b.map(op, &operands, Elem::Bool, &[4]);
        b.numbers(z)
    };
    assert_eq!(logic(MapOp::And), [0.0, 0.0, 0.0, 1.0]);
    assert_eq!(logic(MapOp::Or), [0.0, 1.0, 1.0, 1.0]);
    assert_eq!(logic(MapOp::Not), [1.0, 1.0, 0.0, 0.0]);
    assert_eq!(logic(MapOp::Ne), [0.0, 1.0, 1.0, 0.0]);
    assert_eq!(logic(MapOp::Lt), [0.0, 1.0, 0.0, 0.0]);
}

#[test]
fn where_takes_a_truth_value_for_each_row() {
    let mut b = Bodies::default();
    let c = b.arg(Elem::Bool, &[2, 1], &[1.0, 0.0]);
    let x = b.arg(Elem::Real, &[2, 2], &[1.0, 2.0, NAN, INF]);
    let minus = b.int(-1);
    let z = b.map(MapOp::Where, &[c, x, minus], Elem::Real, &[2, 2]);
    assert_eq!(b.numbers(z), [1.0, 2.0, -1.0, -1.0]);
}

#[test]
fn clamp_lets_nan_through() {
    let mut b = Bodies::default();
    let x = b.arg(Elem::Real, &[5], &[-INF, -0.5, 0.5, 7.0, NAN]);
    let (low, high) = (b.int(0), b.int(1));
    let z = b.map(MapOp::Clamp, &[x, low, high], Elem::Real, &[5]);
    close(&b.numbers(z), &[0.0, 0.0, 0.5, 1.0, NAN]);
}

#[test]
fn conversions() {
    let run = |from, to, x: &[f64]| {
        let mut b = Bodies::default();
        let a = b.arg(from, &[x.len()], x);
        let z = b.op(ValueOp::Convert, &[a], to, &[x.len()]);
        b.numbers(z)
    };
    assert_eq!(run(Elem::Bool, Elem::Real, &[0.0, 1.0]), [0.0, 1.0]);
    assert_eq!(run(Elem::Bool, Elem::Int, &[0.0, 1.0]), [0.0, 1.0]);
    assert_eq!(run(Elem::Real, Elem::Int, &[-1.75, 2.5]), [-1.0, 2.0]);
    assert_eq!(run(Elem::Int, Elem::Real, &[-3.0]), [-3.0]);
    assert_eq!(run(Elem::Real, Elem::Bool, &[-0.5, 0.0]), [1.0, 0.0]);
}
