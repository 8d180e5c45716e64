//! `dlc`: a compiler for a small declarative language of neural networks.

pub mod diag;
pub mod grad;
pub mod ir;
pub mod passes;
pub mod rules;
pub mod source;
