//! The objects that a pickle builds, in one flat table.
//!
//! Containers hold indices, so objects may be shared, changed after they were shared, and even
//! contain themselves, and dropping the table never recurses. Only at the end a bounded tree of
//! [`Value`]s is made of it.

use std::cell::Cell;
use std::sync::Arc;

use crate::data::pickle::numpy::{Constructor, TypeBuilder};
use crate::data::{Array, Value};

/// Deeper nesting than this no data file has; the limit keeps recursion within the stack.
const MAX_DEPTH: usize = 64;

/// Memory that objects which occur more than once may take by being copied.
const MAX_COPIED: usize = 256 << 20;

/// More objects than this would not fit the memory.
const MAX_NODES: usize = 64 << 20;

/// An object's index.
pub type Id = u32;

/// An object, possibly still being built.
#[derive(Debug)]
pub enum Node {
    None,
    Bool(bool),
    Int(i64),
    Float(f64),
    Text(String),
    Bytes(Vec<u8>),
    /// A Python 2 string: text or bytes, nobody knows.
    OldString(Vec<u8>),
    List(Vec<Id>),
    Tuple(Vec<Id>),
    Dict(Vec<(Id, Id)>),
    Constructor(Constructor),
    Type(Box<TypeBuilder>),
    /// An array that still lacks its contents.
    EmptyArray,
    Array(Arc<Array>),
    /// Bytes or a text that have become an array or bytes, not copied.
    Moved,
    /// Already moved into the result.
    Taken,
}

/// The table.
///
/// The bytes of an array stand before it in the pickle as an object of their own, which nothing but the array uses;
/// it takes them over, and the data is in memory once. If something does use them again, [`Nodes::missed`] tells,
/// and the pickle is read anew with copies.
#[derive(Debug, Default)]
pub struct Nodes {
    all: Vec<Node>,
    /// Whether bytes stay where they are when an array is made of them.
    copies: bool,
    /// Whether arrays of float64 become float32.
    pub narrow: bool,
    missed: Cell<bool>,
    uses: Vec<u32>,
    copied: usize,
    made: usize,
}

impl Nodes {
    /// An empty table.
    pub fn new(narrow: bool, copies: bool) -> Nodes {
        Nodes { narrow, copies, ..Nodes::default() }
    }

    /// Whether something was asked for that has been moved.
    pub fn missed(&self) -> bool {
        self.missed.get()
    }

    /// The bytes of an object, moved out unless this table makes copies.
    pub fn take_bytes(&mut self, id: Id) -> Option<Vec<u8>> {
        self.take(id, |node| match node {
            Node::Bytes(bytes) | Node::OldString(bytes) => Some(bytes),
            _ => None,
        })
    }

    /// The characters of a text, moved likewise.
    pub fn take_text(&mut self, id: Id) -> Option<String> {
        self.take(id, |node| match node {
            Node::Text(text) => Some(text),
            _ => None,
        })
    }

    fn take<T: Clone + Default>(&mut self, id: Id, of: impl Fn(&mut Node) -> Option<&mut T>) -> Option<T> {
        // Looked at first, lest it has been moved.
        self.get(id);
        let copies = self.copies;
        let node = self.get_mut(id);
        let content = of(node)?;
        if copies {
            return Some(content.clone());
        }
        let content = std::mem::take(content);
        *node = Node::Moved;
        Some(content)
    }

    /// Adds an object.
    pub fn add(&mut self, node: Node) -> Result<Id, String> {
        if self.all.len() >= MAX_NODES {
            return Err(format!("the pickle holds more than {MAX_NODES} objects"));
        }
        self.all.push(node);
        Ok((self.all.len() - 1) as Id)
    }

    /// Counts the bytes of an array or text that a call made. The same input bytes may be used by many
    /// calls, so what they make is bounded: more than the whole input is not data but an attack.
    pub fn count_made(&mut self, node: &Node, input: usize) -> Result<(), String> {
        self.made += match node {
            Node::Array(array) => array.byte_len(),
            Node::Bytes(bytes) => bytes.len(),
            _ => 0,
        };
        if self.made > input + MAX_COPIED {
            return Err("arrays made again and again of the same bytes would fill the memory".into());
        }
        Ok(())
    }

    /// The object; indices come from [`Nodes::add`] alone.
    pub fn get(&self, id: Id) -> &Node {
        let node = &self.all[id as usize];
        if matches!(node, Node::Moved) {
            self.missed.set(true);
        }
        node
    }

    /// The same, to be changed.
    pub fn get_mut(&mut self, id: Id) -> &mut Node {
        &mut self.all[id as usize]
    }

    /// The tree of values below `root`, moved out of the table.
    pub fn take_value(&mut self, root: Id) -> Result<Value, String> {
        // What occurs once is moved, not copied: the data sets are arrays of many megabytes.
        self.uses = vec![0; self.all.len()];
        for node in &self.all {
            let mut count = |id: &Id| self.uses[*id as usize] = self.uses[*id as usize].saturating_add(1);
            match node {
                Node::List(items) | Node::Tuple(items) => items.iter().for_each(&mut count),
                Node::Dict(entries) => entries.iter().for_each(|(key, item)| {
                    count(key);
                    count(item);
                }),
                _ => {}
            }
        }
        self.value(root, 0, false)
    }

    fn value(&mut self, id: Id, depth: usize, shared: bool) -> Result<Value, String> {
        if depth > MAX_DEPTH {
            return Err(format!("containers are nested more than {MAX_DEPTH} deep, or contain themselves"));
        }
        // What is below a shared container is reached as often as that.
        let shared = shared || self.uses[id as usize] > 1;
        if shared {
            self.copied += self.size(id);
            if self.copied > MAX_COPIED {
                return Err("objects that occur many times would fill the memory".into());
            }
        }
        let taken = match &mut self.all[id as usize] {
            Node::None => return Ok(Value::None),
            Node::Bool(b) => return Ok(Value::Bool(*b)),
            Node::Int(n) => return Ok(Value::Int(*n)),
            Node::Float(x) => return Ok(Value::Float(*x)),
            Node::List(items) if shared => Node::List(items.clone()),
            Node::Tuple(items) if shared => Node::Tuple(items.clone()),
            Node::Dict(entries) if shared => Node::Dict(entries.clone()),
            Node::Text(text) if shared => Node::Text(text.clone()),
            Node::Bytes(bytes) if shared => Node::Bytes(bytes.clone()),
            Node::OldString(bytes) if shared => Node::OldString(bytes.clone()),
            Node::Array(array) if shared => Node::Array(Arc::clone(array)),
            node => std::mem::replace(node, Node::Taken),
        };
        Ok(match taken {
            Node::Text(text) => Value::Text(text),
            Node::Bytes(bytes) => Value::Bytes(bytes),
            Node::OldString(bytes) if bytes.is_ascii() => {
                Value::Text(String::from_utf8_lossy(&bytes).into_owned())
            }
            Node::OldString(bytes) => Value::Bytes(bytes),
            Node::Array(array) => Value::Array(array),
            Node::List(items) => Value::List(self.values(items, depth, shared)?),
            Node::Tuple(items) => Value::Tuple(self.values(items, depth, shared)?),
            Node::Dict(entries) => {
                let mut out = Vec::with_capacity(entries.len());
                for (key, item) in entries {
                    out.push((self.value(key, depth + 1, shared)?, self.value(item, depth + 1, shared)?));
                }
                Value::Dict(out)
            }
            Node::EmptyArray => return Err("an array is made but never filled".into()),
            Node::Constructor(constructor) => {
                return Err(format!("`{}` itself is no data", constructor.name()));
            }
            Node::Type(_) => return Err("a dtype by itself is no data".into()),
            // Moved although it occurs once: the container that held it is the root of itself.
            Node::Taken => return Err("a container contains itself".into()),
            Node::Moved => {
                self.missed.set(true);
                return Err("bytes are used again".into());
            }
            Node::None | Node::Bool(_) | Node::Int(_) | Node::Float(_) => Value::None,
        })
    }

    fn values(&mut self, ids: Vec<Id>, depth: usize, shared: bool) -> Result<Vec<Value>, String> {
        ids.into_iter().map(|id| self.value(id, depth + 1, shared)).collect()
    }

    /// About how much memory a copy of the object by itself takes.
    fn size(&self, id: Id) -> usize {
        size_of::<Value>()
            + match self.get(id) {
                Node::Text(text) => text.len(),
                Node::Bytes(bytes) | Node::OldString(bytes) => bytes.len(),
                Node::List(items) | Node::Tuple(items) => items.len() * size_of::<Value>(),
                Node::Dict(entries) => entries.len() * 2 * size_of::<Value>(),
                Node::Array(array) => array.byte_len(),
                _ => 0,
            }
    }
}
