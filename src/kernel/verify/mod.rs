//! The verifier: what must hold of every step. A violation is a bug of the compiler.
//!
//! Of buffers:
//! - Those of the arena and of the scratch start on a multiple of 64 and end within the step's sizes, copies are apart; two of
//!   one argument, place, resident or report agree in type and number of elements; that of the run is one I32.
//!
//! Of the order:
//! - Its kernels exist; a loop's counter is one of the step's and not that of a loop around it; a kernel
//!   reads only counters of loops that every place of it in the order stands in. A run opens with the kernels that the
//!   order has of the next call or of those to come, in their order; what is done block by block are kernels with the same
//!   blocks, what is done for calls to come are kernels and barriers.
//!
//! Of statements:
//! - Each variable is bound once and used only inside; each value is assigned once, before it is used and
//!   in the block where it is used or around it. Units and steps are positive.
//! - Values, buffers and constants are of the types that the operation needs.
//! - An index names no variable twice and no coefficient 0; what it takes from run time is I32.
//! - What an extent leaves of a limit is never negative.
//! - A body of `lanes` holds assignments, stores and checks, a body of a fold assignments and checks; a
//!   fold has a loop. A store in `lanes` moves with its variable, and no other turn reads what it writes.
//! - A product writes nothing that it reads of a and b, columns are adjacent in the lanes form; a strip
//!   writes exactly what it reads, or nothing of it.
//!
//! Of memory, by interval arithmetic over all turns of the loops:
//! - Positions lie within their buffers (where no run-time value decides).
//! - Arguments, residents and the run are not written, reports not read. What each thread has of its own, kernels write that
//!   each thread does, and these write nothing else but scratch.
//! - Of shared memory, different blocks of a kernel write different elements: the index moves with the
//!   owner's variable or the block's number, and by more than a block writes. Nor does a block read what another one writes,
//!   as far as overlap shows with the owner's coefficient.
//! - Between two barriers, of one call or of two that follow each other, no kernel touches what another one writes,
//!   unless one thread does both parts: both kernels are the same one's, or divide the same blocks and move with them alike.
//!   What is written for calls to come lies in more copies than these are.
//! - No check stands in or after (with respect to barriers) a kernel that writes a place; those of a kernel that each
//!   thread does may stand before it without a barrier, as each thread then knows of a fault by itself.
//!
//! Later groups are looked at only if the earlier ones hold.

mod blocks;
mod buffers;
mod operations;
mod order;
mod phases;
mod statements;

use super::Step;

/// Checks every invariant; gives all violations of the first group that has some.
pub fn verify(step: &Step) -> Result<(), Vec<String>> {
    let groups: [fn(&Step) -> Vec<String>; 5] =
        [buffers::check, order::check, statements::check, blocks::check, phases::check];
    for group in groups {
        let found = group(step);
        if !found.is_empty() {
            return Err(found);
        }
    }
    Ok(())
}
