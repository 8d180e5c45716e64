//! Text in, text out: a graph, what is done to it, and the graph that comes of it.
//!
//! A case is a title after `===`, a line `do` with stages (`before`, `gradient`, `after`, or a rule's
//! name), the graph as printed, `---`, and the expected graph. `DLC_BLESS=1` writes what came out.

use super::numeric::verified;
use dlc::grad::differentiate;
use dlc::ir::{Graph, print::print, read::read};
use dlc::passes::{AFTER_GRADIENT, BEFORE_GRADIENT, drop_dead, run_pipeline, share};
use dlc::rules::{self, Trace, rewrite};
use std::path::{Path, PathBuf};

#[test]
fn cases() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/suite/rules");
    let entries = std::fs::read_dir(&folder).expect("the folder is there");
    let mut files: Vec<PathBuf> = entries.map(|e| e.expect("readable").path()).collect();
    files.retain(|f| f.extension().is_some_and(|e| e == "txt"));
    files.sort();
    assert!(!files.is_empty());
    for file in files {
        let text = std::fs::read_to_string(&file).expect("readable");
        let mut parts = text.split("=== ");
        let mut out = parts.next().unwrap_or_default().to_string();
        for case in parts {
            out.push_str(&format!("=== {}", outcome(case)));
        }
        if std::env::var_os("DLC_BLESS").is_some() {
            std::fs::write(&file, out).expect("writable");
        } else {
            assert!(out == text, "{} gives\n{out}", file.display());
        }
    }
}

/// The case with what comes out in place of what is expected.
fn outcome(case: &str) -> String {
    let (head, _) = case.split_once("---\n").unwrap_or((case, ""));
    let head = head.trim_end();
    let (title, rest) = head.split_once('\n').expect("a title");
    let (stages, text) = rest.split_once('\n').expect("stages");
    let stages = stages.strip_prefix("do ").expect("what to do");
    let mut graph = read(text).unwrap_or_else(|e| panic!("{title}: {e}"));
    verified(&graph);
    for stage in stages.split_whitespace() {
        graph = run_stage(graph, stage);
        verified(&graph);
    }
    format!("{head}\n---\n{}\n", print(&graph))
}

fn run_stage(graph: Graph, stage: &str) -> Graph {
    match stage {
        "before" => run_pipeline(graph, BEFORE_GRADIENT, |_, g| verified(g)).0,
        "after" => run_pipeline(graph, AFTER_GRADIENT, |_, g| verified(g)).0,
        "gradient" => drop_dead(differentiate(graph).expect("a path")),
        name => {
            let rule = rules::all().find(|r| r.name == name).unwrap_or_else(|| panic!("no rule {name}"));
            drop_dead(share(rewrite(graph, &[*rule], "test", &mut Trace::default())))
        }
    }
}
