//! What each statement of a step's kernels takes by itself. What is computed is then wrong.

use crate::ours::Model;
use dlc::cpu::Isa;
use dlc::kernel::{Item, Op, Step, Stmt, print, verify};

/// Chunks of which the fastest counts.
const CHUNKS: usize = 4;

/// Prints microseconds a minibatch of each kernel and each of its statements.
pub fn statements(model: &Model, threads: usize, isa: Isa) {
    let step = &model.compiled.kernels[model.step].step;
    let time = |part: Step| {
        let mut steps = model.steps();
        steps[model.step] = part;
        let mut runner = model.runner(steps, threads, isa);
        runner.own_time = threads == 1;
        (0..CHUNKS).map(|_| runner.calls(model.row.chunk).0).fold(f64::INFINITY, f64::min)
    };
    for (nth, kernel) in step.kernels.iter().enumerate() {
        let mut alone = step.clone();
        // Values that lie in two places by turns need a barrier between calls.
        (alone.opening, alone.order) = (Vec::new(), vec![Item::Kernel(nth), Item::Barrier]);
        if verify::verify(&alone).is_err() {
            println!("{:40} runs inside a loop only", kernel.name);
            continue;
        }
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
            if verify::verify(&part).is_err() {
                continue;
            }
            let text = print::print_statement(step, kernel, stmt);
            println!("  {at:3} {:80.80} {:8.1}", text, time(part));
        }
    }
}
