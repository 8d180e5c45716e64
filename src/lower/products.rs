//! Matrix products of every rank as contractions.

use super::Lower;
use crate::ir::{Affine, Contract, NodeId, Type};

impl Lower<'_> {
    /// Contracts the last axis of the left operand with the last but one (or only) of the right;
    /// leading axes, aligned from the right, broadcast. Variables are numbered as a loop nest would
    /// have them: leading axes, rows, the one summed over, columns.
    pub(super) fn matmul(&mut self, left: NodeId, right: NodeId, ty: &Type) -> NodeId {
        let (left, right) = (self.convert(left, ty.dtype), self.convert(right, ty.dtype));
        let (rows, columns) = (self.b.ty(left).rank() > 1, self.b.ty(right).rank() > 1);
        let lead = ty.rank() - usize::from(rows) - usize::from(columns);
        let leading = &ty.shape[..lead];
        let (left, mut first) = self.leading_axes(left, leading, if rows { 2 } else { 1 });
        let (right, mut second) = self.leading_axes(right, leading, if columns { 2 } else { 1 });

        let mut extents = leading.to_vec();
        let mut output: Vec<usize> = (0..lead).collect();
        let (a, b) = (self.b.shape(left), self.b.shape(right));
        if rows {
            first.push(extents.len());
            output.push(extents.len());
            extents.push(a[a.len() - 2]);
        }
        first.push(extents.len());
        second.push(extents.len());
        extents.push(a[a.len() - 1]);
        if columns {
            second.push(extents.len());
            output.push(extents.len());
            extents.push(b[b.len() - 1]);
        }
        let inner = if columns { b[b.len() - 2] } else { b[b.len() - 1] };
        assert_eq!(a[a.len() - 1], inner, "a product's inner extents");
        let operands = [first, second].map(|vars| vars.into_iter().map(Affine::var).collect());
        self.b.contract(Contract { extents, output, operands }, left, right)
    }

    /// An operand without the leading axes that would stretch, and the variables of those it keeps;
    /// `own` axes at its end are the product's.
    fn leading_axes(&mut self, a: NodeId, leading: &[usize], own: usize) -> (NodeId, Vec<usize>) {
        let shape = self.b.shape(a);
        let lead = shape.len() - own;
        let missing = leading.len() - lead;
        let stays = |axis: &usize| shape[*axis] == leading[missing + axis];
        let kept: Vec<usize> = (0..lead).filter(stays).collect();
        let narrow: Vec<usize> = kept.iter().copied().chain(lead..shape.len()).map(|d| shape[d]).collect();
        (self.b.reshape(a, &narrow), kept.iter().map(|axis| missing + axis).collect())
    }
}
