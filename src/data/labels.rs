//! Class labels: one whole number in `0..classes` an example.

use crate::data::{Array, DataError};

/// The labels of an array of one axis, each checked against the number of classes.
///
/// `used_as` is the program's word for that number, such as `n_out`.
pub fn labels(array: &Array, classes: usize, used_as: &str, name: &str) -> Result<Vec<i32>, DataError> {
    match array.shape.as_slice() {
        [_] => {}
        [n, 1] => {
            return Err(DataError::value(format!(
                "{name}: the labels have the shape [{n}, 1], [{n}] is expected"
            ))
            .help("flatten them"));
        }
        [n, k] if *k == classes => {
            return Err(DataError::value(format!(
                "{name}: the labels have the shape [{n}, {k}], as one-hot rows do; [{n}] class numbers are expected"
            ))
            .help("take the argmax over axis 1"));
        }
        shape => {
            return Err(DataError::value(format!(
                "{name}: the labels have the shape {shape:?}, one axis is expected"
            )));
        }
    }
    let labels =
        array.to_i32().map_err(|error| DataError { title: format!("{name}: {}", error.title), ..error })?;
    let outside = |&label: &i32| usize::try_from(label).map_or(true, |label| label >= classes);
    let Some(example) = labels.iter().position(outside) else { return Ok(labels) };
    let label = labels[example];
    let last = classes.saturating_sub(1);
    let error = DataError::value(format!(
        "{name}: label {label} at example {example} is outside 0..{last} ({used_as} = {classes})"
    ));
    // Only if it would explain all labels is it worth asking.
    let from_one =
        labels.iter().all(|&label| usize::try_from(label).is_ok_and(|l| (1..=classes).contains(&l)));
    Err(if from_one { error.help("do the labels start at 1?") } else { error })
}

#[cfg(test)]
mod tests {
    use super::labels;
    use crate::data::{Array, Elements};

    fn message(shape: &[usize], data: Elements) -> String {
        labels(&Array::new(shape.to_vec(), data).unwrap(), 4, "n_out", "y.npy").unwrap_err().to_string()
    }

    #[test]
    fn c072_labels_from_one_and_other_mistakes() {
        let error = message(&[4], Elements::I64(vec![1, 4, 2, 3]));
        assert!(error.contains("label 4 at example 1 is outside 0..3 (n_out = 4)"), "{error}");
        assert!(error.contains("do the labels start at 1?"), "{error}");
        let error = message(&[2], Elements::I64(vec![0, -1]));
        assert!(error.contains("label -1 at example 1") && !error.contains("start at 1"), "{error}");
        assert!(message(&[2], Elements::F32(vec![1.0, 1.5])).contains("1.5 at element 1"));
        assert!(message(&[2, 1], Elements::I64(vec![0, 1])).contains("flatten"));
        assert!(message(&[1, 4], Elements::U8(vec![0, 1, 0, 0])).contains("argmax"));
        let fine = Array::new(vec![2], Elements::F64(vec![1.0, 3.0])).unwrap();
        assert_eq!(labels(&fine, 4, "n_out", "y.npy").unwrap(), [1, 3]);
    }
}
