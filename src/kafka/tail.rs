//! How is a small topic followed from its beginning, for as long as a process lives?

use std::sync::Arc;
use std::time::Duration;

use rdkafka::config::FromClientConfigAndContext as _;
use rdkafka::consumer::{BaseConsumer, Consumer as _};
use rdkafka::error::{KafkaError, RDKafkaErrorCode};
use rdkafka::topic_partition_list::{Offset, TopicPartitionList};

use super::log::Heard;
use super::member::{Incoming, TopicPartition};
use super::message::Message;
use super::{KafkaTrouble, settings};
use crate::config::Config;

/// A client that reads one partition from its beginning and then what comes.
pub struct Tail {
    config: Arc<Config>,
    consumer: BaseConsumer<Heard>,
    topic: String,
}

impl Tail {
    /// A client that stands at the beginning of a partition.
    ///
    /// # Errors
    /// When it cannot be made.
    pub fn new(config: Arc<Config>, place: &TopicPartition) -> Result<Self, KafkaTrouble> {
        let doing = format!("following {}", place.topic);
        let about = config.clone();
        let trouble = |error: KafkaError| KafkaTrouble::of(&about, &doing, &error);
        let mut client = settings::reader(&config);
        client.set("fetch.wait.max.ms", "100");
        let consumer: BaseConsumer<Heard> =
            BaseConsumer::from_config_and_context(&client, Heard::default()).map_err(trouble)?;
        let mut list = TopicPartitionList::new();
        list.add_partition_offset(&place.topic, place.partition, Offset::Beginning).map_err(trouble)?;
        consumer.assign(&list).map_err(trouble)?;
        Ok(Self { config, consumer, topic: place.topic.clone() })
    }

    /// The next record, or the end of what is there now.
    ///
    /// # Errors
    /// When the partition cannot be read on.
    pub fn next(&self, wait: Duration) -> Result<Option<Incoming<'_>>, KafkaTrouble> {
        use RDKafkaErrorCode as Code;
        match self.consumer.poll(wait) {
            Some(Ok(message)) => Ok(Some(Incoming::Record(Message::new(message)))),
            Some(Err(KafkaError::PartitionEOF(partition))) => Ok(Some(Incoming::End(partition))),
            // The client tries again by itself.
            None
            | Some(Err(KafkaError::MessageConsumption(
                Code::BrokerTransportFailure | Code::AllBrokersDown | Code::OperationTimedOut | Code::Resolve,
            ))) => Ok(None),
            Some(Err(error)) => Err(KafkaTrouble::of(&self.config, &format!("following {}", self.topic), &error)),
        }
    }
}
