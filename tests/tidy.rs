//! The order of the house: what every file owes, which folder may know which, and that codes, their
//! pages and their tests stay together.

use dlc::diag::codes;
use dlc::source::SourceMap;
use dlc::syntax;
use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

/// Which parts of the library a part may import. Itself is always allowed.
const MAY_IMPORT: &[(&str, &[&str])] = &[
    ("source", &[]),
    ("diag", &["source"]),
    ("library", &[]),
    ("syntax", &["diag", "source"]),
    ("program", &["source"]),
    ("random", &["program"]),
    ("check", &["diag", "library", "program", "random", "source", "syntax"]),
    ("ir", &["diag", "program", "random", "source"]),
    ("math", &["ir"]),
    ("lower", &["diag", "ir", "program", "random", "source"]),
    ("rules", &["ir", "program", "source"]),
    ("passes", &["ir", "rules", "source"]),
    ("fuse", &["ir", "source"]),
    ("plan", &["fuse", "ir"]),
    ("kernel", &["fuse", "ir", "math", "plan", "random", "source"]),
    ("cpu", &["ir", "kernel", "math", "random", "source"]),
    ("grad", &["diag", "ir", "rules", "source"]),
    ("compile", &["diag", "fuse", "grad", "ir", "kernel", "lower", "passes", "plan", "program", "rules"]),
    ("data", &["diag", "source"]),
    (
        "runtime",
        &[
            "cpu", "data", "diag", "grad", "ir", "kernel", "lower", "passes", "program", "random", "rules",
            "source",
        ],
    ),
    ("train", &["data", "diag", "ir", "lower", "program", "random", "runtime", "source"]),
    (
        "cli",
        &[
            "check", "compile", "cpu", "data", "diag", "fuse", "ir", "kernel", "library", "passes",
            "program", "runtime", "source", "syntax", "train",
        ],
    ),
];

/// Parts that touch files, clock or terminal; the others are pure.
const MAY_TOUCH_THE_WORLD: &[&str] = &["data", "runtime", "train", "cli", "diag", "check"];

/// Where `unsafe` may stand.
const MAY_BE_UNSAFE: &[&str] = &["cpu", "gpu", "runtime"];

/// Models, their data and ways to train them, which the compiler must not know: in any word, whatever is put
/// before or after.
const MODEL_STEMS: &[&str] = &[
    "rbm",
    "boltzmann",
    "gibbs",
    "contrastive",
    "lenet",
    "mnist",
    "autoencod",
    "denois",
    "perceptron",
    "logistic",
];

/// The same as words of their own, for others have these letters too.
const MODEL_WORDS: &[&str] =
    &["adam", "belief", "dae", "dbn", "dropout", "elman", "hmc", "lstm", "mlp", "rnn", "sda"];

/// Codes that no program can bring about yet, with the reason.
const NOT_REACHED: &[(&str, &str)] = &[];

fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

/// All files below a folder with an ending, sorted.
fn files(folder: &str, ending: &str) -> Vec<PathBuf> {
    let mut found = Vec::new();
    let mut todo = vec![root().join(folder)];
    while let Some(folder) = todo.pop() {
        for entry in std::fs::read_dir(&folder).into_iter().flatten() {
            let path = entry.expect("the folder can be read").path();
            if path.is_dir() {
                todo.push(path);
            } else if path.extension().is_some_and(|e| e == ending) {
                found.push(path);
            }
        }
    }
    found.sort();
    found
}

fn read(path: &Path) -> String {
    std::fs::read_to_string(path).unwrap_or_default()
}

/// A file's path from the top, for messages.
fn short(path: &Path) -> String {
    path.strip_prefix(root()).unwrap_or(path).display().to_string()
}

/// The part of the library a source file belongs to: `src/diag/json.rs` is `diag`.
fn part(path: &Path) -> String {
    let below = path.strip_prefix(root().join("src")).expect("the file lies in src");
    let first = below.components().next().expect("the path is not empty");
    first.as_os_str().to_string_lossy().trim_end_matches(".rs").to_owned()
}

/// A source file's lines that are code, without comments and texts in them.
fn code_lines(text: &str) -> impl Iterator<Item = &str> {
    text.lines().map(|l| l.split("//").next().unwrap_or("")).filter(|l| !l.trim().is_empty())
}

fn is_test(path: &Path) -> bool {
    path.file_name().is_some_and(|n| n == "tests.rs") || path.components().any(|c| c.as_os_str() == "tests")
}

fn none(wrong: Vec<String>) {
    assert!(wrong.is_empty(), "\n{}", wrong.join("\n"));
}

#[test]
fn every_file_says_what_it_is() {
    let all = [files("src", "rs"), files("tests", "rs"), files("benches", "rs")].concat();
    let mute = |p: &&PathBuf| !read(p).starts_with("//! ");
    none(all.iter().filter(mute).map(|p| format!("{} does not open with //!", short(p))).collect());
}

#[test]
fn no_import_goes_against_the_arrow() {
    let mut wrong = Vec::new();
    for path in files("src", "rs") {
        let part = part(&path);
        if ["lib", "main"].contains(&part.as_str()) || is_test(&path) {
            continue;
        }
        let Some((_, allowed)) = MAY_IMPORT.iter().find(|(name, _)| *name == part) else {
            wrong.push(format!("{} belongs to {part}, which the table does not have", short(&path)));
            continue;
        };
        let text = read(&path);
        let text = text.split("#[cfg(test)]").next().unwrap_or("");
        for line in code_lines(text) {
            for after in line.split("crate::").skip(1) {
                let word = |c: char| c.is_alphanumeric() || c == '_';
                let heads: Vec<String> = match after.strip_prefix('{') {
                    Some(group) => top_names(group),
                    None => vec![after.chars().take_while(|c| word(*c)).collect()],
                };
                for head in heads {
                    let known = MAY_IMPORT.iter().any(|(name, _)| *name == head);
                    if known && head != part && !allowed.contains(&head.as_str()) {
                        wrong.push(format!("{}: {part} imports {head}", short(&path)));
                    }
                }
            }
        }
    }
    none(wrong);
}

/// The first names in the braces of `crate::{a::b, c::{d, e}}`.
fn top_names(group: &str) -> Vec<String> {
    let mut depth = 0;
    let mut names = vec![String::new()];
    for c in group.chars() {
        match c {
            '{' => depth += 1,
            '}' => depth -= 1,
            ',' if depth == 0 => names.push(String::new()),
            _ if depth == 0 => names.last_mut().expect("there is one").push(c),
            _ => {}
        }
        if depth < 0 {
            break;
        }
    }
    names.iter().map(|n| n.trim().split("::").next().unwrap_or("").to_owned()).collect()
}

#[test]
fn the_middle_of_the_compiler_is_pure() {
    let mut wrong = Vec::new();
    for path in files("src", "rs").iter().filter(|p| !is_test(p)) {
        if MAY_TOUCH_THE_WORLD.contains(&part(path).as_str()) {
            continue;
        }
        let text = read(path);
        let text = text.split("#[cfg(test)]").next().unwrap_or("");
        for word in ["std::fs", "std::io", "std::env", "Instant::now", "SystemTime", "println!", "eprintln!"]
        {
            if code_lines(text).any(|l| l.contains(word)) {
                wrong.push(format!("{} uses {word}", short(path)));
            }
        }
    }
    none(wrong);
}

#[test]
fn nothing_is_left_undone_in_silence() {
    let mut wrong = Vec::new();
    for path in files("src", "rs") {
        for word in ["todo!", "unimplemented!", "dbg!", "FIXME", "XXX"] {
            if code_lines(&read(&path)).any(|l| l.contains(word)) {
                wrong.push(format!("{} has {word}", short(&path)));
            }
        }
    }
    none(wrong);
}

#[test]
fn the_compiler_knows_no_model() {
    let mut wrong = Vec::new();
    for path in files("src", "rs") {
        if ["std", "data"].contains(&part(&path).as_str()) {
            continue;
        }
        for word in models_spoken_of(&read(&path)) {
            wrong.push(format!("{} speaks of {word}", short(&path)));
        }
    }
    none(wrong);
    for (text, word) in [
        ("struct RbmLayer;", "rbm"),
        ("let is_gibbs_step = 1;", "gibbs"),
        ("//! read by `data.mnist_file`", "mnist"),
        ("fn adam_minimize() {}", "adam"),
    ] {
        assert_eq!(models_spoken_of(text), [word], "{text}");
    }
    assert!(models_spoken_of("an adamant, disdainful reader").is_empty());
}

/// The words of models in a text, comments and names alike.
fn models_spoken_of(text: &str) -> Vec<&'static str> {
    let text = text.to_ascii_lowercase();
    let words: BTreeSet<&str> = text.split(|c: char| !c.is_alphanumeric()).collect();
    let stems = MODEL_STEMS.iter().filter(|stem| text.contains(**stem));
    stems.chain(MODEL_WORDS.iter().filter(|word| words.contains(**word))).copied().collect()
}

#[test]
fn unsafe_stands_only_where_it_may() {
    let mut wrong = Vec::new();
    for path in files("src", "rs") {
        let words = |l: &str| l.split(|c: char| !c.is_alphanumeric() && c != '_').any(|w| w == "unsafe");
        if !MAY_BE_UNSAFE.contains(&part(&path).as_str()) && code_lines(&read(&path)).any(words) {
            wrong.push(format!("{} is unsafe", short(&path)));
        }
    }
    none(wrong);
}

#[test]
fn no_path_of_a_machine_is_written_down() {
    let endings = ["rs", "md", "dl", "txt", "toml", "json"];
    let folders = ["src", "tests", "docs", "models", "grammar", "benches", "fuzz/fuzz_targets"];
    let mut all: Vec<PathBuf> =
        folders.iter().flat_map(|f| endings.iter().flat_map(|e| files(f, e))).collect();
    let top = ["README.md", "ARCHITECTURE.md", "CHANGELOG.md", "Cargo.toml", ".ci/run"];
    all.extend(top.iter().map(|f| root().join(f)));
    // Put together here, lest this file be found.
    let starts: Vec<String> = ["home", "root", "work", "Users"].iter().map(|f| format!("/{f}/")).collect();
    let mut wrong = Vec::new();
    for path in all {
        let text = read(&path);
        if let Some(start) = starts.iter().find(|s| text.contains(s.as_str())) {
            wrong.push(format!("{} has a path from {start}", short(&path)));
        }
    }
    none(wrong);
}

#[test]
fn every_program_is_laid_out_by_fmt() {
    // Programs that are wrong or ugly on purpose.
    let except = ["tests/errors/", "tests/suite/", "fuzz/"];
    let folders = ["src/std", "models", "tests", "benches", "docs"];
    let mut wrong = Vec::new();
    for path in folders.iter().flat_map(|f| files(f, "dl")) {
        if except.iter().any(|e| short(&path).starts_with(e)) {
            continue;
        }
        let mut sources = SourceMap::default();
        let source = sources.add(short(&path), None, read(&path));
        let (file, problems) = syntax::parse(&source);
        if !problems.is_empty() || syntax::print(&file, &source) != read(&path) {
            wrong.push(format!("{} is not in the layout of dlc fmt", short(&path)));
        }
    }
    none(wrong);
}

#[test]
fn every_code_has_a_page_of_its_title() {
    let pages = read(&root().join("docs/errors.md"));
    let title = |c: &codes::Code| format!("\n## {}: {}\n", c.id, c.about);
    let without = codes::ALL.iter().filter(|c| !pages.contains(&title(c)));
    let mut wrong: Vec<String> = without.map(|c| format!("docs/errors.md lacks{}", title(c))).collect();
    for heading in pages.lines().filter_map(|l| l.strip_prefix("## DL")) {
        let id = format!("DL{}", heading.split(':').next().unwrap_or(""));
        if !codes::ALL.iter().any(|c| c.id == id) {
            wrong.push(format!("docs/errors.md explains {id}, which does not exist"));
        }
    }
    none(wrong);
}

#[test]
fn every_code_has_a_test() {
    let texts: Vec<String> =
        [files("tests", "txt"), files("tests", "rs")].concat().iter().map(|p| read(p)).collect();
    let mut wrong = Vec::new();
    for code in codes::ALL {
        let tested = texts.iter().any(|t| t.contains(code.id) && !t.contains("const NOT_REACHED"));
        let excused = NOT_REACHED.iter().find(|(id, _)| *id == code.id);
        match (tested, excused) {
            (false, None) => wrong.push(format!("no test brings about {}: {}", code.id, code.about)),
            (true, Some((_, why))) => wrong.push(format!("{} has a test although {why}", code.id)),
            (true, None) | (false, Some(_)) => {}
        }
    }
    none(wrong);
}

#[test]
fn the_readme_has_the_commands_that_the_ci_calls() {
    let readme = read(&root().join("README.md"));
    let ci = read(&root().join(".ci/run"));
    for command in ["cargo run --release -- run models/logistic_regression.dl", "cargo test --release"] {
        assert!(readme.contains(command), "README.md lacks `{command}`");
    }
    assert!(
        ci.lines().any(|l| l.trim() == "cargo test --release"),
        ".ci/run does not call the README's tests"
    );
}
