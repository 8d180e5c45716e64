//! Printed, read back, printed again; and no text makes the reader or the verifier panic.

use crate::common::random_graph::{Options, Random, random_graph};
use dlc::ir::interp::run;
use dlc::ir::print::{print, print_with};
use dlc::ir::read::read;
use dlc::ir::verify::verify;
use dlc::ir::{Affine, Builder, Contract, DType, Graph, LeafKind, Op, Scalar, Type, Unary};
use dlc::source::{FileId, SourceMap, Span};
use proptest::prelude::*;

const NAMES: [&str; 8] = ["hidden", "below.W", "learn/cost", "x'", "two words", "", "7", "q\"u\\o\n\u{e9}"];

/// A random graph with names and places of every sort.
fn decorated(seed: u64) -> Graph {
    let dtype = if seed.is_multiple_of(2) { DType::F32 } else { DType::F64 };
    let mut graph = random_graph(seed, Options::all(dtype, 14)).graph;
    let mut random = Random(seed ^ 0xfeed);
    for node in &mut graph.nodes {
        if random.below(3) == 0 {
            node.name = Some(random.of(&NAMES).into());
        }
        if random.below(2) == 0 {
            node.span = Some(Span::new(FileId(random.below(3) as u32), random.below(99), random.below(99)));
        }
    }
    graph
}

#[test]
fn random_graphs_verify_and_read_back() {
    for seed in 0..300 {
        let graph = decorated(seed);
        let text = print(&graph);
        verify(&graph).unwrap_or_else(|v| panic!("seed {seed}: {}\n{text}", v[0]));
        let back = read(&text).unwrap_or_else(|e| panic!("seed {seed}: {e}\n{text}"));
        assert!(back == graph, "seed {seed}\n{text}");
        assert_eq!(print(&back), text, "seed {seed}");
    }
}

#[test]
fn random_graphs_have_finite_values_and_both_precisions_agree() {
    for seed in 0..300 {
        let [single, double] = [DType::F32, DType::F64].map(|dtype| {
            let made = random_graph(seed, Options { dtype, ..Options::smooth(14) });
            let outcome = run(&made.graph, &|leaf| made.value(leaf));
            outcome.unwrap_or_else(|f| panic!("seed {seed}: {}", f.message)).reports[0].item_f64()
        });
        assert!(double.is_finite(), "seed {seed}");
        assert!((single - double).abs() <= 1e-3 * (1.0 + double.abs()), "seed {seed}: {single} {double}");
    }
}

#[test]
fn a_small_graph_as_text() {
    let mut sources = SourceMap::default();
    sources.add("mlp.dl", None, "first\nh = tanh(x W)\n");
    let mut b = Builder::new("learn");
    let x = b.leaf(LeafKind::Arg, 0, "x", Type::new(DType::F32, [20, 784]));
    let w = b.leaf(LeafKind::Place, 3, "W", Type::new(DType::F32, [784, 500]));
    b.rules = vec!["lower"];
    b.span = Some(Span::new(FileId(0), 15, 18));
    let product = b.matmul(x, w);
    let h = b.unary(Unary::Tanh, product);
    b.name(h, "hidden");
    b.rules = vec!["lower", "grad of tanh"];
    let double = b.add(h, h);
    b.name(double, "hidden");
    b.span = None;
    b.rules.clear();
    b.fill(DType::F32, 0.1, &[2]);
    let expected = "\
graph learn
leaf arg 0 x : f32[20,784]
leaf place 3 W : f32[784,500]

%x = leaf x : f32[20,784]
%W = leaf W : f32[784,500]
%2 = contract %x %W [i,j] [j,k] -> [i,k] i=20 j=784 k=500 : f32[20,500]  # mlp.dl:2:10 [lower]
%hidden = tanh %2 : f32[20,500]  # mlp.dl:2:10 [lower]
%4 hidden = add %hidden %hidden : f32[20,500]  # mlp.dl:2:10 [lower; grad of tanh]
%5 = const 0.10000000149011612 : f32[]
%6 = broadcast %5 axes=[] : f32[2]

";
    assert_eq!(print_with(&b.graph, &sources), expected);
    assert_eq!(print(&b.graph), expected.replace("mlp.dl:2:10", "@0:15-18"));
    let mut without = read(expected).expect("the form for people reads back");
    without.nodes.iter_mut().for_each(|n| n.span = Some(Span::new(FileId(0), 15, 18)));
    let rules = |g: &Graph| g.nodes.iter().map(|n| n.rules.clone()).collect::<Vec<_>>();
    assert_eq!(rules(&without), rules(&b.graph));
}

#[test]
fn constants_and_indices_keep_their_bits() {
    let mut b = Builder::new("odd name; [");
    for bits in [
        0u64,
        1,
        1 << 63,
        0x7ff0 << 48,
        0xfff0 << 48,
        0x7ff8 << 48,
        0x7ff8_0000_0000_0001,
        u64::MAX,
        0x3fb9_9999_9999_999a,
    ] {
        b.push(Op::Const(Scalar::Real(f64::from_bits(bits))), vec![], Type::scalar(DType::F64));
    }
    for value in [0, -1, i32::MIN, i32::MAX] {
        b.push(Op::Const(Scalar::Int(value)), vec![], Type::scalar(DType::I32));
    }
    b.push(Op::Const(Scalar::Bool(true)), vec![], Type::scalar(DType::Bool));
    let axis = |terms: &[(usize, i64)], offset| Affine { terms: terms.to_vec(), offset };
    let first =
        vec![axis(&[], 0), axis(&[], -3), axis(&[(0, -1), (30, 2), (0, 0)], i64::MIN), axis(&[(25, 1)], 7)];
    let extents = (0..31).collect();
    let spec = Contract { extents, output: vec![30, 13], operands: [first, vec![]] };
    b.push(Op::Contract(spec), vec![], Type::scalar(DType::F64));
    let text = print(&b.graph);
    assert_eq!(read(&text).expect("reads"), b.graph, "{text}");
    assert!(text.contains("[0,-3,-i+2*v30+0*i-9223372036854775808,h+7]"), "{text}");
}

#[test]
fn errors_name_the_line() {
    let error = |text: &str| read(text).expect_err(text).to_string();
    assert_eq!(error(""), "line 1: a graph begins with `graph` and its name");
    assert_eq!(error("graph g\n\n%0 = frobnicate : f32[]"), "line 3: `frobnicate` is no operation");
    assert_eq!(error("graph g\n%x = tanh %y : f32[]"), "line 2: no earlier node is called %y");
    assert_eq!(error("graph g\n%1 = const 1.0 : f32[]"), "line 2: number 1 where 0 is due");
    assert_eq!(error("graph g\n%0 = const 1.0 f32[]"), "line 2: expected `:` at `f32[]`");
    assert_eq!(error("graph g\nleaf arg 0 x : f33[]"), "line 2: `f33` is no element type");
    let twice = "graph g\n%a = const 1.0 : f32[]\n%a = const 1.0 : f32[]";
    assert_eq!(error(twice), "line 3: node 0 has that name");
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 400, failure_persistence: None, ..ProptestConfig::default() })]

    /// Pieces of printed graphs cut out, repeated, and sprinkled with characters.
    #[test]
    fn mutated_text_never_panics(
        seed in 0u64..40,
        edits in prop::collection::vec((any::<prop::sample::Index>(), any::<prop::sample::Index>(), 0..4usize, "[ \\[\\]%=,:*+\\-0-9a-z\"\\\\#@\u{e9}]{0,3}"), 1..6),
    ) {
        let mut text: Vec<char> = print(&decorated(seed)).chars().collect();
        for (from, to, kind, insert) in edits {
            let (from, to) = (from.index(text.len() + 1), to.index(text.len() + 1));
            let (from, to) = (from.min(to), from.max(to).min(from.min(to) + 12));
            let cut: Vec<char> = text[from..to].to_vec();
            match kind {
                0 => { text.splice(from..to, insert.chars()); }
                1 => { text.splice(from..from, insert.chars()); }
                2 => { text.splice(to..to, cut); }
                _ => { text.drain(from..to); }
            }
        }
        let text: String = text.into_iter().collect();
        if let Ok(graph) = read(&text) {
            let _ = verify(&graph);
            prop_assert_eq!(read(&print(&graph)).expect("what was read prints and reads"), graph);
        }
    }

    #[test]
    fn any_text_never_panics(text in any::<String>()) {
        let _ = read(&text);
        let _ = read(&format!("graph g\n%0 = {text}"));
    }
}
