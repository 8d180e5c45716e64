//! Statements that call a routine: products, strips, random words, and functions of one element.

use super::function::Emitter;
use super::host;
use crate::cpu::strips::Functions;
use crate::ir::DType;
use crate::ir::op::Unary;
use crate::kernel::{BufferId, Extent, Index, Val};
use cranelift_codegen::ir::types::{I32, I64};
use cranelift_codegen::ir::{AbiParam, InstBuilder, Signature, Type, Value};
use cranelift_codegen::isa::CallConv;

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
        self.raise();
        self.b.ins().jump(on, &[]);
        self.b.switch_to_block(on);
        self.b.seal_block(on);
        Ok(())
    }
}

fn function<T: Copy>(functions: &Functions<T>, f: Unary) -> Option<crate::cpu::strips::Function<T>> {
    functions.unary(f)
}
