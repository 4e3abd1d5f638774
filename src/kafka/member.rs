//! How does one consumer take part in its group?
//!
//! The client tells of a new assignment or of one to give back; the member keeps the news until its owner has time for
//! them. So what must be done first (commit, restore) is done by the owner on its own thread, never inside a callback.
//! The client waits for the answer: [`Member::take`] or [`Member::give_back`].

use std::collections::VecDeque;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use rdkafka::client::ClientContext;
use rdkafka::config::{FromClientConfigAndContext as _, RDKafkaLogLevel};
use rdkafka::consumer::base_consumer::PartitionQueue;
use rdkafka::consumer::{BaseConsumer, Consumer as _, ConsumerContext, ConsumerGroupMetadata};
use rdkafka::error::{KafkaError, RDKafkaErrorCode};
use rdkafka::message::BorrowedMessage;
use rdkafka::topic_partition_list::{Offset, TopicPartitionList};
use rdkafka::types::RDKafkaRespErr;

use super::error::unreachable;
use super::log::client_line;
use super::{KafkaTrouble, Message, settings};
use crate::config::Config;
use crate::event::EventTime;

/// The records of one partition that a member was given.
pub type Queue = PartitionQueue<Context>;

/// One partition of one topic.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct TopicPartition {
    /// The topic.
    pub topic: String,
    /// The partition.
    pub partition: i32,
}

/// What a queue gave.
pub enum Incoming<'a> {
    /// A record.
    Record(Message<'a>),
    /// Everything that is committed has been read, of this partition of some topic.
    End(i32),
}

/// What the group decided.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum News {
    /// These partitions are ours now; nothing is read until [`Member::take`].
    Assigned(Vec<TopicPartition>),
    /// All partitions go back; [`Member::give_back`] ends it. `lost` says that they are somebody else's already, so
    /// that nothing may be committed any more.
    Revoked {
        /// Whether it is too late to commit.
        lost: bool,
    },
}

/// What a member has heard, between the client's thread of callbacks and its owner.
#[derive(Default)]
struct Heard {
    news: VecDeque<News>,
    /// The identity of the member in the generation of the last assignment. It fences what an older one would commit.
    identity: Option<ConsumerGroupMetadata>,
    fenced: bool,
}

/// The context of the client of a [`Member`].
pub struct Context {
    heard: Mutex<Heard>,
    closing: AtomicBool,
}

impl Context {
    fn heard(&self) -> std::sync::MutexGuard<'_, Heard> {
        self.heard.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl ClientContext for Context {
    fn log(&self, level: RDKafkaLogLevel, facility: &str, text: &str) {
        client_line(level, facility, text);
    }

    fn error(&self, error: KafkaError, reason: &str) {
        if error.rdkafka_error_code() == Some(RDKafkaErrorCode::PartitionEOF) {
            return;
        }
        if is_fenced(&error) {
            self.heard().fenced = true;
        }
        tracing::warn!("kafka client: {error}: {reason}");
    }
}

impl ConsumerContext for Context {
    fn rebalance(&self, consumer: &BaseConsumer<Self>, kind: RDKafkaRespErr, list: &mut TopicPartitionList) {
        if self.closing.load(Ordering::Acquire) {
            // The owner has gone; the client waits for this answer before it closes.
            let _ = consumer.unassign();
            return;
        }
        let news = if kind == RDKafkaRespErr::RD_KAFKA_RESP_ERR__ASSIGN_PARTITIONS {
            let elements = list.elements();
            let partitions = elements
                .iter()
                .map(|element| TopicPartition { topic: element.topic().to_owned(), partition: element.partition() });
            let partitions = partitions.collect();
            self.heard().identity = consumer.group_metadata();
            News::Assigned(partitions)
        } else {
            News::Revoked { lost: consumer.assignment_lost() }
        };
        self.heard().news.push_back(news);
    }
}

/// A consumer in a group. Not shared between threads: its owner polls it.
pub struct Member {
    consumer: Arc<BaseConsumer<Context>>,
    config: Arc<Config>,
}

impl Member {
    /// Joins `group` as `instance` and subscribes to the topics.
    ///
    /// # Errors
    /// When the client cannot be made.
    pub fn join(config: Arc<Config>, group: &str, instance: &str, topics: &[&str]) -> Result<Self, KafkaTrouble> {
        let context = Context { heard: Mutex::default(), closing: AtomicBool::new(false) };
        let client = settings::consumer(&config, group, instance);
        let trouble = |error| KafkaTrouble::of(&config, &format!("joining the group {group}"), &error);
        let consumer = BaseConsumer::from_config_and_context(&client, context).map_err(trouble)?;
        consumer.subscribe(topics).map_err(trouble)?;
        Ok(Self { consumer: Arc::new(consumer), config })
    }

    /// Reads from the member's own queue: what the group has to say, and records of partitions that were fetched before
    /// they had a queue of their own.
    ///
    /// # Errors
    /// When the client cannot go on.
    pub fn poll(&self, wait: Duration) -> Result<Option<Incoming<'_>>, KafkaTrouble> {
        self.incoming(self.consumer.poll(wait))
    }

    /// Reads the next record of a queue, without waiting.
    ///
    /// # Errors
    /// When the partition cannot be read on.
    pub fn next<'a>(&self, queue: &'a Queue) -> Result<Option<Incoming<'a>>, KafkaTrouble> {
        self.incoming(queue.poll(Duration::ZERO))
    }

    fn incoming<'a>(
        &self,
        polled: Option<Result<BorrowedMessage<'a>, KafkaError>>,
    ) -> Result<Option<Incoming<'a>>, KafkaTrouble> {
        match polled {
            None => Ok(None),
            Some(Ok(message)) => Ok(Some(Incoming::Record(Message::new(message)))),
            Some(Err(KafkaError::PartitionEOF(partition))) => Ok(Some(Incoming::End(partition))),
            // The client tries again by itself.
            Some(Err(error)) if is_passing(&error) => Ok(None),
            // Its owner asks for it, and says which name it is.
            Some(Err(error)) if is_fenced(&error) => {
                self.consumer.context().heard().fenced = true;
                Ok(None)
            }
            Some(Err(error)) if is_gone(&error) => Err(KafkaTrouble::Wrong { problems: vec![GONE.to_owned()] }),
            Some(Err(error)) => Err(KafkaTrouble::of(&self.config, "reading", &error)),
        }
    }

    /// The oldest news of the group that nobody has taken yet.
    pub fn news(&self) -> Option<News> {
        self.consumer.context().heard().news.pop_front()
    }

    /// Whether another process has taken this member's name.
    pub fn is_fenced(&self) -> bool {
        self.consumer.context().heard().fenced
    }

    /// Whether another process has taken this member's name, once its transactions were ended from outside. That alone
    /// does not say so: the broker also ends the transactions of a process that stood still for too long. The group tells
    /// a member whose name was taken with its next heartbeat, so it is given the time for that. What is fetched meanwhile
    /// is dropped: partitions have to be taken anew.
    pub fn has_twin(&self) -> bool {
        let begun = Instant::now();
        while !self.is_fenced() && begun.elapsed() < VERDICT {
            drop(self.consumer.poll(Duration::from_millis(100)));
        }
        self.is_fenced()
    }

    /// The identity of the member when it got its assignment, for the offsets of a transaction.
    pub fn with_identity<T>(&self, use_it: impl FnOnce(&ConsumerGroupMetadata) -> T) -> Option<T> {
        self.consumer.context().heard().identity.as_ref().map(use_it)
    }

    /// Whether the assignment has already gone to somebody else.
    pub fn is_lost(&self) -> bool {
        self.consumer.assignment_lost()
    }

    /// The committed offsets of these partitions; `None` where there is none. While a transaction of a dead process is
    /// still open, the broker does not answer; so it is asked again until `patience` is over.
    ///
    /// # Errors
    /// When the broker does not answer in time, or says no.
    pub fn committed(
        &self,
        partitions: &[TopicPartition],
        patience: Duration,
    ) -> Result<Vec<Option<i64>>, KafkaTrouble> {
        let committed = self.committed_with_notes(partitions, patience)?;
        Ok(committed.into_iter().map(|known| known.map(|(offset, _)| offset)).collect())
    }

    /// The same, with the note that was committed beside each offset.
    ///
    /// # Errors
    /// As [`Member::committed`].
    pub fn committed_with_notes(
        &self,
        partitions: &[TopicPartition],
        patience: Duration,
    ) -> Result<Vec<Option<(i64, String)>>, KafkaTrouble> {
        const ONCE: Duration = Duration::from_secs(5);
        let list = list(partitions.iter().map(|partition| (partition, Offset::Invalid)));
        let mut tries = (patience.as_millis() / ONCE.as_millis()).max(1);
        loop {
            match self.consumer.committed_offsets(list.clone(), ONCE) {
                Ok(committed) => {
                    let offset = |partition: &TopicPartition| {
                        let found = committed.find_partition(&partition.topic, partition.partition)?;
                        match found.offset() {
                            Offset::Offset(offset) => Some((offset, found.metadata().to_owned())),
                            _ => None,
                        }
                    };
                    return Ok(partitions.iter().map(offset).collect());
                }
                Err(error) if tries > 1 && is_passing(&error) => tries -= 1,
                Err(error) => return Err(KafkaTrouble::of(&self.config, "reading the committed offsets", &error)),
            }
        }
    }

    /// The first offset of a partition at or after a time; `None` where there is none yet.
    ///
    /// # Errors
    /// When the broker does not answer.
    pub fn offset_at(&self, partition: &TopicPartition, time: EventTime) -> Result<Option<i64>, KafkaTrouble> {
        let millis = Offset::Offset(time.micros().div_euclid(1_000));
        let wanted = list(std::iter::once((partition, millis)));
        let trouble = |error| KafkaTrouble::of(&self.config, "looking up offsets by time", &error);
        let found = self.consumer.offsets_for_times(wanted, Duration::from_secs(20)).map_err(trouble)?;
        let found = found.find_partition(&partition.topic, partition.partition);
        Ok(found.and_then(|element| match element.offset() {
            Offset::Offset(offset) => Some(offset),
            _ => None,
        }))
    }

    /// First and last offset of a partition.
    ///
    /// # Errors
    /// When the broker does not answer.
    pub fn bounds(&self, partition: &TopicPartition) -> Result<(i64, i64), KafkaTrouble> {
        let found = self.consumer.fetch_watermarks(&partition.topic, partition.partition, Duration::from_secs(20));
        found.map_err(|error| {
            KafkaTrouble::of(&self.config, &format!("asking for the ends of {}", partition.topic), &error)
        })
    }

    /// Begins to read an assignment, each partition at its place.
    ///
    /// # Errors
    /// When the client refuses.
    pub fn take<'a>(&self, places: impl Iterator<Item = (&'a TopicPartition, i64)>) -> Result<(), KafkaTrouble> {
        let places = list(places.map(|(place, offset)| (place, Offset::Offset(offset))));
        self.consumer.assign(&places).map_err(|error| KafkaTrouble::of(&self.config, "taking partitions", &error))
    }

    /// Gives all partitions back.
    ///
    /// # Errors
    /// When the client refuses.
    pub fn give_back(&self) -> Result<(), KafkaTrouble> {
        self.consumer.unassign().map_err(|error| KafkaTrouble::of(&self.config, "giving partitions back", &error))
    }

    /// A queue of its own for one partition; to be asked for after [`Member::take`] and before the next poll.
    ///
    /// # Errors
    /// When the client does not know the partition.
    pub fn split(&self, partition: &TopicPartition) -> Result<Queue, KafkaTrouble> {
        let queue = self.consumer.split_partition_queue(&partition.topic, partition.partition);
        queue.ok_or_else(|| KafkaTrouble::Failed {
            doing: format!("reading {} partition {}", partition.topic, partition.partition),
            reason: "the client does not know the partition".to_owned(),
        })
    }
}

impl Drop for Member {
    fn drop(&mut self) {
        // A static member that closes without leaving keeps its partitions for its successor.
        self.consumer.context().closing.store(true, Ordering::Release);
        let _ = self.consumer.unassign();
    }
}

/// How long the group may take to tell a member that its name was taken: some heartbeats.
const VERDICT: Duration = Duration::from_secs(10);

/// What to do when the next record to read has been deleted.
const GONE: &str = "the next record to read is not there any more: the retention of an input, or of the deltas, has passed it, \
     or the topic was made anew; counting on from elsewhere would be wrong without a word. To begin again with what is \
     there, choose another `kafka.group` and `topics.prefix`; keep topics longer than a process may be away";

pub(super) fn is_gone(error: &KafkaError) -> bool {
    use RDKafkaErrorCode as Code;
    matches!(error.rdkafka_error_code(), Some(Code::AutoOffsetReset | Code::OffsetOutOfRange))
}

/// Whether another process has taken this member's name.
fn is_fenced(error: &KafkaError) -> bool {
    matches!(error.rdkafka_error_code(), Some(RDKafkaErrorCode::FencedInstanceId | RDKafkaErrorCode::Fenced))
}

/// Whether asking again may help.
fn is_passing(error: &KafkaError) -> bool {
    use RDKafkaErrorCode as Code;
    let Some(code) = error.rdkafka_error_code() else { return false };
    // Brokers may come back, and the client looks for them.
    unreachable(code)
        || matches!(
            code,
            Code::WaitingForCoordinator
                | Code::NotCoordinator
                | Code::CoordinatorLoadInProgress
                | Code::CoordinatorNotAvailable
                | Code::RebalanceInProgress
                // The client joins again by itself, and tells what it has lost.
                | Code::PollExceeded
                | Code::AssignmentLost
        )
}

fn list<'a>(places: impl Iterator<Item = (&'a TopicPartition, Offset)>) -> TopicPartitionList {
    let mut list = TopicPartitionList::new();
    for (partition, offset) in places {
        // Only an offset that cannot be written down is refused; those here come from the broker.
        let added = list.add_partition_offset(&partition.topic, partition.partition, offset);
        debug_assert!(added.is_ok(), "offsets come from the broker");
    }
    list
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_member_outlives_its_brokers_and_not_its_name() {
        use RDKafkaErrorCode as Code;
        for code in [Code::AllBrokersDown, Code::BrokerTransportFailure, Code::Resolve, Code::OperationTimedOut] {
            let error = KafkaError::MessageConsumption(code);
            assert!(is_passing(&error) && !is_fenced(&error) && !is_gone(&error), "{error}");
        }
        for error in [KafkaError::MessageConsumptionFatal(Code::FencedInstanceId), KafkaError::Global(Code::Fenced)] {
            assert!(is_fenced(&error) && !is_passing(&error), "{error}");
        }
        for code in [Code::OffsetOutOfRange, Code::TopicAuthorizationFailed, Code::GroupAuthorizationFailed] {
            assert!(!is_passing(&KafkaError::MessageConsumption(code)), "{code}");
        }
    }
}
