//! Differentiation: every [`Op::Grad`] of a graph becomes ordinary nodes, by reverse accumulation.
//!
//! The nodes of the graph are copied in order. Where the first `grad` of a cost is met, the cost's
//! cone is already free of `grad` nodes (inner gradients come first by themselves), so one sweep from
//! the cost down gives the adjoint of everything that a `grad` of this cost asks for. A node takes
//! part only if it lies on a path from an asked-for node to the cost. The derivative of each
//! operation is an arm of one match, in `table`; `contract`, `reduce` and `views` hold what
//! needs more than a line. All that is emitted is made of the same operations, so a gradient can be
//! differentiated again.
//!
//! # Where mathematics has a value, the gradient has it too
//!
//! An adjoint of exactly 0 often means "not used": the branch of a `select` that was not taken, the
//! smaller operand of a maximum, the elements a gather left out. Multiplied by an infinite local
//! derivative it would become NaN and poison everything. The rule is:
//!
//! * an operation whose derivative can be infinite where its value is finite (`sqrt`, and `pow` by
//!   an exponent that is not known to be at least 1) always takes 0 times infinity as 0;
//! * one whose value is infinite there too (`log`, `log1p`, `div`, `exp`, `expm1`, and `mul` by
//!   something made of these) does so only where a choice (`select`, `max`, `min`, `relu`, `slice`,
//!   `gather`) stands between it and the cost, for only a choice can have hidden such a value;
//! * a sum takes no such care: a contraction has no elements that are not used.
//!
//! The product is then `select(g == 0 and v != v, 0, v)` with `v = g * f'`: exact wherever `v` is a
//! number, for second derivatives too.
//!
//! Conventions at kinks: `abs`, `sign`, `relu` have derivative 0 at 0; `max` and `min` give all to
//! the first of equal ones; the square root of something that cannot be negative and is smooth (a sum
//! of squares, so a norm) has gradient 0 where it is 0; `d/db a^b` is 0 at `a = 0`; `sign`, `floor`,
//! `round` and whole division carry a path with derivative 0. The logarithm of a sum of exponentials
//! has its own arm, `g * exp(u - log(sum(exp(u))))`, which cannot overflow, and is 0 on a row of
//! nothing but -infinity.

mod contract;
mod path;
mod reduce;
mod scan;
mod sweep;
mod table;
mod views;
mod windows;

pub use path::{Break, NoPath, Place, Why, depends};

pub use crate::ir::{grad_rule, op_name};

use crate::ir::{Builder, Graph, NodeId, Op};
use std::collections::HashMap;

/// Replaces every `grad` node by the gradient it stands for.
///
/// Names, spans and rules of the other nodes are kept; the node that becomes a gradient keeps the
/// name of its `grad` node, or is called `grad(cost)/W`.
pub fn differentiate(graph: Graph) -> Result<Graph, Box<NoPath>> {
    derive(graph, false)
}

/// The same; `chosen` says whether a choice outside the graph may hide elements of its costs.
fn derive(graph: Graph, chosen: bool) -> Result<Graph, Box<NoPath>> {
    let mut graph = graph;
    for node in &mut graph.nodes {
        if let Op::Scan(scan) = &mut node.op {
            // What a scan gives of a gradient, too, may be hidden by a choice outside.
            scan.body = derive(std::mem::take(&mut scan.body), true)?;
        }
    }
    if !graph.nodes.iter().any(|n| n.op == Op::Grad) {
        return Ok(graph);
    }
    let mut asked: HashMap<NodeId, Vec<NodeId>> = HashMap::new();
    for id in graph.ids().filter(|id| *graph.op(*id) == Op::Grad) {
        let [cost, wrt] = graph.inputs(id) else { panic!("grad has two operands") };
        let span = graph.node(id).span;
        depends(&graph, *cost, *wrt).map_err(|e| Box::new(NoPath { span, ..*e }))?;
        let wrts = asked.entry(*cost).or_default();
        if !wrts.contains(wrt) {
            wrts.push(*wrt);
        }
    }

    let mut b =
        Builder::resume(Graph { name: graph.name.clone(), leaves: graph.leaves.clone(), ..Graph::default() });
    let mut new: Vec<NodeId> = Vec::with_capacity(graph.nodes.len());
    let mut done: HashMap<(NodeId, NodeId), NodeId> = HashMap::new();
    for id in graph.ids() {
        let node = graph.node(id);
        if node.op != Op::Grad {
            let copy = NodeId(b.graph.nodes.len() as u32);
            let inputs = node.inputs.iter().map(|i| new[i.index()]).collect();
            b.graph.nodes.push(crate::ir::Node { inputs, ..node.clone() });
            new.push(copy);
            continue;
        }
        let (cost, wrt) = (node.inputs[0], node.inputs[1]);
        if !done.contains_key(&(cost, wrt)) {
            let wrts = &asked[&cost];
            let seeds: Vec<NodeId> = wrts.iter().map(|w| new[w.index()]).collect();
            // Before the sweep `depends` saw inner gradients only as operations; now it sees all.
            for (w, seed) in wrts.iter().zip(&seeds) {
                depends(&b.graph, new[cost.index()], *seed)
                    .map_err(|e| Box::new(NoPath { cost, wrt: *w, span: node.span, ..*e }))?;
            }
            let found = sweep::gradients(&mut b, new[cost.index()], &seeds, chosen);
            done.extend(wrts.iter().zip(found).map(|(w, g)| ((cost, *w), g)));
        }
        let gradient = done[&(cost, wrt)];
        match &node.name {
            Some(name) => b.name(gradient, std::sync::Arc::clone(name)),
            None => {
                let name = format!("grad({})/{}", label(&graph, cost), label(&graph, wrt));
                b.name(gradient, name);
            }
        }
        new.push(gradient);
    }
    let mut result = b.graph;
    result.updates = graph.updates;
    result.reports = graph.reports;
    for update in &mut result.updates {
        update.value = new[update.value.index()];
    }
    for report in &mut result.reports {
        report.value = new[report.value.index()];
    }
    Ok(result)
}

/// A node's name, or its operation's.
fn label(graph: &Graph, id: NodeId) -> String {
    match &graph.node(id).name {
        Some(name) => name.to_string(),
        None => op_name(graph.op(id)).to_string(),
    }
}
