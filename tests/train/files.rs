//! Save, load, and disks that are full.

use crate::build::*;
use dlc::diag::codes;
use dlc::program::host::{Expr, ExprKind, Stmt};
use dlc::train::Options;

fn save(name: &str) -> Stmt {
    do_(e(ExprKind::Save(vec![0, 1], Box::new(text(name)))))
}

fn load(name: &str) -> Stmt {
    do_(e(ExprKind::Load(vec![0, 1], Box::new(text(name)))))
}

fn first() -> Expr {
    e(ExprKind::Batch(x_batches(), Box::new(num(3.0))))
}

#[test]
fn what_is_saved_is_loaded() {
    let folder = tempfile::tempdir().unwrap();
    let options = Options { out: Some(folder.path().to_owned()), ..Options::default() };
    for name in ["kept.npz", "deep/kept.safetensors"] {
        let body = vec![save(name), do_(learn_on(first(), num(1.0))), save("other.npz"), load(name)];
        let outcome = run_with(&program(body, 0), &options);
        assert_eq!(outcome.places[0].item_f64(), 0.5);
        outcome.told();
        let outcome = run_with(&program(vec![load("other.npz")], 0), &options);
        assert_eq!(outcome.places[0].item_f64(), 7.0);
        let arrays = dlc::data::read_arrays(&folder.path().join(name)).unwrap();
        let mut names: Vec<&str> = arrays.iter().map(|(name, _)| name.as_str()).collect();
        names.sort_unstable();
        assert_eq!(names, ["W", "s"]);
    }
}

#[test]
fn load_looks_in_the_run_folder_then_beside_the_program() {
    let (out, beside) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    let to =
        |folder: &tempfile::TempDir| Options { out: Some(folder.path().to_owned()), ..Options::default() };
    run_with(&program(vec![do_(learn_on(first(), num(1.0))), save("m.npz")], 0), &to(&beside)).told();
    let options = Options { folder: beside.path().to_owned(), ..to(&out) };
    let outcome = run_with(&program(vec![load("m.npz")], 0), &options);
    assert_eq!(outcome.places[0].item_f64(), 7.0);
    run_with(&program(vec![save("m.npz")], 0), &to(&out)).told();
    let outcome = run_with(&program(vec![load("m.npz")], 0), &options);
    assert_eq!(outcome.places[0].item_f64(), 0.5);
    let missing = run_with(&program(vec![load("none.npz")], 0), &options).error();
    assert_eq!((missing.code, missing.notes.len()), (codes::DATA_FILE, 4), "{missing:?}");
}

#[test]
fn a_save_that_fails_keeps_the_old_file() {
    let folder = tempfile::tempdir().unwrap();
    let options = Options { out: Some(folder.path().to_owned()), ..Options::default() };
    run_with(&program(vec![save("m.npz")], 0), &options).told();
    let before = std::fs::read(folder.path().join("m.npz")).unwrap();
    // The name of a folder is taken by a file; a folder stands where the file should be.
    for name in ["m.npz/inner.npz", "folder.npz", "../m.npz", "/tmp/m.npz", "m.unknown"] {
        std::fs::create_dir_all(folder.path().join("folder.npz")).unwrap();
        let error = run_with(&program(vec![save(name)], 0), &options).error();
        assert_eq!(error.code, codes::OUTPUT, "{name}");
        assert!(!error.labels.is_empty());
    }
    assert_eq!(std::fs::read(folder.path().join("m.npz")).unwrap(), before);
    let names = std::fs::read_dir(folder.path()).unwrap().count();
    assert_eq!(names, 2, "nothing is left behind");
}

#[test]
fn a_load_that_fails_changes_nothing() {
    use dlc::data::{Array, Elements, write_arrays};
    let folder = tempfile::tempdir().unwrap();
    let options = Options { out: Some(folder.path().to_owned()), ..Options::default() };
    let array = |shape: Vec<usize>, v: Vec<f32>| Array::new(shape, Elements::F32(v)).unwrap();
    let good = || ("W".to_owned(), array(vec![], vec![9.0]));
    let shape = ("s".to_owned(), array(vec![2], vec![1.0, 2.0]));
    for (other, code) in [(Some(shape), codes::DATA_SHAPE), (None, codes::DATA_FORMAT)] {
        let arrays: Vec<(String, Array)> = std::iter::once(good()).chain(other).collect();
        write_arrays(&folder.path().join("m.npz"), &arrays).unwrap();
        let outcome = run_with(&program(vec![load("m.npz")], 0), &options);
        assert_eq!(outcome.places[0].item_f64(), 0.5);
        assert_eq!(outcome.error().code, code);
    }
}

/// The run is carried out, told of at once, and an error at the end.
#[cfg(target_os = "linux")]
#[test]
fn a_full_disk_under_the_log_does_not_end_the_run() {
    let options = Options { log: Some("/dev/full".into()), ..Options::default() };
    let body = vec![do_(learn_on(first(), num(1.0))), print(vec![text("on")])];
    let outcome = run_with(&program(body, 0), &options);
    assert_eq!(outcome.places[0].item_f64(), 7.0);
    let warnings = outcome.lines.iter().filter(|l| l.starts_with("warning: cannot write the log")).count();
    assert_eq!(warnings, 1, "{:?}", outcome.lines);
    let error = outcome.error();
    assert_eq!(error.code, codes::OUTPUT);
    assert!(error.notes[0].contains("the last 4 lines"), "{error:?}");
}

#[test]
fn a_log_that_cannot_be_begun_is_an_error_before_the_run() {
    let options = Options { log: Some("/nonexistent/log.jsonl".into()), ..Options::default() };
    let outcome = run_with(&program(vec![print(vec![text("on")])], 0), &options);
    assert!(outcome.lines.is_empty());
    assert_eq!(outcome.error().code, codes::OUTPUT);
}
