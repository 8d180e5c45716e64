//! What there is for an instruction set, as addresses that compiled code calls.

use super::isa::Isa;
use super::micro::{self, Products};
use super::philox::{self, PhiloxStrip};
use super::strips::{self, Functions};

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
}
