//! Expressions, in any world.

use super::ops::{At, Given};
use super::state::{Checker, Fail, Outcome, World, fail};
use super::value::*;
use crate::diag::{Diagnostic, codes};
use crate::program::{MapOp, host};
use crate::source::Span;
use crate::syntax::ast;
use std::sync::Arc;

/// Expressions and calls inside each other.
const MOST_DEPTH: usize = 3_000;
/// Expressions evaluated, which bounds time and the number of operations.
const MOST_WORK: usize = 4_000_000;
/// Elements of a compile-time list.
const MOST_ITEMS: usize = 100_000;
/// Lists in lists.
const MOST_LISTS: usize = 12;
/// Bytes of a compile-time text.
pub(super) const MOST_TEXT: usize = 1 << 20;

impl Checker<'_> {
    /// The value of an expression, within the bounds that keep any text from taking the compiler down.
    pub fn expr(&mut self, e: &ast::Expr, frame: FrameId) -> Outcome<Value> {
        self.work += 1;
        self.depth += 1;
        if self.depth > MOST_DEPTH || self.work > MOST_WORK {
            self.depth = 0;
            let title = if self.work > MOST_WORK {
                format!("the program comes to more than {MOST_WORK} operations")
            } else {
                format!("expressions and calls are nested more than {MOST_DEPTH} deep")
            };
            self.work = 0;
            return fail(codes::TOO_LARGE, title, e.span, "reached here");
        }
        let value = self.expr_within(e, frame);
        self.depth = self.depth.saturating_sub(1);
        let value = value?;
        if let Some((made, used)) = self.crossed.take() {
            let title = "a value that one expression of the schedule computes is used inside another";
            return Err(Diagnostic::error(codes::WORLD, title)
                .label(used, "used here, in a step of its own")
                .label(made, "computed here")
                .help("define it in the schedule first, and give it as an argument")
                .into());
        }
        if let Some((elements, span)) = self.oversize.take() {
            let title = format!("a tensor of {elements} elements is more than any machine holds");
            return fail(codes::TOO_LARGE, title, span, "made here");
        }
        if let Value::List(items) = &value
            && (items.len() > MOST_ITEMS || list_depth(&value, 0) > MOST_LISTS)
        {
            let title =
                format!("a list has at most {MOST_ITEMS} elements, and lists nest at most {MOST_LISTS} deep");
            return fail(codes::TOO_LARGE, title, e.span, format!("{} elements", items.len()));
        }
        Ok(value)
    }

    fn expr_within(&mut self, e: &ast::Expr, frame: FrameId) -> Outcome<Value> {
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
                    (Some((a, true)), Some((b, true))) => {
                        if self.world != World::Schedule && b - a > MOST_ITEMS as f64 {
                            let title = format!("a list has at most {MOST_ITEMS} elements");
                            return fail(codes::TOO_LARGE, title, e.span, format!("{} elements", b - a));
                        }
                        Ok(Value::Range(a as i64, b as i64))
                    }
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

    /// The field of a value.
    fn field(&mut self, value: Value, name: &ast::Ident, frame: FrameId, base: Span) -> Outcome<Value> {
        match value {
            Value::Instance(id) => {
                let inner = self.instances[id].frame;
                match self.frames[inner].names.get(&name.name).cloned() {
                    Some(b) => Ok(self.leave_instance(b.value, id, frame)),
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

/// How deeply lists nest, along the first elements that are lists.
fn list_depth(value: &Value, depth: usize) -> usize {
    match value {
        Value::List(items) if depth <= MOST_LISTS => items
            .iter()
            .find(|v| matches!(v, Value::List(_)))
            .map_or(depth + 1, |inner| list_depth(inner, depth + 1)),
        _ => depth,
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
