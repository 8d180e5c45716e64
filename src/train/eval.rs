//! The expressions of a schedule.

use super::host::{Host, mistake};
use super::value::Value;
use super::{Failure, arithmetic, files};
use crate::diag::{Diagnostic, codes};
use crate::ir::Tensor;
use crate::program::MapOp;
use crate::program::host::{Expr, ExprKind, Fold, Format, Part};
use crate::source::{Span, near};
use crate::train::format;
use std::path::Path;
use std::sync::Arc;

impl Host<'_> {
    /// The value of an expression; reports of calls are not waited for.
    pub(super) fn eval(&mut self, expr: &Expr) -> Result<Value, Failure> {
        let span = expr.span;
        Ok(match &expr.kind {
            ExprKind::Number(v) => Value::Number(*v),
            ExprKind::Bool(v) => Value::Bool(*v),
            ExprKind::Text(text) => Value::Text(Arc::clone(text)),
            ExprKind::Var(var) => match &self.vars[*var] {
                Some(value) => value.clone(),
                None => panic!(
                    "a bug of the compiler: {} is read before it is defined",
                    self.program.host.vars[*var]
                ),
            },
            ExprKind::Map(op, args) => self.map(*op, args, span)?,
            ExprKind::Tuple(items) => Value::Tuple(self.all(items)?.into()),
            ExprKind::List(items) => Value::List(self.all(items)?.into()),
            ExprKind::Index(list, at) => {
                let values = self.list(list)?;
                let at = self.element(at, values.len())?;
                values[at].clone()
            }
            ExprKind::Slice(list, from, to) => {
                let values = self.list(list)?;
                let from = self.bound(from.as_deref(), 0, values.len())?;
                let to = self.bound(to.as_deref(), values.len(), values.len())?;
                Value::List(values[from..to.max(from)].to_vec().into())
            }
            ExprKind::Collect { .. } => unreachable!("a comprehension has become a loop"),
            ExprKind::Fold(fold, list) => self.fold(*fold, list)?,
            ExprKind::Format(parts) => self.holes(parts)?,
            ExprKind::Call(step, args) => self.call(*step, args)?,
            ExprKind::Field(record, report) => match self.eval(record)? {
                Value::Record(call) => Value::Pending { call, report: *report },
                Value::Tuple(values) if *report < values.len() => values[*report].clone(),
                other => {
                    return Err(mistake(
                        codes::KIND,
                        format!("{} has no reports", other.kind()),
                        record.span,
                        "",
                    ));
                }
            },
            ExprKind::Batch(batches, at) => self.batch(batches, at)?,
            ExprKind::Draw(at) => self.draw(*at),
            ExprKind::Snapshot(places) => Value::Snapshot(self.queue.read(places)?.into()),
            ExprKind::Print(text) => {
                let value = self.eval(text)?;
                let value = self.awaited(&value)?;
                // So that what is reported and what is printed stay in order.
                self.queue.flush()?;
                let text = format::value(&value, Format::default());
                self.recorder().print(&text);
                Value::Nothing
            }
            ExprKind::WritePng(name, picture) => {
                let (name, value) = (self.text(name)?, self.awaited_expr(picture)?);
                let Value::Tensor(tensor) = value else {
                    return Err(wrong_kind(&value, "a tensor", picture.span));
                };
                // What was reported before it is in the log before the file is there.
                self.queue.flush()?;
                files::write_png(&self.out, &name, &tensor)
                    .map_err(|error| Diagnostic::from(error).label(span, "is written here"))?;
                Value::Nothing
            }
            ExprKind::WriteCurves(name, curves) => {
                let name = self.text(name)?;
                self.queue.flush()?;
                let names: Vec<&str> = curves.iter().map(|(name, _)| &**name).collect();
                let drawn = self.recorder().curves.drawn(&names);
                files::write_svg(&self.out, &name, &drawn)
                    .map_err(|error| Diagnostic::from(error).label(span, "is written here"))?;
                Value::Nothing
            }
            ExprKind::Save(places, name) => {
                let name = self.text(name)?;
                let values = self.queue.read(places)?;
                files::save(&self.out, &name, self.module, &values)
                    .map_err(|error| Diagnostic::from(error).label(span, "is saved here"))?;
                self.saved = true;
                Value::Nothing
            }
            ExprKind::Load(places, name) => {
                let name = self.text(name)?;
                let [beside, above] = near(&self.folder);
                let folders = [self.out.as_path(), &beside, &above, Path::new("")];
                let values = files::load(&folders, &name, self.module, places)
                    .map_err(|error| Diagnostic::from(error).label(span, "is loaded here"))?;
                let values: Vec<(usize, Tensor)> = places.iter().copied().zip(values).collect();
                self.queue.write(&values)?;
                Value::Nothing
            }
        })
    }

    fn all(&mut self, items: &[Expr]) -> Result<Vec<Value>, Failure> {
        items.iter().map(|item| self.eval(item)).collect()
    }

    /// The value with every report in it waited for and every slice copied.
    pub(super) fn awaited(&mut self, value: &Value) -> Result<Value, Failure> {
        Ok(match value {
            Value::Pending { call, report } => Value::of_tensor(&self.queue.report(call, *report)?),
            Value::Record(call) => {
                let count = self.module.steps[call.step].reports.len();
                let reports = (0..count).map(|r| Ok(Value::of_tensor(&self.queue.report(call, r)?)));
                Value::Tuple(reports.collect::<Result<Vec<_>, Failure>>()?.into())
            }
            Value::Slice { resident, start, size } => {
                let extent = self.module.residents[*resident].ty.shape[0];
                let rows: Vec<usize> = (*start..start + size).take_while(|row| *row < extent).collect();
                Value::Tensor(self.queue.rows(*resident, &rows))
            }
            Value::Tuple(values) => Value::Tuple(self.each_awaited(values)?),
            Value::List(values) => Value::List(self.each_awaited(values)?),
            Value::Number(_)
            | Value::Bool(_)
            | Value::Text(_)
            | Value::Tensor(_)
            | Value::Snapshot(_)
            | Value::Nothing => value.clone(),
        })
    }

    fn each_awaited(&mut self, values: &[Value]) -> Result<Arc<Vec<Value>>, Failure> {
        values.iter().map(|v| self.awaited(v)).collect::<Result<Vec<_>, _>>().map(Arc::new)
    }

    pub(super) fn awaited_expr(&mut self, expr: &Expr) -> Result<Value, Failure> {
        let value = self.eval(expr)?;
        self.awaited(&value)
    }

    pub(super) fn number(&mut self, expr: &Expr) -> Result<f64, Failure> {
        match self.awaited_expr(expr)? {
            Value::Number(v) => Ok(v),
            other => Err(wrong_kind(&other, "a number", expr.span)),
        }
    }

    /// A whole number.
    pub(super) fn whole(&mut self, expr: &Expr) -> Result<i64, Failure> {
        let value = self.number(expr)?;
        if value.fract() != 0.0 || value.abs() > 9e15 {
            let label = format!("is {}", format::number(value));
            return Err(mistake(codes::KIND, "a whole number is needed here", expr.span, label));
        }
        Ok(value as i64)
    }

    pub(super) fn truth(&mut self, expr: &Expr) -> Result<bool, Failure> {
        match self.awaited_expr(expr)? {
            Value::Bool(v) => Ok(v),
            other => Err(wrong_kind(&other, "a truth value", expr.span)),
        }
    }

    pub(super) fn text(&mut self, expr: &Expr) -> Result<Arc<str>, Failure> {
        match self.awaited_expr(expr)? {
            Value::Text(text) => Ok(text),
            other => Err(wrong_kind(&other, "a text", expr.span)),
        }
    }

    pub(super) fn list(&mut self, expr: &Expr) -> Result<Arc<Vec<Value>>, Failure> {
        match self.eval(expr)? {
            Value::List(values) | Value::Tuple(values) => Ok(values),
            other => Err(wrong_kind(&other, "a list", expr.span)),
        }
    }

    fn map(&mut self, op: MapOp, args: &[Expr], span: Span) -> Result<Value, Failure> {
        match op {
            MapOp::And => return Ok(Value::Bool(self.truth(&args[0])? && self.truth(&args[1])?)),
            MapOp::Or => return Ok(Value::Bool(self.truth(&args[0])? || self.truth(&args[1])?)),
            MapOp::Not => return Ok(Value::Bool(!self.truth(&args[0])?)),
            MapOp::Where => {
                let taken = if self.truth(&args[0])? { &args[1] } else { &args[2] };
                return self.eval(taken);
            }
            _ => {}
        }
        let mut numbers = Vec::with_capacity(args.len());
        let mut values = Vec::with_capacity(args.len());
        for arg in args {
            let value = self.eval(arg)?;
            // What lists hold is not waited for where they are only joined.
            let joined = op == MapOp::Add && matches!(value, Value::List(_));
            let value = if joined { value } else { self.awaited(&value)? };
            if let Value::Number(v) = value {
                numbers.push(v);
            }
            values.push(value);
        }
        if numbers.len() == args.len() {
            let compared = args.get(1).and_then(|_| arithmetic::compare(op, numbers[0], numbers[1]));
            return Ok(match compared {
                Some(truth) => Value::Bool(truth),
                None => Value::Number(arithmetic::numbers(op, &numbers)),
            });
        }
        match (op, values.as_slice()) {
            (MapOp::Eq, [a, b]) => equal(a, b, span).map(Value::Bool),
            (MapOp::Ne, [a, b]) => equal(a, b, span).map(|same| Value::Bool(!same)),
            (MapOp::Add, [Value::List(a), Value::List(b)]) => {
                Ok(Value::List(Arc::new(a.iter().chain(b.iter()).cloned().collect())))
            }
            _ => {
                let at = values.iter().position(|v| !matches!(v, Value::Number(_))).unwrap_or(0);
                Err(wrong_kind(&values[at], "a number", args[at].span))
            }
        }
    }

    fn fold(&mut self, fold: Fold, list: &Expr) -> Result<Value, Failure> {
        let values = self.list(list)?;
        if fold == Fold::Len {
            return Ok(Value::Number(values.len() as f64));
        }
        let mut numbers = Vec::with_capacity(values.len());
        for value in values.iter() {
            match self.awaited(value)? {
                Value::Number(v) => numbers.push(v),
                Value::Bool(v) if matches!(fold, Fold::Sum | Fold::Mean) => {
                    numbers.push(f64::from(u8::from(v)))
                }
                other => return Err(wrong_kind(&other, "a list of numbers", list.span)),
            }
        }
        if numbers.is_empty() && fold != Fold::Sum {
            let title = format!("the {} of an empty list", format!("{fold:?}").to_lowercase());
            return Err(mistake(codes::NUMBER, title, list.span, "has no elements"));
        }
        let sum = || numbers.iter().fold(0.0, |sum, v| sum + v);
        Ok(Value::Number(match fold {
            Fold::Len => numbers.len() as f64,
            Fold::Sum => sum(),
            Fold::Mean => sum() / numbers.len() as f64,
            Fold::Max => numbers[1..].iter().fold(numbers[0], |a, b| arithmetic::larger(a, *b)),
            Fold::Min => -numbers[1..].iter().fold(-numbers[0], |a, b| arithmetic::larger(a, -*b)),
        }))
    }

    fn holes(&mut self, parts: &[Part]) -> Result<Value, Failure> {
        let mut text = String::new();
        for part in parts {
            match part {
                Part::Text(piece) => text.push_str(piece),
                Part::Hole(expr, form) => {
                    let value = self.awaited_expr(expr)?;
                    text.push_str(&format::value(&value, *form));
                }
            }
        }
        Ok(Value::text(text))
    }

    /// Draws anew: a number, or a tensor.
    fn draw(&mut self, at: usize) -> Value {
        let draw = &self.program.host.draws[at];
        let run = self.drawn[at];
        self.drawn[at] += 1;
        let tensor = crate::runtime::draw::in_run(draw, run, self.module.precision);
        match Value::of_tensor(&tensor) {
            Value::Bool(v) => Value::Number(f64::from(u8::from(v))),
            other => other,
        }
    }

    /// A position in something of so many elements; negative ones count from the end.
    pub(super) fn element(&mut self, at: &Expr, count: usize) -> Result<usize, Failure> {
        let value = self.whole(at)?;
        let from_start = if value < 0 { value + count as i64 } else { value };
        if !(0..count as i64).contains(&from_start) {
            let title = format!("there is no element {value} among {count}");
            return Err(mistake(codes::INDEX_AT_RUN, title, at.span, format!("is {value}")));
        }
        Ok(from_start as usize)
    }

    /// A bound of a slice, within the list; negative ones count from the end.
    fn bound(&mut self, at: Option<&Expr>, otherwise: usize, count: usize) -> Result<usize, Failure> {
        let Some(expr) = at else { return Ok(otherwise) };
        let value = self.whole(expr)?;
        let from_start = if value < 0 { value + count as i64 } else { value };
        Ok(from_start.clamp(0, count as i64) as usize)
    }
}

fn equal(a: &Value, b: &Value, span: Span) -> Result<bool, Failure> {
    match (a, b) {
        (Value::Text(a), Value::Text(b)) => Ok(a == b),
        (Value::Bool(a), Value::Bool(b)) => Ok(a == b),
        (Value::Number(a), Value::Number(b)) => Ok(a == b),
        _ => {
            let title = format!("{} cannot be compared with {}", a.kind(), b.kind());
            Err(mistake(codes::KIND, title, span, ""))
        }
    }
}

pub(super) fn wrong_kind(found: &Value, wanted: &str, span: Span) -> Failure {
    let title = format!("{wanted} is needed here");
    mistake(codes::KIND, title, span, format!("is {}", found.kind()))
}
