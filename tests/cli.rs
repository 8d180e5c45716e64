//! The command: what scripts may rest on, its exit statuses, what it writes where.

use serde_json::Value;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};

const SMALL: &str = "\
# Fits a line.

hyper lr    = 0.1    # learning rate
hyper turns = 4      # how often

param w[1] = 0

step learn(x[n, 1], y[n]) {
  cost = mean((x @ w - y) ^ 2)
  w <- w - lr * grad(cost, w)
  report cost
}

run {
  for turn in 0..turns {
    cost = learn(ones([3, 1]), ones([3]) * 2).cost
    print(\"turn {turn}, cost {cost:.3}\")
  }
}
";

fn folder_with(files: &[(&str, &str)]) -> tempfile::TempDir {
    let folder = tempfile::tempdir().expect("a folder can be made");
    for (name, text) in files {
        std::fs::write(folder.path().join(name), text).expect("a file can be written");
    }
    folder
}

fn dlc_in(folder: &Path, arguments: &[&str]) -> Output {
    let mut command = Command::new(env!("CARGO_BIN_EXE_dlc"));
    command.args(arguments).current_dir(folder).env("LC_ALL", "C.UTF-8");
    command.output().expect("the command runs")
}

fn dlc(arguments: &[&str]) -> Output {
    dlc_in(Path::new(env!("CARGO_MANIFEST_DIR")), arguments)
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8(bytes.to_vec()).expect("the output is UTF-8")
}

/// Standard output of a command that ends well.
fn good(output: &Output) -> String {
    assert_eq!(output.status.code(), Some(0), "{}", text(&output.stderr));
    text(&output.stdout)
}

#[test]
fn run_prints_logs_and_ends_well() {
    let folder = folder_with(&[("line.dl", SMALL)]);
    let output = dlc_in(folder.path(), &["run", "line.dl", "--log", "log.jsonl", "--set", "turns=2"]);
    assert_eq!(good(&output), "turn 0, cost 4.000\nturn 1, cost 2.560\n");
    let log = std::fs::read_to_string(folder.path().join("log.jsonl")).expect("there is a log");
    let events: Vec<Value> = log.lines().map(|l| serde_json::from_str(l).expect("a line is JSON")).collect();
    let kinds: Vec<&str> = events.iter().map(|e| e["event"].as_str().expect("each has a kind")).collect();
    assert_eq!(kinds, ["report", "print", "report", "print", "end"]);
    assert_eq!(events[0]["value"].as_f64(), Some(4.0));
    assert!(events[4]["seconds"].is_number() && events[4]["compile_seconds"].is_number());
}

#[test]
fn quiet_prints_nothing_and_timings_go_to_the_error_stream() {
    let folder = folder_with(&[("line.dl", SMALL)]);
    let output = dlc_in(folder.path(), &["run", "line.dl", "--quiet", "--timings"]);
    assert_eq!(good(&output), "");
    let said = text(&output.stderr);
    for stage in ["read and check", "lower", "differentiate", "read data and draw", "run"] {
        assert!(said.contains(stage), "{stage} is missing in:\n{said}");
    }
    for pass in dlc::passes::BEFORE_GRADIENT.iter().chain(dlc::passes::AFTER_GRADIENT) {
        assert!(said.contains(pass.name), "{} is missing in:\n{said}", pass.name);
    }
    for stage in ["fuse", "plan", "schedule"] {
        assert!(said.contains(stage), "{stage} is missing in:\n{said}");
    }
}

#[test]
fn every_spelling_of_run_is_taken() {
    let folder = folder_with(&[("line.dl", SMALL)]);
    let arguments = "run line.dl --set lr=0.05 --set turns=1 --seed 7 --threads 2 --precision f64 \
                     --isa portable --out results --log l --timings --quiet";
    good(&dlc_in(folder.path(), &arguments.split_whitespace().collect::<Vec<_>>()));
}

/// More threads than a system can start are refused before any is; many more than there are cores work.
#[test]
fn no_number_of_threads_is_a_panic() {
    let folder = folder_with(&[("line.dl", SMALL)]);
    for many in ["1025", "200000", "18446744073709551615", "99999999999999999999"] {
        let output = dlc_in(folder.path(), &["run", "line.dl", "--threads", many]);
        let said = text(&output.stderr);
        assert_eq!(output.status.code(), Some(2), "{said}");
        assert!(said.contains(&format!("invalid value '{many}' for '--threads <N>'")), "{said}");
        assert!(many.len() > 6 || said.contains("at most 1024 threads"), "{said}");
    }
    assert!(!folder.path().join("runs").exists(), "a refused run leaves nothing behind");
    good(&dlc_in(folder.path(), &["run", "line.dl", "--threads", "40"]));
}

#[test]
fn help_lists_the_hyper_parameters_of_the_file() {
    let folder = folder_with(&[("line.dl", SMALL)]);
    let said = good(&dlc_in(folder.path(), &["run", "line.dl", "--help"]));
    assert!(said.contains("--set <NAME=EXPR>"), "{said}");
    assert!(said.contains("line.dl: Fits a line."), "{said}");
    assert!(said.contains("  lr     0.1  learning rate\n  turns  4    how often\n"), "{said}");
    assert!(good(&dlc(&["run", "--help"])).contains("Usage"));
}

#[test]
fn exit_statuses_tell_wrong_programs_from_wrong_usage() {
    let folder = folder_with(&[("wrong.dl", "x = y\n")]);
    let status = |arguments: &[&str]| dlc_in(folder.path(), arguments).status.code();
    for arguments in [["run", "wrong.dl"], ["check", "wrong.dl"], ["ir", "wrong.dl"], ["run", "missing.dl"]] {
        assert_eq!(status(&arguments), Some(1), "{arguments:?}");
    }
    assert_eq!(status(&["run", "wrong.dl", "--help"]), Some(1));
    assert_eq!(status(&["kernels", "wrong.dl"]), Some(1));
    let refused: [&[&str]; 9] = [
        &[],
        &["run"],
        &["run", "wrong.dl", "--sett", "a=1"],
        &["run", "wrong.dl", "--set", "a"],
        &["run", "wrong.dl", "--threads", "0"],
        &["run", "wrong.dl", "--isa", "mmx"],
        &["run", "wrong.dl", "--precision", "f16"],
        &["ir", "wrong.dl", "--after", "no such pass"],
        &["std", "no_such_module"],
    ];
    for arguments in refused {
        assert_eq!(status(arguments), Some(2), "{arguments:?}");
    }
    let both = ["run", "wrong.dl", "--out", "a", "--resume", "b"];
    assert_eq!(status(&both), Some(2));
    assert_eq!(status(&["--version"]), Some(0));
    assert_eq!(status(&["--help"]), Some(0));
}

#[test]
fn messages_are_json_if_asked_for() {
    let folder = folder_with(&[("wrong.dl", "\u{feff}größe = 1\r\n\tx = größe + gröse\r\n")]);
    let output = dlc_in(folder.path(), &["check", "wrong.dl", "--message-format", "json"]);
    assert_eq!(output.status.code(), Some(1));
    for line in text(&output.stdout).lines() {
        let message: Value = serde_json::from_str(line).expect("a line is JSON");
        assert_eq!(message["severity"], "error");
        assert!(message["code"].as_str().expect("there is a code").starts_with("DL"));
        assert!(message["labels"][0]["line"].as_u64() >= Some(1));
    }
    let folder = folder_with(&[("line.dl", SMALL)]);
    let said = good(&dlc_in(folder.path(), &["check", "line.dl", "--message-format", "json"]));
    let program: Value = serde_json::from_str(&said).expect("the answer is JSON");
    assert_eq!(program["params"][0]["name"], "w");
    let steps = program["steps"].as_array().expect("there are steps");
    let learn = steps.iter().find(|s| s["name"] == "learn").expect("the step is listed");
    assert!(learn["declared"] == true && learn["flops"].as_u64() > Some(0), "{learn}");
}

#[test]
fn check_lists_params_steps_and_data() {
    let said = good(&dlc(&["check", "models/mlp.dl"]));
    for part in ["below.W", "392_000", "397_510", "learn x[20, 784]", "FLOPs", "mnist.train.x"] {
        assert!(said.contains(part), "{part} is missing in:\n{said}");
    }
}

#[test]
fn ir_is_shown_at_every_stage() {
    let folder = folder_with(&[("line.dl", SMALL)]);
    let ir =
        |more: &[&str]| good(&dlc_in(folder.path(), &[&["ir", "line.dl", "--step", "learn"], more].concat()));
    assert!(ir(&["--stage", "lowered"]).contains("grad"));
    for (more, has) in [
        (vec![], "update w"),
        (vec!["--stage", "optimised"], "update w"),
        (vec!["--stage", "gradient"], "update w"),
        (vec!["--after", "stabilise"], "update w"),
        (vec!["--after", "share", "--stage", "gradient"], "grad"),
    ] {
        assert!(ir(&more).contains(has), "{more:?}:\n{}", ir(&more));
    }
    assert!(good(&dlc_in(folder.path(), &["ir", "line.dl", "--step", "setup"])).contains("graph setup"));
}

#[test]
fn kernels_are_shown_with_their_reasons() {
    let said = good(&dlc(&["kernels", "models/mlp.dl", "--step", "learn"]));
    let parts = [
        "step learn",
        "kernels",
        "barriers a call",
        "FLOPs",
        "bytes read",
        "bytes written",
        "arena, bytes",
        "each thread owns a run of blocks",
        "one thread does it alone",
        "not fused with cluster",
        "fused multiply-adds, lanes over outputs",
        "models/mlp.dl:29: for p in params(mlp) { p <- p - lr * grad(cost, p) }",
    ];
    for part in parts {
        assert!(said.contains(part), "{part} is missing in:\n{said}");
    }
    assert_eq!(said.matches("\nkernel ").count(), said.matches(" bytes read, ").count());
    // Every step without --step, and none of another name.
    let all = good(&dlc(&["kernels", "models/mlp.dl"]));
    assert!(all.contains(&said) && all.len() > said.len());
    let none = dlc(&["kernels", "models/mlp.dl", "--step", "lern"]);
    assert_eq!(none.status.code(), Some(2));
    assert!(text(&none.stderr).contains("learn"), "{}", text(&none.stderr));
}

#[cfg(target_arch = "x86_64")]
#[test]
fn instructions_stand_beside_the_lines_they_come_from() {
    let folder = folder_with(&[("line.dl", SMALL)]);
    for isa in ["auto", "portable"] {
        let said =
            good(&dlc_in(folder.path(), &["kernels", "line.dl", "--step", "learn", "--asm", "--isa", isa]));
        assert!(said.contains("  ; line.dl:9"), "{said}");
        assert!(said.lines().any(|l| l.ends_with("  ret")), "{said}");
    }
}

/// Code DL0807: an instruction set that the machine does not have is refused before anything is done.
#[test]
fn a_missing_instruction_set_is_refused() {
    use dlc::cpu::Isa;
    let folder = folder_with(&[("line.dl", SMALL)]);
    for isa in Isa::ALL {
        let output = dlc_in(folder.path(), &["run", "line.dl", "--isa", isa.name()]);
        if isa.available() {
            good(&output);
            continue;
        }
        assert_eq!(output.status.code(), Some(1));
        let said = text(&output.stderr);
        assert!(said.contains("DL0807") && said.contains(&format!("no {}", isa.name())), "{said}");
        assert_eq!(text(&output.stdout), "");
        let output = dlc_in(folder.path(), &["kernels", "line.dl", "--asm", "--isa", isa.name()]);
        assert_eq!(output.status.code(), Some(1));
        assert!(text(&output.stderr).contains("DL0807"));
    }
}

#[test]
fn fmt_lays_out_and_checks() {
    let folder = folder_with(&[("ugly.dl", "x=1\nrun{print(\"{x}\")}\n"), ("wrong.dl", "run { f( }\n")]);
    let check = dlc_in(folder.path(), &["fmt", "--check", "ugly.dl"]);
    assert_eq!((check.status.code(), text(&check.stdout)), (Some(1), "ugly.dl\n".to_owned()));
    good(&dlc_in(folder.path(), &["fmt", "ugly.dl"]));
    good(&dlc_in(folder.path(), &["fmt", "--check", "ugly.dl"]));
    assert_eq!(dlc_in(folder.path(), &["fmt", "wrong.dl"]).status.code(), Some(1));
    assert_eq!(std::fs::read_to_string(folder.path().join("wrong.dl")).ok().as_deref(), Some("run { f( }\n"));
}

#[test]
fn the_library_is_listed_and_printed() {
    let modules = good(&dlc(&["std"]));
    assert!(modules.contains("std.layers"), "{modules}");
    let layers = good(&dlc(&["std", "layers"]));
    assert!(layers.contains("layer Dense") && layers == good(&dlc(&["std", "std.layers"])));
}

#[test]
fn no_escape_sequences_where_no_terminal_listens() {
    let output = dlc(&["check", "tests/errors/syntax.dl"]);
    assert!(!output.stderr.contains(&0x1b), "{}", text(&output.stderr));
    let mut ascii = Command::new(env!("CARGO_BIN_EXE_dlc"));
    let output =
        ascii.args(["check", "tests/errors/syntax.dl"]).env("LC_ALL", "C").output().expect("it runs");
    assert!(output.stderr.is_ascii(), "{}", text(&output.stderr));
}

/// Case C001: a mark before the text, CR LF and tabs change nothing.
#[test]
fn c001_byte_order_mark_and_crlf() {
    let crlf = format!("\u{feff}{}", SMALL.replace('\n', "\r\n").replace("  ", "\t"));
    let folder = folder_with(&[("lf.dl", SMALL), ("crlf.dl", &crlf)]);
    let [lf, crlf] = ["lf.dl", "crlf.dl"].map(|f| good(&dlc_in(folder.path(), &["run", f])));
    assert_eq!(lf, crlf);
    let wrong = SMALL.replace("grad(cost, w)", "grad(cost, ww)");
    let both = [wrong.clone(), wrong.replace('\n', "\r\n")];
    let folder = folder_with(&[("a.dl", &both[0]), ("b.dl", &both[1])]);
    let [a, b] = ["a.dl", "b.dl"].map(|f| text(&dlc_in(folder.path(), &["check", f]).stderr));
    assert_eq!(a.replace("a.dl", "b.dl"), b);
    assert!(a.contains("a.dl:10:28"), "{a}");
}

/// Code DL0803, status 130: the first Ctrl-C ends the run after the queued calls.
#[cfg(unix)]
#[test]
fn an_interrupted_run_says_so() {
    let long = SMALL.replace("turns = 4 ", "turns = 1_000_000_000");
    let folder = folder_with(&[("line.dl", &long)]);
    let log: PathBuf = folder.path().join("log");
    let mut command = Command::new(env!("CARGO_BIN_EXE_dlc"));
    command.args(["run", "line.dl", "--quiet", "--log", "log"]).current_dir(folder.path());
    let child = command.stderr(std::process::Stdio::piped()).spawn().expect("the command runs");
    // The log is made when the schedule begins; by then signals are watched.
    let began = std::time::Instant::now();
    while !log.exists() && began.elapsed().as_secs() < 60 {
        std::thread::sleep(std::time::Duration::from_millis(20));
    }
    let pid = child.id().to_string();
    let sent = Command::new("kill").args(["-INT", &pid]).status().expect("kill runs");
    assert!(sent.success());
    let output = child.wait_with_output().expect("the command ends");
    assert_eq!(output.status.code(), Some(130));
    let said = text(&output.stderr);
    assert!(said.contains("DL0803"), "{said}");
    let run = the_run(folder.path());
    let command = format!("dlc run line.dl --seed 0 --precision f32 --resume {}", run.display());
    assert!(said.contains(&command), "{said}");
    assert!(folder.path().join(run).join("checkpoint").exists());
}

/// The only run's folder, as seen from here.
fn the_run(folder: &Path) -> PathBuf {
    let mut runs = std::fs::read_dir(folder.join("runs")).expect("there are runs");
    let run = runs.next().expect("there is one").expect("it can be read").path();
    assert!(runs.next().is_none(), "there is only one");
    run.strip_prefix(folder).expect("it lies there").to_owned()
}

#[test]
fn a_run_has_a_folder_with_all_that_repeats_it() {
    let line =
        format!("use parts.square: squared\n{}", SMALL.replace("(x @ w - y) ^ 2", "squared(x @ w - y)"));
    let folder = folder_with(&[("line.dl", &line)]);
    let module = "fn squared(x[n]) = x ^ 2\n";
    std::fs::create_dir(folder.path().join("parts")).expect("a folder can be made");
    std::fs::write(folder.path().join("parts/square.dl"), module).expect("a file can be written");
    let ran = dlc_in(folder.path(), &["run", "line.dl", "--set", "lr=0.1 * 2", "--seed", "3"]);
    let run = folder.path().join(the_run(folder.path()));
    let name = run.file_name().expect("a name").to_string_lossy().into_owned();
    assert!(
        text(&ran.stderr).contains(&format!("files go to runs/{name}")) && name.starts_with("line-"),
        "{name}"
    );
    let read = |name: &str| std::fs::read_to_string(run.join(name)).expect("it can be read");
    assert_eq!((read("program/line.dl"), read("program/parts/square.dl")), (line, module.to_owned()));
    let command = read("command.txt");
    assert_eq!(command.lines().nth(1), Some("dlc run line.dl --set 'lr=0.1 * 2' --seed 3 --precision f32"));
    assert_eq!(read("log.jsonl").lines().count(), 9);
    assert!(!run.join("checkpoint").exists());
    // What goes wrong before the run leaves no folder; two runs within a second have two.
    dlc_in(folder.path(), &["run", "line.dl", "--set", "lr=true"]);
    good(&dlc_in(folder.path(), &["run", "line.dl", "--quiet"]));
    good(&dlc_in(folder.path(), &["run", "line.dl", "--out", "results"]));
    assert_eq!(std::fs::read_dir(folder.path().join("runs")).expect("there are runs").count(), 2);
    assert!(folder.path().join("results/command.txt").exists());
}

/// What was printed, with a run that is put down and taken up by the command alone.
#[cfg(unix)]
#[test]
fn an_interrupted_run_goes_on() {
    let long = SMALL
        .replace("turns = 4 ", "turns = 300")
        .replace("print(", "write_png(\"p.png\", zeros([60, 60]))\n    print(");
    let folder = folder_with(&[("line.dl", &long)]);
    let straight = good(&dlc_in(folder.path(), &["run", "line.dl", "--out", "straight"]));
    let mut command = Command::new(env!("CARGO_BIN_EXE_dlc"));
    command.args(["run", "line.dl", "--out", "r", "--checkpoint-every", "0"]).current_dir(folder.path());
    let child = command.stdout(std::process::Stdio::piped()).spawn().expect("the command runs");
    let began = std::time::Instant::now();
    while !folder.path().join("r/checkpoint").exists() && began.elapsed().as_secs() < 60 {
        std::thread::sleep(std::time::Duration::from_millis(1));
    }
    let pid = child.id().to_string();
    assert!(Command::new("kill").args(["-INT", &pid]).status().expect("kill runs").success());
    let first = child.wait_with_output().expect("the command ends");
    assert_eq!(first.status.code(), Some(130), "the run is long enough to be interrupted");
    let anew = dlc_in(folder.path(), &["run", "line.dl", "--out", "r"]);
    assert!(text(&anew.stderr).contains("DL0706"), "{}", text(&anew.stderr));
    let refused = dlc_in(folder.path(), &["run", "line.dl", "--resume", "r", "--seed", "4"]);
    assert_eq!(refused.status.code(), Some(1));
    assert!(text(&refused.stderr).contains("DL0805"), "{}", text(&refused.stderr));
    let second = good(&dlc_in(
        folder.path(),
        &["run", "line.dl", "--resume", "r", "--threads", "2", "--isa", "portable"],
    ));
    assert_eq!(text(&first.stdout) + &second, straight);
    let again = dlc_in(folder.path(), &["run", "line.dl", "--resume", "r"]);
    assert!(text(&again.stderr).contains("DL0806"), "{}", text(&again.stderr));
}
