//! `dlc ir FILE`: the tensor IR of a program's steps, at a stage or after a pass.

use super::driver::{ProgramArgs, Session};
use super::output::{self, MessageFormat, out};
use crate::fuse;
use crate::ir::{Graph, print};
use crate::passes::{AFTER_GRADIENT, BEFORE_GRADIENT, Pass};
use crate::program::Program;
use clap::ValueEnum;
use std::path::PathBuf;

/// The arguments of `dlc ir`.
#[derive(Debug, clap::Args)]
pub struct Args {
    /// The program
    pub file: PathBuf,
    /// Only this step; `setup` is what happens once before the run
    #[arg(long, value_name = "NAME")]
    pub step: Option<String>,
    /// How far to go
    #[arg(long, value_enum)]
    pub stage: Option<Stage>,
    /// Stop after the last pass of that name; with `--stage gradient`, the last before gradients
    #[arg(long, value_name = "PASS")]
    pub after: Option<String>,
    #[command(flatten)]
    pub program: ProgramArgs,
}

/// How far a graph has come.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum Stage {
    /// As the program says it
    Lowered,
    /// Every gradient replaced by what computes it
    Gradient,
    /// After all rewriting
    Optimised,
    /// Divided into clusters, one a kernel, and why there are not fewer
    Clusters,
}

/// Runs the subcommand; gives the exit status.
pub fn ir(args: &Args) -> u8 {
    let wanted = match Wanted::of(args) {
        Ok(wanted) => wanted,
        Err(why) => return super::usage("ir", &why),
    };
    let mut session = Session::default();
    let graphs = session.check(&args.file, &args.program.settings_to_look()).and_then(|(program, _)| {
        let mut graphs: Vec<Option<Graph>> = vec![None; program.steps.len()];
        let mut past_gradient = false;
        let compiled = session.compile(&program, args.program.precision(), |step, stage, graph| {
            past_gradient = stage != "lowered" && (past_gradient || stage == "gradient");
            if wanted.is(stage, past_gradient) {
                graphs[step] = Some(graph.clone());
            }
        });
        // A graph may be asked for to see why a later stage refuses the program.
        match compiled {
            Err(problems) if graphs.iter().all(Option::is_none) => Err(problems),
            Err(problems) => {
                output::messages(&problems, &session.sources, MessageFormat::Human);
                Ok((program, Graph::default(), graphs))
            }
            Ok(compiled) => Ok((program, compiled.module.setup, graphs)),
        }
    });
    let (program, setup, graphs) = match graphs {
        Ok(found) => found,
        Err(problems) => return output::failure(&problems, &session.sources, MessageFormat::Human),
    };
    let mut texts = Vec::new();
    if args.step.as_deref() == Some("setup") {
        texts.push(print::print_with(&setup, &session.sources));
    }
    let lengths = fuse::lengths(graphs.iter().flatten());
    for (step, graph) in program.steps.iter().zip(&graphs) {
        let named = args.step.as_ref().is_none_or(|name| *name == step.name);
        if let (true, Some(graph)) = (named, graph) {
            let form = if step.form.is_empty() { String::new() } else { format!("# {}\n", step.form) };
            let text = match args.stage {
                Some(Stage::Clusters) => fuse::print::print(graph, &fuse::fuse_among(graph, &lengths)),
                _ => print::print_with(graph, &session.sources),
            };
            texts.push(form + &text);
        }
    }
    if texts.is_empty() && args.step.is_some() {
        return super::usage("ir", &format!("there is no step of that name; there are {}", names(&program)));
    }
    out(&texts.join("\n"));
    0
}

fn names(program: &Program) -> String {
    let mut names: Vec<&str> = vec!["setup"];
    for step in &program.steps {
        if !names.contains(&step.name.as_str()) {
            names.push(&step.name);
        }
    }
    names.join(", ")
}

/// Which of the graphs on the way to show.
struct Wanted<'a> {
    /// The name that the observer is given.
    stage: &'a str,
    /// For a pass, on which side of the gradient; the last that fits is shown.
    past_gradient: Option<bool>,
}

impl<'a> Wanted<'a> {
    fn of(args: &'a Args) -> Result<Wanted<'a>, String> {
        let stage = args.stage.unwrap_or(Stage::Optimised);
        let Some(pass) = &args.after else {
            let stage = match stage {
                Stage::Lowered => "lowered",
                Stage::Gradient => "gradient",
                Stage::Optimised | Stage::Clusters => "optimised",
            };
            return Ok(Wanted { stage, past_gradient: None });
        };
        let has = |passes: &[Pass]| passes.iter().any(|p| p.name == pass);
        let past_gradient = match stage {
            Stage::Lowered => return Err("no pass runs before the stage `lowered`".into()),
            Stage::Gradient => false,
            Stage::Clusters => return Err("passes run before the stage `clusters`".into()),
            Stage::Optimised => args.stage.is_some() || has(AFTER_GRADIENT),
        };
        let passes = if past_gradient { AFTER_GRADIENT } else { BEFORE_GRADIENT };
        if !has(passes) {
            let known: Vec<&str> = passes.iter().map(|p| p.name).collect();
            return Err(format!("there is no pass `{pass}` here; there are {}", known.join(", ")));
        }
        Ok(Wanted { stage: pass, past_gradient: Some(past_gradient) })
    }

    fn is(&self, stage: &str, past_gradient: bool) -> bool {
        self.stage == stage && self.past_gradient.is_none_or(|p| p == past_gradient)
    }
}
