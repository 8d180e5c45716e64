//! `dlc run FILE --help`: the options, and what the program itself lets one set.

use super::driver::Session;
use super::output::{self, MessageFormat, out, table};
use super::run::Args;
use crate::program::Hyper;

/// Prints the help; gives the exit status.
pub fn run(args: &Args) -> u8 {
    out(&super::subcommand("run").render_help().to_string());
    let Some(file) = &args.file else { return 0 };
    let mut session = Session::default();
    match session.check(file, &args.program.settings_to_look()) {
        Ok((program, _)) => {
            let name = file.display();
            let doc = program.doc.map_or_else(String::new, |doc| format!("\n{name}: {doc}\n"));
            out(&doc);
            out(&match listed(&program.hypers) {
                rows if rows.is_empty() => format!("\n{name} has no hyper-parameters.\n"),
                rows => format!("\nHyper-parameters of {name}, with their defaults:\n{}", table(&rows, &[])),
            });
            0
        }
        Err(problems) => output::failure(&problems, &session.sources, MessageFormat::Human),
    }
}

/// Name, default and comment of each.
fn listed(hypers: &[Hyper]) -> Vec<Vec<String>> {
    let row = |h: &Hyper| {
        let doc = h.doc.as_deref().unwrap_or("").split_whitespace().collect::<Vec<_>>().join(" ");
        vec![h.name.clone(), h.default.clone(), doc]
    };
    hypers.iter().map(row).collect()
}
