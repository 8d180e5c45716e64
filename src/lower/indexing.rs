//! Choosing, joining and moving elements: indices, concatenation, padding, one-hot rows.

use super::Lower;
use crate::ir::{Compare, DType, NodeId, Scalar, Type};
use crate::program::IndexItem;

/// A shape to which both broadcast, axes aligned from the right.
pub(super) fn broadcast_shapes(a: &[usize], b: &[usize]) -> Vec<usize> {
    let rank = a.len().max(b.len());
    let extent = |shape: &[usize], axis: usize| {
        // An axis that a shape lacks is as good as one of extent 1.
        (axis + shape.len()).checked_sub(rank).map_or(1, |at| shape[at])
    };
    let common = |axis: usize| {
        let (left, right) = (extent(a, axis), extent(b, axis));
        assert!(left == right || left == 1 || right == 1, "{a:?} and {b:?} do not broadcast");
        if left == 1 { right } else { left }
    };
    (0..rank).map(common).collect()
}

impl Lower<'_> {
    /// `args[0]` at one item for each of its axes: slices and positions first, then the tensors.
    pub(super) fn index(&mut self, items: &[IndexItem], args: &[NodeId]) -> NodeId {
        let shape = self.b.shape(args[0]);
        assert_eq!(items.len(), shape.len(), "an index has an item for each axis");
        let (mut start, mut extent) = (vec![0; shape.len()], shape.clone());
        let mut kept = Vec::new();
        for (axis, item) in items.iter().enumerate() {
            match item {
                IndexItem::Slice(from, to) => {
                    assert!(from <= to && *to <= shape[axis], "slice {from}..{to} of {}", shape[axis]);
                    (start[axis], extent[axis]) = (*from, to - from);
                    kept.push(axis);
                }
                IndexItem::At(position) => {
                    assert!(*position < shape[axis], "position {position} of {}", shape[axis]);
                    (start[axis], extent[axis]) = (*position, 1);
                }
                IndexItem::Tensor => kept.push(axis),
            }
        }
        let part = self.b.slice(args[0], &start, &vec![1; shape.len()], &extent);
        let left: Vec<usize> = kept.iter().map(|axis| extent[*axis]).collect();
        let part = self.b.reshape(part, &left);
        // Positions are gone; what is left are slices and tensors.
        let tensors: Vec<bool> = kept.iter().map(|axis| items[*axis] == IndexItem::Tensor).collect();
        self.choose(part, &tensors, &args[1..])
    }

    /// Elements at integer tensors, one for each axis that is marked. Their common axes stand where
    /// the first marked axis stood.
    fn choose(&mut self, a: NodeId, marked: &[bool], tensors: &[NodeId]) -> NodeId {
        let axes: Vec<usize> = (0..marked.len()).filter(|axis| marked[*axis]).collect();
        assert_eq!(axes.len(), tensors.len(), "an index has a tensor for each axis that wants one");
        let Some(first) = axes.first().copied() else { return a };
        let common = tensors.iter().fold(Vec::new(), |shape, t| broadcast_shapes(&shape, &self.b.shape(*t)));
        let indices: Vec<NodeId> = tensors.iter().map(|t| self.b.broadcast_right(*t, &common)).collect();
        let gathered = self.b.gather(a, &axes, &indices);
        let (c, rank) = (common.len(), self.b.ty(gathered).rank());
        // The gather has the common axes first, then the others in order; `first` of those, all
        // not marked, stand before the first marked axis.
        let perm: Vec<usize> = (c..c + first).chain(0..c).chain(c + first..rank).collect();
        self.b.transpose(gathered, &perm)
    }

    /// Operands of one shape along a new axis.
    pub(super) fn stack(&mut self, args: &[NodeId], axis: usize, dtype: DType) -> NodeId {
        let mut shape = self.b.shape(args[0]);
        shape.insert(axis, 1);
        let part = |lower: &mut Self, a: NodeId| {
            let a = lower.convert(a, dtype);
            lower.b.unreduce(a, &[axis], &shape)
        };
        let parts: Vec<NodeId> = args.iter().map(|a| part(self, *a)).collect();
        self.b.concat(&parts, axis)
    }

    /// The operand with a value around it.
    pub(super) fn pad(
        &mut self,
        a: NodeId,
        before: &[usize],
        after: &[usize],
        value: f64,
        dtype: DType,
    ) -> NodeId {
        let value = match dtype {
            DType::F32 => Scalar::Real(f64::from(value as f32)),
            DType::F64 => Scalar::Real(value),
            DType::I32 => Scalar::Int(value as i32),
            DType::Bool => Scalar::Bool(value != 0.0),
        };
        let a = self.convert(a, dtype);
        self.b.pad(a, before, after, &vec![0; before.len()], value)
    }

    /// Swaps the last two axes.
    pub(super) fn swap_last_axes(&mut self, a: NodeId) -> NodeId {
        let rank = self.b.ty(a).rank();
        let mut perm: Vec<usize> = (0..rank).collect();
        perm.swap(rank - 2, rank - 1);
        self.b.transpose(a, &perm)
    }

    /// Rows of the identity: a comparison with 0 … k-1, as `ty` has it.
    pub(super) fn one_hot(&mut self, a: NodeId, ty: &Type) -> NodeId {
        let last = ty.rank() - 1;
        let classes = self.b.iota(&ty.shape, last);
        let wanted = self.b.unreduce(a, &[last], &ty.shape);
        let hot = self.b.compare(Compare::Eq, wanted, classes);
        self.b.cast(hot, ty.dtype)
    }
}
