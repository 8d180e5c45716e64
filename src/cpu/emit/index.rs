//! Elements of buffers: addresses, loads and stores.

use super::function::{Emitter, Num, scalar_type};
use super::side::Lane;
use crate::ir::DType;
use crate::kernel::{BufferId, Index, Val};
use cranelift_codegen::ir::types::{I8X16, I16X8, I32, I32X4, I64, I64X2};
use cranelift_codegen::ir::{InstBuilder, Value};

impl Emitter<'_, '_> {
    /// An index as a whole number of 64 bits, what changes least added up first.
    pub fn position(&mut self, index: &Index) -> Value {
        self.affine(index, 1, None)
    }

    /// `base + scale * index`, where `index` has been given its constant part by the caller.
    fn affine(&mut self, index: &Index, scale: i64, base: Option<Value>) -> Value {
        let mut terms: Vec<(usize, Value, i64)> = Vec::new();
        for (var, by) in &index.terms {
            let (depth, value) = self.index_var(*var);
            terms.push((depth, value, *by));
        }
        terms.sort_by_key(|(depth, ..)| *depth);
        let mut sum = base;
        if base.is_none() && (index.offset != 0 || (terms.is_empty() && index.dynamic.is_empty())) {
            sum = Some(self.int(index.offset * scale));
        }
        for (_, value, by) in terms {
            let term = self.scaled(value, by * scale);
            sum = Some(sum.map_or(term, |sum| self.b.ins().iadd(sum, term)));
        }
        for (val, by) in &index.dynamic {
            let value = self.one(*val);
            let value = self.b.ins().sextend(I64, value);
            let term = self.scaled(value, by * scale);
            sum = Some(sum.map_or(term, |sum| self.b.ins().iadd(sum, term)));
        }
        sum.unwrap_or_else(|| self.int(0))
    }

    /// Where an element lies, or the first of `width`: an address and a number of bytes beyond it.
    ///
    /// A place that depends on computed values is held inside the buffer: where a check fails, the call
    /// is going to be thrown away, but until then it must touch no other memory.
    pub fn address(&mut self, buffer: BufferId, index: &Index, width: usize) -> (Value, i32) {
        let declared = self.buffer(buffer);
        let size = declared.dtype.size() as i64;
        let base = self.base(buffer);
        if !index.dynamic.is_empty() {
            let position = self.position(index);
            let last = self.int(declared.elements().saturating_sub(width) as i64);
            let held = self.b.ins().umin(position, last);
            let bytes = self.scaled(held, size);
            return (self.b.ins().iadd(base, bytes), 0);
        }
        match i32::try_from(index.offset * size) {
            Ok(offset) => (self.affine(index, size, Some(base)), offset),
            Err(_) => {
                let far = self.int(index.offset * size);
                let base = self.b.ins().iadd(base, far);
                (self.affine(index, size, Some(base)), 0)
            }
        }
    }

    /// The address of an element, for a routine.
    pub fn pointer(&mut self, (buffer, index): &(BufferId, Index)) -> Value {
        let (base, offset) = self.address(*buffer, index, 1);
        if offset == 0 {
            return base;
        }
        let offset = self.int(i64::from(offset));
        self.b.ins().iadd(base, offset)
    }

    /// An element, or those of the lanes.
    pub fn load(&mut self, buffer: BufferId, index: &Index, lane: Option<&Lane>) -> Num {
        let dtype = self.buffer(buffer).dtype;
        let flags = self.flags(buffer);
        match lane.filter(|lane| lane.coefficient(index) != 0) {
            None => {
                let (base, offset) = self.address(buffer, index, 1);
                Num::One(self.b.ins().load(scalar_type(dtype), flags, base, offset))
            }
            Some(lane) => {
                let (base, offset) = self.address(buffer, index, lane.width);
                let ty = self.vector_type(dtype, lane.width);
                Num::Many(if dtype == DType::Bool {
                    let bytes = self.b.ins().load(I32, flags, base, offset);
                    self.mask_of_bytes(bytes)
                } else if self.target.unaligned {
                    self.b.ins().load(ty, flags, base, offset)
                } else {
                    let words = if ty.lane_bits() == 64 { I64X2 } else { I32X4 };
                    let words = self.b.ins().load(words, flags, base, offset);
                    self.recast(ty, words)
                })
            }
        }
    }

    /// Writes an element, or those of the lanes.
    pub fn store_element(
        &mut self,
        buffer: BufferId,
        index: &Index,
        value: Val,
        lane: Option<&Lane>,
    ) -> Result<(), String> {
        let dtype = self.buffer(buffer).dtype;
        let flags = self.flags(buffer);
        let (stored, width) = match lane {
            None => (self.one(value), 1),
            Some(lane) => {
                let many = self.many(value, lane);
                let packed = if dtype == DType::Bool { self.bytes_of_mask(many) } else { many };
                (packed, lane.width)
            }
        };
        let (base, offset) = self.address(buffer, index, width);
        self.b.ins().store(flags, stored, base, offset);
        Ok(())
    }

    /// Four bytes of 0 or 1 as a mask of four lanes.
    fn mask_of_bytes(&mut self, bytes: Value) -> Value {
        let vector = self.b.ins().scalar_to_vector(I32X4, bytes);
        let vector = self.recast(I8X16, vector);
        let halves = self.b.ins().uwiden_low(vector);
        let words = self.b.ins().uwiden_low(halves);
        // 0 - 1 has all bits.
        let zero = self.splat_int(I32X4, 0);
        self.b.ins().isub(zero, words)
    }

    /// A mask of four lanes as four bytes of 0 or 1.
    fn bytes_of_mask(&mut self, mask: Value) -> Value {
        let one = self.splat_int(I32X4, 1);
        let words = self.b.ins().band(mask, one);
        let halves = self.b.ins().snarrow(words, words);
        debug_assert_eq!(self.b.func.dfg.value_type(halves), I16X8);
        let bytes = self.b.ins().snarrow(halves, halves);
        let vector = self.recast(I32X4, bytes);
        self.b.ins().extractlane(vector, 0u8)
    }
}
