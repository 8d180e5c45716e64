//! Eight blocks at once.

use super::{Blocks, by_blocks};
use std::arch::x86_64::*;

/// See [`super::PhiloxStrip`].
#[target_feature(enable = "avx512f,avx512vl")]
pub(super) unsafe extern "C" fn strip(dst: *mut i32, n: usize, first: u64, key: u64, counter: u64) {
    // SAFETY: the caller has AVX-512F and room for n words.
    unsafe { by_blocks::<Eight>(dst, n, first, key, counter) }
}

#[derive(Clone, Copy)]
struct Eight(__m512i);

impl Blocks for Eight {
    const COUNT: u64 = 8;

    #[inline(always)]
    fn splat(word: u64) -> Eight {
        // SAFETY: only called where AVX-512F is (see `Blocks`).
        unsafe { Eight(_mm512_set1_epi64(word as i64)) }
    }

    #[inline(always)]
    fn numbers(first: u64) -> Eight {
        // SAFETY: only called where AVX-512F is (see `Blocks`).
        unsafe {
            let from = _mm512_setr_epi64(0, 1, 2, 3, 4, 5, 6, 7);
            Eight(_mm512_add_epi64(_mm512_set1_epi64(first as i64), from))
        }
    }

    #[inline(always)]
    fn times(self, other: Eight) -> Eight {
        // SAFETY: only called where AVX-512F is (see `Blocks`).
        unsafe { Eight(_mm512_mul_epu32(self.0, other.0)) }
    }

    #[inline(always)]
    fn upper(self) -> Eight {
        // SAFETY: only called where AVX-512F is (see `Blocks`).
        unsafe { Eight(_mm512_srli_epi64::<32>(self.0)) }
    }

    #[inline(always)]
    fn xor(self, other: Eight) -> Eight {
        // SAFETY: only called where AVX-512F is (see `Blocks`).
        unsafe { Eight(_mm512_xor_si512(self.0, other.0)) }
    }

    #[inline(always)]
    fn plus(self, other: Eight) -> Eight {
        // SAFETY: only called where AVX-512F is (see `Blocks`).
        unsafe { Eight(_mm512_add_epi64(self.0, other.0)) }
    }

    #[inline(always)]
    unsafe fn store(words: [Eight; 4], to: *mut i32) {
        // SAFETY: only called where AVX-512F is (see `Blocks`); the caller has room for 32 words.
        unsafe {
            let pair =
                |a: Eight, b: Eight| _mm512_mask_blend_epi32(0xaaaa, a.0, _mm512_slli_epi64::<32>(b.0));
            let (low, high) = (pair(words[0], words[1]), pair(words[2], words[3]));
            let first = _mm512_setr_epi64(0, 8, 1, 9, 2, 10, 3, 11);
            let second = _mm512_setr_epi64(4, 12, 5, 13, 6, 14, 7, 15);
            let to = to.cast::<__m512i>();
            _mm512_storeu_si512(to, _mm512_permutex2var_epi64(low, first, high));
            _mm512_storeu_si512(to.add(1), _mm512_permutex2var_epi64(low, second, high));
        }
    }
}
