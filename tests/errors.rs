//! Every wrong program of `tests/errors` is answered as the text beside it says.
//!
//! A program's first lines may say how: `# args: --set hidden=784`, `# run` (the mistake shows while
//! running), `# resumed: lr=0.1` (it goes on from the checkpoint of a run with these settings), `#
//! damaged` (of which the last byte is missing). The comment after them says what the message must
//! tell, in words, for whoever reads a change of the text. `DLC_BLESS=1 cargo test --test errors` writes the texts anew.

use dlc::check::{Files, Settings};
use dlc::diag::{Diagnostic, Problems, render::render_plain};
use dlc::program::RawSource;
use dlc::source::SourceMap;
use dlc::train::{Checkpoint, Options, run};
use std::path::{Path, PathBuf};
use std::time::Duration;

const FOLDER: &str = "tests/errors";

#[test]
fn every_wrong_program_is_answered_as_written() {
    let bless = std::env::var_os("DLC_BLESS").is_some();
    let programs = programs();
    assert!(programs.len() > 40, "only {} programs were found", programs.len());
    let mut wrong = Vec::new();
    for path in programs {
        let drawn = on_a_large_stack(path.clone());
        let expected = path.with_extension("txt");
        if bless {
            std::fs::write(&expected, &drawn).expect("the text can be written");
        } else if std::fs::read_to_string(&expected).ok().as_ref() != Some(&drawn) {
            wrong.push(format!("{} is answered:\n\n{drawn}", path.display()));
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

fn programs() -> Vec<PathBuf> {
    let entries = std::fs::read_dir(FOLDER).expect("the folder is there");
    let mut paths: Vec<PathBuf> = entries.map(|e| e.expect("the folder can be read").path()).collect();
    paths.retain(|p| p.extension().is_some_and(|e| e == "dl"));
    paths.sort();
    paths
}

/// As the command does it: programs may nest deeply.
fn on_a_large_stack(path: PathBuf) -> String {
    let thread = std::thread::Builder::new().stack_size(256 << 20).spawn(move || answer(&path));
    thread.expect("a thread can be made").join().expect("the program is answered")
}

/// All that is said of a program, drawn.
fn answer(path: &Path) -> String {
    let text = std::fs::read_to_string(path).expect("the program can be read");
    let directives: Vec<&str> = text.lines().map_while(|l| l.strip_prefix("# ")).collect();
    let arguments = directives.iter().find_map(|d| d.strip_prefix("args: ")).unwrap_or("");
    let words: Vec<&str> = arguments.split_whitespace().filter(|w| *w != "--set").collect();
    let pair = |word: &&str| word.split_once('=').map(|(n, v)| (n.to_owned(), v.to_owned()));
    let settings = Settings { set: words.iter().filter_map(pair).collect(), ..Settings::default() };
    let mut sources = SourceMap::default();
    let folder = tempfile::tempdir().expect("a folder can be made");
    let out = directives.contains(&"run").then(|| folder.path());
    let resume = match directives.iter().find_map(|d| d.strip_prefix("resumed:")) {
        Some(before) => {
            let set = before.split_whitespace().filter_map(|word| pair(&word)).collect();
            Some(checkpoint(path, &text, &Settings { set, ..Settings::default() }, folder.path()))
        }
        None => None,
    };
    if let (Some(path), true) = (&resume, directives.contains(&"damaged")) {
        let mut bytes = std::fs::read(path).expect("there is a checkpoint");
        bytes.pop();
        std::fs::write(path, bytes).expect("it can be written");
    }
    let problems = problems(path, &text, &settings, &mut sources, out, resume);
    assert!(!problems.is_empty(), "nothing is said of {}", path.display());
    // Messages about files say where they were looked for, which differs from machine to machine.
    let here = std::env::current_dir().expect("the current folder is there");
    let drawn = render_plain(&problems, &sources).replace(&folder.path().display().to_string(), "OUT");
    drawn.replace(&format!("{}/", here.display()), "")
}

/// The checkpoint of a run with other settings that was interrupted at once.
fn checkpoint(path: &Path, text: &str, settings: &Settings, folder: &Path) -> PathBuf {
    let mut sources = SourceMap::default();
    let source = sources.add(path.display().to_string(), Some(path.to_owned()), text);
    let checked = dlc::check::check(path, &source, settings, &mut sources, &Beside);
    let (program, _) = checked.expect("nothing is wrong with the program");
    let compiled = dlc::compile(&program, settings.precision, &mut |_, _, _| {}).expect("it compiles");
    let path = folder.join("checkpoint");
    let kept = Checkpoint { path: path.clone(), every: Duration::MAX };
    let options = Options { folder: FOLDER.into(), checkpoint: Some(kept), ..Options::default() };
    let options = Options { cut_after: Some(0), ..options };
    run(&program, &compiled.module, &options, &mut ()).expect("it is interrupted");
    path
}

/// What is said of a program, checked and compiled, and run if a folder is given for its files.
fn problems(
    path: &Path,
    text: &str,
    settings: &Settings,
    sources: &mut SourceMap,
    out: Option<&Path>,
    resume: Option<PathBuf>,
) -> Problems {
    let source = sources.add(path.display().to_string(), Some(path.to_owned()), text);
    let checked = dlc::check::check(path, &source, settings, sources, &Beside);
    let (program, mut problems) = match checked {
        Ok(checked) => checked,
        Err(problems) => return problems,
    };
    let compiled = match dlc::compile(&program, settings.precision, &mut |_, _, _| {}) {
        Ok(compiled) => compiled,
        Err(found) => {
            problems.extend(found);
            return problems;
        }
    };
    if let Some(out) = out {
        let options =
            Options { folder: FOLDER.into(), out: Some(out.to_owned()), resume, ..Options::default() };
        problems.extend(run(&program, &compiled.module, &options, &mut ()).err().unwrap_or_default());
    }
    problems
}

struct Beside;

impl Files for Beside {
    fn shape(&self, source: &RawSource) -> Result<Vec<usize>, Diagnostic> {
        dlc::runtime::raw_shape(source, Path::new(FOLDER))
    }
}
