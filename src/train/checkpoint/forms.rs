//! What the host holds, as bytes.

use super::bytes::{Bytes, In, Marked, Out};
use crate::ir::Tensor;
use crate::program::StepId;
use crate::runtime::CallId;
use crate::train::curves::{Curves, Point, Series};
use crate::train::place::{Elements, Frame, Turns};
use crate::train::value::{Call, Value};
use std::sync::{Arc, OnceLock};

impl Bytes for Arc<Call> {
    fn put(&self, out: &mut Out<'_>) {
        let next = out.calls.len() as u64;
        let known = *out.calls.entry(Arc::as_ptr(self)).or_insert(next);
        known.put(out);
        if known == next {
            (self.id, self.step).put(out);
            self.result.get().cloned().put(out);
        }
    }

    fn get(from: &mut In<'_>) -> Option<Self> {
        let at = usize::get(from)?;
        if let Some(call) = from.calls.get(at) {
            return Some(Arc::clone(call));
        }
        let (id, step): (CallId, StepId) = Bytes::get(from)?;
        // The queue was empty: every call has run.
        let result = OnceLock::from(Option::<Vec<Tensor>>::get(from)??);
        let call = Arc::new(Call { id, step, result });
        from.calls.push(Arc::clone(&call));
        (at + 1 == from.calls.len()).then_some(call)
    }
}

impl Bytes for Value {
    fn put(&self, out: &mut Out<'_>) {
        match self {
            Value::Number(v) => (0u8, v).put_with(out),
            Value::Bool(v) => (1u8, v).put_with(out),
            Value::Text(v) => (2u8, v).put_with(out),
            Value::Tuple(v) => (3u8, v).put_with(out),
            Value::List(v) => (4u8, v).put_with(out),
            Value::Record(call) => (5u8, call).put_with(out),
            Value::Pending { call, report } => (6u8, &(Arc::clone(call), *report)).put_with(out),
            Value::Slice { resident, start, size } => (7u8, &(*resident, (*start, *size))).put_with(out),
            Value::Tensor(v) => (8u8, v).put_with(out),
            Value::Snapshot(v) => (9u8, &v.to_vec()).put_with(out),
            Value::Nothing => 10u8.put(out),
        }
    }

    fn get(from: &mut In<'_>) -> Option<Self> {
        Some(match u8::get(from)? {
            0 => Value::Number(Bytes::get(from)?),
            1 => Value::Bool(Bytes::get(from)?),
            2 => Value::Text(Bytes::get(from)?),
            3 => Value::Tuple(Bytes::get(from)?),
            4 => Value::List(Bytes::get(from)?),
            5 => Value::Record(Bytes::get(from)?),
            6 => {
                let (call, report) = Bytes::get(from)?;
                Value::Pending { call, report }
            }
            7 => {
                let (resident, (start, size)) = Bytes::get(from)?;
                Value::Slice { resident, start, size }
            }
            8 => Value::Tensor(Bytes::get(from)?),
            9 => Value::Snapshot(Vec::get(from)?.into()),
            10 => Value::Nothing,
            _ => return None,
        })
    }
}

impl Bytes for Frame {
    fn put(&self, out: &mut Out<'_>) {
        self.phase.put(out);
        self.began.put(out);
        self.loops.put(out);
    }

    fn get(from: &mut In<'_>) -> Option<Self> {
        Some(Frame { phase: Bytes::get(from)?, began: Bytes::get(from)?, loops: Bytes::get(from)? })
    }
}

impl Bytes for Turns {
    fn put(&self, out: &mut Out<'_>) {
        (self.begun, self.of).put(out);
        match &self.elements {
            Elements::Range(first) => (0u8, first).put_with(out),
            Elements::Batches(order) => (1u8, order).put_with(out),
            Elements::List(values) => (2u8, values).put_with(out),
        }
    }

    fn get(from: &mut In<'_>) -> Option<Self> {
        let (begun, of) = Bytes::get(from)?;
        let elements = match u8::get(from)? {
            0 => Elements::Range(Bytes::get(from)?),
            1 => Elements::Batches(Bytes::get(from)?),
            2 => Elements::List(Bytes::get(from)?),
            _ => return None,
        };
        Some(Turns { begun, of, elements })
    }
}

impl Bytes for Curves {
    fn put(&self, out: &mut Out<'_>) {
        (self.kept, self.epochs).put(out);
        self.last.put(out);
        self.phases.put(out);
        self.series.put(out);
    }

    fn get(from: &mut In<'_>) -> Option<Self> {
        let (kept, epochs) = Bytes::get(from)?;
        let (last, phases) = (Bytes::get(from)?, Bytes::get(from)?);
        Some(Curves { kept, epochs, last, phases, series: Bytes::get(from)? })
    }
}

impl Bytes for Series {
    fn put(&self, out: &mut Out<'_>) {
        self.name.put(out);
        self.points.put(out);
    }

    fn get(from: &mut In<'_>) -> Option<Self> {
        Some(Series { name: Bytes::get(from)?, points: Bytes::get(from)? })
    }
}

impl Bytes for Point {
    fn put(&self, out: &mut Out<'_>) {
        (self.epoch, self.within).put(out);
        (self.sum, self.count).put(out);
    }

    fn get(from: &mut In<'_>) -> Option<Self> {
        let (epoch, within) = Bytes::get(from)?;
        let (sum, count) = Bytes::get(from)?;
        Some(Point { epoch, within, sum, count })
    }
}
