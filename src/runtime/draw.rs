//! Initial draws.
//!
//! Draws of one NumPy stream come from one `RandomState`, one after another, in the program's order.
//! All others are Philox 4x32-10, where a number depends on what it is and on nothing else:
//!
//! - the key is [`key`], a hash of the stream's seed and the draw's path;
//! - the counter is `[block, block >> 32, turn, run]`, where `block` is the element's row-major
//!   position over 4, `turn` the turn of the scan and `run` how often the step has run (both 0 here);
//! - the element takes word `position % 4` of the four, in f32 and f64 alike.
//!
//! With `u` a word's upper 24 bits over 2^24, in [0, 1):
//!
//! - uniform: `low + (high - low) * u`, never rounded up to `high`;
//! - normal (Box-Muller): elements 2j and 2j+1 are `r cos(t)` and `r sin(t)` with
//!   `r = sqrt(-2 ln(1 - u))` of the first word and `t = 2 pi u` of the second, times the standard
//!   deviation, plus the mean;
//! - bernoulli: `u < p`;
//! - binomial: the least k whose cumulative probability exceeds u;
//! - integers: `low + (word * (high - low) >> 32)`;
//! - permutation: the positions sorted by their words, equal words by position.
//!
//! Everything is computed in f64 and rounded once.

use crate::diag::{Diagnostic, codes};
use crate::ir::{Buffer, DType, Tensor, Type};
use crate::program::{Dist, Draw};
use crate::random::{RandomError, RandomState, philox4x32_10};

/// The key of a draw: FNV-1a (64 bits) over the seed's 8 bytes, lowest first, and the path's UTF-8,
/// then MurmurHash3's finaliser; lower half first.
pub fn key(seed: u64, path: &str) -> [u32; 2] {
    let mut hash: u64 = 0xcbf2_9ce4_8422_2325;
    for byte in seed.to_le_bytes().into_iter().chain(path.bytes()) {
        hash = (hash ^ u64::from(byte)).wrapping_mul(0x0000_0100_0000_01b3);
    }
    hash = (hash ^ (hash >> 33)).wrapping_mul(0xff51_afd7_ed55_8ccd);
    hash = (hash ^ (hash >> 33)).wrapping_mul(0xc4ce_b9fe_1a85_ec53);
    hash ^= hash >> 33;
    [hash as u32, (hash >> 32) as u32]
}

/// The words of elements 0 … count-1.
pub fn words(key: [u32; 2], count: usize, turn: u32, run: u32) -> Vec<u32> {
    let mut out = Vec::with_capacity(count.next_multiple_of(4));
    for block in 0..count.div_ceil(4) as u64 {
        out.extend(philox4x32_10([block as u32, (block >> 32) as u32, turn, run], key));
    }
    out.truncate(count);
    out
}

/// A word's upper 24 bits as a number in [0, 1).
pub fn unit(word: u32) -> f64 {
    f64::from(word >> 8) / 16_777_216.0
}

/// A Philox draw of the initial values.
pub fn philox(draw: &Draw, seed: u64, ty: &Type) -> Tensor {
    let count = ty.elements();
    let key = key(seed, &draw.path);
    let units = |count| words(key, count, 0, 0).into_iter().map(unit);
    let values: Vec<f64> = match &draw.dist {
        Dist::Uniform(low, high) => {
            units(count).map(|u| below(low + (high - low) * u, *low, *high, ty.dtype)).collect()
        }
        Dist::Normal(mean, deviation) => {
            let units: Vec<f64> = units(count.next_multiple_of(2)).collect();
            let pairs = units.chunks_exact(2).flat_map(|pair| {
                let radius = (-2.0 * libm::log(1.0 - pair[0])).sqrt();
                let angle = std::f64::consts::TAU * pair[1];
                [radius * libm::cos(angle), radius * libm::sin(angle)]
            });
            pairs.take(count).map(|z| mean + deviation * z).collect()
        }
        Dist::Bernoulli(p) => units(count).map(|u| f64::from(u8::from(u < *p))).collect(),
        Dist::Binomial(n, p) => units(count).map(|u| successes(*n, *p, u)).collect(),
        Dist::Integers(low, high) => {
            let width = high.abs_diff(*low);
            let scaled = |word: u32| ((u128::from(word) * u128::from(width)) >> 32) as i64;
            words(key, count, 0, 0).into_iter().map(|w| (low + scaled(w)) as f64).collect()
        }
        Dist::Permutation(n) => {
            let words = words(key, *n, 0, 0);
            let mut order: Vec<usize> = (0..*n).collect();
            order.sort_by_key(|i| (words[*i], *i));
            order.into_iter().map(|i| i as f64).collect()
        }
    };
    Tensor::from_f64s(ty.dtype, ty.shape.clone(), &values)
}

/// A draw of a NumPy stream.
pub fn numpy(draw: &Draw, state: &mut RandomState, ty: &Type) -> Result<Tensor, Diagnostic> {
    let count = ty.elements();
    let mistake =
        |error: RandomError| Diagnostic::error(codes::NUMBER, error.0).label(draw.span, "drawn here");
    let mut values = Vec::with_capacity(count);
    match &draw.dist {
        Dist::Uniform(low, high) => values.extend((0..count).map(|_| state.uniform(*low, *high))),
        Dist::Normal(mean, deviation) => values.extend((0..count).map(|_| state.normal(*mean, *deviation))),
        Dist::Bernoulli(p) => {
            for _ in 0..count {
                values.push(state.binomial(1, *p).map_err(mistake)? as f64);
            }
        }
        Dist::Binomial(n, p) => {
            for _ in 0..count {
                values.push(state.binomial(*n as i64, *p).map_err(mistake)? as f64);
            }
        }
        Dist::Integers(low, high) => {
            for _ in 0..count {
                values.push(state.randint(*low, *high).map_err(mistake)? as f64);
            }
        }
        Dist::Permutation(n) => values.extend(state.permutation(*n).into_iter().map(|v| v as f64)),
    }
    let data = Tensor::from_f64s(ty.dtype, ty.shape.clone(), &values);
    debug_assert!(!matches!(*data.data, Buffer::Bool(_)), "no distribution draws truth values");
    Ok(data)
}

/// A uniform number that rounding to the type must not lift to the upper bound.
fn below(value: f64, low: f64, high: f64, dtype: DType) -> f64 {
    match dtype {
        DType::F32 if low < high && value as f32 >= high as f32 => f64::from((high as f32).next_down()),
        DType::F64 if low < high && value >= high => high.next_down(),
        DType::F32 | DType::F64 | DType::I32 | DType::Bool => value,
    }
}

/// The least number of successes of n trials whose cumulative probability exceeds u.
fn successes(n: u64, p: f64, u: f64) -> f64 {
    if p <= 0.0 || p >= 1.0 {
        return if p >= 1.0 { n as f64 } else { 0.0 };
    }
    let ln_choose =
        |k: f64| libm::lgamma(n as f64 + 1.0) - libm::lgamma(k + 1.0) - libm::lgamma(n as f64 - k + 1.0);
    let mut cumulative = 0.0;
    for k in 0..n {
        let k = k as f64;
        cumulative += libm::exp(ln_choose(k) + k * libm::log(p) + (n as f64 - k) * libm::log1p(-p));
        if u < cumulative {
            return k;
        }
    }
    n as f64
}
