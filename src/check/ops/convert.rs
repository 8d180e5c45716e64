//! Conversions, and what asks about a tensor or holds a gradient back.

use super::shapes::axis_value;
use crate::check::state::{Checker, Outcome, fail};
use crate::check::value::{HostKind, HostValue, Value};
use crate::diag::codes;
use crate::program::host::{Expr, ExprKind};
use crate::program::{Elem, MapOp, ValueOp};
use crate::source::Span;

impl Checker<'_> {
    /// `real(x)` and `int(x)`; a fraction is cut off.
    pub(super) fn convert_to(
        &mut self,
        elem: Elem,
        (value, at): (Value, Span),
        span: Span,
    ) -> Outcome<Value> {
        let what = if elem == Elem::Int { "`int`" } else { "`real`" };
        self.refuse(&value, what, at, span)?;
        let number = match &value {
            Value::Bool(b) => Some(f64::from(u8::from(*b))),
            other => self.number(other).map(|n| n.0),
        };
        if let Some(number) = number {
            if elem == Elem::Int && !number.is_finite() {
                return fail(codes::NUMBER, format!("{number} is no int"), at, "given here");
            }
            return Ok(match elem {
                Elem::Int => Value::Number { value: number.trunc() + 0.0, whole: true },
                _ => Value::Number { value: number, whole: false },
            });
        }
        if let Value::Host(HostValue { expr, kind: HostKind::Number | HostKind::Bool }) = &value {
            return Ok(self.convert_host(elem, value_kind(&value), expr.clone(), span));
        }
        let t = self.tensor_arg(what, &value, None, at)?;
        if t.elem == elem {
            return Ok(Value::Tensor(t));
        }
        let id = self.import(&t, at);
        Ok(Value::Tensor(self.emit(ValueOp::Convert, vec![id], elem, t.axes, span)))
    }

    fn convert_host(&mut self, elem: Elem, is_bool: bool, expr: Expr, span: Span) -> Value {
        let e = |kind: ExprKind| Expr { kind, span };
        let expr = if is_bool {
            let (one, zero) = (e(ExprKind::Number(1.0)), e(ExprKind::Number(0.0)));
            e(ExprKind::Map(MapOp::Where, vec![expr, one, zero]))
        } else if elem == Elem::Int {
            let x = self.host_bound(expr, "int");
            let size = e(ExprKind::Map(MapOp::Floor, vec![e(ExprKind::Map(MapOp::Abs, vec![x.clone()]))]));
            e(ExprKind::Map(MapOp::Mul, vec![e(ExprKind::Map(MapOp::Sign, vec![x])), size]))
        } else {
            expr
        };
        Value::Host(HostValue { expr, kind: HostKind::Number })
    }

    /// `shape(x)`.
    pub(super) fn shape_of(&mut self, (value, at): (Value, Span), span: Span) -> Outcome<Value> {
        self.refuse(&value, "`shape`", at, span)?;
        let axes = match &value {
            Value::Host(HostValue { kind: HostKind::Tensor(_, axes), .. }) => axes.clone(),
            Value::Tensor(t) => t.axes.clone(),
            Value::Number { .. } | Value::Dim(_) | Value::Bool(_) => vec![],
            Value::Host(HostValue { kind: HostKind::Number | HostKind::Bool, .. }) => vec![],
            Value::List(_) => self.tensor_arg("`shape`", &value, None, at)?.axes,
            _ => return self.wrong_kind("`shape`", "a tensor", &value, at),
        };
        Ok(Value::list(axes.into_iter().map(axis_value).collect()))
    }

    /// `stop_gradient(x)`.
    pub(super) fn stop_gradient(&mut self, value: Value, at: Span, span: Span) -> Outcome<Value> {
        self.refuse(&value, "`stop_gradient`", at, span)?;
        match value {
            Value::Tuple(items) => {
                let items: Outcome<Vec<Value>> =
                    items.iter().map(|v| self.stop_gradient(v.clone(), at, span)).collect();
                Ok(Value::Tuple(items?.into()))
            }
            Value::Number { .. } | Value::Dim(_) | Value::Bool(_) => Ok(value),
            other => {
                let t = self.tensor_arg("`stop_gradient`", &other, None, at)?;
                if t.elem != Elem::Real {
                    return Ok(Value::Tensor(t));
                }
                let id = self.import(&t, at);
                Ok(Value::Tensor(self.emit(ValueOp::StopGradient, vec![id], t.elem, t.axes, span)))
            }
        }
    }
}

fn value_kind(value: &Value) -> bool {
    matches!(value, Value::Host(HostValue { kind: HostKind::Bool, .. }))
}
