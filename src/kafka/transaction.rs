//! How do results and progress become visible together, or not at all?
//!
//! One producer, one transaction at a time. The broker makes its records and its offsets visible together. Whatever is
//! doubtful ends the producer: a new one with the same id completes what was prepared, aborts the rest and fences the
//! old one, so that the committed offsets say what happened. Nothing is guessed.

use std::sync::Arc;
use std::time::{Duration, Instant};

use rdkafka::config::FromClientConfigAndContext as _;
use rdkafka::error::{KafkaError, RDKafkaErrorCode};
use rdkafka::message::{Header, Message as _, OwnedHeaders, ToBytes};
use rdkafka::producer::{BaseProducer, BaseRecord, DeliveryResult, Producer as _, PurgeConfig};
use rdkafka::topic_partition_list::{Offset, TopicPartitionList};
use rdkafka::util::Timeout;

use super::member::{Member, TopicPartition};
use super::serve::{Context, Deliveries, serve};
use super::{KafkaTrouble, settings};
use crate::config::Config;

/// How long the records of a transaction may take to be written.
const DRAIN: Duration = Duration::from_secs(25);
/// How long one call to the coordinator may take before it is repeated.
const CALL: Duration = Duration::from_secs(10);
/// How often a call that may be repeated is repeated.
const TRIES: u32 = 3;

/// One record to write.
#[derive(Clone, Debug, Default)]
pub struct Record<'a> {
    /// The topic.
    pub topic: &'a str,
    /// The partition; `None` by the key.
    pub partition: Option<i32>,
    /// The key.
    pub key: Option<&'a [u8]>,
    /// The content; `None` removes the key from a compacted topic.
    pub value: Option<&'a [u8]>,
    /// Headers.
    pub headers: &'a [(&'a str, &'a [u8])],
    /// Time of the record in milliseconds; `None` is now.
    pub millis: Option<i64>,
    /// A number under which the offset of the record is told after the commit; 0 for none.
    pub ticket: usize,
}

struct Bytes<'a>(&'a [u8]);

impl ToBytes for Bytes<'_> {
    fn to_bytes(&self) -> &[u8] {
        self.0
    }
}

/// What has become of the records of the open transaction.
#[derive(Default)]
struct Told {
    failed: Option<KafkaError>,
    /// Ticket and offset of the records that asked for it.
    offsets: Vec<(usize, i64)>,
}

impl Deliveries for Told {
    fn note(&mut self, result: &DeliveryResult<'_>, ticket: usize) {
        match result {
            Err((error, _)) => {
                self.failed.get_or_insert(error.clone());
            }
            Ok(message) if ticket != 0 => self.offsets.push((ticket, message.offset())),
            Ok(_) => {}
        }
    }
}

/// What [`Failure::Fenced`] means where nobody else has the name.
pub const FENCED: &str = "the broker had ended the transaction of this process, which stood still for too long";

/// Why a transaction was not committed, and what may be done about it.
#[derive(Debug)]
pub enum Failure {
    /// It is not committed, or nobody knows: the transactions must be started anew, and the committed offsets say what
    /// happened.
    Doubt(String),
    /// The broker takes nothing more under this name: another process has it, or this one stood still for longer than a
    /// transaction may last. [`Member::has_twin`] tells them apart.
    Fenced,
    /// It makes no sense to go on.
    Trouble(KafkaTrouble),
}

/// What a committed transaction was like.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Committed {
    /// Ticket and offset of each record that had one, in no order.
    pub offsets: Vec<(usize, i64)>,
    /// Records written.
    pub records: u64,
    /// Bytes of their values.
    pub bytes: u64,
    /// How long the commit took.
    pub took: Duration,
}

/// The producer of one lane or judge.
pub struct Transactions {
    config: Arc<Config>,
    id: String,
    producer: BaseProducer<Context<Told>>,
    open: bool,
    records: u64,
    bytes: u64,
}

impl Transactions {
    /// Starts under a transactional id. Whatever a predecessor left open is ended, and it is fenced.
    ///
    /// # Errors
    /// When the brokers cannot be reached, or refuse the id.
    pub fn start(config: Arc<Config>, id: String) -> Result<Self, KafkaTrouble> {
        let producer = Self::producer(&config, &id)?;
        Ok(Self { config, id, producer, open: false, records: 0, bytes: 0 })
    }

    fn producer(config: &Config, id: &str) -> Result<BaseProducer<Context<Told>>, KafkaTrouble> {
        let doing = format!("starting transactions as {id}");
        let trouble = |error| KafkaTrouble::of(config, &doing, &error);
        let client = settings::producer(config, Some(id));
        let producer = BaseProducer::from_config_and_context(&client, Context::default()).map_err(trouble)?;
        let mut tries = TRIES;
        loop {
            match producer.init_transactions(Duration::from_secs(30)) {
                Ok(()) => return Ok(producer),
                Err(KafkaError::Transaction(error)) if error.is_retriable() && tries > 1 => tries -= 1,
                Err(error) => return Err(trouble(error)),
            }
        }
    }

    /// Starts anew under the same id: afterwards nothing is open, and the committed offsets are final.
    ///
    /// # Errors
    /// As [`Transactions::start`].
    pub fn restart(&mut self) -> Result<(), KafkaTrouble> {
        self.producer.purge(PurgeConfig::default().queue().inflight());
        self.producer = Self::producer(&self.config, &self.id)?;
        self.open = false;
        (self.records, self.bytes) = (0, 0);
        Ok(())
    }

    /// Whether anything was sent since the last commit.
    pub const fn is_open(&self) -> bool {
        self.open
    }

    /// Sends one record; begins a transaction if none is open.
    ///
    /// # Errors
    /// When it cannot be sent; then the transaction cannot be committed.
    pub fn send(&mut self, record: &Record<'_>) -> Result<(), Failure> {
        if !self.open {
            self.producer.begin_transaction().map_err(|error| self.judge("beginning a transaction", &error))?;
            self.open = true;
        }
        let key = record.key.map(Bytes);
        let value = record.value.map(Bytes);
        loop {
            let mut base = BaseRecord::with_opaque_to(record.topic, record.ticket);
            if let Some(partition) = record.partition {
                base = base.partition(partition);
            }
            if let Some(millis) = record.millis {
                base = base.timestamp(millis);
            }
            if let Some(key) = &key {
                base = base.key(key);
            }
            if let Some(value) = &value {
                base = base.payload(value);
            }
            if !record.headers.is_empty() {
                let headers = record.headers.iter().fold(OwnedHeaders::new(), |headers, (key, value)| {
                    headers.insert(Header { key, value: Some(*value) })
                });
                base = base.headers(headers);
            }
            match self.producer.send(base) {
                Ok(()) => break,
                Err((KafkaError::MessageProduction(RDKafkaErrorCode::QueueFull), _)) => {
                    serve(&self.producer, Duration::from_millis(5));
                }
                Err((error, _)) => return Err(self.judge(&format!("writing to {}", record.topic), &error)),
            }
        }
        self.records += 1;
        self.bytes += record.value.map_or(0, |value| value.len() as u64);
        Ok(())
    }

    /// Lets the client tell what has been written, without waiting.
    pub fn serve(&self) {
        self.producer.poll(Duration::ZERO);
    }

    /// Makes all records visible together with the offsets of the member: next offset of each partition.
    ///
    /// # Errors
    /// When it is not committed or that is not known.
    pub fn commit(&mut self, member: &Member, offsets: &[(TopicPartition, i64)]) -> Result<Committed, Failure> {
        self.commit_with_notes(member, offsets.iter().map(|(place, offset)| (place, *offset, "")))
    }

    /// The same with a note beside each offset, of at most some hundred bytes; [`Member::committed_with_notes`] reads it.
    ///
    /// # Errors
    /// As [`Transactions::commit`].
    pub fn commit_with_notes<'a>(
        &mut self,
        member: &Member,
        offsets: impl Iterator<Item = (&'a TopicPartition, i64, &'a str)>,
    ) -> Result<Committed, Failure> {
        let begun = Instant::now();
        if !self.open {
            self.producer.begin_transaction().map_err(|error| self.judge("beginning a transaction", &error))?;
            self.open = true;
        }
        self.drain(begun)?;
        if member.is_lost() {
            return Err(Failure::Doubt("the assignment was lost".to_owned()));
        }
        let mut list = TopicPartitionList::new();
        for (partition, offset, note) in offsets {
            let mut added = list.add_partition(&partition.topic, partition.partition);
            added.set_offset(Offset::Offset(offset)).map_err(|error| Failure::Doubt(error.to_string()))?;
            if !note.is_empty() {
                added.set_metadata(note);
            }
        }
        self.call("sending offsets", |producer| {
            let sent = member.with_identity(|identity| producer.send_offsets_to_transaction(&list, identity, CALL));
            sent.unwrap_or(Ok(()))
        })?;
        self.end(begun)
    }

    /// Makes all records visible, without offsets of any group. Nothing to do if nothing was sent.
    ///
    /// # Errors
    /// As [`Transactions::commit`].
    pub fn commit_records(&mut self) -> Result<Committed, Failure> {
        let begun = Instant::now();
        if !self.open {
            return Ok(Committed::default());
        }
        self.drain(begun)?;
        self.end(begun)
    }

    fn end(&mut self, begun: Instant) -> Result<Committed, Failure> {
        self.call("committing", |producer| producer.commit_transaction(Timeout::Never))?;
        self.open = false;
        let offsets = std::mem::take(&mut self.producer.context().deliveries().offsets);
        let committed = Committed { offsets, records: self.records, bytes: self.bytes, took: begun.elapsed() };
        (self.records, self.bytes) = (0, 0);
        if self.config.commit.strict {
            self.restart().map_err(Failure::Trouble)?;
        }
        Ok(committed)
    }

    /// Waits until every record is written. The client's own flush would wait in steps of 100 ms.
    fn drain(&self, begun: Instant) -> Result<(), Failure> {
        while self.producer.in_flight_count() > 0 {
            if begun.elapsed() > DRAIN {
                return Err(Failure::Doubt(format!("{} records are not written", self.producer.in_flight_count())));
            }
            serve(&self.producer, Duration::from_millis(1));
        }
        match self.producer.context().deliveries().failed.take() {
            None => Ok(()),
            Some(error) => Err(self.judge("writing a record", &error)),
        }
    }

    /// Makes a call that may have to be repeated with the same arguments.
    fn call(
        &self,
        doing: &str,
        call: impl Fn(&BaseProducer<Context<Told>>) -> Result<(), KafkaError>,
    ) -> Result<(), Failure> {
        let mut tries = TRIES;
        loop {
            match call(&self.producer) {
                Ok(()) => return Ok(()),
                Err(KafkaError::Transaction(error)) if error.is_retriable() && tries > 1 => tries -= 1,
                Err(error) => return Err(self.judge(doing, &error)),
            }
        }
    }

    /// What an error means for the transaction.
    fn judge(&self, doing: &str, error: &KafkaError) -> Failure {
        let code = match error {
            KafkaError::Transaction(error) => Some(error.code()),
            other => other.rdkafka_error_code(),
        };
        // A fenced client fails in other words, too: its records are purged.
        let fatal = self.producer.client().fatal_error().map(|(code, _)| code);
        if [code, fatal].into_iter().flatten().any(is_fenced) {
            return Failure::Fenced;
        }
        let trouble = KafkaTrouble::of(&self.config, doing, error);
        match trouble.class() {
            super::TroubleClass::NotAllowed => Failure::Trouble(trouble),
            _ => Failure::Doubt(trouble.to_string()),
        }
    }
}

fn is_fenced(code: RDKafkaErrorCode) -> bool {
    use RDKafkaErrorCode as Code;
    matches!(code, Code::Fenced | Code::ProducerFenced | Code::InvalidProducerEpoch | Code::FencedInstanceId)
}
