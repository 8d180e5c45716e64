//! Random kernels: loop nests, operations of every type, tails, reductions in both orders, products.
//!
//! A case is a row of choices; where they run out, the first possibility is taken, so that proptest
//! shrinks towards small kernels.

use crate::build::{Making, buffer, index, noise, step};
use crate::run::{Start, agree};
use dlc::ir::op::{Binary, Compare, Reduce, Unary};
use dlc::ir::types::Scalar;
use dlc::ir::{DType, Tensor};
use dlc::kernel::{
    Bands, BufferId, Extent, Fold, Form, Home, Index, IndexVar, Op, Order, Product, Start as Sums, Step,
    Stmt, Terms, Val, Var,
};
use proptest::prelude::*;

const REALS: [Unary; 17] = [
    Unary::Neg,
    Unary::Abs,
    Unary::Sign,
    Unary::Sqrt,
    Unary::Relu,
    Unary::Floor,
    Unary::Round,
    Unary::Exp,
    Unary::Log,
    Unary::Log1p,
    Unary::Expm1,
    Unary::Tanh,
    Unary::Sigmoid,
    Unary::Softplus,
    Unary::Erf,
    Unary::Sin,
    Unary::Cos,
];
const COMPARES: [Compare; 6] = [Compare::Lt, Compare::Le, Compare::Eq, Compare::Ne, Compare::Gt, Compare::Ge];

/// Elements of each array that is read.
const READ: usize = 600;

struct Choices<'a> {
    left: std::slice::Iter<'a, u8>,
}

impl Choices<'_> {
    fn of(&mut self, n: usize) -> usize {
        usize::from(self.left.next().copied().unwrap_or(0)) % n
    }

    fn from<T: Copy>(&mut self, all: &[T]) -> T {
        all[self.of(all.len())]
    }
}

/// A body under construction, with the values that may be used in it.
struct Scope {
    body: Vec<Stmt>,
    known: Vec<Val>,
    vars: Vec<Var>,
}

struct Maker<'a> {
    of: Making,
    choices: Choices<'a>,
    real: DType,
}

// Buffers, by position.
const X: u32 = 0;
const N: u32 = 1;
const T: u32 = 2;
const OUT: u32 = 3;
const RUN: u32 = 6;

impl Maker<'_> {
    fn input(&self, dtype: DType) -> u32 {
        match dtype {
            DType::F32 | DType::F64 => X,
            DType::I32 => N,
            DType::Bool => T,
        }
    }

    /// An index within what is read: three variables below 40 times at most 4, and an offset.
    fn place(&mut self, scope: &Scope, last: &[i64]) -> Index {
        let mut terms = Vec::new();
        for (at, var) in scope.vars.iter().rev().enumerate() {
            let coefficient = if at == 0 { self.choices.from(last) } else { self.choices.from(&[0, 1, 2]) };
            terms.push((*var, coefficient));
        }
        index(&terms, self.choices.of(20) as i64)
    }

    fn value(&mut self, scope: &mut Scope, dtype: DType) -> Val {
        let fitting: Vec<Val> =
            scope.known.iter().copied().filter(|v| self.of.values[v.0 as usize] == dtype).collect();
        if !fitting.is_empty() && self.choices.of(4) != 0 {
            return fitting[self.choices.of(fitting.len())];
        }
        if self.choices.of(4) == 1 {
            let scalar = match dtype {
                DType::F32 | DType::F64 => {
                    Scalar::Real(self.choices.from(&[0.5, -0.0, 1.0, -3.25, f64::NAN, 1e30]))
                }
                DType::I32 => Scalar::Int(self.choices.from(&[1, 0, -1, 7, 40, 16, i32::MIN])),
                DType::Bool => Scalar::Bool(self.choices.of(2) == 1),
            };
            return self.add(scope, dtype, Op::Const(scalar));
        }
        if dtype == DType::I32 && self.choices.of(4) == 1 {
            let index = self.place(scope, &[1, 0, 3]);
            return self.add(scope, dtype, Op::Index(index));
        }
        let buffer = BufferId(self.input(dtype));
        let index = self.place(scope, &[1, 1, 1, 1, 0, 2]);
        self.add(scope, dtype, Op::Load(buffer, index))
    }

    fn add(&mut self, scope: &mut Scope, dtype: DType, op: Op) -> Val {
        let value = self.of.set(&mut scope.body, dtype, op);
        scope.known.push(value);
        value
    }

    /// One more value, by a random operation.
    fn operation(&mut self, scope: &mut Scope, depth: usize) -> Val {
        let real = self.real;
        match self.choices.of(12) {
            0 | 1 => {
                use Binary::{Add, Div, FloorDiv, Max, Min, Mod, Mul, Pow, Sub};
                let f = self.choices.from(&[Add, Mul, Sub, Div, Max, Min, Mul, Add, FloorDiv, Mod, Pow]);
                let (a, b) = (self.value(scope, real), self.value(scope, real));
                self.add(scope, real, Op::Binary(f, a, b))
            }
            2 => {
                // The exact ones more often: the others keep a loop from becoming vectors.
                let f = if self.choices.of(3) == 2 {
                    self.choices.from(&REALS)
                } else {
                    self.choices.from(&REALS[..7])
                };
                let a = self.value(scope, real);
                self.add(scope, real, Op::Unary(f, a))
            }
            3 => {
                use Binary::{Add, FloorDiv, Max, Min, Mod, Mul, MulHigh, Pow, ShiftRight, Sub};
                let f =
                    self.choices.from(&[Add, Mul, Sub, Max, Min, ShiftRight, FloorDiv, Mod, Pow, MulHigh]);
                let (a, b) = (self.value(scope, DType::I32), self.value(scope, DType::I32));
                self.add(scope, DType::I32, Op::Binary(f, a, b))
            }
            4 => {
                let f = self.choices.from(&[Unary::Neg, Unary::Abs, Unary::Sign, Unary::Relu]);
                let a = self.value(scope, DType::I32);
                self.add(scope, DType::I32, Op::Unary(f, a))
            }
            5 => {
                let a = self.value(scope, DType::Bool);
                let op = match self.choices.of(3) {
                    0 => Op::Unary(Unary::Not, a),
                    1 => Op::Binary(Binary::And, a, self.value(scope, DType::Bool)),
                    _ => Op::Binary(Binary::Or, a, self.value(scope, DType::Bool)),
                };
                self.add(scope, DType::Bool, op)
            }
            6 | 7 => {
                let dtype = self.choices.from(&[real, DType::I32, DType::Bool]);
                let f = self.choices.from(&COMPARES);
                let (a, b) = (self.value(scope, dtype), self.value(scope, dtype));
                self.add(scope, DType::Bool, Op::Compare(f, a, b))
            }
            8 => {
                let dtype = self.choices.from(&[real, DType::I32, DType::Bool]);
                let c = self.value(scope, DType::Bool);
                let (a, b) = (self.value(scope, dtype), self.value(scope, dtype));
                self.add(scope, dtype, Op::Select(c, a, b))
            }
            9 => {
                let types = [real, DType::I32, DType::Bool];
                let (from, to) = (self.choices.from(&types), self.choices.from(&types));
                let a = self.value(scope, from);
                self.add(scope, to, Op::Cast(a))
            }
            _ if depth == 0 => {
                let a = self.value(scope, DType::I32);
                scope.body.push(Stmt::Check { value: a, extent: i32::MAX as usize, span: None });
                a
            }
            _ => self.fold(scope, depth),
        }
    }

    fn fold(&mut self, scope: &mut Scope, depth: usize) -> Val {
        let dtype = self.choices.from(&[self.real, self.real, DType::I32, DType::Bool]);
        let op = if dtype == DType::Bool {
            self.choices.from(&[Reduce::Any, Reduce::All])
        } else {
            self.choices.from(&[Reduce::Sum, Reduce::Sum, Reduce::Max, Reduce::Min, Reduce::Prod])
        };
        let order = self.choices.from(&[Order::Strided, Order::Ascending]);
        let mut loops = Vec::new();
        let mut inside = Scope { body: Vec::new(), known: scope.known.clone(), vars: scope.vars.clone() };
        for _ in 0..1 + self.choices.of(2) {
            let var = self.of.var();
            let size = self.choices.from(&[3, 16, 1, 19, 37, 5, 0, 33]);
            let rest = match (self.choices.of(4), scope.vars.last()) {
                (1, Some(outer)) => Some((*outer, 35)),
                _ => None,
            };
            loops.push((var, Extent { size, rest }));
            inside.vars.push(var);
        }
        // Not too many variables, so that indices stay within what is read.
        while inside.vars.len() > 4 {
            inside.vars.remove(0);
        }
        for _ in 0..self.choices.of(4) {
            self.operation(&mut inside, depth - 1);
        }
        let item = self.value(&mut inside, dtype);
        let fold = Fold { op, order, loops, body: inside.body, item };
        self.add(scope, dtype, Op::Fold(Box::new(fold)))
    }

    /// Operations, and one element of each type written.
    fn turn(&mut self, scope: &mut Scope, at: &Index) {
        for _ in 0..1 + self.choices.of(6) {
            self.operation(scope, 2);
        }
        let types = [self.real, DType::I32, DType::Bool];
        let which = self.choices.of(4);
        for (out, dtype) in types.into_iter().enumerate() {
            if which == out || which == 3 {
                let value = self.value(scope, dtype);
                let buffer = BufferId(OUT + out as u32);
                scope.body.push(Stmt::Store { buffer, index: at.clone(), value, span: None });
            }
        }
    }
}

/// A step of one random kernel, and what it runs on.
fn random_loops(real: DType, bytes: &[u8]) -> (Step, Start) {
    let mut m = Maker { of: Making::default(), choices: Choices { left: bytes.iter() }, real };
    let extent = 1 + m.choices.of(37);
    let unit = 1 + m.choices.of(20);
    let turns = 1 + m.choices.of(3);
    let (i, j, l) = (m.of.var(), m.of.var(), m.of.var());
    let mut outer = Scope { body: Vec::new(), known: Vec::new(), vars: vec![i, j] };
    for _ in 0..m.choices.of(3) {
        m.operation(&mut outer, 1);
    }
    let at = index(&[(j, extent as i64), (i, 1), (l, 1)], 0);
    let mut inner = Scope { body: Vec::new(), known: outer.known.clone(), vars: vec![i, j, l] };
    m.turn(&mut inner, &at);
    let columns = Extent { size: unit, rest: Some((i, extent)) };
    outer.body.push(if m.choices.of(5) == 4 {
        Stmt::For { var: l, extent: columns, step: 1, body: inner.body }
    } else {
        Stmt::Lanes { var: l, extent: columns, body: inner.body }
    });
    let rows = Stmt::For { var: j, extent: Extent::fixed(turns), step: 1, body: outer.body };
    let kernel = m.of.kernel("random", Some((i, extent, unit)), vec![rows]);
    finish(real, kernel, &[turns, extent])
}

fn finish(real: DType, kernel: dlc::kernel::Kernel, out: &[usize]) -> (Step, Start) {
    let buffers = vec![
        buffer("x", Home::Resident(0), real, &[READ]),
        buffer("n", Home::Resident(1), DType::I32, &[READ]),
        buffer("t", Home::Resident(2), DType::Bool, &[READ]),
        buffer("real", Home::Place(0), real, out),
        buffer("whole", Home::Place(1), DType::I32, out),
        buffer("truth", Home::Place(2), DType::Bool, out),
        buffer("run", Home::Run, DType::I32, &[]),
    ];
    let mut x = noise(READ, 11);
    let odd =
        [0.0, -0.0, 1.0, f64::NAN, f64::INFINITY, f64::NEG_INFINITY, 1e-40, 3e9, -2.5, 0.5, 1e-310, 88.7];
    for (at, v) in x.iter_mut().enumerate() {
        if at % 3 == 0 {
            *v = odd[at / 3 % odd.len()];
        }
    }
    let whole = [3, 0, -1, 7, i32::MAX, i32::MIN, 33, -16, 100_000, 2];
    let n: Vec<i32> = (0..READ).map(|at| whole[at * 7 % 10].wrapping_add((at / 10) as i32)).collect();
    let t: Vec<f64> = noise(READ, 12).iter().map(|v| f64::from(u8::from(*v > 0.2))).collect();
    let zeros = |dtype| Tensor::from_f64s(dtype, out.to_vec(), &vec![0.0; out.iter().product()]);
    let start = Start {
        args: Vec::new(),
        places: vec![zeros(real), zeros(DType::I32), zeros(DType::Bool)],
        residents: vec![
            Tensor::from_f64s(real, vec![READ], &x),
            Tensor::from_i32(vec![READ], n),
            Tensor::from_f64s(DType::Bool, vec![READ], &t),
        ],
        run: 5,
    };
    (step("random", buffers, vec![kernel], 0, 0), start)
}

/// A step of one product, strip, or run of random words with random sizes.
fn random_call(real: DType, bytes: &[u8]) -> (Step, Start) {
    let mut m = Maker { of: Making::default(), choices: Choices { left: bytes.iter() }, real };
    let extent = 1 + m.choices.of(37);
    let unit = 1 + m.choices.of(20);
    let rows = 1 + m.choices.of(5);
    let bands = 1 + m.choices.of(3);
    let i = m.of.var();
    let columns = Extent { size: unit, rest: Some((i, extent)) };
    let first = index(&[(i, 1)], 0);
    let mut body = Vec::new();
    match m.choices.of(4) {
        0 => {
            let f = m.choices.from(&REALS);
            let src = index(&[(i, 1 + m.choices.of(3) as i64)], m.choices.of(50) as i64);
            let (dst, src) = ((BufferId(OUT), first), (BufferId(X), src));
            body.push(Stmt::Strip { f, dst, src, count: columns, span: None });
        }
        1 => {
            let run = m.of.set(&mut body, DType::I32, Op::Load(BufferId(RUN), Index::default()));
            let turn = m.of.set(&mut body, DType::I32, Op::Const(Scalar::Int(3)));
            let from = index(&[(i, 1)], m.choices.of(9) as i64);
            let (dst, key) = ((BufferId(OUT + 1), first), [17, 0xdead_beef]);
            body.push(Stmt::Random { dst, first: from, count: columns, key, run, turn, span: None });
        }
        which => {
            // What is left of the owner's axis may shorten the run.
            let rest = (m.choices.of(2) == 0).then_some((i, extent));
            let k = Extent { size: m.choices.of(40), rest };
            let terms = if m.choices.of(2) == 0 {
                Terms::Strided {
                    count: Extent { size: m.choices.of(12), rest: (which == 2).then_some(rest).flatten() },
                    a: m.choices.of(3) as i64,
                    b: m.choices.of(5) as i64,
                }
            } else {
                Terms::Table((0..m.choices.of(9)).map(|t| ((t * 5 % 7) as i32, (t * 3 % 8) as i32)).collect())
            };
            let (form, b) = if which == 2 {
                (
                    Form::Lanes {
                        sparse: m.choices.of(2) == 0 && matches!(terms, Terms::Strided { .. }),
                        terms,
                    },
                    index(&[(i, 1)], 0),
                )
            } else {
                let b_row = m.choices.of(4) as i64;
                let bands = Bands { count: bands, b: m.choices.of(6) as i64, c: (rows * extent) as i64 };
                (Form::Dot { b_row, k, outer: terms, bands }, index(&[(i, b_row)], 0))
            };
            body.push(Stmt::Product(Box::new(Product {
                form,
                c: (BufferId(OUT), first),
                a: (BufferId(X), index(&[], m.choices.of(30) as i64)),
                b: (BufferId(X), b),
                m: Extent::fixed(rows),
                n: columns,
                c_row: extent as i64,
                c_col: 1,
                a_row: m.choices.of(30) as i64,
                start: [Sums::Zero, Sums::Old, Sums::Plus][m.choices.of(3)],
                span: None,
            })));
        }
    }
    let kernel = m.of.kernel("call", Some((i, extent, unit)), body);
    finish(real, kernel, &[bands * rows, extent])
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 150, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn loops_have_the_interpreters_bits(
        bytes in prop::collection::vec(any::<u8>(), 0..120),
        double in any::<bool>(),
    ) {
        let (step, start) = random_loops(if double { DType::F64 } else { DType::F32 }, &bytes);
        if let Err(error) = agree(&step, &start, 1) {
            let text = dlc::kernel::print::print(&step, &|_| None);
            prop_assert!(false, "{error}\n{text}");
        }
    }

    #[test]
    fn calls_have_the_interpreters_bits(
        bytes in prop::collection::vec(any::<u8>(), 0..30),
        double in any::<bool>(),
    ) {
        let (step, start) = random_call(if double { DType::F64 } else { DType::F32 }, &bytes);
        if let Err(error) = agree(&step, &start, 2) {
            let text = dlc::kernel::print::print(&step, &|_| None);
            prop_assert!(false, "{error}\n{text}");
        }
    }
}

/// A dynamic index is among the terms that the interpreter reads too.
#[test]
fn a_computed_index_moves_a_whole_vector() {
    let mut of = Making::default();
    let (i, l) = (of.var(), of.var());
    let mut body = Vec::new();
    let at = of.set(&mut body, DType::I32, Op::Index(index(&[(i, 3)], 1)));
    let mut turn = Vec::new();
    let from = Index { offset: 2, terms: vec![(IndexVar::Loop(l), 1)], dynamic: vec![(at, 2)] };
    let value = of.set(&mut turn, DType::F32, Op::Load(BufferId(X), from));
    let to = index(&[(i, 9), (l, 1)], 0);
    turn.push(Stmt::Store { buffer: BufferId(OUT), index: to, value, span: None });
    body.push(Stmt::Lanes { var: l, extent: Extent::fixed(9), body: turn });
    let kernel = of.kernel("gather", Some((i, 11, 1)), body);
    let (step, start) = finish(DType::F32, kernel, &[11, 9]);
    agree(&step, &start, 1).expect("the bits agree");
}
