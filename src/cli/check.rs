//! `dlc check FILE`: what is wrong with a program, or what it is made of.

use super::driver::{ProgramArgs, Session};
use super::output::{self, MessageFormat, out};
use super::summary::Summary;
use std::path::PathBuf;

/// The arguments of `dlc check`.
#[derive(Debug, clap::Args)]
pub struct Args {
    /// The program
    pub file: PathBuf,
    #[command(flatten)]
    pub program: ProgramArgs,
    /// The form of messages, and of what is said of a right program
    #[arg(long, value_enum, default_value_t)]
    pub message_format: MessageFormat,
}

/// Runs the subcommand; gives the exit status.
pub fn check(args: &Args) -> u8 {
    let mut session = Session::default();
    let checked =
        session.check(&args.file, &args.program.settings_to_look()).and_then(|(program, warnings)| {
            let compiled = session.compile(&program, args.program.precision(), |_, _, _| {})?;
            Ok((program, warnings, compiled))
        });
    match checked {
        Ok((program, warnings, compiled)) => {
            output::messages(&warnings, &session.sources, args.message_format);
            let summary = Summary::of(&program, &compiled);
            out(&match args.message_format {
                MessageFormat::Human => summary.text(),
                MessageFormat::Json => summary.json(),
            });
            0
        }
        Err(problems) => output::failure(&problems, &session.sources, args.message_format),
    }
}
