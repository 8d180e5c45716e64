//! Logarithms, exponentials and costs written out: stable forms, and what the plain form fails at.

use super::*;

#[test]
pub fn logarithms() {
    check(
        "log-exp",
        &some(),
        &|b, x| {
            let e = exp(b, x[0]);
            log(b, e)
        },
        "log(exp(x0))",
        "x0",
    );
    check(
        "log-exp",
        &some(),
        &|b, x| {
            let e = exp(b, x[0]);
            let t = b.transpose(e, &[1, 0]);
            let s = b.slice_axis(t, 0, 1, 3);
            log(b, s)
        },
        "log(slice[1, 0][1, 1][2, 2](transpose[1, 0](exp(x0))))",
        "slice[1, 0][1, 1][2, 2](transpose[1, 0](x0))",
    );
    check(
        "log-sigmoid",
        &some(),
        &|b, x| {
            let s = sigmoid(b, x[0]);
            log(b, s)
        },
        "log(sigmoid(x0))",
        "neg(softplus(neg(x0)))",
    );
    check(
        "log-one-minus-sigmoid",
        &some(),
        &|b, x| {
            let s = sigmoid(b, x[0]);
            let r = one_minus(b, s);
            log(b, r)
        },
        "log(sub(1, sigmoid(x0)))",
        "neg(softplus(x0))",
    );
    check(
        "one-minus-sigmoid",
        &some(),
        &|b, x| {
            let s = sigmoid(b, x[0]);
            one_minus(b, s)
        },
        "sub(1, sigmoid(x0))",
        "sigmoid(neg(x0))",
    );
    check(
        "softplus",
        &some(),
        &|b, x| {
            let e = exp(b, x[0]);
            let e = one_plus(b, e);
            log(b, e)
        },
        "log(add(exp(x0), 1))",
        "softplus(x0)",
    );
    check(
        "softplus",
        &some(),
        &|b, x| {
            let e = exp(b, x[0]);
            b.unary(Unary::Log1p, e)
        },
        "log1p(exp(x0))",
        "softplus(x0)",
    );
    check(
        "log1p",
        &some()[1..],
        &|b, x| {
            let e = one_plus(b, x[0]);
            log(b, e)
        },
        "log(add(x0, 1))",
        "log1p(x0)",
    );
    check(
        "log1p",
        &some()[1..],
        &|b, x| {
            let e = one_minus(b, x[0]);
            log(b, e)
        },
        "log(sub(1, x0))",
        "log1p(neg(x0))",
    );
}

#[test]
pub fn exponentials() {
    check(
        "sigmoid",
        &some(),
        &|b, x| {
            let m = b.neg(x[0]);
            let e = exp(b, m);
            let d = one_plus(b, e);
            let one = b.fill_like(d, 1.0);
            b.div(one, d)
        },
        "div(1, add(exp(neg(x0)), 1))",
        "sigmoid(x0)",
    );
    check(
        "sigmoid",
        &some(),
        &|b, x| {
            let e = exp(b, x[0]);
            let d = one_plus(b, e);
            b.div(e, d)
        },
        "div(exp(x0), add(exp(x0), 1))",
        "sigmoid(x0)",
    );
    check(
        "expm1",
        &some(),
        &|b, x| {
            let e = exp(b, x[0]);
            b.with_constant(Binary::Sub, e, 1.0)
        },
        "sub(exp(x0), 1)",
        "expm1(x0)",
    );
    check(
        "expm1",
        &some(),
        &|b, x| {
            let e = exp(b, x[0]);
            b.with_constant(Binary::Add, e, -1.0)
        },
        "add(exp(x0), -1)",
        "expm1(x0)",
    );
    check(
        "sqrt-square",
        &some(),
        &|b, x| {
            let s = b.mul(x[0], x[0]);
            b.unary(Unary::Sqrt, s)
        },
        "sqrt(mul(x0, x0))",
        "abs(x0)",
    );
    check(
        "square-sqrt",
        &some(),
        &|b, x| {
            let s = b.mul(x[0], x[0]);
            let s = b.sum(s, &[1]);
            let r = b.unary(Unary::Sqrt, s);
            b.mul(r, r)
        },
        "mul(sqrt(sum[1](mul(x0, x0))), sqrt(sum[1](mul(x0, x0))))",
        "sum[1](mul(x0, x0))",
    );
    stays("square-sqrt", &some(), &|b, x| {
        let r = b.unary(Unary::Sqrt, x[0]);
        b.mul(r, r)
    });
    // Small arguments keep their digits; large ones do not overflow.
    let small = [input(&[], &[1e-12])];
    let expm1: Function = &|b, x| {
        let e = exp(b, x[0]);
        b.with_constant(Binary::Sub, e, 1.0)
    };
    close("expm1", 0, &compiled(DType::F32, &small, expm1).0, &[1e-12], 1e-18);
    let log1p: Function = &|b, x| {
        let e = one_plus(b, x[0]);
        log(b, e)
    };
    close("log1p", 0, &compiled(DType::F32, &small, log1p).0, &[1e-12], 1e-18);
    let large = [input(&[3], &[1000.0, -1000.0, 0.0])];
    let soft: Function = &|b, x| {
        let e = exp(b, x[0]);
        let e = one_plus(b, e);
        log(b, e)
    };
    let (value, gradient) = compiled(DType::F32, &large, soft);
    close("softplus", 0, &value, &[1000.0, 0.0, 2.0_f64.ln()], 1e-7);
    close("softplus", 0, &gradient, &[1.0, 0.0, 0.5], 1e-7);
    let quotient: Function = &|b, x| {
        let e = exp(b, x[0]);
        let d = one_plus(b, e);
        b.div(e, d)
    };
    let (value, gradient) = compiled(DType::F32, &large, quotient);
    close("sigmoid", 0, &value, &[1.0, 0.0, 0.5], 1e-7);
    close("sigmoid", 0, &gradient, &[0.0, 0.0, 0.25], 1e-7);
    let root: Function = &|b, x| {
        let s = b.mul(x[0], x[0]);
        b.unary(Unary::Sqrt, s)
    };
    let (value, gradient) = compiled(DType::F32, &[input(&[3], &[1e30, -1e-30, 0.0])], root);
    assert_eq!(value.iter().map(|v| *v as f32).collect::<Vec<_>>(), [1e30, 1e-30, 0.0]);
    assert_eq!(gradient, [1.0, -1.0, 0.0]);
}

/// C044 (a): the vector as a literal is worth the same.
#[test]
fn literals_are_not_folded_too_early() {
    let (g, _) = compile(graph(DType::F32, &[], |b, _| {
        let parts: Vec<NodeId> = (1..10)
            .map(|i| {
                let c = b.constant(DType::F32, 13.0);
                let k = b.constant(DType::F32, f64::from(i));
                let c = b.mul(c, k);
                b.reshape(c, &[1])
            })
            .collect();
        let z = b.concat(&parts, 0);
        let p = plain_softmax(b, z);
        let log = log(b, p);
        let picked = b.slice_axis(log, 0, 0, 1);
        let c = b.constant(DType::F32, -1000.0);
        let s = sigmoid(b, c);
        let s = b.unary(Unary::Log, s);
        vec![b.neg(picked), s]
    }));
    assert_eq!(run(&g, &[]), [[104.0], [-1000.0]]);
}

/// C046.
#[test]
fn log_sigmoid_far_out() {
    let x = [input(&[5], &[100.0, -100.0, 1000.0, -1000.0, 0.0])];
    let expected = [-3.720075976020836e-44, -100.0, 0.0, -1000.0, -std::f64::consts::LN_2];
    let mirrored = [-100.0, -3.720075976020836e-44, -1000.0, 0.0, -std::f64::consts::LN_2];
    for (dtype, bound) in [(DType::F64, 1e-14), (DType::F32, 1e-6)] {
        let (v, _) = compiled(dtype, &x, &|b, x| {
            let s = sigmoid(b, x[0]);
            log(b, s)
        });
        close("log(sigmoid)", 0, &v, &expected, bound);
        assert!(v[0] < 0.0 && v[0] > -4e-44);
        let (v, _) = compiled(dtype, &x, &|b, x| {
            let s = sigmoid(b, x[0]);
            let r = one_minus(b, s);
            log(b, r)
        });
        close("log(1 - sigmoid)", 0, &v, &mirrored, bound);
    }
    let x = [input(&[8], &[-50.0, -10.0, -5.0, -2.0, 0.0, 2.0, 5.0, 10.0])];
    let (_, g) = compiled(DType::F32, &x, &|b, x| {
        let s = sigmoid(b, x[0]);
        let l = log(b, s);
        let l = b.neg(l);
        let sum = b.sum(l, &[0]);
        b.with_constant(Binary::Div, sum, 8.0)
    });
    let expected: Vec<f64> = x[0].values.iter().map(|v| -1.0 / (1.0 + v.exp()) / 8.0).collect();
    for (a, e) in g.iter().zip(&expected) {
        assert!((a - e).abs() <= 1e-6 * e.abs(), "{g:?}, expected {expected:?}");
    }
}

/// The written-out cost in each way its signs are put, alone and from the text of the chapter.
#[test]
pub fn cross_entropy() {
    let soft = |b: &mut Builder, a: NodeId| b.unary(Unary::Softplus, a);
    let inputs = [Numbers(4).input(&[2, 3], -3.0, 3.0), Numbers(5).input(&[2, 3], 0.0, 1.0)];
    check(
        "cross-entropy",
        &inputs,
        &|b, x| {
            let (a, t) = (x[0], x[1]);
            let m = b.neg(a);
            let (p, q) = (soft(b, m), soft(b, a));
            let (p, q) = (b.neg(p), b.neg(q));
            let rest = one_minus(b, t);
            let (left, right) = (b.mul(t, p), b.mul(rest, q));
            b.add(left, right)
        },
        "add(mul(x1, neg(softplus(neg(x0)))), mul(sub(1, x1), neg(softplus(x0))))",
        "sub(mul(x1, x0), softplus(x0))",
    );
    // Neither a difference nor weights of another sum.
    for (difference, rest) in [(true, 1.0), (false, 2.0)] {
        stays("cross-entropy", &inputs, &|b, x| {
            let m = b.neg(x[0]);
            let (p, q) = (soft(b, m), soft(b, x[0]));
            let whole = b.fill_like(x[1], rest);
            let y = b.sub(whole, x[1]);
            let (p, q) = (b.mul(x[1], p), b.mul(y, q));
            if difference { b.sub(p, q) } else { b.add(p, q) }
        });
    }
    type Form = fn(&mut Builder, NodeId, NodeId) -> NodeId;
    fn split(b: &mut Builder, a: NodeId, x: NodeId) -> [NodeId; 4] {
        let z = sigmoid(b, a);
        let r = one_minus(b, z);
        [log(b, z), log(b, r), x, one_minus(b, x)]
    }
    let forms: [(f64, Form); 7] = [
        (-1.0, |b, a, x| {
            let [l, k, x, y] = split(b, a, x);
            let (p, q) = (b.mul(x, l), b.mul(y, k));
            b.add(p, q)
        }),
        (1.0, |b, a, x| {
            let [l, k, x, y] = split(b, a, x);
            let (p, q) = (b.mul(x, l), b.mul(y, k));
            let s = b.add(p, q);
            b.neg(s)
        }),
        (1.0, |b, a, x| {
            let [l, k, x, y] = split(b, a, x);
            let n = b.neg(x);
            let (p, q) = (b.mul(n, l), b.mul(y, k));
            b.sub(p, q)
        }),
        (1.0, |b, a, x| {
            let [l, k, x, y] = split(b, a, x);
            let (p, q) = (b.mul(l, x), b.mul(k, y));
            let p = b.neg(p);
            b.sub(p, q)
        }),
        (-1.0, |b, a, x| {
            let [l, k, x, y] = split(b, a, x);
            let (p, q) = (b.mul(k, y), b.mul(x, l));
            b.add(p, q)
        }),
        (1.0, |b, a, x| {
            let [l, k, x, y] = split(b, a, x);
            let (l, k) = (b.neg(l), b.neg(k));
            let (p, q) = (b.mul(x, l), b.mul(y, k));
            b.add(p, q)
        }),
        // The sigmoid written out.
        (-1.0, |b, a, x| {
            let m = b.neg(a);
            let e = exp(b, m);
            let d = one_plus(b, e);
            let one = b.fill_like(d, 1.0);
            let z = b.div(one, d);
            let r = one_minus(b, z);
            let (l, k) = (log(b, z), log(b, r));
            let y = one_minus(b, x);
            let (p, q) = (b.mul(x, l), b.mul(y, k));
            b.add(p, q)
        }),
    ];
    let a = [-1000.0, -30.0, 0.0, 2.0, 1000.0];
    let x = [1.0, 0.0, 0.3, 1.0, 0.0];
    let inputs = [input(&[5], &a), input(&[5], &x)];
    for (i, (sign, form)) in forms.into_iter().enumerate() {
        let g = graph(DType::F32, &inputs, |b, x| {
            let y = form(b, x[0], x[1]);
            let c = b.sum(y, &[0]);
            vec![y, b.grad(c, x[0])]
        });
        let (g, fired) = compile(g);
        assert!(fired.contains(&"cross-entropy"), "form {i}: {fired:?}\n{}", text(&g, g.reports[0].value));
        assert!(!g.nodes.iter().any(|n| n.op == Op::Unary(Unary::Log)), "form {i}");
        let found = run(&g, &inputs);
        let plus = |a: f64| a.max(0.0) + (-a.abs()).exp().ln_1p();
        let value: Vec<f64> = (0..5).map(|k| sign * (plus(a[k]) - x[k] * a[k])).collect();
        let slope: Vec<f64> = (0..5).map(|k| sign * (1.0 / (1.0 + (-a[k]).exp()) - x[k])).collect();
        close("cost", i, &found[0], &value, 1e-6);
        close("gradient", i, &found[1], &slope, 1e-6);
    }
}
