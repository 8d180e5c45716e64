//! What the steps of the shipped models become: kernels, barriers, memory, traffic. A fusion that is lost, or
//! won, changes `tests/structure.txt`; `DLC_BLESS=1 cargo test --test structure` writes it anew.

mod common;

use common::program::{Built, built, root};
use dlc::cpu::{Isa, emit};
use dlc::kernel::print::print_items;
use dlc::kernel::{Home, Step, cost};
use dlc::program::Precision;
use std::fmt::Write;

const MODELS: [&str; 11] = [
    "models/logistic_regression.dl",
    "models/mlp.dl",
    "models/lenet.dl",
    "models/da.dl",
    "models/sda.dl",
    "models/rbm.dl",
    "models/getting_started.dl",
    "models/more/adam_mlp.dl",
    "models/more/dbn.dl",
    "models/more/hmc.dl",
    "models/more/rnn.dl",
];

/// The forms of a step of a program.
fn steps<'a>(built: &'a Built, name: &str) -> Vec<&'a Step> {
    built.steps.iter().filter(|step| step.name == name).collect()
}

fn table() -> String {
    let mut text = String::new();
    for file in MODELS {
        let _ = writeln!(text, "{file}");
        let built = built(file, Precision::F32, &[]);
        for (step, declared) in built.steps.iter().zip(&built.program.steps) {
            let all = cost::of_step(step);
            let form = if declared.form.is_empty() { String::new() } else { format!(" [{}]", declared.form) };
            let ahead = match &step.opening[..] {
                [] => String::new(),
                _ => format!(", order {}", print_items(step, &step.order)),
            };
            let _ = writeln!(
                text,
                "  {}{form}: kernels {}, barriers {}, arena {}, scratch {}, flops {}, read {}, written {}{ahead}",
                step.name,
                step.kernels.len(),
                cost::barriers(step),
                step.arena,
                step.scratch,
                all.flops,
                all.read,
                all.written,
            );
        }
    }
    text
}

#[test]
fn every_step_has_its_kernels_barriers_and_bytes() {
    let path = root().join("tests/structure.txt");
    let found = table();
    if std::env::var_os("DLC_BLESS").is_some() {
        return std::fs::write(&path, found).expect("the table can be written");
    }
    let expected = std::fs::read_to_string(&path).expect("the table");
    let wrong: Vec<String> = found
        .lines()
        .zip(expected.lines())
        .filter(|(a, b)| a != b)
        .map(|(a, b)| format!("found     {a}\nexpected  {b}"))
        .collect();
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
    assert_eq!(found, expected);
}

/// Buffers that are neither a parameter nor data, of the shape of a parameter, axes in either order.
fn whole_gradients(step: &Step, parameters: &[&[usize]]) -> Vec<String> {
    let of_no_place = step.buffers.iter().filter(|b| matches!(b.home, Home::Arena(_) | Home::Scratch(_)));
    let sorted = |shape: &[usize]| {
        let mut shape: Vec<usize> = shape.iter().copied().filter(|e| *e != 1).collect();
        shape.sort_unstable();
        shape
    };
    of_no_place
        .filter(|b| parameters.iter().any(|p| sorted(p) == sorted(&b.shape)))
        .map(|b| format!("{} {:?}", b.name, b.shape))
        .collect()
}

#[test]
fn a_perceptron_learns_in_few_kernels_without_a_gradient_in_memory() {
    for precision in [Precision::F32, Precision::F64] {
        let built = built("models/mlp.dl", precision, &[]);
        let [learn] = steps(&built, "learn")[..] else { panic!("one form of learn") };
        // Two go through weights: forward, and back. Beside them stand only what each thread does with the few results of
        // the last layer, and what the first does with sums and a bias.
        let divided = learn.kernels.iter().filter(|kernel| kernel.owner().is_some()).count();
        assert!(divided <= 2, "{divided} kernels that the team divides");
        assert!(learn.kernels.len() <= 5, "{} kernels", learn.kernels.len());
        assert_eq!(whole_gradients(learn, &[&[784, 500], &[500, 10]]), [""; 0]);
    }
}

/// Loops that become functions of their own, with wider vectors than Cranelift has.
#[test]
fn loops_over_elements_have_wide_vectors() {
    if !Isa::Avx2.available() {
        return;
    }
    for (model, step, wide) in [
        ("models/logistic_regression.dl", "learn", 11),
        ("models/mlp.dl", "learn", 22),
        ("models/lenet.dl", "learn", 51),
        ("models/da.dl", "trials[0].learn", 22),
        ("models/rbm.dl", "learn", 37),
    ] {
        let built = built(model, Precision::F32, &[]);
        let code = emit::emit(steps(&built, step)[0], Isa::Avx2).expect("it compiles");
        let loops: usize = code.kernels.iter().map(|kernel| kernel.loops.len()).sum();
        assert_eq!(loops, wide, "loops of {model} that are functions of their own");
    }
}

/// What waiting is left: a perceptron's threads meet when all columns of the hidden layer are there, an autoencoder's before and
/// after its decoder, or once where each computes what lies between; a Gibbs chain's at each of its products.
#[test]
fn threads_meet_seldom() {
    for (model, step, form, most) in [
        ("models/logistic_regression.dl", "learn", "", 2.0),
        ("models/mlp.dl", "learn", "", 1.0),
        ("models/lenet.dl", "learn", "", 2.0),
        ("models/da.dl", "trials[0].learn", "", 2.0),
        ("models/sda.dl", "pretrain", "dae = daes[0]", 1.0),
        ("models/sda.dl", "pretrain", "dae = daes[1]", 2.0),
        ("models/sda.dl", "pretrain", "dae = daes[2]", 2.125),
        ("models/sda.dl", "learn", "", 5.0),
        ("models/rbm.dl", "learn", "", 31.0),
    ] {
        let built = built(model, Precision::F32, &[]);
        let mut of = built.steps.iter().zip(&built.program.steps);
        let found = of.find(|(s, declared)| s.name == step && declared.form.contains(form));
        let found = cost::barriers(found.expect("the step").0);
        assert!(found <= most, "{model}, {step}: {found} barriers");
    }
}

#[test]
fn lenet_learns_in_four_kernels() {
    let built = built("models/lenet.dl", Precision::F32, &[]);
    let [learn] = steps(&built, "learn")[..] else { panic!("one form of learn") };
    assert!(learn.kernels.len() <= 4, "{} kernels", learn.kernels.len());
    // There are as many pictures as columns: a picture has much to it, a column of a weight that is summed over them has not.
    let owners = learn.kernels.iter().filter_map(|kernel| kernel.owner());
    let units: Vec<usize> = owners.filter(|owner| owner.extent == 500).map(|owner| owner.unit).collect();
    assert_eq!(units, [32, 64]);
}

#[test]
fn logistic_regression_learns_in_three_kernels() {
    let built = built("models/logistic_regression.dl", Precision::F32, &[]);
    let [learn] = steps(&built, "learn")[..] else { panic!("one form of learn") };
    assert!(learn.kernels.len() <= 3, "{} kernels", learn.kernels.len());
    // Its ten columns lie one after another, and the product of the pictures with them is ten dots for each.
    let text = dlc::kernel::print::print(learn, &|_| None);
    assert!(text.contains("classifier.W : f32[784,10] place 0 panels 1"), "{text}");
    assert!(text.contains("m=60 n=10") && text.contains("b_row=784 k=784"), "{text}");
}

#[test]
fn a_layer_and_the_sum_of_its_values_take_the_operations_one_counts_by_hand() {
    let text = "graph g\nleaf arg 0 x : f32[20,784]\nleaf place 0 W : f32[784,500]\n\n\
                %x = leaf x : f32[20,784]\n%W = leaf W : f32[784,500]\n\
                %2 = contract %x %W [i,j] [j,k] -> [i,k] i=20 j=784 k=500 : f32[20,500]\n\
                %3 = tanh %2 : f32[20,500]\n%4 = reduce_sum %3 axes=[0,1] : f32[]\n\nreport s = %4\n";
    let graph = dlc::ir::read::read(text).expect("the text is a graph");
    let fused = dlc::fuse::fuse(&graph);
    let mut plan = dlc::plan::plan(&graph, &fused);
    dlc::plan::layout::arrange(&mut [(&graph, &fused, &mut plan)]);
    let step = dlc::kernel::schedule::schedule(&graph, &fused, &plan);
    // Each of the 4 blocks of 128 columns finds its number by a shift; 3 additions join them.
    assert_eq!(cost::of_step(&step).flops, 2 * 20 * 784 * 500 + 20 * 500 + 20 * 500 + 4 + 3);
}
