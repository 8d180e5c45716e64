//! The printed program.

use crate::bodies::{Bodies, span};
use dlc::program::host::{
    Argument, Batches, Expr, ExprKind, Fold, Format, Loop, Over, Part, Stmt, StmtKind, Style,
};
use dlc::program::print::{print, print_step};
use dlc::program::{
    ArgExtreme, Dist, Draw, Elem, Hyper, IndexItem, MapOp, Precision, Program, Raw, RawSource, Reader,
    ReduceOp, Resident, StreamSource, TensorType, ValueOp,
};

fn expr(kind: ExprKind) -> Expr {
    Expr { kind, span: span(0) }
}

fn number(v: f64) -> Expr {
    expr(ExprKind::Number(v))
}

fn var(at: usize) -> Expr {
    expr(ExprKind::Var(at))
}

fn map(op: MapOp, args: Vec<Expr>) -> Expr {
    expr(ExprKind::Map(op, args))
}

fn stmt(kind: StmtKind) -> Stmt {
    Stmt { kind, span: span(0) }
}

/// A small program with something in each part.
fn program() -> Program {
    let mut b = Bodies::default();
    let w = b.param("top.W", &[2, 3], &[]);
    let x = b.arg(Elem::Real, &[4, 2], &[]);
    b.args[0].ty.names[0] = Some("n".into());
    let y = b.arg(Elem::Int, &[4], &[]);
    let read = b.op(ValueOp::Place(w), &[], Elem::Real, &[2, 3]);
    let z = b.op(ValueOp::MatMul, &[x, read], Elem::Real, &[4, 3]);
    b.name(z, "z");
    let logs = b.op(ValueOp::LogSoftmax { axis: 1 }, &[z], Elem::Real, &[4, 3]);
    let i = b.op(ValueOp::Indices, &[], Elem::Int, &[4]);
    let items = vec![IndexItem::Tensor, IndexItem::Tensor];
    let chosen = b.op(ValueOp::Index(items), &[logs, i, y], Elem::Real, &[4]);
    let mean = ValueOp::Reduce { op: ReduceOp::Mean, axes: vec![0], keep: false };
    let cost = b.op(mean, &[chosen], Elem::Real, &[]);
    b.name(cost, "cost");
    let g = b.op(ValueOp::Grad, &[cost, read], Elem::Real, &[2, 3]);
    let rate = b.real(1e-7);
    let change = b.map(MapOp::Mul, &[rate, g], Elem::Real, &[2, 3]);
    let new = b.map(MapOp::Add, &[read, change], Elem::Real, &[2, 3]);
    b.body.updates.push((w, new, span(0)));
    b.report("cost", cost);
    b.module(Precision::F32);

    let mut program = b.program;
    program.name = "small".into();
    program.doc = Some("A small program.\nExpected: nothing.".into());
    program.steps[0].name = "learn".into();
    program.steps[0].form = "x[4, 2]".into();
    let hyper = |name: &str, value: &str, default: &str, doc: Option<&str>, set| Hyper {
        name: name.into(),
        value: value.into(),
        default: default.into(),
        doc: doc.map(Into::into),
        span: span(0),
        set,
    };
    program.hypers = vec![
        hyper("lr", "0.1", "0.1", Some("learning rate"), false),
        hyper("hidden", "[50]", "[500, 500]", None, true),
        hyper("inputs", "784", "28 * 28", None, false),
    ];
    let read = RawSource::Read { reader: Reader::Pickle, path: "data/m.pkl.gz".into(), span: span(0) };
    let item = RawSource::Item(Box::new(RawSource::Field(Box::new(read), "train".into())), 0);
    program.setup.raws.push(Raw {
        source: RawSource::Reshape(Box::new(RawSource::SliceFirst(Box::new(item), 8, None)), vec![8, 2]),
        ty: TensorType::new(Elem::Real, vec![8, 2]),
        name: "m.x".into(),
        span: span(0),
    });
    let draw = |stream, dist| Draw {
        stream,
        dist,
        ty: TensorType::new(Elem::Real, vec![2]),
        path: "top.b".into(),
        span: span(0),
    };
    program.setup.draws = vec![
        draw(StreamSource::Numpy { seed: 1234, index: 0 }, Dist::Uniform(-0.5, 0.5)),
        draw(StreamSource::Philox { seed: 7 }, Dist::Bernoulli(0.25)),
    ];
    let mut raw = program.setup.body.values[0].clone();
    raw.op = ValueOp::Raw(0);
    raw.ty = TensorType::new(Elem::Real, vec![8, 2]);
    program.setup.body.values.push(raw);
    program.setup.residents = vec![Resident { name: "m.x".into(), value: 2 }];
    schedule(&mut program);
    program
}

fn schedule(program: &mut Program) {
    program.host.vars = ["best", "epoch", "x", "i", "x", "e", "kept"].map(Into::into).to_vec();
    let batches = Batches { fields: vec![0], start: 0, size: 4, count: 2, order: None };
    let call = |x: usize| {
        let args = vec![Argument::Tensor(var(x)), Argument::Scalar(number(0.5))];
        expr(ExprKind::Field(Box::new(expr(ExprKind::Call(0, args))), 0))
    };
    let over = |index, vars, over| Loop { index, vars, over };
    let collect = expr(ExprKind::Collect {
        over: Box::new(over(None, vec![4], Over::Batches(batches.clone()))),
        body: vec![stmt(StmtKind::Let(vec![5], call(4)))],
        condition: Some(Box::new(map(MapOp::Not, vec![map(MapOp::Lt, vec![var(5), number(0.0)])]))),
        value: Box::new(map(MapOp::Mul, vec![number(2.0), map(MapOp::Sub, vec![var(5), number(-1.0)])])),
    });
    let text = expr(ExprKind::Format(vec![
        Part::Text("epoch ".into()),
        Part::Hole(var(1), Format::default()),
        Part::Text(": \"".into()),
        Part::Hole(var(0), Format { digits: Some(2), style: Style::Percent }),
        Part::Text("\"".into()),
    ]));
    let inner = vec![
        stmt(StmtKind::For(
            over(Some(3), vec![2], Over::Batches(batches)),
            vec![stmt(StmtKind::Do(call(2)))],
        )),
        stmt(StmtKind::Let(vec![5], expr(ExprKind::Fold(Fold::Mean, Box::new(collect))))),
        stmt(StmtKind::If(
            map(MapOp::Lt, vec![var(5), var(0)]),
            vec![
                stmt(StmtKind::Set(0, map(MapOp::Min, vec![var(5), var(0)]))),
                stmt(StmtKind::Set(6, expr(ExprKind::Snapshot(vec![0])))),
            ],
            vec![stmt(StmtKind::Stop)],
        )),
        stmt(StmtKind::Report("error".into(), var(5))),
        stmt(StmtKind::Do(expr(ExprKind::Print(Box::new(text))))),
    ];
    let epochs = over(None, vec![1], Over::Range(number(0.0), number(10.0)));
    let phase = expr(ExprKind::Text("train".into()));
    program.host.body = vec![
        stmt(StmtKind::Let(vec![0], number(f64::INFINITY))),
        stmt(StmtKind::Phase(phase, vec![stmt(StmtKind::For(epochs, inner))])),
        stmt(StmtKind::Restore(vec![0], var(6))),
        stmt(StmtKind::Assert(map(MapOp::Gt, vec![var(0), number(0.0)]), None)),
        stmt(StmtKind::Do(expr(ExprKind::Save(vec![0], Box::new(expr(ExprKind::Text("best.npz".into()))))))),
    ];
}

#[test]
fn a_program_with_something_in_each_part() {
    let wanted = r#"program small
# A small program.
# Expected: nothing.

hyper lr = 0.1  # learning rate
hyper hidden = [50] (set; [500, 500] by default)
hyper inputs = 784 (written 28 * 28)

setup
  raw m.x: real[8, 2] = reshape(read_pickle("data/m.pkl.gz").train[0][8..], [8, 2])
  draw top.b: real[2] ~ uniform(-0.5, 0.5) from numpy(1234), stream 0
  draw top.b: real[2] ~ bernoulli(0.25) from philox(7)
  %0: real = 0
  %1: real[2, 3] = broadcast(%0)
  %2: real[8, 2] = raw m.x
  resident m.x = %2
  initial top.W = %1

param top.W: real[2, 3]

step learn{x[4, 2]}(x0: real[n = 4, 2], x1: int[4])
  %0: real[4, 2] = arg x0
  %1: int[4] = arg x1
  %2: real[2, 3] = place top.W
  %3 z: real[4, 3] = %0 @ %2
  %4: real[4, 3] = log_softmax(%3, axis: 1)
  %5: int[4] = indices(4)
  %6: real[4] = %4[%5, %1]
  %7 cost: real = mean(%6, axis: [0])
  %8: real[2, 3] = grad(%7, %2)
  %9: real = 1e-7
  %10: real[2, 3] = %9 * %8
  %11: real[2, 3] = %2 + %10
  top.W <- %11
  report cost = %7

run
  best = inf
  phase "train"
    for epoch in 0..10
      for i, x#2 in enumerate(batches([m.x], 4, count: 2))
        learn{x[4, 2]}(x#2, 0.5).cost
      e = mean([{ e = learn{x[4, 2]}(x#4, 0.5).cost } 2 * (e - (-1)) for x#4 in batches([m.x], 4, count: 2) if not (e < 0)])
      if e < best
        best <- min(e, best)
        kept <- snapshot([top.W])
      else
        stop
      report error = e
      print("epoch {epoch}: \"{best:.2%}\"")
  [top.W] <- kept
  assert best > 0
  save([top.W], "best.npz")
"#;
    let found = print(&program());
    assert!(found == wanted, "{found}");
}

#[test]
fn an_empty_program_is_its_name() {
    assert_eq!(print(&Program { name: "nothing".into(), ..Program::default() }), "program nothing\n");
}

#[test]
fn each_operation_has_a_form() {
    let mut b = Bodies::default();
    let x = b.arg(Elem::Real, &[2, 3], &[]);
    let c = b.op(ValueOp::Bool(true), &[], Elem::Bool, &[]);
    b.op(ValueOp::Convert, &[c], Elem::Real, &[]);
    b.op(ValueOp::Transpose, &[x], Elem::Real, &[3, 2]);
    b.op(ValueOp::Rearrange { perm: vec![1, 0] }, &[x], Elem::Real, &[6]);
    b.op(ValueOp::Reshape, &[x], Elem::Real, &[6]);
    b.op(ValueOp::Broadcast, &[x], Elem::Real, &[1, 2, 3]);
    b.op(ValueOp::Index(vec![IndexItem::Slice(0, 1), IndexItem::At(2)]), &[x], Elem::Real, &[1]);
    b.op(ValueOp::Concat { axis: 0 }, &[x, x], Elem::Real, &[4, 3]);
    b.op(ValueOp::Stack { axis: 2 }, &[x, x], Elem::Real, &[2, 3, 2]);
    let pad = ValueOp::Pad { before: vec![0, 1], after: vec![1, 0], value: 0.0 };
    b.op(pad, &[x], Elem::Real, &[3, 4]);
    b.op(
        ValueOp::Reduce { op: ReduceOp::LogSumExp, axes: vec![0, 1], keep: true },
        &[x],
        Elem::Real,
        &[1, 1],
    );
    b.op(ValueOp::ArgExtreme { op: ArgExtreme::Min, axis: 1, keep: true }, &[x], Elem::Int, &[2, 1]);
    b.op(ValueOp::Softmax { axis: 0 }, &[x], Elem::Real, &[2, 3]);
    let hot = b.op(ValueOp::Number(1.0), &[], Elem::Int, &[]);
    b.op(ValueOp::OneHot, &[hot], Elem::Real, &[4]);
    b.op(ValueOp::StopGradient, &[x], Elem::Real, &[2, 3]);
    b.map(MapOp::Neg, &[x], Elem::Real, &[2, 3]);
    b.map(MapOp::Not, &[c], Elem::Bool, &[]);
    b.map(MapOp::Where, &[c, x, x], Elem::Real, &[2, 3]);
    b.module(Precision::F32);
    b.program.steps[0].declared = false;
    let wanted = "expression step(x0: real[2, 3])
  %0: real[2, 3] = arg x0
  %1: bool = true
  %2: real = real(%1)
  %3: real[3, 2] = %0'
  %4: real[6] = rearrange(%0, order: [1, 0])
  %5: real[6] = reshape(%0)
  %6: real[1, 2, 3] = broadcast(%0)
  %7: real[1] = %0[0..1, 2]
  %8: real[4, 3] = concat([%0, %0], axis: 0)
  %9: real[2, 3, 2] = stack([%0, %0], axis: 2)
  %10: real[3, 4] = pad(%0, before: [0, 1], after: [1, 0], value: 0)
  %11: real[1, 1] = logsumexp(%0, axis: [0, 1], keep: true)
  %12: int[2, 1] = argmin(%0, axis: 1, keep: true)
  %13: real[2, 3] = softmax(%0, axis: 0)
  %14: int = 1
  %15: real[4] = one_hot(%14)
  %16: real[2, 3] = stop_gradient(%0)
  %17: real[2, 3] = -%0
  %18: bool = not %1
  %19: real[2, 3] = where(%1, %0, %0)
";
    let found = print_step(&b.program, &b.program.steps[0]);
    assert!(found == wanted, "{found}");
}
