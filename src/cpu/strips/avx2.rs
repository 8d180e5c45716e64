//! Eight elements at once.

use super::Functions;
use super::vectors::{self, Lanes, MOST_LANES};
use crate::math::vector::Vector;
use std::arch::x86_64::*;
use std::ops::{BitAnd, BitOr, Not};

/// The functions of f32.
pub(super) const F32: Functions<f32> = functions!(Eight, "avx2,fma");

/// Eight numbers.
#[derive(Clone, Copy)]
struct Eight(__m256);

/// Eight truth values: all bits of a lane, or none.
#[derive(Clone, Copy)]
struct Mask(__m256);

arithmetic! {
    Eight:
    Add::add = _mm256_add_ps,
    Sub::sub = _mm256_sub_ps,
    Mul::mul = _mm256_mul_ps,
    Div::div = _mm256_div_ps
}

impl BitAnd for Mask {
    type Output = Mask;

    #[inline(always)]
    fn bitand(self, other: Mask) -> Mask {
        // SAFETY: only called where AVX2 is (see `Lanes`).
        unsafe { Mask(_mm256_and_ps(self.0, other.0)) }
    }
}

impl BitOr for Mask {
    type Output = Mask;

    #[inline(always)]
    fn bitor(self, other: Mask) -> Mask {
        // SAFETY: only called where AVX2 is (see `Lanes`).
        unsafe { Mask(_mm256_or_ps(self.0, other.0)) }
    }
}

impl Not for Mask {
    type Output = Mask;

    #[inline(always)]
    fn not(self) -> Mask {
        // SAFETY: only called where AVX2 is (see `Lanes`).
        unsafe { Mask(_mm256_xor_ps(self.0, _mm256_castsi256_ps(_mm256_set1_epi32(-1)))) }
    }
}

impl Eight {
    #[inline(always)]
    fn bits(self) -> __m256i {
        // SAFETY: only called where AVX2 is (see `Lanes`).
        unsafe { _mm256_castps_si256(self.0) }
    }

    #[inline(always)]
    fn from(bits: __m256i) -> Eight {
        // SAFETY: only called where AVX2 is (see `Lanes`).
        unsafe { Eight(_mm256_castsi256_ps(bits)) }
    }
}

impl Lanes for Eight {
    const LANES: usize = 8;

    #[inline(always)]
    unsafe fn load(from: *const f32) -> Eight {
        // SAFETY: the caller has eight elements there, and AVX2.
        unsafe { Eight(_mm256_loadu_ps(from)) }
    }

    #[inline(always)]
    unsafe fn store(self, to: *mut f32) {
        // SAFETY: the caller has room for eight elements there, and AVX2.
        unsafe { _mm256_storeu_ps(to, self.0) }
    }
}

impl Vector for Eight {
    type Mask = Mask;

    #[inline(always)]
    fn splat(value: f32) -> Eight {
        // SAFETY: only called where AVX2 is (see `Lanes`).
        unsafe { Eight(_mm256_set1_ps(value)) }
    }

    #[inline(always)]
    fn of_bits(bits: u32) -> Eight {
        Eight::splat(f32::from_bits(bits))
    }

    #[inline(always)]
    fn fma(self, b: Eight, c: Eight) -> Eight {
        // SAFETY: only called where AVX2 and FMA are (see `Lanes`).
        unsafe { Eight(_mm256_fmadd_ps(self.0, b.0, c.0)) }
    }

    #[inline(always)]
    fn abs(self) -> Eight {
        self.bits_and(Eight::of_bits(0x7fff_ffff))
    }

    #[inline(always)]
    fn floor(self) -> Eight {
        // SAFETY: only called where AVX2 is (see `Lanes`).
        unsafe { Eight(_mm256_floor_ps(self.0)) }
    }

    #[inline(always)]
    fn bits_add(self, other: Eight) -> Eight {
        // SAFETY: only called where AVX2 is (see `Lanes`).
        unsafe { Eight::from(_mm256_add_epi32(self.bits(), other.bits())) }
    }

    #[inline(always)]
    fn bits_sub(self, other: Eight) -> Eight {
        // SAFETY: only called where AVX2 is (see `Lanes`).
        unsafe { Eight::from(_mm256_sub_epi32(self.bits(), other.bits())) }
    }

    #[inline(always)]
    fn bits_and(self, other: Eight) -> Eight {
        // SAFETY: only called where AVX2 is (see `Lanes`).
        unsafe { Eight(_mm256_and_ps(self.0, other.0)) }
    }

    #[inline(always)]
    fn bits_xor(self, other: Eight) -> Eight {
        // SAFETY: only called where AVX2 is (see `Lanes`).
        unsafe { Eight(_mm256_xor_ps(self.0, other.0)) }
    }

    #[inline(always)]
    fn shift_left<const N: u32>(self) -> Eight {
        // SAFETY: only called where AVX2 is (see `Lanes`).
        unsafe { Eight::from(_mm256_sll_epi32(self.bits(), _mm_cvtsi32_si128(N as i32))) }
    }

    #[inline(always)]
    fn shift_right<const N: u32>(self) -> Eight {
        // SAFETY: only called where AVX2 is (see `Lanes`).
        unsafe { Eight::from(_mm256_sra_epi32(self.bits(), _mm_cvtsi32_si128(N as i32))) }
    }

    #[inline(always)]
    fn lt(self, other: Eight) -> Mask {
        // SAFETY: only called where AVX2 is (see `Lanes`).
        unsafe { Mask(_mm256_cmp_ps::<_CMP_LT_OQ>(self.0, other.0)) }
    }

    #[inline(always)]
    fn eq(self, other: Eight) -> Mask {
        // SAFETY: only called where AVX2 is (see `Lanes`).
        unsafe { Mask(_mm256_cmp_ps::<_CMP_EQ_OQ>(self.0, other.0)) }
    }

    #[inline(always)]
    fn sign(self) -> Mask {
        // SAFETY: only called where AVX2 is (see `Lanes`).
        unsafe { Mask(_mm256_castsi256_ps(_mm256_srai_epi32::<31>(self.bits()))) }
    }

    #[inline(always)]
    fn select(mask: Mask, a: Eight, b: Eight) -> Eight {
        // SAFETY: only called where AVX2 is (see `Lanes`).
        unsafe { Eight(_mm256_blendv_ps(b.0, a.0, mask.0)) }
    }

    #[inline(always)]
    fn patch(self, mask: Mask, x: Eight, f: fn(f32) -> f32) -> Eight {
        // SAFETY: only called where AVX2 is (see `Lanes`); the buffers hold eight elements.
        unsafe {
            let lanes = _mm256_movemask_ps(mask.0) as u32;
            if lanes == 0 {
                return self;
            }
            let mut buffers = [[0.0; MOST_LANES]; 2];
            self.store(buffers[0].as_mut_ptr());
            x.store(buffers[1].as_mut_ptr());
            Eight::load(vectors::patched(buffers[0], lanes, buffers[1], f).as_ptr())
        }
    }
}
