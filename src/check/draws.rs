//! Streams, distributions, and draws: before the run, inside steps, and in the schedule.

use super::block::not_built;
use super::ops::Given;
use super::state::{Checker, Outcome, World, fail};
use super::value::*;
use crate::diag::{Diagnostic, codes};
use crate::program::{Dist, Draw, Elem, StepDist, StepDraw, StreamSource, ValueOp, host};
use crate::source::Span;
use crate::syntax::ast;
use std::collections::BTreeMap;
use std::sync::Arc;

/// The most trials of a binomial inside a step: each is a term of the graph.
const MOST_TRIALS: u32 = 64;
/// The longest permutation inside a step: every two of its numbers are compared.
const MOST_PERMUTED: f64 = 4096.0;

/// The path of a draw: the bodies from the step (or `run`) down to the one that draws.
///
/// A path is the step's name, a part for each call on the way, then the name drawn:
/// `pretrain/daes[0].loss/corrupt/kept`.
///
/// - A method's part begins with its instance. A step's name does too, and if two steps have the same
///   name the later is `learn#2`.
/// - Within one body the first call of a function is just its name, the others in source order
///   `f#2`, `f#3`, …; draws of one name (in two `if`s) likewise.
/// - A turn of a loop or comprehension that is unrolled is a part of its own and numbers what is in
///   it by itself: `for[0]`, of the body's second loop `for#2[0]`. A `scan` calls its function once;
///   its turns are told apart by the counter, not by the path.
///
/// So adding a draw changes no other path, and one more call of a function only those of the calls
/// of that function after it in that body.
#[derive(Clone, Default)]
pub(super) struct Identity {
    bodies: Vec<Body>,
}

#[derive(Clone)]
struct Body {
    part: String,
    /// How often each part and name was seen in it.
    seen: BTreeMap<String, usize>,
}

impl Identity {
    /// The path of a step's body, or of the schedule's.
    pub fn of(name: &str) -> Identity {
        Identity { bodies: vec![Body { part: name.to_string(), seen: BTreeMap::new() }] }
    }

    /// The name, numbered if the body has it already.
    fn numbered(&mut self, name: &str) -> String {
        let Some(body) = self.bodies.last_mut() else { return name.to_string() };
        let count = body.seen.entry(name.to_string()).or_insert(0);
        *count += 1;
        if *count == 1 { name.to_string() } else { format!("{name}#{count}") }
    }

    /// Enters the body of a call.
    pub fn enter(&mut self, name: &str) {
        let part = self.numbered(name);
        self.bodies.push(Body { part, seen: BTreeMap::new() });
    }

    /// Begins an unrolled loop; gives what its turns are called.
    pub fn begin_loop(&mut self) -> String {
        self.numbered("for")
    }

    /// Enters a turn of an unrolled loop.
    pub fn enter_turn(&mut self, turns: &str, at: usize) {
        self.bodies.push(Body { part: format!("{turns}[{at}]"), seen: BTreeMap::new() });
    }

    /// Leaves the innermost body.
    pub fn leave(&mut self) {
        self.bodies.pop();
    }

    /// The path of a draw in the innermost body.
    fn path(&mut self, name: &str) -> String {
        let own = self.numbered(name);
        let parts = self.bodies.iter().map(|b| b.part.as_str()).chain([own.as_str()]);
        parts.collect::<Vec<_>>().join("/")
    }
}

/// A stream of random numbers.
pub(super) struct Stream {
    pub source: StreamSource,
}

impl Stream {
    /// A stream without a seed of its own: it comes from its name and the program's seed.
    pub fn named(name: &str, seed: u64) -> Stream {
        Stream { source: StreamSource::Philox { seed: crate::random::named_seed(name, seed) } }
    }
}

/// Message 6: a distribution where a value is wanted.
pub(super) fn distribution_as_value(checker: &Checker<'_>, span: Span) -> Diagnostic {
    let text = checker.sources.text(span);
    Diagnostic::error(codes::DISTRIBUTION, "a distribution is not a value")
        .label(span, "says how to draw, and nothing is drawn")
        .help(format!("name[shape] ~ {text}"))
}

/// The axes of what is drawn; a permutation has its own.
fn drawn_axes(dist: &Dist, axes: Option<Vec<Axis>>, at: Span) -> Outcome<Vec<Axis>> {
    match (dist, axes) {
        (Dist::Permutation(n), None) => Ok(vec![Axis::plain(*n)]),
        (Dist::Permutation(n), Some(axes)) if axes.len() != 1 || axes[0].extent != *n => {
            fail(codes::SHAPE, format!("a permutation of {n} has the shape [{n}]"), at, "drawn here")
        }
        (_, axes) => Ok(axes.unwrap_or_default()),
    }
}

impl Checker<'_> {
    /// `stream NAME [= e]`.
    pub fn stream(&mut self, stream: &ast::Stream, frame: FrameId) -> Outcome<Value> {
        let made = match &stream.seed {
            None => Stream::named(&stream.name.name, self.settings.seed),
            Some(e) => match self.expr(e, frame)? {
                Value::Stream(id) => return Ok(Value::Stream(id)),
                other => match self.number(&other) {
                    Some((v, true)) if v >= 0.0 => Stream { source: StreamSource::Philox { seed: v as u64 } },
                    _ => {
                        return fail(
                            codes::KIND,
                            "a stream's seed is a whole number, or numpy(seed)",
                            e.span,
                            other.kind(),
                        );
                    }
                },
            },
        };
        self.streams.push(made);
        Ok(Value::Stream(self.streams.len() - 1))
    }

    /// `numpy(seed)`.
    pub fn numpy_stream(&mut self, given: &[Given], span: Span) -> Outcome<Value> {
        match given {
            [Given { value, .. }] => match self.number(value) {
                Some((v, true)) if (0.0..4294967296.0).contains(&v) => {
                    let index = self.streams.len();
                    self.streams.push(Stream { source: StreamSource::Numpy { seed: v as u32, index } });
                    Ok(Value::Stream(index))
                }
                _ => fail(
                    codes::KIND,
                    "a seed of NumPy's generator is a whole number below 2^32",
                    span,
                    "this seed",
                ),
            },
            _ => fail(codes::UNKNOWN_ARGUMENT, "numpy takes one argument, the seed", span, "this call"),
        }
    }

    /// A distribution from a source `dist [from stream]`.
    fn drawn_from(
        &mut self,
        source: &ast::DrawSource,
        frame: FrameId,
    ) -> Outcome<(Arc<Distribution>, usize)> {
        let dist = match self.expr(&source.dist, frame)? {
            Value::Dist(d) => d,
            other => {
                let title = format!("`~` draws from a distribution, and this is {}", other.kind());
                return fail(codes::DISTRIBUTION, title, source.dist.span, other.kind());
            }
        };
        let stream = match &source.from {
            None => 0,
            Some(e) => match self.expr(e, frame)? {
                Value::Stream(id) => id,
                other => {
                    return fail(
                        codes::KIND,
                        format!("`from` takes a stream, and this is {}", other.kind()),
                        e.span,
                        other.kind(),
                    );
                }
            },
        };
        Ok((dist, stream))
    }

    /// `x[shape] ~ dist [from s]` as a statement.
    pub fn draw_statement(&mut self, draw: &ast::Draw, frame: FrameId) -> Outcome<()> {
        if self.world != World::Compile {
            let value = self.step_draw(draw, frame)?;
            return self.define(frame, &draw.name, value, draw.span);
        }
        let axes = match &draw.shape {
            Some(shape) => Some(self.known_axes(shape, frame)?),
            None => None,
        };
        let path = if self.prefix.is_empty() {
            draw.name.name.to_string()
        } else {
            format!("{}.{}", self.prefix, draw.name.name)
        };
        let value = self.draw(&draw.source, axes, None, path, &draw.name.name, frame)?;
        self.define(frame, &draw.name, value, draw.span)
    }

    /// `x[shape] ~ dist [from s]` in a schedule: drawn each time that the statement is come to. Its
    /// identity is its path, `run/train/order`; further statements of one path are numbered.
    pub fn schedule_draw(&mut self, draw: &ast::Draw, frame: FrameId, span: Span) -> Outcome<()> {
        let axes = match &draw.shape {
            Some(shape) => Some(self.known_axes(shape, frame)?),
            None => None,
        };
        let (dist, stream) = self.drawn_from(&draw.source, frame)?;
        if let Some(at) = dist.args.iter().position(|a| self.number(a).is_none()) {
            let what = format!("a draw of the schedule from {} of {}", dist.name, dist.args[at].kind());
            return not_built(&what, dist.span);
        }
        let (dist, elem) = self.settled(&dist)?;
        let axes = drawn_axes(&dist, axes, draw.source.span)?;
        let stream = self.streams[stream].source.clone();
        if let StreamSource::Numpy { .. } = stream {
            let title = "NumPy's generator serves draws before the run, and this is made while running";
            let d = Diagnostic::error(codes::WORLD, title).label(draw.source.span, "drawn here");
            return Err(d.help("stream s = 7   a stream whose draws depend on no order").into());
        }
        let path = self.identity.path(&draw.name.name);
        // The second form of a loop, for the smaller last minibatch, has the draws of the first.
        let known = self.program.host.draws.iter().position(|d| d.path == path && d.span == draw.source.span);
        let at = known.unwrap_or_else(|| {
            let ty = self.tensor_type(elem, &axes);
            self.program.host.draws.push(Draw { stream, dist, ty, path, span: draw.source.span });
            self.program.host.draws.len() - 1
        });
        let kind = if axes.is_empty() { HostKind::Number } else { HostKind::Tensor(elem, axes) };
        let expr = host::Expr { kind: host::ExprKind::Draw(at), span: draw.source.span };
        let value = self.keep_host(super::schedule::host_value(expr, kind, draw.name.span), &draw.name.name);
        self.define(frame, &draw.name, value, span)
    }

    /// A draw inside a step, or in a function that the schedule calls.
    fn step_draw(&mut self, draw: &ast::Draw, frame: FrameId) -> Outcome<Value> {
        let (dist, stream) = self.drawn_from(&draw.source, frame)?;
        let seed = match self.streams[stream].source {
            StreamSource::Philox { seed } => seed,
            StreamSource::Numpy { .. } => {
                let from = draw.source.from.as_ref().map_or(draw.source.span, |e| e.span);
                let d = Diagnostic::error(codes::WORLD, "a NumPy stream is drawn from before the run alone")
                    .label(from, "sequential, so a step cannot draw from it in any order")
                    .note("it serves initial values, data, and draws outside functions and steps")
                    .help("draw from `main`, or from a stream of its own: stream noise");
                return Err(d.into());
            }
        };
        let declared = match &draw.shape {
            Some(shape) => Some(self.known_axes(shape, frame)?),
            None => None,
        };
        let path = self.identity.path(&draw.name.name);
        let known: Vec<Option<f64>> = dist.args.iter().map(|a| self.number(a).map(|(v, _)| v)).collect();
        if known.iter().all(Option::is_some) && dist.name != "categorical" {
            self.settled(&dist)?;
        }
        let (kind, elem) = self.step_dist(&dist, &known)?;
        let mut params = Vec::new();
        for arg in &dist.args[dist.args.len() - kind.operands().min(dist.args.len())..] {
            params.push(self.parameter(arg, kind, &dist)?);
        }
        if kind == StepDist::Integers && params.len() == 1 {
            params.insert(0, self.emit(ValueOp::Number(0.0), vec![], Elem::Int, vec![], dist.span));
        }
        let natural = match kind {
            StepDist::Permutation => vec![Axis::plain(known[0].unwrap_or(0.0) as usize)],
            StepDist::Categorical => {
                let p = &params[0];
                match p.axes.split_last() {
                    Some((last, rows)) if last.extent > 0 => rows.to_vec(),
                    _ => {
                        return fail(
                            codes::SHAPE,
                            "categorical takes probabilities along the last axis",
                            dist.span,
                            format!("this is {}", self.shape_full(&p.axes)),
                        );
                    }
                }
            }
            _ => {
                let operands: Vec<(&Tensor, Span)> = params.iter().map(|p| (p, dist.span)).collect();
                self.broadcast_axes(&operands, draw.span)?
            }
        };
        let axes = match declared {
            None => natural,
            Some(axes) => {
                let aligned = axes.iter().rev().zip(natural.iter().rev());
                let stretch = kind != StepDist::Permutation;
                let mut fits = natural.len() <= axes.len() && (stretch || natural.len() == axes.len());
                for (wanted, own) in aligned {
                    let one = stretch && *own == Axis::plain(1);
                    fits &= one || self.agree_outside(*wanted, *own);
                }
                if !fits {
                    let title = format!("{} does not give this shape", dist.name);
                    let at = draw.shape.as_ref().map_or(draw.span, |s| s.span);
                    let d = Diagnostic::error(codes::BROADCAST, title)
                        .label(at, format!("wanted here: {}", self.shape_full(&axes)))
                        .label(dist.span, format!("its arguments give {}", self.shape_full(&natural)));
                    return Err(d.into());
                }
                axes
            }
        };
        let args = params.iter().map(|p| self.import(p, dist.span)).collect();
        let op = ValueOp::Draw(Box::new(StepDraw { dist: kind, seed, path }));
        let tensor = self.emit(op, args, elem, axes, draw.span);
        self.name_tensor(&tensor, &draw.name.name);
        Ok(Value::Tensor(tensor))
    }

    /// A distribution as steps draw from it, and what it gives.
    fn step_dist(&self, dist: &Distribution, known: &[Option<f64>]) -> Outcome<(StepDist, Elem)> {
        let not_known = |what: &str| {
            fail(codes::KIND, format!("{what} is known before the run"), dist.span, "this distribution")
        };
        Ok(match (dist.name, known) {
            ("uniform", [_, _]) => (StepDist::Uniform, Elem::Real),
            ("normal", [_, _]) => (StepDist::Normal, Elem::Real),
            ("bernoulli", [_]) => (StepDist::Bernoulli, Elem::Real),
            ("binomial", [Some(n), _]) if *n <= f64::from(MOST_TRIALS) && *n >= 0.0 && n.fract() == 0.0 => {
                (StepDist::Binomial { trials: *n as u32 }, Elem::Real)
            }
            ("binomial", [Some(_), _]) => {
                let what = format!("a binomial of more than {MOST_TRIALS} trials inside a step");
                return not_built(&what, dist.span);
            }
            ("binomial", [None, _]) => return not_known("the number of trials of a binomial"),
            ("integers", [_] | [_, _]) => (StepDist::Integers, Elem::Int),
            ("permutation", [Some(n)]) if *n <= MOST_PERMUTED => (StepDist::Permutation, Elem::Int),
            ("permutation", [Some(_)]) => {
                let what = format!("a permutation of more than {MOST_PERMUTED} numbers inside a step");
                return not_built(&what, dist.span);
            }
            ("permutation", [None]) => return not_known("the length of a permutation"),
            ("categorical", [_]) => (StepDist::Categorical, Elem::Int),
            (name, args) => {
                return fail(
                    codes::NUMBER,
                    format!("{name} does not take these arguments ({} of them)", args.len()),
                    dist.span,
                    "this distribution",
                );
            }
        })
    }

    /// A parameter of a distribution as a tensor of the step.
    fn parameter(&mut self, arg: &Value, kind: StepDist, dist: &Distribution) -> Outcome<Tensor> {
        let elem = if kind == StepDist::Integers { Elem::Int } else { Elem::Real };
        if elem == Elem::Int
            && let Some((v, _)) = self.number(arg)
            && v.abs() > f64::from(i32::MAX)
        {
            let title = format!("{v} is beyond the numbers of a step, which have 32 bits");
            return fail(codes::NUMBER, title, dist.span, "this distribution");
        }
        match self.as_tensor(arg, Some(elem), dist.span) {
            Some(t) if t.elem == elem || (elem == Elem::Real && t.elem == Elem::Int) => Ok(t),
            Some(t) => {
                let title = format!("{} takes {}, and is given {}", dist.name, elem.name(), t.elem.name());
                fail(codes::DTYPE, title, dist.span, "this distribution")
            }
            None => fail(
                codes::KIND,
                format!("{} takes numbers and tensors, and is given {}", dist.name, arg.kind()),
                dist.span,
                "this distribution",
            ),
        }
    }

    /// The axes of a shape without `_`.
    pub fn known_axes(&mut self, shape: &ast::Shape, frame: FrameId) -> Outcome<Vec<Axis>> {
        let axes = self.shape_axes(shape, frame)?;
        axes.into_iter()
            .map(|a| match a {
                Some(a) => Ok(a),
                None => fail(
                    codes::SHAPE,
                    "every extent must be known here; `_` stands for what a file holds",
                    shape.span,
                    "not known",
                ),
            })
            .collect()
    }

    /// A draw made before the run; without axes it is a compile-time number.
    pub fn draw(
        &mut self,
        source: &ast::DrawSource,
        axes: Option<Vec<Axis>>,
        elem: Option<Elem>,
        path: String,
        name: &str,
        frame: FrameId,
    ) -> Outcome<Value> {
        let (dist, stream) = self.drawn_from(source, frame)?;
        let (dist, natural) = self.settled(&dist)?;
        let axes = drawn_axes(&dist, axes, source.span)?;
        if let Some(elem) = elem
            && elem != natural
        {
            return fail(
                codes::DTYPE,
                format!("this distribution gives {}, and {} is declared", natural.name(), elem.name()),
                source.span,
                "drawn here",
            );
        }
        let ty = self.tensor_type(natural, &axes);
        let source_of = self.streams[stream].source.clone();
        let scalar = axes.is_empty();
        self.program.setup.draws.push(Draw {
            stream: source_of.clone(),
            dist,
            ty,
            path: path.clone(),
            span: source.span,
        });
        let index = self.program.setup.draws.len() - 1;
        if scalar && name != "_" {
            return self.drawn_number(index, natural, source.span);
        }
        let world = std::mem::replace(&mut self.world, World::Compile);
        let tensor = self.emit(ValueOp::Drawn(index), vec![], natural, axes, source.span);
        self.name_setup(&tensor, path);
        self.world = world;
        let Source::Local(_, id) = tensor.source else { return Ok(Value::Tensor(tensor)) };
        Ok(Value::Tensor(Tensor { source: Source::Setup(id), ..tensor }))
    }

    /// Names a value of the setup by its path.
    pub fn name_setup(&mut self, t: &Tensor, path: String) {
        if let Source::Local(_, id) | Source::Setup(id) = t.source
            && self.setup.body.values[id].name.is_none()
        {
            self.setup.body.values[id].name = Some(path.into());
        }
    }

    /// The number that a draw without a shape gives: the stream's draws so far are made.
    fn drawn_number(&mut self, index: usize, elem: Elem, span: Span) -> Outcome<Value> {
        let value = crate::random::draw_number(&self.program.setup.draws, index)
            .map_err(|why| Diagnostic::error(codes::NUMBER, why).label(span, "drawn here"))?;
        Ok(Value::Number { value, whole: elem == Elem::Int })
    }

    /// A distribution's parameters as numbers, and its element type.
    fn settled(&mut self, dist: &Distribution) -> Outcome<(Dist, Elem)> {
        let mut numbers = Vec::new();
        for arg in &dist.args {
            match self.number(arg) {
                Some((v, _)) => numbers.push(v),
                None => {
                    let title = format!(
                        "a draw before the run needs numbers, and {} is given {}",
                        dist.name,
                        arg.kind()
                    );
                    return fail(codes::KIND, title, dist.span, "this distribution");
                }
            }
        }
        let whole = |v: f64| v.fract() == 0.0 && v.abs() < 9e15;
        let wrong = |why: String| fail(codes::NUMBER, why, dist.span, "this distribution");
        Ok(match (dist.name, numbers.as_slice()) {
            ("uniform", [a, b]) if a <= b => (Dist::Uniform(*a, *b), Elem::Real),
            ("uniform", [a, b]) => {
                return wrong(format!("uniform({a}, {b}) has its ends the wrong way round"));
            }
            ("normal", [m, s]) if *s >= 0.0 => (Dist::Normal(*m, *s), Elem::Real),
            ("normal", [_, s]) => {
                return wrong(format!("a standard deviation is not negative, and this is {s}"));
            }
            ("bernoulli", [p]) if (0.0..=1.0).contains(p) => (Dist::Bernoulli(*p), Elem::Real),
            ("bernoulli", [p]) => return wrong(format!("a probability lies in [0, 1], and this is {p}")),
            ("binomial", [n, p]) if whole(*n) && *n >= 0.0 && (0.0..=1.0).contains(p) => {
                (Dist::Binomial(*n as u64, *p), Elem::Real)
            }
            ("integers", [h]) if whole(*h) && *h > 0.0 => (Dist::Integers(0, *h as i64), Elem::Int),
            ("integers", [l, h]) if whole(*l) && whole(*h) && l < h => {
                (Dist::Integers(*l as i64, *h as i64), Elem::Int)
            }
            ("permutation", [n]) if whole(*n) && *n >= 0.0 => (Dist::Permutation(*n as usize), Elem::Int),
            ("categorical", _) => return not_built("`categorical`", dist.span),
            (name, args) => {
                return wrong(format!("{name} does not take these arguments ({} of them)", args.len()));
            }
        })
    }
}
