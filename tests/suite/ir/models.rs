//! The graphs of all programs that stand beside the compiler, at every stage.

use crate::common::program::{built, observed, programs};
use dlc::ir::{Graph, Op, Unary, print::print, read::read, verify::verify};
use dlc::program::Precision;

#[test]
fn every_programs_graphs_are_verified_and_read_back_as_printed() {
    for file in programs() {
        for precision in [Precision::F32, Precision::F64] {
            let mut stages = 0;
            let built = observed(&file, precision, &mut |_, stage, graph| {
                sound(&format!("{file} after {stage}"), graph, ["lowered", "gradient"].contains(&stage));
                stages += 1;
            });
            assert!(stages >= 3 * built.module.steps.len(), "{file}: {stages} stages");
            for graph in built.module.steps.iter().chain([&built.module.setup]) {
                sound(&file, graph, true);
            }
        }
    }
}

/// After each pass the verifier is asked; what `dlc ir` shows for its stages is read back too.
fn sound(at: &str, graph: &Graph, read_back: bool) {
    if let Err(found) = verify(graph) {
        panic!("{at}: {}\n{}", found[0], print(graph));
    }
    if read_back {
        let text = print(graph);
        let back = read(&text).unwrap_or_else(|error| panic!("{at}: {error}\n{text}"));
        assert!(back == *graph && print(&back) == text, "{at} reads back as something else:\n{text}");
    }
}

/// A logarithm of what a loop gives, or of a sigmoid, cancels or overflows: rules bring each to a stable form.
#[test]
fn no_logarithm_of_a_sigmoid_or_of_a_loop_is_left() {
    let plain: Vec<(String, Vec<(&str, &str)>)> = programs().into_iter().map(|file| (file, vec![])).collect();
    let chains = ["1", "2"].map(|k| ("models/rbm.dl".to_owned(), vec![("persistent", "false"), ("k", k)]));
    for (file, set) in plain.into_iter().chain(chains) {
        for graph in built(&file, Precision::F32, &set).module.steps {
            stable(&file, &graph);
        }
    }
}

fn stable(file: &str, graph: &Graph) {
    for node in &graph.nodes {
        match &node.op {
            Op::Scan(scan) => stable(file, &scan.body),
            Op::Unary(Unary::Log | Unary::Log1p) => {
                let views = |at: &dlc::ir::NodeId| match graph.op(*at) {
                    Op::Transpose { .. } | Op::Reshape | Op::Slice { .. } | Op::Broadcast { .. } => {
                        Some(graph.inputs(*at)[0])
                    }
                    Op::Unary(Unary::Neg) => Some(graph.inputs(*at)[0]),
                    _ => None,
                };
                let of = std::iter::successors(Some(node.inputs[0]), views).last().expect("the operand");
                let left = matches!(graph.op(of), Op::Result(_) | Op::Unary(Unary::Sigmoid | Unary::Exp));
                assert!(!left, "{file}: a logarithm is left\n{}", print(graph));
            }
            _ => {}
        }
    }
}
