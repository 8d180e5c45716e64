//! `dlc kernels FILE`: each step as kernels: what each computes and from which lines, its work and its
//! traffic, who owns which blocks, in which order sums are taken, why it was not fused with those before
//! it; with `--asm` the machine's instructions.

use super::driver::{ProgramArgs, Session};
use super::output::{self, MessageFormat, count, out, table};
use super::run::IsaName;
use crate::compile::Built;
use crate::cpu::{asm, emit};
use crate::fuse::pieces::summed;
use crate::fuse::{Cluster, Fused, Piece, Share, What, print as names};
use crate::ir::{Graph, Op};
use crate::kernel::{Order, Product, Step, Stmt, cost, print};
use crate::program::Program;
use crate::source::{SourceMap, Span};
use std::collections::BTreeMap;
use std::fmt::Write;
use std::path::PathBuf;

/// The arguments of `dlc kernels`.
#[derive(Debug, clap::Args)]
pub struct Args {
    /// The program
    pub file: PathBuf,
    /// Only this step
    #[arg(long, value_name = "NAME")]
    pub step: Option<String>,
    /// With the machine's instructions, each beside the line it comes from
    #[arg(long)]
    pub asm: bool,
    /// Which vector instructions `--asm` is for
    #[arg(long, value_enum, default_value = "auto", value_name = "NAME")]
    pub isa: IsaName,
    #[command(flatten)]
    pub program: ProgramArgs,
}

/// Runs the subcommand; gives the exit status.
pub fn kernels(args: &Args) -> u8 {
    let mut session = Session::default();
    let built = session.check(&args.file, &args.program.settings_to_look()).and_then(|(program, _)| {
        let compiled = session.compile(&program, args.program.precision(), |_, _, _| {})?;
        let isa = if args.asm { Some(args.isa.chosen()?) } else { None };
        Ok((program, compiled, isa))
    });
    let (program, compiled, isa) = match built {
        Ok(found) => found,
        Err(problems) => return output::failure(&problems, &session.sources, MessageFormat::Human),
    };
    let mut texts = Vec::new();
    for (nth, built) in compiled.kernels.iter().enumerate() {
        let declared = &program.steps[nth];
        if args.step.as_ref().is_some_and(|name| *name != declared.name) {
            continue;
        }
        let code = match isa.map(|isa| emit::emit(&built.step, isa)) {
            Some(Ok(code)) => Some(code),
            Some(Err(error)) => panic!("step {} has no code: {error}", built.step.name),
            None => None,
        };
        let form = if declared.form.is_empty() { String::new() } else { format!("# {}\n", declared.form) };
        let graph = &compiled.module.steps[nth];
        texts.push(form + &step_text(graph, built, code.as_ref(), &session.sources));
    }
    if texts.is_empty() {
        return super::usage(
            "kernels",
            &format!("there is no step of that name; there are {}", steps(&program)),
        );
    }
    out(&texts.join("\n"));
    0
}

/// The names of a program's steps.
fn steps(program: &Program) -> String {
    let mut names: Vec<&str> = Vec::new();
    for step in &program.steps {
        if !names.contains(&step.name.as_str()) {
            names.push(&step.name);
        }
    }
    names.join(", ")
}

/// A number of barriers, with what there is on average of one more.
fn barriers(n: f64) -> String {
    let rest = (n.fract() * 1000.0).round() / 1000.0;
    let fraction = if rest > 0.0 { rest.to_string()[1..].to_owned() } else { String::new() };
    count(n as usize) + &fraction
}

fn step_text(graph: &Graph, built: &Built, code: Option<&emit::Code>, sources: &SourceMap) -> String {
    let step = &built.step;
    let all = cost::of_step(step);
    let mut text = format!("step {}\n", step.name);
    let rows = [
        ("kernels", count(step.kernels.len())),
        ("barriers a call", barriers(cost::barriers(step))),
        ("FLOPs", count(all.flops as usize)),
        ("bytes read", count(all.read as usize)),
        ("bytes written", count(all.written as usize)),
        ("arena, bytes", count(step.arena)),
        ("scratch of each thread, bytes", count(step.scratch)),
    ];
    let rows: Vec<Vec<String>> = rows.iter().map(|(a, b)| vec![(*a).to_owned(), b.clone()]).collect();
    text.push_str(&table(&rows, &[1]));
    for (word, items) in [("opening", &step.opening), ("order", &step.order)] {
        if word == "order" || !items.is_empty() {
            let _ = writeln!(text, "  {word}: {}", print::print_items(step, items));
        }
    }
    let place = |span: Span| Some(sources.place(span));
    for (kernel, (graph, fused, cluster)) in clusters(graph, &built.fused).into_iter().enumerate() {
        text.push('\n');
        about(&mut text, step, kernel, graph, fused, cluster);
        lines(&mut text, &step.kernels[kernel].body, sources);
        text.push_str(&print::print_kernel(step, kernel, &place));
        if let Some(code) = code {
            assembly(&mut text, &code.kernels[kernel], sources);
        }
    }
    text
}

/// What is to be said of a kernel before its text.
fn about(text: &mut String, step: &Step, kernel: usize, graph: &Graph, fused: &Fused, cluster: &Cluster) {
    let cost = cost::of_kernel(step, kernel);
    let owner = match cluster.share {
        Share::Blocks(o) => {
            format!("each thread owns a run of blocks of {} along an axis of {}", o.unit, o.extent)
        }
        Share::One => "one thread does it alone".to_owned(),
        Share::Turns => "all threads go through its turns".to_owned(),
        Share::Each => "each thread does it for itself".to_owned(),
    };
    let _ = writeln!(text, "# {}: {owner}", step.kernels[kernel].name);
    let _ = writeln!(
        text,
        "# {} FLOPs, {} bytes read, {} written",
        count(cost.flops as usize),
        count(cost.read as usize),
        count(cost.written as usize)
    );
    for piece in cluster.pieces.iter().map(|p| &fused.pieces[*p]) {
        let _ = writeln!(text, "# {}{}", names::line(graph, fused, piece), order(graph, piece));
    }
    for (other, apart) in &cluster.apart {
        let _ = writeln!(text, "# not fused with cluster {other}: {}", names::reason(graph, *apart));
    }
}

/// The order in which a piece takes its sum.
fn order(graph: &Graph, piece: &Piece) -> String {
    let blocks = || format!(", in blocks of {} along {}", piece.unit, piece.extents[piece.split()]);
    match &piece.what {
        What::Value(id) | What::Partial(id) => {
            let within = &piece.extents[piece.outer..];
            let terms: usize = within.iter().product();
            let sums = match graph.op(*id) {
                Op::Contract(spec) => !summed(spec).is_empty(),
                Op::Reduce { .. } => true,
                _ => false,
            };
            match (sums, &piece.what) {
                (false, _) => String::new(),
                (true, What::Partial(_)) => format!("; a sum of {terms}{}", blocks()),
                (true, _) => format!("; a sum of {terms}"),
            }
        }
        What::Joined(_) => "; neighbours are added until one is left".to_owned(),
        What::Sink(_) | What::Enter(..) | What::Loop(..) => String::new(),
    }
}

/// The source lines that a kernel comes from, with the forms of its sums.
fn lines(text: &mut String, body: &[Stmt], sources: &SourceMap) {
    let mut found: BTreeMap<(u32, u32), Span> = BTreeMap::new();
    let mut forms: Vec<String> = Vec::new();
    walk(body, &mut |stmt| {
        if let Some(span) = span_of(stmt) {
            let line = sources.get(span.file).line_column(span.start).line;
            found.entry((span.file.0, line as u32)).or_insert(span);
        }
        let form = match stmt {
            Stmt::Product(product) => Some(form(product)),
            Stmt::Let { op: crate::kernel::Op::Fold(fold), .. } if fold.order == Order::Strided => {
                Some("16 strided sums and a fixed tree".to_owned())
            }
            _ => None,
        };
        if let Some(form) = form.filter(|form| !forms.contains(form)) {
            forms.push(form);
        }
    });
    if !forms.is_empty() {
        let _ = writeln!(text, "# sums: {}", forms.join("; "));
    }
    for span in found.into_values() {
        let source = sources.get(span.file);
        let line = source.line_column(span.start).line;
        let written = source.text.lines().nth(line - 1).unwrap_or_default().trim();
        let _ = writeln!(text, "# {}:{line}: {written}", source.name);
    }
}

fn form(product: &Product) -> String {
    match &product.form {
        crate::kernel::Form::Lanes { terms, sparse } => {
            let zeros = if *sparse { ", zeros left out where they are many" } else { "" };
            format!("ascending over {} terms, fused multiply-adds, lanes over outputs{zeros}", terms.count())
        }
        crate::kernel::Form::Dot { k, outer, .. } => {
            format!("16 strided sums over {} terms, {} times, and a fixed tree", k.size, outer.count())
        }
    }
}

/// All statements of a body, loops before what is in them.
fn walk<'a>(body: &'a [Stmt], see: &mut dyn FnMut(&'a Stmt)) {
    for stmt in body {
        see(stmt);
        match stmt {
            Stmt::For { body, .. } | Stmt::Lanes { body, .. } => walk(body, see),
            Stmt::Let { op: crate::kernel::Op::Fold(fold), .. } => walk(&fold.body, see),
            Stmt::Let { .. }
            | Stmt::Store { .. }
            | Stmt::Check { .. }
            | Stmt::Strip { .. }
            | Stmt::Random { .. }
            | Stmt::Product(_) => {}
        }
    }
}

fn span_of(stmt: &Stmt) -> Option<Span> {
    match stmt {
        Stmt::Let { span, .. }
        | Stmt::Store { span, .. }
        | Stmt::Check { span, .. }
        | Stmt::Strip { span, .. }
        | Stmt::Random { span, .. } => *span,
        Stmt::Product(product) => product.span,
        Stmt::For { .. } | Stmt::Lanes { .. } => None,
    }
}

/// A kernel's instructions and those of the loops that it calls; a line of the source stands before those that come from
/// it.
fn assembly(text: &mut String, code: &emit::KernelCode, sources: &SourceMap) {
    instructions(text, asm::listing(code), sources);
    for (at, of) in code.loops.iter().enumerate() {
        let _ = writeln!(text, "  loop {at}:");
        instructions(text, asm::listing_of_loop(of), sources);
    }
}

fn instructions(text: &mut String, all: Vec<asm::Instruction>, sources: &SourceMap) {
    let mut last = None;
    for instruction in all {
        let place = instruction.span.map(|span| sources.place(span));
        if place.is_some() && place != last {
            let _ = writeln!(text, "  ; {}", place.as_deref().unwrap_or_default());
            last = place;
        }
        let _ = writeln!(text, "  {:5x}  {}", instruction.offset, instruction.text);
    }
}

/// The clusters that became kernels, in the kernels' order, each with its graph.
fn clusters<'a>(graph: &'a Graph, fused: &'a Fused) -> Vec<(&'a Graph, &'a Fused, &'a Cluster)> {
    let mut found = Vec::new();
    for cluster in &fused.clusters {
        match &fused.pieces[cluster.pieces[0]].what {
            What::Loop(id, body) => {
                if let Op::Scan(scan) = graph.op(*id)
                    && scan.turns > 0
                {
                    found.extend(clusters(&scan.body, body));
                }
            }
            _ => found.push((graph, fused, cluster)),
        }
    }
    found
}
