//! What kernels cost.

use dlc::kernel::cost::{Cost, of_kernel, of_step};
use dlc::kernel::read::read;

#[test]
fn a_kernel_counts_what_it_computes_and_touches() {
    let step = read(include_str!("step_mlp.txt")).unwrap_or_else(|e| panic!("{e}"));
    // The hidden layer: a product of 5 x 37 x 50, a sum and a tanh of each element; x, W, b and h.
    let hidden =
        Cost { flops: 2 * 5 * 37 * 50 + 250 + 250, read: 4 * (185 + 1850 + 50 + 250), written: 1000 };
    assert_eq!(of_kernel(&step, 0), hidden);
    // The check and the copy compute nothing.
    assert_eq!(of_kernel(&step, 1), Cost { flops: 0, read: 20, written: 0 });
    assert_eq!(of_kernel(&step, 2), Cost { flops: 0, read: 2000, written: 2000 });
    // A run-time index may be anywhere; the scratch is not memory.
    let softmax = of_kernel(&step, 3);
    assert_eq!(softmax.read, 4 * (250 + 500 + 50 + 5 + 50));
    assert_eq!(softmax.written, 4 * (50 + 5 + 50 + 250));
    // Rows: 10 scores of 50 products and sums, maxima, differences and exp, sums, the loss, the gradient, a dot.
    assert_eq!(softmax.flops, 5 * (10 * 50 * 2 + 10 + 20 + 10 + 3 + 10 * 5 + 2 * 50 * 10));
}

#[test]
fn loops_of_the_order_multiply_and_tails_are_counted() {
    let text = "\
step s arena=0 scratch=0 counters=1
buffer x : f64[10,7] arg 0
buffer y : f64[10,7] report 0

kernel s.0 owner i < 7 by 4 of n
  for j < min(4, 7 - i)
    lanes k < min(3, 5 - j)
      %0 = load x[c0*7 + i + j] : f64
      %1 = exp %0 : f64
      store y[c0*7 + i + j] = %1

order: loop c0 < 10 { s.0 }
";
    let step = read(text).unwrap_or_else(|e| panic!("{e}"));
    // Blocks of 4 and 3 rows; rows 0, 1, 2 have 3 lanes, row 3 has 2.
    let once = Cost { flops: 11 + 9, read: 7 * 8, written: 7 * 8 };
    assert_eq!(of_kernel(&step, 0), once);
    let all = Cost { flops: 10 * once.flops, read: 10 * once.read, written: 10 * once.written };
    assert_eq!(of_step(&step), all);
}
