//! Axis patterns: `rearrange`.

use super::args::Bound;
use crate::check::state::{Checker, Outcome, fail};
use crate::check::value::{Axis, Tensor, Value};
use crate::diag::{Diagnostic, codes};
use crate::program::ValueOp;
use crate::source::Span;
use crate::syntax::ast;

impl Checker<'_> {
    /// `rearrange(x, [r, c] -> [r * c])`.
    pub(super) fn rearrange(&mut self, mut given: Bound, span: Span) -> Outcome<Value> {
        let ((value, at), (pattern, pattern_at)) = (given.first(), given.first());
        let t = self.tensor_arg("`rearrange`", &value, None, at)?;
        let code = match &pattern {
            Value::Pattern(code) => code.clone(),
            other => {
                return self.wrong_kind("`rearrange`", "a pattern, `[n, k] -> [k, n]`", other, pattern_at);
            }
        };
        let ast::ExprKind::AxisPattern { from, to } = &code.kind else {
            return self.wrong_kind("`rearrange`", "a pattern, `[n, k] -> [k, n]`", &pattern, pattern_at);
        };
        let names = self.pattern_axes(&t, at, from)?;
        let (perm, axes) = pattern_result(&t, &names, to)?;
        if let Some((name, _, place)) = names
            .iter()
            .find(|(_, positions, _)| positions.iter().any(|p| t.axes[*p].extent != 1 && !perm.contains(p)))
        {
            let title = format!("the axis {name} is lost");
            return Err(Diagnostic::error(codes::SHAPE, title)
                .label(*place, "named here")
                .label(to.span, "and not used here")
                .into());
        }
        // Axes of extent 1 that the pattern drops come last in the middle form, where they are merged.
        let mut perm = perm;
        perm.extend((0..t.axes.len()).filter(|p| !perm.contains(p)).collect::<Vec<_>>());
        let id = self.import(&t, at);
        Ok(Value::Tensor(self.emit(ValueOp::Rearrange { perm }, vec![id], t.elem, axes, span)))
    }

    /// What the names left of the arrow stand for. `1` has no name; `...` is a name.
    fn pattern_axes(&self, t: &Tensor, at: Span, from: &ast::Shape) -> Outcome<Vec<PatternAxis>> {
        let rank = t.axes.len();
        let rests = from.extents.iter().filter(|e| matches!(e, ast::Extent::Rest { .. })).count();
        let spoken = from.extents.len() - rests;
        if rests > 1 || spoken > rank || (rests == 0 && spoken != rank) {
            let title = format!("the pattern is for {spoken} axes, and there are {rank}");
            let title = if rests > 1 { "`...` stands twice in a pattern".to_string() } else { title };
            let d = Diagnostic::error(codes::SHAPE, title).label(from.span, "given here");
            return Err(self.where_made(d, &[(t, at)]).into());
        }
        let mut names: Vec<PatternAxis> = Vec::new();
        let mut position = 0;
        for extent in &from.extents {
            let (name, positions) = match extent {
                ast::Extent::Rest { name, .. } => {
                    let count = rank - spoken;
                    let name = name.as_ref().map_or("...".to_string(), |n| format!("...{}", n.name));
                    (name, (position..position + count).collect::<Vec<_>>())
                }
                ast::Extent::Expr(e) => match &e.kind {
                    ast::ExprKind::Name(name) => (name.name.to_string(), vec![position]),
                    ast::ExprKind::Number { value, .. } => {
                        let axis = t.axes[position];
                        if axis.extent as f64 != *value || *value != 1.0 {
                            let title = "a pattern names its axes; only 1 stands for itself";
                            let text = format!("this axis is {}", self.axis_name(axis));
                            return fail(codes::SHAPE, title, e.span, text);
                        }
                        position += 1;
                        continue;
                    }
                    _ => {
                        let title = "left of the arrow, a pattern has one name for each axis";
                        return fail(codes::SHAPE, title, e.span, "this is not a name");
                    }
                },
            };
            if let Some((_, _, before)) = names.iter().find(|(n, ..)| *n == name && n != "_") {
                let d = Diagnostic::error(codes::SHAPE, format!("{name} names two axes of the pattern"))
                    .label(extent.span(), "here again")
                    .label(*before, "here first");
                return Err(d.into());
            }
            position += positions.len();
            names.push((name, positions, extent.span()));
        }
        Ok(names)
    }
}

/// A name of a pattern, the axes it stands for, and where it stands.
type PatternAxis = (String, Vec<usize>, Span);

/// The permutation and the axes that the right of the arrow asks for.
fn pattern_result(t: &Tensor, names: &[PatternAxis], to: &ast::Shape) -> Outcome<(Vec<usize>, Vec<Axis>)> {
    let mut perm: Vec<usize> = Vec::new();
    let mut axes = Vec::new();
    for extent in &to.extents {
        let mut parts = Vec::new();
        match extent {
            ast::Extent::Rest { name, span } => {
                let name = name.as_ref().map_or("...".to_string(), |n| format!("...{}", n.name));
                let positions = named(names, &name, *span)?;
                axes.extend(positions.iter().map(|p| t.axes[*p]));
                parts.push((positions, *span));
            }
            ast::Extent::Expr(e) => {
                factors(e, names, &mut parts)?;
                let positions: Vec<usize> = parts.iter().flat_map(|(p, _)| p.clone()).collect();
                axes.push(match positions[..] {
                    [one] => t.axes[one],
                    _ => Axis::plain(positions.iter().map(|p| t.axes[*p].extent).product()),
                });
            }
        }
        for (positions, span) in parts {
            if positions.iter().any(|p| perm.contains(p)) {
                let title = "an axis stands twice right of the arrow";
                return fail(codes::SHAPE, title, span, "used a second time");
            }
            perm.extend(positions);
        }
    }
    Ok((perm, axes))
}

/// The axes that a product of names merges; `1` is none.
fn factors(e: &ast::Expr, names: &[PatternAxis], parts: &mut Vec<(Vec<usize>, Span)>) -> Outcome<()> {
    match &e.kind {
        ast::ExprKind::Name(name) => {
            parts.push((named(names, &name.name, e.span)?, e.span));
            Ok(())
        }
        ast::ExprKind::Number { value: 1.0, .. } => Ok(()),
        ast::ExprKind::Binary { op: ast::BinaryOp::Mul, lhs, rhs, .. } => {
            factors(lhs, names, parts)?;
            factors(rhs, names, parts)
        }
        _ => {
            let title = "right of the arrow stand names, products of names, and 1";
            fail(codes::SHAPE, title, e.span, "this is none of them")
        }
    }
}

fn named(names: &[PatternAxis], name: &str, span: Span) -> Outcome<Vec<usize>> {
    match names.iter().find(|(n, ..)| n == name) {
        Some((_, positions, _)) => Ok(positions.clone()),
        None => {
            let known: Vec<&str> = names.iter().map(|(n, ..)| n.as_str()).collect();
            let title = format!("{name} is no axis of the pattern");
            fail(codes::SHAPE, title, span, format!("left of the arrow are {}", known.join(", ")))
        }
    }
}
