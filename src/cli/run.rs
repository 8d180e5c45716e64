//! `dlc run FILE`: compile a program and go through its schedule.

use super::driver::{ProgramArgs, Session, folder};
use super::output::{self, MessageFormat};
use super::{help, output::err};
use crate::diag::Problems;
use crate::runtime::{Interpreter, prepare};
use crate::train::{self, Finished, Options, Terminal};
use clap::ValueEnum;
use std::io::IsTerminal;
use std::num::NonZeroUsize;
use std::path::PathBuf;
use std::time::Instant;

/// The arguments of `dlc run`.
#[derive(Debug, clap::Args)]
#[command(disable_help_flag = true, override_usage = "dlc run FILE [--set NAME=EXPR]… [OPTIONS]")]
pub struct Args {
    /// The program
    #[arg(required_unless_present = "help")]
    pub file: Option<PathBuf>,
    #[command(flatten)]
    pub program: ProgramArgs,
    /// How many threads may work; the interpreter of today uses one
    #[arg(long, value_name = "N")]
    pub threads: Option<NonZeroUsize>,
    /// Which instructions may be used; the interpreter of today uses none of them by name
    #[arg(long, value_enum, value_name = "NAME")]
    pub isa: Option<Isa>,
    /// The folder for the files that the run writes
    #[arg(long, value_name = "DIR")]
    pub out: Option<PathBuf>,
    /// Write every report and print as a line of JSON
    #[arg(long, value_name = "FILE")]
    pub log: Option<PathBuf>,
    /// Say at the end what each stage took
    #[arg(long)]
    pub timings: bool,
    /// Print nothing but messages about what is wrong
    #[arg(long)]
    pub quiet: bool,
    /// Print this help, and the hyper-parameters of FILE
    #[arg(short, long)]
    pub help: bool,
}

/// The instruction sets by name.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum Isa {
    /// The best that the machine has
    Auto,
    /// AVX-512F
    Avx512,
    /// AVX2 with fused multiply-add
    Avx2,
    /// NEON
    Neon,
    /// What every machine has
    Portable,
}

/// Runs the subcommand; gives the exit status.
pub fn run(args: Args) -> u8 {
    let Some(file) = args.file.as_ref().filter(|_| !args.help) else { return help::run(&args) };
    let mut session = Session::default();
    let result = whole(&mut session, file, &args);
    if args.timings {
        err(&session.timings());
    }
    match result {
        Ok(finished) => {
            if let Some(message) = finished.message() {
                output::messages(&[message], &session.sources, MessageFormat::Human);
            }
            u8::try_from(finished.status()).unwrap_or(1)
        }
        Err(problems) => output::failure(&problems, &session.sources, MessageFormat::Human),
    }
}

fn whole(session: &mut Session, file: &std::path::Path, args: &Args) -> Result<Finished, Problems> {
    let began = Instant::now();
    let interrupt = train::signal::watch();
    let (program, warnings) = session.check(file, &args.program.settings())?;
    if !args.quiet {
        output::messages(&warnings, &session.sources, MessageFormat::Human);
    }
    let compiled = session.compile(&program, args.program.precision(), |_, _, _| {})?;
    let options = Options {
        folder: folder(file),
        out: args.out.clone(),
        log: args.log.clone(),
        seed: args.program.seed,
        compile_seconds: began.elapsed().as_secs_f64(),
        interrupt,
        ..Options::default()
    };
    let reading = Instant::now();
    let ready = prepare(&program, &compiled.module, &options.folder)?;
    session.took("read data and draw", reading);
    let running = Instant::now();
    let mut device = Interpreter::new(&compiled.module, ready);
    let mut terminal = Terminal::new(args.quiet, std::io::stderr().is_terminal());
    let result = train::run_on(&program, &compiled.module, &mut device, &options, &mut terminal);
    drop(terminal);
    session.took("run", running);
    result
}
