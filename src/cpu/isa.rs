//! The instruction sets there are routines for.

/// An instruction set. Results do not depend on it, only the time they take.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Isa {
    /// AVX-512F with VL: 512-bit vectors and masks; VL for all 32 registers in any width.
    Avx512,
    /// AVX2 with FMA: 256-bit vectors.
    Avx2,
    /// AArch64's vectors of 128 bits.
    Neon,
    /// No vectors; fused multiply-adds as the target has them, in software where it has none.
    Portable,
}

impl Isa {
    /// All of them, the widest first.
    pub const ALL: [Isa; 4] = [Isa::Avx512, Isa::Avx2, Isa::Neon, Isa::Portable];

    /// The widest this machine has.
    pub fn best() -> Isa {
        Isa::ALL.into_iter().find(|isa| isa.available()).unwrap_or(Isa::Portable)
    }

    /// Whether this machine has it.
    pub fn available(self) -> bool {
        match self {
            Isa::Avx512 => x86_has_avx512(),
            Isa::Avx2 => x86_has_avx2(),
            // Part of the base of AArch64.
            Isa::Neon => cfg!(target_arch = "aarch64"),
            Isa::Portable => true,
        }
    }

    /// `avx512`, `avx2`, `neon` or `portable`.
    pub fn name(self) -> &'static str {
        match self {
            Isa::Avx512 => "avx512",
            Isa::Avx2 => "avx2",
            Isa::Neon => "neon",
            Isa::Portable => "portable",
        }
    }
}

#[cfg(target_arch = "x86_64")]
fn x86_has_avx2() -> bool {
    is_x86_feature_detected!("avx2") && is_x86_feature_detected!("fma")
}

#[cfg(target_arch = "x86_64")]
fn x86_has_avx512() -> bool {
    x86_has_avx2() && is_x86_feature_detected!("avx512f") && is_x86_feature_detected!("avx512vl")
}

#[cfg(not(target_arch = "x86_64"))]
fn x86_has_avx2() -> bool {
    false
}

#[cfg(not(target_arch = "x86_64"))]
fn x86_has_avx512() -> bool {
    false
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_best_is_available_and_none_before_it_is() {
        let best = Isa::best();
        assert!(best.available());
        assert!(Isa::ALL.iter().take_while(|isa| **isa != best).all(|isa| !isa.available()));
    }
}
