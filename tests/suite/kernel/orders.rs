//! Each order of a sum against bits that were worked out by hand, on terms where every other order differs.

use dlc::ir::Buffer;
use dlc::kernel::interp::{Memory, Team, run};
use dlc::kernel::read::read;
use dlc::kernel::verify::verify;
use std::sync::Arc;

/// The one number that a step reports of its arguments.
fn reported(text: &str, args: &[&[f32]]) -> f32 {
    let step = read(text).unwrap_or_else(|e| panic!("{e}"));
    verify(&step).unwrap_or_else(|e| panic!("{}", e.join("\n")));
    let mut memory = Memory::new(&step);
    memory.args = args.iter().map(|v| Arc::new(Buffer::F32(v.to_vec()))).collect();
    assert!(!run(&step, &mut memory, Team::default()));
    let Buffer::F32(report) = &memory.reports[0] else { panic!("the report is of f32") };
    report[0]
}

fn fold(op: &str, order: &str, count: usize) -> String {
    format!(
        "\
step s arena=0 scratch=0 counters=0
buffer x : f32[{count}] arg 0
buffer y : f32[] report 0

kernel k
  %1 = fold {op} {order} i < {count} : f32
    %0 = load x[i] : f32
    item %0
  store y[0] = %1

order: k
"
    )
}

/// 2^24: the first number to which adding 1 changes nothing in f32.
const BIG: f32 = 16_777_216.0;

#[test]
fn an_ascending_sum_adds_one_after_another() {
    // ((2^24 + 1) + 1) - 2^24: both ones are lost. From the end, or in pairs, one is not.
    assert_eq!(reported(&fold("sum", "ascending", 4), &[&[BIG, 1.0, 1.0, -BIG]]).to_bits(), 0.0f32.to_bits());
    assert_eq!(reported(&fold("sum", "ascending", 4), &[&[1.0, 1.0, BIG, -BIG]]), 2.0);
    // From +0, not from the first: -0 alone gives +0.
    assert_eq!(reported(&fold("sum", "ascending", 1), &[&[-0.0]]).to_bits(), 0.0f32.to_bits());
    assert_eq!(
        reported(&fold("max", "ascending", 3), &[&[1.0, f32::NAN, 3.0]]).to_bits() & 0x7fc0_0000,
        0x7fc0_0000
    );
}

/// 32 terms of which those at the given positions are not 0.
fn spread(terms: &[(usize, f32)]) -> Vec<f32> {
    let mut all = vec![0.0; 32];
    terms.iter().for_each(|(at, value)| all[*at] = *value);
    all
}

#[test]
fn a_strided_sum_has_sixteen_accumulators_and_a_tree() {
    let sum = |terms: &[(usize, f32)]| reported(&fold("sum", "strided", 32), &[&spread(terms)]);
    // One accumulator: 0 and 16 meet before 8 joins.
    assert_eq!(sum(&[(0, BIG), (16, -BIG), (8, 1.0)]), 1.0);
    // 0 takes 8 first, and the 1 is lost; 4 comes after.
    assert_eq!(sum(&[(0, BIG), (8, 1.0), (4, -BIG)]), 0.0);
    assert_eq!(sum(&[(0, BIG), (8, -BIG), (4, 1.0)]), 1.0);
    // 4 takes 12 before 0 takes 4: 1 + 1 is 2, which is not lost; and 2 takes 6 before that.
    assert_eq!(sum(&[(0, BIG), (4, 1.0), (12, 1.0), (1, -BIG)]), 2.0);
    assert_eq!(sum(&[(0, BIG), (2, 1.0), (6, 1.0), (1, -BIG)]), 2.0);
    assert_eq!(sum(&[(0, BIG), (1, 1.0), (3, 1.0), (2, -BIG)]), 2.0);
    // As neighbours, 0 would take 1 before 2.
    assert_eq!(sum(&[(0, BIG), (1, 1.0), (2, -BIG)]), 1.0);
}

#[test]
fn a_strided_sum_of_two_loops_goes_by_the_inner_variable() {
    let text = fold("sum", "strided", 40).replace("i < 40", "i < 2, j < 20").replace("x[i]", "x[i*20 + j]");
    let mut terms = vec![0.0; 40];
    // (0, 0) and (1, 0) meet in accumulator 0 although they lie 20 apart; (1, 8) joins after.
    (terms[0], terms[20], terms[28]) = (BIG, -BIG, 1.0);
    assert_eq!(reported(&text, &[&terms]), 1.0);
}

fn product(form: &str, c: &str) -> String {
    format!(
        "\
step s arena=0 scratch=64 counters=0
buffer a : f32[32] arg 0
buffer b : f32[32] arg 1
buffer c : f32[] scratch 0
buffer y : f32[] report 0

kernel k
  %0 = const {c} : f32
  store c[0] = %0
  product {form}
  %1 = load c[0] : f32
  store y[0] = %1

order: k
"
    )
}

#[test]
fn a_product_by_lanes_is_one_fused_chain() {
    let lanes = |becomes: &str, count: usize| {
        let terms = format!("m=1 n=1 c_row=1 a_row=0 terms={count} by (1, 1)");
        format!("lanes c[0] {becomes} a[0] * b[0] {terms}")
    };
    let e = f32::EPSILON;
    // (1 + e)(1 - e) = 1 - e^2, of which the fused chain keeps what two roundings lose.
    let (a, b) = (spread(&[(0, -1.0), (1, 1.0 + e)]), spread(&[(0, 1.0), (1, 1.0 - e)]));
    assert_eq!(reported(&product(&lanes("=", 2), "7.0"), &[&a, &b]), -e * e);
    // Ascending, and from c's old value where it accumulates: 2^24 + 1 + 1 loses both, 1 + 1 + 2^24 none.
    let (ones, third) = (spread(&[(0, 1.0), (1, 1.0)]), spread(&[(0, 1.0), (1, 1.0), (2, 1.0)]));
    assert_eq!(reported(&product(&lanes("+=", 2), "16777216.0"), &[&ones, &third]), BIG);
    let big = spread(&[(0, 1.0), (1, 1.0), (2, BIG)]);
    assert_eq!(reported(&product(&lanes("=", 3), "0.0"), &[&big, &third]), BIG + 2.0);
    // A table's order holds, not that of the positions.
    let table = "lanes c[0] = a[0] * b[0] m=1 n=1 c_row=1 a_row=0 terms=[(2, 2), (0, 0), (1, 1)]";
    assert_eq!(reported(&product(table, "0.0"), &[&big, &third]), BIG);
}

#[test]
fn a_dot_product_has_sixteen_fused_accumulators_and_adds_the_old_value_last() {
    let dot = |becomes: &str, outer: &str, k: usize| {
        format!("dot c[0] {becomes} a[0] * b[0] m=1 n=1 c_row=1 a_row=0 b_row=0 k={k} outer={outer}")
    };
    let once = "1 by (0, 0)";
    let ones = vec![1.0; 32];
    let sum = |a: &[(usize, f32)]| reported(&product(&dot("=", once, 32), "7.0"), &[&spread(a), &ones]);
    assert_eq!(sum(&[(0, BIG), (16, -BIG), (8, 1.0)]), 1.0);
    assert_eq!(sum(&[(0, BIG), (8, 1.0), (4, -BIG)]), 0.0);
    assert_eq!(sum(&[(0, BIG), (1, 1.0), (2, -BIG)]), 1.0);
    let e = f32::EPSILON;
    let (a, b) = (spread(&[(0, -1.0), (16, 1.0 + e)]), spread(&[(0, 1.0), (16, 1.0 - e)]));
    assert_eq!(reported(&product(&dot("=", once, 32), "0.0"), &[&a, &b]), -e * e);
    // The old value joins at the end: the ones are added up before.
    let two = spread(&[(0, 1.0), (16, 1.0)]);
    assert_eq!(reported(&product(&dot("+=", once, 32), "16777216.0"), &[&two, &ones]), BIG + 2.0);
    // Each inner run begins again with accumulator 0: 0 and 20 meet, though they lie 20 apart.
    let runs = spread(&[(0, BIG), (20, -BIG), (8, 1.0)]);
    assert_eq!(reported(&product(&dot("=", "2 by (20, 20)", 12), "0.0"), &[&runs, &ones]), 1.0);
}
