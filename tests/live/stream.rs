//! A made-up log as records of two topics, and the same log as files.

use std::fmt::Write as _;

use rdkafka::message::{Header, OwnedHeaders};
use rdkafka::producer::{BaseRecord, Producer as _, ThreadedProducer};
use serde_json::Value as Json;
use truthline::event::{RequestKey, murmur2_partition};
use truthline::story::Chance;

use super::avro::Avros;
use super::{Inputs, broker};
use crate::support::{Item, Log};

/// One record to publish.
#[derive(Clone, Debug, Default)]
pub(crate) struct Post {
    pub(crate) label: bool,
    /// `None` by the key.
    pub(crate) partition: Option<i32>,
    pub(crate) key: Option<String>,
    pub(crate) value: Option<Vec<u8>>,
    /// The line of a file that says the same; `None` for what is in no file.
    pub(crate) line: Option<String>,
    pub(crate) millis: i64,
    pub(crate) headers: Vec<(&'static str, Vec<u8>)>,
}

impl Post {
    /// A JSON record under the key that it names, published at some microsecond.
    pub(crate) fn json(label: bool, published: i64, text: &str) -> Self {
        let read: Option<Json> = serde_json::from_str(text).ok();
        let id = read.and_then(|read| Some(read.get("request_id")?.as_str()?.to_owned()));
        let key = Some(id.unwrap_or_else(|| "unreadable".to_owned()));
        let value = Some(text.as_bytes().to_vec());
        // Rounded up, so that no record seems to come before its own time.
        let millis = (published + 999).div_euclid(1_000);
        Self { label, key, value, line: Some(text.to_owned()), millis, ..Self::default() }
    }

    /// The same as a record without a value, which takes back what was said of its key.
    fn taken_back(mut self) -> Self {
        let read: Json = serde_json::from_slice(self.value.as_ref().unwrap()).unwrap();
        self.millis = read["event_time"].as_i64().unwrap() / 1_000;
        self.value = None;
        let (key, time) = (self.key.as_ref().unwrap(), self.millis * 1_000);
        self.line = Some(format!(r#"{{"request_id":"{key}","event_time":{time},"withdrawn":true}}"#));
        self
    }
}

/// A log as it is published: both topics in the order of time, a third of the records as Avro, some labels taken back by
/// records without a value, and at last one prediction and one label on every partition, `tail` after the end of the
/// log, which close all before.
pub(crate) fn posts(log: &Log, partitions: u32, tail: i64) -> Vec<Post> {
    let avro = [Avros::predictions(), Avros::labels()];
    let mut posts = Vec::new();
    for item in log.plain_order() {
        let (label, (published, text)) = match item {
            Item::Inference(place) => (false, &log.inferences[place]),
            Item::Label(place) => (true, &log.labels[place]),
        };
        let mut post = Post::json(label, *published, text);
        let key = post.key.as_deref().unwrap();
        // All records of a request are written in one way, because a repeat is known by its content.
        let draw = RequestKey::new(key, 9).hash64();
        if text.contains(r#""withdrawn":true"#) && draw.is_multiple_of(2) {
            post = post.taken_back();
        } else if draw.is_multiple_of(3) && key != "unreadable" && !key.contains("bare") {
            post.value = Some(avro[usize::from(label)].write(text));
        }
        posts.push(post);
    }
    let time = log.end + tail;
    for partition in 0..partitions {
        let id = (0..).map(|number| format!("tail-{number}"));
        let id = id.into_iter().find(|id| murmur2_partition(id.as_bytes(), partitions) == partition).unwrap();
        let prediction = format!(
            r#"{{"request_id":"{id}","event_time":{time},"model":"fraud","version":"v1","score":0.25,"threshold":0.5,"features":{{"amount":20.5,"tenure":7,"method":"card","country":"DE"}}}}"#
        );
        posts.push(Post::json(false, time, &prediction));
        posts.push(Post::json(true, time, &format!(r#"{{"request_id":"{id}","event_time":{time},"label":0}}"#)));
    }
    posts
}

/// The same as two files, predictions and labels; without what is in no file.
pub(crate) fn files(posts: &[Post]) -> [String; 2] {
    let mut files = [String::new(), String::new()];
    for post in posts {
        if let Some(line) = &post.line {
            let _ = writeln!(files[usize::from(post.label)], "{line}");
        }
    }
    files
}

/// The lines of a file in another order, none later than its time by more than `disorder`. Every line has a time.
pub(crate) fn shuffled(file: &str, disorder: i64, chance: &mut Chance) -> String {
    let time = |line: &str| {
        let read: Json = serde_json::from_str(line).unwrap();
        read["event_time"].as_i64().unwrap()
    };
    let mut lines: Vec<(i64, &str)> =
        file.lines().map(|line| (time(line) + (chance.uniform() * disorder as f64) as i64, line)).collect();
    lines.sort_by_key(|(at, _)| *at);
    lines.iter().fold(String::new(), |text, (_, line)| text + line + "\n")
}

/// Writes records to topics, each partition in order.
pub(crate) struct Publisher {
    producer: ThreadedProducer<rdkafka::producer::DefaultProducerContext>,
}

impl Publisher {
    pub(crate) fn new() -> Self {
        Self::compressed("none")
    }

    pub(crate) fn compressed(codec: &str) -> Self {
        Self::with(codec, "murmur2_random")
    }

    /// One whose client keeps its own default: `consistent_random`, which takes CRC-32.
    pub(crate) fn careless() -> Self {
        Self::with("none", "consistent_random")
    }

    fn with(codec: &str, partitioner: &str) -> Self {
        let mut client = broker().client();
        client.set("enable.idempotence", "true").set("partitioner", partitioner).set("linger.ms", "5");
        client.set("message.max.bytes", "20000000").set("compression.type", codec);
        Self { producer: client.create().unwrap() }
    }

    pub(crate) fn send(&self, inputs: &Inputs, post: &Post) {
        let topic = if post.label { &inputs.labels } else { &inputs.inferences };
        let mut record = BaseRecord::<str, [u8]>::to(topic).timestamp(post.millis);
        record.partition = post.partition;
        record.key = post.key.as_deref();
        record.payload = post.value.as_deref();
        if !post.headers.is_empty() {
            let add = |headers: OwnedHeaders, (key, value): &(&'static str, Vec<u8>)| {
                headers.insert(Header { key, value: Some(value) })
            };
            record.headers = Some(post.headers.iter().fold(OwnedHeaders::new(), add));
        }
        self.producer.send(record).map_err(|(error, _)| error).unwrap();
    }

    pub(crate) fn flush(&self) {
        self.producer.flush(std::time::Duration::from_mins(1)).unwrap();
    }
}
