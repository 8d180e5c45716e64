//! The Mersenne Twister MT19937 of Matsumoto and Nishimura: 32-bit words from 624 words of state.

const N: usize = 624;
const M: usize = 397;

/// The generator's state.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Mt19937 {
    key: Vec<u32>,
    position: usize,
}

impl Mt19937 {
    /// The state that the 1998 initialisation makes of a 32-bit seed.
    pub fn new(seed: u32) -> Mt19937 {
        let mut key = Vec::with_capacity(N);
        let mut word = seed;
        key.push(word);
        for i in 1..N as u32 {
            word = 1_812_433_253u32.wrapping_mul(word ^ (word >> 30)).wrapping_add(i);
            key.push(word);
        }
        Mt19937 { key, position: N }
    }

    /// A state saved by [`Mt19937::key`] and [`Mt19937::position`]; `None` if it cannot be one.
    pub fn from_state(key: &[u32], position: usize) -> Option<Mt19937> {
        (key.len() == N && position <= N).then(|| Mt19937 { key: key.to_vec(), position })
    }

    /// The 624 words of state.
    pub fn key(&self) -> &[u32] {
        &self.key
    }

    /// How many of the words are used up.
    pub fn position(&self) -> usize {
        self.position
    }

    /// The next 32 bits.
    pub fn next_u32(&mut self) -> u32 {
        if self.position >= N {
            self.refill();
        }
        let mut y = self.key[self.position];
        self.position += 1;
        y ^= y >> 11;
        y ^= (y << 7) & 0x9d2c_5680;
        y ^= (y << 15) & 0xefc6_0000;
        y ^ (y >> 18)
    }

    /// The next 64 bits, the first word drawn being the high one.
    pub fn next_u64(&mut self) -> u64 {
        let high = u64::from(self.next_u32());
        (high << 32) | u64::from(self.next_u32())
    }

    /// The next multiple of 2^-53 in `0..1`, of two words.
    pub fn next_double(&mut self) -> f64 {
        let a = self.next_u32() >> 5;
        let b = self.next_u32() >> 6;
        (f64::from(a) * 67_108_864.0 + f64::from(b)) / 9_007_199_254_740_992.0
    }

    fn refill(&mut self) {
        for i in 0..N {
            let y = (self.key[i] & 0x8000_0000) | (self.key[(i + 1) % N] & 0x7fff_ffff);
            let odd = if y & 1 == 1 { 0x9908_b0df } else { 0 };
            self.key[i] = self.key[(i + M) % N] ^ (y >> 1) ^ odd;
        }
        self.position = 0;
    }
}
