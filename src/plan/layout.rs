//! How places lie in memory: row by row, or in panels where blocks of their last axis are worked on.
//!
//! A block of columns of a weight that lies row by row is a short run of every row, each on another
//! page. In panels such a block is one unbroken piece of memory. Where anything lies moves no sum, but for matrices that lie
//! column by column: whole products along their columns are dots. Files and prints have the logical order.

use super::Plan;
use crate::fuse::access::same_but_for_ones;
use crate::fuse::pieces::summed;
use crate::fuse::stored::below_views;
use crate::fuse::{Fused, Piece, Source, What, owner};
use crate::ir::tensor::Buffer as Array;
use crate::ir::{Graph, Leaf, LeafKind, NodeId, Op, Scalar, Type};
use std::borrow::Cow;
use std::collections::{BTreeMap, BTreeSet};

/// How the elements of an array lie.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum Layout {
    /// Row-major.
    #[default]
    Rows,
    /// So many columns of the last axis in a panel, panel after panel, each row-major; the last one is
    /// filled up with elements that mean nothing. One panel for all columns is rows at a distance, panels of one
    /// column are a matrix turned round.
    Panels(usize),
}

/// A matrix column by column.
pub const TURNED: Layout = Layout::Panels(1);

impl Layout {
    /// How many elements there are in memory.
    pub fn elements(self, shape: &[usize]) -> Option<usize> {
        let count = |shape: &[usize]| shape.iter().try_fold(1_usize, |n, extent| n.checked_mul(*extent));
        match (self, shape.split_last()) {
            (Layout::Panels(width), Some((last, lead))) => {
                count(lead)?.checked_mul(last.checked_next_multiple_of(width)?)
            }
            _ => count(shape),
        }
    }

    /// Row-major elements as they lie in memory.
    pub fn laid_out<'a>(self, shape: &[usize], array: &'a Array) -> Cow<'a, Array> {
        self.moved(shape, array, true)
    }

    /// What lies in memory, as row-major elements.
    pub fn row_major<'a>(self, shape: &[usize], array: &'a Array) -> Cow<'a, Array> {
        self.moved(shape, array, false)
    }

    /// Runs of elements that are neighbours both ways: where each begins in row-major order, where in memory, and how
    /// many it has.
    pub fn runs(self, shape: &[usize]) -> impl Iterator<Item = (usize, usize, usize)> + use<> {
        let (rows, columns, width) = match (self, shape.split_last()) {
            (Layout::Panels(width), Some((columns, lead))) => (lead.iter().product(), *columns, width),
            (Layout::Rows | Layout::Panels(_), _) => (1, shape.iter().product(), usize::MAX),
        };
        let of_row = move |row: usize| {
            let run = move |column: usize| {
                let count = width.min(columns - column);
                (row * columns + column, column * rows + row * width, count)
            };
            (0..columns).step_by(width).map(run)
        };
        (0..rows).flat_map(of_row)
    }

    fn moved<'a>(self, shape: &[usize], array: &'a Array, to_panels: bool) -> Cow<'a, Array> {
        if self == Layout::Rows || shape.is_empty() {
            return Cow::Borrowed(array);
        }
        let count = if to_panels { self.elements(shape) } else { Layout::Rows.elements(shape) };
        let mut to = Array::filled(array.dtype(), Scalar::Int(0), count.unwrap_or(0));
        for (in_rows, in_memory, count) in self.runs(shape) {
            let (from, at) = if to_panels { (in_rows, in_memory) } else { (in_memory, in_rows) };
            to.put(at, &array.part(from..from + count));
        }
        Cow::Owned(to)
    }
}

/// Gives the places of steps that run on the same memory their layouts. A place lies in panels if some
/// step works on blocks of its last axis, and every other takes it by that axis in one of the ways that
/// a loop over panels can. A matrix of few long columns lies column by column if some step takes the product of rows
/// with it, which then is one dot a column.
pub fn arrange(steps: &mut [(&Graph, &Fused, &mut Plan)]) {
    let mut layouts: BTreeMap<usize, Layout> = BTreeMap::new();
    let leaves = steps.iter().flat_map(|(graph, ..)| &graph.leaves).filter(|l| l.kind == LeafKind::Place);
    let places: BTreeMap<usize, &Type> = leaves.map(|leaf| (leaf.index, &leaf.ty)).collect();
    for (place, ty) in places {
        let last = ty.shape.last().copied().unwrap_or(0);
        // A panel is a block by which the steps divide the axis.
        let owners = steps.iter().flat_map(|(_, fused, _)| &fused.clusters).filter_map(|c| c.share.owner());
        let width = owners.filter(|owner| owner.extent == last).map(|owner| owner.unit).max();
        let width = width.unwrap_or(last);
        if ty.rank() < 2 || !ty.dtype.is_real() {
            continue;
        }
        let goes_unbroken = || steps.iter().any(|(graph, ..)| unbroken(graph, &of_place(place)));
        if last < owner::WIDE {
            let products = steps.iter().flat_map(|(graph, fused, _)| by_columns(graph, fused, place));
            let products: Vec<bool> = products.collect();
            let by_columns = !products.is_empty() && !products.contains(&false);
            if ty.rank() == 2 && last < FEW_COLUMNS && by_columns && !goes_unbroken() {
                layouts.insert(place, TURNED);
            }
            continue;
        }
        let ways: Vec<Way> = steps.iter().map(|(g, f, p)| by_panels(g, f, p, place, width)).collect();
        let pitch = pitch(last);
        if !ways.contains(&Way::Other) && ways.contains(&Way::Blocks) {
            layouts.insert(place, Layout::Panels(width));
        } else if ty.rank() == 2 && pitch != last && !goes_unbroken() {
            layouts.insert(place, Layout::Panels(pitch));
        }
    }
    for (.., plan) in steps {
        plan.layouts = layouts.clone();
    }
}

/// Columns below which vectors of neighbours are badly filled.
pub const FEW_COLUMNS: usize = 16;
/// Terms from which sums along such columns are dots.
pub const LONG_COLUMN: usize = 256;

/// For each product that sums along a place's columns, whether these are long and the sum is whole.
fn by_columns(graph: &Graph, fused: &Fused, place: usize) -> impl Iterator<Item = bool> {
    fused.pieces.iter().filter_map(move |piece| {
        let (What::Value(id) | What::Partial(id)) = piece.what else { return None };
        let Op::Contract(spec) = graph.op(id) else { return None };
        let along = piece.reads.iter().find_map(|read| match (read.source, &read.along[..]) {
            (Source::Leaf(leaf), [Some(row), Some(_)]) if of_place(place)(&graph.leaves[leaf]) => Some(*row),
            _ => None,
        });
        let row = along.filter(|row| *row >= piece.outer)?;
        let whole = matches!(piece.what, What::Value(_)) && summed(spec).len() == 1;
        Some(whole && piece.extents[row] >= LONG_COLUMN)
    })
}

/// Elements from row to row of a matrix that lies row by row, so that rows begin with a cache line, and those
/// of a block of columns in different places of a cache.
fn pitch(columns: usize) -> usize {
    (columns.div_ceil(LINE) | 1) * LINE
}

/// Elements of a line.
const LINE: usize = 16;

/// Whether a leaf is a place.
fn of_place(place: usize) -> impl Fn(&Leaf) -> bool {
    move |leaf| leaf.kind == LeafKind::Place && leaf.index == place
}

/// Whether a graph goes through one of some leaves as if it lay unbroken in memory: as a reshape does, or a
/// search in a window.
fn unbroken(graph: &Graph, is: &dyn Fn(&Leaf) -> bool) -> bool {
    let found =
        |id: NodeId| matches!(graph.op(below_views(graph, id)), Op::Leaf(leaf) if is(&graph.leaves[*leaf]));
    graph.ids().any(|id| match graph.op(id) {
        Op::Reshape => {
            let input = graph.inputs(id)[0];
            same_but_for_ones(&graph.ty(input).shape, &graph.ty(id).shape).is_none() && found(input)
        }
        // A cell is read by its position in the plane.
        Op::WindowPick { .. } => found(graph.inputs(id)[1]),
        Op::Scan(scan) => {
            let (scanned, captured) = graph.inputs(id)[scan.carried..].split_at(scan.scanned);
            let inside = |leaf: &Leaf| match leaf.kind {
                LeafKind::Scanned => found(scanned[leaf.index]),
                LeafKind::Captured => found(captured[leaf.index]),
                _ => false,
            };
            unbroken(&scan.body, &inside)
        }
        _ => false,
    })
}

/// How a step takes a place.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Way {
    /// Not at all, or in loops over panels.
    Loops,
    /// By blocks of its last axis, each of them a panel.
    Blocks,
    /// In a way that panels do not serve.
    Other,
}

fn by_panels(graph: &Graph, fused: &Fused, plan: &Plan, place: usize, width: usize) -> Way {
    let mut way = Way::Loops;
    for cluster in &fused.clusters {
        for nth in &cluster.pieces {
            let piece = &fused.pieces[*nth];
            // One loop over panels serves a piece, not two.
            let takes = !last_axes(graph, piece, place).is_empty();
            if takes && looped(graph, piece).len() > 1 {
                return Way::Other;
            }
            for axis in last_axes(graph, piece, place) {
                let owned = axis.is_some() && axis == piece.owner;
                let tiled = plan
                    .tiles
                    .iter()
                    .any(|(product, tile)| (product == nth || tile.user == *nth) && Some(tile.axis) == axis);
                way = match axis {
                    _ if owned && cluster.share.owner().is_some_and(|o| o.unit == width) => Way::Blocks,
                    Some(axis) if !owned && !tiled && loops_over(graph, piece, axis) => way,
                    _ => return Way::Other,
                };
            }
        }
    }
    way
}

/// The axes along which a piece would go panel by panel were all places in panels.
fn looped(graph: &Graph, piece: &Piece) -> BTreeSet<usize> {
    let mut found = BTreeSet::new();
    for leaf in graph.leaves.iter().filter(|l| l.kind == LeafKind::Place && l.ty.rank() > 1) {
        let axes = last_axes(graph, piece, leaf.index).into_iter().flatten();
        found.extend(axes.filter(|axis| Some(*axis) != piece.owner));
    }
    found
}

/// For each time that a piece reads or writes a place, its axis that is the place's last; none if no axis is.
fn last_axes(graph: &Graph, piece: &Piece, place: usize) -> Vec<Option<usize>> {
    let is = |leaf: usize| {
        let leaf = &graph.leaves[leaf];
        leaf.kind == LeafKind::Place && leaf.index == place
    };
    let reads = piece.reads.iter().filter_map(|read| match read.source {
        Source::Leaf(leaf) if is(leaf) => Some(read.along.last().copied().flatten()),
        _ => None,
    });
    let written = piece.over.filter(|leaf| is(*leaf)).map(|_| piece.outer.checked_sub(1));
    reads.chain(written).collect()
}

/// Whether a piece can be done panel by panel of an axis.
fn loops_over(graph: &Graph, piece: &Piece, axis: usize) -> bool {
    let plain = match piece.what {
        What::Sink(_) | What::Enter(..) => true,
        What::Value(id) | What::Partial(id) => !matches!(
            graph.op(id),
            Op::WindowReduce { .. }
                | Op::WindowSpread { .. }
                | Op::WindowPick { .. }
                | Op::ScatterAdd { .. }
                | Op::RandomBits { .. }
                | Op::Concat { .. }
                | Op::Pad { .. }
                | Op::ArgReduce { .. }
        ),
        What::Joined(_) | What::Loop(..) => false,
    };
    plain && axis < piece.outer
}

/// The axis of a piece along which it goes panel by panel, and the panels' width.
pub fn panel_axis(graph: &Graph, plan: &Plan, piece: &Piece) -> Option<(usize, usize)> {
    let of = |leaf: &crate::ir::Leaf| {
        let Some(Layout::Panels(width @ 2..)) = plan.layouts.get(&leaf.index) else { return None };
        let axes = last_axes(graph, piece, leaf.index);
        let several = |axis: &usize| piece.extents[*axis] > *width && Some(*axis) != piece.owner;
        let axis = axes.into_iter().flatten().find(several)?;
        Some((axis, *width))
    };
    graph.leaves.iter().filter(|l| l.kind == LeafKind::Place).find_map(of)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn panels_come_back_as_rows() {
        let shapes = [vec![3, 5], vec![2, 2, 7], vec![4, 8], vec![0, 5], vec![1, 1]];
        for (shape, width) in shapes.iter().flat_map(|shape| [4, 9].map(|width| (shape, width))) {
            let count: usize = shape.iter().product();
            let rows = Array::I32((1..=count as i32).collect());
            let layout = Layout::Panels(width);
            let held = layout.laid_out(shape, &rows);
            assert_eq!(Some(held.len()), layout.elements(shape));
            assert_eq!(*layout.row_major(shape, &held), rows);
        }
        let rows = Array::I32(vec![1, 2, 3, 4, 5, 6]);
        let held = Layout::Panels(2).laid_out(&[2, 3], &rows);
        assert_eq!(*held, Array::I32(vec![1, 2, 4, 5, 3, 0, 6, 0]));
    }
}
