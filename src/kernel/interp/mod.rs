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
/// barrier.
pub fn run(step: &Step, memory: &mut Memory, team: Team) -> bool {
    let mut call =
        Call { step, memory, team, counters: vec![0; step.counters], due: Vec::new(), fault: false };
    call.items(&step.order);
    call.barrier();
    call.fault
}

/// A call under way.
struct Call<'a> {
    step: &'a Step,
    memory: &'a mut Memory,
    team: Team,
    counters: Vec<usize>,
    /// Kernels since the last barrier, with the counters they see.
    due: Vec<(usize, Vec<usize>)>,
    fault: bool,
}

impl Call<'_> {
    fn items(&mut self, items: &[Item]) {
        for item in items {
            match item {
                Item::Kernel(kernel) => self.due.push((*kernel, self.counters.clone())),
                Item::Barrier => self.barrier(),
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
            for (kernel, counters) in &due {
                self.part(*kernel, counters, thread);
            }
        }
    }

    fn part(&mut self, kernel: usize, counters: &[usize], thread: usize) {
        let kernel = &self.step.kernels[kernel];
        let blocks = match &kernel.share {
            Share::Blocks(owner) => self.team.blocks(owner.extent.div_ceil(owner.unit), thread),
            Share::First => 0..usize::from(thread == 0),
            Share::Each => 0..1,
        };
        self.memory.turn_to(thread);
        for block in blocks {
            self.fault |= block::run(self.step, kernel, self.memory, counters, self.team.backwards, block);
        }
    }
}
