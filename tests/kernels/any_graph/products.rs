//! Reductions and sums of products.

use super::{MOST_ELEMENTS, MOST_TERMS, Maker};
use dlc::ir::{Affine, ArgReduce, Contract, DType, Reduce};

impl Maker<'_> {
    pub(super) fn reduce(&mut self) {
        let v = self.any();
        let shape = self.shape_of(v);
        let axes: Vec<usize> = (0..shape.len()).filter(|_| self.r.below(2) == 0).collect();
        let count = axes.iter().map(|a| shape[*a]).product::<usize>() as f64;
        if self.b.dtype(v.id) == DType::Bool {
            let op = self.r.of(&[Reduce::Any, Reduce::All]);
            let id = self.b.reduce(op, v.id, &axes);
            return self.keep(id, 1.0, 1.0, true);
        }
        let whole = self.b.dtype(v.id) == DType::I32;
        match self.r.below(8) {
            0 | 1 => {
                let op = self.r.of(&[Reduce::Max, Reduce::Min]);
                let id = self.b.reduce(op, v.id, &axes);
                self.keep(id, v.most, 1.0, v.exact);
            }
            2 if v.exact && !shape.is_empty() => {
                let op = self.r.of(&[ArgReduce::Max, ArgReduce::Min]);
                let axis = self.r.below(shape.len());
                if shape[axis] == 0 {
                    return;
                }
                let id = self.b.arg_reduce(op, v.id, axis);
                self.keep(id, 1.0, 1.0, true);
            }
            3 if whole || v.most.powf(count) < 60.0 => {
                let id = self.b.reduce(Reduce::Prod, v.id, &axes);
                self.keep(id, v.most.powf(count).max(v.most), 1.0, whole);
            }
            _ => {
                let id = self.b.sum(v.id, &axes);
                self.keep(id, v.most * count, count.sqrt(), whole);
            }
        }
    }

    /// A sum of products: axes in common, outer, sliding, stretched, or fixed.
    pub(super) fn product(&mut self) {
        let v = self.real();
        let w = if self.r.below(8) == 0 { v } else { self.real() };
        let (left, right) = (self.shape_of(v), self.shape_of(w));
        let mut extents: Vec<usize> = left.clone();
        let mut first: Vec<Affine> = (0..left.len()).map(Affine::var).collect();
        let mut second: Vec<Affine> = Vec::new();
        let mut sliding = Vec::new();
        for extent in &right {
            let free = |d: &usize| first[*d] == Affine::var(*d);
            let unused = |d: &usize| free(d) && !second.iter().any(|a| a.terms.iter().any(|t| t.0 == *d));
            let common: Vec<usize> =
                (0..left.len()).filter(|d| extents[*d] == *extent && unused(d)).collect();
            let wider: Vec<usize> =
                (0..left.len()).filter(|d| extents[*d] > *extent && *extent > 1 && unused(d)).collect();
            match self.r.below(12) {
                // A diagonal.
                0 if (0..left.len()).any(|d| extents[d] == *extent && free(&d)) => {
                    let d = (0..left.len()).find(|d| extents[*d] == *extent && free(d));
                    second.push(Affine::var(d.unwrap_or_default()));
                }
                // One element of the axis.
                1 if *extent > 0 => {
                    second.push(Affine { terms: Vec::new(), offset: self.r.below(*extent) as i64 })
                }
                2..4 if !wider.is_empty() => {
                    // left[stride * d + spread * u] times right[u], or the other way round.
                    let d = self.r.of(&wider);
                    let (mut stride, mut spread) = (1 + self.r.below(2), 1 + self.r.below(2));
                    if spread * (extent - 1) >= left[d] {
                        (stride, spread) = (stride, 1);
                    }
                    let reach = spread * (extent - 1);
                    if reach >= left[d] {
                        return;
                    }
                    let u = extents.len();
                    let flipped = self.r.below(4) == 0;
                    let spread = spread as i64;
                    let (by, offset) = if flipped { (-spread, reach as i64) } else { (spread, 0) };
                    first[d] = Affine { terms: vec![(d, stride as i64), (u, by)], offset };
                    extents[d] = (left[d] - 1 - reach) / stride + 1;
                    extents.push(*extent);
                    second.push(Affine::var(u));
                    sliding.push(u);
                }
                4 if !wider.is_empty() => {
                    // left[d] times right[offset + d'] of a shorter axis: a part of the left one.
                    let d = self.r.of(&wider);
                    let offset = self.r.below(extents[d] - extent + 1) as i64;
                    first[d] = Affine { terms: vec![(d, 1)], offset };
                    extents[d] = *extent;
                    second.push(Affine::var(d));
                }
                _ if !common.is_empty() => second.push(Affine::var(self.r.of(&common))),
                _ => {
                    extents.push(*extent);
                    second.push(Affine::var(extents.len() - 1));
                }
            }
        }
        if extents.iter().product::<usize>() > MOST_TERMS {
            return;
        }
        let uses = |axes: &[Affine], v: usize| axes.iter().any(|a| a.terms.iter().any(|t| t.0 == v));
        let mut output = Vec::new();
        for v in 0..extents.len() {
            let both = uses(&first, v) && uses(&second, v);
            let likely = if both || sliding.contains(&v) { 3 } else { 9 };
            if self.r.below(10) < likely {
                output.push(v);
            }
        }
        for i in (1..output.len()).rev() {
            if self.r.below(2) == 0 {
                output.swap(i, self.r.below(i + 1));
            }
        }
        output.truncate(4);
        let summed =
            (0..extents.len()).filter(|v| !output.contains(v)).map(|v| extents[v]).product::<usize>();
        if output.iter().map(|v| extents[*v]).product::<usize>() > MOST_ELEMENTS {
            return;
        }
        let (a, b) = if self.r.below(2) == 0 { ((first, v), (second, w)) } else { ((second, w), (first, v)) };
        let id = self.b.contract(Contract { extents, output, operands: [a.0, b.0] }, a.1.id, b.1.id);
        self.keep(id, v.most * w.most * summed as f64, (summed as f64).sqrt(), false);
    }
}
