//! Any text: the checker answers, and what it accepts compiles.
#![no_main]

use dlc::check::{self, Files, Settings};
use dlc::diag::Diagnostic;
use dlc::program::{Precision, RawSource};
use dlc::source::SourceMap;
use libfuzzer_sys::fuzz_target;
use std::path::Path;

struct NoFiles;

impl Files for NoFiles {
    fn shape(&self, _: &RawSource) -> Result<Vec<usize>, Diagnostic> {
        Ok(vec![12, 3])
    }
}

fuzz_target!(|text: &str| {
    let mut sources = SourceMap::default();
    let source = sources.add("fuzz.dl", None, text);
    let path = Path::new("fuzz.dl");
    if let Ok((program, _)) = check::check(path, &source, &Settings::default(), &mut sources, &NoFiles) {
        let _ = dlc::compile(&program, Precision::F32, &mut |_, _, _| {});
    }
});
