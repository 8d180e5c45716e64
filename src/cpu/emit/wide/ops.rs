//! The operations of a nest, from those of the kernel IR.

use super::{Made, WRITTEN_OUT};
use crate::cpu::emit::fold::{function, is_strided};
use crate::cpu::emit::function::Emitter;
use crate::cpu::wide::{Inst, Two};
use crate::ir::DType;
use crate::ir::op::{Binary, Compare, Reduce, Unary};
use crate::ir::types::Scalar;
use crate::kernel::{BufferId, Fold, IndexVar, Op, Val};

impl<'a> Emitter<'a, '_> {
    pub(super) fn wide_op(&mut self, made: &mut Made, result: Val, op: &'a Op) -> Option<usize> {
        let dtype = self.dtype(result);
        Some(match op {
            Op::Const(scalar) => self.constant_of(made, dtype, *scalar)?,
            Op::Index(index) => {
                let along = made.along.map(IndexVar::Loop)?;
                if index.terms != [(along, 1)] || !index.dynamic.is_empty() {
                    return None;
                }
                made.put(Inst::Turn(i32::try_from(index.offset).ok()?))
            }
            Op::Load(buffer, index) => {
                self.number(self.buffer(*buffer).dtype)?;
                let (pointer, offset, stride) = self.pointer_of(made, *buffer, index)?;
                let load = match stride {
                    None => Inst::Load(pointer, offset),
                    Some(by) => Inst::Strided(pointer, offset, by),
                };
                self.loaded(made, load, *buffer)
            }
            Op::Unary(f, a) => {
                let x = self.value(made, *a)?;
                self.wide_unary(made, *f, dtype, x)?
            }
            Op::Binary(f, a, b) => {
                let (x, y) = (self.value(made, *a)?, self.value(made, *b)?);
                wide_binary(made, *f, dtype, x, y)?
            }
            Op::Compare(f, a, b) => {
                let (x, y) = (self.value(made, *a)?, self.value(made, *b)?);
                match self.dtype(*a) {
                    DType::F32 => made.put(Inst::Compare(*f, x, y)),
                    DType::I32 => made.put(Inst::CompareWhole(*f, x, y)),
                    DType::F64 | DType::Bool => return None,
                }
            }
            Op::Select(c, a, b) => {
                let [c, x, y] = [*c, *a, *b].map(|val| self.value(made, val));
                let (c, x, y) = (c?, x?, y?);
                made.put(match dtype {
                    DType::Bool if made.nest.body[x] == Inst::Truth(false) => Inst::ButNot(c, y),
                    DType::Bool => Inst::PickTruth(c, x, y),
                    DType::F32 | DType::F64 | DType::I32 => Inst::Pick(c, x, y),
                })
            }
            Op::Cast(a) => {
                let x = self.value(made, *a)?;
                cast(made, self.dtype(*a), dtype, x)?
            }
            Op::Fold(fold) => self.written_out(made, fold, dtype)?,
        })
    }

    fn wide_unary(&self, made: &mut Made, f: Unary, dtype: DType, x: usize) -> Option<usize> {
        Some(match (f, dtype) {
            (Unary::Neg, DType::F32) => {
                let sign = made.real(-0.0);
                made.two(Two::Xor, x, sign)
            }
            (Unary::Abs, DType::F32) => {
                let sign = made.real(-0.0);
                made.two(Two::AndNot, sign, x)
            }
            (Unary::Sqrt, DType::F32) => made.put(Inst::Sqrt(x)),
            (Unary::Round, DType::F32) => made.put(Inst::Round(x)),
            (Unary::Floor, DType::F32) => made.put(Inst::Floor(x)),
            // 0 if it is above x, else x.
            (Unary::Relu, DType::F32) => {
                let zero = made.real(0.0);
                made.two(Two::Greater, zero, x)
            }
            (Unary::Not, DType::Bool) => made.put(Inst::Not(x)),
            (
                Unary::Neg
                | Unary::Abs
                | Unary::Sign
                | Unary::Exp
                | Unary::Log
                | Unary::Log1p
                | Unary::Expm1
                | Unary::Sqrt
                | Unary::Tanh
                | Unary::Sigmoid
                | Unary::Softplus
                | Unary::Relu
                | Unary::Erf
                | Unary::Sin
                | Unary::Cos
                | Unary::Floor
                | Unary::Round
                | Unary::Not,
                _,
            ) => return None,
        })
    }

    /// A reduction inside of a turn, turn after turn of its own.
    fn written_out(&mut self, made: &mut Made, fold: &'a Fold, dtype: DType) -> Option<usize> {
        if dtype != DType::F32 || is_strided(fold, dtype) {
            return None;
        }
        let f = function(fold.op);
        let mut extents = Vec::new();
        for (_, extent) in &fold.loops {
            extents.push(self.turns_known(made, extent)?);
        }
        let turns: usize = extents.iter().product();
        if turns > WRITTEN_OUT {
            return None;
        }
        // Other reductions give the first number with what they start from.
        let mut total = (fold.op == Reduce::Sum).then(|| made.real(0.0));
        for turn in 0..turns {
            let mut rest = turn;
            for ((var, _), extent) in fold.loops.iter().zip(&extents).rev() {
                made.written.insert(*var, (rest % extent) as i64);
                rest /= extent;
            }
            fold.body.iter().try_for_each(|stmt| self.turn(made, stmt))?;
            let item = self.value(made, fold.item)?;
            total = Some(match total {
                None => item,
                Some(total) => wide_binary(made, f, dtype, total, item)?,
            });
        }
        fold.loops.iter().for_each(|(var, _)| {
            made.written.remove(var);
        });
        total
    }

    /// A load, or an earlier one of the same element if nothing was written over it since.
    fn loaded(&self, made: &mut Made, load: Inst, buffer: BufferId) -> usize {
        let body = &made.nest.body;
        let stored = |inst: &Inst| match inst {
            Inst::Store(to, ..) => self.overlap(made.from[*to].buffer, buffer),
            _ => false,
        };
        let since = body.iter().rposition(stored).map_or(0, |at| at + 1);
        match body[since..].iter().position(|old| *old == load) {
            Some(old) => since + old,
            None => made.put(load),
        }
    }

    pub(super) fn constant_of(&self, made: &mut Made, dtype: DType, scalar: Scalar) -> Option<usize> {
        let inst = match (dtype, scalar) {
            (DType::F32, Scalar::Real(v)) => Inst::Const((v as f32).to_bits()),
            (DType::I32, Scalar::Int(v)) => Inst::Const(v as u32),
            (DType::Bool, Scalar::Bool(v)) => Inst::Truth(v),
            (DType::F32 | DType::F64 | DType::I32 | DType::Bool, _) => return None,
        };
        Some(made.put(inst))
    }
}

fn wide_binary(made: &mut Made, f: Binary, dtype: DType, x: usize, y: usize) -> Option<usize> {
    let two = match (f, dtype) {
        (Binary::Add, DType::F32) => Two::Add,
        (Binary::Sub, DType::F32) => Two::Sub,
        (Binary::Mul, DType::F32) => Two::Mul,
        (Binary::Div, DType::F32) => Two::Div,
        (Binary::Max | Binary::Min, DType::F32) => {
            // The second where it is better, else the first; a NaN in the second stays.
            let better = made.two(if f == Binary::Max { Two::Greater } else { Two::Less }, y, x);
            if matches!(made.nest.body[y], Inst::Const(bits) if !f32::from_bits(bits).is_nan()) {
                return Some(better);
            }
            let none = made.put(Inst::Compare(Compare::Ne, y, y));
            return Some(made.put(Inst::Pick(none, y, better)));
        }
        (Binary::Add, DType::I32) => Two::AddWhole,
        (Binary::Sub, DType::I32) => Two::SubWhole,
        (Binary::Mul, DType::I32) => Two::MulWhole,
        (Binary::Max, DType::I32) => Two::MaxWhole,
        (Binary::Min, DType::I32) => Two::MinWhole,
        (Binary::ShiftRight, DType::I32) => match made.nest.body[y] {
            Inst::Const(by) if by < 32 => return Some(made.put(Inst::Shift(x, by))),
            _ => return None,
        },
        (Binary::And, DType::Bool) => return Some(made.put(Inst::Both(x, y))),
        (Binary::Or, DType::Bool) => return Some(made.put(Inst::Either(x, y))),
        (
            Binary::Add
            | Binary::Sub
            | Binary::Mul
            | Binary::Div
            | Binary::FloorDiv
            | Binary::Mod
            | Binary::Pow
            | Binary::Max
            | Binary::Min
            | Binary::And
            | Binary::Or
            | Binary::ShiftRight
            | Binary::MulHigh,
            _,
        ) => return None,
    };
    Some(made.two(two, x, y))
}

fn cast(made: &mut Made, from: DType, to: DType, x: usize) -> Option<usize> {
    Some(match (from, to) {
        (DType::F32, DType::F32) | (DType::I32, DType::I32) | (DType::Bool, DType::Bool) => x,
        (DType::I32, DType::F32) => made.put(Inst::Real(x)),
        (DType::F32, DType::Bool) => {
            let zero = made.real(0.0);
            made.put(Inst::Compare(Compare::Ne, x, zero))
        }
        (DType::I32, DType::Bool) => {
            let zero = made.put(Inst::Const(0));
            made.put(Inst::CompareWhole(Compare::Ne, x, zero))
        }
        (DType::Bool, DType::F32 | DType::I32) => {
            let one = if to == DType::F32 { made.real(1.0) } else { made.put(Inst::Const(1)) };
            let zero = made.put(Inst::Const(0));
            made.put(Inst::Pick(x, one, zero))
        }
        (DType::F64, _) | (_, DType::F64) | (DType::F32, DType::I32) => return None,
    })
}
