//! What the tree says: precedence, newlines, spans, comments, numbers and strings.

use super::{parse_expr, read, say, source};
use dlc::syntax::ast::{ExprKind, Item};
use dlc::syntax::dump;

#[track_caller]
fn expr(text: &str) -> String {
    let source = source(text);
    match parse_expr(&source) {
        Ok(e) => dump::expr(&e),
        Err(problems) => panic!("{text}:\n{}", say(&source, &problems)),
    }
}

#[track_caller]
fn same(text: &str, tree: &str) {
    assert_eq!(expr(text), tree, "{text}");
}

#[track_caller]
fn tree(text: &str) -> String {
    let source = source(text);
    let (file, problems) = dlc::syntax::parse(&source);
    assert!(problems.is_empty(), "{text}:\n{}", say(&source, &problems));
    dump::dump(&file)
}

#[track_caller]
fn wrong(text: &str) -> String {
    let (_, problems) = read(text);
    assert!(!problems.is_empty(), "{text} was accepted");
    say(&source(text), &problems)
}

#[test]
fn precedence() {
    same("-x ^ 2", "(- (^ x 2))");
    same("2 ^ -1 ^ y", "(^ 2 (- (^ 1 y)))");
    same("a ^ b ^ c", "(^ a (^ b c))");
    same("a - b - c", "(- (- a b) c)");
    same("a @ b * c", "(* (@ a b) c)");
    same("a * -b", "(* a (- b))");
    same("not a == b and c or d", "(or (and (not (== a b)) c) d)");
    same("a and not b", "(and a (not b))");
    same("0..n - 1", "(.. 0 (- n 1))");
    same("if a then b else if c then d else e + 1", "(if a b (if c d (+ e 1)))");
    same("x'.y[0](z)'", "x'.y[0](z)'");
    same("x[i, .., 2..5, -1, ..., ..n, n..]", "x[i, .., 2..5, (- 1), ..., ..n, n..]");
    same("x < -1", "(< x (- 1))");
    same("a // b % c", "(% (// a b) c)");
}

#[test]
fn operands() {
    same("()", "(tuple )");
    same("(a,)", "(tuple a)");
    same("((a))", "a");
    same("[r, c] -> [r * c, 1]", "([r, c] -> [(* r c), 1])");
    same("[x for x, (y, z) in xs if y]", "[x for (x, (y, z)) in xs if y]");
    same("f(x, axis: 1,)", "f(x, axis: 1)");
    same("[...s, 3]", "[...s, 3]");
    same("\"a {x:.2%} {{b}} {y:e}{z:.0}\\n\"", "\"a {x .2 %} {{b}} {y e}{z .0}\\n\"");
    same("\"{f(\"{x}\")}\"", "\"{f(\"{x}\")}\"");
    same("-50_000", "(- 50_000)");
    same("[0.05,1]", "[0.05, 1]");
    same("\n  [1,\n 2,\n]\n", "[1, 2]");
}

#[test]
fn numbers_have_their_value() {
    for (text, wanted, is_whole) in [("50_000", 50_000.0, true), ("0.1", 0.1, false), ("1e-5", 1e-5, false)] {
        match parse_expr(&source(text)).expect("a number").kind {
            ExprKind::Number { value, whole, .. } => assert_eq!((value, whole), (wanted, is_whole)),
            other => panic!("{other:?}"),
        }
    }
    assert!(parse_expr(&source("1 2")).is_err());
    assert!(parse_expr(&source("")).is_err());
    assert!(parse_expr(&source("x = 3")).is_err());
    assert!(parse_expr(&source("(")).is_err());
}

#[test]
fn newlines() {
    assert_eq!(tree("a =\n  b +\n  c"), "a = (+ b c)\n");
    assert_eq!(tree("a = f(\n  b,\n\n  c\n)"), "a = f(b, c)\n");
    assert_eq!(tree("a = [x\n  for x in y]"), "a = [x for x in y]\n");
    assert_eq!(tree("a = if b then\n c\n else d"), "a = (if b c d)\n");
    assert_eq!(tree("a = 1; b = 2;\n\n;c = 3"), "a = 1\nb = 2\nc = 3\n");
    assert_eq!(tree("a = b # why\n"), "## why\na = b\n");
    wrong("a = (b\n + c)");
    wrong("a\n= b");
    wrong("a = f(b\n, c)");
    wrong("a = b\n.c");
}

#[test]
fn one_program_in_every_spelling() {
    let text = "# Head.\n\nrun {\n  x = 3\n  f(x)\n}\n\nfn g(x) = x\n";
    let plain = tree(text);
    for other in [
        text.replace('\n', "\r\n"),
        format!("\u{feff}{text}"),
        text.replace("  ", "\t"),
        text.trim_end().to_owned(),
        format!("\u{feff}{}", text.replace('\n', "\r\n")),
    ] {
        assert_eq!(tree(&other), plain, "{other:?}");
    }
    let broken = "a = 1\nb = «\n";
    let place = |t: &str| wrong(t).lines().nth(1).unwrap_or_default().to_owned();
    assert_eq!(place(broken), place(&broken.replace('\n', "\r\n")));
}

#[test]
fn comments_become_documentation() {
    let text = "# The file.\n# Two lines.\n\n# Above.\nhyper a = 1\nhyper b = 2  # beside\n# Not this.\n\n\
                # A layer.\nlayer L {  # header\n  # A function.\n  fn f(x) = x\n}\nstep s() {  # trailing\n}\n";
    let (file, problems) = read(text);
    assert!(problems.is_empty());
    assert_eq!(file.doc.as_deref(), Some("The file.\nTwo lines."));
    assert_eq!(
        dump::dump(&file),
        "## The file.\n## Two lines.\n## Above.\nhyper a = 1\n## beside\nhyper b = 2\n## A layer.\nlayer L()\n  \
         ## A function.\n  fn f(x) = x\n## trailing\nstep s()\n"
    );
}

#[test]
fn spans_hold_what_they_name() {
    let text = "layer L[n](a) {  # c\n  fn f(x[n]) -> [n]  = (x + a)  # d\n}\nrun { return 1 }  # e\n";
    let source = source(text);
    let (file, _) = dlc::syntax::parse(&source);
    let Item::Layer(layer) = &file.items[0] else { panic!("a layer") };
    assert_eq!(source.slice(layer.header), "layer L[n](a)");
    assert_eq!(source.slice(layer.span), text.split("\nrun").next().unwrap_or_default());
    let Item::Fn(f) = &layer.body[0] else { panic!("a function") };
    assert_eq!(source.slice(f.header), "fn f(x[n]) -> [n]");
    assert_eq!(source.slice(f.span), "fn f(x[n]) -> [n]  = (x + a)");
    let dlc::syntax::ast::Body::Expr(e) = &f.body else { panic!("an expression") };
    assert_eq!(source.slice(e.span), "(x + a)");
    let Item::Run(run) = &file.items[1] else { panic!("a run") };
    assert_eq!(source.slice(run.body.stmts[0].span), "return 1");
}

#[test]
fn a_good_declaration_survives_its_neighbours() {
    let (file, problems) = read("x = 1 2\nfn f(x) = x\nrun {\n  y = = 2\n  z = 3\n}\n");
    assert_eq!(problems.len(), 2);
    assert_eq!(dump::dump(&file), "fn f(x) = x\nrun\n  z = 3\n");
}
