//! The unit of work: a queue of step calls, run-length coded, handed to a device.
//!
//! A device owns the places and the resident arrays. It carries out the calls of a queue in order as
//! if one after another, each reading places as the one before left them, and gives the reports of
//! each. Nothing returns to the host in between. State is always between two steps: where a call
//! cannot be carried out, the places are as before it.

use crate::ir::Tensor;
use crate::ir::interp::Fault;
use crate::program::{PlaceId, ResidentId, StepId};

/// Number of a call in the run, from 0.
pub type CallId = u64;

/// A run of calls of one step with like arguments.
#[derive(Clone, Debug)]
pub struct Entry {
    /// The step.
    pub step: StepId,
    /// The first call's number; the others follow it.
    pub first: CallId,
    /// How many calls.
    pub count: usize,
    /// How often the step's family ([`crate::ir::Module::families`]) had run before the first call; it
    /// goes up by one a call.
    pub run: u64,
    /// The arguments, by position.
    pub args: Vec<Arg>,
}

/// An argument of the calls of an [`Entry`].
#[derive(Clone, Debug)]
pub enum Arg {
    /// Call i takes rows `start + i * size` to `start + (i + 1) * size` of a resident array.
    Batch {
        /// The array.
        resident: ResidentId,
        /// The first call's first row.
        start: usize,
        /// Rows to a minibatch.
        size: usize,
    },
    /// A host number, the same for all calls; 0 and 1 stand for truth values.
    Scalar(f64),
    /// A tensor, the same for all calls.
    Tensor(Tensor),
    /// A report of an earlier call of the same queue.
    Report {
        /// The call.
        call: CallId,
        /// Position of the report.
        report: usize,
    },
}

impl Arg {
    /// Whether this is what call number `at` of an entry with argument `of` takes.
    fn continues(&self, of: &Arg, at: usize) -> bool {
        match (of, self) {
            (Arg::Batch { resident, start, size }, Arg::Batch { resident: r, start: f, size: s }) => {
                resident == r && size == s && start + at * size == *f
            }
            (Arg::Scalar(a), Arg::Scalar(b)) => a.to_bits() == b.to_bits(),
            (Arg::Tensor(a), Arg::Tensor(b)) => std::sync::Arc::ptr_eq(&a.data, &b.data) && a.ty == b.ty,
            (Arg::Batch { .. } | Arg::Scalar(_) | Arg::Tensor(_) | Arg::Report { .. }, _) => false,
        }
    }

    /// The argument of call number `at` of the entry alone.
    fn of_call(&self, at: usize) -> Arg {
        match self {
            Arg::Batch { resident, start, size } => {
                Arg::Batch { resident: *resident, start: start + at * size, size: *size }
            }
            Arg::Scalar(_) | Arg::Tensor(_) | Arg::Report { .. } => self.clone(),
        }
    }
}

impl Arg {
    /// Bytes of the elements that it holds.
    pub fn bytes(&self) -> usize {
        match self {
            Arg::Tensor(tensor) => tensor.ty.bytes(),
            Arg::Batch { .. } | Arg::Scalar(_) | Arg::Report { .. } => 0,
        }
    }
}

impl Entry {
    /// Lets a call join the queue: the last entry if it goes on with it, else a new one.
    pub fn join(queue: &mut Vec<Entry>, step: StepId, call: CallId, run: u64, args: Vec<Arg>) {
        if let Some(last) = queue.last_mut() {
            let like = last.step == step
                && last.first + last.count as u64 == call
                && last.run + last.count as u64 == run
                && args.iter().zip(&last.args).all(|(new, old)| new.continues(old, last.count));
            if like {
                last.count += 1;
                return;
            }
        }
        queue.push(Entry { step, first: call, count: 1, run, args });
    }

    /// Call number `at` of the entry, alone.
    pub fn call(&self, at: usize) -> Entry {
        let args = self.args.iter().map(|arg| arg.of_call(at)).collect();
        let (first, run) = (self.first + at as u64, self.run + at as u64);
        Entry { step: self.step, first, count: 1, run, args }
    }
}

/// What came of a queue.
#[derive(Clone, Debug, Default)]
pub struct Ran {
    /// The reports of each call that was carried out, in order.
    pub reports: Vec<Vec<Tensor>>,
    /// Why the call after those was not.
    pub fault: Option<Fault>,
}

/// What carries out steps.
pub trait Device {
    /// Carries out the calls of a queue in order, up to the first that cannot be.
    fn run(&mut self, queue: &[Entry]) -> Ran;

    /// A copy of a place.
    fn read(&mut self, place: PlaceId) -> Tensor;

    /// Gives a place a value of its type.
    fn write(&mut self, place: PlaceId, value: &Tensor);

    /// A copy of a resident array.
    fn resident(&self, resident: ResidentId) -> Tensor;

    /// A copy of some rows of a resident array, in this order; all must be there.
    fn rows(&self, resident: ResidentId, rows: &[usize]) -> Tensor;
}
