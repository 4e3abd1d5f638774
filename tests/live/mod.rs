//! Support for tests that run the real program on a real broker: topics and records, processes that can be killed, and
//! what they said, as a consumer of their topics sees it.
#![allow(
    clippy::print_stderr,
    clippy::zombie_processes,
    clippy::drop_non_drop,
    clippy::unused_self,
    reason = "a test may take the short way"
)]
#![allow(dead_code, reason = "each test program uses a part")]
#![allow(clippy::unwrap_used, reason = "a test may stop where it stands")]
#![allow(clippy::disallowed_methods, reason = "tests wait for other processes")]

pub(crate) mod avro;
pub(crate) mod plain;
pub(crate) mod said;
pub(crate) mod service;
pub(crate) mod stream;

use std::collections::BTreeSet;
use std::path::PathBuf;
use std::sync::OnceLock;
use std::time::{Duration, Instant};

use rdkafka::consumer::{BaseConsumer, Consumer as _};
use rdkafka::error::KafkaError;
use rdkafka::message::{Headers as _, Message as _};
use rdkafka::{Offset, TopicPartitionList};

use crate::broker::Broker;

/// How long a service may take to work through what is there.
const PATIENCE: Duration = Duration::from_mins(2);

/// The broker of all tests of a program. It dies with this program.
pub(crate) fn broker() -> &'static Broker {
    static BROKER: OnceLock<Broker> = OnceLock::new();
    BROKER.get_or_init(Broker::start)
}

/// A pair of input topics.
#[derive(Clone, Debug)]
pub(crate) struct Inputs {
    pub(crate) inferences: String,
    pub(crate) labels: String,
    pub(crate) partitions: i32,
}

impl Inputs {
    pub(crate) fn new(partitions: i32) -> Self {
        Self::uneven(partitions, partitions)
    }

    /// With so many partitions of predictions and of labels.
    pub(crate) fn uneven(partitions: i32, of_labels: i32) -> Self {
        let id = crate::broker::unique("in");
        let inputs = Self { inferences: format!("{id}.predictions"), labels: format!("{id}.outcomes"), partitions };
        // The records are as old, or as new, as their times say.
        let settings = [
            ("retention.ms", "-1"),
            ("segment.ms", "9223372036854775807"),
            ("message.timestamp.after.max.ms", "9223372036854775807"),
            ("max.message.bytes", "20000000"),
        ];
        broker().create_topic(&inputs.inferences, partitions, &settings);
        broker().create_topic(&inputs.labels, of_labels, &settings);
        inputs
    }
}

/// One deployment: a group and a prefix, with its configuration in a folder of its own.
pub(crate) struct Site {
    pub(crate) folder: tempfile::TempDir,
    pub(crate) id: String,
    pub(crate) inputs: Inputs,
    common: String,
}

impl Site {
    /// `topics` are further keys of both topics, such as `out_of_order`; `models` all keys about models.
    pub(crate) fn new(inputs: &Inputs, topics: [&str; 2], models: &str, judges: u32) -> Self {
        // So long that nothing is closed by the clock on the wall.
        Self::patient(inputs, topics, models, judges, "1h")
    }

    /// The same, where silence counts after `idle`.
    pub(crate) fn patient(inputs: &Inputs, topics: [&str; 2], models: &str, judges: u32, idle: &str) -> Self {
        let id = crate::broker::unique("site");
        let common = format!(
            "kafka:\n  brokers: '{}'\n  group: {id}\n  properties: {{session.timeout.ms: '6000', heartbeat.interval.ms: '1000'}}\n\
             topics:\n  inferences: {{name: {}, {}}}\n  labels: {{name: {}, {}}}\n  prefix: {id}\n\
             commit: {{interval: 250ms}}\nidle: {idle}\njudges: {judges}\n{models}",
            broker().bootstrap(),
            inputs.inferences,
            topics[0],
            inputs.labels,
            topics[1]
        );
        let folder = tempfile::tempdir().unwrap();
        let site = Self { folder, id, inputs: inputs.clone(), common };
        let created = site.command(&["topics", "create"]).output().unwrap();
        assert!(created.status.success(), "{}", String::from_utf8_lossy(&created.stderr));
        site
    }

    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    pub(crate) fn topic(&self, end: &str) -> String {
        format!("{}.{end}.v1", self.id)
    }

    /// Writes a configuration with some further keys.
    pub(crate) fn configuration(&self, name: &str, more: &str) -> PathBuf {
        let path = self.path(name);
        std::fs::write(&path, format!("{}\n{more}\n", self.common)).unwrap();
        path
    }

    /// Changes the configuration, for what is started or asked from now on.
    pub(crate) fn change(&mut self, was: &str, now: &str) {
        assert!(self.common.contains(was), "'{was}' is not in {}", self.common);
        self.common = self.common.replace(was, now);
    }

    /// The file of the baselines.
    pub(crate) fn baseline(&self) -> String {
        let (_, rest) = self.common.split_once("baseline: ").expect("the models have a baseline");
        rest.split(['}', ',', '\n']).next().unwrap().to_owned()
    }

    /// The program, with this site's configuration.
    pub(crate) fn command(&self, words: &[&str]) -> std::process::Command {
        let mut command = std::process::Command::new(env!("CARGO_BIN_EXE_truthline"));
        command.args(words).arg("--config").arg(self.configuration("truthline.yaml", ""));
        command
    }

    /// Waits until the lanes have committed everything that is in the inputs, and the judges what the lanes committed.
    /// `look` is called now and then.
    pub(crate) fn settle(&self, mut look: impl FnMut()) {
        let begun = Instant::now();
        for topic in [&self.inputs.inferences, &self.inputs.labels] {
            self.wait(&self.id, (topic, "read_committed"), begun, &mut look);
        }
        // The offsets of a transaction can be seen a moment before its records: so all that are written count here.
        let deltas = self.topic("deltas");
        self.wait(&format!("{}.judges", self.id), (&deltas, "read_uncommitted"), begun, &mut look);
    }

    /// The same, where a stage writes the inputs anew before the lanes read them.
    pub(crate) fn settle_rewritten(&self, mut look: impl FnMut()) {
        let begun = Instant::now();
        for topic in [&self.inputs.inferences, &self.inputs.labels] {
            self.wait(&format!("{}.rewrite", self.id), (topic, "read_committed"), begun, &mut look);
        }
        for end in ["inferences", "labels"] {
            self.wait(&self.id, (&self.topic(end), "read_committed"), begun, &mut look);
        }
        self.wait(&format!("{}.judges", self.id), (&self.topic("deltas"), "read_uncommitted"), begun, &mut look);
    }

    fn wait(&self, group: &str, (topic, isolation): (&str, &str), begun: Instant, look: &mut impl FnMut()) {
        let ends = last_offsets(topic, isolation);
        let client: BaseConsumer = broker().client().set("group.id", group).create().unwrap();
        let mut wanted = TopicPartitionList::new();
        (0..ends.len()).for_each(|partition| drop(wanted.add_partition(topic, partition as i32)));
        let mut found = Vec::new();
        while begun.elapsed() < PATIENCE {
            look();
            // While a dead process's transaction is open, the broker does not answer.
            if let Ok(committed) = client.committed_offsets(wanted.clone(), Duration::from_secs(5)) {
                found = committed.elements().iter().map(|element| element.offset().to_raw()).collect();
                let past = |(end, found): (&Option<i64>, &Option<i64>)| end.is_none_or(|end| *found > Some(end));
                if ends.iter().zip(&found).all(past) {
                    return;
                }
            }
            std::thread::sleep(Duration::from_millis(100));
        }
        panic!("group {group} is at {found:?} of {topic}, whose last records are {ends:?}, after {PATIENCE:?}");
    }
}

/// A record as a consumer sees it.
#[derive(Clone, Debug)]
pub(crate) struct Got {
    pub(crate) partition: i32,
    pub(crate) offset: i64,
    pub(crate) key: Option<Vec<u8>>,
    pub(crate) value: Option<Vec<u8>>,
    pub(crate) headers: Vec<(String, Vec<u8>)>,
    pub(crate) millis: Option<i64>,
}

impl Got {
    pub(crate) fn header(&self, name: &str) -> Option<&str> {
        let found = self.headers.iter().find(|(known, _)| known == name)?;
        std::str::from_utf8(&found.1).ok()
    }
}

/// Everything that is committed in a topic.
pub(crate) fn read(topic: &str) -> Vec<Got> {
    read_as(topic, "read_committed")
}

fn read_as(topic: &str, isolation: &str) -> Vec<Got> {
    let mut client = broker().client();
    client.set("group.id", "reader").set("isolation.level", isolation).set("enable.partition.eof", "true");
    client.set("enable.auto.commit", "false").set("fetch.queue.backoff.ms", "10");
    let consumer: BaseConsumer = client.create().unwrap();
    let partitions = partitions(&consumer, topic);
    let mut list = TopicPartitionList::new();
    for partition in 0..partitions {
        list.add_partition_offset(topic, partition, Offset::Beginning).unwrap();
    }
    consumer.assign(&list).unwrap();
    let (begun, mut got, mut ended) = (Instant::now(), Vec::new(), BTreeSet::new());
    while ended.len() < partitions as usize {
        assert!(begun.elapsed() < PATIENCE, "{topic} has no end after {PATIENCE:?}");
        match consumer.poll(Duration::from_millis(200)) {
            Some(Ok(message)) => {
                let headers = message.headers().into_iter().flat_map(|headers| headers.iter());
                let headers = headers.map(|one| (one.key.to_owned(), one.value.unwrap_or_default().to_vec())).collect();
                got.push(Got {
                    partition: message.partition(),
                    offset: message.offset(),
                    key: message.key().map(<[u8]>::to_vec),
                    value: message.payload().map(<[u8]>::to_vec),
                    headers,
                    millis: message.timestamp().to_millis(),
                });
            }
            Some(Err(KafkaError::PartitionEOF(partition))) => drop(ended.insert(partition)),
            Some(Err(error)) => panic!("{topic}: {error}"),
            None => {}
        }
    }
    got
}

fn partitions(consumer: &BaseConsumer, topic: &str) -> i32 {
    let metadata = consumer.fetch_metadata(Some(topic), Duration::from_secs(20)).unwrap();
    i32::try_from(metadata.topics()[0].partitions().len()).unwrap()
}

/// The offset of the last record of each partition; markers of transactions are none.
fn last_offsets(topic: &str, isolation: &str) -> Vec<Option<i64>> {
    let consumer: BaseConsumer = broker().client().create().unwrap();
    let mut last = vec![None; partitions(&consumer, topic) as usize];
    for got in read_as(topic, isolation) {
        let last = &mut last[got.partition as usize];
        *last = (*last).max(Some(got.offset));
    }
    last
}
