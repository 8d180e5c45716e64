//! Programs of `tests/parts` that are run: what each prints is in the text beside it.
//!
//! They are about changes of a part of a place, minibatches in another order or with a smaller last
//! one, and pictures. `DLC_BLESS=1 cargo test --test parts` writes the texts anew; a person compares
//! them with what the comments of the programs say.

use dlc::check::{Files, Settings};
use dlc::diag::{Diagnostic, Problems, render::render_plain};
use dlc::program::{Precision, RawSource};
use dlc::source::SourceMap;
use dlc::train::{Cut, Event, Options, Sink, run};
use std::path::Path;

const FOLDER: &str = "tests/parts";

/// Keeps what is printed.
#[derive(Default)]
struct Printed(String);

impl Sink for Printed {
    fn event(&mut self, event: &Event<'_>) {
        if let Event::Print(text) = event {
            self.0 += text;
            self.0.push('\n');
        }
    }
}

struct Beside;

impl Files for Beside {
    fn shape(&self, source: &RawSource) -> Result<Vec<usize>, Diagnostic> {
        dlc::runtime::raw_shape(source, Path::new(FOLDER))
    }
}

/// Runs a text as a program of the folder; gives what it prints.
fn printed(text: &str, precision: Precision, cut: Cut, out: &Path) -> Result<String, String> {
    let path = Path::new(FOLDER).join("program.dl");
    let mut sources = SourceMap::default();
    let source = sources.add(path.display().to_string(), Some(path.clone()), text);
    let settings = Settings { precision, ..Settings::default() };
    let told = |problems: Problems, sources: &SourceMap| render_plain(&problems, sources);
    let (program, _) = dlc::check::check(&path, &source, &settings, &mut sources, &Beside)
        .map_err(|problems| told(problems, &sources))?;
    let compiled = dlc::compile(&program, precision, &mut |_, _, _| {}).map_err(|p| told(p, &sources))?;
    let options = Options { folder: FOLDER.into(), out: Some(out.to_owned()), cut, ..Options::default() };
    let mut sink = Printed::default();
    run(&program, &compiled.module, &options, &mut sink).map_err(|p| told(p, &sources))?;
    Ok(sink.0)
}

#[test]
fn programs_print_what_they_should() {
    let bless = std::env::var_os("DLC_BLESS").is_some();
    let mut paths: Vec<_> = std::fs::read_dir(FOLDER)
        .expect("the folder is there")
        .map(|e| e.expect("the folder can be read").path())
        .filter(|p| p.extension().is_some_and(|e| e == "dl"))
        .collect();
    paths.sort();
    let mut wrong = Vec::new();
    for path in paths {
        let text = std::fs::read_to_string(&path).expect("the program can be read");
        let out = tempfile::tempdir().expect("a folder can be made");
        let drawn = printed(&text, Precision::F32, Cut::Work, out.path())
            .unwrap_or_else(|problems| panic!("{} is refused:\n{problems}", path.display()));
        for (precision, cut) in [(Precision::F64, Cut::Never), (Precision::F32, Cut::Random(7))] {
            let again = printed(&text, precision, cut, out.path());
            assert_eq!(again.as_ref(), Ok(&drawn), "{} with {precision:?}, {cut:?}", path.display());
        }
        let expected = path.with_extension("txt");
        if bless {
            std::fs::write(&expected, &drawn).expect("the text can be written");
        } else if std::fs::read_to_string(&expected).ok().as_ref() != Some(&drawn) {
            wrong.push(format!("{} prints:\n\n{drawn}", path.display()));
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}
