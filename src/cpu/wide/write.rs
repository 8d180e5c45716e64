//! Instructions on vectors of either width. AVX2 has truth values as vectors, AVX-512 in mask registers.

use super::{Real, Two, Whole};
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

    /// Constants and code.
    pub fn finish(self) -> super::Code {
        let mut bytes = self.pool;
        bytes.resize(bytes.len().next_multiple_of(64), 0);
        let entry = bytes.len();
        let block = InstructionBlock::new(&self.code, POOL + entry as u64);
        let encoded = BlockEncoder::encode(64, block, BlockEncoderOptions::NONE);
        bytes.extend(encoded.expect("every instruction has an encoding").code_buffer);
        super::Code { bytes, entry }
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

    /// Columns of four rows, half by half: those of two rows in turn, and then of two pairs of them.
    pub fn turned(&mut self, [a, b, c, d]: [Register; 4], other: [Register; 4]) {
        let [e, f, g, h] = other;
        for (code, to, x, y) in [
            (Code::VEX_Vunpcklps_ymm_ymm_ymmm256, e, a, b),
            (Code::VEX_Vunpckhps_ymm_ymm_ymmm256, f, a, b),
            (Code::VEX_Vunpcklps_ymm_ymm_ymmm256, g, c, d),
            (Code::VEX_Vunpckhps_ymm_ymm_ymmm256, h, c, d),
            (Code::VEX_Vunpcklpd_ymm_ymm_ymmm256, a, e, g),
            (Code::VEX_Vunpckhpd_ymm_ymm_ymmm256, b, e, g),
            (Code::VEX_Vunpcklpd_ymm_ymm_ymmm256, c, f, h),
            (Code::VEX_Vunpckhpd_ymm_ymm_ymmm256, d, f, h),
        ] {
            self.three_of(code, to, x, Operand::In(y));
        }
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

    /// `to` = `a`, where the truth value holds, else `b`.
    pub fn pick(&mut self, to: Register, truth: Register, a: Operand, b: Register) {
        match self.width {
            Width::Y => {
                let code = Code::VEX_Vblendvps_ymm_ymm_ymmm256_ymm;
                self.put(match a {
                    Operand::In(a) => Instruction::with4(code, to, b, a, truth),
                    Operand::At(a) => Instruction::with4(code, to, b, a, truth),
                });
            }
            Width::Z => {
                self.three_of(Code::EVEX_Vblendmps_zmm_k1z_zmm_zmmm512b32, to, b, a);
                self.masked(Mask { register: truth }, false);
            }
        }
    }

    pub fn two(&mut self, f: Two, to: Register, a: Register, b: Operand) {
        let (y, z) = match f {
            Two::Add => (Code::VEX_Vaddps_ymm_ymm_ymmm256, Code::EVEX_Vaddps_zmm_k1z_zmm_zmmm512b32_er),
            Two::Sub => (Code::VEX_Vsubps_ymm_ymm_ymmm256, Code::EVEX_Vsubps_zmm_k1z_zmm_zmmm512b32_er),
            Two::Mul => (Code::VEX_Vmulps_ymm_ymm_ymmm256, Code::EVEX_Vmulps_zmm_k1z_zmm_zmmm512b32_er),
            Two::Div => (Code::VEX_Vdivps_ymm_ymm_ymmm256, Code::EVEX_Vdivps_zmm_k1z_zmm_zmmm512b32_er),
            Two::Greater => (Code::VEX_Vmaxps_ymm_ymm_ymmm256, Code::EVEX_Vmaxps_zmm_k1z_zmm_zmmm512b32_sae),
            Two::Less => (Code::VEX_Vminps_ymm_ymm_ymmm256, Code::EVEX_Vminps_zmm_k1z_zmm_zmmm512b32_sae),
            Two::And => (Code::VEX_Vandps_ymm_ymm_ymmm256, Code::EVEX_Vpandd_zmm_k1z_zmm_zmmm512b32),
            Two::AndNot => (Code::VEX_Vandnps_ymm_ymm_ymmm256, Code::EVEX_Vpandnd_zmm_k1z_zmm_zmmm512b32),
            Two::Xor => (Code::VEX_Vxorps_ymm_ymm_ymmm256, Code::EVEX_Vpxord_zmm_k1z_zmm_zmmm512b32),
            Two::AddWhole => (Code::VEX_Vpaddd_ymm_ymm_ymmm256, Code::EVEX_Vpaddd_zmm_k1z_zmm_zmmm512b32),
            Two::SubWhole => (Code::VEX_Vpsubd_ymm_ymm_ymmm256, Code::EVEX_Vpsubd_zmm_k1z_zmm_zmmm512b32),
            Two::MulWhole => (Code::VEX_Vpmulld_ymm_ymm_ymmm256, Code::EVEX_Vpmulld_zmm_k1z_zmm_zmmm512b32),
            Two::MaxWhole => (Code::VEX_Vpmaxsd_ymm_ymm_ymmm256, Code::EVEX_Vpmaxsd_zmm_k1z_zmm_zmmm512b32),
            Two::MinWhole => (Code::VEX_Vpminsd_ymm_ymm_ymmm256, Code::EVEX_Vpminsd_zmm_k1z_zmm_zmmm512b32),
        };
        let code = self.either(y, z);
        self.three_of(code, to, a, b);
    }

    fn three_and_number(&mut self, code: Code, to: Register, (a, b): (Register, Operand), number: u32) {
        self.put(match b {
            Operand::In(b) => Instruction::with4(code, to, a, b, number),
            Operand::At(b) => Instruction::with4(code, to, a, b, number),
        });
    }

    /// A comparison of reals, without exceptions.
    pub fn compare(&mut self, f: Real, to: Register, a: Register, b: Operand) {
        let predicate = match f {
            Real::Eq => 0x00,
            Real::Ne => 0x04,
            Real::Lt => 0x11,
            Real::Le => 0x12,
            Real::Gt => 0x1e,
            Real::Ge => 0x1d,
            Real::Unordered => 0x03,
        };
        let code = self
            .either(Code::VEX_Vcmpps_ymm_ymm_ymmm256_imm8, Code::EVEX_Vcmpps_kr_k1_zmm_zmmm512b32_imm8_sae);
        self.three_and_number(code, to, (a, b), predicate);
    }

    /// A comparison of whole numbers.
    pub fn compare_whole(&mut self, f: Whole, to: Register, a: Register, b: Register) {
        if self.width == Width::Z {
            let predicate = match f {
                Whole::Eq => 0,
                Whole::Lt => 1,
                Whole::Le => 2,
                Whole::Ne => 4,
                Whole::Ge => 5,
                Whole::Gt => 6,
            };
            let code = Code::EVEX_Vpcmpd_kr_k1_zmm_zmmm512b32_imm8;
            return self.three_and_number(code, to, (a, Operand::In(b)), predicate);
        }
        let (code, a, b, not) = match f {
            Whole::Eq => (Code::VEX_Vpcmpeqd_ymm_ymm_ymmm256, a, b, false),
            Whole::Ne => (Code::VEX_Vpcmpeqd_ymm_ymm_ymmm256, a, b, true),
            Whole::Gt => (Code::VEX_Vpcmpgtd_ymm_ymm_ymmm256, a, b, false),
            Whole::Le => (Code::VEX_Vpcmpgtd_ymm_ymm_ymmm256, a, b, true),
            Whole::Lt => (Code::VEX_Vpcmpgtd_ymm_ymm_ymmm256, b, a, false),
            Whole::Ge => (Code::VEX_Vpcmpgtd_ymm_ymm_ymmm256, b, a, true),
        };
        self.three_of(code, to, a, Operand::In(b));
        if not {
            self.not(to, to);
        }
    }

    /// A known truth value.
    pub fn truth(&mut self, to: Register, value: bool) {
        let code = match (self.width, value) {
            (Width::Y, true) => Code::VEX_Vpcmpeqd_ymm_ymm_ymmm256,
            (Width::Y, false) => Code::VEX_Vpxor_ymm_ymm_ymmm256,
            (Width::Z, true) => Code::VEX_Kxnorw_kr_kr_kr,
            (Width::Z, false) => Code::VEX_Kxorw_kr_kr_kr,
        };
        self.three_of(code, to, to, Operand::In(to));
    }

    pub fn not(&mut self, to: Register, a: Register) {
        match self.width {
            Width::Y => {
                let ones = self.constants(std::iter::repeat(u32::MAX));
                self.two(Two::Xor, to, a, Operand::At(ones));
            }
            Width::Z => self.two_of(Code::VEX_Knotw_kr_kr, to, Operand::In(a)),
        }
    }

    pub fn both(&mut self, to: Register, a: Register, b: Register) {
        let code = self.either(Code::VEX_Vandps_ymm_ymm_ymmm256, Code::VEX_Kandw_kr_kr_kr);
        self.three_of(code, to, a, Operand::In(b));
    }

    pub fn any(&mut self, to: Register, a: Register, b: Register) {
        let code = self.either(Code::VEX_Vorps_ymm_ymm_ymmm256, Code::VEX_Korw_kr_kr_kr);
        self.three_of(code, to, a, Operand::In(b));
    }

    /// The second but not the first.
    pub fn not_but(&mut self, to: Register, a: Register, b: Register) {
        let code = self.either(Code::VEX_Vandnps_ymm_ymm_ymmm256, Code::VEX_Kandnw_kr_kr_kr);
        self.three_of(code, to, a, Operand::In(b));
    }

    pub fn sqrt(&mut self, to: Register, a: Register) {
        let code = self.either(Code::VEX_Vsqrtps_ymm_ymmm256, Code::EVEX_Vsqrtps_zmm_k1z_zmmm512b32_er);
        self.two_of(code, to, Operand::In(a));
    }

    /// To a whole number: nearest, or below.
    pub fn round(&mut self, to: Register, a: Register, below: bool) {
        let code = self
            .either(Code::VEX_Vroundps_ymm_ymmm256_imm8, Code::EVEX_Vrndscaleps_zmm_k1z_zmmm512b32_imm8_sae);
        self.put(Instruction::with3(code, to, a, 8 | u32::from(below)));
    }

    pub fn real(&mut self, to: Register, a: Register) {
        let code = self.either(Code::VEX_Vcvtdq2ps_ymm_ymmm256, Code::EVEX_Vcvtdq2ps_zmm_k1z_zmmm512b32_er);
        self.two_of(code, to, Operand::In(a));
    }

    pub fn shift(&mut self, to: Register, a: Register, by: u32) {
        let code = self.either(Code::VEX_Vpsrld_ymm_ymm_imm8, Code::EVEX_Vpsrld_zmm_k1z_zmmm512b32_imm8);
        self.put(Instruction::with3(code, to, a, by));
    }

    /// A number of bytes in `rax` as elements, in every lane.
    pub fn turns_of_bytes(&mut self, to: Register) {
        match self.width {
            Width::Y => {
                self.put(Instruction::with2(Code::VEX_Vmovd_xmm_rm32, half(to), Register::EAX));
                self.put(Instruction::with2(Code::VEX_Vpbroadcastd_ymm_xmmm32, to, half(to)));
            }
            Width::Z => {
                self.put(Instruction::with2(Code::EVEX_Vpbroadcastd_zmm_k1z_r32, to, Register::EAX));
            }
        }
        self.shift(to, to, 2);
    }

    /// Lane l takes lane l + `by`, for 8, 4, 2 and 1; what the other lanes take is left open.
    pub fn down(&mut self, to: Register, a: Register, by: usize) {
        let of =
            |first: Register, register: Register| first + (register as u32 - self.width.vector(0) as u32);
        let (x, y) = (|r| of(Register::XMM0, r), |r| of(Register::YMM0, r));
        let made = match (by, self.width) {
            (8, _) => Instruction::with3(Code::EVEX_Vextractf64x4_ymmm256_k1z_zmm_imm8, y(to), a, 1u32),
            (4, Width::Y) => Instruction::with3(Code::VEX_Vextractf128_xmmm128_ymm_imm8, x(to), a, 1u32),
            (4, Width::Z) => {
                Instruction::with3(Code::EVEX_Vextractf32x4_xmmm128_k1z_zmm_imm8, x(to), a, 1u32)
            }
            (_, Width::Y) => Instruction::with3(
                Code::VEX_Vpshufd_xmm_xmmm128_imm8,
                x(to),
                x(a),
                if by == 2 { 0x0eu32 } else { 0x01 },
            ),
            (_, Width::Z) => Instruction::with3(
                Code::EVEX_Vpshufd_xmm_k1z_xmmm128b32_imm8,
                x(to),
                x(a),
                if by == 2 { 0x0eu32 } else { 0x01 },
            ),
        };
        self.put(made);
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
