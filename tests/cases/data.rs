//! Files that are not what was meant, through whole programs.

use crate::lab::{Lab, labels, npy, npy_in_order, numbers, reals, says};

const LABELLED: &str = "use std.losses: nll
dim n_out = 4
hyper size = 4
data train { x[size, 1] = zeros([size, 1]); y[size]: int = npy(\"labels.npy\") }
param W[1, n_out] = 0
step learn(x[n, 1], y[n]: int) {
  cost = nll(softmax(x @ W), y)
  W <- W - grad(cost, W)
  report cost
}
run { for x, y in batches(train, 2) { print(\"{learn(x, y).cost}\") } }
";

#[test]
fn c070_pictures_where_labels_are_meant() {
    let program = |images: &str, digits: &str| {
        format!(
            "data test {{
  x[10_000, 784] = reshape(idx(\"data/mnist/{images}\"), [10_000, 784]) / 256
  y[10_000]: int = idx(\"data/mnist/{digits}\")
}}
run {{ print(\"{{sum([sum(y) for x, y in batches(test, 10_000)])}}\") }}
"
        )
    };
    let (images, digits) = ("t10k-images-idx3-ubyte.gz", "t10k-labels-idx1-ubyte.gz");
    let said = Lab::new().beside_models().refused(&program(images, images));
    says(&said, &["DL0701", "declared [10000]", images, "[10000, 28, 28]"]);
    let said = Lab::new().beside_models().refused(&program(digits, digits));
    says(&said, &["DL0705", digits, "[10000]", "[10000, 784]"]);
    assert_eq!(Lab::new().beside_models().run(&program(images, digits)).row(), [44_434.0]);
}

#[test]
fn c072_labels_from_one() {
    let lab = Lab::new().file("labels.npy", labels("(4,)", &[1, 4, 2, 3]));
    let said = lab.refused(LABELLED);
    says(&said, &["DL0802", "label 4 at example 1 of train.y is outside 0..3", "= 4)"]);
    says(&said, &["train.y holds 1 to 4", "do the labels start at 1?"]);
}

/// The example is numbered in the whole split, not in its minibatch.
#[test]
fn c072_the_example_is_that_of_the_data() {
    let lab = Lab::new().set("size", "6").file("labels.npy", labels("(6,)", &[0, 1, 2, 3, 0, -1]));
    let said = lab.refused(LABELLED);
    says(&said, &["label -1 at example 5 of train.y is outside 0..3", "minibatch 2: examples 4..6"]);
    assert!(!said.contains("start at 1"), "{said}");
}

#[test]
fn c072_labels_that_are_no_whole_numbers() {
    let lab = Lab::new().file("labels.npy", reals("(4,)", &[1.0, 1.5, 2.0, 3.0]));
    says(&lab.refused(LABELLED), &["DL0705", "1.5 at element 1 is not a whole number", "labels.npy"]);
    let lab = Lab::new().file("labels.npy", reals("(4,)", &[1.0, 0.0, 2.0, 3.0]));
    assert_eq!(lab.run(LABELLED).printed.len(), 2, "whole numbers written as reals are taken");
}

#[test]
fn c072_labels_of_another_shape() {
    let lab = Lab::new().file("labels.npy", labels("(4, 1)", &[1, 0, 2, 3]));
    says(&lab.refused(LABELLED), &["DL0701", "declared [4]", "[4, 1]", "reshape(…, [4])"]);
    let lab =
        Lab::new().file("labels.npy", labels("(4, 4)", &[1, 0, 0, 0, 0, 1, 0, 0, 0, 0, 1, 0, 0, 0, 0, 1]));
    says(&lab.refused(LABELLED), &["DL0701", "declared [4]", "[4, 4]", "argmax(…, axis: -1)"]);
}

#[test]
fn c076_an_array_file_in_any_order_and_type() {
    let text = "data d { x[2, 3] = npy(\"x.npy\") }
run { print(\"{d.x}\") }
";
    let in_f32 = |order: [f32; 6]| order.iter().flat_map(|v| v.to_le_bytes()).collect::<Vec<u8>>();
    let in_f64 = |order: [f64; 6]| order.iter().flat_map(|v| v.to_be_bytes()).collect::<Vec<u8>>();
    let files = [
        npy("<f4", "(2, 3)", &in_f32([1.0, 2.0, 3.0, 4.0, 5.0, 6.0])),
        npy_in_order("<f4", "True", "(2, 3)", &in_f32([1.0, 4.0, 2.0, 5.0, 3.0, 6.0])),
        npy_in_order(">f8", "True", "(2, 3)", &in_f64([1.0, 4.0, 2.0, 5.0, 3.0, 6.0])),
        npy("|u1", "(2, 3)", &[1, 2, 3, 4, 5, 6]),
    ];
    for file in files {
        let told = Lab::new().single().file("x.npy", file).run(text);
        assert_eq!(numbers(&told.printed.join(" ")), [1.0, 2.0, 3.0, 4.0, 5.0, 6.0]);
    }
    let said = Lab::new().file("x.npy", npy("<c16", "(2, 3)", &[0; 96])).refused(text);
    says(&said, &["DL0702", "<c16", "x.npy"]);
}

#[test]
fn c078_an_empty_cell() {
    let text = "data d { x[3, 6] = csv(\"x.csv\") }
run { print(\"{d.x}\") }
";
    let rest = "2,0,3,8,7,6\n1,3,1,5,7,8\n";
    let said = Lab::new().file("x.csv", format!("6,,2,4,4,3\n{rest}")).refused(text);
    says(&said, &["row 1, column 2", "empty", "x.csv"]);
    let said = Lab::new().file("x.csv", format!("{rest}6,2,4,4,3\n")).refused(text);
    says(&said, &["row 3", "5", "6"]);
    let told = Lab::new().file("x.csv", format!("6,1,2,4,4,3\r\n{}", rest.replace('\n', "\r\n"))).run(text);
    assert_eq!(numbers(&told.printed.join(" "))[..7], [6.0, 1.0, 2.0, 4.0, 4.0, 3.0, 2.0]);
}

/// Bit for bit in f64; rounded in f32.
#[test]
fn c104_numpy_draws_in_a_program() {
    let text = "use std.init: glorot
stream rng   = numpy(1234)
stream again = numpy(1234)
a ~ uniform(0, 1) from rng
b ~ uniform(0, 1) from rng
c ~ uniform(0, 1) from rng
param W[3, 2] ~ glorot(3, 2) from again
step touch() { W <- W }
run { touch(); print(\"{a} {b} {c}\"); print(\"{W}\") }
";
    let uniforms = [0.1915194503788923, 0.6221087710398319, 0.4377277390071145];
    let weights = [
        -0.6758470223162896,
        0.2675269134709979,
        -0.1364316882106098,
        0.6251893331110308,
        0.6133962626496268,
        -0.49822463932071326,
    ];
    let told = Lab::new().run(text);
    assert_eq!(told.numbers()[0], uniforms);
    assert_eq!(told.places["W"], weights);
    let single = Lab::new().single().run(text);
    assert_eq!(single.places["W"], weights.map(|w| f64::from(w as f32)));
}
