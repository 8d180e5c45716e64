//! The constructors that a pickle may name, and what NumPy builds with them.

use std::borrow::Cow;
use std::sync::Arc;

use crate::data::numbers::Form;
use crate::data::pickle::nodes::{Id, Node, Nodes};
use crate::data::{Array, Dtype, Elements};

/// A name that a pickle may load.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Constructor {
    /// An array to be filled by a state.
    Reconstruct,
    /// An array of a buffer (protocol 5).
    FromBuffer,
    /// A single number.
    Scalar,
    /// Names the class for `_reconstruct`.
    NdArray,
    /// An element type.
    Dtype,
    /// Bytes, as protocol 2 of Python 3 writes them.
    Encode,
}

/// An element type as far as the pickle has told it.
#[derive(Clone, Debug)]
pub struct TypeBuilder {
    letters: String,
    big_endian: bool,
}

impl Constructor {
    /// The constructor of this module and name, if it is allowed.
    pub fn find(module: &str, name: &str) -> Option<Constructor> {
        let core = module.strip_prefix("numpy.core.").or_else(|| module.strip_prefix("numpy._core."));
        match (core, module, name) {
            (Some("multiarray"), _, "_reconstruct") => Some(Constructor::Reconstruct),
            (Some("multiarray"), _, "scalar") => Some(Constructor::Scalar),
            (Some("numeric"), _, "_frombuffer") => Some(Constructor::FromBuffer),
            (None, "numpy", "ndarray") => Some(Constructor::NdArray),
            (None, "numpy", "dtype") => Some(Constructor::Dtype),
            (None, "_codecs", "encode") => Some(Constructor::Encode),
            _ => None,
        }
    }

    /// The name for messages.
    pub fn name(self) -> &'static str {
        match self {
            Constructor::Reconstruct => "_reconstruct",
            Constructor::FromBuffer => "_frombuffer",
            Constructor::Scalar => "scalar",
            Constructor::NdArray => "numpy.ndarray",
            Constructor::Dtype => "numpy.dtype",
            Constructor::Encode => "_codecs.encode",
        }
    }

    /// What the call with these arguments builds.
    pub fn call(self, nodes: &mut Nodes, args: &[Id]) -> Result<Node, String> {
        let seen: Vec<&Node> = args.iter().map(|&id| nodes.get(id)).collect();
        match (self, seen.as_slice()) {
            (Constructor::Reconstruct, [Node::Constructor(Constructor::NdArray), _, _]) => {
                Ok(Node::EmptyArray)
            }
            (Constructor::Dtype, [letters, ..]) if args.len() <= 3 => {
                let letters = text(letters).ok_or("numpy.dtype is called without a name")?;
                if letters.len() > 16 {
                    return Err("an array of records; only plain numbers can be read".into());
                }
                let big_endian = letters.starts_with('>');
                let letters = letters.trim_start_matches(['<', '>', '=', '|']).to_string();
                Ok(Node::Type(Box::new(TypeBuilder { letters, big_endian })))
            }
            (Constructor::FromBuffer, [data, Node::Type(dtype), shape, order]) => {
                bytes(data).ok_or("the buffer of an array is not bytes")?;
                let fortran = match text(order).as_deref() {
                    Some("C") => false,
                    Some("F") => true,
                    _ => return Err("the order of an array is neither C nor F".into()),
                };
                let (shape, form) = (extents(nodes, shape)?, dtype.finish(nodes.narrow)?);
                array(nodes, shape, form, fortran, args[0])
            }
            (Constructor::Scalar, [Node::Type(dtype), data]) => {
                let data = bytes(data).ok_or("the bytes of a number are missing")?;
                let array = Array::from_bytes(Vec::new(), dtype.finish(false)?, false, data.to_vec())?;
                Ok(match array.data {
                    Elements::Bool(v) => Node::Bool(v == [true]),
                    Elements::F32(_) | Elements::F64(_) => Node::Float(array.to_f64()[0]),
                    Elements::I64(v) => Node::Int(v[0]),
                    Elements::U64(v) => Node::Int(i64::try_from(v[0]).map_err(|_| too_large(v[0]))?),
                    _ => Node::Int(array.to_f64()[0] as i64),
                })
            }
            (Constructor::Encode, [Node::Text(_), coding]) => {
                let coding = text(coding).unwrap_or_default();
                if !matches!(&*coding, "latin1" | "latin-1" | "iso-8859-1") {
                    return Err(format!("bytes in the coding `{coding}`, latin1 expected"));
                }
                let characters = nodes.take_text(args[0]).ok_or("a text is missing")?;
                Ok(Node::Bytes(latin1(characters).ok_or("a character beyond latin1 in bytes")?))
            }
            _ => Err(format!("`{}` is called with arguments it does not take", self.name())),
        }
    }
}

/// The bytes that the characters are in latin-1, in the memory of the text: none takes more there than here.
fn latin1(characters: String) -> Option<Vec<u8>> {
    let mut bytes = characters.into_bytes();
    let (mut from, mut to) = (0, 0);
    while let Some(&first) = bytes.get(from) {
        let second = bytes.get(from + 1).copied().unwrap_or(0);
        let (byte, length) = match first {
            0..=0x7f => (first, 1),
            // U+0080 to U+00FF.
            0xc2 | 0xc3 => ((first << 6) | (second & 0x3f), 2),
            _ => return None,
        };
        bytes[to] = byte;
        (from, to) = (from + length, to + 1);
    }
    bytes.truncate(to);
    bytes.shrink_to_fit();
    Some(bytes)
}

/// Gives an object its state: the contents of an array, the byte order of a dtype.
pub fn build(nodes: &mut Nodes, object: Id, state: Id, input: usize) -> Result<(), String> {
    let Node::Tuple(state) = nodes.get(state) else {
        return Err("the state of an object is not a tuple".into());
    };
    let ids = state.clone();
    let state: Vec<&Node> = ids.iter().map(|&id| nodes.get(id)).collect();
    let built = match (nodes.get(object), state.as_slice()) {
        (Node::EmptyArray, [Node::Int(_), shape, Node::Type(dtype), fortran, data]) => {
            let fortran = match fortran {
                Node::Bool(b) => *b,
                Node::Int(n) => *n != 0,
                _ => return Err("the order of an array is not a truth value".into()),
            };
            let form = dtype.finish(nodes.narrow)?;
            bytes(data).ok_or("the contents of an array are not bytes")?;
            let shape = extents(nodes, shape)?;
            array(nodes, shape, form, fortran, ids[4])?
        }
        (Node::Type(dtype), [Node::Int(_), order, subarray, names, ..]) => {
            if !matches!((subarray, names), (Node::None, Node::None)) {
                return Err("an array of records; only plain numbers can be read".into());
            }
            let big_endian = match text(order).as_deref() {
                Some("<" | "|" | "=") => false,
                Some(">") => true,
                _ => return Err("a dtype of unknown byte order".into()),
            };
            Node::Type(Box::new(TypeBuilder { big_endian, ..TypeBuilder::clone(dtype) }))
        }
        _ => return Err("a state is set that the object does not take".into()),
    };
    nodes.count_made(&built, input)?;
    *nodes.get_mut(object) = built;
    Ok(())
}

impl TypeBuilder {
    fn finish(&self, narrow: bool) -> Result<Form, String> {
        match Dtype::from_letters(&self.letters) {
            Some(dtype) => Ok(Form { dtype, big_endian: self.big_endian, narrow }),
            None => Err(format!("an array of dtype `{}`, which is not supported", self.letters)),
        }
    }
}

fn extents(nodes: &Nodes, shape: &Node) -> Result<Vec<usize>, String> {
    let Node::Tuple(extents) = shape else { return Err("the shape of an array is not a tuple".into()) };
    let mut shape = Vec::with_capacity(extents.len());
    for &id in extents {
        match nodes.get(id) {
            Node::Int(n) if *n >= 0 => shape.push(*n as usize),
            _ => return Err("an extent of an array is not a whole number from 0".into()),
        }
    }
    Ok(shape)
}

/// An array of an object's bytes, which it takes over.
fn array(nodes: &mut Nodes, shape: Vec<usize>, form: Form, fortran: bool, data: Id) -> Result<Node, String> {
    let data = nodes.take_bytes(data).ok_or("the contents of an array are not bytes")?;
    Ok(Node::Array(Arc::new(Array::from_bytes(shape, form, fortran, data)?)))
}

fn bytes(node: &Node) -> Option<&[u8]> {
    match node {
        Node::Bytes(bytes) | Node::OldString(bytes) => Some(bytes),
        _ => None,
    }
}

fn text(node: &Node) -> Option<Cow<'_, str>> {
    match node {
        Node::Text(text) => Some(Cow::Borrowed(text)),
        Node::OldString(bytes) => Some(String::from_utf8_lossy(bytes)),
        _ => None,
    }
}

fn too_large(n: u64) -> String {
    format!("the number {n} does not fit 64 bits with a sign")
}
