//! How does a record that could not be used leave, so that somebody can find it again?
//!
//! As a dead letter with the headers of Kafka Connect: where it stood, which step refused it, and why. The payload
//! stays where it was.

use super::arrive::Raw;
use super::setup::Setup;
use crate::event::Reject;
use crate::finding::DeadLetter;
use crate::kafka::{Failure, Record, TopicPartition, Transactions};

/// Sends one into the open transaction.
pub(super) fn send(
    transactions: &mut Transactions,
    setup: &Setup,
    place: &TopicPartition,
    offset: i64,
    raw: Raw<'_>,
    stage: &str,
    reject: &Reject,
) -> Result<(), Failure> {
    let letter = DeadLetter {
        topic: place.topic.clone(),
        partition: place.partition as u32,
        offset: offset as u64,
        stage: stage.to_owned(),
        reason: reject.reason.name().to_owned(),
        detail: reject.detail.clone(),
    };
    let value = serde_json::to_vec(&letter).unwrap_or_default();
    let (partition, offset) = (place.partition.to_string(), offset.to_string());
    let headers: [(&str, &[u8]); 7] = [
        ("__connect.errors.topic", place.topic.as_bytes()),
        ("__connect.errors.partition", partition.as_bytes()),
        ("__connect.errors.offset", offset.as_bytes()),
        ("__connect.errors.connector.name", setup.config.kafka.group.as_bytes()),
        ("__connect.errors.stage", stage.as_bytes()),
        ("__connect.errors.exception.class.name", letter.reason.as_bytes()),
        ("__connect.errors.exception.message", letter.detail.as_bytes()),
    ];
    transactions.send(&Record {
        topic: &setup.names.dead_letters,
        key: raw.key,
        value: Some(&value),
        headers: &headers,
        ..Record::default()
    })
}
