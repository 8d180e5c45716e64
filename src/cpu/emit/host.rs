//! What compiled code calls that is neither a micro-kernel nor a strip: one scalar at a time.

use crate::cpu::team::Barrier;
use crate::ir::op::Binary;
use crate::math;

/// The greatest whole number not above `x`.
pub(super) extern "C" fn floor_f32(x: f32) -> f32 {
    x.floor()
}

/// The greatest whole number not above `x`.
pub(super) extern "C" fn floor_f64(x: f64) -> f64 {
    x.floor()
}

/// The nearest whole number, half to even.
pub(super) extern "C" fn round_f32(x: f32) -> f32 {
    x.round_ties_even()
}

/// The nearest whole number, half to even.
pub(super) extern "C" fn round_f64(x: f64) -> f64 {
    x.round_ties_even()
}

/// `floor(a / b)`, or 0 where b is.
pub(super) extern "C" fn floor_div(a: i32, b: i32) -> i32 {
    math::binary_i32(Binary::FloorDiv, a, b)
}

/// `a - b * floor(a / b)`, or 0 where b is.
pub(super) extern "C" fn modulo(a: i32, b: i32) -> i32 {
    math::binary_i32(Binary::Mod, a, b)
}

/// `a` to the power `b`, or 0 where b is negative.
pub(super) extern "C" fn power(a: i32, b: i32) -> i32 {
    math::binary_i32(Binary::Pow, a, b)
}

/// Waits for the team, and says whether a fault stands: the same for all threads.
///
/// # Safety
///
/// The pointer is that of a live barrier, and all threads of its team come to it.
pub(super) unsafe extern "C" fn barrier(barrier: *const Barrier) -> u32 {
    // SAFETY: the caller's promise.
    let barrier = unsafe { &*barrier };
    u32::from(barrier.wait())
}
