//! Functions of nests against the same nests gone through turn by turn.

use super::*;
use cranelift_codegen::ir::Signature;
use cranelift_codegen::isa::CallConv;
use cranelift_jit::{JITBuilder, JITModule};
use cranelift_module::Module;

/// Numbers of a sequence, the same in each run.
struct Numbers(u64);

impl Numbers {
    fn below(&mut self, end: usize) -> usize {
        self.0 = self.0.wrapping_mul(6364136223846793005).wrapping_add(1442695040888963407);
        ((self.0 >> 33) % end as u64) as usize
    }

    /// Bits of a real, sometimes a special one.
    fn bits(&mut self) -> u32 {
        const SPECIAL: [f32; 6] = [0.0, -0.0, f32::INFINITY, f32::NEG_INFINITY, f32::NAN, 1.0];
        match self.below(12) {
            at @ 0..6 => SPECIAL[at].to_bits(),
            _ => ((self.below(2001) as f32 - 1000.0) / 100.0).to_bits(),
        }
    }
}

/// Elements of memory, and the first of each pointer.
struct Memory {
    words: Vec<u32>,
    first: Vec<usize>,
}

/// What a turn computes, or a whole nest without vectors.
fn plainly(nest: &Nest, memory: &mut Memory, scalars: &[u32]) -> Vec<u32> {
    let mut sums: Vec<[f32; SUMS]> = nest.folds.iter().map(|(op, _)| [identity(*op); SUMS]).collect();
    let turns: usize = nest.loops.iter().product();
    for turn in 0..turns {
        let mut at = vec![0; nest.loops.len()];
        let mut rest = turn;
        for (at, turns) in at.iter_mut().zip(&nest.loops).rev() {
            (*at, rest) = (rest % turns, rest / turns);
        }
        for along in 0..nest.count {
            let word = |pointer: usize, offset: i64, by: i64| {
                let p = &nest.pointers[pointer];
                let around: i64 = p.steps.iter().zip(&at).map(|(step, at)| step * *at as i64).sum();
                let by = if p.along { 4 } else { by };
                (memory.first[pointer] as i64 + (around + offset + by * along as i64) / 4) as usize
            };
            let mut values: Vec<u32> = Vec::new();
            for inst in &nest.body {
                let value = match *inst {
                    Inst::Load(pointer, offset) => memory.words[word(pointer, offset, 0)],
                    Inst::Strided(pointer, offset, by) => memory.words[word(pointer, offset, by)],
                    Inst::Store(pointer, offset, value) => {
                        let to = word(pointer, offset, 0);
                        memory.words[to] = values[value];
                        0
                    }
                    Inst::Scalar(scalar) => scalars[scalar],
                    Inst::Turn(first) => (along as i32 + first) as u32,
                    _ => of(*inst, &values),
                };
                values.push(value);
            }
            for ((op, item), sums) in nest.folds.iter().zip(&mut sums) {
                let sum = &mut sums[along % SUMS];
                *sum = combined(*op, *sum, f32::from_bits(values[*item]));
            }
        }
    }
    let tree = |(op, mut sums): (Reduce, [f32; SUMS])| {
        for by in [8, 4, 2, 1] {
            for at in 0..by {
                sums[at] = combined(op, sums[at], sums[at + by]);
            }
        }
        sums[0].to_bits()
    };
    nest.folds.iter().map(|(op, _)| *op).zip(sums).map(tree).collect()
}

fn identity(op: Reduce) -> f32 {
    match op {
        Reduce::Sum => 0.0,
        Reduce::Prod => 1.0,
        Reduce::Max => f32::NEG_INFINITY,
        Reduce::Min => f32::INFINITY,
        Reduce::Any | Reduce::All => unreachable!("numbers"),
    }
}

fn combined(op: Reduce, a: f32, b: f32) -> f32 {
    match op {
        Reduce::Sum => a + b,
        Reduce::Prod => a * b,
        Reduce::Max => {
            if a < b || b.is_nan() {
                b
            } else {
                a
            }
        }
        Reduce::Min => {
            if a > b || b.is_nan() {
                b
            } else {
                a
            }
        }
        Reduce::Any | Reduce::All => unreachable!("numbers"),
    }
}

/// The value of a statement on values alone; of truth values 1 or 0.
fn of(inst: Inst, values: &[u32]) -> u32 {
    let real = |at: usize| f32::from_bits(values[at]);
    let whole = |at: usize| values[at] as i32;
    match inst {
        Inst::Const(bits) => bits,
        Inst::Truth(value) => u32::from(value),
        Inst::Two(f, a, b) => match f {
            Two::Add => (real(a) + real(b)).to_bits(),
            Two::Sub => (real(a) - real(b)).to_bits(),
            Two::Mul => (real(a) * real(b)).to_bits(),
            Two::Div => (real(a) / real(b)).to_bits(),
            Two::Greater => values[if real(a) > real(b) { a } else { b }],
            Two::Less => values[if real(a) < real(b) { a } else { b }],
            Two::And => values[a] & values[b],
            Two::AndNot => !values[a] & values[b],
            Two::Xor => values[a] ^ values[b],
            Two::AddWhole => values[a].wrapping_add(values[b]),
            Two::SubWhole => values[a].wrapping_sub(values[b]),
            Two::MulWhole => values[a].wrapping_mul(values[b]),
            Two::MaxWhole => whole(a).max(whole(b)) as u32,
            Two::MinWhole => whole(a).min(whole(b)) as u32,
        },
        Inst::Compare(f, a, b) => u32::from(compared(f, real(a), real(b))),
        Inst::CompareWhole(f, a, b) => u32::from(compared(f, whole(a), whole(b))),
        Inst::Both(a, b) => values[a] & values[b],
        Inst::Either(a, b) => values[a] | values[b],
        Inst::ButNot(a, b) => values[b] & !values[a],
        Inst::Not(a) => 1 - values[a],
        Inst::Pick(c, a, b) | Inst::PickTruth(c, a, b) => values[if values[c] != 0 { a } else { b }],
        Inst::Sqrt(a) => real(a).sqrt().to_bits(),
        Inst::Round(a) => real(a).round_ties_even().to_bits(),
        Inst::Floor(a) => real(a).floor().to_bits(),
        Inst::Real(a) => (whole(a) as f32).to_bits(),
        Inst::Shift(a, by) => values[a] >> by,
        Inst::Load(..) | Inst::Strided(..) | Inst::Store(..) | Inst::Scalar(_) | Inst::Turn(_) => {
            unreachable!("these are of memory and loops")
        }
    }
}

fn compared<T: PartialOrd>(f: Compare, a: T, b: T) -> bool {
    match f {
        Compare::Eq => a == b,
        Compare::Ne => a != b,
        Compare::Lt => a < b,
        Compare::Le => a <= b,
        Compare::Gt => a > b,
        Compare::Ge => a >= b,
    }
}

/// Calls a function on memory.
fn called(code: &Code, nest: &Nest, memory: &mut Memory, scalars: &[u32]) -> Vec<u32> {
    let builder = JITBuilder::new(cranelift_module::default_libcall_names()).expect("this machine is known");
    let mut module = JITModule::new(builder);
    let id = module.declare_anonymous_function(&Signature::new(CallConv::SystemV)).expect("a function");
    module.define_function_bytes(id, 64, &code.bytes, &[]).expect("code");
    module.finalize_definitions().expect("memory");
    let mut words = vec![0u64; nest.words()];
    for (word, first) in words.iter_mut().zip(&memory.first) {
        *word = memory.words[*first..].as_mut_ptr() as u64;
    }
    for (at, scalar) in scalars.iter().enumerate() {
        words[nest.scalar_at(at)] = u64::from(*scalar);
    }
    // SAFETY: the code is a function of this kind; its pointers stay in the memory.
    unsafe {
        let address = module.get_finalized_function(id).add(code.entry);
        let function = std::mem::transmute::<*const u8, unsafe extern "sysv64" fn(*mut u64)>(address);
        function(words.as_mut_ptr());
        module.free_memory();
    }
    (0..nest.folds.len()).map(|fold| words[nest.result_at(fold)] as u32).collect()
}

/// Both ways, from the same memory; a NaN may be any. Whether the nest fits into the registers of all instruction sets.
fn compare(nest: &Nest, first: &[usize], words: &[u32], scalars: &[u32]) -> bool {
    let mut plain = Memory { words: words.to_vec(), first: first.to_vec() };
    let results = plainly(nest, &mut plain, scalars);
    let same = |a: &u32, b: &u32| a == b || (f32::from_bits(*a).is_nan() && f32::from_bits(*b).is_nan());
    let available = [Isa::Avx2, Isa::Avx512].into_iter().filter(|isa| isa.available());
    let mut all = true;
    for isa in available {
        let Some(code) = assemble(nest, isa) else {
            all = false;
            continue;
        };
        let mut memory = Memory { words: words.to_vec(), first: first.to_vec() };
        let found = called(&code, nest, &mut memory, scalars);
        assert!(found.iter().zip(&results).all(|(a, b)| same(a, b)), "{} {nest:?}", isa.name());
        let wrong = memory.words.iter().zip(&plain.words).position(|(a, b)| !same(a, b));
        assert_eq!(wrong, None, "{} {nest:?}", isa.name());
    }
    all
}

/// A nest of all operations on a few loaded numbers, with a store of each.
fn of_all(numbers: &mut Numbers, loops: &[usize], count: usize) -> (Nest, Vec<usize>, usize) {
    let turns: usize = loops.iter().product();
    let mut nest = Nest { loops: loops.to_vec(), count, scalars: 1, ..Nest::default() };
    let mut first = Vec::new();
    let mut place = |nest: &mut Nest, along: bool, still: bool| {
        let mut steps = Vec::new();
        let mut size = if along { 4 * count as i64 } else { 4 };
        for turns in loops.iter().rev() {
            steps.insert(0, if still { 0 } else { size });
            size *= *turns as i64;
        }
        nest.pointers.push(Pointer { steps, along });
        first.push(first.last().copied().unwrap_or(0) + turns * count + 16);
        nest.pointers.len() - 1
    };
    let (a, b, c) =
        (place(&mut nest, true, false), place(&mut nest, false, false), place(&mut nest, true, true));
    nest.body = vec![
        Inst::Load(a, 0),
        Inst::Load(b, 0),
        Inst::Load(c, 8),
        Inst::Scalar(0),
        Inst::Turn(3),
        Inst::Const(2.5f32.to_bits()),
        Inst::Truth(numbers.below(2) == 1),
    ];
    let (mut reals, mut wholes, mut truths) = (vec![0, 1, 2, 3, 5], vec![0, 2, 4], vec![6]);
    for _ in 0..14 {
        let pick = |of: &[usize], numbers: &mut Numbers| of[numbers.below(of.len())];
        let (x, y) = (pick(&reals, numbers), pick(&reals, numbers));
        let (v, w) = (pick(&wholes, numbers), pick(&wholes, numbers));
        let (p, q) = (pick(&truths, numbers), pick(&truths, numbers));
        use Two::*;
        let of_reals = [Add, Sub, Mul, Div, Greater, Less, And, AndNot, Xor];
        let of_wholes = [AddWhole, SubWhole, MulWhole, MaxWhole, MinWhole];
        let comparisons = [Compare::Eq, Compare::Ne, Compare::Lt, Compare::Le, Compare::Gt, Compare::Ge];
        let (inst, kind) = match numbers.below(14) {
            0..3 => (Inst::Two(of_reals[numbers.below(9)], x, y), 0),
            3 => (Inst::Two(of_wholes[numbers.below(5)], v, w), 1),
            4 => (Inst::Compare(comparisons[numbers.below(6)], x, y), 2),
            5 => (Inst::CompareWhole(comparisons[numbers.below(6)], v, w), 2),
            6 => ([Inst::Both(p, q), Inst::Either(p, q), Inst::ButNot(p, q)][numbers.below(3)], 2),
            7 => (Inst::Not(p), 2),
            8 => (Inst::Pick(p, x, y), 0),
            9 => (Inst::PickTruth(p, q, truths[0]), 2),
            10 => (if numbers.below(2) == 0 { Inst::Sqrt(x) } else { Inst::Round(x) }, 0),
            11 => (Inst::Floor(x), 0),
            12 => (Inst::Real(v), 0),
            _ => (Inst::Shift(v, numbers.below(32) as u32), 1),
        };
        nest.body.push(inst);
        [&mut reals, &mut wholes, &mut truths][kind].push(nest.body.len() - 1);
    }
    let (last_real, last_whole, last_truth) =
        (reals[reals.len() - 1], wholes[wholes.len() - 1], truths[truths.len() - 1]);
    nest.body.push(Inst::Pick(last_truth, last_real, 5));
    let picked = nest.body.len() - 1;
    for value in [picked, last_whole] {
        let to = place(&mut nest, true, false);
        nest.body.push(Inst::Store(to, 4, value));
    }
    let end = first[first.len() - 1] + 2 * turns * count + 64;
    (nest, first, end)
}

#[test]
fn every_operation_gives_the_bits_of_its_formula() {
    let mut numbers = Numbers(1);
    let mut fit = 0;
    for round in 0..150 {
        let loops: &[usize] = [&[][..], &[3], &[2, 3], &[1, 1, 4]][round % 4];
        let count = [5, 8, 13, 16, 31, 64, 100, 257][numbers.below(8)];
        let (nest, first, end) = of_all(&mut numbers, loops, count);
        let words: Vec<u32> = (0..end).map(|_| numbers.bits()).collect();
        fit += usize::from(compare(&nest, &first, &words, &[numbers.bits()]));
    }
    assert!(fit > 120, "only {fit} of 150 fit into the registers");
}

#[test]
fn folds_add_up_in_sixteen_sums_and_a_tree() {
    let mut numbers = Numbers(2);
    for op in [Reduce::Sum, Reduce::Prod, Reduce::Max, Reduce::Min] {
        for (loops, count) in [(vec![], 100), (vec![7], 64), (vec![3, 5], 52), (vec![20], 16), (vec![4], 7)] {
            let turns: usize = loops.iter().product();
            let step = 4 * (count as i64 + 3);
            let mut steps = vec![step; loops.len()];
            if let [outer, _] = &mut steps[..] {
                *outer = 5 * step;
            }
            let nest = Nest {
                loops,
                count,
                pointers: vec![Pointer { steps, along: true }],
                body: vec![Inst::Load(0, 0), Inst::Two(Two::Mul, 0, 0), Inst::Load(0, 4)],
                folds: vec![(op, 1), (op, 2)],
                ..Nest::default()
            };
            let near_one = |at: usize| 0.9 + at as f32 / 5000.0;
            let words: Vec<u32> =
                (0..turns * (count + 3) + 8).map(|_| near_one(numbers.below(1000)).to_bits()).collect();
            assert!(compare(&nest, &[0], &words, &[]));
            let mut special = words.clone();
            special[2] = f32::NAN.to_bits();
            assert!(compare(&nest, &[0], &special, &[]));
        }
    }
}

#[test]
fn what_is_strided_is_turned_or_gathered() {
    let mut numbers = Numbers(3);
    for (rows, count) in [(4, 8), (1, 64), (10, 10), (64, 10), (13, 33), (7, 5), (10, 784)] {
        // The second stands still around, so that it cannot be read in tiles.
        for unit in [4, 0, 12] {
            let wide = (3 * rows + 2) as i64;
            let nest = Nest {
                loops: vec![2, rows],
                count,
                pointers: vec![
                    Pointer { steps: vec![4 * wide * count as i64, unit], along: false },
                    Pointer { steps: vec![4 * (rows * count) as i64, 4 * count as i64], along: true },
                    Pointer { steps: vec![0, 4], along: false },
                    Pointer { steps: vec![4 * (rows * count) as i64, 4 * count as i64], along: true },
                ],
                body: vec![
                    Inst::Strided(0, 4, 4 * wide),
                    Inst::Load(1, 0),
                    Inst::Load(2, 0),
                    Inst::Two(Two::Mul, 0, 2),
                    Inst::Two(Two::Sub, 3, 1),
                    Inst::Store(3, 0, 4),
                ],
                ..Nest::default()
            };
            assert_eq!(nest.in_tiles(), unit == 4);
            let read = 2 * wide as usize * count + 8;
            let first = [0, read, read + 2 * rows * count, read + 2 * rows * count + rows + 1];
            let words: Vec<u32> = (0..first[3] + 2 * rows * count).map(|_| numbers.bits()).collect();
            assert!(compare(&nest, &first, &words, &[]));
        }
    }
}

#[test]
fn what_does_not_fit_into_registers_is_left_alone() {
    let mut nest =
        Nest { count: 64, pointers: vec![Pointer { steps: vec![], along: true }], ..Nest::default() };
    let loads = 40;
    nest.body = (0..loads).map(|at| Inst::Load(0, 4 * at)).collect();
    for at in 1..loads as usize {
        nest.body.push(Inst::Two(Two::Add, 0, at));
        nest.body.push(Inst::Two(Two::Mul, nest.body.len() - 1, loads as usize - at));
        nest.body.push(Inst::Store(0, 0, nest.body.len() - 1));
    }
    assert!(assemble(&nest, Isa::Avx2).is_none());
}

#[test]
fn what_no_instruction_reaches_is_left_alone() {
    let reach = |distance: i64| {
        let pointers = vec![Pointer { steps: vec![], along: true }];
        let body = vec![Inst::Load(0, 0), Inst::Load(0, distance), Inst::Store(0, 0, 1)];
        assemble(&Nest { count: 64, pointers, body, ..Nest::default() }, Isa::Avx2)
    };
    assert!(reach(1 << 30).is_some());
    assert!(reach(1 << 32).is_none());
}
