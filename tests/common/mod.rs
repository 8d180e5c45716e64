//! What several test programs share.
#![allow(dead_code)]

pub mod program;
pub mod random_graph;
