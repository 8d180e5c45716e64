//! From text to the syntax tree and back: the parser, its messages and the layout of `dlc fmt`.
//!
//! `parse` goes in four passes: tokens (`lexer`), the scan of brackets (`brackets`), pest's grammar
//! with recovery (`parser`, `recovery`, `messages`), and the tree (`build`).

pub mod ast;
mod brackets;
mod build;
pub mod dump;
mod hints;
mod lexer;
mod messages;
mod parser;
mod print;
mod recovery;

pub use parser::{parse, parse_expr};
pub use print::print;
