//! Drops nodes that no update and no report needs.

pub use crate::rules::drop_dead;
