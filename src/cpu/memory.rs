//! Memory that compiled code works on: blocks that begin on a cache line.

use crate::ir::tensor::{Buffer, Element};
use crate::ir::{DType, Tensor, Type};

/// Bytes of a cache line.
pub const LINE: usize = 64;

#[derive(Clone, Copy)]
#[repr(C, align(64))]
struct Line([u8; LINE]);

/// A run of bytes that begins on a cache line and has some lines behind it to itself.
pub struct Block {
    lines: Vec<Line>,
    bytes: usize,
}

impl std::fmt::Debug for Block {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Block of {} bytes", self.bytes)
    }
}

impl Block {
    /// Zeros.
    pub fn new(bytes: usize) -> Block {
        Block { lines: vec![Line([0; LINE]); bytes.div_ceil(LINE).max(1)], bytes }
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
        self.lines.as_mut_ptr() as usize
    }

    /// The bytes.
    pub fn bytes(&self) -> &[u8] {
        // SAFETY: the lines are initialised bytes without gaps, at least so many.
        unsafe { std::slice::from_raw_parts(self.lines.as_ptr().cast(), self.bytes) }
    }

    /// The bytes, to be written.
    pub fn bytes_mut(&mut self) -> &mut [u8] {
        // SAFETY: as in `bytes`; the borrow is the only one.
        unsafe { std::slice::from_raw_parts_mut(self.lines.as_mut_ptr().cast(), self.bytes) }
    }

    /// The 8-byte words that lie in it, to be written.
    pub fn words_mut(&mut self) -> &mut [u64] {
        // SAFETY: as in `bytes_mut`; a line is aligned for words, and every bit pattern is one.
        unsafe { std::slice::from_raw_parts_mut(self.lines.as_mut_ptr().cast(), self.bytes / 8) }
    }

    /// Takes over elements, which must fill it.
    pub fn set(&mut self, array: &Buffer) {
        let bytes = array.len() * array.dtype().size();
        assert_eq!(bytes, self.bytes, "an array of {} into {self:?}", array.dtype().name());
        let to = self.bytes_mut();
        match array {
            Buffer::F32(v) => to.copy_from_slice(bytes_of(v)),
            Buffer::F64(v) => to.copy_from_slice(bytes_of(v)),
            Buffer::I32(v) => to.copy_from_slice(bytes_of(v)),
            Buffer::Bool(v) => to.copy_from_slice(bytes_of(v)),
        }
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

fn elements<T, const N: usize>(bytes: &[u8], of: impl Fn([u8; N]) -> T) -> Vec<T> {
    bytes.as_chunks::<N>().0.iter().map(|chunk| of(*chunk)).collect()
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
        let shapes = [vec![3], vec![2, 5], vec![0], vec![]];
        for shape in shapes {
            let count = shape.iter().product();
            let reals: Vec<f64> = (0..count).map(|v| v as f64 - 1.5).collect();
            for dtype in [DType::F32, DType::F64, DType::I32, DType::Bool] {
                let tensor = Tensor::from_f64s(dtype, shape.clone(), &reals);
                let mut block = Block::of(&tensor);
                assert_eq!(block.address() % LINE, 0);
                assert_eq!(block.tensor(&tensor.ty, 0), tensor);
            }
        }
    }
}
