//! The CPU: kernels become machine code ([`emit`]), which runs on a team of threads ([`machine`],
//! [`team`]) and calls what is written by hand for each instruction set: products of matrices
//! ([`micro`]), elementwise functions ([`strips`]), and random words ([`philox`]); loops that Cranelift has only narrow
//! vectors for are assembled here ([`wide`]).
//!
//! Everything here gives the same bits on every [`Isa`]. The order of each sum is fixed by the
//! routine's contract, each term is one fused multiply-add, and each elementwise function is the one
//! formula of [`crate::math`], lane by lane. Only which NaN comes out is left open.
#![allow(unsafe_code)]

pub mod asm;
pub mod emit;
pub mod isa;
pub mod machine;
pub mod memory;
pub mod micro;
pub mod philox;
pub mod routines;
pub mod strips;
pub mod team;
pub mod wide;

pub use isa::Isa;
pub use routines::Routines;
