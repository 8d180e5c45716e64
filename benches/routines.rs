//! How fast the hand-written routines are, on one thread: `cargo bench --bench routines`.
#![allow(unsafe_code)]

use dlc::cpu::micro::{Dot, Lanes, ZERO};
use dlc::cpu::{Isa, Routines};
use dlc::ir::op::{Binary, Unary};
use std::hint::black_box;
use std::ptr::null;
use std::time::{Duration, Instant};

/// The least seconds a call takes, of many.
fn least(mut call: impl FnMut()) -> f64 {
    let begin = Instant::now();
    let mut least = Duration::MAX;
    while begin.elapsed() < Duration::from_millis(150) {
        let start = Instant::now();
        for _ in 0..4 {
            call();
        }
        least = least.min(start.elapsed());
    }
    least.as_secs_f64() / 4.0
}

fn numbers(count: usize) -> Vec<f32> {
    (0..count).map(|i| ((i * 7919) % 1000) as f32 / 500.0 - 1.0).collect()
}

fn available() -> impl Iterator<Item = Routines> {
    let all = Isa::ALL.into_iter().filter(|isa| isa.available() && *isa != Isa::Portable);
    all.map(Routines::of)
}

fn products() {
    // Name, m, n, k, from row to row and from term to term of a, start.
    let shapes = [
        ("forward, a panel of 32", 20, 32, 784, 784, 1, 0),
        ("forward, row-major", 20, 500, 784, 784, 1, 0),
        ("gradient into a panel", 784, 32, 20, 1, 784, 1),
        ("gradient, row-major", 784, 500, 20, 1, 784, 1),
        ("backward on a transposed copy", 20, 784, 500, 500, 1, 0),
        ("few outputs", 600, 10, 784, 784, 1, 0),
        ("few outputs' gradient, transposed", 10, 784, 600, 1, 10, 1),
        ("square", 500, 500, 800, 800, 1, 0),
        ("one row", 1, 1000, 784, 784, 1, 0),
        ("sixteen columns", 50, 16, 500, 500, 1, 0),
    ];
    for routines in available() {
        for (name, m, n, k, a_row, a_step, start) in shapes {
            let (a, b) = (numbers((m * k) as usize), numbers((k * n) as usize));
            let mut c = numbers((m * n) as usize);
            let args = Lanes {
                a: a.as_ptr(),
                b: b.as_ptr(),
                c: c.as_mut_ptr(),
                a_off: null(),
                b_off: null(),
                a_row,
                a_step,
                b_step: n,
                c_row: n,
                m,
                n,
                k,
                start,
                known: std::ptr::null_mut(),
                ahead: 0,
                scale: 1.0,
            };
            // SAFETY: the vectors have the extents of the product.
            let seconds = least(|| unsafe { (routines.products_f32.lanes)(black_box(&args)) });
            report(&routines, &format!("lanes {m}x{k}x{n} {name}"), (2 * m * n * k) as f64, seconds);
        }
        for (m, n, k) in [(600, 10, 784), (20, 784, 500), (20, 10, 500), (1, 784, 1000)] {
            let (a, b) = (numbers((m * k) as usize), numbers((k * n) as usize));
            let mut c = numbers((m * n) as usize);
            let args = Dot {
                a: a.as_ptr(),
                b: b.as_ptr(),
                c: c.as_mut_ptr(),
                a_off: null(),
                b_off: null(),
                outer: 1,
                a_row: k,
                b_row: k,
                c_row: n,
                c_col: 1,
                m,
                n,
                bands: 1,
                b_band: 0,
                c_band: 0,
                ahead: 0,
                k,
                start: ZERO,
                scale: 1.0,
            };
            // SAFETY: the vectors have the extents of the product.
            let seconds = least(|| unsafe { (routines.products_f32.dot)(black_box(&args)) });
            report(&routines, &format!("dot {m}x{k}x{n}"), (2 * m * n * k) as f64, seconds);
        }
    }
}

fn report(routines: &Routines, name: &str, operations: f64, seconds: f64) {
    let rate = operations / seconds / 1e9;
    println!("{:8} {name:55} {:9.1} us {rate:6.1} GFLOP/s", routines.isa.name(), seconds * 1e6);
}

fn strips() {
    let src = numbers(1024);
    for routines in available() {
        let each = |name: String, seconds: f64| {
            println!("{:8} {name:10} {:.3} ns an element", routines.isa.name(), seconds / 1024.0 * 1e9);
        };
        for f in
            [Unary::Exp, Unary::Log1p, Unary::Tanh, Unary::Sigmoid, Unary::Softplus, Unary::Erf, Unary::Sin]
        {
            let strip = routines.functions_f32.unary(f).unwrap().strip;
            let mut dst = src.clone();
            // SAFETY: 1024 elements on both sides.
            let seconds = least(|| unsafe { strip(dst.as_mut_ptr(), black_box(src.as_ptr()), 1024) });
            each(format!("{f:?}"), seconds);
        }
        let (pow, _) = routines.functions_f32.binary(Binary::Pow).unwrap();
        let mut dst = src.clone();
        // SAFETY: 1024 elements in each.
        let seconds = least(|| unsafe { pow(dst.as_mut_ptr(), src.as_ptr(), black_box(src.as_ptr()), 1024) });
        each("Pow".to_owned(), seconds);
        let mut words = vec![0; 1024];
        // SAFETY: room for 1024 words.
        let seconds = least(|| unsafe { (routines.philox)(words.as_mut_ptr(), 1024, black_box(0), 1, 2) });
        each("words".to_owned(), seconds);
    }
}

fn main() {
    products();
    strips();
}
