//! The meaning of the kernel IR.
