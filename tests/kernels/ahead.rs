//! Calls that go on by blocks: what of the next call comes before the end of this one.

use crate::both::{self, Numbers};
use crate::common::program::{Built, built, built_as};
use crate::run::{self, Start};
use dlc::cpu::machine::Argument;
use dlc::ir::{DType, Tensor};
use dlc::kernel::interp::Team;
use dlc::kernel::print::{exact, print};
use dlc::kernel::verify::verify;
use dlc::kernel::{Home, Step, cost};
use dlc::program::Precision;

fn values(built: &Built, step: usize) -> Vec<Tensor> {
    let mut numbers = Numbers(11);
    built.module.steps[step].leaves.iter().map(|leaf| numbers.leaf(leaf)).collect()
}

/// Numbers so small that no unit is saturated: gradients are not 0.
fn small(values: Vec<Tensor>) -> Vec<Tensor> {
    let of = |tensor: Tensor| {
        let numbers: Vec<f64> = tensor.as_f64s().iter().map(|x| (x - 0.5) / 64.0).collect();
        Tensor::from_f64s(tensor.ty.dtype, tensor.ty.shape.clone(), &numbers)
    };
    values.into_iter().map(of).collect()
}

/// Stacked autoencoders as they are shipped, as narrow ones are divided otherwise: calls in a row, by the order and by
/// machine code, against calls one by one. Layers that do not change come ahead beside phases of the call before, and what
/// each thread draws for itself for the next call lies beside what it has drawn for this one.
#[test]
fn what_comes_ahead_changes_no_bit() {
    let built = built("models/sda.dl", Precision::F32, &[]);
    let trained = |step: &&dlc::kernel::Step| step.name == "pretrain" || step.name == "learn";
    let steps: Vec<_> = built.steps.iter().filter(trained).collect();
    let barriers: Vec<f64> = steps.iter().map(|step| cost::barriers(step)).collect();
    assert_eq!(barriers, [1.0, 2.0, 2.125, 5.0]);
    let own = |home: Home| matches!(home, Home::OwnAlternate(..));
    assert!(steps[0].buffers.iter().any(|buffer| own(buffer.home)), "{}", print(steps[0], &exact));
    for (nth, step) in steps.iter().enumerate() {
        assert!(!step.opening.is_empty(), "{}", print(step, &exact));
        let mut without = (*step).clone();
        without.opening.clear();
        let found = verify(&without).expect_err("the first call would begin in its middle");
        assert!(found.iter().any(|wrong| wrong.contains("what opens a run")), "{found:?}");
        let graph = &built.module.steps[nth];
        let values = values(&built, nth);
        both::sound(step).unwrap_or_else(|e| panic!("{e}"));
        both::equal(graph, step, &values, 3).unwrap_or_else(|e| panic!("{}: {e}", step.name));
        let start = both::start(graph, &values);
        let wanted = run::interpreted(step, &start, 3, Team::default());
        let found = run::in_a_row(step, &start, 3, Team { threads: 3, backwards: true });
        let same = found.places.iter().zip(&wanted.places).all(|(a, b)| run::same(a, b));
        assert!(same, "{}: other places than one by one\n{}", step.name, print(step, &exact));
    }
}

/// A call that fails leaves places as the calls before it have left them, though its first phase came with their last one.
#[test]
fn a_fault_in_a_later_call_ends_the_run_before_it() {
    let text = "param V[30, 500] ~ uniform(-1, 1)
param U[500, 10] ~ uniform(-1, 1)
state x[20, 30] = 0
state y[20]: int = 0
step learn() {
  p = softmax(tanh(x @ V) @ U)
  rows = indices(20)
  cost = -mean(log(p)[rows, y])
  report cost
  y <- y + 1
  for w in [V, U] { w <- w - 0.1 * grad(cost, w) }
}
run { learn() }
";
    let built = built_as("ahead.dl", text, Precision::F32, &[]);
    let mut values = values(&built, 0);
    let (graph, step) = (&built.module.steps[0], &built.steps[0]);
    assert!(!step.opening.is_empty(), "{}", print(step, &exact));
    let y = graph.leaves.iter().position(|leaf| leaf.name.ends_with('y')).expect("there are labels");
    values[y] = Tensor::from_f64s(values[y].ty.dtype, vec![20], &[4.0; 20]);
    let start: Start = both::start(graph, &values);
    // Labels 4 to 9 are there.
    let wanted = run::interpreted(step, &start, 6, Team::default());
    assert!(!wanted.fault);
    for isa in run::isas() {
        let code = dlc::cpu::emit::emit(step, isa).expect("it becomes machine code");
        for threads in 1..=3 {
            let found = run::compiled(step, &code, &start, 9, threads);
            assert!(found.fault && found.reports.len() == 6, "{} calls", found.reports.len());
            let same = found.places.iter().zip(&wanted.places).all(|(a, b)| run::same(a, b));
            assert!(same, "{} with {threads} threads: other places", isa.name());
        }
    }
}

/// A large layer that does not change is taken for eight calls at once, and its noise with it; a run may end within the
/// eight, or with them. One more copy is needed than that, as this call's is still read.
#[test]
fn what_does_not_change_is_taken_for_several_calls_at_once() {
    let text = "param F[530, 1000] ~ uniform(-0.1, 0.1)
param V[1000, 1000] ~ uniform(-0.1, 0.1)
param c[1000] = 0
state x[1, 530] = 0
step learn() {
  noise[1, 1000] ~ bernoulli(0.7)
  below = sigmoid(x @ F)
  h = sigmoid((below * noise) @ V + c)
  z = sigmoid(h @ V')
  cost = -mean(sum(below * log(z) + (1 - below) * log(1 - z), axis: 1))
  report cost
  for w in [V, c] { w <- w - 0.1 * grad(cost, w) }
}
run { learn() }
";
    let built = built_as("coming.dl", text, Precision::F32, &[]);
    let values = small(values(&built, 0));
    let (graph, step) = (&built.module.steps[0], &built.steps[0]);
    let text = print(step, &exact);
    assert!(text.contains("coming 8 {"), "{text}");
    both::sound(step).unwrap_or_else(|e| panic!("{e}"));
    for calls in [2, 9, 18] {
        both::equal(graph, step, &values, calls).unwrap_or_else(|e| panic!("{calls} calls: {e}"));
    }
    let start = both::start(graph, &values);
    let wanted = run::interpreted(step, &start, 11, Team::default());
    let same = |step: &Step| {
        let found = run::in_a_row(step, &start, 11, Team { threads: 3, backwards: true });
        found.places.iter().zip(&wanted.places).all(|(a, b)| run::same(a, b))
    };
    assert!(same(step), "other places than one by one\n{text}");
    let mut few = step.clone();
    for buffer in &mut few.buffers {
        if let Home::Alternate(copies) = &mut buffer.home {
            copies.count = copies.count.min(8);
        }
    }
    assert!(!same(&few), "eight copies were enough, of which one is still read");
    let found = verify(&few).expect_err("eight copies are too few");
    assert!(found.iter().any(|wrong| wrong.contains("are not apart in it")), "{found:?}");
}

/// Rows of data move on with the calls to come as with the calls themselves, and a call that fails among them leaves places
/// as the ones before it have left them.
#[test]
fn calls_to_come_have_rows_of_their_own_and_may_fail() {
    let text = "param F[530, 1000] ~ uniform(-0.1, 0.1)
param V[1000, 1000] ~ uniform(-0.1, 0.1)
data seen { x[18, 530] = zeros([18, 530]); y[18]: int = indices(18) }
step learn(x[1, 530], y[1]: int) {
  below = sigmoid(x @ F)
  h = sigmoid(below @ V)
  z = sigmoid(h @ V')
  cost = -mean(sum(below * log(z) + (1 - below) * log(1 - z), axis: 1))
  report cost
  report picked = z[indices(1), y]
  V <- V - 0.1 * grad(cost, V)
}
run { for x, y in batches(seen, 1) { learn(x, y) } }
";
    let built = built_as("rows.dl", text, Precision::F32, &[]);
    let (graph, step) = (&built.module.steps[0], &built.steps[0]);
    let text = print(step, &exact);
    assert!(text.contains("coming 8 {"), "{text}");
    let mut start = both::start(graph, &small(values(&built, 0)));
    let numbers: Vec<f64> = (0..18 * 530).map(|at| f64::from(at * 7919 % 1000) / 1000.0).collect();
    // Indices up to 999 are there: 15 calls.
    let labels: Vec<f64> = (985..985 + 18).map(f64::from).collect();
    start.residents = vec![
        Tensor::from_f64s(DType::F32, vec![18, 530], &numbers),
        Tensor::from_f64s(DType::I32, vec![18], &labels),
    ];
    let mut one = start.clone();
    let mut reports = Vec::new();
    for call in 0..15 {
        one.args = vec![
            Tensor::from_f64s(DType::F32, vec![1, 530], &numbers[call * 530..][..530]),
            Tensor::from_f64s(DType::I32, vec![1], &labels[call..][..1]),
        ];
        let left = run::interpreted(step, &one, 1, Team::default());
        assert!(!left.fault, "call {call}");
        (one.places, one.run) = (left.places, one.run + 1);
        reports.extend(left.reports);
    }
    for isa in run::isas() {
        let code = dlc::cpu::emit::emit(step, isa).expect("it becomes machine code");
        for threads in 1..=3 {
            let rows = |resident: usize, step: usize| Argument::Rows { resident, start: 0, step };
            let args = vec![rows(0, 530), rows(1, 1)];
            let found = run::compiled_with(step, &code, (&start, args), 18, threads);
            assert!(found.fault && found.reports.len() == 15, "{} calls", found.reports.len());
            let left = found.places.iter().zip(&one.places);
            let told = found.reports.iter().flatten().zip(reports.iter().flatten());
            assert!(left.chain(told).all(|(a, b)| run::same(a, b)), "{} with {threads} threads", isa.name());
        }
    }
}

/// What a loop starts from lies where it goes on, once for all calls: it stays with its call, and so do the layers before it.
#[test]
fn what_a_loop_starts_from_is_not_taken_for_several_calls() {
    let text = "param F[530, 1000] ~ uniform(-0.1, 0.1)
param V[1000, 1000] ~ uniform(-0.1, 0.1)
param T[1000, 300] ~ uniform(-0.1, 0.1)
param R[300, 1000] ~ uniform(-0.1, 0.1)
state x[1, 530] = 0
step learn() {
  below = sigmoid(x @ F)
  h = sigmoid(below @ V)
  fn again(s) = tanh(0.5 * s + h)
  s = scan(again, zeros([1, 1000]), steps: 2)
  report total = sum(s)
  z = sigmoid(sigmoid(h @ T) @ R)
  cost = -mean(sum(below * log(z) + (1 - below) * log(1 - z), axis: 1))
  report cost
  V <- V - 0.1 * grad(cost, V)
}
run { learn() }
";
    let built = built_as("enter.dl", text, Precision::F32, &[]);
    let values = small(values(&built, 0));
    let (graph, step) = (&built.module.steps[0], &built.steps[0]);
    both::sound(step).unwrap_or_else(|e| panic!("{e}"));
    both::equal(graph, step, &values, 11).unwrap_or_else(|e| panic!("{e}\n{}", print(step, &exact)));
}
