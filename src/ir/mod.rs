//! The tensor IR: few operations, each with a meaning one can write on one line.
//!
//! A [`Graph`] is one step (or the setup of a run, or an expression of the schedule) in static
//! single assignment: nodes in an order in which every node stands below its operands, static
//! shapes, explicit broadcasts, the user's names and source places on every node and the chain of
//! rules that made it. A step's only effects, updates and reports, stand at its end and read the
//! values from before the step.

pub mod build;
pub mod graph;
pub mod interp;
pub mod module;
pub mod op;
mod op_names;
pub mod print;
pub mod read;
pub mod tensor;
pub mod types;
pub mod verify;
pub mod words;

pub use build::Builder;
pub use graph::{Graph, Leaf, LeafKind, Node, NodeId, Report, Update};
pub use module::{Module, PlaceDecl, ResidentDecl};
pub use op::{
    Affine, ArgReduce, Binary, Cells, Compare, Contract, Op, Reduce, Scan, Ties, Unary, Window, Windows,
};
pub use op_names::{grad_rule, op_name};
pub use tensor::{Buffer, Tensor};
pub use types::{DType, Scalar, Type};
