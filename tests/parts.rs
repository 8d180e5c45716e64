//! Programs of `tests/parts` that are run: what each prints is in the text beside it.
//!
//! They are about changes of a part of a place, minibatches in another order or with a smaller last
//! one, and pictures. `DLC_BLESS=1 cargo test --test parts` writes the texts anew; a person compares
//! them with what the comments of the programs say.

use dlc::check::{Files, Settings};
use dlc::diag::{Diagnostic, Problems, render::render_plain};
use dlc::program::{Precision, RawSource};
use dlc::random::{identity_key, named_seed, philox4x32_10, uniform01};
use dlc::source::SourceMap;
use dlc::train::{Cut, Event, Options, Sink, run};
use std::path::Path;

const FOLDER: &str = "tests/parts";

/// Keeps what is printed.
#[derive(Default)]
struct Printed(String);

impl Sink for Printed {
    fn event(&mut self, event: &Event<'_>) {
        if let Event::Print(text) = event {
            self.0 += text;
            self.0.push('\n');
        }
    }
}

struct Beside;

impl Files for Beside {
    fn shape(&self, source: &RawSource) -> Result<Vec<usize>, Diagnostic> {
        dlc::runtime::raw_shape(source, Path::new(FOLDER))
    }
}

/// Runs a text as a program of the folder; gives what it prints.
fn printed(text: &str, precision: Precision, cut: Cut, out: &Path) -> Result<String, String> {
    let path = Path::new(FOLDER).join("program.dl");
    let mut sources = SourceMap::default();
    let source = sources.add(path.display().to_string(), Some(path.clone()), text);
    let settings = Settings { precision, ..Settings::default() };
    let told = |problems: Problems, sources: &SourceMap| render_plain(&problems, sources);
    let (program, _) = dlc::check::check(&path, &source, &settings, &mut sources, &Beside)
        .map_err(|problems| told(problems, &sources))?;
    let compiled = dlc::compile(&program, precision, &mut |_, _, _| {}).map_err(|p| told(p, &sources))?;
    let options = Options { folder: FOLDER.into(), out: Some(out.to_owned()), cut, ..Options::default() };
    let mut sink = Printed::default();
    run(&program, &compiled.module, &options, &mut sink).map_err(|p| told(p, &sources))?;
    Ok(sink.0)
}

#[test]
fn programs_print_what_they_should() {
    let bless = std::env::var_os("DLC_BLESS").is_some();
    let mut paths: Vec<_> = std::fs::read_dir(FOLDER)
        .expect("the folder is there")
        .map(|e| e.expect("the folder can be read").path())
        .filter(|p| p.extension().is_some_and(|e| e == "dl"))
        .collect();
    paths.sort();
    let mut wrong = Vec::new();
    for path in paths {
        let text = std::fs::read_to_string(&path).expect("the program can be read");
        let out = tempfile::tempdir().expect("a folder can be made");
        let drawn = printed(&text, Precision::F32, Cut::Work, out.path())
            .unwrap_or_else(|problems| panic!("{} is refused:\n{problems}", path.display()));
        for (precision, cut) in [(Precision::F64, Cut::Never), (Precision::F32, Cut::Random(7))] {
            let again = printed(&text, precision, cut, out.path());
            assert_eq!(again.as_ref(), Ok(&drawn), "{} with {precision:?}, {cut:?}", path.display());
        }
        let expected = path.with_extension("txt");
        if bless {
            std::fs::write(&expected, &drawn).expect("the text can be written");
        } else if std::fs::read_to_string(&expected).ok().as_ref() != Some(&drawn) {
            wrong.push(format!("{} prints:\n\n{drawn}", path.display()));
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

/// The numbers of a draw of the schedule are those of its identity and of how often it was made.
#[test]
fn draws_of_a_schedule_have_an_identity_and_a_count() {
    let text = r#"
stream s = 7
five = indices(5)

schedule train(n) {
  for turn in 0..n {
    order ~ permutation(6) from s
    print("{order}")
  }
}

run {
  a ~ uniform(0, 1)
  z[3] ~ uniform(2, 4) from s
  print("{a}")
  print("{z}")
  train(2)
  for bs in batches(five, 2, rest: "keep") {
    k ~ integers(100) from s
    print("{k}")
  }
  train(1)
}
"#;
    let folder = tempfile::tempdir().expect("a folder can be made");
    let drawn = printed(text, Precision::F32, Cut::Work, folder.path()).expect("the program is right");
    let words = |seed: u64, path: &str, run: u32, n: usize| -> Vec<u32> {
        let key = identity_key(seed, path);
        (0..2).flat_map(|block| philox4x32_10([block, 0, 0, run], key)).take(n).collect()
    };
    let list = |values: Vec<String>| format!("[{}]", values.join(", "));
    let order = |path: &str, run: u32| {
        let words = words(7, path, run, 6);
        let mut order: Vec<usize> = (0..6).collect();
        order.sort_by_key(|i| words[*i]);
        list(order.iter().map(usize::to_string).collect())
    };
    let below = |run| ((u64::from(words(7, "run/k", run, 1)[0]) * 100) >> 32).to_string();
    let z = words(7, "run/z", 0, 3).into_iter().map(|w| (2.0 + 2.0 * uniform01(w)).to_string());
    let expected = [
        f64::from(uniform01(words(named_seed("main", 0), "run/a", 0, 1)[0])).to_string(),
        list(z.collect()),
        order("run/train/order", 0),
        order("run/train/order", 1),
        below(0),
        below(1),
        below(2),
        order("run/train#2/order", 0),
    ];
    assert_eq!(drawn.lines().collect::<Vec<_>>(), expected);
}

/// Pixels and their number of samples of a PNG file, read by the crate alone.
fn png_file(path: &Path) -> (u32, u32, usize, Vec<u8>) {
    let file = std::io::BufReader::new(std::fs::File::open(path).expect("the picture is there"));
    let mut reader = png::Decoder::new(file).read_info().expect("it is a PNG");
    let mut pixels = vec![0; reader.output_buffer_size().expect("it is small")];
    let frame = reader.next_frame(&mut pixels).expect("it is whole");
    (frame.width, frame.height, frame.color_type.samples(), pixels)
}

#[test]
fn pictures_go_out_and_come_in() {
    let text = r#"
use std.viz: tiles

state grey[2, 3] = [[0, 0.5, 1], [-1, 2, 0.99]]
state colour[1, 2, 3] = [[[0, 1, 0.25], [1, 0, 0.75]]]

run {
  write_png("grey.png", grey)
  for i in 0..2 { write_png("some/colour_{i}.png", colour) }
  write_png("tiles.png", tiles([[0, 1], [2, 0], [1, 1]], [1, 2], grid: [2, 2], stretch: false))
}
"#;
    let out = tempfile::tempdir().expect("a folder can be made");
    printed(text, Precision::F32, Cut::Work, out.path()).unwrap_or_else(|p| panic!("{p}"));
    let grey = vec![0, 127, 255, 0, 255, 252];
    assert_eq!(png_file(&out.path().join("grey.png")), (3, 2, 1, grey.clone()));
    let colour = vec![0, 255, 63, 255, 0, 191];
    assert_eq!(png_file(&out.path().join("some/colour_1.png")), (2, 1, 3, colour));
    // Two tiles of a row and a column between them.
    let sheet = vec![0, 255, 0, 255, 0, 0, 0, 0, 0, 0, 255, 255, 0, 0, 0];
    assert_eq!(png_file(&out.path().join("tiles.png")), (5, 3, 1, sheet));

    let path = out.path().join("grey.png").display().to_string();
    let text = format!(
        "data d {{ image[_, _, 3] = png(\"{path}\") }}\nrun {{ print(\"{{d.image[.., .., 0]}} {{shape(d.image)}}\") }}\n"
    );
    let read = printed(&text, Precision::F32, Cut::Work, out.path()).unwrap_or_else(|p| panic!("{p}"));
    assert_eq!(read, "[[0, 127, 255],\n [0, 255, 252]] [2, 3, 3]\n");

    // Content decides: bytes of a JPEG are taken for one, and others refused.
    let picture = dlc::data::picture::parse(&[0xff, 0xd8, 0xff, 0xe0, 0, 4], "cut.png");
    assert!(picture.is_err());
    let other = dlc::data::picture::parse(b"GIF89a", "a.png").expect_err("it is no picture of ours");
    assert!(other.title.contains("neither a PNG nor a JPEG"), "{}", other.title);
    let whole = std::fs::read(out.path().join("grey.png")).expect("the picture is there");
    for cut in 0..whole.len() - 12 {
        assert!(dlc::data::picture::parse(&whole[..cut], "cut.png").is_err(), "cut at {cut}");
    }
}
