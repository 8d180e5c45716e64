//! Each rule by its name: what it makes of an expression, that the value stays within a bound where
//! both forms are safe, and what it gives where the plain form fails. And what no rule may do.

mod common;
#[path = "rules/limits.rs"]
mod limits;
#[path = "rules/loops.rs"]
mod loops;
mod numeric;
#[path = "rules/simpler.rs"]
mod simpler;
#[path = "rules/softmaxes.rs"]
mod softmaxes;
#[path = "rules/stability.rs"]
mod stability;
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

const M: &str = "select(lt(abs(stop_gradient(reduce max[1](x0))), inf), stop_gradient(reduce max[1](x0)), 0)";

const FINAL_M: &str = "select(lt(abs(reduce max[1](x0)), inf), reduce max[1](x0), 0)";

/// Every row has been tried by one of the tests of the modules (which this one runs again, to be sure of it).
#[test]
fn every_rule_has_a_test() {
    use {loops::*, simpler::*, softmaxes::*, stability::*};
    for test in [
        logarithms,
        exponentials,
        logarithms_of_loops,
        softmax,
        cross_entropy,
        algebra,
        fold,
        structure,
        choices,
        scatters,
    ] {
        test();
    }
    let tested = TESTED.lock().unwrap();
    let missing: Vec<&str> = rules::all().map(|r| r.name).filter(|n| !tested.contains(n)).collect();
    assert_eq!(missing, [""; 0]);
    let names: BTreeSet<&str> = rules::all().map(|r| r.name).collect();
    assert_eq!(names.len(), rules::all().count(), "no two rules of one name");
}
