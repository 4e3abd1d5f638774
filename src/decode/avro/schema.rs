//! Which schema wrote a datum, in a form that is quick to walk?
//!
//! A parsed schema is a tree with references by name. Here it becomes a list of nodes that refer to each other by
//! number, so that walking a datum looks up no name.

use std::collections::BTreeMap;
use std::sync::Arc;

use apache_avro::Schema;
use apache_avro::rabin::Rabin;
use apache_avro::schema::{InnerDecimalSchema, NamespaceRef, UuidSchema};

use super::super::field::Field;
use super::super::scalar::shorten;

/// A schema that cannot be used to read records.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum SchemaError {
    /// Not an Avro schema.
    #[error("not an Avro schema: {0}")]
    Invalid(String),
    /// A schema of something else than a record.
    #[error("the schema describes {0}; accepted: a record")]
    NotARecord(String),
    /// A reference to a type that is not there.
    #[error("the schema names the type '{0}' and does not define it")]
    UnknownType(String),
}

/// How the integers of a logical type become microseconds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Scale {
    Plain,
    FromMillis,
    FromNanos,
}

#[derive(Clone, Debug)]
pub(super) enum Node {
    Null,
    Boolean,
    Int,
    Long(Scale),
    Float,
    Double,
    Bytes,
    Text,
    /// A UUID of 16 bytes; `true` if a length stands before them.
    Uuid(bool),
    Fixed(usize),
    Enum(Box<[Box<str>]>),
    Array(usize),
    Map(usize),
    Union(Box<[usize]>),
    Record(Box<[NamedNode]>),
}

/// A field of a record.
#[derive(Clone, Debug)]
pub(super) struct NamedNode {
    pub(super) name: Box<str>,
    /// The field of that name in our own records, of whatever kind.
    pub(super) field: Field,
    pub(super) node: usize,
}

/// The schema that a datum was written with.
#[derive(Clone, Debug)]
pub struct WriterSchema {
    nodes: Vec<Node>,
    root: usize,
    fingerprint: [u8; 8],
    name: String,
}

impl WriterSchema {
    /// Reads a schema from its JSON text.
    pub fn parse(json: &str) -> Result<Self, SchemaError> {
        let schema = Schema::parse_str(json).map_err(|error| SchemaError::Invalid(error.to_string()))?;
        let Schema::Record(record) = &schema else {
            return Err(SchemaError::NotARecord(shorten(&schema.canonical_form())));
        };
        let name = record.name.fullname(None);
        let mut compiler = Compiler { nodes: Vec::new(), named: BTreeMap::new() };
        let root = compiler.node(&schema, None)?;
        let mut fingerprint = [0; 8];
        fingerprint.copy_from_slice(&schema.fingerprint::<Rabin>().bytes);
        Ok(Self { nodes: compiler.nodes, root, fingerprint, name })
    }

    /// The full name of the record.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// The CRC-64-AVRO fingerprint as it stands in single-object encoding (little endian).
    pub const fn fingerprint(&self) -> [u8; 8] {
        self.fingerprint
    }

    pub(super) fn node(&self, number: usize) -> &Node {
        &self.nodes[number]
    }

    pub(super) const fn root(&self) -> usize {
        self.root
    }
}

/// Writer schemas by fingerprint, for single-object encoding. Holds what its owner puts in; it fetches nothing.
#[derive(Clone, Debug, Default)]
pub struct SchemaStore {
    schemas: BTreeMap<[u8; 8], Arc<WriterSchema>>,
}

impl SchemaStore {
    /// A store with this release's own schemas of predictions and labels.
    ///
    /// # Panics
    /// Never: the schemas are part of the program, and a test reads them.
    pub fn native() -> Self {
        let mut store = Self::default();
        for text in [include_str!("../../../schemas/inference.avsc"), include_str!("../../../schemas/label.avsc")] {
            store.insert(Arc::new(WriterSchema::parse(text).expect("our own schemas are read by a test")));
        }
        store
    }

    /// Adds a schema under its fingerprint.
    pub fn insert(&mut self, schema: Arc<WriterSchema>) {
        self.schemas.insert(schema.fingerprint(), schema);
    }

    /// The schema with this fingerprint.
    pub fn get(&self, fingerprint: [u8; 8]) -> Option<&WriterSchema> {
        self.schemas.get(&fingerprint).map(Arc::as_ref)
    }
}

struct Compiler {
    nodes: Vec<Node>,
    named: BTreeMap<String, usize>,
}

impl Compiler {
    fn push(&mut self, node: Node) -> usize {
        self.nodes.push(node);
        self.nodes.len() - 1
    }

    fn push_named(&mut self, name: String, node: Node) -> usize {
        let number = self.push(node);
        self.named.insert(name, number);
        number
    }

    fn node(&mut self, schema: &Schema, namespace: NamespaceRef<'_>) -> Result<usize, SchemaError> {
        let node = match schema {
            Schema::Null => Node::Null,
            Schema::Boolean => Node::Boolean,
            Schema::Int | Schema::Date | Schema::TimeMillis => Node::Int,
            Schema::Long | Schema::TimeMicros | Schema::TimestampMicros | Schema::LocalTimestampMicros => {
                Node::Long(Scale::Plain)
            }
            Schema::TimestampMillis | Schema::LocalTimestampMillis => Node::Long(Scale::FromMillis),
            Schema::TimestampNanos | Schema::LocalTimestampNanos => Node::Long(Scale::FromNanos),
            Schema::Float => Node::Float,
            Schema::Double => Node::Double,
            Schema::String | Schema::Uuid(UuidSchema::String) => Node::Text,
            Schema::Uuid(UuidSchema::Bytes) => Node::Uuid(true),
            Schema::Uuid(UuidSchema::Fixed(fixed)) => {
                return Ok(self.push_named(fixed.name.fullname(namespace), Node::Uuid(false)));
            }
            Schema::Bytes | Schema::BigDecimal => Node::Bytes,
            Schema::Decimal(decimal) => match &decimal.inner {
                InnerDecimalSchema::Bytes => Node::Bytes,
                InnerDecimalSchema::Fixed(fixed) => {
                    return Ok(self.push_named(fixed.name.fullname(namespace), Node::Fixed(fixed.size)));
                }
            },
            Schema::Fixed(fixed) | Schema::Duration(fixed) => {
                return Ok(self.push_named(fixed.name.fullname(namespace), Node::Fixed(fixed.size)));
            }
            Schema::Enum(list) => {
                let symbols = list.symbols.iter().map(|symbol| symbol.as_str().into()).collect();
                return Ok(self.push_named(list.name.fullname(namespace), Node::Enum(symbols)));
            }
            Schema::Array(array) => Node::Array(self.node(&array.items, namespace)?),
            Schema::Map(map) => Node::Map(self.node(&map.types, namespace)?),
            Schema::Union(union) => {
                let variants: Result<_, _> = union.variants().iter().map(|one| self.node(one, namespace)).collect();
                Node::Union(variants?)
            }
            Schema::Record(record) => {
                let full = record.name.fully_qualified_name(namespace).into_owned();
                // Known before its fields are read: they may refer to it.
                let number = self.push_named(full.fullname(None), Node::Null);
                let fields: Result<_, _> = record
                    .fields
                    .iter()
                    .map(|field| {
                        let name = field.name.as_str();
                        let node = self.node(&field.schema, full.namespace())?;
                        Ok(NamedNode { name: name.into(), field: Field::from_name(name), node })
                    })
                    .collect();
                self.nodes[number] = Node::Record(fields?);
                return Ok(number);
            }
            Schema::Ref { name } => {
                let full = name.fullname(namespace);
                return self.named.get(&full).copied().ok_or(SchemaError::UnknownType(full));
            }
        };
        Ok(self.push(node))
    }
}
