//! The queue of calls between the host and the device.
//!
//! A call only joins the queue. The queue is run when a result is needed, when a place is touched,
//! when something is told to the outside, or when it holds about 50 ms of work or much memory; no program can tell.
//! Afterwards reports go to the log in order, are looked at for values that are not finite, and wait
//! in their calls for whoever holds those.
//!
//! The queue keeps a copy of the places from a short while ago, at a moment when every param was
//! finite, and the calls since. When a value goes bad, these calls are made again one by one, which
//! gives the same bits, up to the first that spoils something; that one is then explained.

use super::recorder::Recorder;
use super::sink::Logged;
use super::value::{Call, Value};
use super::{Cut, Failure};
use crate::diag::{Diagnostic, codes};
use crate::ir::{Module, Tensor};
use crate::program::{PlaceId, PlaceKind, Program, StepId};
use crate::runtime::memory;
use crate::runtime::non_finite::{self, Replay};
use crate::runtime::trace::Moment;
use crate::runtime::{Arg, CallId, Device, Entry, fault};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, OnceLock};
use std::time::Instant;

/// Seconds of work that a queue holds.
const WORK: f64 = 0.05;
/// Seconds of work after which the places are looked at and copied anew.
const GUARD: f64 = 0.2;
/// What a call of a step is taken to last before one has run.
const UNKNOWN: f64 = 0.005;

/// The queue, with the device it goes to.
pub struct Queue<'a> {
    program: &'a Program,
    module: &'a Module,
    device: &'a mut dyn Device,
    /// What is told.
    pub recorder: Recorder<'a>,
    interrupt: Arc<AtomicBool>,
    seed: u64,
    entries: Vec<Entry>,
    pending: Vec<(Arc<Call>, Moment)>,
    next: CallId,
    /// How often each family of steps has been called.
    runs: Vec<u64>,
    cut: Cut,
    /// Seconds that a call of each step lasts, as far as known.
    lasts: Vec<f64>,
    /// Seconds of work in the queue.
    queued: f64,
    /// Bytes of its calls' arguments and reports.
    held: usize,
    guard: Guard,
}

/// A moment at which every param was finite, and what was done since.
#[derive(Default)]
struct Guard {
    places: Vec<Tensor>,
    since: Vec<Entry>,
    moments: Vec<Moment>,
    spent: f64,
    /// Bytes of the calls' arguments and reports.
    held: usize,
}

impl<'a> Queue<'a> {
    /// An empty queue at the start of a run.
    pub fn new(
        program: &'a Program,
        module: &'a Module,
        device: &'a mut dyn Device,
        recorder: Recorder<'a>,
        options: &super::Options,
    ) -> Queue<'a> {
        let mut queue = Queue {
            program,
            module,
            device,
            recorder,
            interrupt: Arc::clone(&options.interrupt),
            seed: options.seed,
            entries: Vec::new(),
            pending: Vec::new(),
            next: 0,
            runs: vec![0; module.families.iter().max().map_or(0, |last| last + 1)],
            cut: options.cut,
            lasts: vec![UNKNOWN; module.steps.len()],
            queued: 0.0,
            held: 0,
            guard: Guard::default(),
        };
        queue.renew_guard();
        queue
    }

    /// Lets a call join the queue.
    pub fn call(&mut self, step: StepId, args: Vec<Arg>, moment: Moment) -> Result<Arc<Call>, Failure> {
        let call = Arc::new(Call { id: self.next, step, result: OnceLock::new() });
        self.next += 1;
        let runs = &mut self.runs[self.module.families[step]];
        let run = std::mem::replace(runs, *runs + 1);
        let graph = &self.module.steps[step];
        self.held += args.iter().map(Arg::bytes).sum::<usize>()
            + graph.reports.iter().map(|report| graph.ty(report.value).bytes()).sum::<usize>();
        Entry::join(&mut self.entries, step, call.id, run, args);
        self.pending.push((Arc::clone(&call), moment));
        self.queued += self.lasts[step];
        if self.cut.now(self.queued >= WORK || self.held >= memory::QUEUED) {
            self.flush()?;
        }
        Ok(call)
    }

    /// A report of a call, which is waited for.
    pub fn report(&mut self, call: &Call, report: usize) -> Result<Tensor, Failure> {
        if call.result.get().is_none() {
            self.flush()?;
        }
        let reports = call.result.get().expect("a call has run once the queue has");
        Ok(reports[report].clone())
    }

    /// A report as an argument of another call, which is not waited for.
    pub fn argument(call: &Call, report: usize) -> Arg {
        match call.result.get() {
            Some(reports) => Arg::Tensor(reports[report].clone()),
            None => Arg::Report { call: call.id, report },
        }
    }

    /// Copies of places.
    pub fn read(&mut self, places: &[PlaceId]) -> Result<Vec<(PlaceId, Tensor)>, Failure> {
        self.flush()?;
        Ok(places.iter().map(|p| (*p, self.device.read(*p))).collect())
    }

    /// A copy of a place, with nothing queued.
    pub fn place(&mut self, place: PlaceId) -> Tensor {
        assert!(self.entries.is_empty(), "a place is read before what is queued has run");
        self.device.read(place)
    }

    /// Gives places new values.
    pub fn write(&mut self, values: &[(PlaceId, Tensor)]) -> Result<(), Failure> {
        self.flush()?;
        for (place, value) in values {
            self.device.write(*place, value);
        }
        self.renew_guard();
        Ok(())
    }

    /// How often each family of steps has been called.
    pub fn runs(&self) -> &[u64] {
        &self.runs
    }

    /// Goes on where another queue was: with its calls, runs and places.
    pub fn take_up(&mut self, calls: u64, runs: Vec<u64>, places: &[Tensor]) {
        self.next = calls;
        self.runs = runs;
        for (place, value) in places.iter().enumerate() {
            self.device.write(place, value);
        }
        self.renew_guard();
    }

    /// Rows of a resident array.
    pub fn rows(&self, resident: usize, rows: &[usize]) -> Tensor {
        self.device.rows(resident, rows)
    }

    /// A resident array.
    pub fn resident(&self, resident: usize) -> Tensor {
        self.device.resident(resident)
    }

    /// Runs what is queued and looks at the params: the end of the run.
    pub fn finish(&mut self) -> Result<(), Failure> {
        self.flush()?;
        self.look_at_params()
    }

    /// Whether the user asked for the end of the run.
    pub fn interrupted(&self) -> bool {
        self.interrupt.load(Ordering::SeqCst)
    }

    /// Calls so far.
    pub fn calls(&self) -> u64 {
        self.next
    }

    /// Runs what is queued.
    pub fn flush(&mut self) -> Result<(), Failure> {
        if self.entries.is_empty() {
            return Ok(());
        }
        let entries = std::mem::take(&mut self.entries);
        let pending = std::mem::take(&mut self.pending);
        let began = Instant::now();
        let ran = self.device.run(&entries);
        let seconds = began.elapsed().as_secs_f64();
        self.learn(&entries, seconds);
        self.guard.spent += seconds;
        self.guard.held += std::mem::take(&mut self.held);
        self.guard.moments.extend(pending.iter().map(|(_, moment)| moment.clone()));
        self.guard.since.extend(entries);
        let done = ran.reports.len();
        for ((call, moment), reports) in pending.iter().zip(ran.reports) {
            self.record(call.step, moment, &reports);
            if reports.iter().any(|r| !r.is_finite()) {
                self.recorder.flush();
                return Err(self.replay().into());
            }
            call.result.set(reports).expect("a call runs once");
        }
        self.recorder.flush();
        if let Some(fault) = ran.fault {
            let entry = self.entry_of(pending[done].0.id);
            let moment = &pending[done].1;
            let resident = |at| self.device.resident(at);
            let (program, module, seed) = (self.program, self.module, self.seed);
            return Err(fault::in_step(program, module, &entry, &fault, moment, seed, &resident).into());
        }
        if self.cut.now(self.guard.spent >= GUARD || self.guard.held >= memory::SINCE) {
            self.look_at_params()?;
            self.renew_guard();
        }
        Ok(())
    }

    /// Learns how long calls last.
    fn learn(&mut self, entries: &[Entry], seconds: f64) {
        let factor = seconds / self.queued.max(1e-9);
        for (step, lasts) in self.lasts.iter_mut().enumerate() {
            if entries.iter().any(|entry| entry.step == step) {
                *lasts = (*lasts * factor).clamp(1e-7, 10.0);
            }
        }
        self.queued = 0.0;
    }

    fn record(&mut self, step: StepId, moment: &Moment, reports: &[Tensor]) {
        let declared = &self.program.steps[step];
        if !declared.declared {
            return;
        }
        for (report, value) in self.module.steps[step].reports.iter().zip(reports) {
            let name = format!("{}.{}", declared.name, report.name);
            let value = match Value::of_tensor(value) {
                Value::Number(v) => Logged::Number(v),
                Value::Bool(v) => Logged::Bool(v),
                _ => Logged::Shape(value.ty.shape.clone()),
            };
            self.recorder.report(moment, Some(moment.iteration), &name, value);
        }
    }

    fn entry_of(&self, call: CallId) -> Entry {
        let holds = |e: &&Entry| (e.first..e.first + e.count as u64).contains(&call);
        let entry = self.guard.since.iter().find(holds).expect("the guard keeps every call");
        entry.call((call - entry.first) as usize)
    }

    fn renew_guard(&mut self) {
        // Let go first, lest there be two of them.
        self.guard = Guard::default();
        let places = (0..self.module.places.len()).map(|p| self.device.read(p)).collect();
        self.guard = Guard { places, ..Guard::default() };
    }

    fn look_at_params(&mut self) -> Result<(), Failure> {
        if self.guard.since.is_empty() {
            return Ok(());
        }
        let params =
            (0..self.module.places.len()).filter(|p| self.module.places[*p].kind == PlaceKind::Param);
        let spoilt = params.into_iter().any(|p| !self.device.read(p).is_finite());
        if spoilt { Err(self.replay().into()) } else { Ok(()) }
    }

    /// Makes the calls since the guard again, one by one, and explains the first that spoils
    /// something. The places are left as before it.
    fn replay(&mut self) -> Diagnostic {
        let guard = std::mem::take(&mut self.guard);
        for (place, value) in guard.places.iter().enumerate() {
            self.device.write(place, value);
        }
        let first = guard.since.first().map_or(0, |e| e.first);
        let mut reports: Vec<Vec<Tensor>> = Vec::new();
        for entry in guard.since.iter().flat_map(|e| (0..e.count).map(|at| e.call(at))) {
            let entry = resolved(entry, &reports, first);
            let before: Vec<Tensor> = (0..self.module.places.len()).map(|p| self.device.read(p)).collect();
            let ran = self.device.run(std::slice::from_ref(&entry));
            let Some(given) = ran.reports.into_iter().next() else { break };
            if let Some((spoilt, value)) = self.spoilt(&entry, &given) {
                for (place, value) in before.iter().enumerate() {
                    self.device.write(place, value);
                }
                let residents: Vec<Tensor> =
                    (0..self.module.residents.len()).map(|r| self.device.resident(r)).collect();
                let replay = Replay {
                    program: self.program,
                    module: self.module,
                    entry: &entry,
                    places: &before,
                    residents: &residents,
                    report: &|call, report| reports[(call - first) as usize][report].clone(),
                    moment: &guard.moments[(entry.first - first) as usize],
                    seed: self.seed,
                };
                return non_finite::explain(&replay, &spoilt, value);
            }
            reports.push(given);
        }
        Diagnostic::error(codes::NON_FINITE, "a value is not finite")
            .note("the calls that led to it, made again one by one, gave finite values")
    }

    /// The first report or param of a call that is not finite.
    fn spoilt(&mut self, entry: &Entry, reports: &[Tensor]) -> Option<(String, f64)> {
        let graph = &self.module.steps[entry.step];
        for (report, value) in graph.reports.iter().zip(reports) {
            if let Some(at) = value.first_non_finite() {
                return Some((format!("report {}", report.name), value.as_f64s()[at]));
            }
        }
        for update in &graph.updates {
            let place = graph.leaves[update.leaf].index;
            let declared = &self.module.places[place];
            let value = self.device.read(place);
            if let (PlaceKind::Param, Some(at)) = (declared.kind, value.first_non_finite()) {
                return Some((format!("the new value of {}", declared.name), value.as_f64s()[at]));
            }
        }
        None
    }
}

/// A call alone, its arguments from earlier calls put in.
fn resolved(mut entry: Entry, reports: &[Vec<Tensor>], first: CallId) -> Entry {
    for arg in &mut entry.args {
        if let Arg::Report { call, report } = arg {
            *arg = Arg::Tensor(reports[(*call - first) as usize][*report].clone());
        }
    }
    entry
}
