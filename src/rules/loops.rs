//! Logarithms of what a loop gives.
//!
//! The body of a loop is a graph of its own, in which no pattern of the graph around it ends. Where a
//! logarithm is taken of a result that the body ends with a sigmoid or an exponential, the loop gives what
//! that is of, and the function is taken outside, element by element as before: there the rows of
//! [`super::stability`] see it. A result that is still read otherwise stays.

use super::rewriter::{live, with_respect_to};
use super::stability::{one_minus, one_plus};
use super::{Facts, Rewriter, Rule, Subject};
use crate::ir::{Builder, Node, NodeId, Op, Report, Scan, Type, Unary};

/// The one row.
pub const LOOPS: &[Rule] = &[Rule {
    name: "log-of-loop",
    algebra: "log(loop giving f(u)) = log(f(loop giving u)), where f = sigmoid, exp",
    subject: Subject::Stability,
    apply: log_of_loop,
}];

/// How a logarithm reads a loop's result: through views, then perhaps `1 - x` or `1 + x` and more views.
struct Read {
    /// The views between the logarithm and the sum, outermost first.
    outside: Vec<NodeId>,
    /// `1 - x` or `1 + x`.
    sum: Option<NodeId>,
    /// The views of the result.
    inside: Vec<NodeId>,
    /// The result.
    result: NodeId,
    /// The functions that are worth bringing out.
    wanted: &'static [Unary],
}

fn log_of_loop(rw: &mut Rewriter, id: NodeId) -> Option<NodeId> {
    let facts = rw.facts();
    let (log, a) = match facts.op(id)? {
        Op::Unary(log @ (Unary::Log | Unary::Log1p)) => (*log, facts.inputs(id)[0]),
        _ => return None,
    };
    let read = read(facts, a, log)?;
    let (function, u) = bring_out(&mut rw.b, read.result, read.wanted)?;
    let u = rw.b.unary(function, u);
    let mut x = rw.again(&read.inside, u);
    if let Some(sum) = read.sum {
        let Node { op, mut inputs, ty, .. } = rw.b.graph.node(sum).clone();
        let of = one_minus(rw.facts(), sum).or_else(|| one_plus(rw.facts(), sum));
        inputs.iter_mut().filter(|i| Some(**i) == of).for_each(|i| *i = x);
        x = rw.b.push(op, inputs, ty);
    }
    let x = rw.again(&read.outside, x);
    Some(rw.b.unary(log, x))
}

fn read(facts: Facts<'_>, a: NodeId, log: Unary) -> Option<Read> {
    if let Some((inside, result)) = facts.through(a, result) {
        let both: &[Unary] = &[Unary::Exp, Unary::Sigmoid];
        let wanted = if log == Unary::Log { both } else { &both[..1] };
        return Some(Read { outside: Vec::new(), sum: None, inside, result, wanted });
    }
    if log == Unary::Log1p {
        return None;
    }
    let (outside, (sum, inside, result, wanted)) = facts.through(a, |f, sum| {
        let (x, wanted) = match one_minus(f, sum) {
            Some(x) => (x, [Unary::Sigmoid].as_slice()),
            None => (one_plus(f, sum)?, [Unary::Exp].as_slice()),
        };
        f.through(x, result).map(|(inside, result)| (sum, inside, result, wanted))
    })?;
    Some(Read { outside, sum: Some(sum), inside, result, wanted })
}

/// If a result of a loop is one of these functions of something in every turn: the function, and the node of
/// that something, which the loop gives from now on.
fn bring_out(b: &mut Builder, result: NodeId, wanted: &[Unary]) -> Option<(Unary, NodeId)> {
    let Op::Result(at) = *b.graph.op(result) else { return None };
    let scan = b.graph.inputs(result)[0];
    let Op::Scan(of) = b.graph.op(scan) else { return None };
    // Without a turn a carried value is what it starts from.
    if of.turns == 0 {
        return None;
    }
    let mut of = of.clone();
    let mut body = Builder::resume(std::mem::take(&mut of.body));
    let (function, u) = operand(&mut body, at, wanted)?;
    of.body = body.graph;
    let (turns, carried, reverse) = (of.turns, of.carried, of.reverse);
    let stack = stack_of(&mut of, u, at);
    b.graph.nodes[scan.index()].op = Op::Scan(of);
    let ty = b.ty(result).clone();
    if at >= carried {
        return Some((function, shared(b, Op::Result(stack), vec![scan], ty)));
    }
    // What was carried out of the loop is that of the turn taken last.
    let all = b.result(scan, stack);
    let last = if reverse { 0 } else { turns - 1 };
    let last = b.slice_axis(all, 0, last, last + 1);
    Some((function, b.reshape(last, &ty.shape)))
}

/// The position of the stack of a value of the body, in place of which result `at` was given.
fn stack_of(scan: &mut Scan, value: NodeId, at: usize) -> usize {
    let stacks = scan.carried..scan.body.reports.len();
    stacks.clone().find(|r| scan.body.reports[*r].value == value).unwrap_or_else(|| {
        let Report { name, span, .. } = scan.body.reports[at].clone();
        scan.body.reports.push(Report { name: format!("operand of {name}").into(), value, span });
        stacks.end
    })
}

/// The function that a body's result is, and the node it is a function of, looking through views and into
/// loops inside.
fn operand(body: &mut Builder, at: usize, wanted: &[Unary]) -> Option<(Unary, NodeId)> {
    let opaque = with_respect_to(&body.graph, &live(&body.graph));
    let facts = Facts::new(&body.graph, &opaque);
    let value = body.graph.reports[at].value;
    let function = |f: Facts<'_>, at| wanted.iter().find_map(|w| f.unary(at, *w).map(|u| (*w, u)));
    let (views, (function, u)) = match facts.through(value, function) {
        Some(found) => found,
        None => {
            let (views, result) = facts.through(value, result)?;
            (views, bring_out(body, result, wanted)?)
        }
    };
    let view = |of, view: &NodeId| {
        let Node { op, mut inputs, ty, .. } = body.graph.node(*view).clone();
        inputs[0] = of;
        shared(body, op, inputs, ty)
    };
    Some((function, views.iter().rev().fold(u, view)))
}

/// A node that is a loop's result.
fn result(facts: Facts<'_>, id: NodeId) -> Option<NodeId> {
    matches!(facts.op(id), Some(Op::Result(_))).then_some(id)
}

/// The node of that operation, which may be there: two logarithms then read one stack.
fn shared(b: &mut Builder, op: Op, inputs: Vec<NodeId>, ty: Type) -> NodeId {
    let found = b.graph.nodes.iter().position(|n| n.op == op && n.inputs == inputs && n.ty == ty);
    found.map_or_else(|| b.push(op, inputs, ty), |at| NodeId(at as u32))
}
