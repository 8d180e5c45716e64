//! The context: what compiled code is handed, a row of 8-byte words for each thread.
//!
//! ```text
//!  0 fault word   1 barrier   2 thread   3 threads   4 run   5 own fault   6 marks
//!  counters…   addresses of kernels…   bases of buffers…   bytes that a base moves from call to call…
//! ```

use crate::kernel::Step;

/// Word of the pointer to the fault word.
pub const FAULT: usize = 0;
/// Word of the pointer to the team's barrier.
pub const BARRIER: usize = 1;
/// Word of the thread's number.
pub const THREAD: usize = 2;
/// Word of the number of threads.
pub const THREADS: usize = 3;
/// Word whose lower half is the run count.
pub const RUN: usize = 4;
/// Word that a check makes non-zero in a kernel that each thread does.
pub const OWN_FAULT: usize = 5;
/// Word of the pointer to the marks of values whose zeros are left out.
pub const MARKS: usize = 6;
const FIXED: usize = 7;

/// Where things lie in the contexts of a step.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Layout {
    kernels: usize,
    bases: usize,
    strides: usize,
    /// Words of a context.
    pub words: usize,
}

impl Layout {
    /// The layout of a step's contexts.
    pub fn of(step: &Step) -> Layout {
        let kernels = FIXED + step.counters;
        let bases = kernels + step.kernels.len();
        let strides = bases + step.buffers.len();
        Layout { kernels, bases, strides, words: strides + step.buffers.len() }
    }

    /// Word of a counter.
    pub fn counter(&self, counter: usize) -> usize {
        FIXED + counter
    }

    /// Word of a kernel's address.
    pub fn kernel(&self, kernel: usize) -> usize {
        self.kernels + kernel
    }

    /// Word of the address of a buffer's first element.
    pub fn base(&self, buffer: usize) -> usize {
        self.bases + buffer
    }

    /// Word of how many bytes that address moves by after a call; for what lies in copies, of the first one's address.
    pub fn stride(&self, buffer: usize) -> usize {
        self.strides + buffer
    }
}

/// The byte at which a word begins.
pub fn offset(word: usize) -> i32 {
    (word * 8) as i32
}
