//! How is a stretch of one partition read from one end to the other, outside any group?
//!
//! For restores: from an offset to the last committed record that is there now. Records of transactions that were
//! aborted, or are still open, are not seen.

use std::sync::Arc;
use std::time::{Duration, Instant};

use rdkafka::config::FromClientConfigAndContext as _;
use rdkafka::consumer::{BaseConsumer, Consumer as _};
use rdkafka::error::KafkaError;
use rdkafka::message::Message as _;
use rdkafka::topic_partition_list::{Offset, TopicPartitionList};

use super::log::Heard;
use super::member::TopicPartition;
use super::{KafkaTrouble, settings};
use crate::config::Config;

/// How long nothing may come, although the end is not reached, before the broker counts as gone.
const SILENCE: Duration = Duration::from_secs(60);

/// A record that was read.
#[derive(Clone, Copy, Debug)]
pub struct Stored<'a> {
    /// Its offset.
    pub offset: i64,
    /// Its key.
    pub key: Option<&'a [u8]>,
    /// Its value; `None` removes the key.
    pub value: Option<&'a [u8]>,
}

/// How a stretch ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Ended {
    /// At the end of what is committed: the offset after it.
    AtEnd(i64),
    /// Whoever hears it wanted no more: the offset that comes next.
    Stopped(i64),
}

/// Reads `partition` from `from` (`None`: its beginning) until its end or until `hear` returns `false`.
///
/// # Errors
/// When the broker does not answer, or the offset is not there any more.
pub fn read(
    config: &Arc<Config>,
    partition: &TopicPartition,
    from: Option<i64>,
    mut hear: impl FnMut(Stored<'_>) -> bool,
) -> Result<Ended, KafkaTrouble> {
    let doing = format!("reading {} partition {}", partition.topic, partition.partition);
    let trouble = |error: &KafkaError| KafkaTrouble::of(config, &doing, error);
    let client = settings::reader(config);
    let consumer: BaseConsumer<Heard> =
        BaseConsumer::from_config_and_context(&client, Heard::default()).map_err(|error| trouble(&error))?;
    let mut list = TopicPartitionList::new();
    let place = from.map_or(Offset::Beginning, Offset::Offset);
    list.add_partition_offset(&partition.topic, partition.partition, place).map_err(|error| trouble(&error))?;
    consumer.assign(&list).map_err(|error| trouble(&error))?;
    let mut next = from.unwrap_or(0);
    let mut heard = Instant::now();
    loop {
        match consumer.poll(Duration::from_millis(100)) {
            None if heard.elapsed() > SILENCE => {
                return Err(KafkaTrouble::Failed { doing, reason: format!("no answer for {} s", SILENCE.as_secs()) });
            }
            None => {}
            Some(Err(KafkaError::PartitionEOF(_))) => return Ok(Ended::AtEnd(next)),
            Some(Err(KafkaError::MessageConsumption(code))) if heard.elapsed() < SILENCE && is_passing(code) => {}
            Some(Err(error)) => return Err(trouble(&error)),
            Some(Ok(message)) => {
                heard = Instant::now();
                next = message.offset() + 1;
                let stored = Stored { offset: message.offset(), key: message.key(), value: message.payload() };
                if !hear(stored) {
                    return Ok(Ended::Stopped(next));
                }
            }
        }
    }
}

fn is_passing(code: rdkafka::error::RDKafkaErrorCode) -> bool {
    use rdkafka::error::RDKafkaErrorCode as Code;
    matches!(code, Code::BrokerTransportFailure | Code::AllBrokersDown | Code::OperationTimedOut | Code::Resolve)
}
