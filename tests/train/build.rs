//! Programs in few words: a counter that learns from eight numbers, two at a time.

use dlc::diag::{Diagnostic, Problems};
use dlc::ir::{Module, Tensor};
use dlc::lower::lower;
use dlc::program::host::{
    Argument, Batches, Expr, ExprKind, Fold, Format, Host, Loop, Over, Part, Stmt, StmtKind, Style,
};
use dlc::program::{
    Body, Elem, IndexItem, MapOp, Place, PlaceKind, Precision, Program, ReduceOp, Resident, Setup, Step,
    StepArg, TensorType, Value, ValueId, ValueOp,
};
use dlc::runtime::{Device, Interpreter, prepare};
use dlc::source::{FileId, Span};
use dlc::train::{self, Event, Finished, Logged, Options, Sink};
use std::sync::Arc;

pub fn span(at: usize) -> Span {
    Span::new(FileId(0), at, at + 1)
}

pub fn real(shape: &[usize]) -> TensorType {
    TensorType::new(Elem::Real, shape.to_vec())
}

pub fn int(shape: &[usize]) -> TensorType {
    TensorType::new(Elem::Int, shape.to_vec())
}

/// Appends values to a body.
#[derive(Default)]
pub struct Values {
    pub body: Body,
}

impl Values {
    pub fn add(&mut self, op: ValueOp, args: &[ValueId], ty: TensorType) -> ValueId {
        let at = span(100 + self.body.values.len());
        self.body.values.push(Value { op, args: args.to_vec(), ty, name: None, span: at });
        self.body.values.len() - 1
    }

    pub fn named(&mut self, id: ValueId, name: &str) -> ValueId {
        self.body.values[id].name = Some(name.into());
        id
    }

    pub fn number(&mut self, value: f64) -> ValueId {
        self.add(ValueOp::Number(value), &[], real(&[]))
    }

    pub fn map(&mut self, op: MapOp, args: &[ValueId]) -> ValueId {
        let ty = args.iter().map(|a| self.body.values[*a].ty.clone()).max_by_key(|t| t.shape.len());
        self.add(ValueOp::Map(op), args, ty.expect("operands"))
    }

    pub fn mean(&mut self, a: ValueId) -> ValueId {
        let axes = (0..self.body.values[a].ty.shape.len()).collect();
        self.add(ValueOp::Reduce { op: ReduceOp::Mean, axes, keep: false }, &[a], real(&[]))
    }

    pub fn report(&mut self, name: &str, value: ValueId) {
        let at = span(300 + value);
        self.body.reports.push((name.into(), value, at));
    }

    pub fn update(&mut self, place: usize, value: ValueId) {
        self.body.updates.push((place, value, span(200 + value)));
    }

    pub fn step(self, name: &str, args: &[(&str, TensorType)]) -> Step {
        let args = args.iter().map(|(name, ty)| StepArg { name: (*name).into(), ty: ty.clone() }).collect();
        let (name, form) = (name.to_owned(), String::new());
        Step { name, form, args, body: self.body, declared: true, family: 0, span: span(50) }
    }
}

/// Residents `train.x` (0, 1, … 7) and `train.y` (the same, whole), a param `W` of 0.5, and
///
/// ```text
/// step learn(x[2], rate) { cost = mean(x) * W; W <- W + rate * mean(x); report cost, x }
/// step errors(x[2])      { mean(x) - W }                   (an expression)
/// step pick(t[4], i[2]: int) { picked = mean(t[i]); report picked }
/// ```
pub fn program(body: Vec<Stmt>, vars: usize) -> Program {
    let mut setup = Values::default();
    let whole = setup.add(ValueOp::Indices, &[], int(&[8]));
    let x = setup.add(ValueOp::Convert, &[whole], real(&[8]));
    let half = setup.number(0.5);
    let residents = vec![
        Resident { name: "train.x".into(), value: x },
        Resident { name: "train.y".into(), value: whole },
    ];
    let place = |name: &str, kind, ty, init| Place { name: Arc::from(name), kind, ty, init, span: span(10) };
    Program {
        name: "test".to_owned(),
        places: vec![
            place("W", PlaceKind::Param, real(&[]), half),
            place("s", PlaceKind::State, real(&[]), half),
        ],
        setup: Setup { body: setup.body, residents, ..Setup::default() },
        steps: vec![learn(), errors(), pick()],
        host: Host { vars: (0..vars).map(|i| Arc::from(format!("v{i}"))).collect(), body, ..Host::default() },
        ..Program::default()
    }
}

pub const LEARN: usize = 0;
pub const ERRORS: usize = 1;
pub const PICK: usize = 2;

fn learn() -> Step {
    let mut v = Values::default();
    let x = v.add(ValueOp::Arg(0), &[], real(&[2]));
    let rate = v.add(ValueOp::Arg(1), &[], real(&[]));
    let w = v.add(ValueOp::Place(0), &[], real(&[]));
    let mean = v.mean(x);
    let cost = v.map(MapOp::Mul, &[mean, w]);
    let change = v.map(MapOp::Mul, &[rate, mean]);
    let next = v.map(MapOp::Add, &[w, change]);
    v.update(0, next);
    v.report("cost", cost);
    v.report("x", x);
    v.step("learn", &[("x", real(&[2])), ("rate", real(&[]))])
}

fn errors() -> Step {
    let mut v = Values::default();
    let x = v.add(ValueOp::Arg(0), &[], real(&[2]));
    let w = v.add(ValueOp::Place(0), &[], real(&[]));
    let mean = v.mean(x);
    let error = v.map(MapOp::Sub, &[mean, w]);
    v.report("error", error);
    Step { declared: false, ..v.step("errors", &[("x", real(&[2]))]) }
}

fn pick() -> Step {
    let mut v = Values::default();
    let mut named = real(&[4]);
    named.names[0] = Some("n_out".into());
    let t = v.add(ValueOp::Arg(0), &[], named);
    let i = v.add(ValueOp::Arg(1), &[], int(&[2]));
    let picked = v.add(ValueOp::Index(vec![IndexItem::Tensor]), &[t, i], real(&[2]));
    let mean = v.mean(picked);
    v.report("picked", mean);
    v.step("pick", &[("t", real(&[4])), ("i", int(&[2]))])
}

// Expressions and statements.

pub fn e(kind: ExprKind) -> Expr {
    Expr { kind, span: span(1) }
}

pub fn s(kind: StmtKind) -> Stmt {
    Stmt { kind, span: span(2) }
}

pub fn num(value: f64) -> Expr {
    e(ExprKind::Number(value))
}

pub fn text(text: &str) -> Expr {
    e(ExprKind::Text(text.into()))
}

pub fn var(at: usize) -> Expr {
    e(ExprKind::Var(at))
}

pub fn map(op: MapOp, args: Vec<Expr>) -> Expr {
    e(ExprKind::Map(op, args))
}

pub fn fold(fold: Fold, list: Expr) -> Expr {
    e(ExprKind::Fold(fold, Box::new(list)))
}

pub fn list(items: Vec<Expr>) -> Expr {
    e(ExprKind::List(items))
}

pub fn let_(at: usize, value: Expr) -> Stmt {
    s(StmtKind::Let(vec![at], value))
}

pub fn set(at: usize, value: Expr) -> Stmt {
    s(StmtKind::Set(at, value))
}

pub fn do_(value: Expr) -> Stmt {
    s(StmtKind::Do(value))
}

pub fn range(at: usize, from: f64, to: f64) -> Loop {
    Loop { index: None, vars: vec![at], over: Over::Range(num(from), num(to)) }
}

pub fn for_(over: Loop, body: Vec<Stmt>) -> Stmt {
    s(StmtKind::For(over, body))
}

pub fn if_(condition: Expr, body: Vec<Stmt>) -> Stmt {
    s(StmtKind::If(condition, body, Vec::new()))
}

pub fn phase(name: &str, body: Vec<Stmt>) -> Stmt {
    s(StmtKind::Phase(text(name), body))
}

pub fn stop() -> Stmt {
    s(StmtKind::Stop)
}

pub fn report(name: &str, value: Expr) -> Stmt {
    s(StmtKind::Report(name.into(), value))
}

pub fn plain() -> Format {
    Format::default()
}

pub fn digits(digits: usize, style: Style) -> Format {
    Format { digits: Some(digits), style }
}

pub fn hole(value: Expr) -> Part {
    Part::Hole(value, plain())
}

/// Prints values one after another, a space between them.
pub fn print(values: Vec<Expr>) -> Stmt {
    let mut parts = Vec::new();
    for value in values {
        if !parts.is_empty() {
            parts.push(Part::Text(" ".to_owned()));
        }
        parts.push(hole(value));
    }
    do_(e(ExprKind::Print(Box::new(e(ExprKind::Format(parts))))))
}

pub fn x_batches() -> Batches {
    Batches { fields: vec![0], start: 0, size: 2, count: 4, order: None }
}

pub fn over_batches(index: Option<usize>, at: usize) -> Loop {
    Loop { index, vars: vec![at], over: Over::Batches(x_batches()) }
}

pub fn call(step: usize, args: Vec<Argument>) -> Expr {
    e(ExprKind::Call(step, args))
}

pub fn learn_on(x: Expr, rate: Expr) -> Expr {
    call(LEARN, vec![Argument::Tensor(x), Argument::Scalar(rate)])
}

pub fn field(record: Expr, at: usize) -> Expr {
    e(ExprKind::Field(Box::new(record), at))
}

pub fn collect(over: Loop, value: Expr) -> Expr {
    e(ExprKind::Collect { over: Box::new(over), body: Vec::new(), condition: None, value: Box::new(value) })
}

// Runs.

/// Keeps what it is told as lines.
#[derive(Default)]
pub struct Kept {
    pub lines: Vec<String>,
}

impl Sink for Kept {
    fn event(&mut self, event: &Event<'_>) {
        match event {
            Event::Print(text) => self.lines.push((*text).to_owned()),
            Event::Report(r) => {
                let value = match &r.value {
                    Logged::Number(v) => format!("{v:?}"),
                    other => format!("{other:?}"),
                };
                let (phase, epoch, at) = (r.phase.unwrap_or("-"), r.epoch, r.iteration);
                self.lines.push(format!("{phase} {epoch:?} {at:?} {} {value}", r.name));
            }
            Event::Warning(warning) => self.lines.push(format!("warning: {}", warning.title)),
            Event::Progress { .. } | Event::End { .. } => {}
        }
    }
}

/// Result, what was told, and the places afterwards.
pub struct Outcome {
    pub result: Result<Finished, Problems>,
    pub lines: Vec<String>,
    pub places: Vec<Tensor>,
}

impl Outcome {
    /// The lines of a run without errors.
    pub fn told(self) -> Vec<String> {
        if let Err(problems) = &self.result {
            panic!("{problems:#?}");
        }
        self.lines
    }

    /// The only error.
    pub fn error(self) -> Diagnostic {
        let mut problems = self.result.expect_err("the run fails");
        assert_eq!(problems.len(), 1, "{problems:#?}");
        problems.remove(0)
    }
}

pub fn run_module(program: &Program, module: &Module, options: &Options) -> Outcome {
    let ready = prepare(program, module, &options.folder).expect("the setup succeeds");
    let mut device = Interpreter::new(module, ready);
    let mut kept = Kept::default();
    let result = train::run_on(program, module, &mut device, options, &mut kept);
    let places = (0..module.places.len()).map(|p| device.read(p)).collect();
    Outcome { result, lines: kept.lines, places }
}

pub fn run_with(program: &Program, options: &Options) -> Outcome {
    run_module(program, &lower(program, Precision::F32), options)
}

/// Runs a schedule on the counter.
pub fn run(body: Vec<Stmt>, vars: usize) -> Outcome {
    run_with(&program(body, vars), &Options::default())
}
