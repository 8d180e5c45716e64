//! Which memory a kernel touches, and that its blocks are independent.

use crate::kernel::access::{Access, accesses};
use crate::kernel::print::print_statement;
use crate::kernel::ranges::Ranges;
use crate::kernel::{Buffer, Home, Kernel, Owner, Share, Step, order};

/// What is wrong with the accesses of the step's kernels.
pub fn check(step: &Step) -> Vec<String> {
    let mut found = Vec::new();
    for (at, kernel) in step.kernels.iter().enumerate() {
        let ranges = Ranges::new(&order::turns(step, at));
        let all = accesses(kernel, &order::turns(step, at));
        for access in &all {
            let of = Of { step, kernel, ranges: &ranges, access };
            let wrong = [of.within(), of.allowed(), of.independent(&all)];
            let text = || print_statement(step, kernel, access.stmt);
            found.extend(wrong.into_iter().flatten().map(|e| format!("{}: `{}`: {e}", kernel.name, text())));
        }
    }
    found
}

/// One access.
struct Of<'a> {
    step: &'a Step,
    kernel: &'a Kernel,
    ranges: &'a Ranges,
    access: &'a Access<'a>,
}

impl Of<'_> {
    fn buffer(&self, access: &Access) -> &Buffer {
        &self.step.buffers[access.buffer.0 as usize]
    }

    fn within(&self) -> Option<String> {
        let buffer = self.buffer(self.access);
        let (low, high) = self.ranges.of_counters(self.access.counters.iter().copied());
        let low = low.saturating_add(self.access.range.0);
        let high = high.saturating_add(self.access.range.1);
        let outside = low < 0 || high >= buffer.elements() as i64;
        (outside && !self.access.dynamic).then(|| {
            let verb = if self.access.written { "writes" } else { "reads" };
            let (name, elements) = (&buffer.name, buffer.elements());
            format!("it {verb} {low} to {high} of {name}, which has {elements} elements")
        })
    }

    fn allowed(&self) -> Option<String> {
        let buffer = self.buffer(self.access);
        let wrong = match buffer.home {
            Home::Arg(_) | Home::Resident(_) | Home::Run => self.access.written.then_some("read"),
            Home::Report(_) if self.kernel.share == Share::Each => {
                return Some(format!("each thread writes {}, which is all threads'", buffer.name));
            }
            Home::Report(_) => (!self.access.written).then_some("written"),
            Home::Place(_) | Home::Arena(_) | Home::Alternate(..) => {
                let own = self.access.written && self.kernel.share == Share::Each;
                return own.then(|| format!("each thread writes {}, which is all threads'", buffer.name));
            }
            Home::Own(_) | Home::OwnAlternate(..) => {
                let once = self.access.written && self.kernel.share != Share::Each;
                return once.then(|| format!("{} is each thread's own, and only some write it", buffer.name));
            }
            Home::Scratch(_) => None,
        };
        wrong.map(|only| format!("{} is only {only}", buffer.name))
    }

    /// Other blocks touch nothing of what is written.
    fn independent(&self, all: &[Access]) -> Option<String> {
        let Access { written, .. } = self.access;
        let owner = self.kernel.owner().filter(|owner| owner.extent > owner.unit)?;
        let buffer = self.buffer(self.access);
        if !written || !is_shared(buffer.home) {
            return None;
        }
        if self.access.owner == 0 && !self.access.numbered {
            return Some(format!("different blocks write the same of {}", buffer.name));
        }
        if self.overlaps(owner) {
            return Some(format!("a block writes to the next one's part of {}", buffer.name));
        }
        let disturbed = all.iter().find(|other| {
            !alike(self.step, self.access, other)
                && touch(self.step, self.ranges, (self.access, other), &|c| c)
        });
        disturbed.map(|other| {
            format!(
                "a block writes what others touch by `{}`",
                print_statement(self.step, self.kernel, other.stmt)
            )
        })
    }

    /// Whether another variable of the index reaches, in the first block, what it starts from in the second.
    fn overlaps(&self, owner: &Owner) -> bool {
        let distance = self.access.owner.saturating_mul(owner.unit as i64);
        self.access.spread.iter().any(|(coefficient, step, last)| {
            let Some(0) = distance.checked_rem(*coefficient) else { return false };
            let turns = distance / coefficient;
            turns > 0 && turns <= *last && turns % step == 0
        })
    }
}

/// Whether two accesses of kernels that divide the same blocks stay in their thread: they begin at the same distance from
/// block to block in the same memory.
pub fn alike(step: &Step, a: &Access, b: &Access) -> bool {
    let [of_a, of_b] = [a, b].map(|access| &step.buffers[access.buffer.0 as usize]);
    let moves = a.owner == b.owner && a.numbered == b.numbered && (a.owner != 0 || a.numbered);
    moves && of_a.home == of_b.home && of_a.dtype.size() == of_b.dtype.size()
}

/// Whether the bytes that two accesses span have some in common, where `turn` tells the turns of the second
/// one's counters: a counter that it leaves as it is has the same value in both.
pub fn touch(
    step: &Step,
    ranges: &Ranges,
    (a, b): (&Access, &Access),
    shared: &dyn Fn(usize) -> usize,
) -> bool {
    let [of_a, of_b] = [a, b].map(|access| &step.buffers[access.buffer.0 as usize]);
    if !is_shared(of_a.home) || !is_shared(of_b.home) {
        return false;
    }
    if of_a.home == of_b.home && of_a.dtype == of_b.dtype && !a.dynamic && !b.dynamic {
        // Counters that are the same for both cancel out.
        let theirs = b.counters.iter().map(|(counter, c)| (shared(*counter), c.saturating_neg()));
        let terms = crate::kernel::ranges::summed(a.counters.iter().copied().chain(theirs).collect());
        let (low, high) = ranges.of_counters(terms.into_iter());
        let gap_above = low.saturating_add(a.range.0).saturating_sub(b.range.1) > 0;
        let gap_below = high.saturating_add(a.range.1).saturating_sub(b.range.0) < 0;
        return !gap_above && !gap_below;
    }
    let (home, low, high) = span(ranges, of_a, a);
    let (other, from, to) = span(ranges, of_b, b);
    home == other && low < to && from < high
}

/// The piece of memory, the arena being one, and the bytes of it that an access lies in.
fn span(ranges: &Ranges, buffer: &Buffer, access: &Access) -> (Home, i64, i64) {
    let size = buffer.dtype.size() as i64;
    let (low, high) = ranges.of_counters(access.counters.iter().copied());
    let whole = (0, buffer.elements() as i64 - 1);
    let (low, high) = match access.dynamic {
        true => whole,
        false => (low.saturating_add(access.range.0), high.saturating_add(access.range.1)),
    };
    let (home, first, last) = match buffer.home {
        Home::Arena(at) => (Home::Arena(0), at as i64, at as i64),
        Home::Alternate(copies) => (Home::Arena(0), copies.first as i64, copies.last() as i64),
        Home::OwnAlternate(copies) => (Home::Scratch(0), copies.first as i64, copies.last() as i64),
        Home::Own(at) | Home::Scratch(at) => (Home::Scratch(0), at as i64, at as i64),
        Home::Arg(_) | Home::Place(_) | Home::Resident(_) | Home::Report(_) | Home::Run => {
            (buffer.home, 0, 0)
        }
    };
    let byte = |position: i64, start: i64| position.saturating_mul(size).saturating_add(start);
    (home, byte(low, first), byte(high.saturating_add(1), last))
}

fn is_shared(home: Home) -> bool {
    match home {
        Home::Place(_) | Home::Report(_) | Home::Arena(_) | Home::Alternate(..) => true,
        Home::Arg(_) | Home::Resident(_) | Home::Run => false,
        Home::Own(_) | Home::OwnAlternate(..) | Home::Scratch(_) => false,
    }
}
