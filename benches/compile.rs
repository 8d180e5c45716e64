//! From a model's text to optimised graphs: the median of 21 checks and compilations of each shipped
//! model, in milliseconds. `cargo bench --bench compile`

use dlc::check::{self, Files, Settings};
use dlc::diag::Diagnostic;
use dlc::program::{Precision, RawSource};
use dlc::source::SourceMap;
use std::path::{Path, PathBuf};
use std::time::Instant;

/// The shipped models declare all their extents, so no file is asked for.
struct NoFiles;

impl Files for NoFiles {
    fn shape(&self, _: &RawSource) -> Result<Vec<usize>, Diagnostic> {
        Ok(Vec::new())
    }
}

/// Milliseconds that checking and compiling take.
fn once(path: &Path, text: &str) -> (f64, f64) {
    let began = Instant::now();
    let mut sources = SourceMap::default();
    let source = sources.add(path.display().to_string(), Some(path.to_owned()), text);
    let checked = check::check(path, &source, &Settings::default(), &mut sources, &NoFiles);
    let Ok((program, _)) = checked else { panic!("{} does not check", path.display()) };
    let check = began.elapsed();
    let began = Instant::now();
    let compiled = dlc::compile(&program, Precision::F32, &mut |_, _, _| {});
    assert!(compiled.is_ok(), "{} does not compile", path.display());
    (check.as_secs_f64() * 1e3, began.elapsed().as_secs_f64() * 1e3)
}

fn median(mut times: Vec<f64>) -> f64 {
    times.sort_by(f64::total_cmp);
    times[times.len() / 2]
}

fn main() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("models");
    let entries = std::fs::read_dir(folder).expect("the models");
    let mut paths: Vec<PathBuf> = entries.map(|e| e.expect("an entry").path()).collect();
    paths.retain(|p| p.extension().is_some_and(|e| e == "dl"));
    paths.sort();
    println!("{:24} {:>10} {:>10}", "model", "check, ms", "compile, ms");
    for path in paths {
        let text = std::fs::read_to_string(&path).expect("a model's text");
        let (check, compile) = (0..21).map(|_| once(&path, &text)).unzip();
        let name = path.file_stem().unwrap_or_default().to_string_lossy().into_owned();
        println!("{name:24} {:10.2} {:11.2}", median(check), median(compile));
    }
}
