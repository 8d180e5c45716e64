//! Neutral elements, signs and powers: exact, but for the sign of a zero in `x + 0`.
//!
//! There is no row for `x * 0`: it is NaN for an infinite x.

use super::{Rewriter, Rule, Subject};
use crate::ir::{Binary, NodeId, Op, Reduce, Unary};

/// The rows.
pub const ALGEBRA: &[Rule] = &[
    Rule { name: "add-zero", algebra: "x + 0 = x", subject: Subject::Algebra, apply: add_zero },
    Rule { name: "sub-zero", algebra: "x - 0 = x", subject: Subject::Algebra, apply: sub_zero },
    Rule { name: "mul-one", algebra: "x * 1 = x", subject: Subject::Algebra, apply: mul_one },
    Rule { name: "mul-minus-one", algebra: "x * -1 = -x", subject: Subject::Algebra, apply: mul_minus_one },
    Rule { name: "div-one", algebra: "x / 1 = x", subject: Subject::Algebra, apply: div_one },
    Rule { name: "neg-neg", algebra: "-(-x) = x", subject: Subject::Algebra, apply: neg_neg },
    Rule { name: "add-neg", algebra: "x + -y = x - y", subject: Subject::Algebra, apply: add_neg },
    Rule { name: "sub-neg", algebra: "x - -y = x + y", subject: Subject::Algebra, apply: sub_neg },
    Rule { name: "sum-neg", algebra: "sum(-x) = -sum(x)", subject: Subject::Algebra, apply: sum_neg },
    Rule { name: "add-twice", algebra: "c*x + c*x = 2c*x", subject: Subject::Algebra, apply: add_twice },
    Rule {
        name: "zero-sign",
        algebra: "t + 0*sign(x) = t, where t is not a number if x is not",
        subject: Subject::Algebra,
        apply: zero_sign,
    },
    Rule { name: "pow-one", algebra: "x^1 = x", subject: Subject::Algebra, apply: pow_one },
    Rule { name: "pow-two", algebra: "x^2 = x * x", subject: Subject::Algebra, apply: pow_two },
    Rule { name: "pow-half", algebra: "x^0.5 = sqrt(x)", subject: Subject::Algebra, apply: pow_half },
    Rule { name: "pow-minus-one", algebra: "x^-1 = 1 / x", subject: Subject::Algebra, apply: pow_minus_one },
];

/// Of a commutative function with a constant of this value: the other operand.
fn beside(rw: &Rewriter, id: NodeId, f: Binary, value: f64) -> Option<NodeId> {
    let facts = rw.facts();
    let (a, b) = facts.binary(id, f)?;
    if facts.is(b, value) { Some(a) } else { facts.is(a, value).then_some(b) }
}

/// The first operand, if the second is a constant of this value.
fn before(rw: &Rewriter, id: NodeId, f: Binary, value: f64) -> Option<NodeId> {
    let facts = rw.facts();
    let (a, b) = facts.binary(id, f)?;
    facts.is(b, value).then_some(a)
}

fn add_zero(rw: &mut Rewriter, id: NodeId) -> Option<NodeId> {
    beside(rw, id, Binary::Add, 0.0)
}

fn sub_zero(rw: &mut Rewriter, id: NodeId) -> Option<NodeId> {
    before(rw, id, Binary::Sub, 0.0)
}

fn mul_one(rw: &mut Rewriter, id: NodeId) -> Option<NodeId> {
    beside(rw, id, Binary::Mul, 1.0)
}

fn mul_minus_one(rw: &mut Rewriter, id: NodeId) -> Option<NodeId> {
    let x = beside(rw, id, Binary::Mul, -1.0)?;
    Some(rw.b.neg(x))
}

fn div_one(rw: &mut Rewriter, id: NodeId) -> Option<NodeId> {
    before(rw, id, Binary::Div, 1.0)
}

fn neg_neg(rw: &mut Rewriter, id: NodeId) -> Option<NodeId> {
    let facts = rw.facts();
    facts.unary(facts.unary(id, Unary::Neg)?, Unary::Neg)
}

fn add_neg(rw: &mut Rewriter, id: NodeId) -> Option<NodeId> {
    let facts = rw.facts();
    let (a, b) = facts.binary(id, Binary::Add)?;
    if let Some(y) = facts.unary(b, Unary::Neg) {
        return Some(rw.b.sub(a, y));
    }
    let y = facts.unary(a, Unary::Neg)?;
    Some(rw.b.sub(b, y))
}

fn sub_neg(rw: &mut Rewriter, id: NodeId) -> Option<NodeId> {
    let facts = rw.facts();
    let (a, b) = facts.binary(id, Binary::Sub)?;
    let y = facts.unary(b, Unary::Neg)?;
    Some(rw.b.add(a, y))
}

fn sum_neg(rw: &mut Rewriter, id: NodeId) -> Option<NodeId> {
    let facts = rw.facts();
    let Op::Reduce { op: Reduce::Sum, axes } = facts.op(id)? else { return None };
    let x = facts.unary(facts.inputs(id)[0], Unary::Neg)?;
    let axes = axes.clone();
    let sum = rw.b.sum(x, &axes);
    Some(rw.b.neg(sum))
}

/// Doubling is exact, so that the factor may be doubled in place of the product.
fn add_twice(rw: &mut Rewriter, id: NodeId) -> Option<NodeId> {
    let facts = rw.facts();
    let (a, b) = facts.binary(id, Binary::Add)?;
    let (c, x) = facts.binary(a, Binary::Mul).filter(|_| a == b)?;
    let (c, x) = if facts.constant(c).is_some() { (c, x) } else { (x, c) };
    let factor = 2.0 * facts.constant(c)?;
    factor.is_finite().then(|| rw.b.with_constant(Binary::Mul, x, factor))
}

/// A penalty of weight 0: the sign is finite wherever x is a number, and elsewhere t says so.
fn zero_sign(rw: &mut Rewriter, id: NodeId) -> Option<NodeId> {
    let facts = rw.facts();
    let (a, b) = facts.binary(id, Binary::Add)?;
    let signed = |m: NodeId| facts.unary(beside(rw, m, Binary::Mul, 0.0)?, Unary::Sign);
    let (t, x) = match (signed(a), signed(b)) {
        (_, Some(x)) => (a, x),
        (Some(x), None) => (b, x),
        (None, None) => return None,
    };
    spoilt_by(rw, t, x).then_some(t)
}

/// Whether a value is not a number where x is not: sums and products hand it on.
fn spoilt_by(rw: &Rewriter, t: NodeId, x: NodeId) -> bool {
    let facts = rw.facts();
    let either = |f| facts.binary(t, f).is_some_and(|(a, b)| spoilt_by(rw, a, x) || spoilt_by(rw, b, x));
    t == x
        || facts.unary(t, Unary::Neg).is_some_and(|t| spoilt_by(rw, t, x))
        || [Binary::Add, Binary::Sub, Binary::Mul].into_iter().any(either)
}

fn pow_one(rw: &mut Rewriter, id: NodeId) -> Option<NodeId> {
    before(rw, id, Binary::Pow, 1.0)
}

fn pow_two(rw: &mut Rewriter, id: NodeId) -> Option<NodeId> {
    let x = before(rw, id, Binary::Pow, 2.0)?;
    Some(rw.b.mul(x, x))
}

fn pow_half(rw: &mut Rewriter, id: NodeId) -> Option<NodeId> {
    let x = before(rw, id, Binary::Pow, 0.5)?;
    rw.b.dtype(x).is_real().then(|| rw.b.unary(Unary::Sqrt, x))
}

fn pow_minus_one(rw: &mut Rewriter, id: NodeId) -> Option<NodeId> {
    let x = before(rw, id, Binary::Pow, -1.0)?;
    rw.b.dtype(x).is_real().then(|| {
        let one = rw.b.fill_like(x, 1.0);
        rw.b.div(one, x)
    })
}
