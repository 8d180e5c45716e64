//! Printed, read back, printed again; and no text makes the reader panic.

use crate::any_step::any_step;
use dlc::kernel::print::{exact, print};
use dlc::kernel::read::read;
use proptest::prelude::*;

proptest! {
    #![proptest_config(ProptestConfig::with_cases(1500))]

    #[test]
    fn steps_read_back(seed in any::<u64>()) {
        let step = any_step(seed);
        let text = print(&step, &exact);
        let back = read(&text).unwrap_or_else(|e| panic!("{e}\n{text}"));
        prop_assert!(back == step, "{text}\n{}", print(&back, &exact));
        prop_assert_eq!(print(&back, &exact), text);
    }

    #[test]
    fn broken_text_is_an_error_with_a_line(seed in any::<u64>(), at in 0usize..4000, cut in 1usize..30) {
        let text = print(&any_step(seed), &exact);
        let chars: Vec<char> = text.chars().collect();
        let at = at % chars.len();
        let broken: String = chars[..at].iter().chain(&chars[(at + cut).min(chars.len())..]).collect();
        if let Err(e) = read(&broken) {
            prop_assert!(e.line >= 1 && e.line <= broken.lines().count().max(1) && !e.message.is_empty());
        }
    }
}

#[test]
fn a_step_as_text() {
    let text = "\
step learn arena=40000 scratch=64 counters=1
buffer x : f32[20,784] arg 0
buffer below.W : f32[784,500] place 0
buffer b7 \"%7\" : f32[20,500] arena 0
buffer b7~2 \"%7\" : i32[] run
buffer row : f32[16] scratch 0

kernel learn.1 owner i < 500 by 32 of \"500\"
  product lanes b7[i] = x[0] * below.W[i] m=20 n=min(32, 500 - i) c_row=500 a_row=784 terms=784 by (1, 500)
  for j < 20
    strip b7[j*500 + i] = tanh b7[j*500 + i] count=min(32, 500 - i)
    for l < 32 step 16
      lanes k < 16
        %0 = load b7[j*500 + i - l + k - 1] : f32  # @0:12-15
        %1 = const -0.5 : f32
        store row[k] = %0

kernel learn.2
  %0 = load b7~2[0] : i32
  %1 = index c0*4 + 1 : i32
  check %1 < 10
  %3 = fold sum strided i < 20, j < 500 : f32
    %2 = load b7[i*500 + j - %1*3] : f32
    item %2
  random b7~2[0] first=[c0*64] count=64 key=[1,2] run=%0 turn=%1
  product dot b7[0] += x[0] * below.W[0] m=1 n=1 c_row=0 c_col=20 a_row=784 b_row=1 k=3 outer=[(0, 0), (5, -1)]

order: learn.1 | loop c0 < 15 backwards { learn.2 | learn.1 }
";
    let step = read(text).unwrap_or_else(|e| panic!("{e}"));
    assert_eq!(print(&step, &exact), text);
    assert_eq!(step.kernels[0].vars, 4);
    let people = print(&step, &|span| Some(format!("mlp.dl:1:{}", span.start)));
    assert!(people.contains(" : f32  # mlp.dl:1:12\n"), "{people}");
    let without = read(&people).expect("a place for people is passed over");
    assert_eq!(print(&without, &|_| None), print(&step, &|_| None));
}

#[test]
fn errors_say_the_line_and_what_was_expected() {
    let head = "step s arena=0 scratch=0 counters=0\nbuffer x : f32[4] arg 0\n\nkernel k\n";
    let cases = [
        ("graph g\n".to_owned(), 1, "a step begins with `step`"),
        (format!("{head}  %0 = load y[0] : f32\n"), 5, "no buffer is called y"),
        (format!("{head}  %0 = load x[q4] : f32\n"), 5, "`q4` is no variable or counter"),
        (format!("{head}  # a comment\n\n   %0 = load x[0] : f32\n"), 7, "two spaces a level"),
        (format!("{head}  %0 = load x[0] : f32\n      %1 = neg %0 : f32\n"), 6, "indented by more than 2"),
        (format!("{head}  %1 = const 1.0 : f32\norder:\n"), 5, "%0 is assigned by no statement"),
        (
            format!("{head}  %0 = fold sum strided i < 4 : f32\n    %1 = const 1.0 : f32\norder:\n"),
            6,
            "its item",
        ),
        (format!("{head}  %0 = shout %1 : f32\n"), 5, "`shout` is no operation"),
        (format!("{head}order: k | j\n"), 5, "no kernel is called j"),
        (format!("{head}order: loop c0 < 4 {{ k\n"), 5, "has no end"),
        (head.to_owned(), 4, "expected `order:`"),
    ];
    for (text, line, message) in cases {
        let error = read(&text).expect_err("the text is no step");
        assert!(error.line == line && error.message.contains(message), "{error}\n{text}");
    }
}
