//! Random graphs of real operations, with values for their leaves, for properties that hold of every
//! graph: it verifies, it reads back, its gradient is that of central differences.
//!
//! Each value's range is known by interval arithmetic, and an operation is only applied where it and
//! its derivatives are tame (no logarithm near 0, no exponential of much). All shapes are small.

use dlc::ir::{
    Affine, Binary, Builder, Compare, Contract, DType, Graph, Leaf, LeafKind, NodeId, Reduce, Report, Scalar,
    Tensor, Ties, Type, Unary, Update, Window, Windows,
};

/// What may occur.
#[derive(Clone, Copy, Debug)]
pub struct Options {
    /// Element type of all reals.
    pub dtype: DType,
    /// Number of random steps; each makes a few nodes.
    pub size: usize,
    /// Functions with kinks: relu, abs, maxima, minima, select. Differences near a kink are wrong.
    pub kinks: bool,
    /// `stop_gradient`, through which differences see and gradients do not.
    pub stops: bool,
}

impl Options {
    /// Everything that differences can check, in f64.
    pub fn smooth(size: usize) -> Options {
        Options { dtype: DType::F64, size, kinks: false, stops: false }
    }

    /// Everything.
    pub fn all(dtype: DType, size: usize) -> Options {
        Options { dtype, size, kinks: true, stops: true }
    }
}

/// A graph that reports one scalar, `cost`, and updates each of its places.
pub struct RandomGraph {
    /// The graph.
    pub graph: Graph,
    /// A value for each leaf, in the order of the leaves.
    pub values: Vec<Tensor>,
    /// The node reported.
    pub cost: NodeId,
    /// The nodes of the places: what a gradient may be taken by.
    pub places: Vec<NodeId>,
}

impl RandomGraph {
    /// The value of a leaf.
    pub fn value(&self, leaf: &Leaf) -> Tensor {
        let at = self.graph.leaves.iter().position(|l| (l.kind, l.index) == (leaf.kind, leaf.index));
        self.values[at.expect("a leaf of this graph")].clone()
    }
}

/// A source of random numbers: splitmix64.
pub struct Random(pub u64);

impl Random {
    /// 64 random bits.
    pub fn bits(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let z = (self.0 ^ (self.0 >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        let z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    }

    /// A whole number below a bound.
    pub fn below(&mut self, bound: usize) -> usize {
        (self.bits() % bound as u64) as usize
    }

    /// A real of a range.
    pub fn real(&mut self, low: f64, high: f64) -> f64 {
        low + (high - low) * (self.bits() >> 11) as f64 / (1u64 << 53) as f64
    }

    /// One of some.
    pub fn of<T: Copy>(&mut self, items: &[T]) -> T {
        items[self.below(items.len())]
    }
}

/// A node and bounds of its elements.
#[derive(Clone, Copy)]
struct Value {
    id: NodeId,
    low: f64,
    high: f64,
}

impl Value {
    fn most(self) -> f64 {
        self.low.abs().max(self.high.abs())
    }
}

struct Maker {
    random: Random,
    options: Options,
    b: Builder,
    values: Vec<Tensor>,
    pool: Vec<Value>,
    indices: usize,
}

/// A random graph; the same for the same seed and options.
pub fn random_graph(seed: u64, options: Options) -> RandomGraph {
    let mut maker = Maker {
        random: Random(seed),
        options,
        b: Builder::new("random"),
        values: Vec::new(),
        pool: Vec::new(),
        indices: 0,
    };
    let places: Vec<NodeId> = (0..3).map(|i| maker.place(i)).collect();
    for _ in 0..options.size {
        maker.step();
    }
    maker.finish(places)
}

const UNARIES: [Unary; 12] = [
    Unary::Neg,
    Unary::Exp,
    Unary::Log,
    Unary::Log1p,
    Unary::Expm1,
    Unary::Sqrt,
    Unary::Tanh,
    Unary::Sigmoid,
    Unary::Softplus,
    Unary::Erf,
    Unary::Sin,
    Unary::Cos,
];

impl Maker {
    fn place(&mut self, index: usize) -> NodeId {
        let rank = if index == 0 { 2 } else { self.random.below(4) };
        let shape: Vec<usize> = (0..rank).map(|_| 1 + self.random.below(4)).collect();
        let ty = Type::new(self.options.dtype, shape.clone());
        let elements: Vec<f64> = (0..ty.elements()).map(|_| self.random.real(-1.0, 1.0)).collect();
        self.values.push(Tensor::from_f64s(self.options.dtype, shape, &elements));
        let id = self.b.leaf(LeafKind::Place, index, format!("p{index}"), ty);
        self.pool.push(Value { id, low: -1.0, high: 1.0 });
        id
    }

    /// An integer argument whose elements lie in an axis of some extent.
    fn index(&mut self, shape: &[usize], extent: usize) -> NodeId {
        let ty = Type::new(DType::I32, shape);
        let elements = (0..ty.elements()).map(|_| self.random.below(extent) as i32).collect();
        self.values.push(Tensor::from_i32(shape, elements));
        let index = self.indices;
        self.indices += 1;
        self.b.leaf(LeafKind::Arg, index, format!("at{index}"), ty)
    }

    fn any(&mut self) -> Value {
        // The newer half more often, so that graphs grow deep.
        let from = if self.random.below(2) == 0 { self.pool.len() / 2 } else { 0 };
        self.pool[from + self.random.below(self.pool.len() - from)]
    }

    fn shape(&self, v: Value) -> Vec<usize> {
        self.b.shape(v.id)
    }

    fn keep(&mut self, id: NodeId, low: f64, high: f64) -> Value {
        let mut value = Value { id, low, high };
        if value.most() > 8.0 {
            value = Value { id: self.b.unary(Unary::Tanh, id), low: -1.0, high: 1.0 };
        }
        if self.b.ty(value.id).elements() > 64 {
            let axes: Vec<usize> = (0..self.b.ty(value.id).rank()).collect();
            let mean = self.b.sum(value.id, &axes);
            let scale = 1.0 / self.b.ty(value.id).elements() as f64;
            value.id = self.b.with_constant(Binary::Mul, mean, scale);
        }
        self.pool.push(value);
        value
    }

    /// Between `floor` and something, strictly positive.
    fn positive(&mut self, v: Value, floor: f64) -> Value {
        if v.low >= floor {
            return v;
        }
        let soft = self.b.unary(Unary::Softplus, v.id);
        let id = self.b.with_constant(Binary::Add, soft, floor);
        Value { id, low: floor, high: floor + v.high.max(0.0) + 0.7 }
    }

    /// A partner of the shape of v: one of the pool, or one stretched from a scalar or of its own.
    fn partner(&mut self, v: Value) -> Value {
        let shape = self.shape(v);
        let same: Vec<Value> = self.pool.iter().copied().filter(|p| self.b.shape(p.id) == shape).collect();
        if !same.is_empty() && self.random.below(4) != 0 {
            return self.random.of(&same);
        }
        let value = self.random.real(-2.0, 2.0);
        let id = self.b.fill_like(v.id, value);
        Value { id, low: value, high: value }
    }

    fn step(&mut self) {
        let v = self.any();
        self.b.rules = vec![self.random.of(&["lower", "grad of log", "odd ] rule; \"", ""])];
        match self.random.below(if self.options.kinks { 12 } else { 9 }) {
            0 | 1 => self.unary(v),
            2 => self.binary(v),
            3 => self.scaled(v),
            4 | 5 => self.view(v),
            6 => self.sum_or_product(v),
            7 => self.contract(v),
            8 => self.gather_or_scatter(v),
            9 => {
                let f = self.random.of(&[Unary::Relu, Unary::Abs]);
                let id = self.b.unary(f, v.id);
                self.keep(id, 0.0, v.most());
            }
            10 => {
                let other = self.partner(v);
                let f = self.random.of(&[Binary::Max, Binary::Min]);
                let id = self.b.binary(f, v.id, other.id);
                self.keep(id, v.low.min(other.low), v.high.max(other.high));
            }
            _ => self.select_or_extreme(v),
        }
        if self.options.stops && self.random.below(8) == 0 {
            let v = self.any();
            let id = self.b.stop_gradient(v.id);
            self.keep(id, v.low, v.high);
        }
    }

    fn unary(&mut self, v: Value) {
        let f = self.random.of(&UNARIES);
        let v = match f {
            Unary::Log | Unary::Sqrt => self.positive(v, 0.3),
            Unary::Log1p if v.low < -0.5 => self.positive(v, 0.3),
            Unary::Exp | Unary::Expm1 if v.high > 1.5 => {
                Value { id: self.b.unary(Unary::Sin, v.id), low: -1.0, high: 1.0 }
            }
            _ => v,
        };
        let id = self.b.unary(f, v.id);
        let (low, high) = match f {
            Unary::Neg => (-v.high, -v.low),
            Unary::Exp => (v.low.exp(), v.high.exp()),
            Unary::Expm1 => (v.low.exp_m1(), v.high.exp_m1()),
            Unary::Log => (v.low.ln(), v.high.ln()),
            Unary::Log1p => (v.low.ln_1p(), v.high.ln_1p()),
            Unary::Sqrt => (v.low.sqrt(), v.high.sqrt()),
            Unary::Sigmoid => (0.0, 1.0),
            Unary::Softplus => (0.0, v.high.max(0.0) + 0.7),
            _ => (-1.0, 1.0),
        };
        self.keep(id, low, high);
    }

    fn binary(&mut self, v: Value) {
        let other = self.partner(v);
        let products = |a: Value, b: Value| [a.low * b.low, a.low * b.high, a.high * b.low, a.high * b.high];
        let hull = |p: [f64; 4]| {
            (p.iter().copied().fold(f64::MAX, f64::min), p.iter().copied().fold(f64::MIN, f64::max))
        };
        match self.random.below(5) {
            0 => {
                let id = self.b.add(v.id, other.id);
                self.keep(id, v.low + other.low, v.high + other.high);
            }
            1 => {
                let id = self.b.sub(v.id, other.id);
                self.keep(id, v.low - other.high, v.high - other.low);
            }
            2 => {
                let id = self.b.mul(v.id, other.id);
                let (low, high) = hull(products(v, other));
                self.keep(id, low, high);
            }
            3 => {
                let by = self.positive(other, 0.5);
                let id = self.b.div(v.id, by.id);
                self.keep(id, -2.0 * v.most(), 2.0 * v.most());
            }
            _ => {
                let base = self.positive(v, 0.4);
                let exponent = if other.most() > 2.0 {
                    Value { id: self.b.unary(Unary::Sin, other.id), low: -1.0, high: 1.0 }
                } else {
                    other
                };
                let id = self.b.binary(Binary::Pow, base.id, exponent.id);
                let most = base.high.max(1.0 / base.low).powf(exponent.most());
                self.keep(id, 0.0, most);
            }
        }
    }

    fn scaled(&mut self, v: Value) {
        let by = self.random.real(-1.5, 1.5);
        let id = self.b.with_constant(Binary::Mul, v.id, by);
        let most = v.most() * by.abs();
        self.keep(id, -most, most);
    }

    fn view(&mut self, v: Value) {
        let shape = self.shape(v);
        let rank = shape.len();
        let each =
            |random: &mut Random, bound: usize| (0..rank).map(|_| random.below(bound)).collect::<Vec<_>>();
        let (mut low, mut high) = (v.low, v.high);
        let id = match self.random.below(8) {
            0 => {
                let mut perm: Vec<usize> = (0..rank).collect();
                for i in (1..rank).rev() {
                    perm.swap(i, self.random.below(i + 1));
                }
                self.b.transpose(v.id, &perm)
            }
            1 if rank < 4 => {
                let at = self.random.below(rank + 1);
                let mut to = shape.clone();
                to.insert(at, 1 + self.random.below(3));
                let axes: Vec<usize> = (0..=rank).filter(|d| *d != at).collect();
                self.b.broadcast(v.id, &axes, &to)
            }
            2 => {
                let to: Vec<usize> = shape.iter().map(|e| if *e == 1 { 3 } else { *e }).collect();
                let axes: Vec<usize> = (0..rank).collect();
                self.b.broadcast(v.id, &axes, &to)
            }
            3 => {
                let to: Vec<usize> = if rank == 1 { vec![1, shape[0]] } else { vec![shape.iter().product()] };
                self.b.reshape(v.id, &to)
            }
            4 => {
                let start: Vec<usize> = shape.iter().map(|e| self.random.below(*e)).collect();
                let stride: Vec<usize> = each(&mut self.random, 2).iter().map(|s| s + 1).collect();
                let extent: Vec<usize> =
                    (0..rank).map(|d| (shape[d] - start[d]).div_ceil(stride[d])).collect();
                self.b.slice(v.id, &start, &stride, &extent)
            }
            5 => {
                let [before, after, between] = [0; 3].map(|_| each(&mut self.random, 2));
                let value = self.random.real(-1.0, 1.0);
                (low, high) = (low.min(value), high.max(value));
                self.b.pad(v.id, &before, &after, &between, Scalar::Real(value))
            }
            6 if rank > 0 => {
                let other = self.partner(v);
                (low, high) = (low.min(other.low), high.max(other.high));
                let axis = self.random.below(rank);
                self.b.concat(&[v.id, other.id], axis)
            }
            _ => {
                let axes: Vec<usize> = (0..rank).filter(|_| self.random.below(2) == 0).collect();
                self.b.reverse(v.id, &axes)
            }
        };
        self.keep(id, low, high);
    }

    fn some_axes(&mut self, rank: usize) -> Vec<usize> {
        (0..rank).filter(|_| self.random.below(2) == 0).collect()
    }

    /// Windows over all axes or the last few, often overlapping, the last ones perhaps clipped.
    fn windows(&mut self, shape: &[usize]) -> (Windows, Vec<usize>) {
        let over = &shape[self.random.below(shape.len() + 1)..];
        let any = |random: &mut Random| over.iter().map(|_| 1 + random.below(3)).collect::<Vec<_>>();
        let (size, stride) = (any(&mut self.random), any(&mut self.random));
        let count = over.iter().zip(&stride).map(|(e, s)| self.random.below((e - 1) / s + 1) + 1);
        let count = count.collect();
        (Windows { size, stride }, count)
    }

    fn sum_or_product(&mut self, v: Value) {
        let shape = self.shape(v);
        if self.random.below(3) == 0 {
            let (windows, count) = self.windows(&shape);
            let cells = windows.size.iter().product::<usize>() as f64;
            let id = self.b.window_reduce(Window::Sum, windows, v.id, &count);
            self.keep(id, v.low.min(v.low * cells), v.high.max(v.high * cells));
            return;
        }
        let axes = self.some_axes(shape.len());
        let count = axes.iter().map(|a| shape[*a]).product::<usize>() as f64;
        if self.random.below(3) == 0 && v.most().powf(count) < 8.0 {
            let id = self.b.reduce(Reduce::Prod, v.id, &axes);
            let most = v.most().powf(count).max(v.most());
            self.keep(id, -most, most);
        } else {
            let id = self.b.sum(v.id, &axes);
            self.keep(id, v.low.min(v.low * count), v.high.max(v.high * count));
        }
    }

    /// A product of two of the pool: axes in common, outer, or one sliding along the other.
    fn contract(&mut self, v: Value) {
        let other = self.any();
        let (left, right) = (self.shape(v), self.shape(other));
        let mut extents: Vec<usize> = left.clone();
        let mut first: Vec<Affine> = (0..left.len()).map(Affine::var).collect();
        let mut second = Vec::new();
        for extent in &right {
            let unused = |d: &usize| !second.contains(&Affine::var(*d)) && first[*d] == Affine::var(*d);
            let common = (0..left.len()).find(|d| extents[*d] == *extent && unused(d));
            let wider = (0..left.len()).find(|d| extents[*d] > *extent && *extent > 1 && unused(d));
            match (common, wider) {
                (Some(d), _) if self.random.below(3) != 0 => second.push(Affine::var(d)),
                (_, Some(d)) => {
                    // left[stride * d + u] times right[u].
                    let stride = 1 + self.random.below(2);
                    let u = extents.len();
                    first[d] = Affine { terms: vec![(d, stride as i64), (u, 1)], offset: 0 };
                    extents[d] = (left[d] - extent) / stride + 1;
                    extents.push(*extent);
                    second.push(Affine::var(u));
                }
                (_, None) => {
                    extents.push(*extent);
                    second.push(Affine::var(extents.len() - 1));
                }
            }
        }
        let mut output: Vec<usize> = (0..extents.len()).filter(|_| self.random.below(2) == 0).collect();
        if output.len() > 1 && self.random.below(2) == 0 {
            output.rotate_left(1);
        }
        output.truncate(4);
        let summed =
            (0..extents.len()).filter(|v| !output.contains(v)).map(|v| extents[v]).product::<usize>();
        let most = v.most() * other.most() * summed as f64;
        let id = self.b.contract(Contract { extents, output, operands: [first, second] }, v.id, other.id);
        self.keep(id, -most, most);
    }

    fn gather_or_scatter(&mut self, v: Value) {
        let shape = self.shape(v);
        let Some(axis) = (0..shape.len()).find(|_| self.random.below(2) == 0) else { return };
        if self.random.below(2) == 0 {
            let count = [1 + self.random.below(3)];
            let index = self.index(&count, shape[axis]);
            let id = self.b.gather(v.id, &[axis], &[index]);
            self.keep(id, v.low, v.high);
        } else {
            let extent = 1 + self.random.below(3);
            let index = self.index(&shape[..1], extent);
            let mut to = shape[1..].to_vec();
            let axis = self.random.below(shape.len());
            to.insert(axis, extent);
            let id = self.b.scatter_add(v.id, &[axis], &[index], &to);
            let most = v.most() * shape[0] as f64;
            self.keep(id, -most, most);
        }
    }

    fn select_or_extreme(&mut self, v: Value) {
        if self.random.below(2) == 0 {
            let other = self.partner(v);
            let limit = self.b.fill_like(v.id, 0.25);
            let f = self.random.of(&[
                Compare::Lt,
                Compare::Le,
                Compare::Gt,
                Compare::Ge,
                Compare::Eq,
                Compare::Ne,
            ]);
            let condition = self.b.compare(f, v.id, limit);
            let id = self.b.select(condition, v.id, other.id);
            self.keep(id, v.low.min(other.low), v.high.max(other.high));
        } else {
            let shape = self.shape(v);
            if self.random.below(2) == 0 {
                let (windows, count) = self.windows(&shape);
                let op = Window::Max(self.random.of(&[Ties::First, Ties::All]));
                let id = self.b.window_reduce(op, windows, v.id, &count);
                self.keep(id, v.low, v.high);
                return;
            }
            let axes = self.some_axes(shape.len());
            let op = self.random.of(&[Reduce::Max, Reduce::Min]);
            let id = self.b.reduce(op, v.id, &axes);
            self.keep(id, v.low, v.high);
        }
    }

    /// Adds up all that nobody uses.
    fn finish(mut self, places: Vec<NodeId>) -> RandomGraph {
        let used: Vec<NodeId> = self.b.graph.nodes.iter().flat_map(|n| n.inputs.clone()).collect();
        let mut cost = self.b.constant(self.options.dtype, 0.5);
        let pool = self.pool.clone();
        for v in pool.iter().filter(|v| !used.contains(&v.id)) {
            let axes: Vec<usize> = (0..self.b.ty(v.id).rank()).collect();
            let sum = self.b.sum(v.id, &axes);
            let part = self.b.with_constant(Binary::Mul, sum, 0.3);
            cost = self.b.add(cost, part);
        }
        for (index, place) in places.iter().enumerate() {
            let value = self.b.with_constant(Binary::Mul, *place, 0.9);
            let leaf = self.b.graph.leaves.iter().position(|l| (l.kind, l.index) == (LeafKind::Place, index));
            let leaf = leaf.expect("the place was made first");
            self.b.graph.updates.push(Update { leaf, value, span: None });
        }
        self.b.graph.reports.push(Report { name: "cost".into(), value: cost, span: None });
        RandomGraph { graph: self.b.graph, values: self.values, cost, places }
    }
}
