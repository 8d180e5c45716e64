//! The tensor IR: what operations mean, that graphs read back as printed, what the verifier refuses.

mod common;

#[path = "suite/ir/cases.rs"]
mod cases;
#[path = "suite/ir/contract.rs"]
mod contract;
#[path = "suite/ir/faults.rs"]
mod faults;
#[path = "suite/ir/models.rs"]
mod models;
#[path = "suite/ir/text.rs"]
mod text;
#[path = "suite/ir/verify.rs"]
mod verify;
