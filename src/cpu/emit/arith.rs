//! Operations on values, scalars and vectors alike: one body for both, as the bits must agree.

use super::function::{Emitter, Num, scalar_type};
use super::side::Lane;
use crate::ir::DType;
use crate::ir::op::{Binary, Compare, Unary};
use crate::ir::types::Scalar;
use crate::kernel::{Index, Op, Val};
use cranelift_codegen::ir::condcodes::{FloatCC, IntCC};
use cranelift_codegen::ir::types::{I8, I32, I32X4, I64};
use cranelift_codegen::ir::{InstBuilder, Value};

impl<'a> Emitter<'a, '_> {
    /// The result of an operation.
    pub fn op(&mut self, result: Val, op: &'a Op, lane: Option<&Lane>) -> Result<Num, String> {
        let dtype = self.dtype(result);
        if let Op::Fold(fold) = op {
            return self.fold(fold, dtype, lane);
        }
        let lane = lane.filter(|lane| lane.varies(result));
        let operands = |e: &mut Self, vals: &[Val]| -> Vec<Value> {
            vals.iter().map(|val| e.operand(*val, lane)).collect()
        };
        let value = match op {
            Op::Const(scalar) => {
                self.constants[result.0 as usize] = Some(*scalar);
                self.constant(dtype, *scalar)
            }
            Op::Index(index) => self.index_value(index, lane),
            Op::Load(buffer, index) => return Ok(self.load(*buffer, index, lane)),
            Op::Unary(f, a) => {
                let x = self.operand(*a, lane);
                self.unary(*f, dtype, x)
            }
            Op::Binary(f, a, b) => {
                let by = self.constants[b.0 as usize];
                let [x, y] = operands(self, &[*a, *b])[..] else { unreachable!("two operands") };
                self.binary(*f, dtype, x, y, by)
            }
            Op::Compare(f, a, b) => {
                let [x, y] = operands(self, &[*a, *b])[..] else { unreachable!("two operands") };
                self.compare(*f, self.dtype(*a), x, y)
            }
            Op::Select(c, a, b) => {
                let [c, x, y] = operands(self, &[*c, *a, *b])[..] else { unreachable!("three operands") };
                self.pick(c, x, y)
            }
            Op::Cast(a) => {
                let x = self.operand(*a, lane);
                self.cast(self.dtype(*a), dtype, x)
            }
            Op::Fold(_) => unreachable!("a fold has returned"),
        };
        Ok(if lane.is_some() { Num::Many(value) } else { Num::One(value) })
    }

    fn operand(&mut self, val: Val, lane: Option<&Lane>) -> Value {
        match lane {
            None => self.one(val),
            Some(lane) => self.many(val, lane),
        }
    }

    fn index_value(&mut self, index: &Index, lane: Option<&Lane>) -> Value {
        let position = self.position(index);
        let first = self.b.ins().ireduce(I32, position);
        let Some(lane) = lane else { return first };
        let by = lane.coefficient(index);
        let bytes: Vec<u8> = (0..lane.width as i64).flat_map(|at| ((at * by) as i32).to_le_bytes()).collect();
        let steps = self.b.func.dfg.constants.insert(bytes.into());
        let steps = self.b.ins().vconst(I32X4, steps);
        let first = self.b.ins().splat(I32X4, first);
        self.b.ins().iadd(first, steps)
    }

    /// A function of one value.
    pub fn unary(&mut self, f: Unary, dtype: DType, x: Value) -> Value {
        match dtype {
            DType::F32 | DType::F64 => self.unary_real(f, dtype, x),
            DType::I32 => self.unary_integer(f, x),
            DType::Bool => self.not(x),
        }
    }

    fn unary_real(&mut self, f: Unary, dtype: DType, x: Value) -> Value {
        let ty = self.ty(x);
        match f {
            Unary::Neg | Unary::Abs if ty.is_vector() => {
                // A mask from a constant, which is made once outside of the loop.
                let sign = self.real(ty, -0.0);
                if f == Unary::Neg { self.b.ins().bxor(x, sign) } else { self.b.ins().band_not(x, sign) }
            }
            Unary::Neg => self.b.ins().fneg(x),
            Unary::Abs => self.b.ins().fabs(x),
            Unary::Sqrt => self.b.ins().sqrt(x),
            Unary::Sign if ty.is_vector() => {
                // 1 with the sign of x, 0 where x is, all bits (a NaN) where x is none.
                let [zero, one, sign] = [0.0, 1.0, -0.0].map(|v| self.real(ty, v));
                let sign = self.b.ins().band(x, sign);
                let unit = self.b.ins().bor(sign, one);
                let some = self.b.ins().fcmp(FloatCC::NotEqual, x, zero);
                let some = self.recast(ty, some);
                let number = self.b.ins().band(unit, some);
                let none = self.b.ins().fcmp(FloatCC::Unordered, x, x);
                let none = self.recast(ty, none);
                self.b.ins().bor(number, none)
            }
            Unary::Sign => {
                let [zero, one, minus] = [0.0, 1.0, -1.0].map(|v| self.real(ty, v));
                let equal = self.b.ins().fcmp(FloatCC::Equal, x, zero);
                let below = self.b.ins().fcmp(FloatCC::LessThan, x, zero);
                let above = self.b.ins().fcmp(FloatCC::GreaterThan, x, zero);
                let sign = self.pick(equal, zero, x);
                let sign = self.pick(below, minus, sign);
                self.pick(above, one, sign)
            }
            Unary::Relu => {
                let zero = self.real(ty, 0.0);
                let below = self.b.ins().fcmp(FloatCC::LessThan, x, zero);
                self.pick(below, zero, x)
            }
            Unary::Floor if self.target.rounds => self.b.ins().floor(x),
            Unary::Round if self.target.rounds => self.b.ins().nearest(x),
            Unary::Floor
            | Unary::Round
            | Unary::Exp
            | Unary::Log
            | Unary::Log1p
            | Unary::Expm1
            | Unary::Tanh
            | Unary::Sigmoid
            | Unary::Softplus
            | Unary::Erf
            | Unary::Sin
            | Unary::Cos => {
                let routine = self.unary_routine(f, dtype);
                self.call(routine, &[ty], Some(ty), &[x])
            }
            Unary::Not => unreachable!("{f:?} of a real"),
        }
    }

    fn unary_integer(&mut self, f: Unary, x: Value) -> Value {
        let ty = self.ty(x);
        match f {
            Unary::Neg => self.b.ins().ineg(x),
            Unary::Abs => self.b.ins().iabs(x),
            Unary::Relu => {
                let zero = self.whole(ty, 0);
                self.b.ins().smax(x, zero)
            }
            Unary::Sign => {
                let (low, high) = (self.whole(ty, -1), self.whole(ty, 1));
                let x = self.b.ins().smax(x, low);
                self.b.ins().smin(x, high)
            }
            Unary::Exp
            | Unary::Log
            | Unary::Log1p
            | Unary::Expm1
            | Unary::Sqrt
            | Unary::Tanh
            | Unary::Sigmoid
            | Unary::Softplus
            | Unary::Erf
            | Unary::Sin
            | Unary::Cos
            | Unary::Floor
            | Unary::Round
            | Unary::Not => unreachable!("{f:?} of an integer"),
        }
    }

    /// The opposite of a truth value or a mask.
    fn not(&mut self, x: Value) -> Value {
        if self.ty(x).is_vector() {
            return self.b.ins().bnot(x);
        }
        let one = self.b.ins().iconst(I8, 1);
        self.b.ins().bxor(x, one)
    }

    /// A function of two values; `by` is the second where it is known.
    pub fn binary(&mut self, f: Binary, dtype: DType, x: Value, y: Value, by: Option<Scalar>) -> Value {
        match dtype {
            DType::F32 | DType::F64 => self.binary_real(f, dtype, x, y, by),
            DType::I32 => self.binary_integer(f, x, y, by),
            DType::Bool => match f {
                Binary::And => self.b.ins().band(x, y),
                Binary::Or => self.b.ins().bor(x, y),
                Binary::Add
                | Binary::Sub
                | Binary::Mul
                | Binary::Div
                | Binary::FloorDiv
                | Binary::Mod
                | Binary::Pow
                | Binary::Max
                | Binary::Min
                | Binary::ShiftRight
                | Binary::MulHigh => unreachable!("{f:?} of truth values"),
            },
        }
    }

    fn binary_real(&mut self, f: Binary, dtype: DType, x: Value, y: Value, by: Option<Scalar>) -> Value {
        let ty = self.ty(x);
        match f {
            Binary::Add => self.b.ins().fadd(x, y),
            Binary::Sub => self.b.ins().fsub(x, y),
            Binary::Mul => self.b.ins().fmul(x, y),
            Binary::Div => self.b.ins().fdiv(x, y),
            Binary::FloorDiv | Binary::Mod => {
                let quotient = self.b.ins().fdiv(x, y);
                let floor = self.unary_real(Unary::Floor, dtype, quotient);
                if f == Binary::FloorDiv {
                    return floor;
                }
                let whole = self.b.ins().fmul(y, floor);
                self.b.ins().fsub(x, whole)
            }
            Binary::Max | Binary::Min => {
                let code = if f == Binary::Max { FloatCC::LessThan } else { FloatCC::GreaterThan };
                let beyond = self.b.ins().fcmp(code, x, y);
                let better = self.pick(beyond, y, x);
                if matches!(by, Some(Scalar::Real(v)) if !v.is_nan()) {
                    return better;
                }
                let nan = self.b.ins().fcmp(FloatCC::Unordered, y, y);
                self.pick(nan, y, better)
            }
            Binary::Pow => {
                let routine = self.pow_routine(dtype);
                self.call(routine, &[ty, ty], Some(ty), &[x, y])
            }
            Binary::And | Binary::Or | Binary::ShiftRight | Binary::MulHigh => {
                unreachable!("{f:?} of reals")
            }
        }
    }

    fn binary_integer(&mut self, f: Binary, x: Value, y: Value, by: Option<Scalar>) -> Value {
        let ty = self.ty(x);
        let by = match by {
            Some(Scalar::Int(v)) => Some(v),
            Some(Scalar::Real(_) | Scalar::Bool(_)) | None => None,
        };
        match f {
            Binary::Add => self.b.ins().iadd(x, y),
            Binary::Sub => self.b.ins().isub(x, y),
            Binary::Mul => self.b.ins().imul(x, y),
            Binary::Max => self.b.ins().smax(x, y),
            Binary::Min => self.b.ins().smin(x, y),
            Binary::FloorDiv | Binary::Mod => match by {
                Some(by) if by > 0 => self.divide(f, x, y),
                Some(_) | None => {
                    let floor_div = super::host::floor_div as *const () as usize;
                    let modulo = super::host::modulo as *const () as usize;
                    let routine = if f == Binary::FloorDiv { floor_div } else { modulo };
                    self.call(routine, &[I32, I32], Some(I32), &[x, y])
                }
            },
            Binary::Pow => {
                let routine = super::host::power as *const () as usize;
                self.call(routine, &[I32, I32], Some(I32), &[x, y])
            }
            Binary::ShiftRight => match by {
                Some(by) if (0..32).contains(&by) => {
                    let by = self.b.ins().iconst(I32, i64::from(by));
                    self.b.ins().ushr(x, by)
                }
                Some(_) => self.whole(ty, 0),
                None => {
                    let shifted = self.b.ins().ushr(x, y);
                    let (bits, zero) = (self.whole(I32, 32), self.whole(I32, 0));
                    let some = self.b.ins().icmp(IntCC::UnsignedLessThan, y, bits);
                    self.b.ins().select(some, shifted, zero)
                }
            },
            Binary::MulHigh => {
                let (x, y) = (self.b.ins().uextend(I64, x), self.b.ins().uextend(I64, y));
                let product = self.b.ins().imul(x, y);
                let bits = self.int(32);
                let high = self.b.ins().ushr(product, bits);
                self.b.ins().ireduce(I32, high)
            }
            Binary::Div | Binary::And | Binary::Or => unreachable!("{f:?} of integers"),
        }
    }

    /// Division by a constant above 0, downward.
    fn divide(&mut self, f: Binary, x: Value, y: Value) -> Value {
        let quotient = self.b.ins().sdiv(x, y);
        let whole = self.b.ins().imul(quotient, y);
        let rest = self.b.ins().isub(x, whole);
        let zero = self.b.ins().iconst(I32, 0);
        let below = self.b.ins().icmp(IntCC::SignedLessThan, rest, zero);
        if f == Binary::FloorDiv {
            let below = self.b.ins().uextend(I32, below);
            return self.b.ins().isub(quotient, below);
        }
        let raised = self.b.ins().iadd(rest, y);
        self.b.ins().select(below, raised, rest)
    }

    /// A comparison: a truth value, or a mask.
    fn compare(&mut self, f: Compare, dtype: DType, x: Value, y: Value) -> Value {
        match dtype {
            DType::F32 | DType::F64 => self.b.ins().fcmp(
                match f {
                    Compare::Eq => FloatCC::Equal,
                    Compare::Ne => FloatCC::NotEqual,
                    Compare::Lt => FloatCC::LessThan,
                    Compare::Le => FloatCC::LessThanOrEqual,
                    Compare::Gt => FloatCC::GreaterThan,
                    Compare::Ge => FloatCC::GreaterThanOrEqual,
                },
                x,
                y,
            ),
            DType::I32 => self.b.ins().icmp(
                match f {
                    Compare::Eq => IntCC::Equal,
                    Compare::Ne => IntCC::NotEqual,
                    Compare::Lt => IntCC::SignedLessThan,
                    Compare::Le => IntCC::SignedLessThanOrEqual,
                    Compare::Gt => IntCC::SignedGreaterThan,
                    Compare::Ge => IntCC::SignedGreaterThanOrEqual,
                },
                x,
                y,
            ),
            // By bits, which serves masks too.
            DType::Bool => {
                let (a, b) = match f {
                    Compare::Eq | Compare::Ne => (x, y),
                    Compare::Lt | Compare::Le => (self.not(x), y),
                    Compare::Gt | Compare::Ge => (x, self.not(y)),
                };
                match f {
                    Compare::Ne => self.b.ins().bxor(a, b),
                    Compare::Eq => {
                        let differ = self.b.ins().bxor(a, b);
                        self.not(differ)
                    }
                    Compare::Lt | Compare::Gt => self.b.ins().band(a, b),
                    Compare::Le | Compare::Ge => self.b.ins().bor(a, b),
                }
            }
        }
    }

    fn cast(&mut self, from: DType, to: DType, x: Value) -> Value {
        let many = self.ty(x).is_vector();
        let ty =
            if many { self.vector_type(to, if to == DType::F64 { 2 } else { 4 }) } else { scalar_type(to) };
        match (from, to) {
            (DType::F32, DType::F32)
            | (DType::F64, DType::F64)
            | (DType::I32, DType::I32)
            | (DType::Bool, DType::Bool) => x,
            (DType::F32, DType::F64) => self.b.ins().fpromote(ty, x),
            (DType::F64, DType::F32) => self.b.ins().fdemote(ty, x),
            (DType::F32 | DType::F64, DType::I32) => self.b.ins().fcvt_to_sint_sat(ty, x),
            (DType::I32, DType::F32 | DType::F64) => self.b.ins().fcvt_from_sint(ty, x),
            (DType::F32 | DType::F64, DType::Bool) => {
                let zero = self.real(self.ty(x), 0.0);
                self.b.ins().fcmp(FloatCC::NotEqual, x, zero)
            }
            (DType::I32, DType::Bool) => {
                let zero = self.whole(self.ty(x), 0);
                self.b.ins().icmp(IntCC::NotEqual, x, zero)
            }
            (DType::Bool, DType::F32 | DType::F64) if many => {
                let one = self.real(ty, 1.0);
                let mask = self.recast(ty, x);
                self.b.ins().band(mask, one)
            }
            (DType::Bool, DType::F32 | DType::F64) => {
                let wide = self.b.ins().uextend(I32, x);
                self.b.ins().fcvt_from_sint(ty, wide)
            }
            (DType::Bool, DType::I32) if many => {
                let one = self.whole(ty, 1);
                self.b.ins().band(x, one)
            }
            (DType::Bool, DType::I32) => self.b.ins().uextend(I32, x),
        }
    }
}
