//! Streams and initial draws.

/// A stream.
pub(super) struct Stream {}
