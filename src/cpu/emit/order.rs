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

/// Which way to go from call to call.
#[derive(Clone, Copy)]
enum Calls {
    On,
    Back,
}

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
    kernel: SigRef,
    wait: SigRef,
    /// Where a thread goes when a fault stands, with the number of calls that are done.
    left: Block,
    done: Value,
    /// Whether there is a next call.
    more: Value,
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
        kernel,
        wait,
        left,
        done: context,
        more: context,
    };
    order.head();
    order.room(kept);
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
    order.more = order.b.ins().icmp(IntCC::SignedLessThan, after, calls);
    order.items(&step.order);
    order.move_by(Calls::On);
    let end = order.b.create_block();
    let next = BlockArg::Value(after);
    let more = order.more;
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

    /// Thread t of T owns blocks `n * t / T` up to `n * (t + 1) / T`; what has no owner is the last's, whose blocks may be fewer, or each one's.
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

    /// Memory for what kernels keep: for one at a time, and for all that are done block by block together.
    fn room(&mut self, kept: &[usize]) {
        let mut begins = vec![0; kept.len()];
        for group in groups(&self.step.order) {
            let mut end = 0;
            for kernel in group {
                begins[kernel] = end;
                end += kept[kernel];
            }
        }
        let bytes = begins.iter().zip(kept).map(|(begin, bytes)| begin + bytes).max().unwrap_or(0);
        let slot = StackSlotData::new(StackSlotKind::ExplicitSlot, bytes.max(8) as u32, 4);
        let slot = self.b.create_sized_stack_slot(slot);
        let none = self.int(0);
        for (kernel, begin) in begins.into_iter().enumerate() {
            self.keep[kernel] = [self.b.ins().stack_addr(I64, slot, begin as i32), none];
        }
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
                Item::Blocks(body) => self.block_by_block(body),
            }
        }
    }

    /// Items of the next call, if there is one.
    fn next(&mut self, body: &[Item]) {
        let (next, on) = (self.b.create_block(), self.b.create_block());
        self.b.ins().brif(self.more, next, &[], on, &[]);
        self.b.switch_to_block(next);
        self.b.seal_block(next);
        self.move_by(Calls::On);
        self.items(body);
        self.move_by(Calls::Back);
        self.b.ins().jump(on, &[]);
        self.b.switch_to_block(on);
        self.b.seal_block(on);
    }

    /// All kernels of a body for one block of this thread after another.
    fn block_by_block(&mut self, body: &[Item]) {
        let kernels = kernels(body);
        let [from, to] = self.blocks[kernels[0]].expect("the head has divided the blocks");
        let (turn, run, on) = (self.b.create_block(), self.b.create_block(), self.b.create_block());
        let at = self.b.append_block_param(turn, I64);
        self.b.ins().jump(turn, &[BlockArg::Value(from)]);
        self.b.switch_to_block(turn);
        let any = self.b.ins().icmp(IntCC::SignedLessThan, at, to);
        self.b.ins().brif(any, run, &[], on, &[]);
        self.b.switch_to_block(run);
        self.b.seal_block(run);
        let one = self.int(1);
        let after = self.b.ins().iadd(at, one);
        let goes_on = self.b.ins().icmp(IntCC::NotEqual, at, from);
        let goes_on = self.b.ins().bmask(I64, goes_on);
        let whole: Vec<_> = kernels.iter().map(|at| (self.blocks[*at], self.keep[*at])).collect();
        for kernel in &kernels {
            self.blocks[*kernel] = Some([at, after]);
            self.keep[*kernel][1] = goes_on;
        }
        self.items(body);
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
        let (run, on) = (self.b.create_block(), self.b.create_block());
        let any = self.b.ins().icmp(IntCC::SignedLessThan, from, to);
        self.b.ins().brif(any, run, &[], on, &[]);
        self.b.switch_to_block(run);
        self.b.seal_block(run);
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

    /// Moves on to the next call, or back to the one before: its arguments, its reports, its number.
    fn move_by(&mut self, calls: Calls) {
        let flags = MemFlagsData::trusted();
        for (at, buffer) in self.step.buffers.iter().enumerate() {
            match buffer.home {
                Home::Arg(_) | Home::Report(_) => {
                    let stride = self.fixed(self.layout.stride(at));
                    let word = layout::offset(self.layout.base(at));
                    let base = self.b.ins().load(I64, flags, self.context, word);
                    let base = match calls {
                        Calls::On => self.b.ins().iadd(base, stride),
                        Calls::Back => self.b.ins().isub(base, stride),
                    };
                    self.b.ins().store(flags, base, self.context, word);
                }
                Home::Place(_)
                | Home::Resident(_)
                | Home::Run
                | Home::Arena(_)
                | Home::Own(_)
                | Home::Scratch(_) => {}
                // The next call has what the one before has.
                Home::Alternate(..) | Home::OwnAlternate(..) => {
                    let words = [self.layout.base(at), self.layout.stride(at)].map(layout::offset);
                    let [base, by] = words.map(|word| self.b.ins().load(I64, flags, self.context, word));
                    let [base, back] = [self.b.ins().iadd(base, by), self.b.ins().ineg(by)];
                    self.b.ins().store(flags, base, self.context, words[0]);
                    self.b.ins().store(flags, back, self.context, words[1]);
                }
            }
        }
        let word = layout::offset(layout::RUN);
        let run = self.b.ins().load(I32, flags, self.context, word);
        let one = self.b.ins().iconst(I32, 1);
        let run = match calls {
            Calls::On => self.b.ins().iadd(run, one),
            Calls::Back => self.b.ins().isub(run, one),
        };
        self.b.ins().store(flags, run, self.context, word);
    }
}

/// The kernels that are done block by block together.
fn groups(items: &[Item]) -> Vec<Vec<usize>> {
    let of = |item: &Item| match item {
        Item::Kernel(_) | Item::Barrier => Vec::new(),
        Item::Loop { body, .. } | Item::Next(body) => groups(body),
        Item::Blocks(body) => vec![kernels(body)],
    };
    items.iter().flat_map(of).collect()
}

/// The kernels among items that are done block by block.
fn kernels(items: &[Item]) -> Vec<usize> {
    let of = |item: &Item| match item {
        Item::Kernel(at) => vec![*at],
        Item::Next(body) => kernels(body),
        Item::Barrier | Item::Loop { .. } | Item::Blocks(_) => unreachable!("only kernels have blocks"),
    };
    items.iter().flat_map(of).collect()
}

fn block_count(kernel: &Kernel) -> i64 {
    kernel.owner().map_or(1, |owner| owner.extent.div_ceil(owner.unit) as i64)
}
