//! Where values lie, as buffers and positions in them.

use super::buffer;
use crate::fuse::access::same_but_for_ones;
use crate::fuse::{Fused, Source, Target};
use crate::ir::{DType, Graph, Leaf, LeafKind, NodeId, Op};
use crate::kernel::{Buffer, BufferId, Home, Index, IndexVar, Layout, Var};
use crate::plan::{self, Plan, Storage, strides};

/// A graph with its division and plan; inside a scan also the graph around it, the scan's node there and
/// the loop's counter.
pub struct Scope<'a> {
    /// The graph.
    pub graph: &'a Graph,
    /// Its division.
    pub fused: &'a Fused,
    /// Where its values lie.
    pub plan: &'a Plan,
    /// The scope around.
    pub outer: Option<(&'a Scope<'a>, NodeId, usize)>,
}

/// The buffers of a step as kernels ask for them.
pub struct Step {
    /// The step's name.
    pub name: String,
    /// The buffers so far.
    pub buffers: Vec<Buffer>,
    /// Bytes of scratch beyond the plan's that a kernel takes.
    pub scratch: usize,
    /// Variables of the kernel being written that are multiples of a number.
    pub multiples: Vec<(Var, usize)>,
    reports: Vec<String>,
}

impl Step {
    /// No buffers yet.
    pub fn of(graph: &Graph) -> Step {
        let reports = graph.reports.iter().map(|r| r.name.to_string()).collect();
        let (buffers, multiples) = (Vec::new(), Vec::new());
        Step { name: graph.name.clone(), buffers, scratch: 0, multiples, reports }
    }

    /// The buffer at a home, made when it is first asked for. Two values that take turns in the same
    /// memory are two buffers.
    pub fn buffer(&mut self, name: &str, home: Home, dtype: DType, shape: &[usize]) -> BufferId {
        let same = |b: &Buffer| b.home == home && b.dtype == dtype && b.shape == shape && b.name == name;
        let at = self.buffers.iter().position(same).unwrap_or_else(|| {
            self.buffers.push(buffer(name.to_owned(), home, dtype, shape.to_vec()));
            self.buffers.len() - 1
        });
        BufferId(at as u32)
    }

    /// A report's name.
    pub fn report(&self, at: usize) -> &str {
        &self.reports[at]
    }
}

/// What of an axis is held where only a part is: the index at which the part begins.
#[derive(Clone, Debug, Default)]
pub struct Parts {
    /// Of the owner's axis.
    pub block: Option<Index>,
    /// Of the tile's axis.
    pub tile: Option<Index>,
}

impl Scope<'_> {
    /// How many scopes are around.
    pub fn depth(&self) -> usize {
        self.outer.map_or(0, |(outer, ..)| outer.depth() + 1)
    }

    /// The scope of the step.
    pub(super) fn root(&self) -> &Scope<'_> {
        self.outer.map_or(self, |(outer, ..)| outer.root())
    }

    /// A node's name for people.
    pub fn name(&self, id: NodeId) -> String {
        match &self.graph.node(id).name {
            Some(name) => format!("%{name}"),
            None => format!("%{}", id.0),
        }
    }

    /// Where an element of a value in memory lies.
    pub fn stored(&self, step: &mut Step, source: Source, parts: &Parts, at: &[Index]) -> (BufferId, Index) {
        let storage = &self.plan.values[&source];
        let name = match source {
            Source::Node(id) => self.name(id),
            Source::Partial(id) => format!("{}.blocks", self.name(id)),
            Source::Leaf(leaf) => self.graph.leaves[leaf].name.to_string(),
        };
        held(step, &name, storage, parts, at)
    }

    /// Where an element of a node lies that is in memory, or is a view of what is.
    pub fn address(&self, step: &mut Step, id: NodeId, parts: &Parts, at: &[Index]) -> (BufferId, Index) {
        if self.fused.stored[id.index()] {
            return self.stored(step, Source::Node(id), parts, at);
        }
        self.address_of_view(step, id, parts, at)
    }

    /// Where an element of a leaf or a view lies, whether or not it is also kept.
    pub fn address_of_view(
        &self,
        step: &mut Step,
        id: NodeId,
        parts: &Parts,
        at: &[Index],
    ) -> (BufferId, Index) {
        let graph = self.graph;
        let inputs = graph.inputs(id);
        match graph.op(id) {
            Op::Leaf(leaf) => self.leaf(step, &graph.leaves[*leaf], at),
            Op::StopGradient => self.address(step, inputs[0], parts, at),
            Op::Reshape => {
                let operand = &graph.ty(inputs[0]).shape;
                let result = &graph.ty(id).shape;
                if same_but_for_ones(operand, result).is_some() {
                    let at = view(graph, id, at);
                    return self.address(step, inputs[0], parts, &at);
                }
                // The axes before the first that changes are the operand's own; behind it both lie
                // unbroken in memory, or at even distances.
                let alike = operand.iter().zip(result).take_while(|(a, b)| a == b).count();
                let mut from: Vec<Index> = at[..alike].to_vec();
                from.resize(operand.len(), Index::default());
                let (buffer, mut index) = self.address(step, inputs[0], parts, &from);
                let apart = self.apart(inputs[0]);
                for (position, stride) in at[alike..].iter().zip(strides(&result[alike..])) {
                    index = sum(&index, &scaled(position, stride * apart));
                }
                (buffer, index)
            }
            Op::Transpose { .. } | Op::Broadcast { .. } | Op::Slice { .. } | Op::Reverse { .. } => {
                let at = view(graph, id, at);
                self.address(step, inputs[0], parts, &at)
            }
            op => unreachable!("{op:?} is not in memory"),
        }
    }

    /// From one element to the next of what a reshape looks at.
    fn apart(&self, id: NodeId) -> i64 {
        match self.graph.op(id) {
            _ if self.fused.stored[id.index()] => self.plan.values[&Source::Node(id)].lanes() as i64,
            Op::Reshape | Op::StopGradient => self.apart(self.graph.inputs(id)[0]),
            _ => 1,
        }
    }

    /// Where an element of a leaf lies.
    pub fn leaf(&self, step: &mut Step, leaf: &Leaf, at: &[Index]) -> (BufferId, Index) {
        let mut plain = |home| {
            let buffer = step.buffer(&leaf.name, home, leaf.ty.dtype, &leaf.ty.shape);
            (buffer, flat(at, &strides(&leaf.ty.shape)))
        };
        let around = || self.outer.expect("a leaf of a loop's body stands in a loop");
        match leaf.kind {
            LeafKind::Arg => plain(Home::Arg(leaf.index)),
            LeafKind::Place => match self.root().plan.layouts.get(&leaf.index) {
                Some(Layout::Panels(width)) => panelled(step, leaf, *width, at),
                Some(Layout::Rows) | None => plain(Home::Place(leaf.index)),
            },
            LeafKind::Resident => plain(Home::Resident(leaf.index)),
            LeafKind::Run => plain(Home::Run),
            LeafKind::Carried => {
                let (outer, scan, _) = around();
                let name = format!("{}.carried{}", outer.name(scan), leaf.index);
                held(step, &name, &outer.plan.carried[&(scan, leaf.index)], &Parts::default(), at)
            }
            LeafKind::Scanned => {
                let (outer, scan, counter) = around();
                let Op::Scan(of) = outer.graph.op(scan) else { unreachable!("a loop is a scan") };
                let operand = outer.graph.inputs(scan)[of.carried + leaf.index];
                let at = [&[counter_index(counter)], at].concat();
                outer.address(step, operand, &Parts::default(), &at)
            }
            LeafKind::Captured => {
                let (outer, scan, _) = around();
                let Op::Scan(of) = outer.graph.op(scan) else { unreachable!("a loop is a scan") };
                let operand = outer.graph.inputs(scan)[of.carried + of.scanned + leaf.index];
                outer.address(step, operand, &Parts::default(), at)
            }
            LeafKind::Turn | LeafKind::Raw | LeafKind::Drawn => {
                unreachable!("{} is not in memory", leaf.name)
            }
        }
    }

    /// Where an element goes that leaves the graph.
    pub fn target(
        &self,
        step: &mut Step,
        target: Target,
        shape: &[usize],
        dtype: DType,
        at: &[Index],
    ) -> (BufferId, Index) {
        match target {
            Target::Over(leaf) => self.leaf(step, &self.graph.leaves[leaf], at),
            Target::Report(report) => {
                let name = step.report(report).to_owned();
                let buffer = step.buffer(&name, Home::Report(report), dtype, shape);
                (buffer, flat(at, &strides(shape)))
            }
            Target::Stack(result) => {
                let (outer, scan, counter) = self.outer.expect("a stack stands around a loop");
                let Op::Scan(of) = outer.graph.op(scan) else { unreachable!("a loop is a scan") };
                let at = match result < of.carried {
                    true => at.to_vec(),
                    false => [&[counter_index(counter)], at].concat(),
                };
                outer.result(step, scan, result, &at)
            }
        }
    }

    /// Where an element of a scan's result lies.
    pub fn result(&self, step: &mut Step, scan: NodeId, result: usize, at: &[Index]) -> (BufferId, Index) {
        let Op::Scan(of) = self.graph.op(scan) else { unreachable!("a loop is a scan") };
        let kind = if result < of.carried { "carried" } else { "stack" };
        let name = format!("{}.{kind}{result}", self.name(scan));
        held(step, &name, &self.plan.carried[&(scan, result)], &Parts::default(), at)
    }
}

/// Where an element lies in a storage.
pub fn held(
    step: &mut Step,
    name: &str,
    storage: &Storage,
    parts: &Parts,
    at: &[Index],
) -> (BufferId, Index) {
    let home = match storage.memory {
        plan::Memory::Arena(byte) => Home::Arena(byte),
        plan::Memory::Alternate(copies) => Home::Alternate(copies),
        plan::Memory::Own(byte) => Home::Own(byte),
        plan::Memory::OwnAlternate(copies) => Home::OwnAlternate(copies),
        plan::Memory::Scratch(byte) => Home::Scratch(byte),
    };
    let buffer = step.buffer(name, home, storage.dtype, &storage.extents());
    let mut at = at.to_vec();
    for (axis, from) in [(storage.block, &parts.block), (storage.tile, &parts.tile)] {
        if let Some(axis) = axis {
            let from = from.as_ref().expect("a part is read where it was written");
            at[axis] = sum(&at[axis], &scaled(from, -1));
        }
    }
    (buffer, flat(&at, &storage.strides()))
}

/// Where an element of a place lies that is held in panels. Along its last axis the index is a multiple of
/// the panels' width and, within the panel, one more variable.
fn panelled(step: &mut Step, leaf: &Leaf, width: usize, at: &[Index]) -> (BufferId, Index) {
    let buffer = step.buffer(&leaf.name, Home::Place(leaf.index), leaf.ty.dtype, &leaf.ty.shape);
    step.buffers[buffer.0 as usize].layout = Layout::Panels(width);
    let (last, lead) = at.split_last().expect("what lies in panels has axes");
    let lead_shape = &leaf.ty.shape[..lead.len()];
    let rows: usize = lead_shape.iter().product();
    let row = scaled(&flat(lead, &strides(lead_shape)), width as i64);
    if width == 1 {
        return (buffer, sum(&scaled(last, rows as i64), &row));
    }
    if leaf.ty.shape[lead.len()] <= width {
        return (buffer, sum(&row, last));
    }
    let is_multiple = |var: &IndexVar, by: i64| {
        let of = |(other, n): &(Var, usize)| {
            IndexVar::Loop(*other) == *var && (by * *n as i64) % width as i64 == 0
        };
        step.multiples.iter().any(of)
    };
    let (panels, within): (Vec<_>, Vec<_>) = last.terms.iter().partition(|(var, by)| is_multiple(var, *by));
    let panel = Index { terms: panels, ..Index::default() };
    let column = Index { offset: last.offset, terms: within, dynamic: Vec::new() };
    assert!(last.dynamic.is_empty() && column.terms.len() <= 1 && column.offset == 0, "{last:?} in panels");
    (buffer, sum(&sum(&scaled(&panel, rows as i64), &row), &column))
}

/// The index that is a variable.
pub fn var_index(var: Var) -> Index {
    Index { offset: 0, terms: vec![(IndexVar::Loop(var), 1)], dynamic: Vec::new() }
}

/// The index that is a loop's counter.
pub fn counter_index(counter: usize) -> Index {
    Index { offset: 0, terms: vec![(IndexVar::Counter(counter), 1)], dynamic: Vec::new() }
}

/// A constant index.
pub fn fixed_index(offset: usize) -> Index {
    Index { offset: offset as i64, ..Index::default() }
}

/// The sum of two indices.
pub fn sum(a: &Index, b: &Index) -> Index {
    fn joined<T: Copy + Ord>(a: &[(T, i64)], b: &[(T, i64)]) -> Vec<(T, i64)> {
        let mut all: Vec<(T, i64)> = a.to_vec();
        for (of, by) in b {
            match all.iter_mut().find(|(other, _)| other == of) {
                Some((_, sum)) => *sum += by,
                None => all.push((*of, *by)),
            }
        }
        all.retain(|(_, by)| *by != 0);
        all.sort_unstable();
        all
    }
    Index {
        offset: a.offset + b.offset,
        terms: joined(&a.terms, &b.terms),
        dynamic: joined(&a.dynamic, &b.dynamic),
    }
}

/// An index multiplied.
pub fn scaled(index: &Index, by: i64) -> Index {
    if by == 0 {
        return Index::default();
    }
    Index {
        offset: index.offset * by,
        terms: index.terms.iter().map(|(v, c)| (*v, c * by)).collect(),
        dynamic: index.dynamic.iter().map(|(v, c)| (*v, c * by)).collect(),
    }
}

/// The position in memory of indices with strides.
pub fn flat(at: &[Index], strides: &[i64]) -> Index {
    at.iter().zip(strides).fold(Index::default(), |all, (index, stride)| sum(&all, &scaled(index, *stride)))
}

/// Where a view (or a reshape that moves no axis) reads its operand.
pub fn view(graph: &Graph, id: NodeId, at: &[Index]) -> Vec<Index> {
    let operand = &graph.ty(graph.inputs(id)[0]).shape;
    match graph.op(id) {
        Op::Transpose { perm } => {
            let mut from = vec![Index::default(); perm.len()];
            for (axis, of) in perm.iter().enumerate() {
                from[*of] = at[axis].clone();
            }
            from
        }
        Op::Broadcast { axes } => {
            let one = |(i, axis): (usize, &usize)| {
                if operand[i] == 1 { Index::default() } else { at[*axis].clone() }
            };
            axes.iter().enumerate().map(one).collect()
        }
        Op::Slice { start, stride } => {
            let one = |((p, start), stride): ((&Index, &usize), &usize)| {
                sum(&scaled(p, *stride as i64), &fixed_index(*start))
            };
            at.iter().zip(start).zip(stride).map(one).collect()
        }
        Op::Reverse { axes } => {
            let one = |(axis, p): (usize, &Index)| match axes.contains(&axis) {
                true => sum(&scaled(p, -1), &fixed_index(operand[axis] - 1)),
                false => p.clone(),
            };
            at.iter().enumerate().map(one).collect()
        }
        Op::Reshape => {
            let axes = same_but_for_ones(operand, &graph.ty(id).shape).expect("a reshape that moves no axis");
            axes.iter().map(|axis| axis.map_or(Index::default(), |axis| at[axis].clone())).collect()
        }
        op => unreachable!("{op:?} is not a view"),
    }
}
