//! Any bytes as an `.npz`, an `.npy` and a safetensors file.
#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| {
    let _ = dlc::data::npz::parse(bytes, "fuzz");
    let _ = dlc::data::npy::parse(bytes, "fuzz");
    let _ = dlc::data::safetensors::parse(bytes, "fuzz");
});
