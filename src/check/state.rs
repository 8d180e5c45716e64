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
    /// Calls under evaluation: the code's span and the call's; guards against recursion.
    pub calls: Vec<(Span, Span)>,
    /// Steps and functions under evaluation, for names: `learn/below.forward`.
    pub path: Vec<String>,
    /// Schedules under evaluation, for the identities of draws, and how often each was met.
    pub schedules: Vec<String>,
    pub met: BTreeMap<String, usize>,
    /// What the step under evaluation reports so far.
    pub reported: Vec<(Arc<str>, Elem, Vec<Axis>)>,
    /// Path prefix of what is made now, and the name it is made under.
    pub prefix: String,
    pub hint: Option<(String, usize)>,
    pub anonymous: usize,
    /// Steps made, by code, frame and form.
    pub made: BTreeMap<String, usize>,
    /// What each step reports: name, element type, axes.
    pub reports: Vec<Vec<(Arc<str>, Elem, Vec<Axis>)>>,
    pub resident_of: BTreeMap<ValueId, usize>,
    /// Whether reading a changed place is meant (by `grad`).
    pub reading_for_grad: bool,
    /// `--set` values that a hyper-parameter took.
    pub taken: Vec<String>,
}

impl Checker<'_> {
    // ---- dimensions

    /// Whether code in `frame` may use a name that `owner` holds.
    pub fn sees(&self, frame: FrameId, owner: FrameId) -> bool {
        let mut at = Some(frame);
        while let Some(f) = at {
            if f == owner {
                return true;
            }
            at = self.frames[f].parent;
        }
        false
    }

    /// An axis of a value that leaves the code of frame `from` for that of `to`: names that only the
    /// layer or call left behind knows give way to what they are outside.
    pub fn leave(&self, axis: Axis, from: FrameId, to: FrameId) -> Axis {
        let mut dim = axis.dim;
        while let Some(d) = dim {
            let owner = self.dims[d].owner;
            let inner = matches!(self.frames[owner].kind, FrameKind::Call | FrameKind::Instance(_));
            if !inner || !self.sees(from, owner) || self.sees(to, owner) {
                break;
            }
            dim = self.dims[d].outer;
        }
        Axis { extent: axis.extent, dim }
    }

    /// A value that leaves the code of frame `from` for that of `to`.
    pub fn leave_value(&self, value: Value, from: FrameId, to: FrameId) -> Value {
        match value {
            Value::Tensor(mut t) => {
                for axis in &mut t.axes {
                    *axis = self.leave(*axis, from, to);
                }
                Value::Tensor(t)
            }
            Value::Tuple(items) => {
                Value::Tuple(Arc::new(items.iter().map(|v| self.leave_value(v.clone(), from, to)).collect()))
            }
            Value::List(items) => {
                Value::list(items.iter().map(|v| self.leave_value(v.clone(), from, to)).collect())
            }
            Value::Dim(d) => match self.leave(Axis { extent: self.dims[d].extent, dim: Some(d) }, from, to) {
                Axis { dim: Some(d), .. } => Value::Dim(d),
                Axis { extent, .. } => Value::whole(extent),
            },
            other => other,
        }
    }

    /// The outermost name of a dimension.
    fn root(&self, mut dim: DimId) -> DimId {
        while let Some(outer) = self.dims[dim].outer {
            dim = outer;
        }
        dim
    }

    /// Whether two axes agree, and what they are together: equal extents, not two different names.
    pub fn agree(&self, a: Axis, b: Axis) -> Option<Axis> {
        if a.extent != b.extent {
            return None;
        }
        match (a.dim, b.dim) {
            (Some(x), Some(y)) if x != y => None,
            (Some(_), _) => Some(a),
            (None, _) => Some(b),
        }
    }

    /// Whether an argument's axis may stand for a dimension of the outside: by extent and by name,
    /// seen from outside both.
    pub fn agree_outside(&self, a: Axis, b: Axis) -> bool {
        a.extent == b.extent
            && match (a.dim, b.dim) {
                (Some(x), Some(y)) => x == y || self.root(x) == self.root(y),
                _ => true,
            }
    }

    /// An axis in messages: its name, or its extent.
    pub fn axis_name(&self, axis: Axis) -> String {
        match axis.dim {
            Some(d) => self.dims[d].name.to_string(),
            None => axis.extent.to_string(),
        }
    }

    /// A shape in messages: `[n, visible]`.
    pub fn shape_text(&self, axes: &[Axis]) -> String {
        let names: Vec<String> = axes.iter().map(|a| self.axis_name(*a)).collect();
        format!("[{}]", names.join(", "))
    }

    /// A shape in messages with extents: `[n = 20, 784]`.
    pub fn shape_full(&self, axes: &[Axis]) -> String {
        let names: Vec<String> = axes
            .iter()
            .map(|a| match a.dim {
                Some(d) => format!("{} = {}", self.dims[d].name, a.extent),
                None => a.extent.to_string(),
            })
            .collect();
        format!("[{}]", names.join(", "))
    }

    /// Where a dimension's extent comes from, for a note.
    pub fn dim_origin(&self, axis: Axis) -> Option<String> {
        let d = axis.dim?;
        let dim = &self.dims[d];
        (!dim.origin.is_empty()).then(|| format!("{} is {}: {}", dim.name, dim.extent, dim.origin))
    }

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
        let build = self.build();
        build.body.values.push(Node { op, args, ty, name: None, span });
        let id = build.body.values.len() - 1;
        Tensor { source: Source::Local(build.serial, id), elem, axes, span }
    }

    /// The value of a tensor in the current body, which reads it as a leaf if it comes from outside.
    pub fn import(&mut self, t: &Tensor, span: Span) -> ValueId {
        let ty = self.tensor_type(t.elem, &t.axes);
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

    /// A host number or truth value as a scalar argument of the schedule's expression.
    pub fn import_host(&mut self, host: &HostValue, span: Span) -> Tensor {
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
