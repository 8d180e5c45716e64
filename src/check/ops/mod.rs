//! The typing rules of the language's operations: what each takes, what it gives, and what to say
//! when it does not fit. Each works in all three worlds: on compile-time numbers it computes, on
//! numbers of the schedule it makes a host expression, on tensors it joins the current body.

use super::state::{Checker, Outcome};
use super::value::Value;
use crate::program::MapOp;
use crate::source::Span;
use crate::syntax::ast;

/// An argument of a call, evaluated.
#[derive(Clone)]
pub(super) struct Given {
    pub name: Option<ast::Ident>,
    pub value: Value,
    pub span: Span,
}

/// A position of an index, evaluated.
#[derive(Clone)]
pub(super) enum At {
    Value(Value, Span),
    Slice(Option<(Value, Span)>, Option<(Value, Span)>, Span),
    Rest(Span),
}

/// Names of the built-in functions that are evaluated here.
pub(super) const BUILTINS: &[&str] = &[];

impl Checker<'_> {
    /// An elementwise function or operator of values of any world. `op_span` is the operator's or
    /// the function's name, `span` the whole expression, `spans` the operands'.
    pub fn map(
        &mut self,
        op: MapOp,
        args: Vec<Value>,
        spans: &[Span],
        op_span: Span,
        span: Span,
    ) -> Outcome<Value> {
        let _ = (op, args, spans, op_span, span);
        todo!()
    }

    /// `a @ b`.
    pub fn matmul(&mut self, a: Value, b: Value, spans: [Span; 2], span: Span) -> Outcome<Value> {
        let _ = (a, b, spans, span);
        todo!()
    }

    /// `x'`.
    pub fn transpose(&mut self, a: Value, span: Span) -> Outcome<Value> {
        let _ = (a, span);
        todo!()
    }

    /// `x[…]` of a tensor, list, text-free tuple or host list.
    pub fn index(&mut self, base: Value, places: Vec<At>, span: Span) -> Outcome<Value> {
        let _ = (base, places, span);
        todo!()
    }

    /// A call of a built-in function of [`BUILTINS`].
    pub fn builtin(
        &mut self,
        name: &'static str,
        args: Vec<Given>,
        name_span: Span,
        span: Span,
    ) -> Outcome<Value> {
        let _ = (name, args, name_span, span);
        todo!()
    }
}
