//! Builds the body of a kernel: opens and closes loops, names values, and puts each value in the
//! outermost loop in which all that it depends on is known.

use crate::ir::DType;
use crate::kernel::{Extent, Fold, Index, IndexVar, Op, Order, Stmt, Val, Var};
use crate::source::Span;
use std::collections::HashMap;

/// The kernel so far.
#[derive(Default)]
pub struct Writer {
    /// Type of each value.
    pub values: Vec<DType>,
    /// Loop variables given out.
    pub vars: usize,
    /// Open bodies, outermost first.
    open: Vec<Open>,
    /// In which open body each value stands.
    value_at: Vec<usize>,
    /// In which open body each variable is bound.
    var_at: Vec<usize>,
    /// Loads stand no further out than this: memory is written inside.
    pub floor: usize,
    /// What has been computed in bodies that are still open.
    memo: HashMap<Key, Val>,
}

/// What a value is known by: the depth of the scope of its graph, its node, where it is computed.
pub type Key = (usize, u32, Vec<Index>);

/// A body that is being written.
#[derive(Default)]
struct Open {
    body: Vec<Stmt>,
    keys: Vec<Key>,
}

impl Writer {
    /// An empty kernel body.
    pub fn new() -> Writer {
        Writer { open: vec![Open::default()], ..Writer::default() }
    }

    /// The finished body.
    pub fn finish(mut self) -> (Vec<Stmt>, Vec<DType>, usize) {
        assert_eq!(self.open.len(), 1, "every loop is closed");
        (self.open.remove(0).body, self.values, self.vars)
    }

    /// How many bodies are open inside the outermost.
    pub fn depth(&self) -> usize {
        self.open.len() - 1
    }

    /// A variable that no loop of the writer binds: the owner's, or a placeholder for a stride.
    pub fn free_var(&mut self) -> Var {
        self.var_at.push(0);
        self.vars += 1;
        Var(self.vars as u32 - 1)
    }

    /// Gives the last placeholder back.
    pub fn forget_vars(&mut self, count: usize) {
        self.vars -= count;
        self.var_at.truncate(self.vars);
    }

    /// Opens a body whose variable is new.
    pub fn open(&mut self) -> Var {
        self.open.push(Open::default());
        self.var_at.push(self.depth());
        self.vars += 1;
        Var(self.vars as u32 - 1)
    }

    /// Adds one more variable to the body just opened (a nest of a fold).
    pub fn also(&mut self) -> Var {
        self.var_at.push(self.depth());
        self.vars += 1;
        Var(self.vars as u32 - 1)
    }

    fn close(&mut self) -> Vec<Stmt> {
        let open = self.open.pop().expect("a body is open");
        for key in &open.keys {
            self.memo.remove(key);
        }
        open.body
    }

    /// Closes a loop in order.
    pub fn close_for(&mut self, var: Var, extent: Extent, step: usize) {
        let body = self.close();
        if !body.is_empty() {
            let whole = if step == 1 { one_loop(var, extent, &body) } else { None };
            self.push(whole.unwrap_or(Stmt::For { var, extent, step, body }));
        }
    }

    /// Closes a loop of independent turns.
    pub fn close_lanes(&mut self, var: Var, extent: Extent) {
        let body = self.close();
        if !body.is_empty() {
            self.push(Stmt::Lanes { var, extent, body });
        }
    }

    /// Closes the nest of a fold and gives its result.
    pub fn close_fold(
        &mut self,
        op: crate::ir::op::Reduce,
        order: Order,
        loops: Vec<(Var, Extent)>,
        item: Val,
        span: Option<Span>,
    ) -> Val {
        let body = self.close();
        let dtype = self.values[item.0 as usize];
        // Where the nest could stand: as far out as what it uses, its item among it.
        let item_at = self.value_at[item.0 as usize];
        let mut at = if item_at <= self.depth() { item_at.max(self.floor) } else { self.floor };
        for stmt in &body {
            at = at.max(self.statement_depth(stmt, self.depth() + 1));
        }
        for (_, extent) in &loops {
            if let Some((var, _)) = extent.rest {
                at = at.max(self.var_at[var.0 as usize]);
            }
        }
        let fold = Op::Fold(Box::new(Fold { op, order, loops, body, item }));
        self.put(at.min(self.depth()), dtype, fold, span)
    }

    /// The innermost body outside `inside` on which a statement depends.
    fn statement_depth(&self, stmt: &Stmt, inside: usize) -> usize {
        let (op, checked) = match stmt {
            Stmt::Let { op, .. } => (Some(op), None),
            Stmt::Check { value, .. } => (None, Some(*value)),
            _ => unreachable!("a fold has values and checks"),
        };
        let mut deepest = 0;
        let mut note = |depth: usize| {
            if depth < inside {
                deepest = deepest.max(depth);
            }
        };
        if let Some(value) = checked {
            note(self.value_at[value.0 as usize]);
        }
        if let Some(op) = op {
            note(self.depends(op).min(inside));
            for depth in self.all_depends(op) {
                note(depth);
            }
        }
        deepest
    }

    fn all_depends(&self, op: &Op) -> Vec<usize> {
        let value = |v: &Val| self.value_at[v.0 as usize];
        let index = |i: &Index| {
            let vars = i.terms.iter().filter_map(|(v, _)| match v {
                IndexVar::Loop(var) => Some(self.var_at[var.0 as usize]),
                IndexVar::Counter(_) => None,
            });
            vars.chain(i.dynamic.iter().map(|(v, _)| value(v))).collect::<Vec<_>>()
        };
        match op {
            Op::Const(_) => Vec::new(),
            Op::Index(i) => index(i),
            Op::Load(_, i) => [index(i), vec![self.floor]].concat(),
            Op::Unary(_, a) | Op::Cast(a) => vec![value(a)],
            Op::Binary(_, a, b) | Op::Compare(_, a, b) => vec![value(a), value(b)],
            Op::Select(a, b, c) => vec![value(a), value(b), value(c)],
            Op::Fold(fold) => {
                let inside = self.depth() + 2;
                fold.body.iter().map(|s| self.statement_depth(s, inside)).collect()
            }
        }
    }

    fn depends(&self, op: &Op) -> usize {
        self.all_depends(op).into_iter().max().unwrap_or(0)
    }

    /// Appends a statement to the innermost body.
    pub fn push(&mut self, stmt: Stmt) {
        self.open.last_mut().expect("a body is open").body.push(stmt);
    }

    /// A value, in the outermost body in which it can be computed.
    pub fn value(&mut self, dtype: DType, op: Op, span: Option<Span>) -> Val {
        let at = self.depends(&op);
        self.put(at, dtype, op, span)
    }

    /// A value that is computed here and nowhere else: what it reads is written in the same nest.
    pub fn here(&mut self, dtype: DType, op: Op, span: Option<Span>) -> Val {
        self.put(self.depth(), dtype, op, span)
    }

    fn put(&mut self, at: usize, dtype: DType, op: Op, span: Option<Span>) -> Val {
        let value = Val(self.values.len() as u32);
        self.values.push(dtype);
        self.value_at.push(at);
        self.open[at].body.push(Stmt::Let { value, op, span });
        value
    }

    /// A value computed before in a body that is still open.
    pub fn known(&self, key: &Key) -> Option<Val> {
        self.memo.get(key).copied()
    }

    /// Remembers a value as long as the body it stands in is open.
    pub fn remember(&mut self, key: Key, value: Val) {
        self.open[self.value_at[value.0 as usize]].keys.push(key.clone());
        self.memo.insert(key, value);
    }
}

/// Lanes of which there are too few for the widest vectors.
const FEW_LANES: usize = 16;

/// A loop around few lanes as a single loop of lanes: where each index goes on from the lanes of one turn to those of the
/// next, and no turn reads what another one writes.
fn one_loop(outer: Var, turns: Extent, body: &[Stmt]) -> Option<Stmt> {
    let [Stmt::Lanes { var, extent, body }] = body else { return None };
    if *extent != Extent::fixed(extent.size) || turns != Extent::fixed(turns.size) || extent.size >= FEW_LANES
    {
        return None;
    }
    let by = |index: &Index, of: Var| {
        index.terms.iter().find(|(var, _)| *var == IndexVar::Loop(of)).map_or(0, |(_, by)| *by)
    };
    let goes_on = |index: &Index| by(index, outer) == extent.size as i64 * by(index, *var);
    let mut stored = Vec::new();
    let mut body = body.clone();
    for stmt in &body {
        let fits = match stmt {
            Stmt::Let { op: Op::Load(_, index) | Op::Index(index), .. } => goes_on(index),
            Stmt::Let { op, .. } => !matches!(op, Op::Fold(_)),
            Stmt::Store { buffer, index, .. } => {
                stored.push((*buffer, index.clone()));
                goes_on(index) && by(index, *var) != 0
            }
            _ => false,
        };
        if !fits {
            return None;
        }
    }
    let apart = |stmt: &Stmt| match stmt {
        Stmt::Let { op: Op::Load(from, index), .. } => {
            stored.iter().all(|(to, written)| to != from || written == index)
        }
        _ => true,
    };
    if !body.iter().all(apart) {
        return None;
    }
    for stmt in &mut body {
        if let Stmt::Let { op: Op::Load(_, index) | Op::Index(index), .. } | Stmt::Store { index, .. } = stmt
        {
            index.terms.retain(|(of, _)| *of != IndexVar::Loop(outer));
        }
    }
    Some(Stmt::Lanes { var: *var, extent: Extent::fixed(turns.size * extent.size), body })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::kernel::BufferId;

    /// `b[4 i + j] = a[around i + by j]` for i < 10 and j < 4, a loop around lanes.
    fn written(from: u32, [around, by]: [i64; 2]) -> Vec<Stmt> {
        let mut out = Writer::new();
        let (i, j) = (out.open(), out.open());
        let index = |[around, by]: [i64; 2]| Index {
            terms: vec![(IndexVar::Loop(i), around), (IndexVar::Loop(j), by)],
            ..Index::default()
        };
        let value = out.here(DType::F32, Op::Load(BufferId(from), index([around, by])), None);
        out.push(Stmt::Store { buffer: BufferId(1), index: index([4, 1]), value, span: None });
        out.close_lanes(j, Extent::fixed(4));
        out.close_for(i, Extent::fixed(10), 1);
        out.finish().0
    }

    #[test]
    fn few_lanes_go_on_in_the_next_turn() {
        for (from, by) in [(0, [4, 1]), (0, [128, 32]), (0, [0, 0]), (1, [4, 1])] {
            let body = written(from, by);
            let [Stmt::Lanes { extent, body, .. }] = &body[..] else { panic!("{from} {by:?}: {body:?}") };
            assert_eq!((extent.size, body.len()), (40, 2));
        }
        // Not where they leave off, stand still for some turns, or write what another turn reads.
        for (from, by) in [(0, [5, 1]), (0, [0, 1]), (0, [1, 0]), (1, [0, 0])] {
            assert!(matches!(written(from, by)[..], [Stmt::For { .. }]), "{from} {by:?}");
        }
    }
}
