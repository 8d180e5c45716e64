//! Which values have their zeros marked where they are made, so that products need not look for them.
//!
//! What a sparse product reads as its left operand may have been written by other threads. Where all kernels that write it
//! go by blocks of its columns, each marks its own block while that is in the cache; the product's threads then read a bit
//! in place of each number, and of numbers that are all 0 or 1 nothing else.

use super::function::Emitter;
use super::target::Target;
use crate::cpu::micro::Known;
use crate::ir::DType;
use crate::kernel::access::{Access, accesses};
use crate::kernel::zeros::BLOCK;
use crate::kernel::{Buffer, Extent, Form, Home, Kernel, Product, Share, Step, Stmt, Terms, order};
use cranelift_codegen::ir::types::I64;
use cranelift_codegen::ir::{InstBuilder, Value};
use std::collections::BTreeMap;

/// Bytes of marks that one value may have.
const MOST: usize = 1 << 16;

/// Matrices whose numbers are marked.
#[derive(Clone, Debug, Default)]
pub(super) struct Marks {
    all: Vec<Marked>,
    words: usize,
}

/// Memory for marks that the team shares, in words.
#[derive(Clone, Debug, Default)]
pub struct Room {
    /// How many.
    pub words: usize,
    /// Those that say that marks follow, which they always do: they are 1 before anything runs.
    pub known: Vec<usize>,
}

/// A matrix whose numbers are marked.
#[derive(Clone, Debug)]
struct Marked {
    /// Where it lies: a byte of the arena.
    at: usize,
    shape: Vec<usize>,
    matrix: Matrix,
    /// The kernels that write it.
    writers: Vec<usize>,
    /// The word that says that its numbers are known; the marks follow.
    word: usize,
}

/// How a product reads its left operand, a run of terms for each row.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Matrix {
    dtype: DType,
    rows: usize,
    terms: usize,
    /// Elements from row to row.
    row: i64,
}

impl Marks {
    /// Those of a step, which its kernels make and read.
    pub fn of(step: &Step, target: &Target) -> Marks {
        let mut marks = Marks::default();
        // By where it goes, what kernels write; looked for once, and only if anything reads such a matrix.
        let mut found = None;
        for (reader, kernel) in step.kernels.iter().enumerate() {
            for product in products(&kernel.body) {
                let Some((buffer, matrix)) = left_operand(step, product) else { continue };
                let Home::Arena(at) = buffer.home else { continue };
                let known = marks.all.iter().any(|of| of.is(buffer) && of.matrix == matrix);
                let bytes = 8 * Known::words(matrix.rows, matrix.terms);
                if known || routine(target, matrix.dtype).is_none() || bytes > MOST {
                    continue;
                }
                let written = found.get_or_insert_with(|| written(step));
                let Some(writers) = writers(step, written, (at, buffer), matrix) else { continue };
                // What is written more often than it is read had better be looked at where it is read.
                let times = |kernel: usize| {
                    order::turns(step, kernel).into_iter().filter(|turns| *turns > 0).product::<usize>()
                };
                if writers.is_empty()
                    || writers.contains(&reader)
                    || writers.iter().any(|writer| times(*writer) > times(reader))
                {
                    continue;
                }
                let shape = buffer.shape.clone();
                marks.all.push(Marked { at, shape, matrix, writers, word: marks.words });
                marks.words += bytes / 8;
            }
        }
        marks
    }

    /// The memory for all.
    pub fn room(&self) -> Room {
        Room { words: self.words, known: self.all.iter().map(|of| of.word).collect() }
    }
}

impl Marked {
    fn is(&self, buffer: &Buffer) -> bool {
        buffer.home == Home::Arena(self.at) && buffer.shape == self.shape && buffer.dtype == self.matrix.dtype
    }
}

/// The sparse products among statements.
fn products(body: &[Stmt]) -> Vec<&Product> {
    fn of(stmt: &Stmt) -> Vec<&Product> {
        match stmt {
            Stmt::Product(product) => vec![&**product],
            Stmt::For { body, .. } | Stmt::Lanes { body, .. } => products(body),
            Stmt::Let { .. }
            | Stmt::Store { .. }
            | Stmt::Check { .. }
            | Stmt::Strip { .. }
            | Stmt::Random { .. } => Vec::new(),
        }
    }
    body.iter().flat_map(of).collect()
}

/// A sparse product's left operand, if it is a matrix that begins where its buffer does and whose rows are terms.
fn left_operand<'a>(step: &'a Step, product: &Product) -> Option<(&'a Buffer, Matrix)> {
    let Form::Lanes { terms: Terms::Strided { count, a: 1, b: _ }, sparse: true } = &product.form else {
        return None;
    };
    let (buffer, index) = &product.a;
    let begins = index.offset == 0 && index.terms.is_empty() && index.dynamic.is_empty();
    let buffer = &step.buffers[buffer.0 as usize];
    let (rows, terms, row) = (product.m.size, count.size, product.a_row);
    let whole = rows > 1 && terms > 1 && row >= terms as i64;
    let fixed = product.m.rest.is_none() && count.rest.is_none();
    (begins && fixed && whole).then_some((buffer, Matrix { dtype: buffer.dtype, rows, terms, row }))
}

/// The routine that marks numbers of a type.
fn routine(target: &Target, dtype: DType) -> Option<usize> {
    let routines = &target.routines;
    match dtype {
        DType::F32 => routines.products_f32.marks.map(|f| f as usize),
        DType::F64 => routines.products_f64.marks.map(|f| f as usize),
        DType::I32 | DType::Bool => None,
    }
}

/// What kernels write to the arena, each with its number, by the byte at which a buffer begins.
type Written<'a> = BTreeMap<usize, Vec<(usize, Access<'a>)>>;

fn written(step: &Step) -> Written<'_> {
    let mut written = Written::new();
    for (at, kernel) in step.kernels.iter().enumerate() {
        for access in accesses(kernel, &order::turns(step, at)).into_iter().filter(|access| access.written) {
            if let Home::Arena(byte) = step.buffers[access.buffer.0 as usize].home {
                written.entry(byte).or_default().push((at, access));
            }
        }
    }
    written
}

/// The kernels that write a matrix, if each leaves its block of columns, or all, as those who read it find it.
fn writers(
    step: &Step,
    written: &Written<'_>,
    (byte, of): (usize, &Buffer),
    matrix: Matrix,
) -> Option<Vec<usize>> {
    // What lies there in another form is another value, at another time.
    let is = |access: &Access<'_>| {
        let buffer = &step.buffers[access.buffer.0 as usize];
        buffer.shape == of.shape && buffer.dtype == of.dtype
    };
    let mut writers = Vec::new();
    for (at, access) in written.get(&byte)?.iter().filter(|(_, access)| is(access)) {
        let own = match &step.kernels[*at].share {
            Share::One => true,
            Share::Each => false,
            Share::Blocks(owner) => {
                let blocks = owner.extent == matrix.terms && owner.unit.is_multiple_of(BLOCK);
                blocks && stays_in_block(access, matrix, owner.unit)
            }
        };
        if !own {
            return None;
        }
        if writers.last() != Some(at) {
            writers.push(*at);
        }
    }
    Some(writers)
}

/// Whether an access of a block goes to this block's columns only.
fn stays_in_block(access: &Access<'_>, matrix: Matrix, unit: usize) -> bool {
    let columns = access.farthest.iter().filter(|(by, _)| by % matrix.row != 0);
    let columns = columns.map(|(by, greatest)| by.saturating_mul(*greatest));
    let fits = columns.fold(0, i64::saturating_add) < unit as i64;
    let rises = access.farthest.iter().all(|(by, _)| *by >= 0);
    let last = (matrix.rows as i64 - 1) * matrix.row + matrix.terms as i64 - 1;
    let still = !access.dynamic && access.counters.is_empty();
    still && access.owner == 1 && access.range == (0, last) && rises && fits
}

impl Emitter<'_, '_> {
    /// What is known of a product's left operand since it was written: where it says so.
    pub fn marked(&mut self, product: &Product) -> Option<Value> {
        let (buffer, matrix) = left_operand(self.step, product)?;
        let of = self.marks.all.iter().find(|of| of.is(buffer) && of.matrix == matrix)?;
        // What the kernel itself writes is marked when all of it is there.
        if of.writers.iter().any(|writer| self.is_this(*writer)) {
            return None;
        }
        let word = of.word;
        let memory = self.word(super::layout::MARKS);
        Some(self.b.ins().iadd_imm_s(memory, word as i64 * 8))
    }

    /// Marks what the kernel has written of a block, or of all.
    pub fn mark(&mut self) {
        let (marks, kernel) = (self.marks, self.kernel);
        for of in &marks.all {
            if of.writers.iter().any(|writer| self.is_this(*writer)) {
                self.mark_one(of, kernel);
            }
        }
    }

    fn is_this(&self, kernel: usize) -> bool {
        std::ptr::eq(&raw const self.step.kernels[kernel], self.kernel)
    }

    fn mark_one(&mut self, of: &Marked, kernel: &Kernel) {
        let Matrix { dtype, rows, terms, row } = of.matrix;
        let across = terms.div_ceil(BLOCK);
        let buffer = self.step.buffers.iter().position(|buffer| of.is(buffer)).expect("it is a buffer");
        let mut a = self.word(self.layout.base(buffer));
        let memory = self.word(super::layout::MARKS);
        let mut known = self.b.ins().iadd_imm_s(memory, (of.word as i64 + 1) * 8);
        let mut extent = Extent::fixed(terms);
        if let Some(owner) = kernel.owner() {
            let rest = (!terms.is_multiple_of(owner.unit)).then_some((owner.var, terms));
            extent = Extent { size: owner.unit.min(terms), rest };
            let first = self.var(owner.var);
            let bytes = self.scaled(first, dtype.size() as i64);
            a = self.b.ins().iadd(a, bytes);
            // The blocks of a kernel begin with blocks of marks.
            let block = self.b.ins().ushr_imm_u(first, i64::from(BLOCK.trailing_zeros()));
            let bytes = self.scaled(block, size_of::<Known>() as i64);
            known = self.b.ins().iadd(known, bytes);
        }
        let count = self.count(&extent);
        let count = self.counted(count);
        let [row, rows, across] = [row, rows as i64, across as i64].map(|number| self.int(number));
        let routine = routine(self.target, dtype).expect("marks are only made where there is a routine");
        self.call(routine, &[I64; 6], None, &[a, row, rows, count, known, across]);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cpu::Isa;
    use crate::kernel::read;

    /// A matrix of 20 by 128 is written by blocks of columns, and read by a product.
    const STEP: &str = "step s arena=32768 scratch=0 counters=1
buffer x : f32[20,128] arg 0
buffer v : f32[20,128] arena 0
buffer h : f32[20,256] arena 10240
buffer W : f32[128,256] place 0

kernel s.0 owner i < 128 by 64 of n
  for r < 20
    lanes l < 64
      %0 = load x[r*128 + i + l] : f32
      store v[r*128 + i + l] = %0

kernel s.1 owner i < 256 by 64 of n
  product sparse h[i] = v[0] * W[i] m=20 n=64 c_row=256 a_row=128 terms=128 by (1, 256)

order: s.0 | s.1 |
";

    fn words(change: impl Fn(&str) -> String) -> usize {
        let isa = Isa::best();
        if !matches!(isa, Isa::Avx512 | Isa::Avx2 | Isa::Neon) {
            return Known::words(20, 128);
        }
        let step = read::read(&change(STEP)).expect("the text is a step");
        Marks::of(&step, &Target::new(isa).expect("the machine has it")).words
    }

    #[test]
    fn blocks_of_what_a_product_leaves_zeros_out_of_are_marked_where_they_are_written() {
        assert_eq!(words(str::to_owned), Known::words(20, 128));
        // In turns of which each is read.
        assert_ne!(words(|s| s.replace("s.0 | s.1", "loop c0 < 3 { s.0 | s.1 }")), 0);
    }

    #[test]
    fn what_others_write_or_few_read_is_not_marked() {
        let none = |from: &str, to: &str| {
            assert!(STEP.contains(from), "{from}");
            assert_eq!(words(|s| s.replace(from, to)), 0, "{to}");
        };
        // Blocks of marks would have two writers, who would go beyond their own, or not along the terms.
        none(
            "128 by 64 of n\n  for r < 20\n    lanes l < 64",
            "128 by 32 of n\n  for r < 20\n    lanes l < 32",
        );
        none("store v[r*128 + i + l]", "store v[r*128 - i - l + 127]");
        none("lanes l < 64", "lanes l < 65");
        none("v[0] * W[i]", "v[1] * W[i]");
        // It is written in turns, and read once.
        none("s.0 | s.1", "loop c0 < 3 { s.0 } | s.1");
        // One kernel writes it and then reads it.
        let start = STEP.find("kernel s.0").expect("there is one");
        let alone = "kernel s.0
  for r < 20
    lanes l < 128
      %0 = load x[r*128 + l] : f32
      store v[r*128 + l] = %0
  product sparse h[0] = v[0] * W[0] m=20 n=256 c_row=256 a_row=128 terms=128 by (1, 256)

order: s.0
";
        assert_eq!(words(|s| format!("{}{alone}", &s[..start])), 0);
        // It comes from elsewhere.
        none("v : f32[20,128] arena 0", "v : f32[20,128] place 1");
    }
}
