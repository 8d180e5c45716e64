//! Contractions by micro-kernels: which axis becomes the columns, which the rows, and in which order the
//! others are gone through. The choice is made from shapes and logical strides alone, since the order of
//! the sum depends on it.

use super::pieces::Range;
use super::scope::{Scope, flat, held as held_at, scaled, sum, var_index};
use super::value::Kernel;
use crate::fuse::What;
use crate::fuse::access::{Position, plain};
use crate::fuse::chains::{AT_ONCE as TERMS, From, started_from};
use crate::fuse::full::{Along, full};
use crate::fuse::pieces::operand_at;
use crate::ir::op::Binary;
use crate::ir::{DType, NodeId, Op as Node};
use crate::kernel::{
    BufferId, Extent, Form, Home, Index, IndexVar, Op, Product, Start, Stmt, Terms, Val, Var,
};
use crate::plan::lanes::lanes_of;
use crate::plan::{Memory, Storage, strides};
use crate::source::Span;

/// Length from which an inner run that both operands have is summed by 16 strided sums.
const RUN: usize = 32;

/// Elements from which two numbers are in different lines, lines that are too many for the first cache together with
/// what else is there, and products from which laying them out anew is worth it.
const APART: i64 = 16;
const MANY: usize = 256;
const TURNS: usize = 4;

/// An operand, or the result, in terms of the piece's axes.
#[derive(Clone)]
struct Place {
    buffer: BufferId,
    /// Its first element for the ranges gone through.
    base: Index,
    /// Elements from one index to the next, along each axis.
    strides: Vec<i64>,
}

/// Gives a buffer and a position in it, of indices along the piece's axes.
type Address<'a, K> = dyn FnMut(&mut K, &[Index]) -> (BufferId, Index) + 'a;

/// How a contraction is divided among loops and a micro-kernel.
struct Choice {
    /// Whether the operands change places.
    swap: bool,
    /// The axis of rows.
    m: Option<usize>,
    /// The axis of columns.
    n: Option<usize>,
    /// For the dot form, the axis of the inner run.
    run: Option<usize>,
}

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
        let start = match begin.filter(|_| sink.is_some()) {
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
        let c = self.place(axes, ranges, &mut |kernel, along| {
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
        if let Some(axis) = lanes {
            let mut byte = self.scope.plan_scratch();
            for i in [0, 1] {
                if ![0, 1].contains(&placed[i].strides[axis]) {
                    placed[i] = self.with_lanes(inputs[i], &positions[i], axis, ranges, &mut byte);
                }
            }
        }
        let choice = match lanes {
            Some(axis) => choose_lanes(&extents, outer, &placed, axis),
            None => choose(&extents, outer, &logical, &c.strides),
        };
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
            let whole = range.extent.rest.is_none();
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
        let mut pack = choice.n.filter(|n| choice.run.is_none() && b.strides[*n] != 1);
        let moves = free.iter().chain(around).any(|axis| b.strides[*axis] != 0);
        if let Some(n) = pack.filter(|_| !moves) {
            let mut byte = scope.plan_scratch();
            b = self.packed(&b, within, n, ranges, (node.ty.dtype, node.span), &mut byte);
            pack = None;
        }
        let cleared = !scattered.is_empty();
        let call = Call {
            start,
            choice: &choice,
            a: &a,
            b: &b,
            c: &c,
            free: &free,
            around,
            within,
            pack,
            columns,
            cleared,
        };
        self.calls(&call, ranges, node.ty.dtype, node.span);
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

    /// An operand as rows of neighbours along an axis, behind `byte` in scratch: a row a term.
    fn packed(
        &mut self,
        b: &Place,
        within: &[usize],
        n: usize,
        ranges: &[Range],
        (dtype, span): (DType, Option<Span>),
        byte: &mut usize,
    ) -> Place {
        let columns = ranges[n].extent.size;
        let terms: Vec<usize> = within.iter().map(|s| ranges[*s].extent.size).collect();
        let count: usize = terms.iter().product();
        let home = Home::Scratch(*byte);
        *byte += (count * columns * dtype.size()).next_multiple_of(64);
        self.step.scratch = self.step.scratch.max(*byte);
        let buffer = self.step.buffer("packed", home, dtype, &[count, columns]);
        let rows = strides(&terms);
        let mut loops: Vec<Range> = terms.iter().map(|t| Range::whole(*t)).collect();
        loops.push(Range { from: Index::default(), extent: ranges[n].extent });
        self.nest(&loops, true, &mut |kernel, at| {
            let (column, at) = at.split_last().expect("the column comes last");
            let mut from = sum(&b.base, &scaled(column, b.strides[n]));
            for (axis, index) in within.iter().zip(at) {
                from = sum(&from, &scaled(index, b.strides[*axis]));
            }
            let value = kernel.out.here(dtype, Op::Load(b.buffer, from), span);
            let to = sum(&scaled(&flat(at, &rows), columns as i64), column);
            kernel.store((buffer, to), value, span);
        });
        let mut along = vec![0; b.strides.len()];
        along[n] = 1;
        for (axis, row) in within.iter().zip(&rows) {
            along[*axis] = row * columns as i64;
        }
        Place { buffer, base: Index::default(), strides: along }
    }

    /// The loops around a micro-kernel, and its call.
    fn calls(&mut self, call: &Call<'_>, ranges: &[Range], dtype: DType, span: Option<Span>) {
        let of = |axes: &[usize]| -> Vec<Range> {
            axes.iter().map(|axis| Range { from: Index::default(), extent: ranges[*axis].extent }).collect()
        };
        let moved = |place: &Place, axes: &[usize], at: &[Index]| {
            let by = axes.iter().zip(at).map(|(axis, i)| scaled(i, place.strides[*axis]));
            Place { base: by.fold(place.base.clone(), |b, i| sum(&b, &i)), ..place.clone() }
        };
        let still = |place: &Place| call.free.iter().all(|axis| place.strides[*axis] == 0);
        let once = call.pack.filter(|_| still(call.b) && call.adds_up());
        let gathered = call.scattered_rows(ranges).filter(|_| still(call.a));
        if once.is_some() || gathered.is_some() {
            // Laid out once for all loops over the result.
            if call.adds_up() && !call.cleared {
                self.nest(&of(call.free), false, &mut |kernel, at| {
                    kernel.zeros(&moved(call.c, call.free, at), call, ranges, dtype, span);
                });
            }
            return self.nest(&of(call.around), false, &mut |kernel, within| {
                let mut byte = kernel.scope.plan_scratch();
                let [mut a, mut b, c] = [call.a, call.b, call.c].map(|p| moved(p, call.around, within));
                if let Some(m) = gathered {
                    a = kernel.packed(&a, call.within, m, ranges, (dtype, span), &mut byte);
                }
                if let Some(n) = once {
                    b = kernel.packed(&b, call.within, n, ranges, (dtype, span), &mut byte);
                }
                kernel.nest(&of(call.free), false, &mut |kernel, at| {
                    let [a, mut b, c] = [&a, &b, &c].map(|p| moved(p, call.free, at));
                    if let Some(n) = call.pack.filter(|_| once.is_none()) {
                        b = kernel.packed(&b, call.within, n, ranges, (dtype, span), &mut byte.clone());
                    }
                    let product = call.product(&a, &b, &c, ranges, span);
                    kernel.out.push(Stmt::Product(Box::new(product)));
                });
            });
        }
        self.nest(&of(call.free), false, &mut |kernel, at| {
            let [a, b, c] = [call.a, call.b, call.c].map(|p| moved(p, call.free, at));
            if call.adds_up() && !call.cleared {
                kernel.zeros(&c, call, ranges, dtype, span);
            }
            kernel.nest(&of(call.around), false, &mut |kernel, within| {
                let [a, mut b, c] = [&a, &b, &c].map(|p| moved(p, call.around, within));
                if let Some(n) = call.pack {
                    let mut byte = kernel.scope.plan_scratch();
                    b = kernel.packed(&b, call.within, n, ranges, (dtype, span), &mut byte);
                }
                let product = call.product(&a, &b, &c, ranges, span);
                kernel.out.push(Stmt::Product(Box::new(product)));
            });
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

    /// Zeros where a product is going to be added up.
    fn zeros(&mut self, c: &Place, call: &Call<'_>, ranges: &[Range], dtype: DType, span: Option<Span>) {
        let axes: Vec<usize> = call.choice.m.into_iter().chain(call.choice.n).collect();
        let loops: Vec<Range> =
            axes.iter().map(|axis| Range { from: Index::default(), extent: ranges[*axis].extent }).collect();
        self.nest(&loops, true, &mut |kernel, at| {
            let by = axes.iter().zip(at).map(|(axis, i)| scaled(i, c.strides[*axis]));
            let to = by.fold(c.base.clone(), |b, i| sum(&b, &i));
            let zero = kernel.constant(dtype, 0.0);
            kernel.store((c.buffer, to), zero, span);
        });
    }
}

/// A micro-kernel's call with the loops around it.
struct Call<'a> {
    /// What becomes of the old value.
    start: Start,
    choice: &'a Choice,
    a: &'a Place,
    b: &'a Place,
    c: &'a Place,
    /// Axes of the result that are loops.
    free: &'a [usize],
    /// Summed axes that are loops.
    around: &'a [usize],
    /// Summed axes that the call goes through.
    within: &'a [usize],
    /// The axis of the right operand's columns, if it is laid out anew inside the loops.
    pack: Option<usize>,
    columns: Extent,
    /// Whether the result has its zeros already.
    cleared: bool,
}

impl Call<'_> {
    /// Whether several calls add up to one result, which starts from zeros in memory.
    fn adds_up(&self) -> bool {
        !self.around.is_empty()
    }

    /// The axis of rows if each of the left operand's numbers lies in a line of its own, and these are too many for
    /// the first cache.
    fn scattered_rows(&self, ranges: &[Range]) -> Option<usize> {
        let m = self.choice.m.filter(|_| self.choice.run.is_none())?;
        let far = |axis: &usize| self.a.strides[*axis].abs() >= APART;
        let numbers: usize = self.within.iter().chain([&m]).map(|a| ranges[*a].extent.size).product();
        let turns: usize = self.free.iter().map(|a| ranges[*a].extent.size).product();
        (self.within.iter().all(far) && far(&m) && numbers >= MANY && turns >= TURNS).then_some(m)
    }

    fn product(&self, a: &Place, b: &Place, c: &Place, ranges: &[Range], span: Option<Span>) -> Product {
        let along = |place: &Place, axis: Option<usize>| axis.map_or(0, |axis| place.strides[axis]);
        let Choice { m, n, run, .. } = *self.choice;
        let terms = terms(self.within, ranges, a, b);
        assert!(!self.adds_up() || self.start == Start::Zero, "zeros would be written over a place");
        let form = match run {
            Some(run) => Form::Dot { b_row: along(b, n), k: ranges[run].extent, outer: terms },
            None => Form::Lanes { terms },
        };
        Product {
            form,
            c: (c.buffer, c.base.clone()),
            a: (a.buffer, a.base.clone()),
            b: (b.buffer, b.base.clone()),
            m: m.map_or(Extent::fixed(1), |m| ranges[m].extent),
            n: self.columns,
            c_row: along(c, m),
            c_col: if run.is_none() { 1 } else { along(c, n) },
            a_row: along(a, m),
            start: if self.adds_up() { Start::Old } else { self.start },
            span,
        }
    }
}

/// The offsets of the terms, row-major over axes.
fn terms(axes: &[usize], ranges: &[Range], a: &Place, b: &Place) -> Terms {
    let mut pairs: Vec<(i64, i64)> = vec![(0, 0)];
    for axis in axes {
        let (by_a, by_b) = (a.strides[*axis], b.strides[*axis]);
        let turns = 0..ranges[*axis].extent.size as i64;
        pairs = pairs
            .iter()
            .flat_map(|(x, y)| turns.clone().map(move |t| (x + t * by_a, y + t * by_b)))
            .collect();
    }
    let (by_a, by_b) = pairs.get(1).copied().unwrap_or((0, 0));
    let even = pairs.iter().enumerate().all(|(t, pair)| *pair == (t as i64 * by_a, t as i64 * by_b));
    if even {
        return Terms::Strided { count: pairs.len(), a: by_a, b: by_b };
    }
    Terms::Table(pairs.iter().map(|(x, y)| (*x as i32, *y as i32)).collect())
}

/// Chooses the form, the rows and the columns. Only the form decides the order of the sum; columns are neighbours in the result.
fn choose(extents: &[usize], outer: usize, logical: &[Vec<i64>; 2], result: &[i64]) -> Choice {
    let only = |axis: usize, of: usize| logical[of][axis] != 0 && logical[1 - of][axis] == 0;
    let longest = |of: usize, but: Option<usize>| {
        (0..outer)
            .filter(|a| Some(*a) != but && only(*a, of) && extents[*a] > 1)
            .max_by_key(|a| (extents[*a], std::cmp::Reverse(*a)))
    };
    let run =
        (outer..extents.len()).find(|s| logical[0][*s] == 1 && logical[1][*s] == 1 && extents[*s] >= RUN);
    if run.is_some() {
        return Choice { swap: false, m: longest(0, None), n: longest(1, None), run };
    }
    let last = (0..outer).rev().find(|n| extents[*n] > 1 && result[*n] == 1);
    let n = last.filter(|n| only(*n, 0) || only(*n, 1));
    let swap = n.is_some_and(|n| only(n, 0));
    let rows_of = if swap { 1 } else { 0 };
    Choice { swap, m: longest(rows_of, n), n, run: None }
}

/// The same where the indices of an axis are lanes. As columns they are those of the operand that has them. Summed
/// over, they are the run of both; then the columns are the right operand's, the pictures', that lie closest.
fn choose_lanes(extents: &[usize], outer: usize, placed: &[Place; 2], axis: usize) -> Choice {
    let only = |a: usize, of: usize| placed[of].strides[a] != 0 && placed[1 - of].strides[a] == 0;
    let rows = |of: usize| {
        let long = (0..outer).filter(|a| only(*a, of) && extents[*a] > 1);
        long.max_by_key(|a| (extents[*a], std::cmp::Reverse(*a)))
    };
    if axis < outer {
        let swap = placed[1].strides[axis] == 0;
        return Choice { swap, m: rows(usize::from(swap)), n: Some(axis), run: None };
    }
    let closest = |of: usize| {
        let all = (0..outer).filter(|a| only(*a, of) && extents[*a] > 1);
        all.min_by_key(|a| (placed[of].strides[*a].abs(), *a))
    };
    let near = |of: usize| closest(of).map_or(i64::MAX, |a| placed[of].strides[a].abs());
    let swap = near(0) < near(1);
    let (left, right) = (usize::from(swap), usize::from(!swap));
    Choice { swap, m: rows(left), n: closest(right), run: Some(axis) }
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
    fn plan_scratch(&self) -> usize {
        self.outer.map_or(self.plan.scratch, |(outer, ..)| outer.plan_scratch().max(self.plan.scratch))
    }

    /// Where an element of a node would lie if all values were whole in memory.
    fn logical(&self, id: NodeId, at: &[Index]) -> Index {
        use super::scope::view;
        use crate::ir::LeafKind;
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
