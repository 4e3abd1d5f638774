//! How is an Avro datum read as a record?
//!
//! `apache-avro` reads schemas and makes their fingerprints. The datum itself is walked here, by the writer's schema,
//! straight into the struct: no tree of values, no owned text, every length checked first. What is not a single value
//! goes through the visitor that JSON uses.

mod datum;
mod record;
mod schema;

use serde::de::DeserializeSeed;

use super::field::{Field, accepts};
use super::objects::ObjectMapping;
use super::scratch::Scratch;
use super::target::Target;
use super::visit::{Record, Skip};
use crate::event::{Reject, RejectReason};
use datum::{Datum, Fault, Fields, Input};
pub use schema::{SchemaError, SchemaStore, WriterSchema};

/// A datum that could not be used.
pub(crate) struct Broken {
    /// Why.
    pub(crate) reject: Reject,
    /// Where the next datum starts, if this one has sound bytes and only its content is refused.
    pub(crate) length: Option<usize>,
}

/// Reads the one datum that `bytes` are.
pub(super) fn read<T: Target>(
    scratch: &mut Scratch,
    mapping: Option<&ObjectMapping>,
    schema: &WriterSchema,
    bytes: &[u8],
    into: &mut T,
) -> Result<(), Reject> {
    let mut input = Input::new(bytes);
    walk(scratch, mapping, schema, &mut input, into)?;
    if input.left() > 0 {
        return Err(Reject::new(
            RejectReason::Malformed,
            format!(
                "{} bytes follow the datum of {} bytes; accepted: one datum of schema {}",
                input.left(),
                input.at(),
                schema.name()
            ),
        ));
    }
    Ok(())
}

/// Reads the datum at the start of `bytes`; gives its length.
pub(super) fn read_first<T: Target>(
    scratch: &mut Scratch,
    mapping: Option<&ObjectMapping>,
    schema: &WriterSchema,
    bytes: &[u8],
    into: &mut T,
) -> Result<usize, Broken> {
    let limit = scratch.limits.record_bytes;
    let part = &bytes[..bytes.len().min(limit)];
    let mut input = Input::new(part);
    match walk(scratch, mapping, schema, &mut input, into) {
        Ok(()) => Ok(input.at()),
        // The datum may only have been cut by the limit.
        Err(_) if input.ended() && part.len() < bytes.len() => {
            let reject = super::too_large(limit);
            Err(Broken { reject, length: skip(scratch, schema, bytes) })
        }
        Err(reject) => Err(Broken { reject, length: skip(scratch, schema, bytes) }),
    }
}

fn walk<T: Target>(
    scratch: &mut Scratch,
    mapping: Option<&ObjectMapping>,
    schema: &WriterSchema,
    input: &mut Input<'_>,
    into: &mut T,
) -> Result<(), Reject> {
    // Null is absent among the contract's fields; among somebody else's it may be a feature that is missing.
    let walked = if mapping.is_some() {
        Record { scratch, into, mapping }.deserialize(Datum::root(schema, input))
    } else {
        Fields::of_record(schema, input).and_then(|fields| record::read(scratch, fields, into))
    };
    walked.map_err(|fault| scratch.reject.take().unwrap_or_else(|| explain(&fault, input.at(), schema)))
}

/// The length of the datum at the start of `bytes`, whatever its content.
fn skip(scratch: &mut Scratch, schema: &WriterSchema, bytes: &[u8]) -> Option<usize> {
    let mut input = Input::new(bytes);
    let any = Skip { scratch, field: Field::Unknown, depth: 1, accepted: accepts::ANY, inner: accepts::ANY };
    let sound = any.deserialize(Datum::root(schema, &mut input)).is_ok();
    scratch.reject = None;
    sound.then_some(input.at()).filter(|&length| length > 0)
}

#[cold]
fn explain(fault: &Fault, at: usize, schema: &WriterSchema) -> Reject {
    let reason = if matches!(fault, Fault::TooMany) { RejectReason::TooLarge } else { RejectReason::Malformed };
    Reject::new(reason, format!("{fault} at byte {at}; accepted: one datum of schema {}", schema.name()))
}
