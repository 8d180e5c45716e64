//! The pieces of a graph: for each value that is kept, what it goes through and what it reads.

use super::access::{Access, Position, Source, Walk, identity};
use super::full::full;
use super::owner::{self, Across, Lengths, Units, owner_axis};
use super::sinks::{self, Sink, Target};
use super::stored::{below_views, needed};
use super::zeros::may_be_zero;
use super::{Piece, What, fuse_sinks};
use crate::ir::op::{Affine, Contract, Scan};
use crate::ir::{Graph, LeafKind, NodeId, Op};

/// All pieces of a graph, operands before users, sinks last.
pub fn pieces(graph: &Graph, sinks: &[Sink], stored: &[bool], lengths: &Lengths) -> Vec<Piece> {
    let needed = needed(graph, sinks);
    let units = Units::of(graph, lengths);
    let mut found = Vec::new();
    for id in graph.ids().filter(|id| needed[id.index()] && stored[id.index()]) {
        match graph.op(id) {
            // The scan's own piece gives them.
            Op::Result(_) => {}
            Op::Scan(scan) => {
                for carried in (0..scan.carried).filter(|carried| starts(scan, *carried)) {
                    found.push(copy(graph, stored, What::Enter(id, carried), graph.inputs(id)[carried]));
                }
                found.push(scan_piece(graph, stored, &needed, id, lengths));
            }
            _ => found.extend(value(graph, stored, &units, id)),
        }
    }
    let carried = |(nth, sink): (usize, &Sink)| {
        let piece = copy(graph, stored, What::Sink(nth), sink.value);
        Piece { over: over(sink), ..piece }
    };
    found.extend(sinks.iter().enumerate().map(carried));
    for piece in &mut found {
        piece.unit = piece.ownable.first().map_or(1, |axis| unit(piece, *axis, &units));
    }
    found
}

/// Indices to a block of a piece's axis.
fn unit(piece: &Piece, axis: usize, units: &Units) -> usize {
    let extent = piece.extents[axis];
    // A sum over as many terms as there are pictures is one over the pictures, and what it gives has none.
    let summed = axis < piece.outer && piece.extents[piece.outer..].contains(&extent);
    if summed { units.unit_of_columns(extent) } else { units.unit(extent) }
}

/// How long the blocks of some extents are in graphs that work on the same places.
pub fn lengths<'a>(graphs: impl IntoIterator<Item = &'a Graph>) -> Lengths {
    let mut lengths = Lengths::default();
    for graph in graphs {
        let units = Units::of(graph, &Lengths::default());
        let found = graph.ids().filter_map(|id| across(graph, id));
        found.for_each(|of| lengths.lengthen(&units, of));
        widen(graph, None, &units, &mut lengths);
    }
    lengths
}

/// Terms and rows from which a product with many zeros is a sum of the rows that count.
const COUNTED_TERMS: usize = 64;
const COUNTED_ROWS: usize = 8;

/// Takes longer blocks of the columns of products whose left operand may have many zeros, in loops too.
fn widen(graph: &Graph, around: Option<(&Graph, NodeId)>, units: &Units, lengths: &mut Lengths) {
    for id in graph.ids() {
        let inputs = graph.inputs(id);
        if let Op::Scan(scan) = graph.op(id) {
            widen(&scan.body, Some((graph, id)), units, lengths);
        }
        let Op::Contract(spec) = graph.op(id) else { continue };
        let ([rows, columns], [terms]) = (&spec.output[..], &summed(spec)[..]) else { continue };
        let has = |operand: usize, v: usize| {
            spec.operands[operand].iter().any(|at| at.terms.iter().any(|(of, _)| *of == v))
        };
        let counts = |left: usize| {
            let alone = has(left, *rows) && !has(left, *columns) && has(left, *terms);
            alone && !has(1 - left, *rows) && may_be_zero(graph, inputs[left], around)
        };
        let few = spec.extents[*terms] >= COUNTED_TERMS && spec.extents[*rows] >= COUNTED_ROWS;
        if few && inputs.len() == 2 && (counts(0) || counts(1)) {
            lengths.widen(units, spec.extents[*columns]);
        }
    }
}

/// The summed variables of a contraction, ascending.
pub fn summed(spec: &Contract) -> Vec<usize> {
    (0..spec.extents.len()).filter(|v| !spec.output.contains(v)).collect()
}

/// Where a contraction's operand is read: the piece's axes are the output's, then the summed variables.
pub fn operand_at(spec: &Contract, operand: usize) -> Vec<Position> {
    let order: Vec<usize> = spec.output.iter().copied().chain(summed(spec)).collect();
    let axis = |v: usize| order.iter().position(|o| *o == v).expect("every variable has its axis");
    let renamed = |a: &Affine| {
        Some(Affine { terms: a.terms.iter().map(|(v, c)| (axis(*v), *c)).collect(), offset: a.offset })
    };
    spec.operands[operand].iter().map(renamed).collect()
}

/// The kept and the reduced extents of an operand's shape.
pub fn kept_and_reduced(shape: &[usize], axes: &[usize]) -> (Vec<usize>, Vec<usize>) {
    let reduced = axes.iter().map(|a| shape[*a]).collect();
    let kept = (0..shape.len()).filter(|a| !axes.contains(a)).map(|a| shape[a]).collect();
    (kept, reduced)
}

/// Where a reduction reads its operand: the piece's axes are the kept ones, then the reduced ones.
pub fn reduced_at(rank: usize, axes: &[usize]) -> Vec<Position> {
    let (mut kept, mut reduced) = (0.., rank - axes.len()..);
    let one = |a: usize| if axes.contains(&a) { reduced.next() } else { kept.next() };
    (0..rank).map(one).map(|axis| axis.map(Affine::var)).collect()
}

/// Axes that may be owned, the one that the shape prefers first, without those of extent 1.
fn preferred(shape: &[usize], may: impl Fn(usize) -> bool) -> Vec<usize> {
    let first = owner_axis(shape).filter(|a| may(*a));
    let others = (0..shape.len()).filter(|a| Some(*a) != first && may(*a));
    first.into_iter().chain(others).filter(|a| shape[*a] > 1).collect()
}

/// A piece that reads one value and writes it elsewhere.
fn copy(graph: &Graph, stored: &[bool], what: What, value: NodeId) -> Piece {
    let shape = graph.ty(value).shape.clone();
    let mut walk = Walk::new(graph, stored);
    walk.read(value, &identity(shape.len()));
    let ownable = preferred(&shape, |_| true);
    finish(what, shape.clone(), shape.len(), ownable, walk)
}

fn finish(what: What, extents: Vec<usize>, outer: usize, ownable: Vec<usize>, walk: Walk<'_>) -> Piece {
    let (reads, checks) = (walk.found, walk.looks_up);
    Piece { what, extents, outer, ownable, reads, over: None, checks, unit: 1, owner: None }
}

/// The pieces that compute a kept value.
fn value(graph: &Graph, stored: &[bool], units: &Units, id: NodeId) -> Vec<Piece> {
    let shape = &graph.ty(id).shape;
    let inputs = graph.inputs(id);
    let rank = shape.len();
    let mut walk = Walk::new(graph, stored);
    let one =
        |walk, extents: Vec<usize>, ownable| vec![finish(What::Value(id), extents, rank, ownable, walk)];
    match graph.op(id) {
        Op::Reduce { axes, .. } => {
            let operand = &graph.ty(inputs[0]).shape;
            let (kept, reduced) = kept_and_reduced(operand, axes);
            walk.read(inputs[0], &reduced_at(operand.len(), axes));
            let split = owner::split(&kept, &reduced);
            sum(id, None, split, (&kept, &reduced), preferred(shape, |_| true), walk, units)
        }
        Op::ArgReduce { axis, .. } => {
            let operand = &graph.ty(inputs[0]).shape;
            walk.read(inputs[0], &reduced_at(operand.len(), &[*axis]));
            let extents = [&shape[..], &[operand[*axis]]].concat();
            one(walk, extents, preferred(shape, |_| true))
        }
        Op::Contract(spec) => {
            let form = full(graph, id);
            for (nth, input) in inputs[..2].iter().enumerate() {
                match form.as_ref().filter(|form| form.operand == nth) {
                    Some(form) => walk.read(form.base, &form.known()),
                    None => walk.read(*input, &operand_at(spec, nth)),
                }
            }
            let scattered = |a: usize| form.as_ref().is_some_and(|f| f.along.iter().any(|l| l.result == a));
            let start = inputs.get(2).copied();
            let reduced: Vec<usize> = summed(spec).iter().map(|v| spec.extents[*v]).collect();
            let wide = owner_axis(shape).map_or(1, |a| shape[a]);
            let split = owner::split(shape, &reduced)
                .or_else(|| across(graph, id).filter(|of| owner::few_rows(units, *of)).map(|_| 0))
                .or_else(|| at_once(graph, units, id, &reduced))
                .or_else(|| behind(graph, units, id, &reduced));
            sum(
                id,
                start,
                split,
                (shape, &reduced),
                preferred(shape, |a| 2 * shape[a] >= wide && !scattered(a)),
                walk,
                units,
            )
        }
        Op::WindowReduce { windows, .. } | Op::WindowPick { windows, .. } => {
            let leading = rank - windows.size.len();
            let at = leading_only(leading, rank);
            inputs.iter().for_each(|input| walk.read(*input, &at));
            one(walk, [&shape[..], &windows.size].concat(), preferred(shape, |a| a < leading))
        }
        Op::WindowSpread { windows, .. } => {
            let leading = rank - windows.size.len();
            let at = leading_only(leading, rank);
            inputs.iter().for_each(|input| walk.read(*input, &at));
            one(walk, [&shape[..], &windows.size].concat(), preferred(shape, |a| a < leading))
        }
        Op::ScatterAdd { axes } => {
            let searched = graph.ty(inputs[1]).shape.clone();
            let mut rest = (0..rank).filter(|a| !axes.contains(a));
            let values: Vec<Position> = (0..graph.ty(inputs[0]).rank())
                .map(|a| if a < searched.len() { Some(rank + a) } else { rest.next() })
                .map(|axis| axis.map(Affine::var))
                .collect();
            walk.read(inputs[0], &values);
            let over: Vec<Position> = (0..searched.len()).map(|a| Some(Affine::var(rank + a))).collect();
            inputs[1..].iter().for_each(|input| walk.read(*input, &over));
            walk.looks_up = true;
            one(walk, [&shape[..], &searched].concat(), preferred(shape, |a| !axes.contains(&a)))
        }
        Op::Transpose { perm } => {
            walk.compute(id, &identity(rank));
            // By the blocks in which it is taken on the other side: so a thread turns what it has written.
            let owned = owner_axis(&graph.ty(inputs[0]).shape);
            let first = (0..rank).find(|a| Some(perm[*a]) == owned);
            let mut ownable = preferred(shape, |_| true);
            ownable.sort_by_key(|axis| Some(*axis) != first);
            one(walk, shape.clone(), ownable)
        }
        Op::RandomBits { .. } => {
            inputs.iter().for_each(|input| walk.read(*input, &[]));
            one(walk, shape.clone(), preferred(shape, |_| true))
        }
        Op::Concat { axis } => {
            let mut at = identity(rank);
            at[*axis] = None;
            inputs.iter().for_each(|input| walk.read(*input, &at));
            one(walk, shape.clone(), preferred(shape, |a| a != *axis))
        }
        Op::Pad { low, high, interior, .. } => {
            let plain = |a: usize| low[a] == 0 && high[a] == 0 && interior[a] == 0;
            let at: Vec<Position> =
                identity(rank).into_iter().enumerate().map(|(a, p)| p.filter(|_| plain(a))).collect();
            walk.read(inputs[0], &at);
            one(walk, shape.clone(), preferred(shape, plain))
        }
        Op::Binary(_) if !graph.ty(id).dtype.is_real() => {
            walk.compute(id, &identity(rank));
            // Division by zero and negative powers of whole numbers.
            walk.looks_up |= super::stored::may_fail(graph, id);
            one(walk, shape.clone(), preferred(shape, |_| true))
        }
        _ => {
            walk.compute(id, &identity(rank));
            one(walk, shape.clone(), preferred(shape, |_| true))
        }
    }
}

/// The leading axes unchanged, the others at no known position.
fn leading_only(leading: usize, rank: usize) -> Vec<Position> {
    (0..rank).map(|a| (a < leading).then(|| Affine::var(a))).collect()
}

/// A product summed over the last axis of a matrix. Where there are few results, nothing but the reading of the matrix
/// takes time, and by blocks of its columns everything else that a step does with it can be done while a block is in
/// the cache.
///
/// It is looked at through its views, whether or not one of them is kept for others: the order of a sum must not
/// depend on that.
fn across(graph: &Graph, id: NodeId) -> Option<Across> {
    let Op::Contract(spec) = graph.op(id) else { return None };
    let [terms] = summed(spec)[..] else { return None };
    let shape = &graph.ty(id).shape;
    let is_place =
        |id: NodeId| matches!(graph.op(id), Op::Leaf(leaf) if graph.leaves[*leaf].kind == LeafKind::Place);
    let none_kept = vec![false; graph.nodes.len()];
    let rows_of = |operand: usize| {
        let input = graph.inputs(id)[operand];
        if !is_place(below_views(graph, input)) {
            return None;
        }
        let mut walk = Walk::new(graph, &none_kept);
        walk.read(input, &operand_at(spec, operand));
        walk.found.iter().find_map(|read| match read.along[..] {
            [Some(row), Some(last)] if row < shape.len() && last == shape.len() => Some(shape[row]),
            _ => None,
        })
    };
    let rows = (0..2).find_map(rows_of)?;
    Some(Across { results: shape.iter().product(), rows, columns: spec.extents[terms] })
}

/// The summed axis that counts examples, where the sums of blocks of them are small beside the examples: what is
/// done with a block of data before can be followed by this while the block is in the cache, and data come through
/// the cache once.
fn at_once(graph: &Graph, units: &Units, id: NodeId, summed: &[usize]) -> Option<usize> {
    let (Op::Contract(spec), [terms]) = (graph.op(id), summed) else { return None };
    let results: usize = graph.ty(id).shape.iter().product();
    let rank = graph.ty(id).rank();
    let none_kept = vec![false; graph.nodes.len()];
    let data = |operand: usize| {
        let input = graph.inputs(id)[operand];
        let Op::Leaf(leaf) = graph.op(below_views(graph, input)) else { return false };
        let leaf = &graph.leaves[*leaf];
        let mut walk = Walk::new(graph, &none_kept);
        walk.read(input, &operand_at(spec, operand));
        // Examples come first, and are what is summed over.
        let by_examples =
            |read: &Access| read.along.first() == Some(&Some(rank)) && read.along.iter().all(Option::is_some);
        leaf.kind == LeafKind::Arg
            && walk.found.iter().all(by_examples)
            && owner::read_once(units, results, leaf.ty.elements(), *terms)
    };
    (0..2).any(data).then_some(0)
}

/// The summed axis that is the owner's of a computed factor, where the product with a place gives so little that each
/// thread can have it all: its blocks' sums need no waiting for the other blocks of the factor.
fn behind(graph: &Graph, units: &Units, id: NodeId, summed: &[usize]) -> Option<usize> {
    let (Op::Contract(spec), [terms]) = (graph.op(id), summed) else { return None };
    let shape = &graph.ty(id).shape;
    let results: usize = shape.iter().product();
    // Along the summed axis of a factor, which comes behind those of the result.
    let along = |operand: usize, axis_of: &dyn Fn(&[usize]) -> Option<usize>| {
        let input = graph.inputs(id)[operand];
        let owned = axis_of(&graph.ty(input).shape);
        let at = operand_at(spec, operand);
        let plain = |position: &Position| position.as_ref().and_then(super::access::plain);
        owned.is_some_and(|axis| plain(&at[axis]) == Some(shape.len()))
    };
    let place = |operand: usize| {
        let below = below_views(graph, graph.inputs(id)[operand]);
        let matrix = graph.ty(below).shape.iter().filter(|e| **e > 1).count() == 2;
        let of_places = |leaf: &usize| graph.leaves[*leaf].kind == LeafKind::Place;
        matches!(graph.op(below), Op::Leaf(leaf) if of_places(leaf)) && matrix && along(operand, &|_| Some(0))
    };
    let computed = |operand: usize| {
        let below = below_views(graph, graph.inputs(id)[operand]);
        !matches!(graph.op(below), Op::Leaf(_) | Op::Const(_)) && along(operand, &owner_axis)
    };
    let found = (0..2).any(|operand| place(operand) && computed(1 - operand));
    (found && owner::small_behind(units, results, *terms)).then_some(0)
}

/// A sum or another reduction: whole, or its blocks and what joins them and adds them to `start`.
fn sum(
    id: NodeId,
    start: Option<NodeId>,
    split: Option<usize>,
    (kept, reduced): (&[usize], &[usize]),
    ownable: Vec<usize>,
    mut walk: Walk<'_>,
    units: &Units,
) -> Vec<Piece> {
    let extents = [kept, reduced].concat();
    let mut begins = Walk::new(walk.graph, walk.stored);
    if let Some(start) = start {
        begins.read(start, &identity(kept.len()));
    }
    let Some(split) = split else {
        walk.found.extend(begins.found);
        walk.looks_up |= begins.looks_up;
        return vec![finish(What::Value(id), extents, kept.len(), ownable, walk)];
    };
    let partial = finish(What::Partial(id), extents, kept.len(), vec![kept.len() + split], walk);
    let blocks = units.blocks(reduced[split]);
    let along = (0..=kept.len()).map(|a| a.checked_sub(1)).collect();
    let joined = Piece {
        what: What::Joined(id),
        extents: [kept, &[blocks]].concat(),
        outer: kept.len(),
        ownable: preferred(kept, |_| true),
        reads: [vec![Access { source: Source::Partial(id), along }], begins.found].concat(),
        over: None,
        checks: begins.looks_up,
        unit: 1,
        owner: None,
    };
    vec![partial, joined]
}

fn scan_piece(graph: &Graph, stored: &[bool], needed: &[bool], id: NodeId, lengths: &Lengths) -> Piece {
    let Op::Scan(scan) = graph.op(id) else { unreachable!("only scans are asked for") };
    let mut walk = Walk::new(graph, stored);
    for input in &graph.inputs(id)[scan.carried..] {
        walk.read(*input, &vec![None; graph.ty(*input).rank()]);
    }
    let sinks = sinks::of_body(scan, &read_results(graph, needed, id));
    let body = fuse_sinks(&scan.body, sinks, Vec::new(), lengths);
    let checks = body.pieces.iter().any(|p| p.checks);
    let what = What::Loop(id, Box::new(body));
    Piece { checks, ..finish(what, Vec::new(), 0, Vec::new(), walk) }
}

/// Whether what a carried value starts from is read: by a turn or, where there is none, as the result.
fn starts(scan: &Scan, carried: usize) -> bool {
    let body = &scan.body;
    let is_leaf = |id: NodeId| match body.op(id) {
        Op::Leaf(leaf) => {
            let leaf = &body.leaves[*leaf];
            leaf.kind == LeafKind::Carried && leaf.index == carried
        }
        _ => false,
    };
    let by_nodes = || body.ids().any(|id| body.inputs(id).iter().any(|input| is_leaf(*input)));
    scan.turns == 0 || by_nodes() || body.reports.iter().any(|report| is_leaf(report.value))
}

/// Which results of a scan are read.
fn read_results(graph: &Graph, needed: &[bool], scan: NodeId) -> Vec<bool> {
    let Op::Scan(of) = graph.op(scan) else { unreachable!("only scans are asked for") };
    let mut read = vec![false; of.body.reports.len()];
    for id in graph.ids().filter(|id| needed[id.index()]) {
        if let (Op::Result(at), [from]) = (graph.op(id), graph.inputs(id))
            && *from == scan
        {
            read[*at] = true;
        }
    }
    read
}

/// The leaf that a sink writes over.
pub fn over(sink: &Sink) -> Option<usize> {
    match sink.target {
        Target::Over(leaf) => Some(leaf),
        Target::Report(_) | Target::Stack(_) => None,
    }
}
