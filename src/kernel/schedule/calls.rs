//! A micro-kernel's calls: the loops around them, and operands laid out anew for them.

use super::choice::Choice;
use super::pieces::Range;
use super::product::Place;
use super::scope::{scaled, sum};
use super::value::Kernel;
use crate::fuse::full::Along;
use crate::ir::DType;
use crate::kernel::{Bands, Extent, Form, Home, Index, Op, Product, Start, Stmt, Terms, pairs_of};
use crate::plan::strides;
use crate::source::Span;

/// Elements from which two numbers are in different lines, lines that are too many for the first cache together with
/// what else is there, and products from which laying them out anew is worth it.
const APART: i64 = 16;
const MANY: usize = 256;
const TURNS: usize = 4;

/// Bytes of a left operand that are laid out anew for all windows at once.
const AT_ONCE: usize = 256 << 10;

/// Columns from which zeros of the left operand are worth looking for: each that is found saves so many products.
const BROAD: usize = 32;

/// A micro-kernel's call with the loops around it.
pub struct Call<'a> {
    /// What becomes of the old value.
    pub start: Start,
    /// Form, rows and columns.
    pub choice: &'a Choice,
    /// The operands, and the result.
    pub a: &'a Place,
    /// See above.
    pub b: &'a Place,
    /// See above.
    pub c: &'a Place,
    /// Axes of the result that are loops.
    pub free: &'a [usize],
    /// The axis of bands of columns.
    pub bands: Option<usize>,
    /// Summed axes that are loops.
    pub around: &'a [usize],
    /// Summed axes that the call goes through.
    pub within: &'a [usize],
    /// The axis of the right operand's columns, if it is laid out anew inside the loops.
    pub pack: Option<usize>,
    /// How many columns.
    pub columns: Extent,
    /// Whether the left operand is of a kind that may have many zeros.
    pub zeros: bool,
    /// Axes whose elements are added up, window by window; the result has its zeros already.
    pub scattered: &'a [Along],
    /// The first byte of scratch that is free.
    pub scratch: usize,
}

impl Call<'_> {
    /// Whether several calls add up to one result, which starts from zeros in memory.
    fn adds_up(&self) -> bool {
        !self.around.is_empty()
    }

    /// The axis of rows if each of the left operand's numbers lies in a line of its own, and these are too many for
    /// the first cache.
    fn scattered_rows(&self, ranges: &[Range]) -> Option<usize> {
        let m = self.choice.m.filter(|_| self.choice.run.is_none())?;
        let far = |axis: &usize| self.a.strides[*axis].abs() >= APART;
        let numbers: usize = self.within.iter().chain([&m]).map(|a| ranges[*a].extent.size).product();
        let turns: usize = self.free.iter().map(|a| ranges[*a].extent.size).product();
        (self.within.iter().all(far) && far(&m) && numbers >= MANY && turns >= TURNS).then_some(m)
    }

    /// Whether loops over the elements may stand around those over windows, both ascending: each result then has its
    /// windows in the same order, because what the outer loops hold fixed are the first of the windows' axes.
    fn elements_first(&self, rows: usize, ranges: &[Range], dtype: DType) -> bool {
        let mut axes: Vec<&Along> = self.scattered.iter().collect();
        axes.sort_by_key(|along| along.window);
        let loops = axes.iter().map(|along| self.free.contains(&along.result));
        let first = loops.clone().take_while(|free| *free).count();
        let ordered = axes[..first].is_sorted_by_key(|along| along.result);
        let ascending = axes[..first].iter().all(|along| along.step > 0);
        let fixed = self.around.iter().all(|axis| ranges[*axis].extent.rest.is_none());
        let numbers: usize = self
            .around
            .iter()
            .chain(self.within)
            .chain([&rows])
            .map(|axis| ranges[*axis].extent.size)
            .product();
        let few = numbers * dtype.size() <= AT_ONCE;
        !axes.is_empty()
            && loops.filter(|free| *free).count() == first
            && ordered
            && ascending
            && fixed
            && few
    }

    fn product(&self, a: &Place, b: &Place, c: &Place, ranges: &[Range], span: Option<Span>) -> Product {
        let along = |place: &Place, axis: Option<usize>| axis.map_or(0, |axis| place.strides[axis]);
        let Choice { m, n, run, .. } = *self.choice;
        let terms = terms(self.within, ranges, a, b);
        assert!(!self.adds_up() || self.start == Start::Zero, "zeros would be written over a place");
        let form = match run {
            Some(run) => {
                let bands = self.bands.map_or(Bands::ONE, |axis| Bands {
                    count: ranges[axis].extent.size,
                    b: b.strides[axis],
                    c: c.strides[axis],
                });
                Form::Dot { b_row: along(b, n), k: ranges[run].extent, outer: terms, bands }
            }
            None => {
                let strided = matches!(terms, Terms::Strided { .. });
                let sparse = self.zeros && strided && self.columns.size >= BROAD;
                Form::Lanes { terms, sparse }
            }
        };
        Product {
            form,
            c: (c.buffer, c.base.clone()),
            a: (a.buffer, a.base.clone()),
            b: (b.buffer, b.base.clone()),
            m: m.map_or(Extent::fixed(1), |m| ranges[m].extent),
            n: self.columns,
            c_row: along(c, m),
            c_col: if run.is_none() { 1 } else { along(c, n) },
            a_row: along(a, m),
            start: if self.adds_up() { Start::Old } else { self.start },
            span,
        }
    }
}

/// The offsets of the terms, row-major over axes. One whose extent is not fixed stands alone.
fn terms(axes: &[usize], ranges: &[Range], a: &Place, b: &Place) -> Terms {
    if let [axis] = axes {
        return Terms::Strided { count: ranges[*axis].extent, a: a.strides[*axis], b: b.strides[*axis] };
    }
    let along = |axis: &usize| (ranges[*axis].extent.size, a.strides[*axis], b.strides[*axis]);
    let pairs = pairs_of(&axes.iter().map(along).collect::<Vec<_>>());
    let (by_a, by_b) = pairs.get(1).copied().unwrap_or((0, 0));
    let even = pairs.iter().enumerate().all(|(t, pair)| *pair == (t as i64 * by_a, t as i64 * by_b));
    if even {
        return Terms::Strided { count: Extent::fixed(pairs.len()), a: by_a, b: by_b };
    }
    Terms::Table(pairs.iter().map(|(x, y)| (*x as i32, *y as i32)).collect())
}

impl Kernel<'_, '_> {
    /// The loops around a micro-kernel, and its call.
    pub(super) fn calls(&mut self, call: &Call<'_>, ranges: &[Range], dtype: DType, span: Option<Span>) {
        let of = |axes: &[usize]| -> Vec<Range> {
            axes.iter().map(|axis| Range { from: Index::default(), extent: ranges[*axis].extent }).collect()
        };
        let moved = |place: &Place, axes: &[usize], at: &[Index]| {
            let by = axes.iter().zip(at).map(|(axis, i)| scaled(i, place.strides[*axis]));
            Place { base: by.fold(place.base.clone(), |b, i| sum(&b, &i)), ..place.clone() }
        };
        let still = |place: &Place| call.free.iter().all(|axis| place.strides[*axis] == 0);
        let once = call.pack.filter(|_| still(call.b) && call.adds_up());
        let gathered = call.scattered_rows(ranges).filter(|_| still(call.a));
        if let Some(m) = gathered.filter(|m| call.pack.is_none() && call.elements_first(*m, ranges, dtype)) {
            let mut byte = call.scratch;
            let summed = [call.around, call.within].concat();
            let a = self.packed(call.a, &summed, m, ranges, (dtype, span), &mut byte);
            return self.nest(&of(call.free), false, &mut |kernel, at| {
                let [a, b, c] = [&a, call.b, call.c].map(|p| moved(p, call.free, at));
                kernel.nest(&of(call.around), false, &mut |kernel, within| {
                    let [a, b, c] = [&a, &b, &c].map(|p| moved(p, call.around, within));
                    let product = call.product(&a, &b, &c, ranges, span);
                    kernel.out.push(Stmt::Product(Box::new(product)));
                });
            });
        }
        if once.is_some() || gathered.is_some() {
            // Laid out once for all loops over the result.
            if call.adds_up() && call.scattered.is_empty() {
                self.nest(&of(call.free), false, &mut |kernel, at| {
                    kernel.zeros(&moved(call.c, call.free, at), call, ranges, dtype, span);
                });
            }
            return self.nest(&of(call.around), false, &mut |kernel, within| {
                let mut byte = call.scratch;
                let [mut a, mut b, c] = [call.a, call.b, call.c].map(|p| moved(p, call.around, within));
                if let Some(m) = gathered {
                    a = kernel.packed(&a, call.within, m, ranges, (dtype, span), &mut byte);
                }
                if let Some(n) = once {
                    b = kernel.packed(&b, call.within, n, ranges, (dtype, span), &mut byte);
                }
                kernel.nest(&of(call.free), false, &mut |kernel, at| {
                    let [a, mut b, c] = [&a, &b, &c].map(|p| moved(p, call.free, at));
                    if let Some(n) = call.pack.filter(|_| once.is_none()) {
                        b = kernel.packed(&b, call.within, n, ranges, (dtype, span), &mut byte.clone());
                    }
                    let product = call.product(&a, &b, &c, ranges, span);
                    kernel.out.push(Stmt::Product(Box::new(product)));
                });
            });
        }
        self.nest(&of(call.free), false, &mut |kernel, at| {
            let [a, b, c] = [call.a, call.b, call.c].map(|p| moved(p, call.free, at));
            if call.adds_up() && call.scattered.is_empty() {
                kernel.zeros(&c, call, ranges, dtype, span);
            }
            kernel.nest(&of(call.around), false, &mut |kernel, within| {
                let [a, mut b, c] = [&a, &b, &c].map(|p| moved(p, call.around, within));
                if let Some(n) = call.pack {
                    let mut byte = call.scratch;
                    b = kernel.packed(&b, call.within, n, ranges, (dtype, span), &mut byte);
                }
                let product = call.product(&a, &b, &c, ranges, span);
                kernel.out.push(Stmt::Product(Box::new(product)));
            });
        });
    }

    /// An operand as rows of neighbours along an axis, behind `byte` in scratch: a row a term.
    pub(super) fn packed(
        &mut self,
        b: &Place,
        within: &[usize],
        n: usize,
        ranges: &[Range],
        (dtype, span): (DType, Option<Span>),
        byte: &mut usize,
    ) -> Place {
        let columns = ranges[n].extent.size;
        let terms: Vec<usize> = within.iter().map(|s| ranges[*s].extent.size).collect();
        let count: usize = terms.iter().product();
        let home = Home::Scratch(*byte);
        *byte += (count * columns * dtype.size()).next_multiple_of(64);
        self.step.scratch = self.step.scratch.max(*byte);
        let buffer = self.step.buffer("packed", home, dtype, &[count, columns]);
        let rows = strides(&terms);
        let from = Index::default;
        let along = |axis: &usize| Range { from: from(), extent: ranges[*axis].extent };
        // Neighbours in the operand come right before the columns, so that squares of both can be turned.
        let mut order: Vec<(usize, i64)> = within.iter().copied().zip(rows.iter().copied()).collect();
        order.sort_by_key(|(axis, _)| std::cmp::Reverse(b.strides[*axis].abs()));
        let mut loops: Vec<Range> = order.iter().map(|(axis, _)| along(axis)).collect();
        loops.push(Range { from: Index::default(), extent: ranges[n].extent });
        self.nest(&loops, true, &mut |kernel, at| {
            let (column, at) = at.split_last().expect("the column comes last");
            let mut from = sum(&b.base, &scaled(column, b.strides[n]));
            let mut to = column.clone();
            for ((axis, row), index) in order.iter().zip(at) {
                from = sum(&from, &scaled(index, b.strides[*axis]));
                to = sum(&to, &scaled(index, row * columns as i64));
            }
            let value = kernel.out.here(dtype, Op::Load(b.buffer, from), span);
            kernel.store((buffer, to), value, span);
        });
        let mut along = vec![0; b.strides.len()];
        along[n] = 1;
        for (axis, row) in within.iter().zip(&rows) {
            along[*axis] = row * columns as i64;
        }
        Place { buffer, base: Index::default(), strides: along }
    }

    /// Zeros where a product is going to be added up.
    fn zeros(&mut self, c: &Place, call: &Call<'_>, ranges: &[Range], dtype: DType, span: Option<Span>) {
        let axes: Vec<usize> = call.choice.m.into_iter().chain(call.choice.n).collect();
        let loops: Vec<Range> =
            axes.iter().map(|axis| Range { from: Index::default(), extent: ranges[*axis].extent }).collect();
        self.nest(&loops, true, &mut |kernel, at| {
            let by = axes.iter().zip(at).map(|(axis, i)| scaled(i, c.strides[*axis]));
            let to = by.fold(c.base.clone(), |b, i| sum(&b, &i));
            let zero = kernel.constant(dtype, 0.0);
            kernel.store((c.buffer, to), zero, span);
        });
    }
}
