//! Products with many zeros: they are left out by the rule on every target, also beside infinite numbers; and
//! matrices that a loop turns round.

use crate::both::{self, Numbers};
use crate::common::program::built_as;
use dlc::cpu::Isa;
use dlc::cpu::emit::emit;
use dlc::ir::{Buffer, Tensor};
use dlc::kernel::print::{exact, print};
use dlc::program::Precision;

const TEXT: &str = "param W[300, 270] ~ uniform(-1, 1)
state start[20, 270] = 0
state seen[20, 300] = 0
step learn() {
  fn turn(h) {
    v = relu(h @ W' - 0.3)
    return relu(v @ W - 0.3)
  }
  h = scan(turn, relu(start), steps: 5)
  x = relu(seen)
  report h
  report up = x @ W
  W <- W - 0.01 * (x' @ h)
}
run { learn() }
";

/// Numbers around zero, so that half of what is rectified is zero; some of W's are special.
fn values(graph: &dlc::ir::Graph, special: &[f64]) -> Vec<Tensor> {
    let mut numbers = Numbers(11);
    let leaves = graph.leaves.iter().map(|leaf| {
        let drawn = numbers.leaf(leaf).as_f64s();
        // Rows and columns of other densities, from none to all.
        let mut all: Vec<f64> = drawn
            .iter()
            .enumerate()
            .map(|(at, v)| if &*leaf.name == "W" { v - 0.5 } else { v - at as f64 / drawn.len() as f64 })
            .collect();
        if &*leaf.name == "W" {
            for (at, value) in special.iter().enumerate() {
                all[997 * at + 13] = *value;
            }
        }
        let data = match numbers.leaf(leaf).ty.dtype {
            dlc::ir::DType::F64 => Buffer::F64(all),
            _ => Buffer::F32(all.iter().map(|v| *v as f32).collect()),
        };
        Tensor::new(leaf.ty.shape.clone(), data)
    });
    leaves.collect()
}

#[test]
fn zeros_are_left_out_alike_everywhere() {
    for (precision, bound) in [(Precision::F32, 1e-4), (Precision::F64, 1e-11)] {
        let built = built_as("zeros.dl", TEXT, precision, &[]);
        let (graph, step) = (&built.module.steps[0], &built.steps[0]);
        let text = print(step, &exact);
        assert!(text.matches("product sparse").count() >= 4, "{text}");
        both::sound(step).unwrap_or_else(|e| panic!("{e}"));
        let ordinary = values(graph, &[]);
        both::near(graph, step, &ordinary, bound).unwrap_or_else(|e| panic!("{e}"));
        both::equal(graph, step, &ordinary, 2).unwrap_or_else(|e| panic!("{e}"));
        // Here the rule decides what becomes of 0 times infinity.
        let special = values(graph, &[f64::INFINITY, -0.0, f64::NAN, f64::NEG_INFINITY, 1e-320, -0.0]);
        both::equal(graph, step, &special, 2).unwrap_or_else(|e| panic!("special numbers: {e}"));
    }
}

/// The same with 0 and 1 alone in one direction, and so long that each thread marks its own blocks' zeros for the others.
const SAMPLES: &str = "param W[500, 512] ~ uniform(-1, 1)
state start[9, 512] = 0
step learn() {
  fn turn(h) {
    v = sign(relu(h @ W' - 1))
    return relu(v @ W - 3)
  }
  report h = scan(turn, relu(start + 0.3), steps: 5)
}
run { learn() }
";

#[test]
fn marks_of_what_other_threads_have_written_are_its_zeros() {
    for (precision, bound) in [(Precision::F32, 1e-4), (Precision::F64, 1e-11)] {
        let built = built_as("samples.dl", SAMPLES, precision, &[]);
        let (graph, step) = (&built.module.steps[0], &built.steps[0]);
        both::sound(step).unwrap_or_else(|e| panic!("{e}"));
        for isa in Isa::ALL.into_iter().filter(|isa| isa.available() && *isa != Isa::Portable) {
            let code = emit(step, isa).unwrap_or_else(|e| panic!("{e}"));
            assert_eq!(code.marks.known.len(), 2, "{}", isa.name());
        }
        let ordinary = values(graph, &[]);
        both::near(graph, step, &ordinary, bound).unwrap_or_else(|e| panic!("{e}"));
        both::equal(graph, step, &ordinary, 2).unwrap_or_else(|e| panic!("{e}"));
        let special = values(graph, &[f64::INFINITY, -0.0, f64::NAN, f64::NEG_INFINITY, 1e-320]);
        both::equal(graph, step, &special, 2).unwrap_or_else(|e| panic!("special numbers: {e}"));
    }
}

#[test]
fn a_matrix_is_turned_once_for_a_loop() {
    let built = built_as("zeros.dl", TEXT, Precision::F32, &[]);
    let text = print(&built.steps[0], &exact);
    assert!(text.contains("W'") && !text.contains("product dot"), "{text}");
    let few = built_as("zeros.dl", &TEXT.replace("steps: 5", "steps: 2"), Precision::F32, &[]);
    let text = print(&few.steps[0], &exact);
    assert!(!text.contains("W'") && text.contains("product dot"), "{text}");
}
