//! From a model's text to kernels: the median of 21 checks and compilations of each shipped model, in
//! milliseconds. `dlc check` does both, for which 50 ms are allowed. `cargo bench --bench compile`

use dlc::check::{self, Files, Settings};
use dlc::diag::Diagnostic;
use dlc::program::{Precision, RawSource};
use dlc::source::SourceMap;
use std::path::{Path, PathBuf};
use std::time::Instant;

/// Files beside the program, of which the checker asks shapes.
struct Beside<'a>(&'a Path);

impl Files for Beside<'_> {
    fn shape(&self, source: &RawSource) -> Result<Vec<usize>, Diagnostic> {
        dlc::runtime::raw_shape(source, self.0)
    }
}

/// Milliseconds that `dlc check` may take for any model.
const ALLOWED: f64 = 50.0;

/// Milliseconds that checking and compiling take.
fn once(path: &Path, text: &str) -> (f64, f64) {
    let began = Instant::now();
    let mut sources = SourceMap::default();
    let source = sources.add(path.display().to_string(), Some(path.to_owned()), text);
    let settings = Settings { without_files: true, ..Settings::default() };
    let files = Beside(path.parent().expect("a folder"));
    let checked = check::check(path, &source, &settings, &mut sources, &files);
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
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let entries = |folder: &str| std::fs::read_dir(root.join(folder)).expect("the models");
    let entries = entries("models").chain(entries("models/more"));
    let mut paths: Vec<PathBuf> = entries.map(|e| e.expect("an entry").path()).collect();
    paths.retain(|p| p.extension().is_some_and(|e| e == "dl"));
    paths.sort();
    println!("{:24} {:>10} {:>12} {:>10}", "model", "check, ms", "compile, ms", "both, ms");
    let mut slow = Vec::new();
    for path in paths {
        let text = std::fs::read_to_string(&path).expect("a model's text");
        let (check, compile): (Vec<f64>, Vec<f64>) = (0..21).map(|_| once(&path, &text)).unzip();
        let both = median(check.iter().zip(&compile).map(|(a, b)| a + b).collect());
        let name = path.file_stem().unwrap_or_default().to_string_lossy().into_owned();
        println!("{name:24} {:10.2} {:12.2} {both:10.2}", median(check), median(compile));
        if both >= ALLOWED {
            slow.push(name);
        }
    }
    assert!(slow.is_empty(), "not within {ALLOWED} ms: {}", slow.join(", "));
}
