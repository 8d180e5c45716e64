//! Stacked autoencoders, Boltzmann machine and the demonstrations of the convolution chapter.

use super::Model;
use serde_json::Value;
use std::path::Path;

fn golden(file: &str) -> Value {
    let path = Path::new("tests/golden").join(file);
    serde_json::from_str(&std::fs::read_to_string(path).expect("a golden file")).expect("JSON")
}

/// All numbers of a nested list.
fn numbers(value: &Value) -> Vec<f64> {
    match value {
        Value::Array(items) => items.iter().flat_map(numbers).collect(),
        other => vec![other.as_f64().expect("a number")],
    }
}

/// The numbers under a key of the demonstrations, each rounded rightly from its digits, which
/// `serde_json` does not promise.
fn exact(key: &str) -> Vec<f64> {
    let text = std::fs::read_to_string("tests/golden/conv_demo.json").expect("a golden file");
    let (_, rest) = text.split_once(&format!("\"{key}\":")).expect("the key");
    let list = rest.split(['"', '}']).next().expect("a list");
    let digits = list.split(|c: char| c.is_whitespace() || "[],".contains(c)).filter(|d| !d.is_empty());
    digits.map(|d| d.parse().expect("a number")).collect()
}

#[track_caller]
fn close(found: &[f64], expected: &[f64], relative: f64) {
    assert!(found.len() >= expected.len(), "{} of {} numbers", found.len(), expected.len());
    for (at, (found, expected)) in found.iter().zip(expected).enumerate() {
        let apart = (found - expected).abs() / expected.abs().max(1e-300);
        assert!(apart <= relative, "number {at}: {found}, expected {expected}");
    }
}

/// One example an update: the cost of each of the first twenty.
#[test]
fn autoencoders_are_pretrained_example_by_example() {
    let all = golden("sda.json");
    let of = |name: &str| numbers(&all[name]["first_20_costs"]);
    let clean = || Model::of("sda.dl").set("corruption", "[0.0, 0.0, 0.0]");
    close(&clean().double().until("pretrain.cost", 20).reported("pretrain.cost"), &of("pre1_c0_f64"), 1e-9);
    close(&clean().until("pretrain.cost", 20).reported("pretrain.cost"), &of("pre1_c0_f64"), 5e-6);
    for (layer, name) in [(1, "pre2_c0_f64"), (2, "pre3_c0_f64")] {
        let schedule = format!(
            "  for x in batches(mnist.train.x, batch) {{ pretrain(daes[{layer}], hiddens[..{layer}], 0, x) }}"
        );
        let told = clean().double().with("", &schedule).until("pretrain.cost", 20);
        close(&told.reported("pretrain.cost"), &of(name), 1e-9);
    }
    // With corruption the noise is our own: the first costs lie around those without.
    let noisy = Model::of("sda.dl").until("pretrain.cost", 20).reported("pretrain.cost");
    close(&noisy[..20], &of("pre1_c0_f64"), 0.06);
}

#[test]
fn the_stack_is_fine_tuned_example_by_example() {
    let all = golden("sda.json");
    let expected = numbers(&all["fine_f64"]["first_20_costs"]);
    let tuned = || Model::of("sda.dl").set("pretrain_epochs", "0");
    let told = tuned().double().until("learn.cost", 20);
    close(&told.reported("learn.cost"), &expected, 1e-9);
    assert!(told.reported("pretrain.cost").is_empty());
    close(&tuned().until("learn.cost", 20).reported("learn.cost"), &expected, 5e-6);
}

/// All phases, on a stack of two small layers.
#[test]
fn a_small_stack_goes_through_all_its_phases() {
    let small = Model::of("sda.dl")
        .set("hidden", "[20, 10]")
        .set("corruption", "[0.1, 0.2]")
        .set("pretrain_epochs", "2")
        .set("epochs", "1")
        .set("batch", "10")
        .replace("patience: 10 * n", "patience: n");
    let told = small.run();
    assert_eq!(told.reported("pretrain.cost").len(), 2 * 2 * 100);
    assert_eq!(told.reported("learn.cost").len(), 100);
    assert!(told.printed[0].starts_with("pre-training layer 0, epoch 0, cost "), "{:?}", told.printed);
    assert!(told.printed.last().expect("lines").starts_with("best validation error "), "{:?}", told.printed);
}

/// What the initial weights of the Boltzmann machine give, without a draw.
#[test]
fn free_energies_and_pseudo_likelihoods_are_the_recorded_ones() {
    let all = golden("rbm.json");
    let expected = &all["deterministic"]["f64"];
    let bits = expected["pseudo_likelihood_bits"].as_array().expect("bits");
    let declarations = "step monitor(x[n, visible]) { report value = rbm.pseudo_likelihood(x) }\n\
        fn weights_of(x, v) = grad(rbm.contrast(x, v), rbm.W)\n\
        fn hidden_of(x, v) = grad(rbm.contrast(x, v), rbm.hbias)\n\
        fn visible_of(x, v) = grad(rbm.contrast(x, v), rbm.vbias)\n\
        fn rounded(x) = floor(x + 0.5)\n";
    let mut schedule = "  x = mnist.train.x[..20]\n  v = mnist.train.x[20..40]\n  print(\"{rbm.free_energy(x)}\")\n  \
        print(\"{rbm.contrast(x, rounded(v))}\")\n  print(\"{sum(weights_of(x, rounded(v)))} {sum(weights_of(x, rounded(v)) ^ 2)}\")\n  \
        print(\"{hidden_of(x, rounded(v))[..5]}\")\n  print(\"{visible_of(x, rounded(v))[200..210]}\")\n".to_owned();
    for bit in bits {
        schedule += &format!("  rbm.pixel <- {}\n  monitor(x)\n", bit["bit"]);
    }
    for (model, near, coarse) in
        [(Model::of("rbm.dl").double(), 1e-9, 1e-9), (Model::of("rbm.dl"), 5e-6, 1e-4)]
    {
        let told = model.with(declarations, &schedule).run();
        close(&told.numbers(0), &numbers(&expected["free_energy_first_20"]), near);
        close(&told.numbers(1), &numbers(&expected["cost_data0_19_minus_rounded20_39"]), near * 10.0);
        let sums =
            [&expected["grad_W_sum"], &expected["grad_W_sum_squares"]].map(|v| v.as_f64().expect("a number"));
        close(&told.numbers(2), &sums, near);
        close(&told.numbers(3), &numbers(&expected["grad_hbias_first_5"]), coarse * 10.0);
        close(&told.numbers(4), &numbers(&expected["grad_vbias_200_210"]), coarse);
        // Half of the light is not rare among the pixels: half to even, as `round` does it.
        let even: Vec<f64> = bits.iter().map(|b| b["half_to_even"].as_f64().expect("a number")).collect();
        close(&told.reported("monitor.value"), &even, coarse);
    }
}

/// The first monitored value needs no sample; then the pixel moves on, and chains are gone on with.
#[test]
fn a_boltzmann_machine_trains_and_samples() {
    let all = golden("rbm.json");
    let small = |model: Model| model.set("epochs", "1").set("samples", "3").set("between", "2");
    let told = small(Model::of("rbm.dl").set("k", "2")).run();
    let monitored = told.reported("learn.monitor");
    let first =
        all["deterministic"]["f64"]["pseudo_likelihood_bits"][0]["half_to_even"].as_f64().expect("a number");
    assert_eq!(monitored.len(), 50);
    close(&monitored[..1], &[first], 1e-4);
    let mean = monitored.iter().sum::<f64>() / 50.0;
    assert_eq!(told.printed[0], format!("epoch 0, cost {mean:.4}"));
    // The pixels of the edge, which come first, are nearly always black.
    assert!(mean > -60.0 && mean < 0.0, "{mean}");
    assert_eq!(told.printed[1..], ["sample 0", "sample 1", "sample 2"]);
    assert_eq!(told.picture("filters_at_epoch_0.png"), (289, 289));
    assert_eq!(told.picture("samples.png"), (20 * 29 - 1, 3 * 29 - 1));
}

/// `--set persistent=false --set k=1`: chains begin at the data, and reconstruction is monitored.
#[test]
fn contrastive_divergence_is_a_switch_away() {
    let all = golden("rbm.json");
    let told = Model::of("rbm.dl").set("persistent", "false").set("k", "1").until("learn.monitor", 10);
    let seeds = ["cd1_s1", "cd1_s2", "cd1_s3"].map(|name| numbers(&all[name]["first_10"]));
    for (at, found) in told.reported("learn.monitor")[..10].iter().enumerate() {
        let mean = seeds.iter().map(|s| s[at]).sum::<f64>() / 3.0;
        assert!((found - mean).abs() < 0.05 * mean.abs(), "minibatch {at}: {found}, others had {mean}");
    }
}

/// The chapter's tables, digit for digit, and its filters.
#[test]
fn convolution_is_demonstrated_as_in_the_chapter() {
    let told = Model::of("lenet_demos.dl").double().run();
    let pictures = exact("input_values");
    for (line, image, table, cells) in [(0, 0, "ignore_border_true", 4), (1, 1, "ignore_border_false", 9)] {
        let pooled = exact(table);
        // Of each picture the first of two channels.
        let shown = [&pictures[image * 50..][..25], &pooled[image * 2 * cells..][..cells]].concat();
        assert_eq!(told.numbers(line), shown, "{}", told.printed[line]);
    }
    assert_eq!(told.picture("original.png"), (240, 180));
    for filter in ["filter_0.png", "filter_1.png"] {
        assert_eq!(told.picture(filter), (232, 172));
        let picture = dlc::data::picture::read(&told.out.path().join(filter)).expect("it is there");
        let levels: std::collections::BTreeSet<u64> = picture.to_f64().iter().map(|v| *v as u64).collect();
        assert!(levels.len() > 30, "{filter} shows nothing");
    }
}

/// The demonstration's filters on a picture that is a formula.
#[test]
fn the_filters_of_the_demonstration_give_the_recorded_values() {
    let expected = &golden("conv_demo.json")["demo_layer_9x9"];
    let formula = "i = rearrange(indices(24), [h] -> [h, 1, 1])\nj = rearrange(indices(20), [w] -> [1, w, 1])\n\
        k = rearrange(indices(3), [c] -> [1, 1, c])\nimage = (7 * i + 13 * j + 29 * k) % 256 / 256\n";
    let schedule = "  found = edges(image)\n  print(\"{found[0, .., 0]}\")\n  print(\"{sum(found)}\")\n  \
        print(\"{edges.W[0, 0, 0, ..5]}\")\n  print(\"{edges.b}\")";
    let told = Model::of("lenet_demos.dl").double().with(formula, schedule).run();
    close(&told.numbers(0), &numbers(&expected["output_row_0"]), 1e-13);
    close(&told.numbers(1), &numbers(&expected["output_sum"]), 1e-13);
    assert_eq!(told.numbers(2), exact("W_first_5"));
    assert_eq!(told.numbers(3), exact("b"));
}
