//! Expressions without loops in them: what loops they have comes before, as instructions.

use super::{OPEN, Op, Writer};
use crate::program::MapOp;
use crate::program::host::{Argument, Batches, Expr, ExprKind, Loop, Part, Stmt, VarId};
use crate::source::Span;

impl Writer {
    fn var(&mut self) -> VarId {
        self.vars += 1;
        self.vars - 1
    }

    /// An expression's value in a variable of its own.
    fn kept(&mut self, value: Expr) -> Expr {
        let (var, span) = (self.var(), value.span);
        self.push(Op::Let(vec![var], value));
        Expr { kind: ExprKind::Var(var), span }
    }

    /// The same expressions without loops, evaluated in order.
    pub(super) fn parts(&mut self, exprs: &[&Expr]) -> Vec<Expr> {
        let last = exprs.iter().rposition(|e| has_loop(e));
        let part = |(at, expr): (usize, &&Expr)| {
            let plain = self.plain(expr);
            let constant = matches!(plain.kind, ExprKind::Number(_) | ExprKind::Bool(_) | ExprKind::Text(_));
            if last.is_some_and(|last| at < last) && !constant { self.kept(plain) } else { plain }
        };
        exprs.iter().enumerate().map(part).collect()
    }

    fn boxed(&mut self, expr: &Expr) -> Box<Expr> {
        Box::new(self.plain(expr))
    }

    fn two(&mut self, a: &Expr, b: &Expr) -> (Box<Expr>, Box<Expr>) {
        let mut parts = self.parts(&[a, b]).into_iter();
        match (parts.next(), parts.next()) {
            (Some(a), Some(b)) => (Box::new(a), Box::new(b)),
            _ => unreachable!("two parts stay two"),
        }
    }

    /// The expression without loops in it; they come before.
    pub(super) fn plain(&mut self, expr: &Expr) -> Expr {
        if !has_loop(expr) {
            return expr.clone();
        }
        let span = expr.span;
        let kind = match &expr.kind {
            ExprKind::Collect { over, body, condition, value } => {
                return self.collect(over, body, condition.as_deref(), value, span);
            }
            ExprKind::Map(op @ (MapOp::And | MapOp::Or), args) => return self.either(*op, args, span),
            ExprKind::Map(MapOp::Where, args) => return self.choice(args, span),
            ExprKind::Map(op, args) => ExprKind::Map(*op, self.parts(&args.iter().collect::<Vec<_>>())),
            ExprKind::Tuple(items) => ExprKind::Tuple(self.parts(&items.iter().collect::<Vec<_>>())),
            ExprKind::List(items) => ExprKind::List(self.parts(&items.iter().collect::<Vec<_>>())),
            ExprKind::Index(of, at) => {
                let (of, at) = self.two(of, at);
                ExprKind::Index(of, at)
            }
            ExprKind::Slice(of, from, to) => {
                let given: Vec<&Expr> =
                    [Some(of), from.as_ref(), to.as_ref()].into_iter().flatten().map(|e| &**e).collect();
                let mut parts = self.parts(&given).into_iter().map(Box::new);
                let of = parts.next().expect("what is cut stays");
                let from = from.as_ref().and_then(|_| parts.next());
                ExprKind::Slice(of, from, parts.next())
            }
            ExprKind::Fold(fold, list) => ExprKind::Fold(*fold, self.boxed(list)),
            ExprKind::Format(pieces) => ExprKind::Format(self.format(pieces)),
            ExprKind::Call(step, args) => {
                let given: Vec<&Expr> = args.iter().map(argument).collect();
                let parts = self.parts(&given);
                let again = |(arg, part): (&Argument, Expr)| match arg {
                    Argument::Scalar(_) => Argument::Scalar(part),
                    Argument::Tensor(_) => Argument::Tensor(part),
                };
                ExprKind::Call(*step, args.iter().zip(parts).map(again).collect())
            }
            ExprKind::Field(of, at) => ExprKind::Field(self.boxed(of), *at),
            ExprKind::Batch(batches, at) => match &batches.order {
                None => ExprKind::Batch(batches.clone(), self.boxed(at)),
                Some(order) => {
                    let (at, order) = self.two(at, order);
                    ExprKind::Batch(Batches { order: Some(order), ..batches.clone() }, at)
                }
            },
            ExprKind::Print(text) => ExprKind::Print(self.boxed(text)),
            ExprKind::WritePng(name, picture) => {
                let (name, picture) = self.two(name, picture);
                ExprKind::WritePng(name, picture)
            }
            ExprKind::WriteCurves(name, curves) => ExprKind::WriteCurves(self.boxed(name), curves.clone()),
            ExprKind::Save(places, name) => ExprKind::Save(places.clone(), self.boxed(name)),
            ExprKind::Load(places, name) => ExprKind::Load(places.clone(), self.boxed(name)),
            ExprKind::Number(_)
            | ExprKind::Bool(_)
            | ExprKind::Text(_)
            | ExprKind::Var(_)
            | ExprKind::Draw(_)
            | ExprKind::Snapshot(_) => return expr.clone(),
        };
        Expr { kind, span }
    }

    fn format(&mut self, pieces: &[Part]) -> Vec<Part> {
        let holes: Vec<&Expr> = pieces.iter().filter_map(hole).collect();
        let mut parts = self.parts(&holes).into_iter();
        let again = |piece: &Part| match piece {
            Part::Text(text) => Part::Text(text.clone()),
            Part::Hole(_, format) => Part::Hole(parts.next().expect("as many holes"), *format),
        };
        pieces.iter().map(again).collect()
    }

    fn collect(
        &mut self,
        over: &Loop,
        body: &[Stmt],
        condition: Option<&Expr>,
        value: &Expr,
        span: Span,
    ) -> Expr {
        let list = self.kept(Expr { kind: ExprKind::List(Vec::new()), span });
        let var = self.vars - 1;
        self.turns(over, |w| {
            w.block(body);
            let first = w.vars;
            let unless = condition.map(|condition| {
                let condition = w.plain(condition);
                w.last(Op::Unless(condition, OPEN), first)
            });
            let first = w.vars;
            let value = w.plain(value);
            w.last(Op::Append(var, value), first);
            if let Some(unless) = unless {
                w.go(unless, w.here());
            }
        });
        list
    }

    /// `and`, `or`: the second only if it is needed.
    fn either(&mut self, op: MapOp, args: &[Expr], span: Span) -> Expr {
        let first = self.plain(&args[0]);
        let result = self.kept(first);
        let var = self.vars - 1;
        let asked = match op {
            MapOp::And => result.clone(),
            _ => Expr { kind: ExprKind::Map(MapOp::Not, vec![result.clone()]), span },
        };
        let unless = self.push(Op::Unless(asked, OPEN));
        let second = self.plain(&args[1]);
        self.push(Op::Let(vec![var], second));
        self.go(unless, self.here());
        result
    }

    /// `if … then … else …`: only what is chosen.
    fn choice(&mut self, args: &[Expr], span: Span) -> Expr {
        let condition = self.plain(&args[0]);
        let var = self.var();
        let unless = self.push(Op::Unless(condition, OPEN));
        let yes = self.plain(&args[1]);
        self.push(Op::Let(vec![var], yes));
        let over = self.push(Op::Jump(OPEN));
        self.go(unless, self.here());
        let no = self.plain(&args[2]);
        self.push(Op::Let(vec![var], no));
        self.go(over, self.here());
        Expr { kind: ExprKind::Var(var), span }
    }
}

fn argument(arg: &Argument) -> &Expr {
    match arg {
        Argument::Scalar(expr) | Argument::Tensor(expr) => expr,
    }
}

fn hole(piece: &Part) -> Option<&Expr> {
    match piece {
        Part::Text(_) => None,
        Part::Hole(expr, _) => Some(expr),
    }
}

/// Whether evaluating an expression goes through a loop.
fn has_loop(expr: &Expr) -> bool {
    let optional = |e: &Option<Box<Expr>>| e.as_ref().is_some_and(|e| has_loop(e));
    match &expr.kind {
        ExprKind::Collect { .. } => true,
        ExprKind::Number(_)
        | ExprKind::Bool(_)
        | ExprKind::Text(_)
        | ExprKind::Var(_)
        | ExprKind::Draw(_)
        | ExprKind::Snapshot(_) => false,
        ExprKind::Map(_, items) | ExprKind::Tuple(items) | ExprKind::List(items) => {
            items.iter().any(has_loop)
        }
        ExprKind::Index(a, b) | ExprKind::WritePng(a, b) => has_loop(a) || has_loop(b),
        ExprKind::Slice(of, from, to) => has_loop(of) || optional(from) || optional(to),
        ExprKind::Fold(_, e)
        | ExprKind::Field(e, _)
        | ExprKind::Print(e)
        | ExprKind::WriteCurves(e, _)
        | ExprKind::Save(_, e)
        | ExprKind::Load(_, e) => has_loop(e),
        ExprKind::Format(pieces) => pieces.iter().filter_map(hole).any(has_loop),
        ExprKind::Call(_, args) => args.iter().map(argument).any(has_loop),
        ExprKind::Batch(batches, at) => optional(&batches.order) || has_loop(at),
    }
}
