//! Instructions on vectors of either width. AVX2 has truth values as vectors, AVX-512 in mask registers.

mod operations;

use iced_x86::{
    BlockEncoder, BlockEncoderOptions, Code, Instruction, InstructionBlock, MemoryOperand, Register,
};

/// Which vectors.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Width {
    /// 256 bits, AVX2.
    Y,
    /// 512 bits, AVX-512F.
    Z,
}

impl Width {
    /// Bytes of a vector.
    pub fn bytes(self) -> usize {
        match self {
            Width::Y => 32,
            Width::Z => 64,
        }
    }

    /// Numbers of a vector.
    pub fn lanes(self) -> usize {
        self.bytes() / 4
    }

    /// A vector register.
    pub fn vector(self, at: usize) -> Register {
        match self {
            Width::Y => Register::YMM0 + at as u32,
            Width::Z => Register::ZMM0 + at as u32,
        }
    }

    /// How many there are.
    pub fn vectors(self) -> usize {
        match self {
            Width::Y => 16,
            Width::Z => 32,
        }
    }
}

/// What an instruction takes.
#[derive(Clone, Copy, Debug)]
pub(super) enum Operand {
    /// A register.
    In(Register),
    /// A vector in memory.
    At(MemoryOperand),
}

/// The lanes of a last vector that are meant.
#[derive(Clone, Copy, Debug)]
pub(super) struct Mask {
    /// The mask: a vector, or a mask register.
    pub register: Register,
}

/// A place that a jump goes to.
#[derive(Clone, Copy, Debug)]
pub(super) struct Label(u64);

/// Where the constants are thought to lie while instructions are written: far from the instructions' numbers.
const POOL: u64 = 1 << 32;

/// Room for constants before the instructions.
const POOL_BYTES: u64 = 1 << 20;

/// Instructions and constants of a function.
pub(super) struct Writer {
    pub width: Width,
    code: Vec<Instruction>,
    pool: Vec<u8>,
}

impl Writer {
    /// Nothing yet.
    pub fn new(width: Width) -> Writer {
        Writer { width, code: Vec::new(), pool: Vec::new() }
    }

    fn put(&mut self, made: Result<Instruction, iced_x86::IcedError>) {
        let mut instruction = made.expect("the operands are of the instruction's kinds");
        // Its number is its address, so that jumps find it.
        instruction.set_ip(self.code.len() as u64 + 1);
        self.code.push(instruction);
    }

    /// Constants and code; none where an instruction cannot reach as far as it should.
    pub fn finish(self) -> Option<super::Code> {
        let mut bytes = self.pool;
        bytes.resize(bytes.len().next_multiple_of(64), 0);
        let entry = bytes.len();
        let block = InstructionBlock::new(&self.code, POOL + entry as u64);
        bytes.extend(BlockEncoder::encode(64, block, BlockEncoderOptions::NONE).ok()?.code_buffer);
        Some(super::Code { bytes, entry })
    }

    /// A vector of constants in memory.
    pub fn constants(&mut self, words: impl Iterator<Item = u32>) -> MemoryOperand {
        let vector: Vec<u8> = words.take(self.width.lanes()).flat_map(u32::to_le_bytes).collect();
        let found = self.pool.chunks_exact(vector.len()).position(|old| old == vector);
        let at = found.map_or(self.pool.len(), |at| at * vector.len());
        if found.is_none() {
            self.pool.extend(vector);
        }
        assert!((self.pool.len() as u64) < POOL_BYTES, "few constants");
        MemoryOperand::with_base_displ(Register::RIP, (POOL + at as u64) as i64)
    }

    /// Where the next instruction stands.
    pub fn here(&self) -> Label {
        Label(self.code.len() as u64 + 1)
    }

    /// Goes back to a place unless what was just counted is 0.
    pub fn again(&mut self, to: Label) {
        self.put(Instruction::with_branch(Code::Jne_rel32_64, to.0));
    }

    /// Goes back to a place if the first of what was just compared is below the second.
    pub fn again_below(&mut self, to: Label) {
        self.put(Instruction::with_branch(Code::Jb_rel32_64, to.0));
    }

    pub fn save(&mut self, register: Register) {
        self.put(Instruction::with1(Code::Push_r64, register));
    }

    pub fn restore(&mut self, register: Register) {
        self.put(Instruction::with1(Code::Pop_r64, register));
    }

    /// Leaves the function.
    pub fn leave(&mut self) {
        self.put(Ok(Instruction::with(Code::VEX_Vzeroupper)));
    }

    pub fn ret(&mut self) {
        self.put(Ok(Instruction::with(Code::Retnq)));
    }

    pub fn word(&mut self, to: Register, from: MemoryOperand) {
        self.put(Instruction::with2(Code::Mov_r64_rm64, to, from));
    }

    pub fn set(&mut self, to: Register, value: i32) {
        self.put(Instruction::with2(Code::Mov_rm64_imm32, to, value));
    }

    pub fn set_word(&mut self, to: MemoryOperand, value: i32) {
        self.put(Instruction::with2(Code::Mov_rm64_imm32, to, value));
    }

    pub fn move_by(&mut self, register: Register, by: i32) {
        if by != 0 {
            self.put(Instruction::with2(Code::Add_rm64_imm32, register, by));
        }
    }

    /// Takes 1 from a register or word, for [`Writer::again`].
    pub fn count(&mut self, counter: Operand) {
        self.put(match counter {
            Operand::In(register) => Instruction::with1(Code::Dec_rm64, register),
            Operand::At(word) => Instruction::with1(Code::Dec_rm64, word),
        });
    }

    pub fn compare_with(&mut self, register: Register, with: i32) {
        self.put(Instruction::with2(Code::Cmp_rm64_imm32, register, with));
    }

    fn either(&self, y: Code, z: Code) -> Code {
        match self.width {
            Width::Y => y,
            Width::Z => z,
        }
    }

    fn two_of(&mut self, code: Code, to: Register, a: Operand) {
        self.put(match a {
            Operand::In(a) => Instruction::with2(code, to, a),
            Operand::At(a) => Instruction::with2(code, to, a),
        });
    }

    fn three_of(&mut self, code: Code, to: Register, a: Register, b: Operand) {
        self.put(match b {
            Operand::In(b) => Instruction::with3(code, to, a, b),
            Operand::At(b) => Instruction::with3(code, to, a, b),
        });
    }

    /// A vector from memory, or another register.
    pub fn load(&mut self, to: Register, from: Operand, mask: Option<Mask>) {
        let code = self.either(Code::VEX_Vmovups_ymm_ymmm256, Code::EVEX_Vmovups_zmm_k1z_zmmm512);
        match (mask, from, self.width) {
            (Some(mask), Operand::At(from), Width::Y) => {
                self.put(Instruction::with3(Code::VEX_Vmaskmovps_ymm_ymm_m256, to, mask.register, from));
            }
            (Some(mask), _, Width::Z) => {
                self.two_of(code, to, from);
                self.masked(mask, true);
            }
            (Some(_), Operand::In(_), Width::Y) | (None, ..) => self.two_of(code, to, from),
        }
    }

    /// Has the last instruction touch the lanes of a mask only, others becoming 0 or staying.
    fn masked(&mut self, mask: Mask, zeros: bool) {
        let last = self.code.last_mut().expect("an instruction was put");
        last.set_op_mask(mask.register);
        last.set_zeroing_masking(zeros);
    }

    pub fn store(&mut self, to: MemoryOperand, from: Register, mask: Option<Mask>) {
        let code = self.either(Code::VEX_Vmovups_ymmm256_ymm, Code::EVEX_Vmovups_zmmm512_k1z_zmm);
        match (mask, self.width) {
            (Some(mask), Width::Y) => {
                self.put(Instruction::with3(Code::VEX_Vmaskmovps_m256_ymm_ymm, to, mask.register, from));
            }
            (Some(mask), Width::Z) => {
                self.put(Instruction::with2(code, to, from));
                self.masked(mask, false);
            }
            (None, _) => self.put(Instruction::with2(code, to, from)),
        }
    }

    /// Has a cache line that is going to be written brought near, whether or not there is memory.
    pub fn claim(&mut self, line: MemoryOperand) {
        self.put(Instruction::with1(Code::Prefetchw_m8, line));
    }

    /// Numbers from memory, one each lane: `to`, from a base and a distance for each lane in bytes, where `mask` is set, which
    /// is lost.
    pub fn gather(
        &mut self,
        to: Register,
        (base, offset): (Register, i64),
        distances: Register,
        mask: Register,
    ) {
        let size = u32::from(offset != 0);
        let from = MemoryOperand::new(base, distances, 1, offset, size, false, Register::None);
        match self.width {
            Width::Y => {
                self.put(Instruction::with3(Code::VEX_Vgatherdps_ymm_vm32y_ymm, to, from, mask));
            }
            Width::Z => {
                self.put(Instruction::with2(Code::EVEX_Vgatherdps_zmm_k1_vm32z, to, from));
                self.masked(Mask { register: mask }, false);
            }
        }
    }

    /// A mask in another register.
    pub fn copy_mask(&mut self, to: Register, mask: Mask) {
        match self.width {
            Width::Y => self.load(to, Operand::In(mask.register), None),
            Width::Z => self.two_of(Code::VEX_Kmovw_kr_km16, to, Operand::In(mask.register)),
        }
    }

    /// Four numbers, or the first ones by a mask, in the lower half of a vector of 256 bits; 0 in the upper one.
    pub fn four(&mut self, to: Register, from: MemoryOperand, mask: Option<Mask>) {
        let low = |register| half(register);
        match mask {
            None => self.put(Instruction::with2(Code::VEX_Vmovups_xmm_xmmm128, low(to), from)),
            Some(mask) => self.put(Instruction::with3(
                Code::VEX_Vmaskmovps_xmm_xmm_m128,
                low(to),
                low(mask.register),
                from,
            )),
        }
    }

    /// Puts four numbers into the upper half.
    pub fn upper(&mut self, to: Register, from: Operand) {
        let code = Code::VEX_Vinsertf128_ymm_ymm_xmmm128_imm8;
        self.put(match from {
            Operand::In(from) => Instruction::with4(code, to, to, half(from), 1u32),
            Operand::At(from) => Instruction::with4(code, to, to, from, 1u32),
        });
    }

    /// A pointer from another one.
    pub fn copy(&mut self, to: Register, from: Register) {
        self.put(Instruction::with2(Code::Mov_r64_rm64, to, from));
    }

    /// A number from memory in every lane.
    pub fn spread(&mut self, to: Register, from: MemoryOperand) {
        let code = self.either(Code::VEX_Vbroadcastss_ymm_m32, Code::EVEX_Vbroadcastss_zmm_k1z_xmmm32);
        self.put(Instruction::with2(code, to, from));
    }

    /// The mask of the first so many lanes; `vector` is a register that it may take.
    pub fn first(&mut self, lanes: usize, vector: Register) -> Mask {
        match self.width {
            Width::Y => {
                let words = self.constants((0..).map(|at| if at < lanes { u32::MAX } else { 0 }));
                self.load(vector, Operand::At(words), None);
                Mask { register: vector }
            }
            Width::Z => {
                self.put(Instruction::with2(Code::Mov_r32_imm32, Register::EAX, (1u32 << lanes) - 1));
                self.put(Instruction::with2(Code::VEX_Kmovw_kr_r32, Register::K7, Register::EAX));
                Mask { register: Register::K7 }
            }
        }
    }

    /// Writes the first lane.
    pub fn store_first(&mut self, to: MemoryOperand, from: Register) {
        let low = Register::XMM0 + (from as u32 - self.width.vector(0) as u32);
        let code = self.either(Code::VEX_Vmovss_m32_xmm, Code::EVEX_Vmovss_m32_k1_xmm);
        self.put(Instruction::with2(code, to, low));
    }
}

/// The lower half of a register of 256 bits.
fn half(register: Register) -> Register {
    Register::XMM0 + (register as u32 - Register::YMM0 as u32)
}
