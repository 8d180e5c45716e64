//! Steps of every shape that text can have; what they say makes no sense.

use crate::common::random_graph::Random;
use dlc::ir::op::{Binary, Compare, Reduce, Unary};
use dlc::ir::{DType, Scalar};
use dlc::kernel::{
    Bands, Buffer, BufferId, Copies, Extent, Fold, Form, Home, Index, IndexVar, Item, Kernel, Layout, Op,
    Order, Owner, Product, Share, Start, Step, Stmt, Terms, Val, Var,
};
use dlc::source::{FileId, Span};

const NAMES: [&str; 9] = ["h", "below.W", "%7", "h", "two words", "", "loop", "q\"u\\o\n\u{e9}", "7~2"];
const DTYPES: [DType; 4] = [DType::F32, DType::F64, DType::I32, DType::Bool];
const BUFFERS: usize = 6;

/// A step made of a seed.
pub fn any_step(seed: u64) -> Step {
    let mut r = Random(seed);
    let homes = |r: &mut Random| {
        let at = r.below(5);
        r.of(&[
            Home::Arg(at),
            Home::Place(at),
            Home::Resident(at),
            Home::Report(at),
            Home::Run,
            Home::Arena(64 * at),
            Home::Alternate(Copies { first: 64 * at, apart: 64, count: 2 + at }),
            Home::Own(64 * at),
            Home::OwnAlternate(Copies { first: 64, apart: 64 * at, count: 2 }),
            Home::Scratch(64 * at),
        ])
    };
    let buffers = (0..BUFFERS)
        .map(|_| {
            let (home, rank) = (homes(&mut r), r.below(3));
            let shape = (0..rank).map(|_| r.below(9)).collect();
            let layout = r.of(&[Layout::Rows, Layout::Panels(4)]);
            Buffer { name: r.of(&NAMES).to_owned(), home, dtype: r.of(&DTYPES), shape, layout }
        })
        .collect();
    let kernels: Vec<Kernel> = (0..3).map(|_| Kernels(&mut r).kernel()).collect();
    let [opening, order] = [(); 2].map(|()| items(&mut r, kernels.len(), 3));
    let (arena, scratch, counters) = (r.below(999), r.below(999), r.below(4));
    Step { name: r.of(&NAMES).to_owned(), buffers, kernels, opening, order, counters, arena, scratch }
}

fn items(r: &mut Random, kernels: usize, depth: usize) -> Vec<Item> {
    let one = |r: &mut Random| match r.below(if depth == 0 { 2 } else { 6 }) {
        0 => Item::Kernel(r.below(kernels)),
        1 => Item::Barrier,
        2 => Item::Next(items(r, kernels, depth - 1)),
        3 => Item::Blocks(items(r, kernels, depth - 1)),
        4 => Item::Coming { calls: r.below(9), body: items(r, kernels, depth - 1) },
        _ => {
            let (counter, turns, reverse) = (r.below(4), r.below(20), r.below(2) == 0);
            Item::Loop { counter, turns, reverse, body: items(r, kernels, depth - 1) }
        }
    };
    (0..r.below(4)).map(|_| one(r)).collect()
}

struct Kernels<'a>(&'a mut Random);

const VALUES: usize = 40;

impl Kernels<'_> {
    fn kernel(&mut self) -> Kernel {
        let share = match self.0.below(4) {
            0 => Share::One,
            1 => Share::Each,
            _ => Share::Blocks(Owner {
                axis: self.0.of(&NAMES).to_owned(),
                var: self.var(),
                extent: self.0.below(99),
                unit: self.0.below(9),
            }),
        };
        let values = (0..VALUES).map(|_| self.0.of(&DTYPES)).collect();
        let name = self.0.of(&NAMES).to_owned();
        let vars = 40 + self.0.below(2);
        Kernel { name, share, values, vars, body: self.body(3) }
    }

    fn body(&mut self, depth: usize) -> Vec<Stmt> {
        (0..self.0.below(5)).map(|_| self.statement(depth)).collect()
    }

    fn statement(&mut self, depth: usize) -> Stmt {
        let span = self.span();
        match self.0.below(if depth == 0 { 6 } else { 9 }) {
            0 | 6 => Stmt::Let { value: self.val(), op: self.operation(depth), span },
            1 => {
                let (buffer, index) = self.at();
                Stmt::Store { buffer, index, value: self.val(), span }
            }
            2 => Stmt::Check { value: self.val(), extent: self.0.below(99), span },
            3 => {
                let f = self.0.of(&[Unary::Tanh, Unary::Exp, Unary::Neg]);
                Stmt::Strip { f, dst: self.at(), src: self.at(), count: self.extent(), span }
            }
            4 => {
                let key = [self.0.below(1 << 30) as u32, u32::MAX];
                let (run, turn) = (self.val(), self.val());
                Stmt::Random {
                    dst: self.at(),
                    first: self.index(),
                    count: self.extent(),
                    key,
                    run,
                    turn,
                    span,
                }
            }
            5 => Stmt::Product(Box::new(self.product(span))),
            7 => {
                let step = 1 + self.0.below(3);
                Stmt::For { var: self.var(), extent: self.extent(), step, body: self.body(depth - 1) }
            }
            _ => Stmt::Lanes { var: self.var(), extent: self.extent(), body: self.body(depth - 1) },
        }
    }

    fn operation(&mut self, depth: usize) -> Op {
        match self.0.below(if depth == 0 { 8 } else { 9 }) {
            0 => Op::Const(self.0.of(&[
                Scalar::Real(-0.0),
                Scalar::Real(0.1),
                Scalar::Real(f64::NAN),
                Scalar::Real(1e300),
                Scalar::Int(i32::MIN),
                Scalar::Bool(true),
            ])),
            1 => Op::Index(self.index()),
            2 => {
                let (buffer, index) = self.at();
                Op::Load(buffer, index)
            }
            3 => Op::Unary(self.0.of(&[Unary::Log1p, Unary::Not]), self.val()),
            4 => Op::Binary(self.0.of(&[Binary::Add, Binary::Max, Binary::FloorDiv]), self.val(), self.val()),
            5 => Op::Compare(self.0.of(&[Compare::Lt, Compare::Ne]), self.val(), self.val()),
            6 => Op::Select(self.val(), self.val(), self.val()),
            7 => Op::Cast(self.val()),
            _ => Op::Fold(Box::new(Fold {
                op: self.0.of(&[Reduce::Sum, Reduce::Max, Reduce::Any]),
                order: self.0.of(&[Order::Ascending, Order::Strided]),
                loops: (0..self.0.below(3)).map(|_| (self.var(), self.extent())).collect(),
                body: self.body(depth - 1),
                item: self.val(),
            })),
        }
    }

    fn product(&mut self, span: Option<Span>) -> Product {
        let form = match self.0.below(2) {
            0 => Form::Lanes { terms: self.terms(), sparse: self.0.below(2) == 0 },
            _ => {
                let bands = self.0.of(&[Bands::ONE, Bands { count: 5, b: 384, c: -250 }]);
                Form::Dot { b_row: self.signed(), k: self.extent(), outer: self.terms(), bands }
            }
        };
        let (c, a, b) = (self.at(), self.at(), self.at());
        let (m, n) = (self.extent(), self.extent());
        let (c_row, a_row) = (self.signed(), self.signed());
        let c_col = self.0.of(&[1, 1, -3, 20]);
        let start =
            self.0.of(&[Start::Zero, Start::Old, Start::Plus, Start::Scaled(Val(3)), Start::Decayed(Val(0))]);
        Product { form, c, a, b, m, n, c_row, c_col, a_row, start, span }
    }

    fn terms(&mut self) -> Terms {
        match self.0.below(3) {
            0 => Terms::Strided { count: self.extent(), a: self.signed(), b: self.signed() },
            1 => {
                let loops = [(1 + self.0.below(3), 25, -4624), (1 + self.0.below(4), 5, 384), (5, 1, -32)];
                let pairs = dlc::kernel::pairs_of(&loops[self.0.below(3)..]);
                Terms::Table(pairs.into_iter().map(|(x, y)| (x as i32, y as i32)).collect())
            }
            _ => Terms::Table(
                (0..self.0.below(4)).map(|_| (self.0.below(99) as i32, -(self.0.below(9) as i32))).collect(),
            ),
        }
    }

    fn index(&mut self) -> Index {
        let term = |s: &mut Self| match s.0.below(4) {
            0 => (IndexVar::Counter(s.0.below(4)), s.signed()),
            _ => (IndexVar::Loop(s.var()), s.signed()),
        };
        Index {
            offset: self.0.of(&[0, 0, 7, -9, i64::MIN, i64::MAX]),
            terms: (0..self.0.below(4)).map(|_| term(self)).collect(),
            dynamic: (0..self.0.below(2)).map(|_| (self.val(), self.signed())).collect(),
        }
    }

    fn extent(&mut self) -> Extent {
        let rest = (self.0.below(2) == 0).then(|| (self.var(), self.0.below(999)));
        Extent { size: self.0.below(99), rest }
    }

    fn at(&mut self) -> (BufferId, Index) {
        (BufferId(self.0.below(BUFFERS) as u32), self.index())
    }

    fn signed(&mut self) -> i64 {
        self.0.of(&[1, -1, 500, -3, 32, i64::MIN])
    }

    fn var(&mut self) -> Var {
        Var(self.0.below(40) as u32)
    }

    fn val(&mut self) -> Val {
        Val(self.0.below(VALUES) as u32)
    }

    fn span(&mut self) -> Option<Span> {
        let (start, end) = (self.0.below(99), self.0.below(99));
        (self.0.below(3) == 0).then(|| Span::new(FileId(1), start, end))
    }
}
