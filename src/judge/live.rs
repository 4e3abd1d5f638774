//! What is wrong with the streams right now, by the wall clock?
//!
//! That nothing comes, that a piece of the input is missing, and that records lie where they do not belong are matters of
//! the running process: they have no window, no test and no share of the budget, and a replay does not say them. Their
//! ids end with `-live`, `basis_final` is false, and `as_of` is the moment at which they were seen. Whoever drives the
//! process says what it sees, as often as it likes; what is given back is a change worth publishing. Nothing here reads a
//! clock.

use std::collections::BTreeMap;

use serde_json::Value as Json;

use crate::event::{EventTime, Span};
use crate::finding::{Alert, AlertState, Severity, Subject, WindowBounds, fingerprint};
use crate::indicator::Indicator;

/// A moment by the wall clock: microseconds since 1970.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct WallTime(pub i64);

/// One of both topics.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Topic {
    /// Predictions.
    Inferences,
    /// Labels.
    Labels,
}

impl Topic {
    /// Its name in subjects.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Inferences => "inferences",
            Self::Labels => "labels",
        }
    }
}

/// How producers choose a partition.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Partitioner {
    /// That of the Java client, and of others where `partitioner=murmur2_random` is set.
    Murmur2,
    /// The default of librdkafka and of the clients that stand on it.
    Crc32,
    /// None of these.
    Unknown,
}

impl Partitioner {
    const fn name(self) -> &'static str {
        match self {
            Self::Murmur2 => "murmur2",
            Self::Crc32 => "crc32",
            Self::Unknown => "unknown",
        }
    }
}

/// A delta that does not continue the chain of its task.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Gap {
    /// The name of the topic whose offsets do not meet: one side may have several.
    pub topic: String,
    /// Which partition.
    pub partition: i32,
    /// The offset at which the next delta had to begin.
    pub expected: i64,
    /// The offset at which it began.
    pub found: i64,
}

/// How the records of a topic lie.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Placement {
    /// As those of the other topic, as far as can be seen.
    Sound,
    /// By another partitioner than those of the other topic: a prediction and its label do not meet.
    Partitioner {
        /// What its keys follow.
        follows: Partitioner,
        /// What the keys of the other topic follow.
        other: Partitioner,
        /// Records that were looked at.
        records: u64,
        /// Those that lie elsewhere than the other topic's partitioner would have put them.
        misplaced: u64,
    },
    /// By a key that is not the request id.
    Key {
        /// Records that were looked at.
        records: u64,
        /// Those whose key is another text than their request id.
        misplaced: u64,
    },
}

/// How the id of a live alert ends.
const LIVE: &str = "-live";

/// The lives of the live alerts of a process. Bound: one entry for each topic and kind, and one gap for each partition.
#[derive(Clone, Debug, Default)]
pub struct Live {
    firing: BTreeMap<String, Alert>,
    /// By topic and partition: the offsets that were expected and found last.
    gaps: BTreeMap<(String, i32), (i64, i64)>,
}

/// What is said of a trouble.
struct Trouble {
    indicator: Indicator,
    source: Option<Topic>,
    severity: Severity,
    since: WallTime,
    value: f64,
    reference: f64,
    n: u64,
    strength: f64,
    evidence: Vec<(&'static str, Json)>,
    text: String,
}

impl Live {
    /// Nothing is wrong.
    pub fn new() -> Self {
        Self::default()
    }

    /// What fires now, sorted by fingerprint: for whoever repeats it.
    pub fn firing(&self) -> impl Iterator<Item = &Alert> {
        self.firing.values()
    }

    /// Takes over what another process has published, oldest first: what fires still can then be resolved here. Alerts that
    /// are not live are ignored.
    pub fn remember(&mut self, alert: Alert) {
        if !alert.id.ends_with(LIVE) {
            return;
        }
        if alert.indicator == Indicator::PipelineGap.name() {
            self.remember_gaps(&alert);
        }
        let known = self.firing.get(&alert.fingerprint);
        if alert.state == AlertState::Firing {
            self.firing.entry(alert.fingerprint.clone()).or_insert(alert);
        } else if known.is_some_and(|known| known.as_of <= alert.as_of) {
            self.firing.remove(&alert.fingerprint);
        }
    }

    /// `pipeline.no_data`: the last record of a topic came at `last`, or the process began to read then. It fires once
    /// nothing has come for `limit`, and is resolved by the next record.
    pub fn silence(&mut self, topic: Topic, last: WallTime, now: WallTime, limit: Span) -> Option<Alert> {
        let silent = Span::from_micros(now.0.saturating_sub(last.0));
        let trouble = |text: String| Trouble {
            indicator: Indicator::PipelineNoData,
            source: Some(topic),
            severity: Severity::Warning,
            since: last,
            value: seconds(silent),
            reference: seconds(limit),
            n: 0,
            strength: if limit > Span::ZERO { seconds(silent) / seconds(limit) } else { 1.0 },
            evidence: vec![("last", EventTime::from_micros_unchecked(last.0).rfc3339().into())],
            text,
        };
        let name = topic.name();
        if silent >= limit {
            let text = format!(
                "Nothing has come on the topic of {name} for {}; the limit is {limit}. Windows that wait for it stay open.",
                whole(silent)
            );
            return self.fire(trouble(text), now, false);
        }
        self.resolve(trouble(format!("Records come again on the topic of {name}.")), now)
    }

    /// Gaps that others have seen are part of what fires: they are in the statistics of the judges that go on here.
    fn remember_gaps(&mut self, alert: &Alert) {
        if alert.state != AlertState::Firing {
            self.gaps.clear();
            return;
        }
        for gap in alert.evidence.get("gaps").and_then(Json::as_array).into_iter().flatten() {
            let number = |name: &str| gap[name].as_i64();
            if let (Some(topic), Some(partition), Some(expected), Some(found)) =
                (gap["topic"].as_str(), number("partition"), number("expected"), number("found"))
                && let Ok(partition) = i32::try_from(partition)
            {
                self.gaps.insert((topic.to_owned(), partition), (expected, found));
            }
        }
    }

    /// `pipeline.gap`: a delta is missing from a task's chain. Each new gap is published; it is over when
    /// [`Live::mended`] says so.
    pub fn gap(&mut self, gap: Gap, now: WallTime) -> Option<Alert> {
        let Gap { topic, partition, expected, found } = gap;
        let text = format!(
            "Partition {partition} of the topic {topic} goes on at offset {found} where {expected} was expected: what lies \
             between is not in the statistics. Build them anew: delete the groups and the internal topics, and read again from `start`."
        );
        let known = self.gaps.insert((topic, partition), (expected, found)) == Some((expected, found));
        let trouble = self.gaps_now(found.saturating_sub(expected).unsigned_abs(), now, text);
        if known { None } else { self.fire(trouble, now, true) }
    }

    /// The judges have begun from nothing: no gap is in what they count from now on.
    pub fn mended(&mut self, now: WallTime) -> Option<Alert> {
        self.gaps.clear();
        let text = "The statistics are built anew, and nothing is missing from them.".to_owned();
        let trouble = self.gaps_now(0, now, text);
        self.resolve(trouble, now)
    }

    fn gaps_now(&self, missing: u64, now: WallTime, text: String) -> Trouble {
        let gaps = self.gaps.iter().map(|((topic, partition), (expected, found))| {
            serde_json::json!({ "topic": topic, "partition": partition, "expected": expected, "found": found })
        });
        Trouble {
            indicator: Indicator::PipelineGap,
            source: None,
            severity: Severity::Critical,
            since: now,
            value: missing as f64,
            reference: 0.0,
            n: missing,
            strength: self.gaps.len() as f64,
            evidence: vec![("gaps", gaps.collect::<Vec<Json>>().into())],
            text,
        }
    }

    /// `join.partitioning`: where the records of a topic lie.
    pub fn placement(&mut self, topic: Topic, placement: Placement, now: WallTime) -> Option<Alert> {
        let name = topic.name();
        let (records, misplaced, evidence, text) = match placement {
            Placement::Sound => {
                let text = format!("The records of the topic of {name} lie where they belong.");
                return self.resolve(partitioning(topic, 0, 0, Vec::new(), now, text), now);
            }
            Placement::Partitioner { follows, other, records, misplaced } => {
                let evidence = vec![("follows", follows.name().into()), ("other_topic_follows", other.name().into())];
                (records, misplaced, evidence, format!("{}{}", lies(topic, records, misplaced), mend(follows, other)))
            }
            Placement::Key { records, misplaced } => {
                let text = format!(
                    "{misplaced} of {records} records on the topic of {name} have a key that is not their request id, so a \
                     prediction and its label do not meet. Let producers send the request id as the key, or set \
                     `join.repartition: true`."
                );
                (records, misplaced, vec![("key", "not the request id".into())], text)
            }
        };
        self.fire(partitioning(topic, records, misplaced, evidence, now, text), now, false)
    }

    fn fire(&mut self, trouble: Trouble, now: WallTime, again: bool) -> Option<Alert> {
        let name = trouble.name();
        let before = self.firing.get(&name).map(|alert| alert.starts_at);
        if before.is_some() && !again {
            return None;
        }
        let starts_at = before.unwrap_or(trouble.since.0);
        let alert = trouble.alert(name.clone(), AlertState::Firing, starts_at, now);
        self.firing.insert(name, alert.clone());
        Some(alert)
    }

    fn resolve(&mut self, trouble: Trouble, now: WallTime) -> Option<Alert> {
        let name = trouble.name();
        let before = self.firing.remove(&name)?;
        let alert = trouble.alert(name, AlertState::Resolved, before.starts_at, now);
        Some(Alert { severity: before.severity, ..alert })
    }
}

fn partitioning(
    topic: Topic,
    records: u64,
    misplaced: u64,
    evidence: Vec<(&'static str, Json)>,
    now: WallTime,
    text: String,
) -> Trouble {
    let share = if records > 0 { misplaced as f64 / records as f64 } else { 0.0 };
    Trouble {
        indicator: Indicator::JoinPartitioning,
        source: Some(topic),
        severity: Severity::Critical,
        since: now,
        value: share,
        reference: 0.0,
        n: records,
        strength: share,
        evidence,
        text,
    }
}

fn lies(topic: Topic, records: u64, misplaced: u64) -> String {
    let (name, other) = match topic {
        Topic::Inferences => (Topic::Inferences.name(), Topic::Labels.name()),
        Topic::Labels => (Topic::Labels.name(), Topic::Inferences.name()),
    };
    format!(
        "{misplaced} of {records} records on the topic of {name} lie on another partition than the same id would on the topic \
         of {other}, so a prediction and its label do not meet. "
    )
}

/// The setting that brings both topics together.
fn mend(follows: Partitioner, other: Partitioner) -> String {
    let repartition = "or set `join.repartition: true`.";
    match (follows, other) {
        (Partitioner::Crc32, Partitioner::Murmur2) => format!(
            "Its producers use the default of librdkafka: set `partitioner=murmur2_random` there, {repartition}"
        ),
        (Partitioner::Murmur2, Partitioner::Crc32) => format!(
            "Producers of the other topic use the default of librdkafka: set `partitioner=murmur2_random` there, {repartition}"
        ),
        _ => format!("Let producers of both topics use the partitioner murmur2, {repartition}"),
    }
}

impl Trouble {
    fn subject(&self) -> Subject {
        Subject { source: self.source.map(|topic| topic.name().to_owned()), ..Subject::default() }
    }

    fn name(&self) -> String {
        fingerprint(self.indicator.name(), None, None, &self.subject())
    }

    fn alert(self, fingerprint: String, state: AlertState, starts_at: i64, now: WallTime) -> Alert {
        let word = if state == AlertState::Resolved { "resolved" } else { "firing" };
        let subject = self.subject();
        let mut evidence: BTreeMap<String, Json> =
            self.evidence.into_iter().map(|(name, value)| (name.to_owned(), value)).collect();
        evidence.insert("strength".to_owned(), self.strength.into());
        Alert {
            id: format!("{fingerprint}-{}-{word}{LIVE}", now.0),
            fingerprint,
            indicator: self.indicator.name().to_owned(),
            state,
            severity: self.severity,
            model: None,
            version: None,
            subject,
            window: WindowBounds { start: starts_at, end: now.0 },
            starts_at,
            ends_at: (state == AlertState::Resolved).then_some(now.0),
            as_of: now.0,
            basis: self.indicator.basis(),
            basis_final: false,
            value: self.value,
            reference: Some(self.reference),
            effect: Some(self.value - self.reference),
            floor: None,
            interval: None,
            n: self.n,
            effective_n: self.n as f64,
            p_value: None,
            log_e: None,
            smallest_detectable: None,
            evidence,
            text: self.text,
        }
    }
}

fn seconds(span: Span) -> f64 {
    span.micros() as f64 / 1e6
}

/// A length without more digits than a person wants: whole seconds, and from ten minutes on whole minutes.
fn whole(span: Span) -> Span {
    let unit = if span.micros() < 600_000_000 { 1_000_000 } else { 60_000_000 };
    Span::from_micros(span.micros() / unit * unit)
}
