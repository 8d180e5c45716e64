//! Softmax and its logarithm in every way of writing them down.

use super::*;

#[test]
pub fn softmax() {
    let u = format!("sub(x0, broadcast[2, 3]({M}))");
    let l = format!("log(sum[1](exp({u})))");
    let exponent = format!("sub({u}, broadcast[2, 3](select(eq({l}, -inf), 0, {l})))");
    check(
        "softmax",
        &some(),
        &|b, x| plain_softmax(b, x[0]),
        "div(exp(x0), broadcast[2, 3](sum[1](exp(x0))))",
        &format!("exp({exponent})"),
    );
    let shift = "sub(x0, broadcast[2, 3](reduce max[1](x0)))";
    check(
        "softmax",
        &some(),
        &|b, x| shifted_softmax(b, x[0]),
        &format!("div(exp({shift}), broadcast[2, 3](sum[1](exp({shift}))))"),
        &format!("exp({exponent})"),
    );
    check(
        "logsumexp",
        &some(),
        &|b, x| {
            let e = exp(b, x[0]);
            let s = b.sum(e, &[1]);
            log(b, s)
        },
        "log(sum[1](exp(x0)))",
        &format!("add({M}, {l})"),
    );
    // Shifted already: only the guard is missing.
    let plain = "stop_gradient(reduce max[1](x0))";
    check(
        "logsumexp",
        &some(),
        &|b, x| {
            let m = b.reduce(Reduce::Max, x[0], &[1]);
            let m = b.stop_gradient(m);
            let wide = b.unreduce(m, &[1], &[2, 3]);
            let u = b.sub(x[0], wide);
            let e = exp(b, u);
            let s = b.sum(e, &[1]);
            log(b, s)
        },
        &format!("log(sum[1](exp(sub(x0, broadcast[2, 3]({plain})))))"),
        &l,
    );
    let u = format!("sub(x0, broadcast[2, 3]({plain}))");
    let l = format!("log(sum[1](exp({u})))");
    check(
        "log-softmax",
        &some(),
        &|b, x| {
            let p = lowered_softmax(b, x[0]);
            let exponent = b.graph.inputs(p)[0];
            b.unary(Unary::Tanh, exponent)
        },
        &format!("tanh(sub(x0, broadcast[2, 3](add({plain}, {l}))))"),
        &format!("tanh(sub({u}, broadcast[2, 3](select(eq({l}, -inf), 0, {l}))))"),
    );
    // A quotient by another sum is no softmax.
    stays("softmax", &some(), &|b, x| {
        let e = exp(b, x[0]);
        let s = b.sum(e, &[0]);
        let s = b.broadcast(s, &[1], &[2, 3]);
        let f = exp(b, x[1]);
        b.div(f, s)
    });
    // Kept as an axis of length 1, as some write it.
    let (g, fired) = compile(graph(DType::F32, &some(), |b, x| {
        let e = exp(b, x[0]);
        let s = b.sum(e, &[1]);
        let s = b.reshape(s, &[2, 1]);
        let s = b.broadcast(s, &[0, 1], &[2, 3]);
        let p = b.div(e, s);
        vec![log(b, p)]
    }));
    assert!(fired.contains(&"softmax") && fired.contains(&"log-exp"), "{fired:?}");
    assert!(!g.nodes.iter().any(|n| n.op == Op::Binary(Binary::Div)));
}

/// C044: softmax, its logarithm, the cost and its gradient far from zero, in every written form.
#[test]
fn log_softmax_far_out() {
    let l = |z: &[f64]| {
        let m = z.iter().cloned().fold(f64::NEG_INFINITY, f64::max);
        m + z.iter().map(|v| (v - m).exp()).sum::<f64>().ln()
    };
    let rows = [
        [1000.0, 1000.0, -1000.0],
        [1000.0, 0.0, 0.0],
        [-1000.0, -1000.0, -1001.0],
        [f64::NEG_INFINITY, 1.0, 2.0],
    ];
    for form in [plain_softmax, shifted_softmax, lowered_softmax] {
        for z in rows {
            let x = [input(&[1, 3], &z)];
            let p: Vec<f64> = z.iter().map(|v| (v - l(&z)).exp()).collect();
            let (value, _) = compiled(DType::F32, &x, &|b, x| form(b, x[0]));
            close("softmax", 0, &value, &p, 1e-6);
            let nll: Function = &|b, x| {
                let p = form(b, x[0]);
                let log = log(b, p);
                let picked = b.slice_axis(log, 1, 1, 2);
                b.neg(picked)
            };
            let (cost, gradient) = compiled(DType::F32, &x, nll);
            close("cost", 0, &cost, &[l(&z) - z[1]], 1e-6);
            let expected: Vec<f64> = (0..3).map(|k| p[k] - if k == 1 { 1.0 } else { 0.0 }).collect();
            close("gradient", 0, &gradient, &expected, 1e-6);
        }
    }
    let z: Vec<f64> = (1..10).map(|i| 13.0 * f64::from(i)).collect();
    let first: Function = &|b, x| {
        let p = plain_softmax(b, x[0]);
        let log = log(b, p);
        let picked = b.slice_axis(log, 1, 0, 1);
        b.neg(picked)
    };
    let x = [input(&[1, 9], &z)];
    assert_eq!(compiled(DType::F32, &x, first).0, [104.0]);
    close("f64", 0, &compiled(DType::F64, &x, first).0, &[104.00000226033197], 1e-15);
}

/// C049: rows of nothing but -infinity, however log-sum-exp is written.
#[test]
fn log_sum_exp_of_nothing() {
    let inf = f64::INFINITY;
    let plain: Function = &|b, x| {
        let e = exp(b, x[0]);
        let s = b.sum(e, &[0]);
        log(b, s)
    };
    let shifted: Function = &|b, x| {
        let shape = b.shape(x[0]);
        let m = b.reduce(Reduce::Max, x[0], &[0]);
        let m = b.stop_gradient(m);
        let wide = b.unreduce(m, &[0], &shape);
        let u = b.sub(x[0], wide);
        let e = exp(b, u);
        let s = b.sum(e, &[0]);
        let l = log(b, s);
        b.add(m, l)
    };
    for f in [plain, shifted] {
        for (z, value, gradient) in [
            (&[-inf, -inf][..], -inf, &[0.0, 0.0][..]),
            (&[-inf, 1.0], 1.0, &[0.0, 1.0]),
            (&[5.0], 5.0, &[1.0]),
            (&[1000.0, 0.0], 1000.0, &[1.0, 0.0]),
        ] {
            let (v, g) = compiled(DType::F32, &[input(&[z.len()], z)], f);
            close("value", 0, &v, &[value], 1e-7);
            close("gradient", 0, &g, gradient, 1e-7);
        }
        let g = graph(DType::F32, &[input(&[2], &[inf, 0.0])], |b, x| vec![f(b, x)]);
        assert_eq!(run(&compile(g).0, &[input(&[2], &[inf, 0.0])])[0], [inf]);
    }
    let (v, g) = compiled(DType::F32, &[input(&[1, 2], &[-inf, -inf])], &|b, x| lowered_softmax(b, x[0]));
    assert_eq!((v, g), (vec![0.0, 0.0], vec![0.0, 0.0]));
}

/// The cost of a classifier: no scatter, no quotient, no sum but the softmax's in its gradient.
#[test]
fn softmax_cost_is_one_row() {
    let x = [Numbers(2).input(&[3, 4], -2.0, 2.0)];
    let g = graph(DType::F32, &x, |b, x| {
        let p = lowered_softmax(b, x[0]);
        let l = log(b, p);
        let (i, y) = (b.iota(&[3], 0), labels(b, &[2, 0, 2]));
        let picked = b.gather(l, &[0, 1], &[i, y]);
        let s = b.sum(picked, &[0]);
        let m = b.with_constant(Binary::Div, s, 3.0);
        let c = b.neg(m);
        vec![c, b.grad(c, x[0])]
    });
    let (g, _) = compile(g);
    let gradient = text(&g, g.reports[1].value);
    assert!(!gradient.contains("scatter") && !gradient.contains("div"), "{gradient}");
    assert_eq!(gradient.matches("sum[1]").count(), gradient.matches("log(sum[1]").count(), "{gradient}");
    let share = "exp(sub(U, broadcast[3, 4](select(eq(L, -inf), 0, L))))";
    let share = share.replace('L', "log(sum[1](exp(U)))");
    let share = share.replace('U', &format!("sub(x0, broadcast[3, 4]({FINAL_M}))"));
    let hit = "select(eq(iota[1](), broadcast[3, 4](concat(2, 0, 2))), -0.3333333432674408, 0)";
    assert_eq!(gradient, format!("add({hit}, mul(0.3333333432674408, {share}))"));
}
