//! The program as text, for people and tests: one line for each value, statement and declaration,
//! in the spelling of the language where it has one.
//!
//! Values are `%0`, `%1`, … within their body, with the user's name after the number. The text
//! depends on the program alone, not on where its sources lie.

mod host;

use super::{
    ArgExtreme, Body, Dist, Draw, Hyper, IndexItem, MapOp, PlaceKind, PoolOp, Program, RawSource, Reader,
    ReduceOp, Step, StepDist, StreamSource, TensorType, Ties, Value, ValueId, ValueOp,
};
use std::fmt::{self, Display, Write};

/// The whole program: hyper-parameters, setup, places, steps, schedule.
pub fn print(program: &Program) -> String {
    let mut out = format!("program {}\n", program.name);
    for line in program.doc.iter().flat_map(|doc| doc.lines()) {
        push(&mut out, 0, &format!("# {line}"));
    }
    section(&mut out, program.hypers.iter().map(hyper_line));
    section(&mut out, setup_lines(program).into_iter());
    section(&mut out, program.places.iter().map(place_line));
    for step in &program.steps {
        section(&mut out, step_lines(program, step).into_iter());
    }
    if !program.host.body.is_empty() {
        out.push_str("\nrun\n");
        host::Printer::new(program).block(&mut out, 1, &program.host.body);
    }
    out
}

/// A step alone.
pub fn print_step(program: &Program, step: &Step) -> String {
    step_lines(program, step).iter().fold(String::new(), |text, line| text + line + "\n")
}

fn push(out: &mut String, depth: usize, line: &str) {
    let _ = writeln!(out, "{:1$}{line}", "", depth * 2);
}

/// Lines after an empty one; nothing if there are none.
fn section(out: &mut String, lines: impl Iterator<Item = String>) {
    for (i, line) in lines.enumerate() {
        if i == 0 {
            out.push('\n');
        }
        push(out, 0, &line);
    }
}

fn hyper_line(hyper: &Hyper) -> String {
    let mut line = format!("hyper {} = {}", hyper.name, hyper.value);
    if hyper.set {
        let _ = write!(line, " (set; {} by default)", hyper.default);
    } else if hyper.default != hyper.value {
        let _ = write!(line, " (written {})", hyper.default);
    }
    if let Some(doc) = &hyper.doc {
        let _ = write!(line, "  # {}", doc.lines().next().unwrap_or_default());
    }
    line
}

fn setup_lines(program: &Program) -> Vec<String> {
    let setup = &program.setup;
    let mut lines = vec!["setup".to_owned()];
    for raw in &setup.raws {
        lines.push(format!("  raw {}: {} = {}", raw.name, raw.ty, raw_source(&raw.source)));
    }
    lines.extend(setup.draws.iter().map(|draw| format!("  draw {}", drawn(draw))));
    lines.extend(value_lines(program, None, &setup.body));
    for resident in &setup.residents {
        lines.push(format!("  resident {} = %{}", resident.name, resident.value));
    }
    for place in &program.places {
        lines.push(format!("  initial {} = %{}", place.name, place.init));
    }
    if lines.len() == 1 {
        lines.clear();
    }
    lines
}

/// `below.W: real[784, 500] ~ uniform(-1, 1) from 7`.
fn drawn(draw: &Draw) -> String {
    format!("{}: {} ~ {} from {}", draw.path, draw.ty, dist(&draw.dist), stream(&draw.stream))
}

fn place_line(place: &super::Place) -> String {
    let kind = match place.kind {
        PlaceKind::Param => "param",
        PlaceKind::State => "state",
    };
    format!("{kind} {}: {}", place.name, place.ty)
}

fn step_lines(program: &Program, step: &Step) -> Vec<String> {
    let args: Vec<String> = step.args.iter().map(|a| format!("{}: {}", a.name, a.ty)).collect();
    let kind = if step.declared { "step" } else { "expression" };
    let mut lines = vec![format!("{kind} {}({})", step_name(step), args.join(", "))];
    lines.extend(value_lines(program, Some(step), &step.body));
    for (place, value, _) in &step.body.updates {
        lines.push(format!("  {} <- %{value}", program.places[*place].name));
    }
    for (name, value, _) in &step.body.reports {
        lines.push(format!("  report {name} = %{value}"));
    }
    lines
}

/// A step's name with what tells its forms apart.
fn step_name(step: &Step) -> String {
    if step.form.is_empty() { step.name.clone() } else { format!("{}{{{}}}", step.name, step.form) }
}

fn value_lines(program: &Program, step: Option<&Step>, body: &Body) -> Vec<String> {
    let line = |(at, value): (usize, &Value)| {
        let name = value.name.as_ref().map(|name| format!(" {name}")).unwrap_or_default();
        format!("  %{at}{name}: {} = {}", value.ty, value_text(program, step, value))
    };
    body.values.iter().enumerate().map(line).collect()
}

fn value_text(program: &Program, step: Option<&Step>, value: &Value) -> String {
    let args: Vec<String> = value.args.iter().map(|a: &ValueId| format!("%{a}")).collect();
    let all = args.join(", ");
    match &value.op {
        ValueOp::Arg(at) => match step {
            Some(step) => format!("arg {}", step.args[*at].name),
            None => format!("arg {at}"),
        },
        ValueOp::Place(place) => format!("place {}", program.places[*place].name),
        ValueOp::Resident(at) => format!("resident {}", program.setup.residents[*at].name),
        ValueOp::Raw(at) => format!("raw {}", program.setup.raws[*at].name),
        ValueOp::Drawn(at) => format!("drawn {}", program.setup.draws[*at].path),
        ValueOp::Number(v) => number(*v),
        ValueOp::Bool(v) => v.to_string(),
        ValueOp::Indices => format!("indices({})", value.ty.shape[0]),
        ValueOp::Map(op) => applied(*op, &args),
        ValueOp::Convert => format!("{}({all})", value.ty.elem.name()),
        ValueOp::MatMul => args.join(" @ "),
        ValueOp::Conv { flipped, mode, stride } => {
            let name = if *flipped { "conv2d" } else { "correlate2d" };
            format!("{name}({all}, mode: {}, stride: {})", quoted(mode.name()), list(stride))
        }
        ValueOp::Pool { op, window, ignore_border } => {
            let (name, ties) = match op {
                PoolOp::Max(Ties::First) => ("max_pool", ""),
                PoolOp::Max(Ties::All) => ("max_pool", ", ties: \"all\""),
                PoolOp::Mean => ("mean_pool", ""),
            };
            format!("{name}({all}, {}, ignore_border: {ignore_border}{ties})", list(window))
        }
        ValueOp::Transpose => format!("{all}'"),
        ValueOp::Rearrange { perm } => format!("rearrange({all}, order: {})", list(perm)),
        ValueOp::Reshape => format!("reshape({all})"),
        ValueOp::Broadcast => format!("broadcast({all})"),
        ValueOp::Index(items) => format!("{}[{}]", args[0], positions(items, &args[1..])),
        ValueOp::Replace(items) => {
            format!("replace({}[{}], {})", args[0], positions(items, &args[2..]), args[1])
        }
        ValueOp::Concat { axis } => format!("concat([{all}], axis: {axis})"),
        ValueOp::Stack { axis } => format!("stack([{all}], axis: {axis})"),
        ValueOp::Pad { before, after, value } => {
            format!("pad({all}, before: {}, after: {}, value: {})", list(before), list(after), number(*value))
        }
        ValueOp::Reduce { op, axes, keep } => {
            let name = match op {
                ReduceOp::Sum => "sum",
                ReduceOp::Mean => "mean",
                ReduceOp::Prod => "prod",
                ReduceOp::Max | ReduceOp::MaxAll => "max",
                ReduceOp::Min | ReduceOp::MinAll => "min",
                ReduceOp::Any => "any",
                ReduceOp::All => "all",
                ReduceOp::LogSumExp => "logsumexp",
            };
            let ties = match op {
                ReduceOp::MaxAll | ReduceOp::MinAll => ", ties: \"all\"",
                _ => "",
            };
            format!("{name}({all}, axis: {}{}{ties})", list(axes), kept(*keep))
        }
        ValueOp::ArgExtreme { op, axis, keep } => {
            let name = match op {
                ArgExtreme::Max => "argmax",
                ArgExtreme::Min => "argmin",
            };
            format!("{name}({all}, axis: {axis}{})", kept(*keep))
        }
        ValueOp::Softmax { axis } => format!("softmax({all}, axis: {axis})"),
        ValueOp::LogSoftmax { axis } => format!("log_softmax({all}, axis: {axis})"),
        ValueOp::OneHot => format!("one_hot({all})"),
        ValueOp::Draw(draw) => {
            let trials = match draw.dist {
                StepDist::Binomial { trials } => format!("{trials}, "),
                StepDist::Permutation => value.ty.shape[0].to_string(),
                _ => String::new(),
            };
            format!("~ {}({trials}{all}) from philox({}) as {}", draw.dist.name(), draw.seed, draw.path)
        }
        ValueOp::Scan(of) => {
            let gives: Vec<String> = of.results.iter().map(|r| format!("%{r}")).collect();
            let (carried, scanned) = (of.carried, of.scanned);
            let head = format!("scan({all}, steps: {}, carried: {carried}, over: {scanned})", of.turns);
            let mut text = head + "\n";
            for line in value_lines(program, step, &of.body) {
                text += &format!("  {}\n", line.replace('\n', "\n  "));
            }
            text + "    return " + &gives.join(", ")
        }
        ValueOp::Part(at) => format!("{all}.{at}"),
        ValueOp::Carried(at) => format!("carried {at}"),
        ValueOp::Scanned(at) => format!("scanned {at}"),
        ValueOp::Captured(at) => format!("captured {at}"),
        ValueOp::StopGradient => format!("stop_gradient({all})"),
        ValueOp::Grad => format!("grad({all})"),
    }
}

/// The positions of an index.
fn positions(items: &[IndexItem], tensors: &[String]) -> String {
    let mut tensors = tensors.iter();
    let item = |item: &IndexItem| match item {
        IndexItem::Slice(from, to) => format!("{from}..{to}"),
        IndexItem::At(position) => position.to_string(),
        IndexItem::Tensor => tensors.next().cloned().unwrap_or_default(),
    };
    items.iter().map(item).collect::<Vec<_>>().join(", ")
}

fn kept(keep: bool) -> &'static str {
    if keep { ", keep: true" } else { "" }
}

/// How a function is written.
enum Spelling {
    Call(&'static str),
    Prefix(&'static str),
    Infix(&'static str),
}

fn spelling(op: MapOp) -> Spelling {
    use Spelling::{Call, Infix, Prefix};
    match op {
        MapOp::Neg => Prefix("-"),
        MapOp::Abs => Call("abs"),
        MapOp::Sign => Call("sign"),
        MapOp::Exp => Call("exp"),
        MapOp::Log => Call("log"),
        MapOp::Log1p => Call("log1p"),
        MapOp::Expm1 => Call("expm1"),
        MapOp::Sqrt => Call("sqrt"),
        MapOp::Tanh => Call("tanh"),
        MapOp::Sigmoid => Call("sigmoid"),
        MapOp::Softplus => Call("softplus"),
        MapOp::Relu => Call("relu"),
        MapOp::Erf => Call("erf"),
        MapOp::Sin => Call("sin"),
        MapOp::Cos => Call("cos"),
        MapOp::Floor => Call("floor"),
        MapOp::Round => Call("round"),
        MapOp::Not => Prefix("not "),
        MapOp::Add => Infix("+"),
        MapOp::Sub => Infix("-"),
        MapOp::Mul => Infix("*"),
        MapOp::Div => Infix("/"),
        MapOp::FloorDiv => Infix("//"),
        MapOp::Mod => Infix("%"),
        MapOp::Pow => Infix("^"),
        MapOp::Max => Call("max"),
        MapOp::Min => Call("min"),
        MapOp::And => Infix("and"),
        MapOp::Or => Infix("or"),
        MapOp::Eq => Infix("=="),
        MapOp::Ne => Infix("!="),
        MapOp::Lt => Infix("<"),
        MapOp::Le => Infix("<="),
        MapOp::Gt => Infix(">"),
        MapOp::Ge => Infix(">="),
        MapOp::Where => Call("where"),
        MapOp::Clamp => Call("clamp"),
    }
}

/// A function of operands that are written already.
fn applied(op: MapOp, args: &[String]) -> String {
    match spelling(op) {
        Spelling::Call(name) => format!("{name}({})", args.join(", ")),
        Spelling::Prefix(sign) => format!("{sign}{}", args.join(", ")),
        Spelling::Infix(sign) => args.join(&format!(" {sign} ")),
    }
}

fn raw_source(source: &RawSource) -> String {
    match source {
        RawSource::Read { reader, path, span: _ } => {
            let name = match reader {
                Reader::Pickle => "read_pickle",
                Reader::Idx => "read_idx",
                Reader::Npy => "read_npy",
                Reader::Npz => "read_npz",
                Reader::Csv => "read_csv",
                Reader::Png => "read_png",
            };
            format!("{name}({})", quoted(path))
        }
        RawSource::Item(of, at) => format!("{}[{at}]", raw_source(of)),
        RawSource::Field(of, name) => format!("{}.{name}", raw_source(of)),
        RawSource::SliceFirst(of, from, to) => {
            format!("{}[{from}..{}]", raw_source(of), to.map(|to| to.to_string()).unwrap_or_default())
        }
        RawSource::Reshape(of, shape) => format!("reshape({}, {})", raw_source(of), list(shape)),
    }
}

fn dist(dist: &Dist) -> String {
    match dist {
        Dist::Uniform(low, high) => format!("uniform({}, {})", number(*low), number(*high)),
        Dist::Normal(mean, deviation) => format!("normal({}, {})", number(*mean), number(*deviation)),
        Dist::Bernoulli(p) => format!("bernoulli({})", number(*p)),
        Dist::Binomial(trials, p) => format!("binomial({trials}, {})", number(*p)),
        Dist::Integers(low, high) => format!("integers({low}, {high})"),
        Dist::Permutation(n) => format!("permutation({n})"),
    }
}

fn stream(stream: &StreamSource) -> String {
    match stream {
        StreamSource::Numpy { seed, index } => format!("numpy({seed}), stream {index}"),
        StreamSource::Philox { seed } => format!("philox({seed})"),
    }
}

/// `[1, 2]`.
fn list(of: &[usize]) -> String {
    format!("[{}]", of.iter().map(usize::to_string).collect::<Vec<_>>().join(", "))
}

/// The shortest decimal that reads back, with an exponent where it has many digits.
fn number(v: f64) -> String {
    let size = v.abs();
    if size != 0.0 && size.is_finite() && !(1e-5..1e16).contains(&size) {
        format!("{v:e}")
    } else {
        v.to_string()
    }
}

/// A text as the language writes it.
fn quoted(text: &str) -> String {
    format!("\"{}\"", escaped(text))
}

fn escaped(text: &str) -> String {
    text.replace('\\', "\\\\").replace('"', "\\\"").replace('\n', "\\n").replace('\t', "\\t")
}

/// `real[n = 20, 784]`; a scalar has no brackets.
impl Display for TensorType {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.elem.name())?;
        if self.shape.is_empty() {
            return Ok(());
        }
        let axis = |(extent, name): (&usize, &Option<std::sync::Arc<str>>)| match name {
            Some(name) => format!("{name} = {extent}"),
            None => extent.to_string(),
        };
        write!(f, "[{}]", self.shape.iter().zip(&self.names).map(axis).collect::<Vec<_>>().join(", "))
    }
}
