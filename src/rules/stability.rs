//! Logarithms and exponentials that would overflow or cancel.
//!
//! The rows of [`LOGARITHMS`] see through views: the logarithm of a transposed, sliced or gathered
//! sigmoid is the same view of the stable form.

use super::{Facts, Rewriter, Rule, Subject};
use crate::ir::{Binary, NodeId, Unary};

/// Logarithms of what has a stable logarithm.
pub const LOGARITHMS: &[Rule] = &[
    Rule { name: "log-exp", algebra: "log(exp(u)) = u", subject: Subject::Stability, apply: log_exp },
    Rule {
        name: "log-sigmoid",
        algebra: "log(sigmoid(x)) = -softplus(-x)",
        subject: Subject::Stability,
        apply: log_sigmoid,
    },
    Rule {
        name: "log-one-minus-sigmoid",
        algebra: "log(1 - sigmoid(x)) = -softplus(x)",
        subject: Subject::Stability,
        apply: log_one_minus_sigmoid,
    },
    Rule {
        name: "softplus",
        algebra: "log(1 + exp(x)) = log1p(exp(x)) = softplus(x)",
        subject: Subject::Stability,
        apply: softplus,
    },
    Rule {
        name: "log1p",
        algebra: "log(1 + x) = log1p(x), log(1 - x) = log1p(-x)",
        subject: Subject::Stability,
        apply: log1p,
    },
];

/// Exponentials that cancel or overflow; the square root of a square.
pub const EXPONENTIALS: &[Rule] = &[
    Rule {
        name: "sigmoid",
        algebra: "1 / (1 + exp(-x)) = sigmoid(x), exp(x) / (1 + exp(x)) = sigmoid(x)",
        subject: Subject::Stability,
        apply: sigmoid,
    },
    Rule { name: "expm1", algebra: "exp(x) - 1 = expm1(x)", subject: Subject::Stability, apply: expm1 },
    Rule {
        name: "sqrt-square",
        algebra: "sqrt(x * x) = |x|",
        subject: Subject::Stability,
        apply: sqrt_square,
    },
    Rule {
        name: "square-sqrt",
        algebra: "sqrt(x) * sqrt(x) = x, where x is never negative by its form",
        subject: Subject::Stability,
        apply: square_sqrt,
    },
];

/// The complement of a sigmoid, which near 1 keeps no digits. Before differentiation only: in the
/// derivative `s * (1 - s)` it would buy a second exponential for nothing.
pub const COMPLEMENTS: &[Rule] = &[Rule {
    name: "one-minus-sigmoid",
    algebra: "1 - sigmoid(x) = sigmoid(-x)",
    subject: Subject::Stability,
    apply: one_minus_sigmoid,
}];

fn log_exp(rw: &mut Rewriter, id: NodeId) -> Option<NodeId> {
    let a = rw.facts().unary(id, Unary::Log)?;
    let (views, u) = rw.through(a, |f, at| f.unary(at, Unary::Exp))?;
    Some(rw.again(&views, u))
}

fn log_sigmoid(rw: &mut Rewriter, id: NodeId) -> Option<NodeId> {
    let a = rw.facts().unary(id, Unary::Log)?;
    let (views, x) = rw.through(a, |f, at| f.unary(at, Unary::Sigmoid))?;
    Some(rw.each(&views, x, |rw, x| {
        let minus = negative(rw, x);
        let plus = rw.b.unary(Unary::Softplus, minus);
        rw.b.neg(plus)
    }))
}

fn log_one_minus_sigmoid(rw: &mut Rewriter, id: NodeId) -> Option<NodeId> {
    let a = rw.facts().unary(id, Unary::Log)?;
    let (outside, (inside, x)) = rw.through(a, |f, at| {
        let s = one_minus(f, at)?;
        f.through(s, |f, at| f.unary(at, Unary::Sigmoid))
    })?;
    Some(rw.each(&[outside, inside].concat(), x, |rw, x| {
        let plus = rw.b.unary(Unary::Softplus, x);
        rw.b.neg(plus)
    }))
}

fn softplus(rw: &mut Rewriter, id: NodeId) -> Option<NodeId> {
    let facts = rw.facts();
    let exp = |f: Facts<'_>, at| f.through(at, |f, at| f.unary(at, Unary::Exp));
    let (views, x) = match facts.unary(id, Unary::Log1p) {
        Some(a) => exp(facts, a)?,
        None => {
            let a = facts.unary(id, Unary::Log)?;
            let (outside, (inside, x)) = facts.through(a, |f, at| exp(f, one_plus(f, at)?))?;
            ([outside, inside].concat(), x)
        }
    };
    Some(rw.each(&views, x, |rw, x| rw.b.unary(Unary::Softplus, x)))
}

fn log1p(rw: &mut Rewriter, id: NodeId) -> Option<NodeId> {
    let a = rw.facts().unary(id, Unary::Log)?;
    let found = rw.through(a, |f, at| {
        one_plus(f, at).map(|x| (x, false)).or_else(|| one_minus(f, at).map(|x| (x, true)))
    });
    let (views, (x, minus)) = found?;
    let x = if minus { negative(rw, x) } else { x };
    let log = rw.b.unary(Unary::Log1p, x);
    Some(rw.again(&views, log))
}

fn one_minus_sigmoid(rw: &mut Rewriter, id: NodeId) -> Option<NodeId> {
    let x = rw.facts().unary(one_minus(rw.facts(), id)?, Unary::Sigmoid)?;
    let minus = negative(rw, x);
    Some(rw.b.unary(Unary::Sigmoid, minus))
}

fn sigmoid(rw: &mut Rewriter, id: NodeId) -> Option<NodeId> {
    let facts = rw.facts();
    let (above, below) = facts.binary(id, Binary::Div)?;
    let e = one_plus(facts, below)?;
    let t = facts.unary(e, Unary::Exp)?;
    if facts.is(above, 1.0) {
        let x = negative(rw, t);
        return Some(rw.b.unary(Unary::Sigmoid, x));
    }
    (facts.unary(above, Unary::Exp) == Some(t)).then(|| rw.b.unary(Unary::Sigmoid, t))
}

fn expm1(rw: &mut Rewriter, id: NodeId) -> Option<NodeId> {
    let facts = rw.facts();
    let e = match facts.binary(id, Binary::Sub) {
        Some((e, one)) => facts.is(one, 1.0).then_some(e)?,
        None => {
            let (a, b) = facts.binary(id, Binary::Add)?;
            if facts.is(b, -1.0) { a } else { facts.is(a, -1.0).then_some(b)? }
        }
    };
    let (views, x) = rw.through(e, |f, at| f.unary(at, Unary::Exp))?;
    let less = rw.b.unary(Unary::Expm1, x);
    Some(rw.again(&views, less))
}

fn sqrt_square(rw: &mut Rewriter, id: NodeId) -> Option<NodeId> {
    let facts = rw.facts();
    let (x, other) = facts.binary(facts.unary(id, Unary::Sqrt)?, Binary::Mul)?;
    (x == other).then(|| rw.b.unary(Unary::Abs, x))
}

fn square_sqrt(rw: &mut Rewriter, id: NodeId) -> Option<NodeId> {
    let facts = rw.facts();
    let (root, other) = facts.binary(id, Binary::Mul)?;
    let x = facts.unary(root, Unary::Sqrt)?;
    (facts.unary(other, Unary::Sqrt) == Some(x) && facts.smooth_and_never_negative(x)).then_some(x)
}

/// x of `1 + x` and `x + 1`.
pub(super) fn one_plus(facts: Facts<'_>, id: NodeId) -> Option<NodeId> {
    let (a, b) = facts.binary(id, Binary::Add)?;
    if facts.is(a, 1.0) { Some(b) } else { facts.is(b, 1.0).then_some(a) }
}

/// x of `1 - x`.
pub(super) fn one_minus(facts: Facts<'_>, id: NodeId) -> Option<NodeId> {
    let (one, x) = facts.binary(id, Binary::Sub)?;
    facts.is(one, 1.0).then_some(x)
}

/// -x, which of -y is y.
pub(super) fn negative(rw: &mut Rewriter, x: NodeId) -> NodeId {
    match rw.facts().unary(x, Unary::Neg) {
        Some(y) => y,
        None => rw.b.neg(x),
    }
}
