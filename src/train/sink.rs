//! What a run tells, and the terminal it tells it to.

use crate::diag::Diagnostic;
use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};
use std::io::Write;
use std::time::{Duration, Instant};

/// Something the run tells.
#[derive(Clone, Debug)]
pub enum Event<'a> {
    /// A value was reported.
    Report(&'a Reported<'a>),
    /// A line was printed.
    Print(&'a str),
    /// How far the loops are.
    Progress {
        /// The innermost phase.
        phase: Option<&'a str>,
        /// Turn of the outermost loop over a range in it.
        epoch: Option<usize>,
        /// From 0 to 1.
        fraction: f64,
    },
    /// Something is wrong, but the run goes on.
    Warning(&'a Diagnostic),
    /// The run has ended by itself.
    End {
        /// How long it took.
        seconds: f64,
        /// How long the compiler took.
        compile_seconds: f64,
    },
}

/// A reported value with its circumstances.
#[derive(Clone, Debug, PartialEq)]
pub struct Reported<'a> {
    /// The innermost phase.
    pub phase: Option<&'a str>,
    /// Turn of the outermost loop over a range in it, or in the run.
    pub epoch: Option<usize>,
    /// Calls of the step before this one since the phase began.
    pub iteration: Option<usize>,
    /// `learn.cost`, or the bare name of a schedule's report.
    pub name: &'a str,
    /// The value.
    pub value: Logged,
}

/// A value as it is logged.
#[derive(Clone, Debug, PartialEq)]
pub enum Logged {
    /// A number.
    Number(f64),
    /// A truth value.
    Bool(bool),
    /// A text.
    Text(String),
    /// Several values.
    List(Vec<Logged>),
    /// A tensor: only its shape.
    Shape(Vec<usize>),
}

/// Whom a run tells.
pub trait Sink {
    /// Takes notice of an event.
    fn event(&mut self, event: &Event<'_>);
}

/// Tells nobody.
impl Sink for () {
    fn event(&mut self, _: &Event<'_>) {}
}

/// Standard output for what is printed; standard error for progress, a bar with the remaining time
/// on a terminal, else a line now and then.
#[derive(Debug)]
pub struct Terminal {
    quiet: bool,
    bar: Option<ProgressBar>,
    /// When the loops now running began, how far they were then, and how far they have been seen.
    began: Instant,
    from: f64,
    seen: f64,
    told: Instant,
}

const BETWEEN_LINES: Duration = Duration::from_secs(10);
const STEPS: u64 = 10_000;

impl Terminal {
    /// `quiet` prints nothing; `progress` draws a bar.
    pub fn new(quiet: bool, progress: bool) -> Terminal {
        let bar = (progress && !quiet).then(|| {
            let bar = ProgressBar::with_draw_target(Some(STEPS), ProgressDrawTarget::stderr_with_hz(10));
            let style = ProgressStyle::with_template("{msg} [{bar:30}] {percent}% {prefix}");
            bar.set_style(style.expect("the template is one").progress_chars("=> "));
            bar
        });
        let now = Instant::now();
        Terminal { quiet, bar, began: now, from: 0.0, seen: 0.0, told: now }
    }

    fn progress(&mut self, phase: Option<&str>, epoch: Option<usize>, fraction: f64) {
        // A loop within an epoch (validation) sets the position back by less than an epoch; other loops by more.
        if fraction < self.seen / 2.0 {
            (self.began, self.from, self.seen) = (Instant::now(), fraction, fraction);
        }
        self.seen = self.seen.max(fraction);
        let mut place = phase.unwrap_or("run").to_owned();
        if let Some(epoch) = epoch {
            place += &format!(", epoch {epoch}");
        }
        let spent = self.began.elapsed().as_secs_f64();
        let done = self.seen - self.from;
        let left = (done > 0.0 && spent > 1.0).then(|| remaining(spent / done * (1.0 - self.seen)));
        let left = left.unwrap_or_default();
        match &self.bar {
            Some(bar) => {
                bar.set_message(place);
                bar.set_prefix(left);
                bar.set_position((fraction * STEPS as f64) as u64);
            }
            None if self.told.elapsed() >= BETWEEN_LINES => {
                self.told = Instant::now();
                let _ = writeln!(std::io::stderr(), "{place}: {:.0}% {left}", fraction * 100.0);
            }
            None => {}
        }
    }

    /// A line of standard output, above the bar if there is one. A reader that has gone is no error.
    fn line(&self, text: &str) {
        let write = || {
            let mut out = std::io::stdout().lock();
            let _ = writeln!(out, "{text}").and_then(|()| out.flush());
        };
        match &self.bar {
            Some(bar) => bar.suspend(write),
            None => write(),
        }
    }
}

/// `about 2 min 30 s left`.
fn remaining(seconds: f64) -> String {
    let seconds = seconds.round() as u64;
    match (seconds / 3600, seconds / 60 % 60, seconds % 60) {
        (0, 0, s) => format!("about {s} s left"),
        (0, m, s) => format!("about {m} min {s} s left"),
        (h, m, _) => format!("about {h} h {m} min left"),
    }
}

impl Sink for Terminal {
    fn event(&mut self, event: &Event<'_>) {
        match event {
            Event::Print(text) if !self.quiet => self.line(text),
            Event::Progress { phase, epoch, fraction } if !self.quiet => {
                self.progress(*phase, *epoch, *fraction);
            }
            Event::Warning(warning) => {
                let tell = || {
                    let _ = writeln!(std::io::stderr(), "warning: {}", warning.title);
                };
                match &self.bar {
                    Some(bar) => bar.suspend(tell),
                    None => tell(),
                }
            }
            Event::End { .. } => {
                if let Some(bar) = &self.bar {
                    bar.finish_and_clear();
                }
            }
            Event::Print(_) | Event::Progress { .. } | Event::Report(_) => {}
        }
    }
}

impl Drop for Terminal {
    fn drop(&mut self) {
        if let Some(bar) = &self.bar {
            bar.finish_and_clear();
        }
    }
}
