//! What a kernel costs: operations on numbers, and bytes that it has to read and write.

use super::access::{Access, accesses};
use super::ranges::Ranges;
use super::{Extent, Fold, Form, Home, Item, Kernel, Op, Owner, Product, Step, Stmt, Terms, Var, order};
use std::collections::BTreeMap;

/// Costs of one run of a kernel, or of a call of a step.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Cost {
    /// Operations on numbers: two for each term of a product; one for each function, comparison or selection
    /// of elements, for each item of a fold and for each random word. Indices, constants, loads and
    /// conversions count nothing.
    pub flops: u64,
    /// Bytes read: of each buffer all from the first to the last that is touched, once.
    pub read: u64,
    /// Bytes written, likewise.
    pub written: u64,
}

/// What one run of a kernel costs, in each turn of the loops around it the same. A thread's own memory counts nothing.
pub fn of_kernel(step: &Step, kernel: usize) -> Cost {
    let turns = order::turns(step, kernel);
    let kernel = &step.kernels[kernel];
    let all = accesses(kernel, &turns);
    let bytes = |written: bool| {
        let mut spans: BTreeMap<u32, (i64, i64)> = BTreeMap::new();
        for access in all.iter().filter(|a| a.written == written) {
            let (low, high) = span(step, &turns, access);
            let span = spans.entry(access.buffer.0).or_insert((low, high));
            *span = (span.0.min(low), span.1.max(high));
        }
        let sizes = spans.iter().map(|(buffer, (low, high))| {
            let buffer = &step.buffers[*buffer as usize];
            match buffer.home {
                Home::Own(_) | Home::OwnAlternate(..) | Home::Scratch(_) => 0,
                Home::Arg(_)
                | Home::Place(_)
                | Home::Resident(_)
                | Home::Report(_)
                | Home::Run
                | Home::Arena(_)
                | Home::Alternate(..) => (high - low + 1).max(0) as u64 * buffer.dtype.size() as u64,
            }
        });
        sizes.fold(0, u64::saturating_add)
    };
    Cost { flops: flops(kernel), read: bytes(false), written: bytes(true) }
}

/// What one call of a step costs: its kernels as often as they run.
pub fn of_step(step: &Step) -> Cost {
    let each: Vec<Cost> = (0..step.kernels.len()).map(|kernel| of_kernel(step, kernel)).collect();
    items(&step.order, &each)
}

/// How many barriers a call of a step crosses, on average.
pub fn barriers(step: &Step) -> f64 {
    fn of(items: &[Item]) -> f64 {
        let one = |item: &Item| match item {
            Item::Kernel(_) => 0.0,
            Item::Barrier => 1.0,
            Item::Loop { turns, body, .. } => *turns as f64 * of(body) + turns.saturating_sub(1) as f64,
            Item::Next(body) | Item::Blocks(body) => of(body),
            Item::Coming { calls, body } => of(body) / *calls as f64,
        };
        items.iter().map(one).sum()
    }
    of(&step.order)
}

fn items(order: &[Item], each: &[Cost]) -> Cost {
    order.iter().fold(Cost::default(), |sum, item| match item {
        Item::Kernel(kernel) => plus(sum, each[*kernel], 1),
        Item::Barrier => sum,
        Item::Loop { turns, body, .. } => plus(sum, items(body, each), *turns as u64),
        Item::Next(body) | Item::Coming { body, .. } | Item::Blocks(body) => plus(sum, items(body, each), 1),
    })
}

fn plus(a: Cost, b: Cost, times: u64) -> Cost {
    let add = |a: u64, b: u64| a.saturating_add(b.saturating_mul(times));
    Cost { flops: add(a.flops, b.flops), read: add(a.read, b.read), written: add(a.written, b.written) }
}

/// First and last position; all of the buffer where run-time values decide. What moves with a counter is
/// looked at in one turn.
fn span(step: &Step, turns: &[usize], access: &Access) -> (i64, i64) {
    let last = step.buffers[access.buffer.0 as usize].elements() as i64 - 1;
    if access.dynamic {
        return (0, last);
    }
    let once: Vec<usize> = turns.iter().map(|_| 1).collect();
    let (low, high) = Ranges::new(&once).of_counters(access.counters.iter().copied());
    (low + access.range.0, high + access.range.1)
}

fn flops(kernel: &Kernel) -> u64 {
    let mut count = Count { vars: vec![0; kernel.vars] };
    match kernel.owner() {
        Some(Owner { var, extent, unit, .. }) => {
            count.looped(&[(*var, Extent::fixed(*extent))], *unit, &|count| count.body(&kernel.body))
        }
        None => count.body(&kernel.body),
    }
}

/// Counts along the loops; a loop whose turns differ in number is gone through.
struct Count {
    vars: Vec<i64>,
}

impl Count {
    fn body(&mut self, body: &[Stmt]) -> u64 {
        body.iter().map(|stmt| self.statement(stmt)).fold(0, u64::saturating_add)
    }

    fn statement(&mut self, stmt: &Stmt) -> u64 {
        match stmt {
            Stmt::Let { op, .. } => self.operation(op),
            Stmt::Store { .. } | Stmt::Check { .. } => 0,
            Stmt::For { var, extent, step, body } => {
                self.looped(&[(*var, *extent)], *step, &|count| count.body(body))
            }
            Stmt::Lanes { var, extent, body } => {
                self.looped(&[(*var, *extent)], 1, &|count| count.body(body))
            }
            Stmt::Strip { count, .. } | Stmt::Random { count, .. } => self.turns(count),
            Stmt::Product(product) => self.product(product),
        }
    }

    fn operation(&mut self, op: &Op) -> u64 {
        match op {
            Op::Const(_) | Op::Index(_) | Op::Load(..) | Op::Cast(_) => 0,
            Op::Unary(..) | Op::Binary(..) | Op::Compare(..) | Op::Select(..) => 1,
            Op::Fold(fold) => {
                let Fold { loops, body, .. } = &**fold;
                self.looped(loops, 1, &|count| count.body(body).saturating_add(1))
            }
        }
    }

    fn product(&self, product: &Product) -> u64 {
        let terms = match &product.form {
            Form::Lanes { terms: Terms::Strided { count, .. }, .. } => self.turns(count),
            Form::Lanes { terms: Terms::Table(pairs), .. } => pairs.len() as u64,
            Form::Dot { k, outer, bands, .. } => {
                ((bands.count * outer.count()) as u64).saturating_mul(self.turns(k))
            }
        };
        let elements = self.turns(&product.m).saturating_mul(self.turns(&product.n));
        elements.saturating_mul(terms).saturating_mul(2)
    }

    fn looped(&mut self, loops: &[(Var, Extent)], step: usize, body: &dyn Fn(&mut Count) -> u64) -> u64 {
        let Some(((var, extent), inner)) = loops.split_first() else { return body(self) };
        let (turns, step) = (self.turns(extent), step.max(1) as u64);
        let number = turns.div_ceil(step);
        if number == 0 {
            return 0;
        }
        let at = var.0 as usize;
        self.vars[at] = 0;
        let first = self.looped(inner, step as usize, body);
        self.vars[at] = ((number - 1) * step) as i64;
        let last = self.looped(inner, step as usize, body);
        if first == last {
            return first.saturating_mul(number);
        }
        let all = (0..number).map(|turn| {
            self.vars[at] = (turn * step) as i64;
            self.looped(inner, step as usize, body)
        });
        all.fold(0, u64::saturating_add)
    }

    fn turns(&self, extent: &Extent) -> u64 {
        let size = extent.size as i64;
        let turns =
            extent.rest.map_or(size, |(var, limit)| size.min(limit as i64 - self.vars[var.0 as usize]));
        turns.max(0) as u64
    }
}
