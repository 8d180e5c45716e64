//! `dlc fmt FILE…`: the one layout of the language.

use super::driver::Session;
use super::output::{self, MessageFormat, err, out};
use crate::data::write_atomically;
use crate::diag::{Problems, Severity};
use crate::syntax;
use std::path::{Path, PathBuf};

/// The arguments of `dlc fmt`.
#[derive(Debug, clap::Args)]
pub struct Args {
    /// Change nothing; name the files that are laid out otherwise, and fail if there is one
    #[arg(long)]
    pub check: bool,
    /// The files
    #[arg(required = true)]
    pub files: Vec<PathBuf>,
}

/// Runs the subcommand; gives the exit status. A file that is wrong does not keep the others from
/// being laid out.
pub fn fmt(args: &Args) -> u8 {
    let mut session = Session::default();
    let mut problems = Problems::new();
    let mut otherwise = false;
    for path in &args.files {
        match one(&mut session, path, args.check) {
            Ok(Outcome::Clean) => {}
            Ok(Outcome::Otherwise) => {
                otherwise = true;
                out(&format!("{}\n", path.display()));
            }
            Err(found) => problems.extend(found),
        }
    }
    if !problems.is_empty() {
        return output::failure(&problems, &session.sources, MessageFormat::Human);
    }
    if otherwise {
        err("not in the layout of `dlc fmt`\n");
    }
    u8::from(otherwise)
}

enum Outcome {
    Clean,
    Otherwise,
}

fn one(session: &mut Session, path: &Path, check: bool) -> Result<Outcome, Problems> {
    let source = session.open(path)?;
    let (file, problems) = syntax::parse(&source);
    if problems.iter().any(|p| p.severity == Severity::Error) {
        return Err(problems);
    }
    let text = syntax::print(&file, &source);
    // Not compared with the source's text: that lacks a byte order mark.
    if std::fs::read(path).is_ok_and(|old| old == text.as_bytes()) {
        return Ok(Outcome::Clean);
    }
    if check {
        return Ok(Outcome::Otherwise);
    }
    write_atomically(path, text.as_bytes()).map_err(|error| vec![error.into()])?;
    Ok(Outcome::Clean)
}
