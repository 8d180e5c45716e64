//! Two reductions over the same loops at once: what both read is read once, and neither waits for its own additions.

use super::fold::is_strided;
use super::function::{Emitter, Num};
use super::side::Lane;
use crate::kernel::{Fold, Op, Stmt, Val, Var};

impl<'a> Emitter<'a, '_> {
    /// The position of a later statement that reduces over the same loops as the one at a position, and needs nothing of
    /// what stands between.
    /// Those that are `done` are left out.
    pub fn twin(&self, stmts: &[Stmt], at: usize, done: &[usize]) -> Option<usize> {
        let (value, fold) = reduction(&stmts[at])?;
        let dtype = self.kernel.values[value.0 as usize];
        if !is_strided(fold, dtype) || !is_plain(fold) {
            return None;
        }
        (at + 1..stmts.len()).find(|later| {
            let Some((other, twin)) = reduction(&stmts[*later]) else { return false };
            let extents = |fold: &Fold| fold.loops.iter().map(|(_, extent)| *extent).collect::<Vec<_>>();
            !done.contains(later)
                && is_strided(twin, dtype)
                && self.kernel.values[other.0 as usize] == dtype
                && extents(fold) == extents(twin)
                && is_plain(twin)
                && self.has_lanes(fold) == self.has_lanes(twin)
                && !reads(twin).any(|buffer| self.writes(&stmts[at + 1..*later], buffer))
        })
    }

    /// Whether a reduction's innermost loop is taken in vectors.
    fn has_lanes(&self, fold: &Fold) -> bool {
        let inner = fold.loops.last().map(|(var, _)| *var);
        inner.is_some_and(|var| Lane::of(self.step, self.kernel, self.target, var, &fold.body).is_some())
    }

    /// Both reductions.
    pub fn folds_at_once(&mut self, first: &'a Stmt, second: &'a Stmt) -> Result<(), String> {
        let both = [first, second].map(|stmt| reduction(stmt).expect("it reduces"));
        let dtype = self.kernel.values[both[0].0.0 as usize];
        let totals = self.strided(&both.map(|(_, fold)| fold), dtype)?;
        for ((value, _), total) in both.iter().zip(totals) {
            self.values[value.0 as usize] = Some(Num::One(total));
        }
        Ok(())
    }

    /// Has another variable stand for the same as one that is bound.
    pub fn also(&mut self, var: Var, other: Var) {
        let [var, other] = [var, other].map(|var| var.0 as usize);
        (self.vars[other], self.depths[other], self.known[other]) =
            (self.vars[var], self.depths[var], self.known[var]);
    }
}

fn reduction(stmt: &Stmt) -> Option<(Val, &Fold)> {
    match stmt {
        Stmt::Let { value, op: Op::Fold(fold), .. } => Some((*value, fold)),
        _ => None,
    }
}

/// Whether a reduction computes all that it needs from elements and constants, and cannot fail.
fn is_plain(fold: &Fold) -> bool {
    let mut own: Vec<Val> = Vec::new();
    let plain = fold.body.iter().all(|stmt| {
        let Stmt::Let { value, op, .. } = stmt else { return false };
        let known = |of: &[Val]| of.iter().all(|value| own.contains(value));
        let plain = match op {
            Op::Const(_) => true,
            Op::Load(_, index) | Op::Index(index) => index.dynamic.is_empty(),
            Op::Unary(_, a) | Op::Cast(a) => known(&[*a]),
            Op::Binary(_, a, b) | Op::Compare(_, a, b) => known(&[*a, *b]),
            Op::Select(c, a, b) => known(&[*c, *a, *b]),
            Op::Fold(_) => false,
        };
        own.push(*value);
        plain
    });
    plain && own.contains(&fold.item)
}

fn reads(fold: &Fold) -> impl Iterator<Item = crate::kernel::BufferId> {
    fold.body.iter().filter_map(|stmt| match stmt {
        Stmt::Let { op: Op::Load(buffer, _), .. } => Some(*buffer),
        _ => None,
    })
}
