//! From text to kernel IR.
