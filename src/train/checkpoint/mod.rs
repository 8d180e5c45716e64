//! Checkpoints: all that a run is, in a file, between two instructions of its schedule.
//!
//! That is the position, the loops and phases around it, every variable of the host (snapshots and
//! the values so far of a comprehension among them), how often each step and draw has run, every
//! param and state, and how far the log is. Whatever else there is follows from program and data,
//! so a checkpoint names both and is refused for others.
//!
//! A file is a line that says what it is, the SHA-256 of the rest, and the rest. It is replaced as
//! a whole, so the last good one stays until there is a better.

mod bytes;
mod forms;
mod identity;

use self::bytes::{Bytes, In, Out};
use self::identity::Identity;
use super::curves::Curves;
use super::host::Host;
use super::log::Log;
use super::place::Frame;
use super::value::Value;
use super::{Failure, Options};
use crate::data::write_atomically_with;
use crate::diag::{Diagnostic, codes};
use crate::ir::Tensor;
use sha2::{Digest, Sha256};
use std::io::{self, Write};
use std::path::{Path, PathBuf};
use std::time::Instant;

const HEAD: &[u8] = b"a checkpoint of dlc, 1\n";
const SUM: usize = 32;

/// Writes checkpoints of a run.
#[derive(Default)]
pub struct Keeper {
    to: Option<super::Checkpoint>,
    out: PathBuf,
    seed: u64,
    /// What the run is; found out when first needed.
    identity: Option<Identity>,
    began: Option<Instant>,
    kept: Option<Instant>,
    /// How many seconds the run took before it was taken up.
    pub before: f64,
    /// Whether the program reads files that it writes, which so must not get ahead of what is kept.
    pub reads_again: bool,
}

impl Keeper {
    /// For a run that begins now.
    pub fn new(options: &Options, reads_again: bool) -> Keeper {
        let now = Some(Instant::now());
        let (to, out) = (options.checkpoint.clone(), options.out.clone().unwrap_or_default());
        Keeper { to, out, seed: options.seed, began: now, kept: now, reads_again, ..Keeper::default() }
    }

    /// Whether it is time for the next one.
    pub fn due(&self) -> bool {
        match (&self.to, self.kept) {
            (Some(to), Some(kept)) => kept.elapsed() >= to.every,
            (Some(_) | None, _) => false,
        }
    }

    /// The run has come to its end: there is nothing to go on with.
    pub fn done(&self) {
        if let Some(to) = &self.to {
            // Where it cannot be removed it stays, and going on from it leads to the same end.
            let _ = std::fs::remove_file(&to.path);
        }
    }

    /// Writes a checkpoint of a host whose queue is empty.
    pub fn keep(&mut self, host: &mut Host<'_>) -> Result<(), Failure> {
        let Some(to) = &self.to else { return Ok(()) };
        self.kept = Some(Instant::now());
        let identity = &*self.identity.get_or_insert_with(|| Identity::of(host, self.seed));
        let seconds = self.before + self.began.map_or(0.0, |began| began.elapsed().as_secs_f64());
        // Once for the sum, which stands before the rest, and once for the file.
        let log = log_position(host, &self.out);
        let mut sum = Summed::default();
        put(identity, seconds, &log, host, &mut sum).expect("a sum takes all bytes");
        let length = (HEAD.len() + SUM) as u64 + sum.length;
        let sum = sum.sum.finalize();
        let written = write_atomically_with(&to.path, length, |file| {
            file.write_all(HEAD)?;
            file.write_all(&sum)?;
            put(identity, seconds, &log, host, file)
        });
        written.map_err(|error| {
            let told = Diagnostic::from(error);
            Failure::from(told.help("make room; the run can go on from the last checkpoint that was written"))
        })
    }
}

/// Writes what a checkpoint holds, of a host whose queue is empty.
fn put(
    identity: &Identity,
    seconds: f64,
    log: &LogPosition,
    host: &mut Host<'_>,
    to: &mut dyn Write,
) -> io::Result<()> {
    let mut all = Out::new(to);
    let out = &mut all;
    identity.put(out);
    seconds.put(out);
    let position = &host.position;
    (position.at, position.latest).put(out);
    (position.calls.clone(), host.drawn.clone()).put(out);
    position.frames.put(out);
    host.vars.put(out);
    (host.queue.calls(), host.queue.runs().to_vec()).put(out);
    // As a list of them, one after another.
    host.module.places.len().put(out);
    for place in 0..host.module.places.len() {
        host.queue.place(place).put(out);
    }
    log.put(out);
    host.recorder().curves.put(out);
    all.finish()
}

/// Counts bytes and sums them up.
#[derive(Default)]
struct Summed {
    sum: Sha256,
    length: u64,
}

impl Write for Summed {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.sum.update(bytes);
        self.length += bytes.len() as u64;
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// Where the log is, how many bytes are in it, and what could not be written of it.
type LogPosition = Option<(String, (u64, Vec<u8>))>;

/// The path is as seen from the run's folder if it lies there, so that the folder may be moved.
fn log_position(host: &mut Host<'_>, out: &Path) -> LogPosition {
    let (path, written, held) = host.recorder().log()?;
    let path = match path.strip_prefix(out) {
        Ok(inside) if !out.as_os_str().is_empty() => inside.to_owned(),
        Ok(_) | Err(_) => std::path::absolute(path).unwrap_or_else(|_| path.to_owned()),
    };
    Some((path.to_string_lossy().into_owned(), (written, held.to_vec())))
}

/// What a checkpoint holds beside its identity.
struct State {
    seconds: f64,
    position: (usize, Option<usize>),
    counts: (Vec<u64>, Vec<u32>),
    frames: Vec<Frame>,
    vars: Vec<Option<Value>>,
    queue: (u64, Vec<u64>),
    places: Vec<Tensor>,
    log: LogPosition,
    curves: Curves,
}

impl State {
    fn get(from: &mut In<'_>) -> Option<State> {
        Some(State {
            seconds: Bytes::get(from)?,
            position: Bytes::get(from)?,
            counts: Bytes::get(from)?,
            frames: Bytes::get(from)?,
            vars: Bytes::get(from)?,
            queue: Bytes::get(from)?,
            places: Bytes::get(from)?,
            log: Bytes::get(from)?,
            curves: Bytes::get(from)?,
        })
    }

    /// Whether all of it has the form that the program's run has.
    fn fits(&self, host: &Host<'_>) -> bool {
        self.counts.0.len() == host.position.calls.len()
            && self.counts.1.len() == host.drawn.len()
            && self.vars.len() == host.vars.len()
            && !self.frames.is_empty()
            && self.frames.iter().all(|frame| frame.fits(self.counts.0.len()))
            && self.queue.1.len() == host.queue.runs().len()
            && self.places.len() == host.module.places.len()
            && self.places.iter().zip(&host.module.places).all(|(p, d)| p.ty == d.ty)
    }
}

impl Host<'_> {
    /// Goes on from a checkpoint.
    pub(super) fn take_up(&mut self, path: &Path, options: &Options) -> Result<(), Failure> {
        let file = std::fs::read(path).map_err(|reason| {
            let title = format!("there is no checkpoint {}", path.display());
            Diagnostic::error(codes::CHECKPOINT, title)
                .note(reason.to_string())
                .help("a run that has come to its end keeps none; a run writes the first after a while, or on Ctrl-C")
        })?;
        let broken = || {
            let title = format!("{} is damaged, or no checkpoint", path.display());
            Diagnostic::error(codes::CHECKPOINT, title)
                .note("its checksum is not that of its bytes")
                .help("nothing was changed; a copy of the file, or a new run, is what there is left")
        };
        let rest = file.strip_prefix(HEAD).and_then(|rest| rest.split_at_checked(SUM));
        let (_, bytes) =
            rest.filter(|(sum, bytes)| *sum == Sha256::digest(bytes).as_slice()).ok_or_else(broken)?;
        let from = &mut In::new(bytes);
        let kept = Identity::get(from).ok_or_else(broken)?;
        let own = Identity::of(self, options.seed);
        kept.same_as(&own, path)?;
        let state = State::get(from).filter(|state| state.fits(self)).ok_or_else(broken)?;
        self.keeper.before = state.seconds;
        self.keeper.identity = Some(own);
        (self.position.at, self.position.latest) = state.position;
        (self.position.calls, self.drawn) = state.counts;
        self.position.frames = state.frames;
        self.vars = state.vars;
        self.queue.take_up(state.queue.0, state.queue.1, &state.places);
        self.recorder().curves = state.curves;
        if let (false, Some((path, (written, held)))) = (self.recorder().logs(), state.log) {
            let log = Log::take_up(&self.out.join(path), written, held)?;
            self.recorder().take_up(log);
        }
        Ok(())
    }
}
