//! One line of the printed form, piece by piece: names, numbers, lists, constants, index notation.

use super::Read;
use crate::ir::op::{Affine, Contract, Ties, Windows};
use crate::ir::print::{LETTERS, is_plain, is_plain_char};
use crate::ir::types::{DType, Scalar, Type};
use crate::ir::words::{dtype_of, ties_of};
use crate::source::{FileId, Span};
use std::collections::BTreeSet;
use std::sync::{Mutex, PoisonError};

/// What is left of a line. After each piece, white space is passed over.
pub struct Line<'a> {
    pub rest: &'a str,
}

impl<'a> Line<'a> {
    pub fn take(&mut self, bytes: usize) -> &'a str {
        let (taken, rest) = self.rest.split_at(bytes);
        self.rest = rest.trim_start();
        taken
    }

    /// The longest run of characters of a kind; an error where there is none.
    fn run(&mut self, of: impl Fn(char) -> bool, what: &str) -> Read<&'a str> {
        match self.rest.find(|c| !of(c)).unwrap_or(self.rest.len()) {
            0 => Err(format!("expected {what} at {}", self.here())),
            end => Ok(self.take(end)),
        }
    }

    pub fn here(&self) -> String {
        match self.rest {
            "" => "the end of the line".to_owned(),
            rest => format!("`{}`", rest.chars().take(20).collect::<String>()),
        }
    }

    pub fn expect(&mut self, what: &str) -> Read<()> {
        if !self.rest.starts_with(what) {
            return Err(format!("expected `{what}` at {}", self.here()));
        }
        self.take(what.len());
        Ok(())
    }

    pub fn found(&mut self, what: &str) -> bool {
        self.expect(what).is_ok()
    }

    pub fn end(&self) -> Read<()> {
        if self.rest.is_empty() {
            Ok(())
        } else {
            Err(format!("nothing more was expected at {}", self.here()))
        }
    }

    pub fn word(&mut self) -> Read<&'a str> {
        let mut ahead = Line { rest: self.rest };
        let word = ahead.run(is_plain_char, "a word")?;
        if !is_plain(word) {
            return Err(format!("expected a word at {}", self.here()));
        }
        self.rest = ahead.rest;
        Ok(word)
    }

    pub fn number(&mut self) -> Read<usize> {
        let digits = self.run(|c| c.is_ascii_digit(), "a number")?;
        digits.parse().map_err(|_| format!("{digits} is too great a number"))
    }

    pub fn number_of(&mut self, key: &str) -> Read<usize> {
        self.expect(key)?;
        self.expect("=")?;
        self.number()
    }

    pub fn list_of(&mut self, key: &str) -> Read<Vec<usize>> {
        self.expect(key)?;
        self.expect("=")?;
        self.list(Line::number)
    }

    pub fn list<T>(&mut self, item: impl Fn(&mut Line<'a>) -> Read<T>) -> Read<Vec<T>> {
        let mut items = Vec::new();
        self.expect("[")?;
        if self.found("]") {
            return Ok(items);
        }
        loop {
            items.push(item(self)?);
            if self.found("]") {
                return Ok(items);
            }
            self.expect(",")?;
        }
    }

    /// A plain or quoted name.
    pub fn name(&mut self) -> Read<String> {
        if self.rest.starts_with('"') { self.quoted() } else { self.word().map(str::to_owned) }
    }

    pub fn quoted(&mut self) -> Read<String> {
        self.expect_quote()?;
        let mut out = String::new();
        let mut chars = self.rest.char_indices();
        while let Some((at, c)) = chars.next() {
            match c {
                '"' => {
                    self.take(at + 1);
                    return Ok(out);
                }
                '\\' => match chars.next() {
                    Some((_, c @ ('"' | '\\'))) => out.push(c),
                    Some((_, 'u')) => {
                        let code: String = chars.by_ref().map(|(_, c)| c).take_while(|c| *c != '}').collect();
                        let digits = code.strip_prefix('{').unwrap_or("");
                        let c = u32::from_str_radix(digits, 16).ok().and_then(char::from_u32);
                        out.push(c.ok_or_else(|| format!("`\\u{code}` is no character"))?);
                    }
                    Some((_, other)) => return Err(format!("`\\{other}` is no escape")),
                    None => break,
                },
                c => out.push(c),
            }
        }
        Err("a quoted name has no end".to_owned())
    }

    /// As `expect`, but white space after the quote belongs to the name.
    fn expect_quote(&mut self) -> Read<()> {
        self.rest = self.rest.strip_prefix('"').ok_or_else(|| format!("expected `\"` at {}", self.here()))?;
        Ok(())
    }

    pub fn dtype(&mut self) -> Read<DType> {
        let word = self.word()?;
        dtype_of(word).ok_or_else(|| format!("`{word}` is no element type"))
    }

    pub fn ty(&mut self) -> Read<Type> {
        let dtype = self.dtype()?;
        Ok(Type::new(dtype, self.list(Line::number)?))
    }

    pub fn scalar(&mut self) -> Read<Scalar> {
        let part = |c: char| c.is_alphanumeric() || matches!(c, '.' | '-' | '+' | ':');
        let text = self.run(part, "a constant")?;
        let bad = || format!("`{text}` is no constant");
        match text {
            "true" => return Ok(Scalar::Bool(true)),
            "false" => return Ok(Scalar::Bool(false)),
            "nan" => return Ok(Scalar::Real(f64::NAN)),
            "inf" => return Ok(Scalar::Real(f64::INFINITY)),
            "-inf" => return Ok(Scalar::Real(f64::NEG_INFINITY)),
            _ => {}
        }
        if let Some(bits) = text.strip_prefix("nan:0x") {
            let value = u64::from_str_radix(bits, 16).map(f64::from_bits).map_err(|_| bad())?;
            return if value.is_nan() { Ok(Scalar::Real(value)) } else { Err(bad()) };
        }
        if text.contains(['.', 'e']) {
            let value: f64 = text.parse().map_err(|_| bad())?;
            return if value.is_finite() { Ok(Scalar::Real(value)) } else { Err(bad()) };
        }
        text.parse().map(Scalar::Int).map_err(|_| bad())
    }

    pub fn windows(&mut self) -> Read<Windows> {
        Ok(Windows { size: self.list_of("size")?, stride: self.list_of("stride")? })
    }

    pub fn ties(&mut self) -> Read<Ties> {
        self.expect("ties=")?;
        let word = self.word()?;
        ties_of(word).ok_or_else(|| format!("`{word}` is no rule for ties"))
    }

    pub fn contract(&mut self) -> Read<Contract> {
        let first = self.list(Line::affine)?;
        let second = self.list(Line::affine)?;
        self.expect("->")?;
        let output = self.list(Line::variable)?;
        let mut extents = Vec::new();
        while !self.rest.starts_with(':') {
            let v = self.variable()?;
            if v != extents.len() {
                return Err(format!("the extent of variable {v} where that of {} is due", extents.len()));
            }
            self.expect("=")?;
            extents.push(self.number()?);
        }
        Ok(Contract { extents, output, operands: [first, second] })
    }

    /// i to z, a to h, or v and a number.
    fn variable(&mut self) -> Read<usize> {
        let word = self.word()?;
        let position = LETTERS.find(word).filter(|_| word.len() == 1);
        let number = || word.strip_prefix('v').and_then(|n| n.parse().ok());
        position.or_else(number).ok_or_else(|| format!("`{word}` is no index variable"))
    }

    fn affine(&mut self) -> Read<Affine> {
        let mut index = Affine { terms: Vec::new(), offset: 0 };
        let mut first = true;
        while first || self.rest.starts_with(['+', '-']) {
            let negative = self.found("-");
            if !negative && !self.found("+") && !first {
                break;
            }
            first = false;
            let signed = |value: i128| {
                let value = if negative { -value } else { value };
                i64::try_from(value).map_err(|_| format!("{value} is too great a number"))
            };
            if !self.rest.starts_with(|c: char| c.is_ascii_digit()) {
                index.terms.push((self.variable()?, signed(1)?));
                continue;
            }
            let value = signed(self.number()? as i128)?;
            if self.found("*") {
                index.terms.push((self.variable()?, value));
            } else {
                index.offset = value;
                break;
            }
        }
        Ok(index)
    }

    /// Place and rules after `#`, if there are any.
    pub fn trailer(&mut self) -> Read<(Option<Span>, Vec<&'static str>)> {
        let (mut span, mut rules) = (None, Vec::new());
        if !self.found("#") {
            return Ok((span, rules));
        }
        if self.found("@") {
            let mut part = |before: &str| {
                self.expect(before)?;
                let number = self.number()?;
                u32::try_from(number).map_err(|_| format!("{number} is too great a number"))
            };
            let (file, start, end) = (FileId(part("")?), part(":")?, part("-")?);
            span = Some(Span { file, start, end });
        } else if !self.rest.starts_with('[') {
            let end = self.rest.find(" [").unwrap_or(self.rest.len());
            self.take(end);
        }
        if self.found("[") {
            loop {
                let quoted = self.rest.starts_with('"');
                rules.push(if quoted { intern(&self.quoted()?) } else { intern(self.bare_rule()?) });
                if self.found("]") {
                    break;
                }
                self.expect(";")?;
            }
        }
        Ok((span, rules))
    }

    fn bare_rule(&mut self) -> Read<&'a str> {
        self.run(|c| !matches!(c, ';' | ']' | '"'), "a rule").map(str::trim_end)
    }
}

/// Rules are names in the compiler's text; one that is read is kept for the rest of the program,
/// once, however often it is read.
fn intern(rule: &str) -> &'static str {
    static RULES: Mutex<BTreeSet<&'static str>> = Mutex::new(BTreeSet::new());
    let mut rules = RULES.lock().unwrap_or_else(PoisonError::into_inner);
    if let Some(known) = rules.get(rule) {
        return known;
    }
    let kept: &'static str = Box::leak(rule.to_owned().into_boxed_str());
    rules.insert(kept);
    kept
}
