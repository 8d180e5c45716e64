//! The parts of machine code that are written by hand: products of matrices, elementwise functions,
//! and random words, for each instruction set.
//!
//! Everything here gives the same bits on every [`Isa`]. The order of each sum is fixed by the
//! routine's contract, each term is one fused multiply-add, and each elementwise function is the one
//! formula of [`crate::math`], lane by lane. Only which NaN comes out is left open.
#![allow(unsafe_code)]

pub mod isa;
pub mod micro;
pub mod philox;
pub mod routines;
pub mod strips;

pub use isa::Isa;
pub use routines::Routines;
