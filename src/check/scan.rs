//! `scan(f, init, steps: k)` and `scan(f, init, over: xs)`.

use super::ops::Given;
use super::state::{Build, Checker, Outcome, World, fail};
use super::value::*;
use crate::diag::{Diagnostic, codes};
use crate::program::{Elem, ScanLoop, TensorType, Value as Node, ValueId, ValueOp};
use crate::source::Span;
use std::sync::Arc;

/// What a scan is given.
struct Loop {
    function: Given,
    carried: Vec<Tensor>,
    scanned: Vec<Tensor>,
    /// The axis of the turns.
    turns: Axis,
    init: Span,
}

impl Checker<'_> {
    /// A call of `scan`.
    pub fn scan(&mut self, given: Vec<Given>, callee: Span, span: Span, frame: FrameId) -> Outcome<Value> {
        if self.world == World::Compile {
            return fail(codes::WORLD, "`scan` stands in a step, or in a function it calls", callee, "here");
        }
        let of = self.scan_arguments(given, span)?;
        let mut args: Vec<ValueId> = of.carried.iter().map(|t| self.import(t, of.init)).collect();
        args.extend(of.scanned.iter().map(|t| self.import(t, span)).collect::<Vec<_>>());

        // The root of a schedule's expression must be there before the body stands on it.
        self.build();
        self.serial += 1;
        let mut build = Build::new(self.serial);
        build.captured = Some(Vec::new());
        self.builds.push(build);
        let turn = self.scan_turn(&of, callee, span, frame);
        let inner = self.builds.pop();
        let results = turn?;
        let Some(inner) = inner else { return fail(codes::WORLD, "a scan without a body", span, "here") };
        args.extend(inner.captured.iter().flatten().map(|(outer, _)| *outer));

        let (carried, scanned) = (of.carried.len(), of.scanned.len());
        let ids = results.iter().map(|(id, _)| *id).collect();
        let of_loop = ScanLoop { body: inner.body, results: ids, turns: of.turns.extent, carried, scanned };
        let node = Node {
            op: ValueOp::Scan(Box::new(of_loop)),
            args,
            ty: TensorType::scalar(Elem::Bool),
            name: None,
            span,
        };
        let build = self.build();
        build.body.values.push(node);
        let scan = build.body.values.len() - 1;
        let mut parts = Vec::new();
        for (i, (_, t)) in results.into_iter().enumerate() {
            let mut axes = t.axes;
            if i >= carried {
                axes.insert(0, of.turns);
            }
            parts.push(Value::Tensor(self.emit(ValueOp::Part(i), vec![scan], t.elem, axes, span)));
        }
        Ok(match parts.len() {
            0 => Value::Unit,
            1 => parts.remove(0),
            _ => Value::Tuple(Arc::new(parts)),
        })
    }

    fn scan_arguments(&mut self, given: Vec<Given>, span: Span) -> Outcome<Loop> {
        let (mut positional, mut steps, mut over) = (Vec::new(), None, None);
        for g in given {
            match g.name.as_ref().map(|n| Arc::clone(&n.name)).as_deref() {
                None => positional.push(g),
                Some("steps") if steps.is_none() => steps = Some(g),
                Some("over") if over.is_none() => over = Some(g),
                Some(name) => {
                    let title = format!("scan takes steps: or over:, and is given {name}");
                    return fail(codes::UNKNOWN_ARGUMENT, title, g.span, "given here");
                }
            }
        }
        let (2, Ok([function, init])) = (positional.len(), <[Given; 2]>::try_from(positional)) else {
            let title = "scan takes a function, what it carries first, and steps: or over:";
            let d = Diagnostic::error(codes::UNKNOWN_ARGUMENT, title).label(span, "this call");
            return Err(d.help("scan(f, start, over: xs)").into());
        };
        let mut carried = Vec::new();
        for value in several(&init.value) {
            match self.as_tensor(&value, None, init.span) {
                Some(t) => carried.push(t),
                None => {
                    let title = format!("a scan carries tensors, and this is {}", value.kind());
                    return fail(codes::KIND, title, init.span, value.kind());
                }
            }
        }
        let mut scanned: Vec<Tensor> = Vec::new();
        let turns = match (&steps, &over) {
            (Some(k), None) => self.axis_of(&k.value, k.span)?,
            (None, Some(xs)) => {
                let mut turns: Option<Axis> = None;
                for value in several(&xs.value) {
                    let Some(t) = self.as_tensor(&value, None, xs.span) else {
                        let title = format!("a scan goes over tensors, and this is {}", value.kind());
                        return fail(codes::KIND, title, xs.span, value.kind());
                    };
                    let Some(first) = t.axes.first().copied() else {
                        let title = "a scan goes along the first axis, and this has none";
                        return fail(codes::SHAPE, title, xs.span, "a scalar");
                    };
                    turns = match turns {
                        None => Some(first),
                        Some(before) => match self.agree(before, first) {
                            Some(both) => Some(both),
                            None => {
                                let title = "what a scan goes over shares its first axis";
                                let (a, b) = (self.axis_name(before), self.axis_name(first));
                                return fail(codes::SHAPE, title, xs.span, format!("{a} and {b}"));
                            }
                        },
                    };
                    scanned.push(t);
                }
                match turns {
                    Some(turns) => turns,
                    None => return fail(codes::KIND, "a scan goes over something", xs.span, "nothing"),
                }
            }
            _ => {
                let title = "a scan has either steps: or over:";
                return fail(codes::UNKNOWN_ARGUMENT, title, span, "this call");
            }
        };
        Ok(Loop { function, carried, scanned, turns, init: init.span })
    }

    /// One turn, in a body of its own: the values it gives, with their types.
    fn scan_turn(
        &mut self,
        of: &Loop,
        callee: Span,
        span: Span,
        frame: FrameId,
    ) -> Outcome<Vec<(ValueId, Tensor)>> {
        let mut given = Vec::new();
        for (i, t) in of.carried.iter().enumerate() {
            let value = self.emit(ValueOp::Carried(i), vec![], t.elem, t.axes.clone(), of.init);
            given.push(Given { name: None, value: Value::Tensor(value), span: of.init });
        }
        for (i, t) in of.scanned.iter().enumerate() {
            let value = self.emit(ValueOp::Scanned(i), vec![], t.elem, t.axes[1..].to_vec(), t.span);
            given.push(Given { name: None, value: Value::Tensor(value), span });
        }
        let _ = callee;
        let gives = self.call(of.function.value.clone(), given, of.function.span, span, frame)?;
        let gives = several(&gives);
        let text = self.sources.text(of.function.span).to_string();
        if gives.len() < of.carried.len() {
            let title =
                format!("the scan carries {} values, and {text} gives {}", of.carried.len(), gives.len());
            let d = Diagnostic::error(codes::SCAN_CARRY, title)
                .label(of.function.span, format!("gives {}", gives.len()))
                .label(of.init, format!("carries {}", of.carried.len()));
            return Err(d
                .help("the first results of the function are carried on, the others stacked")
                .into());
        }
        let mut results = Vec::new();
        for (i, value) in gives.iter().enumerate() {
            let carried = of.carried.get(i);
            let Some(mut t) = self.as_tensor(value, carried.map(|c| c.elem), of.function.span) else {
                let title = format!("a turn of a scan gives tensors, and {text} gives {}", value.kind());
                return fail(codes::KIND, title, of.function.span, value.kind());
            };
            if let Some(carried) = carried {
                let shape = t.axes.len() == carried.axes.len()
                    && t.axes.iter().zip(&carried.axes).all(|(a, b)| self.agree_outside(*a, *b));
                let elem = t.elem == carried.elem || (t.elem == Elem::Int && carried.elem == Elem::Real);
                if !shape || !elem {
                    let before = format!("{}{}", carried.elem.name(), self.shape_full(&carried.axes));
                    let after = format!("{}{}", t.elem.name(), self.shape_full(&t.axes));
                    let title = format!("the scan carries {before}, and a turn gives {after} for it");
                    let d = Diagnostic::error(codes::SCAN_CARRY, title)
                        .label(of.init, format!("starts as {before}"))
                        .label(of.function.span, format!("its result {} is {after}", i + 1))
                        .label(t.span, "made here");
                    return Err(d.note("a carried value keeps its shape from turn to turn").into());
                }
                let id = self.import(&t, span);
                t.axes = carried.axes.clone();
                if t.elem != carried.elem {
                    t = self.emit(ValueOp::Convert, vec![id], carried.elem, t.axes, span);
                }
            }
            results.push((self.import(&t, span), t));
        }
        Ok(results)
    }
}

/// The members of a tuple, or the value alone; nothing of `()`.
fn several(value: &Value) -> Vec<Value> {
    match value {
        Value::Tuple(items) => items.to_vec(),
        Value::Unit => Vec::new(),
        other => vec![other.clone()],
    }
}
