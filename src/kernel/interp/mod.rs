//! The meaning of the kernel IR: every statement element by element, every sum in its order.
//!
//! One thread plays the whole team. Between two barriers it does the parts of one thread after those of
//! another, in either direction, so that a test sees whether a step depends on how many threads there are or
//! which of them is first. What a verified step must not read (scratch of another block, arena that was not
//! written) holds NaN.

mod block;
mod memory;
mod product;
mod value;

pub use memory::Memory;

use super::order::to_come;
use super::{Item, Share, Step};
use std::ops::Range;

/// How the blocks of each kernel are divided and in which order they are done.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Team {
    /// Number of threads; thread t of T has blocks `n * t / T` up to `n * (t + 1) / T` of n.
    pub threads: usize,
    /// The last thread comes first, and a `lanes` loop is done from its end.
    pub backwards: bool,
}

impl Default for Team {
    fn default() -> Team {
        Team { threads: 1, backwards: false }
    }
}

impl Team {
    /// The blocks of a thread.
    pub fn blocks(self, count: usize, thread: usize) -> Range<usize> {
        count * thread / self.threads..count * (thread + 1) / self.threads
    }
}

/// Runs one call of a step. Gives whether a `check` raised the fault word: then the call ended at the next
/// barrier, or for each thread after the kernel that each does.
pub fn run(step: &Step, memory: &mut Memory, team: Team) -> bool {
    run_in_a_row(step, memory, team, 1)
}

/// Runs calls with the same arguments, one after another as far as their barriers say. The reports are those of the last.
pub fn run_in_a_row(step: &Step, memory: &mut Memory, team: Team, calls: usize) -> bool {
    let (counters, due) = (vec![0; step.counters], Vec::new());
    let mut run = Run { step, memory, team, counters, call: 0, calls, due, fault: false };
    if calls > 0 {
        run.items(&step.opening);
    }
    for call in 0..calls {
        run.call = call;
        run.items(&step.order);
    }
    run.barrier();
    run.fault
}

/// A kernel that is to be run.
struct Due {
    kernel: usize,
    call: usize,
    /// The counters it sees.
    counters: Vec<usize>,
}

/// Calls under way.
struct Run<'a> {
    step: &'a Step,
    memory: &'a mut Memory,
    team: Team,
    counters: Vec<usize>,
    call: usize,
    calls: usize,
    /// Kernels since the last barrier; those that are done together block by block.
    due: Vec<Vec<Due>>,
    fault: bool,
}

impl Run<'_> {
    fn items(&mut self, items: &[Item]) {
        for item in items {
            match item {
                Item::Kernel(kernel) => {
                    let counters = self.counters.clone();
                    self.due.push(vec![Due { kernel: *kernel, call: self.call, counters }]);
                }
                Item::Barrier => self.barrier(),
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
                Item::Blocks(body) => {
                    let before = self.due.len();
                    self.items(body);
                    let together = self.due.drain(before..).flatten().collect();
                    self.due.push(together);
                }
                Item::Loop { counter, turns, reverse, body } => {
                    for turn in 0..*turns {
                        if turn > 0 {
                            self.barrier();
                        }
                        self.counters[*counter] = if *reverse { turns - 1 - turn } else { turn };
                        self.items(body);
                    }
                }
            }
        }
    }

    /// Does what is due, unless a fault stands.
    fn barrier(&mut self) {
        let due = std::mem::take(&mut self.due);
        if self.fault {
            return;
        }
        for turn in 0..self.team.threads {
            let thread = if self.team.backwards { self.team.threads - 1 - turn } else { turn };
            for due in &due {
                let fault = self.part(due, thread);
                self.fault |= fault;
                if fault && due.iter().any(|due| self.step.kernels[due.kernel].share == Share::Each) {
                    break;
                }
            }
        }
    }

    /// A thread's part of kernels with the same blocks, or of one; gives whether a check failed.
    fn part(&mut self, together: &[Due], thread: usize) -> bool {
        let Some(first) = together.first() else { return false };
        let blocks = match &self.step.kernels[first.kernel].share {
            Share::Blocks(owner) => self.team.blocks(owner.extent.div_ceil(owner.unit), thread),
            Share::One => 0..usize::from(thread + 1 == self.team.threads),
            Share::Each => 0..1,
        };
        let mut fault = false;
        for block in blocks {
            for due in together {
                let kernel = &self.step.kernels[due.kernel];
                self.memory.turn_to(thread, due.call);
                fault |=
                    block::run(self.step, kernel, self.memory, &due.counters, self.team.backwards, block);
            }
        }
        fault
    }
}
