//! Which partitions are read, and from where to where?
//!
//! All partitions of all topics, to the last committed record that is there now. Where only a part of the time is judged,
//! reading begins early enough that everything which matters for that part is seen: predictions that may still wait for
//! their labels when it begins, and labels that came before their predictions.

use std::collections::BTreeMap;
use std::sync::Arc;

use crate::config::{Config, ModelConfig};
use crate::engine::Range;
use crate::event::{EventTime, Span};
use crate::kafka::{Admin, Found, KafkaTrouble, Stretches, TopicPartition};

/// How far an event may lie after the record's own time: see the check in `exchange`.
const FUTURE: Span = Span::from_micros(5 * 60 * 1_000_000);

/// One partition, and which part of it is read.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Planned {
    /// The partition.
    pub place: TopicPartition,
    /// The first offset that is read.
    pub from: i64,
    /// The offset before which reading ends.
    pub to: i64,
}

/// What a replay of topics reads.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Plan {
    /// Partitions of the topic that has most; of each, unless records are written anew.
    pub partitions: u32,
    /// Partitions of predictions: topic by topic, in the order of their numbers.
    pub inferences: Vec<Planned>,
    /// Partitions of labels, likewise.
    pub labels: Vec<Planned>,
    /// The record time at which reading begins; `None` for the beginning of the topics.
    pub since: Option<EventTime>,
}

impl Plan {
    /// Asks the brokers where the topics begin and end.
    ///
    /// # Errors
    /// When no broker answers, a topic is missing, or topics have different numbers of partitions although their records
    /// are not written anew.
    pub fn of(
        config: &Arc<Config>,
        inferences: &[String],
        labels: &[String],
        range: Range,
    ) -> Result<Self, KafkaTrouble> {
        let counts = counts(config, inferences.iter().chain(labels))?;
        let partitions = counts.values().copied().max().unwrap_or(1);
        let stretches = Stretches::open(config.clone(), partitions)?;
        let since = range.from.map(|from| from - reach(config));
        let side = |topics: &[String]| -> Result<Vec<Planned>, KafkaTrouble> {
            let mut planned = Vec::new();
            for topic in topics {
                let places: Vec<TopicPartition> = (0..counts[topic.as_str()] as i32)
                    .map(|partition| TopicPartition { topic: topic.clone(), partition })
                    .collect();
                let starts = match since {
                    None => vec![None; places.len()],
                    Some(since) => stretches.at(&places, since)?,
                };
                for (place, start) in places.into_iter().zip(starts) {
                    let (first, to) = stretches.bounds(&place)?;
                    let from = match (since, start) {
                        (None, _) => first,
                        (Some(_), Some(start)) => start.clamp(first, to.max(first)),
                        // No record is that young.
                        (Some(_), None) => to,
                    };
                    planned.push(Planned { place, from, to });
                }
            }
            Ok(planned)
        };
        Ok(Self { partitions, inferences: side(inferences)?, labels: side(labels)?, since })
    }

    /// All partitions, predictions first.
    pub fn all(&self) -> impl Iterator<Item = &Planned> {
        self.inferences.iter().chain(&self.labels)
    }

    /// How many offsets are read.
    pub fn offsets(&self) -> u64 {
        self.all().map(|planned| planned.to.saturating_sub(planned.from).max(0) as u64).sum()
    }
}

/// How long before a moment reading has to begin. A prediction waits for its labels for at most the label window, and is
/// late by at most the disorder; a label waits for its prediction for at most the early horizon; and no record that is
/// accepted is more than five minutes older than its event.
fn reach(config: &Config) -> Span {
    let models = || config.named_models().map(|(_, model)| model).chain([config.defaults()]);
    let largest = |of: fn(&ModelConfig) -> Span| models().map(of).fold(Span::ZERO, Span::max);
    let inferences = config.topics.inferences.out_of_order;
    let disorder = config.topics.labels.as_ref().map_or(inferences, |topic| topic.out_of_order.max(inferences));
    largest(|model| model.label_window) + largest(|model| model.early) + disorder + FUTURE
}

/// The number of partitions of each topic, which is the same unless a record's request id says where it belongs.
fn counts<'a>(
    config: &Config,
    topics: impl Iterator<Item = &'a String>,
) -> Result<BTreeMap<&'a str, u32>, KafkaTrouble> {
    let admin = Admin::connect(config)?;
    let (mut counts, mut missing, mut hidden) = (Vec::new(), Vec::new(), Vec::new());
    for topic in topics {
        match admin.find(topic)? {
            Found::There { partitions } => counts.push((topic, partitions)),
            Found::Missing => missing.push(topic.clone()),
            Found::Hidden => hidden.push(topic.as_str()),
        }
    }
    if !hidden.is_empty() {
        return Err(crate::kafka::unreadable(config, &hidden));
    }
    if !missing.is_empty() {
        return Err(KafkaTrouble::Wrong {
            problems: missing
                .iter()
                .map(|topic| {
                    format!(
                        "there is no topic {topic}; --inferences and --labels take kafka:TOPIC with the name of a topic"
                    )
                })
                .collect(),
        });
    }
    if let Some(&(first, partitions)) = counts.first()
        && let Some((other, differs)) = counts.iter().find(|(_, other)| *other != partitions)
        && !config.join.repartition
    {
        return Err(KafkaTrouble::Wrong {
            problems: vec![format!(
                "topic {first} has {partitions} partitions and topic {other} has {differs}: a prediction and its label would \
                 not meet; a replay needs topics with equally many partitions and the same partitioner, or \
                 `join.repartition: true`"
            )],
        });
    }
    Ok(counts.into_iter().map(|(topic, partitions)| (topic.as_str(), partitions)).collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reading_begins_a_label_window_and_all_disorder_earlier() {
        let config = Config::from_yaml(
            "topics: {inferences: {name: i, out_of_order: 10m}, labels: {name: l, out_of_order: 1h}}\n\
             defaults: {label_window: 2d, early: 30m}\nmodels: {m: {label_window: 7d, early: 5m}}",
        );
        let minutes = 7 * 24 * 60 + 30 + 60 + 5;
        assert_eq!(reach(&config.unwrap()), Span::from_micros(minutes * 60 * 1_000_000));
    }
}
