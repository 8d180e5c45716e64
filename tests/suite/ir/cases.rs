//! What each operation means: the cases of `*.txt`, graphs with given and expected values.
//!
//! A case begins with `=== title` and is a printed graph without its first line, where every leaf
//! gets a node of its name. `given` and `gives` lines hold elements in row-major order. `real` is
//! f64 once and f32 once; expected values are then rounded, and a few last places are forgiven.

use dlc::ir::interp::{run, run_all};
use dlc::ir::read::read;
use dlc::ir::verify::verify;
use dlc::ir::{DType, Graph, Leaf, Tensor, Type};

#[test]
fn elementwise() {
    check(include_str!("elementwise.txt"), 59);
}

#[test]
fn structure() {
    check(include_str!("structure.txt"), 16);
}

#[test]
fn windows() {
    check(include_str!("windows.txt"), 5);
}

fn check(text: &str, count: usize) {
    let cases: Vec<&str> = text.split("=== ").skip(1).collect();
    assert_eq!(cases.len(), count);
    for case in cases {
        for real in ["f64", "f32"] {
            one(&case.replace("=real", &format!("={real}")).replace(" real[", &format!(" {real}[")));
        }
    }
}

fn one(case: &str) {
    let (title, lines) = case.split_once('\n').expect("a title");
    let (mut text, mut given, mut gives) = ("graph case\n".to_owned(), Vec::new(), Vec::new());
    for line in lines.lines() {
        let values = |line: &str| {
            let (name, values) = line.split_once('=').expect("name = values");
            (name.trim().to_owned(), values.split_whitespace().map(value).collect::<Vec<f64>>())
        };
        match line.split_once(' ') {
            Some(("given", rest)) => given.push(values(rest)),
            Some(("gives", rest)) => gives.push(values(rest)),
            Some(("leaf", rest)) => {
                let (head, ty) = rest.split_once(':').expect("a type");
                let name = head.split_whitespace().nth(2).expect("a name");
                text.push_str(&format!("{line}\n%{name} = leaf {name} :{ty}\n"));
            }
            _ => text.push_str(&format!("{line}\n")),
        }
    }
    let graph = read(&text).unwrap_or_else(|e| panic!("{title}: {e}\n{text}"));
    verify(&graph).unwrap_or_else(|v| panic!("{title}: {}", v[0]));
    let leaf = |leaf: &Leaf| {
        let (_, values) = given.iter().find(|(name, _)| **name == *leaf.name).expect("a given value");
        Tensor::from_f64s(leaf.ty.dtype, leaf.ty.shape.clone(), values)
    };
    let outcome = run(&graph, &leaf).unwrap_or_else(|f| panic!("{title}: {}", f.message));
    assert_eq!(graph.reports.len(), gives.len(), "{title}");
    for ((report, found), (name, expected)) in graph.reports.iter().zip(&outcome.reports).zip(&gives) {
        assert_eq!(*report.name, **name, "{title}");
        compare(title, name, found, expected, graph.ty(report.value));
    }
    same_by_run_all(&graph, &leaf, &outcome.reports);
}

fn value(word: &str) -> f64 {
    match word {
        "true" => 1.0,
        "false" => 0.0,
        word => word.parse().expect("a number"),
    }
}

fn compare(title: &str, name: &str, found: &Tensor, expected: &[f64], ty: &Type) {
    assert_eq!(found.ty, *ty, "{title}: {name}");
    let rounded = Tensor::from_f64s(ty.dtype, ty.shape.clone(), expected).as_f64s();
    let slack = match ty.dtype {
        DType::F32 => 2e-7,
        DType::F64 => 1e-15,
        DType::I32 | DType::Bool => 0.0,
    };
    let elements = found.as_f64s();
    for (i, (f, e)) in elements.iter().zip(&rounded).enumerate() {
        let close = f == e && f.is_sign_negative() == e.is_sign_negative()
            || f.is_nan() && e.is_nan()
            || (f - e).abs() <= slack * e.abs();
        assert!(close, "{title}: {name}[{i}] is {f:?}, not {e:?} ({})", ty.dtype.name());
    }
}

/// Every node's value, and the same for the roots. NaN keeps tensors from being equal.
fn same_by_run_all(graph: &Graph, leaf: &dyn Fn(&Leaf) -> Tensor, reports: &[Tensor]) {
    let all = run_all(graph, leaf).expect("computed before");
    assert_eq!(all.len(), graph.nodes.len());
    for (report, found) in graph.reports.iter().zip(reports) {
        assert_eq!(format!("{:?}", all[report.value.index()]), format!("{found:?}"));
    }
}
