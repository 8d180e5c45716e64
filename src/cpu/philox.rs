//! Random words for compiled code.

use super::isa::Isa;
use crate::random::philox4x32_10;

/// Writes the words of the elements `first..first + n`, in row-major order, of a draw whose key is
/// `key[0] | key[1] << 32` and whose counter ends in the words turn and run, `turn | run << 32`
/// (see [`crate::ir::Op::RandomBits`]).
pub type PhiloxStrip = unsafe extern "C" fn(dst: *mut i32, n: usize, first: u64, key: u64, counter: u64);

/// The routine of an instruction set, which must be available.
pub(super) fn strip(isa: Isa) -> PhiloxStrip {
    match isa {
        Isa::Avx512 | Isa::Avx2 | Isa::Neon | Isa::Portable => portable,
    }
}

unsafe extern "C" fn portable(dst: *mut i32, n: usize, first: u64, key: u64, counter: u64) {
    let end = first + n as u64;
    for block in first / 4..end.div_ceil(4) {
        let words = block_words(block, key, counter);
        for (element, word) in (4 * block..).zip(words) {
            if (first..end).contains(&element) {
                // SAFETY: the element is one of the caller's n.
                unsafe { *dst.add((element - first) as usize) = word as i32 };
            }
        }
    }
}

/// The four words of a block.
fn block_words(block: u64, key: u64, counter: u64) -> [u32; 4] {
    let halves = |word: u64| [word as u32, (word >> 32) as u32];
    let ([low, high], [turn, run]) = (halves(block), halves(counter));
    philox4x32_10([low, high, turn, run], halves(key))
}
