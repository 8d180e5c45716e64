//! The built-in functions' parameters, and how arguments find them.

use super::Given;
use crate::check::state::{Checker, Outcome};
use crate::check::value::Value;
use crate::diag::{Diagnostic, codes};
use crate::source::Span;

/// Parameters in order. `x:` is given by name only and may be left out, `x...` takes any number.
type Params = &'static [&'static str];

const X: Params = &["x"];
const REDUCE: Params = &["x", "axis:", "keep:"];
const CONV: Params = &["x", "filters", "mode:", "stride:"];

const TABLE: [(&str, Params); 53] = [
    ("exp", X),
    ("log", X),
    ("log1p", X),
    ("expm1", X),
    ("sqrt", X),
    ("abs", X),
    ("pow", &["x", "y"]),
    ("tanh", X),
    ("sigmoid", X),
    ("softplus", X),
    ("relu", X),
    ("erf", X),
    ("sin", X),
    ("cos", X),
    ("sign", X),
    ("floor", X),
    ("round", X),
    ("clamp", &["x", "low", "high"]),
    ("where", &["condition", "a", "b"]),
    ("min", &["x...", "axis:", "keep:", "ties:"]),
    ("max", &["x...", "axis:", "keep:", "ties:"]),
    ("sum", REDUCE),
    ("mean", REDUCE),
    ("prod", REDUCE),
    ("any", REDUCE),
    ("all", REDUCE),
    ("logsumexp", REDUCE),
    ("argmax", REDUCE),
    ("argmin", REDUCE),
    ("softmax", &["x", "axis:"]),
    ("log_softmax", &["x", "axis:"]),
    ("real", X),
    ("int", X),
    ("shape", X),
    ("len", X),
    ("zeros", &["shape"]),
    ("ones", &["shape"]),
    ("broadcast", &["x", "shape"]),
    ("indices", &["n"]),
    ("one_hot", &["i", "k"]),
    ("reshape", &["x", "shape"]),
    ("rearrange", &["x", "pattern"]),
    ("concat", &["list", "axis:"]),
    ("stack", &["list", "axis:"]),
    ("pad", &["x", "before:", "after:", "value:"]),
    ("stop_gradient", X),
    ("zip", &["list..."]),
    ("enumerate", &["list"]),
    ("pairs", &["list"]),
    ("conv2d", CONV),
    ("correlate2d", CONV),
    ("max_pool", &["x", "window", "ignore_border:", "ties:"]),
    ("mean_pool", &["x", "window", "ignore_border:"]),
];

/// Names of the functions, in the order of the table.
pub(super) const NAMES: [&str; TABLE.len()] = {
    let mut names = [""; TABLE.len()];
    let mut i = 0;
    while i < TABLE.len() {
        names[i] = TABLE[i].0;
        i += 1;
    }
    names
};

/// The parameters of a function.
pub(super) fn signature(name: &str) -> Option<Params> {
    TABLE.iter().find(|(n, _)| *n == name).map(|(_, params)| *params)
}

/// The arguments of a call, by parameter.
pub(super) struct Bound {
    /// The positional parameters' values, in order.
    values: Vec<(Value, Span)>,
    /// Those given by name only.
    options: Vec<(&'static str, Value, Span)>,
}

impl Bound {
    /// Takes the next positional value out; `bind` saw to it that there is one.
    pub fn first(&mut self) -> (Value, Span) {
        self.values.remove(0)
    }

    /// Takes all positional values out.
    pub fn all(&mut self) -> Vec<(Value, Span)> {
        std::mem::take(&mut self.values)
    }

    /// How many positional values are left.
    pub fn count(&self) -> usize {
        self.values.len()
    }

    /// Whether any option is given.
    pub fn has_options(&self) -> bool {
        !self.options.is_empty()
    }

    /// Whether an option is not given.
    pub fn option_is_missing(&self, name: &str) -> bool {
        self.options.iter().all(|(n, ..)| *n != name)
    }

    /// Takes an option out.
    pub fn option(&mut self, name: &str) -> Option<(Value, Span)> {
        let at = self.options.iter().position(|(n, ..)| *n == name)?;
        let (_, value, span) = self.options.remove(at);
        Some((value, span))
    }
}

impl Checker<'_> {
    /// Assigns arguments to parameters.
    pub(super) fn bind_arguments(
        &self,
        function: &str,
        params: Params,
        given: Vec<Given>,
        name_span: Span,
    ) -> Outcome<Bound> {
        let fixed: Vec<&'static str> = params.iter().copied().filter(|p| !p.ends_with([':', '.'])).collect();
        let many = params.iter().any(|p| p.ends_with("..."));
        let mut slots: Vec<Option<(Value, Span)>> = vec![None; fixed.len()];
        let mut extra = Vec::new();
        let mut options: Vec<(&'static str, Value, Span)> = Vec::new();
        let mut next = 0;
        for arg in given {
            let Some(name) = &arg.name else {
                if next < slots.len() {
                    if let Some((_, before)) = &slots[next] {
                        return Err(twice(function, fixed[next], arg.span, *before).into());
                    }
                    slots[next] = Some((arg.value, arg.span));
                    next += 1;
                } else if many {
                    extra.push((arg.value, arg.span));
                } else {
                    return Err(self.too_many(function, params, &fixed, arg.span).into());
                }
                continue;
            };
            if let Some(at) = fixed.iter().position(|p| **p == *name.name) {
                if let Some((_, before)) = &slots[at] {
                    return Err(twice(function, fixed[at], arg.span, *before).into());
                }
                slots[at] = Some((arg.value, arg.span));
            } else if let Some(option) =
                params.iter().filter_map(|p| p.strip_suffix(':')).find(|p| **p == *name.name)
            {
                if let Some((.., before)) = options.iter().find(|(n, ..)| *n == option) {
                    return Err(twice(function, option, arg.span, *before).into());
                }
                options.push((option, arg.value, arg.span));
            } else {
                let known: Vec<&str> =
                    params.iter().filter(|p| !p.ends_with("...")).map(|p| p.trim_end_matches(':')).collect();
                return Err(unknown(function, &name.name, &known, name.span).into());
            }
        }
        let missing: Vec<&str> =
            fixed.iter().zip(&slots).filter(|(_, s)| s.is_none()).map(|(p, _)| *p).collect();
        if !missing.is_empty() || (many && extra.is_empty()) {
            let what = if missing.is_empty() { "anything".to_string() } else { listed(&missing) };
            return Err(Diagnostic::error(
                codes::UNKNOWN_ARGUMENT,
                if missing.is_empty() {
                    format!("`{function}` is not given {what}")
                } else {
                    format!("`{function}` is not given its argument {what}")
                },
            )
            .label(name_span, "called here")
            .help(call_form(function, params))
            .into());
        }
        let mut values: Vec<(Value, Span)> = slots.into_iter().flatten().collect();
        values.extend(extra);
        Ok(Bound { values, options })
    }

    fn too_many(&self, function: &str, params: Params, fixed: &[&str], span: Span) -> Diagnostic {
        let count = match fixed.len() {
            1 => "one argument".to_string(),
            n => format!("{n} arguments"),
        };
        let d = Diagnostic::error(codes::UNKNOWN_ARGUMENT, format!("`{function}` takes {count} by position"))
            .label(span, "one more than that");
        match params.iter().find_map(|p| p.strip_suffix(':')) {
            Some(option) => d.help(format!("{option}: {}", self.operand_text(span))),
            None => d.help(call_form(function, params)),
        }
    }
}

fn twice(function: &str, param: &str, span: Span, before: Span) -> Diagnostic {
    Diagnostic::error(codes::UNKNOWN_ARGUMENT, format!("`{function}` is given its argument `{param}` twice"))
        .label(span, "here again")
        .label(before, "here first")
}

fn unknown(function: &str, name: &str, known: &[&str], span: Span) -> Diagnostic {
    let d = Diagnostic::error(codes::UNKNOWN_ARGUMENT, format!("`{function}` has no argument `{name}`"));
    let nearest = known.iter().map(|k| (distance(name, k), *k)).min();
    match nearest {
        Some((far, close)) if far <= 2.min(name.len() / 2 + 1) => {
            d.label(span, "not one of its arguments").help(format!("{close}:"))
        }
        _ if known.is_empty() => d.label(span, "it takes no named ones"),
        _ => d.label(span, format!("it takes {}", listed(known))),
    }
}

fn listed(names: &[&str]) -> String {
    names.iter().map(|n| format!("`{n}`")).collect::<Vec<_>>().join(", ")
}

/// How a function is called: `sum(x, axis: …, keep: …)`.
fn call_form(function: &str, params: Params) -> String {
    let parts: Vec<String> = params
        .iter()
        .map(|p| match (p.strip_suffix(':'), p.strip_suffix("...")) {
            (Some(option), _) => format!("{option}: …"),
            (_, Some(many)) => format!("{many}, …"),
            _ => p.to_string(),
        })
        .collect();
    format!("{function}({})", parts.join(", "))
}

/// How many letters two names differ by.
fn distance(a: &str, b: &str) -> usize {
    let b: Vec<char> = b.chars().collect();
    let mut row: Vec<usize> = (0..=b.len()).collect();
    for (i, x) in a.chars().enumerate() {
        let mut diagonal = row[0];
        row[0] = i + 1;
        for (j, y) in b.iter().enumerate() {
            let change = diagonal + usize::from(x != *y);
            diagonal = row[j + 1];
            row[j + 1] = change.min(row[j] + 1).min(diagonal + 1);
        }
    }
    row[b.len()]
}
