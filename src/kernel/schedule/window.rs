//! Windows over the last axes. Where the last window of an axis reaches beyond the end it is shorter;
//! such windows are written out apart, so that every loop has a fixed or known extent.

use super::pieces::Range;
use super::scope::{fixed_index, flat, scaled, sum};
use super::value::Kernel;
use crate::fuse::What;
use crate::ir::op::{Binary, Cells, Compare, Reduce, Ties, Window, Windows};
use crate::ir::types::Scalar;
use crate::ir::{DType, NodeId, Op as Node};
use crate::kernel::{Index, Op, Order, Val};
use crate::plan::strides;

/// Cells of a window up to which what is done with each is written out.
const FEW_CELLS: usize = 16;

/// Windows along one axis that are of one length: the first, how many, their cells.
#[derive(Clone, Copy)]
struct Run {
    first: usize,
    count: usize,
    cells: usize,
}

/// The runs of windows along an axis of an extent.
fn runs(extent: usize, size: usize, stride: usize, count: usize) -> Vec<Run> {
    let full = if extent >= size { ((extent - size) / stride + 1).min(count) } else { 0 };
    let mut runs = Vec::new();
    if full > 0 {
        runs.push(Run { first: 0, count: full, cells: size });
    }
    runs.extend((full..count).map(|o| Run { first: o, count: 1, cells: size.min(extent - o * stride) }));
    runs
}

/// All combinations of runs, an axis at a time.
fn combinations(of: &[Vec<Run>]) -> Vec<Vec<Run>> {
    let mut all = vec![Vec::new()];
    for axis in of {
        all =
            all.iter().flat_map(|c: &Vec<Run>| axis.iter().map(move |r| [&c[..], &[*r]].concat())).collect();
    }
    all
}

/// What is done in each window: the indices of the leading axes and the window, its cells, its first cell.
type Inside<'a, K> = dyn FnMut(&mut K, &[Index], &[Range], &[Index]) + 'a;

impl Kernel<'_, '_> {
    /// Goes through all windows of planes whose windows have this shape: the indices of the leading axes,
    /// of the window, and the window's cells as ranges of offsets.
    fn windows(
        &mut self,
        id: NodeId,
        leading: &[Range],
        windows: &Windows,
        plane: &[usize],
        counts: &[usize],
        inside: &mut Inside<'_, Self>,
    ) {
        let of: Vec<Vec<Run>> =
            (0..plane.len()).map(|a| runs(plane[a], windows.size[a], windows.stride[a], counts[a])).collect();
        for run in combinations(&of) {
            let each = run
                .iter()
                .map(|r| Range { from: fixed_index(r.first), extent: crate::kernel::Extent::fixed(r.count) });
            let all: Vec<Range> = leading.iter().cloned().chain(each).collect();
            let cells: Vec<Range> = run.iter().map(|r| Range::whole(r.cells)).collect();
            self.nest_of(id, &all, false, &mut |kernel, at| {
                let first: Vec<Index> = at[leading.len()..]
                    .iter()
                    .zip(&windows.stride)
                    .map(|(o, stride)| scaled(o, *stride as i64))
                    .collect();
                inside(kernel, at, &cells, &first);
            });
        }
    }

    /// One number of each window.
    pub(super) fn window_reduce(&mut self, id: NodeId, ranges: &[Range]) {
        let graph = self.scope.graph;
        let node = graph.node(id);
        let Node::WindowReduce { op, windows } = &node.op else { unreachable!("only windows come here") };
        let leading = node.ty.rank() - windows.size.len();
        let plane = &graph.ty(node.inputs[0]).shape[leading..];
        let op = match op {
            Window::Max(_) => Reduce::Max,
            Window::Sum => Reduce::Sum,
        };
        let counts = &node.ty.shape[leading..];
        self.windows(id, &ranges[..leading], windows, plane, counts, &mut |kernel, at, cells, first| {
            let value = kernel.fold(op, Order::Ascending, cells, node.span, &mut |kernel, within| {
                kernel.read(node.inputs[0], &cell(&at[..leading], first, within))
            });
            let to = kernel.target(&What::Value(id), at);
            kernel.store(to, value, node.span);
        });
    }

    /// Zeros, to which the number of each window is added at its chosen cells. Where no cell is in two windows, nothing is
    /// read for that; where each cell is in one, no zeros are written before.
    pub(super) fn window_spread(&mut self, id: NodeId, ranges: &[Range]) {
        let graph = self.scope.graph;
        let node = graph.node(id);
        let Node::WindowSpread { cells: chosen, windows } = &node.op else { unreachable!("only windows") };
        let rank = node.ty.rank();
        let leading = rank - windows.size.len();
        let what = What::Value(id);
        let dtype = node.ty.dtype;
        let numbers = *node.inputs.last().expect("the numbers come last");
        let plane = node.ty.shape[leading..].to_vec();
        let counts = graph.ty(numbers).shape[leading..].to_vec();
        let apart = windows.size.iter().zip(&windows.stride).all(|(size, stride)| size <= stride);
        if !windows.tile(&plane, &counts) {
            self.nest_of(id, &ranges[..rank], true, &mut |kernel, at| {
                let zero = kernel.constant(dtype, 0.0);
                let to = kernel.target(&what, at);
                kernel.store(to, zero, node.span);
            });
        }
        self.windows(id, &ranges[..leading], windows, &plane, &counts, &mut |kernel, at, cells, first| {
            let number = kernel.read(numbers, at);
            let sum = |kernel: &mut Self, old: Val| {
                let new = kernel.out.here(dtype, Op::Binary(Binary::Add, old, number), node.span);
                (old, new)
            };
            let alone = apart.then(|| {
                let zero = kernel.constant(dtype, 0.0);
                sum(kernel, zero)
            });
            let add = |kernel: &mut Self, to: &[Index], condition: Option<Val>| {
                let to = kernel.target(&what, to);
                let (old, mut new) = alone.unwrap_or_else(|| {
                    let old = kernel.out.here(dtype, Op::Load(to.0, to.1.clone()), node.span);
                    sum(kernel, old)
                });
                if let Some(condition) = condition {
                    new = kernel.out.here(dtype, Op::Select(condition, new, old), node.span);
                }
                kernel.store(to, new, node.span);
            };
            match chosen {
                Cells::Largest(Ties::First) if written_out(cells) => {
                    let at = &at[..leading];
                    let largest = kernel.largest(node.inputs[0], at, first, cells, node.span);
                    let no = kernel.out.value(DType::Bool, Op::Const(Scalar::Bool(false)), None);
                    // Whether one of those before the last was it, and the last.
                    let (mut before, mut last): (Option<Val>, Option<Val>) = (None, None);
                    kernel.each_cell(cells, &mut |kernel, within| {
                        let here = cell(at, first, within);
                        let x = kernel.read(node.inputs[0], &here);
                        let largest = kernel.is_extreme(x, largest, node.span);
                        before = last.map(|last| match before {
                            None => last,
                            Some(before) => {
                                let either = Op::Binary(Binary::Or, before, last);
                                kernel.out.value(DType::Bool, either, node.span)
                            }
                        });
                        last = Some(largest);
                        let first = before.map_or(largest, |before| {
                            kernel.out.value(DType::Bool, Op::Select(before, no, largest), node.span)
                        });
                        add(kernel, &here, Some(first));
                    });
                }
                Cells::Largest(Ties::First) => {
                    let at = &at[..leading];
                    let position = kernel.first_largest(node.inputs[0], at, first, cells, &plane, node.span);
                    kernel.each_cell(cells, &mut |kernel, within| {
                        let here = cell(at, first, within);
                        let flat = flat(&here[leading..], &strides(&plane));
                        let flat = kernel.out.value(DType::I32, Op::Index(flat), node.span);
                        let op = Op::Compare(Compare::Eq, position, flat);
                        let found = kernel.out.value(DType::Bool, op, node.span);
                        add(kernel, &here, Some(found));
                    });
                }
                Cells::Largest(Ties::All) => {
                    let at = &at[..leading];
                    let largest = kernel.largest(node.inputs[0], at, first, cells, node.span);
                    kernel.each_cell(cells, &mut |kernel, within| {
                        let here = cell(at, first, within);
                        let x = kernel.read(node.inputs[0], &here);
                        let found = kernel.is_extreme(x, largest, node.span);
                        add(kernel, &here, Some(found));
                    });
                }
                Cells::Every => kernel.each_cell(cells, &mut |kernel, within| {
                    add(kernel, &cell(&at[..leading], first, within), None);
                }),
            }
        });
    }

    /// For each window the sum of the second operand over the cells where the first is largest.
    pub(super) fn window_pick(&mut self, id: NodeId, ranges: &[Range]) {
        let graph = self.scope.graph;
        let node = graph.node(id);
        let Node::WindowPick { ties, windows } = &node.op else { unreachable!("only windows come here") };
        let leading = node.ty.rank() - windows.size.len();
        let plane = graph.ty(node.inputs[0]).shape[leading..].to_vec();
        let counts = &node.ty.shape[leading..];
        let (searched, values) = (node.inputs[0], node.inputs[1]);
        self.windows(id, &ranges[..leading], windows, &plane, counts, &mut |kernel, at, cells, first| {
            let lead = &at[..leading];
            let value = match ties {
                Ties::First => {
                    let position = kernel.first_largest(searched, lead, first, cells, &plane, node.span);
                    let position = Index { dynamic: vec![(position, 1)], ..Index::default() };
                    kernel.read(values, &in_plane(lead, position, plane.len()))
                }
                Ties::All => {
                    let largest = kernel.largest(searched, lead, first, cells, node.span);
                    kernel.fold(Reduce::Sum, Order::Ascending, cells, node.span, &mut |kernel, within| {
                        let here = cell(lead, first, within);
                        let x = kernel.read(searched, &here);
                        let found = kernel.is_extreme(x, largest, node.span);
                        let value = kernel.read(values, &here);
                        let zero = kernel.constant(node.ty.dtype, 0.0);
                        kernel.out.value(node.ty.dtype, Op::Select(found, value, zero), node.span)
                    })
                }
            };
            let to = kernel.target(&What::Value(id), at);
            kernel.store(to, value, node.span);
        });
    }

    fn largest(
        &mut self,
        operand: NodeId,
        leading: &[Index],
        first: &[Index],
        cells: &[Range],
        span: Option<crate::source::Span>,
    ) -> Val {
        self.fold(Reduce::Max, Order::Ascending, cells, span, &mut |kernel, within| {
            kernel.read(operand, &cell(leading, first, within))
        })
    }

    /// The position in its plane of a window's first largest cell.
    fn first_largest(
        &mut self,
        operand: NodeId,
        leading: &[Index],
        first: &[Index],
        cells: &[Range],
        plane: &[usize],
        span: Option<crate::source::Span>,
    ) -> Val {
        let largest = self.largest(operand, leading, first, cells, span);
        let steps = strides(plane);
        self.fold(Reduce::Min, Order::Ascending, cells, span, &mut |kernel, within| {
            let here = cell(leading, first, within);
            let x = kernel.read(operand, &here);
            let flat = flat(&here[leading.len()..], &steps);
            kernel.position_if_extreme(x, largest, flat, span)
        })
    }

    /// Goes through the cells of a window, written out if they are few: then windows can be lanes.
    fn each_cell(&mut self, cells: &[Range], inside: &mut dyn FnMut(&mut Self, &[Index])) {
        if !written_out(cells) {
            return self.nest(cells, false, inside);
        }
        let count: usize = cells.iter().map(|r| r.extent.size).product();
        for nth in 0..count {
            let steps = strides(&cells.iter().map(|r| r.extent.size).collect::<Vec<_>>());
            let along = cells.iter().zip(&steps).map(|(r, by)| nth / *by as usize % r.extent.size);
            let within: Vec<Index> = along.map(fixed_index).collect();
            inside(self, &within);
        }
    }
}

/// Whether there are so few cells that what is done with each is written out.
fn written_out(cells: &[Range]) -> bool {
    cells.iter().map(|r| r.extent.size).product::<usize>() <= FEW_CELLS
}

/// The cell at a position of a plane of so many axes, all of which lies unbroken in memory.
fn in_plane(leading: &[Index], position: Index, axes: usize) -> Vec<Index> {
    let mut at = leading.to_vec();
    at.resize(leading.len() + axes, Index::default());
    if axes > 0 {
        at[leading.len() + axes - 1] = position;
    }
    at
}

/// A cell of a window: the leading axes, then the window's first cell and the offset in it.
fn cell(leading: &[Index], first: &[Index], within: &[Index]) -> Vec<Index> {
    leading.iter().cloned().chain(first.iter().zip(within).map(|(f, w)| sum(f, w))).collect()
}
