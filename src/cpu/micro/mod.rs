//! Products of small matrices: the forms of a sum of products that compiled loops call on tiles.
//!
//! [`Lanes`] has the outputs side by side in a vector and adds up term by term, or only those terms whose left
//! operand is not zero; [`Dot`] has the terms
//! side by side and adds up in 16 partial sums, whatever the vector's width. `tiled` has
//! both for vectors, `portable` without.

mod portable;
#[cfg(test)]
mod tests;
#[cfg(any(target_arch = "x86_64", target_arch = "aarch64"))]
mod tiled;

use super::isa::Isa;
#[cfg(doc)]
use crate::kernel::zeros;
use crate::kernel::zeros::BLOCK;

/// Operands of a product with the outputs as lanes:
///
/// `C[i*c_row + j] (+)= sum_t A[i*a_row + a(t)] * B[b(t) + j]` for i below `m`, j below `n`, t below `k`.
///
/// Terms are added in ascending t, each with one fused multiply-add, to an accumulator that starts
/// from +0, or from C's old value where `start` says that this is the sum so far; or the sum is added at the
/// end to the old value, to `scale` times it, or to it plus `scale` times it. `a(t)` is `a_off[t]`, or `t * a_step`
/// where the table is null; `b` likewise. All strides and offsets count elements.
#[repr(C)]
#[derive(Clone, Copy, Debug)]
pub struct Lanes<T> {
    /// The first operand.
    pub a: *const T,
    /// The second operand; its columns lie side by side.
    pub b: *const T,
    /// The result; its columns lie side by side.
    pub c: *mut T,
    /// Where term t lies in `a`, or null.
    pub a_off: *const i32,
    /// Where term t lies in `b`, or null.
    pub b_off: *const i32,
    /// From row to row of `a`.
    pub a_row: i64,
    /// From term to term in `a`, where `a_off` is null.
    pub a_step: i64,
    /// From term to term in `b`, where `b_off` is null.
    pub b_step: i64,
    /// From row to row of `c`.
    pub c_row: i64,
    /// Rows of the result.
    pub m: i64,
    /// Columns of the result.
    pub n: i64,
    /// Terms of each sum.
    pub k: i64,
    /// What becomes of the old value: [`ZERO`], [`OLD`], [`PLUS`], [`SCALED`] or [`DECAYED`].
    pub start: i64,
    /// Where the routine that leaves out zeros keeps which they are, for the next product with the same left operand, or
    /// finds it: [`Known::words`] words of which the first is 0 until it is known. Null: nowhere.
    pub known: *mut u64,
    /// Bytes from a number of `b` to one that will be wanted soon and lies in memory, or 0. Of what is so far ahead every
    /// other cache line is fetched, so that memory is busy in both products with the same data.
    pub ahead: i64,
    /// By what the old value is multiplied.
    pub scale: T,
}

/// Operands of a product with the terms as lanes:
///
/// `C[i*c_row + j*c_col + h*c_band] (+)= tree(p)` with 16 partial sums `p[l] = sum over o, then t = l, l+16, ... of
/// A[i*a_row + a_off[o] + t] * B[j*b_row + h*b_band + b_off[o] + t]`, o below `outer` ascending, t below `k`
/// ascending, for h below `bands`. A table is null only where `outer` is at most 1: the offset is then 0.
///
/// Each term is one fused multiply-add, from +0. The tree adds `p[l+8]` to `p[l]` for l below 8, then the
/// same with 4, 2 and 1. As `start` says, C's old value, or `scale` times that, is added at the end.
#[repr(C)]
#[derive(Clone, Copy, Debug)]
pub struct Dot<T> {
    /// The first operand; the terms of a row lie side by side.
    pub a: *const T,
    /// The second operand; the terms of a row lie side by side.
    pub b: *const T,
    /// The result.
    pub c: *mut T,
    /// Where the o-th run of terms begins in a row of `a`, or null.
    pub a_off: *const i32,
    /// Where the o-th run of terms begins in a row of `b`, or null.
    pub b_off: *const i32,
    /// How many runs of terms there are.
    pub outer: i64,
    /// From row to row of `a`.
    pub a_row: i64,
    /// From row to row of `b`.
    pub b_row: i64,
    /// From row to row of `c`.
    pub c_row: i64,
    /// From column to column of `c`.
    pub c_col: i64,
    /// Rows of the result.
    pub m: i64,
    /// Columns of the result in a band.
    pub n: i64,
    /// Bands of columns.
    pub bands: i64,
    /// From band to band in `b`.
    pub b_band: i64,
    /// From band to band in `c`.
    pub c_band: i64,
    /// Terms in a run.
    pub k: i64,
    /// What becomes of the old value: [`ZERO`], [`OLD`], [`PLUS`], [`SCALED`] or [`DECAYED`].
    pub start: i64,
    /// Bytes from a number of `a` to one that will be wanted soon and lies in memory, or 0. Of what is so far ahead every
    /// other cache line is fetched, and [`Lanes`] fetches those between.
    pub ahead: i64,
    /// By what the old value is multiplied.
    pub scale: T,
}

/// Which numbers of a block of a left operand are not zero.
#[repr(C)]
#[derive(Clone, Copy, Debug)]
pub struct Known {
    /// How many.
    pub count: u32,
    /// 1 if they are all the number 1, else 0.
    pub ones: u32,
    /// For each row, a bit a term; of a single term the first has a bit a row.
    pub marks: [u64; BLOCK],
}

impl Known {
    /// 8-byte words for all blocks of so many rows and terms, and the one before them.
    pub fn words(rows: usize, terms: usize) -> usize {
        1 + rows.div_ceil(BLOCK) * terms.div_ceil(BLOCK) * (size_of::<Known>() / 8)
    }
}

/// The old value is lost.
pub const ZERO: i64 = 0;
/// It is the sum so far.
pub const OLD: i64 = 1;
/// The sum is added to it.
pub const PLUS: i64 = 2;
/// The sum is added to it times a number.
pub const SCALED: i64 = 3;
/// The sum is added to it plus it times a number.
pub const DECAYED: i64 = 4;

/// How many partial sums [`Dot`] has.
pub const PARTIALS: usize = 16;

/// A routine over [`Lanes`]. All that the indices reach must lie in the operands, and `c` must not
/// overlap `a` or `b`.
pub type LanesKernel<T> = unsafe extern "C" fn(*const Lanes<T>);

/// Marks the numbers of a matrix that are not zero, for products whose left operand it is: its first element, elements
/// from row to row, rows, and terms of a row, which lie side by side; the first of its blocks, and how many blocks there
/// are in all columns of the operand, of which these may be some.
pub type MarksKernel<T> = unsafe extern "C" fn(*const T, i64, i64, i64, *mut Known, i64);

/// A routine over [`Dot`]. All that the indices reach must lie in the operands, and `c` must not
/// overlap `a` or `b`.
pub type DotKernel<T> = unsafe extern "C" fn(*const Dot<T>);

/// The products of one element type on one instruction set.
#[derive(Clone, Copy, Debug)]
pub struct Products<T> {
    /// Outputs as lanes.
    pub lanes: LanesKernel<T>,
    /// The same, but blocks with many zeros in `a` go by its other numbers: those of [`zeros::BLOCK`] rows and
    /// terms, of which [`zeros::left_out`] says so. It takes no tables of offsets.
    pub sparse: LanesKernel<T>,
    /// Says for `sparse` which numbers are not zero; none where that would gain nothing.
    pub marks: Option<MarksKernel<T>>,
    /// Terms as lanes.
    pub dot: DotKernel<T>,
    /// `lanes` twice, where the second updates the matrix that the first has read: in one pass over it if the first
    /// has one row and the second one term.
    pub lanes_update: unsafe extern "C" fn(*const Lanes<T>, *const Lanes<T>),
    /// The same with `dot` first, in one pass if its rows are of few terms.
    pub dot_update: unsafe extern "C" fn(*const Dot<T>, *const Lanes<T>),
}

/// The products in f32. The instruction set must be available.
pub(super) fn products_f32(isa: Isa) -> Products<f32> {
    match isa {
        #[cfg(target_arch = "x86_64")]
        Isa::Avx512 => tiled::avx512::F32,
        #[cfg(target_arch = "x86_64")]
        Isa::Avx2 => tiled::avx2::F32,
        #[cfg(not(target_arch = "x86_64"))]
        Isa::Avx512 | Isa::Avx2 => portable::F32,
        #[cfg(target_arch = "aarch64")]
        Isa::Neon => tiled::neon::F32,
        #[cfg(not(target_arch = "aarch64"))]
        Isa::Neon => portable::F32,
        Isa::Portable => portable::F32,
    }
}

/// The products in f64. The instruction set must be available.
pub(super) fn products_f64(isa: Isa) -> Products<f64> {
    match isa {
        #[cfg(target_arch = "x86_64")]
        Isa::Avx512 => tiled::avx512::F64,
        #[cfg(target_arch = "x86_64")]
        Isa::Avx2 => tiled::avx2::F64,
        #[cfg(not(target_arch = "x86_64"))]
        Isa::Avx512 | Isa::Avx2 => portable::F64,
        #[cfg(target_arch = "aarch64")]
        Isa::Neon => tiled::neon::F64,
        #[cfg(not(target_arch = "aarch64"))]
        Isa::Neon => portable::F64,
        Isa::Portable => portable::F64,
    }
}
