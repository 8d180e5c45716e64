//! A step that could not be carried out, as a message.

use super::device::Entry;
use super::trace::{self, Moment};
use crate::diag::{Diagnostic, codes};
use crate::ir::interp::{Fault, FaultKind};
use crate::ir::{Graph, Module, NodeId, Op, Tensor};
use crate::program::{Program, ResidentId, ValueOp};
use crate::source::Span;

/// A fault of a call: the value, where in the data it stands, the axis it was to select along.
pub fn in_step(
    program: &Program,
    module: &Module,
    entry: &Entry,
    fault: &Fault,
    moment: &Moment,
    seed: u64,
    residents: &dyn Fn(ResidentId) -> Tensor,
) -> Diagnostic {
    let graph = &module.steps[entry.step];
    let step = &program.steps[entry.step];
    let body = &step.body;
    let axis_name = |span: Option<Span>, axis: usize| {
        let indexed = body.values.iter().find(|v| Some(v.span) == span && chooses(&v.op))?;
        body.values[*indexed.args.first()?].ty.names.get(axis)?.clone()
    };
    let mut found =
        message(graph, fault, &|axis| axis_name(fault.span, axis).map(|n| n.to_string()), &|id, position| {
            let origin = trace::origin(graph, id, position)?;
            Some(trace::named(graph, module, entry, &origin))
        });
    if let FaultKind::IndexOutOfRange { axis, extent, position, .. } = &fault.message {
        let origin = index_input(graph, fault.node, *axis).and_then(|id| trace::origin(graph, id, position));
        if let Some(resident) = origin.and_then(|origin| trace::resident(graph, entry, &origin)) {
            found = with_range(found, &module.residents[resident].name, &residents(resident), *extent);
        }
    }
    trace::circumstances(&step.name, module, entry, moment, seed).into_iter().fold(found, Diagnostic::note)
}

/// Whether an operation takes indices.
fn chooses(op: &ValueOp) -> bool {
    matches!(op, ValueOp::Index(_) | ValueOp::Replace(_))
}

/// Says from what to what the data go, and the mistake that this looks like.
fn with_range(error: Diagnostic, name: &str, data: &Tensor, extent: usize) -> Diagnostic {
    let values = data.as_f64s();
    let low = values.iter().copied().fold(f64::INFINITY, f64::min);
    let high = values.iter().copied().fold(f64::NEG_INFINITY, f64::max);
    let error = error.note(format!("{name} holds {low} to {high}"));
    if low == 1.0 && high == extent as f64 {
        error.help("do the labels start at 1? subtract 1 where they are read")
    } else if low == -1.0 && high < extent as f64 {
        error.help("is -1 a mark for a missing label? leave these examples out")
    } else {
        error
    }
}

/// A fault of the setup.
pub fn in_setup(graph: &Graph, fault: &Fault) -> Diagnostic {
    message(graph, fault, &|_| None, &|id, position| {
        let origin = trace::origin(graph, id, position)?;
        Some((graph.leaves[origin.leaf].name.to_string(), true, origin.position))
    })
    .note("before the run, while data were prepared")
}

/// Finds the array that an element belongs to, whether it is data, and its index there.
type Locate<'a> = dyn Fn(NodeId, &[usize]) -> Option<(String, bool, Vec<usize>)> + 'a;

fn message(
    graph: &Graph,
    fault: &Fault,
    axis_name: &dyn Fn(usize) -> Option<String>,
    locate: &Locate<'_>,
) -> Diagnostic {
    let labelled = |error: Diagnostic, text: String| match fault.span {
        Some(span) => error.label(span, text),
        None => error,
    };
    match &fault.message {
        FaultKind::IndexOutOfRange { axis, extent, value, position } => {
            let index = index_input(graph, fault.node, *axis);
            let found = index.and_then(|id| locate(id, position));
            let bounds = match extent {
                0 => "not in an axis that is empty".to_owned(),
                _ => format!("outside 0..{}", extent - 1),
            };
            let extent_named = axis_name(*axis).map(|n| format!(" ({n} = {extent})")).unwrap_or_default();
            let title = match &found {
                Some((name, true, at)) if !at.is_empty() => {
                    let within = if at.len() > 1 { format!(" at {at:?}") } else { String::new() };
                    let word = if at.len() == 1 { "label" } else { "index" };
                    format!("{word} {value} at example {} of {name}{within} is {bounds}{extent_named}", at[0])
                }
                Some((name, _, at)) if !at.is_empty() => {
                    format!("index {value} at {at:?} of {name} is {bounds}{extent_named}")
                }
                _ => {
                    let name = index.and_then(|id| graph.node(id).name.as_deref());
                    let of = name.map(|name| format!(" of {name}")).unwrap_or_default();
                    format!("index {value} at {position:?}{of} is {bounds}{extent_named}")
                }
            };
            let target = graph.inputs(fault.node).first().and_then(|id| graph.node(*id).name.clone());
            let of = target.map(|name| format!(" of {name}")).unwrap_or_default();
            let error = Diagnostic::error(codes::INDEX_AT_RUN, title);
            labelled(error, format!("selects along axis {axis}{of}, of extent {extent}"))
        }
        FaultKind::DivisionByZero { position } => {
            let title = format!("a whole number is divided by zero at {position:?}");
            labelled(Diagnostic::error(codes::NON_FINITE, title), "here".to_owned())
        }
        FaultKind::NegativePower { position, value } => {
            let title = format!("a whole number is raised to the power {value} at {position:?}");
            labelled(Diagnostic::error(codes::NON_FINITE, title), "has no whole result".to_owned())
                .help("convert the base to a real first")
        }
        FaultKind::LeafType { .. } | FaultKind::Grad => {
            panic!("a bug of the compiler, in {}: {}", graph.name, fault.message)
        }
    }
}

/// The index tensor that selects along an axis of a gather or scatter-add.
fn index_input(graph: &Graph, node: NodeId, axis: usize) -> Option<NodeId> {
    let (Op::Gather { axes } | Op::ScatterAdd { axes }) = graph.op(node) else { return None };
    let at = axes.iter().position(|a| *a == axis)?;
    graph.inputs(node).get(at + 1).copied()
}
