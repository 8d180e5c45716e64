//! Steps as they occur: a small network's layers, loops of a step, faults.

use crate::build::{Making, ascending, buffer, index, lanes, noise, step, store};
use crate::run::{Start, agree, isas};
use dlc::cpu::{asm, emit};
use dlc::ir::op::{Binary, Reduce, Unary};
use dlc::ir::{DType, Tensor};
use dlc::kernel::{
    BufferId, Extent, Fold, Form, Home, Index, IndexVar, Item, Op, Order, Product, Share, Start as Sums,
    Step, Stmt, Terms, Var,
};

fn rest(size: usize, var: Var, limit: usize) -> Extent {
    Extent { size, rest: Some((var, limit)) }
}

/// Parameters of the layer below: rows of x, columns, hidden units, units to a block.
struct Sizes {
    rows: usize,
    inputs: usize,
    hidden: usize,
    unit: usize,
}

/// `h = tanh(x W + b)`, a cost from h, and W moved against `x^T h`: product, strip, lanes, folds.
fn layer(dtype: DType, s: &Sizes) -> Step {
    let (m, k, n) = (s.rows, s.inputs, s.hidden);
    let size = dtype.size();
    let arena = (m * n * size).next_multiple_of(64);
    let buffers = vec![
        buffer("x", Home::Arg(0), dtype, &[m, k]),
        buffer("rate", Home::Arg(1), dtype, &[]),
        buffer("W", Home::Place(0), dtype, &[k, n]),
        buffer("b", Home::Place(1), dtype, &[n]),
        buffer("h", Home::Arena(0), dtype, &[m, n]),
        buffer("part", Home::Arena(arena), dtype, &[m]),
        buffer("cost", Home::Report(0), dtype, &[]),
        buffer("g", Home::Scratch(0), dtype, &[k, s.unit]),
    ];
    let forward = {
        let mut of = Making::default();
        let (i, r, l) = (of.var(), of.var(), of.var());
        let columns = rest(s.unit, i, n);
        let product = Product {
            form: Form::Lanes {
                terms: Terms::Strided { count: Extent::fixed(k), a: 1, b: n as i64 },
                sparse: false,
            },
            c: (BufferId(4), index(&[(i, 1)], 0)),
            a: (BufferId(0), Index::default()),
            b: (BufferId(2), index(&[(i, 1)], 0)),
            m: Extent::fixed(m),
            n: columns,
            c_row: n as i64,
            c_col: 1,
            a_row: k as i64,
            start: Sums::Zero,
            span: None,
        };
        let at = index(&[(r, n as i64), (i, 1), (l, 1)], 0);
        let mut turn = Vec::new();
        let old = of.set(&mut turn, dtype, Op::Load(BufferId(4), at.clone()));
        let bias = of.set(&mut turn, dtype, Op::Load(BufferId(3), index(&[(i, 1), (l, 1)], 0)));
        let sum = of.set(&mut turn, dtype, Op::Binary(Binary::Add, old, bias));
        turn.push(store(4, at, sum));
        let first = index(&[(r, n as i64), (i, 1)], 0);
        let strip = Stmt::Strip {
            f: Unary::Tanh,
            dst: (BufferId(4), first.clone()),
            src: (BufferId(4), first),
            count: columns,
            span: None,
        };
        let rows = ascending(r, Extent::fixed(m), vec![lanes(l, columns, turn), strip]);
        of.kernel("forward", Some((i, n, s.unit)), vec![Stmt::Product(Box::new(product)), rows])
    };
    let part = {
        let mut of = Making::default();
        let (r, j) = (of.var(), of.var());
        let mut turn = Vec::new();
        let h = of.set(&mut turn, dtype, Op::Load(BufferId(4), index(&[(r, n as i64), (j, 1)], 0)));
        let square = of.set(&mut turn, dtype, Op::Binary(Binary::Mul, h, h));
        let loops = vec![(j, Extent::fixed(n))];
        let fold = Fold { op: Reduce::Sum, order: Order::Strided, loops, body: turn, item: square };
        let mut body = Vec::new();
        let sum = of.set(&mut body, dtype, Op::Fold(Box::new(fold)));
        body.push(store(5, index(&[(r, 1)], 0), sum));
        of.kernel("part", Some((r, m, 1)), body)
    };
    let cost = {
        let mut of = Making::default();
        let r = of.var();
        let mut turn = Vec::new();
        let p = of.set(&mut turn, dtype, Op::Load(BufferId(5), index(&[(r, 1)], 0)));
        let loops = vec![(r, Extent::fixed(m))];
        let fold = Fold { op: Reduce::Sum, order: Order::Ascending, loops, body: turn, item: p };
        let mut body = Vec::new();
        let sum = of.set(&mut body, dtype, Op::Fold(Box::new(fold)));
        body.push(store(6, Index::default(), sum));
        of.kernel("cost", None, body)
    };
    let update = {
        let mut of = Making::default();
        let (i, r, l, l2, t) = (of.var(), of.var(), of.var(), of.var(), of.var());
        let columns = rest(s.unit, i, n);
        let product = Product {
            form: Form::Lanes {
                terms: Terms::Strided { count: Extent::fixed(m), a: k as i64, b: n as i64 },
                sparse: false,
            },
            c: (BufferId(7), Index::default()),
            a: (BufferId(0), Index::default()),
            b: (BufferId(4), index(&[(i, 1)], 0)),
            m: Extent::fixed(k),
            n: columns,
            c_row: s.unit as i64,
            c_col: 1,
            a_row: 1,
            start: Sums::Zero,
            span: None,
        };
        let mut body = vec![Stmt::Product(Box::new(product))];
        let rate = of.set(&mut body, dtype, Op::Load(BufferId(1), Index::default()));
        let mut turn = Vec::new();
        let at = index(&[(r, n as i64), (i, 1), (l, 1)], 0);
        let w = of.set(&mut turn, dtype, Op::Load(BufferId(2), at.clone()));
        let g = of.set(&mut turn, dtype, Op::Load(BufferId(7), index(&[(r, s.unit as i64), (l, 1)], 0)));
        let move_by = of.set(&mut turn, dtype, Op::Binary(Binary::Mul, rate, g));
        let new = of.set(&mut turn, dtype, Op::Binary(Binary::Sub, w, move_by));
        turn.push(store(2, at, new));
        body.push(ascending(r, Extent::fixed(k), vec![lanes(l, columns, turn)]));
        // The bias takes the mean over rows: a fold inside of lanes.
        let mut turn = Vec::new();
        let mut inner = Vec::new();
        let h = of.set(&mut inner, dtype, Op::Load(BufferId(4), index(&[(t, n as i64), (i, 1), (l2, 1)], 0)));
        let loops = vec![(t, Extent::fixed(m))];
        let fold = Fold { op: Reduce::Sum, order: Order::Ascending, loops, body: inner, item: h };
        let sum = of.set(&mut turn, dtype, Op::Fold(Box::new(fold)));
        let move_by = of.set(&mut turn, dtype, Op::Binary(Binary::Mul, rate, sum));
        let at = index(&[(i, 1), (l2, 1)], 0);
        let b = of.set(&mut turn, dtype, Op::Load(BufferId(3), at.clone()));
        let new = of.set(&mut turn, dtype, Op::Binary(Binary::Sub, b, move_by));
        turn.push(store(3, at, new));
        body.push(lanes(l2, columns, turn));
        of.kernel("update", Some((i, n, s.unit)), body)
    };
    let bytes = arena + (m * size).next_multiple_of(64);
    step("layer", buffers, vec![forward, part, cost, update], bytes, k * s.unit * size)
}

fn layer_start(dtype: DType, s: &Sizes) -> Start {
    let tensor = |shape: &[usize], seed: u32| {
        Tensor::from_f64s(dtype, shape.to_vec(), &noise(shape.iter().product(), seed))
    };
    Start {
        args: vec![tensor(&[s.rows, s.inputs], 1), Tensor::scalar(dtype, 0.01)],
        places: vec![tensor(&[s.inputs, s.hidden], 2), tensor(&[s.hidden], 3)],
        residents: Vec::new(),
        run: 0,
    }
}

#[test]
fn a_layer_is_trained_with_the_same_bits() {
    for dtype in [DType::F32, DType::F64] {
        for (rows, inputs, hidden, unit) in [(5, 7, 43, 8), (4, 9, 64, 16), (1, 3, 2, 4), (3, 20, 37, 32)] {
            let sizes = Sizes { rows, inputs, hidden, unit };
            agree(&layer(dtype, &sizes), &layer_start(dtype, &sizes), 4).expect("the bits agree");
        }
    }
}

#[test]
fn a_loop_of_a_step_reads_its_counter_either_way() {
    for reverse in [false, true] {
        let mut of = Making::default();
        let l = of.var();
        let mut turn = Vec::new();
        let at = index(&[(l, 1)], 0);
        let row =
            Index { terms: vec![(IndexVar::Counter(0), 10), (IndexVar::Loop(l), 1)], ..Index::default() };
        let state = of.set(&mut turn, DType::F32, Op::Load(BufferId(0), at.clone()));
        let item = of.set(&mut turn, DType::F32, Op::Load(BufferId(1), row));
        let half = of.real(&mut turn, DType::F32, 0.5);
        let state = of.set(&mut turn, DType::F32, Op::Binary(Binary::Mul, state, half));
        let new = of.set(&mut turn, DType::F32, Op::Binary(Binary::Add, state, item));
        turn.push(store(0, at, new));
        let kernel = of.kernel("turn", None, vec![lanes(l, Extent::fixed(10), turn)]);
        let buffers = vec![
            buffer("state", Home::Place(0), DType::F32, &[10]),
            buffer("items", Home::Resident(0), DType::F32, &[6, 10]),
        ];
        let mut step = step("loop", buffers, vec![kernel], 0, 0);
        step.counters = 1;
        step.order = vec![Item::Loop { counter: 0, turns: 6, reverse, body: vec![Item::Kernel(0)] }];
        let start = Start {
            args: Vec::new(),
            places: vec![Tensor::from_f64s(DType::F32, vec![10], &noise(10, 4))],
            residents: vec![Tensor::from_f64s(DType::F32, vec![6, 10], &noise(60, 5))],
            run: 0,
        };
        agree(&step, &start, 3).expect("the bits agree");
    }
}

/// A gather of rows that checks its indices, then changes a place.
fn gather() -> Step {
    let mut of = Making::default();
    let (r, l) = (of.var(), of.var());
    let mut body = Vec::new();
    let run = of.set(&mut body, DType::I32, Op::Load(BufferId(4), Index::default()));
    let row = of.set(&mut body, DType::I32, Op::Load(BufferId(0), index(&[(r, 1)], 0)));
    let row = of.set(&mut body, DType::I32, Op::Binary(Binary::Add, row, run));
    body.push(Stmt::Check { value: row, extent: 8, span: None });
    let mut turn = Vec::new();
    let from = Index { dynamic: vec![(row, 5)], ..index(&[(l, 1)], 0) };
    let value = of.set(&mut turn, DType::F32, Op::Load(BufferId(1), from));
    turn.push(store(2, index(&[(r, 5), (l, 1)], 0), value));
    body.push(lanes(l, Extent::fixed(5), turn));
    let gather = of.kernel("gather", Some((r, 6, 1)), body);
    let mut of = Making::default();
    let l = of.var();
    let mut turn = Vec::new();
    let at = index(&[(l, 1)], 0);
    let value = of.set(&mut turn, DType::F32, Op::Load(BufferId(2), at.clone()));
    turn.push(store(3, at, value));
    let keep = of.kernel("keep", None, vec![lanes(l, Extent::fixed(30), turn)]);
    let buffers = vec![
        buffer("rows", Home::Arg(0), DType::I32, &[6]),
        buffer("table", Home::Resident(0), DType::F32, &[8, 5]),
        buffer("chosen", Home::Arena(0), DType::F32, &[6, 5]),
        buffer("kept", Home::Place(0), DType::F32, &[6, 5]),
        buffer("run", Home::Run, DType::I32, &[]),
    ];
    step("gather", buffers, vec![gather, keep], 128, 0)
}

/// The same where each thread gathers for itself, and nobody waits for anybody.
fn gather_for_each() -> Step {
    let mut step = gather();
    let [gather, _] = &mut step.kernels[..] else { panic!("two kernels") };
    let Share::Blocks(owner) = std::mem::replace(&mut gather.share, Share::Each) else { panic!("an owner") };
    gather.body = vec![ascending(owner.var, Extent::fixed(owner.extent), gather.body.clone())];
    step.buffers[2].home = Home::Own(0);
    (step.arena, step.scratch) = (0, 128);
    step.order = vec![Item::Kernel(0), Item::Kernel(1)];
    step
}

#[test]
fn a_fault_leaves_the_places_as_before_its_call() {
    for step in [gather(), gather_for_each()] {
        leaves_the_places(&step);
    }
}

fn leaves_the_places(step: &Step) {
    let start = Start {
        args: vec![Tensor::from_i32(vec![6], vec![2, 0, 5, 1, 3, 2])],
        places: vec![Tensor::from_f64s(DType::F32, vec![6, 5], &noise(30, 7))],
        residents: vec![Tensor::from_f64s(DType::F32, vec![8, 5], &noise(40, 8))],
        run: 0,
    };
    // The greatest index is 5 + run: the fourth call has the fault, on whichever thread it comes up.
    agree(step, &start, 3).expect("no fault yet");
    for isa in isas() {
        let code = emit::emit(step, isa).expect("it compiles");
        for threads in 1..=3 {
            let three = crate::run::compiled(step, &code, &start, 3, threads);
            let six = crate::run::compiled(step, &code, &start, 6, threads);
            assert!(six.fault && !three.fault);
            assert_eq!(six.reports.len(), 3);
            assert_eq!(six.places, three.places);
        }
    }
}

#[test]
fn instructions_know_their_statements() {
    let sizes = Sizes { rows: 5, inputs: 7, hidden: 43, unit: 8 };
    let mut step = layer(DType::F32, &sizes);
    let file = dlc::source::FileId(0);
    let mut next = 0;
    for kernel in &mut step.kernels {
        mark(&mut kernel.body, &mut || {
            next += 1;
            Some(dlc::source::Span::new(file, next, next + 1))
        });
    }
    let code = emit::emit(&step, dlc::cpu::Isa::best()).expect("it compiles");
    for kernel in &code.kernels {
        let lines = asm::listing(kernel);
        assert!(lines.iter().filter(|line| line.span.is_some()).count() * 3 > lines.len(), "{}", kernel.name);
        assert!(lines.windows(2).all(|pair| pair[0].offset < pair[1].offset));
    }
    #[cfg(target_arch = "x86_64")]
    assert!(asm::listing(&code.kernels[0]).iter().any(|line| line.text.starts_with("ret")));
}

fn mark(body: &mut [Stmt], next: &mut dyn FnMut() -> Option<dlc::source::Span>) {
    for stmt in body {
        match stmt {
            Stmt::Let { op, span, .. } => {
                if let Op::Fold(fold) = op {
                    mark(&mut fold.body, next);
                }
                *span = next();
            }
            Stmt::Store { span, .. }
            | Stmt::Check { span, .. }
            | Stmt::Strip { span, .. }
            | Stmt::Random { span, .. } => *span = next(),
            Stmt::For { body, .. } | Stmt::Lanes { body, .. } => mark(body, next),
            Stmt::Product(product) => product.span = next(),
        }
    }
}
