//! Reads the printed form of a graph (see [`super::print`]).
//!
//! The reader knows words, not types: what it reads may break the verifier's invariants, but it
//! never panics and says which line it does not understand. Lines that begin with `#` are comments.
//! A place that does not begin with `@` (as in the form for people) is passed over.

pub(crate) mod line;

use super::graph::{Graph, Leaf, Node, NodeId, Report, Update};
use super::op::{Cells, Op, Scan, Window};
use super::words::{arg_reduce_of, binary_of, compare_of, kind_of, reduce_of, unary_of};
use line::Line;
use std::collections::BTreeMap;
use std::sync::Arc;

/// A text that is no printed graph.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ReadError {
    /// Line, from 1.
    pub line: usize,
    /// What was expected.
    pub message: String,
}

impl std::fmt::Display for ReadError {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "line {}: {}", self.line, self.message)
    }
}

impl std::error::Error for ReadError {}

pub(crate) type Read<T> = Result<T, String>;

/// Reads a graph.
pub fn read(text: &str) -> Result<Graph, ReadError> {
    let mut reader = Reader::default();
    let mut body: Option<(usize, String)> = None;
    for (i, line) in text.split('\n').enumerate() {
        let mut line_of = Line { rest: line.trim() };
        if let Some(inner) = line_of.rest.strip_prefix('|') {
            let (_, lines) = body.get_or_insert((i, String::new()));
            lines.push_str(inner);
            lines.push('\n');
            continue;
        }
        reader.body(&mut body)?;
        if line_of.rest.is_empty() || line_of.rest.starts_with('#') {
            continue;
        }
        reader.line(&mut line_of).map_err(|message| ReadError { line: i + 1, message })?;
    }
    reader.body(&mut body)?;
    if !reader.named {
        return Err(ReadError { line: 1, message: "a graph begins with `graph` and its name".to_owned() });
    }
    Ok(reader.graph)
}

/// The graph so far and what its nodes and leaves are called.
#[derive(Default)]
struct Reader {
    graph: Graph,
    named: bool,
    nodes: BTreeMap<String, NodeId>,
    leaves: BTreeMap<String, usize>,
}

impl Reader {
    /// Gives the lines after `|`, if there are any, to the scan that they follow.
    fn body(&mut self, lines: &mut Option<(usize, String)>) -> Result<(), ReadError> {
        let Some((first, text)) = lines.take() else { return Ok(()) };
        let Some(Node { op: Op::Scan(scan), .. }) = self.graph.nodes.last_mut() else {
            return Err(ReadError { line: first + 1, message: "a body follows a scan".to_owned() });
        };
        scan.body = read(&text).map_err(|e| ReadError { line: first + e.line, ..e })?;
        Ok(())
    }

    fn line(&mut self, line: &mut Line) -> Read<()> {
        if line.rest.starts_with('%') {
            return self.node(line);
        }
        match line.word()? {
            "graph" if !self.named => {
                self.graph.name = line.name()?;
                self.named = true;
            }
            "leaf" => self.leaf(line)?,
            "update" => {
                let leaf = self.leaf_label(line)?;
                line.expect("=")?;
                let value = self.operand(line)?;
                let (span, _) = line.trailer()?;
                self.graph.updates.push(Update { leaf, value, span });
            }
            "report" => {
                let name = line.name()?.into();
                line.expect("=")?;
                let value = self.operand(line)?;
                let (span, _) = line.trailer()?;
                self.graph.reports.push(Report { name, value, span });
            }
            other => return Err(format!("`{other}` begins no line: expected leaf, %node, update or report")),
        }
        line.end()
    }

    fn leaf(&mut self, line: &mut Line) -> Read<()> {
        let kind = line.word()?;
        let kind = kind_of(kind).ok_or_else(|| format!("`{kind}` is no kind of leaf"))?;
        let index = line.number()?;
        let name = self.label(line, self.graph.leaves.len())?;
        let name: Arc<str> = match name {
            Some(name) => {
                if self.leaves.insert(name.clone(), self.graph.leaves.len()).is_some() {
                    return Err(format!("an earlier leaf is called {name}"));
                }
                name.into()
            }
            None => line.name()?.into(),
        };
        line.expect(":")?;
        let ty = line.ty()?;
        self.graph.leaves.push(Leaf { kind, index, name, ty });
        Ok(())
    }

    fn node(&mut self, line: &mut Line) -> Read<()> {
        let id = NodeId(self.graph.nodes.len() as u32);
        line.expect("%")?;
        let label = self.label(line, id.index())?;
        let name: Option<String> = match &label {
            Some(name) => Some(name.clone()),
            None if line.rest.starts_with('=') => None,
            None => Some(line.name()?),
        };
        line.expect("=")?;
        let word = line.word()?;
        let mut inputs = Vec::new();
        while line.rest.starts_with('%') {
            inputs.push(self.operand(line)?);
        }
        let op = self.operation(word, line)?;
        line.expect(":")?;
        let ty = line.ty()?;
        let (span, rules) = line.trailer()?;
        line.end()?;
        if let Some(label) = label
            && let Some(earlier) = self.nodes.insert(label, id)
        {
            return Err(format!("node {} has that name", earlier.0));
        }
        self.graph.nodes.push(Node { op, inputs, ty, name: name.map(Arc::from), span, rules });
        Ok(())
    }

    /// A label: a plain name, or the index that is due (then none).
    fn label(&self, line: &mut Line, due: usize) -> Read<Option<String>> {
        if !line.rest.starts_with(|c: char| c.is_ascii_digit()) {
            return Ok(Some(line.word()?.to_owned()));
        }
        let found = line.number()?;
        if found != due { Err(format!("number {found} where {due} is due")) } else { Ok(None) }
    }

    fn operand(&self, line: &mut Line) -> Read<NodeId> {
        line.expect("%")?;
        if line.rest.starts_with(|c: char| c.is_ascii_digit()) {
            let number = line.number()?;
            return u32::try_from(number).map(NodeId).map_err(|_| format!("%{number} is too great a number"));
        }
        let label = line.word()?;
        self.nodes.get(label).copied().ok_or_else(|| format!("no earlier node is called %{label}"))
    }

    fn leaf_label(&self, line: &mut Line) -> Read<usize> {
        if line.rest.starts_with(|c: char| c.is_ascii_digit()) {
            return line.number();
        }
        let label = line.word()?;
        self.leaves.get(label).copied().ok_or_else(|| format!("no leaf is called {label}"))
    }

    fn operation(&self, word: &str, line: &mut Line) -> Read<Op> {
        Ok(match word {
            "leaf" => Op::Leaf(self.leaf_label(line)?),
            "const" => Op::Const(line.scalar()?),
            "iota" => Op::Iota { axis: line.number_of("axis")? },
            "select" => Op::Select,
            "cast" => {
                line.expect("to=")?;
                Op::Cast(line.dtype()?)
            }
            "transpose" => Op::Transpose { perm: line.list_of("perm")? },
            "broadcast" => Op::Broadcast { axes: line.list_of("axes")? },
            "reshape" => Op::Reshape,
            "slice" => Op::Slice { start: line.list_of("start")?, stride: line.list_of("stride")? },
            "pad" => {
                let (low, high) = (line.list_of("low")?, line.list_of("high")?);
                let interior = line.list_of("interior")?;
                line.expect("value=")?;
                Op::Pad { low, high, interior, value: line.scalar()? }
            }
            "concat" => Op::Concat { axis: line.number_of("axis")? },
            "reverse" => Op::Reverse { axes: line.list_of("axes")? },
            "contract" => Op::Contract(line.contract()?),
            "window_max" => {
                let windows = line.windows()?;
                Op::WindowReduce { op: Window::Max(line.ties()?), windows }
            }
            "window_sum" => Op::WindowReduce { op: Window::Sum, windows: line.windows()? },
            "window_spread" => {
                let windows = line.windows()?;
                Op::WindowSpread { cells: Cells::Largest(line.ties()?), windows }
            }
            "window_fill" => Op::WindowSpread { cells: Cells::Every, windows: line.windows()? },
            "window_pick" => {
                let windows = line.windows()?;
                Op::WindowPick { ties: line.ties()?, windows }
            }
            "gather" => Op::Gather { axes: line.list_of("axes")? },
            "scatter_add" => Op::ScatterAdd { axes: line.list_of("axes")? },
            "random_bits" => {
                let key = line.list_of("key")?;
                let word = |at: usize| key.get(at).and_then(|v: &usize| u32::try_from(*v).ok());
                match (word(0), word(1), key.len()) {
                    (Some(a), Some(b), 2) => Op::RandomBits { key: [a, b] },
                    _ => return Err("a key is two words of 32 bits".to_owned()),
                }
            }
            "scan" => {
                let (turns, carried) = (line.number_of("turns")?, line.number_of("carried")?);
                let scanned = line.number_of("scanned")?;
                let reverse = line.found("reverse");
                Op::Scan(Box::new(Scan { body: Graph::default(), turns, carried, scanned, reverse }))
            }
            "result" => Op::Result(line.number_of("at")?),
            "stop_gradient" => Op::StopGradient,
            "grad" => Op::Grad,
            word => {
                if let Some(f) = unary_of(word) {
                    Op::Unary(f)
                } else if let Some(f) = binary_of(word) {
                    Op::Binary(f)
                } else if let Some(f) = compare_of(word) {
                    Op::Compare(f)
                } else if let Some(op) = reduce_of(word) {
                    Op::Reduce { op, axes: line.list_of("axes")? }
                } else if let Some(op) = arg_reduce_of(word) {
                    Op::ArgReduce { op, axis: line.number_of("axis")? }
                } else {
                    return Err(format!("`{word}` is no operation"));
                }
            }
        })
    }
}
