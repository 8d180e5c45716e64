//! The folder of a run: what it writes, and what is needed to repeat it.
//!
//! `runs/NAME-TIME` or what `--out` says. When the run begins it gets `command.txt`, the command
//! that repeats it, and `program/`, the texts of the program and of the modules beside it. Then come
//! the log, checkpoints, and whatever the program writes.

use super::driver;
use super::run::Args;
use crate::data::{DataError, write_atomically};
use crate::diag::{Diagnostic, codes};
use crate::source::SourceMap;
use clap::ValueEnum;
use std::io::ErrorKind;
use std::path::{Path, PathBuf};
use std::time::{SystemTime, UNIX_EPOCH};

/// Makes the folder of a run that begins now, with what is needed to repeat it.
pub fn begin(name: &str, args: &Args, sources: &SourceMap) -> Result<PathBuf, Diagnostic> {
    let seconds = SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |since| since.as_secs());
    let time = Time::of(seconds);
    let folder = match &args.out {
        Some(folder) => {
            if folder.join("checkpoint").exists() {
                return Err(under_way(args, folder));
            }
            std::fs::create_dir_all(folder).map_err(|reason| cannot(folder, &reason))?;
            folder.clone()
        }
        None => fresh(&format!("{name}-{}", time.compact()))?,
    };
    let here = std::env::current_dir().unwrap_or_default();
    let version = env!("CARGO_PKG_VERSION");
    let head = format!("# dlc {version}, begun {} UTC in {}", time.spaced(), here.display());
    write(&folder.join("command.txt"), format!("{head}\n{}\n", command(args)).as_bytes())?;
    let file = args.file.as_deref().unwrap_or(Path::new(""));
    let beside = driver::folder(file);
    for source in sources.all() {
        let Some(path) = &source.path else { continue };
        let inside = path.strip_prefix(&beside).unwrap_or(Path::new(path.file_name().unwrap_or_default()));
        let copy = folder.join("program").join(inside);
        let parent = copy.parent().unwrap_or(&folder);
        std::fs::create_dir_all(parent).map_err(|reason| cannot(parent, &reason))?;
        write(&copy, source.text.as_bytes())?;
    }
    Ok(folder)
}

/// The command that goes on with a run that was interrupted.
pub fn go_on(args: &Args, folder: &Path) -> String {
    format!("{} --resume {}", command(args), quoted(&folder.to_string_lossy()))
}

/// A folder of `runs` that was not there before.
fn fresh(name: &str) -> Result<PathBuf, Diagnostic> {
    let runs = Path::new("runs");
    std::fs::create_dir_all(runs).map_err(|reason| cannot(runs, &reason))?;
    let mut number = 1;
    loop {
        let folder = runs.join(if number == 1 { name.to_owned() } else { format!("{name}-{number}") });
        match std::fs::create_dir(&folder) {
            Ok(()) => return Ok(folder),
            Err(reason) if reason.kind() == ErrorKind::AlreadyExists => number += 1,
            Err(reason) => return Err(cannot(&folder, &reason)),
        }
    }
}

/// A new run would overwrite what an interrupted one can go on from.
fn under_way(args: &Args, folder: &Path) -> Diagnostic {
    let title = format!("{} is the folder of a run that was interrupted", folder.display());
    Diagnostic::error(codes::OUTPUT, title)
        .note(format!("{} goes on with it", go_on(args, folder)))
        .help("another folder, or remove the file `checkpoint` in it")
}

fn cannot(folder: &Path, reason: &std::io::Error) -> Diagnostic {
    let error = DataError::cannot_write(folder, 0, reason);
    Diagnostic::from(error.help("--out DIR gives the run another folder"))
}

fn write(path: &Path, bytes: &[u8]) -> Result<(), Diagnostic> {
    write_atomically(path, bytes).map_err(Diagnostic::from)
}

/// What was asked for, without the places that the files go to.
fn command(args: &Args) -> String {
    let mut words = vec!["dlc".to_owned(), "run".to_owned()];
    words.extend(args.file.as_ref().map(|file| file.to_string_lossy().into_owned()));
    for (name, value) in &args.program.set {
        words.extend(["--set".to_owned(), format!("{name}={value}")]);
    }
    words.extend(["--seed".to_owned(), args.program.seed.to_string()]);
    words.extend(["--precision".to_owned(), named(&args.program.precision)]);
    if let Some(threads) = args.threads {
        words.extend(["--threads".to_owned(), threads.to_string()]);
    }
    if let Some(isa) = &args.isa {
        words.extend(["--isa".to_owned(), named(isa)]);
    }
    words.iter().map(|word| quoted(word)).collect::<Vec<_>>().join(" ")
}

/// A choice as the command line spells it.
fn named(choice: &impl ValueEnum) -> String {
    choice.to_possible_value().map_or_else(String::new, |value| value.get_name().to_owned())
}

/// A word as a shell reads it.
fn quoted(word: &str) -> String {
    let plain = |c: char| c.is_alphanumeric() || "_-./=,:+%@".contains(c);
    if !word.is_empty() && word.chars().all(plain) {
        return word.to_owned();
    }
    format!("'{}'", word.replace('\'', "'\\''"))
}

/// A moment as people write it, in UTC.
struct Time {
    date: (u64, u64, u64),
    clock: (u64, u64, u64),
}

impl Time {
    /// So many seconds after the beginning of 1970.
    fn of(seconds: u64) -> Time {
        let (mut day, second) = (seconds / 86_400, seconds % 86_400);
        let leap =
            |year: u64| year.is_multiple_of(4) && (!year.is_multiple_of(100) || year.is_multiple_of(400));
        let mut year = 1970;
        while day >= 365 + u64::from(leap(year)) {
            day -= 365 + u64::from(leap(year));
            year += 1;
        }
        let mut month = 0;
        let lengths = [31, 28 + u64::from(leap(year)), 31, 30, 31, 30, 31, 31, 30, 31, 30, 31];
        while day >= lengths[month] {
            day -= lengths[month];
            month += 1;
        }
        Time {
            date: (year, month as u64 + 1, day + 1),
            clock: (second / 3600, second / 60 % 60, second % 60),
        }
    }

    /// `20261125-094500`.
    fn compact(&self) -> String {
        let ((year, month, day), (hour, minute, second)) = (self.date, self.clock);
        format!("{year}{month:02}{day:02}-{hour:02}{minute:02}{second:02}")
    }

    /// `2026-11-25 09:45:00`.
    fn spaced(&self) -> String {
        let ((year, month, day), (hour, minute, second)) = (self.date, self.clock);
        format!("{year}-{month:02}-{day:02} {hour:02}:{minute:02}:{second:02}")
    }
}

#[cfg(test)]
mod tests {
    use super::{Time, quoted};

    #[test]
    fn moments_are_those_of_the_calendar() {
        let text = |seconds| Time::of(seconds).spaced();
        assert_eq!(text(0), "1970-01-01 00:00:00");
        assert_eq!(text(951_827_696), "2000-02-29 12:34:56");
        assert_eq!(text(1_735_689_599), "2024-12-31 23:59:59");
        assert_eq!(text(4_107_542_400), "2100-03-01 00:00:00");
        assert_eq!(Time::of(951_827_696).compact(), "20000229-123456");
    }

    #[test]
    fn words_are_as_a_shell_reads_them() {
        assert_eq!(["lr=0.1", "a b", "it's", ""].map(quoted), ["lr=0.1", "'a b'", "'it'\\''s'", "''"]);
    }
}
