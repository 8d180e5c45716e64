//! Which kernels go through their blocks from the last to the first.
//!
//! Blocks of a kernel are independent, so their order is for the target to choose. A weight that does not fit a core's own
//! cache is best gone through by turns in both directions: what the last pass has left there is met first by the next.

use crate::kernel::{Buffer, BufferId, Home, Index, IndexVar, Item, Kernel, Step, Stmt};
use std::collections::BTreeMap;

/// Elements of a place from which its passes take turns: less stays in a core's cache anyway.
const LARGE: usize = 1 << 18;

/// For each kernel whether it goes down.
pub(super) fn down(step: &Step) -> Vec<bool> {
    let mut ways = Ways { step, down: vec![false; step.kernels.len()], last: BTreeMap::new() };
    ways.items(&step.order, false);
    ways.down
}

struct Ways<'a> {
    step: &'a Step,
    down: Vec<bool>,
    /// For places, whether their last pass went down.
    last: BTreeMap<usize, bool>,
}

impl Ways<'_> {
    fn items(&mut self, items: &[Item], block_by_block: bool) {
        for item in items {
            match item {
                Item::Kernel(at) => self.kernel(*at, block_by_block),
                Item::Barrier => {}
                Item::Loop { body, .. } | Item::Next(body) => self.items(body, block_by_block),
                Item::Coming { body, .. } | Item::Blocks(body) => self.items(body, true),
            }
        }
    }

    fn kernel(&mut self, at: usize, block_by_block: bool) {
        let mut places = Vec::new();
        gone_through(self.step, &self.step.kernels[at], &self.step.kernels[at].body, &mut places);
        let down = !block_by_block && places.iter().any(|place| self.last.get(place) == Some(&false));
        self.down[at] = down;
        self.last.extend(places.into_iter().map(|place| (place, down)));
    }
}

/// The large places that products of a kernel take by its blocks.
fn gone_through(step: &Step, kernel: &Kernel, body: &[Stmt], places: &mut Vec<usize>) {
    let Some(owner) = kernel.owner() else { return };
    let by_blocks = |index: &Index| index.terms.iter().any(|(var, _)| *var == IndexVar::Loop(owner.var));
    let place = |(buffer, index): &(BufferId, Index)| match &step.buffers[buffer.0 as usize] {
        Buffer { home: Home::Place(place), shape, .. } => {
            (by_blocks(index) && shape.iter().product::<usize>() >= LARGE).then_some(*place)
        }
        _ => None,
    };
    for stmt in body {
        match stmt {
            Stmt::Product(product) => {
                places.extend([&product.a, &product.b, &product.c].into_iter().filter_map(place));
            }
            Stmt::For { body, .. } | Stmt::Lanes { body, .. } => gone_through(step, kernel, body, places),
            Stmt::Let { .. }
            | Stmt::Check { .. }
            | Stmt::Store { .. }
            | Stmt::Strip { .. }
            | Stmt::Random { .. } => {}
        }
    }
}

#[cfg(test)]
mod tests {
    use crate::kernel::read;

    #[test]
    fn a_weight_is_gone_through_by_turns_in_both_directions() {
        let kernel = |label: usize| {
            format!(
                "kernel s.{label} owner i < 1024 by 64 of n\n  product lanes y[i] = x[0] * W[i] m=1 n=64 c_row=0 a_row=0 \
                 terms=1024 by (1, 1024)\n"
            )
        };
        let step = |order: &str| {
            let text = format!(
                "step s arena=8192 scratch=0 counters=0\nbuffer x : f32[1024] arena 0\nbuffer y : f32[1024] arena 4096\n\
                 buffer W : f32[1024,1024] place 0\n\n{}\n{}\n{}\norder: {order}\n",
                kernel(0),
                kernel(1),
                kernel(2)
            );
            super::down(&read::read(&text).expect("the text is a step"))
        };
        assert_eq!(step("s.0 | s.1 | s.2 |"), [false, true, false]);
        // Blocks of several kernels together come in their order.
        assert_eq!(step("s.0 | blocks { s.1 next { s.2 } } |"), [false; 3]);
    }
}
