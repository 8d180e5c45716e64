//! Our side: a model from its text to a step on a device, called as the run calls it.

use crate::common::make;
use crate::models::Row;
use dlc::Compiled;
use dlc::cpu::Isa;
use dlc::kernel::Step;
use dlc::runtime::{Arg, CompiledDevice, Device, Entry, Ready, prepare};
use std::path::Path;
use std::time::Instant;

/// A compiled model with its data.
pub struct Model {
    /// Which it is.
    pub row: &'static Row,
    /// The compiled program.
    pub compiled: Compiled,
    /// The step that is measured.
    pub step: usize,
    ready: Ready,
    args: Vec<Arg>,
    /// Milliseconds of reading and checking the text, and of compiling to kernels.
    pub milliseconds: [f64; 2],
}

/// A model on a device, at a minibatch.
pub struct Runner<'a> {
    model: &'a Model,
    device: CompiledDevice<'a>,
    calls: usize,
    /// Whether the calling thread's work is counted, where the system does that, in place of the clock: others may
    /// hold the processor meanwhile.
    pub own_time: bool,
}

impl Model {
    /// Reads, checks and compiles a row's model, and reads its data.
    pub fn new(row: &'static Row) -> Model {
        let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("models");
        // A variant stands beside the models, as far as what it names is concerned.
        let path = folder.join(if row.variant.is_some() { "variant.dl" } else { row.file });
        let text =
            row.variant.map_or_else(|| std::fs::read_to_string(&path).expect("the text"), str::to_owned);
        let (program, compiled, milliseconds) = make(&path, &text, row.set);
        let Ok(ready) = prepare(&program, &compiled.module, &folder) else {
            panic!("{}: no data in {}", row.name, folder.display())
        };
        let named = program.steps.iter().enumerate().filter(|(_, step)| step.name == row.step.0);
        let (step, _) = named.clone().nth(row.step.1).unwrap_or_else(|| panic!("no step {}", row.step.0));
        let of = |name: &str| training(&compiled, name).expect("arguments are called as the data are");
        let args = program.steps[step].args.iter();
        let args =
            args.map(|arg| Arg::Batch { resident: of(&arg.name), start: 0, size: row.batch }).collect();
        Model { row, step, args, ready, milliseconds, compiled }
    }

    /// The steps as kernels.
    pub fn steps(&self) -> Vec<Step> {
        self.compiled.kernels.iter().map(|built| built.step.clone()).collect()
    }

    /// The model at its start, with steps of ours or in their place others.
    pub fn runner(&self, steps: Vec<Step>, threads: usize, isa: Isa) -> Runner<'_> {
        let device = CompiledDevice::new(&self.compiled.module, steps, self.ready.clone(), threads, isa);
        Runner { model: self, device, calls: 0, own_time: false }
    }

    /// Writes the training split for the peers: examples, and labels if the model has them.
    pub fn save_data(&self, folder: &Path) {
        for name in ["x", "y"] {
            let Some(at) = self.training(name).filter(|_| !folder.join(name).exists()) else { continue };
            let numbers = self.ready.residents[at].as_f64s().into_iter();
            let bytes: Vec<u8> = match name {
                "x" => numbers.flat_map(|x| (x as f32).to_le_bytes()).collect(),
                _ => numbers.flat_map(|y| (y as i32).to_le_bytes()).collect(),
            };
            std::fs::write(folder.join(name), bytes).expect("room for the data");
        }
    }

    /// The share of numbers in the examples that are not 0.
    pub fn density(&self) -> f64 {
        share(&self.ready.residents[self.training("x").expect("there are examples")].as_f64s())
    }

    /// A part of the training split.
    fn training(&self, name: &str) -> Option<usize> {
        training(&self.compiled, name)
    }
}

impl Runner<'_> {
    /// The first call: milliseconds of making the step's machine code, and of the call.
    pub fn first(&mut self) -> [f64; 2] {
        let began = Instant::now();
        self.device.code(self.model.step);
        let code = began.elapsed().as_secs_f64() * 1e3;
        [code, self.calls(1).0 * 1e-3]
    }

    /// Trains for so many minibatches: microseconds each, and the mean of the first report.
    pub fn calls(&mut self, count: usize) -> (f64, f64) {
        let row = self.model.row;
        let first = row.position(self.calls, count);
        let mut args = self.model.args.clone();
        for arg in &mut args {
            if let Arg::Batch { start, size, .. } = arg {
                *start = first * *size;
            }
        }
        let run = self.calls as u64;
        let entry = Entry { step: self.model.step, first: run, count, run, args };
        self.calls += count;
        let began = seconds(self.own_time);
        let ran = self.device.run(&[entry]);
        let seconds = seconds(self.own_time) - began;
        assert!(ran.fault.is_none() && ran.reports.len() == count, "{} runs", row.name);
        let figures: f64 = ran.reports.iter().map(|reports| reports[0].as_f64s()[0]).sum();
        (seconds / count as f64 * 1e6, figures / count as f64)
    }

    /// Goes on where another is.
    pub fn take_up(&mut self, other: &mut Runner<'_>) {
        for place in 0..self.model.compiled.module.places.len() {
            self.device.write(place, &other.device.read(place));
        }
        self.calls = other.calls;
    }

    /// Writes the row's places for the peers: each in a file of its own, and one with their shapes.
    pub fn save(&mut self, folder: &Path) {
        let mut shapes = String::new();
        for (at, name) in self.model.row.places.iter().enumerate() {
            let (shape, numbers) = self.place(name);
            let bytes: Vec<u8> = numbers.iter().flat_map(|x| (*x as f32).to_le_bytes()).collect();
            std::fs::write(folder.join(at.to_string()), bytes).expect("room for the places");
            let extents: Vec<String> = shape.iter().map(usize::to_string).collect();
            shapes += &format!("{}\n", extents.join(" "));
        }
        std::fs::write(folder.join("shapes"), shapes).expect("room for the shapes");
    }

    /// How many of the samples are 1 that the model draws now, in words; none where they do not depend on it.
    pub fn densities(&mut self) -> Option<String> {
        let [weights, _, visible, chain] = self.model.row.places else { return None };
        if *chain != "chain" {
            return None;
        }
        let (shape, h) = self.place(chain);
        let (w, bias) = (self.place(weights).1, self.place(visible).1);
        let units = shape[1];
        let mut sum = 0.0;
        for h in h.chunks(units) {
            for (row, bias) in w.chunks(units).zip(&bias) {
                let z: f64 = row.iter().zip(h).map(|(w, h)| w * h).sum::<f64>() + bias;
                sum += 1.0 / (1.0 + (-z).exp());
            }
        }
        let visible = sum / (shape[0] * bias.len()) as f64;
        Some(format!(
            "of hidden samples {:.1} %, of visible samples {:.1} %",
            100.0 * share(&h),
            100.0 * visible
        ))
    }

    fn place(&mut self, name: &str) -> (Vec<usize>, Vec<f64>) {
        let places = &self.model.compiled.module.places;
        let found = places.iter().position(|place| &*place.name == name);
        let tensor = self.device.read(found.unwrap_or_else(|| panic!("no place {name}")));
        (tensor.ty.shape.to_vec(), tensor.as_f64s())
    }
}

/// The resident array of that name in the training split.
fn training(compiled: &Compiled, name: &str) -> Option<usize> {
    compiled.module.residents.iter().position(|r| r.name.ends_with(&format!(".train.{name}")))
}

/// The share of numbers that are not 0.
fn share(numbers: &[f64]) -> f64 {
    numbers.iter().filter(|x| **x != 0.0).count() as f64 / numbers.len() as f64
}

/// Seconds of the calling thread's work, where that is asked for and the system counts it, else of the clock.
fn seconds(own: bool) -> f64 {
    static BEGIN: std::sync::OnceLock<Instant> = std::sync::OnceLock::new();
    let spent = || {
        let text = std::fs::read_to_string("/proc/thread-self/schedstat").ok()?;
        text.split_whitespace().next()?.parse::<f64>().ok()
    };
    match own.then(spent).flatten() {
        Some(nanoseconds) => nanoseconds * 1e-9,
        None => BEGIN.get_or_init(Instant::now).elapsed().as_secs_f64(),
    }
}
