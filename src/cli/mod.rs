//! The command line: one file a subcommand.
//!
//! [`main`] reads the arguments and gives the exit status: 0 good, 1 the program or its input is
//! wrong, 2 wrong usage, 130 interrupted, and [`bug::STATUS`] a fault of the compiler itself. What was
//! asked for goes to the standard output, everything about it (messages, progress, times) to the
//! standard error stream; only `--message-format json` puts messages on the standard output.
//!
//! The subcommands share [`driver`] (files, checking and compiling, with the time each stage took) and
//! [`output`] (messages in the form asked for).

pub mod bug;
mod check;
pub mod driver;
mod fmt;
mod folder;
mod help;
mod ir;
mod kernels;
mod memory;
pub mod output;
mod run;
mod std;
mod summary;

use ::std::ffi::OsString;
use ::std::process::ExitCode;
use clap::{Parser, Subcommand};

/// A compiler for a small declarative language in which a neural network is written the way a paper
/// does it.
#[derive(Debug, Parser)]
#[command(name = "dlc", version, max_term_width = 100)]
struct Cli {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Check a program, compile it and run its schedule.
    Run(run::Args),
    /// Say what is wrong with a program, or what it is made of.
    Check(check::Args),
    /// Print the tensor IR of a program's steps.
    Ir(ir::Args),
    /// Print the kernels of a program's steps.
    Kernels(kernels::Args),
    /// Lay out files in the one way there is.
    Fmt(fmt::Args),
    /// Print the standard library, or list its modules.
    Std(std::Args),
}

/// What a process with these arguments does, and its status. The work is done on a thread with a
/// large stack, for programs may nest deeply.
pub fn main() -> ExitCode {
    bug::install();
    let work = || status(::std::env::args_os().collect());
    let thread = ::std::thread::Builder::new().name("dlc".into()).stack_size(STACK).spawn(work);
    let status = thread.map_or_else(|_| work(), |t| t.join().unwrap_or(bug::STATUS));
    ExitCode::from(status)
}

/// Only what is used of it takes memory.
const STACK: usize = 512 << 20;

fn status(arguments: Vec<OsString>) -> u8 {
    let cli = match Cli::try_parse_from(arguments) {
        Ok(cli) => cli,
        Err(refused) => {
            let _ = refused.print();
            return u8::try_from(refused.exit_code()).unwrap_or(2);
        }
    };
    match cli.command {
        Command::Run(args) => run::run(args),
        Command::Check(args) => check::check(&args),
        Command::Ir(args) => ir::ir(&args),
        Command::Kernels(args) => kernels::kernels(&args),
        Command::Fmt(args) => fmt::fmt(&args),
        Command::Std(args) => std::std(&args),
    }
}

/// The clap command of a subcommand, for its help.
fn subcommand(name: &str) -> clap::Command {
    use clap::CommandFactory;
    let mut whole = Cli::command();
    whole.build();
    whole.find_subcommand(name).expect("the subcommand exists").clone()
}

/// A refused command line: says why, as clap does, and gives the status.
fn usage(name: &str, why: &str) -> u8 {
    let _ = subcommand(name).error(clap::error::ErrorKind::ValueValidation, why).print();
    2
}

#[cfg(test)]
mod tests {
    use super::Cli;
    use clap::CommandFactory;

    #[test]
    fn the_command_line_is_consistent() {
        Cli::command().debug_assert();
    }
}
