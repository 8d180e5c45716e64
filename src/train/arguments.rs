//! What steps are called with: numbers, minibatches, tensors, reports of other calls.

use super::eval::wrong_kind;
use super::host::{Host, mistake};
use super::queue::Queue;
use super::value::{Call, Value};
use super::{Failure, format};
use crate::diag::codes;
use crate::ir::{DType, LeafKind, Tensor};
use crate::program::host::{Argument, Batches, Expr};
use crate::program::{Elem, StepId};
use crate::runtime::Arg;
use std::sync::Arc;

/// An argument that is there, or a report of a call that may still be queued.
enum Given {
    Now(Arg),
    Report(Arc<Call>, usize),
}

impl Host<'_> {
    pub(super) fn call(&mut self, step: StepId, args: &[Argument]) -> Result<Value, Failure> {
        let mut given = Vec::with_capacity(args.len());
        for (at, arg) in args.iter().enumerate() {
            given.push(match arg {
                Argument::Scalar(expr) => Given::Now(self.scalar(step, at, expr)?),
                Argument::Tensor(expr) => self.tensor(step, at, expr)?,
            });
        }
        // Only now: evaluating an argument may have run the calls that another is a report of.
        let given = given.into_iter().map(|arg| match arg {
            Given::Now(arg) => arg,
            Given::Report(call, report) => Queue::argument(&call, report),
        });
        let given = given.collect();
        let moment = self.position.call(step, self.program.steps[step].declared);
        Ok(Value::Record(self.queue.call(step, given, moment)?))
    }

    fn scalar(&mut self, step: StepId, at: usize, expr: &Expr) -> Result<Arg, Failure> {
        let declared = &self.program.steps[step].args[at];
        match (self.awaited_expr(expr)?, declared.ty.elem) {
            (Value::Number(v), Elem::Real) => Ok(Arg::Scalar(v)),
            (Value::Number(v), Elem::Int) if f64::from(v as i32) == v => Ok(Arg::Scalar(v)),
            (Value::Number(v), Elem::Int) => {
                let title = format!("{} takes a whole number of 32 bits", declared.name);
                Err(mistake(codes::KIND, title, expr.span, format!("is {}", format::number(v))))
            }
            (Value::Bool(v), Elem::Bool) => Ok(Arg::Scalar(f64::from(u8::from(v)))),
            (other, elem) => Err(wrong_kind(&other, elem.name(), expr.span)),
        }
    }

    fn tensor(&mut self, step: StepId, at: usize, expr: &Expr) -> Result<Given, Failure> {
        match self.eval(expr)? {
            Value::Slice { resident, start, size } => Ok(Given::Now(Arg::Batch { resident, start, size })),
            Value::Pending { call, report } => Ok(Given::Report(call, report)),
            Value::Tensor(tensor) => Ok(Given::Now(Arg::Tensor(tensor))),
            Value::Number(v) => {
                let leaf = |l: &&crate::ir::Leaf| l.kind == LeafKind::Arg && l.index == at;
                let dtype =
                    self.module.steps[step].leaves.iter().find(leaf).map_or(DType::F32, |l| l.ty.dtype);
                Ok(Given::Now(Arg::Tensor(Tensor::scalar(dtype, v))))
            }
            Value::Record(call) if self.module.steps[call.step].reports.len() == 1 => {
                Ok(Given::Report(call, 0))
            }
            other => Err(wrong_kind(&other, "a tensor", expr.span)),
        }
    }

    pub(super) fn batch(&mut self, batches: &Batches, at: &Expr) -> Result<Value, Failure> {
        let at = self.element(at, batches.count)?;
        let order = self.order(batches)?;
        Ok(self.minibatch(batches, order.as_deref(), at))
    }

    /// The positions of the examples of minibatches, if they are not in the order of the arrays.
    pub(super) fn order(&mut self, batches: &Batches) -> Result<Option<Vec<usize>>, Failure> {
        let Some(expr) = &batches.order else { return Ok(None) };
        let Value::Tensor(tensor) = self.awaited_expr(expr)? else {
            return Err(mistake(codes::KIND, "an order is a tensor", expr.span, ""));
        };
        let count = tensor.ty.shape.first().copied().unwrap_or(0);
        let mut order = Vec::with_capacity(count);
        for (at, value) in tensor.elements::<i32>().iter().enumerate() {
            match usize::try_from(*value) {
                Ok(row) if row < count => order.push(row),
                _ => {
                    let title =
                        format!("position {value} at [{at}] of the order is outside 0..{}", count - 1);
                    return Err(mistake(codes::INDEX_AT_RUN, title, expr.span, "the order of the examples"));
                }
            }
        }
        Ok(Some(order))
    }

    /// A minibatch: slices of the arrays, or the rows that an order has there; one if there is one
    /// field, else a tuple.
    pub(super) fn minibatch(&self, batches: &Batches, order: Option<&[usize]>, at: usize) -> Value {
        let (start, size) = (batches.start + at * batches.size, batches.size);
        let part = |resident: &usize| match order {
            None => Value::Slice { resident: *resident, start, size },
            Some(order) => {
                let rows = &order[start..start + size];
                Value::Tensor(self.queue.rows(*resident, rows))
            }
        };
        match batches.fields.as_slice() {
            [one] => part(one),
            several => Value::Tuple(Arc::new(several.iter().map(part).collect())),
        }
    }
}
