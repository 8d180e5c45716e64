//! Loops: the body is a graph of its own, with what it takes from outside as captured operands.

use super::Lower;
use crate::ir::{Binary, DType, LeafKind, NodeId, Op, Report, Scan, Type};
use crate::program::{ScanLoop, Value};

/// What the body of a scan needs from outside for its draws.
#[derive(Clone, Copy)]
pub(super) struct Inside {
    /// Values that the program captures; the run of the step and the turn of the loop around it come
    /// after them.
    captured: usize,
    turns: usize,
    /// Whether there is a loop around this one.
    nested: bool,
    /// Whether it draws, itself or in a loop inside.
    draws: bool,
}

impl Lower<'_> {
    pub(super) fn scan(&mut self, of: &ScanLoop, value: &Value, args: &[NodeId]) -> NodeId {
        let mut inner = Lower::new(&self.b.graph.name, self.program, self.args, self.precision);
        let captured = args.len() - of.carried - of.scanned;
        let nested = self.inside.is_some();
        inner.inside = Some(Inside { captured, turns: of.turns, nested, draws: false });
        inner.values(&of.body);
        let report = |(i, id): (usize, &usize)| Report {
            name: if i < of.carried { format!("next {i}") } else { format!("stack {i}") }.into(),
            value: inner.values[*id],
            span: Some(value.span),
        };
        let reports = of.results.iter().enumerate().map(report).collect();
        inner.b.graph.reports = reports;
        let mut inputs = args.to_vec();
        if inner.inside.is_some_and(|inside| inside.draws) {
            inputs.push(self.run_count());
            if nested {
                inputs.push(self.turn());
            }
        }
        let (turns, carried, scanned) = (of.turns, of.carried, of.scanned);
        let scan = Scan { body: inner.b.graph, turns, carried, scanned, reverse: false };
        self.b.push(Op::Scan(Box::new(scan)), inputs, Type::scalar(DType::Bool))
    }

    /// A leaf of a body.
    pub(super) fn inside_leaf(&mut self, kind: LeafKind, at: usize, value: &Value, ty: Type) -> NodeId {
        let name = match &value.name {
            Some(name) => std::sync::Arc::clone(name),
            None => format!("{} {at}", crate::ir::words::kind_name(kind)).into(),
        };
        self.b.leaf(kind, at, name, ty)
    }

    /// How often the step has run.
    pub(super) fn run_count(&mut self) -> NodeId {
        let ty = Type::scalar(DType::I32);
        match &mut self.inside {
            None => self.b.leaf(LeafKind::Run, 0, "run", ty),
            Some(inside) => {
                inside.draws = true;
                self.b.leaf(LeafKind::Captured, inside.captured, "run", ty)
            }
        }
    }

    /// The turn of the loop, of nested ones counted through.
    pub(super) fn turn(&mut self) -> NodeId {
        let ty = Type::scalar(DType::I32);
        let Some(inside) = &mut self.inside else { return self.b.constant(DType::I32, 0.0) };
        inside.draws = true;
        let inside = *inside;
        let own = self.b.leaf(LeafKind::Turn, 0, "turn", ty.clone());
        if !inside.nested {
            return own;
        }
        let outer = self.b.leaf(LeafKind::Captured, inside.captured + 1, "outer turn", ty);
        let before = self.b.with_constant(Binary::Mul, outer, inside.turns as f64);
        self.b.add(before, own)
    }
}
