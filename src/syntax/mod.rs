//! From text to the syntax tree and back: the parser, its messages and the layout of `dlc fmt`.

pub mod ast;
