//! Statements and what they bind.

use std::sync::Arc;

use super::{Expr, Function, Ident, Shape};
use crate::source::Span;

/// Statements in braces.
#[derive(Clone, Debug, PartialEq)]
pub struct Block {
    /// The statements in order.
    pub stmts: Vec<Stmt>,
    /// With the braces.
    pub span: Span,
}

/// A statement.
#[derive(Clone, Debug, PartialEq)]
pub struct Stmt {
    /// What it is.
    pub kind: StmtKind,
    /// All of it.
    pub span: Span,
}

/// The kinds of statement.
#[derive(Clone, Debug, PartialEq)]
pub enum StmtKind {
    /// `fn turn(w) { … }`
    Fn(Arc<Function>),
    /// `return a, b`; several values are a tuple, none is `return` alone.
    Return(Vec<Expr>),
    /// `report NAME [= e]`
    Report(Report),
    /// `assert e, "why"`
    Assert(Assert),
    /// `for x, y in e { … }`
    For(For),
    /// `if a { … } else if b { … } else { … }`
    If(If),
    /// `phase "training" { … }`
    Phase(Phase),
    /// `stop`
    Stop,
    /// `var best = inf`
    Var(Var),
    /// `h ~ bernoulli(p)`
    Draw(Draw),
    /// `place <- e`
    Update(Update),
    /// `a, b = e`
    Define(Define),
    /// `f(e)` alone, called for what it does.
    Call(Expr),
}

/// `report NAME [= e]`
#[derive(Clone, Debug, PartialEq)]
pub struct Report {
    /// The name of the record's field.
    pub name: Ident,
    /// The value; without it that of the name.
    pub value: Option<Expr>,
}

/// `assert e, "why"`
#[derive(Clone, Debug, PartialEq)]
pub struct Assert {
    /// What must hold.
    pub condition: Expr,
    /// What to say if it does not: an `ExprKind::Str`.
    pub message: Option<Expr>,
    /// All of it.
    pub span: Span,
}

/// `for pattern in e { … }`
#[derive(Clone, Debug, PartialEq)]
pub struct For {
    /// What each turn binds.
    pub pattern: Pattern,
    /// What is gone through.
    pub iter: Expr,
    /// What is done.
    pub body: Block,
}

/// `if a { … } else if b { … } else { … }`
#[derive(Clone, Debug, PartialEq)]
pub struct If {
    /// The conditions with their blocks, in order; at least one.
    pub arms: Vec<Arm>,
    /// The last `else`.
    pub otherwise: Option<Block>,
}

/// One condition and its block.
#[derive(Clone, Debug, PartialEq)]
pub struct Arm {
    /// The condition.
    pub cond: Expr,
    /// What is done if it holds.
    pub body: Block,
}

/// `phase "…" { … }`
#[derive(Clone, Debug, PartialEq)]
pub struct Phase {
    /// Its name: an `ExprKind::Str`.
    pub name: Expr,
    /// What is done in it.
    pub body: Block,
}

/// `var NAME = e`
#[derive(Clone, Debug, PartialEq)]
pub struct Var {
    /// Its name.
    pub name: Ident,
    /// The first value.
    pub value: Expr,
}

/// `NAME[shape] ~ dist [from s]`
#[derive(Clone, Debug, PartialEq)]
pub struct Draw {
    /// The name it gives to what is drawn.
    pub name: Ident,
    /// The shape, if written.
    pub shape: Option<Shape>,
    /// What it is drawn from.
    pub source: DrawSource,
    /// All of it.
    pub span: Span,
}

/// `dist [from s]`
#[derive(Clone, Debug, PartialEq)]
pub struct DrawSource {
    /// The distribution.
    pub dist: Expr,
    /// The stream, `main` if none is written.
    pub from: Option<Expr>,
    /// Both.
    pub span: Span,
}

/// `place <- e`
#[derive(Clone, Debug, PartialEq)]
pub struct Update {
    /// What changes: a name, or a field or part of one.
    pub place: Expr,
    /// The new value.
    pub value: Expr,
}

/// `a, b = e`
#[derive(Clone, Debug, PartialEq)]
pub struct Define {
    /// The names; several without parentheses are a `Tuple`.
    pub pattern: Pattern,
    /// The values; several are a tuple. At least one.
    pub values: Vec<Expr>,
    /// Its comment, where it is a declaration of a file or layer.
    pub doc: Option<String>,
    /// All of it.
    pub span: Span,
}

/// What a definition, a loop or a comprehension binds.
#[derive(Clone, Debug, PartialEq)]
pub struct Pattern {
    /// What it is.
    pub kind: PatternKind,
    /// All of it.
    pub span: Span,
}

/// The kinds of pattern.
#[derive(Clone, Debug, PartialEq)]
pub enum PatternKind {
    /// `x` or `x[n, 784]`
    Name(Ident, Option<Shape>),
    /// `i, (x, y)`
    Tuple(Vec<Pattern>),
}
