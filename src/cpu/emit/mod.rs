//! From kernel IR to machine code that runs in this process.
//!
//! [`emit`] makes one function of each kernel, `(context, first block, last block)`, and one of the
//! step's order, `(context, calls)`, which goes through all the calls of an entry. What a context
//! holds is said by [`layout`].
//!
//! Cranelift selects instructions, allocates registers, merges equal values and moves invariant ones
//! out of loops. Loops, vectors, tails and accumulators are made here, so that the order of each sum
//! is the kernel IR's: `function` has the statements, `flow` the loops, `side` says which become
//! vectors, `fold` makes those and the reductions, `arith` the operations on what `number` has,
//! `index` the addresses; `ways` says which kernels begin with their last block; `wide` takes out the loops that
//! have wider vectors than Cranelift's; `calls` and `product` call the routines written by hand, for which
//! `marks` says what is known of zeros. Nothing is
//! contracted or reassociated.

mod arith;
mod calls;
mod flow;
mod fold;
mod function;
mod host;
mod index;
pub mod layout;
mod marks;
mod number;
mod order;
mod passes;
mod product;
mod side;
mod target;
mod twins;
mod ways;
mod wide;

pub use layout::Layout;
pub use marks::Room;

use super::Isa;
use crate::kernel::{Kernel, Step};
use crate::source::Span;
use cranelift_codegen::control::ControlPlane;
use cranelift_codegen::ir::types::I64;
use cranelift_codegen::ir::{AbiParam, Function, Signature, UserFuncName};
use cranelift_codegen::isa::CallConv;
use cranelift_frontend::{FunctionBuilder, FunctionBuilderContext};
use cranelift_jit::{ArenaMemoryProvider, JITBuilder, JITModule};
use cranelift_module::Module;
use marks::Marks;
use target::Target;

/// On a multiple of what loops lie, as their constants are vectors.
const LOOP_ALIGN: u64 = 64;

/// The function of a kernel: context, first block, one past the last, memory that it keeps things in for more blocks, and,
/// all bits set, whether it holds those of earlier ones.
pub type KernelFn = unsafe extern "C" fn(*const u64, i64, i64, *mut u64, i64);

/// The function of a step: context, how many calls; how many were made before a fault.
pub type StepFn = unsafe extern "C" fn(*mut u64, i64) -> i64;

/// Machine code of a kernel, with where it comes from.
#[derive(Clone, Debug, Default)]
pub struct KernelCode {
    /// The kernel's name.
    pub name: String,
    /// The code, constants behind it.
    pub bytes: Vec<u8>,
    /// Address at which it runs.
    pub address: usize,
    /// Ranges of bytes that one statement became: start, end, and where the statement comes from.
    pub places: Vec<(u32, u32, Option<Span>)>,
    /// Loops that it calls.
    pub loops: Vec<LoopCode>,
}

/// A word that compiled code reads, at the same place wherever this goes.
struct Address(#[expect(dead_code, reason = "only machine code reads it")] Box<usize>);

/// Machine code of a loop with wide vectors, a function that a kernel calls.
#[derive(Clone, Debug, Default)]
pub struct LoopCode {
    /// Its constants and code.
    pub code: super::wide::Code,
    /// Where it comes from.
    pub span: Option<Span>,
}

/// A step as machine code. The code lives as long as this.
pub struct Code {
    /// Name of the step.
    pub name: String,
    /// What its contexts hold where.
    pub layout: Layout,
    /// Memory for what is marked of values.
    pub marks: Room,
    /// The kernels.
    pub kernels: Vec<KernelCode>,
    /// Address of the step's function.
    step: usize,
    /// Term tables, to which the code has addresses.
    tables: Vec<Box<[i32]>>,
    /// Addresses of loops, which the code reads.
    addresses: Vec<Address>,
    module: Option<JITModule>,
}

impl std::fmt::Debug for Code {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Code of {} ({} kernels)", self.name, self.kernels.len())
    }
}

// SAFETY: after `emit` the module is only kept, and freed on drop; the code is read by all threads.
unsafe impl Send for Code {}
// SAFETY: as above.
unsafe impl Sync for Code {}

impl Code {
    /// The function of the step.
    pub fn step(&self) -> StepFn {
        // SAFETY: `emit` made a function of this signature at the address.
        unsafe { std::mem::transmute::<usize, StepFn>(self.step) }
    }

    /// Bytes of machine code.
    pub fn size(&self) -> usize {
        let loops = |kernel: &KernelCode| kernel.loops.iter().map(|of| of.code.bytes.len()).sum::<usize>();
        self.kernels.iter().map(|kernel| kernel.bytes.len() + loops(kernel)).sum()
    }

    /// Entries of the term tables.
    pub fn table_entries(&self) -> usize {
        self.tables.iter().map(|table| table.len()).sum()
    }
}

impl Drop for Code {
    fn drop(&mut self) {
        if let Some(module) = self.module.take() {
            // SAFETY: nobody runs the code any more, as running it borrows this.
            unsafe { module.free_memory() };
        }
    }
}

/// A function's machine code before it has an address.
struct Compiled {
    bytes: Vec<u8>,
    align: u64,
    places: Vec<(u32, u32, Option<Span>)>,
    tables: Vec<Box<[i32]>>,
    loops: Vec<wide::Loop>,
    kept: usize,
}

/// Compiles a step, which the verifier accepts, for an instruction set that this machine has.
pub fn emit(step: &Step, isa: Isa) -> Result<Code, String> {
    let target = Target::new(isa)?;
    let marks = Marks::of(step, &target);
    let mut compiled = compile_kernels(step, &target, &marks)?;
    let kept: Vec<usize> = compiled.iter().map(|kernel| kernel.kept).collect();
    compiled.push(compile_order(step, &target, &kept)?);

    let loops = |f: &Compiled| f.loops.iter().map(|of| of.code.bytes.len() + 256).sum::<usize>();
    let size: usize = compiled.iter().map(|f| f.bytes.len() + 256 + loops(f)).sum();
    let memory = ArenaMemoryProvider::new_with_size(size + (1 << 16)).map_err(|e| e.to_string())?;
    let mut builder = JITBuilder::with_isa(target.isa.clone(), cranelift_module::default_libcall_names());
    builder.memory_provider(Box::new(memory));
    let mut module = JITModule::new(builder);
    let signature = Signature::new(CallConv::triple_default(target.isa.triple()));
    let mut define = |align: u64, bytes: &[u8]| {
        let id = module.declare_anonymous_function(&signature)?;
        module.define_function_bytes(id, align, bytes, &[])?;
        Ok(id)
    };
    let mut ids = Vec::new();
    for function in &compiled {
        let id = define(function.align, &function.bytes);
        let loops = function.loops.iter().map(|of| define(LOOP_ALIGN, &of.code.bytes));
        let loops: Result<Vec<_>, cranelift_module::ModuleError> = loops.collect();
        ids.push((id.map_err(|e| e.to_string())?, loops.map_err(|e| e.to_string())?));
    }
    module.finalize_definitions().map_err(|e| e.to_string())?;
    let address = |id| module.get_finalized_function(id) as usize;

    let mut code = Code {
        name: step.name.clone(),
        layout: Layout::of(step),
        marks: marks.room(),
        kernels: Vec::new(),
        step: address(ids[step.kernels.len()].0),
        tables: Vec::new(),
        addresses: Vec::new(),
        module: None,
    };
    for ((kernel, function), (id, loop_ids)) in step.kernels.iter().zip(compiled).zip(ids) {
        let mut loops = Vec::new();
        for (mut of, id) in function.loops.into_iter().zip(loop_ids) {
            *of.address = address(id) + of.code.entry;
            code.addresses.push(Address(of.address));
            loops.push(LoopCode { code: of.code, span: of.span });
        }
        code.tables.extend(function.tables);
        let (bytes, places) = (function.bytes, function.places);
        code.kernels.push(KernelCode {
            name: kernel.name.clone(),
            bytes,
            address: address(id),
            places,
            loops,
        });
    }
    code.module = Some(module);
    Ok(code)
}

fn compile_kernels(step: &Step, target: &Target, marks: &Marks) -> Result<Vec<Compiled>, String> {
    let down = ways::down(step);
    step.kernels.iter().zip(down).map(|kernel| compile_kernel(step, kernel, target, marks)).collect()
}

fn compile_kernel(
    step: &Step,
    (kernel, down): (&Kernel, bool),
    target: &Target,
    marks: &Marks,
) -> Result<Compiled, String> {
    let mut of_kernel = None;
    let named = |error: String| format!("kernel {}: {error}", kernel.name);
    let (bytes, align, places) = compile(target, 5, false, |b| {
        of_kernel = Some(function::fill(b, step, (kernel, down), target, marks)?);
        Ok(())
    })
    .map_err(named)?;
    let function::Left { tables, spans, wide, kept } = of_kernel.expect("it was filled");
    let span = |at: u32| (at as usize).checked_sub(1).and_then(|at| spans.get(at).copied().flatten());
    let places = places.into_iter().map(|(start, end, at)| (start, end, span(at))).collect();
    Ok(Compiled { bytes, align, places, tables, loops: wide, kept })
}

fn compile_order(step: &Step, target: &Target, kept: &[usize]) -> Result<Compiled, String> {
    let (bytes, align, _) = compile(target, 2, true, |b| {
        order::fill(b, step, target, kept);
        Ok(())
    })?;
    Ok(Compiled { bytes, align, places: Vec::new(), tables: Vec::new(), loops: Vec::new(), kept: 0 })
}

/// Bytes of a function, their alignment, and the source location of each range of them.
type Bytes = (Vec<u8>, u64, Vec<(u32, u32, u32)>);

/// Compiles a function of some 64-bit parameters that `fill` fills.
fn compile(
    target: &Target,
    params: usize,
    returns: bool,
    fill: impl FnOnce(FunctionBuilder<'_>) -> Result<(), String>,
) -> Result<Bytes, String> {
    let mut signature = Signature::new(CallConv::triple_default(target.isa.triple()));
    signature.params.extend(vec![AbiParam::new(I64); params]);
    signature.returns.extend(returns.then(|| AbiParam::new(I64)));
    let mut context = cranelift_codegen::Context::for_function(Function::with_name_signature(
        UserFuncName::user(0, 0),
        signature,
    ));
    fill(FunctionBuilder::new(&mut context.func, &mut FunctionBuilderContext::new()))?;
    let compiled = context
        .compile(&*target.isa, &mut ControlPlane::default())
        .map_err(|error| format!("{:?}", error.inner))?;
    let buffer = &compiled.buffer;
    if !buffer.relocs().is_empty() {
        return Err("a relocation is left: an operation has become a library call".to_owned());
    }
    let places = buffer.get_srclocs_sorted().iter();
    let places = places.map(|range| {
        let at = if range.loc.is_default() { 0 } else { range.loc.bits() };
        (range.start, range.end, at)
    });
    Ok((buffer.data().to_vec(), u64::from(buffer.alignment), places.collect()))
}
