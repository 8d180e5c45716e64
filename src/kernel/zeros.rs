//! When the zeros of a product's left operand are left out: a rule of counts over fixed blocks, so that every
//! target leaves out the same terms.
//!
//! A sum that starts from +0 is the same number with a term `0 * b` or without it if b is finite, up to the sign
//! of a sum that has underflowed. Where b is infinite or NaN, the rule decides.

/// Rows, and terms, of a block.
pub const BLOCK: usize = 64;

/// Whether a row adds nothing at all, so that what it would be added to is left as it is: all terms are left
/// out, and they are no more than a block's.
pub fn adds_nothing(left_out: &[bool]) -> bool {
    (1..=BLOCK).contains(&left_out.len()) && left_out.iter().all(|out| *out)
}

/// Whether a block of so many rows and terms, of which `count` numbers are not zero, goes by these alone.
pub fn left_out(count: usize, rows: usize, terms: usize) -> bool {
    2 * count <= rows * terms
}
