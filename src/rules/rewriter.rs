//! The rewriter: copies a graph node by node, offering each copy to the rules, until none fits.
//!
//! A sweep goes through the nodes in order, so that a rule sees operands that are already rewritten,
//! and all that it emits stands below them. What is put in a node's place takes over its name; what
//! is emitted has its span and its rule chain, prolonged by the rule's name. Dead nodes are not
//! copied by the next sweep.

use super::{Facts, Rule};
use crate::ir::op_name;
use crate::ir::{Builder, Graph, Node, NodeId, Op};
use crate::source::Span;
use std::sync::Arc;

/// A rule that fitted.
#[derive(Clone, Debug, PartialEq)]
pub struct Fired {
    /// The pass it belongs to.
    pub pass: &'static str,
    /// The rule.
    pub rule: &'static str,
    /// What it says.
    pub algebra: &'static str,
    /// The operation of the node that was replaced.
    pub op: &'static str,
    /// The name of the node that was replaced.
    pub node: Option<Arc<str>>,
    /// Where that node comes from.
    pub span: Option<Span>,
}

/// What fired, in order.
#[derive(Clone, Debug, Default)]
pub struct Trace {
    /// All of it.
    pub fired: Vec<Fired>,
}

/// A graph under rewriting, as rules see it.
pub struct Rewriter {
    /// Emits nodes; span and rule chain are set.
    pub b: Builder,
    opaque: Vec<bool>,
}

/// Sweeps after which rewriting stops in any case; no known graph needs half of them.
const SWEEPS: usize = 40;
/// Replacements of one node in one sweep.
const CHAIN: usize = 16;

impl Rewriter {
    /// What patterns may know.
    pub fn facts(&self) -> Facts<'_> {
        Facts::new(&self.b.graph, &self.opaque)
    }

    /// Whether the node is one that a remaining gradient is taken with respect to.
    pub fn is_opaque(&self, id: NodeId) -> bool {
        self.facts().is_opaque(id)
    }

    /// [`Facts::through`].
    pub fn through<T>(
        &self,
        id: NodeId,
        is: impl Fn(Facts<'_>, NodeId) -> Option<T>,
    ) -> Option<(Vec<NodeId>, T)> {
        self.facts().through(id, is)
    }

    /// The same views of another node.
    pub fn again(&mut self, views: &[NodeId], of: NodeId) -> NodeId {
        views.iter().rev().fold(of, |of, view| {
            let node = self.b.graph.node(*view).clone();
            let mut inputs = node.inputs;
            inputs[0] = of;
            self.b.push(node.op, inputs, node.ty)
        })
    }

    /// The same views of a function of each element of a node, which is taken where there are fewest and, of
    /// places with equally many, nearest to what reads it.
    pub fn each(
        &mut self,
        views: &[NodeId],
        of: NodeId,
        function: impl FnOnce(&mut Rewriter, NodeId) -> NodeId,
    ) -> NodeId {
        let sizes = views.iter().rev().map(|view| self.b.ty(*view).elements());
        let sizes = std::iter::once(self.b.ty(of).elements()).chain(sizes).enumerate();
        let (inside, _) =
            sizes.min_by_key(|(at, size)| (*size, std::cmp::Reverse(*at))).expect("there is the node itself");
        let (outside, inside) = views.split_at(views.len() - inside);
        let few = self.again(inside, of);
        let value = function(self, few);
        self.again(outside, value)
    }

    fn copy(&mut self, node: &Node, new: &[Option<NodeId>]) -> NodeId {
        let id = NodeId(self.b.graph.nodes.len() as u32);
        let inputs = node.inputs.iter().map(|i| mapped(new, *i)).collect();
        self.b.graph.nodes.push(Node { inputs, ..node.clone() });
        id
    }

    /// Applies the first rule that fits, and again to what it gives.
    fn settle(&mut self, id: NodeId, rules: &[Rule], pass: &'static str, trace: &mut Trace) -> NodeId {
        let mut at = id;
        for _ in 0..CHAIN {
            if self.is_opaque(at) {
                break;
            }
            let node = self.b.graph.node(at);
            let (op, name, span, chain) =
                (op_name(&node.op), node.name.clone(), node.span, node.rules.clone());
            self.b.span = span;
            self.b.rules = chain;
            let replaced = rules.iter().find_map(|rule| {
                self.b.rules.push(rule.name);
                let to = (rule.apply)(self, at);
                self.b.rules.pop();
                to.filter(|to| *to != at).map(|to| (rule, to))
            });
            let Some((rule, to)) = replaced else { break };
            assert_eq!(self.b.ty(at), self.b.ty(to), "rule {} changes a type", rule.name);
            trace.fired.push(Fired {
                pass,
                rule: rule.name,
                algebra: rule.algebra,
                op,
                node: name.clone(),
                span,
            });
            if let Some(name) = name {
                self.b.name(to, name);
            }
            at = to;
        }
        at
    }
}

/// Applies rules everywhere until none fits.
pub fn rewrite(graph: Graph, rules: &[Rule], pass: &'static str, trace: &mut Trace) -> Graph {
    let mut graph = graph;
    for _ in 0..SWEEPS {
        let before = trace.fired.len();
        graph = sweep(&graph, rules, pass, trace);
        if trace.fired.len() == before {
            break;
        }
    }
    graph
}

fn sweep(graph: &Graph, rules: &[Rule], pass: &'static str, trace: &mut Trace) -> Graph {
    let live = live(graph);
    let wrt = with_respect_to(graph, &live);
    let start = Graph { name: graph.name.clone(), leaves: graph.leaves.clone(), ..Graph::default() };
    let mut rewriter = Rewriter { b: Builder::resume(start), opaque: Vec::new() };
    let mut new: Vec<Option<NodeId>> = vec![None; graph.nodes.len()];
    for id in graph.ids().filter(|id| live[id.index()]) {
        let copy = rewriter.copy(graph.node(id), &new);
        if wrt[id.index()] {
            rewriter.opaque.resize(copy.index(), false);
            rewriter.opaque.push(true);
        }
        new[id.index()] = Some(rewriter.settle(copy, rules, pass, trace));
    }
    finish(rewriter.b.graph, graph, &new)
}

fn mapped(new: &[Option<NodeId>], id: NodeId) -> NodeId {
    new[id.index()].expect("operands of live nodes are live and come first")
}

/// Gives a rebuilt graph the roots of the old one.
pub(crate) fn finish(rebuilt: Graph, old: &Graph, new: &[Option<NodeId>]) -> Graph {
    let mut result = rebuilt;
    result.updates = old.updates.clone();
    result.reports = old.reports.clone();
    for update in &mut result.updates {
        update.value = mapped(new, update.value);
    }
    for report in &mut result.reports {
        report.value = mapped(new, report.value);
    }
    result
}

/// The graph without its dead nodes. Leaves stay declared.
pub fn drop_dead(graph: Graph) -> Graph {
    let live = live(&graph);
    let mut new: Vec<Option<NodeId>> = vec![None; graph.nodes.len()];
    let mut kept = Graph { name: graph.name.clone(), leaves: graph.leaves.clone(), ..Graph::default() };
    for id in graph.ids().filter(|id| live[id.index()]) {
        let node = graph.node(id);
        let inputs = node.inputs.iter().filter_map(|i| new[i.index()]).collect();
        new[id.index()] = Some(NodeId(kept.nodes.len() as u32));
        kept.nodes.push(Node { inputs, ..node.clone() });
    }
    finish(kept, &graph, &new)
}

/// By node, whether an update or report needs it.
pub(crate) fn live(graph: &Graph) -> Vec<bool> {
    let mut live = vec![false; graph.nodes.len()];
    for root in graph.roots() {
        live[root.index()] = true;
    }
    for id in graph.ids().rev() {
        if live[id.index()] {
            graph.inputs(id).iter().for_each(|i| live[i.index()] = true);
        }
    }
    live
}

/// By node, whether a live `grad` is taken with respect to it.
pub(crate) fn with_respect_to(graph: &Graph, live: &[bool]) -> Vec<bool> {
    let mut wrt = vec![false; graph.nodes.len()];
    for id in graph.ids().filter(|id| live[id.index()] && *graph.op(*id) == Op::Grad) {
        wrt[graph.inputs(id)[1].index()] = true;
    }
    wrt
}
