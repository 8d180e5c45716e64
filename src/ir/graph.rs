//! Graphs: nodes in dependency order, leaves, updates and reports.

use super::op::Op;
use super::types::Type;
use crate::source::Span;
use std::sync::Arc;

/// Dense index of a node in its graph.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct NodeId(pub u32);

impl NodeId {
    /// As an index.
    pub fn index(self) -> usize {
        self.0 as usize
    }
}

/// One operation.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Node {
    /// What is computed.
    pub op: Op,
    /// Of what; all lie before this node.
    pub inputs: Vec<NodeId>,
    /// Type of the result.
    pub ty: Type,
    /// The user's name for it, or a dotted path (`below.W`, `learn/cost`).
    pub name: Option<Arc<str>>,
    /// Where in the source it comes from.
    pub span: Option<Span>,
    /// The rules that made it, oldest first: `lower`, `grad of log`, `log-softmax`, …
    pub rules: Vec<&'static str>,
}

/// What a leaf is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum LeafKind {
    /// The step's argument of that position (a tensor, or a scalar that the host passes).
    Arg,
    /// The value before the step of the module's place of that index.
    Place,
    /// The module's resident array of that index.
    Resident,
    /// In the setup graph: what a file held, by index of the program's raw arrays.
    Raw,
    /// In the setup graph: what was drawn, by index of the program's initial draws.
    Drawn,
    /// How often this step (all its compiled forms together, see [`super::Module::families`]) has run
    /// before, modulo 2^32 (I32, index 0).
    Run,
    /// In the body of a scan: the carried value of that position before the turn.
    Carried,
    /// In the body of a scan: this turn's part of the scanned array of that position.
    Scanned,
    /// In the body of a scan: the captured value of that position, the same in all turns.
    Captured,
    /// In the body of a scan: the number of the turn (I32, index 0).
    Turn,
}

impl LeafKind {
    /// Whether it stands in the body of a scan, and in no other graph.
    pub fn is_inside(self) -> bool {
        matches!(self, LeafKind::Carried | LeafKind::Scanned | LeafKind::Captured | LeafKind::Turn)
    }
}

/// A value from outside.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Leaf {
    /// Where it comes from.
    pub kind: LeafKind,
    /// Index there.
    pub index: usize,
    /// Its name (`x`, `below.W`, `digits.train.x`).
    pub name: Arc<str>,
    /// Its type.
    pub ty: Type,
}

/// A place's new value, in force after the step.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Update {
    /// Leaf (of kind `Place`) that changes; its type is the value's.
    pub leaf: usize,
    /// The new value.
    pub value: NodeId,
    /// Where the arrow stands.
    pub span: Option<Span>,
}

/// A value the step gives to the host.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Report {
    /// Its name in the record.
    pub name: Arc<str>,
    /// The value.
    pub value: NodeId,
    /// Where it is reported.
    pub span: Option<Span>,
}

/// A step as a graph.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
pub struct Graph {
    /// The step's name.
    pub name: String,
    /// Values from outside; no two of equal kind and index.
    pub leaves: Vec<Leaf>,
    /// Nodes, operands first. Each leaf has at most one node.
    pub nodes: Vec<Node>,
    /// Changes of places, at most one a place.
    pub updates: Vec<Update>,
    /// What the host is given, in order.
    pub reports: Vec<Report>,
}

impl Graph {
    /// The node of an index.
    pub fn node(&self, id: NodeId) -> &Node {
        &self.nodes[id.index()]
    }

    /// The type of a node.
    pub fn ty(&self, id: NodeId) -> &Type {
        &self.nodes[id.index()].ty
    }

    /// The operation of a node.
    pub fn op(&self, id: NodeId) -> &Op {
        &self.nodes[id.index()].op
    }

    /// The operands of a node.
    pub fn inputs(&self, id: NodeId) -> &[NodeId] {
        &self.nodes[id.index()].inputs
    }

    /// All node indices, operands before users.
    pub fn ids(&self) -> impl DoubleEndedIterator<Item = NodeId> + use<> {
        (0..self.nodes.len() as u32).map(NodeId)
    }

    /// The nodes that the outside sees: values of updates, then of reports.
    pub fn roots(&self) -> impl Iterator<Item = NodeId> + '_ {
        self.updates.iter().map(|u| u.value).chain(self.reports.iter().map(|r| r.value))
    }
}
