//! Scans: nested, backwards, carried values exchanged, stacks read and not.

use super::{MOST_ELEMENTS, Maker, Value};
use dlc::ir::{Builder, DType, LeafKind, NodeId, Report, Scan, Type, Unary};

impl Maker<'_> {
    pub(super) fn scan(&mut self) {
        let carried: Vec<Value> = (0..1 + self.r.below(3)).map(|_| self.any()).collect();
        let mut turns = self.r.of(&[1, 2, 3, 5]);
        let mut scanned = Vec::new();
        let few = |b: &Builder, v: &Value| b.shape(v.id).first().is_some_and(|e| *e <= 17);
        if self.r.below(3) > 0
            && let Some(first) = self.find(few)
        {
            turns = self.shape_of(first)[0];
            scanned.push(first);
            if let Some(other) = self.find(|b, v| b.shape(v.id).first() == Some(&turns)) {
                scanned.push(other);
            }
        }
        let captured: Vec<Value> = (0..1 + self.r.below(3)).map(|_| self.any()).collect();
        let reverse = self.r.below(2) == 0;

        let mut inner = Maker {
            b: Builder::new("turn"),
            pool: Vec::new(),
            options: self.options,
            extents: self.extents.clone(),
            depth: self.depth - 1,
            r: &mut *self.r,
        };
        let mut places = Vec::new();
        for (at, v) in carried.iter().enumerate() {
            let ty = self.b.ty(v.id).clone();
            let exact = !ty.dtype.is_real();
            let id = inner.b.leaf(LeafKind::Carried, at, format!("c{at}"), ty);
            let value = Value { id, most: v.most.max(1.0), exact };
            places.push(value);
            inner.pool.push(value);
        }
        for (at, v) in scanned.iter().enumerate() {
            let ty = self.b.ty(v.id);
            let ty = Type::new(ty.dtype, ty.shape[1..].to_vec());
            let id = inner.b.leaf(LeafKind::Scanned, at, format!("s{at}"), ty);
            inner.pool.push(Value { id, ..*v });
        }
        for (at, v) in captured.iter().enumerate() {
            let id = inner.b.leaf(LeafKind::Captured, at, format!("k{at}"), self.b.ty(v.id).clone());
            inner.pool.push(Value { id, ..*v });
        }
        let turn = inner.b.leaf(LeafKind::Turn, 0, "turn", Type::scalar(DType::I32));
        inner.pool.push(Value { id: turn, most: 17.0, exact: true });
        for _ in 0..2 + inner.r.below(6) {
            inner.step();
        }
        let mut bounds: Vec<(f64, bool)> = Vec::new();
        let mut results: Vec<NodeId> = Vec::new();
        for place in &places {
            let ty = inner.b.ty(place.id).clone();
            let next = inner.find(|b, v| *b.ty(v.id) == ty).unwrap_or(*place);
            let grows = ty.dtype.is_real() && next.most > place.most;
            results.push(if grows { inner.b.unary(Unary::Tanh, next.id) } else { next.id });
            bounds.push((place.most, !ty.dtype.is_real()));
        }
        for _ in 0..inner.r.below(3) {
            let fits = |b: &Builder, v: &Value| b.ty(v.id).elements() * turns <= MOST_ELEMENTS;
            if let Some(v) = inner.find(fits)
                && inner.b.ty(v.id).rank() < 4
            {
                results.push(v.id);
                bounds.push((v.most, v.exact));
            }
        }
        for (nth, value) in results.into_iter().enumerate() {
            inner.b.graph.reports.push(Report { name: format!("n{nth}").into(), value, span: None });
        }
        let body = inner.b.graph;
        let inputs: Vec<NodeId> = carried.iter().chain(&scanned).chain(&captured).map(|v| v.id).collect();
        let scan = Scan { body, turns, carried: carried.len(), scanned: scanned.len(), reverse };
        let found = self.b.scan(scan, inputs);
        for (id, (most, exact)) in found.into_iter().zip(bounds) {
            if self.r.below(5) > 0 {
                self.keep(id, most, 1.0, exact);
            }
        }
    }
}
