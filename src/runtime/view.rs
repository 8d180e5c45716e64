//! Arrays of files without copies of them: parts and other shapes of what was read, which becomes elements of the
//! IR's types a run at a time, and whose memory is given back as soon as a part is not needed any more.

use crate::data::array::{first_axis, same_count};
use crate::data::{Array, DataError, Elements};
use crate::ir::{Buffer, DType, Tensor, Type};
use std::ops::Range;
use std::sync::Arc;

/// An unbroken part of an array, in a shape.
#[derive(Clone, Debug)]
pub struct View {
    array: Arc<Array>,
    start: usize,
    shape: Vec<usize>,
}

/// An array that the setup reads.
#[derive(Clone, Debug)]
pub struct Loaded {
    ty: Type,
    from: From,
}

#[derive(Clone, Debug)]
enum From {
    /// As the file has it: real numbers, each to be rounded when it is taken.
    File(View),
    /// With the type that it was declared with.
    Converted(Tensor),
}

impl View {
    /// All of an array.
    pub fn of(array: &Arc<Array>) -> View {
        View { array: Arc::clone(array), start: 0, shape: array.shape.clone() }
    }

    /// The extents.
    pub fn shape(&self) -> &[usize] {
        &self.shape
    }

    /// The part `range` of the first axis.
    pub fn slice_first(&self, range: Range<usize>) -> Result<View, DataError> {
        let (shape, elements) = first_axis(&self.shape, range)?;
        Ok(View { array: Arc::clone(&self.array), start: self.start + elements.start, shape })
    }

    /// The same numbers in another shape.
    pub fn reshape(self, shape: Vec<usize>) -> Result<View, DataError> {
        same_count(&self.shape, &shape)?;
        Ok(View { shape, ..self })
    }

    /// Makes sure that its numbers can be taken as elements of a type of its shape.
    pub fn load(self, ty: &Type) -> Result<Loaded, DataError> {
        let from = match ty.dtype {
            // Every number is some real number.
            DType::F32 | DType::F64 => From::File(self),
            DType::I32 | DType::Bool => From::Converted(Tensor {
                ty: ty.clone(),
                data: Arc::new(self.elements(0..ty.elements(), ty.dtype)?),
            }),
        };
        Ok(Loaded { ty: ty.clone(), from })
    }

    fn elements(&self, range: Range<usize>, dtype: DType) -> Result<Buffer, DataError> {
        let range = self.start + range.start..self.start + range.end;
        if range == (0..self.array.len()) {
            return converted(&self.array.data, dtype);
        }
        converted(&self.array.data.part(range), dtype)
    }
}

impl Loaded {
    /// All of it.
    pub fn whole(&self) -> Tensor {
        match &self.from {
            From::File(_) => self.part(0..self.ty.elements(), self.ty.shape.clone()),
            From::Converted(tensor) => tensor.clone(),
        }
    }

    /// An unbroken part of the elements, in a shape.
    pub fn part(&self, range: Range<usize>, shape: Vec<usize>) -> Tensor {
        let data = match &self.from {
            From::File(view) => {
                view.elements(range, self.ty.dtype).expect("every number is some real number")
            }
            From::Converted(tensor) => tensor.data.part(range),
        };
        Tensor::new(shape, data)
    }

    /// Elements from `count` on are not needed any more. Their memory goes back to the system if nothing else has
    /// the array.
    pub fn shorten(&mut self, count: usize) {
        let From::File(view) = &mut self.from else { return };
        if let Some(array) = Arc::get_mut(&mut view.array) {
            // The array's shape is not looked at again: the view has its own.
            array.data.shorten(view.start + count);
        }
    }
}

/// Gives parts of one array that nothing else holds, and that do not overlap, memory of their own: the splits of a
/// data set, each of which then goes its way alone.
pub fn part(all: &mut [Option<Loaded>]) {
    let mut views: Vec<&mut View> = Vec::new();
    for loaded in all.iter_mut().flatten() {
        if let From::File(view) = &mut loaded.from {
            views.push(view);
        }
    }
    // Those of one array together, the last part first.
    views.sort_by_key(|view| (Arc::as_ptr(&view.array) as usize, std::cmp::Reverse(view.start)));
    for group in views.chunk_by_mut(|a, b| Arc::ptr_eq(&a.array, &b.array)) {
        let end = |view: &View| view.start + view.shape.iter().product::<usize>();
        let apart = group.windows(2).all(|pair| end(pair[1]) <= pair[0].start);
        if group.len() < 2 || !apart || Arc::strong_count(&group[0].array) != group.len() {
            continue;
        }
        let none = Arc::new(Array { shape: vec![0], data: Elements::U8(Vec::new()) });
        let mut arrays: Vec<Arc<Array>> =
            group.iter_mut().map(|view| std::mem::replace(&mut view.array, Arc::clone(&none))).collect();
        arrays.truncate(1);
        let Some(mut whole) = arrays.pop().and_then(Arc::into_inner) else {
            unreachable!("nothing else holds it")
        };
        for view in group {
            let data = whole.data.split_off(view.start);
            (view.array, view.start) = (Arc::new(Array { shape: vec![data.len()], data }), 0);
        }
    }
}

/// The numbers in an element type of the IR.
pub fn converted(numbers: &Elements, dtype: DType) -> Result<Buffer, DataError> {
    Ok(match dtype {
        DType::F32 => Buffer::F32(numbers.to_f32()),
        DType::F64 => Buffer::F64(numbers.to_f64()),
        DType::I32 => Buffer::I32(numbers.to_i32()?),
        DType::Bool => Buffer::Bool(match numbers {
            Elements::Bool(v) => v.clone(),
            _ => {
                let odd = numbers.to_f64().into_iter().enumerate().find(|(_, v)| *v != 0.0 && *v != 1.0);
                if let Some((at, value)) = odd {
                    let title = format!("{value} at element {at} is not a truth value, 0 or 1");
                    return Err(DataError::value(title));
                }
                numbers.to_f64().iter().map(|v| *v != 0.0).collect()
            }
        }),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn parts_of_an_array_come_apart_and_hold_the_same() {
        let loaded = |ranges: &[Range<usize>]| -> Vec<Option<Loaded>> {
            let numbers = (0..20).map(|at| at as f32).collect();
            let array = Arc::new(Array::new(vec![10, 2], Elements::F32(numbers)).unwrap());
            let part = |range: &Range<usize>| {
                let ty = Type::new(DType::F32, vec![range.len(), 2]);
                Some(View::of(&array).slice_first(range.clone()).unwrap().load(&ty).unwrap())
            };
            ranges.iter().map(part).collect()
        };
        for ranges in [vec![0..5, 7..10, 5..6], vec![1..5, 4..10], vec![3..3, 3..4, 0..3]] {
            let mut parts = loaded(&ranges);
            part(&mut parts);
            let whole =
                |all: &[Option<Loaded>]| -> Vec<Tensor> { all.iter().flatten().map(Loaded::whole).collect() };
            assert_eq!(whole(&parts), whole(&loaded(&ranges)), "{ranges:?}");
        }
    }
}
