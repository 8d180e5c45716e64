//! Shapes that meet: broadcasting, and what to say when they do not fit.

use crate::check::state::{Checker, Outcome, fail};
use crate::check::value::{Axis, Tensor, Value};
use crate::diag::{Code, Diagnostic, codes};
use crate::source::Span;

/// A tensor with the place it is used at.
pub(in crate::check) type Operand<'a> = (&'a Tensor, Span);

/// Whether an axis stretches: it is the plain number 1.
pub(super) fn stretches(axis: Axis) -> bool {
    axis == Axis::plain(1)
}

/// Which axis, in words.
pub(super) fn axis_word(position: usize, rank: usize) -> String {
    match rank - 1 - position {
        0 => "the last axis".into(),
        _ if position == 0 => "the first axis".into(),
        1 => "the last axis but one".into(),
        _ => format!("axis {position}"),
    }
}

impl Checker<'_> {
    /// The text of an operand for messages, on one line.
    pub(super) fn operand_text(&self, span: Span) -> String {
        let text = self.sources.text(span).split_whitespace().collect::<Vec<_>>().join(" ");
        match text.chars().count() {
            0 => "this".into(),
            1..=48 => text,
            _ => format!("{}…", text.chars().take(40).collect::<String>()),
        }
    }

    /// The text of `whole` with `new` in place of `part`.
    pub(super) fn edited(&self, whole: Span, part: Span, new: &str) -> String {
        let text = self.sources.text(whole);
        let inside = whole.file == part.file && whole.start <= part.start && part.end <= whole.end;
        if !inside || text.len() > 100 || text.contains('\n') || text.is_empty() {
            return new.to_string();
        }
        let (from, to) = ((part.start - whole.start) as usize, (part.end - whole.start) as usize);
        match (text.get(..from), text.get(to..)) {
            (Some(before), Some(after)) => format!("{before}{new}{after}"),
            _ => new.to_string(),
        }
    }

    /// The axes of the operands together, by the rules of broadcasting.
    pub(in crate::check) fn broadcast_axes(&self, operands: &[Operand], span: Span) -> Outcome<Vec<Axis>> {
        let rank = operands.iter().map(|o| o.0.axes.len()).max().unwrap_or(0);
        let mut axes = Vec::with_capacity(rank);
        for from_right in (0..rank).rev() {
            // The axis so far, with the operand and position it is from.
            let mut so_far: Option<(Axis, usize, usize)> = None;
            for (i, (tensor, _)) in operands.iter().enumerate() {
                let Some(position) = tensor.axes.len().checked_sub(from_right + 1) else { continue };
                let axis = tensor.axes[position];
                so_far = Some(match so_far {
                    None => (axis, i, position),
                    Some((a, j, p)) => match self.agree(a, axis) {
                        Some(both) if both.dim == a.dim => (both, j, p),
                        Some(both) => (both, i, position),
                        None if stretches(a) => (axis, i, position),
                        None if stretches(axis) => (a, j, p),
                        None => {
                            let (a, b) = ((operands[j], p), (operands[i], position));
                            return Err(self.does_not_broadcast(a, b, span).into());
                        }
                    },
                });
            }
            if let Some((axis, ..)) = so_far {
                axes.push(axis);
            }
        }
        self.no_repeats(operands, &axes, span)?;
        Ok(axes)
    }

    /// An axis added on the left may not repeat a name.
    fn no_repeats(&self, operands: &[Operand], axes: &[Axis], span: Span) -> Outcome<()> {
        for small in operands {
            let added = axes.len() - small.0.axes.len();
            for axis in &axes[..added] {
                let Some(position) = small.0.axes.iter().position(|a| a.dim.is_some() && a.dim == axis.dim)
                else {
                    continue;
                };
                let name = self.axis_name(*axis);
                let Some(big) =
                    operands.iter().find(|o| o.0.axes.contains(axis) && !std::ptr::eq(o.0, small.0))
                else {
                    continue;
                };
                let big_at = big.0.axes.iter().position(|a| a == axis).unwrap_or(0);
                let title = format!("this gives {}: {name} would be two axes", self.shape_text(axes));
                let text = self.meets((*small, position), (*big, big_at), "would stand beside");
                let mut d = Diagnostic::error(codes::BROADCAST, title).label(span, text);
                d = self.where_made(d, &[*small, *big]);
                if let Some(new) = self.aligned(*small, *big) {
                    d = d.help(self.edited(span, small.1, &new));
                }
                return Err(d.into());
            }
        }
        Ok(())
    }

    /// `n, the last axis of weight, meets k, the last of log(p)`.
    pub(super) fn meets(&self, a: (Operand, usize), b: (Operand, usize), verb: &str) -> String {
        let of = |(operand, position): (Operand, usize)| {
            (
                self.axis_name(operand.0.axes[position]),
                axis_word(position, operand.0.axes.len()),
                self.operand_text(operand.1),
            )
        };
        let ((name_a, word_a, text_a), (name_b, word_b, text_b)) = (of(a), of(b));
        let word_b = word_b.replacen(" axis", "", 1);
        format!("{name_a}, {word_a} of {text_a}, {verb} {name_b}, {word_b} of {text_b}")
    }

    /// Adds where operands were made and what they are, and where their dimensions come from.
    pub(super) fn where_made(&self, mut d: Diagnostic, operands: &[Operand]) -> Diagnostic {
        let mut seen: Vec<(Span, String)> = Vec::new();
        for (tensor, span) in operands {
            let text = format!("{} is {}", self.operand_text(*span), self.shape_full(&tensor.axes));
            if seen.iter().any(|(_, t)| *t == text) {
                continue;
            }
            match seen.iter_mut().find(|(s, _)| *s == tensor.span) {
                Some((_, before)) => *before = format!("{before}, {text}"),
                None => seen.push((tensor.span, text)),
            }
        }
        for (span, text) in seen {
            let covered = d
                .labels
                .iter()
                .any(|l| l.span.file == span.file && l.span.start <= span.start && span.end <= l.span.end);
            d = if covered || span.start == span.end { d.note(text) } else { d.label(span, text) };
        }
        d
    }

    /// Adds where the extents of axes come from.
    pub(super) fn origins(&self, mut d: Diagnostic, axes: &[Axis]) -> Diagnostic {
        for axis in axes {
            if let Some(origin) = self.dim_origin(*axis)
                && !d.notes.contains(&origin)
            {
                d = d.note(origin);
            }
        }
        d
    }

    /// The code and title for two axes that do not agree.
    pub(super) fn disagreement(&self, a: Axis, b: Axis, code: Code, otherwise: String) -> Diagnostic {
        if a.extent == b.extent && a.dim.is_some() && b.dim.is_some() {
            let (x, y) = (self.axis_name(a), self.axis_name(b));
            let title = if x == y {
                format!("two dimensions are both named {x}, and both are {} here", a.extent)
            } else {
                format!("{x} is not {y}, though both are {} here", a.extent)
            };
            return Diagnostic::error(codes::DIMENSION_NAME, title);
        }
        Diagnostic::error(code, otherwise)
    }

    /// Adds where two named dimensions are declared.
    pub(super) fn declared(&self, mut d: Diagnostic, axes: &[Axis]) -> Diagnostic {
        for dim in axes.iter().filter_map(|a| a.dim) {
            let dim = &self.dims[dim];
            if d.labels.iter().all(|l| l.span != dim.span) {
                d = d.label(dim.span, format!("{} is declared here", dim.name));
            }
        }
        d
    }

    fn does_not_broadcast(&self, a: (Operand, usize), b: (Operand, usize), span: Span) -> Diagnostic {
        let (x, y) = (a.0.0.axes[a.1], b.0.0.axes[b.1]);
        let title = format!(
            "these shapes do not broadcast: {} and {}",
            self.shape_text(&a.0.0.axes),
            self.shape_text(&b.0.0.axes)
        );
        let mut d = self.disagreement(x, y, codes::BROADCAST, title);
        d = d.label(span, self.meets(a, b, "meets"));
        d = self.where_made(d, &[a.0, b.0]);
        if d.code == codes::DIMENSION_NAME {
            d = self.declared(d, &[x, y]);
        }
        d = self.origins(d, &[x, y]);
        let (small, big) = if a.0.0.axes.len() <= b.0.0.axes.len() { (a.0, b.0) } else { (b.0, a.0) };
        match self.aligned(small, big) {
            Some(new) => d.help(self.edited(span, small.1, &new)),
            None => d,
        }
    }

    /// How the smaller operand would line up with the bigger: `rearrange(weight, [n] -> [n, 1])`.
    fn aligned(&self, small: Operand, big: Operand) -> Option<String> {
        let (s, b) = (&small.0.axes, &big.0.axes);
        let text = self.operand_text(small.1);
        if s.is_empty() || text.ends_with('…') {
            return None;
        }
        if s.len() == b.len() {
            let swapped =
                s.len() == 2 && self.agree(s[0], b[1]).is_some() && self.agree(s[1], b[0]).is_some();
            return swapped.then(|| self.transposed(small.1));
        }
        let mut places: Vec<usize> = Vec::new();
        for axis in s {
            let from = places.last().map_or(0, |p| p + 1);
            let found = (from..b.len()).find(|i| self.agree(*axis, b[*i]).is_some())?;
            places.push(found);
        }
        let names = self.pattern_names(s);
        let to: Vec<String> = (places[0]..b.len())
            .map(|i| places.iter().position(|p| *p == i).map_or("1".into(), |k| names[k].clone()))
            .collect();
        if to == names {
            return None;
        }
        Some(format!("rearrange({text}, [{}] -> [{}])", names.join(", "), to.join(", ")))
    }

    /// Names for the axes in a pattern: their own, or letters.
    fn pattern_names(&self, axes: &[Axis]) -> Vec<String> {
        let mut names: Vec<String> = Vec::new();
        for axis in axes {
            let own = axis.dim.map(|d| self.dims[d].name.to_string()).filter(|n| !names.contains(n));
            let name = own.or_else(|| ('a'..='z').map(String::from).find(|n| !names.contains(n)));
            names.push(name.unwrap_or_else(|| "_".into()));
        }
        names
    }

    /// An operand's text transposed.
    pub(super) fn transposed(&self, span: Span) -> String {
        let text = self.operand_text(span);
        if let Some(plain) = text.strip_suffix('\'') {
            return plain.to_string();
        }
        let wrapped = text.starts_with('(') && text.ends_with(')');
        let simple = text.chars().all(|c| c.is_alphanumeric() || matches!(c, '_' | '.'))
            || (!text.contains(' ') && text.ends_with([')', ']']));
        if wrapped || simple { format!("{text}'") } else { format!("({text})'") }
    }

    /// The error for a distribution where a value should stand; `shape` is what is wanted there.
    pub(super) fn undrawn(&self, span: Span, whole: Span, shape: &str) -> Diagnostic {
        let text = self.operand_text(span);
        let rest = self.edited(whole, span, "drawn");
        let mut edit = format!("drawn[{shape}] ~ {text}");
        if rest != "drawn" {
            edit = format!("{edit}\n{rest}");
        }
        Diagnostic::error(codes::DISTRIBUTION, "a distribution is not a value")
            .label(span, "says how to draw, and nothing is drawn")
            .help(edit)
    }

    /// Refuses what is no value to compute with.
    pub(super) fn refuse(&self, value: &Value, what: &str, span: Span, whole: Span) -> Outcome<()> {
        match value {
            Value::Poison => Err(crate::check::state::Fail::Reported),
            Value::Dist(_) => Err(self.undrawn(span, whole, "…").into()),
            Value::Raw(_) => {
                let text = self.operand_text(span);
                Err(Diagnostic::error(codes::SHAPE, "this array from a file has no shape yet")
                    .label(span, format!("{what} takes an array whose shape is declared"))
                    .help(format!("reshape({text}, [rows, columns])   with the extents it has in the file"))
                    .into())
            }
            Value::Function(_) | Value::Builtin(_) | Value::Instance(_) => {
                let text = self.operand_text(span);
                let title = format!("{what} does not take {}", value.kind());
                Err(Diagnostic::error(codes::KIND, title)
                    .label(span, "is not called here")
                    .help(format!("{text}(…)"))
                    .into())
            }
            _ => Ok(()),
        }
    }

    /// An error about a value's kind.
    pub(super) fn wrong_kind<T>(&self, what: &str, wanted: &str, value: &Value, span: Span) -> Outcome<T> {
        self.refuse(value, what, span, span)?;
        let title = format!("{what} takes {wanted}, not {}", value.kind());
        fail(codes::KIND, title, span, format!("this is {}", value.kind()))
    }
}
