//! Looking names up, and binding them.

use super::modules::item_names;
use super::state::{Binding, Checker, Fail, FrameKind, Outcome};
use super::value::*;
use crate::diag::{Diagnostic, codes};
use crate::program::PlaceKind;
use crate::source::Span;
use crate::syntax::ast;
use std::sync::Arc;

/// The built-in functions that the evaluator itself carries out.
pub(super) const OWN: &[&str] = &[
    "grad",
    "params",
    "uniform",
    "normal",
    "bernoulli",
    "binomial",
    "integers",
    "permutation",
    "categorical",
    "numpy",
    "idx",
    "pickle",
    "npy",
    "npz",
    "csv",
    "png",
    "batches",
    "print",
    "save",
    "load",
    "snapshot",
    "write_png",
    "write_curves",
    "scan",
];

/// A built-in's name as it lives in the program, if it is one.
pub(super) fn builtin_name(name: &str) -> Option<&'static str> {
    OWN.iter().chain(super::ops::BUILTINS).find(|b| **b == name).copied()
}

impl Checker<'_> {
    /// What a name stands for where it is used, if it is known there.
    pub fn find(&mut self, ident: &ast::Ident, frame: FrameId) -> Outcome<Option<Binding>> {
        let mut at = Some(frame);
        while let Some(f) = at {
            if let Some(binding) = self.frames[f].names.get(&ident.name) {
                let hidden = binding.below
                    && binding.span.file == ident.span.file
                    && binding.span.start >= ident.span.end;
                if !hidden {
                    return Ok(Some(binding.clone()));
                }
            }
            if let FrameKind::Module(m) = self.frames[f].kind
                && let Some(binding) = self.find_in_module(ident, m)?
            {
                return Ok(Some(binding));
            }
            at = self.frames[f].parent;
        }
        let value = match &*ident.name {
            "inf" => Value::Number { value: f64::INFINITY, whole: false },
            "pi" => Value::Number { value: std::f64::consts::PI, whole: false },
            "main" => Value::Stream(0),
            "_" => Value::Unit,
            name => match builtin_name(name) {
                Some(b) => Value::Builtin(b),
                None => return Ok(None),
            },
        };
        Ok(Some(Binding { value, span: ident.span, below: false, var: None }))
    }

    /// A declaration of the module above the use, or one taken from another module.
    fn find_in_module(&mut self, ident: &ast::Ident, m: usize) -> Outcome<Option<Binding>> {
        let file = Arc::clone(&self.modules[m].file);
        let from_outside = ident.span.file != file.id;
        for (i, item) in file.items.iter().enumerate() {
            if !from_outside && item.span().end > ident.span.start {
                break;
            }
            if item_names(item).iter().any(|n| n.name == ident.name) {
                self.force(m, i)?;
                let frame = self.modules[m].frame;
                return Ok(self.frames[frame].names.get(&ident.name).cloned());
            }
        }
        let import = self.modules[m].imports.iter().find(|(n, _)| n.name == ident.name).cloned();
        match import {
            Some((taken, other)) => {
                let name = ast::Ident { name: Arc::clone(&taken.name), span: taken.span };
                self.find_in_module(&name, other)
            }
            None => Ok(None),
        }
    }

    /// The value of a name, or the error that says it is unknown.
    pub fn lookup(&mut self, ident: &ast::Ident, frame: FrameId) -> Outcome<Value> {
        match self.find(ident, frame)? {
            Some(Binding { value: Value::Poison, .. }) => Err(Fail::Reported),
            Some(binding) => Ok(binding.value),
            None => Err(self.unknown(ident, frame).into()),
        }
    }

    /// A name that only the evaluation finds missing: one of a `--set` value.
    fn unknown(&self, ident: &ast::Ident, frame: FrameId) -> Diagnostic {
        let mut known: Vec<Arc<str>> = Vec::new();
        let mut at = Some(frame);
        while let Some(f) = at {
            known.extend(self.frames[f].names.keys().cloned());
            at = self.frames[f].parent;
        }
        super::resolve::unknown_name(ident, &known, None)
    }

    /// Binds a name by a definition: once in its block, and never over a param or state.
    pub fn define(
        &mut self,
        frame: FrameId,
        ident: &ast::Ident,
        value: Value,
        definition: Span,
    ) -> Outcome<()> {
        if &*ident.name == "_" {
            return Ok(());
        }
        if let Some(before) = self.frames[frame].names.get(&ident.name) {
            let d = Diagnostic::error(
                codes::ALREADY_DEFINED,
                format!("{} is defined twice in this block", ident.name),
            )
            .label(ident.span, "a second time")
            .label(before.span, "first here")
            .help("what is defined never changes: use another name, or `var` and `<-` in a schedule");
            return Err(d.into());
        }
        let is_module = matches!(self.frames[frame].kind, FrameKind::Module(_));
        if !is_module && let Some(parent) = self.frames[frame].parent {
            match self.find(ident, parent)? {
                Some(Binding {
                    value: Value::Tensor(Tensor { source: Source::Place(p), .. }), span, ..
                }) => {
                    let place = &self.program.places[p];
                    let kind = if place.kind == PlaceKind::Param { "param" } else { "state" };
                    let name = &ident.name;
                    let rhs = self
                        .sources
                        .text(definition)
                        .split_once('=')
                        .map_or("…", |(_, r)| r.trim())
                        .to_string();
                    let d = Diagnostic::error(
                        codes::HIDES_PLACE,
                        format!("{name} is a {kind}; `=` would define a second {name}, which nobody reads"),
                    )
                    .label(definition, "a definition, not a change")
                    .label(span, "declared here")
                    .help(format!("{name} <- {rhs}"));
                    return Err(d.into());
                }
                Some(Binding { value: Value::Builtin(_), .. }) => {
                    let d = Diagnostic::warning(
                        codes::HIDES_BUILTIN,
                        format!("{} hides the built-in of that name", ident.name),
                    )
                    .label(ident.span, "from here on this is meant");
                    self.warn(d);
                }
                Some(outer) if outer.span.file == ident.span.file => {
                    let d = Diagnostic::warning(
                        codes::HIDES_NAME,
                        format!("{} hides an outer definition", ident.name),
                    )
                    .label(ident.span, "from here on this is meant")
                    .label(outer.span, "the outer one");
                    self.warn(d);
                }
                _ => {}
            }
        } else if builtin_name(&ident.name).is_some() {
            let d = Diagnostic::warning(
                codes::HIDES_BUILTIN,
                format!("{} hides the built-in of that name", ident.name),
            )
            .label(ident.span, "from here on this is meant");
            self.warn(d);
        }
        self.bind(frame, ident, value);
        if let Some(b) = self.frames[frame].names.get_mut(&ident.name) {
            b.below = true;
        }
        Ok(())
    }

    /// Binds a name without asking what it hides: parameters and pattern variables.
    pub fn bind(&mut self, frame: FrameId, ident: &ast::Ident, value: Value) {
        if &*ident.name != "_" {
            self.frames[frame].names.insert(
                Arc::clone(&ident.name),
                Binding { value, span: ident.span, below: false, var: None },
            );
        }
    }

    /// Binds what a pattern names to the parts of a compile-time value.
    pub fn bind_pattern(
        &mut self,
        frame: FrameId,
        pattern: &ast::Pattern,
        value: Value,
        definition: Option<Span>,
    ) -> Outcome<()> {
        match &pattern.kind {
            ast::PatternKind::Name(ident, shape) => {
                let value = match shape {
                    Some(shape) => self.declare_shape(shape, value, frame, ident.span)?,
                    None => value,
                };
                match definition {
                    Some(span) => self.define(frame, ident, value, span),
                    None => {
                        self.bind(frame, ident, value);
                        Ok(())
                    }
                }
            }
            ast::PatternKind::Tuple(parts) => {
                let items = match &value {
                    Value::Tuple(items) | Value::List(items) => Arc::clone(items),
                    Value::Poison => return Err(Fail::Reported),
                    other => {
                        let title =
                            format!("{} names need a tuple, and this is {}", parts.len(), other.kind());
                        return super::state::fail(codes::KIND, title, pattern.span, "these names");
                    }
                };
                if items.len() != parts.len() {
                    let title = format!("{} names for {} values", parts.len(), items.len());
                    return super::state::fail(codes::KIND, title, pattern.span, "these names");
                }
                for (part, item) in parts.iter().zip(items.iter()) {
                    self.bind_pattern(frame, part, item.clone(), definition)?;
                }
                Ok(())
            }
        }
    }
}
