//! Any bytes: the parser answers, and what it accepts keeps its meaning through the layout.
#![no_main]

use dlc::source::SourceMap;
use dlc::syntax::{dump, parse, parse_expr, print};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|text: &str| {
    let mut sources = SourceMap::default();
    let source = sources.add("fuzz.dl", None, text);
    let (file, problems) = parse(&source);
    let _ = parse_expr(&source);
    if problems.is_empty() {
        let printed = sources.add("printed.dl", None, print(&file, &source));
        let (again, problems) = parse(&printed);
        assert!(problems.is_empty());
        assert_eq!(dump::dump(&file), dump::dump(&again));
        assert_eq!(print(&again, &printed), printed.text);
    }
});
