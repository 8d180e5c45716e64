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

use super::{Buffer, Home, Item, Kernel, Layout, Share, Step};
use crate::fuse::{Ahead, Fused, What};
use crate::ir::Graph;
use crate::plan::Plan;
use scope::{Scope, Step as Memory};

/// The kernels of a step.
pub fn schedule(graph: &Graph, fused: &Fused, plan: &Plan) -> Step {
    let mut memory = Memory::of(graph);
    let mut kernels = Vec::new();
    let mut counters = 0;
    let root = Scope { graph, fused, plan, outer: None };
    let phases = clusters(&root, &mut memory, &mut kernels, &mut counters);
    let (opening, order) = match fused.calls.ahead {
        None => (Vec::new(), joined(phases, fused.calls.closed)),
        Some(of) => ahead(phases, of, &kernels),
    };
    Step {
        name: graph.name.clone(),
        buffers: memory.buffers,
        kernels,
        opening,
        order,
        counters,
        arena: plan.arena,
        scratch: plan.scratch.max(memory.scratch),
    }
}

/// Phases one after another, each behind a barrier; one more at the end, if it is asked for.
fn joined(phases: Vec<Vec<Item>>, closed: bool) -> Vec<Item> {
    let mut order = phases.join(&Item::Barrier);
    order.extend(closed.then_some(Item::Barrier));
    order
}

/// What opens a run, and the order of a call, when phases of the next call up to one come ahead: the blocks of that
/// one together with those of the last phase.
fn ahead(mut phases: Vec<Vec<Item>>, of: Ahead, kernels: &[Kernel]) -> (Vec<Item>, Vec<Item>) {
    let mut rest = phases.split_off(of.phase + 1);
    let (last, begin) = (rest.pop().unwrap_or_default(), phases.pop().unwrap_or_default());
    let kernel = |item: &Item| match item {
        Item::Kernel(at) => Some(&kernels[*at]),
        Item::Barrier | Item::Loop { .. } | Item::Next(_) | Item::Coming { .. } | Item::Blocks(_) => None,
    };
    let together = |item: &Item| {
        let owner = kernel(item).and_then(Kernel::owner);
        owner.is_some_and(|owner| (owner.extent, owner.unit) == (of.owner.extent, of.owner.unit))
    };
    let each = |item: &Item| kernel(item).is_some_and(|kernel| kernel.share == Share::Each);
    // What each thread does for itself may be read by the others; these have nothing to do with one another.
    let (of_last, others) = last.into_iter().partition::<Vec<_>, _>(together);
    let (of_begin, beginnings) = begin.into_iter().partition::<Vec<_>, _>(together);
    let (for_itself, after) = beginnings.into_iter().partition::<Vec<_>, _>(each);
    phases.push([for_itself.clone(), of_begin.clone(), after.clone()].concat());
    let opening = joined(phases.clone(), true);
    phases.pop();
    let next = |items: Vec<Item>| (!items.is_empty()).then_some(Item::Next(items));
    // The first phases of the next call go beside the last but one, and behind it; those of several calls all beside it.
    if of.calls > 1 {
        let coming = Item::Coming { calls: of.calls, body: joined(phases, false) };
        rest.last_mut().expect("there is a phase between").push(coming);
    } else {
        for (nth, phase) in phases.into_iter().enumerate() {
            match rest.last_mut().filter(|_| nth == 0) {
                Some(beside) => beside.extend(next(phase)),
                None => rest.push(next(phase).into_iter().collect()),
            }
        }
    }
    let mut end = others;
    end.extend(next(for_itself));
    end.push(Item::Blocks(of_last.into_iter().chain(next(of_begin)).collect()));
    end.extend(next(after));
    rest.push(end);
    (opening, joined(rest, true))
}

/// The clusters of one graph, phase by phase.
fn clusters(
    scope: &Scope<'_>,
    memory: &mut Memory,
    kernels: &mut Vec<Kernel>,
    counters: &mut usize,
) -> Vec<Vec<Item>> {
    let mut phases = vec![Vec::new()];
    let mut phase = 0;
    for cluster in &scope.fused.clusters {
        let first = cluster.pieces[0];
        if let What::Loop(id, _) = &scope.fused.pieces[first].what
            && turns(scope.graph, *id) == 0
        {
            continue;
        }
        if cluster.phase != phase {
            phases.push(Vec::new());
            phase = cluster.phase;
        }
        if let What::Loop(id, body) = &scope.fused.pieces[first].what {
            let crate::ir::Op::Scan(scan) = scope.graph.op(*id) else { unreachable!("a loop is a scan") };
            let counter = *counters;
            *counters += 1;
            let outer = Some((scope, *id, counter));
            let inner = Scope { graph: &scan.body, fused: body, plan: &scope.plan.loops[id], outer };
            let body = joined(clusters(&inner, memory, kernels, counters), false);
            let item = Item::Loop { counter, turns: scan.turns, reverse: scan.reverse, body };
            phases.last_mut().expect("there is one").push(item);
            continue;
        }
        let name = format!("{}.{}", memory.name, kernels.len());
        let kernel = pieces::kernel(scope, memory, name, cluster);
        phases.last_mut().expect("there is one").push(Item::Kernel(kernels.len()));
        kernels.push(kernel);
    }
    phases
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
