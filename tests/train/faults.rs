//! Values that go bad, and indices that point outside.

use crate::build::*;
use dlc::diag::{Diagnostic, codes};
use dlc::ir::{Builder, DType, LeafKind, Report, Type, Unary, Update};
use dlc::lower::lower;
use dlc::program::host::{Argument, Batches, ExprKind, Stmt};
use dlc::program::{MapOp, Precision, Program, ValueOp};
use dlc::train::{Cut, Options};

/// `learn` with another body, called 60 times on minibatch 1 within a phase.
fn sixty(mut program: Program, values: Values) -> Program {
    program.steps[LEARN] = values.step("learn", &[("x", real(&[2])), ("rate", real(&[]))]);
    let learn = do_(learn_on(e(ExprKind::Batch(x_batches(), Box::new(num(1.0)))), num(0.25)));
    let inner = for_(range(1, 0.0, 20.0), vec![learn]);
    program.host.body = vec![phase("train", vec![for_(range(0, 0.0, 3.0), vec![inner])])];
    program
}

fn notes(error: &Diagnostic) -> String {
    error.notes.join("; ")
}

/// Every cut of the queue tells the same.
fn error_of(program: &Program) -> Diagnostic {
    let error = |cut| run_with(program, &Options { cut, seed: 5, ..Options::default() }).error();
    let expected = error(Cut::Never);
    for cut in [Cut::Work, Cut::Random(1), Cut::Random(2), Cut::Random(3)] {
        assert_eq!(error(cut), expected, "{cut:?}");
    }
    expected
}

/// `log(x - s)`, where s grows from 0.5 and is 2, an element of x, before call 6.
#[test]
fn a_logarithm_of_zero_is_found_going_forward() {
    let mut v = Values::default();
    let x = v.add(ValueOp::Arg(0), &[], real(&[2]));
    let w = v.add(ValueOp::Place(0), &[], real(&[]));
    let difference = v.map(MapOp::Sub, &[x, w]);
    v.named(difference, "difference");
    let log = v.map(MapOp::Log, &[difference]);
    let cost = v.mean(log);
    v.report("cost", cost);
    let rate = v.add(ValueOp::Arg(1), &[], real(&[]));
    let next = v.map(MapOp::Add, &[w, rate]);
    v.update(0, next);
    let error = error_of(&sixty(program(Vec::new(), 2), v));
    assert_eq!(error.code, codes::NON_FINITE);
    assert_eq!(error.title, "report cost of learn is infinite");
    assert_eq!(error.labels[0].text, "log gives -inf at element [0] of [2], going forward");
    assert_eq!(error.labels[0].span, span(100 + log));
    assert_eq!(
        notes(&error),
        "difference is 0 there; step learn, phase \"train\", epoch 0, iteration 6; \
         minibatch 1: examples 2..4 of train.x; numbers passed: 0.25; seed 5"
    );
    assert!(error.help.unwrap().contains("logarithm"));
}

/// Epoch and iteration count on: W reaches 2 only in the third epoch.
#[test]
fn the_call_is_named_by_epoch_and_iteration() {
    let mut v = Values::default();
    let x = v.add(ValueOp::Arg(0), &[], real(&[2]));
    let w = v.add(ValueOp::Place(0), &[], real(&[]));
    let scale = v.number(1.0 / 8.0);
    let rate = v.add(ValueOp::Arg(1), &[], real(&[]));
    let change = v.map(MapOp::Mul, &[rate, scale]);
    let next = v.map(MapOp::Add, &[w, change]);
    v.update(0, next);
    let difference = v.map(MapOp::Sub, &[x, w]);
    let log = v.map(MapOp::Log, &[difference]);
    let cost = v.mean(log);
    v.report("cost", cost);
    let error = error_of(&sixty(program(Vec::new(), 2), v));
    assert!(notes(&error).contains("epoch 2, iteration 48"), "{error:?}");
}

/// sqrt(w) at 0 only in the gradient: the cost is finite, the new W is not.
#[test]
fn a_root_at_zero_is_found_in_the_gradient() {
    let program = sixty(program(Vec::new(), 2), Values::default());
    let mut module = lower(&program, Precision::F32);
    let mut b = Builder::new("learn");
    let w = b.leaf(LeafKind::Place, 0, "W", Type::scalar(DType::F32));
    b.rules = vec!["lower"];
    b.span = Some(span(7));
    let zero = b.with_constant(dlc::ir::Binary::Mul, w, 0.0);
    b.name(zero, "z");
    let root = b.unary(Unary::Sqrt, zero);
    b.rules = vec!["lower", "grad of sqrt"];
    let half = b.fill_like(root, 0.5);
    let slope = b.div(half, root);
    b.rules = vec!["lower"];
    b.span = Some(span(8));
    let next = b.sub(w, slope);
    b.graph.updates.push(Update { leaf: 0, value: next, span: Some(span(8)) });
    b.graph.reports.push(Report { name: "cost".into(), value: root, span: None });
    module.steps[LEARN] = b.graph;
    let error = run_module(&program, &module, &Options::default()).error();
    assert_eq!(error.title, "the new value of W of learn is infinite");
    assert_eq!(error.labels[0].text, "a division gives inf, in the gradient, on the way to the new W");
    assert_eq!(error.labels[0].span, span(7));
    assert!(
        notes(&error).contains("operand 2 is 0 there; step learn, phase \"train\", epoch 0, iteration 0"),
        "{error:?}"
    );
    assert!(error.help.unwrap().contains("no finite derivative"));
}

/// A param that no report shows is looked at all the same.
#[test]
fn updates_that_are_too_large_are_found() {
    let mut v = Values::default();
    let w = v.add(ValueOp::Place(0), &[], real(&[]));
    let factor = v.number(1e6);
    let next = v.map(MapOp::Mul, &[w, factor]);
    v.update(0, next);
    let error = error_of(&sixty(program(Vec::new(), 2), v));
    assert_eq!(error.title, "the new value of W of learn is infinite");
    assert!(error.labels[0].text.starts_with("a product gives inf, going forward"), "{error:?}");
    assert!(
        notes(&error).contains("W is 5.0000002e35 there") && notes(&error).contains("iteration 6"),
        "{error:?}"
    );
    assert!(error.help.unwrap().contains("updates are too large"));
}

#[test]
fn values_that_are_not_taken_do_no_harm() {
    let mut v = Values::default();
    let x = v.add(ValueOp::Arg(0), &[], real(&[2]));
    let zero = v.number(0.0);
    let nothing = v.map(MapOp::Mul, &[x, zero]);
    let log = v.map(MapOp::Log, &[nothing]);
    let mut truth = real(&[2]);
    truth.elem = dlc::program::Elem::Bool;
    let never = v.add(ValueOp::Map(MapOp::Lt), &[x, zero], truth);
    let chosen = v.map(MapOp::Where, &[never, log, x]);
    let cost = v.mean(chosen);
    v.report("cost", cost);
    run_with(&sixty(program(Vec::new(), 2), v), &Options::default()).told();
}

#[test]
fn bad_data_are_reported_as_data() {
    let mut v = Values::default();
    let x = v.add(ValueOp::Arg(0), &[], real(&[2]));
    let cost = v.mean(x);
    v.report("cost", cost);
    let mut program = sixty(program(Vec::new(), 2), v);
    // x becomes log(x - 3): not a number, then -inf at element 3.
    let setup = &mut program.setup;
    let mut values = Values { body: std::mem::take(&mut setup.body) };
    let three = values.number(3.0);
    let shifted = values.map(MapOp::Sub, &[setup.residents[0].value, three]);
    setup.residents[0].value = values.map(MapOp::Log, &[shifted]);
    setup.body = values.body;
    let error = error_of(&program);
    assert_eq!(error.title, "report cost of learn is not a number: the data train.x holds nan at [2]");
    assert!(notes(&error).contains("minibatch 1: examples 2..4 of train.x"));
}

fn pick_from(labels: usize) -> Vec<Stmt> {
    // t is train.x[0..4], i is a minibatch of whole numbers.
    let t = Batches { fields: vec![0], start: 0, size: 4, count: 2, order: None };
    let i = Batches { fields: vec![1], start: 0, size: 2, count: 4, order: None };
    let batch = |b, at: usize| Argument::Tensor(e(ExprKind::Batch(b, Box::new(num(at as f64)))));
    vec![do_(call(PICK, vec![batch(t, 0), batch(i, labels)]))]
}

/// A label outside its axis: the value, its example and the axis are named.
#[test]
fn a_label_outside_its_axis_is_named() {
    run(pick_from(1), 0).told();
    let error = run(pick_from(2), 0).error();
    assert_eq!(error.code, codes::INDEX_AT_RUN);
    assert_eq!(error.title, "label 4 at example 4 of train.y is outside 0..3 (n_out = 4)");
    assert_eq!(error.labels[0].text, "selects along axis 0 of t, of extent 4");
    assert_eq!(
        notes(&error),
        "train.y holds 0 to 7; step pick, iteration 0; minibatch 0: examples 0..4 of train.x; \
         minibatch 2: examples 4..6 of train.y; seed 0"
    );
    assert_eq!(error.help, None);
}

/// Labels 1 to 4 for four classes, and -1 for one that is missing.
#[test]
fn the_likely_mistake_is_asked_for() {
    let error = |shift: f64, minibatch| {
        let mut program = program(pick_from(minibatch), 0);
        let mut values = Values { body: std::mem::take(&mut program.setup.body) };
        let whole = program.setup.residents[1].value;
        let four = values.add(ValueOp::Number(4.0), &[], int(&[]));
        let shift = values.add(ValueOp::Number(shift), &[], int(&[]));
        let rest = values.add(ValueOp::Map(MapOp::Mod), &[whole, four], int(&[8]));
        program.setup.residents[1].value = values.add(ValueOp::Map(MapOp::Add), &[rest, shift], int(&[8]));
        program.setup.body = values.body;
        run_with(&program, &Options::default()).error()
    };
    let from_one = error(1.0, 1);
    assert_eq!(from_one.title, "label 4 at example 3 of train.y is outside 0..3 (n_out = 4)");
    assert!(from_one.help.unwrap().starts_with("do the labels start at 1?"));
    let missing = error(-1.0, 0);
    assert_eq!(missing.title, "label -1 at example 0 of train.y is outside 0..3 (n_out = 4)");
    assert!(missing.help.unwrap().starts_with("is -1 a mark"));
}

/// Calls before the one that fails have taken effect and are logged, that one and later ones have not.
#[test]
fn a_fault_leaves_the_state_between_two_calls() {
    let learn = || do_(learn_on(e(ExprKind::Batch(x_batches(), Box::new(num(0.0)))), num(1.0)));
    let mut body = vec![learn()];
    body.extend(pick_from(2));
    body.push(learn());
    let outcome = run_with(&program(body, 0), &Options { cut: Cut::Never, ..Options::default() });
    assert_eq!(outcome.places[0].item_f64(), 1.0);
    assert_eq!(outcome.lines.len(), 2);
}
