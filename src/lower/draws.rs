//! Draws inside steps: random words, and each distribution as operations on them.
//!
//! The words are [`Op::RandomBits`]: the key is that of the stream's seed and the draw's path
//! ([`identity_key`]), the counter has the element's block, the turn of the scan (of nested ones,
//! counted through: `outer * steps + inner`) and the run of the step. One word w an element, in f32
//! and f64 alike; with u the upper 24 bits of w over 2^24 and v = (w + 1/2) / 2^32:
//!
//! - uniform(a, b): a + (b - a) u; should that round up to b, a;
//! - bernoulli(p): u < p. A p that is a compile-time number is compared as ceil(p 2^24) with the 24
//!   bits, so that f32 and f64 agree on every element;
//! - normal(m, s): m + s z, z by Box and Muller of the two words of a pair: sqrt(-2 ln v) times
//!   cos(2 pi v') for the even element and sin(2 pi v') for the odd one, v' of the odd word;
//! - integers(l, h): l + the upper word of the product w (h - l);
//! - binomial(n, p): the least k whose cumulative probability exceeds v, so one word serves all trials;
//! - permutation(n): the positions by the order of their words, equal words by position;
//! - categorical(p): the least k at which the cumulative sum along the last axis exceeds u times the
//!   whole sum, so that a probability of 0 is never chosen.
//!
//! `uniform` and `normal` are real arithmetic on their parameters, through which a gradient passes;
//! the words themselves, and what is compared with them, are constants to it.

use super::Lower;
use crate::ir::{Affine, Binary, Compare, Contract, DType, NodeId, Op, Scalar, Type, Unary};
use crate::program::{StepDist, StepDraw, Value};
use crate::random::identity_key;

/// 2^-24 and 2^-32.
const UPPER: f64 = 1.0 / 16_777_216.0;
const WHOLE: f64 = 1.0 / 4_294_967_296.0;

impl Lower<'_> {
    /// A draw; `args` are the parameters' nodes.
    pub(super) fn draw(&mut self, draw: &StepDraw, value: &Value, args: &[NodeId], ty: &Type) -> NodeId {
        let key = identity_key(draw.seed, &draw.path);
        let shape = &ty.shape;
        match draw.dist {
            StepDist::Uniform => {
                let [low, high] = [0, 1].map(|i| self.operand(args[i], ty.dtype, shape));
                let u = self.unit(key, ty);
                let width = self.b.sub(high, low);
                let scaled = self.b.mul(width, u);
                if value.args.first().and_then(|a| self.numbers[*a]) == Some(0.0) {
                    return scaled;
                }
                let x = self.b.add(low, scaled);
                let below = self.b.compare(Compare::Lt, x, high);
                self.b.select(below, x, low)
            }
            StepDist::Normal => {
                let [mean, deviation] = [0, 1].map(|i| self.operand(args[i], ty.dtype, shape));
                let z = self.standard_normal(key, ty);
                let scaled = self.b.mul(deviation, z);
                self.b.add(mean, scaled)
            }
            StepDist::Bernoulli => {
                let hit = match self.numbers[value.args[0]] {
                    Some(p) => {
                        let bits = self.upper(key, shape);
                        let bound = self.b.fill(DType::I32, (p / UPPER).ceil(), shape);
                        self.b.compare(Compare::Lt, bits, bound)
                    }
                    None => {
                        let p = self.operand(args[0], ty.dtype, shape);
                        let u = self.unit(key, ty);
                        self.b.compare(Compare::Lt, u, p)
                    }
                };
                self.b.cast(hit, ty.dtype)
            }
            StepDist::Binomial { trials } => {
                let p = self.operand(args[0], ty.dtype, shape);
                self.binomial(key, trials, p, ty)
            }
            StepDist::Integers => {
                let [low, high] = [0, 1].map(|i| self.operand(args[i], DType::I32, shape));
                let words = self.words(key, shape);
                let width = self.b.sub(high, low);
                let above = self.b.binary(Binary::MulHigh, words, width);
                self.b.add(low, above)
            }
            StepDist::Permutation => self.permutation(key, shape[0]),
            StepDist::Categorical => self.categorical(key, args[0], shape),
        }
    }

    /// One word for each element of a shape.
    fn words(&mut self, key: [u32; 2], shape: &[usize]) -> NodeId {
        let run = self.run_count();
        let turn = self.turn();
        self.b.push(Op::RandomBits { key }, vec![run, turn], Type::new(DType::I32, shape))
    }

    /// The upper 24 bits of the words.
    fn upper(&mut self, key: [u32; 2], shape: &[usize]) -> NodeId {
        let words = self.words(key, shape);
        self.b.with_constant(Binary::ShiftRight, words, 8.0)
    }

    /// The upper 24 bits of the words over 2^24: exact in f32 and f64.
    fn unit(&mut self, key: [u32; 2], ty: &Type) -> NodeId {
        let bits = self.upper(key, &ty.shape);
        let real = self.b.cast(bits, ty.dtype);
        self.b.with_constant(Binary::Mul, real, UPPER)
    }

    /// (w + 1/2) / 2^32 of words, rounded once: the upper 24 bits and the lower 8 apart.
    fn open(&mut self, words: NodeId, dtype: DType) -> NodeId {
        let upper = self.b.with_constant(Binary::ShiftRight, words, 8.0);
        let shifted = self.b.with_constant(Binary::Mul, upper, 256.0);
        let lower = self.b.sub(words, shifted);
        let (upper, lower) = (self.b.cast(upper, dtype), self.b.cast(lower, dtype));
        let upper = self.b.with_constant(Binary::Mul, upper, UPPER);
        let lower = self.b.with_constant(Binary::Add, lower, 0.5);
        let lower = self.b.with_constant(Binary::Mul, lower, WHOLE);
        self.b.add(upper, lower)
    }

    fn standard_normal(&mut self, key: [u32; 2], ty: &Type) -> NodeId {
        let n = ty.elements();
        let pairs = n.div_ceil(2);
        let words = self.words(key, &[pairs, 2]);
        let [even, odd] = [0, 1].map(|i| self.b.slice_axis(words, 1, i, i + 1));
        let [v, t] = [even, odd].map(|w| self.open(w, ty.dtype));
        let log = self.b.unary(Unary::Log, v);
        let square = self.b.with_constant(Binary::Mul, log, -2.0);
        let radius = self.b.unary(Unary::Sqrt, square);
        let angle = self.b.with_constant(Binary::Mul, t, std::f64::consts::TAU);
        let both = [Unary::Cos, Unary::Sin].map(|f| {
            let side = self.b.unary(f, angle);
            self.b.mul(radius, side)
        });
        let z = self.b.concat(&both, 1);
        let z = self.b.reshape(z, &[2 * pairs]);
        let z = self.b.slice_axis(z, 0, 0, n);
        self.b.reshape(z, &ty.shape)
    }

    fn binomial(&mut self, key: [u32; 2], trials: u32, p: NodeId, ty: &Type) -> NodeId {
        let words = self.words(key, &ty.shape);
        let v = self.open(words, ty.dtype);
        let one = self.b.fill_like(p, 1.0);
        let q = self.b.sub(one, p);
        let mut count = self.b.fill_like(p, 0.0);
        let (mut total, mut ways) = (None, 1.0);
        for k in 0..trials {
            let hits = self.b.with_constant(Binary::Pow, p, f64::from(k));
            let misses = self.b.with_constant(Binary::Pow, q, f64::from(trials - k));
            let both = self.b.mul(hits, misses);
            let probability = self.b.with_constant(Binary::Mul, both, ways);
            let cumulative = match total {
                Some(total) => self.b.add(total, probability),
                None => probability,
            };
            let passed = self.b.compare(Compare::Le, cumulative, v);
            let passed = self.b.cast(passed, ty.dtype);
            count = self.b.add(count, passed);
            total = Some(cumulative);
            ways = ways * f64::from(trials - k) / f64::from(k + 1);
        }
        count
    }

    /// Position i goes to where its word stands among all: as many are before it as are less.
    fn permutation(&mut self, key: [u32; 2], n: usize) -> NodeId {
        let words = self.words(key, &[n]);
        let least = self.b.push(Op::Const(Scalar::Int(i32::MIN)), Vec::new(), Type::scalar(DType::I32));
        let least = self.b.broadcast(least, &[], &[n]);
        // As signed numbers in the order of the unsigned words.
        let ordered = self.b.add(words, least);
        let square = [n, n];
        let own = self.b.broadcast(ordered, &[0], &square);
        let other = self.b.broadcast(ordered, &[1], &square);
        let (own_at, other_at) = (self.b.iota(&square, 0), self.b.iota(&square, 1));
        let less = self.b.compare(Compare::Lt, other, own);
        let same = self.b.compare(Compare::Eq, other, own);
        let earlier = self.b.compare(Compare::Lt, other_at, own_at);
        let tie = self.b.binary(Binary::And, same, earlier);
        let before = self.b.binary(Binary::Or, less, tie);
        let before = self.b.cast(before, DType::I32);
        let place = self.b.sum(before, &[1]);
        let positions = self.b.iota(&[n], 0);
        self.b.scatter_add(positions, &[0], &[place], &[n])
    }

    fn categorical(&mut self, key: [u32; 2], p: NodeId, shape: &[usize]) -> NodeId {
        let real = self.real();
        let classes = self.b.shape(p).last().copied().unwrap_or(1);
        let rank = shape.len();
        let rows = [shape, &[classes]].concat();
        let p = self.operand(p, real, &rows);
        // The cumulative sum: a window of as many elements as there are classes, over zeros and p.
        let mut low = vec![0; rank + 1];
        low[rank] = classes.saturating_sub(1);
        let none = vec![0; rank + 1];
        let padded = self.b.pad(p, &low, &none, &none, Scalar::Real(0.0));
        let ones = self.b.fill(real, 1.0, &[classes]);
        let mut window: Vec<Affine> = (0..rank).map(Affine::var).collect();
        window.push(Affine { terms: vec![(rank, 1), (rank + 1, 1)], offset: 0 });
        let spec = Contract {
            extents: [&rows[..], &[classes]].concat(),
            output: (0..=rank).collect(),
            operands: [window, vec![Affine::var(rank + 1)]],
        };
        let sums = self.b.contract(spec, padded, ones);
        let whole = self.b.slice_axis(sums, rank, classes - 1, classes);
        let whole = self.b.reshape(whole, shape);
        let u = self.unit(key, &Type::new(real, shape));
        let bound = self.b.mul(u, whole);
        let axes: Vec<usize> = (0..rank).collect();
        let bound = self.b.broadcast(bound, &axes, &rows);
        let passed = self.b.compare(Compare::Le, sums, bound);
        let passed = self.b.cast(passed, DType::I32);
        self.b.sum(passed, &[rank])
    }
}
