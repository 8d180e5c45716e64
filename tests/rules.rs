//! Each rule by its name: what it makes of an expression, that the value stays within a bound where
//! both forms are safe, and what it gives where the plain form fails. And what no rule may do.

mod common;
mod numeric;
#[path = "suite/rules/text.rs"]
mod text_cases;

use dlc::grad::differentiate;
use dlc::ir::{Binary, Builder, Compare, DType, Graph, NodeId, Op, Reduce, Unary};
use dlc::passes::{AFTER_GRADIENT, BEFORE_GRADIENT, drop_dead, run_pipeline, share};
use dlc::rules::{self, Rule, Trace, rewrite};
use numeric::*;
use std::collections::BTreeSet;
use std::sync::Mutex;

static TESTED: Mutex<BTreeSet<&str>> = Mutex::new(BTreeSet::new());

fn rule(name: &str) -> Rule {
    *rules::all().find(|r| r.name == name).unwrap_or_else(|| panic!("no rule {name}"))
}

/// Applies one rule alone and compares text and values on both sides.
fn check(name: &'static str, inputs: &[Input], f: Function, before: &str, after: &str) {
    TESTED.lock().unwrap().insert(name);
    for (dtype, bound) in [(DType::F64, 1e-12), (DType::F32, 1e-5)] {
        let plain = share(graph(dtype, inputs, |b, x| vec![f(b, x)]));
        let mut trace = Trace::default();
        let rewritten = drop_dead(rewrite(plain.clone(), &[rule(name)], "test", &mut trace));
        assert_eq!(text(&plain, plain.reports[0].value), before, "{name}: before");
        assert_eq!(text(&rewritten, rewritten.reports[0].value), after, "{name}: after");
        assert!(trace.fired.iter().all(|f| f.rule == name) && !trace.fired.is_empty(), "{name} fired");
        close(name, 0, &run(&rewritten, inputs)[0], &run(&plain, inputs)[0], bound);
    }
}

/// That a rule leaves an expression alone.
fn stays(name: &str, inputs: &[Input], f: Function) {
    let plain = graph(DType::F32, inputs, |b, x| vec![f(b, x)]);
    let mut trace = Trace::default();
    rewrite(plain, &[rule(name)], "test", &mut trace);
    assert_eq!(trace.fired, [], "{name} must not fire");
}

/// A graph through both pipelines with differentiation between.
fn compile(graph: Graph) -> (Graph, Vec<&'static str>) {
    let (graph, before) = run_pipeline(graph, BEFORE_GRADIENT, |_, g| verified(g));
    let graph = differentiate(graph).unwrap_or_else(|e| panic!("{:?}", e.draw()));
    let (graph, after) = run_pipeline(graph, AFTER_GRADIENT, |_, g| verified(g));
    (graph, before.fired.iter().chain(&after.fired).map(|f| f.rule).collect())
}

/// The value of an expression, and the gradient of its sum by the first leaf, compiled.
fn compiled(dtype: DType, inputs: &[Input], f: Function) -> (Vec<f64>, Vec<f64>) {
    let g = graph(dtype, inputs, |b, x| {
        let y = f(b, x);
        let axes: Vec<usize> = (0..b.shape(y).len()).collect();
        let c = b.sum(y, &axes);
        vec![y, b.grad(c, x[0])]
    });
    let mut found = run(&compile(g).0, inputs);
    let gradient = found.remove(1);
    (found.remove(0), gradient)
}

fn some() -> Vec<Input> {
    vec![Numbers(11).input(&[2, 3], -2.0, 2.0), Numbers(12).input(&[2, 3], 0.1, 0.9)]
}

fn one_minus(b: &mut Builder, x: NodeId) -> NodeId {
    let one = b.fill_like(x, 1.0);
    b.sub(one, x)
}

fn one_plus(b: &mut Builder, x: NodeId) -> NodeId {
    b.with_constant(Binary::Add, x, 1.0)
}

fn log(b: &mut Builder, x: NodeId) -> NodeId {
    b.unary(Unary::Log, x)
}

fn exp(b: &mut Builder, x: NodeId) -> NodeId {
    b.unary(Unary::Exp, x)
}

fn sigmoid(b: &mut Builder, x: NodeId) -> NodeId {
    b.unary(Unary::Sigmoid, x)
}

/// exp(z) / sum(exp(z)) over the last axis.
fn plain_softmax(b: &mut Builder, z: NodeId) -> NodeId {
    let shape = b.shape(z);
    let axis = shape.len() - 1;
    let e = exp(b, z);
    let s = b.sum(e, &[axis]);
    let s = b.unreduce(s, &[axis], &shape);
    b.div(e, s)
}

fn shifted_softmax(b: &mut Builder, z: NodeId) -> NodeId {
    let shape = b.shape(z);
    let axis = shape.len() - 1;
    let m = b.reduce(Reduce::Max, z, &[axis]);
    let m = b.unreduce(m, &[axis], &shape);
    let u = b.sub(z, m);
    plain_softmax(b, u)
}

/// exp(z - logsumexp(z)), as a softmax is lowered, its maximum not guarded.
fn lowered_softmax(b: &mut Builder, z: NodeId) -> NodeId {
    let shape = b.shape(z);
    let axis = shape.len() - 1;
    let m = b.reduce(Reduce::Max, z, &[axis]);
    let m = b.stop_gradient(m);
    let wide = b.unreduce(m, &[axis], &shape);
    let u = b.sub(z, wide);
    let e = exp(b, u);
    let s = b.sum(e, &[axis]);
    let l = log(b, s);
    let l = b.add(m, l);
    let l = b.unreduce(l, &[axis], &shape);
    let u = b.sub(z, l);
    exp(b, u)
}

const M: &str = "select(lt(abs(stop_gradient(reduce max[1](x0))), inf), stop_gradient(reduce max[1](x0)), 0)";

const FINAL_M: &str = "select(lt(abs(reduce max[1](x0)), inf), reduce max[1](x0), 0)";

#[test]
fn logarithms() {
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
fn exponentials() {
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

#[test]
fn softmax() {
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
fn cross_entropy() {
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

#[test]
fn algebra() {
    type Case = (&'static str, Binary, f64, &'static str, &'static str);
    let cases: [Case; 9] = [
        ("add-zero", Binary::Add, 0.0, "add(x0, 0)", "x0"),
        ("sub-zero", Binary::Sub, 0.0, "sub(x0, 0)", "x0"),
        ("mul-one", Binary::Mul, 1.0, "mul(x0, 1)", "x0"),
        ("mul-minus-one", Binary::Mul, -1.0, "mul(x0, -1)", "neg(x0)"),
        ("div-one", Binary::Div, 1.0, "div(x0, 1)", "x0"),
        ("pow-one", Binary::Pow, 1.0, "pow(x0, 1)", "x0"),
        ("pow-two", Binary::Pow, 2.0, "pow(x0, 2)", "mul(x0, x0)"),
        ("pow-half", Binary::Pow, 0.5, "pow(x0, 0.5)", "sqrt(x0)"),
        ("pow-minus-one", Binary::Pow, -1.0, "pow(x0, -1)", "div(1, x0)"),
    ];
    for (name, f, c, before, after) in cases {
        check(name, &some()[1..], &|b, x| b.with_constant(f, x[0], c), before, after);
    }
    let two = |b: &mut Builder, x: NodeId| {
        let n = b.neg(x);
        b.neg(n)
    };
    check(
        "sum-neg",
        &some(),
        &|b, x| {
            let n = b.neg(x[0]);
            b.sum(n, &[1])
        },
        "sum[1](neg(x0))",
        "neg(sum[1](x0))",
    );
    check("neg-neg", &some(), &|b, x| two(b, x[0]), "neg(neg(x0))", "x0");
    check(
        "add-twice",
        &some(),
        &|b, x| {
            let y = b.with_constant(Binary::Mul, x[0], 0.25);
            b.add(y, y)
        },
        "add(mul(x0, 0.25), mul(x0, 0.25))",
        "mul(x0, 0.5)",
    );
    let penalised = |b: &mut Builder, of: NodeId, by: NodeId| {
        let t = b.with_constant(Binary::Mul, of, 3.0);
        let s = b.unary(Unary::Sign, by);
        let z = b.with_constant(Binary::Mul, s, 0.0);
        b.add(t, z)
    };
    check(
        "zero-sign",
        &some(),
        &|b, x| penalised(b, x[0], x[0]),
        "add(mul(x0, 3), mul(sign(x0), 0))",
        "mul(x0, 3)",
    );
    stays("zero-sign", &some(), &|b, x| penalised(b, x[0], x[1]));
    check(
        "add-neg",
        &some(),
        &|b, x| {
            let n = b.neg(x[1]);
            b.add(x[0], n)
        },
        "add(x0, neg(x1))",
        "sub(x0, x1)",
    );
    check(
        "add-neg",
        &some(),
        &|b, x| {
            let n = b.neg(x[0]);
            b.add(n, x[1])
        },
        "add(neg(x0), x1)",
        "sub(x1, x0)",
    );
    check(
        "sub-neg",
        &some(),
        &|b, x| {
            let n = b.neg(x[1]);
            b.sub(x[0], n)
        },
        "sub(x0, neg(x1))",
        "add(x0, x1)",
    );
}

#[test]
fn fold() {
    check(
        "fold",
        &some(),
        &|b, x| {
            let (two, three) = (b.fill_like(x[0], 2.0), b.fill_like(x[0], 3.0));
            let s = b.add(two, three);
            b.mul(x[0], s)
        },
        "mul(x0, add(2, 3))",
        "mul(x0, 5)",
    );
    // In the node's precision: 1 + 1e-8 is 1 in f32.
    for (dtype, expected) in [(DType::F32, 1.0), (DType::F64, 1.0 + 1e-8)] {
        let g = graph(dtype, &[], |b, _| {
            let one = b.constant(dtype, 1.0);
            vec![b.with_constant(Binary::Add, one, 1e-8)]
        });
        let g = rewrite(g, &[rule("fold")], "test", &mut Trace::default());
        assert_eq!(g.op(g.reports[0].value), &Op::Const(dlc::ir::Scalar::Real(expected)));
    }
    stays("fold", &[], &|b, _| {
        let c = b.constant(DType::F32, 1.0);
        exp(b, c)
    });
}

#[test]
fn structure() {
    let x = [Numbers(3).input(&[2, 3, 4], -1.0, 1.0)];
    check(
        "transpose-transpose",
        &x,
        &|b, x| {
            let t = b.transpose(x[0], &[1, 2, 0]);
            b.transpose(t, &[0, 2, 1])
        },
        "transpose[0, 2, 1](transpose[1, 2, 0](x0))",
        "transpose[1, 0, 2](x0)",
    );
    check(
        "transpose-transpose",
        &x,
        &|b, x| {
            let t = b.transpose(x[0], &[1, 2, 0]);
            b.transpose(t, &[2, 0, 1])
        },
        "transpose[2, 0, 1](transpose[1, 2, 0](x0))",
        "x0",
    );
    check(
        "reshape-reshape",
        &x,
        &|b, x| {
            let t = b.reshape(x[0], &[6, 4]);
            b.reshape(t, &[24])
        },
        "reshape[24](reshape[6, 4](x0))",
        "reshape[24](x0)",
    );
    check(
        "broadcast-broadcast",
        &x,
        &|b, x| {
            let t = b.broadcast(x[0], &[0, 2, 3], &[2, 5, 3, 4]);
            b.broadcast(t, &[0, 1, 2, 4], &[2, 5, 3, 2, 4])
        },
        "broadcast[2, 5, 3, 2, 4](broadcast[2, 5, 3, 4](x0))",
        "broadcast[2, 5, 3, 2, 4](x0)",
    );
    check(
        "slice-slice",
        &x,
        &|b, x| {
            let t = b.slice(x[0], &[0, 1, 0], &[1, 1, 2], &[2, 2, 2]);
            b.slice(t, &[1, 0, 1], &[1, 1, 1], &[1, 2, 1])
        },
        "slice[1, 0, 1][1, 1, 1][1, 2, 1](slice[0, 1, 0][1, 1, 2][2, 2, 2](x0))",
        "slice[1, 1, 2][1, 1, 2][1, 2, 1](x0)",
    );
    check(
        "reverse-reverse",
        &x,
        &|b, x| {
            let t = b.reverse(x[0], &[0, 1]);
            b.reverse(t, &[1, 2])
        },
        "reverse[1, 2](reverse[0, 1](x0))",
        "reverse[0, 2](x0)",
    );
    check(
        "cast-cast",
        &x,
        &|b, x| {
            let zero = b.fill_like(x[0], 0.0);
            let c = b.compare(Compare::Gt, x[0], zero);
            let i = b.cast(c, DType::I32);
            b.cast(i, DType::F64)
        },
        "cast[f64](cast[i32](gt(x0, 0)))",
        "cast[f64](gt(x0, 0))",
    );
    stays("cast-cast", &x, &|b, x| {
        let i = b.cast(x[0], DType::I32);
        b.cast(i, DType::F32)
    });
}

#[test]
fn choices() {
    let x = some();
    for taken in [true, false] {
        check(
            "select-constant",
            &x,
            &|b, x| {
                let c = b.fill(DType::Bool, f64::from(u8::from(taken)), &[2, 3]);
                b.select(c, x[0], x[1])
            },
            &format!("select({taken}, x0, x1)"),
            if taken { "x0" } else { "x1" },
        );
    }
    check(
        "select-same",
        &x,
        &|b, x| {
            let c = b.compare(Compare::Lt, x[0], x[1]);
            b.select(c, x[0], x[0])
        },
        "select(lt(x0, x1), x0, x0)",
        "x0",
    );
    check("stop-gradient", &x, &|b, x| b.stop_gradient(x[0]), "stop_gradient(x0)", "x0");
}

fn labels(b: &mut Builder, values: &[i32]) -> NodeId {
    let parts: Vec<NodeId> = values
        .iter()
        .map(|v| {
            let c = b.constant(DType::I32, f64::from(*v));
            b.reshape(c, &[1])
        })
        .collect();
    b.concat(&parts, 0)
}

#[test]
fn scatters() {
    let x = [input(&[3], &[0.5, f64::INFINITY, -1.0])];
    let y = "concat(2, 0, 2)";
    check(
        "scatter-compare",
        &x,
        &|b, x| {
            let (i, y) = (b.iota(&[3], 0), labels(b, &[2, 0, 2]));
            b.scatter_add(x[0], &[0, 1], &[i, y], &[3, 4])
        },
        &format!("scatter_add(x0, iota[0](), {y})"),
        &format!("select(eq(iota[1](), broadcast[3, 4]({y})), broadcast[3, 4](x0), 0)"),
    );
    // The counting index second, rows of several axes: v[i, c] at [y[i], c', i] by columns.
    let wide = [Numbers(8).input(&[3, 2], -1.0, 1.0)];
    check(
        "scatter-compare",
        &wide,
        &|b, x| {
            let (i, y) = (b.iota(&[3], 0), labels(b, &[2, 0, 2]));
            b.scatter_add(x[0], &[0, 2], &[y, i], &[4, 2, 3])
        },
        &format!("scatter_add(x0, {y}, iota[0]())"),
        &format!(
            "select(eq(iota[0](), broadcast[4, 2, 3]({y})), broadcast[4, 2, 3](transpose[1, 0](x0)), 0)"
        ),
    );
    check(
        "sum-scatter",
        &wide,
        &|b, x| {
            let (i, y) = (b.iota(&[3], 0), labels(b, &[2, 0, 2]));
            let s = b.scatter_add(x[0], &[0, 1], &[i, y], &[3, 4, 2]);
            b.sum(s, &[1])
        },
        &format!("sum[1](scatter_add(x0, iota[0](), {y}))"),
        "x0",
    );
    stays("scatter-compare", &x, &|b, x| {
        let y = labels(b, &[2, 0, 2]);
        b.scatter_add(x[0], &[0], &[y], &[4])
    });
    stays("scatter-compare", &x, &|b, x| {
        let (i, y) = (b.iota(&[3], 0), labels(b, &[2, 0, 2]));
        b.scatter_add(x[0], &[0, 1], &[i, y], &[5, 4])
    });
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

/// Every row has been tried by one of the tests above (which this one runs again, to be sure of it).
#[test]
fn every_rule_has_a_test() {
    for test in
        [logarithms, exponentials, softmax, cross_entropy, algebra, fold, structure, choices, scatters]
    {
        test();
    }
    let tested = TESTED.lock().unwrap();
    let missing: Vec<&str> = rules::all().map(|r| r.name).filter(|n| !tested.contains(n)).collect();
    assert_eq!(missing, [""; 0]);
    let names: BTreeSet<&str> = rules::all().map(|r| r.name).collect();
    assert_eq!(names.len(), rules::all().count(), "no two rules of one name");
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
