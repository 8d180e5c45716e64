//! Scans, convolution and pooling, as programs.

use crate::lab::{Lab, close, numbers, says};

#[test]
fn c012_lenet_fed_with_other_pictures() {
    let said = Lab::new().refused(
        "use std.layers: Dense, ConvPool, flatten
net = [ConvPool[1, 20, 5, 5], ConvPool[20, 50, 5, 5], flatten, Dense[50 * 4 * 4, 500]]
step learn(x[n, 1, 32, 32]) { report s = sum(net(x)) }
run { learn(zeros([2, 1, 32, 32])) }
",
    );
    let one_line = said.split_whitespace().collect::<Vec<_>>().join(" ");
    says(
        &one_line,
        &["DL0303", "expects 800 inputs and is given 1250", "50 * 4 * 4 for net[3], made at case.dl:2:64"],
    );
    says(&one_line, &["[n, 1, 32, 32] ConvPool [n, 20, 14, 14] ConvPool [n, 50, 5, 5] flatten [n, 1250]"]);
    says(&one_line, &["give n_in the size 1250"]);
}

#[test]
fn c029_c059_pooling_takes_the_first_of_the_largest() {
    let told = Lab::new().run(
        "state x[1, 1, 2, 2] = [[[[1, 2], [2, 2]]]]
state low[1, 1, 3, 3] = [[[[-1, -2, -3], [-3, -4, -5], [-2, -3, -6]]]]
state rows[1, 1, 5, 5] = [[[[5 * r + c + 1 for c in 0..5] for r in 0..5]]]
step pool() {
  report tie = grad(sum(max_pool(x, [2, 2], ignore_border: true)), x)
  report inside = max_pool(rows, [2, 2], ignore_border: true)
  report whole = max_pool(rows, [2, 2], ignore_border: false)
  report below = max_pool(-rows, [2, 2], ignore_border: false)
  report slope = grad(sum(max_pool(-rows, [2, 2], ignore_border: false)), rows)
}
run { p = pool(); print(\"{p.tie}\"); print(\"{p.inside} {p.whole}\"); print(\"{p.below}\"); print(\"{p.slope}\") }
",
    );
    let lines = told.numbers();
    close(&lines[0], &[0.0, 1.0, 0.0, 0.0], 0.0);
    let whole = [7.0, 9.0, 10.0, 17.0, 19.0, 20.0, 22.0, 24.0, 25.0];
    close(&lines[1], &[&[7.0, 9.0, 17.0, 19.0][..], &whole].concat(), 0.0);
    close(&lines[2], &[-1.0, -3.0, -5.0, -11.0, -13.0, -15.0, -21.0, -23.0, -25.0], 0.0);
    let corner = |i: usize| if (i / 5).is_multiple_of(2) && (i % 5).is_multiple_of(2) { -1.0 } else { 0.0 };
    close(&lines[3], &(0..25).map(corner).collect::<Vec<f64>>(), 0.0);
}

#[test]
fn c038_a_gradient_through_a_scan() {
    let told = Lab::new().run(
        "state w = 2
state v = 0.3
state start = 1
fn times(h) {
  next = h * w
  return next, next
}
fn stay(h) = v * 1
step powers() {
  h, stack_of_all = scan(times, start, steps: 5)
  first = grad(h, w)
  kept = scan(stay, start, steps: 2)
  report h
  report first
  report second = grad(first, w)
  report start = grad(h, start)
  report total = sum(stack_of_all)
  report slope = grad(sum(stack_of_all), w)
  report kept
  report kept_slope = grad(kept, v)
}
run { p = powers(); print(\"{p.h} {p.first} {p.second} {p.start} {p.total} {p.slope} {p.kept} {p.kept_slope}\") }
",
    );
    close(&told.row(), &[32.0, 80.0, 160.0, 32.0, 62.0, 129.0, 0.3, 1.0], 1e-12);
}

#[test]
fn c049_a_scan_that_carries_minus_infinity() {
    let told = Lab::new().run(
        "state paths[3] = [0, -inf, -inf]
fn forward(a) = logsumexp(stack([a, concat([a[2..], a[..2]], axis: 0) - 1]), axis: 0)
fn impossible(a) = logsumexp(stack([a, a]), axis: 0)
step carry() {
  reached = scan(forward, paths, steps: 1)
  never   = scan(impossible, paths, steps: 4)
  report reached = where(reached == -inf, 7, reached)
  report never = where(never == -inf, 7, never)
  report slope = grad(scan(forward, paths, steps: 1)[1], paths)
  report flat = grad(sum(scan(impossible, paths, steps: 4)[1..]), paths)
}
run { c = carry(); print(\"{c.reached} {c.never}\"); print(\"{c.slope}\"); print(\"{c.flat}\") }
",
    );
    let lines = told.numbers();
    close(&lines[0], &[0.0, -1.0, 7.0, 4.0 * std::f64::consts::LN_2, 7.0, 7.0], 1e-12);
    close(&lines[1], &[1.0, 0.0, 0.0], 1e-12);
    assert!(lines[2].iter().all(|slope| slope.is_finite()), "{lines:?}");
}

#[test]
fn c056_convolution_turns_the_filter_and_correlation_does_not() {
    let told = Lab::new().run(
        "state x[1, 1, 3, 3] = [[[[1, 2, 3], [4, 5, 6], [7, 8, 9]]]]
state k[1, 1, 2, 2] = [[[[1, 2], [3, 4]]]]
state rows[1, 1, 5, 5] = [[[[5 * r + c + 1 for c in 0..5] for r in 0..5]]]
step both() {
  report a = conv2d(x, k)
  report b = correlate2d(x, k)
  report c = conv2d(x, k, mode: \"full\")
  report d = conv2d(rows, k, stride: [2, 2])
}
run { b = both(); print(\"{b.a}\"); print(\"{b.b}\"); print(\"{b.c}\"); print(\"{b.d}\") }
",
    );
    let lines = told.numbers();
    close(&lines[0], &[23.0, 33.0, 53.0, 63.0], 0.0);
    close(&lines[1], &[37.0, 47.0, 67.0, 77.0], 0.0);
    let full = [1, 4, 7, 6, 7, 23, 33, 24, 19, 53, 63, 42, 21, 52, 59, 36];
    close(&lines[2], &full.map(f64::from), 0.0);
    close(&lines[3], &[29.0, 49.0, 129.0, 149.0], 0.0);
}

#[test]
fn c098_a_count_carried_through_a_loop() {
    let text = "state n = 0
step learn() {
  fn turn(count) = count + 1
  n <- scan(turn, n, steps: 5)
}
run { learn(); print(\"{n}\"); learn(); print(\"{n}\") }
";
    assert_eq!(numbers(&Lab::new().run(text).printed.join(" ")), [5.0, 10.0]);
    let inside = "state n = 0
step learn() {
  fn turn(count) {
    n <- n + 1
    return count + 1
  }
  report last = scan(turn, n, steps: 5)
}
run { learn() }
";
    says(&Lab::new().refused(inside), &["DL0502", "case.dl:4:5"]);
}
