//! How many operations on numbers a step takes.

use crate::ir::{Graph, Op};

/// Counted on the graph as it is computed: a sum of products takes two operations a term, a function
/// of elements one an element of its result, a reduction one an element of its operand, a
/// scatter-add one for each element added, pooling and its gradient one a cell of each window, a random
/// word one, a scan those of its body each turn. Views, indices and copies take none.
pub fn flops(graph: &Graph) -> usize {
    graph.ids().map(|id| of_node(graph, id)).fold(0, usize::saturating_add)
}

fn of_node(graph: &Graph, id: crate::ir::NodeId) -> usize {
    let elements = |id| graph.ty(id).shape.iter().copied().fold(1, usize::saturating_mul);
    match graph.op(id) {
        Op::Contract(c) => c.extents.iter().copied().fold(2, usize::saturating_mul),
        Op::Unary(_) | Op::Binary(_) | Op::Compare(_) | Op::Select => elements(id),
        Op::Reduce { .. } | Op::ArgReduce { .. } | Op::ScatterAdd { .. } => elements(graph.inputs(id)[0]),
        Op::WindowReduce { windows, .. } | Op::WindowPick { windows, .. } => {
            windows.size.iter().copied().fold(elements(id), usize::saturating_mul)
        }
        Op::WindowSpread { windows, .. } => {
            let numbers = elements(graph.inputs(id)[graph.inputs(id).len() - 1]);
            windows.size.iter().copied().fold(numbers, usize::saturating_mul)
        }
        Op::RandomBits { .. } => elements(id),
        Op::Scan(scan) => flops(&scan.body).saturating_mul(scan.turns),
        Op::Result(_)
        | Op::Leaf(_)
        | Op::Const(_)
        | Op::Iota { .. }
        | Op::Cast(_)
        | Op::Transpose { .. }
        | Op::Broadcast { .. }
        | Op::Reshape
        | Op::Slice { .. }
        | Op::Pad { .. }
        | Op::Concat { .. }
        | Op::Reverse { .. }
        | Op::Gather { .. }
        | Op::StopGradient
        | Op::Grad => 0,
    }
}

#[cfg(test)]
mod tests {
    use super::flops;

    #[test]
    fn a_layer_and_its_mean() {
        let text = "graph g\nleaf arg 0 x : f32[20,784]\nleaf place 0 W : f32[784,500]\n\n\
                    %x = leaf x : f32[20,784]\n%W = leaf W : f32[784,500]\n\
                    %2 = contract %x %W [i,j] [j,k] -> [i,k] i=20 j=784 k=500 : f32[20,500]\n\
                    %3 = tanh %2 : f32[20,500]\n%4 = reduce_sum %3 axes=[0,1] : f32[]\n\nreport s = %4\n";
        let graph = crate::ir::read::read(text).expect("the text is a graph");
        assert_eq!(flops(&graph), 2 * 20 * 784 * 500 + 20 * 500 + 20 * 500);
    }
}
