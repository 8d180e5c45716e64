//! Values recorded in `golden/conv_demo.json`: convolution to a relative 1e-13, pooling to the bit.

use crate::programs::reports;
use dlc::ir::Tensor;
use serde_json::Value;

const TEXT: &str = include_str!("../../golden/conv_demo.json");

fn golden() -> Value {
    serde_json::from_str(TEXT).expect("the recorded values")
}

/// The numbers under a key, each rounded rightly from its digits, which `serde_json` does not promise.
fn exact(key: &str) -> Vec<f64> {
    let (_, rest) = TEXT.split_once(&format!("\"{key}\":")).expect("the key");
    let list = rest.split(['"', '}']).next().expect("a list");
    let digits = list.split(|c: char| c.is_whitespace() || "[],".contains(c)).filter(|d| !d.is_empty());
    digits.map(|d| d.parse().expect("a number")).collect()
}

/// Nested lists as one.
fn flat(value: &Value) -> Vec<f64> {
    match value {
        Value::Array(items) => items.iter().flat_map(flat).collect(),
        other => vec![other.as_f64().expect("a number")],
    }
}

fn close(name: &str, found: &Tensor, expected: &Value) {
    let (found, expected) = (found.as_f64s(), flat(expected));
    assert_eq!(found.len(), expected.len(), "{name}");
    // Relative to the terms, which are about 1: a sum of them may cancel.
    for (i, (f, e)) in found.iter().zip(&expected).enumerate() {
        assert!((f - e).abs() <= 1e-13 * e.abs().max(1.0), "{name}[{i}] is {f}, not {e}");
    }
}

fn equal(name: &str, found: &Tensor) {
    let bits = |v: Vec<f64>| v.into_iter().map(f64::to_bits).collect::<Vec<_>>();
    assert_eq!(bits(found.as_f64s()), bits(exact(name)), "{name}");
}

#[test]
fn convolution_and_its_gradients() {
    let found = reports(
        "stream pictures = numpy(1)
stream filters  = numpy(2)
stream outer    = numpy(3)
param x[3, 2, 5, 5] ~ uniform(0, 1) from pictures
param w[4, 2, 3, 3] ~ uniform(-1, 1) from filters
param g[3, 4, 3, 3] ~ uniform(-1, 1) from outer

step show() {
  report convolution_valid            = conv2d(x, w)
  report convolution_full             = conv2d(x, w, mode: \"full\")
  report convolution_same             = conv2d(x, w, mode: \"same\")
  report correlation_valid            = correlate2d(x, w, mode: \"valid\")
  report correlation_full             = correlate2d(x, w, mode: \"full\")
  report correlation_same             = correlate2d(x, w, mode: \"same\")
  report convolution_valid_stride_2_2 = conv2d(x, w, stride: 2)
  report convolution_full_stride_2_1  = conv2d(x, w, mode: \"full\", stride: [2, 1])
  cost = sum(g * conv2d(x, w))
  report wrt_filters = grad(cost, w)
  report wrt_input   = grad(cost, x)
}

run { show() }
",
    );
    let golden = &golden()["convolution"];
    for (name, value) in &found {
        let gradients = &golden["gradient_of_sum_g_times_convolution_valid"];
        let expected = if name.starts_with("wrt") { &gradients[name] } else { &golden[name] };
        close(name, value, expected);
    }
    assert_eq!(found.len(), 10);
    assert_eq!(found["convolution_full_stride_2_1"].ty.shape, [3, 4, 4, 7]);
}

#[test]
fn the_demonstration_layer() {
    let found = reports(
        "stream filters = numpy(23455)
r = 1 / sqrt(3 * 9 * 9)
param W[2, 3, 9, 9] ~ uniform(-r, r) from filters
param b[2] ~ uniform(-0.5, 0.5) from filters

step show() {
  i = rearrange(indices(24), [h] -> [1, 1, h, 1])
  j = rearrange(indices(20), [w] -> [1, 1, 1, w])
  k = rearrange(indices(3), [c] -> [1, c, 1, 1])
  image = (7 * i + 13 * j + 29 * k) % 256 / 256
  out = sigmoid(conv2d(image, W, mode: \"valid\") + rearrange(b, [k] -> [1, k, 1, 1]))
  report row   = out[0, .., 0, ..]
  report total = sum(out)
}

run { show() }
",
    );
    let golden = &golden()["demo_layer_9x9"];
    close("row", &found["row"], &golden["output_row_0"]);
    let total = golden["output_sum"].as_f64().expect("a number");
    assert!((found["total"].item_f64() / total - 1.0).abs() < 1e-13);
}

#[test]
fn max_pooling_at_a_border() {
    let found = reports(
        "stream numbers = numpy(1)
param x[3, 2, 5, 5] ~ uniform(0, 1) from numbers

step show() {
  report ignore_border_true           = max_pool(x, [2, 2])
  report ignore_border_false          = max_pool(x, [2, 2], ignore_border: false)
  report ignore_border_true_pool_3x2  = max_pool(x, [3, 2], ignore_border: true)
  report ignore_border_false_pool_3x2 = max_pool(x, [3, 2], ignore_border: false)
}

run { show() }
",
    );
    found.iter().for_each(|(name, value)| equal(name, value));
    assert_eq!(found.len(), 4);
}

#[test]
fn ties_by_either_rule() {
    let found = reports(
        "state t[4, 4] = [[1, 1, 0, 2], [1, 0, 2, 2], [3, 3, -1, -1], [3, 3, -1, -2]]
state g[2, 2] = [[10, 20], [30, 40]]

step show() {
  report output = max_pool(t, [2, 2])
  report input_gradient_first_tied = grad(sum(g * max_pool(t, [2, 2])), t)
  report input_gradient_every_tied = grad(sum(g * max_pool(t, [2, 2], ties: \"all\")), t)
}

run { show() }
",
    );
    found.iter().for_each(|(name, value)| equal(name, value));
    assert_eq!(found.len(), 3);
}

/// The pictures of the textbooks: both operators by name, and a stride.
#[test]
fn small_pictures_by_hand() {
    let found = reports(
        "state x[1, 1, 3, 3] = [[[[1, 2, 3], [4, 5, 6], [7, 8, 9]]]]
state k[1, 1, 2, 2] = [[[[1, 2], [3, 4]]]]

step show() {
  wide = reshape(real(indices(25) + 1), [1, 1, 5, 5])
  report convolution = conv2d(x, k)
  report correlation = correlate2d(x, k)
  report full        = conv2d(x, k, mode: \"full\")
  report same        = conv2d(x, k, mode: \"same\")
  report near        = correlate2d(x, k, mode: \"same\")
  report strided     = conv2d(wide, k, stride: [2, 2])
  report mean        = mean_pool(x, [2, 2])
  report means       = mean_pool(x, [2, 2], ignore_border: false)
  report spread      = grad(sum(mean_pool(x, [2, 2], ignore_border: false)), x)
  report wholes      = max_pool(indices(6) * 0 + reshape(indices(12), [2, 6]), [2, 4], ignore_border: false)
}

run { show() }
",
    );
    let all = |name: &str| found[name].as_f64s();
    assert_eq!(all("convolution"), [23.0, 33.0, 53.0, 63.0]);
    assert_eq!(all("correlation"), [37.0, 47.0, 67.0, 77.0]);
    let full = [1.0, 4.0, 7.0, 6.0, 7.0, 23.0, 33.0, 24.0, 19.0, 53.0, 63.0, 42.0, 21.0, 52.0, 59.0, 36.0];
    assert_eq!(all("full"), full);
    // An even filter: its element (a - 1) // 2 lies on each cell, for both operators.
    assert_eq!(all("same"), [1.0, 4.0, 7.0, 7.0, 23.0, 33.0, 19.0, 53.0, 63.0]);
    assert_eq!(all("near"), [37.0, 47.0, 21.0, 67.0, 77.0, 33.0, 23.0, 26.0, 9.0]);
    assert_eq!(all("strided"), [29.0, 49.0, 129.0, 149.0]);
    assert_eq!(all("mean"), [3.0]);
    assert_eq!(all("means"), [3.0, 4.5, 7.5, 9.0]);
    assert_eq!(all("spread"), [0.25, 0.25, 0.5, 0.25, 0.25, 0.5, 0.5, 0.5, 1.0]);
    assert_eq!(found["wholes"].ty.dtype, dlc::ir::DType::I32);
    assert_eq!(all("wholes"), [9.0, 11.0]);
}
