//! The text of programs, modules, whole numbers.

use crate::lab::{Lab, close, says};
use dlc::program::Precision;

const PROGRAM: &str = "# A line.
hyper turns = 3
param w = 0.5
step learn(x) {
  cost = (w * x - 1) ^ 2
  w <- w - 0.1 * grad(cost, w)
  report cost
}
run { for i in 0..turns { print(\"{learn(i + 1).cost}\") } }
";

fn ir(lab: &Lab, file: &str) -> String {
    let output = lab.dlc(&["ir", file]);
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8_lossy(&output.stdout).replace(file, "FILE")
}

fn check(lab: &Lab, file: &str) -> String {
    let output = lab.dlc(&["check", file]);
    assert_eq!(output.status.code(), Some(1));
    String::from_utf8_lossy(&output.stderr).into_owned()
}

#[test]
fn c001_marks_and_line_ends_change_nothing() {
    let crlf = PROGRAM.replace('\n', "\r\n");
    let lab = Lab::new()
        .file("lf.dl", PROGRAM)
        .file("mark.dl", format!("\u{feff}{PROGRAM}"))
        .file("crlf.dl", &crlf)
        .file("both.dl", format!("\u{feff}{crlf}"));
    let run = |file: &str| {
        let output = lab.dlc(&["run", file]);
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
        output.stdout
    };
    for file in ["mark.dl", "crlf.dl", "both.dl"] {
        assert_eq!(ir(&lab, file), ir(&lab, "lf.dl"), "{file}");
        assert_eq!(run(file), run("lf.dl"), "{file}");
    }
}

#[test]
fn c001_a_misspelt_name_stands_where_it_stands() {
    // Line 7, column 12, with a last sentence on the line so that it has an end.
    let wrong = PROGRAM.replace("  report cost\n", "    report costs # here\n");
    let crlf = format!("\u{feff}{}", wrong.replace('\n', "\r\n"));
    let lab = Lab::new().file("lf.dl", &wrong).file("crlf.dl", crlf);
    let (lf, crlf) = (check(&lab, "lf.dl"), check(&lab, "crlf.dl"));
    says(&lf, &["lf.dl:7:12", "7 │     report costs # here\n"]);
    assert_eq!(crlf, lf.replace("lf.dl", "crlf.dl"));
    assert!(!crlf.contains('\r') && !crlf.contains('\u{feff}'));
}

#[test]
fn c001_tabs_change_nothing_and_the_mark_stands_below_the_name() {
    let tabs = PROGRAM.replace("  ", "\t");
    let mixed = PROGRAM.replace("  cost", " \t cost").replace("  report", "\t report");
    let lab = Lab::new().file("spaces.dl", PROGRAM).file("tabs.dl", &tabs).file("mixed.dl", &mixed);
    let without_places = |text: String| -> Vec<String> {
        text.lines().map(|line| line.split("  #").next().unwrap_or("").to_owned()).collect()
    };
    for file in ["tabs.dl", "mixed.dl"] {
        assert_eq!(without_places(ir(&lab, file)), without_places(ir(&lab, "spaces.dl")), "{file}");
        assert_eq!(lab.dlc(&["run", file]).stdout, lab.dlc(&["run", "spaces.dl"]).stdout, "{file}");
    }
    for indent in ["\t", "\t ", " \t", "\t\t"] {
        let text = PROGRAM.replace("  report cost\n", &format!("{indent}report costs\n"));
        let lab = Lab::new().file("tabs.dl", text);
        let said = check(&lab, "tabs.dl");
        let mut lines = said.lines().skip_while(|line| !line.contains("report costs"));
        let (excerpt, marked) = (lines.next().expect("an excerpt"), lines.next().expect("a mark"));
        let column = |line: &str, what: char| line.chars().position(|c| c == what);
        let name = excerpt.find("costs").map(|at| excerpt[..at].chars().count());
        assert!(!excerpt.contains('\t'), "{said}");
        assert_eq!(name, column(marked, '─'), "{said}");
        says(&said, &[&format!("tabs.dl:7:{}", indent.len() + 8)]);
    }
}

#[test]
fn c005_modules_in_a_circle() {
    let lab = Lab::new()
        .file("a.dl", "use b: x\ny = x\nrun { print(1) }\n")
        .file("b.dl", "# First a comment.\nuse c: x\n")
        .file("c.dl", "\n\nuse a: y\nx = y\n")
        .file("self.dl", "use self: x\nx = 1\n");
    let began = std::time::Instant::now();
    let said = check(&lab, "a.dl");
    says(&said, &["DL0206", "a uses b uses c uses a", "a.dl:1:5", "b.dl:2:5", "c.dl:3:5"]);
    assert_eq!(said.matches("DL0").count(), 1, "{said}");
    says(&check(&lab, "self.dl"), &["self uses self", "self.dl:1:5"]);
    assert!(began.elapsed().as_secs() < 10);
}

#[cfg(unix)]
#[test]
fn c005_one_file_by_two_paths_is_one_module() {
    let lab = Lab::new()
        .file("one/m.dl", "param w = 3\nfn twice() = 2 * w\n")
        .file("std.dl", "run { print(\"a program may be called so\") }\n")
        .file(
            "paths.dl",
            "use one.m: w
use two.m: twice
step learn() { report seen = twice() - w; w <- w + 1 }
run { print(\"{learn().seen}\"); print(\"{learn().seen}\") }
",
        );
    std::os::unix::fs::symlink("one", lab.path("two")).expect("a link can be made");
    let output = lab.dlc(&["run", "paths.dl"]);
    assert_eq!(String::from_utf8_lossy(&output.stdout), "3\n4\n");
    // Only the run's folder is named.
    let said = String::from_utf8_lossy(&output.stderr);
    assert!(said.starts_with("files go to runs/") && said.lines().count() == 1, "{said}");
    let output = lab.dlc(&["run", "std.dl"]);
    assert_eq!(String::from_utf8_lossy(&output.stdout), "a program may be called so\n");
}

/// A file beside another is not the program because it is called like it.
#[test]
fn c005_equal_names_in_different_folders_are_no_circle() {
    let lab = Lab::new()
        .file("main.dl", "use sub.part: x\nrun { print(\"{x}\") }\n")
        .file("sub/part.dl", "use main: y\nx = y + 1\n")
        .file("sub/main.dl", "y = 4\n");
    let output = lab.dlc(&["run", "main.dl"]);
    assert_eq!(String::from_utf8_lossy(&output.stdout), "5\n", "{}", String::from_utf8_lossy(&output.stderr));
}

/// Numbers of the compiler, tensors, a divisor that is a constant or an argument, host numbers.
#[test]
fn c010_division_rounds_down_in_every_world() {
    let quotients = [-4.0, 3.0, 3.0, -4.0, -1.0, -1.0, -2.0, -2.0];
    let remainders = [1.0, 1.0, -1.0, -1.0, 2.0, -2.0, 1.0, -1.0];
    let dividends = [-7.0, 7.0, -7.0, 7.0, -1.0, 1.0, -5.0, 5.0];
    let by_two = [-4.0, 3.0, -4.0, 3.0, -1.0, 0.0, -3.0, 2.0];
    let by_minus_two = [3.0, -4.0, 3.0, -4.0, 0.0, -1.0, 2.0, -3.0];
    let odd = [1.0; 8];
    for precision in [Precision::F32, Precision::F64] {
        let told = Lab::new().precision(precision).run(include_str!("division.dl"));
        let lines = told.numbers();
        for row in [0, 1, 2] {
            close(&lines[row], &[quotients, remainders].concat(), 0.0);
        }
        close(&lines[3], &[by_two, odd, by_minus_two].concat(), 0.0);
        close(&lines[4], &dividends, 0.0);
        close(&lines[5], &[2.0, 2.0, 2.0, -1.0], 0.0);
        close(&lines[6], &[quotients, remainders].concat(), 0.0);
    }
}
