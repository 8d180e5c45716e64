//! A cluster as a kernel: each piece a loop nest over its part of the owner's block.

use super::scope::{Parts, Scope, Step, fixed_index, flat, sum, var_index};
use super::value::Kernel;
use super::writer::Writer;
use crate::fuse::owner::JOINED_AT_ONCE as AT_ONCE;
use crate::fuse::{self, Cluster, Source, Target, What};
use crate::ir::op::{Binary, Reduce, Unary};
use crate::ir::types::Scalar;
use crate::ir::{DType, NodeId, Op as Node};
use crate::kernel::{BufferId, Extent, Home, Index, Op, Owner, Share, Stmt, Val, Var};
use crate::plan::layout::panel_axis;
use crate::plan::strides;
use crate::source::Span;

/// Part of an axis that is gone through: from an index on, so many turns.
#[derive(Clone, Debug, PartialEq)]
pub struct Range {
    /// Where it begins.
    pub from: Index,
    /// How far it goes.
    pub extent: Extent,
}

impl Range {
    /// A whole axis.
    pub fn whole(extent: usize) -> Range {
        Range { from: Index::default(), extent: Extent::fixed(extent) }
    }

    /// The part of `unit` from a variable on, or what is left of `limit`.
    pub fn part(var: Var, unit: usize, limit: usize) -> Range {
        let rest = (!limit.is_multiple_of(unit)).then_some((var, limit));
        Range { from: var_index(var), extent: Extent { size: unit.min(limit), rest } }
    }
}

/// Numbers of rows that lie behind each other, up to which they stay in the first cache until a function is applied.
const ROWS_AT_ONCE: usize = 2048;

/// Lanes from which a strip is worth a call of its own.
const LONG_ROW: usize = 64;

/// Elements of the last axis that are turned at a time.
const TURNED: usize = 32;

/// A cluster as a kernel.
pub fn kernel(scope: &Scope<'_>, step: &mut Step, name: String, cluster: &Cluster) -> super::Kernel {
    let mut out = Writer::new();
    let owner = cluster.share.owner().map(|owner| Owner {
        axis: owner.extent.to_string(),
        var: out.free_var(),
        extent: owner.extent,
        unit: owner.unit,
    });
    let mut kernel = Kernel { scope, step, out, parts: Parts::default() };
    kernel.parts.block = owner.as_ref().map(|o| var_index(o.var));
    kernel.step.multiples = owner.iter().map(|o| (o.var, o.unit)).collect();
    let tiles = &scope.plan.tiles;
    for nth in &cluster.pieces {
        if tiles.contains_key(nth) || scope.plan.in_place.contains_key(nth) {
            continue;
        }
        // In a chain each sum is added to the one before.
        let mut here: Vec<usize> =
            cluster.pieces.iter().copied().filter(|p| scope.plan.in_place.get(p) == Some(nth)).collect();
        if !here.is_empty() {
            here.sort_by_key(|p| scope.fused.pieces[*p].what.value());
            here.iter().for_each(|p| kernel.piece(*p, owner.as_ref(), None));
            continue;
        }
        let tiled: Vec<usize> =
            cluster.pieces.iter().copied().filter(|p| tiles.get(p).is_some_and(|t| t.user == *nth)).collect();
        match tiled[..] {
            [] => kernel.piece(*nth, owner.as_ref(), None),
            _ => kernel.by_tiles(&tiled, *nth, owner.as_ref()),
        }
    }
    let (body, values, vars) = kernel.out.finish();
    let share = match (owner, cluster.share) {
        (Some(owner), _) => Share::Blocks(owner),
        (None, fuse::Share::Each) => Share::Each,
        (None, _) => Share::One,
    };
    super::Kernel { name, share, values, vars, body }
}

impl Kernel<'_, '_> {
    /// Products tile by tile, each used at once.
    fn by_tiles(&mut self, products: &[usize], user: usize, owner: Option<&Owner>) {
        let tile = self.scope.plan.tiles[&products[0]];
        let limit = self.scope.fused.pieces[user].extents[tile.axis];
        let size = products.iter().map(|p| self.scope.plan.tiles[p].size).min().unwrap_or(tile.size);
        let var = self.out.open();
        let floor = self.out.floor;
        self.out.floor = self.out.depth();
        let range = Range::part(var, size, limit);
        self.parts.tile = Some(range.from.clone());
        for product in products {
            self.piece(*product, owner, Some((tile.axis, &range)));
        }
        self.piece(user, owner, Some((tile.axis, &range)));
        self.parts.tile = None;
        self.out.floor = floor;
        self.out.close_for(var, Extent::fixed(limit), size);
    }

    /// One piece, over the owner's block and, along the tile's axis, the tile.
    fn piece(&mut self, nth: usize, owner: Option<&Owner>, tile: Option<(usize, &Range)>) {
        let piece = &self.scope.fused.pieces[nth];
        // A value without elements is not computed.
        if piece.extents[..piece.outer].contains(&0) {
            return;
        }
        let mut ranges: Vec<Range> = piece.extents.iter().map(|e| Range::whole(*e)).collect();
        if let (Some(owner), Some(axis)) = (owner, piece.owner) {
            ranges[axis] = Range::part(owner.var, owner.unit, owner.extent);
        }
        if let Some((axis, range)) = tile {
            ranges[axis] = range.clone();
        }
        match panel_axis(self.scope.graph, self.scope.plan, piece) {
            None => self.over(nth, &ranges),
            Some((axis, width)) => {
                let var = self.out.open();
                ranges[axis] = Range::part(var, width, piece.extents[axis]);
                self.step.multiples.push((var, width));
                self.over(nth, &ranges);
                self.step.multiples.pop();
                self.out.close_for(var, Extent::fixed(piece.extents[axis]), width);
            }
        }
    }

    /// The part of a piece that lies in ranges.
    fn over(&mut self, nth: usize, ranges: &[Range]) {
        let graph = self.scope.graph;
        let piece = &self.scope.fused.pieces[nth];
        match &piece.what {
            What::Sink(_) | What::Enter(..) => self.elementwise(&piece.what, ranges),
            What::Partial(id) | What::Value(id) => match graph.op(*id) {
                Node::Reduce { .. } => self.reduce(&piece.what, ranges, piece.outer),
                Node::ArgReduce { .. } => self.arg_reduce(*id, ranges),
                Node::Contract(_) => self.contract(nth, ranges),
                Node::WindowReduce { .. } => self.window_reduce(*id, ranges),
                Node::WindowSpread { .. } => self.window_spread(*id, ranges),
                Node::WindowPick { .. } => self.window_pick(*id, ranges),
                Node::ScatterAdd { .. } => self.scatter_add(*id, ranges, piece.outer),
                Node::RandomBits { .. } => self.random(*id, ranges),
                Node::Concat { .. } => self.concat(*id, ranges),
                Node::Pad { .. } => self.pad(*id, ranges),
                Node::Transpose { .. } => self.turned(&piece.what, ranges),
                _ => self.elementwise(&piece.what, ranges),
            },
            What::Joined(id) => self.joined(*id, &ranges[..piece.outer]),
            What::Loop(..) => unreachable!("a loop is no kernel"),
        }
    }

    /// Where an element of what a piece writes goes.
    pub fn target(&mut self, what: &What, at: &[Index]) -> (BufferId, Index) {
        let (scope, parts) = (self.scope, self.parts.clone());
        match what {
            What::Value(id) | What::Joined(id) => scope.stored(self.step, Source::Node(*id), &parts, at),
            What::Partial(id) => {
                let piece =
                    scope.fused.pieces.iter().find(|p| matches!(p.what, What::Partial(of) if of == *id));
                let piece = piece.expect("the sum has its blocks");
                let unit = piece.unit;
                let owner = self.parts.block.clone().expect("blocks of a sum are of the owner's axis");
                // The block's number.
                let first = self.out.value(DType::I32, Op::Index(owner), None);
                let (f, by) = match unit.is_power_of_two() {
                    true => (Binary::ShiftRight, unit.trailing_zeros() as i32),
                    false => (Binary::FloorDiv, unit as i32),
                };
                let by = self.out.value(DType::I32, Op::Const(Scalar::Int(by)), None);
                let number = self.out.value(DType::I32, Op::Binary(f, first, by), None);
                let block = Index { dynamic: vec![(number, 1)], ..Index::default() };
                let at = [&[block], at].concat();
                scope.stored(self.step, Source::Partial(*id), &parts, &at)
            }
            What::Sink(nth) => {
                let sink = &scope.fused.sinks[*nth];
                let ty = scope.graph.ty(sink.value);
                scope.target(self.step, sink.target, &ty.shape, ty.dtype, at)
            }
            What::Enter(scan, carried) => scope.result(self.step, *scan, *carried, at),
            What::Loop(..) => unreachable!("a loop writes through its body"),
        }
    }

    /// Stores a value.
    pub fn store(&mut self, to: (BufferId, Index), value: Val, span: Option<Span>) {
        self.out.push(Stmt::Store { buffer: to.0, index: to.1, value, span });
    }

    /// Goes through ranges, the last as lanes if asked for, with the index along each.
    pub fn nest(&mut self, ranges: &[Range], lanes: bool, inside: &mut dyn FnMut(&mut Self, &[Index])) {
        self.nest_from(ranges, lanes, &mut Vec::new(), inside);
    }

    /// Goes through the ranges of a value's axes, as lanes those of the axis that lies innermost in memory.
    pub fn nest_of(
        &mut self,
        id: NodeId,
        ranges: &[Range],
        lanes: bool,
        inside: &mut dyn FnMut(&mut Self, &[Index]),
    ) {
        match self.lanes_of(id) {
            Some(inner) => self.nest_along(Some(inner), ranges, inside),
            None => self.nest(ranges, lanes, inside),
        }
    }

    /// Goes through ranges as lanes, those of an axis or of the last.
    fn nest_along(
        &mut self,
        inner: Option<usize>,
        ranges: &[Range],
        inside: &mut dyn FnMut(&mut Self, &[Index]),
    ) {
        let Some(inner) = inner else { return self.nest(ranges, true, inside) };
        let mut order = ranges.to_vec();
        let range = order.remove(inner);
        order.push(range);
        self.nest(&order, true, &mut |kernel, at| {
            let mut at = at.to_vec();
            let lane = at.pop().expect("the lanes come last");
            at.insert(inner, lane);
            inside(kernel, &at);
        });
    }

    /// The axis of a kept value that lies innermost, if it is not the last.
    pub fn lanes_of(&self, id: NodeId) -> Option<usize> {
        self.scope.plan.values.get(&Source::Node(id)).and_then(|storage| storage.inner)
    }

    fn nest_from(
        &mut self,
        ranges: &[Range],
        lanes: bool,
        at: &mut Vec<Index>,
        inside: &mut dyn FnMut(&mut Self, &[Index]),
    ) {
        let Some((range, others)) = ranges.split_first() else { return inside(self, at) };
        // What a loop without turns reads may not be there, and would be moved out of it.
        if ranges.iter().any(|r| r.extent.size == 0) {
            return;
        }
        // One turn needs no loop; lanes are wanted for the bounds that they give.
        if range.extent == Extent::fixed(1) {
            at.push(range.from.clone());
            self.nest_from(others, lanes, at, inside);
            at.pop();
            return;
        }
        let var = self.out.open();
        at.push(sum(&range.from, &var_index(var)));
        self.nest_from(others, lanes, at, inside);
        at.pop();
        match lanes && others.is_empty() {
            true => self.out.close_lanes(var, range.extent),
            false => self.out.close_for(var, range.extent, 1),
        }
    }

    /// A value computed element by element, or carried elsewhere.
    fn elementwise(&mut self, what: &What, ranges: &[Range]) {
        let graph = self.scope.graph;
        let (id, span, root) = match what {
            What::Value(id) => (*id, graph.node(*id).span, true),
            What::Sink(nth) => {
                let sink = &self.scope.fused.sinks[*nth];
                (sink.value, sink.span.or(graph.node(sink.value).span), false)
            }
            What::Enter(scan, carried) => (graph.inputs(*scan)[*carried], graph.node(*scan).span, false),
            What::Partial(_) | What::Joined(_) | What::Loop(..) => unreachable!("no such piece comes here"),
        };
        if let (true, Node::Unary(f)) = (root, graph.op(id))
            && fuse::by_strips(*f)
        {
            return self.strips(what, id, *f, ranges, span);
        }
        let mut one = |kernel: &mut Self, at: &[Index]| {
            let value = match root {
                true => kernel.compute(id, at),
                false => kernel.read(id, at),
            };
            let to = kernel.target(what, at);
            kernel.store(to, value, span);
        };
        match root {
            true => self.nest_of(id, ranges, true, &mut one),
            false => self.nest_along(self.turned_sink(what), ranges, &mut one),
        }
    }

    /// The axis along which a sink's place lies innermost, if that is not the last.
    fn turned_sink(&self, what: &What) -> Option<usize> {
        let What::Sink(nth) = what else { return None };
        let Target::Over(leaf) = self.scope.fused.sinks[*nth].target else { return None };
        self.scope.leaf_lies_turned(leaf).then_some(0)
    }

    /// An array laid out anew with its axes in another order: by parts of the last axis, as what is read lies along another
    /// one and should be in the cache for the neighbours too.
    fn turned(&mut self, what: &What, ranges: &[Range]) {
        let (whole, others) = ranges.split_last().expect("an array that is turned has axes");
        let size = whole.extent.size;
        if *whole != Range::whole(size) || size <= TURNED {
            return self.elementwise(what, ranges);
        }
        let var = self.out.open();
        let part = Range::part(var, TURNED, size);
        self.elementwise(what, &[others, &[part]].concat());
        self.out.close_for(var, Extent::fixed(size), TURNED);
    }

    /// A function of reals: its operand is written to where the result goes, and the function applied
    /// in place, row by row, or to all that is held where rows are short.
    fn strips(&mut self, what: &What, id: NodeId, f: Unary, ranges: &[Range], span: Option<Span>) {
        let input = self.scope.graph.inputs(id)[0];
        let dtype = self.scope.graph.ty(id).dtype;
        if self.lanes_of(id).is_some() {
            self.nest_of(id, ranges, true, &mut |kernel, at| {
                let a = kernel.read(input, at);
                let to = kernel.target(what, at);
                kernel.store(to, a, span);
            });
            return self.strip_of_all(what, id, f, ranges, span);
        }
        let Some((last, outer)) = ranges.split_last().filter(|(last, _)| last.extent != Extent::fixed(1))
        else {
            return self.nest(ranges, false, &mut |kernel, at| {
                let a = kernel.read(input, at);
                let value = kernel.out.value(dtype, Op::Unary(f, a), span);
                let to = kernel.target(what, at);
                kernel.store(to, value, span);
            });
        };
        let storage = &self.scope.plan.values[&Source::Node(id)];
        let complete = ranges
            .iter()
            .enumerate()
            .all(|(axis, range)| storage.block == Some(axis) || range.from == Index::default());
        let whole = storage.block.is_some() && last.extent.size < LONG_ROW && complete;
        // As many of the last axes as are there whole are one row.
        let unbroken = |axis: &usize| {
            let held = storage.block != Some(*axis) && storage.tile != Some(*axis);
            held && (storage.gap == 0 || axis + 1 == ranges.len())
                && ranges[*axis] == Range::whole(storage.held[*axis])
        };
        let first = (0..ranges.len()).rev().take_while(unbroken).last();
        // And so are a few of the rows before them.
        let first = first.map(|first| {
            let numbers: usize =
                ranges[first.saturating_sub(1)..].iter().map(|range| range.extent.size).product();
            let fixed = first > 0 && ranges[first - 1].extent.rest.is_none();
            if fixed && storage.gap == 0 && numbers <= ROWS_AT_ONCE { first - 1 } else { first }
        });
        if let Some(first) = first.filter(|first| !whole && first + 1 < ranges.len()) {
            let (outer, rows) = ranges.split_at(first);
            let count = Extent::fixed(rows.iter().map(|range| range.extent.size).product());
            return self.nest(outer, false, &mut |kernel, at| {
                kernel.nest(rows, true, &mut |kernel, within| {
                    let here = [at, within].concat();
                    let a = kernel.read(input, &here);
                    let to = kernel.target(what, &here);
                    kernel.store(to, a, span);
                });
                let start: Vec<Index> =
                    at.iter().cloned().chain(rows.iter().map(|r| r.from.clone())).collect();
                let start = kernel.target(what, &start);
                kernel.out.push(Stmt::Strip { f, dst: start.clone(), src: start, count, span });
            });
        }
        // Short rows that lie apart are gathered first: a call for each would take longer than what it computes.
        let fixed = ranges.iter().all(|range| range.extent.rest.is_none());
        let numbers: usize = ranges.iter().map(|range| range.extent.size).product();
        if !whole
            && fixed
            && last.extent.size < LONG_ROW
            && numbers > last.extent.size
            && numbers <= ROWS_AT_ONCE
        {
            return self.gathered_strip(what, id, f, ranges, span);
        }
        let mut row = |kernel: &mut Self, at: &[Index]| {
            let var = kernel.out.open();
            let here = [at, &[sum(&last.from, &var_index(var))]].concat();
            let a = kernel.read(input, &here);
            let to = kernel.target(what, &here);
            kernel.store(to, a, span);
            kernel.out.close_lanes(var, last.extent);
            if !whole {
                let start = kernel.target(what, &[at, std::slice::from_ref(&last.from)].concat());
                let count = last.extent;
                kernel.out.push(Stmt::Strip { f, dst: start.clone(), src: start, count, span });
            }
        };
        self.nest(outer, false, &mut row);
        if whole {
            self.strip_of_all(what, id, f, ranges, span);
        }
    }

    /// A function of rows that are brought together for it.
    fn gathered_strip(&mut self, what: &What, id: NodeId, f: Unary, ranges: &[Range], span: Option<Span>) {
        let input = self.scope.graph.inputs(id)[0];
        let dtype = self.scope.graph.ty(id).dtype;
        let sizes: Vec<usize> = ranges.iter().map(|range| range.extent.size).collect();
        let numbers = sizes.iter().product::<usize>();
        let byte = self.scope.plan_scratch();
        self.step.scratch = self.step.scratch.max(byte + (numbers * dtype.size()).next_multiple_of(64));
        let buffer = self.step.buffer("gathered", Home::Scratch(byte), dtype, &sizes);
        let loops: Vec<Range> =
            ranges.iter().map(|range| Range { from: Index::default(), extent: range.extent }).collect();
        let here = |at: &[Index]| -> Vec<Index> {
            ranges.iter().zip(at).map(|(range, within)| sum(&range.from, within)).collect()
        };
        self.nest(&loops, true, &mut |kernel, at| {
            let a = kernel.read(input, &here(at));
            kernel.store((buffer, flat(at, &strides(&sizes))), a, span);
        });
        let start = (buffer, Index::default());
        self.out.push(Stmt::Strip { f, dst: start.clone(), src: start, count: Extent::fixed(numbers), span });
        self.nest(&loops, true, &mut |kernel, at| {
            let value = kernel.out.here(dtype, Op::Load(buffer, flat(at, &strides(&sizes))), span);
            let to = kernel.target(what, &here(at));
            kernel.store(to, value, span);
        });
    }

    /// A function of all that is held of a value.
    fn strip_of_all(&mut self, what: &What, id: NodeId, f: Unary, ranges: &[Range], span: Option<Span>) {
        let storage = &self.scope.plan.values[&Source::Node(id)];
        let held: usize = storage.held.iter().product();
        let from: Vec<Index> = ranges.iter().map(|r| r.from.clone()).collect();
        let planes = storage.outermost().filter(|_| storage.gap > 0);
        let number = planes.map_or(1, |axis| storage.held[axis]);
        self.nest(&[Range::whole(number)], false, &mut |kernel, plane| {
            let mut from = from.clone();
            if let Some(axis) = planes {
                from[axis] = plane[0].clone();
            }
            let start = kernel.target(what, &from);
            let count = Extent::fixed(held / number);
            kernel.out.push(Stmt::Strip { f, dst: start.clone(), src: start, count, span });
        });
    }

    /// The sum (or extreme, or product) of the blocks of a divided one: neighbours are joined until one is
    /// left; the last of an odd number stays as it is. Sixty-four at a time are added up as one expression.
    fn joined(&mut self, id: NodeId, ranges: &[Range]) {
        let graph = self.scope.graph;
        let piece = self.scope.fused.pieces.iter().find(|p| matches!(p.what, What::Joined(of) if of == id));
        let mut count = piece.expect("the sum is joined").extents[ranges.len()];
        let (dtype, span) = (graph.ty(id).dtype, graph.node(id).span);
        let start = match graph.op(id) {
            Node::Contract(_) => graph.inputs(id).get(2).copied(),
            _ => None,
        };
        let join = match graph.op(id) {
            Node::Reduce { op, .. } => joining(*op),
            _ => Binary::Add,
        };
        let scope = self.scope;
        let parts = self.parts.clone();
        let block = |kernel: &mut Self, block: &Index, at: &[Index]| {
            let at = [std::slice::from_ref(block), at].concat();
            scope.stored(kernel.step, Source::Partial(id), &parts, &at)
        };
        let tree = |kernel: &mut Self, first: &Index, count: usize, at: &[Index]| {
            let mut values: Vec<Val> = (0..count)
                .map(|nth| {
                    let (buffer, index) = block(kernel, &sum(first, &fixed_index(nth)), at);
                    kernel.out.here(dtype, Op::Load(buffer, index), span)
                })
                .collect();
            while values.len() > 1 {
                let pairs = values.chunks(2).map(|pair| match *pair {
                    [a, b] => kernel.out.here(dtype, Op::Binary(join, a, b), span),
                    _ => pair[0],
                });
                values = pairs.collect();
            }
            values[0]
        };
        while count > AT_ONCE {
            let whole = Range::whole(count / AT_ONCE);
            self.nest(&[&[whole], ranges].concat(), false, &mut |kernel, at| {
                let (group, at) = at.split_first().expect("the group comes first");
                let value = tree(kernel, &super::scope::scaled(group, AT_ONCE as i64), AT_ONCE, at);
                let to = block(kernel, group, at);
                kernel.store(to, value, span);
            });
            let (full, rest) = (count / AT_ONCE, count % AT_ONCE);
            if rest > 0 {
                self.nest(ranges, false, &mut |kernel, at| {
                    let value = tree(kernel, &fixed_index(full * AT_ONCE), rest, at);
                    let to = block(kernel, &fixed_index(full), at);
                    kernel.store(to, value, span);
                });
            }
            count = count.div_ceil(AT_ONCE);
        }
        // The blocks come first in what is read.
        let inner = scope.plan.values[&Source::Partial(id)].inner.map(|axis| axis - 1);
        self.nest_along(inner, ranges, &mut |kernel, at| {
            let mut value = tree(kernel, &fixed_index(0), count, at);
            if let Some(start) = start {
                let start = kernel.read(start, at);
                value = kernel.out.here(dtype, Op::Binary(Binary::Add, start, value), span);
            }
            let to = kernel.target(&What::Joined(id), at);
            kernel.store(to, value, span);
        });
    }
}

/// What joins two results of a reduction.
fn joining(op: Reduce) -> Binary {
    match op {
        Reduce::Sum => Binary::Add,
        Reduce::Prod => Binary::Mul,
        Reduce::Max => Binary::Max,
        Reduce::Min => Binary::Min,
        Reduce::Any => Binary::Or,
        Reduce::All => Binary::And,
    }
}
