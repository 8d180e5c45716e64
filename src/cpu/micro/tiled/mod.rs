//! The products in register tiles: one algorithm for each of the three, generic over a `Register`, and a
//! table of tiles for each instruction set.

#[macro_use]
mod tables;

#[cfg(target_arch = "x86_64")]
pub(super) mod avx2;
#[cfg(target_arch = "x86_64")]
pub(super) mod avx512;
mod dot;
mod lanes;
#[cfg(target_arch = "aarch64")]
pub(super) mod neon;
mod pass;
mod plan;
mod register;
mod sparse;
