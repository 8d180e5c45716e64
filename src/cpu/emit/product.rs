//! Sums of products: the arguments of a micro-kernel, and its call.

use super::function::Emitter;
use crate::cpu::micro::{DECAYED, Dot, Known, Lanes, OLD, PLUS, SCALED, ZERO};
use crate::ir::DType;
use crate::kernel::{BufferId, Extent, Form, Home, IndexVar, Product, Start, Stmt, Terms};
use cranelift_codegen::ir::condcodes::IntCC;
use cranelift_codegen::ir::types::I64;
use cranelift_codegen::ir::{InstBuilder, MemFlagsData, StackSlot, Value};
use std::mem::{offset_of, size_of};

/// Bytes for what is known of a left operand, and for all of a kernel.
const KEPT: usize = 1 << 15;
const KEPT_IN_ALL: usize = 1 << 17;

/// Elements of an argument from which they come from memory.
const LARGE_ARGUMENT: usize = 1 << 17;

/// Where the fields of an argument struct lie.
struct Fields {
    size: usize,
    a: usize,
    b: usize,
    c: usize,
    m: usize,
    n: usize,
    k: usize,
    ahead: usize,
    scale: usize,
}

// The fields lie at the same bytes for both types, since the scale comes last.
const LANES: Fields = Fields {
    size: size_of::<Lanes<f64>>(),
    a: offset_of!(Lanes<f32>, a),
    b: offset_of!(Lanes<f32>, b),
    c: offset_of!(Lanes<f32>, c),
    m: offset_of!(Lanes<f32>, m),
    n: offset_of!(Lanes<f32>, n),
    k: offset_of!(Lanes<f32>, k),
    ahead: offset_of!(Lanes<f32>, ahead),
    scale: offset_of!(Lanes<f32>, scale),
};
const DOT: Fields = Fields {
    size: size_of::<Dot<f64>>(),
    a: offset_of!(Dot<f32>, a),
    b: offset_of!(Dot<f32>, b),
    c: offset_of!(Dot<f32>, c),
    m: offset_of!(Dot<f32>, m),
    n: offset_of!(Dot<f32>, n),
    k: offset_of!(Dot<f32>, k),
    ahead: offset_of!(Dot<f32>, ahead),
    scale: offset_of!(Dot<f32>, scale),
};

impl Fields {
    /// The extents of a product that may be shorter in the last block, and their fields.
    fn extents<'a>(&self, product: &'a Product) -> Vec<(&'a Extent, usize)> {
        let mut extents = vec![(&product.m, self.m), (&product.n, self.n)];
        match &product.form {
            Form::Lanes { terms: Terms::Strided { count: k, .. }, .. } | Form::Dot { k, .. } => {
                extents.push((k, self.k));
            }
            Form::Lanes { terms: Terms::Table(_), .. } => {}
        }
        extents
    }
}

impl<'a> Emitter<'a, '_> {
    /// Makes a product's argument struct, and writes there what is known now.
    pub fn head_of_product(&mut self, product: &'a Product) -> Result<(), String> {
        let start = match product.start {
            Start::Zero => ZERO,
            Start::Old => OLD,
            Start::Plus => PLUS,
            Start::Scaled(_) => SCALED,
            Start::Decayed(_) => DECAYED,
        };
        let (fields, rest) = match &product.form {
            Form::Lanes { terms, .. } => {
                let (offsets, steps) = self.terms(terms);
                let fixed = vec![
                    (offset_of!(Lanes<f32>, a_off), offsets[0]),
                    (offset_of!(Lanes<f32>, b_off), offsets[1]),
                    (offset_of!(Lanes<f32>, a_row), product.a_row),
                    (offset_of!(Lanes<f32>, a_step), steps[0]),
                    (offset_of!(Lanes<f32>, b_step), steps[1]),
                    (offset_of!(Lanes<f32>, c_row), product.c_row),
                    (offset_of!(Lanes<f32>, k), terms.count() as i64),
                    (offset_of!(Lanes<f32>, start), start),
                ];
                (LANES, fixed)
            }
            Form::Dot { b_row, k: _, outer, bands } => {
                // The routine has no steps of its own from run to run.
                let offsets = match outer {
                    Terms::Strided { count: Extent { size: 0 | 1, .. }, .. } => [0, 0],
                    Terms::Strided { count, a, b } => {
                        let pairs = (0..count.size as i64).map(|o| Ok((narrow(o * a)?, narrow(o * b)?)));
                        self.table(&pairs.collect::<Result<Vec<_>, String>>()?)
                    }
                    Terms::Table(pairs) => self.table(pairs),
                };
                let fixed = vec![
                    (offset_of!(Dot<f32>, a_off), offsets[0]),
                    (offset_of!(Dot<f32>, b_off), offsets[1]),
                    (offset_of!(Dot<f32>, outer), outer.count() as i64),
                    (offset_of!(Dot<f32>, a_row), product.a_row),
                    (offset_of!(Dot<f32>, b_row), *b_row),
                    (offset_of!(Dot<f32>, bands), bands.count as i64),
                    (offset_of!(Dot<f32>, b_band), bands.b),
                    (offset_of!(Dot<f32>, c_band), bands.c),
                    (offset_of!(Dot<f32>, c_row), product.c_row),
                    (offset_of!(Dot<f32>, c_col), product.c_col),
                    (offset_of!(Dot<f32>, start), start),
                ];
                (DOT, fixed)
            }
        };
        let known = self.marked(product).or_else(|| self.known(product));
        let rest = [rest, vec![(fields.ahead, 0)]].concat();
        let slot = self.slot(fields.size);
        for (field, value) in rest {
            let value = self.int(value);
            self.b.ins().stack_store(I64, value, slot, field as i32);
        }
        for (extent, field) in fields.extents(product) {
            if extent.rest.is_none() {
                let value = self.int(extent.size as i64);
                self.b.ins().stack_store(I64, value, slot, field as i32);
            }
        }
        if let Form::Lanes { .. } = product.form {
            let known = known.unwrap_or_else(|| self.int(0));
            self.b.ins().stack_store(I64, known, slot, offset_of!(Lanes<f32>, known) as i32);
        }
        self.arguments.push((product, slot));
        Ok(())
    }

    /// Memory for which numbers of a left operand are zero, if the operand is the same whenever the product is done.
    fn known(&mut self, product: &Product) -> Option<Value> {
        let Form::Lanes { terms: Terms::Strided { count, .. }, sparse: true } = &product.form else {
            return None;
        };
        let (buffer, index) = &product.a;
        let still = index.terms.iter().all(|(var, _)| matches!(var, IndexVar::Counter(_)));
        let fixed = still && index.dynamic.is_empty() && count.rest.is_none() && product.m.rest.is_none();
        let bytes = 8 * Known::words(product.m.size, count.size);
        let room = bytes <= KEPT && self.kept + bytes <= KEPT_IN_ALL;
        if !fixed || !room || self.writes(&self.kernel.body, *buffer) {
            return None;
        }
        let memory = self.b.ins().iadd_imm_s(self.keep, self.kept as i64);
        self.kept += bytes;
        // Its first word says whether anything is known, which is so in a call that goes on.
        let flags = MemFlagsData::trusted();
        let known = self.b.ins().load(I64, flags, memory, 0);
        let known = self.b.ins().band(known, self.goes_on);
        self.b.ins().store(flags, known, memory, 0);
        Some(memory)
    }

    /// Bytes from the rows of an argument that a product goes through to those that this thread needs next, of its next
    /// block or, behind the last of the kernel's call, of its first one in the next call; none where there are so few
    /// that they are in a cache.
    fn ahead(&mut self, product: &Product) -> Option<Value> {
        let (rows, (buffer, index), row, terms) = match &product.form {
            Form::Dot { k, outer, .. } if outer.count() == 1 => (product.m, &product.a, product.a_row, *k),
            Form::Lanes { terms: Terms::Strided { count, b, .. }, sparse: false } => {
                (*count, &product.b, *b, product.n)
            }
            Form::Lanes { .. } | Form::Dot { .. } => return None,
        };
        let (of, owner, turn) = (self.buffer(*buffer), self.kernel.owner()?, self.turn?);
        let size = of.dtype.size() as i64;
        let by_blocks = index.terms[..] == [(IndexVar::Loop(owner.var), row)] && index.dynamic.is_empty();
        let unbroken = terms.rest.is_none() && terms.size as i64 == row && rows.size == owner.unit;
        let far = of.shape.iter().product::<usize>() >= LARGE_ARGUMENT;
        if !matches!(of.home, Home::Arg(_)) || !by_blocks || !unbroken || !far {
            return None;
        }
        let block = owner.unit as i64 * row * size;
        let next = self.b.ins().iadd_imm_s(turn.now, 1);
        let more = self.b.ins().icmp(IntCC::SignedLessThan, next, turn.last);
        let call = self.word(self.layout.stride(buffer.0 as usize));
        let done = self.b.ins().isub(turn.now, turn.first);
        let done = self.scaled(done, block);
        let back = self.b.ins().isub(call, done);
        let block = self.int(block);
        Some(self.b.ins().select(more, block, back))
    }

    /// Whether statements write to memory in which a buffer lies.
    pub fn writes(&self, body: &[Stmt], buffer: BufferId) -> bool {
        let meets = |other: BufferId| self.overlap(buffer, other);
        body.iter().any(|stmt| match stmt {
            Stmt::Let { .. } | Stmt::Check { .. } => false,
            Stmt::Store { buffer: to, .. } => meets(*to),
            Stmt::For { body, .. } | Stmt::Lanes { body, .. } => self.writes(body, buffer),
            Stmt::Strip { dst, .. } | Stmt::Random { dst, .. } => meets(dst.0),
            Stmt::Product(product) => meets(product.c.0),
        })
    }

    /// Addresses of the term tables, or 0, and the steps from term to term. Even steps need no table.
    fn terms(&mut self, terms: &Terms) -> ([i64; 2], [i64; 2]) {
        let pairs = match terms {
            Terms::Strided { a, b, .. } => return ([0, 0], [*a, *b]),
            Terms::Table(pairs) => pairs,
        };
        let (mut offsets, mut steps) = (self.table(pairs), [0, 0]);
        for (side, of) in [|pair: &(i32, i32)| pair.0, |pair: &(i32, i32)| pair.1].into_iter().enumerate() {
            let step = pairs.get(1).map_or(0, of).into();
            if pairs.iter().enumerate().all(|(t, pair)| i64::from(of(pair)) == t as i64 * step) {
                (offsets[side], steps[side]) = (0, step);
            }
        }
        (offsets, steps)
    }

    /// Keeps the two columns of a table; their addresses.
    fn table(&mut self, pairs: &[(i32, i32)]) -> [i64; 2] {
        let columns: [Box<[i32]>; 2] =
            [pairs.iter().map(|(a, _)| *a).collect(), pairs.iter().map(|(_, b)| *b).collect()];
        let addresses = [0, 1].map(|at| columns[at].as_ptr() as i64);
        self.tables.extend(columns);
        addresses
    }

    /// A product: the rest of its arguments, and the call.
    pub fn product(&mut self, product: &Product) -> Result<(), String> {
        let slot = self.arguments_of(product);
        let single = self.buffer(product.c.0).dtype == DType::F32;
        let routines = &self.target.routines;
        let routine = match (&product.form, single) {
            (Form::Lanes { sparse: false, .. }, true) => routines.products_f32.lanes as usize,
            (Form::Lanes { sparse: false, .. }, false) => routines.products_f64.lanes as usize,
            (Form::Lanes { sparse: true, .. }, true) => routines.products_f32.sparse as usize,
            (Form::Lanes { sparse: true, .. }, false) => routines.products_f64.sparse as usize,
            (Form::Dot { .. }, true) => routines.products_f32.dot as usize,
            (Form::Dot { .. }, false) => routines.products_f64.dot as usize,
        };
        let arguments = self.b.ins().stack_addr(I64, slot, 0);
        self.call(routine, &[I64], None, &[arguments]);
        Ok(())
    }

    /// A product's argument struct, with the rest of the arguments.
    pub fn arguments_of(&mut self, product: &Product) -> StackSlot {
        let own = self.arguments.iter().find(|(of, _)| std::ptr::eq(*of, product));
        let (_, slot) = *own.expect("the head has met the kernel's products");
        let fields = match &product.form {
            Form::Lanes { .. } => LANES,
            Form::Dot { .. } => DOT,
        };
        for (place, field) in [(&product.a, fields.a), (&product.b, fields.b), (&product.c, fields.c)] {
            let pointer = self.pointer(place);
            self.b.ins().stack_store(I64, pointer, slot, field as i32);
        }
        for (extent, field) in fields.extents(product) {
            if extent.rest.is_some() {
                let count = self.count(extent);
                let count = self.counted(count);
                self.b.ins().stack_store(I64, count, slot, field as i32);
            }
        }
        if let Some(bytes) = self.ahead(product) {
            self.b.ins().stack_store(I64, bytes, slot, fields.ahead as i32);
        }
        if let Start::Scaled(by) | Start::Decayed(by) = product.start {
            let by = self.one(by);
            self.b.ins().stack_store(I64, by, slot, fields.scale as i32);
        }
        slot
    }
}

fn narrow(offset: i64) -> Result<i32, String> {
    i32::try_from(offset).map_err(|_| format!("a term lies {offset} elements away, beyond 32 bits"))
}
