//! The syntax tree as text, without spans: for tests, and to compare two trees. Stable, one node to a
//! line for declarations and statements, expressions in parentheses before their operands.

use std::fmt::Write;

use super::ast::*;

/// The tree of a file.
pub fn dump(file: &File) -> String {
    let mut out = String::new();
    doc(&mut out, 0, &file.doc);
    for line in &file.uses {
        let names: Vec<&str> = line.names.iter().map(|n| &*n.name).collect();
        let _ = writeln!(out, "use {}: {}", line.module(), names.join(", "));
    }
    for item in &file.items {
        dump_item(&mut out, 0, item);
    }
    out
}

fn line(out: &mut String, depth: usize, text: &str) {
    let _ = writeln!(out, "{:1$}{text}", "", depth * 2);
}

fn doc(out: &mut String, depth: usize, doc: &Option<String>) {
    doc.iter().flat_map(|d| d.lines()).for_each(|l| line(out, depth, &format!("## {l}")));
}

fn dump_item(out: &mut String, depth: usize, item: &Item) {
    match item {
        Item::Hyper(n) => {
            doc(out, depth, &n.doc);
            let dim = if n.is_dim { " dim" } else { "" };
            line(out, depth, &format!("hyper{dim} {}{} = {}", n.name.name, ty(&n.ty), expr(&n.value)));
        }
        Item::Dim(n) => {
            doc(out, depth, &n.doc);
            line(out, depth, &format!("dim {} = {}", n.name.name, expr(&n.value)));
        }
        Item::Data(n) => dump_data(out, depth, n),
        Item::Stream(n) => {
            doc(out, depth, &n.doc);
            line(out, depth, &format!("stream {}{}", n.name.name, default(&n.seed)));
        }
        Item::Layer(n) => {
            doc(out, depth, &n.doc);
            let sizes = n.sizes.as_ref().map_or(String::new(), shape);
            line(out, depth, &format!("layer {}{sizes}({})", n.name.name, params(&n.params)));
            n.body.iter().for_each(|i| dump_item(out, depth + 1, i));
        }
        Item::Param(n) => dump_slot(out, depth, "param ", n),
        Item::State(n) => dump_slot(out, depth, "state ", n),
        Item::Fn(n) => dump_function(out, depth, n),
        Item::Step(n) => {
            doc(out, depth, &n.doc);
            line(out, depth, &format!("step {}({})", n.name.name, params(&n.params)));
            block(out, depth + 1, &n.body);
        }
        Item::Schedule(n) => {
            doc(out, depth, &n.doc);
            line(out, depth, &format!("schedule {}({})", n.name.name, params(&n.params)));
            block(out, depth + 1, &n.body);
        }
        Item::Run(n) => {
            doc(out, depth, &n.doc);
            line(out, depth, "run");
            block(out, depth + 1, &n.body);
        }
        Item::Assert(n) => dump_assert(out, depth, n),
        Item::Draw(n) => dump_draw(out, depth, n),
        Item::Define(n) => dump_define(out, depth, n),
    }
}

fn dump_data(out: &mut String, depth: usize, data: &Data) {
    doc(out, depth, &data.doc);
    line(out, depth, &format!("data {}", data.name.name));
    for member in &data.members {
        match member {
            Member::Data(d) => dump_data(out, depth + 1, d),
            Member::Assert(a) => dump_assert(out, depth + 1, a),
            Member::Slot(s) => dump_slot(out, depth + 1, "", s),
        }
    }
}

fn dump_slot(out: &mut String, depth: usize, word: &str, slot: &Slot) {
    doc(out, depth, &slot.doc);
    let init = match &slot.init {
        SlotInit::Value(e) => format!("= {}", expr(e)),
        SlotInit::Draw(d) => source(d),
    };
    let shape = slot.shape.as_ref().map_or(String::new(), shape);
    line(out, depth, &format!("{word}{}{shape}{} {init}", slot.name.name, ty(&slot.ty)));
}

fn dump_function(out: &mut String, depth: usize, f: &Function) {
    doc(out, depth, &f.doc);
    let result: Vec<String> = f.result.iter().map(|r| format!("{}{}", shape(&r.shape), ty(&r.ty))).collect();
    let result = if result.is_empty() { String::new() } else { format!(" -> {}", result.join(", ")) };
    let head = format!("fn {}({}){result}", f.name.name, params(&f.params));
    match &f.body {
        Body::Expr(e) => line(out, depth, &format!("{head} = {}", expr(e))),
        Body::Block(b) => {
            line(out, depth, &head);
            block(out, depth + 1, b);
        }
    }
}

fn dump_assert(out: &mut String, depth: usize, a: &Assert) {
    let message = a.message.as_ref().map_or(String::new(), |m| format!(", {}", expr(m)));
    line(out, depth, &format!("assert {}{message}", expr(&a.condition)));
}

fn dump_draw(out: &mut String, depth: usize, d: &Draw) {
    let shape = d.shape.as_ref().map_or(String::new(), shape);
    line(out, depth, &format!("{}{shape} {}", d.name.name, source(&d.source)));
}

fn dump_define(out: &mut String, depth: usize, d: &Define) {
    doc(out, depth, &d.doc);
    line(out, depth, &format!("{} = {}", pattern(&d.pattern), exprs(&d.values)));
}

fn block(out: &mut String, depth: usize, block: &Block) {
    block.stmts.iter().for_each(|s| stmt(out, depth, s));
}

fn stmt(out: &mut String, depth: usize, stmt: &Stmt) {
    match &stmt.kind {
        StmtKind::Fn(f) => dump_function(out, depth, f),
        StmtKind::Return(values) => line(out, depth, format!("return {}", exprs(values)).trim_end()),
        StmtKind::Report(r) => line(out, depth, &format!("report {}{}", r.name.name, default(&r.value))),
        StmtKind::Assert(a) => dump_assert(out, depth, a),
        StmtKind::For(f) => {
            line(out, depth, &format!("for {} in {}", pattern(&f.pattern), expr(&f.iter)));
            block(out, depth + 1, &f.body);
        }
        StmtKind::If(i) => {
            for (n, arm) in i.arms.iter().enumerate() {
                let word = if n == 0 { "if" } else { "else if" };
                line(out, depth, &format!("{word} {}", expr(&arm.cond)));
                block(out, depth + 1, &arm.body);
            }
            if let Some(otherwise) = &i.otherwise {
                line(out, depth, "else");
                block(out, depth + 1, otherwise);
            }
        }
        StmtKind::Phase(p) => {
            line(out, depth, &format!("phase {}", expr(&p.name)));
            block(out, depth + 1, &p.body);
        }
        StmtKind::Stop => line(out, depth, "stop"),
        StmtKind::Var(v) => line(out, depth, &format!("var {} = {}", v.name.name, expr(&v.value))),
        StmtKind::Draw(d) => dump_draw(out, depth, d),
        StmtKind::Update(u) => line(out, depth, &format!("{} <- {}", expr(&u.place), expr(&u.value))),
        StmtKind::Define(d) => dump_define(out, depth, d),
        StmtKind::Call(e) => line(out, depth, &expr(e)),
    }
}

fn ty(ty: &Option<Ident>) -> String {
    ty.as_ref().map_or(String::new(), |t| format!(": {}", t.name))
}

fn default(value: &Option<Expr>) -> String {
    value.as_ref().map_or(String::new(), |v| format!(" = {}", expr(v)))
}

fn params(params: &[Formal]) -> String {
    let one = |f: &Formal| {
        let shape = f.shape.as_ref().map_or(String::new(), shape);
        format!("{}{shape}{}{}", f.name.name, ty(&f.ty), default(&f.default))
    };
    params.iter().map(one).collect::<Vec<_>>().join(", ")
}

fn shape(shape: &Shape) -> String {
    format!("[{}]", extents(&shape.extents))
}

fn extents(extents: &[Extent]) -> String {
    let one = |e: &Extent| match e {
        Extent::Expr(e) => expr(e),
        Extent::Rest { name, .. } => format!("...{}", name.as_ref().map_or("", |n| &n.name)),
    };
    extents.iter().map(one).collect::<Vec<_>>().join(", ")
}

fn source(source: &DrawSource) -> String {
    let from = source.from.as_ref().map_or(String::new(), |f| format!(" from {}", expr(f)));
    format!("~ {}{from}", expr(&source.dist))
}

fn pattern(p: &Pattern) -> String {
    match &p.kind {
        PatternKind::Name(name, s) => format!("{}{}", name.name, s.as_ref().map_or(String::new(), shape)),
        PatternKind::Tuple(all) => format!("({})", all.iter().map(pattern).collect::<Vec<_>>().join(", ")),
    }
}

fn exprs(all: &[Expr]) -> String {
    all.iter().map(expr).collect::<Vec<_>>().join(", ")
}

/// An expression, in parentheses wherever an operator applies.
pub fn expr(e: &Expr) -> String {
    match &e.kind {
        ExprKind::Number { text, .. } => text.to_string(),
        ExprKind::Str(parts) => string(parts),
        ExprKind::Bool(b) => b.to_string(),
        ExprKind::Name(n) => n.name.to_string(),
        ExprKind::List(all) => format!("[{}]", extents(all)),
        ExprKind::Comprehension { body, pattern: p, iter, cond } => {
            let cond = cond.as_ref().map_or(String::new(), |c| format!(" if {}", expr(c)));
            format!("[{} for {} in {}{cond}]", expr(body), pattern(p), expr(iter))
        }
        ExprKind::Tuple(all) => format!("(tuple {})", exprs(all)),
        ExprKind::Call { callee, args } => {
            let one = |a: &Arg| {
                format!(
                    "{}{}",
                    a.name.as_ref().map_or(String::new(), |n| format!("{}: ", n.name)),
                    expr(&a.value)
                )
            };
            format!("{}({})", expr(callee), args.iter().map(one).collect::<Vec<_>>().join(", "))
        }
        ExprKind::Index { base, places } => {
            format!("{}[{}]", expr(base), places.iter().map(place).collect::<Vec<_>>().join(", "))
        }
        ExprKind::Field { base, name } => format!("{}.{}", expr(base), name.name),
        ExprKind::Transpose(base) => format!("{}'", expr(base)),
        ExprKind::Unary { op, operand, .. } => format!("({} {})", op.text(), expr(operand)),
        ExprKind::Binary { op, lhs, rhs, .. } => format!("({} {} {})", op.text(), expr(lhs), expr(rhs)),
        ExprKind::Range { lo, hi } => format!("(.. {} {})", expr(lo), expr(hi)),
        ExprKind::If { cond, then, otherwise } => {
            format!("(if {} {} {})", expr(cond), expr(then), expr(otherwise))
        }
        ExprKind::AxisPattern { from, to } => format!("({} -> {})", shape(from), shape(to)),
    }
}

fn place(place: &Place) -> String {
    let end = |e: &Option<Expr>| e.as_ref().map_or(String::new(), expr);
    match place {
        Place::Expr(e) => expr(e),
        Place::Slice { lo, hi, .. } => format!("{}..{}", end(lo), end(hi)),
        Place::Rest(_) => "...".to_owned(),
    }
}

fn string(parts: &[StrPart]) -> String {
    let mut out = String::from("\"");
    for part in parts {
        match part {
            StrPart::Text(t) => {
                out.push_str(&t.escape_debug().to_string().replace('{', "{{").replace('}', "}}"))
            }
            StrPart::Hole { expr: e, format, .. } => {
                let digits = format.digits.map_or(String::new(), |d| format!(" .{d}"));
                let _ = write!(
                    out,
                    "{{{}{digits}{}}}",
                    expr(e),
                    match format.style {
                        Style::Plain => "",
                        Style::Percent => " %",
                        Style::Exponent => " e",
                    }
                );
            }
        }
    }
    out + "\""
}
