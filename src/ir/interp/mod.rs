//! The reference interpreter: what a graph means, node by node, simple before fast.
//!
//! It computes in the node's own element type and knows no order of sums: results of the compiled
//! code agree with it within a stated bound, not bit for bit. Elementwise functions of f32 are
//! computed in f64 and rounded once. Only matrix products take a fast way (see `contract.rs`),
//! so that a training step of a small network takes milliseconds.
//!
//! The graph must be one that [`super::verify`] accepts and have no [`Op::Grad`].

mod contract;
mod element;
mod index;
mod map;
mod random;
mod reduce;
mod scan;
mod view;
mod window;
mod windowed;

pub use element::{IntegerFault, binary_integer, compare, unary_integer};

use super::graph::{Graph, Leaf, NodeId};
use super::op::{Cells, Op};
use super::tensor::{Buffer, Tensor};
use super::types::Type;
use crate::source::Span;
use std::collections::BTreeMap;

/// What a step gives: the places' new values and what the host is told.
#[derive(Clone, Debug, PartialEq)]
pub struct Outcome {
    /// New values, in the order of [`Graph::updates`].
    pub updates: Vec<Tensor>,
    /// Reported values, in the order of [`Graph::reports`].
    pub reports: Vec<Tensor>,
}

/// A step that could not be finished.
#[derive(Clone, Debug, PartialEq)]
pub struct Fault {
    /// The node that could not be computed.
    pub node: NodeId,
    /// Where it comes from.
    pub span: Option<Span>,
    /// Why.
    pub message: FaultKind,
}

/// Why a node could not be computed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum FaultKind {
    /// A gather or scatter-add points outside its operand.
    IndexOutOfRange {
        /// The operand's axis (the result's, of a scatter-add).
        axis: usize,
        /// Its extent.
        extent: usize,
        /// The index found.
        value: i32,
        /// Where in the index tensor it was found.
        position: Vec<usize>,
    },
    /// An integer was divided by zero.
    DivisionByZero {
        /// Index of the first such element.
        position: Vec<usize>,
    },
    /// An integer was raised to a negative power.
    NegativePower {
        /// Index of the first such element.
        position: Vec<usize>,
        /// The exponent.
        value: i32,
    },
    /// A leaf was given a value of another type.
    LeafType {
        /// The leaf's type.
        expected: Type,
        /// The type of the value.
        found: Type,
    },
    /// A gradient was still to be derived.
    Grad,
}

impl std::fmt::Display for FaultKind {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            FaultKind::IndexOutOfRange { axis, extent: 0, value, position } => {
                write!(f, "index {value} at {position:?} points into axis {axis}, which is empty")
            }
            FaultKind::IndexOutOfRange { axis, extent, value, position } => {
                write!(f, "index {value} at {position:?} is outside 0..{} of axis {axis}", extent - 1)
            }
            FaultKind::DivisionByZero { position } => {
                write!(f, "integer division by zero at {position:?}")
            }
            FaultKind::NegativePower { position, value } => {
                write!(f, "integer raised to the negative power {value} at {position:?}")
            }
            FaultKind::LeafType { expected, found } => {
                write!(f, "a leaf of type {expected} was given a value of type {found}")
            }
            FaultKind::Grad => write!(f, "a gradient that was not derived cannot be computed"),
        }
    }
}

/// Computes the updates and reports of a graph. `leaves` is asked once for each leaf that they need;
/// what they do not need is not computed, and values are freed after their last use.
pub fn run(graph: &Graph, leaves: &dyn Fn(&Leaf) -> Tensor) -> Result<Outcome, Fault> {
    let last_use = last_uses(graph);
    let mut values: Vec<Option<Tensor>> = vec![None; graph.nodes.len()];
    let mut loops = Loops::new();
    for id in graph.ids() {
        if last_use[id.index()].is_none() {
            continue;
        }
        let inputs: Vec<Tensor> = graph.inputs(id).iter().map(|i| value(&values, *i)).collect();
        values[id.index()] = Some(evaluate(graph, id, &inputs, leaves, &mut loops)?);
        drop(inputs);
        for input in graph.inputs(id) {
            if last_use[input.index()] == Some(id.index()) {
                values[input.index()] = None;
                loops.remove(input);
            }
        }
    }
    Ok(Outcome {
        updates: graph.updates.iter().map(|u| value(&values, u.value)).collect(),
        reports: graph.reports.iter().map(|r| value(&values, r.value)).collect(),
    })
}

/// Computes every node: what an explanation of a non-finite value looks at. Indexed by node.
pub fn run_all(graph: &Graph, leaves: &dyn Fn(&Leaf) -> Tensor) -> Result<Vec<Tensor>, Fault> {
    let mut values: Vec<Tensor> = Vec::with_capacity(graph.nodes.len());
    let mut loops = Loops::new();
    for id in graph.ids() {
        let inputs: Vec<Tensor> = graph.inputs(id).iter().map(|i| values[i.index()].clone()).collect();
        values.push(evaluate(graph, id, &inputs, leaves, &mut loops)?);
    }
    Ok(values)
}

/// For each node, the index of its last user; the number of nodes for what the outside sees; none
/// for what nobody needs.
fn last_uses(graph: &Graph) -> Vec<Option<usize>> {
    let mut last = vec![None; graph.nodes.len()];
    for root in graph.roots() {
        last[root.index()] = Some(graph.nodes.len());
    }
    for id in graph.ids().rev() {
        if last[id.index()].is_some() {
            for input in graph.inputs(id) {
                last[input.index()].get_or_insert(id.index());
            }
        }
    }
    last
}

fn value(values: &[Option<Tensor>], id: NodeId) -> Tensor {
    values[id.index()].clone().expect("operands stand before their users and are kept until the last")
}

fn evaluate(
    graph: &Graph,
    id: NodeId,
    inputs: &[Tensor],
    leaves: &dyn Fn(&Leaf) -> Tensor,
    loops: &mut Loops,
) -> Result<Tensor, Fault> {
    let node = graph.node(id);
    let fault = |message| Fault { node: id, span: node.span, message };
    if let Op::Leaf(at) = node.op {
        let given = leaves(&graph.leaves[at]);
        if given.ty != node.ty {
            return Err(fault(FaultKind::LeafType { expected: node.ty.clone(), found: given.ty }));
        }
        return Ok(given);
    }
    match &node.op {
        Op::Scan(of) => {
            let results = scan::scan(of, inputs).map_err(|inner| Fault { node: id, ..inner })?;
            loops.insert(id, results);
            Ok(Tensor::zeros(&node.ty))
        }
        Op::Result(at) => Ok(loops[&graph.inputs(id)[0]][*at].clone()),
        op => apply(op, &node.ty, inputs).map_err(fault),
    }
}

/// The results of the scans so far.
type Loops = BTreeMap<NodeId, Vec<Tensor>>;

/// The value of one operation: the constant folder's way in. `ty` is the result's type.
///
/// Panics on a leaf, a scan or a result of one, and where the verifier would have refused the node.
pub fn apply(op: &Op, ty: &Type, inputs: &[Tensor]) -> Result<Tensor, FaultKind> {
    let same = |data: Buffer| Ok(Tensor::new(ty.shape.clone(), data));
    match op {
        Op::Leaf(_) => unreachable!("a leaf has no operation"),
        Op::Const(scalar) => Ok(Tensor::filled(ty, *scalar)),
        Op::Iota { axis } => same(view::iota(&ty.shape, *axis)),
        Op::Unary(f) => same(map::unary(*f, &inputs[0].data)),
        Op::Binary(f) => same(map::binary(*f, &inputs[0], &inputs[1])?),
        Op::Compare(f) => same(map::compare(*f, &inputs[0].data, &inputs[1].data)),
        Op::Select => same(map::select(&inputs[0].data, &inputs[1].data, &inputs[2].data)),
        Op::Cast(dtype) => same(map::cast(*dtype, &inputs[0].data)),
        Op::Transpose { perm } => same(view::transpose(&inputs[0], perm)),
        Op::Broadcast { axes } => same(view::broadcast(&inputs[0], axes, &ty.shape)),
        Op::Reshape | Op::StopGradient => Ok(Tensor { ty: ty.clone(), data: inputs[0].data.clone() }),
        Op::Slice { start, stride } => same(view::slice(&inputs[0], start, stride, &ty.shape)),
        Op::Pad { low, high: _, interior, value } => {
            same(view::pad(&inputs[0], low, interior, *value, &ty.shape))
        }
        Op::Concat { axis } => same(view::concat(inputs, *axis, &ty.shape)),
        Op::Reverse { axes } => same(view::reverse(&inputs[0], axes)),
        Op::Reduce { op, axes } => same(reduce::reduce(*op, &inputs[0], axes)),
        Op::ArgReduce { op, axis } => same(reduce::arg_reduce(*op, &inputs[0], *axis)),
        Op::Contract(spec) => {
            let sum = contract::contract(spec, &inputs[0], &inputs[1]);
            same(match inputs.get(2) {
                Some(start) => contract::onto(&start.data, &sum),
                None => sum,
            })
        }
        Op::WindowReduce { op, windows } => same(window::reduce(*op, windows, &inputs[0], &ty.shape)),
        Op::WindowSpread { cells: Cells::Largest(ties), windows } => {
            same(window::spread(*ties, windows, &inputs[0], &inputs[1]))
        }
        Op::WindowSpread { cells: Cells::Every, windows } => {
            same(window::fill(windows, &inputs[0], &ty.shape))
        }
        Op::WindowPick { ties, windows } => {
            same(window::pick(*ties, windows, &inputs[0], &inputs[1], &ty.shape))
        }
        Op::Gather { axes } => same(index::gather(&inputs[0], axes, &inputs[1..])?),
        Op::ScatterAdd { axes } => same(index::scatter_add(&inputs[0], axes, &inputs[1..], &ty.shape)?),
        Op::Scan(_) | Op::Result(_) => unreachable!("a scan is no single operation"),
        Op::RandomBits { key } => same(random::bits(*key, &inputs[0], &inputs[1], ty.elements())),
        Op::Grad => Err(FaultKind::Grad),
    }
}

pub use contract::contract_by_loops;
