//! The statements of a nest, in registers: what they give, and what is reduced.

use super::{Function, Held, TILE, Vector, When, place};
use crate::cpu::wide::write::{Operand, Width};
use crate::cpu::wide::{Inst, Two};
use crate::ir::op::{Compare, Reduce};
use iced_x86::Register;

/// Bytes of a cache line.
const LINE: i64 = 64;
/// Bytes from one row to the next from which the machine does not follow, and how many rows ahead lines are asked for.
const FAR_ROWS: i64 = 1024;
const CLAIMED: i64 = 2;

impl Function<'_> {
    /// A register for a value.
    pub(super) fn take(&mut self, truth: bool) -> Option<Register> {
        if truth && self.w.width == Width::Z { self.free.truths.pop() } else { self.free.vectors.pop() }
    }

    pub(super) fn give_back(&mut self, register: Register) {
        if register.is_k() { self.free.truths.push(register) } else { self.free.vectors.push(register) }
    }

    /// The register of a value.
    pub(super) fn register(&self, of: usize) -> Register {
        match self.held[of] {
            Held::In(register) => register,
            Held::At(_) | Held::Nowhere => unreachable!("a value is in a register when it is taken"),
        }
    }

    fn operand(&self, of: usize) -> Operand {
        match self.held[of] {
            Held::In(register) => Operand::In(register),
            Held::At(place) => Operand::At(place),
            Held::Nowhere => unreachable!("a value is there when it is taken"),
        }
    }

    /// A value has been taken once more in a part.
    fn taken(&mut self, of: usize, part: When) {
        if self.when[of] != part {
            return;
        }
        self.left[of] -= 1;
        if self.left[of] == 0
            && !self.lasts[of]
            && let Held::In(register) = self.held[of]
        {
            self.give_back(register);
        }
    }

    /// A vector of each of some turns: tiles of what is strided, four of these along the turns and eight across, are read
    /// and turned.
    pub(super) fn tile(&mut self, turns: usize, vector: Vector) -> Option<()> {
        let lanes = self.w.width.lanes();
        let rows = if vector.mask.is_some() { self.nest.count % lanes } else { lanes };
        let meant = if turns < TILE { self.turns_meant } else { None };
        let mut tiles = vec![Vec::new(); self.nest.body.len()];
        for (at, inst) in self.nest.body.iter().enumerate() {
            let (Inst::Strided(_, offset, by), Some(base)) = (inst, self.strided[at]) else { continue };
            let mut quarters = [Register::None; TILE];
            for (row, quarter) in quarters.iter_mut().enumerate() {
                *quarter = self.take(false)?;
                let from = |row: usize| place(base, None, offset + row as i64 * by);
                if row >= rows {
                    self.w.two(Two::Xor, *quarter, *quarter, Operand::In(*quarter));
                    continue;
                }
                self.w.four(*quarter, from(row), meant);
                if row + TILE >= rows {
                    continue;
                }
                match meant {
                    None => self.w.upper(*quarter, Operand::At(from(row + TILE))),
                    Some(_) => {
                        let other = self.take(false)?;
                        self.w.four(other, from(row + TILE), meant);
                        self.w.upper(*quarter, Operand::In(other));
                        self.give_back(other);
                    }
                }
            }
            let mut other = [Register::None; TILE];
            for register in &mut other {
                *register = self.take(false)?;
            }
            self.w.turned(quarters, other);
            other.into_iter().for_each(|register| self.give_back(register));
            tiles[at] = quarters.to_vec();
        }
        for turn in 0..turns {
            self.turn = turn;
            let before = self.free.clone();
            for (held, tile) in self.held.iter_mut().zip(&tiles) {
                if let Some(register) = tile.get(turn) {
                    *held = Held::In(*register);
                }
            }
            self.part(When::EachRun, None)?;
            self.part(When::EachVector, Some(vector))?;
            self.free = before;
        }
        self.turn = 0;
        Some(())
    }

    /// All statements of a part.
    pub(super) fn part(&mut self, part: When, vector: Option<Vector>) -> Option<()> {
        for at in 0..self.nest.body.len() {
            if self.when[at] != part {
                continue;
            }
            self.left[at] = self.uses[at];
            self.held[at] = self.inst(at, part, vector)?;
            if self.uses[at] == 0
                && let Held::In(register) = self.held[at]
            {
                self.give_back(register);
            }
        }
        Some(())
    }

    /// One statement.
    fn inst(&mut self, at: usize, part: When, vector: Option<Vector>) -> Option<Held> {
        let inst = self.nest.body[at];
        match inst {
            Inst::Const(bits) => {
                let to = self.take(false)?;
                let constant = self.w.constants(std::iter::repeat(bits));
                self.w.load(to, Operand::At(constant), None);
                return Some(Held::In(to));
            }
            Inst::Truth(value) => {
                let to = self.take(true)?;
                self.w.truth(to, value);
                return Some(Held::In(to));
            }
            Inst::Scalar(scalar) => {
                let to = self.take(false)?;
                self.w.spread(to, Self::argument(self.words.scalar_at(scalar)));
                return Some(Held::In(to));
            }
            Inst::Turn(first) => {
                let vector = vector.expect("a turn's number varies");
                let first = (vector.at / 4) as i32 + first;
                let numbers = self.w.constants((first..).map(|at| at as u32));
                let to = self.take(false)?;
                if vector.indexed {
                    self.w.turns_of_bytes(to);
                    self.w.two(Two::AddWhole, to, to, Operand::At(numbers));
                } else {
                    self.w.load(to, Operand::At(numbers), None);
                }
                return Some(Held::In(to));
            }
            Inst::Load(pointer, offset) => {
                let base = self.pointers[pointer];
                let Some(vector) = vector else {
                    let to = self.take(false)?;
                    self.w.spread(to, place(base, None, offset + self.turned_by(pointer)));
                    return Some(Held::In(to));
                };
                let index = vector.indexed.then_some(Register::RAX);
                let from = place(base, index, offset + vector.at + self.turned_by(pointer));
                if self.operand[at] && vector.mask.is_none() {
                    return Some(Held::At(from));
                }
                let to = self.take(false)?;
                self.w.load(to, Operand::At(from), vector.mask);
                return Some(Held::In(to));
            }
            // Of a tile, it is there already.
            Inst::Strided(..) if self.nest.in_tiles() => return Some(self.held[at]),
            Inst::Strided(_, offset, by) => {
                let base = self.strided[at].expect("it has a pointer");
                let (to, distances) = (self.take(false)?, self.take(false)?);
                let words = self.w.constants((0..).map(|lane: i64| (lane * by) as u32));
                self.w.load(distances, Operand::At(words), None);
                let mask = self.take(true)?;
                match vector.and_then(|vector| vector.mask) {
                    None => self.w.truth(mask, true),
                    Some(meant) => self.w.copy_mask(mask, meant),
                }
                // The lanes that are left out are not waited for.
                self.w.two(Two::Xor, to, to, Operand::In(to));
                self.w.gather(to, (base, offset), distances, mask);
                self.give_back(distances);
                self.give_back(mask);
                return Some(Held::In(to));
            }
            Inst::Store(pointer, offset, value) => {
                let vector = vector.expect("what is stored goes along");
                let index = vector.indexed.then_some(Register::RAX);
                let to = place(self.pointers[pointer], index, offset + vector.at + self.turned_by(pointer));
                self.w.store(to, self.register(value), vector.mask);
                if let Some(ahead) = self.claimed_ahead(pointer).filter(|_| vector.at % LINE == 0) {
                    let at = offset + vector.at + self.turned_by(pointer) + ahead;
                    self.w.claim(place(self.pointers[pointer], index, at));
                }
                self.taken(value, part);
                return Some(Held::Nowhere);
            }
            _ => {}
        }
        // Of what takes several instructions the operands stay until the last one.
        let several = matches!(inst, Inst::PickTruth(..));
        if !several {
            let mut operands: Vec<usize> = inst.operands().collect();
            operands.sort_unstable();
            operands.iter().for_each(|of| self.taken(*of, part));
        }
        let to = self.take(inst.is_truth())?;
        match inst {
            Inst::Two(f, a, b) => match (self.operand(a), self.operand(b)) {
                (Operand::In(a), b) => self.w.two(f, to, a, b),
                (a, Operand::In(b)) => self.w.two(f, to, b, a),
                (Operand::At(_), Operand::At(_)) => unreachable!("one of them is loaded"),
            },
            Inst::Compare(f, a, b) => self.w.compare(f, to, self.register(a), self.operand(b)),
            Inst::CompareWhole(f, a, b) => {
                self.w.compare_whole(f, to, self.register(a), self.register(b));
            }
            Inst::Both(a, b) => self.w.both(to, self.register(a), self.register(b)),
            Inst::Either(a, b) => self.w.any(to, self.register(a), self.register(b)),
            Inst::ButNot(a, b) => self.w.not_but(to, self.register(a), self.register(b)),
            Inst::Not(a) => self.w.not(to, self.register(a)),
            Inst::Pick(c, a, b) => self.w.pick(to, self.register(c), self.operand(a), self.register(b)),
            Inst::PickTruth(c, a, b) => {
                let (c, a, b) = (self.register(c), self.register(a), self.register(b));
                let other = self.take(true)?;
                self.w.both(to, c, a);
                self.w.not_but(other, c, b);
                self.w.any(to, to, other);
                self.give_back(other);
            }
            Inst::Sqrt(a) => self.w.sqrt(to, self.register(a)),
            Inst::Round(a) => self.w.round(to, self.register(a), false),
            Inst::Floor(a) => self.w.round(to, self.register(a), true),
            Inst::Real(a) => self.w.real(to, self.register(a)),
            Inst::Shift(a, by) => self.w.shift(to, self.register(a), by),
            Inst::Const(_)
            | Inst::Truth(_)
            | Inst::Scalar(_)
            | Inst::Turn(_)
            | Inst::Load(..)
            | Inst::Strided(..)
            | Inst::Store(..) => unreachable!("these have returned"),
        }
        if several {
            inst.operands().collect::<Vec<_>>().iter().for_each(|of| self.taken(*of, part));
        }
        Some(Held::In(to))
    }

    /// How far ahead of what is written the lines of a coming turn lie, where those are asked for: each would be waited for
    /// that another core has read, and where rows are far apart the machine does not bring them by itself.
    fn claimed_ahead(&self, pointer: usize) -> Option<i64> {
        let step = self.nest.pointers[pointer].steps.last().copied().unwrap_or(0);
        match self.nest.in_tiles() {
            true => Some(TILE as i64 * step),
            false => (step.abs() >= FAR_ROWS).then_some(CLAIMED * step),
        }
    }

    /// Bytes by which the turns before of a tile have moved a pointer.
    fn turned_by(&self, pointer: usize) -> i64 {
        self.turn as i64 * self.nest.pointers[pointer].steps.last().copied().unwrap_or(0)
    }

    /// `to` = `a` op `b`, as a reduction has it; `to` may be `a`.
    pub(super) fn combine(&mut self, op: Reduce, to: Register, a: Register, b: Register) -> Option<()> {
        let f = match op {
            Reduce::Sum => Two::Add,
            Reduce::Prod => Two::Mul,
            Reduce::Max => Two::Greater,
            Reduce::Min => Two::Less,
            Reduce::Any | Reduce::All => unreachable!("reductions of numbers"),
        };
        if matches!(op, Reduce::Sum | Reduce::Prod) {
            self.w.two(f, to, a, Operand::In(b));
            return Some(());
        }
        // A NaN stays: the instruction has the second operand where one is a NaN, and that is `a`.
        let (better, none) = (self.take(false)?, self.take(true)?);
        self.w.two(f, better, b, Operand::In(a));
        self.w.compare(Compare::Ne, none, b, Operand::In(b));
        self.w.pick(to, none, Operand::In(b), better);
        self.give_back(better);
        self.give_back(none);
        Some(())
    }

    /// What 16 sums give: l and l + 8, then 4, 2 and 1.
    pub(super) fn tree(&mut self, op: Reduce, sums: &[Register]) -> Option<Register> {
        let (total, other) = (sums[0], self.take(false)?);
        if let [_, upper] = sums {
            self.combine(op, total, total, *upper)?;
        }
        let lanes = self.w.width.lanes();
        for by in [8, 4, 2, 1].into_iter().filter(|by| *by < lanes) {
            self.w.down(other, total, by);
            self.combine(op, total, total, other)?;
        }
        self.give_back(other);
        Some(total)
    }
}

/// What a reduction starts from, in bits.
pub(super) fn start_of(op: Reduce) -> u32 {
    match op {
        Reduce::Sum => 0.0f32,
        Reduce::Prod => 1.0,
        Reduce::Max => f32::NEG_INFINITY,
        Reduce::Min => f32::INFINITY,
        Reduce::Any | Reduce::All => unreachable!("reductions of numbers"),
    }
    .to_bits()
}
