//! A part of a tensor replaced: `place[i, ..] <- e`.

use super::Lower;
use crate::ir::{Binary, Compare, DType, NodeId, Reduce};
use crate::program::IndexItem;

impl Lower<'_> {
    /// `args[0]` with the part that the items choose, the tensors `args[2..]` among them, replaced
    /// by `args[1]`.
    pub(super) fn replace(&mut self, items: &[IndexItem], args: &[NodeId]) -> NodeId {
        let (base, value) = (args[0], args[1]);
        let shape = self.b.shape(base);
        assert_eq!(items.len(), shape.len(), "an index has an item for each axis");
        // The box around the part: positions are slices of one element here.
        let (mut start, mut extent) = (vec![0; shape.len()], shape.clone());
        for (axis, item) in items.iter().enumerate() {
            match item {
                IndexItem::Slice(from, to) => (start[axis], extent[axis]) = (*from, to - from),
                IndexItem::At(position) => (start[axis], extent[axis]) = (*position, 1),
                IndexItem::Tensor => {}
            }
        }
        let inner = if args.len() == 2 {
            self.b.reshape(value, &extent)
        } else {
            let old = self.b.slice(base, &start, &vec![1; shape.len()], &extent);
            self.replace_chosen(items, old, value, &args[2..])
        };
        if extent == shape {
            return inner;
        }
        let after: Vec<usize> = (0..shape.len()).map(|d| shape[d] - start[d] - extent[d]).collect();
        let dtype = self.b.dtype(base);
        let inner = self.pad(inner, &start, &after, 0.0, dtype);
        let inside = self.b.fill(DType::Bool, 1.0, &extent);
        let inside = self.pad(inside, &start, &after, 0.0, DType::Bool);
        self.b.select(inside, inner, base)
    }

    /// `old`, which has all axes, with elements replaced where the integer tensors point. Of tensor
    /// elements that choose the same place, the last counts.
    fn replace_chosen(
        &mut self,
        items: &[IndexItem],
        old: NodeId,
        value: NodeId,
        tensors: &[NodeId],
    ) -> NodeId {
        let shape = self.b.shape(old);
        let marked: Vec<usize> = (0..items.len()).filter(|d| items[*d] == IndexItem::Tensor).collect();
        let kept: Vec<usize> =
            (0..items.len()).filter(|d| matches!(items[*d], IndexItem::Slice(..))).collect();
        let common =
            tensors.iter().fold(Vec::new(), |s, t| super::indexing::broadcast_shapes(&s, &self.b.shape(*t)));
        let count: usize = common.iter().product();
        if count == 0 {
            return old;
        }
        // hit[c, n...]: whether element c of the tensors chooses position n... of the marked axes.
        let mut grid = vec![count];
        grid.extend(marked.iter().map(|d| shape[*d]));
        let mut hit = None;
        for (at, (axis, tensor)) in marked.iter().zip(tensors).enumerate() {
            let index = self.b.broadcast_right(*tensor, &common);
            let index = self.within(index, *axis, &shape);
            let index = self.b.reshape(index, &[count]);
            let wanted = self.b.broadcast(index, &[0], &grid);
            let here = self.b.iota(&grid, at + 1);
            let same = self.b.compare(Compare::Eq, wanted, here);
            hit = Some(hit.map_or(same, |before| self.b.binary(Binary::And, before, same)));
        }
        let hit = hit.expect("there is a tensor");
        let number = self.b.iota(&grid, 0);
        let none = self.b.fill(DType::I32, -1.0, &grid);
        let chosen = self.b.select(hit, number, none);
        let last = self.b.reduce(Reduce::Max, chosen, &[0]);
        let zero = self.b.fill_like(last, 0.0);
        let changed = self.b.compare(Compare::Ge, last, zero);
        let last = self.b.binary(Binary::Max, last, zero);

        // The value, with the tensors' common axes as one, the first.
        let first = kept.iter().filter(|d| **d < marked[0]).count();
        let c = common.len();
        let perm: Vec<usize> = (first..first + c).chain(0..first).chain(first + c..c + kept.len()).collect();
        let value = self.b.transpose(value, &perm);
        let mut flat = vec![count];
        flat.extend(kept.iter().map(|d| shape[*d]));
        let value = self.b.reshape(value, &flat);
        let new = self.b.gather(value, &[0], &[last]);

        // Marked axes first, then the kept ones: back to the order of the tensor's own axes.
        let mut order: Vec<usize> = marked.iter().chain(&kept).copied().collect();
        order.sort_unstable();
        let from = |d: &usize| match marked.iter().position(|m| m == d) {
            Some(at) => at,
            None => marked.len() + kept.iter().position(|k| k == d).expect("marked or kept"),
        };
        let perm: Vec<usize> = order.iter().map(from).collect();
        let new = self.b.transpose(new, &perm);
        let new = self.b.reshape(new, &shape);
        let changed = self.b.broadcast(changed, &marked, &shape);
        self.b.select(changed, new, old)
    }

    /// The same indices, but one outside the axis stops the run: they are looked up in 0, 1, 2, …
    fn within(&mut self, index: NodeId, axis: usize, shape: &[usize]) -> NodeId {
        let mut line = vec![1; shape.len()];
        line[axis] = shape[axis];
        let count = self.b.iota(&line, axis);
        let found = self.b.gather(count, &[axis], &[index]);
        let shape = self.b.shape(index);
        self.b.reshape(found, &shape)
    }
}
