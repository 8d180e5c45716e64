//! Each invariant: a step that breaks it is refused, and told why.

use crate::any_step::any_step;
use dlc::kernel::read::read;
use dlc::kernel::verify::verify;
use proptest::prelude::*;

const SOUND: &str = "\
step s arena=1024 scratch=256 counters=2
buffer x : f32[5,40] arg 0
buffer y : i32[5] arg 1
buffer W : f32[40,50] place 0
buffer kept : f32[100] resident 0
buffer cost : f32[] report 0
buffer run : i32[] run
buffer h : f32[50] arena 0
buffer g : f32[100] arena 256
buffer t : f32[32] scratch 0
buffer r : i32[32] scratch 128

kernel s.check
  for i < 5
    %0 = load y[i] : i32
    check %0 < 10

kernel s.1 owner i < 50 by 16 of n
  product lanes h[i] = x[0] * W[i] m=1 n=min(16, 50 - i) c_row=50 a_row=40 terms=40 by (1, 50)
  %0 = const 2.0 : f32
  lanes j < min(16, 50 - i)
    %1 = load h[i + j] : f32
    %2 = mul %1 %0 : f32
    store h[i + j] = %2
  strip h[i] = tanh h[i] count=min(16, 50 - i)
  %3 = load run[0] : i32
  random r[0] first=[i] count=min(16, 50 - i) key=[1,2] run=%3 turn=%3

kernel s.2 owner i < 50 by 16 of n
  product dot g[i] = h[0] * kept[0] m=1 n=1 c_row=0 a_row=0 b_row=0 k=50 outer=1 by (0, 0)
  %0 = fold sum strided j < 50 : f32
    %1 = load h[j] : f32
    item %1
  store g[i + 50] = %0

kernel s.3 owner i < 50 by 16 of n
  for j < 40 step 2
    lanes k < min(16, 50 - i)
      %0 = load W[j*50 + i + k] : f32
      %1 = load g[c0*50 + i + k] : f32
      %2 = add %0 %1 : f32
      store W[j*50 + i + k] = %2
  product lanes W[i] += x[0] * t[0] m=40 n=min(16, 50 - i) c_row=50 a_row=1 terms=1 by (0, 0)

kernel s.4
  %0 = load h[3] : f32
  store cost[0] = %0

order: s.check s.1 | loop c1 < 2 { s.2 } | loop c0 < 2 { s.3 s.4 } |
";

#[test]
fn the_sound_step_holds() {
    let step = read(SOUND).unwrap_or_else(|e| panic!("{e}"));
    assert_eq!(verify(&step), Ok(()));
}

/// What is replaced by what, and what the verifier then says.
const CASES: &[(&str, &str, &str)] = &[
    // Buffers.
    ("f32[100] arena 256", "f32[100] arena 260", "byte 260 of the arena is no multiple of 64"),
    ("f32[100] arena 256", "f32[100] arena 640", "ends beyond the 1024 bytes of the arena"),
    ("i32[32] scratch 128", "i32[33] scratch 128", "ends beyond the 256 bytes of the scratch"),
    ("f32[100] resident 0", "f32[100] arg 0", "differs from x, which lies at the same place"),
    ("i32[] run", "i32[2] run", "the run is one i32"),
    // The order.
    ("loop c1 < 2 { s.2 }", "loop c2 < 2 { s.2 }", "c2 is none of the step's 2 counters"),
    ("loop c1 < 2 { s.2 }", "loop c1 < 2 { loop c1 < 3 { s.2 } }", "a loop of c1 stands in another one"),
    ("loop c0 < 2 { s.3 s.4 }", "loop c1 < 2 { s.3 s.4 }", "s.3 reads c0 and stands in no loop of it"),
    // Scopes.
    ("mul %1 %0", "mul %1 %4", "%4 is used before it is assigned"),
    ("store h[i + j] = %2\n", "store h[i + j] = %2\n  store h[i] = %2\n", "%2 is used outside of the block"),
    ("%0 = const 2.0 : f32", "%0 = const 2.0 : f32\n  %0 = const 3.0 : f32", "%0 is assigned twice"),
    ("store g[i + 50] = %0", "store g[i + j] = %0", "variable 1 is used outside of its loop"),
    ("fold sum strided j < 50", "fold sum strided i < 50", "variable 0 is bound twice"),
    ("min(16, 50 - i)\n    %1", "min(16, 50 - k)\n    %1", "variable 2 is used outside of its loop"),
    ("owner i < 50 by 16 of n\n  for", "owner i < 50 by 0 of n\n  for", "a block has at least one index"),
    ("for j < 40 step 2", "for j < 40 step 0", "a loop goes up by at least 1"),
    ("for j < 40 step 2", "for j < min(40, 30 - i) step 2", "30 - 48 turns are less than none"),
    // Types.
    ("%2 = mul %1 %0 : f32", "%2 = mul %1 %0 : f64", "f32 where f64 is due"),
    ("%2 = mul %1 %0 : f32", "%2 = and %1 %0 : f32", "f32 where bool is due"),
    ("%2 = mul %1 %0 : f32", "%2 = lt %1 %0 : f32", "f32 where bool is due"),
    ("%2 = mul %1 %0 : f32", "%2 = select %1 %0 %0 : f32", "f32 where bool is due"),
    ("%0 = const 2.0 : f32", "%0 = const 2 : f32", "Int(2) is no constant of f32"),
    ("%0 = const 2.0 : f32", "%0 = index i : f32", "f32 where i32 is due"),
    ("%3 = load run[0] : i32", "%3 = load h[0] : i32", "f32 where i32 is due"),
    ("%3 = load run[0] : i32", "%3 = load h[0] : f32", "f32 where i32 is due"),
    ("%0 = load y[i] : i32", "%0 = load x[i] : f32", "f32 where i32 is due"),
    ("fold sum strided j", "fold any strided j", "f32 where bool is due"),
    ("h[i] = tanh h[i]", "r[0] = tanh h[i]", "i32 where a real is due"),
    ("h[i] = tanh h[i]", "h[i] = not h[i]", "f32 where bool is due"),
    ("random r[0]", "random t[0]", "f32 where i32 is due"),
    ("x[0] * W[i] m=1", "y[0] * W[i] m=1", "i32 where f32 is due"),
    // Indices.
    ("load h[i + j]", "load h[i + j + i]", "each variable once"),
    ("load h[i + j]", "load h[i + j*0]", "a number other than 0"),
    ("load h[i + j]", "load h[i + j + %0]", "f32 where i32 is due"),
    // Bodies.
    ("store h[i + j] = %2", "strip h[i] = exp h[i] count=1", "does not stand in the body of lanes"),
    ("    item %1", "    store g[i] = %1\n    item %1", "does not stand in the body of a fold"),
    (
        "fold sum strided j < 50 : f32\n    %1 = load h[j]",
        "fold sum strided : f32\n    %1 = load h[3]",
        "a fold has a loop",
    ),
    ("store h[i + j] = %2", "store h[i] = %2", "a store does not move with the variable alone"),
    ("load h[i + j]", "load h[i + j*2]", "a turn may read what another one writes"),
    ("product lanes h[i] = x[0] * W[i]", "product lanes h[i] = h[0] * W[i]", "it writes what it reads"),
    ("product lanes h[i] = x[0] * W[i]", "product lanes h[i] = x[0] * h[i]", "it writes what it reads"),
    ("c_row=50 a_row=40 terms", "c_row=50 c_col=2 a_row=40 terms", "columns of the lanes form are adjacent"),
    ("strip h[i] = tanh h[i]", "strip h[i] = tanh h[i + 1]", "what is read and what is written overlap"),
    // Bounds.
    ("%1 = load h[i + j] : f32", "%1 = load h[i + j + 1] : f32\n    store t[j] = %1", "a turn may read"),
    ("load g[c0*50 + i + k]", "load g[c0*51 + i + k]", "it reads 0 to 100 of g, which has 100 elements"),
    ("load g[c0*50 + i + k]", "load g[c0*50 + i + k - 1]", "it reads -1 to 98 of g"),
    ("m=40 n=min(16, 50 - i)", "m=41 n=min(16, 50 - i)", "it writes 0 to 2049 of W, which has 2000"),
    ("terms=40 by (1, 50)", "terms=41 by (1, 50)", "it reads 0 to 2049 of W, which has 2000"),
    ("terms=40 by (1, 50)", "terms=[(0, 0), (39, 2000)]", "it reads 0 to 2049 of W, which has 2000"),
    ("k=50 outer=1 by (0, 0)", "k=50 outer=3 by (0, 50)", "it reads 0 to 149 of kept"),
    ("tanh h[i] count=min(16, 50 - i)", "tanh h[i] count=16", "it reads 0 to 63 of h"),
    (
        "random r[0] first=[i] count=min(16, 50 - i)",
        "random r[17] first=[i] count=16",
        "it writes 17 to 32 of r",
    ),
    ("check %0 < 10", "check %0 < 10\n    %1 = load y[i*2] : i32", "it reads 0 to 8 of y"),
    // Homes.
    ("store g[i + 50] = %0", "store kept[i] = %0", "kept is only read"),
    ("product lanes W[i] += x[0] * t[0] m=40", "product lanes x[i] += W[0] * t[0] m=1", "x is only read"),
    ("random r[0] first=[i] count=min(16, 50 - i)", "random run[0] first=[i] count=1", "run is only read"),
    ("%0 = load h[3] : f32", "%0 = load cost[0] : f32", "cost is only written"),
    // Blocks.
    ("store g[i + 50] = %0", "store g[50] = %0", "different blocks write the same of g"),
    (
        "n=min(16, 50 - i) c_row=50 a_row=1",
        "n=min(17, 50 - i) c_row=50 a_row=1",
        "a block writes to the next one's part of W",
    ),
    ("lanes k < min(16, 50 - i)", "lanes k < min(20, 50 - i)", "a block writes to the next one's part of W"),
    (
        "  for j < 40 step 2",
        "  %3 = load W[7] : f32\n  for j < 40 step 2",
        "a block writes what others touch by `%3 = load W[7]",
    ),
    // Barriers.
    ("s.check s.1 | loop", "s.check s.1 loop", "no barrier lies between s.1 and s.2, which share h"),
    (
        "kernel s.4\n  %0 = load h[3]",
        "kernel s.4\n  %0 = load W[3]",
        "no barrier lies between s.3 and s.4, which share W",
    ),
    ("{ s.3 s.4 } |", "{ s.3 s.4 }", "no barrier lies between s.4 and s.1, which share h"),
    // Of the same blocks each is one thread's.
    ("{ s.3 s.4 }", "{ s.3 s.4 s.1 }", "no barrier lies between s.4 and s.1, which share h"),
    ("{ s.3 s.4 }", "{ s.3 s.3 s.4 }", ""),
    // What each thread does.
    ("kernel s.4\n", "kernel s.4 each\n", "each thread writes cost, which is all threads'"),
    ("scratch 128", "own 128", "r is each thread's own, and only some write it"),
    ("load g[c0*50 + i + k]", "load h[i + k]", ""),
    ("s.check s.1 |", "s.1 |", ""),
    ("{ s.3 s.4 }", "{ s.3 s.4 | s.check }", "s.check checks, when s.3 may have written a place"),
    ("{ s.3 s.4 }", "{ s.check s.3 s.4 }", "s.check checks, when s.3 may have written a place"),
    ("{ s.3 s.4 }", "{ s.check | s.3 s.4 }", "s.check checks, when s.3 may have written a place"),
    ("loop c0 < 2 { s.3 s.4 }", "loop c0 < 1 { s.check | s.3 s.4 }", ""),
    ("loop c0 < 2 { s.3 s.4 }", "loop c0 < 0 { s.3 s.3 } s.4", ""),
];

#[test]
fn a_step_that_breaks_an_invariant_is_refused() {
    let mut wrong = Vec::new();
    for (from, to, message) in CASES {
        let text = SOUND.replacen(from, to, 1);
        assert!(text != SOUND, "`{from}` does not occur");
        let step = match read(&text) {
            Ok(step) => step,
            Err(e) => {
                wrong.push(format!("`{to}`: {e}"));
                continue;
            }
        };
        let found = verify(&step).err().unwrap_or_default();
        let said =
            if message.is_empty() { found.is_empty() } else { found.iter().any(|m| m.contains(message)) };
        if !said {
            wrong.push(format!("`{to}` gives {found:#?}, not {message}"));
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn names_of_what_does_not_exist_are_refused() {
    let mut step = read(SOUND).unwrap_or_else(|e| panic!("{e}"));
    step.order.push(dlc::kernel::Item::Kernel(9));
    assert_eq!(verify(&step), Err(vec!["the order names kernel 9, which does not exist".to_owned()]));
    let mut step = read(SOUND).unwrap_or_else(|e| panic!("{e}"));
    step.buffers.truncate(1);
    let found = verify(&step).expect_err("there are no buffers");
    assert!(found.iter().any(|m| m.contains("it names a buffer that does not exist")), "{found:?}");
    let mut step = read(SOUND).unwrap_or_else(|e| panic!("{e}"));
    (step.kernels[1].vars, step.kernels[2].values) = (1, Vec::new());
    let found = verify(&step).expect_err("there are no variables");
    assert!(found.iter().any(|m| m.contains("variable 1 of 1")), "{found:?}");
    assert!(found.iter().any(|m| m.contains("%0 has no type")), "{found:?}");
}

/// State that a loop carries in one buffer, turn after turn: neither the product nor the kernel beside it
/// meets what is written.
#[test]
fn turns_of_a_loop_may_share_a_buffer() {
    let text = "\
step s arena=1024 scratch=0 counters=1
buffer W : f32[4,4] place 0
buffer h : f32[9,4] arena 0
buffer y : f32[8,4] report 0

kernel s.1
  product lanes h[c0*4 + 4] = h[c0*4] * W[0] m=1 n=4 c_row=4 a_row=4 terms=4 by (1, 4)

kernel s.2 owner i < 4 by 2 of n
  lanes j < min(2, 4 - i)
    %0 = load h[c0*4 + i + j] : f32
    store y[c0*4 + i + j] = %0

order: loop c0 < 8 { s.1 s.2 } |
";
    let check = |text: &str| verify(&read(text).unwrap_or_else(|e| panic!("{e}")));
    assert_eq!(check(text), Ok(()));
    let found = check(&text.replace("load h[c0*4 + i", "load h[c0*4 + 1 + i"));
    assert_eq!(found, Err(vec!["no barrier lies between s.1 and s.2, which share h".to_owned()]));
    // One thread does what has no owner, in order.
    let alone = text.replace(" owner i < 4 by 2 of n\n  lanes j < min(2, 4 - i)", "\n  lanes i < 4");
    let alone = alone.replace("i + j", "i").replace("load h[c0*4 + i", "load h[c0*4 + 1 + i");
    assert_eq!(check(&alone), Ok(()));
    assert!(check(&text.replace("= h[c0*4] *", "= h[c0*4 + 1] *")).is_err());
    // Upwards or downwards, another loop's counter is not this one's.
    let apart = text.replace("{ s.1 s.2 }", "{ s.1 } loop c0 < 8 { s.2 }");
    assert!(check(&apart).is_err());
    assert_eq!(check(&apart.replace("} loop", "} | loop")), Ok(()));
}

/// A table that is added up in place, half by half, and a part for each block by its number.
#[test]
fn what_is_independent_by_divisibility_is_seen_to_be() {
    let text = "\
step s arena=1024 scratch=0 counters=0
buffer x : f32[200] arg 0
buffer h : f32[200] arena 0
buffer y : f32[4] report 0

kernel s.1
  for i < 2
    lanes j < 50
      %0 = load h[i*100 + j] : f32
      %1 = load h[i*100 + j + 50] : f32
      %2 = add %0 %1 : f32
      store h[i*50 + j] = %2

kernel s.2 owner i < 200 by 64 of n
  %0 = fold sum strided j < min(64, 200 - i) : f32
    %1 = load x[i + j] : f32
    item %1
  %2 = index i : i32
  %3 = const 6 : i32
  %4 = shift_right %2 %3 : i32
  store y[%4] = %0

order: s.1 s.2
";
    let check = |text: &str| verify(&read(text).unwrap_or_else(|e| panic!("{e}")));
    assert_eq!(check(text), Ok(()));
    assert_eq!(check(&text.replace("const 6", "const 64").replace("shift_right", "floor_div")), Ok(()));
    let refused = [
        ("lanes j < 50", "lanes j < 51"),
        ("store h[i*50 + j]", "store h[i*60 + j]"),
        ("load h[i*100 + j]", "load h[i*100 + j*2]"),
        ("const 6", "const 7"),
        ("const 6", "const -1"),
    ];
    for (from, to) in refused {
        assert!(check(&text.replace(from, to)).is_err(), "{to}");
    }
    assert!(check(&text.replace("const 6", "const 65").replace("shift_right", "floor_div")).is_err());
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(1000))]

    #[test]
    fn no_step_makes_the_verifier_panic(seed in any::<u64>()) {
        let _ = verify(&any_step(seed));
    }
}
