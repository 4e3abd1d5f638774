//! What have models learnt so far, wherever they learnt it?
//!
//! Judges publish each lesson, and up to which window tasks may go on, on the baselines topic. A thread of its own follows
//! it; lanes and benches look here between two steps. A lane that needs a lesson that is not here waits for it.

use std::collections::BTreeSet;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use serde::{Deserialize, Serialize};

use super::control::{Listener, Told};
use super::error::RunError;
use super::setup::Setup;
use super::stop::Stop;
use crate::baseline::{self, References, Taught};
use crate::control::{Asked, Controls};
use crate::engine::Expected;
use crate::event::EventTime;
use crate::kafka::{Failure, Incoming, KafkaTrouble, Record, Tail, TopicPartition, Transactions};

/// How long the follower waits for the next record.
const NAP: Duration = Duration::from_millis(100);
/// How long it may take to read what is there at the start.
const START: Duration = Duration::from_mins(1);
/// Before the number of a judge in the key of its horizon.
const HORIZON: &str = "horizon/";
/// Before the name of a model in the key of a lesson.
const INPUTS: &str = "inputs/";
const TRUTH: &str = "truth/";

/// A lesson as it is published: a baseline document, and since when it holds.
#[derive(Serialize, Deserialize)]
struct Published {
    from: i64,
    baseline: String,
}

/// What is known of lessons. Shared by all threads of a process.
#[derive(Clone)]
pub(super) struct Lessons {
    known: Arc<Mutex<Heard>>,
    version: Arc<AtomicU64>,
}

/// What a lane has to know of references: those that it counts by, up to which windows, and what may still change.
#[derive(Clone)]
pub(super) struct Heard {
    pub(super) references: References,
    pub(super) horizons: Vec<Option<EventTime>>,
    /// Changes of baselines that are not decided.
    pub(super) expected: Vec<Expected>,
    /// The offsets of those that hold.
    followed: BTreeSet<i64>,
}

impl Lessons {
    /// Nothing but the baselines of files is known.
    pub(super) fn new(setup: &Setup) -> Self {
        let (references, horizons) = (setup.references.clone(), vec![None; setup.judges as usize]);
        let known = Heard { references, horizons, expected: Vec::new(), followed: BTreeSet::new() };
        Self { known: Arc::new(Mutex::new(known)), version: Arc::new(AtomicU64::new(1)) }
    }

    fn known(&self) -> std::sync::MutexGuard<'_, Heard> {
        self.known.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// What is known, if that is more than what was known at `seen`.
    pub(super) fn since(&self, seen: &mut u64) -> Option<Heard> {
        let version = self.version.load(Ordering::Acquire);
        if version == *seen {
            return None;
        }
        *seen = version;
        Some(self.known().clone())
    }

    /// Follows the changes of baselines that were decided, and expects the others.
    pub(super) fn follow(&self, controls: &Controls) {
        let mut known = self.known();
        let (mut expected, followed) = (Vec::new(), known.followed.len());
        for asked in controls.baselines() {
            match asked.holds {
                None => {
                    let Asked { offset: request, model, from, .. } = asked;
                    expected.push(Expected { request, model: model.to_owned(), from });
                }
                // A judge that says that it holds has read it.
                Some(true) if known.followed.insert(asked.offset) => {
                    if let Ok(profiles) = baseline::read(asked.baseline) {
                        let profiles: Vec<Arc<_>> = profiles.into_iter().map(Arc::new).collect();
                        known.references.accept(asked.model, asked.from, &profiles);
                        tracing::info!(model = asked.model, from = asked.from.rfc3339(), "a baseline was accepted");
                    }
                }
                Some(_) => {}
            }
        }
        let changed = expected != known.expected || followed != known.followed.len();
        known.expected = expected;
        drop(known);
        if changed {
            self.version.fetch_add(1, Ordering::Release);
        }
    }

    /// The references that are known.
    pub(super) fn references(&self) -> References {
        self.known().references.clone()
    }

    /// Takes one record of the topic.
    fn take(&self, key: &str, value: &[u8]) -> Result<(), String> {
        if let Some(judge) = key.strip_prefix(HORIZON) {
            let judge: usize = judge.parse().map_err(|_| format!("'{judge}' is no judge"))?;
            let micros = <[u8; 8]>::try_from(value).map_err(|_| "a horizon has eight bytes".to_owned())?;
            let mut known = self.known();
            if let Some(horizon) = known.horizons.get_mut(judge) {
                *horizon = (*horizon).max(Some(EventTime::from_micros_unchecked(i64::from_le_bytes(micros))));
            }
        } else if let Some((model, with_truth)) =
            key.strip_prefix(INPUTS).map(|model| (model, false)).or(key.strip_prefix(TRUTH).map(|model| (model, true)))
        {
            let published: Published = serde_json::from_slice(value).map_err(|error| error.to_string())?;
            let profiles = baseline::read(&published.baseline).map_err(|error| error.to_string())?;
            let profile = profiles.into_iter().next().ok_or("a lesson has one profile")?;
            let from = EventTime::from_micros_unchecked(published.from);
            tracing::info!(model, with_truth, from = from.rfc3339(), "a baseline was learnt");
            self.known().references.take(Taught { model: model.to_owned(), from, profile, with_truth });
        }
        self.version.fetch_add(1, Ordering::Release);
        Ok(())
    }
}

/// A follower that has read what was there when it started.
pub(super) struct Follower {
    tail: Tail,
    lessons: Lessons,
    topic: String,
    /// The control topic is followed by the same thread.
    control: Listener,
}

impl Follower {
    /// Reads what is there.
    pub(super) fn start(setup: &Setup, lessons: Lessons, told: Told) -> Result<Self, RunError> {
        let topic = setup.names.baselines.clone();
        let tail = Tail::new(setup.config.clone(), &TopicPartition { topic: topic.clone(), partition: 0 })?;
        let follower = Self { tail, lessons, topic, control: Listener::start(setup, told)? };
        let begun = Instant::now();
        while !follower.step()? {
            if begun.elapsed() > START {
                let doing = format!("reading {}", follower.topic);
                let reason = format!("its end was not reached within {} s", START.as_secs());
                return Err(KafkaTrouble::Failed { doing, reason }.into());
            }
        }
        Ok(follower)
    }

    /// Follows until it is asked to stop.
    pub(super) fn work(self, stop: &Stop) -> Result<(), RunError> {
        while !stop.is_wanted() {
            self.step()?;
            self.control.hear()?;
        }
        Ok(())
    }

    /// Whether the end was met.
    fn step(&self) -> Result<bool, RunError> {
        match self.tail.next(NAP)? {
            None => Ok(false),
            Some(Incoming::End(_)) => Ok(true),
            Some(Incoming::Record(message)) => {
                let key = message.key().and_then(|key| std::str::from_utf8(key).ok());
                if let (Some(key), Some(value)) = (key, message.value()) {
                    self.lessons
                        .take(key, value)
                        .map_err(|why| RunError::Torn(format!("{} offset {}: {why}", self.topic, message.offset())))?;
                }
                Ok(false)
            }
        }
    }
}

/// Publishes a lesson in the open transaction.
pub(super) fn publish(transactions: &mut Transactions, setup: &Setup, lesson: &Taught) -> Result<(), Failure> {
    let prefix = if lesson.with_truth { TRUTH } else { INPUTS };
    let key = format!("{prefix}{}", lesson.model);
    let baseline = baseline::write(std::slice::from_ref(&lesson.profile));
    let value = serde_json::to_vec(&Published { from: lesson.from.micros(), baseline }).unwrap_or_default();
    send(transactions, setup, &key, &value)
}

/// Publishes up to which window the models of a judge may be counted.
pub(super) fn publish_horizon(
    transactions: &mut Transactions,
    setup: &Setup,
    judge: i32,
    horizon: EventTime,
) -> Result<(), Failure> {
    send(transactions, setup, &format!("{HORIZON}{judge}"), &horizon.micros().to_le_bytes())
}

fn send(transactions: &mut Transactions, setup: &Setup, key: &str, value: &[u8]) -> Result<(), Failure> {
    transactions.send(&Record {
        topic: &setup.names.baselines,
        partition: Some(0),
        key: Some(key.as_bytes()),
        value: Some(value),
        ..Record::default()
    })
}
