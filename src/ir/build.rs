//! The builder: appends nodes to a graph, gives each its type, name, span and rule chain.
//!
//! Operands of a wrong type are a bug of the caller, never the user's mistake (the checker has
//! found those), so the builder asserts. Operations that would do nothing (a transpose by the
//! identity, a reshape to the same shape, a sum over no axes) return their operand.

use super::graph::{Graph, Leaf, LeafKind, Node, NodeId};
use super::op::{
    Affine, ArgReduce, Binary, Cells, Compare, Contract, Op, Reduce, Scan, Ties, Unary, Window, Windows,
};
use super::types::{DType, Scalar, Type};
use crate::source::Span;
use std::sync::Arc;

/// Appends nodes to a graph. `span` and `rules` are given to every node made while they are set.
pub struct Builder {
    /// The graph so far.
    pub graph: Graph,
    /// Where in the source the next nodes come from.
    pub span: Option<Span>,
    /// The rule chain of the next nodes.
    pub rules: Vec<&'static str>,
}

impl Builder {
    /// Starts an empty graph.
    pub fn new(name: impl Into<String>) -> Builder {
        Builder::resume(Graph { name: name.into(), ..Graph::default() })
    }

    /// Goes on with a graph.
    pub fn resume(graph: Graph) -> Builder {
        Builder { graph, span: None, rules: Vec::new() }
    }

    /// The type of a node.
    pub fn ty(&self, id: NodeId) -> &Type {
        self.graph.ty(id)
    }

    /// The shape of a node.
    pub fn shape(&self, id: NodeId) -> Vec<usize> {
        self.graph.ty(id).shape.clone()
    }

    /// The element type of a node.
    pub fn dtype(&self, id: NodeId) -> DType {
        self.graph.ty(id).dtype
    }

    /// Names a node, unless it has a name.
    pub fn name(&mut self, id: NodeId, name: impl Into<Arc<str>>) {
        let node = &mut self.graph.nodes[id.index()];
        if node.name.is_none() {
            node.name = Some(name.into());
        }
    }

    /// Appends a node as it is. The typed methods below are the ordinary way.
    pub fn push(&mut self, op: Op, inputs: Vec<NodeId>, ty: Type) -> NodeId {
        let id = NodeId(self.graph.nodes.len() as u32);
        self.graph.nodes.push(Node {
            op,
            inputs,
            ty,
            name: None,
            span: self.span,
            rules: self.rules.clone(),
        });
        id
    }

    /// The node of a leaf, one for each kind and index.
    pub fn leaf(&mut self, kind: LeafKind, index: usize, name: impl Into<Arc<str>>, ty: Type) -> NodeId {
        if let Some(at) = self.graph.leaves.iter().position(|l| l.kind == kind && l.index == index) {
            let found = self.graph.ids().find(|id| *self.graph.op(*id) == Op::Leaf(at));
            return found.unwrap_or_else(|| {
                let ty = self.graph.leaves[at].ty.clone();
                self.push(Op::Leaf(at), Vec::new(), ty)
            });
        }
        let name = name.into();
        self.graph.leaves.push(Leaf { kind, index, name: Arc::clone(&name), ty: ty.clone() });
        let id = self.push(Op::Leaf(self.graph.leaves.len() - 1), Vec::new(), ty);
        self.graph.nodes[id.index()].name = Some(name);
        id
    }

    /// A scalar constant of a type; a real one is rounded to it, an integer one converted.
    pub fn constant(&mut self, dtype: DType, value: f64) -> NodeId {
        let scalar = match dtype {
            DType::F32 => Scalar::Real(value as f32 as f64),
            DType::F64 => Scalar::Real(value),
            DType::I32 => Scalar::Int(value as i32),
            DType::Bool => Scalar::Bool(value != 0.0),
        };
        self.push(Op::Const(scalar), Vec::new(), Type::scalar(dtype))
    }

    /// A constant filling a shape: a scalar and a broadcast.
    pub fn fill(&mut self, dtype: DType, value: f64, shape: &[usize]) -> NodeId {
        let c = self.constant(dtype, value);
        self.broadcast(c, &[], shape)
    }

    /// A constant of the shape and type of a node.
    pub fn fill_like(&mut self, like: NodeId, value: f64) -> NodeId {
        let ty = self.ty(like).clone();
        self.fill(ty.dtype, value, &ty.shape)
    }

    /// 0, 1, 2, … along an axis of a shape.
    pub fn iota(&mut self, shape: &[usize], axis: usize) -> NodeId {
        assert!(axis < shape.len());
        self.push(Op::Iota { axis }, Vec::new(), Type::new(DType::I32, shape))
    }

    /// An elementwise function.
    pub fn unary(&mut self, op: Unary, a: NodeId) -> NodeId {
        let ty = self.ty(a).clone();
        self.push(Op::Unary(op), vec![a], ty)
    }

    /// An elementwise function of two operands of equal type.
    pub fn binary(&mut self, op: Binary, a: NodeId, b: NodeId) -> NodeId {
        assert_eq!(self.ty(a), self.ty(b), "{op:?}");
        let ty = self.ty(a).clone();
        self.push(Op::Binary(op), vec![a, b], ty)
    }

    /// a + b.
    pub fn add(&mut self, a: NodeId, b: NodeId) -> NodeId {
        self.binary(Binary::Add, a, b)
    }

    /// a - b.
    pub fn sub(&mut self, a: NodeId, b: NodeId) -> NodeId {
        self.binary(Binary::Sub, a, b)
    }

    /// a * b.
    pub fn mul(&mut self, a: NodeId, b: NodeId) -> NodeId {
        self.binary(Binary::Mul, a, b)
    }

    /// a / b.
    pub fn div(&mut self, a: NodeId, b: NodeId) -> NodeId {
        self.binary(Binary::Div, a, b)
    }

    /// -a.
    pub fn neg(&mut self, a: NodeId) -> NodeId {
        self.unary(Unary::Neg, a)
    }

    /// A node and a constant of its type and shape under a function: `a op value`.
    pub fn with_constant(&mut self, op: Binary, a: NodeId, value: f64) -> NodeId {
        let c = self.fill_like(a, value);
        self.binary(op, a, c)
    }

    /// A comparison.
    pub fn compare(&mut self, op: Compare, a: NodeId, b: NodeId) -> NodeId {
        assert_eq!(self.ty(a), self.ty(b), "{op:?}");
        let ty = Type::new(DType::Bool, self.shape(a));
        self.push(Op::Compare(op), vec![a, b], ty)
    }

    /// `condition ? a : b`.
    pub fn select(&mut self, condition: NodeId, a: NodeId, b: NodeId) -> NodeId {
        assert_eq!(self.ty(a), self.ty(b));
        assert_eq!(*self.ty(condition), Type::new(DType::Bool, self.shape(a)));
        let ty = self.ty(a).clone();
        self.push(Op::Select, vec![condition, a, b], ty)
    }

    /// Conversion to another element type.
    pub fn cast(&mut self, a: NodeId, dtype: DType) -> NodeId {
        if self.dtype(a) == dtype {
            return a;
        }
        let ty = Type::new(dtype, self.shape(a));
        self.push(Op::Cast(dtype), vec![a], ty)
    }

    /// Axis i of the result is axis `perm[i]` of a.
    pub fn transpose(&mut self, a: NodeId, perm: &[usize]) -> NodeId {
        if perm.iter().enumerate().all(|(i, p)| i == *p) {
            return a;
        }
        let ty = self.ty(a);
        assert_eq!(perm.len(), ty.rank());
        let ty = Type::new(ty.dtype, perm.iter().map(|p| ty.shape[*p]).collect::<Vec<_>>());
        self.push(Op::Transpose { perm: perm.to_vec() }, vec![a], ty)
    }

    /// Axis i of a becomes axis `axes[i]` of `shape`; the others are new, extents of 1 stretch.
    pub fn broadcast(&mut self, a: NodeId, axes: &[usize], shape: &[usize]) -> NodeId {
        let from = self.ty(a).clone();
        assert_eq!(axes.len(), from.rank());
        assert!(axes.windows(2).all(|w| w[0] < w[1]));
        assert!(axes.iter().zip(&from.shape).all(|(x, e)| *e == 1 || *e == shape[*x]), "{from} to {shape:?}");
        if from.shape == shape {
            return a;
        }
        self.push(Op::Broadcast { axes: axes.to_vec() }, vec![a], Type::new(from.dtype, shape))
    }

    /// NumPy's broadcasting to a shape: axes align from the right.
    pub fn broadcast_right(&mut self, a: NodeId, shape: &[usize]) -> NodeId {
        let rank = self.ty(a).rank();
        let axes: Vec<usize> = (shape.len() - rank..shape.len()).collect();
        self.broadcast(a, &axes, shape)
    }

    /// The same elements under another shape.
    pub fn reshape(&mut self, a: NodeId, shape: &[usize]) -> NodeId {
        let ty = self.ty(a);
        assert_eq!(ty.elements(), shape.iter().product::<usize>());
        if ty.shape == shape {
            return a;
        }
        let ty = Type::new(ty.dtype, shape);
        self.push(Op::Reshape, vec![a], ty)
    }

    /// Elements `start + stride * i`, `extent` of them, along each axis.
    pub fn slice(&mut self, a: NodeId, start: &[usize], stride: &[usize], extent: &[usize]) -> NodeId {
        let ty = self.ty(a).clone();
        if ty.shape == extent && stride.iter().all(|s| *s == 1) {
            return a;
        }
        for d in 0..ty.rank() {
            assert!(extent[d] == 0 || start[d] + stride[d] * (extent[d] - 1) < ty.shape[d]);
        }
        let op = Op::Slice { start: start.to_vec(), stride: stride.to_vec() };
        self.push(op, vec![a], Type::new(ty.dtype, extent))
    }

    /// `start..end` of one axis.
    pub fn slice_axis(&mut self, a: NodeId, axis: usize, start: usize, end: usize) -> NodeId {
        let mut extent = self.shape(a);
        let mut first = vec![0; extent.len()];
        first[axis] = start;
        extent[axis] = end - start;
        let stride = vec![1; extent.len()];
        self.slice(a, &first, &stride, &extent)
    }

    /// The operand among copies of a value.
    pub fn pad(
        &mut self,
        a: NodeId,
        low: &[usize],
        high: &[usize],
        interior: &[usize],
        value: Scalar,
    ) -> NodeId {
        if low.iter().chain(high).chain(interior).all(|v| *v == 0) {
            return a;
        }
        let ty = self.ty(a).clone();
        let extent = |d: usize| low[d] + high[d] + ty.shape[d] + interior[d] * ty.shape[d].saturating_sub(1);
        let shape: Vec<usize> = (0..ty.rank()).map(extent).collect();
        let op = Op::Pad { low: low.to_vec(), high: high.to_vec(), interior: interior.to_vec(), value };
        self.push(op, vec![a], Type::new(ty.dtype, shape))
    }

    /// Operands one after another along an axis.
    pub fn concat(&mut self, parts: &[NodeId], axis: usize) -> NodeId {
        if let [only] = parts {
            return *only;
        }
        let mut ty = self.ty(parts[0]).clone();
        ty.shape[axis] = parts.iter().map(|p| self.ty(*p).shape[axis]).sum();
        self.push(Op::Concat { axis }, parts.to_vec(), ty)
    }

    /// The same elements backwards along some axes.
    pub fn reverse(&mut self, a: NodeId, axes: &[usize]) -> NodeId {
        if axes.is_empty() {
            return a;
        }
        let ty = self.ty(a).clone();
        self.push(Op::Reverse { axes: axes.to_vec() }, vec![a], ty)
    }

    /// Reduction over axes, ascending.
    pub fn reduce(&mut self, op: Reduce, a: NodeId, axes: &[usize]) -> NodeId {
        if axes.is_empty() {
            return a;
        }
        assert!(axes.windows(2).all(|w| w[0] < w[1]));
        let ty = self.ty(a);
        let kept = (0..ty.rank()).filter(|d| !axes.contains(d)).map(|d| ty.shape[d]).collect::<Vec<_>>();
        let ty = Type::new(ty.dtype, kept);
        self.push(Op::Reduce { op, axes: axes.to_vec() }, vec![a], ty)
    }

    /// Sum over axes.
    pub fn sum(&mut self, a: NodeId, axes: &[usize]) -> NodeId {
        self.reduce(Reduce::Sum, a, axes)
    }

    /// A reduced tensor stretched back over the axes it was reduced along.
    pub fn unreduce(&mut self, a: NodeId, axes: &[usize], shape: &[usize]) -> NodeId {
        let kept: Vec<usize> = (0..shape.len()).filter(|d| !axes.contains(d)).collect();
        self.broadcast(a, &kept, shape)
    }

    /// Index of the extreme element along an axis.
    pub fn arg_reduce(&mut self, op: ArgReduce, a: NodeId, axis: usize) -> NodeId {
        let mut shape = self.shape(a);
        shape.remove(axis);
        self.push(Op::ArgReduce { op, axis }, vec![a], Type::new(DType::I32, shape))
    }

    /// A sum of products in index notation.
    pub fn contract(&mut self, spec: Contract, a: NodeId, b: NodeId) -> NodeId {
        assert_eq!(self.dtype(a), self.dtype(b));
        assert_eq!(self.ty(a).rank(), spec.operands[0].len());
        assert_eq!(self.ty(b).rank(), spec.operands[1].len());
        let shape: Vec<usize> = spec.output.iter().map(|v| spec.extents[*v]).collect();
        let ty = Type::new(self.dtype(a), shape);
        self.push(Op::Contract(spec), vec![a, b], ty)
    }

    /// A sum of products that is added to a value.
    pub fn contract_onto(&mut self, spec: Contract, a: NodeId, b: NodeId, start: NodeId) -> NodeId {
        let sum = self.contract(spec, a, b);
        assert_eq!(self.ty(sum), self.ty(start));
        self.graph.nodes[sum.index()].inputs.push(start);
        sum
    }

    /// A number of each window over the last axes: `count` windows along each of these.
    pub fn window_reduce(&mut self, op: Window, windows: Windows, a: NodeId, count: &[usize]) -> NodeId {
        let mut shape = self.shape(a);
        let lead = shape.len() - count.len();
        shape.truncate(lead);
        shape.extend_from_slice(count);
        let ty = Type::new(self.dtype(a), shape);
        self.push(Op::WindowReduce { op, windows }, vec![a], ty)
    }

    /// The number of each window, added to the cells of the window that are the largest of `a`.
    pub fn window_spread(&mut self, ties: Ties, windows: Windows, a: NodeId, numbers: NodeId) -> NodeId {
        assert_eq!(self.dtype(a), self.dtype(numbers));
        let ty = self.ty(a).clone();
        let cells = Cells::Largest(ties);
        self.push(Op::WindowSpread { cells, windows }, vec![a, numbers], ty)
    }

    /// The number of each window, added to every cell of the window, of a tensor of `shape`.
    pub fn window_fill(&mut self, windows: Windows, numbers: NodeId, shape: &[usize]) -> NodeId {
        let ty = Type::new(self.dtype(numbers), shape);
        self.push(Op::WindowSpread { cells: Cells::Every, windows }, vec![numbers], ty)
    }

    /// For each window, of which there are as many as `like` has elements, the sum of `values` over
    /// the cells that are the largest of `a`.
    pub fn window_pick(
        &mut self,
        ties: Ties,
        windows: Windows,
        a: NodeId,
        values: NodeId,
        like: &[usize],
    ) -> NodeId {
        assert_eq!(self.ty(a), self.ty(values));
        let ty = Type::new(self.dtype(a), like);
        self.push(Op::WindowPick { ties, windows }, vec![a, values], ty)
    }

    /// Matrix product: contracts the last axis of a with the last but one (or only) of b; leading
    /// axes, equal in both, are batch axes.
    pub fn matmul(&mut self, a: NodeId, b: NodeId) -> NodeId {
        let (left, right) = (self.shape(a), self.shape(b));
        let batch = right.len().saturating_sub(2).min(left.len().saturating_sub(1));
        let mut extents = left.clone();
        let k = left.len() - 1;
        let mut output: Vec<usize> = (0..k).collect();
        let first: Vec<Affine> = (0..left.len()).map(Affine::var).collect();
        let mut second: Vec<Affine> = (0..batch).map(Affine::var).collect();
        second.push(Affine::var(k));
        if right.len() > 1 {
            extents.push(right[right.len() - 1]);
            output.push(k + 1);
            second.push(Affine::var(k + 1));
        }
        self.contract(Contract { extents, output, operands: [first, second] }, a, b)
    }

    /// Elements of a chosen by integer tensors of one shape, one for each of `axes`.
    pub fn gather(&mut self, a: NodeId, axes: &[usize], indices: &[NodeId]) -> NodeId {
        assert_eq!(axes.len(), indices.len());
        let ty = self.ty(a).clone();
        let mut shape = self.shape(indices[0]);
        shape.extend((0..ty.rank()).filter(|d| !axes.contains(d)).map(|d| ty.shape[d]));
        let mut inputs = vec![a];
        inputs.extend_from_slice(indices);
        self.push(Op::Gather { axes: axes.to_vec() }, inputs, Type::new(ty.dtype, shape))
    }

    /// Zeros of `shape` with `values` added where the indices point: the adjoint of `gather`.
    pub fn scatter_add(
        &mut self,
        values: NodeId,
        axes: &[usize],
        indices: &[NodeId],
        shape: &[usize],
    ) -> NodeId {
        let mut inputs = vec![values];
        inputs.extend_from_slice(indices);
        let ty = Type::new(self.dtype(values), shape);
        self.push(Op::ScatterAdd { axes: axes.to_vec() }, inputs, ty)
    }

    /// A loop; gives its results.
    pub fn scan(&mut self, scan: Scan, inputs: Vec<NodeId>) -> Vec<NodeId> {
        let results = scan.results().len();
        let node = self.push(Op::Scan(Box::new(scan)), inputs, Type::scalar(DType::Bool));
        (0..results).map(|i| self.result(node, i)).collect()
    }

    /// A result of a loop.
    pub fn result(&mut self, scan: NodeId, position: usize) -> NodeId {
        let Op::Scan(of) = self.graph.op(scan) else { panic!("results are of a scan") };
        let ty = of.results().swap_remove(position);
        self.push(Op::Result(position), vec![scan], ty)
    }

    /// The operand, through which no gradient passes.
    pub fn stop_gradient(&mut self, a: NodeId) -> NodeId {
        let ty = self.ty(a).clone();
        self.push(Op::StopGradient, vec![a], ty)
    }

    /// The gradient of a scalar.
    pub fn grad(&mut self, cost: NodeId, wrt: NodeId) -> NodeId {
        assert_eq!(self.ty(cost).rank(), 0);
        let ty = self.ty(wrt).clone();
        self.push(Op::Grad, vec![cost, wrt], ty)
    }
}
