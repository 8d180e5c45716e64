//! Loops, folds, phases, stop, snapshots, queues.

use crate::build::*;
use dlc::diag::codes;
use dlc::ir::Tensor;
use dlc::program::MapOp;
use dlc::program::host::{Argument, ExprKind, Fold, Loop, Over, Stmt, StmtKind};
use dlc::train::{Cut, End, Event, Options, Sink, arithmetic, run_on};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

#[test]
fn loops_bind_their_elements() {
    let pairs = list(vec![
        e(ExprKind::Tuple(vec![num(1.0), text("a")])),
        e(ExprKind::Tuple(vec![num(2.0), text("b")])),
    ]);
    let told = run(
        vec![
            for_(range(0, 2.0, 5.0), vec![print(vec![var(0)])]),
            for_(range(0, 5.0, 2.0), vec![print(vec![var(0)])]),
            for_(
                Loop { index: Some(0), vars: vec![1, 2], over: Over::List(pairs) },
                vec![print(vec![var(0), var(1), var(2)])],
            ),
            for_(over_batches(Some(0), 1), vec![print(vec![var(0), var(1)])]),
        ],
        3,
    )
    .told();
    assert_eq!(told, ["2", "3", "4", "0 1 a", "1 2 b", "0 [0, 1]", "1 [2, 3]", "2 [4, 5]", "3 [6, 7]"]);
}

#[test]
fn lists_are_folded_in_order_in_f64() {
    let values = || list(vec![num(1e16), num(1.0), num(-1e16), num(4.0)]);
    let told = run(
        vec![
            print(vec![fold(Fold::Sum, values()), fold(Fold::Mean, values()), fold(Fold::Len, values())]),
            print(vec![fold(Fold::Min, values()), fold(Fold::Max, values())]),
            print(vec![fold(Fold::Max, list(vec![num(1.0), num(f64::NAN), num(2.0)]))]),
            print(vec![
                e(ExprKind::Index(Box::new(values()), Box::new(num(-1.0)))),
                e(ExprKind::Slice(Box::new(values()), Some(Box::new(num(1.0))), Some(Box::new(num(-2.0))))),
            ]),
        ],
        0,
    )
    .told();
    assert_eq!(told, ["4 1 4", "-1e16 1e16", "nan", "4 [1]"]);
    let empty = run(vec![print(vec![fold(Fold::Mean, list(vec![]))])], 0).error();
    assert_eq!(empty.title, "the mean of an empty list");
    let outside =
        run(vec![print(vec![e(ExprKind::Index(Box::new(values()), Box::new(num(4.0))))])], 0).error();
    assert_eq!(
        (outside.code, outside.title.as_str()),
        (codes::INDEX_AT_RUN, "there is no element 4 among 4")
    );
}

#[test]
fn whole_numbers_divide_as_in_every_world() {
    let of = |op, a, b| arithmetic::numbers(op, &[a, b]);
    for (a, b, quotient, rest) in
        [(7.0, 2.0, 3.0, 1.0), (-7.0, 2.0, -4.0, 1.0), (7.0, -2.0, -4.0, -1.0), (-7.0, -2.0, 3.0, -1.0)]
    {
        assert_eq!(of(MapOp::FloorDiv, a, b), quotient);
        assert_eq!(of(MapOp::Mod, a, b), rest);
    }
    let large = 9_007_199_254_740_991.0;
    assert_eq!(of(MapOp::FloorDiv, large, 3.0), 3_002_399_751_580_330.0);
    assert_eq!(arithmetic::numbers(MapOp::Round, &[2.5]), 2.0);
    assert_eq!(arithmetic::numbers(MapOp::Clamp, &[5.0, 0.0, 2.0]), 2.0);
    assert!(of(MapOp::Min, f64::NAN, 1.0).is_nan() && of(MapOp::Max, 1.0, f64::NAN).is_nan());
}

#[test]
fn and_or_and_where_evaluate_what_they_need() {
    let bad = || map(MapOp::Gt, vec![fold(Fold::Mean, list(vec![])), num(0.0)]);
    let no = || e(ExprKind::Bool(false));
    let told = run(
        vec![
            print(vec![map(MapOp::And, vec![no(), bad()])]),
            print(vec![map(MapOp::Or, vec![map(MapOp::Not, vec![no()]), bad()])]),
            print(vec![map(MapOp::Where, vec![no(), bad(), num(3.0)])]),
        ],
        0,
    )
    .told();
    assert_eq!(told, ["false", "true", "3"]);
}

/// The learning-rate rules of a schedule are right at both ends: u / (1 + d t), and a step schedule.
#[test]
fn rates_are_not_off_by_one() {
    let t = || var(0);
    let decay = map(
        MapOp::Div,
        vec![num(0.1), map(MapOp::Add, vec![num(1.0), map(MapOp::Mul, vec![num(0.5), t()])])],
    );
    let told = run(vec![for_(range(0, 0.0, 4.0), vec![report("rate", decay)])], 1).told();
    let rates: Vec<&str> = told.iter().map(|l| l.rsplit(' ').next().unwrap()).collect();
    assert_eq!(rates, ["0.1", "0.06666666666666667", "0.05", "0.04"]);
}

/// The second case of patience: ten minibatches an epoch, patience 20, and the rule of chapter 1
/// with its variables. Checks at 9, 19, 29; the end at iteration 38, in the fourth epoch.
#[test]
fn patience_counts_as_in_the_tutorial() {
    let (epoch, i, iter, limit, best, best_iter, valid) = (0, 1, 2, 3, 4, 5, 6);
    let op = |op, a, b| map(op, vec![a, b]);
    let errors = list([0.50, 0.40, 0.3995, 0.30, 0.29].map(num).to_vec());
    let check = vec![
        let_(
            valid,
            e(ExprKind::Index(Box::new(errors), Box::new(op(MapOp::FloorDiv, var(iter), num(10.0))))),
        ),
        report("valid", var(valid)),
        if_(
            op(MapOp::Lt, var(valid), var(best)),
            vec![
                if_(
                    op(MapOp::Lt, var(valid), op(MapOp::Mul, num(0.995), var(best))),
                    vec![set(limit, op(MapOp::Max, var(limit), op(MapOp::Mul, var(iter), num(2.0))))],
                ),
                set(best, var(valid)),
                set(best_iter, var(iter)),
            ],
        ),
    ];
    let minibatch = vec![
        let_(iter, op(MapOp::Add, op(MapOp::Mul, var(epoch), num(10.0)), var(i))),
        if_(op(MapOp::Eq, op(MapOp::Mod, op(MapOp::Add, var(iter), num(1.0)), num(10.0)), num(0.0)), check),
        if_(op(MapOp::Le, var(limit), var(iter)), vec![stop()]),
    ];
    let told = run(
        vec![
            let_(limit, num(20.0)),
            let_(best, num(f64::INFINITY)),
            let_(best_iter, num(0.0)),
            phase(
                "training",
                vec![for_(range(epoch, 0.0, 100.0), vec![for_(range(i, 0.0, 10.0), minibatch)])],
            ),
            print(vec![var(iter), var(limit), var(best), var(best_iter)]),
        ],
        7,
    )
    .told();
    let reports: Vec<String> = [(0, 0.5), (1, 0.4), (2, 0.3995)]
        .map(|(epoch, value)| format!("training Some({epoch}) None valid {value}"))
        .to_vec();
    assert_eq!(told[..3], reports);
    assert_eq!(told[3..], ["38 38 0.3995 29"]);
}

#[test]
fn stop_ends_the_innermost_phase() {
    let at = |n| map(MapOp::Eq, vec![var(0), num(n)]);
    let told = run(
        vec![
            phase(
                "outer",
                vec![
                    phase(
                        "inner",
                        vec![for_(range(0, 0.0, 9.0), vec![if_(at(2.0), vec![stop()]), print(vec![var(0)])])],
                    ),
                    print(vec![text("after inner")]),
                    stop(),
                    print(vec![text("never")]),
                ],
            ),
            print(vec![text("after outer")]),
            stop(),
            print(vec![text("never")]),
        ],
        1,
    )
    .told();
    assert_eq!(told, ["0", "1", "after inner", "after outer"]);
}

/// Epochs, iterations and phases of the log.
#[test]
fn reports_are_numbered_within_their_phase() {
    let step = || field(learn_on(var(1), num(0.0)), 0);
    let learn = || do_(learn_on(var(1), num(0.0)));
    let told = run(
        vec![
            report("before", num(1.0)),
            for_(over_batches(None, 1), vec![learn()]),
            phase(
                "one",
                vec![for_(
                    range(0, 5.0, 7.0),
                    vec![
                        let_(2, fold(Fold::Mean, collect(over_batches(None, 1), step()))),
                        report("mean", var(2)),
                    ],
                )],
            ),
            report("after", num(2.0)),
        ],
        3,
    )
    .told();
    let lines: Vec<&str> = told.iter().map(String::as_str).filter(|l| !l.contains("learn.x")).collect();
    assert_eq!(lines[0], "- None None before 1.0");
    assert_eq!(
        lines[1..5].join("|"),
        (0..4)
            .map(|i| format!("- None Some({i}) learn.cost {:?}", f64::from(2 * i) * 0.5 + 0.25))
            .collect::<Vec<_>>()
            .join("|")
    );
    assert_eq!(lines[5], "one Some(0) Some(0) learn.cost 0.25");
    assert_eq!(lines[9], "one Some(0) Some(3) mean 1.75");
    assert_eq!(lines[10], "one Some(1) Some(4) learn.cost 0.25");
    assert_eq!(lines[14], "one Some(1) Some(7) mean 1.75");
    assert_eq!(lines[15], "- None Some(7) after 2.0");
    assert_eq!(told.iter().filter(|l| l.contains("learn.x Shape([2])")).count(), 12);
}

#[test]
fn the_log_is_one_object_a_line() {
    let folder = tempfile::tempdir().unwrap();
    let log = folder.path().join("log.jsonl");
    let body = vec![
        phase(
            "train",
            vec![for_(
                range(0, 0.0, 1.0),
                vec![
                    do_(learn_on(e(ExprKind::Batch(x_batches(), Box::new(num(1.0)))), num(0.25))),
                    report("best", num(f64::INFINITY)),
                    report("rate", num(0.1)),
                ],
            )],
        ),
        print(vec![text("a \"quoted\" line")]),
    ];
    let options = Options { log: Some(log.clone()), compile_seconds: 0.5, ..Options::default() };
    run_with(&program(body, 1), &options).told();
    let text = std::fs::read_to_string(&log).unwrap();
    let lines: Vec<&str> = text.lines().collect();
    let head = "{\"event\":\"report\",\"phase\":\"train\",\"epoch\":0,\"iteration\":0,\"name\":";
    assert_eq!(lines[0], format!("{head}\"learn.cost\",\"value\":1.25}}"));
    assert_eq!(lines[1], format!("{head}\"learn.x\",\"shape\":[2]}}"));
    assert_eq!(lines[2], format!("{head}\"best\",\"value\":\"inf\"}}"));
    assert_eq!(lines[3], format!("{head}\"rate\",\"value\":0.1}}"));
    assert_eq!(lines[4], "{\"event\":\"print\",\"text\":\"a \\\"quoted\\\" line\"}");
    let end: serde_json::Value = serde_json::from_str(lines[5]).unwrap();
    assert_eq!((&end["event"], &end["compile_seconds"]), (&"end".into(), &0.5.into()));
    assert!(end["seconds"].as_f64().unwrap() >= 0.0 && lines.len() == 6);
}

#[test]
fn snapshots_are_put_back() {
    let learn = || do_(learn_on(e(ExprKind::Batch(x_batches(), Box::new(num(-1.0)))), num(1.0)));
    let shown = || {
        print(vec![field(
            call(ERRORS, vec![Argument::Tensor(e(ExprKind::Batch(x_batches(), Box::new(num(0.0)))))]),
            0,
        )])
    };
    let outcome = run(
        vec![
            shown(),
            let_(0, e(ExprKind::Snapshot(vec![0]))),
            learn(),
            shown(),
            let_(1, e(ExprKind::Snapshot(vec![0]))),
            learn(),
            s(StmtKind::Restore(vec![0], var(0))),
            shown(),
            s(StmtKind::Restore(vec![0], var(1))),
        ],
        2,
    );
    assert_eq!(outcome.places[0].item_f64(), 7.0);
    assert_eq!(outcome.lines.iter().filter(|l| !l.contains("learn")).collect::<Vec<_>>(), ["0", "-6.5", "0"]);
    let wrong = run(vec![s(StmtKind::Restore(vec![0], num(1.0)))], 0).error();
    assert_eq!(wrong.code, codes::KIND);
}

/// A schedule with two steps, a condition on the host's numbers, a tensor handed on without being
/// waited for, and a validation.
fn busy() -> Vec<Stmt> {
    let validation = fold(
        Fold::Mean,
        collect(over_batches(None, 4), field(call(ERRORS, vec![Argument::Tensor(var(4))]), 0)),
    );
    vec![phase(
        "busy",
        vec![for_(
            range(0, 0.0, 5.0),
            vec![for_(
                over_batches(Some(1), 2),
                vec![
                    let_(3, learn_on(var(2), map(MapOp::Mul, vec![var(1), num(0.03)]))),
                    do_(learn_on(field(var(3), 1), num(-0.01))),
                    if_(
                        map(MapOp::Eq, vec![map(MapOp::Mod, vec![var(1), num(2.0)]), num(1.0)]),
                        vec![
                            let_(5, validation),
                            report("valid", var(5)),
                            print(vec![var(5), field(var(3), 0)]),
                        ],
                    ),
                ],
            )],
        )],
    )]
}

#[test]
fn no_program_can_tell_where_queues_are_cut() {
    let run = |cut| {
        let outcome = run_with(&program(busy(), 6), &Options { cut, ..Options::default() });
        let places: Vec<Tensor> = outcome.places.clone();
        (outcome.told(), places)
    };
    let expected = run(Cut::Never);
    assert_eq!(expected.0.len(), 5 * (8 * 2 + 2 * 2));
    assert_eq!(run(Cut::Work), expected);
    for seed in 0..20 {
        assert_eq!(run(Cut::Random(seed)), expected, "seed {seed}");
    }
}

#[test]
fn calls_of_one_kind_are_one_entry() {
    use dlc::runtime::{Arg, Entry};
    let batch = |at: usize| vec![Arg::Batch { resident: 0, start: at * 2, size: 2 }, Arg::Scalar(0.1)];
    let mut queue = Vec::new();
    for at in 0..4 {
        Entry::join(&mut queue, 0, at as u64, at as u64, batch(at));
    }
    Entry::join(&mut queue, 0, 4, 4, batch(5));
    Entry::join(&mut queue, 1, 5, 0, batch(6));
    let shape: Vec<(usize, u64, usize)> = queue.iter().map(|e| (e.step, e.first, e.count)).collect();
    assert_eq!(shape, [(0, 0, 4), (0, 4, 1), (1, 5, 1)]);
    assert!(matches!(queue[0].call(3).args[0], Arg::Batch { start: 6, .. }));
}

#[test]
fn an_interrupted_run_finishes_its_queue() {
    struct Stopper(Arc<AtomicBool>, usize);
    impl Sink for Stopper {
        fn event(&mut self, event: &Event<'_>) {
            match event {
                Event::Print(_) => self.0.store(true, Ordering::SeqCst),
                Event::Report(_) => self.1 += 1,
                _ => {}
            }
        }
    }
    let options = Options::default();
    let learn = || do_(learn_on(e(ExprKind::Batch(x_batches(), Box::new(num(0.0)))), num(1.0)));
    let body = vec![learn(), print(vec![text("now")]), for_(range(0, 0.0, 1e9), vec![learn()])];
    let program = program(body, 1);
    let module = dlc::lower::lower(&program, Default::default());
    let ready = dlc::runtime::prepare(&program, &module, &options.folder).unwrap();
    let mut device = dlc::runtime::Interpreter::new(&module, ready);
    let mut stopper = Stopper(Arc::clone(&options.interrupt), 0);
    let finished = run_on(&program, &module, &mut device, &options, &mut stopper).unwrap();
    assert_eq!((finished.end, finished.status(), stopper.1), (End::Interrupted, 130, 2));
    assert_eq!(finished.message().unwrap().code, codes::INTERRUPTED);
}

#[test]
fn assertions_tell_their_sides() {
    let condition = map(MapOp::Gt, vec![fold(Fold::Len, list(vec![])), num(0.0)]);
    let error = run(vec![s(StmtKind::Assert(condition, Some(text("no minibatch"))))], 0).error();
    assert_eq!((error.code, error.title.as_str()), (codes::ASSERT_AT_RUN, "no minibatch"));
    assert_eq!(error.labels[0].text, "is 0");
    let held = map(MapOp::Lt, vec![num(0.0), num(1.0)]);
    run(vec![s(StmtKind::Assert(held, None))], 0).told();
}
