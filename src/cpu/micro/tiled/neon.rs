//! The products with 128-bit vectors of AArch64: 32 registers, of which a tile's sums take at most 24.

use super::register::Register;
use std::arch::aarch64::*;

products! {
    "neon", near 20 << 10;
    f32: float32x4_t, lanes [
        (1, 1), (2, 1), (4, 1), (5, 1), (6, 1), (8, 1), (12, 1), (20, 1),
        (1, 2), (2, 2), (4, 2), (6, 2), (8, 2), (12, 2),
        (1, 3), (2, 3), (4, 3), (6, 3), (8, 3), (1, 4), (2, 4), (4, 4), (5, 4), (6, 4), (1, 8), (2, 8),
    ], dot of 4 [
        (1, 1), (1, 2), (1, 3), (1, 4), (1, 5), (1, 6), (1, 8), (2, 1), (2, 2), (2, 3), (2, 4), (2, 5), (2, 6),
        (3, 1), (3, 2), (3, 3), (3, 4), (3, 5), (3, 6), (4, 1), (4, 2), (4, 3), (4, 4), (4, 5), (4, 6),
        (5, 1), (5, 2), (5, 3), (5, 4), (6, 1), (6, 2), (6, 3), (6, 4), (8, 1),
    ];
    f64: float64x2_t, lanes [
        (1, 1), (2, 1), (4, 1), (8, 1), (1, 2), (2, 2), (4, 2), (8, 2),
        (1, 4), (2, 4), (4, 4), (6, 4), (1, 8), (6, 1), (6, 2),
    ], dot of 8 [
        (1, 1), (1, 2), (1, 3), (1, 4), (1, 6), (2, 1), (2, 2), (2, 3), (2, 4), (2, 6), (3, 1), (3, 2), (3, 3), (3, 4),
        (4, 1), (4, 2), (4, 3), (4, 4), (6, 1), (6, 2),
    ];
}

// SAFETY of both: the trait's methods are only called on AArch64, on memory that the caller vouches
// for. There are no masked loads and stores: lanes go through a buffer.

impl Register for float32x4_t {
    type Element = f32;
    type Mask = usize;
    const LANES: usize = 4;

    #[inline(always)]
    unsafe fn zero() -> Self {
        // SAFETY: see above.
        unsafe { vdupq_n_f32(0.0) }
    }

    #[inline(always)]
    unsafe fn splat(value: f32) -> Self {
        // SAFETY: see above.
        unsafe { vdupq_n_f32(value) }
    }

    #[inline(always)]
    unsafe fn load(from: *const f32) -> Self {
        // SAFETY: see above.
        unsafe { vld1q_f32(from) }
    }

    #[inline(always)]
    unsafe fn store(self, to: *mut f32) {
        // SAFETY: see above.
        unsafe { vst1q_f32(to, self) }
    }

    #[inline(always)]
    unsafe fn first(count: usize) -> usize {
        count
    }

    #[inline(always)]
    unsafe fn load_masked(from: *const f32, count: usize) -> Self {
        let mut lanes = [0.0; 4];
        // SAFETY: see above.
        unsafe {
            for (i, lane) in lanes.iter_mut().enumerate().take(count) {
                *lane = *from.add(i);
            }
            vld1q_f32(lanes.as_ptr())
        }
    }

    #[inline(always)]
    unsafe fn store_masked(self, to: *mut f32, count: usize) {
        let mut lanes = [0.0; 4];
        // SAFETY: see above.
        unsafe {
            vst1q_f32(lanes.as_mut_ptr(), self);
            for (i, lane) in lanes.iter().enumerate().take(count) {
                *to.add(i) = *lane;
            }
        }
    }

    #[inline(always)]
    unsafe fn nonzeros(self) -> u64 {
        // SAFETY: see above.
        unsafe {
            let bits: [u32; 4] = [1, 2, 4, 8];
            let zeros = vceqzq_f32(self);
            vaddvq_u32(vbicq_u32(vld1q_u32(bits.as_ptr()), zeros)) as u64
        }
    }

    #[inline(always)]
    unsafe fn add(self, b: Self) -> Self {
        // SAFETY: see above.
        unsafe { vaddq_f32(self, b) }
    }

    #[inline(always)]
    unsafe fn times(self, b: Self) -> Self {
        // SAFETY: see above.
        unsafe { vmulq_f32(self, b) }
    }

    fn minus_one() -> f32 {
        -1.0
    }

    fn product(a: f32, b: f32) -> f32 {
        a * b
    }

    #[inline(always)]
    unsafe fn fma(self, b: Self, c: Self) -> Self {
        // SAFETY: see above.
        unsafe { vfmaq_f32(c, self, b) }
    }

    #[inline(always)]
    unsafe fn fma_masked(self, b: Self, c: Self, count: usize) -> Self {
        const INDEX: [u32; 4] = [0, 1, 2, 3];
        // SAFETY: see above.
        unsafe {
            let meant = vcltq_u32(vld1q_u32(INDEX.as_ptr()), vdupq_n_u32(count as u32));
            vbslq_f32(meant, vfmaq_f32(c, self, b), c)
        }
    }

    #[inline(always)]
    unsafe fn tree<const PARTS: usize>(parts: [Self; PARTS]) -> f32 {
        // SAFETY: see above.
        unsafe {
            let low = vaddq_f32(parts[0], parts[PARTS / 2]);
            let high = vaddq_f32(parts[1], parts[PARTS - 1]);
            let four = vaddq_f32(low, high);
            let two = vadd_f32(vget_low_f32(four), vget_high_f32(four));
            vget_lane_f32::<0>(two) + vget_lane_f32::<1>(two)
        }
    }

    #[inline(always)]
    fn plus(a: f32, b: f32) -> f32 {
        a + b
    }
}

impl Register for float64x2_t {
    type Element = f64;
    type Mask = usize;
    const LANES: usize = 2;

    #[inline(always)]
    unsafe fn zero() -> Self {
        // SAFETY: see above.
        unsafe { vdupq_n_f64(0.0) }
    }

    #[inline(always)]
    unsafe fn splat(value: f64) -> Self {
        // SAFETY: see above.
        unsafe { vdupq_n_f64(value) }
    }

    #[inline(always)]
    unsafe fn load(from: *const f64) -> Self {
        // SAFETY: see above.
        unsafe { vld1q_f64(from) }
    }

    #[inline(always)]
    unsafe fn store(self, to: *mut f64) {
        // SAFETY: see above.
        unsafe { vst1q_f64(to, self) }
    }

    #[inline(always)]
    unsafe fn first(count: usize) -> usize {
        count
    }

    #[inline(always)]
    unsafe fn load_masked(from: *const f64, count: usize) -> Self {
        let mut lanes = [0.0; 2];
        // SAFETY: see above.
        unsafe {
            for (i, lane) in lanes.iter_mut().enumerate().take(count) {
                *lane = *from.add(i);
            }
            vld1q_f64(lanes.as_ptr())
        }
    }

    #[inline(always)]
    unsafe fn store_masked(self, to: *mut f64, count: usize) {
        let mut lanes = [0.0; 2];
        // SAFETY: see above.
        unsafe {
            vst1q_f64(lanes.as_mut_ptr(), self);
            for (i, lane) in lanes.iter().enumerate().take(count) {
                *to.add(i) = *lane;
            }
        }
    }

    #[inline(always)]
    unsafe fn nonzeros(self) -> u64 {
        // SAFETY: see above.
        unsafe {
            let bits: [u64; 2] = [1, 2];
            let zeros = vceqzq_f64(self);
            vaddvq_u64(vbicq_u64(vld1q_u64(bits.as_ptr()), zeros)) as u64
        }
    }

    #[inline(always)]
    unsafe fn add(self, b: Self) -> Self {
        // SAFETY: see above.
        unsafe { vaddq_f64(self, b) }
    }

    #[inline(always)]
    unsafe fn times(self, b: Self) -> Self {
        // SAFETY: see above.
        unsafe { vmulq_f64(self, b) }
    }

    fn minus_one() -> f64 {
        -1.0
    }

    fn product(a: f64, b: f64) -> f64 {
        a * b
    }

    #[inline(always)]
    unsafe fn fma(self, b: Self, c: Self) -> Self {
        // SAFETY: see above.
        unsafe { vfmaq_f64(c, self, b) }
    }

    #[inline(always)]
    unsafe fn fma_masked(self, b: Self, c: Self, count: usize) -> Self {
        const INDEX: [u64; 2] = [0, 1];
        // SAFETY: see above.
        unsafe {
            let meant = vcltq_u64(vld1q_u64(INDEX.as_ptr()), vdupq_n_u64(count as u64));
            vbslq_f64(meant, vfmaq_f64(c, self, b), c)
        }
    }

    #[inline(always)]
    unsafe fn tree<const PARTS: usize>(parts: [Self; PARTS]) -> f64 {
        let mut parts = parts;
        // SAFETY: see above.
        unsafe {
            for half in [PARTS / 2, PARTS / 4, PARTS / 8] {
                for l in 0..half {
                    parts[l] = vaddq_f64(parts[l], parts[l + half]);
                }
            }
            vgetq_lane_f64::<0>(parts[0]) + vgetq_lane_f64::<1>(parts[0])
        }
    }

    #[inline(always)]
    fn plus(a: f64, b: f64) -> f64 {
        a + b
    }
}
