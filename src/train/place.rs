//! Where in the run the host is: the next instruction, phases, loops around it, and how often each
//! step was called.

use super::code::At;
use super::value::Value;
use crate::program::{Program, StepId};
use crate::runtime::trace::Moment;
use std::sync::Arc;

/// The next instruction, and the phases and loops around it.
pub struct Position {
    /// The next instruction.
    pub at: At,
    /// The run, then phases in phases.
    pub(super) frames: Vec<Frame>,
    /// For each step, the index of its name: all forms of a step count together.
    names: Vec<usize>,
    /// Calls so far, by name.
    pub(super) calls: Vec<u64>,
    /// Iteration of the latest call of a declared step.
    pub(super) latest: Option<usize>,
}

/// The run, or a phase.
#[derive(Debug)]
pub(super) struct Frame {
    pub phase: Option<Arc<str>>,
    /// Calls of each name when it began.
    pub began: Vec<u64>,
    pub loops: Vec<Turns>,
}

impl Frame {
    /// Whether it counts so many names, and its loops have what they go through.
    pub fn fits(&self, names: usize) -> bool {
        let held = |turns: &Turns| match &turns.elements {
            Elements::Range(_) | Elements::Batches(_) => true,
            Elements::List(values) => values.len() == turns.of,
        };
        self.began.len() == names && self.loops.iter().all(|turns| turns.begun <= turns.of && held(turns))
    }
}

/// A loop under way.
#[derive(Debug)]
pub(super) struct Turns {
    /// Turns begun.
    pub begun: usize,
    pub of: usize,
    pub elements: Elements,
}

/// What a loop goes through.
#[derive(Clone, Debug)]
pub(super) enum Elements {
    /// Whole numbers from here on.
    Range(i64),
    /// Minibatches, of examples in an order.
    Batches(Option<Arc<Vec<usize>>>),
    /// The elements of a list.
    List(Arc<Vec<Value>>),
}

impl Turns {
    /// The turn under way.
    fn turn(&self) -> usize {
        self.begun.saturating_sub(1)
    }
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
        Position { at: 0, frames: vec![run], names, calls, latest: None }
    }

    /// A phase begins.
    pub fn enter(&mut self, phase: Arc<str>) {
        self.frames.push(Frame { phase: Some(phase), began: self.calls.clone(), loops: Vec::new() });
    }

    /// The innermost phase ends, and the loops in it.
    pub fn leave(&mut self) {
        self.frames.pop();
    }

    /// A loop of so many turns begins.
    pub(super) fn begin_loop(&mut self, of: usize, elements: Elements) {
        self.innermost().loops.push(Turns { begun: 0, of, elements });
    }

    /// The innermost loop's next turn with what it goes through; none if it has ended.
    pub(super) fn turn(&mut self) -> Option<(usize, Elements)> {
        let loops = &mut self.innermost().loops;
        let turns = loops.last_mut().expect("within a loop");
        if turns.begun == turns.of {
            loops.pop();
            return None;
        }
        turns.begun += 1;
        Some((turns.begun - 1, turns.elements.clone()))
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
        let range = |turns: &&Turns| matches!(turns.elements, Elements::Range(_));
        let epoch = frame.loops.iter().find(range).map(Turns::turn);
        Moment { phase: frame.phase.clone(), epoch, iteration: 0 }
    }

    /// Iteration of the latest call of a declared step.
    pub fn latest(&self) -> Option<usize> {
        self.latest
    }

    /// How far the loops are, from 0 to 1.
    pub fn fraction(&self) -> f64 {
        let (mut done, mut part) = (0.0, 1.0);
        for turns in self.frames.iter().flat_map(|f| &f.loops) {
            part /= turns.of.max(1) as f64;
            done += turns.turn() as f64 * part;
        }
        done
    }

    fn innermost(&mut self) -> &mut Frame {
        self.frames.last_mut().expect("the run is never left")
    }
}
