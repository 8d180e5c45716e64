//! What the checker says of pictures that do not fit, and the axes it gives those that do.

use crate::programs::checked;
use dlc::diag::{Diagnostic, codes};
use dlc::program::{Program, print};

fn program(expression: &str) -> Result<Program, Box<Diagnostic>> {
    let text = format!(
        "dim n = 6
dim colours = 3
dim maps = 4
state x[n, colours, 9, 8] = 0
state w[maps, colours, 3, 2] = 0
state turned[colours, maps, 3, 2] = 0
state flat[n, 9, 8] = 0
state large[maps, colours, 10, 2] = 0
state truth[n, 9, 8]: bool = false

step show() {{
  y = {expression}
  report y
}}

run {{ show() }}
"
    );
    checked("test.dl", &text, &[]).map_err(|problems| Box::new(problems[0].clone()))
}

#[track_caller]
fn shape(expression: &str) -> String {
    let program = program(expression).unwrap_or_else(|d| panic!("{d:#?}"));
    let line = print::print_step(&program, &program.steps[0]);
    let line = line.lines().find(|l| l.contains(" y: ")).expect("a value called y");
    line.split(" y: ").nth(1).expect("a type").to_owned()
}

#[track_caller]
fn message(expression: &str) -> Diagnostic {
    match program(expression) {
        Err(d) => *d,
        Ok(_) => panic!("`{expression}` is accepted"),
    }
}

#[test]
fn shapes_and_printed_forms() {
    assert_eq!(
        shape("conv2d(x, w)"),
        "real[n = 6, maps = 4, 7, 7] = conv2d(%0, %1, mode: \"valid\", stride: [1, 1])"
    );
    assert_eq!(
        shape("correlate2d(x, w, mode: \"full\", stride: [2, 3])"),
        "real[n = 6, maps = 4, 6, 3] = correlate2d(%0, %1, mode: \"full\", stride: [2, 3])"
    );
    let same = shape("conv2d(x, w, mode: \"same\", stride: 4)");
    assert!(same.starts_with("real[n = 6, maps = 4, 3, 2] ="), "{same}");
    assert_eq!(
        shape("max_pool(flat, [2, 3])"),
        "real[n = 6, 4, 2] = max_pool(%0, [2, 3], ignore_border: true)"
    );
    assert_eq!(
        shape("max_pool(x, [2, 3], ignore_border: false, ties: \"all\")"),
        "real[n = 6, colours = 3, 5, 3] = max_pool(%0, [2, 3], ignore_border: false, ties: \"all\")"
    );
    assert_eq!(
        shape("mean_pool(flat[0], [10, 8], ignore_border: false)")[..12],
        "real[1, 1] = mean_pool"[..12]
    );
}

#[test]
fn channels_that_disagree() {
    let d = message("conv2d(x, turned)");
    assert_eq!(d.code, codes::SHAPE);
    assert_eq!(d.title, "these filters are for maps channels, and the pictures have colours");
    assert!(d.labels[0].text.starts_with("colours, "), "{d:#?}");
    assert!(d.labels[0].text.ends_with(" of turned"), "{d:#?}");
}

#[test]
fn filters_that_are_too_large() {
    let d = message("conv2d(x, large)");
    assert_eq!(
        (d.code, d.title.as_str()),
        (codes::SHAPE, "a filter of 10 rows does not fit into a picture of 9")
    );
    assert!(d.help.as_deref().is_some_and(|h| h.starts_with("mode: \"full\"")));
    let d = message("max_pool(flat, [3, 9])");
    assert_eq!((d.code, d.title.as_str()), (codes::SHAPE, "no window of 9 columns fits into 8"));
    assert!(d.help.as_deref().is_some_and(|h| h.starts_with("ignore_border: false")));
    assert!(program("conv2d(x, large, mode: \"full\")").is_ok());
}

#[test]
fn wrong_ranks_and_kinds() {
    let d = message("conv2d(flat, w)");
    assert_eq!(d.help.as_deref(), Some("conv2d(rearrange(flat, [n, h, w] -> [n, 1, h, w]), w)"));
    assert_eq!(
        message("conv2d(x, flat[0])").help.as_deref(),
        Some("conv2d(x, rearrange(flat[0], [a, b] -> [1, 1, a, b]))")
    );
    assert_eq!(message("max_pool(flat[0, 0], [1, 1])").code, codes::SHAPE);
    let d = message("max_pool(flat, 2)");
    assert_eq!((d.code, d.help.as_deref()), (codes::KIND, Some("[2, 2]")));
    assert_eq!(message("max_pool(flat, [2, 2, 2])").code, codes::SHAPE);
    assert_eq!(message("max_pool(flat, [2, 0])").code, codes::NUMBER);
    assert_eq!(message("conv2d(x, w, stride: 0)").code, codes::NUMBER);
    assert_eq!(message("conv2d(x, w, stride: 0.5)").code, codes::KIND);
    assert_eq!(message("conv2d(x, w, mode: \"half\")").code, codes::UNKNOWN_ARGUMENT);
    assert_eq!(message("conv2d(x, w, padding: 2)").code, codes::UNKNOWN_ARGUMENT);
    assert_eq!(message("mean_pool(flat, [2, 2], ties: \"all\")").code, codes::UNKNOWN_ARGUMENT);
    assert_eq!(message("max_pool(flat, [2, 2], ignore_border: 1)").code, codes::KIND);
    let d = message("max_pool(truth, [2, 2])");
    assert_eq!((d.code, d.help.as_deref()), (codes::DTYPE, Some("real(truth)")));
}
