//! Draws made before the run: initial weights, fixed noise, numbers the program picks.
//!
//! A draw from NumPy's stream is sequential: every draw of the stream above it is made first. A
//! draw from Philox depends on its identity alone. Its key is [`identity_key`]; the counter is the
//! element's block of four, then the turn of the scan and the run of the step, which are 0 here; one
//! 32-bit word w an element:
//!
//! - uniform(a, b): a + (b - a) u, u the upper 24 bits of w over 2^24;
//! - bernoulli(p): u < p;
//! - normal(m, s): m + s sqrt(-2 ln v) cos(2 pi t) for the even element of a pair and sin for the
//!   odd one, v = (w + 1/2) / 2^32 of the even word and t of the odd one (Box and Muller 1958);
//! - integers(l, h): l + the upper word of w (h - l);
//! - permutation(n): the order of the words, equal ones by position;
//! - binomial(n, p): the least k whose cumulative probability exceeds (w + 1/2) / 2^32.

use super::{RandomState, philox4x32_10};
use crate::program::{Dist, Draw, StreamSource};

/// What was drawn, in row-major order.
#[derive(Clone, Debug, PartialEq)]
pub enum Drawn {
    /// Reals, before rounding to the program's precision.
    Real(Vec<f64>),
    /// Whole numbers.
    Int(Vec<i64>),
}

/// The seed of a stream without one: from its name and the program's seed.
pub fn named_seed(name: &str, seed: u64) -> u64 {
    hash(seed, name)
}

/// The Philox key of a draw: a 64-bit FNV-1a hash of the stream's seed and the draw's path.
pub fn identity_key(seed: u64, path: &str) -> [u32; 2] {
    let h = hash(seed, path);
    [h as u32, (h >> 32) as u32]
}

fn hash(seed: u64, text: &str) -> u64 {
    let bytes = seed.to_le_bytes().into_iter().chain(text.bytes());
    bytes.fold(0xcbf2_9ce4_8422_2325, |h, b| (h ^ u64::from(b)).wrapping_mul(0x0100_0000_01b3))
}

/// Makes all draws, those of each NumPy stream in order.
pub fn draw_all(draws: &[Draw]) -> Result<Vec<Drawn>, String> {
    one_by_one(draws).collect()
}

/// The same, each made when it is asked for.
pub fn one_by_one(draws: &[Draw]) -> impl Iterator<Item = Result<Drawn, String>> {
    let mut states: Vec<(usize, RandomState)> = Vec::new();
    draws.iter().map(move |draw| one(draw, &mut states))
}

/// The number of a draw without axes; the draws of its stream above it are made for it.
pub fn draw_number(draws: &[Draw], index: usize) -> Result<f64, String> {
    let mut states = Vec::new();
    let wanted = &draws[index];
    for draw in &draws[..index] {
        if draw.stream == wanted.stream && matches!(draw.stream, StreamSource::Numpy { .. }) {
            one(draw, &mut states)?;
        }
    }
    Ok(match one(wanted, &mut states)? {
        Drawn::Real(v) => v[0],
        Drawn::Int(v) => v[0] as f64,
    })
}

/// The numbers of a draw of the schedule the time `run` that it is made, from 0: the counter's last
/// word. Its stream is Philox.
pub fn draw_in_run(draw: &Draw, run: u32) -> Drawn {
    let n = draw.ty.shape.iter().product();
    match &draw.stream {
        StreamSource::Philox { seed } => counted(&draw.dist, n, identity_key(*seed, &draw.path), run),
        StreamSource::Numpy { .. } => unreachable!("NumPy's generator serves draws before the run"),
    }
}

fn one(draw: &Draw, states: &mut Vec<(usize, RandomState)>) -> Result<Drawn, String> {
    let n: usize = draw.ty.shape.iter().product();
    match &draw.stream {
        StreamSource::Numpy { seed, index } => {
            let at = match states.iter().position(|(i, _)| i == index) {
                Some(at) => at,
                None => {
                    states.push((*index, RandomState::new(*seed)));
                    states.len() - 1
                }
            };
            sequential(&draw.dist, n, &mut states[at].1)
        }
        StreamSource::Philox { seed } => Ok(counted(&draw.dist, n, identity_key(*seed, &draw.path), 0)),
    }
}

fn sequential(dist: &Dist, n: usize, state: &mut RandomState) -> Result<Drawn, String> {
    let successes = |trials: i64, p: f64, state: &mut RandomState| -> Result<Drawn, String> {
        let draws = (0..n).map(|_| state.binomial(trials, p).map(|v| v as f64).map_err(|e| e.to_string()));
        Ok(Drawn::Real(draws.collect::<Result<_, _>>()?))
    };
    match dist {
        Dist::Uniform(a, b) => Ok(Drawn::Real((0..n).map(|_| state.uniform(*a, *b)).collect())),
        Dist::Normal(m, s) => Ok(Drawn::Real((0..n).map(|_| state.normal(*m, *s)).collect())),
        Dist::Bernoulli(p) => successes(1, *p, state),
        Dist::Binomial(trials, p) => successes(*trials as i64, *p, state),
        Dist::Integers(low, high) => {
            let draws = (0..n).map(|_| state.randint(*low, *high).map_err(|e| e.to_string()));
            Ok(Drawn::Int(draws.collect::<Result<_, _>>()?))
        }
        Dist::Permutation(_) => Ok(Drawn::Int(state.permutation(n))),
    }
}

/// One word for each element.
fn words(n: usize, key: [u32; 2], run: u32) -> Vec<u32> {
    let blocks =
        (0..n.div_ceil(4) as u64).flat_map(|b| philox4x32_10([b as u32, (b >> 32) as u32, 0, run], key));
    blocks.take(n.next_multiple_of(2)).collect()
}

fn counted(dist: &Dist, n: usize, key: [u32; 2], run: u32) -> Drawn {
    let words = words(n, key, run);
    let open = |w: u32| (f64::from(w) + 0.5) / 4_294_967_296.0;
    let unit = |w: u32| f64::from(super::uniform01(w));
    let elements = words[..n].iter().copied();
    match dist {
        Dist::Uniform(a, b) => Drawn::Real(elements.map(|w| a + (b - a) * unit(w)).collect()),
        Dist::Bernoulli(p) => Drawn::Real(elements.map(|w| f64::from(u8::from(unit(w) < *p))).collect()),
        Dist::Normal(m, s) => {
            let pairs = words.chunks_exact(2).flat_map(|w| {
                // The crate's functions, because the platform's differ from one machine to the next.
                let radius = (-2.0 * libm::log(open(w[0]))).sqrt();
                let angle = 2.0 * std::f64::consts::PI * open(w[1]);
                [m + s * radius * libm::cos(angle), m + s * radius * libm::sin(angle)]
            });
            Drawn::Real(pairs.take(n).collect())
        }
        Dist::Binomial(trials, p) => Drawn::Real(elements.map(|w| quantile(*trials, *p, open(w))).collect()),
        Dist::Integers(low, high) => {
            let range = (high - low) as u128;
            Drawn::Int(elements.map(|w| low + ((u128::from(w) * range) >> 32) as i64).collect())
        }
        Dist::Permutation(_) => {
            let mut order: Vec<i64> = (0..n as i64).collect();
            order.sort_by_key(|i| (words[*i as usize], *i));
            Drawn::Int(order)
        }
    }
}

fn quantile(trials: u64, p: f64, u: f64) -> f64 {
    if p >= 1.0 {
        return trials as f64;
    }
    let mut probability = libm::pow(1.0 - p, trials as f64);
    let mut total = probability;
    let mut k = 0;
    while total <= u && k < trials {
        probability *= (trials - k) as f64 / (k + 1) as f64 * p / (1.0 - p);
        total += probability;
        k += 1;
    }
    k as f64
}
