//! Four blocks at once.

use super::{Blocks, by_blocks};
use std::arch::x86_64::*;

/// See [`super::PhiloxStrip`].
#[target_feature(enable = "avx2")]
pub(super) unsafe extern "C" fn strip(dst: *mut i32, n: usize, first: u64, key: u64, counter: u64) {
    // SAFETY: the caller has AVX2 and room for n words.
    unsafe { by_blocks::<Four>(dst, n, first, key, counter) }
}

#[derive(Clone, Copy)]
struct Four(__m256i);

impl Blocks for Four {
    const COUNT: u64 = 4;

    #[inline(always)]
    fn splat(word: u64) -> Four {
        // SAFETY: only called where AVX2 is (see `Blocks`).
        unsafe { Four(_mm256_set1_epi64x(word as i64)) }
    }

    #[inline(always)]
    fn numbers(first: u64) -> Four {
        // SAFETY: only called where AVX2 is (see `Blocks`).
        unsafe { Four(_mm256_add_epi64(_mm256_set1_epi64x(first as i64), _mm256_setr_epi64x(0, 1, 2, 3))) }
    }

    #[inline(always)]
    fn times(self, other: Four) -> Four {
        // SAFETY: only called where AVX2 is (see `Blocks`).
        unsafe { Four(_mm256_mul_epu32(self.0, other.0)) }
    }

    #[inline(always)]
    fn upper(self) -> Four {
        // SAFETY: only called where AVX2 is (see `Blocks`).
        unsafe { Four(_mm256_srli_epi64::<32>(self.0)) }
    }

    #[inline(always)]
    fn xor(self, other: Four) -> Four {
        // SAFETY: only called where AVX2 is (see `Blocks`).
        unsafe { Four(_mm256_xor_si256(self.0, other.0)) }
    }

    #[inline(always)]
    fn plus(self, other: Four) -> Four {
        // SAFETY: only called where AVX2 is (see `Blocks`).
        unsafe { Four(_mm256_add_epi64(self.0, other.0)) }
    }

    #[inline(always)]
    unsafe fn store(words: [Four; 4], to: *mut i32) {
        // SAFETY: only called where AVX2 is (see `Blocks`); the caller has room for 16 words.
        unsafe {
            let pair = |a: Four, b: Four| _mm256_blend_epi32::<0xaa>(a.0, _mm256_slli_epi64::<32>(b.0));
            let (low, high) = (pair(words[0], words[1]), pair(words[2], words[3]));
            let even = _mm256_unpacklo_epi64(low, high);
            let odd = _mm256_unpackhi_epi64(low, high);
            let to = to.cast::<__m256i>();
            _mm256_storeu_si256(to, _mm256_permute2x128_si256::<0x20>(even, odd));
            _mm256_storeu_si256(to.add(1), _mm256_permute2x128_si256::<0x31>(even, odd));
        }
    }
}
