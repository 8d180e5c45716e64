//! The `dlc` command.
fn main() {}
