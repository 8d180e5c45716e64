//! What stands in the order, and which counters a kernel may read.

use crate::kernel::mentioned;
use crate::kernel::{Item, Step};

/// Calls to come of which something may be done at once: the verifier goes through all of them.
const MOST_TO_COME: usize = 64;

/// What is wrong with the step's order.
pub fn check(step: &Step) -> Vec<String> {
    let mut found = Vec::new();
    for of in [&step.opening, &step.order] {
        items(step, of, &mut Vec::new(), &mut found);
    }
    if !found.is_empty() {
        return found;
    }
    let (mut opening, mut next) = (Vec::new(), Vec::new());
    kernels(&step.opening, true, &mut opening);
    kernels(&step.order, false, &mut next);
    if opening != next {
        found.push("what opens a run is not what the order has of the next call".to_owned());
    }
    inside(&step.opening, true, &mut found);
    inside(&step.order, false, &mut found);
    blocks(step, &step.order, &mut found);
    found
}

fn items(step: &Step, order: &[Item], around: &mut Vec<usize>, found: &mut Vec<String>) {
    for item in order {
        match item {
            Item::Kernel(at) => match step.kernels.get(*at) {
                Some(kernel) => {
                    let counters = mentioned::of(kernel).counters;
                    let outside = counters.iter().filter(|counter| !around.contains(counter));
                    let name = &kernel.name;
                    found.extend(outside.map(|c| format!("{name} reads c{c} and stands in no loop of it")));
                }
                None => found.push(format!("the order names kernel {at}, which does not exist")),
            },
            Item::Barrier => {}
            Item::Loop { counter, body, .. } => {
                if *counter >= step.counters {
                    found.push(format!("c{counter} is none of the step's {} counters", step.counters));
                }
                if around.contains(counter) {
                    found.push(format!("a loop of c{counter} stands in another one"));
                }
                around.push(*counter);
                items(step, body, around, found);
                around.pop();
            }
            Item::Next(body) | Item::Coming { body, .. } | Item::Blocks(body) => {
                items(step, body, around, found);
            }
        }
    }
}

/// The kernels among the items, or those of the next call only.
fn kernels(items: &[Item], all: bool, found: &mut Vec<usize>) {
    for item in items {
        match item {
            Item::Kernel(at) if all => found.push(*at),
            Item::Kernel(_) | Item::Barrier => {}
            Item::Loop { body, .. } | Item::Blocks(body) => kernels(body, all, found),
            Item::Next(body) | Item::Coming { body, .. } => kernels(body, true, found),
        }
    }
}

/// The next call has no next, its loops are its own, and a run opens with a call that is not the next of any.
fn inside(items: &[Item], next: bool, found: &mut Vec<String>) {
    for item in items {
        match item {
            Item::Kernel(_) | Item::Barrier => {}
            Item::Next(_) if next => found.push("the next call stands in a loop or in itself".to_owned()),
            Item::Coming { calls, body } => {
                let plain = |item: &Item| matches!(item, Item::Kernel(_) | Item::Barrier);
                if next || !body.iter().all(plain) {
                    found.push(
                        "of calls to come there are kernels and barriers, in no loop or block".to_owned(),
                    );
                }
                if !(1..=MOST_TO_COME).contains(calls) {
                    found.push(format!("of {calls} calls at once, not of 1 to {MOST_TO_COME}"));
                }
            }
            Item::Loop { body, .. } | Item::Next(body) => inside(body, true, found),
            Item::Blocks(body) => inside(body, next, found),
        }
    }
}

/// What is done block by block are kernels with the same blocks.
fn blocks(step: &Step, items: &[Item], found: &mut Vec<String>) {
    for item in items {
        match item {
            Item::Kernel(_) | Item::Barrier | Item::Coming { .. } => {}
            Item::Loop { body, .. } | Item::Next(body) => blocks(step, body, found),
            Item::Blocks(body) => {
                let mut within = Vec::new();
                kernels(body, true, &mut within);
                let owner = |at: &usize| step.kernels[*at].owner().map(|owner| (owner.extent, owner.unit));
                let same = within.iter().all(|at| owner(at).is_some() && owner(at) == owner(&within[0]));
                let only = |items: &[Item]| items.iter().all(|item| matches!(item, Item::Kernel(_)));
                let plain = body.iter().all(|item| match item {
                    Item::Kernel(_) => true,
                    Item::Next(body) => only(body),
                    Item::Barrier | Item::Loop { .. } | Item::Coming { .. } | Item::Blocks(_) => false,
                });
                if within.is_empty() || !same || !plain {
                    found.push("what is done block by block are not kernels with the same blocks".to_owned());
                }
            }
        }
    }
}
