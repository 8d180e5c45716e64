//! The verifier: what holds of every graph between two passes. A violation is a bug of the compiler.
//!
//! - Operands stand before their users; every operation has as many as its meaning names.
//! - A leaf node names a leaf of the graph, has its type and no second node; no two leaves are equal
//!   in kind and index.
//! - Element types fit the operation: arithmetic takes numbers, mathematics reals, logic truth
//!   values; operands of one operation agree; constants are of the node's type.
//! - The node's type is the one that follows from the operation and its operands. Where an operation
//!   leaves the shape open (iota, broadcast, reshape, slice, scatter-add), it is one that fits.
//! - Axes lie inside the shape; lists of axes are ascending, a permutation has every axis once.
//! - Slices, and every access of a contraction, lie inside the operand for all values of the
//!   variables; strides are positive; an extreme element is sought among at least one.
//! - Numbers of elements do not overflow.
//! - An update is of a leaf that is a place, at most one a place, and has its type.
//! - The body of a scan holds to all this too, has no updates, reports its carried values first and
//!   reads what the scan's operands are; no other graph has leaves of its kinds. A scan's node serves
//!   only `result`.
//! - Updates and reports name nodes of the graph.
//!
//! Types are derived here anew, not by the builder, so that each checks the other.

mod shapes;

use super::graph::{Graph, LeafKind, NodeId};
use super::op::{Op, Scan};
use super::print::print_node;
use super::types::{DType, Type};
use std::collections::BTreeSet;

/// An invariant that does not hold.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Violation {
    /// The node; none where leaves, updates or reports are at fault.
    pub node: Option<NodeId>,
    /// What should hold.
    pub message: String,
}

impl std::fmt::Display for Violation {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self.node {
            Some(node) => write!(f, "%{}: {}", node.0, self.message),
            None => write!(f, "{}", self.message),
        }
    }
}

/// Checks every invariant; gives all violations, in the order of the graph.
pub fn verify(graph: &Graph) -> Result<(), Vec<Violation>> {
    checked(graph, false)
}

fn checked(graph: &Graph, inside: bool) -> Result<(), Vec<Violation>> {
    let mut found = Vec::new();
    leaves(graph, &mut found);
    for leaf in graph.leaves.iter().filter(|l| l.kind.is_inside() != inside) {
        let message = format!("leaf {} of kind {:?} stands in the wrong graph", leaf.name, leaf.kind);
        found.push(Violation { node: None, message });
    }
    for id in graph.ids() {
        if let Err(message) = node(graph, id) {
            let message = format!("{message}, in `{}`", print_node(graph, id));
            found.push(Violation { node: Some(id), message });
        }
    }
    roots(graph, &mut found);
    if found.is_empty() { Ok(()) } else { Err(found) }
}

fn leaves(graph: &Graph, found: &mut Vec<Violation>) {
    let mut kinds = BTreeSet::new();
    for leaf in &graph.leaves {
        if !kinds.insert((leaf.kind, leaf.index)) {
            let message = format!("leaf {} is there twice: {:?} {}", leaf.name, leaf.kind, leaf.index);
            found.push(Violation { node: None, message });
        }
    }
    let mut seen = BTreeSet::new();
    for id in graph.ids() {
        if let Op::Leaf(at) = graph.op(id)
            && !seen.insert(*at)
        {
            let message = format!("leaf {at} has a second node");
            found.push(Violation { node: Some(id), message });
        }
    }
}

fn node(graph: &Graph, id: NodeId) -> Result<(), String> {
    let node = graph.node(id);
    if let Some(input) = node.inputs.iter().find(|i| **i >= id) {
        return Err(format!("operand %{} does not stand before its user", input.0));
    }
    let operands: Vec<&Type> = node.inputs.iter().map(|i| graph.ty(*i)).collect();
    shapes::size(&node.ty)?;
    if let Op::Leaf(at) = node.op {
        shapes::count(&operands, 0)?;
        let leaf = graph.leaves.get(at).ok_or_else(|| format!("there is no leaf {at}"))?;
        return shapes::equal(&node.ty, &leaf.ty);
    }
    let of_scan = |input: &NodeId| matches!(graph.op(*input), Op::Scan(_));
    match &node.op {
        Op::Scan(of) => return scan(of, &operands, &node.ty),
        Op::Result(at) => {
            shapes::count(&operands, 1)?;
            let Op::Scan(of) = graph.op(node.inputs[0]) else {
                return Err("the operand is no scan".to_owned());
            };
            // A body that is wrong has been found at the scan.
            if of.body.reports.iter().any(|r| r.value.index() >= of.body.nodes.len()) {
                return Ok(());
            }
            let results = of.results();
            let ty = results.get(*at).ok_or_else(|| format!("there is no result {at}"))?;
            return shapes::equal(&node.ty, ty);
        }
        _ if node.inputs.iter().any(of_scan) => {
            return Err("a scan serves only `result`".to_owned());
        }
        _ => {}
    }
    shapes::check(&node.op, &operands, &node.ty)
}

/// A scan: its body, and the body's leaves and reports against the operands.
fn scan(scan: &Scan, operands: &[&Type], ty: &Type) -> Result<(), String> {
    shapes::equal(ty, &Type::scalar(DType::Bool))?;
    checked(&scan.body, true).map_err(|found| format!("in the body: {}", found[0].message))?;
    if !scan.body.updates.is_empty() {
        return Err("the body changes places".to_owned());
    }
    let first_captured = scan.carried.checked_add(scan.scanned).filter(|n| *n <= operands.len());
    let first_captured = first_captured.ok_or("there are fewer operands than carried and scanned")?;
    let (carried, rest) = operands.split_at(scan.carried);
    let (scanned, captured) = (&rest[..scan.scanned], &operands[first_captured..]);
    let mut parts = Vec::new();
    for array in scanned {
        match array.shape.split_first() {
            Some((extent, part)) if *extent == scan.turns => parts.push(Type::new(array.dtype, part)),
            _ => return Err(format!("{array} does not have the extent {} to go through", scan.turns)),
        }
    }
    for leaf in &scan.body.leaves {
        let of = match leaf.kind {
            LeafKind::Carried => carried.get(leaf.index).map(|t| (*t).clone()),
            LeafKind::Scanned => parts.get(leaf.index).cloned(),
            LeafKind::Captured => captured.get(leaf.index).map(|t| (*t).clone()),
            _ => (leaf.index == 0).then(|| Type::scalar(DType::I32)),
        };
        let of = of.ok_or_else(|| format!("leaf {} has no operand", leaf.name))?;
        shapes::equal(&leaf.ty, &of)?;
    }
    if scan.body.reports.len() < scan.carried {
        return Err("the body does not report every carried value".to_owned());
    }
    for (report, before) in scan.body.reports.iter().zip(carried) {
        shapes::equal(scan.body.ty(report.value), before)?;
    }
    for result in scan.results() {
        shapes::size(&result)?;
    }
    Ok(())
}

fn roots(graph: &Graph, found: &mut Vec<Violation>) {
    let mut add = |message| found.push(Violation { node: None, message });
    let mut places = BTreeSet::new();
    for update in &graph.updates {
        let Some(leaf) = graph.leaves.get(update.leaf) else {
            add(format!("an update of leaf {}, which is not there", update.leaf));
            continue;
        };
        if leaf.kind != LeafKind::Place {
            add(format!("an update of {}, which is no place", leaf.name));
        }
        if !places.insert(update.leaf) {
            add(format!("a second update of {}", leaf.name));
        }
        match graph.nodes.get(update.value.index()) {
            None => add(format!("the new value of {}, %{}, is not there", leaf.name, update.value.0)),
            Some(node) if node.ty != leaf.ty => {
                add(format!("{} of type {} gets a value of type {}", leaf.name, leaf.ty, node.ty));
            }
            Some(_) => {}
        }
    }
    for report in &graph.reports {
        if report.value.index() >= graph.nodes.len() {
            add(format!("the value of report {}, %{}, is not there", report.name, report.value.0));
        }
    }
}
