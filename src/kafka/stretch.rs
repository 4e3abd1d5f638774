//! How are many partitions read side by side, each from one offset to another, outside any group?
//!
//! One consumer with a queue of its own for each partition: whoever waits for one partition holds back no other, and
//! what is fetched ahead is bounded for each of them. Nothing is committed.

use std::sync::Arc;
use std::time::Duration;

use rdkafka::config::FromClientConfigAndContext as _;
use rdkafka::consumer::base_consumer::PartitionQueue;
use rdkafka::consumer::{BaseConsumer, Consumer as _};
use rdkafka::error::{KafkaError, RDKafkaErrorCode};
use rdkafka::topic_partition_list::{Offset, TopicPartitionList};

use super::log::Heard;
use super::member::{Incoming, TopicPartition};
use super::message::Message;
use super::{KafkaTrouble, settings};
use crate::config::Config;
use crate::event::EventTime;

/// How long the broker may take to answer a question.
const ANSWER: Duration = Duration::from_secs(20);
/// The least and the most that is fetched ahead of one partition, in KiB. A broker sends a whole batch even if it is
/// larger.
const AHEAD_KIB: (u64, u64) = (128, 4 << 10);
/// The same in records, of all partitions together: each costs the client some 350 bytes beside its content.
const AHEAD_RECORDS: u64 = 100_000;

/// The records of one partition.
pub type Stretch = PartitionQueue<Heard>;

/// A consumer of stretches of partitions.
pub struct Stretches {
    config: Arc<Config>,
    consumer: Arc<BaseConsumer<Heard>>,
}

impl Stretches {
    /// A consumer of so many partitions. It fetches no more ahead than a sixteenth of `state.memory`, 64 MiB at most.
    ///
    /// # Errors
    /// When the client cannot be made.
    pub fn open(config: Arc<Config>, partitions: u32) -> Result<Self, KafkaTrouble> {
        let client = settings::stretches(&config, partitions, AHEAD_KIB, AHEAD_RECORDS);
        let consumer = BaseConsumer::from_config_and_context(&client, Heard::default())
            .map_err(|error| KafkaTrouble::of(&config, "making a consumer", &error))?;
        Ok(Self { config, consumer: Arc::new(consumer) })
    }

    /// First offset of a partition, and the offset after its last committed record.
    ///
    /// # Errors
    /// When the broker does not answer, or says no.
    pub fn bounds(&self, place: &TopicPartition) -> Result<(i64, i64), KafkaTrouble> {
        let found = self.consumer.fetch_watermarks(&place.topic, place.partition, ANSWER);
        found.map_err(|error| self.trouble(&format!("asking for the ends of {}", place.topic), &error))
    }

    /// The first offset of each partition whose record was written at `time` or later; `None` where there is none.
    ///
    /// # Errors
    /// As [`Stretches::bounds`].
    pub fn at(&self, places: &[TopicPartition], time: EventTime) -> Result<Vec<Option<i64>>, KafkaTrouble> {
        let millis = Offset::Offset(time.micros().div_euclid(1_000).max(0));
        let wanted = list(places.iter().map(|place| (place, millis)));
        let found = self.consumer.offsets_for_times(wanted, ANSWER);
        let found = found.map_err(|error| self.trouble("looking up offsets by time", &error))?;
        let offset = |place: &TopicPartition| match found.find_partition(&place.topic, place.partition)?.offset() {
            Offset::Offset(offset) => Some(offset),
            _ => None,
        };
        Ok(places.iter().map(offset).collect())
    }

    /// Begins to read all of these, each at its offset; a queue for each.
    ///
    /// # Errors
    /// When the client refuses.
    pub fn begin(&self, starts: &[(TopicPartition, i64)]) -> Result<Vec<Stretch>, KafkaTrouble> {
        // Queues first: what is fetched then goes nowhere else.
        let queue = |(place, _): &(TopicPartition, i64)| {
            let queue = self.consumer.split_partition_queue(&place.topic, place.partition);
            queue.ok_or_else(|| KafkaTrouble::Failed {
                doing: format!("reading {} partition {}", place.topic, place.partition),
                reason: "the client does not know the partition".to_owned(),
            })
        };
        let queues = starts.iter().map(queue).collect::<Result<Vec<_>, _>>()?;
        let starts = list(starts.iter().map(|(place, offset)| (place, Offset::Offset(*offset))));
        self.consumer.assign(&starts).map_err(|error| self.trouble("taking partitions", &error))?;
        Ok(queues)
    }

    /// The next record of a partition; `None` if none came within `wait`.
    ///
    /// # Errors
    /// When the partition cannot be read on.
    pub fn next<'a>(&self, stretch: &'a Stretch, wait: Duration) -> Result<Option<Incoming<'a>>, KafkaTrouble> {
        match stretch.poll(wait) {
            None => Ok(None),
            Some(Ok(message)) => Ok(Some(Incoming::Record(Message::new(message)))),
            Some(Err(KafkaError::PartitionEOF(partition))) => Ok(Some(Incoming::End(partition))),
            Some(Err(error)) if is_passing(&error) => Ok(None),
            Some(Err(error)) => Err(self.trouble("reading", &error)),
        }
    }

    /// Lets the client say what concerns no single partition.
    ///
    /// # Errors
    /// When it cannot go on, or gave a record outside the queue of its partition.
    pub fn listen(&self) -> Result<(), KafkaTrouble> {
        while let Some(heard) = self.consumer.poll(Duration::ZERO) {
            match heard {
                Err(KafkaError::PartitionEOF(_)) => {}
                Err(error) if is_passing(&error) => {}
                Err(error) => return Err(self.trouble("reading", &error)),
                Ok(message) => {
                    let message = Message::new(message);
                    return Err(KafkaTrouble::Failed {
                        doing: format!("reading {} partition {}", message.topic(), message.partition()),
                        reason: format!("offset {} came outside the queue of its partition", message.offset()),
                    });
                }
            }
        }
        Ok(())
    }

    fn trouble(&self, doing: &str, error: &KafkaError) -> KafkaTrouble {
        KafkaTrouble::with_words(&self.config, doing, error, &self.consumer.client().context().take())
    }
}

/// Whether the client tries again by itself.
fn is_passing(error: &KafkaError) -> bool {
    use RDKafkaErrorCode as Code;
    matches!(
        error.rdkafka_error_code(),
        Some(
            Code::BrokerTransportFailure
                | Code::AllBrokersDown
                | Code::OperationTimedOut
                | Code::RequestTimedOut
                | Code::Resolve
                | Code::LeaderNotAvailable
                | Code::NotLeaderForPartition
        )
    )
}

fn list<'a>(places: impl Iterator<Item = (&'a TopicPartition, Offset)>) -> TopicPartitionList {
    let mut list = TopicPartitionList::new();
    for (place, offset) in places {
        // Only an offset that cannot be written down is refused; those here come from the broker.
        let added = list.add_partition_offset(&place.topic, place.partition, offset);
        debug_assert!(added.is_ok(), "offsets come from the broker");
    }
    list
}
