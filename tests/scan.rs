//! Scans: values and gradients against the same loops written out turn by turn, draws, messages.

mod programs;

use dlc::ir::Tensor;
use dlc::program::Precision;
use dlc::random::{identity_key, named_seed, philox4x32_10};
use programs::{checked, compiled, error, plain};

fn numbers(t: &Tensor) -> Vec<f64> {
    t.as_f64s()
}

#[track_caller]
fn close(a: &[f64], b: &[f64], bound: f64) {
    assert_eq!(a.len(), b.len());
    for (x, y) in a.iter().zip(b) {
        assert!((x - y).abs() <= bound * (1.0 + y.abs()), "{a:?} is not {b:?}");
    }
}

/// A recurrent network with a vector carried, an input and a mask gone through, and weights captured.
const NET: &str = "param W[3, 3] = [[0.3, -0.2, 0.5], [0.1, 0.4, -0.6], [-0.7, 0.2, 0.1]]\n\
    param V[2, 3] = [[0.5, -1.0, 0.25], [0.75, 0.3, -0.4]]\nparam h0[3] = [0.1, -0.2, 0.3]\n\
    state xs[4, 2] = [[1.0, 0.5], [-0.3, 0.8], [0.6, -0.9], [0.2, 0.4]]\n\
    state mask[4] = [1, 1, 0, 1]\n\
    fn cell(h, x, m) {\n  new = tanh(h @ W + x @ V)\n  next = where(m > 0.5, new, h)\n  return next, next ^ 2\n}\n";

const LOOP: &str = "fn all() {\n  return scan(cell, h0, over: (xs, mask))\n}\n";
const UNROLLED: &str = "fn all() {\n  a, s = cell(h0, xs[0], mask[0])\n  b, t = cell(a, xs[1], mask[1])\n  \
    c, u = cell(b, xs[2], mask[2])\n  d, v = cell(c, xs[3], mask[3])\n  return d, stack([s, t, u, v])\n}\n";
const COSTS: &str = "step s() {\n  h, squares = all()\n  report h\n  report squares\n  \
    cost = sum(h * [1.0, 2.0, -0.5]) + sum(squares * xs[.., 1..]) + log(sum(squares[2]) + 1)\n  report cost\n  \
    report dW = grad(cost, W)\n  report dV = grad(cost, V)\n  report dh = grad(cost, h0)\n  \
    report dx = grad(cost, xs)\n  \
    length = sum(grad(cost, W) ^ 2) + sum(grad(cost, h0) * grad(cost, h0))\n  \
    report ddW = grad(length, W)\n  report ddh = grad(length, h0)\n  report ddx = grad(length, xs)\n  \
    W <- W\n  V <- V\n  h0 <- h0\n}\nrun { s() }\n";

#[test]
fn values_and_gradients_are_those_of_the_loop_written_out() {
    let (scanned, written) = (format!("{NET}{LOOP}{COSTS}"), format!("{NET}{UNROLLED}{COSTS}"));
    for precision in [Precision::F32, Precision::F64] {
        let bound = if precision == Precision::F32 { 2e-5 } else { 1e-12 };
        let wanted = plain(&written, precision).call(0, 0, &[]);
        for mut c in [plain(&scanned, precision), compiled(&scanned, precision)] {
            let found = c.call(0, 0, &[]);
            assert_eq!(found["h"], wanted["h"], "bit by bit");
            assert_eq!(found["squares"], wanted["squares"], "bit by bit");
            for name in ["cost", "dW", "dV", "dh", "dx", "ddW", "ddh", "ddx"] {
                close(&numbers(&found[name]), &numbers(&wanted[name]), bound);
            }
        }
    }
}

#[test]
fn gradients_are_those_of_central_differences() {
    let text = format!("{NET}{LOOP}{COSTS}");
    let mut c = compiled(&text, Precision::F64);
    let found = c.call(0, 0, &[]);
    let places: Vec<String> = c.program.places.iter().map(|p| p.name.to_string()).collect();
    for (place, gradient) in [("W", "dW"), ("V", "dV"), ("h0", "dh"), ("xs", "dx")] {
        let at = places.iter().position(|p| p == place).unwrap();
        let held = c.places[at].clone();
        let mut differences = Vec::new();
        for i in 0..numbers(&held).len() {
            let mut cost = |by: f64| {
                let mut moved = numbers(&held);
                moved[i] += by;
                c.places[at] = Tensor::from_f64s(held.ty.dtype, held.ty.shape.clone(), &moved);
                let cost = c.call(0, 0, &[])["cost"].item_f64();
                c.places[at] = held.clone();
                cost
            };
            differences.push((cost(1e-5) - cost(-1e-5)) / 2e-5);
        }
        close(&numbers(&found[gradient]), &differences, 1e-8);
    }
}

#[test]
fn several_carried_values_tuples_and_turns_without_arrays() {
    // Fibonacci in whole numbers beside a real, whose gradient comes through both.
    let text = "param r = 0.5\nstate one: int = 1\nfn turn(a, b, x) = (b, a + b, r * x + 1)\nstep s() {\n  \
                a, b, x = scan(turn, (one, one, r), steps: 6)\n  report a\n  report b\n  report x\n  \
                report dx = grad(x, r)\n  r <- r\n}\nrun { s() }\n";
    let mut c = compiled(text, Precision::F64);
    let out = c.call(0, 0, &[]);
    assert_eq!((out["a"].item_f64(), out["b"].item_f64()), (13.0, 21.0));
    let (r, mut x, mut dx) = (0.5, 0.5, 1.0);
    for _ in 0..6 {
        (x, dx) = (r * x + 1.0, x + r * dx);
    }
    close(&[out["x"].item_f64(), out["dx"].item_f64()], &[x, dx], 1e-14);
}

#[test]
fn nothing_carried_is_a_map_and_no_turns_give_what_began() {
    let text = "param r = 3\nstate xs[3, 2] = [[1, 2], [3, 4], [5, 6]]\nfn half(x) = x / 2 + r\nfn on(x) = (x * r, x)\n\
                step s() {\n  ys = scan(half, (), over: xs)\n  report ys\n  report dr = grad(sum(ys), r)\n  \
                report dx = grad(sum(ys ^ 2), xs)\n  x, all = scan(on, r, steps: 0)\n  report x\n  report all\n  \
                report one = grad(x, r)\n  r <- r\n}\nrun { s() }\n";
    let mut c = compiled(text, Precision::F64);
    let out = c.call(0, 0, &[]);
    assert_eq!(numbers(&out["ys"]), [3.5, 4.0, 4.5, 5.0, 5.5, 6.0]);
    assert_eq!(numbers(&out["dr"]), [6.0]);
    assert_eq!(numbers(&out["dx"]), [3.5, 4.0, 4.5, 5.0, 5.5, 6.0]);
    assert_eq!(
        (out["x"].item_f64(), out["all"].ty.shape.clone(), out["one"].item_f64()),
        (3.0, vec![0], 1.0)
    );
}

#[test]
fn nested_scans_capture_through_and_differentiate_twice() {
    let scanned = "fn inner(y) = (w * y + sin(y), y)\nfn outer(x) {\n  y, ys = scan(inner, x * w, steps: 2)\n  \
                   return y, sum(ys)\n}\nfn all() = scan(outer, x0, steps: 3)\n";
    let written = "fn inner(y) = (w * y + sin(y), y)\nfn outer(x) {\n  a, s = inner(x * w)\n  b, t = inner(a)\n  \
                   return b, s + t\n}\nfn all() {\n  a, s = outer(x0)\n  b, t = outer(a)\n  c, u = outer(b)\n  \
                   return c, stack([s, t, u])\n}\n";
    let rest = "param w = 0.7\nparam x0[2] = [0.4, -0.3]\n";
    let step = "step s() {\n  x, sums = all()\n  cost = sum(x) + sum(sums ^ 2)\n  report cost\n  g = grad(cost, w)\n  \
                report g\n  report h = grad(cost, x0)\n  report gg = grad(g, w)\n  report gh = grad(g, x0)\n  \
                w <- w\n  x0 <- x0\n}\nrun { s() }\n";
    let scanned = scanned.replace("sum(ys)", "sum(ys, axis: 0)");
    let wanted = plain(&format!("{rest}{written}{step}"), Precision::F64).call(0, 0, &[]);
    let text = format!("{rest}{scanned}{step}");
    for mut c in [plain(&text, Precision::F64), compiled(&text, Precision::F64)] {
        let found = c.call(0, 0, &[]);
        for name in ["cost", "g", "h", "gg", "gh"] {
            close(&numbers(&found[name]), &numbers(&wanted[name]), 1e-11);
        }
    }
}

#[test]
fn draws_inside_are_told_apart_by_the_turn_and_repeat_from_the_seed() {
    // C098: a carried count, 15 draws of 20 by 500, in two calls.
    let text = "state n = 0\nstep s() {\n  fn turn(count) {\n    v[20, 500] ~ bernoulli(0.5)\n    return count + 1, v\n  }\n  \
                count, vs = scan(turn, n, steps: 15)\n  n <- count\n  report vs\n}\nrun { s() }\n";
    let mut c = compiled(text, Precision::F32);
    let calls = [c.call(0, 0, &[]), c.call(0, 1, &[])];
    assert_eq!(c.places[0].item_f64(), 30.0);
    let draws: Vec<Vec<f64>> = calls
        .iter()
        .flat_map(|o| numbers(&o["vs"]).chunks(10_000).map(<[f64]>::to_vec).collect::<Vec<_>>())
        .collect();
    assert_eq!(draws.len(), 30);
    for (i, a) in draws.iter().enumerate() {
        assert!(draws[i + 1..].iter().all(|b| a != b));
        let mean = a.iter().sum::<f64>() / 10_000.0;
        assert!((mean - 0.5).abs() < 0.025, "{mean}");
    }
    assert_eq!(compiled(text, Precision::F64).call(0, 1, &[])["vs"].as_f64s(), numbers(&calls[1]["vs"]));
}

#[test]
fn the_turns_of_nested_scans_are_counted_through() {
    let text = "step s() {\n  fn inner(a) {\n    u[2] ~ uniform(0, 1)\n    return a, u\n  }\n  fn outer(a) {\n    \
                b, us = scan(inner, a, steps: 3)\n    return b, us\n  }\n  a, us = scan(outer, 0.0, steps: 2)\n  \
                report us\n}\nrun { s() }\n";
    let mut c = compiled(text, Precision::F64);
    let us = numbers(&c.call(0, 9, &[])["us"]);
    let key = identity_key(named_seed("main", 0), "s/outer/inner/u");
    for turn in 0..6u32 {
        let words = philox4x32_10([0, 0, turn, 9], key);
        for i in 0..2 {
            assert_eq!(us[turn as usize * 2 + i], f64::from(words[i] >> 8) / 16_777_216.0);
        }
    }
}

#[test]
fn the_backward_loop_makes_the_same_draws_again() {
    let text = "param w = 0.8\nstep s() {\n  fn turn(x) {\n    z ~ normal(0, 1)\n    kept ~ bernoulli(0.5)\n    \
                return x * w + z * w * kept, z * kept\n  }\n  x, zs = scan(turn, w, steps: 7)\n  report x\n  \
                report zs\n  report g = grad(x, w)\n  w <- w\n}\nrun { s() }\n";
    let mut c = compiled(text, Precision::F64);
    let out = c.call(0, 4, &[]);
    let (w, mut x, mut dx) = (0.8, 0.8, 1.0);
    for z in numbers(&out["zs"]) {
        (x, dx) = (x * w + z * w, x + dx * w + z);
    }
    close(&[out["x"].item_f64(), out["g"].item_f64()], &[x, dx], 1e-12);
}

#[test]
fn a_gradient_may_stand_inside_a_turn() {
    // Ten steps of descent on a quadratic, and the derivative of where they end by the rate.
    let text = "param rate = 0.1\nstate start[2] = [1.0, -2.0]\nfn energy(x) = sum([0.5, 2.0] * x ^ 2)\nfn pull(x) = grad(energy(x), x)\n\
                step s() {\n  fn descend(x) = x - rate * pull(x)\n  x = scan(descend, start, steps: 10)\n  \
                report x\n  report g = grad(sum(x), rate)\n  rate <- rate\n}\nrun { s() }\n";
    let mut c = compiled(text, Precision::F64);
    let out = c.call(0, 0, &[]);
    let x: Vec<f64> =
        [(1.0, 1.0), (-2.0, 4.0)].iter().map(|(x, k)| x * (1.0f64 - 0.1 * k).powi(10)).collect();
    let g: f64 =
        [(1.0, 1.0), (-2.0, 4.0)].iter().map(|(x, k)| -10.0 * k * x * (1.0f64 - 0.1 * k).powi(9)).sum();
    close(&numbers(&out["x"]), &x, 1e-13);
    close(&numbers(&out["g"]), &[g], 1e-12);
}

#[test]
fn what_goes_wrong_is_said_where_it_stands() {
    let step = |body: &str| {
        format!(
            "param W[3, 4] = 0\nstate n = 0\nstate xs[5, 3] = 1\nstep s() {{\n{body}  W <- W\n}}\nrun {{ s() }}\n"
        )
    };
    let (title, at) = error(&step(
        "  fn turn(h) = h @ W\n  start = zeros([2, 3])\n  report h = scan(turn, start, steps: 2)\n",
    ));
    assert_eq!(title, "DL0504: the scan carries real[2, 3], and a turn gives real[2, 4] for it");
    assert_eq!(at, "start");
    let (title, at) =
        error(&step("  fn turn(h) {\n    n <- h\n    return h\n  }\n  report h = scan(turn, n, steps: 2)\n"));
    assert_eq!(
        (title.as_str(), at.as_str()),
        ("DL0502: a scan's turns carry, and do not change places", "n <- h")
    );
    let (title, _) = error(&step("  fn turn(h, k) = h\n  report h = scan(turn, (n, n), steps: 2)\n"));
    assert_eq!(title, "DL0504: the scan carries 2 values, and turn gives 1");
    let (title, _) = error(&step("  fn turn(h, a, b) = h\n  report h = scan(turn, n, over: (xs, W))\n"));
    assert!(title.starts_with("DL0305"), "{title}");
    let (title, _) = error(&step("  fn turn(h) = h\n  report h = scan(turn, n)\n"));
    assert!(title.starts_with("DL0203"), "{title}");
}

#[test]
fn a_gradient_without_a_path_through_the_loop_is_an_error() {
    // The stack depends on w, the last carried value does not.
    let text = "param w = 2\nstate n = 1\nstep s() {\n  fn turn(h) = (h + 1, h * w)\n  h, all = scan(turn, n, steps: 3)\n  \
                report g = grad(h, w)\n  w <- w\n}\nrun { s() }\n";
    let program = checked(text).unwrap_or_else(|p| panic!("{:?}", p[0]));
    let done = dlc::compile(&program, Precision::F64, &mut |_, _, _| {});
    assert_eq!(done.expect_err("no path")[0].code.id, "DL0601");
}

/// The program up to its `run`, with another one.
fn with_run(text: &str, run: &str) -> String {
    let head = &text[..text.find("\nrun {").expect("a run block")];
    format!("{head}\nrun {{\n{run}\n}}\n")
}

#[test]
fn hybrid_monte_carlo_samples_the_gaussian() {
    let text = with_run(include_str!("../models/more/hmc.dl"), "  move()");
    let mut c = compiled(&text, Precision::F32);
    let step = c.step("move");
    let mut squares = Vec::new();
    for run in 0..300 {
        squares.push(c.call(step, run, &[])["square"].item_f64());
    }
    let late = &squares[100..];
    let variance = late.iter().sum::<f64>() / late.len() as f64;
    assert!((variance - 1.0).abs() < 0.1, "variance {variance}");
}

#[test]
fn a_restricted_boltzmann_machine_learns_with_chains_of_fifteen_turns() {
    let text = "use rbm: Rbm\nrbm = Rbm[6, 4]\nstate x[5, 6] = 1\nstep learn() {\n  h0 ~ bernoulli(rbm.up(x))\n  \
                _, vs, means = scan(rbm.gibbs_h, h0, steps: 15)\n  cost = rbm.contrast(x, vs[-1])\n  \
                for p in params(rbm) { p <- p - 0.1 * grad(cost, p) }\n  report mean = mean(means[-1])\n}\nrun { learn() }\n";
    let layer = include_str!("../models/rbm.dl");
    let from = layer.find("layer Rbm").unwrap();
    let to = layer[from..].find("\n}\n").unwrap() + from + 3;
    let text = format!("use std.init: glorot\n{}{}", &layer[from..to], text.replace("use rbm: Rbm\n", ""));
    let mut c = compiled(&text, Precision::F32);
    let step = c.step("learn");
    let means: Vec<f64> = (0..200).map(|run| c.call(step, run, &[])["mean"].item_f64()).collect();
    // All pixels are 1, and the chains come to know it.
    assert!(means[199] > 0.9 && means[0] < 0.8, "{} then {}", means[0], means[199]);
}
