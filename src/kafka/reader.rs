//! How is a stretch of one partition read from one end to the other, outside any group?
//!
//! For restores: from an offset to the last committed record that is there now. Records of transactions that were
//! aborted, or are still open, are not seen.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::{Duration, Instant};

use rdkafka::config::FromClientConfigAndContext as _;
use rdkafka::consumer::{BaseConsumer, Consumer as _};
use rdkafka::error::KafkaError;
use rdkafka::message::Message as _;
use rdkafka::topic_partition_list::{Offset, TopicPartitionList, TopicPartitionListElem};

use super::error::unreachable;
use super::log::Heard;
use super::member::{TopicPartition, is_gone};
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

    /// The offset after the last committed record of each of these partitions; one that the broker does not tell is left
    /// out.
    ///
    /// # Errors
    /// When no broker answers.
    pub fn ends(&self, partitions: &[TopicPartition]) -> Result<BTreeMap<TopicPartition, i64>, KafkaTrouble> {
        const ANSWER: Duration = Duration::from_secs(3);
        let trouble = |error| KafkaTrouble::of(&self.config, "asking for the ends of partitions", &error);
        let mut list = TopicPartitionList::new();
        for TopicPartition { topic, partition } in partitions {
            list.add_partition_offset(topic, *partition, Offset::End).map_err(trouble)?;
        }
        let told = self.consumer.offsets_for_times(list, ANSWER).map_err(trouble)?;
        let end = |element: &TopicPartitionListElem<'_>| {
            let Offset::Offset(end) = element.offset() else { return None };
            element.error().ok()?;
            Some((TopicPartition { topic: element.topic().to_owned(), partition: element.partition() }, end))
        };
        Ok(told.elements().iter().filter_map(end).collect())
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
                Some(Err(error)) if is_gone(&error) => {
                    let TopicPartition { topic, partition } = partition;
                    let problem = format!(
                        "{topic} partition {partition}: the record at offset {next} is not there any more, so that what was \
                         built on it cannot be restored. To begin from scratch, delete the groups and the internal topics, \
                         or choose another `kafka.group` and `topics.prefix`"
                    );
                    break Err(KafkaTrouble::Wrong { problems: vec![problem] });
                }
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
