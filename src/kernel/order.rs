//! What runs beside what: the order of a step as phases between barriers.

use super::{Item, Step};

/// A kernel at a place in the order.
#[derive(Clone, Debug)]
pub struct Occurrence {
    /// The kernel.
    pub kernel: usize,
    /// Counters of the loops around it, each with a number for the turn: equal numbers are one turn.
    pub turns: Vec<(usize, usize)>,
    /// In which call.
    pub call: usize,
}

/// The kernels between one barrier and the next in so many calls. Two turns stand for all those of a loop: what is
/// beside the first or the last one, and what turns follow each other, shows in two.
pub fn phases(step: &Step, calls: usize) -> Vec<Vec<Occurrence>> {
    let mut walk = Walk { phases: vec![Vec::new()], around: Vec::new(), turns: 0, call: 0, calls };
    if calls > 0 {
        walk.items(&step.opening);
    }
    for call in 0..calls {
        walk.call = call;
        walk.items(&step.order);
    }
    walk.phases
}

/// For each counter how many turns it goes through at most where a kernel stands.
pub fn turns(step: &Step, kernel: usize) -> Vec<usize> {
    let mut turns = vec![0; step.counters];
    greatest(&step.opening, kernel, &mut turns);
    greatest(&step.order, kernel, &mut turns);
    turns
}

/// Whether the kernel stands in the items.
fn greatest(items: &[Item], kernel: usize, found: &mut [usize]) -> bool {
    let mut stands = false;
    for item in items {
        stands |= match item {
            Item::Kernel(at) => *at == kernel,
            Item::Barrier => false,
            Item::Next(body) | Item::Coming { body, .. } | Item::Blocks(body) => {
                greatest(body, kernel, found)
            }
            Item::Loop { counter, turns, body, reverse: _ } => {
                let inside = greatest(body, kernel, found);
                if let Some(most) = found.get_mut(*counter).filter(|_| inside) {
                    *most = (*most).max(*turns);
                }
                inside
            }
        };
    }
    stands
}

/// What there is in a call of a run of items of calls to come, each with the call that it is of: item after item for all
/// those calls. All wait once, not for each of them.
pub fn to_come(
    body: &[Item],
    at_once: usize,
    call: usize,
    calls: usize,
) -> impl Iterator<Item = (usize, &Item)> {
    let end = if call.is_multiple_of(at_once) { (call + 1).saturating_add(at_once).min(calls) } else { 0 };
    let coming = call + 1..end;
    body.iter().flat_map(move |item| {
        let times = if *item == Item::Barrier { 1 } else { coming.len() };
        coming.clone().take(times).map(move |call| (call, item))
    })
}

struct Walk {
    phases: Vec<Vec<Occurrence>>,
    around: Vec<(usize, usize)>,
    turns: usize,
    call: usize,
    calls: usize,
}

impl Walk {
    fn items(&mut self, items: &[Item]) {
        for item in items {
            match item {
                Item::Kernel(kernel) => {
                    let here = Occurrence { kernel: *kernel, turns: self.around.clone(), call: self.call };
                    if let Some(phase) = self.phases.last_mut() {
                        phase.push(here);
                    }
                }
                Item::Barrier => self.phases.push(Vec::new()),
                Item::Blocks(body) => self.items(body),
                Item::Next(body) => {
                    if self.call + 1 < self.calls {
                        self.call += 1;
                        self.items(body);
                        self.call -= 1;
                    }
                }
                Item::Coming { calls, body } => {
                    let now = self.call;
                    for (call, item) in to_come(body, *calls, now, self.calls) {
                        self.call = call;
                        self.items(std::slice::from_ref(item));
                    }
                    self.call = now;
                }
                Item::Loop { counter, turns, body, reverse: _ } => {
                    for turn in 0..(*turns).min(2) {
                        if turn > 0 {
                            self.phases.push(Vec::new());
                        }
                        self.turns += 1;
                        self.around.push((*counter, self.turns));
                        self.items(body);
                        self.around.pop();
                    }
                }
            }
        }
    }
}
