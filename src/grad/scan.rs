//! Loops backwards: the adjoint of a scan is a scan that takes the turns in the opposite order.
//!
//! A turn of it knows what its turn of the forward loop began with (the carried values, which the
//! forward loop stacks for it, its parts of the scanned arrays, the captured values and the number of
//! the turn, so that draws are made again) and the adjoints of what that turn gave. Its body is the
//! forward body, a cost, the sum of each result times its adjoint, and the gradients of that cost,
//! derived once and symbolically like any others. It carries the adjoints of the carried values and
//! the sums of those of the captured values; the adjoints of the scanned parts are stacked. All this
//! is again a scan, so that it can be differentiated again.

use super::path::{flow, reach};
use super::sweep::Sweep;
use crate::ir::{Builder, Graph, LeafKind, NodeId, Op, Report, Scan};
use std::collections::BTreeMap;
use std::sync::Arc;

/// Where a scanned operand of the backward loop comes from.
enum Source {
    /// The carried value of that position at the beginning of each turn.
    Stored(usize),
    /// A scanned operand of the forward loop.
    Scanned(usize),
    /// The adjoint of a stack.
    Adjoint(NodeId),
}

/// Hands the adjoints of a scan's results on to its operands.
pub(super) fn backward(s: &mut Sweep, y: NodeId, results: &BTreeMap<usize, NodeId>) {
    let Op::Scan(forward) = s.b.graph.op(y).clone() else { panic!("the results of a scan") };
    let inputs = s.b.graph.inputs(y).to_vec();
    let (c, n) = (forward.carried, forward.scanned);
    let wants: Vec<bool> = (0..inputs.len()).map(|k| s.wants(y, k)).collect();
    let (varied, _) = flow(&forward, &wants);
    let active: Vec<usize> = (0..c).filter(|i| varied[*i]).collect();
    let summed: Vec<usize> = (0..inputs.len() - c - n).filter(|k| wants[c + n + k]).collect();
    let parts: Vec<usize> = (0..n).filter(|j| wants[c + j]).collect();

    // The forward body under the backward loop's leaves, then the cost and its gradients.
    let mut leaves = forward.body.leaves.clone();
    for leaf in &mut leaves {
        match leaf.kind {
            LeafKind::Carried => leaf.kind = LeafKind::Scanned,
            LeafKind::Scanned => leaf.index += c,
            _ => {}
        }
    }
    let name = forward.body.name.clone();
    let nodes = forward.body.nodes.clone();
    let mut b = Builder::resume(Graph { name, leaves, nodes, ..Graph::default() });
    (b.span, b.rules) = (s.b.span, s.b.rules.clone());
    let mut sources: Vec<Source> = (0..c).map(Source::Stored).chain((0..n).map(Source::Scanned)).collect();
    let mut cost = None;
    let mut weigh = |b: &mut Builder, adjoint: NodeId, value: NodeId| {
        let product = b.mul(adjoint, value);
        let axes: Vec<usize> = (0..b.ty(product).rank()).collect();
        let term = b.sum(product, &axes);
        cost = Some(match cost {
            Some(sum) => b.add(sum, term),
            None => term,
        });
    };
    for (at, i) in active.iter().enumerate() {
        let value = forward.body.reports[*i].value;
        let ty = b.ty(value).clone();
        let adjoint = b.leaf(LeafKind::Carried, at, format!("adjoint {i}"), ty);
        weigh(&mut b, adjoint, value);
    }
    for (at, given) in results.range(c..) {
        let value = forward.body.reports[*at].value;
        let ty = b.ty(value).clone();
        let adjoint = b.leaf(LeafKind::Scanned, sources.len(), format!("adjoint {at}"), ty);
        sources.push(Source::Adjoint(*given));
        weigh(&mut b, adjoint, value);
    }
    let Some(cost) = cost else { return };
    let gradient = |b: &mut Builder, kind, index, operand: usize| {
        let mut ty = s.b.ty(inputs[operand]).clone();
        if (c..c + n).contains(&operand) {
            ty.shape.remove(0);
        }
        let leaf = b.leaf(kind, index, format!("operand {operand}"), ty);
        let moves = leaf <= cost && reach(&b.graph, cost, &[leaf])[cost.index()];
        if moves { b.grad(cost, leaf) } else { b.fill_like(leaf, 0.0) }
    };
    let mut reports = Vec::new();
    for i in &active {
        reports.push(gradient(&mut b, LeafKind::Scanned, *i, *i));
    }
    for (at, k) in summed.iter().enumerate() {
        let own = gradient(&mut b, LeafKind::Captured, *k, c + n + k);
        let ty = b.ty(own).clone();
        let so_far = b.leaf(LeafKind::Carried, active.len() + at, format!("sum {k}"), ty);
        reports.push(b.add(so_far, own));
    }
    for j in &parts {
        reports.push(gradient(&mut b, LeafKind::Scanned, c + j, c + j));
    }
    let report = |(i, value)| Report { name: format!("adjoint {i}").into(), value, span: None };
    b.graph.reports = reports.into_iter().enumerate().map(report).collect();
    let body = super::derive(b.graph, true).expect("a path has been found");
    let (body, scanned, captured) = compact(crate::rules::drop_dead(body));

    let mut operands: Vec<NodeId> = Vec::new();
    for i in &active {
        operands.push(match results.get(i) {
            Some(given) => *given,
            None => s.b.fill_like(inputs[*i], 0.0),
        });
    }
    for k in &summed {
        operands.push(s.b.fill_like(inputs[c + n + k], 0.0));
    }
    for at in &scanned {
        operands.push(match sources[*at] {
            Source::Stored(i) => stored(s.b, y, i),
            Source::Scanned(j) => inputs[c + j],
            Source::Adjoint(given) => given,
        });
    }
    operands.extend(captured.iter().map(|k| inputs[c + n + k]));
    let carried = active.len() + summed.len();
    let scanned = scanned.len();
    let backward = Scan { body, turns: forward.turns, carried, scanned, reverse: !forward.reverse };
    let adjoints = s.b.scan(backward, operands);
    for (i, adjoint) in active.iter().zip(&adjoints) {
        if wants[*i] {
            s.give(inputs[*i], *adjoint);
        }
    }
    let rest = summed.iter().map(|k| c + n + k).chain(parts.iter().map(|j| c + j));
    for (operand, adjoint) in rest.zip(&adjoints[active.len()..]) {
        s.give(inputs[operand], *adjoint);
    }
}

/// The stack of a carried value at the beginning of each turn: a result that the scan is given.
fn stored(b: &mut Builder, scan: NodeId, position: usize) -> NodeId {
    let Op::Scan(of) = &mut b.graph.nodes[scan.index()].op else { panic!("a scan") };
    let is_it = |l: &crate::ir::Leaf| l.kind == LeafKind::Carried && l.index == position;
    let leaf = of.body.leaves.iter().position(is_it).expect("the value is read");
    let value = of.body.ids().find(|id| *of.body.op(*id) == Op::Leaf(leaf)).expect("the value is read");
    let found = (of.carried..of.body.reports.len()).find(|r| of.body.reports[*r].value == value);
    let at = found.unwrap_or_else(|| {
        let name: Arc<str> = format!("before {position}").into();
        of.body.reports.push(Report { name, value, span: None });
        of.body.reports.len() - 1
    });
    b.result(scan, at)
}

/// The body with only the leaves that it reads, and the positions of the scanned and captured ones
/// before.
fn compact(body: Graph) -> (Graph, Vec<usize>, Vec<usize>) {
    let mut body = body;
    let read = |at: usize| body.nodes.iter().any(|n| n.op == Op::Leaf(at));
    let kept: Vec<usize> = (0..body.leaves.len()).filter(|at| read(*at)).collect();
    let positions = |kind: LeafKind| {
        let of_kind = kept.iter().map(|at| &body.leaves[*at]).filter(|l| l.kind == kind);
        let mut positions: Vec<usize> = of_kind.map(|l| l.index).collect();
        positions.sort_unstable();
        positions
    };
    let (scanned, captured) = (positions(LeafKind::Scanned), positions(LeafKind::Captured));
    let renumbered = |at: &usize| {
        let mut leaf = body.leaves[*at].clone();
        let of = match leaf.kind {
            LeafKind::Scanned => &scanned,
            LeafKind::Captured => &captured,
            _ => return leaf,
        };
        leaf.index = of.binary_search(&leaf.index).expect("it is read");
        leaf
    };
    let leaves = kept.iter().map(renumbered).collect();
    for node in &mut body.nodes {
        if let Op::Leaf(at) = &mut node.op {
            *at = kept.binary_search(at).expect("it is read");
        }
    }
    body.leaves = leaves;
    (body, scanned, captured)
}
