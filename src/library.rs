//! The standard library: modules written in `.dl`, embedded in the program.

/// Each module's name and text.
pub const MODULES: &[(&str, &str)] = &[
    ("std.data", include_str!("std/data.dl")),
    ("std.init", include_str!("std/init.dl")),
    ("std.layers", include_str!("std/layers.dl")),
    ("std.losses", include_str!("std/losses.dl")),
    ("std.train", include_str!("std/train.dl")),
    ("std.updates", include_str!("std/updates.dl")),
    ("std.viz", include_str!("std/viz.dl")),
];

/// The text of a module: `std.layers`.
pub fn text(name: &str) -> Option<&'static str> {
    MODULES.iter().find(|(n, _)| *n == name).map(|(_, text)| *text)
}
