//! Hostile texts: deep, long, cut and shuffled. The parser answers, in time, and never falls.

use std::time::{Duration, Instant};

use super::{parse, parse_expr, print, read, sketches, source};
use proptest::prelude::*;

/// Five seconds; an unoptimised build on a machine with other work gets more.
const PATIENCE: Duration = Duration::from_secs(if cfg!(debug_assertions) { 40 } else { 5 });

/// Parses in a thread with little stack, and gives the first message.
#[track_caller]
fn small_stack(text: String) -> Option<String> {
    let start = Instant::now();
    let thread = std::thread::Builder::new().stack_size(2 << 20);
    let handle = thread.spawn(move || {
        let (file, problems) = read(&text);
        let source = source(&text);
        drop((file.clone(), file, parse_expr(&source)));
        problems.first().map(|p| format!("{:?} {}", p.code, p.title))
    });
    let told = handle.expect("a thread").join().expect("no panic");
    assert!(start.elapsed() < PATIENCE, "took {:?}", start.elapsed());
    told
}

#[track_caller]
fn too_deep(text: String) {
    let told = small_stack(text).expect("a message");
    assert!(told.starts_with("DL0102"), "{told}");
}

fn nest(open: &str, close: &str, depth: usize) -> String {
    format!("a = {}x{}", open.repeat(depth), close.repeat(depth))
}

#[test]
fn brackets_up_to_the_limit() {
    for (open, close) in [("(", ")"), ("[", "]"), ("f(", ")"), ("x[", "]"), ("f(a: ", ")"), ("(1 + ", ")")] {
        assert_eq!(small_stack(nest(open, close, 200)), None, "{open}");
        for depth in [257, 300, 6_000, 100_000] {
            too_deep(nest(open, close, depth));
            too_deep(nest(open, "", depth));
        }
    }
    assert_eq!(small_stack(nest("(", ")", 256)), None);
    assert!(small_stack(nest("(", "", 100)).is_some());
    assert!(small_stack(format!("a = x{}", ")".repeat(100_000))).is_some());
}

#[test]
fn the_place_of_the_limit_is_named() {
    let text = nest("(", ")", 300);
    let source = source(&text);
    let (_, problems) = parse(&source);
    assert_eq!(source.line_column(problems[0].labels[0].span.start).column, 4 + 257);
}

#[test]
fn operators_without_brackets() {
    too_deep(format!("a = {}x", "-".repeat(100_000)));
    too_deep(format!("a = {}x", "- ".repeat(100_000)));
    too_deep(format!("a = {}x", "not ".repeat(100_000)));
    too_deep(format!("a = x{}", " ^ x".repeat(8_000)));
    too_deep(format!("a = x{}", " + x".repeat(8_000)));
    too_deep(format!("a = x{}", "'".repeat(8_000)));
    too_deep(format!("a = x{}", ".y".repeat(8_000)));
    too_deep(format!("a = x{}", "()".repeat(8_000)));
    too_deep(format!("a = {}c", "if a then b else ".repeat(4_000)));
    too_deep(format!("a = {}", "if ".repeat(100_000)));
    too_deep(format!("a = {}", "if a then ".repeat(100_000)));
    too_deep(format!("a = {}", "if a then\n".repeat(100_000)));
    assert_eq!(small_stack(format!("a = x{}", " + x".repeat(300))), None);
}

#[test]
fn blocks() {
    let nested = |n| format!("run {{\n{}stop\n{}}}", "if a {\n".repeat(n), "}\n".repeat(n));
    assert_eq!(small_stack(nested(200)), None);
    too_deep(nested(10_000));
    too_deep("run {".repeat(100_000));
    let elses = format!("run {{ if a {{ }} {} }}", "else if b { }".repeat(10_000));
    assert_eq!(small_stack(elses), None);
    too_deep(format!("for {}", "(".repeat(10_000)));
    let strings = format!("a = {}x{}", "\"{f(".repeat(1_000), ")}\"".repeat(1_000));
    too_deep(strings);
}

/// What shares a beginning is not read twice at every level.
#[test]
fn no_exponential_backtracking() {
    let depth = 120;
    for (open, middle, close) in [
        ("x[", "y", "]"),
        ("x[f(", "y", ")..]"),
        ("[", "y", " for x in z]"),
        ("[(", "y", ") for x in z if a]"),
        ("f(a: ", "y", ")"),
        ("(if a then ", "b", " else c)"),
        ("x[", "y", "'.z(a)^2]"),
    ] {
        let text = format!("{}{middle}{}", open.repeat(depth), close.repeat(depth));
        for text in [
            format!("a = {text}"),
            format!("run {{ {text} = b }}"),
            format!("run {{ q[{text}] <- b }}"),
            format!("a = {}", &text[..text.len() - 1]),
            format!("a = {text} !"),
        ] {
            small_stack(text);
        }
    }
}

#[test]
fn many_mistakes_are_told_up_to_a_bound() {
    let text = "x = 1 2\n".repeat(5_000);
    let start = Instant::now();
    let (_, problems) = read(&text);
    assert!((2..=20).contains(&problems.len()));
    assert!(start.elapsed() < PATIENCE);
}

const SOUP: &[&str] = &[
    "fn", "layer", "run", "if", "then", "else", "for", "in", "x", "L", "3", "0.5", "\"a{x}\"", "\"", "(",
    ")", "[", "]", "{", "}", ",", ":", "=", "<-", "~", "+", "-", "*", "@", "^", "..", "...", "'", "\n", ";",
    "# c\n", " ", "not", "and", "==", "<", "->", "data", "use", "return", "hyper", "é", "\t", "\r\n", "from",
    "report", "\\",
];

fn survives(text: &str) {
    let source = source(text);
    let (file, problems) = parse(&source);
    let _ = parse_expr(&source);
    for problem in &problems {
        assert!(!problem.title.is_empty() && !problem.labels.is_empty());
        for label in &problem.labels {
            assert!(text.get(label.span.start as usize..label.span.end as usize).is_some(), "{label:?}");
        }
    }
    if problems.is_empty() {
        let printed = print(&file, &source);
        let again = super::source(&printed);
        let (file_again, problems) = parse(&again);
        assert!(problems.is_empty(), "{printed:?} from {text:?}");
        assert_eq!(dlc::syntax::dump::dump(&file_again), dlc::syntax::dump::dump(&file));
        assert_eq!(print(&file_again, &again), printed, "from {text:?}");
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(256))]

    #[test]
    fn soup(parts in prop::collection::vec(prop::sample::select(SOUP), 0..60)) {
        survives(&parts.concat());
        survives(&parts.join(" "));
    }

    #[test]
    fn any_text(text in "\\PC{0,80}") {
        survives(&text);
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(128))]

    #[test]
    fn mutated_sketches(which in 0usize..64, cut in any::<prop::sample::Index>(), len in 0usize..12,
                        put in prop::sample::select(SOUP)) {
        let all = sketches();
        let text = &all[which % all.len()].1;
        let chars: Vec<char> = text.chars().collect();
        let at = cut.index(chars.len());
        let mut mutated: String = chars[..at].iter().collect();
        mutated += put;
        mutated.extend(&chars[(at + len).min(chars.len())..]);
        survives(&mutated);
        survives(&chars[..at].iter().collect::<String>());
    }
}
