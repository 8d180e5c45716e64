//! Loops over elements that the machine's widest vectors take: what of the kernel IR becomes a nest, and its call.
//!
//! A chain of loops qualifies if all counts are known, elements are of 32 bits and move by one or not at all along the
//! innermost loop, and each operation is one that vectors have. Everything else is Cranelift's.

mod ops;

use super::flow::Count;
use super::function::{Emitter, Num};
use crate::cpu::wide::{self, Code, Inst, Nest, Pointer, Two};
use crate::ir::DType;
use crate::ir::op::Reduce;
use crate::kernel::{BufferId, Extent, Fold, Index, IndexVar, Stmt, Val, Var};
use crate::source::Span;
use cranelift_codegen::ir::types::{F32, I64};
use cranelift_codegen::ir::{
    AbiParam, InstBuilder, MemFlagsData, Signature, StackSlotData, StackSlotKind, Value,
};
use cranelift_codegen::isa::CallConv;
use std::collections::BTreeMap;

/// Elements from which a call is worth it, and those of the innermost loop.
const ENOUGH: usize = 48;
const ENOUGH_ALONG: usize = 5;

/// Turns of a reduction inside of a turn up to which it is written out.
const WRITTEN_OUT: usize = 32;

/// Bytes by which an element may be away from the one before: sixteen of these are still a 32-bit number.
const FAR: i64 = 1 << 26;

/// Most words of arguments.
const WORDS: usize = 40;

/// A function that a kernel calls.
pub struct Loop {
    /// Its code.
    pub code: Code,
    /// Where it comes from.
    pub span: Option<Span>,
    /// Where its address will stand, which the kernel's code reads.
    pub address: Box<usize>,
}

/// A pointer's buffer and what moves it outside of the nest, and how it moves inside.
#[derive(PartialEq)]
struct From {
    buffer: BufferId,
    outside: Vec<(IndexVar, i64)>,
    inside: Pointer,
    /// The first element it was made for.
    offset: i64,
}

/// A nest in the making.
#[derive(Default)]
struct Made {
    nest: Nest,
    loops: Vec<Var>,
    along: Option<Var>,
    from: Vec<From>,
    /// Values that come from outside.
    scalars: Vec<Val>,
    /// The statement of each value.
    values: BTreeMap<Val, usize>,
    /// Variables of reductions that are written out.
    written: BTreeMap<Var, i64>,
    /// What is read before an inner loop.
    before: Vec<BufferId>,
    span: Option<Span>,
}

impl Made {
    fn put(&mut self, inst: Inst) -> usize {
        let same =
            |old: &Inst| *old == inst && matches!(inst, Inst::Const(_) | Inst::Truth(_) | Inst::Scalar(_));
        if let Some(old) = self.nest.body.iter().position(same) {
            return old;
        }
        self.nest.body.push(inst);
        self.nest.body.len() - 1
    }

    fn two(&mut self, f: Two, a: usize, b: usize) -> usize {
        self.put(Inst::Two(f, a, b))
    }

    fn real(&mut self, value: f32) -> usize {
        self.put(Inst::Const(value.to_bits()))
    }
}

impl<'a> Emitter<'a, '_> {
    /// Emits a loop with wide vectors, where it qualifies.
    pub fn wide_loop(&mut self, stmt: &'a Stmt) -> bool {
        let mut made = Made::default();
        if !self.target.wide || self.chain(&mut made, stmt).is_none() {
            return false;
        }
        self.call_wide(made).is_some()
    }

    /// Reductions over the same loops, with wide vectors where they qualify.
    pub fn wide_folds(&mut self, folds: &[&'a Fold], dtype: DType) -> Option<Vec<Value>> {
        if !self.target.wide || dtype != DType::F32 {
            return None;
        }
        let mut made = Made::default();
        for fold in folds {
            let op = fold.op;
            if !matches!(op, Reduce::Sum | Reduce::Prod | Reduce::Max | Reduce::Min) {
                return None;
            }
            made.loops.clear();
            made.nest.loops.clear();
            let ((along, extent), outer) = fold.loops.split_last()?;
            for (var, extent) in outer {
                self.enter(&mut made, *var, extent)?;
            }
            self.innermost(&mut made, *along, extent)?;
            fold.body.iter().try_for_each(|stmt| self.turn(&mut made, stmt))?;
            let item = self.value(&mut made, fold.item)?;
            made.nest.folds.push((op, item));
        }
        self.call_wide(made)
    }

    /// A chain of loops, one in another.
    fn chain(&mut self, made: &mut Made, stmt: &'a Stmt) -> Option<()> {
        match stmt {
            Stmt::For { var, extent, step: 1, body } => {
                self.enter(made, *var, extent)?;
                let (inner, before) = body.split_last()?;
                before.iter().try_for_each(|stmt| self.turn(made, stmt))?;
                made.before = made.from.iter().map(|from| from.buffer).collect();
                self.chain(made, inner)
            }
            Stmt::Lanes { var, extent, body } => {
                self.innermost(made, *var, extent)?;
                body.iter().try_for_each(|stmt| self.turn(made, stmt))
            }
            Stmt::For { .. }
            | Stmt::Let { .. }
            | Stmt::Store { .. }
            | Stmt::Check { .. }
            | Stmt::Strip { .. }
            | Stmt::Random { .. }
            | Stmt::Product(_) => None,
        }
    }

    fn enter(&mut self, made: &mut Made, var: Var, extent: &Extent) -> Option<()> {
        let turns = self.turns_known(made, extent)?;
        made.loops.push(var);
        made.nest.loops.push(turns);
        Some(())
    }

    fn innermost(&mut self, made: &mut Made, var: Var, extent: &Extent) -> Option<()> {
        let turns = self.turns_known(made, extent)?;
        made.nest.count = turns;
        made.along = Some(var);
        Some(())
    }

    /// The turns of a loop, if they are known now and not none.
    fn turns_known(&mut self, made: &Made, extent: &Extent) -> Option<usize> {
        if extent
            .rest
            .is_some_and(|(var, _)| self.vars[var.0 as usize].is_none() || made.loops.contains(&var))
        {
            return None;
        }
        match self.count(extent) {
            Count::Fixed(turns) => usize::try_from(turns).ok().filter(|turns| *turns > 0),
            Count::At(_) => None,
        }
    }

    /// A statement of a turn.
    fn turn(&mut self, made: &mut Made, stmt: &'a Stmt) -> Option<()> {
        match stmt {
            Stmt::Let { value, op, span } => {
                made.span = made.span.or(*span);
                let at = self.wide_op(made, *value, op)?;
                made.values.insert(*value, at);
                Some(())
            }
            Stmt::Store { buffer, index, value, span } => {
                made.span = made.span.or(*span);
                let at = self.value(made, *value)?;
                self.number(self.buffer(*buffer).dtype)?;
                let (pointer, offset, stride) = self.pointer_of(made, *buffer, index)?;
                if stride.is_some()
                    || !made.nest.pointers[pointer].along
                    || made.before.iter().any(|read| self.overlap(*read, *buffer))
                {
                    return None;
                }
                made.put(Inst::Store(pointer, offset, at));
                Some(())
            }
            Stmt::Check { .. }
            | Stmt::For { .. }
            | Stmt::Lanes { .. }
            | Stmt::Strip { .. }
            | Stmt::Random { .. }
            | Stmt::Product(_) => None,
        }
    }

    /// Only numbers of 32 bits qualify.
    fn number(&self, dtype: DType) -> Option<()> {
        matches!(dtype, DType::F32 | DType::I32).then_some(())
    }

    /// The statement of a value, which may come from outside.
    fn value(&mut self, made: &mut Made, val: Val) -> Option<usize> {
        if let Some(at) = made.values.get(&val) {
            return Some(*at);
        }
        let dtype = self.dtype(val);
        let at = match self.constants[val.0 as usize] {
            Some(scalar) => self.constant_of(made, dtype, scalar)?,
            None => {
                self.number(dtype)?;
                self.values[val.0 as usize]?;
                let known = made.scalars.iter().position(|old| *old == val);
                let scalar = known.unwrap_or(made.scalars.len());
                if known.is_none() {
                    made.scalars.push(val);
                }
                made.put(Inst::Scalar(scalar))
            }
        };
        made.values.insert(val, at);
        Some(at)
    }

    /// The pointer to an element, its distance in bytes, and by how many it moves along if not by one element or none.
    fn pointer_of(
        &mut self,
        made: &mut Made,
        buffer: BufferId,
        index: &Index,
    ) -> Option<(usize, i64, Option<i64>)> {
        if !index.dynamic.is_empty() {
            return None;
        }
        let buffer = self.first_there(buffer);
        let along = made.along.map(IndexVar::Loop);
        let mut inside = Pointer { steps: vec![0; made.loops.len()], along: false };
        let (mut outside, mut offset, mut stride) = (Vec::new(), index.offset, None);
        for (var, by) in &index.terms {
            if Some(*var) == along {
                match by {
                    1 => inside.along = true,
                    _ => stride = Some(by * 4).filter(|by| by.abs() < FAR),
                }
                if !inside.along && stride.is_none() {
                    return None;
                }
                continue;
            }
            let IndexVar::Loop(of) = var else {
                outside.push((*var, *by));
                continue;
            };
            if let Some(at) = made.written.get(of) {
                offset += by * at;
            } else if let Some(at) = made.loops.iter().position(|var| var == of) {
                inside.steps[at] = by * 4;
            } else {
                outside.push((*var, *by));
            }
        }
        let same = |from: &From| from.buffer == buffer && from.outside == outside && from.inside == inside;
        let pointer = match made.from.iter().position(same) {
            Some(at) => at,
            None => {
                made.nest.pointers.push(inside.clone());
                made.from.push(From { buffer, outside, inside, offset });
                made.from.len() - 1
            }
        };
        let distance = (offset - made.from[pointer].offset) * 4;
        (distance.abs() < 1 << 28).then_some((pointer, distance, stride))
    }

    /// Whether a turn may read what another turn writes.
    fn carries(&self, made: &Made) -> bool {
        let body = &made.nest.body;
        let stores = body.iter().filter_map(|inst| match inst {
            Inst::Store(pointer, offset, _) => Some((*pointer, *offset)),
            _ => None,
        });
        let buffer = |pointer: usize| made.from[pointer].buffer;
        stores.into_iter().any(|(to, offset)| {
            body.iter().any(|inst| match inst {
                Inst::Load(from, at) | Inst::Strided(from, at, _) | Inst::Store(from, at, _) => {
                    (*from, *at) != (to, offset) && self.overlap(buffer(*from), buffer(to))
                }
                _ => false,
            })
        })
    }

    /// Calls the function of a nest; what its reductions give.
    fn call_wide(&mut self, mut made: Made) -> Option<Vec<Value>> {
        made.nest.scalars = made.scalars.len();
        let nest = &made.nest;
        let elements: usize = nest.loops.iter().product::<usize>() * nest.count;
        if elements < ENOUGH || nest.count < ENOUGH_ALONG || nest.words() > WORDS {
            return None;
        }
        made.nest.carries = self.carries(&made);
        // What is read before an inner loop stands still in it.
        let loops = made.nest.loops.len();
        made.nest.pointers.iter_mut().for_each(|pointer| pointer.steps.resize(loops, 0));
        let code = wide::assemble(&made.nest, self.target.routines.isa)?;
        let slot = match self.wide_arguments {
            Some(slot) => slot,
            None => self.b.create_sized_stack_slot(StackSlotData::new(
                StackSlotKind::ExplicitSlot,
                8 * WORDS as u32,
                3,
            )),
        };
        self.wide_arguments = Some(slot);
        for (at, from) in made.from.iter().enumerate() {
            let index = Index { offset: from.offset, terms: from.outside.clone(), dynamic: Vec::new() };
            let pointer = self.pointer(&(from.buffer, index));
            self.b.ins().stack_store(I64, pointer, slot, 8 * at as i32);
        }
        for (at, val) in made.scalars.iter().enumerate() {
            let Num::One(value) = self.num(*val) else { unreachable!("outside of vectors") };
            self.b.ins().stack_store(I64, value, slot, 8 * made.nest.scalar_at(at) as i32);
        }
        let address = Box::new(0);
        let cell = self.int(&raw const *address as i64);
        let flags = MemFlagsData::trusted().with_readonly().with_can_move();
        let function = self.b.ins().load(I64, flags, cell, 0);
        let mut signature = Signature::new(CallConv::SystemV);
        signature.params.push(AbiParam::new(I64));
        let signature = self.b.import_signature(signature);
        let arguments = self.b.ins().stack_addr(I64, slot, 0);
        self.b.ins().call_indirect(signature, function, &[arguments]);
        self.wide.push(Loop { code, span: made.span, address });
        let result = |at| 8 * made.nest.result_at(at) as i32;
        Some(
            (0..made.nest.folds.len())
                .map(|at| self.b.ins().stack_load(I64, F32, slot, result(at)))
                .collect(),
        )
    }
}
