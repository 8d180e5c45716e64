//! What benches share: from a text to a compiled program, and the median of times.

use dlc::Compiled;
use dlc::check::{self, Files, Settings};
use dlc::diag::Diagnostic;
use dlc::program::{Precision, Program, RawSource};
use dlc::runtime::raw_shape;
use dlc::source::SourceMap;
use std::path::{Path, PathBuf};
use std::time::Instant;

/// Files beside the program.
struct Beside(PathBuf);

impl Files for Beside {
    fn shape(&self, source: &RawSource) -> Result<Vec<usize>, Diagnostic> {
        raw_shape(source, &self.0)
    }
}

/// Checks and compiles a text as if it stood in a file of that path. Gives the milliseconds of both, too.
pub fn make(path: &Path, text: &str, set: &[(&str, &str)]) -> (Program, Compiled, [f64; 2]) {
    let began = Instant::now();
    let mut sources = SourceMap::default();
    let source = sources.add(path.display().to_string(), Some(path.to_owned()), text);
    let set = set.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect();
    let files = Beside(path.parent().map(Path::to_owned).unwrap_or_default());
    let settings = Settings { set, ..Settings::default() };
    let program = match check::check(path, &source, &settings, &mut sources, &files) {
        Ok((program, _)) => program,
        Err(problems) => panic!("{}: {}", path.display(), problems[0].title),
    };
    let check = began.elapsed().as_secs_f64() * 1e3;
    let began = Instant::now();
    let compiled = dlc::compile(&program, Precision::F32, &mut |_, _, _| {}).expect("it compiles");
    let compile = began.elapsed().as_secs_f64() * 1e3;
    (program, compiled, [check, compile])
}

/// The one in the middle.
pub fn median(mut times: Vec<f64>) -> f64 {
    times.sort_by(f64::total_cmp);
    times[times.len() / 2]
}
