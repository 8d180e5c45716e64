//! A training step of each model beside other libraries' programs of it, in one run: `cargo bench --bench speed`
//!
//! All sides take the same minibatches of MNIST from the same parameters on, those after some minibatches of ours,
//! and compute the same figures at each. They are measured in turn, in rounds; a time is the median of all. The
//! best peer is the fastest form of the fastest library in this run. Rooflines are explained in `models.rs`; the
//! machine's limits are measured here, too.
//!
//! The peers are installed by the command in `peer.rs`, for any Python that `DLC_PEER_PYTHON` names, or not at
//! all; then ours is measured alone. `DLC_BENCH_ONLY=mlp` leaves other models out. `DLC_THREADS=1` sets the threads
//! of both sides; `DLC_THREADS=2,1` measures all with each. `DLC_ISA=avx2` or `portable` sets our instruction set.
//! `DLC_STATEMENTS=1` measures each statement of the steps' kernels instead.

#[path = "../common/mod.rs"]
mod common;
mod measure;
mod models;
mod ours;
mod peer;
mod roofline;
mod statements;

use dlc::cpu::Isa;
use measure::{Measured, Times};
use models::{ROWS, Row};
use ours::Model;
use peer::Peer;
use roofline::Limits;
use std::path::Path;
use std::time::Instant;

/// What is told below the table.
#[derive(Default)]
struct Below {
    sides: Vec<String>,
    first: Vec<String>,
    limits: Vec<String>,
    densities: Vec<String>,
}

fn main() {
    let machine = std::thread::available_parallelism().map_or(1, usize::from);
    let counts = std::env::var("DLC_THREADS").unwrap_or_else(|_| machine.to_string());
    let counts = counts.split(',').map(|count| count.trim().parse().expect("DLC_THREADS has numbers"));
    let isas = isas();
    let began = Instant::now();
    let data = tempfile::tempdir().expect("a folder");
    let python = peer::python();
    if python.is_none() {
        println!("no peers; they are installed by\n    {}", peer::INSTALL);
    }
    for threads in counts {
        let names: Vec<&str> = isas.iter().map(|isa| isa.name()).collect();
        println!("processor {}, {threads} threads, {}", processor(), names.join(" and "));
        table(threads, &isas, python.as_deref(), data.path());
    }
    println!("measured in {:.0} s", began.elapsed().as_secs_f64());
}

/// Our instruction sets: the one that is asked for, else the best, and AVX2 beside a better one.
fn isas() -> Vec<Isa> {
    if let Ok(name) = std::env::var("DLC_ISA") {
        let isa = Isa::ALL.into_iter().find(|isa| isa.name() == name && isa.available());
        return vec![isa.unwrap_or_else(|| panic!("this machine has no {name}"))];
    }
    let best = Isa::best();
    let second = (best == Isa::Avx512).then_some(Isa::Avx2);
    std::iter::once(best).chain(second).collect()
}

fn table(threads: usize, isas: &[Isa], python: Option<&Path>, data: &Path) {
    let only = std::env::var("DLC_BENCH_ONLY").unwrap_or_default();
    let mut limits: Vec<Limits> = isas.iter().map(|isa| Limits::new(*isa, threads)).collect();
    let mut peers: Option<Vec<Peer>> = None;
    let mut below = Below::default();
    for row in ROWS.iter().filter(|row| row.name.contains(&only)) {
        let model = Model::new(row);
        if std::env::var("DLC_STATEMENTS").is_ok() {
            println!("{}", row.name);
            statements::statements(&model, threads, isas[0]);
            continue;
        }
        let peers = peers.get_or_insert_with(|| {
            let peers = python.map_or(Vec::new(), |python| peer::start(python, data, threads));
            println!(
                "{:30} {:>10} {:>30} {:>10} {:>6} {:>10} {:>6} {:>10} {:>5}",
                "model (batch)",
                "dlc, us",
                "best peer",
                "us",
                "ratio",
                "roofline",
                "share",
                "1 thread",
                "gain"
            );
            peers
        });
        let measured = measure::measure(&model, threads, isas, peers, data);
        print(row, &measured, isas, &mut limits, &mut below);
    }
    let Below { sides, first, limits, densities } = below;
    if sides.is_empty() {
        return;
    }
    println!("\nmicroseconds a minibatch, and the mean figure of the first minibatches (*: ours is another)");
    println!("{:24} {:44} {:>10} {:>10} {:>13} {:>10}", "", "", "median", "least", "figure", "compile, s");
    sides.iter().for_each(|line| println!("{line}"));
    println!("\nmilliseconds from text to first step");
    println!("{:24} {:>9} {:>9} {:>9} {:>9} {:>9}", "", "check", "compile", "code", "in all", "the step");
    first.iter().for_each(|line| println!("{line}"));
    println!("\nthe machine's limits, and the share of numbers that are not 0");
    limits.iter().chain(&densities).for_each(|line| println!("{line}"));
}

/// Prints a row's lines of the table, and keeps what stands below it.
fn print(row: &Row, measured: &Measured, isas: &[Isa], limits: &mut [Limits], below: &mut Below) {
    let best = measured.theirs.iter().min_by(|a, b| a.median().total_cmp(&b.median()));
    for ((isa, ours), limits) in isas.iter().zip(&measured.ours).zip(limits) {
        let us = ours.median();
        let name = format!("{} ({})", row.name, row.batch);
        let name = if isas.len() > 1 { format!("{name} {}", isa.name()) } else { name };
        let (who, theirs, ratio) = best.map_or(("", "".to_owned(), "".to_owned()), |best| {
            (&best.who, format!("{:.1}", best.median()), format!("{:.2}", best.median() / us))
        });
        let single = measured.single.as_ref().filter(|_| *isa == isas[0]).map(Times::median);
        let (single, gain) = single.map_or(("".to_owned(), "".to_owned()), |single| {
            (format!("{single:.1}"), format!("{:.2}", single / us))
        });
        let roofline = limits.roofline(&row.work);
        let share = 100.0 * roofline / us;
        println!(
            "{name:30} {us:10.1} {who:>30} {theirs:>10} {ratio:>6} {roofline:10.1} {share:5.0}% {single:>10} {gain:>5}"
        );
        let line = limits.describe(&row.work);
        if !below.limits.contains(&line) {
            below.limits.push(line);
        }
    }
    for side in measured.ours.iter().chain(&measured.single).chain(&measured.theirs) {
        let (who, median, least, figure) = (&side.who, side.median(), side.least(), side.figure);
        let other = side.compiled.is_none() && !row.same_figure;
        let compiled = side.compiled.map_or(String::new(), |s| format!("{s:.1}"));
        let figure = format!("{figure:.5}{}", if other { " *" } else { "" });
        below
            .sides
            .push(format!("{:24} {who:44} {median:10.1} {least:10.1} {figure:>13} {compiled:>10}", row.name));
    }
    let [check, compile, code, step] = measured.first;
    let all = check + compile + code;
    below.first.push(format!("{:24} {check:9.1} {compile:9.1} {code:9.1} {all:9.1} {step:9.1}", row.name));
    below.densities.push(format!("{}, after {} minibatches: {}", row.name, row.before, measured.density));
}

/// The processor's name, where the system tells it.
fn processor() -> String {
    let text = std::fs::read_to_string("/proc/cpuinfo").unwrap_or_default();
    let name = text.lines().find_map(|l| l.strip_prefix("model name")).unwrap_or(": unknown");
    name.trim_start_matches([' ', '\t', ':']).to_owned()
}
