//! How does the process run: brokers, commits, memory, address?
//!
//! None of these can change a result. The releases that read files only accept them, so that one file serves both.

use std::collections::BTreeMap;
use std::path::PathBuf;

use serde_json::Value as Json;

use super::reader::Node;
use crate::event::{EventTime, Span};

/// Properties of the client library that truthline sets itself, because its promises depend on them.
const OWNED_PROPERTIES: [&str; 16] = [
    "acks",
    "allow.auto.create.topics",
    "auto.offset.reset",
    "bootstrap.servers",
    "enable.auto.commit",
    "enable.auto.offset.store",
    "enable.idempotence",
    "enable.partition.eof",
    "group.id",
    "group.instance.id",
    "group.remote.assignor",
    "isolation.level",
    "metadata.broker.list",
    "partition.assignment.strategy",
    "partitioner",
    "transactional.id",
];

/// The most lanes of one process: threads, each with a consumer and a producer of its own.
const MOST_LANES: u32 = 256;
/// How long a silent partition is waited for, where nothing is said.
pub(super) const IDLE: Span = Span::from_micros(60_000_000);
/// How long a topic may be silent before that is worth an alert, where nothing is said.
pub(super) const NO_DATA: Span = Span::from_micros(3_600_000_000);
/// The most judges: a partition each, and more would only cost.
const MOST_JUDGES: u32 = 1024;

/// The brokers.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Kafka {
    /// Host and port of one or more brokers, separated by commas.
    pub brokers: String,
    /// The consumer group.
    pub group: String,
    /// Further properties of the client library.
    pub properties: BTreeMap<String, String>,
}

impl Default for Kafka {
    fn default() -> Self {
        Self { brokers: "localhost:9092".into(), group: "truthline".into(), properties: BTreeMap::new() }
    }
}

/// Where a new consumer group begins.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Start {
    /// At the oldest record.
    Earliest,
    /// At what comes next.
    Latest,
    /// At this time.
    At(EventTime),
}

/// How often and how safely progress is stored.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Commit {
    /// Time between two commits.
    pub interval: Span,
    /// The stricter form of transactions.
    pub strict: bool,
}

impl Default for Commit {
    fn default() -> Self {
        Self { interval: Span::from_micros(1_000_000), strict: false }
    }
}

/// Where a restarted task finds its pending predictions.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Restore {
    /// On the changelog topic.
    Changelog,
}

/// Where pending predictions live.
#[derive(Clone, Debug, PartialEq)]
pub struct State {
    /// A folder for snapshots; `None` for none.
    pub dir: Option<PathBuf>,
    /// Bytes of memory.
    pub memory: u64,
    /// Bytes of disk.
    pub disk: u64,
    /// Where a restart finds them.
    pub restore: Restore,
    /// Whether another process keeps a warm copy.
    pub standby: bool,
    /// Share of requests that are watched.
    pub sampling: f64,
}

impl Default for State {
    fn default() -> Self {
        Self { dir: None, memory: 1 << 30, disk: 10 << 30, restore: Restore::Changelog, standby: false, sampling: 1.0 }
    }
}

/// The join's own settings.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Join {
    /// Whether both topics are first written anew by request id.
    pub repartition: bool,
}

/// The page and the metrics.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Http {
    /// Host and port.
    pub listen: String,
}

impl Default for Http {
    fn default() -> Self {
        Self { listen: "127.0.0.1:9464".into() }
    }
}

pub(super) fn kafka(node: &Node<'_>) -> Kafka {
    let default = Kafka::default();
    let mut properties = BTreeMap::new();
    for (name, property) in node.child("properties").entries() {
        if OWNED_PROPERTIES.contains(&name) {
            property.refuse("truthline sets this property itself, its promises depend on it");
        }
        let text = match property.raw() {
            Some(Json::Bool(flag)) => Some(flag.to_string()),
            _ => property.text(),
        };
        if let Some(text) = text {
            properties.insert(name.to_owned(), text);
        }
    }
    Kafka {
        brokers: node.child("brokers").text().unwrap_or(default.brokers),
        group: node.child("group").text().unwrap_or(default.group),
        properties,
    }
}

pub(super) fn start(node: &Node<'_>) -> Start {
    let text = match node.raw() {
        None => return Start::Earliest,
        Some(Json::String(text)) => text.clone(),
        Some(other) => other.to_string(),
    };
    match text.as_str() {
        "earliest" => Start::Earliest,
        "latest" => Start::Latest,
        other => EventTime::from_argument(other).map_or_else(
            |error| {
                node.refuse(format_args!("accepted: earliest, latest or a time; {error}"));
                Start::Earliest
            },
            Start::At,
        ),
    }
}

pub(super) fn commit(node: &Node<'_>) -> Commit {
    let default = Commit::default();
    let interval = node.child("interval");
    let span = interval.span().unwrap_or(default.interval);
    if span == Span::ZERO {
        interval.refuse("accepted: a duration above 0s");
    }
    let guarantee = node.child("guarantee");
    if guarantee.raw().is_some_and(|raw| raw.as_str() != Some("exactly_once")) {
        guarantee.refuse("results that repeat after a crash are not in this release; accepted: exactly_once");
    }
    Commit { interval: span, strict: node.child("strict").flag().unwrap_or(default.strict) }
}

pub(super) fn state(node: &Node<'_>) -> State {
    let default = State::default();
    let sampling = node.child("sampling");
    let share = sampling.number("a share above 0, at most 1", |share| share > 0.0 && share <= 1.0).unwrap_or(1.0);
    if share < 1.0 {
        sampling.refuse("sampling is not in this release; accepted: 1.0");
    }
    State {
        dir: node.child("dir").text().map(PathBuf::from),
        memory: bytes(&node.child("memory")).unwrap_or(default.memory),
        disk: bytes(&node.child("disk")).unwrap_or(default.disk),
        restore: node.child("restore").choice(&[("changelog", Restore::Changelog)]).unwrap_or(default.restore),
        standby: node.child("standby").flag().unwrap_or(default.standby),
        sampling: 1.0,
    }
}

pub(super) fn join(node: &Node<'_>) -> Join {
    Join { repartition: node.child("repartition").flag().unwrap_or_default() }
}

pub(super) fn http(node: &Node<'_>) -> Http {
    let listen = node.child("listen");
    let Some(text) = listen.text() else { return Http::default() };
    let port =
        text.rsplit_once(':').filter(|(host, _)| !host.is_empty()).and_then(|(_, port)| port.parse::<u16>().ok());
    if port.is_none() {
        listen.refuse("accepted: host and port, as in 127.0.0.1:9464");
    }
    Http { listen: text }
}

pub(super) fn outcomes(node: &Node<'_>) -> bool {
    let wanted = node.flag().unwrap_or_default();
    if wanted {
        node.refuse("the outcomes topic is not in this release; accepted: false");
    }
    wanted
}

pub(super) fn judges(node: &Node<'_>) -> u32 {
    count(node, MOST_JUDGES)
}

pub(super) fn lanes(node: &Node<'_>) -> u32 {
    count(node, MOST_LANES)
}

/// Silence that is worth an alert; never, if null stands there.
pub(super) fn no_data(root: &Node<'_>) -> Option<Span> {
    let node = root.child("no_data");
    let span = node.span();
    if span == Some(Span::ZERO) {
        node.refuse("accepted: a duration above 0s, or null for never");
    }
    if root.is_null_at("no_data") { None } else { Some(span.unwrap_or(NO_DATA)) }
}

/// A whole number from 1 on; 1 where nothing is said.
fn count(node: &Node<'_>, most: u32) -> u32 {
    let accepted = format!("a whole number from 1 to {most}");
    node.number(&accepted, |count| count.fract() == 0.0 && (1.0..=f64::from(most)).contains(&count))
        .map_or(1, |count| count as u32)
}

/// A size in bytes: `512MiB`, `1GiB`, `200MB`, or a plain number.
fn bytes(node: &Node<'_>) -> Option<u64> {
    let text = match node.raw()? {
        Json::String(text) => text.trim().to_owned(),
        other => other.to_string(),
    };
    let digits = text.len() - text.trim_start_matches(|c: char| c.is_ascii_digit()).len();
    let (number, unit) = text.split_at(digits);
    let factor: Option<u64> = match unit.trim() {
        "" | "B" => Some(1),
        "kB" | "KB" => Some(1_000),
        "MB" => Some(1_000_000),
        "GB" => Some(1_000_000_000),
        "KiB" | "Ki" => Some(1 << 10),
        "MiB" | "Mi" => Some(1 << 20),
        "GiB" | "Gi" => Some(1 << 30),
        "TiB" | "Ti" => Some(1 << 40),
        _ => None,
    };
    let size = number.parse::<u64>().ok().zip(factor).and_then(|(number, factor)| number.checked_mul(factor));
    if size.is_none_or(|size| size == 0) {
        node.refuse("accepted: a size above 0, as in 512MiB, 1GiB, 200MB");
        return None;
    }
    size
}
