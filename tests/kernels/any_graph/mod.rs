//! Random graphs over all operations, of sizes on either side of what kernels divide by, with values for
//! their leaves. What they compute makes no sense; every value stays tame, so that two ways to compute
//! it agree closely.
//!
//! A choice that jumps (a comparison, rounding, the place of an extreme) is only made between values
//! that are [`Value::exact`]: these have the same bits however sums are ordered.

mod indexing;
mod loops;
mod maps;
mod products;
mod views;

use crate::common::random_graph::Random;
use dlc::ir::{Binary, Builder, DType, Graph, LeafKind, NodeId, Reduce, Report, Tensor, Type, Unary, Update};

/// What may occur.
#[derive(Clone, Copy, Debug)]
pub struct Options {
    /// The type of reals.
    pub real: DType,
    /// How many random steps.
    pub size: usize,
    /// Infinities, NaN and -0 in what comes from outside.
    pub special: bool,
    /// Indices that nobody has brought into range, divisors that may be 0.
    pub faults: bool,
    /// Axes of extent 0.
    pub empty: bool,
    /// How deep scans may be nested.
    pub depth: usize,
}

/// A graph with values for its leaves.
pub struct AnyGraph {
    /// The graph.
    pub graph: Graph,
    /// A value for each leaf, in the leaves' order.
    pub values: Vec<Tensor>,
}

/// Extents on either side of vectors, blocks and panels.
const EXTENTS: [usize; 10] = [1, 2, 3, 5, 16, 17, 33, 65, 130, 500];

/// Most elements of a value, most terms of a product.
const MOST_ELEMENTS: usize = 9_000;
const MOST_TERMS: usize = 120_000;

/// A node and what is known of its elements.
#[derive(Clone, Copy)]
struct Value {
    id: NodeId,
    /// Bound of reals' size.
    most: f64,
    /// Whether every way to compute it gives the same bits.
    exact: bool,
}

/// A graph under construction: a step, or the body of a scan.
struct Maker<'a> {
    r: &'a mut Random,
    options: Options,
    b: Builder,
    pool: Vec<Value>,
    /// Extents of this graph: few, so that shapes meet.
    extents: Vec<usize>,
    /// How many scans may still be nested.
    depth: usize,
}

/// A random graph, the same for the same seed and options.
pub fn any_graph(seed: u64, options: Options) -> AnyGraph {
    let mut r = Random(seed);
    let mut extents: Vec<usize> = (0..3).map(|_| r.of(&EXTENTS)).collect();
    if options.empty {
        extents[0] = 0;
    }
    let depth = options.depth;
    let mut maker = Maker { r: &mut r, options, b: Builder::new("any"), pool: Vec::new(), extents, depth };
    let values = maker.leaves();
    for _ in 0..options.size {
        maker.step();
    }
    maker.updates();
    maker.reports();
    AnyGraph { graph: maker.b.graph, values }
}

impl Maker<'_> {
    /// Places, arguments, resident arrays and the run's number; some places of one shape.
    fn leaves(&mut self) -> Vec<Tensor> {
        let mut values = Vec::new();
        let shapes: Vec<Vec<usize>> = (0..3).map(|_| self.shape(3)).collect();
        let kinds = [(LeafKind::Place, 4), (LeafKind::Arg, 3), (LeafKind::Resident, 2)];
        for (kind, count) in kinds {
            for index in 0..count {
                let dtype = match self.r.below(6) {
                    0 => DType::I32,
                    1 if kind != LeafKind::Place => DType::Bool,
                    _ => self.options.real,
                };
                let at = self.r.below(shapes.len());
                let ty = Type::new(dtype, shapes[at].clone());
                values.push(self.outside(&ty));
                let id = self.b.leaf(kind, index, format!("{kind:?}{index}").to_lowercase(), ty);
                self.pool.push(Value { id, most: 2.0, exact: true });
            }
        }
        let id = self.b.leaf(LeafKind::Run, 0, "run", Type::scalar(DType::I32));
        values.push(Tensor::from_i32(Vec::new(), vec![3]));
        self.pool.push(Value { id, most: 3.0, exact: true });
        values
    }

    /// A value from outside; half of them with many equal elements.
    fn outside(&mut self, ty: &Type) -> Tensor {
        let coarse = self.r.below(2) == 0;
        // Nothing whose products overflow: where they do hangs on the order of a sum.
        let specials = [f64::NAN, f64::INFINITY, f64::NEG_INFINITY, -0.0, 1e12];
        let mut element = || match ty.dtype {
            DType::Bool => self.r.below(2) as f64,
            DType::I32 if coarse => self.r.below(5) as f64 - 2.0,
            DType::I32 => self.r.below(1 << 31) as f64 - f64::from(1 << 30),
            DType::F32 | DType::F64 if self.options.special && self.r.below(12) == 0 => self.r.of(&specials),
            DType::F32 | DType::F64 if coarse => self.r.below(9) as f64 / 4.0 - 1.0,
            DType::F32 | DType::F64 => self.r.real(-2.0, 2.0),
        };
        let elements: Vec<f64> = (0..ty.elements()).map(|_| element()).collect();
        Tensor::from_f64s(ty.dtype, ty.shape.clone(), &elements)
    }

    /// A shape of not too many elements.
    fn shape(&mut self, rank: usize) -> Vec<usize> {
        let mut shape: Vec<usize> = Vec::new();
        for _ in 0..self.r.below(rank + 1) {
            let extent = self.extent();
            if shape.iter().product::<usize>() * extent <= MOST_ELEMENTS {
                shape.push(extent);
            }
        }
        shape
    }

    fn extent(&mut self) -> usize {
        let at = self.r.below(self.extents.len());
        self.extents[at]
    }

    fn shape_of(&self, v: Value) -> Vec<usize> {
        self.b.shape(v.id)
    }

    /// A value of the pool that holds to something, the newer half more often.
    fn find(&mut self, fits: impl Fn(&Builder, &Value) -> bool) -> Option<Value> {
        let from = if self.r.below(2) == 0 { self.pool.len() / 2 } else { 0 };
        for from in [from, 0] {
            let found: Vec<Value> = self.pool[from..].iter().copied().filter(|v| fits(&self.b, v)).collect();
            if !found.is_empty() {
                return Some(self.r.of(&found));
            }
        }
        None
    }

    fn any(&mut self) -> Value {
        self.find(|_, _| true).expect("the pool is never empty")
    }

    fn real(&mut self) -> Value {
        let real = self.options.real;
        if let Some(found) = self.find(|b, v| b.dtype(v.id) == real) {
            return found;
        }
        let id = self.b.constant(real, 0.75);
        Value { id, most: 1.0, exact: true }
    }

    /// Another value of the type of v, perhaps itself; at times a constant.
    fn partner(&mut self, v: Value) -> Value {
        let ty = self.b.ty(v.id).clone();
        if self.r.below(5) > 0
            && let Some(found) = self.find(|b, w| *b.ty(w.id) == ty)
        {
            return found;
        }
        let number = self.r.of(&[0.0, 1.0, 0.5, -1.25, 2.0]);
        Value { id: self.b.fill_like(v.id, number), most: number.abs(), exact: true }
    }

    /// Puts a value into the pool, brought to a tame size; `spread` is about how far a sum has grown.
    fn keep(&mut self, id: NodeId, most: f64, spread: f64, exact: bool) {
        let mut v = Value { id, most, exact };
        let count = self.b.ty(id).elements();
        if count > MOST_ELEMENTS {
            let rank = self.b.ty(id).rank();
            let axis = self.r.below(rank);
            let extent = self.b.ty(id).shape[axis];
            let end = (extent * MOST_ELEMENTS / count).max(1);
            v.id = self.b.slice_axis(v.id, axis, 0, end);
            if self.b.ty(v.id).elements() > MOST_ELEMENTS {
                return;
            }
        }
        if self.b.dtype(v.id).is_real() {
            if v.most > 8.0 && spread > 1.0 {
                v.id = self.b.with_constant(Binary::Mul, v.id, 1.0 / spread);
                v.most /= spread;
            }
            if v.most > 64.0 {
                v = Value { id: self.b.unary(Unary::Tanh, v.id), most: 1.0, exact: false };
            }
        }
        self.pool.push(v);
    }

    fn step(&mut self) {
        match self.r.below(26) {
            0..3 => self.unary(),
            3..6 => self.binary(),
            6 => self.compare_or_logic(),
            7 => self.select(),
            8 | 9 => self.integer(),
            10 => self.cast(),
            11..15 => self.view(),
            15..18 => self.reduce(),
            18..21 => self.product(),
            21 => self.window(),
            22 => self.gather(),
            23 => self.scatter(),
            24 => self.random(),
            _ if self.depth > 0 => self.scan(),
            _ => self.product(),
        }
    }

    /// New values for most places: of any kind, one place's old value among them.
    fn updates(&mut self) {
        let places: Vec<(usize, NodeId)> = (0..self.b.graph.leaves.len())
            .filter(|at| self.b.graph.leaves[*at].kind == LeafKind::Place)
            .filter_map(|at| {
                let node = self.b.graph.ids().find(|id| *self.b.graph.op(*id) == dlc::ir::Op::Leaf(at));
                Some((at, node?))
            })
            .collect();
        for (leaf, node) in places {
            if self.r.below(6) == 0 {
                continue;
            }
            let ty = self.b.ty(node).clone();
            let old = Value { id: node, most: 2.0, exact: true };
            let mut value = self.find(|b, v| *b.ty(v.id) == ty && v.id != node).unwrap_or(old);
            if ty.dtype.is_real() {
                if value.most > 2.0 {
                    value.id = self.b.unary(Unary::Tanh, value.id);
                }
                // As a rule of learning has it.
                if self.r.below(3) == 0 {
                    let step = self.b.with_constant(Binary::Mul, value.id, 0.125);
                    let kept = self.b.with_constant(Binary::Mul, node, 0.875);
                    value.id = self.b.sub(kept, step);
                }
            }
            self.b.graph.updates.push(Update { leaf, value: value.id, span: None });
        }
    }

    /// What is reported has elements: a value that has none is summed up, or looked through for any.
    fn some_elements(&mut self, value: NodeId) -> NodeId {
        let ty = self.b.ty(value).clone();
        let axes: Vec<usize> = (0..ty.rank()).collect();
        match (ty.elements(), ty.dtype) {
            (0, DType::Bool) => self.b.reduce(Reduce::Any, value, &axes),
            (0, DType::F32 | DType::F64 | DType::I32) => self.b.sum(value, &axes),
            _ => value,
        }
    }

    /// All that nobody has used, up to a number, and some of what has been.
    fn reports(&mut self) {
        let mut used: Vec<NodeId> = self.b.graph.nodes.iter().flat_map(|n| n.inputs.clone()).collect();
        used.extend(self.b.graph.updates.iter().map(|u| u.value));
        let mut values: Vec<NodeId> =
            self.pool.iter().map(|v| v.id).filter(|id| !used.contains(id)).collect();
        values.dedup();
        values.truncate(10);
        values.push(self.any().id);
        for (nth, value) in values.into_iter().enumerate() {
            let value = self.some_elements(value);
            self.b.graph.reports.push(Report { name: format!("r{nth}").into(), value, span: None });
        }
    }
}
