//! How is one Avro datum walked without trusting a byte of it?
//!
//! Binary encoding of the Avro 1.12 specification. Every length is compared with the bytes left before it is used;
//! the number of values is bounded by the bytes plus a constant, so that values of no bytes (null, empty records)
//! cannot keep the reader busy. Depth is the visitor's matter.

#![expect(
    clippy::inline_always,
    reason = "a value of a few bytes is read by a few of these; as calls that hand results over in memory they cost twice as much"
)]

use std::fmt;

use serde::de::value::{BorrowedBytesDeserializer, StrDeserializer};
use serde::de::{self, DeserializeSeed, Deserializer, IntoDeserializer, MapAccess, SeqAccess, Visitor};
use serde::forward_to_deserialize_any;

use super::super::scalar::Scalar;
use super::schema::{NamedNode, Node, Scale, WriterSchema};

/// Values that a datum may have beyond one a byte: the fields of a wide record that are all null.
const SPARE_VALUES: usize = 4_096;

/// Why a datum's bytes cannot be read.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Fault {
    /// The bytes end inside the datum.
    End,
    /// A length or a count above the bytes left, or below zero.
    Length(i64),
    /// More values than the datum could need.
    TooMany,
    /// An integer of more than 64 (or, for `int`, 32) bits.
    Integer,
    /// A boolean that is neither 0 nor 1.
    Boolean(u8),
    /// A union or enum index that the schema does not have.
    Index(i64),
    /// Text that is not UTF-8.
    Utf8,
    /// The visitor refused.
    Refused(String),
}

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::End => f.write_str("the datum is truncated"),
            Self::Length(length) => write!(f, "a length of {length} is more than the bytes left, or below zero,"),
            Self::TooMany => f.write_str("more values than bytes"),
            Self::Integer => f.write_str("an integer is too large for its type"),
            Self::Boolean(byte) => write!(f, "a boolean is {byte}, neither 0 nor 1,"),
            Self::Index(index) => write!(f, "the schema has no branch or symbol {index}"),
            Self::Utf8 => f.write_str("text is not UTF-8"),
            Self::Refused(text) => f.write_str(text),
        }
    }
}

impl std::error::Error for Fault {}

impl de::Error for Fault {
    fn custom<T: fmt::Display>(message: T) -> Self {
        Self::Refused(message.to_string())
    }
}

/// The bytes being walked.
pub(super) struct Input<'de> {
    bytes: &'de [u8],
    at: usize,
    values_left: usize,
    ended: bool,
}

impl<'de> Input<'de> {
    pub(super) const fn new(bytes: &'de [u8]) -> Self {
        Self { bytes, at: 0, values_left: bytes.len() + SPARE_VALUES, ended: false }
    }

    pub(super) const fn at(&self) -> usize {
        self.at
    }

    pub(super) const fn left(&self) -> usize {
        self.bytes.len() - self.at
    }

    /// Whether the bytes ended, or a length went beyond them.
    pub(super) const fn ended(&self) -> bool {
        self.ended
    }

    #[inline(always)]
    fn byte(&mut self) -> Result<u8, Fault> {
        let Some(&byte) = self.bytes.get(self.at) else {
            self.ended = true;
            return Err(Fault::End);
        };
        self.at += 1;
        Ok(byte)
    }

    #[inline(always)]
    fn take(&mut self, length: usize) -> Result<&'de [u8], Fault> {
        if length > self.left() {
            self.ended = true;
            return Err(Fault::End);
        }
        let taken = &self.bytes[self.at..self.at + length];
        self.at += length;
        Ok(taken)
    }

    fn array<const N: usize>(&mut self) -> Result<[u8; N], Fault> {
        let mut array = [0; N];
        array.copy_from_slice(self.take(N)?);
        Ok(array)
    }

    /// A zigzag integer of up to 64 bits.
    #[inline(always)]
    fn long(&mut self) -> Result<i64, Fault> {
        // Most numbers have one byte: branches, counts, lengths.
        if let Some(&byte) = self.bytes.get(self.at)
            && byte < 0x80
        {
            self.at += 1;
            return Ok(i64::from(byte >> 1) ^ -i64::from(byte & 1));
        }
        self.long_long()
    }

    fn long_long(&mut self) -> Result<i64, Fault> {
        let mut raw = 0_u64;
        for shift in (0..64).step_by(7) {
            let byte = self.byte()?;
            let part = u64::from(byte & 0x7f);
            if shift == 63 && part > 1 {
                return Err(Fault::Integer);
            }
            raw |= part << shift;
            if byte & 0x80 == 0 {
                return Ok((raw >> 1) as i64 ^ -((raw & 1) as i64));
            }
        }
        Err(Fault::Integer)
    }

    fn int(&mut self) -> Result<i64, Fault> {
        let value = self.long()?;
        i32::try_from(value).map(i64::from).map_err(|_| Fault::Integer)
    }

    /// A length, at most the bytes left.
    #[inline(always)]
    fn length(&mut self) -> Result<usize, Fault> {
        let length = self.long()?;
        match usize::try_from(length) {
            Ok(length) if length <= self.left() => Ok(length),
            Ok(_) => {
                self.ended = true;
                Err(Fault::Length(length))
            }
            Err(_) => Err(Fault::Length(length)),
        }
    }

    /// Bytes with their length before them.
    #[inline(always)]
    fn sized(&mut self) -> Result<&'de [u8], Fault> {
        let length = self.length()?;
        self.take(length)
    }

    /// A single value of a node that is one: null, a truth value, a number, a text. `None` for any other node, of which
    /// nothing is read.
    #[inline(always)]
    fn scalar(&mut self, node: &Node) -> Result<Option<Scalar<'de>>, Fault> {
        Ok(Some(match node {
            Node::Null => Scalar::Null,
            Node::Boolean => match self.byte()? {
                0 => Scalar::Bool(false),
                1 => Scalar::Bool(true),
                other => return Err(Fault::Boolean(other)),
            },
            Node::Int => Scalar::Int(self.int()?),
            Node::Long(scale) => {
                let value = self.long()?;
                Scalar::Int(match scale {
                    Scale::Plain => value,
                    Scale::FromMillis => value.saturating_mul(1_000),
                    Scale::FromNanos => value.div_euclid(1_000),
                })
            }
            Node::Float => Scalar::Float(f64::from(f32::from_le_bytes(self.array()?))),
            Node::Double => Scalar::Float(f64::from_le_bytes(self.array()?)),
            Node::Text => Scalar::Text(std::str::from_utf8(self.sized()?).map_err(|_| Fault::Utf8)?),
            _ => return Ok(None),
        }))
    }

    /// The node of the value that follows: that of the branch that was written, where `node` is a union.
    #[inline(always)]
    fn branch(&mut self, schema: &WriterSchema, node: usize) -> Result<usize, Fault> {
        let Node::Union(variants) = schema.node(node) else { return Ok(node) };
        let index = self.long()?;
        let variant = usize::try_from(index).ok().and_then(|place| variants.get(place));
        variant.copied().ok_or(Fault::Index(index))
    }

    /// The value of a node, if it is a single one; else nothing is read.
    #[inline(always)]
    fn scalar_at(&mut self, schema: &WriterSchema, node: usize) -> Result<Option<Scalar<'de>>, Fault> {
        let start = self.at;
        let node = self.branch(schema, node)?;
        let scalar = self.scalar(schema.node(node))?;
        match scalar {
            Some(_) => self.count()?,
            None => self.at = start,
        }
        Ok(scalar)
    }

    /// Counts a value.
    #[inline]
    fn count(&mut self) -> Result<(), Fault> {
        self.values_left = self.values_left.checked_sub(1).ok_or(Fault::TooMany)?;
        Ok(())
    }

    /// How many items the next block of a list or a map has; 0 at its end. Each takes at least `item_bytes`.
    fn block(&mut self, item_bytes: usize) -> Result<usize, Fault> {
        let count = self.long()?;
        if count < 0 {
            // A negative count says that the block's size in bytes follows.
            self.length()?;
        }
        let items = usize::try_from(count.unsigned_abs()).map_err(|_| Fault::Length(count))?;
        if items.saturating_mul(item_bytes) > self.left() {
            self.ended = true;
            return Err(Fault::Length(count));
        }
        if items > self.values_left {
            return Err(Fault::TooMany);
        }
        Ok(items)
    }
}

/// One value of the datum, about to be read.
pub(super) struct Datum<'de, 'r> {
    schema: &'r WriterSchema,
    node: usize,
    input: &'r mut Input<'de>,
}

impl<'de, 'r> Datum<'de, 'r> {
    /// The datum at the input's place.
    pub(super) const fn root(schema: &'r WriterSchema, input: &'r mut Input<'de>) -> Self {
        Self { schema, node: schema.root(), input }
    }
}

impl<'de> Deserializer<'de> for Datum<'de, '_> {
    type Error = Fault;

    fn deserialize_any<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Fault> {
        let Self { schema, node, input } = self;
        input.count()?;
        // A union may not stand directly in a union, so this is not a loop over the datum.
        let node = schema.node(input.branch(schema, node)?);
        if let Some(scalar) = input.scalar(node)? {
            return match scalar {
                Scalar::Null => visitor.visit_unit(),
                Scalar::Bool(value) => visitor.visit_bool(value),
                Scalar::Int(value) => visitor.visit_i64(value),
                Scalar::Float(value) => visitor.visit_f64(value),
                Scalar::Text(text) => visitor.visit_borrowed_str(text),
            };
        }
        match node {
            Node::Bytes => visitor.visit_borrowed_bytes(input.sized()?),
            Node::Fixed(length) => visitor.visit_borrowed_bytes(input.take(*length)?),
            Node::Uuid(prefixed) => {
                if *prefixed && input.length()? != 16 {
                    return Err(Fault::Length(16));
                }
                visitor.visit_str(uuid_text(input.array()?, &mut [0; 36]))
            }
            Node::Enum(symbols) => {
                let index = input.int()?;
                let symbol = usize::try_from(index).ok().and_then(|place| symbols.get(place));
                visitor.visit_str(symbol.ok_or(Fault::Index(index))?)
            }
            Node::Array(item) => visitor.visit_seq(Items { schema, item: *item, input, in_block: 0, done: false }),
            Node::Map(value) => visitor.visit_map(Entries { schema, value: *value, input, in_block: 0, done: false }),
            Node::Record(fields) => {
                visitor.visit_map(Fields { schema, null_is_absent: false, rest: fields.iter(), value: 0, input })
            }
            // The schema's parser refuses a union in a union; the others are read above.
            _ => Err(Fault::Index(0)),
        }
    }

    forward_to_deserialize_any! {
        bool i8 i16 i32 i64 i128 u8 u16 u32 u64 u128 f32 f64 char str string bytes byte_buf option unit unit_struct
        newtype_struct seq tuple tuple_struct map struct enum identifier ignored_any
    }
}

/// The items of an array.
struct Items<'de, 'r> {
    schema: &'r WriterSchema,
    item: usize,
    input: &'r mut Input<'de>,
    in_block: usize,
    done: bool,
}

impl<'de> SeqAccess<'de> for Items<'de, '_> {
    type Error = Fault;

    fn next_element_seed<T: DeserializeSeed<'de>>(&mut self, seed: T) -> Result<Option<T::Value>, Fault> {
        if self.in_block == 0 && !self.done {
            self.in_block = self.input.block(0)?;
            self.done = self.in_block == 0;
        }
        if self.done {
            return Ok(None);
        }
        self.in_block -= 1;
        seed.deserialize(Datum { schema: self.schema, node: self.item, input: self.input }).map(Some)
    }
}

/// The entries of a map. Their names go on as bytes: a name that is known needs no check for UTF-8.
pub(super) struct Entries<'de, 'r> {
    schema: &'r WriterSchema,
    value: usize,
    input: &'r mut Input<'de>,
    in_block: usize,
    done: bool,
}

impl<'de> Entries<'de, '_> {
    /// The name of the next entry.
    #[inline(always)]
    pub(super) fn next(&mut self) -> Result<Option<&'de [u8]>, Fault> {
        if self.in_block == 0 {
            if !self.done {
                self.in_block = self.input.block(1)?;
                self.done = self.in_block == 0;
            }
            if self.done {
                return Ok(None);
            }
        }
        self.in_block -= 1;
        self.input.sized().map(Some)
    }

    /// The value of the entry, if it is a single one; else nothing is read.
    #[inline(always)]
    pub(super) fn scalar(&mut self) -> Result<Option<Scalar<'de>>, Fault> {
        self.input.scalar_at(self.schema, self.value)
    }
}

impl<'de> MapAccess<'de> for Entries<'de, '_> {
    type Error = Fault;

    fn next_key_seed<K: DeserializeSeed<'de>>(&mut self, seed: K) -> Result<Option<K::Value>, Fault> {
        let Some(name) = self.next()? else { return Ok(None) };
        seed.deserialize(BorrowedBytesDeserializer::<Fault>::new(name)).map(Some)
    }

    fn next_value_seed<S: DeserializeSeed<'de>>(&mut self, seed: S) -> Result<S::Value, Fault> {
        seed.deserialize(Datum { schema: self.schema, node: self.value, input: self.input })
    }
}

/// The fields of a record.
pub(super) struct Fields<'de, 'r> {
    schema: &'r WriterSchema,
    /// Whether null is the same as absent, as in a record of the contract (not in an object of features). A null
    /// field is then passed over here: most optional fields are null.
    null_is_absent: bool,
    rest: std::slice::Iter<'r, NamedNode>,
    /// The node of the field that was named last.
    value: usize,
    input: &'r mut Input<'de>,
}

impl<'de, 'r> Fields<'de, 'r> {
    /// The fields of a record of the contract that stands at the input's place.
    pub(super) fn of_record(schema: &'r WriterSchema, input: &'r mut Input<'de>) -> Result<Self, Fault> {
        input.count()?;
        // The schema's parser refuses any other root.
        let Node::Record(fields) = schema.node(schema.root()) else { return Err(Fault::Index(0)) };
        Ok(Self { schema, null_is_absent: true, rest: fields.iter(), value: 0, input })
    }

    /// Whether the field is a union whose first branch, null, was written.
    fn is_null(&self, node: usize) -> bool {
        let Node::Union(variants) = self.schema.node(node) else { return false };
        let null_first = variants.first().is_some_and(|&first| matches!(self.schema.node(first), Node::Null));
        null_first && self.input.bytes.get(self.input.at) == Some(&0)
    }

    /// The next field.
    pub(super) fn next(&mut self) -> Option<&'r NamedNode> {
        while let Some(field) = self.rest.next() {
            if self.null_is_absent && self.is_null(field.node) {
                self.input.at += 1;
                continue;
            }
            self.value = field.node;
            return Some(field);
        }
        None
    }

    /// The value of the field, if it is a single one; else nothing is read.
    pub(super) fn scalar(&mut self) -> Result<Option<Scalar<'de>>, Fault> {
        self.input.scalar_at(self.schema, self.value)
    }

    /// The entries of the field, if it is a map; else nothing is read.
    pub(super) fn entries(&mut self) -> Result<Option<Entries<'de, '_>>, Fault> {
        let start = self.input.at;
        let node = self.input.branch(self.schema, self.value)?;
        let &Node::Map(value) = self.schema.node(node) else {
            self.input.at = start;
            return Ok(None);
        };
        self.input.count()?;
        Ok(Some(Entries { schema: self.schema, value, input: self.input, in_block: 0, done: false }))
    }
}

impl<'de> MapAccess<'de> for Fields<'de, '_> {
    type Error = Fault;

    fn next_key_seed<K: DeserializeSeed<'de>>(&mut self, seed: K) -> Result<Option<K::Value>, Fault> {
        let Some(field) = self.next() else { return Ok(None) };
        let name: StrDeserializer<'_, Fault> = (&*field.name).into_deserializer();
        seed.deserialize(name).map(Some)
    }

    fn next_value_seed<S: DeserializeSeed<'de>>(&mut self, seed: S) -> Result<S::Value, Fault> {
        seed.deserialize(Datum { schema: self.schema, node: self.value, input: self.input })
    }
}

/// The usual text of a UUID: 8-4-4-4-12 lower-case hex digits.
fn uuid_text(bytes: [u8; 16], into: &mut [u8; 36]) -> &str {
    const HEX: &[u8; 16] = b"0123456789abcdef";
    let mut at = 0;
    for (number, byte) in bytes.into_iter().enumerate() {
        if matches!(number, 4 | 6 | 8 | 10) {
            into[at] = b'-';
            at += 1;
        }
        into[at] = HEX[usize::from(byte >> 4)];
        into[at + 1] = HEX[usize::from(byte & 15)];
        at += 2;
    }
    std::str::from_utf8(into).expect("hex digits are UTF-8")
}
