//! The text of the kernel IR.
