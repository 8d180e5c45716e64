//! Softmax and log-sum-exp, written out in any way, brought to the one form that is stable.
//!
//! `logsumexp(z) = m + log(sum(exp(z - m)))` with `m` the largest z of the row, through which no
//! gradient passes, or 0 where that is infinite; `softmax(z) = exp(z - logsumexp(z))`. The logarithm of the latter is
//! then the row `log-exp`, so the cost `-log(softmax(z))[y]` never sees a quotient.

use super::{Rewriter, Rule, Subject};
use crate::ir::{Binary, Compare, NodeId, Reduce, Unary};

/// Quotients of exponentials, logarithms of their sums.
pub const SOFTMAX: &[Rule] = &[
    Rule {
        name: "softmax",
        algebra: "exp(z) / sum(exp(z)) = exp(z - logsumexp(z))",
        subject: Subject::Stability,
        apply: softmax,
    },
    Rule {
        name: "logsumexp",
        algebra: "log(sum(exp(z))) = m + log(sum(exp(z - m))), m = max(z)",
        subject: Subject::Stability,
        apply: log_sum_exp,
    },
];

fn softmax(rw: &mut Rewriter, id: NodeId) -> Option<NodeId> {
    let facts = rw.facts();
    let (above, below) = facts.binary(id, Binary::Div)?;
    let u = facts.unary(above, Unary::Exp)?;
    let sum = facts.stretched_reduction(below, Reduce::Sum)?;
    let (_, v, axes) = facts.sum_of_exp(sum)?;
    if u != v {
        return None;
    }
    // Shifting by anything constant along the axes changes nothing: start from what was shifted.
    let z = match facts.binary(u, Binary::Sub) {
        Some((z, row)) if constant_along(rw, row, &axes) => z,
        _ => u,
    };
    let shape = rw.b.shape(z);
    let total = stable_log_sum_exp(rw, z, &axes);
    let total = rw.b.unreduce(total, &axes, &shape);
    let relative = rw.b.sub(z, total);
    Some(rw.b.unary(Unary::Exp, relative))
}

fn log_sum_exp(rw: &mut Rewriter, id: NodeId) -> Option<NodeId> {
    let a = rw.facts().unary(id, Unary::Log)?;
    let (views, (_, z, axes)) = rw.through(a, |f, at| f.sum_of_exp(at))?;
    if rw.facts().shifted(z) {
        return None;
    }
    let total = stable_log_sum_exp(rw, z, &axes);
    Some(rw.again(&views, total))
}

/// Whether a tensor is one value along these axes.
fn constant_along(rw: &Rewriter, row: NodeId, axes: &[usize]) -> bool {
    let (_, map) = rw.facts().stretched(row);
    axes.iter().all(|d| !map.contains(&Some(*d)))
}

/// `m + log(sum(exp(z - m)))` along axes.
fn stable_log_sum_exp(rw: &mut Rewriter, z: NodeId, axes: &[usize]) -> NodeId {
    let b = &mut rw.b;
    let shape = b.shape(z);
    let largest = b.reduce(Reduce::Max, z, axes);
    let largest = b.stop_gradient(largest);
    let size = b.unary(Unary::Abs, largest);
    let limit = b.fill_like(size, f64::INFINITY);
    let finite = b.compare(Compare::Lt, size, limit);
    let zero = b.fill_like(largest, 0.0);
    let m = b.select(finite, largest, zero);
    let stretched = b.unreduce(m, axes, &shape);
    let relative = b.sub(z, stretched);
    let e = b.unary(Unary::Exp, relative);
    let sum = b.sum(e, axes);
    let log = b.unary(Unary::Log, sum);
    b.add(m, log)
}
