//! The kernel IR: what it means, that steps read back as printed, what the verifier refuses.

mod common;

#[path = "suite/kernel/any_step.rs"]
mod any_step;
#[path = "suite/kernel/cost.rs"]
mod cost;
#[path = "suite/kernel/meaning.rs"]
mod meaning;
#[path = "suite/kernel/orders.rs"]
mod orders;
#[path = "suite/kernel/text.rs"]
mod text;
#[path = "suite/kernel/verify.rs"]
mod verify;
