//! Whole runs of the shipped models against figures from outside: independent implementations of
//! the chapters in NumPy, JAX and Theano (`tests/golden/README.md` says how and how closely they
//! agree). The tolerances are those stated there.

use serde_json::Value;
use std::path::{Path, PathBuf};
use std::process::Command;

/// A finished run: its log, an event an element.
struct Run {
    events: Vec<Value>,
    printed: String,
}

impl Run {
    /// Runs a model with `--log` and `--out` in a folder of its own; on one thread, as the tests are many.
    fn of(model: &str, arguments: &[&str]) -> Run {
        let folder = tempfile::tempdir().expect("a folder");
        let log = folder.path().join("log.jsonl");
        let output = Command::new(env!("CARGO_BIN_EXE_dlc"))
            .arg("run")
            .arg(root().join("models").join(model))
            .args(arguments)
            .args(["--threads", "1"])
            .arg("--log")
            .arg(&log)
            .arg("--out")
            .arg(folder.path())
            .output()
            .expect("dlc starts");
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
        let text = std::fs::read_to_string(&log).expect("a log");
        Run {
            events: text.lines().map(|l| serde_json::from_str(l).expect("a JSON line")).collect(),
            printed: String::from_utf8_lossy(&output.stdout).into_owned(),
        }
    }

    /// The reports of a name, with their epoch and iteration.
    fn reports(&self, name: &str) -> Vec<(u64, u64, f64)> {
        let named = self.events.iter().filter(|e| e["event"] == "report" && e["name"] == name);
        let row = |e: &Value| Some((e["epoch"].as_u64()?, e["iteration"].as_u64()?, e["value"].as_f64()?));
        named.map(|e| row(e).expect("a report's fields")).collect()
    }
}

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).to_path_buf()
}

fn golden(file: &str) -> Value {
    let path = root().join("tests/golden").join(file);
    serde_json::from_str(&std::fs::read_to_string(path).expect("a golden file")).expect("JSON")
}

fn numbers(value: &Value) -> Vec<f64> {
    value.as_array().expect("a list").iter().map(|v| v.as_f64().expect("a number")).collect()
}

fn close(found: f64, expected: f64, relative: f64, what: &str) {
    assert!((found - expected).abs() <= relative * expected.abs(), "{what}: {found}, expected {expected}");
}

/// The chapter's run to its early stop, epoch by epoch.
fn logistic_regression(precision: &str, cost: f64, wrong_images: f64) {
    let run = Run::of("logistic_regression.dl", &["--precision", precision]);
    let all = golden("logreg.json");
    let expected = &all[format!("{precision}_scale256")];
    let exact = &all["f64_scale256"];
    let costs = run.reports("learn.cost");
    let (valid, test) = (run.reports("valid"), run.reports("test"));
    // The stop comes in epoch 74, after the update of iteration 6140.
    assert_eq!(costs.last().map(|c| c.1), expected["last_iteration_index"].as_u64());
    assert_eq!(costs.len(), 6141);
    for (i, first) in numbers(&exact["first_10_minibatch_costs"]).into_iter().enumerate() {
        close(costs[i].2, first, if precision == "f64" { 1e-9 } else { 5e-6 }, "one of the first costs");
    }
    let epochs = expected["epochs"].as_array().expect("epochs");
    assert_eq!(valid.len(), 73);
    let mut best = Vec::new();
    for (e, epoch) in epochs.iter().take(73).enumerate() {
        let here: Vec<f64> = costs.iter().filter(|c| c.0 == e as u64).map(|c| c.2).collect();
        let mean = here.iter().sum::<f64>() / here.len() as f64;
        close(
            mean,
            epoch["mean_cost"].as_f64().expect("a cost"),
            cost,
            &format!("mean cost of epoch {}", e + 1),
        );
        let wrong = epoch["valid_wrong"].as_f64().expect("a count");
        let found = valid[e].2 * 9600.0;
        assert!(
            (found - wrong).abs() <= wrong_images + 1e-6,
            "epoch {}: {found} wrong, expected {wrong}",
            e + 1
        );
        if epoch["new_best"] == true {
            best.push((e, epoch["test_wrong"].as_f64().expect("a count")));
        }
    }
    if precision == "f64" {
        // Whether a tie in wrong images is a new best hangs on the last bit of the mean.
        let bits = |e: usize| epochs[e]["valid_mean_of_rates_hex"].as_str().expect("hex").to_owned();
        assert_eq!(bits(71), "0x1.33a06d3a06d39p-4");
        assert_eq!(valid[71].2.to_bits(), 0x3fb3_3a06_d3a0_6d39);
        let found: Vec<(usize, f64)> = test.iter().map(|t| (t.0 as usize, (t.2 * 9600.0).round())).collect();
        assert_eq!(found, best);
    }
    let last = "best validation error 7.500000% at iteration 6059, test error 7.489583%";
    assert!(run.printed.lines().any(|l| l == last), "{}", run.printed);
}

#[test]
fn logistic_regression_ends_as_published_in_f32() {
    logistic_regression("f32", 1e-5, 3.0);
}

#[test]
fn logistic_regression_ends_as_published_in_f64() {
    logistic_regression("f64", 1e-9, 0.0);
}

/// The chapter's perceptron: its first costs, and epoch by epoch mean cost and wrong images.
fn perceptron(precision: &str, epochs: usize, first: f64, mean: f64, images: f64) {
    let run = Run::of("mlp.dl", &["--precision", precision, "--set", &format!("epochs={epochs}")]);
    let all = golden("mlp.json");
    let costs: Vec<f64> = run.reports("learn.cost").iter().map(|c| c.2).collect();
    assert_eq!(costs.len(), 2500 * epochs);
    for (i, cost) in numbers(&all["f64"]["first_50_minibatch_costs"]).into_iter().enumerate() {
        close(costs[i], cost, first, &format!("cost {i}"));
    }
    let (valid, test) = (run.reports("valid"), run.reports("test"));
    for e in 0..epochs {
        let epoch = &all[precision]["epochs"][e];
        let figure = |name: &str| epoch[name].as_f64().expect("a figure");
        let here = costs[2500 * e..2500 * (e + 1)].iter().sum::<f64>() / 2500.0;
        close(here, figure("mean_cost"), mean, &format!("mean cost of epoch {}", e + 1));
        close(valid[e].2 * 10_000.0, figure("valid_wrong"), images / figure("valid_wrong"), "wrong images");
        // Scored only where validation is better than before, as it is in each of these epochs.
        close(test[e].2 * 10_000.0, figure("test_wrong"), images / figure("test_wrong"), "wrong test images");
    }
}

#[test]
fn perceptron_follows_the_published_trajectory_in_f32() {
    perceptron("f32", 6, 5e-6, 1e-5, 3.0 + 1e-6);
}

#[test]
fn perceptron_follows_the_published_trajectory_in_f64() {
    perceptron("f64", 3, 1e-9, 1e-9, 1e-6);
}

/// LeNet's first costs and its first epoch.
#[test]
fn lenet_follows_the_published_trajectory() {
    let all = golden("lenet.json");
    let run = Run::of("lenet.dl", &["--set", "epochs=1"]);
    let costs: Vec<f64> = run.reports("learn.cost").iter().map(|c| c.2).collect();
    assert_eq!(costs.len(), 100);
    for (i, cost) in numbers(&all["f64_first_tie"]["first_10_minibatch_costs"]).into_iter().enumerate() {
        close(costs[i], cost, 5e-6, &format!("cost {i}"));
    }
    let epoch = &all["f32_first_tie"]["epochs"][0];
    let figure = |name: &str| epoch[name].as_f64().expect("a figure");
    close(costs.iter().sum::<f64>() / 100.0, figure("mean_cost"), 1e-5, "mean cost");
    for (split, name) in [("valid", "valid_wrong"), ("test", "test_wrong")] {
        let wrong = run.reports(split)[0].2 * 10_000.0;
        assert!((wrong - figure(name)).abs() <= 3.0 + 1e-6, "{split}: {wrong} wrong");
    }
}

/// The same model written out in one file gives the same numbers as with the library.
#[test]
fn getting_started_equals_logistic_regression() {
    let written = Run::of("getting_started.dl", &["--set", "epochs=2"]);
    let library = Run::of("logistic_regression.dl", &["--set", "epochs=2"]);
    let (a, b) = (written.reports("learn.cost"), library.reports("learn.cost"));
    assert_eq!(a.len(), 166);
    for (x, y) in a.iter().zip(&b) {
        close(x.2, y.2, 5e-6, "a cost");
    }
    assert!(
        written.printed.contains("the first ten digits [7, 2, 1, 0, 4, 1, 4, 9, 5, 9]"),
        "{}",
        written.printed
    );
}

/// The chapter's autoencoder, some epochs without corruption and with.
#[test]
fn autoencoder_follows_the_recorded_trajectory() {
    let run = Run::of("da.dl", &["--set", "epochs=2"]);
    let all = golden("da.json");
    let mean = |costs: &[f64]| costs.iter().sum::<f64>() / costs.len() as f64;
    let costs: Vec<f64> = run.reports("trials[0].learn.cost").iter().map(|c| c.2).collect();
    assert_eq!(costs.len(), 2 * 2500);
    for (i, first) in numbers(&all["f64_c0"]["first_50_minibatch_costs"]).into_iter().enumerate() {
        close(costs[i], first, 5e-6, &format!("cost {i}"));
    }
    let corrupted: Vec<f64> = run.reports("trials[1].learn.cost").iter().map(|c| c.2).collect();
    let exact = numbers(&all["f64_c0"]["epoch_mean_costs"]);
    // Noise of our own: the mean over five seeds, and a band of three deviations or at least 0.2.
    let band = numbers(&all["corruption_0.3_over_seeds"]["epoch_mean_cost_mean"]);
    for e in 0..2 {
        let epoch = 2500 * e..2500 * (e + 1);
        close(mean(&costs[epoch.clone()]), exact[e], 1e-5, "mean cost without corruption");
        let found = mean(&corrupted[epoch]);
        assert!((found - band[e]).abs() <= 0.2, "{found} with corruption, not {}", band[e]);
    }
}
