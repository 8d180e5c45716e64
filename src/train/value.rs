//! What a variable of the schedule can hold.

use crate::ir::Tensor;
use crate::program::{PlaceId, ResidentId, StepId};
use crate::runtime::CallId;
use std::sync::{Arc, OnceLock};

/// A value of the host.
#[derive(Clone, Debug)]
pub enum Value {
    /// A number; exact for whole ones up to 2^53.
    Number(f64),
    /// A truth value.
    Bool(bool),
    /// A text.
    Text(Arc<str>),
    /// A tuple.
    Tuple(Arc<Vec<Value>>),
    /// A list.
    List(Arc<Vec<Value>>),
    /// What a call gives, whether or not it has run.
    Record(Arc<Call>),
    /// One report of a call, whether or not it has run.
    Pending {
        /// The call.
        call: Arc<Call>,
        /// Position of the report.
        report: usize,
    },
    /// A minibatch of a resident array, not copied.
    Slice {
        /// The array.
        resident: ResidentId,
        /// Its first row.
        start: usize,
        /// How many rows.
        size: usize,
    },
    /// A tensor that has been copied out.
    Tensor(Tensor),
    /// Copies of places.
    Snapshot(Arc<[(PlaceId, Tensor)]>),
    /// What a statement such as `print` gives.
    Nothing,
}

/// A call that was queued.
#[derive(Debug)]
pub struct Call {
    /// Its number in the run.
    pub id: CallId,
    /// The step called.
    pub step: StepId,
    /// Its reports, once it has run.
    pub result: OnceLock<Vec<Tensor>>,
}

impl Value {
    /// A text.
    pub fn text(text: impl Into<Arc<str>>) -> Value {
        Value::Text(text.into())
    }

    /// A tensor's value: a number or truth value if it has no axes.
    pub fn of_tensor(tensor: &Tensor) -> Value {
        use crate::ir::DType;
        match (tensor.ty.shape.as_slice(), tensor.ty.dtype) {
            ([], DType::Bool) => Value::Bool(tensor.elements::<bool>()[0]),
            ([], DType::F32 | DType::F64 | DType::I32) => Value::Number(tensor.item_f64()),
            _ => Value::Tensor(tensor.clone()),
        }
    }

    /// What kind it is, for messages.
    pub fn kind(&self) -> &'static str {
        match self {
            Value::Number(_) => "a number",
            Value::Bool(_) => "a truth value",
            Value::Text(_) => "a text",
            Value::Tuple(_) => "a tuple",
            Value::List(_) => "a list",
            Value::Record(_) => "a record",
            Value::Pending { .. } => "a report",
            Value::Slice { .. } => "a minibatch",
            Value::Tensor(_) => "a tensor",
            Value::Snapshot(_) => "a snapshot",
            Value::Nothing => "nothing",
        }
    }
}
