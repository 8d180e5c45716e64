//! Random words for compiled code.

#[cfg(target_arch = "x86_64")]
mod avx2;
#[cfg(target_arch = "x86_64")]
mod avx512;
#[cfg(test)]
mod tests;

use super::isa::Isa;
use crate::random::philox::philox4x32_10;

/// Writes the words of the elements `first..first + n`, in row-major order, of a draw whose key is
/// `key[0] | key[1] << 32` and whose counter ends in the words turn and run, `turn | run << 32`
/// (see [`crate::ir::Op::RandomBits`]).
pub type PhiloxStrip = unsafe extern "C" fn(dst: *mut i32, n: usize, first: u64, key: u64, counter: u64);

/// The routine of an instruction set, which must be available.
pub(super) fn strip(isa: Isa) -> PhiloxStrip {
    match isa {
        #[cfg(target_arch = "x86_64")]
        Isa::Avx512 => avx512::strip,
        #[cfg(target_arch = "x86_64")]
        Isa::Avx2 => avx2::strip,
        #[cfg(not(target_arch = "x86_64"))]
        Isa::Avx512 | Isa::Avx2 => portable,
        // The multiplications of NEON are no faster than the scalar ones.
        Isa::Neon | Isa::Portable => portable,
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

/// Several blocks side by side, a word of each in the lower half of a 64-bit lane; the upper halves
/// hold anything. Its methods may only be called in functions that are compiled for its instruction
/// set, into which they are inlined.
#[cfg(target_arch = "x86_64")]
trait Blocks: Copy {
    /// How many blocks.
    const COUNT: u64;
    /// One word in all lanes.
    fn splat(word: u64) -> Self;
    /// The numbers of blocks from `first` on.
    fn numbers(first: u64) -> Self;
    /// The 64-bit products of the words.
    fn times(self, other: Self) -> Self;
    /// The upper half of each lane.
    fn upper(self) -> Self;
    /// The bits that one of them has.
    fn xor(self, other: Self) -> Self;
    /// The sum.
    fn plus(self, other: Self) -> Self;
    /// The four words of each block, one block after another.
    unsafe fn store(words: [Self; 4], to: *mut i32);
}

/// Ten rounds, as [`philox4x32_10`] has them, of `VECTORS` vectors of blocks: each round waits for the one before, so
/// several are under way.
#[cfg(target_arch = "x86_64")]
#[inline(always)]
unsafe fn store_blocks<B: Blocks, const VECTORS: usize>(to: *mut i32, first: u64, key: u64, counter: u64) {
    let multipliers = [0xd251_1f53, 0xcd9e_8d57].map(B::splat);
    let weyl = [0x9e37_79b9, 0xbb67_ae85].map(B::splat);
    let mut k = [key, key >> 32].map(B::splat);
    let mut all = [[B::splat(counter); 4]; VECTORS];
    for (nth, c) in all.iter_mut().enumerate() {
        let blocks = B::numbers(first + nth as u64 * B::COUNT);
        (c[0], c[1], c[3]) = (blocks, blocks.upper(), B::splat(counter >> 32));
    }
    for _ in 0..10 {
        for c in &mut all {
            let (p0, p1) = (c[0].times(multipliers[0]), c[2].times(multipliers[1]));
            *c = [p1.upper().xor(c[1]).xor(k[0]), p1, p0.upper().xor(c[3]).xor(k[1]), p0];
        }
        k = [k[0].plus(weyl[0]), k[1].plus(weyl[1])];
    }
    for (nth, c) in all.iter().enumerate() {
        // SAFETY: the caller has room for the blocks.
        unsafe { B::store(*c, to.wrapping_add(nth * 4 * B::COUNT as usize)) }
    }
}

/// Vectors of blocks that are under way together.
#[cfg(target_arch = "x86_64")]
const AT_ONCE: u64 = 2;

/// Words of as many vectors as are under way together, at most.
#[cfg(target_arch = "x86_64")]
const WORDS: usize = AT_ONCE as usize * 32;

/// Whole vectors of blocks; the last of them go aside first, of which what is meant is taken. Words before the first whole
/// block come one by one.
#[cfg(target_arch = "x86_64")]
#[inline(always)]
unsafe fn by_blocks<B: Blocks>(dst: *mut i32, n: usize, first: u64, key: u64, counter: u64) {
    const { assert!(AT_ONCE * 4 * B::COUNT <= WORDS as u64) };
    let end = first + n as u64;
    let at = |element: u64| dst.wrapping_add((element - first) as usize);
    let mut element = first.next_multiple_of(4).min(end);
    // SAFETY: all elements lie in `first..first + n`, for which the caller has room.
    unsafe {
        portable(dst, (element - first) as usize, first, key, counter);
        while end - element >= AT_ONCE * 4 * B::COUNT {
            store_blocks::<B, { AT_ONCE as usize }>(at(element), element / 4, key, counter);
            element += AT_ONCE * 4 * B::COUNT;
        }
        let left = end - element;
        let mut aside = [0; WORDS];
        match left {
            0 => return,
            _ if left > 4 * B::COUNT => {
                store_blocks::<B, { AT_ONCE as usize }>(aside.as_mut_ptr(), element / 4, key, counter);
            }
            _ => store_blocks::<B, 1>(aside.as_mut_ptr(), element / 4, key, counter),
        }
        std::ptr::copy_nonoverlapping(aside.as_ptr(), at(element), left as usize);
    }
}
