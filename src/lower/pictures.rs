//! Convolution as a contraction over a padded picture, and pooling as windows.

use super::Lower;
use crate::ir::{self, Affine, Binary, Contract, NodeId, Scalar, Type, Window, Windows};
use crate::program::{ConvMode, PoolOp, Ties};

impl Lower<'_> {
    /// `out[n,k,i,j] = sum over c,a,b of x[n,c,s*i+a,t*j+b] * w[k,c,a,b]` for a cross-correlation. True
    /// convolution reads the filter backwards, or what is the same, x at `s*i+(A-1)-a`.
    pub(super) fn convolution(
        &mut self,
        flipped: bool,
        mode: ConvMode,
        stride: [usize; 2],
        [x, w]: [NodeId; 2],
        ty: &Type,
    ) -> NodeId {
        let (x, w) = (self.convert(x, ty.dtype), self.convert(w, ty.dtype));
        let filters = self.b.shape(w);
        let size = [filters[2], filters[3]];
        let margin = size.map(|a| match mode {
            ConvMode::Valid => (0, 0),
            ConvMode::Same if flipped => (a / 2, (a - 1) / 2),
            ConvMode::Same => ((a - 1) / 2, a / 2),
            ConvMode::Full => (a - 1, a - 1),
        });
        let low = [0, 0, margin[0].0, margin[1].0];
        let high = [0, 0, margin[0].1, margin[1].1];
        let x = self.b.pad(x, &low, &high, &[0; 4], Scalar::Real(0.0));

        // n, k, i, j, then what is summed over: c, a, b.
        let mut extents = ty.shape.clone();
        extents.extend_from_slice(&filters[1..]);
        let cell = |d: usize| {
            let (sign, offset) = if flipped { (-1, size[d] as i64 - 1) } else { (1, 0) };
            Affine { terms: vec![(2 + d, stride[d] as i64), (5 + d, sign)], offset }
        };
        let picture = vec![Affine::var(0), Affine::var(4), cell(0), cell(1)];
        let filter = [1, 4, 5, 6].map(Affine::var).to_vec();
        self.b.contract(Contract { extents, output: vec![0, 1, 2, 3], operands: [picture, filter] }, x, w)
    }

    /// Windows side by side over the last two axes. A window that sticks out has the cells that are
    /// there, and their number divides its mean.
    pub(super) fn pool(&mut self, op: PoolOp, window: [usize; 2], a: NodeId, ty: &Type) -> NodeId {
        let a = self.convert(a, ty.dtype);
        let windows = Windows { size: window.to_vec(), stride: window.to_vec() };
        let shape = self.b.shape(a);
        let lead = shape.len() - 2;
        let count = &ty.shape[lead..];
        let ties = |ties| match ties {
            Ties::First => ir::Ties::First,
            Ties::All => ir::Ties::All,
        };
        match op {
            PoolOp::Max(t) => self.b.window_reduce(Window::Max(ties(t)), windows, a, count),
            PoolOp::Mean => {
                let sum = self.b.window_reduce(Window::Sum, windows.clone(), a, count);
                if (0..2).all(|d| count[d] * window[d] <= shape[lead + d]) {
                    return self.b.with_constant(Binary::Div, sum, (window[0] * window[1]) as f64);
                }
                let ones = self.b.fill(ty.dtype, 1.0, &shape[lead..]);
                let cells = self.b.window_reduce(Window::Sum, windows, ones, count);
                let cells = self.b.broadcast_right(cells, &ty.shape);
                self.b.div(sum, cells)
            }
        }
    }
}
