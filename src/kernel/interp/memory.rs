//! The memory that a step runs on.

use super::value::Value;
use crate::ir::tensor::{Buffer as Array, Element};
use crate::ir::types::{DType, Scalar};
use crate::kernel::{Buffer, Home, Step};
use std::sync::Arc;

/// Arrays by the indices of [`Home`], and bytes.
#[derive(Clone, Debug)]
pub struct Memory {
    /// The call's arguments.
    pub args: Vec<Arc<Array>>,
    /// Places.
    pub places: Vec<Array>,
    /// Resident arrays.
    pub residents: Vec<Arc<Array>>,
    /// The call's reports.
    pub reports: Vec<Array>,
    /// How often the step's family has run before the first call.
    pub run: i32,
    /// The arena.
    pub arena: Vec<u8>,
    scratch: Vec<u8>,
    /// What each thread has for itself in a call, and whose turn it is.
    own: Vec<Vec<u8>>,
    own_call: Vec<usize>,
    /// Whether calls overlap, so that it holds things of two of them.
    ahead: bool,
    thread: usize,
    /// The number of the call in its run.
    call: usize,
}

/// The reals that products are of.
pub(super) trait Real: Element + Default {
    /// The element at the start of bytes.
    fn of_bytes(bytes: &[u8]) -> Self;
    /// `self * b + c`, rounded once.
    fn multiply_add(self, b: Self, c: Self) -> Self;
    /// `self * b`.
    fn times(self, b: Self) -> Self;
    /// `self + b`.
    fn plus(self, b: Self) -> Self;
    /// As a value.
    fn value(self) -> Value;
    /// A value of this type.
    fn of_value(value: Value) -> Self;
}

macro_rules! real {
    ($t:ty, $variant:ident, $size:literal) => {
        impl Real for $t {
            fn of_bytes(bytes: &[u8]) -> $t {
                let mut word = [0; $size];
                word.copy_from_slice(&bytes[..$size]);
                <$t>::from_ne_bytes(word)
            }

            fn multiply_add(self, b: $t, c: $t) -> $t {
                self.mul_add(b, c)
            }

            fn times(self, b: $t) -> $t {
                self * b
            }

            fn plus(self, b: $t) -> $t {
                self + b
            }

            fn value(self) -> Value {
                Value::$variant(self)
            }

            fn of_value(value: Value) -> $t {
                match value {
                    Value::$variant(v) => v,
                    other => panic!("{other:?} is no {}", stringify!($t)),
                }
            }
        }
    };
}

real!(f32, F32, 4);
real!(f64, F64, 8);

/// All elements of a buffer, wherever it lies.
pub(super) enum View<'a, T> {
    /// In an array.
    Array(&'a [T]),
    /// In bytes.
    Bytes(&'a [u8]),
}

impl<T: Real> View<'_, T> {
    /// An element. Panics where there is none at the position: a bug of the compiler.
    pub fn at(&self, position: i64) -> T {
        match self {
            View::Array(elements) => elements[position as usize],
            View::Bytes(bytes) => T::of_bytes(&bytes[position as usize * T::DTYPE.size()..]),
        }
    }
}

/// What memory holds that nothing was written to: all bits set, which as a real is NaN.
const UNWRITTEN: u8 = 0xff;

impl Memory {
    /// Memory for a step: zeros in every array that its buffers name, an arena and a scratch that nothing
    /// was written to.
    pub fn new(step: &Step) -> Memory {
        let mut memory = Memory {
            args: Vec::new(),
            places: Vec::new(),
            residents: Vec::new(),
            reports: Vec::new(),
            run: 0,
            arena: vec![UNWRITTEN; step.arena],
            scratch: vec![UNWRITTEN; step.scratch],
            own: vec![vec![UNWRITTEN; step.scratch]],
            own_call: vec![0],
            ahead: !step.opening.is_empty(),
            thread: 0,
            call: 0,
        };
        for buffer in &step.buffers {
            let zeros = || Array::filled(buffer.dtype, Scalar::Int(0), buffer.elements());
            match buffer.home {
                Home::Arg(at) => put(&mut memory.args, at, Arc::new(zeros())),
                Home::Place(at) => put(&mut memory.places, at, zeros()),
                Home::Resident(at) => put(&mut memory.residents, at, Arc::new(zeros())),
                Home::Report(at) => put(&mut memory.reports, at, zeros()),
                Home::Run | Home::Arena(_) | Home::Alternate(..) => {}
                Home::Own(_) | Home::OwnAlternate(..) | Home::Scratch(_) => {}
            }
        }
        memory
    }

    /// From now on a thread's own memory in a call of a run is meant.
    pub(super) fn turn_to(&mut self, thread: usize, call: usize) {
        self.call = call;
        while self.own.len() <= thread {
            self.own.push(vec![UNWRITTEN; self.scratch.len()]);
            self.own_call.push(call);
        }
        if self.own_call[thread] != call && !self.ahead {
            self.own[thread].fill(UNWRITTEN);
            self.own_call[thread] = call;
        }
        self.thread = thread;
    }

    /// Forgets what the scratch holds.
    pub(super) fn clear_scratch(&mut self) {
        self.scratch.fill(UNWRITTEN);
    }

    /// An element. Panics where the buffer has none at the position: a bug of the compiler.
    pub(super) fn get(&self, buffer: &Buffer, position: i64) -> Value {
        let at = within(buffer, position);
        match buffer.home {
            Home::Arg(a) => of_array(&self.args[a], at),
            Home::Place(p) => of_array(&self.places[p], at),
            Home::Resident(r) => of_array(&self.residents[r], at),
            Home::Report(r) => of_array(&self.reports[r], at),
            Home::Run => Value::I32(self.run.wrapping_add(self.call as i32)),
            Home::Arena(first) => of_bytes(&self.arena, first, buffer.dtype, at),
            Home::Alternate(copies) => of_bytes(&self.arena, copies.of_call(self.call), buffer.dtype, at),
            Home::Own(first) => of_bytes(&self.own[self.thread], first, buffer.dtype, at),
            Home::OwnAlternate(copies) => {
                of_bytes(&self.own[self.thread], copies.of_call(self.call), buffer.dtype, at)
            }
            Home::Scratch(first) => of_bytes(&self.scratch, first, buffer.dtype, at),
        }
    }

    /// All elements of a buffer of a type.
    pub(super) fn view<T: Real>(&self, buffer: &Buffer) -> View<'_, T> {
        let size = buffer.elements() * T::DTYPE.size();
        match buffer.home {
            Home::Arg(a) => View::Array(T::of(&self.args[a])),
            Home::Place(p) => View::Array(T::of(&self.places[p])),
            Home::Resident(r) => View::Array(T::of(&self.residents[r])),
            Home::Report(r) => View::Array(T::of(&self.reports[r])),
            Home::Run => panic!("the run is no real"),
            Home::Arena(first) => View::Bytes(&self.arena[first..first + size]),
            Home::Alternate(copies) => View::Bytes(&self.arena[copies.of_call(self.call)..][..size]),
            Home::Own(first) => View::Bytes(&self.own[self.thread][first..first + size]),
            Home::OwnAlternate(copies) => {
                View::Bytes(&self.own[self.thread][copies.of_call(self.call)..][..size])
            }
            Home::Scratch(first) => View::Bytes(&self.scratch[first..first + size]),
        }
    }

    /// Writes an element.
    pub(super) fn set(&mut self, buffer: &Buffer, position: i64, value: Value) {
        let at = within(buffer, position);
        match buffer.home {
            Home::Place(p) => to_array(&mut self.places[p], at, value),
            Home::Report(r) => to_array(&mut self.reports[r], at, value),
            Home::Arena(first) => to_bytes(&mut self.arena, first, at, value),
            Home::Alternate(copies) => to_bytes(&mut self.arena, copies.of_call(self.call), at, value),
            Home::Own(first) => to_bytes(&mut self.own[self.thread], first, at, value),
            Home::OwnAlternate(copies) => {
                to_bytes(&mut self.own[self.thread], copies.of_call(self.call), at, value);
            }
            Home::Scratch(first) => to_bytes(&mut self.scratch, first, at, value),
            Home::Arg(_) | Home::Resident(_) | Home::Run => panic!("{} is read only", buffer.name),
        }
    }
}

fn put<T: From<Array>>(arrays: &mut Vec<T>, at: usize, array: T) {
    while arrays.len() <= at {
        arrays.push(Array::F32(Vec::new()).into());
    }
    arrays[at] = array;
}

fn within(buffer: &Buffer, position: i64) -> usize {
    match usize::try_from(position) {
        Ok(at) if at < buffer.elements() => at,
        Ok(_) | Err(_) => panic!("position {position} of {}, which has {}", buffer.name, buffer.elements()),
    }
}

fn of_array(array: &Array, at: usize) -> Value {
    match array {
        Array::F32(v) => Value::F32(v[at]),
        Array::F64(v) => Value::F64(v[at]),
        Array::I32(v) => Value::I32(v[at]),
        Array::Bool(v) => Value::Bool(v[at]),
    }
}

fn to_array(array: &mut Array, at: usize, value: Value) {
    match (array, value) {
        (Array::F32(v), Value::F32(x)) => v[at] = x,
        (Array::F64(v), Value::F64(x)) => v[at] = x,
        (Array::I32(v), Value::I32(x)) => v[at] = x,
        (Array::Bool(v), Value::Bool(x)) => v[at] = x,
        (array, value) => panic!("{value:?} into an array of {}", array.dtype().name()),
    }
}

fn of_bytes(bytes: &[u8], first: usize, dtype: DType, at: usize) -> Value {
    let from = &bytes[first + at * dtype.size()..];
    match dtype {
        DType::F32 => Value::F32(Real::of_bytes(from)),
        DType::F64 => Value::F64(Real::of_bytes(from)),
        DType::I32 => {
            let mut word = [0; 4];
            word.copy_from_slice(&from[..4]);
            Value::I32(i32::from_ne_bytes(word))
        }
        DType::Bool => Value::Bool(from[0] != 0),
    }
}

fn to_bytes(bytes: &mut [u8], first: usize, at: usize, value: Value) {
    let start = first + at * value.dtype().size();
    let mut write = |from: &[u8]| bytes[start..start + from.len()].copy_from_slice(from);
    match value {
        Value::F32(v) => write(&v.to_ne_bytes()),
        Value::F64(v) => write(&v.to_ne_bytes()),
        Value::I32(v) => write(&v.to_ne_bytes()),
        Value::Bool(v) => write(&[u8::from(v)]),
    }
}
