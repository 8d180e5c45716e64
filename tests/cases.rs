//! Cases from practice: what happened to people who train networks, as programs and what must come
//! of them. A test's name begins with the number of its case.

#[path = "cases/data.rs"]
mod data;
#[path = "cases/gradients.rs"]
mod gradients;
#[path = "cases/lab.rs"]
mod lab;
#[path = "cases/language.rs"]
mod language;
#[path = "cases/numerics.rs"]
mod numerics;
#[path = "cases/shapes.rs"]
mod shapes;
#[path = "cases/tooling.rs"]
mod tooling;
#[path = "cases/training.rs"]
mod training;
