//! The text of a division: clusters with their pieces, and why they are apart.

use super::{Apart, Fused, Piece, Share, Source, Target, What};
use crate::ir::{Graph, NodeId};
use std::fmt::Write;

/// The clusters of a graph, a line a piece.
pub fn print(graph: &Graph, fused: &Fused) -> String {
    let mut text = String::new();
    write_clusters(&mut text, graph, fused, 0);
    text
}

fn write_clusters(text: &mut String, graph: &Graph, fused: &Fused, depth: usize) {
    let pad = "  ".repeat(depth);
    for (nth, cluster) in fused.clusters.iter().enumerate() {
        let share = match cluster.share {
            Share::Blocks(owner) => format!("blocks of {} along {}", owner.unit, owner.extent),
            Share::One => "one thread".to_owned(),
            Share::Each => "each thread".to_owned(),
            Share::Turns => "turns".to_owned(),
        };
        if nth > 0 && cluster.phase != fused.clusters[nth - 1].phase {
            let _ = writeln!(text, "{pad}barrier");
        }
        let _ = writeln!(text, "{pad}cluster {nth}: {share}");
        for (other, apart) in &cluster.apart {
            let _ = writeln!(text, "{pad}  apart from {other}: {}", reason(graph, *apart));
        }
        for piece in cluster.pieces.iter().map(|p| &fused.pieces[*p]) {
            let _ = writeln!(text, "{pad}  {}", line(graph, fused, piece));
            if let What::Loop(id, body) = &piece.what
                && let crate::ir::Op::Scan(scan) = graph.op(*id)
            {
                write_clusters(text, &scan.body, body, depth + 2);
            }
        }
    }
    if fused.calls.closed {
        let _ = writeln!(text, "{pad}barrier");
    }
    if let Some(ahead) = fused.calls.ahead {
        let at_once = match ahead.calls {
            1 => String::new(),
            calls => format!(", those before it for {calls} calls at once"),
        };
        let _ = writeln!(
            text,
            "{pad}ahead: phase {} of the next call, by blocks of {}{at_once}",
            ahead.phase, ahead.owner.extent
        );
    }
}

/// What a piece computes, in a line.
pub fn line(graph: &Graph, fused: &Fused, piece: &Piece) -> String {
    let what = match &piece.what {
        What::Value(id) => node_name(graph, *id),
        What::Partial(id) => format!("blocks of the sum {}", node_name(graph, *id)),
        What::Joined(id) => format!("the sum {} of its blocks", node_name(graph, *id)),
        What::Enter(id, nth) => format!("start of carried {nth} of {}", node_name(graph, *id)),
        What::Loop(id, _) => format!("loop {}", node_name(graph, *id)),
        What::Sink(nth) => match fused.sinks[*nth].target {
            Target::Over(leaf) => format!("write {}", graph.leaves[leaf].name),
            Target::Report(at) => format!("report {}", graph.reports[at].name),
            Target::Stack(at) => format!("stack {at}"),
        },
    };
    let extents: Vec<String> = piece.extents.iter().map(usize::to_string).collect();
    format!("{what} over [{}]", extents.join(","))
}

/// A node as messages name it.
pub fn node_name(graph: &Graph, id: NodeId) -> String {
    match &graph.node(id).name {
        Some(name) => format!("%{name}"),
        None => format!("%{}", id.0),
    }
}

/// Why a piece stands apart, as a sentence's end.
pub fn reason(graph: &Graph, apart: Apart) -> String {
    let source = |s: Source| match s {
        Source::Node(id) => node_name(graph, id),
        Source::Partial(id) => format!("the blocks of {}", node_name(graph, id)),
        Source::Leaf(leaf) => graph.leaves[leaf].name.to_string(),
    };
    match apart {
        Apart::Across(s) => format!("reads {} across its blocks", source(s)),
        Apart::OtherAxis => "has no axis of its owner's extent".to_owned(),
        Apart::Large => "is too much for one thread".to_owned(),
        Apart::Scan => "a loop stands alone".to_owned(),
        Apart::StillRead(leaf) => {
            format!("changes {}, which is read there at other positions", graph.leaves[leaf].name)
        }
        Apart::Checked => "changes a place, when something there may yet fail".to_owned(),
    }
}
