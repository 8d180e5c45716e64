//! Draws inside steps: what they are distributed like, and on what their numbers depend.

mod programs;

use dlc::ir::Tensor;
use dlc::program::Precision;
use dlc::random::{identity_key, named_seed, philox4x32_10};
use programs::{checked, compiled, error, paths, plain};

const N: usize = 40_000;

/// What one draw of a step gives.
fn drawn(dist: &str, shape: &str, precision: Precision, run: u32) -> Tensor {
    let text = format!("step s() {{\n  x[{shape}] ~ {dist}\n  report x\n}}\nrun {{ s() }}\n");
    let mut c = compiled(&text, precision);
    let step = c.step("s");
    c.call(step, run, &[]).remove("x").expect("reported")
}

fn sample(dist: &str) -> Vec<f64> {
    let f32 = drawn(dist, &N.to_string(), Precision::F32, 3).as_f64s();
    let f64 = drawn(dist, &N.to_string(), Precision::F64, 3).as_f64s();
    for (a, b) in f32.iter().zip(&f64) {
        assert!((a - b).abs() <= 2e-6 * (1.0 + b.abs()), "{dist}: {a} in f32 is {b} in f64");
    }
    f64
}

/// Mean and variance lie within five standard errors.
fn moments(dist: &str, mean: f64, variance: f64, kurtosis: f64) -> Vec<f64> {
    let x = sample(dist);
    let n = x.len() as f64;
    let found = x.iter().sum::<f64>() / n;
    let spread = x.iter().map(|v| (v - found).powi(2)).sum::<f64>() / n;
    let bound = 5.0 * (variance / n).sqrt();
    assert!((found - mean).abs() < bound, "{dist}: mean {found}, not {mean} to {bound}");
    let bound = 5.0 * variance * ((kurtosis - 1.0) / n).sqrt() + 1e-9;
    assert!((spread - variance).abs() < bound, "{dist}: variance {spread}, not {variance} to {bound}");
    x
}

/// Chi-square of counts against probabilities stays below a bound that chance passes once in 10^6.
fn counts(x: &[f64], probabilities: &[f64]) {
    let mut seen = vec![0.0; probabilities.len()];
    for v in x {
        seen[*v as usize] += 1.0;
    }
    let n = x.len() as f64;
    let terms = seen.iter().zip(probabilities).filter(|(_, p)| **p > 0.0);
    let chi: f64 = terms.map(|(s, p)| (s - n * p).powi(2) / (n * p)).sum();
    let degrees = probabilities.len() as f64 - 1.0;
    assert!(chi < degrees + 5.0 * (2.0 * degrees).sqrt() + 16.0, "chi square {chi} of {degrees}");
    for (s, p) in seen.iter().zip(probabilities) {
        assert!(*p > 0.0 || *s == 0.0, "drawn though impossible");
    }
}

#[test]
fn uniform_fills_its_range_evenly() {
    let x = moments("uniform(-1, 3)", 1.0, 16.0 / 12.0, 1.8);
    assert!(x.iter().all(|v| (-1.0..3.0).contains(v)));
    let tenths: Vec<f64> = x.iter().map(|v| ((v + 1.0) / 0.4).floor()).collect();
    counts(&tenths, &[0.1; 10]);
    let narrow = drawn("uniform(0.9, 1)", "40000", Precision::F32, 0);
    assert!(narrow.as_f64s().iter().all(|v| *v < 1.0));
}

#[test]
fn normal_has_its_moments_and_tails() {
    let x = moments("normal(2, 0.5)", 2.0, 0.25, 3.0);
    let z: Vec<f64> = x.iter().map(|v| (v - 2.0) / 0.5).collect();
    let within = |c: f64| z.iter().filter(|v| v.abs() < c).count() as f64 / N as f64;
    for (c, p) in [(1.0, 0.682_689), (2.0, 0.954_500), (3.0, 0.997_300)] {
        let bound = 5.0 * (p * (1.0 - p) / N as f64).sqrt();
        assert!((within(c) - p).abs() < bound, "within {c}: {}", within(c));
    }
    // The two of a pair, and neighbours of two pairs, know nothing of each other.
    for step in [1, 2] {
        let products: f64 = z.windows(step + 1).map(|w| w[0] * w[step]).sum();
        assert!((products / N as f64).abs() < 5.0 / (N as f64).sqrt());
    }
    // An odd number of elements uses half of the last pair.
    let few = drawn("normal(2, 0.5)", "7", Precision::F64, 3).as_f64s();
    assert_eq!(few, x[..7]);
}

#[test]
fn bernoulli_is_1_with_its_probability() {
    for p in [0.0, 0.1, 0.5, 0.7, 1.0] {
        let x = sample(&format!("bernoulli({p:?})"));
        counts(&x, &[1.0 - p, p]);
    }
}

#[test]
fn bernoulli_of_a_number_is_the_same_in_both_precisions() {
    for p in ["0.3", "0.7", "1 / 3", "0.999"] {
        let [a, b] = [Precision::F32, Precision::F64]
            .map(|precision| drawn(&format!("bernoulli({p})"), "200, 200", precision, 1).as_f64s());
        assert_eq!(a, b);
    }
}

#[test]
fn integers_are_even_over_their_range() {
    let x = sample("integers(-2, 5)");
    assert!(x.iter().all(|v| v.fract() == 0.0));
    let from_zero: Vec<f64> = x.iter().map(|v| v + 2.0).collect();
    counts(&from_zero, &[1.0 / 7.0; 7]);
    counts(&sample("integers(3)"), &[1.0 / 3.0; 3]);
    // Wider than the positive numbers of 32 bits.
    let wide = sample("integers(-2000000000, 2000000000)");
    assert!(wide.iter().all(|v| v.abs() <= 2e9));
    assert!(wide.iter().any(|v| *v < -1.9e9) && wide.iter().any(|v| *v > 1.9e9));
}

#[test]
fn binomial_counts_successes() {
    for (n, p) in [(1, 0.3), (5, 0.5), (20, 0.9), (64, 0.2), (3, 0.0), (3, 1.0)] {
        let x = sample(&format!("binomial({n}, {p:?})"));
        let mut probabilities = vec![0.0; n + 1];
        let mut ways = 1.0;
        for (k, slot) in probabilities.iter_mut().enumerate() {
            *slot = ways * f64::powi(p, k as i32) * f64::powi(1.0 - p, (n - k) as i32);
            ways = ways * (n - k) as f64 / (k + 1) as f64;
        }
        let mean = x.iter().sum::<f64>() / N as f64;
        let bound = 5.0 * (n as f64 * p * (1.0 - p) / N as f64).sqrt() + 1e-12;
        assert!((mean - n as f64 * p).abs() < bound, "binomial({n}, {p}): mean {mean}");
        if n <= 5 {
            counts(&x, &probabilities);
        }
    }
}

#[test]
fn a_permutation_has_every_number_once() {
    let mut first = vec![0.0; 8];
    for run in 0..800 {
        if run % 40 == 0 {
            let x = drawn("permutation(8)", "8", Precision::F32, run).as_f64s();
            let mut sorted = x.clone();
            sorted.sort_by(f64::total_cmp);
            assert_eq!(sorted, (0..8).map(f64::from).collect::<Vec<_>>());
        }
    }
    let text = "step s() {\n  p ~ permutation(8)\n  report p\n}\nrun { s() }\n";
    let mut c = compiled(text, Precision::F64);
    for run in 0..2000 {
        first[c.call(0, run, &[])["p"].as_f64s()[0] as usize] += 1.0;
    }
    let chi: f64 = first.iter().map(|s: &f64| (s - 250.0).powi(2) / 250.0).sum();
    assert!(chi < 45.0, "{first:?}");
}

#[test]
fn categorical_takes_each_class_as_often_as_it_is_probable() {
    let text = "step s(p[n, k]) {\n  c ~ categorical(p)\n  many[1000, n] ~ categorical(p)\n  report c\n  report many\n}\n\
                state p[2, 4] = [[0.1, 0.0, 0.6, 0.3], [0.0, 2.0, 2.0, 0.0]]\nstep t() {\n  \
                c ~ categorical(p)\n  many[10000, 2] ~ categorical(p)\n  report c\n  report many\n}\nrun { t() }\n";
    for precision in [Precision::F32, Precision::F64] {
        let mut c = compiled(text, precision);
        let step = c.step("t");
        let out = c.call(step, 0, &[]);
        assert_eq!(out["c"].ty.shape, [2]);
        let many = out["many"].as_f64s();
        let column = |at: usize| many.iter().skip(at).step_by(2).copied().collect::<Vec<_>>();
        counts(&column(0), &[0.1, 0.0, 0.6, 0.3]);
        counts(&column(1), &[0.0, 0.5, 0.5, 0.0]);
    }
}

#[test]
fn the_numbers_are_those_of_the_key_and_the_counter() {
    let x = drawn("uniform(0, 1)", "2, 3", Precision::F64, 7).as_f64s();
    let key = identity_key(named_seed("main", 0), "s/x");
    for (i, v) in x.iter().enumerate() {
        let word = philox4x32_10([i as u32 / 4, 0, 0, 7], key)[i % 4];
        assert_eq!(*v, f64::from(word >> 8) / 16_777_216.0);
    }
}

/// The paths in a program's steps.
fn paths_of(text: &str) -> Vec<String> {
    paths(&checked(text).unwrap_or_else(|p| panic!("{:?}", p[0])))
}

const LAYERS: &str = "layer Noisy[n](scale) {\n  param w[n] = 1\n  fn corrupt(x[..., n]) {\n    \
    kept[shape(x)[0], n] ~ bernoulli(0.5)\n    return x * kept * w * scale\n  }\n  \
    fn loss(x[..., n]) = sum(corrupt(x))\n}\n";

#[test]
fn a_path_goes_from_the_step_through_calls_to_the_name() {
    let text = format!(
        "{LAYERS}daes = [Noisy[3](i) for i in 1..3]\nstate x[2, 3] = 1\nstep pretrain(dae) {{\n  report cost = \
         dae.loss(x)\n}}\nrun {{\n  for dae in daes {{ pretrain(dae) }}\n}}\n"
    );
    assert_eq!(
        paths_of(&text),
        ["pretrain/daes[0].loss/daes[0].corrupt/kept", "pretrain/daes[1].loss/daes[1].corrupt/kept"]
    );
    let program = checked(&text).unwrap();
    assert_eq!(program.steps.iter().map(|s| s.family).collect::<Vec<_>>(), [0, 0]);
}

#[test]
fn calls_turns_and_draws_are_numbered_within_their_body() {
    let text = "fn f() {\n  a[2] ~ uniform(0, 1)\n  return a\n}\nfn g() = f() + f()\nstep s() {\n  x = f() + g()\n  \
                y = f()\n  for i in 0..2 {\n    z = f()\n    u ~ uniform(0, 1)\n    v = [f() for j in 0..2]\n  }\n  \
                for i in 0..1 {\n    z = f()\n  }\n  report x\n  report y\n}\nrun { s() }\n";
    let wanted = [
        "s/f/a",
        "s/g/f/a",
        "s/g/f#2/a",
        "s/f#2/a",
        "s/for[0]/f/a",
        "s/for[0]/u",
        "s/for[0]/for[0]/f/a",
        "s/for[0]/for[1]/f/a",
        "s/for[1]/f/a",
        "s/for[1]/u",
        "s/for[1]/for[0]/f/a",
        "s/for[1]/for[1]/f/a",
        "s/for#2[0]/f/a",
    ];
    assert_eq!(paths_of(text), wanted);
}

#[test]
fn adding_a_draw_or_moving_one_leaves_all_other_numbers_alone() {
    let step = |body: &str| {
        let text = format!(
            "fn noise() {{\n  n[5] ~ normal(0, 1)\n  return n\n}}\nfn other() {{\n  n[5] ~ normal(0, 1)\n  return n\n}}\n\
             step s() {{\n{body}  report u\n  report v\n}}\nrun {{ s() }}\n"
        );
        let mut c = compiled(&text, Precision::F64);
        let mut out = c.call(0, 2, &[]);
        (out.remove("u").unwrap(), out.remove("v").unwrap())
    };
    let first = step("  u[3] ~ uniform(0, 1)\n  v = noise()\n");
    assert_eq!(step("  v = noise()\n  u[3] ~ uniform(0, 1)\n"), first);
    assert_eq!(
        step("  w[3] ~ uniform(0, 1)\n  o = other()\n  u[3] ~ uniform(0, 1)\n  v = noise() + 0 * sum(w)\n"),
        first
    );
    // One more call of the same function after it changes nothing, before it shifts the later one.
    assert_eq!(step("  u[3] ~ uniform(0, 1)\n  v = noise()\n  more = noise()\n"), first);
    assert_ne!(step("  u[3] ~ uniform(0, 1)\n  more = noise()\n  v = noise()\n").1, first.1);
    assert_eq!(step("  u[3] ~ uniform(0, 1)\n  more = noise()\n  v = noise()\n").0, first.0);
}

#[test]
fn runs_streams_and_steps_give_other_numbers() {
    let text = "stream own = 7\nfn noise() {\n  n[50] ~ uniform(0, 1)\n  return n\n}\nstep s() {\n  a[50] ~ uniform(0, 1) from own\n  \
                report a\n  report n = noise()\n}\nstep t() {\n  report n = noise()\n}\nrun {\n  s()\n  t()\n}\n";
    let mut c = compiled(text, Precision::F64);
    assert_eq!(c.module.families, [0, 1]);
    let mut seen: Vec<Tensor> = Vec::new();
    for run in 0..3 {
        seen.extend(c.call(0, run, &[]).into_values());
        seen.extend(c.call(1, run, &[]).into_values());
    }
    assert_eq!(c.call(0, 0, &[])["a"], seen[0]);
    for (i, a) in seen.iter().enumerate() {
        assert!(seen[i + 1..].iter().all(|b| a != b));
    }
}

#[test]
fn forms_of_one_step_share_a_family_and_expressions_have_their_own() {
    let text = "fn noise(k) {\n  n[k] ~ uniform(0, 1)\n  return sum(n)\n}\nstep s(k) {\n  report a = noise(k)\n}\nrun {\n  \
                s(2)\n  s(3)\n  a = noise(4)\n  b = noise(4)\n  s(2)\n}\n";
    let program = checked(text).unwrap_or_else(|p| panic!("{:?}", p[0]));
    let families: Vec<usize> = program.steps.iter().map(|s| s.family).collect();
    assert_eq!(families, [0, 0, 1, 2]);
    assert_eq!(paths(&program), ["s/noise/n", "s/noise/n", "run/noise/n", "run/noise#2/n"]);
}

#[test]
fn the_whole_run_counts_the_calls_of_a_family() {
    // Each call of the two forms adds a fresh number to a sum: equal ones would show as ties.
    let text = "state total = 0\nstep s(k) {\n  u ~ uniform(0, 1)\n  total <- total + u\n  report u\n}\nrun {\n  \
                a = s(1).u\n  b = s(2).u\n  c = s(1).u\n  assert a != b\n  assert b != c\n  assert a != c\n}\n";
    let c = compiled(text, Precision::F64);
    let options = dlc::train::Options::default();
    let done = dlc::train::run(&c.program, &c.module, &options, &mut ());
    assert!(done.is_ok(), "{:?}", done.err());
}

#[test]
fn numpy_streams_are_refused_inside_steps() {
    let text =
        "stream rng = numpy(123)\nstep s() {\n  u[3] ~ uniform(0, 1) from rng\n  report u\n}\nrun { s() }\n";
    let (title, at) = error(text);
    assert_eq!(
        (title.as_str(), at.as_str()),
        ("DL0405: a NumPy stream is drawn from before the run alone", "rng")
    );
}

#[test]
fn shapes_come_from_the_left_or_from_the_arguments() {
    let text = "state p[4, 1] = 0.5\nstate q[3] = 0.25\nstep s() {\n  a ~ bernoulli(p)\n  b ~ uniform(p - 1, q)\n  \
                c[2, 4, 3] ~ bernoulli(q)\n  d ~ normal(0, 1)\n  report a\n  report b\n  report c\n  report d\n}\nrun { s() }\n";
    let mut c = compiled(text, Precision::F32);
    let out = c.call(0, 0, &[]);
    let shapes: Vec<Vec<usize>> = out.values().map(|t| t.ty.shape.clone()).collect();
    assert_eq!(shapes, [vec![4, 1], vec![4, 3], vec![2, 4, 3], vec![]]);
    let wrong = "state q[3] = 0.25\nstep s() {\n  c[3, 4] ~ bernoulli(q)\n  report c\n}\nrun { s() }\n";
    assert_eq!(error(wrong).0, "DL0304: bernoulli does not give this shape");
    let limits = [
        ("bernoulli(1.5)", "DL0408"),
        ("normal(0, -1)", "DL0408"),
        ("permutation(5000)", "DL0901"),
        ("binomial(65, 0.5)", "DL0901"),
        ("uniform(1)", "DL0408"),
    ];
    for (dist, code) in limits {
        let text = format!("step s() {{\n  c ~ {dist}\n  report c\n}}\nrun {{ s() }}\n");
        assert!(error(&text).0.starts_with(code), "{dist}: {}", error(&text).0);
    }
}

#[test]
fn gradients_pass_through_uniform_and_normal_and_stop_at_what_is_discrete() {
    let text = "param m[3] = 0.5\nparam s[3] = 2\nstep t() {\n  z ~ normal(m, s)\n  u ~ uniform(m, s)\n  \
                v ~ uniform(0, s)\n  cost = sum(z ^ 2) + sum(u) + 3 * sum(v)\n  report z\n  report u\n  report v\n  \
                report dm = grad(cost, m)\n  report ds = grad(cost, s)\n  m <- m\n  s <- s\n}\nrun { t() }\n";
    for mut c in [compiled(text, Precision::F64), plain(text, Precision::F64)] {
        let out = c.call(0, 5, &[]);
        let get = |name: &str| out[name].as_f64s();
        for i in 0..3 {
            let (z, u, v) = (get("z")[i], get("u")[i], get("v")[i] / 2.0);
            let (noise, share) = ((z - 0.5) / 2.0, (u - 0.5) / 1.5);
            let dm = 2.0 * z + (1.0 - share);
            let ds = 2.0 * z * noise + share + 3.0 * v;
            assert!((get("dm")[i] - dm).abs() < 1e-12 && (get("ds")[i] - ds).abs() < 1e-12);
        }
    }
    let discrete =
        "param p[3] = 0.5\nstep t() {\n  z ~ bernoulli(p)\n  g = grad(sum(z), p)\n  p <- g\n}\nrun { t() }\n";
    assert!(error(discrete).0.starts_with("DL0601"));
}

#[test]
fn dropout_keeps_what_it_says_and_scales_it_up() {
    let text = "use std.layers: dropout\nstate x[100, 100] = 3\nstep s() {\n  report y = dropout(x, 0.3)\n}\nrun { s() }\n";
    for precision in [Precision::F32, Precision::F64] {
        let mut c = compiled(text, precision);
        let y = c.call(0, 0, &[])["y"].as_f64s();
        let kept = y.iter().filter(|v| **v != 0.0).count() as f64 / 10_000.0;
        assert!((kept - 0.7).abs() < 5.0 * (0.21f64 / 10_000.0).sqrt(), "kept {kept}");
        assert!(y.iter().all(|v| *v == 0.0 || (v - 3.0 / 0.7).abs() < 1e-5));
        assert_ne!(c.call(0, 1, &[])["y"].as_f64s(), y);
    }
}

#[test]
fn the_denoising_autoencoder_keeps_seven_pixels_of_ten() {
    let text = include_str!("sketches/da.dl");
    let head = &text[..text.find("\nrun {").expect("a run block")];
    let text = format!("{head}\nrun {{\n  for t in trials {{ fit(t.learn, mnist.train.x, batch, 1) }}\n}}\n");
    let program = checked(&text).unwrap_or_else(|p| panic!("{:?}", p[0]));
    let wanted =
        [0, 1].map(|i| format!("trials[{i}].learn/trials[{i}].dae.loss/trials[{i}].dae.corrupt/kept"));
    assert_eq!(paths(&program), wanted);
    let module = dlc::lower::lower(&program, Precision::F32);
    let mut graph = dlc::grad::differentiate(module.steps[1].clone()).expect("a path");
    let kept = graph.nodes.iter().position(|n| n.name.as_deref().is_some_and(|n| n.ends_with("/kept")));
    let value = dlc::ir::NodeId(kept.expect("a node of that name") as u32);
    graph.updates.clear();
    graph.reports = vec![dlc::ir::Report { name: "kept".into(), value, span: None }];
    let mut before = None;
    for run in 0..3 {
        let outcome = dlc::ir::interp::run(&graph, &|leaf| match leaf.kind {
            dlc::ir::LeafKind::Run => Tensor::from_i32([], vec![run]),
            _ => panic!("the mask depends on {}", leaf.name),
        });
        let mask = outcome.unwrap_or_else(|f| panic!("{}", f.message)).reports.remove(0);
        assert_eq!(mask.ty.shape, [20, 784]);
        let values = mask.as_f64s();
        let mean = values.iter().sum::<f64>() / values.len() as f64;
        assert!((mean - 0.7).abs() < 5.0 * (0.21f64 / values.len() as f64).sqrt(), "kept {mean}");
        assert_ne!(before.replace(mask.clone()), Some(mask));
    }
}
