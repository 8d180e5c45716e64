//! `dlc`: a compiler for a small declarative language of neural networks.
//!
//! A `.dl` file says what a network is the way a paper does: layers, costs, update rules, schedule.
//! It comes down one way, a folder a stage, each stage a function from one form to the next, each
//! form with a printed text that tests compare:
//!
//! ```text
//!  .dl text ─syntax─▶ syntax tree ─check─▶ program ─lower─▶ tensor IR ─passes─▶ ─grad─▶ ─passes─▶ tensor IR
//!                                             │                                                      │ fuse, plan
//!                                             │                            clusters, places in memory
//!                                             │                                                      │ schedule
//!                                             └── schedule ──▶ train ◀── runtime ◀── cpu ◀──── kernel IR
//! ```
//!
//! - [`syntax`] reads text, reports several errors a run, and lays text out (`dlc fmt`).
//! - [`check`] evaluates declarations, specialises steps, unifies dimensions; after it nothing can
//!   be wrong with shapes. Its result is a [`program`]: setup, steps, and the host's schedule.
//! - [`lower`] turns the language's operations into the few of the tensor [`ir`].
//! - [`passes`] run the rewrite [`rules`] before and after [`grad`] replaces each gradient by the
//!   operations that compute it.
//! - [`fuse`] gathers work in clusters by owner axis, [`plan`] gives every value its place in memory, and
//!   [`kernel`] holds what comes of it: loops, products and barriers, with the order of every sum.
//! - [`cpu`] makes machine code of kernels, its elementwise functions being those of [`math`].
//! - [`runtime`] reads data and runs queues of step calls on the team of threads; [`train`] interprets the schedule, keeps the log and writes files.
//! - [`cli`] is the command.
//!
//! What every stage uses: [`source`] texts and spans, [`diag`]nostics as data, the [`random`]
//! generators, the [`data`] readers and writers, and the standard [`library`] in `.dl`. A stage
//! imports only those above it. Files, clock and terminal are touched by `data`, `runtime`, `train`
//! and `cli` alone; the compiler in the middle is pure.

pub mod check;
pub mod cli;
pub mod cpu;
pub mod data;
pub mod diag;
pub mod fuse;
pub mod grad;
pub mod ir;
pub mod kernel;
pub mod library;
pub mod lower;
pub mod math;
pub mod passes;
pub mod plan;
pub mod program;
pub mod random;
pub mod rules;
pub mod runtime;
pub mod source;
pub mod syntax;
pub mod train;

mod compile;

pub use compile::{Built, Compiled, Observer, compile};
