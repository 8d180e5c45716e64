//! Checking: names, modules, the compile-time evaluator, dimensions, element types, worlds.
//!
//! The checker is an evaluator. It runs the declarations of the program at compile time; a step is
//! run symbolically for each combination of shapes and compile-time arguments that the schedule
//! calls it with, and leaves behind a typed [`Body`](crate::program::Body); the schedule is run
//! symbolically too, and leaves the statements that the host will interpret. What it gives is a
//! [`Program`] about whose shapes nothing can be wrong any more.

mod draws;
mod modules;
mod ops;
mod state;
mod value;

use crate::diag::{Diagnostic, Problems};
use crate::program::{Precision, Program, RawSource};
use crate::source::{Source, SourceMap};
use std::path::Path;

/// What the command line says about a program.
#[derive(Clone, Debug, Default)]
pub struct Settings {
    /// `--set NAME=EXPR`, in order.
    pub set: Vec<(String, String)>,
    /// `--seed`.
    pub seed: u64,
    /// `--precision`.
    pub precision: Precision,
}

/// What the checker may ask of the outside: the shape of an array in a file, for an extent `_`.
pub trait Files {
    /// The shape of an array that a file holds.
    fn shape(&self, source: &RawSource) -> Result<Vec<usize>, Diagnostic>;
}
