//! The typing rules of the language's operations: what each takes, what it gives, and what to say
//! when it does not fit. Each works in all three worlds: on compile-time numbers it computes, on
//! numbers of the schedule it makes a host expression, on tensors it joins the current body.

mod args;
mod convert;
mod elementwise;
mod fit;
mod fold;
mod hosted;
mod indexing;
mod lists;
mod patterns;
mod pictures;
mod products;
mod reductions;
mod selecting;
mod shapes;
#[cfg(test)]
mod tests;

use super::state::{Checker, Fail, Outcome, fail};
use super::value::Value;
use crate::diag::codes;
use crate::program::{ArgExtreme, Elem, MapOp, ReduceOp};
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
pub(super) const BUILTINS: &[&str] = &args::NAMES;

impl Checker<'_> {
    /// A call of a built-in function of [`BUILTINS`].
    pub fn builtin(
        &mut self,
        name: &'static str,
        args: Vec<Given>,
        name_span: Span,
        span: Span,
    ) -> Outcome<Value> {
        if args.iter().any(|a| matches!(a.value, Value::Poison)) {
            return Err(Fail::Reported);
        }
        let Some(params) = args::signature(name) else {
            return fail(
                codes::NOT_BUILT,
                format!("`{name}` is not built yet"),
                name_span,
                "the compiler does not carry it out yet",
            );
        };
        let mut given = self.bind_arguments(name, params, args, name_span)?;
        if let Some(op) = elementwise_function(name) {
            let (values, spans): (Vec<_>, Vec<_>) = given.all().into_iter().unzip();
            return self.map(op, values, &spans, name_span, span);
        }
        match name {
            "min" => self.extreme(MapOp::Min, ReduceOp::Min, given, name_span, span),
            "max" => self.extreme(MapOp::Max, ReduceOp::Max, given, name_span, span),
            "sum" => self.reduce(ReduceOp::Sum, given, name_span, span),
            "mean" => self.reduce(ReduceOp::Mean, given, name_span, span),
            "prod" => self.reduce(ReduceOp::Prod, given, name_span, span),
            "any" => self.reduce(ReduceOp::Any, given, name_span, span),
            "all" => self.reduce(ReduceOp::All, given, name_span, span),
            "logsumexp" => self.reduce(ReduceOp::LogSumExp, given, name_span, span),
            "argmax" => self.arg_extreme(ArgExtreme::Max, given, span),
            "argmin" => self.arg_extreme(ArgExtreme::Min, given, span),
            "softmax" => self.softmax(false, given, span),
            "log_softmax" => self.softmax(true, given, span),
            "real" => self.convert_to(Elem::Real, given.first(), span),
            "int" => self.convert_to(Elem::Int, given.first(), span),
            "shape" => self.shape_of(given.first(), span),
            "zeros" => self.filled(0.0, given.first(), span),
            "ones" => self.filled(1.0, given.first(), span),
            "broadcast" => self.broadcast_to(given, span),
            "indices" => self.indices(given.first(), span),
            "one_hot" => self.one_hot(given, span),
            "reshape" => self.reshape(given, span),
            "rearrange" => self.rearrange(given, span),
            "concat" => self.concat(given, span),
            "stack" => self.stack(given, span),
            "pad" => self.pad(given, span),
            "conv2d" => self.convolution(true, given, span),
            "correlate2d" => self.convolution(false, given, span),
            "max_pool" => self.pool(false, given, span),
            "mean_pool" => self.pool(true, given, span),
            "stop_gradient" => {
                let (value, at) = given.first();
                self.stop_gradient(value, at, span)
            }
            "len" => self.len(given.first(), span),
            "zip" => self.zip(given.all()),
            "enumerate" => self.enumerate(given.first()),
            "pairs" => self.pairs(given.first()),
            _ => fail(codes::NOT_BUILT, format!("`{name}` is not built yet"), name_span, "called here"),
        }
    }
}

/// The elementwise functions that are called by name, `min` and `max` apart.
fn elementwise_function(name: &str) -> Option<MapOp> {
    Some(match name {
        "exp" => MapOp::Exp,
        "log" => MapOp::Log,
        "log1p" => MapOp::Log1p,
        "expm1" => MapOp::Expm1,
        "sqrt" => MapOp::Sqrt,
        "abs" => MapOp::Abs,
        "pow" => MapOp::Pow,
        "tanh" => MapOp::Tanh,
        "sigmoid" => MapOp::Sigmoid,
        "softplus" => MapOp::Softplus,
        "relu" => MapOp::Relu,
        "erf" => MapOp::Erf,
        "sin" => MapOp::Sin,
        "cos" => MapOp::Cos,
        "sign" => MapOp::Sign,
        "floor" => MapOp::Floor,
        "round" => MapOp::Round,
        "clamp" => MapOp::Clamp,
        "where" => MapOp::Where,
        _ => return None,
    })
}
