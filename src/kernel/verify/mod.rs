//! What must hold in kernel IR.
