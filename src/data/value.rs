//! What a pickle holds: arrays and plain containers of plain values.

use std::sync::Arc;

use crate::data::{Array, DataError, Elements};

/// A value as Python has it.
#[derive(Clone, Debug, PartialEq)]
pub enum Value {
    /// A NumPy array. It may occur in several places, and is in memory once.
    Array(Arc<Array>),
    /// A list.
    List(Vec<Value>),
    /// A tuple.
    Tuple(Vec<Value>),
    /// A dict, in the order of the file.
    Dict(Vec<(Value, Value)>),
    /// A whole number.
    Int(i64),
    /// A float.
    Float(f64),
    /// A text; also a Python 2 string of ASCII alone.
    Text(String),
    /// Bytes.
    Bytes(Vec<u8>),
    /// `True` or `False`.
    Bool(bool),
    /// `None`.
    None,
}

impl Value {
    /// What kind it is, for messages.
    pub fn kind(&self) -> &'static str {
        match self {
            Value::Array(_) => "an array",
            Value::List(_) => "a list",
            Value::Tuple(_) => "a tuple",
            Value::Dict(_) => "a dict",
            Value::Int(_) => "a whole number",
            Value::Float(_) => "a float",
            Value::Text(_) => "a text",
            Value::Bytes(_) => "bytes",
            Value::Bool(_) => "a truth value",
            Value::None => "None",
        }
    }

    /// The items of a list or tuple.
    pub fn items(&self) -> Option<&[Value]> {
        match self {
            Value::List(items) | Value::Tuple(items) => Some(items),
            _ => None,
        }
    }

    /// The entry of a dict whose key is this text.
    pub fn entry(&self, key: &str) -> Option<&Value> {
        let Value::Dict(entries) = self else { return None };
        entries.iter().find(|(k, _)| matches!(k, Value::Text(text) if text == key)).map(|(_, v)| v)
    }

    /// The array that this is, or that nested lists of numbers make: int64 if all are whole, bool if
    /// all are truth values, else float64. Refused where rows differ in length or an item is no number.
    pub fn into_array(self) -> Result<Array, DataError> {
        if let Value::Array(array) = self {
            return Ok(Arc::unwrap_or_clone(array));
        }
        let mut numbers = Numbers::default();
        let mut shape = Vec::new();
        numbers.collect(&self, 0, &mut shape)?;
        let data = if numbers.float {
            Elements::F64(numbers.values)
        } else if numbers.int || numbers.values.is_empty() {
            Elements::I64(numbers.whole)
        } else {
            Elements::Bool(numbers.whole.iter().map(|&n| n != 0).collect())
        };
        Array::new(shape, data)
    }
}

/// Numbers gathered from nested lists, both ways until the type is known.
#[derive(Default)]
struct Numbers {
    values: Vec<f64>,
    whole: Vec<i64>,
    float: bool,
    int: bool,
}

impl Numbers {
    fn collect(&mut self, value: &Value, depth: usize, shape: &mut Vec<usize>) -> Result<(), DataError> {
        if let Some(items) = value.items() {
            let first_here = shape.len() == depth && self.values.is_empty();
            if first_here {
                shape.push(items.len());
            } else if shape.get(depth) != Some(&items.len()) {
                return Err(uneven(self.values.len()));
            }
            return items.iter().try_for_each(|item| self.collect(item, depth + 1, shape));
        }
        if depth != shape.len() {
            return Err(uneven(self.values.len()));
        }
        let (real, whole) = match value {
            Value::Bool(b) => (f64::from(u8::from(*b)), i64::from(*b)),
            Value::Int(n) => {
                self.int = true;
                (*n as f64, *n)
            }
            Value::Float(x) => {
                self.float = true;
                (*x, 0)
            }
            other => {
                return Err(DataError::value(format!(
                    "number {} of the list is {}, not a number",
                    self.values.len(),
                    other.kind()
                )));
            }
        };
        self.values.push(real);
        self.whole.push(whole);
        Ok(())
    }
}

fn uneven(count: usize) -> DataError {
    DataError::value(format!("the rows of the list differ in length, after {count} numbers"))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ints(numbers: &[i64]) -> Value {
        Value::List(numbers.iter().map(|&n| Value::Int(n)).collect())
    }

    #[test]
    fn lists_become_arrays() {
        let rows = Value::List(vec![ints(&[1, 2, 3]), ints(&[4, 5, 6])]);
        let array = rows.into_array().unwrap();
        assert_eq!(array, Array { shape: vec![2, 3], data: Elements::I64(vec![1, 2, 3, 4, 5, 6]) });
        let mixed = Value::Tuple(vec![Value::Int(1), Value::Float(0.5)]).into_array().unwrap();
        assert_eq!(mixed, Array { shape: vec![2], data: Elements::F64(vec![1.0, 0.5]) });
        let empty = Value::List(vec![ints(&[]), ints(&[])]).into_array().unwrap();
        assert_eq!(empty, Array { shape: vec![2, 0], data: Elements::I64(vec![]) });
        let truth = Value::List(vec![Value::Bool(true)]).into_array().unwrap();
        assert_eq!(truth.data, Elements::Bool(vec![true]));
        assert_eq!(Value::Int(3).into_array().unwrap().shape, Vec::<usize>::new());
    }

    #[test]
    fn what_is_no_array_is_refused() {
        for bad in [
            Value::List(vec![ints(&[1, 2]), ints(&[3])]),
            Value::List(vec![ints(&[]), ints(&[3])]),
            Value::List(vec![Value::Int(1), ints(&[3])]),
            Value::List(vec![ints(&[3]), Value::Int(1)]),
            Value::List(vec![ints(&[]), Value::Int(1)]),
            Value::List(vec![Value::Text("a".into())]),
            Value::None,
        ] {
            assert!(bad.clone().into_array().is_err(), "{bad:?}");
        }
    }
}
