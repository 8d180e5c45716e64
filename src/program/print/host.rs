//! The schedule as indented statements.

use super::{Spelling, applied, escaped, number, push, quoted, spelling, step_name};
use crate::program::host::{
    Argument, Batches, Expr, ExprKind, Fold, Format, Loop, Over, Part, Stmt, StmtKind, Style, VarId,
};
use crate::program::{PlaceId, Program};

pub(super) struct Printer<'a> {
    program: &'a Program,
    /// How each variable is written: its name, with its number if it shares the name.
    vars: Vec<String>,
}

impl<'a> Printer<'a> {
    pub(super) fn new(program: &'a Program) -> Printer<'a> {
        let names = &program.host.vars;
        let shared = |name: &str| names.iter().filter(|n| ***n == *name).count() > 1;
        let written = |(at, name): (usize, &std::sync::Arc<str>)| {
            if shared(name) { format!("{name}#{at}") } else { name.to_string() }
        };
        Printer { program, vars: names.iter().enumerate().map(written).collect() }
    }

    /// Statements at a depth, one a line.
    pub(super) fn block(&self, out: &mut String, depth: usize, stmts: &[Stmt]) {
        for stmt in stmts {
            let (head, body, other) = self.parts(stmt);
            push(out, depth, &head);
            self.block(out, depth + 1, body);
            if !other.is_empty() {
                push(out, depth, "else");
                self.block(out, depth + 1, other);
            }
        }
    }

    /// Statements in one line.
    fn line(&self, stmts: &[Stmt]) -> String {
        let one = |stmt: &Stmt| {
            let (mut text, body, other) = self.parts(stmt);
            if !body.is_empty() {
                text += &format!(" {{ {} }}", self.line(body));
            }
            if !other.is_empty() {
                text += &format!(" else {{ {} }}", self.line(other));
            }
            text
        };
        stmts.iter().map(one).collect::<Vec<_>>().join("; ")
    }

    /// A statement's own line, the statements in it, and those of its other branch.
    fn parts<'s>(&self, stmt: &'s Stmt) -> (String, &'s [Stmt], &'s [Stmt]) {
        let plain = |text: String| -> (String, &'s [Stmt], &'s [Stmt]) { (text, &[], &[]) };
        match &stmt.kind {
            StmtKind::Let(vars, value) => plain(format!("{} = {}", self.names(vars), self.expr(value))),
            StmtKind::Set(var, value) => plain(format!("{} <- {}", self.vars[*var], self.expr(value))),
            StmtKind::Do(value) => plain(self.expr(value)),
            StmtKind::For(over, body) => (self.head(over), body, &[]),
            StmtKind::If(condition, yes, no) => (format!("if {}", self.expr(condition)), yes, no),
            StmtKind::Phase(name, body) => (format!("phase {}", self.expr(name)), body, &[]),
            StmtKind::Stop => plain("stop".to_owned()),
            StmtKind::Report(name, value) => plain(format!("report {name} = {}", self.expr(value))),
            StmtKind::Assert(condition, message) => {
                let message = message.as_ref().map(|m| format!(", {}", self.expr(m))).unwrap_or_default();
                plain(format!("assert {}{message}", self.expr(condition)))
            }
            StmtKind::Restore(places, value) => {
                plain(format!("{} <- {}", self.places(places), self.expr(value)))
            }
        }
    }

    fn names(&self, vars: &[VarId]) -> String {
        vars.iter().map(|v| self.vars[*v].as_str()).collect::<Vec<_>>().join(", ")
    }

    fn places(&self, places: &[PlaceId]) -> String {
        let names: Vec<&str> = places.iter().map(|p| &*self.program.places[*p].name).collect();
        format!("[{}]", names.join(", "))
    }

    /// `for … in …`.
    fn head(&self, over: &Loop) -> String {
        let what = match &over.over {
            Over::Range(from, to) => format!("{}..{}", self.inner(from), self.inner(to)),
            Over::Batches(batches) => self.batches(batches),
            Over::List(list) => self.expr(list),
        };
        let vars = self.names(&over.vars);
        match over.index {
            None => format!("for {vars} in {what}"),
            Some(index) => {
                let vars = if over.vars.len() > 1 { format!("({vars})") } else { vars };
                format!("for {}, {vars} in enumerate({what})", self.vars[index])
            }
        }
    }

    fn batches(&self, batches: &Batches) -> String {
        let residents = &self.program.setup.residents;
        let fields: Vec<&str> = batches.fields.iter().map(|f| &*residents[*f].name).collect();
        let start = if batches.start == 0 { String::new() } else { format!(", start: {}", batches.start) };
        let order = batches.order.as_ref().map(|o| format!(", order: {}", self.expr(o))).unwrap_or_default();
        format!("batches([{}], {}{start}, count: {}{order})", fields.join(", "), batches.size, batches.count)
    }

    fn all(&self, exprs: &[Expr]) -> String {
        exprs.iter().map(|e| self.expr(e)).collect::<Vec<_>>().join(", ")
    }

    /// An expression inside another: in parentheses if it needs them.
    fn inner(&self, expr: &Expr) -> String {
        let open = match &expr.kind {
            ExprKind::Map(op, _) => match spelling(*op) {
                Spelling::Call(_) => false,
                Spelling::Prefix(_) | Spelling::Infix(_) => true,
            },
            ExprKind::Number(v) => v.is_sign_negative(),
            ExprKind::Bool(_)
            | ExprKind::Text(_)
            | ExprKind::Var(_)
            | ExprKind::Tuple(_)
            | ExprKind::List(_)
            | ExprKind::Index(..)
            | ExprKind::Slice(..)
            | ExprKind::Collect { .. }
            | ExprKind::Fold(..)
            | ExprKind::Format(_)
            | ExprKind::Call(..)
            | ExprKind::Field(..)
            | ExprKind::Batch(..)
            | ExprKind::Draw(_)
            | ExprKind::Snapshot(_)
            | ExprKind::Print(_)
            | ExprKind::WritePng(..)
            | ExprKind::WriteCurves(..)
            | ExprKind::Save(..)
            | ExprKind::Load(..) => false,
        };
        if open { format!("({})", self.expr(expr)) } else { self.expr(expr) }
    }

    fn expr(&self, expr: &Expr) -> String {
        match &expr.kind {
            ExprKind::Number(v) => number(*v),
            ExprKind::Bool(v) => v.to_string(),
            ExprKind::Text(text) => quoted(text),
            ExprKind::Var(var) => self.vars[*var].clone(),
            ExprKind::Map(op, args) => {
                let args: Vec<String> = match spelling(*op) {
                    Spelling::Call(_) => args.iter().map(|a| self.expr(a)).collect(),
                    Spelling::Prefix(_) | Spelling::Infix(_) => args.iter().map(|a| self.inner(a)).collect(),
                };
                applied(*op, &args)
            }
            ExprKind::Tuple(items) => format!("({})", self.all(items)),
            ExprKind::List(items) => format!("[{}]", self.all(items)),
            ExprKind::Index(of, at) => format!("{}[{}]", self.inner(of), self.expr(at)),
            ExprKind::Slice(of, from, to) => {
                let end = |e: &Option<Box<Expr>>| e.as_ref().map(|e| self.inner(e)).unwrap_or_default();
                format!("{}[{}..{}]", self.inner(of), end(from), end(to))
            }
            ExprKind::Collect { over, body, condition, value } => {
                let body =
                    if body.is_empty() { String::new() } else { format!("{{ {} }} ", self.line(body)) };
                let condition =
                    condition.as_ref().map(|c| format!(" if {}", self.expr(c))).unwrap_or_default();
                format!("[{body}{} {}{condition}]", self.expr(value), self.head(over))
            }
            ExprKind::Fold(fold, of) => {
                let name = match fold {
                    Fold::Len => "len",
                    Fold::Sum => "sum",
                    Fold::Mean => "mean",
                    Fold::Min => "min",
                    Fold::Max => "max",
                };
                format!("{name}({})", self.expr(of))
            }
            ExprKind::Format(parts) => {
                let part = |part: &Part| match part {
                    Part::Text(text) => escaped(text),
                    Part::Hole(value, format) => format!("{{{}{}}}", self.expr(value), hole(*format)),
                };
                format!("\"{}\"", parts.iter().map(part).collect::<String>())
            }
            ExprKind::Call(step, args) => {
                let arg = |arg: &Argument| match arg {
                    Argument::Scalar(value) | Argument::Tensor(value) => self.expr(value),
                };
                let args: Vec<String> = args.iter().map(arg).collect();
                format!("{}({})", step_name(&self.program.steps[*step]), args.join(", "))
            }
            ExprKind::Field(of, at) => format!("{}.{}", self.inner(of), self.field(of, *at)),
            ExprKind::Batch(batches, at) => format!("{}[{}]", self.batches(batches), self.expr(at)),
            ExprKind::Draw(at) => format!("({})", super::drawn(&self.program.host.draws[*at])),
            ExprKind::Snapshot(places) => format!("snapshot({})", self.places(places)),
            ExprKind::Print(text) => format!("print({})", self.expr(text)),
            ExprKind::WritePng(path, picture) => {
                format!("write_png({}, {})", self.expr(path), self.expr(picture))
            }
            ExprKind::WriteCurves(path, names) => {
                let names: Vec<String> = names.iter().map(|(name, _)| quoted(name)).collect();
                format!("write_curves({}, [{}])", self.expr(path), names.join(", "))
            }
            ExprKind::Save(places, path) => format!("save({}, {})", self.places(places), self.expr(path)),
            ExprKind::Load(places, path) => format!("load({}, {})", self.places(places), self.expr(path)),
        }
    }

    /// A report's name if the record is a call's, else its position.
    fn field(&self, of: &Expr, at: usize) -> String {
        let step =
            if let ExprKind::Call(step, _) = &of.kind { Some(&self.program.steps[*step]) } else { None };
        match step.and_then(|step| step.body.reports.get(at)) {
            Some((name, _, _)) => name.to_string(),
            None => at.to_string(),
        }
    }
}

/// `:.2%`; nothing for the shortest decimal.
fn hole(format: Format) -> String {
    let digits = format.digits.map(|d| format!(".{d}")).unwrap_or_default();
    let style = match format.style {
        Style::Plain => "",
        Style::Percent => "%",
        Style::Exponent => "e",
    };
    if digits.is_empty() && style.is_empty() { String::new() } else { format!(":{digits}{style}") }
}
