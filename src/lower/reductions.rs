//! Reductions, and the functions made of them: softmax and its logarithm.

use super::Lower;
use crate::ir::{ArgReduce, Binary, Compare, DType, NodeId, Reduce, Ties, Type, Unary, Window, Windows};
use crate::program::{ArgExtreme, ReduceOp};

impl Lower<'_> {
    /// A reduction over axes with a result of type `ty`; `keep` leaves them with extent 1.
    pub(super) fn reduce(
        &mut self,
        op: ReduceOp,
        a: NodeId,
        axes: &[usize],
        keep: bool,
        ty: &Type,
    ) -> NodeId {
        let shape = self.b.shape(a);
        // Truth values count as 0 and 1 where the result is a number.
        let a = self.convert(a, ty.dtype);
        let reduced = match op {
            ReduceOp::Sum => self.b.reduce(Reduce::Sum, a, axes),
            ReduceOp::Mean => self.mean(a, axes),
            ReduceOp::Prod => self.b.reduce(Reduce::Prod, a, axes),
            ReduceOp::Max => self.b.reduce(Reduce::Max, a, axes),
            ReduceOp::Min => self.b.reduce(Reduce::Min, a, axes),
            ReduceOp::MaxAll => self.largest_of_all_ties(a, axes),
            ReduceOp::MinAll => {
                let negated = self.b.neg(a);
                let largest = self.largest_of_all_ties(negated, axes);
                self.b.neg(largest)
            }
            ReduceOp::Any => self.b.reduce(Reduce::Any, a, axes),
            ReduceOp::All => self.b.reduce(Reduce::All, a, axes),
            ReduceOp::LogSumExp => self.log_sum_exp(a, axes),
        };
        if keep { self.keep(reduced, axes, &shape) } else { reduced }
    }

    /// The index of an extreme element along an axis.
    pub(super) fn arg_extreme(&mut self, op: ArgExtreme, a: NodeId, axis: usize, keep: bool) -> NodeId {
        let shape = self.b.shape(a);
        let a = if self.b.dtype(a) == DType::Bool { self.convert(a, DType::I32) } else { a };
        let found = match op {
            ArgExtreme::Max => self.b.arg_reduce(ArgReduce::Max, a, axis),
            ArgExtreme::Min => self.b.arg_reduce(ArgReduce::Min, a, axis),
        };
        if keep { self.keep(found, &[axis], &shape) } else { found }
    }

    /// exp(z - logsumexp(z)): its logarithm is then the difference itself.
    pub(super) fn softmax(&mut self, z: NodeId, axis: usize) -> NodeId {
        let logarithm = self.log_softmax(z, axis);
        self.b.unary(Unary::Exp, logarithm)
    }

    /// z - logsumexp(z).
    pub(super) fn log_softmax(&mut self, z: NodeId, axis: usize) -> NodeId {
        let z = if self.b.dtype(z).is_real() { z } else { self.convert(z, self.real()) };
        let shape = self.b.shape(z);
        let total = self.log_sum_exp(z, &[axis]);
        let total = self.b.unreduce(total, &[axis], &shape);
        self.b.sub(z, total)
    }

    /// The largest over axes, as one window over all of them: its gradient goes to every one of equal
    /// elements.
    fn largest_of_all_ties(&mut self, a: NodeId, axes: &[usize]) -> NodeId {
        let shape = self.b.shape(a);
        let size: Vec<usize> = axes.iter().map(|d| shape[*d]).collect();
        if size.is_empty() || size.contains(&0) {
            return self.b.reduce(Reduce::Max, a, axes);
        }
        let kept: Vec<usize> = (0..shape.len()).filter(|d| !axes.contains(d)).collect();
        let perm: Vec<usize> = kept.iter().chain(axes).copied().collect();
        let last = self.b.transpose(a, &perm);
        let windows = Windows { stride: size.clone(), size };
        let found = self.b.window_reduce(Window::Max(Ties::All), windows, last, &vec![1; axes.len()]);
        let result: Vec<usize> = kept.iter().map(|d| shape[*d]).collect();
        self.b.reshape(found, &result)
    }

    /// A sum over the number of its terms.
    fn mean(&mut self, a: NodeId, axes: &[usize]) -> NodeId {
        assert!(self.b.dtype(a).is_real(), "a mean is real");
        let shape = self.b.shape(a);
        let sum = self.b.sum(a, axes);
        if axes.is_empty() {
            return sum;
        }
        let terms: usize = axes.iter().map(|axis| shape[*axis]).product();
        self.b.with_constant(Binary::Div, sum, terms as f64)
    }

    /// log(sum(exp(z))) without overflow: m + log(sum(exp(z - m))) with the largest element for m,
    /// or 0 where that is infinite. The gradient by m would be 0, so none passes.
    fn log_sum_exp(&mut self, z: NodeId, axes: &[usize]) -> NodeId {
        if axes.is_empty() {
            return z;
        }
        let shape = self.b.shape(z);
        let largest = self.b.reduce(Reduce::Max, z, axes);
        let largest = self.b.stop_gradient(largest);
        let size = self.b.unary(Unary::Abs, largest);
        let infinity = self.b.fill_like(size, f64::INFINITY);
        let infinite = self.b.compare(Compare::Eq, size, infinity);
        let zero = self.b.fill_like(largest, 0.0);
        let shift = self.b.select(infinite, zero, largest);

        let stretched = self.b.unreduce(shift, axes, &shape);
        let shifted = self.b.sub(z, stretched);
        let exponentials = self.b.unary(Unary::Exp, shifted);
        let sum = self.b.sum(exponentials, axes);
        let logarithm = self.b.unary(Unary::Log, sum);
        self.b.add(logarithm, shift)
    }

    /// A reduced tensor with the axes it was reduced along put back, with extent 1.
    fn keep(&mut self, a: NodeId, axes: &[usize], shape: &[usize]) -> NodeId {
        let mut kept = shape.to_vec();
        for axis in axes {
            kept[*axis] = 1;
        }
        self.b.unreduce(a, axes, &kept)
    }
}
