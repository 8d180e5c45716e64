//! A training step beside JAX's, in one run: microseconds a minibatch, median of epochs done in turn.
//! `cargo bench --bench speed`; the peer is found by `DLC_PEER_PYTHON`, a Python that has JAX. Without it
//! `dlc` is measured alone. `DLC_STATEMENTS=1` measures each statement of the steps' kernels instead.
//! `DLC_BENCH_ONLY=mlp` leaves the other models out, `DLC_THREADS=1` sets threads.

use dlc::check::{self, Files, Settings};
use dlc::cpu::Isa;
use dlc::diag::Diagnostic;
use dlc::ir::DType;
use dlc::kernel::{Item, Op, Step, Stmt, print};
use dlc::program::{Precision, RawSource};
use dlc::runtime::{Arg, CompiledDevice, Device, Entry, prepare, raw_shape};
use dlc::source::SourceMap;
use std::io::{BufRead, BufReader, Write};
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdin, ChildStdout, Command, Stdio};
use std::time::Instant;

/// Rounds of both sides in turn, and epochs in each.
const ROUNDS: usize = 3;

/// Files beside the program.
struct Beside(PathBuf);

impl Files for Beside {
    fn shape(&self, source: &RawSource) -> Result<Vec<usize>, Diagnostic> {
        raw_shape(source, &self.0)
    }
}

/// JAX in a process of its own.
struct Peer {
    child: Child,
    ask: ChildStdin,
    answers: BufReader<ChildStdout>,
}

impl Peer {
    fn start(x: &Path, y: &Path) -> Option<Peer> {
        let python = std::env::var("DLC_PEER_PYTHON").ok()?;
        let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("benches/peers/jax_scan.py");
        let mut child = Command::new(python)
            .arg(script)
            .args([x, y])
            .env("JAX_PLATFORMS", "cpu")
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .ok()?;
        let ask = child.stdin.take()?;
        let answers = BufReader::new(child.stdout.take()?);
        Some(Peer { child, ask, answers })
    }

    /// Microseconds a minibatch of each epoch.
    fn epochs(&mut self, model: &str, count: usize) -> Vec<f64> {
        writeln!(self.ask, "{model} {count}").expect("the peer listens");
        let mut found = Vec::new();
        for line in (&mut self.answers).lines() {
            let line = line.expect("the peer answers");
            let words: Vec<&str> = line.split_whitespace().collect();
            match words[..] {
                ["epoch", us, _] => found.push(us.parse().expect("a number")),
                ["done"] => break,
                _ => {}
            }
        }
        found
    }
}

impl Drop for Peer {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

fn median(mut times: Vec<f64>) -> f64 {
    times.sort_by(f64::total_cmp);
    times.get(times.len() / 2).copied().unwrap_or(f64::NAN)
}

fn main() {
    let threads = std::env::var("DLC_THREADS").ok().and_then(|t| t.parse().ok());
    let threads = threads.unwrap_or_else(|| std::thread::available_parallelism().map_or(1, usize::from));
    let isa = Isa::best();
    let only = std::env::var("DLC_BENCH_ONLY").unwrap_or_default();
    println!("processor {}, {threads} threads, {}", processor(), isa.name());
    println!("{:20} {:>6} {:>10} {:>10} {:>7}", "model", "batch", "dlc, us", "JAX, us", "ratio");
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("models");
    let data = tempfile::tempdir().expect("a folder");
    let mut peer: Option<Peer> = None;
    for (model, batch) in [("logistic_regression", 600), ("mlp", 20)] {
        if !model.contains(&only) {
            continue;
        }
        let path = folder.join(format!("{model}.dl"));
        let text = std::fs::read_to_string(&path).expect("a model's text");
        let mut sources = SourceMap::default();
        let source = sources.add(path.display().to_string(), Some(path.clone()), text);
        let files = Beside(folder.clone());
        let checked = check::check(&path, &source, &Settings::default(), &mut sources, &files);
        let Ok((program, _)) = checked else { panic!("{model} does not check") };
        let compiled = dlc::compile(&program, Precision::F32, &mut |_, _, _| {}).expect("it compiles");
        let Ok(ready) = prepare(&program, &compiled.module, &folder) else { panic!("no data") };
        let module = &compiled.module;
        let of = |dtype: DType, rank: usize| {
            let fits = |r: &dlc::ir::ResidentDecl| {
                r.ty.dtype == dtype && r.ty.rank() == rank && r.ty.shape[0] == 50_000
            };
            module.residents.iter().position(fits).expect("the training split")
        };
        let (x, y) = (of(DType::F32, 2), of(DType::I32, 1));
        let step = program.steps.iter().position(|s| s.name == "learn").expect("the step");
        if peer.is_none() {
            let (x_file, y_file) = (data.path().join("x"), data.path().join("y"));
            let bytes = |values: Vec<[u8; 4]>| values.concat();
            let images = ready.residents[x].as_f64s().iter().map(|v| (*v as f32).to_ne_bytes()).collect();
            let labels = ready.residents[y].as_f64s().iter().map(|v| (*v as i32).to_ne_bytes()).collect();
            std::fs::write(&x_file, bytes(images)).expect("room for the data");
            std::fs::write(&y_file, bytes(labels)).expect("room for the data");
            peer = Peer::start(&x_file, &y_file);
        }
        let steps = compiled.kernels.iter().map(|b| b.step.clone()).collect();
        let mut device = CompiledDevice::new(module, steps, ready, threads, isa);
        let calls = 50_000 / batch;
        let mut next = 0;
        let mut epoch = |device: &mut CompiledDevice<'_>| {
            let args = vec![
                Arg::Batch { resident: x, start: 0, size: batch },
                Arg::Batch { resident: y, start: 0, size: batch },
            ];
            let entry = Entry { step, first: next, count: calls, run: next, args };
            next += calls as u64;
            let began = now(threads);
            let ran = device.run(&[entry]);
            let seconds = now(threads) - began;
            assert!(ran.fault.is_none() && ran.reports.len() == calls);
            seconds / calls as f64 * 1e6
        };
        epoch(&mut device);
        if std::env::var("DLC_STATEMENTS").is_ok() {
            statements(&compiled.kernels[step].step, &mut |part| {
                let Ok(ready) = prepare(&program, module, &folder) else { panic!("no data") };
                let mut steps: Vec<Step> = compiled.kernels.iter().map(|b| b.step.clone()).collect();
                steps[step] = part;
                let mut device = CompiledDevice::new(module, steps, ready, threads, isa);
                (0..4).map(|_| epoch(&mut device)).fold(f64::INFINITY, f64::min)
            });
            continue;
        }
        let (mut ours, mut theirs) = (Vec::new(), Vec::new());
        let epochs = if batch > 100 { 10 } else { 2 };
        for _ in 0..ROUNDS {
            ours.extend((0..epochs).map(|_| epoch(&mut device)));
            if let Some(peer) = &mut peer {
                theirs.extend(peer.epochs(model, epochs));
            }
        }
        let least = ours.iter().copied().fold(f64::INFINITY, f64::min);
        let (ours, theirs) = (median(ours), median(theirs));
        println!("{model:20} {batch:6} {ours:10.1} {theirs:10.1} {:7.2}   (least {least:.1})", theirs / ours);
    }
    if peer.is_none() {
        println!("no peer: python3 -m venv peers && peers/bin/pip install jax==0.10.2 numpy");
        println!("then DLC_PEER_PYTHON=peers/bin/python cargo bench --bench speed");
    }
}

/// What each statement of each kernel takes by itself: microseconds a minibatch. Values are then wrong.
fn statements(step: &Step, time: &mut dyn FnMut(Step) -> f64) {
    for (nth, kernel) in step.kernels.iter().enumerate() {
        let mut alone = step.clone();
        alone.order = vec![Item::Kernel(nth)];
        println!("{:40} {:8.1}", kernel.name, time(alone.clone()));
        for (at, stmt) in kernel.body.iter().enumerate() {
            if matches!(
                stmt,
                Stmt::Let { op: Op::Const(_) | Op::Index(_) | Op::Binary(..) | Op::Unary(..), .. }
            ) {
                continue;
            }
            let mut part = alone.clone();
            // Values that other statements use stay.
            part.kernels[nth]
                .body
                .retain(|s| *s == *stmt || matches!(s, Stmt::Let { op, .. } if !matches!(op, Op::Fold(_))));
            if dlc::kernel::verify::verify(&part).is_err() {
                continue;
            }
            let text = print::print_statement(step, kernel, stmt);
            println!("  {at:3} {:80.80} {:8.1}", text, time(part));
        }
    }
}

/// Seconds: of one thread's work where there is one and the system counts that (others may hold the processor
/// meanwhile), else of the clock.
fn now(threads: usize) -> f64 {
    static BEGIN: std::sync::OnceLock<Instant> = std::sync::OnceLock::new();
    let spent = std::fs::read_to_string("/proc/thread-self/schedstat").ok();
    let spent = spent.and_then(|t| t.split_whitespace().next()?.parse::<f64>().ok());
    match spent.filter(|_| threads == 1) {
        Some(nanoseconds) => nanoseconds * 1e-9,
        None => BEGIN.get_or_init(Instant::now).elapsed().as_secs_f64(),
    }
}

/// The processor's name, where the system tells it.
fn processor() -> String {
    let text = std::fs::read_to_string("/proc/cpuinfo").unwrap_or_default();
    let name = text.lines().find_map(|l| l.strip_prefix("model name")).unwrap_or(": unknown");
    name.trim_start_matches([' ', '\t', ':']).to_owned()
}
