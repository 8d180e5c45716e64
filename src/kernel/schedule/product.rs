//! Contractions by micro-kernels: the operands in terms of the piece's axes, the loops around a call, and the call.

use super::calls::Call;
use super::choice::{Choice, choose, choose_columns, choose_lanes, turned};
use super::pieces::Range;
use super::scope::{Scope, flat, held as held_at, scaled, sum, var_index};
use super::value::Kernel;
use crate::fuse::What;
use crate::fuse::access::{Position, plain};
use crate::fuse::chains::{AT_ONCE as TERMS, From, started_from};
use crate::fuse::full::{Along, full};
use crate::fuse::pieces::operand_at;
use crate::fuse::stored::below_views;
use crate::fuse::zeros::may_be_zero;
use crate::ir::op::Binary;
use crate::ir::{DType, LeafKind, NodeId, Op as Node};
use crate::kernel::{BufferId, Extent, Home, Index, IndexVar, Op, Start, Val, Var};
use crate::plan::lanes::lanes_of;
use crate::plan::layout::TURNED;
use crate::plan::{Memory, Storage, strides};
use crate::source::Span;

/// An operand, or the result, in terms of the piece's axes.
#[derive(Clone)]
pub struct Place {
    /// Where.
    pub buffer: BufferId,
    /// Its first element for the ranges gone through.
    pub base: Index,
    /// Elements from one index to the next, along each axis.
    pub strides: Vec<i64>,
}

/// Elements between neighbours in both operands.
fn strides_of(placed: &[Place; 2]) -> [&[i64]; 2] {
    [&placed[0].strides, &placed[1].strides]
}

/// Gives a buffer and a position in it, of indices along the piece's axes.
type Address<'a, K> = dyn FnMut(&mut K, &[Index]) -> (BufferId, Index) + 'a;

impl Kernel<'_, '_> {
    /// A contraction, whole or a block of it.
    pub(super) fn contract(&mut self, nth: usize, ranges: &[Range]) {
        let scope = self.scope;
        let piece = &scope.fused.pieces[nth];
        let (What::Value(id) | What::Partial(id)) = piece.what else { unreachable!("a product is a value") };
        let node = scope.graph.node(id);
        let Node::Contract(spec) = &node.op else { unreachable!("only contractions come here") };
        let outer = piece.outer;
        let sink = scope.plan.in_place.get(&nth).map(|sink| &scope.fused.pieces[*sink].what);
        let to = sink.unwrap_or(&piece.what);
        let begin = node.inputs.get(2).copied().filter(|_| matches!(piece.what, What::Value(_)));
        let mut start = match begin.filter(|_| sink.is_some()) {
            Some(begin) => self.in_place(begin, node.ty.dtype),
            None => Start::Zero,
        };
        if piece.extents[outer..].contains(&0) {
            return self.nest(&ranges[..outer], true, &mut |kernel, at| {
                let zero = kernel.constant(node.ty.dtype, 0.0);
                let value = begin.map_or(zero, |begin| kernel.read(begin, at));
                let to = kernel.target(to, at);
                kernel.store(to, value, node.span);
            });
        }
        let axes = ranges.len();
        let mut positions = [operand_at(spec, 0), operand_at(spec, 1)];
        let mut inputs = [node.inputs[0], node.inputs[1]];
        let mut extents = piece.extents.clone();
        let mut along_elements = ranges.to_vec();
        let full = full(scope.graph, id);
        let scattered: Vec<Along> = full.iter().flat_map(|full| full.along.clone()).collect();
        if let Some(full) = full {
            inputs[full.operand] = full.base;
            positions[full.operand] = full.at;
            for along in &scattered {
                extents[along.result] = along.elements;
                along_elements[along.result] = Range::whole(along.elements);
            }
            // The window's numbers are taken one by one, and what they give added up.
            self.nest_of(id, &ranges[..outer], true, &mut |kernel, at| {
                let zero = kernel.constant(node.ty.dtype, 0.0);
                let to = kernel.target(to, at);
                kernel.store(to, zero, node.span);
            });
        }
        let ranges = &along_elements[..];
        let logical = [0, 1].map(|i| logical_strides(self, inputs[i], &positions[i], axes));
        let mut c = self.place(axes, ranges, &mut |kernel, along| {
            let mut at = along[..outer].to_vec();
            for l in &scattered {
                let back =
                    sum(&scaled(&along[l.window], -l.step), &Index { offset: -l.shift, ..Index::default() });
                at[l.result] = sum(&at[l.result], &back);
            }
            kernel.target(to, &at)
        });
        // Lanes are columns, of which the result must be made, or summed over.
        let lanes = lanes_of(scope.graph, piece).filter(|axis| *axis >= outer || c.strides[*axis] == 1);
        let mut placed = [0, 1].map(|i| {
            self.place(axes, ranges, &mut |kernel, along| {
                let at = in_terms(&positions[i], along);
                scope.address(kernel.step, inputs[i], &kernel.parts.clone(), &at)
            })
        });
        let mut byte = scope.plan_scratch();
        if let Some(axis) = lanes {
            for i in [0, 1] {
                if ![0, 1].contains(&placed[i].strides[axis]) {
                    placed[i] = self.with_lanes(inputs[i], &positions[i], axis, ranges, &mut byte);
                }
            }
        }
        let whole = matches!(piece.what, What::Value(_));
        let columns = whole && inputs.iter().any(|input| scope.lies_turned(*input));
        let columns = columns.then(|| choose_columns(&extents, outer, strides_of(&placed))).flatten();
        let mut choice = match lanes {
            Some(axis) => choose_lanes(&extents, outer, strides_of(&placed), axis),
            None => columns.unwrap_or_else(|| choose(&extents, outer, &logical, &c.strides)),
        };
        let blocks: Vec<usize> = ranges[..outer].iter().map(|r| r.extent.size).collect();
        let turned = turned(&choice, &extents, &blocks, strides_of(&placed)).filter(|_| scattered.is_empty());
        let mut aside = None;
        if let Some(turned) = turned {
            let there = self.aside(&turned, ranges, node.ty.dtype, &mut byte);
            let belongs = std::mem::replace(&mut c, there);
            aside = Some((belongs, std::mem::replace(&mut start, Start::Zero)));
            choice = turned;
        }
        let [first, second] = placed;
        let (a, mut b) = if choice.swap { (second, first) } else { (first, second) };

        // Summed axes: in loops around the call, or inside it. A block's own axis is outermost.
        let mut summed: Vec<usize> = (outer..axes).filter(|s| Some(*s) != choice.run).collect();
        let of_window = |s: usize| scattered.iter().any(|l| l.window == s);
        summed.sort_by_key(|s| (!of_window(*s), ranges[*s].extent.rest.is_none() && piece.owner != Some(*s)));
        let mut inside = summed.len();
        let mut terms = 1;
        while inside > 0 {
            let range = &ranges[summed[inside - 1]];
            // What is left of a block is a number of terms, but no part of a table of them.
            let whole = range.extent.rest.is_none() || (choice.run.is_none() && summed.len() == 1);
            if !whole || of_window(summed[inside - 1]) || terms * range.extent.size > TERMS {
                break;
            }
            terms *= range.extent.size;
            inside -= 1;
        }
        let (around, within) = summed.split_at(inside);
        let called = |axis: usize| Some(axis) == choice.m || Some(axis) == choice.n;
        let mut free: Vec<usize> = (0..outer).filter(|axis| !called(*axis)).collect();

        // The right operand is laid out anew where its columns are not neighbours: once, if the loops leave it
        // as it is.
        let mut columns = choice.n.map_or(Extent::fixed(1), |n| ranges[n].extent);
        if let Some(n) = choice.n.filter(|n| lanes == Some(*n)) {
            // What lies behind the lanes in the result and in the pictures goes along with them.
            let width = columns.size as i64;
            let behind =
                |axis: &usize| a.strides[*axis] == 0 && [&b, &c].iter().all(|p| p.strides[*axis] == width);
            if let Some(nth) = free.iter().position(behind).filter(|_| b.strides[n] == 1) {
                columns = Extent::fixed(columns.size * ranges[free.remove(nth)].extent.size);
            }
        }
        // What the right operand has beside the columns, the call goes through for each row.
        let near = |axis: &usize| b.strides[*axis].abs();
        let bands = free.iter().copied().filter(|axis| {
            let still = a.strides[*axis] == 0 && b.strides[*axis] != 0;
            choice.run.is_some() && still && ranges[*axis].extent.rest.is_none() && extents[*axis] > 1
        });
        let bands = bands.min_by_key(near);
        free.retain(|axis| Some(*axis) != bands);
        let mut pack = choice.n.filter(|n| choice.run.is_none() && b.strides[*n] != 1);
        let moves = free.iter().chain(around).any(|axis| b.strides[*axis] != 0);
        if let Some(n) = pack.filter(|_| !moves) {
            b = self.packed(&b, within, n, ranges, (node.ty.dtype, node.span), &mut byte);
            pack = None;
        }
        let left = inputs[usize::from(choice.swap)];
        let zeros = may_be_zero(scope.graph, left, scope.outer.map(|(outer, scan, _)| (outer.graph, scan)));
        let call = Call {
            start,
            zeros,
            choice: &choice,
            a: &a,
            b: &b,
            c: &c,
            free: &free,
            bands,
            around,
            within,
            pack,
            columns,
            scattered: &scattered,
            scratch: byte,
        };
        self.calls(&call, ranges, node.ty.dtype, node.span);
        if let Some((to, start)) = aside {
            self.turn_round(&c, (&to, start), &choice, ranges, (node.ty.dtype, node.span));
        }
        if let Some(begin) = begin.filter(|_| sink.is_none()) {
            self.nest(&ranges[..outer], true, &mut |kernel, at| {
                let begin = kernel.read(begin, at);
                let to = kernel.target(to, at);
                let sum = kernel.out.here(node.ty.dtype, Op::Load(to.0, to.1.clone()), node.span);
                let value = kernel.out.here(node.ty.dtype, Op::Binary(Binary::Add, begin, sum), node.span);
                kernel.store(to, value, node.span);
            });
        }
    }

    /// Where something lies in terms of the piece's axes.
    fn place(&mut self, axes: usize, ranges: &[Range], address: &mut Address<'_, Self>) -> Place {
        let vars: Vec<Var> = (0..axes).map(|_| self.out.free_var()).collect();
        let along: Vec<Index> =
            ranges.iter().zip(&vars).map(|(range, var)| sum(&range.from, &var_index(*var))).collect();
        let (buffer, mut base) = address(self, &along);
        let mut strides = vec![0; axes];
        base.terms.retain(|(v, by)| match vars.iter().position(|var| IndexVar::Loop(*var) == *v) {
            Some(axis) => {
                strides[axis] = *by;
                false
            }
            None => true,
        });
        self.out.forget_vars(axes);
        Place { buffer, base, strides }
    }

    /// A block of an operand laid out anew with the owner's axis innermost, behind `byte` in scratch.
    fn with_lanes(
        &mut self,
        id: NodeId,
        positions: &[Position],
        axis: usize,
        ranges: &[Range],
        byte: &mut usize,
    ) -> Place {
        let node = self.scope.graph.node(id);
        let alone = |p: &Position| p.as_ref().and_then(plain) == Some(axis);
        let own = positions.iter().position(alone).expect("the lanes' axis stands alone");
        let mut held = node.ty.shape.clone();
        held[own] = ranges[axis].extent.size;
        let storage = Storage {
            memory: Memory::Scratch(*byte),
            dtype: node.ty.dtype,
            held,
            block: Some(own),
            tile: None,
            inner: Some(own),
            gap: 0,
        };
        *byte += storage.bytes().next_multiple_of(64);
        self.step.scratch = self.step.scratch.max(*byte);
        let name = format!("{}.lanes", self.scope.name(id));
        let parts = self.parts.clone();
        let mut loops: Vec<Range> = node.ty.shape.iter().map(|e| Range::whole(*e)).collect();
        let range = ranges[axis].clone();
        loops.remove(own);
        loops.push(range);
        let logical = |at: &[Index]| {
            let (lane, others) = at.split_last().expect("the lanes come last");
            [&others[..own], std::slice::from_ref(lane), &others[own..]].concat()
        };
        self.nest(&loops, true, &mut |kernel, at| {
            let at = logical(at);
            let value = kernel.read(id, &at);
            let to = held_at(kernel.step, &name, &storage, &parts, &at);
            kernel.store(to, value, node.span);
        });
        self.place(ranges.len(), ranges, &mut |kernel, along| {
            held_at(kernel.step, &name, &storage, &parts, &in_terms(positions, along))
        })
    }

    /// A place in scratch for a product whose result is going to be turned round.
    fn aside(&mut self, choice: &Choice, ranges: &[Range], dtype: DType, byte: &mut usize) -> Place {
        let (m, n) = (choice.m.expect("rows"), choice.n.expect("columns"));
        let (rows, columns) = (ranges[m].extent.size, ranges[n].extent.size);
        let home = Home::Scratch(*byte);
        *byte += (rows * columns * dtype.size()).next_multiple_of(64);
        self.step.scratch = self.step.scratch.max(*byte);
        let buffer = self.step.buffer("turned", home, dtype, &[rows, columns]);
        let mut strides = vec![0; ranges.len()];
        (strides[m], strides[n]) = (columns as i64, 1);
        Place { buffer, base: Index::default(), strides }
    }

    /// Carries a product from there to where it belongs, as a routine would have added it.
    fn turn_round(
        &mut self,
        aside: &Place,
        (to, start): (&Place, Start),
        choice: &Choice,
        ranges: &[Range],
        (dtype, span): (DType, Option<Span>),
    ) {
        let axes = [choice.n.expect("columns"), choice.m.expect("rows")];
        let loops = axes.map(|axis| Range { from: Index::default(), extent: ranges[axis].extent });
        self.nest(&loops, true, &mut |kernel, at| {
            let index = |place: &Place| {
                let by = axes.iter().zip(at).map(|(axis, i)| scaled(i, place.strides[*axis]));
                by.fold(place.base.clone(), |all, i| sum(&all, &i))
            };
            let load = |kernel: &mut Self, place: &Place| {
                kernel.out.here(dtype, Op::Load(place.buffer, index(place)), span)
            };
            let binary = |kernel: &mut Self, f, x, y| kernel.out.here(dtype, Op::Binary(f, x, y), span);
            let mut value = load(kernel, aside);
            if start != Start::Zero {
                let mut old = load(kernel, to);
                old = match start {
                    Start::Zero | Start::Old | Start::Plus => old,
                    Start::Scaled(by) => binary(kernel, Binary::Mul, by, old),
                    Start::Decayed(by) => {
                        let part = binary(kernel, Binary::Mul, by, old);
                        binary(kernel, Binary::Add, old, part)
                    }
                };
                value = binary(kernel, Binary::Add, old, value);
            }
            kernel.store((to.buffer, index(to)), value, span);
        });
    }

    /// What becomes of a place that a sum is added to.
    fn in_place(&mut self, begin: NodeId, dtype: DType) -> Start {
        let graph = self.scope.graph;
        let from = (0..graph.leaves.len()).find_map(|leaf| started_from(graph, begin, leaf));
        match from {
            None | Some(From::Itself) => Start::Plus,
            Some(From::Scaled(factor)) => Start::Scaled(self.constant_of(factor, dtype)),
            Some(From::Decayed(factor)) => Start::Decayed(self.constant_of(factor, dtype)),
        }
    }

    /// The number that all elements of a node are.
    fn constant_of(&mut self, id: NodeId, dtype: DType) -> Val {
        let axes = vec![Index::default(); self.scope.graph.ty(id).rank()];
        let value = self.read(id, &axes);
        debug_assert_eq!(self.out.values[value.0 as usize], dtype);
        value
    }
}

/// Positions with indices for the piece's axes.
fn in_terms(positions: &[Position], along: &[Index]) -> Vec<Index> {
    let one = |p: &Position| {
        let p = p.as_ref().expect("a product reads at known positions");
        let start = Index { offset: p.offset, ..Index::default() };
        p.terms.iter().fold(start, |i, (axis, by)| sum(&i, &scaled(&along[*axis], *by)))
    };
    positions.iter().map(one).collect()
}

/// Elements between neighbours along each of the piece's axes, were everything whole in memory.
fn logical_strides(kernel: &mut Kernel<'_, '_>, id: NodeId, at: &[Position], axes: usize) -> Vec<i64> {
    let vars: Vec<Var> = (0..axes).map(|_| kernel.out.free_var()).collect();
    let along: Vec<Index> = vars.iter().map(|var| var_index(*var)).collect();
    let index = kernel.scope.logical(id, &in_terms(at, &along));
    kernel.out.forget_vars(axes);
    let along =
        |var: &Var| index.terms.iter().find(|(v, _)| *v == IndexVar::Loop(*var)).map_or(0, |(_, by)| *by);
    vars.iter().map(along).collect()
}

impl Scope<'_> {
    /// The byte of scratch behind all that the plan holds there.
    pub(super) fn plan_scratch(&self) -> usize {
        self.outer.map_or(self.plan.scratch, |(outer, ..)| outer.plan_scratch().max(self.plan.scratch))
    }

    /// Whether a node is a place that lies column by column.
    fn lies_turned(&self, id: NodeId) -> bool {
        match self.graph.op(below_views(self.graph, id)) {
            Node::Leaf(leaf) => self.leaf_lies_turned(*leaf),
            _ => false,
        }
    }

    /// Whether a leaf is one.
    pub(super) fn leaf_lies_turned(&self, leaf: usize) -> bool {
        let leaf = &self.graph.leaves[leaf];
        leaf.kind == LeafKind::Place && self.root().plan.layouts.get(&leaf.index) == Some(&TURNED)
    }

    /// Where an element of a node would lie if all values were whole in memory.
    fn logical(&self, id: NodeId, at: &[Index]) -> Index {
        use super::scope::view;
        let graph = self.graph;
        let shape = &graph.ty(id).shape;
        if self.fused.stored[id.index()] {
            return flat(at, &strides(shape));
        }
        let inputs = graph.inputs(id);
        match graph.op(id) {
            Node::Leaf(leaf) => {
                let leaf = &graph.leaves[*leaf];
                let Some((outer, scan, counter)) = self.outer else { return flat(at, &strides(shape)) };
                let Node::Scan(of) = outer.graph.op(scan) else { unreachable!("a loop is a scan") };
                let operand = |nth: usize| outer.graph.inputs(scan)[nth];
                match leaf.kind {
                    LeafKind::Scanned => {
                        let at = [&[super::scope::counter_index(counter)], at].concat();
                        outer.logical(operand(of.carried + leaf.index), &at)
                    }
                    LeafKind::Captured => outer.logical(operand(of.carried + of.scanned + leaf.index), at),
                    _ => flat(at, &strides(shape)),
                }
            }
            Node::StopGradient => self.logical(inputs[0], at),
            Node::Reshape
                if crate::fuse::access::same_but_for_ones(&graph.ty(inputs[0]).shape, shape).is_none() =>
            {
                flat(at, &strides(shape))
            }
            _ => {
                let at = view(graph, id, at);
                self.logical(inputs[0], &at)
            }
        }
    }
}
