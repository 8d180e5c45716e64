//! One reverse sweep: from a cost down to everything its gradients are asked for.

use super::path::{passes, reach};
use super::{scan, table};
use crate::ir::{Binary, Builder, Compare, NodeId, Op, Reduce, Unary, Window};
use crate::rules::Facts;
use std::collections::BTreeMap;

/// The state of a sweep. The arms of the derivative table read the forward graph through it, emit
/// nodes with its builder and hand adjoints on with [`Sweep::give`].
pub(super) struct Sweep<'a> {
    /// Emits nodes; the forward graph is its beginning.
    pub b: &'a mut Builder,
    wrt: &'a [NodeId],
    wanted: Vec<bool>,
    adjoints: Vec<Option<NodeId>>,
    /// Nodes between which and the cost a choice stands on some path.
    chosen: Vec<bool>,
    /// Whether that holds for the operands of the node under work.
    choice: bool,
    /// The adjoints of the results of scans.
    results: BTreeMap<NodeId, BTreeMap<usize, NodeId>>,
}

/// The gradients of `cost` by each of `wrt`, to all of which paths lead.
/// `chosen` says whether a choice stands between the cost and what it is taken for.
pub(super) fn gradients(b: &mut Builder, cost: NodeId, wrt: &[NodeId], chosen: bool) -> Vec<NodeId> {
    let count = cost.index() + 1;
    let outer = (b.span, std::mem::take(&mut b.rules));
    let wanted = reach(&b.graph, cost, wrt);
    let mut sweep = Sweep {
        b,
        wrt,
        wanted,
        adjoints: vec![None; count],
        chosen: vec![chosen; count],
        choice: false,
        results: BTreeMap::new(),
    };
    sweep.enter(cost);
    let one = sweep.b.fill_like(cost, 1.0);
    sweep.give(cost, one);
    for id in (0..count as u32).rev().map(NodeId) {
        if let Some(results) = sweep.results.remove(&id) {
            if sweep.wanted[id.index()] {
                sweep.enter(id);
                scan::backward(&mut sweep, id, &results);
            }
            continue;
        }
        if let (true, Some(g)) = (sweep.wanted[id.index()], sweep.adjoints[id.index()]) {
            sweep.enter(id);
            table::backward(&mut sweep, id, g);
        }
    }
    let found = wrt.iter().map(|w| match sweep.adjoints[w.index()] {
        Some(g) => g,
        // The only paths go through operations whose derivative is 0 everywhere.
        None => sweep.b.fill_like(*w, 0.0),
    });
    let found = found.collect();
    (b.span, b.rules) = outer;
    found
}

impl Sweep<'_> {
    /// Nodes made from now on belong to the derivative of a node.
    fn enter(&mut self, id: NodeId) {
        let node = self.b.graph.node(id);
        let rule = crate::ir::grad_rule(&node.op);
        let mut rules = node.rules.clone();
        rules.push(rule);
        let (span, choice) = (node.span, chooses(&node.op));
        self.b.span = span;
        self.b.rules = rules;
        self.choice = self.chosen[id.index()] || choice;
    }

    /// Whether an operand of a node is to get an adjoint.
    pub fn wants(&self, id: NodeId, operand: usize) -> bool {
        let i = self.b.graph.inputs(id)[operand];
        self.wanted[i.index()] && passes(&self.b.graph, id, operand).is_ok()
    }

    /// Whether the gradient by this very node is asked for, so that no arm may step over it.
    pub fn is_wrt(&self, id: NodeId) -> bool {
        self.wrt.contains(&id)
    }

    /// Adds to the adjoint of a node.
    pub fn give(&mut self, to: NodeId, value: NodeId) {
        let i = to.index();
        assert_eq!(self.b.ty(to), self.b.ty(value), "adjoint of {}", crate::ir::op_name(self.b.graph.op(to)));
        self.chosen[i] |= self.choice;
        self.adjoints[i] = Some(match self.adjoints[i] {
            Some(sum) => self.b.add(sum, value),
            None => value,
        });
    }

    /// Whether a choice stands between the node under work and the cost, or is the node.
    pub fn choice(&self) -> bool {
        self.choice
    }

    /// Adds to the adjoint of a result of a scan.
    pub fn give_result(&mut self, scan: NodeId, at: usize, value: NodeId) {
        self.chosen[scan.index()] |= self.choice;
        let sum = match self.results.get(&scan).and_then(|of| of.get(&at)) {
            Some(sum) => self.b.add(*sum, value),
            None => value,
        };
        self.results.entry(scan).or_default().insert(at, sum);
    }

    /// What can be read off the graph so far.
    pub fn facts(&self) -> Facts<'_> {
        Facts::new(&self.b.graph, &[])
    }

    /// `product`, which is an adjoint `g` times a derivative, with 0 times infinity as 0.
    pub fn zero_times(&mut self, g: NodeId, product: NodeId) -> NodeId {
        let zero = self.b.fill_like(g, 0.0);
        let unused = self.b.compare(Compare::Eq, g, zero);
        let undefined = self.b.compare(Compare::Ne, product, product);
        let both = self.b.binary(Binary::And, unused, undefined);
        self.b.select(both, zero, product)
    }

    /// The same, only where a choice may have hidden an infinite value.
    pub fn zero_times_if_chosen(&mut self, g: NodeId, product: NodeId) -> NodeId {
        if self.choice { self.zero_times(g, product) } else { product }
    }
}

/// Whether some elements of the operands may not matter for the result.
fn chooses(op: &Op) -> bool {
    match op {
        Op::Select | Op::Slice { .. } | Op::Gather { .. } | Op::WindowPick { .. } => true,
        Op::WindowReduce { op, .. } => matches!(op, Window::Max(_)),
        Op::Unary(f) => *f == Unary::Relu,
        Op::Binary(f) => matches!(f, Binary::Max | Binary::Min),
        Op::Reduce { op, .. } => matches!(op, Reduce::Max | Reduce::Min),
        Op::Leaf(_)
        | Op::Const(_)
        | Op::Iota { .. }
        | Op::Compare(_)
        | Op::Cast(_)
        | Op::Transpose { .. }
        | Op::Broadcast { .. }
        | Op::Reshape
        | Op::Pad { .. }
        | Op::Concat { .. }
        | Op::Reverse { .. }
        | Op::ArgReduce { .. }
        | Op::Contract(_)
        | Op::WindowSpread { .. }
        | Op::ScatterAdd { .. }
        | Op::RandomBits { .. }
        | Op::Scan(_)
        | Op::Result(_)
        | Op::StopGradient
        | Op::Grad => false,
    }
}
