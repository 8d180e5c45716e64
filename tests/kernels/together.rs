//! Who does what beside whom: small work that each thread does for itself, small places that all read and one
//! changes, calls that overlap, sums that are taken two at a time.

use crate::both::{self, Numbers};
use crate::common::program::{Built, built_as};
use dlc::ir::Tensor;
use dlc::kernel::print::{exact, print};
use dlc::kernel::{Home, Share, Step, cost};
use dlc::program::Precision;

/// The first step of a program holds, means what its graph means, and gives the same bits on any team in calls that
/// follow each other.
fn checked(text: &str, bound: f64) -> Built {
    let built = built_as("together.dl", text, Precision::F32, &[]);
    let (graph, step) = (&built.module.steps[0], &built.steps[0]);
    let mut numbers = Numbers(7);
    let values: Vec<Tensor> = graph.leaves.iter().map(|leaf| numbers.leaf(leaf)).collect();
    let of = || print(step, &exact);
    both::sound(step).unwrap_or_else(|e| panic!("{e}\n{}", of()));
    both::near(graph, step, &values, bound).unwrap_or_else(|e| panic!("{e}\n{}", of()));
    for _ in 0..5 {
        both::equal(graph, step, &values, 6).unwrap_or_else(|e| panic!("{e}\n{}", of()));
    }
    built
}

fn kernels(step: &Step, share: impl Fn(&Share) -> bool) -> usize {
    step.kernels.iter().filter(|kernel| share(&kernel.share)).count()
}

/// Of more than 64 blocks, groups are added up in the memory of all threads, so one thread does it.
#[test]
fn a_sum_of_many_blocks_is_no_work_for_each() {
    let many = "param W[100000] = 1
step go() {
  t = sum(W)
  W <- W / t
  report t
}
run { go() }
";
    let built = checked(many, 1e-5);
    assert_eq!(kernels(&built.steps[0], |share| *share == Share::Each), 0);
    let few = checked(&many.replace("100000", "100, 100"), 1e-5);
    assert_eq!(kernels(&few.steps[0], |share| *share == Share::Each), 1);
}

/// The bias of the last layer is read by all threads and changed by the first, which copies it before; blocks' sums lie in
/// two places by turns.
#[test]
fn a_perceptron_of_any_width_has_one_barrier() {
    let text = "param V[30, 500] ~ uniform(-1, 1)
param U[500, 10] ~ uniform(-1, 1)
param b[10] = 0
state x[20, 30] = 0
state y[20]: int = 0
step learn() {
  p = softmax(tanh(x @ V) @ U + b)
  rows = indices(20)
  cost = -mean(log(p)[rows, y])
  report cost
  for w in [V, U, b] { w <- w - 0.1 * grad(cost, w) }
}
run { learn() }
";
    let built = checked(text, 1e-4);
    let step = &built.steps[0];
    assert_eq!(cost::barriers(step), 1.0, "{}", print(step, &exact));
    assert!(step.buffers.iter().any(|b| matches!(b.home, Home::Alternate(..))));
    for wide in ["2500", "70", "64", "300"] {
        checked(&text.replace("500", wide), 1e-4);
    }
}

/// A number that all threads read where the step begins, and that the step counts up.
#[test]
fn a_counter_is_counted_when_all_have_read_it() {
    let text = "param V[40, 300] ~ uniform(-1, 1)
state x[8, 40] = 0
state at: int = 0
step go() {
  flipped = where(indices(40) == at, 1 - x, x)
  h = tanh(flipped @ V)
  at <- (at + 1) % 40
  V <- V - 0.01 * (flipped' @ h)
  report total = sum(h)
}
run { go() }
";
    checked(text, 1e-4);
}

/// Two sums over the same loops: of one weight; with what is summed written down before; with a store between.
#[test]
fn sums_are_taken_two_at_a_time() {
    let text = "state u = 2
state w = 3
param W[70, 400] ~ uniform(-1, 1)
step go() {
  report l1 = sum(abs(W))
  report l2 = sum(W ^ 2)
  report m = max(broadcast(sqrt(abs(u)), [400]))
  report n = sum(broadcast(sqrt(abs(w)), [400]))
  report d = sum(W[0] * W[1])
  report e = sum(broadcast(sqrt(abs(u)), [400]))
  report f = sum(W[2])
}
run { go() }
";
    checked(text, 1e-4);
}

/// A large value is written over what it is made of, unless another element of that is read too.
#[test]
fn values_are_written_over_what_they_are_made_of() {
    let text = "state x[70, 4, 400] = 1.5
step go() {
  a = tanh(x * 0.7)
  b = tanh(a * 0.5 + a)
  c = tanh(b + b[.., 0..1, ..])
  report s = sum(exp(c), axis: 1)
}
run { go() }
";
    let built = checked(text, 1e-4);
    let step = &built.steps[0];
    let home = |name: &str| step.buffers.iter().find(|b| b.name == name).expect("it is kept").home;
    assert_eq!(home("%a"), home("%b"), "{}", print(step, &exact));
    assert_ne!(home("%b"), home("%c"), "{}", print(step, &exact));
}

/// A product sums over as many terms as there are pictures; what goes through the pictures has shorter blocks, and the blocks
/// of a sum over them are these.
#[test]
fn blocks_of_a_sum_are_those_that_it_was_divided_into() {
    let text = "state h[500, 500] = 0.01
state W[500, 10] = 0.5
state x[500, 4, 4] = 1.5
step go() {
  y = sum(tanh(tanh(h) @ W), axis: 1)
  z = x * rearrange(y, [n] -> [n, 1, 1])
  report s = sum(z * x)
}
run { go() }
";
    let step = &checked(text, 1e-4).steps[0];
    let owners: Vec<usize> = step.kernels.iter().filter_map(|k| k.owner()).map(|owner| owner.unit).collect();
    assert_eq!(owners, [32, 64, 32], "{}", print(step, &exact));
}
