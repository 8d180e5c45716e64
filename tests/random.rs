//! The generators against recorded draws of NumPy and the published Philox vectors.

use dlc::random::philox::philox4x32;
use dlc::random::{RandomState, philox4x32_10, uniform01};
use serde_json::Value;

fn golden(name: &str) -> Value {
    let path = format!("{}/tests/golden/{name}", env!("CARGO_MANIFEST_DIR"));
    serde_json::from_str(&std::fs::read_to_string(path).unwrap()).unwrap()
}

/// The number that Python's `float.hex` wrote: exact, unlike most decimal forms.
fn from_hex(value: &Value) -> f64 {
    let text = value.as_str().unwrap();
    let (sign, text) = text.strip_prefix('-').map_or((1.0, text), |rest| (-1.0, rest));
    let (digits, exponent) = text.strip_prefix("0x").unwrap().split_once('p').unwrap();
    let (whole, part) = digits.split_once('.').unwrap_or((digits, ""));
    let mantissa = u64::from_str_radix(&format!("{whole}{part}"), 16).unwrap() as f64;
    sign * mantissa * 2f64.powi(exponent.parse::<i32>().unwrap() - 4 * part.len() as i32)
}

fn hexes(value: &Value) -> Vec<u64> {
    value.as_array().unwrap().iter().map(|v| from_hex(v).to_bits()).collect()
}

fn ints(value: &Value) -> Vec<i64> {
    value.as_array().unwrap().iter().map(|v| v.as_i64().unwrap()).collect()
}

fn draw<T>(seed: u32, n: usize, mut next: impl FnMut(&mut RandomState) -> T) -> Vec<T> {
    let mut state = RandomState::new(seed);
    (0..n).map(|_| next(&mut state)).collect()
}

fn each_seed(mut check: impl FnMut(u32, &Value)) {
    let all = golden("randomstate.json");
    for seed in [0u32, 123, 1234, 23455, 89677, u32::MAX] {
        check(seed, &all[seed.to_string()]);
    }
}

#[test]
fn words_and_doubles() {
    each_seed(|seed, want| {
        let state = RandomState::new(seed);
        let (key, position, cached) = state.state();
        let first: Vec<i64> = key[..4].iter().map(|&w| i64::from(w)).collect();
        let last: Vec<i64> = key[622..].iter().map(|&w| i64::from(w)).collect();
        assert_eq!(first, ints(&want["state_after_seeding"]["key_first_4"]));
        assert_eq!(last, ints(&want["state_after_seeding"]["key_last_2"]));
        assert_eq!((position, cached), (624, None));
        let words = draw(seed, 628, |r| i64::from(r.next_u32()));
        assert_eq!(words[..8], ints(&want["raw_uint32"]));
        assert_eq!(words[624..], ints(&want["raw_uint32_625th_to_628th"]));
        let bits = |n, f: fn(&mut RandomState) -> f64| draw(seed, n, |r| f(r).to_bits());
        assert_eq!(bits(8, RandomState::random_sample), hexes(&want["random_sample_hex"]));
        assert_eq!(bits(6, RandomState::random_sample), hexes(&want["rand_2_3_hex"]));
        assert_eq!(bits(8, |r| r.uniform(-1.0, 1.0)), hexes(&want["uniform_-1_1_hex"]));
        let uneven = draw(seed, 1000, |r| r.uniform(-0.0765, 0.0765));
        let check = &want["uniform_asymmetric_bounds_check"];
        assert_eq!(uneven[999], from_hex(&check["value_999_hex"]));
        assert_eq!(uneven.iter().fold(0.0, |sum, u| sum + u), from_hex(&check["sum_hex"]));
    });
}

#[test]
fn normals() {
    each_seed(|seed, want| {
        let bits = |n, mu, sigma| draw(seed, n, |r| r.normal(mu, sigma).to_bits());
        assert_eq!(bits(8, 0.0, 1.0), hexes(&want["normal_hex"]));
        assert_eq!(bits(6, 0.0, 1.0), hexes(&want["randn_2_3_hex"]));
        assert_eq!(bits(4, 2.0, 3.0), hexes(&want["normal_loc2_scale3_hex"]));
        assert_eq!(
            draw(seed, 10_000, |r| r.normal(0.0, 1.0))[9999],
            from_hex(&want["standard_normal_10000th_hex"])
        );
        let mut r = RandomState::new(seed);
        let mixed = [r.normal(0.0, 1.0), r.random_sample(), r.normal(0.0, 1.0)].map(f64::to_bits);
        assert_eq!(mixed.to_vec(), hexes(&want["normal_then_uniform_then_normal"]));
    });
}

#[test]
fn binomials() {
    each_seed(|seed, want| {
        for (n, p, count, name) in [
            (1, 0.3, 32, "binomial_n1_p0.3"),
            (1, 0.7, 32, "binomial_n1_p0.7"),
            (1, 0.5, 32, "binomial_n1_p0.5"),
            (10, 0.3, 16, "binomial_n10_p0.3"),
        ] {
            assert_eq!(draw(seed, count, |r| r.binomial(n, p).unwrap()), ints(&want[name]), "{seed} {name}");
        }
        let mut r = RandomState::new(seed);
        for _ in 0..4 {
            r.binomial(1, 0.3).unwrap();
        }
        assert_eq!(r.random_sample(), from_hex(&want["random_sample_after_4_binomials_n1"]));
    });
    let mut r = RandomState::new(0);
    assert!(r.binomial(200, 0.4).is_err());
    assert!(r.binomial(1, 1.5).is_err());
    assert!(r.binomial(1, f64::NAN).is_err());
    assert!(r.binomial(-1, 0.5).is_err());
}

#[test]
fn whole_numbers_and_orders() {
    each_seed(|seed, want| {
        for (low, high, name) in [
            (0, 1 << 30, "randint_2**30_size8"),
            (0, 10, "randint_10_size16"),
            (0, 1000, "randint_1000_size8"),
            (-5, 5, "randint_-5_to_5_size8"),
            (0, 1 << 40, "randint_2**40_size4"),
        ] {
            let expected = ints(&want[name]);
            let drawn = draw(seed, expected.len(), |r| r.randint(low, high).unwrap());
            assert_eq!(drawn, expected, "{seed} {name}");
        }
        let mut r = RandomState::new(seed);
        assert_eq!(r.randint(0, 1), Ok(0));
        assert_eq!(r.random_sample(), from_hex(&want["randint_1_then_random_sample_hex"][1]));
        let mut r = RandomState::new(seed);
        r.randint(0, 1 << 30).unwrap();
        let after: Vec<u64> = (0..4).map(|_| r.uniform(-1.0, 1.0).to_bits()).collect();
        assert_eq!(after, hexes(&want["uniform_after_one_randint_hex"]));
        assert_eq!(RandomState::new(seed).permutation(10), ints(&want["permutation_10"]));
        let mut rows: Vec<Vec<i64>> = (0..6).map(|i| vec![2 * i, 2 * i + 1]).collect();
        RandomState::new(seed).shuffle(&mut rows);
        assert_eq!(serde_json::to_value(rows).unwrap(), want["shuffle_6x2"]);
        let long = RandomState::new(seed).permutation(50_000);
        assert_eq!(long[..8], ints(&want["permutation_50000"]["first_8"]));
        assert_eq!(long[49_996..], ints(&want["permutation_50000"]["last_4"]));
    });
    let mut r = RandomState::new(1);
    assert!(r.randint(3, 3).is_err());
    assert!(r.randint(i64::MIN, i64::MAX).is_ok());
}

#[test]
fn initial_weights_of_the_models() {
    let all = golden("randomstate.json");
    let check = |r: &mut RandomState, name: &str, fan: f64, gain: f64| {
        let want = &all["initial_weights"][name];
        let count: i64 = ints(&want["shape"]).iter().product();
        let bound = gain * (6.0 / fan).sqrt();
        let drawn: Vec<f64> = (0..count).map(|_| r.uniform(-bound, bound)).collect();
        let bits: Vec<u64> = drawn.iter().map(|w| w.to_bits()).collect();
        assert_eq!(bits[..4], hexes(&want["first_4_hex"]), "{name}");
        assert_eq!(bits[bits.len() - 2..], hexes(&want["last_2_hex"]), "{name}");
        let rounded: Vec<i64> = drawn[..4].iter().map(|&w| i64::from((w as f32).to_bits())).collect();
        assert_eq!(rounded, ints(&want["first_4_f32_bits"]), "{name}");
    };
    check(&mut RandomState::new(1234), "mlp_W1", 1284.0, 1.0);
    let mut r = RandomState::new(123);
    r.randint(0, 1 << 30).unwrap();
    check(&mut r, "da_rbm_W", 1284.0, 4.0);
    let chosen = r.randint(0, 10_000 - 20).unwrap();
    assert_eq!(Some(chosen), all["rbm_first_test_image_of_the_sampling_run"]["index"].as_i64());
    let mut r = RandomState::new(23455);
    check(&mut r, "lenet_W0", 150.0, 1.0);
    check(&mut r, "lenet_W1", 812.0, 1.0);
    check(&mut r, "lenet_W2", 1300.0, 1.0);
    let mut r = RandomState::new(89677);
    r.randint(0, 1 << 30).unwrap();
    check(&mut r, "sda_W1", 1784.0, 4.0);
    check(&mut r, "sda_W2", 2000.0, 4.0);
    check(&mut r, "sda_W3", 2000.0, 4.0);
}

/// Three uniforms of each tutorial's seed, and a small Glorot matrix.
#[test]
fn c104_uniforms_and_a_glorot_matrix() {
    let three = |seed| draw(seed, 3, RandomState::random_sample);
    assert_eq!(three(123), [0.6964691855978616, 0.28613933495037946, 0.2268514535642031]);
    assert_eq!(three(1234), [0.1915194503788923, 0.6221087710398319, 0.4377277390071145]);
    assert_eq!(three(89677), [0.9955583932488575, 0.6804154003890377, 0.14963482901308445]);
    let bound = (6.0f64 / 5.0).sqrt();
    assert_eq!(bound, 1.0954451150103321);
    assert_eq!(
        draw(1234, 6, |r| r.uniform(-bound, bound)),
        [
            -0.6758470223162896,
            0.2675269134709979,
            -0.1364316882106098,
            0.6251893331110308,
            0.6133962626496268,
            -0.49822463932071326
        ]
    );
}

#[test]
fn a_restored_state_goes_on_alike() {
    let mut r = RandomState::new(7);
    for _ in 0..1001 {
        r.normal(0.0, 1.0);
    }
    let (key, position, cached) = r.state();
    let mut again = RandomState::from_state(key, position, cached).unwrap();
    for _ in 0..1000 {
        assert_eq!(r.normal(0.0, 1.0).to_bits(), again.normal(0.0, 1.0).to_bits());
    }
    assert!(RandomState::from_state(&[1, 2], 0, None).is_none());
    assert!(RandomState::from_state(&[0; 624], 625, None).is_none());
}

#[test]
fn philox_vectors() {
    let all = golden("philox4x32.json");
    let words = |v: &Value| -> Vec<u32> {
        v.as_array().unwrap().iter().map(|w| u32::from_str_radix(w.as_str().unwrap(), 16).unwrap()).collect()
    };
    let lists = [&all["published"]["vectors"], &all["computed_here"]];
    let mut seen = 0;
    for vector in lists.into_iter().flat_map(|list| list.as_array().unwrap()) {
        let counter: [u32; 4] = words(&vector["counter"]).try_into().unwrap();
        let key: [u32; 2] = words(&vector["key"]).try_into().unwrap();
        let rounds = vector["rounds"].as_u64().unwrap() as u32;
        assert_eq!(philox4x32(counter, key, rounds).to_vec(), words(&vector["output"]));
        if rounds == 10 {
            assert_eq!(philox4x32_10(counter, key), philox4x32(counter, key, 10));
        }
        seen += 1;
    }
    assert_eq!(seen, 14);
}

#[test]
fn uniform01_stays_below_one() {
    assert_eq!(uniform01(0), 0.0);
    assert_eq!(uniform01(255), 0.0);
    assert_eq!(uniform01(256), 1.0 / 16_777_216.0);
    assert_eq!(uniform01(0x8000_0000), 0.5);
    assert_eq!(uniform01(u32::MAX), 1.0 - 1.0 / 16_777_216.0);
}
