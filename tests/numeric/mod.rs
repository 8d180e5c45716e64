//! Small graphs with numbers: building, running, and central differences.

#![allow(dead_code)]

use dlc::grad::differentiate;
use dlc::ir::{Builder, DType, Graph, LeafKind, NodeId, Report, Tensor, Type, interp};

/// A leaf's shape and values.
#[derive(Clone, Debug)]
pub struct Input {
    pub shape: Vec<usize>,
    pub values: Vec<f64>,
}

pub fn input(shape: &[usize], values: &[f64]) -> Input {
    assert_eq!(shape.iter().product::<usize>(), values.len());
    Input { shape: shape.to_vec(), values: values.to_vec() }
}

/// Numbers that look random and are the same in every run.
pub struct Numbers(pub u64);

impl Numbers {
    pub fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_mul(6364136223846793005).wrapping_add(1442695040888963407);
        self.0 >> 33
    }
    pub fn below(&mut self, n: usize) -> usize {
        (self.next() % n as u64) as usize
    }
    pub fn real(&mut self, low: f64, high: f64) -> f64 {
        low + (high - low) * (self.next() as f64 / (1u64 << 31) as f64)
    }
    pub fn input(&mut self, shape: &[usize], low: f64, high: f64) -> Input {
        let count = shape.iter().product();
        Input { shape: shape.to_vec(), values: (0..count).map(|_| self.real(low, high)).collect() }
    }
}

/// Builds a graph over f64 (or f32) leaves that reports what the function gives.
pub fn graph(
    dtype: DType,
    inputs: &[Input],
    build: impl FnOnce(&mut Builder, &[NodeId]) -> Vec<NodeId>,
) -> Graph {
    let mut b = Builder::new("test");
    let leaves: Vec<NodeId> = inputs
        .iter()
        .enumerate()
        .map(|(i, x)| b.leaf(LeafKind::Arg, i, format!("x{i}"), Type::new(dtype, x.shape.clone())))
        .collect();
    let values = build(&mut b, &leaves);
    for (i, value) in values.into_iter().enumerate() {
        b.graph.reports.push(Report { name: format!("r{i}").into(), value, span: None });
    }
    b.graph
}

/// Panics with the printed graph if it breaks an invariant.
pub fn verified(graph: &Graph) {
    if let Err(violations) = dlc::ir::verify::verify(graph) {
        panic!("{violations:?}\n{}", dlc::ir::print::print(graph));
    }
}

/// Runs a graph and gives the reports.
pub fn run(graph: &Graph, inputs: &[Input]) -> Vec<Vec<f64>> {
    verified(graph);
    let outcome = interp::run(graph, &|leaf| {
        let x = &inputs[leaf.index];
        Tensor::from_f64s(leaf.ty.dtype, x.shape.clone(), &x.values)
    });
    outcome.expect("the graph runs").reports.iter().map(Tensor::as_f64s).collect()
}

/// A cost over leaves, a weighted sum of what `f` gives, so that every element counts differently.
pub fn weighted(b: &mut Builder, y: NodeId, seed: u64) -> NodeId {
    let shape = b.shape(y);
    let dtype = b.dtype(y);
    let mut rows = b.fill(dtype, 0.7, &shape);
    for axis in 0..shape.len() {
        let i = b.iota(&shape, axis);
        let i = b.cast(i, dtype);
        let i = b.with_constant(dlc::ir::Binary::Mul, i, 0.9 + 0.37 * (axis + seed as usize) as f64);
        let wave = b.unary(dlc::ir::Unary::Sin, i);
        rows = b.add(rows, wave);
    }
    let product = b.mul(y, rows);
    let axes: Vec<usize> = (0..shape.len()).collect();
    b.sum(product, &axes)
}

pub type Function<'a> = &'a dyn Fn(&mut Builder, &[NodeId]) -> NodeId;

/// Compares gradients with central differences of the cost.
pub fn check_first(name: &str, inputs: &[Input], f: Function) {
    let cost = |b: &mut Builder, x: &[NodeId]| {
        let y = f(b, x);
        weighted(b, y, 1)
    };
    let plain = graph(DType::F64, inputs, |b, x| vec![cost(b, x)]);
    let asked = graph(DType::F64, inputs, |b, x| {
        let c = cost(b, x);
        x.iter().map(|w| b.grad(c, *w)).collect()
    });
    let derived = differentiate(asked).unwrap_or_else(|e| panic!("{name}: {:?}", e.draw()));
    let gradients = run(&derived, inputs);
    for (k, gradient) in gradients.iter().enumerate() {
        let numeric = differences(&plain, inputs, k);
        close(name, k, gradient, &numeric, 2e-6);
    }
}

/// Compares the gradients along one random direction a leaf with differences: all elements at a
/// fraction of the price.
pub fn check_along(name: &str, inputs: &[Input], f: Function) {
    let cost = |b: &mut Builder, x: &[NodeId]| {
        let y = f(b, x);
        weighted(b, y, 1)
    };
    let plain = graph(DType::F64, inputs, |b, x| vec![cost(b, x)]);
    let asked = graph(DType::F64, inputs, |b, x| {
        let c = cost(b, x);
        x.iter().map(|w| b.grad(c, *w)).collect()
    });
    let derived = differentiate(asked).unwrap_or_else(|e| panic!("{name}: {:?}", e.draw()));
    let mut numbers = Numbers(inputs[0].values[0].to_bits());
    for (k, gradient) in run(&derived, inputs).iter().enumerate() {
        let way = numbers.input(&inputs[k].shape, -1.0, 1.0).values;
        let at = |h: f64| {
            let mut moved = inputs.to_vec();
            moved[k].values.iter_mut().zip(&way).for_each(|(v, d)| *v += h * d);
            run(&plain, &moved)[0][0]
        };
        let h = 1e-5;
        let (far, near) = (at(2.0 * h) - at(-2.0 * h), at(h) - at(-h));
        let along: f64 = gradient.iter().zip(&way).map(|(g, d)| g * d).sum();
        close(name, k, &[along], &[(8.0 * near - far) / (12.0 * h)], 2e-6);
    }
}

/// The derivative of the cost by each element of one leaf.
pub fn differences(graph: &Graph, inputs: &[Input], which: usize) -> Vec<f64> {
    let h = 1e-5;
    (0..inputs[which].values.len())
        .map(|i| {
            let at = |d: f64| {
                let mut moved = inputs.to_vec();
                moved[which].values[i] += d;
                run(graph, &moved)[0][0]
            };
            // Five points, so that the step may be long enough for rounding not to matter.
            let (far, near) = (at(2.0 * h) - at(-2.0 * h), at(h) - at(-h));
            (8.0 * near - far) / (12.0 * h)
        })
        .collect()
}

pub fn close(name: &str, k: usize, found: &[f64], expected: &[f64], bound: f64) {
    assert_eq!(found.len(), expected.len(), "{name}: leaf {k}");
    let size = expected.iter().filter(|v| v.is_finite()).fold(1.0_f64, |m, v| m.max(v.abs()));
    for (i, (a, e)) in found.iter().zip(expected).enumerate() {
        let same = (a - e).abs() <= bound * size || a == e;
        assert!(same, "{name}: leaf {k}, element {i}: {a}, expected {e}\n{found:?}\n{expected:?}");
    }
}

/// A scalar made of all first gradients, each weighted.
fn of_gradients(b: &mut Builder, x: &[NodeId], f: Function) -> NodeId {
    let y = f(b, x);
    let c = weighted(b, y, 1);
    let mut sum = b.constant(DType::F64, 0.0);
    for (k, w) in x.iter().enumerate() {
        let g = b.grad(c, *w);
        let part = weighted(b, g, 2 + k as u64);
        sum = b.add(sum, part);
    }
    sum
}

/// Compares second derivatives with central differences of the first. Leaves that the first
/// derivatives do not depend on must have differences of zero.
pub fn check_second(name: &str, inputs: &[Input], f: Function) {
    let first = differentiate(graph(DType::F64, inputs, |b, x| vec![of_gradients(b, x, f)]))
        .unwrap_or_else(|e| panic!("{name}: {:?}", e.draw()));
    for k in 0..inputs.len() {
        let asked = graph(DType::F64, inputs, |b, x| {
            let s = of_gradients(b, x, f);
            vec![b.grad(s, x[k])]
        });
        let numeric = differences(&first, inputs, k);
        match differentiate(asked) {
            Ok(derived) => close(name, k, &run(&derived, inputs)[0], &numeric, 2e-5),
            Err(_) => close(name, k, &vec![0.0; numeric.len()], &numeric, 1e-7),
        }
    }
}

/// Value of the function and its gradient by each leaf (the function's result summed), by these passes.
pub fn value_and_gradients(dtype: DType, inputs: &[Input], f: Function) -> (Vec<f64>, Vec<Vec<f64>>) {
    let g = graph(dtype, inputs, |b, x| {
        let y = f(b, x);
        let axes: Vec<usize> = (0..b.shape(y).len()).collect();
        let c = b.sum(y, &axes);
        let mut all = vec![y];
        all.extend(x.iter().map(|w| b.grad(c, *w)));
        all
    });
    let mut reports = run(&differentiate(g).expect("a path"), inputs);
    let gradients = reports.split_off(1);
    (reports.remove(0), gradients)
}

/// An expression as text: leaves by name, constants through their views, operations as calls.
pub fn text(graph: &Graph, id: NodeId) -> String {
    use dlc::ir::{Op, Scalar};
    let inputs = || graph.inputs(id).iter().map(|i| text(graph, *i)).collect::<Vec<_>>();
    let constant = dlc::rules::Facts::new(graph, &[]).scalar(id);
    let note = match (graph.op(id), constant) {
        (_, Some(Scalar::Real(v))) => return v.to_string(),
        (_, Some(Scalar::Int(v))) => return v.to_string(),
        (_, Some(Scalar::Bool(v))) => return v.to_string(),
        (Op::Leaf(leaf), None) => return graph.leaves[*leaf].name.to_string(),
        (Op::Transpose { perm }, None) => format!("{perm:?}"),
        (Op::Broadcast { .. } | Op::Reshape, None) => format!("{:?}", graph.ty(id).shape),
        (Op::Slice { start, stride }, None) => format!("{start:?}{stride:?}{:?}", graph.ty(id).shape),
        (Op::Reverse { axes } | Op::Reduce { axes, .. }, None) => format!("{axes:?}"),
        (Op::Iota { axis }, None) => format!("[{axis}]"),
        (Op::Cast(to), None) => format!("[{}]", to.name()),
        _ => String::new(),
    };
    format!("{}{note}({})", dlc::grad::op_name(graph.op(id)), inputs().join(", ")).replace(", ]", "]")
}
