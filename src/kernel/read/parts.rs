//! Pieces of a line: labels, variables, indices, extents, tables of terms.

use crate::ir::print::is_plain_char;
use crate::ir::read::Read;
use crate::ir::read::line::Line;
use crate::kernel::names::index_variable_of;
use crate::kernel::{Bands, Extent, Index, IndexVar, Terms, Val, Var, pairs_of};

/// A label: a word, perhaps with `~` and a number.
pub fn label_alone(line: &mut Line) -> Read<String> {
    let word = line.word()?;
    if line.found("~") { Ok(format!("{word}~{}", line.number()?)) } else { Ok(word.to_owned()) }
}

/// A label, and the name: that in quotes after it, else the label.
pub fn label(line: &mut Line) -> Read<(String, String)> {
    let label = label_alone(line)?;
    let name = if line.rest.starts_with('"') { line.quoted()? } else { label.clone() };
    Ok((label, name))
}

/// A loop variable.
pub fn variable(line: &mut Line) -> Read<Var> {
    let word = line.word()?;
    match index_variable_of(word) {
        Some(IndexVar::Loop(var)) => Ok(var),
        Some(IndexVar::Counter(_)) | None => Err(format!("`{word}` is no loop variable")),
    }
}

/// A counter: `c0`.
pub fn counter(word: &str) -> Read<usize> {
    match index_variable_of(word) {
        Some(IndexVar::Counter(counter)) => Ok(counter),
        Some(IndexVar::Loop(_)) | None => Err(format!("`{word}` is no counter")),
    }
}

/// A value: `%3`.
pub fn value(line: &mut Line) -> Read<Val> {
    line.expect("%")?;
    let number = line.number()?;
    // A kernel's values are counted by their greatest number.
    let value = u32::try_from(number).ok().filter(|n| *n < 1 << 24);
    value.map(Val).ok_or_else(|| format!("%{number} is too great a number"))
}

/// A number that may be negative.
pub fn signed(line: &mut Line) -> Read<i64> {
    let negative = line.found("-");
    with_sign(line.number()?, negative)
}

/// `key=` and a number that may be negative.
pub fn signed_of(line: &mut Line, key: &str) -> Read<i64> {
    line.expect(key)?;
    line.expect("=")?;
    signed(line)
}

/// `i*500 + j - %3*2 + 7`.
pub fn index(line: &mut Line) -> Read<Index> {
    let mut index = Index::default();
    let (mut first, mut offset) = (true, false);
    while first || line.rest.starts_with(['+', '-']) {
        let negative = line.found("-");
        if !negative && !first {
            line.expect("+")?;
        }
        first = false;
        if line.rest.starts_with(|c: char| c.is_ascii_digit()) {
            if offset {
                return Err("an index has one constant".to_owned());
            }
            index.offset = with_sign(line.number()?, negative)?;
            offset = true;
        } else if line.rest.starts_with('%') {
            let value = value(line)?;
            index.dynamic.push((value, coefficient(line, negative)?));
        } else {
            let word = line.word()?;
            let var = index_variable_of(word).ok_or_else(|| format!("`{word}` is no variable or counter"))?;
            index.terms.push((var, coefficient(line, negative)?));
        }
    }
    Ok(index)
}

/// An index in brackets.
pub fn bracketed(line: &mut Line) -> Read<Index> {
    line.expect("[")?;
    let index = index(line)?;
    line.expect("]")?;
    Ok(index)
}

/// `32` or `min(32, 500 - i)`.
pub fn extent(line: &mut Line) -> Read<Extent> {
    if !line.found("min") {
        return Ok(Extent::fixed(line.number()?));
    }
    line.expect("(")?;
    let size = line.number()?;
    line.expect(",")?;
    let limit = line.number()?;
    line.expect("-")?;
    let var = variable(line)?;
    line.expect(")")?;
    Ok(Extent { size, rest: Some((var, limit)) })
}

/// `key=` and an extent.
pub fn extent_of(line: &mut Line, key: &str) -> Read<Extent> {
    line.expect(key)?;
    line.expect("=")?;
    extent(line)
}

/// Terms of a table, at most.
const MOST_TERMS: usize = 1 << 20;

/// `784 by (1, 500)`, `[(0, 0), (1, 500)]` or `[5 by (384, 5), 5 by (32, 1)]`.
pub fn terms(line: &mut Line) -> Read<Terms> {
    if line.rest.starts_with('[') {
        let looped = !line.rest.starts_with("[(") && !line.rest.starts_with("[]");
        let pairs = match looped {
            true => {
                let loops = line.list(|line| {
                    let turns = line.number()?;
                    line.expect("by")?;
                    let (a, b) = pair(line)?;
                    Ok((turns, a, b))
                })?;
                let terms = loops.iter().try_fold(1_usize, |all, (turns, ..)| all.checked_mul(*turns));
                if terms.is_none_or(|terms| terms > MOST_TERMS) {
                    return Err(format!("a table has more than {MOST_TERMS} terms"));
                }
                pairs_of(&loops)
            }
            false => line.list(pair)?,
        };
        let half = |v: i64| i32::try_from(v).map_err(|_| format!("{v} is too great a number"));
        let halves = pairs.into_iter().map(|(x, y)| Ok::<_, String>((half(x)?, half(y)?)));
        return Ok(Terms::Table(halves.collect::<Result<_, _>>()?));
    }
    let count = extent(line)?;
    line.expect("by")?;
    let (a, b) = pair(line)?;
    Ok(Terms::Strided { count, a, b })
}

/// Nothing, or `bands=5 by (384, 250)`.
pub fn bands(line: &mut Line) -> Read<Bands> {
    if !line.found("bands") {
        return Ok(Bands::ONE);
    }
    line.expect("=")?;
    let count = line.number()?;
    line.expect("by")?;
    let (b, c) = pair(line)?;
    Ok(Bands { count, b, c })
}

/// What a statement begins with: a word, then no character of a word.
pub fn keyword(line: &mut Line, word: &str) -> bool {
    let next = line.rest.strip_prefix(word).map(|rest| rest.chars().next());
    next.is_some_and(|next| !next.is_some_and(is_plain_char)) && line.found(word)
}

fn pair(line: &mut Line) -> Read<(i64, i64)> {
    line.expect("(")?;
    let x = signed(line)?;
    line.expect(",")?;
    let y = signed(line)?;
    line.expect(")")?;
    Ok((x, y))
}

fn coefficient(line: &mut Line, negative: bool) -> Read<i64> {
    let number = if line.found("*") { line.number()? } else { 1 };
    with_sign(number, negative)
}

fn with_sign(number: usize, negative: bool) -> Read<i64> {
    let value = if negative { -(number as i128) } else { number as i128 };
    i64::try_from(value).map_err(|_| format!("{value} is too great a number"))
}
