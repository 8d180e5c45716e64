//! Values that go bad, texts that nest, files that cannot be written.

use crate::lab::{Lab, says};

#[test]
fn c109_a_logarithm_of_zero_at_the_fortieth_update() {
    let said = Lab::new().refused(
        "data train { x[25] = [if i == 15 then 1 else 2 for i in 0..25] }
param w = 0.5
step learn(x[n]) {
  cost = mean(w * log(x - 1))
  w <- w - 0.1 * grad(cost, w)
  report cost
}
run { for epoch in 0..3 { for x in batches(train, 1) { learn(x); if epoch == 0 { learn([2]) } } } }
",
    );
    // The first epoch does not get to it twice.
    says(&said, &["DL0801", "report cost of learn is infinite", "case.dl:4:19", "log(x - 1)"]);
    says(&said, &["log gives -inf at element [0] of [1], going forward", "is 0 there"]);
    says(&said, &["step learn, epoch 0, iteration 30", "minibatch 15: examples 15..16 of train.x", "seed 0"]);
}

#[test]
fn c109_the_call_is_counted_through_the_epochs() {
    let said = Lab::new().refused(
        "data train { x[25] = zeros([25]) + 2 }
param w = 0.5
state t: int = 0
step learn(x[n]) {
  cost = mean(w * log(x - where(t == 40, 2, 1)))
  w <- w - 0.1 * grad(cost, w)
  t <- t + 1
  report cost
}
run { phase \"training\" { for epoch in 0..3 { for x in batches(train, 1) { learn(x) } } } }
",
    );
    says(&said, &["case.dl:5:19", "going forward", "phase \"training\", epoch 1, iteration 40"]);
    says(&said, &["minibatch 15: examples 15..16 of train.x"]);
}

#[test]
fn c109_a_root_that_is_bad_only_in_the_gradient() {
    let said = Lab::new().refused(
        "param w[3] = [1, 0, 4]
step learn() {
  cost = sum(sqrt(w))
  w <- w - 0.1 * grad(cost, w)
  report cost
}
run { for epoch in 0..3 { learn() } }
",
    );
    says(&said, &["DL0801", "the new value of w", "case.dl:3:14", "in the gradient", "element [1] of [3]"]);
    says(&said, &["is 0 there", "epoch 0, iteration 0"]);
}

#[test]
fn c109_a_rate_that_is_far_too_large() {
    let said = Lab::new().single().refused(
        "param w = 3
step learn() {
  cost = w ^ 4
  w <- w - 1e6 * grad(cost, w)
  report cost
}
run { for epoch in 0..100 { learn() } }
",
    );
    // 3, then about -1e8, then about 5e30, whose fourth power is out of range.
    says(&said, &["report cost of learn is infinite", "case.dl:3:10", "going forward", "w is 5.0"]);
    says(&said, &["epoch 2, iteration 2"]);
}

#[test]
fn c109_zero_by_zero_between_other_operations() {
    let said = Lab::new().refused(
        "state a[2, 3] = [[1, 2, 3], [0, 5, 6]]
state b[2, 3] = [[1, 2, 3], [0, 5, 6]]
param w = 1
step learn() {
  cost = mean(exp(-(w * a / b)) + 1)
  w <- w - grad(cost, w)
  report cost
}
run { learn() }
",
    );
    says(&said, &["report cost of learn is not a number", "w * a / b", "element [1, 0] of [2, 3]"]);
    says(&said, &["a division gives nan", "going forward", "b[1, 0] is 0"]);
}

#[test]
fn c109_data_that_are_bad_already() {
    let lab = Lab::new().file("x.npy", crate::lab::reals("(4,)", &[0.5, 0.4, f64::NAN, 0.3]));
    let said = lab.refused(
        "data train { x[4] = npy(\"x.npy\") }
param w = 0.5
step learn(x[n]) {
  cost = mean(w * x)
  w <- w - 0.1 * grad(cost, w)
  report cost
}
run { for epoch in 0..3 { for x in batches(train, 1) { learn(x) } } }
",
    );
    says(
        &said,
        &["the data train.x holds nan at [2]", "clean the data", "minibatch 2: examples 2..3 of train.x"],
    );
}

/// Each form at three depths: accepted, or refused with the place; never a crash, never slow.
#[test]
fn c115_deep_nesting() {
    let repeat = |open: &str, inner: &str, close: &str, n: usize| {
        format!("{}{inner}{}", open.repeat(n), close.repeat(n))
    };
    let mut lab = Lab::new();
    let mut names = Vec::new();
    for n in [200, 300, 6_000, 100_000] {
        // A text of megabytes takes an unoptimised build its time.
        let choices = n.min(20_000);
        let forms = [
            ("parentheses", format!("run {{ print({}) }}\n", repeat("(", "1", ")", n))),
            ("unclosed", format!("run {{ print({}\n", "(".repeat(n))),
            ("lists", format!("x = {}\nrun {{ print(1) }}\n", repeat("[", "1", "]", n))),
            ("blocks", format!("run {{ {} }}\n", repeat("if true { ", "print(1)", " }", n))),
            ("minus", format!("run {{ print({}1) }}\n", "-".repeat(n))),
            ("not", format!("run {{ print({}true) }}\n", "not ".repeat(n))),
            ("calls", format!("fn f(x) = x\nrun {{ print({}) }}\n", repeat("f(", "1", ")", n))),
            ("powers", format!("run {{ print(1{}) }}\n", " ^ 1".repeat(n))),
            ("choices", format!("run {{ print({}1) }}\n", "if true then 1 else ".repeat(choices))),
        ];
        for (form, text) in forms {
            let name = format!("{form}_{n}.dl");
            lab = lab.file(&name, text);
            names.push((name, form, n));
        }
    }
    for (name, form, n) in names {
        let began = std::time::Instant::now();
        let output = lab.dlc(&["run", &name]);
        assert!(began.elapsed().as_secs() < 15, "{name} took {:?}", began.elapsed());
        let said = String::from_utf8_lossy(&output.stderr);
        match output.status.code() {
            Some(0) => assert!(n <= 300 && form != "unclosed", "{name} was accepted"),
            Some(1) if form == "unclosed" => {}
            // Lists have a limit of their own, which is lower.
            Some(1) if form == "lists" && said.contains("lists nest at most") => {}
            Some(1) => {
                assert!(said.contains("DL0102") && said.contains("nested more than"), "{name}: {said}");
                assert!(said.contains(&format!("{name}:")), "{said}");
                assert!(n > 200, "{name} was refused: {said}");
            }
            other => panic!("{name} ended with {other:?}: {said}"),
        }
    }
}

const SAVING: &str = "hyper turns = 5
param w[2_000] = 0.5
step learn() { w <- w + 1 }
run {
  for i in 0..turns {
    learn()
    save([w], \"out/w.npz\")
    print(\"saved {i}\")
  }
}
";

const LOADING: &str = "param w[2_000] = 0
step sum_up() { report total = mean(w) }
run { load([w], \"out/w.npz\"); print(\"{sum_up().total}\") }
";

#[test]
fn c117_a_folder_where_the_file_should_be() {
    let lab = Lab::new().file("save.dl", SAVING);
    std::fs::create_dir_all(lab.path("out/w.npz")).expect("a folder can be made");
    let output = lab.dlc(&["run", "save.dl", "--out", "."]);
    assert_eq!(output.status.code(), Some(1));
    let said = String::from_utf8_lossy(&output.stderr);
    says(&said, &["DL0706", "out/w.npz", "directory", "save.dl:7:5", "bytes were to be written"]);
    assert!(lab.path("out/w.npz").is_dir());
    let entries = std::fs::read_dir(lab.path("out")).expect("the folder can be read").count();
    assert_eq!(entries, 1, "no other file is left");
}

#[cfg(target_os = "linux")]
#[test]
fn c117_a_full_device_under_the_log() {
    let lab = Lab::new().file("save.dl", SAVING);
    let output = lab.dlc(&["run", "save.dl", "--out", ".", "--log", "/dev/full"]);
    assert_eq!(output.status.code(), Some(1));
    let said = String::from_utf8_lossy(&output.stderr);
    says(&said, &["DL0706", "/dev/full", "No space left"]);
    assert_eq!(String::from_utf8_lossy(&output.stdout).lines().count(), 5, "the run goes on");
    assert!(lab.path("out/w.npz").is_file());
}

#[test]
fn c117_a_file_where_the_folder_should_be() {
    let lab = Lab::new().file("save.dl", SAVING).file("out", "a file in the way");
    let output = lab.dlc(&["run", "save.dl", "--out", "."]);
    assert_eq!(output.status.code(), Some(1));
    says(&String::from_utf8_lossy(&output.stderr), &["DL0706", "out"]);
    let of_the_run = ["checkpoint", "command.txt", "log.jsonl", "program"];
    let names: Vec<String> = lab.names().into_iter().filter(|n| !of_the_run.contains(&n.as_str())).collect();
    assert_eq!(names, ["out", "save.dl"]);
    assert_eq!(std::fs::read_to_string(lab.path("out")).expect("it is there"), "a file in the way");
}

/// The folder is taken away between two saves: it is made anew, or the run ends and says so.
#[cfg(unix)]
#[test]
fn c117_a_folder_that_vanishes_during_the_run() {
    let text = SAVING.replace("turns = 5", "turns = 1_000_000");
    let lab = Lab::new().file("save.dl", text).file("load.dl", LOADING);
    let mut command = std::process::Command::new(env!("CARGO_BIN_EXE_dlc"));
    command.args(["run", "save.dl", "--quiet", "--out", "."]).current_dir(lab.path(""));
    let mut child = command.stderr(std::process::Stdio::piped()).spawn().expect("the command runs");
    let appears = || {
        let there = |_: &u32| {
            std::thread::sleep(std::time::Duration::from_millis(10));
            lab.path("out/w.npz").exists()
        };
        (0..3000).any(|turn| there(&turn))
    };
    assert!(appears());
    std::fs::rename(lab.path("out"), lab.path("gone")).expect("the folder can be moved");
    let anew = appears() && child.try_wait().expect("it can be asked").is_none();
    let _ = child.kill();
    let output = child.wait_with_output().expect("it ends");
    if anew {
        assert!(lab.dlc(&["run", "load.dl", "--out", "."]).status.success());
    } else {
        assert_eq!(output.status.code(), Some(1));
        says(&String::from_utf8_lossy(&output.stderr), &["DL0706", "out/w.npz"]);
    }
}

/// A small disk fills up during a save: the file saved before stays whole, and nothing else is left.
#[cfg(target_os = "linux")]
#[test]
fn c117_a_disk_that_fills_up() {
    let lab = Lab::new()
        .file("save.dl", SAVING.replace("2_000", "60_000"))
        .file("load.dl", LOADING.replace("2_000", "60_000"));
    std::fs::create_dir(lab.path("out")).expect("a folder can be made");
    // Room for two such files and no third; the first save leaves one, a hog takes the rest.
    let script = format!(
        "mount -t tmpfs -o size=700k none out || exit 77
         head -c 200000 /dev/zero > out/hog
         {dlc} run save.dl --out . --set turns=1 && head -c 100000 /dev/zero >> out/hog || exit 78
         {dlc} run save.dl --out . --set turns=3; echo status $?
         {dlc} run load.dl --out .; ls out",
        dlc = env!("CARGO_BIN_EXE_dlc")
    );
    let mut command = std::process::Command::new("unshare");
    let output = command.args(["-rm", "sh", "-c", &script]).current_dir(lab.path("")).output();
    let Ok(output) = output else { return };
    if !matches!(output.status.code(), Some(0 | 78)) {
        eprintln!("no file system can be mounted here: {}", String::from_utf8_lossy(&output.stderr));
        return;
    }
    let told = String::from_utf8_lossy(&output.stdout);
    assert_eq!(told, "saved 0\nstatus 1\n1.5\nhog\nw.npz\n", "{}", String::from_utf8_lossy(&output.stderr));
    says(&String::from_utf8_lossy(&output.stderr), &["DL0706", "out/w.npz", "No space left"]);
}

/// Killed in the middle of it, over and over: under the final name there is always a whole file.
#[cfg(unix)]
#[test]
fn c117_killed_while_saving() {
    let text = SAVING.replace("turns = 5", "turns = 1_000_000").replace("learn()\n    save", "save");
    let lab = Lab::new().file("save.dl", text).file("load.dl", LOADING);
    let mut loaded = 0;
    for attempt in 0..25 {
        let mut command = std::process::Command::new(env!("CARGO_BIN_EXE_dlc"));
        command.args(["run", "save.dl", "--quiet", "--out", "."]).current_dir(lab.path(""));
        let mut child = command.spawn().expect("the command runs");
        std::thread::sleep(std::time::Duration::from_micros(60_000 + 7_919 * attempt));
        child.kill().expect("it is still saving");
        child.wait().expect("it has ended");
        if lab.path("out/w.npz").exists() {
            let output = lab.dlc(&["run", "load.dl", "--out", "."]);
            assert_eq!(
                String::from_utf8_lossy(&output.stdout),
                "0.5\n",
                "{}",
                String::from_utf8_lossy(&output.stderr)
            );
            loaded += 1;
        }
    }
    assert!(loaded > 5, "only {loaded} runs came as far as saving");
}
