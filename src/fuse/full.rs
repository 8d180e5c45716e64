//! Contractions over an operand with zeros around it, so wide that every element meets the whole window.
//!
//! Such is the gradient of a convolution by its pictures. What the zeros add is nothing, and so they need not be
//! there: instead of each result collecting from a window of the padded operand, each element of the operand is
//! added to the results around it.

use super::access::Position;
use super::owner;
use super::pieces::{operand_at, summed};
use crate::ir::op::Affine;
use crate::ir::types::Scalar;
use crate::ir::{Graph, NodeId, Op};

/// A contraction without the zeros.
#[derive(Clone, Debug)]
pub struct Full {
    /// Which of its operands has zeros around it.
    pub operand: usize,
    /// What is inside them.
    pub base: NodeId,
    /// Where that is read: like the operand, but along `along` at the element's own position.
    pub at: Vec<Position>,
    /// The axes with zeros.
    pub along: Vec<Along>,
}

impl Full {
    /// Where the operand is read in terms of the results: not known along the axes with zeros.
    pub fn known(&self) -> Vec<Position> {
        let scattered = |p: &Position| {
            p.as_ref().is_none_or(|p| self.along.iter().any(|l| p.terms.iter().any(|(v, _)| *v == l.result)))
        };
        self.at.iter().map(|p| p.clone().filter(|_| !scattered(p))).collect()
    }
}

/// An axis with zeros: an element at `e` is added to the result at `e - step * s - shift` for each `s` of the window.
#[derive(Clone, Copy, Debug)]
pub struct Along {
    /// The result's axis, in whose stead stand the elements.
    pub result: usize,
    /// The axis of the window.
    pub window: usize,
    /// 1, or -1.
    pub step: i64,
    /// See above.
    pub shift: i64,
    /// How many elements.
    pub elements: usize,
}

/// A contraction's form without zeros, if it has one.
pub fn full(graph: &Graph, id: NodeId) -> Option<Full> {
    let (Op::Contract(spec), [a, b]) = (graph.op(id), graph.inputs(id)) else { return None };
    let reduced: Vec<usize> = summed(spec).iter().map(|v| spec.extents[*v]).collect();
    if owner::split(&graph.ty(id).shape, &reduced).is_some() {
        return None;
    }
    let extents = [&graph.ty(id).shape[..], &reduced].concat();
    [*a, *b].iter().enumerate().find_map(|(operand, input)| {
        let (base, low) = below_zeros(graph, *input)?;
        let shape = &graph.ty(base).shape;
        let mut at = operand_at(spec, operand);
        let other = operand_at(spec, 1 - operand);
        let mut along = Vec::new();
        for axis in 0..shape.len() {
            if graph.ty(*input).shape[axis] == shape[axis] {
                continue;
            }
            let position = at[axis].clone()?;
            let outer = graph.ty(id).rank();
            let (result, window, step) = match position.terms[..] {
                [(r, 1), (w, step)] if r < outer && w >= outer => (r, w, step),
                [(w, step), (r, 1)] if r < outer && w >= outer => (r, w, step),
                _ => return None,
            };
            let shift = position.offset - low[axis] as i64;
            let elements = shape[axis];
            let ends = [0, elements as i64 - 1]
                .map(|e| [0, extents[window] as i64 - 1].map(|s| e - step * s - shift));
            let inside = ends.iter().flatten().all(|at| (0..extents[result] as i64).contains(at));
            let elsewhere =
                |p: &Position| p.as_ref().is_none_or(|p| p.terms.iter().any(|(v, _)| *v == result));
            let alone = !other.iter().any(elsewhere)
                && !at.iter().enumerate().any(|(nth, p)| nth != axis && elsewhere(p));
            if step.abs() != 1 || !inside || !alone || elements == 0 {
                return None;
            }
            at[axis] = Some(Affine::var(result));
            along.push(Along { result, window, step, shift, elements });
        }
        Some(Full { operand, base, at, along })
    })
}

/// What is inside zeros, and how many of them are before it along each axis.
fn below_zeros(graph: &Graph, id: NodeId) -> Option<(NodeId, Vec<usize>)> {
    let zeros_only = |id: NodeId| match graph.op(id) {
        Op::Pad { low, interior, value: Scalar::Real(0.0), .. } if interior.iter().all(|n| *n == 0) => {
            Some((graph.inputs(id)[0], low))
        }
        _ => None,
    };
    let (mut base, first) = zeros_only(id)?;
    let mut low = first.clone();
    while let Some((below, more)) = zeros_only(base) {
        base = below;
        low.iter_mut().zip(more).for_each(|(low, more)| *low += more);
    }
    Some((base, low))
}

/// For each node whether it is zeros around a value that only contractions without them read.
pub fn needless(graph: &Graph, needed: &[bool], sinks: &[NodeId]) -> Vec<bool> {
    let mut needless = vec![false; graph.nodes.len()];
    let forms: Vec<Option<Full>> =
        graph.ids().map(|id| if needed[id.index()] { full(graph, id) } else { None }).collect();
    for id in graph.ids().rev().filter(|id| matches!(graph.op(*id), Op::Pad { .. }) && !sinks.contains(id)) {
        let mut users = graph.ids().filter(|user| needed[user.index()] && graph.inputs(*user).contains(&id));
        needless[id.index()] = users.all(|user| {
            needless[user.index()]
                || forms[user.index()].as_ref().is_some_and(|form| {
                    graph.inputs(user)[form.operand] == id && graph.inputs(user)[1 - form.operand] != id
                })
        });
    }
    needless
}
