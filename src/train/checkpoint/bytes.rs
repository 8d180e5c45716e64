//! The state of a run as bytes: everything exactly as it is in memory.
//!
//! What is read was checked as a whole before, but is still not trusted: a value that does not fit
//! gives `None`, and nothing is set aside for a length that the bytes do not hold.

use crate::ir::{Buffer, Tensor};
use crate::train::value::Call;
use std::collections::HashMap;
use std::io::{self, Write};
use std::sync::Arc;

/// Bytes that are being written: a few at a time, so that the copy of all places is never in memory at once.
pub struct Out<'o> {
    /// Those that have not gone on yet.
    bytes: Vec<u8>,
    to: &'o mut dyn Write,
    failed: io::Result<()>,
    /// Calls written so far, by address: values may share one.
    pub(super) calls: HashMap<*const Call, u64>,
}

/// So many bytes go on together.
const TOGETHER: usize = 1 << 16;

impl<'o> Out<'o> {
    /// Nothing so far.
    pub fn new(to: &'o mut dyn Write) -> Out<'o> {
        Out { bytes: Vec::new(), to, failed: Ok(()), calls: HashMap::new() }
    }

    fn put(&mut self, bytes: &[u8]) {
        self.bytes.extend_from_slice(bytes);
        if self.bytes.len() >= TOGETHER {
            self.go_on();
        }
    }

    fn go_on(&mut self) {
        if self.failed.is_ok() {
            self.failed = self.to.write_all(&self.bytes);
        }
        self.bytes.clear();
    }

    /// The last bytes go on: an error if some could not.
    pub fn finish(mut self) -> io::Result<()> {
        self.go_on();
        self.failed
    }
}

/// Bytes that are being read.
pub struct In<'b> {
    rest: &'b [u8],
    pub(super) calls: Vec<Arc<Call>>,
}

/// What has a form in bytes.
pub trait Bytes: Sized {
    /// Writes it.
    fn put(&self, out: &mut Out<'_>);
    /// Reads it.
    fn get(from: &mut In<'_>) -> Option<Self>;
}

impl<'b> In<'b> {
    /// From the first of some bytes.
    pub fn new(bytes: &'b [u8]) -> In<'b> {
        In { rest: bytes, calls: Vec::new() }
    }

    fn take(&mut self, count: usize) -> Option<&'b [u8]> {
        let (taken, rest) = self.rest.split_at_checked(count)?;
        self.rest = rest;
        Some(taken)
    }

    /// A length, in things of at least so many bytes each.
    fn length(&mut self, size: usize) -> Option<usize> {
        let count = usize::get(self)?;
        (count.checked_mul(size)? <= self.rest.len()).then_some(count)
    }
}

macro_rules! plain {
    ($($type:ty),*) => {$(
        impl Bytes for $type {
            fn put(&self, out: &mut Out<'_>) {
                out.put(&self.to_le_bytes());
            }

            fn get(from: &mut In<'_>) -> Option<Self> {
                let bytes = from.take(size_of::<$type>())?;
                Some(<$type>::from_le_bytes(bytes.try_into().ok()?))
            }
        }
    )*};
}

plain!(u8, u32, i32, u64, i64, f32, f64);

impl Bytes for usize {
    fn put(&self, out: &mut Out<'_>) {
        (*self as u64).put(out);
    }

    fn get(from: &mut In<'_>) -> Option<Self> {
        usize::try_from(u64::get(from)?).ok()
    }
}

impl Bytes for bool {
    fn put(&self, out: &mut Out<'_>) {
        u8::from(*self).put(out);
    }

    fn get(from: &mut In<'_>) -> Option<Self> {
        match u8::get(from)? {
            0 => Some(false),
            1 => Some(true),
            _ => None,
        }
    }
}

impl<T: Bytes> Bytes for Vec<T> {
    fn put(&self, out: &mut Out<'_>) {
        self.len().put(out);
        self.iter().for_each(|item| item.put(out));
    }

    fn get(from: &mut In<'_>) -> Option<Self> {
        let count = from.length(1)?;
        (0..count).map(|_| T::get(from)).collect()
    }
}

impl<T: Bytes> Bytes for Option<T> {
    fn put(&self, out: &mut Out<'_>) {
        self.is_some().put(out);
        self.iter().for_each(|item| item.put(out));
    }

    fn get(from: &mut In<'_>) -> Option<Self> {
        Some(if bool::get(from)? { Some(T::get(from)?) } else { None })
    }
}

impl<T: Bytes> Bytes for Arc<T> {
    fn put(&self, out: &mut Out<'_>) {
        T::put(self, out);
    }

    fn get(from: &mut In<'_>) -> Option<Self> {
        T::get(from).map(Arc::new)
    }
}

impl<A: Bytes, B: Bytes> Bytes for (A, B) {
    fn put(&self, out: &mut Out<'_>) {
        self.0.put(out);
        self.1.put(out);
    }

    fn get(from: &mut In<'_>) -> Option<Self> {
        Some((A::get(from)?, B::get(from)?))
    }
}

impl Bytes for String {
    fn put(&self, out: &mut Out<'_>) {
        self.as_str().len().put(out);
        out.put(self.as_bytes());
    }

    fn get(from: &mut In<'_>) -> Option<Self> {
        let count = from.length(1)?;
        String::from_utf8(from.take(count)?.to_vec()).ok()
    }
}

impl Bytes for Arc<str> {
    fn put(&self, out: &mut Out<'_>) {
        self.to_string().put(out);
    }

    fn get(from: &mut In<'_>) -> Option<Self> {
        String::get(from).map(Arc::from)
    }
}

impl Bytes for Tensor {
    fn put(&self, out: &mut Out<'_>) {
        self.ty.shape.put(out);
        match &*self.data {
            Buffer::F32(v) => (0u8, v).put_with(out),
            Buffer::F64(v) => (1u8, v).put_with(out),
            Buffer::I32(v) => (2u8, v).put_with(out),
            Buffer::Bool(v) => (3u8, v).put_with(out),
        }
    }

    fn get(from: &mut In<'_>) -> Option<Self> {
        let shape: Vec<usize> = Vec::get(from)?;
        let data = match u8::get(from)? {
            0 => Buffer::F32(Vec::get(from)?),
            1 => Buffer::F64(Vec::get(from)?),
            2 => Buffer::I32(Vec::get(from)?),
            3 => Buffer::Bool(Vec::get(from)?),
            _ => return None,
        };
        let count = shape.iter().try_fold(1usize, |n, extent| n.checked_mul(*extent))?;
        (count == data.len()).then(|| Tensor::new(shape, data))
    }
}

/// A mark, then what it says follows.
pub(super) trait Marked {
    /// Writes both.
    fn put_with(&self, out: &mut Out<'_>);
}

impl<T: Bytes> Marked for (u8, &T) {
    fn put_with(&self, out: &mut Out<'_>) {
        self.0.put(out);
        self.1.put(out);
    }
}
