//! Interval arithmetic: between which positions an index lies over all turns of the loops around it.

use super::{Extent, Index, IndexVar, Var};

/// Loops and counters around a place of a kernel.
#[derive(Clone, Debug)]
pub struct Ranges {
    /// Greatest value of each counter.
    counters: Vec<i64>,
    /// Outermost first.
    loops: Vec<Loop>,
}

/// How far an access reaches from the position of its index.
#[derive(Clone, Debug)]
pub enum Reach {
    /// `step * i` for i below an extent.
    Run(i64, Extent),
    /// Anything between the two.
    Between(i64, i64),
}

#[derive(Clone, Copy, Debug)]
struct Loop {
    var: Option<Var>,
    last: i64,
    rest: Option<(Var, i64)>,
}

/// An affine form: a constant and a coefficient for each loop, outermost first.
#[derive(Clone, Debug)]
struct Form {
    offset: i128,
    coefficients: Vec<i128>,
}

impl Ranges {
    /// No loops; for each counter its number of turns.
    pub fn new(turns: &[usize]) -> Ranges {
        Ranges { counters: turns.iter().map(|t| (*t as i64 - 1).max(0)).collect(), loops: Vec::new() }
    }

    /// Enters a loop.
    pub fn enter(&mut self, var: Var, extent: &Extent, step: usize) {
        self.loops.push(Loop { var: Some(var), ..Loop::of(extent, step) });
    }

    /// Leaves the innermost loop.
    pub fn leave(&mut self) {
        self.loops.pop();
    }

    /// How many loops there are around.
    pub fn depth(&self) -> usize {
        self.loops.len()
    }

    /// Whether some loop around has no turn.
    pub fn never(&self) -> bool {
        self.loops.iter().any(|l| l.last < 0)
    }

    /// The greatest value of a variable; none where it is not in scope.
    pub fn greatest(&self, var: Var) -> Option<i64> {
        let slot = self.slot(var)?;
        let mut coefficients = vec![0; self.loops.len()];
        coefficients[slot] = 1;
        Some(narrow(greatest(&self.loops, Form { offset: 0, coefficients })))
    }

    /// Least and greatest position, the counters and run-time values of the index taken as 0.
    pub fn without_counters(&self, index: &Index, reach: &[Reach]) -> (i64, i64) {
        let (loops, form) = self.form(index, reach, 1);
        let (low, high) = between(reach);
        (narrow(low - greatest(&loops, form.clone().negated())), narrow(high + greatest(&loops, form)))
    }

    /// Least and greatest sum of terms in counters.
    pub fn of_counters(&self, terms: impl Iterator<Item = (usize, i64)>) -> (i64, i64) {
        let (mut low, mut high) = (0, 0);
        for (counter, coefficient) in terms {
            let end = i128::from(coefficient) * i128::from(self.counters.get(counter).copied().unwrap_or(0));
            low += end.min(0);
            high += end.max(0);
        }
        (narrow(low), narrow(high))
    }

    /// Whether two accesses of one buffer touch no element in common, although the loops from the given
    /// depth on may stand in different turns for each. False where run-time values decide.
    pub fn apart(&self, a: (&Index, &[Reach]), b: (&Index, &[Reach]), depth: usize) -> bool {
        let same = |i: &Index| i.dynamic.clone();
        if same(a.0) != same(b.0) {
            return false;
        }
        let mut counters = counter_terms(a.0);
        counters.extend(counter_terms(b.0).iter().map(|(counter, c)| (*counter, c.saturating_neg())));
        let (counter_low, counter_high) = self.of_counters(summed(counters).into_iter());
        let ((loops, mut first), (_, second)) = (self.form(a.0, &[], 1), self.form(b.0, &[], -1));
        let (mut low, mut high) = (i128::from(counter_low), i128::from(counter_high));
        first.offset += second.offset;
        for (slot, at) in loops.iter().enumerate() {
            if slot < depth {
                first.coefficients[slot] += second.coefficients[slot];
                continue;
            }
            for coefficient in [first.coefficients[slot], second.coefficients[slot]] {
                low += (coefficient * i128::from(at.last)).min(0);
                high += (coefficient * i128::from(at.last)).max(0);
            }
            first.coefficients[slot] = 0;
        }
        let (a_low, a_high) = whole(a.1);
        let (b_low, b_high) = whole(b.1);
        low += a_low - b_high - greatest(&loops, first.clone().negated());
        high += a_high - b_low + greatest(&loops, first);
        low > 0 || high < 0
    }

    /// Whether no turn of the innermost loop writes, at one index, what another turn reads at the other one;
    /// the loops around stand in one turn. False where the other index has variables that are not in scope.
    pub fn independent(&self, written: &Index, read: &Index) -> bool {
        let depth = self.loops.len() - 1;
        let known = read.terms.iter().all(|(var, _)| match var {
            IndexVar::Loop(var) => self.slot(*var).is_some(),
            IndexVar::Counter(_) => true,
        });
        if !known || self.apart((written, &[]), (read, &[]), depth) {
            return known;
        }
        let ((loops, mut gap), (_, second)) = (self.form(written, &[], 1), self.form(read, &[], -1));
        let (move_by, same) =
            (gap.coefficients[depth], gap.coefficients[depth] + second.coefficients[depth] == 0);
        let counters = summed(counter_terms(written)) == summed(counter_terms(read));
        if !same || move_by == 0 || !counters || written.dynamic != read.dynamic {
            return false;
        }
        gap.offset += second.offset;
        gap.coefficients[depth] = 0;
        (0..depth).for_each(|slot| gap.coefficients[slot] += second.coefficients[slot]);
        // The turns are `move_by * d` apart, d other than 0: is the gap between the indices ever that?
        let farthest = move_by.abs() * i128::from(loops[depth].last.max(0));
        let (high, low) = (greatest(&loops, gap.clone()), -greatest(&loops, gap.clone().negated()));
        let step = gap.coefficients.iter().fold(0, |a, b| common_divisor(a, b.abs()));
        let (low, high) = (low.max(-farthest), high.min(farthest));
        let first = if step == 0 { gap.offset } else { low + (gap.offset - low).rem_euclid(step) };
        let mut gaps = std::iter::successors(Some(first), |at| (step > 0).then_some(at + step));
        let meets = |at: &i128| *at != 0 && at % move_by == 0;
        !gaps.by_ref().take_while(|at| (low..=high).contains(at)).any(|at| meets(&at))
    }

    fn slot(&self, var: Var) -> Option<usize> {
        self.loops.iter().position(|l| l.var == Some(var))
    }

    /// The loops with those of the reach inside, and an index as a form over them.
    fn form(&self, index: &Index, reach: &[Reach], sign: i128) -> (Vec<Loop>, Form) {
        let mut loops = self.loops.clone();
        let mut coefficients = vec![0; loops.len()];
        for (var, coefficient) in &index.terms {
            match var {
                IndexVar::Loop(var) => {
                    if let Some(slot) = self.slot(*var) {
                        coefficients[slot] += sign * i128::from(*coefficient);
                    }
                }
                IndexVar::Counter(_) => {}
            }
        }
        for run in reach {
            match run {
                Reach::Run(step, extent) => {
                    loops.push(Loop::of(extent, 1));
                    coefficients.push(sign * i128::from(*step));
                }
                Reach::Between(..) => {}
            }
        }
        (loops, Form { offset: sign * i128::from(index.offset), coefficients })
    }
}

impl Loop {
    fn of(extent: &Extent, step: usize) -> Loop {
        let size = extent.rest.map_or(extent.size, |(_, limit)| extent.size.min(limit)) as i64;
        let step = step.max(1) as i64;
        let last = if size == 0 { -1 } else { (size - 1) / step * step };
        Loop { var: None, last, rest: extent.rest.map(|(var, limit)| (var, limit as i64)) }
    }
}

impl Form {
    fn negated(mut self) -> Form {
        self.offset = -self.offset;
        self.coefficients.iter_mut().for_each(|c| *c = -*c);
        self
    }
}

/// The terms of an index in counters.
pub fn counter_terms(index: &Index) -> Vec<(usize, i64)> {
    let counter = |(var, coefficient): &(IndexVar, i64)| match var {
        IndexVar::Counter(counter) => Some((*counter, *coefficient)),
        IndexVar::Loop(_) => None,
    };
    index.terms.iter().filter_map(counter).collect()
}

/// Terms with one coefficient for each counter.
pub fn summed<K: Ord + Copy>(terms: Vec<(K, i64)>) -> Vec<(K, i64)> {
    let mut sums = std::collections::BTreeMap::new();
    for (key, coefficient) in terms {
        let sum = sums.entry(key).or_insert(0_i64);
        *sum = sum.saturating_add(coefficient);
    }
    sums.into_iter().collect()
}

/// A bound from above. The innermost variable first: it is at most its last value, and where it is bounded
/// by what an outer one leaves, at most that; the smaller of both bounds holds.
fn greatest(loops: &[Loop], mut form: Form) -> i128 {
    let Some(slot) = form.coefficients.iter().rposition(|c| *c != 0) else { return form.offset };
    let coefficient = std::mem::take(&mut form.coefficients[slot]);
    if coefficient < 0 {
        return greatest(loops, form);
    }
    let Loop { last, rest, .. } = loops[slot];
    let mut by_last = form.clone();
    by_last.offset = by_last.offset.saturating_add(coefficient.saturating_mul(last.max(0).into()));
    let by_last = greatest(loops, by_last);
    let outer = rest.and_then(|(var, limit)| {
        let outer = loops[..slot].iter().position(|l| l.var == Some(var))?;
        form.offset = form.offset.saturating_add(coefficient.saturating_mul(i128::from(limit - 1)));
        form.coefficients[outer] -= coefficient;
        Some(greatest(loops, form))
    });
    outer.map_or(by_last, |by_rest| by_rest.min(by_last))
}

fn common_divisor(a: i128, b: i128) -> i128 {
    if b == 0 { a } else { common_divisor(b, a % b) }
}

/// The fixed part of a reach.
fn between(reach: &[Reach]) -> (i128, i128) {
    let ends = reach.iter().map(|r| match r {
        Reach::Between(low, high) => (i128::from(*low), i128::from(*high)),
        Reach::Run(..) => (0, 0),
    });
    ends.fold((0, 0), |(low, high), (l, h)| (low + l, high + h))
}

/// All of a reach, each run as long as it can be.
fn whole(reach: &[Reach]) -> (i128, i128) {
    let (mut low, mut high) = between(reach);
    for run in reach {
        match run {
            Reach::Run(step, extent) => {
                let end = i128::from(*step) * i128::from(Loop::of(extent, 1).last.max(0));
                low += end.min(0);
                high += end.max(0);
            }
            Reach::Between(..) => {}
        }
    }
    (low, high)
}

fn narrow(value: i128) -> i64 {
    value.clamp(i64::MIN.into(), i64::MAX.into()) as i64
}
