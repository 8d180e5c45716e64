//! Tells events to the terminal (or whoever asked) and to the log, in order.

use super::curves::Curves;
use super::log::Log;
use super::sink::{Event, Logged, Reported, Sink};
use crate::diag::Diagnostic;
use crate::runtime::trace::Moment;
use std::path::Path;
use std::time::{Duration, Instant};

/// Whom events go to.
pub struct Recorder<'a> {
    sink: &'a mut dyn Sink,
    log: Option<Log>,
    told: Instant,
    /// The numbers reported, if the program draws them.
    pub curves: Curves,
}

/// How often progress is told.
const BETWEEN: Duration = Duration::from_millis(100);

impl<'a> Recorder<'a> {
    /// Tells a sink, and a log if there is one.
    pub fn new(sink: &'a mut dyn Sink, log: Option<Log>) -> Recorder<'a> {
        Recorder { sink, log, told: Instant::now(), curves: Curves::default() }
    }

    /// A value was reported.
    pub fn report(&mut self, moment: &Moment, iteration: Option<usize>, name: &str, value: Logged) {
        if let Logged::Number(number) = value {
            self.curves.add(moment, name, number);
        }
        let (phase, epoch) = (moment.phase.as_deref(), moment.epoch);
        let reported = Reported { phase, epoch, iteration, name, value };
        self.tell(&Event::Report(&reported));
    }

    /// A line was printed.
    pub fn print(&mut self, text: &str) {
        self.tell(&Event::Print(text));
        self.flush();
    }

    /// Something is wrong, but the run goes on.
    pub fn warn(&mut self, warning: &Diagnostic) {
        self.sink.event(&Event::Warning(warning));
    }

    /// Where the log is and what of it is written, with the lines that could not be.
    pub fn log(&mut self) -> Option<(&Path, u64, &[u8])> {
        self.flush();
        self.log.as_ref().map(Log::written)
    }

    /// Goes on with a log.
    pub fn take_up(&mut self, log: Log) {
        self.log = Some(log);
    }

    /// Whether there is a log.
    pub fn logs(&self) -> bool {
        self.log.is_some()
    }

    /// How far the loops are, if that has not been told just now.
    pub fn progress(&mut self, now: impl FnOnce() -> (Moment, f64)) {
        if self.told.elapsed() < BETWEEN {
            return;
        }
        self.told = Instant::now();
        let (moment, fraction) = now();
        let (phase, epoch) = (moment.phase.as_deref(), moment.epoch);
        self.sink.event(&Event::Progress { phase, epoch, fraction });
    }

    /// The run has ended by itself.
    pub fn end(&mut self, seconds: f64, compile_seconds: f64) {
        self.tell(&Event::End { seconds, compile_seconds });
    }

    /// Writes the log so far.
    pub fn flush(&mut self) {
        if let Some(warning) = self.log.as_mut().and_then(Log::flush) {
            self.sink.event(&Event::Warning(&warning));
        }
    }

    /// Closes the log; an error if it is not whole.
    pub fn close(&mut self) -> Result<(), Diagnostic> {
        self.log.take().map_or(Ok(()), Log::close)
    }

    fn tell(&mut self, event: &Event<'_>) {
        if let Some(log) = &mut self.log {
            log.event(event);
        }
        self.sink.event(event);
    }
}
