//! Gradients, written in the language and run through every pass.

use crate::lab::{Lab, close};

#[test]
fn c024_a_choice_with_a_forbidden_branch() {
    let told = Lab::new().run(include_str!("choices.dl"));
    let five = 5.0_f64.sqrt();
    let lines = told.numbers();
    close(&lines[0], &[6.0 + five, 1.0 / five, 2.0 / five, 0.6, 0.8, 0.0, 0.0], 1e-12);
    close(&lines[1], &[1.0], 0.0);
    close(&lines[2], &[0.0, 0.0], 0.0);
}

#[test]
fn c028_the_norm_at_the_origin() {
    let told = Lab::new().run(
        "state v[2] = [0, 0]
state u[2] = [1, 1]
fn square(x) = sum(x * x)
step slopes() {
  report a = grad(square(v), v)
  report b = grad(sqrt(square(v)) ^ 2, v)
  report c = grad(sqrt(square(v)), v)
  report d = grad(square(u), u)
  report e = grad(sqrt(square(u)) ^ 2, u)
  report f = grad(sqrt(square(u)), u)
}
run { g = slopes(); print(\"{g.a} {g.b} {g.c}\"); print(\"{g.d} {g.e} {g.f}\") }
",
    );
    let half = 0.5_f64.sqrt();
    close(&told.numbers()[0], &[0.0; 6], 0.0);
    close(&told.numbers()[1], &[2.0, 2.0, 2.0, 2.0, half, half], 1e-12);
}

#[test]
fn c029_the_first_of_several_largest() {
    let told = Lab::new().run(
        "state a[2] = [1, 1]
state b[4] = [1, 2, 2, 2]
state c[2, 2] = [[1, 2], [2, 2]]
state s = 3
state t = 3
step slopes() {
  report a = grad(max(a), a)
  report b = grad(max(b), b)
  report c = grad(max(c), c)
  report d = grad(sum(max(c, axis: 1)), c)
  report s = grad(max(s, t), s)
  report t = grad(max(s, t), t)
  report u = grad(min(s, t), s)
}
run { g = slopes(); print(\"{g.a} {g.b} {g.c} {g.d} {g.s} {g.t} {g.u}\") }
",
    );
    let whole = [0.0, 1.0, 0.0, 0.0];
    let rows = [0.0, 1.0, 1.0, 0.0];
    let expected = [&[1.0, 0.0][..], &whole, &whole, &rows, &[1.0, 0.0, 1.0]].concat();
    close(&told.row(), &expected, 0.0);
}

#[test]
fn c032_a_power_whose_base_is_zero() {
    let told = Lab::new().run(
        "state p[2] = [0, 2]
state q[2] = [1, 1]
state o = 0
state none = 0
step slopes() {
  f = sum(p ^ q)
  report f
  report p = grad(f, p)
  report q = grad(f, q)
  report values = stack([o ^ 2, o ^ 1, o ^ 0.5, o ^ 0])
  report slopes = stack([grad(o ^ 2, o), grad(o ^ 1, o), grad(o ^ 0, o)])
  half = grad(o ^ 0.5, o)
  last = grad(o ^ -1, o)
  report infinite = stack([half == inf, last == -inf, o ^ -1 == inf])
  report shielded = grad(none * o ^ 0.5 + o, o)
}
run { g = slopes(); print(\"{g.f} {g.p} {g.q}\"); print(\"{g.values} {g.slopes} {g.shielded}\"); print(\"{g.infinite}\") }
",
    );
    close(&told.numbers()[0], &[2.0, 1.0, 1.0, 0.0, 2.0 * 2.0_f64.ln()], 1e-12);
    close(&told.numbers()[1], &[0.0, 0.0, 0.0, 1.0, 0.0, 1.0, 0.0, 1.0], 0.0);
    assert_eq!(told.printed[2], "[true, true, true]");
}

#[test]
fn c034_tied_weights_take_both_parts() {
    let told = Lab::new().run(include_str!("tied.dl"));
    let lines = told.numbers();
    close(&lines[0], &[0.5625, -1.5], 1e-12);
    close(&lines[1], &[0.5495917813, -0.3128664081], 1e-9);
    // The shares of decoder and encoder, the other held fast.
    close(&lines[2], &[-0.75, -0.75, -0.2631849055, -0.0496815026], 1e-9);
}

/// The loop is a list of functions, unrolled by the compiler.
#[test]
fn c038_powers_through_a_list_of_functions() {
    let told = Lab::new().run(
        "param w = 2
state start = 1
fn times(h) = h * w
five = [times for i in 0..5]
fn stay(h) = w * 1
step powers() {
  h = five(start)
  first = grad(h, w)
  total = sum([five[..k](start) for k in 1..6])
  report h
  report first
  report second = grad(first, w)
  report start = grad(h, start)
  report total
  report slope = grad(total, w)
  kept = [stay, stay](start)
  report kept
  report kept_slope = grad(kept, w)
}
run { p = powers(); print(\"{p.h} {p.first} {p.second} {p.start} {p.total} {p.slope} {p.kept} {p.kept_slope}\") }
",
    );
    close(&told.row(), &[32.0, 80.0, 160.0, 32.0, 62.0, 129.0, 2.0, 1.0], 0.0);
}

/// Among the definitions, where values are computed before the run.
#[test]
fn c038_powers_before_the_run() {
    let told = Lab::new().run(
        "w = zeros([1]) + 2
fn times(h) = h * w
five = [times for i in 0..5]
last = sum(five(ones([1])))
slope = grad(last, w)
curve = grad(sum(slope), w)
run { print(\"{last} {slope} {curve}\") }
",
    );
    close(&told.row(), &[32.0, 80.0, 160.0], 0.0);
}

#[test]
fn c041_one_row_looked_up_several_times() {
    let told = Lab::new().run(include_str!("rows.dl"));
    let lines = told.numbers();
    close(&lines[0], &[0.5], 1e-15);
    close(&lines[1], &[1.0, 0.0, 0.0, 2.0], 0.0);
    close(&lines[2], &[1.0, 0.0, 0.0, 2.0], 0.0);
    // Five rows, the last of which is never looked up: the histogram, and exactly 0.
    let (slopes, counts) = (&lines[3], &lines[4]);
    assert_eq!(slopes[4], 0.0);
    assert_eq!(counts[..4].iter().sum::<f64>(), 10_000.0);
    assert!(counts[..4].iter().all(|n| *n > 2000.0), "{counts:?}");
    assert_eq!(slopes, counts);
}
