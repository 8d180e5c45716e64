//! Gradients against central differences in f64: every operation, random compositions, second
//! derivatives; and the places where a naive derivative is NaN.

mod common;
mod numeric;
#[path = "grad/points.rs"]
mod points;

use dlc::grad::{Why, depends, differentiate};
use dlc::ir::{
    Affine, ArgReduce, Binary, Builder, Compare, Contract, DType, NodeId, Op, Reduce, Scalar, Unary,
};
use numeric::*;

/// First and second derivatives.
fn check(name: &str, inputs: &[Input], f: Function) {
    check_first(name, inputs, f);
    check_second(name, inputs, f);
}

fn numbers(shape: &[usize], low: f64, high: f64) -> Input {
    Numbers(shape.iter().sum::<usize>() as u64 + 7).input(shape, low, high)
}

#[test]
fn unary() {
    let smooth_anywhere = [
        Unary::Neg,
        Unary::Exp,
        Unary::Expm1,
        Unary::Tanh,
        Unary::Sigmoid,
        Unary::Softplus,
        Unary::Erf,
        Unary::Sin,
        Unary::Cos,
        Unary::Abs,
        Unary::Relu,
        Unary::Sign,
        Unary::Floor,
        Unary::Round,
    ];
    for f in smooth_anywhere {
        check(&format!("{f:?}"), &[numbers(&[2, 3], -1.9, 2.1)], &|b, x| b.unary(f, x[0]));
    }
    for f in [Unary::Log, Unary::Log1p, Unary::Sqrt] {
        check(&format!("{f:?}"), &[numbers(&[5], 0.3, 3.0)], &|b, x| b.unary(f, x[0]));
    }
}

#[test]
fn binary() {
    let a = numbers(&[2, 3], -2.0, 2.0);
    let b = numbers(&[2, 3], 0.4, 1.7);
    let all = [
        Binary::Add,
        Binary::Sub,
        Binary::Mul,
        Binary::Div,
        Binary::FloorDiv,
        Binary::Mod,
        Binary::Max,
        Binary::Min,
    ];
    for f in all {
        check(&format!("{f:?}"), &[a.clone(), b.clone()], &|g, x| g.binary(f, x[0], x[1]));
    }
    let base = numbers(&[6], 0.3, 2.0);
    let exponent = Numbers(3).input(&[6], -2.0, 3.0);
    check("Pow", &[base.clone(), exponent], &|b, x| b.binary(Binary::Pow, x[0], x[1]));
    for c in [-1.5, -1.0, 0.5, 1.0, 2.0, 3.0, 2.7] {
        check("Pow by a constant", std::slice::from_ref(&base), &|b, x| {
            b.with_constant(Binary::Pow, x[0], c)
        });
    }
    check("a node twice", &[base], &|b, x| b.mul(x[0], x[0]));
}

#[test]
fn select_compare_cast_stop() {
    let x = [numbers(&[2, 3], -2.0, 2.0), numbers(&[2, 3], 0.4, 1.7)];
    check("select", &x, &|b, x| {
        let c = b.compare(Compare::Lt, x[0], x[1]);
        let e = b.unary(Unary::Exp, x[0]);
        let m = b.mul(x[0], x[1]);
        b.select(c, e, m)
    });
    check("stop_gradient beside", &x[..1], &|b, x| {
        let s = b.unary(Unary::Sign, x[0]);
        let s = b.stop_gradient(s);
        b.mul(x[0], s)
    });
    let g = graph(DType::F32, &x[..1], |b, x| {
        let wide = b.cast(x[0], DType::F64);
        let e = b.unary(Unary::Exp, wide);
        let c = b.sum(e, &[0, 1]);
        vec![b.grad(c, x[0])]
    });
    let found = run(&differentiate(g).unwrap(), &x[..1]);
    let expected: Vec<f64> = x[0].values.iter().map(|v| v.exp()).collect();
    close("cast", 0, &found[0], &expected, 1e-6);
}

#[test]
fn views() {
    let x = [numbers(&[2, 3, 4], -1.5, 1.5)];
    let square = |b: &mut Builder, a: NodeId| b.mul(a, a);
    check("transpose", &x, &|b, x| {
        let t = b.transpose(x[0], &[2, 0, 1]);
        square(b, t)
    });
    check("reshape", &x, &|b, x| {
        let t = b.reshape(x[0], &[4, 6]);
        square(b, t)
    });
    check("reverse", &x, &|b, x| {
        let t = b.reverse(x[0], &[0, 2]);
        square(b, t)
    });
    check("slice", &x, &|b, x| {
        let t = b.slice(x[0], &[1, 0, 1], &[1, 2, 2], &[1, 2, 2]);
        square(b, t)
    });
    check("pad", &x, &|b, x| {
        let t = b.pad(x[0], &[1, 0, 2], &[0, 1, 1], &[1, 0, 2], Scalar::Real(0.5));
        square(b, t)
    });
    check("concat", &x, &|b, x| {
        let part = b.slice_axis(x[0], 1, 1, 3);
        let s = square(b, part);
        let t = b.concat(&[x[0], s, x[0]], 1);
        square(b, t)
    });
    check("broadcast", &[numbers(&[3, 1], -1.0, 1.0)], &|b, x| {
        let t = b.broadcast(x[0], &[1, 3], &[2, 3, 2, 4]);
        let e = b.unary(Unary::Exp, t);
        square(b, e)
    });
}

#[test]
fn reductions() {
    let x = [numbers(&[2, 3, 4], 0.4, 1.6)];
    for op in [Reduce::Sum, Reduce::Prod, Reduce::Max, Reduce::Min] {
        for axes in [vec![0], vec![1], vec![2], vec![0, 1], vec![0, 2], vec![1, 2], vec![0, 1, 2]] {
            check(&format!("{op:?} over {axes:?}"), &x, &|b, x| {
                let y = b.reduce(op, x[0], &axes);
                b.mul(y, y)
            });
        }
    }
}

#[test]
fn product_with_zeros() {
    for values in [[0.0, 2.0, 3.0], [0.0, 0.0, 3.0], [2.0, 0.0, 0.0], [0.0, 0.0, 0.0]] {
        check("Prod", &[input(&[3], &values)], &|b, x| b.reduce(Reduce::Prod, x[0], &[0]));
    }
    let (_, g) = value_and_gradients(DType::F32, &[input(&[3], &[0.0, 2.0, 3.0])], &|b, x| {
        b.reduce(Reduce::Prod, x[0], &[0])
    });
    assert_eq!(g[0], [6.0, 0.0, 0.0]);
}

#[test]
fn gather_and_scatter() {
    let x = [numbers(&[4, 3], -1.0, 1.0)];
    let index = |b: &mut Builder, values: &[i32]| {
        let parts: Vec<NodeId> = values
            .iter()
            .map(|v| {
                let c = b.constant(DType::I32, f64::from(*v));
                b.reshape(c, &[1])
            })
            .collect();
        b.concat(&parts, 0)
    };
    check("gather rows", &x, &|b, x| {
        let i = index(b, &[1, 1, 0, 3]);
        let y = b.gather(x[0], &[0], &[i]);
        b.unary(Unary::Exp, y)
    });
    check("gather columns", &x, &|b, x| {
        let i = index(b, &[2, 0]);
        let y = b.gather(x[0], &[1], &[i]);
        b.unary(Unary::Exp, y)
    });
    check("gather elements", &x, &|b, x| {
        let (i, j) = (index(b, &[0, 1, 1]), index(b, &[2, 0, 0]));
        let y = b.gather(x[0], &[0, 1], &[i, j]);
        b.unary(Unary::Exp, y)
    });
    check("scatter_add", &x, &|b, x| {
        let i = index(b, &[1, 0, 1, 4]);
        let y = b.scatter_add(x[0], &[0], &[i], &[5, 3]);
        b.unary(Unary::Exp, y)
    });
}

/// An access `offset + sum(coefficient * variable)`.
fn at(offset: i64, terms: &[(usize, i64)]) -> Affine {
    Affine { terms: terms.to_vec(), offset }
}

fn contraction(name: &str, shapes: [&[usize]; 2], spec: &Contract) {
    let inputs = [numbers(shapes[0], -1.0, 1.0), Numbers(99).input(shapes[1], -1.0, 1.0)];
    check(name, &inputs, &|b, x| {
        let y = b.contract(spec.clone(), x[0], x[1]);
        b.mul(y, y)
    });
    // The linear function itself: its second derivatives mix the operands.
    check(name, &inputs, &|b, x| b.contract(spec.clone(), x[0], x[1]));
}

#[test]
fn contractions() {
    let var = Affine::var;
    for (a, b) in
        [(&[2, 3][..], &[3, 4][..]), (&[3], &[3]), (&[2, 3], &[3]), (&[3], &[3, 4]), (&[2, 2, 3], &[2, 3, 4])]
    {
        let inputs = [numbers(a, -1.0, 1.0), Numbers(5).input(b, -1.0, 1.0)];
        check("matmul", &inputs, &|g, x| g.matmul(x[0], x[1]));
    }
    let outer = Contract { extents: vec![2, 3], output: vec![1, 0], operands: [vec![var(0)], vec![var(1)]] };
    contraction("outer", [&[2], &[3]], &outer);
    // y[i] = sum over k of a[i + k] * b[k].
    let correlate = Contract {
        extents: vec![4, 3],
        output: vec![0],
        operands: [vec![at(0, &[(0, 1), (1, 1)])], vec![var(1)]],
    };
    contraction("correlate", [&[6], &[3]], &correlate);
    contraction("correlate a part", [&[8], &[5]], &correlate);
    let convolve = Contract {
        extents: vec![4, 3],
        output: vec![0],
        operands: [vec![at(2, &[(0, 1), (1, -1)])], vec![var(1)]],
    };
    contraction("convolve", [&[6], &[3]], &convolve);
    for (stride, spread, offset, length) in
        [(2, 1, 0, 9), (2, 3, 1, 15), (3, 2, 2, 16), (-2, 1, 6, 9), (-1, -2, 7, 9)]
    {
        let spec = Contract {
            extents: vec![4, 3],
            output: vec![0],
            operands: [vec![at(offset, &[(0, stride), (1, spread)])], vec![var(1)]],
        };
        contraction(&format!("stride {stride}, spread {spread}"), [&[length], &[3]], &spec);
    }
    // Pictures: n, k, i, j; c, a, b.
    let pictures = Contract {
        extents: vec![2, 2, 3, 2, 2, 2, 3],
        output: vec![0, 1, 2, 3],
        operands: [
            vec![var(0), var(4), at(0, &[(2, 2), (5, 1)]), at(1, &[(3, 1), (6, 1)])],
            vec![var(1), var(4), var(5), at(2, &[(6, -1)])],
        ],
    };
    contraction("pictures", [&[2, 2, 6, 6], &[2, 2, 2, 3]], &pictures);
    // Single variables with coefficients and offsets; a constant index; a variable only one has.
    let odd = Contract {
        extents: vec![3, 2, 4],
        output: vec![0],
        operands: [vec![at(1, &[(0, 2)]), at(5, &[(2, -1)])], vec![at(2, &[(0, -1)]), at(1, &[]), var(1)]],
    };
    contraction("odd accesses", [&[7, 6], &[4, 3, 2]], &odd);
    // Nothing but a scatter will do: the diagonal, and the variable summed over on both axes.
    let diagonal =
        Contract { extents: vec![3], output: vec![0], operands: [vec![var(0), var(0)], vec![var(0)]] };
    contraction("diagonal", [&[3, 3], &[3]], &diagonal);
    let band = Contract {
        extents: vec![3, 2],
        output: vec![0],
        operands: [vec![at(0, &[(0, 1), (1, 1)]), var(0)], vec![var(1)]],
    };
    contraction("band", [&[4, 3], &[2]], &band);
    let twice = Contract {
        extents: vec![3, 2],
        output: vec![],
        operands: [vec![at(0, &[(0, 1), (1, 1)])], vec![at(0, &[(0, 1), (1, 1)])]],
    };
    contraction("sums on both sides", [&[4], &[4]], &twice);
    let lonely = Contract {
        extents: vec![3, 2, 2],
        output: vec![2],
        operands: [vec![at(0, &[(0, 2), (1, 1)])], vec![var(2)]],
    };
    contraction("a window only one side has", [&[6], &[2]], &lonely);
    let x = [numbers(&[3, 3], -1.0, 1.0)];
    check("an operand twice", &x, &|b, x| b.matmul(x[0], x[0]));
}

#[test]
fn random_compositions() {
    for seed in 0..500 {
        let mut n = Numbers(seed * 7919 + 1);
        let inputs = [n.input(&[2, 3], -1.0, 1.0), n.input(&[3], -1.0, 1.0), n.input(&[3, 3], -0.7, 0.7)];
        let start = n.0;
        let f = |b: &mut Builder, x: &[NodeId]| compose(b, x, &mut Numbers(start));
        check_along(&format!("composition {seed}"), &inputs, &f);
        if seed % 25 == 0 {
            check_first(&format!("composition {seed}"), &inputs, &f);
            check_second(&format!("composition {seed}"), &inputs, &f);
        }
    }
}

/// Random graphs of every operation (contractions with any access among them), by their places.
#[test]
fn random_graphs() {
    use common::random_graph::{Options, random_graph};
    for seed in 0..150 {
        let made = random_graph(seed, Options::smooth(12));
        let value = |g: &dlc::ir::Graph, moved: Option<(usize, usize, f64)>| {
            let outcome = dlc::ir::interp::run(g, &|leaf| {
                let x = made.value(leaf);
                match moved {
                    Some((place, at, by)) if made.graph.leaves[place] == *leaf => {
                        let mut values = x.as_f64s();
                        values[at] += by;
                        dlc::ir::Tensor::from_f64s(DType::F64, leaf.ty.shape.clone(), &values)
                    }
                    Some(_) | None => x,
                }
            });
            outcome.expect("runs")
        };
        for place in &made.places {
            let Op::Leaf(leaf) = made.graph.op(*place) else { continue };
            if depends(&made.graph, made.cost, *place).is_err() {
                continue;
            }
            let mut b = Builder::resume(made.graph.clone());
            let gradient = b.grad(made.cost, *place);
            b.graph.reports.push(dlc::ir::Report { name: "g".into(), value: gradient, span: None });
            let derived = differentiate(b.graph).expect("a path");
            verified(&derived);
            let found = value(&derived, None).reports.last().expect("reported").as_f64s();
            // Some elements only: the graphs are many.
            for at in (0..found.len()).step_by(1 + found.len() / 4) {
                let h = 1e-5;
                let cost = |by: f64| value(&made.graph, Some((*leaf, at, by))).reports[0].item_f64();
                let (far, near) = (cost(2.0 * h) - cost(-2.0 * h), cost(h) - cost(-h));
                let numeric = (8.0 * near - far) / (12.0 * h);
                let bound = 1e-6 * (1.0 + numeric.abs() + cost(0.0).abs());
                assert!((found[at] - numeric).abs() <= bound, "seed {seed}: {} {numeric}", found[at]);
            }
        }
    }
}

/// A random expression of tensors of shape [2, 3] with moderate values that uses every leaf.
fn compose(b: &mut Builder, x: &[NodeId], n: &mut Numbers) -> NodeId {
    let shape = [2, 3];
    let row = b.broadcast(x[1], &[1], &shape);
    let product = b.matmul(x[0], x[2]);
    let mut pool = vec![x[0], row, product];
    for _ in 0..8 {
        let a = pool[n.below(pool.len())];
        let c = pool[n.below(pool.len())];
        let positive = |b: &mut Builder, v: NodeId| {
            let square = b.mul(v, v);
            b.with_constant(Binary::Add, square, 0.5)
        };
        let new = match n.below(24) {
            0 => b.unary(Unary::Tanh, a),
            1 => b.unary(Unary::Sigmoid, a),
            2 => b.unary(Unary::Softplus, a),
            3 => b.unary(Unary::Sin, a),
            4 => b.unary(Unary::Erf, a),
            5 => {
                let p = positive(b, a);
                b.unary(Unary::Log, p)
            }
            6 => {
                let p = positive(b, a);
                b.unary(Unary::Sqrt, p)
            }
            7 => b.mul(a, c),
            8 => b.sub(a, c),
            9 => {
                let p = positive(b, c);
                b.div(a, p)
            }
            10 => {
                let (p, t) = (positive(b, a), b.unary(Unary::Tanh, c));
                b.binary(Binary::Pow, p, t)
            }
            11 => b.binary(Binary::Max, a, c),
            12 => {
                let less = b.compare(Compare::Lt, a, c);
                b.select(less, c, a)
            }
            13 => {
                let s = b.sum(a, &[1]);
                b.unreduce(s, &[1], &shape)
            }
            14 => {
                let m = b.reduce(Reduce::Max, a, &[0]);
                b.unreduce(m, &[0], &shape)
            }
            15 => {
                let p = b.reduce(Reduce::Prod, a, &[0, 1]);
                b.unreduce(p, &[0, 1], &shape)
            }
            16 => {
                let t = b.transpose(a, &[1, 0]);
                let m = b.matmul(t, c);
                let m = b.slice_axis(m, 0, 1, 3);
                b.with_constant(Binary::Mul, m, 0.5)
            }
            17 => {
                let s = b.slice(a, &[0, 0], &[1, 2], &[2, 2]);
                b.pad(s, &[0, 1], &[0, 0], &[0, 0], Scalar::Real(0.3))
            }
            18 => {
                let left = b.slice_axis(a, 1, 0, 1);
                let right = b.slice_axis(c, 1, 1, 3);
                b.concat(&[left, right], 1)
            }
            19 => b.reverse(a, &[1]),
            20 => {
                let t = b.reshape(a, &[3, 2]);
                b.transpose(t, &[1, 0])
            }
            21 => {
                let i = b.iota(&[3], 0);
                let two = b.fill_like(i, 1.0);
                let i = b.binary(Binary::Min, i, two);
                b.gather(a, &[1], &[i]).pipe(|g| b.transpose(g, &[1, 0]))
            }
            22 => {
                let m = b.reduce(Reduce::Max, a, &[1]);
                let m = b.stop_gradient(m);
                let m = b.unreduce(m, &[1], &shape);
                let u = b.sub(a, m);
                let e = b.unary(Unary::Exp, u);
                let s = b.sum(e, &[1]);
                let l = b.unary(Unary::Log, s);
                let l = b.unreduce(l, &[1], &shape);
                // Stopped m would make the whole differ from its differences: use what it cancels in.
                let p = b.sub(u, l);
                b.unary(Unary::Exp, p)
            }
            _ => b.unary(Unary::Relu, a),
        };
        // Keeps magnitudes moderate.
        let tame = b.unary(Unary::Tanh, new);
        pool.push(tame);
    }
    pool.into_iter().reduce(|sum, v| b.add(sum, v)).expect("not empty")
}

trait Pipe: Sized {
    fn pipe<T>(self, f: impl FnOnce(Self) -> T) -> T {
        f(self)
    }
}
impl Pipe for NodeId {}

/// One sweep serves all gradients of a cost, and only nodes on the paths get adjoints.
#[test]
fn shared_sweep() {
    let inputs = [numbers(&[2, 3], -1.0, 1.0), numbers(&[3, 2], -1.0, 1.0), numbers(&[2, 2], -1.0, 1.0)];
    let build = |count: usize| {
        let g = graph(DType::F64, &inputs, |b, x| {
            let y = b.matmul(x[0], x[1]);
            let y = b.unary(Unary::Tanh, y);
            let y = b.mul(y, x[2]);
            let c = b.sum(y, &[0, 1]);
            (0..count).map(|k| b.grad(c, x[k])).collect()
        });
        differentiate(g).unwrap()
    };
    let contractions =
        |g: &dlc::ir::Graph| g.nodes.iter().filter(|n| matches!(n.op, Op::Contract(_))).count();
    assert_eq!(contractions(&build(1)), 2);
    let both = build(2);
    assert_eq!(contractions(&both), 3);
    assert_eq!(both.nodes.iter().filter(|n| n.op == Op::Unary(Unary::Tanh)).count(), 1);
    let named: Vec<&str> = both.nodes.iter().filter_map(|n| n.name.as_deref()).collect();
    assert!(named.contains(&"grad(sum)/x0") && named.contains(&"grad(sum)/x1"), "{named:?}");
    let rules: Vec<&str> = both.nodes.iter().flat_map(|n| n.rules.iter().copied()).collect();
    assert!(rules.contains(&"grad of tanh") && rules.contains(&"grad of contract"), "{rules:?}");
}

#[test]
fn gradient_by_an_inner_node() {
    let x = [input(&[], &[0.5])];
    let g = graph(DType::F64, &x, |b, x| {
        let h = b.unary(Unary::Exp, x[0]);
        let c = b.mul(h, h);
        vec![b.grad(c, h), b.grad(c, x[0]), b.grad(c, c)]
    });
    let found = run(&differentiate(g).unwrap(), &x).concat();
    let e = 0.5_f64.exp();
    close("inner", 0, &found, &[2.0 * e, 2.0 * e * e, 1.0], 1e-12);
}

#[test]
fn no_path() {
    let x = [numbers(&[3], -1.0, 1.0), numbers(&[3], -1.0, 1.0)];
    type Cost = fn(&mut Builder, NodeId) -> NodeId;
    let cases: [(Why, &str, Cost); 4] = [
        (Why::Stopped, "x0 -> exp -> stop_gradient | no gradient passes, as written", |b, x| {
            let e = b.unary(Unary::Exp, x);
            b.stop_gradient(e)
        }),
        (
            Why::Discrete,
            "x0 -> argmax | its result does not change by small amounts, so it has no derivative",
            |b, x| {
                let i = b.arg_reduce(ArgReduce::Max, x, 0);
                let r = b.cast(i, DType::F64);
                b.broadcast(r, &[], &[3])
            },
        ),
        (
            Why::Discrete,
            "x0 -> gt | its result does not change by small amounts, so it has no derivative",
            |b, x| {
                let zero = b.fill_like(x, 0.0);
                let c = b.compare(Compare::Gt, x, zero);
                b.cast(c, DType::F64)
            },
        ),
        (
            Why::Discrete,
            "x0 -> cast | its result does not change by small amounts, so it has no derivative",
            |b, x| {
                let c = b.cast(x, DType::I32);
                b.cast(c, DType::F64)
            },
        ),
    ];
    for (why, text, f) in cases {
        let g = graph(DType::F64, &x, |b, x| {
            let y = f(b, x[0]);
            let c = b.sum(y, &[0]);
            vec![b.grad(c, x[0])]
        });
        let grad = g.reports[0].value;
        let (cost, wrt) = (g.inputs(grad)[0], g.inputs(grad)[1]);
        let error = depends(&g, cost, wrt).unwrap_err();
        assert_eq!((error.breaks.len(), error.breaks[0].why), (1, why));
        assert_eq!(error.draw(), [text]);
        assert_eq!(differentiate(g).unwrap_err().draw(), [text]);
    }
    let apart = graph(DType::F64, &x, |b, x| {
        let c = b.sum(x[1], &[0]);
        vec![b.grad(c, x[0])]
    });
    assert_eq!(differentiate(apart).unwrap_err().draw(), ["sum is not computed from x0"]);
    // The gradient of a linear function does not depend on its argument.
    let linear = graph(DType::F64, &x, |b, x| {
        let y = b.mul(x[0], x[1]);
        let c = b.sum(y, &[0]);
        let g = b.grad(c, x[0]);
        let s = b.sum(g, &[0]);
        vec![b.grad(s, x[0])]
    });
    let grad = linear.reports[0].value;
    let (cost, wrt) = (linear.inputs(grad)[0], linear.inputs(grad)[1]);
    let error = differentiate(linear).unwrap_err();
    assert_eq!((error.cost, error.wrt), (cost, wrt));
}
