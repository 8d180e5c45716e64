//! Algebra, folding, structure, choices and scatters.

use super::*;

#[test]
pub fn algebra() {
    type Case = (&'static str, Binary, f64, &'static str, &'static str);
    let cases: [Case; 9] = [
        ("add-zero", Binary::Add, 0.0, "add(x0, 0)", "x0"),
        ("sub-zero", Binary::Sub, 0.0, "sub(x0, 0)", "x0"),
        ("mul-one", Binary::Mul, 1.0, "mul(x0, 1)", "x0"),
        ("mul-minus-one", Binary::Mul, -1.0, "mul(x0, -1)", "neg(x0)"),
        ("div-one", Binary::Div, 1.0, "div(x0, 1)", "x0"),
        ("pow-one", Binary::Pow, 1.0, "pow(x0, 1)", "x0"),
        ("pow-two", Binary::Pow, 2.0, "pow(x0, 2)", "mul(x0, x0)"),
        ("pow-half", Binary::Pow, 0.5, "pow(x0, 0.5)", "sqrt(x0)"),
        ("pow-minus-one", Binary::Pow, -1.0, "pow(x0, -1)", "div(1, x0)"),
    ];
    for (name, f, c, before, after) in cases {
        check(name, &some()[1..], &|b, x| b.with_constant(f, x[0], c), before, after);
    }
    let two = |b: &mut Builder, x: NodeId| {
        let n = b.neg(x);
        b.neg(n)
    };
    check(
        "sum-neg",
        &some(),
        &|b, x| {
            let n = b.neg(x[0]);
            b.sum(n, &[1])
        },
        "sum[1](neg(x0))",
        "neg(sum[1](x0))",
    );
    check("neg-neg", &some(), &|b, x| two(b, x[0]), "neg(neg(x0))", "x0");
    check(
        "add-twice",
        &some(),
        &|b, x| {
            let y = b.with_constant(Binary::Mul, x[0], 0.25);
            b.add(y, y)
        },
        "add(mul(x0, 0.25), mul(x0, 0.25))",
        "mul(x0, 0.5)",
    );
    let penalised = |b: &mut Builder, of: NodeId, by: NodeId| {
        let t = b.with_constant(Binary::Mul, of, 3.0);
        let s = b.unary(Unary::Sign, by);
        let z = b.with_constant(Binary::Mul, s, 0.0);
        b.add(t, z)
    };
    check(
        "zero-sign",
        &some(),
        &|b, x| penalised(b, x[0], x[0]),
        "add(mul(x0, 3), mul(sign(x0), 0))",
        "mul(x0, 3)",
    );
    stays("zero-sign", &some(), &|b, x| penalised(b, x[0], x[1]));
    check(
        "add-neg",
        &some(),
        &|b, x| {
            let n = b.neg(x[1]);
            b.add(x[0], n)
        },
        "add(x0, neg(x1))",
        "sub(x0, x1)",
    );
    check(
        "add-neg",
        &some(),
        &|b, x| {
            let n = b.neg(x[0]);
            b.add(n, x[1])
        },
        "add(neg(x0), x1)",
        "sub(x1, x0)",
    );
    check(
        "sub-neg",
        &some(),
        &|b, x| {
            let n = b.neg(x[1]);
            b.sub(x[0], n)
        },
        "sub(x0, neg(x1))",
        "add(x0, x1)",
    );
}

#[test]
pub fn fold() {
    check(
        "fold",
        &some(),
        &|b, x| {
            let (two, three) = (b.fill_like(x[0], 2.0), b.fill_like(x[0], 3.0));
            let s = b.add(two, three);
            b.mul(x[0], s)
        },
        "mul(x0, add(2, 3))",
        "mul(x0, 5)",
    );
    // In the node's precision: 1 + 1e-8 is 1 in f32.
    for (dtype, expected) in [(DType::F32, 1.0), (DType::F64, 1.0 + 1e-8)] {
        let g = graph(dtype, &[], |b, _| {
            let one = b.constant(dtype, 1.0);
            vec![b.with_constant(Binary::Add, one, 1e-8)]
        });
        let g = rewrite(g, &[rule("fold")], "test", &mut Trace::default());
        assert_eq!(g.op(g.reports[0].value), &Op::Const(dlc::ir::Scalar::Real(expected)));
    }
    stays("fold", &[], &|b, _| {
        let c = b.constant(DType::F32, 1.0);
        exp(b, c)
    });
}

#[test]
pub fn structure() {
    let x = [Numbers(3).input(&[2, 3, 4], -1.0, 1.0)];
    check(
        "transpose-transpose",
        &x,
        &|b, x| {
            let t = b.transpose(x[0], &[1, 2, 0]);
            b.transpose(t, &[0, 2, 1])
        },
        "transpose[0, 2, 1](transpose[1, 2, 0](x0))",
        "transpose[1, 0, 2](x0)",
    );
    check(
        "transpose-transpose",
        &x,
        &|b, x| {
            let t = b.transpose(x[0], &[1, 2, 0]);
            b.transpose(t, &[2, 0, 1])
        },
        "transpose[2, 0, 1](transpose[1, 2, 0](x0))",
        "x0",
    );
    check(
        "reshape-reshape",
        &x,
        &|b, x| {
            let t = b.reshape(x[0], &[6, 4]);
            b.reshape(t, &[24])
        },
        "reshape[24](reshape[6, 4](x0))",
        "reshape[24](x0)",
    );
    check(
        "broadcast-broadcast",
        &x,
        &|b, x| {
            let t = b.broadcast(x[0], &[0, 2, 3], &[2, 5, 3, 4]);
            b.broadcast(t, &[0, 1, 2, 4], &[2, 5, 3, 2, 4])
        },
        "broadcast[2, 5, 3, 2, 4](broadcast[2, 5, 3, 4](x0))",
        "broadcast[2, 5, 3, 2, 4](x0)",
    );
    check(
        "slice-slice",
        &x,
        &|b, x| {
            let t = b.slice(x[0], &[0, 1, 0], &[1, 1, 2], &[2, 2, 2]);
            b.slice(t, &[1, 0, 1], &[1, 1, 1], &[1, 2, 1])
        },
        "slice[1, 0, 1][1, 1, 1][1, 2, 1](slice[0, 1, 0][1, 1, 2][2, 2, 2](x0))",
        "slice[1, 1, 2][1, 1, 2][1, 2, 1](x0)",
    );
    check(
        "reverse-reverse",
        &x,
        &|b, x| {
            let t = b.reverse(x[0], &[0, 1]);
            b.reverse(t, &[1, 2])
        },
        "reverse[1, 2](reverse[0, 1](x0))",
        "reverse[0, 2](x0)",
    );
    check(
        "cast-cast",
        &x,
        &|b, x| {
            let zero = b.fill_like(x[0], 0.0);
            let c = b.compare(Compare::Gt, x[0], zero);
            let i = b.cast(c, DType::I32);
            b.cast(i, DType::F64)
        },
        "cast[f64](cast[i32](gt(x0, 0)))",
        "cast[f64](gt(x0, 0))",
    );
    stays("cast-cast", &x, &|b, x| {
        let i = b.cast(x[0], DType::I32);
        b.cast(i, DType::F32)
    });
}

#[test]
pub fn choices() {
    let x = some();
    for taken in [true, false] {
        check(
            "select-constant",
            &x,
            &|b, x| {
                let c = b.fill(DType::Bool, f64::from(u8::from(taken)), &[2, 3]);
                b.select(c, x[0], x[1])
            },
            &format!("select({taken}, x0, x1)"),
            if taken { "x0" } else { "x1" },
        );
    }
    check(
        "select-same",
        &x,
        &|b, x| {
            let c = b.compare(Compare::Lt, x[0], x[1]);
            b.select(c, x[0], x[0])
        },
        "select(lt(x0, x1), x0, x0)",
        "x0",
    );
    check("stop-gradient", &x, &|b, x| b.stop_gradient(x[0]), "stop_gradient(x0)", "x0");
}

#[test]
pub fn scatters() {
    let x = [input(&[3], &[0.5, f64::INFINITY, -1.0])];
    let y = "concat(2, 0, 2)";
    check(
        "scatter-compare",
        &x,
        &|b, x| {
            let (i, y) = (b.iota(&[3], 0), labels(b, &[2, 0, 2]));
            b.scatter_add(x[0], &[0, 1], &[i, y], &[3, 4])
        },
        &format!("scatter_add(x0, iota[0](), {y})"),
        &format!("select(eq(iota[1](), broadcast[3, 4]({y})), broadcast[3, 4](x0), 0)"),
    );
    // The counting index second, rows of several axes: v[i, c] at [y[i], c', i] by columns.
    let wide = [Numbers(8).input(&[3, 2], -1.0, 1.0)];
    check(
        "scatter-compare",
        &wide,
        &|b, x| {
            let (i, y) = (b.iota(&[3], 0), labels(b, &[2, 0, 2]));
            b.scatter_add(x[0], &[0, 2], &[y, i], &[4, 2, 3])
        },
        &format!("scatter_add(x0, {y}, iota[0]())"),
        &format!(
            "select(eq(iota[0](), broadcast[4, 2, 3]({y})), broadcast[4, 2, 3](transpose[1, 0](x0)), 0)"
        ),
    );
    check(
        "sum-scatter",
        &wide,
        &|b, x| {
            let (i, y) = (b.iota(&[3], 0), labels(b, &[2, 0, 2]));
            let s = b.scatter_add(x[0], &[0, 1], &[i, y], &[3, 4, 2]);
            b.sum(s, &[1])
        },
        &format!("sum[1](scatter_add(x0, iota[0](), {y}))"),
        "x0",
    );
    stays("scatter-compare", &x, &|b, x| {
        let y = labels(b, &[2, 0, 2]);
        b.scatter_add(x[0], &[0], &[y], &[4])
    });
    stays("scatter-compare", &x, &|b, x| {
        let (i, y) = (b.iota(&[3], 0), labels(b, &[2, 0, 2]));
        b.scatter_add(x[0], &[0, 1], &[i, y], &[5, 4])
    });
}
