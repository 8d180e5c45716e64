//! Programs that stand beside the compiler, compiled.

use dlc::check::{self, Files, Settings};
use dlc::diag::Diagnostic;
use dlc::ir::{Graph, Module};
use dlc::kernel::Step;
use dlc::program::{Precision, Program, RawSource};
use dlc::source::SourceMap;
use std::path::{Path, PathBuf};

/// Files beside the program.
struct Beside(PathBuf);

impl Files for Beside {
    fn shape(&self, source: &RawSource) -> Result<Vec<usize>, Diagnostic> {
        dlc::runtime::raw_shape(source, &self.0)
    }
}

/// A program in all its forms.
pub struct Built {
    /// As checked.
    pub program: Program,
    /// Its graphs.
    pub module: Module,
    /// Its steps as kernels, by the module's indices.
    pub steps: Vec<Step>,
}

/// The repository.
pub fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).to_path_buf()
}

/// Compiles a file of the repository.
pub fn built(file: &str, precision: Precision, set: &[(&str, &str)]) -> Built {
    let text = std::fs::read_to_string(root().join(file)).expect("the program");
    built_as(file, &text, precision, set)
}

/// Compiles a text that stands where a file of the repository does.
pub fn built_as(file: &str, text: &str, precision: Precision, set: &[(&str, &str)]) -> Built {
    with_observer(file, text, precision, set, &mut |_, _, _| {})
}

/// Compiles a file of the repository and shows the graphs on the way: step, stage or pass, graph.
pub fn observed(file: &str, precision: Precision, see: &mut dyn FnMut(usize, &str, &Graph)) -> Built {
    let text = std::fs::read_to_string(root().join(file)).expect("the program");
    with_observer(file, &text, precision, &[], see)
}

fn with_observer(
    file: &str,
    text: &str,
    precision: Precision,
    set: &[(&str, &str)],
    see: &mut dyn FnMut(usize, &str, &Graph),
) -> Built {
    let path = root().join(file);
    let mut sources = SourceMap::default();
    let source = sources.add(file.to_owned(), Some(path.clone()), text);
    let files = Beside(path.parent().expect("a folder").to_path_buf());
    let set = set.iter().map(|(a, b)| ((*a).to_owned(), (*b).to_owned())).collect();
    let settings = Settings { set, precision, without_files: true, ..Settings::default() };
    let checked = check::check(&path, &source, &settings, &mut sources, &files);
    let (program, _) = checked.unwrap_or_else(|e| panic!("{file}: {:?}", e[0]));
    let compiled = dlc::compile(&program, precision, see).expect("it compiles");
    let steps = compiled.kernels.into_iter().map(|built| built.step).collect();
    Built { program, module: compiled.module, steps }
}

/// All programs that stand beside the compiler, by path.
pub fn programs() -> Vec<String> {
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
