//! Who removes what the changelog no longer needs?
//!
//! Lanes say up to where; a thread of its own asks the broker now and then, so that no lane waits for it. If the broker
//! says no, more is kept than needed, and the log says so.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use super::error::RunError;
use super::setup::Setup;
use super::stop::Stop;
use crate::kafka::{TopicPartition, Trimmer};

/// How often the broker is asked.
const ROUND: Duration = Duration::from_secs(30);
/// How often the janitor looks whether it is time to stop.
const LOOK: Duration = Duration::from_millis(200);

/// The first offset of each task's changelog that still matters, where it has moved. Bound: one entry a task.
#[derive(Clone, Debug, Default)]
pub(super) struct Rubbish {
    before: Arc<Mutex<BTreeMap<u32, i64>>>,
}

impl Rubbish {
    /// What lies before this offset may go.
    pub(super) fn put(&self, task: u32, before: i64) {
        self.before.lock().unwrap_or_else(PoisonError::into_inner).insert(task, before);
    }

    fn take(&self) -> BTreeMap<u32, i64> {
        std::mem::take(&mut self.before.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

/// Works until it is asked to stop.
pub(super) fn work(setup: &Setup, rubbish: &Rubbish, stop: &Stop) -> Result<(), RunError> {
    let trimmer = Trimmer::new(setup.config.clone())?;
    let mut last = Instant::now();
    while !stop.is_wanted() {
        std::thread::sleep(LOOK);
        if last.elapsed() < ROUND {
            continue;
        }
        last = Instant::now();
        let place =
            |(task, before)| (TopicPartition { topic: setup.names.rows.clone(), partition: task as i32 }, before);
        let before: Vec<(TopicPartition, i64)> = rubbish.take().into_iter().map(place).collect();
        if before.is_empty() {
            continue;
        }
        if let Err(trouble) = trimmer.trim(&before) {
            tracing::warn!("the changelog keeps more than it needs: {trouble}");
        }
    }
    Ok(())
}
