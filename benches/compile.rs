//! How long compiling takes: `cargo bench --bench compile`
//!
//! From a text to kernels and to machine code, in milliseconds, medians: the shipped models; then programs that
//! grow, whose time for each layer should stay as it is, and that of a scan for all its turns together.

mod common;

use common::{make, median};
use dlc::cpu::{Isa, emit};
use std::path::{Path, PathBuf};
use std::time::Instant;

/// Milliseconds of checking, compiling, and machine code for all steps.
fn once(path: &Path, text: &str) -> [f64; 3] {
    let (_, compiled, [check, compile]) = make(path, text, &[]);
    let began = Instant::now();
    for built in &compiled.kernels {
        assert!(emit::emit(&built.step, Isa::best()).is_ok(), "{} has no code", built.step.name);
    }
    [check, compile, began.elapsed().as_secs_f64() * 1e3]
}

/// Milliseconds that `dlc check`, which checks and compiles, may take for any model.
const ALLOWED: f64 = 50.0;

/// Prints a line of medians and gives what `dlc check` takes; `parts` is what the program has many of.
fn line(name: &str, path: &Path, text: &str, times: usize, parts: Option<usize>) -> f64 {
    let all: Vec<[f64; 3]> = (0..times).map(|_| once(path, text)).collect();
    let [check, compile, code] = [0, 1, 2].map(|stage| median(all.iter().map(|t| t[stage]).collect()));
    let each =
        parts.map_or(String::new(), |parts| format!("{:12.3}", (check + compile + code) / parts as f64));
    println!("{name:24} {check:10.2} {compile:12.2} {code:10.2} {each}");
    check + compile
}

/// A perceptron of so many equal layers.
fn layers(count: usize) -> String {
    format!(
        "use std.layers: Dense

         layers = [Dense[64, 64](act: tanh) for _ in 0..{count}]

         data demo {{ x[200, 64] ~ uniform(0, 1) }}

         step learn(x[n, 64]) {{
           cost = mean(layers(x) ^ 2)
           for p in params(layers) {{ p <- p - 0.1 * grad(cost, p) }}
           report cost
         }}

         run {{ for x in batches(demo.x, 20) {{ learn(x) }} }}
        "
    )
}

/// A recurrence of so many turns, with its gradient.
fn turns(count: usize) -> String {
    format!(
        "param W[64, 64] ~ uniform(-0.1, 0.1)

         data demo {{ x[200, 64] ~ uniform(0, 1) }}

         fn turn(h[n, 64]) = tanh(h @ W)

         step learn(x[n, 64]) {{
           cost = mean(scan(turn, x, steps: {count}) ^ 2)
           W <- W - 0.1 * grad(cost, W)
           report cost
         }}

         run {{ for x in batches(demo.x, 20) {{ learn(x) }} }}
        "
    )
}

fn main() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let entries = |folder: &str| std::fs::read_dir(root.join(folder)).expect("the models");
    let entries = entries("models").chain(entries("models/more"));
    let mut paths: Vec<PathBuf> = entries.map(|e| e.expect("an entry").path()).collect();
    paths.retain(|p| p.extension().is_some_and(|e| e == "dl"));
    paths.sort();
    println!(
        "{:24} {:>10} {:>12} {:>10} {:>12}",
        "program", "check, ms", "compile, ms", "code, ms", "of a layer"
    );
    let mut slow = Vec::new();
    for path in paths {
        let text = std::fs::read_to_string(&path).expect("a model's text");
        let name = path.file_stem().unwrap_or_default().to_string_lossy().into_owned();
        if line(&name, &path, &text, 11, None) >= ALLOWED {
            slow.push(name);
        }
    }
    let path = root.join("models/growing.dl");
    for count in [2, 4, 8, 16, 32, 64] {
        line(&format!("{count} layers"), &path, &layers(count), 5, Some(count));
    }
    for count in [2, 10, 100, 1000, 10_000] {
        line(&format!("a scan of {count} turns"), &path, &turns(count), 5, None);
    }
    assert!(slow.is_empty(), "more than {ALLOWED} ms: {}", slow.join(", "));
}
