//! How do the findings of a replay reach topics, each once, however often the replay is interrupted?
//!
//! They wait here until the replay has a checkpoint on the disk. Then one transaction makes them visible, together with a
//! marker that names the checkpoint. Whether a checkpoint that a killed process left behind was published is then read
//! from the marker, never guessed. The topics have a prefix of their own, `PREFIX-replay`; keys, headers and values are
//! those of a running service.

use std::sync::Arc;

use serde::{Deserialize, Serialize};

use crate::config::Config;
use crate::exchange::{send, send_letter};
use crate::finding::DeadLetter;
use crate::judge::Finding;
use crate::kafka::{Admin, Failure, Found, KafkaTrouble, Names, Reader, Record, TopicPartition, Transactions};

/// Findings that may wait; beyond it the replay should make a checkpoint.
const MANY: usize = 20_000;
/// The key of the marker.
const MARKER: &[u8] = b"replay";

/// The last checkpoint whose findings are visible.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Marker {
    /// Which replay: a text that no other one has.
    pub run: String,
    /// The number of its checkpoint.
    pub sequence: u64,
}

enum Waiting {
    Finding(Box<Finding>),
    Letter(DeadLetter, Option<Vec<u8>>),
}

/// Publishes the findings of one replay.
pub struct Emitter {
    config: Arc<Config>,
    transactions: Transactions,
    names: Names,
    run: String,
    waiting: Vec<Waiting>,
}

impl Emitter {
    /// The prefix of the topics that a replay writes.
    pub fn prefix(config: &Config) -> String {
        format!("{}-replay", config.topics.prefix)
    }

    /// Checks that the topics are there, and ends what a killed replay left open. `run` is a text that no other replay
    /// has, and the same again when it is resumed.
    ///
    /// # Errors
    /// When no broker answers, topics are missing, or rights are.
    pub fn start(config: Arc<Config>, run: String) -> Result<Self, KafkaTrouble> {
        let mut other = (*config).clone();
        other.topics.prefix = Self::prefix(&config);
        let names = Names::of(&other);
        let admin = Admin::connect(&config)?;
        let mut missing = Vec::new();
        for name in [
            &names.alerts,
            &names.alert_state,
            &names.incidents,
            &names.summaries,
            &names.label_requests,
            &names.dead_letters,
            &names.windows,
        ] {
            if admin.find(name)? == Found::Missing {
                missing.push(name.as_str());
            }
        }
        if !missing.is_empty() {
            let prefix = &other.topics.prefix;
            return Err(KafkaTrouble::Wrong {
                problems: vec![format!(
                    "missing topics for --emit: {}\n  Create them with the same configuration under the prefix of the replay: \
                     TRUTHLINE_TOPICS__PREFIX={prefix} truthline topics create",
                    missing.join(", ")
                )],
            });
        }
        let id = format!("{}-replay-{}", config.kafka.group, config.topics.prefix);
        let transactions = Transactions::start(config.clone(), id)?;
        Ok(Self { config, transactions, names, run, waiting: Vec::new() })
    }

    /// The last checkpoint of any replay whose findings are visible.
    ///
    /// # Errors
    /// When the marker cannot be read.
    pub fn marker(&self) -> Result<Option<Marker>, KafkaTrouble> {
        let place = TopicPartition { topic: self.names.windows.clone(), partition: 0 };
        let mut marker = None;
        Reader::new(self.config.clone())?.read(&place, None, |stored| {
            if stored.key == Some(MARKER) {
                marker = stored.value.and_then(|value| serde_json::from_slice(value).ok());
            }
            true
        })?;
        Ok(marker)
    }

    /// Which replay this is.
    pub fn run(&self) -> &str {
        &self.run
    }

    /// Keeps a finding until the next checkpoint.
    pub fn finding(&mut self, finding: &Finding) {
        self.waiting.push(Waiting::Finding(Box::new(finding.clone())));
    }

    /// Keeps a dead letter until the next checkpoint.
    pub fn letter(&mut self, letter: &DeadLetter, key: Option<&[u8]>) {
        self.waiting.push(Waiting::Letter(letter.clone(), key.map(<[u8]>::to_vec)));
    }

    /// Whether so much waits that it is time for a checkpoint.
    pub const fn is_full(&self) -> bool {
        self.waiting.len() >= MANY
    }

    /// Makes everything that waits visible, as of a checkpoint that is on the disk.
    ///
    /// # Errors
    /// When it is not committed, or that is not known: the replay can be resumed, and finds out.
    pub fn publish(&mut self, sequence: u64) -> Result<(), KafkaTrouble> {
        self.send(sequence).map_err(|failure| match failure {
            Failure::Trouble(trouble) => trouble,
            Failure::Fenced => KafkaTrouble::Failed {
                doing: "publishing findings".to_owned(),
                reason: "another replay publishes under the same prefix; let one end before the next".to_owned(),
            },
            Failure::Doubt(why) => KafkaTrouble::Failed {
                doing: "publishing findings".to_owned(),
                reason: format!("{why}; run the command again with --resume"),
            },
        })
    }

    fn send(&mut self, sequence: u64) -> Result<(), Failure> {
        let Self { config, transactions, names, run, waiting } = self;
        for (place, one) in waiting.drain(..).enumerate() {
            match one {
                Waiting::Finding(finding) => send(transactions, names, &config.topics.prefix, &finding)?,
                Waiting::Letter(letter, key) => {
                    send_letter(transactions, &names.dead_letters, &config.kafka.group, &letter, key.as_deref())?;
                }
            }
            if place % 1_024 == 0 {
                transactions.serve();
            }
        }
        let marker = serde_json::to_vec(&Marker { run: run.clone(), sequence }).unwrap_or_default();
        transactions.send(&Record {
            topic: &names.windows,
            partition: Some(0),
            key: Some(MARKER),
            value: Some(&marker),
            ..Record::default()
        })?;
        transactions.commit_records().map(|_| ())
    }
}
