//! `dlc`: a compiler for a small declarative language of neural networks.

pub mod check;
pub mod diag;
pub mod ir;
pub mod program;
pub mod source;
pub mod syntax;
