//! A step's order as one Cranelift function: the loop over the calls of an entry, the kernels of each,
//! the barriers between them. Nothing returns to the host before all calls are made, or one has failed.

use super::host;
use super::layout::{self, Layout};
use super::target::Target;
use crate::kernel::{Home, Item, Kernel, Share, Step, has_check};
use cranelift_codegen::ir::condcodes::IntCC;
use cranelift_codegen::ir::types::{I32, I64};
use cranelift_codegen::ir::{
    AbiParam, Block, BlockArg, InstBuilder, MemFlagsData, SigRef, Signature, StackSlotData, StackSlotKind,
    Value,
};
use cranelift_codegen::isa::CallConv;
use cranelift_frontend::FunctionBuilder;

/// Bytes of the stack that what a kernel keeps for several calls may take.
const KEPT_AT_ONCE: usize = 1 << 17;

struct Order<'a, 'f> {
    b: FunctionBuilder<'f>,
    step: &'a Step,
    layout: Layout,
    context: Value,
    barrier: Value,
    /// For each kernel, the blocks of this thread.
    blocks: Vec<Option<[Value; 2]>>,
    /// For each kernel, where it keeps what it needs for more blocks, and whether there is something of earlier ones.
    keep: Vec<[Value; 2]>,
    /// How many bytes that takes.
    kept: &'a [usize],
    /// For how many calls there is room for that.
    times: Vec<usize>,
    kernel: SigRef,
    wait: SigRef,
    /// Where a thread goes when a fault stands, with the number of calls that are done.
    left: Block,
    done: Value,
    /// How many calls there are.
    calls: Value,
}

/// Fills a function `(context, calls) -> calls done`; `kept` has, for each kernel, the bytes of what it keeps.
pub(super) fn fill(mut b: FunctionBuilder<'_>, step: &Step, target: &Target, kept: &[usize]) {
    let conv = CallConv::triple_default(target.isa.triple());
    let mut signature = Signature::new(conv);
    signature.params.extend([AbiParam::new(I64); 5]);
    let kernel = b.import_signature(signature);
    let mut signature = Signature::new(conv);
    signature.params.push(AbiParam::new(I64));
    signature.returns.push(AbiParam::new(I32));
    let wait = b.import_signature(signature);

    let entry = b.create_block();
    b.append_block_params_for_function_params(entry);
    b.switch_to_block(entry);
    b.seal_block(entry);
    let [context, calls] = b.block_params(entry)[..] else { unreachable!("two parameters") };
    let [call, left] = [b.create_block(), b.create_block()];
    let done = b.append_block_param(call, I64);
    b.append_block_param(left, I64);
    let mut order = Order {
        b,
        step,
        layout: Layout::of(step),
        context,
        barrier: context,
        blocks: vec![None; step.kernels.len()],
        keep: vec![[context; 2]; step.kernels.len()],
        kept,
        times: Vec::new(),
        kernel,
        wait,
        left,
        done: context,
        calls,
    };
    order.head();
    order.room();
    let zero = order.b.ins().iconst(I64, 0);
    order.done = zero;
    let any = order.b.ins().icmp(IntCC::SignedLessThan, zero, calls);
    let opening = order.b.create_block();
    order.b.ins().brif(any, opening, &[], left, &[BlockArg::Value(zero)]);
    order.b.switch_to_block(opening);
    order.b.seal_block(opening);
    order.items(&step.opening);
    order.b.ins().jump(call, &[BlockArg::Value(zero)]);
    order.b.switch_to_block(call);
    order.done = done;
    let one = order.b.ins().iconst(I64, 1);
    let after = order.b.ins().iadd(done, one);
    order.items(&step.order);
    order.move_by(one, after);
    let end = order.b.create_block();
    let next = BlockArg::Value(after);
    let more = order.b.ins().icmp(IntCC::SignedLessThan, after, calls);
    order.b.ins().brif(more, call, &[next], end, &[]);
    order.b.seal_block(call);
    order.b.switch_to_block(end);
    order.b.seal_block(end);
    // What comes after may touch anything.
    if step.order.last() != Some(&Item::Barrier) {
        order.done = after;
        order.barrier();
    }
    order.b.ins().jump(left, &[next]);
    order.b.seal_block(left);
    order.b.switch_to_block(left);
    let done = order.b.block_params(left)[0];
    order.b.ins().return_(&[done]);
    let frontend = target.isa.frontend_config();
    order.b.finalize(frontend);
}

impl Order<'_, '_> {
    fn fixed(&mut self, word: usize) -> Value {
        let flags = MemFlagsData::trusted().with_readonly().with_can_move();
        self.b.ins().load(I64, flags, self.context, layout::offset(word))
    }

    fn int(&mut self, value: i64) -> Value {
        self.b.ins().iconst(I64, value)
    }

    /// Thread t of T owns blocks `n * t / T` up to `n * (t + 1) / T`; what has no owner is the last's, whose blocks may be
    /// fewer, or each one's.
    fn head(&mut self) {
        self.barrier = self.fixed(layout::BARRIER);
        let (thread, threads) = (self.fixed(layout::THREAD), self.fixed(layout::THREADS));
        let one = self.int(1);
        let after = self.b.ins().iadd(thread, one);
        let mut known: Vec<(i64, [Value; 2])> = Vec::new();
        for (at, kernel) in self.step.kernels.iter().enumerate() {
            let blocks = block_count(kernel);
            let same = known.iter().find(|(n, _)| *n == blocks).map(|(_, range)| *range);
            let range = same.unwrap_or_else(|| {
                let blocks = self.b.ins().iconst(I64, blocks);
                [thread, after].map(|t| {
                    let part = self.b.ins().imul(blocks, t);
                    self.b.ins().udiv(part, threads)
                })
            });
            known.push((blocks, range));
            let zero = self.b.ins().iconst(I64, 0);
            let range = match kernel.share {
                Share::Blocks(_) => range,
                Share::One => {
                    let last = self.b.ins().icmp(IntCC::Equal, after, threads);
                    [zero, self.b.ins().uextend(I64, last)]
                }
                Share::Each => [zero, one],
            };
            self.blocks[at] = Some(range);
        }
    }

    /// Memory for what kernels keep: for one at a time, for all that are done block by block together, and for each of
    /// several calls.
    fn room(&mut self) {
        let kept = self.kept;
        let mut begins = vec![0; kept.len()];
        for group in groups(&self.step.order) {
            let mut end = 0;
            for kernel in group {
                begins[kernel] = end;
                end += kept[kernel];
            }
        }
        let mut times = vec![1; kept.len()];
        coming(&self.step.order, &mut times);
        for (times, bytes) in times.iter_mut().zip(kept) {
            if *times * bytes > KEPT_AT_ONCE {
                *times = 1;
            }
        }
        let ends = begins.iter().zip(kept).zip(&times).map(|((begin, bytes), times)| begin + bytes * times);
        let bytes = ends.max().unwrap_or(0);
        let slot = StackSlotData::new(StackSlotKind::ExplicitSlot, bytes.max(8) as u32, 4);
        let slot = self.b.create_sized_stack_slot(slot);
        let none = self.int(0);
        for (kernel, begin) in begins.into_iter().enumerate() {
            self.keep[kernel] = [self.b.ins().stack_addr(I64, slot, begin as i32), none];
        }
        self.times = times;
    }

    fn items(&mut self, items: &[Item]) {
        for item in items {
            match item {
                Item::Kernel(at) => self.kernel(*at),
                Item::Barrier => self.barrier(),
                Item::Loop { counter, turns, reverse, body } => {
                    self.turns(*counter, *turns as i64, *reverse, body);
                }
                Item::Next(body) => self.next(body),
                Item::Coming { calls, body } => self.coming(*calls, body),
                Item::Blocks(body) => self.block_by_block(body),
            }
        }
    }

    /// Items of the next call, if there is one.
    fn next(&mut self, body: &[Item]) {
        let one = self.int(1);
        let call = self.b.ins().iadd(self.done, one);
        let more = self.b.ins().icmp(IntCC::SignedLessThan, call, self.calls);
        let on = self.only_if(more);
        self.move_by(one, call);
        self.items(body);
        let back = self.b.ins().ineg(one);
        self.move_by(back, self.done);
        self.go_on(on);
    }

    /// Goes on to what follows if something holds, else to the block that is given back.
    fn only_if(&mut self, holds: Value) -> Block {
        let (then, on) = (self.b.create_block(), self.b.create_block());
        self.b.ins().brif(holds, then, &[], on, &[]);
        self.b.switch_to_block(then);
        self.b.seal_block(then);
        on
    }

    fn go_on(&mut self, on: Block) {
        self.b.ins().jump(on, &[]);
        self.b.switch_to_block(on);
        self.b.seal_block(on);
    }

    /// Items of so many calls to come, as far as there are, if it is their turn.
    fn coming(&mut self, calls: usize, body: &[Item]) {
        let (every, one) = (self.int(calls as i64), self.int(1));
        let since = self.b.ins().urem(self.done, every);
        let turn = self.b.ins().icmp_imm_s(IntCC::Equal, since, 0);
        let left = self.b.ins().isub(self.calls, self.done);
        let left = self.b.ins().isub(left, one);
        let any = self.b.ins().icmp_imm_s(IntCC::NotEqual, left, 0);
        let due = self.b.ins().band(turn, any);
        let on = self.only_if(due);
        let count = self.b.ins().umin(left, every);
        for item in body {
            match item {
                Item::Kernel(at) => self.of_calls(*at, count),
                Item::Barrier => self.barrier(),
                Item::Loop { .. } | Item::Next(_) | Item::Coming { .. } | Item::Blocks(_) => {
                    unreachable!("of calls to come there are kernels and barriers")
                }
            }
        }
        self.go_on(on);
    }

    /// A kernel of so many calls to come: a block of this thread for all of them, then the next one.
    fn of_calls(&mut self, at: usize, count: Value) {
        self.each_block(&[at], |order, later| {
            let keep = order.keep[at];
            let (zero, one) = (order.int(0), order.int(1));
            let call = order.b.create_block();
            let nth = order.b.append_block_param(call, I64);
            order.b.ins().jump(call, &[BlockArg::Value(zero)]);
            order.b.switch_to_block(call);
            let next = order.b.ins().iadd(nth, one);
            let number = order.b.ins().iadd(order.done, next);
            order.move_by(one, number);
            // Without room for each of the calls a block knows nothing of the ones before.
            let (apart, later) = if order.times[at] == 1 { (0, zero) } else { (order.kept[at], later) };
            let kept = order.b.ins().imul_imm_s(nth, apart as i64);
            order.keep[at] = [order.b.ins().iadd(keep[0], kept), later];
            order.kernel(at);
            let more = order.b.ins().icmp(IntCC::SignedLessThan, next, count);
            let all = order.b.create_block();
            order.b.ins().brif(more, call, &[BlockArg::Value(next)], all, &[]);
            order.b.seal_block(call);
            order.b.switch_to_block(all);
            order.b.seal_block(all);
            let back = order.b.ins().ineg(count);
            order.move_by(back, order.done);
        });
    }

    /// All kernels of a body for one block of this thread after another.
    fn block_by_block(&mut self, body: &[Item]) {
        let kernels = kernels(body);
        self.each_block(&kernels, |order, later| {
            for kernel in &kernels {
                order.keep[*kernel][1] = later;
            }
            order.items(body);
        });
    }

    /// One block of this thread after another of kernels that have the same: for each what `one` does with it, which is told
    /// whether there was one before.
    fn each_block(&mut self, kernels: &[usize], one: impl FnOnce(&mut Self, Value)) {
        let [from, to] = self.blocks[kernels[0]].expect("the head has divided the blocks");
        let (turn, run, on) = (self.b.create_block(), self.b.create_block(), self.b.create_block());
        let block = self.b.append_block_param(turn, I64);
        self.b.ins().jump(turn, &[BlockArg::Value(from)]);
        self.b.switch_to_block(turn);
        let any = self.b.ins().icmp(IntCC::SignedLessThan, block, to);
        self.b.ins().brif(any, run, &[], on, &[]);
        self.b.switch_to_block(run);
        self.b.seal_block(run);
        let after = self.b.ins().iadd_imm_s(block, 1);
        let later = self.b.ins().icmp(IntCC::NotEqual, block, from);
        let later = self.b.ins().bmask(I64, later);
        let whole: Vec<_> = kernels.iter().map(|at| (self.blocks[*at], self.keep[*at])).collect();
        for kernel in kernels {
            self.blocks[*kernel] = Some([block, after]);
        }
        one(self, later);
        for (kernel, (blocks, keep)) in kernels.iter().zip(whole) {
            (self.blocks[*kernel], self.keep[*kernel]) = (blocks, keep);
        }
        self.b.ins().jump(turn, &[BlockArg::Value(after)]);
        self.b.seal_block(turn);
        self.b.switch_to_block(on);
        self.b.seal_block(on);
    }

    fn kernel(&mut self, at: usize) {
        let [from, to] = self.blocks[at].expect("the head has divided the blocks");
        let any = self.b.ins().icmp(IntCC::SignedLessThan, from, to);
        let on = self.only_if(any);
        let address = self.fixed(self.layout.kernel(at));
        let [keep, goes_on] = self.keep[at];
        self.b.ins().call_indirect(self.kernel, address, &[self.context, from, to, keep, goes_on]);
        let of = &self.step.kernels[at];
        if of.share == Share::Each && has_check(&of.body) {
            // Every thread finds the same fault, and leaves by itself.
            let word = layout::offset(layout::OWN_FAULT);
            let fault = self.b.ins().load(I64, MemFlagsData::trusted(), self.context, word);
            self.b.ins().brif(fault, self.left, &[BlockArg::Value(self.done)], on, &[]);
        } else {
            self.b.ins().jump(on, &[]);
        }
        self.b.switch_to_block(on);
        self.b.seal_block(on);
    }

    /// Waits for the others; on a fault, which all see here, leaves.
    fn barrier(&mut self) {
        let address = self.int(host::barrier as *const () as usize as i64);
        let call = self.b.ins().call_indirect(self.wait, address, &[self.barrier]);
        let fault = self.b.inst_results(call)[0];
        let on = self.b.create_block();
        self.b.ins().brif(fault, self.left, &[BlockArg::Value(self.done)], on, &[]);
        self.b.switch_to_block(on);
        self.b.seal_block(on);
    }

    fn turns(&mut self, counter: usize, turns: i64, reverse: bool, body: &[Item]) {
        if turns <= 0 {
            return;
        }
        let (from, last, by) = if reverse { (turns - 1, 0, -1) } else { (0, turns - 1, 1) };
        let (turn, again, after) = (self.b.create_block(), self.b.create_block(), self.b.create_block());
        let at = self.b.append_block_param(turn, I64);
        let from = self.int(from);
        self.b.ins().jump(turn, &[BlockArg::Value(from)]);
        self.b.switch_to_block(turn);
        let word = layout::offset(self.layout.counter(counter));
        self.b.ins().store(MemFlagsData::trusted(), at, self.context, word);
        self.items(body);
        let last = self.int(last);
        let more = self.b.ins().icmp(IntCC::NotEqual, at, last);
        self.b.ins().brif(more, again, &[], after, &[]);
        self.b.seal_block(again);
        self.b.seal_block(after);
        self.b.switch_to_block(again);
        self.barrier();
        let by = self.int(by);
        let next = self.b.ins().iadd(at, by);
        self.b.ins().jump(turn, &[BlockArg::Value(next)]);
        self.b.seal_block(turn);
        self.b.switch_to_block(after);
    }

    /// Moves by so many calls to one of a number: its arguments, its reports, its copies, its run.
    fn move_by(&mut self, calls: Value, number: Value) {
        let flags = MemFlagsData::trusted();
        for (at, buffer) in self.step.buffers.iter().enumerate() {
            match buffer.home {
                Home::Arg(_) | Home::Report(_) => {
                    let stride = self.fixed(self.layout.stride(at));
                    let word = layout::offset(self.layout.base(at));
                    let base = self.b.ins().load(I64, flags, self.context, word);
                    let by = self.b.ins().imul(stride, calls);
                    let base = self.b.ins().iadd(base, by);
                    self.b.ins().store(flags, base, self.context, word);
                }
                Home::Place(_)
                | Home::Resident(_)
                | Home::Run
                | Home::Arena(_)
                | Home::Own(_)
                | Home::Scratch(_) => {}
                Home::Alternate(copies) | Home::OwnAlternate(copies) => {
                    let first = self.fixed(self.layout.stride(at));
                    let count = self.int(copies.count as i64);
                    let nth = self.b.ins().urem(number, count);
                    let by = self.b.ins().imul_imm_s(nth, copies.apart as i64);
                    let base = self.b.ins().iadd(first, by);
                    let word = layout::offset(self.layout.base(at));
                    self.b.ins().store(flags, base, self.context, word);
                }
            }
        }
        let word = layout::offset(layout::RUN);
        let run = self.b.ins().load(I32, flags, self.context, word);
        let by = self.b.ins().ireduce(I32, calls);
        let run = self.b.ins().iadd(run, by);
        self.b.ins().store(flags, run, self.context, word);
    }
}

/// For each kernel of calls to come, of how many at once.
fn coming(items: &[Item], times: &mut [usize]) {
    for item in items {
        match item {
            Item::Kernel(_) | Item::Barrier => {}
            Item::Loop { body, .. } | Item::Next(body) | Item::Blocks(body) => coming(body, times),
            Item::Coming { calls, body } => kernels(body).into_iter().for_each(|at| times[at] = *calls),
        }
    }
}

/// The kernels that are done block by block together.
fn groups(items: &[Item]) -> Vec<Vec<usize>> {
    let of = |item: &Item| match item {
        Item::Kernel(_) | Item::Barrier | Item::Coming { .. } => Vec::new(),
        Item::Loop { body, .. } | Item::Next(body) => groups(body),
        Item::Blocks(body) => vec![kernels(body)],
    };
    items.iter().flat_map(of).collect()
}

/// The kernels among items that are done block by block, or for calls to come.
fn kernels(items: &[Item]) -> Vec<usize> {
    let of = |item: &Item| match item {
        Item::Kernel(at) => vec![*at],
        Item::Next(body) => kernels(body),
        Item::Barrier => Vec::new(),
        Item::Loop { .. } | Item::Coming { .. } | Item::Blocks(_) => unreachable!("only kernels have blocks"),
    };
    items.iter().flat_map(of).collect()
}

fn block_count(kernel: &Kernel) -> i64 {
    kernel.owner().map_or(1, |owner| owner.extent.div_ceil(owner.unit) as i64)
}
