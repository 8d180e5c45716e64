//! Drops nodes that no update and no report needs.

use crate::ir::{Graph, Node, NodeId};
use crate::rules::{finish, live};

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
