//! One piece of memory for many values that are not all alive at once.

/// Everything starts on a cache line.
const LINE: usize = 64;

/// When a value is alive, first and last moment included, and its size.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Interval {
    /// When it is written first.
    pub from: usize,
    /// When it is read last.
    pub to: usize,
    /// Its size.
    pub bytes: usize,
}

/// Values that share a piece of memory.
#[derive(Clone, Debug, Default)]
pub struct Arena {
    /// The values, by number.
    pub intervals: Vec<Interval>,
    /// How much later the next call does everything, if calls follow each other without waiting.
    pub period: Option<usize>,
}

impl Arena {
    /// Takes a value in, and gives its number.
    pub fn take(&mut self, interval: Interval) -> usize {
        self.intervals.push(interval);
        self.intervals.len() - 1
    }

    /// Whether two values are alive at the same time, in one call or in different ones.
    fn meet(&self, a: Interval, b: Interval) -> bool {
        match self.period {
            None => a.from <= b.to && b.from <= a.to,
            Some(0) => true,
            // Some call of the one falls on a given call of the other.
            Some(period) => {
                let calls = |to: usize, from: usize| (to as i64 - from as i64).div_euclid(period as i64);
                calls(b.to, a.from) + calls(a.to, b.from) >= 0
            }
        }
    }

    /// The byte of each value. The largest choose first, each the lowest byte that is free while it
    /// lives (first fit by decreasing size).
    pub fn offsets(&self) -> Vec<usize> {
        let mut order: Vec<usize> = (0..self.intervals.len()).collect();
        order.sort_by_key(|n| (std::cmp::Reverse(self.intervals[*n].bytes), *n));
        let mut offsets = vec![0; self.intervals.len()];
        let mut placed: Vec<usize> = Vec::new();
        for n in order {
            let it = self.intervals[n];
            let mut taken: Vec<(usize, usize)> = placed
                .iter()
                .filter(|p| self.meet(self.intervals[**p], it))
                .map(|p| (offsets[*p], offsets[*p] + lines(self.intervals[*p].bytes)))
                .collect();
            taken.sort_unstable();
            let mut at = 0;
            for (from, to) in taken {
                if at + lines(it.bytes) <= from {
                    break;
                }
                at = at.max(to);
            }
            offsets[n] = at;
            placed.push(n);
        }
        offsets
    }

    /// Bytes in all.
    pub fn bytes(&self) -> usize {
        let ends = self.offsets().into_iter().zip(&self.intervals).map(|(at, i)| at + lines(i.bytes));
        ends.max().unwrap_or(0)
    }
}

/// Rounded up to whole cache lines.
fn lines(bytes: usize) -> usize {
    bytes.div_ceil(LINE) * LINE
}
