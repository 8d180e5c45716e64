//! `dlc`: a compiler for a small declarative language of neural networks.

pub mod data;
pub mod diag;
pub mod random;
pub mod source;
