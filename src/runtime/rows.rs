//! The arrays that the setup makes, one after another and a run of rows at a time.
//!
//! An array of the data is mostly what a file holds, divided by something and cut in parts. Computed node by node as
//! the reference interpreter does it, every node on the way would be in memory whole; here, each run of rows goes all
//! the way before the next. They are taken from the last to the first: what is behind the run is not needed any more,
//! and where no later array needs it either its memory goes back to the system. Numbers are the interpreter's: each
//! row goes through [`interp::apply`]. What does not go row by row, or may fail, is computed whole.

use super::view::Loaded;
use crate::ir::interp::{self, Fault};
use crate::ir::{Binary, Buffer, DType, Graph, Leaf, LeafKind, NodeId, Op, Tensor, Type};
use std::collections::BTreeMap;
use std::ops::Range;
use std::sync::Arc;

/// Elements of a run: few enough for what is on the way to matter little, many enough for the loops.
const RUN: usize = 1 << 18;

/// What the setup's leaves name, each by the program's index, until the last that needs it.
#[derive(Debug)]
pub struct Leaves {
    /// Arrays of files.
    pub raws: Vec<Option<Loaded>>,
    /// Draws.
    pub drawn: Vec<Option<Tensor>>,
}

/// The values that the setup reports, in order.
pub fn reports(graph: &Graph, leaves: Leaves) -> Result<Vec<Tensor>, Fault> {
    by_runs(graph, leaves, RUN)
}

fn by_runs(graph: &Graph, leaves: Leaves, run: usize) -> Result<Vec<Tensor>, Fault> {
    let count = graph.reports.len();
    let starts = vec![None; leaves.raws.len()];
    let mut setup =
        Setup { graph, leaves, last: last_needed(graph), whole: BTreeMap::new(), starts, broken: false, run };
    let mut done: Vec<Tensor> = Vec::with_capacity(count);
    for at in 0..count {
        let root = graph.reports[at].value;
        let before = graph.reports[..at].iter().position(|report| report.value == root);
        let value = match before {
            Some(before) => done[before].clone(),
            None if setup.by_rows(root) => setup.gathered(root, at)?,
            None => setup.whole(root)?,
        };
        done.push(value);
        setup.forget(at);
    }
    Ok(done)
}

/// For each node, the last report that needs it.
fn last_needed(graph: &Graph) -> Vec<Option<usize>> {
    let mut last = vec![None; graph.nodes.len()];
    for (at, report) in graph.reports.iter().enumerate() {
        last[report.value.index()] = Some(at);
    }
    for id in graph.ids().rev() {
        for input in graph.inputs(id) {
            last[input.index()] = last[input.index()].max(last[id.index()]);
        }
    }
    last
}

struct Setup<'a> {
    graph: &'a Graph,
    leaves: Leaves,
    last: Vec<Option<usize>>,
    /// Values that were computed whole.
    whole: BTreeMap<NodeId, Tensor>,
    /// For each array of a file, the first element that the run under way took of it: the runs before need only those
    /// below. Where it is taken in several places, the one furthest behind.
    starts: Vec<Option<usize>>,
    /// Whether the run under way began within a row, which the run before needs again.
    broken: bool,
    /// Elements of a run.
    run: usize,
}

impl Setup<'_> {
    /// The value of a node, gathered run by run; `report` is that under way.
    fn gathered(&mut self, node: NodeId, report: usize) -> Result<Tensor, Fault> {
        let ty = self.graph.ty(node).clone();
        let row = ty.shape[1..].iter().product::<usize>();
        let mut all = Buffer::filled(ty.dtype, crate::ir::Scalar::Int(0), ty.elements());
        let run = (self.run / row).max(1);
        let mut end = ty.shape[0];
        while end > 0 {
            let from = end.saturating_sub(run);
            let part = self.rows(node, from..end)?;
            all.put(from * row, &part.data);
            end = from;
            self.give_back(report);
        }
        Ok(Tensor { ty, data: Arc::new(all) })
    }

    /// Whether rows of a node can be computed from rows of its operands.
    fn by_rows(&self, node: NodeId) -> bool {
        let (op, ty) = (self.graph.op(node), self.graph.ty(node));
        if ty.shape.is_empty() || ty.elements() == 0 {
            return false;
        }
        match op {
            Op::Leaf(at) => self.graph.leaves[*at].kind == LeafKind::Raw,
            Op::Const(_)
            | Op::Unary(_)
            | Op::Compare(_)
            | Op::Select
            | Op::Cast(_)
            | Op::StopGradient
            | Op::Slice { .. } => true,
            // Whole numbers can be divided by 0, and the message says which.
            Op::Binary(f) => ty.dtype != DType::I32 || matches!(f, Binary::Add | Binary::Sub | Binary::Mul),
            Op::Broadcast { .. } => true,
            Op::Reshape => !self.graph.ty(self.graph.inputs(node)[0]).shape.is_empty(),
            Op::Iota { .. }
            | Op::Transpose { .. }
            | Op::Pad { .. }
            | Op::Concat { .. }
            | Op::Reverse { .. }
            | Op::Reduce { .. }
            | Op::ArgReduce { .. }
            | Op::Contract(_)
            | Op::WindowReduce { .. }
            | Op::WindowSpread { .. }
            | Op::WindowPick { .. }
            | Op::Gather { .. }
            | Op::ScatterAdd { .. }
            | Op::RandomBits { .. }
            | Op::Scan(_)
            | Op::Result(_)
            | Op::Grad => false,
        }
    }

    /// Some rows of a node.
    fn rows(&mut self, node: NodeId, range: Range<usize>) -> Result<Tensor, Fault> {
        let graph = self.graph;
        let ty = graph.ty(node);
        let shape = [&[range.len()], &ty.shape[1..]].concat();
        let part = Type::new(ty.dtype, shape.clone());
        let row = ty.shape[1..].iter().product::<usize>();
        let elements = range.start * row..range.end * row;
        if self.whole.contains_key(&node) || !self.by_rows(node) {
            return Ok(Tensor::new(shape, self.whole(node)?.data.part(elements)));
        }
        let inputs = graph.inputs(node);
        let apply = |op: &Op, inputs: &[Tensor]| {
            let span = graph.node(node).span;
            interp::apply(op, &part, inputs).map_err(|message| Fault { node, span, message })
        };
        match graph.op(node) {
            Op::Leaf(at) => {
                let index = graph.leaves[*at].index;
                let start = &mut self.starts[index];
                *start = (*start).max(Some(elements.start));
                let raw = self.leaves.raws[index].as_ref();
                Ok(raw.expect("what the setup's leaves name has been read").part(elements, shape))
            }
            op @ Op::Broadcast { axes } => {
                let from = inputs[0];
                let along = axes.first() == Some(&0) && graph.ty(from).shape[0] != 1;
                let input = if along { self.rows(from, range)? } else { self.whole(from)? };
                apply(op, &[input])
            }
            Op::Reshape => {
                // The rows of the operand that have these elements.
                let from = inputs[0];
                let width = graph.ty(from).shape[1..].iter().product::<usize>();
                let first = elements.start / width;
                self.broken |= !elements.start.is_multiple_of(width);
                let around = self.rows(from, first..elements.end.div_ceil(width))?;
                let (start, end) = (elements.start - first * width, elements.end - first * width);
                if start == 0 && end == around.data.len() {
                    return Ok(Tensor { ty: part, data: around.data });
                }
                Ok(Tensor::new(shape, around.data.part(start..end)))
            }
            Op::Slice { start, stride } => {
                let at = |row: usize| start[0] + stride[0] * row;
                let input = self.rows(inputs[0], at(range.start)..at(range.end - 1) + 1)?;
                let start = [&[0], &start[1..]].concat();
                apply(&Op::Slice { start, stride: stride.clone() }, &[input])
            }
            op => {
                let mut rows = Vec::with_capacity(inputs.len());
                for input in inputs {
                    rows.push(self.rows(*input, range.clone())?);
                }
                apply(op, &rows)
            }
        }
    }

    /// All of a node, computed by the reference interpreter.
    fn whole(&mut self, node: NodeId) -> Result<Tensor, Fault> {
        if let Some(value) = self.whole.get(&node) {
            return Ok(value.clone());
        }
        let report = crate::ir::Report { name: "".into(), value: node, span: None };
        let graph = Graph { reports: vec![report], updates: Vec::new(), ..self.graph.clone() };
        let mut outcome = interp::run(&graph, &|leaf| self.leaf(leaf))?;
        let value = outcome.reports.remove(0);
        self.whole.insert(node, value.clone());
        Ok(value)
    }

    fn leaf(&self, leaf: &Leaf) -> Tensor {
        let value = match leaf.kind {
            LeafKind::Raw => self.leaves.raws[leaf.index].as_ref().map(Loaded::whole),
            LeafKind::Drawn => self.leaves.drawn[leaf.index].clone(),
            LeafKind::Arg
            | LeafKind::Place
            | LeafKind::Resident
            | LeafKind::Run
            | LeafKind::Carried
            | LeafKind::Scanned
            | LeafKind::Captured
            | LeafKind::Turn => {
                panic!("the setup has a leaf {} of kind {:?}", leaf.name, leaf.kind)
            }
        };
        value.expect("what the setup's leaves name has been read and drawn")
    }

    /// Gives back what the runs before the one just done, and later reports, do not need.
    fn give_back(&mut self, report: usize) {
        let broken = std::mem::take(&mut self.broken);
        for id in self.graph.ids().filter(|_| !broken) {
            let Op::Leaf(at) = self.graph.op(id) else { continue };
            let leaf = &self.graph.leaves[*at];
            if leaf.kind != LeafKind::Raw || self.last[id.index()] != Some(report) {
                continue;
            }
            if let (Some(start), Some(raw)) = (self.starts[leaf.index], &mut self.leaves.raws[leaf.index]) {
                raw.shorten(start);
            }
        }
        self.starts.fill(None);
    }

    /// Forgets what no report after this one needs.
    fn forget(&mut self, report: usize) {
        let last = &self.last;
        self.whole.retain(|id, _| last[id.index()] > Some(report));
        for id in self.graph.ids().filter(|id| last[id.index()] <= Some(report)) {
            let Op::Leaf(at) = self.graph.op(id) else { continue };
            let leaf = &self.graph.leaves[*at];
            match leaf.kind {
                LeafKind::Raw => self.leaves.raws[leaf.index] = None,
                LeafKind::Drawn => self.leaves.drawn[leaf.index] = None,
                LeafKind::Arg
                | LeafKind::Place
                | LeafKind::Resident
                | LeafKind::Run
                | LeafKind::Carried
                | LeafKind::Scanned
                | LeafKind::Captured
                | LeafKind::Turn => {}
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::view::View;
    use super::*;
    use crate::data::{Array, Elements};
    use crate::ir::{Builder, Compare, Reduce};

    /// A file's array of 24 rows of 6, and what a setup may make of it.
    fn setup(only: Option<usize>) -> (Graph, Leaves) {
        let mut b = Builder::new("setup");
        let file = Type::new(DType::F32, vec![24, 6]);
        let x = b.leaf(LeafKind::Raw, 0, "x", file.clone());
        let drawn = b.leaf(LeafKind::Drawn, 0, "d", Type::new(DType::F32, vec![24, 1]));
        let scaled = b.with_constant(Binary::Div, x, 3.0);
        let train = b.slice_axis(scaled, 0, 0, 17);
        let valid = b.slice_axis(scaled, 0, 17, 24);
        let flat = b.reshape(scaled, &[9, 16]);
        let odd = b.slice(flat, &[1, 2], &[3, 2], &[3, 5]);
        let shifted = b.broadcast(drawn, &[0, 1], &[24, 6]);
        let shifted = b.add(scaled, shifted);
        let mean = b.reduce(Reduce::Sum, x, &[0]);
        let mean = b.broadcast(mean, &[1], &[24, 6]);
        let above = b.compare(Compare::Gt, x, mean);
        let chosen = b.select(above, shifted, x);
        let turned = b.transpose(x, &[1, 0]);
        let both = b.slice_axis(x, 0, 2, 9);
        let first = b.slice_axis(x, 0, 17, 24);
        let both = b.add(both, first);
        let none = b.slice_axis(x, 0, 3, 3);
        let one = b.constant(DType::F32, 1.5);
        let roots = [train, valid, odd, chosen, turned, train, none, one, x, both];
        let mut graph = b.graph;
        let roots = roots.into_iter().chain([flat]).enumerate();
        for (_, value) in roots.filter(|(at, _)| only.is_none_or(|only| only == *at)) {
            graph.reports.push(crate::ir::Report { name: "r".into(), value, span: None });
        }
        // In the file it begins behind two other rows.
        let numbers = (0..26 * 6).map(|at| f64::from(at * 7 % 31)).collect();
        let array = Arc::new(Array::new(vec![26, 6], Elements::F64(numbers)).unwrap());
        let raw = View::of(&array).slice_first(2..26).unwrap().load(&file).unwrap();
        let drawn = Tensor::from_f64s(DType::F32, vec![24, 1], &(0..24).map(f64::from).collect::<Vec<_>>());
        (graph, Leaves { raws: vec![Some(raw)], drawn: vec![Some(drawn)] })
    }

    #[test]
    fn rows_are_those_of_the_interpreter_whatever_the_run() {
        // All of them, and each alone: what nothing later needs is given back on the way.
        for only in [None].into_iter().chain((0..11).map(Some)) {
            let (graph, leaves) = setup(only);
            let whole = interp::run(&graph, &|leaf| match leaf.kind {
                LeafKind::Raw => leaves.raws[0].as_ref().unwrap().whole(),
                _ => leaves.drawn[0].clone().unwrap(),
            });
            let expected = whole.unwrap().reports;
            for run in [1, 6, 13, 16, 40, RUN] {
                let (graph, leaves) = setup(only);
                assert_eq!(by_runs(&graph, leaves, run).unwrap(), expected, "{only:?}, runs of {run}");
            }
        }
    }
}
