//! Softmax and log-sum-exp, written out in any way, brought to the one form that is stable.
//!
//! With `u = z - m`, where `m` is the largest z of the row, or 0 where that is infinite, and no
//! gradient passes through it:
//!
//! ```text
//! l = log(sum(exp(u)))     logsumexp(z) = m + l     softmax(z) = exp(u - l)
//! ```
//!
//! The logarithm of the last is `u - l` by the row `log-exp`, so the cost `-log(softmax(z))[y]` never
//! sees a quotient. `m` and `l` stay apart, for in f32 `1000 + 0.6931` has lost the digits that matter.
//! Where a row is nothing but -infinity, so is `l`; it is subtracted as 0 there, and the softmax is 0.
//! The derivative of the logarithm of a sum of exponentials is that same softmax, so they are shared.

use super::{Rewriter, Rule, Subject};
use crate::ir::{Binary, Builder, Compare, NodeId, Reduce, Unary};

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
    Rule {
        name: "log-softmax",
        algebra: "z - (m + log(sum(exp(z - m)))) = (z - m) - log(sum(exp(z - m)))",
        subject: Subject::Stability,
        apply: log_softmax,
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
    // A shift by the maximum itself is made anew. Another one stays, though it changes nothing: a
    // gradient by it is 0, not an error.
    let z = facts.shifted(u).map_or(u, |shift| shift.z);
    let (_, u) = shift(rw, z, &axes);
    let l = log_of_sum(rw, u, &axes);
    let relative = relative(rw, u, l, &axes);
    Some(rw.b.unary(Unary::Exp, relative))
}

fn log_sum_exp(rw: &mut Rewriter, id: NodeId) -> Option<NodeId> {
    let a = rw.facts().unary(id, Unary::Log)?;
    let (views, (_, z, axes)) = rw.through(a, |f, at| f.sum_of_exp(at))?;
    let log = match rw.facts().shifted(z) {
        Some(shifted) if shifted.guarded => return None,
        // Shifted, but -infinity less -infinity is NaN: the same with the guard.
        Some(shifted) => {
            let (_, u) = shift(rw, shifted.z, &axes);
            log_of_sum(rw, u, &axes)
        }
        None => {
            let (m, u) = shift(rw, z, &axes);
            let l = log_of_sum(rw, u, &axes);
            rw.b.add(m, l)
        }
    };
    Some(rw.again(&views, log))
}

fn log_softmax(rw: &mut Rewriter, id: NodeId) -> Option<NodeId> {
    let facts = rw.facts();
    let (z, row) = facts.binary(id, Binary::Sub)?;
    let (total, map) = facts.stretched(row);
    let (first, second) = facts.binary(total, Binary::Add)?;
    let found = [second, first].into_iter().find_map(|l| {
        let (_, u, axes) = facts.sum_of_exp(facts.unary(l, Unary::Log)?)?;
        (facts.shifted(u)?.z == z).then_some((l, u, axes))
    });
    let (l, u, axes) = found?;
    // What is subtracted is a lower bound of `shifted`'s kind, so its other part is that maximum.
    facts.shifted(id)?;
    axes.iter().all(|d| !map.contains(&Some(*d))).then(|| relative(rw, u, l, &axes))
}

/// The finite maximum m along axes, and `z - m`.
fn shift(rw: &mut Rewriter, z: NodeId, axes: &[usize]) -> (NodeId, NodeId) {
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
    (m, b.sub(z, stretched))
}

/// `log(sum(exp(u)))` along axes.
fn log_of_sum(rw: &mut Rewriter, u: NodeId, axes: &[usize]) -> NodeId {
    let e = rw.b.unary(Unary::Exp, u);
    let sum = rw.b.sum(e, axes);
    rw.b.unary(Unary::Log, sum)
}

/// `u - l` along axes.
fn relative(rw: &mut Rewriter, u: NodeId, l: NodeId, axes: &[usize]) -> NodeId {
    let shape = rw.b.shape(u);
    let l = finite_total(&mut rw.b, l);
    let stretched = rw.b.unreduce(l, axes, &shape);
    rw.b.sub(u, stretched)
}

/// The logarithm of a sum of exponentials as it may be subtracted from the exponents: where all of
/// them are -infinity, so is it, and 0 in its place makes `exp(-infinity - 0) = 0`.
pub(crate) fn finite_total(b: &mut Builder, l: NodeId) -> NodeId {
    let lowest = b.fill_like(l, f64::NEG_INFINITY);
    let nothing = b.compare(Compare::Eq, l, lowest);
    let zero = b.fill_like(l, 0.0);
    b.select(nothing, zero, l)
}
