//! Where an infinite value or a NaN came from.
//!
//! One call is computed again with every value at hand. From what is reported or stored and is not
//! finite the search goes back through operands that are not finite, to operations whose operands
//! all are: the first of these made it. Where the search ends at a leaf, the data (or a place) held
//! it already. A `where` is followed only into the branch that was taken.

use super::device::{CallId, Entry};
use super::interpreter::leaf_value;
use super::numbers;
use super::trace::{self, Moment, Origin};
use crate::diag::{Diagnostic, codes};
use crate::ir::tensor::Tensor;
use crate::ir::{Binary, DType, Graph, LeafKind, Module, NodeId, Op, Unary, interp};
use crate::program::{PlaceKind, Program};
use crate::source::Span;

/// A call with all it read.
pub struct Replay<'a> {
    /// The program.
    pub program: &'a Program,
    /// Its graphs.
    pub module: &'a Module,
    /// The call, alone.
    pub entry: &'a Entry,
    /// Places before it.
    pub places: &'a [Tensor],
    /// Resident arrays.
    pub residents: &'a [Tensor],
    /// Reports of earlier calls that it takes.
    pub report: &'a dyn Fn(CallId, usize) -> Tensor,
    /// Where in the run it stood.
    pub moment: &'a Moment,
    /// The run's seed.
    pub seed: u64,
}

/// The positions of reports and updates of a call that are not finite; of updates, those of params.
pub fn bad_roots(module: &Module, graph: &Graph, reports: &[Tensor], updates: &[Tensor]) -> bool {
    let param = |leaf: usize| module.places[graph.leaves[leaf].index].kind == PlaceKind::Param;
    let stored = graph.updates.iter().zip(updates).filter(|(u, _)| param(u.leaf)).map(|(_, v)| v);
    reports.iter().chain(stored).any(|v| !v.is_finite())
}

/// The message. `spoilt` says what was seen to be not finite: `report cost`, `below.W`.
pub fn explain(replay: &Replay<'_>, spoilt: &str, value: f64) -> Diagnostic {
    let graph = &replay.module.steps[replay.entry.step];
    let step = &replay.program.steps[replay.entry.step];
    let became = if value.is_nan() { "is not a number" } else { "is infinite" };
    let title = format!("{spoilt} of {} {became}", step.name);
    let read = |leaf: &_| leaf_value(leaf, replay.entry, replay.residents, replay.places, replay.report);
    let values = interp::run_all(graph, &read);
    let error = match values {
        Ok(values) => match culprit(graph, &values) {
            Some((node, root)) => describe(replay, graph, &values, node, root, title),
            None => Diagnostic::error(codes::NON_FINITE, title)
                .label(step.span, "the call again, in the reference interpreter, gives finite values"),
        },
        Err(fault) => Diagnostic::error(codes::NON_FINITE, title)
            .label(step.span, format!("the call cannot be computed again: {}", fault.message)),
    };
    let circumstances =
        trace::circumstances(&step.name, replay.module, replay.entry, replay.moment, replay.seed);
    circumstances.into_iter().fold(error, Diagnostic::note)
}

/// The node that made the first value that is not finite, and the index among the roots of one that
/// it spoilt.
fn culprit(graph: &Graph, values: &[Tensor]) -> Option<(NodeId, usize)> {
    let bad = |id: NodeId| !values[id.index()].is_finite();
    let mut best: Option<((u8, NodeId), usize)> = None;
    // What is reported first, then what is stored: the shorter way to the reader.
    let updates = graph.updates.len();
    let roots: Vec<NodeId> = graph.roots().collect();
    let order = (updates..roots.len()).chain(0..updates);
    let mut seen = vec![false; graph.nodes.len()];
    for root in order {
        let mut todo = vec![roots[root]];
        while let Some(id) = todo.pop() {
            if !bad(id) || std::mem::replace(&mut seen[id.index()], true) {
                continue;
            }
            let sources: Vec<NodeId> = spoilt_operands(graph, values, id);
            if sources.is_empty() {
                // Data before operations before constants.
                let op = graph.op(id);
                let rank = u8::from(!matches!(op, Op::Leaf(_))) + u8::from(matches!(op, Op::Const(_)));
                if best.is_none_or(|(key, _)| (rank, id) < key) {
                    best = Some(((rank, id), root));
                }
            }
            todo.extend(sources);
        }
    }
    best.map(|((_, id), root)| (id, root))
}

/// The operands that are not finite and were used.
fn spoilt_operands(graph: &Graph, values: &[Tensor], id: NodeId) -> Vec<NodeId> {
    let inputs = graph.inputs(id);
    let bad = |id: &NodeId| !values[id.index()].is_finite();
    if *graph.op(id) != Op::Select {
        return inputs.iter().copied().filter(bad).collect();
    }
    let condition = values[inputs[0].index()].elements::<bool>();
    let taken = |branch: NodeId, when: bool| {
        let elements = values[branch.index()].as_f64s();
        elements.iter().zip(condition).any(|(v, c)| *c == when && !v.is_finite())
    };
    [(inputs[1], true), (inputs[2], false)]
        .into_iter()
        .filter(|(b, when)| taken(*b, *when))
        .map(|(b, _)| b)
        .collect()
}

fn describe(
    replay: &Replay<'_>,
    graph: &Graph,
    values: &[Tensor],
    id: NodeId,
    root: usize,
    title: String,
) -> Diagnostic {
    let node = graph.node(id);
    let result = &values[id.index()];
    let at = result.first_non_finite().expect("the culprit is not finite");
    let position = result.index_of(at);
    let value = result.as_f64s()[at];
    let whole = replay.program.steps[replay.entry.step].span;
    if let Op::Leaf(leaf) = node.op {
        let origin = Origin { leaf, position };
        let (name, data, position) = trace::named(graph, replay.module, replay.entry, &origin);
        let kind = graph.leaves[leaf].kind;
        let what = match kind {
            _ if data => format!("the data {name} holds {} at {position:?}", shown(value, node.ty.dtype)),
            LeafKind::Place => {
                format!("{name} was already {} at {position:?} before this call", shown(value, node.ty.dtype))
            }
            _ => format!("{name} was given as {} at {position:?}", shown(value, node.ty.dtype)),
        };
        let span = root_span(graph, root).or_else(|| user_of(graph, id)).unwrap_or(whole);
        let error = Diagnostic::error(codes::NON_FINITE, format!("{title}: {what}"))
            .label(span, "is computed from it");
        return if data { error.help("clean the data, or choose the elements by where(…)") } else { error };
    }
    let gradient = node.rules.iter().any(|rule| rule.starts_with("grad"));
    let mut text = format!("{} gives {}", operation(&node.op), shown(value, node.ty.dtype));
    if !position.is_empty() {
        text += &format!(" at element {position:?} of {:?}", node.ty.shape);
    }
    text += if gradient { ", in the gradient" } else { ", going forward" };
    let updated = graph.updates.get(root).map(|u| &graph.leaves[u.leaf].name);
    if let Some(place) = updated {
        text += &format!(", on the way to the new {place}");
    }
    let mut error = Diagnostic::error(codes::NON_FINITE, title).label(node.span.unwrap_or(whole), text);
    let mut told: Vec<NodeId> = Vec::new();
    for (number, input) in graph.inputs(id).iter().enumerate() {
        if !told.contains(input) {
            told.push(*input);
            error = error.note(operand(replay, graph, values, id, number, at));
        }
    }
    match advice(&node.op, gradient) {
        Some(advice) => error.help(advice),
        None => error,
    }
}

/// What is to be said of an operand: its element where there is one, else the range of its values.
fn operand(
    replay: &Replay<'_>,
    graph: &Graph,
    values: &[Tensor],
    id: NodeId,
    number: usize,
    at: usize,
) -> String {
    let (node, input) = (graph.node(id), graph.inputs(id)[number]);
    let value = &values[input.index()];
    let elements = value.as_f64s();
    let dtype = value.ty.dtype;
    let name = graph.node(input).name.as_deref();
    let name = name.map_or_else(|| format!("operand {}", number + 1), |n| n.to_owned());
    let elementwise = matches!(node.op, Op::Unary(_) | Op::Binary(_) | Op::Select | Op::Cast(_));
    if !elementwise || value.ty.shape != node.ty.shape {
        let low = elements.iter().copied().fold(f64::INFINITY, f64::min);
        let high = elements.iter().copied().fold(f64::NEG_INFINITY, f64::max);
        let (low, high) = (shown(low, dtype), shown(high, dtype));
        return format!("{name}, {:?}, is from {low} to {high}", value.ty.shape);
    }
    let said = shown(elements[at], dtype);
    let from = trace::origin(graph, input, &value.index_of(at));
    match from.map(|origin| trace::named(graph, replay.module, replay.entry, &origin)) {
        Some((outside, _, at)) if outside == name && !at.is_empty() => format!("{name}{at:?} is {said}"),
        Some((outside, _, at)) if !at.is_empty() => {
            format!("{name} is {said} there, which is {outside}{at:?}")
        }
        _ => format!("{name} is {said} there"),
    }
}

fn root_span(graph: &Graph, root: usize) -> Option<Span> {
    match graph.updates.get(root) {
        Some(update) => update.span,
        None => graph.reports[root - graph.updates.len()].span,
    }
}

fn user_of(graph: &Graph, id: NodeId) -> Option<Span> {
    graph.nodes.iter().find(|node| node.inputs.contains(&id)).and_then(|node| node.span)
}

/// The shortest decimal of a value of an element type.
fn shown(value: f64, dtype: DType) -> String {
    match dtype {
        DType::F32 => numbers::number32(value as f32),
        DType::F64 | DType::I32 | DType::Bool => numbers::number(value),
    }
}

/// What the operation is called in a message.
fn operation(op: &Op) -> String {
    match op {
        Op::Unary(f) => format!("{f:?}").to_lowercase(),
        Op::Binary(Binary::Add) => "a sum of two".into(),
        Op::Binary(Binary::Sub) => "a difference".into(),
        Op::Binary(Binary::Mul) => "a product".into(),
        Op::Binary(Binary::Div) => "a division".into(),
        Op::Binary(Binary::Pow) => "a power".into(),
        Op::Binary(f) => format!("{f:?}").to_lowercase(),
        Op::Cast(_) => "a conversion".into(),
        Op::Contract(_) => "a matrix product".into(),
        Op::Reduce { op, .. } => format!("{op:?}").to_lowercase(),
        Op::ScatterAdd { .. } | Op::WindowSpread { .. } => "a sum of gradients".into(),
        Op::WindowReduce { .. } | Op::WindowPick { .. } => "pooling".into(),
        Op::Const(_) => "a constant".into(),
        Op::Leaf(_)
        | Op::Iota { .. }
        | Op::Compare(_)
        | Op::Select
        | Op::Transpose { .. }
        | Op::Broadcast { .. }
        | Op::Reshape
        | Op::Slice { .. }
        | Op::Pad { .. }
        | Op::Concat { .. }
        | Op::Reverse { .. }
        | Op::ArgReduce { .. }
        | Op::Gather { .. }
        | Op::RandomBits { .. }
        | Op::Scan(_)
        | Op::Result(_)
        | Op::StopGradient
        | Op::Grad => "this".into(),
    }
}

fn advice(op: &Op, gradient: bool) -> Option<&'static str> {
    let grows = matches!(
        op,
        Op::Unary(Unary::Exp | Unary::Expm1)
            | Op::Binary(Binary::Mul | Binary::Add | Binary::Sub)
            | Op::Contract(_)
            | Op::Reduce { .. }
    );
    if matches!(op, Op::Unary(Unary::Log | Unary::Log1p)) {
        Some("keep the operand of the logarithm positive, as by clamp or max(…, 1e-7)")
    } else if matches!(op, Op::Unary(Unary::Sqrt)) {
        Some("keep the operand of the root above 0, as by max(…, 1e-7)")
    } else if matches!(op, Op::Binary(Binary::Div)) && gradient {
        Some("the function has no finite derivative here; keep its operand away from this value")
    } else if matches!(op, Op::Binary(Binary::Div)) {
        Some("keep the divisor away from 0")
    } else if grows {
        Some(
            "values have outgrown the numbers' range; if they grow from call to call, the updates are too large",
        )
    } else {
        None
    }
}
