//! The arguments that follow an opcode: lengths, numbers, lines, quoted text.

use std::io::{self, BufRead};

use crate::data::open::{self, Stream};

/// How many of the first bytes are kept, to say what a file looks like.
const HEAD: usize = 64;

/// The input and how far it has been read.
pub struct Scanner<'a> {
    input: Stream<'a>,
    at: usize,
    head: Vec<u8>,
    failed: Option<io::Error>,
}

impl<'a> Scanner<'a> {
    /// At the start of `input`.
    pub fn new(mut input: Stream<'a>) -> Scanner<'a> {
        // A failure comes again when the first byte is read.
        let head = input.fill_buf().map(|first| first[..first.len().min(HEAD)].to_vec()).unwrap_or_default();
        Scanner { input, at: 0, head, failed: None }
    }

    /// The offset of the next byte.
    pub fn offset(&self) -> usize {
        self.at
    }

    /// The first bytes.
    pub fn head(&self) -> &[u8] {
        &self.head
    }

    /// The input, and why it could not be read on if that was so.
    pub fn into_input(self) -> (Stream<'a>, Option<io::Error>) {
        (self.input, self.failed)
    }

    /// The next `n` bytes.
    pub fn take(&mut self, n: u64) -> Result<Vec<u8>, String> {
        let (bytes, result) = open::read_up_to(&mut self.input, usize::try_from(n).unwrap_or(usize::MAX));
        result.map_err(|reason| self.fail(reason))?;
        if bytes.len() as u64 != n {
            return Err(format!("the pickle ends early: {n} bytes expected, {} left", bytes.len()));
        }
        self.at += bytes.len();
        Ok(bytes)
    }

    /// The next byte.
    pub fn byte(&mut self) -> Result<u8, String> {
        self.unsigned(1).map(|n| n as u8)
    }

    /// The next `width` bytes (at most 8) as a little-endian number.
    pub fn unsigned(&mut self, width: usize) -> Result<u64, String> {
        let mut bytes = [0; 8];
        let mut found = 0;
        while found < width {
            match self.input.fill_buf() {
                Ok([]) => return Err(format!("the pickle ends early: {width} bytes expected, {found} left")),
                Ok(here) => {
                    let count = here.len().min(width - found);
                    bytes[found..found + count].copy_from_slice(&here[..count]);
                    self.input.consume(count);
                    found += count;
                }
                Err(reason) if reason.kind() == io::ErrorKind::Interrupted => {}
                Err(reason) => return Err(self.fail(reason)),
            }
        }
        self.at += width;
        Ok(u64::from_le_bytes(bytes))
    }

    /// A byte string whose length stands before it in `width` bytes.
    pub fn counted(&mut self, width: usize) -> Result<Vec<u8>, String> {
        let length = self.unsigned(width)?;
        self.take(length)
    }

    /// A text whose length in bytes stands before it.
    pub fn counted_text(&mut self, width: usize) -> Result<String, String> {
        text(self.counted(width)?)
    }

    /// The bytes up to the end of the line, which is passed.
    pub fn line(&mut self) -> Result<Vec<u8>, String> {
        let mut line = Vec::new();
        self.input.read_until(b'\n', &mut line).map_err(|reason| self.fail(reason))?;
        self.at += line.len();
        if line.pop() != Some(b'\n') {
            return Err("the pickle ends within a line".into());
        }
        if line.last() == Some(&b'\r') {
            line.pop();
        }
        Ok(line)
    }

    /// A line of text.
    pub fn text_line(&mut self) -> Result<String, String> {
        text(self.line()?)
    }

    /// A line that is a number.
    pub fn number_line<T: std::str::FromStr>(&mut self) -> Result<T, String> {
        let line = self.text_line()?;
        line.trim()
            .parse()
            .map_err(|_| format!("`{:.40}` is not a number that fits", line.escape_debug().to_string()))
    }

    fn fail(&mut self, reason: io::Error) -> String {
        let what = reason.to_string();
        self.failed = Some(reason);
        what
    }
}

/// Checks that the bytes are text.
fn text(bytes: Vec<u8>) -> Result<String, String> {
    let wrong = |error: std::string::FromUtf8Error| error.utf8_error().valid_up_to();
    String::from_utf8(bytes).map_err(|error| format!("a text is not UTF-8 from its byte {}", wrong(error)))
}

/// A two's complement number of any length that fits 64 bits.
pub fn long(bytes: &[u8]) -> Result<i64, String> {
    let negative = bytes.last().is_some_and(|&byte| byte >= 0x80);
    let fill = if negative { 0xff } else { 0 };
    let mut all = [fill; 8];
    for (i, &byte) in bytes.iter().enumerate() {
        match all.get_mut(i) {
            Some(slot) => *slot = byte,
            None if byte == fill => {}
            None => return Err("a whole number of more than 64 bits".into()),
        }
    }
    let n = i64::from_le_bytes(all);
    if (n < 0) == negative { Ok(n) } else { Err("a whole number of more than 64 bits".into()) }
}

/// The bytes of a quoted Python 2 string; bytes above 0x7f may stand in it as they are.
pub fn unquoted(line: &[u8]) -> Result<Vec<u8>, String> {
    let line = line.trim_ascii();
    let (&quote, _) = line.split_first().ok_or("a quoted string is missing")?;
    if line.len() < 2 || !matches!(quote, b'\'' | b'"') || line.last() != Some(&quote) {
        return Err("a string without its quotes".into());
    }
    let mut rest = &line[1..line.len() - 1];
    let mut out = Vec::with_capacity(rest.len());
    while let Some((&byte, after)) = rest.split_first() {
        rest = after;
        if byte != b'\\' {
            out.push(byte);
            continue;
        }
        let (&escape, after) = rest.split_first().ok_or("a string ends in a backslash")?;
        rest = after;
        match escape {
            b'n' => out.push(b'\n'),
            b'r' => out.push(b'\r'),
            b't' => out.push(b'\t'),
            b'a' => out.push(7),
            b'b' => out.push(8),
            b'v' => out.push(11),
            b'f' => out.push(12),
            b'\\' | b'\'' | b'"' => out.push(escape),
            b'x' => {
                let digits = rest.get(..2).and_then(|two| std::str::from_utf8(two).ok());
                let value = digits.and_then(|two| u8::from_str_radix(two, 16).ok());
                out.push(value.ok_or("a \\x without two hexadecimal digits")?);
                rest = &rest[2..];
            }
            b'0'..=b'7' => {
                let more = rest.iter().take(2).take_while(|digit| (b'0'..=b'7').contains(digit)).count();
                let digits = std::iter::once(&escape).chain(&rest[..more]);
                out.push(digits.fold(0u32, |n, digit| n * 8 + u32::from(digit - b'0')) as u8);
                rest = &rest[more..];
            }
            other => out.extend([b'\\', other]),
        }
    }
    Ok(out)
}

/// The text of protocol 0: latin-1 with `\uXXXX` and `\UXXXXXXXX`.
pub fn raw_unicode(line: &[u8]) -> Result<String, String> {
    let mut out = String::with_capacity(line.len());
    let mut rest = line;
    while let Some((&byte, after)) = rest.split_first() {
        rest = after;
        let width = match (byte, after.first()) {
            (b'\\', Some(b'u')) => 4,
            (b'\\', Some(b'U')) => 8,
            _ => {
                out.push(char::from(byte));
                continue;
            }
        };
        let digits = after.get(1..=width).and_then(|digits| std::str::from_utf8(digits).ok());
        let code = digits.and_then(|digits| u32::from_str_radix(digits, 16).ok());
        out.push(code.and_then(char::from_u32).ok_or("a \\u without its hexadecimal digits")?);
        rest = &after[1 + width..];
    }
    Ok(out)
}
