//! Where in the run the host is: phases, loops around it, and how often each step was called.

use crate::program::{Program, StepId};
use crate::runtime::trace::Moment;
use std::sync::Arc;

/// The phases and loops around the host.
pub struct Position {
    /// The run, then phases in phases.
    frames: Vec<Frame>,
    /// For each step, the index of its name: all forms of a step count together.
    names: Vec<usize>,
    /// Calls so far, by name.
    calls: Vec<u64>,
    /// Iteration of the latest call of a declared step.
    latest: Option<usize>,
}

struct Frame {
    phase: Option<Arc<str>>,
    /// Calls of each name when it began.
    began: Vec<u64>,
    loops: Vec<Turn>,
}

struct Turn {
    at: usize,
    of: usize,
    range: bool,
}

impl Position {
    /// At the start of the run.
    pub fn new(program: &Program) -> Position {
        let mut known: Vec<&str> = Vec::new();
        let mut names = Vec::new();
        for step in &program.steps {
            let at = known.iter().position(|n| *n == step.name).unwrap_or_else(|| {
                known.push(&step.name);
                known.len() - 1
            });
            names.push(at);
        }
        let calls = vec![0; known.len()];
        let run = Frame { phase: None, began: calls.clone(), loops: Vec::new() };
        Position { frames: vec![run], names, calls, latest: None }
    }

    /// A phase begins.
    pub fn enter(&mut self, phase: Arc<str>) {
        self.frames.push(Frame { phase: Some(phase), began: self.calls.clone(), loops: Vec::new() });
    }

    /// The innermost phase ends.
    pub fn leave(&mut self) {
        self.frames.pop();
    }

    /// A loop of so many turns begins.
    pub fn begin_loop(&mut self, of: usize, range: bool) {
        self.innermost().loops.push(Turn { at: 0, of, range });
    }

    /// The innermost loop is at a turn.
    pub fn turn(&mut self, at: usize) {
        self.innermost().loops.last_mut().expect("within a loop").at = at;
    }

    /// The innermost loop ends.
    pub fn end_loop(&mut self) {
        self.innermost().loops.pop();
    }

    /// Counts a call of a step and gives where it stands.
    pub fn call(&mut self, step: StepId, declared: bool) -> Moment {
        let name = self.names[step];
        let frame = self.frames.last().expect("the run is never left");
        let iteration = (self.calls[name] - frame.began[name]) as usize;
        self.calls[name] += 1;
        if declared {
            self.latest = Some(iteration);
        }
        Moment { iteration, ..self.here() }
    }

    /// Phase and epoch.
    pub fn here(&self) -> Moment {
        let frame = self.frames.last().expect("the run is never left");
        let epoch = frame.loops.iter().find(|l| l.range).map(|l| l.at);
        Moment { phase: frame.phase.clone(), epoch, iteration: 0 }
    }

    /// Iteration of the latest call of a declared step.
    pub fn latest(&self) -> Option<usize> {
        self.latest
    }

    /// How far the loops are, from 0 to 1.
    pub fn fraction(&self) -> f64 {
        let (mut done, mut part) = (0.0, 1.0);
        for turn in self.frames.iter().flat_map(|f| &f.loops) {
            part /= turn.of.max(1) as f64;
            done += turn.at as f64 * part;
        }
        done
    }

    fn innermost(&mut self) -> &mut Frame {
        self.frames.last_mut().expect("the run is never left")
    }
}
