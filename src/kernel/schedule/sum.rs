//! Reductions over axes, and the search for an extreme element.

use super::pieces::Range;
use super::scope::{sum, var_index};
use super::value::Kernel;
use crate::fuse::What;
use crate::fuse::owner::STRIDED;
use crate::fuse::pieces::reduced_at;
use crate::ir::op::{ArgReduce, Binary, Compare, Reduce};
use crate::ir::types::Scalar;
use crate::ir::{DType, NodeId, Op as Node};
use crate::kernel::{Extent, Index, Op, Order, Val, Var};
use crate::plan::lanes::MANY as LANES;

/// Terms from which a strided sum is taken in two halves: each of its additions waits for the one 16 terms before, and
/// those of the other half need not.
const LONG: usize = 8192;

/// The halves of what is reduced, if it is long and its first axis has two.
fn halves(reduced: &[Range]) -> Option<[Vec<Range>; 2]> {
    let (first, inner) = reduced.split_first()?;
    let terms: usize = reduced.iter().map(|range| range.extent.size).product();
    let size = first.extent.size;
    if inner.is_empty() || terms < LONG || size % 2 != 0 || first.extent.rest.is_some() {
        return None;
    }
    Some([0, size / 2].map(|from| {
        let from = sum(&first.from, &Index { offset: from as i64, ..Index::default() });
        [&[Range { from, extent: Extent::fixed(size / 2) }], inner].concat()
    }))
}

impl Kernel<'_, '_> {
    /// A reduction: the ranges are those of the kept axes, then of the reduced ones.
    pub(super) fn reduce(&mut self, what: &What, ranges: &[Range], outer: usize) {
        let (What::Value(id) | What::Partial(id)) = *what else { unreachable!("a reduction is a value") };
        let graph = self.scope.graph;
        let node = graph.node(id);
        let Node::Reduce { op, axes } = &node.op else { unreachable!("only reductions come here") };
        let operand = graph.ty(node.inputs[0]);
        let last = operand.rank().checked_sub(1);
        let inner = axes.last().copied();
        let strided = inner == last
            && inner.is_some_and(|a| operand.shape[a] >= STRIDED)
            && is_strided(*op, operand.dtype);
        let lanes = inner != last;
        let (kept, reduced) = ranges.split_at(outer);
        let mut reduced = reduced.to_vec();
        // Blocks of a sum over pictures have the pictures, which may be lanes, as strided terms.
        let own = match what {
            What::Partial(_) if inner == last && reduced.len() > 1 && is_strided(*op, operand.dtype) => {
                let all = &self.scope.fused.pieces;
                let piece = all.iter().find(|p| matches!(p.what, What::Partial(of) if of == id));
                piece.map(|p| p.split() - outer).filter(|own| reduced[*own].extent.size >= LANES)
            }
            _ => None,
        };
        if let Some(own) = own {
            let range = reduced.remove(own);
            reduced.push(range);
        }
        let order = if strided || own.is_some() { Order::Strided } else { Order::Ascending };
        let positions = reduced_at(operand.rank(), axes);
        let none = reduced.iter().any(|r| r.extent.size == 0);
        self.nest(kept, lanes, &mut |kernel, at| {
            let value = match none {
                true => kernel.of_none(*op, node.ty.dtype, node.span),
                false => {
                    let halves = match halves(&reduced).filter(|_| order == Order::Strided) {
                        Some(halves) if *op == Reduce::Sum => halves.to_vec(),
                        Some(_) | None => vec![reduced.clone()],
                    };
                    let folds = halves.iter().map(|ranges| {
                        kernel.fold(*op, order, ranges, node.span, &mut |kernel, within| {
                            let mut within = within.to_vec();
                            if let Some(own) = own {
                                let lane = within.pop().expect("the lanes come last");
                                within.insert(own, lane);
                            }
                            kernel.read(node.inputs[0], &placed(&positions, at, &within))
                        })
                    });
                    let folds: Vec<Val> = folds.collect();
                    let add = |a, b| Op::Binary(Binary::Add, a, b);
                    let all = folds.into_iter();
                    all.reduce(|a, b| kernel.out.value(node.ty.dtype, add(a, b), node.span))
                        .expect("there is a sum")
                }
            };
            let to = kernel.target(what, at);
            kernel.store(to, value, node.span);
        });
    }

    /// A fold over ranges.
    pub(super) fn fold(
        &mut self,
        op: Reduce,
        order: Order,
        ranges: &[Range],
        span: Option<crate::source::Span>,
        item: &mut dyn FnMut(&mut Self, &[Index]) -> Val,
    ) -> Val {
        let mut vars: Vec<Var> = vec![self.out.open()];
        for _ in 1..ranges.len() {
            vars.push(self.out.also());
        }
        let at: Vec<Index> =
            ranges.iter().zip(&vars).map(|(r, var)| sum(&r.from, &var_index(*var))).collect();
        let value = item(self, &at);
        // Over no axis there is one item.
        let extents: Vec<Extent> = ranges.iter().map(|r| r.extent).collect();
        let extents = if extents.is_empty() { vec![Extent::fixed(1)] } else { extents };
        let loops: Vec<(Var, Extent)> = vars.into_iter().zip(extents).collect();
        self.out.close_fold(op, order, loops, value, span)
    }

    /// A reduction of no elements: what it starts from.
    pub(super) fn of_none(&mut self, op: Reduce, dtype: DType, span: Option<crate::source::Span>) -> Val {
        let scalar = match (op, dtype.is_real()) {
            (Reduce::Sum, true) => Scalar::Real(0.0),
            (Reduce::Sum, false) => Scalar::Int(0),
            (Reduce::Prod, true) => Scalar::Real(1.0),
            (Reduce::Prod, false) => Scalar::Int(1),
            (Reduce::Max, true) => Scalar::Real(f64::NEG_INFINITY),
            (Reduce::Max, false) => Scalar::Int(i32::MIN),
            (Reduce::Min, true) => Scalar::Real(f64::INFINITY),
            (Reduce::Min, false) => Scalar::Int(i32::MAX),
            (Reduce::Any, _) => Scalar::Bool(false),
            (Reduce::All, _) => Scalar::Bool(true),
        };
        self.out.value(dtype, Op::Const(scalar), span)
    }

    /// The index of an extreme element: the extreme, then the first element that is it.
    pub(super) fn arg_reduce(&mut self, id: NodeId, ranges: &[Range]) {
        let graph = self.scope.graph;
        let node = graph.node(id);
        let Node::ArgReduce { op, axis } = node.op else { unreachable!("only searches come here") };
        let (operand, span) = (node.inputs[0], node.span);
        let ty = graph.ty(operand);
        let (kept, along) = ranges.split_at(ranges.len() - 1);
        let reduce = match op {
            ArgReduce::Max => Reduce::Max,
            ArgReduce::Min => Reduce::Min,
        };
        let positions = reduced_at(ty.rank(), &[axis]);
        self.nest(kept, false, &mut |kernel, at| {
            let extreme = kernel.fold(reduce, Order::Ascending, along, span, &mut |kernel, within| {
                kernel.read(operand, &placed(&positions, at, within))
            });
            let first = kernel.fold(Reduce::Min, Order::Ascending, along, span, &mut |kernel, within| {
                let x = kernel.read(operand, &placed(&positions, at, within));
                kernel.position_if_extreme(x, extreme, within[0].clone(), span)
            });
            let to = kernel.target(&What::Value(id), at);
            kernel.store(to, first, span);
        });
    }

    /// A position where an element is the extreme one (or not a number, as the extreme then is), else
    /// the greatest integer.
    pub(super) fn position_if_extreme(
        &mut self,
        x: Val,
        extreme: Val,
        position: Index,
        span: Option<crate::source::Span>,
    ) -> Val {
        let found = self.is_extreme(x, extreme, span);
        let position = self.out.value(DType::I32, Op::Index(position), span);
        let beyond = self.out.value(DType::I32, Op::Const(Scalar::Int(i32::MAX)), span);
        self.out.value(DType::I32, Op::Select(found, position, beyond), span)
    }

    /// Whether an element is the extreme one, or not a number, as the extreme then is.
    pub(super) fn is_extreme(&mut self, x: Val, extreme: Val, span: Option<crate::source::Span>) -> Val {
        let equal = self.out.value(DType::Bool, Op::Compare(Compare::Eq, x, extreme), span);
        if !self.out.values[x.0 as usize].is_real() {
            return equal;
        }
        let nan = self.out.value(DType::Bool, Op::Compare(Compare::Ne, x, x), span);
        self.out.value(DType::Bool, Op::Binary(crate::ir::op::Binary::Or, equal, nan), span)
    }
}

/// Whether a reduction may be taken by strided terms.
fn is_strided(op: Reduce, dtype: DType) -> bool {
    dtype.is_real() && matches!(op, Reduce::Sum | Reduce::Max | Reduce::Min)
}

/// Positions in terms of a piece's axes, with the indices put in.
pub fn placed(positions: &[crate::fuse::access::Position], at: &[Index], within: &[Index]) -> Vec<Index> {
    let all = [at, within].concat();
    let one = |p: &crate::fuse::access::Position| {
        let p = p.as_ref().expect("a reduction reads at known positions");
        let start = super::scope::fixed_index(0);
        let start = Index { offset: p.offset, ..start };
        p.terms.iter().fold(start, |i, (axis, by)| sum(&i, &super::scope::scaled(&all[*axis], *by)))
    };
    positions.iter().map(one).collect()
}
