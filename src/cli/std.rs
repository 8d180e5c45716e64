//! `dlc std [MODULE]`: the standard library, which is embedded in the program.

use super::output::{out, table};
use crate::library;

/// The arguments of `dlc std`.
#[derive(Debug, clap::Args)]
pub struct Args {
    /// A module, such as `layers`; without one, they are listed
    pub module: Option<String>,
}

/// Runs the subcommand; gives the exit status.
pub fn std(args: &Args) -> u8 {
    let Some(module) = &args.module else {
        let row = |(name, text): &(&str, &str)| vec![(*name).to_owned(), first_comment(text)];
        out(&table(&library::MODULES.iter().map(row).collect::<Vec<_>>(), &[]));
        return 0;
    };
    let text = library::text(module).or_else(|| library::text(&format!("std.{module}")));
    let Some(text) = text else {
        let known: Vec<&str> = library::MODULES.iter().map(|(name, _)| *name).collect();
        return super::usage(
            "std",
            &format!("there is no module `{module}`; there are {}", known.join(", ")),
        );
    };
    out(text);
    0
}

/// The first line of a file's comment.
fn first_comment(text: &str) -> String {
    text.lines().next().and_then(|line| line.strip_prefix('#')).unwrap_or("").trim().to_owned()
}
