//! How do records that nobody needs any more leave a topic?

use std::sync::Arc;
use std::time::Duration;

use rdkafka::TopicPartitionList;
use rdkafka::admin::{AdminClient, AdminOptions};
use rdkafka::config::FromClientConfigAndContext as _;
use rdkafka::topic_partition_list::Offset;
use tokio::runtime::{Builder, Runtime};

use super::log::Heard;
use super::member::TopicPartition;
use super::{KafkaTrouble, settings};
use crate::config::Config;

/// A client that removes records from the old ends of partitions.
pub struct Trimmer {
    config: Arc<Config>,
    client: AdminClient<Heard>,
    runtime: Runtime,
}

impl Trimmer {
    /// A client that has removed nothing.
    ///
    /// # Errors
    /// When it cannot be made.
    pub fn new(config: Arc<Config>) -> Result<Self, KafkaTrouble> {
        let client = AdminClient::from_config_and_context(&settings::admin(&config), Heard::default());
        let client = client.map_err(|error| KafkaTrouble::of(&config, "making a client", &error))?;
        let runtime = Builder::new_current_thread().build().map_err(|error| KafkaTrouble::Failed {
            doing: "starting the administration client".to_owned(),
            reason: error.to_string(),
        })?;
        Ok(Self { config, client, runtime })
    }

    /// Removes what lies before these offsets.
    ///
    /// # Errors
    /// When the broker does not answer or says no. Nothing is lost then: more is kept than needed.
    pub fn trim(&self, before: &[(TopicPartition, i64)]) -> Result<(), KafkaTrouble> {
        let trouble = |error| KafkaTrouble::of(&self.config, "removing old records", &error);
        let mut list = TopicPartitionList::new();
        for (place, offset) in before {
            list.add_partition_offset(&place.topic, place.partition, Offset::Offset(*offset)).map_err(trouble)?;
        }
        let options = AdminOptions::new().operation_timeout(Some(Duration::from_secs(20)));
        self.runtime.block_on(self.client.delete_records(&list, &options)).map(|_| ()).map_err(trouble)
    }
}
