//! Tests of the rules on a checker without a program.

use super::{At, Given};
use crate::check::state::{Build, Checker, Fail, FrameKind, Outcome, World};
use crate::check::value::{Axis, Dim, HostKind, HostValue, Tensor, Value};
use crate::check::{Files, Settings};
use crate::diag::{Diagnostic, codes};
use crate::program::host::{Expr, ExprKind};
use crate::program::{Elem, MapOp, RawSource, ValueOp};
use crate::source::{SourceMap, Span};
use crate::syntax::ast;
use std::sync::Arc;

struct NoFiles;

impl Files for NoFiles {
    fn shape(&self, _: &RawSource) -> Result<Vec<usize>, Diagnostic> {
        Ok(vec![60, 28, 28])
    }
}

/// Runs a test on a checker whose only source is `text`; dimension 0 is n = 20, 1 is k = 10,
/// 2 is hidden = 784, 3 is visible = 784.
fn with(world: World, text: &str, test: impl FnOnce(&mut Checker, &dyn Fn(&str) -> Span)) {
    let mut sources = SourceMap::default();
    let id = sources.add("test.dl", None, text).id;
    let settings = Settings::default();
    let mut c = Checker::new(&mut sources, &NoFiles, &settings);
    c.world = world;
    c.builds.push(Build::new(1));
    c.serial = 1;
    let owner = c.push_frame(None, FrameKind::Module(0));
    for (name, extent) in [("n", 20), ("k", 10), ("hidden", 784), ("visible", 784)] {
        let span = Span::new(id, 0, 0);
        let origin = String::new();
        c.dims.push(Dim { name: name.into(), extent, outer: None, owner, span, origin });
    }
    let at = |part: &str| {
        let start = text.find(part).unwrap_or_else(|| panic!("{part} is not in the text"));
        Span::new(id, start, start + part.len())
    };
    test(&mut c, &at);
}

const N: Axis = Axis { extent: 20, dim: Some(0) };
const K: Axis = Axis { extent: 10, dim: Some(1) };
const HIDDEN: Axis = Axis { extent: 784, dim: Some(2) };
const VISIBLE: Axis = Axis { extent: 784, dim: Some(3) };

fn tensor(c: &mut Checker, elem: Elem, axes: &[Axis], span: Span) -> Value {
    let args = if axes.is_empty() { vec![] } else { vec![0] };
    let op = if axes.is_empty() { ValueOp::Number(0.0) } else { ValueOp::Broadcast };
    Value::Tensor(c.emit(op, args, elem, axes.to_vec(), span))
}

#[track_caller]
fn shape(result: Outcome<Value>) -> (Elem, Vec<Axis>) {
    match result {
        Ok(Value::Tensor(Tensor { elem, axes, .. })) => (elem, axes),
        Ok(other) => panic!("not a tensor but {}", other.kind()),
        Err(fail) => panic!("{fail:?}"),
    }
}

#[track_caller]
fn message(result: Outcome<Value>) -> Diagnostic {
    match result {
        Err(Fail::Message(d)) => *d,
        Err(Fail::Reported) => panic!("reported"),
        Ok(value) => panic!("{}", value.kind()),
    }
}

fn whole(n: i64) -> Value {
    Value::Number { value: n as f64, whole: true }
}

fn given(values: Vec<(Option<&str>, Value)>, span: Span) -> Vec<Given> {
    let name = |n: Option<&str>| n.map(|n| ast::Ident { name: n.into(), span });
    values.into_iter().map(|(n, value)| Given { name: name(n), value, span }).collect()
}

#[track_caller]
fn number(result: Outcome<Value>) -> (f64, bool) {
    match result {
        Ok(Value::Number { value, whole }) => (value, whole),
        Ok(other) => panic!("not a number but {}", other.kind()),
        Err(fail) => panic!("{fail:?}"),
    }
}

#[test]
fn a_product_that_does_not_fit_names_both_axes() {
    with(World::Step, "W @ x; param W; x[n]", |c, at| {
        let w = tensor(c, Elem::Real, &[HIDDEN, K], at("param W"));
        let x = tensor(c, Elem::Real, &[N, HIDDEN], at("x[n]"));
        let d = message(c.matmul(w, x, [at("W"), at("x")], at("W @ x")));
        assert_eq!(d.code, codes::MATMUL_SHAPE);
        assert_eq!(d.labels[0].text, "k, the last axis of W, meets n, the first of x");
        assert_eq!(d.labels[1].text, "W is [hidden = 784, k = 10]");
        assert_eq!(d.help.as_deref(), Some("x @ W   which is [n, k]"));
    });
}

#[test]
fn a_product_of_other_names_proposes_the_transpose() {
    with(World::Step, "h @ W", |c, at| {
        let h = tensor(c, Elem::Real, &[N, HIDDEN], at("h"));
        let w = tensor(c, Elem::Real, &[VISIBLE, HIDDEN], at("W"));
        let d = message(c.matmul(h, w, [at("h"), at("W")], at("h @ W")));
        assert_eq!(d.code, codes::DIMENSION_NAME);
        assert_eq!(d.title, "hidden is not visible, though both are 784 here");
        assert_eq!(d.help.as_deref(), Some("h @ W'   which is [n, visible]"));
    });
}

#[test]
fn products_broadcast_leading_axes_and_make_reals() {
    with(World::Step, "a b", |c, at| {
        let s = [at("a"), at("b")];
        let a = tensor(c, Elem::Int, &[Axis::plain(3), N, HIDDEN], s[0]);
        let b = tensor(c, Elem::Real, &[HIDDEN, K], s[1]);
        let v = tensor(c, Elem::Real, &[HIDDEN], s[1]);
        assert_eq!(shape(c.matmul(a.clone(), b.clone(), s, s[0])), (Elem::Real, vec![Axis::plain(3), N, K]));
        assert_eq!(shape(c.matmul(a.clone(), v.clone(), s, s[0])), (Elem::Real, vec![Axis::plain(3), N]));
        assert_eq!(shape(c.matmul(v.clone(), b, s, s[0])), (Elem::Real, vec![K]));
        assert_eq!(shape(c.matmul(v.clone(), v, s, s[0])), (Elem::Real, vec![]));
    });
}

#[test]
fn broadcasting_errors_propose_the_axis_to_write() {
    with(World::Step, "weight * log(p)", |c, at| {
        let (sw, sp) = (at("weight"), at("log(p)"));
        let w = tensor(c, Elem::Real, &[N], sw);
        let p = tensor(c, Elem::Real, &[N, K], sp);
        let d = message(c.map(MapOp::Mul, vec![w, p], &[sw, sp], at("*"), at("weight * log(p)")));
        assert_eq!(d.code, codes::BROADCAST);
        assert_eq!(d.title, "these shapes do not broadcast: [n] and [n, k]");
        assert_eq!(d.labels[0].text, "n, the last axis of weight, meets k, the last of log(p)");
        assert_eq!(d.help.as_deref(), Some("rearrange(weight, [n] -> [n, 1]) * log(p)"));
    });
    with(World::Step, "z - y", |c, at| {
        let (sz, sy) = (at("z"), at("y"));
        let z = tensor(c, Elem::Real, &[N, Axis::plain(1)], sz);
        let y = tensor(c, Elem::Real, &[N], sy);
        let d = message(c.map(MapOp::Sub, vec![z, y], &[sz, sy], at("-"), at("z - y")));
        assert_eq!(d.title, "this gives [n, n]: n would be two axes");
        assert_eq!(d.help.as_deref(), Some("z - rearrange(y, [n] -> [n, 1])"));
    });
}

#[test]
fn numbers_take_the_type_they_meet() {
    with(World::Step, "x", |c, at| {
        let s = at("x");
        let i = tensor(c, Elem::Int, &[N], s);
        let r = tensor(c, Elem::Real, &[N], s);
        let b = tensor(c, Elem::Bool, &[N], s);
        let half = Value::Number { value: 0.5, whole: false };
        let map = |c: &mut Checker, op, args: Vec<Value>| c.map(op, args, &[s, s, s], s, s);
        assert_eq!(shape(map(c, MapOp::Add, vec![i.clone(), whole(1)])).0, Elem::Int);
        assert_eq!(shape(map(c, MapOp::Add, vec![i.clone(), half])).0, Elem::Real);
        assert_eq!(shape(map(c, MapOp::Mod, vec![i.clone(), Value::Dim(3)])).0, Elem::Int);
        assert_eq!(shape(map(c, MapOp::Div, vec![i.clone(), i.clone()])).0, Elem::Real);
        assert_eq!(shape(map(c, MapOp::Pow, vec![i.clone(), whole(2)])).0, Elem::Int);
        assert_eq!(shape(map(c, MapOp::Add, vec![i.clone(), r.clone()])), (Elem::Real, vec![N]));
        assert_eq!(shape(map(c, MapOp::Eq, vec![i, whole(1)])).0, Elem::Bool);
        assert_eq!(shape(map(c, MapOp::Where, vec![b.clone(), whole(1), whole(-1)])).0, Elem::Real);
        let d = message(map(c, MapOp::Mul, vec![b.clone(), r.clone()]));
        assert_eq!((d.code, d.help.as_deref()), (codes::DTYPE, Some("real(x)")));
        let d = message(map(c, MapOp::And, vec![b, r]));
        assert_eq!((d.code, d.help.as_deref()), (codes::DTYPE, Some("x != 0")));
    });
}

#[test]
fn integer_tensors_select_element_by_element() {
    with(World::Step, "x[i]", |c, at| {
        let s = at("x[i]");
        let p = tensor(c, Elem::Real, &[N, Axis::plain(3), K], s);
        let i = tensor(c, Elem::Int, &[N], s);
        let one = At::Value(i.clone(), s);
        let all = At::Slice(None, None, s);
        assert_eq!(
            shape(c.index(p.clone(), vec![one.clone(), all.clone(), one.clone()], s)).1,
            vec![N, Axis::plain(3)]
        );
        assert_eq!(shape(c.index(p.clone(), vec![all, one.clone(), one], s)).1, vec![N, N]);
        let part = At::Slice(Some((whole(-2), s)), None, s);
        assert_eq!(
            shape(c.index(p.clone(), vec![At::Rest(s), part], s)).1,
            vec![N, Axis::plain(3), Axis::plain(2)]
        );
        assert_eq!(shape(c.index(p.clone(), vec![At::Value(whole(-1), s)], s)).1, vec![Axis::plain(3), K]);
        let d = message(c.index(p, vec![At::Value(whole(20), s)], s));
        assert_eq!(d.code, codes::INDEX);
    });
}

#[test]
fn reductions_keep_the_names_of_what_is_left() {
    with(World::Step, "x", |c, at| {
        let s = at("x");
        let x = tensor(c, Elem::Bool, &[N, K], s);
        let call = |c: &mut Checker, name, args| c.builtin(name, given(args, s), s, s);
        assert_eq!(
            shape(call(c, "sum", vec![(None, x.clone()), (Some("axis"), Value::Dim(1))])),
            (Elem::Int, vec![N])
        );
        let keep = vec![(None, x.clone()), (Some("axis"), whole(0)), (Some("keep"), Value::Bool(true))];
        assert_eq!(shape(call(c, "mean", keep)), (Elem::Real, vec![Axis::plain(1), K]));
        assert_eq!(shape(call(c, "mean", vec![(None, x.clone())])), (Elem::Real, vec![]));
        let d = message(call(c, "sum", vec![(None, x.clone()), (Some("axis"), Value::Dim(2))]));
        assert_eq!(d.code, codes::AXIS);
        let d = message(call(c, "sum", vec![(None, x.clone()), (Some("axes"), whole(0))]));
        assert_eq!((d.code, d.help.as_deref()), (codes::UNKNOWN_ARGUMENT, Some("axis:")));
        let d = message(call(c, "sum", vec![(None, x), (None, whole(0))]));
        assert_eq!((d.code, d.help.as_deref()), (codes::UNKNOWN_ARGUMENT, Some("axis: x")));
    });
}

#[test]
fn lists_fold_in_every_world() {
    with(World::Schedule, "x", |c, at| {
        let s = at("x");
        let call = |c: &mut Checker, name, args| c.builtin(name, given(args, s), s, s);
        let list = Value::list(vec![whole(1), whole(2), whole(3)]);
        assert_eq!(number(call(c, "sum", vec![(None, list.clone())])), (6.0, true));
        assert_eq!(number(call(c, "mean", vec![(None, list.clone())])), (2.0, false));
        assert_eq!(number(call(c, "max", vec![(None, list.clone())])), (3.0, true));
        assert_eq!(number(call(c, "len", vec![(None, list.clone())])), (3.0, true));
        let t = tensor(c, Elem::Real, &[], s);
        assert_eq!(shape(call(c, "sum", vec![(None, Value::list(vec![t.clone(), t]))])).1, vec![]);
        let expr = Expr { kind: ExprKind::Var(0), span: s };
        let host = Value::Host(HostValue { expr, kind: HostKind::List(Box::new(HostKind::Number)) });
        let Ok(Value::Host(mean)) = call(c, "mean", vec![(None, host)]) else { panic!("not a host value") };
        assert_eq!(mean.kind, HostKind::Number);
        let Ok(Value::Host(most)) = call(c, "max", vec![(None, whole(3)), (None, Value::Host(mean))]) else {
            panic!("not a host value")
        };
        assert!(matches!(most.expr.kind, ExprKind::Map(MapOp::Max, _)));
        let Ok(Value::List(pairs)) = call(c, "pairs", vec![(None, list)]) else { panic!("not a list") };
        assert_eq!(pairs.len(), 2);
    });
}

#[test]
fn shapes_are_inferred_and_named() {
    with(World::Compile, "x", |c, at| {
        let s = at("x");
        let call = |c: &mut Checker, name, args| c.builtin(name, given(args, s), s, s);
        let x = tensor(c, Elem::Real, &[N, Axis::plain(28), Axis::plain(28)], s);
        let to = Value::list(vec![Value::Dim(0), Value::Unit]);
        assert_eq!(
            shape(call(c, "reshape", vec![(None, x.clone()), (None, to)])).1,
            vec![N, Axis::plain(784)]
        );
        let to = Value::list(vec![whole(3), Value::Unit]);
        assert_eq!(message(call(c, "reshape", vec![(None, x), (None, to)])).code, codes::SHAPE);
        let raw =
            Value::Raw(RawSource::Read { reader: crate::program::Reader::Idx, path: "x".into(), span: s });
        let to = Value::list(vec![Value::Unit, whole(784)]);
        let typed = call(c, "reshape", vec![(None, raw.clone()), (None, to)]);
        assert_eq!(shape(typed).1, vec![Axis::plain(60), Axis::plain(784)]);
        assert_eq!(c.program.setup.raws.len(), 1);
        assert_eq!(message(c.map(MapOp::Div, vec![raw, whole(2)], &[s, s], s, s)).code, codes::SHAPE);
        let eye = call(c, "indices", vec![(None, Value::Dim(1))]);
        assert_eq!(shape(eye).1, vec![K]);
        let zeros = call(c, "zeros", vec![(None, Value::list(vec![Value::Dim(0), whole(2)]))]);
        assert_eq!(shape(zeros).1, vec![N, Axis::plain(2)]);
    });
}

#[test]
fn patterns_permute_merge_and_insert() {
    with(World::Step, "x", |c, at| {
        let s = at("x");
        let name = |n: &str| ast::Expr {
            kind: ast::ExprKind::Name(ast::Ident { name: n.into(), span: s }),
            span: s,
        };
        let product = |a: &str, b: &str| ast::Expr {
            kind: ast::ExprKind::Binary {
                op: ast::BinaryOp::Mul,
                op_span: s,
                lhs: Box::new(name(a)),
                rhs: Box::new(name(b)),
            },
            span: s,
        };
        let one =
            ast::Expr { kind: ast::ExprKind::Number { value: 1.0, text: "1".into(), whole: true }, span: s };
        let shape_of = |es: Vec<ast::Expr>| ast::Shape {
            extents: es.into_iter().map(ast::Extent::Expr).collect(),
            span: s,
        };
        let from = shape_of(vec![name("r"), name("c"), name("h")]);
        let to = shape_of(vec![product("r", "h"), one, name("c")]);
        let kind = ast::ExprKind::AxisPattern { from: from.clone(), to };
        let pattern = Value::Pattern(Arc::new(ast::Expr { kind, span: s }));
        let x = tensor(c, Elem::Real, &[Axis::plain(2), N, Axis::plain(3)], s);
        let args = given(vec![(None, x.clone()), (None, pattern)], s);
        let moved = c.builtin("rearrange", args, s, s);
        let Ok(Value::Tensor(t)) = &moved else { panic!("not a tensor") };
        assert_eq!(t.axes, vec![Axis::plain(6), Axis::plain(1), N]);
        let last = c.build().body.values.last().map(|v| v.op.clone());
        assert_eq!(last, Some(ValueOp::Rearrange { perm: vec![0, 2, 1] }));
        let kind = ast::ExprKind::AxisPattern { from, to: shape_of(vec![name("r"), name("c")]) };
        let pattern = Value::Pattern(Arc::new(ast::Expr { kind, span: s }));
        let args = given(vec![(None, x), (None, pattern)], s);
        assert_eq!(message(c.builtin("rearrange", args, s, s)).title, "the axis h is lost");
    });
}

#[test]
fn a_distribution_is_not_a_value() {
    with(World::Step, "x * bernoulli(0.5)", |c, at| {
        let (sx, sd) = (at("x"), at("bernoulli(0.5)"));
        let x = tensor(c, Elem::Real, &[N, VISIBLE], sx);
        let dist = crate::check::value::Distribution { name: "bernoulli", args: vec![], span: sd };
        let args = vec![x, Value::Dist(Arc::new(dist))];
        let d = message(c.map(MapOp::Mul, args, &[sx, sd], at("*"), sx.to(sd)));
        assert_eq!(d.code, codes::DISTRIBUTION);
        assert_eq!(d.help.as_deref(), Some("drawn[n, visible] ~ bernoulli(0.5)\nx * drawn"));
    });
}

#[test]
fn tensors_join_and_stack() {
    with(World::Step, "x", |c, at| {
        let s = at("x");
        let call = |c: &mut Checker, name, args| c.builtin(name, given(args, s), s, s);
        let a = tensor(c, Elem::Real, &[N, Axis::plain(784)], s);
        let b = tensor(c, Elem::Int, &[Axis::plain(3), VISIBLE], s);
        let both = Value::list(vec![a.clone(), b]);
        assert_eq!(
            shape(call(c, "concat", vec![(None, both.clone())])),
            (Elem::Real, vec![Axis::plain(23), VISIBLE])
        );
        assert_eq!(message(call(c, "stack", vec![(None, both)])).code, codes::SHAPE);
        let twice = Value::list(vec![a.clone(), a.clone()]);
        let last = vec![(None, twice), (Some("axis"), whole(-1))];
        assert_eq!(shape(call(c, "stack", last)).1, vec![N, Axis::plain(784), Axis::plain(2)]);
        let after = Value::list(vec![whole(0), whole(2)]);
        let padded = call(c, "pad", vec![(None, a), (Some("after"), after)]);
        assert_eq!(shape(padded).1, vec![N, Axis::plain(786)]);
        let d = message(call(c, "scan", vec![]));
        assert_eq!((d.code, d.title.as_str()), (codes::NOT_BUILT, "`scan` is not built yet"));
    });
}
