//! Running compiled steps: arena, scratch, contexts, and the team's one entry for all the calls of a
//! queue.

use super::emit::{Code, layout};
use super::memory::{Block, LINE};
use super::team::{Barrier, Team};
use crate::ir::{Tensor, Type};
use crate::kernel::{Buffer, Copies, Home, Step};
use std::sync::atomic::{AtomicUsize, Ordering};

/// What steps share and keep: the module's arrays.
#[derive(Debug, Default)]
pub struct Arrays {
    /// Places, by index.
    pub places: Vec<Block>,
    /// Resident arrays, by index.
    pub residents: Vec<Block>,
}

/// An argument of the calls of a [`Job`]. Positions count elements.
#[derive(Debug)]
pub enum Argument {
    /// Call i takes what begins at `start + i * step` of a resident array.
    Rows {
        /// The array.
        resident: usize,
        /// The first call's first element.
        start: usize,
        /// From call to call.
        step: usize,
    },
    /// The same for all calls.
    Value(Tensor),
    /// A report of a call of an earlier job.
    Report {
        /// The job, by position in the queue.
        job: usize,
        /// The call in the job.
        call: usize,
        /// Position of the report.
        report: usize,
    },
}

/// Some calls of one step.
#[derive(Debug)]
pub struct Job<'a> {
    /// The step.
    pub step: &'a Step,
    /// Its code.
    pub code: &'a Code,
    /// How many calls.
    pub calls: usize,
    /// How often the step's family has run before the first.
    pub run: u32,
    /// The arguments.
    pub args: Vec<Argument>,
    /// The type of each report.
    pub reports: &'a [Type],
}

/// What came of a queue of jobs.
#[derive(Debug, Default)]
pub struct Outcome {
    /// The reports of each call that was made, in order.
    pub reports: Vec<Vec<Tensor>>,
    /// The job and the call in it that raised the fault word.
    pub fault: Option<(usize, usize)>,
}

/// A team of threads with the memory that it needs.
#[derive(Debug)]
pub struct Machine {
    team: Team,
    arena: Block,
    scratch: Vec<Block>,
}

/// Memory that belongs to one job while its queue runs.
struct Held {
    /// For each report, a slot a call.
    slots: Vec<Block>,
    /// The arguments that are values.
    values: Vec<Option<Block>>,
    /// What is marked of values.
    marks: Block,
    /// A context for each thread.
    contexts: Vec<Block>,
}

/// A buffer's base, and how far it goes from call to call; of copies, where the first one begins.
struct Base {
    address: usize,
    stride: usize,
    /// How many bytes are there for each call.
    bytes: usize,
}

impl Machine {
    /// A machine of so many threads, which can run these steps.
    pub fn new(threads: usize, steps: &[Step]) -> Machine {
        let team = Team::new(threads);
        let most = |of: fn(&Step) -> usize| steps.iter().map(of).max().unwrap_or(0);
        let scratch = (0..team.threads()).map(|_| Block::new(most(|s| s.scratch))).collect();
        Machine { scratch, arena: Block::new(most(|s| s.arena)), team }
    }

    /// How many threads.
    pub fn threads(&self) -> usize {
        self.team.threads()
    }

    /// Makes the calls of all jobs in order, up to the first that raises the fault word; on so many of the threads.
    pub fn run(&mut self, jobs: &[Job<'_>], arrays: &mut Arrays, threads: usize) -> Outcome {
        let barrier = Barrier::new(threads.clamp(1, self.team.threads()));
        let mut held: Vec<Held> = Vec::new();
        for job in jobs {
            let of = self.prepare(job, &barrier, arrays, &mut held);
            held.push(of);
        }
        let contexts: Vec<Vec<usize>> =
            held.iter_mut().map(|of| of.contexts.iter_mut().map(Block::address).collect()).collect();
        let done: Vec<AtomicUsize> = jobs.iter().map(|_| AtomicUsize::new(0)).collect();
        self.team.run(barrier.threads(), &|thread| {
            for ((job, contexts), done) in jobs.iter().zip(&contexts).zip(&done) {
                let (step, context) = (job.code.step(), contexts[thread] as *mut u64);
                // SAFETY: the context is this thread's own and has the layout of the code; `prepare` has
                // seen to it that each base points to memory of the buffer's size that lives in `held`,
                // `arrays` or this machine, all of which are borrowed until the team is done.
                let made = unsafe { step(context, job.calls as i64) } as usize;
                if thread == 0 {
                    done.store(made, Ordering::Relaxed);
                }
                if made < job.calls {
                    return;
                }
            }
        });
        outcome(jobs, &held, &done)
    }

    /// The memory of a job, and its contexts.
    fn prepare(
        &mut self,
        job: &Job<'_>,
        barrier: &Barrier,
        arrays: &mut Arrays,
        before: &mut [Held],
    ) -> Held {
        let (step, threads) = (job.step, barrier.threads());
        assert!(step.arena <= self.arena.len() && step.scratch <= self.scratch[0].len(), "{}", step.name);
        let slot = |ty: &Type| Block::new(ty.bytes().next_multiple_of(LINE) * job.calls);
        let value = |arg: &Argument| match arg {
            Argument::Value(tensor) => Some(Block::of(tensor)),
            Argument::Rows { .. } | Argument::Report { .. } => None,
        };
        let mut held = Held {
            slots: job.reports.iter().map(slot).collect(),
            values: job.args.iter().map(value).collect(),
            marks: Block::new(job.code.marks.words * 8),
            contexts: (0..threads).map(|_| Block::new(job.code.layout.words * 8)).collect(),
        };
        let marks = held.marks.words_mut();
        job.code.marks.known.iter().for_each(|flag| marks[*flag] = 1);
        for thread in 0..threads {
            let run = held.contexts[thread].address() + layout::RUN * 8;
            let layout = job.code.layout;
            let bases: Vec<Base> = step
                .buffers
                .iter()
                .map(|buffer| self.base(job, buffer, thread, run, arrays, &mut held, before))
                .collect();
            let marks = held.marks.address() as u64;
            let words = held.contexts[thread].words_mut();
            words[layout::FAULT] = barrier.fault_word() as *const _ as u64;
            words[layout::BARRIER] = barrier as *const _ as u64;
            words[layout::THREAD] = thread as u64;
            words[layout::THREADS] = threads as u64;
            words[layout::MARKS] = marks;
            words[layout::RUN] = u64::from(job.run);
            for (at, kernel) in job.code.kernels.iter().enumerate() {
                words[layout.kernel(at)] = kernel.address as u64;
            }
            for (at, (base, buffer)) in bases.iter().zip(&step.buffers).enumerate() {
                let needed = buffer.elements() * buffer.dtype.size();
                assert!(
                    needed <= base.bytes,
                    "{} in {} has less memory than it needs",
                    buffer.name,
                    step.name
                );
                words[layout.base(at)] = base.address as u64;
                words[layout.stride(at)] = base.stride as u64;
            }
        }
        held
    }

    #[allow(clippy::too_many_arguments)]
    fn base(
        &mut self,
        job: &Job<'_>,
        buffer: &Buffer,
        thread: usize,
        run: usize,
        arrays: &mut Arrays,
        held: &mut Held,
        before: &mut [Held],
    ) -> Base {
        let still = |address: usize, bytes: usize| Base { address, stride: 0, bytes };
        let whole = |block: &mut Block| still(block.address(), block.len());
        let part = |block: &mut Block, at: usize| still(block.address() + at, block.len().saturating_sub(at));
        match buffer.home {
            Home::Place(at) => whole(&mut arrays.places[at]),
            Home::Resident(at) => whole(&mut arrays.residents[at]),
            Home::Arena(at) => part(&mut self.arena, at),
            Home::Alternate(of) => copies(&mut self.arena, of),
            Home::OwnAlternate(of) => copies(&mut self.scratch[thread], of),
            Home::Own(at) | Home::Scratch(at) => part(&mut self.scratch[thread], at),
            Home::Run => still(run, 4),
            Home::Report(at) => slot(&mut held.slots[at], &job.reports[at], 0),
            Home::Arg(at) => match &job.args[at] {
                Argument::Value(tensor) => {
                    assert_eq!(
                        tensor.ty.dtype, buffer.dtype,
                        "argument {} of {}",
                        buffer.name, job.step.name
                    );
                    whole(held.values[at].as_mut().expect("a value has memory"))
                }
                Argument::Rows { resident, start, step } => {
                    let size = buffer.dtype.size();
                    let block = &mut arrays.residents[*resident];
                    let last = (start + job.calls.saturating_sub(1) * step) * size;
                    let bytes = block.len().saturating_sub(last);
                    Base { address: block.address() + start * size, stride: step * size, bytes }
                }
                Argument::Report { job, call, report } => {
                    let bytes = buffer.elements() * buffer.dtype.size();
                    let block = &mut before[*job].slots[*report];
                    let at = call * bytes.next_multiple_of(LINE);
                    still(block.address() + at, block.len().saturating_sub(at))
                }
            },
        }
    }
}

/// The first of some copies; in place of a distance stands where it begins.
fn copies(block: &mut Block, of: Copies) -> Base {
    let address = block.address() + of.first;
    Base { address, stride: address, bytes: block.len().saturating_sub(of.last()) }
}

/// The slot of a report's call; the others follow.
fn slot(block: &mut Block, ty: &Type, call: usize) -> Base {
    let stride = ty.bytes().next_multiple_of(LINE);
    Base { address: block.address() + call * stride, stride, bytes: ty.bytes() }
}

/// The reports of the calls that were made, and the call that was not.
fn outcome(jobs: &[Job<'_>], held: &[Held], done: &[AtomicUsize]) -> Outcome {
    let mut outcome = Outcome::default();
    for (at, ((job, held), done)) in jobs.iter().zip(held).zip(done).enumerate() {
        let made = done.load(Ordering::Relaxed);
        for call in 0..made {
            let read =
                |(block, ty): (&Block, &Type)| block.tensor(ty, call * ty.bytes().next_multiple_of(LINE));
            outcome.reports.push(held.slots.iter().zip(job.reports).map(read).collect());
        }
        if made < job.calls {
            outcome.fault = Some((at, made));
            break;
        }
    }
    outcome
}
