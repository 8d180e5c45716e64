//! Programs as text, compiled, and single calls of their steps in the reference interpreter.

#![allow(dead_code)]

use dlc::check::{Files, Settings, check};
use dlc::diag::{Diagnostic, Problems};
use dlc::ir::{Graph, LeafKind, Module, Tensor, interp, print, read, verify};
use dlc::program::{Precision, Program, RawSource, ValueOp};
use dlc::source::SourceMap;
use std::collections::BTreeMap;
use std::path::Path;

struct NoFiles;

impl Files for NoFiles {
    fn shape(&self, _: &RawSource) -> Result<Vec<usize>, Diagnostic> {
        Ok(vec![])
    }
}

/// A program with its graphs and what its places hold.
pub struct Compiled {
    pub program: Program,
    pub module: Module,
    pub residents: Vec<Tensor>,
    pub places: Vec<Tensor>,
}

/// Checks a program alone.
pub fn checked(text: &str) -> Result<Program, Problems> {
    let mut sources = SourceMap::default();
    let source = sources.add("test.dl", None, text);
    let settings = Settings::default();
    check(Path::new("test.dl"), &source, &settings, &mut sources, &NoFiles).map(|(program, _)| program)
}

/// The first error of a program that must have one: code and title, and the text of its first label.
pub fn error(text: &str) -> (String, String) {
    let problems = checked(text).expect_err("an error");
    let first = &problems[0];
    let span = first.labels[0].span;
    let title = format!("{}: {}", first.code.id, first.title);
    (title, text[span.start as usize..span.end as usize].to_string())
}

/// Compiles a program; each stage's graphs are verified, and read back as printed.
pub fn compiled(text: &str, precision: Precision) -> Compiled {
    let program = checked(text).unwrap_or_else(|p| panic!("{:?}", p[0]));
    let mut observer = |_: usize, stage: &str, graph: &Graph| sound(stage, graph);
    let compiled = dlc::compile(&program, precision, &mut observer).unwrap_or_else(|p| panic!("{:?}", p[0]));
    let module = compiled.module;
    let ready = dlc::runtime::prepare(&program, &module, Path::new("."));
    let ready = ready.unwrap_or_else(|p| panic!("{:?}", p[0]));
    Compiled { program, residents: ready.residents, places: ready.places, module }
}

/// Compiles nothing: the graphs as lowered, gradients derived, no rule applied.
pub fn plain(text: &str, precision: Precision) -> Compiled {
    let program = checked(text).unwrap_or_else(|p| panic!("{:?}", p[0]));
    let mut module = dlc::lower::lower(&program, precision);
    for step in &mut module.steps {
        sound("lowered", step);
        *step = dlc::grad::differentiate(std::mem::take(step)).expect("a path");
        sound("gradient", step);
    }
    let ready = dlc::runtime::prepare(&program, &module, Path::new("."));
    let ready = ready.unwrap_or_else(|p| panic!("{:?}", p[0]));
    Compiled { program, residents: ready.residents, places: ready.places, module }
}

fn sound(stage: &str, graph: &Graph) {
    let text = print::print(graph);
    if let Err(found) = verify::verify(graph) {
        panic!("after {stage}: {}\n{text}", found[0]);
    }
    let back = read::read(&text).unwrap_or_else(|e| panic!("after {stage}: {e}\n{text}"));
    assert_eq!(print::print(&back), text, "after {stage}");
    assert!(back == *graph, "after {stage}: reads back otherwise\n{text}");
}

impl Compiled {
    /// The form of a step, the first of that name.
    pub fn step(&self, name: &str) -> usize {
        let found = self.program.steps.iter().position(|s| s.name == name);
        found.unwrap_or_else(|| panic!("no step {name}"))
    }

    /// Calls a step as the call after `run` others; changes the places and gives the reports.
    pub fn call(&mut self, step: usize, run: u32, args: &[Tensor]) -> BTreeMap<String, Tensor> {
        let graph = &self.module.steps[step];
        let outcome = interp::run(graph, &|leaf| match leaf.kind {
            LeafKind::Arg => args[leaf.index].clone(),
            LeafKind::Place => self.places[leaf.index].clone(),
            LeafKind::Resident => self.residents[leaf.index].clone(),
            LeafKind::Run => Tensor::from_i32([], vec![run as i32]),
            other => panic!("a step reads {other:?}"),
        });
        let outcome = outcome.unwrap_or_else(|fault| panic!("{}", fault.message));
        for (update, value) in graph.updates.iter().zip(outcome.updates) {
            self.places[graph.leaves[update.leaf].index] = value;
        }
        graph.reports.iter().map(|r| r.name.to_string()).zip(outcome.reports).collect()
    }

    /// The paths of the draws of all steps, in order.
    pub fn paths(&self) -> Vec<String> {
        paths(&self.program)
    }
}

/// The paths of the draws of all steps, in order; those inside scans too.
pub fn paths(program: &Program) -> Vec<String> {
    let mut found = Vec::new();
    for step in &program.steps {
        of_body(&step.body, &mut found);
    }
    found
}

fn of_body(body: &dlc::program::Body, found: &mut Vec<String>) {
    for value in &body.values {
        if let ValueOp::Draw(draw) = &value.op {
            found.push(draw.path.clone());
        }
    }
}
