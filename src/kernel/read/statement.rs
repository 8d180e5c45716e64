//! Statements, and the operations of values.

use super::parts::{
    bands, bracketed, extent, extent_of, index, keyword, label_alone, signed_of, terms, value, variable,
};
use super::{Body, Reader};
use crate::ir::op::Reduce;
use crate::ir::read::line::Line;
use crate::ir::read::{Read, ReadError};
use crate::ir::types::DType;
use crate::ir::words::{binary_of, compare_of, reduce_of, unary_of};
use crate::kernel::{BufferId, Extent, Fold, Form, Index, Op, Order, Product, Start, Stmt, Val, Var};
use crate::source::Span;

impl Reader<'_> {
    /// The statement of a line and, if it has some, of the lines below; none for a value's type alone.
    pub(super) fn statement(
        &mut self,
        line: &mut Line,
        body: &mut Body,
        depth: usize,
    ) -> Result<Option<Stmt>, ReadError> {
        let wrong = |reader: &Self, e: String| reader.lines.error(e);
        if line.rest.starts_with('%') {
            return self.assignment(line, body, depth).map(Some);
        }
        if keyword(line, "for") || line.rest.starts_with("lanes ") {
            let lanes = keyword(line, "lanes");
            let (var, extent, step) = head(line, lanes).map_err(|e| wrong(self, e))?;
            let body = self.statements(body, depth + 1)?;
            return Ok(Some(match lanes {
                true => Stmt::Lanes { var, extent, body },
                false => Stmt::For { var, extent, step, body },
            }));
        }
        self.simple(line, body).map_err(|e| wrong(self, e))
    }

    fn assignment(&mut self, line: &mut Line, body: &mut Body, depth: usize) -> Result<Stmt, ReadError> {
        let (value, mut op, span) = self.line_of_value(line, body).map_err(|e| self.lines.error(e))?;
        if let Op::Fold(fold) = &mut op {
            fold.body = self.statements(body, depth + 1)?;
            let item =
                self.lines.next(depth + 1)?.ok_or_else(|| self.lines.error("a fold ends with its item"));
            fold.item = item_of(&mut item?).map_err(|e| self.lines.error(e))?;
        }
        Ok(Stmt::Let { value, op, span })
    }

    fn line_of_value(&self, line: &mut Line, body: &mut Body) -> Read<(Val, Op, Option<Span>)> {
        let value = value(line)?;
        line.expect("=")?;
        let op = self.operation(line)?;
        line.expect(":")?;
        declare(body, value, line.dtype()?)?;
        Ok((value, op, place(line)?))
    }

    fn simple(&self, line: &mut Line, body: &mut Body) -> Read<Option<Stmt>> {
        Ok(Some(match line.word()? {
            "value" => {
                let value = value(line)?;
                line.expect(":")?;
                declare(body, value, line.dtype()?)?;
                line.end()?;
                return Ok(None);
            }
            "store" => {
                let (buffer, index) = self.at(line)?;
                line.expect("=")?;
                Stmt::Store { buffer, index, value: value(line)?, span: place(line)? }
            }
            "check" => {
                let value = value(line)?;
                line.expect("<")?;
                Stmt::Check { value, extent: line.number()?, span: place(line)? }
            }
            "strip" => {
                let dst = self.at(line)?;
                line.expect("=")?;
                let word = line.word()?;
                let f = unary_of(word).ok_or_else(|| format!("`{word}` is no function of one operand"))?;
                let src = self.at(line)?;
                Stmt::Strip { f, dst, src, count: extent_of(line, "count")?, span: place(line)? }
            }
            "random" => {
                let dst = self.at(line)?;
                line.expect("first=")?;
                let (first, count) = (bracketed(line)?, extent_of(line, "count")?);
                let key: Option<Vec<u32>> =
                    line.list_of("key")?.iter().map(|word| u32::try_from(*word).ok()).collect();
                let key = key.and_then(|words| <[u32; 2]>::try_from(words).ok());
                let key = key.ok_or("a key is two words of 32 bits")?;
                line.expect("run=")?;
                let run = value(line)?;
                line.expect("turn=")?;
                let turn = value(line)?;
                Stmt::Random { dst, first, count, key, run, turn, span: place(line)? }
            }
            "product" => Stmt::Product(Box::new(self.product(line)?)),
            other => return Err(format!("`{other}` begins no statement")),
        }))
    }

    fn product(&self, line: &mut Line) -> Read<Product> {
        let word = line.word()?;
        let c = self.at(line)?;
        let old = line.found("+");
        line.expect("=")?;
        let start = match old {
            true => Start::Old,
            false => {
                let plus = line.found("old");
                if plus {
                    line.expect("+")?;
                }
                let by = if line.rest.starts_with('%') { Some(value(line)?) } else { None };
                if by.is_some() {
                    ["*", "old", "+"].into_iter().try_for_each(|word| line.expect(word))?;
                }
                match (plus, by) {
                    (false, None) => Start::Zero,
                    (true, None) => Start::Plus,
                    (false, Some(by)) => Start::Scaled(by),
                    (true, Some(by)) => Start::Decayed(by),
                }
            }
        };
        let a = self.at(line)?;
        line.expect("*")?;
        let b = self.at(line)?;
        let (m, n) = (extent_of(line, "m")?, extent_of(line, "n")?);
        let c_row = signed_of(line, "c_row")?;
        let c_col = if line.rest.starts_with("c_col") { signed_of(line, "c_col")? } else { 1 };
        let a_row = signed_of(line, "a_row")?;
        let form = match word {
            "lanes" | "sparse" => {
                line.expect("terms=")?;
                Form::Lanes { terms: terms(line)?, sparse: word == "sparse" }
            }
            "dot" => {
                let (b_row, k) = (signed_of(line, "b_row")?, extent_of(line, "k")?);
                line.expect("outer=")?;
                Form::Dot { b_row, k, outer: terms(line)?, bands: bands(line)? }
            }
            other => return Err(format!("`{other}` is no form of a product")),
        };
        Ok(Product { form, c, a, b, m, n, c_row, c_col, a_row, start, span: place(line)? })
    }

    fn operation(&self, line: &mut Line) -> Read<Op> {
        Ok(match line.word()? {
            "const" => Op::Const(line.scalar()?),
            "index" => Op::Index(index(line)?),
            "load" => {
                let (buffer, index) = self.at(line)?;
                Op::Load(buffer, index)
            }
            "select" => Op::Select(value(line)?, value(line)?, value(line)?),
            "cast" => Op::Cast(value(line)?),
            "fold" => Op::Fold(Box::new(fold(line)?)),
            word => {
                if let Some(f) = unary_of(word) {
                    Op::Unary(f, value(line)?)
                } else if let Some(f) = binary_of(word) {
                    Op::Binary(f, value(line)?, value(line)?)
                } else if let Some(f) = compare_of(word) {
                    Op::Compare(f, value(line)?, value(line)?)
                } else {
                    return Err(format!("`{word}` is no operation"));
                }
            }
        })
    }

    fn at(&self, line: &mut Line) -> Read<(BufferId, Index)> {
        let label = label_alone(line)?;
        let buffer = self.buffers.get(&label).ok_or_else(|| format!("no buffer is called {label}"))?;
        Ok((*buffer, bracketed(line)?))
    }
}

/// `i < 32`, and for a plain loop perhaps its step.
fn head(line: &mut Line, lanes: bool) -> Read<(Var, Extent, usize)> {
    let (var, extent) = turns(line)?;
    let step = if !lanes && line.found("step") { line.number()? } else { 1 };
    line.end()?;
    Ok((var, extent, step))
}

fn turns(line: &mut Line) -> Read<(Var, Extent)> {
    let var = variable(line)?;
    line.expect("<")?;
    Ok((var, extent(line)?))
}

/// The first line of a fold; its body and item follow.
fn fold(line: &mut Line) -> Read<Fold> {
    let word = line.word()?;
    let op: Reduce =
        reduce_of(&format!("reduce_{word}")).ok_or_else(|| format!("`{word}` is no reduction"))?;
    let order = match line.word()? {
        "ascending" => Order::Ascending,
        "strided" => Order::Strided,
        other => return Err(format!("`{other}` is no order: expected ascending or strided")),
    };
    let mut loops = Vec::new();
    while !line.rest.starts_with(':') {
        if !loops.is_empty() {
            line.expect(",")?;
        }
        loops.push(turns(line)?);
    }
    Ok(Fold { op, order, loops, body: Vec::new(), item: Val(0) })
}

fn item_of(line: &mut Line) -> Read<Val> {
    line.expect("item")?;
    let item = value(line)?;
    line.end()?;
    Ok(item)
}

fn declare(body: &mut Body, value: Val, dtype: DType) -> Read<()> {
    let at = value.0 as usize;
    if body.values.len() <= at {
        body.values.resize(at + 1, None);
    }
    match body.values[at].replace(dtype) {
        Some(other) if other != dtype => Err(format!("%{at} is of {} above", other.name())),
        Some(_) | None => Ok(()),
    }
}

/// The place at the end of a line, if it has one.
fn place(line: &mut Line) -> Read<Option<Span>> {
    let (span, _) = line.trailer()?;
    line.end()?;
    Ok(span)
}
