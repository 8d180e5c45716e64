//! Logarithms of what loops give, and stacks of which only the last is read.

use super::*;
use dlc::ir::{LeafKind, Report, Scan};
use dlc::passes::last_of_stacks;

/// A loop that carries z, x more in each turn; gives the stack of `end(z)` and, carried too, the last of them.
fn looped(b: &mut Builder, x: NodeId, reverse: bool, end: fn(&mut Builder, NodeId) -> NodeId) -> [NodeId; 2] {
    let ty = b.ty(x).clone();
    let mut body = Builder::new("body");
    let z = body.leaf(LeafKind::Carried, 0, "z", ty.clone());
    let more = body.leaf(LeafKind::Captured, 0, "x", ty);
    let next = body.add(z, more);
    let value = end(&mut body, next);
    let reports = [("next", next), ("value", value), ("values", value)];
    body.graph.reports = reports.map(|(name, value)| Report { name: name.into(), value, span: None }).into();
    let start = b.fill_like(x, 0.0);
    let scan = Scan { body: body.graph, turns: 3, carried: 2, scanned: 0, reverse };
    let results = b.scan(scan, vec![start, start, x]);
    [results[2], results[1]]
}

/// A loop around such a loop, which gives the stacks of two turns.
fn nested(b: &mut Builder, x: NodeId) -> NodeId {
    let ty = b.ty(x).clone();
    let mut body = Builder::new("outer");
    let x_inside = body.leaf(LeafKind::Captured, 0, "x", ty);
    let [values, _] = looped(&mut body, x_inside, false, sigmoid);
    let values = body.transpose(values, &[1, 2, 0]);
    body.graph.reports = vec![Report { name: "values".into(), value: values, span: None }];
    let scan = Scan { body: body.graph, turns: 2, carried: 0, scanned: 0, reverse: false };
    b.scan(scan, vec![x])[0]
}

fn last(b: &mut Builder, stack: NodeId, at: usize) -> NodeId {
    let one = b.slice_axis(stack, 0, at, at + 1);
    let shape = b.shape(one)[1..].to_vec();
    b.reshape(one, &shape)
}

#[test]
pub fn logarithms_of_loops() {
    let scan = "scan(0, 0, x0)";
    check(
        "log-of-loop",
        &some(),
        &|b, x| {
            let [values, _] = looped(b, x[0], false, sigmoid);
            log(b, values)
        },
        &format!("log(result of scan({scan}))"),
        &format!("log(sigmoid(result of scan({scan})))"),
    );
    check(
        "log-of-loop",
        &some(),
        &|b, x| {
            let [_, value] = looped(b, x[0], false, sigmoid);
            log(b, value)
        },
        &format!("log(result of scan({scan}))"),
        &format!("log(sigmoid(reshape[2, 3](slice[2, 0, 0][1, 1, 1][1, 2, 3](result of scan({scan})))))"),
    );
    check(
        "log-of-loop",
        &some(),
        &|b, x| {
            let [values, _] = looped(b, x[0], true, sigmoid);
            let value = last(b, values, 2);
            let r = one_minus(b, value);
            let t = b.transpose(r, &[1, 0]);
            log(b, t)
        },
        &format!(
            "log(transpose[1, 0](sub(1, reshape[2, 3](slice[2, 0, 0][1, 1, 1][1, 2, 3](result of scan({scan}))))))"
        ),
        &format!(
            "log(transpose[1, 0](sub(1, reshape[2, 3](slice[2, 0, 0][1, 1, 1][1, 2, 3](sigmoid(result of scan({scan})))))))"
        ),
    );
    check(
        "log-of-loop",
        &some(),
        &|b, x| {
            let [values, _] = looped(b, x[0], false, exp);
            let e = one_plus(b, values);
            log(b, e)
        },
        &format!("log(add(result of scan({scan}), 1))"),
        &format!("log(add(exp(result of scan({scan})), 1))"),
    );
    check(
        "log-of-loop",
        &some(),
        &|b, x| {
            let values = nested(b, x[0]);
            log(b, values)
        },
        "log(result of scan(scan(x0)))",
        "log(sigmoid(result of scan(scan(x0))))",
    );
    // Nothing is gained where no logarithm rule follows.
    stays("log-of-loop", &some(), &|b, x| {
        let [values, _] = looped(b, x[0], false, |b, z| b.unary(Unary::Tanh, z));
        log(b, values)
    });
    stays("log-of-loop", &some(), &|b, x| {
        let [values, _] = looped(b, x[0], false, exp);
        let r = one_minus(b, values);
        log(b, r)
    });
    stays("log-of-loop", &some(), &|b, x| {
        let [values, _] = looped(b, x[0], false, sigmoid);
        b.unary(Unary::Log1p, values)
    });
}

/// Far out, where a sigmoid is 0 or 1, the logarithm and its gradient are those of the stable form.
#[test]
fn logarithms_of_loops_far_out() {
    let x = [input(&[2, 2], &[200.0, -200.0, 0.0, 1.0])];
    let softplus = |z: f64| z.max(0.0) + (-z.abs()).exp().ln_1p();
    let slope = |z: f64| 1.0 / (1.0 + (-z).exp());
    for complement in [false, true] {
        let wanted = |turn: f64| -> (Vec<f64>, Vec<f64>) {
            let z = x[0].values.iter().map(|x| x * turn);
            let (sign, minus) = if complement { (1.0, -1.0) } else { (-1.0, 1.0) };
            z.map(|z| (-softplus(sign * z), minus * turn * slope(sign * z))).unzip()
        };
        let read = |b: &mut Builder, p: NodeId| {
            let p = if complement { one_minus(b, p) } else { p };
            log(b, p)
        };
        for reverse in [false, true] {
            let end = if reverse { 0 } else { 2 };
            let forms: [Function; 3] = [
                &|b, x| {
                    let [_, value] = looped(b, x[0], reverse, sigmoid);
                    read(b, value)
                },
                &|b, x| {
                    let [values, _] = looped(b, x[0], reverse, sigmoid);
                    let value = last(b, values, end);
                    read(b, value)
                },
                &|b, x| {
                    let [values, _] = looped(b, x[0], reverse, |b, z| {
                        // As it may be written out.
                        let minus = b.neg(z);
                        let e = exp(b, minus);
                        let below = one_plus(b, e);
                        let one = b.fill_like(below, 1.0);
                        b.div(one, below)
                    });
                    let logs = read(b, values);
                    last(b, logs, end)
                },
            ];
            for form in forms {
                let (value, gradient) = compiled(DType::F32, &x, form);
                let (values, gradients) = wanted(3.0);
                close("value", 0, &value, &values, 1e-6);
                close("gradient", 0, &gradient, &gradients, 1e-6);
            }
        }
        let (value, _) = compiled(DType::F32, &x, &|b, x| {
            let values = nested(b, x[0]);
            read(b, values)
        });
        let of = |at: usize| (1..=3).map(move |turn| (at, turn));
        let once: Vec<f64> = (0..4).flat_map(of).map(|(at, turn)| wanted(f64::from(turn)).0[at]).collect();
        close("nested", 0, &value, &[once.clone(), once].concat(), 1e-6);
    }
}

/// A cost and its gradient through the last of a stack, also where more of it is read.
#[test]
fn the_last_of_a_stack_is_carried() {
    let stacks =
        |g: &Graph| g.nodes.iter().filter(|n| matches!(n.op, Op::Result(_)) && n.ty.rank() == 3).count();
    for reverse in [false, true] {
        let (end, other) = if reverse { (0, 2) } else { (2, 0) };
        for (at, part, kept) in [(end, false, 0), (end, true, 0), (other, false, 1), (1, true, 1)] {
            let f: Function = &|b, x| {
                let [values, _] = looped(b, x[0], reverse, |b, z| b.unary(Unary::Tanh, z));
                if part {
                    return b.slice(values, &[at, 0, 1], &[1, 1, 2], &[1, 2, 1]);
                }
                last(b, values, at)
            };
            let with_gradient = |b: &mut Builder, x: &[NodeId]| {
                let y = f(b, x);
                let axes: Vec<usize> = (0..b.shape(y).len()).collect();
                let c = b.sum(y, &axes);
                vec![y, b.grad(c, x[0])]
            };
            let plain = graph(DType::F64, &some(), with_gradient);
            let (g, _) = compile(plain.clone());
            // The backward loop gets nothing else to read; its own stack is of what it begins each turn with.
            let before = g.nodes.iter().filter(|n| matches!(n.op, Op::Result(2..)) && n.ty.rank() == 3);
            assert!(before.count() <= kept + 1, "{}", dlc::ir::print::print(&g));
            let alone = last_of_stacks(graph(DType::F64, &some(), |b, x| vec![f(b, x)]));
            assert_eq!(stacks(&alone), kept, "{}", dlc::ir::print::print(&alone));
            let wanted = run(&differentiate(plain).expect("a path"), &some());
            assert_eq!(run(&alone, &some())[0], wanted[0]);
            for (k, report) in run(&g, &some()).iter().enumerate() {
                close("the last", k, report, &wanted[k], 1e-12);
            }
        }
    }
}

/// What is read besides its last part stays a stack; what nothing reads goes.
#[test]
fn other_stacks_stay_and_unread_ones_go() {
    let g = graph(DType::F64, &some(), |b, x| {
        let [values, _] = looped(b, x[0], false, |b, z| b.unary(Unary::Tanh, z));
        vec![last(b, values, 2), b.sum(values, &[0])]
    });
    let kept = last_of_stacks(g.clone());
    assert_eq!(run(&kept, &some()), run(&g, &some()));
    assert!(kept.nodes.iter().any(|n| n.op == Op::Result(2) && n.ty.shape == [3, 2, 3]));
    let g = graph(DType::F64, &some(), |b, x| vec![looped(b, x[0], false, sigmoid)[1]]);
    let reports = |g: &Graph| {
        let scans = g.nodes.iter().filter_map(|n| match &n.op {
            Op::Scan(scan) => Some(scan.body.reports.len()),
            _ => None,
        });
        scans.sum::<usize>()
    };
    assert_eq!((reports(&g), reports(&last_of_stacks(g.clone()))), (3, 2));
}
