//! The numbers of an array, in the type that the file has them in.

use std::ops::Range;

use crate::data::DataError;

/// An element type that the readers know.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[allow(missing_docs)]
pub enum Dtype {
    Bool,
    U8,
    I8,
    U16,
    I16,
    U32,
    I32,
    U64,
    I64,
    F32,
    F64,
}

/// Numbers of one type.
#[derive(Clone, Debug, PartialEq)]
#[allow(missing_docs)]
pub enum Elements {
    Bool(Vec<bool>),
    U8(Vec<u8>),
    I8(Vec<i8>),
    U16(Vec<u16>),
    I16(Vec<i16>),
    U32(Vec<u32>),
    I32(Vec<i32>),
    U64(Vec<u64>),
    I64(Vec<i64>),
    F32(Vec<f32>),
    F64(Vec<f64>),
}

/// Runs `$body` with `$v` bound to the vector, of whichever type.
macro_rules! each {
    ($elements:expr, $v:ident => $body:expr) => {
        match $elements {
            Elements::Bool($v) => $body,
            Elements::U8($v) => $body,
            Elements::I8($v) => $body,
            Elements::U16($v) => $body,
            Elements::I16($v) => $body,
            Elements::U32($v) => $body,
            Elements::I32($v) => $body,
            Elements::U64($v) => $body,
            Elements::I64($v) => $body,
            Elements::F32($v) => $body,
            Elements::F64($v) => $body,
        }
    };
}

/// The same, wrapped again in the variant that it came from.
macro_rules! map_each {
    ($elements:expr, $v:ident => $body:expr) => {
        match $elements {
            Elements::Bool($v) => Elements::Bool($body),
            Elements::U8($v) => Elements::U8($body),
            Elements::I8($v) => Elements::I8($body),
            Elements::U16($v) => Elements::U16($body),
            Elements::I16($v) => Elements::I16($body),
            Elements::U32($v) => Elements::U32($body),
            Elements::I32($v) => Elements::I32($body),
            Elements::U64($v) => Elements::U64($body),
            Elements::I64($v) => Elements::I64($body),
            Elements::F32($v) => Elements::F32($body),
            Elements::F64($v) => Elements::F64($body),
        }
    };
}

pub(crate) use each;
pub(crate) use map_each;

impl Dtype {
    /// Bytes of one element.
    pub fn size(self) -> usize {
        match self {
            Dtype::Bool | Dtype::U8 | Dtype::I8 => 1,
            Dtype::U16 | Dtype::I16 => 2,
            Dtype::U32 | Dtype::I32 | Dtype::F32 => 4,
            Dtype::U64 | Dtype::I64 | Dtype::F64 => 8,
        }
    }

    /// The name that users know, as NumPy's.
    pub fn name(self) -> &'static str {
        match self {
            Dtype::Bool => "bool",
            Dtype::U8 => "uint8",
            Dtype::I8 => "int8",
            Dtype::U16 => "uint16",
            Dtype::I16 => "int16",
            Dtype::U32 => "uint32",
            Dtype::I32 => "int32",
            Dtype::U64 => "uint64",
            Dtype::I64 => "int64",
            Dtype::F32 => "float32",
            Dtype::F64 => "float64",
        }
    }

    /// NumPy's letter and size, such as `f4`.
    pub fn letters(self) -> &'static str {
        match self {
            Dtype::Bool => "b1",
            Dtype::U8 => "u1",
            Dtype::I8 => "i1",
            Dtype::U16 => "u2",
            Dtype::I16 => "i2",
            Dtype::U32 => "u4",
            Dtype::I32 => "i4",
            Dtype::U64 => "u8",
            Dtype::I64 => "i8",
            Dtype::F32 => "f4",
            Dtype::F64 => "f8",
        }
    }

    /// Every type, for look-ups.
    pub const ALL: [Dtype; 11] = [
        Dtype::Bool,
        Dtype::U8,
        Dtype::I8,
        Dtype::U16,
        Dtype::I16,
        Dtype::U32,
        Dtype::I32,
        Dtype::U64,
        Dtype::I64,
        Dtype::F32,
        Dtype::F64,
    ];

    /// The type that NumPy's letter and size name.
    pub fn from_letters(letters: &str) -> Option<Dtype> {
        Dtype::ALL.into_iter().find(|dtype| dtype.letters() == letters)
    }

    /// The type and whether its bytes are big-endian, of a string such as `<f4`, `>i8` or `|u1`.
    pub fn from_descr(descr: &str) -> Option<(Dtype, bool)> {
        let big = match descr.chars().next()? {
            '<' | '|' | '=' => false,
            '>' => true,
            _ => return Some((Dtype::from_letters(descr)?, false)),
        };
        Some((Dtype::from_letters(descr.get(1..)?)?, big))
    }

    /// The string that [`Dtype::from_descr`] reads, for little-endian bytes.
    pub fn descr(self) -> String {
        let order = if self.size() == 1 { '|' } else { '<' };
        format!("{order}{}", self.letters())
    }
}

impl Elements {
    /// The numbers in `bytes`; a last incomplete one is left out. The bytes are given back to the system on the
    /// way, so that a large array is in memory once.
    pub fn from_bytes(dtype: Dtype, big_endian: bool, bytes: Vec<u8>) -> Elements {
        macro_rules! numbers {
            ($variant:ident, $type:ty) => {
                Elements::$variant(if big_endian {
                    decoded(bytes, <$type>::from_be_bytes)
                } else {
                    decoded(bytes, <$type>::from_le_bytes)
                })
            };
        }
        match dtype {
            Dtype::Bool => Elements::Bool(decoded(bytes, |[b]: [u8; 1]| b != 0)),
            Dtype::U8 => Elements::U8(bytes),
            Dtype::I8 => numbers!(I8, i8),
            Dtype::U16 => numbers!(U16, u16),
            Dtype::I16 => numbers!(I16, i16),
            Dtype::U32 => numbers!(U32, u32),
            Dtype::I32 => numbers!(I32, i32),
            Dtype::U64 => numbers!(U64, u64),
            Dtype::I64 => numbers!(I64, i64),
            Dtype::F32 => numbers!(F32, f32),
            Dtype::F64 => numbers!(F64, f64),
        }
    }

    /// Takes the numbers from `at` on away. Their memory goes back to the system on the way, so that they are there once.
    pub fn split_off(&mut self, at: usize) -> Elements {
        map_each!(self, v => tail(v, at))
    }

    /// The float64 numbers in `bytes` as float32, each rounded once; otherwise the same.
    pub fn narrowed(big_endian: bool, bytes: Vec<u8>) -> Elements {
        Elements::F32(if big_endian {
            decoded(bytes, |b| f64::from_be_bytes(b) as f32)
        } else {
            decoded(bytes, |b| f64::from_le_bytes(b) as f32)
        })
    }

    /// Puts numbers of the same type behind its own.
    pub(crate) fn append(&mut self, more: Elements) {
        macro_rules! same {
            ($($variant:ident),*) => {
                match (self, more) {
                    $((Elements::$variant(v), Elements::$variant(more)) => v.extend(more),)*
                    (to, more) => panic!("{} behind {}", more.dtype().name(), to.dtype().name()),
                }
            };
        }
        same!(Bool, U8, I8, U16, I16, U32, I32, U64, I64, F32, F64)
    }

    /// The little-endian bytes.
    pub fn to_le_bytes(&self) -> Vec<u8> {
        match self {
            Elements::Bool(v) => v.iter().map(|&b| u8::from(b)).collect(),
            Elements::U8(v) => v.clone(),
            Elements::I8(v) => v.iter().flat_map(|n| n.to_le_bytes()).collect(),
            Elements::U16(v) => v.iter().flat_map(|n| n.to_le_bytes()).collect(),
            Elements::I16(v) => v.iter().flat_map(|n| n.to_le_bytes()).collect(),
            Elements::U32(v) => v.iter().flat_map(|n| n.to_le_bytes()).collect(),
            Elements::I32(v) => v.iter().flat_map(|n| n.to_le_bytes()).collect(),
            Elements::U64(v) => v.iter().flat_map(|n| n.to_le_bytes()).collect(),
            Elements::I64(v) => v.iter().flat_map(|n| n.to_le_bytes()).collect(),
            Elements::F32(v) => v.iter().flat_map(|n| n.to_le_bytes()).collect(),
            Elements::F64(v) => v.iter().flat_map(|n| n.to_le_bytes()).collect(),
        }
    }

    /// The type.
    pub fn dtype(&self) -> Dtype {
        match self {
            Elements::Bool(_) => Dtype::Bool,
            Elements::U8(_) => Dtype::U8,
            Elements::I8(_) => Dtype::I8,
            Elements::U16(_) => Dtype::U16,
            Elements::I16(_) => Dtype::I16,
            Elements::U32(_) => Dtype::U32,
            Elements::I32(_) => Dtype::I32,
            Elements::U64(_) => Dtype::U64,
            Elements::I64(_) => Dtype::I64,
            Elements::F32(_) => Dtype::F32,
            Elements::F64(_) => Dtype::F64,
        }
    }

    /// How many.
    pub fn len(&self) -> usize {
        each!(self, v => v.len())
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// A copy of a part.
    pub fn part(&self, range: Range<usize>) -> Elements {
        map_each!(self, v => v[range].to_vec())
    }

    /// Drops all but the first `count` and gives their memory back to the system, once that is worth it.
    pub fn shorten(&mut self, count: usize) {
        each!(self, v => shortened(v, count));
    }

    /// As float64; 64-bit whole numbers above 2^53 are rounded.
    pub fn to_f64(&self) -> Vec<f64> {
        match self {
            Elements::Bool(v) => v.iter().map(|&b| f64::from(u8::from(b))).collect(),
            Elements::U8(v) => v.iter().map(|&n| f64::from(n)).collect(),
            Elements::I8(v) => v.iter().map(|&n| f64::from(n)).collect(),
            Elements::U16(v) => v.iter().map(|&n| f64::from(n)).collect(),
            Elements::I16(v) => v.iter().map(|&n| f64::from(n)).collect(),
            Elements::U32(v) => v.iter().map(|&n| f64::from(n)).collect(),
            Elements::I32(v) => v.iter().map(|&n| f64::from(n)).collect(),
            Elements::U64(v) => v.iter().map(|&n| n as f64).collect(),
            Elements::I64(v) => v.iter().map(|&n| n as f64).collect(),
            Elements::F32(v) => v.iter().map(|&n| f64::from(n)).collect(),
            Elements::F64(v) => v.clone(),
        }
    }

    /// As float32, each rounded once from the number in the file.
    pub fn to_f32(&self) -> Vec<f32> {
        match self {
            Elements::Bool(v) => v.iter().map(|&b| f32::from(u8::from(b))).collect(),
            Elements::U8(v) => v.iter().map(|&n| f32::from(n)).collect(),
            Elements::I8(v) => v.iter().map(|&n| f32::from(n)).collect(),
            Elements::U16(v) => v.iter().map(|&n| f32::from(n)).collect(),
            Elements::I16(v) => v.iter().map(|&n| f32::from(n)).collect(),
            Elements::U32(v) => v.iter().map(|&n| n as f32).collect(),
            Elements::I32(v) => v.iter().map(|&n| n as f32).collect(),
            Elements::U64(v) => v.iter().map(|&n| n as f32).collect(),
            Elements::I64(v) => v.iter().map(|&n| n as f32).collect(),
            Elements::F32(v) => v.clone(),
            Elements::F64(v) => v.iter().map(|&n| n as f32).collect(),
        }
    }

    /// As 32-bit whole numbers; the first that is none is refused with its index.
    pub fn to_i32(&self) -> Result<Vec<i32>, DataError> {
        fn all<T: Copy + std::fmt::Display>(
            numbers: &[T],
            convert: impl Fn(T) -> Option<i32>,
        ) -> Result<Vec<i32>, DataError> {
            let one = |(i, &n): (usize, &T)| {
                convert(n).ok_or_else(|| {
                    DataError::value(format!("{n} at element {i} is not a whole number of 32 bits"))
                })
            };
            numbers.iter().enumerate().map(one).collect()
        }
        // Comparing after the round trip also turns away NaN and what is too large.
        let whole = |n: f64| (f64::from(n as i32) == n).then_some(n as i32);
        match self {
            Elements::Bool(v) => Ok(v.iter().map(|&b| i32::from(b)).collect()),
            Elements::U8(v) => all(v, |n| Some(i32::from(n))),
            Elements::I8(v) => all(v, |n| Some(i32::from(n))),
            Elements::U16(v) => all(v, |n| Some(i32::from(n))),
            Elements::I16(v) => all(v, |n| Some(i32::from(n))),
            Elements::U32(v) => all(v, |n| i32::try_from(n).ok()),
            Elements::I32(v) => Ok(v.clone()),
            Elements::U64(v) => all(v, |n| i32::try_from(n).ok()),
            Elements::I64(v) => all(v, |n| i32::try_from(n).ok()),
            Elements::F32(v) => all(v, |n| whole(f64::from(n))),
            Elements::F64(v) => all(v, whole),
        }
    }
}

/// Bytes of memory below which giving them back is not worth a call of the system.
const WORTH: usize = 1 << 20;

/// Drops all but the first `count`. Large memory shrinks in place, so this moves nothing; where a system would move
/// it all the same, that happens at most 16 times.
fn shortened<T>(v: &mut Vec<T>, count: usize) {
    v.truncate(count);
    let idle = v.capacity() - v.len();
    if idle * size_of::<T>() >= WORTH && idle >= v.capacity() / 16 {
        v.shrink_to_fit();
    }
}

/// Moves numbers from `at` on to memory of their own, from the last to the first.
fn tail<T: Copy + Default>(v: &mut Vec<T>, at: usize) -> Vec<T> {
    let mut moved = vec![T::default(); v.len() - at];
    let run = (moved.len() / 16).max(WORTH / size_of::<T>());
    let mut end = v.len();
    while end > at {
        let from = end.saturating_sub(run).max(at);
        moved[from - at..end - at].copy_from_slice(&v[from..end]);
        shortened(v, from);
        end = from;
    }
    moved
}

/// Bytes as numbers, from the last to the first: what has been taken is given back.
fn decoded<T: Copy + Default, const N: usize>(mut bytes: Vec<u8>, of: impl Fn([u8; N]) -> T) -> Vec<T> {
    let count = bytes.len() / N;
    // Zeros of the system take no memory until they are written.
    let mut numbers = vec![T::default(); count];
    let run = (count / 16).max(WORTH / N);
    let mut end = count;
    while end > 0 {
        let from = end.saturating_sub(run);
        let (whole, _) = bytes[from * N..end * N].as_chunks::<N>();
        numbers[from..end].iter_mut().zip(whole).for_each(|(number, bytes)| *number = of(*bytes));
        shortened(&mut bytes, from * N);
        end = from;
    }
    numbers
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bytes_become_numbers_run_by_run() {
        // More than two runs, with a last one cut short and some bytes that are no number.
        let numbers: Vec<i32> = (0..700_001).map(|n| n * 7 - 12_345).collect();
        let mut little: Vec<u8> = numbers.iter().flat_map(|n| n.to_le_bytes()).collect();
        little.extend([1, 2, 3]);
        let big = numbers.iter().flat_map(|n| n.to_be_bytes()).collect();
        assert_eq!(Elements::from_bytes(Dtype::I32, false, little), Elements::I32(numbers.clone()));
        assert_eq!(Elements::from_bytes(Dtype::I32, true, big), Elements::I32(numbers.clone()));
        let reals: Vec<f64> = numbers.iter().map(|n| f64::from(*n) / 3.0).collect();
        let narrow = Elements::F32(reals.iter().map(|x| *x as f32).collect());
        assert_eq!(Elements::narrowed(false, reals.iter().flat_map(|x| x.to_le_bytes()).collect()), narrow);
        assert_eq!(Elements::narrowed(true, reals.iter().flat_map(|x| x.to_be_bytes()).collect()), narrow);
        let mut shorter = Elements::I32(numbers.clone());
        assert_eq!(shorter.split_off(699_999), Elements::I32(numbers[699_999..].to_vec()));
        assert_eq!(shorter.split_off(4), Elements::I32(numbers[4..699_999].to_vec()));
        let mut shorter = Elements::I32(numbers.clone());
        for count in [700_000, 300_000, 5, 0] {
            shorter.shorten(count);
            assert_eq!(shorter, Elements::I32(numbers[..count].to_vec()));
        }
        assert_eq!(Elements::I32(numbers.clone()).part(3..5), Elements::I32(numbers[3..5].to_vec()));
    }
}
