//! The fuzz corpora of the data readers, replayed by the stable compiler, and random damage to them:
//! whatever the bytes, the readers return.

use std::path::PathBuf;

use dlc::data::{csv, idx, npy, npz, pickle, safetensors};
use proptest::prelude::*;
use proptest::sample::{Index, select};

fn corpus(target: &str) -> Vec<Vec<u8>> {
    let folder = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("fuzz/corpus").join(target);
    let mut paths: Vec<PathBuf> =
        std::fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path()).collect();
    paths.sort();
    let seeds: Vec<Vec<u8>> = paths.iter().map(|path| std::fs::read(path).unwrap()).collect();
    assert!(!seeds.is_empty());
    seeds
}

/// What the fuzz targets do, and a check that what was read is consistent.
fn read(target: &str, bytes: &[u8]) {
    let arrays = match target {
        "pickle" => pickle::parse(bytes, "fuzz").map(pickle::arrays).unwrap_or_default(),
        "idx" => idx::parse(bytes, "fuzz").map(|array| vec![(String::new(), array)]).unwrap_or_default(),
        _ => {
            let _ = csv::parse(bytes, "fuzz");
            let mut all = npz::parse(bytes, "fuzz").unwrap_or_default();
            all.extend(safetensors::parse(bytes, "fuzz").unwrap_or_default());
            all.extend(npy::parse(bytes, "fuzz").map(|array| (String::new(), array)));
            all
        }
    };
    for (name, array) in arrays {
        assert_eq!(array.shape.iter().product::<usize>(), array.len(), "{name}");
    }
}

#[test]
fn the_corpora_are_read_without_a_panic() {
    for target in ["pickle", "idx", "npz"] {
        for seed in corpus(target) {
            read(target, &seed);
            for end in 0..seed.len() {
                read(target, &seed[..end]);
            }
        }
    }
}

/// A seed with some bytes changed, a piece repeated elsewhere, and the end perhaps cut off.
fn damaged(target: &'static str) -> impl Strategy<Value = Vec<u8>> {
    let flips = prop::collection::vec((any::<Index>(), any::<u8>()), 0..6);
    let splice = prop::option::of((any::<Index>(), any::<Index>(), any::<Index>()));
    (select(corpus(target)), flips, splice, prop::option::of(any::<Index>())).prop_map(
        |(mut bytes, flips, splice, cut)| {
            for (at, value) in flips {
                let at = at.index(bytes.len());
                bytes[at] = value;
            }
            if let Some((from, to, at)) = splice {
                let (from, to, at) = (from.index(bytes.len()), to.index(bytes.len()), at.index(bytes.len()));
                let piece = bytes[from.min(to)..from.max(to)].to_vec();
                bytes.splice(at..at, piece);
            }
            if let Some(cut) = cut {
                bytes.truncate(cut.index(bytes.len()));
            }
            bytes
        },
    )
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 2000, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn damaged_pickles(bytes in damaged("pickle")) {
        read("pickle", &bytes);
    }

    #[test]
    fn damaged_idx_files(bytes in damaged("idx")) {
        read("idx", &bytes);
    }

    #[test]
    fn damaged_array_files(bytes in damaged("npz")) {
        read("npz", &bytes);
    }

    #[test]
    fn pickles_of_random_opcodes(
        bytes in prop::collection::vec(
            select(b"(.0122KK\x01\x01NNN)]}ttaeeudsqqhh\x00\x00\x01\x85\x86\x87\x88\x94Rb\x93".to_vec()),
            0..60,
        )
    ) {
        read("pickle", &bytes);
    }
}
