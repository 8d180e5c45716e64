//! The saved parameters of a run have the same bits whatever it runs on: any number of threads, any
//! instruction set, its queue cut anywhere, its log kept or not, more of it reported or not. Of two models on
//! real data; of every shipped one in the small.

mod common;
#[path = "bits/models.rs"]
mod models;

use common::program::{Built, built_as, root};
use dlc::cpu::Isa;
use dlc::ir::Tensor;
use dlc::kernel::{Form, Stmt, Terms};
use dlc::program::Precision;
use dlc::runtime::{CompiledDevice, Device, Ready, prepare};
use dlc::train::{self, Cut, Event, Logged, Options, Sink};
use std::path::PathBuf;

/// A model whose schedule is some minibatches; its step's text may be changed.
struct Model {
    file: &'static str,
    saved: &'static str,
    minibatches: usize,
    set: &'static [(&'static str, &'static str)],
}

const LOGISTIC: Model =
    Model { file: "models/logistic_regression.dl", saved: "classifier", minibatches: 20, set: &[] };

const PERCEPTRON: Model = Model { file: "models/mlp.dl", saved: "mlp", minibatches: 12, set: &[] };

impl Model {
    /// The program's text with another schedule: train, look at a validation error now and then, save.
    fn text(&self, change: impl Fn(&str) -> String) -> String {
        let text = std::fs::read_to_string(root().join(self.file)).expect("the model");
        let (before, _) = text.split_once("\nrun {").expect("a schedule");
        let changed = change(before);
        let (saved, count) = (self.saved, self.minibatches);
        format!(
            "{changed}
run {{
  phase \"training\" {{
    for i, (x, y) in enumerate(batches(mnist.train, batch)) {{
      if i % 5 == 4 {{
        valid = mean([errors(u, v) for j, (u, v) in enumerate(batches(mnist.valid, batch)) if j < 3])
        report valid
      }}
      if i >= {count} {{ stop }}
      learn(x, y)
    }}
  }}
  save({saved}, \"saved.npz\")
}}
"
        )
    }

    fn built(&self, precision: Precision, change: impl Fn(&str) -> String) -> Built {
        built_as(self.file, &self.text(change), precision, self.set)
    }
}

/// What the host is told on the way, in order, reals by their bits.
#[derive(Default)]
struct Told(Vec<String>);

impl Sink for Told {
    fn event(&mut self, event: &Event<'_>) {
        match event {
            Event::Print(text) => self.0.push((*text).to_owned()),
            Event::Report(r) => {
                let value = match &r.value {
                    Logged::Number(v) => format!("{:x}", v.to_bits()),
                    other => format!("{other:?}"),
                };
                self.0.push(format!("{:?} {:?} {:?} {} {value}", r.phase, r.epoch, r.iteration, r.name));
            }
            Event::Warning(_) | Event::Progress { .. } | Event::End { .. } => {}
        }
    }
}

/// What a run leaves.
#[derive(PartialEq)]
struct Finished {
    /// The written files but the log, by name, and their bytes.
    files: Vec<(String, Vec<u8>)>,
    /// All places.
    places: Vec<Tensor>,
    /// What was told.
    told: Vec<String>,
}

/// On what, and how, a program is run.
#[derive(Clone, Copy, Debug)]
struct How {
    threads: usize,
    isa: Isa,
    cut: Cut,
    log: bool,
}

const PLAIN: How = How { threads: 1, isa: Isa::Portable, cut: Cut::Work, log: false };

/// The folder of a program's data.
fn folder(file: &str) -> PathBuf {
    root().join(file).parent().expect("a folder").to_owned()
}

/// Runs a program.
fn finished(file: &str, built: &Built, ready: &Ready, how: How) -> Finished {
    let out = tempfile::tempdir().expect("a folder");
    let options = Options {
        folder: folder(file),
        out: Some(out.path().to_path_buf()),
        log: how.log.then(|| out.path().join("log.jsonl")),
        cut: how.cut,
        ..Options::default()
    };
    let mut device =
        CompiledDevice::new(&built.module, built.steps.clone(), ready.clone(), how.threads, how.isa);
    let mut told = Told::default();
    let result = train::run_on(&built.program, &built.module, &mut device, &options, &mut told);
    result.unwrap_or_else(|problems| panic!("{:?}", problems[0]));
    let entries = std::fs::read_dir(out.path()).expect("the run's folder");
    let names = entries.map(|e| e.expect("an entry").file_name().to_string_lossy().into_owned());
    let mut names: Vec<String> = names.filter(|name| name != "log.jsonl").collect();
    names.sort();
    let bytes = |name: &String| std::fs::read(out.path().join(name)).expect("a written file");
    let files = names.into_iter().map(|name| (name.clone(), bytes(&name))).collect();
    let places = (0..built.module.places.len()).map(|place| device.read(place)).collect();
    Finished { files, places, told: told.0 }
}

/// What a program starts from.
fn ready(file: &str, built: &Built) -> Ready {
    prepare(&built.program, &built.module, &folder(file)).unwrap_or_else(|e| panic!("{file}: {:?}", e[0]))
}

/// Every instruction set with every number of threads, the queue cut here and there.
fn same_everywhere(file: &str, built: &Built, check: impl FnOnce(&Finished)) {
    let ready = ready(file, built);
    let expected = finished(file, built, &ready, PLAIN);
    check(&expected);
    let mut seed = 0;
    for isa in Isa::ALL.into_iter().filter(|isa| isa.available()) {
        for threads in 1..=3 {
            seed += 1;
            let cut = [Cut::Random(seed), Cut::Never, Cut::Work][threads % 3];
            let how = How { threads, isa, cut, log: false };
            let found = finished(file, built, &ready, how);
            assert!(found == expected, "{file}, {how:?}: other bits than {PLAIN:?}");
        }
    }
}

/// The same on real data, and the log kept or not.
fn same_on_data(model: &Model, precision: Precision) {
    let built = model.built(precision, str::to_owned);
    same_everywhere(model.file, &built, |expected| {
        assert_eq!(expected.told.len(), model.minibatches + model.minibatches / 5, "{:?}", expected.told);
        let ready = ready(model.file, &built);
        for seed in 100..104 {
            let how = How { threads: 2, isa: Isa::best(), cut: Cut::Random(seed), log: seed % 2 == 0 };
            let found = finished(model.file, &built, &ready, how);
            assert!(found == *expected, "{how:?}: other bits than {PLAIN:?}");
        }
    });
}

#[test]
fn logistic_regression_has_the_same_bits_everywhere_in_f32() {
    same_on_data(&LOGISTIC, Precision::F32);
}

#[test]
fn logistic_regression_has_the_same_bits_everywhere_in_f64() {
    same_on_data(&LOGISTIC, Precision::F64);
}

#[test]
fn a_perceptron_has_the_same_bits_everywhere_in_f32() {
    same_on_data(&PERCEPTRON, Precision::F32);
}

#[test]
fn a_perceptron_has_the_same_bits_everywhere_in_f64() {
    same_on_data(&PERCEPTRON, Precision::F64);
}

/// What of a step is told, and whether it is kept, does not change what it computes.
#[test]
fn reports_and_the_log_change_no_bit() {
    let how = How { threads: 2, isa: Isa::best(), cut: Cut::Work, log: false };
    let built = PERCEPTRON.built(Precision::F32, str::to_owned);
    let ready = ready(PERCEPTRON.file, &built);
    let expected = finished(PERCEPTRON.file, &built, &ready, how);
    assert!(finished(PERCEPTRON.file, &built, &ready, How { log: true, ..how }) == expected, "with a log");
    let reports = [
        "report probabilities = mlp(x)",
        "report hidden = max(below(x))",
        "report steepest = max(abs(grad(cost, below.W)))",
        "report slope = grad(cost, top.W)\n  report slopes = sum(grad(cost, below.W) ^ 2)",
        "report size = sum(below.W ^ 2)\n  report right = zero_one(mlp(x), y)",
    ];
    for report in reports {
        let text = format!("{report}\n  report cost");
        let more = PERCEPTRON.built(Precision::F32, |model| model.replace("report cost", &text));
        let found = finished(PERCEPTRON.file, &more, &ready, How { log: true, ..how });
        assert!(found.files == expected.files && found.places == expected.places, "{report}");
    }
}

/// If one sum is taken in another order the parameters differ: these tests can fail.
#[test]
fn another_order_of_one_sum_gives_other_bits() {
    let how = How { threads: 1, isa: Isa::best(), cut: Cut::Work, log: false };
    let mut built = PERCEPTRON.built(Precision::F32, str::to_owned);
    let ready = ready(PERCEPTRON.file, &built);
    let before = finished(PERCEPTRON.file, &built, &ready, how);
    let learn = built.module.steps.iter().position(|step| step.name == "learn").expect("a step that learns");
    let bodies = built.steps[learn].kernels.iter_mut().map(|kernel| &mut kernel.body);
    assert!(bodies.into_iter().any(|body| backwards(body)), "no product is in the form of lanes");
    let after = finished(PERCEPTRON.file, &built, &ready, how);
    assert!(after.files != before.files, "the same bits");
    for (a, b) in before.places.iter().zip(&after.places) {
        let apart = a.as_f64s().iter().zip(b.as_f64s()).map(|(x, y)| (x - y).abs()).fold(0.0, f64::max);
        assert!(apart < 1e-5, "another order is no other sum: {apart}");
    }
}

/// Takes the terms of the first product with ascending terms from the last to the first.
fn backwards(body: &mut [Stmt]) -> bool {
    body.iter_mut().any(|stmt| match stmt {
        Stmt::For { body, .. } => backwards(body),
        Stmt::Product(product) => {
            let Form::Lanes { terms, sparse } = &mut product.form else { return false };
            let pairs: Vec<(i32, i32)> = match terms {
                Terms::Strided { count, a, b } => {
                    (0..count.size as i64).rev().map(|t| ((t * *a) as i32, (t * *b) as i32)).collect()
                }
                Terms::Table(pairs) => pairs.iter().rev().copied().collect(),
            };
            *terms = Terms::Table(pairs);
            *sparse = false;
            true
        }
        Stmt::Let { .. }
        | Stmt::Store { .. }
        | Stmt::Lanes { .. }
        | Stmt::Check { .. }
        | Stmt::Strip { .. }
        | Stmt::Random { .. } => false,
    })
}
