//! Dimensions: which axes agree, what a name means where, and how shapes are told.

use super::state::{Checker, FrameKind};
use super::value::*;
use std::sync::Arc;

impl Checker<'_> {
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
    pub(super) fn root(&self, mut dim: DimId) -> DimId {
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
}
