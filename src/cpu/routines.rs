//! What there is for an instruction set, as addresses that compiled code calls.

use super::isa::Isa;
use super::micro::{self, Products};
use super::philox::{self, PhiloxStrip};
use super::strips::{self, Functions};
use crate::ir::op::{Binary, Unary};
use crate::ir::types::DType;

/// The routines of an instruction set.
#[derive(Clone, Copy, Debug)]
pub struct Routines {
    /// Which it is.
    pub isa: Isa,
    /// Products in f32.
    pub products_f32: Products<f32>,
    /// Products in f64.
    pub products_f64: Products<f64>,
    /// Elementwise functions in f32.
    pub functions_f32: Functions<f32>,
    /// Elementwise functions in f64.
    pub functions_f64: Functions<f64>,
    /// Random words.
    pub philox: PhiloxStrip,
}

impl Routines {
    /// Those of an instruction set. Panics where the machine lacks it.
    pub fn of(isa: Isa) -> Routines {
        assert!(isa.available(), "this machine has no {}", isa.name());
        Routines {
            isa,
            products_f32: micro::products_f32(isa),
            products_f64: micro::products_f64(isa),
            functions_f32: strips::functions_f32(isa),
            functions_f64: strips::functions_f64(),
            philox: philox::strip(isa),
        }
    }

    /// Where the strip of a function of one operand lies ([`strips::UnaryStrip`]); none where compiled
    /// code has the function in line.
    pub fn unary_strip(&self, f: Unary, dtype: DType) -> Option<*const u8> {
        match dtype {
            DType::F32 => self.functions_f32.unary(f).map(|f| f.strip as *const u8),
            DType::F64 => self.functions_f64.unary(f).map(|f| f.strip as *const u8),
            DType::I32 | DType::Bool => None,
        }
    }

    /// The same of one element ([`strips::UnaryCall`]).
    pub fn unary_call(&self, f: Unary, dtype: DType) -> Option<*const u8> {
        match dtype {
            DType::F32 => self.functions_f32.unary(f).map(|f| f.call as *const u8),
            DType::F64 => self.functions_f64.unary(f).map(|f| f.call as *const u8),
            DType::I32 | DType::Bool => None,
        }
    }

    /// Where the strip of a function of two operands lies ([`strips::BinaryStrip`]); none where compiled
    /// code has the function in line.
    pub fn binary_strip(&self, f: Binary, dtype: DType) -> Option<*const u8> {
        match dtype {
            DType::F32 => self.functions_f32.binary(f).map(|(strip, _)| strip as *const u8),
            DType::F64 => self.functions_f64.binary(f).map(|(strip, _)| strip as *const u8),
            DType::I32 | DType::Bool => None,
        }
    }

    /// The same of one pair of elements ([`strips::BinaryCall`]).
    pub fn binary_call(&self, f: Binary, dtype: DType) -> Option<*const u8> {
        match dtype {
            DType::F32 => self.functions_f32.binary(f).map(|(_, call)| call as *const u8),
            DType::F64 => self.functions_f64.binary(f).map(|(_, call)| call as *const u8),
            DType::I32 | DType::Bool => None,
        }
    }

    /// Where the product with the outputs as lanes lies ([`micro::LanesKernel`]); none but of reals.
    pub fn lanes(&self, dtype: DType) -> Option<*const u8> {
        match dtype {
            DType::F32 => Some(self.products_f32.lanes as *const u8),
            DType::F64 => Some(self.products_f64.lanes as *const u8),
            DType::I32 | DType::Bool => None,
        }
    }

    /// Where the product with the terms as lanes lies ([`micro::DotKernel`]); none but of reals.
    pub fn dot(&self, dtype: DType) -> Option<*const u8> {
        match dtype {
            DType::F32 => Some(self.products_f32.dot as *const u8),
            DType::F64 => Some(self.products_f64.dot as *const u8),
            DType::I32 | DType::Bool => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_are_those_of_the_routines() {
        let routines = Routines::of(Isa::best());
        let exp = routines.functions_f64.unary(Unary::Exp).unwrap();
        assert_eq!(routines.unary_strip(Unary::Exp, DType::F64), Some(exp.strip as *const u8));
        assert_eq!(routines.unary_call(Unary::Exp, DType::F64), Some(exp.call as *const u8));
        assert_ne!(routines.unary_strip(Unary::Exp, DType::F32), Some(exp.strip as *const u8));
        assert_eq!(routines.unary_strip(Unary::Neg, DType::F32), None);
        assert_eq!(routines.binary_strip(Binary::Add, DType::F32), None);
        assert!(routines.binary_strip(Binary::Pow, DType::F32).is_some());
        assert!(routines.binary_call(Binary::Pow, DType::F64).is_some());
        assert_eq!(routines.lanes(DType::F32), Some(routines.products_f32.lanes as *const u8));
        assert_eq!([routines.dot(DType::I32), routines.lanes(DType::Bool)], [None; 2]);
    }
}
