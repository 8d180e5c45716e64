//! The checker's state: dimensions, frames of names, instances, and the bodies under construction.

use super::value::*;
use super::{Files, Settings};
use crate::diag::{Code, Diagnostic, Problems};
use crate::program::{self, Body, Elem, Program, TensorType, Value as Node, ValueId, ValueOp};
use crate::source::{FileId, SourceMap, Span};
use std::collections::BTreeMap;
use std::sync::Arc;

/// Why an evaluation ended early.
#[derive(Debug)]
pub(super) enum Fail {
    /// With a message that nobody has seen.
    Message(Box<Diagnostic>),
    /// With a message that was given before.
    Reported,
}

impl From<Diagnostic> for Fail {
    fn from(d: Diagnostic) -> Fail {
        Fail::Message(Box::new(d))
    }
}

pub(super) type Outcome<T> = Result<T, Fail>;

/// An error with one place.
pub(super) fn fail<T>(
    code: Code,
    title: impl Into<String>,
    span: Span,
    label: impl Into<String>,
) -> Outcome<T> {
    Err(Diagnostic::error(code, title).label(span, label).into())
}

/// Elements of a tensor: 4 TB of f32.
const MOST_ELEMENTS: u128 = 1 << 40;

/// Which world the code under evaluation is of.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum World {
    /// Declarations: tensors are computed once, before the run.
    Compile,
    /// A step.
    Step,
    /// The schedule.
    Schedule,
}

/// What a step reports: name, element type, axes.
pub(super) type Reported = (Arc<str>, Elem, Vec<Axis>);

/// A body under construction.
pub(super) struct Build {
    /// Serial number, so that a tensor knows its body.
    pub serial: usize,
    pub body: Body,
    pub args: Vec<program::StepArg>,
    /// What the schedule passes (for an expression of the schedule).
    pub passed: Vec<program::host::Argument>,
    /// Leaves made so far.
    pub places: BTreeMap<usize, ValueId>,
    pub residents: BTreeMap<usize, ValueId>,
    /// Span of each place's change so far.
    pub changed: BTreeMap<usize, Span>,
    /// Places read below their change, to warn of once.
    pub late: Vec<(usize, Span)>,
    /// For the body of a scan: the values of the body around it that it captures, in order, with the
    /// values here that stand for them.
    pub captured: Option<Vec<(ValueId, ValueId)>>,
}

impl Build {
    pub fn new(serial: usize) -> Build {
        Build {
            serial,
            body: Body::default(),
            args: Vec::new(),
            passed: Vec::new(),
            places: BTreeMap::new(),
            residents: BTreeMap::new(),
            changed: BTreeMap::new(),
            late: Vec::new(),
            captured: None,
        }
    }
}

/// What a name is bound to in a frame.
#[derive(Clone)]
pub(super) struct Binding {
    pub value: Value,
    pub span: Span,
    /// Whether only uses below it see it: a definition, not a parameter or pattern.
    pub below: bool,
    /// A `var` of the schedule with its slot.
    pub var: Option<usize>,
}

/// A frame of names.
pub(super) struct Frame {
    pub parent: Option<FrameId>,
    pub names: BTreeMap<Arc<str>, Binding>,
    pub kind: FrameKind,
}

/// What a frame belongs to.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum FrameKind {
    /// The names of a module's file.
    Module(usize),
    /// A layer's body.
    Instance(InstanceId),
    /// A data block.
    Data(DataId),
    /// A call.
    Call,
    /// A block of statements.
    Block,
}

/// The checker.
pub(super) struct Checker<'a> {
    pub sources: &'a mut SourceMap,
    pub files: &'a dyn Files,
    pub settings: &'a Settings,
    pub modules: Vec<super::modules::Module>,
    /// The program's own module.
    pub entry: usize,
    pub module_of_file: BTreeMap<FileId, usize>,
    pub frames: Vec<Frame>,
    pub dims: Vec<Dim>,
    pub instances: Vec<Instance>,
    pub data: Vec<DataBlock>,
    pub streams: Vec<super::draws::Stream>,
    pub program: Program,
    pub problems: Problems,
    pub world: World,
    /// The setup's body, and above it the step under construction, if any.
    pub setup: Build,
    pub builds: Vec<Build>,
    /// The statements of the schedule's current block.
    pub block: Vec<program::host::Stmt>,
    pub serial: usize,
    /// Expressions evaluated so far, and those under way.
    pub work: usize,
    pub depth: usize,
    /// A tensor made that no machine holds.
    pub oversize: Option<(u128, Span)>,
    /// Calls under evaluation: the code's span and the call's; guards against recursion.
    pub calls: Vec<(Span, Span)>,
    /// The bodies under evaluation in a step or schedule, outermost first: the paths of draws.
    pub identity: super::draws::Identity,
    /// Families of steps so far: the names of declared ones, by the key of their code and frame.
    pub families: super::step::Families,
    /// Steps and functions under evaluation, for names: `learn/below.forward`.
    pub path: Vec<String>,
    /// What the step under evaluation reports so far.
    pub reported: Vec<Reported>,
    /// Path prefix of what is made now, and the name it is made under.
    pub prefix: String,
    pub hint: Option<(String, usize)>,
    pub anonymous: usize,
    /// Steps made, by code, frame and form.
    pub made: BTreeMap<String, usize>,
    /// What each step reports: name, element type, axes.
    pub reports: Vec<Vec<Reported>>,
    pub resident_of: BTreeMap<ValueId, usize>,
    /// Whether reading a changed place is meant (by `grad`).
    pub reading_for_grad: bool,
    /// `--set` values that a hyper-parameter took.
    pub taken: Vec<String>,
}

impl<'a> Checker<'a> {
    /// A checker that has seen nothing yet.
    pub fn new(sources: &'a mut SourceMap, files: &'a dyn Files, settings: &'a Settings) -> Checker<'a> {
        Checker {
            sources,
            files,
            settings,
            modules: Vec::new(),
            entry: usize::MAX,
            module_of_file: BTreeMap::new(),
            frames: Vec::new(),
            dims: Vec::new(),
            instances: Vec::new(),
            data: Vec::new(),
            streams: vec![super::draws::Stream::named("main", settings.seed)],
            program: Program::default(),
            problems: Vec::new(),
            world: World::Compile,
            setup: Build::new(0),
            builds: Vec::new(),
            block: Vec::new(),
            serial: 0,
            work: 0,
            depth: 0,
            oversize: None,
            calls: Vec::new(),
            identity: super::draws::Identity::default(),
            families: super::step::Families::default(),
            path: Vec::new(),
            prefix: String::new(),
            hint: None,
            anonymous: 0,
            made: BTreeMap::new(),
            reports: Vec::new(),
            reported: Vec::new(),
            resident_of: BTreeMap::new(),
            reading_for_grad: false,
            taken: Vec::new(),
        }
    }
}

impl Checker<'_> {
    // ---- dimensions

    // ---- bodies

    /// The body that tensor operations of the current world join.
    pub fn build(&mut self) -> &mut Build {
        match self.world {
            World::Compile => &mut self.setup,
            World::Step | World::Schedule => {
                if self.builds.is_empty() {
                    self.serial += 1;
                    self.builds.push(Build::new(self.serial));
                }
                self.builds.last_mut().unwrap_or(&mut self.setup)
            }
        }
    }

    /// The program's form of a type.
    pub fn tensor_type(&self, elem: Elem, axes: &[Axis]) -> TensorType {
        TensorType {
            elem,
            shape: axes.iter().map(|a| a.extent).collect(),
            names: axes.iter().map(|a| a.dim.map(|d| Arc::clone(&self.dims[d].name))).collect(),
        }
    }

    /// Appends an operation to the current body.
    pub fn emit(
        &mut self,
        op: ValueOp,
        args: Vec<ValueId>,
        elem: Elem,
        axes: Vec<Axis>,
        span: Span,
    ) -> Tensor {
        let ty = self.tensor_type(elem, &axes);
        self.work += 1;
        let elements = axes.iter().fold(1u128, |n, a| n.saturating_mul(a.extent as u128));
        if elements > MOST_ELEMENTS {
            self.oversize = Some((elements, span));
        }
        let build = self.build();
        build.body.values.push(Node { op, args, ty, name: None, span });
        let id = build.body.values.len() - 1;
        Tensor { source: Source::Local(build.serial, id), elem, axes, span }
    }

    /// The value of a tensor in the current body, which reads it as a leaf if it comes from outside.
    pub fn import(&mut self, t: &Tensor, span: Span) -> ValueId {
        let ty = self.tensor_type(t.elem, &t.axes);
        if self.world != World::Compile && self.build().captured.is_some() {
            let own = self.build().serial;
            if let Source::Local(serial, id) = t.source
                && serial == own
            {
                return id;
            }
            return self.capture(t, ty, span);
        }
        match &t.source {
            Source::Setup(v) | Source::Local(0, v) => {
                if self.world == World::Compile {
                    return *v;
                }
                let resident = self.resident(*v);
                let build = self.build();
                if let Some(id) = build.residents.get(&resident) {
                    return *id;
                }
                build.body.values.push(Node {
                    op: ValueOp::Resident(resident),
                    args: vec![],
                    ty,
                    name: None,
                    span: t.span,
                });
                let id = build.body.values.len() - 1;
                build.residents.insert(resident, id);
                id
            }
            Source::Local(serial, id) => {
                let build = self.build();
                if build.serial == *serial {
                    return *id;
                }
                // A tensor of the schedule's expression around this one cannot occur: those are
                // given to the host first.
                unreachable!("a tensor crossed from one step into another")
            }
            Source::Place(p) => {
                if self.world == World::Compile {
                    return self.program.places[*p].init;
                }
                let (ty, name) =
                    (self.program.places[*p].ty.clone(), Arc::clone(&self.program.places[*p].name));
                let quiet = self.reading_for_grad;
                let build = self.build();
                if !quiet && build.changed.contains_key(p) {
                    build.late.push((*p, span));
                }
                if let Some(id) = build.places.get(p) {
                    return *id;
                }
                build.body.values.push(Node {
                    op: ValueOp::Place(*p),
                    args: vec![],
                    ty,
                    name: Some(name),
                    span: t.span,
                });
                let id = build.body.values.len() - 1;
                build.places.insert(*p, id);
                id
            }
            Source::Host(expr) => {
                let expr = (**expr).clone();
                let build = self.build();
                let position = build.args.len();
                build.args.push(program::StepArg { name: format!("arg{position}").into(), ty: ty.clone() });
                build.passed.push(program::host::Argument::Tensor(expr));
                build.body.values.push(Node {
                    op: ValueOp::Arg(position),
                    args: vec![],
                    ty,
                    name: None,
                    span,
                });
                build.body.values.len() - 1
            }
        }
    }

    /// A value from around the scan under evaluation, in its body.
    fn capture(&mut self, t: &Tensor, ty: TensorType, span: Span) -> ValueId {
        let Some(mut inner) = self.builds.pop() else { unreachable!("a scan has a body") };
        let outer = self.import(t, span);
        let name = self.build().body.values[outer].name.clone();
        let captured = inner.captured.get_or_insert_default();
        let id = match captured.iter().find(|(o, _)| *o == outer) {
            Some((_, id)) => *id,
            None => {
                let op = ValueOp::Captured(captured.len());
                inner.body.values.push(Node { op, args: vec![], ty, name, span: t.span });
                captured.push((outer, inner.body.values.len() - 1));
                inner.body.values.len() - 1
            }
        };
        self.builds.push(inner);
        id
    }

    /// A host number or truth value as a scalar argument of the schedule's expression.
    pub fn import_host(&mut self, host: &HostValue, span: Span) -> Tensor {
        if self.build().captured.is_some()
            && let Some(inner) = self.builds.pop()
        {
            let outer = self.import_host(host, span);
            self.builds.push(inner);
            return outer;
        }
        let elem = if host.kind == HostKind::Bool { Elem::Bool } else { Elem::Real };
        let ty = TensorType::scalar(elem);
        let expr = host.expr.clone();
        let build = self.build();
        let position = build.args.len();
        build.args.push(program::StepArg { name: format!("arg{position}").into(), ty: ty.clone() });
        build.passed.push(program::host::Argument::Scalar(expr));
        self.emit(ValueOp::Arg(position), vec![], elem, vec![], span)
    }

    /// The resident array of a value of the setup.
    pub fn resident(&mut self, value: ValueId) -> usize {
        if let Some(id) = self.resident_of.get(&value) {
            return *id;
        }
        let id = self.program.setup.residents.len();
        let name =
            self.setup.body.values[value].name.clone().unwrap_or_else(|| format!("constant {id}").into());
        self.program.setup.residents.push(program::Resident { name, value });
        self.resident_of.insert(value, id);
        id
    }

    /// Names the value of a tensor of the current body, if it has none.
    pub fn name_tensor(&mut self, t: &Tensor, name: &str) {
        let full = if self.path.len() < 2 {
            name.to_string()
        } else {
            format!("{}/{name}", self.path[1..].join("/"))
        };
        if let Source::Local(serial, id) = t.source {
            let build = self.build();
            if build.serial == serial && build.body.values[id].name.is_none() {
                build.body.values[id].name = Some(full.into());
            }
        }
    }

    // ---- values

    /// A compile-time number: its value and whether it is a whole one.
    pub fn number(&self, value: &Value) -> Option<(f64, bool)> {
        match value {
            Value::Number { value, whole } => Some((*value, *whole)),
            Value::Dim(d) => Some((self.dims[*d].extent as f64, true)),
            _ => None,
        }
    }

    /// A value as a tensor of the current body: a tensor, a number, a truth value, a list of those
    /// (stacked along a new first axis), a host number or handle. Numbers become `elem` if given, else
    /// reals. None if it cannot be one.
    pub fn as_tensor(&mut self, value: &Value, elem: Option<Elem>, span: Span) -> Option<Tensor> {
        match value {
            Value::Tensor(t) => Some(t.clone()),
            Value::Number { .. } | Value::Dim(_) => {
                let (number, _) = self.number(value)?;
                let elem = elem.unwrap_or(Elem::Real);
                Some(self.emit(ValueOp::Number(number), vec![], elem, vec![], span))
            }
            Value::Bool(b) => Some(self.emit(ValueOp::Bool(*b), vec![], Elem::Bool, vec![], span)),
            Value::Host(h) => match &h.kind {
                HostKind::Number | HostKind::Bool => Some(self.import_host(&h.clone(), span)),
                HostKind::Tensor(elem, axes) => Some(Tensor {
                    source: Source::Host(Box::new(h.expr.clone())),
                    elem: *elem,
                    axes: axes.clone(),
                    span,
                }),
                _ => None,
            },
            Value::List(items) => {
                let parts: Vec<Tensor> =
                    items.iter().map(|v| self.as_tensor(v, elem, span)).collect::<Option<_>>()?;
                let first = parts.first()?.clone();
                if parts.iter().any(|p| p.elem != first.elem || p.axes.len() != first.axes.len()) {
                    return None;
                }
                if parts.iter().any(|p| p.axes.iter().zip(&first.axes).any(|(a, b)| a.extent != b.extent)) {
                    return None;
                }
                let ids: Vec<ValueId> = parts.iter().map(|p| self.import(p, span)).collect();
                let mut axes = vec![Axis::plain(ids.len())];
                axes.extend(first.axes.iter().copied());
                Some(self.emit(ValueOp::Stack { axis: 0 }, ids, first.elem, axes, span))
            }
            _ => None,
        }
    }

    // ---- frames

    /// A new frame inside another.
    pub fn push_frame(&mut self, parent: Option<FrameId>, kind: FrameKind) -> FrameId {
        self.frames.push(Frame { parent, names: BTreeMap::new(), kind });
        self.frames.len() - 1
    }

    /// Keeps a warning.
    pub fn warn(&mut self, d: Diagnostic) {
        if !self.problems.contains(&d) {
            self.problems.push(d);
        }
    }
}
