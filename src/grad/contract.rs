//! The derivative of a sum of products: one rule, exchange the roles of an operand and the result.
//!
//! ```text
//! y[o] = sum a[f] * b[g]        da[f] = sum dy[o] * b[g]
//! ```
//!
//! is again a sum of products once each axis of `a` has an index variable of its own:
//!
//! * where the access is one variable, `s*i + c`, the variable serves, and the result is spread over
//!   the axis afterwards by padding (`c` before, `|s| - 1` between, the rest after), turned round if
//!   `s` is negative;
//! * where it is a sum, `x = s*i + t*k + c`, a new variable `x` replaces `i`, which must occur in no
//!   other axis of `a`: wherever `dy` or `b` was read at `i` it is now read at `s*i = x - t*k - c`, from
//!   a copy with `s - 1` zeros between its elements and enough of them at both ends. Of several
//!   candidates the longest goes, so that the sum stays over the short one (the filter).
//! * a variable that only `a` had is broadcast over, being constant there.
//!
//! An access that fits none of these (the diagonal `a[i, i]`) is differentiated by a scatter-add of
//! the adjoint of each read: right, if slower.

use crate::ir::{Affine, Binary, Builder, Contract, NodeId, Scalar};

/// `g` times the derivative of the contraction of `inputs` by its operand `which`.
pub(super) fn adjoint(
    b: &mut Builder,
    spec: &Contract,
    inputs: [NodeId; 2],
    which: usize,
    g: NodeId,
) -> NodeId {
    let target = inputs[which];
    let shape = b.shape(target);
    if spec.extents.contains(&0) {
        return b.fill_like(target, 0.0);
    }
    let spec = tidy(spec);
    let outer = Factor { node: g, access: spec.output.iter().map(|v| Affine::var(*v)).collect() };
    let other = Factor { node: inputs[1 - which], access: spec.operands[1 - which].clone() };
    let factors = if which == 0 { [outer, other] } else { [other, outer] };
    let own = spec.operands[which].clone();
    let exchange = Exchange { b, extents: spec.extents, factors, axes: Vec::new(), gone: Vec::new() };
    exchange.run(&own, &shape)
}

/// Like terms joined and zero coefficients dropped.
fn tidy(spec: &Contract) -> Contract {
    let mut spec = spec.clone();
    for access in spec.operands.iter_mut().flatten() {
        let mut terms: Vec<(usize, i64)> = Vec::new();
        for (v, c) in &access.terms {
            match terms.iter_mut().find(|t| t.0 == *v) {
                Some(term) => term.1 += c,
                None => terms.push((*v, *c)),
            }
        }
        terms.retain(|t| t.1 != 0);
        access.terms = terms;
    }
    spec
}

/// An operand of the new contraction.
#[derive(Clone)]
struct Factor {
    node: NodeId,
    access: Vec<Affine>,
}

/// How the result's axis lies in the operand's: element i of it at `low + stride * i`, after turning.
struct Axis {
    var: usize,
    low: usize,
    stride: usize,
    turned: bool,
}

struct Exchange<'a> {
    b: &'a mut Builder,
    extents: Vec<usize>,
    factors: [Factor; 2],
    axes: Vec<Axis>,
    /// Variables that were replaced.
    gone: Vec<usize>,
}

impl Exchange<'_> {
    fn run(mut self, own: &[Affine], shape: &[usize]) -> NodeId {
        let before = (self.extents.len(), self.factors.clone());
        for (d, access) in own.iter().enumerate() {
            let single = match access.terms[..] {
                [(v, c)] if self.axes.iter().all(|a| a.var != v) => Some((v, c)),
                _ => None,
            };
            if access.terms.is_empty() {
                self.extents.push(1);
                let var = self.extents.len() - 1;
                self.axes.push(Axis { var, low: access.offset as usize, stride: 1, turned: false });
            } else if let Some((v, c)) = single {
                let last = self.extents[v] as i64 - 1;
                let low = access.offset + (c * last).min(0);
                let stride = c.unsigned_abs() as usize;
                self.axes.push(Axis { var: v, low: low as usize, stride, turned: c < 0 });
            } else if let Some(v) = self.replaceable(own, d) {
                self.replace(v, access);
            } else {
                self.extents.truncate(before.0);
                self.factors = before.1;
                return self.scatter(own, shape);
            }
        }
        let output: Vec<usize> = self.axes.iter().map(|a| a.var).collect();
        let sum = self.contract(&output);
        self.place(sum, shape)
    }

    /// The longest variable of an axis that can be expressed by the others and the index itself.
    fn replaceable(&self, own: &[Affine], d: usize) -> Option<usize> {
        let elsewhere =
            |v: usize| own.iter().enumerate().any(|(e, a)| e != d && a.terms.iter().any(|t| t.0 == v));
        let plain = |v: usize| {
            let mut accesses = self.factors.iter().flat_map(|f| &f.access);
            accesses.all(|a| match a.terms[..] {
                [(w, c)] => w != v || c > 0,
                _ => a.terms.iter().all(|t| t.0 != v),
            })
        };
        let candidates = own[d].terms.iter().map(|t| t.0).filter(|v| !elsewhere(*v) && plain(*v));
        // The first of the longest.
        candidates.rev().max_by_key(|v| self.extents[*v])
    }

    /// Replaces variable `v` by the index `x` of the axis with that access.
    fn replace(&mut self, v: usize, access: &Affine) {
        let count = self.extents[v] as i64;
        let mut s = access.terms.iter().find(|t| t.0 == v).map_or(0, |t| t.1);
        let mut offset = access.offset;
        let turned = s < 0;
        if turned {
            // i = count - 1 - i' walks the other way.
            offset += s * (count - 1);
            s = -s;
        }
        let rest: Vec<(usize, i64)> = access.terms.iter().filter(|t| t.0 != v).copied().collect();
        let far = |(w, c): &(usize, i64)| c * (self.extents[*w] as i64 - 1);
        let least: i64 = rest.iter().map(|t| far(t).min(0)).sum();
        let most: i64 = rest.iter().map(|t| far(t).max(0)).sum();
        let margin = most - least;

        let x = self.extents.len();
        self.extents.push((s * (count - 1) + margin + 1) as usize);
        self.gone.push(v);
        let low = (offset + least) as usize;
        self.axes.push(Axis { var: x, low, stride: 1, turned: false });

        let mentioned = |f: &Factor| f.access.iter().any(|a| a.terms.iter().any(|t| t.0 == v));
        if !self.factors.iter().any(mentioned) {
            let first = self.factors[0].node;
            let mut shape = self.b.shape(first);
            let axes: Vec<usize> = (0..shape.len()).collect();
            shape.push(count as usize);
            self.factors[0].node = self.b.broadcast(first, &axes, &shape);
            self.factors[0].access.push(Affine::var(v));
        }
        let mut terms = vec![(x, 1)];
        terms.extend(rest.iter().map(|(w, c)| (*w, -c)));
        let moved = Affine { terms, offset: most };
        for f in 0..2 {
            for axis in 0..self.factors[f].access.len() {
                let read = self.factors[f].access[axis].clone();
                let [(w, stride)] = read.terms[..] else { continue };
                if w != v {
                    continue;
                }
                let spread = Spread { axis, start: read.offset, stride, count, turned, gap: s - 1, margin };
                let node = self.factors[f].node;
                self.factors[f].node = spread.apply(self.b, node);
                self.factors[f].access[axis] = moved.clone();
            }
        }
    }

    /// The contraction of the factors to these variables, the ones that no factor has by broadcasting.
    fn contract(&mut self, output: &[usize]) -> NodeId {
        let [first, second] = self.factors.clone();
        let read =
            |v: usize| first.access.iter().chain(&second.access).any(|a| a.terms.iter().any(|t| t.0 == v));
        // Variables that are summed over though nothing is read by them count as factors.
        let kept: Vec<usize> = (0..self.extents.len())
            .filter(|v| !self.gone.contains(v) && (read(*v) || !output.contains(v)))
            .collect();
        let new = |v: usize| kept.iter().position(|k| *k == v);
        let renumber = |access: &[Affine]| -> Vec<Affine> {
            let term = |(v, c): &(usize, i64)| new(*v).map(|v| (v, *c));
            let one =
                |a: &Affine| Affine { terms: a.terms.iter().filter_map(term).collect(), offset: a.offset };
            access.iter().map(one).collect()
        };
        let spec = Contract {
            extents: kept.iter().map(|v| self.extents[*v]).collect(),
            output: output.iter().filter_map(|v| new(*v)).collect(),
            operands: [renumber(&first.access), renumber(&second.access)],
        };
        let sum = self.b.contract(spec, first.node, second.node);
        let shape: Vec<usize> = output.iter().map(|v| self.extents[*v]).collect();
        let axes: Vec<usize> = (0..output.len()).filter(|i| new(output[*i]).is_some()).collect();
        self.b.broadcast(sum, &axes, &shape)
    }

    /// The result on the operand's axes, zero where the operand is not read.
    fn place(&mut self, sum: NodeId, shape: &[usize]) -> NodeId {
        let turned: Vec<usize> = (0..shape.len()).filter(|d| self.axes[*d].turned).collect();
        let sum = self.b.reverse(sum, &turned);
        let extent = self.b.shape(sum);
        let low: Vec<usize> = self.axes.iter().map(|a| a.low).collect();
        let interior: Vec<usize> = self.axes.iter().map(|a| a.stride - 1).collect();
        let high: Vec<usize> =
            (0..shape.len()).map(|d| shape[d] - 1 - low[d] - self.axes[d].stride * (extent[d] - 1)).collect();
        // Between the elements of an axis of length 1 nothing lies.
        let interior: Vec<usize> =
            interior.iter().zip(&extent).map(|(i, e)| if *e > 1 { *i } else { 0 }).collect();
        self.b.pad(sum, &low, &high, &interior, Scalar::Real(0.0))
    }

    /// The general case: the adjoint of each read is added where it read.
    fn scatter(mut self, own: &[Affine], shape: &[usize]) -> NodeId {
        self.gone.clear();
        let mut vars: Vec<usize> = own.iter().flat_map(|a| &a.terms).map(|t| t.0).collect();
        vars.sort_unstable();
        vars.dedup();
        let reads = self.contract(&vars);
        let extent = self.b.shape(reads);
        let mut indices = Vec::new();
        for access in own {
            let mut index = self.b.fill(crate::ir::DType::I32, access.offset as f64, &extent);
            for (v, c) in &access.terms {
                let axis = vars.iter().position(|w| w == v).unwrap_or(0);
                let place = self.b.iota(&extent, axis);
                let step = self.b.with_constant(Binary::Mul, place, *c as f64);
                index = self.b.add(index, step);
            }
            indices.push(index);
        }
        let axes: Vec<usize> = (0..shape.len()).collect();
        self.b.scatter_add(reads, &axes, &indices, shape)
    }
}

/// One axis of a factor prepared for being read at `s*i`: the part that `i` reached, turned if `s` was
/// negative, with gaps and margins of zeros.
struct Spread {
    axis: usize,
    start: i64,
    stride: i64,
    count: i64,
    turned: bool,
    gap: i64,
    margin: i64,
}

impl Spread {
    fn apply(&self, b: &mut Builder, node: NodeId) -> NodeId {
        let mut extent = b.shape(node);
        let rank = extent.len();
        let along = |value: i64, other: usize| -> Vec<usize> {
            (0..rank).map(|d| if d == self.axis { value as usize } else { other }).collect()
        };
        extent[self.axis] = self.count as usize;
        let part = b.slice(node, &along(self.start, 0), &along(self.stride, 1), &extent);
        let part = if self.turned { b.reverse(part, &[self.axis]) } else { part };
        let margin = along(self.margin, 0);
        b.pad(part, &margin, &margin, &along(self.gap, 0), Scalar::Real(0.0))
    }
}
