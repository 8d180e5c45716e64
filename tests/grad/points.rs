//! Values and gradients at single points, where something is infinite, tied, left out or counted twice.

use super::*;

/// Values and gradients at one point, in f32 and f64.
fn at_point(inputs: &[Input], f: Function, value: &[f64], gradients: &[&[f64]]) {
    for (dtype, bound) in [(DType::F32, 1e-6), (DType::F64, 1e-9)] {
        let (v, g) = value_and_gradients(dtype, inputs, f);
        close("value", 0, &v, value, bound);
        for (k, expected) in gradients.iter().enumerate() {
            close("gradient", k, &g[k], expected, bound);
        }
    }
}

#[test]
fn c024_forbidden_branches() {
    let x = input(&[3, 2], &[1.0, 2.0, 3.0, 4.0, 0.0, 0.0]);
    let five = 5.0_f64.sqrt();
    at_point(
        &[x],
        &|b, x| {
            let square = b.mul(x[0], x[0]);
            let sum = b.sum(square, &[1]);
            let r = b.unary(Unary::Sqrt, sum);
            let limit = b.fill_like(r, 0.5);
            let large = b.compare(Compare::Gt, r, limit);
            let one = b.fill_like(r, 1.0);
            let y = b.select(large, r, one);
            b.sum(y, &[0])
        },
        &[five + 6.0],
        &[&[1.0 / five, 2.0 / five, 0.6, 0.8, 0.0, 0.0]],
    );
    at_point(
        &[input(&[], &[5.0])],
        &|b, x| {
            let seven = b.constant(b.dtype(x[0]), 7.0);
            let less = b.compare(Compare::Lt, x[0], seven);
            let d = b.sub(x[0], seven);
            let root = b.unary(Unary::Sqrt, d);
            b.select(less, x[0], root)
        },
        &[5.0],
        &[&[1.0]],
    );
    at_point(
        &[input(&[], &[0.0])],
        &|b, x| {
            let zero = b.fill_like(x[0], 0.0);
            let is_zero = b.compare(Compare::Eq, x[0], zero);
            let root = b.unary(Unary::Sqrt, x[0]);
            let y = b.mul(x[0], root);
            b.select(is_zero, zero, y)
        },
        &[0.0],
        &[&[0.0]],
    );
}

/// The branch that was not taken is infinite, by every operation that can be.
#[test]
fn untaken_branches() {
    type Branch = fn(&mut Builder, NodeId) -> NodeId;
    let branches: [(&str, f64, Branch); 10] = [
        ("x / x", 0.0, |b, x| b.div(x, x)),
        ("log", 0.0, |b, x| b.unary(Unary::Log, x)),
        ("log1p", -1.0, |b, x| b.unary(Unary::Log1p, x)),
        ("sqrt", 0.0, |b, x| b.unary(Unary::Sqrt, x)),
        ("sqrt of a negative", -1.0, |b, x| b.unary(Unary::Sqrt, x)),
        ("div", 0.0, |b, x| {
            let one = b.fill_like(x, 1.0);
            b.div(one, x)
        }),
        ("pow", 0.0, |b, x| b.with_constant(Binary::Pow, x, -0.5)),
        ("exp", 1000.0, |b, x| b.unary(Unary::Exp, x)),
        ("x * exp(x)", 1000.0, |b, x| {
            let e = b.unary(Unary::Exp, x);
            b.mul(x, e)
        }),
        ("log(1 + exp(x))", 1000.0, |b, x| {
            let e = b.unary(Unary::Exp, x);
            let e = b.with_constant(Binary::Add, e, 1.0);
            b.unary(Unary::Log, e)
        }),
    ];
    for (name, point, branch) in branches {
        for second in [false, true] {
            let g = graph(DType::F64, &[input(&[], &[point])], |b, x| {
                let here = b.constant(DType::F64, point);
                let there = b.compare(Compare::Ne, x[0], here);
                let forbidden = branch(b, x[0]);
                let square = b.mul(x[0], x[0]);
                let c = b.select(there, forbidden, square);
                let g = b.grad(c, x[0]);
                vec![if second { b.grad(g, x[0]) } else { g }]
            });
            let found = run(&differentiate(g).unwrap(), &[input(&[], &[point])]);
            let expected = if second { 2.0 } else { 2.0 * point };
            assert_eq!(found[0], [expected], "{name}, second: {second}");
        }
    }
}

/// Elements that a gather or slice leaves out have gradient 0, wherever they lie.
#[test]
fn left_out_elements() {
    let x = [input(&[3], &[0.5, 0.0, 0.0])];
    at_point(
        &x,
        &|b, x| {
            let log = b.unary(Unary::Log, x[0]);
            b.slice_axis(log, 0, 0, 1)
        },
        &[0.5_f64.ln()],
        &[&[2.0, 0.0, 0.0]],
    );
    at_point(
        &x,
        &|b, x| {
            let log = b.unary(Unary::Log, x[0]);
            let i = b.fill(DType::I32, 0.0, &[1]);
            b.gather(log, &[0], &[i])
        },
        &[0.5_f64.ln()],
        &[&[2.0, 0.0, 0.0]],
    );
}

#[test]
fn c028_norm_at_the_origin() {
    fn norm(b: &mut Builder, v: NodeId) -> NodeId {
        let square = b.mul(v, v);
        let sum = b.sum(square, &[0]);
        b.unary(Unary::Sqrt, sum)
    }
    let half = 0.5_f64.sqrt();
    for (v, g, r) in [([0.0, 0.0], [0.0, 0.0], [0.0, 0.0]), ([1.0, 1.0], [2.0, 2.0], [half, half])] {
        let x = [input(&[2], &v)];
        let s = v[0] + v[1];
        at_point(&x, &|b, x| b.matmul(x[0], x[0]), &[s], &[&g]);
        at_point(&x, &|b, x| norm(b, x[0]).pipe(|n| b.with_constant(Binary::Pow, n, 2.0)), &[s], &[&g]);
        at_point(&x, &|b, x| norm(b, x[0]), &[s.sqrt()], &[&r]);
        at_point(&x, &|b, x| b.matmul(x[0], x[0]).pipe(|n| b.unary(Unary::Sqrt, n)), &[s.sqrt()], &[&r]);
        at_point(
            &x,
            &|b, x| b.matmul(x[0], x[0]).pipe(|n| b.with_constant(Binary::Pow, n, 0.5)),
            &[s.sqrt()],
            &[&r],
        );
    }
}

#[test]
fn c029_ties() {
    for (values, expected) in
        [(&[1.0, 1.0][..], &[1.0, 0.0][..]), (&[1.0, 2.0, 2.0, 2.0], &[0.0, 1.0, 0.0, 0.0])]
    {
        let max = values[values.len() - 1];
        let x = [input(&[values.len()], values)];
        at_point(&x, &|b, x| b.reduce(Reduce::Max, x[0], &[0]), &[max], &[expected]);
    }
    let square = [input(&[2, 2], &[1.0, 2.0, 2.0, 2.0])];
    at_point(&square, &|b, x| b.reduce(Reduce::Max, x[0], &[0, 1]), &[2.0], &[&[0.0, 1.0, 0.0, 0.0]]);
    let two = [input(&[], &[3.0]), input(&[], &[3.0])];
    for f in [Binary::Max, Binary::Min] {
        at_point(&two, &|b, x| b.binary(f, x[0], x[1]), &[3.0], &[&[1.0], &[0.0]]);
    }
    for f in [Unary::Abs, Unary::Sign, Unary::Relu] {
        at_point(&[input(&[], &[0.0])], &|b, x| b.unary(f, x[0]), &[0.0], &[&[0.0]]);
    }
}

#[test]
fn c032_power_with_base_zero() {
    let x = [input(&[2], &[0.0, 2.0]), input(&[2], &[1.0, 1.0])];
    at_point(
        &x,
        &|b, x| b.binary(Binary::Pow, x[0], x[1]).pipe(|p| b.sum(p, &[0])),
        &[2.0],
        &[&[1.0, 1.0], &[0.0, 2.0 * 2.0_f64.ln()]],
    );
    let inf = f64::INFINITY;
    let zero = [input(&[], &[0.0])];
    for (c, value, slope) in
        [(2.0, 0.0, 0.0), (1.0, 0.0, 1.0), (0.5, 0.0, inf), (0.0, 1.0, 0.0), (-1.0, inf, -inf)]
    {
        at_point(&zero, &|b, x| b.with_constant(Binary::Pow, x[0], c), &[value], &[&[slope]]);
        // The same by an exponent that is not known.
        let both = [zero[0].clone(), input(&[], &[c])];
        at_point(&both, &|b, x| b.binary(Binary::Pow, x[0], x[1]), &[value], &[&[slope]]);
    }
    // Zero upstream.
    at_point(
        &zero,
        &|b, x| {
            let p = b.with_constant(Binary::Pow, x[0], 0.5);
            b.mul(p, x[0])
        },
        &[0.0],
        &[&[0.0]],
    );
}

#[test]
fn c034_tied_weights() {
    let w = [input(&[1, 1], &[0.5])];
    let linear: Function = &|b, x| {
        let one = b.fill_like(x[0], 1.0);
        let y = b.matmul(one, x[0]);
        let turned = b.transpose(x[0], &[1, 0]);
        let z = b.matmul(y, turned);
        let d = b.sub(z, one);
        b.mul(d, d)
    };
    at_point(&w, linear, &[0.5625], &[&[-1.5]]);
    let sigmoid: Function = &|b, x| {
        let one = b.fill_like(x[0], 1.0);
        let y = b.matmul(one, x[0]);
        let y = b.unary(Unary::Sigmoid, y);
        let turned = b.transpose(x[0], &[1, 0]);
        let z = b.matmul(y, turned);
        let z = b.unary(Unary::Sigmoid, z);
        let log = b.unary(Unary::Log, z);
        b.neg(log)
    };
    let (v, g) = value_and_gradients(DType::F64, &w, sigmoid);
    assert!((v[0] - 0.5495917813).abs() < 1e-9 && (g[0][0] + 0.3128664081).abs() < 1e-9);
}

#[test]
fn c038_powers_in_a_loop() {
    let x = [input(&[], &[2.0]), input(&[], &[1.0])];
    let g = graph(DType::F64, &x, |b, x| {
        let mut h = x[1];
        let mut sum = b.constant(DType::F64, 0.0);
        for _ in 0..5 {
            h = b.mul(h, x[0]);
            sum = b.add(sum, h);
        }
        let first = b.grad(h, x[0]);
        vec![h, first, b.grad(first, x[0]), b.grad(h, x[1]), sum, b.grad(sum, x[0])]
    });
    let found = run(&differentiate(g).unwrap(), &x).concat();
    assert_eq!(found, [32.0, 80.0, 160.0, 32.0, 62.0, 129.0]);
}

#[test]
fn c041_same_row_twice() {
    let x = [input(&[1], &[0.1]), input(&[2], &[0.2, 0.3])];
    let (_, g) = value_and_gradients(DType::F64, &x, &|b, x| {
        let i = b.fill(DType::I32, 0.0, &[2]);
        let y = b.gather(x[0], &[0], &[i]);
        b.mul(y, x[1])
    });
    assert_eq!(g[0], [0.5]);
}

#[test]
fn c049_log_sum_exp() {
    let inf = f64::INFINITY;
    let lse: Function = &|b, x| {
        let m = b.reduce(Reduce::Max, x[0], &[0]);
        let m = b.stop_gradient(m);
        let size = b.unary(Unary::Abs, m);
        let limit = b.fill_like(m, f64::INFINITY);
        let finite = b.compare(Compare::Lt, size, limit);
        let zero = b.fill_like(m, 0.0);
        let m = b.select(finite, m, zero);
        let shape = b.shape(x[0]);
        let wide = b.broadcast(m, &[], &shape);
        let u = b.sub(x[0], wide);
        let e = b.unary(Unary::Exp, u);
        let s = b.sum(e, &[0]);
        let l = b.unary(Unary::Log, s);
        b.add(m, l)
    };
    for (values, value, gradient) in [
        (&[-inf, -inf][..], -inf, &[0.0, 0.0][..]),
        (&[-inf, 1.0], 1.0, &[0.0, 1.0]),
        (&[5.0], 5.0, &[1.0]),
        (&[1000.0, 0.0], 1000.0, &[1.0, 0.0]),
    ] {
        at_point(&[input(&[values.len()], values)], lse, &[value], &[gradient]);
    }
    check("log-sum-exp", &[numbers(&[5], -2.0, 2.0)], lse);
}
