//! Expressions of the schedule: values that the host will have.

use super::elementwise::{is_comparison, is_logic};
use crate::check::state::{Checker, Outcome, World};
use crate::check::value::{HostKind, HostValue, Source, Value};
use crate::program::MapOp;
use crate::program::host::{Expr, ExprKind, Stmt, StmtKind};
use crate::source::Span;

impl Checker<'_> {
    /// A value in the host's form: what is known at compile time becomes a constant. None if the
    /// host cannot have it.
    pub fn host_expr(&self, value: &Value, span: Span) -> Option<HostValue> {
        let (kind, host) = match value {
            Value::Number { .. } | Value::Dim(_) => {
                (ExprKind::Number(self.number(value)?.0), HostKind::Number)
            }
            Value::Bool(b) => (ExprKind::Bool(*b), HostKind::Bool),
            Value::Text(text) => (ExprKind::Text(text.clone()), HostKind::Text),
            Value::Host(h) => return Some(h.clone()),
            Value::Tensor(t) => match &t.source {
                Source::Host(expr) => {
                    let kind = HostKind::Tensor(t.elem, t.axes.clone());
                    return Some(HostValue { expr: (**expr).clone(), kind });
                }
                _ => return None,
            },
            Value::List(items) => {
                let parts: Vec<HostValue> =
                    items.iter().map(|v| self.host_expr(v, span)).collect::<Option<_>>()?;
                let mut kind = HostKind::Unknown;
                for part in &parts {
                    kind = self.same_kind(&kind, &part.kind)?;
                }
                let exprs = parts.into_iter().map(|p| p.expr).collect();
                (ExprKind::List(exprs), HostKind::List(Box::new(kind)))
            }
            Value::Tuple(items) => {
                let parts: Vec<HostValue> =
                    items.iter().map(|v| self.host_expr(v, span)).collect::<Option<_>>()?;
                let (exprs, kinds) = parts.into_iter().map(|p| (p.expr, p.kind)).unzip();
                (ExprKind::Tuple(exprs), HostKind::Tuple(kinds))
            }
            _ => return None,
        };
        Some(HostValue { expr: Expr { kind, span }, kind: host })
    }

    /// What two kinds are together, if they are the same.
    pub(super) fn same_kind(&self, a: &HostKind, b: &HostKind) -> Option<HostKind> {
        match (a, b) {
            (HostKind::Unknown, other) | (other, HostKind::Unknown) => Some(other.clone()),
            (HostKind::List(a), HostKind::List(b)) => Some(HostKind::List(Box::new(self.same_kind(a, b)?))),
            (HostKind::Tuple(a), HostKind::Tuple(b)) if a.len() == b.len() => {
                let kinds: Option<Vec<HostKind>> =
                    a.iter().zip(b).map(|(x, y)| self.same_kind(x, y)).collect();
                Some(HostKind::Tuple(kinds?))
            }
            (HostKind::Tensor(e, a), HostKind::Tensor(f, b)) if e == f && a.len() == b.len() => {
                let axes: Option<Vec<_>> = a.iter().zip(b).map(|(x, y)| self.agree(*x, *y)).collect();
                Some(HostKind::Tensor(*e, axes?))
            }
            _ => (a == b).then(|| a.clone()),
        }
    }

    /// An elementwise function of host numbers and truth values.
    pub(super) fn map_host(
        &mut self,
        op: MapOp,
        args: &[Value],
        spans: &[Span],
        op_span: Span,
        span: Span,
    ) -> Outcome<Value> {
        let parts: Option<Vec<HostValue>> =
            args.iter().zip(spans).map(|(v, at)| self.host_expr(v, *at)).collect();
        let fitting = parts.and_then(|parts| Some((self.host_result(op, &parts)?, parts)));
        let Some((kind, parts)) = fitting else {
            return Err(self.map_kinds(op, args, spans, op_span).into());
        };
        let exprs = parts.into_iter().map(|p| p.expr).collect();
        Ok(Value::Host(HostValue { expr: Expr { kind: ExprKind::Map(op, exprs), span }, kind }))
    }

    fn host_result(&self, op: MapOp, parts: &[HostValue]) -> Option<HostKind> {
        let all = |kind: &HostKind| parts.iter().all(|p| p.kind == *kind || p.kind == HostKind::Unknown);
        let scalar = |kind: &HostKind| {
            matches!(kind, HostKind::Number | HostKind::Bool | HostKind::Text | HostKind::Unknown)
        };
        match (op, parts) {
            _ if is_logic(op) => all(&HostKind::Bool).then_some(HostKind::Bool),
            (MapOp::Eq | MapOp::Ne, [a, b]) => {
                (scalar(&a.kind) && self.same_kind(&a.kind, &b.kind).is_some()).then_some(HostKind::Bool)
            }
            (MapOp::Where, [condition, a, b]) => {
                let fits = condition.kind == HostKind::Bool && scalar(&a.kind);
                if fits { self.same_kind(&a.kind, &b.kind) } else { None }
            }
            _ if !all(&HostKind::Number) => None,
            _ if is_comparison(op) => Some(HostKind::Bool),
            _ => Some(HostKind::Number),
        }
    }

    /// A host expression that may be written twice: what is no variable or constant is bound first.
    pub(super) fn host_bound(&mut self, expr: Expr, name: &str) -> Expr {
        let simple = matches!(expr.kind, ExprKind::Var(_) | ExprKind::Number(_) | ExprKind::Bool(_));
        if simple || self.world != World::Schedule {
            return expr;
        }
        let span = expr.span;
        let var = self.program.host.vars.len();
        self.program.host.vars.push(name.into());
        self.block.push(Stmt { kind: StmtKind::Let(vec![var], expr), span });
        Expr { kind: ExprKind::Var(var), span }
    }
}
