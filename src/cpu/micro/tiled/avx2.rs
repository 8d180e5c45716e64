//! The products with 256-bit vectors: 16 registers, of which a tile's sums take at most 12.

use super::register::Register;
use std::arch::x86_64::*;

products! {
    "avx2,fma", near 20 << 10;
    f32: __m256, lanes [
        (1, 1), (2, 1), (3, 1), (4, 1), (5, 1), (6, 1), (8, 1), (10, 1), (12, 1),
        (1, 2), (2, 2), (3, 2), (4, 2), (5, 2), (6, 2), (1, 3), (2, 3), (3, 3), (1, 4), (2, 4), (1, 8),
    ], dot of 2 [
        (1, 1), (1, 2), (1, 3), (1, 4), (1, 5), (1, 6), (1, 8), (2, 1), (2, 2), (2, 3), (2, 4), (2, 5), (2, 6),
        (3, 1), (3, 2), (3, 3), (3, 4), (4, 1), (4, 2), (4, 3), (5, 1), (5, 2), (6, 1), (6, 2), (8, 1),
    ];
    f64: __m256d, lanes [
        (1, 1), (2, 1), (4, 1), (5, 1), (6, 1), (8, 1), (12, 1),
        (1, 2), (2, 2), (4, 2), (5, 2), (6, 2), (1, 4), (2, 4), (1, 8),
    ], dot of 4 [
        (1, 1), (1, 2), (1, 3), (1, 4), (1, 5), (1, 6), (2, 1), (2, 2), (2, 3), (2, 4), (2, 5), (2, 6),
        (3, 1), (3, 2), (3, 3), (3, 4), (4, 1), (4, 2), (4, 3), (5, 1), (5, 2), (6, 1), (6, 2),
    ];
}

// SAFETY of both: the trait's methods are only called where AVX2 and FMA are, on memory that the
// caller vouches for; masked loads and stores do not touch what is masked out.

impl Register for __m256 {
    type Element = f32;
    type Mask = __m256i;
    const LANES: usize = 8;

    #[inline(always)]
    unsafe fn zero() -> Self {
        // SAFETY: see above.
        unsafe { _mm256_setzero_ps() }
    }

    #[inline(always)]
    unsafe fn splat(value: f32) -> Self {
        // SAFETY: see above.
        unsafe { _mm256_set1_ps(value) }
    }

    #[inline(always)]
    unsafe fn load(from: *const f32) -> Self {
        // SAFETY: see above.
        unsafe { _mm256_loadu_ps(from) }
    }

    #[inline(always)]
    unsafe fn store(self, to: *mut f32) {
        // SAFETY: see above.
        unsafe { _mm256_storeu_ps(to, self) }
    }

    #[inline(always)]
    unsafe fn first(count: usize) -> __m256i {
        // SAFETY: see above.
        unsafe {
            _mm256_cmpgt_epi32(_mm256_set1_epi32(count as i32), _mm256_setr_epi32(0, 1, 2, 3, 4, 5, 6, 7))
        }
    }

    #[inline(always)]
    unsafe fn load_masked(from: *const f32, mask: __m256i) -> Self {
        // SAFETY: see above.
        unsafe { _mm256_maskload_ps(from, mask) }
    }

    #[inline(always)]
    unsafe fn store_masked(self, to: *mut f32, mask: __m256i) {
        // SAFETY: see above.
        unsafe { _mm256_maskstore_ps(to, mask, self) }
    }

    #[inline(always)]
    unsafe fn nonzeros(self) -> u64 {
        // SAFETY: see above.
        unsafe { _mm256_movemask_ps(_mm256_cmp_ps::<_CMP_NEQ_UQ>(self, Self::zero())) as u64 }
    }

    #[inline(always)]
    unsafe fn add(self, b: Self) -> Self {
        // SAFETY: see above.
        unsafe { _mm256_add_ps(self, b) }
    }

    #[inline(always)]
    unsafe fn times(self, b: Self) -> Self {
        // SAFETY: see above.
        unsafe { _mm256_mul_ps(self, b) }
    }

    fn minus_one() -> f32 {
        -1.0
    }

    fn product(a: f32, b: f32) -> f32 {
        a * b
    }

    #[inline(always)]
    unsafe fn fma(self, b: Self, c: Self) -> Self {
        // SAFETY: see above.
        unsafe { _mm256_fmadd_ps(self, b, c) }
    }

    #[inline(always)]
    unsafe fn fma_masked(self, b: Self, c: Self, mask: __m256i) -> Self {
        // SAFETY: see above.
        unsafe { _mm256_blendv_ps(c, _mm256_fmadd_ps(self, b, c), _mm256_castsi256_ps(mask)) }
    }

    #[inline(always)]
    unsafe fn tree<const PARTS: usize>(parts: [Self; PARTS]) -> f32 {
        // SAFETY: see above.
        unsafe {
            let eight = _mm256_add_ps(parts[0], parts[PARTS - 1]);
            let four = _mm_add_ps(_mm256_castps256_ps128(eight), _mm256_extractf128_ps::<1>(eight));
            let two = _mm_add_ps(four, _mm_movehl_ps(four, four));
            _mm_cvtss_f32(_mm_add_ss(two, _mm_shuffle_ps::<1>(two, two)))
        }
    }

    #[inline(always)]
    unsafe fn trees<const PARTS: usize>(four: [[Self; PARTS]; 4]) -> [f32; 4] {
        // SAFETY: see above.
        unsafe {
            let mut eights = [Self::zero(); 4];
            for (eight, parts) in eights.iter_mut().zip(four) {
                *eight = _mm256_add_ps(parts[0], parts[PARTS - 1]);
            }
            four_sums(eights)
        }
    }

    #[inline(always)]
    fn plus(a: f32, b: f32) -> f32 {
        a + b
    }
}

/// The sums of four vectors: lanes 4 apart are added, then those 2 apart, then neighbours.
#[inline(always)]
pub(super) unsafe fn four_sums([p, q, r, s]: [__m256; 4]) -> [f32; 4] {
    // SAFETY: see above.
    unsafe {
        // Two sums of four lanes each to a vector; then four of two; then four.
        let pq = _mm256_add_ps(_mm256_permute2f128_ps::<0x20>(p, q), _mm256_permute2f128_ps::<0x31>(p, q));
        let rs = _mm256_add_ps(_mm256_permute2f128_ps::<0x20>(r, s), _mm256_permute2f128_ps::<0x31>(r, s));
        let two = _mm256_add_ps(_mm256_shuffle_ps::<0x44>(pq, rs), _mm256_shuffle_ps::<0xee>(pq, rs));
        let one = _mm256_add_ps(two, _mm256_movehdup_ps(two));
        let (low, high) = (_mm256_castps256_ps128(one), _mm256_extractf128_ps::<1>(one));
        // p and r stand in the low half, q and s in the high one.
        let mut sums = [0.0; 4];
        _mm_storeu_ps(
            sums.as_mut_ptr(),
            _mm_unpacklo_ps(_mm_shuffle_ps::<0x88>(low, low), _mm_shuffle_ps::<0x88>(high, high)),
        );
        sums
    }
}

impl Register for __m256d {
    type Element = f64;
    type Mask = __m256i;
    const LANES: usize = 4;

    #[inline(always)]
    unsafe fn zero() -> Self {
        // SAFETY: see above.
        unsafe { _mm256_setzero_pd() }
    }

    #[inline(always)]
    unsafe fn splat(value: f64) -> Self {
        // SAFETY: see above.
        unsafe { _mm256_set1_pd(value) }
    }

    #[inline(always)]
    unsafe fn load(from: *const f64) -> Self {
        // SAFETY: see above.
        unsafe { _mm256_loadu_pd(from) }
    }

    #[inline(always)]
    unsafe fn store(self, to: *mut f64) {
        // SAFETY: see above.
        unsafe { _mm256_storeu_pd(to, self) }
    }

    #[inline(always)]
    unsafe fn first(count: usize) -> __m256i {
        // SAFETY: see above.
        unsafe { _mm256_cmpgt_epi64(_mm256_set1_epi64x(count as i64), _mm256_setr_epi64x(0, 1, 2, 3)) }
    }

    #[inline(always)]
    unsafe fn load_masked(from: *const f64, mask: __m256i) -> Self {
        // SAFETY: see above.
        unsafe { _mm256_maskload_pd(from, mask) }
    }

    #[inline(always)]
    unsafe fn store_masked(self, to: *mut f64, mask: __m256i) {
        // SAFETY: see above.
        unsafe { _mm256_maskstore_pd(to, mask, self) }
    }

    #[inline(always)]
    unsafe fn nonzeros(self) -> u64 {
        // SAFETY: see above.
        unsafe { _mm256_movemask_pd(_mm256_cmp_pd::<_CMP_NEQ_UQ>(self, Self::zero())) as u64 }
    }

    #[inline(always)]
    unsafe fn add(self, b: Self) -> Self {
        // SAFETY: see above.
        unsafe { _mm256_add_pd(self, b) }
    }

    #[inline(always)]
    unsafe fn times(self, b: Self) -> Self {
        // SAFETY: see above.
        unsafe { _mm256_mul_pd(self, b) }
    }

    fn minus_one() -> f64 {
        -1.0
    }

    fn product(a: f64, b: f64) -> f64 {
        a * b
    }

    #[inline(always)]
    unsafe fn fma(self, b: Self, c: Self) -> Self {
        // SAFETY: see above.
        unsafe { _mm256_fmadd_pd(self, b, c) }
    }

    #[inline(always)]
    unsafe fn fma_masked(self, b: Self, c: Self, mask: __m256i) -> Self {
        // SAFETY: see above.
        unsafe { _mm256_blendv_pd(c, _mm256_fmadd_pd(self, b, c), _mm256_castsi256_pd(mask)) }
    }

    #[inline(always)]
    unsafe fn tree<const PARTS: usize>(parts: [Self; PARTS]) -> f64 {
        // SAFETY: see above.
        unsafe {
            let low = _mm256_add_pd(parts[0], parts[PARTS / 2]);
            let high = _mm256_add_pd(parts[1], parts[PARTS - 1]);
            let four = _mm256_add_pd(low, high);
            let two = _mm_add_pd(_mm256_castpd256_pd128(four), _mm256_extractf128_pd::<1>(four));
            _mm_cvtsd_f64(_mm_add_sd(two, _mm_unpackhi_pd(two, two)))
        }
    }

    #[inline(always)]
    fn plus(a: f64, b: f64) -> f64 {
        a + b
    }
}
