//! The parser, its messages and the layout.

#[path = "syntax/layout.rs"]
mod layout;
#[path = "syntax/robust.rs"]
mod robust;
#[path = "syntax/tree.rs"]
mod tree;

use std::path::{Path, PathBuf};

use dlc::diag::Problems;
use dlc::source::{Source, SourceMap};
use dlc::syntax::{ast, dump, parse, parse_expr, print};

fn source(text: &str) -> std::sync::Arc<Source> {
    SourceMap::default().add("test.dl", None, text)
}

fn read(text: &str) -> (ast::File, Problems) {
    parse(&source(text))
}

/// The problems as text: code, place, title, labels and help.
fn say(source: &Source, problems: &Problems) -> String {
    let mut out = String::new();
    for p in problems {
        out += &format!("{:?} {}\n", p.code, p.title);
        for l in &p.labels {
            let (at, text) = (source.line_column(l.span.start), source.slice(l.span));
            out += &format!("  {}:{} `{}` {}\n", at.line, at.column, text.escape_debug(), l.text);
        }
        p.notes.iter().for_each(|n| out += &format!("  note: {n}\n"));
        p.help.iter().for_each(|h| out += &format!("  help: {h}\n"));
    }
    out
}

fn files(folder: &str) -> Vec<PathBuf> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join(folder);
    let mut all: Vec<PathBuf> = std::fs::read_dir(root)
        .expect("the folder is part of the project")
        .map(|e| e.expect("readable").path())
        .filter(|p| p.extension().is_some_and(|e| e == "dl"))
        .collect();
    all.sort();
    all
}

fn sketches() -> Vec<(PathBuf, String)> {
    let folders = ["tests/sketches", "tests/sketches/std", "src/std", "models", "models/more"];
    let all = folders.iter().flat_map(|f| files(f));
    all.map(|p| (p.clone(), std::fs::read_to_string(p).expect("readable"))).collect()
}

#[test]
fn every_sketch_parses() {
    for (path, text) in sketches() {
        let source = source(&text);
        let (file, problems) = parse(&source);
        assert!(problems.is_empty(), "{}:\n{}", path.display(), say(&source, &problems));
        assert!(!file.items.is_empty() && !dump::dump(&file).is_empty());
    }
}

#[test]
fn every_sketch_is_a_fixed_point_of_the_layout() {
    for (path, text) in sketches() {
        let source = source(&text);
        let printed = print(&parse(&source).0, &source);
        if std::env::var_os("DLC_BLESS").is_some() {
            std::fs::write(&path, &printed).expect("writable");
        } else {
            assert_eq!(printed, text, "{}", path.display());
        }
    }
}

/// Every `.dl` of the suite has its messages beside it; `DLC_BLESS=1` writes them anew.
#[test]
fn messages() {
    let mut wrong = Vec::new();
    for path in files("tests/suite/syntax") {
        let text = std::fs::read_to_string(&path).expect("readable");
        let source = source(&text);
        let told = say(&source, &parse(&source).1);
        let expected = path.with_extension("txt");
        if std::env::var_os("DLC_BLESS").is_some() {
            std::fs::write(&expected, &told).expect("writable");
        } else if std::fs::read_to_string(&expected).unwrap_or_default() != told {
            wrong.push(format!("{}:\n{told}", path.display()));
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}
