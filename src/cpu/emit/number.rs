//! Scalars, vectors and constants, whatever their type.

use super::function::{Emitter, Num};
use super::side::Lane;
use crate::ir::DType;
use crate::ir::types::Scalar;
use crate::kernel::Val;
use cranelift_codegen::ir::types::{F32, F32X4, F64X2, I8, I32, I32X4, I64X2};
use cranelift_codegen::ir::{Endianness, InstBuilder, MemFlagsData, Type, Value};

impl Emitter<'_, '_> {
    /// A value as a scalar.
    pub fn one(&self, val: Val) -> Value {
        match self.num(val) {
            Num::One(value) => value,
            Num::Many(_) => unreachable!("a vector where a scalar is meant"),
        }
    }

    /// A value as a vector.
    pub fn many(&mut self, val: Val, lane: &Lane) -> Value {
        match self.num(val) {
            Num::Many(value) => value,
            Num::One(value) => self.spread(self.dtype(val), value, lane.width),
        }
    }

    /// A scalar in every lane.
    pub fn spread(&mut self, dtype: DType, value: Value, width: usize) -> Value {
        let ty = self.vector_type(dtype, width);
        if dtype == DType::Bool {
            let wide = self.b.ins().bmask(ty.lane_type(), value);
            return self.b.ins().splat(ty, wide);
        }
        self.b.ins().splat(ty, value)
    }

    /// The type of a vector of values; of Bool, that of a mask.
    pub fn vector_type(&self, dtype: DType, width: usize) -> Type {
        match (dtype, width) {
            (DType::F32, _) => F32X4,
            (DType::F64, _) => F64X2,
            (DType::Bool, 2) => I64X2,
            (DType::I32 | DType::Bool, _) => I32X4,
        }
    }

    /// Bits under another type.
    pub fn recast(&mut self, ty: Type, value: Value) -> Value {
        if self.b.func.dfg.value_type(value) == ty {
            return value;
        }
        self.b.ins().bitcast(ty, MemFlagsData::new().with_endianness(Endianness::Little), value)
    }

    /// A whole number in every lane.
    pub fn splat_int(&mut self, ty: Type, value: i64) -> Value {
        let value = self.b.ins().iconst(ty.lane_type(), value & mask_of(ty.lane_type()));
        self.b.ins().splat(ty, value)
    }

    /// A scalar constant of an element type.
    pub fn constant(&mut self, dtype: DType, scalar: Scalar) -> Value {
        let real = match scalar {
            Scalar::Real(v) => v,
            Scalar::Int(v) => f64::from(v),
            Scalar::Bool(v) => f64::from(u8::from(v)),
        };
        match dtype {
            DType::F32 => self.b.ins().f32const(real as f32),
            DType::F64 => self.b.ins().f64const(real),
            DType::I32 => self.b.ins().iconst(I32, i64::from(real as i32 as u32)),
            DType::Bool => self.b.ins().iconst(I8, i64::from(real != 0.0)),
        }
    }

    /// A real constant of a machine type, in every lane of a vector.
    pub fn real(&mut self, ty: Type, value: f64) -> Value {
        let lane = if ty.lane_type() == F32 {
            self.b.ins().f32const(value as f32)
        } else {
            self.b.ins().f64const(value)
        };
        if ty.is_vector() { self.b.ins().splat(ty, lane) } else { lane }
    }

    /// A whole number of a machine type, in every lane of a vector.
    pub fn whole(&mut self, ty: Type, value: i64) -> Value {
        if ty.is_vector() {
            return self.splat_int(ty, value);
        }
        self.b.ins().iconst(ty, value & mask_of(ty))
    }

    /// The machine type of a value.
    pub fn ty(&self, value: Value) -> Type {
        self.b.func.dfg.value_type(value)
    }

    /// One of two values by a truth value or a mask.
    pub fn pick(&mut self, condition: Value, a: Value, b: Value) -> Value {
        let ty = self.ty(a);
        if !ty.is_vector() {
            return self.b.ins().select(condition, a, b);
        }
        let condition = self.recast(ty, condition);
        self.b.ins().bitselect(condition, a, b)
    }
}

/// All bits of a whole number's type.
fn mask_of(ty: Type) -> i64 {
    if ty.bits() >= 64 { -1 } else { (1i64 << ty.bits()) - 1 }
}
