//! Statements that call a routine: products, strips, random words, and functions of one element.

use super::function::{Count, Emitter};
use super::host;
use crate::cpu::micro::{Dot, Lanes};
use crate::cpu::strips::Functions;
use crate::ir::DType;
use crate::ir::op::Unary;
use crate::kernel::{BufferId, Extent, Form, Index, Product, Terms, Val};
use cranelift_codegen::ir::types::{I32, I64};
use cranelift_codegen::ir::{AbiParam, InstBuilder, MemFlagsData, Signature, Type, Value};
use cranelift_codegen::isa::CallConv;
use std::mem::{offset_of, size_of};

/// Where the fields of an argument struct lie.
struct Fields {
    size: usize,
    a: usize,
    b: usize,
    c: usize,
    m: usize,
    n: usize,
}

// The structs' pointers are as large whatever they point to.
const LANES: Fields = Fields {
    size: size_of::<Lanes<f32>>(),
    a: offset_of!(Lanes<f32>, a),
    b: offset_of!(Lanes<f32>, b),
    c: offset_of!(Lanes<f32>, c),
    m: offset_of!(Lanes<f32>, m),
    n: offset_of!(Lanes<f32>, n),
};
const DOT: Fields = Fields {
    size: size_of::<Dot<f32>>(),
    a: offset_of!(Dot<f32>, a),
    b: offset_of!(Dot<f32>, b),
    c: offset_of!(Dot<f32>, c),
    m: offset_of!(Dot<f32>, m),
    n: offset_of!(Dot<f32>, n),
};

impl Emitter<'_, '_> {
    /// Calls a routine of the host at an address.
    pub fn call(&mut self, routine: usize, params: &[Type], result: Option<Type>, args: &[Value]) -> Value {
        let mut signature = Signature::new(CallConv::triple_default(self.target.isa.triple()));
        signature.params.extend(params.iter().map(|ty| AbiParam::new(*ty)));
        signature.returns.extend(result.map(AbiParam::new));
        let signature = self.b.import_signature(signature);
        let address = self.int(routine as i64);
        let call = self.b.ins().call_indirect(signature, address, args);
        self.b.inst_results(call).first().copied().unwrap_or(address)
    }

    /// The routine of a function of one real.
    pub fn unary_routine(&self, f: Unary, dtype: DType) -> usize {
        let routines = &self.target.routines;
        let single = dtype == DType::F32;
        let own: *const () = match f {
            Unary::Floor if single => host::floor_f32 as *const (),
            Unary::Floor => host::floor_f64 as *const (),
            Unary::Round if single => host::round_f32 as *const (),
            Unary::Round => host::round_f64 as *const (),
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
            | Unary::Not => {
                let of = if single {
                    function(&routines.functions_f32, f).map(|f| f.call as *const ())
                } else {
                    function(&routines.functions_f64, f).map(|f| f.call as *const ())
                };
                of.expect("what is not in line has a routine")
            }
        };
        own as usize
    }

    /// The routine of a power of reals.
    pub fn pow_routine(&self, dtype: DType) -> usize {
        let f = crate::ir::op::Binary::Pow;
        let routines = &self.target.routines;
        let call = if dtype == DType::F32 {
            routines.functions_f32.binary(f).map(|(_, call)| call as *const ())
        } else {
            routines.functions_f64.binary(f).map(|(_, call)| call as *const ())
        };
        call.expect("a power has a routine") as usize
    }

    /// A function of a run of elements.
    pub fn strip(
        &mut self,
        f: Unary,
        dst: &(BufferId, Index),
        src: &(BufferId, Index),
        count: &Extent,
    ) -> Result<(), String> {
        let dtype = self.buffer(dst.0).dtype;
        let routines = &self.target.routines;
        let strip = match dtype {
            DType::F32 => function(&routines.functions_f32, f).map(|f| f.strip as usize),
            DType::F64 => function(&routines.functions_f64, f).map(|f| f.strip as usize),
            DType::I32 | DType::Bool => None,
        };
        let count = self.count(count);
        let (to, from) = (self.pointer(dst), self.pointer(src));
        if let Some(strip) = strip {
            let count = self.counted(count);
            self.call(strip, &[I64; 3], None, &[to, from, count]);
            return Ok(());
        }
        let width = if dtype == DType::F64 { 2 } else { 4 };
        let vector = match f {
            Unary::Floor | Unary::Round => self.target.rounds,
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
            | Unary::Not => true,
        };
        let flags = [dst.0, src.0].map(|buffer| self.flags(buffer));
        let types = [self.vector_type(dtype, width), super::function::scalar_type(dtype)];
        self.in_parts(count, if vector { width } else { 1 }, |e, at, whole| {
            let ty = types[usize::from(!whole || !vector)];
            let bytes = e.scaled(at, dtype.size() as i64);
            let (to, from) = (e.b.ins().iadd(to, bytes), e.b.ins().iadd(from, bytes));
            let x = e.b.ins().load(ty, flags[1], from, 0);
            let y = e.unary(f, dtype, x);
            e.b.ins().store(flags[0], y, to, 0);
            Ok(())
        })
    }

    /// Random words.
    pub fn random(
        &mut self,
        dst: &(BufferId, Index),
        first: &Index,
        count: &Extent,
        key: [u32; 2],
        [run, turn]: [Val; 2],
    ) -> Result<(), String> {
        let to = self.pointer(dst);
        let count = self.count(count);
        let count = self.counted(count);
        let first = self.position(first);
        let key = self.int((u64::from(key[0]) | u64::from(key[1]) << 32) as i64);
        let [run, turn] = [run, turn].map(|val| {
            let word = self.one(val);
            self.b.ins().uextend(I64, word)
        });
        let bits = self.int(32);
        let run = self.b.ins().ishl(run, bits);
        let counter = self.b.ins().bor(run, turn);
        let routine = self.target.routines.philox as usize;
        self.call(routine, &[I64; 5], None, &[to, count, first, key, counter]);
        Ok(())
    }

    /// Makes a product's argument struct, and writes there what is known now.
    pub fn head_of_product(&mut self, product: &Product) -> Result<(), String> {
        let accumulate = i64::from(product.accumulate);
        let (fields, rest) = match &product.form {
            Form::Lanes { terms } => {
                let (offsets, steps) = self.terms(terms);
                let fixed = vec![
                    (offset_of!(Lanes<f32>, a_off), offsets[0]),
                    (offset_of!(Lanes<f32>, b_off), offsets[1]),
                    (offset_of!(Lanes<f32>, a_row), product.a_row),
                    (offset_of!(Lanes<f32>, a_step), steps[0]),
                    (offset_of!(Lanes<f32>, b_step), steps[1]),
                    (offset_of!(Lanes<f32>, c_row), product.c_row),
                    (offset_of!(Lanes<f32>, k), terms.count() as i64),
                    (offset_of!(Lanes<f32>, accumulate), accumulate),
                ];
                (LANES, fixed)
            }
            Form::Dot { b_row, k, outer } => {
                // The routine has no steps of its own from run to run.
                let offsets = match outer {
                    Terms::Strided { count: 0 | 1, .. } => [0, 0],
                    Terms::Strided { count, a, b } => {
                        let pairs = (0..*count as i64).map(|o| Ok((narrow(o * a)?, narrow(o * b)?)));
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
                    (offset_of!(Dot<f32>, c_row), product.c_row),
                    (offset_of!(Dot<f32>, c_col), product.c_col),
                    (offset_of!(Dot<f32>, k), *k as i64),
                    (offset_of!(Dot<f32>, accumulate), accumulate),
                ];
                (DOT, fixed)
            }
        };
        let slot = self.slot(fields.size);
        for (field, value) in rest {
            let value = self.int(value);
            self.b.ins().stack_store(I64, value, slot, field as i32);
        }
        for (extent, field) in [(&product.m, fields.m), (&product.n, fields.n)] {
            if extent.rest.is_none() {
                let value = self.int(extent.size as i64);
                self.b.ins().stack_store(I64, value, slot, field as i32);
            }
        }
        self.arguments.push_back(slot);
        Ok(())
    }

    /// Addresses of the term tables, or 0, and the steps from term to term.
    fn terms(&mut self, terms: &Terms) -> ([i64; 2], [i64; 2]) {
        match terms {
            Terms::Strided { a, b, .. } => ([0, 0], [*a, *b]),
            Terms::Table(pairs) => (self.table(pairs), [0, 0]),
        }
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
        let slot = self.arguments.pop_front().expect("the head has met the products in this order");
        let single = self.buffer(product.c.0).dtype == DType::F32;
        let routines = &self.target.routines;
        let (fields, routine) = match (&product.form, single) {
            (Form::Lanes { .. }, true) => (LANES, routines.products_f32.lanes as usize),
            (Form::Lanes { .. }, false) => (LANES, routines.products_f64.lanes as usize),
            (Form::Dot { .. }, true) => (DOT, routines.products_f32.dot as usize),
            (Form::Dot { .. }, false) => (DOT, routines.products_f64.dot as usize),
        };
        for (place, field) in [(&product.a, fields.a), (&product.b, fields.b), (&product.c, fields.c)] {
            let pointer = self.pointer(place);
            self.b.ins().stack_store(I64, pointer, slot, field as i32);
        }
        for (extent, field) in [(&product.m, fields.m), (&product.n, fields.n)] {
            if extent.rest.is_some() {
                let count = self.count(extent);
                let count = self.counted(count);
                self.b.ins().stack_store(I64, count, slot, field as i32);
            }
        }
        let arguments = self.b.ins().stack_addr(I64, slot, 0);
        self.call(routine, &[I64], None, &[arguments]);
        Ok(())
    }

    /// Raises the fault word unless a value lies below its bound in every lane.
    pub fn check(
        &mut self,
        value: Val,
        extent: usize,
        lane: Option<&super::side::Lane>,
    ) -> Result<(), String> {
        use cranelift_codegen::ir::condcodes::IntCC;
        let lane = lane.filter(|lane| lane.varies(value));
        let extent = i64::from(extent.min(i32::MAX as usize) as i32);
        let outside = match lane {
            None => {
                let (value, bound) = (self.one(value), self.b.ins().iconst(I32, extent));
                self.b.ins().icmp(IntCC::UnsignedGreaterThanOrEqual, value, bound)
            }
            Some(lane) => {
                let value = self.many(value, lane);
                let bound = self.splat_int(self.b.func.dfg.value_type(value), extent);
                let outside = self.b.ins().icmp(IntCC::UnsignedGreaterThanOrEqual, value, bound);
                self.b.ins().vany_true(outside)
            }
        };
        let (raise, on) = (self.b.create_block(), self.b.create_block());
        self.b.set_cold_block(raise);
        self.b.ins().brif(outside, raise, &[], on, &[]);
        self.b.switch_to_block(raise);
        self.b.seal_block(raise);
        let (one, word) = (self.b.ins().iconst(I32, 1), self.fault());
        self.b.ins().store(MemFlagsData::new().with_notrap(), one, word, 0);
        self.b.ins().jump(on, &[]);
        self.b.switch_to_block(on);
        self.b.seal_block(on);
        Ok(())
    }

    /// A count of turns `width` at a time, and what is left one by one. The body is told whether it is
    /// to do `width` of them.
    pub fn in_parts(
        &mut self,
        count: Count,
        width: usize,
        mut body: impl FnMut(&mut Self, Value, bool) -> Result<(), String>,
    ) -> Result<(), String> {
        let width = width as i64;
        if width == 1 {
            return self.turns(count, 1, |e, at| body(e, at, false));
        }
        match count {
            Count::Fixed(n) => {
                let whole = n.max(0) / width * width;
                self.turns(Count::Fixed(whole), width, |e, at| body(e, at, true))?;
                if whole >= n {
                    return Ok(());
                }
                let (start, end) = (self.int(whole), self.int(n));
                if whole + 1 == n {
                    return body(self, start, false);
                }
                self.looped(start, end, 1, true, |e, at| body(e, at, false))
            }
            Count::At(_) => {
                let n = self.counted(count);
                let low = self.int(!(width - 1));
                let whole = self.b.ins().band(n, low);
                self.turns(Count::At(whole), width, |e, at| body(e, at, true))?;
                self.looped(whole, n, 1, false, |e, at| body(e, at, false))
            }
        }
    }
}

fn function<T: Copy>(functions: &Functions<T>, f: Unary) -> Option<crate::cpu::strips::Function<T>> {
    functions.unary(f)
}

fn narrow(offset: i64) -> Result<i32, String> {
    i32::try_from(offset).map_err(|_| format!("a term lies {offset} elements away, beyond 32 bits"))
}
