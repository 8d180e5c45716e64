//! Where a case is carried out: a folder of its own with files beside the program, and all that a run
//! of it tells.

use dlc::check::{self, Files, Settings};
use dlc::diag::{Diagnostic, Problems, render::render_plain};
use dlc::ir::Tensor;
use dlc::program::{Precision, RawSource};
use dlc::runtime::{Device, Interpreter, prepare, raw_shape};
use dlc::source::SourceMap;
use dlc::train::{self, End, Event, Logged, Options, Sink};
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

/// A folder, and how programs are to be run in it.
pub struct Lab {
    folder: tempfile::TempDir,
    settings: Settings,
    /// A printed line at which the user asks for the end.
    interrupt_at: Option<String>,
    beside: PathBuf,
}

/// What a run told and left.
pub struct Told {
    pub printed: Vec<String>,
    pub reports: Vec<Report>,
    pub warnings: Problems,
    /// Values of the params and states at the end, by name.
    pub places: BTreeMap<String, Vec<f64>>,
    pub end: End,
}

/// A reported value with its circumstances.
#[derive(Clone, Debug, PartialEq)]
pub struct Report {
    pub name: String,
    pub phase: Option<String>,
    pub epoch: Option<usize>,
    pub iteration: Option<usize>,
    pub value: Logged,
}

impl Lab {
    /// Programs run in f64 unless said otherwise.
    pub fn new() -> Lab {
        let folder = tempfile::tempdir().expect("a folder can be made");
        let settings = Settings { precision: Precision::F64, ..Settings::default() };
        let beside = folder.path().to_owned();
        Lab { folder, settings, interrupt_at: None, beside }
    }

    pub fn single(mut self) -> Lab {
        self.settings.precision = Precision::F32;
        self
    }

    pub fn precision(mut self, precision: Precision) -> Lab {
        self.settings.precision = precision;
        self
    }

    pub fn set(mut self, name: &str, value: &str) -> Lab {
        self.settings.set.push((name.to_owned(), value.to_owned()));
        self
    }

    pub fn file(self, name: &str, bytes: impl AsRef<[u8]>) -> Lab {
        let path = self.path(name);
        std::fs::create_dir_all(path.parent().expect("it lies in a folder")).expect("a folder can be made");
        std::fs::write(path, bytes).expect("a file can be written");
        self
    }

    /// The program stands where the shipped ones stand, beside their data.
    pub fn beside_models(mut self) -> Lab {
        self.beside = Path::new(env!("CARGO_MANIFEST_DIR")).join("models");
        self
    }

    pub fn interrupt_at(mut self, line: &str) -> Lab {
        self.interrupt_at = Some(line.to_owned());
        self
    }

    pub fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    pub fn names(&self) -> Vec<String> {
        let entries = std::fs::read_dir(self.folder.path()).expect("the folder can be read");
        let name = |e: std::io::Result<std::fs::DirEntry>| e.map(|e| e.file_name().to_string_lossy().into());
        let mut names: Vec<String> = entries.map(|e| name(e).expect("an entry")).collect();
        names.sort();
        names
    }

    /// Runs a program that nothing is wrong with.
    pub fn run(&self, text: &str) -> Told {
        self.answer(text).unwrap_or_else(|said| panic!("{said}"))
    }

    /// All that is said of a program that does not run to its end.
    pub fn refused(&self, text: &str) -> String {
        match self.answer(text) {
            Ok(told) => panic!("nothing is wrong; it prints\n{}", told.printed.join("\n")),
            Err(said) => said,
        }
    }

    fn answer(&self, text: &str) -> Result<Told, String> {
        let mut sources = SourceMap::default();
        self.carried_out(text, &mut sources).map_err(|problems| render_plain(&problems, &sources))
    }

    fn carried_out(&self, text: &str, sources: &mut SourceMap) -> Result<Told, Problems> {
        let path = self.beside.join("case.dl");
        let source = sources.add("case.dl", Some(path.clone()), text);
        let files = Beside(self.beside.clone());
        let (program, warnings) = check::check(&path, &source, &self.settings, sources, &files)?;
        let compiled = dlc::compile(&program, self.settings.precision, &mut |_, _, _| {})?;
        let interrupt = Arc::new(AtomicBool::new(false));
        let options = Options {
            folder: self.beside.clone(),
            out: Some(self.folder.path().to_owned()),
            interrupt: Arc::clone(&interrupt),
            ..Options::default()
        };
        let ready = prepare(&program, &compiled.module, &options.folder)?;
        let mut device = Interpreter::new(&compiled.module, ready);
        let at = self.interrupt_at.clone();
        let mut kept = Kept { printed: Vec::new(), reports: Vec::new(), at, interrupt };
        let finished = train::run_on(&program, &compiled.module, &mut device, &options, &mut kept)?;
        let place = |(id, place): (usize, &dlc::program::Place)| {
            (place.name.to_string(), Tensor::as_f64s(&device.read(id)))
        };
        let places = program.places.iter().enumerate().map(place).collect();
        Ok(Told { printed: kept.printed, reports: kept.reports, warnings, places, end: finished.end })
    }

    /// The command, in this folder.
    pub fn dlc(&self, arguments: &[&str]) -> Output {
        let mut command = Command::new(env!("CARGO_BIN_EXE_dlc"));
        command.args(arguments).current_dir(self.folder.path()).output().expect("the command runs")
    }
}

impl Told {
    /// The numbers of each printed line.
    pub fn numbers(&self) -> Vec<Vec<f64>> {
        self.printed.iter().map(|line| numbers(line)).collect()
    }

    /// The numbers of the only printed line.
    pub fn row(&self) -> Vec<f64> {
        assert_eq!(self.printed.len(), 1, "{:?}", self.printed);
        numbers(&self.printed[0])
    }

    /// Reported numbers of that name, in order.
    pub fn reported(&self, name: &str) -> Vec<f64> {
        let number = |r: &Report| match r.value {
            Logged::Number(value) => value,
            _ => panic!("{r:?} is no number"),
        };
        self.reports.iter().filter(|r| r.name == name).map(number).collect()
    }

    /// The titles of the warnings.
    pub fn warned(&self) -> Vec<&str> {
        self.warnings.iter().map(|w: &Diagnostic| w.title.as_str()).collect()
    }
}

struct Kept {
    printed: Vec<String>,
    reports: Vec<Report>,
    at: Option<String>,
    interrupt: Arc<AtomicBool>,
}

impl Sink for Kept {
    fn event(&mut self, event: &Event<'_>) {
        match event {
            Event::Print(text) => {
                self.printed.push((*text).to_owned());
                if self.at.as_deref().is_some_and(|at| text.contains(at)) {
                    self.interrupt.store(true, Ordering::SeqCst);
                }
            }
            Event::Report(r) => self.reports.push(Report {
                name: r.name.to_owned(),
                phase: r.phase.map(str::to_owned),
                epoch: r.epoch,
                iteration: r.iteration,
                value: r.value.clone(),
            }),
            Event::Warning(w) => panic!("the run warns: {}", w.title),
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

/// The numbers in a text, in order.
pub fn numbers(text: &str) -> Vec<f64> {
    let words = text.split(|c: char| c.is_whitespace() || "[],/%:".contains(c));
    words.filter_map(|word| word.parse().ok()).collect()
}

/// Each number within an absolute bound of what it should be; infinities and signs of NaN as such.
pub fn close(found: &[f64], expected: &[f64], bound: f64) {
    let far = |(a, e): (&f64, &f64)| !(a == e || (a - e).abs() <= bound);
    let wrong = found.len() != expected.len() || found.iter().zip(expected).any(far);
    assert!(!wrong, "found    {found:?}\nexpected {expected:?}");
}

/// Each number within a relative bound.
pub fn near(found: &[f64], expected: &[f64], bound: f64) {
    let far = |(a, e): (&f64, &f64)| !(a == e || (a - e).abs() <= bound * e.abs());
    let wrong = found.len() != expected.len() || found.iter().zip(expected).any(far);
    assert!(!wrong, "found    {found:?}\nexpected {expected:?}");
}

/// Every part stands in the text, which may be broken into lines.
pub fn says(text: &str, parts: &[&str]) {
    for part in parts {
        assert!(text.contains(part), "`{part}` is not said in\n{text}");
    }
}

/// An array file as NumPy writes it, row by row.
pub fn npy(descr: &str, shape: &str, data: &[u8]) -> Vec<u8> {
    npy_in_order(descr, "False", shape, data)
}

pub fn npy_in_order(descr: &str, fortran: &str, shape: &str, data: &[u8]) -> Vec<u8> {
    let header = format!("{{'descr': '{descr}', 'fortran_order': {fortran}, 'shape': {shape}, }}");
    let padded = (10 + header.len() + 1).next_multiple_of(64) - 10;
    let mut bytes = b"\x93NUMPY\x01\x00".to_vec();
    bytes.extend(u16::try_from(padded).expect("a short header").to_le_bytes());
    bytes.extend(format!("{header:<width$}\n", width = padded - 1).into_bytes());
    bytes.extend_from_slice(data);
    bytes
}

/// A table of reals as an array file.
pub fn reals(shape: &str, values: &[f64]) -> Vec<u8> {
    npy("<f8", shape, &values.iter().flat_map(|v| v.to_le_bytes()).collect::<Vec<u8>>())
}

/// Labels as NumPy makes them.
pub fn labels(shape: &str, values: &[i64]) -> Vec<u8> {
    npy("<i8", shape, &values.iter().flat_map(|v| v.to_le_bytes()).collect::<Vec<u8>>())
}
