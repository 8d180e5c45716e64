//! Elementwise functions and operators.

use super::fold;
use crate::check::state::{Checker, Outcome, fail};
use crate::check::value::{HostKind, Tensor, Value};
use crate::diag::{Diagnostic, codes};
use crate::program::{Elem, MapOp, ValueOp};
use crate::source::Span;

/// How a function or operator is written.
pub(super) fn op_text(op: MapOp) -> &'static str {
    match op {
        MapOp::Neg | MapOp::Sub => "-",
        MapOp::Abs => "abs",
        MapOp::Sign => "sign",
        MapOp::Exp => "exp",
        MapOp::Log => "log",
        MapOp::Log1p => "log1p",
        MapOp::Expm1 => "expm1",
        MapOp::Sqrt => "sqrt",
        MapOp::Tanh => "tanh",
        MapOp::Sigmoid => "sigmoid",
        MapOp::Softplus => "softplus",
        MapOp::Relu => "relu",
        MapOp::Erf => "erf",
        MapOp::Sin => "sin",
        MapOp::Cos => "cos",
        MapOp::Floor => "floor",
        MapOp::Round => "round",
        MapOp::Not => "not",
        MapOp::Add => "+",
        MapOp::Mul => "*",
        MapOp::Div => "/",
        MapOp::FloorDiv => "//",
        MapOp::Mod => "%",
        MapOp::Pow => "^",
        MapOp::Max => "max",
        MapOp::Min => "min",
        MapOp::And => "and",
        MapOp::Or => "or",
        MapOp::Eq => "==",
        MapOp::Ne => "!=",
        MapOp::Lt => "<",
        MapOp::Le => "<=",
        MapOp::Gt => ">",
        MapOp::Ge => ">=",
        MapOp::Where => "where",
        MapOp::Clamp => "clamp",
    }
}

/// Truth values from truth values.
pub(super) fn is_logic(op: MapOp) -> bool {
    matches!(op, MapOp::And | MapOp::Or | MapOp::Not)
}

/// Truth values from two of a kind.
pub(super) fn is_comparison(op: MapOp) -> bool {
    matches!(op, MapOp::Eq | MapOp::Ne | MapOp::Lt | MapOp::Le | MapOp::Gt | MapOp::Ge)
}

/// Always real, of whole numbers too.
fn is_real(op: MapOp) -> bool {
    matches!(
        op,
        MapOp::Exp
            | MapOp::Log
            | MapOp::Log1p
            | MapOp::Expm1
            | MapOp::Sqrt
            | MapOp::Tanh
            | MapOp::Sigmoid
            | MapOp::Softplus
            | MapOp::Relu
            | MapOp::Erf
            | MapOp::Sin
            | MapOp::Cos
            | MapOp::Div
    )
}

impl Checker<'_> {
    /// An elementwise function or operator of values of any world. `op_span` is the operator's or
    /// the function's name, `span` the whole expression, `spans` the operands'.
    pub fn map(
        &mut self,
        op: MapOp,
        mut args: Vec<Value>,
        spans: &[Span],
        op_span: Span,
        span: Span,
    ) -> Outcome<Value> {
        let spans: Vec<Span> = (0..args.len()).map(|i| spans.get(i).copied().unwrap_or(span)).collect();
        let what = format!("`{}`", op_text(op));
        if let Some(i) = args.iter().position(|v| matches!(v, Value::Dist(_))) {
            let beside = args.iter().find_map(|v| if let Value::Tensor(t) = v { Some(t) } else { None });
            let shape = beside.map(|t| self.shape_text(&t.axes));
            let shape = shape.as_deref().map_or("…", |s| s.trim_matches(['[', ']']));
            return Err(self.undrawn(spans[i], span, shape).into());
        }
        for (value, at) in args.iter().zip(&spans) {
            self.refuse(value, &what, *at, span)?;
        }
        if let (MapOp::Add, [Value::List(a), Value::List(b)]) = (op, &args[..]) {
            return Ok(Value::list(a.iter().chain(b.iter()).cloned().collect()));
        }
        if let ([Value::List(_)], false) = (&args[..], matches!(op, MapOp::Neg | MapOp::Not)) {
            let elem = self.literal_elem(&args[0]);
            if let Some(t) = self.as_tensor(&args[0], elem, span) {
                args[0] = Value::Tensor(t);
            }
        }
        if args.iter().any(is_tensor) {
            return self.map_tensors(op, &args, &spans, op_span, span);
        }
        if args.iter().any(|v| matches!(v, Value::Host(_))) {
            return self.map_host(op, &args, &spans, op_span, span);
        }
        self.map_known(op, &args, &spans, op_span, span)
    }

    /// What is known while compiling.
    fn map_known(
        &mut self,
        op: MapOp,
        args: &[Value],
        spans: &[Span],
        op_span: Span,
        span: Span,
    ) -> Outcome<Value> {
        let truths: Option<Vec<bool>> =
            args.iter().map(|v| if let Value::Bool(b) = v { Some(*b) } else { None }).collect();
        match (op, truths.as_deref()) {
            (MapOp::Not, Some([a])) => return Ok(Value::Bool(!a)),
            (MapOp::And, Some([a, b])) => return Ok(Value::Bool(*a && *b)),
            (MapOp::Or, Some([a, b])) => return Ok(Value::Bool(*a || *b)),
            _ => {}
        }
        if let (MapOp::Eq | MapOp::Ne, [a, b]) = (op, args)
            && let Some(equal) = self.equal(a, b)
        {
            return Ok(Value::Bool(equal == (op == MapOp::Eq)));
        }
        if let (MapOp::Where, [Value::Bool(condition), a, b]) = (op, args) {
            return Ok(if *condition { a.clone() } else { b.clone() });
        }
        let numbers: Option<Vec<fold::Number>> = args.iter().map(|v| self.number(v)).collect();
        if let Some(numbers) = numbers {
            if let [a, b] = &numbers[..]
                && let Some(truth) = fold::compare(op, a.0, b.0)
            {
                return Ok(Value::Bool(truth));
            }
            match fold::numbers(op, &numbers) {
                Some(Ok((value, whole))) => return Ok(Value::Number { value, whole }),
                Some(Err(why)) => {
                    let shown: Vec<String> = numbers.iter().map(|n| n.0.to_string()).collect();
                    let title = format!("`{}` has no result here", op_text(op));
                    let label = format!("{why}, with {}", shown.join(" and "));
                    return fail(codes::NUMBER, title, span, label);
                }
                None => {}
            }
        }
        Err(self.map_kinds(op, args, spans, op_span).into())
    }

    /// Whether two values known while compiling are equal; None if they cannot be compared.
    pub(super) fn equal(&self, a: &Value, b: &Value) -> Option<bool> {
        match (a, b) {
            (Value::Text(a), Value::Text(b)) => Some(a == b),
            (Value::Bool(a), Value::Bool(b)) => Some(a == b),
            (Value::Range(a, b), Value::Range(c, d)) => Some((a, b) == (c, d)),
            (Value::List(a), Value::List(b)) | (Value::Tuple(a), Value::Tuple(b)) => {
                if a.len() != b.len() {
                    return Some(false);
                }
                let all: Option<Vec<bool>> = a.iter().zip(b.iter()).map(|(x, y)| self.equal(x, y)).collect();
                Some(all?.into_iter().all(|e| e))
            }
            _ => Some(self.number(a)?.0 == self.number(b)?.0),
        }
    }

    /// The error for operands of kinds that do not go together.
    pub(super) fn map_kinds(&self, op: MapOp, args: &[Value], spans: &[Span], op_span: Span) -> Diagnostic {
        let kinds: Vec<&str> = args.iter().map(Value::kind).collect();
        let title = match &kinds[..] {
            [a, b] if a != b => format!("`{}` does not go with {a} and {b}", op_text(op)),
            [a, _] => format!("`{}` does not go with two of these: {a} each", op_text(op)),
            _ => format!("`{}` does not go with {}", op_text(op), kinds.join(", ")),
        };
        let mut d = Diagnostic::error(codes::KIND, title).label(
            op_span,
            match op {
                _ if is_logic(op) => "takes truth values",
                MapOp::Eq | MapOp::Ne => "takes two numbers, texts, truth values, lists or tensors",
                MapOp::Where => "takes a condition and two values",
                MapOp::Add => "takes two numbers, tensors or lists",
                _ => "takes numbers and tensors",
            },
        );
        for (kind, span) in kinds.iter().zip(spans) {
            d = d.label(*span, format!("this is {kind}"));
        }
        let text = args.iter().any(|v| matches!(v, Value::Text(_)));
        if op == MapOp::Add && text {
            let holes: Vec<String> = spans.iter().map(|s| format!("{{{}}}", self.operand_text(*s))).collect();
            d = d.help(format!("\"{}\"   a text with holes", holes.concat()));
        } else if !is_logic(op) && args.iter().any(|v| matches!(v, Value::Bool(_))) {
            d = d.help("real(…)   makes a number of a truth value");
        }
        d
    }

    /// Element type of a number, or list of numbers, that meets no tensor; none if whole.
    pub(super) fn literal_elem(&self, value: &Value) -> Option<Elem> {
        match value {
            Value::List(items) => {
                let elems: Vec<Option<Elem>> = items.iter().map(|v| self.literal_elem(v)).collect();
                if elems.contains(&Some(Elem::Real)) {
                    return Some(Elem::Real);
                }
                elems.first().copied().flatten()
            }
            Value::Number { whole: true, .. } | Value::Dim(_) => None,
            Value::Bool(_) => Some(Elem::Bool),
            Value::Tensor(t) => Some(t.elem),
            Value::Host(h) => match &h.kind {
                HostKind::Bool => Some(Elem::Bool),
                HostKind::Tensor(elem, _) => Some(*elem),
                _ => Some(Elem::Real),
            },
            _ => Some(Elem::Real),
        }
    }

    fn map_tensors(
        &mut self,
        op: MapOp,
        args: &[Value],
        spans: &[Span],
        op_span: Span,
        span: Span,
    ) -> Outcome<Value> {
        let elems: Vec<Option<Elem>> = args.iter().map(|v| self.literal_elem(v)).collect();
        let from = usize::from(op == MapOp::Where);
        let mut common = elems[from..].iter().flatten().copied().reduce(|a, b| match (a, b) {
            (Elem::Int, Elem::Int) => Elem::Int,
            (Elem::Bool, _) | (_, Elem::Bool) => Elem::Bool,
            _ => Elem::Real,
        });
        let fits = match common {
            _ if is_logic(op) => elems.iter().all(|e| *e == Some(Elem::Bool)),
            Some(Elem::Bool) => {
                matches!(op, MapOp::Eq | MapOp::Ne | MapOp::Where)
                    && elems[from..].iter().all(|e| *e == Some(Elem::Bool))
            }
            _ => true,
        };
        if !fits || (op == MapOp::Where && elems[0] != Some(Elem::Bool)) {
            return Err(self.map_elems(op, args, &elems, spans, op_span).into());
        }
        if is_real(op) || common.is_none() {
            common = Some(Elem::Real);
        }
        if op == MapOp::Pow && common == Some(Elem::Int) {
            let counts = matches!(self.number(&args[1]), Some((e, true)) if e >= 0.0);
            common = Some(if counts { Elem::Int } else { Elem::Real });
        }
        let common = common.unwrap_or(Elem::Real);
        let mut operands: Vec<Tensor> = Vec::new();
        for (i, (value, at)) in args.iter().zip(spans).enumerate() {
            let elem = if i < from { Elem::Bool } else { common };
            if let (Elem::Int, Some((n, _))) = (elem, self.number(value))
                && n.abs() > f64::from(i32::MAX)
            {
                let title = format!("{n} is too large for an int, which has 32 bits");
                return fail(codes::NUMBER, title, *at, "meets a tensor of ints");
            }
            let Some(t) = self.as_tensor(value, Some(elem), *at) else {
                return Err(self.map_kinds(op, args, spans, op_span).into());
            };
            operands.push(self.converted(t, elem, *at));
        }
        let pairs: Vec<(&Tensor, Span)> = operands.iter().zip(spans.iter().copied()).collect();
        let axes = self.broadcast_axes(&pairs, span)?;
        let ids = operands.iter().zip(spans).map(|(t, at)| self.import(t, *at)).collect();
        let elem = if is_logic(op) || is_comparison(op) { Elem::Bool } else { common };
        Ok(Value::Tensor(self.emit(ValueOp::Map(op), ids, elem, axes, span)))
    }

    /// The error for element types that an operation does not take.
    fn map_elems(
        &self,
        op: MapOp,
        args: &[Value],
        elems: &[Option<Elem>],
        spans: &[Span],
        op_span: Span,
    ) -> Diagnostic {
        let wants_bool = |i: usize| is_logic(op) || (op == MapOp::Where && i == 0);
        let title = if is_logic(op) || (op == MapOp::Where && elems[0] != Some(Elem::Bool)) {
            format!("`{}` takes truth values", op_text(op))
        } else {
            format!("`{}` does not take truth values for numbers", op_text(op))
        };
        let mut d = Diagnostic::error(codes::DTYPE, title);
        let mut help = None;
        for (i, (elem, at)) in elems.iter().zip(spans).enumerate() {
            let is_bool = *elem == Some(Elem::Bool);
            let name = elem.map_or("number", Elem::name);
            if is_bool != wants_bool(i) {
                let kind = if is_tensor(&args[i]) { "its elements are" } else { "is" };
                d = d.label(*at, format!("{kind} {name}"));
                let text = self.operand_text(*at);
                help.get_or_insert(if is_bool { format!("real({text})") } else { format!("{text} != 0") });
            }
        }
        if d.labels.is_empty() {
            d = d.label(op_span, "here");
        }
        match help {
            Some(text) => d.help(text),
            None => d,
        }
    }

    /// A tensor with another element type; where it was made stays.
    pub(super) fn converted(&mut self, t: Tensor, elem: Elem, at: Span) -> Tensor {
        if t.elem == elem {
            return t;
        }
        let id = self.import(&t, at);
        let made = t.span;
        Tensor { span: made, ..self.emit(ValueOp::Convert, vec![id], elem, t.axes, at) }
    }
}

/// Whether a value is a tensor, wherever it is.
pub(super) fn is_tensor(value: &Value) -> bool {
    match value {
        Value::Tensor(_) => true,
        Value::Host(h) => matches!(h.kind, HostKind::Tensor(..)),
        _ => false,
    }
}
