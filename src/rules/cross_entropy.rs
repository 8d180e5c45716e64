//! The written-out cross-entropy of Bernoulli variables.
//!
//! After the logarithm rows, `x*log(sigmoid(a)) + (1-x)*log(1-sigmoid(a))` is a sum of two products of
//! a weight and a softplus. However its signs are written, it has the form
//! `±(v*softplus(s) + w*softplus(t))` with `s = -t` and weights of sum 1, which is
//! `±(softplus(t) - v*t)`, because `softplus(-t) = softplus(t) - t`.

use super::{Facts, Rewriter, Rule, Subject};
use crate::ir::{Binary, NodeId, Unary};

/// The one row.
pub const CROSS_ENTROPY: &[Rule] = &[Rule {
    name: "cross-entropy",
    algebra: "x*log(sigmoid(a)) + (1-x)*log(1-sigmoid(a)) = x*a - softplus(a)",
    subject: Subject::Stability,
    apply: cross_entropy,
}];

/// `±weight * softplus(of)`.
struct Term {
    minus: bool,
    weight: NodeId,
    of: NodeId,
}

fn cross_entropy(rw: &mut Rewriter, id: NodeId) -> Option<NodeId> {
    let facts = rw.facts();
    let (left, right, minus) = match facts.binary(id, Binary::Add) {
        Some((l, r)) => (l, r, false),
        None => facts.binary(id, Binary::Sub).map(|(l, r)| (l, r, true))?,
    };
    let first = term(facts, left, false)?;
    let second = term(facts, right, minus)?;
    if first.minus != second.minus || !facts.opposite(first.of, second.of) {
        return None;
    }
    let rest_of = |rest: NodeId, x: NodeId| {
        facts.binary(rest, Binary::Sub).is_some_and(|(one, y)| y == x && facts.is(one, 1.0))
    };
    let (x, a) = if rest_of(second.weight, first.weight) {
        (first.weight, second.of)
    } else if rest_of(first.weight, second.weight) {
        (second.weight, first.of)
    } else {
        return None;
    };
    let minus = first.minus;
    let product = rw.b.mul(x, a);
    let plus = rw.b.unary(Unary::Softplus, a);
    Some(if minus { rw.b.sub(product, plus) } else { rw.b.sub(plus, product) })
}

/// Reads a product of a weight and a softplus, with signs anywhere.
fn term(facts: Facts<'_>, id: NodeId, minus: bool) -> Option<Term> {
    if let Some(a) = facts.unary(id, Unary::Neg) {
        return term(facts, a, !minus);
    }
    let (a, b) = facts.binary(id, Binary::Mul)?;
    let (a, first) = unsigned(facts, a);
    let (b, second) = unsigned(facts, b);
    let minus = minus ^ first ^ second;
    match (facts.unary(a, Unary::Softplus), facts.unary(b, Unary::Softplus)) {
        (None, Some(of)) => Some(Term { minus, weight: a, of }),
        (Some(of), None) => Some(Term { minus, weight: b, of }),
        (None, None) | (Some(_), Some(_)) => None,
    }
}

/// A node without the signs before it, and whether they are a minus.
fn unsigned(facts: Facts<'_>, id: NodeId) -> (NodeId, bool) {
    match facts.unary(id, Unary::Neg) {
        Some(a) => {
            let (inner, minus) = unsigned(facts, a);
            (inner, !minus)
        }
        None => (id, false),
    }
}
