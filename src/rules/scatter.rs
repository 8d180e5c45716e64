//! Scatter-adds whose indices count along their own axes, as the gradient of `log(p)[i, y[i]]`.

use super::{Facts, Rewriter, Rule, Subject};
use crate::ir::{Compare, NodeId, Op, Reduce};

/// Sums over what was scattered; before [`SCATTER`], which hides that every value has its place.
pub const SUMS: &[Rule] = &[Rule {
    name: "sum-scatter",
    algebra: "sum over k of scatter(v at [i, y[i]])[i, k] = v[i]",
    subject: Subject::Structure,
    apply: sum_scatter,
}];

/// Scatter becomes comparison. An index outside its axis, which stops a run at the gather this is the
/// adjoint of, here adds nothing.
pub const SCATTER: &[Rule] = &[Rule {
    name: "scatter-compare",
    algebra: "scatter(v at [i, y[i]])[i, k] = (k == y[i]) ? v[i] : 0",
    subject: Subject::Structure,
    apply: scatter_compare,
}];

/// A scatter-add in which each axis of the values belongs to an axis of the result.
struct Scatter {
    values: NodeId,
    /// For each axis of the values, the result's axis.
    home: Vec<usize>,
    /// The result's axes that are looked up, with the indices.
    looked_up: Vec<(usize, NodeId)>,
}

fn read(facts: Facts<'_>, id: NodeId) -> Option<Scatter> {
    let Op::ScatterAdd { axes } = facts.op(id)? else { return None };
    let (values, indices) = facts.inputs(id).split_first()?;
    let (shape, result) = (facts.shape(indices[0]), facts.shape(id));
    let mut home = vec![None; shape.len()];
    let mut looked_up = Vec::new();
    for (axis, index) in axes.iter().zip(indices) {
        match counts_along(facts, *index) {
            Some(d) if home[d].is_none() && shape[d] == result[*axis] => home[d] = Some(*axis),
            Some(_) | None => looked_up.push((*axis, *index)),
        }
    }
    let mut home = home.into_iter().collect::<Option<Vec<usize>>>()?;
    home.extend((0..result.len()).filter(|d| !axes.contains(d)));
    Some(Scatter { values: *values, home, looked_up })
}

/// The axis along which a tensor counts 0, 1, 2, …
fn counts_along(facts: Facts<'_>, id: NodeId) -> Option<usize> {
    let (source, map) = facts.stretched(id);
    let Op::Iota { axis } = facts.op(source)? else { return None };
    map[*axis]
}

/// A tensor whose axes lie at these axes of `shape`, in any order, stretched over the others.
fn spread(rw: &mut Rewriter, a: NodeId, home: &[usize], shape: &[usize]) -> NodeId {
    let mut perm: Vec<usize> = (0..home.len()).collect();
    perm.sort_by_key(|i| home[*i]);
    let a = rw.b.transpose(a, &perm);
    let axes: Vec<usize> = perm.iter().map(|i| home[*i]).collect();
    rw.b.broadcast(a, &axes, shape)
}

fn sum_scatter(rw: &mut Rewriter, id: NodeId) -> Option<NodeId> {
    let facts = rw.facts();
    let Op::Reduce { op: Reduce::Sum, axes } = facts.op(id)? else { return None };
    let scatter = read(facts, facts.inputs(id)[0])?;
    let looked_up: Vec<usize> = scatter.looked_up.iter().map(|(axis, _)| *axis).collect();
    if *axes != looked_up {
        return None;
    }
    let home: Vec<usize> =
        scatter.home.iter().map(|h| h - axes.iter().filter(|axis| *axis < h).count()).collect();
    let shape = facts.shape(id).to_vec();
    Some(spread(rw, scatter.values, &home, &shape))
}

fn scatter_compare(rw: &mut Rewriter, id: NodeId) -> Option<NodeId> {
    let scatter = read(rw.facts(), id)?;
    let shape = rw.b.shape(id);
    let mut result = spread(rw, scatter.values, &scatter.home, &shape);
    let zero = rw.b.fill_like(result, 0.0);
    for (axis, index) in scatter.looked_up {
        let rank = rw.b.ty(index).rank();
        let wanted = spread(rw, index, &scatter.home[..rank], &shape);
        let here = rw.b.iota(&shape, axis);
        let hit = rw.b.compare(Compare::Eq, here, wanted);
        result = rw.b.select(hit, result, zero);
    }
    Some(result)
}
