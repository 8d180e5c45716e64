//! The stages below the checked program, in order.

use crate::diag::{Diagnostic, Problems, codes};
use crate::fuse::{self, Fused};
use crate::grad;
use crate::ir::{Graph, Module};
use crate::kernel::{self, schedule::schedule};
use crate::lower;
use crate::passes::{AFTER_GRADIENT, BEFORE_GRADIENT, run_pipeline};
use crate::plan::{self, Plan, layout::arrange};
use crate::program::{Precision, Program};
use crate::rules::Trace;

/// A program as optimised graphs.
#[derive(Debug, Default)]
pub struct Compiled {
    /// The graphs, without a gradient left in them.
    pub module: Module,
    /// Which rule fired where, a trace for each step.
    pub traces: Vec<Trace>,
    /// Each step as kernels.
    pub kernels: Vec<Built>,
}

/// A step's last forms before machine code.
#[derive(Clone, Debug)]
pub struct Built {
    /// Its work, divided.
    pub fused: Fused,
    /// Where its values lie.
    pub plan: Plan,
    /// Its kernels.
    pub step: kernel::Step,
}

/// Is shown a step's graph after each stage and pass: the step's index, the name of the stage
/// (`lowered`, a pass, `gradient`, a pass, `optimised`, `fused`, `planned`, `scheduled`), the graph.
pub type Observer<'a> = &'a mut dyn FnMut(usize, &str, &Graph);

/// Lowers, differentiates and rewrites every step of a program.
pub fn compile(
    program: &Program,
    precision: Precision,
    observer: Observer<'_>,
) -> Result<Compiled, Problems> {
    let mut module = lower::lower(program, precision);
    let mut traces = Vec::new();
    let (mut divided, mut kernels) = (Vec::new(), Vec::new());
    // What is computed before the run may hold gradients, and is as stable as what steps compute.
    let (setup, _) = run_pipeline(std::mem::take(&mut module.setup), BEFORE_GRADIENT, |_, _| {});
    let setup = grad::differentiate(setup).map_err(|e| no_path(&e))?;
    (module.setup, _) = run_pipeline(setup, AFTER_GRADIENT, |_, _| {});
    for (index, step) in module.steps.iter_mut().enumerate() {
        let graph = std::mem::take(step);
        observer(index, "lowered", &graph);
        let (graph, mut trace) =
            run_pipeline(graph, BEFORE_GRADIENT, |pass, g| observer(index, pass.name, g));
        let graph = grad::differentiate(graph).map_err(|e| no_path(&e))?;
        observer(index, "gradient", &graph);
        let (graph, after) = run_pipeline(graph, AFTER_GRADIENT, |pass, g| observer(index, pass.name, g));
        trace.fired.extend(after.fired);
        observer(index, "optimised", &graph);
        *step = graph;
        traces.push(trace);
    }
    // How places are divided, and how they lie, is for all steps to say.
    let lengths = fuse::lengths(&module.steps);
    for (index, graph) in module.steps.iter().enumerate() {
        let fused = fuse::fuse_among(graph, &lengths);
        observer(index, "fused", graph);
        let plan = plan::plan(graph, &fused);
        observer(index, "planned", graph);
        divided.push((fused, plan));
    }
    let with_plans =
        module.steps.iter().zip(&mut divided).map(|(graph, (fused, plan))| (graph, &*fused, plan));
    arrange(&mut with_plans.collect::<Vec<_>>());
    for (index, (graph, (fused, plan))) in module.steps.iter().zip(divided).enumerate() {
        let step = schedule(graph, &fused, &plan);
        observer(index, "scheduled", graph);
        kernels.push(Built { fused, plan, step });
    }
    Ok(Compiled { module, traces, kernels })
}

/// The checker asks for a path first; this is the same answer where rewriting has found out more.
fn no_path(e: &grad::NoPath) -> Problems {
    let name = |p: &grad::Place| p.name.as_deref().unwrap_or(p.op).to_string();
    let mut d =
        Diagnostic::error(codes::NO_PATH, format!("{} does not depend on {}", name(&e.from), name(&e.to)));
    if let Some(span) = e.span {
        d = d.label(span, "the gradient is asked for here");
    }
    vec![d]
}
