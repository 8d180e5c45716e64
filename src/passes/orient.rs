//! Matrices that a loop takes the other way round are turned before it.
//!
//! A product with a matrix's transpose goes along the matrix's rows, and gives one number at a time; with the
//! matrix turned it gives a vector of neighbours, and can leave out the terms that are zero. One turn round costs
//! less than a product with a few rows, so it pays where a loop has many.

use crate::ir::op::Affine;
use crate::ir::{Builder, Graph, Leaf, LeafKind, Node, NodeId, Op};
use crate::rules::{Fired, Trace, finish};

/// What it does, as text.
const ALGEBRA: &str = "scan(.. w' ..) = let t = w' in scan(.. t ..)";

/// Turns of a loop from which a matrix is turned.
const MANY: usize = 4;
/// Extents of matrices from which products with them are long.
const WIDE: usize = 64;

/// The graph with such matrices among the operands of its scans.
pub fn orient(graph: Graph, trace: &mut Trace) -> Graph {
    let found: Vec<Vec<NodeId>> = graph.ids().map(|id| turned(&graph, id)).collect();
    if found.iter().all(Vec::is_empty) {
        return graph;
    }
    let start = Graph { name: graph.name.clone(), leaves: graph.leaves.clone(), ..Graph::default() };
    let mut b = Builder::resume(start);
    let mut new: Vec<Option<NodeId>> = vec![None; graph.nodes.len()];
    for (id, found) in graph.ids().zip(&found) {
        let mut copy = graph.node(id).clone();
        for input in &mut copy.inputs {
            *input = new[input.index()].expect("operands come first");
        }
        if let Op::Scan(scan) = &mut copy.op {
            for inside in found {
                let captured = copy.inputs[scan.carried + scan.scanned..].len();
                let at = operand(&scan.body, *inside).expect("it was found there");
                let matrix = copy.inputs[scan.carried + scan.scanned + at];
                let node = scan.body.node(*inside);
                (b.span, b.rules) = (node.span, [&node.rules[..], &["orient"]].concat());
                let outside = b.transpose(matrix, &[1, 0]);
                let leaf = |leaf: &Leaf| leaf.kind == LeafKind::Captured && leaf.index == at;
                let of = scan.body.leaves.iter().find(|l| leaf(l)).expect("it is read there");
                let name = format!("{}'", of.name);
                b.name(outside, name.clone());
                trace.fired.push(Fired {
                    pass: "orient",
                    rule: "orient",
                    algebra: ALGEBRA,
                    op: "scan",
                    node: copy.name.clone(),
                    span: node.span,
                });
                copy.inputs.push(outside);
                let ty = node.ty.clone();
                let kind = LeafKind::Captured;
                scan.body.leaves.push(Leaf { kind, index: captured, name: name.into(), ty });
                let leaf = scan.body.leaves.len() - 1;
                let inside = &mut scan.body.nodes[inside.index()];
                *inside = Node { op: Op::Leaf(leaf), inputs: Vec::new(), ..inside.clone() };
            }
        }
        new[id.index()] = Some(NodeId(b.graph.nodes.len() as u32));
        b.graph.nodes.push(copy);
    }
    finish(b.graph, &graph, &new)
}

/// The nodes of a scan's body that turn round a matrix from outside for products over its columns.
fn turned(graph: &Graph, id: NodeId) -> Vec<NodeId> {
    let Op::Scan(scan) = graph.op(id) else { return Vec::new() };
    let body = &scan.body;
    let wide = |id: NodeId| {
        let ty = body.ty(id);
        ty.dtype.is_real() && ty.rank() == 2 && ty.shape.iter().all(|extent| *extent >= WIDE)
    };
    let read =
        |id: NodeId| body.ids().any(|user| multiplies(body, user, id)) && !body.roots().any(|r| r == id);
    let all = body.ids().filter(|id| scan.turns >= MANY && operand(body, *id).is_some() && wide(*id));
    all.filter(|id| read(*id)).collect()
}

/// Whether a product sums over the rows of a matrix, its right operand.
fn multiplies(graph: &Graph, user: NodeId, matrix: NodeId) -> bool {
    let Op::Contract(spec) = graph.op(user) else { return false };
    (0..2).any(|operand| {
        let summed = |row: &Affine| row.terms.iter().all(|(v, _)| !spec.output.contains(v));
        graph.inputs(user)[operand] == matrix && spec.operands[operand].first().is_some_and(summed)
    })
}

/// Which of the captured operands a node turns round, if it does.
fn operand(body: &Graph, id: NodeId) -> Option<usize> {
    let Op::Transpose { perm } = body.op(id) else { return None };
    let Op::Leaf(leaf) = body.op(body.inputs(id)[0]) else { return None };
    let leaf = &body.leaves[*leaf];
    (perm[..] == [1, 0] && leaf.kind == LeafKind::Captured).then_some(leaf.index)
}
