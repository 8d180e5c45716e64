//! Gathers, scatters, windows.

use super::{MOST_ELEMENTS, Maker, Value};
use dlc::ir::{DType, NodeId, Ties, Window, Windows};

impl Maker<'_> {
    /// An index tensor for each of some axes, all of one shape.
    fn indices(&mut self, extents: &[usize]) -> Vec<NodeId> {
        let first = self.whole();
        let shape = self.shape_of(first);
        let mut found = Vec::new();
        for extent in extents {
            let v = match self.find(|b, v| b.dtype(v.id) == DType::I32 && b.shape(v.id) == shape) {
                Some(v) if !found.is_empty() => v,
                Some(_) | None => first,
            };
            found.push(self.within(v.id, *extent));
        }
        found
    }

    fn some_axes(&mut self, rank: usize) -> Vec<usize> {
        let one = self.r.below(rank);
        (0..rank).filter(|d| *d == one || self.r.below(4) == 0).collect()
    }

    pub(super) fn gather(&mut self) {
        let v = self.any();
        let shape = self.shape_of(v);
        if shape.is_empty() || shape.contains(&0) {
            return;
        }
        let axes = self.some_axes(shape.len());
        let extents: Vec<usize> = axes.iter().map(|a| shape[*a]).collect();
        let indices = self.indices(&extents);
        let rest: usize = (0..shape.len()).filter(|d| !axes.contains(d)).map(|d| shape[d]).product();
        if self.b.ty(indices[0]).elements() * rest > MOST_ELEMENTS || self.b.ty(indices[0]).rank() > 3 {
            return;
        }
        let id = self.b.gather(v.id, &axes, &indices);
        self.keep(id, v.most, 1.0, v.exact);
    }

    pub(super) fn scatter(&mut self) {
        let Some(v) = self.find(|b, v| b.dtype(v.id) != DType::Bool) else { return };
        let shape = self.shape_of(v);
        // The first axes of v are those of the index.
        let fits = |b: &dlc::ir::Builder, i: &Value| {
            b.dtype(i.id) == DType::I32 && shape.starts_with(&b.shape(i.id))
        };
        let Some(index) = self.find(fits) else { return };
        let lead = self.b.ty(index.id).rank();
        let mut to = shape[lead..].to_vec();
        let mut axes = vec![self.r.below(to.len() + 1)];
        let extent = self.extent();
        to.insert(axes[0], extent);
        let mut indices = vec![self.within(index.id, extent)];
        if self.r.below(3) == 0 {
            // A second indexed axis behind the first.
            let at = axes[0] + 1 + self.r.below(to.len() - axes[0]);
            let extent = self.r.of(&[1, 2, 3, 5]);
            to.insert(at, extent);
            axes.push(at);
            indices.push(self.within(index.id, extent));
        }
        if to.iter().product::<usize>() > MOST_ELEMENTS || to.contains(&0) {
            return;
        }
        let id = self.b.scatter_add(v.id, &axes, &indices, &to);
        let count = self.b.ty(index.id).elements() as f64;
        self.keep(id, v.most * count, count.sqrt(), self.b.dtype(v.id) == DType::I32);
    }

    /// Windows over the last axes, overlapping or not, the last ones perhaps with fewer cells.
    fn windows(&mut self, shape: &[usize]) -> (Windows, Vec<usize>) {
        let from = self.r.below(shape.len() + 1).max(shape.len().saturating_sub(3));
        let over = &shape[from..];
        let [size, stride] = [0; 2].map(|_| over.iter().map(|_| 1 + self.r.below(4)).collect::<Vec<_>>());
        let count = over.iter().zip(&stride).map(|(e, s)| {
            let all = (e - 1) / s + 1;
            if self.r.below(3) == 0 { 1 + self.r.below(all) } else { all }
        });
        let count = count.collect();
        (Windows { size, stride }, count)
    }

    pub(super) fn window(&mut self) {
        let Some(v) = self.find(|b, v| b.dtype(v.id) != DType::Bool) else { return };
        let shape = self.shape_of(v);
        if shape.contains(&0) {
            return;
        }
        let whole = self.b.dtype(v.id) == DType::I32;
        let (windows, count) = self.windows(&shape);
        let cells = windows.size.iter().product::<usize>() as f64;
        let lead = shape.len() - count.len();
        let each = [&shape[..lead], &count].concat();
        let ties = self.r.of(&[Ties::First, Ties::All]);
        match self.r.below(6) {
            0 => {
                let id = self.b.window_reduce(Window::Max(ties), windows, v.id, &count);
                self.keep(id, v.most, 1.0, v.exact);
            }
            1 => {
                let id = self.b.window_reduce(Window::Sum, windows, v.id, &count);
                self.keep(id, v.most * cells, cells.sqrt(), whole);
            }
            2 if v.exact => {
                let w = self.partner(v);
                let id = self.b.window_pick(ties, windows, v.id, w.id, &each);
                self.keep(id, w.most * cells, cells.sqrt(), whole);
            }
            3 => {
                let fits =
                    |b: &dlc::ir::Builder, w: &Value| b.shape(w.id) == each && b.dtype(w.id) == b.dtype(v.id);
                let numbers = match self.find(fits) {
                    Some(w) => w,
                    None => {
                        let id = self.b.window_reduce(Window::Max(ties), windows.clone(), v.id, &count);
                        Value { id, ..v }
                    }
                };
                let id = self.b.window_fill(windows, numbers.id, &shape);
                self.keep(id, numbers.most * cells, cells.sqrt(), whole);
            }
            _ if v.exact => {
                let dtype = self.b.dtype(v.id);
                let fits = |b: &dlc::ir::Builder, w: &Value| b.shape(w.id) == each && b.dtype(w.id) == dtype;
                let numbers = match self.find(fits) {
                    Some(w) => w,
                    None => {
                        let id = self.b.window_reduce(Window::Sum, windows.clone(), v.id, &count);
                        Value { id, most: v.most * cells, exact: whole }
                    }
                };
                let id = self.b.window_spread(ties, windows, v.id, numbers.id);
                self.keep(id, numbers.most * cells, cells.sqrt(), whole);
            }
            _ => {}
        }
    }
}
