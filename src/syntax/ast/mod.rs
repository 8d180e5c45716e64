//! The syntax tree: what a `.dl` text says, before any name is looked up. Data only.
//!
//! Every node carries its [`Span`]. Nodes that the checker keeps beyond the file (functions,
//! layers, steps, schedules, data blocks) are behind an [`Arc`], so that a clone costs nothing.
//! Parentheses leave no trace: the tree's own form says what they said.

mod expr;
mod stmt;

use std::sync::Arc;

pub use expr::*;
pub use stmt::*;

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
    /// `data digits { … }`
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
