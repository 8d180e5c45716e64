//! Reads the printed form of a step (see [`super::print`]).
//!
//! The reader knows words, not types: what it reads may break the verifier's invariants, but it never
//! panics and says which line it does not understand. Blank lines and lines that begin with `#` are passed
//! over; so is a place that does not begin with `@`.

mod parts;
mod statement;

use super::names::Labels;
use super::{Buffer, BufferId, Copies, Home, Item, Kernel, Layout, Owner, Share, Step, Stmt};
use crate::ir::read::line::Line;
use crate::ir::read::{Read, ReadError};
use crate::ir::types::DType;
use std::collections::BTreeMap;

/// Loops of an order in one another, at most: a bound for the stack.
const DEEPEST: usize = 100;

/// Reads a step.
pub fn read(text: &str) -> Result<Step, ReadError> {
    let mut reader = Reader { lines: Lines::of(text)?, ..Reader::default() };
    reader.step()?;
    Ok(reader.step)
}

/// What is left of the text.
#[derive(Default)]
struct Lines<'a> {
    /// Line number, depth of indentation, text; in reverse.
    rest: Vec<(usize, usize, &'a str)>,
    /// The line that was taken last.
    at: usize,
}

impl<'a> Lines<'a> {
    fn of(text: &'a str) -> Result<Lines<'a>, ReadError> {
        let mut rest = Vec::new();
        for (i, line) in text.lines().enumerate() {
            let inner = line.trim();
            if inner.is_empty() || inner.starts_with('#') {
                continue;
            }
            let spaces = line.len() - line.trim_start_matches(' ').len();
            if spaces % 2 != 0 || line[spaces..].starts_with(char::is_whitespace) {
                let message = "lines are indented by two spaces a level".to_owned();
                return Err(ReadError { line: i + 1, message });
            }
            rest.push((i + 1, spaces / 2, inner));
        }
        rest.reverse();
        Ok(Lines { rest, at: 1 })
    }

    /// The next line, if it stands at a depth.
    fn next(&mut self, depth: usize) -> Result<Option<Line<'a>>, ReadError> {
        match self.rest.last() {
            Some((line, deeper, _)) if *deeper > depth => {
                let message = format!("this line is indented by more than {} spaces", 2 * depth);
                Err(ReadError { line: *line, message })
            }
            Some((line, here, text)) if *here == depth => {
                let rest = *text;
                self.at = *line;
                self.rest.pop();
                Ok(Some(Line { rest }))
            }
            Some(_) | None => Ok(None),
        }
    }

    fn error(&self, message: impl Into<String>) -> ReadError {
        ReadError { line: self.at, message: message.into() }
    }
}

/// The step so far.
#[derive(Default)]
struct Reader<'a> {
    lines: Lines<'a>,
    step: Step,
    buffers: BTreeMap<String, BufferId>,
    kernels: BTreeMap<String, usize>,
}

/// The kernel so far.
struct Body {
    kernel: Kernel,
    /// Types by value, as far as they have been read.
    values: Vec<Option<DType>>,
}

/// Where the first copy begins, how many there are, and how far apart.
fn copies(line: &mut Line) -> Read<Copies> {
    let (first, count) = (line.number()?, line.number()?);
    line.expect("by")?;
    Ok(Copies { first, apart: line.number()?, count })
}

impl<'a> Reader<'a> {
    fn step(&mut self) -> Result<(), ReadError> {
        let first = self.lines.next(0)?;
        let head = first.map(|mut line| self.head(&mut line)).unwrap_or(Err(String::new()));
        head.map_err(|e| self.lines.error(format!("a step begins with `step` and its name{}", after(&e))))?;
        while let Some(mut line) = self.lines.next(0)? {
            let word = line.word().map_err(|e| self.lines.error(e))?;
            match word {
                "buffer" => self.buffer(&mut line).map_err(|e| self.lines.error(e))?,
                "kernel" => self.kernel(&mut line)?,
                "opening" => {
                    let mut words = self.words(&line)?;
                    words.reverse();
                    self.step.opening = self.items(&mut words, 0)?;
                }
                "order" => return self.order(line),
                other => {
                    let message =
                        format!("`{other}` begins no line: expected buffer, kernel, opening or order");
                    return Err(self.lines.error(message));
                }
            }
        }
        Err(self.lines.error("expected `order:` at the end of the text"))
    }

    fn head(&mut self, line: &mut Line) -> Read<()> {
        line.expect("step")?;
        self.step.name = line.name()?;
        self.step.arena = line.number_of("arena")?;
        self.step.scratch = line.number_of("scratch")?;
        self.step.counters = line.number_of("counters")?;
        line.end()
    }

    fn buffer(&mut self, line: &mut Line) -> Read<()> {
        let (label, name) = parts::label(line)?;
        line.expect(":")?;
        let ty = line.ty()?;
        let home = match line.word()? {
            "arg" => Home::Arg(line.number()?),
            "place" => Home::Place(line.number()?),
            "resident" => Home::Resident(line.number()?),
            "report" => Home::Report(line.number()?),
            "run" => Home::Run,
            "arena" => Home::Arena(line.number()?),
            "alternate" => Home::Alternate(copies(line)?),
            "own" if line.found("alternate") => Home::OwnAlternate(copies(line)?),
            "own" => Home::Own(line.number()?),
            "scratch" => Home::Scratch(line.number()?),
            other => return Err(format!("`{other}` is no place for a buffer")),
        };
        let layout = match line.found("panels") {
            true => Layout::Panels(line.number()?),
            false => Layout::Rows,
        };
        line.end()?;
        let id = BufferId(self.step.buffers.len() as u32);
        self.step.buffers.push(Buffer { name, home, dtype: ty.dtype, shape: ty.shape, layout });
        let due = Labels::of(&self.step).buffer(id);
        if due != label {
            return Err(format!("label {label} where {due} is due"));
        }
        self.buffers.insert(label, id);
        Ok(())
    }

    fn kernel(&mut self, line: &mut Line) -> Result<(), ReadError> {
        let (label, kernel, vars) = self.kernel_head(line).map_err(|e| self.lines.error(e))?;
        let index = self.step.kernels.len();
        self.step.kernels.push(kernel.clone());
        let due = Labels::of(&self.step).kernel(index);
        if due != label {
            return Err(self.lines.error(format!("label {label} where {due} is due")));
        }
        self.kernels.insert(label, index);
        let mut body = Body { kernel, values: Vec::new() };
        body.kernel.body = self.statements(&mut body, 1)?;
        let dtypes = body.values.iter().enumerate().map(|(i, dtype)| {
            dtype.ok_or_else(|| self.lines.error(format!("%{i} is assigned by no statement of {due}")))
        });
        body.kernel.values = dtypes.collect::<Result<_, _>>()?;
        body.kernel.vars = vars.unwrap_or_else(|| super::mentioned::of(&body.kernel).vars);
        self.step.kernels[index] = body.kernel;
        Ok(())
    }

    fn kernel_head(&self, line: &mut Line) -> Read<(String, Kernel, Option<usize>)> {
        let (label, name) = parts::label(line)?;
        let mut share = if line.found("each") { Share::Each } else { Share::One };
        if share == Share::One && line.found("owner") {
            let var = parts::variable(line)?;
            line.expect("<")?;
            let extent = line.number()?;
            line.expect("by")?;
            let unit = line.number()?;
            line.expect("of")?;
            share = Share::Blocks(Owner { axis: line.name()?, var, extent, unit });
        }
        let vars = if line.rest.is_empty() { None } else { Some(line.number_of("vars")?) };
        line.end()?;
        Ok((label, Kernel { name, share, values: Vec::new(), vars: 0, body: Vec::new() }, vars))
    }

    /// The statements at a depth.
    fn statements(&mut self, body: &mut Body, depth: usize) -> Result<Vec<Stmt>, ReadError> {
        let mut found = Vec::new();
        while let Some((_, here, text)) = self.lines.rest.last() {
            if *here < depth || text.starts_with("item ") {
                break;
            }
            let Some(mut line) = self.lines.next(depth)? else { break };
            if let Some(statement) = self.statement(&mut line, body, depth)? {
                found.push(statement);
            }
        }
        Ok(found)
    }

    fn order(&mut self, line: Line<'a>) -> Result<(), ReadError> {
        let mut words = self.words(&line)?;
        while let Some((at, _, text)) = self.lines.rest.pop() {
            words.extend(text.split_whitespace().map(|word| (at, word)));
            self.lines.at = at;
        }
        words.reverse();
        self.step.order = self.items(&mut words, 0)?;
        Ok(())
    }

    /// The words behind the colon of a line of items, with its number.
    fn words(&self, line: &Line<'a>) -> Result<Vec<(usize, &'a str)>, ReadError> {
        let rest =
            line.rest.strip_prefix(':').ok_or_else(|| self.lines.error("expected `:` before items"))?;
        Ok(rest.split_whitespace().map(|word| (self.lines.at, word)).collect())
    }

    /// Items up to the end, or within something to its brace.
    fn items(&self, words: &mut Vec<(usize, &str)>, depth: usize) -> Result<Vec<Item>, ReadError> {
        let mut items = Vec::new();
        while let Some((line, word)) = words.pop() {
            let wrong = |message: String| ReadError { line, message };
            items.push(match word {
                "}" if depth > 0 => return Ok(items),
                "|" => Item::Barrier,
                "loop" | "next" | "coming" | "blocks" if depth == DEEPEST => {
                    return Err(wrong("items lie too deep".to_owned()));
                }
                "next" | "blocks" => {
                    if words.pop().is_none_or(|(_, word)| word != "{") {
                        return Err(wrong(format!("expected `{{` after `{word}`")));
                    }
                    let body = self.items(words, depth + 1)?;
                    if word == "next" { Item::Next(body) } else { Item::Blocks(body) }
                }
                "coming" => {
                    let calls = words.pop().and_then(|(_, word)| word.parse().ok());
                    let brace = words.pop().is_some_and(|(_, word)| word == "{");
                    let Some(calls) = calls.filter(|_| brace) else {
                        return Err(wrong("expected a number of calls and `{` after `coming`".to_owned()));
                    };
                    Item::Coming { calls, body: self.items(words, depth + 1)? }
                }
                "loop" => {
                    let mut take = || words.pop().map_or("", |(_, word)| word);
                    let counter = parts::counter(take()).map_err(wrong)?;
                    let (less, turns) = (take(), take());
                    let turns = turns.parse().ok().filter(|_| less == "<");
                    let turns =
                        turns.ok_or_else(|| wrong("expected `<` and a number of turns".to_owned()))?;
                    let next = take();
                    let reverse = next == "backwards";
                    if (if reverse { take() } else { next }) != "{" {
                        return Err(wrong("expected `{` after the turns of a loop".to_owned()));
                    }
                    Item::Loop { counter, turns, reverse, body: self.items(words, depth + 1)? }
                }
                label => match self.kernels.get(label) {
                    Some(kernel) => Item::Kernel(*kernel),
                    None => return Err(wrong(format!("no kernel is called {label}"))),
                },
            });
        }
        if depth > 0 { Err(self.lines.error("an item of the order has no end")) } else { Ok(items) }
    }
}

fn after(error: &str) -> String {
    if error.is_empty() { String::new() } else { format!(": {error}") }
}
