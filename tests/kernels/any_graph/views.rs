//! Views, and views of views.

use super::{MOST_ELEMENTS, Maker};
use dlc::ir::{DType, Scalar};

impl Maker<'_> {
    pub(super) fn view(&mut self) {
        let v = self.any();
        let shape = self.shape_of(v);
        let rank = shape.len();
        let each = |s: &mut Self, bound: usize| (0..rank).map(|_| s.r.below(bound)).collect::<Vec<_>>();
        let (mut most, mut exact) = (v.most, v.exact);
        let id = match self.r.below(9) {
            0 | 1 => {
                let mut perm: Vec<usize> = (0..rank).collect();
                for i in (1..rank).rev() {
                    perm.swap(i, self.r.below(i + 1));
                }
                self.b.transpose(v.id, &perm)
            }
            2 if rank < 4 => {
                let at = self.r.below(rank + 1);
                let extent = self.extent();
                let mut to = shape.clone();
                to.insert(at, extent);
                if to.iter().product::<usize>() > MOST_ELEMENTS {
                    return;
                }
                let axes: Vec<usize> = (0..=rank).filter(|d| *d != at).collect();
                self.b.broadcast(v.id, &axes, &to)
            }
            3 => {
                let to: Vec<usize> = shape.iter().map(|e| if *e == 1 { self.extent() } else { *e }).collect();
                if to.iter().product::<usize>() > MOST_ELEMENTS {
                    return;
                }
                let axes: Vec<usize> = (0..rank).collect();
                self.b.broadcast(v.id, &axes, &to)
            }
            4 => {
                let to = self.other_shape(&shape);
                self.b.reshape(v.id, &to)
            }
            5 if !shape.contains(&0) => {
                let start: Vec<usize> = shape.iter().map(|e| self.r.below(*e)).collect();
                let stride: Vec<usize> = each(self, 3).iter().map(|s| s + 1).collect();
                let extent: Vec<usize> =
                    (0..rank).map(|d| 1 + self.r.below((shape[d] - start[d]).div_ceil(stride[d]))).collect();
                self.b.slice(v.id, &start, &stride, &extent)
            }
            6 => {
                let [low, high, interior] = [0; 3].map(|_| each(self, 3));
                let value = match self.b.dtype(v.id) {
                    DType::F32 | DType::F64 => Scalar::Real(self.r.of(&[0.0, 0.5, -1.0])),
                    DType::I32 => Scalar::Int(self.r.below(9) as i32 - 4),
                    DType::Bool => Scalar::Bool(self.r.below(2) == 0),
                };
                most = most.max(1.0);
                self.b.pad(v.id, &low, &high, &interior, value)
            }
            7 if rank > 0 => {
                let mut parts = vec![v.id];
                for _ in 0..1 + self.r.below(2) {
                    let w = self.partner(v);
                    (most, exact) = (most.max(w.most), exact && w.exact);
                    parts.push(w.id);
                }
                let axis = self.r.below(rank);
                self.b.concat(&parts, axis)
            }
            _ => {
                let axes: Vec<usize> = (0..rank).filter(|_| self.r.below(2) == 0).collect();
                self.b.reverse(v.id, &axes)
            }
        };
        self.keep(id, most, 1.0, exact);
    }

    /// As many elements under another shape.
    fn other_shape(&mut self, shape: &[usize]) -> Vec<usize> {
        let count: usize = shape.iter().product();
        match self.r.below(4) {
            0 => vec![count],
            1 if shape.len() > 1 => {
                let at = self.r.below(shape.len() - 1);
                let mut to = shape.to_vec();
                let next = to.remove(at + 1);
                to[at] *= next;
                to
            }
            2 => {
                let mut to = shape.to_vec();
                let at = self.r.below(shape.len() + 1);
                to.insert(at, 1);
                to
            }
            _ => {
                // Another way to cut all of them.
                let by: Vec<usize> =
                    [2, 3, 4, 5, 13, 17].into_iter().filter(|d| count.is_multiple_of(*d)).collect();
                if by.is_empty() {
                    return vec![1, count];
                }
                let first = self.r.of(&by);
                if self.r.below(2) == 0 { vec![first, count / first] } else { vec![count / first, first] }
            }
        }
    }
}
