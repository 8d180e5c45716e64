//! Reductions over the same loops at once: what both read is read once, and neither waits for its own additions.

use super::fold::is_strided;
use super::function::{Emitter, Num};
use super::side::Lane;
use crate::kernel::{Fold, Op, Stmt, Val, Var};

/// Reductions that are taken at once: with two accumulators each they fit into half of the registers.
const AT_ONCE: usize = 4;

impl<'a> Emitter<'a, '_> {
    /// The positions of later statements that reduce over the same loops as the one at a position, and need nothing of
    /// what stands between; some of them, without those that are `done`.
    pub fn twins(&self, stmts: &[Stmt], at: usize, done: &[usize]) -> Vec<usize> {
        let Some((value, fold)) = reduction(&stmts[at]) else { return Vec::new() };
        let dtype = self.kernel.values[value.0 as usize];
        if !is_strided(fold, dtype) || !is_plain(fold) {
            return Vec::new();
        }
        let later = (at + 1..stmts.len()).filter(|later| {
            let Some((other, twin)) = reduction(&stmts[*later]) else { return false };
            let extents = |fold: &Fold| fold.loops.iter().map(|(_, extent)| *extent).collect::<Vec<_>>();
            !done.contains(later)
                && is_strided(twin, dtype)
                && self.kernel.values[other.0 as usize] == dtype
                && extents(fold) == extents(twin)
                && is_plain(twin)
                && self.has_lanes(fold) == self.has_lanes(twin)
                && !reads(twin).any(|buffer| self.writes(&stmts[at + 1..*later], buffer))
        });
        later.take(AT_ONCE - 1).collect()
    }

    /// Whether a reduction's innermost loop is taken in vectors.
    fn has_lanes(&self, fold: &Fold) -> bool {
        let inner = fold.loops.last().map(|(var, _)| *var);
        inner.is_some_and(|var| Lane::of(self.step, self.kernel, self.target, var, &fold.body).is_some())
    }

    /// All of some reductions over the same loops: at once where there are wide vectors, else by twos.
    pub fn folds_at_once(&mut self, stmts: &[&'a Stmt]) -> Result<(), String> {
        let mut all: Vec<(Val, &'a Fold)> =
            stmts.iter().map(|stmt| reduction(stmt).expect("it reduces")).collect();
        let dtype = self.kernel.values[all[0].0.0 as usize];
        // Those of the same elements stand side by side.
        all.sort_by_key(|(_, fold)| first_read(fold));
        let folds: Vec<&Fold> = all.iter().map(|(_, fold)| *fold).collect();
        let totals = match self.wide_folds(&folds, dtype) {
            Some(totals) => totals,
            None => {
                let twos = folds.chunks(2).map(|two| self.strided(two, dtype));
                twos.collect::<Result<Vec<_>, _>>()?.concat()
            }
        };
        for ((value, _), total) in all.iter().zip(totals) {
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

/// The offset of the first element that a reduction reads.
fn first_read(fold: &Fold) -> i64 {
    let offset = |stmt: &Stmt| match stmt {
        Stmt::Let { op: Op::Load(_, index), .. } => Some(index.offset),
        _ => None,
    };
    fold.body.iter().find_map(offset).unwrap_or(0)
}

fn reads(fold: &Fold) -> impl Iterator<Item = crate::kernel::BufferId> {
    fold.body.iter().filter_map(|stmt| match stmt {
        Stmt::Let { op: Op::Load(buffer, _), .. } => Some(*buffer),
        _ => None,
    })
}
