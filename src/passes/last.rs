//! Stacks of which only the last is read become carried values, and stacks that nothing reads go.
//!
//! A stack is a place in memory for every turn. Of a value that only the turn taken last gives away, one is
//! enough, which each turn writes over. No turn reads it, so what it starts from does not matter.

use crate::ir::op::Scan;
use crate::ir::{Builder, Graph, Node, NodeId, Op};
use crate::rules::{drop_dead, finish, with_respect_to};

/// What becomes of a result of a scan.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Fate {
    /// It stays what it is, at this position.
    Stays(usize),
    /// Its last part is the carried value of this position.
    Carried(usize),
    /// Nothing reads it.
    Goes,
}

/// The graph with no stack of which only the last is read, and none that is not read.
pub fn last_of_stacks(graph: Graph) -> Graph {
    let graph = drop_dead(graph);
    let fates: Vec<Option<Vec<Fate>>> = graph.ids().map(|id| fates(&graph, id)).collect();
    if fates.iter().flatten().all(|fates| fates.iter().all(|f| matches!(f, Fate::Stays(_)))) {
        return graph;
    }
    let start = Graph { name: graph.name.clone(), leaves: graph.leaves.clone(), ..Graph::default() };
    let mut b = Builder::resume(start);
    let mut new: Vec<Option<NodeId>> = vec![None; graph.nodes.len()];
    let moved = |new: &[Option<NodeId>], id: NodeId| new[id.index()].expect("operands come first");
    for id in graph.ids() {
        let node = graph.node(id);
        let mut inputs: Vec<NodeId> = node.inputs.iter().map(|i| moved(&new, *i)).collect();
        (b.span, b.rules) = (node.span, node.rules.clone());
        let mut copy = node.clone();
        if let (Op::Scan(scan), Some(fates)) = (&mut copy.op, &fates[id.index()]) {
            let starts = carry(scan, fates);
            for (at, ty) in starts {
                inputs.insert(at, b.fill(ty.dtype, 0.0, &ty.shape));
            }
        }
        if let Op::Result(at) = &mut copy.op
            && let Some(fates) = &fates[node.inputs[0].index()]
        {
            match fates[*at] {
                Fate::Stays(to) => *at = to,
                Fate::Carried(to) => {
                    let value = b.result(inputs[0], to);
                    if let Some(name) = &node.name {
                        b.name(value, std::sync::Arc::clone(name));
                    }
                    let one = [&[1], b.shape(value).as_slice()].concat();
                    new[id.index()] = Some(b.reshape(value, &one));
                    continue;
                }
                Fate::Goes => unreachable!("a result that is there is read"),
            }
        }
        // The only part there is left.
        if let Op::Slice { start, stride } = &copy.op
            && b.shape(inputs[0]) != graph.ty(node.inputs[0]).shape
        {
            let start = [&[0], &start[1..]].concat();
            new[id.index()] = Some(b.slice(inputs[0], &start, stride, &node.ty.shape));
            continue;
        }
        new[id.index()] = Some(NodeId(b.graph.nodes.len() as u32));
        b.graph.nodes.push(Node { inputs, ..copy });
    }
    finish(b.graph, &graph, &new)
}

/// What becomes of a scan's results; nothing is known of other nodes.
fn fates(graph: &Graph, id: NodeId) -> Option<Vec<Fate>> {
    let Op::Scan(scan) = graph.op(id) else { return None };
    let results = scan.body.reports.len();
    let wrt = with_respect_to(graph, &vec![true; graph.nodes.len()]);
    let mut read = vec![false; results];
    let mut whole: Vec<bool> = (0..results).map(|at| at < scan.carried).collect();
    for (node, result) in graph.ids().map(|node| (node, graph.node(node))) {
        let Op::Result(at) = result.op else { continue };
        if result.inputs == [id] {
            read[at] = true;
            whole[at] |= wrt[node.index()] || scan.turns < 2 || !only_last(graph, node, scan, &wrt);
        }
    }
    let carried = (0..results).filter(|at| read[*at] && !whole[*at]).count();
    let (mut next_carried, mut next_stack) = (scan.carried, scan.carried + carried);
    let next = |count: &mut usize| std::mem::replace(count, *count + 1);
    let of = |at: usize| match (whole[at], read[at]) {
        _ if at < scan.carried => Fate::Stays(at),
        (false, true) => Fate::Carried(next(&mut next_carried)),
        (true, true) => Fate::Stays(next(&mut next_stack)),
        (_, false) => Fate::Goes,
    };
    Some((0..results).map(of).collect())
}

/// Whether all that read a stack take its last part, as slices.
fn only_last(graph: &Graph, stack: NodeId, scan: &Scan, wrt: &[bool]) -> bool {
    let last = if scan.reverse { 0 } else { scan.turns - 1 };
    let readers = graph.ids().filter(|id| graph.inputs(*id).contains(&stack));
    let mut slices = readers.map(|id| match graph.op(id) {
        Op::Slice { start, .. } => !wrt[id.index()] && start[0] == last && graph.ty(id).shape[0] == 1,
        _ => false,
    });
    !graph.roots().any(|root| root == stack) && slices.all(|last| last)
}

/// Gives the scan its results in their new order. For each value that it carries from now on, where its start
/// stands among the operands and of what type it is.
fn carry(scan: &mut Scan, fates: &[Fate]) -> Vec<(usize, crate::ir::Type)> {
    let mut placed: Vec<(usize, usize)> = Vec::new();
    let mut starts = Vec::new();
    for (at, fate) in fates.iter().enumerate() {
        match fate {
            Fate::Stays(to) => placed.push((*to, at)),
            Fate::Carried(to) => {
                placed.push((*to, at));
                starts.push((*to, scan.body.ty(scan.body.reports[at].value).clone()));
            }
            Fate::Goes => {}
        }
    }
    placed.sort_unstable();
    scan.body.reports = placed.iter().map(|(_, at)| scan.body.reports[*at].clone()).collect();
    scan.carried += starts.len();
    starts
}
