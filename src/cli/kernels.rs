//! `dlc kernels FILE`: answers that there are none yet.

use super::output::err;
use std::path::PathBuf;

/// The arguments of `dlc kernels`.
#[derive(Debug, clap::Args)]
pub struct Args {
    /// The program
    pub file: PathBuf,
    /// Only this step
    #[arg(long, value_name = "NAME")]
    pub step: Option<String>,
    /// With the machine's instructions
    #[arg(long)]
    pub asm: bool,
}

/// Runs the subcommand; gives the exit status.
pub fn kernels(_: &Args) -> u8 {
    err("not built yet: comes with the CPU back end\n");
    1
}
