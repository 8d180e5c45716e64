//! Bodies written by hand, and what is common to all tests of lowering.

use dlc::ir::{DType, Graph, Leaf, LeafKind, Module, Tensor, interp, print, verify};
use dlc::lower::lower;
use dlc::program::{
    Body, Elem, MapOp, Place, PlaceId, PlaceKind, Precision, Program, Step, StepArg, TensorType, Value,
    ValueId, ValueOp,
};
use dlc::source::{FileId, Span};

/// A place in no text, one for each number.
pub fn span(at: usize) -> Span {
    Span::new(FileId(0), at, at + 1)
}

/// A program of one step under construction. Each value's span starts at its own number.
#[derive(Default)]
pub struct Bodies {
    pub program: Program,
    pub args: Vec<StepArg>,
    pub body: Body,
    /// What the arguments are when the step runs.
    pub given: Vec<Vec<f64>>,
    /// What the places hold then.
    pub held: Vec<Vec<f64>>,
}

impl Bodies {
    pub fn op(&mut self, op: ValueOp, args: &[ValueId], elem: Elem, shape: &[usize]) -> ValueId {
        let at = self.body.values.len();
        let ty = TensorType::new(elem, shape.to_vec());
        self.body.values.push(Value { op, args: args.to_vec(), ty, name: None, span: span(at) });
        at
    }

    pub fn map(&mut self, op: MapOp, args: &[ValueId], elem: Elem, shape: &[usize]) -> ValueId {
        self.op(ValueOp::Map(op), args, elem, shape)
    }

    /// An argument of the step with a value.
    pub fn arg(&mut self, elem: Elem, shape: &[usize], given: &[f64]) -> ValueId {
        let at = self.args.len();
        let ty = TensorType::new(elem, shape.to_vec());
        self.args.push(StepArg { name: format!("x{at}").into(), ty });
        self.given.push(given.to_vec());
        self.op(ValueOp::Arg(at), &[], elem, shape)
    }

    /// A param with a value; its initial value is 0.
    pub fn param(&mut self, name: &str, shape: &[usize], held: &[f64]) -> PlaceId {
        let setup = &mut self.program.setup.body.values;
        let value = |op, args, ty| Value { op, args, ty, name: None, span: span(0) };
        setup.push(value(ValueOp::Number(0.0), vec![], TensorType::scalar(Elem::Real)));
        let ty = TensorType::new(Elem::Real, shape.to_vec());
        setup.push(value(ValueOp::Broadcast, vec![setup.len() - 1], ty.clone()));
        let init = setup.len() - 1;
        self.program.places.push(Place {
            name: name.into(),
            kind: PlaceKind::Param,
            ty,
            init,
            span: span(1000),
        });
        self.held.push(held.to_vec());
        self.program.places.len() - 1
    }

    pub fn real(&mut self, number: f64) -> ValueId {
        self.op(ValueOp::Number(number), &[], Elem::Real, &[])
    }

    pub fn int(&mut self, number: i32) -> ValueId {
        self.op(ValueOp::Number(f64::from(number)), &[], Elem::Int, &[])
    }

    pub fn name(&mut self, value: ValueId, name: &str) -> ValueId {
        self.body.values[value].name = Some(name.into());
        value
    }

    pub fn report(&mut self, name: &str, value: ValueId) {
        self.body.reports.push((name.into(), value, span(2000)));
    }

    /// The module, which the verifier has accepted.
    pub fn module(&mut self, precision: Precision) -> Module {
        self.program.steps = vec![Step {
            name: "step".into(),
            form: String::new(),
            args: self.args.clone(),
            body: self.body.clone(),
            declared: true,
            family: 0,
            span: span(0),
        }];
        let module = lower(&self.program, precision);
        for graph in module.steps.iter().chain([&module.setup]) {
            check(graph);
        }
        module
    }

    /// What the leaf of a step holds.
    pub fn leaf(&self, leaf: &Leaf) -> Tensor {
        let from = match leaf.kind {
            LeafKind::Arg => &self.given,
            LeafKind::Place => &self.held,
            _ => panic!("no such leaf here"),
        };
        Tensor::from_f64s(leaf.ty.dtype, leaf.ty.shape.clone(), &from[leaf.index])
    }

    /// Runs the step in f64 and gives one value.
    pub fn value(mut self, value: ValueId) -> Tensor {
        self.report("value", value);
        let module = self.module(Precision::F64);
        let outcome = interp::run(&module.steps[0], &|leaf| self.leaf(leaf));
        outcome.unwrap_or_else(|fault| panic!("{}", fault.message)).reports.remove(0)
    }

    /// The same as plain numbers.
    pub fn numbers(self, value: ValueId) -> Vec<f64> {
        self.value(value).as_f64s()
    }
}

/// What holds for every lowered graph: it is valid, and every node has a span and the rule `lower`.
pub fn check(graph: &Graph) {
    if let Err(violations) = verify::verify(graph) {
        let all: Vec<String> = violations.iter().map(ToString::to_string).collect();
        panic!("{}\n{}", all.join("\n"), print::print(graph));
    }
    for id in graph.ids() {
        let node = graph.node(id);
        assert!(node.span.is_some(), "node {id:?} of {} has no span", graph.name);
        assert_eq!(node.rules, ["lower"]);
    }
    for (i, leaf) in graph.leaves.iter().enumerate() {
        let same = |other: &&Leaf| other.kind == leaf.kind && other.index == leaf.index;
        assert_eq!(graph.leaves.iter().filter(same).count(), 1, "leaf {i} twice");
    }
}

/// Equal up to rounding; infinities and NaN as they are.
#[track_caller]
pub fn close(found: &[f64], wanted: &[f64]) {
    let near =
        |a: f64, b: f64| a == b || (a.is_nan() && b.is_nan()) || (a - b).abs() <= 1e-12 * (1.0 + b.abs());
    let equal = found.len() == wanted.len() && found.iter().zip(wanted).all(|(a, b)| near(*a, *b));
    assert!(equal, "found {found:?}, wanted {wanted:?}");
}

/// Row-major place of an index; axes that the shape lacks are dropped, extents of 1 stretch.
pub fn at(shape: &[usize], index: &[usize]) -> usize {
    let missing = index.len() - shape.len();
    shape.iter().zip(&index[missing..]).fold(0, |sum, (e, i)| sum * e + if *e == 1 { 0 } else { *i })
}

/// All indices of a shape in row-major order.
pub fn indices(shape: &[usize]) -> Vec<Vec<usize>> {
    let all = vec![Vec::new()];
    shape.iter().fold(all, |heads, extent| {
        heads.iter().flat_map(|h| (0..*extent).map(move |i| [h.as_slice(), &[i]].concat())).collect()
    })
}

/// Numbers that are not in order and of both signs.
pub fn some(count: usize) -> Vec<f64> {
    (0..count).map(|i| ((i * 7 + 3) % 11) as f64 / 4.0 - 1.125).collect()
}

/// What the interpreter calls a boolean.
pub fn is_bool(tensor: &Tensor) -> bool {
    tensor.ty.dtype == DType::Bool
}
