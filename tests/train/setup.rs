//! Files and draws before the run.

use crate::build::*;
use dlc::data::{Array, Elements, write_arrays};
use dlc::diag::{Diagnostic, codes};
use dlc::ir::{Module, Tensor};
use dlc::lower::lower;
use dlc::program::{
    Dist, Draw, Precision, Program, Raw, RawSource, Reader, Resident, Setup, StreamSource, TensorType,
    ValueOp,
};
use dlc::random::{RandomState, identity_key, philox4x32_10};
use dlc::runtime::{prepare, raw_shape};
use std::path::Path;

fn read(path: &str) -> RawSource {
    RawSource::Read { reader: Reader::Npz, path: path.to_owned(), span: span(30) }
}

fn member(name: &str) -> RawSource {
    RawSource::Field(Box::new(read("data.npz")), name.to_owned())
}

/// A program whose residents are raw arrays.
fn reading(raws: Vec<(RawSource, TensorType)>) -> (Program, Module) {
    let mut values = Values::default();
    let mut setup = Setup::default();
    for (at, (source, ty)) in raws.into_iter().enumerate() {
        let value = values.add(ValueOp::Raw(at), &[], ty.clone());
        setup.raws.push(Raw { source, ty, name: "mnist.train.x".into(), span: span(20) });
        setup.residents.push(Resident { name: format!("r{at}").as_str().into(), value });
    }
    setup.body = values.body;
    let program = Program { setup, ..Program::default() };
    let module = lower(&program, Precision::F32);
    (program, module)
}

fn folder() -> tempfile::TempDir {
    let folder = tempfile::tempdir().unwrap();
    let real = Array::new(vec![3, 2], Elements::F64(vec![1.0, 2.0, 3.0, 4.0, 5.0, 6.0])).unwrap();
    let labels = Array::new(vec![3], Elements::I64(vec![1, 0, 7])).unwrap();
    let halves = Array::new(vec![2], Elements::F32(vec![1.0, 1.5])).unwrap();
    let arrays = [("x".to_owned(), real), ("y".to_owned(), labels), ("h".to_owned(), halves)];
    write_arrays(&folder.path().join("data.npz"), &arrays).unwrap();
    folder
}

fn one(source: RawSource, ty: TensorType) -> Result<Tensor, Diagnostic> {
    let (program, module) = reading(vec![(source, ty)]);
    prepare(&program, &module, folder().path()).map(|r| r.residents[0].clone()).map_err(|mut p| p.remove(0))
}

#[test]
fn parts_of_files_become_residents() {
    assert_eq!(one(member("y"), int(&[3])).unwrap(), Tensor::from_i32([3], vec![1, 0, 7]));
    assert_eq!(one(member("y"), real(&[3])).unwrap(), Tensor::from_f32([3], vec![1.0, 0.0, 7.0]));
    let slice = RawSource::SliceFirst(Box::new(member("x")), 1, None);
    let flat = RawSource::Reshape(Box::new(slice.clone()), vec![4]);
    assert_eq!(one(flat, real(&[4])).unwrap(), Tensor::from_f32([4], vec![3.0, 4.0, 5.0, 6.0]));
    let row = RawSource::Item(Box::new(member("x")), 2);
    assert_eq!(one(row, real(&[2])).unwrap(), Tensor::from_f32([2], vec![5.0, 6.0]));
    assert_eq!(raw_shape(&slice, folder().path()).unwrap(), [2, 2]);
}

/// A pickle of ((x, y), (x, y), (x, y)) as the tutorials have it.
#[test]
fn pickles_are_taken_apart() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/golden/pickle");
    let pickle = |s, k| {
        let path = "py2_proto2.pkl.gz".to_owned();
        let read = RawSource::Read { reader: Reader::Pickle, path, span: span(30) };
        RawSource::Item(Box::new(RawSource::Item(Box::new(read), s)), k)
    };
    let (program, module) = reading(vec![(pickle(1, 0), real(&[3, 784])), (pickle(2, 1), int(&[2]))]);
    let ready = prepare(&program, &module, &folder).unwrap();
    let x = |r: usize, c: usize| ((37 * (784 * r + c) + 11) % 256) as f32 / 256.0;
    let rows: Vec<f32> = (0..3).flat_map(|r| (0..784).map(move |c| x(r, c))).collect();
    assert_eq!(ready.residents[0], Tensor::from_f32([3, 784], rows));
    assert_eq!(ready.residents[1], Tensor::from_i32([2], vec![2, 5]));
    assert_eq!(raw_shape(&pickle(0, 1), &folder).unwrap(), [5]);
    let (program, module) = reading(vec![(pickle(0, 0), real(&[6, 784]))]);
    let error = prepare(&program, &module, &folder).unwrap_err().remove(0);
    assert_eq!(error.notes, ["py2_proto2.pkl.gz, element [0][0], holds [5, 784]"]);
    let (program, module) = reading(vec![(pickle(3, 0), real(&[6, 784]))]);
    let error = prepare(&program, &module, &folder).unwrap_err().remove(0);
    assert_eq!(error.title, "py2_proto2.pkl.gz: has 3 elements, there is no [3]");
}

#[test]
fn data_of_another_shape_are_told_in_full() {
    let error = one(member("x"), real(&[60_000, 2])).unwrap_err();
    assert_eq!(error.code, codes::DATA_SHAPE);
    assert_eq!(error.title, "the data is not what the program declares");
    assert_eq!((error.labels[0].span, error.labels[0].text.as_str()), (span(20), "declared [60000, 2]"));
    assert_eq!(error.notes, ["data.npz, element .x, holds [3, 2]"]);
    assert_eq!(error.help.unwrap(), "x[3, 2], or x[_, 2] to take what is there");
    let error = one(member("x"), real(&[6])).unwrap_err();
    assert_eq!(error.help.unwrap(), "reshape(…, [6]), which has as many elements");
    let error = one(member("x"), int(&[3])).unwrap_err();
    assert!(error.help.unwrap().starts_with("argmax("));
}

#[test]
fn what_is_not_there_is_named() {
    let error = one(member("z"), real(&[3])).unwrap_err();
    assert_eq!(error.title, "data.npz: there is no `z`");
    assert_eq!(error.notes, ["there are x, y, h"]);
    let error = one(RawSource::Item(Box::new(member("x")), 3), real(&[2])).unwrap_err();
    assert!(error.title.starts_with("data.npz, element .x: "), "{error:?}");
    let error = one(read("other.npz"), real(&[2])).unwrap_err();
    assert_eq!((error.code, error.title.as_str()), (codes::DATA_FILE, "there is no file other.npz"));
    // Beside the program, in the folder above, and what is there.
    assert_eq!((error.notes.len(), error.labels[0].span), (3, span(30)));
    let error = one(read("data.npz"), real(&[2])).unwrap_err();
    assert_eq!(error.title, "data.npz is an archive, not an array");
}

#[test]
fn whole_numbers_are_whole() {
    let error = one(member("h"), int(&[2])).unwrap_err();
    assert_eq!(error.code, codes::DATA_VALUE);
    assert!(error.title.starts_with("1.5 at element 1 is not a whole number"), "{error:?}");
    assert_eq!(error.labels[0].span, span(20));
}

fn drawing(draws: Vec<Draw>, used: &[usize]) -> (Program, Module) {
    let mut values = Values::default();
    let mut setup = Setup { draws, ..Setup::default() };
    for at in used {
        let value = values.add(ValueOp::Drawn(*at), &[], setup.draws[*at].ty.clone());
        setup.residents.push(Resident { name: format!("r{at}").as_str().into(), value });
    }
    setup.body = values.body;
    let program = Program { setup, ..Program::default() };
    let module = lower(&program, Precision::F32);
    (program, module)
}

fn a_draw(stream: StreamSource, dist: Dist, ty: TensorType, path: &str) -> Draw {
    Draw { stream, dist, ty, path: path.to_owned(), span: span(40) }
}

/// Draws of one stream follow each other, used or not; streams do not disturb each other.
#[test]
fn numpy_streams_are_sequential() {
    let numpy = |index| StreamSource::Numpy { seed: 1234, index };
    let uniform = || Dist::Uniform(-1.0, 1.0);
    let (program, module) = drawing(
        vec![
            a_draw(numpy(0), uniform(), real(&[3]), "a"),
            a_draw(numpy(1), Dist::Normal(0.0, 2.0), real(&[2]), "b"),
            a_draw(numpy(0), Dist::Integers(0, 100), int(&[2]), "c"),
            a_draw(numpy(0), uniform(), real(&[2]), "d"),
            a_draw(numpy(0), Dist::Permutation(4), int(&[4]), "e"),
        ],
        &[1, 3, 4],
    );
    let ready = prepare(&program, &module, Path::new("")).unwrap();
    let mut first = RandomState::new(1234);
    for _ in 0..3 {
        first.uniform(-1.0, 1.0);
    }
    for _ in 0..2 {
        first.randint(0, 100).unwrap();
    }
    let d: Vec<f32> = (0..2).map(|_| first.uniform(-1.0, 1.0) as f32).collect();
    let e: Vec<i32> = first.permutation(4).into_iter().map(|v| v as i32).collect();
    let mut second = RandomState::new(1234);
    let b: Vec<f32> = (0..2).map(|_| second.normal(0.0, 2.0) as f32).collect();
    let expected = [Tensor::from_f32([2], b), Tensor::from_f32([2], d), Tensor::from_i32([4], e)];
    assert_eq!(ready.residents, expected);
}

fn philox(dist: Dist, ty: TensorType, path: &str, precision: Precision) -> Vec<f64> {
    let (program, _) = drawing(vec![a_draw(StreamSource::Philox { seed: 7 }, dist, ty, path)], &[0]);
    let module = lower(&program, precision);
    prepare(&program, &module, Path::new("")).unwrap().residents[0].as_f64s()
}

/// A number depends on its identity alone: not on the draw's size, nor on the precision.
#[test]
fn philox_numbers_depend_on_what_they_are() {
    let uniform = |n: usize, path: &str, p| philox(Dist::Uniform(0.0, 1.0), real(&[n]), path, p);
    let long = uniform(1003, "below.W", Precision::F32);
    assert_eq!(long[..10], uniform(10, "below.W", Precision::F32));
    assert_eq!(long, uniform(1003, "below.W", Precision::F64), "24 bits fit both types");
    assert_ne!(long[..10], uniform(10, "below.b", Precision::F32));
    assert!(long.iter().all(|u| (0.0..1.0).contains(u)));
    let word = philox4x32_10([1, 0, 0, 0], identity_key(7, "below.W"))[2];
    assert_eq!(f64::from(word >> 8) / 16_777_216.0, long[6], "word 2 of block 1 is element 6");
}

/// The draw that cannot be made is pointed at.
#[test]
fn a_draw_that_cannot_be_made_is_named() {
    let numpy = || StreamSource::Numpy { seed: 1, index: 0 };
    let good = a_draw(numpy(), Dist::Bernoulli(0.5), real(&[2]), "a");
    let bad = Draw { span: span(41), ..a_draw(numpy(), Dist::Bernoulli(1.5), real(&[2]), "b") };
    let (program, module) = drawing(vec![good, bad], &[0]);
    let problems = prepare(&program, &module, Path::new("")).unwrap_err();
    assert_eq!((problems[0].code, problems[0].labels[0].span), (codes::NUMBER, span(41)));
}

#[test]
fn philox_distributions_have_their_moments() {
    let n = 20_000;
    let moments = |dist, ty| {
        let values = philox(dist, ty, "m", Precision::F32);
        let mean = values.iter().sum::<f64>() / n as f64;
        let variance = values.iter().map(|v| (v - mean).powi(2)).sum::<f64>() / n as f64;
        (mean, variance, values)
    };
    let near = |a: f64, b: f64, by: f64| assert!((a - b).abs() < by, "{a} is not near {b}");
    let (mean, variance, _) = moments(Dist::Normal(3.0, 2.0), real(&[n]));
    near(mean, 3.0, 0.05);
    near(variance, 4.0, 0.15);
    let (mean, _, values) = moments(Dist::Bernoulli(0.3), real(&[n]));
    near(mean, 0.3, 0.02);
    assert!(values.iter().all(|v| *v == 0.0 || *v == 1.0));
    let (mean, variance, values) = moments(Dist::Binomial(10, 0.25), real(&[n]));
    near(mean, 2.5, 0.05);
    near(variance, 1.875, 0.1);
    assert!(values.iter().all(|v| (0.0..=10.0).contains(v)));
    let (mean, _, values) = moments(Dist::Integers(-2, 3), int(&[n]));
    near(mean, 0.0, 0.05);
    assert!(
        (-2..3).all(|k| values.contains(&f64::from(k))) && values.iter().all(|v| (-2.0..3.0).contains(v))
    );
    // Rounding must not reach the upper bound, though 2 - 2^-24 rounds to 2 in f32.
    let (_, _, values) = moments(Dist::Uniform(1.0, 2.0), real(&[n]));
    assert!(values.iter().all(|v| (1.0..2.0).contains(v)));
    let mut order = philox(Dist::Permutation(100), int(&[100]), "p", Precision::F32);
    assert_ne!(order[..5], [0.0, 1.0, 2.0, 3.0, 4.0]);
    order.sort_by(f64::total_cmp);
    assert!(order.iter().enumerate().all(|(i, v)| *v == i as f64));
}
