//! Loops side by side, and reductions in the order that the kernel IR gives.

use super::flow::{Count, Known};
use super::function::{Emitter, Num, scalar_type};
use super::side::Lane;
use crate::ir::DType;
use crate::ir::op::{Binary, Reduce};
use crate::ir::types::Scalar;
use crate::kernel::{Extent, Fold, Order, Stmt, Var};
use cranelift_codegen::ir::condcodes::IntCC;
use cranelift_codegen::ir::types::I64;
use cranelift_codegen::ir::{InstBuilder, MemFlagsData, StackSlot, Value};
use cranelift_frontend::Variable;

/// Turns of a fold up to which it is written out.
const WRITTEN_OUT: usize = 16;

/// Vectors of items up to which an innermost strided loop is written out, for all folds together: the items of all its
/// turns are loaded before the first is added, and with the accumulators they must fit into registers.
const AT_ONCE: usize = 8;

/// Accumulators of [`Order::Strided`].
const PARTIALS: usize = 16;

/// A strided reduction under way.
struct Strided<'a> {
    fold: &'a Fold,
    inner: Var,
    totals: Vec<Variable>,
    /// Its loop in vectors, where it qualifies.
    lane: Option<Lane>,
    /// Memory for the accumulators.
    slot: StackSlot,
}

/// Whether a reduction has 16 accumulators. Of truth values, any order gives the same.
pub(super) fn is_strided(fold: &Fold, dtype: DType) -> bool {
    fold.order == Order::Strided && dtype != DType::Bool && !fold.loops.is_empty()
}

impl<'a> Emitter<'a, '_> {
    /// A loop whose turns are independent: vectors of them where it qualifies, the rest one by one.
    pub fn lanes(&mut self, var: Var, extent: &Extent, body: &'a [Stmt]) -> Result<(), String> {
        let lane = Lane::of(self.step, self.kernel, self.target, var, body);
        let count = self.count(extent);
        let width = lane.as_ref().map_or(1, |lane| lane.width);
        self.in_parts(count, width, |e, at, whole| {
            let lane = lane.as_ref().filter(|_| whole);
            e.bind(var, at, None, |e| body.iter().try_for_each(|stmt| e.stmt(stmt, lane)))
        })
    }

    /// A reduction.
    pub fn fold(&mut self, fold: &'a Fold, dtype: DType, lane: Option<&Lane>) -> Result<Num, String> {
        if is_strided(fold, dtype) {
            // Nothing in it varies from lane to lane, or the loop would not have qualified.
            return Ok(Num::One(self.strided(&[fold], dtype)?[0]));
        }
        let start = self.start(fold.op, dtype);
        let many = lane.filter(|lane| lane.varies(fold.item));
        let start = many.map_or(start, |lane| self.spread(dtype, start, lane.width));
        let total = self.b.declare_var(self.b.func.dfg.value_type(start));
        self.b.def_var(total, start);
        self.nest(&fold.loops, &mut |e| {
            e.body_of(fold, lane)?;
            let item = match many {
                None => e.one(fold.item),
                Some(lane) => e.many(fold.item, lane),
            };
            e.add(fold.op, dtype, total, item);
            Ok(())
        })?;
        let total = self.b.use_var(total);
        Ok(if many.is_some() { Num::Many(total) } else { Num::One(total) })
    }

    fn body_of(&mut self, fold: &'a Fold, lane: Option<&Lane>) -> Result<(), String> {
        fold.body.iter().try_for_each(|stmt| self.stmt(stmt, lane))
    }

    fn add(&mut self, op: Reduce, dtype: DType, total: Variable, item: Value) {
        let old = self.b.use_var(total);
        let new = self.binary(function(op), dtype, old, item, None);
        self.b.def_var(total, new);
    }

    /// Loops one in another, the last innermost.
    fn nest(
        &mut self,
        loops: &[(Var, Extent)],
        body: &mut dyn FnMut(&mut Self) -> Result<(), String>,
    ) -> Result<(), String> {
        let Some(((var, extent), inner)) = loops.split_first() else { return body(self) };
        let turns: usize = loops.iter().map(|(_, extent)| extent.size).product();
        if turns <= WRITTEN_OUT && loops.iter().all(|(_, extent)| extent.rest.is_none()) {
            return (0..extent.size).try_for_each(|at| {
                let value = self.int(at as i64);
                self.bind(*var, value, Some(Known::Exactly(at)), |e| e.nest(inner, body))
            });
        }
        let known = extent.rest.is_none().then_some(Known::Steps { limit: extent.size, step: 1 });
        let count = self.count(extent);
        self.turns(count, 1, |e, at| e.bind(*var, at, known, |e| e.nest(inner, body)))
    }

    /// What a reduction starts from.
    fn start(&mut self, op: Reduce, dtype: DType) -> Value {
        let scalar = match (op, dtype) {
            (Reduce::Sum, DType::F32 | DType::F64) => Scalar::Real(0.0),
            (Reduce::Prod, DType::F32 | DType::F64) => Scalar::Real(1.0),
            (Reduce::Max, DType::F32 | DType::F64) => Scalar::Real(f64::NEG_INFINITY),
            (Reduce::Min, DType::F32 | DType::F64) => Scalar::Real(f64::INFINITY),
            (Reduce::Sum, DType::I32 | DType::Bool) => Scalar::Int(0),
            (Reduce::Prod, DType::I32 | DType::Bool) => Scalar::Int(1),
            (Reduce::Max, DType::I32 | DType::Bool) => Scalar::Int(i32::MIN),
            (Reduce::Min, DType::I32 | DType::Bool) => Scalar::Int(i32::MAX),
            (Reduce::Any, _) => Scalar::Bool(false),
            (Reduce::All, _) => Scalar::Bool(true),
        };
        self.constant(dtype, scalar)
    }

    /// Reductions over the same loops at once: each has 16 accumulators in vectors; what does not fill 16 turns goes through
    /// memory one by one.
    pub fn strided(&mut self, folds: &[&'a Fold], dtype: DType) -> Result<Vec<Value>, String> {
        if let Some(totals) = self.wide_folds(folds, dtype) {
            return Ok(totals);
        }
        let width = if dtype == DType::F64 { 2 } else { 4 };
        let at_once = (AT_ONCE * width / folds.len()).max(PARTIALS) as i64;
        let all: Vec<Strided> = folds.iter().map(|fold| self.accumulators(fold, dtype, width)).collect();
        let ((_, extent), outer) = folds[0].loops.split_last().expect("a fold has a loop");
        self.nest(outer, &mut |e| {
            for fold in &folds[1..] {
                outer.iter().zip(&fold.loops).for_each(|((var, _), (other, _))| e.also(*var, *other));
            }
            let count = e.count(extent);
            if all.iter().any(|of| of.lane.is_none()) {
                return all.iter().try_for_each(|of| {
                    e.through_memory(of, |e| e.turns(count, 1, |e, at| e.scalar_turn(of, dtype, at)))
                });
            }
            let sixteen = PARTIALS as i64;
            let whole = match count {
                Count::Fixed(n) => Count::Fixed(n.max(0) / sixteen * sixteen),
                Count::At(_) => {
                    let (n, low) = (e.counted(count), e.int(!(sixteen - 1)));
                    Count::At(e.b.ins().band(n, low))
                }
            };
            let sixteen_turns = |e: &mut Self, at| {
                all.iter().try_for_each(|of| {
                    (0..of.totals.len()).try_for_each(|part| e.vector_turn(of, dtype, at, part))
                })
            };
            match whole {
                Count::Fixed(n) if n <= at_once => {
                    for at in (0..n).step_by(PARTIALS) {
                        let at = e.int(at);
                        sixteen_turns(e, at)?;
                    }
                }
                Count::Fixed(_) | Count::At(_) => e.turns(whole, sixteen, sixteen_turns)?,
            }
            let start = e.counted(whole);
            for of in &all {
                match (count, whole) {
                    (Count::Fixed(n), Count::Fixed(whole)) => {
                        let left = (n.max(0) - whole) as usize;
                        let (parts, lanes) = (left / width, left % width);
                        for part in 0..parts {
                            e.vector_turn(of, dtype, start, part)?;
                        }
                        for at in 0..lanes {
                            let turn = e.int(whole + (parts * width + at) as i64);
                            e.lane_turn(of, dtype, turn, of.totals[parts], at)?;
                        }
                    }
                    (Count::Fixed(_) | Count::At(_), _) => {
                        let end = e.counted(count);
                        let any = e.b.ins().icmp(IntCC::SignedLessThan, start, end);
                        e.when(any, |e| {
                            e.through_memory(of, |e| {
                                e.looped(start, end, 1, true, |e, at| e.scalar_turn(of, dtype, at))
                            })
                        })?;
                    }
                }
            }
            Ok(())
        })?;
        Ok(all.iter().map(|of| self.joined(of.fold.op, dtype, &of.totals, width)).collect())
    }

    fn accumulators(&mut self, fold: &'a Fold, dtype: DType, width: usize) -> Strided<'a> {
        let ty = self.vector_type(dtype, width);
        let start = self.start(fold.op, dtype);
        let start = self.b.ins().splat(ty, start);
        let totals: Vec<Variable> = (0..PARTIALS / width).map(|_| self.b.declare_var(ty)).collect();
        for total in &totals {
            self.b.def_var(*total, start);
        }
        let (inner, _) = *fold.loops.last().expect("a fold has a loop");
        let lane = Lane::of(self.step, self.kernel, self.target, inner, &fold.body);
        let lane = lane.filter(|lane| lane.width == width);
        Strided { fold, inner, totals, lane, slot: self.slot(PARTIALS * dtype.size()) }
    }

    /// As many turns as a vector has lanes, into the accumulators of a part.
    fn vector_turn(&mut self, of: &Strided<'a>, dtype: DType, at: Value, part: usize) -> Result<(), String> {
        let lane = of.lane.as_ref().expect("the loop has lanes");
        let by = self.int((part * lane.width) as i64);
        let at = if part == 0 { at } else { self.b.ins().iadd(at, by) };
        self.bind(lane.var, at, None, |e| e.body_of(of.fold, Some(lane)))?;
        let item = self.many(of.fold.item, lane);
        self.add(of.fold.op, dtype, of.totals[part], item);
        Ok(())
    }

    /// One turn, into the accumulator in one lane.
    fn lane_turn(
        &mut self,
        of: &Strided<'a>,
        dtype: DType,
        at: Value,
        total: Variable,
        lane: usize,
    ) -> Result<(), String> {
        let fold = of.fold;
        self.bind(of.inner, at, None, |e| e.body_of(fold, None))?;
        let (item, totals) = (self.one(fold.item), self.b.use_var(total));
        let old = self.b.ins().extractlane(totals, lane as u8);
        let new = self.binary(function(fold.op), dtype, old, item, None);
        let totals = self.b.ins().insertlane(totals, new, lane as u8);
        self.b.def_var(total, totals);
        Ok(())
    }

    /// One turn in memory: accumulator `at mod 16` takes the item.
    fn scalar_turn(&mut self, of: &Strided<'a>, dtype: DType, at: Value) -> Result<(), String> {
        let Strided { fold, slot, .. } = *of;
        self.bind(of.inner, at, None, |e| e.body_of(fold, None))?;
        let item = self.one(fold.item);
        let low = self.int(PARTIALS as i64 - 1);
        let which = self.b.ins().band(at, low);
        let bytes = self.scaled(which, dtype.size() as i64);
        let base = self.b.ins().stack_addr(I64, slot, 0);
        let address = self.b.ins().iadd(base, bytes);
        let flags = MemFlagsData::new().with_notrap();
        let old = self.b.ins().load(scalar_type(dtype), flags, address, 0);
        let new = self.binary(function(fold.op), dtype, old, item, None);
        self.b.ins().store(flags, new, address, 0);
        Ok(())
    }

    /// Has the accumulators in memory while `body` runs.
    fn through_memory(
        &mut self,
        of: &Strided<'a>,
        body: impl FnOnce(&mut Self) -> Result<(), String>,
    ) -> Result<(), String> {
        let slot = of.slot;
        for (part, total) in of.totals.iter().enumerate() {
            let value = self.b.use_var(*total);
            self.b.ins().stack_store(I64, value, slot, part as i32 * 16);
        }
        body(self)?;
        for (part, total) in of.totals.iter().enumerate() {
            let old = self.b.use_var(*total);
            let ty = self.b.func.dfg.value_type(old);
            let value = self.b.ins().stack_load(I64, ty, slot, part as i32 * 16);
            self.b.def_var(*total, value);
        }
        Ok(())
    }

    /// The tree: accumulator l takes l + 8, then l + 4, l + 2, l + 1.
    fn joined(&mut self, op: Reduce, dtype: DType, totals: &[Variable], width: usize) -> Value {
        let mut parts: Vec<Value> = totals.iter().map(|total| self.b.use_var(*total)).collect();
        while parts.len() > 1 {
            let upper = parts.split_off(parts.len() / 2);
            for (low, high) in parts.iter_mut().zip(upper) {
                *low = self.binary(function(op), dtype, *low, high, None);
            }
        }
        let mut lanes: Vec<Value> =
            (0..width).map(|at| self.b.ins().extractlane(parts[0], at as u8)).collect();
        while lanes.len() > 1 {
            let upper = lanes.split_off(lanes.len() / 2);
            for (low, high) in lanes.iter_mut().zip(upper) {
                *low = self.binary(function(op), dtype, *low, high, None);
            }
        }
        lanes[0]
    }
}

/// The function that a reduction repeats.
pub(super) fn function(op: Reduce) -> Binary {
    match op {
        Reduce::Sum => Binary::Add,
        Reduce::Prod => Binary::Mul,
        Reduce::Max => Binary::Max,
        Reduce::Min => Binary::Min,
        Reduce::Any => Binary::Or,
        Reduce::All => Binary::And,
    }
}
