//! The shipped models beyond those of `published.rs`, as far as a few minibatches show them: figures
//! of independent implementations where there are any (`tests/golden/README.md`), else that they
//! train as their first comment says. Each runs on the first images of each set.

#![allow(clippy::result_large_err)]

#[path = "models/golden.rs"]
mod golden;
#[path = "models/more.rs"]
mod more;

use dlc::check::{Files, Settings, check};
use dlc::cpu::Isa;
use dlc::diag::{Diagnostic, Problems, render::render_plain};
use dlc::program::{Precision, Program, RawSource};
use dlc::runtime::{CompiledDevice, prepare, raw_shape};
use dlc::source::SourceMap;
use dlc::train::{Event, Logged, Options, Sink, run_on};
use dlc::{Compiled, compile};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

/// A model, and how it is to be run.
struct Model {
    path: PathBuf,
    text: String,
    settings: Settings,
}

/// What a run told, with the folder of its files.
struct Told {
    printed: Vec<String>,
    reports: Vec<(String, f64)>,
    out: tempfile::TempDir,
}

impl Model {
    /// A file of `models`, on the first images of each set.
    fn of(file: &str) -> Model {
        let path = Path::new("models").join(file);
        let text = std::fs::read_to_string(&path).expect("the model can be read");
        let text = match text.split_once("use std.data: mnist\n") {
            Some((before, after)) => {
                let uses = after.find("\n\n").expect("declarations follow") + 1;
                format!("{before}{}{}{}", &after[..uses], first_images(1000), &after[uses..])
            }
            None => text,
        };
        Model { path, text, settings: Settings::default() }
    }

    fn set(mut self, name: &str, value: &str) -> Model {
        self.settings.set.push((name.to_owned(), value.to_owned()));
        self
    }

    fn double(mut self) -> Model {
        self.settings.precision = Precision::F64;
        self
    }

    /// The same declarations with more of them and another schedule.
    fn with(mut self, declarations: &str, schedule: &str) -> Model {
        let at = self.text.find("\nrun {").expect("there is a run block");
        self.text.truncate(at);
        self.text += &format!("\n{declarations}\n\nrun {{\n{schedule}\n}}\n");
        self
    }

    fn replace(mut self, from: &str, to: &str) -> Model {
        assert!(self.text.contains(from), "{from}");
        self.text = self.text.replace(from, to);
        self
    }

    fn compiled(&self) -> (Program, Compiled) {
        let mut sources = SourceMap::default();
        let name = self.path.display().to_string();
        let source = sources.add(name, Some(self.path.clone()), self.text.clone());
        let files = Beside(self.folder());
        let checked = check(&self.path, &source, &self.settings, &mut sources, &files);
        let told = |problems: &Problems| render_plain(problems, &sources);
        let (program, warnings) = checked.unwrap_or_else(|p| panic!("{}", told(&p)));
        assert!(warnings.iter().all(|w| w.code.id == "DL1002"), "{}", told(&warnings));
        let compiled = compile(&program, self.settings.precision, &mut |_, _, _| {});
        let compiled = compiled.unwrap_or_else(|p| panic!("{}", told(&p)));
        (program, compiled)
    }

    fn folder(&self) -> PathBuf {
        self.path.parent().map(Path::to_owned).unwrap_or_default()
    }

    fn run(&self) -> Told {
        self.until("", usize::MAX)
    }

    /// Runs until something was reported so often.
    fn until(&self, report: &str, times: usize) -> Told {
        self.in_folder(tempfile::tempdir().expect("a folder can be made"), report, times)
    }

    fn in_folder(&self, out: tempfile::TempDir, report: &str, times: usize) -> Told {
        let (program, Compiled { module, kernels, .. }) = self.compiled();
        let interrupt = Arc::new(AtomicBool::new(false));
        let options = Options {
            folder: self.folder(),
            out: Some(out.path().to_owned()),
            interrupt: Arc::clone(&interrupt),
            ..Options::default()
        };
        let ready = prepare(&program, &module, &options.folder).unwrap_or_else(|p| panic!("{p:?}"));
        let steps = kernels.into_iter().map(|built| built.step).collect();
        let mut device = CompiledDevice::new(&module, steps, ready, 2, Isa::best());
        let mut kept = Kept { interrupt, report, left: times, printed: Vec::new(), reports: Vec::new() };
        let finished = run_on(&program, &module, &mut device, &options, &mut kept);
        finished.unwrap_or_else(|p| panic!("{p:?}"));
        let Kept { printed, reports, .. } = kept;
        Told { printed, reports, out }
    }
}

impl Told {
    /// The numbers reported under a name.
    fn reported(&self, name: &str) -> Vec<f64> {
        self.reports.iter().filter(|(n, _)| n == name).map(|(_, value)| *value).collect()
    }

    /// The numbers of a printed line (or several, of a tensor).
    fn numbers(&self, line: usize) -> Vec<f64> {
        let number = |c: char| c.is_ascii_digit() || "+-.e".contains(c);
        let words = self.printed[line].split(|c| !number(c));
        words.filter_map(|word| word.parse().ok()).collect()
    }

    /// Width and height of a picture that was written.
    fn picture(&self, name: &str) -> (usize, usize) {
        let picture = dlc::data::picture::read(&self.out.path().join(name)).expect("the picture is there");
        (picture.shape[1], picture.shape[0])
    }
}

/// `mnist`, but of its training and validation images only the first.
fn first_images(count: usize) -> String {
    let split = |name: &str, kind: &str, count: usize, all: usize| {
        let part = if count == all { String::new() } else { format!("[..{count}]") };
        format!(
            "  data {name} {{\n    x[{count}, 784] = reshape(idx(\"data/mnist/{kind}-images-idx3-ubyte.gz\"){part}, \
             [{count}, 784]) / 256\n    y[{count}]: int = idx(\"data/mnist/{kind}-labels-idx1-ubyte.gz\"){part}\n  }}\n"
        )
    };
    let splits = [
        ("train", "train", count, 60_000),
        ("valid", "t10k", count, 10_000),
        ("test", "t10k", 10_000, 10_000),
    ];
    let splits: String = splits.into_iter().map(|(n, k, c, a)| split(n, k, c, a)).collect();
    format!("data mnist {{\n{splits}}}\n")
}

struct Kept<'r> {
    interrupt: Arc<AtomicBool>,
    report: &'r str,
    left: usize,
    printed: Vec<String>,
    reports: Vec<(String, f64)>,
}

impl Sink for Kept<'_> {
    fn event(&mut self, event: &Event<'_>) {
        match event {
            Event::Print(line) => self.printed.push((*line).to_owned()),
            Event::Report(report) => {
                if let Logged::Number(value) = report.value {
                    self.reports.push((report.name.to_owned(), value));
                }
                if report.name == self.report {
                    self.left = self.left.saturating_sub(1);
                    if self.left == 0 {
                        self.interrupt.store(true, Ordering::SeqCst);
                    }
                }
            }
            Event::Warning(warning) => panic!("{}", warning.title),
            Event::Progress { .. } | Event::End { .. } => {}
        }
    }
}

struct Beside(PathBuf);

impl Files for Beside {
    fn shape(&self, source: &RawSource) -> Result<Vec<usize>, Diagnostic> {
        raw_shape(source, &self.0)
    }
}

/// The rules of `models`: readable as a method section, and laid out.
#[test]
fn models_are_short_and_nothing_is_to_be_said_of_them() {
    let mut found = 0;
    for folder in ["models", "models/more"] {
        for entry in std::fs::read_dir(folder).expect("the folder is there") {
            let path = entry.expect("it can be read").path();
            if path.extension().is_none_or(|e| e != "dl") {
                continue;
            }
            found += 1;
            let text = std::fs::read_to_string(&path).expect("it can be read");
            let lines = text.lines().map(str::trim).filter(|l| !l.is_empty() && !l.starts_with('#')).count();
            let most = if path.ends_with("rbm.dl") { 80 } else { 60 };
            assert!(lines <= most, "{} has {lines} lines", path.display());
            let mut sources = SourceMap::default();
            let source = sources.add(path.display().to_string(), Some(path.clone()), text);
            let files = Beside(Path::new(folder).to_owned());
            let settings = Settings { without_files: true, ..Settings::default() };
            let (_, warnings) = check(&path, &source, &settings, &mut sources, &files)
                .unwrap_or_else(|p| panic!("{}", render_plain(&p, &sources)));
            assert!(warnings.is_empty(), "{}", render_plain(&warnings, &sources));
        }
    }
    assert!(found >= 13, "only {found} models");
}
