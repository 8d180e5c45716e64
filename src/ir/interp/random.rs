//! Random words.

use crate::ir::tensor::{Buffer, Tensor};
use crate::random::philox4x32_10;

/// `count` words of a key, in a run of a step and a turn of a scan.
pub fn bits(key: [u32; 2], run: &Tensor, turn: &Tensor, count: usize) -> Buffer {
    let [run, turn] = [run, turn].map(|word| word.elements::<i32>()[0] as u32);
    let block = |b: u64| philox4x32_10([b as u32, (b >> 32) as u32, turn, run], key);
    let words = (0..count.div_ceil(4) as u64).flat_map(block).map(|word| word as i32);
    Buffer::I32(words.take(count).collect())
}
