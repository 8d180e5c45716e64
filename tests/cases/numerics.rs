//! Values far out, ties, and long sums.

use crate::lab::{Lab, close, near};
use dlc::program::Precision;

const LN_2: f64 = std::f64::consts::LN_2;

/// As literals in a step, literals above the steps, a param and data.
#[test]
fn c044_log_softmax_far_out_however_it_comes() {
    let text = include_str!("far_out.dl");
    for (precision, cost, bound) in
        [(Precision::F32, 104.0, 0.0), (Precision::F64, 104.00000226033197, 1e-12)]
    {
        let told = Lab::new().precision(precision).run(text);
        let lines = told.numbers();
        close(&lines[0], &[cost; 4], bound);
        assert_eq!((lines[1][0], lines[1].len()), (-1.0, 9));
        close(&lines[1][8..], &[1.0], 1e-5);
        assert!(lines[1][1..8].iter().all(|slope| *slope > 0.0 && *slope < 1e-5), "{:?}", lines[1]);
        close(&lines[2], &[0.5, 0.5, 1.0, 0.0], 1e-7);
        for row in [3, 4] {
            near(&lines[row], &[-LN_2, -LN_2, 0.0, -1000.0], 1e-6);
        }
        near(&lines[5], &[-0.8619948, -0.8619948, -1.8619948], 1e-6);
    }
}

#[test]
fn c046_log_sigmoid_far_out() {
    let text = "state s[5] = [100, -100, 1000, -1000, 0]
state x[8] = [-50, -10, -5, -2, 0, 2, 5, 10]
step values() {
  report a = log(sigmoid(s))
  report b = log(1 - sigmoid(s))
  report slope = grad(mean(-log(sigmoid(x))), x)
}
run { v = values(); print(\"{v.a}\"); print(\"{v.b}\"); print(\"{v.slope}\") }
";
    for (precision, bound) in [(Precision::F32, 1e-5), (Precision::F64, 1e-9)] {
        let told = Lab::new().precision(precision).run(text);
        let lines = told.numbers();
        let least = lines[0][0];
        assert!(least < 0.0 && (least + 3.72e-44).abs() < 1e-45, "{least}");
        near(&lines[0][1..], &[-100.0, 0.0, -1000.0, -LN_2], bound);
        assert_eq!(lines[1][1], least);
        near(&[&lines[1][..1], &lines[1][2..]].concat(), &[-100.0, -1000.0, 0.0, -LN_2], bound);
        let slope: Vec<f64> =
            [-50.0, -10.0, -5.0, -2.0, 0.0, 2.0, 5.0, 10.0].map(|x: f64| -1.0 / (1.0 + x.exp()) / 8.0).into();
        near(&lines[2], &slope, bound);
        near(&lines[2][..3], &[-0.125, -0.1249943253, -0.1241633936], 1e-6);
    }
}

#[test]
fn c049_log_sum_exp_of_minus_infinity() {
    let text = "state none[2] = [-inf, -inf]
state one[2] = [-inf, 1]
state over[2] = [inf, 0]
state five[1] = [5]
fn whole(x) = logsumexp(x, axis: 0)
fn written(x) = log(sum(exp(x)))
step values() {
  report limits = stack([whole(none) == -inf, whole(over) == inf, written(none) == -inf])
  report values = stack([whole(one), whole(five), written(one), written(five)])
  report none = grad(whole(none), none)
  report one = grad(whole(one), one)
  report none_written = grad(written(none), none)
  report one_written = grad(written(one), one)
}
run { v = values(); print(\"{v.limits}\"); print(\"{v.values} {v.none} {v.one} {v.none_written} {v.one_written}\") }
";
    for precision in [Precision::F32, Precision::F64] {
        let told = Lab::new().precision(precision).run(text);
        assert_eq!(told.printed[0], "[true, true, true]");
        let gradients = [0.0, 0.0, 0.0, 1.0];
        let expected = [&[1.0, 5.0, 1.0, 5.0][..], &gradients, &gradients].concat();
        close(&told.numbers()[1], &expected, 1e-6);
    }
}

/// Summed over the inputs, averaged over the examples, whatever their number.
#[test]
fn c054_the_scale_of_a_reconstruction_cost() {
    let text = include_str!("reconstruction.dl");
    for (inputs, cost) in [("784", 543.4273896), ("2880", 1996.2638800)] {
        for batch in ["1", "20", "600"] {
            let lab = || Lab::new().set("visible", inputs).set("batch", batch);
            close(&lab().run(text).row(), &[cost], 1e-6);
            near(&lab().single().run(text).row(), &[cost], 1e-5);
        }
    }
    let library = dlc::library::text("std.losses").expect("the library has losses");
    assert!(library.contains("summed over units and\n# averaged over examples."));
}

#[test]
fn c063_means_of_many_numbers() {
    let told = Lab::new().single().run(
        "state tenths[1_000_000] = 0.1
step long() { report a = mean(ones([20_000_000])); report b = sum(tenths); report c = mean(tenths) }
run { r = long(); print(\"{r.a} {r.b} {r.c}\") }
",
    );
    let row = told.row();
    assert_eq!(row[0], 1.0);
    near(&row[1..], &[100_000.001_5, 0.1], 1e-6);
}

/// The host's mean over the updates of an epoch, in f64 whatever the device computes in.
#[test]
fn c063_the_mean_of_an_epoch() {
    let told = Lab::new().single().run(
        "data d { x[50_000] = zeros([50_000]) + 0.1 }
step cost(x[n]) { report value = mean(x) }
run { print(\"{mean([cost(x).value for x in batches(d.x, 1)])}\") }
",
    );
    assert_eq!(told.row(), [f64::from(0.1_f32)]);
}

#[test]
fn c063_the_mean_pixel() {
    let told = Lab::new()
        .single()
        .beside_models()
        .run("use std.data: mnist\nrun { print(\"{mean(mnist.train.x)}\") }\n");
    close(&told.row(), &[0.1304497], 5e-8);
}

#[test]
fn c065_the_first_of_several_largest_is_the_argmax() {
    let told = Lab::new().run(
        "state a[3, 2] = [[1, 5], [2, 10], [3, 3]]
state b[16] = 7
state c[2, 5] = [[2, 3, 0, 3, 3], [1, 3, 1, 3, 1]]
state zero = 0
step largest() {
  report a = argmax(a, axis: 1)
  report b = argmax(b, axis: 0)
  report c = argmax(c, axis: 1)
  report d = argmax(stack([1, zero / zero, 3]), axis: 0)
  report e = argmax(softmax(zeros([2, 10])), axis: 1)
}
run { g = largest(); print(\"{g.a} {g.b} {g.c} {g.d} {g.e}\") }
",
    );
    close(&told.row(), &[1.0, 1.0, 0.0, 0.0, 1.0, 1.0, 1.0, 0.0, 0.0], 0.0);
}

/// The model as shipped, before its first update, on the test images.
#[test]
fn c065_an_untrained_classifier_says_zero() {
    let told = Lab::new().beside_models().run(
        "use std.data: mnist
use logistic_regression: classifier, errors
step touch() { for p in params(classifier) { p <- p } }
run {
  touch()
  print(\"{mean([errors(u, v) for u, v in batches(mnist.test, 600)]):.4} {mean([errors(u, v) for u, v in batches(mnist.test, 500)]):.3%}\")
  print(\"{sum([sum(v == 0) for u, v in batches(mnist.test, 500)])}\")
}
",
    );
    assert!(told.printed[0].ends_with(" 90.200%"), "{:?}", told.printed);
    assert_eq!(told.printed[1], "980");
}
