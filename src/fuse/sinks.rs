//! What leaves a graph, and where it goes.

use crate::ir::op::Scan;
use crate::ir::{Graph, LeafKind, NodeId};
use crate::source::Span;

/// A value that leaves the graph.
#[derive(Clone, Debug)]
pub struct Sink {
    /// The value.
    pub value: NodeId,
    /// Where it goes.
    pub target: Target,
    /// Where the source says so.
    pub span: Option<Span>,
}

/// Where a value goes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Target {
    /// Over the leaf of that index, whose old value others may read: a place, or a carried value.
    Over(usize),
    /// To the host: the report of that position.
    Report(usize),
    /// Into this turn's part of the stack that is the scan's result of that position.
    Stack(usize),
}

/// What leaves a step: its updates and reports. A place that keeps its value is not written.
pub fn of_step(graph: &Graph) -> Vec<Sink> {
    let updates = graph.updates.iter().filter(|u| *graph.op(u.value) != crate::ir::Op::Leaf(u.leaf));
    let updates = updates.map(|u| Sink { value: u.value, target: Target::Over(u.leaf), span: u.span });
    let reports = graph.reports.iter().enumerate();
    let reports = reports.map(|(i, r)| Sink { value: r.value, target: Target::Report(i), span: r.span });
    updates.chain(reports).collect()
}

/// What leaves the body of a scan in a turn. `read` says which results are read at all.
pub fn of_body(scan: &Scan, read: &[bool]) -> Vec<Sink> {
    let body = &scan.body;
    let mut sinks = Vec::new();
    for (i, report) in body.reports.iter().enumerate() {
        let target = if i < scan.carried {
            let leaf = body.leaves.iter().position(|l| l.kind == LeafKind::Carried && l.index == i);
            match leaf {
                Some(leaf) if *body.op(report.value) == crate::ir::Op::Leaf(leaf) => continue,
                Some(leaf) => Target::Over(leaf),
                // A value that no turn reads still goes out of the loop from the last.
                None => Target::Stack(i),
            }
        } else if read[i] {
            Target::Stack(i)
        } else {
            continue;
        };
        sinks.push(Sink { value: report.value, target, span: report.span });
    }
    sinks
}
