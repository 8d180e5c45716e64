//! Updates as sums that are added to the old value.
//!
//! `w - lr * (sum(a * b) + c * w)` is `w + -lr * c * w + sum(a * (-lr * b))`: with the numbers inside the
//! smaller factor the sum can be added to the weight where it lies, and nothing of a weight's size is written
//! or read beside it. An update has this form whatever else is asked of its parts, so that a report
//! changes no bit of it; a gradient that several updates share stays as it is.

use crate::ir::{Binary, Builder, Contract, DType, Graph, NodeId, Op, Unary};
use crate::rules::{Facts, Fired, Trace};

/// What it does, as text.
const ALGEBRA: &str = "c*w + k*sum(a*b) = c*w + sum(a*(k*b))";

/// The graph with such updates.
pub fn accumulate(graph: Graph, trace: &mut Trace) -> Graph {
    let uses = uses(&graph);
    let mut b = Builder::resume(graph);
    for nth in 0..b.graph.updates.len() {
        let update = b.graph.updates[nth].clone();
        // What others use as well is computed for them as it is.
        if uses[update.value.index()] > 1 {
            continue;
        }
        let mut form = Form {
            graph: &b.graph,
            uses: &uses,
            leaf: update.leaf,
            whole: false,
            own: Vec::new(),
            sums: Vec::new(),
        };
        if !form.add(update.value, 1.0) || form.sums.is_empty() {
            continue;
        }
        let (whole, parts, sums) = (form.whole, form.own, form.sums);
        let own: f64 = parts.iter().sum();
        // Multiples that cancel are no number where the leaf is infinite.
        let decays = !parts.is_empty();
        let fits = !decays || plain(own, b.dtype(update.value));
        if !fits || !(decays || whole) || !sums.iter().all(|sum| sum.fits(&b.graph)) {
            continue;
        }
        let old = b.graph.node(update.value).clone();
        let leaf = b.graph.ids().find(|id| *b.graph.op(*id) == Op::Leaf(update.leaf));
        (b.span, b.rules) = (old.span, [&old.rules[..], &["onto-old"]].concat());
        let leaf = leaf.expect("the form has the leaf in it");
        let mut value = leaf;
        if decays {
            value = b.with_constant(Binary::Mul, leaf, own);
        }
        if decays && whole {
            value = b.add(leaf, value);
        }
        for sum in sums {
            value = sum.onto(&mut b, value);
        }
        b.graph.updates[nth].value = value;
        trace.fired.push(Fired {
            pass: "accumulate",
            rule: "onto-old",
            algebra: ALGEBRA,
            op: "update",
            node: Some(b.graph.leaves[update.leaf].name.clone()),
            span: update.span,
        });
    }
    b.graph
}

/// Whether a factor is neither 0 nor infinite, also as a number of a type.
fn plain(factor: f64, dtype: DType) -> bool {
    let rounded = if dtype == DType::F32 { f64::from(factor as f32) } else { factor };
    rounded.is_finite() && rounded != 0.0
}

/// How often what updates need is used by what updates need.
fn uses(graph: &Graph) -> Vec<usize> {
    let mut uses = vec![0; graph.nodes.len()];
    for update in &graph.updates {
        uses[update.value.index()] += 1;
    }
    for id in graph.ids().rev() {
        if uses[id.index()] > 0 {
            graph.inputs(id).iter().for_each(|input| uses[input.index()] += 1);
        }
    }
    uses
}

/// A value as a multiple of a leaf and multiples of sums of products.
struct Form<'a> {
    graph: &'a Graph,
    uses: &'a [usize],
    leaf: usize,
    /// Whether the leaf itself is a part.
    whole: bool,
    /// The factors of the leaf besides: that of a small decay has its own digits.
    own: Vec<f64>,
    sums: Vec<Sum>,
}

/// A sum of products with a factor.
struct Sum {
    node: NodeId,
    spec: Contract,
    factor: f64,
}

impl Form<'_> {
    /// Adds a value times a factor; says whether it has the form.
    fn add(&mut self, id: NodeId, factor: f64) -> bool {
        let facts = Facts::new(self.graph, &[]);
        if *self.graph.op(id) == Op::Leaf(self.leaf) {
            // What is 0 times an infinite weight is no number.
            if factor == 0.0 {
                return false;
            }
            match factor {
                1.0 if !self.whole => self.whole = true,
                _ => self.own.push(factor),
            }
            return true;
        }
        if self.uses[id.index()] > 1 {
            return false;
        }
        if let Some(spec) = contraction(self.graph, self.uses, id) {
            self.sums.push(Sum { node: id, spec, factor });
            return true;
        }
        if let Some(a) = facts.unary(id, Unary::Neg) {
            return self.add(a, -factor);
        }
        let (Op::Binary(f), [a, b]) = (self.graph.op(id), self.graph.inputs(id)) else { return false };
        match (f, facts.constant(*a), facts.constant(*b)) {
            (Binary::Add, ..) => self.add(*a, factor) && self.add(*b, factor),
            (Binary::Sub, ..) => self.add(*a, factor) && self.add(*b, -factor),
            (Binary::Mul, _, Some(c)) => self.add(*a, factor * c),
            (Binary::Mul, Some(c), _) => self.add(*b, factor * c),
            (Binary::Div, _, Some(c)) => self.add(*a, factor / c),
            _ => false,
        }
    }
}

/// A contraction, or a transposed one as one of its own.
fn contraction(graph: &Graph, uses: &[usize], id: NodeId) -> Option<Contract> {
    match graph.op(id) {
        _ if uses[id.index()] > 1 => None,
        Op::Contract(spec) if graph.inputs(id).len() == 2 => Some(spec.clone()),
        Op::Transpose { perm } => {
            let spec = contraction(graph, uses, graph.inputs(id)[0])?;
            Some(Contract { output: perm.iter().map(|axis| spec.output[*axis]).collect(), ..spec })
        }
        _ => None,
    }
}

impl Sum {
    /// The two factors under the sum.
    fn factors(&self, graph: &Graph) -> [NodeId; 2] {
        let mut at = self.node;
        while let Op::Transpose { .. } = graph.op(at) {
            at = graph.inputs(at)[0];
        }
        [graph.inputs(at)[0], graph.inputs(at)[1]]
    }

    /// Whether its number is better multiplied into the smaller factor than into the result.
    fn fits(&self, graph: &Graph) -> bool {
        let elements = |id: NodeId| graph.ty(id).elements();
        let smaller = self.factors(graph).into_iter().map(elements).min().unwrap_or(0);
        let may = plain(self.factor, graph.ty(self.node).dtype);
        self.factor == 1.0 || (may && smaller <= elements(self.node))
    }

    /// The sum, added to a value.
    fn onto(self, b: &mut Builder, start: NodeId) -> NodeId {
        let mut factors = self.factors(&b.graph);
        if self.factor != 1.0 {
            let [x, y] = factors.map(|id| b.graph.ty(id).elements());
            let smaller = usize::from(y <= x);
            factors[smaller] = b.with_constant(Binary::Mul, factors[smaller], self.factor);
        }
        b.contract_onto(self.spec, factors[0], factors[1], start)
    }
}
