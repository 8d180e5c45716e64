//! Operations of vectors and of truth values.

use super::{Mask, Operand, Width, Writer, half};
use crate::cpu::wide::Two;
use crate::ir::op::Compare;
use iced_x86::{Code, Instruction, Register};

impl Writer {
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
    pub fn compare(&mut self, f: Compare, to: Register, a: Register, b: Operand) {
        let predicate = match f {
            Compare::Eq => 0x00,
            Compare::Ne => 0x04,
            Compare::Lt => 0x11,
            Compare::Le => 0x12,
            Compare::Gt => 0x1e,
            Compare::Ge => 0x1d,
        };
        let code = self
            .either(Code::VEX_Vcmpps_ymm_ymm_ymmm256_imm8, Code::EVEX_Vcmpps_kr_k1_zmm_zmmm512b32_imm8_sae);
        self.three_and_number(code, to, (a, b), predicate);
    }

    /// A comparison of whole numbers.
    pub fn compare_whole(&mut self, f: Compare, to: Register, a: Register, b: Register) {
        if self.width == Width::Z {
            let predicate = match f {
                Compare::Eq => 0,
                Compare::Lt => 1,
                Compare::Le => 2,
                Compare::Ne => 4,
                Compare::Ge => 5,
                Compare::Gt => 6,
            };
            let code = Code::EVEX_Vpcmpd_kr_k1_zmm_zmmm512b32_imm8;
            return self.three_and_number(code, to, (a, Operand::In(b)), predicate);
        }
        let (code, a, b, not) = match f {
            Compare::Eq => (Code::VEX_Vpcmpeqd_ymm_ymm_ymmm256, a, b, false),
            Compare::Ne => (Code::VEX_Vpcmpeqd_ymm_ymm_ymmm256, a, b, true),
            Compare::Gt => (Code::VEX_Vpcmpgtd_ymm_ymm_ymmm256, a, b, false),
            Compare::Le => (Code::VEX_Vpcmpgtd_ymm_ymm_ymmm256, a, b, true),
            Compare::Lt => (Code::VEX_Vpcmpgtd_ymm_ymm_ymmm256, b, a, false),
            Compare::Ge => (Code::VEX_Vpcmpgtd_ymm_ymm_ymmm256, b, a, true),
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
}
