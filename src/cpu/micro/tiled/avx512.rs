//! The products with 512-bit vectors: 32 registers, of which a tile's sums take at most 28.

use super::register::{MANY, Register};
use std::arch::x86_64::*;

products! {
    "avx512f,avx512vl", near 32 << 10;
    f32: __m512, lanes [
        (1, 1), (2, 1), (3, 1), (4, 1), (5, 1), (6, 1), (8, 1), (10, 1), (12, 1),
        (14, 1), (16, 1), (20, 1), (24, 1),
        (1, 2), (2, 2), (3, 2), (4, 2), (5, 2), (6, 2), (8, 2), (10, 2), (12, 2), (14, 2),
        (1, 4), (2, 4), (4, 4), (5, 4), (6, 4), (1, 8), (2, 8),
    ], dot of 1 [
        (1, 1), (1, 2), (1, 3), (1, 4), (1, 5), (1, 6), (1, 8), (1, 10),
        (2, 1), (2, 2), (2, 3), (2, 4), (2, 5), (2, 6), (2, 8), (2, 10),
        (3, 1), (3, 2), (3, 3), (3, 4), (3, 5), (3, 6), (4, 1), (4, 2), (4, 3), (4, 4), (4, 5), (4, 6),
        (5, 1), (5, 2), (5, 3), (5, 4), (8, 1), (10, 1),
    ];
    f64: __m512d, lanes [
        (1, 1), (2, 1), (4, 1), (5, 1), (8, 1), (10, 1), (12, 1), (20, 1),
        (1, 2), (2, 2), (4, 2), (5, 2), (8, 2), (10, 2), (1, 4), (2, 4), (5, 4), (1, 8),
    ], dot of 2 [
        (1, 1), (1, 2), (1, 3), (1, 4), (1, 5), (2, 1), (2, 2), (2, 3), (2, 4), (2, 5),
        (3, 1), (3, 2), (3, 3), (3, 4), (3, 5), (4, 1), (4, 2), (4, 3), (4, 4), (4, 5), (5, 1), (5, 2), (5, 3), (5, 4),
    ];
}

// SAFETY of both: the trait's methods are only called where AVX-512F is, on memory that the caller
// vouches for; masked loads and stores do not touch what is masked out.

impl Register for __m512 {
    type Element = f32;
    type Mask = __mmask16;
    const LANES: usize = 16;

    #[inline(always)]
    unsafe fn zero() -> Self {
        // SAFETY: see above.
        unsafe { _mm512_setzero_ps() }
    }

    #[inline(always)]
    unsafe fn splat(value: f32) -> Self {
        // SAFETY: see above.
        unsafe { _mm512_set1_ps(value) }
    }

    #[inline(always)]
    unsafe fn load(from: *const f32) -> Self {
        // SAFETY: see above.
        unsafe { _mm512_loadu_ps(from) }
    }

    #[inline(always)]
    unsafe fn store(self, to: *mut f32) {
        // SAFETY: see above.
        unsafe { _mm512_storeu_ps(to, self) }
    }

    #[inline(always)]
    unsafe fn first(count: usize) -> __mmask16 {
        ((1u32 << count) - 1) as __mmask16
    }

    #[inline(always)]
    unsafe fn load_masked(from: *const f32, mask: __mmask16) -> Self {
        // SAFETY: see above.
        unsafe { _mm512_maskz_loadu_ps(mask, from) }
    }

    #[inline(always)]
    unsafe fn store_masked(self, to: *mut f32, mask: __mmask16) {
        // SAFETY: see above.
        unsafe { _mm512_mask_storeu_ps(to, mask, self) }
    }

    #[inline(always)]
    unsafe fn nonzeros(self) -> u64 {
        // SAFETY: see above.
        unsafe { _mm512_cmp_ps_mask::<_CMP_NEQ_UQ>(self, Self::zero()).into() }
    }

    #[inline(always)]
    unsafe fn add(self, b: Self) -> Self {
        // SAFETY: see above.
        unsafe { _mm512_add_ps(self, b) }
    }

    #[inline(always)]
    unsafe fn times(self, b: Self) -> Self {
        // SAFETY: see above.
        unsafe { _mm512_mul_ps(self, b) }
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
        unsafe { _mm512_fmadd_ps(self, b, c) }
    }

    #[inline(always)]
    unsafe fn fma_masked(self, b: Self, c: Self, mask: __mmask16) -> Self {
        // SAFETY: see above.
        unsafe { _mm512_mask3_fmadd_ps(self, b, c, mask) }
    }

    #[inline(always)]
    unsafe fn tree<const PARTS: usize>(parts: [Self; PARTS]) -> f32 {
        // SAFETY: see above.
        unsafe {
            let all = _mm512_castps_pd(parts[0]);
            let high = _mm256_castpd_ps(_mm512_extractf64x4_pd::<1>(all));
            let eight = _mm256_add_ps(_mm512_castps512_ps256(parts[0]), high);
            let four = _mm_add_ps(_mm256_castps256_ps128(eight), _mm256_extractf128_ps::<1>(eight));
            let two = _mm_add_ps(four, _mm_movehl_ps(four, four));
            _mm_cvtss_f32(_mm_add_ss(two, _mm_shuffle_ps::<1>(two, two)))
        }
    }

    #[inline(always)]
    unsafe fn trees<const PARTS: usize>(four: [[Self; PARTS]; 4]) -> [f32; 4] {
        // SAFETY: see above.
        unsafe {
            let mut eights = [_mm256_setzero_ps(); 4];
            for (eight, parts) in eights.iter_mut().zip(four) {
                let high = _mm512_extractf64x4_pd::<1>(_mm512_castps_pd(parts[0]));
                *eight = _mm256_add_ps(_mm512_castps512_ps256(parts[0]), _mm256_castpd_ps(high));
            }
            super::avx2::four_sums(eights)
        }
    }

    #[inline(always)]
    unsafe fn many_trees<const PARTS: usize>(many: [[Self; PARTS]; MANY]) -> [f32; MANY] {
        // SAFETY: see above.
        unsafe {
            // Each step joins two vectors to one that has half as many partial sums of twice as many results, in the
            // end one of each, side by side.
            let of = |nth: usize| many[nth][0];
            let halves = |x: Self, y: Self| {
                _mm512_add_ps(_mm512_shuffle_f32x4::<0x44>(x, y), _mm512_shuffle_f32x4::<0xee>(x, y))
            };
            let quarters = |x: Self, y: Self| {
                _mm512_add_ps(_mm512_shuffle_f32x4::<0x88>(x, y), _mm512_shuffle_f32x4::<0xdd>(x, y))
            };
            let mut fours = [Self::zero(); 4];
            for (e, four) in fours.iter_mut().enumerate() {
                *four = quarters(halves(of(e), of(4 + e)), halves(of(8 + e), of(12 + e)));
            }
            let pairs = |x: Self, y: Self| {
                let (x, y) = (_mm512_castps_pd(x), _mm512_castps_pd(y));
                let (low, high) = (_mm512_unpacklo_pd(x, y), _mm512_unpackhi_pd(x, y));
                _mm512_add_ps(_mm512_castpd_ps(low), _mm512_castpd_ps(high))
            };
            let (x, y) = (pairs(fours[0], fours[1]), pairs(fours[2], fours[3]));
            let sums = _mm512_add_ps(_mm512_shuffle_ps::<0x88>(x, y), _mm512_shuffle_ps::<0xdd>(x, y));
            let mut all = [0.0; MANY];
            sums.store(all.as_mut_ptr());
            all
        }
    }

    #[inline(always)]
    fn plus(a: f32, b: f32) -> f32 {
        a + b
    }
}

impl Register for __m512d {
    type Element = f64;
    type Mask = __mmask8;
    const LANES: usize = 8;

    #[inline(always)]
    unsafe fn zero() -> Self {
        // SAFETY: see above.
        unsafe { _mm512_setzero_pd() }
    }

    #[inline(always)]
    unsafe fn splat(value: f64) -> Self {
        // SAFETY: see above.
        unsafe { _mm512_set1_pd(value) }
    }

    #[inline(always)]
    unsafe fn load(from: *const f64) -> Self {
        // SAFETY: see above.
        unsafe { _mm512_loadu_pd(from) }
    }

    #[inline(always)]
    unsafe fn store(self, to: *mut f64) {
        // SAFETY: see above.
        unsafe { _mm512_storeu_pd(to, self) }
    }

    #[inline(always)]
    unsafe fn first(count: usize) -> __mmask8 {
        ((1u32 << count) - 1) as __mmask8
    }

    #[inline(always)]
    unsafe fn load_masked(from: *const f64, mask: __mmask8) -> Self {
        // SAFETY: see above.
        unsafe { _mm512_maskz_loadu_pd(mask, from) }
    }

    #[inline(always)]
    unsafe fn store_masked(self, to: *mut f64, mask: __mmask8) {
        // SAFETY: see above.
        unsafe { _mm512_mask_storeu_pd(to, mask, self) }
    }

    #[inline(always)]
    unsafe fn nonzeros(self) -> u64 {
        // SAFETY: see above.
        unsafe { _mm512_cmp_pd_mask::<_CMP_NEQ_UQ>(self, Self::zero()).into() }
    }

    #[inline(always)]
    unsafe fn add(self, b: Self) -> Self {
        // SAFETY: see above.
        unsafe { _mm512_add_pd(self, b) }
    }

    #[inline(always)]
    unsafe fn times(self, b: Self) -> Self {
        // SAFETY: see above.
        unsafe { _mm512_mul_pd(self, b) }
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
        unsafe { _mm512_fmadd_pd(self, b, c) }
    }

    #[inline(always)]
    unsafe fn fma_masked(self, b: Self, c: Self, mask: __mmask8) -> Self {
        // SAFETY: see above.
        unsafe { _mm512_mask3_fmadd_pd(self, b, c, mask) }
    }

    #[inline(always)]
    unsafe fn tree<const PARTS: usize>(parts: [Self; PARTS]) -> f64 {
        // SAFETY: see above.
        unsafe {
            let eight = _mm512_add_pd(parts[0], parts[PARTS - 1]);
            let four = _mm256_add_pd(_mm512_castpd512_pd256(eight), _mm512_extractf64x4_pd::<1>(eight));
            let two = _mm_add_pd(_mm256_castpd256_pd128(four), _mm256_extractf128_pd::<1>(four));
            _mm_cvtsd_f64(_mm_add_sd(two, _mm_unpackhi_pd(two, two)))
        }
    }

    #[inline(always)]
    fn plus(a: f64, b: f64) -> f64 {
        a + b
    }
}
