//! Windows: what is computed of one goes back to its cells, and comes again from there.
//!
//! Which cells are the largest changes only where two are equal, so the choice itself has derivative
//! 0: spreading and picking are linear in what is spread and picked, each the adjoint of the other.

use super::sweep::Sweep;
use crate::ir::{Cells, NodeId, Ties, Window, Windows};

/// To the largest cells, or to all.
pub(super) fn reduce(s: &mut Sweep, op: Window, windows: &Windows, a: NodeId, g: NodeId) {
    let da = match op {
        Window::Max(ties) => s.b.window_spread(ties, windows.clone(), a, g),
        Window::Sum => {
            let shape = s.b.shape(a);
            s.b.window_fill(windows.clone(), g, &shape)
        }
    };
    s.give(a, da);
}

/// The chosen cells' adjoints, summed for each window.
pub(super) fn spread(
    s: &mut Sweep,
    y: NodeId,
    cells: Cells,
    windows: &Windows,
    inputs: &[NodeId],
    g: NodeId,
) {
    match cells {
        Cells::Largest(ties) => {
            if s.wants(y, 1) {
                let shape = s.b.shape(inputs[1]);
                let d = s.b.window_pick(ties, windows.clone(), inputs[0], g, &shape);
                s.give(inputs[1], d);
            }
        }
        Cells::Every => {
            let shape = s.b.shape(inputs[0]);
            let count = &shape[shape.len() - windows.size.len()..];
            let d = s.b.window_reduce(Window::Sum, windows.clone(), g, count);
            s.give(inputs[0], d);
        }
    }
}

/// Back to the cells that were picked.
pub(super) fn pick(
    s: &mut Sweep,
    y: NodeId,
    ties: Ties,
    windows: &Windows,
    [a, values]: [NodeId; 2],
    g: NodeId,
) {
    if s.wants(y, 1) {
        let d = s.b.window_spread(ties, windows.clone(), a, g);
        s.give(values, d);
    }
}
