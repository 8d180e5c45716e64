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
            self.push(Stmt::For { var, extent, step, body });
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
