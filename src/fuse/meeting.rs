//! Where pieces meet: one touches what another one writes. Both may then stand between the same barriers only if
//! one thread does both parts, one after the other.

use super::access::Source;
use super::{Apart, Piece, Share, What};

/// Axes of an earlier and of a later piece along which both are at the same index of what they share.
pub(super) type Together = Vec<(usize, usize)>;

/// A meeting of a piece with an earlier one.
#[derive(Clone, Debug)]
pub struct Meeting {
    /// Why they stand apart, if they do.
    pub reason: Apart,
    together: Together,
    /// Whether the later one reads a value that the earlier one computes; each thread may have its own.
    value: bool,
}

impl Meeting {
    /// A piece reads, so along its axes, what an earlier one computes.
    pub fn read(earlier: &Piece, source: Source, along: &[Option<usize>]) -> Meeting {
        let whole = matches!(source, Source::Node(_)) && !matches!(earlier.what, What::Loop(..));
        let together = if whole { straight(&along[..earlier.outer.min(along.len())]) } else { Vec::new() };
        Meeting { reason: Apart::Across(source), together, value: true }
    }

    /// A piece writes over a leaf that an earlier one reads, so along its axes.
    pub fn over(leaf: usize, along: &[Option<usize>]) -> Meeting {
        Meeting { reason: Apart::StillRead(leaf), together: turned(along), value: false }
    }

    /// Something that no thread can settle for itself.
    pub fn of_all(reason: Apart) -> Meeting {
        Meeting { reason, together: Vec::new(), value: false }
    }

    /// One of which only matters along which axes it is.
    pub(super) fn by_axes(together: Together) -> Meeting {
        Meeting { reason: Apart::OtherAxis, together, value: false }
    }

    /// Whether one thread does what both pieces share, with these owner axes.
    pub fn in_one_thread(
        &self,
        (earlier, earlier_axis): (Share, Option<usize>),
        (later, axis): (Share, Option<usize>),
    ) -> bool {
        match (earlier, later) {
            // Each thread that finds a fault by itself does nothing more.
            _ if self.reason == Apart::Checked => earlier == Share::Each && later != Share::Each,
            (Share::One, Share::One) | (Share::Each, Share::Each) => true,
            (Share::Each, Share::One | Share::Blocks(_)) => self.value,
            (Share::Blocks(a), Share::Blocks(b)) => {
                let both = earlier_axis.zip(axis);
                a == b && both.is_some_and(|both| self.together.contains(&both))
            }
            (Share::Turns, _)
            | (_, Share::Turns)
            | (Share::One, Share::Blocks(_) | Share::Each)
            | (Share::Blocks(_), Share::One | Share::Each) => false,
        }
    }
}

/// Axes of an earlier piece that writes, and of a later one that reads.
pub(super) fn straight(along: &[Option<usize>]) -> Together {
    along.iter().enumerate().filter_map(|(axis, at)| at.map(|at| (axis, at))).collect()
}

/// Axes of an earlier piece that reads, and of a later one that writes.
pub(super) fn turned(along: &[Option<usize>]) -> Together {
    along.iter().enumerate().filter_map(|(axis, at)| at.map(|at| (at, axis))).collect()
}
