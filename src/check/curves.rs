//! Whether what `write_curves` draws is reported somewhere.

use super::finish::{Node, walk};
use super::nearest::nearest;
use crate::diag::{Diagnostic, Problems, codes};
use crate::program::Program;
use crate::program::host::ExprKind;
use std::sync::Arc;

/// An error for each name that nothing reports as a number. The program is as before.
pub(super) fn unknown(program: &mut Program) -> Problems {
    let mut asked = Vec::new();
    let mut known: Vec<Arc<str>> = Vec::new();
    walk(&mut program.host.body, &mut |node| match node {
        Node::Expr(ExprKind::WriteCurves(_, names)) => asked.extend(names.iter().cloned()),
        Node::Report(name) => known.push(Arc::clone(name)),
        Node::Expr(_) | Node::Restore(_) => {}
    });
    let mut tensors = Vec::new();
    for step in program.steps.iter().filter(|step| step.declared) {
        for (report, value, _) in &step.body.reports {
            let name: Arc<str> = format!("{}.{report}", step.name).into();
            let scalar = step.body.values[*value].ty.shape.is_empty();
            if scalar { known.push(name) } else { tensors.push(name) }
        }
    }
    asked.dedup();
    let mut problems = Problems::new();
    for (name, span) in asked.into_iter().filter(|(name, _)| !known.contains(name)) {
        if tensors.contains(&name) {
            let title = format!("{name} is a tensor, and a curve is drawn of numbers");
            problems.push(Diagnostic::error(codes::KIND, title).label(span, "is to be drawn here"));
            continue;
        }
        let d = Diagnostic::error(codes::UNKNOWN_NAME, format!("nothing reports {name}"));
        let d = d.label(span, "is to be drawn here");
        problems.push(match nearest(&name, known.iter().map(|k| &**k)) {
            Some(near) => d.help(format!("\"{near}\"")),
            None if known.is_empty() => d.note("the program reports nothing"),
            None => d.note(format!("reported are {}", sorted(&known))),
        });
    }
    problems
}

fn sorted(names: &[Arc<str>]) -> String {
    let mut names: Vec<&str> = names.iter().map(|n| &**n).collect();
    names.sort_unstable();
    names.dedup();
    names.join(", ")
}
