//! Every shipped model, by its own schedule: on few generated examples, an epoch of each phase, at the extents
//! it has but for the number of examples.

use super::{Built, Finished, Precision, built_as, root, same_everywhere};
use crate::common::program::programs;

/// A shipped model and how it is made short.
struct Short {
    file: &'static str,
    /// Examples of the training split, and of each other one.
    examples: [usize; 2],
    set: &'static [(&'static str, &'static str)],
    /// What is changed in its text.
    changed: &'static [(&'static str, &'static str)],
    /// What is saved at the end, and into which file; where nothing is, its pictures and places must do.
    saved: &'static str,
    /// Which report counts its minibatches, and how many there are.
    minibatches: (&'static str, usize),
}

const PLAIN: Short =
    Short { file: "", examples: [60, 20], set: &[], changed: &[], saved: "", minibatches: ("learn.cost", 3) };

const RBM: Short = Short {
    file: "models/rbm.dl",
    changed: &[("10_000 - chains", "40 - chains")],
    saved: "rbm",
    minibatches: ("learn.monitor", 2),
    examples: [40, 40],
    ..PLAIN
};

const MODELS: [Short; 13] = [
    Short { file: "models/getting_started.dl", set: &[("batch", "20"), ("epochs", "1")], ..PLAIN },
    Short {
        file: "models/lenet.dl",
        set: &[("batch", "5"), ("epochs", "1")],
        examples: [10, 5],
        saved: "lenet",
        minibatches: ("learn.cost", 2),
        ..PLAIN
    },
    Short {
        file: "models/lenet.dl",
        set: &[("batch", "5"), ("epochs", "1"), ("ties", "\"all\"")],
        examples: [5, 5],
        saved: "lenet",
        minibatches: ("learn.cost", 1),
        ..PLAIN
    },
    Short { file: "models/lenet_demos.dl", minibatches: ("learn.cost", 0), ..PLAIN },
    Short {
        file: "models/da.dl",
        set: &[("epochs", "1")],
        changed: &[(
            "      write_png",
            "      save(trial.dae, \"saved_{100 * level:.0}.npz\")\n      write_png",
        )],
        minibatches: ("learn.cost", 2 * 3),
        ..PLAIN
    },
    Short {
        file: "models/sda.dl",
        set: &[("pretrain_epochs", "1"), ("epochs", "1")],
        examples: [3, 2],
        saved: "sda",
        ..PLAIN
    },
    Short { set: &[("epochs", "1"), ("k", "3"), ("samples", "1"), ("between", "3")], ..RBM },
    Short {
        set: &[("persistent", "false"), ("epochs", "1"), ("k", "2"), ("samples", "1"), ("between", "3")],
        ..RBM
    },
    Short {
        file: "models/more/adam_mlp.dl",
        set: &[("batch", "20"), ("epochs", "1")],
        saved: "mlp",
        ..PLAIN
    },
    Short {
        file: "models/more/dbn.dl",
        set: &[("pretrain_epochs", "1"), ("epochs", "1")],
        examples: [10, 10],
        saved: "dbn",
        minibatches: ("learn.cost", 1),
        ..PLAIN
    },
    Short { file: "models/more/hmc.dl", set: &[("moves", "20")], minibatches: ("move.square", 20), ..PLAIN },
    Short {
        file: "models/more/predict.dl",
        set: &[("rows", "1")],
        changed: &[("  load(mlp, weights)\n", "")],
        minibatches: ("learn.cost", 0),
        ..PLAIN
    },
    Short {
        file: "models/more/rnn.dl",
        set: &[("epochs", "1")],
        saved: "rnn",
        minibatches: ("learn.cost", 50),
        ..PLAIN
    },
];

/// On real data, and in both precisions, these two are held by the tests of the module above.
const ELSEWHERE: [&str; 2] = ["models/logistic_regression.dl", "models/mlp.dl"];

impl Short {
    fn built(&self) -> Built {
        let mut text = std::fs::read_to_string(root().join(self.file)).expect("the model");
        for (from, to) in self.changed {
            assert!(text.contains(from), "{}: no {from}", self.file);
            text = text.replace(from, to);
        }
        if let Some((before, after)) = text.split_once("use std.data: mnist\n") {
            let uses = after.find("\n\n").expect("declarations follow") + 1;
            text = format!("{before}{}{}{}", &after[..uses], self.data(), &after[uses..]);
        }
        if !self.saved.is_empty() {
            let end = text.trim_end().strip_suffix('}').expect("the schedule comes last");
            text = format!("{end}  save({}, \"saved.npz\")\n}}\n", self.saved);
        }
        built_as(self.file, &text, Precision::F32, self.set)
    }

    /// Examples with a number in each pixel, as many different sums as there are.
    fn data(&self) -> String {
        let split = |name: &str, count: usize| {
            format!(
                "  data {name} {{\n    x[{count}, 784] ~ uniform(0, 1) from pixels\n    \
                 y[{count}]: int ~ integers(10) from pixels\n  }}\n"
            )
        };
        let [train, other] = self.examples;
        let splits = [split("train", train), split("valid", other), split("test", other)].concat();
        format!("stream pixels = 11\n\ndata mnist {{\n{splits}}}\n")
    }

    fn check(&self) {
        let (report, count) = self.minibatches;
        same_everywhere(self.file, &self.built(), |run: &Finished| {
            let name = |told: &&String| told.rsplit(' ').nth(1).is_some_and(|name| name.ends_with(report));
            assert_eq!(run.told.iter().filter(name).count(), count, "{}: {:?}", self.file, run.told);
            assert!(self.saved.is_empty() || run.files.iter().any(|(file, _)| file == "saved.npz"));
        });
    }
}

#[test]
fn every_model_has_the_same_bits_everywhere() {
    let only = std::env::var("DLC_FILE").ok();
    let models = programs().into_iter().filter(|file| file.starts_with("models/"));
    for file in models.filter(|file| only.as_ref().is_none_or(|only| file.contains(only))) {
        let forms: Vec<&Short> = MODELS.iter().filter(|model| model.file == file).collect();
        assert!(!forms.is_empty() || ELSEWHERE.contains(&file.as_str()), "{file} has no test");
        for model in forms {
            let began = std::time::Instant::now();
            model.check();
            println!("{file}: {:.1} s", began.elapsed().as_secs_f64());
        }
    }
}
