//! The end of checking: what nothing reaches is dropped, and what looks forgotten is warned of.

use crate::diag::{Diagnostic, Problems, codes};
use crate::program::host::{Argument, Expr, ExprKind, Over, Part, Stmt, StmtKind};
use crate::program::{Body, PlaceId, PlaceKind, Program, ValueOp};
use std::collections::BTreeSet;
use std::sync::Arc;

/// Drops places that no step and no statement touches, and values of the setup that nothing needs.
pub(super) fn prune(program: &mut Program) {
    let mut used: BTreeSet<PlaceId> = BTreeSet::new();
    for step in &program.steps {
        used.extend(places_of(&step.body));
    }
    let mut statements = std::mem::take(&mut program.host.body);
    each_places(&mut statements, &mut |places| used.extend(places.iter().copied()));
    let kept: Vec<PlaceId> = (0..program.places.len()).filter(|p| used.contains(p)).collect();
    let new_place = |old: PlaceId| kept.binary_search(&old).unwrap_or(0);
    for step in &mut program.steps {
        for value in &mut step.body.values {
            if let ValueOp::Place(p) = &mut value.op {
                *p = new_place(*p);
            }
        }
        for (p, _, _) in &mut step.body.updates {
            *p = new_place(*p);
        }
    }
    each_places(&mut statements, &mut |places| places.iter_mut().for_each(|p| *p = new_place(*p)));
    program.host.body = statements;
    let mut index = 0;
    program.places.retain(|_| {
        index += 1;
        used.contains(&(index - 1))
    });
    prune_setup(program);
}

fn prune_setup(program: &mut Program) {
    let setup = &mut program.setup;
    let mut needed = vec![false; setup.body.values.len()];
    let roots = setup.residents.iter().map(|r| r.value).chain(program.places.iter().map(|p| p.init));
    let mut stack: Vec<usize> = roots.collect();
    while let Some(v) = stack.pop() {
        if !std::mem::replace(&mut needed[v], true) {
            stack.extend(setup.body.values[v].args.iter().copied());
        }
    }
    let kept: Vec<usize> = (0..needed.len()).filter(|v| needed[*v]).collect();
    let new_id = |old: usize| kept.binary_search(&old).unwrap_or(0);
    let raws: BTreeSet<usize> = kept
        .iter()
        .filter_map(|v| match setup.body.values[*v].op {
            ValueOp::Raw(r) => Some(r),
            _ => None,
        })
        .collect();
    let kept_raws: Vec<usize> = raws.iter().copied().collect();
    let values = std::mem::take(&mut setup.body.values);
    for (old, mut value) in values.into_iter().enumerate() {
        if !needed[old] {
            continue;
        }
        value.args.iter_mut().for_each(|a| *a = new_id(*a));
        if let ValueOp::Raw(r) = &mut value.op {
            *r = kept_raws.binary_search(r).unwrap_or(0);
        }
        setup.body.values.push(value);
    }
    setup.residents.iter_mut().for_each(|r| r.value = new_id(r.value));
    program.places.iter_mut().for_each(|p| p.init = new_id(p.init));
    let mut index = 0;
    setup.raws.retain(|_| {
        index += 1;
        raws.contains(&(index - 1))
    });
}

fn places_of(body: &Body) -> impl Iterator<Item = PlaceId> + '_ {
    let read = body.values.iter().filter_map(|v| match v.op {
        ValueOp::Place(p) => Some(p),
        _ => None,
    });
    read.chain(body.updates.iter().map(|(p, _, _)| *p))
}

/// Warns of params that no step changes, where there are steps that change something.
pub(super) fn unchanged(program: &Program, problems: &mut Problems) {
    if !program.steps.iter().any(|s| s.declared && !s.body.updates.is_empty()) {
        return;
    }
    let mut changed: BTreeSet<PlaceId> =
        program.steps.iter().flat_map(|s| s.body.updates.iter().map(|(p, _, _)| *p)).collect();
    let mut statements = program.host.body.clone();
    each_loaded(&mut statements, &mut |places| changed.extend(places.iter().copied()));
    for (id, place) in program.places.iter().enumerate() {
        if place.kind == PlaceKind::Param && !changed.contains(&id) {
            let d = Diagnostic::warning(
                codes::UNCHANGED_PARAM,
                format!("no step changes the param {}", place.name),
            )
            .label(place.span, "keeps its initial value")
            .help("change it in a step, or declare what stays as it is with `=` or `~` alone");
            problems.push(d);
        }
    }
}

/// Calls `f` with each list of places in the statements.
fn each_places(statements: &mut [Stmt], f: &mut impl FnMut(&mut Vec<PlaceId>)) {
    walk(statements, &mut |e| match e {
        Node::Expr(ExprKind::Snapshot(places) | ExprKind::Save(places, _) | ExprKind::Load(places, _)) => {
            f(places)
        }
        Node::Restore(places) => f(places),
        Node::Expr(_) | Node::Report(_) => {}
    });
}

/// Calls `f` with each list of places that a file or snapshot may change.
fn each_loaded(statements: &mut [Stmt], f: &mut impl FnMut(&mut Vec<PlaceId>)) {
    walk(statements, &mut |e| {
        if let Node::Expr(ExprKind::Load(places, _)) = e {
            f(places);
        }
    });
}

/// What a walk through statements meets.
pub(super) enum Node<'a> {
    Expr(&'a mut ExprKind),
    Restore(&'a mut Vec<PlaceId>),
    /// The name of a report of the schedule.
    Report(&'a Arc<str>),
}

/// Calls `f` with everything in the statements.
pub(super) fn walk(statements: &mut [Stmt], f: &mut impl FnMut(Node<'_>)) {
    for stmt in statements {
        match &mut stmt.kind {
            StmtKind::Let(_, e) | StmtKind::Set(_, e) | StmtKind::Do(e) => walk_expr(e, f),
            StmtKind::Report(name, e) => {
                f(Node::Report(name));
                walk_expr(e, f);
            }
            StmtKind::For(header, body) => {
                walk_over(&mut header.over, f);
                walk(body, f);
            }
            StmtKind::If(c, a, b) => {
                walk_expr(c, f);
                walk(a, f);
                walk(b, f);
            }
            StmtKind::Phase(name, body) => {
                walk_expr(name, f);
                walk(body, f);
            }
            StmtKind::Stop => {}
            StmtKind::Assert(c, m) => {
                walk_expr(c, f);
                m.iter_mut().for_each(|m| walk_expr(m, f));
            }
            StmtKind::Restore(places, e) => {
                f(Node::Restore(places));
                walk_expr(e, f);
            }
        }
    }
}

fn walk_over(over: &mut Over, f: &mut impl FnMut(Node<'_>)) {
    match over {
        Over::Range(a, b) => {
            walk_expr(a, f);
            walk_expr(b, f);
        }
        Over::Batches(batches) => batches.order.iter_mut().for_each(|e| walk_expr(e, f)),
        Over::List(e) => walk_expr(e, f),
    }
}

fn walk_expr(e: &mut Expr, f: &mut impl FnMut(Node<'_>)) {
    f(Node::Expr(&mut e.kind));
    match &mut e.kind {
        ExprKind::Number(_)
        | ExprKind::Bool(_)
        | ExprKind::Text(_)
        | ExprKind::Var(_)
        | ExprKind::Draw(_)
        | ExprKind::Snapshot(_) => {}
        ExprKind::Map(_, parts) | ExprKind::Tuple(parts) | ExprKind::List(parts) => {
            parts.iter_mut().for_each(|p| walk_expr(p, f))
        }
        ExprKind::Index(a, b) | ExprKind::WritePng(a, b) => {
            walk_expr(a, f);
            walk_expr(b, f);
        }
        ExprKind::Slice(a, lo, hi) => {
            walk_expr(a, f);
            lo.iter_mut().chain(hi).for_each(|e| walk_expr(e, f));
        }
        ExprKind::Collect { over, body, condition, value } => {
            walk_over(&mut over.over, f);
            walk(body, f);
            condition.iter_mut().for_each(|c| walk_expr(c, f));
            walk_expr(value, f);
        }
        ExprKind::Batch(batches, at) => {
            batches.order.iter_mut().for_each(|e| walk_expr(e, f));
            walk_expr(at, f);
        }
        ExprKind::Fold(_, e) | ExprKind::Field(e, _) | ExprKind::Print(e) => walk_expr(e, f),
        ExprKind::Save(_, e) | ExprKind::Load(_, e) | ExprKind::WriteCurves(e, _) => walk_expr(e, f),
        ExprKind::Format(parts) => parts.iter_mut().for_each(|p| match p {
            Part::Text(_) => {}
            Part::Hole(e, _) => walk_expr(e, f),
        }),
        ExprKind::Call(_, args) => args.iter_mut().for_each(|a| match a {
            Argument::Scalar(e) | Argument::Tensor(e) => walk_expr(e, f),
        }),
    }
}
