//! Cases from practice: what happened to people who train networks, as programs and what must come
//! of them. A test's name begins with the number of its case.
//!
//! Here programs are run as their users would run them. Of some cases the parts below are tested
//! where they are built:
//!
//! | case | about | besides here |
//! | --- | --- | --- |
//! | C001 | byte order mark, CR LF, tabs | `cli.rs`, `suite/syntax/crlf_and_tabs.dl` |
//! | C005 | modules in a circle | `errors/import_cycle.dl` |
//! | C014 | a column against a row | `errors/prediction_and_target.dl` |
//! | C024, C028, C029, C032, C034, C038, C041 | gradients | `grad.rs`, on graphs |
//! | C044, C046, C049 | far from zero | `rules.rs` and `grad.rs`, on graphs |
//! | C070 | packed or not, by the content | `data/idx.rs` |
//! | C072 | labels | `src/data/labels.rs`, `train/faults.rs` |
//! | C056, C059 | convolution, pooling | `suite/conv/values.rs` |
//! | C073 | pickles of every protocol | `data/pickles.rs`; not here |
//! | C076 | order and type of arrays | `data/npy.rs` |
//! | C078 | empty cells | `data/csv.rs` |
//! | C082 | patience | `train/schedule.rs`, on a schedule built by hand |
//! | C092 | rates | `train/schedule.rs` |
//! | C098 | draws in a loop | `scan.rs` |
//! | C102 | Philox, draws | `random.rs`, `draws.rs`; not here |
//! | C104 | NumPy's generator | `random.rs` |
//! | C109 | values that go bad | `train/faults.rs` |
//! | C115 | nesting | `syntax/robust.rs`, `errors/nesting.dl` |
//! | C117 | saving | `data/write.rs`, `train/files.rs` |
//!
//! Not yet, for what they need is not built: the remainder of the minibatches (those parts of C020
//! and C094), resumed runs (C106, those parts of C085 and C092), a plan of memory (C114), other
//! devices and thread counts. Pooling has no stride of its own, as C059 (a) would want it.

#[path = "cases/data.rs"]
mod data;
#[path = "cases/gradients.rs"]
mod gradients;
#[path = "cases/lab.rs"]
mod lab;
#[path = "cases/language.rs"]
mod language;
#[path = "cases/loops.rs"]
mod loops;
#[path = "cases/numerics.rs"]
mod numerics;
#[path = "cases/shapes.rs"]
mod shapes;
#[path = "cases/tooling.rs"]
mod tooling;
#[path = "cases/training.rs"]
mod training;
