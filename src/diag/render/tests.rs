//! What a drawn message looks like.

use super::{render_plain, utf8_locale};
use crate::diag::{Diagnostic, codes, json};
use crate::source::{SourceMap, Span};

/// A span of the first occurrence of a text in a file.
fn at(sources: &SourceMap, file: u32, text: &str) -> Span {
    let id = crate::source::FileId(file);
    let start = sources.get(id).text.find(text).expect("the text is there");
    Span::new(id, start, start + text.len())
}

fn model() -> SourceMap {
    let mut sources = SourceMap::default();
    sources.add("net.dl", None, "use layers: Dense\n\n\nbelow = Dense[784, 500]\ny = below(W @ x)\n");
    sources.add("layers.dl", None, "layer Dense[n_in, n_out] {\n  param W[n_in, n_out] = 0\n}\n");
    sources
}

#[test]
fn places_in_two_files_the_main_one_first() {
    let sources = model();
    let d = Diagnostic::error(codes::MATMUL_SHAPE, "this product does not fit")
        .label(at(&sources, 1, "W[n_in, n_out]"), "W is [n_in = 784, n_out = 500]")
        .label(at(&sources, 0, "W @ x"), "n_out meets n")
        .label(at(&sources, 0, "Dense[784, 500]"), "made here")
        .help("x @ W");
    assert_eq!(
        render_plain(&[d], &sources),
        "\
error DL0301

  × this product does not fit
   ╭─[layers.dl:2:9]
 2 │   param W[n_in, n_out] = 0
   ·         ───────┬──────
   ·                ╰── W is [n_in = 784, n_out = 500]
   ╰────
   ╭─[net.dl:4:9]
 4 │ below = Dense[784, 500]
   ·         ───────┬───────
   ·                ╰── made here
 5 │ y = below(W @ x)
   ·           ──┬──
   ·             ╰── n_out meets n
   ╰────
  help: x @ W
"
    );
}

#[test]
fn overlapping_labels_are_taken_apart() {
    let sources = model();
    let product = at(&sources, 0, "W @ x");
    let d = Diagnostic::error(codes::MATMUL_SHAPE, "t")
        .label(product, "the product")
        .label(Span { end: product.start + 1, ..product }, "W")
        .label(Span { start: product.end - 1, ..product }, "x")
        .label(Span { start: product.end - 1, ..product }, "x again");
    let drawn = render_plain(&[d], &sources);
    assert_eq!(
        drawn,
        "\
error DL0301

  × t
   ╭─[net.dl:5:13]
 5 │ y = below(W @ x)
   ·           ┬ ┬ ┬
   ·           │ │ ╰─┤ x
   ·           │ │   │ x again
   ·           │ ╰── the product
   ·           ╰── W
   ╰────
"
    );
}

#[test]
fn a_label_without_room_becomes_a_note() {
    let mut sources = SourceMap::default();
    sources.add("a.dl", None, "x = ab");
    let whole = at(&sources, 0, "ab");
    let (a, b) = (Span { end: whole.end - 1, ..whole }, Span { start: whole.end - 1, ..whole });
    let d = Diagnostic::error(codes::KIND, "t").label(whole, "is both").label(a, "a").label(b, "b");
    assert!(render_plain(&[d], &sources).ends_with("  note: `ab` is both\n"));
}

#[test]
fn the_end_of_the_file_is_the_last_character() {
    let mut sources = SourceMap::default();
    sources.add("a.dl", None, "run {\n  f(x)\n\n");
    let d =
        Diagnostic::error(codes::SYNTAX, "t").label(Span::new(crate::source::FileId(0), 14, 14), "missing");
    assert_eq!(
        render_plain(&[d], &sources),
        "\
error DL0101

  × t
   ╭─[a.dl:2:6]
 2 │   f(x)
   ·      ┬
   ·      ╰── missing
   ╰────
"
    );
}

#[test]
fn odd_files_and_spans_do_no_harm() {
    for text in ["", "\n", "\r\n\r\n", "x", "\t\t", "日本 = x\r\n", "a\u{1b}[31mb\n"] {
        let mut sources = SourceMap::default();
        sources.add("a.dl", None, text);
        for start in 0..=text.len() + 2 {
            for end in start..=text.len() + 2 {
                let span = Span::new(crate::source::FileId(0), start, end);
                let d = Diagnostic::error(codes::SYNTAX, "t").label(span, "here").label(span, "");
                let drawn = render_plain(std::slice::from_ref(&d), &sources);
                assert!(
                    drawn.contains("here") && !drawn.contains('\u{1b}'),
                    "{text:?} {start}..{end}:\n{drawn}"
                );
                assert!(json::line(&d, &sources).ends_with("}\n"));
            }
        }
    }
}

#[test]
fn columns_are_characters_and_tabs_keep_marks_in_place() {
    let mut sources = SourceMap::default();
    sources.add("a.dl", None, "\t日本 = wrong\r\n");
    let d = Diagnostic::error(codes::UNKNOWN_NAME, "t").label(at(&sources, 0, "wrong"), "w");
    assert_eq!(
        render_plain(std::slice::from_ref(&d), &sources),
        "\
error DL0201

  × t
   ╭─[a.dl:1:7]
 1 │     日本 = wrong
   ·            ──┬──
   ·              ╰── w
   ╰────
"
    );
    let object: serde_json::Value = serde_json::from_str(&json::line(&d, &sources)).unwrap();
    let label = &object["labels"][0];
    assert_eq!((&label["line"], &label["column"], &label["end_column"]), (&1.into(), &7.into(), &12.into()));
}

#[test]
fn long_lines_are_cut_around_their_labels() {
    let mut sources = SourceMap::default();
    sources.add("a.dl", None, format!("x = {}wrong{}", "a + ".repeat(2000), " + b".repeat(2000)));
    let d = Diagnostic::error(codes::UNKNOWN_NAME, "t").label(at(&sources, 0, "wrong"), "w");
    let drawn = render_plain(&[d], &sources);
    assert!(drawn.lines().all(|l| l.chars().count() <= 100), "{drawn}");
    assert!(drawn.contains("a.dl:1:8005") && drawn.contains("…") && drawn.contains("wrong"), "{drawn}");
}

#[test]
fn several_are_counted() {
    let sources = model();
    let e = Diagnostic::error(codes::KIND, "t");
    let w = Diagnostic::warning(codes::LATE_READ, "t");
    assert!(render_plain(&[e.clone(), e, w], &sources).ends_with("\n2 errors, 1 warning\n"));
}

#[test]
fn the_first_locale_variable_decides() {
    let env = |pairs: &'static [(&str, &str)]| {
        move |name: &str| pairs.iter().find(|(n, _)| *n == name).map(|(_, v)| (*v).to_owned())
    };
    assert!(utf8_locale(&env(&[("LANG", "en_GB.UTF-8")])));
    assert!(!utf8_locale(&env(&[("LC_ALL", "C"), ("LANG", "en_GB.UTF-8")])));
    assert!(!utf8_locale(&env(&[])));
}
