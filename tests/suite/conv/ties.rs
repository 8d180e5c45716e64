//! `ties: "all"` of `max` and `min`: the value is the same, each of equal elements has the gradient.

use crate::programs::compiled;
use dlc::ir::{DType, Tensor, interp};

#[test]
fn every_one_of_equal_elements_has_the_gradient() {
    let text = r#"
param x[2, 3] = 0
step s() {
  report first = grad(sum(max(x, axis: 1)), x)
  report all = grad(sum(max(x, axis: 1, ties: "all")), x)
  report least = grad(2 * min(x, ties: "all"), x)
  report largest = max(x, axis: 0, keep: true, ties: "all")
  report smallest = min(x, axis: 0, ties: "all")
}
run { s() }
"#;
    let (_, module) = compiled("ties.dl", text, &[]);
    let x = Tensor::from_f64s(DType::F64, [2, 3], &[3.0, 1.0, 3.0, -2.0, 1.0, 1.0]);
    let outcome = interp::run(&module.steps[0], &|_| x.clone()).expect("no fault");
    let found = |k: usize| outcome.reports[k].as_f64s();
    assert_eq!(found(0), [1.0, 0.0, 0.0, 0.0, 1.0, 0.0]);
    assert_eq!(found(1), [1.0, 0.0, 1.0, 0.0, 1.0, 1.0]);
    assert_eq!(found(2), [0.0, 0.0, 0.0, 2.0, 0.0, 0.0]);
    assert_eq!(found(3), [3.0, 1.0, 3.0]);
    assert_eq!(found(4), [-2.0, 1.0, 1.0]);
}
