//! Whole steps and setups: leaves, names, updates, gradients, and a step like the MLP's.

use crate::bodies::{Bodies, close, some, span};
use dlc::ir::{DType, Graph, LeafKind, NodeId, Op, Tensor, Type, interp};
use dlc::lower::{lower, tensor_type};
use dlc::program::{
    Dist, Draw, Elem, IndexItem, MapOp, Place, PlaceKind, Precision, Program, Raw, RawSource, Reader,
    ReduceOp, Resident, Setup, StreamSource, TensorType, Value, ValueId, ValueOp,
};

#[test]
fn precision_settles_what_real_is() {
    let ty = TensorType::new(Elem::Real, vec![2]);
    assert_eq!(tensor_type(&ty, Precision::F32), Type::new(DType::F32, [2]));
    assert_eq!(tensor_type(&ty, Precision::F64), Type::new(DType::F64, [2]));
    assert_eq!(tensor_type(&TensorType::scalar(Elem::Int), Precision::F64), Type::scalar(DType::I32));
    assert_eq!(tensor_type(&TensorType::scalar(Elem::Bool), Precision::F32), Type::scalar(DType::Bool));
}

#[test]
fn a_constant_is_rounded_once_to_the_precision() {
    let mut b = Bodies::default();
    let tenth = b.real(0.1);
    b.report("tenth", tenth);
    for (precision, wanted) in [(Precision::F32, f64::from(0.1f32)), (Precision::F64, 0.1)] {
        let module = b.module(precision);
        let outcome = interp::run(&module.steps[0], &|leaf| b.leaf(leaf)).unwrap();
        assert_eq!(outcome.reports[0].item_f64(), wanted);
    }
}

#[test]
fn a_leaf_read_twice_is_one_node() {
    let mut b = Bodies::default();
    let w = b.param("W", &[2], &[3.0, 4.0]);
    let first = b.op(ValueOp::Place(w), &[], Elem::Real, &[2]);
    let second = b.op(ValueOp::Place(w), &[], Elem::Real, &[2]);
    let product = b.map(MapOp::Mul, &[first, second], Elem::Real, &[2]);
    b.report("product", product);
    let graph = &b.module(Precision::F64).steps[0];
    assert_eq!((graph.leaves.len(), graph.nodes.len()), (1, 2));
    assert_eq!((graph.leaves[0].kind, &*graph.leaves[0].name), (LeafKind::Place, "W"));
}

#[test]
fn a_place_only_written_has_a_leaf_and_no_node() {
    let mut b = Bodies::default();
    let w = b.param("W", &[], &[3.0]);
    let one = b.real(1.0);
    b.body.updates.push((w, one, span(7)));
    let graph = &b.module(Precision::F64).steps[0];
    assert_eq!((graph.leaves.len(), graph.nodes.len()), (1, 1));
    assert_eq!((graph.updates[0].leaf, graph.updates[0].span), (0, Some(span(7))));
}

#[test]
fn updates_read_what_was_before() {
    let mut b = Bodies::default();
    let (v, w) = (b.param("v", &[], &[3.0]), b.param("w", &[], &[4.0]));
    let read_v = b.op(ValueOp::Place(v), &[], Elem::Real, &[]);
    let read_w = b.op(ValueOp::Place(w), &[], Elem::Real, &[]);
    b.body.updates = vec![(v, read_w, span(0)), (w, read_v, span(1))];
    let module = b.module(Precision::F64);
    let outcome = interp::run(&module.steps[0], &|leaf| b.leaf(leaf)).unwrap();
    let new: Vec<f64> = outcome.updates.iter().map(Tensor::item_f64).collect();
    assert_eq!(new, [4.0, 3.0]);
}

#[test]
fn names_and_spans_come_from_the_values() {
    let mut b = Bodies::default();
    let x = b.arg(Elem::Real, &[2], &[1.0, 2.0]);
    let mean =
        b.op(ValueOp::Reduce { op: ReduceOp::Mean, axes: vec![0], keep: false }, &[x], Elem::Real, &[]);
    b.name(mean, "learn/mean");
    b.report("m", mean);
    let graph = &b.module(Precision::F32).steps[0];
    let node = graph.node(graph.reports[0].value);
    assert_eq!((node.name.as_deref(), node.span), (Some("learn/mean"), Some(span(mean))));
    let sum = graph.node(node.inputs[0]);
    assert_eq!(
        (&sum.name, sum.span),
        (&None, Some(span(mean))),
        "a part of a value has its place, not its name"
    );
}

/// The gradient nodes of a graph: what by what.
fn grads(graph: &Graph) -> Vec<(NodeId, NodeId)> {
    let of = |id: &NodeId| *graph.op(*id) == Op::Grad;
    graph.ids().filter(of).map(|id| (graph.inputs(id)[0], graph.inputs(id)[1])).collect()
}

#[test]
fn a_gradient_is_by_the_named_value_and_not_by_what_it_equals() {
    // z = reshape(x, [2]) is x itself; the gradient of sum(z * x) by z is x all the same.
    let mut b = Bodies::default();
    let x = b.arg(Elem::Real, &[2], &[1.0, 2.0]);
    let z = b.op(ValueOp::Reshape, &[x], Elem::Real, &[2]);
    let product = b.map(MapOp::Mul, &[z, x], Elem::Real, &[2]);
    let sum = ValueOp::Reduce { op: ReduceOp::Sum, axes: vec![0], keep: false };
    let cost = b.op(sum, &[product], Elem::Real, &[]);
    let g = b.op(ValueOp::Grad, &[cost, z], Elem::Real, &[2]);
    b.report("g", g);
    let graph = &b.module(Precision::F32).steps[0];
    let (_, by) = grads(graph)[0];
    assert!(!matches!(graph.op(by), Op::Leaf(_)));
    let product = graph.ids().find(|id| matches!(graph.op(*id), Op::Binary(_))).unwrap();
    assert_eq!(graph.inputs(product)[0], by);
    assert!(matches!(graph.op(graph.inputs(product)[1]), Op::Leaf(_)));
}

#[test]
fn a_stopped_gradient_stays_in_the_graph() {
    let mut b = Bodies::default();
    let x = b.arg(Elem::Real, &[2], &[1.0, 2.0]);
    let z = b.op(ValueOp::StopGradient, &[x], Elem::Real, &[2]);
    b.report("z", z);
    let graph = b.module(Precision::F32).steps.remove(0);
    assert_eq!(*graph.op(graph.reports[0].value), Op::StopGradient);
}

const N: usize = 3;
const INPUTS: usize = 4;
const HIDDEN: usize = 5;
const CLASSES: usize = 2;

/// A step of the MLP: forward, cost with a penalty, gradients, updates.
fn mlp(b: &mut Bodies) -> ValueId {
    let x = b.arg(Elem::Real, &[N, INPUTS], &some(N * INPUTS));
    let y = b.arg(Elem::Int, &[N], &[1.0, 0.0, 1.0]);
    let rate = b.arg(Elem::Real, &[], &[0.1]);
    let shapes: [(&str, &[usize]); 4] = [
        ("below.W", &[INPUTS, HIDDEN]),
        ("below.b", &[HIDDEN]),
        ("top.W", &[HIDDEN, CLASSES]),
        ("top.b", &[CLASSES]),
    ];
    let mut params = Vec::new();
    for (i, (name, shape)) in shapes.into_iter().enumerate() {
        let held: Vec<f64> = some(shape.iter().product::<usize>() + i).split_off(i);
        let place = b.param(name, shape, &held);
        params.push((place, b.op(ValueOp::Place(place), &[], Elem::Real, shape), shape));
    }
    let [w1, b1, w2, b2] = [0, 1, 2, 3].map(|i| params[i].1);
    let product = b.op(ValueOp::MatMul, &[x, w1], Elem::Real, &[N, HIDDEN]);
    let sum = b.map(MapOp::Add, &[product, b1], Elem::Real, &[N, HIDDEN]);
    let h = b.map(MapOp::Tanh, &[sum], Elem::Real, &[N, HIDDEN]);
    b.name(h, "h");
    let product = b.op(ValueOp::MatMul, &[h, w2], Elem::Real, &[N, CLASSES]);
    let z = b.map(MapOp::Add, &[product, b2], Elem::Real, &[N, CLASSES]);
    let p = b.op(ValueOp::Softmax { axis: 1 }, &[z], Elem::Real, &[N, CLASSES]);
    b.name(p, "p");
    let logs = b.map(MapOp::Log, &[p], Elem::Real, &[N, CLASSES]);
    let i = b.op(ValueOp::Indices, &[], Elem::Int, &[N]);
    let items = vec![IndexItem::Tensor, IndexItem::Tensor];
    let chosen = b.op(ValueOp::Index(items), &[logs, i, y], Elem::Real, &[N]);
    let mean =
        b.op(ValueOp::Reduce { op: ReduceOp::Mean, axes: vec![0], keep: false }, &[chosen], Elem::Real, &[]);
    let nll = b.map(MapOp::Neg, &[mean], Elem::Real, &[]);
    let two = b.int(2);
    let mut cost = nll;
    let weight = b.real(0.01);
    for (w, shape) in [(w1, [INPUTS, HIDDEN]), (w2, [HIDDEN, CLASSES])] {
        let squares = b.map(MapOp::Pow, &[w, two], Elem::Real, &shape);
        let all = ValueOp::Reduce { op: ReduceOp::Sum, axes: vec![0, 1], keep: false };
        let sum = b.op(all, &[squares], Elem::Real, &[]);
        let penalty = b.map(MapOp::Mul, &[weight, sum], Elem::Real, &[]);
        cost = b.map(MapOp::Add, &[cost, penalty], Elem::Real, &[]);
    }
    b.name(cost, "cost");
    for (place, w, shape) in params {
        let g = b.op(ValueOp::Grad, &[cost, w], Elem::Real, shape);
        let change = b.map(MapOp::Mul, &[rate, g], Elem::Real, shape);
        let new = b.map(MapOp::Sub, &[w, change], Elem::Real, shape);
        b.body.updates.push((place, new, span(3000 + place)));
    }
    b.report("cost", cost);
    let classes = b.op(
        ValueOp::ArgExtreme { op: dlc::program::ArgExtreme::Max, axis: 1, keep: false },
        &[p],
        Elem::Int,
        &[N],
    );
    let wrong = b.map(MapOp::Ne, &[classes, y], Elem::Bool, &[N]);
    let error =
        b.op(ValueOp::Reduce { op: ReduceOp::Mean, axes: vec![0], keep: false }, &[wrong], Elem::Real, &[]);
    b.report("error", error);
    cost
}

/// The MLP's cost and error by loops.
fn mlp_by_loops(b: &Bodies) -> (f64, f64) {
    let (x, y) = (&b.given[0], &b.given[1]);
    let [w1, b1, w2, b2] = [0, 1, 2, 3].map(|i| &b.held[i]);
    let (mut nll, mut wrong) = (0.0, 0.0);
    for n in 0..N {
        let unit = |j: usize| {
            let sum: f64 = (0..INPUTS).map(|i| x[n * INPUTS + i] * w1[i * HIDDEN + j]).sum();
            (sum + b1[j]).tanh()
        };
        let hidden: Vec<f64> = (0..HIDDEN).map(unit).collect();
        let score = |k: usize| (0..HIDDEN).map(|j| hidden[j] * w2[j * CLASSES + k]).sum::<f64>() + b2[k];
        let z: Vec<f64> = (0..CLASSES).map(score).collect();
        let total: f64 = z.iter().map(|v| v.exp()).sum();
        let label = y[n] as usize;
        nll -= (z[label].exp() / total).ln() / N as f64;
        let likeliest = if z[1] > z[0] { 1 } else { 0 };
        wrong += if likeliest == label { 0.0 } else { 1.0 / N as f64 };
    }
    let penalty: f64 = w1.iter().chain(w2).map(|w| w * w).sum();
    (nll + 0.01 * penalty, wrong)
}

#[test]
fn the_step_of_an_mlp_costs_what_the_formula_says() {
    let mut b = Bodies::default();
    mlp(&mut b);
    let mut graph = b.module(Precision::F64).steps.remove(0);
    // Gradients are not derived yet; the reports do not need them.
    graph.updates.clear();
    let outcome = interp::run(&graph, &|leaf| b.leaf(leaf)).unwrap();
    let (cost, error) = mlp_by_loops(&b);
    close(&[outcome.reports[0].item_f64(), outcome.reports[1].item_f64()], &[cost, error]);
}

#[test]
fn the_step_of_an_mlp_changes_each_param_by_its_gradient() {
    let mut b = Bodies::default();
    mlp(&mut b);
    let graph = &b.module(Precision::F32).steps[0];
    assert_eq!(graph.updates.len(), 4);
    let cost = graph.reports[0].value;
    let found: Vec<(NodeId, &str)> = grads(graph)
        .iter()
        .map(|(of, by)| (*of, graph.node(*by).name.as_deref().unwrap_or_default()))
        .collect();
    assert_eq!(found, [(cost, "below.W"), (cost, "below.b"), (cost, "top.W"), (cost, "top.b")]);
    for (update, (_, by)) in graph.updates.iter().zip(&found) {
        assert_eq!(&*graph.leaves[update.leaf].name, *by);
    }
    let named: Vec<&str> = graph.nodes.iter().filter_map(|n| n.name.as_deref()).collect();
    assert_eq!(named, ["x0", "x1", "x2", "below.W", "below.b", "top.W", "top.b", "h", "p", "cost"]);
}

/// A setup: a file of bytes scaled to [0, 1], drawn weights, a copy of them, zeros.
fn program() -> Program {
    let value = |op, args: &[ValueId], elem, shape: &[usize]| Value {
        op,
        args: args.to_vec(),
        ty: TensorType::new(elem, shape.to_vec()),
        name: None,
        span: span(args.len()),
    };
    let mut setup = Setup::default();
    setup.raws.push(Raw {
        source: RawSource::Read { reader: Reader::Idx, path: "a.gz".into(), span: span(0) },
        ty: TensorType::new(Elem::Int, vec![2, 2]),
        name: "data.x".into(),
        span: span(0),
    });
    setup.draws.push(Draw {
        stream: StreamSource::Philox { seed: 7 },
        dist: Dist::Uniform(-1.0, 1.0),
        ty: TensorType::new(Elem::Real, vec![2]),
        path: "below.W".into(),
        span: span(0),
    });
    setup.body.values = vec![
        value(ValueOp::Raw(0), &[], Elem::Int, &[2, 2]),
        value(ValueOp::Number(255.0), &[], Elem::Real, &[]),
        value(ValueOp::Map(MapOp::Div), &[0, 1], Elem::Real, &[2, 2]),
        value(ValueOp::Drawn(0), &[], Elem::Real, &[2]),
        value(ValueOp::Number(4.0), &[], Elem::Real, &[]),
        value(ValueOp::Map(MapOp::Mul), &[4, 3], Elem::Real, &[2]),
    ];
    setup.residents = vec![Resident { name: "data.x".into(), value: 2 }];
    let place = |name: &str, kind, init| Place {
        name: name.into(),
        kind,
        ty: TensorType::new(Elem::Real, vec![2]),
        init,
        span: span(9),
    };
    let places = vec![place("below.W", PlaceKind::Param, 5), place("average", PlaceKind::State, 5)];
    Program { name: "setup".into(), places, setup, ..Program::default() }
}

#[test]
fn a_setup_reports_residents_then_initial_values() {
    let module = lower(&program(), Precision::F32);
    let names: Vec<&str> = module.setup.reports.iter().map(|r| &*r.name).collect();
    assert_eq!(names, ["data.x", "below.W", "average"]);
    let leaves: Vec<(LeafKind, &str)> = module.setup.leaves.iter().map(|l| (l.kind, &*l.name)).collect();
    assert_eq!(leaves, [(LeafKind::Raw, "data.x"), (LeafKind::Drawn, "below.W")]);
    assert_eq!(module.residents[0].ty, Type::new(DType::F32, [2, 2]));
    assert_eq!(module.places[1].kind, PlaceKind::State);
    assert_eq!(module.places[0].ty, Type::new(DType::F32, [2]));

    let outcome = interp::run(&module.setup, &|leaf| match leaf.kind {
        LeafKind::Raw => Tensor::from_i32([2, 2], vec![0, 51, 102, 255]),
        LeafKind::Drawn => Tensor::from_f32([2], vec![0.5, -0.25]),
        _ => panic!("not in a setup"),
    });
    let reports = outcome.unwrap().reports;
    assert_eq!(reports[0].elements::<f32>(), [0.0, 51.0 / 255.0, 102.0 / 255.0, 1.0]);
    assert_eq!(reports[1].elements::<f32>(), [2.0, -1.0]);
    assert_eq!(reports[2], reports[1]);
}
