//! `dlc`: a compiler for a small declarative language of neural networks.

pub mod diag;
pub mod source;
pub mod syntax;
