//! The steps of all programs that stand beside the compiler hold to the verifier and read back.

use dlc::check::{self, Files, Settings};
use dlc::diag::Diagnostic;
use dlc::kernel::print::{exact, print};
use dlc::kernel::read::read;
use dlc::kernel::verify::verify;
use dlc::program::{Precision, RawSource};
use dlc::source::SourceMap;
use std::path::Path;

struct NoFiles;

impl Files for NoFiles {
    fn shape(&self, _: &RawSource) -> Result<Vec<usize>, Diagnostic> {
        Ok(Vec::new())
    }
}

#[test]
fn every_step_of_the_models_holds() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("models");
    let entries = std::fs::read_dir(folder).expect("the models");
    let mut paths: Vec<_> = entries.map(|entry| entry.expect("an entry").path()).collect();
    paths.retain(|path| path.extension().is_some_and(|e| e == "dl"));
    paths.sort();
    let mut wrong = Vec::new();
    let mut steps = 0;
    for path in paths {
        let mut sources = SourceMap::default();
        let text = std::fs::read_to_string(&path).expect("a program");
        let source = sources.add(path.display().to_string(), Some(path.clone()), text);
        let settings = Settings { without_files: true, ..Settings::default() };
        let checked = check::check(&path, &source, &settings, &mut sources, &NoFiles);
        // Some want shapes of files that are not there.
        let Ok((program, _)) = checked else { continue };
        let compiled = dlc::compile(&program, Precision::F32, &mut |_, _, _| {}).expect("it compiles");
        for step in compiled.kernels.iter().map(|built| &built.step) {
            steps += 1;
            let found = verify(step).err().unwrap_or_default();
            let place = format!("{} {}", path.display(), step.name);
            wrong.extend(found.iter().map(|e| format!("{place}: {e}")));
            let text = print(step, &exact);
            match read(&text) {
                Ok(back) if back == *step => {}
                Ok(_) => wrong.push(format!("{place}: it reads back as another step")),
                Err(e) => wrong.push(format!("{place}: {e}: {}", text.lines().nth(e.line - 1).unwrap_or(""))),
            }
        }
    }
    assert!(steps > 5 && wrong.is_empty(), "{steps} steps\n{}", wrong.join("\n"));
}
