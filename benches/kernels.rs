//! Single kernels beside the crates `gemm` and `matrixmultiply`: `cargo bench --bench kernels`
//!
//! Each is the one statement of a program, compiled and called as a model's step is; so layouts, split over threads
//! and barriers are the compiler's. Products are in GFLOP/s, passes over memory in GB/s of what is read and written.
//! `DLC_THREADS` sets the threads, `DLC_ISA` the instruction set. `matrixmultiply` has one thread.
#![allow(unsafe_code)]

mod common;

use common::{make, median};
use dlc::cpu::Isa;
use dlc::runtime::{CompiledDevice, Device, Entry, prepare};
use gemm::Parallelism;
use std::path::Path;
use std::time::{Duration, Instant};

/// How long one measurement goes on, and how many there are, of all sides in turn.
const WINDOW: Duration = Duration::from_millis(40);
const ROUNDS: usize = 5;

/// A product of places `a` and `b` into a place `c`.
struct Product {
    /// Where the models have it.
    about: &'static str,
    /// Rows and columns of the result, terms of each sum.
    extents: [usize; 3],
    /// Whether the operands lie transposed.
    turned: [bool; 2],
    /// The statement.
    text: &'static str,
}

const PRODUCTS: &[Product] = &[
    Product { about: "forward", extents: [20, 500, 784], turned: [false, false], text: "c <- a @ b" },
    Product {
        about: "update",
        extents: [784, 500, 20],
        turned: [true, false],
        text: "c <- c - 0.1 * (a' @ b)",
    },
    Product { about: "backward", extents: [20, 784, 500], turned: [false, true], text: "c <- a @ b'" },
    Product { about: "few outputs", extents: [600, 10, 784], turned: [false, false], text: "c <- a @ b" },
    Product {
        about: "their update",
        extents: [784, 10, 600],
        turned: [true, false],
        text: "c <- c - 0.1 * (a' @ b)",
    },
    Product { about: "dense", extents: [500, 500, 800], turned: [false, false], text: "c <- a @ b" },
    Product { about: "one row", extents: [1, 1000, 784], turned: [false, false], text: "c <- a @ b" },
    Product { about: "one row, tied", extents: [1, 784, 1000], turned: [false, true], text: "c <- a @ b'" },
    Product {
        about: "rank one",
        extents: [784, 1000, 1],
        turned: [true, false],
        text: "c <- c - 0.1 * (a' @ b)",
    },
    Product { about: "square", extents: [1024, 1024, 1024], turned: [false, false], text: "c <- a @ b" },
];

/// Passes over a place `w`: a name, the declaration of what is changed, the statement, how often a number moves.
const PASSES: &[(&str, &str, &str, usize)] = &[
    ("update in place", "", "w <- 0.5 * w + 0.5", 2),
    ("sum of squares", "state s = 0", "s <- sum(w ^ 2)", 1),
    ("sums of columns", "state s[1000] = 0", "s <- sum(w, axis: 0)", 1),
    ("sums of rows", "state s[rows] = 0", "s <- sum(w, axis: 1)", 1),
    ("sigmoid", "state s[rows, 1000] = 0", "s <- sigmoid(w)", 2),
];

/// Rows of 1000 numbers: in the caches of cores, in the one behind them, in memory.
const ROWS: [usize; 3] = [100, 2000, 25_000];

/// Microseconds of a call, by calls for as long as a measurement goes on.
fn time(call: &mut dyn FnMut()) -> f64 {
    let began = Instant::now();
    let mut calls = 0;
    while calls == 0 || began.elapsed() < WINDOW {
        call();
        calls += 1;
    }
    began.elapsed().as_secs_f64() * 1e6 / calls as f64
}

/// Medians of sides measured in turn; the first round warms up.
fn in_turn(sides: &mut [Box<dyn FnMut() + '_>]) -> Vec<f64> {
    let mut all = vec![Vec::new(); sides.len()];
    for round in 0..=ROUNDS {
        for (side, times) in sides.iter_mut().zip(&mut all) {
            let us = time(&mut **side);
            times.extend((round > 0).then_some(us));
        }
    }
    all.into_iter().map(median).collect()
}

/// Microseconds of our step of the text, and of what is measured beside it.
fn beside(text: &str, threads: usize, isa: Isa, others: Vec<Box<dyn FnMut() + '_>>) -> Vec<f64> {
    let (program, compiled, _) = make(Path::new("kernel.dl"), text, &[]);
    let Ok(ready) = prepare(&program, &compiled.module, Path::new("")) else { panic!("no places") };
    let steps = compiled.kernels.iter().map(|built| built.step.clone()).collect();
    let mut device = CompiledDevice::new(&compiled.module, steps, ready, threads, isa);
    // As many calls to a queue as keep the way there and back out of the time.
    let mut count = 1;
    let mut run = 0;
    let mut calls = |count: usize| {
        let entry = Entry { step: 0, first: run, count, run, args: Vec::new() };
        run += count as u64;
        assert!(device.run(&[entry]).fault.is_none());
    };
    calls(1);
    while time(&mut || calls(count)) < 2e3 {
        count *= 2;
    }
    let mut sides: Vec<Box<dyn FnMut() + '_>> = vec![Box::new(|| calls(count))];
    sides.extend(others);
    let mut times = in_turn(&mut sides);
    times[0] /= count as f64;
    times
}

fn numbers(count: usize) -> Vec<f32> {
    (0..count).map(|i| ((i * 7919) % 1000) as f32 / 500.0 - 1.0).collect()
}

/// A product by both crates, accumulated into `c` where ours is.
fn crates<'a>(
    product: &Product,
    threads: usize,
    a: &'a [f32],
    b: &'a [f32],
    c: &'a mut [f32],
    d: &'a mut [f32],
) -> Vec<Box<dyn FnMut() + 'a>> {
    let [m, n, k] = product.extents;
    // From row to row and from column to column.
    let strides = |rows: usize, columns: usize, turned: bool| {
        if turned { (1, rows as isize) } else { (columns as isize, 1) }
    };
    let (a_row, a_column) = strides(m, k, product.turned[0]);
    let (b_row, b_column) = strides(k, n, product.turned[1]);
    let update = product.text.starts_with("c <- c");
    let (keep, scale) = if update { (1.0, -0.1) } else { (0.0, 1.0) };
    let parallel = if threads > 1 { Parallelism::Rayon(threads) } else { Parallelism::None };
    let row = n as isize;
    let first = move || {
        // SAFETY: the slices have the extents of the product.
        unsafe {
            gemm::gemm(
                m,
                n,
                k,
                c.as_mut_ptr(),
                1,
                row,
                update,
                a.as_ptr(),
                a_column,
                a_row,
                b.as_ptr(),
                b_column,
                b_row,
                keep,
                scale,
                false,
                false,
                false,
                parallel,
            );
        }
    };
    let second = move || {
        let d = d.as_mut_ptr();
        // SAFETY: the slices have the extents of the product.
        unsafe {
            matrixmultiply::sgemm(
                m,
                k,
                n,
                scale,
                a.as_ptr(),
                a_row,
                a_column,
                b.as_ptr(),
                b_row,
                b_column,
                keep,
                d,
                row,
                1,
            );
        }
    };
    vec![Box::new(first), Box::new(second)]
}

fn products(threads: usize, isa: Isa) {
    println!("{:34} {:>10} {:>10} {:>10} {:>14}", "GFLOP/s", "dlc", "1 thread", "gemm", "matrixmultiply");
    for product in PRODUCTS {
        let [m, n, k] = product.extents;
        let shape = |rows: usize, columns: usize, turned: bool| {
            let (rows, columns) = if turned { (columns, rows) } else { (rows, columns) };
            format!("[{rows}, {columns}]")
        };
        let text = format!(
            "param a{} ~ uniform(-1, 1)\nparam b{} ~ uniform(-1, 1)\nstate c[{m}, {n}] = 0\n\n\
             step call() {{ {} }}\n\nrun {{ call() }}\n",
            shape(m, k, product.turned[0]),
            shape(k, n, product.turned[1]),
            product.text
        );
        let (a, b) = (numbers(m * k), numbers(k * n));
        let (mut c, mut d) = (numbers(m * n), numbers(m * n));
        let us = beside(&text, threads, isa, crates(product, threads, &a, &b, &mut c, &mut d));
        let single = beside(&text, 1, isa, Vec::new());
        let rate = |us: f64| (2 * m * n * k) as f64 / us / 1e3;
        let name = format!("{m}x{k}x{n}, {}", product.about);
        println!(
            "{name:34} {:10.1} {:10.1} {:10.1} {:14.1}",
            rate(us[0]),
            rate(single[0]),
            rate(us[1]),
            rate(us[2])
        );
    }
}

fn passes(threads: usize, isa: Isa) {
    println!("\n{:34} {:>10} {:>10}", "GB/s", "dlc", "1 thread");
    for (name, declared, statement, moved) in PASSES {
        for rows in ROWS {
            let text = format!(
                "dim rows = {rows}\n\nparam w[rows, 1000] ~ uniform(-1, 1)\n{declared}\n\n\
                 step call() {{ {statement} }}\n\nrun {{ call() }}\n"
            );
            let times = [threads, 1].map(|threads| beside(&text, threads, isa, Vec::new())[0]);
            let bytes = (4 * moved * rows * 1000) as f64;
            let [all, single] = times.map(|us| bytes / us / 1e3);
            let name = format!("{name}, {:.1} MB", rows as f64 * 4e-3);
            println!("{name:34} {all:10.1} {single:10.1}");
        }
    }
}

fn main() {
    let threads = std::env::var("DLC_THREADS").ok().and_then(|t| t.parse().ok());
    let threads = threads.unwrap_or_else(|| std::thread::available_parallelism().map_or(1, usize::from));
    let asked = std::env::var("DLC_ISA").ok();
    let isa = asked.and_then(|name| Isa::ALL.into_iter().find(|isa| isa.name() == name && isa.available()));
    let isa = isa.unwrap_or_else(Isa::best);
    println!("{threads} threads, {}", isa.name());
    products(threads, isa);
    passes(threads, isa);
}
