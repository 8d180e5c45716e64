//! The memory of whole runs: what the system says a run held, beside what was planned.
//!
//! The shipped programs run on data of the size of theirs, made here, until they have trained for a moment. While
//! data are read and laid out no more than 1.5 times their bytes may be held; while a program trains, what was
//! planned within a tenth.

#![cfg(target_os = "linux")]

use std::io::{BufRead, BufReader, Read};
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::Duration;

/// Bytes of the images and digits that the programs train on, as they lie in memory.
const DATA: f64 = 70_000.0 * (784.0 + 1.0) * 4.0;

/// In the place of the standard library's module, which knows its files by their sums.
const DIGITS: &str = r#"data mnist {
  images = idx("images")
  digits = idx("digits")
  rows   = reshape(images, [70_000, 784]) / 256

  data train { x[50_000, 784] = rows[..50_000]; y[50_000]: int = digits[..50_000] }
  data valid { x[10_000, 784] = rows[50_000..60_000]; y[10_000]: int = digits[50_000..60_000] }
  data test  { x[10_000, 784] = rows[60_000..]; y[10_000]: int = digits[60_000..] }
}
"#;

/// The same from a pickle, of fewer examples.
const PICKLED: &str = r#"data mnist {
  splits = pickle("splits")

  data train { x[24_000, 784] = splits[0]; y[24_000]: int = splits[1] }
  data valid { x[3_000, 784] = splits[2]; y[3_000]: int = splits[3] }
  data test  { x[3_000, 784] = splits[4]; y[3_000]: int = splits[5] }
}
"#;

/// The same from wide numbers, of fewer still.
const WIDE: &str = r#"data mnist {
  images = npy("images.npy")
  digits = npy("digits.npy")

  data train { x[16_000, 784] = images[..16_000]; y[16_000]: int = digits[..16_000] }
  data valid { x[2_000, 784] = images[16_000..18_000]; y[2_000]: int = digits[16_000..18_000] }
  data test  { x[2_000, 784] = images[18_000..]; y[2_000]: int = digits[18_000..] }
}
"#;

/// A row of the table that `--timings` prints.
#[derive(Debug)]
struct Row {
    planned: f64,
    held: f64,
}

/// The shipped programs in a folder with the module that reads the data.
fn folder(digits: &str) -> tempfile::TempDir {
    let folder = tempfile::tempdir().expect("a folder can be made");
    let models = Path::new(env!("CARGO_MANIFEST_DIR")).join("models");
    for file in std::fs::read_dir(models).expect("there are models") {
        let path = file.expect("the folder can be read").path();
        if path.extension().is_some_and(|ending| ending == "dl") {
            let text = std::fs::read_to_string(&path).expect("a program can be read");
            let text = text.replace("use std.data: mnist\n", "use digits: mnist\n");
            let name = path.file_name().expect("a file has a name");
            std::fs::write(folder.path().join(name), text).expect("a file can be written");
        }
    }
    std::fs::write(folder.path().join("digits.dl"), digits).expect("a file can be written");
    folder
}

/// Numbers that look like pictures as far as memory goes.
fn pixels(count: usize) -> Vec<u8> {
    (0..count).map(|at| (at * 37 % 251) as u8).collect()
}

fn idx(shape: &[u32], bytes: &[u8]) -> Vec<u8> {
    let extents = shape.iter().flat_map(|extent| extent.to_be_bytes());
    [0, 0, 8, shape.len() as u8].into_iter().chain(extents).chain(bytes.iter().copied()).collect()
}

/// A tuple of arrays, each of so many rows of its width, of 32-bit numbers of a kind.
fn pickle(arrays: &[(u16, u16, &str)]) -> Vec<u8> {
    let mut out = b"\x80\x05(".to_vec();
    for (rows, width, kind) in arrays {
        let count = usize::from(*rows) * usize::from(*width);
        let number = |at: usize| match *kind {
            "f4" => (at as f32 / 256.0 % 1.0).to_le_bytes(),
            _ => ((at % 10) as i32).to_le_bytes(),
        };
        out.extend(b"cnumpy.core.numeric\n_frombuffer\n(\x96");
        out.extend((count as u64 * 4).to_le_bytes());
        out.extend((0..count).flat_map(number));
        out.extend([b"cnumpy\ndtype\n(\x8c\x02", kind.as_bytes(), b"tR(M"].concat());
        out.extend(rows.to_le_bytes());
        if *width > 1 {
            out.extend([b'M']);
            out.extend(width.to_le_bytes());
        }
        out.extend(b"t\x8c\x01CtR");
    }
    out.extend(b"t.");
    out
}

/// An `.npy` file of a type and shape.
fn npy(descr: &str, shape: &str, bytes: &[u8]) -> Vec<u8> {
    let header = format!("{{'descr': '{descr}', 'fortran_order': False, 'shape': ({shape}), }}\n");
    [b"\x93NUMPY\x01\x00", (header.len() as u16).to_le_bytes().as_slice(), header.as_bytes(), bytes].concat()
}

/// Runs a program for a while after its data are read. What was held until then, and since.
fn run(folder: &Path, program: &str, settings: &[&str]) -> (Row, Row) {
    let mut command = Command::new(env!("CARGO_BIN_EXE_dlc"));
    command.current_dir(folder).args(["run", program, "--timings", "--threads", "2", "--out"]);
    command.arg(format!("{program}.run"));
    for setting in settings {
        command.args(["--set", setting]);
    }
    let mut child = command.stdout(Stdio::null()).stderr(Stdio::piped()).spawn().expect("the command runs");
    let mut lines = BufReader::new(child.stderr.take().expect("there is one"));
    let mut said = String::new();
    while lines.read_line(&mut said).expect("it says text") > 0 && !said.contains("files go to") {}
    // It has read its data and begins.
    std::thread::sleep(Duration::from_millis(1500));
    // A run that has come to its end by itself is as good.
    let _ = Command::new("kill").args(["-INT", &child.id().to_string()]).stderr(Stdio::null()).status();
    lines.read_to_string(&mut said).expect("it says text");
    child.wait().expect("it ends");
    let row = |stage: &str| {
        let line = said.lines().find_map(|line| line.trim().strip_prefix(stage));
        let line = line.unwrap_or_else(|| panic!("{program} does not say `{stage}`:\n{said}"));
        let numbers: Vec<f64> = line.split("MB").filter_map(|part| part.trim().parse().ok()).collect();
        Row { planned: numbers[0], held: numbers[1] }
    };
    (row("until training"), row("training"))
}

/// What a run held against what it may.
fn check(folder: &Path, program: &str, settings: &[&str]) {
    let (reading, training) = run(folder, program, settings);
    println!("{program}: reading {reading:.1?}, training {training:.1?}");
    assert!(reading.held <= reading.planned, "{program} reads: {reading:?}");
    let ratio = training.held / training.planned;
    assert!((0.9..=1.1).contains(&ratio), "{program} trains: {training:?}");
}

#[test]
fn a_run_holds_what_it_was_planned_to_hold() {
    let folder = folder(DIGITS);
    let images = idx(&[70_000, 28, 28], &pixels(70_000 * 784));
    std::fs::write(folder.path().join("images"), images).expect("a file can be written");
    let digits: Vec<u8> = (0..70_000).map(|at| (at % 10) as u8).collect();
    std::fs::write(folder.path().join("digits"), idx(&[70_000], &digits)).expect("a file can be written");
    let (reading, _) = run(folder.path(), "logistic_regression.dl", &["epochs=1"]);
    assert!((reading.planned * 1e6 / DATA - 1.5).abs() < 0.01, "{reading:?}");
    check(folder.path(), "logistic_regression.dl", &[]);
    check(folder.path(), "mlp.dl", &[]);
    check(folder.path(), "lenet.dl", &[]);
    check(folder.path(), "sda.dl", &["pretrain_epochs=0"]);
    check(folder.path(), "rbm.dl", &[]);
}

#[test]
fn the_arrays_of_a_pickle_are_in_memory_once() {
    let folder = folder(PICKLED);
    let splits: Vec<(u16, u16, &str)> =
        [24_000, 3_000, 3_000].iter().flat_map(|rows| [(*rows, 784, "f4"), (*rows, 1, "i4")]).collect();
    std::fs::write(folder.path().join("splits"), pickle(&splits)).expect("a file can be written");
    check(folder.path(), "logistic_regression.dl", &[]);
}

#[test]
fn wide_numbers_are_rounded_as_they_are_read() {
    let folder = folder(WIDE);
    let images: Vec<u8> =
        pixels(20_000 * 784).iter().flat_map(|v| (f64::from(*v) / 256.0).to_le_bytes()).collect();
    let digits: Vec<u8> = (0..20_000).map(|at| (at % 10) as u8).collect();
    let write = |name, bytes| std::fs::write(folder.path().join(name), bytes).expect("a file can be written");
    write("images.npy", npy("<f8", "20000, 784", &images));
    write("digits.npy", npy("|u1", "20000,", &digits));
    check(folder.path(), "logistic_regression.dl", &[]);
}
