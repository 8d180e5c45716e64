//! Convolutions and windows by blocks of pictures: sizes of minibatches with and without a rest, modes, strides,
//! windows that overlap and that stick out, and their gradients; and matrices gone through for one row.

use crate::both::{self, Numbers};
use dlc::grad::differentiate;
use dlc::ir::{
    Affine, Builder, Contract, DType, Graph, LeafKind, NodeId, Report, Scalar, Tensor, Ties, Type, Unary,
    Update, Window, Windows,
};
use dlc::kernel::print::{exact, print};
use dlc::passes::{AFTER_GRADIENT, run_pipeline};

/// A picture's way: convolution, window, function, convolution, sum of squares.
struct Way {
    pictures: usize,
    maps: [usize; 2],
    /// Zeros around the picture before each convolution: before and after.
    margins: [(usize, usize); 2],
    stride: usize,
    flipped: bool,
    windows: Windows,
    window: Window,
    ties: Ties,
    /// Whether what lies between the layers is reported too.
    reports: bool,
}

const SIDE: usize = 9;
const FILTER: [usize; 2] = [3, 2];

/// `out[n,k,i,j] = sum over c,a,b of x[n,c,s*i+a,s*j+b] * w[k,c,a,b]`, or with the filter backwards.
fn convolution(b: &mut Builder, x: NodeId, w: NodeId, of: &Way, layer: usize) -> NodeId {
    let (low, high) = of.margins[layer];
    let x = b.pad(x, &[0, 0, low, low], &[0, 0, high, high], &[0; 4], Scalar::Real(0.0));
    let (picture, filter) = (b.shape(x), b.shape(w));
    let stride = if layer == 0 { of.stride } else { 1 };
    let out = [2, 3].map(|a| (picture[a] - filter[a]) / stride + 1);
    let extents = vec![picture[0], filter[0], out[0], out[1], filter[1], filter[2], filter[3]];
    let cell = |d: usize| {
        let (sign, offset) = if of.flipped { (-1, filter[2 + d] as i64 - 1) } else { (1, 0) };
        Affine { terms: vec![(2 + d, stride as i64), (5 + d, sign)], offset }
    };
    let operands =
        [vec![Affine::var(0), Affine::var(4), cell(0), cell(1)], [1, 4, 5, 6].map(Affine::var).to_vec()];
    b.contract(Contract { extents, output: vec![0, 1, 2, 3], operands }, x, w)
}

fn graph(of: &Way, dtype: DType) -> Graph {
    let mut b = Builder::new("g");
    let ty = |shape: &[usize]| Type::new(dtype, shape.to_vec());
    let first = b.leaf(LeafKind::Place, 0, "first", ty(&[of.maps[0], 1, FILTER[0], FILTER[0]]));
    let second = b.leaf(LeafKind::Place, 1, "second", ty(&[of.maps[1], of.maps[0], FILTER[1], FILTER[1]]));
    let x = b.leaf(LeafKind::Arg, 0, "x", ty(&[of.pictures, SIDE * SIDE]));
    let pictures = b.reshape(x, &[of.pictures, 1, SIDE, SIDE]);
    let maps = convolution(&mut b, pictures, first, of, 0);
    let plane = b.shape(maps)[2];
    let (size, stride) = (of.windows.size[0], of.windows.stride[0]);
    let count = plane.saturating_sub(size).div_ceil(stride) + 1;
    let pooled = b.window_reduce(of.window, of.windows.clone(), maps, &[count, count]);
    let between = b.unary(Unary::Tanh, pooled);
    let last = convolution(&mut b, between, second, of, 1);
    let squares = b.mul(last, last);
    let cost = b.sum(squares, &[0, 1, 2, 3]);
    let gradients = [first, second].map(|w| b.grad(cost, w));
    let mut asked = vec![cost, gradients[1]];
    if of.reports {
        asked.push(b.sum(between, &[0]));
        asked.push(b.sum(last, &[1]));
    }
    let one = |(leaf, value)| Update { leaf, value, span: None };
    let new = [first, second].iter().zip(gradients).map(|(w, g)| b.sub(*w, g)).collect::<Vec<_>>();
    let mut g = b.graph;
    g.updates = new.into_iter().enumerate().map(one).collect();
    let named = |(at, value): (usize, NodeId)| Report { name: format!("r{at}").into(), value, span: None };
    g.reports = asked.into_iter().enumerate().map(named).collect();
    run_pipeline(differentiate(g).expect("a path"), AFTER_GRADIENT, |_, _| {}).0
}

#[test]
fn blocks_of_pictures() {
    let mut numbers = Numbers(11);
    let mut pick = |of: &[usize]| of[(numbers.unit() * of.len() as f64) as usize];
    for turn in 0..24 {
        let margins = [(0, 0), (2, 2), (1, 1), (0, 1)];
        let ties = [Ties::First, Ties::All][pick(&[0, 1])];
        let (size, stride) = [(2, 2), (2, 1), (3, 2), (1, 1)][pick(&[0, 0, 1, 2, 3])];
        // Many maps, in part of the turns: then filters are laid out anew as well.
        let [first, pictures] =
            if turn % 4 == 3 { [16, pick(&[32, 70])] } else { [3, pick(&[1, 15, 32, 70, 500])] };
        let of = Way {
            pictures,
            maps: [first, first + 2],
            margins: [margins[pick(&[0, 1, 2])], margins[pick(&[0, 3])]],
            stride: pick(&[1, 1, 2]),
            flipped: pick(&[0, 1]) == 1,
            windows: Windows { size: vec![size; 2], stride: vec![stride; 2] },
            window: [Window::Max(ties), Window::Sum][pick(&[0, 0, 1])],
            ties,
            reports: pick(&[0, 1]) == 1,
        };
        for dtype in [DType::F32, DType::F64] {
            let graph = graph(&of, dtype);
            let step = both::kernels(&graph);
            let values: Vec<Tensor> = graph.leaves.iter().map(|l| Numbers(turn + 3).leaf(l)).collect();
            let bound = if dtype == DType::F32 { 2e-3 } else { 1e-9 };
            let told = format!(
                "{turn}: {} pictures, {:?}, stride {}, flipped {}, {:?} {:?} {:?}",
                of.pictures, of.margins, of.stride, of.flipped, of.windows, of.window, of.ties
            );
            both::sound(&step).unwrap_or_else(|e| panic!("{told}: {e}"));
            both::near(&graph, &step, &values, bound).unwrap_or_else(|e| panic!("{told}: {e}"));
            both::equal(&graph, &step, &values, 2).unwrap_or_else(|e| panic!("{told}: {e}"));
            // A long sum over pictures, a filter's gradient, is a dot over those of each block.
            let dots = print(&step, &exact).contains("product dot");
            assert!(dots || of.pictures < 500, "{told}");
        }
    }
}

/// There, back and the update of a matrix for a few rows: the sums over its columns are those of blocks of them.
#[test]
fn a_matrix_for_a_few_rows() {
    for (rows, [m, n]) in
        [(1, [300, 250]), (1, [700, 100]), (3, [520, 260]), (4, [300, 300]), (1, [70, 1000])]
    {
        for dtype in [DType::F32, DType::F64] {
            let mut b = Builder::new("g");
            let ty = |shape: &[usize]| Type::new(dtype, shape.to_vec());
            let w = b.leaf(LeafKind::Place, 0, "W", ty(&[m, n]));
            let x = b.leaf(LeafKind::Arg, 0, "x", ty(&[rows, m]));
            let product = |b: &mut Builder, left, extents: [usize; 3], at: [usize; 2]| {
                let operands = [[0, 1], at].map(|axes| axes.map(Affine::var).to_vec());
                b.contract(Contract { extents: extents.to_vec(), output: vec![0, 2], operands }, left, w)
            };
            let hidden = product(&mut b, x, [rows, m, n], [1, 2]);
            let hidden = b.unary(Unary::Tanh, hidden);
            let back = product(&mut b, hidden, [rows, n, m], [2, 1]);
            let squares = b.mul(back, back);
            let cost = b.sum(squares, &[0, 1]);
            let gradient = b.grad(cost, w);
            let new = b.sub(w, gradient);
            let mut g = b.graph;
            g.updates = vec![Update { leaf: 0, value: new, span: None }];
            g.reports = vec![Report { name: "cost".into(), value: cost, span: None }];
            let graph = run_pipeline(differentiate(g).expect("a path"), AFTER_GRADIENT, |_, _| {}).0;
            let step = both::kernels(&graph);
            let values: Vec<Tensor> = graph.leaves.iter().map(|l| Numbers(5).leaf(l)).collect();
            let bound = if dtype == DType::F32 { 2e-3 } else { 1e-9 };
            let told = format!("{rows} rows, {m} by {n}");
            both::sound(&step).unwrap_or_else(|e| panic!("{told}: {e}"));
            both::near(&graph, &step, &values, bound).unwrap_or_else(|e| panic!("{told}: {e}"));
            both::equal(&graph, &step, &values, 2).unwrap_or_else(|e| panic!("{told}: {e}"));
        }
    }
}
