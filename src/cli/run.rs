//! `dlc run FILE`: compile a program and go through its schedule.

use super::driver::{self, ProgramArgs, Session};
use super::memory::Memory;
use super::output::{self, MessageFormat};
use super::{folder, help, output::err};
use crate::cpu::Isa;
use crate::diag::{Diagnostic, Problems, codes};
use crate::runtime::{CompiledDevice, Planned, prepare};
use crate::train::{self, Checkpoint, Finished, Options, Terminal};
use clap::ValueEnum;
use std::io::IsTerminal;
use std::num::NonZeroUsize;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

/// The arguments of `dlc run`.
#[derive(Debug, clap::Args)]
#[command(disable_help_flag = true, override_usage = "dlc run FILE [--set NAME=EXPR]… [OPTIONS]")]
pub struct Args {
    /// The program
    #[arg(required_unless_present = "help")]
    pub file: Option<PathBuf>,
    #[command(flatten)]
    pub program: ProgramArgs,
    /// How many threads work; as many as the machine has unless said
    #[arg(long, value_name = "N", value_parser = count_of_threads)]
    pub threads: Option<NonZeroUsize>,
    /// Which vector instructions are used; the results are the same bits
    #[arg(long, value_enum, value_name = "NAME")]
    pub isa: Option<IsaName>,
    /// The run's folder, for all files that it writes [default: runs/NAME-TIME]
    #[arg(long, value_name = "DIR", conflicts_with = "resume")]
    pub out: Option<PathBuf>,
    /// Write the log, a line of JSON for every report and print, to another place than the run's folder
    #[arg(long, value_name = "FILE")]
    pub log: Option<PathBuf>,
    /// Go on with the run of this folder from its checkpoint
    #[arg(long, value_name = "DIR")]
    pub resume: Option<PathBuf>,
    /// How long after a checkpoint the next one is written
    #[arg(long, value_name = "SECONDS", default_value_t = 300)]
    pub checkpoint_every: u64,
    /// Say at the end what each stage took, and how much memory
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
pub enum IsaName {
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

impl IsaName {
    /// The instruction set, if this machine has it.
    pub fn chosen(self) -> Result<Isa, Problems> {
        let isa = match self {
            IsaName::Auto => return Ok(Isa::best()),
            IsaName::Avx512 => Isa::Avx512,
            IsaName::Avx2 => Isa::Avx2,
            IsaName::Neon => Isa::Neon,
            IsaName::Portable => Isa::Portable,
        };
        if isa.available() {
            return Ok(isa);
        }
        let title = format!("this machine has no {}", isa.name());
        let best = Isa::best().name();
        Err(vec![
            Diagnostic::error(codes::NO_ISA, title)
                .help(format!("the best that it has is {best}; without --isa that is used")),
        ])
    }
}

/// Above any machine's number of cores, and far below what an operating system refuses to start.
const MOST_THREADS: usize = 1024;

fn count_of_threads(text: &str) -> Result<NonZeroUsize, String> {
    let count: NonZeroUsize = text.parse().map_err(|error| format!("{error}"))?;
    match count.get() {
        0..=MOST_THREADS => Ok(count),
        _ => Err(format!(
            "at most {MOST_THREADS} threads work together; this machine runs {} at once",
            available()
        )),
    }
}

/// How many threads the machine runs at once.
fn available() -> usize {
    std::thread::available_parallelism().map_or(1, NonZeroUsize::get).min(MOST_THREADS)
}

/// Runs the subcommand; gives the exit status.
pub fn run(args: Args) -> u8 {
    let Some(file) = args.file.as_ref().filter(|_| !args.help) else { return help::run(&args) };
    let mut session = Session::default();
    let result = whole(&mut session, file, &args);
    if args.timings {
        err(&session.timings());
        if let Some(memory) = &session.memory {
            err(&memory.text());
        }
    }
    match result {
        Ok((finished, folder)) => {
            if let Some(message) = finished.message() {
                let message = message.help(format!("{}   goes on", folder::go_on(&args, &folder)));
                output::messages(&[message], &session.sources, MessageFormat::Human);
            }
            u8::try_from(finished.status()).unwrap_or(1)
        }
        Err(problems) => output::failure(&problems, &session.sources, MessageFormat::Human),
    }
}

/// Carries a run out; how it ended, and its folder.
fn whole(session: &mut Session, file: &Path, args: &Args) -> Result<(Finished, PathBuf), Problems> {
    let began = Instant::now();
    let isa = args.isa.unwrap_or(IsaName::Auto).chosen()?;
    let interrupt = train::signal::watch();
    let (program, warnings) = session.check(file, &args.program.settings())?;
    if !args.quiet {
        output::messages(&warnings, &session.sources, MessageFormat::Human);
    }
    let compiled = session.compile(&program, args.program.precision(), |_, _, _| {})?;
    let compile_seconds = began.elapsed().as_secs_f64();
    let threads = args.threads.map_or_else(available, NonZeroUsize::get);
    let reading = Instant::now();
    let ready = prepare(&program, &compiled.module, &driver::folder(file))?;
    session.took("read data and draw", reading);
    let out = match &args.resume {
        Some(folder) => folder.clone(),
        None => folder::begin(&program.name, args, &session.sources).map_err(|problem| vec![problem])?,
    };
    if !args.quiet {
        err(&format!("files go to {}\n", out.display()));
    }
    let checkpoint = out.join("checkpoint");
    let options = Options {
        folder: driver::folder(file),
        log: args.log.clone().or_else(|| args.resume.is_none().then(|| out.join("log.jsonl"))),
        seed: args.program.seed,
        compile_seconds,
        interrupt,
        resume: args.resume.as_ref().map(|_| checkpoint.clone()),
        checkpoint: Some(Checkpoint { path: checkpoint, every: Duration::from_secs(args.checkpoint_every) }),
        out: Some(out.clone()),
        ..Options::default()
    };
    let running = Instant::now();
    let built = compiled.kernels.iter().map(|built| &built.step);
    let planned = Planned::of(&program, &compiled.module, built, threads);
    let steps = compiled.kernels.into_iter().map(|built| built.step).collect();
    let mut device = CompiledDevice::new(&compiled.module, steps, ready, threads, isa);
    if device.threads() < threads && !args.quiet {
        err(&format!("the system starts no {threads} threads: one does the work, with the same results\n"));
    }
    session.memory = Some(Memory::begun(planned));
    let mut terminal = Terminal::new(args.quiet, std::io::stderr().is_terminal());
    let result = train::run_on(&program, &compiled.module, &mut device, &options, &mut terminal);
    drop(terminal);
    session.took("run", running);
    session.memory.iter_mut().for_each(Memory::ended);
    result.map(|finished| (finished, out))
}
