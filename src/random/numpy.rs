//! NumPy's legacy generator `RandomState`, bit for bit: MT19937 and the distributions as they were
//! frozen in NumPy 1.16.

use std::fmt;

use super::mt19937::Mt19937;

/// `numpy.random.RandomState`.
#[derive(Clone, Debug, PartialEq)]
pub struct RandomState {
    words: Mt19937,
    /// The second normal of the last pair, not yet handed out.
    cached_normal: Option<f64>,
}

/// A draw that cannot be made.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RandomError(pub String);

impl fmt::Display for RandomError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl std::error::Error for RandomError {}

impl RandomState {
    /// The generator of a seed.
    pub fn new(seed: u32) -> RandomState {
        RandomState { words: Mt19937::new(seed), cached_normal: None }
    }

    /// A generator saved by [`RandomState::state`].
    pub fn from_state(key: &[u32], position: usize, cached_normal: Option<f64>) -> Option<RandomState> {
        Some(RandomState { words: Mt19937::from_state(key, position)?, cached_normal })
    }

    /// All there is to save: the words, how many are used up, and the pending normal.
    pub fn state(&self) -> (&[u32], usize, Option<f64>) {
        (self.words.key(), self.words.position(), self.cached_normal)
    }

    /// The next raw 32-bit word.
    pub fn next_u32(&mut self) -> u32 {
        self.words.next_u32()
    }

    /// Uniform in `0..1`.
    pub fn random_sample(&mut self) -> f64 {
        self.words.next_double()
    }

    /// Uniform in `low..high`.
    pub fn uniform(&mut self, low: f64, high: f64) -> f64 {
        // Two roundings: a fused multiply-add would give other bits.
        let scaled = (high - low) * self.random_sample();
        low + scaled
    }

    /// Normal with mean `mu` and standard deviation `sigma`.
    pub fn normal(&mut self, mu: f64, sigma: f64) -> f64 {
        let scaled = sigma * self.standard_normal();
        mu + scaled
    }

    /// How many of `n` trials of probability `p` succeed.
    pub fn binomial(&mut self, n: i64, p: f64) -> Result<i64, RandomError> {
        if n < 0 {
            return Err(RandomError(format!("binomial: n is {n}, it cannot be negative")));
        }
        if !(0.0..=1.0).contains(&p) {
            return Err(RandomError(format!("binomial: p is {p}, it must lie in 0 to 1")));
        }
        if p <= 0.5 { self.binomial_rare(n, p) } else { Ok(n - self.binomial_rare(n, 1.0 - p)?) }
    }

    /// A whole number in `low..high`.
    pub fn randint(&mut self, low: i64, high: i64) -> Result<i64, RandomError> {
        if low >= high {
            return Err(RandomError(format!("randint: no number lies in {low}..{high}")));
        }
        // The width fits 64 unsigned bits although the difference may not fit 63.
        let top = high.wrapping_sub(1).wrapping_sub(low) as u64;
        Ok(low.wrapping_add(self.bounded(top) as i64))
    }

    /// The numbers `0..n` in random order.
    pub fn permutation(&mut self, n: usize) -> Vec<i64> {
        let mut all: Vec<i64> = (0..n as i64).collect();
        self.shuffle(&mut all);
        all
    }

    /// Puts the items in random order.
    pub fn shuffle<T>(&mut self, items: &mut [T]) {
        for i in (1..items.len()).rev() {
            let j = self.bounded(i as u64) as usize;
            items.swap(i, j);
        }
    }

    /// The polar method: two normals a time, the second kept for the next call.
    fn standard_normal(&mut self) -> f64 {
        if let Some(cached) = self.cached_normal.take() {
            return cached;
        }
        loop {
            let x1 = 2.0 * self.random_sample() - 1.0;
            let x2 = 2.0 * self.random_sample() - 1.0;
            let r2 = x1 * x1 + x2 * x2;
            if r2 > 0.0 && r2 < 1.0 {
                let f = (-2.0 * r2.ln() / r2).sqrt();
                self.cached_normal = Some(f * x1);
                return f * x2;
            }
        }
    }

    /// Uniform on `0..=top`: masked words, thrown away while above `top`.
    fn bounded(&mut self, top: u64) -> u64 {
        if top == 0 {
            return 0;
        }
        let mask = u64::MAX >> top.leading_zeros();
        loop {
            let word = if top <= u64::from(u32::MAX) {
                u64::from(self.words.next_u32())
            } else {
                self.words.next_u64()
            };
            if word & mask <= top {
                return word & mask;
            }
        }
    }

    /// By inversion, for `p <= 0.5`.
    fn binomial_rare(&mut self, n: i64, p: f64) -> Result<i64, RandomError> {
        let mean = n as f64 * p;
        if mean > 30.0 {
            return Err(RandomError(format!(
                "binomial: n·p = {mean} (of the rarer outcome) is above 30, where NumPy changes to another method (BTPE) that is not built"
            )));
        }
        let q = 1.0 - p;
        let none = (n as f64 * q.ln()).exp();
        let bound = (n as f64).min(mean + 10.0 * (mean * q + 1.0).sqrt()) as i64;
        let (mut x, mut px, mut u) = (0i64, none, self.random_sample());
        while u > px {
            x += 1;
            if x > bound {
                // The rounded probabilities may add up to less than `u`: draw again.
                (x, px, u) = (0, none, self.random_sample());
            } else {
                u -= px;
                px = ((n - x + 1) as f64 * p * px) / (x as f64 * q);
            }
        }
        Ok(x)
    }
}
