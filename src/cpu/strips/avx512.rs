//! Sixteen elements at once.

use super::Functions;
use super::vectors::{self, Lanes, MOST_LANES};
use crate::math::vector::Vector;
use std::arch::x86_64::*;

/// The functions of f32.
pub(super) const F32: Functions<f32> = functions!(Sixteen, "avx512f,avx512vl");

/// Sixteen numbers.
#[derive(Clone, Copy)]
struct Sixteen(__m512);

arithmetic! {
    Sixteen:
    Add::add = _mm512_add_ps,
    Sub::sub = _mm512_sub_ps,
    Mul::mul = _mm512_mul_ps,
    Div::div = _mm512_div_ps
}

impl Sixteen {
    #[inline(always)]
    fn bits(self) -> __m512i {
        // SAFETY: only called where AVX-512F is (see `Lanes`).
        unsafe { _mm512_castps_si512(self.0) }
    }

    #[inline(always)]
    fn from(bits: __m512i) -> Sixteen {
        // SAFETY: only called where AVX-512F is (see `Lanes`).
        unsafe { Sixteen(_mm512_castsi512_ps(bits)) }
    }
}

impl Lanes for Sixteen {
    const LANES: usize = 16;

    #[inline(always)]
    unsafe fn load(from: *const f32) -> Sixteen {
        // SAFETY: the caller has sixteen elements there, and AVX-512F.
        unsafe { Sixteen(_mm512_loadu_ps(from)) }
    }

    #[inline(always)]
    unsafe fn store(self, to: *mut f32) {
        // SAFETY: the caller has room for sixteen elements there, and AVX-512F.
        unsafe { _mm512_storeu_ps(to, self.0) }
    }
}

impl Vector for Sixteen {
    type Mask = __mmask16;

    #[inline(always)]
    fn splat(value: f32) -> Sixteen {
        // SAFETY: only called where AVX-512F is (see `Lanes`).
        unsafe { Sixteen(_mm512_set1_ps(value)) }
    }

    #[inline(always)]
    fn of_bits(bits: u32) -> Sixteen {
        Sixteen::splat(f32::from_bits(bits))
    }

    #[inline(always)]
    fn fma(self, b: Sixteen, c: Sixteen) -> Sixteen {
        // SAFETY: only called where AVX-512F is (see `Lanes`).
        unsafe { Sixteen(_mm512_fmadd_ps(self.0, b.0, c.0)) }
    }

    #[inline(always)]
    fn abs(self) -> Sixteen {
        self.bits_and(Sixteen::of_bits(0x7fff_ffff))
    }

    #[inline(always)]
    fn floor(self) -> Sixteen {
        // SAFETY: only called where AVX-512F is (see `Lanes`).
        unsafe { Sixteen(_mm512_roundscale_ps::<{ _MM_FROUND_TO_NEG_INF | _MM_FROUND_NO_EXC }>(self.0)) }
    }

    #[inline(always)]
    fn bits_add(self, other: Sixteen) -> Sixteen {
        // SAFETY: only called where AVX-512F is (see `Lanes`).
        unsafe { Sixteen::from(_mm512_add_epi32(self.bits(), other.bits())) }
    }

    #[inline(always)]
    fn bits_sub(self, other: Sixteen) -> Sixteen {
        // SAFETY: only called where AVX-512F is (see `Lanes`).
        unsafe { Sixteen::from(_mm512_sub_epi32(self.bits(), other.bits())) }
    }

    #[inline(always)]
    fn bits_and(self, other: Sixteen) -> Sixteen {
        // SAFETY: only called where AVX-512F is (see `Lanes`).
        unsafe { Sixteen::from(_mm512_and_si512(self.bits(), other.bits())) }
    }

    #[inline(always)]
    fn bits_xor(self, other: Sixteen) -> Sixteen {
        // SAFETY: only called where AVX-512F is (see `Lanes`).
        unsafe { Sixteen::from(_mm512_xor_si512(self.bits(), other.bits())) }
    }

    #[inline(always)]
    fn shift_left<const N: u32>(self) -> Sixteen {
        // SAFETY: only called where AVX-512F is (see `Lanes`).
        unsafe { Sixteen::from(_mm512_sll_epi32(self.bits(), _mm_cvtsi32_si128(N as i32))) }
    }

    #[inline(always)]
    fn shift_right<const N: u32>(self) -> Sixteen {
        // SAFETY: only called where AVX-512F is (see `Lanes`).
        unsafe { Sixteen::from(_mm512_sra_epi32(self.bits(), _mm_cvtsi32_si128(N as i32))) }
    }

    #[inline(always)]
    fn lt(self, other: Sixteen) -> __mmask16 {
        // SAFETY: only called where AVX-512F is (see `Lanes`).
        unsafe { _mm512_cmp_ps_mask::<_CMP_LT_OQ>(self.0, other.0) }
    }

    #[inline(always)]
    fn eq(self, other: Sixteen) -> __mmask16 {
        // SAFETY: only called where AVX-512F is (see `Lanes`).
        unsafe { _mm512_cmp_ps_mask::<_CMP_EQ_OQ>(self.0, other.0) }
    }

    #[inline(always)]
    fn sign(self) -> __mmask16 {
        // SAFETY: only called where AVX-512F is (see `Lanes`).
        unsafe { _mm512_cmplt_epi32_mask(self.bits(), _mm512_setzero_si512()) }
    }

    #[inline(always)]
    fn select(mask: __mmask16, a: Sixteen, b: Sixteen) -> Sixteen {
        // SAFETY: only called where AVX-512F is (see `Lanes`).
        unsafe { Sixteen(_mm512_mask_blend_ps(mask, b.0, a.0)) }
    }

    #[inline(always)]
    fn patch(self, mask: __mmask16, x: Sixteen, f: fn(f32) -> f32) -> Sixteen {
        // SAFETY: only called where AVX-512F is (see `Lanes`); the buffers hold sixteen elements.
        unsafe {
            if mask == 0 {
                return self;
            }
            let mut buffers = [[0.0; MOST_LANES]; 2];
            self.store(buffers[0].as_mut_ptr());
            x.store(buffers[1].as_mut_ptr());
            Sixteen::load(vectors::patched(buffers[0], mask.into(), buffers[1], f).as_ptr())
        }
    }
}
