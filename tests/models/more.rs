//! The models beyond the chapters: each trains, in the small, as its first comment says.

use super::Model;
use dlc::ir::{DType, Tensor};
use dlc::runtime::{Arg, Device, Entry, Interpreter, prepare};

fn mean(values: &[f64]) -> f64 {
    values.iter().sum::<f64>() / values.len() as f64
}

#[test]
fn a_belief_network_is_pretrained_and_tuned() {
    let told = Model::of("more/dbn.dl")
        .set("hidden", "[60, 30]")
        .set("pretrain_epochs", "3")
        .set("pretrain_lr", "0.1")
        .set("epochs", "3")
        .run();
    let monitor = told.reported("pretrain.monitor");
    assert_eq!(monitor.len(), 2 * 3 * 100);
    for layer in [&monitor[..300], &monitor[300..]] {
        let (first, last) = (mean(&layer[..100]), mean(&layer[200..]));
        assert!(last < 0.9 * first, "{first}, then {last}");
    }
    let cost = told.reported("learn.cost");
    assert!(
        mean(&cost[200..]) < 0.8 * mean(&cost[..100]),
        "{} then {}",
        mean(&cost[..100]),
        mean(&cost[200..])
    );
}

#[test]
fn a_perceptron_of_today_trains() {
    let told =
        Model::of("more/adam_mlp.dl").set("hidden", "[64, 64]").set("epochs", "4").set("batch", "20").run();
    let cost = told.reported("learn.cost");
    assert_eq!(cost.len(), 200);
    assert!(
        mean(&cost[150..]) < 0.7 * mean(&cost[..50]),
        "{} then {}",
        mean(&cost[..50]),
        mean(&cost[150..])
    );
    let valid = told.reported("valid");
    assert!(valid.last().is_some_and(|v| *v < 0.25), "{valid:?}");
}

#[test]
fn hybrid_monte_carlo_finds_the_variance() {
    let told = Model::of("more/hmc.dl").set("moves", "600").run();
    let variance = told.numbers(0)[0];
    assert!((variance - 1.0).abs() < 0.05, "{:?}", told.printed);
}

#[test]
fn the_recurrent_network_learns_its_language() {
    let told = Model::of("more/rnn.dl").set("epochs", "7").run();
    let (first, last) = (told.numbers(0), told.numbers(6));
    assert!((first[1] - 3f64.ln()).abs() < 0.01, "{:?}", told.printed);
    assert!(last[1] < 0.02 && last[2] == 0.0, "{:?}", told.printed);
    let drawn = std::fs::read_to_string(told.out.path().join("curves.svg")).expect("the curves are drawn");
    assert_eq!(drawn.matches("<polyline").count(), 2);
}

/// Through the scan and the vectors of the words, param by param.
#[test]
fn the_recurrent_gradient_is_that_of_central_differences() {
    let params = ["vectors.table", "Wx", "Wh", "Wy", "bh", "by"];
    let reports: String = params
        .map(|p| {
            let name = p.replace('.', "_");
            format!("  report d_{name} = grad(cost, rnn.{p})\n")
        })
        .concat();
    let updates = params.map(|p| format!("  rnn.{p} <- rnn.{p} + 0\n")).concat();
    let probe = format!(
        "step probe(w[n, time]: int, t[n, time]: int) {{\n  cost = nll(rnn(w), t)\n  report cost\n{reports}{updates}}}"
    );
    let schedule = "  for w, t in batches(sentences.train, 4) { probe(w, t) }";
    let model = Model::of("more/rnn.dl").double().with(&probe, schedule);
    let (program, compiled) = model.compiled();
    let module = compiled.module;
    let ready = prepare(&program, &module, &model.folder()).expect("the setup succeeds");
    let mut device = Interpreter::new(&module, ready);
    let resident =
        |name: &str| module.residents.iter().position(|r| r.name.ends_with(name)).expect("it is there");
    let args = ["words", "tags"].map(|n| Arg::Batch {
        resident: resident(&format!("train.{n}")),
        start: 0,
        size: 4,
    });
    let entry = Entry { step: 0, first: 0, count: 1, run: 0, args: args.to_vec() };
    let call = |device: &mut Interpreter<'_>| {
        let ran = device.run(std::slice::from_ref(&entry));
        ran.reports.into_iter().next().expect("the call is carried out")
    };
    let given = call(&mut device);
    for (at, param) in params.iter().enumerate() {
        let place = program.places.iter().position(|p| *p.name == *format!("rnn.{param}")).expect("a place");
        let (value, gradient) = (device.read(place), given[at + 1].as_f64s());
        let all = value.as_f64s();
        for element in (0..all.len()).step_by(all.len().div_ceil(12)) {
            let mut moved = |by: f64| {
                let mut values = all.clone();
                values[element] += by;
                device.write(place, &Tensor::from_f64s(DType::F64, value.ty.shape.clone(), &values));
                call(&mut device)[0].item_f64()
            };
            let slope = (moved(1e-5) - moved(-1e-5)) / 2e-5;
            let apart = (slope - gradient[element]).abs();
            assert!(
                apart < 1e-8 + 1e-6 * slope.abs(),
                "{param}[{element}]: {} and {slope}",
                gradient[element]
            );
        }
        device.write(place, &value);
    }
}

/// What `mlp.dl` saves is what `predict.dl` loads.
#[test]
fn predictions_are_those_of_the_weights_that_were_saved() {
    let trained = Model::of("mlp.dl").set("hidden", "30").set("epochs", "5").set("lr", "0.1").run();
    assert!(trained.out.path().join("mlp.npz").exists());
    let predict = Model::of("more/predict.dl").set("mlp.hidden", "30");
    let told = predict.in_folder(trained.out, "", usize::MAX);
    let (answers, digits, table) = (told.numbers(0), told.numbers(1), told.numbers(2));
    assert_eq!((answers.len(), digits.len(), table.len()), (20, 20, 100));
    assert_eq!(digits[..10], [7.0, 2.0, 1.0, 0.0, 4.0, 1.0, 4.0, 9.0, 5.0, 9.0]);
    let right: f64 = (0..10).map(|i| table[i * 11]).sum();
    assert_eq!(table.iter().sum::<f64>(), 10_000.0);
    assert!(right > 7_000.0, "{:?}", told.printed);
    assert_eq!(table[70..80].iter().sum::<f64>(), 1_028.0, "sevens among the test images");
    assert_eq!(told.picture("wrong.png"), (289, 289));
    let wrong = dlc::data::picture::read(&told.out.path().join("wrong.png")).expect("it is there");
    assert!(wrong.to_f64().iter().any(|v| *v > 200.0));
}
