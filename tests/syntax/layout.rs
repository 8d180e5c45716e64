//! The layout: what it changes, and that it changes no meaning.

use super::{parse, say, sketches, source};
use dlc::syntax::{dump, print};
use proptest::prelude::*;

#[track_caller]
fn layout(text: &str) -> String {
    let source = source(text);
    let (file, problems) = parse(&source);
    assert!(problems.is_empty(), "{text}\n{}", say(&source, &problems));
    print(&file, &source)
}

/// Prints, and checks that the meaning stays and that printing again changes nothing.
#[track_caller]
fn stable(text: &str) -> String {
    let once = layout(text);
    assert_eq!(layout(&once), once, "not a fixed point; from\n{text}");
    let bare = |t: &str| dump::dump(&parse(&source(t)).0);
    assert_eq!(bare(&once), bare(text), "another program; from\n{text}");
    once
}

#[test]
fn blanks() {
    assert_eq!(
        stable("a=-x^2+f( x,axis :1 )*y[ .. , 2 ..n ]'"),
        "a = -x ^ 2 + f(x, axis: 1) * y[.., 2..n]'\n"
    );
    assert_eq!(stable("fn f (x [n] : int=3)->[n]:int=x"), "fn f(x[n]: int = 3) -> [n]: int = x\n");
    assert_eq!(stable("run{for x,(y,z)in xs{x<-- -1}}"), "run { for x, (y, z) in xs { x <- --1 } }\n");
    assert_eq!(stable("h~bernoulli( p )from rng"), "h ~ bernoulli(p) from rng\n");
    assert_eq!(stable("a=[x for x in-1 .. -b if(c)]"), "a = [x for x in -1..-b if (c)]\n");
}

#[test]
fn runs_are_aligned() {
    let text = "hyper a = 1  # one\nhyper dim bcd = 2 # two\n\nx  = 1\nyyyyy = 2\nz = 3 # c\n";
    let wanted =
        "hyper a       = 1    # one\nhyper dim bcd = 2    # two\n\nx     = 1\nyyyyy = 2\nz     = 3 # c\n";
    assert_eq!(stable(text), wanted);
    assert_eq!(stable("a = 1\nbb = 2\n"), "a = 1\nbb = 2\n");
}

#[test]
fn blocks_and_brackets() {
    let text = "\n\n\nrun { a=1\n\n\n\nb=2; c = 3;\n   # remark\n\n}\n\n\n\n\nfn f(\nx,\n  y\n) {\n return g(x,\n y)\n}";
    let wanted = "run {\n  a = 1\n\n  b = 2; c = 3\n  # remark\n}\n\n\nfn f(\n  x,\n  y\n) {\n  return g(x,\n           y)\n}\n";
    assert_eq!(stable(text), wanted);
    assert_eq!(stable("run{f(x)}"), "run { f(x) }\n");
    assert_eq!(stable("run{}"), "run {}\n");
    assert_eq!(stable("a = b +\nc"), "a = b +\n  c\n");
    assert_eq!(stable("a = if b then c\nelse d"), "a = if b then c\n  else d\n");
    assert_eq!(stable(""), "");
    assert_eq!(stable("# only\r\n"), "# only\n");
    assert_eq!(stable("layer L [n] (a) { # c\n}"), "layer L[n](a) { # c\n}\n");
}

#[test]
fn the_sketches_squeezed_come_back_the_same_program() {
    for (_, text) in sketches() {
        let flat: String = text.lines().map(|l| l.trim_start().to_owned() + "\n").collect();
        stable(&flat);
        stable(&text.replace('\n', "\n\n\n\n"));
        stable(&text.replace(" = ", "="));
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    /// Blanks and line breaks at random where they mean nothing.
    #[test]
    fn blanks_mean_nothing(which in 0usize..64, seed in any::<u64>()) {
        let all = sketches();
        let text = &all[which % all.len()].1;
        let mut state = seed | 1;
        let mut out = String::new();
        for line in text.lines() {
            state = state.wrapping_mul(6364136223846793005).wrapping_add(1442695040888963407);
            match state >> 61 {
                0 => out += &format!("{line}   \n"),
                1 => out += &format!("{line}\n\n\n"),
                2 => out += &format!("    {line}\n"),
                3 => out += &format!("{}\n", line.replace(" * ", "*").replace(", ", " ,  ")),
                _ => out += &format!("{line}\n"),
            }
        }
        stable(&out);
    }
}
