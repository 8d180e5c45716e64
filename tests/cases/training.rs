//! Early stopping, update rules, rates and means.

use crate::lab::{Lab, Told, close, reals};
use dlc::train::End;

const PATIENCE: &str = include_str!("patience.dl");

/// Early stopping on given validation and test errors.
fn stopping(errors: &[[f64; 2]], settings: &[(&str, &str)]) -> Lab {
    let shape = format!("({}, 2)", errors.len());
    let lab = Lab::new().file("errors.npy", reals(&shape, errors.as_flattened()));
    settings.iter().fold(lab, |lab, (name, value)| lab.set(name, value))
}

/// What `early_stopping` gave: best validation error, test error, iteration.
fn given(told: &Told) -> Vec<f64> {
    told.numbers().pop().expect("something is printed")
}

fn validations(told: &Told) -> Vec<&String> {
    told.printed
        .iter()
        .filter(|line| line.contains("validation error") && line.starts_with("epoch"))
        .collect()
}

#[test]
fn c082_patience_standard_case() {
    let settings = [("updates", "83"), ("every", "83"), ("epochs", "1000"), ("patience", "5000")];
    let told = stopping(&[[0.5, 0.25]; 60], &settings).run(PATIENCE);
    assert_eq!(told.places["t"], [5001.0]);
    assert_eq!(given(&told), [0.5, 0.25, 82.0]);
    // The first model was the best, and is put back.
    assert_eq!(told.places["W"], [83.0]);
    let checks = validations(&told);
    assert_eq!(checks.len(), 60);
    assert_eq!(checks[0], "epoch 1, minibatch 83/83, validation error 50.000000%");
    assert_eq!(checks[59], "epoch 60, minibatch 83/83, validation error 50.000000%");
    let best = &told.printed[told.printed.len() - 2];
    assert_eq!(best, "best validation error 50.000000% at iteration 83, test error 25.000000%");
    // The last update: epoch 61, its 21st minibatch.
    let last = told.reports.iter().rfind(|r| r.name == "learn.seen").expect("updates are reported");
    assert_eq!((last.phase.as_deref(), last.epoch, last.iteration), (Some("training"), Some(60), Some(5000)));
    assert_eq!(5001 - 60 * 83, 21);
}

#[test]
fn c082_patience_grows_with_significant_improvements_only() {
    let errors = [[0.50, 0.6], [0.40, 0.5], [0.3995, 0.45], [0.30, 0.35], [0.2, 0.2]];
    let told = stopping(&errors, &[]).run(PATIENCE);
    assert_eq!(told.places["t"], [39.0], "39 updates, the last in epoch 4");
    assert_eq!(told.reports.iter().rfind(|r| r.name == "learn.seen").and_then(|r| r.epoch), Some(3));
    assert_eq!(given(&told), [0.3995, 0.45, 29.0]);
    assert_eq!(told.places["W"], [30.0]);
    let checks = validations(&told);
    let places: Vec<&str> = checks.iter().map(|line| line.split(", validation").next().unwrap()).collect();
    assert_eq!(places, ["epoch 1, minibatch 10/10", "epoch 2, minibatch 10/10", "epoch 3, minibatch 10/10"]);
    assert_eq!(told.reported("valid"), [0.5, 0.4, 0.3995]);
    // 0.397 is below 0.398: patience is 58 then, and two more validations are made.
    let errors = [[0.50, 0.6], [0.40, 0.5], [0.397, 0.45], [0.40, 0.45], [0.40, 0.45]];
    let told = stopping(&errors, &[]).run(PATIENCE);
    assert_eq!(told.reported("valid"), [0.5, 0.4, 0.397, 0.4, 0.4]);
    assert_eq!((&told.places["t"], given(&told)), (&vec![59.0], vec![0.397, 0.45, 29.0]));
}

/// Half the patience bounds the way to the next validation: it is looked at more than once.
#[test]
fn c082_validation_follows_a_short_patience() {
    let told =
        stopping(&[[0.5, 0.5]; 4], &[("every", "3"), ("patience", "7"), ("epochs", "3")]).run(PATIENCE);
    // Checks at iterations 2 and 5; the end when iteration 7 has been computed.
    assert_eq!(told.reported("valid"), [0.5, 0.5]);
    assert_eq!(told.places["t"], [8.0]);
    assert_eq!(given(&told), [0.5, 0.5, 2.0]);
}

#[test]
fn c085_the_best_model_whatever_ends_the_run() {
    let errors = [[0.5, 0.55], [0.3, 0.35], [0.4, 0.45], [0.4, 0.45], [0.4, 0.45]];
    for (epochs, updates) in [("3", 30.0), ("10", 39.0)] {
        let told = stopping(&errors, &[("epochs", epochs)]).run(PATIENCE);
        assert_eq!(told.places["t"], [updates]);
        assert_eq!(told.places["W"], [20.0], "the model after epoch 2");
        assert_eq!(given(&told), [0.3, 0.35, 19.0]);
        // Only the model goes back, as the language says of snapshots.
        assert_eq!(told.places["velocity"], [updates]);
        let shown: Vec<f64> = told.reported("test");
        assert_eq!(shown, [0.55, 0.35]);
    }
    // Falling to the very last validation: the limit of epochs loses nothing.
    let told = stopping(&[[0.5, 0.5], [0.4, 0.4], [0.3, 0.3]], &[("epochs", "3")]).run(PATIENCE);
    assert_eq!((given(&told), &told.places["W"]), (vec![0.3, 0.3, 29.0], &vec![30.0]));
}

#[test]
fn c085_a_tie_keeps_the_earlier_model() {
    let errors = [[0.3, 0.31], [0.3, 0.29], [0.3, 0.28]];
    let told = stopping(&errors, &[("epochs", "3")]).run(PATIENCE);
    assert_eq!(given(&told), [0.3, 0.31, 9.0]);
    assert_eq!(told.places["W"], [10.0]);
}

/// The third way: the user ends the run. What was saved at the best is whole and can be loaded.
#[test]
fn c085_the_best_model_is_on_the_disk_when_the_user_ends_the_run() {
    let program = |body: &str| {
        format!(
            "param W[2] = [0.1, 0.7]
errors = [0.5, 0.3, 0.4, 0.45]
step learn() {{ W <- W * 1.1 }}
run {{
{body}
  print(\"{{W}}\")
}}
"
        )
    };
    let training = program(
        "  var best = inf
  for epoch, error in enumerate(errors) {
    learn()
    if error < best { best <- error; save([W], \"best.npz\"); print(\"{W}\") }
    print(\"epoch {epoch + 1}\")
  }",
    );
    let lab = Lab::new().interrupt_at("epoch 3");
    let told = lab.run(&training);
    assert_eq!(told.end, End::Interrupted);
    assert_eq!(told.printed.len(), 5, "{:?}", told.printed);
    assert_eq!(told.printed[4], "epoch 3");
    let again = lab.run(&program("  load([W], \"best.npz\")"));
    assert_eq!(again.printed, [told.printed[2].clone()], "bit for bit");
    close(&again.row(), &[0.1 * 1.21, 0.7 * 1.21], 1e-15);
}

/// Algorithm 1 of the paper: the constant is added to the corrected root. The figures were computed
/// with fifty digits.
#[test]
fn c087_adam_on_three_gradients() {
    let told = Lab::new().run(
        "use std.updates: Adam
param p = 0
adam = Adam([p], lr: 0.1)
step learn(g) { adam.minimize(p * g) }
run { for g in [0.1, -0.2, 0.05] { learn(g); print(\"{p}\") } }
",
    );
    let expected = [-0.0999999900000010, -0.0633896396115109, -0.0497205743397866];
    close(&told.numbers().concat(), &expected, 1e-14);
    let library = dlc::library::text("std.updates").expect("the library has update rules");
    assert!(library.contains("(sqrt(v_next / scale2) + eps)"), "and the library shows it");
}

#[test]
fn c089_momentum_that_reads_the_old_velocity() {
    let told = Lab::new().run(
        "use std.updates: Momentum
param a = 1
param b = 1
param c = 1
state v = 0
state w = 0
momentum = Momentum([c], lr: 0.1, mu: 0.9)
step named() {
  next = 0.9 * v - 0.1 * grad(a, a)
  v <- next
  a <- a + next
}
step late() {
  w <- 0.9 * w - 0.1 * grad(b, b)
  b <- b + w
}
step library() { momentum.minimize(c) }
run { for i in 0..3 { named(); late(); library(); print(\"{a} {b} {c}\") } }
",
    );
    let lines = told.numbers();
    close(&lines[0], &[0.9, 1.0, 0.9], 1e-15);
    close(&lines[1], &[0.71, 0.9, 0.71], 1e-15);
    close(&lines[2], &[0.439, 0.71, 0.439], 1e-15);
    // Only of `late`, with the form to write.
    assert_eq!(told.warned(), ["w is read below its own change, and gives the old value"]);
    assert!(told.warnings[0].help.as_deref().is_some_and(|h| h.contains("w <- next")), "{:?}", told.warnings);
}

#[test]
fn c092_rates_are_those_of_their_epoch() {
    let told = Lab::new().run(
        "use std.updates: decayed
param p = 0
step learn(rate) { p <- p - rate * grad(p, p); report rate }
run {
  for t in 0..4 { print(\"{learn(decayed(0.1, 0.5, t)).rate} {p}\") }
  for epoch in 0..8 { print(\"{learn(0.1 * 0.1 ^ (epoch // 3)).rate}\") }
}
",
    );
    let lines = told.numbers();
    let rates: Vec<f64> = lines.iter().map(|line| line[0]).collect();
    let steps = [0.1, 0.1, 0.1, 0.01, 0.01, 0.01, 0.001, 0.001];
    close(&rates, &[&[0.1, 0.1 / 1.5, 0.05, 0.04][..], &steps].concat(), 1e-12);
    // What is reported is what moved the param.
    let mut at = 0.0;
    for line in &lines[..4] {
        at -= line[0];
        close(&line[1..], &[at], 1e-15);
    }
}

/// Counted in the step itself: the first update uses the undecayed rate.
#[test]
fn c092_a_rate_that_the_step_counts() {
    let told = Lab::new().run(
        "use std.updates: decayed
param p = 0
state t: int = 0
step learn() {
  rate = decayed(0.1, 0.5, t)
  p <- p - rate * grad(p, p)
  t <- t + 1
  report rate
}
run { for i in 0..4 { print(\"{learn().rate}\") } }
",
    );
    close(&told.numbers().concat(), &[0.1, 0.1 / 1.5, 0.05, 0.04], 1e-12);
}

/// A mean over minibatches is written as one; weights are written too.
#[test]
fn c094_means_over_examples_and_over_minibatches() {
    let told = Lab::new().run(
        "run {
  sizes  = [2, 1]
  losses = [10, 9]
  print(\"{mean(losses)} {sum([l * n for l, n in zip(losses, sizes)]) / sum(sizes)}\")
  right = [(0.7, 256), (0.8, 256), (0.9, 10)]
  print(\"{mean([a for a, n in right])} {sum([a * n for a, n in right]) / sum([n for a, n in right])}\")
}
",
    );
    let lines = told.numbers();
    close(&lines[0], &[9.5, 9.6666667], 1e-7);
    close(&lines[1], &[0.8, 0.7528736], 1e-7);
}

/// Without the rest all minibatches weigh the same, so both readings agree.
#[test]
fn c094_without_the_rest_both_means_agree() {
    let told = Lab::new().run(
        "data d { x[7] = [1, 2, 4, 8, 16, 32, 1000] }
run {
  each = [mean(x) for x in batches(d.x, 2)]
  all  = [sum(x) for x in batches(d.x, 2)]
  print(\"{mean(each)} {sum(all) / sum([len(x) for x in batches(d.x, 2)])}\")
}
",
    );
    close(&told.row(), &[10.5, 10.5], 0.0);
}
