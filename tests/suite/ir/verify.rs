//! Each invariant has a graph that breaks it.

use dlc::ir::read::read;
use dlc::ir::verify::verify;

/// Leaves for the bad lines to use.
const LEAVES: &str = "\
leaf place 0 p : f32[2,3]
leaf arg 0 d : f64[2,3]
leaf arg 1 n : i32[2,3]
leaf arg 2 t : bool[2,3]
leaf arg 3 s : f32[]
leaf arg 4 e : f32[0]
%p = leaf p : f32[2,3]
%d = leaf d : f64[2,3]
%n = leaf n : i32[2,3]
%t = leaf t : bool[2,3]
%s = leaf s : f32[]
%e = leaf e : f32[0]
";

/// Lines after the leaves, and a piece of the one violation they cause.
const BROKEN: &[(&str, &str)] = &[
    // Order, counts, leaves.
    ("%z = neg %7 : f32[2,3]", "operand %7 does not stand before its user"),
    ("%z = neg %6 : f32[2,3]", "operand %6 does not stand before its user"),
    ("%z = neg : f32[2,3]", "1 operands are needed, not 0"),
    ("%z = add %p : f32[2,3]", "2 operands are needed, not 1"),
    ("%z = neg %p %p : f32[2,3]", "1 operands are needed, not 2"),
    ("%z = const %p 1.0 : f32[]", "0 operands are needed, not 1"),
    ("%z = concat axis=0 : f32[2,3]", "there are no operands"),
    ("%z = gather %p axes=[0] : f32[3]", "2 operands are needed, not 1"),
    ("%z = leaf 9 : f32[]", "there is no leaf 9"),
    ("%z = leaf s : f32[]", "leaf 4 has a second node"),
    ("leaf arg 9 x : f32[]\n%z = leaf x : f64[]", "type f64[] where f32[] follows"),
    ("leaf place 0 q : f32[]", "leaf q is there twice: Place 0"),
    // Element types.
    ("%z = exp %n : i32[2,3]", "where reals are needed"),
    ("%z = neg %t : bool[2,3]", "where numbers are needed"),
    ("%z = not %p : f32[2,3]", "elements of type bool are needed"),
    ("%z = floor %n : i32[2,3]", "where reals are needed"),
    ("%z = relu %t : bool[2,3]", "where numbers are needed"),
    ("%z = add %t %t : bool[2,3]", "where numbers are needed"),
    ("%z = div %n %n : i32[2,3]", "where reals are needed"),
    ("%z = and %n %n : i32[2,3]", "elements of type bool are needed"),
    ("%z = add %p %d : f32[2,3]", "type f64[2,3] where f32[2,3] follows"),
    ("%z = add %p %s : f32[2,3]", "type f32[] where f32[2,3] follows"),
    ("%z = lt %t %t : bool[2,3]", "where numbers are needed"),
    ("%z = eq %p %d : bool[2,3]", "type f64[2,3] where f32[2,3] follows"),
    ("%z = select %n %p %p : f32[2,3]", "type i32[2,3] where bool[2,3] follows"),
    ("%z = select %t %p %d : f32[2,3]", "type f64[2,3] where f32[2,3] follows"),
    ("%z = reduce_sum %t axes=[0] : bool[3]", "where numbers are needed"),
    ("%z = reduce_any %n axes=[0] : i32[3]", "elements of type bool are needed"),
    ("%z = argmax %t axis=0 : i32[3]", "where numbers are needed"),
    ("%z = contract %n %n [i,j] [i,j] -> [] i=2 j=3 : i32[]", "where reals are needed"),
    ("%z = contract %p %d [i,j] [i,j] -> [] i=2 j=3 : f32[]", "elements of type f32 are needed"),
    ("%z = gather %p %p axes=[0] : f32[2,3,3]", "type f32[2,3] where i32[2,3] follows"),
    ("%z = scatter_add %t %n axes=[0] : bool[4]", "where numbers are needed"),
    ("%z = const 1.0 : i32[]", "is no constant of type i32"),
    ("%z = const 1 : f32[]", "is no constant of type f32"),
    ("%z = const true : f32[]", "is no constant of type f32"),
    ("%z = pad %p low=[0,0] high=[0,0] interior=[0,0] value=0 : f32[2,3]", "is no constant of type f32"),
    ("%z = grad %p %p : f32[2,3]", "f32[2,3] is no real scalar"),
    ("%z = grad %s %n : i32[2,3]", "where reals are needed"),
    // The type that follows.
    ("%z = const 1.0 : f32[1]", "type f32[1] where f32[] follows"),
    ("%z = iota axis=0 : f32[2]", "elements of type i32 are needed"),
    ("%z = neg %p : f32[3,2]", "type f32[3,2] where f32[2,3] follows"),
    ("%z = add %p %p : f64[2,3]", "type f64[2,3] where f32[2,3] follows"),
    ("%z = eq %p %p : f32[2,3]", "type f32[2,3] where bool[2,3] follows"),
    ("%z = select %t %p %p : f32[3,2]", "type f32[3,2] where f32[2,3] follows"),
    ("%z = cast %p to=f64 : f32[2,3]", "type f32[2,3] where f64[2,3] follows"),
    ("%z = transpose %p perm=[1,0] : f32[2,3]", "type f32[2,3] where f32[3,2] follows"),
    ("%z = broadcast %p axes=[0,1] : f32[2,4]", "3 does not stretch to 4"),
    ("%z = broadcast %p axes=[0,1] : f64[2,3]", "elements of type f32 are needed"),
    ("%z = reshape %p : f32[7]", "has not as many elements"),
    ("%z = concat %p %p axis=0 : f32[5,3]", "type f32[5,3] where f32[4,3] follows"),
    ("%z = concat %p %s axis=0 : f32[2,3]", "2 items are needed"),
    ("%z = reverse %p axes=[0] : f32[3,2]", "type f32[3,2] where f32[2,3] follows"),
    ("%z = reduce_sum %p axes=[0] : f32[2]", "type f32[2] where f32[3] follows"),
    ("%z = argmax %p axis=0 : f32[3]", "type f32[3] where i32[3] follows"),
    ("%z = contract %p %p [i,k] [j,k] -> [i,j] i=2 j=2 k=3 : f32[2,3]", "where f32[2,2] follows"),
    ("%z = gather %p %n axes=[0] : f32[2,3]", "type f32[2,3] where f32[2,3,3] follows"),
    ("%z = scatter_add %p %n axes=[0] : f32[9,9]", "type f32[2,3] where f32[2,3,9] follows"),
    ("%z = stop_gradient %p : f32[]", "type f32[] where f32[2,3] follows"),
    ("%z = grad %s %p : f32[]", "type f32[] where f32[2,3] follows"),
    ("%z = pad %p low=[1,0] high=[0,0] interior=[1,0] value=0.0 : f32[3,3]", "axis 0 should have extent 4"),
    // Axes.
    ("%z = iota axis=1 : i32[2]", "[1] are no ascending axes of rank 1"),
    ("%z = transpose %p perm=[0,0] : f32[2,2]", "[0, 0] is no permutation"),
    ("%z = broadcast %p axes=[1,0] : f32[3,2]", "[1, 0] are no ascending axes"),
    ("%z = broadcast %p axes=[0] : f32[2,3]", "2 items are needed, one an axis"),
    ("%z = reduce_sum %p axes=[1,0] : f32[]", "[1, 0] are no ascending axes"),
    ("%z = reduce_sum %p axes=[2] : f32[2,3]", "[2] are no ascending axes of rank 2"),
    ("%z = gather %p axes=[] : f32[2,3]", "no axis is indexed"),
    // Inside the operand.
    ("%z = slice %p start=[0,0] stride=[1,2] : f32[2,3]", "axis 1 is sliced past its end"),
    ("%z = slice %p start=[0,0] stride=[1,0] : f32[2,3]", "axis 1 has stride 0"),
    ("%z = argmax %e axis=0 : i32[]", "no elements have no extreme one"),
    ("%z = contract %p %p [i,j+1] [i,j] -> [i] i=2 j=3 : f32[2]", "goes from 1 to 3 in an axis of extent 3"),
    ("%z = contract %p %p [i,-j] [i,j] -> [i] i=2 j=3 : f32[2]", "goes from -2 to 0 in an axis"),
    ("%z = contract %p %p [i,k] [i,j] -> [i] i=2 j=3 : f32[2]", "a variable that is not there"),
    ("%z = contract %p %p [i,j] [i,j] -> [i,i] i=2 j=3 : f32[2,2]", "is not there or comes twice"),
    // Windows.
    ("%z = window_sum %t size=[1] stride=[1] : bool[2,3]", "where numbers are needed"),
    ("%z = window_sum %p size=[1] stride=[1] : f64[2,3]", "elements of type f32 are needed"),
    (
        "%z = window_sum %p size=[2] stride=[2] : f32[3,2]",
        "one number of each window over f32[2,3] is needed",
    ),
    ("%z = window_sum %p size=[2] stride=[2] : f32[2,3]", "the last window along axis 1 has no cells"),
    ("%z = window_sum %p size=[2] stride=[1,1] : f32[2,3]", "1 items are needed"),
    ("%z = window_sum %p size=[1,0] stride=[1,1] : f32[2,3]", "a window has extent 0 or stride 0"),
    ("%z = window_sum %p size=[1,1] stride=[0,1] : f32[2,3]", "a window has extent 0 or stride 0"),
    ("%z = window_sum %p size=[1,1,1] stride=[1,1,1] : f32[2,3]", "windows of 3 axes over f32[2,3]"),
    ("%z = window_spread %p %p size=[2] stride=[2] ties=all : f32[2,3]", "along axis 1 has no cells"),
    ("%z = window_spread %p size=[2] stride=[2] ties=all : f32[2,3]", "2 operands are needed, not 1"),
    ("%z = window_fill %p %p size=[2] stride=[2] : f32[2,3]", "1 operands are needed, not 2"),
    ("%z = window_pick %p %d size=[2] stride=[2] ties=all : f32[2,2]", "type f64[2,3] where f32[2,3]"),
    // Random words and loops.
    ("%z = random_bits %s %s key=[1,2] : i32[3]", "type f32[] where i32[]"),
    ("%z = random_bits key=[1,2] : i32[3]", "2 operands are needed, not 0"),
    ("%z = shift_right %p %p : f32[2,3]", "elements of type i32 are needed"),
    ("%z = result %p at=0 : f32[2,3]", "the operand is no scan"),
    ("leaf carried 0 c : f32[2]", "leaf c of kind Carried stands in the wrong graph"),
    (
        "%z = scan %p turns=2 carried=2 scanned=0 : bool[]\n| graph b",
        "there are fewer operands than carried and scanned",
    ),
    (
        "%z = scan %p turns=2 carried=1 scanned=0 : bool[]\n| graph b",
        "the body does not report every carried value",
    ),
    (
        "%z = scan %p turns=3 carried=0 scanned=1 : bool[]\n| graph b",
        "does not have the extent 3 to go through",
    ),
    (
        "%z = scan %p turns=2 carried=1 scanned=0 : bool[]\n| graph b\n| leaf carried 0 h : f32[2,3]\n\
         | %h = leaf h : f32[2,3]\n| %n = reduce_sum %h axes=[0] : f32[3]\n| report n = %n",
        "type f32[3] where f32[2,3] follows",
    ),
    (
        "%z = scan %p turns=2 carried=0 scanned=1 : bool[]\n| graph b\n| leaf scanned 0 x : f32[2]",
        "type f32[2] where f32[3] follows",
    ),
    (
        "%z = scan turns=2 carried=0 scanned=0 : bool[]\n| graph b\n| leaf captured 0 w : f32[2]",
        "leaf w has no operand",
    ),
    (
        "%z = scan turns=2 carried=0 scanned=0 : bool[]\n| graph b\n| leaf arg 0 x : f32[2]",
        "in the body: leaf x of kind Arg stands in the wrong graph",
    ),
    // Sizes.
    ("%z = broadcast %s axes=[] : f32[4294967296,4294967296]", "too many elements"),
    ("%z = iota axis=0 : i32[4294967296]", "past the greatest i32"),
];

/// Updates and reports are no nodes.
const ROOTS: [(&str, &str); 6] = [
    ("update 9 = %p", "an update of leaf 9, which is not there"),
    ("update s = %s", "an update of s, which is no place"),
    ("update p = %p\nupdate p = %p", "a second update of p"),
    ("update p = %s", "p of type f32[2,3] gets a value of type f32[]"),
    ("update p = %9", "the new value of p, %9, is not there"),
    ("report r = %9", "the value of report r, %9, is not there"),
];

#[test]
fn each_broken_invariant_is_found() {
    for (line, expected) in BROKEN.iter().chain(&ROOTS) {
        let graph = read(&format!("graph g\n{LEAVES}{line}\n")).unwrap_or_else(|e| panic!("{line}: {e}"));
        let found = verify(&graph).expect_err(line);
        assert_eq!(found.len(), 1, "{line}: {found:?}");
        assert!(found[0].to_string().contains(expected), "{line}: {}", found[0]);
    }
}

#[test]
fn the_leaves_alone_are_right() {
    verify(&read(&format!("graph g\n{LEAVES}")).expect("reads")).expect("verifies");
}

#[test]
fn a_loop_serves_only_its_results() {
    let scan = "%z = scan %p turns=2 carried=0 scanned=1 : bool[]\n| graph b\n| leaf scanned 0 x : f32[3]\n\
                | %x = leaf x : f32[3]\n| report x = %x\n";
    for (line, expected) in [
        ("%y = result %z at=0 : f32[2,3]", None),
        ("%y = result %z at=0 : f32[3]", Some("type f32[3] where f32[2,3] follows")),
        ("%y = result %z at=1 : f32[2,3]", Some("there is no result 1")),
        ("%y = not %z : bool[]", Some("a scan serves only `result`")),
    ] {
        let text = format!("graph g\n{LEAVES}{scan}{line}\n");
        let found = verify(&read(&text).unwrap_or_else(|e| panic!("{line}: {e}")));
        match expected {
            None => found.expect("right"),
            Some(expected) => {
                let found = found.expect_err(line);
                assert!(found[0].to_string().contains(expected), "{line}: {}", found[0]);
            }
        }
    }
}

#[test]
fn all_violations_are_given_in_order() {
    let text = format!("graph g\n{LEAVES}%a = neg %t : bool[2,3]\n%b = exp %n : i32[2,3]\nreport r = %99\n");
    let found = verify(&read(&text).expect("reads")).expect_err("three");
    let nodes: Vec<Option<u32>> = found.iter().map(|v| v.node.map(|n| n.0)).collect();
    assert_eq!(nodes, [Some(6), Some(7), None]);
    let first = "%6: bool[2,3] where numbers are needed, in `%a = neg %t : bool[2,3]`";
    assert_eq!(found[0].to_string(), first);
}
