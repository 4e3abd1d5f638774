//! How does a record that could not be used leave, so that somebody can find it again?
//!
//! As a dead letter with the headers of Kafka Connect: where it stood, which step refused it, and why. The payload
//! stays where it was.

use crate::finding::DeadLetter;
use crate::kafka::{Failure, Record, Transactions};

/// Sends one to the topic `to`, in the open transaction. `key` is that of the record, `group` that of the service.
///
/// # Errors
/// When it cannot be sent.
pub fn send_letter(
    transactions: &mut Transactions,
    to: &str,
    group: &str,
    letter: &DeadLetter,
    key: Option<&[u8]>,
) -> Result<(), Failure> {
    let value = serde_json::to_vec(letter).unwrap_or_default();
    let (partition, offset) = (letter.partition.to_string(), letter.offset.to_string());
    let headers: [(&str, &[u8]); 7] = [
        ("__connect.errors.topic", letter.topic.as_bytes()),
        ("__connect.errors.partition", partition.as_bytes()),
        ("__connect.errors.offset", offset.as_bytes()),
        ("__connect.errors.connector.name", group.as_bytes()),
        ("__connect.errors.stage", letter.stage.as_bytes()),
        ("__connect.errors.exception.class.name", letter.reason.as_bytes()),
        ("__connect.errors.exception.message", letter.detail.as_bytes()),
    ];
    transactions.send(&Record { topic: to, key, value: Some(&value), headers: &headers, ..Record::default() })
}
