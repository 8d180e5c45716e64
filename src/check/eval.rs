//! Expressions, in any world.

use super::ops::{At, Given};
use super::state::{Checker, Fail, FrameKind, Outcome, World, fail};
use super::value::*;
use crate::diag::{Diagnostic, codes};
use crate::program::{MapOp, host};
use crate::source::Span;
use crate::syntax::ast;
use std::sync::Arc;

/// What a step reports: name, element type, axes.
type Reported = (Arc<str>, crate::program::Elem, Vec<Axis>);

impl Checker<'_> {
    /// The value of an expression.
    pub fn expr(&mut self, e: &ast::Expr, frame: FrameId) -> Outcome<Value> {
        match &e.kind {
            ast::ExprKind::Number { value, whole, .. } => Ok(Value::Number { value: *value, whole: *whole }),
            ast::ExprKind::Bool(b) => Ok(Value::Bool(*b)),
            ast::ExprKind::Str(parts) => self.text(parts, frame, e.span),
            ast::ExprKind::Name(ident) => self.lookup(ident, frame),
            ast::ExprKind::List(items) => {
                let values = self.extents(items, frame)?;
                Ok(Value::list(values))
            }
            ast::ExprKind::Tuple(items) => {
                let values = items.iter().map(|i| self.expr(i, frame)).collect::<Outcome<Vec<_>>>()?;
                Ok(Value::Tuple(Arc::new(values)))
            }
            ast::ExprKind::Comprehension { body, pattern, iter, cond } => {
                self.comprehension(body, pattern, iter, cond.as_deref(), frame, e.span)
            }
            ast::ExprKind::Call { callee, args } => self.call_expr(callee, args, frame, e.span),
            ast::ExprKind::Index { base, places } => {
                let value = self.expr(base, frame)?;
                if let Value::Layer(class) = &value {
                    let sizes = self.sizes(places, frame)?;
                    return self.instantiate(class.clone(), Some(sizes), Vec::new(), e.span, frame);
                }
                let places = places.iter().map(|p| self.at(p, frame)).collect::<Outcome<Vec<_>>>()?;
                self.index(value, places, e.span)
            }
            ast::ExprKind::Field { base, name } => {
                let value = self.expr(base, frame)?;
                self.field(value, name, frame, base.span)
            }
            ast::ExprKind::Transpose(inner) => {
                let value = self.expr(inner, frame)?;
                self.transpose(value, e.span)
            }
            ast::ExprKind::Unary { op, op_span, operand } => {
                let value = self.expr(operand, frame)?;
                let op = match op {
                    ast::UnaryOp::Neg => MapOp::Neg,
                    ast::UnaryOp::Not => MapOp::Not,
                };
                self.map(op, vec![value], &[operand.span], *op_span, e.span)
            }
            ast::ExprKind::Binary { op, op_span, lhs, rhs } => {
                let a = self.expr(lhs, frame)?;
                if let Value::Bool(known) = a
                    && ((*op == ast::BinaryOp::And && !known) || (*op == ast::BinaryOp::Or && known))
                {
                    return Ok(Value::Bool(known));
                }
                let hint = self.hint.clone();
                if let (ast::BinaryOp::Add, Value::List(items), Some((_, at))) = (op, &a, &mut self.hint) {
                    *at += items.len();
                }
                let b = self.expr(rhs, frame);
                self.hint = hint;
                let b = b?;
                let op = match op {
                    ast::BinaryOp::MatMul => return self.matmul(a, b, [lhs.span, rhs.span], e.span),
                    ast::BinaryOp::Pow => MapOp::Pow,
                    ast::BinaryOp::Mul => MapOp::Mul,
                    ast::BinaryOp::Div => MapOp::Div,
                    ast::BinaryOp::FloorDiv => MapOp::FloorDiv,
                    ast::BinaryOp::Mod => MapOp::Mod,
                    ast::BinaryOp::Add => MapOp::Add,
                    ast::BinaryOp::Sub => MapOp::Sub,
                    ast::BinaryOp::Eq => MapOp::Eq,
                    ast::BinaryOp::Ne => MapOp::Ne,
                    ast::BinaryOp::Lt => MapOp::Lt,
                    ast::BinaryOp::Le => MapOp::Le,
                    ast::BinaryOp::Gt => MapOp::Gt,
                    ast::BinaryOp::Ge => MapOp::Ge,
                    ast::BinaryOp::And => MapOp::And,
                    ast::BinaryOp::Or => MapOp::Or,
                };
                self.map(op, vec![a, b], &[lhs.span, rhs.span], *op_span, e.span)
            }
            ast::ExprKind::Range { lo, hi } => {
                let (a, b) = (self.expr(lo, frame)?, self.expr(hi, frame)?);
                match (self.number(&a), self.number(&b)) {
                    (Some((a, true)), Some((b, true))) => Ok(Value::Range(a as i64, b as i64)),
                    (Some((_, false)), _) => {
                        fail(codes::KIND, "a range runs over whole numbers", lo.span, "this is not whole")
                    }
                    (_, Some((_, false))) => {
                        fail(codes::KIND, "a range runs over whole numbers", hi.span, "this is not whole")
                    }
                    _ => {
                        let title =
                            "a range of the schedule stands only in `for` or a comprehension, or in an index";
                        fail(codes::WORLD, title, e.span, "its ends are not known before the run")
                    }
                }
            }
            ast::ExprKind::If { cond, then, otherwise } => match self.expr(cond, frame)? {
                Value::Bool(true) => self.expr(then, frame),
                Value::Bool(false) => self.expr(otherwise, frame),
                Value::Host(c) if c.kind == HostKind::Bool => {
                    let (a, b) = (self.expr(then, frame)?, self.expr(otherwise, frame)?);
                    self.map(
                        MapOp::Where,
                        vec![Value::Host(c), a, b],
                        &[cond.span, then.span, otherwise.span],
                        cond.span,
                        e.span,
                    )
                }
                other => Err(self.runtime_condition(other, cond).into()),
            },
            ast::ExprKind::AxisPattern { .. } => Ok(Value::Pattern(Arc::new(e.clone()))),
        }
    }

    /// A condition that must be known before the run, and is not.
    pub fn runtime_condition(&self, value: Value, cond: &ast::Expr) -> Diagnostic {
        let text = self.sources.text(cond.span).to_string();
        match value {
            Value::Tensor(t) => {
                let mut d = Diagnostic::error(
                    codes::RUNTIME_IF,
                    "`if` chooses code, so its condition must be known before the run",
                )
                .label(cond.span, format!("this is {}, computed by the step", self.shape_text(&t.axes)));
                if t.span.file != cond.span.file
                    || t.span.start < cond.span.start
                    || t.span.end > cond.span.end
                {
                    d = d.label(t.span, "from here");
                }
                d.help(format!("where({text}, …, …)   which chooses values, element by element"))
            }
            other => Diagnostic::error(
                codes::KIND,
                format!("a condition is a truth value, and this is {}", other.kind()),
            )
            .label(cond.span, "the condition"),
        }
    }

    /// Elements of a list; `...s` puts in those of s. Instances made here are named by position.
    pub fn extents(&mut self, items: &[ast::Extent], frame: FrameId) -> Outcome<Vec<Value>> {
        let outer = self.hint.take();
        let mut values = Vec::new();
        for item in items {
            match item {
                ast::Extent::Expr(e) => {
                    self.hint =
                        outer.as_ref().map(|(base, at)| (format!("{base}[{}]", at + values.len()), 0));
                    let value = self.expr(e, frame);
                    self.hint = None;
                    values.push(value.inspect_err(|_| self.hint = outer.clone())?);
                }
                ast::Extent::Rest { name: Some(ident), span } => match self.lookup(ident, frame)? {
                    Value::List(inner) | Value::Tuple(inner) => values.extend(inner.iter().cloned()),
                    other => {
                        return fail(
                            codes::KIND,
                            format!("`...` puts in the elements of a list, and this is {}", other.kind()),
                            *span,
                            "here",
                        );
                    }
                },
                ast::Extent::Rest { name: None, span } => {
                    return fail(codes::KIND, "`...` in a list needs the name of a list", *span, "here");
                }
            }
        }
        self.hint = outer;
        Ok(values)
    }

    /// A position of an index.
    pub fn at(&mut self, place: &ast::Place, frame: FrameId) -> Outcome<At> {
        Ok(match place {
            ast::Place::Expr(e) => At::Value(self.expr(e, frame)?, e.span),
            ast::Place::Slice { lo, hi, span } => {
                let mut end = |e: &Option<ast::Expr>| -> Outcome<Option<(Value, Span)>> {
                    match e {
                        Some(e) => Ok(Some((self.expr(e, frame)?, e.span))),
                        None => Ok(None),
                    }
                };
                At::Slice(end(lo)?, end(hi)?, *span)
            }
            ast::Place::Rest(span) => At::Rest(*span),
        })
    }

    /// A text with holes.
    fn text(&mut self, parts: &[ast::StrPart], frame: FrameId, span: Span) -> Outcome<Value> {
        let mut pieces = Vec::new();
        let mut known = Some(String::new());
        for part in parts {
            match part {
                ast::StrPart::Text(t) => {
                    if let Some(k) = &mut known {
                        k.push_str(t);
                    }
                    pieces.push(host::Part::Text(t.clone()));
                }
                ast::StrPart::Hole { expr, format, span } => {
                    let value = if self.world == World::Schedule {
                        self.host_value_of(expr, frame)?
                    } else {
                        self.expr(expr, frame)?
                    };
                    let format = host::Format {
                        digits: format.digits,
                        style: match format.style {
                            ast::Style::Plain => host::Style::Plain,
                            ast::Style::Percent => host::Style::Percent,
                            ast::Style::Exponent => host::Style::Exponent,
                        },
                    };
                    known = match (known, self.known_text(&value, format)) {
                        (Some(k), Some(t)) => Some(k + &t),
                        _ => None,
                    };
                    match self.to_host(value.clone(), *span) {
                        Ok(h) => pieces.push(host::Part::Hole(h.expr, format)),
                        Err(_) if known.is_some() => {}
                        Err(e) => return Err(e),
                    }
                }
            }
        }
        if let Some(known) = known {
            return Ok(Value::Text(known.into()));
        }
        if self.world != World::Schedule {
            return fail(
                codes::WORLD,
                "a text outside the schedule holds only what is known before the run",
                span,
                "this text",
            );
        }
        let expr = host::Expr { kind: host::ExprKind::Format(pieces), span };
        Ok(Value::Host(HostValue { expr, kind: HostKind::Text }))
    }

    /// What a hole shows of a compile-time value.
    fn known_text(&self, value: &Value, format: host::Format) -> Option<String> {
        if let Value::Text(t) = value {
            return Some(t.to_string());
        }
        let (v, _) = self.number(value)?;
        Some(match (format.style, format.digits) {
            (host::Style::Plain, None) => format!("{v}"),
            (host::Style::Plain, Some(d)) => format!("{v:.d$}"),
            (host::Style::Percent, None) => format!("{}%", v * 100.0),
            (host::Style::Percent, Some(d)) => format!("{:.d$}%", v * 100.0),
            (host::Style::Exponent, _) => return None,
        })
    }

    /// The field of a value.
    fn field(&mut self, value: Value, name: &ast::Ident, frame: FrameId, base: Span) -> Outcome<Value> {
        match value {
            Value::Instance(id) => {
                let inner = self.instances[id].frame;
                match self.frames[inner].names.get(&name.name).cloned() {
                    Some(b) => Ok(self.leave_value(b.value, inner, frame)),
                    None => {
                        let known: Vec<Arc<str>> = self.frames[inner].names.keys().cloned().collect();
                        let what = format!(
                            "{}, a {}",
                            self.instances[id].path, self.instances[id].class.code.name.name
                        );
                        self.no_field(&what, name, base, &known)
                    }
                }
            }
            Value::Data(id) => {
                let inner = self.data[id].frame;
                match self.frames[inner].names.get(&name.name).cloned() {
                    Some(b) => Ok(b.value),
                    None => {
                        let known: Vec<Arc<str>> = self.frames[inner].names.keys().cloned().collect();
                        let what = self.data[id].path.clone();
                        self.no_field(&what, name, base, &known)
                    }
                }
            }
            Value::Raw(source) => {
                Ok(Value::Raw(crate::program::RawSource::Field(Box::new(source), name.name.to_string())))
            }
            Value::Host(HostValue { expr, kind: HostKind::Record(step) }) => {
                let reports = self.reports[step].clone();
                match reports.iter().position(|(n, _, _)| *n == name.name) {
                    Some(at) => {
                        let (_, elem, axes) = &reports[at];
                        Ok(report_value(expr, at, *elem, axes, base.to(name.span)))
                    }
                    None => {
                        let known: Vec<Arc<str>> = reports.iter().map(|(n, _, _)| Arc::clone(n)).collect();
                        let what = format!("what {} reports", self.program.steps[step].name);
                        self.no_field(&what, name, base, &known)
                    }
                }
            }
            Value::Poison => Err(Fail::Reported),
            other => fail(
                codes::UNKNOWN_FIELD,
                format!("{} has no fields", other.kind()),
                name.span,
                format!("{} of {}", name.name, other.kind()),
            ),
        }
    }

    fn no_field(&self, what: &str, name: &ast::Ident, base: Span, known: &[Arc<str>]) -> Outcome<Value> {
        let mut d = Diagnostic::error(codes::UNKNOWN_FIELD, format!("{what}, has no {}", name.name))
            .label(name.span, "not one of its names");
        if known.is_empty() {
            d = d.note("it has no fields at all");
        } else {
            d = d.note(format!(
                "it has {}",
                known.iter().filter(|k| &***k != "_").map(|k| k.to_string()).collect::<Vec<_>>().join(", ")
            ));
        }
        if let Some(near) = super::nearest::nearest(&name.name, known.iter().map(|k| &**k)) {
            d = d.help(format!("{}.{near}", self.sources.text(base)));
        }
        Err(d.into())
    }

    /// `[body for pattern in iter if cond]`.
    fn comprehension(
        &mut self,
        body: &ast::Expr,
        pattern: &ast::Pattern,
        iter: &ast::Expr,
        cond: Option<&ast::Expr>,
        frame: FrameId,
        span: Span,
    ) -> Outcome<Value> {
        let outer = self.hint.take();
        let over = self.iterable(iter, frame)?;
        if let Some(items) = self.unrolled(&over, self.world != World::Schedule) {
            let mut values = Vec::new();
            for item in items {
                let inner = self.push_frame(Some(frame), FrameKind::Block);
                self.bind_pattern(inner, pattern, item, None)?;
                if let Some(cond) = cond {
                    match self.expr(cond, inner)? {
                        Value::Bool(true) => {}
                        Value::Bool(false) => continue,
                        other => return Err(self.runtime_condition(other, cond).into()),
                    }
                }
                self.hint = outer.as_ref().map(|(base, at)| (format!("{base}[{}]", at + values.len()), 0));
                let value = self.expr(body, inner);
                self.hint = None;
                values.push(value?);
            }
            self.hint = outer;
            return Ok(Value::list(values));
        }
        self.hint = outer;
        if self.world != World::Schedule {
            return fail(
                codes::WORLD,
                format!("a comprehension here goes through a list, and this is {}", over.kind()),
                iter.span,
                "this",
            );
        }
        let met = self.met.clone();
        let mut joined: Option<HostValue> = None;
        for form in super::schedule::forms(over) {
            self.met.clone_from(&met);
            let part = self.collect(body, pattern, (form, iter.span), cond, frame, span)?;
            joined = Some(match joined {
                None => part,
                Some(before) => self.join(before, part, body.span, span)?,
            });
        }
        Ok(joined.map_or(Value::Unit, Value::Host))
    }

    /// A comprehension of the schedule over what has one form.
    fn collect(
        &mut self,
        body: &ast::Expr,
        pattern: &ast::Pattern,
        (over, at): (Value, Span),
        cond: Option<&ast::Expr>,
        frame: FrameId,
        span: Span,
    ) -> Outcome<HostValue> {
        let inner = self.push_frame(Some(frame), FrameKind::Block);
        let header = self.loop_header(pattern, over, inner, at)?;
        let before = std::mem::take(&mut self.block);
        let condition = match cond {
            Some(c) => {
                let value = self.host_value_of(c, inner)?;
                Some(self.to_host(value, c.span)?.expr)
            }
            None => None,
        };
        let value = self.host_value_of(body, inner)?;
        let value = self.to_host(value, body.span)?;
        let statements = std::mem::replace(&mut self.block, before);
        let expr = host::Expr {
            kind: host::ExprKind::Collect {
                over: Box::new(header),
                body: statements,
                condition: condition.map(Box::new),
                value: Box::new(value.expr),
            },
            span,
        };
        Ok(HostValue { expr, kind: HostKind::List(Box::new(value.kind)) })
    }

    /// The list of the full minibatches and that of the smaller last one, as one.
    fn join(&self, a: HostValue, b: HostValue, body: Span, span: Span) -> Outcome<HostValue> {
        if !self.alike(&a.kind, &b.kind) {
            let d = Diagnostic::error(codes::SHAPE, "the elements of this list differ in shape")
                .label(body, "has another shape for the last minibatch, which is smaller")
                .help("a number for each minibatch, or rest: \"drop\"");
            return Err(d.into());
        }
        let kind = a.kind.clone();
        let expr = host::Expr { kind: host::ExprKind::Map(MapOp::Add, vec![a.expr, b.expr]), span };
        Ok(HostValue { expr, kind })
    }

    /// Whether values of two kinds may be elements of one list; records if what they report is alike.
    fn alike(&self, a: &HostKind, b: &HostKind) -> bool {
        let same =
            |a: &[Axis], b: &[Axis]| a.len() == b.len() && a.iter().zip(b).all(|(x, y)| x.extent == y.extent);
        match (a, b) {
            (HostKind::List(a), HostKind::List(b)) => self.alike(a, b),
            (HostKind::Tuple(a), HostKind::Tuple(b)) => {
                a.len() == b.len() && a.iter().zip(b).all(|(x, y)| self.alike(x, y))
            }
            (HostKind::Tensor(e, a), HostKind::Tensor(f, b)) => e == f && same(a, b),
            (HostKind::Record(a), HostKind::Record(b)) => {
                let (a, b) = (&self.reports[*a], &self.reports[*b]);
                let alike = |((n, e, x), (m, f, y)): (&Reported, &Reported)| n == m && e == f && same(x, y);
                a.len() == b.len() && a.iter().zip(b).all(alike)
            }
            (a, b) => a == b,
        }
    }

    /// What a loop or comprehension goes through. A range may have ends that only the host knows.
    pub fn iterable(&mut self, iter: &ast::Expr, frame: FrameId) -> Outcome<Value> {
        if self.world == World::Schedule
            && let ast::ExprKind::Range { lo, hi } = &iter.kind
        {
            let (a, b) = (self.host_value_of(lo, frame)?, self.host_value_of(hi, frame)?);
            if self.number(&a).is_none() || self.number(&b).is_none() {
                let (a, b) = (self.to_host(a, lo.span)?, self.to_host(b, hi.span)?);
                let expr = host::Expr { kind: host::ExprKind::Tuple(vec![a.expr, b.expr]), span: iter.span };
                return Ok(Value::Host(HostValue { expr, kind: HostKind::Tuple(vec![a.kind, b.kind]) }));
            }
        }
        if self.world == World::Schedule { self.host_value_of(iter, frame) } else { self.expr(iter, frame) }
    }

    /// The elements of a compile-time sequence; a range only where ranges are lists.
    pub fn unrolled(&self, value: &Value, ranges: bool) -> Option<Vec<Value>> {
        match value {
            Value::List(items) | Value::Tuple(items) => Some(items.to_vec()),
            Value::Range(a, b) if ranges => {
                Some((*a..*b).map(|v| Value::Number { value: v as f64, whole: true }).collect())
            }
            Value::Enumerate(inner) => {
                let items = self.unrolled(inner, ranges)?;
                Some(
                    items
                        .into_iter()
                        .enumerate()
                        .map(|(i, v)| Value::Tuple(Arc::new(vec![Value::whole(i), v])))
                        .collect(),
                )
            }
            _ => None,
        }
    }

    /// A call as it stands in the text.
    fn call_expr(
        &mut self,
        callee: &ast::Expr,
        args: &[ast::Arg],
        frame: FrameId,
        span: Span,
    ) -> Outcome<Value> {
        if let ast::ExprKind::Index { base, places } = &callee.kind
            && let Value::Layer(class) = self.expr(base, frame)?
        {
            let hint = self.hint.take();
            let sizes = self.sizes(places, frame)?;
            let given = self.arguments(args, frame)?;
            self.hint = hint;
            return self.instantiate(class, Some(sizes), given, span, frame);
        }
        let hint = self.hint.take();
        let function = self.expr(callee, frame)?;
        let given = match &function {
            Value::Builtin(
                "print" | "save" | "load" | "batches" | "snapshot" | "write_png" | "write_curves",
            )
            | Value::Step(_)
            | Value::Schedule(_)
                if self.world == World::Schedule =>
            {
                let mut given = Vec::new();
                for arg in args {
                    given.push(Given {
                        name: arg.name.clone(),
                        value: self.host_value_of(&arg.value, frame)?,
                        span: arg.value.span,
                    });
                }
                given
            }
            _ => self.arguments(args, frame)?,
        };
        self.hint = hint;
        self.call(function, given, callee.span, span, frame)
    }

    /// Arguments, evaluated.
    fn arguments(&mut self, args: &[ast::Arg], frame: FrameId) -> Outcome<Vec<Given>> {
        args.iter()
            .map(|arg| {
                Ok(Given {
                    name: arg.name.clone(),
                    value: self.expr(&arg.value, frame)?,
                    span: arg.value.span,
                })
            })
            .collect()
    }

    /// The sizes in the brackets of a layer.
    fn sizes(&mut self, places: &[ast::Place], frame: FrameId) -> Outcome<Vec<(Value, Span)>> {
        places
            .iter()
            .map(|p| match p {
                ast::Place::Expr(e) => Ok((self.expr(e, frame)?, e.span)),
                other => fail(codes::KIND, "the sizes of a layer are numbers", other.span(), "not a size"),
            })
            .collect()
    }
}

/// What the host sees of a report: a number, or a handle of a tensor.
pub(super) fn report_value(
    record: host::Expr,
    at: usize,
    elem: crate::program::Elem,
    axes: &[Axis],
    span: Span,
) -> Value {
    let expr = host::Expr { kind: host::ExprKind::Field(Box::new(record), at), span };
    if axes.is_empty() {
        let kind = if elem == crate::program::Elem::Bool { HostKind::Bool } else { HostKind::Number };
        return Value::Host(HostValue { expr, kind });
    }
    Value::Tensor(Tensor { source: Source::Host(Box::new(expr)), elem, axes: axes.to_vec(), span })
}
