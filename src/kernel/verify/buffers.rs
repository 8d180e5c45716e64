//! Where buffers lie.

use crate::ir::types::DType;
use crate::kernel::{Buffer, Copies, Home, Step};

/// What is wrong with the step's buffers.
pub fn check(step: &Step) -> Vec<String> {
    let mut found = Vec::new();
    for (i, buffer) in step.buffers.iter().enumerate() {
        let wrong = match buffer.home {
            Home::Arg(_) | Home::Place(_) | Home::Resident(_) | Home::Report(_) => {
                let earlier = step.buffers[..i].iter().find(|b| b.home == buffer.home);
                earlier.and_then(|earlier| agree(earlier, buffer))
            }
            Home::Run => (buffer.dtype != DType::I32 || count(buffer) != Some(1))
                .then(|| "the run is one i32".to_owned()),
            Home::Arena(at) => within(buffer, at, step.arena, "arena"),
            Home::Alternate(copies) => each(buffer, copies, step.arena, "arena"),
            Home::OwnAlternate(copies) => each(buffer, copies, step.scratch, "scratch"),
            Home::Own(at) | Home::Scratch(at) => within(buffer, at, step.scratch, "scratch"),
        };
        found.extend(wrong.map(|wrong| format!("buffer {}: {wrong}", buffer.name)));
    }
    found
}

fn agree(a: &Buffer, b: &Buffer) -> Option<String> {
    let same = a.dtype == b.dtype && count(a) == count(b) && a.layout == b.layout;
    (!same).then(|| format!("it differs from {}, which lies at the same place", a.name))
}

fn within(buffer: &Buffer, at: usize, size: usize, what: &str) -> Option<String> {
    let bytes = count(buffer).and_then(|count| count.checked_mul(buffer.dtype.size()));
    let end = bytes.and_then(|bytes| bytes.checked_add(at));
    if !at.is_multiple_of(64) {
        Some(format!("byte {at} of the {what} is no multiple of 64"))
    } else if end.is_none_or(|end| end > size) {
        Some(format!("it ends beyond the {size} bytes of the {what}"))
    } else {
        None
    }
}

/// Each copy lies within, and none in another one.
fn each(buffer: &Buffer, copies: Copies, size: usize, what: &str) -> Option<String> {
    let Copies { first, apart, count: copies } = copies;
    let bytes = count(buffer).and_then(|count| count.checked_mul(buffer.dtype.size()));
    if copies < 2 || bytes.is_none_or(|bytes| bytes > apart) {
        return Some(format!("{copies} copies {apart} bytes apart are not enough for calls that take turns"));
    }
    let last = apart.checked_mul(copies - 1).and_then(|bytes| bytes.checked_add(first));
    let last =
        last.map_or(Some(format!("its copies end beyond the {what}")), |at| within(buffer, at, size, what));
    within(buffer, first, size, what).or(last)
}

fn count(buffer: &Buffer) -> Option<usize> {
    buffer.layout.elements(&buffer.shape)
}
