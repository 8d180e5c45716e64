//! The costs of LeNet's first minibatches, before each update, in f64 and by both rules for ties.
//!
//! The rules part at the third minibatch, by 2e-7.

use crate::programs::{compiled, initial};
use dlc::data::idx;
use dlc::ir::{LeafKind, Tensor, interp};
use serde_json::Value;
use std::path::Path;

const BATCH: usize = 500;

fn costs(ties: &str, count: usize) -> Vec<f64> {
    let set = format!("\"{ties}\"");
    let (program, module) =
        compiled("models/lenet.dl", include_str!("../../../models/lenet.dl"), &[("ties", &set)]);
    let mut places = initial(&program, &module);
    let graph = module.steps.iter().find(|g| g.name == "learn").expect("a step called learn");
    let folder = Path::new("models/data/mnist");
    let read = |name: &str| idx::read(&folder.join(name), false).expect("the training set");
    let (images, digits) = (read("train-images-idx3-ubyte.gz"), read("train-labels-idx1-ubyte.gz"));
    let part = |k: usize| {
        let rows = k * BATCH..(k + 1) * BATCH;
        let x = images.slice_first(rows.clone()).expect("enough images").to_f64();
        let x: Vec<f64> = x.iter().map(|v| v / 256.0).collect();
        let y = digits.slice_first(rows).expect("enough digits").to_i32().expect("whole numbers");
        (Tensor::from_f64s(dlc::ir::DType::F64, [BATCH, 784], &x), Tensor::from_i32([BATCH], y))
    };
    let mut costs = Vec::new();
    for k in 0..count {
        let (x, y) = part(k);
        let outcome = interp::run(graph, &|leaf| match (leaf.kind, leaf.index) {
            (LeafKind::Place, at) => places[at].clone(),
            (LeafKind::Arg, 0) => x.clone(),
            (LeafKind::Arg, 1) => y.clone(),
            _ => panic!("a leaf {}", leaf.name),
        });
        let outcome = outcome.unwrap_or_else(|fault| panic!("{}", fault.message));
        for (update, value) in graph.updates.iter().zip(outcome.updates) {
            places[graph.leaves[update.leaf].index] = value;
        }
        costs.push(outcome.reports[0].item_f64());
    }
    costs
}

fn check(ties: &str, run: &str) {
    let golden: Value =
        serde_json::from_str(include_str!("../../golden/lenet.json")).expect("the recorded costs");
    let expected = golden[run]["first_10_minibatch_costs"].as_array().expect("costs");
    for (k, (found, expected)) in costs(ties, expected.len()).iter().zip(expected).enumerate() {
        let expected = expected.as_f64().expect("a number");
        assert!(
            (found / expected - 1.0).abs() < 1e-9,
            "ties {ties}, minibatch {}: {found}, not {expected}",
            k + 1
        );
    }
}

#[test]
fn the_first_of_equal_ones() {
    check("first", "f64_first_tie");
}

#[test]
fn all_of_equal_ones() {
    check("all", "f64_all_ties");
}
