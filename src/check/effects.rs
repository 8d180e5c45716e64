//! Built-ins of the schedule that touch files, places and the log.

use super::ops::Given;
use super::own::{arity, place_id};
use super::state::{Checker, Outcome, World, fail};
use super::value::*;
use crate::diag::{Diagnostic, codes};
use crate::program::{Elem, host};
use crate::source::Span;
use std::sync::Arc;

impl Checker<'_> {
    /// `print`, `save`, `load`, `snapshot`, `write_png`, `write_curves`.
    pub(super) fn host_effect(
        &mut self,
        name: &'static str,
        given: Vec<Given>,
        callee: Span,
        span: Span,
        frame: FrameId,
    ) -> Outcome<Value> {
        if self.world != World::Schedule {
            return fail(
                codes::WORLD,
                format!("`{name}` stands in a schedule"),
                callee,
                "not in a function, step or declaration",
            );
        }
        let (kind, expr) = match (name, given.as_slice()) {
            ("print", [g]) => {
                let h = self.hosted(g.value.clone(), g.span)?;
                (HostKind::Unknown, host::ExprKind::Print(Box::new(h.expr)))
            }
            ("snapshot", [g]) => {
                let places = self.places_of(g, frame)?;
                (HostKind::Snapshot(places.clone()), host::ExprKind::Snapshot(places))
            }
            ("save" | "load", [g, path]) => {
                let places = self.places_of(g, frame)?;
                let path = self.hosted(path.value.clone(), path.span)?;
                if path.kind != HostKind::Text {
                    return fail(codes::KIND, format!("{name} takes the name of a file"), span, "this call");
                }
                let path = Box::new(path.expr);
                let kind = if name == "save" {
                    host::ExprKind::Save(places, path)
                } else {
                    host::ExprKind::Load(places, path)
                };
                (HostKind::Unknown, kind)
            }
            ("write_png", [path, picture]) => {
                let name = self.hosted(path.value.clone(), path.span)?;
                if name.kind != HostKind::Text {
                    return fail(
                        codes::KIND,
                        "write_png takes the name of a file",
                        path.span,
                        "this is none",
                    );
                }
                let h = self.hosted(picture.value.clone(), picture.span)?;
                let title = "a picture is a real tensor, [height, width] or [height, width, 3]";
                match &h.kind {
                    HostKind::Tensor(Elem::Real, axes)
                        if axes.len() == 2 || axes.len() == 3 && axes[2].extent == 3 => {}
                    HostKind::Tensor(elem, axes) => {
                        let what = format!("this is {} {}", elem.name(), self.shape_full(axes));
                        return fail(codes::SHAPE, title, picture.span, what);
                    }
                    other => return fail(codes::KIND, title, picture.span, other.describe()),
                }
                let kind = host::ExprKind::WritePng(Box::new(name.expr), Box::new(h.expr));
                (HostKind::Unknown, kind)
            }
            ("write_png", _) => return arity(name, "the name of a file and a tensor", span),
            ("write_curves", [path, names]) => {
                (HostKind::Unknown, self.write_curves(path, &names.value, names.span)?)
            }
            ("write_curves", _) => {
                return arity(name, "the name of a file and a list of reports", span);
            }
            ("print", _) => return arity(name, "one argument", span),
            ("snapshot", _) => return arity(name, "one argument, what to copy", span),
            _ => return arity(name, "what to keep and the name of a file", span),
        };
        Ok(Value::Host(HostValue { expr: host::Expr { kind: expr, span }, kind }))
    }

    /// The places of an argument, which must hold some.
    fn places_of(&self, g: &Given, frame: FrameId) -> Outcome<Vec<usize>> {
        let places: Vec<usize> = self.held(&g.value, frame).iter().filter_map(place_id).collect();
        if places.is_empty() {
            return fail(
                codes::KIND,
                format!("this holds no param or state: it is {}", g.value.kind()),
                g.span,
                "nothing to keep",
            );
        }
        Ok(places)
    }

    /// The names of reports are known at compile time; whether there are such is seen at the end.
    fn write_curves(&mut self, path: &Given, names: &Value, span: Span) -> Outcome<host::ExprKind> {
        let file = self.hosted(path.value.clone(), path.span)?;
        if file.kind != HostKind::Text {
            return fail(codes::KIND, "write_curves takes the name of a file", path.span, "this is none");
        }
        if let host::ExprKind::Text(text) = &file.expr.kind
            && !text.ends_with(".svg")
        {
            let stem = text.rsplit_once('.').map_or(&**text, |(stem, _)| stem);
            let d = Diagnostic::error(codes::OUTPUT, "curves are drawn as SVG, and the name says so")
                .label(path.span, "ends otherwise");
            return Err(d.help(format!("\"{stem}.svg\"")).into());
        }
        let items = match names {
            Value::List(items) => Arc::clone(items),
            other => {
                let title = "write_curves takes a list of the names of reports";
                return fail(codes::KIND, title, span, other.kind());
            }
        };
        let mut known = Vec::new();
        for item in items.iter() {
            match item {
                Value::Text(name) => known.push((Arc::clone(name), span)),
                other => {
                    let title = "the name of a report is a text that is known before the run";
                    return fail(codes::KIND, title, span, other.kind());
                }
            }
        }
        Ok(host::ExprKind::WriteCurves(Box::new(file.expr), known))
    }
}
