//! From clusters and a plan to kernel IR: each cluster becomes a kernel, each of its pieces a loop nest.
//!
//! `writer` builds statements, and moves what does not depend on a loop out of it; `scope` knows
//! where values lie; `value` computes a value at a position; the other files each write one kind of
//! piece. This is the schedule for CPUs: a block of the owner axis to a thread, the last axis as lanes,
//! products by micro-kernels.

mod calls;
mod choice;
mod layout;
mod pieces;
mod product;
mod scope;
mod sum;
mod value;
mod window;
mod writer;

use super::{Buffer, Home, Item, Kernel, Layout, Step};
use crate::fuse::{Fused, What};
use crate::ir::Graph;
use crate::plan::Plan;
use scope::{Scope, Step as Memory};

/// The kernels of a step.
pub fn schedule(graph: &Graph, fused: &Fused, plan: &Plan) -> Step {
    let mut memory = Memory::of(graph);
    let mut kernels = Vec::new();
    let mut counters = 0;
    let root = Scope { graph, fused, plan, outer: None };
    let mut order = clusters(&root, &mut memory, &mut kernels, &mut counters);
    if fused.closed {
        order.push(Item::Barrier);
    }
    Step {
        name: graph.name.clone(),
        buffers: memory.buffers,
        kernels,
        order,
        counters,
        arena: plan.arena,
        scratch: plan.scratch.max(memory.scratch),
    }
}

/// The clusters of one graph in order.
fn clusters(
    scope: &Scope<'_>,
    memory: &mut Memory,
    kernels: &mut Vec<Kernel>,
    counters: &mut usize,
) -> Vec<Item> {
    let mut order = Vec::new();
    let mut phase = 0;
    for cluster in &scope.fused.clusters {
        let first = cluster.pieces[0];
        if let What::Loop(id, _) = &scope.fused.pieces[first].what
            && turns(scope.graph, *id) == 0
        {
            continue;
        }
        if cluster.phase != phase {
            order.push(Item::Barrier);
            phase = cluster.phase;
        }
        if let What::Loop(id, body) = &scope.fused.pieces[first].what {
            let crate::ir::Op::Scan(scan) = scope.graph.op(*id) else { unreachable!("a loop is a scan") };
            let counter = *counters;
            *counters += 1;
            let outer = Some((scope, *id, counter));
            let inner = Scope { graph: &scan.body, fused: body, plan: &scope.plan.loops[id], outer };
            let body = clusters(&inner, memory, kernels, counters);
            order.push(Item::Loop { counter, turns: scan.turns, reverse: scan.reverse, body });
            continue;
        }
        let name = format!("{}.{}", memory.name, kernels.len());
        let kernel = pieces::kernel(scope, memory, name, cluster);
        order.push(Item::Kernel(kernels.len()));
        kernels.push(kernel);
    }
    order
}

/// How many turns a scan has. One without any is no kernel: its carried values stay what they start from.
fn turns(graph: &Graph, id: crate::ir::NodeId) -> usize {
    match graph.op(id) {
        crate::ir::Op::Scan(scan) => scan.turns,
        op => unreachable!("{op:?} is no loop"),
    }
}

/// A buffer that no kernel has asked for before.
fn buffer(name: String, home: Home, dtype: crate::ir::DType, shape: Vec<usize>) -> Buffer {
    Buffer { name, home, dtype, shape, layout: Layout::Rows }
}
