//! What topics are there, how are they set, and how is one created?

use std::collections::BTreeMap;
use std::time::Duration;

use rdkafka::TopicPartitionList;
use rdkafka::admin::{AdminClient, AdminOptions, ConfigResourceResult, NewTopic, ResourceSpecifier, TopicReplication};
use rdkafka::consumer::{BaseConsumer, Consumer as _};
use rdkafka::error::{KafkaError, RDKafkaErrorCode as Code};
use rdkafka::metadata::Metadata;
use rdkafka::topic_partition_list::TopicPartitionListElem;
use tokio::runtime::{Builder, Runtime};

use super::error::{KafkaTrouble, Right, code_of, not_allowed_code};
use super::log::Heard;
use super::topology::Planned;
use super::{principal::principal, settings};
use crate::config::Config;

/// How often a broker is tried, and how long each time: together ten seconds.
const TRIES: u32 = 10;
const TRY: Duration = Duration::from_secs(1);
/// How long any later question may take.
const ANSWER: Duration = Duration::from_secs(10);

/// What the brokers say about one topic.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Found {
    /// It is there.
    There {
        /// Its number of partitions.
        partitions: u32,
    },
    /// There is no such topic.
    Missing,
    /// This user may not see whether it is there.
    Hidden,
}

/// A connection that asks about topics and creates them.
pub struct Admin<'a> {
    config: &'a Config,
    /// Knows topics and partitions, and hears why a broker does not answer.
    reader: BaseConsumer<Heard>,
    client: AdminClient<Heard>,
    runtime: Runtime,
}

impl<'a> Admin<'a> {
    /// Connects within ten seconds.
    ///
    /// # Errors
    /// If the settings of the client are wrong, no broker answers, or the user is refused.
    pub fn connect(config: &'a Config) -> Result<Self, KafkaTrouble> {
        let made = |error: KafkaError| KafkaTrouble::of(config, "making a client", &error);
        let mut reading = settings::reader(config);
        // It reads nothing but the ends of topics, so it need not wait for more to come.
        reading.set("fetch.wait.max.ms", "10");
        // It joins no group. A name that no member has keeps a group with members from taking it for one of them.
        reading.set("group.instance.id", "truthline-topics");
        let reader = reading.create_with_context(Heard::default()).map_err(made)?;
        let client = settings::admin(config).create_with_context(Heard::default()).map_err(made)?;
        let runtime = Builder::new_current_thread().build().map_err(|error| KafkaTrouble::Failed {
            doing: "starting the administration client".into(),
            reason: error.to_string(),
        })?;
        let admin = Self { config, reader, client, runtime };
        admin.reach()?;
        Ok(admin)
    }

    /// Waits for a broker; ends at once when it refuses this user.
    fn reach(&self) -> Result<(), KafkaTrouble> {
        let mut words = Vec::new();
        for tried in 1.. {
            let Err(error) = self.reader.fetch_metadata(Some(&self.config.topics.inferences.name), TRY) else { break };
            self.listen();
            words.extend(self.reader.client().context().take());
            let trouble = KafkaTrouble::with_words(self.config, "asking for topics", &error, &words);
            if tried == TRIES || !matches!(trouble, KafkaTrouble::Unreachable { .. }) {
                return Err(trouble);
            }
        }
        Ok(())
    }

    /// Lets the client tell what it has to say.
    pub(super) fn listen(&self) {
        while self.reader.poll(Duration::ZERO).is_some() {}
    }

    pub(super) fn reader(&self) -> &BaseConsumer<Heard> {
        &self.reader
    }

    /// What an error means, with what the client said beside it.
    pub(super) fn trouble(&self, doing: &str, error: &KafkaError) -> KafkaTrouble {
        self.listen();
        KafkaTrouble::with_words(self.config, doing, error, &self.reader.client().context().take())
    }

    fn metadata(&self, topic: &str) -> Result<Metadata, KafkaTrouble> {
        let doing = format!("asking for the topic {topic}");
        self.reader.fetch_metadata(Some(topic), ANSWER).map_err(|error| self.trouble(&doing, &error))
    }

    /// Whether a topic is there, and with how many partitions.
    ///
    /// # Errors
    /// If the brokers do not answer, or one of its partitions has no leader.
    pub fn find(&self, topic: &str) -> Result<Found, KafkaTrouble> {
        let metadata = self.metadata(topic)?;
        let Some(found) = metadata.topics().iter().find(|known| known.name() == topic) else {
            return Ok(Found::Missing);
        };
        match found.error().map(Code::from) {
            None | Some(Code::LeaderNotAvailable) => {}
            Some(Code::UnknownTopicOrPartition | Code::UnknownTopic) => return Ok(Found::Missing),
            Some(Code::TopicAuthorizationFailed) => return Ok(Found::Hidden),
            Some(Code::InvalidTopic) => {
                let problem = format!(
                    "'{topic}' cannot be the name of a topic; accepted: letters, digits, '.', '_' and '-', at most 249"
                );
                return Err(KafkaTrouble::Wrong { problems: vec![problem] });
            }
            Some(code) => {
                return Err(KafkaTrouble::Failed {
                    doing: format!("asking for the topic {topic}"),
                    reason: code.to_string(),
                });
            }
        }
        if let Some(partition) = found.partitions().iter().find(|partition| partition.leader() < 0) {
            return Err(KafkaTrouble::Unreachable {
                brokers: self.config.kafka.brokers.clone(),
                reason: format!("partition {} of the topic {topic} has no leader", partition.id()),
            });
        }
        let partitions = u32::try_from(found.partitions().len()).unwrap_or(u32::MAX);
        Ok(if partitions == 0 { Found::Missing } else { Found::There { partitions } })
    }

    /// The settings of a topic in force, defaults included; `None` if this user may not see them.
    ///
    /// # Errors
    /// If the brokers do not answer.
    pub fn settings(&self, topic: &str) -> Result<Option<BTreeMap<String, String>>, KafkaTrouble> {
        let doing = format!("asking for the settings of the topic {topic}");
        self.describe(&doing, &ResourceSpecifier::Topic(topic))
    }

    /// How many copies a topic gets where nothing else is said; `None` if this user may not see it.
    ///
    /// # Errors
    /// If the brokers do not answer.
    pub fn default_replication(&self) -> Result<Option<u32>, KafkaTrouble> {
        let metadata = self.metadata(&self.config.topics.inferences.name)?;
        let Some(broker) = metadata.brokers().first() else { return Ok(None) };
        let settings = self.describe("asking for the settings of a broker", &ResourceSpecifier::Broker(broker.id()))?;
        Ok(settings.and_then(|settings| settings.get("default.replication.factor")?.parse().ok()))
    }

    fn describe(
        &self,
        doing: &str,
        resource: &ResourceSpecifier<'_>,
    ) -> Result<Option<BTreeMap<String, String>>, KafkaTrouble> {
        let options = AdminOptions::new().request_timeout(Some(ANSWER));
        let answer = self.runtime.block_on(self.client.describe_configs([resource], &options));
        let failed = |error: KafkaError| match code_of(&error) {
            Some(code) if not_allowed_code(code) => Ok(None),
            _ => Err(self.trouble(doing, &error)),
        };
        let resources: Vec<ConfigResourceResult> = match answer {
            Ok(resources) => resources,
            Err(error) => return failed(error),
        };
        match resources.into_iter().next() {
            // The client drops the error of a single resource; what may be seen has at least one setting.
            Some(Ok(resource)) if resource.entries.is_empty() => Ok(None),
            Some(Ok(resource)) => {
                let entries = resource.entries.into_iter();
                Ok(Some(entries.filter_map(|entry| Some((entry.name, entry.value?))).collect()))
            }
            Some(Err(code)) => failed(KafkaError::AdminOp(code)),
            None => Ok(None),
        }
    }

    /// Creates a topic with `partitions` partitions and as many copies as the cluster gives by default. False if
    /// somebody else was faster.
    ///
    /// # Errors
    /// If the brokers do not answer or refuse.
    pub fn create(&self, topic: &Planned, partitions: u32) -> Result<bool, KafkaTrouble> {
        let doing = format!("creating the topic {}", topic.name);
        let count = i32::try_from(partitions).unwrap_or(i32::MAX);
        let mut new = NewTopic::new(&topic.name, count, TopicReplication::Fixed(-1));
        for (name, value) in &topic.settings {
            new = new.set(name, value);
        }
        let options = AdminOptions::new().request_timeout(Some(ANSWER)).operation_timeout(Some(ANSWER));
        let answer = self.runtime.block_on(self.client.create_topics([&new], &options));
        let results = answer.map_err(|error| self.not_created(&doing, topic, &error))?;
        match results.into_iter().next() {
            Some(Err((_, Code::TopicAlreadyExists))) => Ok(false),
            Some(Err((_, code))) => Err(self.not_created(&doing, topic, &KafkaError::AdminOp(code))),
            Some(Ok(_)) | None => Ok(true),
        }
    }

    fn not_created(&self, doing: &str, topic: &Planned, error: &KafkaError) -> KafkaTrouble {
        match code_of(error) {
            Some(code) if not_allowed_code(code) => KafkaTrouble::NotAllowed {
                missing: vec![Right::new("Create", "topic", &topic.name)],
                principal: principal(self.config),
            },
            _ => self.trouble(doing, error),
        }
    }

    /// Whether this user may remove records: tried by removing those before the oldest, which are none.
    pub(super) fn may_trim(&self, topic: &str) -> Result<bool, KafkaTrouble> {
        let doing = format!("asking for the oldest record of the topic {topic}");
        let (oldest, _) =
            self.reader.fetch_watermarks(topic, 0, ANSWER).map_err(|error| self.trouble(&doing, &error))?;
        self.delete_records(topic, 0, oldest)
    }

    /// Removes the records of a partition before `offset`. False if this user may not.
    ///
    /// # Errors
    /// If the brokers do not answer or refuse for another reason.
    pub fn delete_records(&self, topic: &str, partition: i32, offset: i64) -> Result<bool, KafkaTrouble> {
        let doing = format!("removing old records of the topic {topic}");
        let mut upto = TopicPartitionList::new();
        upto.add_partition_offset(topic, partition, rdkafka::Offset::Offset(offset))
            .map_err(|error| self.trouble(&doing, &error))?;
        let options = AdminOptions::new().request_timeout(Some(ANSWER)).operation_timeout(Some(ANSWER));
        let answer = self.runtime.block_on(self.client.delete_records(&upto, &options));
        let outcome = answer.and_then(|list| list.elements().iter().try_for_each(TopicPartitionListElem::error));
        match outcome {
            Ok(()) => Ok(true),
            Err(error) if code_of(&error).is_some_and(not_allowed_code) => Ok(false),
            Err(error) => Err(self.trouble(&doing, &error)),
        }
    }
}
