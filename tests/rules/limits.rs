//! What no rule may do.

use super::*;

#[test]
fn zero_times_stays() {
    let x = [input(&[2], &[f64::INFINITY, 1.0])];
    let g = graph(DType::F32, &x, |b, x| vec![b.with_constant(Binary::Mul, x[0], 0.0)]);
    let (g, fired) = compile(g);
    assert_eq!((text(&g, g.reports[0].value).as_str(), fired.len()), ("mul(x0, 0)", 0));
    assert!(run(&g, &x)[0][0].is_nan());
}

#[test]
fn two_pass_variance_stays() {
    let x = [input(&[4], &[1e4, 1e4 + 1.0, 1e4 + 2.0, 1e4 + 3.0])];
    let g = graph(DType::F32, &x, |b, x| {
        let s = b.sum(x[0], &[0]);
        let mean = b.with_constant(Binary::Div, s, 4.0);
        let mean = b.broadcast(mean, &[], &[4]);
        let d = b.sub(x[0], mean);
        let square = b.with_constant(Binary::Pow, d, 2.0);
        let s = b.sum(square, &[0]);
        vec![b.with_constant(Binary::Div, s, 4.0)]
    });
    let (g, _) = compile(g);
    let d = "sub(x0, broadcast[4](div(sum[0](x0), 4)))";
    assert_eq!(text(&g, g.reports[0].value), format!("div(sum[0](mul({d}, {d})), 4)"));
    assert_eq!(run(&g, &x)[0], [1.25]);
}

/// What a gradient is taken with respect to keeps its place, whatever would fit around it.
#[test]
fn wrt_survives() {
    let x = [Numbers(2).input(&[2, 3], -2.0, 2.0)];
    let g = graph(DType::F64, &x, |b, x| {
        let p = plain_softmax(b, x[0]);
        let same = plain_softmax(b, x[0]);
        let l = log(b, p);
        let c = b.sum(l, &[0, 1]);
        let other = b.sum(same, &[0, 1]);
        let e = exp(b, x[0]);
        let le = log(b, e);
        let ce = b.sum(le, &[0, 1]);
        vec![b.grad(c, p), b.grad(ce, e), other, p]
    });
    let (g, _) = compile(g);
    let found = run(&g, &x);
    let inverse: Vec<f64> = found[3].iter().map(|p| 1.0 / p).collect();
    close("by the softmax", 0, &found[0], &inverse, 1e-12);
    let inverse: Vec<f64> = x[0].values.iter().map(|v| (-v).exp()).collect();
    close("by the exponential", 0, &found[1], &inverse, 1e-12);
}

/// A path that mathematics cancels is still one: the gradient is 0 and no error.
#[test]
fn paths_survive() {
    let x = [Numbers(2).input(&[2, 3], -2.0, 2.0), input(&[2], &[0.5, -0.5])];
    let g = graph(DType::F64, &x, |b, x| {
        let wide = b.broadcast(x[1], &[0], &[2, 3]);
        let u = b.sub(x[0], wide);
        let p = plain_softmax(b, u);
        let p = b.mul(p, x[0]);
        let c = b.sum(p, &[0, 1]);
        vec![b.grad(c, x[1])]
    });
    close("shift", 0, &run(&compile(g).0, &x)[0], &[0.0, 0.0], 1e-15);
    let g = graph(DType::F64, &x, |b, x| {
        let m = b.reduce(Reduce::Max, x[0], &[1]);
        let wide = b.broadcast(m, &[0], &[2, 3]);
        let u = b.sub(x[0], wide);
        let p = plain_softmax(b, u);
        let p = b.mul(p, x[0]);
        let c = b.sum(p, &[0, 1]);
        vec![b.grad(c, m)]
    });
    close("maximum", 0, &run(&compile(g).0, &x)[0], &[0.0, 0.0], 1e-15);
    let g = graph(DType::F64, &x, |b, x| {
        let never = b.fill(DType::Bool, 0.0, &[2, 3]);
        let y = b.select(never, x[0], x[0]);
        let zero = b.fill_like(y, 0.0);
        let y = b.select(never, y, zero);
        let c = b.sum(y, &[0, 1]);
        vec![b.grad(c, x[0])]
    });
    close("choice", 0, &run(&compile(g).0, &x)[0], &[0.0; 6], 0.0);
}

/// Names and rule chains go on, and the trace says what happened where.
#[test]
fn provenance() {
    let g = graph(DType::F32, &some(), |b, x| {
        b.rules = vec!["lower"];
        let p = sigmoid(b, x[0]);
        let l = log(b, p);
        b.name(l, "l");
        vec![l]
    });
    let (g, trace) = run_pipeline(g, BEFORE_GRADIENT, |_, _| {});
    let node = g.node(g.reports[0].value);
    assert_eq!(node.name.as_deref(), Some("l"));
    assert_eq!(node.rules, ["lower", "log-sigmoid"]);
    let fired = &trace.fired[0];
    assert_eq!(
        (fired.pass, fired.rule, fired.op, fired.node.as_deref()),
        ("stabilise", "log-sigmoid", "log", Some("l"))
    );
}

#[test]
fn sharing() {
    let g = graph(DType::F32, &some(), |b, x| {
        let (a, c) = (b.unary(Unary::Tanh, x[0]), b.unary(Unary::Tanh, x[0]));
        b.name(c, "h");
        let cost = b.mul(a, c);
        let cost = b.sum(cost, &[0, 1]);
        vec![a, c, b.grad(cost, c)]
    });
    let tanh = |g: &Graph| g.nodes.iter().filter(|n| n.op == Op::Unary(Unary::Tanh)).count();
    assert_eq!(tanh(&share(g.clone())), 2, "by one of them a gradient is taken");
    let g = share(differentiate(g).unwrap());
    assert_eq!(tanh(&g), 1);
    assert_eq!(g.node(g.reports[0].value).name.as_deref(), Some("h"));
}

/// Random graphs of every operation, with the gradients of their places: both pipelines keep all values.
#[test]
fn random_graphs_keep_their_values() {
    use common::random_graph::{Options, random_graph};
    for seed in 0..200 {
        let made = random_graph(seed, Options::all(DType::F64, 14));
        let mut b = Builder::resume(made.graph.clone());
        let cost = made.cost;
        for (k, place) in made.places.iter().enumerate() {
            if dlc::grad::depends(&b.graph, cost, *place).is_ok() {
                let value = b.grad(cost, *place);
                b.graph.reports.push(dlc::ir::Report { name: format!("g{k}").into(), value, span: None });
            }
        }
        let run = |g: &Graph| {
            verified(g);
            let outcome = dlc::ir::interp::run(g, &|leaf| made.value(leaf));
            let outcome = outcome.unwrap_or_else(|f| panic!("seed {seed}: {}", f.message));
            let all = outcome.reports.iter().chain(&outcome.updates);
            all.map(dlc::ir::Tensor::as_f64s).collect::<Vec<_>>()
        };
        let plain = run(&differentiate(b.graph.clone()).expect("a path"));
        let (g, _) = compile(b.graph);
        for (k, (found, expected)) in run(&g).iter().zip(&plain).enumerate() {
            close(&format!("seed {seed}"), k, found, expected, 1e-9);
        }
    }
}
