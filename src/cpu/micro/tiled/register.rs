//! What a product needs of a vector register.

/// As many sums as a vector has that is as long as there are partial ones.
pub(super) const MANY: usize = crate::cpu::micro::PARTIALS;

/// A vector of reals in a register. Its methods are machine instructions: they may only be called in
/// functions that are compiled for the instruction set, into which they are inlined.
pub(super) trait Register: Copy {
    /// One lane.
    type Element: Copy + Default + PartialEq;
    /// Which lanes are meant.
    type Mask: Copy;
    /// How many lanes there are.
    const LANES: usize;

    /// +0 in all lanes.
    unsafe fn zero() -> Self;
    /// One value in all lanes.
    unsafe fn splat(value: Self::Element) -> Self;
    /// The lanes in memory.
    unsafe fn load(from: *const Self::Element) -> Self;
    /// To memory.
    unsafe fn store(self, to: *mut Self::Element);
    /// The first `count` lanes, at most all.
    unsafe fn first(count: usize) -> Self::Mask;
    /// The lanes of a mask in memory, +0 in the others, of which memory is not touched.
    unsafe fn load_masked(from: *const Self::Element, mask: Self::Mask) -> Self;
    /// The lanes of a mask to memory; that of the others is not touched.
    unsafe fn store_masked(self, to: *mut Self::Element, mask: Self::Mask);
    /// A bit for each lane that is not zero, that of the first lane the lowest.
    unsafe fn nonzeros(self) -> u64;
    /// `self * b + c`, rounded once.
    unsafe fn fma(self, b: Self, c: Self) -> Self;
    /// The same in the lanes of a mask, `c` in the others.
    unsafe fn fma_masked(self, b: Self, c: Self, mask: Self::Mask) -> Self;
    /// The sum of the 16 partial sums in `PARTS` registers, added as a tree (see
    /// [`Dot`](crate::cpu::micro::Dot)).
    unsafe fn tree<const PARTS: usize>(parts: [Self; PARTS]) -> Self::Element;
    /// Four such sums.
    #[inline(always)]
    unsafe fn trees<const PARTS: usize>(four: [[Self; PARTS]; 4]) -> [Self::Element; 4] {
        // SAFETY: as of this function.
        unsafe {
            let mut sums = [Self::Element::default(); 4];
            for (sum, parts) in sums.iter_mut().zip(four) {
                *sum = Self::tree(parts);
            }
            sums
        }
    }
    /// Sixteen such sums.
    #[inline(always)]
    unsafe fn many_trees<const PARTS: usize>(many: [[Self; PARTS]; MANY]) -> [Self::Element; MANY] {
        // SAFETY: as of this function.
        unsafe {
            let mut sums = [Self::Element::default(); MANY];
            for (to, four) in sums.as_chunks_mut::<4>().0.iter_mut().zip(many.as_chunks::<4>().0) {
                *to = Self::trees(*four);
            }
            sums
        }
    }
    /// `self + b`.
    unsafe fn add(self, b: Self) -> Self;
    /// The number -1.
    fn minus_one() -> Self::Element;
    /// `self * b`.
    unsafe fn times(self, b: Self) -> Self;
    /// The product of two values.
    fn product(a: Self::Element, b: Self::Element) -> Self::Element;
    /// The sum of two values.
    fn plus(a: Self::Element, b: Self::Element) -> Self::Element;
}

/// The same address in a register of its own: a multiply-add that loads from a sum of two registers takes a place more in the
/// processor's queue.
#[inline(always)]
pub(super) fn in_register<T>(mut address: *const T) -> *const T {
    // SAFETY: no instruction at all.
    unsafe {
        std::arch::asm!("/* {0} */", inout(reg) address, options(pure, readonly, nostack, preserves_flags));
    }
    address
}

/// Has the cache line so many bytes ahead brought to the second-level cache, whether or not there is memory.
#[inline(always)]
pub(super) fn fetch<T>(from: *const T, ahead: isize) {
    let line = from.cast::<u8>().wrapping_offset(ahead);
    // SAFETY: a hint, of every machine of these kinds, which reads nothing that shows.
    unsafe {
        #[cfg(target_arch = "x86_64")]
        std::arch::x86_64::_mm_prefetch::<{ std::arch::x86_64::_MM_HINT_T1 }>(line.cast());
        #[cfg(target_arch = "aarch64")]
        std::arch::asm!("prfm pldl2keep, [{}]", in(reg) line, options(nostack, readonly, preserves_flags));
    }
}

/// Has a cache line that is going to be written brought to the first-level cache, whether or not there is memory.
#[inline(always)]
pub(super) fn claim<T>(line: *const T) {
    // SAFETY: a hint, of every machine of these kinds, which reads nothing that shows.
    unsafe {
        #[cfg(target_arch = "x86_64")]
        std::arch::asm!("prefetchw [{}]", in(reg) line, options(nostack, readonly, preserves_flags));
        #[cfg(target_arch = "aarch64")]
        std::arch::asm!("prfm pstl1keep, [{}]", in(reg) line, options(nostack, readonly, preserves_flags));
    }
}
