//! Memory that compiled code works on: blocks that begin on a cache line.

use crate::ir::tensor::{Buffer, Element};
use crate::ir::{DType, Tensor, Type};
use crate::kernel::Layout;
use std::sync::Arc;

/// Bytes of a cache line.
pub const LINE: usize = 64;
/// Bytes that are moved at a time at least.
const RUN: usize = 1 << 20;

/// Bytes from which on large pages are asked for: data that are gone through once a minibatch come faster from these.
const LARGE: usize = 16 << 20;

/// Bytes of a word.
const WORD: usize = size_of::<u64>();

/// A run of bytes that begins on a cache line and has some lines behind it to itself.
pub struct Block {
    /// Its lines, with room before them for the first to begin where it must.
    words: Vec<u64>,
    /// The word that it begins with.
    start: usize,
    bytes: usize,
}

impl std::fmt::Debug for Block {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Block of {} bytes", self.bytes)
    }
}

impl Block {
    /// Zeros. Where there are many they take no memory of the system until something is written.
    pub fn new(bytes: usize) -> Block {
        let words = vec![0_u64; (bytes.div_ceil(LINE).max(1) + 1) * LINE / WORD];
        let address = words.as_ptr() as usize;
        let start = (address.next_multiple_of(LINE) - address) / WORD;
        if bytes >= LARGE {
            prefer_large_pages(&words);
        }
        Block { words, start, bytes }
    }

    /// A copy of a tensor's elements.
    pub fn of(tensor: &Tensor) -> Block {
        Block::holding(&tensor.data)
    }

    /// A copy of elements.
    pub fn holding(array: &Buffer) -> Block {
        let mut block = Block::new(array.len() * array.dtype().size());
        block.set(array);
        block
    }

    /// A tensor's elements, moved: what has been taken over is given back to the system, so that a large array is in
    /// memory once. Elements that something else holds too are copied.
    pub fn taking(tensor: Tensor) -> Block {
        let bytes = tensor.ty.bytes();
        let mut block = Block::new(bytes);
        match Arc::try_unwrap(tensor.data) {
            Ok(Buffer::F32(v)) => block.take(v),
            Ok(Buffer::F64(v)) => block.take(v),
            Ok(Buffer::I32(v)) => block.take(v),
            Ok(Buffer::Bool(v)) => block.take(v),
            Err(shared) => block.set(&shared),
        }
        block
    }

    /// Takes over elements from the last to the first.
    fn take<T: Element>(&mut self, mut elements: Vec<T>) {
        let size = size_of::<T>();
        let run = (elements.len() / 16).max(RUN / size);
        while !elements.is_empty() {
            let from = elements.len().saturating_sub(run);
            let part = bytes_of(&elements[from..]);
            self.bytes_mut()[from * size..from * size + part.len()].copy_from_slice(part);
            elements.truncate(from);
            // Large memory shrinks in place.
            elements.shrink_to_fit();
        }
    }

    /// How many bytes.
    pub fn len(&self) -> usize {
        self.bytes
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.bytes == 0
    }

    /// Where it lies. It stays there as long as it lives.
    pub fn address(&mut self) -> usize {
        self.words[self.start..].as_mut_ptr() as usize
    }

    /// The bytes.
    pub fn bytes(&self) -> &[u8] {
        // SAFETY: from its start on the words are initialised bytes without gaps, at least so many.
        unsafe { std::slice::from_raw_parts(self.words[self.start..].as_ptr().cast(), self.bytes) }
    }

    /// The bytes, to be written.
    pub fn bytes_mut(&mut self) -> &mut [u8] {
        // SAFETY: as in `bytes`; the borrow is the only one.
        unsafe { std::slice::from_raw_parts_mut(self.words[self.start..].as_mut_ptr().cast(), self.bytes) }
    }

    /// The 8-byte words that lie in it, to be written.
    pub fn words_mut(&mut self) -> &mut [u64] {
        &mut self.words[self.start..self.start + self.bytes / WORD]
    }

    /// Takes over elements, which must fill it.
    pub fn set(&mut self, array: &Buffer) {
        let bytes = array.len() * array.dtype().size();
        assert_eq!(bytes, self.bytes, "an array of {} into {self:?}", array.dtype().name());
        self.bytes_mut().copy_from_slice(bytes_of_buffer(array));
    }

    /// Takes over a tensor's elements, laid out.
    pub fn lay_out(&mut self, tensor: &Tensor, layout: Layout) {
        let size = tensor.ty.dtype.size();
        let (from, to) = (bytes_of_buffer(&tensor.data), self.bytes_mut());
        for (rows, memory, count) in layout.runs(&tensor.ty.shape) {
            let part = &from[rows * size..(rows + count) * size];
            to[memory * size..memory * size + part.len()].copy_from_slice(part);
        }
    }

    /// A tensor gathered from runs of elements: where each goes, where it lies, and how many it has.
    pub fn gathered(&self, ty: &Type, runs: impl Iterator<Item = (usize, usize, usize)>) -> Tensor {
        let (bytes, count) = (self.bytes(), ty.elements());
        let data = match ty.dtype {
            DType::F32 => f32::buffer(gathered(bytes, count, runs, f32::from_ne_bytes)),
            DType::F64 => f64::buffer(gathered(bytes, count, runs, f64::from_ne_bytes)),
            DType::I32 => i32::buffer(gathered(bytes, count, runs, i32::from_ne_bytes)),
            DType::Bool => bool::buffer(gathered(bytes, count, runs, |[byte]: [u8; 1]| byte != 0)),
        };
        Tensor::new(ty.shape.clone(), data)
    }

    /// The elements of a tensor of a type that begin at a byte.
    pub fn tensor(&self, ty: &Type, start: usize) -> Tensor {
        let bytes = &self.bytes()[start..start + ty.bytes()];
        let data = match ty.dtype {
            DType::F32 => f32::buffer(elements(bytes, f32::from_ne_bytes)),
            DType::F64 => f64::buffer(elements(bytes, f64::from_ne_bytes)),
            DType::I32 => i32::buffer(elements(bytes, i32::from_ne_bytes)),
            DType::Bool => bool::buffer(bytes.iter().map(|byte| *byte != 0).collect()),
        };
        Tensor::new(ty.shape.clone(), data)
    }
}

/// Asks the system for large pages where these words fill some.
#[cfg(target_os = "linux")]
fn prefer_large_pages(words: &[u64]) {
    const PAGE: usize = 2 << 20;
    let (from, bytes) = (words.as_ptr() as usize, std::mem::size_of_val(words));
    let (start, end) = (from.next_multiple_of(PAGE), (from + bytes) / PAGE * PAGE);
    if start < end {
        // SAFETY: the range lies in memory of ours, of which the advice changes nothing but the time it takes. A system
        // without large pages declines.
        unsafe { libc::madvise(start as *mut libc::c_void, end - start, libc::MADV_HUGEPAGE) };
    }
}

/// Other systems do as they see fit.
#[cfg(not(target_os = "linux"))]
fn prefer_large_pages(_: &[u64]) {}

fn elements<T, const N: usize>(bytes: &[u8], of: impl Fn([u8; N]) -> T) -> Vec<T> {
    bytes.as_chunks::<N>().0.iter().map(|chunk| of(*chunk)).collect()
}

fn gathered<T: Copy + Default, const N: usize>(
    bytes: &[u8],
    count: usize,
    runs: impl Iterator<Item = (usize, usize, usize)>,
    of: impl Fn([u8; N]) -> T,
) -> Vec<T> {
    let mut all = vec![T::default(); count];
    for (to, from, count) in runs {
        let part = bytes[from * N..(from + count) * N].as_chunks::<N>().0;
        all[to..to + count].iter_mut().zip(part).for_each(|(to, bytes)| *to = of(*bytes));
    }
    all
}

fn bytes_of_buffer(array: &Buffer) -> &[u8] {
    match array {
        Buffer::F32(v) => bytes_of(v),
        Buffer::F64(v) => bytes_of(v),
        Buffer::I32(v) => bytes_of(v),
        Buffer::Bool(v) => bytes_of(v),
    }
}

/// Elements as their bytes.
fn bytes_of<T: Element>(elements: &[T]) -> &[u8] {
    // SAFETY: elements are numbers or truth values, which have no padding.
    unsafe { std::slice::from_raw_parts(elements.as_ptr().cast(), std::mem::size_of_val(elements)) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_block_begins_on_a_line_and_gives_back_what_it_was_given() {
        let shapes = [vec![3], vec![2, 5], vec![0], vec![], vec![700, 1001]];
        for shape in shapes {
            let count = shape.iter().product();
            let reals: Vec<f64> = (0..count).map(|v| v as f64 - 1.5).collect();
            for dtype in [DType::F32, DType::F64, DType::I32, DType::Bool] {
                let tensor = Tensor::from_f64s(dtype, shape.clone(), &reals);
                let mut block = Block::of(&tensor);
                assert_eq!(block.address() % LINE, 0);
                assert_eq!(block.tensor(&tensor.ty, 0), tensor);
                let shared = Block::taking(tensor.clone());
                let moved = Block::taking(Tensor::from_f64s(dtype, shape.clone(), &reals));
                assert_eq!((shared.bytes(), moved.bytes()), (block.bytes(), block.bytes()));
            }
        }
    }
}
