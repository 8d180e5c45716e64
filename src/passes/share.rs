//! Shares equal nodes: of two with the same operation, operands and type the first serves both.
//!
//! A node that a remaining `grad` is taken with respect to neither serves nor is served: it would
//! become part of another path, or lose its own.

use crate::ir::{Graph, Node, NodeId, Op, Type};
use crate::rules::{finish, live, with_respect_to};
use std::collections::HashMap;

/// The graph with equal nodes shared. An unnamed node takes the name of the one it serves for.
pub fn share(graph: Graph) -> Graph {
    let wrt = with_respect_to(&graph, &live(&graph));
    let mut first: HashMap<(Op, Vec<NodeId>, Type), NodeId> = HashMap::new();
    let mut new: Vec<Option<NodeId>> = vec![None; graph.nodes.len()];
    let mut shared = Graph { name: graph.name.clone(), leaves: graph.leaves.clone(), ..Graph::default() };
    for id in graph.ids() {
        let node = graph.node(id);
        let inputs: Vec<NodeId> = node.inputs.iter().filter_map(|i| new[i.index()]).collect();
        let own = NodeId(shared.nodes.len() as u32);
        if !wrt[id.index()] {
            let found = *first.entry((node.op.clone(), inputs.clone(), node.ty.clone())).or_insert(own);
            if found != own {
                new[id.index()] = Some(found);
                let serves = &mut shared.nodes[found.index()];
                if serves.name.is_none() {
                    serves.name.clone_from(&node.name);
                }
                continue;
            }
        }
        new[id.index()] = Some(own);
        shared.nodes.push(Node { inputs, ..node.clone() });
    }
    finish(shared, &graph, &new)
}
