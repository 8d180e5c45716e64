//! Machine code as text, with where each instruction comes from.

use super::emit::{KernelCode, LoopCode};
use crate::source::Span;

/// One instruction.
#[derive(Clone, Debug, PartialEq)]
pub struct Instruction {
    /// Its first byte in the kernel's code.
    pub offset: usize,
    /// What it says, in Intel's notation; in hex where there is no decoder.
    pub text: String,
    /// The place in the source it comes from; none for what belongs to no statement.
    pub span: Option<Span>,
}

/// The instructions of a kernel. What lies behind the code, its constants, is left out.
pub fn listing(kernel: &KernelCode) -> Vec<Instruction> {
    let end = kernel.places.iter().map(|(_, end, _)| *end as usize).max().unwrap_or(kernel.bytes.len());
    let code = &kernel.bytes[..end];
    let span = |offset: usize| {
        let after = kernel.places.partition_point(|(start, ..)| *start as usize <= offset);
        let (_, end, span) = kernel.places.get(after.checked_sub(1)?)?;
        if offset < *end as usize { *span } else { None }
    };
    let line = |(offset, text)| Instruction { offset, text, span: span(offset) };
    decoded(code, 0).into_iter().map(line).collect()
}

/// The instructions of a loop that is a function of its own; its constants, which stand before them, are left out.
pub fn listing_of_loop(of: &LoopCode) -> Vec<Instruction> {
    let line = |(offset, text)| Instruction { offset, text, span: of.span };
    decoded(&of.code.bytes[of.code.entry..], of.code.entry).into_iter().map(line).collect()
}

#[cfg(target_arch = "x86_64")]
fn decoded(code: &[u8], offset: usize) -> Vec<(usize, String)> {
    use iced_x86::{Decoder, DecoderOptions, Formatter, IntelFormatter};
    let mut formatter = IntelFormatter::new();
    formatter.options_mut().set_space_after_operand_separator(true);
    formatter.options_mut().set_hex_prefix("0x");
    formatter.options_mut().set_hex_suffix("");
    let mut lines = Vec::new();
    for instruction in Decoder::with_ip(64, code, offset as u64, DecoderOptions::NONE).iter() {
        let mut text = String::new();
        formatter.format(&instruction, &mut text);
        lines.push((instruction.ip() as usize, text));
    }
    lines
}

#[cfg(not(target_arch = "x86_64"))]
fn decoded(code: &[u8], offset: usize) -> Vec<(usize, String)> {
    let word = |(at, bytes): (usize, &[u8])| {
        (offset + at * 4, bytes.iter().rev().map(|byte| format!("{byte:02x}")).collect::<String>())
    };
    code.chunks(4).enumerate().map(word).collect()
}
