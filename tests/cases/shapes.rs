//! Shapes that do not fit, or fit by accident.

use crate::lab::{Lab, close, numbers, says};

/// The part of the case that needs no convolution: what reaches the dense layer.
#[test]
fn c012_a_dense_layer_for_other_pictures() {
    let text = "use std.layers: Dense, flatten
layer Halved[maps](pool = 2) { fn forward(x[n, maps, h, w]) = x[.., .., ..h // pool, ..w // pool] }
net = [Halved[50], flatten, Dense[800, 500], Dense[500, 10]]
step learn(x[n, 50, 10, 10]) { report s = sum(net(x)) }
run { learn(zeros([2, 50, 10, 10])) }
";
    let said = Lab::new().refused(text);
    says(&said, &["DL0303", "expects 800 inputs and is given 1250", "case.dl:3:29"]);
    says(&said, &["[n, 50, 10, 10]", "[n, 50, 5, 5]", "flatten [n, 1250]", "1250"]);
    let told =
        Lab::new().run(&text.replace("800", "1250").replace("learn(zeros", "print(\"{1}\"); learn(zeros"));
    assert_eq!(told.row(), [1.0]);
}

#[test]
fn c014_a_column_against_a_row() {
    let program = |cost: &str| {
        format!(
            "dim batch = 4
state guess[batch, 1] = [[1], [2], [3], [4]]
state y[batch] = [1, 2, 3, 4]
step cost() {{ report value = mean({cost} ^ 2) }}
run {{ print(\"{{cost().value}}\") }}
"
        )
    };
    let said = Lab::new().refused(&program("(guess - y)"));
    says(&said, &["DL0304", "[batch, batch]", "rearrange(y, [batch] -> [batch, 1])"]);
    assert_eq!(Lab::new().run(&program("(guess - rearrange(y, [n] -> [n, 1]))")).row(), [0.0]);
    assert_eq!(Lab::new().run(&program("(guess[.., 0] - y)")).row(), [0.0]);
    // Asked for: the other axis bears another name.
    let text =
        program("all_pairs(guess, y)").replace("step cost", "fn all_pairs(a[n, 1], b[m]) = a - b\nstep cost");
    assert_eq!(Lab::new().run(&text).row(), [2.5]);
}

#[test]
fn c018_an_axis_of_one() {
    let told = Lab::new().run(
        "state x[3, 1] = [[1], [2], [3]]
state b[1, 4] = [[10, 20, 30, 40]]
state alpha[64, 1, 1, 1] = 3
state pictures[64, 1, 28, 28] = 2
step stretch() {
  cost = sum(x * b)
  report cost
  report x_slope = grad(cost, x)
  report b_slope = grad(cost, b)
  scaled = alpha * pictures
  report scaled
  report extents = stack([sum(scaled), mean(grad(sum(scaled), alpha))])
}
run { s = stretch(); print(\"{s.cost}\"); print(\"{s.x_slope}\"); print(\"{s.b_slope}\"); print(\"{s.extents}\") }
",
    );
    assert_eq!(told.printed[1], "[[100],\n [100],\n [100]]");
    assert_eq!(told.printed[2], "[[6, 6, 6, 6]]");
    close(&numbers(&told.printed[0]), &[600.0], 0.0);
    close(&numbers(&told.printed[3]), &[6.0 * 64.0 * 784.0, 2.0 * 784.0], 0.0);
    let scaled = told.reports.iter().find(|r| r.name == "stretch.scaled").expect("it is reported");
    assert_eq!(scaled.value, dlc::train::Logged::Shape(vec![64, 1, 28, 28]));
}

#[test]
fn c018_a_hidden_layer_of_one_unit_trains() {
    let text = "use std.layers: Dense
use std.losses: nll
hyper hidden = 5
data train { x[8, 2] = [[0, 0], [0, 1], [1, 0], [1, 1], [0, 0], [0, 1], [1, 0], [1, 1]]
  y[8]: int = [0, 0, 0, 1, 0, 0, 0, 1] }
stream rng = numpy(1234)
net = [Dense[2, hidden](rng: rng), Dense[hidden, 2](act: softmax, rng: rng)]
step learn(x[n, 2], y[n]: int) {
  cost = nll(net(x), y)
  for p in params(net) { p <- p - 0.5 * grad(cost, p) }
  report cost
  report slope = grad(cost, net[1].W)
}
run { for epoch in 0..200 { for x, y in batches(train, 4) { learn(x, y) } } }
";
    for (width, weights) in [("1", 2), ("5", 10)] {
        let told = Lab::new().set("hidden", width).run(text);
        let costs = told.reported("learn.cost");
        assert!(costs[399] < 0.1 * costs[0] && costs[399] > 0.0, "{} to {}", costs[0], costs[399]);
        assert_eq!(told.places["net[0].W"].len(), weights);
        let slope = told.reports.iter().find(|r| r.name == "learn.slope").expect("it is reported");
        let shape = vec![width.parse().expect("a number"), 2];
        assert_eq!(slope.value, dlc::train::Logged::Shape(shape));
    }
}

#[test]
fn c020_what_does_not_fill_a_minibatch_is_left_out() {
    let told = Lab::new().beside_models().run(
        "use std.data: mnist
run {
  print(\"{len(batches(mnist.test, 64))} {len(batches(mnist.train, 64))}\")
  print(\"{sum([len(y) for x, y in batches(mnist.test, 64)])} {sum([len(y) for x, y in batches(mnist.train, 64)])}\")
}
",
    );
    close(&told.numbers().concat(), &[156.0, 781.0, 9984.0, 49_984.0], 0.0);
}

/// A chain of so many rows takes minibatches of that size only; the message comes before any data.
#[test]
fn c020_a_state_with_a_row_for_each_example() {
    let text = "dim n_hidden = 3
hyper dim batch = 64
data train { x[100, n_hidden] = npy(\"not_there.npy\") }
state chain[64, n_hidden] = 0
step learn(x[batch, n_hidden]) { chain <- chain + x }
run { for x in batches(train.x, batch) { learn(x) } }
";
    let said = Lab::new().set("batch", "16").refused(text);
    says(&said, &["64", "16", "chain"]);
    assert!(!said.contains("not_there"), "{said}");
}

#[test]
fn c022_a_product_whose_inner_sizes_disagree() {
    let text = "layer Affine[k, m] {
  param W[25, m] = 0
  fn forward(h[n, k]) = h @ W
}
layer Pair[k, m](hidden) {
  first  = Affine[k, hidden]
  second = Affine[hidden, m]
  fn forward(x[n, k]) = second(first(x))
}
net = Pair[25, 5](hidden: 75)
step learn(x[n, 25]) { report s = sum(net(x)) }
run { learn(zeros([1, 25])) }
";
    let said = Lab::new().refused(text);
    says(&said, &["DL0301", "case.dl:3:25", "k, the last axis of h, meets 25, the first of W"]);
    says(&said, &["k is 75", "net.second", "W is [25, m = 5]"]);
    assert!(!said.contains("net.first"), "{said}");
    assert_eq!(said.matches("DL0").count(), 1, "{said}");
}

/// A transpose is proposed where it fits, and only there.
#[test]
fn c022_a_transpose_that_would_fit() {
    let program = |rows: &str, columns: &str| {
        format!(
            "layer Affine[k, m] {{
  param W[{rows}, {columns}] = 0
  fn forward(h[n, k]) = h @ W
}}
net = Affine[75, 5]
step learn(x[n, 75]) {{ report s = sum(net(x)) }}
run {{ learn(zeros([1, 75])) }}
"
        )
    };
    let said = Lab::new().refused(&program("m", "k"));
    says(&said, &["DL0301", "h @ W'"]);
    let said = Lab::new().refused(&program("25", "m"));
    assert!(!said.contains("W'"), "{said}");
}
