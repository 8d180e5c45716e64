//! Which axis of a contraction becomes the columns, which the rows, and in which form the sum is taken. The form,
//! and with it the order of the sum, is chosen from shapes and logical strides alone, but for matrices that lie column by
//! column: these the program's steps decide together.

use crate::plan::layout::{FEW_COLUMNS, LONG_COLUMN};

/// Length from which an inner run that both operands have is summed by 16 strided sums.
const RUN: usize = 32;

/// Columns from which an axis fills registers that too few of another one leave empty.
const MANY: usize = 32;

/// How a contraction is divided among loops and a micro-kernel.
pub struct Choice {
    /// Whether the operands change places.
    pub swap: bool,
    /// The axis of rows.
    pub m: Option<usize>,
    /// The axis of columns.
    pub n: Option<usize>,
    /// For the dot form, the axis of the inner run.
    pub run: Option<usize>,
}

/// Chooses the form, the rows and the columns. Only the form decides the order of the sum; columns are neighbours
/// in the result.
pub fn choose(extents: &[usize], outer: usize, logical: &[Vec<i64>; 2], result: &[i64]) -> Choice {
    let strides = [&logical[0][..], &logical[1]];
    let longest = |of: usize, but: Option<usize>| longest(extents, outer, strides, of, but);
    let run =
        (outer..extents.len()).find(|s| logical[0][*s] == 1 && logical[1][*s] == 1 && extents[*s] >= RUN);
    if run.is_some() {
        return Choice { swap: false, m: longest(0, None), n: longest(1, None), run };
    }
    let last = (0..outer).rev().find(|n| extents[*n] > 1 && result[*n] == 1);
    let n = last.filter(|n| only(strides, *n, 0) || only(strides, *n, 1));
    let swap = n.is_some_and(|n| only(strides, n, 0));
    let rows_of = if swap { 1 } else { 0 };
    Choice { swap, m: longest(rows_of, n), n, run: None }
}

/// The same where the right operand lies column by column: dots along its columns, if the left one's rows are unbroken,
/// too.
pub fn choose_columns(extents: &[usize], outer: usize, placed: [&[i64]; 2]) -> Option<Choice> {
    let run =
        (outer..extents.len()).find(|s| extents[*s] >= LONG_COLUMN && placed.iter().all(|of| of[*s] == 1))?;
    let longest = |of: usize| longest(extents, outer, placed, of, None);
    Some(Choice { swap: false, m: longest(0), n: longest(1), run: Some(run) })
}

/// Whether only one of the operands has an axis.
fn only(strides: [&[i64]; 2], axis: usize, of: usize) -> bool {
    strides[of][axis] != 0 && strides[1 - of][axis] == 0
}

/// The longest axis of the result, but for one, that only one of the operands has; the first of equals.
fn longest(
    extents: &[usize],
    outer: usize,
    strides: [&[i64]; 2],
    of: usize,
    but: Option<usize>,
) -> Option<usize> {
    (0..outer)
        .filter(|a| Some(*a) != but && only(strides, *a, of) && extents[*a] > 1)
        .max_by_key(|a| (extents[*a], std::cmp::Reverse(*a)))
}

/// The same where the indices of an axis are lanes. As columns they are those of the operand that has them. Summed
/// over, they are the run of both; then the columns are the right operand's, the pictures', that lie closest.
pub fn choose_lanes(extents: &[usize], outer: usize, placed: [&[i64]; 2], axis: usize) -> Choice {
    let rows = |of: usize| longest(extents, outer, placed, of, None);
    if axis < outer {
        let swap = placed[1][axis] == 0;
        return Choice { swap, m: rows(usize::from(swap)), n: Some(axis), run: None };
    }
    let closest = |of: usize| {
        let all = (0..outer).filter(|a| only(placed, *a, of) && extents[*a] > 1);
        all.min_by_key(|a| (placed[of][*a].abs(), *a))
    };
    let near = |of: usize| closest(of).map_or(i64::MAX, |a| placed[of][a].abs());
    let swap = near(0) < near(1);
    let (left, right) = (usize::from(swap), usize::from(!swap));
    Choice { swap, m: rows(left), n: closest(right), run: Some(axis) }
}

/// Another choice where columns are few and poor, and there is an axis whose neighbours an operand has side by side:
/// what that gives is the result turned round.
pub fn turned(choice: &Choice, extents: &[usize], blocks: &[usize], placed: [&[i64]; 2]) -> Option<Choice> {
    let n = choice.n.filter(|n| choice.run.is_none() && extents[*n] < FEW_COLUMNS)?;
    let outer = blocks.len();
    let side_by_side =
        |of: usize, a: usize| placed[of][a] == 1 && placed[1 - of][a] == 0 && blocks[a] >= MANY;
    let (of, long) = [0, 1].into_iter().find_map(|of| {
        let mut all = (0..outer).filter(|a| *a != n && side_by_side(of, *a));
        all.next().map(|a| (of, a))
    })?;
    let others = (0..outer).all(|a| a == n || a == long || blocks[a] == 1);
    (others && placed[of][n] == 0).then_some(Choice { swap: of == 0, m: Some(n), n: Some(long), run: None })
}
