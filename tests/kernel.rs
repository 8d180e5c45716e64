//! The kernel IR: what it means, that steps read back as printed, what the verifier refuses.

mod common;

#[path = "suite/kernel/any_step.rs"]
mod any_step;
#[path = "suite/kernel/text.rs"]
mod text;
