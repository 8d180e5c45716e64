//! The two generators: NumPy's legacy one, so that a seeded program repeats a published run bit
//! for bit, and the counter-based Philox, whose values depend on no order of evaluation.

pub mod initial;
pub mod mt19937;
pub mod numpy;
pub mod philox;

pub use initial::{Drawn, draw_all, draw_in_run, draw_number, identity_key, named_seed, one_by_one};
pub use numpy::{RandomError, RandomState};
pub use philox::{philox4x32_10, uniform01};
