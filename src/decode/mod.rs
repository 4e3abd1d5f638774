//! What does one record say, given its bytes?
//!
//! Bytes in, one of the structs of [`crate::event`] out, or a [`Reject`] that names the field, its value and what
//! would be accepted. JSON, Avro and mapped tables (CSV) give equal structs for equal content, because all three end
//! in the same rules, one a field. Nothing here opens a
//! file or fetches a schema, and no input makes it panic.
//!
//! Memory: the feature names (at most [`crate::event::MAX_FEATURE_NAMES`] of [`Limits::name_bytes`]), the unknown
//! field names (at most [`Limits::unknown_fields`]), and what the caller's struct keeps.

mod avro;
mod content;
mod field;
mod json;
mod limits;
mod mapped;
mod mapping;
mod objects;
mod scalar;
mod scratch;
mod table_time;
mod target;
mod visit;

use std::sync::Arc;

pub(crate) use avro::Broken;
pub use avro::{SchemaError, SchemaStore, WriterSchema};
pub use limits::Limits;
pub use mapped::{Cells, Table};
pub use mapping::{Column, Constant, Mapping, MappingError, TimeMapping, TimeUnit};
pub use objects::ObjectMapping;

use crate::event::{BaselineRow, FeatureNames, Inference, Label, Reject, RejectReason};
use field::Field;
use scratch::Scratch;
pub(crate) use target::Target;

/// How a record's bytes are to be read.
///
/// The framing of a schema registry (a zero byte and a schema id) will be one more of these.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub enum Encoding {
    /// One JSON object.
    Json,
    /// One Avro datum of this schema.
    Avro(Arc<WriterSchema>),
    /// Avro's single-object encoding: a marker, the schema's fingerprint, one datum.
    AvroSingleObject(SchemaStore),
}

/// The marker of Avro's single-object encoding.
const SINGLE_OBJECT: [u8; 2] = [0xc3, 0x01];

/// Reads records into structs that the caller owns and reuses. After a reject the struct's content is undefined.
#[derive(Debug)]
pub struct Decoder {
    scratch: Scratch,
}

impl Decoder {
    /// A decoder that has seen nothing.
    pub fn new(limits: Limits) -> Self {
        Self { scratch: Scratch::new(limits) }
    }

    /// Names the model and version of records that say nothing of them.
    pub fn fill_in(&mut self, model: Option<&str>, version: Option<&str>) {
        let names = [(Field::Model, model), (Field::Version, version)];
        let given = names.into_iter().filter_map(|(field, name)| name.map(|name| (field, name.to_owned())));
        self.scratch.fill_in = given.collect();
    }

    /// The fields that are filled in, as bits.
    pub(crate) fn filled_in(&self) -> u64 {
        self.scratch.fill_in.iter().fold(0, |bits, (field, _)| bits | field.bit())
    }

    /// The bounds in force.
    pub fn limits(&self) -> &Limits {
        &self.scratch.limits
    }

    /// The feature names seen so far.
    pub fn names(&self) -> &FeatureNames {
        &self.scratch.names
    }

    /// The names of the fields that were ignored, sorted; at most [`Limits::unknown_fields`]. Feature names beyond
    /// [`crate::event::MAX_FEATURE_NAMES`] are among them; Avro fields that were always null are not.
    pub fn unknown_fields(&self) -> impl Iterator<Item = &str> {
        self.scratch.unknown.iter().map(|name| &**name)
    }

    /// Knows these feature names, in this order, and these ignored fields, as if it had read them: for going on where
    /// another decoder stopped.
    pub fn remember<'a>(
        &mut self,
        names: impl IntoIterator<Item = &'a str>,
        unknown_fields: impl IntoIterator<Item = &'a str>,
    ) {
        names.into_iter().for_each(|name| self.scratch.remember_name(name));
        unknown_fields.into_iter().for_each(|name| self.scratch.remember_unknown(name));
    }

    /// Reads a prediction.
    pub fn inference(&mut self, encoding: &Encoding, bytes: &[u8], into: &mut Inference) -> Result<(), Reject> {
        self.read(encoding, None, bytes, into)
    }

    /// Reads a truth.
    pub fn label(&mut self, encoding: &Encoding, bytes: &[u8], into: &mut Label) -> Result<(), Reject> {
        self.read(encoding, None, bytes, into)
    }

    /// Reads a row of a baseline.
    pub fn baseline(&mut self, encoding: &Encoding, bytes: &[u8], into: &mut BaselineRow) -> Result<(), Reject> {
        self.read(encoding, None, bytes, into)
    }

    /// Reads a prediction from an object of somebody else's fields.
    pub fn mapped_inference(
        &mut self,
        encoding: &Encoding,
        mapping: &ObjectMapping,
        bytes: &[u8],
        into: &mut Inference,
    ) -> Result<(), Reject> {
        self.read(encoding, Some(mapping), bytes, into)
    }

    /// Reads a truth from an object of somebody else's fields.
    pub fn mapped_label(
        &mut self,
        encoding: &Encoding,
        mapping: &ObjectMapping,
        bytes: &[u8],
        into: &mut Label,
    ) -> Result<(), Reject> {
        self.read(encoding, Some(mapping), bytes, into)
    }

    /// Reads a row of a baseline from an object of somebody else's fields.
    pub fn mapped_baseline(
        &mut self,
        encoding: &Encoding,
        mapping: &ObjectMapping,
        bytes: &[u8],
        into: &mut BaselineRow,
    ) -> Result<(), Reject> {
        self.read(encoding, Some(mapping), bytes, into)
    }

    /// Reads a prediction from a table's row.
    pub fn inference_row(&mut self, table: &Table, cells: Cells<'_>, into: &mut Inference) -> Result<(), Reject> {
        self.row(table, cells, into)
    }

    /// Reads a truth from a table's row.
    pub fn label_row(&mut self, table: &Table, cells: Cells<'_>, into: &mut Label) -> Result<(), Reject> {
        self.row(table, cells, into)
    }

    /// Reads a row of a baseline from a table's row.
    pub fn baseline_row(&mut self, table: &Table, cells: Cells<'_>, into: &mut BaselineRow) -> Result<(), Reject> {
        self.row(table, cells, into)
    }

    pub(crate) fn read<T: Target>(
        &mut self,
        encoding: &Encoding,
        mapping: Option<&ObjectMapping>,
        bytes: &[u8],
        into: &mut T,
    ) -> Result<(), Reject> {
        let scratch = &mut self.scratch;
        scratch.begin(into);
        if bytes.len() > scratch.limits.record_bytes {
            return Err(too_large(scratch.limits.record_bytes));
        }
        match encoding {
            Encoding::Json => json::read(scratch, mapping, bytes, into)?,
            Encoding::Avro(schema) => avro::read(scratch, mapping, schema, bytes, into)?,
            Encoding::AvroSingleObject(store) => {
                let (schema, datum) = single_object(store, bytes)?;
                avro::read(scratch, mapping, schema, datum, into)?;
            }
        }
        scratch.finish(into)
    }

    pub(crate) fn row<T: Target>(&mut self, table: &Table, cells: Cells<'_>, into: &mut T) -> Result<(), Reject> {
        let scratch = &mut self.scratch;
        scratch.begin(into);
        if cells.bytes() > scratch.limits.record_bytes {
            return Err(too_large(scratch.limits.record_bytes));
        }
        mapped::read(scratch, table, cells, into)?;
        scratch.finish(into)
    }

    /// Reads the Avro datum at the start of `bytes`; gives its length.
    pub(crate) fn first_datum<T: Target>(
        &mut self,
        schema: &WriterSchema,
        mapping: Option<&ObjectMapping>,
        bytes: &[u8],
        into: &mut T,
    ) -> Result<usize, Broken> {
        let scratch = &mut self.scratch;
        scratch.begin(into);
        let length = avro::read_first(scratch, mapping, schema, bytes, into)?;
        scratch.finish(into).map(|()| length).map_err(|reject| Broken { reject, length: Some(length) })
    }
}

/// The reject of a record above the limit of bytes.
#[cold]
pub(crate) fn too_large(limit: usize) -> Reject {
    Reject::new(RejectReason::TooLarge, format!("the record is larger than {limit} bytes; accepted: at most {limit}"))
}

fn single_object<'s, 'b>(store: &'s SchemaStore, bytes: &'b [u8]) -> Result<(&'s WriterSchema, &'b [u8]), Reject> {
    let wrong = |what: &str| {
        Reject::new(RejectReason::Malformed, format!("{what}; accepted: Avro single-object encoding (bytes c3 01)"))
    };
    let datum = bytes.strip_prefix(&SINGLE_OBJECT).ok_or_else(|| wrong("the marker is missing"))?;
    let (fingerprint, datum) = datum.split_first_chunk::<8>().ok_or_else(|| wrong("the fingerprint is truncated"))?;
    let schema = store.get(*fingerprint).ok_or_else(|| {
        wrong(&format!("no schema with fingerprint {:016x} is known", u64::from_le_bytes(*fingerprint)))
    })?;
    Ok((schema, datum))
}
