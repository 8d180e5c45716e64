//! What may stand between two barriers.

use super::blocks::{alike, touch};
use crate::kernel::access::{Access, accesses};
use crate::kernel::order::{Occurrence, phases, turns};
use crate::kernel::ranges::Ranges;
use crate::kernel::{Home, Item, Share, Step, has_check};

/// What is wrong with the order's barriers.
pub fn check(step: &Step) -> Vec<String> {
    let all: Vec<Vec<Access>> =
        step.kernels.iter().enumerate().map(|(at, kernel)| accesses(kernel, &turns(step, at))).collect();
    let mut found = Vec::new();
    let mut changed: Option<usize> = None;
    for phase in phases(step, 1) {
        let before = changed.is_some();
        let writes = |here: &&Occurrence| all[here.kernel].iter().any(|access| writes_place(step, access));
        changed = changed.or(phase.iter().find(writes).map(|here| here.kernel));
        for (at, kernel) in phase.iter().map(|here| &step.kernels[here.kernel]).enumerate() {
            // A thread that finds a fault in what each does leaves before it does anything else, as all do.
            let nothing_changed = !before && !phase[..at].iter().any(|here| writes(&here));
            let leaves = kernel.share == Share::Each && nothing_changed;
            if let Some(changed) = changed.filter(|_| has_check(&kernel.body) && !leaves) {
                let earlier = &step.kernels[changed].name;
                found.push(format!("{} checks, when {earlier} may have written a place", kernel.name));
            }
        }
    }
    let alternate =
        step.buffers.iter().find(|b| matches!(b.home, Home::Alternate(..) | Home::OwnAlternate(..)));
    if let Some(buffer) = alternate.filter(|_| phases(step, 1).len() == 1) {
        found.push(format!("no barrier keeps calls apart that use the same copy of {}", buffer.name));
    }
    kept_apart(step, &step.order, &all, &mut found);
    // Of two calls, what of one runs beside what of the next shows; of more, what runs beside those to come.
    for phase in phases(step, 2 + coming(&step.order)) {
        for (at, here) in phase.iter().enumerate() {
            let kernel = &step.kernels[here.kernel];
            for other in &phase[..at] {
                // One thread does its kernels one after another.
                let in_turn = kernel.share == Share::One && step.kernels[other.kernel].share == Share::One;
                if let Some(buffer) = conflict(step, &all, other, here).filter(|_| !in_turn) {
                    let (first, second) = (&step.kernels[other.kernel].name, &kernel.name);
                    found.push(format!("no barrier lies between {first} and {second}, which share {buffer}"));
                }
            }
        }
    }
    found.sort();
    found.dedup();
    found
}

/// A buffer that one of two kernels writes and the other touches, if there is one.
fn conflict(step: &Step, all: &[Vec<Access>], a: &Occurrence, b: &Occurrence) -> Option<String> {
    let mut of_both = turns(step, a.kernel);
    let others = turns(step, b.kernel);
    of_both.iter_mut().zip(&others).for_each(|(most, other)| *most = (*most).max(*other));
    // Where the turns differ, the second kernel's counter is a variable of its own.
    let ranges = Ranges::new(&[of_both.clone(), of_both].concat());
    let shared = |counter: usize| {
        let turn = |o: &Occurrence| o.turns.iter().find(|(c, _)| *c == counter).map(|(_, turn)| *turn);
        if turn(a) == turn(b) { counter } else { counter + step.counters }
    };
    let pairs = all[a.kernel].iter().flat_map(|x| all[b.kernel].iter().map(move |y| (x, y)));
    // Threads have the same blocks of one axis in both.
    let blocks = |kernel: usize| step.kernels[kernel].owner().map(|owner| (owner.extent, owner.unit));
    let divided = blocks(a.kernel).is_some() && blocks(a.kernel) == blocks(b.kernel);
    let in_thread = |x: &Access, y: &Access| divided && alike(step, x, y);
    // Calls that take turns have each their own copy.
    let copies = |x: &Access, y: &Access| {
        let [x, y] = [x, y].map(|access| step.buffers[access.buffer.0 as usize].home);
        match x {
            Home::Alternate(copies) => x == y && !a.call.abs_diff(b.call).is_multiple_of(copies.count),
            _ => false,
        }
    };
    let mut writing = pairs.filter(|(x, y)| (x.written || y.written) && !in_thread(x, y) && !copies(x, y));
    let (x, _) = writing.find(|pair| touch(step, &ranges, *pair, &shared))?;
    Some(step.buffers[x.buffer.0 as usize].name.clone())
}

/// What is written for calls to come lies in a copy for each of them and one for the call that is under way.
fn kept_apart(step: &Step, items: &[Item], all: &[Vec<Access>], found: &mut Vec<String>) {
    for item in items {
        let Item::Coming { calls, body } = item else { continue };
        for item in body {
            let Item::Kernel(kernel) = item else { continue };
            for access in all[*kernel].iter().filter(|access| access.written) {
                let buffer = &step.buffers[access.buffer.0 as usize];
                let apart = match buffer.home {
                    Home::Alternate(copies) | Home::OwnAlternate(copies) => copies.count > *calls,
                    Home::Report(_) | Home::Scratch(_) => true,
                    Home::Arg(_)
                    | Home::Place(_)
                    | Home::Resident(_)
                    | Home::Run
                    | Home::Arena(_)
                    | Home::Own(_) => false,
                };
                if !apart {
                    let (name, buffer) = (&step.kernels[*kernel].name, &buffer.name);
                    found.push(format!(
                        "{name} writes {buffer} for {calls} calls to come, which are not apart in it"
                    ));
                }
            }
        }
    }
}

/// Of how many calls to come something is done at once.
fn coming(items: &[Item]) -> usize {
    let of = |item: &Item| match item {
        Item::Kernel(_) | Item::Barrier => 0,
        Item::Coming { calls, .. } => *calls,
        Item::Loop { body, .. } | Item::Next(body) | Item::Blocks(body) => coming(body),
    };
    items.iter().map(of).max().unwrap_or(0)
}

fn writes_place(step: &Step, access: &Access) -> bool {
    access.written && matches!(step.buffers[access.buffer.0 as usize].home, Home::Place(_))
}
