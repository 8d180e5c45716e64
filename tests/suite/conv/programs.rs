//! Programs given as text, checked, compiled and run for one step.

use dlc::check::{Files, Settings, check};
use dlc::diag::{Diagnostic, Problems};
use dlc::ir::{Leaf, LeafKind, Module, Tensor, interp, verify};
use dlc::program::{Precision, Program, RawSource};
use dlc::random::initial::{Drawn, draw_all};
use dlc::source::SourceMap;
use std::collections::BTreeMap;
use std::path::Path;

struct NoFiles;

impl Files for NoFiles {
    fn shape(&self, _: &RawSource) -> Result<Vec<usize>, Diagnostic> {
        panic!("no test leaves a shape to a file")
    }
}

/// Checks a text as if it were the file of that path.
pub fn checked(path: &str, text: &str, set: &[(&str, &str)]) -> Result<Program, Problems> {
    let mut sources = SourceMap::default();
    let source = sources.add(path, Some(path.into()), text).clone();
    let set = set.iter().map(|(n, v)| (n.to_string(), v.to_string())).collect();
    let settings = Settings { set, precision: Precision::F64, ..Settings::default() };
    check(Path::new(path), &source, &settings, &mut sources, &NoFiles).map(|(program, _)| program)
}

/// The same, compiled in f64.
pub fn compiled(path: &str, text: &str, set: &[(&str, &str)]) -> (Program, Module) {
    let program = checked(path, text, set).unwrap_or_else(|problems| panic!("{problems:#?}"));
    let module = dlc::compile(&program, Precision::F64, &mut |_, stage, graph| {
        verify::verify(graph).unwrap_or_else(|v| panic!("after {stage}: {}", v[0]));
    });
    (program, module.unwrap_or_else(|problems| panic!("{problems:#?}")).module)
}

/// The places' initial values. Arrays of files are not read, so no place may need them.
pub fn initial(program: &Program, module: &Module) -> Vec<Tensor> {
    let drawn = draw_all(&program.setup.draws).expect("the draws are made");
    let mut setup = module.setup.clone();
    setup.reports.drain(..module.residents.len());
    let leaf = |leaf: &Leaf| {
        assert_eq!(leaf.kind, LeafKind::Drawn, "{} is read", leaf.name);
        let values = match &drawn[leaf.index] {
            Drawn::Real(v) => v.clone(),
            Drawn::Int(v) => v.iter().map(|v| *v as f64).collect(),
        };
        Tensor::from_f64s(leaf.ty.dtype, leaf.ty.shape.clone(), &values)
    };
    interp::run(&setup, &leaf).expect("the setup runs").reports
}

/// What the only step of a program without arguments reports.
pub fn reports(text: &str) -> BTreeMap<String, Tensor> {
    let (program, module) = compiled("test.dl", text, &[]);
    let places = initial(&program, &module);
    let graph = &module.steps[0];
    let outcome = interp::run(graph, &|leaf| {
        assert_eq!(leaf.kind, LeafKind::Place);
        places[leaf.index].clone()
    });
    let names = graph.reports.iter().map(|r| r.name.to_string());
    names.zip(outcome.expect("the step runs").reports).collect()
}
