//! From a nest to a function: which registers hold what, the loops, and the vectors of the innermost one.
//!
//! Constants and scalars are set once; what does not vary along the innermost loop, before each run of it; the rest for
//! each vector of it. Registers are given out as the body is gone through, and taken back after the last use.

mod values;

use super::write::{Label, Mask, Operand, Width, Writer};
use super::{Code, Inst, Nest, SUMS};
use iced_x86::{MemoryOperand, Register};

/// Registers for pointers and counters: those that a function may change first.
const GENERAL: [Register; 13] = [
    Register::RSI,
    Register::RDX,
    Register::RCX,
    Register::R8,
    Register::R9,
    Register::R10,
    Register::R11,
    Register::RBX,
    Register::RBP,
    Register::R12,
    Register::R13,
    Register::R14,
    Register::R15,
];

/// How many of those need not be kept.
const FREE: usize = 7;

/// Vectors of the innermost loop up to which all are written out, as instructions of theirs.
const WRITTEN_OUT: usize = 64;

/// Most instructions of a turn of the loop over vectors, and most vectors.
const AT_ONCE: [usize; 2] = [48, 4];

/// When a statement's value is computed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum When {
    Once,
    EachRun,
    EachVector,
}

/// Where a value is.
#[derive(Clone, Copy, Debug)]
enum Held {
    Nowhere,
    In(Register),
    /// In memory, for the one instruction that takes it.
    At(MemoryOperand),
}

/// Turns of the last loop around that are taken at once where tiles are turned.
const TILE: usize = 4;

/// Registers that are not taken: vectors, and those of truth values where they are others.
#[derive(Clone, Debug)]
struct Registers {
    vectors: Vec<Register>,
    truths: Vec<Register>,
}

/// Which elements of the innermost loop a vector has.
#[derive(Clone, Copy, Debug)]
struct Vector {
    /// Bytes of the elements before it, beside those in `rax` if that goes along.
    at: i64,
    indexed: bool,
    mask: Option<Mask>,
}

/// A function in the making.
struct Function<'a> {
    nest: &'a Nest,
    /// The nest that the caller knows, by which the arguments lie.
    words: &'a Nest,
    w: Writer,
    when: Vec<When>,
    /// How often each value is taken, and whether later parts than the one that computes it do so.
    uses: Vec<usize>,
    lasts: Vec<bool>,
    /// Loads that become operands.
    operand: Vec<bool>,
    held: Vec<Held>,
    left: Vec<usize>,
    free: Registers,
    pointers: Vec<Register>,
    /// Pointers to what is strided, at the vector's first element, by statement.
    strided: Vec<Option<Register>>,
    /// Which of the turns that are taken at once.
    turn: usize,
    /// Of fewer turns than a tile has, which there are.
    turns_meant: Option<Mask>,
    sums: Vec<Vec<Register>>,
    mask: Option<Mask>,
}

/// The function of a nest; none where registers do not suffice, or a distance is beyond what an instruction has.
pub(super) fn function(nest: &Nest, words: &Nest, width: Width) -> Option<Code> {
    let count = nest.body.len();
    let mut f = Function {
        nest,
        words,
        w: Writer::new(width),
        when: Vec::new(),
        uses: vec![0; count],
        lasts: vec![false; count],
        operand: vec![false; count],
        held: vec![Held::Nowhere; count],
        left: vec![0; count],
        free: Registers {
            vectors: (0..width.vectors()).rev().map(|at| width.vector(at)).collect(),
            truths: (1..7u32).rev().map(|at| Register::K0 + at).collect(),
        },
        pointers: Vec::new(),
        strided: vec![None; count],
        turn: 0,
        turns_meant: None,
        sums: Vec::new(),
        mask: None,
    };
    f.look();
    f.whole()?;
    f.w.finish()
}

impl Function<'_> {
    /// Finds out when each value is computed, how often it is taken, and what may stay in memory.
    fn look(&mut self) {
        for inst in &self.nest.body {
            let of_operands = inst.operands().map(|of| self.when[of]).max();
            self.when.push(match inst {
                Inst::Const(_) | Inst::Truth(_) | Inst::Scalar(_) => When::Once,
                Inst::Turn(_) | Inst::Store(..) | Inst::Strided(..) => When::EachVector,
                Inst::Load(pointer, _) if self.nest.pointers[*pointer].along => When::EachVector,
                Inst::Load(..) => When::EachRun,
                _ => of_operands.unwrap_or(When::Once).max(When::EachRun),
            });
        }
        for (at, inst) in self.nest.body.iter().enumerate() {
            for of in inst.operands() {
                self.uses[of] += 1;
                self.lasts[of] |= self.when[at] > self.when[of];
            }
        }
        for (_, item) in &self.nest.folds {
            self.uses[*item] += 1;
            self.lasts[*item] |= self.when[*item] < When::EachVector;
        }
        for (at, inst) in self.nest.body.iter().enumerate() {
            if self.uses[at] != 1 || self.when[at] != When::EachVector || !matches!(inst, Inst::Load(..)) {
                continue;
            }
            let after = &self.nest.body[at + 1..];
            let taker = after.iter().position(|later| later.operands().any(|of| of == at));
            self.operand[at] = taker.is_some_and(|taker| {
                let still = !after[..taker].iter().any(|inst| matches!(inst, Inst::Store(..)));
                let Inst::Two(f, a, b) = after[taker] else { return false };
                let other = if a == at { b } else { a };
                still && a != b && !self.operand[other] && (b == at || f.commutes())
            });
        }
    }

    fn argument(word: usize) -> MemoryOperand {
        place(Register::RDI, None, 8 * word as i64)
    }

    fn whole(&mut self) -> Option<()> {
        let nest = self.nest;
        let pointers = nest.pointers.len();
        let strided = nest.body.iter().filter(|inst| matches!(inst, Inst::Strided(..))).count();
        let fixed = pointers + strided;
        let used = fixed + nest.loops.len();
        if fixed > GENERAL.len() {
            return None;
        }
        let mut moving = GENERAL[pointers..fixed].iter().copied();
        for (at, inst) in nest.body.iter().enumerate() {
            if matches!(inst, Inst::Strided(..)) {
                self.strided[at] = moving.next();
            }
        }
        let saved = &GENERAL[FREE..used.clamp(FREE, GENERAL.len())];
        saved.iter().for_each(|register| self.w.save(*register));
        self.pointers = GENERAL[..pointers].to_vec();
        for (at, register) in self.pointers.iter().enumerate() {
            self.w.word(*register, Self::argument(at));
        }
        let lanes = self.w.width.lanes();
        if !nest.count.is_multiple_of(lanes) {
            let vector = match self.w.width {
                Width::Y => self.take(false)?,
                Width::Z => Register::None,
            };
            self.mask = Some(self.w.first(nest.count % lanes, vector));
        }
        let in_tiles = nest.in_tiles();
        let last = nest.loops.len().saturating_sub(1);
        if in_tiles && !nest.loops[last].is_multiple_of(TILE) {
            let vector = self.take(false)?;
            self.turns_meant = Some(self.w.first(nest.loops[last] % TILE, vector));
        }
        self.part(When::Once, None)?;
        for (op, _) in &nest.folds {
            let start = values::start_of(*op);
            let mut sums = Vec::new();
            for _ in 0..SUMS / lanes {
                let register = self.take(false)?;
                let start = self.w.constants(std::iter::repeat(start));
                self.w.load(register, Operand::At(start), None);
                sums.push(register);
            }
            self.sums.push(sums);
        }
        // The innermost counters are in registers, as far as there are any.
        let counters: Vec<Operand> = (0..nest.loops.len())
            .map(|of| match GENERAL.get(fixed + nest.loops.len() - 1 - of) {
                Some(register) => Operand::In(*register),
                None => Operand::At(Self::argument(self.words.turns_at(of))),
            })
            .collect();
        let mut labels: Vec<Label> = Vec::new();
        for (of, (turns, counter)) in nest.loops.iter().zip(&counters).enumerate() {
            let turns = i32::try_from(*turns).ok()?;
            if in_tiles && of == last {
                self.tiles(*counter)?;
                break;
            }
            match counter {
                Operand::In(register) => self.w.set(*register, turns),
                Operand::At(word) => self.w.set_word(*word, turns),
            }
            labels.push(self.w.here());
        }
        if !in_tiles {
            self.run(None)?;
        }
        for of in (0..labels.len()).rev() {
            for (register, pointer) in self.pointers.iter().zip(&nest.pointers) {
                let inside = nest.loops.get(of + 1).map_or(0, |turns| *turns as i64 * pointer.steps[of + 1]);
                self.w.move_by(*register, i32::try_from(pointer.steps[of] - inside).ok()?);
            }
            self.w.count(counters[of]);
            self.w.again(labels[of]);
        }
        for (at, (op, _)) in nest.folds.iter().enumerate() {
            let result = self.tree(*op, &self.sums[at].clone())?;
            self.w.store_first(Self::argument(self.words.result_at(at)), result);
        }
        self.w.leave();
        for register in GENERAL[FREE..used.clamp(FREE, GENERAL.len())].iter().rev() {
            self.w.restore(*register);
        }
        self.w.ret();
        Some(())
    }

    /// The last loop around, a tile at a time.
    fn tiles(&mut self, counter: Operand) -> Option<()> {
        let last = self.nest.loops.len() - 1;
        let turns = self.nest.loops[last];
        let (whole, rest) = (turns / TILE, turns % TILE);
        if whole > 0 {
            let whole = i32::try_from(whole).ok()?;
            match counter {
                Operand::In(register) => self.w.set(register, whole),
                Operand::At(word) => self.w.set_word(word, whole),
            }
            let label = self.w.here();
            self.run(Some(TILE))?;
            self.move_all(last, TILE)?;
            self.w.count(counter);
            self.w.again(label);
        }
        if rest > 0 {
            self.run(Some(rest))?;
            self.move_all(last, rest)?;
        }
        Some(())
    }

    /// Moves the pointers by some turns of a loop.
    fn move_all(&mut self, of: usize, turns: usize) -> Option<()> {
        for (register, pointer) in self.pointers.iter().zip(&self.nest.pointers) {
            self.w.move_by(*register, i32::try_from(turns as i64 * pointer.steps[of]).ok()?);
        }
        Some(())
    }

    /// One run of the innermost loop, or those of a tile of so many turns at once.
    fn run(&mut self, tile: Option<usize>) -> Option<()> {
        let before = self.free.clone();
        if tile.is_none() {
            self.part(When::EachRun, None)?;
        }
        for (at, inst) in self.nest.body.iter().enumerate() {
            if let (Inst::Strided(pointer, ..), Some(moving)) = (inst, self.strided[at]) {
                self.w.copy(moving, self.pointers[*pointer]);
            }
        }
        let (lanes, bytes) = (self.w.width.lanes(), self.w.width.bytes() as i64);
        let group = if self.nest.folds.is_empty() { 1 } else { SUMS / lanes };
        let long = self.when.iter().filter(|when| **when == When::EachVector).count().max(1);
        let long = long * tile.map_or(1, |turns| 2 * turns);
        let whole = self.nest.count / lanes;
        let mut done = 0;
        if whole > WRITTEN_OUT.div_ceil(long) {
            let at_once = (AT_ONCE[0] / long).clamp(1, AT_ONCE[1]).next_multiple_of(group);
            let turns = whole / at_once;
            let end = i32::try_from(turns as i64 * at_once as i64 * bytes).ok()?;
            self.w.set(Register::RAX, 0);
            let label = self.w.here();
            for part in 0..at_once {
                self.vector(
                    tile,
                    part % group,
                    Vector { at: part as i64 * bytes, indexed: true, mask: None },
                )?;
            }
            self.w.move_by(Register::RAX, at_once as i32 * bytes as i32);
            self.w.compare_with(Register::RAX, end);
            self.w.again_below(label);
            done = turns * at_once;
        }
        for at in done..whole {
            self.vector(tile, at % group, Vector { at: at as i64 * bytes, indexed: false, mask: None })?;
        }
        if self.mask.is_some() {
            let at = whole as i64 * bytes;
            self.vector(tile, whole % group, Vector { at, indexed: false, mask: self.mask })?;
        }
        self.free = before;
        Some(())
    }

    /// What is done for each vector; of folds, with the sums of a part.
    fn vector(&mut self, tile: Option<usize>, part: usize, vector: Vector) -> Option<()> {
        let before = self.free.clone();
        match tile {
            None => self.part(When::EachVector, Some(vector))?,
            Some(turns) => self.tile(turns, vector)?,
        }
        for (at, (op, item)) in self.nest.folds.iter().enumerate() {
            let (sum, item) = (self.sums[at][part], self.register(*item));
            match vector.mask {
                None => self.combine(*op, sum, sum, item)?,
                Some(mask) => {
                    let new = self.take(false)?;
                    self.combine(*op, new, sum, item)?;
                    self.w.pick(sum, mask.register, Operand::In(new), sum);
                    self.give_back(new);
                }
            }
        }
        self.free = before;
        let lanes = self.w.width.lanes() as i64;
        for (at, inst) in self.nest.body.iter().enumerate() {
            if let (Inst::Strided(_, _, by), Some(moving)) = (inst, self.strided[at]) {
                self.w.move_by(moving, i32::try_from(lanes * by).ok()?);
            }
        }
        Some(())
    }
}

fn place(base: Register, index: Option<Register>, offset: i64) -> MemoryOperand {
    let index = index.unwrap_or(Register::None);
    let size = u32::from(offset != 0);
    MemoryOperand::new(base, index, 1, offset, size, false, Register::None)
}
