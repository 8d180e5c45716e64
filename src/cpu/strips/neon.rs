//! Four elements at once, on AArch64.

use super::Functions;
use super::vectors::{self, Lanes, MOST_LANES};
use crate::math::vector::Vector;
use std::arch::aarch64::*;
use std::ops::{BitAnd, BitOr, Not};

/// The functions of f32.
pub(super) const F32: Functions<f32> = functions!(Four, "neon");

/// Four numbers.
#[derive(Clone, Copy)]
struct Four(float32x4_t);

/// Four truth values: all bits of a lane, or none.
#[derive(Clone, Copy)]
struct Mask(uint32x4_t);

arithmetic! {
    Four:
    Add::add = vaddq_f32,
    Sub::sub = vsubq_f32,
    Mul::mul = vmulq_f32,
    Div::div = vdivq_f32
}

impl BitAnd for Mask {
    type Output = Mask;

    #[inline(always)]
    fn bitand(self, other: Mask) -> Mask {
        // SAFETY: only called where NEON is (see `Lanes`).
        unsafe { Mask(vandq_u32(self.0, other.0)) }
    }
}

impl BitOr for Mask {
    type Output = Mask;

    #[inline(always)]
    fn bitor(self, other: Mask) -> Mask {
        // SAFETY: only called where NEON is (see `Lanes`).
        unsafe { Mask(vorrq_u32(self.0, other.0)) }
    }
}

impl Not for Mask {
    type Output = Mask;

    #[inline(always)]
    fn not(self) -> Mask {
        // SAFETY: only called where NEON is (see `Lanes`).
        unsafe { Mask(vmvnq_u32(self.0)) }
    }
}

impl Four {
    #[inline(always)]
    fn bits(self) -> uint32x4_t {
        // SAFETY: only called where NEON is (see `Lanes`).
        unsafe { vreinterpretq_u32_f32(self.0) }
    }

    #[inline(always)]
    fn from(bits: uint32x4_t) -> Four {
        // SAFETY: only called where NEON is (see `Lanes`).
        unsafe { Four(vreinterpretq_f32_u32(bits)) }
    }
}

impl Lanes for Four {
    const LANES: usize = 4;

    #[inline(always)]
    unsafe fn load(from: *const f32) -> Four {
        // SAFETY: the caller has four elements there, and NEON.
        unsafe { Four(vld1q_f32(from)) }
    }

    #[inline(always)]
    unsafe fn store(self, to: *mut f32) {
        // SAFETY: the caller has room for four elements there, and NEON.
        unsafe { vst1q_f32(to, self.0) }
    }
}

impl Vector for Four {
    type Mask = Mask;

    #[inline(always)]
    fn splat(value: f32) -> Four {
        // SAFETY: only called where NEON is (see `Lanes`).
        unsafe { Four(vdupq_n_f32(value)) }
    }

    #[inline(always)]
    fn of_bits(bits: u32) -> Four {
        Four::splat(f32::from_bits(bits))
    }

    #[inline(always)]
    fn fma(self, b: Four, c: Four) -> Four {
        // SAFETY: only called where NEON is (see `Lanes`).
        unsafe { Four(vfmaq_f32(c.0, self.0, b.0)) }
    }

    #[inline(always)]
    fn abs(self) -> Four {
        self.bits_and(Four::of_bits(0x7fff_ffff))
    }

    #[inline(always)]
    fn floor(self) -> Four {
        // SAFETY: only called where NEON is (see `Lanes`).
        unsafe { Four(vrndmq_f32(self.0)) }
    }

    #[inline(always)]
    fn bits_add(self, other: Four) -> Four {
        // SAFETY: only called where NEON is (see `Lanes`).
        unsafe { Four::from(vaddq_u32(self.bits(), other.bits())) }
    }

    #[inline(always)]
    fn bits_sub(self, other: Four) -> Four {
        // SAFETY: only called where NEON is (see `Lanes`).
        unsafe { Four::from(vsubq_u32(self.bits(), other.bits())) }
    }

    #[inline(always)]
    fn bits_and(self, other: Four) -> Four {
        // SAFETY: only called where NEON is (see `Lanes`).
        unsafe { Four::from(vandq_u32(self.bits(), other.bits())) }
    }

    #[inline(always)]
    fn bits_xor(self, other: Four) -> Four {
        // SAFETY: only called where NEON is (see `Lanes`).
        unsafe { Four::from(veorq_u32(self.bits(), other.bits())) }
    }

    #[inline(always)]
    fn shift_left<const N: u32>(self) -> Four {
        // SAFETY: only called where NEON is (see `Lanes`).
        unsafe { Four::from(vshlq_u32(self.bits(), vdupq_n_s32(N as i32))) }
    }

    #[inline(always)]
    fn shift_right<const N: u32>(self) -> Four {
        // SAFETY: only called where NEON is (see `Lanes`).
        unsafe {
            let bits = vreinterpretq_s32_u32(self.bits());
            Four::from(vreinterpretq_u32_s32(vshlq_s32(bits, vdupq_n_s32(-(N as i32)))))
        }
    }

    #[inline(always)]
    fn lt(self, other: Four) -> Mask {
        // SAFETY: only called where NEON is (see `Lanes`).
        unsafe { Mask(vcltq_f32(self.0, other.0)) }
    }

    #[inline(always)]
    fn eq(self, other: Four) -> Mask {
        // SAFETY: only called where NEON is (see `Lanes`).
        unsafe { Mask(vceqq_f32(self.0, other.0)) }
    }

    #[inline(always)]
    fn sign(self) -> Mask {
        // SAFETY: only called where NEON is (see `Lanes`).
        unsafe { Mask(vcltzq_s32(vreinterpretq_s32_u32(self.bits()))) }
    }

    #[inline(always)]
    fn select(mask: Mask, a: Four, b: Four) -> Four {
        // SAFETY: only called where NEON is (see `Lanes`).
        unsafe { Four(vbslq_f32(mask.0, a.0, b.0)) }
    }

    #[inline(always)]
    fn patch(self, mask: Mask, x: Four, f: fn(f32) -> f32) -> Four {
        // SAFETY: only called where NEON is (see `Lanes`); the buffers hold four elements.
        unsafe {
            if vmaxvq_u32(mask.0) == 0 {
                return self;
            }
            const BITS: [u32; 4] = [1, 2, 4, 8];
            let lanes = vaddvq_u32(vandq_u32(mask.0, vld1q_u32(BITS.as_ptr())));
            let mut buffers = [[0.0; MOST_LANES]; 2];
            self.store(buffers[0].as_mut_ptr());
            x.store(buffers[1].as_mut_ptr());
            Four::load(vectors::patched(buffers[0], lanes, buffers[1], f).as_ptr())
        }
    }
}
