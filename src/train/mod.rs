//! Carries out the schedule: the host reads it statement by statement, calls of steps join a queue
//! for the device.
//!
//! [`run`] reads the data, makes the initial draws and goes through the schedule with the reference
//! interpreter; [`run_on`] does so on any [`Device`]. What is told goes to a [`Sink`] (a
//! [`Terminal`], usually) and to the log.

// A diagnostic is made at most once a run; what it weighs does not matter.
#![allow(clippy::result_large_err)]

mod arguments;
pub mod arithmetic;
mod checkpoint;
mod code;
mod curves;
mod eval;
pub mod files;
pub mod format;
mod host;
pub mod log;
mod place;
mod queue;
mod recorder;
pub mod signal;
pub mod sink;
pub mod value;

pub use sink::{Event, Logged, Reported, Sink, Terminal};

use crate::diag::{Diagnostic, Problems, codes};
use crate::ir::Module;
use crate::program::Program;
use crate::runtime::{Device, Interpreter, prepare};
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::AtomicBool;
use std::time::{Duration, Instant};

/// How to run.
#[derive(Clone, Debug, Default)]
pub struct Options {
    /// The program file's folder, where files are looked up first.
    pub folder: PathBuf,
    /// The run's folder, for files it writes; none is the current one.
    pub out: Option<PathBuf>,
    /// Where the log goes.
    pub log: Option<PathBuf>,
    /// The program's `--seed`, for messages.
    pub seed: u64,
    /// How long the compiler took, for the log.
    pub compile_seconds: f64,
    /// Set to end the run after the queued calls: [`signal::watch`].
    pub interrupt: Arc<AtomicBool>,
    /// When queues are cut.
    pub cut: Cut,
    /// Where and how often the state of the run is kept; none is nowhere.
    pub checkpoint: Option<Checkpoint>,
    /// The checkpoint to go on from. Its log is gone on with, unless `log` names another.
    pub resume: Option<PathBuf>,
    /// Ends the run, as if the user had asked for that, after so many instructions; for tests.
    pub cut_after: Option<u64>,
}

/// Where and how often the state of a run is kept.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Checkpoint {
    /// The file; it is removed when the run has come to its end.
    pub path: PathBuf,
    /// How long after the last one.
    pub every: Duration,
}

/// When a queue is run although nothing needs it yet. No program can tell.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Cut {
    /// When it holds about 50 ms of work.
    #[default]
    Work,
    /// At random, for tests.
    Random(u64),
    /// Only when a result is needed.
    Never,
}

impl Cut {
    /// Whether to cut now; `work` says whether there is enough.
    fn now(&mut self, work: bool) -> bool {
        match self {
            Cut::Work => work,
            Cut::Never => false,
            Cut::Random(state) => {
                *state =
                    state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
                (*state >> 33).is_multiple_of(3)
            }
        }
    }
}

/// How a run ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum End {
    /// The schedule was gone through.
    Completed,
    /// The user asked for the end; queued calls were carried out.
    Interrupted,
}

/// What a run gives.
#[derive(Clone, Debug)]
pub struct Finished {
    /// How it ended.
    pub end: End,
    /// How long it took.
    pub seconds: f64,
}

impl Finished {
    /// The status for the process.
    pub fn status(&self) -> i32 {
        match self.end {
            End::Completed => 0,
            End::Interrupted => signal::STATUS,
        }
    }

    /// What to tell of a run that was interrupted.
    pub fn message(&self) -> Option<Diagnostic> {
        let title = "the run was interrupted";
        let told = Diagnostic::warning(codes::INTERRUPTED, title).note("the queued calls were carried out");
        (self.end == End::Interrupted).then_some(told)
    }
}

/// Why the host does not go on.
type Failure = Box<Diagnostic>;

/// Runs a program with the reference interpreter.
pub fn run(
    program: &Program,
    module: &Module,
    options: &Options,
    sink: &mut dyn Sink,
) -> Result<Finished, Problems> {
    let ready = prepare(program, module, &options.folder)?;
    run_on(program, module, &mut Interpreter::new(module, ready), options, sink)
}

/// Runs a program on a device that holds the residents and the initial places.
pub fn run_on(
    program: &Program,
    module: &Module,
    device: &mut dyn Device,
    options: &Options,
    sink: &mut dyn Sink,
) -> Result<Finished, Problems> {
    let began = Instant::now();
    let log = options.log.as_deref().map(log::Log::create).transpose().map_err(|error| vec![error])?;
    let recorder = recorder::Recorder::new(sink, log);
    let queue = queue::Queue::new(program, module, device, recorder, options);
    let mut host = host::Host::new(program, module, queue, options).map_err(|error| vec![*error])?;
    let result = host.run();
    let seconds = host.seconds_before() + began.elapsed().as_secs_f64();
    let recorder = host.recorder();
    let (end, mut problems) = match result {
        Ok(End::Completed) => {
            recorder.end(seconds, options.compile_seconds);
            (End::Completed, Problems::new())
        }
        Ok(End::Interrupted) => (End::Interrupted, Problems::new()),
        Err(error) => (End::Completed, vec![*error]),
    };
    problems.extend(recorder.close().err());
    if problems.is_empty() { Ok(Finished { end, seconds }) } else { Err(problems) }
}
