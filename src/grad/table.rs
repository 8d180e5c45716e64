//! The derivative table: for each operation, what its operands' adjoints gain from its own.
//!
//! Read an arm as a line of a textbook: `y` is the node's value, `g` its adjoint, `a` and `b` its
//! operands; what is given is `g * dy/da`. When and why a zero times an infinity is taken as zero is
//! said at the head of [`super`].

use super::sweep::Sweep;
use super::{contract, reduce, views, windows};
use crate::ir::{Binary, Compare, NodeId, Op, Reduce, Unary};
use crate::rules::softmax::finite_total;

/// Hands the adjoint `g` of a node on to its operands.
pub(super) fn backward(s: &mut Sweep, y: NodeId, g: NodeId) {
    let op = s.b.graph.op(y).clone();
    let inputs = s.b.graph.inputs(y).to_vec();
    match &op {
        Op::Leaf(_) | Op::Const(_) | Op::Iota { .. } => {}
        Op::Unary(f) => unary(s, *f, y, inputs[0], g),
        Op::Binary(f) => binary(s, *f, y, [inputs[0], inputs[1]], g),
        Op::Compare(_) => {}
        Op::Select => {
            // Where this guard puts 0, what it guards passes 0 on by itself.
            if s.facts().finite_total(y).is_some() {
                return s.give(inputs[2], g);
            }
            let zero = s.b.fill_like(g, 0.0);
            if s.wants(y, 1) {
                let da = s.b.select(inputs[0], g, zero);
                s.give(inputs[1], da);
            }
            if s.wants(y, 2) {
                let db = s.b.select(inputs[0], zero, g);
                s.give(inputs[2], db);
            }
        }
        Op::Cast(_) => {
            if s.wants(y, 0) {
                let dtype = s.b.dtype(inputs[0]);
                let da = s.b.cast(g, dtype);
                s.give(inputs[0], da);
            }
        }
        Op::Transpose { perm } => views::transpose(s, inputs[0], perm, g),
        Op::Broadcast { axes } => views::broadcast(s, inputs[0], axes, g),
        Op::Reshape => views::reshape(s, inputs[0], g),
        Op::Slice { start, stride } => views::slice(s, inputs[0], start, stride, g),
        Op::Pad { low, interior, .. } => views::pad(s, inputs[0], low, interior, g),
        Op::Concat { axis } => views::concat(s, y, &inputs, *axis, g),
        Op::Reverse { axes } => views::reverse(s, inputs[0], axes, g),
        Op::Reduce { op, axes } => match op {
            Reduce::Sum => {
                let shape = s.b.shape(inputs[0]);
                let da = s.b.unreduce(g, axes, &shape);
                s.give(inputs[0], da);
            }
            Reduce::Prod => reduce::product(s, inputs[0], axes, g),
            Reduce::Max | Reduce::Min => reduce::extreme(s, *op, inputs[0], axes, g),
            Reduce::Any | Reduce::All => {}
        },
        Op::ArgReduce { .. } => {}
        Op::Contract(spec) => {
            for which in 0..2 {
                if s.wants(y, which) {
                    let da = contract::adjoint(s.b, spec, [inputs[0], inputs[1]], which, g);
                    s.give(inputs[which], da);
                }
            }
            if let Some(start) = inputs.get(2).filter(|_| s.wants(y, 2)) {
                s.give(*start, g);
            }
        }
        Op::WindowReduce { op, windows } => windows::reduce(s, *op, windows, inputs[0], g),
        Op::WindowSpread { cells, windows } => windows::spread(s, y, *cells, windows, &inputs, g),
        Op::WindowPick { ties, windows } => windows::pick(s, y, *ties, windows, [inputs[0], inputs[1]], g),
        Op::Gather { axes } => views::gather(s, &inputs, axes, g),
        Op::ScatterAdd { axes } => views::scatter_add(s, &inputs, axes, g),
        Op::Result(at) => s.give_result(inputs[0], *at, g),
        Op::Scan(_) => unreachable!("a scan has results, not a value"),
        Op::RandomBits { .. } | Op::StopGradient => {}
        Op::Grad => panic!("inner gradients are differentiated first"),
    }
}

/// Functions of one operand.
fn unary(s: &mut Sweep, f: Unary, y: NodeId, a: NodeId, g: NodeId) {
    let da = match f {
        Unary::Neg => s.b.neg(g),
        Unary::Abs => {
            let sign = s.b.unary(Unary::Sign, a);
            s.b.mul(g, sign)
        }
        Unary::Sign | Unary::Floor | Unary::Round => return,
        Unary::Exp => {
            let v = s.b.mul(g, y);
            if s.facts().at_most_zero(a) { v } else { s.zero_times_if_chosen(g, v) }
        }
        Unary::Log => return log(s, y, a, g),
        Unary::Log1p => {
            let one_more = s.b.with_constant(Binary::Add, a, 1.0);
            let v = s.b.div(g, one_more);
            s.zero_times_if_chosen(g, v)
        }
        Unary::Expm1 => {
            let e = s.b.unary(Unary::Exp, a);
            let v = s.b.mul(g, e);
            s.zero_times_if_chosen(g, v)
        }
        Unary::Sqrt => {
            let half = s.b.with_constant(Binary::Mul, g, 0.5);
            let v = s.b.div(half, y);
            vanishing_base(s, a, g, v)
        }
        Unary::Tanh => {
            let square = s.b.mul(y, y);
            let one = s.b.fill_like(y, 1.0);
            let slope = s.b.sub(one, square);
            s.b.mul(g, slope)
        }
        Unary::Sigmoid => {
            let one = s.b.fill_like(y, 1.0);
            let rest = s.b.sub(one, y);
            let slope = s.b.mul(y, rest);
            s.b.mul(g, slope)
        }
        Unary::Softplus => {
            let slope = s.b.unary(Unary::Sigmoid, a);
            s.b.mul(g, slope)
        }
        Unary::Relu => {
            let zero = s.b.fill_like(a, 0.0);
            let positive = s.b.compare(Compare::Gt, a, zero);
            s.b.select(positive, g, zero)
        }
        Unary::Erf => {
            let square = s.b.mul(a, a);
            let minus = s.b.neg(square);
            let e = s.b.unary(Unary::Exp, minus);
            let slope = s.b.with_constant(Binary::Mul, e, std::f64::consts::FRAC_2_SQRT_PI);
            s.b.mul(g, slope)
        }
        Unary::Sin => {
            let slope = s.b.unary(Unary::Cos, a);
            s.b.mul(g, slope)
        }
        Unary::Cos => {
            let sin = s.b.unary(Unary::Sin, a);
            let v = s.b.mul(g, sin);
            s.b.neg(v)
        }
        Unary::Not => return,
    };
    s.give(a, da);
}

/// `g / a`; but of a sum of exponentials, in one step to their operand: `g * exp(u - y)`.
fn log(s: &mut Sweep, y: NodeId, a: NodeId, g: NodeId) {
    let exponent = s.facts().sum_of_exp(a);
    if let Some((e, u, axes)) = exponent
        && !s.is_wrt(a)
        && !s.is_wrt(e)
        && s.wants(e, 0)
    {
        let shape = s.b.shape(u);
        let total = finite_total(s.b, y);
        let total = s.b.unreduce(total, &axes, &shape);
        let relative = s.b.sub(u, total);
        let share = s.b.unary(Unary::Exp, relative);
        let g = s.b.unreduce(g, &axes, &shape);
        let du = s.b.mul(g, share);
        return s.give(u, du);
    }
    let v = s.b.div(g, a);
    let da = s.zero_times_if_chosen(g, v);
    s.give(a, da);
}

/// `v = g * dy/da` of a root or power of `a`: 0 where `a` is 0, if `a` is never negative and smooth (its
/// own derivative is 0 there); else with 0 times infinity as 0.
fn vanishing_base(s: &mut Sweep, a: NodeId, g: NodeId, v: NodeId) -> NodeId {
    if s.facts().positive(a) {
        return v;
    }
    if s.facts().smooth_and_never_negative(a) {
        let zero = s.b.fill_like(a, 0.0);
        let nought = s.b.compare(Compare::Eq, a, zero);
        return s.b.select(nought, zero, v);
    }
    s.zero_times(g, v)
}

/// Functions of two operands.
fn binary(s: &mut Sweep, f: Binary, y: NodeId, [a, b]: [NodeId; 2], g: NodeId) {
    match f {
        Binary::Add => {
            if s.wants(y, 0) {
                s.give(a, g);
            }
            if s.wants(y, 1) {
                s.give(b, g);
            }
        }
        Binary::Sub => {
            if s.wants(y, 0) {
                s.give(a, g);
            }
            if s.wants(y, 1) {
                let db = s.b.neg(g);
                s.give(b, db);
            }
        }
        Binary::Mul => {
            for (k, this, other) in [(0, a, b), (1, b, a)] {
                if s.wants(y, k) {
                    let v = s.b.mul(g, other);
                    let hidden = s.choice() && s.facts().may_be_infinite(other);
                    let d = if hidden { s.zero_times(g, v) } else { v };
                    s.give(this, d);
                }
            }
        }
        Binary::Div => {
            let v = s.b.div(g, b);
            let safe = s.facts().constant(b).is_some_and(|c| c != 0.0);
            let da = if safe { v } else { s.zero_times_if_chosen(g, v) };
            if s.wants(y, 0) {
                s.give(a, da);
            }
            if s.wants(y, 1) {
                let v = s.b.mul(da, y);
                let v = s.zero_times_if_chosen(g, v);
                let db = s.b.neg(v);
                s.give(b, db);
            }
        }
        // Constant between the jumps.
        Binary::FloorDiv => {}
        Binary::Mod => {
            if s.wants(y, 0) {
                s.give(a, g);
            }
            if s.wants(y, 1) {
                let whole = s.b.binary(Binary::FloorDiv, a, b);
                let v = s.b.mul(g, whole);
                let db = s.b.neg(v);
                s.give(b, db);
            }
        }
        Binary::Pow => pow(s, y, [a, b], g),
        Binary::Max | Binary::Min => {
            let first = if f == Binary::Max { Compare::Ge } else { Compare::Le };
            let first = s.b.compare(first, a, b);
            let zero = s.b.fill_like(g, 0.0);
            if s.wants(y, 0) {
                let da = s.b.select(first, g, zero);
                s.give(a, da);
            }
            if s.wants(y, 1) {
                let db = s.b.select(first, zero, g);
                s.give(b, db);
            }
        }
        Binary::And | Binary::Or | Binary::ShiftRight | Binary::MulHigh => {}
    }
}

/// `d/da = b * a^(b-1)`, which for `b = 0` is 0; `d/db = a^b * log(a)`, which for `a = 0` is 0.
fn pow(s: &mut Sweep, y: NodeId, [a, b]: [NodeId; 2], g: NodeId) {
    let exponent = s.facts().constant(b);
    if s.wants(y, 0) {
        match exponent {
            Some(0.0) => {}
            Some(1.0) => s.give(a, g),
            Some(c) => {
                let power = if c == 2.0 { a } else { s.b.with_constant(Binary::Pow, a, c - 1.0) };
                let slope = s.b.with_constant(Binary::Mul, power, c);
                let v = s.b.mul(g, slope);
                let da = if c > 1.0 { s.zero_times_if_chosen(g, v) } else { vanishing_base(s, a, g, v) };
                s.give(a, da);
            }
            None => {
                let less = s.b.with_constant(Binary::Sub, b, 1.0);
                let power = s.b.binary(Binary::Pow, a, less);
                let slope = s.b.mul(b, power);
                let zero = s.b.fill_like(b, 0.0);
                let constant = s.b.compare(Compare::Eq, b, zero);
                let slope = s.b.select(constant, zero, slope);
                let v = s.b.mul(g, slope);
                let da = vanishing_base(s, a, g, v);
                s.give(a, da);
            }
        }
    }
    if s.wants(y, 1) {
        let log = s.b.unary(Unary::Log, a);
        let slope = s.b.mul(y, log);
        let zero = s.b.fill_like(a, 0.0);
        let nought = s.b.compare(Compare::Eq, a, zero);
        let slope = s.b.select(nought, zero, slope);
        let v = s.b.mul(g, slope);
        let db = s.zero_times_if_chosen(g, v);
        s.give(b, db);
    }
}
