//! The steps of all programs that stand beside the compiler, at sizes that an interpreter goes through
//! element by element.

use crate::both::{self, Numbers};
use crate::common::program::{built, programs};
use dlc::ir::Tensor;
use dlc::kernel::cost;
use dlc::program::Precision;

#[test]
fn every_program_becomes_kernels_that_the_verifier_accepts_and_that_read_back() {
    let mut wrong = Vec::new();
    for file in programs() {
        for precision in [Precision::F32, Precision::F64] {
            for step in built(&file, precision, &[]).steps {
                if let Err(why) = both::sound(&step) {
                    wrong.push(format!("{file} {}: {why}", step.name));
                }
            }
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

/// Settings under which a call takes no time; extents stay odd, so that blocks have rests.
fn small(file: &str) -> Vec<(&'static str, &'static str)> {
    match file.rsplit('/').next().unwrap_or(file) {
        "logistic_regression.dl" | "getting_started.dl" => vec![("batch", "50")],
        "mlp.dl" => vec![("batch", "5"), ("hidden", "35")],
        "da.dl" => vec![("batch", "5"), ("hidden", "35")],
        "lenet.dl" => vec![("batch", "2"), ("maps", "[3, 5]"), ("hidden", "21")],
        "rbm.dl" => {
            vec![
                ("batch", "5"),
                ("hidden", "35"),
                ("k", "3"),
                ("between", "3"),
                ("chains", "4"),
                ("samples", "2"),
            ]
        }
        "sda.dl" => vec![("hidden", "[35, 17, 33]"), ("batch", "2")],
        "adam_mlp.dl" => vec![("hidden", "[35, 17]"), ("batch", "5")],
        "dbn.dl" => vec![("hidden", "[35, 17, 33]"), ("batch", "5")],
        "ca.dl" => vec![("hidden", "21"), ("batch", "5")],
        "lstm.dl" => vec![("words", "50"), ("units", "7"), ("batch", "3")],
        "rnnrbm.dl" => vec![("hidden", "11"), ("recurrent", "7"), ("length", "9")],
        "hmc.dl" => vec![("leaps", "5"), ("moves", "30")],
        _ => Vec::new(),
    }
}

/// A step of more operations is left out: element by element it takes minutes. These are whole splits
/// evaluated at once, and chains of thousands of moves.
const AT_MOST: u64 = 10_000_000;

/// Every step of every program: what it computes, near the tensor IR's interpreter and, in machine code, the
/// same bits everywhere.
fn all_steps(precision: Precision, bound: f64) {
    let only = std::env::var("DLC_FILE").ok();
    let mut wrong = Vec::new();
    let (mut compared, mut left_out) = (0, 0);
    let mut all: Vec<(String, Vec<_>)> =
        programs().into_iter().map(|file| (file.clone(), small(&file))).collect();
    // The other rule for ties.
    all.push(("models/lenet.dl".to_owned(), [small("lenet.dl"), vec![("ties", "\"all\"")]].concat()));
    // One example to a step, as it is shipped.
    all.push(("models/sda.dl".to_owned(), vec![("hidden", "[35, 17, 33]")]));
    for (file, set) in
        all.into_iter().filter(|(file, _)| only.as_ref().is_none_or(|only| file.contains(only)))
    {
        let began = std::time::Instant::now();
        let built = built(&file, precision, &set);
        for (graph, step) in built.module.steps.iter().zip(&built.steps) {
            if cost::of_step(step).flops > AT_MOST {
                left_out += 1;
                continue;
            }
            compared += 1;
            let mut numbers = Numbers(7);
            let values: Vec<Tensor> = graph.leaves.iter().map(|l| numbers.leaf(l)).collect();
            let all = both::near(graph, step, &values, bound).and_then(|fault| match fault {
                true => Err("a fault".to_owned()),
                false => both::equal(graph, step, &values, 2),
            });
            if let Err(why) = all {
                wrong.push(format!("{file} {}: {why}", step.name));
            }
        }
        if only.is_some() {
            println!("{file}: {:.1} s", began.elapsed().as_secs_f64());
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
    assert!(only.is_some() || compared > 3 * left_out, "{compared} compared, {left_out} left out");
}

/// Sums of thousands of terms, half of them taken in blocks.
#[test]
fn every_step_in_f32() {
    all_steps(Precision::F32, 1e-4);
}

#[test]
fn every_step_in_f64() {
    all_steps(Precision::F64, 1e-11);
}
