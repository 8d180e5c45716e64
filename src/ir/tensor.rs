//! Dense tensors in memory: what the reference interpreter computes with.

use super::types::{DType, Scalar, Type};
use std::ops::Range;
use std::sync::Arc;

/// Elements in row-major order.
#[derive(Clone, Debug, PartialEq)]
pub enum Buffer {
    /// IEEE binary32.
    F32(Vec<f32>),
    /// IEEE binary64.
    F64(Vec<f64>),
    /// 32-bit integers.
    I32(Vec<i32>),
    /// Truth values.
    Bool(Vec<bool>),
}

impl Buffer {
    /// The element type.
    pub fn dtype(&self) -> DType {
        match self {
            Buffer::F32(_) => DType::F32,
            Buffer::F64(_) => DType::F64,
            Buffer::I32(_) => DType::I32,
            Buffer::Bool(_) => DType::Bool,
        }
    }

    /// Number of elements.
    pub fn len(&self) -> usize {
        match self {
            Buffer::F32(v) => v.len(),
            Buffer::F64(v) => v.len(),
            Buffer::I32(v) => v.len(),
            Buffer::Bool(v) => v.len(),
        }
    }

    /// Whether there are no elements.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// A copy of a part.
    pub fn part(&self, range: Range<usize>) -> Buffer {
        match self {
            Buffer::F32(v) => Buffer::F32(v[range].to_vec()),
            Buffer::F64(v) => Buffer::F64(v[range].to_vec()),
            Buffer::I32(v) => Buffer::I32(v[range].to_vec()),
            Buffer::Bool(v) => Buffer::Bool(v[range].to_vec()),
        }
    }

    /// Writes elements of the same type over its own from position `at` on.
    pub fn put(&mut self, at: usize, part: &Buffer) {
        let to = at..at + part.len();
        match (self, part) {
            (Buffer::F32(v), Buffer::F32(part)) => v[to].copy_from_slice(part),
            (Buffer::F64(v), Buffer::F64(part)) => v[to].copy_from_slice(part),
            (Buffer::I32(v), Buffer::I32(part)) => v[to].copy_from_slice(part),
            (Buffer::Bool(v), Buffer::Bool(part)) => v[to].copy_from_slice(part),
            (to, part) => panic!("{} written over {}", part.dtype().name(), to.dtype().name()),
        }
    }

    /// `count` copies of a constant, rounded to the type.
    pub fn filled(dtype: DType, value: Scalar, count: usize) -> Buffer {
        match dtype {
            DType::F32 => Buffer::F32(vec![real(value) as f32; count]),
            DType::F64 => Buffer::F64(vec![real(value); count]),
            DType::I32 => Buffer::I32(vec![integer(value); count]),
            DType::Bool => Buffer::Bool(vec![real(value) != 0.0; count]),
        }
    }
}

fn real(value: Scalar) -> f64 {
    match value {
        Scalar::Real(v) => v,
        Scalar::Int(v) => f64::from(v),
        Scalar::Bool(v) => f64::from(u8::from(v)),
    }
}

fn integer(value: Scalar) -> i32 {
    match value {
        Scalar::Real(v) => v as i32,
        Scalar::Int(v) => v,
        Scalar::Bool(v) => i32::from(v),
    }
}

/// Rust types that a [`Buffer`] holds.
pub trait Element: Copy + PartialEq + PartialOrd + std::fmt::Debug + 'static {
    /// The element type.
    const DTYPE: DType;
    /// The elements of a buffer of this type. Panics on another: the verifier rules it out.
    fn of(buffer: &Buffer) -> &[Self];
    /// A buffer of these elements.
    fn buffer(elements: Vec<Self>) -> Buffer;
    /// A constant, rounded to this type.
    fn from_scalar(value: Scalar) -> Self;
}

macro_rules! element {
    ($rust:ty, $variant:ident, $from:expr) => {
        impl Element for $rust {
            const DTYPE: DType = DType::$variant;

            fn of(buffer: &Buffer) -> &[Self] {
                match buffer {
                    Buffer::$variant(v) => v,
                    other => panic!("{} where {} was expected", other.dtype().name(), Self::DTYPE.name()),
                }
            }

            fn buffer(elements: Vec<Self>) -> Buffer {
                Buffer::$variant(elements)
            }

            fn from_scalar(value: Scalar) -> Self {
                $from(value)
            }
        }
    };
}

element!(f32, F32, |v| real(v) as f32);
element!(f64, F64, real);
element!(i32, I32, integer);
element!(bool, Bool, |v| real(v) != 0.0);

/// A tensor: a type and its elements. Clones share the elements.
#[derive(Clone, Debug, PartialEq)]
pub struct Tensor {
    /// Element type and extents.
    pub ty: Type,
    /// The elements, as many as the type says.
    pub data: Arc<Buffer>,
}

impl Tensor {
    /// A tensor of a shape; the number of elements must be the shape's.
    pub fn new(shape: impl Into<Vec<usize>>, data: Buffer) -> Tensor {
        let ty = Type::new(data.dtype(), shape);
        assert_eq!(ty.elements(), data.len(), "{ty} of {} elements", data.len());
        Tensor { ty, data: Arc::new(data) }
    }

    /// A tensor of one element, rounded or converted to the type.
    pub fn scalar(dtype: DType, value: f64) -> Tensor {
        Tensor::from_f64s(dtype, Vec::new(), &[value])
    }

    /// Copies of a constant.
    pub fn filled(ty: &Type, value: Scalar) -> Tensor {
        Tensor { ty: ty.clone(), data: Arc::new(Buffer::filled(ty.dtype, value, ty.elements())) }
    }

    /// Zeros (false).
    pub fn zeros(ty: &Type) -> Tensor {
        Tensor::filled(ty, Scalar::Int(0))
    }

    /// An `F32` tensor.
    pub fn from_f32(shape: impl Into<Vec<usize>>, elements: Vec<f32>) -> Tensor {
        Tensor::new(shape, Buffer::F32(elements))
    }

    /// An `I32` tensor.
    pub fn from_i32(shape: impl Into<Vec<usize>>, elements: Vec<i32>) -> Tensor {
        Tensor::new(shape, Buffer::I32(elements))
    }

    /// A tensor of any type from reals, each rounded (to I32 truncated, to Bool unequal 0).
    pub fn from_f64s(dtype: DType, shape: impl Into<Vec<usize>>, elements: &[f64]) -> Tensor {
        let data = match dtype {
            DType::F32 => Buffer::F32(elements.iter().map(|v| *v as f32).collect()),
            DType::F64 => Buffer::F64(elements.to_vec()),
            DType::I32 => Buffer::I32(elements.iter().map(|v| *v as i32).collect()),
            DType::Bool => Buffer::Bool(elements.iter().map(|v| *v != 0.0).collect()),
        };
        Tensor::new(shape, data)
    }

    /// The elements as reals, exactly; truth values as 0 and 1.
    pub fn as_f64s(&self) -> Vec<f64> {
        match &*self.data {
            Buffer::F32(v) => v.iter().map(|v| f64::from(*v)).collect(),
            Buffer::F64(v) => v.clone(),
            Buffer::I32(v) => v.iter().map(|v| f64::from(*v)).collect(),
            Buffer::Bool(v) => v.iter().map(|v| f64::from(u8::from(*v))).collect(),
        }
    }

    /// The only element as a real. Panics where there is not exactly one.
    pub fn item_f64(&self) -> f64 {
        assert_eq!(self.data.len(), 1, "the one element of {}", self.ty);
        match &*self.data {
            Buffer::F32(v) => f64::from(v[0]),
            Buffer::F64(v) => v[0],
            Buffer::I32(v) => f64::from(v[0]),
            Buffer::Bool(v) => f64::from(u8::from(v[0])),
        }
    }

    /// The elements as a slice of the tensor's own type. Panics on another type.
    pub fn elements<T: Element>(&self) -> &[T] {
        T::of(&self.data)
    }

    /// Whether no element is infinite or NaN.
    pub fn is_finite(&self) -> bool {
        self.first_non_finite().is_none()
    }

    /// Row-major position of the first element that is infinite or NaN.
    pub fn first_non_finite(&self) -> Option<usize> {
        match &*self.data {
            Buffer::F32(v) => v.iter().position(|v| !v.is_finite()),
            Buffer::F64(v) => v.iter().position(|v| !v.is_finite()),
            Buffer::I32(_) | Buffer::Bool(_) => None,
        }
    }

    /// The index along each axis of a row-major position.
    pub fn index_of(&self, position: usize) -> Vec<usize> {
        index_of(&self.ty.shape, position)
    }
}

/// The index along each axis of a row-major position in a shape.
pub fn index_of(shape: &[usize], mut position: usize) -> Vec<usize> {
    let mut index = vec![0; shape.len()];
    for (at, extent) in index.iter_mut().zip(shape).rev() {
        *at = position % extent;
        position /= extent;
    }
    index
}

/// Distance in elements between neighbours along each axis, row-major.
pub fn row_major(shape: &[usize]) -> Vec<isize> {
    let mut strides = vec![1; shape.len()];
    for d in (1..shape.len()).rev() {
        strides[d - 1] = strides[d] * shape[d] as isize;
    }
    strides
}
