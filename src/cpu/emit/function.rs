//! A kernel as one Cranelift function: its head, the loop over its blocks, and its statements.

use super::flow::Known;
use super::layout::{self, Layout};
use super::marks::Marks;
use super::side::Lane;
use super::target::Target;
use super::wide::Loop;
use crate::ir::DType;
use crate::ir::types::Scalar;
use crate::kernel::{
    Buffer, BufferId, Home, Index, IndexVar, Kernel, Op, Owner, Product, Share, Step, Stmt, Val,
};
use crate::source::Span;
use cranelift_codegen::ir::condcodes::IntCC;
use cranelift_codegen::ir::types::{F32, F64, I8, I32, I64};
use cranelift_codegen::ir::{
    AliasRegion, AliasRegionData, InstBuilder, MemFlagsData, SourceLoc, StackSlot, StackSlotData,
    StackSlotKind, Type, Value,
};
use cranelift_frontend::FunctionBuilder;

/// A value of the kernel IR as compiled.
#[derive(Clone, Copy, Debug)]
pub(super) enum Num {
    /// A scalar; of a loop whose turns are taken side by side, the same for all of them.
    One(Value),
    /// A vector: one number for each of the turns. A Bool is a mask as wide as the lanes.
    Many(Value),
}

/// A block among those of a kernel's call.
#[derive(Clone, Copy)]
pub(super) struct Turn {
    /// The first block of the call.
    pub first: Value,
    /// One past the last.
    pub last: Value,
    /// This one.
    pub now: Value,
}

/// The state of compiling a kernel.
pub(super) struct Emitter<'a, 'f> {
    pub b: FunctionBuilder<'f>,
    pub step: &'a Step,
    pub kernel: &'a Kernel,
    pub target: &'a Target,
    pub marks: &'a Marks,
    pub(super) layout: Layout,
    context: Value,
    bases: Vec<Option<Value>>,
    regions: Vec<AliasRegion>,
    counters: Vec<Option<Value>>,
    fault: Option<Value>,
    pub vars: Vec<Option<Value>>,
    /// How deep the loop of a variable lies, so that an index adds up what changes least first.
    pub depths: Vec<usize>,
    pub known: Vec<Option<Known>>,
    pub depth: usize,
    pub values: Vec<Option<Num>>,
    /// Values known now.
    pub constants: Vec<Option<Scalar>>,
    /// Memory for what the products know of their left operands, how much of it is taken, and, all bits set, whether it
    /// holds what the blocks before have found out.
    pub keep: Value,
    pub kept: usize,
    pub goes_on: Value,
    /// Whether blocks come from the last to the first.
    down: bool,
    /// The block of the owner's axis that is being done, where they ascend.
    pub turn: Option<Turn>,
    /// Argument structs of the products.
    pub arguments: Vec<(&'a Product, StackSlot)>,
    /// The term tables, which live as long as the code.
    pub tables: Vec<Box<[i32]>>,
    /// Where each statement comes from, by source location.
    pub spans: Vec<Option<Span>>,
    /// Loops that are functions of their own, and memory for the arguments.
    pub wide: Vec<Loop>,
    pub wide_arguments: Option<StackSlot>,
}

/// What a kernel's function leaves beside its code.
pub(super) struct Left {
    pub tables: Vec<Box<[i32]>>,
    pub spans: Vec<Option<Span>>,
    pub wide: Vec<Loop>,
    /// Bytes of memory that it wants for what it keeps from block to block.
    pub kept: usize,
}

/// Fills a function `(context, first block, last block, memory to keep things in, goes on)` with a kernel. It goes on, all
/// bits being set, if that memory holds what the call for earlier blocks has left there, otherwise that is 0.
pub(super) fn fill(
    mut b: FunctionBuilder<'_>,
    step: &Step,
    (kernel, down): (&Kernel, bool),
    target: &Target,
    marks: &Marks,
) -> Result<Left, String> {
    let entry = b.create_block();
    b.append_block_params_for_function_params(entry);
    b.switch_to_block(entry);
    b.seal_block(entry);
    let [context, first, last, keep, goes_on] = b.block_params(entry)[..] else {
        unreachable!("five parameters")
    };
    let regions = regions(&mut b, step);
    let mut e = Emitter {
        b,
        step,
        kernel,
        target,
        marks,
        layout: Layout::of(step),
        context,
        bases: vec![None; step.buffers.len()],
        regions,
        counters: vec![None; step.counters],
        fault: None,
        vars: vec![None; kernel.vars],
        depths: vec![0; kernel.vars],
        known: vec![None; kernel.vars],
        depth: 0,
        values: vec![None; kernel.values.len()],
        constants: vec![None; kernel.values.len()],
        keep,
        kept: 0,
        goes_on,
        down,
        turn: None,
        arguments: Vec::new(),
        tables: Vec::new(),
        spans: Vec::new(),
        wide: Vec::new(),
        wide_arguments: None,
    };
    e.head(&kernel.body)?;
    match kernel.owner() {
        None => {
            e.stmts(&kernel.body)?;
            e.mark();
        }
        Some(owner) => e.blocks(owner, [first, last], &kernel.body)?,
    }
    e.b.ins().return_(&[]);
    let frontend = target.isa.frontend_config();
    let left = Left { tables: e.tables, spans: e.spans, wide: e.wide, kept: e.kept };
    e.b.finalize(frontend);
    Ok(left)
}

/// An alias region for each buffer; buffers whose memory may overlap share one.
fn regions(b: &mut FunctionBuilder<'_>, step: &Step) -> Vec<AliasRegion> {
    let spans: Vec<(usize, usize, usize)> = step.buffers.iter().map(span).collect();
    let mut order: Vec<usize> = (0..spans.len()).collect();
    order.sort_by_key(|at| spans[*at]);
    let mut ids = vec![0u32; spans.len()];
    let (mut id, mut kind, mut end) = (0, usize::MAX, 0);
    for at in order {
        let (of, from, to) = spans[at];
        if of != kind || from >= end {
            (id, kind, end) = (id + 1, of, to);
        }
        end = end.max(to);
        ids[at] = id;
    }
    let insert = |id: &u32| {
        let region = AliasRegionData { user_id: *id, description: "memory".into() };
        b.func.dfg.alias_regions.insert(region)
    };
    ids.iter().map(insert).collect()
}

/// A kind of memory, and where in it a buffer begins and ends.
fn span(buffer: &Buffer) -> (usize, usize, usize) {
    let bytes = buffer.elements() * buffer.dtype.size();
    match buffer.home {
        Home::Arg(_) | Home::Resident(_) | Home::Run => (0, 0, usize::MAX),
        Home::Place(at) => (1, at, at + 1),
        Home::Report(at) => (2, at, at + 1),
        Home::Arena(at) => (3, at, at + bytes),
        Home::Alternate(copies) => (3, copies.first, copies.last() + bytes),
        Home::Own(at) | Home::Scratch(at) => (4, at, at + bytes),
        Home::OwnAlternate(copies) => (4, copies.first, copies.last() + bytes),
    }
}

impl<'a> Emitter<'a, '_> {
    /// Loads what stays the same: bases of buffers, counters, and the constants of products.
    fn head(&mut self, stmts: &'a [Stmt]) -> Result<(), String> {
        for stmt in stmts {
            match stmt {
                Stmt::Let { op, .. } => self.head_of_op(op)?,
                Stmt::Store { buffer, index, .. } => self.head_of_place(*buffer, index),
                Stmt::For { body, .. } | Stmt::Lanes { body, .. } => self.head(body)?,
                Stmt::Check { .. } => {
                    if self.fault.is_none() {
                        self.fault = Some(self.word(layout::FAULT));
                    }
                }
                Stmt::Strip { dst, src, .. } => {
                    self.head_of_place(dst.0, &dst.1);
                    self.head_of_place(src.0, &src.1);
                }
                Stmt::Random { dst, first, .. } => {
                    self.head_of_place(dst.0, &dst.1);
                    self.head_of_index(first);
                }
                Stmt::Product(product) => {
                    for (buffer, index) in [&product.a, &product.b, &product.c] {
                        self.head_of_place(*buffer, index);
                    }
                    self.head_of_product(product)?;
                }
            }
        }
        Ok(())
    }

    fn head_of_op(&mut self, op: &'a Op) -> Result<(), String> {
        match op {
            Op::Load(buffer, index) => self.head_of_place(*buffer, index),
            Op::Index(index) => self.head_of_index(index),
            Op::Fold(fold) => self.head(&fold.body)?,
            Op::Const(_)
            | Op::Unary(..)
            | Op::Binary(..)
            | Op::Compare(..)
            | Op::Select(..)
            | Op::Cast(_) => {}
        }
        Ok(())
    }

    fn head_of_place(&mut self, buffer: BufferId, index: &Index) {
        let at = buffer.0 as usize;
        if self.bases[at].is_none() {
            self.bases[at] = Some(self.word(self.layout.base(at)));
        }
        self.head_of_index(index);
    }

    fn head_of_index(&mut self, index: &Index) {
        for (var, _) in &index.terms {
            match var {
                IndexVar::Counter(at) if self.counters[*at].is_none() => {
                    self.counters[*at] = Some(self.word(self.layout.counter(*at)));
                }
                IndexVar::Counter(_) | IndexVar::Loop(_) => {}
            }
        }
    }

    /// A word of the context, which does not change while the kernel runs.
    pub(super) fn word(&mut self, word: usize) -> Value {
        let flags = MemFlagsData::trusted().with_readonly().with_can_move();
        self.b.ins().load(I64, flags, self.context, layout::offset(word))
    }

    /// The blocks of the owner's axis, the last one first where the kernel goes down. A last one that is not whole has code
    /// of its own, in which all bounds are known.
    fn blocks(&mut self, owner: &Owner, [first, last]: [Value; 2], body: &'a [Stmt]) -> Result<(), String> {
        let whole = owner.extent / owner.unit;
        let rest = !owner.extent.is_multiple_of(owner.unit);
        let full = self.int(whole as i64);
        let down = self.down;
        if down && rest {
            self.rest_block(owner, [first, last], full, body)?;
        }
        if whole > 0 {
            let end = if rest { self.b.ins().smin(last, full) } else { last };
            let known = Known::Steps { limit: whole * owner.unit, step: owner.unit };
            let both = self.b.ins().iadd(first, end);
            let both = self.b.ins().iadd_imm_s(both, -1);
            self.looped(first, end, 1, false, |e, block| {
                let block = if down { e.b.ins().isub(both, block) } else { block };
                let start = e.scaled(block, owner.unit as i64);
                e.turn = (!down).then_some(Turn { first, last, now: block });
                e.bind(owner.var, start, Some(known), |e| e.block(body))
            })?;
        }
        if rest && !down {
            self.rest_block(owner, [first, last], full, body)?;
        }
        Ok(())
    }

    /// The last block, which is not whole, if it is among these.
    fn rest_block(
        &mut self,
        owner: &Owner,
        [first, last]: [Value; 2],
        full: Value,
        body: &'a [Stmt],
    ) -> Result<(), String> {
        let whole = owner.extent / owner.unit;
        let start = self.int((whole * owner.unit) as i64);
        let known = Known::Exactly(whole * owner.unit);
        let own = self.b.ins().icmp(IntCC::SignedLessThan, full, last);
        let turn = (!self.down).then_some(Turn { first, last, now: full });
        self.when(own, |e| {
            e.turn = turn;
            e.bind(owner.var, start, Some(known), |e| e.block(body))
        })
    }

    /// A block of the owner's axis.
    fn block(&mut self, body: &'a [Stmt]) -> Result<(), String> {
        self.stmts(body)?;
        self.mark();
        Ok(())
    }

    /// Statements outside of lanes.
    pub fn stmts(&mut self, stmts: &'a [Stmt]) -> Result<(), String> {
        let mut done = Vec::new();
        let passes = self.passes(stmts);
        for (at, stmt) in stmts.iter().enumerate() {
            if let Some(pass) = passes.iter().find(|pass| at == pass.read || at == pass.update) {
                if at == pass.at
                    && let (Stmt::Product(first), Stmt::Product(second)) =
                        (&stmts[pass.read], &stmts[pass.update])
                {
                    self.locate(first.span);
                    self.pass(first, second)?;
                }
                continue;
            }
            if done.contains(&at) {
                continue;
            }
            let twins = self.twins(stmts, at, &done);
            if twins.is_empty() {
                self.stmt(stmt, None)?;
                continue;
            }
            let all: Vec<&Stmt> = [at].iter().chain(&twins).map(|at| &stmts[*at]).collect();
            self.folds_at_once(&all)?;
            done.extend(twins);
        }
        Ok(())
    }

    /// One statement, for one turn or for the turns of `lane` side by side.
    pub fn stmt(&mut self, stmt: &'a Stmt, lane: Option<&Lane>) -> Result<(), String> {
        match stmt {
            Stmt::Let { value, op, span } => {
                self.locate(*span);
                let num = self.op(*value, op, lane)?;
                self.values[value.0 as usize] = Some(num);
            }
            Stmt::Store { buffer, index, value, span } => {
                self.locate(*span);
                self.store_element(*buffer, index, *value, lane)?;
            }
            Stmt::For { .. } | Stmt::Lanes { .. } if self.wide_loop(stmt) => {}
            Stmt::For { var, extent, step, body } => {
                if extent.rest.is_none() && *step > 1 {
                    return self.steps(*var, extent.size, *step, |e| e.stmts(body));
                }
                let known = Known::Steps { limit: extent.size, step: *step };
                let known = extent.rest.is_none().then_some(known);
                let count = self.count(extent);
                self.turns(count, *step as i64, |e, at| e.bind(*var, at, known, |e| e.stmts(body)))?;
            }
            Stmt::Lanes { var, extent, body } => self.lanes(*var, extent, body)?,
            Stmt::Check { value, extent, span } => {
                self.locate(*span);
                self.check(*value, *extent, lane)?;
            }
            Stmt::Strip { f, dst, src, count, span } => {
                self.locate(*span);
                self.strip(*f, dst, src, count)?;
            }
            Stmt::Random { dst, first, count, key, run, turn, span } => {
                self.locate(*span);
                self.random(dst, first, count, *key, [*run, *turn])?;
            }
            Stmt::Product(product) => {
                self.locate(product.span);
                self.product(product)?;
            }
        }
        Ok(())
    }

    fn locate(&mut self, span: Option<Span>) {
        if self.spans.last() != Some(&span) {
            self.spans.push(span);
        }
        // Location 0 stands for code of no statement.
        self.b.set_srcloc(SourceLoc::new(self.spans.len() as u32));
    }

    /// The value and the depth of what an index varies with.
    pub fn index_var(&self, var: IndexVar) -> (usize, Value) {
        match var {
            IndexVar::Loop(var) => (self.depths[var.0 as usize], self.var(var)),
            IndexVar::Counter(at) => (0, self.counters[at].expect("the head has loaded the counters")),
        }
    }

    /// A value that has been computed.
    pub fn num(&self, val: Val) -> Num {
        self.values[val.0 as usize].expect("a value is computed before it is used")
    }

    /// The type of a value.
    pub fn dtype(&self, val: Val) -> DType {
        self.kernel.values[val.0 as usize]
    }

    /// Stack memory of that many bytes.
    pub fn slot(&mut self, bytes: usize) -> StackSlot {
        self.b.create_sized_stack_slot(StackSlotData::new(StackSlotKind::ExplicitSlot, bytes as u32, 4))
    }

    /// How a buffer's memory is accessed: it is there, and only buffers of its region overlap it.
    pub fn flags(&self, buffer: BufferId) -> MemFlagsData {
        MemFlagsData::new().with_notrap().with_alias_region(Some(self.regions[buffer.0 as usize]))
    }

    /// Whether two buffers may share memory.
    pub fn overlap(&self, a: BufferId, b: BufferId) -> bool {
        let [a, b] = [a, b].map(|buffer| span(&self.step.buffers[buffer.0 as usize]));
        a.0 == b.0 && a.1 < b.2 && b.1 < a.2
    }

    /// The first of the kernel's buffers that lie where this one does, with elements of the same type.
    pub fn first_there(&self, buffer: BufferId) -> BufferId {
        let there = |of: &crate::kernel::Buffer| (of.home, of.dtype);
        let here = there(self.buffer(buffer));
        let mut all = self.step.buffers.iter().zip(&self.bases);
        let first = all.position(|(other, base)| base.is_some() && there(other) == here);
        first.map_or(buffer, |at| BufferId(at as u32))
    }

    /// Address of a buffer's first element.
    pub fn base(&self, buffer: BufferId) -> Value {
        self.bases[buffer.0 as usize].expect("the head has loaded the bases")
    }

    /// Raises the fault word, and where each thread does the same, the thread's own.
    pub fn raise(&mut self) {
        let one = self.b.ins().iconst(I32, 1);
        let word = self.fault.expect("the head has loaded the fault word's address");
        self.b.ins().store(MemFlagsData::new().with_notrap(), one, word, 0);
        if self.kernel.share == Share::Each {
            let own = layout::offset(layout::OWN_FAULT);
            self.b.ins().store(MemFlagsData::trusted(), one, self.context, own);
        }
    }

    /// A buffer's declaration.
    pub fn buffer(&self, buffer: BufferId) -> &'a crate::kernel::Buffer {
        &self.step.buffers[buffer.0 as usize]
    }
}

/// The machine type of a scalar.
pub(super) fn scalar_type(dtype: DType) -> Type {
    match dtype {
        DType::F32 => F32,
        DType::F64 => F64,
        DType::I32 => I32,
        DType::Bool => I8,
    }
}
