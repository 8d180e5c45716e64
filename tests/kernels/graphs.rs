//! Random graphs, through fusion, planning and scheduling to machine code.

use crate::any_graph::{AnyGraph, Options, any_graph};
use crate::both;
use crate::common::random_graph::{self, random_graph};
use dlc::ir::{Builder, DType, Graph, Report, Tensor, Update};
use dlc::passes::{AFTER_GRADIENT, BEFORE_GRADIENT, drop_dead, run_pipeline};
use std::panic::{AssertUnwindSafe, catch_unwind};

/// Sums of some hundred terms in another order, and what a few nonlinear functions make of the difference.
fn bound(real: DType) -> f64 {
    match real {
        DType::F32 => 2e-3,
        DType::F64 | DType::I32 | DType::Bool => 1e-9,
    }
}

/// Everything that must hold of a graph; why it does not.
fn holds(graph: &Graph, values: &[Tensor], real: DType) -> Result<(), String> {
    let all = || {
        let step = both::kernels(graph);
        // What a crash leaves to look at.
        if std::env::var_os("DLC_SHOW").is_some() {
            let kernels = dlc::kernel::print::print(&step, &|_| None);
            eprintln!("{}\n{kernels}", dlc::ir::print::print(graph));
        }
        both::sound(&step)?;
        both::near(graph, &step, values, bound(real))?;
        both::equal(graph, &step, values, 2)
    };
    match catch_unwind(AssertUnwindSafe(all)) {
        Ok(result) => result,
        Err(panic) => {
            let text = panic.downcast_ref::<String>().map(String::as_str);
            let text = text.or_else(|| panic.downcast_ref::<&str>().copied());
            Err(format!("a panic: {}", text.unwrap_or("")))
        }
    }
}

/// The first node, inputs first, that fails when it is the only thing reported; else fewer updates and reports.
fn smaller(graph: &Graph, values: &[Tensor], real: DType) -> (Graph, String) {
    let fails = |graph: &Graph| holds(graph, values, real).err().map(|why| (graph.clone(), why));
    for id in graph.ids() {
        let mut alone = Graph { updates: Vec::new(), reports: Vec::new(), ..graph.clone() };
        if matches!(alone.op(id), dlc::ir::Op::Scan(_)) || alone.ty(id).elements() == 0 {
            continue;
        }
        alone.reports.push(Report { name: "alone".into(), value: id, span: None });
        if let Some(found) = fails(&drop_dead(alone)) {
            return found;
        }
    }
    let mut least = fails(graph).unwrap_or((graph.clone(), "it holds the second time".to_owned()));
    loop {
        let count = least.0.updates.len() + least.0.reports.len();
        let next = (0..count).find_map(|at| {
            let mut fewer = least.0.clone();
            match at.checked_sub(fewer.updates.len()) {
                None => drop(fewer.updates.remove(at)),
                Some(at) => drop(fewer.reports.remove(at)),
            }
            fails(&drop_dead(fewer))
        });
        match next {
            Some(found) => least = found,
            None => return least,
        }
    }
}

/// How many graphs of a kind to try: `DLC_GRAPHS`, or so many. `DLC_SEED` names the first; `DLC_SHOW` prints
/// each before it runs.
fn seeds(count: u64) -> std::ops::Range<u64> {
    let number = |name: &str| std::env::var(name).ok().and_then(|v| v.parse().ok());
    let first = number("DLC_SEED").unwrap_or(0);
    first..first + number("DLC_GRAPHS").unwrap_or(count)
}

/// Tries graphs of a kind; says of the first few that do not hold why, with a small graph that does not either.
fn every(what: &str, count: u64, real: DType, make: &dyn Fn(u64) -> (Graph, Vec<Tensor>)) {
    let mut wrong = Vec::new();
    for seed in seeds(count) {
        let (graph, values) = make(seed);
        let Err(why) = holds(&graph, &values, real) else { continue };
        let (graph, small) = smaller(&graph, &values, real);
        let text = dlc::ir::print::print(&graph);
        wrong.push(format!("{what}, seed {seed}: {why}\nof less: {small}\n{text}"));
        if wrong.len() == 3 {
            break;
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

/// As it was made, but for dead nodes; or rewritten.
fn finished(made: AnyGraph, rewritten: bool) -> (Graph, Vec<Tensor>) {
    let violations = dlc::ir::verify::verify(&made.graph).err().unwrap_or_default();
    assert!(violations.is_empty(), "the generator: {}", violations[0]);
    let graph = if rewritten {
        let (graph, _) = run_pipeline(made.graph, BEFORE_GRADIENT, |_, _| {});
        run_pipeline(graph, AFTER_GRADIENT, |_, _| {}).0
    } else {
        drop_dead(made.graph)
    };
    (graph, made.values)
}

fn options(real: DType, size: usize) -> Options {
    Options { real, size, special: false, faults: false, empty: false, depth: 2 }
}

#[test]
fn small_graphs_in_f64() {
    every("small", 300, DType::F64, &|seed| finished(any_graph(seed, options(DType::F64, 4)), false));
}

#[test]
fn graphs_in_f64() {
    every("f64", 150, DType::F64, &|seed| finished(any_graph(seed, options(DType::F64, 25)), false));
}

#[test]
fn graphs_in_f32() {
    every("f32", 150, DType::F32, &|seed| finished(any_graph(seed, options(DType::F32, 18)), false));
}

#[test]
fn rewritten_graphs() {
    every("rewritten", 100, DType::F64, &|seed| finished(any_graph(!seed, options(DType::F64, 25)), true));
}

#[test]
fn graphs_with_infinities_and_nan() {
    let options = Options { special: true, ..options(DType::F32, 10) };
    every("special", 150, DType::F32, &|seed| finished(any_graph(seed, options), false));
}

#[test]
fn graphs_with_faults() {
    let options = Options { faults: true, ..options(DType::F64, 20) };
    every("faults", 150, DType::F64, &|seed| finished(any_graph(seed, options), false));
}

#[test]
fn graphs_with_empty_axes() {
    let options = Options { empty: true, ..options(DType::F64, 12) };
    every("empty", 100, DType::F64, &|seed| finished(any_graph(seed, options), false));
}

/// Steps as they come from gradients: each place moves against its own.
#[test]
fn gradients_of_random_graphs() {
    every("gradients", 100, DType::F64, &|seed| {
        let made = random_graph(seed, random_graph::Options::all(DType::F64, 14));
        let mut b = Builder::resume(made.graph);
        for (at, place) in made.places.iter().enumerate() {
            let gradient = b.grad(made.cost, *place);
            let step = b.with_constant(dlc::ir::Binary::Mul, gradient, 0.125);
            let value = b.sub(*place, step);
            let leaf = b.graph.updates[at].leaf;
            b.graph.updates[at] = Update { leaf, value, span: None };
        }
        let before = b.graph.clone();
        let derived = dlc::grad::differentiate(b.graph);
        // Where a stopped gradient has cut every path there is none.
        let graph = derived.unwrap_or_else(|_| {
            let mut graph = before;
            graph.updates.clear();
            drop_dead(graph)
        });
        (run_pipeline(graph, AFTER_GRADIENT, |_, _| {}).0, made.values)
    });
}
