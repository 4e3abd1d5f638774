//! May this user do what `run` will do, tried without leaving a record or an offset behind?
//!
//! A right to read is tried by a fetch at the end of the topic. A right to write is tried by a transaction that names
//! every topic, keeps its records in the client, and is aborted: the brokers check the rights when a topic joins the
//! transaction, and no reader of any isolation level sees anything of it.

use std::time::Duration;

use rdkafka::consumer::{BaseConsumer, Consumer as _};
use rdkafka::error::{KafkaError, RDKafkaErrorCode as Code};
use rdkafka::producer::{BaseProducer, BaseRecord, Producer as _, PurgeConfig};
use rdkafka::{Offset, TopicPartitionList};

use super::admin::Admin;
use super::error::{KafkaTrouble, Right, code_of, not_allowed_code};
use super::log::{Heard, Word};
use super::serve::serve;
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
/// How often the client is polled for what it purged, and how long each time.
const PURGES: u32 = 50;
const PURGE: Duration = Duration::from_millis(10);

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

/// The rights that writing `topics` in transactions with the offsets of all groups lacks. `id` is a transactional id
/// that nobody else uses now.
pub(super) fn writing(config: &Config, id: &str, topics: &[&str]) -> Result<Vec<Right>, KafkaTrouble> {
    let mut missing = Vec::new();
    // The group has a transaction of its own, because one refused topic ends the transaction for all others.
    let mut group = None;
    let rewriters = config.join.repartition.then(|| settings::rewriters_group(config));
    for name in [config.kafka.group.clone(), settings::judges_group(config)].into_iter().chain(rewriters) {
        group = attempt(config, id, &name, &[])?.code;
        match group {
            Some(Code::TransactionalIdAuthorizationFailed) => {
                return Ok(vec![Right::new("Write", "transactional id", id)]);
            }
            Some(Code::GroupAuthorizationFailed) => missing.push(Right::new("Read", "group", &name)),
            _ => {}
        }
    }
    // The first refusal ends a transaction, and others may not have been asked for: ask again without those refused.
    let mut rest = topics.to_vec();
    while !rest.is_empty() {
        let Lesson { words, code } = attempt(config, id, &config.kafka.group, &rest)?;
        let refused: Vec<&str> = rest.iter().copied().filter(|topic| is_denied(&words, topic)).collect();
        if refused.is_empty() {
            // Without any topic the same refusal is about the right to read the input, which `reading` has named.
            if code == Some(Code::TopicAuthorizationFailed) && code != group {
                missing.push(Right::new("Write", "one of the topics", &rest.join(", ")));
            }
            break;
        }
        rest.retain(|topic| !refused.contains(topic));
        missing.extend(refused.into_iter().map(|topic| Right::new("Write", "topic", topic)));
    }
    Ok(missing)
}

/// What one transaction taught.
struct Lesson {
    /// What the client said meanwhile.
    words: Vec<Word>,
    /// Why it was refused, where the group joined or the transaction began.
    code: Option<Code>,
}

/// Lets `topics` and the group join one transaction that is then aborted. A client of its own each time, because a
/// refused one may be of no further use.
fn attempt(config: &Config, id: &str, group: &str, topics: &[&str]) -> Result<Lesson, KafkaTrouble> {
    let mut client = settings::producer(config, Some(id));
    // Longer than the attempt takes: the records never leave the client.
    client.set("linger.ms", "20000").set("message.timeout.ms", "25000").set("transaction.timeout.ms", "30000");
    let made = client.create_with_context::<_, BaseProducer<Heard>>(Heard::default());
    let producer = made.map_err(|error| KafkaTrouble::of(config, "making a producer", &error))?;
    let failed = |error: &KafkaError| {
        producer.poll(Duration::ZERO);
        let words = producer.client().context().take();
        KafkaTrouble::with_words(config, "trying a transaction", error, &words)
    };
    match producer.init_transactions(START) {
        Err(error) if code_of(&error).is_some_and(not_allowed_code) => {
            return Ok(Lesson { words: Vec::new(), code: code_of(&error) });
        }
        begun => begun.and_then(|()| producer.begin_transaction()).map_err(|error| failed(&error))?,
    }
    for topic in topics {
        // A topic that the client does not know yet would join too late to be noticed.
        producer.client().fetch_metadata(Some(topic), ANSWER).map_err(|error| failed(&error))?;
    }
    for topic in topics {
        match producer.send(BaseRecord::<(), _>::to(topic).partition(0).payload("")) {
            // A transaction that was refused meanwhile takes no more.
            Err((error, _)) if code_of(&error) != Some(Code::State) => return Err(failed(&error)),
            _ => {}
        }
    }
    if !topics.is_empty() {
        serve(&producer, JOIN);
    }
    // The coordinator answers in order: after this answer, those about the topics are there.
    let code = join_group(config, group, &producer).err();
    producer.poll(Duration::ZERO);
    let words = producer.client().context().take();
    abort(&producer);
    Ok(Lesson { words, code })
}

/// Nothing was sent, so nothing is in doubt: what cannot be aborted now ends with its timeout.
fn abort(producer: &BaseProducer<Heard>) {
    producer.purge(PurgeConfig::default().queue().inflight());
    // What is purged is reported, and reports that nobody has heard hold up the end.
    for _ in 0..PURGES {
        if producer.in_flight_count() == 0 {
            break;
        }
        serve(producer, PURGE);
    }
    if let Err(error) = producer.abort_transaction(ANSWER) {
        tracing::debug!("the transaction of the check was not aborted: {error}");
    }
}

/// Lets the group join the transaction; the code of a refusal.
///
/// The offset is never committed. A group with members does not even take it, because it does not know this one, so
/// nobody who asks for the offset has to wait for the end of the transaction.
fn join_group(config: &Config, group: &str, producer: &BaseProducer<Heard>) -> Result<(), Code> {
    // It joins nothing; only its name is needed.
    let mut client = settings::reader(config);
    client.set("group.id", group);
    let Ok(reader) = client.create_with_context::<_, BaseConsumer<Heard>>(Heard::default()) else { return Ok(()) };
    let Some(group) = reader.group_metadata() else { return Ok(()) };
    let mut offsets = TopicPartitionList::new();
    if offsets.add_partition_offset(&config.topics.inferences.name, 0, Offset::Offset(0)).is_err() {
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

/// Whether the client names the topic as refused. Only its log says which one it was.
fn is_denied(words: &[Word], topic: &str) -> bool {
    let named = format!("\"{topic}\"");
    words.iter().any(|word| word.text.contains(&named) && word.text.contains("authorization failed"))
}
