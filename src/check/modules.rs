//! Modules.

/// A module.
pub(super) struct Module {}
