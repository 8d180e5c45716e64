//! Whether a value depends on another in a way a gradient can follow, and if not, where it breaks.

use crate::ir::op_name;
use crate::ir::{Graph, LeafKind, NodeId, Op, Scan, Type};
use crate::source::Span;
use std::sync::Arc;

/// A gradient was asked for along which no path leads.
#[derive(Clone, Debug, PartialEq)]
pub struct NoPath {
    /// What was to be differentiated.
    pub cost: NodeId,
    /// By what.
    pub wrt: NodeId,
    /// Where the gradient was asked for.
    pub span: Option<Span>,
    /// The cost as people know it.
    pub from: Place,
    /// The other end.
    pub to: Place,
    /// Each way that leads from `wrt` towards the cost and ends, in the graph's order; none if the
    /// cost is not computed from it at all.
    pub breaks: Vec<Break>,
}

/// A way on which a gradient gets stuck.
#[derive(Clone, Debug, PartialEq)]
pub struct Break {
    /// The values from `wrt` (first) to the last one that a gradient reaches.
    pub path: Vec<Place>,
    /// The operation that stops it.
    pub at: Place,
    /// Why.
    pub why: Why,
}

/// Why no gradient passes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Why {
    /// `stop_gradient` was written.
    Stopped,
    /// The result is whole numbers or truth values, which do not move by little (a comparison, an
    /// `argmax`, a conversion to int).
    Discrete,
    /// The operand itself is whole numbers or truth values.
    DiscreteOperand,
}

/// A node as a message shows it.
#[derive(Clone, Debug, PartialEq)]
pub struct Place {
    /// Its operation's name.
    pub op: &'static str,
    /// The user's name for it.
    pub name: Option<Arc<str>>,
    /// Its type.
    pub ty: Type,
    /// Where it stands.
    pub span: Option<Span>,
}

impl NoPath {
    /// The ways as text, one a line: `x -> log -> pred (argmax) | whole numbers have no derivative`.
    pub fn draw(&self) -> Vec<String> {
        if self.breaks.is_empty() {
            return vec![format!("{} is not computed from {}", self.from.label(), self.to.label())];
        }
        let line = |b: &Break| {
            let path: Vec<String> = b.path.iter().map(Place::label).collect();
            let at = match &b.at.name {
                Some(name) => format!("{name} ({})", b.at.op),
                None => b.at.op.to_string(),
            };
            format!("{} -> {at} | {}", path.join(" -> "), b.why.text())
        };
        self.breaks.iter().map(line).collect()
    }
}

impl Why {
    /// As the end of a drawn path.
    pub fn text(self) -> &'static str {
        match self {
            Why::Stopped => "no gradient passes, as written",
            Why::Discrete => "its result does not change by small amounts, so it has no derivative",
            Why::DiscreteOperand => "whole numbers and truth values have no derivative",
        }
    }
}

impl Place {
    fn new(graph: &Graph, id: NodeId) -> Place {
        let node = graph.node(id);
        Place { op: op_name(&node.op), name: node.name.clone(), ty: node.ty.clone(), span: node.span }
    }

    /// The name, or else the operation.
    pub fn label(&self) -> String {
        self.name.as_ref().map_or_else(|| self.op.to_string(), |name| name.to_string())
    }
}

/// Whether a gradient of `cost` by `wrt` exists: some path leads from `wrt` to `cost` through real
/// values and no `stop_gradient`.
pub fn depends(graph: &Graph, cost: NodeId, wrt: NodeId) -> Result<(), Box<NoPath>> {
    let reached = reach(graph, cost, &[wrt]);
    if reached.get(cost.index()).copied().unwrap_or(false) {
        return Ok(());
    }
    Err(Box::new(NoPath {
        cost,
        wrt,
        span: graph.node(cost).span,
        from: Place::new(graph, cost),
        to: Place::new(graph, wrt),
        breaks: breaks(graph, cost, wrt, &reached),
    }))
}

/// For each node up to `cost`, whether a gradient passes from it to one of `wrt`.
pub(super) fn reach(graph: &Graph, cost: NodeId, wrt: &[NodeId]) -> Vec<bool> {
    let mut reached = vec![false; cost.index() + 1];
    for w in wrt {
        if w.index() < reached.len() && graph.ty(*w).dtype.is_real() {
            reached[w.index()] = true;
        }
    }
    for id in graph.ids().take(cost.index() + 1) {
        if let Op::Result(at) = graph.op(id) {
            let scan = graph.inputs(id)[0];
            let operands: Vec<bool> = graph.inputs(scan).iter().map(|i| reached[i.index()]).collect();
            if let Op::Scan(of) = graph.op(scan) {
                reached[id.index()] |= flow(of, &operands).1[*at];
            }
            continue;
        }
        let from = graph.inputs(id).iter().enumerate();
        if from.into_iter().any(|(k, i)| reached[i.index()] && passes(graph, id, k).is_ok()) {
            reached[id.index()] = true;
        }
    }
    reached
}

/// For a scan, given from which operands a gradient comes, which carried values (at the beginning of
/// some turn) and which results have one.
pub(super) fn flow(scan: &Scan, operands: &[bool]) -> (Vec<bool>, Vec<bool>) {
    let (body, c) = (&scan.body, scan.carried);
    let mut carried = operands[..c].to_vec();
    let Some(last) = body.nodes.len().checked_sub(1).map(|last| NodeId(last as u32)) else {
        return (carried, vec![false; body.reports.len()]);
    };
    loop {
        let from = |id: &NodeId| match body.op(*id) {
            Op::Leaf(at) => {
                let leaf = &body.leaves[*at];
                match leaf.kind {
                    LeafKind::Carried => carried[leaf.index],
                    LeafKind::Scanned => operands[c + leaf.index],
                    LeafKind::Captured => operands[c + scan.scanned + leaf.index],
                    _ => false,
                }
            }
            _ => false,
        };
        let seeds: Vec<NodeId> = body.ids().filter(from).collect();
        let reached = reach(body, last, &seeds);
        let of = |r: &crate::ir::Report| reached[r.value.index()];
        let results: Vec<bool> = body.reports.iter().map(of).collect();
        let next: Vec<bool> = carried.iter().zip(&results).map(|(before, after)| *before || *after).collect();
        if next == carried {
            let last = |i: usize| results[i] || (i < c && scan.turns == 0 && operands[i]);
            let results = (0..results.len()).map(last).collect();
            return (carried, results);
        }
        carried = next;
    }
}

/// Whether a gradient passes from a node to its operand of that position.
pub(super) fn passes(graph: &Graph, id: NodeId, operand: usize) -> Result<(), Why> {
    let node = graph.node(id);
    if node.op == Op::StopGradient {
        return Err(Why::Stopped);
    }
    if let Op::Result(_) = node.op {
        return if node.ty.dtype.is_real() { Ok(()) } else { Err(Why::Discrete) };
    }
    if !graph.ty(node.inputs[operand]).dtype.is_real() {
        return Err(Why::DiscreteOperand);
    }
    if !node.ty.dtype.is_real() && !matches!(node.op, Op::Scan(_)) {
        return Err(Why::Discrete);
    }
    Ok(())
}

/// All edges inside the cone of `cost` at which a way from `wrt` ends.
fn breaks(graph: &Graph, cost: NodeId, wrt: NodeId, reached: &[bool]) -> Vec<Break> {
    let mut cone = vec![false; cost.index() + 1];
    cone[cost.index()] = true;
    for id in graph.ids().rev().skip(graph.nodes.len() - 1 - cost.index()) {
        if cone[id.index()] {
            graph.inputs(id).iter().for_each(|i| cone[i.index()] = true);
        }
    }
    let way = |last: NodeId| {
        let mut path = vec![last];
        let mut at = last;
        while at != wrt {
            let before = |k: &usize| reached[graph.inputs(at)[*k].index()] && passes(graph, at, *k).is_ok();
            let Some(k) = (0..graph.inputs(at).len()).find(before) else { break };
            at = graph.inputs(at)[k];
            path.push(at);
        }
        path.reverse();
        path.into_iter().map(|id| Place::new(graph, id)).collect::<Vec<_>>()
    };
    let mut found = Vec::new();
    for id in graph.ids().take(cost.index() + 1).filter(|id| cone[id.index()]) {
        for (k, i) in graph.inputs(id).iter().enumerate() {
            let from_wrt = *i == wrt || reached[i.index()];
            if let (true, Err(why)) = (from_wrt, passes(graph, id, k)) {
                found.push(Break { path: way(*i), at: Place::new(graph, id), why });
                break;
            }
        }
    }
    found
}
