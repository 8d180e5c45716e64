//! The value of a node at a position, computed from what lies in memory.

use super::scope::{Parts, Scope, Step, view};
use super::writer::Writer;
use crate::ir::op::{Binary, Compare};
use crate::ir::types::Scalar;
use crate::ir::{DType, LeafKind, NodeId, Op as Node};
use crate::kernel::{Index, Op, Stmt, Val};

/// A kernel that is being written: its graph, the step's memory, the statements so far, and which parts of
/// values are at hand.
pub struct Kernel<'a, 'b> {
    /// The graph with its plan.
    pub scope: &'b Scope<'a>,
    /// The step's buffers.
    pub step: &'b mut Step,
    /// The statements.
    pub out: Writer,
    /// Where the owner's block and the tile begin.
    pub parts: Parts,
}

impl Kernel<'_, '_> {
    /// The value of a node at a position: read if it is kept, else computed.
    pub fn read(&mut self, id: NodeId, at: &[Index]) -> Val {
        let key = (self.scope.depth(), id.0, at.to_vec());
        if let Some(value) = self.out.known(&key) {
            return value;
        }
        let value = match self.scope.fused.stored[id.index()] {
            true => self.load(id, at),
            false => self.compute(id, at),
        };
        self.out.remember(key, value);
        value
    }

    fn load(&mut self, id: NodeId, at: &[Index]) -> Val {
        let (buffer, index) = self.scope.address(self.step, id, &self.parts, at);
        let node = self.scope.graph.node(id);
        self.out.value(node.ty.dtype, Op::Load(buffer, index), node.span)
    }

    /// The value of a node at a position, from its operands.
    pub fn compute(&mut self, id: NodeId, at: &[Index]) -> Val {
        let graph = self.scope.graph;
        let node = graph.node(id);
        let inputs = &node.inputs;
        let (dtype, span) = (node.ty.dtype, node.span);
        match &node.op {
            Node::Leaf(leaf) => match (graph.leaves[*leaf].kind, self.scope.outer) {
                (LeafKind::Turn, Some((_, _, counter))) => {
                    let index = super::scope::counter_index(counter);
                    self.out.value(DType::I32, Op::Index(index), span)
                }
                _ => self.load_leaf(id, at),
            },
            Node::Const(scalar) => self.out.value(dtype, Op::Const(*scalar), span),
            Node::Iota { axis } => self.out.value(dtype, Op::Index(at[*axis].clone()), span),
            Node::Unary(f) => {
                let a = self.read(inputs[0], at);
                self.out.value(dtype, Op::Unary(*f, a), span)
            }
            Node::Binary(f) => {
                let (a, b) = (self.read(inputs[0], at), self.read(inputs[1], at));
                if crate::fuse::may_fail(graph, id) {
                    self.check_whole(*f, b, span);
                }
                self.out.value(dtype, Op::Binary(*f, a, b), span)
            }
            Node::Compare(f) => {
                let (a, b) = (self.read(inputs[0], at), self.read(inputs[1], at));
                self.out.value(dtype, Op::Compare(*f, a, b), span)
            }
            Node::Select => {
                let [c, a, b] = [0, 1, 2].map(|i| self.read(inputs[i], at));
                self.out.value(dtype, Op::Select(c, a, b), span)
            }
            Node::Cast(_) => {
                let a = self.read(inputs[0], at);
                self.out.value(dtype, Op::Cast(a), span)
            }
            Node::StopGradient => self.read(inputs[0], at),
            Node::Reshape => {
                let plain =
                    crate::fuse::access::same_but_for_ones(&graph.ty(inputs[0]).shape, &node.ty.shape);
                match plain {
                    Some(_) => {
                        let at = view(graph, id, at);
                        self.read(inputs[0], &at)
                    }
                    None => self.load_leaf(id, at),
                }
            }
            Node::Transpose { .. } | Node::Broadcast { .. } | Node::Slice { .. } | Node::Reverse { .. } => {
                let at = view(graph, id, at);
                self.read(inputs[0], &at)
            }
            Node::Gather { axes } => {
                let (over, rest) = at.split_at(graph.ty(inputs[1]).rank());
                let mut rest = rest.iter().cloned();
                let shape = &graph.ty(inputs[0]).shape;
                let mut from = Vec::new();
                for (axis, extent) in shape.iter().enumerate() {
                    from.push(match axes.iter().position(|a| *a == axis) {
                        None => rest.next().expect("the other axes follow"),
                        Some(nth) => self.looked_up(inputs[1 + nth], over, *extent),
                    });
                }
                self.read(inputs[0], &from)
            }
            Node::Pad { .. }
            | Node::Concat { .. }
            | Node::Reduce { .. }
            | Node::ArgReduce { .. }
            | Node::Contract(_)
            | Node::WindowReduce { .. }
            | Node::WindowSpread { .. }
            | Node::WindowPick { .. }
            | Node::ScatterAdd { .. }
            | Node::RandomBits { .. }
            | Node::Scan(_)
            | Node::Result(_)
            | Node::Grad => unreachable!("{:?} is kept in memory", node.op),
        }
    }

    /// A value that is in memory though it is no kept node: a leaf, or a reshape of something kept.
    fn load_leaf(&mut self, id: NodeId, at: &[Index]) -> Val {
        let node = self.scope.graph.node(id);
        let (buffer, index) = match &node.op {
            Node::Leaf(leaf) => self.scope.leaf(self.step, &self.scope.graph.leaves[*leaf], at),
            _ => self.scope.address_of_view(self.step, id, &self.parts, at),
        };
        self.out.value(node.ty.dtype, Op::Load(buffer, index), node.span)
    }

    /// The index that an index tensor holds at a position, checked and brought into range.
    pub fn looked_up(&mut self, index: NodeId, at: &[Index], extent: usize) -> Index {
        let graph = self.scope.graph;
        if crate::fuse::access::counted(graph, index).is_some_and(|count| count <= extent) {
            let (mut index, mut at) = (index, at.to_vec());
            while let Node::Broadcast { .. } = graph.op(index) {
                at = view(graph, index, &at);
                index = graph.inputs(index)[0];
            }
            let Node::Iota { axis } = graph.op(index) else { unreachable!("only an iota counts") };
            return at[*axis].clone();
        }
        let span = graph.node(index).span;
        let value = self.read(index, at);
        self.out.push(Stmt::Check { value, extent, span });
        let last = self.out.value(DType::I32, Op::Const(Scalar::Int(extent.max(1) as i32 - 1)), None);
        let zero = self.out.value(DType::I32, Op::Const(Scalar::Int(0)), None);
        let below = self.out.value(DType::I32, Op::Binary(Binary::Min, value, last), span);
        let within = self.out.value(DType::I32, Op::Binary(Binary::Max, below, zero), span);
        Index { offset: 0, terms: Vec::new(), dynamic: vec![(within, 1)] }
    }

    /// Raises the fault where an operation on whole numbers has no result.
    fn check_whole(&mut self, f: Binary, b: Val, span: Option<crate::source::Span>) {
        let zero = self.out.value(DType::I32, Op::Const(Scalar::Int(0)), None);
        let bad = match f {
            Binary::Pow => self.out.value(DType::Bool, Op::Compare(Compare::Lt, b, zero), span),
            _ => self.out.value(DType::Bool, Op::Compare(Compare::Eq, b, zero), span),
        };
        let value = self.out.value(DType::I32, Op::Cast(bad), span);
        self.out.push(Stmt::Check { value, extent: 1, span });
    }

    /// A constant of a type.
    pub fn constant(&mut self, dtype: DType, value: f64) -> Val {
        let scalar = match dtype {
            DType::F32 | DType::F64 => Scalar::Real(value),
            DType::I32 => Scalar::Int(value as i32),
            DType::Bool => Scalar::Bool(value != 0.0),
        };
        self.out.value(dtype, Op::Const(scalar), None)
    }
}
