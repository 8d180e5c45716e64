//! The printed form of a step: what `dlc kernels` shows, and what tests compare and read back.
//!
//! ```text
//! step learn arena=40000 scratch=0 counters=0
//! buffer x : f32[20,784] arg 0
//! buffer below.W : f32[784,500] place 0
//! buffer b7 "%7" : f32[20,500] arena 0
//!
//! kernel learn.1 owner i < 500 by 32 of n
//!   product lanes b7[i] = x[0] * below.W[i] m=20 n=min(32, 500 - i) c_row=500 a_row=784 terms=784 by (1, 500)
//!   for j < 20
//!     lanes k < min(32, 500 - i)
//!       %0 = load b7[j*500 + i + k] : f32  # net.dl:12:8
//!       %1 = fold sum strided l < 500 : f32
//!         %2 = load below.W[j*500 + l] : f32
//!         item %2
//!
//! order: learn.1 | loop c0 < 15 { learn.2 | learn.3 }
//! ```
//!
//! Buffers and kernels are called by their names where these are plain words that no earlier one has;
//! otherwise by a label like it, and the name in quotes follows the label. Loop variables are i to z, a to h,
//! then v26 and so on, by their index; counters are c0, c1; values are %0, %1. An index is a position in the
//! flat buffer. `+=` is an accumulating product, `bands=5 by (384, 250)` five times its columns; a table of
//! its terms lists their offsets, or loops around each other: `[5 by (384, 5), 5 by (32, 1)]`. A kernel without
//! an owner is one thread's, or, with `each`, every thread's for itself. In the order, `|` is a barrier,
//! `backwards` a loop whose counter goes down, `next { }` what of the next call comes before the end of this one,
//! `coming 8 { }` what every eighth call has of the eight calls to come, and `blocks { }` kernels that a thread does block by
//! block together; `opening` is what of a run's first call comes before its order. A buffer that is `alternate 64 3 by 128`
//! has three copies, which calls take by turns. What follows `#` is the place in the source.
//!
//! [`super::read`] reads this form back to an equal step.

use super::names::{Labels, index_variable, variable};
use super::{
    Bands, BufferId, Copies, Extent, Fold, Form, Home, Index, Item, Kernel, Layout, Op, Order, Product,
    Share, Start, Step, Stmt, Terms, Val, Var, loops_of,
};
use crate::ir::op::Reduce;
use crate::ir::print::{is_plain, quoted, scalar};
use crate::ir::words::{binary_name, compare_name, reduce_name, unary_name};
use crate::source::Span;
use std::fmt::Write;

/// The printed form. `places` writes a place: [`exact`], one for people (`file:line:column`; read back, it
/// is lost), or none.
pub fn print(step: &Step, places: &dyn Fn(Span) -> Option<String>) -> String {
    let mut out = format!("step {}", name(&step.name));
    let _ = writeln!(out, " arena={} scratch={} counters={}", step.arena, step.scratch, step.counters);
    let labels = Labels::of(step);
    for (i, buffer) in step.buffers.iter().enumerate() {
        let label = labels.buffer(BufferId(i as u32));
        let extents: Vec<String> = buffer.shape.iter().map(usize::to_string).collect();
        let (dtype, extents) = (buffer.dtype.name(), extents.join(","));
        let own = beside(&label, &buffer.name);
        let layout = match buffer.layout {
            Layout::Rows => String::new(),
            Layout::Panels(width) => format!(" panels {width}"),
        };
        let _ = writeln!(out, "buffer {label}{own} : {dtype}[{extents}] {}{layout}", home(buffer.home));
    }
    for kernel in 0..step.kernels.len() {
        out.push('\n');
        out.push_str(&print_kernel(step, kernel, places));
    }
    out.push('\n');
    for (word, items) in [("opening", &step.opening), ("order", &step.order)] {
        if word == "order" || !items.is_empty() {
            let _ = writeln!(out, "{word}:{}", items_text(items, &labels));
        }
    }
    out
}

/// One kernel as in the printed form of its step.
pub fn print_kernel(step: &Step, kernel: usize, places: &dyn Fn(Span) -> Option<String>) -> String {
    let labels = Labels::of(step);
    let label = labels.kernel(kernel);
    let kernel = &step.kernels[kernel];
    let mut printer = Printer { labels, places, types: kernel, out: format!("kernel {label}") };
    printer.out.push_str(&beside(&label, &kernel.name));
    match &kernel.share {
        Share::Blocks(owner) => {
            let (var, axis) = (variable(owner.var), name(&owner.axis));
            let _ = write!(printer.out, " owner {var} < {} by {} of {axis}", owner.extent, owner.unit);
        }
        Share::One => {}
        Share::Each => printer.out.push_str(" each"),
    }
    let mentioned = super::mentioned::of(kernel);
    if mentioned.vars != kernel.vars {
        let _ = write!(printer.out, " vars={}", kernel.vars);
    }
    printer.out.push('\n');
    for value in mentioned.without_statement(kernel.values.len()) {
        let _ = writeln!(printer.out, "  value %{} : {}", value, kernel.values[value].name());
    }
    printer.body(&kernel.body, 1);
    printer.out
}

/// The first line of a statement, for messages.
pub fn print_statement(step: &Step, kernel: &Kernel, stmt: &Stmt) -> String {
    let places = &|_| None;
    let mut printer = Printer { labels: Labels::of(step), places, types: kernel, out: String::new() };
    printer.statement(stmt, 0);
    printer.out.lines().next().unwrap_or("").to_owned()
}

/// Items of the step's order as one line: `learn.1 | learn.2`.
pub fn print_items(step: &Step, items: &[Item]) -> String {
    items_text(items, &Labels::of(step)).trim_start().to_owned()
}

/// A place that reads back: file index and bytes, `@0:512-520`.
pub fn exact(span: Span) -> Option<String> {
    Some(format!("@{}:{}-{}", span.file.0, span.start, span.end))
}

/// The word of a reduction: `sum`, `any`.
pub(super) fn fold_name(op: Reduce) -> &'static str {
    reduce_name(op).trim_start_matches("reduce_")
}

fn name(name: &str) -> String {
    if is_plain(name) { name.to_owned() } else { quoted(name) }
}

/// The name after a label that is not the name.
fn beside(label: &str, own: &str) -> String {
    if label == own { String::new() } else { format!(" {}", quoted(own)) }
}

fn home(home: Home) -> String {
    match home {
        Home::Arg(at) => format!("arg {at}"),
        Home::Place(at) => format!("place {at}"),
        Home::Resident(at) => format!("resident {at}"),
        Home::Report(at) => format!("report {at}"),
        Home::Run => "run".to_owned(),
        Home::Arena(at) => format!("arena {at}"),
        Home::Alternate(copies) => format!("alternate {}", copies_text(copies)),
        Home::Own(at) => format!("own {at}"),
        Home::OwnAlternate(copies) => format!("own alternate {}", copies_text(copies)),
        Home::Scratch(at) => format!("scratch {at}"),
    }
}

fn copies_text(Copies { first, apart, count }: Copies) -> String {
    format!("{first} {count} by {apart}")
}

fn item_text(item: &Item, labels: &Labels) -> String {
    match item {
        Item::Kernel(index) => labels.kernel(*index),
        Item::Barrier => "|".to_owned(),
        Item::Loop { counter, turns, reverse, body } => {
            let backwards = if *reverse { " backwards" } else { "" };
            format!("loop c{counter} < {turns}{backwards} {{{} }}", items_text(body, labels))
        }
        Item::Next(body) => format!("next {{{} }}", items_text(body, labels)),
        Item::Coming { calls, body } => format!("coming {calls} {{{} }}", items_text(body, labels)),
        Item::Blocks(body) => format!("blocks {{{} }}", items_text(body, labels)),
    }
}

/// Each item behind a space.
fn items_text(items: &[Item], labels: &Labels) -> String {
    items.iter().map(|item| format!(" {}", item_text(item, labels))).collect()
}

/// One kernel's statements.
struct Printer<'a> {
    labels: Labels,
    places: &'a dyn Fn(Span) -> Option<String>,
    /// For the types of its values.
    types: &'a Kernel,
    out: String,
}

impl Printer<'_> {
    fn body(&mut self, body: &[Stmt], depth: usize) {
        for stmt in body {
            self.statement(stmt, depth);
        }
    }

    fn line(&mut self, depth: usize, text: &str, span: Option<Span>) {
        let _ = write!(self.out, "{:indent$}{text}", "", indent = 2 * depth);
        if let Some(place) = span.and_then(|s| (self.places)(s)) {
            let _ = write!(self.out, "  # {place}");
        }
        self.out.push('\n');
    }

    fn statement(&mut self, stmt: &Stmt, depth: usize) {
        match stmt {
            Stmt::Let { value, op, span } => {
                let dtype = self.types.values.get(value.0 as usize).map_or("?", |d| d.name());
                let text = format!("%{} = {} : {dtype}", value.0, self.operation(op));
                self.line(depth, &text, *span);
                if let Op::Fold(fold) = op {
                    self.body(&fold.body, depth + 1);
                    self.line(depth + 1, &format!("item %{}", fold.item.0), None);
                }
            }
            Stmt::Store { buffer, index, value, span } => {
                let text = format!("store {} = %{}", self.at(*buffer, index), value.0);
                self.line(depth, &text, *span);
            }
            Stmt::For { var, extent, step, body } => {
                let step = if *step == 1 { String::new() } else { format!(" step {step}") };
                self.line(depth, &format!("for {}{step}", turns(*var, extent)), None);
                self.body(body, depth + 1);
            }
            Stmt::Lanes { var, extent, body } => {
                self.line(depth, &format!("lanes {}", turns(*var, extent)), None);
                self.body(body, depth + 1);
            }
            Stmt::Check { value, extent: bound, span } => {
                self.line(depth, &format!("check %{} < {bound}", value.0), *span);
            }
            Stmt::Strip { f, dst, src, count, span } => {
                let (dst, src, f) = (self.at(dst.0, &dst.1), self.at(src.0, &src.1), unary_name(*f));
                self.line(depth, &format!("strip {dst} = {f} {src} count={}", extent(count)), *span);
            }
            Stmt::Random { dst, first, count, key: [a, b], run, turn, span } => {
                let (dst, first) = (self.at(dst.0, &dst.1), index_text(first));
                let from = format!("key=[{a},{b}] run=%{} turn=%{}", run.0, turn.0);
                self.line(
                    depth,
                    &format!("random {dst} first=[{first}] count={} {from}", extent(count)),
                    *span,
                );
            }
            Stmt::Product(product) => self.line(depth, &self.product(product), product.span),
        }
    }

    fn operation(&self, op: &Op) -> String {
        match op {
            Op::Const(value) => format!("const {}", scalar(*value)),
            Op::Index(index) => format!("index {}", index_text(index)),
            Op::Load(buffer, index) => format!("load {}", self.at(*buffer, index)),
            Op::Unary(f, a) => format!("{} %{}", unary_name(*f), a.0),
            Op::Binary(f, a, b) => format!("{} %{} %{}", binary_name(*f), a.0, b.0),
            Op::Compare(f, a, b) => format!("{} %{} %{}", compare_name(*f), a.0, b.0),
            Op::Select(Val(c), Val(a), Val(b)) => format!("select %{c} %{a} %{b}"),
            Op::Cast(a) => format!("cast %{}", a.0),
            Op::Fold(fold) => fold_text(fold),
        }
    }

    fn at(&self, buffer: BufferId, index: &Index) -> String {
        format!("{}[{}]", self.labels.buffer(buffer), index_text(index))
    }

    fn product(&self, product: &Product) -> String {
        let Product { form, c, a, b, m, n, c_row, c_col, a_row, start, span: _ } = product;
        let word = match form {
            Form::Lanes { sparse: false, .. } => "lanes",
            Form::Lanes { sparse: true, .. } => "sparse",
            Form::Dot { .. } => "dot",
        };
        let (c, a, b) = (self.at(c.0, &c.1), self.at(a.0, &a.1), self.at(b.0, &b.1));
        let becomes = match start {
            Start::Zero => "=".to_owned(),
            Start::Old => "+=".to_owned(),
            Start::Plus => "= old +".to_owned(),
            Start::Scaled(by) => format!("= %{} * old +", by.0),
            Start::Decayed(by) => format!("= old + %{} * old +", by.0),
        };
        let mut out = format!("product {word} {c} {becomes} {a} * {b} m={} n={}", extent(m), extent(n));
        let _ = write!(out, " c_row={c_row}");
        if *c_col != 1 {
            let _ = write!(out, " c_col={c_col}");
        }
        let _ = write!(out, " a_row={a_row}");
        match form {
            Form::Lanes { terms, .. } => {
                let _ = write!(out, " terms={}", terms_text(terms));
            }
            Form::Dot { b_row, k, outer, bands } => {
                let _ = write!(out, " b_row={b_row} k={} outer={}", extent(k), terms_text(outer));
                if let Bands { count: 2.., b, c } = bands {
                    let _ = write!(out, " bands={} by ({b}, {c})", bands.count);
                }
            }
        }
        out
    }
}

fn fold_text(fold: &Fold) -> String {
    let order = match fold.order {
        Order::Ascending => "ascending",
        Order::Strided => "strided",
    };
    let loops: Vec<String> = fold.loops.iter().map(|(var, extent)| turns(*var, extent)).collect();
    format!("fold {} {order} {}", fold_name(fold.op), loops.join(", "))
}

fn turns(var: Var, bound: &Extent) -> String {
    format!("{} < {}", variable(var), extent(bound))
}

fn extent(extent: &Extent) -> String {
    match extent.rest {
        None => extent.size.to_string(),
        Some((var, limit)) => format!("min({}, {limit} - {})", extent.size, variable(var)),
    }
}

fn terms_text(terms: &Terms) -> String {
    match terms {
        Terms::Strided { count, a, b } => format!("{} by ({a}, {b})", extent(count)),
        Terms::Table(pairs) => {
            if let Some(loops) =
                loops_of(pairs).filter(|loops| (1..pairs.len().div_ceil(2)).contains(&loops.len()))
            {
                let loops: Vec<String> =
                    loops.iter().map(|(turns, a, b)| format!("{turns} by ({a}, {b})")).collect();
                return format!("[{}]", loops.join(", "));
            }
            let pairs: Vec<String> = pairs.iter().map(|(x, y)| format!("({x}, {y})")).collect();
            format!("[{}]", pairs.join(", "))
        }
    }
}

fn index_text(index: &Index) -> String {
    let loops = index.terms.iter().map(|(v, c)| (index_variable(*v), *c));
    let values = index.dynamic.iter().map(|(v, c)| (format!("%{}", v.0), *c));
    let mut out = String::new();
    for (what, coefficient) in loops.chain(values) {
        add(&mut out, coefficient < 0);
        let _ = match coefficient.unsigned_abs() {
            1 => write!(out, "{what}"),
            many => write!(out, "{what}*{many}"),
        };
    }
    if index.offset != 0 || out.is_empty() {
        add(&mut out, index.offset < 0);
        let _ = write!(out, "{}", index.offset.unsigned_abs());
    }
    out
}

fn add(out: &mut String, negative: bool) {
    out.push_str(match (out.is_empty(), negative) {
        (true, true) => "-",
        (true, false) => "",
        (false, true) => " - ",
        (false, false) => " + ",
    });
}
