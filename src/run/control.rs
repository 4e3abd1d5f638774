//! What have people asked for so far, and do all processes of a prefix mean the same?
//!
//! The first process of a prefix writes down what its configuration means, and every later one must mean that, or what
//! was set since. The control topic is read whole at the start and followed afterwards; judges look here when they commit,
//! and say there from which due time on they obey.

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use super::error::RunError;
use super::lessons::Lessons;
use super::setup::Setup;
use crate::baseline::{self, References};
use crate::config::Config;
use crate::control::{Change, Controls, Meaning, Record as Said, changes};
use crate::event::{EventTime, value_hash};
use crate::kafka::{
    Failure, Incoming, KafkaTrouble, Names, Publisher, Reader, Record, Tail, TopicPartition, Transactions,
};

/// How long the first meaning of a prefix may take to be seen by whoever wrote it.
const SEEN: Duration = Duration::from_mins(1);
/// Between two looks for it.
const LOOK: Duration = Duration::from_millis(100);
/// Before the model and version of a baseline in a meaning.
const BASELINE: &str = "the baseline of model ";

fn place(names: &Names) -> TopicPartition {
    TopicPartition { topic: names.control.clone(), partition: 0 }
}

/// Everything that the control topic says now.
///
/// # Errors
/// If the broker does not answer.
pub fn read_controls(reader: &Reader, names: &Names) -> Result<Controls, KafkaTrouble> {
    let mut controls = Controls::default();
    reader.read(&place(names), None, |stored| {
        if let Err(why) = controls.take(stored.offset, stored.value) {
            tracing::warn!(offset = stored.offset, "a record of {} cannot be used: {why}", names.control);
        }
        true
    })?;
    Ok(controls)
}

/// What a configuration and its baselines mean. A baseline is known by its content, not by the name of its file.
pub fn meaning_of(config: &Config, references: &References) -> Meaning {
    let mut meaning = Meaning::of(config);
    meaning.settings.retain(|key, _| key != "defaults.baseline" && !key.ends_with(".baseline"));
    for profile in references.all() {
        let content = value_hash(&baseline::write(std::slice::from_ref(profile)));
        let key = format!("{BASELINE}'{}' version '{}'", profile.model, profile.version);
        meaning.settings.insert(key, format!("{content:016x}"));
    }
    meaning
}

/// Holds a configuration to what the results under its prefix stand for, and writes that down if nobody has. Gives what
/// the control topic says.
///
/// # Errors
/// If the configuration means something else, or the broker does not answer.
pub fn agree(config: &Arc<Config>, references: &References) -> Result<Controls, RunError> {
    let names = Names::of(config);
    let reader = Reader::new(config.clone())?;
    let own = meaning_of(config, references);
    let mut controls = read_controls(&reader, &names)?;
    if controls.meanings().is_empty() {
        let Meaning { digest, settings, terms } = own.clone();
        let record = Said::Meaning { digest, settings, terms };
        let publisher = Publisher::start(config)?;
        publisher.send(&names.control, record.key().as_bytes(), Some(&record.write()))?;
        publisher.finish()?;
        let begun = Instant::now();
        while controls.meanings().is_empty() {
            if begun.elapsed() > SEEN {
                let doing = format!("reading {}", names.control);
                let reason = format!("what was written is not seen after {} s", SEEN.as_secs());
                return Err(KafkaTrouble::Failed { doing, reason }.into());
            }
            std::thread::sleep(LOOK);
            controls = read_controls(&reader, &names)?;
        }
    }
    let known = controls.meanings();
    let Some(newest) = known.last() else { return Ok(controls) };
    if newest.settings == own.settings {
        return Ok(controls);
    }
    // Judges obey the topic, so that a process which has not got the new file yet does no harm.
    if known.len() > 1 && known[known.len() - 2].settings == own.settings {
        let differ = list(&changes(&own.settings, &newest.settings));
        tracing::warn!(
            "`truthline control set` has changed the configuration; give this process the new file:\n{differ}"
        );
        return Ok(controls);
    }
    Err(RunError::Meaning(refusal(config, &changes(&newest.settings, &own.settings))))
}

fn list(changes: &[Change]) -> String {
    changes.iter().map(|change| format!("  {change}")).collect::<Vec<_>>().join("\n")
}

/// Why a configuration is refused, and the ways out.
fn refusal(config: &Config, changes: &[Change]) -> String {
    let prefix = &config.topics.prefix;
    let is_of_baselines = |change: &Change| change.key.starts_with(BASELINE);
    let way = if changes.iter().any(is_of_baselines) {
        "a baseline is changed under a prefix that is in use by `truthline baseline accept`, which names the first window; the \
         files of the configuration stay as they are"
            .to_owned()
    } else if changes.iter().all(Change::is_of_terms) {
        "to change it from the next look on: truthline control set --config FILE, with this file; then start again"
            .to_owned()
    } else {
        no_way(prefix)
    };
    format!("the results under the prefix '{prefix}' stand for another configuration:\n{}\n{way}", list(changes))
}

/// What is to be said of changes that no running prefix can take.
pub fn no_way(prefix: &str) -> String {
    let kept = crate::config::Terms::KEYS.map(|key| format!("`{key}`")).join(" and ");
    format!(
        "only {kept} can change under a prefix that is in use, because everything else decides what is counted; go back to \
         the former settings, or choose another `topics.prefix` than '{prefix}' and another `kafka.group`, and read again \
         from `start`"
    )
}

/// What people have asked for. Shared by all threads of a process.
#[derive(Clone)]
pub(super) struct Told {
    controls: Arc<Mutex<Arc<Controls>>>,
    version: Arc<AtomicU64>,
    names: Arc<Names>,
    /// Whom baselines concern.
    lessons: Lessons,
}

impl Told {
    pub(super) fn new(setup: &Setup, lessons: Lessons) -> Self {
        lessons.follow(&setup.controls);
        Self {
            lessons,
            controls: Arc::new(Mutex::new(Arc::new(setup.controls.clone()))),
            version: Arc::new(AtomicU64::new(1)),
            names: Arc::new(setup.names.clone()),
        }
    }

    /// What is known now.
    pub(super) fn now(&self) -> Arc<Controls> {
        self.controls.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// What is known, if that is more than what was known at `seen`.
    pub(super) fn since(&self, seen: &mut u64) -> Option<Arc<Controls>> {
        let version = self.version.load(Ordering::Acquire);
        if version == *seen {
            return None;
        }
        *seen = version;
        Some(self.now())
    }

    fn take(&self, offset: i64, value: Option<&[u8]>) {
        let mut controls = self.controls.lock().unwrap_or_else(PoisonError::into_inner);
        if let Err(why) = Arc::make_mut(&mut controls).take(offset, value) {
            tracing::warn!(offset, "a record of {} cannot be used: {why}", self.names.control);
        }
        let controls = controls.clone();
        self.lessons.follow(&controls);
        self.version.fetch_add(1, Ordering::Release);
    }

    /// Reads on to the end of what is there. A judge that comes to us may have said that it obeys what we have not met.
    pub(super) fn catch_up(&self, reader: &Reader) -> Result<Arc<Controls>, KafkaTrouble> {
        let next = self.now().next();
        reader.read(&place(&self.names), (next > 0).then_some(next), |stored| {
            self.take(stored.offset, stored.value);
            true
        })?;
        Ok(self.now())
    }
}

/// Who follows the control topic.
pub(super) struct Listener {
    tail: Tail,
    told: Told,
}

impl Listener {
    pub(super) fn start(setup: &Setup, told: Told) -> Result<Self, RunError> {
        Ok(Self { tail: Tail::new(setup.config.clone(), &place(&setup.names))?, told })
    }

    /// Takes what has come, without waiting for more.
    pub(super) fn hear(&self) -> Result<(), RunError> {
        while let Some(Incoming::Record(message)) = self.tail.next(Duration::ZERO)? {
            self.told.take(message.offset(), message.value());
        }
        Ok(())
    }
}

/// Says in the open transaction from which due time on a judge obeys a request.
pub(super) fn publish(
    transactions: &mut Transactions,
    setup: &Setup,
    judge: i32,
    (offset, from): (i64, Option<EventTime>),
) -> Result<(), Failure> {
    let record = Said::Applied { offset, judge: judge as u32, judges: setup.judges, event_time: from };
    let (key, value) = (record.key(), record.write());
    transactions.send(&Record {
        topic: &setup.names.control,
        partition: Some(0),
        key: Some(key.as_bytes()),
        value: Some(&value),
        ..Record::default()
    })
}
