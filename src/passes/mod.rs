//! The passes over the tensor IR and the order they run in, as readable lists with the reasons.

mod accumulate;
mod drop;
mod last;
mod orient;
mod share;

pub use accumulate::accumulate;
pub use drop::drop_dead;
pub use last::last_of_stacks;
pub use orient::orient;
pub use share::share;

use crate::ir::{Graph, Op};
use crate::rules::{
    Rule, Trace, algebra, cross_entropy, fold, loops, rewrite, scatter, softmax, stability, structure,
};

/// A rewriting of a graph into one that means the same.
#[derive(Clone, Copy)]
pub struct Pass {
    /// Its name, as traces and `--verify` show it.
    pub name: &'static str,
    /// Why it stands where it stands.
    pub why: &'static str,
    /// Runs it and writes down what fired.
    pub run: fn(Graph, &mut Trace) -> Graph,
}

/// Before gradients are made: forms whose derivative is better. No pass here makes a path vanish.
pub const BEFORE_GRADIENT: &[Pass] = &[
    Pass { name: "drop", why: "nothing is worth doing for dead nodes", run: |g, _| drop_dead(g) },
    Pass { name: "share", why: "patterns compare operands by identity", run: |g, _| share(g) },
    Pass {
        name: "views",
        why: "one view between two operations lets patterns see through it",
        run: |g, t| rewrite(g, structure::STRUCTURE, "views", t),
    },
    Pass {
        name: "stabilise",
        why: "the derivative of a stable form is stable; constants are folded only afterwards",
        run: |g, t| rewrite(g, &stable(true), "stabilise", t),
    },
    Pass {
        name: "simplify",
        why: "fewer nodes to differentiate",
        run: |g, t| rewrite(g, &simpler(), "simplify", t),
    },
    Pass { name: "share again", why: "rules emit equal nodes", run: |g, _| share(g) },
    Pass {
        name: "last of stacks",
        why: "the adjoint of a carried value is no stack either",
        run: |g, _| last_of_stacks(g),
    },
];

/// After gradients are made: what they brought, in forms that fuse.
pub const AFTER_GRADIENT: &[Pass] = &[
    Pass { name: "drop", why: "forward values that only gradients of others read", run: |g, _| drop_dead(g) },
    Pass { name: "share", why: "adjoints repeat forward values", run: |g, _| share(g) },
    Pass {
        name: "views",
        why: "adjoints of views stand back to back",
        run: |g, t| rewrite(g, structure::STRUCTURE, "views", t),
    },
    Pass {
        name: "stabilise",
        why: "gradients are written down as well, and costs inside them",
        run: |g, t| rewrite(g, &stable(false), "stabilise", t),
    },
    Pass {
        name: "simplify",
        why: "each sweep starts from a factor of 1; choices may be dropped now that no path can break",
        run: |g, t| rewrite(g, &simpler(), "simplify", t),
    },
    Pass {
        name: "choices",
        why: "no path can break any more",
        run: |g, t| {
            let done = !g.nodes.iter().any(|n| n.op == Op::Grad);
            if done { rewrite(g, structure::CHOICES, "choices", t) } else { g }
        },
    },
    Pass {
        name: "sums of scatters",
        why: "while it can be seen that every value has its place",
        run: |g, t| rewrite(g, scatter::SUMS, "sums of scatters", t),
    },
    Pass {
        name: "scatters",
        why: "a comparison fuses with the rows around it",
        run: |g, t| rewrite(g, scatter::SCATTER, "scatters", t),
    },
    Pass {
        name: "last of stacks",
        why: "all readers are known now, and stacks that only gradients of others read have none",
        run: |g, _| last_of_stacks(g),
    },
    Pass {
        name: "simplify again",
        why: "the last passes left constants and views",
        run: |g, t| rewrite(g, &simpler(), "simplify again", t),
    },
    Pass { name: "share again", why: "rules emit equal nodes", run: |g, _| share(g) },
    Pass {
        name: "accumulate",
        why: "an update is to be its own sum, also where a report has an equal one: nothing is shared later",
        run: accumulate,
    },
    Pass { name: "orient", why: "no rule is to move a view back into a loop", run: orient },
    Pass { name: "drop again", why: "sharing leaves dead ones", run: |g, _| drop_dead(g) },
];

/// Runs passes in order. The observer sees the graph after each, to print or verify it.
pub fn run_pipeline(
    graph: Graph,
    passes: &[Pass],
    mut observer: impl FnMut(&Pass, &Graph),
) -> (Graph, Trace) {
    let mut trace = Trace::default();
    let mut graph = graph;
    for pass in passes {
        graph = everywhere(pass, graph, &mut trace);
        observer(pass, &graph);
    }
    (graph, trace)
}

/// Runs a pass on the bodies of a graph's scans and then on the graph, which looks into them.
fn everywhere(pass: &Pass, graph: Graph, trace: &mut Trace) -> Graph {
    let mut graph = graph;
    for node in &mut graph.nodes {
        if let Op::Scan(scan) = &mut node.op {
            scan.body = everywhere(pass, std::mem::take(&mut scan.body), trace);
        }
    }
    (pass.run)(graph, trace)
}

/// The stability rows; the order is that of preference.
fn stable(before_gradient: bool) -> Vec<Rule> {
    let mut rules = Vec::new();
    rules.extend_from_slice(cross_entropy::CROSS_ENTROPY);
    rules.extend_from_slice(softmax::SOFTMAX);
    rules.extend_from_slice(loops::LOOPS);
    rules.extend_from_slice(stability::LOGARITHMS);
    if before_gradient {
        rules.extend_from_slice(stability::COMPLEMENTS);
    }
    rules.extend_from_slice(stability::EXPONENTIALS);
    // Neutral elements, signs and powers stand between patterns; numbers are not folded yet.
    rules.extend_from_slice(algebra::ALGEBRA);
    rules.extend_from_slice(structure::STRUCTURE);
    rules
}

/// Algebra, constants and views.
fn simpler() -> Vec<Rule> {
    [algebra::ALGEBRA, fold::FOLD, structure::STRUCTURE].concat()
}
