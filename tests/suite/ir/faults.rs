//! What stops a run, and what does not: faults with their node and place, needs, updates.

use dlc::ir::interp::{Fault, FaultKind, Outcome, run, run_all};
use dlc::ir::read::read;
use dlc::ir::{DType, Graph, Leaf, LeafKind, NodeId, Scalar, Tensor, Type};
use dlc::source::{FileId, Span};
use std::cell::RefCell;

fn graph(text: &str) -> Graph {
    let graph = read(&format!("graph g\n{text}")).expect("reads");
    dlc::ir::verify::verify(&graph).expect("verifies");
    graph
}

fn values(list: &[(&str, Tensor)]) -> impl Fn(&Leaf) -> Tensor {
    let list: Vec<(String, Tensor)> = list.iter().map(|(n, t)| ((*n).to_owned(), t.clone())).collect();
    move |leaf| list.iter().find(|(n, _)| **n == *leaf.name).expect("a value").1.clone()
}

fn fault(text: &str, list: &[(&str, Tensor)]) -> Fault {
    run(&graph(text), &values(list)).expect_err(text)
}

const GATHER: &str = "\
leaf arg 0 x : f32[4,2]
leaf arg 1 y : i32[2,2]
%x = leaf x : f32[4,2]
%y = leaf y : i32[2,2]
%z = gather %x %y axes=[0] : f32[2,2,2]  # @1:20-24
report z = %z
";

#[test]
fn an_index_outside_names_axis_value_and_place() {
    for bad in [4, -1, i32::MIN, i32::MAX] {
        let x = Tensor::from_f32([4, 2], vec![0.0; 8]);
        let found = fault(GATHER, &[("x", x), ("y", Tensor::from_i32([2, 2], vec![0, 3, 1, bad]))]);
        assert_eq!(found.node, NodeId(2));
        assert_eq!(found.span, Some(Span::new(FileId(1), 20, 24)));
        let message = FaultKind::IndexOutOfRange { axis: 0, extent: 4, value: bad, position: vec![1, 1] };
        assert_eq!(found.message, message);
        assert_eq!(found.message.to_string(), format!("index {bad} at [1, 1] is outside 0..3 of axis 0"));
    }
}

#[test]
fn a_scatter_outside_is_found_too() {
    let text = "\
leaf arg 0 v : f32[2]
leaf arg 1 y : i32[2]
%v = leaf v : f32[2]
%y = leaf y : i32[2]
%z = scatter_add %v %y axes=[0] : f32[0]
report z = %z
";
    let v = Tensor::from_f32([2], vec![1.0; 2]);
    let found = fault(text, &[("v", v), ("y", Tensor::from_i32([2], vec![0, 0]))]);
    assert_eq!(found.message.to_string(), "index 0 at [0] points into axis 0, which is empty");
}

#[test]
fn integers_divided_by_zero() {
    for (op, message) in [
        ("floor_div", "integer division by zero at [0, 1]"),
        ("mod", "integer division by zero at [0, 1]"),
        ("pow", "integer raised to the negative power -2 at [1, 0]"),
    ] {
        let text = format!(
            "leaf arg 0 x : i32[2,2]\n%x = leaf x : i32[2,2]\n%z = {op} %x %x : i32[2,2]\nreport z = %z\n"
        );
        let found = fault(&text, &[("x", Tensor::from_i32([2, 2], vec![3, 0, -2, 1]))]);
        assert_eq!(found.message.to_string(), message, "{op}");
    }
}

#[test]
fn gradients_must_be_gone_and_leaves_fit() {
    let text = "\
leaf arg 0 x : f32[]
%x = leaf x : f32[]
%g = grad %x %x : f32[]
report g = %g
";
    assert_eq!(fault(text, &[("x", Tensor::scalar(DType::F32, 1.0))]).message, FaultKind::Grad);
    let found = fault(text, &[("x", Tensor::scalar(DType::F64, 1.0))]);
    assert_eq!(found.message.to_string(), "a leaf of type f32[] was given a value of type f64[]");
}

#[test]
fn only_what_is_needed_is_computed_and_updates_see_old_values() {
    let text = "\
leaf place 0 a : f32[]
leaf place 1 b : f32[]
leaf arg 0 unused : i32[]
%a = leaf a : f32[]
%b = leaf b : f32[]
%unused = leaf unused : i32[]
%bad = floor_div %unused %unused : i32[]
%sum = add %a %b : f32[]
update a = %b
update b = %a
report sum = %sum
report again = %sum
";
    let asked = RefCell::new(Vec::new());
    let leaves = |leaf: &Leaf| {
        asked.borrow_mut().push((leaf.kind, leaf.index));
        Tensor::scalar(
            leaf.ty.dtype,
            if leaf.kind == LeafKind::Place { 1.0 + leaf.index as f64 } else { 0.0 },
        )
    };
    let real = |v| Tensor::scalar(DType::F32, v);
    let outcome = run(&graph(text), &leaves).expect("no fault");
    let expected = Outcome { updates: vec![real(2.0), real(1.0)], reports: vec![real(3.0), real(3.0)] };
    assert_eq!(outcome, expected);
    assert_eq!(*asked.borrow(), [(LeafKind::Place, 0), (LeafKind::Place, 1)]);
    let all = run_all(&graph(text), &leaves).expect_err("the division is computed here");
    assert_eq!(all.node, NodeId(3));
}

#[test]
fn tensors() {
    let t = Tensor::from_f64s(DType::F32, [2, 2], &[0.1, f64::NAN, 1.0, f64::INFINITY]);
    assert_eq!(t.first_non_finite(), Some(1));
    assert_eq!(t.index_of(1), [0, 1]);
    assert!(Tensor::zeros(&Type::new(DType::F64, [3])).is_finite());
    assert!(Tensor::from_i32([1], vec![3]).is_finite());
    assert_eq!(t.elements::<f32>()[0], 0.1);
    assert_eq!(Tensor::filled(&Type::new(DType::Bool, [2]), Scalar::Bool(true)).as_f64s(), [1.0, 1.0]);
    assert_eq!(Tensor::scalar(DType::I32, -3.0).item_f64(), -3.0);
    assert_eq!(t.clone().data.len(), 4);
}
