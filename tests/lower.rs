//! Lowering: hand-written bodies of the language's operations as graphs, which the reference
//! interpreter runs; the numbers are compared with formulas written out here.

#[path = "suite/lower/bodies.rs"]
mod bodies;
#[path = "suite/lower/elementwise.rs"]
mod elementwise;
#[path = "suite/lower/indexing.rs"]
mod indexing;
#[path = "suite/lower/print.rs"]
mod print;
#[path = "suite/lower/products.rs"]
mod products;
#[path = "suite/lower/reductions.rs"]
mod reductions;
#[path = "suite/lower/steps.rs"]
mod steps;
