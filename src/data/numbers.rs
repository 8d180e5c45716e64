//! Numbers as they come from a stream: what has been read is never in memory as bytes too, and wide real numbers may
//! be rounded on the way.

use std::io::{self, Read};

use crate::data::{Dtype, Elements, open};

/// Bytes that become numbers together.
const TOGETHER: usize = 1 << 20;

/// How the numbers of a file lie, and what is made of them.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Form {
    /// Their type in the file.
    pub dtype: Dtype,
    /// Whether the first byte is the highest.
    pub big_endian: bool,
    /// Whether float64 becomes float32, each rounded once.
    pub narrow: bool,
}

/// What was read.
#[derive(Debug)]
pub(crate) struct Numbers {
    /// The numbers.
    pub data: Elements,
    /// How many bytes there were, at most one more than wanted.
    pub bytes: usize,
    /// Why there are no more, if that was a failure.
    pub result: io::Result<()>,
}

impl Form {
    /// Numbers as they lie in the file.
    pub fn plain(dtype: Dtype, big_endian: bool) -> Form {
        Form { dtype, big_endian, narrow: false }
    }

    /// The numbers in some bytes.
    pub fn of(self, bytes: Vec<u8>) -> Elements {
        let narrow = self.narrow && self.dtype == Dtype::F64;
        if narrow {
            Elements::narrowed(self.big_endian, bytes)
        } else {
            Elements::from_bytes(self.dtype, self.big_endian, bytes)
        }
    }

    /// Numbers of `wanted` bytes and, to notice that there are more, a byte behind them. Memory is set aside only as
    /// they come.
    pub fn read(self, reader: &mut impl Read, wanted: usize) -> Numbers {
        let mut numbers = Numbers { data: self.of(Vec::new()), bytes: 0, result: Ok(()) };
        let mut left = wanted;
        while left > 0 && numbers.result.is_ok() {
            let run = left.min(TOGETHER);
            let (bytes, result) = open::read_up_to(reader, run);
            let short = bytes.len() < run;
            left -= bytes.len();
            numbers.bytes += bytes.len();
            numbers.result = result;
            numbers.data.append(self.of(bytes));
            if short {
                return numbers;
            }
        }
        if numbers.result.is_ok() {
            let (more, result) = open::read_up_to(reader, 1);
            numbers.bytes += more.len();
            numbers.result = result;
        }
        numbers
    }
}
