//! Expressions.

use std::sync::Arc;

use super::{Extent, Ident, Pattern, Shape};
use crate::source::Span;

/// An expression.
#[derive(Clone, Debug, PartialEq)]
pub struct Expr {
    /// What it is.
    pub kind: ExprKind,
    /// All of it, with its own parentheses if it stands in some.
    pub span: Span,
}

/// The kinds of expression.
#[derive(Clone, Debug, PartialEq)]
pub enum ExprKind {
    /// `50_000`, `0.1`, `1e-5`
    Number {
        /// The value.
        value: f64,
        /// As written.
        text: Arc<str>,
        /// Whether it is written without point and exponent.
        whole: bool,
    },
    /// `"epoch {epoch}, error {valid:.2%}"`
    Str(Vec<StrPart>),
    /// `true`, `false`
    Bool(bool),
    /// `x`
    Name(Ident),
    /// `[a, b, ...s]`
    List(Vec<Extent>),
    /// `[body for pattern in iter if cond]`
    Comprehension {
        /// The element.
        body: Box<Expr>,
        /// What each turn binds.
        pattern: Pattern,
        /// What is gone through.
        iter: Box<Expr>,
        /// Which turns count.
        cond: Option<Box<Expr>>,
    },
    /// `()`, `(a,)`, `(a, b)`
    Tuple(Vec<Expr>),
    /// `f(x, axis: 1)`
    Call {
        /// What is called.
        callee: Box<Expr>,
        /// The arguments in order.
        args: Vec<Arg>,
    },
    /// `x[i, .., 2..5, ...]`
    Index {
        /// What is indexed.
        base: Box<Expr>,
        /// The positions in order.
        places: Vec<Place>,
    },
    /// `x.f`
    Field {
        /// What has the field.
        base: Box<Expr>,
        /// Its name.
        name: Ident,
    },
    /// `x'`
    Transpose(Box<Expr>),
    /// `-x`, `not x`
    Unary {
        /// Which.
        op: UnaryOp,
        /// Where the operator stands.
        op_span: Span,
        /// What it applies to.
        operand: Box<Expr>,
    },
    /// `a + b`
    Binary {
        /// Which.
        op: BinaryOp,
        /// Where the operator stands.
        op_span: Span,
        /// What stands left of it.
        lhs: Box<Expr>,
        /// What stands right of it.
        rhs: Box<Expr>,
    },
    /// `lo..hi`, half open
    Range {
        /// The first.
        lo: Box<Expr>,
        /// One past the last.
        hi: Box<Expr>,
    },
    /// `if cond then a else b`
    If {
        /// The condition.
        cond: Box<Expr>,
        /// The value if it holds.
        then: Box<Expr>,
        /// The value if not.
        otherwise: Box<Expr>,
    },
    /// `[r, c, h] -> [r * h, c]`
    AxisPattern {
        /// The axes there are.
        from: Shape,
        /// The axes wanted.
        to: Shape,
    },
}

/// A piece of a string.
#[derive(Clone, Debug, PartialEq)]
pub enum StrPart {
    /// Letters, with `\n`, `\"`, `\\`, `{{` and `}}` already read.
    Text(String),
    /// `{expr:.2%}`
    Hole {
        /// What is shown.
        expr: Expr,
        /// How.
        format: Format,
        /// With the braces.
        span: Span,
    },
}

/// How a hole shows its number.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Format {
    /// Digits after the point; without them the shortest decimal that reads back.
    pub digits: Option<usize>,
    /// Which notation.
    pub style: Style,
}

/// The notation of a number in a hole.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Style {
    /// `0.0175`
    #[default]
    Plain,
    /// `1.75%`
    Percent,
    /// `1.75e-2`
    Exponent,
}

/// An argument of a call.
#[derive(Clone, Debug, PartialEq)]
pub struct Arg {
    /// `axis` in `axis: 1`.
    pub name: Option<Ident>,
    /// The value.
    pub value: Expr,
    /// Both.
    pub span: Span,
}

/// A position in an index.
#[derive(Clone, Debug, PartialEq)]
pub enum Place {
    /// `i`, `-1`, `y[i]`
    Expr(Expr),
    /// `..`, `2..5`, `..n`, `n..`
    Slice {
        /// The first, if written.
        lo: Option<Expr>,
        /// One past the last, if written.
        hi: Option<Expr>,
        /// All of it.
        span: Span,
    },
    /// `...`: all axes not otherwise spoken of.
    Rest(Span),
}

impl Place {
    /// Where it stands.
    pub fn span(&self) -> Span {
        match self {
            Place::Expr(e) => e.span,
            Place::Slice { span, .. } | Place::Rest(span) => *span,
        }
    }
}

/// The operators before one operand.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum UnaryOp {
    /// `-`
    Neg,
    /// `not`
    Not,
}

/// The operators between two operands.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum BinaryOp {
    /// `^`
    Pow,
    /// `*`
    Mul,
    /// `/`
    Div,
    /// `//`
    FloorDiv,
    /// `%`
    Mod,
    /// `@`
    MatMul,
    /// `+`
    Add,
    /// `-`
    Sub,
    /// `==`
    Eq,
    /// `!=`
    Ne,
    /// `<`
    Lt,
    /// `<=`
    Le,
    /// `>`
    Gt,
    /// `>=`
    Ge,
    /// `and`
    And,
    /// `or`
    Or,
}

impl UnaryOp {
    /// As it is written.
    pub fn text(self) -> &'static str {
        match self {
            UnaryOp::Neg => "-",
            UnaryOp::Not => "not",
        }
    }
}

impl BinaryOp {
    /// As it is written.
    pub fn text(self) -> &'static str {
        match self {
            BinaryOp::Pow => "^",
            BinaryOp::Mul => "*",
            BinaryOp::Div => "/",
            BinaryOp::FloorDiv => "//",
            BinaryOp::Mod => "%",
            BinaryOp::MatMul => "@",
            BinaryOp::Add => "+",
            BinaryOp::Sub => "-",
            BinaryOp::Eq => "==",
            BinaryOp::Ne => "!=",
            BinaryOp::Lt => "<",
            BinaryOp::Le => "<=",
            BinaryOp::Gt => ">",
            BinaryOp::Ge => ">=",
            BinaryOp::And => "and",
            BinaryOp::Or => "or",
        }
    }

    /// Whether it compares: its result is a truth value, and it does not chain.
    pub fn compares(self) -> bool {
        matches!(
            self,
            BinaryOp::Eq | BinaryOp::Ne | BinaryOp::Lt | BinaryOp::Le | BinaryOp::Gt | BinaryOp::Ge
        )
    }
}
