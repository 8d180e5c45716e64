//! Any bytes as a pickle.
#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| {
    if let Ok(value) = dlc::data::pickle::parse(bytes, "fuzz") {
        let _ = dlc::data::pickle::arrays(value);
    }
});
