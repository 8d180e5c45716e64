//! Elementwise functions of whole strips of elements, and of one element, for compiled code to call.

#[cfg(any(target_arch = "x86_64", target_arch = "aarch64"))]
#[macro_use]
mod vectors;
#[cfg(target_arch = "x86_64")]
mod avx2;
#[cfg(target_arch = "x86_64")]
mod avx512;
#[cfg(target_arch = "aarch64")]
mod neon;
mod portable;
#[cfg(test)]
mod tests;

use super::isa::Isa;
use crate::ir::op::{Binary, Unary};

/// A function of `n` elements, from `src` to `dst`, which may be the same.
pub type UnaryStrip<T> = unsafe extern "C" fn(dst: *mut T, src: *const T, n: usize);

/// A function of `n` pairs of elements, from `a` and `b` to `dst`, which may be one of them.
pub type BinaryStrip<T> = unsafe extern "C" fn(dst: *mut T, a: *const T, b: *const T, n: usize);

/// A function of one element.
pub type UnaryCall<T> = unsafe extern "C" fn(T) -> T;

/// A function of a pair of elements.
pub type BinaryCall<T> = unsafe extern "C" fn(T, T) -> T;

/// A function as a strip and as a call.
#[derive(Clone, Copy, Debug)]
pub struct Function<T> {
    /// Of a strip.
    pub strip: UnaryStrip<T>,
    /// Of one element.
    pub call: UnaryCall<T>,
}

/// The functions of one element type that are not one IEEE operation.
#[derive(Clone, Copy, Debug)]
pub struct Functions<T> {
    exp: Function<T>,
    log: Function<T>,
    log1p: Function<T>,
    expm1: Function<T>,
    tanh: Function<T>,
    sigmoid: Function<T>,
    softplus: Function<T>,
    erf: Function<T>,
    sin: Function<T>,
    cos: Function<T>,
    pow_strip: BinaryStrip<T>,
    pow_call: BinaryCall<T>,
}

impl<T: Copy> Functions<T> {
    /// A function of one operand; none where it is a few instructions, which compiled code has in line.
    pub fn unary(&self, f: Unary) -> Option<Function<T>> {
        match f {
            Unary::Exp => Some(self.exp),
            Unary::Log => Some(self.log),
            Unary::Log1p => Some(self.log1p),
            Unary::Expm1 => Some(self.expm1),
            Unary::Tanh => Some(self.tanh),
            Unary::Sigmoid => Some(self.sigmoid),
            Unary::Softplus => Some(self.softplus),
            Unary::Erf => Some(self.erf),
            Unary::Sin => Some(self.sin),
            Unary::Cos => Some(self.cos),
            Unary::Neg
            | Unary::Abs
            | Unary::Sign
            | Unary::Sqrt
            | Unary::Relu
            | Unary::Floor
            | Unary::Round
            | Unary::Not => None,
        }
    }

    /// A function of two operands, as a strip and as a call; none where it is a few instructions.
    pub fn binary(&self, f: Binary) -> Option<(BinaryStrip<T>, BinaryCall<T>)> {
        match f {
            Binary::Pow => Some((self.pow_strip, self.pow_call)),
            Binary::Add
            | Binary::Sub
            | Binary::Mul
            | Binary::Div
            | Binary::FloorDiv
            | Binary::Mod
            | Binary::Max
            | Binary::Min
            | Binary::And
            | Binary::Or
            | Binary::ShiftRight
            | Binary::MulHigh => None,
        }
    }
}

/// The functions of f32. The instruction set must be available.
pub(super) fn functions_f32(isa: Isa) -> Functions<f32> {
    match isa {
        #[cfg(target_arch = "x86_64")]
        Isa::Avx512 => avx512::F32,
        #[cfg(target_arch = "x86_64")]
        Isa::Avx2 => avx2::F32,
        #[cfg(not(target_arch = "x86_64"))]
        Isa::Avx512 | Isa::Avx2 => portable::F32,
        #[cfg(target_arch = "aarch64")]
        Isa::Neon => neon::F32,
        #[cfg(not(target_arch = "aarch64"))]
        Isa::Neon => portable::F32,
        Isa::Portable => portable::F32,
    }
}

/// The functions of f64, which are the same everywhere.
pub(super) fn functions_f64() -> Functions<f64> {
    portable::F64
}
