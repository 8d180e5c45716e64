//! Runs that are put down and taken up again: wherever that is, they end with the bits, the printed
//! lines and the log of the run that was not.

#![allow(clippy::result_large_err)]

use dlc::check::{Files, Settings, check};
use dlc::compile;
use dlc::diag::{Diagnostic, Problems, codes};
use dlc::ir::{Module, Tensor};
use dlc::program::{Precision, Program, RawSource};
use dlc::runtime::{Device, Interpreter, prepare};
use dlc::source::SourceMap;
use dlc::train::{Checkpoint, Cut, End, Event, Options, Sink, run_on};
use std::path::Path;
use std::time::Duration;

/// All that a schedule can have under way: nested loops, comprehensions within comprehensions and
/// in the midst of expressions, `enumerate`, permutations, minibatches with a rest, early stopping,
/// snapshots, files that are read again.
const BUSY: &str = r#"
use std.train: early_stopping

hyper rate = 0.5    # how fast

stream rng = numpy(3)

data toy {
  data train {
    x[9, 2] ~ uniform(-1, 1) from rng
    y[9]: int ~ integers(2) from rng
  }
  data valid {
    x[4, 2] ~ uniform(-1, 1) from rng
    y[4]: int ~ integers(2) from rng
  }
  data test {
    x[4, 2] ~ uniform(-1, 1) from rng
    y[4]: int ~ integers(2) from rng
  }
}

layer Linear[n_in, n_out] {
  param W[n_in, n_out] ~ normal(0, 0.1)
  state mean[n_in] = 0
  fn forward(x[n, n_in]) = softmax(x @ W)
}

model = Linear[2, 2]

fn nll(x[n, 2], y[n]: int) = -mean(log(model(x))[indices(n), y])
fn errors(x[n, 2], y[n]: int) = mean(argmax(model(x), axis: 1) != y)

step learn(x[n, 2], y[n]: int) {
  noise[2] ~ normal(0, 0.01)
  cost = nll(x + noise, y)
  model.W <- model.W - rate * grad(cost, model.W)
  model.mean <- 0.9 * model.mean + 0.1 * mean(x, axis: 0)
  report cost
  report x
}

schedule pass(n) {
  var total = 0
  for i in 0..n {
    order ~ permutation(9)
    for x, y in batches(toy.train, 4, order: order, rest: "keep") {
      total <- total + learn(x, y).cost
    }
  }
  return total
}

run {
  var best = inf
  var kept = snapshot(model)
  first = learn(toy.train.x[0..2], toy.train.y[0..2])

  phase "one" {
    for epoch in 0..2 {
      print("epoch {epoch}: {pass(1):.6} {mean([learn(x, y).cost for x, y in batches(toy.train, 3)])} {first.cost}")
      k ~ integers(3)
      costs = [sum([nll(x, y) for x, y in batches(toy.valid, 2)]) + i for i in 0..3 if i != k]
      chosen = if min(costs) < best and mean([c for c in costs]) < 100 then sum([c for c in costs]) else best
      report chosen
      if costs[0] < best {
        best <- costs[0]
        kept <- snapshot(model)
        save(model, "best.npz")
      }
      for i, c in enumerate(costs) {
        phase "inner {i}" {
          report c
          if i == 1 { stop }
          print("{i} {c:.5}")
        }
      }
    }
  }
  load(model, "best.npz")
  print("{model.W}")
  model <- kept
  phase "two" {
    found, test, at = early_stopping(model, learn, errors, toy, batch: 3, epochs: 4, patience: 4)
    print("{found} {test} {at}")
  }
  records = [learn(x, y) for x, y in batches(toy.train, 3)]
  for r in records { print("{r.cost}") }
  write_curves("curves.svg", ["learn.cost", "chosen", "valid", "c"])
}
"#;

struct NoFiles;

impl Files for NoFiles {
    fn shape(&self, _: &RawSource) -> Result<Vec<usize>, Diagnostic> {
        unreachable!("the programs read no files to be looked at")
    }
}

fn compiled(name: &str, text: &str, settings: &[(&str, &str)]) -> (Program, Module) {
    let path = Path::new(name);
    let mut sources = SourceMap::default();
    let source = sources.add(name, Some(path.to_owned()), text);
    let set = settings.iter().map(|(n, v)| ((*n).to_owned(), (*v).to_owned())).collect();
    let settings = Settings { set, ..Settings::default() };
    let checked = check(path, &source, &settings, &mut sources, &NoFiles);
    let told = |p: &Problems| dlc::diag::render::render_plain(p, &sources);
    let (program, _) = checked.unwrap_or_else(|p| panic!("{}", told(&p)));
    let module =
        compile(&program, Precision::F32, &mut |_, _, _| {}).unwrap_or_else(|p| panic!("{}", told(&p)));
    (program, module.module)
}

#[derive(Default)]
struct Printed {
    lines: Vec<String>,
    warnings: Vec<Diagnostic>,
}

impl Sink for Printed {
    fn event(&mut self, event: &Event<'_>) {
        match event {
            Event::Print(line) => self.lines.push((*line).to_owned()),
            Event::Warning(warning) => self.warnings.push((*warning).clone()),
            Event::Report(_) | Event::Progress { .. } | Event::End { .. } => {}
        }
    }
}

struct Outcome {
    end: Result<End, Problems>,
    printed: Printed,
    places: Vec<Tensor>,
}

fn run((program, module): &(Program, Module), options: &Options) -> Outcome {
    let ready = prepare(program, module, &options.folder).expect("the setup succeeds");
    let mut device = Interpreter::new(module, ready);
    let mut printed = Printed::default();
    let end = run_on(program, module, &mut device, options, &mut printed).map(|finished| finished.end);
    let places = (0..module.places.len()).map(|p| device.read(p)).collect();
    Outcome { end, printed, places }
}

/// Options of a run in a folder, with a checkpoint when it is asked to end.
fn options(folder: &Path) -> Options {
    Options {
        out: Some(folder.to_owned()),
        log: Some(folder.join("log.jsonl")),
        checkpoint: Some(Checkpoint { path: folder.join("checkpoint"), every: Duration::from_secs(3600) }),
        ..Options::default()
    }
}

fn cut(folder: &Path, after: u64) -> Options {
    Options { cut_after: Some(after), ..options(folder) }
}

fn resumed(folder: &Path) -> Options {
    Options { log: None, resume: Some(folder.join("checkpoint")), ..options(folder) }
}

/// The log without how long the run took.
fn log(folder: &Path) -> String {
    let text = std::fs::read_to_string(folder.join("log.jsonl")).expect("there is a log");
    let (kept, last) = text.trim_end().rsplit_once('\n').expect("there are lines");
    assert!(last.contains("\"end\""), "{last}");
    kept.to_owned()
}

fn curves(folder: &Path) -> String {
    std::fs::read_to_string(folder.join("curves.svg")).expect("the curves are drawn")
}

fn folder() -> tempfile::TempDir {
    tempfile::tempdir().expect("a folder can be made")
}

#[test]
fn a_run_goes_on_from_between_any_two_instructions() {
    let busy = compiled("busy.dl", BUSY, &[]);
    let straight = folder();
    let whole = run(&busy, &options(straight.path()));
    assert_eq!(whole.end, Ok(End::Completed));
    assert!(!straight.path().join("checkpoint").exists(), "a run that has ended keeps no checkpoint");
    let (expected, drawn) = (log(straight.path()), curves(straight.path()));
    assert_eq!(drawn.matches("<polyline").count(), 4, "{drawn}");
    let mut cuts = 0;
    loop {
        let folder = folder();
        let seed = Cut::Random(cuts);
        let first = run(&busy, &Options { cut: seed, ..cut(folder.path(), cuts) });
        if first.end == Ok(End::Completed) {
            break;
        }
        assert_eq!(first.end, Ok(End::Interrupted), "cut after {cuts}");
        let second = run(&busy, &resumed(folder.path()));
        assert_eq!(second.end, Ok(End::Completed), "cut after {cuts}");
        assert_eq!(
            [first.printed.lines, second.printed.lines].concat(),
            whole.printed.lines,
            "cut after {cuts}"
        );
        assert!(second.places == whole.places, "the places after a cut after {cuts}");
        assert_eq!(log(folder.path()), expected, "cut after {cuts}");
        assert_eq!(curves(folder.path()), drawn, "cut after {cuts}");
        cuts += 1;
    }
    assert!(cuts > 300, "only {cuts} instructions");
}

/// Put down again and again, each time after a few instructions.
#[test]
fn a_run_may_be_put_down_many_times() {
    let busy = compiled("busy.dl", BUSY, &[]);
    let straight = folder();
    let whole = run(&busy, &options(straight.path()));
    let folder = folder();
    let mut lines = Vec::new();
    let mut outcome = run(&busy, &cut(folder.path(), 7));
    while outcome.end == Ok(End::Interrupted) {
        lines.append(&mut outcome.printed.lines);
        outcome = run(&busy, &Options { cut_after: Some(7), ..resumed(folder.path()) });
    }
    lines.append(&mut outcome.printed.lines);
    assert_eq!((outcome.end, lines), (Ok(End::Completed), whole.printed.lines));
    assert!(outcome.places == whole.places);
    assert_eq!(log(folder.path()), log(straight.path()));
}

/// A process that is killed writes nothing: what it did since its last checkpoint is done again.
#[test]
fn a_run_that_was_killed_goes_on_from_its_last_checkpoint() {
    let busy = compiled("busy.dl", BUSY, &[]);
    let straight = folder();
    let whole = run(&busy, &options(straight.path()));
    for (kept, killed) in [(0, 9), (40, 90), (120, 260), (200, 201)] {
        let folder = folder();
        let path = folder.path().join("checkpoint");
        run(&busy, &cut(folder.path(), kept));
        let checkpoint = std::fs::read(&path).expect("there is a checkpoint");
        run(&busy, &Options { cut_after: Some(killed - kept), ..resumed(folder.path()) });
        std::fs::write(&path, checkpoint).expect("it can be put back");
        let last = run(&busy, &resumed(folder.path()));
        assert_eq!(last.end, Ok(End::Completed));
        assert!(last.places == whole.places, "kept at {kept}, killed at {killed}");
        assert_eq!(log(folder.path()), log(straight.path()), "kept at {kept}, killed at {killed}");
    }
}

/// With no time between them there is one at every turn of a loop; the run does not notice.
#[test]
fn checkpoints_on_the_way_change_nothing() {
    let busy = compiled("busy.dl", BUSY, &[]);
    let (straight, often) = (folder(), folder());
    let whole = run(&busy, &options(straight.path()));
    let mut options = options(often.path());
    options.checkpoint.as_mut().expect("there is one").every = Duration::ZERO;
    let kept = run(&busy, &Options { cut_after: Some(150), ..options.clone() });
    assert_eq!(kept.end, Ok(End::Interrupted));
    let whole_again = run(&busy, &options);
    assert!(whole_again.places == whole.places && whole_again.printed.lines == whole.printed.lines);
    assert_eq!(log(often.path()), log(straight.path()));
}

fn refused(outcome: Outcome) -> Diagnostic {
    let mut problems = outcome.end.expect_err("it is refused");
    assert_eq!(problems.len(), 1, "{problems:?}");
    problems.remove(0)
}

#[test]
fn another_program_and_other_settings_are_refused_by_name() {
    let busy = compiled("busy.dl", BUSY, &[]);
    let folder = folder();
    run(&busy, &cut(folder.path(), 50));
    let before = std::fs::read(folder.path().join("checkpoint")).expect("there is one");
    let resumed = resumed(folder.path());
    let other = refused(run(&compiled("busy.dl", BUSY, &[("rate", "0.25")]), &resumed));
    assert_eq!(
        (other.code, other.notes),
        (codes::OTHER_RUN, vec!["rate is 0.25 here, and was 0.5".to_owned()])
    );
    assert_eq!(other.help.as_deref(), Some("--set rate=0.5   goes on with the run as it was"));
    let other = refused(run(&busy, &Options { seed: 8, ..resumed.clone() }));
    assert_eq!(other.notes, ["seed is 8 here, and was 0"]);
    let double = compile(&busy.0, Precision::F64, &mut |_, _, _| {}).expect("it compiles").module;
    let other = refused(run(&(busy.0.clone(), double), &resumed));
    assert_eq!(other.notes, ["precision is f64 here, and was f32"]);
    let changed = BUSY.replace("0.9 * model.mean", "0.8 * model.mean");
    let other = refused(run(&compiled("busy.dl", &changed, &[]), &resumed));
    assert!(other.notes[0].contains("0.9") && other.notes[1].contains("0.8"), "{other:?}");
    let changed = BUSY.replace("numpy(3)", "numpy(4)");
    let other = refused(run(&compiled("busy.dl", &changed, &[]), &resumed));
    assert!(other.notes[0].contains("from numpy(3"), "{other:?}");
    let other = refused(run(&compiled("idle.dl", "run { print(\"a\") }\n", &[]), &resumed));
    assert_eq!(other.title.rsplit_once(' ').map(|(_, name)| name), Some("busy"), "{other:?}");
    let renamed = compiled("renamed.dl", &BUSY.replace("# how fast", "# a comment"), &[]);
    assert_eq!(std::fs::read(folder.path().join("checkpoint")).ok(), Some(before), "it is left alone");
    assert_eq!(run(&renamed, &resumed).end, Ok(End::Completed), "name and comments do not matter");
}

#[test]
fn other_data_are_refused() {
    let text =
        "data d { x[4, 1] = npz(\"x.npz\").x }\nrun { for x in batches(d, 1) { print(\"{mean(x)}\") } }\n";
    let folder = folder();
    let write = |last: f32| {
        use dlc::data::{Array, Elements, write_arrays};
        let array = Array::new(vec![4, 1], Elements::F32(vec![1.0, 2.0, 3.0, last])).expect("four");
        let path = folder.path().join("x.npz");
        write_arrays(&path, &[("x".to_owned(), array)]).expect("it can be written");
    };
    let program = compiled("d.dl", text, &[]);
    let beside = |options: Options| Options { folder: folder.path().to_owned(), ..options };
    write(4.0);
    assert_eq!(run(&program, &beside(cut(folder.path(), 4))).end, Ok(End::Interrupted));
    write(5.0);
    let other = refused(run(&program, &beside(resumed(folder.path()))));
    assert_eq!(
        (other.code, other.notes),
        (codes::OTHER_RUN, vec!["d.x does not hold what it held".to_owned()])
    );
    write(4.0);
    assert_eq!(run(&program, &beside(resumed(folder.path()))).end, Ok(End::Completed));
}

#[test]
fn a_damaged_checkpoint_is_told_and_left() {
    let busy = compiled("busy.dl", BUSY, &[]);
    let folder = folder();
    let path = folder.path().join("checkpoint");
    let missing = refused(run(&busy, &resumed(folder.path())));
    assert_eq!(missing.code, codes::CHECKPOINT);
    run(&busy, &cut(folder.path(), 60));
    let (whole, logged) =
        (std::fs::read(&path).expect("there is one"), std::fs::read(folder.path().join("log.jsonl")));
    let mut flipped = whole.clone();
    flipped[whole.len() / 2] ^= 1;
    for broken in [&whole[..whole.len() - 1], &whole[..40], &whole[..10], &[], &flipped] {
        std::fs::write(&path, broken).expect("it can be written");
        let told = refused(run(&busy, &resumed(folder.path())));
        assert_eq!(told.code, codes::CHECKPOINT, "{told:?}");
        assert_eq!(std::fs::read(&path).ok().as_deref(), Some(broken));
        assert_eq!(std::fs::read(folder.path().join("log.jsonl")).ok(), logged.as_ref().ok().cloned());
    }
    std::fs::write(&path, whole).expect("it can be written");
    assert_eq!(run(&busy, &resumed(folder.path())).end, Ok(End::Completed));
}

/// On the way that is a warning, and the run goes on; at the end of an interrupted one an error.
#[test]
fn a_checkpoint_that_cannot_be_written_loses_nothing() {
    let busy = compiled("busy.dl", BUSY, &[]);
    let (straight, folder) = (folder(), folder());
    let whole = run(&busy, &options(straight.path()));
    let mut options = options(folder.path());
    *options.checkpoint.as_mut().expect("there is one") =
        Checkpoint { path: folder.path().join("no/such/folder"), every: Duration::ZERO };
    let outcome = run(&busy, &options);
    assert_eq!(outcome.end, Ok(End::Completed));
    assert!(outcome.places == whole.places && outcome.printed.lines == whole.printed.lines);
    assert!(outcome.printed.warnings.iter().all(|w| w.code == codes::OUTPUT));
    assert!(!outcome.printed.warnings.is_empty());
    let told = refused(run(&busy, &Options { cut_after: Some(9), ..options }));
    assert_eq!(told.code, codes::OUTPUT);
}
