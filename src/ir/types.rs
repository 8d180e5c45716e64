//! Element types, shapes, and scalar constants.

/// Element types. The program's `real` is `F32`, or `F64` under `--precision f64`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum DType {
    /// IEEE binary32.
    F32,
    /// IEEE binary64.
    F64,
    /// 32-bit two's complement.
    I32,
    /// True or false.
    Bool,
}

impl DType {
    /// `f32`, `f64`, `i32` or `bool`.
    pub fn name(self) -> &'static str {
        match self {
            DType::F32 => "f32",
            DType::F64 => "f64",
            DType::I32 => "i32",
            DType::Bool => "bool",
        }
    }

    /// Whether it is one of the two real types.
    pub fn is_real(self) -> bool {
        matches!(self, DType::F32 | DType::F64)
    }

    /// Bytes of one element in memory.
    pub fn size(self) -> usize {
        match self {
            DType::F32 | DType::I32 => 4,
            DType::F64 => 8,
            DType::Bool => 1,
        }
    }
}

/// Element type and extents of a tensor; no extents is a scalar.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Type {
    /// What each element is.
    pub dtype: DType,
    /// Extents, outermost first; row-major where an order is needed.
    pub shape: Vec<usize>,
}

impl Type {
    /// A tensor type.
    pub fn new(dtype: DType, shape: impl Into<Vec<usize>>) -> Type {
        Type { dtype, shape: shape.into() }
    }

    /// A scalar type.
    pub fn scalar(dtype: DType) -> Type {
        Type { dtype, shape: Vec::new() }
    }

    /// Number of axes.
    pub fn rank(&self) -> usize {
        self.shape.len()
    }

    /// Number of elements.
    pub fn elements(&self) -> usize {
        self.shape.iter().product()
    }

    /// Bytes in memory, dense.
    pub fn bytes(&self) -> usize {
        self.elements() * self.dtype.size()
    }
}

impl std::fmt::Display for Type {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let extents: Vec<String> = self.shape.iter().map(usize::to_string).collect();
        write!(f, "{}[{}]", self.dtype.name(), extents.join(","))
    }
}

/// A constant of one element. Reals are kept in f64 and rounded once to the node's type.
#[derive(Clone, Copy, Debug)]
pub enum Scalar {
    /// A real, for `F32` and `F64` nodes.
    Real(f64),
    /// An integer, for `I32` nodes.
    Int(i32),
    /// A truth value.
    Bool(bool),
}

/// Equal bits: -0 differs from 0, and a NaN equals itself.
impl PartialEq for Scalar {
    fn eq(&self, other: &Scalar) -> bool {
        match (self, other) {
            (Scalar::Real(a), Scalar::Real(b)) => a.to_bits() == b.to_bits(),
            (Scalar::Int(a), Scalar::Int(b)) => a == b,
            (Scalar::Bool(a), Scalar::Bool(b)) => a == b,
            (Scalar::Real(_) | Scalar::Int(_) | Scalar::Bool(_), _) => false,
        }
    }
}

impl Eq for Scalar {}

impl std::hash::Hash for Scalar {
    fn hash<H: std::hash::Hasher>(&self, state: &mut H) {
        match self {
            Scalar::Real(v) => (0u8, v.to_bits()).hash(state),
            Scalar::Int(v) => (1u8, v).hash(state),
            Scalar::Bool(v) => (2u8, v).hash(state),
        }
    }
}
