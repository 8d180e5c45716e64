//! `dlc`: a compiler for a small declarative language of neural networks.

pub mod data;
pub mod diag;
pub mod ir;
pub mod lower;
pub mod program;
pub mod random;
pub mod runtime;
pub mod source;
pub mod train;
