//! The stack machine that a pickle is a program for, as far as data needs it.

use std::collections::HashMap;

use crate::data::open::{self, Stream};
use crate::data::pickle::nodes::{Id, Node, Nodes};
use crate::data::pickle::numpy::{self, Constructor};
use crate::data::pickle::scan::{self, Scanner};
use crate::data::{DataError, Value};

/// What the program of the pickle that `open` gives makes.
pub fn run<'a>(
    open: impl Fn() -> Result<Stream<'a>, DataError>,
    name: &str,
    narrow: bool,
) -> Result<Value, DataError> {
    let first = once(open()?, name, Nodes::new(narrow, false));
    match first {
        Some(result) => result,
        // Bytes that an array has taken over are used again, as no file of NumPy does.
        None => once(open()?, name, Nodes::new(narrow, true)).expect("what is copied is not missed"),
    }
}

/// The same, read through once; none if it takes copies of bytes.
fn once(input: Stream<'_>, name: &str, nodes: Nodes) -> Option<Result<Value, DataError>> {
    let (stack, marks, memo) = (Vec::new(), Vec::new(), HashMap::new());
    let mut machine = Machine { scanner: Scanner::new(input), nodes, stack, marks, memo };
    let result = loop {
        let offset = machine.scanner.offset();
        match machine.step() {
            Ok(None) => {}
            Ok(Some(root)) => {
                break machine.nodes.take_value(root).map_err(|what| DataError::refused(name, what));
            }
            Err(Fault::Broken(_)) if offset == 0 => {
                let found = open::looks_like(machine.scanner.head());
                break Err(DataError::format(name, format!("not a pickle but {found}")));
            }
            Err(Fault::Broken(what)) => break Err(DataError::format(name, what).at_byte(offset)),
            Err(Fault::Refused(what)) => {
                break Err(DataError::refused(name, what).at_byte(offset).help(
                    "only arrays of numbers and plain lists, tuples and dicts are read; save those, or an .npz file",
                ));
            }
        }
    };
    if machine.nodes.missed() {
        return None;
    }
    // Where the file itself is broken, what that led to does not matter; and a sum of it stands at its end.
    let (input, failed) = machine.scanner.into_input();
    let sound = match failed {
        Some(reason) => Err(input.broken(&reason)),
        None => input.finish(),
    };
    Some(sound.and(result))
}

/// Why a step cannot be made.
enum Fault {
    /// The pickle is damaged.
    Broken(String),
    /// It asks for what is not given.
    Refused(String),
}

impl From<String> for Fault {
    fn from(what: String) -> Fault {
        Fault::Broken(what)
    }
}

impl From<&str> for Fault {
    fn from(what: &str) -> Fault {
        Fault::Broken(what.into())
    }
}

struct Machine<'a> {
    scanner: Scanner<'a>,
    nodes: Nodes,
    stack: Vec<Id>,
    marks: Vec<usize>,
    memo: HashMap<u64, Id>,
}

impl Machine<'_> {
    /// Carries out one opcode; gives the result where that was the last.
    fn step(&mut self) -> Result<Option<Id>, Fault> {
        match self.scanner.byte()? {
            b'.' => return Ok(Some(self.pop()?)),
            // Stack
            b'(' => self.marks.push(self.stack.len()),
            b'0' => match self.marks.last() {
                // A mark is an object to Python, and may be dropped like one.
                Some(&mark) if mark == self.stack.len() => {
                    self.marks.pop();
                }
                _ => {
                    self.pop()?;
                }
            },
            b'1' => {
                self.pop_mark()?;
            }
            b'2' => self.stack.push(self.top()?),
            // Memo
            b'p' => {
                let key = self.scanner.number_line()?;
                self.memo.insert(key, self.top()?);
            }
            b'q' => self.put(1)?,
            b'r' => self.put(4)?,
            0x94 => {
                let top = self.top()?;
                self.memo.insert(self.memo.len() as u64, top);
            }
            b'g' => {
                let key = self.scanner.number_line()?;
                self.fetch(key)?;
            }
            b'h' => self.get(1)?,
            b'j' => self.get(4)?,
            // Containers
            b')' => self.push(Node::Tuple(Vec::new()))?,
            0x85 => self.tuple(1)?,
            0x86 => self.tuple(2)?,
            0x87 => self.tuple(3)?,
            b't' => {
                let items = self.pop_mark()?;
                self.push(Node::Tuple(items))?;
            }
            b']' => self.push(Node::List(Vec::new()))?,
            b'l' => {
                let items = self.pop_mark()?;
                self.push(Node::List(items))?;
            }
            b'a' => {
                let item = self.pop()?;
                self.append(vec![item])?;
            }
            b'e' => {
                let items = self.pop_mark()?;
                self.append(items)?;
            }
            b'}' => self.push(Node::Dict(Vec::new()))?,
            b'd' => {
                let items = self.pop_mark()?;
                self.push(Node::Dict(Vec::new()))?;
                self.set_items(items)?;
            }
            b's' => {
                let item = self.pop()?;
                let key = self.pop()?;
                self.set_items(vec![key, item])?;
            }
            b'u' => {
                let items = self.pop_mark()?;
                self.set_items(items)?;
            }
            // Names and calls
            b'c' => {
                let module = self.scanner.text_line()?;
                let name = self.scanner.text_line()?;
                self.load(&module, &name)?;
            }
            0x93 => {
                let (name, module) = (self.pop()?, self.pop()?);
                let (Node::Text(module), Node::Text(name)) = (self.nodes.get(module), self.nodes.get(name))
                else {
                    return Err("a name to load is not a text".into());
                };
                let (module, name) = (module.clone(), name.clone());
                self.load(&module, &name)?;
            }
            b'R' => self.reduce()?,
            b'b' => {
                let state = self.pop()?;
                let object = self.top()?;
                let input = self.scanner.offset();
                numpy::build(&mut self.nodes, object, state, input).map_err(Fault::Refused)?;
            }
            b'i' => {
                let module = self.scanner.text_line()?;
                let name = self.scanner.text_line()?;
                return Err(asks(&module, &name));
            }
            b'o' | 0x81 | 0x92 => {
                return Err(Fault::Refused("this pickle makes an object of a class".into()));
            }
            b'P' | b'Q' => return Err(Fault::Refused("this pickle refers to objects outside it".into())),
            0x82..=0x84 => {
                return Err(Fault::Refused("this pickle names a class by an extension code".into()));
            }
            0x8f..=0x91 => return Err(Fault::Refused("this pickle holds a set".into())),
            0x97 => return Err(Fault::Refused("this pickle keeps its arrays outside the file".into())),
            // What a buffer may be changed into: nothing to do for a reader.
            0x98 => {}
            // Protocol and frames: no content.
            0x80 => match self.scanner.byte()? {
                0..=5 => {}
                version => return Err(format!("pickle protocol {version}; 0 to 5 are known").into()),
            },
            0x95 => {
                self.scanner.unsigned(8)?;
            }
            opcode => {
                let node = self.scalar(opcode)?;
                self.push(node)?;
            }
        }
        Ok(None)
    }

    /// Opcodes that push one plain value.
    fn scalar(&mut self, opcode: u8) -> Result<Node, Fault> {
        let s = &mut self.scanner;
        Ok(match opcode {
            b'N' => Node::None,
            0x88 => Node::Bool(true),
            0x89 => Node::Bool(false),
            b'I' => match s.line()?.as_slice() {
                b"00" => Node::Bool(false),
                b"01" => Node::Bool(true),
                line => Node::Int(parse_number(line)?),
            },
            b'L' => {
                let line = s.line()?;
                Node::Int(parse_number(line.strip_suffix(b"L").unwrap_or(&line))?)
            }
            b'J' => Node::Int(i64::from(s.unsigned(4)? as u32 as i32)),
            b'K' => Node::Int(s.unsigned(1)? as i64),
            b'M' => Node::Int(s.unsigned(2)? as i64),
            0x8a => Node::Int(scan::long(&s.counted(1)?)?),
            0x8b => Node::Int(scan::long(&s.counted(4)?)?),
            b'F' => Node::Float(s.number_line()?),
            b'G' => Node::Float(f64::from_bits((s.unsigned(8)?).swap_bytes())),
            b'S' => Node::OldString(scan::unquoted(&s.line()?)?),
            b'T' => Node::OldString(s.counted(4)?),
            b'U' => Node::OldString(s.counted(1)?),
            b'B' => Node::Bytes(s.counted(4)?),
            b'C' => Node::Bytes(s.counted(1)?),
            0x8e | 0x96 => Node::Bytes(s.counted(8)?),
            b'V' => Node::Text(scan::raw_unicode(&s.line()?)?),
            b'X' => Node::Text(s.counted_text(4)?),
            0x8c => Node::Text(s.counted_text(1)?),
            0x8d => Node::Text(s.counted_text(8)?),
            other => return Err(format!("no pickle opcode is {other:#04x}").into()),
        })
    }

    fn push(&mut self, node: Node) -> Result<(), Fault> {
        let id = self.nodes.add(node).map_err(Fault::Refused)?;
        self.stack.push(id);
        Ok(())
    }

    fn pop(&mut self) -> Result<Id, Fault> {
        let top = self.top()?;
        self.stack.pop();
        Ok(top)
    }

    /// The object on top, above the last mark.
    fn top(&self) -> Result<Id, Fault> {
        let floor = self.marks.last().copied().unwrap_or(0);
        match self.stack.last() {
            Some(&id) if self.stack.len() > floor => Ok(id),
            _ => Err("an object is missing on the stack".into()),
        }
    }

    fn pop_mark(&mut self) -> Result<Vec<Id>, Fault> {
        let mark = self.marks.pop().ok_or("a mark is missing on the stack")?;
        Ok(self.stack.split_off(mark))
    }

    fn tuple(&mut self, count: usize) -> Result<(), Fault> {
        let mut items = Vec::with_capacity(count);
        for _ in 0..count {
            items.push(self.pop()?);
        }
        items.reverse();
        self.push(Node::Tuple(items))
    }

    fn append(&mut self, mut items: Vec<Id>) -> Result<(), Fault> {
        let list = self.top()?;
        match self.nodes.get_mut(list) {
            Node::List(list) => list.append(&mut items),
            _ => return Err("items are appended to what is no list".into()),
        }
        Ok(())
    }

    fn set_items(&mut self, items: Vec<Id>) -> Result<(), Fault> {
        let (pairs, odd) = items.as_chunks::<2>();
        if !odd.is_empty() {
            return Err("a key without an item".into());
        }
        let dict = self.top()?;
        match self.nodes.get_mut(dict) {
            Node::Dict(entries) => entries.extend(pairs.iter().map(|&[key, item]| (key, item))),
            _ => return Err("items are set in what is no dict".into()),
        }
        Ok(())
    }

    fn put(&mut self, width: usize) -> Result<(), Fault> {
        let key = self.scanner.unsigned(width)?;
        self.memo.insert(key, self.top()?);
        Ok(())
    }

    fn get(&mut self, width: usize) -> Result<(), Fault> {
        let key = self.scanner.unsigned(width)?;
        self.fetch(key)
    }

    fn fetch(&mut self, key: u64) -> Result<(), Fault> {
        let id =
            *self.memo.get(&key).ok_or_else(|| format!("object {key} is fetched before it is stored"))?;
        self.stack.push(id);
        Ok(())
    }

    fn load(&mut self, module: &str, name: &str) -> Result<(), Fault> {
        let constructor = Constructor::find(module, name).ok_or_else(|| asks(module, name))?;
        self.push(Node::Constructor(constructor))
    }

    fn reduce(&mut self) -> Result<(), Fault> {
        let (args, called) = (self.pop()?, self.pop()?);
        let (Node::Constructor(constructor), Node::Tuple(args)) =
            (self.nodes.get(called), self.nodes.get(args))
        else {
            return Err("a call of what cannot be called".into());
        };
        let (constructor, args) = (*constructor, args.clone());
        let node = constructor.call(&mut self.nodes, &args).map_err(Fault::Refused)?;
        self.nodes.count_made(&node, self.scanner.offset()).map_err(Fault::Refused)?;
        self.push(node)
    }
}

fn asks(module: &str, name: &str) -> Fault {
    // The names come from the file: neither their length nor their characters can be trusted.
    let shown = |text: &str| text.chars().take(80).flat_map(char::escape_debug).collect::<String>();
    Fault::Refused(format!("this pickle asks Python to load `{}.{}`", shown(module), shown(name)))
}

fn parse_number(line: &[u8]) -> Result<i64, Fault> {
    let number = std::str::from_utf8(line).ok().and_then(|line| line.trim().parse().ok());
    number.ok_or_else(|| {
        format!("`{:.40}` is not a whole number of 64 bits", line.escape_ascii().to_string()).into()
    })
}
