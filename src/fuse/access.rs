//! What a piece reads, and at which positions along its own axes.

use crate::ir::op::Affine;
use crate::ir::{Graph, NodeId, Op};

/// Something that is read from memory.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Source {
    /// The value of a stored node.
    Node(NodeId),
    /// The sums of the blocks of a divided sum.
    Partial(NodeId),
    /// A leaf of the graph, by its index there.
    Leaf(usize),
}

/// One reading.
#[derive(Clone, Debug, PartialEq)]
pub struct Access {
    /// Of what.
    pub source: Source,
    /// For each axis of the source, the piece's axis whose index it is, unchanged; none if it is anything else.
    pub along: Vec<Option<usize>>,
}

/// Where along an axis something is read: an affine function of a piece's axes, or not known.
pub type Position = Option<Affine>;

/// A constant position.
fn constant(offset: usize) -> Position {
    Some(Affine { terms: Vec::new(), offset: offset as i64 })
}

/// The positions that are a piece's first axes themselves.
pub fn identity(rank: usize) -> Vec<Position> {
    (0..rank).map(|axis| Some(Affine::var(axis))).collect()
}

/// Collects what the value of a node at a position is computed from.
pub struct Walk<'a> {
    /// The graph.
    pub graph: &'a Graph,
    /// Which nodes are kept in memory.
    pub stored: &'a [bool],
    /// What was found.
    pub found: Vec<Access>,
    /// Whether an index is looked up on the way.
    pub looks_up: bool,
}

impl<'a> Walk<'a> {
    /// Nothing found yet.
    pub fn new(graph: &'a Graph, stored: &'a [bool]) -> Walk<'a> {
        Walk { graph, stored, found: Vec::new(), looks_up: false }
    }

    fn add(&mut self, source: Source, at: &[Position]) {
        let along = at.iter().map(|p| p.as_ref().and_then(plain)).collect();
        let access = Access { source, along };
        if !self.found.contains(&access) {
            self.found.push(access);
        }
    }

    /// Reads a node at a position.
    pub fn read(&mut self, id: NodeId, at: &[Position]) {
        if self.stored[id.index()] {
            return self.add(Source::Node(id), at);
        }
        self.compute(id, at);
    }

    /// Computes a node at a position from its operands.
    pub fn compute(&mut self, id: NodeId, at: &[Position]) {
        let graph = self.graph;
        let inputs = graph.inputs(id);
        match graph.op(id) {
            Op::Leaf(leaf) => self.add(Source::Leaf(*leaf), at),
            Op::Const(_) | Op::Iota { .. } => {}
            Op::Unary(_) | Op::Binary(_) | Op::Compare(_) | Op::Select | Op::Cast(_) | Op::StopGradient => {
                for input in inputs {
                    self.read(*input, at);
                }
            }
            Op::Transpose { .. }
            | Op::Broadcast { .. }
            | Op::Slice { .. }
            | Op::Reverse { .. }
            | Op::Reshape => {
                let shape = &graph.ty(inputs[0]).shape;
                let at = operand_position(graph.op(id), shape, &graph.ty(id).shape, at);
                self.read(inputs[0], &at);
            }
            Op::Gather { axes } => self.gather(id, axes, at),
            Op::Result(_) => self.add(Source::Node(id), at),
            Op::Pad { .. }
            | Op::Concat { .. }
            | Op::Reduce { .. }
            | Op::ArgReduce { .. }
            | Op::Contract(_)
            | Op::WindowReduce { .. }
            | Op::WindowSpread { .. }
            | Op::WindowPick { .. }
            | Op::ScatterAdd { .. }
            | Op::RandomBits { .. }
            | Op::Scan(_)
            | Op::Grad => unreachable!("kept in memory, so never computed where it is used"),
        }
    }

    /// Reads the operands of a gather whose result is computed at a position.
    fn gather(&mut self, id: NodeId, axes: &[usize], at: &[Position]) {
        let graph = self.graph;
        let inputs = graph.inputs(id);
        let searched = graph.ty(inputs[1]).rank();
        let (over, rest) = at.split_at(searched);
        let mut rest = rest.iter().cloned();
        let mut operand = Vec::new();
        for axis in 0..graph.ty(inputs[0]).rank() {
            operand.push(match axes.iter().position(|a| *a == axis) {
                None => rest.next().expect("the other axes follow"),
                Some(nth) => {
                    let index = inputs[1 + nth];
                    let known = known_index(graph, index, over);
                    let within = known.as_ref().and_then(plain).is_some_and(|_| {
                        counted(graph, index).is_some_and(|n| n <= graph.ty(inputs[0]).shape[axis])
                    });
                    if within {
                        known
                    } else {
                        self.looks_up = true;
                        self.read(index, over);
                        None
                    }
                }
            });
        }
        self.read(inputs[0], &operand);
    }
}

/// The variable that a position is, if it is one unchanged.
pub fn plain(position: &Affine) -> Option<usize> {
    match position.terms[..] {
        [(axis, 1)] if position.offset == 0 => Some(axis),
        _ => None,
    }
}

/// How far an index that counts along an axis goes.
pub fn counted(graph: &Graph, index: NodeId) -> Option<usize> {
    match graph.op(index) {
        Op::Iota { axis } => Some(graph.ty(index).shape[*axis]),
        Op::Broadcast { .. } => counted(graph, graph.inputs(index)[0]),
        _ => None,
    }
}

/// The value of an index tensor at a position, if it counts along an axis.
pub fn known_index(graph: &Graph, index: NodeId, at: &[Position]) -> Position {
    match graph.op(index) {
        Op::Iota { axis } => at[*axis].clone(),
        Op::Broadcast { .. } => {
            let input = graph.inputs(index)[0];
            let shape = &graph.ty(input).shape;
            known_index(graph, input, &operand_position(graph.op(index), shape, &graph.ty(index).shape, at))
        }
        _ => None,
    }
}

/// Where a view reads its operand. A reshape is exact where axes stay as they are from the front, and
/// unknown behind.
pub fn operand_position(op: &Op, operand: &[usize], result: &[usize], at: &[Position]) -> Vec<Position> {
    match op {
        Op::Transpose { perm } => {
            let mut from = vec![None; perm.len()];
            for (axis, of) in perm.iter().enumerate() {
                from[*of] = at[axis].clone();
            }
            from
        }
        Op::Broadcast { axes } => {
            let one = |(i, axis): (usize, &usize)| {
                if operand[i] == 1 { constant(0) } else { at[*axis].clone() }
            };
            axes.iter().enumerate().map(one).collect()
        }
        Op::Slice { start, stride } => {
            let one = |((p, start), stride): ((&Position, &usize), &usize)| {
                p.as_ref().map(|p| Affine {
                    terms: p.terms.iter().map(|(v, c)| (*v, c * *stride as i64)).collect(),
                    offset: p.offset * *stride as i64 + *start as i64,
                })
            };
            at.iter().zip(start).zip(stride).map(one).collect()
        }
        Op::Reverse { axes } => {
            let one = |(axis, p): (usize, &Position)| match p {
                Some(p) if axes.contains(&axis) => Some(Affine {
                    terms: p.terms.iter().map(|(v, c)| (*v, -c)).collect(),
                    offset: operand[axis] as i64 - 1 - p.offset,
                }),
                p => p.clone(),
            };
            at.iter().enumerate().map(one).collect()
        }
        Op::Reshape => {
            if let Some(axes) = same_but_for_ones(operand, result) {
                let one = |axis: &Option<usize>| axis.map_or(constant(0), |axis| at[axis].clone());
                return axes.iter().map(one).collect();
            }
            let alike = operand.iter().zip(result).take_while(|(a, b)| a == b).count();
            let mut from: Vec<Position> = at[..alike.min(at.len())].to_vec();
            from.resize(operand.len(), None);
            from
        }
        _ => unreachable!("not a view"),
    }
}

/// For a reshape that only adds or drops axes of extent 1: for each operand axis the result's, or none
/// where it is one of extent 1.
pub fn same_but_for_ones(operand: &[usize], result: &[usize]) -> Option<Vec<Option<usize>>> {
    let mut long = result.iter().enumerate().filter(|(_, e)| **e != 1);
    let mut axes = Vec::new();
    for extent in operand {
        if *extent == 1 {
            axes.push(None);
            continue;
        }
        match long.next() {
            Some((axis, e)) if e == extent => axes.push(Some(axis)),
            _ => return None,
        }
    }
    long.next().is_none().then_some(axes)
}
