//! The two generators: NumPy's legacy one, so that a seeded program repeats a published run bit
//! for bit, and the counter-based Philox, whose values depend on no order of evaluation.

pub mod mt19937;
pub mod numpy;
pub mod philox;

pub use numpy::{RandomError, RandomState};
pub use philox::{philox4x32_10, uniform01};
