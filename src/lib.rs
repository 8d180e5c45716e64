//! `dlc`: a compiler for a small declarative language of neural networks.

pub mod check;
pub mod cli;
pub mod data;
pub mod diag;
pub mod grad;
pub mod ir;
pub mod library;
pub mod lower;
pub mod passes;
pub mod program;
pub mod random;
pub mod rules;
pub mod source;
pub mod syntax;
