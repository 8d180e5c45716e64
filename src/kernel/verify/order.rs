//! What stands in the order, and which counters a kernel may read.

use crate::kernel::mentioned;
use crate::kernel::{Item, Step};

/// What is wrong with the step's order.
pub fn check(step: &Step) -> Vec<String> {
    let mut found = Vec::new();
    items(step, &step.order, &mut Vec::new(), &mut found);
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
        }
    }
}
