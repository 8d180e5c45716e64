//! The usual slips of people who come from Python, NumPy or C, and what to write in their place.

use super::lexer::{KEYWORDS, Kind, Token};
use super::messages::Place;
use super::parser::Rule;
use crate::diag::{Diagnostic, codes};

/// The message for a slip that is known, if the place is one.
pub(crate) fn of(place: &Place<'_>) -> Option<Diagnostic> {
    let found = place.found?;
    let at =
        |title: &str, label: &str| Diagnostic::error(codes::SYNTAX, title).label(place.span(&found), label);
    no_else(place)
        .or_else(|| trailing_point(place))
        .or_else(|| character(place, &found, &at))
        .or_else(|| assignment(place, &found, &at))
        .or_else(|| comment(place, &found))
        .or_else(|| foreign(place, &found, &at))
        .or_else(|| line_start(place, &found, &at))
        .or_else(|| keyword(place, &found, &at))
        .or_else(|| touching(place, &found, &at))
}

type At<'a> = &'a dyn Fn(&str, &str) -> Diagnostic;

/// `if a then b` without its `else`.
fn no_else(place: &Place<'_>) -> Option<Diagnostic> {
    let then = place.tokens[..place.index].iter().rev().find(|t| t.text(place.text) == "then")?;
    if !place.wants(Rule::k_else) {
        return None;
    }
    Some(
        Diagnostic::error(codes::SYNTAX, "this choice has no `else`")
            .label(place.span(then), "what if the condition does not hold?")
            .help("`if … then … else …` chooses a value; `if … { … }` does something or nothing"),
    )
}

/// `5.` with nothing after the point.
fn trailing_point(place: &Place<'_>) -> Option<Diagnostic> {
    let mut before = place.tokens[..place.index].iter().rev();
    let (point, number) = (before.next()?, before.next()?);
    if point.text(place.text) != "." || number.kind != Kind::Number || number.end != point.start {
        return None;
    }
    Some(
        Diagnostic::error(codes::SYNTAX, "a point has digits on both sides")
            .label(place.span(point), "none on the right")
            .help(format!("{}.0", number.text(place.text))),
    )
}

/// Characters that are no part of the language, and quotes.
fn character(place: &Place<'_>, found: &Token, at: At<'_>) -> Option<Diagnostic> {
    let text = place.found();
    match found.kind {
        Kind::Quote => {
            let rest = place.text[found.end..].lines().next().unwrap_or("");
            let inside = rest.split('\'').next().unwrap_or("");
            Some(
                at("strings are written in double quotes", "a single quote is only ever the transpose")
                    .help(format!("\"{}\"", inside.replace('"', "\\\""))),
            )
        }
        Kind::Unknown => {
            let c = text.chars().next()?;
            if matches!(c, '\u{201c}' | '\u{201d}' | '\u{2018}' | '\u{2019}') {
                return Some(at("this quote is typographic", "here").help("write the straight one, `\"`"));
            }
            if c.is_whitespace() || c.is_control() || matches!(c, '\u{200b}'..='\u{200f}' | '\u{feff}') {
                let title = format!("an invisible character, U+{:04X}, stands here", c as u32);
                return Some(at(&title, "this one").help("remove it, or write a plain space"));
            }
            let label = format!("here could stand {}", super::messages::expected(place.wanted));
            let title = format!("the character `{c}` is no part of the language");
            let problem = at(&title, &label);
            Some(if c.is_alphanumeric() {
                problem.help("names are written in the letters a to z, digits and `_`")
            } else {
                problem
            })
        }
        _ if text.starts_with('}') && inside_string(place, found) => {
            if place.text[..found.start].trim_end().ends_with('{') {
                return Some(
                    at("this hole is empty", "a value is missing before it").help("{x}, or {{}} for braces"),
                );
            }
            let closes = !place.wants(Rule::hole) && !place.wants(Rule::text);
            (!closes)
                .then(|| at("a brace in a string is written twice", "this one closes no hole").help("}}"))
        }
        Kind::Number if place.wants(Rule::expr) || place.text[found.end..].starts_with(is_letter) => {
            let rest = &place.text[found.end..];
            let more = rest.find(|c| !is_letter(c)).unwrap_or(rest.len());
            if more == 0 {
                return None;
            }
            let word = &rest[..more];
            if word.starts_with('_') {
                return Some(at("a single `_` stands between two digits", "after this one").help("50_000"));
            }
            Some(
                at("a number runs into a name", "a name cannot begin with a digit")
                    .help(format!("`{text} * {word}` for a product")),
            )
        }
        Kind::Op if text == "." => point(place, found, at),
        _ => None,
    }
}

fn is_letter(c: char) -> bool {
    c.is_ascii_alphanumeric() || c == '_'
}

fn inside_string(place: &Place<'_>, found: &Token) -> bool {
    let outer = place.tokens.get(place.index);
    outer.is_some_and(|t| matches!(t.kind, Kind::Str { .. }) && t.start < found.start)
}

/// `.5` and `5.`
fn point(place: &Place<'_>, found: &Token, at: At<'_>) -> Option<Diagnostic> {
    let after = place.after().filter(|t| t.kind == Kind::Number && t.start == found.end);
    if let Some(after) = after {
        let help = format!("0.{}", after.text(place.text));
        return Some(at("a point has digits on both sides", "none on the left").help(help));
    }
    let before = place.before().filter(|t| t.kind == Kind::Number && t.end == found.start);
    let before = before.map(|b| b.text(place.text))?;
    Some(at("a point has digits on both sides", "none on the right").help(format!("{before}.0")))
}

/// `=` for `==` or `:`, `+=`, shapes after a colon, and blocks after one.
fn assignment(place: &Place<'_>, found: &Token, at: At<'_>) -> Option<Diagnostic> {
    let text = place.found();
    let line = place.line_before();
    let first = line.first().map_or("", |t| t.text(place.text));
    let before = place.before().map_or("", |t| t.text(place.text));
    match text {
        "=" => {
            let condition =
                line.iter().rev().find(|t| t.kind == Kind::Word && is_condition(t.text(place.text)));
            if condition.is_some() && !inside(place, "(") {
                let left = before;
                let right = place.after().map_or("…", |t| t.text(place.text));
                return Some(
                    at("`=` defines, `==` compares", "a condition stands here")
                        .help(format!("{left} == {right}")),
                );
            }
            if inside(place, "(") && !matches!(first, "fn" | "step" | "schedule" | "layer") {
                return Some(
                    at("a named argument is written with `:`", "`=` defines, and nothing is defined here")
                        .help(format!("{before}: {}", place.after().map_or("…", |t| t.text(place.text)))),
                );
            }
            if first == "for" {
                return Some(
                    at("a loop goes through a list", "`in` could stand here").help("for x in xs { … }"),
                );
            }
            None
        }
        "+=" | "-=" | "*=" | "/=" => {
            let op = &text[..1];
            let left = line.first().map_or(found.start, |t| t.start);
            let name = place.text.get(left..found.start).unwrap_or("").trim();
            let right = place.text[found.end..].lines().next().unwrap_or("").split(['#', ';', '}']).next();
            let help = format!("{name} <- {name} {op} {}", right.unwrap_or("").trim());
            Some(
                at(&format!("there is no `{text}`"), "a place changes by `<-`")
                    .help(help.trim_end().to_owned()),
            )
        }
        "[" if before == ":" => {
            let name =
                line.len().checked_sub(2).and_then(|i| line.get(i)).map_or("x", |t| t.text(place.text));
            let shape = place.text[found.start..].lines().next().unwrap_or("").find(']');
            let shape = shape.and_then(|n| place.text.get(found.start..=found.start + n)).unwrap_or("[n]");
            Some(
                at("a shape follows its name", "after `:` stands a type, such as `int`")
                    .help(format!("{name}{shape}")),
            )
        }
        ":" if matches!(
            first,
            "if" | "for" | "fn" | "step" | "layer" | "run" | "schedule" | "phase" | "data"
        ) && !inside(place, "(") =>
        {
            Some(at("a block stands in braces", "`{` could stand here").help(format!("{first} … {{ … }}")))
        }
        _ => None,
    }
}

fn is_condition(word: &str) -> bool {
    matches!(word, "if" | "assert" | "and" | "or" | "not")
}

/// Whether the innermost bracket open before the place, on its line, is `bracket`.
fn inside(place: &Place<'_>, bracket: &str) -> bool {
    let mut open = Vec::new();
    for token in place.line_before() {
        match token.kind {
            Kind::Open => open.push(token.text(place.text)),
            Kind::Close => drop(open.pop()),
            _ => {}
        }
    }
    open.last() == Some(&bracket)
}

/// `// a comment`, as a line of its own or after a statement.
fn comment(place: &Place<'_>, found: &Token) -> Option<Diagnostic> {
    let line = place.line_before();
    let slashes = match place.found() {
        "//" if line.is_empty() => found,
        "*" | "**" if line.len() == 1 && line[0].text(place.text) == "/" => &line[0],
        "/" if line.is_empty() => found,
        _ => line.iter().rev().find(|t| t.text(place.text) == "//")?,
    };
    // After a division two words in a row, or the end, say that it was meant as a remark.
    if slashes != found && !matches!(found.kind, Kind::Word | Kind::Newline | Kind::Number) {
        return None;
    }
    Some(
        Diagnostic::error(codes::SYNTAX, "a comment begins with `#`")
            .label(place.span(slashes), "`//` is the floor division")
            .help(format!("# {}", place.text[slashes.end..].lines().next().unwrap_or("").trim())),
    )
}

/// Words and operators of other languages.
fn foreign(place: &Place<'_>, found: &Token, at: At<'_>) -> Option<Diagnostic> {
    let operator = match place.found() {
        "**" => Some(("`^` is the power", "^")),
        "*" if place.before().is_some_and(|b| b.text(place.text) == "*") => Some(("`^` is the power", "^")),
        "&&" | "&" => Some(("`and` joins conditions", "and")),
        "||" | "|" => Some(("`or` joins conditions", "or")),
        "!" => Some(("`not` denies a condition", "not")),
        _ => None,
    };
    if let Some((title, help)) = operator {
        return Some(at(title, "no operator of the language").help(help));
    }
    let before = place.before();
    let words = [Some(found), before];
    for token in words.into_iter().flatten().filter(|t| t.kind == Kind::Word) {
        let help = match token.text(place.text) {
            "def" | "func" | "function" | "lambda" => {
                "a function is declared by `fn f(x) = …` or `fn f(x) { … }`"
            }
            "class" | "struct" => "a layer is declared by `layer Name[sizes](values) { … }`",
            "import" => "`use std.layers: Dense` takes names from a module, and stands at the top",
            "let" | "const" => "a definition needs no word: `x = …`",
            "while" | "loop" => "every loop has a known length: `for i in 0..n { if … { stop } }`",
            "elif" => "`} else if … {`, on the line of the closing brace",
            "None" | "null" | "nil" => continue,
            "print" if found.kind == (Kind::Str { closed: true }) => {
                return Some(
                    at("a call has parentheses", "an argument without them")
                        .help(format!("print({})", place.found())),
                );
            }
            "is" => "`==` compares",
            _ => continue,
        };
        // The word itself may well be a name; only the two together are a slip.
        if token.start == found.start && before.is_some_and(|b| b.kind == Kind::Newline) {
            continue;
        }
        let title = format!("`{}` is no word of the language", token.text(place.text));
        return Some(Diagnostic::error(codes::SYNTAX, title).label(place.span(token), "here").help(help));
    }
    None
}

/// `else` or an operator at the start of a line.
fn line_start(place: &Place<'_>, found: &Token, at: At<'_>) -> Option<Diagnostic> {
    let text = place.found();
    let starts = place.before().is_some_and(|b| b.kind == Kind::Newline);
    if text == "else" && (starts || place.before().is_some_and(|b| b.text(place.text) == "}")) {
        return Some(
            at("`else` has lost its `if`", "`else` stands on the line of the closing brace").help("} else {"),
        );
    }
    let operator = found.kind == Kind::Op
        && matches!(
            text,
            "+" | "-" | "*" | "/" | "%" | "@" | "^" | "==" | "!=" | "<" | "<=" | ">" | ">=" | ".."
        );
    if starts && (operator || matches!(text, "and" | "or")) {
        return Some(
            at(&format!("a line cannot begin with `{text}`"), "the line above has ended its statement")
                .help(format!("write the `{text}` at the end of the line above")),
        );
    }
    None
}

/// A keyword where a name should be, or where another kind of block should be.
fn keyword(place: &Place<'_>, found: &Token, at: At<'_>) -> Option<Diagnostic> {
    let text = place.found();
    let before = place.before().map_or("", |t| t.text(place.text));
    // `data = 3`: the keyword was taken for the start of a declaration.
    let named = matches!(text, "=" | "," | "." | "~" | "<-" | "[" | "(" | ":" | ")");
    if named && KEYWORDS.contains(&before) && place.wants(Rule::ident) {
        let token = place.before()?;
        return Some(
            Diagnostic::error(codes::SYNTAX, format!("`{before}` is a keyword and cannot be a name"))
                .label(place.span(token), "a name is meant here")
                .help(format!("another name, such as `{before}_` or a longer word")),
        );
    }
    if found.kind != Kind::Word || !KEYWORDS.contains(&text) {
        return None;
    }
    let wants = |r| place.wants(r);
    let declares = matches!(
        text,
        "use"
            | "hyper"
            | "dim"
            | "data"
            | "stream"
            | "layer"
            | "param"
            | "state"
            | "step"
            | "schedule"
            | "run"
    );
    let named = |p: &Place<'_>| {
        p.after().is_some_and(|t| t.kind == Kind::Word || t.kind == Kind::Open && t.text(p.text) == "{")
    };
    if (wants(Rule::stmt) || wants(Rule::part) || wants(Rule::member)) && declares && named(place) {
        let block = if wants(Rule::stmt) { "block of statements" } else { "block of this kind" };
        return Some(
            at(&format!("`{text}` cannot stand in a {block}"), "a declaration of the file")
                .help("move it out, to the left margin; or a `}` is missing above"),
        );
    }
    if wants(Rule::item) && place.before().is_none_or(|b| b.kind == Kind::Newline) {
        return Some(
            at(
                &format!("`{text}` is no declaration"),
                "what is done stands in a function, a step or the run",
            )
            .help("run { … }"),
        );
    }
    let names = wants(Rule::ident) || wants(Rule::names) || wants(Rule::name) || wants(Rule::formal);
    let value = (wants(Rule::expr) || wants(Rule::postfix) || wants(Rule::atom) || wants(Rule::arg))
        && !matches!(text, "if" | "then" | "else" | "for" | "in" | "return" | "and" | "or");
    let extent = wants(Rule::extent) || wants(Rule::place);
    if names || value || extent {
        return Some(
            at(&format!("`{text}` is a keyword and cannot be a name"), "a name is meant here")
                .help(format!("another name, such as `{text}_` or a longer word")),
        );
    }
    if text == "if" && (wants(Rule::prefix) || wants(Rule::postfix) || wants(Rule::atom)) {
        return Some(
            at("a choice stands in parentheses here", "it would reach to the end")
                .help("(if … then … else …)"),
        );
    }
    None
}

/// `f (x)`, `x [i]`: calls and indices touch what they follow.
fn touching(place: &Place<'_>, found: &Token, at: At<'_>) -> Option<Diagnostic> {
    let before = place.before()?;
    let operand = match before.kind {
        Kind::Word => !KEYWORDS.contains(&before.text(place.text)),
        Kind::Close => before.text(place.text) != "}",
        _ => false,
    };
    let gap = place.text.get(before.end..found.start).unwrap_or("");
    if !operand || gap.is_empty() || found.kind != Kind::Open || place.found() == "{" {
        return None;
    }
    let word = before.text(place.text);
    let rest = place.text[found.start..].lines().next().unwrap_or("");
    let close = if place.found() == "(" { ')' } else { ']' };
    let inside = rest.find(close).map_or(rest, |n| &rest[..=n]);
    let what = if close == ')' { "a call touches what it calls" } else { "brackets touch what they follow" };
    Some(
        at(what, "a blank stands before this bracket")
            .help(format!("`{word}{inside}`; or a comma or an operator is missing")),
    )
}
