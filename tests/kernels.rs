//! Steps as kernels: the kernel IR's interpreter against the tensor IR's, on the steps of all programs
//! that the tests have, and on random graphs.

use dlc::check::{self, Files, Settings};
use dlc::diag::Diagnostic;
use dlc::ir::interp;
use dlc::ir::{Buffer, DType, Graph, Leaf, LeafKind, Module, Tensor};
use dlc::kernel::interp::{Memory, Team, run};
use dlc::kernel::read::read;
use dlc::kernel::verify::verify;
use dlc::kernel::{Step, print};
use dlc::program::{Precision, RawSource};
use dlc::source::SourceMap;
use std::path::{Path, PathBuf};
use std::sync::Arc;

struct NoFiles;

impl Files for NoFiles {
    fn shape(&self, _: &RawSource) -> Result<Vec<usize>, Diagnostic> {
        Ok(Vec::new())
    }
}

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).to_path_buf()
}

/// A program as kernels.
fn built(file: &str, precision: Precision, set: &[(&str, &str)]) -> (Module, Vec<Step>) {
    let path = root().join(file);
    let text = std::fs::read_to_string(&path).expect("the program");
    let mut sources = SourceMap::default();
    let source = sources.add(file.to_owned(), Some(path.clone()), text);
    let set = set.iter().map(|(a, b)| ((*a).to_owned(), (*b).to_owned())).collect();
    let settings = Settings { set, precision, without_files: true, ..Settings::default() };
    let checked = check::check(&path, &source, &settings, &mut sources, &NoFiles);
    let (program, _) = checked.unwrap_or_else(|e| panic!("{file}: {e:?}"));
    let compiled = dlc::compile(&program, precision, &mut |_, _, _| {}).expect("it compiles");
    (compiled.module, compiled.kernels.into_iter().map(|b| b.step).collect())
}

/// Numbers that come out of nothing but a seed.
struct Numbers(u64);

impl Numbers {
    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        self.0 >> 33
    }

    fn unit(&mut self) -> f64 {
        self.next() as f64 / f64::from(1u32 << 31)
    }

    /// A tensor for a leaf: small reals, indices that are in range everywhere.
    fn leaf(&mut self, leaf: &Leaf) -> Tensor {
        let count = leaf.ty.elements();
        let data = match leaf.ty.dtype {
            DType::F32 => Buffer::F32((0..count).map(|_| (self.unit() * 0.9 + 0.05) as f32).collect()),
            DType::F64 => Buffer::F64((0..count).map(|_| self.unit() * 0.9 + 0.05).collect()),
            DType::I32 => Buffer::I32((0..count).map(|_| (self.next() % 2) as i32).collect()),
            DType::Bool => Buffer::Bool((0..count).map(|_| self.next() % 2 == 0).collect()),
        };
        Tensor { ty: leaf.ty.clone(), data: data.into() }
    }
}

/// Puts leaves' values into memory.
fn filled(step: &Step, graph: &Graph, values: &[Tensor]) -> Memory {
    let mut memory = Memory::new(step);
    for (leaf, value) in graph.leaves.iter().zip(values) {
        match leaf.kind {
            LeafKind::Arg if leaf.index < memory.args.len() => memory.args[leaf.index] = Arc::clone(&value.data),
            LeafKind::Place if leaf.index < memory.places.len() => {
                memory.places[leaf.index] = (*value.data).clone();
            }
            LeafKind::Resident if leaf.index < memory.residents.len() => {
                memory.residents[leaf.index] = Arc::clone(&value.data);
            }
            LeafKind::Run => memory.run = value.as_f64s()[0] as i32,
            _ => {}
        }
    }
    memory
}

fn agree(found: &Buffer, wanted: &Tensor, bound: f64, what: &str) {
    let found = Tensor { ty: wanted.ty.clone(), data: found.clone().into() };
    let (a, b) = (found.as_f64s(), wanted.as_f64s());
    assert_eq!(a.len(), b.len(), "{what}");
    let scale = b.iter().fold(1.0f64, |m, v| m.max(v.abs()));
    for (i, (x, y)) in a.iter().zip(&b).enumerate() {
        let same = x == y || (x.is_nan() && y.is_nan()) || (x - y).abs() <= bound * scale;
        assert!(same, "{what}, element {i}: {x}, the tensor IR says {y}");
    }
}

/// One call of a step both ways.
fn compare(step: &Step, graph: &Graph, seed: u64, bound: f64, what: &str) {
    let mut numbers = Numbers(seed);
    let values: Vec<Tensor> = graph.leaves.iter().map(|l| numbers.leaf(l)).collect();
    let at = |leaf: &Leaf| {
        let nth = graph.leaves.iter().position(|l| l.kind == leaf.kind && l.index == leaf.index);
        values[nth.expect("a leaf of the graph")].clone()
    };
    let Ok(wanted) = interp::run(graph, &at) else { return };
    let mut first: Option<Memory> = None;
    for team in [
        Team { threads: 1, backwards: false },
        Team { threads: 3, backwards: false },
        Team { threads: 2, backwards: true },
    ] {
        let mut memory = filled(step, graph, &values);
        let fault = run(step, &mut memory, team);
        assert!(!fault, "{what}: a fault");
        for (update, wanted) in graph.updates.iter().zip(&wanted.updates) {
            let leaf = &graph.leaves[update.leaf];
            if leaf.index < memory.places.len() {
                agree(&memory.places[leaf.index], wanted, bound, &format!("{what}: {}", leaf.name));
            }
        }
        for (nth, (report, wanted)) in graph.reports.iter().zip(&wanted.reports).enumerate() {
            agree(&memory.reports[nth], wanted, bound, &format!("{what}: report {}", report.name));
        }
        if let Some(first) = &first {
            let bits = |b: &[Buffer]| format!("{b:?}");
            assert_eq!(bits(&first.places), bits(&memory.places), "{what}: another team, other bits");
            assert_eq!(bits(&first.reports), bits(&memory.reports), "{what}: another team, other bits");
        }
        first.get_or_insert(memory);
    }
}

fn programs() -> Vec<String> {
    let mut all = Vec::new();
    for folder in ["models", "models/more", "tests/sketches"] {
        for entry in std::fs::read_dir(root().join(folder)).expect("programs") {
            let path = entry.expect("an entry").path();
            if path.extension().is_some_and(|e| e == "dl") {
                all.push(format!("{folder}/{}", path.file_name().unwrap_or_default().to_string_lossy()));
            }
        }
    }
    all.sort();
    all
}

/// What makes a program's steps small enough for an interpreter that goes element by element.
fn small(file: &str) -> Vec<(&'static str, &'static str)> {
    let name = file.rsplit('/').next().unwrap_or(file);
    match name {
        "logistic_regression.dl" | "mlp.dl" | "da.dl" | "adam_mlp.dl" => vec![("batch", "4")],
        "lenet.dl" => vec![("batch", "2")],
        "rbm.dl" => vec![("batch", "2")],
        _ => Vec::new(),
    }
}

#[test]
fn every_program_becomes_kernels_that_the_verifier_accepts_and_that_read_back() {
    let mut wrong = Vec::new();
    for file in programs() {
        for precision in [Precision::F32, Precision::F64] {
            let (_, steps) = built(&file, precision, &[]);
            for step in &steps {
                if let Err(found) = verify(step) {
                    wrong.push(format!("{file} {}: {}", step.name, found.join("\n    ")));
                }
                let text = print::print(step, &print::exact);
                match read(&text) {
                    Ok(back) if back == *step => {}
                    Ok(_) => wrong.push(format!("{file} {}: reads back as something else", step.name)),
                    Err(error) => wrong.push(format!("{file} {}: {error:?}", step.name)),
                }
            }
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn one() {
    let Ok(file) = std::env::var("DLC_FILE") else { return };
    let set = std::env::var("DLC_SET").unwrap_or_default();
    let mut set: Vec<(&str, &str)> = set.split(',').filter_map(|p| p.split_once('=')).collect();
    set.extend(small(&file));
    let (module, steps) = built(&file, Precision::F64, &set);
    for (graph, step) in module.steps.iter().zip(&steps) {
        if std::env::var("DLC_SHOW").is_ok() {
            println!("{}", print::print(step, &|_| None));
        }
        println!("{} {}", graph.name, step.kernels.len());
        compare(step, graph, 7, 1e-9, &format!("{file} {}", graph.name));
    }
}
