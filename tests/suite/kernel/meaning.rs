//! A hand-written training step against plain loops, bit for bit, however the team is made up.

use dlc::ir::op::{Binary, Unary};
use dlc::ir::{Buffer, Scalar};
use dlc::kernel::interp::{Memory, Team, run};
use dlc::kernel::print::{exact, print};
use dlc::kernel::read::read;
use dlc::kernel::verify::verify;
use dlc::kernel::{Home, Step};
use dlc::math::unary_f32;
use std::sync::Arc;

const MLP: &str = include_str!("step_mlp.txt");
const TEAMS: [(usize, bool); 7] =
    [(1, false), (1, true), (2, false), (2, true), (3, true), (4, false), (50, true)];

fn mlp() -> Step {
    let step = read(MLP).unwrap_or_else(|e| panic!("{e}"));
    verify(&step).unwrap_or_else(|e| panic!("{}", e.join("\n")));
    step
}

/// Numbers between -0.5 and 0.5.
fn numbers(seed: u32, count: usize) -> Vec<f32> {
    (0..count as u32)
        .map(|i| {
            (i.wrapping_mul(2_654_435_761).wrapping_add(seed.wrapping_mul(97_531)) >> 8) as f32 / 16_777_216.0
                - 0.5
        })
        .collect()
}

fn f32s(buffer: &Buffer) -> &[f32] {
    match buffer {
        Buffer::F32(v) => v,
        Buffer::F64(_) | Buffer::I32(_) | Buffer::Bool(_) => panic!("an array of f32"),
    }
}

fn bits(values: &[f32]) -> Vec<u32> {
    values.iter().map(|v| v.to_bits()).collect()
}

const LABELS: [i32; 5] = [3, 0, 9, 1, 3];

fn memory(step: &Step, labels: [i32; 5]) -> Memory {
    let mut memory = Memory::new(step);
    memory.args = vec![
        Arc::new(Buffer::F32(numbers(1, 5 * 37))),
        Arc::new(Buffer::I32(labels.to_vec())),
        Arc::new(Buffer::F32(vec![0.1])),
    ];
    let shapes = [37 * 50, 50, 500];
    memory.places = (0..3).map(|at| Buffer::F32(numbers(7 + at as u32, shapes[at]))).collect();
    memory
}

/// The step as one would write it down: cost, W, b, W of the output.
fn plain(m: &Memory) -> [Vec<f32>; 4] {
    let [x, w, b, v] = [
        &m.args[0],
        &Arc::new(m.places[0].clone()),
        &Arc::new(m.places[1].clone()),
        &Arc::new(m.places[2].clone()),
    ]
    .map(|a| f32s(a).to_vec());
    let mut h = vec![0.0f32; 250];
    let (mut d, mut dh) = (vec![0.0f32; 50], vec![0.0f32; 250]);
    let mut losses = [0.0f32; 16];
    for n in 0..5 {
        for j in 0..50 {
            let sum = (0..37).fold(0.0f32, |s, t| x[n * 37 + t].mul_add(w[t * 50 + j], s));
            h[n * 50 + j] = unary_f32(Unary::Tanh, sum + b[j]);
        }
        let mut z = [0.0f32; 10];
        for (k, z) in z.iter_mut().enumerate() {
            let mut parts = [0.0f32; 16];
            (0..50).for_each(|l| parts[l % 16] += h[n * 50 + l] * v[l * 10 + k]);
            *z = tree(parts);
        }
        let most = z.iter().fold(f32::NEG_INFINITY, |m, z| if m >= *z { m } else { *z });
        let e = z.map(|z| unary_f32(Unary::Exp, z - most));
        let total = e.iter().fold(0.0, |s, e| s + e);
        let label = LABELS[n] as usize;
        losses[n] += unary_f32(Unary::Log, total) - (z[label] - most);
        for k in 0..10 {
            d[n * 10 + k] = (e[k] / total - if k == label { 1.0 } else { 0.0 }) / 5.0;
        }
        for j in 0..50 {
            let mut parts = [0.0f32; 16];
            (0..10).for_each(|k| parts[k] = d[n * 10 + k].mul_add(v[j * 10 + k], parts[k]));
            dh[n * 50 + j] = tree(parts);
        }
    }
    let part = |n: usize, j: usize| {
        let h = h[n * 50 + j];
        dh[n * 50 + j] * (1.0 - h * h) * -0.1f32
    };
    let new_w = |i: usize, j: usize| (0..5).fold(w[i * 50 + j], |s, n| x[n * 37 + i].mul_add(part(n, j), s));
    let new_b = |j: usize| b[j] + (0..5).fold(0.0, |s, n| s + part(n, j));
    let new_v = |j: usize, k: usize| {
        let sum = (0..5).fold(0.0f32, |s, n| h[n * 50 + j].mul_add(d[n * 10 + k], s));
        v[j * 10 + k] + sum * -0.1
    };
    [
        vec![tree(losses) / 5.0],
        (0..37 * 50).map(|at| new_w(at / 50, at % 50)).collect(),
        (0..50).map(new_b).collect(),
        (0..500).map(|at| new_v(at / 10, at % 10)).collect(),
    ]
}

fn tree(mut parts: [f32; 16]) -> f32 {
    for half in [8, 4, 2, 1] {
        (0..half).for_each(|l| parts[l] += parts[l + half]);
    }
    parts[0]
}

#[test]
fn a_training_step_is_what_plain_loops_compute() {
    let step = mlp();
    let due = plain(&memory(&step, LABELS));
    assert!(due[0][0] > 1.0 && due[0][0] < 4.0, "{}", due[0][0]);
    for (threads, backwards) in TEAMS {
        let mut memory = memory(&step, LABELS);
        assert!(!run(&step, &mut memory, Team { threads, backwards }));
        let found = [&memory.reports[0], &memory.places[0], &memory.places[1], &memory.places[2]];
        for (at, (found, due)) in found.iter().zip(&due).enumerate() {
            assert_eq!(
                bits(f32s(found)),
                bits(due),
                "{threads} threads, backwards: {backwards}, result {at}"
            );
        }
    }
}

#[test]
fn a_failed_check_ends_the_call_before_places_change() {
    let step = mlp();
    for bad in [-1, 10, i32::MIN] {
        for (threads, backwards) in TEAMS {
            let labels = [3, 0, bad, 1, 3];
            let mut after = memory(&step, labels);
            assert!(run(&step, &mut after, Team { threads, backwards }));
            assert_eq!(after.places, memory(&step, labels).places);
        }
    }
}

#[test]
fn the_step_reads_back() {
    let step = mlp();
    assert!(read(&print(&step, &exact)).as_ref() == Ok(&step));
    assert!(step.buffers.iter().filter(|b| matches!(b.home, Home::Scratch(_))).count() == 3);
}

#[test]
fn counters_go_up_or_down_and_barriers_stand_between_turns() {
    let text = |word: &str| {
        format!(
            "\
step s arena=128 scratch=0 counters=2
buffer h : f32[5] arena 0
buffer y : f32[4,3] report 0

kernel s.0
  %0 = const 1.0 : f32
  store h[0] = %0
kernel s.1
  %0 = load h[c0] : f32
  %1 = add %0 %0 : f32
  store h[c0 + 1] = %1
kernel s.2
  %0 = load h[c0] : f32
  store y[c0*3 + c1] = %0

order: s.0 | loop c0 < 4{word} {{ s.1 | loop c1 < 3 {{ s.2 }} }}
"
        )
    };
    let doubled = |word: &str| {
        let step = read(&text(word)).unwrap_or_else(|e| panic!("{e}"));
        verify(&step).unwrap_or_else(|e| panic!("{}", e.join("\n")));
        let mut memory = Memory::new(&step);
        run(&step, &mut memory, Team::default());
        f32s(&memory.reports[0]).to_vec()
    };
    assert_eq!(doubled(""), [1.0, 1.0, 1.0, 2.0, 2.0, 2.0, 4.0, 4.0, 4.0, 8.0, 8.0, 8.0]);
    let down = doubled(" backwards");
    // Downwards, turn 3 reads what nothing has written, and only turn 0 reads the 1.
    assert!(down[9].is_nan() && down[..3] == [1.0; 3]);
}

#[test]
fn random_words_are_those_of_the_tensor_ir() {
    let text = "\
step s arena=0 scratch=0 counters=0
buffer run : i32[] run
buffer y : i32[23] report 0

kernel s.0 owner i < 23 by 7 of n
  %0 = load run[0] : i32
  %1 = const 5 : i32
  random y[i] first=[i] count=min(7, 23 - i) key=[11,22] run=%0 turn=%1

order: s.0
";
    let step = read(text).unwrap_or_else(|e| panic!("{e}"));
    verify(&step).unwrap_or_else(|e| panic!("{}", e.join("\n")));
    let mut memory = Memory::new(&step);
    memory.run = -3;
    run(&step, &mut memory, Team { threads: 2, backwards: true });
    let block = |b: u32| dlc::random::philox4x32_10([b, 0, 5, -3i32 as u32], [11, 22]);
    let due: Vec<i32> = (0..6).flat_map(block).take(23).map(|word| word as i32).collect();
    assert_eq!(memory.reports[0], Buffer::I32(due));
}

#[test]
fn scratch_does_not_survive_a_block() {
    let text = "\
step s arena=0 scratch=64 counters=0
buffer t : f32[] scratch 0
buffer y : f32[3] report 0

kernel s.0 owner i < 3 by 1 of n
  %0 = load t[0] : f32
  store y[i] = %0
  %1 = const 1.0 : f32
  store t[0] = %1

order: s.0
";
    let step = read(text).unwrap_or_else(|e| panic!("{e}"));
    let mut memory = Memory::new(&step);
    run(&step, &mut memory, Team::default());
    assert!(f32s(&memory.reports[0]).iter().all(|v| v.is_nan()));
}

#[test]
fn every_operation_means_what_math_says() {
    let text = "\
step s arena=0 scratch=0 counters=0
buffer a : f32[1] arg 0
buffer i : i32[2] arg 1
buffer y : f64[4] report 0
buffer t : i32[3] report 1
buffer u : bool[2] report 2

kernel s.0
  %0 = load a[0] : f32
  %1 = cast %0 : f64
  %2 = softplus %1 : f64
  store y[0] = %2
  %3 = const 0.1 : f64
  store y[1] = %3
  %4 = min %1 %3 : f64
  store y[2] = %4
  %5 = fold prod ascending i < 2 : f64
    %6 = load y[0] : f64
    item %1
  store y[3] = %5
  %7 = load i[0] : i32
  %8 = load i[1] : i32
  %9 = floor_div %7 %8 : i32
  store t[0] = %9
  %10 = const 0 : i32
  %11 = mod %7 %10 : i32
  store t[1] = %11
  %12 = cast %0 : i32
  store t[2] = %12
  %13 = lt %7 %8 : bool
  store u[0] = %13
  %14 = fold any strided j < 2 : bool
    item %13
  %15 = not %14 : bool
  store u[1] = %15

order: s.0
";
    let step = read(text).unwrap_or_else(|e| panic!("{e}"));
    let mut memory = Memory::new(&step);
    memory.args = vec![Arc::new(Buffer::F32(vec![-2.75])), Arc::new(Buffer::I32(vec![-7, 2]))];
    run(&step, &mut memory, Team::default());
    let softplus = dlc::math::unary_f64(Unary::Softplus, -2.75);
    let smaller = dlc::math::binary_f64(Binary::Min, -2.75, 0.1);
    assert_eq!(memory.reports[0], Buffer::F64(vec![softplus, 0.1, smaller, 7.5625]));
    assert_eq!(memory.reports[1], Buffer::I32(vec![-4, 0, -2]));
    assert_eq!(memory.reports[2], Buffer::Bool(vec![true, false]));
    assert_eq!(Buffer::filled(dlc::ir::DType::Bool, Scalar::Int(0), 1), Buffer::Bool(vec![false]));
}
