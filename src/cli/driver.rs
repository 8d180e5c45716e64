//! From a file's path to compiled graphs, with the time each stage took.

use crate::check::{self, Settings};
use crate::compile::{Compiled, compile};
use crate::diag::{Diagnostic, Problems, codes};
use crate::ir::Graph;
use crate::passes::{AFTER_GRADIENT, BEFORE_GRADIENT, Pass};
use crate::program::{Precision, Program, RawSource};
use crate::runtime::raw_shape;
use crate::source::{Source, SourceMap};
use clap::ValueEnum;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Instant;

/// What every subcommand that reads a program takes.
#[derive(Clone, Debug, clap::Args)]
pub struct ProgramArgs {
    /// Give a hyper-parameter another value, an expression of its type: --set lr=0.05
    #[arg(long = "set", value_name = "NAME=EXPR", value_parser = setting)]
    pub set: Vec<(String, String)>,
    /// The seed from which the streams derive theirs that do not fix one
    #[arg(long, value_name = "N", default_value_t = 0)]
    pub seed: u64,
    /// What real numbers are, in the whole program
    #[arg(long, value_enum, default_value_t = PrecisionName::F32)]
    pub precision: PrecisionName,
}

/// The precisions by name.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum PrecisionName {
    /// IEEE binary32
    F32,
    /// IEEE binary64, for checks
    F64,
}

impl ProgramArgs {
    /// What the checker is told.
    pub fn settings(&self) -> Settings {
        Settings { set: self.set.clone(), seed: self.seed, precision: self.precision(), without_files: false }
    }

    /// What the checker is told where the program is looked at and not run.
    pub fn settings_to_look(&self) -> Settings {
        Settings { without_files: true, ..self.settings() }
    }

    /// What `real` is.
    pub fn precision(&self) -> Precision {
        match self.precision {
            PrecisionName::F32 => Precision::F32,
            PrecisionName::F64 => Precision::F64,
        }
    }
}

/// `NAME=EXPR`, taken apart at the first `=`.
fn setting(text: &str) -> Result<(String, String), String> {
    match text.split_once('=') {
        Some((name, value)) if !name.trim().is_empty() && !value.trim().is_empty() => {
            Ok((name.trim().to_owned(), value.trim().to_owned()))
        }
        _ => Err("a name, `=` and an expression are expected, such as lr=0.05".to_owned()),
    }
}

/// A program on its way down: its texts, and what each stage took.
#[derive(Debug, Default)]
pub struct Session {
    /// The texts that were read.
    pub sources: SourceMap,
    /// Stages and seconds, in order.
    pub times: Vec<(&'static str, f64)>,
    /// The memory of the run, once it has begun.
    pub memory: Option<super::memory::Memory>,
}

impl Session {
    /// Reads a file.
    pub fn open(&mut self, path: &Path) -> Result<Arc<Source>, Problems> {
        let name = path.display().to_string();
        let text = std::fs::read(path).map_err(|error| {
            vec![
                Diagnostic::error(codes::UNREADABLE, format!("{name} cannot be read"))
                    .note(error.to_string()),
            ]
        })?;
        let text = String::from_utf8(text).map_err(|error| {
            let byte = error.utf8_error().valid_up_to();
            let title = format!("{name} is not UTF-8 text");
            vec![Diagnostic::error(codes::UNREADABLE, title).note(format!("byte {byte} begins no character"))]
        })?;
        Ok(self.sources.add(name, Some(path.to_owned()), text))
    }

    /// Reads and checks a program. Gives it with its warnings, or all errors.
    pub fn check(&mut self, path: &Path, settings: &Settings) -> Result<(Program, Problems), Problems> {
        let began = Instant::now();
        let source = self.open(path)?;
        let files = Beside { folder: folder(path) };
        let result = check::check(path, &source, settings, &mut self.sources, &files);
        self.took("read and check", began);
        result
    }

    /// Compiles a checked program, and shows the graphs on the way.
    pub fn compile(
        &mut self,
        program: &Program,
        precision: Precision,
        mut observer: impl FnMut(usize, &str, &Graph),
    ) -> Result<Compiled, Problems> {
        let passes = |passes: &'static [Pass]| passes.iter().map(|pass| pass.name);
        let stages = std::iter::once("lower")
            .chain(passes(BEFORE_GRADIENT))
            .chain(std::iter::once("differentiate"))
            .chain(passes(AFTER_GRADIENT))
            .chain(["fuse", "plan", "schedule"]);
        let mut spent: Vec<(&str, f64)> = stages.map(|stage| (stage, 0.0)).collect();
        let mut last = Instant::now();
        let mut at = 0;
        let result = compile(program, precision, &mut |step, stage, graph| {
            // A step is shown after each of them, in their order; once more when the last pass is done. Work is divided
            // when all steps are optimised, and kernels come when all are planned.
            at = match stage {
                "lowered" => 0,
                "fused" => spent.len() - 3,
                "planned" => spent.len() - 2,
                "scheduled" => spent.len() - 1,
                _ => at,
            };
            if stage != "optimised" {
                spent[at].1 += last.elapsed().as_secs_f64();
                at += 1;
            }
            observer(step, stage, graph);
            last = Instant::now();
        });
        self.times.extend(spent);
        result
    }

    /// Writes down what a stage took.
    pub fn took(&mut self, stage: &'static str, began: Instant) {
        self.times.push((stage, began.elapsed().as_secs_f64()));
    }

    /// The times as `--timings` shows them.
    pub fn timings(&self) -> String {
        let row = |(stage, seconds): &(&str, f64)| {
            let time =
                if *seconds < 1.0 { format!("{:.2} ms", seconds * 1e3) } else { format!("{seconds:.2} s ") };
            vec![(*stage).to_owned(), time]
        };
        super::output::table(&self.times.iter().map(row).collect::<Vec<_>>(), &[1])
    }
}

/// The folder of a program file, where what it names is looked up first.
pub fn folder(path: &Path) -> PathBuf {
    path.parent().map(Path::to_path_buf).unwrap_or_default()
}

/// Shapes that a program leaves to its files.
struct Beside {
    folder: PathBuf,
}

impl check::Files for Beside {
    fn shape(&self, source: &RawSource) -> Result<Vec<usize>, Diagnostic> {
        raw_shape(source, &self.folder)
    }
}
