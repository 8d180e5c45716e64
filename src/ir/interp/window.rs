//! Windows over the last axes: reduced, and their numbers brought back to the cells.

use super::element::Number;
use super::view::positions;
use crate::ir::op::{Ties, Window, Windows};
use crate::ir::tensor::{Buffer, Tensor, row_major};

/// The cells of each window of one plane, the last axes of a tensor, in row-major order.
struct Plane {
    /// Cells of the plane.
    area: usize,
    /// Positions in the plane, window after window.
    cells: Vec<usize>,
    /// Where each window's cells begin in that list, and at last the list's length.
    starts: Vec<usize>,
}

impl Plane {
    /// `over` is the shape of the tensor, `each` that of one number for each window.
    fn new(windows: &Windows, over: &[usize], each: &[usize]) -> Plane {
        let lead = over.len() - windows.size.len();
        let (over, each) = (&over[lead..], &each[lead..]);
        let strides = row_major(over);
        let (mut cells, mut starts) = (Vec::new(), vec![0]);
        let count: usize = each.iter().product();
        for window in 0..count {
            let (mut first, mut extent, mut rest) = (0, vec![0; each.len()], window);
            for d in (0..each.len()).rev() {
                let at = rest % each[d] * windows.stride[d];
                rest /= each[d];
                first += at as isize * strides[d];
                extent[d] = windows.size[d].min(over[d] - at);
            }
            cells.extend(positions(first, &extent, &strides).iter().map(|p| *p as usize));
            starts.push(cells.len());
        }
        Plane { area: over.iter().product(), cells, starts }
    }

    /// How many windows a plane has.
    fn count(&self) -> usize {
        self.starts.len() - 1
    }

    fn cells(&self, window: usize) -> &[usize] {
        &self.cells[self.starts[window]..self.starts[window + 1]]
    }
}

/// One number of each window.
pub fn reduce(op: Window, windows: &Windows, a: &Tensor, each: &[usize]) -> Buffer {
    let plane = Plane::new(windows, &a.ty.shape, each);
    let whole = each.iter().product();
    match &*a.data {
        Buffer::F32(v) => Buffer::F32(reduced(op, &plane, v, whole)),
        Buffer::F64(v) => Buffer::F64(reduced(op, &plane, v, whole)),
        Buffer::I32(v) => Buffer::I32(reduced(op, &plane, v, whole)),
        Buffer::Bool(_) => unreachable!("windows of truth values"),
    }
}

fn reduced<T: Number>(op: Window, plane: &Plane, a: &[T], whole: usize) -> Vec<T> {
    let mut out = Vec::with_capacity(whole);
    for part in parts(a, plane.area, plane.count()) {
        for window in 0..plane.count() {
            let cells = plane.cells(window);
            let mut total = part[cells[0]];
            for cell in &cells[1..] {
                total = match op {
                    Window::Max(_) => total.larger(part[*cell]),
                    Window::Sum => total.plus(part[*cell]),
                };
            }
            out.push(total);
        }
    }
    out
}

/// The planes of a tensor; none if they have no windows.
fn parts<T>(a: &[T], area: usize, count: usize) -> std::slice::Chunks<'_, T> {
    if area * count == 0 { [].chunks(1) } else { a.chunks(area) }
}

/// Calls `found` with the positions of the chosen cells of a window.
fn largest<T: Number>(ties: Ties, part: &[T], cells: &[usize], mut found: impl FnMut(usize)) {
    let mut best = cells[0];
    for cell in &cells[1..] {
        // The first NaN beats everything.
        if part[*cell] > part[best] || (part[*cell].is_nan() && !part[best].is_nan()) {
            best = *cell;
        }
    }
    match ties {
        Ties::First => found(best),
        Ties::All => {
            let (most, nan) = (part[best], part[best].is_nan());
            for cell in cells {
                if part[*cell] == most || (nan && part[*cell].is_nan()) {
                    found(*cell);
                }
            }
        }
    }
}

/// The number of each window, added to its largest cells.
pub fn spread(ties: Ties, windows: &Windows, a: &Tensor, numbers: &Tensor) -> Buffer {
    let plane = Plane::new(windows, &a.ty.shape, &numbers.ty.shape);
    fn go<T: Number>(ties: Ties, plane: &Plane, a: &[T], numbers: &[T]) -> Vec<T> {
        let mut out = vec![T::default(); a.len()];
        let planes = parts(a, plane.area, plane.count()).zip(out.chunks_mut(plane.area.max(1)));
        for ((part, out), numbers) in planes.zip(numbers.chunks(plane.count().max(1))) {
            for (window, number) in numbers.iter().enumerate() {
                largest(ties, part, plane.cells(window), |cell| out[cell] = out[cell].plus(*number));
            }
        }
        out
    }
    match (&*a.data, &*numbers.data) {
        (Buffer::F32(a), Buffer::F32(n)) => Buffer::F32(go(ties, &plane, a, n)),
        (Buffer::F64(a), Buffer::F64(n)) => Buffer::F64(go(ties, &plane, a, n)),
        (Buffer::I32(a), Buffer::I32(n)) => Buffer::I32(go(ties, &plane, a, n)),
        (a, n) => unreachable!("{} spread over {}", n.dtype().name(), a.dtype().name()),
    }
}

/// The number of each window, added to every cell.
pub fn fill(windows: &Windows, numbers: &Tensor, shape: &[usize]) -> Buffer {
    let plane = Plane::new(windows, shape, &numbers.ty.shape);
    let whole = shape.iter().product();
    fn go<T: Number>(plane: &Plane, numbers: &[T], whole: usize) -> Vec<T> {
        let mut out = vec![T::default(); whole];
        let planes = out.chunks_mut(plane.area.max(1)).zip(numbers.chunks(plane.count().max(1)));
        for (out, numbers) in planes {
            for (window, number) in numbers.iter().enumerate() {
                for cell in plane.cells(window) {
                    out[*cell] = out[*cell].plus(*number);
                }
            }
        }
        out
    }
    match &*numbers.data {
        Buffer::F32(n) => Buffer::F32(go(&plane, n, whole)),
        Buffer::F64(n) => Buffer::F64(go(&plane, n, whole)),
        Buffer::I32(n) => Buffer::I32(go(&plane, n, whole)),
        Buffer::Bool(_) => unreachable!("windows of truth values"),
    }
}

/// For each window, the sum of the values at its largest cells.
pub fn pick(ties: Ties, windows: &Windows, a: &Tensor, values: &Tensor, each: &[usize]) -> Buffer {
    let plane = Plane::new(windows, &a.ty.shape, each);
    let whole = each.iter().product();
    fn go<T: Number>(ties: Ties, plane: &Plane, a: &[T], values: &[T], whole: usize) -> Vec<T> {
        let mut out = Vec::with_capacity(whole);
        let planes = parts(a, plane.area, plane.count()).zip(values.chunks(plane.area.max(1)));
        for (part, values) in planes {
            for window in 0..plane.count() {
                let mut sum = T::default();
                largest(ties, part, plane.cells(window), |cell| sum = sum.plus(values[cell]));
                out.push(sum);
            }
        }
        out
    }
    match (&*a.data, &*values.data) {
        (Buffer::F32(a), Buffer::F32(v)) => Buffer::F32(go(ties, &plane, a, v, whole)),
        (Buffer::F64(a), Buffer::F64(v)) => Buffer::F64(go(ties, &plane, a, v, whole)),
        (Buffer::I32(a), Buffer::I32(v)) => Buffer::I32(go(ties, &plane, a, v, whole)),
        (a, v) => unreachable!("{} picked by {}", v.dtype().name(), a.dtype().name()),
    }
}
