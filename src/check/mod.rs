//! Checking: names, modules, the compile-time evaluator, dimensions, element types, worlds.
//!
//! The checker is an evaluator. It runs the declarations of the program at compile time; a step is
//! run symbolically for each combination of shapes and compile-time arguments that the schedule
//! calls it with, and leaves behind a typed [`Body`](crate::program::Body); the schedule is run
//! symbolically too, and leaves the statements that the host will interpret. What it gives is a
//! [`Program`] about whose shapes nothing can be wrong any more.

mod block;
mod call;
mod curves;
mod dims;
mod draws;
mod effects;
mod eval;
mod finish;
mod header;
mod items;
mod layer;
mod modules;
mod names;
mod nearest;
mod ops;
mod own;
mod resolve;
mod scan;
mod schedule;
mod sequences;
mod state;
mod step;
mod value;

use crate::diag::{Diagnostic, Problems, Severity, codes};
use crate::program::{Precision, Program, RawSource};
use crate::source::{Source, SourceMap};
use crate::syntax::ast;
use state::{Checker, Fail, FrameKind, Outcome, World};
use std::path::Path;
use std::sync::Arc;

/// Room for the deepest evaluation; only what is used is ever touched.
const STACK: usize = 256 << 20;

/// What the command line says about a program.
#[derive(Clone, Debug, Default)]
pub struct Settings {
    /// `--set NAME=EXPR`, in order.
    pub set: Vec<(String, String)>,
    /// `--seed`.
    pub seed: u64,
    /// `--precision`.
    pub precision: Precision,
    /// The program is looked at and not run: data files may be missing.
    pub without_files: bool,
}

/// What the checker may ask of the outside: the shape of an array in a file, for an extent `_`.
pub trait Files: Sync {
    /// The shape of an array that a file holds.
    fn shape(&self, source: &RawSource) -> Result<Vec<usize>, Diagnostic>;
}

/// Checks the program of a file and the modules it uses. Gives the program and its warnings, or all
/// the errors that were found.
pub fn check(
    entry: &Path,
    source: &Arc<Source>,
    settings: &Settings,
    sources: &mut SourceMap,
    files: &dyn Files,
) -> Result<(Program, Problems), Problems> {
    let mut checker = Checker::new(sources, files, settings);
    // Calls inside calls are bounded, and the bound needs more room than a thread has by default.
    let outcome = std::thread::scope(|scope| {
        let whole = std::thread::Builder::new()
            .stack_size(STACK)
            .spawn_scoped(scope, || checker.whole(entry, source));
        match whole.map(std::thread::ScopedJoinHandle::join) {
            Ok(Ok(outcome)) => outcome,
            Ok(Err(panic)) => std::panic::resume_unwind(panic),
            Err(e) => {
                let d = Diagnostic::error(codes::TOO_LARGE, "there is no memory to check the program in");
                Err(d.note(e.to_string()).into())
            }
        }
    });
    let Checker { mut program, mut problems, setup, .. } = checker;
    if let Err(Fail::Message(d)) = &outcome {
        problems.push((**d).clone());
    }
    if outcome.is_err() || problems.iter().any(|p| p.severity == Severity::Error) {
        problems.sort_by_key(|p| p.severity);
        return Err(problems);
    }
    program.setup.body = setup.body;
    finish::prune(&mut program);
    finish::unchanged(&program, &mut problems);
    let unknown = curves::unknown(&mut program);
    if !unknown.is_empty() {
        return Err(unknown);
    }
    Ok((program, problems))
}

impl Checker<'_> {
    fn whole(&mut self, entry: &Path, source: &Arc<Source>) -> Outcome<()> {
        let name = entry.file_stem().map(|s| s.to_string_lossy().into_owned()).unwrap_or_default();
        let folder = entry.parent().map(Path::to_path_buf).unwrap_or_default();
        let by = crate::source::Span::new(source.id, 0, 0);
        let mut chain = vec![modules::UnderWay { name: name.clone(), by, file: modules::one_name(entry) }];
        let module = self.load(name.clone(), Arc::clone(source), folder, &mut chain)?;
        self.entry = module;
        let file = Arc::clone(&self.modules[module].file);
        self.program.name = name;
        self.program.doc = file.doc.clone();
        let mut failed = false;
        for (i, item) in file.items.iter().enumerate() {
            failed |= !matches!(item, ast::Item::Run(_)) && self.force(module, i).is_err();
        }
        let runs: Vec<&Arc<ast::Run>> = file
            .items
            .iter()
            .filter_map(|i| match i {
                ast::Item::Run(run) => Some(run),
                _ => None,
            })
            .collect();
        if let [first, second, ..] = runs.as_slice() {
            let d = Diagnostic::error(codes::ALREADY_DEFINED, "a file has one `run` block")
                .label(second.span, "a second one");
            return Err(d.label(first.span, "the first").into());
        }
        self.unknown_settings()?;
        if failed {
            return Err(Fail::Reported);
        }
        if let Some(run) = runs.first() {
            self.world = World::Schedule;
            self.identity = draws::Identity::of("run");
            let parent = self.modules[module].frame;
            let frame = self.push_frame(Some(parent), FrameKind::Call);
            if self.schedule_statements(&run.body.stmts, frame)?.is_some() {
                return state::fail(codes::WORLD, "`run` gives nothing back", run.span, "`return` in here");
            }
            self.program.host.body = std::mem::take(&mut self.block);
        }
        let entry_file = file.id;
        self.program.hypers.sort_by_key(|h| (h.span.file != entry_file, h.span));
        self.unknown_settings()
    }

    /// `--set` names that no hyper-parameter of the program bears.
    fn unknown_settings(&mut self) -> Outcome<()> {
        let last = self.world == World::Schedule;
        for (name, text) in &self.settings.set {
            if self.taken.contains(name) || (!last && name.contains('.')) {
                continue;
            }
            let known: Vec<&str> = self.program.hypers.iter().map(|h| h.name.as_str()).collect();
            let mut d =
                Diagnostic::error(codes::UNKNOWN_HYPER, format!("the program has no hyper-parameter {name}"))
                    .note(format!("--set {name}={text}"));
            d = match nearest::nearest(name, known.iter().copied()) {
                Some(near) => d.help(format!("--set {near}={text}")),
                None if known.is_empty() => d.note("it has none"),
                None => d.note(format!("it has {}", known.join(", "))),
            };
            return Err(d.into());
        }
        Ok(())
    }
}
