//! How a formula goes over a strip: whole vectors, and the rest in one that is filled up.

use crate::math::vector::Vector;

/// The most lanes a vector has.
pub(super) const MOST_LANES: usize = 16;

/// A vector that comes from memory. Its methods, and those of [`Vector`], may only be called in
/// functions that are compiled for its instruction set, into which they are inlined.
pub(super) trait Lanes: Vector {
    /// How many lanes.
    const LANES: usize;
    /// The lanes in memory.
    unsafe fn load(from: *const f32) -> Self;
    /// To memory.
    unsafe fn store(self, to: *mut f32);
}

/// A formula of one operand. A type and not a closure, which would be compiled by itself, without the
/// instruction set.
pub(super) trait Unary {
    /// Its value.
    fn of<V: Vector>(x: V) -> V;
}

/// A formula of two operands.
pub(super) trait Binary {
    /// Its value.
    fn of<V: Vector>(a: V, b: V) -> V;
}

/// `dst[i] = f(src[i])` for i below n.
#[inline(always)]
pub(super) unsafe fn unary<V: Lanes, F: Unary>(dst: *mut f32, src: *const f32, n: usize) {
    let mut i = 0;
    // SAFETY: the caller has n elements on both sides; the buffer holds a vector.
    unsafe {
        if n >= V::LANES && !n.is_multiple_of(V::LANES) {
            // The last whole vector overlaps the one before it, which may be written over what it is made of.
            let from = n - V::LANES;
            let last = F::of(V::load(src.add(from)));
            while i < from {
                F::of(V::load(src.add(i))).store(dst.add(i));
                i += V::LANES;
            }
            return last.store(dst.add(from));
        }
        while i + V::LANES <= n {
            F::of(V::load(src.add(i))).store(dst.add(i));
            i += V::LANES;
        }
        if i < n {
            let mut rest = [0.0; MOST_LANES];
            std::ptr::copy_nonoverlapping(src.add(i), rest.as_mut_ptr(), n - i);
            F::of(V::load(rest.as_ptr())).store(rest.as_mut_ptr());
            std::ptr::copy_nonoverlapping(rest.as_ptr(), dst.add(i), n - i);
        }
    }
}

/// `dst[i] = f(a[i], b[i])` for i below n.
#[inline(always)]
pub(super) unsafe fn binary<V: Lanes, F: Binary>(dst: *mut f32, a: *const f32, b: *const f32, n: usize) {
    let mut i = 0;
    // SAFETY: the caller has n elements in each; the buffers hold a vector.
    unsafe {
        while i + V::LANES <= n {
            F::of(V::load(a.add(i)), V::load(b.add(i))).store(dst.add(i));
            i += V::LANES;
        }
        if i < n {
            let mut rest = [[0.0; MOST_LANES]; 2];
            std::ptr::copy_nonoverlapping(a.add(i), rest[0].as_mut_ptr(), n - i);
            std::ptr::copy_nonoverlapping(b.add(i), rest[1].as_mut_ptr(), n - i);
            F::of(V::load(rest[0].as_ptr()), V::load(rest[1].as_ptr())).store(rest[0].as_mut_ptr());
            std::ptr::copy_nonoverlapping(rest[0].as_ptr(), dst.add(i), n - i);
        }
    }
}

/// `f` of the lanes of `x` that `mask` (a bit a lane) has, `value` elsewhere.
#[cold]
#[inline(never)]
pub(super) fn patched(
    mut value: [f32; MOST_LANES],
    mask: u32,
    x: [f32; MOST_LANES],
    f: fn(f32) -> f32,
) -> [f32; MOST_LANES] {
    for (lane, (value, x)) in value.iter_mut().zip(x).enumerate() {
        if mask >> lane & 1 == 1 {
            *value = f(x);
        }
    }
    value
}

/// The functions over a vector type, compiled with the features of its instruction set.
macro_rules! functions {
    ($v:ty, $features:literal, $($f:ident),*) => {
        $crate::cpu::strips::Functions {
            $($f: {
                struct Formula;

                impl $crate::cpu::strips::vectors::Unary for Formula {
                    #[inline(always)]
                    fn of<V: $crate::math::vector::Vector>(x: V) -> V {
                        $crate::math::single::$f(x)
                    }
                }

                #[target_feature(enable = $features)]
                unsafe extern "C" fn strip(dst: *mut f32, src: *const f32, n: usize) {
                    // SAFETY: the caller has the instruction set, and n elements on both sides.
                    unsafe { $crate::cpu::strips::vectors::unary::<$v, Formula>(dst, src, n) }
                }

                #[target_feature(enable = $features)]
                unsafe extern "C" fn call(x: f32) -> f32 {
                    $crate::math::single::$f(x)
                }

                $crate::cpu::strips::Function { strip, call }
            },)*
            pow_strip: {
                struct Formula;

                impl $crate::cpu::strips::vectors::Binary for Formula {
                    #[inline(always)]
                    fn of<V: $crate::math::vector::Vector>(a: V, b: V) -> V {
                        $crate::math::single::pow(a, b)
                    }
                }

                #[target_feature(enable = $features)]
                unsafe extern "C" fn strip(dst: *mut f32, a: *const f32, b: *const f32, n: usize) {
                    // SAFETY: the caller has the instruction set, and n elements in each.
                    unsafe { $crate::cpu::strips::vectors::binary::<$v, Formula>(dst, a, b, n) }
                }
                strip
            },
            pow_call: {
                #[target_feature(enable = $features)]
                unsafe extern "C" fn call(a: f32, b: f32) -> f32 {
                    $crate::math::single::pow(a, b)
                }
                call
            },
        }
    };
    ($v:ty, $features:literal) => {
        functions!($v, $features, exp, log, log1p, expm1, tanh, sigmoid, softplus, erf, sin, cos)
    };
}

/// Arithmetic of a vector type by its instructions.
macro_rules! arithmetic {
    ($v:ident: $($op:ident::$method:ident = $instruction:path),*) => {
        $(impl std::ops::$op for $v {
            type Output = $v;

            #[inline(always)]
            fn $method(self, other: $v) -> $v {
                // SAFETY: only called where the instruction set is (see `Lanes`).
                unsafe { $v($instruction(self.0, other.0)) }
            }
        })*
    };
}
