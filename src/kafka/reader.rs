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

use super::error::unreachable;
use super::log::Heard;
use super::member::TopicPartition;
use super::{KafkaTrouble, settings};
use crate::config::Config;

/// How long nothing may come, although the end is not reached, before the broker counts as gone.
const SILENCE: Duration = Duration::from_mins(1);

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
    /// At the end of what is committed: the offset after the last record.
    AtEnd(i64),
    /// Whoever hears it wanted no more: the offset that comes next.
    Stopped(i64),
}

/// A client that reads one stretch after the other.
pub struct Reader {
    config: Arc<Config>,
    consumer: BaseConsumer<Heard>,
}

impl Reader {
    /// A client that has read nothing.
    ///
    /// # Errors
    /// When it cannot be made.
    pub fn new(config: Arc<Config>) -> Result<Self, KafkaTrouble> {
        let mut client = settings::reader(&config);
        // The end of a partition is told with an answer; an empty one should not be waited for.
        client.set("fetch.wait.max.ms", "20");
        let consumer = BaseConsumer::from_config_and_context(&client, Heard::default());
        let consumer = consumer.map_err(|error| KafkaTrouble::of(&config, "making a client", &error))?;
        Ok(Self { config, consumer })
    }

    /// Reads `partition` from `from` (`None`: its beginning) until its end or until `hear` returns `false`.
    ///
    /// # Errors
    /// When the broker does not answer, or the offset is not there any more.
    pub fn read(
        &self,
        partition: &TopicPartition,
        from: Option<i64>,
        mut hear: impl FnMut(Stored<'_>) -> bool,
    ) -> Result<Ended, KafkaTrouble> {
        let doing = format!("reading {} partition {}", partition.topic, partition.partition);
        let trouble = |error: &KafkaError| KafkaTrouble::of(&self.config, &doing, error);
        let mut list = TopicPartitionList::new();
        let place = from.map_or(Offset::Beginning, Offset::Offset);
        list.add_partition_offset(&partition.topic, partition.partition, place).map_err(|error| trouble(&error))?;
        self.consumer.assign(&list).map_err(|error| trouble(&error))?;
        let mut next = from.unwrap_or(0);
        let mut heard = Instant::now();
        let ended = loop {
            match self.consumer.poll(Duration::from_millis(100)) {
                None if heard.elapsed() > SILENCE => {
                    let reason = format!("no answer for {} s", SILENCE.as_secs());
                    break Err(KafkaTrouble::Failed { doing, reason });
                }
                None => {}
                Some(Err(KafkaError::PartitionEOF(_))) => break Ok(Ended::AtEnd(next)),
                Some(Err(KafkaError::MessageConsumption(code))) if heard.elapsed() < SILENCE && unreachable(code) => {}
                Some(Err(error)) => break Err(trouble(&error)),
                Some(Ok(message)) => {
                    heard = Instant::now();
                    next = message.offset() + 1;
                    let stored = Stored { offset: message.offset(), key: message.key(), value: message.payload() };
                    if !hear(stored) {
                        break Ok(Ended::Stopped(next));
                    }
                }
            }
        };
        // What was fetched beyond the stretch must not be taken for the beginning of the next one.
        let _ = self.consumer.unassign();
        while self.consumer.poll(Duration::ZERO).is_some() {}
        ended
    }
}
