//! May this user do what `run` will do, tried without leaving a record or an offset behind?
//!
//! A right to read is tried by a fetch at the end of the topic. A right to write is tried by a transaction that names
//! every topic, keeps its records in the client, and is aborted: the brokers check the rights when a topic joins the
//! transaction, and no reader of any isolation level sees anything of it.

use std::time::Duration;

use rdkafka::consumer::Consumer as _;
use rdkafka::error::{KafkaError, RDKafkaErrorCode as Code};
use rdkafka::producer::{BaseProducer, BaseRecord, Producer as _, PurgeConfig};
use rdkafka::{Offset, TopicPartitionList};

use super::admin::Admin;
use super::error::{KafkaTrouble, Right, code_of, not_allowed_code};
use super::log::{Heard, Word};
use super::settings;
use crate::config::Config;

/// How often the end of a topic is waited for, and how long each time.
const POLLS: u32 = 100;
const POLL: Duration = Duration::from_millis(100);
/// How long the brokers may take to start a transaction.
const START: Duration = Duration::from_secs(15);
/// How long topics have to join the transaction.
const JOIN: Duration = Duration::from_millis(300);
const ANSWER: Duration = Duration::from_secs(5);
/// A partition that no topic has: nobody asks for its offset, so a pending one disturbs nobody.
const NO_PARTITION: i32 = i32::MAX - 1;

/// The rights that reading `topic` lacks.
pub(super) fn reading(admin: &Admin<'_>, config: &Config, topic: &str) -> Result<Option<Right>, KafkaTrouble> {
    let doing = format!("reading the topic {topic}");
    let trouble = |error: &KafkaError| admin.trouble(&doing, error);
    let mut place = TopicPartitionList::new();
    place.add_partition_offset(topic, 0, Offset::End).map_err(|error| trouble(&error))?;
    let reader = admin.reader();
    reader.assign(&place).map_err(|error| trouble(&error))?;
    let mut last = None;
    for _ in 0..POLLS {
        let denied = match reader.poll(POLL) {
            None => continue,
            Some(Ok(_) | Err(KafkaError::PartitionEOF(_))) => return Ok(None),
            Some(Err(error)) => match code_of(&error) {
                Some(Code::TopicAuthorizationFailed) => Right::new("Read", "topic", topic),
                Some(Code::GroupAuthorizationFailed) => Right::new("Read", "group", &config.kafka.group),
                _ => {
                    last = Some(error);
                    continue;
                }
            },
        };
        return Ok(Some(denied));
    }
    Err(trouble(&last.unwrap_or(KafkaError::MessageConsumption(Code::OperationTimedOut))))
}

/// The rights that writing `topics` in transactions with the offsets of the group lacks. `id` is a transactional id
/// that nobody else uses now.
pub(super) fn writing(
    admin: &Admin<'_>,
    config: &Config,
    id: &str,
    topics: &[&str],
) -> Result<Vec<Right>, KafkaTrouble> {
    let mut client = settings::producer(config, Some(id));
    // Longer than the probe takes: the records never leave the client.
    client.set("linger.ms", "20000").set("message.timeout.ms", "25000").set("transaction.timeout.ms", "30000");
    let made = client.create_with_context::<_, BaseProducer<Heard>>(Heard::default());
    let producer = made.map_err(|error| KafkaTrouble::of(config, "making a producer", &error))?;
    let doing = "starting a transaction";
    let failed = |error: &KafkaError| {
        producer.poll(Duration::ZERO);
        KafkaTrouble::with_words(config, doing, error, &producer.client().context().take())
    };
    if let Err(error) = producer.init_transactions(START) {
        return match code_of(&error) {
            Some(Code::TransactionalIdAuthorizationFailed) => Ok(vec![Right::new("Write", "transactional id", id)]),
            _ => Err(failed(&error)),
        };
    }
    // The group has a transaction of its own, because one refused topic ends the transaction for all others.
    producer.begin_transaction().map_err(|error| failed(&error))?;
    let group = join_group(admin, config, &producer);
    abort(&producer);
    producer.begin_transaction().map_err(|error| failed(&error))?;
    for topic in topics {
        let record = BaseRecord::<(), _>::to(topic).partition(0).payload("");
        producer.send(record).map_err(|(error, _)| failed(&error))?;
    }
    producer.poll(JOIN);
    // The coordinator answers in order: after this answer, that about the topics is there.
    let all = join_group(admin, config, &producer);
    producer.poll(Duration::ZERO);
    let mut missing = denied(&producer.client().context().take(), topics);
    if all == Err(Code::TopicAuthorizationFailed) && missing.is_empty() && group.is_ok() {
        missing.push(Right::new("Write", "one of the topics", &topics.join(", ")));
    }
    if group == Err(Code::GroupAuthorizationFailed) {
        missing.push(Right::new("Read", "group", &config.kafka.group));
    }
    abort(&producer);
    Ok(missing)
}

/// Nothing was sent, so nothing is in doubt: what cannot be aborted now ends with its timeout.
fn abort(producer: &BaseProducer<Heard>) {
    producer.purge(PurgeConfig::default().queue().inflight());
    producer.poll(Duration::ZERO);
    if let Err(error) = producer.abort_transaction(ANSWER) {
        tracing::debug!("the transaction of the check was not aborted: {error}");
    }
}

/// Lets the group join the transaction; the code of a refusal.
fn join_group(admin: &Admin<'_>, config: &Config, producer: &BaseProducer<Heard>) -> Result<(), Code> {
    let Some(group) = admin.reader().group_metadata() else { return Ok(()) };
    let mut offsets = TopicPartitionList::new();
    let added =
        offsets.add_partition_offset(&config.topics.inferences.name, NO_PARTITION, Offset::Offset(0)).map_err(|_| ());
    if added.is_err() {
        return Ok(());
    }
    match producer.send_offsets_to_transaction(&offsets, &group, ANSWER) {
        Err(error) if code_of(&error).is_some_and(not_allowed_code) => code_of(&error).map_or(Ok(()), Err),
        Err(error) => {
            tracing::debug!("the group did not join the transaction of the check: {error}");
            Ok(())
        }
        Ok(()) => Ok(()),
    }
}

/// The topics that the client names as refused.
fn denied(words: &[Word], topics: &[&str]) -> Vec<Right> {
    let refused = |topic: &&&str| {
        let named = format!("\"{topic}\"");
        words.iter().any(|word| word.text.contains(&named) && word.text.contains("authorization failed"))
    };
    topics.iter().filter(refused).map(|topic| Right::new("Write", "topic", topic)).collect()
}
