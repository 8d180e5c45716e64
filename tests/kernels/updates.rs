//! Updates that are sums over their old value: random shapes, factors and starts, beside the same update
//! written down as it was, and with reports of its parts, which change no bit of it.

use crate::both::{self, Numbers};
use crate::run::{self, Start};
use dlc::ir::{
    Affine, Binary, Builder, Contract, DType, Graph, LeafKind, NodeId, Report, Tensor, Type, Update,
};
use dlc::kernel::interp::Team;
use dlc::passes::{AFTER_GRADIENT, run_pipeline};

/// W <- a * W + b * X'Y + c * P'Q (+ d * V), for W of m by n, with rows of X, Y and P, Q summed over.
struct Shapes {
    m: usize,
    n: usize,
    rows: usize,
    again: usize,
    factors: [f64; 3],
    /// Whether the second product is of the updated place's other orientation: (Q'P)'.
    turned: bool,
    /// Whether W is read by a product as well, whose sum is reported.
    read: bool,
}

fn product(b: &mut Builder, left: NodeId, right: NodeId, turned: bool) -> NodeId {
    let extent = |b: &Builder, id: NodeId, axis: usize| b.shape(id)[axis];
    let (left, right) = if turned { (right, left) } else { (left, right) };
    let extents = vec![extent(b, left, 0), extent(b, left, 1), extent(b, right, 1)];
    let access = |axes: [usize; 2]| axes.map(Affine::var).to_vec();
    let spec = Contract { extents, output: vec![1, 2], operands: [access([0, 1]), access([0, 2])] };
    let sum = b.contract(spec, left, right);
    if turned { b.transpose(sum, &[1, 0]) } else { sum }
}

fn graph(of: &Shapes, dtype: DType, reports: bool) -> Graph {
    let mut b = Builder::new("g");
    let ty = |shape: &[usize]| Type::new(dtype, shape.to_vec());
    let w = b.leaf(LeafKind::Place, 0, "W", ty(&[of.m, of.n]));
    let x = b.leaf(LeafKind::Arg, 0, "x", ty(&[of.rows, of.m]));
    let y = b.leaf(LeafKind::Arg, 1, "y", ty(&[of.rows, of.n]));
    let p = b.leaf(LeafKind::Arg, 2, "p", ty(&[of.again, of.m]));
    let q = b.leaf(LeafKind::Arg, 3, "q", ty(&[of.again, of.n]));
    let first = product(&mut b, x, y, false);
    let second = product(&mut b, p, q, of.turned);
    let [own, by, also] = of.factors;
    let decay = b.with_constant(Binary::Mul, w, 1.0 - own);
    let first_by = b.with_constant(Binary::Mul, first, -by);
    let sum = b.add(decay, first_by);
    let sum = b.sub(w, sum);
    let second_by = b.with_constant(Binary::Mul, second, also);
    let new = b.add(sum, second_by);
    let mut asked = vec![];
    if of.read {
        let access = |axes: [usize; 2]| axes.map(Affine::var).to_vec();
        let extents = vec![of.rows, of.m, of.n];
        let spec = Contract { extents, output: vec![0, 2], operands: [access([0, 1]), access([1, 2])] };
        let seen = b.contract(spec, x, w);
        asked.push(b.sum(seen, &[0, 1]));
    }
    if reports {
        asked.push(b.sum(first, &[0, 1]));
        asked.push(b.sum(new, &[0]));
        asked.push(second);
    }
    let mut g = b.graph;
    g.updates = vec![Update { leaf: 0, value: new, span: None }];
    g.reports = asked
        .into_iter()
        .enumerate()
        .map(|(at, value)| Report { name: format!("r{at}").into(), value, span: None })
        .collect();
    g
}

fn passes(graph: Graph) -> Graph {
    run_pipeline(graph, AFTER_GRADIENT, |_, _| {}).0
}

fn place(graph: &Graph, values: &[Tensor]) -> Tensor {
    let start: Start = both::start(graph, values);
    run::interpreted(&both::kernels(graph), &start, 2, Team::default()).places[0].clone()
}

#[test]
fn sums_over_the_old_value() {
    let mut numbers = Numbers(7);
    let mut pick = |of: &[usize]| of[(numbers.unit() * of.len() as f64) as usize];
    for turn in 0..20 {
        let of = Shapes {
            m: pick(&[1, 3, 20, 33, 70, 130]),
            n: pick(&[1, 10, 31, 64, 70, 100, 300]),
            rows: pick(&[1, 2, 20, 40]),
            again: pick(&[1, 5, 17, 4100]),
            factors: [[1.0, 0.9, 0.5][pick(&[0, 1, 2])], [1.0, -0.25][pick(&[0, 1])], 0.125],
            turned: pick(&[0, 1]) == 1,
            read: pick(&[0, 1]) == 1,
        };
        for dtype in [DType::F32, DType::F64] {
            let plain = graph(&of, dtype, false);
            let values: Vec<Tensor> = plain.leaves.iter().map(|l| Numbers(turn + 3).leaf(l)).collect();
            let summed = passes(plain.clone());
            let step = both::kernels(&summed);
            let bound = if dtype == DType::F32 { 1e-4 } else { 1e-11 };
            let told = format!("{turn}: {} by {}, {} and {}", of.m, of.n, of.rows, of.again);
            both::sound(&step).unwrap_or_else(|e| panic!("{told}: {e}"));
            // The step against the graph before it was rewritten.
            both::near(&plain, &step, &values, bound).unwrap_or_else(|e| panic!("{told}: {e}"));
            both::equal(&summed, &step, &values, 2).unwrap_or_else(|e| panic!("{told}: {e}"));
            let asked = passes(graph(&of, dtype, true));
            let (alone, beside) = (place(&summed, &values), place(&asked, &values));
            assert!(run::same(&alone, &beside), "{told}: a report changes bits");
        }
    }
}

#[test]
fn a_weight_that_is_decayed_has_no_gradient_in_memory() {
    let of = Shapes {
        m: 130,
        n: 300,
        rows: 20,
        again: 17,
        factors: [0.9, -0.25, 0.125],
        turned: true,
        read: true,
    };
    let step = both::kernels(&passes(graph(&of, DType::F32, false)));
    let largest = step.buffers.iter().filter(|b| !matches!(b.home, dlc::kernel::Home::Place(_)));
    let largest = largest.map(|b| b.elements()).max().unwrap_or(0);
    assert!(largest < of.m * of.n, "{largest} elements beside the place");
}

/// A place that one step takes by blocks of columns, and another, small, by both of its axes at once.
#[test]
fn panels_are_not_taken_by_two_axes() {
    let real = |shape: &[usize]| Type::new(DType::F32, shape.to_vec());
    let product = |b: &mut Builder, left, right, operands: [[usize; 2]; 2], extents: [usize; 3]| {
        let operands = operands.map(|axes| axes.map(Affine::var).to_vec());
        b.contract(Contract { extents: extents.to_vec(), output: vec![0, 2], operands }, left, right)
    };
    let mut b = Builder::new("learn");
    let w = b.leaf(LeafKind::Place, 0, "W", real(&[8, 64]));
    let x = b.leaf(LeafKind::Arg, 0, "x", real(&[256, 8]));
    let seen = product(&mut b, x, w, [[0, 1], [1, 2]], [256, 8, 64]);
    b.graph.reports = vec![Report { name: "seen".into(), value: seen, span: None }];
    let learn = b.graph;
    let mut b = Builder::new("look");
    let w = b.leaf(LeafKind::Place, 0, "W", real(&[8, 64]));
    let square = b.leaf(LeafKind::Place, 1, "V", real(&[64, 64]));
    let gram = product(&mut b, w, w, [[1, 0], [1, 2]], [64, 8, 64]);
    let turned = b.transpose(square, &[1, 0]);
    let both = b.add(square, turned);
    b.graph.reports = vec![Report { name: "gram".into(), value: gram, span: None }];
    b.graph.updates = vec![Update { leaf: 1, value: both, span: None }];
    let look = b.graph;
    let mut b = Builder::new("other");
    let square = b.leaf(LeafKind::Place, 1, "V", real(&[64, 64]));
    let x = b.leaf(LeafKind::Arg, 0, "x", real(&[256, 64]));
    let seen = product(&mut b, x, square, [[0, 1], [1, 2]], [256, 64, 64]);
    b.graph.reports = vec![Report { name: "seen".into(), value: seen, span: None }];
    let graphs = [learn, look, b.graph];
    let mut divided: Vec<_> = graphs
        .iter()
        .map(|graph| {
            let fused = dlc::fuse::fuse(graph);
            let plan = dlc::plan::plan(graph, &fused);
            (fused, plan)
        })
        .collect();
    let with_plans = graphs.iter().zip(&mut divided).map(|(graph, (fused, plan))| (graph, &*fused, plan));
    dlc::plan::layout::arrange(&mut with_plans.collect::<Vec<_>>());
    for (graph, (fused, plan)) in graphs.iter().zip(&divided) {
        let step = dlc::kernel::schedule::schedule(graph, fused, plan);
        let values: Vec<Tensor> = graph.leaves.iter().map(|l| Numbers(5).leaf(l)).collect();
        both::sound(&step).unwrap_or_else(|e| panic!("{}: {e}", graph.name));
        both::near(graph, &step, &values, 1e-4).unwrap_or_else(|e| panic!("{}: {e}", graph.name));
        both::equal(graph, &step, &values, 2).unwrap_or_else(|e| panic!("{}: {e}", graph.name));
    }
}
