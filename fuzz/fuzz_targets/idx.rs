//! Any bytes as an IDX file.
#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| {
    let _ = dlc::data::idx::parse(bytes, "fuzz");
});
