//! Matrix products and transposition.

use super::fit::{Operand, stretches};
use crate::check::state::{Checker, Outcome};
use crate::check::value::{Axis, Tensor, Value};
use crate::diag::{Diagnostic, codes};
use crate::program::{Elem, ValueOp};
use crate::source::Span;

impl Checker<'_> {
    /// `a @ b`.
    pub fn matmul(&mut self, a: Value, b: Value, spans: [Span; 2], span: Span) -> Outcome<Value> {
        self.refuse(&a, "`@`", spans[0], span)?;
        self.refuse(&b, "`@`", spans[1], span)?;
        let mut sides = Vec::new();
        for (value, at) in [(&a, spans[0]), (&b, spans[1])] {
            let t = self.tensor_arg("`@`", value, Some(Elem::Real), at)?;
            if t.axes.is_empty() {
                return Err(Diagnostic::error(codes::SHAPE, "`@` takes tensors that have axes")
                    .label(at, "has none: it is a single number")
                    .help(format!("{} * {}", self.operand_text(spans[0]), self.operand_text(spans[1])))
                    .into());
            }
            if t.elem == Elem::Bool {
                return Err(Diagnostic::error(codes::DTYPE, "`@` does not take truth values for numbers")
                    .label(at, "its elements are bool")
                    .help(format!("real({})", self.operand_text(at)))
                    .into());
            }
            sides.push(t);
        }
        let (left, right) = (sides.remove(0), sides.remove(0));
        let axes = match self.product(&left.axes, &right.axes) {
            Ok(axes) => axes,
            Err(clash) => {
                return Err(self.no_product((&left, spans[0]), (&right, spans[1]), clash, span).into());
            }
        };
        let left = self.converted(left, Elem::Real, spans[0]);
        let right = self.converted(right, Elem::Real, spans[1]);
        let ids = vec![self.import(&left, spans[0]), self.import(&right, spans[1])];
        Ok(Value::Tensor(self.emit(ValueOp::MatMul, ids, Elem::Real, axes, span)))
    }

    /// `x'`.
    pub fn transpose(&mut self, a: Value, span: Span) -> Outcome<Value> {
        let t = self.tensor_arg("`'`", &a, None, span)?;
        let rank = t.axes.len();
        if rank < 2 {
            let text = format!("it is {}", self.shape_full(&t.axes));
            let mut d = Diagnostic::error(codes::SHAPE, "`'` swaps the last two axes, and there are not two")
                .label(span, text);
            if rank == 1 {
                let base = self.operand_text(span);
                let base = base.trim_end_matches('\'');
                d = d.help(format!("rearrange({base}, [n] -> [n, 1])   makes a column"));
            }
            return Err(d.into());
        }
        let mut axes = t.axes.clone();
        axes.swap(rank - 2, rank - 1);
        let id = self.import(&t, span);
        Ok(Value::Tensor(self.emit(ValueOp::Transpose, vec![id], t.elem, axes, span)))
    }

    /// The axes of a product, or the positions of two axes that do not agree.
    fn product(&self, a: &[Axis], b: &[Axis]) -> Result<Vec<Axis>, (usize, usize)> {
        let (rows, inner) = (a.len().saturating_sub(2), b.len().saturating_sub(2));
        if self.agree(a[a.len() - 1], b[inner]).is_none() {
            return Err((a.len() - 1, inner));
        }
        let depth = rows.max(inner);
        let mut axes = Vec::new();
        for from_right in (1..=depth).rev() {
            let (i, j) = (rows.checked_sub(from_right), inner.checked_sub(from_right));
            axes.push(match (i, j) {
                (Some(i), Some(j)) => match self.agree(a[i], b[j]) {
                    Some(both) => both,
                    None if stretches(a[i]) => b[j],
                    None if stretches(b[j]) => a[i],
                    None => return Err((i, j)),
                },
                (Some(i), None) => a[i],
                (None, Some(j)) => b[j],
                (None, None) => continue,
            });
        }
        if a.len() >= 2 {
            axes.push(a[rows]);
        }
        if b.len() >= 2 {
            axes.push(b[b.len() - 1]);
        }
        Ok(axes)
    }

    fn no_product(&self, a: Operand, b: Operand, clash: (usize, usize), span: Span) -> Diagnostic {
        let (x, y) = (a.0.axes[clash.0], b.0.axes[clash.1]);
        let mut d = self.disagreement(x, y, codes::MATMUL_SHAPE, "this product does not fit".into());
        d = d.label(span, self.meets((a, clash.0), (b, clash.1), "meets"));
        d = self.where_made(d, &[a, b]);
        if d.code == codes::DIMENSION_NAME {
            d = self.declared(d, &[x, y]);
        }
        let all: Vec<Axis> = [x, y].into_iter().chain(a.0.axes.iter().chain(&b.0.axes).copied()).collect();
        d = self.origins(d, &all);
        match self.product_that_fits(a, b) {
            Some(text) => d.help(text),
            None => d,
        }
    }

    /// The same two, swapped or transposed, if that fits.
    fn product_that_fits(&self, a: Operand, b: Operand) -> Option<String> {
        let turned = |t: &Tensor| {
            let mut axes = t.axes.clone();
            let rank = axes.len();
            if rank >= 2 {
                axes.swap(rank - 2, rank - 1);
            }
            (rank >= 2).then_some(axes)
        };
        let plain = |o: Operand| Some((o.0.axes.clone(), self.factor(self.operand_text(o.1))));
        let flipped = |o: Operand| Some((turned(o.0)?, self.transposed(o.1)));
        let tries = [
            (plain(b), plain(a)),
            (plain(a), flipped(b)),
            (flipped(a), plain(b)),
            (plain(b), flipped(a)),
            (flipped(b), plain(a)),
        ];
        for (left, right) in tries {
            let (Some((l, left)), Some((r, right))) = (left, right) else { continue };
            if let Ok(axes) = self.product(&l, &r) {
                return Some(format!("{left} @ {right}   which is {}", self.shape_text(&axes)));
            }
        }
        None
    }

    /// A text that may stand on either side of `@`.
    fn factor(&self, text: String) -> String {
        if text.contains(" @ ") && !text.ends_with([')', ']']) { format!("({text})") } else { text }
    }

    /// An argument that must be a tensor; a number becomes `elem`, or real.
    pub(super) fn tensor_arg(
        &mut self,
        what: &str,
        value: &Value,
        elem: Option<Elem>,
        span: Span,
    ) -> Outcome<Tensor> {
        self.refuse(value, what, span, span)?;
        let elem = elem.or_else(|| self.literal_elem(value));
        match self.as_tensor(value, elem, span) {
            Some(t) => Ok(t),
            None => self.wrong_kind(what, "a tensor", value, span),
        }
    }
}
