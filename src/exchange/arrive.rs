//! What does a record of a topic say, and can it be used?
//!
//! JSON and Avro (single-object encoding) are told apart by their first bytes. A label without a value takes back what
//! was said of its request, at the record's own time. A record from the future moves no watermark.

use crate::config::{Config, Topic};
use crate::decode::{Decoder, Encoding, ObjectMapping, SchemaStore};
use crate::event::{EventTime, Inference, Label, Reject, RejectReason, Span};
use crate::kafka::KafkaTrouble;

/// How far an event time may lie after the record's own time.
const FUTURE: Span = Span::from_micros(5 * 60 * 1_000_000);
/// How the framing of a schema registry begins.
const REGISTRY: u8 = 0;
/// How Avro's single-object encoding begins.
const SINGLE_OBJECT: u8 = 0xc3;

/// A record as it came.
#[derive(Clone, Copy, Debug)]
pub struct Raw<'a> {
    /// Its key.
    pub key: Option<&'a [u8]>,
    /// Its value.
    pub value: Option<&'a [u8]>,
    /// The record's own time; `None` where the topic has none.
    pub time: Option<EventTime>,
}

/// How the records of both inputs are read.
pub struct Reading {
    single_object: Encoding,
    inferences: Option<ObjectMapping>,
    labels: Option<ObjectMapping>,
}

impl Reading {
    /// A reader of the records that a configuration describes.
    ///
    /// # Errors
    /// When a mapping cannot be used.
    pub fn new(config: &Config) -> Result<Self, KafkaTrouble> {
        let mapped = |topic: &Topic| {
            let mapping = topic.adapter.mapping().map(ObjectMapping::new).transpose();
            mapping.map_err(|error| KafkaTrouble::Wrong {
                problems: vec![format!("the mapping of {}: {error}", topic.name)],
            })
        };
        Ok(Self {
            single_object: Encoding::AvroSingleObject(SchemaStore::native()),
            inferences: mapped(&config.topics.inferences)?,
            labels: config.topics.labels.as_ref().map(mapped).transpose()?.flatten(),
        })
    }

    /// Reads a prediction.
    ///
    /// # Errors
    /// A reject: the record cannot be used.
    pub fn inference(&self, decoder: &mut Decoder, raw: Raw<'_>, into: &mut Inference) -> Result<(), Reject> {
        let Some(value) = raw.value else {
            return Err(Reject::new(
                RejectReason::MissingField,
                "the record has no value; a prediction cannot be taken back",
            ));
        };
        let encoding = encoding(&self.single_object, value)?;
        match &self.inferences {
            None => decoder.inference(encoding, value, into)?,
            Some(mapping) => decoder.mapped_inference(encoding, mapping, value, into)?,
        }
        in_time(into.event_time, raw.time)
    }

    /// Reads a label.
    ///
    /// # Errors
    /// As [`Reading::inference`].
    pub fn label(&self, decoder: &mut Decoder, raw: Raw<'_>, into: &mut Label) -> Result<(), Reject> {
        let Some(value) = raw.value else { return take_back(raw, into) };
        let encoding = encoding(&self.single_object, value)?;
        match &self.labels {
            None => decoder.label(encoding, value, into)?,
            Some(mapping) => decoder.mapped_label(encoding, mapping, value, into)?,
        }
        in_time(into.event_time, raw.time)
    }
}

fn encoding<'a>(single_object: &'a Encoding, value: &[u8]) -> Result<&'a Encoding, Reject> {
    match value.first() {
        Some(&SINGLE_OBJECT) => Ok(single_object),
        Some(&REGISTRY) => Err(Reject::new(
            RejectReason::Malformed,
            "the record begins with a zero byte, as a schema registry frames it; accepted: JSON, or Avro in single-object encoding",
        )),
        _ => Ok(&Encoding::Json),
    }
}

fn in_time(event: EventTime, record: Option<EventTime>) -> Result<(), Reject> {
    match record {
        Some(record) if event > record + FUTURE => Err(Reject::new(
            RejectReason::InTheFuture,
            format!(
                "'event_time' is {}, more than five minutes after the record's own time {}; accepted: a time that has come",
                event.rfc3339(),
                record.rfc3339()
            ),
        )),
        _ => Ok(()),
    }
}

/// A record without a value: everything said of its request is taken back.
fn take_back(raw: Raw<'_>, into: &mut Label) -> Result<(), Reject> {
    let id = raw.key.map(std::str::from_utf8);
    let (Some(Ok(id)), Some(time)) = (id, raw.time) else {
        return Err(Reject::new(
            RejectReason::MissingField,
            "a label record without a value takes back the labels of its key, which has to be a request id; the key is missing or not UTF-8",
        ));
    };
    into.tombstone(id, time);
    Ok(())
}
