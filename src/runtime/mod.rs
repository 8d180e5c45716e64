//! What there is while a program runs: resident arrays, places, and the device that carries out
//! steps.
//!
//! [`memory`] says how much of it a run takes. [`setup`] turns files ([`raw`], [`view`]) and initial draws ([`draw`]) into resident arrays and the initial
//! values of places, run by run of their [`rows`]. [`device`] says what every target must do with a queue of step calls, and
//! [`compiled`] does it with machine code on the team of threads, [`interpreter`] with the reference
//! interpreter. [`fault`] and [`non_finite`] turn what
//! went wrong inside a step into a message that names line, element and operands.

// A diagnostic is made at most once a run; what it weighs does not matter.
#![allow(clippy::result_large_err)]

pub mod compiled;
pub mod device;
pub mod draw;
pub mod fault;
pub mod interpreter;
pub mod memory;
pub mod non_finite;
pub mod numbers;
mod pace;
pub mod raw;
pub mod rows;
pub mod setup;
pub mod trace;
pub mod view;

pub use compiled::CompiledDevice;
pub use device::{Arg, CallId, Device, Entry, Ran};
pub use interpreter::Interpreter;
pub use memory::Planned;
pub use raw::{Files, raw_shape};
pub use setup::{Ready, prepare};
