//! Programs with slips: the sketches with tokens dropped, doubled, swapped and replaced. Whatever the
//! text, the checker answers, and what it accepts compiles into graphs that hold.

use dlc::check::{self, Files, Settings};
use dlc::diag::Diagnostic;
use dlc::ir::verify::verify;
use dlc::program::{Precision, RawSource};
use dlc::source::SourceMap;
use std::path::{Path, PathBuf};

struct SomeFiles;

impl Files for SomeFiles {
    fn shape(&self, _: &RawSource) -> Result<Vec<usize>, Diagnostic> {
        Ok(vec![12, 3])
    }
}

/// No file is there.
struct Missing;

impl Files for Missing {
    fn shape(&self, _: &RawSource) -> Result<Vec<usize>, Diagnostic> {
        Err(Diagnostic::error(dlc::diag::codes::DATA_FILE, "not there"))
    }
}

fn root() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR"))
}

fn texts() -> Vec<(PathBuf, String)> {
    let mut found = Vec::new();
    for folder in ["models", "models/more", "tests/sketches", "fuzz/corpus/check", "src/std"] {
        let mut paths: Vec<PathBuf> =
            std::fs::read_dir(root().join(folder)).unwrap().map(|e| e.unwrap().path()).collect();
        paths.sort();
        found.extend(paths.into_iter().filter(|p| p.extension().is_some_and(|e| e == "dl")));
    }
    found.into_iter().map(|p| (p.clone(), std::fs::read_to_string(p).unwrap())).collect()
}

/// Checks and compiles a text as if it stood at a path; true if it is accepted.
fn answered(path: &Path, text: &str) -> bool {
    let mut sources = SourceMap::default();
    let source = sources.add("slip.dl", Some(path.to_owned()), text);
    let settings = Settings { without_files: true, ..Settings::default() };
    match check::check(path, &source, &settings, &mut sources, &SomeFiles) {
        Ok((program, _)) => {
            let mut held = Ok(());
            let compiled = dlc::compile(&program, Precision::F32, &mut |_, stage, graph| {
                if let (Ok(()), Err(violations)) = (&held, verify(graph)) {
                    held = Err(format!("after {stage} of {}: {violations:?}", graph.name));
                }
            });
            held.unwrap_or_else(|why| panic!("{why}\n{text}"));
            compiled.is_ok()
        }
        Err(problems) => {
            assert!(!problems.is_empty());
            false
        }
    }
}

/// Tokens with the blanks before them.
fn tokens(text: &str) -> Vec<String> {
    let mut out: Vec<String> = Vec::new();
    let mut word = false;
    let mut blank = true;
    for c in text.chars() {
        let wordy = c.is_alphanumeric() || c == '_';
        let joins = out.last().is_some() && ((wordy && word) || (blank && !out.is_empty()));
        if joins && !(blank && word) {
            out.last_mut().unwrap().push(c);
        } else {
            out.push(c.to_string());
        }
        blank = c.is_whitespace();
        word = wordy;
    }
    out
}

struct Random(u64);

impl Random {
    fn below(&mut self, n: usize) -> usize {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        (self.0 >> 16) as usize % n.max(1)
    }
}

fn slipped(text: &str, random: &mut Random) -> String {
    let mut all = tokens(text);
    for _ in 0..1 + random.below(3) {
        let at = random.below(all.len());
        let other = all[random.below(all.len())].clone();
        match random.below(4) {
            0 => drop(all.remove(at)),
            1 => all.insert(at, other),
            2 => all[at] = other,
            _ => {
                let to = random.below(all.len());
                all.swap(at, to);
            }
        }
        if all.is_empty() {
            break;
        }
    }
    all.concat()
}

/// Every model and sketch is a right program: it passes, or a construct that is not built is named.
#[test]
fn sketches_pass_or_name_what_is_not_built() {
    // The corpus stands apart from the modules it uses.
    for (path, text) in texts().into_iter().filter(|(path, _)| !path.starts_with(root().join("fuzz"))) {
        let mut sources = SourceMap::default();
        let source = sources.add("sketch.dl", Some(path.clone()), text);
        let settings = Settings { without_files: true, ..Settings::default() };
        let Err(problems) = check::check(&path, &source, &settings, &mut sources, &Missing) else { continue };
        for p in problems.iter().filter(|p| p.severity == dlc::diag::Severity::Error) {
            assert_eq!(p.code, dlc::diag::codes::NOT_BUILT, "{}: {}", path.display(), p.title);
        }
    }
}

#[test]
fn whole_texts_are_answered() {
    for (path, text) in texts() {
        answered(&path, &text);
    }
}

#[test]
fn programs_with_slips_are_answered() {
    let rounds: usize = std::env::var("DLC_SLIPS").ok().and_then(|n| n.parse().ok()).unwrap_or(40);
    let mut random = Random(0x9e37_79b9_7f4a_7c15);
    let mut accepted = 0;
    for (path, text) in texts() {
        for _ in 0..rounds {
            let wrong = slipped(&text, &mut random);
            let outcome = std::panic::catch_unwind(|| answered(&path, &wrong));
            match outcome {
                Ok(ok) => accepted += usize::from(ok),
                Err(panic) => {
                    eprintln!("{}:\n{wrong}", path.display());
                    std::panic::resume_unwind(panic);
                }
            }
        }
    }
    // Some slips leave a program: otherwise the stages below are never reached.
    assert!(accepted > 0);
}

#[test]
fn what_grows_without_end_is_refused() {
    let doubled = |first: &str, next: &str| {
        let mut text = format!("{first}\n");
        for i in 1..60 {
            text.push_str(&next.replace("NEXT", &format!("a{i}")).replace("LAST", &format!("a{}", i - 1)));
            text.push('\n');
        }
        text
    };
    let path = root().join("grows.dl");
    for text in [
        doubled("a0 = [1]", "NEXT = LAST + LAST"),
        doubled("a0 = [1]", "NEXT = [LAST, LAST]"),
        doubled("a0 = \"x\"", "NEXT = \"{LAST}{LAST}\""),
        doubled("fn a0(x) = x", "fn NEXT(x) = LAST(x) + LAST(x)") + "b = a59(1)\n",
        "a = [i for i in 0..1_000_000_000]\n".to_owned(),
        "b = zeros([1_000_000_000, 1_000_000_000, 1_000_000_000])\n".to_owned(),
    ] {
        assert!(!answered(&path, &text), "{text}");
    }
}
