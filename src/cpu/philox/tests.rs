//! The words of every available instruction set against the generator.

use crate::cpu::{Isa, Routines};
use crate::random::philox4x32_10;

#[test]
fn words_are_those_of_the_elements() {
    let (key, turn, run) = ([0xdead_beef, 0x9234_5678], 0xf000_0001u32, 0x8765_4321u32);
    let packed = u64::from(key[0]) | u64::from(key[1]) << 32;
    let counter = u64::from(turn) | u64::from(run) << 32;
    for isa in Isa::ALL.into_iter().filter(|isa| isa.available()) {
        let strip = Routines::of(isa).philox;
        for first in [0, 1, 2, 3, 4, 1001, 4 * 0xffff_fffd, (1 << 40) + 2] {
            for n in (0..70).chain([1000]) {
                let mut dst = vec![7i32; n + 1];
                // SAFETY: room for n words.
                unsafe { strip(dst.as_mut_ptr(), n, first, packed, counter) };
                let word = |i: u64| {
                    let block = i / 4;
                    philox4x32_10([block as u32, (block >> 32) as u32, turn, run], key)[(i % 4) as usize]
                        as i32
                };
                let want: Vec<i32> = (first..first + n as u64).map(word).collect();
                assert_eq!(dst[..n], want, "{isa:?} from {first}, {n}");
                assert_eq!(dst[n], 7, "{isa:?} wrote beyond {n}");
            }
        }
    }
}
