//! The syntax tree: what a `.dl` text says, before any name is looked up. Data only.
//!
//! Every node carries its [`Span`]. Nodes that the checker keeps beyond the file (functions,
//! layers, steps, schedules, data blocks) are behind an [`Arc`], so that a clone costs nothing.
//! Parentheses leave no trace: the tree's own form says what they said.

use std::sync::Arc;

use crate::source::{FileId, Span};

/// A name as it stands in the text. `_` alone is the name `_`.
#[derive(Clone, Debug, PartialEq)]
pub struct Ident {
    /// The letters.
    pub name: Arc<str>,
    /// Where.
    pub span: Span,
}

/// One source text.
#[derive(Clone, Debug, PartialEq)]
pub struct File {
    /// Which text.
    pub id: FileId,
    /// The `use` lines, which stand first.
    pub uses: Vec<Use>,
    /// The declarations in order.
    pub items: Vec<Item>,
    /// The comment at the head of the file, without `#`, its lines joined by newlines.
    pub doc: Option<String>,
}

/// `use std.layers: Dense, flatten`
#[derive(Clone, Debug, PartialEq)]
pub struct Use {
    /// The parts of the module's path: `std`, `layers`.
    pub path: Vec<Ident>,
    /// What is taken from it.
    pub names: Vec<Ident>,
    /// The whole line.
    pub span: Span,
}

impl Use {
    /// The path with its points: `std.layers`.
    pub fn module(&self) -> String {
        self.path.iter().map(|p| &*p.name).collect::<Vec<_>>().join(".")
    }

    /// Where the path stands.
    pub fn path_span(&self) -> Span {
        match (self.path.first(), self.path.last()) {
            (Some(first), Some(last)) => first.span.to(last.span),
            _ => self.span,
        }
    }
}

/// A declaration of a file or of a layer.
///
/// In a layer stand only `Stream`, `Param`, `State`, `Fn`, `Step`, `Assert`, `Draw` and `Define`;
/// the parser refuses the others there.
#[derive(Clone, Debug, PartialEq)]
pub enum Item {
    /// `hyper lr = 0.1`
    Hyper(Hyper),
    /// `dim visible = 28 * 28`
    Dim(Dim),
    /// `data mnist { … }`
    Data(Arc<Data>),
    /// `stream rng = numpy(123)`
    Stream(Stream),
    /// `layer Dense[n_in, n_out](act = tanh) { … }`
    Layer(Arc<Layer>),
    /// `param W[n_in, n_out] ~ glorot(n_in, n_out)`
    Param(Slot),
    /// `state chain[20, hidden] = 0`
    State(Slot),
    /// `fn errors(x, y) = …`
    Fn(Arc<Function>),
    /// `step learn(x[n, 784]) { … }`
    Step(Arc<Step>),
    /// `schedule fit(…) { … }`
    Schedule(Arc<Schedule>),
    /// `run { … }`
    Run(Arc<Run>),
    /// `assert e, "why"`
    Assert(Assert),
    /// `first ~ integers(10_000) from rng`
    Draw(Draw),
    /// `sizes = [28 * 28] + hidden`
    Define(Define),
}

impl Item {
    /// The whole declaration.
    pub fn span(&self) -> Span {
        match self {
            Item::Hyper(n) => n.span,
            Item::Dim(n) => n.span,
            Item::Data(n) => n.span,
            Item::Stream(n) => n.span,
            Item::Layer(n) => n.span,
            Item::Param(n) | Item::State(n) => n.span,
            Item::Fn(n) => n.span,
            Item::Step(n) => n.span,
            Item::Schedule(n) => n.span,
            Item::Run(n) => n.span,
            Item::Assert(n) => n.span,
            Item::Draw(n) => n.span,
            Item::Define(n) => n.span,
        }
    }
}

/// `hyper [dim] NAME [: type] = e`
#[derive(Clone, Debug, PartialEq)]
pub struct Hyper {
    /// Whether it is a dimension too.
    pub is_dim: bool,
    /// Its name.
    pub name: Ident,
    /// The type, if written.
    pub ty: Option<Ident>,
    /// The default.
    pub value: Expr,
    /// Its comment.
    pub doc: Option<String>,
    /// The whole declaration.
    pub span: Span,
}

/// `dim NAME = e`
#[derive(Clone, Debug, PartialEq)]
pub struct Dim {
    /// Its name.
    pub name: Ident,
    /// Its extent.
    pub value: Expr,
    /// Its comment.
    pub doc: Option<String>,
    /// The whole declaration.
    pub span: Span,
}

/// `data NAME { … }`
#[derive(Clone, Debug, PartialEq)]
pub struct Data {
    /// Its name.
    pub name: Ident,
    /// What it holds, in order.
    pub members: Vec<Member>,
    /// Its comment.
    pub doc: Option<String>,
    /// The whole declaration.
    pub span: Span,
}

/// What stands in a data block.
#[derive(Clone, Debug, PartialEq)]
pub enum Member {
    /// A block within the block (a split).
    Data(Arc<Data>),
    /// `assert e, "why"`
    Assert(Assert),
    /// `x[50_000, 784] = rows[..50_000]`
    Slot(Slot),
}

/// A named place with its initial value: a param, a state or a field of data.
#[derive(Clone, Debug, PartialEq)]
pub struct Slot {
    /// Its name.
    pub name: Ident,
    /// The shape, if written.
    pub shape: Option<Shape>,
    /// The type, if written.
    pub ty: Option<Ident>,
    /// What it starts with.
    pub init: SlotInit,
    /// Its comment.
    pub doc: Option<String>,
    /// The whole declaration, with `param` or `state`.
    pub span: Span,
}

/// What a slot starts with.
#[derive(Clone, Debug, PartialEq)]
pub enum SlotInit {
    /// `= e`
    Value(Expr),
    /// `~ dist from s`
    Draw(DrawSource),
}

/// `stream NAME [= e]`
#[derive(Clone, Debug, PartialEq)]
pub struct Stream {
    /// Its name.
    pub name: Ident,
    /// `7` or `numpy(1234)`; without one the stream derives its seed from its name.
    pub seed: Option<Expr>,
    /// Its comment.
    pub doc: Option<String>,
    /// The whole declaration.
    pub span: Span,
}

/// `layer Name[sizes](params) { … }`
#[derive(Clone, Debug, PartialEq)]
pub struct Layer {
    /// Its name, which begins with a capital.
    pub name: Ident,
    /// The sizes in brackets.
    pub sizes: Option<Shape>,
    /// The values in parentheses; empty if there are none.
    pub params: Vec<Formal>,
    /// Its declarations in order.
    pub body: Vec<Item>,
    /// Its comment.
    pub doc: Option<String>,
    /// `layer Name[sizes](params)`, without the body.
    pub header: Span,
    /// The whole declaration.
    pub span: Span,
}

/// `fn NAME(params) [-> shape] (= e | { … })`
#[derive(Clone, Debug, PartialEq)]
pub struct Function {
    /// Its name.
    pub name: Ident,
    /// What it takes.
    pub params: Vec<Formal>,
    /// The shapes after `->`; empty if not written.
    pub result: Vec<ResultType>,
    /// What it does.
    pub body: Body,
    /// Its comment.
    pub doc: Option<String>,
    /// `fn NAME(params) -> shape`, without the body.
    pub header: Span,
    /// The whole declaration.
    pub span: Span,
}

/// A shape and type after `->`.
#[derive(Clone, Debug, PartialEq)]
pub struct ResultType {
    /// The shape.
    pub shape: Shape,
    /// The type, if written.
    pub ty: Option<Ident>,
}

/// The body of a function.
#[derive(Clone, Debug, PartialEq)]
pub enum Body {
    /// `= e`
    Expr(Expr),
    /// `{ …; return e }`
    Block(Block),
}

/// `step NAME(params) { … }`
#[derive(Clone, Debug, PartialEq)]
pub struct Step {
    /// Its name.
    pub name: Ident,
    /// What it takes.
    pub params: Vec<Formal>,
    /// What it does.
    pub body: Block,
    /// Its comment.
    pub doc: Option<String>,
    /// `step NAME(params)`, without the body.
    pub header: Span,
    /// The whole declaration.
    pub span: Span,
}

/// `schedule NAME(params) { … }`
#[derive(Clone, Debug, PartialEq)]
pub struct Schedule {
    /// Its name.
    pub name: Ident,
    /// What it takes.
    pub params: Vec<Formal>,
    /// What it does.
    pub body: Block,
    /// Its comment.
    pub doc: Option<String>,
    /// `schedule NAME(params)`, without the body.
    pub header: Span,
    /// The whole declaration.
    pub span: Span,
}

/// `run { … }`
#[derive(Clone, Debug, PartialEq)]
pub struct Run {
    /// What it does.
    pub body: Block,
    /// Its comment.
    pub doc: Option<String>,
    /// The whole declaration.
    pub span: Span,
}

/// A parameter in a header: `x[n, 784]: int = 0`
#[derive(Clone, Debug, PartialEq)]
pub struct Formal {
    /// Its name.
    pub name: Ident,
    /// The shape, if written.
    pub shape: Option<Shape>,
    /// The type, if written.
    pub ty: Option<Ident>,
    /// The value it has where none is given.
    pub default: Option<Expr>,
    /// All of it.
    pub span: Span,
}

/// Extents in brackets: `[n, 28 * 28, ...s]`
#[derive(Clone, Debug, PartialEq)]
pub struct Shape {
    /// The extents in order.
    pub extents: Vec<Extent>,
    /// With the brackets.
    pub span: Span,
}

/// One extent of a shape, or one element of a list.
#[derive(Clone, Debug, PartialEq)]
pub enum Extent {
    /// `784`, `n`, `_` (the name `_`), `4 * units`
    Expr(Expr),
    /// `...` or `...s`
    Rest {
        /// The name after the points.
        name: Option<Ident>,
        /// With the points.
        span: Span,
    },
}

impl Extent {
    /// Where it stands.
    pub fn span(&self) -> Span {
        match self {
            Extent::Expr(e) => e.span,
            Extent::Rest { span, .. } => *span,
        }
    }
}

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
