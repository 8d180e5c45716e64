//! The functions of f32: straight-line formulas over a [`Vector`](super::vector::Vector), each written
//! once and good for every number of lanes.
//!
//! A formula reduces its argument to a short interval, takes a polynomial there (fitted for the least
//! relative error, with coefficients that are f32), and puts the result together. What is special is
//! chosen by selection at the end. Errors are at most 2 units in the last place, or what a function
//! says.

mod erf;
mod exponential;
mod hyperbolic;
mod logarithm;
mod power;
#[cfg(test)]
mod tests;
mod trigonometric;

pub use erf::erf;
pub use exponential::{exp, expm1};
pub use hyperbolic::{sigmoid, softplus, tanh};
pub use logarithm::{log, log1p};
pub use power::pow;
pub use trigonometric::{cos, sin};
