//! From the language's operations to the few of the tensor IR.
//!
//! [`lower`] cannot fail: the checker has settled every shape and element type, so a disagreement
//! here is a bug of the compiler and an assertion says which value showed it. What the language
//! leaves to the reader is written out: conversions are casts, broadcasting is a broadcast, and
//! composite functions (softmax, mean, `x[i, y[i]]`) are the primitives they stand for. Every node
//! bears the user's name of the value that it computes, the value's span and the rule `lower`.
//!
//! One file a subject: `draws`, `elementwise`, `indexing`, `pictures`, `products`, `reductions`,
//! `replacing`, `scan`; here are the frame of a graph, leaves, and what is common.

mod draws;
mod elementwise;
mod indexing;
mod pictures;
mod products;
mod reductions;
mod replacing;
mod scan;

use crate::ir::{
    Builder, Compare, DType, Graph, Leaf, LeafKind, Module, NodeId, Op, PlaceDecl, Report, ResidentDecl,
    Scalar, Type, Update,
};
use crate::program::{
    Body, Elem, PlaceId, Precision, Program, Step, StepArg, TensorType, Value, ValueId, ValueOp,
};
use crate::source::Span;
use std::sync::Arc;

/// Lowers a program: its setup and every step.
pub fn lower(program: &Program, precision: Precision) -> Module {
    let setup = &program.setup;
    let places = program.places.iter().map(|place| PlaceDecl {
        name: Arc::clone(&place.name),
        kind: place.kind,
        ty: tensor_type(&place.ty, precision),
    });
    let residents = setup.residents.iter().map(|resident| ResidentDecl {
        name: Arc::clone(&resident.name),
        ty: tensor_type(&setup.body.values[resident.value].ty, precision),
    });
    Module {
        precision,
        places: places.collect(),
        residents: residents.collect(),
        setup: lower_setup(program, precision),
        steps: program.steps.iter().map(|s| lower_step(program, s, precision)).collect(),
        families: program.steps.iter().map(|s| s.family).collect(),
    }
}

/// The IR's type for a type of the language.
pub fn tensor_type(ty: &TensorType, precision: Precision) -> Type {
    let dtype = match (ty.elem, precision) {
        (Elem::Real, Precision::F32) => DType::F32,
        (Elem::Real, Precision::F64) => DType::F64,
        (Elem::Int, Precision::F32 | Precision::F64) => DType::I32,
        (Elem::Bool, Precision::F32 | Precision::F64) => DType::Bool,
    };
    Type::new(dtype, ty.shape.clone())
}

fn lower_setup(program: &Program, precision: Precision) -> Graph {
    let setup = &program.setup;
    assert!(setup.body.updates.is_empty() && setup.body.reports.is_empty(), "the setup only has values");
    let mut lower = Lower::new("setup", program, &[], precision);
    lower.values(&setup.body);
    for resident in &setup.residents {
        lower.report(&resident.name, resident.value, setup.body.values[resident.value].span);
    }
    for place in &program.places {
        let value = lower.values[place.init];
        let declared = tensor_type(&place.ty, precision);
        assert_eq!(*lower.b.ty(value), declared, "initial value of {}", place.name);
        lower.report(&place.name, place.init, place.span);
    }
    lower.b.graph
}

fn lower_step(program: &Program, step: &Step, precision: Precision) -> Graph {
    let mut lower = Lower::new(&step.name, program, &step.args, precision);
    lower.values(&step.body);
    for (place, value, span) in &step.body.updates {
        let (leaf, value) = (lower.place_leaf(*place), lower.values[*value]);
        let graph = &mut lower.b.graph;
        assert_eq!(graph.leaves[leaf].ty, *graph.ty(value), "new value of {}", graph.leaves[leaf].name);
        graph.updates.push(Update { leaf, value, span: Some(*span) });
    }
    for (name, value, span) in &step.body.reports {
        lower.report(name, *value, *span);
    }
    lower.b.graph
}

/// A body on its way into a graph.
struct Lower<'a> {
    b: Builder,
    program: &'a Program,
    args: &'a [StepArg],
    precision: Precision,
    /// The node of each value so far.
    values: Vec<NodeId>,
    /// The number that each value so far is, if it is one, as the program has it.
    numbers: Vec<Option<f64>>,
    /// In the body of a scan: what it needs from outside.
    inside: Option<scan::Inside>,
}

impl<'a> Lower<'a> {
    fn new(name: &str, program: &'a Program, args: &'a [StepArg], precision: Precision) -> Lower<'a> {
        Lower {
            b: Builder::new(name),
            program,
            args,
            precision,
            values: Vec::new(),
            numbers: Vec::new(),
            inside: None,
        }
    }

    /// What `real` is here.
    fn real(&self) -> DType {
        match self.precision {
            Precision::F32 => DType::F32,
            Precision::F64 => DType::F64,
        }
    }

    /// Lowers every value of a body, in order.
    fn values(&mut self, body: &Body) {
        let mut differentiated = vec![false; body.values.len()];
        for value in body.values.iter().filter(|v| v.op == ValueOp::Grad) {
            differentiated[value.args[1]] = true;
        }
        self.b.rules = vec!["lower"];
        for (at, value) in body.values.iter().enumerate() {
            self.b.span = Some(value.span);
            let first = self.b.graph.nodes.len();
            let mut node = self.value(value);
            let ty = tensor_type(&value.ty, self.precision);
            assert_eq!(*self.b.ty(node), ty, "value {at}, {:?}, is not lowered to its type", value.op);
            if differentiated[at] && node.index() < first && !is_leaf(&value.op) {
                // A gradient is by this value, not by the one it equals (`z = real(x)` of a real
                // x), so it needs a node of its own.
                node = self.b.push(Op::Reshape, vec![node], ty);
            }
            if let Some(name) = &value.name {
                self.b.name(node, Arc::clone(name));
            }
            self.values.push(node);
            self.numbers.push(match value.op {
                ValueOp::Number(number) => Some(number),
                _ => None,
            });
        }
        self.b.span = None;
    }

    fn value(&mut self, value: &Value) -> NodeId {
        let args: Vec<NodeId> = value.args.iter().map(|a| self.values[*a]).collect();
        let ty = tensor_type(&value.ty, self.precision);
        match &value.op {
            ValueOp::Arg(at) => {
                let arg = &self.args[*at];
                self.b.leaf(LeafKind::Arg, *at, Arc::clone(&arg.name), tensor_type(&arg.ty, self.precision))
            }
            ValueOp::Place(place) => {
                let declared = &self.program.places[*place];
                let ty = tensor_type(&declared.ty, self.precision);
                self.b.leaf(LeafKind::Place, *place, Arc::clone(&declared.name), ty)
            }
            ValueOp::Resident(at) => {
                let setup = &self.program.setup;
                let resident = &setup.residents[*at];
                let ty = tensor_type(&setup.body.values[resident.value].ty, self.precision);
                self.b.leaf(LeafKind::Resident, *at, Arc::clone(&resident.name), ty)
            }
            ValueOp::Raw(at) => {
                let raw = &self.program.setup.raws[*at];
                self.b.leaf(LeafKind::Raw, *at, Arc::clone(&raw.name), tensor_type(&raw.ty, self.precision))
            }
            ValueOp::Drawn(at) => {
                let draw = &self.program.setup.draws[*at];
                let ty = tensor_type(&draw.ty, self.precision);
                self.b.leaf(LeafKind::Drawn, *at, draw.path.as_str(), ty)
            }
            ValueOp::Number(number) => self.b.constant(ty.dtype, *number),
            ValueOp::Bool(truth) => self.b.constant(DType::Bool, f64::from(u8::from(*truth))),
            ValueOp::Indices => self.b.iota(&ty.shape, 0),
            ValueOp::Map(op) => self.map(*op, &args, &ty),
            ValueOp::Convert => self.convert(args[0], ty.dtype),
            ValueOp::MatMul => self.matmul(args[0], args[1], &ty),
            ValueOp::Conv { flipped, mode, stride } => {
                self.convolution(*flipped, *mode, *stride, [args[0], args[1]], &ty)
            }
            ValueOp::Pool { op, window, ignore_border: _ } => self.pool(*op, *window, args[0], &ty),
            ValueOp::Transpose => self.swap_last_axes(args[0]),
            ValueOp::Rearrange { perm } => {
                let moved = self.b.transpose(args[0], perm);
                self.b.reshape(moved, &ty.shape)
            }
            ValueOp::Reshape => self.b.reshape(args[0], &ty.shape),
            ValueOp::Broadcast => self.operand(args[0], ty.dtype, &ty.shape),
            ValueOp::Index(items) => self.index(items, &args),
            ValueOp::Replace(items) => self.replace(items, &args),
            ValueOp::Concat { axis } => {
                let parts: Vec<NodeId> = args.iter().map(|a| self.convert(*a, ty.dtype)).collect();
                self.b.concat(&parts, *axis)
            }
            ValueOp::Stack { axis } => self.stack(&args, *axis, ty.dtype),
            ValueOp::Pad { before, after, value } => self.pad(args[0], before, after, *value, ty.dtype),
            ValueOp::Reduce { op, axes, keep } => self.reduce(*op, args[0], axes, *keep, &ty),
            ValueOp::ArgExtreme { op, axis, keep } => self.arg_extreme(*op, args[0], *axis, *keep),
            ValueOp::Softmax { axis } => self.softmax(args[0], *axis),
            ValueOp::LogSoftmax { axis } => self.log_softmax(args[0], *axis),
            ValueOp::OneHot => self.one_hot(args[0], &ty),
            ValueOp::Draw(draw) => self.draw(draw, value, &args, &ty),
            ValueOp::Scan(of) => self.scan(of, value, &args),
            ValueOp::Part(at) => self.b.result(args[0], *at),
            ValueOp::Carried(at) => self.inside_leaf(LeafKind::Carried, *at, value, ty),
            ValueOp::Scanned(at) => self.inside_leaf(LeafKind::Scanned, *at, value, ty),
            ValueOp::Captured(at) => self.inside_leaf(LeafKind::Captured, *at, value, ty),
            ValueOp::StopGradient => self.b.stop_gradient(args[0]),
            ValueOp::Grad => self.b.grad(args[0], args[1]),
        }
    }

    /// A value in another element type; a constant becomes another constant.
    fn convert(&mut self, a: NodeId, dtype: DType) -> NodeId {
        if let (Op::Const(Scalar::Int(v)), true) = (self.b.graph.op(a), dtype.is_real()) {
            let v = f64::from(*v);
            return self.b.constant(dtype, v);
        }
        if dtype == DType::Bool && self.b.dtype(a) != DType::Bool {
            let zero = self.b.fill_like(a, 0.0);
            return self.b.compare(Compare::Ne, a, zero);
        }
        self.b.cast(a, dtype)
    }

    /// A value as an operand of a type: converted, then broadcast from the right.
    fn operand(&mut self, a: NodeId, dtype: DType, shape: &[usize]) -> NodeId {
        let a = self.convert(a, dtype);
        self.b.broadcast_right(a, shape)
    }

    /// The leaf of a place, without a node if nothing reads it.
    fn place_leaf(&mut self, place: PlaceId) -> usize {
        let leaves = &mut self.b.graph.leaves;
        let found = leaves.iter().position(|l| l.kind == LeafKind::Place && l.index == place);
        found.unwrap_or_else(|| {
            let declared = &self.program.places[place];
            let (name, ty) = (Arc::clone(&declared.name), tensor_type(&declared.ty, self.precision));
            leaves.push(Leaf { kind: LeafKind::Place, index: place, name, ty });
            leaves.len() - 1
        })
    }

    fn report(&mut self, name: &Arc<str>, value: ValueId, span: Span) {
        let value = self.values[value];
        self.b.graph.reports.push(Report { name: Arc::clone(name), value, span: Some(span) });
    }
}

/// Whether a value comes from outside, and so is the same wherever it is named.
fn is_leaf(op: &ValueOp) -> bool {
    matches!(
        op,
        ValueOp::Arg(_)
            | ValueOp::Place(_)
            | ValueOp::Resident(_)
            | ValueOp::Raw(_)
            | ValueOp::Drawn(_)
            | ValueOp::Carried(_)
            | ValueOp::Scanned(_)
            | ValueOp::Captured(_)
    )
}
