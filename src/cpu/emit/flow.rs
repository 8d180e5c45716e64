//! Loops and their bounds.

use super::function::Emitter;
use crate::kernel::{Extent, Var};
use cranelift_codegen::ir::condcodes::IntCC;
use cranelift_codegen::ir::types::I64;
use cranelift_codegen::ir::{BlockArg, InstBuilder, Value};

/// How many turns, as far as known.
#[derive(Clone, Copy, Debug)]
pub(super) enum Count {
    /// Known now.
    Fixed(i64),
    /// Known when it runs; may be negative.
    At(Value),
}

/// What is known of a loop variable.
#[derive(Clone, Copy, Debug)]
pub(super) enum Known {
    /// It goes from 0 by `step` as long as it is below `limit`.
    Steps {
        /// The bound.
        limit: usize,
        /// By how much it goes up.
        step: usize,
    },
    /// It has this value.
    Exactly(usize),
}

impl Emitter<'_, '_> {
    /// A loop of `at` from 0 by `step` as long as it is below a count.
    pub fn turns(
        &mut self,
        count: Count,
        step: i64,
        body: impl FnOnce(&mut Self, Value) -> Result<(), String>,
    ) -> Result<(), String> {
        match count {
            Count::Fixed(n) if n <= 0 => Ok(()),
            Count::Fixed(n) if n <= step => {
                let zero = self.int(0);
                body(self, zero)
            }
            Count::Fixed(n) => {
                let (zero, end) = (self.int(0), self.int(n));
                self.looped(zero, end, step, true, body)
            }
            Count::At(end) => {
                let zero = self.int(0);
                self.looped(zero, end, step, false, body)
            }
        }
    }

    /// A loop from `start` by `step` as long as it is below `end`, with its test at the bottom;
    /// `entered` says that there is a first turn.
    pub fn looped(
        &mut self,
        start: Value,
        end: Value,
        step: i64,
        entered: bool,
        body: impl FnOnce(&mut Self, Value) -> Result<(), String>,
    ) -> Result<(), String> {
        let turn = self.b.create_block();
        let done = self.b.create_block();
        let at = self.b.append_block_param(turn, I64);
        if entered {
            self.b.ins().jump(turn, &[BlockArg::Value(start)]);
        } else {
            let any = self.b.ins().icmp(IntCC::SignedLessThan, start, end);
            self.b.ins().brif(any, turn, &[BlockArg::Value(start)], done, &[]);
        }
        self.b.switch_to_block(turn);
        body(self, at)?;
        let step = self.int(step);
        let next = self.b.ins().iadd(at, step);
        let more = self.b.ins().icmp(IntCC::SignedLessThan, next, end);
        self.b.ins().brif(more, turn, &[BlockArg::Value(next)], done, &[]);
        self.b.seal_block(turn);
        self.b.seal_block(done);
        self.b.switch_to_block(done);
        Ok(())
    }

    /// Does something if a condition holds.
    pub fn when(
        &mut self,
        condition: Value,
        body: impl FnOnce(&mut Self) -> Result<(), String>,
    ) -> Result<(), String> {
        let (then, on) = (self.b.create_block(), self.b.create_block());
        self.b.ins().brif(condition, then, &[], on, &[]);
        self.b.switch_to_block(then);
        self.b.seal_block(then);
        body(self)?;
        self.b.ins().jump(on, &[]);
        self.b.switch_to_block(on);
        self.b.seal_block(on);
        Ok(())
    }

    /// A loop of `var` over a fixed number of indices, `step` at a time. What is left at the end is a turn
    /// of its own, so that bounds that depend on the variable are known in all.
    pub fn steps(
        &mut self,
        var: Var,
        limit: usize,
        step: usize,
        mut body: impl FnMut(&mut Self) -> Result<(), String>,
    ) -> Result<(), String> {
        let whole = limit / step * step;
        let known = Known::Steps { limit: whole, step };
        self.turns(Count::Fixed(whole as i64), step as i64, |e, at| e.bind(var, at, Some(known), &mut body))?;
        if whole == limit {
            return Ok(());
        }
        let at = self.int(whole as i64);
        self.bind(var, at, Some(Known::Exactly(whole)), body)
    }

    /// Gives a variable its value inside `body`.
    pub fn bind<R>(
        &mut self,
        var: Var,
        value: Value,
        known: Option<Known>,
        body: impl FnOnce(&mut Self) -> R,
    ) -> R {
        let at = var.0 as usize;
        self.depth += 1;
        self.vars[at] = Some(value);
        self.depths[at] = self.depth;
        self.known[at] = known;
        let result = body(self);
        self.depth -= 1;
        self.vars[at] = None;
        result
    }

    /// A loop variable's value.
    pub fn var(&self, var: Var) -> Value {
        self.vars[var.0 as usize].expect("a variable stands inside its loop")
    }

    /// An extent's number of indices.
    pub fn count(&mut self, extent: &Extent) -> Count {
        let Some((var, limit)) = extent.rest else { return Count::Fixed(extent.size as i64) };
        match self.known[var.0 as usize] {
            Some(Known::Exactly(at)) => {
                return Count::Fixed((extent.size as i64).min(limit as i64 - at as i64));
            }
            // Where steps divide the axis, each is whole.
            Some(Known::Steps { limit: end, step })
                if end <= limit && end % step == 0 && extent.size <= step =>
            {
                return Count::Fixed(extent.size as i64);
            }
            Some(Known::Steps { .. }) | None => {}
        }
        let (size, limit) = (self.int(extent.size as i64), self.int(limit as i64));
        let var = self.var(var);
        let rest = self.b.ins().isub(limit, var);
        Count::At(self.b.ins().smin(size, rest))
    }

    /// A count as a value that is not negative.
    pub fn counted(&mut self, count: Count) -> Value {
        match count {
            Count::Fixed(n) => self.int(n.max(0)),
            Count::At(n) => {
                let zero = self.int(0);
                self.b.ins().smax(n, zero)
            }
        }
    }

    /// A whole number of 64 bits.
    pub fn int(&mut self, value: i64) -> Value {
        self.b.ins().iconst(I64, value)
    }

    /// A value times a constant.
    pub fn scaled(&mut self, value: Value, by: i64) -> Value {
        if by == 1 {
            value
        } else if by > 0 && by.count_ones() == 1 {
            let shift = self.int(i64::from(by.trailing_zeros()));
            self.b.ins().ishl(value, shift)
        } else {
            let by = self.int(by);
            self.b.ins().imul(value, by)
        }
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
