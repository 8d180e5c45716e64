//! Steps as kernels: the kernel IR's interpreter against the tensor IR's within a bound, and machine code
//! against the kernel IR's interpreter bit for bit; on the steps of all programs and on random graphs.

mod common;

#[path = "kernels/ahead.rs"]
mod ahead;
#[path = "kernels/any_graph/mod.rs"]
mod any_graph;
#[path = "kernels/both.rs"]
mod both;
#[path = "kernels/graphs.rs"]
mod graphs;
#[path = "kernels/models.rs"]
mod models;
#[path = "kernels/pictures.rs"]
mod pictures;
#[path = "emit/run.rs"]
mod run;
#[path = "kernels/together.rs"]
mod together;
#[path = "kernels/updates.rs"]
mod updates;
#[path = "kernels/zeros.rs"]
mod zeros;
