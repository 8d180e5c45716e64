//! An array: a shape and its numbers, the last axis running fastest.

use std::ops::Range;

use crate::data::elements::{each, map_each};
use crate::data::numbers::Form;
use crate::data::{DataError, Dtype, Elements};

/// More axes than this no file of ours has; NumPy itself stops at 64.
const MAX_AXES: usize = 64;

/// An array in C order.
#[derive(Clone, Debug, PartialEq)]
pub struct Array {
    /// Extents, outermost first.
    pub shape: Vec<usize>,
    /// As many numbers as the product of the extents.
    pub data: Elements,
}

impl Array {
    /// An array of these numbers; refused where their count is not that of the shape.
    pub fn new(shape: Vec<usize>, data: Elements) -> Result<Array, DataError> {
        match element_count(&shape) {
            Some(count) if count == data.len() => Ok(Array { shape, data }),
            _ => Err(DataError::value(format!("{} elements do not fill the shape {shape:?}", data.len()))),
        }
    }

    /// The same with bytes as files have them: either byte order, C or Fortran layout.
    pub(crate) fn from_bytes(
        shape: Vec<usize>,
        form: Form,
        fortran: bool,
        bytes: Vec<u8>,
    ) -> Result<Array, String> {
        let dtype = form.dtype;
        let needed = byte_count(&shape, dtype).ok_or_else(|| format!("the shape {shape:?} is too large"))?;
        if needed != bytes.len() {
            return Err(format!(
                "an array of shape {shape:?} and type {} takes {needed} bytes, there are {}",
                dtype.name(),
                bytes.len()
            ));
        }
        Ok(Array::laid_out(shape, form.of(bytes), fortran))
    }

    /// As many numbers as the shape says, in C or Fortran layout.
    pub(crate) fn laid_out(shape: Vec<usize>, data: Elements, fortran: bool) -> Array {
        let data =
            if fortran && shape.len() > 1 { map_each!(data, v => from_fortran(&v, &shape)) } else { data };
        Array { shape, data }
    }

    /// The element type.
    pub fn dtype(&self) -> Dtype {
        self.data.dtype()
    }

    /// The element type's name, such as `float32`.
    pub fn dtype_name(&self) -> &'static str {
        self.dtype().name()
    }

    /// How many elements.
    pub fn len(&self) -> usize {
        self.data.len()
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.data.is_empty()
    }

    /// The numbers as float32.
    pub fn to_f32(&self) -> Vec<f32> {
        self.data.to_f32()
    }

    /// The numbers as float64.
    pub fn to_f64(&self) -> Vec<f64> {
        self.data.to_f64()
    }

    /// The numbers as 32-bit whole numbers; 1.0 is one, 1.5 is refused with its index.
    pub fn to_i32(&self) -> Result<Vec<i32>, DataError> {
        self.data.to_i32()
    }

    /// The part `range` of the first axis.
    pub fn slice_first(&self, range: Range<usize>) -> Result<Array, DataError> {
        let (shape, elements) = first_axis(&self.shape, range)?;
        Ok(Array { shape, data: self.data.part(elements) })
    }

    /// The same numbers in another shape.
    pub fn reshape(self, shape: Vec<usize>) -> Result<Array, DataError> {
        same_count(&self.shape, &shape)?;
        Ok(Array { shape, data: self.data })
    }

    /// The bytes that the numbers take.
    pub fn byte_len(&self) -> usize {
        each!(&self.data, v => size_of_val(v.as_slice()))
    }
}

/// The shape of the part `range` of the first axis, and which elements it has.
pub(crate) fn first_axis(
    shape: &[usize],
    range: Range<usize>,
) -> Result<(Vec<usize>, Range<usize>), DataError> {
    let Some((&extent, rest)) = shape.split_first() else {
        return Err(DataError::value("a single number has no axis to take a part of"));
    };
    if range.start > range.end || range.end > extent {
        let Range { start, end } = range;
        return Err(DataError::value(format!("{start}:{end} lies outside the first axis, 0:{extent}")));
    }
    let row: usize = rest.iter().product();
    Ok(([&[range.len()], rest].concat(), range.start * row..range.end * row))
}

/// Refuses a shape of another count of elements.
pub(crate) fn same_count(shape: &[usize], new: &[usize]) -> Result<(), DataError> {
    if element_count(new) == element_count(shape) {
        return Ok(());
    }
    Err(DataError::value(format!("the shape {shape:?} cannot become {new:?}: other counts")))
}

/// The product of the extents, or `None` where no memory could hold as many.
pub(crate) fn element_count(shape: &[usize]) -> Option<usize> {
    byte_count(shape, Dtype::U8)
}

/// The bytes of an array, or `None` where no memory could hold them.
pub(crate) fn byte_count(shape: &[usize], dtype: Dtype) -> Option<usize> {
    if shape.len() > MAX_AXES {
        return None;
    }
    // A zero extent must not hide that the others overflow: strides are computed from them.
    let nonzero = shape.iter().filter(|&&n| n > 0).try_fold(dtype.size(), |n, &m| n.checked_mul(m))?;
    if nonzero > isize::MAX as usize {
        return None;
    }
    Some(if shape.contains(&0) { 0 } else { nonzero })
}

/// Reorders numbers whose first axis runs fastest.
fn from_fortran<T: Copy>(numbers: &[T], shape: &[usize]) -> Vec<T> {
    let mut strides = Vec::with_capacity(shape.len());
    let mut stride = 1;
    for &extent in shape {
        strides.push(stride);
        stride *= extent.max(1);
    }
    let mut index = vec![0; shape.len()];
    let mut at = 0;
    let mut out = Vec::with_capacity(numbers.len());
    while out.len() < numbers.len() {
        out.push(numbers[at]);
        for axis in (0..shape.len()).rev() {
            index[axis] += 1;
            at += strides[axis];
            if index[axis] < shape[axis] {
                break;
            }
            at -= strides[axis] * shape[axis];
            index[axis] = 0;
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn fortran_order_of_three_axes() {
        // Python: np.arange(24).reshape(2,3,4).ravel(order="F")
        let shape = [2, 3, 4];
        let c: Vec<u8> = (0..24).collect();
        let mut f = Vec::new();
        for k in 0..4 {
            for j in 0..3 {
                for i in 0..2 {
                    f.push(c[i * 12 + j * 4 + k]);
                }
            }
        }
        assert_eq!(from_fortran(&f, &shape), c);
        assert_eq!(from_fortran::<u8>(&[], &[0, 3]), Vec::<u8>::new());
    }

    #[test]
    fn sizes_that_no_memory_holds() {
        assert_eq!(element_count(&[usize::MAX, 2]), None);
        assert_eq!(element_count(&[usize::MAX, 2, 0]), None);
        assert_eq!(element_count(&[0, 3]), Some(0));
        assert_eq!(element_count(&[]), Some(1));
        assert_eq!(element_count(&[1; 65]), None);
        assert_eq!(byte_count(&[1 << 60], Dtype::F64), None);
    }
}
