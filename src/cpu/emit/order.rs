//! A step's order as one Cranelift function: the loop over the calls of an entry, the kernels of each,
//! the barriers between them. Nothing returns to the host before all calls are made, or one has failed.

use super::host;
use super::layout::{self, Layout};
use super::target::Target;
use crate::kernel::{Home, Item, Kernel, Share, Step, has_check};
use cranelift_codegen::ir::condcodes::IntCC;
use cranelift_codegen::ir::types::{I32, I64};
use cranelift_codegen::ir::{AbiParam, Block, BlockArg, InstBuilder, MemFlagsData, SigRef, Signature, Value};
use cranelift_codegen::isa::CallConv;
use cranelift_frontend::FunctionBuilder;

struct Order<'a, 'f> {
    b: FunctionBuilder<'f>,
    step: &'a Step,
    layout: Layout,
    context: Value,
    barrier: Value,
    /// For each kernel, the blocks of this thread.
    blocks: Vec<Option<[Value; 2]>>,
    kernel: SigRef,
    wait: SigRef,
    /// Where a thread goes when a fault stands, with the number of calls that are done.
    left: Block,
    done: Value,
}

/// Fills a function `(context, calls) -> calls done`.
pub(super) fn fill(mut b: FunctionBuilder<'_>, step: &Step, target: &Target) {
    let conv = CallConv::triple_default(target.isa.triple());
    let mut signature = Signature::new(conv);
    signature.params.extend([AbiParam::new(I64); 3]);
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
        kernel,
        wait,
        left,
        done,
    };
    order.head();
    let zero = order.b.ins().iconst(I64, 0);
    let any = order.b.ins().icmp(IntCC::SignedLessThan, zero, calls);
    order.b.ins().brif(any, call, &[BlockArg::Value(zero)], left, &[BlockArg::Value(zero)]);
    order.b.switch_to_block(call);
    order.items(&step.order);
    order.advance();
    let one = order.b.ins().iconst(I64, 1);
    let after = order.b.ins().iadd(done, one);
    let more = order.b.ins().icmp(IntCC::SignedLessThan, after, calls);
    let end = order.b.create_block();
    let next = BlockArg::Value(after);
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

    /// Thread t of T owns blocks `n * t / T` up to `n * (t + 1) / T`; what has no owner is the first's, or each one's.
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
                // Of one block, dividing would give it to the last thread.
                Share::First => {
                    let first = self.b.ins().icmp(IntCC::Equal, thread, zero);
                    [zero, self.b.ins().uextend(I64, first)]
                }
                Share::Each => [zero, one],
            };
            self.blocks[at] = Some(range);
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
            }
        }
    }

    fn kernel(&mut self, at: usize) {
        let [from, to] = self.blocks[at].expect("the head has divided the blocks");
        let (run, on) = (self.b.create_block(), self.b.create_block());
        let any = self.b.ins().icmp(IntCC::SignedLessThan, from, to);
        self.b.ins().brif(any, run, &[], on, &[]);
        self.b.switch_to_block(run);
        self.b.seal_block(run);
        let address = self.fixed(self.layout.kernel(at));
        self.b.ins().call_indirect(self.kernel, address, &[self.context, from, to]);
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

    /// Moves on to the next call: its arguments, its reports, its number.
    fn advance(&mut self) {
        let flags = MemFlagsData::trusted();
        for (at, buffer) in self.step.buffers.iter().enumerate() {
            match buffer.home {
                Home::Arg(_) | Home::Report(_) => {
                    let stride = self.fixed(self.layout.stride(at));
                    let word = layout::offset(self.layout.base(at));
                    let base = self.b.ins().load(I64, flags, self.context, word);
                    let base = self.b.ins().iadd(base, stride);
                    self.b.ins().store(flags, base, self.context, word);
                }
                Home::Place(_)
                | Home::Resident(_)
                | Home::Run
                | Home::Arena(_)
                | Home::Own(_)
                | Home::Scratch(_) => {}
                Home::Alternate(..) => {
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
        let run = self.b.ins().iadd(run, one);
        self.b.ins().store(flags, run, self.context, word);
    }
}

fn block_count(kernel: &Kernel) -> i64 {
    kernel.owner().map_or(1, |owner| owner.extent.div_ceil(owner.unit) as i64)
}
