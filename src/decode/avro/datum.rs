//! How is one Avro datum walked without trusting a byte of it?
//!
//! Binary encoding of the Avro 1.12 specification. Every length is compared with the bytes left before it is used;
//! the number of values is bounded by the bytes plus a constant, so that values of no bytes (null, empty records)
//! cannot keep the reader busy. Depth is the visitor's matter.

use std::fmt;

use serde::de::value::{BorrowedBytesDeserializer, StrDeserializer};
use serde::de::{self, DeserializeSeed, Deserializer, IntoDeserializer, MapAccess, SeqAccess, Visitor};
use serde::forward_to_deserialize_any;

use super::schema::{Node, Scale, WriterSchema};

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

    fn byte(&mut self) -> Result<u8, Fault> {
        let Some(&byte) = self.bytes.get(self.at) else {
            self.ended = true;
            return Err(Fault::End);
        };
        self.at += 1;
        Ok(byte)
    }

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
    fn long(&mut self) -> Result<i64, Fault> {
        // Most numbers have one byte: branches, counts, lengths.
        if let Some(&byte) = self.bytes.get(self.at)
            && byte < 0x80
        {
            self.at += 1;
            return Ok(i64::from(byte >> 1) ^ -i64::from(byte & 1));
        }
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

    fn text(&mut self) -> Result<&'de str, Fault> {
        let length = self.length()?;
        std::str::from_utf8(self.take(length)?).map_err(|_| Fault::Utf8)
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
    null_is_absent: bool,
    input: &'r mut Input<'de>,
}

impl<'de, 'r> Datum<'de, 'r> {
    /// The datum at the input's place.
    pub(super) fn root(schema: &'r WriterSchema, input: &'r mut Input<'de>, null_is_absent: bool) -> Self {
        Self { schema, node: schema.root(), null_is_absent, input }
    }
}

impl<'de> Deserializer<'de> for Datum<'de, '_> {
    type Error = Fault;

    fn deserialize_any<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Fault> {
        let Self { schema, mut node, null_is_absent, input } = self;
        input.values_left = input.values_left.checked_sub(1).ok_or(Fault::TooMany)?;
        // A union may not stand directly in a union, so this is not a loop over the datum.
        if let Node::Union(variants) = schema.node(node) {
            let index = input.long()?;
            let variant = usize::try_from(index).ok().and_then(|place| variants.get(place));
            node = *variant.ok_or(Fault::Index(index))?;
        }
        match schema.node(node) {
            Node::Null => visitor.visit_unit(),
            Node::Boolean => match input.byte()? {
                0 => visitor.visit_bool(false),
                1 => visitor.visit_bool(true),
                other => Err(Fault::Boolean(other)),
            },
            Node::Int => visitor.visit_i64(input.int()?),
            Node::Long(scale) => {
                let value = input.long()?;
                visitor.visit_i64(match scale {
                    Scale::Plain => value,
                    Scale::FromMillis => value.saturating_mul(1_000),
                    Scale::FromNanos => value.div_euclid(1_000),
                })
            }
            Node::Float => visitor.visit_f64(f64::from(f32::from_le_bytes(input.array()?))),
            Node::Double => visitor.visit_f64(f64::from_le_bytes(input.array()?)),
            Node::Bytes => {
                let length = input.length()?;
                visitor.visit_borrowed_bytes(input.take(length)?)
            }
            Node::Fixed(length) => visitor.visit_borrowed_bytes(input.take(*length)?),
            Node::Text => visitor.visit_borrowed_str(input.text()?),
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
                visitor.visit_map(Fields { schema, null_is_absent, rest: fields.iter(), value: None, input })
            }
            // The schema's parser refuses it.
            Node::Union(_) => Err(Fault::Index(0)),
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
        seed.deserialize(Datum { schema: self.schema, node: self.item, null_is_absent: false, input: self.input })
            .map(Some)
    }
}

/// The entries of a map. Their names go on as bytes: a name that is known needs no check for UTF-8.
struct Entries<'de, 'r> {
    schema: &'r WriterSchema,
    value: usize,
    input: &'r mut Input<'de>,
    in_block: usize,
    done: bool,
}

impl<'de> MapAccess<'de> for Entries<'de, '_> {
    type Error = Fault;

    fn next_key_seed<K: DeserializeSeed<'de>>(&mut self, seed: K) -> Result<Option<K::Value>, Fault> {
        if self.in_block == 0 && !self.done {
            self.in_block = self.input.block(1)?;
            self.done = self.in_block == 0;
        }
        if self.done {
            return Ok(None);
        }
        self.in_block -= 1;
        let length = self.input.length()?;
        let name = BorrowedBytesDeserializer::<Fault>::new(self.input.take(length)?);
        seed.deserialize(name).map(Some)
    }

    fn next_value_seed<S: DeserializeSeed<'de>>(&mut self, seed: S) -> Result<S::Value, Fault> {
        seed.deserialize(Datum { schema: self.schema, node: self.value, null_is_absent: false, input: self.input })
    }
}

/// The fields of a record.
struct Fields<'de, 'r> {
    schema: &'r WriterSchema,
    /// Whether null is the same as absent, as in a record of the contract (not in an object of features). A null
    /// field is then passed over here: most optional fields are null.
    null_is_absent: bool,
    rest: std::slice::Iter<'r, (Box<str>, usize)>,
    value: Option<usize>,
    input: &'r mut Input<'de>,
}

impl Fields<'_, '_> {
    /// Whether the next field is a union whose first branch, null, was written.
    fn next_is_null(&self) -> bool {
        let Some((_, node)) = self.rest.as_slice().first() else { return false };
        let Node::Union(variants) = self.schema.node(*node) else { return false };
        let null_first = variants.first().is_some_and(|&first| matches!(self.schema.node(first), Node::Null));
        null_first && self.input.bytes.get(self.input.at) == Some(&0)
    }
}

impl<'de> MapAccess<'de> for Fields<'de, '_> {
    type Error = Fault;

    fn next_key_seed<K: DeserializeSeed<'de>>(&mut self, seed: K) -> Result<Option<K::Value>, Fault> {
        while self.null_is_absent && self.next_is_null() {
            self.input.at += 1;
            self.rest.next();
        }
        let Some((name, node)) = self.rest.next() else { return Ok(None) };
        self.value = Some(*node);
        let name: StrDeserializer<'_, Fault> = (&**name).into_deserializer();
        seed.deserialize(name).map(Some)
    }

    fn next_value_seed<S: DeserializeSeed<'de>>(&mut self, seed: S) -> Result<S::Value, Fault> {
        let node = self.value.take().expect("serde asks for a value only after its key");
        seed.deserialize(Datum { schema: self.schema, node, null_is_absent: false, input: self.input })
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
