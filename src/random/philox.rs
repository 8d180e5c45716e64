//! Philox 4x32 (Salmon and others, 2011): a pure function from a counter and a key to four words.

const MULTIPLIERS: [u32; 2] = [0xd251_1f53, 0xcd9e_8d57];
const WEYL: [u32; 2] = [0x9e37_79b9, 0xbb67_ae85];

/// The four words that ten rounds make of a counter and a key.
pub fn philox4x32_10(counter: [u32; 4], key: [u32; 2]) -> [u32; 4] {
    philox4x32(counter, key, 10)
}

/// The same with another number of rounds; ten are the published default.
pub fn philox4x32(counter: [u32; 4], key: [u32; 2], rounds: u32) -> [u32; 4] {
    let (mut c, mut k) = (counter, key);
    for _ in 0..rounds {
        let (high0, low0) = wide_product(MULTIPLIERS[0], c[0]);
        let (high1, low1) = wide_product(MULTIPLIERS[1], c[2]);
        c = [high1 ^ c[1] ^ k[0], low1, high0 ^ c[3] ^ k[1], low0];
        k[0] = k[0].wrapping_add(WEYL[0]);
        k[1] = k[1].wrapping_add(WEYL[1]);
    }
    c
}

/// The number in `0..1` made of a word's upper 24 bits: every multiple of 2^-24 is equally likely.
pub fn uniform01(word: u32) -> f32 {
    (word >> 8) as f32 * (1.0 / 16_777_216.0)
}

fn wide_product(a: u32, b: u32) -> (u32, u32) {
    let product = u64::from(a) * u64::from(b);
    ((product >> 32) as u32, product as u32)
}
