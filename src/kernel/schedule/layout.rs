//! Values laid out anew: joined, padded, scattered, drawn.

use super::pieces::Range;
use super::scope::{fixed_index, flat, scaled, sum};
use super::value::Kernel;
use crate::fuse::What;
use crate::ir::op::Binary;
use crate::ir::{NodeId, Op as Node};
use crate::kernel::{Index, Op, Stmt};
use crate::plan::strides;

impl Kernel<'_, '_> {
    /// Operands one after another along an axis.
    pub(super) fn concat(&mut self, id: NodeId, ranges: &[Range]) {
        let graph = self.scope.graph;
        let node = graph.node(id);
        let Node::Concat { axis } = node.op else { unreachable!("only joined values come here") };
        let mut start = 0;
        for input in &node.inputs {
            let mut part = ranges.to_vec();
            let length = graph.ty(*input).shape[axis];
            part[axis] = Range::whole(length);
            self.nest(&part, true, &mut |kernel, at| {
                let value = kernel.read(*input, at);
                let mut to = at.to_vec();
                to[axis] = sum(&to[axis], &fixed_index(start));
                let to = kernel.target(&What::Value(id), &to);
                kernel.store(to, value, node.span);
            });
            start += length;
        }
    }

    /// A value among copies of a constant: first the constant everywhere, then the value.
    pub(super) fn pad(&mut self, id: NodeId, ranges: &[Range]) {
        let graph = self.scope.graph;
        let node = graph.node(id);
        let Node::Pad { low, high, interior, value } = &node.op else { unreachable!("only padded values") };
        let what = What::Value(id);
        self.nest_of(id, ranges, true, &mut |kernel, at| {
            let value = kernel.out.value(node.ty.dtype, Op::Const(*value), node.span);
            let to = kernel.target(&what, at);
            kernel.store(to, value, node.span);
        });
        let operand = &graph.ty(node.inputs[0]).shape;
        let inner: Vec<Range> = (0..operand.len())
            .map(|a| match low[a] + high[a] + interior[a] {
                0 => ranges[a].clone(),
                _ => Range::whole(operand[a]),
            })
            .collect();
        self.nest_of(id, &inner, true, &mut |kernel, at| {
            let value = kernel.read(node.inputs[0], at);
            let to: Vec<Index> = (0..at.len())
                .map(|a| sum(&scaled(&at[a], interior[a] as i64 + 1), &fixed_index(low[a])))
                .collect();
            let to = kernel.target(&what, &to);
            kernel.store(to, value, node.span);
        });
    }

    /// Zeros, to which values are added where indices point, in row-major order of the indices.
    pub(super) fn scatter_add(&mut self, id: NodeId, ranges: &[Range], rank: usize) {
        let graph = self.scope.graph;
        let node = graph.node(id);
        let Node::ScatterAdd { axes } = &node.op else { unreachable!("only scattered values come here") };
        let what = What::Value(id);
        let dtype = node.ty.dtype;
        self.nest(&ranges[..rank], true, &mut |kernel, at| {
            let zero = kernel.constant(dtype, 0.0);
            let to = kernel.target(&what, at);
            kernel.store(to, zero, node.span);
        });
        let over = ranges.len() - rank;
        let rest: Vec<usize> = (0..rank).filter(|a| !axes.contains(a)).collect();
        let mut loops = ranges[rank..].to_vec();
        loops.extend(rest.iter().map(|a| ranges[*a].clone()));
        // What is added to is written by the turn before.
        let floor = self.out.floor;
        self.nest(&loops, !rest.is_empty(), &mut |kernel, at| {
            let value = kernel.read(node.inputs[0], at);
            let (searched, others) = at.split_at(over);
            let mut to = vec![Index::default(); rank];
            for (axis, index) in rest.iter().zip(others) {
                to[*axis] = index.clone();
            }
            for (nth, axis) in axes.iter().enumerate() {
                to[*axis] = kernel.looked_up(node.inputs[1 + nth], searched, node.ty.shape[*axis]);
            }
            let to = kernel.target(&what, &to);
            let old = kernel.out.here(dtype, Op::Load(to.0, to.1.clone()), node.span);
            let new = kernel.out.here(dtype, Op::Binary(Binary::Add, old, value), node.span);
            kernel.store(to, new, node.span);
        });
        self.out.floor = floor;
    }

    /// Random words, row by row.
    pub(super) fn random(&mut self, id: NodeId, ranges: &[Range]) {
        let graph = self.scope.graph;
        let node = graph.node(id);
        let Node::RandomBits { key } = node.op else { unreachable!("only draws come here") };
        let run = self.read(node.inputs[0], &[]);
        let turn = self.read(node.inputs[1], &[]);
        let logical = strides(&node.ty.shape);
        // As many of the last axes as are whole are one row.
        let mut rows = ranges.len();
        let mut count = 1;
        while rows > 0 && ranges[rows - 1].extent.rest.is_none() && ranges[rows - 1].from == Index::default()
        {
            rows -= 1;
            count *= ranges[rows].extent.size;
        }
        let mut outer = ranges[..rows].to_vec();
        let mut extent = crate::kernel::Extent::fixed(count);
        let mut tail: Vec<Index> = ranges[rows..].iter().map(|r| r.from.clone()).collect();
        if count == 1
            && let Some(last) = outer.pop()
        {
            extent = last.extent;
            tail.insert(0, last.from);
        }
        self.nest(&outer, false, &mut |kernel, at| {
            let at = [at, &tail].concat();
            let first = flat(&at, &logical);
            let dst = kernel.target(&What::Value(id), &at);
            kernel.out.push(Stmt::Random { dst, first, count: extent, key, run, turn, span: node.span });
        });
    }
}
