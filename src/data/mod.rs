//! Files in and out: arrays from IDX, pickle, NumPy, safetensors and CSV files, pictures, results written so
//! that an interrupted write never costs the previous file.
//!
//! Every reader takes untrusted bytes: what a header promises is compared with what is there before
//! memory is set aside for it, nesting is bounded, and nothing in a file is ever executed.

pub mod array;
pub mod atomic;
pub mod csv;
pub mod elements;
pub mod error;
pub mod files;
pub mod idx;
pub mod labels;
pub mod mnist;
pub mod npy;
pub mod npz;
mod numbers;
pub mod open;
pub mod pickle;
pub mod picture;
pub mod plot;
pub mod safetensors;
pub mod value;

pub use array::Array;
pub use atomic::{write_atomically, write_atomically_with};
pub use elements::{Dtype, Elements};
pub use error::DataError;
pub use files::{read_arrays, write_arrays};
pub use value::Value;
