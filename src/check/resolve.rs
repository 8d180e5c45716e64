//! Names, before anything is evaluated: every name of every function, called or not, is defined above
//! its use, taken by `use`, or built in. So all slips of a file are told at once.

use super::modules::item_names;
use super::names::builtin_name;
use super::nearest::nearest;
use crate::diag::{Diagnostic, Problems, codes};
use crate::source::Span;
use crate::syntax::ast::{self, ExprKind, StmtKind};
use std::sync::Arc;

/// Names that are neither defined nor functions, yet always there.
const ALWAYS: &[&str] = &["inf", "pi", "main", "_"];

/// Finds the names of a file that nothing defines.
pub(super) fn unknown_names(file: &ast::File) -> Problems {
    let imports = file.uses.iter().flat_map(|u| &u.names).map(|i| (Arc::clone(&i.name), i.span)).collect();
    let mut r =
        Resolver { scopes: vec![imports], later: Vec::new(), within: Vec::new(), problems: Vec::new() };
    r.items(&file.items);
    r.problems
}

/// The message for a name that is not known, with what it may have been meant to be.
pub(super) fn unknown_name(ident: &ast::Ident, known: &[Arc<str>], below: Option<Span>) -> Diagnostic {
    let d = Diagnostic::error(codes::UNKNOWN_NAME, format!("there is no {} here", ident.name))
        .label(ident.span, "not defined above");
    if let Some(below) = below {
        return d
            .label(below, "defined here, below its use")
            .help("a name is defined above its use: move the definition up");
    }
    let built_in = super::names::OWN.iter().chain(super::ops::BUILTINS).copied();
    if let Some(near) = nearest(&ident.name, known.iter().map(|k| &**k).chain(built_in)) {
        return d.help(near.to_string());
    }
    match crate::library::MODULES.iter().find(|(_, text)| defines(text, &ident.name)) {
        Some((module, _)) => d.help(format!("use {module}: {}", ident.name)),
        None => d,
    }
}

/// Whether a module's text declares a name at its margin.
fn defines(text: &str, name: &str) -> bool {
    text.lines().any(|line| {
        let declared = ["fn ", "layer ", "schedule ", "data "].iter().find_map(|k| line.strip_prefix(k));
        declared
            .and_then(|rest| rest.strip_prefix(name))
            .is_some_and(|rest| !rest.starts_with(|c: char| c.is_alphanumeric() || c == '_'))
    })
}

struct Resolver {
    /// Names in force, the innermost scope last.
    scopes: Vec<Vec<(Arc<str>, Span)>>,
    /// Names of the enclosing files and layers, wherever they stand in them.
    later: Vec<(Arc<str>, Span)>,
    /// Names and headers of the code around, which may not name itself.
    within: Vec<(Arc<str>, Span)>,
    problems: Problems,
}

impl Resolver {
    fn scoped(&mut self, run: impl FnOnce(&mut Self)) {
        self.scopes.push(Vec::new());
        run(self);
        self.scopes.pop();
    }

    fn bind(&mut self, ident: &ast::Ident) {
        if let Some(scope) = self.scopes.last_mut() {
            scope.push((Arc::clone(&ident.name), ident.span));
        }
    }

    fn known(&self, name: &str) -> bool {
        let bound = self.scopes.iter().flatten().any(|(n, _)| &**n == name);
        bound || ALWAYS.contains(&name) || builtin_name(name).is_some()
    }

    fn name(&mut self, ident: &ast::Ident) {
        if self.known(&ident.name) {
            return;
        }
        if let Some((_, header)) = self.within.iter().find(|(n, _)| *n == ident.name) {
            let title = format!("{} is used within itself, and there is no recursion", ident.name);
            let d = Diagnostic::error(codes::RECURSION, title)
                .label(ident.span, "used here")
                .label(*header, "declared here")
                .help("scan(f, start, steps: k)   repeats a function; a list of functions applies them in order");
            self.problems.push(d);
            return;
        }
        let below = self.later.iter().find(|(n, _)| *n == ident.name).map(|(_, s)| *s);
        let known: Vec<Arc<str>> = self.scopes.iter().flatten().map(|(n, _)| Arc::clone(n)).collect();
        self.problems.push(unknown_name(ident, &known, below));
    }

    // ---- declarations

    fn items(&mut self, items: &[ast::Item]) {
        let before = self.later.len();
        self.later.extend(items.iter().flat_map(item_names).map(|i| (i.name, i.span)));
        for item in items {
            self.item(item);
            for ident in item_names(item) {
                self.bind(&ident);
            }
        }
        self.later.truncate(before);
    }

    fn item(&mut self, item: &ast::Item) {
        match item {
            ast::Item::Hyper(n) => self.expr(&n.value),
            ast::Item::Dim(n) => self.expr(&n.value),
            ast::Item::Data(n) => self.data(n),
            ast::Item::Stream(n) => n.seed.iter().for_each(|e| self.expr(e)),
            ast::Item::Layer(n) => self.code(&n.name, n.header, |r| {
                n.sizes.iter().for_each(|s| r.header_shape(s));
                r.formals(&n.params);
                r.items(&n.body);
            }),
            ast::Item::Param(n) | ast::Item::State(n) => self.slot(n),
            ast::Item::Fn(n) => self.function(n),
            ast::Item::Step(n) => self.code(&n.name, n.header, |r| {
                r.formals(&n.params);
                r.block(&n.body);
            }),
            ast::Item::Schedule(n) => self.code(&n.name, n.header, |r| {
                r.formals(&n.params);
                r.block(&n.body);
            }),
            ast::Item::Run(n) => self.scoped(|r| r.block(&n.body)),
            ast::Item::Assert(n) => self.assert(n),
            ast::Item::Draw(n) => self.draw(n),
            ast::Item::Define(n) => n.values.iter().for_each(|e| self.expr(e)),
        }
    }

    /// Code with a name of its own, which it may not use.
    fn code(&mut self, name: &ast::Ident, header: Span, run: impl FnOnce(&mut Self)) {
        self.within.push((Arc::clone(&name.name), header));
        self.scoped(run);
        self.within.pop();
    }

    fn function(&mut self, f: &ast::Function) {
        self.code(&f.name, f.header, |r| {
            r.formals(&f.params);
            f.result.iter().for_each(|t| r.header_shape(&t.shape));
            match &f.body {
                ast::Body::Expr(e) => r.expr(e),
                ast::Body::Block(block) => r.block(block),
            }
        });
    }

    fn data(&mut self, data: &ast::Data) {
        self.scoped(|r| {
            for member in &data.members {
                match member {
                    ast::Member::Data(inner) => {
                        r.data(inner);
                        r.bind(&inner.name);
                    }
                    ast::Member::Assert(n) => r.assert(n),
                    ast::Member::Slot(slot) => {
                        r.slot(slot);
                        r.bind(&slot.name);
                    }
                }
            }
        });
    }

    fn slot(&mut self, slot: &ast::Slot) {
        slot.shape.iter().for_each(|s| self.extents(&s.extents));
        match &slot.init {
            ast::SlotInit::Value(e) => self.expr(e),
            ast::SlotInit::Draw(source) => self.source(source),
        }
    }

    fn source(&mut self, source: &ast::DrawSource) {
        self.expr(&source.dist);
        source.from.iter().for_each(|e| self.expr(e));
    }

    fn draw(&mut self, draw: &ast::Draw) {
        draw.shape.iter().for_each(|s| self.extents(&s.extents));
        self.source(&draw.source);
    }

    fn assert(&mut self, assert: &ast::Assert) {
        self.expr(&assert.condition);
        assert.message.iter().for_each(|e| self.expr(e));
    }

    fn formals(&mut self, formals: &[ast::Formal]) {
        for formal in formals {
            formal.shape.iter().for_each(|s| self.header_shape(s));
            formal.default.iter().for_each(|e| self.expr(e));
            self.bind(&formal.name);
        }
    }

    /// The shape of a header: a bare name not known above is a new dimension.
    fn header_shape(&mut self, shape: &ast::Shape) {
        for extent in &shape.extents {
            match extent {
                ast::Extent::Expr(ast::Expr { kind: ExprKind::Name(ident), .. })
                | ast::Extent::Rest { name: Some(ident), .. } => {
                    if !self.known(&ident.name) {
                        self.bind(ident);
                    }
                }
                ast::Extent::Expr(e) => self.expr(e),
                ast::Extent::Rest { name: None, .. } => {}
            }
        }
    }

    fn pattern(&mut self, pattern: &ast::Pattern) {
        match &pattern.kind {
            ast::PatternKind::Name(ident, shape) => {
                shape.iter().for_each(|s| self.header_shape(s));
                self.bind(ident);
            }
            ast::PatternKind::Tuple(parts) => parts.iter().for_each(|p| self.pattern(p)),
        }
    }

    // ---- statements

    fn block(&mut self, block: &ast::Block) {
        block.stmts.iter().for_each(|s| self.statement(s));
    }

    fn statement(&mut self, stmt: &ast::Stmt) {
        match &stmt.kind {
            StmtKind::Fn(f) => {
                self.function(f);
                self.bind(&f.name);
            }
            StmtKind::Return(values) => values.iter().for_each(|e| self.expr(e)),
            StmtKind::Report(report) => match &report.value {
                Some(e) => self.expr(e),
                None => self.name(&report.name),
            },
            StmtKind::Assert(n) => self.assert(n),
            StmtKind::For(n) => {
                self.expr(&n.iter);
                self.scoped(|r| {
                    r.pattern(&n.pattern);
                    r.block(&n.body);
                });
            }
            StmtKind::If(n) => {
                for arm in &n.arms {
                    self.expr(&arm.cond);
                    self.scoped(|r| r.block(&arm.body));
                }
                n.otherwise.iter().for_each(|b| self.scoped(|r| r.block(b)));
            }
            StmtKind::Phase(n) => {
                self.expr(&n.name);
                self.scoped(|r| r.block(&n.body));
            }
            StmtKind::Stop => {}
            StmtKind::Var(n) => {
                self.expr(&n.value);
                self.bind(&n.name);
            }
            StmtKind::Draw(n) => {
                self.draw(n);
                self.bind(&n.name);
            }
            StmtKind::Update(n) => {
                self.expr(&n.place);
                self.expr(&n.value);
            }
            StmtKind::Define(n) => {
                n.values.iter().for_each(|e| self.expr(e));
                self.pattern(&n.pattern);
            }
            StmtKind::Call(e) => self.expr(e),
        }
    }

    // ---- expressions

    fn extents(&mut self, extents: &[ast::Extent]) {
        for extent in extents {
            match extent {
                ast::Extent::Expr(e) => self.expr(e),
                ast::Extent::Rest { name: Some(ident), .. } => self.name(ident),
                ast::Extent::Rest { name: None, .. } => {}
            }
        }
    }

    fn expr(&mut self, e: &ast::Expr) {
        match &e.kind {
            ExprKind::Number { .. } | ExprKind::Bool(_) => {}
            ExprKind::Str(parts) => {
                for part in parts {
                    match part {
                        ast::StrPart::Text(_) => {}
                        ast::StrPart::Hole { expr, .. } => self.expr(expr),
                    }
                }
            }
            ExprKind::Name(ident) => self.name(ident),
            ExprKind::List(items) => self.extents(items),
            ExprKind::Comprehension { body, pattern, iter, cond } => {
                self.expr(iter);
                self.scoped(|r| {
                    r.pattern(pattern);
                    cond.iter().for_each(|c| r.expr(c));
                    r.expr(body);
                });
            }
            ExprKind::Tuple(items) => items.iter().for_each(|i| self.expr(i)),
            ExprKind::Call { callee, args } => {
                self.expr(callee);
                args.iter().for_each(|a| self.expr(&a.value));
            }
            ExprKind::Index { base, places } => {
                self.expr(base);
                for place in places {
                    match place {
                        ast::Place::Expr(e) => self.expr(e),
                        ast::Place::Slice { lo, hi, .. } => lo.iter().chain(hi).for_each(|e| self.expr(e)),
                        ast::Place::Rest(_) => {}
                    }
                }
            }
            ExprKind::Field { base, .. } => self.expr(base),
            ExprKind::Transpose(inner) => self.expr(inner),
            ExprKind::Unary { operand, .. } => self.expr(operand),
            ExprKind::Binary { lhs, rhs, .. } => {
                self.expr(lhs);
                self.expr(rhs);
            }
            ExprKind::Range { lo, hi } => {
                self.expr(lo);
                self.expr(hi);
            }
            ExprKind::If { cond, then, otherwise } => {
                self.expr(cond);
                self.expr(then);
                self.expr(otherwise);
            }
            // Names in an axis pattern are its own.
            ExprKind::AxisPattern { .. } => {}
        }
    }
}
