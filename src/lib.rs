//! `dlc`: a compiler for a small declarative language of neural networks.

pub mod diag;
pub mod ir;
pub mod lower;
pub mod program;
pub mod source;
