//! What Cranelift may use on an instruction set, and what it must not.

use crate::cpu::{Isa, Routines};
use cranelift_codegen::isa::OwnedTargetIsa;
use cranelift_codegen::settings::{self, Configurable};

/// An instruction set as the emitter sees it.
pub(super) struct Target {
    /// Cranelift's side.
    pub isa: OwnedTargetIsa,
    /// What compiled code calls.
    pub routines: Routines,
    /// Whether rounding to a whole number is an instruction; else it is a call.
    pub rounds: bool,
    /// Whether an instruction may have an operand in memory at any address. Where it may not, Cranelift 0.135
    /// still makes a vector of reals that is loaded the operand of `cmpps` and `cmppd`.
    pub unaligned: bool,
    /// Whether there are wider vectors than Cranelift's.
    pub wide: bool,
}

impl Target {
    /// The target of an instruction set that this machine has. `Portable` is the base of the machine's
    /// architecture; the others stand for all that this machine can do, which changes no bits.
    pub fn new(isa: Isa) -> Result<Target, String> {
        let builder = cranelift_native::builder_with_options(isa != Isa::Portable)?;
        let mut flags = settings::builder();
        let verify = if cfg!(debug_assertions) { "true" } else { "false" };
        for (name, value) in [
            ("opt_level", "speed"),
            ("is_pic", "false"),
            ("unwind_info", "false"),
            ("enable_probestack", "false"),
            ("enable_verifier", verify),
        ] {
            flags.set(name, value).map_err(|error| error.to_string())?;
        }
        let rounds = isa != Isa::Portable || cfg!(not(target_arch = "x86_64"));
        let built = (builder.finish(settings::Flags::new(flags))).map_err(|error| error.to_string())?;
        // The base of x86-64 lacks both.
        let unaligned = rounds;
        let wide = matches!(isa, Isa::Avx512 | Isa::Avx2);
        Ok(Target { isa: built, routines: Routines::of(isa), rounds, unaligned, wide })
    }
}
