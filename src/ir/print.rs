//! The printed form of a graph: what `dlc ir` shows, and what tests compare and read back.
//!
//! ```text
//! graph learn
//! leaf place 3 W : f32[784,500]
//! leaf arg 0 x : f32[20,784]
//!
//! %W = leaf W : f32[784,500]
//! %x = leaf x : f32[20,784]
//! %2 = contract %x %W [i,j] [j,k] -> [i,k] i=20 j=784 k=500 : f32[20,500]  # @0:512-520 [lower]
//! %hidden = tanh %2 : f32[20,500]  # @0:508-520 [lower]
//!
//! update W = %W
//! report hidden = %hidden
//! ```
//!
//! A node is called by its name where that is a plain word that no earlier node has; otherwise by
//! its index, and its name (if any) follows: `%7 hidden = …`, `%8 "two words" = …`. Leaves likewise.
//! Constants are the shortest digits that read back to the same bits. What follows `#` is the place
//! in the source (file index and bytes) and, in brackets, the chain of rules.
//!
//! The body of a scan follows its node, each line of it after `| `.
//!
//! [`super::read`] reads this form back to an equal graph, whatever the graph holds.

use super::graph::{Graph, NodeId};
use super::op::{Affine, Cells, Contract, Op, Window, Windows};
use super::types::Scalar;
use super::words::{
    arg_reduce_name, binary_name, compare_name, kind_name, reduce_name, ties_name, unary_name,
};
use crate::source::{SourceMap, Span};
use std::collections::BTreeSet;
use std::fmt::Write;

/// The printed form, with places as file index and bytes.
pub fn print(graph: &Graph) -> String {
    write_graph(graph, &|span: Span| format!("@{}:{}-{}", span.file.0, span.start, span.end))
}

/// The printed form for people: places as `file:line:column`. Read back, it lacks them.
pub fn print_with(graph: &Graph, sources: &SourceMap) -> String {
    write_graph(graph, &|span| sources.place(span))
}

fn write_graph(graph: &Graph, place: &dyn Fn(Span) -> String) -> String {
    let labels = Labels::of(graph);
    let mut out = format!("graph {}\n", name(&graph.name));
    for (i, leaf) in graph.leaves.iter().enumerate() {
        let own = beside(&labels.leaves[i], Some(&leaf.name));
        let (label, kind) = (&labels.leaves[i], kind_name(leaf.kind));
        let _ = writeln!(out, "leaf {kind} {} {label}{own} : {}", leaf.index, leaf.ty);
    }
    out.push('\n');
    for id in graph.ids() {
        let node = graph.node(id);
        let label = &labels.nodes[id.index()];
        let own = beside(label, node.name.as_deref());
        let _ = write!(out, "%{label}{own} = {} : {}", labels.operation(&node.op, &node.inputs), node.ty);
        out.push_str(&trailer(node.span, &node.rules, place));
        out.push('\n');
        if let Op::Scan(scan) = &node.op {
            for line in write_graph(&scan.body, place).lines() {
                let _ = writeln!(out, "{}", format!("| {line}").trim_end());
            }
        }
    }
    out.push('\n');
    for update in &graph.updates {
        let _ = write!(out, "update {} = %{}", labels.leaf(update.leaf), labels.node(update.value));
        out.push_str(&trailer(update.span, &[], place));
        out.push('\n');
    }
    for report in &graph.reports {
        let _ = write!(out, "report {} = %{}", name(&report.name), labels.node(report.value));
        out.push_str(&trailer(report.span, &[], place));
        out.push('\n');
    }
    out
}

/// One node as in the printed form, without place and rules: for messages.
pub fn print_node(graph: &Graph, id: NodeId) -> String {
    let labels = Labels::of(graph);
    let node = graph.node(id);
    let operation = labels.operation(&node.op, &node.inputs);
    format!("%{} = {operation} : {}", labels.nodes[id.index()], node.ty)
}

fn trailer(span: Option<Span>, rules: &[&str], place: &dyn Fn(Span) -> String) -> String {
    let mut out = String::new();
    if span.is_some() || !rules.is_empty() {
        out.push_str("  #");
    }
    if let Some(span) = span {
        let _ = write!(out, " {}", place(span));
    }
    if !rules.is_empty() {
        let rules: Vec<String> = rules.iter().map(|r| rule(r)).collect();
        let _ = write!(out, " [{}]", rules.join("; "));
    }
    out
}

/// How nodes and leaves are called.
struct Labels {
    nodes: Vec<String>,
    leaves: Vec<String>,
}

impl Labels {
    fn of(graph: &Graph) -> Labels {
        let nodes = graph.nodes.iter().map(|n| n.name.as_deref());
        let leaves = graph.leaves.iter().map(|l| Some(&*l.name));
        Labels { nodes: unique(nodes), leaves: unique(leaves) }
    }

    fn node(&self, id: NodeId) -> String {
        self.nodes.get(id.index()).cloned().unwrap_or_else(|| id.0.to_string())
    }

    fn leaf(&self, at: usize) -> String {
        self.leaves.get(at).cloned().unwrap_or_else(|| at.to_string())
    }

    fn operation(&self, op: &Op, inputs: &[NodeId]) -> String {
        let operands: String = inputs.iter().map(|i| format!(" %{}", self.node(*i))).collect();
        let (word, rest) = match op {
            Op::Leaf(at) => ("leaf", format!(" {}", self.leaf(*at))),
            Op::Const(value) => ("const", format!(" {}", scalar(*value))),
            Op::Iota { axis } => ("iota", format!(" axis={axis}")),
            Op::Unary(f) => (unary_name(*f), String::new()),
            Op::Binary(f) => (binary_name(*f), String::new()),
            Op::Compare(f) => (compare_name(*f), String::new()),
            Op::Select => ("select", String::new()),
            Op::Cast(dtype) => ("cast", format!(" to={}", dtype.name())),
            Op::Transpose { perm } => ("transpose", format!(" perm={}", list(perm))),
            Op::Broadcast { axes } => ("broadcast", format!(" axes={}", list(axes))),
            Op::Reshape => ("reshape", String::new()),
            Op::Slice { start, stride } => {
                ("slice", format!(" start={} stride={}", list(start), list(stride)))
            }
            Op::Pad { low, high, interior, value } => {
                let (low, high, interior) = (list(low), list(high), list(interior));
                ("pad", format!(" low={low} high={high} interior={interior} value={}", scalar(*value)))
            }
            Op::Concat { axis } => ("concat", format!(" axis={axis}")),
            Op::Reverse { axes } => ("reverse", format!(" axes={}", list(axes))),
            Op::Reduce { op, axes } => (reduce_name(*op), format!(" axes={}", list(axes))),
            Op::ArgReduce { op, axis } => (arg_reduce_name(*op), format!(" axis={axis}")),
            Op::Contract(spec) => ("contract", contract(spec)),
            Op::WindowReduce { op, windows: w } => match op {
                Window::Max(ties) => ("window_max", format!("{} ties={}", windows(w), ties_name(*ties))),
                Window::Sum => ("window_sum", windows(w)),
            },
            Op::WindowSpread { cells, windows: w } => match cells {
                Cells::Largest(ties) => {
                    ("window_spread", format!("{} ties={}", windows(w), ties_name(*ties)))
                }
                Cells::Every => ("window_fill", windows(w)),
            },
            Op::WindowPick { ties, windows: w } => {
                ("window_pick", format!("{} ties={}", windows(w), ties_name(*ties)))
            }
            Op::Gather { axes } => ("gather", format!(" axes={}", list(axes))),
            Op::ScatterAdd { axes } => ("scatter_add", format!(" axes={}", list(axes))),
            Op::RandomBits { key: [a, b] } => ("random_bits", format!(" key=[{a},{b}]")),
            Op::Scan(scan) => {
                let order = if scan.reverse { " reverse" } else { "" };
                let (turns, carried, scanned) = (scan.turns, scan.carried, scan.scanned);
                ("scan", format!(" turns={turns} carried={carried} scanned={scanned}{order}"))
            }
            Op::Result(at) => ("result", format!(" at={at}")),
            Op::StopGradient => ("stop_gradient", String::new()),
            Op::Grad => ("grad", String::new()),
        };
        format!("{word}{operands}{rest}")
    }
}

/// Each name where it is plain and the first of its kind, otherwise the index.
fn unique<'a>(names: impl Iterator<Item = Option<&'a str>>) -> Vec<String> {
    let mut taken = BTreeSet::new();
    let label = |(i, name): (usize, Option<&'a str>)| match name {
        Some(name) if is_plain(name) && taken.insert(name) => name.to_owned(),
        Some(_) | None => i.to_string(),
    };
    names.enumerate().map(label).collect()
}

/// Whether a name stands without quotes: a letter or underscore, then also digits and `. / '`.
pub(crate) fn is_plain(name: &str) -> bool {
    let mut chars = name.chars();
    chars.next().is_some_and(|c| c.is_alphabetic() || c == '_') && chars.all(is_plain_char)
}

/// Whether a character may stand in a plain name after the first.
pub(crate) fn is_plain_char(c: char) -> bool {
    c.is_alphanumeric() || matches!(c, '_' | '.' | '/' | '\'')
}

/// The name that follows a label which is not the name (a number is none).
fn beside(label: &str, own: Option<&str>) -> String {
    let own = own.filter(|n| *n != label || !is_plain(n));
    own.map_or(String::new(), |n| format!(" {}", name(n)))
}

fn name(name: &str) -> String {
    if is_plain(name) { name.to_owned() } else { quoted(name) }
}

/// A rule stands without quotes unless it holds what ends it.
fn rule(rule: &str) -> String {
    let special = |c: char| matches!(c, ';' | ']' | '"') || c.is_control();
    if rule.is_empty() || rule.trim() != rule || rule.contains(special) {
        quoted(rule)
    } else {
        rule.to_owned()
    }
}

pub(crate) fn quoted(text: &str) -> String {
    let mut out = String::from("\"");
    for c in text.chars() {
        match c {
            '"' | '\\' => out.extend(['\\', c]),
            c if c.is_control() => {
                let _ = write!(out, "\\u{{{:x}}}", c as u32);
            }
            c => out.push(c),
        }
    }
    out.push('"');
    out
}

fn list(values: &[usize]) -> String {
    let values: Vec<String> = values.iter().map(usize::to_string).collect();
    format!("[{}]", values.join(","))
}

/// Reals have a point or an exponent, integers have not; a NaN of other bits than the usual shows them.
pub(crate) fn scalar(value: Scalar) -> String {
    match value {
        Scalar::Real(v) if v.is_nan() && v.to_bits() != f64::NAN.to_bits() => {
            format!("nan:{:#018x}", v.to_bits())
        }
        Scalar::Real(v) if v.is_nan() => "nan".to_owned(),
        Scalar::Real(v) => format!("{v:?}"),
        Scalar::Int(v) => v.to_string(),
        Scalar::Bool(v) => v.to_string(),
    }
}

fn windows(windows: &Windows) -> String {
    format!(" size={} stride={}", list(&windows.size), list(&windows.stride))
}

fn contract(spec: &Contract) -> String {
    let access = |axes: &[Affine]| axes.iter().map(affine).collect::<Vec<_>>().join(",");
    let [a, b] = &spec.operands;
    let output: Vec<String> = spec.output.iter().map(|v| variable(*v)).collect();
    let mut out = format!(" [{}] [{}] -> [{}]", access(a), access(b), output.join(","));
    for (v, extent) in spec.extents.iter().enumerate() {
        let _ = write!(out, " {}={extent}", variable(v));
    }
    out
}

/// The names of index variables: i to z, a to h, then v26, v27, …
pub(crate) const LETTERS: &str = "ijklmnopqrstuvwxyzabcdefgh";

fn variable(v: usize) -> String {
    LETTERS.chars().nth(v).map_or_else(|| format!("v{v}"), String::from)
}

fn affine(index: &Affine) -> String {
    let mut out = String::new();
    for (v, coefficient) in &index.terms {
        let _ = match coefficient {
            1 => write!(out, "+{}", variable(*v)),
            -1 => write!(out, "-{}", variable(*v)),
            c => write!(out, "{c:+}*{}", variable(*v)),
        };
    }
    if index.offset != 0 || index.terms.is_empty() {
        let _ = write!(out, "{:+}", index.offset);
    }
    out.strip_prefix('+').map(str::to_owned).unwrap_or(out)
}
