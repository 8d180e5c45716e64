//! Convolution and pooling: the last two axes are a picture's rows and columns.

use super::args::Bound;
use super::fit::Operand;
use crate::check::state::{Checker, Outcome, fail};
use crate::check::value::{Axis, Tensor, Value};
use crate::diag::{Diagnostic, codes};
use crate::program::{ConvMode, Elem, PoolOp, Ties, ValueOp};
use crate::source::Span;

/// The greatest extent, as elsewhere.
const GREATEST: usize = i32::MAX as usize;

/// Rows and columns, in words.
const LINES: [&str; 2] = ["rows", "columns"];

impl Checker<'_> {
    /// `conv2d(x, W, mode: "valid", stride: 1)`, and `correlate2d` likewise.
    pub(super) fn convolution(&mut self, flipped: bool, mut given: Bound, span: Span) -> Outcome<Value> {
        let what = if flipped { "`conv2d`" } else { "`correlate2d`" };
        let ((x, x_at), (w, w_at)) = (given.first(), given.first());
        let x = self.picture(what, &x, x_at)?;
        let w = self.picture(what, &w, w_at)?;
        if x.axes.len() != 4 {
            return Err(self.no_pictures(what, (&x, x_at), span).into());
        }
        if w.axes.len() != 4 {
            return Err(self.no_filters(what, (&w, w_at), span).into());
        }
        if self.agree(x.axes[1], w.axes[1]).is_none() {
            return Err(self.channels_disagree((&x, x_at), (&w, w_at), span).into());
        }
        let mode = match given.option("mode") {
            None => ConvMode::Valid,
            Some((mode, at)) => match self.word("`mode:`", &["valid", "same", "full"], &mode, at)? {
                0 => ConvMode::Valid,
                1 => ConvMode::Same,
                _ => ConvMode::Full,
            },
        };
        let stride = match given.option("stride") {
            None => [1, 1],
            Some((stride, at)) => self.two_numbers("`stride:`", &stride, true, at)?,
        };
        let mut axes = vec![x.axes[0], w.axes[0]];
        for (d, stride) in stride.into_iter().enumerate() {
            let (picture, filter) = (x.axes[2 + d], w.axes[2 + d]);
            let positions = match mode {
                _ if picture.extent == 0 || filter.extent == 0 => 0,
                ConvMode::Valid => (picture.extent + 1).saturating_sub(filter.extent),
                ConvMode::Same => picture.extent,
                ConvMode::Full => picture.extent + filter.extent - 1,
            };
            if positions == 0 {
                return Err(self.filter_too_large(what, (&x, x_at), (&w, w_at), d, span).into());
            }
            let extent = (positions - 1) / stride + 1;
            if extent > GREATEST {
                return fail(codes::SHAPE, "an extent has 31 bits", span, format!("this has {extent}"));
            }
            let same = stride == 1 && (mode == ConvMode::Same || filter.extent == 1);
            axes.push(if same { picture } else { Axis::plain(extent) });
        }
        let x = self.converted(x, Elem::Real, x_at);
        let w = self.converted(w, Elem::Real, w_at);
        let ids = vec![self.import(&x, x_at), self.import(&w, w_at)];
        let op = ValueOp::Conv { flipped, mode, stride };
        Ok(Value::Tensor(self.emit(op, ids, Elem::Real, axes, span)))
    }

    /// `max_pool(x, [a, b], ignore_border: true, ties: "first")`, and `mean_pool` without `ties:`.
    pub(super) fn pool(&mut self, mean: bool, mut given: Bound, span: Span) -> Outcome<Value> {
        let what = if mean { "`mean_pool`" } else { "`max_pool`" };
        let ((x, at), (window, window_at)) = (given.first(), given.first());
        let x = self.picture(what, &x, at)?;
        if x.axes.len() < 2 {
            let title = format!("{what} goes over the last two axes, and there are not two");
            let text = match x.axes.len() {
                0 => "has none: it is a single number".to_string(),
                _ => format!("is {}", self.shape_full(&x.axes)),
            };
            return Err(Diagnostic::error(codes::SHAPE, title).label(at, text).into());
        }
        let window = self.two_numbers("a window", &window, false, window_at)?;
        let ignore_border = match given.option("ignore_border") {
            None => true,
            Some((Value::Bool(ignore), _)) => ignore,
            Some((other, at)) => {
                return self.wrong_kind("`ignore_border:`", "`true` or `false`", &other, at);
            }
        };
        let ties = match given.option("ties") {
            None => Ties::First,
            Some((ties, at)) => match self.word("`ties:`", &["first", "all"], &ties, at)? {
                0 => Ties::First,
                _ => Ties::All,
            },
        };
        let lead = x.axes.len() - 2;
        let mut axes = x.axes.clone();
        for d in 0..2 {
            let extent = axes[lead + d].extent;
            let count = if ignore_border { extent / window[d] } else { extent.div_ceil(window[d]) };
            if count == 0 {
                let title = format!("no window of {} {} fits into {extent}", window[d], LINES[d]);
                let mut e = Diagnostic::error(codes::SHAPE, title).label(window_at, "this window");
                e = self.where_made(e, &[(&x, at)]);
                e = self.origins(e, &[axes[lead + d]]);
                if extent > 0 {
                    e = e.help("ignore_border: false   keeps windows that are not full");
                }
                return Err(e.into());
            }
            if window[d] > 1 {
                axes[lead + d] = Axis::plain(count);
            }
        }
        let elem = if mean { Elem::Real } else { x.elem };
        let x = self.converted(x, elem, at);
        let id = self.import(&x, at);
        let op = if mean { PoolOp::Mean } else { PoolOp::Max(ties) };
        let op = ValueOp::Pool { op, window, ignore_border };
        Ok(Value::Tensor(self.emit(op, vec![id], elem, axes, span)))
    }

    /// A tensor of numbers.
    fn picture(&mut self, what: &str, value: &Value, at: Span) -> Outcome<Tensor> {
        let t = self.tensor_arg(what, value, None, at)?;
        if t.elem == Elem::Bool {
            let title = format!("{what} does not take truth values for numbers");
            return Err(Diagnostic::error(codes::DTYPE, title)
                .label(at, "its elements are bool")
                .help(format!("real({})", self.operand_text(at)))
                .into());
        }
        Ok(t)
    }

    /// One of a few words: its position among them.
    fn word(&self, what: &str, words: &[&str], value: &Value, at: Span) -> Outcome<usize> {
        let listed = words.iter().map(|w| format!("\"{w}\"")).collect::<Vec<_>>().join(", ");
        let Value::Text(text) = value else {
            return self.wrong_kind(what, &format!("one of {listed}"), value, at);
        };
        match words.iter().position(|w| **w == **text) {
            Some(position) => Ok(position),
            None => {
                let title = format!("{what} is one of {listed}");
                fail(codes::UNKNOWN_ARGUMENT, title, at, format!("\"{text}\" is none of them"))
            }
        }
    }

    /// Two positive numbers, for rows and columns; where `one` allows, one number for both.
    fn two_numbers(&self, what: &str, value: &Value, one: bool, at: Span) -> Outcome<[usize; 2]> {
        let single = matches!(value, Value::Number { .. } | Value::Dim(_));
        if let (Value::List(items) | Value::Tuple(items), _) = (value, one)
            && let [rows, columns] = items.as_slice()
        {
            return Ok([self.positive(what, rows, at)?, self.positive(what, columns, at)?]);
        }
        if single && one {
            let both = self.positive(what, value, at)?;
            return Ok([both, both]);
        }
        let text = self.operand_text(at);
        let d = match value {
            Value::List(items) | Value::Tuple(items) => {
                let title = format!("{what} is two numbers, for rows and columns");
                Diagnostic::error(codes::SHAPE, title).label(at, format!("these are {}", items.len()))
            }
            _ if single => {
                Diagnostic::error(codes::KIND, format!("{what} is two numbers, for rows and columns"))
                    .label(at, "this is one number")
                    .help(format!("[{text}, {text}]"))
            }
            other => return self.wrong_kind(what, "two numbers known before the run", other, at),
        };
        Err(d.into())
    }

    fn positive(&self, what: &str, value: &Value, at: Span) -> Outcome<usize> {
        let n = match value {
            Value::Dim(d) => self.dims[*d].extent as i64,
            other => self.known_whole(what, other, at)?,
        };
        match usize::try_from(n) {
            Ok(n @ 1..=GREATEST) => Ok(n),
            _ => {
                let title = format!("{what} is at least 1");
                fail(codes::NUMBER, title, at, format!("this says {n}"))
            }
        }
    }

    fn no_pictures(&self, what: &str, x: Operand, span: Span) -> Diagnostic {
        let text = self.operand_text(x.1);
        let title = format!("{what} takes pictures [n, channels, height, width]");
        let mut d =
            Diagnostic::error(codes::SHAPE, title).label(x.1, format!("is {}", self.shape_full(&x.0.axes)));
        d = self.where_made(d, &[x]);
        let help = match x.0.axes.len() {
            2 => format!("rearrange({text}, [h, w] -> [1, 1, h, w])"),
            3 => format!("rearrange({text}, [n, h, w] -> [n, 1, h, w])"),
            _ => return d,
        };
        d.help(self.edited(span, x.1, &help))
    }

    fn no_filters(&self, what: &str, w: Operand, span: Span) -> Diagnostic {
        let text = self.operand_text(w.1);
        let title = format!("{what} takes filters [maps, channels, height, width]");
        let mut d =
            Diagnostic::error(codes::SHAPE, title).label(w.1, format!("is {}", self.shape_full(&w.0.axes)));
        d = self.where_made(d, &[w]);
        let help = match w.0.axes.len() {
            2 => format!("rearrange({text}, [a, b] -> [1, 1, a, b])"),
            3 => format!("rearrange({text}, [k, a, b] -> [k, 1, a, b])"),
            _ => return d,
        };
        d.help(self.edited(span, w.1, &help))
    }

    /// The pictures' second axis is not the filters'.
    fn channels_disagree(&self, x: Operand, w: Operand, span: Span) -> Diagnostic {
        let (a, b) = (x.0.axes[1], w.0.axes[1]);
        let title = format!(
            "these filters are for {} channels, and the pictures have {}",
            self.axis_name(b),
            self.axis_name(a)
        );
        let mut d = self.disagreement(a, b, codes::SHAPE, title);
        d = d.label(span, self.meets((x, 1), (w, 1), "meets"));
        d = self.where_made(d, &[x, w]);
        if d.code == codes::DIMENSION_NAME {
            d = self.declared(d, &[a, b]);
        }
        d = self.origins(d, &[a, b]);
        if self.agree(a, w.0.axes[0]).is_some() && a.extent != b.extent {
            let turned = format!("rearrange({}, [c, k, a, b] -> [k, c, a, b])", self.operand_text(w.1));
            d = d.help(self.edited(span, w.1, &turned));
        }
        d
    }

    fn filter_too_large(&self, what: &str, x: Operand, w: Operand, d: usize, span: Span) -> Diagnostic {
        let (picture, filter) = (x.0.axes[2 + d], w.0.axes[2 + d]);
        let (have, need) = (picture.extent, filter.extent);
        let empty = have == 0 || need == 0;
        let title = if empty {
            format!("{what} of nothing has no value")
        } else {
            format!("a filter of {need} {} does not fit into a picture of {have}", LINES[d])
        };
        let mut e =
            Diagnostic::error(codes::SHAPE, title).label(span, self.meets((x, 2 + d), (w, 2 + d), "meets"));
        e = self.where_made(e, &[x, w]);
        e = self.origins(e, &[picture, filter]);
        if empty {
            return e;
        }
        e.help(
            "mode: \"full\"   counts every position at which they overlap, mode: \"same\" one for each cell",
        )
    }
}
