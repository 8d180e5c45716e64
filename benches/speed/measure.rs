//! One row: all sides from the same parameters on, in turn.

use crate::common;
use crate::models::Row;
use crate::ours::{Model, Runner};
use crate::peer::{Form, Peer};
use dlc::cpu::Isa;
use std::path::Path;
use std::time::Duration;

/// Rounds of all sides in turn.
const ROUNDS: usize = 5;
/// Microseconds of a side in a round, at least.
const VISIT: f64 = 0.2e6;
/// A peer's form this many times slower than the fastest in its first chunks has no part in the rounds.
const HOPELESS: f64 = 2.5;
/// What threads of the side before may spin on.
const PAUSE: Duration = Duration::from_millis(30);

/// What came of a row.
pub struct Measured {
    /// Ours, one for each instruction set.
    pub ours: Vec<Times>,
    /// Ours on one thread.
    pub single: Option<Times>,
    /// The peers' forms.
    pub theirs: Vec<Times>,
    /// Milliseconds of checking, compiling, machine code and the first call.
    pub first: [f64; 4],
    /// What share of numbers is not 0, in words.
    pub density: String,
}

/// A side's times.
pub struct Times {
    /// Whose.
    pub who: String,
    /// Microseconds a minibatch, of each chunk.
    pub all: Vec<f64>,
    /// The mean of the figure in the first chunk, from the common start.
    pub figure: f64,
    /// Seconds that a peer compiled.
    pub compiled: Option<f64>,
}

/// A side at work.
struct Side<'a> {
    times: Times,
    does: Does<'a>,
}

enum Does<'a> {
    Ours(Box<Runner<'a>>),
    Theirs { peer: usize, form: Form, calls: usize },
}

impl Times {
    /// The one in the middle.
    pub fn median(&self) -> f64 {
        common::median(self.all.clone())
    }

    /// The smallest.
    pub fn least(&self) -> f64 {
        self.all.iter().copied().fold(f64::INFINITY, f64::min)
    }
}

impl Side<'_> {
    fn run(&mut self, row: &Row, peers: &mut [Peer], chunks: usize) {
        let mut ran = Vec::new();
        std::thread::sleep(PAUSE);
        match &mut self.does {
            Does::Ours(runner) => ran.extend((0..chunks).map(|_| runner.calls(row.chunk))),
            Does::Theirs { peer, form, calls } => {
                for _ in 0..chunks {
                    ran.push(peers[*peer].run(row, form, row.position(*calls, row.chunk)));
                    *calls += row.chunk;
                }
            }
        }
        if self.times.all.is_empty() {
            self.times.figure = ran[0].1;
        }
        self.times.all.extend(ran.into_iter().map(|(us, _)| us));
    }
}

/// Measures a row; `data` is a folder for what the peers read.
pub fn measure(model: &Model, threads: usize, isas: &[Isa], peers: &mut [Peer], data: &Path) -> Measured {
    let row = model.row;
    let mut base = model.runner(model.steps(), threads, isas[0]);
    let [check, compile] = model.milliseconds;
    let [code, call] = base.first();
    base.calls(row.before - 1);
    let start = data.join("start");
    std::fs::create_dir_all(&start).expect("room for the places");
    if !peers.is_empty() {
        base.save(&start);
        model.save_data(data);
    }
    let samples = base.densities().map(|d| format!(", {d}")).unwrap_or_default();
    let density = format!("examples {:.1} %{samples}", 100.0 * model.density());

    let mut sides = Vec::new();
    let single = isas.first().filter(|_| threads > 1).map(|isa| (1, *isa));
    for (count, isa) in isas.iter().map(|isa| (threads, *isa)).chain(single) {
        let mut runner = model.runner(model.steps(), count, isa);
        runner.take_up(&mut base);
        let who = format!("dlc, {}, threads {count}", isa.name());
        sides.push(Side::new(who, None, Does::Ours(Box::new(runner))));
    }
    let own = sides.len();
    peers.iter_mut().for_each(|peer| peer.build(row, &start));
    for (at, peer) in peers.iter_mut().enumerate() {
        for form in peer.built(row) {
            let (who, compiled) = (format!("{}, {}", peer.name, form.name), Some(form.compiled));
            sides.push(Side::new(who, compiled, Does::Theirs { peer: at, form, calls: row.before }));
        }
    }
    sides.iter_mut().for_each(|side| side.run(row, peers, 2));
    let fastest = sides[own..].iter().map(|side| side.times.least()).fold(f64::INFINITY, f64::min);
    for _ in 0..ROUNDS {
        for (at, side) in sides.iter_mut().enumerate() {
            if at < own || side.times.least() < HOPELESS * fastest {
                let chunk = side.times.least() * row.chunk as f64;
                side.run(row, peers, (VISIT / chunk).ceil() as usize);
            }
        }
    }
    let mut theirs: Vec<Times> = sides.into_iter().map(Side::warm).collect();
    let mut ours: Vec<Times> = theirs.drain(..own).collect();
    let single = ours.split_off(isas.len()).pop();
    Measured { ours, single, theirs, first: [check, compile, code, call], density }
}

impl<'a> Side<'a> {
    fn new(who: String, compiled: Option<f64>, does: Does<'a>) -> Side<'a> {
        Side { times: Times { who, all: Vec::new(), figure: f64::NAN, compiled }, does }
    }

    /// The times without the first chunk, which warms up.
    fn warm(mut self) -> Times {
        if self.times.all.len() > 1 {
            self.times.all.remove(0);
        }
        self.times
    }
}
